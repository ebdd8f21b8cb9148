//! What each privacy tier shows, and what it never shows.

use domain::policy::PrivacyTier;
use domain::{
    Activity, CalendarEvent, Entity, ScheduleGroupId, Shift, ShowAs, TimeOff, TimeOffId,
    TimeOffReasonId, TimeOffSpan,
};
use engine::mapping::{MappingProfile, Names};
use testkit::builders::{employee_id, hours, shift};

fn secretive_shift() -> Entity {
    Entity::Shift(Shift {
        group: Some(ScheduleGroupId::new("g1").expect("an id")),
        label: "Oncology".into(),
        activities: vec![Activity {
            label: "Chemotherapy round".into(),
            interval: hours(8, 9),
            paid: false,
        }],
        notes: Some("call Mr Smith".into()),
        ..shift("a", "ada", 6)
    })
}

fn sick_leave() -> Entity {
    let first = jiff::civil::date(2026, 11, 21);
    let end = jiff::civil::date(2026, 11, 23);
    Entity::TimeOff(TimeOff {
        id: TimeOffId::new("t").expect("an id"),
        employee: employee_id("ada"),
        reason: Some(TimeOffReasonId::new("r1").expect("an id")),
        span: TimeOffSpan::AllDay { first, end, zone: "Europe/Berlin".into() },
        notes: Some("certificate is missing".into()),
    })
}

fn event(privacy: PrivacyTier, entity: &Entity) -> CalendarEvent {
    let mut names = Names::default();
    names.groups.insert("g1".into(), "Ward 3".into());
    names.reasons.insert("r1".into(), "Sick leave".into());
    names.employees.insert("ada".into(), "Ada Lovelace".into());
    let profile = MappingProfile { privacy, ..MappingProfile::default() };
    profile.event(entity, &names).expect("is shown")
}

fn check(privacy: PrivacyTier, entity: &Entity, summary: &str, description: Option<&str>) {
    let event = event(privacy, entity);
    assert_eq!((event.summary.as_str(), event.description.as_deref()), (summary, description));
}

#[test]
fn full_shows_everything_title_the_title_and_busy_only_when() {
    let (work, sick) = (secretive_shift(), sick_leave());
    let told = "08:00–09:00 Chemotherapy round (unpaid)\ncall Mr Smith";
    check(PrivacyTier::Full, &work, "Oncology – Ward 3", Some(told));
    check(PrivacyTier::Title, &work, "Oncology – Ward 3", None);
    check(PrivacyTier::Busy, &work, "Busy", None);
    check(PrivacyTier::Full, &sick, "Sick leave", Some("certificate is missing"));
    // Why somebody is absent is nobody's business.
    check(PrivacyTier::Title, &sick, "Time off", None);
    check(PrivacyTier::Busy, &sick, "Busy", None);
    let tiers = [PrivacyTier::Full, PrivacyTier::Title, PrivacyTier::Busy];
    let absent = tiers.map(|tier| event(tier, &sick).show_as);
    assert_eq!(absent, [ShowAs::OutOfOffice, ShowAs::OutOfOffice, ShowAs::Busy]);
}

#[test]
fn nothing_secret_is_anywhere_in_a_busy_event() {
    for entity in [secretive_shift(), sick_leave()] {
        let told = format!("{:?}", event(PrivacyTier::Busy, &entity));
        let secrets = ["Oncology", "Ward", "Chemo", "Smith", "Sick", "leave", "certificate", "Ada"];
        for secret in secrets {
            assert!(!told.contains(secret), "{secret} is in {told}");
        }
    }
}

#[test]
fn every_tier_keeps_the_time_and_differs_from_the_others() {
    for entity in [secretive_shift(), sick_leave()] {
        let tiers = [PrivacyTier::Full, PrivacyTier::Title, PrivacyTier::Busy];
        let [full, title, busy] = tiers.map(|tier| event(tier, &entity));
        assert!(full.span == title.span && title.span == busy.span);
        let prints = [full, title, busy].map(|it| it.fingerprint());
        assert!(prints[0] != prints[1] && prints[1] != prints[2] && prints[0] != prints[2]);
    }
}
