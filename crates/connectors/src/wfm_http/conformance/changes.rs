//! Changes: a token or an edit time leads to what changed since, and a bad one is refused.

use jiff::{SignedDuration, Timestamp};

use super::schedule::Seen;
use super::talk::{Talk, Walk, body, told};
use super::{Check, Rule};
use crate::wfm_http::client::{Ask, ChangedSince, Query};
use crate::wfm_http::map::{Capabilities, Changes, moment};
use crate::wfm_http::wire::WireMoment;

const TOKEN: Rule = Rule {
    name: "changes.token",
    rule: "the last page of a listing says where to go on",
    expected: "`since` on the last page where `changes` is `since`, `as_of` where it is \
               `edited_since`",
    hint: "take it before the listing is made: what changes meanwhile is then listed next time",
};
const QUIET: Rule = Rule {
    name: "changes.quiet",
    rule: "asked right afterwards, only what changed since is listed",
    expected: "nothing, or what was planned in between",
    hint: "keep the number of the last change with each entity, and compare",
};
const OTHER_WINDOW: Rule = Rule {
    name: "changes.window",
    rule: "where a request is limited to some days, a token is good for every window",
    expected: "what changed since, also for a window that the token's listing was not of",
    hint: "a reader lists window by window, and goes on from the first token in all of them; let \
           the token say how far the schedule had come, and nothing of the window",
};
const EXPIRED: Rule = Rule {
    name: "changes.expired",
    rule: "a token that is not good any more is refused",
    expected: "HTTP 410 with the code `since_expired`",
    hint: "answer so for tokens that you never gave and for those older than your tombstones; the \
           reader then reads everything",
};
const EARLY: Rule = Rule {
    name: "changes.early",
    rule: "by edit time, everything was edited some time",
    expected: "everything that is there, for `edited_since` in 1970",
    hint: "give every entity a time of its last edit, also those that were imported",
};

/// Checks it.
pub async fn check(talk: &Talk, chosen: &Capabilities, seen: &Seen, checks: &mut Vec<Check>) {
    let all = [TOKEN, QUIET, OTHER_WINDOW, EXPIRED, EARLY];
    match chosen.changes {
        _ if seen.walk.pages.is_empty() => {
            checks.extend(all.map(|rule| rule.skipped("there is no listing")));
        }
        Changes::Window => {
            checks.extend(all.map(|rule| rule.skipped("`changes` is `window`")));
        }
        Changes::Since => by_token(talk, chosen, seen, checks).await,
        Changes::EditedSince => by_time(talk, chosen, seen, checks).await,
    }
}

async fn by_token(talk: &Talk, chosen: &Capabilities, seen: &Seen, checks: &mut Vec<Check>) {
    let token = seen.walk.pages.last().and_then(|page| page.since.clone());
    match token {
        None => {
            checks.push(TOKEN.failed("no `since` on the last page"));
            checks.push(QUIET.skipped("there is no token"));
            checks.push(OTHER_WINDOW.skipped("there is no token"));
        }
        Some(token) => {
            checks.push(TOKEN.passed());
            let changed = ChangedSince::Token(token);
            let walk = talk.walk(seen.window, chosen.page_size, Some(changed.clone())).await;
            checks.push(quiet(walk, seen));
            checks.push(other_window(talk, chosen, seen, changed).await);
        }
    }
    checks.push(expired(talk, seen).await);
    checks.push(EARLY.skipped("`changes` is `since`"));
}

/// Asks with the token of what was seen for the window after it.
async fn other_window(
    talk: &Talk,
    chosen: &Capabilities,
    seen: &Seen,
    changed: ChangedSince,
) -> Check {
    if chosen.window_days.is_none() {
        return OTHER_WINDOW.skipped("there is no `window_days_max`");
    }
    let (from, until) = seen.window;
    let next = until.checked_add(until.duration_since(from)).unwrap_or(Timestamp::MAX);
    match talk.walk((until, next), chosen.page_size, Some(changed)).await {
        Ok(_) => OTHER_WINDOW.passed(),
        Err(found) => OTHER_WINDOW.failed(found),
    }
}

fn quiet(walk: Result<Walk, String>, seen: &Seen) -> Check {
    let walk = match walk {
        Ok(walk) => walk,
        Err(found) => return QUIET.failed(found),
    };
    let (before, after) = (seen.walk.entities().count(), walk.entities().count());
    // Somebody may be planning at this moment, but not half of everything.
    match after > 3 && after * 2 > before {
        true => QUIET.failed(format!("{after} of {before} entities are listed again at once")),
        false => QUIET.passed(),
    }
}

async fn expired(talk: &Talk, seen: &Seen) -> Check {
    let (from, until) = seen.window;
    let changed = Some(ChangedSince::Token("a-token-that-nobody-gave".to_owned()));
    let query = Query { from, until, limit: 1, changed, page: None, known: None };
    let ask = Ask::get(query.path(), "ask with a token that nobody gave");
    let answer = match talk.ask(&ask).await {
        Ok(answer) => answer,
        Err(found) => return EXPIRED.failed(found),
    };
    let value = body(&answer).unwrap_or_default();
    let code = value.get("code").and_then(serde_json::Value::as_str);
    match (answer.status.as_u16(), code) {
        (410, Some("since_expired")) => EXPIRED.passed(),
        (410, _) | (400..500, Some("since_expired")) => EXPIRED.advised(told(&answer)),
        (200..300, _) => EXPIRED.failed("a token that nobody gave was answered with a listing"),
        (_, _) => EXPIRED.failed(told(&answer)),
    }
}

async fn by_time(talk: &Talk, chosen: &Capabilities, seen: &Seen, checks: &mut Vec<Check>) {
    let as_of = seen.walk.pages.iter().find_map(|page| page.as_of.clone());
    let at = as_of.map(|text| moment("as_of", &WireMoment::Text(text)).map(|it| it.0));
    match at {
        None => {
            checks.push(TOKEN.failed("no `as_of`"));
            checks.push(QUIET.skipped("there is no `as_of`"));
        }
        Some(Err(wrong)) => {
            checks.push(TOKEN.failed(format!("`as_of` {}", wrong.message)));
            checks.push(QUIET.skipped("`as_of` cannot be read"));
        }
        Some(Ok(at)) => {
            let skew = talk.now().duration_since(at).abs();
            let far = skew > SignedDuration::from_mins(5);
            let found = far.then(|| format!("`as_of` is {} seconds off", skew.as_secs()));
            checks.push(TOKEN.unless(found));
            let later = at.checked_add(SignedDuration::from_secs(1)).unwrap_or(at);
            let changed = ChangedSince::Edited(later);
            let walk = talk.walk(seen.window, chosen.page_size, Some(changed)).await;
            checks.push(quiet(walk, seen));
        }
    }
    checks.push(OTHER_WINDOW.skipped("`changes` is `edited_since`"));
    checks.push(EXPIRED.skipped("`changes` is `edited_since`"));
    let changed = ChangedSince::Edited(Timestamp::UNIX_EPOCH);
    checks.push(match talk.walk(seen.window, chosen.page_size, Some(changed)).await {
        Err(found) => EARLY.failed(found),
        Ok(walk) => {
            let listed: std::collections::BTreeSet<_> = walk.entities().map(Walk::key).collect();
            let missing = seen.walk.entities().map(Walk::key).find(|it| !listed.contains(it));
            EARLY.unless(missing.map(|(kind, id)| format!("{kind} `{id}` is not listed")))
        }
    });
}
