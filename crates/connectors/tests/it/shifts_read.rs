//! What reading costs: no look for the same strangers over and over, and no 429 of our own making
//! after a token was revoked.

use domain::{
    EmployeeId, EntityKind, MirrorName, OriginTag, ScheduleGroupId, ScheduleItem, ShiftItem,
};
use engine::port::{Clock, Content, Item, Probe, RemoteId, Revision, Sighting};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use simulators::graph::Role;
use testkit::builders::{hours, key};

use crate::shifts::{Stage, calendar, directory, run};

fn made() -> Item {
    let content = ScheduleItem::Shift(ShiftItem {
        employee: EmployeeId::new("anna").unwrap(),
        group: Some(ScheduleGroupId::new("w1").unwrap()),
        label: "Late".into(),
        interval: hours(0, 8),
        activities: Vec::new(),
        notes: None,
    });
    Item {
        origin: OriginTag {
            mirror: MirrorName::new("ward-shifts").unwrap(),
            key: key(EntityKind::Shift, "x"),
            part: domain::Part::Main,
            generation: 0,
            entity: content.fingerprint(),
        },
        content: Content::Schedule(content),
        revision: Revision { sequence: 0, revised_at: Timestamp::UNIX_EPOCH },
    }
}

fn time_passes(stage: &Stage, by: SignedDuration) {
    run(stage.clock.sleep_until(stage.clock.now() + by));
}

#[test]
fn a_stranger_is_looked_for_once_and_not_at_each_reading() {
    let stage = Stage::new(|_| {});
    let (zoe, yan) = (stage.person("Zoe"), stage.person("Yan"));
    let team = stage.server.add_team("Ward", &[(&zoe, Role::Owner), (&yan, Role::Member)]);
    let there = |name: &str| {
        let mut directory = (*directory()).clone();
        let employee = directory.employees.values().next().unwrap().clone();
        let email = Some(format!("{name}@example.com"));
        directory.add(domain::Entity::Employee(domain::Employee { email, ..employee }));
        std::sync::Arc::new(directory)
    };
    let theirs = stage.target(&team);
    theirs.meet(there("zoe"));
    run(theirs.open(&calendar(&team))).unwrap();
    run(theirs.create(&calendar(&team), &made())).unwrap();
    // A mirror whose roster does not know her.
    let target = stage.target(&team);
    target.meet(there("nobody"));
    let readings = |minutes: &[i64]| {
        let before = stage.asked("GET", "/members");
        for minutes in minutes {
            time_passes(&stage, SignedDuration::from_mins(*minutes));
            let listing = run(target.list(&calendar(&team), None)).unwrap();
            assert_eq!(listing.entries.len(), 1);
        }
        stage.asked("GET", "/members") - before
    };
    assert_eq!(readings(&[2, 2]), 2, "once for the team, once for the stranger");
    assert_eq!(readings(&[2, 2, 2, 2]), 0);
}

#[test]
fn after_a_revoked_token_what_is_asked_again_waits_for_its_turn() {
    let stage = Stage::new(|_| {});
    let team = stage.server.add_team("Ward", &[]);
    let target = stage.target(&team);
    target.meet(directory());
    run(target.open(&calendar(&team))).unwrap();
    time_passes(&stage, SignedDuration::from_secs(2));
    stage.server.revoke_tokens();
    let before = stage.clock.now();
    let probe = |number: usize| {
        let remote_id = Some(RemoteId(format!("SHFT_none{number}")));
        [Probe { key: None, generation: 0, remote_id, shows: None }]
    };
    let probes = [0, 1, 2, 3].map(probe);
    let key = calendar(&team);
    let seen = run(join_all(probes.iter().map(|it| target.look(&key, it))));
    assert!(seen.iter().all(|it| *it == Ok(vec![Sighting::Absent])), "{seen:?}");
    assert_eq!(stage.server.counts().throttled, 0);
    let took = stage.clock.now().duration_since(before);
    assert!(took >= SignedDuration::from_secs(1), "eight requests in one second: {took:?}");
}
