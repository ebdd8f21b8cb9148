//! Looking once an hour at what is approved: the vendor changes no schedule when it approves a
//! request, so nothing else would tell before the daily reading of everything.
//!
//! What was seen is kept as a mark for each management unit, a line for each request. Whoever has
//! another request than before is read anew in the weeks that it touches.

use std::collections::{BTreeMap, BTreeSet};

use domain::time::local_day;
use domain::{Fingerprinter, SyncWindow};
use engine::port::{FieldFault, Marks, Reading, ReadingKind, ReadingPart, SourceError};
use futures_util::{StreamExt, stream};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::absence::{Approved, Requests};
use super::bite::fault;
use super::progress::{Progress, approved_in};
use super::provider::Genesys;
use super::wire::{TimeOffRequest, short};

/// One approved request, as far as it must be known whether it is still the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    agent: String,
    print: String,
    first: Date,
    last: Date,
}

/// A request that cannot be understood is of any day.
const EVER: (Date, Date) = (Date::constant(1970, 1, 1), Date::constant(9999, 12, 1));

impl Seen {
    /// In place of the requests of somebody of whom not all are understood: when they are, or are
    /// not any more, that is a difference.
    fn odd(agent: &str) -> Self {
        let (first, last) = EVER;
        Self { agent: agent.to_owned(), print: "odd".to_owned(), first, last }
    }

    fn of(request: &TimeOffRequest) -> Option<Self> {
        let days = &request.full_day_management_unit_dates;
        let starts = request.partial_day_start_date_times.iter();
        // Of hours the zone decides the day: one more at each end is looked at anyway.
        let of_hours = starts.map(|it| local_day(*it, &TimeZone::UTC));
        let all: Vec<Date> = days.iter().copied().chain(of_hours).collect();
        let mut print = Fingerprinter::new("genesys_cloud/approved/1");
        print.text(&request.activity_code_id);
        for day in days {
            print.day(*day);
        }
        for start in &request.partial_day_start_date_times {
            print.number(start.as_second());
        }
        for minutes in request.minutes() {
            print.number(minutes);
        }
        let print = print.finish().to_string().chars().take(16).collect();
        let (first, last) = (*all.iter().min()?, *all.iter().max()?);
        Some(Self { agent: request.user.id.clone(), print, first, last })
    }
}

/// Requests by their ids, as a mark's text: a line each.
fn write(seen: &BTreeMap<String, Seen>) -> String {
    let line = |(id, it): (&String, &Seen)| {
        format!("{id} {} {} {} {}", it.agent, it.print, it.first, it.last)
    };
    seen.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The requests in a mark's text.
fn read(text: &str) -> BTreeMap<String, Seen> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let (id, agent) = (words.next()?.to_owned(), words.next()?.to_owned());
        let print = words.next()?.to_owned();
        let (first, last) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some((id, Seen { agent, print, first, last }))
    };
    text.lines().filter_map(line).collect()
}

/// Who has another request than before, and on which days; what has only become history since
/// `from` is none.
fn differences(
    before: &BTreeMap<String, Seen>,
    now: &BTreeMap<String, Seen>,
    from: Date,
) -> Vec<(String, Date, Date)> {
    let ids: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let mut found = Vec::new();
    for id in ids {
        let (old, new) = (before.get(id), now.get(id));
        if old == new {
            continue;
        }
        for it in [old, new].into_iter().flatten().filter(|it| it.last >= from) {
            found.push((it.agent.clone(), it.first, it.last));
        }
    }
    found
}

impl Genesys {
    /// Looks what is approved inside the window: a question for each management unit and four
    /// weeks.
    pub(super) async fn look_at_approved(
        &self,
        mut progress: Progress,
        window: &SyncWindow,
        marks: &dyn Marks,
    ) -> Result<Reading, SourceError> {
        progress.requests_at = Some(self.client().clock().now());
        let day = jiff::Span::new().days(1);
        let from = local_day(window.interval.start(), &TimeZone::UTC).saturating_sub(day);
        let until = local_day(window.interval.end(), &TimeZone::UTC).saturating_add(day);
        let days = [(from, until)];
        let (mut changes, mut notes) = (Vec::new(), Vec::new());
        let ids: Vec<String> = progress.units.keys().cloned().collect();
        for id in ids {
            let unit = self.known_unit(&id).await?;
            let teams: Vec<&String> = unit.teams.keys().collect();
            let questions = teams.iter().map(|team| self.approved(team, None, &days));
            let mut answers =
                stream::iter(questions.collect::<Vec<_>>()).buffered(self.concurrency());
            let mut number = 0;
            while let Some(answer) = answers.next().await {
                let team = teams[number];
                number += 1;
                let Approved::Read(requests) = answer.map_err(SourceError::Failed)? else {
                    continue;
                };
                progress.requests_seen = true;
                notes.extend(odd_ones(team, &requests));
                let seen = requests.found.values().flatten();
                let seen = seen.filter_map(|it| Some((it.id.clone(), Seen::of(it)?)));
                let odd = requests.odd.iter().filter(|it| !it.contains(char::is_whitespace));
                let odd = odd.map(|it| (format!("odd-{it}"), Seen::odd(it)));
                let mut seen: BTreeMap<String, Seen> = seen.chain(odd).collect();
                let name = approved_in(team);
                let kept = marks.beginning_with(&name).await.map_err(SourceError::Marks)?;
                let before =
                    read(kept.iter().find(|it| it.name == name).map_or("", |it| it.value.as_str()));
                if requests.nameless {
                    // Whatever is not told any more may be what cannot be understood.
                    for (id, it) in &before {
                        seen.entry(id.clone()).or_insert_with(|| it.clone());
                    }
                }
                for (agent, first, last) in differences(&before, &seen, from) {
                    progress.again_on(&id, team, &agent, (first, last));
                }
                if before != seen {
                    changes.push((name, Some(write(&seen)).filter(|it| !it.is_empty())));
                }
            }
        }
        let part = ReadingPart { marks: changes, more: true, ..ReadingPart::default() };
        let (kind, next) = (ReadingKind::Part(part), progress.token());
        Ok(Reading { kind, next, notes, skipped: vec![] })
    }
}

/// Notes of whose requests cannot be understood.
fn odd_ones(team: &str, read: &Requests) -> Vec<FieldFault> {
    let place = format!("managementunits/{team}/timeoffrequests");
    let note = |whose: &str| {
        fault(
            place.clone(),
            format!("a time-off request of {whose} is not what the vendor describes"),
        )
    };
    let named = read.odd.iter().map(|it| note(&format!("employee `{}`", short(it))));
    named.chain(read.nameless.then(|| note("somebody"))).collect()
}

impl Progress {
    /// Has somebody read anew in the schedules that are in force on these days, or a day beside
    /// them: zones differ.
    fn again_on(&mut self, unit: &str, team: &str, agent: &str, (first, last): (Date, Date)) {
        let day = jiff::Span::new().days(1);
        let (first, last) = (first.saturating_sub(day), last.saturating_add(day));
        let heads = self.units.get(unit).into_iter().flatten();
        let touched = heads
            .filter(|(_, head)| head.days.iter().any(|(from, end)| *from <= last && first < *end));
        let weeks: Vec<Date> = touched.map(|(week, _)| *week).collect();
        for week in weeks {
            self.again((unit, week), team, &[agent.to_owned()]);
        }
    }
}
