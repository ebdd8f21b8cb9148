//! Looking between rounds for what people changed: because a vendor tells of it, or because it is
//! time.
//!
//! A calendar of whose changes we are told is not looked at on time: that it costs nothing is what
//! hints are for. Should one be lost, the next whole reading finds what it was about.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::{CalendarKey, MirrorName, RosterName};
use engine::run::cycle::{CycleOptions, Looking};
use jiff::Timestamp;

use crate::output::Output;
use crate::runs;
use crate::wiring::{MirrorWorks, Works};

/// When the mirrors of one roster are looked at next.
pub struct Lookout {
    mirrors: Vec<(MirrorName, Duration, Timestamp)>,
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
        Self { mirrors: mirrors.collect() }
    }

    /// When it is time.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.mirrors.iter().map(|(_, _, at)| *at).min()
    }

    /// Looks at those whose time it is, in the calendars of whose changes nobody tells us.
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
            match untold(works, mirror).await {
                Some(calendars) if calendars.is_empty() => {}
                Some(calendars) => cycle(works, mirror, Looking::At(&calendars), output).await,
                None => cycle(works, mirror, Looking::Everywhere, output).await,
            }
        }
    }

    /// Looks where hints say that something changed.
    pub async fn follow(
        &self,
        works: &Works,
        hinted: BTreeMap<MirrorName, BTreeSet<CalendarKey>>,
        output: &Output,
    ) {
        for (name, calendars) in hinted {
            let mirror = works.mirrors.iter().find(|it| it.spec.name == name);
            if let Some(mirror) = mirror {
                cycle(works, mirror, Looking::At(&calendars), output).await;
            }
        }
    }
}

/// The calendars of whose changes nobody tells us; `None` for all.
async fn untold(works: &Works, mirror: &MirrorWorks) -> Option<BTreeSet<CalendarKey>> {
    let told = works.told_of(&mirror.spec.name).await.ok()?;
    if told.is_empty() {
        return None;
    }
    let states = works.store.calendar_states(&mirror.spec.name).await.ok()?;
    Some(states.into_iter().map(|it| it.calendar).filter(|it| !told.contains(it)).collect())
}

async fn cycle(works: &Works, mirror: &MirrorWorks, looking: Looking<'_>, output: &Output) {
    runs::cycle_looking(works, mirror, CycleOptions::default(), looking, output).await;
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
