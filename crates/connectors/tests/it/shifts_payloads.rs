//! Payloads: every documented one is read, and every one that we write is as Graph describes it.
//!
//! The documentation's examples and the descriptions lie outside the repository, and Python's
//! `jsonschema` comes with `cargo xtask test`; without them the tests say so and pass.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use connectors::microsoft_graph::shifts::callback::wire::PreferencesBody;
use connectors::microsoft_graph::shifts::wire::{
    Group, Integration, Member, Planned, Reason, Schedule,
};
use domain::{
    Activity, AvailabilityItem, CommandKind, EntityKind, OpenShiftItem, OriginTag, ScheduleGroupId,
    ScheduleItem, ShiftItem, TimeOffItem,
};
use engine::port::{Content, Item, Revision};
use jiff::Timestamp;
use serde_json::{Value, json};
use simulators::graph::Role;
use testkit::builders::{employee_id, hours, key};

use crate::shifts::{Stage, calendar, directory, run};

pub fn shared(below: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(below);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

fn read_one(operation: &str, body: &Value) -> Result<(), String> {
    let read = |result: Result<(), serde_json::Error>| result.map_err(|error| error.to_string());
    macro_rules! is {
        ($kind:ty) => {
            read(serde_json::from_value::<$kind>(body.clone()).map(|_| ()))
        };
    }
    let name = operation.trim_start_matches("beta-");
    let first = name.split('-').next().unwrap_or_default();
    match (first, name) {
        ("schedule", name) if name.ends_with("timeoffreasons") => is!(Reason),
        ("schedule", name) if name.ends_with("schedulinggroups") => is!(Group),
        ("schedule", "schedule-get") | ("team", _) => is!(Schedule),
        ("shift" | "openshift" | "timeoff", _) => planned(body),
        ("schedule", name) if name.ends_with("shifts") || name.ends_with("timesoff") => {
            planned(body)
        }
        ("timeoffreason", _) => is!(Reason),
        ("schedulinggroup", _) => is!(Group),
        ("workforceintegration", _) => is!(Integration),
        ("shiftpreferences", _) => is!(PreferencesBody),
        _ => Err("nobody reads it".into()),
    }
}

fn planned(body: &Value) -> Result<(), String> {
    let planned: Planned = serde_json::from_value(body.clone()).map_err(|it| it.to_string())?;
    let sides = [&planned.draft_shift, &planned.shared_shift];
    let told = body.as_object().into_iter().flatten();
    let told = told.filter(|(name, side)| {
        side.is_object() && (name.starts_with("draft") || name.starts_with("shared"))
    });
    if told.count() != sides.iter().filter(|it| it.is_some()).count() {
        return Err("a side was not read".into());
    }
    let mut sides = sides.into_iter().flatten();
    let timed = sides.all(|it| it.start_date_time.is_some() && it.end_date_time.is_some());
    if timed { Ok(()) } else { Err("a time was not read".into()) }
}

/// Operations that a mirror reads or writes; the others are requests' and time cards'.
const OURS: [&str; 13] = [
    "shift-",
    "openshift-",
    "timeoff-",
    "timeoffreason-",
    "schedulinggroup-",
    "schedule-get",
    "schedule-list-shifts",
    "schedule-list-timesoff",
    "schedule-list-timeoffreasons",
    "schedule-list-schedulinggroups",
    "schedule-post-",
    "workforceintegration-",
    "team-put",
];

#[test]
fn every_documented_payload_of_a_schedule_is_read() {
    let Some(folder) = shared("examples/graph") else { return };
    let mut read = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let bare = name.trim_start_matches("beta-");
        let ours = OURS.iter().any(|it| bare.starts_with(it)) || bare.starts_with("shiftpref");
        if !ours || bare.contains("daynotes") || bare.contains("timecards") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let example: Value = serde_json::from_str(&text).unwrap();
        let operation = example["operation"].as_str().unwrap();
        let values = match &example["body"] {
            Value::Null => continue,
            body => match body["value"].as_array() {
                Some(values) => values.clone(),
                None => vec![body.clone()],
            },
        };
        for value in values {
            if let Err(why) = read_one(operation, &value) {
                panic!("{name} ({operation}): {why}: {value}");
            }
            read += 1;
        }
    }
    assert!(read > 50, "{read} were read");
}

