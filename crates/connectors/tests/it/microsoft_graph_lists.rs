//! Pages and batches of the played Graph, and what `doctor` says of a connection.

use std::time::Duration;

use connectors::microsoft_graph::client::{Ask, Version};
use connectors::microsoft_graph::permissions::{MEMBERS, Need, SCHEDULES};
use engine::port::{FailureClass, Finding, FindingLevel, QuotaScope};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulators::graph::{App, Certificate, Fault, TENANT, What};

use crate::microsoft_graph::{CERTIFIED, Stage, certified, run};

fn answers(path: &str, body: &Value) -> Fault {
    Fault::on_any().at(path).then(What::Garbage(body.to_string()))
}

fn things() -> Ask {
    Ask::get("/things", "list things")
}

#[test]
fn a_collection_is_read_page_by_page() {
    let stage = Stage::new(|_| {});
    let url = stage.server.url();
    let next = |page: u32| format!("{url}/v1.0/things?p={page}");
    stage.server.set_faults([
        answers("/things?p=3", &json!({ "value": [4] })),
        answers("/things?p=2", &json!({ "value": [], "@odata.nextLink": next(3) })),
        answers("/things", &json!({ "value": [1, 2, 3], "@odata.nextLink": next(2) })),
    ]);
    let connection = stage.connection();
    let all = run(connection.graph().list::<u32>(things())).unwrap();
    assert_eq!(all, [1, 2, 3, 4]);
}

#[test]
fn our_token_goes_nowhere_else_and_no_list_is_endless() {
    let stage = Stage::new(|_| {});
    let other = Stage::new(|_| {});
    let url = stage.server.url();
    let connection = stage.connection();
    let links = [
        format!("{}/v1.0/things?p=2", other.server.url()),
        format!("{url}/beta/things"),
        format!("{url}/v1.0/things"),
    ];
    for link in links {
        let page = json!({ "value": [1], "@odata.nextLink": link });
        stage.server.set_faults([answers("/things", &page)]);
        let failure = run(connection.graph().list::<u32>(things())).unwrap_err();
        assert_eq!(failure.failure.class, FailureClass::Bug, "{link}: {failure}");
    }
    assert!(other.server.requests().is_empty());
}

#[test]
fn an_answer_that_is_none_is_told_without_its_content() {
    let stage = Stage::new(|_| {});
    let connection = stage.connection();
    stage.server.set_faults([answers("/things", &json!({ "value": ["Anna"] }))]);
    let failure = run(connection.graph().list::<u32>(things())).unwrap_err().failure;
    assert_eq!(failure.class, FailureClass::Bug);
    assert!(failure.detail.contains("not what Graph describes"), "{failure}");
    assert!(!failure.detail.contains("Anna"), "{failure}");
}

#[test]
fn each_item_of_a_batch_has_an_outcome_of_its_own() {
    let stage = Stage::new(|_| {});
    let connection = stage.connection();
    let error = |code: &str| json!({ "error": { "code": code, "message": "no" } });
    let answer = json!({ "responses": [
        { "id": "2", "status": 404, "headers": {}, "body": error("NotFound") },
        { "id": "0", "status": 200, "headers": { "X": "y" }, "body": { "id": "SHFT_1" } },
        { "id": "1", "status": 429, "headers": { "Retry-After": "3" }, "body": error("Too") },
        { "id": "99", "status": 200 },
    ] });
    stage.server.set_faults([answers("/$batch", &answer)]);
    let asks: Vec<Ask> = (0..4)
        .map(|i| Ask::get(format!("/teams/t/schedule/shifts/{i}"), "look at a shift"))
        .map(|it| it.about(connectors::microsoft_graph::classify::About::Item))
        .collect();
    let outcomes = run(connection.graph().batch(Version::V1, &asks));
    let [found, throttled, missing, absent] = outcomes.try_into().unwrap();
    let body: Value = found.unwrap().json().unwrap();
    assert_eq!(body, json!({ "id": "SHFT_1" }));
    let wait = Some(Duration::from_secs(3));
    let expected = FailureClass::Throttled { retry_after: wait, scope: QuotaScope::Calendar };
    assert_eq!(throttled.unwrap_err().failure.class, expected);
    assert_eq!(missing.unwrap_err().failure.class, FailureClass::Missing);
    // A read that was not answered changed nothing: it may be asked again.
    assert_eq!(absent.unwrap_err().failure.class, FailureClass::Unavailable);
}

#[test]
fn a_batch_that_is_lost_is_lost_for_each_of_its_items() {
    let stage = Stage::new(|_| {});
    let connection = stage.connection();
    stage.server.set_faults([Fault::on("POST").at("/$batch").then(What::throttled(5))]);
    let asks: Vec<Ask> =
        (0..45).map(|i| Ask::get(format!("/teams/t{i}"), format!("look at team {i}"))).collect();
    let outcomes = run(connection.graph().batch(Version::V1, &asks));
    assert_eq!(outcomes.len(), 45);
    for (i, outcome) in outcomes.into_iter().enumerate() {
        let failure = outcome.unwrap_err().failure;
        assert_eq!(failure.operation, format!("look at team {i}"));
        assert!(matches!(failure.class, FailureClass::Throttled { .. }), "{failure}");
    }
    let batches = stage.server.requests();
    let batches = batches.iter().filter(|it| it.target.ends_with("/$batch") && !it.in_batch);
    assert_eq!(batches.count(), 3);
}

