//! How a shift looks when its activities are events of their own and the rules of adherence are
//! shown: in the played Outlook and Google Calendar, read back from inside the players.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::asks::{InGoogle, InOutlook, Place, sync, writes};
use crate::world::World;

/// In Berlin in winter: 13:00 to 21:00 UTC.
const ROSTER: &str = "\
id,type,of,employee,team,work,date,start,end,paid
s1,shift,,anna,Front desk,Late,2030-03-04,14:00,22:00,
b1,activity,s1,,,Break,2030-03-04,18:00,18:30,no
";
const BLOCKS: &str = "activities_as = \"blocks\"";
const ADHERENCE: &str = "include_adherence_rules = true";

/// From, to, what it is called, and whether her time is taken.
type Look = (Timestamp, Timestamp, String, bool);

fn look(from: &str, to: &str, title: &str, is_busy: bool) -> Look {
    let at = |time: &str| format!("2030-03-04T{time}:00Z").parse().unwrap();
    (at(from), at(to), title.to_owned(), is_busy)
}

/// The shift as blocks.
fn blocks() -> BTreeSet<Look> {
    BTreeSet::from([
        look("13:00", "17:00", "Late – Front desk", true),
        look("17:00", "17:30", "Break – Front desk", true),
        look("17:30", "21:00", "Late – Front desk", true),
    ])
}

/// Her time is taken by the shift, not once more by what is said of it.
fn boundaries() -> BTreeSet<Look> {
    BTreeSet::from([
        look("13:00", "13:05", "Latest start 14:05", false),
        look("20:55", "21:00", "Earliest leave 21:55", false),
        look("16:50", "17:40", "Break between 17:50 and 18:40", false),
    ])
}

fn blocks_and_boundaries_come_and_go(place: &dyn Place, shown: impl Fn() -> Vec<Look>) {
    let world = place.mirrored(&format!("{BLOCKS}\n{ADHERENCE}"));
    columns(&world);
    world.roster(ROSTER);
    let seen = |what: BTreeSet<Look>| {
        let all = shown();
        assert_eq!(all.len(), what.len(), "none of it is there twice: {all:#?}");
        assert_eq!(BTreeSet::from_iter(all), what);
    };
    assert_eq!(writes(&sync(&world, &[])), [6, 0, 0]);
    seen(&blocks() | &boundaries());
    // What is read back is what was written.
    assert_eq!(writes(&sync(&world, &["--full"])), [0, 0, 0]);
    // Each part is put right by itself.
    place.deletes(&place.shifts()[1].id);
    let line = sync(&world, &["--full"]);
    assert_eq!(writes(&line), [1, 0, 0], "{line}");
    seen(&blocks() | &boundaries());
    world.edit(&format!("{BLOCKS}\n{ADHERENCE}"), BLOCKS);
    assert_eq!(writes(&sync(&world, &[])), [0, 0, 3]);
    seen(blocks());
    world.edit(BLOCKS, "");
    assert_eq!(writes(&sync(&world, &[])), [0, 1, 2]);
    seen(BTreeSet::from([look("13:00", "21:00", "Late – Front desk", true)]));
}

fn columns(world: &World) {
    let more = "id = \"id\", type = \"type\", shift = \"of\", paid = \"paid\", ";
    world.edit("employee = \"employee\"", &format!("{more}employee = \"employee\""));
}

#[test]
fn blocks_and_boundaries_of_adherence_come_and_go_in_outlook() {
    let place = InOutlook::new();
    blocks_and_boundaries_come_and_go(&place, || {
        let mailbox = place.server.mailbox(&place.user).unwrap();
        let events = mailbox.events.values();
        events
            .map(|it| {
                let (from, to) = it.span.bounds();
                let is_busy = match it.text("showAs") {
                    "busy" => true,
                    "free" => false,
                    other => panic!("{other:?}"),
                };
                (from, to, it.subject().to_owned(), is_busy)
            })
            .collect()
    });
}

#[test]
fn blocks_and_boundaries_of_adherence_come_and_go_in_google_calendar() {
    let place = InGoogle::new();
    blocks_and_boundaries_come_and_go(&place, || {
        let (calendar, _) = place.server.secondary_calendars(super::asks::ANNA).remove(0);
        let events = place.server.live_events(&calendar).into_iter();
        events
            .map(|it| {
                let is_busy = match it.text("transparency") {
                    None | Some("opaque") => true,
                    Some("transparent") => false,
                    other => panic!("{other:?}"),
                };
                let title = it.text("summary").unwrap_or_default().to_owned();
                (it.start.instant("UTC"), it.end.instant("UTC"), title, is_busy)
            })
            .collect()
    });
}
