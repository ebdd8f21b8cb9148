//! Commands and questions: carried out once, judged without effect, visible at once, undone again.
//!
//! One shift of an hour, some weeks ahead, of the employee that was named: made, made again under
//! the same key, changed, and removed. It is removed whatever else goes wrong.

mod one_shift;

use domain::{CommandKind, EntityKind};
use serde_json::{Value, json};

use super::schedule::Seen;
use super::talk::Talk;
use super::{Check, Rule};
use crate::wfm_http::classify::Effect;
use crate::wfm_http::client::Ask;
use crate::wfm_http::map::{Capabilities, Changes};

use one_shift::OneShift;

pub(super) const KEY: Rule = Rule {
    name: "commands.key",
    rule: "a command without a key is not decided",
    expected: "HTTP 400",
    hint: "a command whose answer is lost is sent again: without `Idempotency-Key` it would be \
           carried out twice",
};
const VALIDATE: Rule = Rule {
    name: "commands.validate",
    rule: "POST /commands/validate judges and carries nothing out",
    expected: "a verdict, and the schedule as before",
    hint: "decide in a transaction and roll it back",
};
const APPLY: Rule = Rule {
    name: "commands.apply",
    rule: "what is granted is carried out, and the answer says what changed",
    expected: "`granted` with the new shift in `changed`, as it was asked for",
    hint: "answer with the entities as a listing would show them; the mirror goes by it at once",
};
const ONCE: Rule = Rule {
    name: "commands.once",
    rule: "the same key decides once",
    expected: "the same answer, and one shift",
    hint: "keep key and answer in the transaction that changes the schedule",
};
const REUSE: Rule = Rule {
    name: "commands.key_reuse",
    rule: "one key is for one command",
    expected: "HTTP 4xx, such as 422 `key_reused`",
    hint: "keep a hash of the command beside its key",
};
const VISIBLE: Rule = Rule {
    name: "commands.visible",
    rule: "what was granted is in every listing that begins afterwards",
    expected: "the new shift in the listing",
    hint: "read from where you write: a replica or a cache that lags would undo in all mirrors \
           what was just granted",
};
const TOLD: Rule = Rule {
    name: "changes.told",
    rule: "what changed is among the changes",
    expected: "the new shift, listed for a token or a time from before",
    hint: "number the change in the transaction that makes it",
};
const EDIT: Rule = Rule {
    name: "commands.edit",
    rule: "an edited shift keeps its id",
    expected: "the same id in `changed`, with the new end",
    hint: "change it in place; a new id would be another shift",
};
const UNKNOWN: Rule = Rule {
    name: "commands.unknown",
    rule: "a command about what is not there is refused in words",
    expected: "`granted` false with a `refusal` whose `code` is `unknown` or `outdated`",
    hint: "a refusal is an answer, HTTP 200; errors are for what could not be decided",
};
const REFUSAL: Rule = Rule {
    name: "commands.refusals",
    rule: "a refusal says why, and is not remembered",
    expected: "a `code`, and under the same key another decision once things have changed",
    hint: "remember grants by their key, and only grants: people ask again with the same words",
};
const DELETE: Rule = Rule {
    name: "commands.delete",
    rule: "what is removed is gone",
    expected: "its kind and id in `deleted`, and no listing that shows it",
    hint: "answer with `deleted`, and leave it out of listings or mark it `deleted`",
};
const GONE: Rule = Rule {
    name: "changes.deletions",
    rule: "what was deleted is among the changes",
    expected: "the shift with `deleted`, listed for a token or a time from before",
    hint: "keep deleted entities as tombstones with the number of their last change",
};
const ELIGIBLE: Rule = Rule {
    name: "eligibility.answers",
    rule: "POST /eligibility names ids of the schedule",
    expected: "a list `eligible` of ids that are listed",
    hint: "see `Question` in the contract",
};

const ALL: [Rule; 11] =
    [VALIDATE, APPLY, ONCE, REUSE, VISIBLE, TOLD, EDIT, UNKNOWN, REFUSAL, DELETE, GONE];

