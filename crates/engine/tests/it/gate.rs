//! Who passes first where one connection has no room for all.

use std::pin::{Pin, pin};
use std::sync::Arc;

use domain::CalendarKey;
use engine::port::{Capabilities, Failure, FailureClass, QuotaDeclaration, QuotaScope, Target};
use engine::run::gate::{Gate, Pass, Shut};
use engine::run::watch::Unwatched;
use futures_util::FutureExt;
use jiff::Timestamp;
use testkit::manual_clock::ManualClock;
use testkit::memory_target::{Habits, MemoryTarget};
use testkit::seeded_entropy::SeededEntropy;

/// A gate with room for so many of the connection, and of each calendar.
fn gate(of_connection: usize, of_calendar: usize) -> Gate {
    let quota =
        |scope, concurrency| QuotaDeclaration { scope, concurrency: Some(concurrency), rate: None };
    let capabilities = Capabilities {
        quotas: vec![
            quota(QuotaScope::Connection, of_connection),
            quota(QuotaScope::Calendar, of_calendar),
        ],
        ..MemoryTarget::new(Habits::default()).capabilities().clone()
    };
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    Gate::new(Arc::new(clock), Arc::new(SeededEntropy::new(1)), &capabilities)
}

async fn enter<'g>(gate: &'g Gate, calendar: &str) -> Result<Pass<'g>, Shut> {
    let calendar = CalendarKey::new(calendar).expect("a key");
    gate.enter(Some(&calendar), Timestamp::MAX, &Unwatched).await
}

fn passes<'g>(gate: &'g Gate, calendar: &str) -> Pass<'g> {
    enter(gate, calendar).now_or_never().expect("there is room").expect("open")
}

/// Whether it passes by now; asks as often as something wakes it.
fn now<'g>(it: &mut Pin<&mut impl Future<Output = Result<Pass<'g>, Shut>>>) -> Option<Pass<'g>> {
    it.as_mut().now_or_never().map(Result::unwrap)
}

#[test]
fn whoever_came_first_goes_before_those_who_come_back_at_once() {
    let gate = gate(2, 9);
    let (one, two) = (passes(&gate, "quick"), passes(&gate, "quick"));
    let (mut slow, mut later) = (pin!(enter(&gate, "slow")), pin!(enter(&gate, "later")));
    assert!(now(&mut slow).is_none() && now(&mut later).is_none());
    one.ended(None);
    let mut back = pin!(enter(&gate, "quick"));
    assert!(now(&mut back).is_none(), "two others came before");
    assert!(now(&mut later).is_none(), "one other came before");
    let slow = now(&mut slow).expect("its turn");
    assert!(now(&mut later).is_none(), "there is no room");
    two.ended(None);
    assert!(now(&mut back).is_none());
    let later = now(&mut later).expect("its turn");
    slow.ended(None);
    now(&mut back).expect("nobody else waits").ended(None);
    later.ended(None);
}

#[test]
fn whoever_goes_or_waits_for_something_else_keeps_nobody() {
    let gate = gate(2, 1);
    let (one, two) = (passes(&gate, "a"), passes(&gate, "b"));
    let (mut gone, mut more) = (Box::pin(enter(&gate, "c")), pin!(enter(&gate, "a")));
    let mut last = pin!(enter(&gate, "d"));
    assert!(now(&mut gone.as_mut()).is_none());
    assert!(now(&mut more).is_none() && now(&mut last).is_none());
    drop(gone);
    two.ended(None);
    assert!(now(&mut more).is_none(), "its calendar has one under way");
    let last = now(&mut last).expect("it has not to wait for the one that waits for `a`");
    one.ended(None);
    now(&mut more).expect("its calendar is free").ended(None);
    last.ended(None);
}

#[test]
fn what_we_were_too_late_for_says_nothing_of_the_vendor() {
    let gate = gate(1, 1);
    let fails =
        |class| Failure { class, operation: "write".into(), status: None, detail: "no".into() };
    let untouched = gate.status();
    for _ in 0..20 {
        passes(&gate, "a").ended(Some(&fails(FailureClass::TooLate)));
    }
    assert_eq!(gate.status(), untouched);
    for _ in 0..20 {
        if let Some(Ok(pass)) = enter(&gate, "a").now_or_never() {
            pass.ended(Some(&fails(FailureClass::Unavailable)));
        }
    }
    assert_ne!(gate.status(), untouched, "what a vendor does not answer opens the breaker");
}
