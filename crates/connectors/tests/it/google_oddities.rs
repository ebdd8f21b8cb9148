//! What the `google_workspace` provider does about Google's documented oddities, about faults on
//! the way, and about people.

use std::sync::Arc;

use domain::{Colour, Contact, EventExtras, ShowAs, UtcInterval};
use engine::port::{
    Content, FailureClass, FindingLevel, Item, Opened, QuotaScope, Write, WriteWhat,
};
use jiff::SignedDuration;
use simulators::google::{Fault, Options, Person, Quotas, ServiceAccount, What};
use testkit::builders::{hours, mirror};

use crate::caldav::run;
use crate::google::{ANNA, Stage, directory, item, key};

fn stage() -> Stage {
    let stage = Stage::new(Options::default(), "");
    assert_eq!(stage.open(), Opened::Made);
    stage
}

fn class<T: std::fmt::Debug>(outcome: Result<T, engine::port::Failure>) -> FailureClass {
    outcome.expect_err("is refused").class
}

fn anna(stage: &Stage) -> Person {
    stage.server.person(ANNA)
}

#[test]
fn the_calendar_is_made_as_the_employee_and_found_again_under_any_name() {
    let stage = stage();
    let own = stage.own();
    stage.server.read(|state| {
        let calendar = &state.calendars[&own];
        assert_eq!((calendar.summary.as_str(), calendar.owner.as_str()), ("Shifts", ANNA));
        assert_eq!(calendar.time_zone, "Europe/Berlin");
    });
    anna(&stage).renames_calendar(&own, "Dienstplan");
    anna(&stage).hides_calendar(&own);
    // Another process knows nothing of the first.
    let other = stage.again();
    assert_eq!(run(other.target.open(&key(ANNA))), Ok(Opened::Found));
    stage.own();
}

#[test]
fn a_calendar_whose_description_was_emptied_is_found_by_its_name() {
    let stage = stage();
    let own = stage.own();
    stage.server.update(|state| state.calendars.get_mut(&own).unwrap().description = None);
    // One of the same name that a person made is not ours to touch.
    stage.server.update(|state| {
        let mut theirs = state.calendars[&own].clone();
        theirs.made_by = None;
        state.calendars.insert("a@group.calendar.google.com".into(), theirs);
        let listed = state.users[ANNA].list[&own].clone();
        let list = &mut state.users.get_mut(ANNA).unwrap().list;
        list.insert("a@group.calendar.google.com".into(), listed);
    });
    let other = stage.again();
    assert_eq!(run(other.target.open(&key(ANNA))), Ok(Opened::Found));
    run(other.target.create(&key(ANNA), &item("a", 1))).unwrap();
    assert_eq!(stage.server.live_events(&own).len(), 1);
}

#[test]
fn a_lost_answer_to_its_creation_leaves_one_calendar() {
    let stage = Stage::new(Options::default(), "");
    stage
        .server
        .set_faults([Fault::on("POST").at("/calendars").times(1).then(What::ResetAfterApply)]);
    assert_eq!(class(run(stage.target().open(&key(ANNA)))), FailureClass::Unknown);
    assert_eq!(stage.open(), Opened::Found);
    stage.own();
}

#[test]
fn a_calendar_that_is_listed_late_is_not_made_twice() {
    let lag = SignedDuration::from_secs(3600);
    let stage = Stage::new(Options { calendar_list_lag: lag, ..Options::default() }, "");
    stage
        .server
        .set_faults([Fault::on("POST").at("/calendars").times(1).then(What::ResetAfterApply)]);
    assert_eq!(class(run(stage.target().open(&key(ANNA)))), FailureClass::Unknown);
    assert_eq!(class(run(stage.target().open(&key(ANNA)))), FailureClass::Unavailable);
    stage.own();
}

#[test]
fn a_calendar_that_somebody_deleted_is_missing_and_made_anew() {
    let stage = stage();
    let own = stage.own();
    anna(&stage).deletes_calendar(&own);
    let create = || run(stage.target().create(&key(ANNA), &item("a", 1)));
    assert_eq!(class(create()), FailureClass::CalendarMissing);
    assert_eq!(stage.open(), Opened::Made);
    create().unwrap();
    assert_ne!(stage.own(), own);
}

