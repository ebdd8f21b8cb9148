//! The vendor's documentation, held against the player: its example bodies are accepted, and what
//! the player answers fits its schemas.
//!
//! The examples and the OpenAPI descriptions lie beside the workspace, in `../shared`; the schemas
//! are checked by Python's `jsonschema`, from `ROTABRIDGE_TOOLS`. A test says so and passes where
//! what it needs is not there.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Map, Value, json};
use simulators::graph::{Graph, Role};

use crate::world::World;

fn shared(below: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(below);
    if path.exists() {
        Some(path)
    } else {
        println!("skipped: {} is not there", path.display());
        None
    }
}

fn example(name: &str) -> Option<Value> {
    let path = shared("examples/graph")?.join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// Puts the world's own ids where the example has others.
fn with_ids(value: &mut Value, ids: &Map<String, Value>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map.iter_mut() {
                match ids.get(name) {
                    Some(id) if !value.is_null() => value.clone_from(id),
                    _ => with_ids(value, ids),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|it| with_ids(it, ids)),
        _ => {}
    }
}

/// A world in which everything that examples speak of is there.
fn full_world() -> (World, Map<String, Value>) {
    let world = World::without_quotas();
    let group = world.group(&[&world.anna, &world.ben]);
    let reason = world.get("timeOffReasons").ids().remove(0);
    let annas = world.shared_shift(&world.anna, &group, 24);
    let bens = world.shared_shift(&world.ben, &group, 25);
    let ids = json!({
        "userId": world.anna, "userIds": [world.anna], "schedulingGroupId": group,
        "timeOffReasonId": reason, "senderShiftId": annas, "recipientShiftId": bens,
        "recipientUserId": world.ben, "senderUserId": world.anna,
    });
    let Value::Object(ids) = ids else { unreachable!("it is one") };
    (world, ids)
}

#[test]
fn documented_bodies_are_accepted() {
    let posts = [
        ("beta-schedule-post-shifts-request", "shifts", 201),
        ("schedule-post-schedulinggroups-request", "schedulingGroups", 201),
        ("beta-schedule-post-schedulinggroups-request", "schedulingGroups", 201),
        ("schedule-post-timeoffreasons-request", "timeOffReasons", 201),
        ("schedule-post-timesoff-request", "timesOff", 201),
        ("beta-schedule-post-timesoff-request", "timesOff", 201),
        ("schedule-share-request", "share", 204),
        ("offershiftrequest-post-request", "offershiftrequests", 200),
        ("swapshiftschangerequest-post-request", "swapShiftsChangeRequests", 200),
    ];
    let (world, ids) = full_world();
    for (name, target, status) in posts {
        let Some(example) = example(name) else { return };
        let mut body = example["body"].clone();
        with_ids(&mut body, &ids);
        let answer = world.post(target, &body);
        assert_eq!(answer.status, status, "{name}: {} for {body}", answer.body);
    }
}

#[test]
fn documented_replacements_are_accepted() {
    let (world, ids) = full_world();
    let text = |name: &str| ids[name].as_str().unwrap().to_owned();
    let time_off = world.post(
        "timesOff",
        &json!({
            "userId": world.anna, "sharedTimeOff": {
                "timeOffReasonId": ids["timeOffReasonId"], "theme": "pink",
                "startDateTime": "2026-11-20T00:00:00Z", "endDateTime": "2026-11-27T00:00:00Z",
            },
        }),
    );
    assert_eq!(time_off.status, 201);
    let puts = [
        ("shift-put-request", format!("shifts/{}", text("senderShiftId"))),
        ("schedulinggroup-put-request", format!("schedulingGroups/{}", text("schedulingGroupId"))),
        ("timeoff-put-request", format!("timesOff/{}", time_off.id())),
        ("timeoffreason-put-request", format!("timeOffReasons/{}", text("timeOffReasonId"))),
        ("team-put-schedule-request", String::new()),
    ];
    for (name, target) in puts {
        let Some(example) = example(name) else { return };
        let mut body = example["body"].clone();
        with_ids(&mut body, &ids);
        let answer = world.put(&target, &body);
        assert!(matches!(answer.status, 200 | 204), "{name}: {} for {body}", answer.body);
    }
}

/// Reads lines of `[schema, value]`, and prints what of a value does not fit.
const CHECK: &str = r##"
import json, sys, yaml
from jsonschema import Draft202012Validator

def closed(it):
    """No member that the description does not know, at any depth."""
    described = isinstance(it, dict) and {"$ref", "allOf", "anyOf", "oneOf", "properties"} & set(it)
    return {**it, "unevaluatedProperties": False} if described else it

def turned(it):
    """OpenAPI 3.0 into JSON Schema: `nullable` is its own there."""
    if isinstance(it, list):
        return [turned(each) for each in it]
    if not isinstance(it, dict):
        return it
    it = {key: turned(value) for key, value in it.items() if key != "discriminator"}
    if isinstance(it.get("properties"), dict):
        it["properties"] = {key: closed(value) for key, value in it["properties"].items()}
    if "items" in it:
        it["items"] = closed(it["items"])
    nullable = it.pop("nullable", False)
    return {"anyOf": [it, {"type": "null"}]} if nullable else it

def bare(it):
    """Without annotations, which no schema describes."""
    if isinstance(it, list):
        return [bare(each) for each in it]
    if not isinstance(it, dict):
        return it
    return {key: bare(value) for key, value in it.items() if not key.startswith("@")}

schemas = {}
for path in sys.argv[1:]:
    with open(path) as file:
        found = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    # Described as one text of flags; the documentation's own examples (shiftPreferences: get,
    # update; event: a series) have a list of names.
    pattern = found["components"]["schemas"].get("microsoft.graph.recurrencePattern")
    if pattern:
        day = {"$ref": "#/components/schemas/microsoft.graph.dayOfWeek"}
        pattern["properties"]["daysOfWeek"] = {"type": "array", "items": day}
    schemas[path] = {"components": turned(found["components"])}
for line in sys.stdin:
    path, name, value = json.loads(line)
    described = schemas[path]["components"]["schemas"]
    name = name if name in described else "microsoft.graph." + name
    schema = {"$ref": "#/components/schemas/" + name, **schemas[path],
              "unevaluatedProperties": False}
    value = bare(value)
    for error in Draft202012Validator(schema).iter_errors(value):
        print(name, list(error.path), error.message[:300])
print("checked")
"##;

/// What of the answers does not fit; `None` when it cannot be checked here.
pub fn misfits(answers: &[(&str, &str, Value)]) -> Option<String> {
    let specs = shared("specs")?;
    let Some(tools) = std::env::var_os("ROTABRIDGE_TOOLS") else {
        println!("skipped: ROTABRIDGE_TOOLS is not set");
        return None;
    };
    let python = PathBuf::from(tools).join("venv/bin/python");
    let able = Command::new(&python).args(["-c", "import jsonschema, yaml"]).output();
    if !able.is_ok_and(|it| it.status.success()) {
        println!("skipped: `jsonschema` and `yaml` are not among the tools");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = answers
        .iter()
        .map(|(file, schema, value)| json!([specs.join(file), schema, value]).to_string())
        .collect();
    let input = folder.path().join("answers");
    std::fs::write(&input, lines.join("\n")).unwrap();
    let files = ["graph-v1.0.yaml", "graph-beta-shifts.yaml"].map(|it| specs.join(it));
    let output = Command::new(python)
        .args(["-c", CHECK])
        .args(files)
        .stdin(std::fs::File::open(input).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn answers_fit_the_published_schemas() {
    const V1: &str = "graph-v1.0.yaml";
    const BETA: &str = "graph-beta-shifts.yaml";
    let (world, ids) = full_world();
    let shift = format!("shifts/{}", ids["senderShiftId"].as_str().unwrap());
    let group = format!("schedulingGroups/{}", ids["schedulingGroupId"].as_str().unwrap());
    let reason = format!("timeOffReasons/{}", ids["timeOffReasonId"].as_str().unwrap());
    let request = |collection: &str, body: Value| world.post(collection, &body).body;
    let swap = json!({
        "senderShiftId": ids["senderShiftId"], "recipientShiftId": ids["recipientShiftId"],
        "recipientUserId": world.ben,
    });
    let away = json!({
        "senderUserId": world.anna, "timeOffReasonId": ids["timeOffReasonId"],
        "startDateTime": "2026-11-20T00:00:00Z", "endDateTime": "2026-11-27T00:00:00Z",
    });
    let mut open =
        World::shift("", ids["schedulingGroupId"].as_str().unwrap(), 24, "sharedOpenShift");
    open.as_object_mut().unwrap().remove("userId");
    open["sharedOpenShift"]["openSlotCount"] = json!(1);
    let integration = json!({
        "displayName": "Rota", "apiVersion": 1, "url": "https://rota.example/",
        "encryption": { "protocol": "sharedSecret", "secret": "s".repeat(64) },
        "supportedEntities": "Shift,SwapRequest",
    });
    let integration = world.ask("POST", "teamwork/workforceIntegrations", Some(&integration));
    let on_beta = |target: &str| {
        let target = format!("/beta/teams/{}/schedule/{target}", world.team);
        world.ask("GET", &target, None).body
    };
    let preferences = format!("users/{}/settings/shiftPreferences", world.anna);
    let answers = [
        (V1, "schedule", world.get("").body),
        (V1, "shift", world.get(&shift).body),
        (BETA, "shift", on_beta(&shift)),
        (V1, "schedulingGroup", world.get(&group).body),
        (V1, "timeOffReason", world.get(&reason).body),
        (V1, "openShift", request("openShifts", open)),
        (V1, "swapShiftsChangeRequest", request("swapShiftsChangeRequests", swap)),
        (V1, "timeOffRequest", request("timeOffRequests", away)),
        (V1, "workforceIntegration", integration.body),
        (V1, "shiftPreferences", world.ask("GET", &preferences, None).body),
    ];
    assert!(answers.iter().all(|(_, _, body)| body.get("error").is_none()), "{answers:?}");
    let Some(output) = misfits(&answers) else { return };
    assert_eq!(output, "checked\n");
    let wrong = [(V1, "shift", json!({ "userId": 7, "colour": "red" }))];
    assert_eq!(misfits(&wrong).unwrap().lines().count(), 3, "the check can fail");
}

#[test]
fn a_team_of_another_tenant_is_not_there() {
    let world = World::without_quotas();
    let graph: &Graph = &world.graph;
    let team = graph.add_team("Elsewhere", &[(&world.olga, Role::Owner)]);
    graph.update(|state| {
        state.teams.get_mut(&team).unwrap().tenant = "another".into();
    });
    assert_eq!(world.ask("GET", &format!("teams/{team}/schedule"), None).status, 404);
}
