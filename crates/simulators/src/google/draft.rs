//! What a client writes of an event, checked.

use serde_json::{Map, Value};

use super::error;
use super::http::Reply;
use super::state::{Event, Status};
use super::when::When;

/// Fields with texts.
const TEXTS: [&str; 10] = [
    "summary",
    "description",
    "location",
    "colorId",
    "transparency",
    "visibility",
    "eventType",
    "eventLabelId",
    "iCalUID",
    "id",
];
/// Other fields that are kept as they come.
const KEPT: [&str; 15] = [
    "attendees",
    "extendedProperties",
    "reminders",
    "source",
    "anyoneCanAddSelf",
    "guestsCanInviteOthers",
    "guestsCanModify",
    "guestsCanSeeOtherGuests",
    "privateCopy",
    "attachments",
    "conferenceData",
    "outOfOfficeProperties",
    "focusTimeProperties",
    "workingLocationProperties",
    "recurrence",
];
/// Fields that only Google writes, and that may be sent back as they were read.
const IGNORED: [&str; 13] = [
    "kind",
    "etag",
    "htmlLink",
    "created",
    "updated",
    "creator",
    "organizer",
    "sequence",
    "locked",
    "hangoutLink",
    "recurringEventId",
    "originalStartTime",
    "attendeesOmitted",
];
/// Characters of a private or shared property's name and value.
const PROPERTY_MAX: (usize, usize) = (44, 1024);
const PROPERTIES_MAX: usize = 300;
const REMINDERS_MAX: usize = 5;

/// What a body says, checked.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub id: Option<String>,
    pub uid: Option<String>,
    pub status: Option<Status>,
    pub start: Option<When>,
    pub end: Option<When>,
    pub fields: Map<String, Value>,
    /// Fields that a patch takes away.
    pub cleared: Vec<String>,
}

impl Draft {
    /// Reads a body; `zone` is the calendar's. A field that nobody knows is refused, so that a
    /// client's mistake is seen.
    pub fn read(body: Map<String, Value>, zone: &str) -> Result<Self, Reply> {
        let mut draft = Self::default();
        for (name, value) in body {
            draft.take(name, value, zone)?;
        }
        draft.check()?;
        Ok(draft)
    }

    fn take(&mut self, name: String, value: Value, zone: &str) -> Result<(), Reply> {
        let bad = || error::invalid(&format!("Invalid value for: {name}"));
        match (name.as_str(), &value) {
            ("start" | "end", Value::Null) => return Err(error::required("Missing end time.")),
            (_, Value::Null) => self.cleared.push(name),
            ("start", _) => self.start = Some(When::parse(&value, zone)?),
            ("end", _) => self.end = Some(When::parse(&value, zone)?),
            ("endTimeUnspecified", Value::Bool(_)) => {}
            ("status", Value::String(text)) => {
                self.status = Some(match text.as_str() {
                    "confirmed" => Status::Confirmed,
                    "tentative" => Status::Tentative,
                    "cancelled" => Status::Cancelled,
                    _ => return Err(bad()),
                });
            }
            ("id", Value::String(text)) => self.id = Some(text.clone()),
            ("iCalUID", Value::String(text)) => self.uid = Some(text.clone()),
            (known, Value::String(_)) if TEXTS.contains(&known) => {
                self.fields.insert(name, value);
            }
            (known, _) if KEPT.contains(&known) => {
                self.fields.insert(name, value);
            }
            (known, _) if IGNORED.contains(&known) => {}
            _ => return Err(bad()),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Reply> {
        let invalid = |name: &str| Err(error::invalid(&format!("Invalid value for: {name}")));
        let one_of = |name: &str, known: &[&str]| {
            let text = self.fields.get(name).and_then(Value::as_str);
            text.is_none_or(|it| known.contains(&it))
        };
        if !one_of("transparency", &["opaque", "transparent"]) {
            return invalid("transparency");
        }
        if !one_of("visibility", &["default", "public", "private", "confidential"]) {
            return invalid("visibility");
        }
        let types = ["default", "outOfOffice", "focusTime", "workingLocation", "birthday"];
        if !one_of("eventType", &types) {
            return invalid("eventType");
        }
        let color = self.fields.get("colorId").and_then(Value::as_str);
        if color.is_some_and(|it| {
            it.parse::<u8>().is_ok_and(|it| !(1..=11).contains(&it)) || it.parse::<u8>().is_err()
        }) {
            return invalid("colorId");
        }
        if let Some(id) = &self.id {
            let is_alphabet =
                id.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'v').contains(&it));
            if !(5..=1024).contains(&id.len()) || !is_alphabet {
                return Err(error::invalid("Invalid resource id value."));
            }
        }
        self.check_properties()?;
        self.check_reminders()
    }

