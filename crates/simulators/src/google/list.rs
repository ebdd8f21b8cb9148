//! Lists of events: by time, by property, by what changed since.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error;
use super::events::{cancelled, full};
use super::http::Reply;
use super::options::PageMood;
use super::route::Call;
use super::series;
use super::state::{Calendar, Event, State, etag};

const PAGE_MAX: usize = 2500;

/// Parameters that a sync token cannot be used with (discovery document of 2026-10-30).
const NOT_WITH_TOKEN: [&str; 8] = [
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
];
/// Parameters that make that there is no sync token at the end.
const NO_TOKEN_AFTER: [&str; 6] =
    ["iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "updatedMin"];
const OTHERS: [&str; 11] = [
    "alwaysIncludeEmail",
    "eventTypes",
    "fields",
    "maxAttendees",
    "maxResults",
    "pageToken",
    "prettyPrint",
    "quotaUser",
    "showDeleted",
    "showHiddenInvitations",
    "singleEvents",
];

#[derive(Debug, Default)]
struct Filter {
    single: bool,
    deleted: bool,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    changed: Option<Timestamp>,
    uid: Option<String>,
    words: Option<String>,
    private: Vec<(String, String)>,
    by_start: bool,
    since: Option<u64>,
}

/// Where a list goes on: what changed up to the first page is told of, no more.
#[derive(Debug, Clone, Copy)]
struct Place {
    upto: u64,
    skip: usize,
    page: u64,
}

/// `events.list`.
pub(super) fn list(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    let query = call.ask.query();
    for (name, _) in &query {
        let known = NOT_WITH_TOKEN.contains(&name.as_str())
            || OTHERS.contains(&name.as_str())
            || matches!(name.as_str(), "syncToken" | "timeZone");
        if !known {
            return Err(error::invalid(&format!("Invalid parameter: {name}")));
        }
    }
    let shape = shape(&query);
    call.google.read(|state| {
        let (id, calendar) = call.calendar(state, id, "reader")?;
        let filter = filter(call, &query, calendar, &id, &shape)?;
        let place = place(call, state)?;
        let all = matching(state, &id, calendar, &filter, place.upto);
        answer(call, state, (&id, calendar), &filter, place, all)
    })
}

/// `events.instances`.
pub(super) fn instances(call: &Call<'_>, id: &str, event: &str) -> Result<Reply, Reply> {
    let query = call.ask.query();
    call.google.read(|state| {
        let (id, calendar) = call.calendar(state, id, "reader")?;
        let mut filter = filter(call, &query, calendar, &id, "")?;
        filter.single = true;
        let series = calendar.events.get(event).ok_or_else(error::not_found)?;
        let all = series::instances(state, &id, series);
        let all = all.into_iter().filter(|it| fits(it, calendar, &filter)).collect();
        answer(call, state, (&id, calendar), &filter, place(call, state)?, all)
    })
}

/// What a sync token remembers of the parameters that it was made with.
fn shape(query: &[(String, String)]) -> String {
    let mut kept: Vec<String> = query
        .iter()
        .filter(|(name, _)| {
            matches!(name.as_str(), "singleEvents" | "eventTypes" | "showHiddenInvitations")
        })
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    kept.sort();
    kept.join("&")
}

fn filter(
    call: &Call<'_>,
    query: &[(String, String)],
    calendar: &Calendar,
    id: &str,
    shape: &str,
) -> Result<Filter, Reply> {
    let mut filter = Filter::default();
    let time = |text: &str| {
        text.parse::<Timestamp>().map_err(|_| error::invalid("Bad Request: no RFC 3339 time"))
    };
    for (name, value) in query {
        match name.as_str() {
            "singleEvents" => filter.single = value == "true",
            "showDeleted" => filter.deleted = value == "true",
            "timeMin" => filter.from = Some(time(value)?),
            "timeMax" => filter.to = Some(time(value)?),
            "updatedMin" => filter.changed = Some(time(value)?),
            "iCalUID" => filter.uid = Some(value.clone()),
            "q" => filter.words = Some(value.to_lowercase()),
            "privateExtendedProperty" => {
                let bad = || error::invalid("Invalid value for: privateExtendedProperty");
                let (key, value) = value.split_once('=').ok_or_else(bad)?;
                filter.private.push((key.into(), value.into()));
            }
            "orderBy" if value == "startTime" => filter.by_start = true,
            "orderBy" if value == "updated" => {}
            "orderBy" => return Err(error::invalid("Invalid value for: orderBy")),
            _ => {}
        }
    }
    if filter.by_start && !filter.single {
        let message = "The requested ordering is not available for the particular query.";
        return Err(error::refusal(400, "badRequest", message));
    }
    if filter.changed.is_some() {
        filter.deleted = true;
    }
    let Some(token) = call.parameter("syncToken") else { return Ok(filter) };
    if query.iter().any(|(name, _)| NOT_WITH_TOKEN.contains(&name.as_str())) {
        let message = "Sync token cannot be used with the given parameters.";
        return Err(error::refusal(400, "badRequest", message));
    }
    let hides = query.iter().any(|(name, value)| name == "showDeleted" && value == "false");
    if hides {
        return Err(error::refusal(400, "badRequest", "showDeleted cannot be false."));
    }
    filter.since = Some(since(call, calendar, (id, shape), &token)?);
    filter.deleted = true;
    Ok(filter)
}

/// Which change a sync token was made after.
fn since(
    call: &Call<'_>,
    calendar: &Calendar,
    (id, shape): (&str, &str),
    token: &str,
) -> Result<u64, Reply> {
    let expired = || {
        let message = "Sync token is no longer valid, a full sync is required.";
        error::refusal(410, "fullSyncRequired", message)
    };
    let mut parts = token.splitn(4, '.');
    let mut number =
        || parts.next().and_then(|it| i64::from_str_radix(it.trim_start_matches('C'), 16).ok());
    let (Some(change), Some(made)) = (number(), number()) else { return Err(expired()) };
    let (of, made_with) = (parts.next(), parts.next());
    if of != Some(short(id).as_str()) {
        return Err(expired());
    }
    if made_with != Some(short(shape).as_str()) {
        let message = "Sync token was made with other parameters.";
        return Err(error::refusal(400, "badRequest", message));
    }
    let age = call.now.as_second() - made;
    let change = u64::try_from(change).map_err(|_| expired())?;
    if change < calendar.forgotten || age > call.google.options().sync_token_lifetime.as_secs() {
        return Err(expired());
    }
    Ok(change)
}

fn short(text: &str) -> String {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{sum:x}")
}

fn place(call: &Call<'_>, state: &State) -> Result<Place, Reply> {
    let Some(token) = call.parameter("pageToken") else {
        return Ok(Place { upto: state.changes, skip: 0, page: 0 });
    };
    let parts: Option<Vec<u64>> = token.split('.').map(|it| it.parse().ok()).collect();
    match parts.as_deref() {
        Some([upto, skip, page]) => {
            let skip = usize::try_from(*skip).unwrap_or(usize::MAX);
            Ok(Place { upto: *upto, skip, page: *page })
        }
        _ => Err(error::invalid("Invalid value for: pageToken")),
    }
}

fn matching(
    state: &State,
    id: &str,
    calendar: &Calendar,
    filter: &Filter,
    upto: u64,
) -> Vec<Event> {
    let mut all = Vec::new();
    for event in calendar.events.values().filter(|it| it.change <= upto) {
        if filter.single && series::is_series(event) && event.is_live() {
            let instances = series::instances(state, id, event);
            all.extend(instances.into_iter().filter(|it| fits(it, calendar, filter)));
        } else if !(filter.single && event.planned.is_some() && filter.since.is_none())
            && fits(event, calendar, filter)
        {
            all.push(event.clone());
        }
    }
    if filter.by_start {
        all.sort_by_key(|it| it.start.instant(&calendar.time_zone));
    } else {
        all.sort_by_key(|it| (it.change, it.id.clone()));
    }
    all
}

fn fits(event: &Event, calendar: &Calendar, filter: &Filter) -> bool {
    let zone = &calendar.time_zone;
    let exception = event.planned.is_some() && !filter.single;
    let private = |(name, value): &(String, String)| event.private(name) == Some(value.as_str());
    let said = || {
        let texts = ["summary", "description", "location"].map(|it| event.text(it));
        texts.into_iter().flatten().collect::<Vec<_>>().join(" ").to_lowercase()
    };
    (event.is_live() || filter.deleted || exception)
        && filter.since.is_none_or(|it| event.change > it)
        && filter.from.is_none_or(|it| event.end.instant(zone) > it)
        && filter.to.is_none_or(|it| event.start.instant(zone) < it)
        && filter.changed.is_none_or(|it| event.updated >= it)
        && filter.uid.as_ref().is_none_or(|it| event.uid == *it)
        && filter.private.iter().all(private)
        && filter.words.as_ref().is_none_or(|it| said().contains(it))
}

fn answer(
    call: &Call<'_>,
    state: &State,
    (id, calendar): (&str, &Calendar),
    filter: &Filter,
    place: Place,
    all: Vec<Event>,
) -> Result<Reply, Reply> {
    let options = call.google.options();
    let asked = call.parameter("maxResults").map(|it| it.parse::<usize>());
    let size = match asked {
        None => options.page_size,
        Some(Ok(size)) if (1..=PAGE_MAX).contains(&size) => size,
        Some(Ok(size)) if size > PAGE_MAX => PAGE_MAX,
        Some(_) => return Err(error::invalid("Invalid value for: maxResults")),
    };
    let size = match options.pages {
        PageMood::Full => size,
        PageMood::Empty if place.page.is_multiple_of(2) && all.len() > place.skip => 0,
        PageMood::Short | PageMood::Empty => (size / 2).max(1),
    };
    let user = &call.session.user;
    let zone = &calendar.time_zone;
    let end = place.skip.saturating_add(size).min(all.len());
    let shown = |event: &Event| match event.is_live() {
        true => full(event, zone, user),
        false => cancelled(event, zone),
    };
    let items: Vec<Value> =
        all.get(place.skip..end).unwrap_or_default().iter().map(shown).collect();
    let mut body = json!({
        "kind": "calendar#events", "etag": etag(calendar.change), "summary": calendar.summary,
        "timeZone": zone, "accessRole": state.role(user, calendar), "items": items,
        "updated": call.now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "defaultReminders": if calendar.primary { json!([{ "method": "popup", "minutes": 10 }]) }
            else { json!([]) },
    });
    let query = call.ask.query();
    if end < all.len() {
        let token = format!("{}.{end}.{}", place.upto, place.page + 1);
        body["nextPageToken"] = token.into();
    } else if filter.since.is_some()
        || !query.iter().any(|(name, _)| NO_TOKEN_AFTER.contains(&name.as_str()))
    {
        let made = call.now.as_second();
        let (of, with) = (short(id), short(&shape(&query)));
        body["nextSyncToken"] = format!("C{:x}.{made:x}.{of}.{with}", place.upto).into();
    }
    Ok(Reply::json(200, body))
}
