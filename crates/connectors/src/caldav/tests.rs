//! Tables of map, classify, wire and config.

use std::time::Duration;

use domain::{Employee, EmployeeId, Entity, ScheduleGroupId, Shift, ShiftId, UtcInterval};
use engine::port::{FailureClass, Placement, QuotaScope, RemoteId};
use proptest::prelude::*;

use super::classify::{Asked, class_beside_calendar, class_of, class_of_error, is_ambiguous};
use super::client::CallError;
use super::config::{CaldavConfig, CaldavMirrorConfig};
use super::map::{Member, Template, item_path, member, strong_etag};
use super::wire::{self, Condition, WireError};
use crate::transport::SendError;
use crate::{ConnectionConfig, MirrorConfig};

fn shift(employee: &str, group: Option<&str>) -> Entity {
    let at = |text: &str| text.parse().unwrap();
    let interval = UtcInterval::new(at("2026-11-21T08:00:00Z"), at("2026-11-21T16:00:00Z"));
    Entity::Shift(Shift {
        id: ShiftId::new("s").unwrap(),
        employee: EmployeeId::new(employee).unwrap(),
        group: group.map(|group| ScheduleGroupId::new(group).unwrap()),
        label: "Late".into(),
        interval: interval.unwrap(),
        day: jiff::civil::date(2026, 11, 21),
        activities: vec![],
        notes: None,
    })
}

fn place(template: &str, employee: &str, email: Option<&str>, group: Option<&str>) -> String {
    let somebody = Employee {
        email: email.map(Into::into),
        ..Employee::unnamed(EmployeeId::new(employee).unwrap())
    };
    let template = Template::parse(template).unwrap();
    match template.place(&shift(employee, group), Some(&somebody)) {
        Placement::In(key) => key.to_string(),
        Placement::Unmapped(why) => format!("unmapped: {why}"),
        Placement::NotShown => "not shown".into(),
    }
}

#[test]
fn placeholders_are_filled_in_and_made_plain() {
    assert_eq!(place("{employee}/", "HN_0", None, None), "HN_0/");
    assert_eq!(place("{employee}", "Åsa Öberg/7", None, None), "-sa--berg-7/");
    assert_eq!(place("rota/{group}/", "a", None, Some("Süd 1")), "rota/S-d-1/");
    assert_eq!(place("x-{email}/", "a", Some("a.b@c.de"), None), "x-a-b-c-de/");
    assert_eq!(place("team/", "a", None, None), "team/");
    assert_eq!(place("./", "a", None, None), "./");
    assert_eq!(place("", "a", None, None), "./");
    assert_eq!(place("{employee}/", "..", None, None), "--/");
}

#[test]
fn who_lacks_what_the_place_needs_is_unmapped() {
    let text = place("{email}/", "a", None, None);
    assert_eq!(text, "unmapped: employee has no e-mail address");
    let text = place("{group}/", "a", None, None);
    assert_eq!(text, "unmapped: employee has no group");
}

