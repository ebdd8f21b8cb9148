//! Reading events: one, lists, views, filters, what is expanded, and how an event is shown.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::route::Room;
use super::{Calendar, Event, Mailbox, Span, body, date_time, series};
use crate::graph::error;
use crate::graph::http::Reply;

/// `$top` above this counts as this.
const TOP_MAX: usize = 1000;

/// What a client asks of a collection.
#[derive(Debug, Default)]
pub(super) struct Query {
    filters: Vec<Filter>,
    pub expand: Vec<String>,
    pub top: usize,
    pub skip: usize,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    pub token: Option<(&'static str, String)>,
    /// Options that a delta does not know.
    pub shapes: bool,
    kept: Vec<(String, String)>,
}

#[derive(Debug)]
enum Filter {
    Property { id: String, value: Test },
    Start(Comparison, Timestamp),
    End(Comparison, Timestamp),
}

#[derive(Debug)]
enum Test {
    Equals(String),
    Begins(String),
    Any,
}

impl Test {
    fn holds(&self, kept: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Equals(wanted) => kept.eq_ignore_ascii_case(wanted),
            Self::Begins(wanted) => {
                kept.to_ascii_lowercase().starts_with(&wanted.to_ascii_lowercase())
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

fn bad(message: &str) -> Reply {
    error::plain(400, "ErrorInvalidUrlQuery", message)
}

impl Query {
    /// Reads the options of a request.
    pub fn of(room: &Room<'_>) -> Result<Self, Reply> {
        let mut query = Self { top: room.options().page_size, ..Self::default() };
        for (name, value) in room.call.ask.query() {
            let number =
                || value.parse::<usize>().map_err(|_| bad(&format!("Invalid value of '{name}'.")));
            match name.to_ascii_lowercase().as_str() {
                "$top" => query.top = number()?.clamp(1, TOP_MAX),
                "$skip" => {
                    query.skip = number()?;
                    continue;
                }
                "$filter" => {
                    query.shapes = true;
                    query.filters = filters(&value)?;
                }
                "$expand" => {
                    query.shapes = true;
                    query.expand = expanded(&value)?;
                }
                "$select" | "$orderby" | "$search" => query.shapes = true,
                "startdatetime" => query.start = Some(instant(&value)?),
                "enddatetime" => query.end = Some(instant(&value)?),
                "$skiptoken" => query.token = Some(("skip", value.clone())),
                "$deltatoken" => query.token = Some(("delta", value.clone())),
                other => return Err(bad(&format!("The query option '{other}' is not supported."))),
            }
            query.kept.push((name, value));
        }
        Ok(query)
    }

    fn next(&self, path: &str) -> String {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(&self.kept);
        text.append_pair("$skip", &(self.skip + self.top).to_string());
        format!("{path}?{}", text.finish())
    }

    /// Whether a calendar has the properties that are asked for.
    pub fn fits(&self, calendar: &Calendar) -> bool {
        self.filters.iter().all(|filter| match filter {
            Filter::Property { id, value } => {
                calendar.properties.get(id).is_some_and(|kept| value.holds(kept))
            }
            Filter::Start(..) | Filter::End(..) => false,
        })
    }

    fn holds(&self, mailbox: &Mailbox, event: &Event, room: &Room<'_>) -> bool {
        self.filters.iter().all(|filter| match filter {
            Filter::Property { id, value } => {
                let lag = room.options().property_lag;
                let tagged = mailbox.tagged_at.get(&event.id);
                let seen = tagged
                    .is_none_or(|it| it.saturating_add(lag).is_ok_and(|it| it <= room.call.now));
                let kept = event.properties.get(id).filter(|_| seen);
                // Names are told apart by case, values are not (`calendars.md` §1.4).
                kept.is_some_and(|kept| value.holds(kept))
            }
            Filter::Start(comparison, at) => comparison.holds(event.span.bounds().0, *at),
            Filter::End(comparison, at) => comparison.holds(event.span.bounds().1, *at),
        })
    }
}

impl Comparison {
    fn holds(self, left: Timestamp, right: Timestamp) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// A bound of a view: UTC when it has no offset.
pub(super) fn instant(text: &str) -> Result<Timestamp, Reply> {
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    let found = text.parse().ok().or_else(|| civil().map(|it| it.timestamp()));
    found.ok_or_else(|| error::plain(400, "ErrorInvalidParameter", "The time is malformed."))
}

/// The terms of a filter that are joined by `and` outside parentheses.
fn terms(text: &str) -> Vec<&str> {
    let (mut terms, mut depth, mut from, mut quoted) = (Vec::new(), 0_i32, 0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            ' ' if !quoted && depth == 0 && text[at..].starts_with(" and ") => {
                terms.push(text[from..at].trim());
                from = at + 5;
            }
            _ => {}
        }
    }
    terms.push(text[from..].trim());
    terms
}

fn quoted(text: &str) -> Option<String> {
    let inner = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.replace("''", "'"))
}

fn filters(text: &str) -> Result<Vec<Filter>, Reply> {
    let odd = |term: &str| bad(&format!("The filter '{term}' is not supported."));
    let one = |term: &str| {
        let lower = term.to_ascii_lowercase();
        if lower.starts_with("singlevalueextendedproperties/any(ep:") {
            let inner = term[37..].trim().strip_suffix(')');
            return inner.and_then(property_filter).ok_or_else(|| odd(term));
        }
        let mut words = term.splitn(3, ' ');
        let (name, operator) = (words.next().unwrap_or_default(), words.next());
        let at = words.next().and_then(quoted).ok_or_else(|| odd(term))?;
        let comparison = match operator {
            Some("lt") => Comparison::Less,
            Some("le") => Comparison::LessOrEqual,
            Some("gt") => Comparison::Greater,
            Some("ge") => Comparison::GreaterOrEqual,
            _ => return Err(odd(term)),
        };
        match name {
            "start/dateTime" => Ok(Filter::Start(comparison, instant(&at)?)),
            "end/dateTime" => Ok(Filter::End(comparison, instant(&at)?)),
            _ => Err(odd(term)),
        }
    };
    terms(text).into_iter().map(one).collect()
}

fn property_filter(inner: &str) -> Option<Filter> {
    let mut parts = terms(inner).into_iter();
    let id = quoted(parts.next()?.strip_prefix("ep/id eq ")?)?;
    let value = parts.next()?;
    let value = if let Some(text) = value.strip_prefix("ep/value eq ") {
        Test::Equals(quoted(text)?)
    } else if value == "ep/value ne null" {
        Test::Any
    } else {
        let inner = value.strip_prefix("startswith(ep/value,")?.strip_suffix(')')?;
        Test::Begins(quoted(inner)?)
    };
    parts.next().is_none().then_some(Filter::Property { id, value })
}

/// The ids in `singleValueExtendedProperties($filter=id eq '…' or id eq '…')`.
fn expanded(text: &str) -> Result<Vec<String>, Reply> {
    let odd = || bad("The expansion is not supported.");
    let inner = text.strip_prefix("singleValueExtendedProperties($filter=").ok_or_else(odd)?;
    let inner = inner.strip_suffix(')').ok_or_else(odd)?;
    let ids = inner.split(" or ").map(|it| quoted(it.strip_prefix("id eq ")?));
    ids.collect::<Option<Vec<_>>>().ok_or_else(odd)
}

/// Answers GET on the events of a calendar.
pub(super) fn list(room: &Room<'_>, calendar: &str) -> Result<Reply, Reply> {
    let query = Query::of(room)?;
    room.read(|mailbox| {
        let events = mailbox.events_in(calendar).filter(|it| it.occurrence_of.is_none());
        let fitting = events.filter(|it| query.holds(mailbox, it, room)).cloned().collect();
        Ok(page(room, mailbox, &query, fitting))
    })
}

/// Answers GET on the view of a calendar.
pub(super) fn view(room: &Room<'_>, calendar: &str) -> Result<Reply, Reply> {
    let query = Query::of(room)?;
    let range = range(&query)?;
    room.read(|mailbox| {
        let events = in_range(mailbox, calendar, range).into_iter();
        let fitting = events.filter(|it| query.holds(mailbox, it, room)).collect();
        Ok(page(room, mailbox, &query, fitting))
    })
}

pub(super) fn range(query: &Query) -> Result<(Timestamp, Timestamp), Reply> {
    match (query.start, query.end) {
        (Some(start), Some(end)) if start <= end => Ok((start, end)),
        _ => {
            let message = "This request requires a time window specified by the query string \
                           parameters StartDateTime and EndDateTime.";
            Err(error::plain(400, "ErrorInvalidParameter", message))
        }
    }
}

/// What a calendar holds in a range, series as their occurrences.
pub(super) fn in_range(
    mailbox: &Mailbox,
    calendar: &str,
    range: (Timestamp, Timestamp),
) -> Vec<Event> {
    let mut found = Vec::new();
    for event in mailbox.events_in(calendar) {
        if event.series.is_none() {
            found.push(event.clone());
            continue;
        }
        for (day, _) in series::days(event) {
            // One that differs is an event of its own.
            if !mailbox.events.contains_key(&series::occurrence_id(&event.id, day)) {
                found.extend(series::occurrence(event, day));
            }
        }
    }
    found.retain(|it| it.span.overlaps(range));
    found
}

fn page(room: &Room<'_>, mailbox: &Mailbox, query: &Query, mut events: Vec<Event>) -> Reply {
    events.sort_by(|a, b| (a.span.bounds(), &a.id).cmp(&(b.span.bounds(), &b.id)));
    let more = events.len() > query.skip + query.top;
    let shown = events.iter().skip(query.skip).take(query.top);
    let value: Vec<Value> = shown.map(|it| room.shown(mailbox, it, &query.expand)).collect();
    let mut body = json!({
        "@odata.context": format!("{}/$metadata#users('{}')/events", room.call.root(), room.user),
        "value": value,
    });
    if let (true, Value::Object(map)) = (more, &mut body) {
        map.insert("@odata.nextLink".into(), query.next(&room.url()).into());
    }
    Reply::json(200, body)
}

/// Answers GET on an event.
pub(super) fn one(room: &Room<'_>, calendar: Option<&str>, id: &str) -> Result<Reply, Reply> {
    let query = Query::of(room)?;
    room.read(|mailbox| {
        let event = mailbox.find(id, calendar).ok_or_else(missing)?;
        Ok(answer(room, mailbox, &event, 200, &query.expand))
    })
}

/// An answer that is one event.
pub(super) fn answer(
    room: &Room<'_>,
    mailbox: &Mailbox,
    event: &Event,
    status: u16,
    expand: &[String],
) -> Reply {
    let mut shown = room.shown(mailbox, event, expand);
    if let Value::Object(map) = &mut shown {
        let context =
            format!("{}/$metadata#users('{}')/events/$entity", room.call.root(), room.user);
        map.insert("@odata.context".into(), context.into());
    }
    Reply::json(status, shown).header("etag", event.etag())
}

/// 404.
pub(super) fn missing() -> Reply {
    let message = "The specified object was not found in the store.";
    error::plain(404, "ErrorItemNotFound", message)
}

impl Room<'_> {
    /// An event as this client sees it.
    pub fn shown(&self, mailbox: &Mailbox, event: &Event, expand: &[String]) -> Value {
        let owner = self.address.as_str();
        let organizer = event.organizer.as_deref().unwrap_or(owner);
        let address = |it: &str| json!({ "emailAddress": { "name": it, "address": it } });
        let own = event.organizer.is_none();
        let kind = match (&event.series, &event.occurrence_of) {
            (Some(_), _) => "seriesMaster",
            (None, Some(_)) if mailbox.events.contains_key(&event.id) => "exception",
            (None, Some(_)) => "occurrence",
            (None, None) => "singleInstance",
        };
        let id = |it: &str| mailbox.shown_id(it, &event.calendar, self.immutable);
        let master = event.occurrence_of.as_ref().map(|(master, _)| id(master));
        let (start, end) = event.span.bounds();
        let at = |it: Timestamp| format!("{it:.7}");
        let mut map = Map::new();
        map.insert("@odata.etag".into(), event.etag().into());
        let fixed = json!({
            "id": id(&event.id), "createdDateTime": at(event.created_at),
            "lastModifiedDateTime": at(event.modified_at), "changeKey": event.change_key(),
            "originalStartTimeZone": "UTC", "originalEndTimeZone": "UTC",
            "iCalUId": event.ical_uid, "hasAttachments": false,
            "bodyPreview": body::preview(&event.said), "isCancelled": event.cancelled,
            "isOrganizer": own, "type": kind, "isAllDay": matches!(event.span, Span::AllDay(..)),
            "seriesMasterId": master, "isDraft": false, "allowNewTimeProposals": true,
            "webLink": format!("https://outlook.example/calendar/item/{}", event.version),
            "onlineMeetingUrl": null, "onlineMeetingProvider": "unknown",
            "start": date_time(start), "end": date_time(end),
            "body": body::shown(&event.said, self.as_text),
            "responseStatus": { "response": event.response, "time": "0001-01-01T00:00:00Z" },
            "organizer": address(organizer),
        });
        if let Value::Object(fixed) = fixed {
            map.extend(fixed);
        }
        if event.series.is_some() {
            map.insert("recurrence".into(), series::shown(event));
        }
        for (name, default) in defaults() {
            map.insert(name.into(), event.said.get(name).cloned().unwrap_or(default));
        }
        if let Some(id) = &event.transaction_id {
            map.insert("transactionId".into(), id.as_str().into());
        }
        let expanded = event.properties.iter().filter(|(id, _)| expand.contains(id));
        let expanded: Vec<Value> =
            expanded.map(|(id, value)| json!({ "id": id, "value": value })).collect();
        if !expanded.is_empty() {
            map.insert("singleValueExtendedProperties".into(), expanded.into());
        }
        Value::Object(map)
    }
}

/// What clients may say of an event, and what stands there when they do not.
pub(super) fn defaults() -> [(&'static str, Value); 14] {
    [
        ("subject", json!("")),
        ("importance", json!("normal")),
        ("sensitivity", json!("normal")),
        ("showAs", json!("busy")),
        ("categories", json!([])),
        ("isReminderOn", json!(true)),
        ("reminderMinutesBeforeStart", json!(15)),
        ("responseRequested", json!(true)),
        ("hideAttendees", json!(false)),
        (
            "location",
            json!({
                "displayName": "", "locationType": "default", "uniqueIdType": "unknown",
                "address": {}, "coordinates": {},
            }),
        ),
        ("locations", json!([])),
        ("attendees", json!([])),
        ("isOnlineMeeting", json!(false)),
        ("onlineMeeting", Value::Null),
    ]
}
