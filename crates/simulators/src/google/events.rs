//! Events, one by one: insert, import, get, update, patch, delete, move.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::draft::{self, Draft, check_kind, check_times};
use super::error;
use super::http::Reply;
use super::route::Call;
use super::series;
use super::state::{Event, State, Status};

/// `events.insert`: an id that was ever used in the calendar stays taken.
pub(super) fn insert(call: &Call<'_>, calendar: &str) -> Result<Reply, Reply> {
    let body = call.body()?;
    call.google.update(|state| {
        let (id, found) = call.calendar(state, calendar, "writer")?;
        let draft = Draft::read(body, &found.time_zone)?;
        if draft.id.is_some() && draft.uid.is_some() {
            return Err(error::invalid("Only one of id and iCalUID may be given."));
        }
        if draft.id.as_ref().is_some_and(|it| found.events.contains_key(it)) {
            let message = "The requested identifier already exists.";
            return Err(error::refusal(409, "duplicate", message));
        }
        make(state, call, &id, draft)
    })
}

/// `events.import`: a private copy under the `iCalUID` of the original; the one that is there is
/// brought up to date.
pub(super) fn import(call: &Call<'_>, calendar: &str) -> Result<Reply, Reply> {
    let body = call.body()?;
    call.google.update(|state| {
        let (id, found) = call.calendar(state, calendar, "writer")?;
        let mut draft = Draft::read(body, &found.time_zone)?;
        let uid = draft.uid.clone().ok_or_else(|| error::required("Missing iCalUID."))?;
        let known = found.events.values().find(|it| it.uid == uid).map(|it| it.id.clone());
        match known {
            None => {
                draft.id = None;
                make(state, call, &id, draft)
            }
            Some(event) => replace(state, call, (&id, &event), draft),
        }
    })
}

fn make(state: &mut State, call: &Call<'_>, calendar: &str, draft: Draft) -> Result<Reply, Reply> {
    let (start, end) = draft.times()?;
    let found = state.calendars.get(calendar).ok_or_else(error::not_found)?;
    check_kind(&draft.fields, found.primary)?;
    series::check(&draft.fields, &start)?;
    let id = draft.id.unwrap_or_else(|| state.next_id());
    let event = Event {
        uid: draft.uid.unwrap_or_else(|| format!("{id}@google.com")),
        id: id.clone(),
        status: draft.status.unwrap_or(Status::Confirmed),
        fields: draft.fields,
        start,
        end,
        creator: call.session.user.clone(),
        organizer: calendar.to_owned(),
        created: call.now,
        updated: call.now,
        change: 0,
        sequence: 0,
        trashed: false,
        planned: None,
    };
    state.put_event(calendar, event, call.now);
    shown_in(state, calendar, &id, &call.session.user)
}

/// `events.get`: also tells of what was deleted.
pub(super) fn get(call: &Call<'_>, calendar: &str, id: &str) -> Result<Reply, Reply> {
    call.google.read(|state| {
        let (calendar, _) = call.calendar(state, calendar, "reader")?;
        let event = series::find(state, &calendar, id).ok_or_else(error::not_found)?;
        let etag = event.etag();
        if call.ask.header("if-none-match") == Some(etag.as_str()) {
            return Ok(Reply::status(304));
        }
        let zone = &state.calendars[&calendar].time_zone;
        let body = full(&event, zone, &call.session.user);
        Ok(Reply::json(200, body).header("etag", etag))
    })
}

/// `events.update`: what is not said is not there afterwards.
pub(super) fn update(call: &Call<'_>, calendar: &str, id: &str) -> Result<Reply, Reply> {
    let body = call.body()?;
    call.google.update(|state| {
        let (calendar, found) = call.calendar(state, calendar, "writer")?;
        let draft = Draft::read(body, &found.time_zone)?;
        draft.times()?;
        replace(state, call, (&calendar, id), draft)
    })
}

fn replace(
    state: &mut State,
    call: &Call<'_>,
    (calendar, id): (&str, &str),
    draft: Draft,
) -> Result<Reply, Reply> {
    let mut event = series::find(state, calendar, id).ok_or_else(error::not_found)?;
    call.matches(&event.etag())?;
    check_change(state, call, calendar, &event, &draft)?;
    check_kind(&draft.fields, state.calendars[calendar].primary)?;
    let (start, end) = draft.times()?;
    series::check(&draft.fields, &start)?;
    let kind = event.fields.get("eventType").cloned();
    if event.status == Status::Cancelled {
        event.status = draft.status.unwrap_or(Status::Cancelled);
    } else {
        event.status = draft.status.unwrap_or(Status::Confirmed);
    }
    event.sequence += u64::from(event.start != start || event.end != end);
    (event.start, event.end) = (start, end);
    event.fields = draft.fields;
    if let Some(kind) = kind {
        event.fields.insert("eventType".into(), kind);
    }
    (event.updated, event.trashed) = (call.now, false);
    state.put_event(calendar, event, call.now);
    shown_in(state, calendar, id, &call.session.user)
}

