//! Faults as data: which requests they meet, and what happens then.

use std::time::Duration;

/// One fault.
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

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Refused with a status and, if given, `Retry-After`. Not applied.
    Status {
        /// The status.
        code: u16,
        /// What `Retry-After` says: seconds or a date.
        retry_after: Option<String>,
    },
    /// Applied, and answered with this status nevertheless.
    StatusAfterApply(u16),
    /// The connection ends before anything is applied.
    ResetBefore,
    /// Applied; the connection ends without an answer.
    ResetAfterApply,
    /// Applied; the answer ends in the middle of its body.
    TruncateBody,
    /// Applied; no answer ever comes, and the connection stays open.
    LoseAnswerAfterApply,
    /// Applied and answered, later.
    Delay(Duration),
    /// Answered 207 with a body that is not what was asked for. Not applied.
    Garbage(String),
}

impl What {
    /// 429 with these seconds in `Retry-After`.
    #[must_use]
    pub fn throttled(seconds: u64) -> Self {
        Self::Status { code: 429, retry_after: Some(seconds.to_string()) }
    }

    /// A bare status.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::Status { code, retry_after: None }
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

    /// Only where the path holds this.
    #[must_use]
    pub fn at(mut self, path_part: &str) -> Self {
        self.path_part = Some(path_part.to_owned());
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
    let mut met = None;
    for fault in faults {
        let what = fault.meets(method, path);
        met = met.or(what);
    }
    met
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_the_requests_it_was_told_to() {
        let what = || What::status(500);
        let mut faults = [Fault::on("PUT").at("/a").skip(1).every(2).times(2).then(what())];
        let mut meets = |method, path| first(&mut faults, method, path).is_some();
        assert!(!meets("GET", "/a"));
        assert!(!meets("PUT", "/b"));
        let found: Vec<_> = (0..7).map(|_| meets("PUT", "/a")).collect();
        assert_eq!(found, [false, true, false, true, false, false, false]);
    }
}
