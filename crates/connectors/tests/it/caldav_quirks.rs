//! The `caldav` provider among what other people and other servers do.

use std::path::Path;

use domain::{CalendarKey, OriginTag};
use engine::port::{DeltaToken, FailureClass, FindingLevel, Probe, RemoteId, Sighting};
use simulators::caldav::{
    CaldavServer, Making, Options, Rewriting, SyncSupport, UidCheck, WellKnown,
};
use testkit::builders::{mirror, shift_key};

use crate::caldav::{run, target, target_in};
use crate::caldav_faults::{Stage, item};

fn foreign(uid: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
         DTSTAMP:20261121T000000Z\r\nDTSTART:20261121T080000Z\r\nDTEND:20261121T090000Z\r\n\
         SUMMARY:Dentist\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

fn look(stage: &Stage, probe: Probe) -> Sighting {
    let seen = run(stage.target.look(&stage.calendar, &[probe])).unwrap();
    seen.into_iter().next().unwrap()
}

fn at(id: &RemoteId) -> Probe {
    Probe { key: None, generation: 0, remote_id: Some(id.clone()), shows: None }
}

#[test]
fn what_others_wrote_is_listed_and_carries_no_origin_of_ours() {
    let stage = Stage::new(Options::default());
    stage.server.put_object("anna/", "their event, ä.ics", foreign("1"));
    stage.server.put_object("anna/", "readme.txt", "BEGIN:VCALENDAR");
    stage.server.add_calendar("anna/nested/");
    let listing = run(stage.target.list(&stage.calendar, None)).unwrap();
    let [entry] = &listing.entries[..] else {
        panic!("{listing:?}");
    };
    assert_eq!(entry.remote_id.0, "their event, ä.ics");
    let Sighting::Present(seen) = look(&stage, at(&entry.remote_id)) else {
        panic!("it is there");
    };
    assert_eq!((seen.origin, seen.etag), (None, entry.etag.clone()));
    assert!(seen.fingerprint.is_some());
}

#[test]
fn what_others_changed_is_seen_to_be_changed() {
    let stage = Stage::new(Options::default());
    let ours = item("a", "Late");
    let written = stage.create(&ours).unwrap();
    let name = written.remote_id.0.as_str();
    let text = |stage: &Stage| {
        let bytes = stage.server.objects("anna/").remove(name).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    let moved = text(&stage).replace("T080000Z", "T070000Z");
    stage.server.put_object("anna/", name, moved);
    let Sighting::Present(seen) = look(&stage, at(&written.remote_id)) else {
        panic!("it is there");
    };
    assert_eq!(seen.origin, Some(ours.origin.clone()));
    assert_ne!(seen.fingerprint, Some(ours.content.fingerprint()));
    assert_ne!(seen.etag, written.etag);
    for beyond in ["RRULE:FREQ=DAILY", "STATUS:CANCELLED"] {
        let changed = text(&stage).replace("STATUS:CONFIRMED\r\n", "");
        let changed = changed.replace("END:VEVENT", &format!("{beyond}\r\nEND:VEVENT"));
        stage.server.put_object("anna/", name, changed);
        let Sighting::Present(seen) = look(&stage, at(&written.remote_id)) else {
            panic!("it is there");
        };
        assert_eq!(seen.fingerprint, None, "{beyond}");
        assert!(seen.origin.is_some());
    }
}

/// What an object that somebody else put into the calendar says of its origin.
fn origin_of(stage: &Stage, text: String) -> Option<OriginTag> {
    stage.server.put_object("anna/", "copy.ics", text);
    let probes = [None, Some(shift_key("a").into())].map(|key| Probe {
        key,
        generation: 0,
        remote_id: Some(RemoteId("copy.ics".into())),
        shows: None,
    });
    let [unasked, asked] = probes.map(|probe| match look(stage, probe) {
        Sighting::Present(seen) => seen.origin,
        Sighting::Absent | Sighting::Alike(_) => panic!("it is there"),
    });
    assert_eq!(unasked, asked);
    asked
}

#[test]
fn a_copy_of_an_item_is_somebody_elses() {
    let stage = Stage::new(Options { uid_check: UidCheck::None, ..Options::default() });
    let ours = item("a", "Late");
    let written = stage.create(&ours).unwrap();
    let uid = written.remote_id.0.replace(".ics", "");
    let bytes = stage.server.objects("anna/").remove(&written.remote_id.0).unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.contains("X-ROTABRIDGE-ORIGIN"));
    assert_eq!(origin_of(&stage, text.replace(&uid, "copied-by-a-client")), None);
    // The tag of one event proves nothing about another one of the same object.
    let (_, event) = text.split_once("BEGIN:VEVENT").unwrap();
    let (event, _) = event.split_once("END:VEVENT").unwrap();
    let untagged: Vec<_> = event.lines().filter(|it| !it.starts_with(['X', ' '])).collect();
    let beside = text.replace(&uid, "copied-by-a-client").replace(
        "END:VCALENDAR",
        &format!("BEGIN:VEVENT{}\r\nEND:VEVENT\r\nEND:VCALENDAR", untagged.join("\r\n")),
    );
    stage.server.put_object("anna/", "copy.ics", beside);
    let unasked = look(&stage, at(&RemoteId("copy.ics".into())));
    assert!(matches!(unasked, Sighting::Present(seen) if seen.origin.is_none()));
    // The item itself, under another name, is still ours.
    assert_eq!(origin_of(&stage, text), Some(ours.origin));
}

#[test]
fn a_made_up_tag_is_somebody_elses() {
    let stage = Stage::new(Options::default());
    let mine = item("never-in-the-roster", "Late").origin;
    let tagged = |uid: &str, tag: &OriginTag| {
        let line = format!("X-ROTABRIDGE-ORIGIN:{tag}\r\nSUMMARY");
        foreign(uid).replace("SUMMARY", &line)
    };
    assert_eq!(origin_of(&stage, tagged("1", &mine)), None);
    let elsewhere = CalendarKey::new("berta/").unwrap();
    let name = stage.target.remote_id(&elsewhere, &mine.item(), 0).unwrap();
    let uid = name.0.replace(".ics", "");
    assert_eq!(origin_of(&stage, tagged(&uid, &mine)), None, "of another calendar");
    let name = stage.target.remote_id(&stage.calendar, &mine.item(), 0).unwrap();
    let uid = name.0.replace(".ics", "");
    let later = OriginTag { generation: 1, ..mine.clone() };
    assert_eq!(origin_of(&stage, tagged(&uid, &later)), None, "of another generation");
    assert_eq!(origin_of(&stage, tagged(&uid, &mine)), Some(mine));
}

#[test]
fn a_uid_that_is_taken_says_where_the_other_item_is() {
    for (uid_check, expected) in
        [(UidCheck::Named, Some(RemoteId("elsewhere.ics".into()))), (UidCheck::Bare, None)]
    {
        let stage = Stage::new(Options { uid_check, ..Options::default() });
        let ours = item("a", "Late");
        let id = stage.target.remote_id(&stage.calendar, &ours.origin.item(), 0);
        let uid = id.unwrap().0.replace(".ics", "");
        stage.server.put_object("anna/", "elsewhere.ics", foreign(&uid));
        let failure = stage.create(&ours).unwrap_err();
        assert_eq!(failure.class, FailureClass::Duplicate { at: expected });
    }
}

#[test]
fn an_item_without_its_tag_is_known_by_its_uid() {
    let stage = Stage::new(Options { rewriting: Rewriting::DropsUnknown, ..Options::default() });
    let ours = item("a", "Late");
    let written = stage.create(&ours).unwrap();
    let by_key = Probe {
        key: Some(shift_key("a").into()),
        generation: 0,
        remote_id: Some(written.remote_id.clone()),
        shows: None,
    };
    let Sighting::Present(seen) = look(&stage, by_key) else {
        panic!("it is there");
    };
    let origin = seen.origin.expect("derived");
    assert_eq!((origin.mirror, origin.key), (mirror(), ours.origin.key));
    // Whoever asks without a key cannot be told.
    let Sighting::Present(seen) = look(&stage, at(&written.remote_id)) else {
        panic!("it is there");
    };
    assert_eq!(seen.origin, None);
    // And a stranger's item under our name is not ours.
    stage.server.put_object("anna/", &written.remote_id.0, foreign("stranger"));
    let by_key =
        Probe { key: Some(shift_key("a").into()), generation: 0, remote_id: None, shows: None };
    let Sighting::Present(seen) = look(&stage, by_key) else {
        panic!("it is there");
    };
    assert_eq!(seen.origin, None);
}

#[test]
fn a_probe_that_points_nowhere_finds_nothing() {
    let stage = Stage::new(Options::default());
    let nowhere = Probe { key: None, generation: 0, remote_id: None, shows: None };
    assert_eq!(look(&stage, nowhere), Sighting::Absent);
    assert_eq!(run(stage.target.look(&stage.calendar, &[])), Ok(vec![]));
}

#[test]
fn a_token_that_was_dropped_by_the_server_is_expired() {
    let stage = Stage::new(Options::default());
    let listing = run(stage.target.list(&stage.calendar, None)).unwrap();
    stage.server.expire_tokens("anna/");
    let list = |token: &DeltaToken| run(stage.target.list(&stage.calendar, Some(token)));
    let failure = list(listing.next.as_ref().unwrap()).unwrap_err();
    assert_eq!(failure.class, FailureClass::DeltaExpired);
    // A calendar that was made anew knows none of the old tokens.
    let fresh = run(stage.target.list(&stage.calendar, None)).unwrap();
    stage.server.remove_calendar("anna/");
    stage.server.add_calendar("anna/");
    let failure = list(fresh.next.as_ref().unwrap()).unwrap_err();
    assert_eq!(failure.class, FailureClass::DeltaExpired);
}

#[test]
fn a_listing_in_full_costs_one_request_and_so_does_a_quiet_delta() {
    let stage = Stage::new(Options::default());
    for number in 0..50 {
        stage.create(&item(&number.to_string(), "Late")).unwrap();
    }
    stage.server.clear_log();
    let listing = run(stage.target.list(&stage.calendar, None)).unwrap();
    run(stage.target.list(&stage.calendar, listing.next.as_ref())).unwrap();
    assert_eq!(stage.server.count_all(), 2);
}

#[test]
fn a_server_that_makes_no_calendars_is_named_with_its_answer() {
    let stage = Stage::new(Options { making: Making::Refused, ..Options::default() });
    let calendar = CalendarKey::new("berta/").unwrap();
    let failure = run(stage.target.open(&calendar)).unwrap_err();
    let expected = "cannot make the calendar `berta/`: HTTP 403: Forbidden (forbidden)";
    assert_eq!(failure.to_string(), expected);
}

#[test]
fn a_folder_that_is_no_calendar_is_left_alone() {
    let stage = Stage::new(Options::default());
    stage.server.add_folder("plain/");
    let calendar = CalendarKey::new("plain/").unwrap();
    let failure = run(stage.target.open(&calendar)).unwrap_err();
    assert_eq!(failure.class, FailureClass::Refused);
    assert!(failure.detail.contains("no calendar"), "{failure}");
}

#[test]
fn a_calendar_below_a_folder_that_is_missing_is_not_made() {
    let stage = Stage::new(Options::default());
    let calendar = CalendarKey::new("no/berta/").unwrap();
    let failure = run(stage.target.open(&calendar)).unwrap_err();
    assert_eq!(failure.class, FailureClass::Refused, "{failure}");
}

#[test]
fn an_account_that_may_only_read_is_told_by_check_and_refused_by_class() {
    let stage = Stage::new(Options { read_only: true, ..Options::default() });
    let findings = run(stage.target.check());
    let bad = findings.iter().find(|it| it.level == FindingLevel::Error);
    assert!(bad.unwrap().message.contains("may not write"), "{findings:?}");
    let failure = stage.create(&item("a", "Late")).unwrap_err();
    assert_eq!(failure.class, FailureClass::Forbidden);
}

#[test]
fn a_check_writes_nothing_and_notices_the_clock() {
    let stage = Stage::new(Options {
        date: Some("Sun, 06 Nov 1994 08:49:37 GMT".into()),
        ..Options::default()
    });
    let findings = run(stage.target.check());
    let skew = findings.iter().find(|it| it.level == FindingLevel::Warning);
    assert!(skew.unwrap().message.contains("ahead of the server's"), "{findings:?}");
    for seen in stage.server.requests() {
        assert!(matches!(seen.method.as_str(), "OPTIONS" | "PROPFIND"), "{seen:?}");
    }
}

#[test]
fn a_redirect_is_followed_on_the_same_server_and_credentials_go_nowhere_else() {
    let trap = CaldavServer::start(Options::default()).unwrap();
    let check = |well_known: WellKnown| {
        let server = CaldavServer::start(Options { well_known, ..Options::default() });
        let server = server.unwrap();
        let keys = format!("url = \"{}\"", server.root_url());
        let target = target_in(Path::new("/"), &mirror(), &keys, "").unwrap();
        run(target.open(&CalendarKey::new("anna/").unwrap()))
    };
    assert!(check(WellKnown::Redirects).is_ok());
    // The root names the principal too.
    assert!(check(WellKnown::Missing).is_ok());
    let refused = check(WellKnown::RedirectsTo(trap.root_url())).unwrap_err();
    assert_eq!(refused.class, FailureClass::Unauthorised);
    assert!(refused.detail.contains("redirects to `http://127.0.0.1:"), "{refused}");
    assert_eq!(trap.count_all(), 0);
}

#[test]
fn a_report_that_stops_being_answered_is_replaced_by_a_listing() {
    let stage = Stage::new(Options { sync: SyncSupport::RefusedBare, ..Options::default() });
    stage.create(&item("a", "Late")).unwrap();
    let token = DeltaToken("from another life".into());
    let target = target(&stage.server);
    let failure = run(target.list(&stage.calendar, Some(&token))).unwrap_err();
    assert_eq!(failure.class, FailureClass::DeltaExpired);
    let listing = run(target.list(&stage.calendar, None)).unwrap();
    assert_eq!((listing.entries.len(), listing.next, listing.full), (1, None, true));
}
