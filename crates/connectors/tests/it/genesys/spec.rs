//! The rebuilt specification, held against both sides: documented payloads are read, our requests
//! and the player's answers fit its schemas.
//!
//! Examples and specification lie beside the workspace, in `../shared`; the schemas are checked by
//! Python's `jsonschema`, from `ROTABRIDGE_TOOLS`. A test says so and passes where what it needs is
//! not there.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use connectors::genesys_cloud::wire::{
    ActivityCode, Listing, QueryAnswer, Reference, ScheduleHead, TimeOffRequest,
};
use serde_json::{Value, json};
use simulators::genesys::Options;

use super::world::{World, day};

fn shared(below: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(below);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

#[test]
fn every_documented_payload_that_concerns_us_is_read() {
    let Some(folder) = shared("examples/genesys") else { return };
    let example = |name: &str| -> Value {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["payload"].clone()
    };
    let codes: Listing<ActivityCode> = serde_json::from_value(example("activity_codes")).unwrap();
    assert_eq!(codes.entities[1].category.as_deref(), Some("TimeOff"));
    let heads: Listing<ScheduleHead> =
        serde_json::from_value(example("week_schedules_listing")).unwrap();
    assert_eq!(heads.entities[0].metadata.as_ref().unwrap().version, 7);
    let users: Listing<Reference> =
        serde_json::from_value(example("management_unit_users")).unwrap();
    assert_eq!(users.entities.len(), 1);
    let answer: QueryAnswer =
        serde_json::from_value(example("agentschedules_query_response")).unwrap();
    let schedule = &answer.result.unwrap().agent_schedules[0];
    assert_eq!(schedule.metadata.as_ref().unwrap().version, 7);
    assert_eq!(schedule.shifts.as_ref().unwrap()[0].activities.as_ref().unwrap().len(), 4);
    assert_eq!(schedule.full_day_time_off_markers.as_ref().unwrap().len(), 1);
    for name in ["search_response_200_download", "search_response_202_processing"] {
        let answer: QueryAnswer = serde_json::from_value(example(name)).unwrap();
        assert!(answer.result.is_none(), "{name}");
    }
    let request: TimeOffRequest = serde_json::from_value(example("timeoff_response")).unwrap();
    assert_eq!(request.full_day_management_unit_dates.len(), 2);
}

/// Reads lines of `[schema, value]`, or of `[method, target]`, and prints what does not fit.
const CHECK: &str = r##"
import json, re, sys, yaml
from urllib.parse import parse_qsl, unquote
from jsonschema import Draft202012Validator

def turned(it):
    if isinstance(it, list):
        return [turned(each) for each in it]
    if not isinstance(it, dict):
        return it
    it = {key: turned(value) for key, value in it.items() if key != "discriminator"}
    if "properties" in it and "additionalProperties" not in it:
        it["additionalProperties"] = False
    nullable = it.pop("nullable", False)
    return {"anyOf": [it, {"type": "null"}]} if nullable else it

with open(sys.argv[1]) as file:
    found = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
spec = {"components": turned(found["components"])}

def is_of(schema, text):
    kinds = {"integer": r"-?[0-9]+", "boolean": r"true|false"}
    fits = re.fullmatch(kinds.get(schema.get("type"), r"(?s).*"), text)
    if schema.get("format") == "date":
        fits = fits and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text)
    return bool(fits) and text in schema.get("enum", [text])

def asked(method, target):
    path, _, query = target.partition("?")
    routes = []
    for template, item in found["paths"].items():
        match = re.fullmatch(re.sub(r"{\w+}", "([^/]+)", template), path)
        if match and method.lower() in item:
            names = re.findall(r"{(\w+)}", template)
            values = dict(zip(names, map(unquote, match.groups())))
            routes.append((len(names), template, item, values))
    if not routes:
        yield "no such operation"
        return
    _, template, item, values = min(routes, key=lambda it: it[0])
    operation = item[method.lower()]
    if operation.get("deprecated"):
        yield "deprecated"
    known = {}
    for it in item.get("parameters", []) + operation.get("parameters", []):
        while "$ref" in it:
            it = found["components"]["parameters"][it["$ref"].split("/")[-1]]
        known[it["in"], it["name"]] = it
    for name, text in values.items():
        if not is_of(known["path", name]["schema"], text):
            yield f"{template}: path {name}={text}"
    given = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        given.setdefault(name, []).append(text)
    for name, texts in given.items():
        if ("query", name) not in known:
            yield f"{template}: no parameter {name}"
            continue
        parameter = known["query", name]
        # Without `style` and `explode`: `form`, each item with the name once more.
        assert "style" not in parameter and "explode" not in parameter, parameter
        schema = parameter["schema"]
        many = schema.get("type") == "array"
        if not many and len(texts) > 1:
            yield f"{template}: {name} stands there {len(texts)} times"
        for text in texts:
            if not is_of(schema["items"] if many else schema, text):
                yield f"{template}: {name}={text}"
    for (place, name), it in known.items():
        if place == "query" and it.get("required") and name not in given:
            yield f"{template}: {name} is missing"

