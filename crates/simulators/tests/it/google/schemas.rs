//! What the player answers, held against the schemas of the discovery document.
//!
//! They lie beside the workspace, in `../shared`, and are checked by Python's `jsonschema`, from
//! `ROTABRIDGE_TOOLS`. The test says so and passes where what it needs is not there.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use simulators::google::Options;

use super::world::{BEN, World, event};

const CHECK: &str = r##"
import json, sys
from jsonschema import Draft202012Validator, FormatChecker

def closed(it):
    """No member that the document does not know."""
    if isinstance(it, list):
        return [closed(each) for each in it]
    if not isinstance(it, dict):
        return it
    it = {key: closed(value) for key, value in it.items()}
    if isinstance(it.get("properties"), dict):
        it.setdefault("additionalProperties", False)
    return it

with open(sys.argv[1]) as file:
    components = closed(json.load(file)["components"])
for line in sys.stdin:
    name, value = json.loads(line)
    schema = {"$ref": "#/components/schemas/" + name, "components": components}
    for error in Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(value):
        print(name, list(error.path), error.message[:300])
print("checked")
"##;

/// What of the answers does not fit; `None` when it cannot be checked here.
fn misfits(answers: &[(&str, Value)]) -> Option<String> {
    let shared = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs");
    let spec = shared.join("google-calendar-v3.json");
    if !spec.exists() {
        println!("skipped: {} is not there", spec.display());
        return None;
    }
    let Some(tools) = std::env::var_os("ROTABRIDGE_TOOLS") else {
        println!("skipped: ROTABRIDGE_TOOLS is not set");
        return None;
    };
    let python = PathBuf::from(tools).join("venv/bin/python");
    let able = Command::new(&python).args(["-c", "import jsonschema"]).output();
    if !able.is_ok_and(|it| it.status.success()) {
        println!("skipped: `jsonschema` is not among the tools");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = answers.iter().map(|it| json!([it.0, it.1]).to_string()).collect();
    let input = folder.path().join("answers");
    std::fs::write(&input, lines.join("\n")).unwrap();
    let output = Command::new(python)
        .args(["-c", CHECK])
        .arg(spec)
        .stdin(std::fs::File::open(input).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn answers_fit_the_published_schemas() {
    let world = World::new(Options::default());
    let own = world.post("/calendars", &json!({ "summary": "Shifts", "description": "Ours" }));
    let events = format!("/calendars/{}/events", own.id());
    let mut body = event("Shift", 8);
    body["attendees"] = json!([{ "email": BEN }]);
    body["extendedProperties"] = json!({ "private": { "tag": "1" } });
    body["reminders"] = json!({ "useDefault": false, "overrides": [] });
    body["visibility"] = "private".into();
    let made = world.post(&events, &body);
    let mut series = event("Standup", 9);
    series["recurrence"] = json!(["RRULE:FREQ=DAILY;COUNT=2"]);
    series["start"]["timeZone"] = "UTC".into();
    series["end"]["timeZone"] = "UTC".into();
    let series = world.post(&events, &series).id();
    let gone = world.post(&events, &event("Gone", 10)).id();
    world.ask("DELETE", &format!("{events}/{gone}"), None);
    let rule = json!({ "role": "reader", "scope": { "type": "user", "value": BEN } });
    let rules = format!("/calendars/{}/acl", own.id());
    let channel = json!({ "id": "c-1", "type": "web_hook", "address": "https://example.com/",
        "token": "secret" });
    let answers = [
        ("Calendar", own.body),
        ("Event", made.body),
        ("AclRule", world.post(&rules, &rule).body),
        ("Acl", world.get(&rules).body),
        ("Events", world.get(&format!("{events}?showDeleted=true")).body),
        ("Events", world.get(&format!("{events}/{series}/instances")).body),
        ("CalendarList", world.get("/users/me/calendarList").body),
        ("CalendarListEntry", world.get("/users/me/calendarList/primary").body),
        ("Channel", world.post(&format!("{events}/watch"), &channel).body),
        ("Colors", world.get("/colors").body),
        ("ErrorEnvelope", world.get("/calendars/nowhere").body),
    ];
    assert!(answers[..10].iter().all(|(_, body)| body.get("error").is_none()), "{answers:?}");
    let Some(output) = misfits(&answers) else { return };
    assert_eq!(output, "checked\n");
    let wrong = [("Event", json!({ "summary": 7, "colour": "red" }))];
    assert_eq!(misfits(&wrong).unwrap().lines().count(), 3, "the check can fail");
}
