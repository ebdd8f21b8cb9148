//! One shift, from its making to its removal.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    APPLY, DELETE, EDIT, GONE, ONCE, REFUSAL, REUSE, TOLD, UNKNOWN, VALIDATE, VISIBLE,
    tells_changes,
};
use crate::wfm_http::classify::Effect;
use crate::wfm_http::client::{Ask, ChangedSince};
use crate::wfm_http::conformance::talk::{Talk, Walk, told};
use crate::wfm_http::conformance::{Check, Rule};
use crate::wfm_http::map::{Capabilities, Changes, Deletions, Said, entity};

/// How far ahead the shift is: beyond what most people look at.
const DAYS_AHEAD: i64 = 45;
/// What it is called.
const LABEL: &str = "Rotabridge check";

/// The shift, and what was made of it.
pub struct OneShift<'a> {
    talk: &'a Talk,
    chosen: &'a Capabilities,
    employee: &'a str,
    start: Timestamp,
    keys: u32,
    made: Vec<String>,
}

/// Where to go on reading changes.
type Resume = Option<ChangedSince>;

impl<'a> OneShift<'a> {
    /// Makes nothing yet.
    pub fn new(talk: &'a Talk, chosen: &'a Capabilities, employee: &'a str) -> Self {
        let start = talk.hours_ahead(24 * DAYS_AHEAD);
        Self { talk, chosen, employee, start, keys: 0, made: vec![] }
    }

    /// Makes it, and everything else.
    pub async fn check(&mut self, checks: &mut Vec<Check>) {
        checks.push(self.validate().await);
        let resume = self.resume().await;
        let key = self.key();
        let id = match self.create(&key).await {
            Ok(id) => id,
            Err(check) => {
                checks.push(*check);
                let rest = [ONCE, REUSE, VISIBLE, TOLD, EDIT, REFUSAL, DELETE, GONE];
                checks.extend(rest.map(|rule| rule.skipped("no shift was made")));
                checks.push(self.unknown().await);
                return;
            }
        };
        checks.push(APPLY.passed());
        checks.push(self.once(&key, &id).await);
        checks.push(self.reuse(&key).await);
        checks.push(self.visible(&id).await);
        checks.push(self.told(TOLD, &resume, &id, false).await);
        checks.push(self.edit(&id).await);
        checks.push(self.unknown().await);
        let refused = self.refused().await;
        let resume = self.resume().await;
        checks.push(self.delete(&id).await);
        checks.push(self.told(GONE, &resume, &id, true).await);
        checks.push(self.asked_again(refused).await);
    }

    /// Removes whatever is left.
    pub async fn clean_up(&mut self) {
        for id in std::mem::take(&mut self.made) {
            let key = self.key();
            let command = json!({ "command": "delete_shift", "shift": id });
            // What cannot be removed shows in the schedule under its label.
            drop(self.command(&command, &key).await);
        }
    }

    fn key(&mut self) -> String {
        self.keys += 1;
        format!("rotabridge-check-{}-{}", self.talk.now().as_millisecond(), self.keys)
    }

    fn item(&self, minutes: i64, label: &str) -> Value {
        json!({
            "employee": self.employee,
            "label": label,
            "start": self.start.to_string(),
            "end": self.minutes_after(minutes).to_string(),
            "activities": [],
        })
    }

    fn minutes_after(&self, minutes: i64) -> Timestamp {
        self.start.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(self.start)
    }

    fn making(&self, label: &str) -> Value {
        json!({ "command": "create_shift", "item": self.item(60, label) })
    }

    async fn command(&self, command: &Value, key: &str) -> Result<Value, String> {
        let ask = Ask::post("/commands", command, Effect::Decides, "have a command decided");
        let answer = self.talk.json(&ask.keyed(key)).await?;
        match answer.get("granted") {
            Some(Value::Bool(_)) => Ok(answer),
            Some(_) | None => Err("the answer has no `granted` that is true or false".to_owned()),
        }
    }

