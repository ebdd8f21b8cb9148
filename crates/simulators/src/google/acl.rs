//! Access rules of calendars.

use serde_json::{Value, json};

use super::error;
use super::http::Reply;
use super::route::Call;
use super::state::{Listed, ROLES, Rule, etag};

/// `acl.list`, in one page.
pub(super) fn list(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    call.google.read(|state| {
        let (_, calendar) = call.calendar(state, id, "owner")?;
        let items: Vec<Value> = calendar.acl.iter().map(|(id, rule)| shown(id, rule)).collect();
        let body = json!({
            "kind": "calendar#acl", "etag": etag(calendar.change), "items": items,
            "nextSyncToken": format!("A{}", state.changes),
        });
        Ok(Reply::json(200, body))
    })
}

/// `acl.insert`; a rule for the same scope is replaced.
pub(super) fn insert(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    let body = call.body()?;
    let role = body.get("role").and_then(Value::as_str).unwrap_or_default().to_owned();
    let scope = |name: &str| body.get("scope").and_then(|it| it.get(name)?.as_str());
    let kind = scope("type").unwrap_or_default().to_owned();
    let value = scope("value").unwrap_or_default().to_ascii_lowercase();
    let is_scope = match kind.as_str() {
        "default" => value.is_empty(),
        "user" | "group" => value.contains('@'),
        "domain" => !value.is_empty(),
        _ => false,
    };
    if !ROLES.contains(&role.as_str()) || !is_scope {
        return Err(error::invalid("Invalid scope value."));
    }
    call.google.update(|state| {
        let (id, _) = call.calendar(state, id, "owner")?;
        let change = state.next_change();
        let rule_id = match kind.as_str() {
            "default" => "default".to_owned(),
            kind => format!("{kind}:{value}"),
        };
        let rule = Rule { role, scope: kind, value: value.clone(), change };
        let body = shown(&rule_id, &rule);
        if let Some(calendar) = state.calendars.get_mut(&id) {
            calendar.acl.insert(rule_id, rule);
        }
        // Google adds it to the list of a user that it is shared with.
        if let Some(user) = state.users.get_mut(&value) {
            user.list.entry(id).or_insert_with(|| Listed { since: call.now, ..Listed::default() });
        }
        Ok(Reply::json(200, body))
    })
}

/// `acl.delete`.
pub(super) fn delete(call: &Call<'_>, id: &str, rule: &str) -> Result<Reply, Reply> {
    call.google.update(|state| {
        let (id, calendar) = call.calendar(state, id, "owner")?;
        if rule == format!("user:{}", calendar.owner) {
            let message = "Cannot change your own access level.";
            return Err(error::refusal(403, "cannotChangeOwnAcl", message));
        }
        let calendar = state.calendars.get_mut(&id).ok_or_else(error::not_found)?;
        calendar.acl.remove(rule).ok_or_else(error::not_found)?;
        Ok(Reply::status(204))
    })
}

fn shown(id: &str, rule: &Rule) -> Value {
    let Rule { role, scope, value, change } = rule;
    let mut to = json!({ "type": scope });
    if !value.is_empty() {
        to["value"] = value.as_str().into();
    }
    json!({
        "kind": "calendar#aclRule", "etag": etag(*change), "id": id, "scope": to, "role": role,
    })
}
