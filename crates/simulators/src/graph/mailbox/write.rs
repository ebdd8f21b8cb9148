//! Making, changing, deleting and answering events: what apps may say, and what follows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::read::{self, missing};
use super::route::Room;
use super::{Event, Mail, Mailbox, Series, Span, item_id, series};
use crate::graph::error;
use crate::graph::http::Reply;
use crate::graph::state::State;

/// What an app may say of an event that is kept as it is.
const SAID: [&str; 15] = [
    "subject",
    "body",
    "importance",
    "sensitivity",
    "showAs",
    "categories",
    "isReminderOn",
    "reminderMinutesBeforeStart",
    "responseRequested",
    "hideAttendees",
    "location",
    "locations",
    "attendees",
    "allowNewTimeProposals",
    "isOnlineMeeting",
];

/// What an app said.
#[derive(Default)]
pub(super) struct Said {
    said: Map<String, Value>,
    start: Option<DateTime>,
    end: Option<DateTime>,
    zone: Option<String>,
    all_day: Option<bool>,
    transaction_id: Option<String>,
    properties: BTreeMap<String, Option<String>>,
    series: Option<Option<Series>>,
}

fn bad(code: &str, message: &str) -> Reply {
    error::plain(400, code, message)
}

impl Said {
    fn of(body: Map<String, Value>) -> Result<Self, Reply> {
        let mut said = Self::default();
        for (name, value) in body {
            match name.as_str() {
                "start" => said.start = Some(said.time(&value)?),
                "end" => said.end = Some(said.time(&value)?),
                "isAllDay" => said.all_day = value.as_bool(),
                "transactionId" => said.transaction_id = value.as_str().map(String::from),
                "recurrence" if value.is_null() => said.series = Some(None),
                "recurrence" => {
                    let series = series::parsed(&value);
                    let odd = || bad("ErrorInvalidRequest", "The recurrence is not supported.");
                    said.series = Some(Some(series.ok_or_else(odd)?));
                }
                "singleValueExtendedProperties" => {
                    for property in value.as_array().into_iter().flatten() {
                        let id = property["id"].as_str().filter(|it| is_property_id(it));
                        let odd = || {
                            bad(
                                "ErrorInvalidRequest",
                                "The id of an extended property is malformed.",
                            )
                        };
                        let value = property["value"].as_str().map(String::from);
                        said.properties.insert(id.ok_or_else(odd)?.to_owned(), value);
                    }
                }
                known if SAID.contains(&known) => {
                    check(known, &value)?;
                    said.said.insert(name, value);
                }
                annotation if annotation.starts_with("@odata.") => {}
                other => {
                    let message = format!("The property '{other}' cannot be set.");
                    return Err(bad("ErrorInvalidPropertySet", &message));
                }
            }
        }
        Ok(said)
    }

    fn time(&mut self, value: &Value) -> Result<DateTime, Reply> {
        let zone = value["timeZone"].as_str().unwrap_or("UTC");
        TimeZone::get(zone).map_err(|_| {
            let message = "A valid TimeZone value must be specified.";
            bad("TimeZoneNotSupportedException", message)
        })?;
        self.zone = Some(zone.to_owned());
        let text = value["dateTime"].as_str().unwrap_or_default();
        let text = text.trim_end_matches('Z');
        text.parse().map_err(|_| bad("ErrorInvalidParameter", "The time is malformed."))
    }

    /// When the event is: what was said, and for the rest what was before.
    fn span(&self, before: Option<Span>) -> Result<Span, Reply> {
        let all_day = self.all_day.unwrap_or(matches!(before, Some(Span::AllDay(..))));
        let civil = |at: Timestamp| at.to_zoned(TimeZone::UTC).datetime();
        let old = before.map(Span::bounds);
        let start = self.start.or(old.map(|it| civil(it.0)));
        let end = self.end.or(old.map(|it| civil(it.1)));
        let (Some(start), Some(end)) = (start, end) else {
            return Err(bad("ErrorInvalidRequest", "An event needs a start and an end."));
        };
        if all_day {
            if start.time() != Time::midnight() || end.time() != Time::midnight() {
                let message = "The Event.Start property for an all-day event needs to be set to \
                               midnight.";
                return Err(bad("ErrorPropertyValidationFailure", message));
            }
            if end.date() <= start.date() {
                return Err(bad("ErrorInvalidRequest", "An all-day event lasts a day at least."));
            }
            return Ok(Span::AllDay(start.date(), end.date()));
        }
        let zone = self.zone.as_deref().unwrap_or("UTC");
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let instant = |it: DateTime| {
            let zoned = it.to_zoned(zone.clone());
            zoned.map(|it| it.timestamp()).unwrap_or(Timestamp::MIN)
        };
        let (start, end) = (instant(start), instant(end));
        if end < start {
            let message = "The End date must be after the Start date.";
            return Err(bad("ErrorCalendarEndDateIsEarlierThanStartDate", message));
        }
        Ok(Span::Timed(start, end))
    }
}

