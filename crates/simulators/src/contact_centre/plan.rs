//! The first plan: who works when, employee by employee and week by week.

use jiff::civil::{Date, Time, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};

use super::chance::Chance;
use super::day::activities;
use super::names::Names;
use super::{
    Absence, AbsenceSpan, ContactCentre, Employee, Hours, OpenShift, REST_MIN, Shift, Spec,
};

/// Groups, in the proportion in which people belong to them.
const GROUPS: [&str; 10] = [
    "Support DE",
    "Sales EN",
    "Support EN",
    "Back office",
    "Support DE",
    "Support EN",
    "Sales EN",
    "Support DE",
    "Back office",
    "Support EN",
];

/// Employees for whom one shift per week is left open.
const EMPLOYEES_PER_OPEN_SHIFT: usize = 12;

/// A kind of shift; no start or end lies where clocks are changed anywhere.
#[derive(Debug, Clone, Copy)]
struct Pattern {
    label: &'static str,
    from: Time,
    to: Time,
}

const EARLY: Pattern = pattern("Early", time(6, 0, 0, 0), time(14, 30, 0, 0));
const DAY: Pattern = pattern("Day", time(9, 0, 0, 0), time(17, 30, 0, 0));
const LATE: Pattern = pattern("Late", time(13, 30, 0, 0), time(22, 0, 0, 0));
const NIGHT: Pattern = pattern("Night", time(22, 0, 0, 0), time(6, 0, 0, 0));
const OFFICE: Pattern = pattern("Office", time(8, 0, 0, 0), time(16, 30, 0, 0));
const SHORT: Pattern = pattern("Short", time(9, 0, 0, 0), time(14, 0, 0, 0));

const fn pattern(label: &'static str, from: Time, to: Time) -> Pattern {
    Pattern { label, from, to }
}

impl Pattern {
    fn on(self, day: Date, zone: &TimeZone) -> Option<Hours> {
        let end_day = if self.to > self.from { day } else { day.tomorrow().ok()? };
        Hours::new(day.to_datetime(self.from), end_day.to_datetime(self.to), zone)
    }
}

/// How somebody works.
#[derive(Debug, Clone, Copy)]
struct Contract {
    days_per_week: usize,
    short: bool,
    nights: bool,
    /// Where in the rotation they are.
    turn: usize,
}

struct Planner<'s> {
    spec: &'s Spec,
    monday: Date,
    centre: ContactCentre,
}

pub(super) fn plan(spec: &Spec) -> ContactCentre {
    let days = spec.first_monday.weekday().to_monday_zero_offset();
    let monday = spec.first_monday.saturating_sub(Span::new().days(days));
    let mut planner = Planner {
        spec,
        monday,
        centre: ContactCentre {
            zone: spec.zone.clone(),
            employees: Vec::new(),
            shifts: Vec::new(),
            open_shifts: Vec::new(),
            absences: Vec::new(),
        },
    };
    let mut names = Names::default();
    for number in 0..spec.employees {
        planner.employee(number, &mut names);
    }
    for week in 0..spec.weeks {
        planner.open_shifts(week);
    }
    planner.centre
}