#[test]
fn what_a_person_put_into_the_trash_takes_another_generation() {
    let stage = stage();
    let (own, mut shift) = (stage.own(), item("a", 1));
    let written = stage.create(&shift);
    anna(&stage).deletes(&own, &written.remote_id.0).unwrap();
    assert_eq!(stage.see(&shift), None);
    let taken = class(run(stage.target().create(&key(ANNA), &shift)));
    assert_eq!(taken, FailureClass::Duplicate { at: Some(written.remote_id) });
    shift.origin.generation = 1;
    stage.create(&shift);
    assert_eq!(stage.server.live_events(&own).len(), 1);
}

#[test]
fn a_copy_is_theirs_and_a_stripped_tag_is_known_by_the_id() {
    let stage = stage();
    let (own, shift) = (stage.own(), item("a", 1));
    let written = stage.create(&shift);
    let copy = anna(&stage).copies(&own, &written.remote_id.0, &own).unwrap();
    anna(&stage).strips(&own, &written.remote_id.0).unwrap();
    let listing = run(stage.target().list(&key(ANNA), None)).unwrap();
    let of = |id: &str| {
        let mut entries = listing.entries.iter();
        entries.find(|it| it.remote_id.0 == id).unwrap().item.clone().unwrap()
    };
    assert_eq!(of(&copy).origin, None);
    let ours = stage.see(&shift).unwrap().origin.unwrap();
    assert_eq!((ours.mirror, ours.key), (mirror(), shift.origin.key));
}

#[test]
fn what_a_person_moved_is_seen_where_it_is() {
    let stage = stage();
    let (own, shift) = (stage.own(), item("a", 1));
    let written = stage.create(&shift);
    anna(&stage).moves(&own, &written.remote_id.0, SignedDuration::from_hours(2)).unwrap();
    let seen = stage.see(&shift).unwrap();
    assert_ne!(seen.fingerprint, Some(shift.content.fingerprint()));
    let moved: UtcInterval = hours(3, 11);
    assert_eq!(seen.span, Some(domain::EventSpan::Timed(moved)));
    // A colour or a guest that we did not ask for is theirs.
    let second = item("b", 20);
    let written = stage.create(&second);
    anna(&stage).writes(&own, &written.remote_id.0, "colorId", "11".into()).unwrap();
    let seen = stage.see(&second).unwrap();
    assert_eq!(seen.fingerprint, Some(second.content.fingerprint()));
}

#[test]
fn everything_that_an_event_can_show_comes_back() {
    let stage = stage();
    let contact = |email, name| Contact::new(email, name).unwrap();
    let mut number = 0;
    let mut check = |change: &dyn Fn(&mut domain::CalendarEvent)| {
        number += 1;
        let mut shift = item(&format!("s{number}"), number);
        let Content::Event(event) = &mut shift.content else { unreachable!() };
        change(event);
        let written = stage.create(&shift);
        assert_eq!(written.echoed, Some(shift.content.fingerprint()), "{:?}", shift.content);
        assert_eq!(stage.see(&shift).unwrap().fingerprint, written.echoed);
    };
    for show_as in ShowAs::ALL {
        check(&|event| event.show_as = show_as);
    }
    for colour in Colour::ALL {
        check(&|event| {
            event.extras = EventExtras { colour: Some(colour), ..EventExtras::default() };
        });
    }
    check(&|event| event.extras.reminder_minutes = Some(15));
    check(&|event| {
        event.extras.organizer = Some(contact("rota@example.com", Some("Rota")));
        event.extras.attendees =
            vec![contact("ben@example.com", None), contact("cem@example.com", Some("Cem"))];
    });
    check(&|event| {
        event.categories = (0..40).map(|it| format!("Läbel {it:02} {}", "x".repeat(60))).collect()
    });
    check(&|event| {
        event.description = None;
        event.location = None;
        event.visibility = domain::Visibility::Private;
    });
}

#[test]
fn no_event_of_ours_rings_invites_declines_or_sends_mail() {
    let stage = stage();
    stage.create(&item("a", 1));
    let event = stage.server.live_events(&stage.own()).remove(0);
    let reminders = serde_json::json!({ "useDefault": false, "overrides": [] });
    assert_eq!(event.fields["reminders"], reminders);
    assert_eq!(event.fields["eventType"], "default");
    assert!(event.attendees().is_empty());
    let writes = stage.server.requests();
    let writes = writes.iter().filter(|it| it.method == "POST" && it.target.contains("/events"));
    assert!(writes.into_iter().all(|it| it.target.contains("sendUpdates=none")));
}

