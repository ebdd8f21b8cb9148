//! When people are available, as Shifts keeps it: beside the schedule, person by person.
//!
//! There is nothing to be made or removed: preferences always are, and removed ones are those of
//! somebody who said nothing (any time, all week), as Microsoft's own connector resets them
//! (`shifts.md` §1.2). Zones are written by their Windows names, as in the vendor's examples, where
//! they have one.

use domain::{Availability, AvailabilityItem, DayAvailability, EmployeeId, Fingerprinter};
use engine::port::{ETag, Failure, FailureClass, RemoteId, RemoteItem, Written};
use http::Method;
use jiff::civil::Time;
use serde_json::{Value, json};

use super::call::Caller;
use super::callback::translate;
use super::callback::wire::PreferencesBody;
use super::map::etag;
use crate::microsoft_graph::classify::About;
use crate::microsoft_graph::client::{Ask, GraphAnswer, Version, segment};

/// What remote ids of preferences begin with; the rest is the user's id.
const MARK: &str = "preferences:";
const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The remote id of somebody's preferences.
#[must_use]
pub fn remote_id(user: &str) -> RemoteId {
    RemoteId(format!("{MARK}{user}"))
}

/// Whose preferences a remote id names; `None` for those of items.
#[must_use]
pub fn user_of(remote: &RemoteId) -> Option<&str> {
    remote.0.strip_prefix(MARK)
}

/// The request that reads somebody's preferences.
#[must_use]
pub fn ask(user: &str) -> Ask {
    let operation = format!("read the shift preferences of user `{user}`");
    Ask::get(path(user), operation).about(About::Directory)
}

fn path(user: &str) -> String {
    format!("/users/{}/settings/shiftPreferences", segment(user))
}

/// What was read of them; `None` when nothing is said there.
///
/// # Errors
/// When the answer is none.
pub fn read(
    answer: Result<GraphAnswer, Failure>,
    user: &str,
    employee: Option<&EmployeeId>,
) -> Result<Option<RemoteItem>, Failure> {
    let answer = match answer {
        Ok(answer) if answer.body.is_empty() => return Ok(None),
        Ok(answer) => answer,
        // Whoever may not read them must not be kept from reading the schedule: a roster can know
        // availability where nobody granted us preferences.
        Err(Failure { class: FailureClass::Missing | FailureClass::Forbidden, .. }) => {
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    let body = answer.json::<PreferencesBody>()?;
    if body.availability.is_empty() {
        return Ok(None);
    }
    let availability = translate::availability::read(&body);
    if availability.as_ref().is_some_and(is_unsaid) {
        return Ok(None);
    }
    let item = availability.as_ref().zip(employee).map(|(availability, employee)| {
        let (employee, availability) = (employee.clone(), availability.clone());
        domain::ScheduleItem::Availability(AvailabilityItem { employee, availability })
    });
    Ok(Some(RemoteItem {
        remote_id: remote_id(user),
        etag: Some(version(&answer, availability.as_ref())),
        origin: None,
        fingerprint: item.as_ref().map(domain::ScheduleItem::fingerprint),
        natural_key: item.as_ref().map(domain::ScheduleItem::natural_key),
        span: None,
        ends_at: None,
    }))
}

/// Whether somebody is available at any time, which is what removed preferences say.
fn is_unsaid(availability: &Availability) -> bool {
    availability.days.iter().all(|day| *day == DayAvailability::AllDay)
}

fn version(answer: &GraphAnswer, availability: Option<&Availability>) -> ETag {
    let mut print = Fingerprinter::new("shifts_preferences/1");
    match availability {
        Some(availability) => print.number(1).text(&availability.to_string()),
        None => print.number(2).text(&String::from_utf8_lossy(&answer.body)),
    };
    etag(print.finish())
}

/// Replaces somebody's preferences.
///
/// # Errors
/// When it cannot be done.
pub async fn write(
    caller: &Caller,
    user: &str,
    availability: &Availability,
) -> Result<Written, Failure> {
    let operation = format!("write the shift preferences of user `{user}`");
    let ask = Ask::new(Method::PUT, Version::V1, path(user), operation);
    let sent = caller.write(ask.about(About::Directory).json(&body(availability))).await;
    sent.map_err(|failure| {
        // It concerns preferences, and not the team in whose drain they are written.
        let forbidden = failure.class == FailureClass::Forbidden;
        let class = if forbidden { FailureClass::Refused } else { failure.class.clone() };
        Failure { class, ..failure }
    })?;
    Ok(Written { remote_id: remote_id(user), etag: None, echoed: None })
}

/// Makes them those of somebody who said nothing.
///
/// # Errors
/// When it cannot be done.
pub async fn reset(caller: &Caller, user: &str, zone: &str) -> Result<(), Failure> {
    let days: [DayAvailability; 7] = Default::default();
    let nothing = Availability { zone: zone.to_owned(), days: days.into() };
    write(caller, user, &nothing).await.map(|_| ())
}

/// One rule for all days that are alike.
fn body(availability: &Availability) -> Value {
    let Availability { zone, days } = availability;
    let mut rules: Vec<(&DayAvailability, Vec<&str>)> = Vec::new();
    for (day, name) in days.iter().zip(DAYS) {
        match rules.iter_mut().find(|(known, _)| *known == day) {
            Some((_, names)) => names.push(name),
            None => rules.push((day, vec![name])),
        }
    }
    let zone = windows_name(zone).unwrap_or(zone);
    let rule = |(day, names): (&DayAvailability, Vec<&str>)| {
        json!({
            "recurrence": {
                "pattern": { "type": "weekly", "interval": 1, "daysOfWeek": names },
                "range": { "type": "noEnd" },
            },
            "timeZone": zone, "timeSlots": slots(day),
        })
    };
    json!({ "availability": rules.into_iter().map(rule).collect::<Vec<_>>() })
}

fn windows_name(zone: &str) -> Option<&'static str> {
    let names = translate::windows_zones::ZONES.iter();
    names.filter(|(_, iana)| *iana == zone).map(|(windows, _)| *windows).next()
}

fn slots(day: &DayAvailability) -> Vec<Value> {
    let slot = |(from, to): &(Time, Time)| {
        let text = |it: &Time| it.strftime("%H:%M:%S.0000000").to_string();
        json!({ "startTime": text(from), "endTime": text(to) })
    };
    match day {
        DayAvailability::AllDay => vec![slot(&(Time::midnight(), Time::midnight()))],
        DayAvailability::Within(times) => times.iter().map(slot).collect(),
    }
}
