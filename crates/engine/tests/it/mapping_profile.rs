//! Templates, kinds of work and tiers: what each says, and which of them counts.

use domain::policy::PrivacyTier;
use domain::{
    Activity, CalendarEvent, Colour, Entity, EventSpan, Part, ScheduleGroupId, Shift, ShowAs,
    Visibility,
};
use engine::mapping::{
    ActivitiesAs, ActivityProfile, Adherence, Appearance, Events, MappingProfile, Names, OF_SHIFT,
    Template, cut,
};
use jiff::SignedDuration;
use proptest::prelude::*;
use testkit::builders::{hour, hours, shift};

fn template(text: &str) -> Option<Template> {
    Some(Template::parse(text, OF_SHIFT).expect("a template"))
}

fn activity(label: &str, from: i64, to: i64, paid: bool) -> Activity {
    Activity { label: label.into(), interval: hours(from, to), paid }
}

/// Work from 6 to 14, with a training and a break.
fn work() -> Shift {
    Shift {
        group: Some(ScheduleGroupId::new("g1").expect("an id")),
        label: "Late".into(),
        activities: vec![activity("Training", 7, 8, true), activity("Break", 10, 11, false)],
        notes: Some("bring keys".into()),
        ..shift("a", "ada", 6)
    }
}

fn events(profile: &MappingProfile) -> Events {
    let mut names = Names::default();
    names.groups.insert("g1".into(), "Ward 3".into());
    names.employees.insert("ada".into(), "Ada".into());
    profile.events(&Entity::Shift(work()), &names)
}

fn main_of(profile: MappingProfile) -> CalendarEvent {
    events(&profile).main.expect("is shown")
}

#[test]
fn placeholders_are_filled_in_the_rosters_zone() {
    let look = Appearance {
        title: template("{employee}: {activity} {start}–{end}"),
        description: template("{date} {group}\n{location}\n{notes}"),
        location: template("Hall {group}"),
        categories: Some(vec![template("{activity}").unwrap(), template("rota").unwrap()]),
        ..Appearance::default()
    };
    let time_zone = "Europe/Berlin".into();
    let event = main_of(MappingProfile { look, time_zone, ..MappingProfile::default() });
    assert_eq!(event.summary, "Ada: Late 07:00–15:00");
    let told = "2026-11-21 Ward 3\nHall Ward 3\nbring keys";
    assert_eq!(event.description.as_deref(), Some(told));
    assert_eq!(event.location.as_deref(), Some("Hall Ward 3"));
    assert_eq!(event.categories, ["Late", "rota"]);
}

#[test]
fn the_tier_speaks_before_the_kind_of_work_and_that_before_all_others() {
    let profile = |privacy, own: Option<PrivacyTier>| {
        let mut profile = MappingProfile { privacy, ..MappingProfile::default() };
        profile.look.colour = Some(Colour::Red);
        profile.look.location = template("Hall");
        profile.look.reminder_minutes = Some(15);
        let look = Appearance {
            colour: Some(Colour::Teal),
            show_as: Some(ShowAs::Tentative),
            visibility: Some(Visibility::Private),
            ..Appearance::default()
        };
        let special = ActivityProfile { title: Some("Spät".into()), privacy: own, look };
        profile.activities.insert("Late".into(), special);
        profile.tiers.busy.title = template("At work");
        profile.tiers.title.colour = Some(Colour::Grey);
        profile
    };
    let check = |privacy, own, title: &str, colour, location: Option<&str>| {
        let event = main_of(profile(privacy, own));
        let found = (event.summary.as_str(), event.extras.colour, event.location.as_deref());
        assert_eq!(found, (title, colour, location), "{privacy:?} {own:?}");
        // These say nothing of the work, and count in every tier.
        assert_eq!(event.show_as, ShowAs::Tentative);
        assert_eq!(event.visibility, Visibility::Private);
        assert_eq!(event.extras.reminder_minutes, Some(15));
    };
    use PrivacyTier::{Busy, Full, Title};
    check(Full, None, "Spät – Ward 3", Some(Colour::Teal), Some("Hall"));
    check(Title, None, "Spät – Ward 3", Some(Colour::Grey), None);
    check(Busy, None, "At work", None, None);
    check(Full, Some(Title), "Spät – Ward 3", Some(Colour::Grey), None);
    check(Full, Some(Busy), "At work", None, None);
    // A kind of work cannot show more than the mirror does.
    check(Busy, Some(Full), "At work", None, None);
}

fn told(events: &Events) -> Vec<(String, String, i64, i64)> {
    let hour_of = |at: jiff::Timestamp| at.duration_since(hour(0)).as_mins();
    let all = events.main.iter().map(|event| (Part::Main, event));
    let all = all.chain(events.more.iter().map(|(part, event)| (*part, event)));
    all.map(|(part, event)| {
        let EventSpan::Timed(interval) = event.span else { panic!("work lies in time") };
        let (from, to) = (hour_of(interval.start()), hour_of(interval.end()));
        (part.to_string(), event.summary.clone(), from, to)
    })
    .collect()
}

fn row(part: &str, title: &str, from: i64, to: i64) -> (String, String, i64, i64) {
    (part.into(), title.into(), from, to)
}

#[test]
fn blocks_are_the_activities_and_the_work_between_them() {
    let activities_as = ActivitiesAs::Blocks;
    let profile = MappingProfile { activities_as, ..MappingProfile::default() };
    let expected = [
        row("", "Late – Ward 3", 360, 420),
        row("block-1", "Training – Ward 3", 420, 480),
        row("block-2", "Late – Ward 3", 480, 600),
        row("block-3", "Break – Ward 3", 600, 660),
        row("block-4", "Late – Ward 3", 660, 840),
    ];
    assert_eq!(told(&events(&profile)), expected);
    // Who may not see the activities sees no blocks either.
    for privacy in [PrivacyTier::Title, PrivacyTier::Busy] {
        let profile = MappingProfile { privacy, ..profile.clone() };
        assert_eq!(told(&events(&profile)).len(), 1);
    }
}

