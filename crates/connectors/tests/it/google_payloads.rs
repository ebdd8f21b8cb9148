//! Payloads: every one that the `google_workspace` provider writes is as the discovery document
//! describes it.
//!
//! The document lies outside the repository, and Python's `jsonschema` comes with `cargo xtask
//! test`; without them the test says so and passes.

use std::path::Path;
use std::process::Command;

use domain::{Colour, Contact};
use engine::port::{Content, Topic};
use secrecy::SecretString;
use serde_json::{Value, json};
use simulators::google::{Options, Plan, ServiceAccount};
use testkit::builders::mirror;

use crate::caldav::run;
use crate::google::{ANNA, Stage, item, key};

const CHECK: &str = r##"
import json, re, sys
from jsonschema import Draft202012Validator, FormatChecker
from urllib.parse import urlsplit, parse_qsl

def closed(it):
    if isinstance(it, list):
        return [closed(each) for each in it]
    if not isinstance(it, dict):
        return it
    it = {key: closed(value) for key, value in it.items()}
    if isinstance(it.get("properties"), dict):
        it.setdefault("additionalProperties", False)
    return it

with open(sys.argv[1]) as file:
    document = json.load(file)
components = closed(document["components"])
common = {it["name"] for it in document["components"]["parameters"].values()}
seen = set()
for line in sys.stdin:
    method, target, body = json.loads(line)
    url = urlsplit(target)
    path = url.path.removeprefix("/calendar/v3")
    for template, operations in document["paths"].items():
        fits = re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), path)
        if fits and method.lower() in operations:
            operation = operations[method.lower()]
            break
    else:
        print("no such operation", method, path)
        continue
    seen.add(operation["operationId"])
    known = {it["name"] for it in operation.get("parameters", []) if it.get("in") == "query"}
    for name, _ in parse_qsl(url.query):
        if name not in known | common:
            print(operation["operationId"], "has no parameter", name)
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if (body is None) != (content is None):
        print(operation["operationId"], "body", body is not None)
        continue
    if content is not None:
        schema = {**closed(content["schema"]), "components": components}
        checker = FormatChecker()
        validator = Draft202012Validator(schema, format_checker=checker)
        for error in validator.iter_errors(json.loads(body)):
            print(operation["operationId"], list(error.path), error.message[:200])
print("checked", len(seen))
"##;

#[test]
fn every_request_is_as_the_discovery_document_describes_it() {
    let spec = "../../../shared/specs/google-calendar-v3.json";
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join(spec);
    if !spec.exists() {
        return println!("skipped: {} is not there", spec.display());
    }
    let Some(tools) = std::env::var_os("ROTABRIDGE_TOOLS") else {
        return println!("skipped: ROTABRIDGE_TOOLS is not set");
    };
    let python = Path::new(&tools).join("venv/bin/python");
    let requests = everything();
    let lines: Vec<String> = requests.iter().map(Value::to_string).collect();
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("requests");
    std::fs::write(&input, lines.join("\n")).unwrap();
    let output = Command::new(python)
        .args(["-c", CHECK])
        .arg(spec)
        .stdin(std::fs::File::open(input).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "checked 14\n");
}

/// Every kind of request that is ever sent.
fn everything() -> Vec<Value> {
    let accounts = vec![ServiceAccount::delegated(&[
        "calendar.app.created",
        "calendar.calendarlist.readonly",
        "calendar.events.owned",
        "calendar.acls",
    ])];
    let options = || Options { accounts: accounts.clone(), ..Options::default() };
    let stage = Stage::new(options(), "foreign_events = \"change\"");
    stage.open();
    stage.open();
    let mut shift = item("a", 1);
    if let Content::Event(event) = &mut shift.content {
        event.categories = vec!["Late".into()];
        event.extras.colour = Some(Colour::Teal);
        event.extras.reminder_minutes = Some(10);
        event.extras.attendees = vec![Contact::new("ben@example.com", Some("Ben")).unwrap()];
    }
    let written = stage.create(&shift);
    let target = stage.target();
    let updated =
        run(target.update(&key(ANNA), &written.remote_id, written.etag.as_ref(), &item("a", 2)));
    let listed = run(target.list(&key(ANNA), None)).unwrap();
    run(target.list(&key(ANNA), listed.next.as_ref())).unwrap();
    stage.see(&shift).unwrap();
    let etag = updated.unwrap().etag;
    run(target.delete(&key(ANNA), &written.remote_id, etag.as_ref())).unwrap();
    let topic = Topic::Calendar { mirror: mirror(), calendar: key(ANNA) };
    let secret = SecretString::from("secret".to_owned());
    let channel = run(stage.hooks.subscribe(&topic, "https://rota.example.com/", &secret)).unwrap();
    run(stage.hooks.unsubscribe(&channel)).unwrap();
    foreign(&stage);
    run(target.check());
    let group = Stage::new(options(), "shared = \"rota@example.com\"");
    group.server.add_user("rota@example.com", "UTC");
    let mut directory = crate::google::directory(&[ANNA]);
    for employee in directory.employees.values_mut() {
        employee.group = Some(domain::ScheduleGroupId::new("ward").unwrap());
    }
    group.target().meet(std::sync::Arc::new(directory.clone()));
    run(group.target().open(&key("ward"))).unwrap();
    directory.employees.values_mut().for_each(|it| it.group = None);
    group.target().meet(std::sync::Arc::new(directory));
    run(group.target().open(&key("ward"))).unwrap();
    let all = stage.server.requests().into_iter().chain(group.server.requests());
    let of_api = all.filter(|it| it.target.starts_with("/calendar/v3"));
    of_api.map(|it| json!([it.method, it.target, it.body])).collect()
}

fn foreign(stage: &Stage) {
    use engine::port::ForeignChange;
    let at = |text: &str| text.parse().unwrap();
    let plan = || Plan::timed("Dentist", at("2026-11-24T08:00:00Z"), at("2026-11-24T09:00:00Z"));
    let foreign = stage.parts.foreign.clone().unwrap();
    let day = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let within =
        domain::UtcInterval::new(day("2026-11-24T00:00:00Z"), day("2026-11-25T00:00:00Z")).unwrap();
    let id = stage.server.person(ANNA).plans(ANNA, plan());
    let event = run(foreign.overlapping(&key(ANNA), &within)).unwrap().remove(0);
    let relabel = ForeignChange::Relabel { of: vec![], by: "Basil".into() };
    run(foreign.change(&key(ANNA), &event, &relabel)).unwrap();
    stage.server.person(ANNA).deletes(ANNA, &id).unwrap();
    run(foreign.restore(&key(ANNA), &event.kept, &ForeignChange::Delete)).unwrap();
}