#[test]
fn a_collection_that_cannot_be_one_is_refused_with_what_was_expected() {
    let check = |text: &str, expected: &str| {
        let error = Template::parse(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    };
    check("/abs/", "is absolute");
    check("https://example.com/", "is absolute");
    check("{agent}/", "`{agent}` is no placeholder; expected {employee}");
    check("{employee", "not closed");
    check("a b/", "' ' cannot stand in a collection");
    check("a//b/", "empty or a `..` segment");
    check("../{employee}/", "empty or a `..` segment");
}

#[test]
fn members_are_told_from_the_collection_and_from_everything_else() {
    let check = |href: &str, expected: Member| {
        assert_eq!(member("/dav/cal/anna/", href), expected, "{href}");
    };
    let object = |name: &str| Member::Object(RemoteId(name.into()));
    check("/dav/cal/anna/", Member::Itself);
    check("/dav/cal/anna", Member::Itself);
    check("https://host/dav/cal/anna/", Member::Itself);
    check("/dav/cal/anna/a.ics", object("a.ics"));
    check("/dav/cal/%61nna/%C3%A4%20b.ics", object("ä b.ics"));
    check("https://host:8443/dav/cal/anna/a.ics", object("a.ics"));
    check("a.ics", object("a.ics"));
    // Behind a proxy that takes a part of the path away.
    check("/cal/anna/a.ics", object("a.ics"));
    check("/dav/cal/anna/sub/", Member::Other);
    check("/dav/cal/anna/sub.ics/", Member::Other);
    check("/dav/cal/anna/readme.txt", Member::Other);
    check("/dav/cal/berta/a.ics", Member::Other);
    check("", Member::Other);
    check("https://host", Member::Other);
}

#[test]
fn only_strong_etags_are_etags() {
    for good in ["\"a\"", " \"W/a\" ", "\"\"", "\"0-1f&amp;\""] {
        assert!(strong_etag(good).is_some(), "{good}");
    }
    for bad in ["", "W/\"a\"", "w/\"a\"", "'a'", "abc", "%22a%22", "\"a", "\"", "\"a\"b\"", "\"ä\""]
    {
        assert!(strong_etag(bad).is_none(), "{bad}");
    }
}

#[test]
fn refusals_are_classified_once() {
    use Asked::{Account, Changes, Create, Delete, MakeCalendar, Read, Update};
    use FailureClass::{
        Bug, CalendarMissing, DeltaExpired, Forbidden, Missing, Precondition, Refused,
        Unauthorised, Unavailable, Unknown, Unsupported,
    };
    let all = [Account, Read, Changes, Create, Update, Delete, MakeCalendar];
    let table = [
        (&all[..], &[401][..], Unauthorised),
        (&[Read, Create, Update, Delete, MakeCalendar], &[402, 403, 302, 307], Forbidden),
        (&[Account], &[302, 307], Unauthorised),
        (&[Account], &[402, 403], Forbidden),
        (&[Changes], &[400, 403, 409, 410, 412, 500], DeltaExpired),
        (&[Read, Changes, Create], &[404], CalendarMissing),
        (&[Create, Update], &[409], CalendarMissing),
        (&[Update, Delete], &[404, 410], Missing),
        (&[Create, Update, Delete, MakeCalendar], &[412], Precondition),
        (&[Create, Update, Delete], &[400, 413, 415, 422], Refused),
        (&[MakeCalendar], &[404, 409], Refused),
        (&[Read, Changes, Create, Update, Delete, MakeCalendar], &[405, 501], Unsupported),
        (&[Create, Update, Delete, MakeCalendar], &[408, 500, 502, 504, 599, 202], Unknown),
        (&[Read], &[408, 500, 502, 504], Unavailable),
        (&[Changes], &[408, 502, 504], Unavailable),
        (&[Read, Changes, Create, Update, Delete, MakeCalendar], &[423, 503], Unavailable),
        (&[Read, Create], &[507], Unavailable),
        (&[Read], &[400, 412, 200, 418], Bug),
    ];
    for (asked, statuses, expected) in table {
        for asked in asked {
            for status in statuses {
                let found = class_of(*asked, *status, None, None);
                assert_eq!(found, expected, "{asked:?} {status}");
            }
        }
    }
}

#[test]
fn what_names_a_time_to_come_back_is_throttling() {
    let wait = Some(Duration::from_secs(7));
    let throttled =
        |retry_after| FailureClass::Throttled { retry_after, scope: QuotaScope::Connection };
    for asked in [Asked::Read, Asked::Changes, Asked::Create, Asked::Delete] {
        assert_eq!(class_of(asked, 429, None, wait), throttled(wait));
        assert_eq!(class_of(asked, 429, None, None), throttled(None));
        assert_eq!(class_of(asked, 503, None, wait), throttled(wait));
        assert_eq!(class_of(asked, 503, None, None), FailureClass::Unavailable);
    }
}

#[test]
fn a_named_precondition_says_more_than_the_status() {
    let check = |asked, status, condition: Condition, expected| {
        let found = class_of(asked, status, Some(&condition), None);
        assert_eq!(found, expected, "{condition:?}");
    };
    let other = || Condition::Other("valid-calendar-data".into());
    let taken = || Condition::UidConflict { href: None };
    let duplicate = || FailureClass::Duplicate { at: None };
    for status in [403, 409, 412] {
        check(Asked::Create, status, taken(), duplicate());
        check(Asked::Update, status, other(), FailureClass::Refused);
        check(Asked::Changes, status, Condition::ValidSyncToken, FailureClass::DeltaExpired);
    }
    check(Asked::Create, 403, Condition::NeedPrivileges, FailureClass::Forbidden);
    check(Asked::Create, 507, Condition::QuotaNotExceeded, FailureClass::Unavailable);
    check(Asked::Read, 403, Condition::SupportedReport, FailureClass::Unsupported);
    check(Asked::Read, 507, Condition::MatchesWithinLimits, FailureClass::Unsupported);
    check(Asked::MakeCalendar, 403, Condition::ResourceMustBeNull, FailureClass::Precondition);
}

#[test]
fn silence_is_unknown_only_for_what_may_have_been_written() {
    let detail = || "reset".to_owned();
    let unanswered = CallError::Send(SendError::Unanswered { detail: detail() });
    let not_sent = CallError::Send(SendError::NotSent { detail: detail() });
    for (asked, expected) in [
        (Asked::Read, FailureClass::Unavailable),
        (Asked::Changes, FailureClass::Unavailable),
        (Asked::Create, FailureClass::Unknown),
        (Asked::Update, FailureClass::Unknown),
        (Asked::Delete, FailureClass::Unknown),
        (Asked::MakeCalendar, FailureClass::Unknown),
    ] {
        assert_eq!(class_of_error(asked, &unanswered), expected);
        assert_eq!(class_of_error(asked, &not_sent), FailureClass::Unavailable);
    }
}

#[test]
fn an_answer_that_is_too_large_is_not_waited_for_again() {
    let status = http::StatusCode::MULTI_STATUS;
    let too_large = CallError::Send(SendError::TooLarge { status });
    for (asked, expected) in [
        (Asked::Account, FailureClass::Refused),
        (Asked::Read, FailureClass::Refused),
        (Asked::Changes, FailureClass::Refused),
        (Asked::Create, FailureClass::Unknown),
        (Asked::Delete, FailureClass::Unknown),
    ] {
        assert_eq!(class_of_error(asked, &too_large), expected);
    }
}

#[test]
fn a_put_refused_beside_a_calendar_that_exists_is_about_the_item() {
    let duplicate = FailureClass::Duplicate { at: None };
    for (asked, status, expected) in [
        (Asked::Create, 404, FailureClass::Refused),
        (Asked::Create, 409, duplicate.clone()),
        (Asked::Update, 404, FailureClass::Missing),
        (Asked::Update, 409, duplicate),
    ] {
        let class = class_of(asked, status, None, None);
        assert!(is_ambiguous(asked, status, &class), "{asked:?} {status}");
        assert_eq!(class_beside_calendar(asked, status), expected);
    }
    assert!(!is_ambiguous(Asked::Delete, 404, &FailureClass::Missing));
    let class = FailureClass::Duplicate { at: None };
    assert!(!is_ambiguous(Asked::Create, 409, &class));
}

const ANSWER: &str = r#"<?xml version="1.0"?>
<multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:x="urn:else">
 <response><href>/a/b.ics</href>
  <propstat><prop><getetag>&quot;1&quot;</getetag><C:calendar-data><![CDATA[BEGIN:V
END:V]]></C:calendar-data></prop><status>HTTP/1.1 200 OK</status></propstat>
  <propstat><prop><displayname/></prop><status>HTTP/1.1 404 Not Found</status></propstat>
 </response>
 <response><href>/a/c.ics</href><href>/a/d.ics</href>
  <status>HTTP/1.1 404 Not Found</status></response>
 <response><href>/a/</href><propstat><prop>
   <resourcetype><collection/><C:calendar/><x:calendar/></resourcetype>
   <current-user-privilege-set><privilege><read/></privilege><privilege><write/></privilege>
   </current-user-privilege-set></prop><status>HTTP/1.1 200 OK</status></propstat></response>
 <response><propstat/></response>
 <x:sync-token>no</x:sync-token><sync-token> t:1 </sync-token>
</multistatus>"#;

#[test]
fn an_answer_is_read_by_name_space_whatever_the_prefix() {
    let answer = wire::multistatus(ANSWER.as_bytes()).unwrap();
    let [object, gone, gone_too, folder] = &answer.responses[..] else {
        panic!("{answer:?}");
    };
    assert_eq!(answer.sync_token.as_deref(), Some("t:1"));
    assert_eq!(object.properties.etag.as_deref(), Some("\"1\""));
    let data = object.properties.calendar_data.as_deref();
    assert_eq!(data, Some("BEGIN:V\nEND:V"));
    assert_eq!((gone.href.as_str(), gone.status), ("/a/c.ics", Some(404)));
    assert_eq!((gone_too.href.as_str(), gone_too.status), ("/a/d.ics", Some(404)));
    assert!(folder.properties.is_calendar && folder.properties.is_collection);
    let granted = folder.properties.privileges.clone().unwrap();
    assert_eq!(granted, ["read", "write"]);
}

#[test]
fn preconditions_are_recognised_where_servers_put_them() {
    let check = |body: &str, expected: Option<Condition>| {
        assert_eq!(wire::condition(body.as_bytes()), expected, "{body}");
    };
    let error = |inner: &str| {
        format!(
            r#"<d:error xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"
              xmlns:v="urn:ietf:params:xml:ns:carddav" xmlns:s="http://sabredav.org/ns">{inner}</d:error>"#
        )
    };
    let conflict = |href: Option<&str>| Some(Condition::UidConflict { href: href.map(Into::into) });
    let named = "<c:no-uid-conflict><d:href> /a/b.ics </d:href></c:no-uid-conflict>";
    check(&error(named), conflict(Some("/a/b.ics")));
    check(&error("<v:no-uid-conflict/>"), conflict(None));
    check(&error("<c:unique-scheduling-object-resource/>"), conflict(None));
    check(&error("<d:valid-sync-token/>"), Some(Condition::ValidSyncToken));
    let sabre = "<s:exception>Sabre\\DAV\\Exception\\PreconditionFailed</s:exception>";
    check(&error(sabre), None);
    check("<html><body>Forbidden</body></html>", None);
    check("", None);
    check("not xml", None);
}

#[test]
fn an_answer_that_defines_entities_is_refused() {
    let bomb = r#"<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>
        <multistatus xmlns="DAV:"><sync-token>&b;</sync-token></multistatus>"#;
    let found = wire::multistatus(bomb.as_bytes());
    assert_eq!(found, Err(WireError::Xml(roxmltree::Error::DtdDetected)));
}

#[test]
fn an_element_with_too_many_attributes_is_refused() {
    let crowded = |count: usize| {
        let attributes = (0..count).map(|it| format!(" a{it} = '\">'"));
        let before = "<?a <a?><!-- <a b=\"' --><![CDATA[ <a = \" ]]>";
        format!(
            "<multistatus xmlns=\"DAV:\">{before}<x{}/><y/></multistatus>",
            attributes.collect::<String>()
        )
    };
    assert_eq!(wire::multistatus(crowded(64).as_bytes()), Ok(wire::Multistatus::default()));
    assert_eq!(wire::multistatus(crowded(65).as_bytes()), Err(WireError::Attributes));
    assert_eq!(wire::condition(crowded(65).as_bytes()), None);
    // Text is no attribute.
    let text = "=".repeat(100);
    let text = format!("<multistatus xmlns=\"DAV:\"><![CDATA[<{text}]]>{text}</multistatus>");
    assert!(wire::multistatus(text.as_bytes()).is_ok());
}

#[test]
fn a_long_answer_is_read_like_a_short_one() {
    let padding = format!("<!--{}-->", " ".repeat(300 * 1024));
    let long = ANSWER.replace("<x:sync-token>", &format!("{padding}<x:sync-token>"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let read = runtime.block_on(wire::read_multistatus(long.into()));
    assert_eq!(read, wire::multistatus(ANSWER.as_bytes()));
}

#[test]
fn a_deep_answer_does_no_harm() {
    let depth = 200_000;
    let deep = format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    // Refused or read, but not a stack overflow.
    let _ = wire::multistatus(deep.as_bytes());
    let _ = wire::condition(deep.as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_answer_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = wire::multistatus(&bytes);
        let _ = wire::condition(&bytes);
    }

    #[test]
    fn no_answer_that_was_damaged_makes_the_reader_panic(
        at in 0..ANSWER.len(), length in 0usize..40, with in ".{0,8}",
    ) {
        let mut bytes = ANSWER.as_bytes().to_vec();
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, with.bytes());
        if let Ok(answer) = wire::multistatus(&bytes) {
            for response in answer.responses {
                let _ = member("/a/", &response.href);
            }
        }
        let _ = wire::condition(&bytes);
    }

    #[test]
    fn any_href_is_read_without_panic(href in ".{0,60}", collection in "(/[a-z%0-9]{0,5}){0,4}/") {
        let _ = member(&collection, &href);
    }

    #[test]
    fn any_name_survives_the_way_to_the_server_and_back(name in "[^\u{0}-\u{1f}]{1,40}") {
        let id = RemoteId(format!("{name}.ics"));
        let path = item_path("/dav/anna/", &id);
        prop_assert!(path.is_ascii());
        prop_assert_eq!(member("/dav/anna/", &path), Member::Object(id));
    }

    #[test]
    fn any_token_is_well_formed_in_a_request(token in "\\PC{0,40}") {
        let body = wire::sync_collection(&token);
        let document = roxmltree::Document::parse(&body).unwrap();
        let node = document.descendants().find(|it| it.has_tag_name(("DAV:", "sync-token")));
        prop_assert_eq!(node.unwrap().text().unwrap_or_default(), token);
    }

    #[test]
    fn a_placement_is_plain_whatever_the_employee_is_called(id in "[^\\p{Cc}]{1,60}") {
        prop_assume!(!id.trim().is_empty());
        let found = place("{employee}/", &id, None, None);
        let name = found.strip_suffix('/').unwrap();
        prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')));
    }
}

fn connection(keys: &str) -> Result<(), String> {
    let section = toml::de::ValueDeserializer::parse(keys).unwrap();
    let config = <CaldavConfig as serde::Deserialize>::deserialize(section);
    let config = config.map_err(|error| error.to_string())?;
    config.validate().map_err(|error| error.to_string())
}

#[test]
fn a_connection_says_which_key_is_wrong_and_what_was_expected() {
    let check = |keys: &str, expected: &str| {
        let error = connection(keys).unwrap_err();
        assert!(error.contains(expected), "{keys}\n{error}");
    };
    check(r#"{ url = "dav.example.com" }"#, "`url`: relative URL without a base");
    check(r#"{ url = "ftp://dav.example.com" }"#, "scheme `ftp` found, expected `https`");
    check(r#"{ url = "http://dav.example.com" }"#, "or `allow_http = true`");
    check(r#"{ url = "https://me:pw@dav.example.com" }"#, "`url`: holds credentials");
    check(r#"{ url = "https://a/?x=1" }"#, "`url`: holds `?` or `#`");
    check(r#"{ url = "https://a", username = "x" }"#, "`password_file`: missing");
    check(r#"{ url = "https://a", password_file = "x" }"#, "`username`: missing");
    let both = r#"{ url = "https://a", username = "x", password_file = "p", token_file = "t" }"#;
    check(both, "`token_file`: cannot stand beside");
    let colon = r#"{ url = "https://a", username = "x:y", password_file = "p" }"#;
    check(colon, "`username`: holds a `:`");
    check(r#"{ url = "https://a", concurrency = 0 }"#, "0 found, expected 1 to 64");
    check(r#"{ url = "https://a", timeout = "5m" }"#, "`5m` found, expected 100ms to 20s");
    check(r#"{ url = "https://a", timeout = "soon" }"#, "`soon` found");
    check(r#"{ url = "https://a", pasword_file = "x" }"#, "password_file");
}

#[test]
fn loopback_and_trusted_networks_may_do_without_tls() {
    for url in ["http://127.0.0.1:5232/", "http://[::1]:5232", "http://localhost"] {
        assert_eq!(connection(&format!(r#"{{ url = "{url}" }}"#)), Ok(()), "{url}");
    }
    let trusted = r#"{ url = "http://dav.lan/", allow_http = true, timeout = "2s 500ms" }"#;
    assert_eq!(connection(trusted), Ok(()));
}

#[test]
fn a_mirror_says_what_is_wrong_with_its_collection() {
    let mirror = |text: &str| CaldavMirrorConfig {
        collection: Some(text.into()),
        conflict_collections: Vec::new(),
    };
    let error = mirror("{who}/").validate().unwrap_err().to_string();
    assert!(error.starts_with("`collection`: `{who}` is no placeholder"), "{error}");
    assert!(CaldavMirrorConfig::default().validate().is_ok());
    assert_eq!(mirror("{employee}").profile(), mirror("{employee}/").profile());
    assert_ne!(mirror("{employee}").profile(), CaldavMirrorConfig::default().profile());
}