/// A profile in which breaks have another name, and nobody may know of trainings.
fn discreet(privacy: PrivacyTier) -> MappingProfile {
    let mut profile = MappingProfile { privacy, ..MappingProfile::default() };
    let named = |title: &str, privacy| ActivityProfile {
        title: Some(title.into()),
        privacy,
        ..ActivityProfile::default()
    };
    let break_ = named("Pause", Some(PrivacyTier::Title));
    profile.activities.insert("Break".into(), break_);
    let training = named("Schulung", Some(PrivacyTier::Busy));
    profile.activities.insert("Training".into(), training);
    profile
}

#[test]
fn a_kind_of_work_of_which_less_is_shown_is_not_named_in_the_text_of_a_shift() {
    let event = main_of(discreet(PrivacyTier::Full));
    let text = "07:00–08:00 Busy\n10:00–11:00 Pause (unpaid)\nbring keys";
    assert_eq!(event.description.as_deref(), Some(text));
    let minutes = SignedDuration::from_mins;
    let adherence = Adherence {
        late_start: SignedDuration::ZERO,
        early_leave: SignedDuration::ZERO,
        break_window: minutes(15),
    };
    let mut profile = MappingProfile { adherence: Some(adherence), ..discreet(PrivacyTier::Full) };
    let titles = |profile: &MappingProfile| -> Vec<String> {
        events(profile).more.iter().map(|(_, event)| event.summary.clone()).collect()
    };
    assert_eq!(titles(&profile), ["Pause between 09:45 and 11:15"]);
    profile.activities.get_mut("Break").expect("it is there").privacy = Some(PrivacyTier::Busy);
    assert_eq!(titles(&profile), ["Busy between 09:45 and 11:15"]);
}

#[test]
fn open_shifts_are_as_discreet_as_shifts() {
    let work = work();
    let open = domain::OpenShift {
        id: domain::OpenShiftId::new("o").expect("an id"),
        group: work.group,
        label: work.label,
        interval: work.interval,
        day: work.day,
        activities: work.activities,
        notes: None,
        open_slots: 2,
    };
    let shown = |privacy| {
        let look = Some(Appearance::default());
        let profile = MappingProfile { open_shifts: look, ..discreet(privacy) };
        let event = profile.event(&Entity::OpenShift(open.clone()), &Names::default());
        let event = event.expect("is shown");
        (event.summary, event.description)
    };
    let text = Some("07:00–08:00 Busy\n10:00–11:00 Pause (unpaid)".to_owned());
    assert_eq!(shown(PrivacyTier::Full), ("Open: Late – 2".to_owned(), text));
    assert_eq!(shown(PrivacyTier::Title), ("Open: Late – 2".to_owned(), None));
    assert_eq!(shown(PrivacyTier::Busy), ("Open shift".to_owned(), None));
}

#[test]
fn adherence_takes_nobodys_time() {
    let minutes = SignedDuration::from_mins;
    let adherence =
        Adherence { late_start: minutes(5), early_leave: minutes(10), break_window: minutes(15) };
    let profile = MappingProfile { adherence: Some(adherence), ..MappingProfile::default() };
    let events = events(&profile);
    let expected = [
        row("", "Late – Ward 3", 360, 840),
        row("latest-start", "Latest start 06:05", 360, 365),
        row("earliest-leave", "Earliest leave 13:50", 830, 840),
        row("break-window-1", "Break between 09:45 and 11:15", 585, 675),
    ];
    assert_eq!(told(&events), expected);
    assert!(events.more.iter().all(|(_, event)| event.show_as == ShowAs::Free));
    let busy = MappingProfile { privacy: PrivacyTier::Busy, ..profile };
    assert_eq!(told(&self::events(&busy)).len(), 1);
}

proptest! {
    #[test]
    fn blocks_cover_the_shift_exactly(
        parts in prop::collection::vec((-3i64..40, 1i64..20), 0..8),
        length in 1i64..36,
    ) {
        let minutes = |at: i64| hour(0) + SignedDuration::from_mins(at * 15);
        let interval = domain::UtcInterval::new(minutes(0), minutes(length)).unwrap();
        let activities = parts.iter().enumerate().map(|(index, (from, lasts))| Activity {
            label: format!("A{index}"),
            interval: domain::UtcInterval::new(minutes(*from), minutes(from + lasts)).unwrap(),
            paid: true,
        });
        let mut activities: Vec<Activity> = activities.collect();
        activities.sort_by_key(|it| it.interval.start());
        let shift = Shift { interval, activities, ..shift("a", "ada", 0) };
        let blocks = cut(&shift);
        let first = blocks.first().map(|it| it.interval.start());
        prop_assert_eq!(first, Some(interval.start()));
        let last = blocks.last().map(|it| it.interval.end());
        prop_assert_eq!(last, Some(interval.end()));
        for (one, next) in blocks.iter().zip(blocks.iter().skip(1)) {
            prop_assert_eq!(one.interval.end(), next.interval.start());
            prop_assert!(one.activity != next.activity, "{:?} goes on", one.activity);
        }
        for block in &blocks {
            // What is done is what began last of everything that goes on then.
            let going = shift.activities.iter().filter(|it| it.interval.overlaps(&block.interval));
            let latest = going.max_by_key(|it| it.interval.start());
            prop_assert_eq!(
                block.activity.map(|it| it.interval.start()),
                latest.map(|it| it.interval.start())
            );
        }
    }
}