#[test]
fn a_member_is_read_as_documented() {
    // Learn, "List members of team", response; the people are made up.
    let member: Member = serde_json::from_value(json!({
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "id": "ZWUwZjVhZTItOGJjNi00YWU1LTg0NjYtN2RhZWViYmZhMDYyIyM3Mzc2MWYwNi0yYWM5",
        "roles": ["owner"], "displayName": "Made Up",
        "userId": "73761f06-2ac9-469c-9f10-279a8cc267f9", "email": "made.up@example.com",
        "visibleHistoryStartDateTime": "0001-01-01T00:00:00Z", "tenantId": "t",
    }))
    .unwrap();
    assert_eq!(member.email.as_deref(), Some("made.up@example.com"));
}

/// Hands on what it gets, and keeps what clients say.
pub fn eavesdrop(server: std::net::SocketAddr) -> (String, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heard);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(vendor)) = (client, TcpStream::connect(server)) else { return };
            let number = {
                let mut kept = kept.lock().unwrap();
                kept.push(Vec::new());
                kept.len() - 1
            };
            let (mut back, mut to) = (vendor.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut back, &mut to));
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || {
                hand_on(client, vendor, |it| {
                    kept.lock().unwrap()[number].extend_from_slice(it);
                })
            });
        }
    });
    (url, heard)
}

fn hand_on(mut from: TcpStream, mut to: TcpStream, keep: impl Fn(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 {
            break;
        }
        keep(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // The other direction ends, too, so that the client notices.
    let _ = to.shutdown(std::net::Shutdown::Both);
}

/// The requests with JSON bodies of one connection.
pub fn bodies(mut bytes: &[u8]) -> Vec<Value> {
    let mut found = Vec::new();
    while let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
        });
        let length: usize = length.unwrap_or(0);
        let body = &bytes[end + 4..end + 4 + length];
        bytes = &bytes[end + 4 + length..];
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let Ok(body) = serde_json::from_slice::<Value>(body) else { continue };
        let (version, path) = target.trim_start_matches('/').split_once('/').unwrap();
        found.push(json!({
            "version": version, "method": method, "path": format!("/{path}"), "body": body,
        }));
    }
    found
}

fn items() -> Vec<ScheduleItem> {
    let group = ScheduleGroupId::new("w1").unwrap();
    let part = |from, to, paid| Activity { label: "Break".into(), interval: hours(from, to), paid };
    vec![
        ScheduleItem::Shift(ShiftItem {
            employee: employee_id("anna"),
            group: Some(group.clone()),
            label: "Late".into(),
            interval: hours(1, 9),
            activities: vec![part(2, 3, false), part(4, 5, true)],
            notes: Some("Keys".into()),
        }),
        ScheduleItem::Shift(ShiftItem {
            employee: employee_id("anna"),
            group: Some(group.clone()),
            label: String::new(),
            interval: hours(25, 33),
            activities: vec![],
            notes: None,
        }),
        ScheduleItem::OpenShift(OpenShiftItem {
            group: Some(group),
            label: "Early".into(),
            interval: hours(1, 9),
            open_slots: 2,
            activities: vec![part(2, 3, false)],
            notes: None,
        }),
        ScheduleItem::TimeOff(TimeOffItem {
            employee: employee_id("anna"),
            reason: None,
            interval: hours(48, 72),
        }),
        ScheduleItem::Availability(AvailabilityItem {
            employee: employee_id("anna"),
            availability: "Europe/Berlin; mon 08:00-16:00; tue none".parse().unwrap(),
        }),
    ]
}