/// Checks them, as far as one may.
pub async fn check(
    talk: &Talk,
    chosen: &Capabilities,
    seen: &Seen,
    write_as: Option<&str>,
    checks: &mut Vec<Check>,
) {
    let shifts = chosen.commands.contains(&CommandKind::Shift);
    let why_not = match write_as {
        _ if chosen.commands.is_empty() => Some("the capabilities name no commands"),
        None => Some("it would write: `--write-as EMPLOYEE` allows it"),
        Some(_) if !shifts => Some("`shift` is not among the commands"),
        Some(_) => None,
    };
    match chosen.commands.is_empty() {
        true => checks.push(KEY.skipped("the capabilities name no commands")),
        false => checks.push(key(talk).await),
    }
    match (why_not, write_as) {
        (Some(why), _) => checks.extend(ALL.map(|rule| rule.skipped(why))),
        (None, Some(employee)) => {
            let mut one = OneShift::new(talk, chosen, employee);
            one.check(checks).await;
            one.clean_up().await;
        }
        (None, None) => {}
    }
    checks.push(eligible(talk, chosen, seen).await);
}

/// Sends a command that can do no harm: it is about a shift that does not exist.
async fn key(talk: &Talk) -> Check {
    let command = json!({ "command": "delete_shift", "shift": "rotabridge-check-no-such-shift" });
    let ask = Ask::post("/commands", &command, Effect::Decides, "send a command without a key");
    match talk.ask(&ask).await {
        Ok(answer) if answer.status.is_client_error() => KEY.passed(),
        Ok(answer) => KEY.failed(format!("HTTP {}", answer.status.as_u16())),
        Err(found) => KEY.failed(found),
    }
}

async fn eligible(talk: &Talk, chosen: &Capabilities, seen: &Seen) -> Check {
    let now = talk.now();
    let shifts = seen.entities.iter().filter(|(key, _)| key.kind == EntityKind::Shift);
    let future = shifts.filter(|(_, it)| it.interval().is_some_and(|it| it.start() > now));
    let Some((given, _)) = future.min_by_key(|(_, it)| it.interval().map(|it| it.start())) else {
        return ELIGIBLE.skipped("there is no shift in the future");
    };
    let questions = [
        (
            "swap_for",
            json!({
                "question": "swap_for",
                "given": given.id.as_str(),
                "from": now.to_string(),
                "until": seen.window.1.to_string(),
            }),
        ),
        ("offer_of", json!({ "question": "offer_of", "given": given.id.as_str() })),
    ];
    let asked: Vec<_> =
        questions.into_iter().filter(|(word, _)| chosen.eligibility.contains(*word)).collect();
    if asked.is_empty() {
        return ELIGIBLE.skipped("the capabilities name neither `swap_for` nor `offer_of`");
    }
    for (word, question) in asked {
        let ask = Ask::post("/eligibility", &question, Effect::Reads, "ask who could be chosen");
        let answer = match talk.json(&ask).await {
            Ok(answer) => answer,
            Err(found) => return ELIGIBLE.failed(format!("{word}: {found}")),
        };
        let Some(ids) = answer.get("eligible").and_then(Value::as_array) else {
            return ELIGIBLE.failed(format!("{word}: no list `eligible`"));
        };
        let kind = if word == "swap_for" { EntityKind::Shift } else { EntityKind::Employee };
        let known = |id: &Value| {
            seen.entities.keys().any(|key| key.kind == kind && Some(key.id.as_str()) == id.as_str())
        };
        if let Some(id) = ids.iter().find(|id| !known(id)) {
            return ELIGIBLE.failed(format!("{word}: {id} is no {kind} of the listing"));
        }
    }
    ELIGIBLE.passed()
}

/// Whether changes can be asked for at all.
pub(super) const fn tells_changes(chosen: &Capabilities) -> bool {
    match chosen.changes {
        Changes::Window => false,
        Changes::Since | Changes::EditedSince => true,
    }
}
