//! What people asked for in the product and were granted: the ledger says what the vendor is
//! about to do, and from when on it may be looked whether it did.

use domain::{Entity, Shift};
use engine::port::{Intent, IntentState, RemoteId, Verb};
use engine::run::cycle::CycleOptions;
use jiff::{SignedDuration, Timestamp};
use testkit::builders::{hour, shift};
use testkit::memory_target::Habits;

use super::rig::{PURGE, READ_BACK, Rig, ids, item_of, kept, team, work, writes};

/// How long the vendor has.
const DEADLINE: i64 = 31;

async fn rig() -> Rig {
    let mut rig = Rig::new(Habits::of_a_schedule());
    rig.put([work("a", 6), work("x", 100)]).await;
    rig.cycle().await;
    rig
}

fn turn() -> Option<Timestamp> {
    Some(hour(0) + SignedDuration::from_secs(DEADLINE))
}

/// The vendor is about to do this to the item of an entity.
async fn grant(rig: &Rig, verb: Verb, entity: &Entity, at: &str) {
    let mut row = rig.row(&entity.key());
    row.intent = Some(Intent {
        verb,
        fingerprint: item_of(entity).fingerprint(),
        remote_id: Some(RemoteId(at.into())),
        state: IntentState::Sent,
        attempts: 0,
        not_before: turn(),
    });
    row.ends_at = entity.interval().map(|interval| interval.end());
    rig.plant(row).await;
}

fn lands(rig: &Rig, at: &str, entity: Option<&Entity>) {
    let item = entity.map(|entity| kept(Some(item_of(entity))));
    rig.line.target.settle(&team(), &RemoteId(at.into()), item);
}

/// Nothing is looked at or written before the vendor's time is over, whoever insists.
async fn check_held(rig: &Rig) {
    let before = rig.requests();
    let report = rig.cycle().await;
    assert_eq!((writes(&report), rig.requests()), ((0, 0, 0), before));
    assert_eq!(writes(&rig.cycle_with(READ_BACK).await), (0, 0, 0));
}

fn bobs() -> Entity {
    Entity::Shift(shift("a", "bob", 6))
}

#[tokio::test]
async fn a_granted_creation_is_taken_over_or_made_by_us() {
    for vendor_does in [true, false] {
        let mut rig = rig().await;
        grant(&rig, Verb::Create, &work("n", 40), "new").await;
        rig.put([work("n", 40)]).await;
        check_held(&rig).await;
        if vendor_does {
            lands(&rig, "new", Some(&work("n", 40)));
            check_held_once_there(&rig).await;
        }
        rig.wait(DEADLINE);
        let published = rig.publishes();
        let report = rig.cycle().await;
        assert_eq!(writes(&report), (u64::from(!vendor_does), 0, 0));
        assert_eq!(rig.publishes() - published, u64::from(!vendor_does));
        rig.expect(&[work("a", 6), work("n", 40), work("x", 100)]);
        assert_eq!(rig.remote_id(&work("n", 40).key()).0 == "new", vendor_does);
        assert_eq!(writes(&rig.cycle_with(READ_BACK).await), (0, 0, 0));
    }
}

async fn check_held_once_there(rig: &Rig) {
    let report = rig.cycle_with(READ_BACK).await;
    assert_eq!((writes(&report), report.foreign), ((0, 0, 0), 0));
}

#[tokio::test]
async fn a_granted_swap_goes_to_its_new_place_or_is_carried_out_where_it_was() {
    for vendor_does in [true, false] {
        let mut rig = rig().await;
        let old = rig.remote_id(&bobs().key());
        grant(&rig, Verb::Update, &bobs(), "new").await;
        rig.put([bobs()]).await;
        check_held(&rig).await;
        if vendor_does {
            lands(&rig, &old.0, None);
            lands(&rig, "new", Some(&bobs()));
        }
        rig.wait(DEADLINE);
        let report = rig.cycle().await;
        assert_eq!(writes(&report), (0, u64::from(!vendor_does), 0));
        rig.expect(&[bobs(), work("x", 100)]);
        let at = rig.remote_id(&bobs().key());
        assert_eq!(at, if vendor_does { RemoteId("new".into()) } else { old });
        assert_eq!(writes(&rig.cycle_with(READ_BACK).await), (0, 0, 0));
    }
}

