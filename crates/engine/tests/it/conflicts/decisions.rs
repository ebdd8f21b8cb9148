//! Every case under every policy, as a table.

#![expect(clippy::unwrap_used, reason = "names and days that are written here are good")]

use std::collections::BTreeSet;

use domain::policy::{ConflictPolicy, EventRule, MoveTo, OverrideAction};
use domain::{EventSpan, Fingerprint, OriginTag, Visibility};
use engine::plan::conflict::{Conflict, ConflictRules, Situation, Verdict, Working, decide};
use engine::port::{
    EventChange, EventChangeState, ForeignChange, ForeignEvent, ForeignRole, ForeignShowAs, Left,
    RemoteId, Response,
};
use jiff::civil::{date, time};
use jiff::tz::TimeZone;
use testkit::builders::{hour, hours, meeting, mirror, shift_key};

use super::rig::{ada, only_reporting, overriding};

/// A shift from 8 to 16 o'clock, seen at midnight.
pub fn early() -> Working {
    Working { key: shift_key("early"), interval: hours(8, 16), title: Some("Early".into()) }
}

pub fn judge(rules: &ConflictRules, shifts: &[Working], events: &[ForeignEvent]) -> Vec<Conflict> {
    judge_after(rules, shifts, events, &[])
}

pub fn judge_after(
    rules: &ConflictRules,
    shifts: &[Working],
    events: &[ForeignEvent],
    changes: &[EventChange],
) -> Vec<Conflict> {
    decide(Situation {
        mirror: &mirror(),
        calendar: &ada(),
        now: hour(0) - jiff::SignedDuration::from_secs(1),
        shifts,
        events,
        ours: &BTreeSet::from([RemoteId("ours".into())]),
        changes,
        rules,
    })
}

