//! How many people of a group work, and when. Pure.
//!
//! Time is cut where the number changes; what is left are stretches with a start of their own, by
//! which they are known from one count to the next. See `docs/adr/0019`.

use std::collections::BTreeMap;

use domain::{EmployeeId, ScheduleGroupId, UtcInterval};
use jiff::Timestamp;

/// A stretch in which the same number of people work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// When.
    pub interval: UtcInterval,
    /// How many; at least one.
    pub people: u32,
}

/// Who works when, by group.
#[derive(Debug, Default)]
pub struct Tally {
    work: BTreeMap<ScheduleGroupId, Vec<(EmployeeId, Timestamp, Timestamp)>>,
}

impl Tally {
    /// Adds a shift.
    pub fn add(&mut self, group: &ScheduleGroupId, employee: &EmployeeId, interval: &UtcInterval) {
        let whole = interval.to_whole_seconds();
        let work = (employee.clone(), whole.start(), whole.end());
        match self.work.get_mut(group) {
            Some(all) => all.push(work),
            None => drop(self.work.insert(group.clone(), vec![work])),
        }
    }

    /// The stretches that begin inside `window`, by group and in order. One that begins with it or
    /// before is left out: of what was over by then, not everything was added.
    #[must_use]
    pub fn counts(self, window: &UtcInterval) -> BTreeMap<ScheduleGroupId, Vec<Counted>> {
        let counts = self.work.into_iter().map(|(group, work)| {
            let mut stretches = stretches(work);
            stretches.retain(|it| {
                it.interval.start() > window.start() && it.interval.start() < window.end()
            });
            (group, stretches)
        });
        counts.collect()
    }
}

fn stretches(mut work: Vec<(EmployeeId, Timestamp, Timestamp)>) -> Vec<Counted> {
    work.sort_unstable();
    // Somebody with two shifts at once is still one.
    let mut changes: Vec<(Timestamp, i32)> = Vec::with_capacity(work.len() * 2);
    let mut open: Option<(EmployeeId, Timestamp, Timestamp)> = None;
    for (employee, from, to) in work {
        match &mut open {
            Some((who, _, until)) if *who == employee && from <= *until => {
                *until = to.max(*until);
            }
            Some(_) | None => {
                let before = open.replace((employee, from, to));
                changes.extend(before.into_iter().flat_map(|it| [(it.1, 1), (it.2, -1)]));
            }
        }
    }
    changes.extend(open.into_iter().flat_map(|it| [(it.1, 1), (it.2, -1)]));
    changes.sort_unstable();
    let (mut counted, mut people, mut since) = (Vec::new(), 0_i32, None::<Timestamp>);
    for at_once in changes.chunk_by(|a, b| a.0 == b.0) {
        let change: i32 = at_once.iter().map(|it| it.1).sum();
        let Some((at, _)) = at_once.first().filter(|_| change != 0) else { continue };
        if let (Some(from), Ok(people @ 1..)) = (since, u32::try_from(people))
            && let Ok(interval) = UtcInterval::new(from, *at)
        {
            counted.push(Counted { interval, people });
        }
        people += change;
        since = Some(*at);
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    fn check(window: (i64, i64), work: &[(&str, i64, i64)], expected: &[(i64, i64, u32)]) {
        let group = ScheduleGroupId::new("g").unwrap();
        let mut tally = Tally::default();
        for (who, from, to) in work {
            let interval = UtcInterval::new(at(*from), at(*to)).unwrap();
            tally.add(&group, &EmployeeId::new(who).unwrap(), &interval);
        }
        let window = UtcInterval::new(at(window.0), at(window.1)).unwrap();
        let found: Vec<_> = tally.counts(&window).remove(&group).unwrap_or_default();
        let hours = |it: Timestamp| it.as_second() / 3600;
        let found: Vec<_> = found
            .iter()
            .map(|it| (hours(it.interval.start()), hours(it.interval.end()), it.people))
            .collect();
        assert_eq!(found, expected, "{work:?}");
    }

    #[test]
    fn time_is_cut_where_the_number_changes_and_nowhere_else() {
        let always = (0, 100);
        check(always, &[], &[]);
        check(always, &[("a", 6, 14), ("b", 10, 18)], &[(6, 10, 1), (10, 14, 2), (14, 18, 1)]);
        // A handover changes nothing.
        check(always, &[("a", 6, 14), ("b", 14, 22)], &[(6, 22, 1)]);
        // Nobody is counted twice, and nobody between two shifts.
        check(always, &[("a", 6, 14), ("a", 8, 16), ("a", 20, 22)], &[(6, 16, 1), (20, 22, 1)]);
        check((6, 14), &[("a", 6, 14), ("b", 10, 18)], &[(10, 14, 2)]);
    }
}