#[tokio::test]
async fn reading_back_settles_a_granted_swap_as_well() {
    for (there_too, reads_back) in [(false, true), (true, true), (true, false)] {
        let mut rig = rig().await;
        let old = rig.remote_id(&bobs().key());
        grant(&rig, Verb::Update, &bobs(), "new").await;
        rig.put([bobs()]).await;
        lands(&rig, "new", Some(&bobs()));
        if !there_too {
            lands(&rig, &old.0, None);
        }
        rig.wait(DEADLINE);
        rig.cycle_with(CycleOptions { read_back: reads_back, ..READ_BACK }).await;
        rig.expect(&[bobs(), work("x", 100)]);
        assert_eq!(rig.remote_id(&bobs().key()).0, "new");
    }
}

#[tokio::test]
async fn a_swap_under_other_ids_than_were_said_is_found_by_what_it_shows() {
    let mut rig = rig().await;
    let old = rig.remote_id(&bobs().key());
    grant(&rig, Verb::Update, &bobs(), "new").await;
    rig.put([bobs()]).await;
    lands(&rig, &old.0, None);
    lands(&rig, "retried", Some(&bobs()));
    rig.wait(DEADLINE);
    assert_eq!(writes(&rig.cycle().await), (0, 0, 0));
    rig.expect(&[bobs(), work("x", 100)]);
    assert_eq!(rig.remote_id(&bobs().key()).0, "retried");
}

#[tokio::test]
async fn a_granted_edit_is_adopted_or_carried_out() {
    for vendor_does in [true, false] {
        let mut rig = rig().await;
        let at = rig.remote_id(&work("a", 9).key());
        grant(&rig, Verb::Update, &work("a", 9), &at.0).await;
        rig.put([work("a", 9)]).await;
        check_held(&rig).await;
        if vendor_does {
            lands(&rig, &at.0, Some(&work("a", 9)));
        }
        rig.wait(DEADLINE);
        assert_eq!(writes(&rig.cycle().await), (0, u64::from(!vendor_does), 0));
        rig.expect(&[work("a", 9), work("x", 100)]);
    }
}

#[tokio::test]
async fn a_granted_deletion_is_forgotten_or_carried_out() {
    for vendor_does in [true, false] {
        let mut rig = rig().await;
        let at = rig.remote_id(&work("a", 6).key());
        grant(&rig, Verb::Delete, &work("a", 6), &at.0).await;
        rig.remove([work("a", 6).key()]).await;
        check_held(&rig).await;
        if vendor_does {
            lands(&rig, &at.0, None);
        }
        rig.wait(DEADLINE);
        assert_eq!(writes(&rig.cycle().await), (0, 0, u64::from(!vendor_does)));
        rig.expect(&[work("x", 100)]);
    }
}

#[tokio::test]
async fn a_purge_waits_for_the_vendor_too() {
    let mut rig = rig().await;
    grant(&rig, Verb::Create, &work("n", 40), "new").await;
    rig.put([work("n", 40)]).await;
    assert_eq!(writes(&rig.cycle_with(PURGE).await), (0, 0, 2));
    lands(&rig, "new", Some(&work("n", 40)));
    rig.wait(DEADLINE);
    assert_eq!(writes(&rig.cycle_with(PURGE).await), (0, 0, 1));
    assert!(ids(&rig).is_empty());
}

#[tokio::test]
async fn a_later_change_of_the_roster_wins_over_what_was_granted() {
    let mut rig = rig().await;
    grant(&rig, Verb::Update, &bobs(), "new").await;
    let old = rig.remote_id(&bobs().key());
    let later = Entity::Shift(Shift { label: "Late".into(), ..shift("a", "bob", 6) });
    rig.put([later.clone()]).await;
    lands(&rig, &old.0, None);
    lands(&rig, "new", Some(&bobs()));
    rig.wait(DEADLINE);
    assert_eq!(writes(&rig.cycle().await), (0, 1, 0));
    rig.expect(&[later, work("x", 100)]);
    assert_eq!(rig.remote_id(&bobs().key()).0, "new");
}
