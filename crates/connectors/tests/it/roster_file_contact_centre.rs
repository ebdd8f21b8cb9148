//! The generated contact centre, read through the connector as `demo` reads it.

use connectors::employees_file;
use domain::{Entity, TimeOffSpan};
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use simulators::contact_centre::{AbsenceSpan, COLUMNS, ContactCentre, Spec, generate};

use crate::roster_file::{entities, run, shifts, source, window};

fn centre(zone: &str) -> ContactCentre {
    generate(&Spec {
        seed: 11,
        employees: 50,
        weeks: 10,
        first_monday: date(2026, 9, 28),
        zone: TimeZone::get(zone).unwrap(),
    })
}

/// Everything that the centre plans is in the reading, and nothing else; no row is bad.
fn check(centre: &ContactCentre, zone: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("roster.csv"), centre.roster_csv()).unwrap();
    let keys = format!("path = \"roster.csv\", time_zone = \"{zone}\", columns = {COLUMNS}");
    let source = source(folder.path(), Timestamp::UNIX_EPOCH, &keys);
    let reading = run(source.read(&window("2026-01-01", "2028-01-01"), None)).unwrap();
    assert_eq!((reading.notes.len(), reading.skipped.len()), (0, 0));

    let read: Vec<_> = shifts(&reading)
        .into_iter()
        .map(|it| {
            let parts = it.activities.iter();
            let parts: Vec<_> = parts
                .map(|part| {
                    (part.label.clone(), part.interval.start(), part.interval.end(), part.paid)
                })
                .collect();
            let (start, end) = (it.interval.start(), it.interval.end());
            (it.id.to_string(), it.employee.to_string(), start, end, parts)
        })
        .collect();
    let planned: Vec<_> = centre
        .shifts
        .iter()
        .map(|it| {
            let parts = it.activities.iter();
            let parts: Vec<_> = parts
                .map(|part| (part.label.to_owned(), part.start, part.end, part.paid))
                .collect();
            (it.id.clone(), it.employee.clone(), it.hours.start, it.hours.end, parts)
        })
        .collect();
    assert_eq!(read, planned);

    let (mut open, mut days, mut hours) = (0, 0, 0);
    for it in entities(&reading) {
        match &it.entity {
            Entity::OpenShift(_) => open += 1,
            Entity::TimeOff(it) => match it.span {
                TimeOffSpan::AllDay { .. } => days += 1,
                TimeOffSpan::Timed(_) => hours += 1,
            },
            _ => {}
        }
    }
    let whole_days = |it: &&_| matches!(it, AbsenceSpan::Days(..));
    let spans = centre.absences.iter().map(|it| &it.span);
    assert_eq!(open, centre.open_shifts.len());
    assert_eq!(days, spans.clone().filter(whole_days).count());
    assert_eq!(hours, spans.count() - days);
}

#[test]
fn the_generated_roster_is_read_without_a_bad_row_in_any_zone() {
    for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"] {
        check(&centre(zone), zone);
    }
}

#[test]
fn the_generated_roster_is_still_read_whole_after_many_changes() {
    let mut centre = centre("Europe/Berlin");
    for n in 0..150 {
        (centre, _) = centre.next_change(11, n, date(2026, 10, 12));
    }
    check(&centre, "Europe/Berlin");
}

#[test]
fn the_generated_employees_are_read_by_the_employees_file() {
    let centre = centre("Europe/Berlin");
    let employees = employees_file::read("employees.csv", centre.employees_csv()).unwrap();
    assert_eq!(employees.len(), 50);
    assert!(employees.iter().all(|it| it.email.is_some() && it.group.is_some()));
}
