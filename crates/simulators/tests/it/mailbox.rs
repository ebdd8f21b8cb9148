//! The played mailbox: what `calendars.md` §1 says of Outlook, held against the player.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use simulators::graph::mailbox::{MailboxOptions, Notice, OUTLOOK_ROLES, Span};
use simulators::graph::{App, Options};

use crate::graph_examples::misfits;
use crate::world::{Answer, World};

const TAG: &str = "String {6f1c1e8e-0000-4000-8000-000000000001} Name Tag";

fn options(mailbox: MailboxOptions) -> Options {
    let roles = OUTLOOK_ROLES.map(String::from).to_vec();
    Options { apps: vec![App { roles, ..App::default() }], mailbox, ..Options::default() }
}

/// A world in which Anna has a mailbox.
fn world(mailbox: MailboxOptions) -> World {
    let world = World::bare(options(mailbox));
    world.graph.add_mailbox(&world.anna);
    world
}

fn shift(hour: u32, tag: &str) -> Value {
    json!({
        "subject": "Late", "body": { "contentType": "text", "content": "a <b>\nc" },
        "start": { "dateTime": format!("2026-11-24T{hour:02}:00:00"), "timeZone": "UTC" },
        "end": { "dateTime": format!("2026-11-24T{:02}:30:00", hour), "timeZone": "UTC" },
        "showAs": "busy", "isReminderOn": false, "transactionId": format!("t-{tag}"),
        "singleValueExtendedProperties": [{ "id": TAG, "value": tag }],
    })
}

impl World {
    fn of_anna(&self, method: &str, below: &str, body: Option<&Value>) -> Answer {
        let world = self.with("prefer", "IdType=\"ImmutableId\"");
        world.ask(method, &format!("users/{}/{below}", self.anna), body)
    }

    fn made(&self, hour: u32, tag: &str) -> String {
        let answer = self.of_anna("POST", "events", Some(&shift(hour, tag)));
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.id()
    }
}

/// A path with a query, encoded.
fn query(path: &str, pairs: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{path}?{}", query.replace('+', "%20"))
}

const VIEW: [(&str, &str); 2] =
    [("startDateTime", "2026-11-23T00:00:00Z"), ("endDateTime", "2026-11-30T00:00:00Z")];

#[test]
fn the_same_transaction_makes_one_event_and_no_answer_shows_the_property() {
    let world = world(MailboxOptions::default());
    let first = world.of_anna("POST", "events", Some(&shift(8, "a")));
    let again = world.of_anna("POST", "events", Some(&shift(9, "a")));
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.id(), again.id());
    assert_eq!(first.body["start"], again.body["start"], "the one that is there");
    assert!(first.body.get("singleValueExtendedProperties").is_none());
}

#[test]
fn events_are_found_by_the_property_and_show_it_only_when_it_is_expanded() {
    let world = world(MailboxOptions {
        property_lag: Duration::from_secs(30),
        ..MailboxOptions::default()
    });
    let id = world.made(8, "one");
    world.made(9, "two");
    let filter =
        format!("singleValueExtendedProperties/Any(ep: ep/id eq '{TAG}' and ep/value eq 'ONE')");
    let found = |pairs: &[(&str, &str)]| world.of_anna("GET", &query("events", pairs), None);
    assert!(found(&[("$filter", &filter)]).ids().is_empty(), "filters lag behind");
    world.pass(30_000);
    let bare = found(&[("$filter", &filter)]);
    assert_eq!(bare.ids(), [id]);
    assert!(bare.body["value"][0].get("singleValueExtendedProperties").is_none());
    let expand = format!("singleValueExtendedProperties($filter=id eq '{TAG}')");
    let full = found(&[("$filter", &filter), ("$expand", &expand)]);
    assert_eq!(full.body["value"][0]["singleValueExtendedProperties"][0]["value"], "one");
}