impl Planner<'_> {
    fn employee(&mut self, number: usize, names: &mut Names) {
        let mut chance = Chance::of(&[self.spec.seed, number as u64]);
        let (name, email) = names.invent(&mut chance);
        let employee = Employee {
            id: format!("E{:04}", number + 1),
            name,
            email,
            group: GROUPS[number % GROUPS.len()],
        };
        let part_time = chance.percent(25);
        let contract = Contract {
            days_per_week: if part_time { chance.pick([3, 4]) } else { 5 },
            short: part_time && chance.percent(50),
            nights: !part_time && employee.group.starts_with("Support") && chance.percent(15),
            turn: chance.below(21),
        };
        for week in 0..self.spec.weeks {
            self.week(&employee, contract, week, &mut chance);
        }
        self.centre.employees.push(employee);
    }

    fn week(&mut self, employee: &Employee, contract: Contract, week: usize, chance: &mut Chance) {
        if chance.percent(4) {
            let (first, last) = (self.day(week, 0), self.day(week, 6));
            self.absent(employee, "Annual leave", AbsenceSpan::Days(first, last));
            return;
        }
        let mut days = working_days(employee, contract, week);
        if chance.percent(3) && !days.is_empty() {
            let first = days[chance.below(days.len())];
            let last = (first + chance.below(3)).min(6);
            days.retain(|day| !(first..=last).contains(day));
            let span = AbsenceSpan::Days(self.day(week, first), self.day(week, last));
            self.absent(employee, "Sick leave", span);
        }
        let appointment = chance.percent(6).then(|| chance.below(7));
        let usual = usual(employee, contract, week);
        for day in days {
            let date = self.day(week, day);
            let Some((pattern, hours)) = self.rested(employee, usual, date) else {
                continue;
            };
            let hours = match appointment {
                Some(on) if on == day && pattern.label != "Night" => {
                    self.appointment(employee, hours)
                }
                Some(_) | None => hours,
            };
            self.shift(employee, pattern, date, hours, chance);
        }
    }

    /// The usual pattern, or the day shift when the last one ended too late for it; or no work.
    fn rested(&self, employee: &Employee, usual: Pattern, date: Date) -> Option<(Pattern, Hours)> {
        let last = self.centre.shifts.last().filter(|last| last.employee == employee.id);
        // Employees are planned one after the other, so theirs are at the end.
        let absences = self.centre.absences.iter().rev();
        let mut absences = absences.take_while(|absence| absence.employee == employee.id);
        let (pattern, hours) = [usual, DAY].into_iter().find_map(|pattern| {
            let hours = pattern.on(date, &self.spec.zone)?;
            let rested = last.is_none_or(|last| last.hours.is_apart(&hours, REST_MIN));
            rested.then_some((pattern, hours))
        })?;
        absences.all(|absence| absence.span.leaves(&hours)).then_some((pattern, hours))
    }

    /// Two hours off at the beginning of a shift, which starts later then.
    fn appointment(&mut self, employee: &Employee, hours: Hours) -> Hours {
        let two_hours = SignedDuration::from_hours(2);
        let later = hours.from.saturating_add(two_hours);
        let zone = &self.spec.zone;
        let parts = Hours::new(hours.from, later, zone).zip(Hours::new(later, hours.to, zone));
        match parts {
            Some((absent, rest)) => {
                self.absent(employee, "Medical appointment", AbsenceSpan::Hours(absent));
                rest
            }
            None => hours,
        }
    }

    fn shift(
        &mut self,
        employee: &Employee,
        pattern: Pattern,
        date: Date,
        hours: Hours,
        chance: &mut Chance,
    ) {
        let id = format!("S-{}-{}", employee.id, date.strftime("%Y%m%d"));
        let notes = match chance.below(40) {
            0 => Some("Bring your headset, desk 2.14"),
            1 => Some("New starter sits with you: please explain \"wrap-up\""),
            _ => None,
        };
        self.centre.shifts.push(Shift {
            activities: activities(&id, employee.group, &hours),
            id,
            employee: employee.id.clone(),
            group: employee.group,
            label: pattern.label,
            hours,
            notes,
        });
    }

    /// Grants an absence; the night before it is not worked.
    fn absent(&mut self, employee: &Employee, reason: &'static str, span: AbsenceSpan) {
        let shifts = &mut self.centre.shifts;
        shifts.pop_if(|last| last.employee == employee.id && !span.leaves(&last.hours));
        self.centre.absences.push(Absence {
            id: format!("A-{:05}", self.centre.absences.len() + 1),
            employee: employee.id.clone(),
            reason,
            span,
        });
    }

    fn open_shifts(&mut self, week: usize) {
        let mut chance = Chance::of(&[self.spec.seed, 0x09e7, week as u64]);
        for number in 0..self.spec.employees.div_ceil(EMPLOYEES_PER_OPEN_SHIFT) {
            let group = chance.pick(["Support DE", "Support EN", "Sales EN"]);
            let pattern = chance.pick([EARLY, DAY, LATE]);
            let date = self.day(week, chance.below(7));
            let Some(hours) = pattern.on(date, &self.spec.zone) else {
                continue;
            };
            let id = format!("O-{:02}-{:03}", week + 1, number + 1);
            self.centre.open_shifts.push(OpenShift {
                activities: activities(&id, group, &hours),
                id,
                group,
                label: pattern.label,
                hours,
                open_slots: chance.pick([1, 1, 2, 3]),
            });
        }
    }

    fn day(&self, week: usize, day: usize) -> Date {
        let days = i64::try_from(week * 7 + day).unwrap_or(i64::MAX);
        self.monday.saturating_add(
            SignedDuration::from_hours(24).saturating_mul(i32::try_from(days).unwrap_or(i32::MAX)),
        )
    }
}

/// Days of the week, from 0 for Monday, on which somebody works; consecutive days off move on by
/// one from week to week.
fn working_days(employee: &Employee, contract: Contract, week: usize) -> Vec<usize> {
    if employee.group == "Back office" {
        return (0..5).take(contract.days_per_week).collect();
    }
    let on = if contract.nights { 4 } else { contract.days_per_week };
    let first_off = (contract.turn + week) % 7;
    let off: Vec<usize> = (0..7 - on).map(|day| (first_off + day) % 7).collect();
    (0..7).filter(|day| !off.contains(day)).collect()
}

fn usual(employee: &Employee, contract: Contract, week: usize) -> Pattern {
    if contract.nights {
        NIGHT
    } else if contract.short {
        SHORT
    } else if employee.group == "Back office" {
        OFFICE
    } else {
        [EARLY, DAY, LATE][(contract.turn + week) % 3]
    }
}
