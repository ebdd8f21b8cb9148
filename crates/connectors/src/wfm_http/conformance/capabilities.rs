//! What the implementation says of itself, who may ask, and how it says no.

use domain::limits::CLOCK_SKEW_TOLERATED;
use http::header::DATE;
use jiff::SignedDuration;
use serde_json::Value;

use super::talk::{Talk, body, told};
use super::{Check, Rule};
use crate::transport::http_date;
use crate::wfm_http::client::Ask;
use crate::wfm_http::map::{Capabilities, Changes, Deletions, capabilities};

const READ: Rule = Rule {
    name: "capabilities.read",
    rule: "GET /capabilities says which parts of the contract were chosen",
    expected: "HTTP 200 with a JSON object that has `contract` and `changes`",
    hint: "see `Capabilities` in the contract; serve it below the URL that was given",
};
const CONSISTENT: Rule = Rule {
    name: "capabilities.consistent",
    rule: "what was chosen fits together",
    expected: "`changes` = `since` goes with `deletions` = `flag`",
    hint: "list what was deleted as `deleted`, or choose `window`: until then everything is read \
           each time",
};
const TOKEN: Rule = Rule {
    name: "token.needed",
    rule: "who has no token learns nothing",
    expected: "HTTP 401",
    hint: "compare the bearer token on every path, before anything else is done",
};
const ERRORS: Rule = Rule {
    name: "errors.json",
    rule: "an answer that is no success says why, as JSON",
    expected: "HTTP 400 with `code`, a stable word, and `message`, words for people",
    hint: "administrators read these words; let no framework answer with its own pages",
};
const CLOCK: Rule = Rule {
    name: "clock.right",
    rule: "its clock is right",
    expected: "a `Date` header that is at most 60 seconds off",
    hint: "keep the clock by NTP: signatures of webhooks and edit times rest on it",
};

/// Checks them; gives what was chosen, if that can be worked with.
pub async fn check(talk: &Talk, has_token: bool, checks: &mut Vec<Check>) -> Option<Capabilities> {
    let ask = Ask::get("/capabilities", "read the capabilities");
    let chosen = match talk.json(&ask).await {
        Err(found) => Err(found),
        Ok(value) => read(value),
    };
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(found) => {
            checks.push(READ.failed(found));
            return None;
        }
    };
    checks.push(READ.passed());
    let blind = chosen.changes == Changes::Since && chosen.deletions == Deletions::Absence;
    let found = blind.then(|| "`since` with `absence`: deletions cannot be told".to_owned());
    checks.push(CONSISTENT.unless(found));
    checks.push(token(talk, &ask, has_token).await);
    checks.push(errors(talk).await);
    checks.push(clock(talk, &ask).await);
    Some(chosen)
}

fn read(value: Value) -> Result<Capabilities, String> {
    for name in ["contract", "changes"] {
        if !value.get(name).is_some_and(Value::is_string) {
            return Err(format!("`{name}` is missing, or no text"));
        }
    }
    let wire = serde_json::from_value(value).map_err(|error| {
        // Capabilities hold nothing personal: serde may repeat what is wrong.
        error.to_string()
    })?;
    capabilities(wire).map_err(|wrong| format!("`{}` {}", wrong.field, wrong.message))
}

async fn token(talk: &Talk, ask: &Ask, has_token: bool) -> Check {
    if !has_token {
        return TOKEN.advised("it answers without a token: everybody can read the schedule");
    }
    match talk.ask_as_stranger(ask).await {
        Ok(answer) if answer.status == 401 => TOKEN.passed(),
        Ok(answer) if answer.status == 403 => TOKEN.advised("HTTP 403; 401 is the word for it"),
        Ok(answer) => TOKEN.failed(format!("without a token: {}", told(&answer))),
        Err(found) => TOKEN.failed(found),
    }
}

async fn errors(talk: &Talk) -> Check {
    let ask = Ask::get("/schedule?from=yesterday&until=tomorrow", "ask nonsense");
    let answer = match talk.ask(&ask).await {
        Ok(answer) => answer,
        Err(found) => return ERRORS.failed(found),
    };
    if answer.status.is_success() {
        return ERRORS.failed("`from=yesterday` was answered as if it made sense");
    }
    let value = match body(&answer) {
        Ok(value) => value,
        Err(found) => return ERRORS.failed(found),
    };
    let missing = ["code", "message"].into_iter().find(|it| {
        let text = value.get(*it).and_then(Value::as_str);
        text.is_none_or(str::is_empty)
    });
    let status = answer.status.as_u16();
    match missing {
        Some(name) => ERRORS.failed(format!("HTTP {status} without `{name}`")),
        None if status != 400 => ERRORS.advised(told(&answer)),
        None => ERRORS.passed(),
    }
}

async fn clock(talk: &Talk, ask: &Ask) -> Check {
    let Ok(answer) = talk.ask(ask).await else {
        return CLOCK.skipped("no answer");
    };
    let date = answer.headers.get(DATE).and_then(|it| http_date(it.to_str().ok()?));
    let Some(date) = date else {
        return CLOCK.skipped("answers have no `Date`");
    };
    let skew = talk.now().duration_since(date).abs();
    let tolerated = SignedDuration::try_from(CLOCK_SKEW_TOLERATED).unwrap_or(SignedDuration::MAX);
    let far = skew > tolerated;
    CLOCK.unless(far.then(|| format!("{} seconds between its clock and ours", skew.as_secs())))
}
