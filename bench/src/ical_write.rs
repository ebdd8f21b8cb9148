//! How fast iCalendar is written, beside calcard writing the same calendar.
//!
//! Both write 10,000 events into an empty buffer that grows as they like, in turn, in this
//! process. calcard gets the calendar by reading what we wrote, so both hold the same.

use std::hint::black_box;

use calcard::icalendar::{ICalendar, ICalendarComponentType};
use domain::CalendarEvent;
use ical::{EventHeader, FeedHeader, UtcStyle, write_feed};
use std::time::Duration;

use crate::measure::{Runs, timed};
use crate::report::{Report, Row, Trouble, Unit};
use crate::{Setting, machine, sample};

const EVENTS: usize = 10_000;
/// Rounds in each run, of which the median counts.
const ROUNDS: usize = 15;

/// Measures.
pub fn run(setting: &Setting) -> Result<Report, Trouble> {
    let events = sample::events(EVENTS)?;
    let uids: Vec<String> =
        (0..EVENTS).map(|index| format!("{index:08x}-5b1c-5f6e-9c44-6d3f2a7e9b10")).collect();
    let written = ours(&uids, &events);
    let text = String::from_utf8(written).map_err(Trouble::failed)?;
    let parsed = ICalendar::parse(&text)
        .map_err(|entry| Trouble::failed(format!("calcard does not read our feed: {entry:?}")))?;
    check(&parsed)?;

    let (mut ours_rate, mut other_rate) = (Runs::default(), Runs::default());
    for _ in 0..setting.runs {
        let (mut a, mut b) = (Runs::default(), Runs::default());
        for _ in 0..ROUNDS {
            a.push(timed(|| black_box(ours(&uids, &events))).0);
            b.push(timed(|| black_box(parsed.to_string())).0);
        }
        ours_rate.push(EVENTS as f64 / a.median());
        other_rate.push(EVENTS as f64 / b.median());
    }
    let unit = Unit::PerSecond("events");
    let row = Row::beside("10,000 events written", unit, &ours_rate, ("calcard", &other_rate), 5.0);
    let bytes = text.len() / EVENTS;
    let note = format!(
        "{bytes} bytes an event ({:.0} MB/s ours), a third of them with a comma, semicolon, \
         quote or line break to escape, most with letters beyond ASCII and lines to fold. \
         calcard {}.",
        ours_rate.median() * bytes as f64 / 1e6,
        machine::library_version("calcard"),
    );
    Ok(Report { rows: vec![row], notes: vec![note] })
}

fn check(parsed: &ICalendar) -> Result<(), Trouble> {
    let is_event = |kind: &ICalendarComponentType| *kind == ICalendarComponentType::VEvent;
    let count = |calendar: &ICalendar| {
        calendar.components.iter().filter(|it| is_event(&it.component_type)).count()
    };
    let again = ICalendar::parse(parsed.to_string())
        .map_err(|_| Trouble::failed("calcard does not read what it wrote"))?;
    if count(parsed) != EVENTS || count(&again) != EVENTS {
        return Err(Trouble::failed("not all events came back"));
    }
    Ok(())
}

fn ours(uids: &[String], events: &[CalendarEvent]) -> Vec<u8> {
    let header = FeedHeader {
        name: "Shifts",
        refresh_interval: Duration::from_secs(900),
        utc_style: UtcStyle::Rfc5545,
    };
    let revised_at = sample::epoch();
    let with_headers = uids
        .iter()
        .zip(events)
        .map(|(uid, event)| (EventHeader { uid, revised_at, sequence: 0, origin: None }, event));
    let mut out = Vec::new();
    write_feed(&mut out, &header, with_headers);
    out
}
