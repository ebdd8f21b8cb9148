//! Looking between rounds for what people changed: because a vendor tells of it, or because it is
//! time.
//!
//! A calendar of whose changes we are told is not looked at on time: that it costs nothing is what
//! hints are for. Not before this process has looked at it once, though: nobody was there for what
//! was told of before. Where following a hint did not come to its end, the calendar is looked at
//! when it is time again. Should a hint be lost, the next whole reading finds what it was about.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::{CalendarKey, MirrorName, RosterName};
use engine::run::cycle::{CycleOptions, Looking};
use jiff::Timestamp;

use crate::output::Output;
use crate::runs::{self, MirrorRun};
use crate::wiring::{MirrorWorks, Works};

/// When the mirrors of one roster are looked at next.
pub struct Lookout {
    mirrors: Vec<(MirrorName, Duration, Timestamp)>,
    /// Calendars of whose changes we were told when this process last looked at them to the end,
    /// and ever since.
    followed: BTreeMap<MirrorName, BTreeSet<CalendarKey>>,
}

impl Lookout {
    /// Looks at each mirror that can be read by what changed, from now on.
    pub fn new(works: &Works, roster: &RosterName) -> Self {
        let now = works.outside.clock.now();
        let sections = works.config.mirrors.iter().zip(&works.mirrors);
        let readable = sections.filter(|(section, mirror)| {
            section.roster == *roster && mirror.target.capabilities().deltas
        });
        let mirrors = readable.map(|(section, mirror)| {
            let interval = section.drift_interval;
            (mirror.spec.name.clone(), interval, after(now, interval))
        });
        Self { mirrors: mirrors.collect(), followed: BTreeMap::new() }
    }

    /// When it is time.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.mirrors.iter().map(|(_, _, at)| *at).min()
    }

    /// Looks at those whose time it is, but for the calendars that are followed.
    pub async fn look(&mut self, works: &Works, output: &Output) {
        let now = works.outside.clock.now();
        for (name, interval, at) in &mut self.mirrors {
            if *at > now {
                continue;
            }
            *at = after(now, *interval);
            let Some(mirror) = works.mirrors.iter().find(|it| it.spec.name == *name) else {
                continue;
            };
            let mut followed = self.followed.remove(name).unwrap_or_default();
            let Some((told, all)) = told_and_all(works, mirror).await else {
                cycle(works, mirror, Looking::Everywhere, output).await;
                continue;
            };
            followed.retain(|it| told.contains(it));
            let calendars: BTreeSet<CalendarKey> =
                all.into_iter().filter(|it| !followed.contains(it)).collect();
            if !calendars.is_empty() {
                let run = cycle(works, mirror, Looking::At(&calendars), output).await;
                let left = left_of(calendars.clone(), &run);
                let looked_at = calendars.into_iter().filter(|it| !left.contains(it));
                followed.extend(looked_at.filter(|it| told.contains(it)));
            }
            self.followed.insert(name.clone(), followed);
        }
    }

    /// Looks where hints say that something changed.
    pub async fn follow(
        &mut self,
        works: &Works,
        hinted: BTreeMap<MirrorName, BTreeSet<CalendarKey>>,
        output: &Output,
    ) {
        for (name, calendars) in hinted {
            let mirror = works.mirrors.iter().find(|it| it.spec.name == name);
            if let Some(mirror) = mirror {
                let run = cycle(works, mirror, Looking::At(&calendars), output).await;
                let left = left_of(calendars, &run);
                self.followed.entry(name).or_default().retain(|it| !left.contains(it));
            }
        }
    }
}

/// Which of `calendars` a cycle was to look at and did not, or not to the end.
fn left_of(mut calendars: BTreeSet<CalendarKey>, run: &MirrorRun) -> BTreeSet<CalendarKey> {
    match &run.result {
        Ok(report) if report.refused.is_none() => calendars.retain(|it| report.cut.contains(it)),
        Ok(_) | Err(_) => {}
    }
    calendars
}

/// The calendars of whose changes we are told, and all; nothing where we are told of none, or the
/// store does not say.
async fn told_and_all(
    works: &Works,
    mirror: &MirrorWorks,
) -> Option<(BTreeSet<CalendarKey>, BTreeSet<CalendarKey>)> {
    let told = works.told_of(&mirror.spec.name).await.ok()?;
    if told.is_empty() {
        return None;
    }
    let states = works.store.calendar_states(&mirror.spec.name).await.ok()?;
    Some((told, states.into_iter().map(|it| it.calendar).collect()))
}

async fn cycle(
    works: &Works,
    mirror: &MirrorWorks,
    looking: Looking<'_>,
    output: &Output,
) -> MirrorRun {
    runs::cycle_looking(works, mirror, CycleOptions::default(), looking, output).await
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use domain::RosterName;
    use engine::plan::guard::{DeletionCount, GuardRefusal};
    use engine::report::CycleReport;

    use super::*;

    fn run(report: CycleReport) -> MirrorRun {
        MirrorRun {
            name: MirrorName::new("m").unwrap(),
            roster: RosterName::new("r").unwrap(),
            result: Ok(report),
            so_far: CycleReport::default(),
        }
    }

    #[test]
    fn a_hint_stays_until_its_calendar_was_looked_at_to_the_end() {
        let calendars =
            |names: &[&str]| names.iter().map(|it| CalendarKey::new(*it).unwrap()).collect();
        let hinted: BTreeSet<CalendarKey> = calendars(&["ada", "bob"]);
        let cut = CycleReport { cut: calendars(&["bob", "cleo"]), ..CycleReport::default() };
        assert_eq!(left_of(hinted.clone(), &run(CycleReport::default())), calendars(&[]));
        assert_eq!(left_of(hinted.clone(), &run(cut)), calendars(&["bob"]));
        let count = DeletionCount { present: 9, deletions: 9 };
        let refused = Some(GuardRefusal { subject: "m".into(), count });
        let stopped = CycleReport { refused, ..CycleReport::default() };
        assert_eq!(left_of(hinted.clone(), &run(stopped)), hinted);
    }
}
