//! What a roster file says, worked out apart from the product: the other side of every check.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::events::Event;

/// One shift of a generated roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub employee: String,
    pub work: &'static str,
    pub date: Date,
    pub start: Time,
    pub end: Time,
}

pub const HEADER: &str = "employee,team,work,date,start,end\n";

impl Row {
    fn line(&self) -> String {
        let Self { employee, work, date, start, end } = self;
        let (start, end) = (start.strftime("%H:%M"), end.strftime("%H:%M"));
        format!("{employee},Front desk,{work},{date},{start},{end}\n")
    }

    fn event(&self) -> Event {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let last = if self.end <= self.start { self.date.tomorrow().unwrap() } else { self.date };
        let instant = |day: Date, time: Time| {
            let at = day.to_datetime(time).to_zoned(zone.clone()).unwrap().timestamp();
            at.strftime("%Y%m%dT%H%M%SZ").to_string()
        };
        let summary = format!("{} – Front desk", self.work);
        let (start, end) = (instant(self.date, self.start), instant(last, self.end));
        (self.employee.clone(), summary, start, end)
    }
}

/// As a roster file.
pub fn csv(rows: &[Row]) -> String {
    HEADER.to_owned() + &rows.iter().map(Row::line).collect::<String>()
}

/// As the events that a mirror is to hold, sorted.
pub fn expected(rows: &[Row]) -> Vec<Event> {
    let mut events: Vec<Event> = rows.iter().map(Row::event).collect();
    events.sort();
    events
}

/// The names of all who work.
pub fn employees(rows: &[Row]) -> Vec<&str> {
    let mut names: Vec<&str> = rows.iter().map(|row| row.employee.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// `people` people with a shift on each of `days` days.
pub fn rows(people: usize, days: i8) -> Vec<Row> {
    let first = jiff::civil::date(2030, 3, 1);
    let kinds = [("Early", 6, 14), ("Late", 14, 22), ("Night", 22, 6)];
    let mut rows = Vec::new();
    for person in 0..people {
        for day in 0..days {
            let (work, start, end) = kinds[(person + usize::try_from(day).unwrap() / 5) % 3];
            rows.push(Row {
                employee: format!("e{person:02}"),
                work,
                date: first + jiff::Span::new().days(i64::from(day)),
                start: Time::constant(start, 0, 0, 0),
                end: Time::constant(end, 0, 0, 0),
            });
        }
    }
    rows
}
