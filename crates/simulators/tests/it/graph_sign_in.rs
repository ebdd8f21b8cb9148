//! Who gets a token, and what a token opens.

use serde_json::json;
use simulators::graph::{APP, App, Certificate, Options, SECRET, TENANT};

use crate::world::World;

fn form<'a>(secret: &'a str, scope: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("grant_type", "client_credentials"),
        ("client_id", APP),
        ("client_secret", secret),
        ("scope", scope),
    ]
}

const SCOPE: &str = "https://graph.microsoft.com/.default";

#[test]
fn a_secret_that_is_wrong_or_expired_gets_no_token() {
    let world = World::bare(Options::default());
    let code = |tenant: &str, form: &[(&str, &str)]| {
        let answer = world.ask_token(tenant, form);
        (answer.status, answer.body["error_codes"][0].as_u64().unwrap_or_default())
    };
    assert_eq!(code(TENANT, &form("no", SCOPE)), (401, 7_000_215));
    assert_eq!(code("another", &form(SECRET, SCOPE)), (400, 90_002));
    assert_eq!(code(TENANT, &form(SECRET, "User.Read")), (400, 1_002_012));
    assert_eq!(code(TENANT, &form(SECRET, SCOPE)[..3]), (400, 900_144));
    world.graph.update(|state| {
        state.apps[0].secrets[0].ends_at = "2026-11-23T06:00:00Z".parse().unwrap();
    });
    assert_eq!(code(TENANT, &form(SECRET, SCOPE)), (401, 7_000_222));
    assert_eq!(world.graph.counts().tokens, 1, "only the one that the world began with");
}

#[test]
fn a_token_is_good_until_it_expires() {
    let mut world = World::without_quotas();
    assert_eq!(world.get("").status, 200);
    world.pass(3_599_000);
    let late = world.get("");
    assert_eq!((late.status, late.code()), (401, "InvalidAuthenticationToken"));
    assert!(late.headers.contains_key("www-authenticate"));
    world.sign_in();
    assert_eq!(world.get("").status, 200);
    world.token.push('x');
    assert_eq!(world.get("").status, 401);
}

#[test]
fn a_role_that_was_not_granted_is_missed() {
    let roles = vec!["Schedule.Read.All".to_owned()];
    let app = App { roles, ..App::default() };
    let world = World::bare(Options { apps: vec![app], ..Options::default() });
    let body = json!({ "enabled": true, "timeZone": "Europe/Berlin" });
    let refused = world.put("", &body);
    assert_eq!((refused.status, refused.code()), (403, "Forbidden"));
    assert!(refused.message().contains("Schedule.ReadWrite.All"), "{}", refused.message());
    assert_eq!(world.get("").status, 404, "it may read, and there is none");
    let members = world.ask("GET", &format!("teams/{}/members", world.team), None);
    assert_eq!(members.status, 403);
}

#[test]
fn members_come_in_pages() {
    let world = World::bare(Options { page_size: 2, quotas: None, ..Options::default() });
    let first = world.ask("GET", &format!("teams/{}/members", world.team), None);
    assert_eq!(first.body["value"].as_array().unwrap().len(), 2);
    assert_eq!(first.body["value"][0]["roles"], json!(["owner"]));
    let next = first.body["@odata.nextLink"].as_str().unwrap();
    let second = world.ask("GET", next.strip_prefix("https://graph.microsoft.com").unwrap(), None);
    assert_eq!(second.body["value"][0]["userId"], world.ben.as_str());
    assert!(second.body.get("@odata.nextLink").is_none());
}

#[test]
fn an_app_says_when_its_credentials_end() {
    let world = World::bare(Options::default());
    let app = world.ask("GET", &format!("applications(appId='{APP}')"), None);
    assert_eq!(app.body["passwordCredentials"][0]["endDateTime"], "2099-01-01T00:00:00Z");
    assert_eq!(app.body["passwordCredentials"][0]["secretText"], json!(null));
}

/// The certificate's key signed these for 2026-11-23T06:00Z and was thrown away.
const PS256: &str = include_str!("assertion/ps256.jwt");
const RS256: &str = include_str!("assertion/rs256.jwt");

fn certified() -> World {
    use base64::Engine as _;
    let text = include_str!("assertion/certificate.b64").trim();
    let der = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    let ends_at = "2027-01-01T00:00:00Z".parse().unwrap();
    let certificates = vec![Certificate { der, ends_at }];
    let app = App { certificates, ..App::default() };
    World::bare(Options { apps: vec![app], ..Options::default() })
}

fn code_of(world: &World, assertion: &str) -> (u16, u64) {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", APP),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.trim()),
        ("scope", SCOPE),
    ];
    let answer = world.ask_token(TENANT, &form);
    (answer.status, answer.body["error_codes"][0].as_u64().unwrap_or_default())
}

#[test]
fn an_assertion_that_the_certificates_key_signed_gets_a_token() {
    let world = certified();
    assert_eq!(code_of(&world, PS256), (200, 0));
    assert_eq!(code_of(&world, RS256), (200, 0));
    world.pass(900_000);
    assert_eq!(code_of(&world, PS256), (401, 700_024), "expired, and more than the skew ago");
}

#[test]
fn an_assertion_that_is_not_right_gets_no_token() {
    let world = certified();
    let signature = RS256.rsplit_once('.').unwrap().1;
    let forged = format!("{}.{signature}", PS256.rsplit_once('.').unwrap().0);
    assert_eq!(code_of(&world, &forged), (401, 700_027));
    assert_eq!(code_of(&world, "a.b.c"), (400, 50_027));
    world.graph.update(|state| {
        state.apps[0].certificates[0].ends_at = "2026-11-23T06:00:00Z".parse().unwrap();
    });
    assert_eq!(code_of(&world, PS256), (401, 7_000_222));
    world.graph.update(|state| state.apps[0].certificates.clear());
    assert_eq!(code_of(&world, PS256), (401, 700_027));
}