    /// Everything of ours that is listed around the shift.
    async fn listed(&self, changed: Option<ChangedSince>) -> Result<Walk, String> {
        let window = (self.minutes_after(-60), self.minutes_after(180));
        self.talk.walk(window, self.chosen.page_size, changed).await
    }

    fn is_ours(&self, value: &Value) -> bool {
        let text = |name| value.get(name).and_then(Value::as_str);
        let deleted = value.get("deleted").and_then(Value::as_bool).unwrap_or(false);
        text("kind") == Some("shift")
            && text("employee") == Some(self.employee)
            && text("label").is_some_and(|it| it.starts_with(LABEL))
            && !deleted
    }

    async fn resume(&self) -> Resume {
        if !tells_changes(self.chosen) {
            return None;
        }
        let walk = self.listed(None).await.ok()?;
        match self.chosen.changes {
            Changes::Window => None,
            Changes::Since => walk.pages.last()?.since.clone().map(ChangedSince::Token),
            Changes::EditedSince => {
                let at = walk.pages.iter().find_map(|it| it.as_of.clone())?;
                at.parse().ok().map(ChangedSince::Edited)
            }
        }
    }

    async fn validate(&mut self) -> Check {
        if !self.chosen.validates {
            return VALIDATE.skipped("`validates` is not among the capabilities");
        }
        let command = self.making(LABEL);
        let ask = Ask::post("/commands/validate", &command, Effect::Reads, "have it judged");
        match self.talk.json(&ask).await {
            Err(found) => return VALIDATE.failed(found),
            Ok(answer) if !answer.get("granted").is_some_and(Value::is_boolean) => {
                return VALIDATE.failed("the answer has no `granted` that is true or false");
            }
            Ok(_) => {}
        }
        match self.listed(None).await {
            Err(found) => VALIDATE.skipped(found),
            Ok(walk) => {
                let made: Vec<String> = walk
                    .entities()
                    .filter(|it| self.is_ours(it))
                    .map(|it| Walk::key(it).1.to_owned())
                    .collect();
                let carried_out = !made.is_empty();
                self.made.extend(made);
                VALIDATE.unless(carried_out.then(|| "the shift was made".to_owned()))
            }
        }
    }

    async fn create(&mut self, key: &str) -> Result<String, Box<Check>> {
        let failed = |found: String| Box::new(APPLY.failed(found));
        let answer = self.command(&self.making(LABEL), key).await.map_err(failed)?;
        if answer["granted"] != Value::Bool(true) {
            let code = answer["refusal"]["code"].as_str().unwrap_or("no code").to_owned();
            let found = format!("refused ({code}): another employee may be free then");
            return Err(Box::new(APPLY.advised(found)));
        }
        let reading = crate::wfm_http::conformance::schedule::reading(self.chosen);
        let changed = answer.get("changed").and_then(Value::as_array).cloned().unwrap_or_default();
        let Some(made) = changed.iter().find(|it| self.is_ours(it)) else {
            // It may have been made all the same.
            if let Ok(walk) = self.listed(None).await {
                let ours = walk.entities().filter(|it| self.is_ours(it));
                let ours: Vec<String> = ours.map(|it| Walk::key(it).1.to_owned()).collect();
                self.made.extend(ours);
            }
            return Err(failed("granted, and the new shift is not in `changed`".to_owned()));
        };
        let id = Walk::key(made).1.to_owned();
        self.made.push(id.clone());
        match entity(made, &reading) {
            Err(wrong) => Err(failed(format!("`changed`: `{}` {}", wrong.field, wrong.message))),
            Ok(Said::Gone(_)) => Err(failed("the new shift is said to be gone".to_owned())),
            Ok(Said::Is(it)) => match it.interval() {
                Some(interval)
                    if interval.start() == self.start
                        && interval.end() == self.minutes_after(60) =>
                {
                    Ok(id)
                }
                other => {
                    let at = other.map_or("no time".to_owned(), |it| it.to_string());
                    Err(failed(format!("asked for {} and one hour, found {at}", self.start)))
                }
            },
        }
    }

