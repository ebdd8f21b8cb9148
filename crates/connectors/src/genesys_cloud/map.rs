//! From one agent's schedule to the roster's words. Pure.
//!
//! - A shift has no name; it is called after the kind of work that most of its time goes to.
//! - Time off inside a shift is an absence of its own. At the shift's edges it is cut off; in its
//!   middle it stays as an unpaid activity too. A shift of nothing else is no shift.
//! - Whole days off on a schedule are local days of the business unit, those of a request days of
//!   the management unit; days in a row, of one kind and one request, are one absence.

use std::collections::BTreeMap;

use domain::limits::LABEL_BYTES_MAX;
use domain::time::local_day;
use domain::{
    Activity, EmployeeId, Entity, Fingerprinter, ScheduleGroupId, Shift, ShiftId, TimeOff,
    TimeOffId, TimeOffReasonId, TimeOffSpan, UtcInterval,
};
use engine::port::{Identity, SourceEntity, SourceRef};
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::directory::Unit;
use super::weeks::Head;
use super::wire;

/// Minutes that one shift or activity may have: the longest schedule has six weeks.
const MINUTES_MAX: i64 = 6 * 7 * 24 * 60;
/// What a shift is called of which no activity says what it is.
const NAMELESS: &str = "Shift";

/// Around one agent's schedule.
pub(super) struct Around<'a> {
    pub unit: &'a Unit,
    pub head: &'a Head,
    pub team: &'a str,
}

/// What an activity is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Work,
    /// Breaks, meals and whatever else is in a shift without being work.
    Pause,
    TimeOff,
}

/// What one agent does in a schedule.
///
/// # Errors
/// What cannot be understood; then nothing of it should be taken.
pub(super) fn agent(
    schedule: &wire::AgentSchedule,
    around: &Around<'_>,
) -> Result<Vec<SourceEntity>, String> {
    let who = EmployeeId::new(schedule.user.id.as_str()).map_err(|it| it.to_string())?;
    let mut entities = Vec::new();
    for shift in schedule.shifts.iter().flatten() {
        let of_shift = map_shift(shift, &who, around).map_err(|why| {
            format!("shift `{}` of employee `{who}`: {why}", wire::short(&shift.id))
        })?;
        entities.extend(of_shift);
    }
    let markers = schedule.full_day_time_off_markers.iter().flatten();
    let days = markers.map(|it| Day {
        date: it.business_unit_date,
        code: it.activity_code_id.clone(),
        request: it.time_off_request_id.clone(),
    });
    let days = days.filter(|it| around.covers(it.date)).collect();
    entities.extend(whole_days(days, &who, (&around.unit.zone, &around.unit.tz), around)?);
    Ok(entities)
}

impl Around<'_> {
    /// Whether the schedule is in force on a day.
    pub fn covers(&self, day: Date) -> bool {
        self.head.days.iter().any(|(first, end)| *first <= day && day < *end)
    }

    /// The zone of the management unit: days of requests are its days.
    pub fn team_zone(&self) -> (String, TimeZone) {
        let zone = self.unit.teams.get(self.team).map(|it| it.zone.as_str());
        match zone.and_then(|zone| Some((zone, TimeZone::get(zone).ok()?))) {
            Some((zone, tz)) => (zone.to_owned(), tz),
            None => (self.unit.zone.clone(), self.unit.tz.clone()),
        }
    }

    /// The day of the business unit on which a day of this zone starts.
    pub fn day_of(&self, date: Date, tz: &TimeZone) -> Date {
        let start = date.to_zoned(tz.clone()).map(|it| it.timestamp());
        start.map_or(date, |start| local_day(start, &self.unit.tz))
    }

    pub fn place(&self) -> String {
        format!("weeks/{}/schedules/{}", self.head.week, self.head.id)
    }

    fn sort(&self, activity: &wire::Activity) -> Sort {
        let code = self.unit.codes.get(&activity.activity_code_id);
        match code.and_then(|it| it.category.as_deref()) {
            Some("TimeOff") => Sort::TimeOff,
            Some("Break" | "Meal" | "Unavailable") => Sort::Pause,
            // A category that came to be after this was written is work as far as we know.
            Some(_) => Sort::Work,
            None if activity.time_off_request_id.is_some() => Sort::TimeOff,
            None => Sort::Work,
        }
    }

    fn name(&self, code: &str) -> String {
        let name = self.unit.codes.get(code).and_then(|it| it.name.clone());
        label(&name.unwrap_or_else(|| code.to_owned()))
    }

    fn is_paid(&self, activity: &wire::Activity) -> bool {
        let code = self.unit.codes.get(&activity.activity_code_id);
        let by_code = code.and_then(|it| it.counts_as_paid_time);
        activity.paid.or(by_code).unwrap_or(self.sort(activity) == Sort::Work)
    }
}

