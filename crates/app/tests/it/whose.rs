//! `explain` by any id that an operator meets, and the links of people who left.

use crate::world::{ROSTER, World};

/// A ward with ids of its own, one of them short.
fn world() -> World {
    let world = World::new();
    world.edit("employee = \"employee\"", "id = \"id\", employee = \"employee\"");
    let rows = ROSTER.lines().enumerate().map(|(number, row)| match number {
        0 => format!("id,{row}\n"),
        number => format!("s{number},{row}\n"),
    });
    world.roster(&rows.collect::<String>());
    world
}

#[test]
fn an_exact_id_of_any_length_and_every_uid_are_explained() {
    let world = world();
    world.sync(0);
    world.run(&["explain", "s3"]).exits(0).says("shift `s3` of roster `ward`");
    let json = world.run(&["explain", "s3", "--json"]).exits(0).json();
    let remote = json["entities"][0]["mirrors"][0]["items"][0]["remote_id"].as_str().unwrap();
    let uid = remote.rsplit('/').next().unwrap().trim_end_matches(".ics");
    assert_eq!(uid.len(), 36, "{remote}");
    let key = domain::EntityKey {
        kind: domain::EntityKind::Shift,
        id: domain::EntityId::new("s3").unwrap(),
    };
    let key = key.into();
    let roster = domain::RosterName::new("ward").unwrap();
    let feed = ical::feed_uid(&roster, &key, ical::UidStyle::Opaque);
    for id in [uid, remote, &feed, &format!("{feed}@acme")] {
        world.run(&["explain", id]).exits(0).says("shift `s3` of roster `ward`");
    }
    world.run(&["explain", "s"]).exits(1).says("nothing with the id `s` was ever read");
}

#[test]
fn links_of_those_who_left_are_shown_and_taken_back_together() {
    let world = world();
    world.sync(0);
    world.run(&["feed", "url", "anna"]).exits(0);
    world.run(&["feed", "url", "bert"]).exits(0);
    world.run(&["feed", "revoke", "--gone"]).exits(0).says("no employee with a link is gone");
    let doctor = world.run(&["doctor"]).exits(0);
    assert!(!doctor.stdout.contains("gone"), "{}", doctor.stdout);

    let left: String = world
        .read("roster.csv")
        .lines()
        .filter(|it| !it.contains("anna"))
        .fold(String::new(), |text, line| text + line + "\n");
    world.roster(&left);
    world.sync(0);
    world.run(&["feed", "list"]).exits(0).says("anna (gone)").says("feed revoke --gone");
    let listed = world.run(&["feed", "list", "--json"]).exits(0).json();
    let gone = |index: usize| listed["feeds"][index]["gone"].as_bool().unwrap();
    assert!(gone(0) && !gone(1), "{listed}");
    world.run(&["doctor"]).exits(0).says("1 link is of an employee who is gone");
    world.run(&["feed", "revoke", "--gone"]).exits(0).says("of `anna` in `ward` is revoked");
    world.run(&["feed", "revoke", "--gone"]).exits(0).says("no employee with a link is gone");
    let listed = world.run(&["feed", "list", "--json"]).exits(0).json();
    assert!(
        listed["feeds"][0]["revoked_at"].is_string() && listed["feeds"][1]["revoked_at"].is_null()
    );
    world.run(&["feed", "revoke"]).exits(2);
}
