//! Where an event that is moved out of the way finds room.

use domain::limits::FREE_TIME_STEPS_MAX;
use domain::policy::MoveTo;
use domain::{EventSpan, UtcInterval};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{ConflictRules, Working, instants};
use crate::port::{ForeignChange, ForeignEvent};

/// Which time of one calendar is taken, and where there is room.
pub(super) struct FreeTime<'a> {
    rules: &'a ConflictRules,
    shifts: Vec<UtcInterval>,
    /// What else takes time, with what was found for events already.
    busy: Vec<UtcInterval>,
}

impl<'a> FreeTime<'a> {
    pub(super) fn new(
        rules: &'a ConflictRules,
        shifts: &[&Working],
        events: &[(UtcInterval, &ForeignEvent)],
    ) -> Self {
        let shifts = shifts.iter().map(|it| it.interval).collect();
        // Days that are taken as a whole do not keep anybody from having a meeting.
        let timed = events.iter().filter(|(_, event)| match event.span {
            EventSpan::Timed(_) => true,
            EventSpan::AllDay { .. } => false,
        });
        Self { rules, shifts, busy: timed.map(|(at, _)| *at).collect() }
    }

    /// Where `event`, which is at `at` and in the way of `over`, is moved to.
    pub(super) fn place(
        &self,
        event: &ForeignEvent,
        at: UtcInterval,
        over: &[&Working],
    ) -> Option<EventSpan> {
        let after = over.iter().map(|it| it.interval.end()).max()?;
        let limit = after.saturating_add(self.rules.move_within).ok()?;
        match event.span {
            EventSpan::Timed(_) => self.time(at, after, limit).map(EventSpan::Timed),
            EventSpan::AllDay { first, end } => self.days(first, end, after, limit),
        }
    }

    /// Keeps in mind what a change does to the time that it leaves and takes.
    pub(super) fn take(&mut self, at: UtcInterval, change: &ForeignChange) {
        match change {
            ForeignChange::Delete | ForeignChange::Decline { .. } => self.leave(at),
            ForeignChange::Move { to, .. } => {
                self.leave(at);
                self.busy.extend(match to {
                    EventSpan::Timed(_) => instants(to, &self.rules.zone),
                    EventSpan::AllDay { .. } => None,
                });
            }
            ForeignChange::Relabel { .. } => {}
        }
    }

    fn leave(&mut self, at: UtcInterval) {
        if let Some(index) = self.busy.iter().position(|it| *it == at) {
            self.busy.swap_remove(index);
        }
    }

    fn time(&self, at: UtcInterval, after: Timestamp, limit: Timestamp) -> Option<UtcInterval> {
        let length = SignedDuration::try_from(at.duration()).ok()?;
        let mut start = after;
        for _ in 0..FREE_TIME_STEPS_MAX {
            let candidate = UtcInterval::new(start, start.checked_add(length).ok()?).ok()?;
            if candidate.end() > limit {
                return None;
            }
            let taken = self.shifts.iter().chain(self.busy.iter().filter(|it| **it != at));
            let next = taken.filter(|it| it.overlaps(&candidate)).map(UtcInterval::end).max();
            start = match next.or_else(|| self.next_hours(&candidate)) {
                None => return Some(candidate),
                Some(_) if self.rules.move_to == MoveTo::AfterShift => return None,
                Some(next) => next,
            };
        }
        None
    }

    /// When the allowed hours begin next, if `candidate` does not lie in them.
    fn next_hours(&self, candidate: &UtcInterval) -> Option<Timestamp> {
        let (from, to) = self.rules.move_hours?;
        let zone: &TimeZone = &self.rules.zone;
        let day = zone.to_datetime(candidate.start()).date();
        let instant = |day: jiff::civil::Date, time| {
            zone.to_timestamp(day.to_datetime(time)).unwrap_or(Timestamp::MAX)
        };
        let (opens, closes) = (instant(day, from), instant(day, to));
        if candidate.start() >= opens && candidate.end() <= closes {
            None
        } else if candidate.start() < opens {
            Some(opens)
        } else {
            Some(day.tomorrow().map_or(Timestamp::MAX, |day| instant(day, from)))
        }
    }

    /// The first days without a shift.
    fn days(
        &self,
        first: jiff::civil::Date,
        end: jiff::civil::Date,
        after: Timestamp,
        limit: Timestamp,
    ) -> Option<EventSpan> {
        let length = first.until(end).ok()?;
        let mut first = self.rules.zone.to_datetime(after).date();
        for _ in 0..FREE_TIME_STEPS_MAX {
            first = first.tomorrow().ok()?;
            let span = EventSpan::AllDay { first, end: first.checked_add(length).ok()? };
            let candidate = instants(&span, &self.rules.zone)?;
            if candidate.end() > limit {
                return None;
            }
            if !self.shifts.iter().any(|it| it.overlaps(&candidate)) {
                return Some(span);
            }
            if self.rules.move_to == MoveTo::AfterShift {
                return None;
            }
        }
        None
    }
}