#[test]
fn an_old_etag_is_refused_and_an_ordinary_id_changes_with_the_calendar() {
    let world = world(MailboxOptions::default());
    let id = world.made(8, "a");
    let path = format!("events/{}", id.replace('=', "%3D"));
    let etag = world.of_anna("GET", &path, None).body["@odata.etag"].as_str().unwrap().to_owned();
    let change = json!({ "subject": "Later" });
    assert_eq!(world.of_anna("PATCH", &path, Some(&change)).status, 200);
    let stale = world.with("if-match", &etag).of_anna("PATCH", &path, Some(&change));
    assert_eq!((stale.status, stale.code()), (412, "ErrorIrresolvableConflict"));
    let ordinary = world.ask("GET", &format!("users/{}/events", world.anna), None).ids().remove(0);
    assert_ne!(ordinary, id);
    assert!(world.graph.at_calendar(&world.anna).moves_to_calendar(&id, "Private"));
    let ordinary = format!("events/{}", ordinary.replace('=', "%3D"));
    assert_eq!(world.of_anna("GET", &ordinary, None).status, 404);
    assert_eq!(world.of_anna("GET", &path, None).status, 200);
}

#[test]
fn a_delta_tells_what_changed_in_its_range_and_calls_the_rest_removed() {
    let world = world(MailboxOptions { page_size: 2, ..MailboxOptions::default() });
    let ids = [world.made(8, "a"), world.made(9, "b"), world.made(10, "c")];
    let first = world.of_anna("GET", &query("calendarView/delta", &VIEW), None);
    assert_eq!(first.ids().len(), 2);
    let follow = |answer: &Answer, name: &str| {
        let link = answer.body[name].as_str().unwrap().split("/v1.0").nth(1).unwrap().to_owned();
        world.with("prefer", "IdType=\"ImmutableId\"").ask("GET", &link[1..], None)
    };
    let second = follow(&first, "@odata.nextLink");
    assert_eq!(second.ids().len(), 1);
    let quiet = follow(&second, "@odata.deltaLink");
    assert!(quiet.ids().is_empty());
    let anna = world.graph.at_calendar(&world.anna);
    let far = |hour: &str| format!("2027-03-01T{hour}:00:00Z").parse().unwrap();
    anna.moves(&ids[0], Span::Timed(far("08"), far("09")));
    anna.deletes(&ids[1]);
    let elsewhere = anna.books("Far away", Span::Timed(far("10"), far("11")), &[]).unwrap();
    anna.renames(&ids[2], "Renamed");
    let mut changed = follow(&second, "@odata.deltaLink");
    let mut told = Vec::new();
    loop {
        for entry in changed.body["value"].as_array().unwrap() {
            let id = entry["id"].as_str().unwrap().to_owned();
            told.push((id, entry.get("@removed").is_some()));
        }
        if changed.body.get("@odata.nextLink").is_none() {
            break;
        }
        changed = follow(&changed, "@odata.nextLink");
    }
    told.sort();
    let [a, b, c] = ids;
    let mut expected = vec![(a, true), (b, true), (c, false), (elsewhere, true)];
    expected.sort();
    assert_eq!(told, expected);
    world.graph.expire_delta_tokens(&world.anna);
    let expired = follow(&changed, "@odata.deltaLink");
    assert_eq!((expired.status, expired.code()), (410, "syncStateNotFound"));
}

#[test]
fn a_mailbox_takes_four_at_once_and_ten_thousand_in_ten_minutes() {
    let takes = Duration::from_millis(500);
    let at_once = world(MailboxOptions { takes, requests: 6, ..MailboxOptions::default() });
    let status = || at_once.of_anna("GET", "calendars", None).status;
    assert_eq!([status(), status(), status(), status(), status()], [200, 200, 200, 200, 429]);
    at_once.pass(500);
    assert_eq!([status(), status(), status()], [200, 200, 429]);
    at_once.pass(300_000);
    let throttled = at_once.of_anna("GET", "calendars", None);
    assert_eq!(throttled.code(), "ApplicationThrottled");
    let wait: f64 = throttled.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((290.0..310.0).contains(&wait), "{wait}");
}

