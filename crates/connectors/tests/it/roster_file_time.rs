//! Local times of a roster file over every zone and every change of clocks: promise 7.

use domain::time::{FoldPolicy, LocalTimePolicy, Resolution, resolve};
use domain::{Entity, TimeOffSpan};
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::roster_file::{entities, run, shifts, source, window};

const COLUMNS: &str = r#"columns = { employee = "who", type = "type", date = "day", start = "from",
    end = "to", end_date = "until", time_zone = "zone" }"#;
const HEADER: &str = "who,type,day,from,to,until,zone\n";

/// Reads rows as the provider does, from a file.
fn read(more: &str, rows: &str) -> engine::port::Reading {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), format!("{HEADER}{rows}")).unwrap();
    let keys = format!("path = \"a.csv\", {more} {COLUMNS}");
    let source = source(folder.path(), Timestamp::UNIX_EPOCH, &keys);
    run(source.read(&window("1900-01-01", "2200-01-01"), None)).unwrap()
}

fn check_night(zone: &str, day: &str, expected: &str, hours: u64) {
    let reading = read("", &format!("Ana,,{day},22:00,06:00,,{zone}\n"));
    let shift = shifts(&reading)[0];
    assert_eq!(shift.interval.to_string(), expected, "{zone} {day}");
    assert_eq!(shift.interval.duration().as_secs(), hours * 3600);
    assert_eq!(shift.day.to_string(), day);
}

#[test]
fn a_night_over_each_change_of_clocks_keeps_its_instants() {
    let berlin = "Europe/Berlin";
    check_night(berlin, "2026-10-24", "2026-10-24T20:00:00Z/2026-10-25T05:00:00Z", 9);
    check_night(berlin, "2027-03-27", "2027-03-27T21:00:00Z/2027-03-28T04:00:00Z", 7);
    let york = "America/New_York";
    check_night(york, "2026-10-31", "2026-11-01T02:00:00Z/2026-11-01T11:00:00Z", 9);
    check_night(york, "2027-03-13", "2027-03-14T03:00:00Z/2027-03-14T10:00:00Z", 7);
    // Mexico abolished summer time: its last change was on 2022-10-30.
    let mexico = "America/Mexico_City";
    check_night(mexico, "2022-10-29", "2022-10-30T03:00:00Z/2022-10-30T12:00:00Z", 9);
    check_night(mexico, "2023-04-01", "2023-04-02T04:00:00Z/2023-04-02T12:00:00Z", 8);
    check_night(mexico, "2026-10-24", "2026-10-25T04:00:00Z/2026-10-25T12:00:00Z", 8);
}

#[test]
fn a_night_on_lord_howe_gains_and_loses_half_an_hour() {
    let night = |day: &str| {
        let row = format!("Ana,,{day},22:00,06:00,,Australia/Lord_Howe\n");
        shifts(&read("", &row))[0].interval
    };
    let (spring, autumn) = (night("2026-10-03"), night("2027-04-03"));
    assert_eq!(spring.to_string(), "2026-10-03T11:30:00Z/2026-10-03T19:00:00Z");
    assert_eq!(autumn.to_string(), "2027-04-03T11:00:00Z/2027-04-03T19:30:00Z");
}

fn zones() -> Vec<String> {
    jiff::tz::db().available().map(|name| name.to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn in_every_zone_local_times_written_for_an_instant_read_back_as_it(
        index in 0usize..600, second in 946_684_800i64..2_500_000_000, minutes in 1i64..2880,
        later: bool,
    ) {
        let names = zones();
        let name = &names[index % names.len()];
        let zone = TimeZone::get(name).unwrap();
        let start = Timestamp::from_second(second).unwrap();
        let end = Timestamp::from_second(second + minutes * 60).unwrap();
        let (from, to) = (zone.to_datetime(start), zone.to_datetime(end));
        // Of an hour that clocks show twice, the file can only mean the one that policy says.
        let fold = if later { FoldPolicy::Later } else { FoldPolicy::Earlier };
        let policy = LocalTimePolicy { fold, ..LocalTimePolicy::default() };
        let same = |local, instant| resolve(local, &zone, policy).unwrap().0 == instant;
        prop_assume!(same(from, start) && same(to, end));
        let (day, until) = (from.date(), to.date());
        let row = format!("Ana,,{day},{},{},{until},{name}\n", from.time(), to.time());
        let more = if later { "dst_fold = \"later\"," } else { "" };
        let reading = read(more, &row);
        let shift = shifts(&reading)[0];
        prop_assert_eq!((shift.interval.start(), shift.interval.end()), (start, end));
        prop_assert_eq!(shift.day, from.date());
        let folds = [from, to].into_iter().any(|local| {
            resolve(local, &zone, policy).unwrap().1 != Resolution::Unambiguous
        });
        prop_assert_eq!(!reading.notes.is_empty(), folds);
    }

    #[test]
    fn in_every_zone_an_absence_keeps_its_local_days(
        index in 0usize..600, day in 0i32..25_000, days in 1i32..40,
    ) {
        let names = zones();
        let name = &names[index % names.len()];
        let first = date(2000, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
        let last = first.checked_add(jiff::Span::new().days(days - 1)).unwrap();
        let until = if days == 1 { String::new() } else { last.to_string() };
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{HEADER}Ana,time_off,{first},,,{until},{name}\n");
        std::fs::write(folder.path().join("a.csv"), text).unwrap();
        let keys = format!("path = \"a.csv\", {COLUMNS}");
        let source = source(folder.path(), Timestamp::UNIX_EPOCH, &keys);
        // Samoa had no 2011-12-30: an absence on that day alone is refused, not moved.
        let Ok(reading) = run(source.read(&window("1900-01-01", "2200-01-01"), None)) else {
            prop_assert_eq!(first, date(2011, 12, 30));
            return Ok(());
        };
        let Entity::TimeOff(time_off) = &entities(&reading)[0].entity else {
            return Err(TestCaseError::fail("expected time off"));
        };
        let TimeOffSpan::AllDay { first: from, end, zone } = &time_off.span else {
            return Err(TestCaseError::fail("expected whole days"));
        };
        prop_assert_eq!((*from, end.yesterday().unwrap()), (first, last));
        prop_assert_eq!(TimeZone::get(zone).unwrap(), TimeZone::get(name).unwrap());
    }

    #[test]
    fn whatever_is_in_a_file_it_is_read_or_refused(
        pieces in proptest::collection::vec(prop_oneof![
            Just("Ana".to_owned()), Just("2026-10-25".to_owned()), Just("02:30".to_owned()),
            Just("24:00".to_owned()), Just("time_off".to_owned()), Just("activity".to_owned()),
            Just("Europe/Berlin".to_owned()), Just("9999-12-31".to_owned()),
            Just("-009999-01-01".to_owned()), Just("\n".to_owned()), Just(",".to_owned()),
            Just("\"".to_owned()), ".{0,6}",
        ], 0..80),
        skip: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let rows = pieces.join(if skip { "," } else { "" });
        std::fs::write(folder.path().join("a.csv"), format!("{HEADER}{rows}")).unwrap();
        let more = if skip { "on_bad_row = \"skip\"," } else { "" };
        let keys = format!("path = \"a.csv\", time_zone = \"Europe/Berlin\", {more} {COLUMNS}");
        let source = source(folder.path(), Timestamp::UNIX_EPOCH, &keys);
        let reading = run(source.read(&window("1900-01-01", "2200-01-01"), None));
        prop_assert!(!skip || reading.is_ok());
    }
}