for line in sys.stdin:
    name, value = json.loads(line)
    if name.isupper():
        for fault in asked(name, value):
            print(name, value, fault)
        continue
    schema = {"$ref": "#/components/schemas/" + name, **spec}
    for error in Draft202012Validator(schema).iter_errors(value):
        print(name, list(error.path), error.message[:300])
print("checked")
"##;

fn misfits(values: &[(&str, Value)]) -> Option<String> {
    let spec = shared("specs/genesys-wfm.yaml")?;
    let Some(tools) = std::env::var_os("ROTABRIDGE_TOOLS") else {
        println!("skipped: ROTABRIDGE_TOOLS is not set");
        return None;
    };
    let mut python = Command::new(PathBuf::from(tools).join("venv/bin/python"))
        .args(["-c", CHECK])
        .arg(spec)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut input = python.stdin.take().unwrap();
    for value in values {
        writeln!(input, "{}", serde_json::to_string(value).unwrap()).unwrap();
    }
    drop(input);
    let output = python.wait_with_output().unwrap();
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The schemas of a route's request and answer.
fn schemas(method: &str, target: &str) -> (Option<&'static str>, &'static str) {
    let path = target.split('?').next().unwrap();
    let ends = |end: &str| path.ends_with(end);
    match method {
        "GET" if ends("/availabletopics") => (None, "AvailableTopicEntityListing"),
        "GET" if ends("/api/v2/users") => (None, "UserEntityListing"),
        "GET" if ends("/businessunits") => (None, "BusinessUnitListing"),
        "GET" if ends("/managementunits") => (None, "ManagementUnitListing"),
        "GET" if ends("/activitycodes") => (None, "BusinessUnitActivityCodeListing"),
        "GET" if ends("/users") => (None, "BuUserListing"),
        "GET" if path.contains("/trades/query/jobs/") => {
            (None, "ShiftTradeQueryTradesBuJobResponse")
        }
        "GET" if path.contains("/trades/state/bulk/jobs/") => {
            (None, "ShiftTradeBulkUpdateTradeStateBuJobResponse")
        }
        "GET" if path.contains("/history/agents/") => (None, "BuAgentScheduleHistoryResponse"),
        "GET" if ends("/weeks/recent/schedules") => (None, "BuScheduleListing"),
        "GET" if ends("/managementunit") => (None, "AgentManagementUnitReference"),
        "GET" if ends("/timeoffrequests") => (None, "TimeOffRequestList"),
        "GET" if path.contains("/businessunits/") => (None, "BusinessUnitResponse"),
        "POST" if ends("/trades/query/jobs") => {
            (Some("QueryShiftTradeListJobRequest"), "ShiftTradeQueryTradesBuJobResponse")
        }
        "POST" if ends("/trades/state/bulk/jobs") => {
            let answer = "ShiftTradeBulkUpdateTradeStateBuJobResponse";
            (Some("BulkUpdateShiftTradeListJobRequest"), answer)
        }
        "POST" if ends("/agentschedules/query") => {
            (Some("BuQueryAgentSchedulesRequest"), "BuAsyncAgentSchedulesQueryResponse")
        }
        "POST" if ends("/agentschedules/search") => {
            (Some("BuSearchAgentSchedulesRequest"), "BuAsyncAgentSchedulesSearchResponse")
        }
        "POST" if ends("/timeoffrequests/query") => {
            (Some("TimeOffRequestQueryBody"), "TimeOffRequestListing")
        }
        "POST" if ends("/timeoffrequests") => {
            (Some("CreateAdminTimeOffRequest"), "TimeOffRequestList")
        }
        "PATCH" if ends("/integrationstatus") => {
            (Some("SetTimeOffIntegrationStatusRequest"), "UserTimeOffIntegrationStatusResponse")
        }
        "PATCH" => (Some("AdminTimeOffRequestPatch"), "TimeOffRequestResponse"),
        _ => panic!("{method} {target} is not in the table"),
    }
}

/// Whatever has us ask for more.
const KEYS: &str =
    "integration_status = true\nhook_secret_file = \"hook-secret\"\nshift_trades = true";

#[tokio::test]
async fn what_we_ask_and_what_the_player_answers_fit_the_specification() {
    let world = World::with(Options { job_polls: 1, ..Options::default() }, KEYS);
    world.usual_week();
    world.genesys.mark_day_off(&world.ben, day("2026-11-26"), None);
    let days = [day("2026-11-27")];
    let request = world.genesys.ask_time_off(&world.anna, "5", &days);
    world.genesys.decide_time_off(&request, "APPROVED");
    world.read().await.unwrap();
    super::deciding::everything_that_is_decided(&world).await;
    super::trades::a_swap_is_decided(&world).await;
    world.genesys.set_hidden(&world.ben, true);
    world.work(&world.anna, "2026-11-28");
    world.read().await.unwrap();
    world.source.check().await;
    let mut values = Vec::new();
    let requests = world.genesys.requests();
    for seen in requests.iter().filter(|it| it.is_api()) {
        values.push((seen.method.as_str(), Value::from(seen.target.as_str())));
        let (request, answer) = schemas(&seen.method, &seen.target);
        if let Some(schema) = request {
            values.push((schema, serde_json::from_str(&seen.body).unwrap()));
        }
        // The same once more, past the connector, to see the answer.
        if seen.method == "GET" || seen.target.contains("query") {
            values.push((answer, ask(&world, &seen.method, &seen.target, &seen.body)));
        }
    }
    let search = json!({
        "startDate": "2026-11-22T23:00:00.000Z", "endDate": "2026-11-29T23:00:00.000Z",
    });
    let target =
        format!("/api/v2/workforcemanagement/businessunits/{}/agentschedules/search", world.unit);
    let answer = ask(&world, "POST", &target, &search.to_string());
    values.push(("BuSearchAgentSchedulesRequest", search));
    values.push(("BuAsyncAgentSchedulesSearchResponse", answer));
    let missing = ask(&world, "GET", "/api/v2/users/nobody", "");
    values.push(("ErrorBody", missing));
    if let Some(output) = misfits(&values) {
        assert_eq!(output, "checked\n");
    }
}

#[test]
fn targets_that_the_specification_does_not_have_are_noticed() {
    let unit = "/api/v2/workforcemanagement/businessunits/b";
    let wrong = [
        ("GET", format!("{unit}?expand=settings.timeZone,settings.startDayOfWeek")),
        ("GET", format!("{unit}?expand=everything")),
        ("GET", format!("{unit}/weeks/recent/schedules?includeOnlyPublished=yes")),
        ("GET", "/api/v2/workforcemanagement/agents/a/managementunit?expand=businessUnit".into()),
        ("GET", format!("{unit}/weeks/monday/schedules/s/history/agents/a")),
        ("DELETE", unit.into()),
        ("GET", "/api/v2/users?pageSize=500&pageSize=100".into()),
    ];
    let values: Vec<_> =
        wrong.iter().map(|(method, target)| (*method, Value::from(target.as_str()))).collect();
    let right = format!("{unit}?expand=settings.timeZone&expand=settings.startDayOfWeek");
    let values = [values, vec![("GET", Value::from(right.as_str()))]].concat();
    let Some(output) = misfits(&values) else { return };
    assert_eq!(output.lines().count(), wrong.len() + 1, "{output}");
    for (number, (_, target)) in wrong.iter().enumerate() {
        assert!(output.lines().nth(number).unwrap().contains(target.as_str()), "{output}");
    }
}

fn ask(world: &World, method: &str, target: &str, body: &str) -> Value {
    let token = {
        let form = http::Request::post("/oauth/token")
            .header("authorization", basic())
            .body(bytes::Bytes::from_static(b"grant_type=client_credentials"))
            .unwrap();
        let answer = world.genesys.handle(form).answer.unwrap();
        let grant: Value = serde_json::from_slice(answer.body()).unwrap();
        grant["access_token"].as_str().unwrap().to_owned()
    };
    let request = http::Request::builder()
        .method(method)
        .uri(target)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(bytes::Bytes::from(body.to_owned()))
        .unwrap();
    let answer = world.genesys.handle(request).answer.unwrap();
    serde_json::from_slice(answer.body()).unwrap()
}

fn basic() -> String {
    use base64::Engine;
    let pair = format!("{}:{}", simulators::genesys::CLIENT, simulators::genesys::SECRET);
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}