fn item(content: ScheduleItem) -> Item {
    Item {
        origin: OriginTag {
            mirror: domain::MirrorName::new("ward-shifts").unwrap(),
            key: key(EntityKind::Shift, "x"),
            part: domain::Part::Main,
            generation: 0,
            entity: content.fingerprint(),
        },
        content: Content::Schedule(content),
        revision: Revision { sequence: 0, revised_at: Timestamp::UNIX_EPOCH },
    }
}

/// Everything that a mirror ever writes, once at least.
async fn write_everything(stage: &Stage, url: &str, team: &str) {
    let keys = format!(
        "teams = [{{ group = \"*\", team_id = \"{team}\" }}], callback_secret_file = \"wfi\", \
         approver = \"nobody\", themes = {{ Late = \"blue\", Break = \"skyBlue\" }}"
    );
    let parts = stage.mirror_at(url, &keys, &CommandKind::ALL).unwrap();
    let (target, calendar) = (parts.target, calendar(team));
    target.meet(directory());
    target.open(&calendar).await.unwrap();
    for content in items() {
        let item = item(content);
        let written = target.create(&calendar, &item).await.unwrap();
        let (id, etag) = (&written.remote_id, written.etag.as_ref());
        target.publish(&calendar, &hours(0, 100)).await.unwrap();
        target.update(&calendar, id, etag, &item).await.unwrap();
        target.delete(&calendar, id, etag).await.unwrap();
    }
    let registration = parts.registration.unwrap();
    registration.register("https://rota.example.com/callbacks/ward-shifts").await.unwrap();
    registration.register("https://rota.example.com/callbacks/ward-shifts").await.unwrap();
    registration.switch(true).await.unwrap();
    registration.rotate_secret().await.unwrap();
    let request = engine::port::RemoteId("SREQ_1".into());
    // None of them is there; where a colleague may have to agree first, that is seen by looking.
    let manager = [CommandKind::OpenShiftRequest, CommandKind::TimeOffRequest];
    for kind in [CommandKind::OfferRequest, CommandKind::SwapRequest].into_iter().chain(manager) {
        parts.approver.as_ref().unwrap().approve(&calendar, kind, &request).await.unwrap_err();
    }
}

#[test]
fn every_body_that_is_written_is_as_graph_describes_it() {
    let Some(specs) = shared("specs") else { return };
    let Some(tools) = std::env::var_os("ROTABRIDGE_TOOLS") else {
        println!("skipped: ROTABRIDGE_TOOLS is not set; `cargo xtask test` installs jsonschema");
        return;
    };
    let stage = Stage::new(|_| {});
    let anna = stage.person("Anna");
    let team = stage.server.add_team("Ward", &[(&anna, Role::Owner)]);
    let (url, heard) = eavesdrop(stage.server.address());
    run(write_everything(&stage, &url, &team));
    let heard: Vec<Value> = heard.lock().unwrap().iter().flat_map(|it| bodies(it)).collect();
    let is = |method: &str, part: &str| {
        let found =
            |it: &Value| it["method"] == method && it["path"].as_str().unwrap().contains(part);
        assert!(heard.iter().any(found), "{method} {part}");
    };
    let said = [
        ("PUT", "/schedule"),
        ("POST", "/schedulingGroups"),
        ("POST", "/timeOffReasons"),
        ("POST", "/shifts"),
        ("PUT", "/shifts/"),
        ("POST", "/openShifts"),
        ("PUT", "/openShifts/"),
        ("POST", "/timesOff"),
        ("PUT", "/timesOff/"),
        ("POST", "/share"),
        ("PUT", "/shiftPreferences"),
        ("POST", "/workforceIntegrations"),
        ("PATCH", "/workforceIntegrations/"),
        ("POST", "/approveForUser"),
    ];
    said.iter().for_each(|(method, part)| is(method, part));
    let file = stage.folder.path().join("bodies.json");
    std::fs::write(&file, Value::from(heard.clone()).to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers/graph_bodies.py");
    let output = Command::new(PathBuf::from(tools).join("venv/bin/python"))
        .arg(script)
        .args([specs.join("graph-v1.0.yaml"), specs.join("graph-beta-shifts.yaml"), file])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(text(&output.stdout).trim(), heard.len().to_string());
}
