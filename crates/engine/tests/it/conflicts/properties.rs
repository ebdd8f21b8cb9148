//! What holds for any calendar.

use domain::policy::{ConflictPolicy, OverrideAction};
use domain::{EventSpan, UtcInterval};
use engine::plan::conflict::{ConflictRules, Verdict, Working};
use engine::port::{ForeignChange, ForeignEvent, ForeignRole, ForeignShowAs, Response};
use proptest::prelude::*;
use testkit::builders::{hours, meeting, shift_key};

use super::decisions::judge;
use super::rig::overriding;

fn events() -> impl Strategy<Value = Vec<ForeignEvent>> {
    let role = prop_oneof![
        Just(ForeignRole::Owner),
        Just(ForeignRole::Organiser),
        Just(ForeignRole::Attendee(Response::Accepted)),
        Just(ForeignRole::Attendee(Response::Declined)),
    ];
    let show_as = prop_oneof![
        Just(ForeignShowAs::Busy),
        Just(ForeignShowAs::Free),
        Just(ForeignShowAs::Tentative),
    ];
    let event = (0i64..60, 1i64..5, role, show_as);
    prop::collection::vec(event, 0..12).prop_map(|all| {
        let numbered = all.into_iter().enumerate();
        let event = |(n, (start, length, role, show_as))| ForeignEvent {
            role,
            show_as,
            ..meeting(&format!("e{n}"), start, start + length)
        };
        numbered.map(event).collect()
    })
}

fn shifts() -> impl Strategy<Value = Vec<Working>> {
    prop::collection::vec((0i64..60, 1i64..10), 0..6).prop_map(|all| {
        let numbered = all.into_iter().enumerate();
        let shift = |(n, (start, length))| Working {
            key: shift_key(&format!("s{n}")),
            interval: hours(start, start + length),
            title: None,
        };
        numbered.map(shift).collect()
    })
}

fn rules() -> impl Strategy<Value = ConflictRules> {
    let action = prop_oneof![Just(OverrideAction::Delete), Just(OverrideAction::Move)];
    action.prop_map(overriding)
}

fn timed(span: &EventSpan) -> UtcInterval {
    match span {
        EventSpan::Timed(interval) => *interval,
        EventSpan::AllDay { .. } => panic!("no days here"),
    }
}

proptest! {
    #[test]
    fn the_same_inputs_give_the_same_decision_in_any_order(
        rules in rules(), events in events(), shifts in shifts(), seed in any::<u64>(),
    ) {
        let decided = judge(&rules, &shifts, &events);
        let (mut events, mut shifts) = (events, shifts);
        let turn = |length: usize| if length == 0 { 0 } else { seed as usize % length };
        let (by, of) = (turn(events.len()), turn(shifts.len()));
        events.rotate_left(by);
        events.reverse();
        shifts.rotate_left(of);
        prop_assert_eq!(judge(&rules, &shifts, &events), decided);
    }

    #[test]
    fn what_stands_in_nobodys_way_is_not_touched(
        rules in rules(), events in events(), shifts in shifts(),
    ) {
        for conflict in judge(&rules, &shifts, &events) {
            let Verdict::Change(planned) = conflict.verdict else { continue };
            let at = timed(&planned.event.span);
            prop_assert!(shifts.iter().any(|it| it.interval.overlaps(&at)));
            prop_assert_ne!(planned.event.show_as, ForeignShowAs::Free);
        }
    }

    #[test]
    fn what_others_organise_is_declined_and_nothing_else(
        rules in rules(), events in events(), shifts in shifts(),
    ) {
        for conflict in judge(&rules, &shifts, &events) {
            let Verdict::Change(planned) = conflict.verdict else { continue };
            let theirs = matches!(planned.event.role, ForeignRole::Attendee(_));
            let declined = matches!(planned.change.change, ForeignChange::Decline { .. });
            prop_assert_eq!(theirs, declined);
        }
    }

    #[test]
    fn a_moved_event_is_as_long_as_it_was_and_in_nobodys_way(
        events in events(), shifts in shifts(),
    ) {
        let rules = overriding(OverrideAction::Move);
        let mut taken: Vec<UtcInterval> = shifts.iter().map(|it| it.interval).collect();
        for conflict in judge(&rules, &shifts, &events) {
            let Verdict::Change(planned) = conflict.verdict else { continue };
            let ForeignChange::Move { to, .. } = &planned.change.change else { continue };
            let (from, to) = (timed(&planned.event.span), timed(to));
            prop_assert_eq!(from.duration(), to.duration());
            prop_assert!(!taken.iter().any(|it| it.overlaps(&to)));
            taken.push(to);
        }
    }

    #[test]
    fn whoever_only_wants_to_know_touches_nothing(events in events(), shifts in shifts()) {
        for policy in [ConflictPolicy::Report, ConflictPolicy::KeepBoth] {
            let rules = ConflictRules { policy, ..overriding(OverrideAction::Delete) };
            for conflict in judge(&rules, &shifts, &events) {
                prop_assert!(matches!(conflict.verdict, Verdict::Leave(_)));
            }
        }
    }
}
