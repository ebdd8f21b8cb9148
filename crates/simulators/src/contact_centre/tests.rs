//! The same seed gives the same bytes; nobody is at two places, tired, or over-booked.

use std::collections::BTreeMap;

use jiff::civil::date;

use super::*;

fn spec(seed: u64, zone: &str) -> Spec {
    Spec {
        seed,
        employees: 60,
        weeks: 6,
        first_monday: date(2026, 10, 5),
        zone: TimeZone::get(zone).unwrap(),
    }
}

fn by_employee(centre: &ContactCentre) -> BTreeMap<&str, Vec<&Shift>> {
    let mut all: BTreeMap<&str, Vec<&Shift>> = BTreeMap::new();
    for shift in &centre.shifts {
        all.entry(&shift.employee).or_default().push(shift);
    }
    for shifts in all.values_mut() {
        shifts.sort_by_key(|shift| shift.hours.start);
    }
    all
}

/// What must hold of every schedule, also after changes.
fn check(centre: &ContactCentre) {
    for (employee, shifts) in by_employee(centre) {
        for pair in shifts.windows(2) {
            let rest = pair[1].hours.start.duration_since(pair[0].hours.end);
            assert!(rest >= REST_MIN, "{employee} rests {rest} before {}", pair[1].id);
        }
        let mut weeks: BTreeMap<(i16, i8), usize> = BTreeMap::new();
        for shift in &shifts {
            let week = shift.hours.from.date().iso_week_date();
            *weeks.entry((week.year(), week.week())).or_default() += 1;
        }
        assert!(weeks.values().all(|days| *days <= 5), "{employee}: {weeks:?}");
        for absence in centre.absences.iter().filter(|it| it.employee == employee) {
            for shift in &shifts {
                assert!(absence.span.leaves(&shift.hours), "{} and {}", absence.id, shift.id);
            }
        }
    }
    for shift in &centre.shifts {
        let Shift { hours, activities, .. } = shift;
        assert!(hours.start < hours.end, "{}", shift.id);
        let mut at = hours.start;
        for activity in activities {
            assert_eq!(activity.start, at, "no gap in {}", shift.id);
            assert!(activity.end > activity.start, "{}", shift.id);
            at = activity.end;
        }
        assert_eq!(at, hours.end);
    }
}

#[test]
fn the_same_seed_gives_the_same_files_and_another_seed_others() {
    let files = |seed| {
        let centre = generate(&spec(seed, "Europe/Berlin"));
        (centre.roster_csv(), centre.employees_csv())
    };
    assert_eq!(files(1), files(1));
    assert_ne!(files(1), files(2));
}

#[test]
fn nobody_is_at_two_places_or_too_tired_or_at_work_while_absent() {
    for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"] {
        for seed in 0..5 {
            check(&generate(&spec(seed, zone)));
        }
    }
}

#[test]
fn it_looks_like_a_contact_centre() {
    let centre = generate(&spec(7, "Europe/Berlin"));
    let labels = |wanted: &str| centre.shifts.iter().filter(|it| it.label == wanted).count();
    for label in ["Early", "Day", "Late", "Night", "Office"] {
        assert!(labels(label) > 20, "{label}: {}", labels(label));
    }
    let reasons = |wanted: &str| centre.absences.iter().any(|it| it.reason == wanted);
    assert!(reasons("Annual leave") && reasons("Sick leave") && reasons("Medical appointment"));
    let per_week = centre.shifts.len() as f64 / (60.0 * 6.0);
    assert!((3.5..5.0).contains(&per_week), "{per_week} shifts a week");
    assert_eq!(centre.open_shifts.len(), 5 * 6);
    let unpaid = |shift: &Shift| shift.activities.iter().filter(|it| !it.paid).count();
    assert!(centre.shifts.iter().any(|shift| unpaid(shift) == 1));
    let mut emails: Vec<&str> = centre.employees.iter().map(|it| it.email.as_str()).collect();
    assert!(emails.iter().all(|it| it.is_ascii() && it.ends_with("@example.com")));
    emails.sort_unstable();
    emails.dedup();
    assert_eq!(emails.len(), 60);
}

#[test]
fn changes_of_every_kind_happen_from_the_day_given_and_keep_the_schedule_possible() {
    let mut centre = generate(&spec(3, "Europe/Berlin"));
    let from = date(2026, 10, 19);
    let (mut swapped, mut moved, mut sick) = (0, 0, 0);
    for n in 0..200 {
        let (next, change) = centre.next_change(3, n, from);
        assert_eq!(centre.next_change(3, n, from), (next.clone(), change.clone()));
        assert_ne!(next, centre, "{change}");
        let early = |it: &&Shift| it.hours.from.date() < from;
        assert!(next.shifts.iter().filter(early).eq(centre.shifts.iter().filter(early)));
        match change {
            Change::Swapped { .. } => swapped += 1,
            Change::Moved { .. } => moved += 1,
            Change::Sick { .. } => sick += 1,
            Change::Nothing => panic!("nothing changed"),
        }
        centre = next;
    }
    assert!(swapped > 20 && moved > 20 && sick > 20, "{swapped} {moved} {sick}");
    check(&centre);
    let (_, change) = centre.next_change(3, 0, date(2030, 1, 1));
    assert_eq!(change, Change::Nothing);
}
