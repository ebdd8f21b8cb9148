//! Our events among a person's own, in the first calendar that they have, in the played Outlook and
//! Google Calendar: nothing that is theirs is touched, whatever is done with ours.

use jiff::Timestamp;
use serde_json::json;
use simulators::google::Plan;
use simulators::graph::mailbox::Span;

use super::asks::{ANNA, InGoogle, InOutlook, Place, sync, writes};
use crate::world::World;

/// What is ours, by when it is, and what is theirs, with how often it was changed.
type Seen = (Vec<String>, Vec<(String, u64)>);

fn leaves_theirs_alone(world: &World, see: &dyn Fn() -> Seen) {
    let theirs = see().1;
    assert_eq!((see().0.len(), theirs.len()), (0, 2));
    assert_eq!(writes(&sync(world, &[])), [3, 0, 0]);
    let (ours, now) = see();
    assert_eq!((ours.len(), &now), (3, &theirs), "after a sync");
    assert_eq!(writes(&sync(world, &["--full"])), [0, 0, 0]);
    assert_eq!(see(), (ours.clone(), theirs.clone()), "after a reading of everything");
    for file in std::fs::read_dir(world.folder()).unwrap() {
        let path = file.unwrap().path();
        if path.display().to_string().contains("rotabridge.db") {
            std::fs::remove_file(path).unwrap();
        }
    }
    // What a lost store knew is read from our marks.
    world.run(&["recover", "--mirror", "ward-caldav"]).exits(0);
    assert_eq!(writes(&sync(world, &[])), [0, 0, 0]);
    assert_eq!(writes(&sync(world, &["--full"])), [0, 0, 0]);
    assert_eq!(see(), (ours, theirs.clone()), "after recovering");
    world.run(&["purge", "--mirror", "ward-caldav", "--yes"]).exits(0);
    assert_eq!(see(), (vec![], theirs), "after everything of ours was removed");
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// One beside the shifts, one in the way of a shift.
fn theirs() -> [(&'static str, Timestamp, Timestamp); 2] {
    [
        ("Dinner", at("2030-03-05T18:00:00Z"), at("2030-03-05T20:00:00Z")),
        ("Dentist", at("2030-03-06T09:00:00Z"), at("2030-03-06T10:00:00Z")),
    ]
}

#[test]
fn what_is_hers_in_her_default_calendar_is_left_alone_in_outlook() {
    let place = InOutlook::new();
    for (title, from, to) in theirs() {
        place.server.at_calendar(&place.user).books(title, Span::Timed(from, to), &[]).unwrap();
    }
    let world = place.mirrored("calendar = \"primary\"");
    leaves_theirs_alone(&world, &|| {
        let mailbox = place.server.mailbox(&place.user).unwrap();
        assert_eq!(mailbox.calendars.len(), 1, "no other calendar is made");
        let events = mailbox.events_in(&mailbox.primary);
        let (ours, theirs): (Vec<_>, Vec<_>) = events.partition(|it| !it.properties.is_empty());
        let mut ours: Vec<String> = ours.iter().map(|it| it.span.bounds().0.to_string()).collect();
        ours.sort();
        (ours, theirs.iter().map(|it| (it.subject().to_owned(), it.version)).collect())
    });
}

#[test]
fn what_is_hers_in_her_first_calendar_is_left_alone_in_google() {
    let place = InGoogle::new();
    for (title, from, to) in theirs() {
        let plan = Plan::timed(title, from, to).with("colorId", json!("5"));
        place.server.person(ANNA).plans(ANNA, plan);
    }
    let world = place.mirrored("calendar = \"primary\"");
    leaves_theirs_alone(&world, &|| {
        assert!(place.server.secondary_calendars(ANNA).is_empty(), "no other calendar is made");
        let events = place.server.live_events(ANNA);
        let ours = |it: &simulators::google::state::Event| it.private("rotabridge").is_some();
        let (ours, theirs): (Vec<_>, Vec<_>) = events.into_iter().partition(ours);
        let mut ours: Vec<String> =
            ours.iter().map(|it| it.start.instant("UTC").to_string()).collect();
        ours.sort();
        let theirs =
            theirs.iter().map(|it| (it.text("summary").unwrap_or_default().to_owned(), it.change));
        (ours, theirs.collect())
    });
}