/// `events.patch`: what is not said stays.
pub(super) fn patch(call: &Call<'_>, calendar: &str, id: &str) -> Result<Reply, Reply> {
    let body = call.body()?;
    call.google.update(|state| {
        let (calendar, found) = call.calendar(state, calendar, "writer")?;
        let draft = Draft::read(body, &found.time_zone)?;
        let mut event = series::find(state, &calendar, id).ok_or_else(error::not_found)?;
        call.matches(&event.etag())?;
        check_change(state, call, &calendar, &event, &draft)?;
        let start = draft.start.clone().unwrap_or_else(|| event.start.clone());
        let end = draft.end.clone().unwrap_or_else(|| event.end.clone());
        check_times(&start, &end)?;
        event.sequence += u64::from(event.start != start || event.end != end);
        (event.start, event.end) = (start, end);
        event.status = draft.status.unwrap_or(event.status);
        for name in &draft.cleared {
            event.fields.remove(name);
        }
        for (name, value) in draft.fields {
            merge(&mut event.fields, name, value);
        }
        series::check(&event.fields, &event.start)?;
        event.updated = call.now;
        state.put_event(&calendar, event, call.now);
        shown_in(state, &calendar, id, &call.session.user)
    })
}

/// Objects are patched member by member, and so are those in them; lists are replaced.
fn merge(fields: &mut Map<String, Value>, name: String, value: Value) {
    match (fields.get_mut(&name), value) {
        (Some(Value::Object(known)), Value::Object(new)) => {
            for (name, value) in new {
                match value {
                    Value::Null => {
                        known.remove(&name);
                    }
                    value => merge(known, name, value),
                }
            }
        }
        (_, value) => {
            fields.insert(name, value);
        }
    }
}

fn check_change(
    state: &State,
    call: &Call<'_>,
    calendar: &str,
    event: &Event,
    draft: &Draft,
) -> Result<(), Reply> {
    if event.status == Status::Cancelled {
        if event.trashed && !call.google.options().revives_trashed {
            return Err(error::forbidden());
        }
        return Ok(());
    }
    let guest = event.organizer != calendar && state.calendars.contains_key(&event.organizer);
    let may = event.fields.get("guestsCanModify").and_then(Value::as_bool) == Some(true);
    if guest && !may && draft::is_the_organisers(event, draft) {
        let message = "Shared properties can only be changed by the organizer of the event.";
        return Err(error::refusal(403, "forbiddenForNonOrganizer", message));
    }
    Ok(())
}

/// `events.delete`: of a meeting that others organise, only the own copy, and they are told.
pub(super) fn delete(call: &Call<'_>, calendar: &str, id: &str) -> Result<Reply, Reply> {
    call.google.update(|state| {
        let (calendar, _) = call.calendar(state, calendar, "writer")?;
        let event = series::find(state, &calendar, id).ok_or_else(error::not_found)?;
        if event.status == Status::Cancelled {
            return Err(error::gone());
        }
        call.matches(&event.etag())?;
        state.cancel_event(&calendar, event, call.now, false);
        Ok(Reply::status(204))
    })
}

/// `events.move`: to another calendar, which becomes its organiser; the id stays.
pub(super) fn relocate(call: &Call<'_>, calendar: &str, id: &str) -> Result<Reply, Reply> {
    let to = call.parameter("destination").ok_or_else(|| error::required("destination"))?;
    call.google.update(|state| {
        let (from, _) = call.calendar(state, calendar, "writer")?;
        let (to, _) = call.calendar(state, &to, "writer")?;
        state.move_event(&from, id, &to, call.now).ok_or_else(error::not_found)?;
        shown_in(state, &to, id, &call.session.user)
    })
}

fn shown_in(state: &State, calendar: &str, id: &str, user: &str) -> Result<Reply, Reply> {
    let event = series::find(state, calendar, id).ok_or_else(error::not_found)?;
    let zone = &state.calendars[calendar].time_zone;
    Ok(Reply::json(200, full(&event, zone, user)).header("etag", event.etag()))
}

/// The whole of an event.
pub(super) fn full(event: &Event, zone: &str, user: &str) -> Value {
    let mut body = Map::new();
    let person = |email: &str, is_own: bool| {
        let mut it = json!({ "email": email });
        if is_own {
            it["self"] = true.into();
        }
        it
    };
    body.extend(event.fields.clone());
    if let Some(Value::Array(list)) = body.get_mut("attendees") {
        for attendee in list.iter_mut().filter(|it| it["email"] == user) {
            attendee["self"] = true.into();
        }
    }
    let time = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let mut add = |name: &str, value: Value| {
        body.entry(name.to_owned()).or_insert(value);
    };
    add("kind", "calendar#event".into());
    add("etag", event.etag().into());
    add("id", event.id.as_str().into());
    add("status", event.status.as_str().into());
    add("htmlLink", format!("https://www.google.com/calendar/event?eid={}", event.id).into());
    add("created", time(event.created).into());
    add("updated", time(event.updated).into());
    add("creator", person(&event.creator, event.creator == user));
    add("organizer", person(&event.organizer, event.organizer == user));
    add("start", event.start.shown(zone));
    add("end", event.end.shown(zone));
    add("iCalUID", event.uid.as_str().into());
    add("sequence", event.sequence.into());
    add("reminders", json!({ "useDefault": true }));
    add("eventType", "default".into());
    if let Some((series, planned)) = &event.planned {
        add("recurringEventId", series.as_str().into());
        add("originalStartTime", planned.shown(zone));
    }
    Value::Object(body)
}

/// What a list says of a deleted event: hardly more than its id.
pub(super) fn cancelled(event: &Event, zone: &str) -> Value {
    let mut body = json!({
        "kind": "calendar#event", "etag": event.etag(), "id": event.id, "status": "cancelled",
    });
    if let Some((series, planned)) = &event.planned {
        body["recurringEventId"] = series.as_str().into();
        body["originalStartTime"] = planned.shown(zone);
    }
    body
}
