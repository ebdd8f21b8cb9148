//! Preferences of Shifts as an availability of the roster, where they can be told as one.

use domain::{Availability, DayAvailability};
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::super::wire::{AvailabilityBody, PreferencesBody, SlotBody};
use super::windows_zones;

const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Reads the rules. Days that none of them names are free; a rule without a pattern names every
/// day. A slot that starts and ends at the same time is the whole day; none at all is never.
/// `None` when there is no rule, when a rule is not weekly, when slots go over midnight, or when
/// rules speak of different zones.
pub fn read(body: &PreferencesBody) -> Option<Availability> {
    let mut zone = None;
    let mut days: [Option<Day>; 7] = Default::default();
    for rule in &body.availability {
        let AvailabilityBody { recurrence, time_zone, time_slots } = rule;
        let named = windows_zones::iana(time_zone.as_deref()?)?;
        if *zone.get_or_insert_with(|| named.clone()) != named {
            return None;
        }
        let pattern = recurrence.as_ref().and_then(|it| it.pattern.as_ref());
        let kind = pattern.and_then(|it| it.kind.as_deref()).unwrap_or("weekly");
        if !kind.eq_ignore_ascii_case("weekly") {
            return None;
        }
        let times = time_slots.iter().map(times).collect::<Option<Vec<_>>>()?;
        let named = |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name));
        let indexes = match pattern {
            Some(pattern) => {
                pattern.days_of_week.iter().map(|it| named(it)).collect::<Option<Vec<_>>>()?
            }
            None => (0..DAYS.len()).collect(),
        };
        for index in indexes {
            let day = days[index].get_or_insert_default();
            for (from, to) in &times {
                day.whole |= from == to;
                day.times.push((*from, *to));
            }
        }
    }
    let days = days.map(|day| day.map_or(DayAvailability::AllDay, Day::joined));
    Some(Availability { zone: zone?, days: Box::new(days) })
}

#[derive(Debug, Default)]
struct Day {
    whole: bool,
    times: Vec<(Time, Time)>,
}

impl Day {
    /// The times in order, those that touch or overlap as one.
    fn joined(mut self) -> DayAvailability {
        if self.whole {
            return DayAvailability::AllDay;
        }
        self.times.sort_unstable();
        let ends_day = |time: Time| time == Time::midnight();
        let mut joined: Vec<(Time, Time)> = Vec::with_capacity(self.times.len());
        for (from, to) in self.times {
            match joined.last_mut() {
                Some((_, until)) if ends_day(*until) || *until >= from => {
                    if !ends_day(*until) && (ends_day(to) || to > *until) {
                        *until = to;
                    }
                }
                Some(_) | None => joined.push((from, to)),
            }
        }
        if joined == [(Time::midnight(), Time::midnight())] {
            return DayAvailability::AllDay;
        }
        DayAvailability::Within(joined)
    }
}

fn times(slot: &SlotBody) -> Option<(Time, Time)> {
    let time = |text: &Option<String>| text.as_deref()?.parse::<Time>().ok();
    let (from, to) = (time(&slot.start_time)?, time(&slot.end_time)?);
    (from <= to || to == Time::midnight()).then_some((from, to))
}

/// Whether this build knows the zone.
pub(super) fn known(zone: &str) -> bool {
    TimeZone::get(zone).is_ok()
}
