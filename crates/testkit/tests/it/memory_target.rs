//! The in-memory target is held to everything that a vendor is held to.

use std::sync::Arc;

use testkit::builders::{calendar, mirror};
use testkit::conformance::target::{Bench, target_conformance};
use testkit::memory_target::{Habits, MemoryTarget};

async fn check(habits: Habits) {
    target_conformance(async || Bench {
        target: Arc::new(MemoryTarget::new(habits.clone())),
        mirror: mirror(),
        calendar: calendar("ada@example.com/shifts"),
        refuses_bad_tokens: true,
        keeps_origin: true,
    })
    .await;
}

#[tokio::test]
async fn keeps_every_promise_of_a_schedule_product() {
    check(Habits::of_a_schedule()).await;
    let habits = Habits {
        items_in_listing: false,
        etag_on_write: false,
        echo_on_write: true,
        ..Habits::of_a_schedule()
    };
    check(habits).await;
}

#[tokio::test]
async fn keeps_every_promise_of_a_target() {
    check(Habits::default()).await;
}

#[tokio::test]
async fn keeps_them_when_it_tells_no_etags_and_lists_whole_items() {
    check(Habits { etag_on_write: false, items_in_listing: true, ..Habits::default() }).await;
}

#[tokio::test]
async fn keeps_them_without_deltas_and_with_an_echo() {
    check(Habits { deltas: false, echo_on_write: true, ..Habits::default() }).await;
}

#[tokio::test]
async fn keeps_them_when_it_takes_several_writes_at_once() {
    check(Habits { batch_size_max: 3, ..Habits::default() }).await;
}
