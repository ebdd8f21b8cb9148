//! Nights and absences over clock changes, from the file to the calendar.

use crate::events::events;
use crate::world::{COLUMNS, World};

const HEADER: &str = "id,type,employee,work,date,start,end,end_date,zone\n";

fn world(rows: &str) -> World {
    let world = World::new();
    let columns = concat!(
        r#"id = "id", type = "type", employee = "employee", activity = "work", date = "date", "#,
        r#"start = "start", end = "end", end_date = "end_date", time_zone = "zone""#
    );
    world.edit(COLUMNS, columns);
    world.roster(&format!("{HEADER}{rows}"));
    world
}

/// A night from 22:00 to 06:00 that starts on `day` in `zone`, and its instants.
#[track_caller]
fn check_night(zone: &str, day: &str, start: &str, end: &str) {
    let world = world(&format!("s1,shift,anna,Night,{day},22:00,06:00,,{zone}\n"));
    world.sync(0);
    let (_, _, from, to) = events(world.server(), &["anna"])[0].clone();
    assert_eq!((from.as_str(), to.as_str()), (start, end), "{zone} {day}");
}

#[test]
fn nights_keep_their_instants() {
    // Nine hours, seven hours: Europe.
    check_night("Europe/Berlin", "2026-10-24", "20261024T200000Z", "20261025T050000Z");
    check_night("Europe/Berlin", "2027-03-27", "20270327T210000Z", "20270328T040000Z");
    // A week later: America.
    check_night("America/New_York", "2026-10-31", "20261101T020000Z", "20261101T110000Z");
    check_night("America/New_York", "2027-03-13", "20270314T030000Z", "20270314T100000Z");
    // Half an hour: Lord Howe.
    check_night("Australia/Lord_Howe", "2027-04-03", "20270403T110000Z", "20270403T193000Z");
    check_night("Australia/Lord_Howe", "2026-10-03", "20261003T113000Z", "20261003T190000Z");
    // No change any more: Mexico abolished it in 2022.
    check_night("America/Mexico_City", "2027-04-03", "20270404T040000Z", "20270404T120000Z");
}

#[test]
fn all_day_absences_keep_their_day() {
    let zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"];
    let days = ["2026-10-25", "2027-03-28", "2026-11-01", "2027-03-14"];
    let mut rows = String::new();
    for (zone_index, zone) in zones.iter().enumerate() {
        for day in days {
            rows.push_str(&format!(
                "t{zone_index}{day},time_off,e{zone_index},,{day},,,{day},{zone}\n"
            ));
        }
    }
    let world = world(&rows);
    world.sync(0);
    for (index, zone) in zones.iter().enumerate() {
        let found = events(world.server(), &[&format!("e{index}")]);
        let mut found: Vec<(String, String)> =
            found.into_iter().map(|(_, _, first, end)| (first, end)).collect();
        found.sort();
        let day = |first: &str, end: &str| (first.to_owned(), end.to_owned());
        let expected = [
            day("20261025", "20261026"),
            day("20261101", "20261102"),
            day("20270314", "20270315"),
            day("20270328", "20270329"),
        ];
        assert_eq!(found, expected, "{zone}");
    }
}

#[test]
fn decided_gaps_and_folds_are_told() {
    let world = world(
        "s1,shift,anna,Night,2027-03-28,02:30,10:00,,Europe/Berlin\n\
         s2,shift,bert,Night,2026-10-25,02:30,10:00,,Europe/Berlin\n",
    );
    let run = world.run(&["sync"]).exits(0);
    run.says("note: roster.csv:2: ").says("note: roster.csv:3: ");
    assert_eq!(events(world.server(), &["anna"])[0].2, "20270328T013000Z");
    assert_eq!(events(world.server(), &["bert"])[0].2, "20261025T003000Z");
}
