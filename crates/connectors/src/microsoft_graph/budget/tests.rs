//! What is sent when, and what is closed by a refusal.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use engine::port::Rate;
use proptest::prelude::*;

use super::*;

/// Moves on by itself when somebody sleeps.
#[derive(Debug)]
struct Leaping(Mutex<Timestamp>);

#[async_trait]
impl Clock for Leaping {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }

    async fn sleep_until(&self, at: Timestamp) {
        let mut now = lock(&self.0);
        *now = at.max(*now);
    }
}

fn budgets(per_second: u32, per_team: u32) -> (Arc<Leaping>, Budgets) {
    let clock = Arc::new(Leaping(Mutex::new(Timestamp::UNIX_EPOCH)));
    let per = |requests| Some(Rate { requests, per: Duration::from_secs(1) });
    let declared = [(QuotaScope::Connection, per_second), (QuotaScope::Calendar, per_team)]
        .map(|(scope, rate)| QuotaDeclaration { scope, concurrency: None, rate: per(rate) });
    (Arc::clone(&clock), Budgets::new(clock, &declared))
}

fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("waits for something that is not time"),
    }
}

#[test]
fn a_team_is_asked_four_times_in_any_second_and_another_one_does_not_wait() {
    let (clock, budgets) = budgets(30, 4);
    let turn = |path| drop(now(budgets.turn(&Method::GET, path, 1)).unwrap());
    for _ in 0..4 {
        turn("/teams/a/schedule");
    }
    assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
    turn("/teams/b/schedule");
    assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
    turn("/teams/a/schedule/shifts?$top=1");
    assert_eq!(clock.now(), after(Timestamp::UNIX_EPOCH, COUNTS_FOR));
}

#[test]
fn deletions_have_half_the_budget_and_reads_and_writes_one_each() {
    let (clock, budgets) = budgets(2, 100);
    let turn = |method: Method| drop(now(budgets.turn(&method, "/teams/a/x", 1)).unwrap());
    for method in [Method::GET, Method::GET, Method::POST, Method::PUT, Method::DELETE] {
        turn(method);
    }
    assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
    turn(Method::DELETE);
    assert_eq!(clock.now(), after(Timestamp::UNIX_EPOCH, COUNTS_FOR));
}

#[test]
fn what_the_vendor_closed_is_waited_for_if_it_is_short_and_not_asked_if_it_is_long() {
    let (clock, budgets) = budgets(30, 4);
    let path = "/teams/a/schedule";
    budgets.close(&Method::GET, path, Duration::from_secs(3));
    drop(now(budgets.turn(&Method::GET, path, 1)).unwrap());
    assert_eq!(clock.now().as_second(), 3);
    budgets.close(&Method::GET, path, Duration::from_secs(60));
    let refused = now(budgets.turn(&Method::GET, path, 1)).unwrap_err();
    let wait = Duration::from_secs(60);
    assert_eq!(refused, TooLong { wait, scope: QuotaScope::Calendar });
    drop(now(budgets.turn(&Method::GET, "/teams/b/schedule", 1)).unwrap());
    assert_eq!(clock.now().as_second(), 3);
}

#[test]
fn a_tenant_that_was_asked_too_much_is_left_alone_as_a_whole() {
    let (clock, budgets) = budgets(10, 4);
    let turn = |path: &str| now(budgets.turn(&Method::GET, path, 1)).map(drop);
    let minute = Duration::from_secs(60);
    for number in 0..8 {
        turn(&format!("/teams/t{number}/schedule")).unwrap();
    }
    // The answer takes a while.
    now(clock.sleep_until(after(clock.now(), Duration::from_millis(1500))));
    budgets.close(&Method::GET, "/teams/t1/schedule", minute);
    let refused = turn("/teams/other/schedule").unwrap_err();
    assert_eq!(refused, TooLong { wait: minute, scope: QuotaScope::Connection });
    drop(now(budgets.turn(&Method::POST, "/teams/t1/schedule", 1)).unwrap());
}

#[test]
fn one_team_that_is_refused_is_that_team_and_two_at_once_are_all() {
    let (clock, budgets) = budgets(30, 4);
    let turn = |path: &str| now(budgets.turn(&Method::GET, path, 1)).map(drop);
    let minute = Duration::from_secs(60);
    let close = |path: &str| budgets.close(&Method::GET, path, minute);
    close("/teams/a/schedule");
    now(clock.sleep_until(after(clock.now(), Duration::from_secs(2))));
    close("/teams/b/schedule");
    turn("/teams/c/schedule").unwrap();
    assert_eq!(turn("/teams/b/schedule").unwrap_err().scope, QuotaScope::Calendar);
    close("/teams/d/schedule");
    assert_eq!(turn("/teams/c/schedule").unwrap_err().scope, QuotaScope::Connection);
}

#[test]
fn who_waits_for_a_place_keeps_no_window_and_gives_up_in_time() {
    let (clock, budgets) = budgets(30, 1);
    let budgets = Budgets { under_way: Semaphore::new(1), ..budgets };
    let turn = |path| budgets.turn(&Method::GET, path, 1);
    let first = now(turn("/teams/a/schedule")).unwrap();
    let refused = now(turn("/teams/b/schedule")).unwrap_err();
    assert_eq!(refused.scope, QuotaScope::Connection);
    assert_eq!(clock.now(), after(Timestamp::UNIX_EPOCH, WAIT_MAX));
    for domain in [Domain::Reads, Domain::Team("b".into())] {
        assert!(budgets.queue(&domain).try_lock().is_ok());
    }
    drop(first);
    let before = clock.now();
    drop(now(turn("/teams/b/schedule")).unwrap());
    assert_eq!(clock.now(), before, "what was refused has spent nothing");
}

#[test]
fn who_waits_in_a_queue_gives_up_in_time() {
    let (clock, budgets) = budgets(30, 4);
    let _ahead = budgets.queue(&Domain::Reads).try_lock_owned().unwrap();
    let refused = now(budgets.turn(&Method::GET, "/teams/a/schedule", 1)).unwrap_err();
    assert_eq!(refused, TooLong { wait: COUNTS_FOR, scope: QuotaScope::Connection });
    assert_eq!(clock.now(), after(Timestamp::UNIX_EPOCH, WAIT_MAX));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_second_of_any_phase_holds_more_than_the_budget(
        asks in prop::collection::vec((0usize..3, 1usize..5, 0i64..500), 1..120),
    ) {
        let (clock, budgets) = budgets(7, 4);
        let mut sent: Vec<(usize, Timestamp)> = Vec::new();
        for (team, count, gap) in asks {
            let at = after(clock.now(), Duration::from_millis(gap.unsigned_abs()));
            now(clock.sleep_until(at));
            let path = format!("/teams/t{team}/schedule");
            drop(now(budgets.turn(&Method::GET, &path, count)).unwrap());
            sent.extend(std::iter::repeat_n((team, clock.now()), count));
        }
        let second = Duration::from_secs(1);
        for (index, (team, from)) in sent.iter().enumerate() {
            let within = sent[index..].iter().filter(|it| it.1 < after(*from, second));
            prop_assert!(within.clone().count() <= 7);
            prop_assert!(within.filter(|it| it.0 == *team).count() <= 4);
        }
    }
}