static NEEDS: [Need; 2] = [SCHEDULES, MEMBERS];

fn checked(stage: &Stage) -> Vec<Finding> {
    let connection = stage.connection();
    connection.require(&NEEDS);
    let mut findings = run(connection.check());
    // The played vendor's `Date` is the machine's, and our clock is not.
    findings.retain(|it| !it.message.starts_with("our clock"));
    assert!(findings.iter().all(|it| it.subject == "connection m365"), "{findings:?}");
    findings
}

fn roles(stage: &Stage, roles: &[&str]) {
    stage.server.update(|state| {
        let App { roles: granted, .. } = &mut state.apps[0];
        *granted = roles.iter().map(|it| (*it).to_owned()).collect();
    });
}

#[test]
fn a_check_tells_what_is_granted_too_little_and_too_much() {
    let stage = Stage::new(|_| {});
    roles(&stage, &["TeamMember.Read.All", "User.Read.All"]);
    let findings = checked(&stage);
    let of = |level| findings.iter().filter(move |it| it.level == level).collect::<Vec<_>>();
    let [missing] = of(FindingLevel::Error)[..] else { panic!("{findings:?}") };
    assert!(missing.message.contains("`Schedule.ReadWrite.All` is not granted"));
    let [excess, unseen] = of(FindingLevel::Warning)[..] else { panic!("{findings:?}") };
    assert!(excess.message.contains("`User.Read.All`"), "{excess:?}");
    assert!(unseen.message.contains("expires cannot be seen"), "{unseen:?}");
    assert!(unseen.hint.as_ref().unwrap().contains("`Application.Read.All`"));
    let [good] = of(FindingLevel::Good)[..] else { panic!("{findings:?}") };
    assert_eq!(good.message, "signs in as application `Rota`");
}

#[test]
fn a_secret_that_ends_within_ninety_days_is_warned_of() {
    let stage = Stage::new(|_| {});
    roles(&stage, &["Schedule.ReadWrite.All", "TeamMember.Read.All", "Application.Read.All"]);
    let end = |hint: &str, end: &str| {
        let secrets = json!([
            { "hint": "xyz", "endDateTime": "2026-11-22T00:00:00Z" },
            { "hint": hint, "endDateTime": end },
        ]);
        let fault = answers("/applications(", &json!({ "passwordCredentials": secrets }));
        stage.server.set_faults([fault]);
        checked(&stage).pop().unwrap()
    };
    let warned = end("pla", "2027-02-19T07:00:00Z");
    assert_eq!(warned.level, FindingLevel::Warning);
    assert!(warned.message.ends_with("2027-02-19T07:00:00Z, in 89 days"), "{warned:?}");
    let good = end("pla", "2027-02-20T07:00:00Z");
    assert_eq!(good.level, FindingLevel::Good, "{good:?}");
    let unknown = end("abc", "2027-02-20T07:00:00Z");
    assert!(unknown.message.contains("lists no secret like ours"), "{unknown:?}");
}

#[test]
fn a_certificate_that_ends_within_ninety_days_is_warned_of() {
    let stage = Stage::new(|_| {});
    let der = certified(&stage);
    let ends_at: Timestamp = "2036-11-18T07:05:10Z".parse().unwrap();
    stage.server.update(|state| {
        state.apps[0].certificates.push(Certificate { der: der.clone(), ends_at });
    });
    let told = |days: i64| {
        let now = ends_at - SignedDuration::from_hours(24 * days);
        stage.clock.advance_to(now);
        let connection = stage.config(TENANT, CERTIFIED).connection(&stage.context()).unwrap();
        let findings = run(connection.check());
        let about = |it: &Finding| it.message.contains("expire") && it.message.contains("2036");
        let found = findings.iter().find(|it| about(it)).unwrap_or_else(|| panic!("{findings:?}"));
        (found.level, found.hint.is_some())
    };
    assert_eq!(told(91), (FindingLevel::Good, false));
    assert_eq!(told(89), (FindingLevel::Warning, true));
    assert_eq!(told(-1), (FindingLevel::Error, true));
}

#[test]
fn a_check_that_cannot_sign_in_says_why_and_what_to_do() {
    let stage = Stage::new(|options| options.apps[0].secrets.clear());
    let findings = checked(&stage);
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(finding.level, FindingLevel::Error);
    assert_eq!(finding.message.split(" (trace").next().unwrap(), WRONG);
    assert!(finding.hint.as_ref().unwrap().contains("`client_secret_file`"));
}

const WRONG: &str = "cannot sign in: AADSTS7000215: the client secret is wrong";
