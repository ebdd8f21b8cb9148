//! What happened in a world, line by line; the same seed gives the same bytes.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use engine::port::Clock;
use testkit::manual_clock::ManualClock;

/// Collects lines and violations. Clones are the same.
#[derive(Debug, Clone)]
pub struct Trace {
    clock: ManualClock,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    text: String,
    violations: Vec<String>,
}

impl Trace {
    /// An empty trace that stamps its lines by `clock`.
    #[must_use]
    pub fn new(clock: ManualClock) -> Self {
        Self { clock, inner: Arc::default() }
    }

    /// Adds one line.
    pub fn line(&self, text: impl Display) {
        use std::fmt::Write;
        let now = self.clock.now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a String cannot fail.
        let _ = writeln!(inner.text, "{now} {text}");
    }

    /// A promise was broken: this one, in this way.
    pub fn violation(&self, promise: &str, text: impl Display) {
        let line = format!("BROKEN {promise}: {text}");
        self.line(&line);
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).violations.push(line);
    }

    /// Whether a promise was broken.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        !self.inner.lock().unwrap_or_else(PoisonError::into_inner).violations.is_empty()
    }

    /// All lines, and all violations.
    #[must_use]
    pub fn take(&self) -> (String, Vec<String>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { text, violations } = std::mem::take(&mut *inner);
        (text, violations)
    }
}
