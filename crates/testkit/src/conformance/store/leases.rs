//! Promises about leases: one holder at a time, under an epoch that never repeats.
#![expect(clippy::unwrap_used, reason = "a test suite")]

use engine::port::{Epoch, LeaseDomain, LeaseGrant, Store};
use jiff::Timestamp;

use super::{Handles, promises};
use crate::builders::hour;

promises![
    a_free_lease_is_granted_and_a_held_one_is_not,
    a_lease_that_ran_out_passes_on_under_the_next_epoch,
    the_owner_keeps_the_epoch,
    answers_come_in_the_order_of_the_questions,
    epochs_do_not_repeat_after_a_release,
    only_the_epoch_that_is_held_is_released,
    a_lease_is_taken_over_from_its_owner_and_epoch_only,
    of_many_claims_at_once_exactly_one_is_granted,
];

fn domain(name: &str) -> LeaseDomain {
    LeaseDomain(format!("mirror/m/{name}"))
}

fn granted(epoch: i64) -> LeaseGrant {
    LeaseGrant::Granted(Epoch(epoch))
}

fn held(by: &str, epoch: i64, until: Timestamp) -> LeaseGrant {
    LeaseGrant::Held { by: by.into(), epoch: Epoch(epoch), until }
}

/// Asks for one lease, from hour `now` until hour `until`.
async fn claim(store: &dyn Store, name: &str, owner: &str, now: i64, until: i64) -> LeaseGrant {
    let domains = [domain(name)];
    let answers = store.acquire_leases(&domains, owner, hour(now), hour(until));
    let [answer] = &answers.await.unwrap()[..] else {
        panic!("expected one answer");
    };
    answer.clone()
}

async fn a_free_lease_is_granted_and_a_held_one_is_not(Handles { one, two }: Handles) {
    assert_eq!(claim(&*one, "a", "me", 0, 2).await, granted(1));
    assert_eq!(claim(&*two, "a", "you", 1, 3).await, held("me", 1, hour(2)));
    assert_eq!(claim(&*two, "b", "you", 1, 3).await, granted(1));
}

async fn a_lease_that_ran_out_passes_on_under_the_next_epoch(Handles { one, two }: Handles) {
    assert_eq!(claim(&*one, "a", "me", 0, 2).await, granted(1));
    assert_eq!(claim(&*two, "a", "you", 3, 5).await, granted(2));
    assert_eq!(claim(&*one, "a", "me", 4, 6).await, held("you", 2, hour(5)));
    assert_eq!(claim(&*one, "a", "me", 6, 8).await, granted(3));
}

async fn the_owner_keeps_the_epoch(Handles { one, two }: Handles) {
    assert_eq!(claim(&*one, "a", "me", 0, 2).await, granted(1));
    assert_eq!(claim(&*one, "a", "me", 1, 4).await, granted(1));
    assert_eq!(claim(&*two, "a", "you", 3, 9).await, held("me", 1, hour(4)));
    // Also when it had run out and nobody else took it.
    assert_eq!(claim(&*one, "a", "me", 5, 7).await, granted(1));
    assert_eq!(claim(&*two, "a", "you", 6, 9).await, held("me", 1, hour(7)));
}

async fn answers_come_in_the_order_of_the_questions(Handles { one, two }: Handles) {
    assert_eq!(claim(&*one, "m", "you", 0, 2).await, granted(1));
    let domains = ["z", "m", "a", "z"].map(domain);
    let answers = two.acquire_leases(&domains, "me", hour(1), hour(3)).await;
    let expected = [granted(1), held("you", 1, hour(2)), granted(1), granted(1)];
    assert_eq!(answers.unwrap(), expected);
    let none = one.acquire_leases(&[], "me", hour(1), hour(3)).await;
    assert_eq!(none.unwrap(), []);
}

async fn epochs_do_not_repeat_after_a_release(Handles { one, two }: Handles) {
    assert_eq!(claim(&*one, "a", "me", 0, 9).await, granted(1));
    one.release_leases(&[(domain("a"), Epoch(1))]).await.unwrap();
    assert_eq!(claim(&*two, "a", "you", 1, 9).await, granted(2));
    two.release_leases(&[(domain("a"), Epoch(2))]).await.unwrap();
    // Also for the same owner as before.
    assert_eq!(claim(&*two, "a", "you", 2, 9).await, granted(3));
}

async fn only_the_epoch_that_is_held_is_released(Handles { one, .. }: Handles) {
    assert_eq!(claim(&*one, "a", "me", 0, 9).await, granted(1));
    assert_eq!(claim(&*one, "b", "me", 0, 9).await, granted(1));
    let leases =
        [(domain("a"), Epoch(2)), (domain("b"), Epoch(1)), (domain("never-taken"), Epoch(1))];
    one.release_leases(&leases).await.unwrap();
    one.release_leases(&[]).await.unwrap();
    assert_eq!(claim(&*one, "a", "you", 1, 9).await, held("me", 1, hour(9)));
    assert_eq!(claim(&*one, "b", "you", 1, 9).await, granted(2));
}

async fn a_lease_is_taken_over_from_its_owner_and_epoch_only(Handles { one, two }: Handles) {
    assert_eq!(claim(&*one, "a", "dead", 0, 9).await, granted(1));
    let take = async |from: &str, epoch: i64| {
        let until = hour(11);
        two.take_over_lease(&domain("a"), from, Epoch(epoch), "me", until).await.unwrap()
    };
    assert_eq!(take("dead", 2).await, held("dead", 1, hour(9)));
    assert_eq!(take("other", 1).await, held("dead", 1, hour(9)));
    assert_eq!(take("dead", 1).await, granted(2));
    assert_eq!(take("dead", 1).await, held("me", 2, hour(11)));
    assert_eq!(claim(&*one, "a", "dead", 1, 9).await, held("me", 2, hour(11)));
}

async fn of_many_claims_at_once_exactly_one_is_granted(Handles { one, two }: Handles) {
    for round in 0..20 {
        let name = format!("a{}", round / 2);
        // Every second round, all of them find a lease that has run out.
        let now = 10 * (round % 2);
        let claims = ["p", "q", "r", "s"].map(|owner| {
            let owner = format!("{owner}{round}");
            let store = if owner.as_str() < "r" { &one } else { &two };
            let name = &name;
            async move { claim(&**store, name, &owner, now, now + 5).await }
        });
        let answers = futures_util::future::join_all(claims).await;
        let won = granted(1 + round % 2);
        let winners = answers.iter().filter(|it| **it == won).count();
        assert_eq!(winners, 1, "round {round}: {answers:?}");
    }
}
