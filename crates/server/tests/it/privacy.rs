//! What a feed hides.

use domain::policy::PrivacyTier;
use domain::{
    Activity, Employee, Entity, ScheduleGroup, ScheduleGroupId, TimeOff, TimeOffId, TimeOffReason,
    TimeOffReasonId, TimeOffSpan, UtcInterval,
};
use engine::mapping::MappingProfile;
use server::feed::render::{FeedOptions, UidStyle};

use crate::world::{World, anna, at, shift};

/// A feed of a shift and an absence in which every free text is a word of its own.
async fn feed(privacy: PrivacyTier, uid_style: UidStyle) -> String {
    let options = FeedOptions {
        profile: MappingProfile { privacy, ..MappingProfile::default() },
        uid_style,
        name: "Rota of {employee}".into(),
        ..FeedOptions::default()
    };
    let world = World::with(options).await;
    let group = ScheduleGroupId::new("g1").unwrap();
    let reason = TimeOffReasonId::new("r1").unwrap();
    let interval = |start, end| UtcInterval::new(at(start), at(end)).unwrap();
    let mut work = shift("s1", "2026-11-21T12:00:00Z", "2026-11-21T20:00:00Z");
    work.label = "LABEL".into();
    work.group = Some(group.clone());
    work.notes = Some("NOTES".into());
    work.activities = vec![Activity {
        label: "ACTIVITY".into(),
        interval: interval("2026-11-21T15:00:00Z", "2026-11-21T15:30:00Z"),
        paid: false,
    }];
    let absence = TimeOff {
        id: TimeOffId::new("t1").unwrap(),
        employee: anna(),
        reason: Some(reason.clone()),
        span: TimeOffSpan::Timed(interval("2026-11-23T08:00:00Z", "2026-11-23T12:00:00Z")),
        notes: Some("ABSENCE".into()),
    };
    let mut person = Employee::unnamed(anna());
    person.name = Some("PERSON".into());
    person.email = Some("EMAIL@example.com".into());
    let name = "GROUP".into();
    for entity in [
        Entity::Shift(work),
        Entity::TimeOff(absence),
        Entity::Employee(person),
        Entity::ScheduleGroup(ScheduleGroup { id: group, name }),
        Entity::TimeOffReason(TimeOffReason { id: reason, name: "SICK".into() }),
    ] {
        world.store.put(entity, at("2026-11-20T10:00:00Z"));
    }
    let answer = world.get(&world.subscribe().await).await;
    assert_eq!(answer.status, 200);
    assert_eq!(ical::lint(&answer.body), []);
    answer.text().to_owned()
}

fn check(feed: &str, shown: &[&str], hidden: &[&str]) {
    for word in shown {
        assert!(feed.contains(word), "{word} is not in {feed}");
    }
    for word in hidden {
        assert!(!feed.contains(word), "{word} is in {feed}");
    }
}

const NEVER: [&str; 4] = ["EMAIL", "anna", "week-47.csv", "emea"];

#[tokio::test]
async fn the_full_tier_shows_everything_but_ids_and_addresses() {
    let feed = feed(PrivacyTier::Full, UidStyle::Opaque).await;
    let shown = ["LABEL", "GROUP", "NOTES", "ACTIVITY", "SICK", "ABSENCE", "PERSON"];
    check(&feed, &shown, &NEVER);
}

#[tokio::test]
async fn the_title_tier_hides_notes_activities_and_the_kind_of_absence() {
    let feed = feed(PrivacyTier::Title, UidStyle::Opaque).await;
    check(&feed, &["LABEL", "Time off"], &NEVER);
    check(&feed, &[], &["NOTES", "ACTIVITY", "SICK", "ABSENCE"]);
}

#[tokio::test]
async fn the_busy_tier_shows_the_time_only() {
    let feed = feed(PrivacyTier::Busy, UidStyle::Opaque).await;
    check(&feed, &["SUMMARY:Busy", "DTSTART:20261121T120000Z"], &NEVER);
    check(&feed, &[], &["LABEL", "GROUP", "NOTES", "ACTIVITY", "SICK", "ABSENCE", "PERSON", "OOF"]);
}

#[tokio::test]
async fn the_organisation_is_named_only_where_it_was_chosen() {
    let chosen = feed(PrivacyTier::Full, UidStyle::Organization("acme".into())).await;
    check(&chosen, &["@acme"], &[]);
    let opaque = feed(PrivacyTier::Full, UidStyle::Opaque).await;
    check(&opaque, &[], &["acme"]);
}

#[tokio::test]
async fn a_renamed_group_advances_the_revision_of_what_shows_it() {
    let world = World::new().await;
    let path = world.subscribe().await;
    let id = ScheduleGroupId::new("g1").unwrap();
    let mut work = shift("s1", "2026-11-21T12:00:00Z", "2026-11-21T20:00:00Z");
    work.group = Some(id.clone());
    world.store.put(Entity::Shift(work), at("2026-11-20T10:00:00Z"));
    let name = "Ward 4".into();
    let group = Entity::ScheduleGroup(ScheduleGroup { id, name });
    world.store.put(group, at("2026-11-20T11:00:00Z"));
    let feed = world.get(&path).await;
    check(feed.text(), &["SUMMARY:Late – Ward 4", "DTSTAMP:20261120T110000Z"], &[]);
}
