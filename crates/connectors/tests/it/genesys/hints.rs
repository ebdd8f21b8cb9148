//! Events that Amazon EventBridge hands on: who is believed, and what is looked at.

use std::collections::{BTreeMap, BTreeSet};

use connectors::genesys_cloud::inbound::{About, HEADER, about};
use engine::port::{FindingLevel, HookCall, NoticeKind, Proof, Topic};
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulators::genesys::Options;

use super::world::{HOOK_SECRETS, World, day};

const HINTED: &str = "hook_secret_file = \"hook-secret\"";

/// An event as EventBridge hands it on.
fn event(template: &str, topic: &str) -> Value {
    json!({
        "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": template,
        "source": "aws.partner/genesys.com/cloud/organization/rota", "account": "123456789012",
        "time": "2026-11-23T06:00:00Z", "region": "eu-central-1", "resources": [],
        "detail": { "topicName": topic, "version": "2", "timestamp": "2026-11-23T06:00:00.123Z",
                    "eventBody": { "status": "Complete", "eventType": "Update" } },
    })
}

fn call(secret: Option<&str>, body: &str) -> HookCall {
    let header = |it: &str| (HEADER.to_owned(), it.to_owned());
    let headers: BTreeMap<String, String> = secret.map(header).into_iter().collect();
    HookCall { query: String::new(), headers, body: body.as_bytes().to_vec() }
}

fn hint(world: &World, template: &str) {
    let topic = template.replace("{id}", &world.unit);
    let body = event(template, &topic).to_string();
    let secret = HOOK_SECRETS.lines().next();
    let message = world.hooks.as_ref().unwrap().read(&call(secret, &body));
    assert_eq!(message.reply.status, 204);
    assert_eq!(message.notices.len(), 1, "{template}");
}

#[tokio::test]
async fn an_event_is_believed_with_one_of_the_secrets_and_asks_for_a_look() {
    let world = World::with(Options::default(), HINTED);
    let hooks = world.hooks.as_ref().unwrap();
    let template = "v2.workforcemanagement.businessunits.{id}.schedules";
    let body = event(template, &template.replace("{id}", &world.unit)).to_string();
    for secret in HOOK_SECRETS.lines() {
        let message = hooks.read(&call(Some(secret), &body));
        assert_eq!(message.reply.status, 204);
        let [notice] = message.notices.as_slice() else { panic!("{message:?}") };
        assert!(matches!(notice.proof, Proof::Signed) && notice.what == NoticeKind::Changed);
    }
    let first = HOOK_SECRETS.lines().next().unwrap();
    for wrong in [None, Some(""), Some(&first[1..]), Some(HOOK_SECRETS), Some("something else")] {
        let message = hooks.read(&call(wrong, &body));
        assert_eq!((message.reply.status, message.notices.len()), (401, 0), "{wrong:?}");
    }
    for (odd, status) in [("7", 400), ("no json", 400), ("{}", 204), ("{\"detail\":{}}", 204)] {
        let message = hooks.read(&call(Some(first), odd));
        assert_eq!((message.reply.status, message.notices.len()), (status, 0), "{odd}");
    }
    assert!(!hooks.subscribes(&Topic::Source), "nothing is subscribed to in the vendor's place");
    assert!(World::new().hooks.is_none(), "nobody listens who has no secret");
}

#[test]
fn every_topic_of_the_vendor_is_about_what_it_changes_or_about_nothing() {
    let expected = [
        ("v2.workforcemanagement.businessunits.{id}.schedules", Some(About::Schedules)),
        ("v2.workforcemanagement.managementunits.{id}.schedules", Some(About::Schedules)),
        ("v2.users.{id}.workforcemanagement.schedules", Some(About::Schedules)),
        ("v2.users.{id}.workforcemanagement.timeoffrequests", Some(About::Requests)),
        ("v2.workforcemanagement.agents", Some(About::People)),
        ("v2.workforcemanagement.managementunits.{id}.agents.sync", Some(About::People)),
        ("v2.workforcemanagement.managementunits.{id}", Some(About::People)),
        ("v2.workforcemanagement.managementunits.{id}.adherence", None),
        ("v2.users.{id}.workforcemanagement.adherence", None),
        ("v2.workforcemanagement.users.{id}.schedules.query", None),
        ("v2.workforcemanagement.users.{id}.schedules.search", None),
        ("v2.users.{id}.workforcemanagement.agentschedules.managementunit.search.complete", None),
        ("v2.conversations.{id}.transcription", None),
        ("v2.users.{id}.presence", None),
    ];
    for (template, wanted) in expected {
        let topic = template.replace("{id}", "5f0e3a52-2f0c-4a7b-9d0d-0a1b2c3d4e5f");
        let told = about(event(template, &topic).to_string().as_bytes()).unwrap();
        assert_eq!(told, wanted, "{template}");
        // Whoever leaves the detail out tells by the envelope alone.
        let bare = json!({ "detail-type": template }).to_string();
        assert_eq!(about(bare.as_bytes()).unwrap(), wanted, "{template}");
    }
}

