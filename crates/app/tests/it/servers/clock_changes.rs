//! Nights and absences over changes of the clock, from the file to a real server and back through
//! an independent reader: instants are exact, and a day off stays on its day.
//!
//! The instants were worked out by hand from the zones' rules, not by a library.

use super::host::Host;
use super::reader;
use crate::world::{COLUMNS, World};

/// Zone, local day, and the instants of a night from 22:00 to 06:00 that begins on it.
const NIGHTS: [(&str, &str, &str, &str); 10] = [
    // UTC+2 to UTC+1 on 2026-10-25: nine hours; back on 2027-03-28: seven.
    ("Europe/Berlin", "2026-10-24", "20261024T200000Z", "20261025T050000Z"),
    ("Europe/Berlin", "2026-10-25", "20261025T210000Z", "20261026T050000Z"),
    ("Europe/Berlin", "2027-03-27", "20270327T210000Z", "20270328T040000Z"),
    // UTC-4 to UTC-5 on 2026-11-01; back on 2027-03-14.
    ("America/New_York", "2026-10-31", "20261101T020000Z", "20261101T110000Z"),
    ("America/New_York", "2027-03-13", "20270314T030000Z", "20270314T100000Z"),
    // Half an hour: UTC+10:30 to UTC+11 on 2026-10-04; back on 2027-04-04.
    ("Australia/Lord_Howe", "2026-10-03", "20261003T113000Z", "20261003T190000Z"),
    ("Australia/Lord_Howe", "2027-04-03", "20270403T110000Z", "20270403T193000Z"),
    // Abolished in October 2022: UTC-6 all the year. It would have changed on these nights.
    ("America/Mexico_City", "2026-10-24", "20261025T040000Z", "20261025T120000Z"),
    ("America/Mexico_City", "2027-04-03", "20270404T040000Z", "20270404T120000Z"),
    ("America/Mexico_City", "2022-10-29", "20221030T030000Z", "20221030T120000Z"),
];

/// Zone, first and last local day of an absence, and the day after it.
const ABSENCES: [(&str, &str, &str, &str); 7] = [
    ("Europe/Berlin", "2026-10-25", "2026-10-25", "2026-10-26"),
    ("Europe/Berlin", "2027-03-27", "2027-03-29", "2027-03-30"),
    ("America/New_York", "2026-11-01", "2026-11-01", "2026-11-02"),
    ("America/New_York", "2027-03-14", "2027-03-14", "2027-03-15"),
    ("Australia/Lord_Howe", "2026-10-04", "2026-10-04", "2026-10-05"),
    ("Australia/Lord_Howe", "2027-04-03", "2027-04-05", "2027-04-06"),
    ("America/Mexico_City", "2027-04-04", "2027-04-04", "2027-04-05"),
];

#[test]
fn clock_changes_on_radicale() {
    let Some(host) = Host::radicale() else { return };
    check(&host);
}

#[test]
fn clock_changes_on_xandikos() {
    let Some(host) = Host::xandikos() else { return };
    check(&host);
}

fn check(host: &Host) {
    let account = "username = \"rota\"\npassword_file = \"password\"";
    let world = World::at(&host.url(), account);
    world.write("password", testkit::servers::PASSWORD);
    world.edit(
        COLUMNS,
        "type = \"type\", employee = \"employee\", activity = \"work\", date = \"date\", \
         start = \"start\", end = \"end\", end_date = \"end_date\", time_zone = \"zone\"",
    );
    let mut csv = String::from("type,employee,work,date,start,end,end_date,zone\n");
    let mut wanted = Vec::new();
    for (index, (zone, day, start, end)) in NIGHTS.into_iter().enumerate() {
        csv.push_str(&format!("shift,n{index},Night,{day},22:00,06:00,,{zone}\n"));
        wanted.push((format!("n{index}"), start.to_owned(), end.to_owned(), "Night".to_owned()));
    }
    for (index, (zone, first, last, after)) in ABSENCES.into_iter().enumerate() {
        csv.push_str(&format!("time_off,t{index},,{first},,,{last},{zone}\n"));
        let plain = |day: &str| day.replace('-', "");
        wanted.push((format!("t{index}"), plain(first), plain(after), "Time off".to_owned()));
    }
    world.roster(&csv);
    world.sync(0);
    let calendars: Vec<String> = wanted.iter().map(|(calendar, ..)| calendar.clone()).collect();
    assert_eq!(host.looks(&calendars), reader::counted(wanted.into_iter()));
    assert_eq!(
        world.run(&["sync", "--full", "--json"]).exits(0).json()["mirrors"][0]["updated"],
        0
    );
}