#[test]
fn roles_and_licences_and_scopes_are_asked_for() {
    let world = World::bare(options(MailboxOptions::default()));
    world.graph.add_mailbox(&world.anna);
    let to = |user: &str| world.ask("GET", &format!("users/{user}/calendars"), None);
    let unlicensed = to(&world.ben);
    assert_eq!((unlicensed.status, unlicensed.code()), (404, "MailboxNotEnabledForRESTAPI"));
    assert_eq!(to("nobody").code(), "ErrorInvalidUser");
    let scoped = World::bare(Options {
        apps: vec![App { roles: vec![], ..App::default() }],
        ..Options::default()
    });
    scoped.graph.add_mailbox(&scoped.anna);
    let path = format!("users/{}/calendars", scoped.anna);
    assert_eq!(scoped.ask("GET", &path, None).code(), "ErrorAccessDenied");
    scoped.graph.update(|state| state.apps[0].mailbox_scope.push(scoped.anna.clone()));
    assert_eq!(scoped.ask("GET", &path, None).status, 200);
}

#[test]
fn of_a_series_only_the_occurrence_goes_and_a_meeting_of_others_is_declined() {
    let world = world(MailboxOptions::default());
    world.graph.add_mailbox(&world.ben);
    let at = |hour: &str| format!("2026-11-24T{hour}:00:00Z").parse().unwrap();
    let span = Span::Timed(at("08"), at("09"));
    let ben = world.graph.at_calendar(&world.ben);
    let meeting = ben.books("Standup", span, &[&world.anna]).unwrap();
    ben.makes_a_series_of(&meeting, 1, 5);
    let view = || world.of_anna("GET", &query("calendarView", &VIEW), None);
    assert_eq!(view().ids().len(), 1);
    let anna = world.graph.at_calendar(&world.anna);
    let mine = view().ids().remove(0);
    anna.makes_a_series_of(&mine, 1, 3);
    let days = view().ids();
    assert_eq!(days.len(), 3);
    let decline = format!("events/{}/decline", days[1].replace('=', "%3D"));
    let body = json!({ "comment": "on shift", "sendResponse": true });
    assert_eq!(world.of_anna("POST", &decline, Some(&body)).status, 202);
    assert_eq!(view().ids(), [days[0].clone(), days[2].clone()]);
    let mails = world.graph.mailbox(&world.anna).unwrap().mails;
    assert_eq!(mails.iter().map(|it| it.kind).collect::<Vec<_>>(), ["declined"]);
    let own = format!("users/{}/events/{}/decline", world.ben, meeting.replace('=', "%3D"));
    assert_eq!(world.ask("POST", &own, Some(&body)).status, 400);
}