/// `String {guid} Name X`.
fn is_property_id(id: &str) -> bool {
    let parts: Vec<&str> = id.splitn(4, ' ').collect();
    matches!(parts.as_slice(), ["String", guid, "Name", name]
        if guid.len() == 38 && guid.starts_with('{') && guid.ends_with('}') && !name.is_empty())
}

fn check(name: &str, value: &Value) -> Result<(), Reply> {
    let allowed: &[&str] = match name {
        "showAs" => &["free", "tentative", "busy", "oof", "workingElsewhere", "unknown"],
        "sensitivity" => &["normal", "personal", "private", "confidential"],
        "importance" => &["low", "normal", "high"],
        _ => return Ok(()),
    };
    if value.as_str().is_some_and(|it| allowed.contains(&it)) {
        return Ok(());
    }
    let message = format!("Requested value '{value}' was not found.");
    Err(bad("RequestBodyRead", &message))
}

/// Answers POST on the events of a calendar.
pub(super) fn create(room: &Room<'_>, calendar: &str) -> Result<Reply, Reply> {
    let query = read::Query::of(room)?;
    let expand: &[String] = if room.options().answers_expand { &query.expand } else { &[] };
    let said = Said::of(room.call.body()?)?;
    let span = said.span(None)?;
    let now = room.call.now;
    room.call.graph.update(|state| {
        let seed = state.new_id("");
        let mailbox = state.mailboxes.get_mut(&room.user).ok_or_else(missing)?;
        // The same event again, and not a second one (`calendars.md` §1.5).
        let known = said.transaction_id.as_ref().and_then(|it| mailbox.transactions.get(it));
        if let Some(event) = known.and_then(|it| mailbox.events.get(it)) {
            let is_other = event.span != span || event.said != said.said;
            return match room.options().refuses_other_bodies.filter(|_| is_other) {
                None => Ok(read::answer(room, mailbox, event, 201, expand)),
                Some(status) => {
                    let message = "Your request can't be completed. The transaction ID has been \
                                   used for another event.";
                    Err(error::plain(status, "ErrorDuplicateTransactionId", message))
                }
            };
        }
        let event = Event {
            id: item_id("AAkALg", &seed),
            calendar: calendar.to_owned(),
            said: said.said,
            span,
            transaction_id: said.transaction_id.clone(),
            properties: said
                .properties
                .into_iter()
                .filter_map(|(id, it)| Some((id, it?)))
                .collect(),
            organizer: None,
            response: "none".into(),
            cancelled: false,
            series: said.series.flatten(),
            occurrence_of: None,
            ical_uid: format!("040000008200E00074C5B7101A82E008{}", seed.replace('-', "")),
            created_at: now,
            modified_at: now,
            version: 0,
        };
        let mut event = mailbox.put(event, now);
        mailbox.settle(&mut event);
        if let Some(id) = said.transaction_id {
            mailbox.transactions.insert(id, event.id.clone());
        }
        mail_attendees(mailbox, &event, "invitation");
        let reply = read::answer(room, mailbox, &event, 201, expand);
        state.tell(&room.user, &event.id, "created", now);
        Ok(reply)
    })
}

/// Answers PATCH on an event: of a series' occurrence, it makes an exception.
pub(super) fn patch(room: &Room<'_>, only: Option<&str>, id: &str) -> Result<Reply, Reply> {
    let said = Said::of(room.call.body()?)?;
    let now = room.call.now;
    room.call.graph.update(|state| {
        let mailbox = state.mailboxes.get_mut(&room.user).ok_or_else(missing)?;
        let mut event = mailbox.find(id, only).ok_or_else(missing)?;
        if_match(room, &event)?;
        if event.organizer.is_some() && (said.start.is_some() || said.end.is_some()) {
            let message = "Only the organizer of a meeting can move it.";
            return Err(error::plain(403, "ErrorAccessDenied", message));
        }
        if said.transaction_id.as_ref().is_some_and(|it| Some(it) != event.transaction_id.as_ref())
        {
            return Err(bad("ErrorInvalidPropertySet", "transactionId cannot be changed."));
        }
        event.span = said.span(Some(event.span))?;
        event.said.extend(said.said);
        for (id, value) in said.properties {
            match value {
                Some(value) => event.properties.insert(id, value),
                None => event.properties.remove(&id),
            };
        }
        if let Some(series) = said.series {
            event.series = series;
        }
        let event = mailbox.put(event, now);
        mail_attendees(mailbox, &event, "update");
        let reply = read::answer(room, mailbox, &event, 200, &[]);
        state.tell(&room.user, &event.id, "updated", now);
        Ok(reply)
    })
}