#[test]
fn lost_answers_are_unknown_and_settled_by_looking() {
    let stage = stage();
    let shift = item("a", 1);
    for (what, expected) in [
        (What::ResetAfterApply, FailureClass::Unknown),
        (What::StatusAfterApply(500), FailureClass::Unknown),
        (What::ResetBefore, FailureClass::Unknown),
        // Without a time to come back nobody knows how far it came.
        (What::unavailable(), FailureClass::Unknown),
        (What::refusal(400, "invalid"), FailureClass::Refused),
        (What::refusal(403, "forbidden"), FailureClass::Forbidden),
        (What::Garbage("<html>".into()), FailureClass::Unknown),
    ] {
        stage.server.set_faults([Fault::on("POST").at("/events").times(1).then(what.clone())]);
        let outcome = run(stage.target().create(&key(ANNA), &shift));
        assert_eq!(class(outcome), expected, "{what:?}");
    }
    assert!(stage.see(&shift).is_some());
    assert_eq!(stage.server.live_events(&stage.own()).len(), 1);
}

#[test]
fn over_budget_is_throttled_in_either_spelling() {
    let stage = stage();
    for (status, reason) in [
        (403, "rateLimitExceeded"),
        (403, "userRateLimitExceeded"),
        (429, "rateLimitExceeded"),
        (403, "quotaExceeded"),
    ] {
        stage.server.set_faults([Fault::on("POST")
            .at("/events")
            .times(1)
            .then(What::refusal(status, reason))]);
        let refused = class(run(stage.target().create(&key(ANNA), &item("a", 1))));
        let one = FailureClass::Throttled { retry_after: None, scope: QuotaScope::Calendar };
        assert_eq!(refused, one, "{status} {reason}");
    }
}

#[test]
fn several_users_throttled_at_once_mean_the_project() {
    let stage = stage();
    stage.server.add_user("ben@example.com", "UTC");
    run(stage.target().open(&key("ben@example.com"))).unwrap();
    stage.server.set_faults([Fault::on("POST").at("/events").then(What::rate_limited())]);
    let throttled = |who: &str| match class(run(stage.target().create(&key(who), &item("a", 1)))) {
        FailureClass::Throttled { scope, .. } => scope,
        other => panic!("{other:?}"),
    };
    assert_eq!(throttled(ANNA), QuotaScope::Calendar);
    assert_eq!(throttled("ben@example.com"), QuotaScope::Connection);
}

#[test]
fn a_token_that_google_refuses_is_replaced_once() {
    let stage = stage();
    let before = stage.server.counts().tokens;
    std::thread::sleep(std::time::Duration::from_millis(1100));
    stage.server.google().revoke_tokens();
    stage.create(&item("a", 1));
    assert_eq!(stage.server.counts().tokens, before + 1);
    stage
        .server
        .set_faults([Fault::on("POST").at("/events").then(What::refusal(401, "authError"))]);
    let refused = run(stage.target().create(&key(ANNA), &item("b", 9)));
    assert_eq!(class(refused), FailureClass::Unauthorised);
}

#[test]
fn one_token_serves_many_requests() {
    let stage = stage();
    for number in 0..20 {
        stage.create(&item(&format!("s{number}"), number));
    }
    assert_eq!(stage.server.counts().tokens, 1);
}

fn creations(count: usize) -> Vec<Write> {
    let what = |number: usize| WriteWhat::Create(item(&format!("s{number}"), number as i64));
    (0..count)
        .map(|number| Write {
            calendar: key(ANNA),
            what: what(number),
            not_after: jiff::Timestamp::MAX,
        })
        .collect()
}

#[test]
fn a_batch_is_one_request_whose_parts_stand_for_themselves() {
    let stage = stage();
    stage.create(&item("s1", 1));
    stage.server.clear_log();
    let outcomes = run(stage.target().write_all(&creations(50)));
    assert_eq!(stage.server.counts().requests, 2, "the batch, and a look at what was taken");
    for (number, outcome) in outcomes.iter().enumerate() {
        match number {
            1 => assert!(matches!(
                outcome.as_ref().unwrap_err().class,
                FailureClass::Duplicate { .. }
            )),
            _ => assert!(outcome.is_ok(), "{number}: {outcome:?}"),
        }
    }
    assert_eq!(stage.server.live_events(&stage.own()).len(), 50);
}

