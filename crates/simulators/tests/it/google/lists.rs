//! Lists: pages, sync tokens, queries; quotas.

use serde_json::json;
use simulators::google::{Options, PageMood, QuotaSpelling, Quotas};

use super::world::{ANNA, World, event};

const EVENTS: &str = "/calendars/primary/events";

fn fill(world: &World, count: usize) {
    for number in 0..count {
        let mut body = event(&format!("Shift {number}"), 8);
        body["id"] = format!("rb{number:05}").into();
        body["extendedProperties"] = json!({ "private": { "n": number.to_string() } });
        assert_eq!(world.post(EVENTS, &body).status, 200);
    }
}

/// Follows pages; gives the ids, how many pages there were, and the token at the end.
fn all(world: &World, query: &str) -> (Vec<String>, usize, Option<String>) {
    let (mut ids, mut pages, mut token) = (Vec::new(), 0, String::new());
    loop {
        let page = world.get(&format!("{EVENTS}?{query}{token}"));
        assert_eq!(page.status, 200, "{}", page.body);
        ids.extend(page.ids());
        pages += 1;
        match page.body["nextPageToken"].as_str() {
            Some(next) => {
                assert!(page.body.get("nextSyncToken").is_none(), "only on the last page");
                token = format!("&pageToken={next}");
            }
            None => {
                let sync = page.body["nextSyncToken"].as_str().map(String::from);
                return (ids, pages, sync);
            }
        }
    }
}

#[test]
fn pages_may_be_short_or_empty_and_lose_nothing() {
    for (pages, expected) in [(PageMood::Full, 3), (PageMood::Short, 5), (PageMood::Empty, 10)] {
        let world = World::new(Options { pages, ..Options::default() });
        fill(&world, 10);
        let (mut ids, count, token) = all(&world, "maxResults=4");
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), count), (10, expected), "{pages:?}");
        assert!(token.is_some());
    }
}

#[test]
fn a_sync_token_tells_what_changed_and_excludes_what_is_documented() {
    let world = World::new(Options::default());
    fill(&world, 3);
    let (_, _, token) = all(&world, "");
    let token = token.unwrap();
    let since = |more: &str| world.get(&format!("{EVENTS}?syncToken={token}{more}"));
    assert!(since("").ids().is_empty());
    world.ask("DELETE", &format!("{EVENTS}/rb00001"), None);
    world.ask("PATCH", &format!("{EVENTS}/rb00002"), Some(&json!({ "summary": "Late" })));
    let told = since("").body;
    let items = told["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!((&items[0]["id"], &items[0]["status"]), (&json!("rb00001"), &json!("cancelled")));
    assert!(items[0].get("summary").is_none(), "of a deleted one only the id is certain");
    for excluded in [
        "timeMin=2026-11-01T00:00:00Z",
        "privateExtendedProperty=n%3D1",
        "q=shift",
        "orderBy=updated",
        "iCalUID=a",
        "updatedMin=2026-11-01T00:00:00Z",
        "showDeleted=false",
        "singleEvents=true",
    ] {
        assert_eq!(since(&format!("&{excluded}")).status, 400, "{excluded}");
    }
    world.google.forget_sync_tokens();
    assert_eq!(since("").told(), (410, "fullSyncRequired"));
    let nonsense = world.get(&format!("{EVENTS}?syncToken=nonsense"));
    assert_eq!(nonsense.status, 410);
}

#[test]
fn a_sync_token_ends_with_time() {
    let world = World::new(Options::default());
    let (_, _, token) = all(&world, "");
    world.pass(29 * 24 * 3600);
    let anna = world.token_for(ANNA, &["calendar"]);
    let target = format!("{EVENTS}?syncToken={}", token.unwrap());
    assert_eq!(world.ask_as(&anna, "GET", &target, (&[], None)).status, 410);
}

#[test]
fn queries_find_by_property_time_and_word() {
    let world = World::new(Options::default());
    fill(&world, 3);
    let ids = |query: &str| all(&world, query).0;
    assert_eq!(ids("privateExtendedProperty=n%3D1"), ["rb00001"]);
    assert!(all(&world, "privateExtendedProperty=n%3D1").2.is_none(), "no token after a query");
    assert_eq!(ids("q=shift+2"), ["rb00002"]);
    // Both ends are exclusive: of the start, and of the end.
    assert!(ids("timeMin=2026-11-24T09:00:00Z").is_empty());
    assert_eq!(ids("timeMin=2026-11-24T08:59:59Z").len(), 3);
    assert!(ids("timeMax=2026-11-24T08:00:00Z").is_empty());
    assert_eq!(world.get(&format!("{EVENTS}?timeMin=2026-11-24")).status, 400);
    assert_eq!(world.get(&format!("{EVENTS}?orderBy=startTime")).status, 400);
    world.ask("DELETE", &format!("{EVENTS}/rb00001"), None);
    assert_eq!((ids("").len(), ids("showDeleted=true").len()), (2, 3));
}

#[test]
fn budgets_of_users_and_of_the_project_are_kept_in_either_spelling() {
    let spelled = |spelling, expected: &[(u16, &str)]| {
        let quotas = Quotas { project: 5, user: 3, spelling, ..Quotas::default() };
        let world = World::new(Options { quotas: Some(quotas), ..Options::default() });
        let ben = world.token_for("ben@example.com", &["calendar"]);
        let ask = |token: &str| {
            let answer = world.ask_as(token, "GET", "/colors", (&[], None));
            (answer.status, answer.reason().to_owned())
        };
        for _ in 0..3 {
            assert_eq!(ask(&world.token).0, 200);
        }
        let of_user = ask(&world.token);
        assert_eq!((ask(&ben).0, ask(&ben).0), (200, 200));
        let of_project = ask(&ben);
        let told = [of_user, of_project];
        let told: Vec<_> = told.iter().map(|(status, why)| (*status, why.as_str())).collect();
        assert_eq!(told, expected);
        world.pass(60);
        assert_eq!(ask(&ben).0, 200);
        assert_eq!(world.google.counts().throttled, 2);
    };
    spelled(
        QuotaSpelling::Forbidden,
        &[(403, "userRateLimitExceeded"), (403, "rateLimitExceeded")],
    );
    spelled(QuotaSpelling::TooMany, &[(429, "rateLimitExceeded"), (429, "rateLimitExceeded")]);
    spelled(QuotaSpelling::ByTurns, &[(403, "userRateLimitExceeded"), (429, "rateLimitExceeded")]);
}
