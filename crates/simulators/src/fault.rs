//! Faults as data: which requests they meet. What happens then is each player's own.

/// One fault; `W` is what happens.
#[derive(Debug, Clone)]
pub struct Fault<W> {
    method: Option<String>,
    path_part: Option<String>,
    skip: u64,
    times: u64,
    every: u64,
    what: Option<W>,
    seen: u64,
}

impl<W: Clone> Fault<W> {
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
            what: None,
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
    pub fn then(mut self, what: W) -> Self {
        self.what = Some(what);
        self
    }

    /// Counts a request, and says what happens to it.
    fn meets(&mut self, method: &str, path: &str) -> Option<W> {
        if self.method.as_deref().is_some_and(|it| it != method)
            || self.path_part.as_deref().is_some_and(|it| !path.contains(it))
        {
            return None;
        }
        let number = self.seen;
        self.seen += 1;
        let past = number.checked_sub(self.skip)?;
        let hit = past % self.every == 0 && past / self.every < self.times;
        if hit { self.what.clone() } else { None }
    }
}

/// What happens to a request: the first fault that it meets. All of them count it.
pub(crate) fn first<W: Clone>(faults: &mut [Fault<W>], method: &str, path: &str) -> Option<W> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_the_requests_it_was_told_to() {
        let mut faults = [Fault::on("PUT").at("/a").skip(1).every(2).times(2).then(500)];
        let mut meets = |method, path| first(&mut faults, method, path).is_some();
        assert!(!meets("GET", "/a"));
        assert!(!meets("PUT", "/b"));
        let found: Vec<_> = (0..7).map(|_| meets("PUT", "/a")).collect();
        assert_eq!(found, [false, true, false, true, false, false, false]);
    }
}