#[test]
fn a_batch_that_is_lost_is_unknown_as_a_whole_and_found_by_looking() {
    let stage = stage();
    stage.server.set_faults([Fault::on("POST").at("/batch").times(1).then(What::ResetAfterApply)]);
    let outcomes = run(stage.target().write_all(&creations(3)));
    assert!(outcomes.into_iter().all(|it| class(it) == FailureClass::Unknown));
    for number in 0..3 {
        assert!(stage.see(&item(&format!("s{number}"), number)).is_some());
    }
}

#[test]
fn a_token_that_ends_inside_a_batch_costs_its_parts_a_second_request() {
    let stage = stage();
    stage.server.set_faults([Fault::on("POST")
        .at("/events")
        .skip(1)
        .times(1)
        .then(What::refusal(401, "authError"))]);
    let outcomes = run(stage.target().write_all(&creations(3)));
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
}

#[test]
fn the_budget_of_a_user_is_not_exceeded_by_our_own_doing() {
    let quotas = Quotas { user: 30, ..Quotas::default() };
    let options = Options { quotas: Some(quotas), ..Options::default() };
    let stage = Stage::with(options, "requests_per_minute_per_user = 30", "").unwrap();
    stage.open();
    let mut refused = 0;
    for chunk in creations(60).chunks(10) {
        let outcomes = run(stage.target().write_all(chunk));
        refused += outcomes.iter().filter(|it| it.is_err()).count();
    }
    assert!(refused >= 30);
    assert_eq!(stage.server.counts().throttled, 0);
}

#[test]
fn doctor_names_what_is_missing_too_much_unknown_or_off() {
    let found = |scopes: &[&str], change: &dyn Fn(&Stage)| {
        let accounts = vec![ServiceAccount::delegated(scopes)];
        let stage = Stage::new(Options { accounts, ..Options::default() }, "");
        change(&stage);
        let findings = run(stage.target().check());
        let bad = findings.into_iter().filter(|it| it.level != FindingLevel::Good);
        bad.map(|it| (it.level, it.message, it.hint.unwrap_or_default())).collect::<Vec<_>>()
    };
    let ours = ["calendar.app.created", "calendar.calendarlist.readonly"];
    assert!(found(&ours, &|_| {}).is_empty());
    let [(level, message, hint)] = &found(&ours[..1], &|_| {})[..] else { panic!() };
    assert_eq!(*level, FindingLevel::Error);
    assert!(message.contains("calendarlist.readonly") && !message.contains("app.created"));
    assert!(
        hint.contains("Domain-wide delegation") && hint.contains(simulators::google::CLIENT_ID)
    );
    let [(level, message, hint)] = &found(&[ours[0], ours[1], "calendar"], &|_| {})[..] else {
        panic!()
    };
    assert_eq!(*level, FindingLevel::Warning);
    assert!(message.contains("auth/calendar` is delegated"), "{message}");
    assert!(hint.contains("take it off"));
    let people = |stage: &Stage| {
        stage.server.add_user("off@example.com", "UTC");
        stage
            .server
            .update(|it| it.users.get_mut("off@example.com").unwrap().without_calendar = true);
        let all = [ANNA, "off@example.com", "nobody@example.com"];
        stage.target().meet(Arc::new(directory(&all)));
    };
    let bad = found(&ours, &people);
    assert_eq!(bad.len(), 2, "{bad:?}");
    assert!(bad.iter().any(|it| it.1.contains("no such user: employee `nobody`")));
    assert!(bad.iter().any(|it| it.1.contains("service is off: employee `off`")));
    assert!(bad.iter().all(|it| !it.1.contains('@') && !it.2.is_empty()), "{bad:?}");
}

#[test]
fn somebody_unknown_keeps_nobody_else_from_their_shifts() {
    let stage = stage();
    let unknown = run(stage.target().open(&key("nobody@example.com")));
    assert_eq!(class(unknown), FailureClass::OwnerMissing);
    stage.create(&item("a", 1));
}

