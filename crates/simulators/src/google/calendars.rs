//! Calendars, and people's lists of them.

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::error;
use super::http::Reply;
use super::route::Call;
use super::state::{Calendar, Listed, Rule, State, etag};

/// How many calendars a user may make in a day is not told; reports say 60.
const OWNED_MAX: usize = 100;

/// `calendars.insert`: who asks becomes the owner of its data.
pub(super) fn insert(call: &Call<'_>) -> Result<Reply, Reply> {
    let body = call.body()?;
    let mut calendar = Calendar { time_zone: "UTC".into(), ..Calendar::default() };
    apply(&mut calendar, &body)?;
    if calendar.summary.is_empty() {
        return Err(error::required("Missing title."));
    }
    let user = call.session.user.clone();
    calendar.owner.clone_from(&user);
    calendar.made_by = Some(call.session.client.clone());
    let lag = call.google.options().calendar_list_lag;
    call.google.update(|state| {
        let owned = state.calendars.values().filter(|it| it.owner == user).count();
        if owned >= OWNED_MAX {
            let message = "Calendar usage limits exceeded.";
            return Err(error::refusal(403, "quotaExceeded", message));
        }
        let id = format!("c_{}@group.calendar.google.com", state.next_id());
        let since = call.now.saturating_add(lag).unwrap_or(call.now);
        state.add_calendar(&id, calendar);
        if let Some(owner) = state.users.get_mut(&user) {
            owner.list.insert(id.clone(), Listed { since, ..Listed::default() });
        }
        Ok(Reply::json(200, shown(state, &id)))
    })
}

/// `calendars.get`.
pub(super) fn get(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    call.google.read(|state| {
        let (id, _) = call.calendar(state, id, "reader")?;
        Ok(Reply::json(200, shown(state, &id)))
    })
}

/// `calendars.update` and `calendars.patch`.
pub(super) fn update(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    let body = call.body()?;
    call.google.update(|state| {
        let (id, found) = call.calendar(state, id, "owner")?;
        call.matches(&etag(found.change))?;
        let mut changed = Calendar::default();
        apply(&mut changed, &body)?;
        let change = state.next_change();
        if let Some(calendar) = state.calendars.get_mut(&id) {
            apply(calendar, &body)?;
            calendar.change = change;
        }
        Ok(Reply::json(200, shown(state, &id)))
    })
}

/// `calendars.delete`: only the data's owner may, and nobody their first one.
pub(super) fn delete(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    call.google.update(|state| {
        let (id, calendar) = call.calendar(state, id, "owner")?;
        if calendar.primary || calendar.owner != call.session.user {
            return Err(error::forbidden());
        }
        state.drop_calendar(&id);
        Ok(Reply::status(204))
    })
}

/// `calendarList.list`.
pub(super) fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let hidden = call.parameter("showHidden").as_deref() == Some("true");
    let size = call.parameter("maxResults").map_or(Ok(100), |it| it.parse::<usize>());
    let size = size.ok().filter(|it| (1..=250).contains(it));
    let size = size.ok_or_else(|| error::invalid("Invalid value for: maxResults"))?;
    let least = call.parameter("minAccessRole");
    let after = call.parameter("pageToken");
    call.google.read(|state| {
        let Some(user) = state.users.get(&call.session.user) else {
            return Ok(Reply::json(200, json!({ "kind": "calendar#calendarList", "items": [] })));
        };
        let rank = |role: &str| super::state::ROLES.iter().position(|it| *it == role);
        let fits = |id: &String, listed: &Listed| {
            let role = state.calendars.get(id).and_then(|it| state.role(&call.session.user, it));
            let enough = least
                .as_deref()
                .is_none_or(|it| rank(role.as_deref().unwrap_or("none")) >= rank(it));
            listed.since <= call.now && (hidden || !listed.hidden) && role.is_some() && enough
        };
        let entries = user.list.iter().filter(|(id, listed)| fits(id, listed));
        let entries = entries.filter(|(id, _)| after.as_ref().is_none_or(|it| *id > it));
        let mut ids: Vec<&String> = entries.map(|(id, _)| id).collect();
        let more = ids.len() > size;
        ids.truncate(size);
        let next = ids.last().filter(|_| more).map(|it| (*it).clone());
        let items: Vec<Value> = ids.iter().filter_map(|id| entry(state, call, id)).collect();
        let mut body = json!({ "kind": "calendar#calendarList", "etag": etag(state.changes) });
        body["items"] = items.into();
        match next {
            Some(id) => body["nextPageToken"] = id.into(),
            None => body["nextSyncToken"] = format!("L{}", state.changes).into(),
        }
        Ok(Reply::json(200, body))
    })
}