    fn check_properties(&self) -> Result<(), Reply> {
        let bad = || error::invalid("Invalid value for: extendedProperties");
        let Some(value) = self.fields.get("extendedProperties") else { return Ok(()) };
        let map = value.as_object().ok_or_else(bad)?;
        for (kind, properties) in map {
            let properties = properties.as_object().ok_or_else(bad)?;
            let fits = |(name, value): (&String, &Value)| {
                // A patch takes one away by `null`.
                let length = match value {
                    Value::Null => Some(0),
                    value => value.as_str().map(|it| it.chars().count()),
                };
                name.chars().count() <= PROPERTY_MAX.0
                    && length.is_some_and(|it| it <= PROPERTY_MAX.1)
            };
            if !matches!(kind.as_str(), "private" | "shared")
                || properties.len() > PROPERTIES_MAX
                || !properties.iter().all(fits)
            {
                return Err(bad());
            }
        }
        Ok(())
    }

    fn check_reminders(&self) -> Result<(), Reply> {
        let bad = || error::invalid("Invalid value for: reminders");
        let Some(value) = self.fields.get("reminders") else { return Ok(()) };
        let default = value["useDefault"].as_bool().ok_or_else(bad)?;
        let overrides = value["overrides"].as_array().map_or(0, Vec::len);
        match overrides > REMINDERS_MAX || (default && overrides > 0) {
            true => Err(error::refusal(400, "cannotUseDefaultRemindersAndSpecifyOverride", "Bad")),
            false => Ok(()),
        }
    }

    /// The times, which an insertion and an update need.
    pub fn times(&self) -> Result<(When, When), Reply> {
        let missing = |what: &str| error::required(&format!("Missing {what} time."));
        let start = self.start.clone().ok_or_else(|| missing("start"))?;
        let end = self.end.clone().ok_or_else(|| missing("end"))?;
        check_times(&start, &end)?;
        Ok((start, end))
    }
}

/// # Errors
/// 400 when the times are of two kinds or in the wrong order.
pub(super) fn check_times(start: &When, end: &When) -> Result<(), Reply> {
    let in_order = match (start, end) {
        (When::At(start, _), When::At(end, _)) => start <= end,
        (When::On(start), When::On(end)) => start < end,
        (When::At(..), When::On(_)) | (When::On(_), When::At(..)) => {
            return Err(error::invalid(
                "Start and end times must either both be date or both be dateTime.",
            ));
        }
    };
    match in_order {
        true => Ok(()),
        false => Err(error::refusal(400, "timeRangeEmpty", "The specified time range is empty.")),
    }
}

/// # Errors
/// 400 for a kind of event that this calendar cannot hold.
pub(super) fn check_kind(fields: &Map<String, Value>, primary: bool) -> Result<(), Reply> {
    match fields.get("eventType").and_then(Value::as_str) {
        None | Some("default") => Ok(()),
        Some(_) if primary => Ok(()),
        Some(_) => {
            let message = "Event type is only supported on primary calendars.";
            Err(error::refusal(400, "eventTypeRestriction", message))
        }
    }
}

/// Whether a change says anything else than what somebody who is invited may say: their answer and
/// how they see it.
pub(super) fn is_the_organisers(before: &Event, draft: &Draft) -> bool {
    const OWN: [&str; 6] =
        ["attendees", "reminders", "colorId", "transparency", "visibility", "extendedProperties"];
    let other = |time: &Option<When>, before: &When| {
        time.as_ref().is_some_and(|it| !same_instant(it, before))
    };
    let differs = |(name, value): (&String, &Value)| {
        !OWN.contains(&name.as_str()) && before.fields.get(name) != Some(value)
    };
    let kind = |(name, value): &(&String, &Value)| {
        !(name.as_str() == "eventType" && value.as_str() == Some("default"))
    };
    other(&draft.start, &before.start)
        || other(&draft.end, &before.end)
        || draft.fields.iter().filter(kind).any(differs)
}

fn same_instant(one: &When, other: &When) -> bool {
    match (one, other) {
        (When::At(one, _), When::At(other, _)) => one == other,
        (When::On(one), When::On(other)) => one == other,
        (When::At(..), When::On(_)) | (When::On(_), When::At(..)) => false,
    }
}