#[test]
fn a_subscription_needs_an_echo_and_tells_of_changes_with_its_secret() {
    let seen: Arc<Mutex<Vec<Notice>>> = Arc::default();
    let log = Arc::clone(&seen);
    let notify = move |notice: &Notice| {
        log.lock().unwrap().push(notice.clone());
        let token = url::Url::parse(&notice.url).unwrap();
        let token = token.query_pairs().find(|(name, _)| name == "validationToken");
        let token = token.map(|(_, value)| value.into_owned()).unwrap_or_default();
        let kind = if notice.url.contains("wrong") { "text/html" } else { "text/plain" };
        Ok((200, kind.to_owned(), token))
    };
    let world =
        world(MailboxOptions { notify: Some(Arc::new(notify)), ..MailboxOptions::default() });
    let body = |url: &str| {
        json!({
            "changeType": "created,updated,deleted", "notificationUrl": url,
            "lifecycleNotificationUrl": url, "resource": format!("/users/{}/events", world.anna),
            "expirationDateTime": "2026-11-25T06:00:00Z", "clientState": "secret",
        })
    };
    let ask = |url: &str| world.ask("POST", "subscriptions", Some(&body(url)));
    assert_eq!(ask("http://rota.example/wrong").code(), "ValidationError");
    let made = ask("http://rota.example/hooks/m365");
    assert_eq!(made.status, 201, "{}", made.body);
    seen.lock().unwrap().clear();
    world.made(8, "a");
    assert_eq!(world.graph.deliver_notifications(), 1);
    world.graph.tell_lifecycle("missed");
    world.graph.deliver_notifications();
    let told: Vec<Value> =
        seen.lock().unwrap().iter().map(|it| serde_json::from_str(&it.body).unwrap()).collect();
    assert_eq!(told[0]["value"][0]["clientState"], "secret");
    assert_eq!(told[0]["value"][0]["changeType"], "created");
    assert_eq!(told[1]["value"][0]["lifecycleEvent"], "missed");
}

#[test]
fn answers_fit_the_published_schemas_of_calendars() {
    let world = world(MailboxOptions {
        notify: Some(Arc::new(|notice: &Notice| {
            let token = url::Url::parse(&notice.url).unwrap();
            let token = token.query_pairs().next().map(|it| it.1.into_owned());
            Ok((200, "text/plain".into(), token.unwrap_or_default()))
        })),
        ..MailboxOptions::default()
    });
    let mut answers = lists_and_events(&world);
    answers.extend(refusals(&world));
    let subscription = json!({
        "changeType": "updated", "notificationUrl": "http://rota.example/h",
        "resource": format!("/users/{}/events", world.anna),
        "expirationDateTime": "2026-11-25T06:00:00Z",
    });
    let made = world.ask("POST", "subscriptions", Some(&subscription));
    let later = json!({ "expirationDateTime": "2026-11-26T06:00:00Z" });
    let renewed = world.ask("PATCH", &format!("subscriptions/{}", made.id()), Some(&later));
    let requests = json!({ "requests": [
        { "id": "1", "method": "GET", "url": format!("/users/{}/calendars", world.anna) },
        { "id": "2", "method": "GET", "url": format!("/users/{}/events/none", world.anna) },
    ] });
    let batch = world.ask("POST", "$batch", Some(&requests)).body;
    let calendar = world.of_anna("POST", "calendars", Some(&json!({ "name": "Shifts" }))).body;
    let calendars = world.of_anna("GET", "calendars", None).body["value"].clone();
    answers.extend([("subscription", made.body), ("subscription", renewed.body)]);
    answers.extend([("graph.batchResponse", batch), ("calendar", calendar)]);
    answers.extend(calendars.as_array().unwrap().iter().map(|it| ("calendar", it.clone())));
    let is_error = |name: &str| name.ends_with("oDataError");
    for (name, body) in &answers {
        assert_eq!(body.get("error").is_some(), is_error(name), "{name}: {body}");
    }
    let v1 = |it: Vec<(&'static str, Value)>| {
        it.into_iter().map(|(name, body)| ("graph-v1.0.yaml", name, body)).collect::<Vec<_>>()
    };
    let Some(output) = misfits(&v1(answers)) else { return };
    assert_eq!(output, "checked\n");
    let wrong = json!({ "subject": 7, "colour": "red", "start": { "when": "now" } });
    let wrong = misfits(&v1(vec![("event", wrong)])).unwrap();
    assert!(wrong.lines().count() > 3, "the check can fail, at any depth: {wrong}");
}

#[test]
fn a_delta_may_tell_of_each_event_twice() {
    let world = world(MailboxOptions { delta_repeats: true, ..MailboxOptions::default() });
    let (a, b) = (world.made(8, "a"), world.made(9, "b"));
    let mut told = world.of_anna("GET", &query("calendarView/delta", &VIEW), None).ids();
    told.sort();
    let mut expected = [a.clone(), a, b.clone(), b];
    expected.sort();
    assert_eq!(told, expected);
}