    async fn once(&mut self, key: &str, id: &str) -> Check {
        let again = match self.command(&self.making(LABEL), key).await {
            Ok(answer) => answer,
            Err(found) => return ONCE.failed(found),
        };
        let names = again.get("changed").and_then(Value::as_array).cloned().unwrap_or_default();
        let other = names.iter().map(|it| Walk::key(it).1).find(|it| *it != id);
        if let Some(other) = other {
            let found = format!("asked again, it made shift `{other}` beside `{id}`");
            self.made.push(other.to_owned());
            return ONCE.failed(found);
        }
        match self.listed(None).await {
            Err(found) => ONCE.skipped(found),
            Ok(walk) => {
                let ours = walk.entities().filter(|it| self.is_ours(it));
                let ids: Vec<String> = ours.map(|it| Walk::key(it).1.to_owned()).collect();
                let found = format!("{} shifts where one was asked for", ids.len());
                let twice = ids.len() > 1;
                self.made.extend(ids.into_iter().filter(|it| it != id));
                match (again["granted"].as_bool(), twice) {
                    (_, true) => ONCE.failed(found),
                    (Some(true), false) => ONCE.passed(),
                    (_, false) => ONCE.failed("asked again, it refuses what it granted"),
                }
            }
        }
    }

    async fn reuse(&mut self, key: &str) -> Check {
        let command = self.making("Rotabridge check, another one");
        let ask = Ask::post("/commands", &command, Effect::Decides, "use a key again");
        match self.talk.ask(&ask.keyed(key)).await {
            Err(found) => REUSE.failed(found),
            Ok(answer) if answer.status.is_client_error() => REUSE.passed(),
            Ok(answer) if answer.status.is_success() => {
                let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                let ids = value["changed"].as_array().into_iter().flatten();
                self.made.extend(ids.map(|it| Walk::key(it).1.to_owned()));
                self.made.sort();
                self.made.dedup();
                REUSE.failed("another command under the same key was answered as if it were new")
            }
            Ok(answer) => REUSE.failed(told(&answer)),
        }
    }

    async fn visible(&self, id: &str) -> Check {
        match self.listed(None).await {
            Err(found) => VISIBLE.failed(found),
            Ok(walk) => {
                let there = walk.entities().any(|it| Walk::key(it) == ("shift", id));
                VISIBLE.unless((!there).then(|| format!("shift `{id}` is not listed")))
            }
        }
    }

    async fn told(&self, rule: Rule, resume: &Resume, id: &str, deleted: bool) -> Check {
        if deleted && self.chosen.deletions == Deletions::Absence {
            return rule.skipped("`deletions` is `absence`");
        }
        if !tells_changes(self.chosen) {
            return rule.skipped("`changes` is `window`");
        }
        let Some(resume) = resume else {
            return rule.skipped("there is nothing to go on from");
        };
        let walk = match self.listed(Some(resume.clone())).await {
            Ok(walk) => walk,
            Err(found) => return rule.failed(found),
        };
        let said = walk.entities().find(|it| Walk::key(it) == ("shift", id));
        let is_deleted = |it: &Value| it.get("deleted").and_then(Value::as_bool).unwrap_or(false);
        match said {
            Some(it) if is_deleted(it) == deleted => rule.passed(),
            Some(_) => rule.failed(format!("shift `{id}` is listed, and not as `deleted`")),
            None => rule.failed(format!("shift `{id}` is not among the changes")),
        }
    }