#[test]
fn a_first_calendar_is_read_no_further_than_our_own_events() {
    let accounts = vec![ServiceAccount::delegated(&["calendar.events.owned"])];
    let options = Options { accounts, ..Options::default() };
    let stage = Stage::new(options, "calendar = \"primary\"");
    assert_eq!(stage.open(), Opened::Found);
    let at = |text: &str| text.parse().unwrap();
    let plan = simulators::google::Plan::timed(
        "Dentist",
        at("2026-11-24T08:00:00Z"),
        at("2026-11-24T09:00:00Z"),
    );
    anna(&stage).plans(ANNA, plan);
    stage.create(&item("a", 1));
    let listing = run(stage.target().list(&key(ANNA), None)).unwrap();
    assert_eq!((listing.entries.len(), listing.full, listing.next), (1, true, None));
    assert_eq!(stage.server.live_events(ANNA).len(), 2);
}

#[test]
fn a_group_calendar_is_shown_to_its_people_and_no_longer_to_who_left() {
    let accounts = vec![ServiceAccount::delegated(&[
        "calendar.app.created",
        "calendar.calendarlist.readonly",
        "calendar.acls",
    ])];
    let options = Options { accounts, ..Options::default() };
    let stage = Stage::new(options, "shared = \"rota@example.com\"");
    stage.server.add_user("rota@example.com", "UTC");
    stage.server.add_user("ben@example.com", "UTC");
    let meet = |group_of_ben: &str| {
        let mut directory = directory(&[ANNA, "ben@example.com"]);
        for (id, employee) in &mut directory.employees {
            let group = if id.as_str() == "ben" { group_of_ben } else { "ward" };
            employee.group = Some(domain::ScheduleGroupId::new(group).unwrap());
        }
        stage.target().meet(Arc::new(directory));
    };
    let readers = || {
        let own = stage.server.secondary_calendars("rota@example.com");
        assert_eq!(own.len(), 1);
        assert_eq!(own[0].1, "Shifts – ward");
        stage.server.read(|state| {
            let rules = state.calendars[&own[0].0].acl.values();
            rules.filter(|it| it.role == "reader").map(|it| it.value.clone()).collect::<Vec<_>>()
        })
    };
    meet("ward");
    run(stage.target().open(&key("ward"))).unwrap();
    assert_eq!(readers(), [ANNA, "ben@example.com"]);
    meet("elsewhere");
    run(stage.target().open(&key("ward"))).unwrap();
    assert_eq!(readers(), [ANNA]);
}

#[test]
fn what_cannot_be_configured_is_said_with_its_key() {
    let refused = |keys: &str, mirror_keys: &str| {
        let outcome = Stage::with(Options::default(), keys, mirror_keys);
        outcome.err().map(|it| it.to_string()).unwrap_or_default()
    };
    assert!(refused("concurrency = 0", "").starts_with("`concurrency`"));
    assert!(refused("requests_per_minute = 0", "").starts_with("`requests_per_minute`"));
    assert!(refused("token_url = \"http://example.com/\"", "").starts_with("`token_url`"));
    assert!(refused("", "calendar = \" \"").starts_with("`calendar`"));
    assert!(refused("", "shared = \"rota\"").starts_with("`shared`"));
    let both = refused("", "calendar = \"primary\", shared = \"rota@example.com\"");
    assert!(both.starts_with("`calendar`"), "{both}");
}

#[test]
fn an_item_of_a_schedule_product_is_refused_without_asking() {
    let stage = stage();
    let shift: Item = item("a", 1);
    let written = stage.create(&shift);
    let before = stage.server.counts().requests;
    let refused = run(stage.target().update(&key(ANNA), &written.remote_id, None, &shift));
    assert_eq!(class(refused), FailureClass::Refused);
    let refused = run(stage.target().delete(&key(ANNA), &written.remote_id, None));
    assert_eq!(class(refused), FailureClass::Refused);
    assert_eq!(stage.server.counts().requests, before);
}

#[test]
fn a_sync_token_that_google_forgot_asks_for_everything_once() {
    let stage = stage();
    stage.create(&item("a", 1));
    let listed =
        |token: Option<&engine::port::DeltaToken>| run(stage.target().list(&key(ANNA), token));
    let old = listed(None).unwrap().next.unwrap();
    stage.server.forget_sync_tokens();
    let failure = listed(Some(&old)).unwrap_err();
    assert_eq!((failure.class, failure.status), (FailureClass::DeltaExpired, Some(410)));
    let whole = listed(None).unwrap();
    assert_eq!((whole.full, whole.entries.len()), (true, 1));
    let quiet = listed(whole.next.as_ref()).unwrap();
    assert_eq!((quiet.full, quiet.entries.len(), quiet.removed.len()), (false, 0, 0));
}
