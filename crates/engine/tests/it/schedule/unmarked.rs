//! Items that nothing marks as ours.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::{Entity, Shift};
use engine::port::{Intent, IntentState, Store, Verb};
use engine::run::cycle::{CycleOptions, Others};
use testkit::builders::{hours, shift};
use testkit::memory_target::Habits;

use super::rig::{PURGE, READ_BACK, Rig, ids, item_of, late, work, writes};

fn rig() -> Rig {
    Rig::new(Habits::of_a_schedule())
}

/// A creation that was sent, and of which nothing more is known.
async fn plant_creation(rig: &Rig, entity: &Entity) {
    let mut row = rig.row(&entity.key());
    row.intent = Some(Intent {
        verb: Verb::Create,
        fingerprint: item_of(entity).fingerprint(),
        remote_id: None,
        state: IntentState::Sent,
        attempts: 0,
        not_before: None,
    });
    row.ends_at = entity.interval().map(|interval| interval.end());
    rig.plant(row).await;
}

#[tokio::test]
async fn creations_without_an_answer_are_found_again_and_not_repeated() {
    let mut rig = rig();
    let all = [work("a", 6), work("b", 20), late("c", 20), work("d", 40)];
    rig.put(all.clone()).await;
    rig.line.creations_lost.store(4, Ordering::Relaxed);
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    rig.expect(&all);
    assert_eq!(writes(&rig.cycle_with(READ_BACK).await), (0, 0, 0));
    rig.expect(&all);
}

#[tokio::test]
async fn a_creation_that_a_crash_left_is_found_even_if_something_else_is_wanted_by_now() {
    for lands in [true, false] {
        let mut rig = rig();
        rig.put([work("x", 100)]).await;
        rig.cycle().await;
        plant_creation(&rig, &work("a", 6)).await;
        if lands {
            rig.person_puts("landed", item_of(&work("a", 6)));
        }
        rig.put([work("a", 9)]).await;
        let report = rig.cycle().await;
        assert!(report.is_done(), "{report:?}");
        assert_eq!(writes(&report), if lands { (0, 1, 0) } else { (1, 0, 0) });
        rig.expect(&[work("a", 9), work("x", 100)]);
        assert_eq!(ids(&rig).contains("landed"), lands);
    }
}

#[tokio::test]
async fn a_creation_that_a_crash_left_goes_when_its_entity_has_gone() {
    let mut rig = rig();
    rig.put([work("x", 100), work("a", 6)]).await;
    rig.remove([work("a", 6).key()]).await;
    rig.cycle().await;
    plant_creation(&rig, &work("a", 6)).await;
    rig.person_puts("landed", item_of(&work("a", 6)));
    let report = rig.cycle_with(CycleOptions { allow_deletions: Some(9), ..READ_BACK }).await;
    assert!(report.is_done(), "{report:?}");
    rig.expect(&[work("x", 100)]);
}

