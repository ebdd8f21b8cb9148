//! What each answer means for the ledger, and what is done next.

use std::time::Duration;

use domain::limits::{ATTEMPTS_PER_CYCLE_MAX, QUARANTINE, REFUSALS_BEFORE_QUARANTINE};
use domain::{Fingerprint, Fingerprinter};
use engine::plan::outcome::{Attempt, Next, Settled, keep_what_is_there, settle};
use engine::plan::state::Known;
use engine::port::{
    ETag, Failure, FailureClass, Intent, IntentState, LedgerRow, LedgerWrite, QuotaScope, Remote,
    RemoteId, Verb, Written,
};
use testkit::builders::{calendar, hour, ledger_row, shift_key};

fn print(text: &str) -> Fingerprint {
    let mut print = Fingerprinter::new("test");
    print.text(text);
    print.finish()
}

fn remote(intended: &str) -> Remote {
    let (id, etag) = (RemoteId("x".into()), Some(ETag("1".into())));
    Remote { id, etag, intended: print(intended), echoed: None, version: 1, adopted: false }
}

/// What is sent: a creation knows of no item, the others do.
fn attempt(verb: Verb, attempts: u32) -> Attempt {
    let mut row = ledger_row(shift_key("a"), &calendar("ada"));
    row.remote = match verb {
        Verb::Create => None,
        Verb::Update | Verb::Delete => Some(remote("old")),
    };
    row.intent = Some(Intent {
        verb,
        fingerprint: print("wanted"),
        remote_id: None,
        state: IntentState::Sent,
        attempts: 0,
        not_before: None,
    });
    Attempt { row, verb, fingerprint: print("wanted"), version: 2, attempts }
}

fn failed(class: FailureClass) -> Result<Option<Written>, Failure> {
    let operation = "write".to_owned();
    Err(Failure { class, operation, status: None, detail: "no".into() })
}

/// What the ledger says of a row, in short.
fn told(settled: &Settled) -> String {
    let LedgerWrite::Put(row) = &settled.write else { return "removed".into() };
    let known = match Known::of(Some(row)) {
        Known::Nothing => "nothing",
        Known::InDoubt { .. } => "in doubt",
        Known::There(_) => "there",
        Known::NotThere => "not there",
    };
    let waits = row.intent.as_ref().is_some_and(|it| it.state == IntentState::Planned);
    format!("{known}{}", if waits { ", waits" } else { "" })
}

fn check(verb: Verb, class: &FailureClass, ledger: &str, next: &Next) {
    let settled = settle(attempt(verb, 1), failed(class.clone()), hour(1));
    assert_eq!((told(&settled).as_str(), &settled.next), (ledger, next), "{verb:?} {class:?}");
}

#[test]
fn what_was_surely_not_applied_waits_and_is_planned_again() {
    let throttled =
        FailureClass::Throttled { retry_after: Some(Duration::ZERO), scope: QuotaScope::Calendar };
    let late = FailureClass::TooLate;
    for class in [throttled, late, FailureClass::Unavailable, FailureClass::DeltaExpired] {
        check(Verb::Create, &class, "not there, waits", &Next::Again);
        check(Verb::Update, &class, "there, waits", &Next::Again);
        check(Verb::Delete, &class, "there, waits", &Next::Again);
    }
    check(Verb::Update, &FailureClass::Unauthorised, "there, waits", &Next::Postponed);
}

#[test]
fn what_may_have_been_applied_stays_in_doubt_and_is_looked_at() {
    for verb in [Verb::Create, Verb::Update, Verb::Delete] {
        check(verb, &FailureClass::Unknown, "in doubt", &Next::Look(None));
        check(verb, &FailureClass::Precondition, "in doubt", &Next::Look(None));
        let at = Some(RemoteId("y".into()));
        let duplicate = FailureClass::Duplicate { at: at.clone() };
        check(verb, &duplicate, "in doubt", &Next::LookForTaken(at));
    }
}

#[test]
fn what_is_gone_is_made_anew_or_done_with() {
    check(Verb::Update, &FailureClass::Missing, "not there, waits", &Next::Again);
    check(Verb::Delete, &FailureClass::Missing, "removed", &Next::Done);
    check(Verb::Create, &FailureClass::CalendarMissing, "not there, waits", &Next::Reopen);
    check(Verb::Update, &FailureClass::CalendarMissing, "not there, waits", &Next::Reopen);
    check(Verb::Delete, &FailureClass::CalendarMissing, "removed", &Next::Done);
}

