//! Series: their rules, and their instances, one by one.

use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Map, Value};

use super::error;
use super::http::Reply;
use super::state::{Event, State};
use super::when::When;

/// Instances that are made of one series at most.
const INSTANCES_MAX: usize = 2000;

#[derive(Debug, Default)]
struct Rule {
    weekly: bool,
    interval: i64,
    count: Option<usize>,
    until: Option<Timestamp>,
    days: Vec<Weekday>,
}

/// # Errors
/// 400 for a rule that is no rule, and for a series whose times have no zone.
pub(super) fn check(fields: &Map<String, Value>, start: &When) -> Result<(), Reply> {
    let Some(lines) = fields.get("recurrence") else { return Ok(()) };
    let lines = lines.as_array().ok_or_else(|| error::invalid("Invalid recurrence rule."))?;
    if lines.is_empty() {
        return Ok(());
    }
    if matches!(start, When::At(_, None)) {
        let message = "Missing time zone definition for start time.";
        return Err(error::required(message));
    }
    match rule(lines) {
        Some(_) => Ok(()),
        None => Err(error::invalid("Invalid recurrence rule.")),
    }
}

fn rule(lines: &[Value]) -> Option<Rule> {
    let text = lines.iter().filter_map(Value::as_str).find_map(|it| it.strip_prefix("RRULE:"))?;
    let mut rule = Rule { interval: 1, ..Rule::default() };
    for part in text.split(';') {
        match part.split_once('=')? {
            ("FREQ", "DAILY") => rule.weekly = false,
            ("FREQ", "WEEKLY") => rule.weekly = true,
            ("INTERVAL", count) => rule.interval = count.parse().ok().filter(|it| *it > 0)?,
            ("COUNT", count) => rule.count = Some(count.parse().ok()?),
            ("UNTIL", until) => rule.until = Some(instant(until)?),
            ("BYDAY", days) => {
                for day in days.split(',') {
                    rule.days.push(weekday(day)?);
                }
            }
            _ => return None,
        }
    }
    Some(rule)
}

fn instant(text: &str) -> Option<Timestamp> {
    let text = if text.contains('T') { text.to_owned() } else { format!("{text}T235959Z") };
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    time.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp())
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    })
}

/// Whether it is a series as a whole.
pub(super) fn is_series(event: &Event) -> bool {
    let lines = event.fields.get("recurrence").and_then(Value::as_array);
    lines.is_some_and(|it| !it.is_empty())
}

/// When a series plans its instances.
fn planned(event: &Event) -> Vec<When> {
    let lines = event.fields.get("recurrence").and_then(Value::as_array);
    let Some(lines) = lines.map(Vec::as_slice) else { return vec![] };
    let Some(rule) = rule(lines) else { return vec![] };
    let zone = match &event.start {
        When::At(_, Some(zone)) => TimeZone::get(zone).unwrap_or(TimeZone::UTC),
        When::At(_, None) | When::On(_) => TimeZone::UTC,
    };
    let first = match &event.start {
        When::At(at, _) => zone.to_datetime(*at),
        When::On(day) => day.at(0, 0, 0, 0),
    };
    let excluded: Vec<&str> = lines
        .iter()
        .filter_map(Value::as_str)
        .filter(|it| it.starts_with("EXDATE"))
        .filter_map(|it| it.split_once(':'))
        .flat_map(|(_, days)| days.split(','))
        .collect();
    let mut planned = Vec::new();
    let mut found = 0;
    for day in 0..3660_i64 {
        let Ok(local) = first.checked_add(day.days()) else { break };
        let week = (day + i64::from(first.weekday().to_monday_zero_offset())) / 7;
        let fits = match (rule.weekly, rule.days.as_slice()) {
            (false, _) => day % rule.interval == 0,
            (true, []) => local.weekday() == first.weekday() && week % rule.interval == 0,
            (true, days) => days.contains(&local.weekday()) && week % rule.interval == 0,
        };
        if !fits {
            continue;
        }
        let when = match &event.start {
            When::On(_) => When::On(local.date()),
            When::At(_, name) => {
                let at = zone.to_ambiguous_zoned(local).compatible();
                When::At(at.map_or(Timestamp::MIN, |it| it.timestamp()), name.clone())
            }
        };
        found += 1;
        let over = rule.until.is_some_and(|it| when.instant("UTC") > it);
        if over || rule.count.is_some_and(|it| found > it) || planned.len() >= INSTANCES_MAX {
            break;
        }
        let stamp = when.stamp();
        if !excluded.iter().any(|it| *it == stamp || it.trim_end_matches('Z') == stamp) {
            planned.push(when);
        }
    }
    planned
}

fn length(event: &Event) -> SignedDuration {
    match (&event.start, &event.end) {
        (When::On(start), When::On(end)) => SignedDuration::from_hours(
            24 * i64::from(start.until(*end).map_or(1, |it| it.get_days())),
        ),
        (start, end) => end.instant("UTC").duration_since(start.instant("UTC")),
    }
}

fn instance(series: &Event, when: &When) -> Event {
    let mut one = series.clone();
    one.id = format!("{}_{}", series.id, when.stamp());
    one.start = when.clone();
    one.end = when.later(length(series));
    one.fields.remove("recurrence");
    one.planned = Some((series.id.clone(), when.clone()));
    one
}

/// The instances of a series, with the exceptions in their places, cancelled ones included.
pub(super) fn instances(state: &State, calendar: &str, series: &Event) -> Vec<Event> {
    let Some(found) = state.calendars.get(calendar) else { return vec![] };
    let made = planned(series).into_iter().map(|when| {
        let one = instance(series, &when);
        found.events.get(&one.id).cloned().unwrap_or(one)
    });
    made.collect()
}

/// An event, an exception, or an instance that is none yet.
pub(super) fn find(state: &State, calendar: &str, id: &str) -> Option<Event> {
    let found = state.calendars.get(calendar)?;
    if let Some(event) = found.events.get(id) {
        return Some(event.clone());
    }
    let (series, stamp) = id.rsplit_once('_')?;
    let series = found.events.get(series).filter(|it| is_series(it))?;
    let when = planned(series).into_iter().find(|it| it.stamp() == stamp)?;
    Some(instance(series, &when))
}