#[tokio::test]
async fn what_no_version_tells_is_looked_at_after_a_hint_and_not_for_every_hint() {
    let world = World::with(Options::default(), HINTED);
    world.usual_week();
    let request = world.genesys.ask_time_off(&world.anna, "5", &[day("2026-11-27")]);
    world.read().await.unwrap();
    world.genesys.decide_time_off(&request, "APPROVED");
    world.clock.pass(SignedDuration::from_mins(15));
    world.read().await.unwrap();
    assert!(world.absences_of(&world.anna).await.is_empty(), "nobody told of it");
    hint(&world, "v2.users.{id}.workforcemanagement.timeoffrequests");
    world.read().await.unwrap();
    assert_eq!(world.absences_of(&world.anna).await.len(), 1);

    world.genesys.set_email(&world.anna, "anna.neu@example.com");
    hint(&world, "v2.workforcemanagement.managementunits.{id}.agents.sync");
    world.read().await.unwrap();
    let anna = world.employee(&world.anna).await.unwrap();
    assert_eq!(anna.email.as_deref(), Some("anna.neu@example.com"));

    // A flood of hints in one minute costs what a poll costs.
    for _ in 0..20 {
        hint(&world, "v2.users.{id}.workforcemanagement.timeoffrequests");
        hint(&world, "v2.workforcemanagement.agents");
        hint(&world, "v2.workforcemanagement.businessunits.{id}.schedules");
        assert_eq!(world.counts().await, (0, 0, 1));
    }
    // And none of them is forgotten.
    world.genesys.decide_time_off(&request, "DENIED");
    world.clock.pass(SignedDuration::from_secs(61));
    world.read().await.unwrap();
    assert!(world.absences_of(&world.anna).await.is_empty());
    world.clock.pass(SignedDuration::from_secs(61));
    assert_eq!(world.counts().await, (0, 0, 1));
}

#[tokio::test]
async fn doctor_says_what_can_be_told_by_events() {
    let lines = async |options: Options, keys: &str| {
        let world = World::with(options, keys);
        world.usual_week();
        let findings = world.source.check().await;
        let about = findings.into_iter().filter(|it| it.message.contains("/hooks/genesys"));
        about.map(|it| (it.level, it.message, it.hint.unwrap_or_default())).collect::<Vec<_>>()
    };
    assert!(lines(Options::default(), "").await.is_empty());
    let told = lines(Options::default(), HINTED).await;
    assert_eq!(told[0].0, FindingLevel::Good, "{told:?}");
    assert!(told[0].2.contains("v2.workforcemanagement.businessunits.{id}.schedules"), "{told:?}");
    let topic = "v2.workforcemanagement.businessunits.{id}.schedules".to_owned();
    let topics_without_eventbridge = BTreeSet::from([topic.clone()]);
    let options = Options { topics_without_eventbridge, ..Options::default() };
    let told = lines(options, HINTED).await;
    assert_eq!(told[0].0, FindingLevel::Warning, "{told:?}");
    assert!(told[0].1.contains(&topic), "{told:?}");
}

#[test]
fn a_secret_that_is_too_weak_or_no_header_is_refused_without_being_shown() {
    use connectors::genesys_cloud::inbound::secrets_of;
    let long = "a".repeat(24);
    for (text, says) in [
        ("short", "5 bytes"),
        ("", "0 lines"),
        (&format!("{long}\n{long}\n{long}"), "3 lines"),
        ("has a blank in its middle 0123", "no header"),
        ("nöt änything thät ä heäder täkes", "no header"),
    ] {
        let error = secrets_of(&text.to_owned().into()).unwrap_err();
        assert!(error.contains(says) && !error.contains("short"), "{error}");
    }
    assert_eq!(secrets_of(&format!("{long}\r\n\n{long}b\n").into()).unwrap().len(), 2);
}
