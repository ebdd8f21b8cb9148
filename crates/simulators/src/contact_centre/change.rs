//! What happens next in a contact centre: a swap, a moved shift, somebody falls ill.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::chance::Chance;
use super::day::activities;
use super::{Absence, AbsenceSpan, ContactCentre, Hours, OpenShift, REST_MIN, Shift};

/// Shifts that are tried before a change is given up for another kind.
const TRIES: usize = 40;

/// Makes one kind of change to one of the shifts given, if it can.
type Kind = fn(&mut ContactCentre, &[usize], &mut Chance, u64) -> Option<Change>;

/// One change of the schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Two employees took each other's shift.
    Swapped {
        /// One shift's id.
        one: String,
        /// The other's.
        other: String,
    },
    /// A shift is earlier or later than before.
    Moved {
        /// Its id.
        shift: String,
        /// By how many minutes; negative is earlier.
        minutes: i64,
    },
    /// Somebody is ill: their shift is open now.
    Sick {
        /// The employee's id.
        employee: String,
        /// On which day.
        day: Date,
        /// The id of the shift that is gone.
        shift: String,
    },
    /// Nothing could be changed from that day on.
    Nothing,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Swapped { one, other } => write!(f, "shifts {one} and {other} were swapped"),
            Self::Moved { shift, minutes } => write!(f, "shift {shift} moved by {minutes} minutes"),
            Self::Sick { employee, day, shift } => {
                write!(f, "{employee} is ill on {day}: shift {shift} is open")
            }
            Self::Nothing => f.write_str("nothing changed"),
        }
    }
}

impl ContactCentre {
    /// The schedule after one more change, and what it was. Pure: `seed` and `n` decide. Only
    /// shifts that start on `from` or later are touched.
    #[must_use]
    pub fn next_change(&self, seed: u64, n: u64, from: Date) -> (Self, Change) {
        let mut chance = Chance::of(&[seed, 0xc4a6, n]);
        let mut next = self.clone();
        let coming: Vec<usize> = (0..self.shifts.len())
            .filter(|index| self.shifts[*index].hours.from.date() >= from)
            .collect();
        if coming.is_empty() {
            return (next, Change::Nothing);
        }
        let kinds: [Kind; 3] = [ContactCentre::swap, ContactCentre::shove, ContactCentre::sick];
        let first = chance.below(10) % 3;
        for turn in 0..3 {
            let kind = kinds[(first + turn) % 3];
            if let Some(change) = kind(&mut next, &coming, &mut chance, n) {
                return (next, change);
            }
        }
        (next, Change::Nothing)
    }

    fn swap(&mut self, coming: &[usize], chance: &mut Chance, _: u64) -> Option<Change> {
        for _ in 0..TRIES {
            let one = coming[chance.below(coming.len())];
            let partners: Vec<usize> = coming
                .iter()
                .copied()
                .filter(|other| {
                    let (a, b) = (&self.shifts[one], &self.shifts[*other]);
                    let near = a.hours.from.date() == b.hours.from.date();
                    near && a.group == b.group && a.employee != b.employee && a.label != b.label
                })
                .collect();
            if partners.is_empty() {
                continue;
            }
            let other = partners[chance.below(partners.len())];
            let (a, b) = (self.shifts[one].clone(), self.shifts[other].clone());
            let fits = |taker: &Shift, given: &Shift| {
                self.can_work(&taker.employee, &given.hours, &[&a.id, &b.id])
            };
            if fits(&a, &b) && fits(&b, &a) {
                self.shifts[one].employee = b.employee;
                self.shifts[other].employee = a.employee;
                self.sort();
                return Some(Change::Swapped { one: a.id, other: b.id });
            }
        }
        None
    }

    fn shove(&mut self, coming: &[usize], chance: &mut Chance, _: u64) -> Option<Change> {
        for _ in 0..TRIES {
            let index = coming[chance.below(coming.len())];
            let minutes = chance.pick([-60, -30, 30, 60]);
            let shift = &self.shifts[index];
            let by = SignedDuration::from_mins(minutes);
            let moved = |local: jiff::civil::DateTime| local.checked_add(by).ok();
            let (from, to) = (moved(shift.hours.from)?, moved(shift.hours.to)?);
            let hours = Hours::new(from, to, &self.zone)?;
            let same_day = from.date() == shift.hours.from.date();
            if same_day && self.can_work(&shift.employee, &hours, &[&shift.id]) {
                let shift = &mut self.shifts[index];
                shift.activities = activities(&shift.id, shift.group, &hours);
                shift.hours = hours;
                return Some(Change::Moved { shift: shift.id.clone(), minutes });
            }
        }
        None
    }

    fn sick(&mut self, coming: &[usize], chance: &mut Chance, n: u64) -> Option<Change> {
        let index = (0..TRIES).map(|_| coming[chance.below(coming.len())]);
        let index = index.into_iter().find(|index| self.is_alone_on_its_day(*index))?;
        let shift = self.shifts.remove(index);
        let day = shift.hours.from.date();
        self.absences.push(Absence {
            id: format!("A-{}", shift.id),
            employee: shift.employee.clone(),
            reason: "Sick leave",
            span: AbsenceSpan::Days(day, day),
        });
        let id = format!("O-{}-{n}", shift.id);
        self.open_shifts.push(OpenShift {
            activities: activities(&id, shift.group, &shift.hours),
            id,
            group: shift.group,
            label: shift.label,
            hours: shift.hours,
            open_slots: 1,
        });
        Some(Change::Sick { employee: shift.employee, day, shift: shift.id })
    }

    /// Whether nothing else of the same employee is on the day of a shift: neither the end of
    /// another nor an absence.
    fn is_alone_on_its_day(&self, index: usize) -> bool {
        let shift = &self.shifts[index];
        let day = shift.hours.from.date();
        let whole = AbsenceSpan::Days(day, day);
        let shifts = self.shifts.iter().filter(|it| it.employee == shift.employee);
        let mut others = shifts.filter(|it| it.id != shift.id);
        let absences = self.absences.iter().filter(|it| it.employee == shift.employee);
        others.all(|it| whole.leaves(&it.hours))
            && absences.map(|it| &it.span).all(|span| match span {
                AbsenceSpan::Days(first, last) => day < *first || day > *last,
                AbsenceSpan::Hours(hours) => whole.leaves(hours),
            })
    }

    /// Whether an employee is free and rested, shifts in `without` left aside.
    fn can_work(&self, employee: &str, hours: &Hours, without: &[&String]) -> bool {
        let others = self
            .shifts
            .iter()
            .filter(|shift| shift.employee == employee && !without.contains(&&shift.id));
        let mut absences = self.absences.iter().filter(|it| it.employee == employee);
        let rested = others.clone().all(|shift| shift.hours.is_apart(hours, REST_MIN));
        rested && absences.all(|absence| absence.span.leaves(hours))
    }

    fn sort(&mut self) {
        self.shifts.sort_by(|a, b| (&a.employee, a.hours.start).cmp(&(&b.employee, b.hours.start)));
    }
}
