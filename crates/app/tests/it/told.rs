//! What looking costs while nobody changes anything: `serve` beside the played Outlook and Google
//! Calendar, with the shortest `drift_interval`. Where the vendor tells of changes, time goes by
//! without a request, but for the first look of a process, and a hint is worth one look; where it
//! does not, each interval is.
//!
//! The least interval is a minute, so these take minutes; they mostly sleep, beside other tests.

use std::time::{Duration, Instant};

use crate::servers::asks::{InGoogle, InOutlook, Place};
use crate::servers::hints::{Serving, carry};

/// More than the intervals that are waited for at a time.
const PATIENCE: Duration = Duration::from_secs(150);
/// How long `serve` has for its first round, in which there is nothing to do.
const SETTLES: Duration = Duration::from_secs(3);

/// A vendor that can be asked what it was asked.
trait Vendor: Place {
    /// Requests about calendars since the log was cleared: `GET /…`.
    fn asked(&self) -> Vec<String>;
    fn clear_log(&self);
    /// How many promises to tell it gave.
    fn promises(&self) -> usize;
    /// Delivers what it has to tell; how much that was.
    fn tells(&self, serving: &Serving) -> usize;
    /// Whether a request asks what changed.
    fn is_look(asked: &str) -> bool;

    fn looks(&self) -> usize {
        self.asked().iter().filter(|it| Self::is_look(it)).count()
    }
}

impl Vendor for InOutlook {
    fn asked(&self) -> Vec<String> {
        let all = self.server.requests().into_iter().map(|it| (it.method, it.target));
        lines(all, &["/oauth2/", "/subscriptions"])
    }

    fn clear_log(&self) {
        self.server.clear_log();
    }

    fn promises(&self) -> usize {
        self.server.read(|state| state.subscriptions.len())
    }

    fn tells(&self, _: &Serving) -> usize {
        self.server.deliver_notifications()
    }

    fn is_look(asked: &str) -> bool {
        asked.starts_with("GET ") && asked.contains("/calendarView/delta")
    }
}

impl Vendor for InGoogle {
    fn asked(&self) -> Vec<String> {
        let all = self.server.requests().into_iter().map(|it| (it.method, it.target));
        lines(all, &["/token", "/events/watch", "/channels/stop"])
    }

    fn clear_log(&self) {
        self.server.clear_log();
    }

    fn promises(&self) -> usize {
        self.server.read(|state| state.channels.len())
    }

    fn tells(&self, serving: &Serving) -> usize {
        carry(self, serving)
    }

    fn is_look(asked: &str) -> bool {
        asked.starts_with("GET ") && asked.contains("/events?") && asked.contains("syncToken=")
    }
}

/// Requests in a line each, but for signing in and subscribing.
fn lines(all: impl Iterator<Item = (String, String)>, but: &[&str]) -> Vec<String> {
    let is_other = |target: &str| {
        let path = target.split('?').next().unwrap_or_default();
        but.iter().any(|it| path.contains(it))
    };
    let about = all.filter(|(_, target)| !is_other(target));
    about.map(|(method, target)| format!("{method} {target}")).collect()
}

#[expect(clippy::disallowed_methods, reason = "how long a test has waited")]
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The same roster at two vendors alike, one of which tells of changes.
fn who_is_told_does_not_look<T: Vendor>(new: impl Fn() -> T) {
    let (telling, silent) = (new(), new());
    let every_minute = "drift_interval = \"1m\"";
    let told = telling.mirrored(every_minute);
    let untold = silent.mirrored(&format!("{every_minute}\nhints = false"));
    let serving = Serving::of(&told);
    until("it is subscribed to", || telling.promises() == 1);
    // It starts later: when its time has come, so has the other's.
    let _beside = Serving::of(&untold);
    std::thread::sleep(SETTLES);
    assert_eq!(silent.promises(), 0);
    telling.clear_log();
    silent.clear_log();

    // What was told of before it ran, nobody heard: the first time it looks all the same.
    until("an interval has passed", || silent.looks() == 1);
    assert_eq!(telling.looks(), 1, "{:#?}", telling.asked());
    std::thread::sleep(SETTLES);
    telling.clear_log();
    silent.clear_log();
    until("a second interval has passed", || silent.looks() == 1);
    assert_eq!(telling.asked(), Vec::<String>::new(), "nothing was told, so nothing is asked");

    // Somebody copies a shift: theirs, and there is nothing to put right.
    telling.copies(&telling.shifts()[0].id);
    assert!(telling.tells(&serving) > 0);
    until("the hint is followed", || telling.looks() == 1);
    until("a third interval has passed", || silent.looks() == 2);
    assert_eq!(silent.asked().len(), 2, "a look is one request: {:#?}", silent.asked());
    assert_eq!(telling.looks(), 1, "a hint is worth one look: {:#?}", telling.asked());
    assert_eq!(telling.shifts().len(), 4, "a copy is theirs");
}

#[test]
fn a_mailbox_that_outlook_tells_of_is_not_asked_until_there_is_a_hint() {
    who_is_told_does_not_look(InOutlook::new);
}

#[test]
fn a_calendar_that_google_tells_of_is_not_asked_until_there_is_a_hint() {
    who_is_told_does_not_look(InGoogle::new);
}