/// What a verdict is, in a word or two.
pub fn word(conflicts: &[Conflict]) -> String {
    let words = conflicts.iter().map(|conflict| match &conflict.verdict {
        Verdict::Leave(left) => format!("{left:?}"),
        Verdict::Change(planned) => match &planned.change.change {
            ForeignChange::Delete => "delete".to_owned(),
            ForeignChange::Decline { .. } => "decline".to_owned(),
            ForeignChange::Move { to: EventSpan::Timed(to), .. } => {
                let hours = to.start().duration_since(hour(0)).as_hours();
                format!("move to {hours} h")
            }
            ForeignChange::Move { to: EventSpan::AllDay { first, .. }, .. } => {
                format!("move to {first}")
            }
            ForeignChange::Relabel { .. } => "relabel".to_owned(),
        },
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

fn invited(response: Response) -> ForeignEvent {
    ForeignEvent { role: ForeignRole::Attendee(response), ..meeting("m", 9, 10) }
}

fn of_a_mirror() -> ForeignEvent {
    let mut name = mirror().to_string();
    name.push_str("-2");
    let origin = OriginTag {
        mirror: domain::MirrorName::new(name).unwrap(),
        key: shift_key("other"),
        part: domain::Part::Main,
        generation: 0,
        entity: Fingerprint::from_bytes([0; 16]),
    };
    ForeignEvent { origin: Some(origin), ..meeting("m", 9, 10) }
}

fn a_day(day: i8) -> ForeignEvent {
    let first = date(2026, 11, day);
    let span = EventSpan::AllDay { first, end: first.tomorrow().unwrap() };
    ForeignEvent { span, ..meeting("m", 0, 1) }
}

fn copy_of_the_shift() -> ForeignEvent {
    let mut event = meeting("m", 8, 16);
    event.context.subject = "Early".into();
    event
}

/// Each case, and what follows from it: reporting, keeping both, deleting, moving.
#[test]
fn every_case_under_every_policy() {
    let busy = || meeting("m", 9, 10);
    let show_as = |show_as| ForeignEvent { show_as, ..busy() };
    let own = |role| ForeignEvent { role, ..busy() };
    let private = ForeignEvent { visibility: Visibility::Private, ..busy() };
    let occurrence = ForeignEvent { series: Some(RemoteId("series".into())), ..busy() };
    let cases: &[(&str, ForeignEvent, [&str; 4])] = &[
        ("inside the shift", busy(), ["Reported", "KeptBoth", "delete", "move to 16 h"]),
        (
            "begins before it",
            meeting("m", 7, 9),
            ["Reported", "KeptBoth", "delete", "move to 16 h"],
        ),
        ("ends after it", meeting("m", 15, 17), ["Reported", "KeptBoth", "delete", "move to 16 h"]),
        ("ends as it begins", meeting("m", 7, 8), ["-"; 4]),
        ("begins as it ends", meeting("m", 16, 17), ["-"; 4]),
        ("free", show_as(ForeignShowAs::Free), ["-"; 4]),
        ("elsewhere", show_as(ForeignShowAs::WorkingElsewhere), ["-"; 4]),
        (
            "tentative",
            show_as(ForeignShowAs::Tentative),
            ["Reported", "KeptBoth", "Tentative", "Tentative"],
        ),
        (
            "absent",
            show_as(ForeignShowAs::OutOfOffice),
            ["Reported", "KeptBoth", "OutOfOffice", "OutOfOffice"],
        ),
        ("private", private, ["Reported", "KeptBoth", "Private", "Private"]),
        ("a whole day", a_day(21), ["Reported", "KeptBoth", "AllDay", "AllDay"]),
        ("another day", a_day(22), ["-"; 4]),
        (
            "organised by them",
            own(ForeignRole::Organiser),
            ["Reported", "KeptBoth", "delete", "move to 16 h"],
        ),
        ("accepted", invited(Response::Accepted), ["Reported", "KeptBoth", "decline", "decline"]),
        ("not answered", invited(Response::None), ["Reported", "KeptBoth", "decline", "decline"]),
        ("declined", invited(Response::Declined), ["-"; 4]),
        ("of a series", occurrence, ["Reported", "KeptBoth", "delete", "move to 16 h"]),
        ("of another mirror", of_a_mirror(), ["-"; 4]),
        ("ours, its tag gone", ForeignEvent { id: RemoteId("ours".into()), ..busy() }, ["-"; 4]),
        (
            "ours, elsewhere",
            ForeignEvent { id: RemoteId("calendar/ours#1".into()), ..busy() },
            ["-"; 4],
        ),
        ("a copy of the shift", copy_of_the_shift(), ["Copy"; 4]),
        ("under way", meeting("m", -1, 9), ["Reported", "KeptBoth", "UnderWay", "UnderWay"]),
        ("over", meeting("m", -3, -1), ["-"; 4]),
    ];
    let policies = [
        only_reporting(),
        ConflictRules { policy: ConflictPolicy::KeepBoth, ..only_reporting() },
        overriding(OverrideAction::Delete),
        overriding(OverrideAction::Move),
    ];
    for (case, event, expected) in cases {
        let found =
            policies.each_ref().map(|it| word(&judge(it, &[early()], std::slice::from_ref(event))));
        assert_eq!(found.each_ref().map(String::as_str), *expected, "{case}");
    }
}

/// Each rule: ignored, reported, overridden.
#[test]
fn every_sort_of_event_has_its_rule() {
    type Set = fn(&mut ConflictRules, EventRule);
    let sorts: &[(&str, ForeignEvent, Set, &str)] = &[
        ("all day", a_day(21), |it, rule| it.all_day = rule, "AllDay"),
        (
            "private",
            ForeignEvent { visibility: Visibility::Private, ..meeting("m", 9, 10) },
            |it, rule| it.private = rule,
            "Private",
        ),
        (
            "tentative",
            ForeignEvent { show_as: ForeignShowAs::Tentative, ..meeting("m", 9, 10) },
            |it, rule| it.tentative = rule,
            "Tentative",
        ),
        (
            "absent",
            ForeignEvent { show_as: ForeignShowAs::OutOfOffice, ..meeting("m", 9, 10) },
            |it, rule| it.out_of_office = rule,
            "OutOfOffice",
        ),
        (
            "organised",
            ForeignEvent { role: ForeignRole::Organiser, ..meeting("m", 9, 10) },
            |it, rule| it.organised = rule,
            "Organised",
        ),
    ];
    for (sort, event, set, left) in sorts {
        let expected =
            [(EventRule::Ignore, "-"), (EventRule::Report, left), (EventRule::Override, "delete")];
        for (rule, expected) in expected {
            let mut rules = overriding(OverrideAction::Delete);
            set(&mut rules, rule);
            let found = word(&judge(&rules, &[early()], std::slice::from_ref(event)));
            assert_eq!(found, expected, "{sort}, {rule:?}");
            rules.policy = ConflictPolicy::Report;
            let told = if rule == EventRule::Ignore { "-" } else { "Reported" };
            let found = word(&judge(&rules, &[early()], std::slice::from_ref(event)));
            assert_eq!(found, told, "{sort}, {rule:?}, reporting");
        }
    }
}

#[test]
fn the_strictest_rule_counts() {
    let mut rules = overriding(OverrideAction::Delete);
    rules.private = EventRule::Override;
    let event = ForeignEvent { visibility: Visibility::Private, ..a_day(21) };
    assert_eq!(word(&judge(&rules, &[early()], std::slice::from_ref(&event))), "AllDay");
    rules.all_day = EventRule::Ignore;
    assert_eq!(word(&judge(&rules, &[early()], &[event])), "-");
}

#[test]
fn an_event_is_moved_to_the_first_free_time() {
    let rules = overriding(OverrideAction::Move);
    let late = Working { key: shift_key("late"), interval: hours(18, 20), title: None };
    let (busy, free) = (meeting("busy", 16, 17), meeting("free", 20, 30));
    let free = ForeignEvent { show_as: ForeignShowAs::Free, ..free };
    let shifts = [early(), late];
    // 16 is taken by an event, 17 is free for an hour, 18 is taken by a shift.
    let found = judge(&rules, &shifts, &[meeting("a", 9, 10), busy.clone(), free.clone()]);
    assert_eq!(word(&found), "move to 17 h");
    // The second finds what the first left.
    let two = [meeting("a", 9, 10), meeting("b", 9, 10), busy, free];
    assert_eq!(word(&judge(&rules, &shifts, &two)), "move to 17 h, move to 20 h");
    // What is longer than that goes after the late shift.
    let long = [meeting("long", 9, 11), meeting("busy", 16, 17)];
    assert_eq!(word(&judge(&rules, &shifts, &long)), "move to 20 h");
}

#[test]
fn an_event_is_moved_within_its_limits_or_not_at_all() {
    let mut rules = overriding(OverrideAction::Move);
    rules.move_hours = Some((time(8, 0, 0, 0), time(17, 0, 0, 0)));
    let found = |rules: &ConflictRules, hours: i64| {
        word(&judge(rules, &[early()], &[meeting("m", 9, 9 + hours)]))
    };
    assert_eq!(found(&rules, 1), "move to 16 h");
    assert_eq!(found(&rules, 2), "move to 32 h", "the next day at 8");
    assert_eq!(found(&rules, 7), "move to 32 h");
    rules.zone = TimeZone::get("Europe/Berlin").unwrap();
    assert_eq!(found(&rules, 1), "move to 31 h", "17:00 there; the next day at 8 there");
    rules.move_within = std::time::Duration::from_secs(3600);
    assert_eq!(found(&rules, 2), "NoFreeTime");
    rules.move_hours = None;
    assert_eq!(found(&rules, 1), "move to 16 h");
    rules.move_to = MoveTo::AfterShift;
    let taken = [meeting("a", 9, 10), meeting("busy", 16, 17)];
    assert_eq!(word(&judge(&rules, &[early()], &taken)), "NoFreeTime");
}

#[test]
fn a_whole_day_moves_to_a_day_without_a_shift() {
    let mut rules = overriding(OverrideAction::Move);
    rules.all_day = EventRule::Override;
    let next = Working { key: shift_key("next"), interval: hours(32, 40), title: None };
    assert_eq!(word(&judge(&rules, &[early(), next], &[a_day(21)])), "move to 2026-11-23");
}

#[test]
fn an_event_over_two_shifts_is_changed_once_for_both() {
    let rules = overriding(OverrideAction::Move);
    let late = Working { key: shift_key("late"), interval: hours(16, 24), title: None };
    let found = judge(&rules, &[late, early()], &[meeting("m", 15, 17)]);
    assert_eq!(word(&found), "move to 24 h");
    assert_eq!(found[0].shifts, [shift_key("early"), shift_key("late")]);
}

fn deleted(event: &ForeignEvent) -> EventChange {
    let conflicts =
        judge(&overriding(OverrideAction::Delete), &[early()], std::slice::from_ref(event));
    let Verdict::Change(planned) = &conflicts[0].verdict else { panic!("{conflicts:?}") };
    EventChange { state: EventChangeState::Done, ..planned.change.clone() }
}

#[test]
fn what_was_changed_once_is_not_changed_against_its_owners_will() {
    let rules = overriding(OverrideAction::Delete);
    let event = meeting("m", 9, 10);
    let done = deleted(&event);
    let after = |event: ForeignEvent, change: EventChange| {
        word(&judge_after(&rules, &[early()], &[event], &[change]))
    };
    let state = |state| EventChange { state, ..done.clone() };
    let again = ForeignEvent { etag: Some(engine::port::ETag("2".into())), ..event.clone() };
    let renamed = ForeignEvent { id: RemoteId("synced back".into()), ..event.clone() };
    let another = ForeignEvent { id: RemoteId("other".into()), ..meeting("other", 9, 10) };
    let undone = |at: &str| state(EventChangeState::Undone { at: RemoteId(at.into()) });
    assert_eq!(after(again.clone(), done.clone()), "CameBack", "its owner put it back");
    assert_eq!(after(renamed, done.clone()), "CameBack", "another program brought it back");
    assert_eq!(after(another.clone(), done.clone()), "delete", "it is another one");
    assert_eq!(after(again.clone(), undone("m")), "Undone");
    assert_eq!(after(another, undone("other")), "Undone", "restored under another id");
    assert_eq!(after(again.clone(), state(EventChangeState::Sent)), "Waits");
    assert_eq!(after(again.clone(), state(EventChangeState::Undoing)), "Undone");
    let refused = || EventChangeState::Refused { why: "403".into() };
    assert_eq!(after(event, state(refused())), "Refused", "as it is");
    assert_eq!(after(again.clone(), state(refused())), "delete", "it is not as it was");
    let not_done = EventChangeState::NotDone { why: "503".into() };
    assert_eq!(after(again, state(not_done)), "delete");
}

#[test]
fn a_moved_event_follows_the_shifts_but_not_for_ever() {
    let rules = overriding(OverrideAction::Move);
    let moved = |event: &ForeignEvent, shift: &Working, before: &[EventChange]| {
        let conflicts =
            judge_after(&rules, std::slice::from_ref(shift), std::slice::from_ref(event), before);
        let Verdict::Change(planned) = &conflicts[0].verdict else {
            return Err(word(&conflicts));
        };
        Ok(EventChange { state: EventChangeState::Done, ..planned.change.clone() })
    };
    let mut event = meeting("m", 9, 10);
    let mut shift = early();
    let mut changes = Vec::new();
    for _ in 0..domain::limits::EVENT_MOVES_MAX {
        let change = moved(&event, &shift, &changes).unwrap();
        let ForeignChange::Move { to, .. } = &change.change else { panic!("{change:?}") };
        event.span = *to;
        event.etag = Some(engine::port::ETag(format!("{}", changes.len())));
        let EventSpan::Timed(at) = *to else { panic!("{to:?}") };
        // The shift is moved to where the event went.
        shift.interval = at;
        changes.push(change);
    }
    assert_eq!(moved(&event, &shift, &changes).unwrap_err(), "MovedOften");
    let elsewhere = ForeignEvent { span: EventSpan::Timed(hours(9, 10)), ..event };
    let shift = early();
    assert_eq!(moved(&elsewhere, &shift, &changes[..1]).unwrap_err(), "CameBack");
}

#[test]
fn a_note_keeps_what_the_meeting_was_about() {
    let rules = overriding(OverrideAction::Delete);
    let note = |event: ForeignEvent| deleted(&event).note.unwrap();
    insta::assert_snapshot!(note(meeting("m", 9, 10)), @r"
    Removed for this shift: Subject of m, 2026-11-21 09:00–10:00
    Where: Room 4
    With: guest@example.com
    Link: https://meet.example.com/1
    Body of m
    ");
    let mut private = overriding(OverrideAction::Delete);
    private.private = EventRule::Override;
    let event = ForeignEvent { visibility: Visibility::Private, ..meeting("m", 9, 10) };
    let conflicts = judge(&private, &[early()], &[event]);
    let Verdict::Change(planned) = &conflicts[0].verdict else { panic!("{conflicts:?}") };
    let note = planned.change.note.as_deref().unwrap();
    assert_eq!(note, "Removed for this shift: a private appointment, 2026-11-21 09:00–10:00");
    let silent = ConflictRules { preserve_meeting_context: false, ..rules };
    let conflicts = judge(&silent, &[early()], &[meeting("m", 9, 10)]);
    let Verdict::Change(planned) = &conflicts[0].verdict else { panic!("{conflicts:?}") };
    assert_eq!(planned.change.note, None);
}

#[test]
fn only_keeping_both_is_settled() {
    assert!(!Left::KeptBoth.is_open());
    assert!(Left::Reported.is_open() && Left::CameBack.is_open());
}
