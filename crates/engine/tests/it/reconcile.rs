//! Every situation that an entity can be in, and the one action that follows.

use domain::{Fingerprint, Fingerprinter};
use engine::plan::reconcile::{Action, Hold, reconcile};
use engine::plan::state::{Desired, Hidden, Known, Seen, Showing, Situation};
use engine::port::{ETag, Intent, IntentState, Remote, RemoteId, RemoteItem, Verb};
use testkit::builders::calendar;

fn print(text: &str) -> Fingerprint {
    let mut print = Fingerprinter::new("test");
    print.text(text);
    print.finish()
}

fn shown() -> Desired {
    Desired::Shown(Showing {
        calendar: calendar("ada"),
        fingerprint: print("wanted"),
        version: 2,
        employee: None,
        ends_at: None,
    })
}

/// An item that was written as `intended`, with or without a known etag.
fn there(intended: &str, etag: Option<&str>, echoed: Option<&str>) -> Known {
    Known::There(Remote {
        id: RemoteId("x".into()),
        etag: etag.map(|it| ETag(it.into())),
        intended: print(intended),
        echoed: echoed.map(print),
        version: 1,
        adopted: false,
    })
}

fn in_doubt(remote: bool) -> Known {
    let remote = match there("old", Some("1"), None) {
        Known::There(it) if remote => Some(it),
        Known::There(_) | Known::Nothing | Known::NotThere | Known::InDoubt { .. } => None,
    };
    let intent = Intent {
        verb: Verb::Create,
        fingerprint: print("wanted"),
        remote_id: None,
        state: IntentState::Sent,
        attempts: 1,
        not_before: None,
    };
    Known::InDoubt { intent, remote }
}

fn seen(content: &str) -> Seen {
    Seen::Present(RemoteItem {
        remote_id: RemoteId("x".into()),
        etag: Some(ETag("2".into())),
        origin: None,
        fingerprint: Some(print(content)),
        natural_key: None,
        span: None,
        ends_at: None,
    })
}

/// The action in short: what, why, and under which etag.
fn told(action: &Action) -> String {
    let under = |etag: &Option<ETag>| etag.as_ref().map_or("none".to_owned(), ToString::to_string);
    match action {
        Action::Nothing => "nothing".into(),
        Action::Look => "look".into(),
        Action::Create(because) => format!("create, {}", because.as_str()),
        Action::Update { etag, because, .. } => {
            format!("update {}, {}", under(etag), because.as_str())
        }
        Action::Delete { etag, because, .. } => {
            format!("delete {}, {}", under(etag), because.as_str())
        }
        Action::Adopt(_) => "adopt".into(),
        Action::Forget => "forget".into(),
        Action::DropIntent => "drop intent".into(),
        Action::Hold(Hold::MovesFirst) => "hold, moves first".into(),
        Action::Hold(_) => "hold".into(),
    }
}

/// What follows where nobody looked, it is absent, it is as known, something foreign is there.
fn check(desired: &Desired, known: &Known, expected: [&str; 4]) {
    let all = [Seen::NotLooked, Seen::Absent, Seen::AsKnown, Seen::Foreign];
    for (seen, expected) in all.into_iter().zip(expected) {
        check_seen(desired, known, seen, expected);
    }
}

fn check_seen(desired: &Desired, known: &Known, seen: Seen, expected: &str) {
    let (desired, known) = (desired.clone(), known.clone());
    let situation = Situation { desired, known, seen };
    assert_eq!(told(&reconcile(&situation)), expected, "{situation:?}");
}

#[test]
fn what_is_wanted_is_made_kept_or_looked_at() {
    let wanted = shown();
    let new = "create, new";
    let vanished = "create, vanished";
    check(&wanted, &Known::Nothing, [new, new, "look", new]);
    check(&wanted, &Known::NotThere, [new, new, "look", new]);
    check(&wanted, &in_doubt(false), ["look", new, "look", new]);
    check(&wanted, &in_doubt(true), ["look", vanished, "look", vanished]);
    let same = there("wanted", Some("1"), None);
    check(&wanted, &same, ["nothing", vanished, "nothing", vanished]);
    let other = there("old", Some("1"), None);
    let changed = "update 1, changed";
    check(&wanted, &other, [changed, vanished, changed, vanished]);
    // Without an etag nobody knows what would be overwritten.
    check(&wanted, &there("old", None, None), ["look", vanished, "look", vanished]);
    check(&wanted, &there("wanted", None, None), ["nothing", vanished, "nothing", vanished]);
}

#[test]
fn what_is_seen_is_adopted_as_equal_or_put_right_under_the_etag_that_was_seen() {
    let wanted = shown();
    let knowns = [
        Known::Nothing,
        Known::NotThere,
        in_doubt(false),
        in_doubt(true),
        there("old", Some("1"), None),
        there("wanted", Some("1"), None),
    ];
    for known in &knowns {
        check_seen(&wanted, known, seen("wanted"), "adopt");
    }
    for known in &knowns[..4] {
        check_seen(&wanted, known, seen("else"), "update 2, changed");
    }
    check_seen(&wanted, &knowns[4], seen("else"), "update 2, drifted");
    check_seen(&wanted, &knowns[5], seen("else"), "update 2, drifted");
    // Our own last write coming back.
    check_seen(&wanted, &knowns[4], seen("old"), "update 2, changed");
}

#[test]
fn a_rewritten_echo_of_what_is_wanted_is_no_drift() {
    let wanted = shown();
    let echoed = there("wanted", Some("1"), Some("as rewritten"));
    check_seen(&wanted, &echoed, seen("as rewritten"), "adopt");
    check_seen(&wanted, &echoed, seen("else"), "update 2, drifted");
    let former = there("old", Some("1"), Some("as rewritten"));
    check_seen(&wanted, &former, seen("as rewritten"), "update 2, changed");
}

#[test]
fn what_is_not_wanted_is_removed_once_it_is_known_to_be_there_or_forgotten() {
    let reasons = [
        (Hidden::Deleted, "deleted"),
        (Hidden::NotShown, "deleted"),
        (Hidden::Unmapped("no address".into()), "unmapped"),
        (Hidden::Purged, "purged"),
    ];
    for (hidden, because) in reasons {
        let unwanted = Desired::Hidden(hidden);
        let delete = format!("delete 1, {because}");
        let delete = delete.as_str();
        check(&unwanted, &Known::Nothing, ["nothing", "nothing", "look", "nothing"]);
        check(&unwanted, &Known::NotThere, ["forget", "forget", "look", "forget"]);
        check(&unwanted, &in_doubt(false), ["look", "forget", "look", "forget"]);
        check(&unwanted, &in_doubt(true), ["look", "forget", "look", "forget"]);
        let known = there("old", Some("1"), None);
        check(&unwanted, &known, [delete, "forget", delete, "forget"]);
        check(&unwanted, &there("old", None, None), ["look", "forget", "look", "forget"]);
        let seen_there = format!("delete 2, {because}");
        for known in [Known::Nothing, Known::NotThere, in_doubt(false), in_doubt(true), known] {
            check_seen(&unwanted, &known, seen("whatever"), &seen_there);
        }
    }
}
