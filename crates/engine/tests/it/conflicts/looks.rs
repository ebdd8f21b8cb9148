//! Looks that did not come to an end: they are made up for by the next cycle, also where hints are
//! relied upon.

use std::time::Duration;

use domain::policy::DeletionGuard;
use engine::plan::conflict::ConflictRules;
use engine::port::{Clock, FailureClass, LeaseDomain, LeaseGrant, Left, Store};
use testkit::builders::{meeting, mirror, shift_key};

use super::rig::{Rig, ada, only_reporting, work};

/// Ada's calendar, of whose changes its vendor tells us; looked at once, and a meeting came since.
async fn told_of_a_meeting() -> Rig {
    let told = Duration::from_secs(24 * 3600);
    let rules = ConflictRules { told_interval: told, ..only_reporting() };
    let rig = Rig::with(rules, [work("a", 30)], []).await;
    rig.cycle().await;
    rig.subscribe(&ada(), 48).await;
    rig.wait(2);
    rig.foreign.put(&ada(), meeting("m", 31, 32));
    rig
}

#[tokio::test]
async fn a_hint_whose_look_fails_is_followed_by_the_next_cycle() {
    for why in [FailureClass::CalendarMissing, FailureClass::Forbidden] {
        let rig = told_of_a_meeting().await;
        rig.foreign.unreadable(Some(why));
        let hinted = rig.cycle_looking_at(&ada()).await;
        assert_eq!((hinted.conflicts.looked, hinted.conflicts.unread), (0, 1), "{hinted:?}");
        let failed = rig.cycle().await;
        assert_eq!(failed.conflicts.unread, 1, "it is told of for as long as it lasts: {failed:?}");
        rig.foreign.unreadable(None);
        assert_eq!(rig.cycle().await.conflicts.looked, 1);
        assert_eq!(rig.left().await, [Left::Reported]);
        assert_eq!(rig.cycle().await.conflicts.looked, 0, "once is enough");
    }
}

#[tokio::test]
async fn what_stands_in_a_calendar_that_cannot_be_read_stays_told() {
    let rig = told_of_a_meeting().await;
    rig.cycle_looking_at(&ada()).await;
    rig.foreign.unreadable(Some(FailureClass::Forbidden));
    rig.cycle_looking_at(&ada()).await;
    assert_eq!(rig.left().await, [Left::Reported]);
}

#[tokio::test]
async fn a_hint_of_a_calendar_that_another_process_holds_is_followed_by_the_next_cycle() {
    let rig = told_of_a_meeting().await;
    let lease = LeaseDomain::calendar(&mirror(), &ada());
    let until = rig.clock.now() + jiff::SignedDuration::from_secs(60);
    let wanted = std::slice::from_ref(&lease);
    let grants = rig.store.acquire_leases(wanted, "you", rig.clock.now(), until).await.unwrap();
    let [LeaseGrant::Granted(epoch)] = grants[..] else { panic!("{grants:?}") };
    let hinted = rig.cycle_looking_at(&ada()).await;
    assert_eq!(hinted.conflicts.unread, 1, "{hinted:?}");
    assert_eq!(rig.left().await, []);
    rig.store.release_leases(&[(lease, epoch)]).await.unwrap();
    rig.cycle().await;
    assert_eq!(rig.left().await, [Left::Reported]);
}

#[tokio::test]
async fn a_calendar_that_a_cycle_wrote_to_and_did_not_come_to_look_at_is_looked_at_by_the_next() {
    let mut rig = told_of_a_meeting().await;
    rig.put([work("b", 46)]).await;
    // Killed after it wrote: shift `b` is there, and what stands in its way is not known.
    rig.foreign.hang_the_next_look();
    rig.cycle_and_die().await;
    let next = rig.cycle().await;
    assert_eq!((next.writes(), next.conflicts.looked), (0, 1), "{next:?}");
    assert_eq!(rig.left().await, [Left::Reported]);
}

#[tokio::test]
async fn where_the_first_cycle_dies_everybody_is_looked_at_by_the_next() {
    let rig = Rig::with(only_reporting(), [work("a", 30)], [meeting("m", 31, 32)]).await;
    rig.foreign.hang_the_next_look();
    rig.cycle_and_die().await;
    assert_eq!(rig.cycle().await.conflicts.looked, 1);
    assert_eq!(rig.left().await, [Left::Reported]);
}

#[tokio::test]
async fn a_hint_in_a_cycle_that_the_guard_stops_is_followed_by_the_next_one() {
    let mut rig = told_of_a_meeting().await;
    rig.spec.guard = DeletionGuard { deletions_free: 0, ..rig.spec.guard };
    rig.remove(&shift_key("a")).await;
    let hinted = rig.cycle_looking_at(&ada()).await;
    assert!(hinted.refused.is_some(), "{hinted:?}");
    rig.put([work("a", 30)]).await;
    rig.spec.guard = DeletionGuard::default();
    rig.cycle().await;
    assert_eq!(rig.left().await, [Left::Reported]);
}