#[tokio::test]
async fn what_a_change_made_anew_before_a_crash_is_found_whatever_is_wanted_by_now() {
    let bob = |start: i64| {
        Entity::Shift(Shift { interval: hours(start, start + 8), ..shift("a", "bob", start) })
    };
    for wanted in [Some(bob(9)), None] {
        let mut rig = rig();
        rig.put([work("a", 6), work("x", 100)]).await;
        rig.cycle().await;
        // The old item was removed and the new one made; then the process died.
        let mut row = rig.row(&work("a", 6).key());
        let at = rig.remote_id(&row.key);
        row.intent = Some(Intent {
            verb: Verb::Update,
            fingerprint: item_of(&bob(6)).fingerprint(),
            remote_id: Some(at.clone()),
            state: IntentState::Sent,
            attempts: 0,
            not_before: None,
        });
        rig.plant(row).await;
        rig.line.target.settle(&super::rig::team(), &at, None);
        rig.person_puts("anew", item_of(&bob(6)));
        match &wanted {
            Some(wanted) => rig.put([wanted.clone()]).await,
            None => rig.remove([bob(6).key()]).await,
        }
        for _ in 0..2 {
            let options = CycleOptions { allow_deletions: Some(9), ..CycleOptions::default() };
            let report = rig.cycle_with(options).await;
            assert!(report.is_done(), "{report:?}");
        }
        rig.expect(&wanted.into_iter().chain([work("x", 100)]).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_was_there_before_us_is_taken_over_once_as_it_is_or_put_right() {
    let mut rig = rig();
    let all = [work("same", 6), late("other", 20), work("twin1", 40), work("twin2", 40)];
    rig.person_puts("same", item_of(&work("?", 6)));
    rig.person_puts("differs", item_of(&work("?", 20)));
    rig.person_puts("twin", item_of(&work("?", 40)));
    rig.put(all.clone()).await;
    let report = rig.cycle().await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!((writes(&report), report.adopted, report.foreign), ((1, 1, 0), 2, 0));
    rig.expect(&all);
    assert!(["same", "differs", "twin"].iter().all(|id| ids(&rig).contains(*id)));
    assert_eq!(writes(&rig.cycle_with(READ_BACK).await), (0, 0, 0));
}

#[tokio::test]
async fn a_lost_store_costs_no_write_and_what_is_found_is_published() {
    let mut rig = rig();
    let all = [work("a", 6), late("b", 20)];
    rig.put(all.clone()).await;
    rig.line.publishing_fails.store(true, Ordering::Relaxed);
    rig.cycle().await;
    rig.line.publishing_fails.store(false, Ordering::Relaxed);
    rig.lose_store();
    rig.put(all.clone()).await;
    let recovering = CycleOptions { writes: false, ..READ_BACK };
    assert_eq!(writes(&rig.cycle_with(recovering).await), (0, 0, 0));
    assert_eq!(writes(&rig.cycle().await), (0, 0, 0));
    rig.expect(&all);
}

#[tokio::test]
async fn items_beyond_the_first_window_are_taken_over_when_it_becomes_longer() {
    let mut rig = rig();
    rig.spec.first_future = Some(Duration::from_secs(2 * 24 * 3600));
    rig.spec.others = Others::Remove;
    let all = [work("near", 6), work("far", 100)];
    rig.person_puts("near", item_of(&all[0]));
    rig.person_puts("far", item_of(&all[1]));
    rig.put(all.clone()).await;
    assert_eq!(writes(&rig.cycle().await), (0, 0, 0));
    assert_eq!(writes(&rig.cycle().await), (0, 0, 0));
    rig.expect(&all);
    assert_eq!(ids(&rig).len(), 2);
}

#[tokio::test]
async fn items_beyond_the_window_are_taken_over_before_their_time_comes() {
    let mut rig = rig();
    let all = [work("near", 6), work("same", 200), late("differs", 220)];
    for (id, entity) in [("near", &all[0]), ("same", &all[1]), ("differs", &work("?", 220))] {
        rig.person_puts(id, item_of(entity));
    }
    rig.put(all.clone()).await;
    let report = rig.cycle().await;
    assert_eq!((writes(&report), report.adopted), ((0, 0, 0), 3));
    rig.wait(3 * 24 * 3600);
    assert_eq!(writes(&rig.cycle().await), (0, 1, 0));
    rig.expect(&all);
    assert_eq!(ids(&rig).len(), 3);
}

/// World 14570: what was seen is not in the ledger before it was this item's turn.
#[tokio::test]
async fn a_first_reading_that_was_cut_short_is_done_again() {
    let mut rig = rig();
    let all: Vec<_> = (0..100).map(|n| work(&format!("s{n:02}"), n)).collect();
    rig.person_puts("last", item_of(&all[99]));
    rig.put(all.clone()).await;
    rig.line.locked_out.store(true, Ordering::Relaxed);
    assert!(!rig.cycle().await.is_done());
    rig.line.locked_out.store(false, Ordering::Relaxed);
    assert_eq!(writes(&rig.cycle().await), (99, 0, 0));
    rig.expect(&all);
    let before = rig.requests();
    rig.put([late("s00", 0)]).await;
    rig.cycle().await;
    assert_eq!(rig.requests() - before, 2, "an update and a publishing, and no reading");
}

#[tokio::test]
async fn what_nobody_wants_is_counted_and_stays() {
    let mut rig = rig();
    rig.put([work("a", 6)]).await;
    rig.person_puts("theirs", item_of(&work("?", 60)));
    rig.person_puts("twin", item_of(&work("?", 6)));
    rig.person_puts("another twin", item_of(&work("?", 6)));
    let report = rig.cycle().await;
    assert_eq!((writes(&report), report.foreign), ((0, 0, 0), 2));
    let report = rig.cycle_with(READ_BACK).await;
    assert_eq!((writes(&report), report.foreign), ((0, 0, 0), 2));
    assert_eq!(ids(&rig).len(), 3);
    rig.cycle_with(PURGE).await;
    assert_eq!(ids(&rig).len(), 3, "nothing there was made by us");
}

#[tokio::test]
async fn purging_leaves_what_was_there_before_us_and_takes_what_we_wrote() {
    let mut rig = rig();
    rig.person_puts("adopted", item_of(&work("?", 6)));
    rig.person_puts("rewritten", item_of(&work("?", 20)));
    rig.put([work("a", 6), work("b", 20), work("c", 40)]).await;
    rig.cycle().await;
    rig.put([late("b", 20)]).await;
    rig.cycle_with(READ_BACK).await;
    assert_eq!(ids(&rig).len(), 3);
    rig.cycle_with(PURGE).await;
    assert_eq!(ids(&rig), BTreeSet::from(["adopted".to_owned()]));
}

#[tokio::test]
async fn what_nobody_wants_goes_where_that_is_wanted_but_for_what_is_over() {
    let mut rig = rig();
    rig.spec.others = Others::Remove;
    let all: Vec<_> = (0..8).map(|n| work(&format!("s{n}"), 10 * n)).collect();
    rig.put(all.clone()).await;
    rig.cycle().await;
    rig.person_puts("theirs", item_of(&work("?", 63)));
    rig.person_puts("over", item_of(&work("?", -200)));
    rig.person_puts("later", item_of(&work("?", 500)));
    assert_eq!(writes(&rig.cycle().await), (0, 0, 0), "only when reading back");
    let report = rig.cycle_with(READ_BACK).await;
    assert!(report.is_done(), "{report:?}");
    assert_eq!((writes(&report), report.published), ((0, 0, 1), 1));
    let left = ids(&rig);
    assert!(!left.contains("theirs") && left.contains("over") && left.contains("later"));
    let told = rig.store.history(&testkit::builders::shift_key("theirs")).await.expect("reads");
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn too_much_of_others_is_not_removed_unless_it_is_meant() {
    let mut rig = rig();
    rig.spec.others = Others::Remove;
    rig.put([work("a", 6), work("b", 20)]).await;
    for number in 0..5 {
        rig.person_puts(&format!("theirs {number}"), item_of(&work("?", 40 + number)));
    }
    let report = rig.cycle().await;
    assert_eq!((report.refused.is_some(), writes(&report)), (true, (2, 0, 0)));
    assert_eq!(rig.publishes(), 1, "what was written is published all the same");
    let meant = CycleOptions { allow_deletions: Some(5), ..READ_BACK };
    let report = rig.cycle_with(meant).await;
    assert_eq!((report.refused.is_some(), writes(&report)), (false, (0, 0, 5)));
    rig.expect(&[work("a", 6), work("b", 20)]);
}

#[tokio::test]
async fn what_a_person_moved_or_removed_is_put_back_once() {
    let mut rig = rig();
    let all = [work("a", 6), work("b", 20)];
    rig.put(all.clone()).await;
    rig.cycle().await;
    let (a, b) = (rig.remote_id(&all[0].key()), rig.remote_id(&all[1].key()));
    let moved = item_of(&work("a", 9));
    rig.line.target.edit(&super::rig::team(), &a, |item| item.content = Some(moved));
    rig.line.target.remove(&super::rig::team(), &b);
    let report = rig.cycle_with(READ_BACK).await;
    assert_eq!(writes(&report), (1, 1, 0));
    rig.expect(&all);
}

#[tokio::test]
async fn an_update_of_what_the_vendor_made_anew_finds_it() {
    let mut rig = rig();
    rig.put([work("a", 6), work("b", 20)]).await;
    rig.cycle().await;
    let a = rig.remote_id(&work("a", 6).key());
    let bob = Entity::Shift(Shift { interval: hours(6, 14), ..shift("a", "bob", 6) });
    rig.line.target.settle(&super::rig::team(), &a, None);
    rig.person_puts("anew", item_of(&bob));
    rig.put([bob.clone()]).await;
    assert_eq!(writes(&rig.cycle().await), (0, 0, 0));
    rig.expect(&[bob, work("b", 20)]);
}

#[tokio::test]
async fn a_product_that_rewrites_is_not_written_to_again_and_again() {
    for (etag_on_write, echo_on_write) in [(true, true), (true, false), (false, false)] {
        let habits =
            Habits { etag_on_write, echo_on_write, rewrites: true, ..Habits::of_a_schedule() };
        let mut rig = Rig::new(habits);
        let noted = |start, notes: &str| {
            Entity::Shift(Shift { notes: Some(notes.into()), ..shift("a", "ada", start) })
        };
        rig.put([noted(6, "bring keys")]).await;
        rig.line.creations_lost.store(1, Ordering::Relaxed);
        assert!(rig.cycle().await.is_done());
        for _ in 0..3 {
            assert_eq!(writes(&rig.cycle_with(READ_BACK).await), (0, 0, 0));
        }
        rig.put([noted(7, "bring no keys")]).await;
        assert_eq!(writes(&rig.cycle().await), (0, 1, 0));
        assert_eq!(writes(&rig.cycle_with(READ_BACK).await), (0, 0, 0));
        rig.expect(&[work("a", 7)]);
    }
}
