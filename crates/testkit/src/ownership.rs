//! Who owns leases, and who is known to be gone, as a test says.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use engine::run::lease::Ownership;

/// Names of processes that are known to be gone. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub struct Obituaries(Arc<Mutex<BTreeSet<String>>>);

impl Obituaries {
    /// From now on `name` is known to be gone.
    pub fn add(&self, name: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.into());
    }

    fn has(&self, name: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }
}

/// One process of a test.
#[derive(Debug, Clone)]
pub struct NamedOwner {
    name: String,
    gone: Obituaries,
}

impl NamedOwner {
    /// A process with this name that believes `gone`.
    #[must_use]
    pub fn new(name: impl Into<String>, gone: Obituaries) -> Self {
        Self { name: name.into(), gone }
    }
}

impl Ownership for NamedOwner {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_dead(&self, name: &str) -> bool {
        self.gone.has(name)
    }
}
