//! Faults as data: which requests they meet, and what happens then.

use std::time::Duration;

/// One fault. A request in a batch meets faults by its own method and path.
#[derive(Debug, Clone)]
pub struct Fault {
    method: Option<String>,
    path_part: Option<String>,
    skip: u64,
    times: u64,
    every: u64,
    what: What,
    seen: u64,
}

/// What happens to a request. In a batch, a lost answer loses the whole batch's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Refused with a status, Graph's code for it and, if given, `Retry-After`. Not applied.
    Refusal {
        /// The status.
        status: u16,
        /// `error.code`.
        code: String,
        /// What `Retry-After` says: seconds or a date.
        retry_after: Option<String>,
    },
    /// Applied, and answered with this status nevertheless.
    StatusAfterApply(u16),
    /// The connection ends before anything is applied.
    ResetBefore,
    /// Applied; the connection ends without an answer.
    ResetAfterApply,
    /// Applied; no answer ever comes, and the connection stays open.
    LoseAnswerAfterApply,
    /// Applied and answered, later.
    Delay(Duration),
    /// Answered 200 with a body that is not what was asked for. Not applied.
    Garbage(String),
}

impl What {
    /// 429 with these seconds in `Retry-After`.
    #[must_use]
    pub fn throttled(seconds: u64) -> Self {
        Self::Refusal {
            status: 429,
            code: "TooManyRequests".into(),
            retry_after: Some(seconds.to_string()),
        }
    }

    /// 503 without `Retry-After`.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::refusal(503, "ServiceUnavailable")
    }

    /// 409, as groups answer while memberships are being brought about.
    #[must_use]
    pub fn conflict() -> Self {
        Self::refusal(409, "Conflict")
    }

    /// A status with a code.
    #[must_use]
    pub fn refusal(status: u16, code: &str) -> Self {
        Self::Refusal { status, code: code.into(), retry_after: None }
    }
}

impl Fault {
    /// A fault of every request with this method; nothing happens until [`Self::then`] says what.
    #[must_use]
    pub fn on(method: &str) -> Self {
        Self { method: Some(method.to_owned()), ..Self::on_any() }
    }

    /// A fault of every request.
    #[must_use]
    pub fn on_any() -> Self {
        Self {
            method: None,
            path_part: None,
            skip: 0,
            times: u64::MAX,
            every: 1,
            what: What::Delay(Duration::ZERO),
            seen: 0,
        }
    }

    /// Only where the path (with its query) holds this, whatever the case.
    #[must_use]
    pub fn at(mut self, path_part: &str) -> Self {
        self.path_part = Some(path_part.to_ascii_lowercase());
        self
    }

    /// Not the first `count` of them.
    #[must_use]
    pub fn skip(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// Only so many of them.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.times = count;
        self
    }

    /// Only each so-manieth of them, the first included.
    #[must_use]
    pub fn every(mut self, count: u64) -> Self {
        self.every = count.max(1);
        self
    }

    /// What happens then.
    #[must_use]
    pub fn then(mut self, what: What) -> Self {
        self.what = what;
        self
    }

    /// Counts a request, and says what happens to it.
    fn meets(&mut self, method: &str, path: &str) -> Option<What> {
        if self.method.as_deref().is_some_and(|it| it != method)
            || self.path_part.as_deref().is_some_and(|it| !path.contains(it))
        {
            return None;
        }
        let number = self.seen;
        self.seen += 1;
        let past = number.checked_sub(self.skip)?;
        let hit = past % self.every == 0 && past / self.every < self.times;
        hit.then(|| self.what.clone())
    }
}

/// What happens to a request: the first fault that it meets. All of them count it.
pub(super) fn first(faults: &mut [Fault], method: &str, path: &str) -> Option<What> {
    if faults.is_empty() {
        return None;
    }
    let path = path.to_ascii_lowercase();
    let mut met = None;
    for fault in faults {
        let what = fault.meets(method, &path);
        met = met.or(what);
    }
    met
}
