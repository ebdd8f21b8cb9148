//! Tables: configuration, classification, nested errors, pages, permissions, when a token is good.

mod credential;
mod permissions;

use std::time::Duration;

use engine::port::{FailureClass, QuotaScope};
use jiff::Timestamp;
use proptest::prelude::*;
use serde::Deserialize;
use url::Url;

use super::aadsts;
use super::classify::{About, Asked, class_of, class_of_error, scope_of};
use super::client::{Ask, Version, segment};
use super::config::MicrosoftGraphConfig;
use super::page::next_path;
use super::token::{Span, Standing, may_replace, standing};
use super::wire::{Grant, TokenRefusal, Told};
use crate::ConnectionConfig;
use crate::transport::SendError;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn validated(keys: &str) -> Result<(), String> {
    let text = format!("{{ {keys} }}");
    let section = toml::de::ValueDeserializer::parse(&text).unwrap();
    let config = MicrosoftGraphConfig::deserialize(section).map_err(|error| error.to_string())?;
    config.validate().map_err(|error| error.to_string())
}

#[test]
fn a_connection_says_which_key_is_wrong_and_what_was_expected() {
    let fine = r#"tenant_id = "contoso.com", client_id = "a-1", client_secret_file = "s""#;
    assert_eq!(validated(fine), Ok(()));
    let check = |keys: &str, expected: &str| {
        let error = validated(&format!("{fine}, {keys}")).unwrap_err();
        assert!(error.contains(expected), "{keys}\n{error}");
    };
    check(r#"client_secret = "x""#, "unknown field `client_secret`");
    check(r#"certificate_file = "c""#, "`certificate_file`: cannot stand beside");
    check(r#"private_key_file = "c""#, "`private_key_file`: cannot stand beside");
    check(r#"graph_url = "graph""#, "`graph_url`: relative URL without a base");
    check(r#"graph_url = "http://graph.example""#, "`graph_url`: scheme `http` found");
    check(r#"graph_url = "https://graph.microsoft.com/v1.0/""#, "ends with `/v1.0`");
    check(r#"login_url = "https://a:b@login""#, "`login_url`: holds credentials");
    check(r#"login_url = "https://login/?x""#, "`login_url`: holds `?`");
    check(
        r#"graph_url = "https://graph.microsoft.us""#,
        "`login_url`: `login.microsoftonline.com` found, expected `login.microsoftonline.us`",
    );
    check("requests_per_second = 0", "`requests_per_second`: 0 found, expected 1 to 1000");
    check("requests_per_second_per_team = 1001", "`requests_per_second_per_team`: 1001 found");
    check("concurrency = 65", "`concurrency`: 65 found, expected 1 to 64");
}

#[test]
fn a_connection_needs_exactly_one_credential_and_a_tenant_of_its_own() {
    let check = |keys: &str, expected: &str| {
        let error = validated(keys).unwrap_err();
        assert!(error.contains(expected), "{keys}\n{error}");
    };
    let named = r#"tenant_id = "t", client_id = "c""#;
    check(named, "`client_secret_file`: missing");
    check(&format!(r#"{named}, certificate_file = "c""#), "`private_key_file`: missing");
    check(&format!(r#"{named}, private_key_file = "k""#), "`certificate_file`: missing");
    let both = format!(r#"{named}, certificate_file = "c", private_key_file = "k""#);
    assert_eq!(validated(&both), Ok(()));
    let of = |tenant: &str, client: &str| {
        format!(r#"tenant_id = "{tenant}", client_id = "{client}", client_secret_file = "s""#)
    };
    check(&of("common", "c"), "`tenant_id`: `common` is no tenant");
    check(&of("", "c"), "`tenant_id`: is empty");
    check(&of("a/b", "c"), "`tenant_id`: '/' found");
    check(&of("..", "c"), "`tenant_id`: a length");
    check(&of("t", "c')"), "`client_id`: '\\'' found");
}

#[test]
fn national_clouds_and_played_ones_are_accepted() {
    let named = r#"tenant_id = "t", client_id = "c", client_secret_file = "s""#;
    for (graph, login) in [
        ("https://graph.microsoft.us", "https://login.microsoftonline.us"),
        ("https://microsoftgraph.chinacloudapi.cn/", "https://login.chinacloudapi.cn/"),
        ("http://127.0.0.1:8080", "http://localhost:8080"),
        ("https://graph.example.com/proxied", "https://login.microsoftonline.com"),
    ] {
        let keys = format!(r#"{named}, graph_url = "{graph}", login_url = "{login}""#);
        assert_eq!(validated(&keys), Ok(()), "{graph}");
    }
}

#[test]
fn a_token_is_renewed_ahead_of_its_end_and_not_used_at_its_very_end() {
    let from = at("2026-11-21T08:00:00Z");
    let check = |span: Span, time: &str, expected: Standing| {
        let now = at(&format!("2026-11-21T{time}Z"));
        assert_eq!(standing(Some(span), now), expected, "{time}");
    };
    let hour = Span::new(from, Duration::from_secs(3600), None);
    check(hour, "08:00:00", Standing::Use);
    check(hour, "08:44:59", Standing::Use);
    check(hour, "08:45:00", Standing::UseAndRenew);
    check(hour, "08:58:59", Standing::UseAndRenew);
    check(hour, "08:59:00", Standing::Wait);
    check(hour, "09:30:00", Standing::Wait);
    // A day's token that Entra would like to see renewed after half of it.
    let half = Some(Duration::from_secs(2 * 3600));
    let long = Span::new(from, Duration::from_secs(4 * 3600), half);
    check(long, "09:59:59", Standing::Use);
    check(long, "10:00:00", Standing::UseAndRenew);
    // A minute's, as tests and hurried administrators make them.
    let short = Span::new(from, Duration::from_secs(60), None);
    check(short, "08:00:44", Standing::Use);
    check(short, "08:00:45", Standing::UseAndRenew);
    check(short, "08:00:54", Standing::Wait);
    let none = Span::new(from, Duration::ZERO, None);
    check(none, "08:00:00", Standing::Wait);
    assert_eq!(standing(None, from), Standing::Wait);
    let endless = Span::new(from, Duration::MAX, Some(Duration::MAX));
    assert_eq!(standing(Some(endless), Timestamp::MAX - Duration::from_secs(1)), Standing::Use);
}

#[test]
fn a_refused_token_is_replaced_but_not_again_and_again() {
    let from = at("2026-11-21T08:00:00Z");
    let span = Span::new(from, Duration::from_secs(3600), None);
    let later = |seconds: u64| from + Duration::from_secs(seconds);
    assert!(may_replace(span, false, from));
    assert!(may_replace(span, false, later(3000)));
    assert!(!may_replace(span, true, from));
    assert!(!may_replace(span, true, later(59)));
    assert!(may_replace(span, true, later(60)));
}

#[test]
fn a_path_spends_its_team_s_budget_or_the_connection_s() {
    let check = |path: &str, expected| assert_eq!(scope_of(path), expected, "{path}");
    check("/teams/19a/schedule/shifts?$top=100", QuotaScope::Calendar);
    check("/teams/19a", QuotaScope::Calendar);
    check("/teams", QuotaScope::Connection);
    check("/teams/", QuotaScope::Connection);
    check("/teams?$filter=x", QuotaScope::Connection);
    check("/teamwork/workforceIntegrations", QuotaScope::Connection);
    check("/users/1/settings/shiftPreferences", QuotaScope::Connection);
    assert_eq!(segment("19:a/b@c?d").to_string(), "19%3Aa%2Fb%40c%3Fd");
}

/// `about`, `writes`.
const fn asked(about: About, writes: bool) -> Asked {
    Asked { about, writes, scope: QuotaScope::Calendar }
}

fn told(codes: &[&str], message: &str) -> Told {
    let codes = codes.iter().map(|it| (*it).to_owned()).collect();
    Told { codes, message: message.into(), external: None }
}

#[test]
fn every_status_has_its_class_for_reads_and_for_writes() {
    use FailureClass::{
        Bug, CalendarMissing, Forbidden, Missing, Precondition, Refused, Unauthorised, Unavailable,
        Unknown, Unsupported,
    };
    let none = told(&[], "");
    let check = |status: u16, read: FailureClass, write: FailureClass| {
        for (writes, expected) in [(false, read), (true, write)] {
            let found = class_of(asked(About::Item, writes), status, &none, None);
            assert_eq!(found, expected, "{status}, writes: {writes}");
        }
    };
    check(302, Bug, Bug);
    check(304, Bug, Bug);
    check(400, Bug, Refused);
    check(401, Unauthorised, Unauthorised);
    check(402, Forbidden, Forbidden);
    check(403, Forbidden, Forbidden);
    check(404, Missing, Missing);
    check(405, Unsupported, Unsupported);
    check(408, Unavailable, Unknown);
    check(409, Precondition, Precondition);
    check(410, Missing, Missing);
    check(412, Unavailable, Precondition);
    check(413, Bug, Refused);
    check(422, Bug, Refused);
    check(423, Unavailable, Unavailable);
    check(424, Unavailable, Unavailable);
    check(500, Unavailable, Unknown);
    check(501, Unsupported, Unsupported);
    check(502, Unavailable, Unknown);
    check(503, Unavailable, Unknown);
    check(504, Unavailable, Unknown);
    let team = |about| class_of(asked(about, true), 404, &none, None);
    assert_eq!(team(About::Team), CalendarMissing);
    assert_eq!(team(About::Directory), Missing);
}

#[test]
fn being_asked_to_wait_is_throttling_in_the_scope_that_was_spent() {
    let none = told(&[], "");
    let wait = Some(Duration::from_secs(7));
    let check = |status: u16, retry_after, scope| {
        let asked = Asked { about: About::Item, writes: true, scope };
        let expected = FailureClass::Throttled { retry_after, scope };
        assert_eq!(class_of(asked, status, &none, retry_after), expected, "{status}");
    };
    check(429, wait, QuotaScope::Calendar);
    check(429, None, QuotaScope::Connection);
    check(503, wait, QuotaScope::Calendar);
    check(509, None, QuotaScope::Calendar);
}

#[test]
fn codes_refine_the_status() {
    let check = |about, writes, status, told: &Told, expected: FailureClass| {
        assert_eq!(class_of(asked(about, writes), status, told, None), expected, "{told:?}");
    };
    let no_team = told(&["NotFound"], "Sorry, the team was not found, or you may not have access");
    check(About::Item, true, 404, &no_team, FailureClass::Unknown);
    check(About::Item, false, 404, &no_team, FailureClass::Unavailable);
    check(About::Team, true, 404, &no_team, FailureClass::CalendarMissing);
    check(About::Item, true, 404, &told(&["NotFound"], "gone"), FailureClass::Missing);
    let unknown = told(&["UnknownError"], "");
    check(About::Item, true, 404, &unknown, FailureClass::Unknown);
    check(About::Item, false, 404, &unknown, FailureClass::Unavailable);
    let external = told(&["WorkforceIntegrationError"], "no");
    for status in [400, 403, 409, 424] {
        check(About::Item, true, status, &external, FailureClass::Refused);
    }
    for status in [500, 502, 504] {
        check(About::Item, true, status, &external, FailureClass::Unknown);
    }
    let resync = told(&["resyncRequired"], "");
    check(About::Team, false, 410, &resync, FailureClass::DeltaExpired);
}

#[test]
fn an_exchange_without_an_answer_leaves_a_write_open() {
    let check = |error: SendError, read: FailureClass, write: FailureClass| {
        assert_eq!(class_of_error(asked(About::Item, false), &error), read, "{error}");
        assert_eq!(class_of_error(asked(About::Item, true), &error), write, "{error}");
    };
    let detail = String::new;
    let (open, unknown) = (FailureClass::Unavailable, FailureClass::Unknown);
    check(SendError::NotSent { detail: detail() }, open.clone(), open.clone());
    check(SendError::Unanswered { detail: detail() }, open, unknown.clone());
    let large = SendError::TooLarge { status: http::StatusCode::OK };
    check(large, FailureClass::Refused, unknown);
    assert!(Ask::new(http::Method::PATCH, Version::V1, "/x", "x").asked().writes);
    assert!(!Ask::get("/x", "x").asked().writes);
}

#[test]
fn an_error_wrapped_as_text_in_an_error_is_unwrapped() {
    // The shape of microsoft-graph-docs-contrib#2884.
    let body = r#"{"error":{"code":"Forbidden","message":"{\"error\":{\"code\":\"Forbidden\",
        \"message\":\"MS-APP-ACTS-AS header needs to be set\",\"details\":[],
        \"innererror\":{\"code\":\"MissingUserIdHeaderInAppContext\"}}}",
        "innerError":{"date":"2026-11-21","request-id":"r"}}}"#;
    let body = body.replace("\n        ", "");
    let told = Told::of(body.as_bytes());
    assert_eq!(told.codes, ["Forbidden", "MissingUserIdHeaderInAppContext"]);
    assert_eq!(told.message, "MS-APP-ACTS-AS header needs to be set");
}

#[test]
fn what_another_system_said_through_graph_is_kept_apart() {
    // The shape of OfficeDev/Microsoft-Teams-Shifts-WFM-Connectors#35.
    let body = r#"{"error":{"title":"Your request couldn't be completed",
        "externalErrorMessage":"The open shift is not found.","externalSource":"Kronos",
        "code":"WorkforceIntegrationError","message":"Sorry","details":[{"code":"Other"}],
        "innererror":{"code":"WorkforceIntegrationError"}}}"#;
    let told = Told::of(body.as_bytes());
    let external = told.external.as_ref().unwrap();
    assert_eq!(external.message, "The open shift is not found.");
    assert_eq!(external.source.as_deref(), Some("Kronos"));
    assert!(told.has("workforceintegrationerror") && told.has("Other"));
}

#[test]
fn nonsense_and_bombs_tell_nothing_and_do_no_harm() {
    for body in ["", "<html>", "[]", "{\"error\":\"x\"}", "{\"error\":{\"code\":7}}"] {
        assert_eq!(Told::of(body.as_bytes()), Told::default(), "{body}");
    }
    let mut body = r#"{"error":{"code":"deep","message":"end"}}"#.to_owned();
    for _ in 0..8 {
        let message = serde_json::Value::String(body);
        body = format!(r#"{{"error":{{"code":"wrap","message":{message}}}}}"#);
    }
    let found = Told::of(body.as_bytes());
    assert_eq!(found.codes, ["wrap"]);
    assert!(found.message.chars().count() <= 301, "{}", found.message);
    let long = format!(r#"{{"error":{{"code":"x","message":"{}\n"}}}}"#, "ä".repeat(5000));
    assert!(Told::of(long.as_bytes()).message.ends_with('…'));
}

#[test]
fn the_next_page_is_on_the_same_origin_and_below_the_same_version() {
    let plain = Url::parse("https://graph.microsoft.com").unwrap();
    let below = Url::parse("https://proxy.example/graph/").unwrap();
    let check = |graph: &Url, link: &str, expected: Option<&str>| {
        let found = next_path(graph, Version::V1, link);
        assert_eq!(found.as_deref(), expected, "{link}");
    };
    let good = "https://graph.microsoft.com/v1.0/teams/1/schedule/shifts?$skiptoken=a%20b";
    check(&plain, good, Some("/teams/1/schedule/shifts?$skiptoken=a%20b"));
    check(&plain, "https://graph.microsoft.com:443/v1.0/x", Some("/x"));
    check(&below, "https://proxy.example/graph/v1.0/x?y", Some("/x?y"));
    for elsewhere in [
        "https://graph.microsoft.com.evil.example/v1.0/x",
        "https://graph.microsoft.com@evil.example/v1.0/x",
        "http://graph.microsoft.com/v1.0/x",
        "https://graph.microsoft.com:8443/v1.0/x",
        "https://graph.microsoft.com/beta/x",
        "https://graph.microsoft.com/v1.0",
        "https://graph.microsoft.com/v1.0x/y",
        "https://graph.microsoft.com/v1.0/../beta/x",
        "https://graph.microsoft.com/v1.0/%2e%2e/beta/x",
        "/v1.0/x",
        "",
    ] {
        check(&plain, elsewhere, None);
    }
    check(&below, "https://proxy.example/v1.0/x", None);
}

#[test]
fn refusals_of_entra_are_explained_and_never_by_their_own_text() {
    let check = |number: u64, what: &str, mend: &str| {
        let found = aadsts::explain(number).unwrap();
        assert!(found.what.contains(what), "{number}: {}", found.what);
        assert!(found.mend.contains(mend), "{number}: {}", found.mend);
        assert_eq!(aadsts::class_of(401, Some(number)), FailureClass::Unauthorised);
    };
    check(7_000_215, "secret is wrong", "not its id");
    check(7_000_222, "has expired", "make a new client secret");
    check(90_002, "no such tenant", "`tenant_id`");
    check(700_016, "no such application", "`client_id`");
    check(7_000_229, "not admitted", "Grant admin consent");
    check(65_001, "not consented", "Grant admin consent");
    check(700_027, "certificate", "upload the certificate");
    check(700_024, "assertion", "clock");
    check(500_011, "Graph", "same cloud");
    assert_eq!(aadsts::explain(1), None);
    assert_eq!(aadsts::class_of(400, Some(90_033)), FailureClass::Unavailable);
    assert_eq!(aadsts::class_of(503, None), FailureClass::Unavailable);
    let described = r#"{"error_description":"AADSTS7000215: Invalid."}"#;
    let refusal: TokenRefusal = serde_json::from_str(described).unwrap();
    assert_eq!(refusal.number(), Some(7_000_215));
}

#[test]
fn seconds_of_a_token_are_numbers_or_text() {
    let grant = |text: &str| {
        let body = format!(r#"{{"access_token":"t","expires_in":{text}}}"#);
        serde_json::from_str::<Grant>(&body).map(|it| it.expires_in.0).ok()
    };
    assert_eq!(grant("3599"), Some(3599));
    assert_eq!(grant("\"3599\""), Some(3599));
    for text in ["-1", "1.5", "\"soon\"", "null", "99999999999"] {
        assert_eq!(grant(text), None, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn wherever_a_link_leads_we_stay_below_our_version(
        host in "(graph\\.example|evil|graph\\.example@evil|GRAPH\\.example|graph\\.example:443)",
        path in "[/.%2eE?#a-z0-9\\\\@:]{0,30}",
    ) {
        let graph = Url::parse("https://graph.example/base").unwrap();
        let link = format!("https://{host}/base/v1.0/{path}");
        if let Some(below) = next_path(&graph, Version::V1, &link) {
            prop_assert!(below.starts_with('/'), "{}", below);
            let sent = Url::parse(&format!("https://graph.example/base/v1.0{below}")).unwrap();
            prop_assert!(sent.path().starts_with("/base/v1.0/"), "{}", sent);
            prop_assert!(!host.contains("evil"), "{}", link);
        }
    }

    #[test]
    fn any_body_is_read_without_harm(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let told = Told::of(&body);
        prop_assert!(told.message.chars().count() <= 301);
    }
}