#[test]
fn after_too_many_attempts_a_later_cycle_goes_on_and_doubt_stays_doubt() {
    let tired = |class: FailureClass| {
        settle(attempt(Verb::Create, ATTEMPTS_PER_CYCLE_MAX), failed(class), hour(1))
    };
    let settled = tired(FailureClass::Unavailable);
    assert_eq!((told(&settled).as_str(), settled.next), ("not there, waits", Next::Postponed));
    let settled = tired(FailureClass::Unknown);
    assert_eq!((told(&settled).as_str(), settled.next), ("in doubt", Next::Postponed));
}

#[test]
fn a_refused_item_gets_so_many_chances_and_another_content_gets_new_ones() {
    let mut sent = attempt(Verb::Update, 1);
    for refusal in 1..=REFUSALS_BEFORE_QUARANTINE {
        let settled = settle(sent.clone(), failed(FailureClass::Refused), hour(1));
        let LedgerWrite::Put(row) = settled.write else { panic!("the row stays") };
        let set_aside = row.trouble.as_ref().and_then(|it| it.quarantined_at).is_some();
        assert_eq!(set_aside, refusal == REFUSALS_BEFORE_QUARANTINE);
        let due = row.intent.as_ref().and_then(|it| it.not_before);
        assert_eq!(due, set_aside.then(|| hour(1) + QUARANTINE), "what is set aside has its time");
        sent.row.trouble = row.trouble;
    }
    sent.fingerprint = print("another");
    let settled = settle(sent, failed(FailureClass::Refused), hour(1));
    let LedgerWrite::Put(row) = settled.write else { panic!("the row stays") };
    assert_eq!(row.trouble.map(|it| it.refusals), Some(1));
}

fn written(etag: Option<&str>, echoed: Option<&str>) -> Result<Option<Written>, Failure> {
    let etag = etag.map(|it| ETag(it.into()));
    Ok(Some(Written { remote_id: RemoteId("x".into()), etag, echoed: echoed.map(print) }))
}

#[test]
fn what_was_applied_is_there_and_looked_at_only_where_the_answer_told_nothing() {
    let table = [
        (written(Some("2"), None), None, Next::Done),
        (written(Some("2"), Some("wanted")), None, Next::Done),
        (written(None, Some("rewritten")), Some("rewritten"), Next::Done),
        (written(None, None), None, Next::Confirm),
    ];
    for (answer, echoed, next) in table {
        for verb in [Verb::Create, Verb::Update] {
            let settled = settle(attempt(verb, 1), answer.clone(), hour(1));
            assert_eq!((told(&settled).as_str(), &settled.next), ("there", &next));
            let LedgerWrite::Put(row) = settled.write else { panic!("the row stays") };
            let remote = row.remote.expect("it is there");
            assert_eq!((remote.intended, remote.echoed), (print("wanted"), echoed.map(print)));
        }
    }
    let settled = settle(attempt(Verb::Delete, 1), Ok(None), hour(1));
    assert_eq!((told(&settled).as_str(), settled.next), ("removed", Next::Done));
}

/// Found by simulated worlds 477 and 573: a creation in doubt was seen to be applied, and the
/// deletion (or replacement) that followed was throttled. Then the item was forgotten.
#[test]
fn an_item_that_was_seen_is_still_known_when_its_removal_was_not_applied() {
    for verb in [Verb::Update, Verb::Delete] {
        let mut sent = attempt(verb, 1);
        sent.row.remote = None;
        let (id, etag) = (RemoteId("x".into()), ETag("7".into()));
        keep_what_is_there(&mut sent.row, &id, Some(&etag), Some(print("wanted")));
        let settled = settle(sent, failed(FailureClass::Unavailable), hour(1));
        let LedgerWrite::Put(LedgerRow { remote, .. }) = settled.write else { panic!("it stays") };
        let remote = remote.expect("it is there");
        assert_eq!((remote.id, remote.etag), (id, Some(etag)));
        assert_ne!(remote.intended, print("wanted"), "it is not as wanted");
    }
}

#[test]
fn drift_that_could_not_be_put_right_is_still_drift() {
    let mut row = ledger_row(shift_key("a"), &calendar("ada"));
    row.remote = Some(remote("wanted"));
    let (id, etag) = (RemoteId("x".into()), ETag("7".into()));
    keep_what_is_there(&mut row, &id, Some(&etag), Some(print("wanted")));
    assert_ne!(row.remote.map(|it| it.intended), Some(print("wanted")));
}