/// Events of every sort, alone and in lists.
fn lists_and_events(world: &World) -> Vec<(&'static str, Value)> {
    world.graph.add_mailbox(&world.ben);
    let event = world.of_anna("POST", "events", Some(&shift(8, "a"))).body;
    let path = format!("events/{}", event["id"].as_str().unwrap().replace('=', "%3D"));
    let change = json!({ "subject": "Later", "location": { "displayName": "Ward 3" } });
    let day = json!({
        "subject": "Vacation", "isAllDay": true, "showAs": "oof", "sensitivity": "private",
        "start": { "dateTime": "2026-11-25T00:00:00", "timeZone": "UTC" },
        "end": { "dateTime": "2026-11-26T00:00:00", "timeZone": "UTC" },
    });
    let at = |hour: &str| format!("2026-11-24T{hour}:00:00Z").parse().unwrap();
    let ben = world.graph.at_calendar(&world.ben);
    ben.books("Retro", Span::Timed(at("12"), at("13")), &[&world.anna]).unwrap();
    let anna = world.graph.at_calendar(&world.anna);
    let own = anna.books("Standup", Span::Timed(at("14"), at("15")), &[&world.ben]).unwrap();
    assert!(anna.makes_a_series_of(&own, 1, 3));
    let expand = format!("singleValueExtendedProperties($filter=id eq '{TAG}')");
    let get = |target: &str| world.of_anna("GET", target, None).body;
    let mut answers = vec![
        ("event", event),
        ("event", world.of_anna("PATCH", &path, Some(&change)).body),
        ("event", world.of_anna("POST", "events", Some(&day)).body),
        ("event", get(&query(&path, &[("$expand", &expand)]))),
        ("eventCollectionResponse", get("events")),
        ("eventCollectionResponse", get(&query("events", &[("$top", "2")]))),
        ("eventCollectionResponse", get(&query("calendarView", &VIEW))),
    ];
    let kinds = |list: &Value| {
        let all = list["value"].as_array().unwrap().iter();
        all.map(|it| it["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(kinds(&answers[4].1).contains(&"seriesMaster".to_owned()));
    assert!(kinds(&answers[6].1).contains(&"occurrence".to_owned()));
    let delta = get(&query("calendarView/delta", &VIEW));
    anna.deletes(&own);
    let link = delta["@odata.deltaLink"].as_str().unwrap().split("/v1.0/").nth(1).unwrap();
    let changed = world.with("prefer", "IdType=\"ImmutableId\"").ask("GET", link, None).body;
    assert!(changed["value"].as_array().unwrap().iter().any(|it| it.get("@removed").is_some()));
    let of_delta = "users.item.calendar.calendar.view.delta.DeltaGetResponse";
    answers.extend([(of_delta, delta), (of_delta, changed)]);
    answers
}

/// What is refused, in the shape of errors.
fn refusals(world: &World) -> Vec<(&'static str, Value)> {
    let id = world.made(20, "refused");
    let path = format!("events/{}", id.replace('=', "%3D"));
    let change = json!({ "subject": "Late" });
    let stale = world.with("if-match", "W/\"none\"").of_anna("PATCH", &path, Some(&change));
    let bad = json!({ "subject": "Late", "start": { "dateTime": "soon", "timeZone": "UTC" } });
    let bad = world.of_anna("POST", "events", Some(&bad));
    let missing = world.of_anna("GET", "events/none", None);
    let unlicensed = world.ask("GET", &format!("users/{}/calendars", world.olga), None);
    let answers = [stale, bad, missing, unlicensed];
    assert_eq!(answers.each_ref().map(|it| it.status), [412, 400, 404, 404]);
    answers.into_iter().map(|it| ("oDataErrors.oDataError", it.body)).collect()
}