/// `calendarList.get`.
pub(super) fn listed(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    call.google.read(|state| {
        let id = state.calendar_id(&call.session.user, id);
        entry(state, call, &id).map(|it| Reply::json(200, it)).ok_or_else(error::not_found)
    })
}

/// `calendarList.patch`: how somebody sees a calendar.
pub(super) fn relist(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    let body = call.body()?;
    call.google.update(|state| {
        let id = state.calendar_id(&call.session.user, id);
        let user = state.users.get_mut(&call.session.user);
        let listed = user.and_then(|it| it.list.get_mut(&id)).ok_or_else(error::not_found)?;
        for (name, value) in &body {
            match (name.as_str(), value) {
                ("colorId", Value::String(text)) => listed.color_id = Some(text.clone()),
                ("hidden", Value::Bool(hidden)) => listed.hidden = *hidden,
                ("summaryOverride", Value::String(text)) => {
                    listed.summary_override = Some(text.clone());
                }
                ("defaultReminders" | "selected" | "notificationSettings", _) => {}
                _ => return Err(error::invalid(&format!("Invalid value for: {name}"))),
            }
        }
        entry(state, call, &id).map(|it| Reply::json(200, it)).ok_or_else(error::not_found)
    })
}

fn apply(calendar: &mut Calendar, body: &Map<String, Value>) -> Result<(), Reply> {
    for (name, value) in body {
        match (name.as_str(), value) {
            ("summary", Value::String(text)) => calendar.summary.clone_from(text),
            ("description", Value::String(text)) => calendar.description = Some(text.clone()),
            ("description", Value::Null) => calendar.description = None,
            ("timeZone", Value::String(text)) if TimeZone::get(text).is_ok() => {
                calendar.time_zone.clone_from(text);
            }
            ("location" | "kind" | "etag" | "id" | "dataOwner" | "conferenceProperties", _) => {}
            _ => return Err(error::invalid(&format!("Invalid value for: {name}"))),
        }
    }
    Ok(())
}

fn shown(state: &State, id: &str) -> Value {
    let Some(calendar) = state.calendars.get(id) else { return Value::Null };
    let mut body = json!({
        "kind": "calendar#calendar", "etag": etag(calendar.change), "id": id,
        "summary": calendar.summary, "timeZone": calendar.time_zone,
        "conferenceProperties": { "allowedConferenceSolutionTypes": ["hangoutsMeet"] },
    });
    if let Some(text) = &calendar.description {
        body["description"] = text.as_str().into();
    }
    if !calendar.primary {
        body["dataOwner"] = calendar.owner.as_str().into();
    }
    body
}

fn entry(state: &State, call: &Call<'_>, id: &str) -> Option<Value> {
    let user = &call.session.user;
    let calendar = state.calendars.get(id)?;
    let listed = state.users.get(user)?.list.get(id)?;
    let mut body = shown(state, id);
    body["kind"] = "calendar#calendarListEntry".into();
    body["accessRole"] = state.role(user, calendar)?.into();
    body["defaultReminders"] = match calendar.primary {
        true => json!([{ "method": "popup", "minutes": 10 }]),
        false => json!([]),
    };
    body["selected"] = (!listed.hidden).into();
    body["colorId"] = listed.color_id.as_deref().unwrap_or("14").into();
    body["backgroundColor"] = "#9fe1e7".into();
    body["foregroundColor"] = "#000000".into();
    if calendar.primary && calendar.owner == *user {
        body["primary"] = true.into();
    }
    if listed.hidden {
        body["hidden"] = true.into();
    }
    if let Some(text) = &listed.summary_override {
        body["summaryOverride"] = text.as_str().into();
    }
    Some(body)
}

impl State {
    /// Adds a calendar whose owner may do everything with it.
    pub(super) fn add_calendar(&mut self, id: &str, mut calendar: Calendar) {
        let change = self.next_change();
        calendar.change = change;
        let owner = calendar.owner.clone();
        let rule =
            Rule { role: "owner".into(), scope: "user".into(), value: owner.clone(), change };
        calendar.acl.insert(format!("user:{owner}"), rule);
        self.calendars.insert(id.to_owned(), calendar);
    }

    pub(super) fn drop_calendar(&mut self, id: &str) {
        self.calendars.remove(id);
        for user in self.users.values_mut() {
            user.list.remove(id);
        }
        self.channels.retain(|_, it| it.calendar != id);
    }
}