/// Answers DELETE on an event: of a meeting, its organiser's calls it off.
pub(super) fn delete(room: &Room<'_>, only: Option<&str>, id: &str) -> Result<Reply, Reply> {
    let now = room.call.now;
    room.call.graph.update(|state| {
        let mailbox = state.mailboxes.get_mut(&room.user).ok_or_else(missing)?;
        let event = mailbox.find(id, only).ok_or_else(missing)?;
        if_match(room, &event)?;
        mail_attendees(mailbox, &event, "cancellation");
        take_away(mailbox, &event, now);
        call_off(state, &room.user, &event, now);
        state.tell(&room.user, &event.id, "deleted", now);
        Ok(Reply::status(204))
    })
}

/// Removes an event, or one occurrence of a series.
pub(super) fn take_away(mailbox: &mut Mailbox, event: &Event, now: Timestamp) {
    mailbox.remove(&event.id);
    let Some((master, day)) = &event.occurrence_of else { return };
    if let Some(mut master) = mailbox.events.get(master).cloned() {
        if let Some(series) = master.series.as_mut() {
            series.deleted.insert(*day);
        }
        mailbox.put(master, now);
    }
}

/// In the calendars of those who were invited a meeting that is called off stays, cancelled.
fn call_off(state: &mut State, organizer: &str, event: &Event, now: Timestamp) {
    if event.organizer.is_some() || event.attendees().is_empty() {
        return;
    }
    for (user, mailbox) in &mut state.mailboxes {
        let copies = mailbox.events.values().filter(|it| it.ical_uid == event.ical_uid);
        let copies: Vec<Event> = copies.filter(|_| user != organizer).cloned().collect();
        for copy in copies {
            mailbox.put(Event { cancelled: true, ..copy }, now);
        }
    }
}

/// Answers `decline`, `accept` and `tentativelyAccept`.
pub(super) fn respond(
    room: &Room<'_>,
    only: Option<&str>,
    id: &str,
    action: &str,
) -> Result<Reply, Reply> {
    let body = room.call.body()?;
    let sends = body.get("sendResponse").and_then(Value::as_bool).unwrap_or(true);
    let now = room.call.now;
    room.call.graph.update(|state| {
        let mailbox = state.mailboxes.get_mut(&room.user).ok_or_else(missing)?;
        let event = mailbox.find(id, only).ok_or_else(missing)?;
        if_match(room, &event)?;
        let Some(organizer) = event.organizer.clone() else {
            let message = "Your request can't be completed. You can't respond to this meeting \
                           because you're the meeting organizer.";
            return Err(bad("ErrorInvalidRequest", message));
        };
        let (response, kind) = match action {
            "decline" => ("declined", "declined"),
            "accept" => ("accepted", "accepted"),
            _ => ("tentativelyAccepted", "tentatively accepted"),
        };
        if sends {
            let subject = event.subject().to_owned();
            mailbox.mails.push(Mail { to: organizer, kind, subject });
        }
        if response == "declined" && !room.options().preserves_declined {
            take_away(mailbox, &event, now);
        } else {
            mailbox.put(Event { response: response.into(), ..event.clone() }, now);
        }
        state.tell(&room.user, &event.id, "updated", now);
        Ok(Reply::status(202))
    })
}

fn mail_attendees(mailbox: &mut Mailbox, event: &Event, kind: &'static str) {
    if event.organizer.is_some() {
        return;
    }
    let subject = event.subject();
    let mails = event.attendees().into_iter().map(|to| Mail {
        to: to.to_owned(),
        kind,
        subject: subject.to_owned(),
    });
    mailbox.mails.extend(mails);
}

fn if_match(room: &Room<'_>, event: &Event) -> Result<(), Reply> {
    match room.call.ask.header("if-match") {
        None | Some("*") => Ok(()),
        Some(wanted) if wanted == event.etag() => Ok(()),
        Some(_) => {
            let message = "The send or update operation could not be performed because the change \
                           key passed in the request does not match the current change key for \
                           the item.";
            Err(error::plain(412, "ErrorIrresolvableConflict", message))
        }
    }
}