/// One line without control characters, not too long and not empty.
fn label(text: &str) -> String {
    let mut plain: String =
        text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    while plain.len() > LABEL_BYTES_MAX {
        plain.pop();
    }
    if plain.is_empty() { NAMELESS.to_owned() } else { plain }
}

fn lasting(start: jiff::Timestamp, minutes: i64) -> Result<UtcInterval, String> {
    if !(1..=MINUTES_MAX).contains(&minutes) {
        return Err(format!("lasts {minutes} minutes, expected 1 to {MINUTES_MAX}"));
    }
    let end = start.checked_add(SignedDuration::from_mins(minutes)).map_err(|it| it.to_string())?;
    UtcInterval::new(start, end).map_err(|it| it.to_string())
}

/// One thing that a shift is made of.
struct Piece<'a> {
    interval: UtcInterval,
    activity: &'a wire::Activity,
    sort: Sort,
}

fn map_shift(
    shift: &wire::Shift,
    who: &EmployeeId,
    around: &Around<'_>,
) -> Result<Vec<SourceEntity>, String> {
    let whole = lasting(shift.start_date, shift.length_minutes)?;
    let day = local_day(whole.start(), &around.unit.tz);
    if !around.covers(day) {
        return Ok(vec![]);
    }
    let mut pieces = Vec::new();
    for activity in shift.activities.iter().flatten() {
        let interval = lasting(activity.start_date, activity.length_minutes)?;
        // A vendor's rounding must not put an activity outside its shift.
        let (start, end) = (interval.start().max(whole.start()), interval.end().min(whole.end()));
        if let Ok(interval) = UtcInterval::new(start, end) {
            pieces.push(Piece { interval, activity, sort: around.sort(activity) });
        }
    }
    pieces.sort_by_key(|it| it.interval);
    let mut entities = absences(&pieces, who, around)?;
    let place = SourceRef(format!("{}/shifts/{}", around.place(), wire::short(&shift.id)));
    if let Some((interval, kept)) = without_edges(whole, &pieces) {
        let id = ShiftId::new(shift.id.as_str()).map_err(|it| it.to_string())?;
        let activities = kept.iter().map(|it| Activity {
            label: activity_label(it.activity, around),
            interval: it.interval,
            paid: it.sort != Sort::TimeOff && around.is_paid(it.activity),
        });
        let entity = Entity::Shift(Shift {
            id,
            employee: who.clone(),
            group: ScheduleGroupId::new(around.team).ok(),
            label: title(kept, around),
            interval,
            day: local_day(interval.start(), &around.unit.tz),
            activities: activities.collect(),
            notes: None,
        });
        entities.push(SourceEntity { entity, identity: assigned(), at: place });
    }
    Ok(entities)
}

/// What the vendor's ids are good for: nothing, over a republish. Day, kind and order tell more.
fn assigned() -> Identity {
    Identity::Assigned { twin: Fingerprinter::new("genesys_cloud/1").finish() }
}

fn activity_label(activity: &wire::Activity, around: &Around<'_>) -> String {
    let name = around.name(&activity.activity_code_id);
    match activity.description.as_deref().map(str::trim).filter(|it| !it.is_empty()) {
        Some(description) => label(&format!("{name}: {description}")),
        None => name,
    }
}

/// The kind of work that most time goes to; of two, the one that sorts first.
fn title(pieces: &[Piece<'_>], around: &Around<'_>) -> String {
    let mut times: BTreeMap<&str, std::time::Duration> = BTreeMap::new();
    for piece in pieces.iter().filter(|it| it.sort == Sort::Work) {
        *times.entry(piece.activity.activity_code_id.as_str()).or_default() +=
            piece.interval.duration();
    }
    let longest = times.into_iter().max_by_key(|(code, time)| (*time, std::cmp::Reverse(*code)));
    longest.map_or_else(|| NAMELESS.to_owned(), |(code, _)| around.name(code))
}

/// The shift without absences at its edges, and its parts; `None` when nothing is left of it.
fn without_edges<'p, 'a>(
    whole: UtcInterval,
    pieces: &'p [Piece<'a>],
) -> Option<(UtcInterval, &'p [Piece<'a>])> {
    let is_off = |it: &Piece<'_>| it.sort == Sort::TimeOff;
    if !pieces.iter().any(is_off) {
        return Some((whole, pieces));
    }
    let first = pieces.iter().position(|it| !is_off(it))?;
    let last = pieces.iter().rposition(|it| !is_off(it))?;
    let kept = &pieces[first..=last];
    let start = if first == 0 { whole.start() } else { kept.first()?.interval.start() };
    let end = if last + 1 == pieces.len() { whole.end() } else { kept.last()?.interval.end() };
    UtcInterval::new(start, end).ok().map(|interval| (interval, kept))
}