    async fn edit(&mut self, id: &str) -> Check {
        let key = self.key();
        let item = self.item(90, LABEL);
        let command = json!({ "command": "edit_shift", "shift": id, "item": item });
        let answer = match self.command(&command, &key).await {
            Ok(answer) => answer,
            Err(found) => return EDIT.failed(found),
        };
        if answer["granted"] != Value::Bool(true) {
            let code = answer["refusal"]["code"].as_str().unwrap_or("no code");
            return EDIT.advised(format!("refused ({code})"));
        }
        let reading = crate::wfm_http::conformance::schedule::reading(self.chosen);
        let changed = answer["changed"].as_array().cloned().unwrap_or_default();
        let changed = changed.iter().find(|it| Walk::key(it) == ("shift", id));
        let end = changed.and_then(|it| match entity(it, &reading) {
            Ok(Said::Is(it)) => it.interval().map(|it| it.end()),
            Ok(Said::Gone(_)) | Err(_) => None,
        });
        match end {
            None => EDIT.failed(format!("shift `{id}` is not in `changed`")),
            Some(end) if end == self.minutes_after(90) => EDIT.passed(),
            Some(end) => EDIT.failed(format!("it ends at {end}")),
        }
    }

    async fn unknown(&mut self) -> Check {
        let key = self.key();
        let command =
            json!({ "command": "delete_shift", "shift": "rotabridge-check-no-such-shift" });
        match self.command(&command, &key).await {
            Err(found) => UNKNOWN.failed(found),
            Ok(answer) if answer["granted"] == Value::Bool(true) => {
                UNKNOWN.failed("granted, although there is no such shift")
            }
            Ok(answer) => match answer["refusal"]["code"].as_str() {
                Some("unknown" | "outdated") => UNKNOWN.passed(),
                Some(code) => UNKNOWN.advised(format!("the code is `{code}`")),
                None => UNKNOWN.failed("the refusal has no `code`"),
            },
        }
    }

    /// Asks for a second shift at the same time: the key of the refusal, if it is one.
    async fn refused(&mut self) -> Result<String, Check> {
        let key = self.key();
        let answer = self.command(&self.making(LABEL), &key).await;
        let answer = answer.map_err(|found| REFUSAL.failed(found))?;
        if answer["granted"] == Value::Bool(true) {
            let ids = answer["changed"].as_array().into_iter().flatten();
            self.made.extend(ids.map(|it| Walk::key(it).1.to_owned()));
            return Err(REFUSAL.skipped("nothing is refused: people may work twice at once here"));
        }
        match answer["refusal"]["code"].as_str() {
            Some(code) if !code.is_empty() => Ok(key),
            Some(_) | None => Err(REFUSAL.failed("the refusal has no `code`")),
        }
    }

    async fn asked_again(&mut self, refused: Result<String, Check>) -> Check {
        let key = match refused {
            Ok(key) => key,
            Err(check) => return check,
        };
        let answer = match self.command(&self.making(LABEL), &key).await {
            Ok(answer) => answer,
            Err(found) => return REFUSAL.failed(found),
        };
        if answer["granted"] == Value::Bool(true) {
            let ids = answer["changed"].as_array().into_iter().flatten();
            self.made.extend(ids.map(|it| Walk::key(it).1.to_owned()));
            return REFUSAL.passed();
        }
        REFUSAL.failed("it is still refused under its key, although nothing is in its way now")
    }

    async fn delete(&mut self, id: &str) -> Check {
        let key = self.key();
        let command = json!({ "command": "delete_shift", "shift": id });
        let answer = match self.command(&command, &key).await {
            Ok(answer) => answer,
            Err(found) => return DELETE.failed(found),
        };
        if answer["granted"] != Value::Bool(true) {
            return DELETE.failed("refused: the shift stays where it is");
        }
        self.made.retain(|it| it != id);
        let deleted = answer["deleted"].as_array().cloned().unwrap_or_default();
        let changed = answer["changed"].as_array().cloned().unwrap_or_default();
        if !deleted.iter().chain(&changed).any(|it| Walk::key(it) == ("shift", id)) {
            return DELETE.failed("the answer does not say what is gone");
        }
        match self.listed(None).await {
            Err(found) => DELETE.failed(found),
            Ok(walk) => {
                let there =
                    walk.entities().find(|it| Walk::key(it) == ("shift", id) && self.is_ours(it));
                DELETE.unless(there.map(|_| format!("shift `{id}` is still listed")))
            }
        }
    }
}