/// Time off inside a shift; parts that touch, of one kind and one request, are one.
fn absences(
    pieces: &[Piece<'_>],
    who: &EmployeeId,
    around: &Around<'_>,
) -> Result<Vec<SourceEntity>, String> {
    let mut runs: Vec<(UtcInterval, &wire::Activity)> = Vec::new();
    for piece in pieces.iter().filter(|it| it.sort == Sort::TimeOff) {
        let same = |it: &wire::Activity| {
            it.activity_code_id == piece.activity.activity_code_id
                && it.time_off_request_id == piece.activity.time_off_request_id
        };
        match runs.last_mut() {
            Some((run, of)) if run.end() == piece.interval.start() && same(of) => {
                *run = UtcInterval::new(run.start(), piece.interval.end())
                    .map_err(|it| it.to_string())?;
            }
            Some(_) | None => runs.push((piece.interval, piece.activity)),
        }
    }
    let entity = |(interval, activity): (UtcInterval, &wire::Activity)| {
        let request = activity.time_off_request_id.as_deref();
        timed_off(who, interval, (&activity.activity_code_id, request), around.place())
    };
    runs.into_iter().map(entity).collect()
}

/// Some hours off.
pub(super) fn timed_off(
    who: &EmployeeId,
    interval: UtcInterval,
    (code, request): (&str, Option<&str>),
    place: String,
) -> Result<SourceEntity, String> {
    let name = match request {
        Some(request) => format!("{request}.{}", interval.start()),
        None => format!("{who}.{}", interval.start()),
    };
    absent(who, name, TimeOffSpan::Timed(interval), (code, request.is_some()), place)
}

fn absent(
    who: &EmployeeId,
    name: String,
    span: TimeOffSpan,
    (code, has_request): (&str, bool),
    place: String,
) -> Result<SourceEntity, String> {
    let entity = Entity::TimeOff(TimeOff {
        id: TimeOffId::new(name).map_err(|it| it.to_string())?,
        employee: who.clone(),
        reason: TimeOffReasonId::new(code).ok(),
        span,
        notes: None,
    });
    let identity = if has_request { Identity::Native } else { assigned() };
    Ok(SourceEntity { entity, identity, at: SourceRef(place) })
}

/// One whole day off.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day {
    pub date: Date,
    pub code: String,
    pub request: Option<String>,
}

/// Whole days off, as absences.
pub(super) fn whole_days(
    mut days: Vec<Day>,
    who: &EmployeeId,
    (zone, tz): (&str, &TimeZone),
    around: &Around<'_>,
) -> Result<Vec<SourceEntity>, String> {
    days.sort_unstable();
    days.dedup_by(|a, b| a.date == b.date);
    // Weeks are read one by one: an absence over two of them is two, whoever tells of it.
    let begins = around.unit.week_begins;
    let mut runs: Vec<(Date, Date, Day)> = Vec::new();
    for day in days {
        let next = day.date.tomorrow().map_err(|it| it.to_string())?;
        match runs.last_mut() {
            Some((_, end, of))
                if *end == day.date
                    && around.day_of(day.date, tz).weekday() != begins
                    && of.code == day.code
                    && of.request == day.request =>
            {
                *end = next;
            }
            Some(_) | None => runs.push((day.date, next, day)),
        }
    }
    let entity = |(first, end, day): (Date, Date, Day)| {
        let name = match &day.request {
            Some(request) => format!("{request}.{first}"),
            None => format!("{who}.{first}"),
        };
        let span = TimeOffSpan::AllDay { first, end, zone: zone.to_owned() };
        absent(who, name, span, (&day.code, day.request.is_some()), around.place())
    };
    runs.into_iter().map(entity).collect()
}
