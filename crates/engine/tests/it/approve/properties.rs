//! What holds for every command on every roster.

use std::time::Duration;

use domain::{
    Command, Entity, EntityKey, OpenShiftId, Request, RequestStep, RuleSet, ShiftId, TimeOffItem,
    TimeOffRule, UtcInterval,
};
use engine::port::{RosterChange, Verdict};
use jiff::SignedDuration;
use proptest::prelude::*;
use testkit::builders::employee_id;

use super::pages::{Page, item, local, open_shift, reason_id, shift};

const PEOPLE: [&str; 3] = ["ada", "ben", "cem"];

fn strict() -> RuleSet {
    let rule = TimeOffRule { days_per_year: Some(3), days_at_once_max: Some(2) };
    RuleSet {
        rest_min: Some(Duration::from_secs(11 * 3600)),
        day_work_max: Some(Duration::from_secs(10 * 3600)),
        week_work_max: Some(Duration::from_secs(30 * 3600)),
        time_off: [("leave".to_owned(), rule)].into(),
        absent_max: Some(1),
        ..RuleSet::default()
    }
}

/// Hours counted from the evening before the autumn's clock change.
fn interval() -> impl Strategy<Value = UtcInterval> {
    (0i64..24 * 9, 1i64..14).prop_map(|(start, hours)| {
        let start = local("2026-10-24T18:00") + SignedDuration::from_hours(start);
        UtcInterval::new(start, start + SignedDuration::from_hours(hours))
            .expect("a test says it right")
    })
}

fn person() -> impl Strategy<Value = &'static str> {
    prop::sample::select(PEOPLE.to_vec())
}

fn shift_id() -> impl Strategy<Value = ShiftId> {
    (0usize..12)
        .prop_map(|index| ShiftId::new(format!("made-{index}")).expect("a test says it right"))
}

fn command() -> impl Strategy<Value = Command> {
    let work = || (person(), interval()).prop_map(|(who, when)| item(&shift("x", who, when)));
    let away = || {
        (person(), interval()).prop_map(|(who, interval)| TimeOffItem {
            employee: employee_id(who),
            reason: Some(reason_id("leave")),
            interval,
        })
    };
    let approved = |request| Command::Request { request, step: RequestStep::Approved };
    prop_oneof![
        3 => work().prop_map(|item| Command::CreateShift { item }),
        1 => (shift_id(), work()).prop_map(|(shift, item)| Command::EditShift { shift, item }),
        1 => shift_id().prop_map(|shift| Command::DeleteShift { shift }),
        2 => (shift_id(), shift_id())
            .prop_map(move |(given, wanted)| approved(Request::Swap { given, wanted })),
        1 => (shift_id(), person()).prop_map(move |(given, to)| {
            approved(Request::Offer { given, to: employee_id(to) })
        }),
        1 => person().prop_map(move |who| approved(Request::OpenShift {
            open_shift: OpenShiftId::new("open").expect("a test says it right"),
            employee: employee_id(who),
        })),
        1 => away().prop_map(|item| Command::CreateTimeOff { item }),
        1 => away().prop_map(move |item| approved(Request::TimeOff { item })),
    ]
}

/// A roster that came about by granted commands only.
fn grown(commands: &[Command]) -> Page {
    let open = open_shift(
        "open",
        3,
        UtcInterval::new(local("2026-10-28T08:00"), local("2026-10-28T16:00"))
            .expect("a test says it right"),
    );
    let mut page = Page::new(strict()).with(Entity::OpenShift(open));
    page.now = local("2026-10-20T00:00");
    for (index, command) in commands.iter().enumerate() {
        let mut facts = page.facts();
        facts.fresh_ids = vec![format!("made-{index}")];
        let verdict = engine::approve::judge(&page.rules, &super::pages::berlin(), command, &facts);
        if let Verdict::Granted(change) = verdict {
            page = page.after(&change);
        }
    }
    page
}

/// Whether everything in the roster, taken out and put in again, is granted: so no rule is broken.
fn breaks(page: &Page) -> Option<(EntityKey, domain::Refusal)> {
    page.entities.iter().find_map(|entity| {
        let key = entity.key();
        let gone = RosterChange { upserts: vec![], tombstones: vec![key.clone()] };
        let without = page.clone().after(&gone);
        let again = match entity {
            Entity::Shift(it) => Command::CreateShift { item: item(it) },
            Entity::TimeOff(it) => Command::CreateTimeOff {
                item: TimeOffItem {
                    employee: it.employee.clone(),
                    reason: it.reason.clone(),
                    interval: it.span.interval().expect("a test says it right"),
                },
            },
            _other => return None,
        };
        Some((key, without.refusal(&again)?))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn granted_commands_never_leave_a_roster_that_breaks_a_rule(
        commands in prop::collection::vec(command(), 1..12),
    ) {
        let page = grown(&commands);
        prop_assert_eq!(breaks(&page), None);
    }

    #[test]
    fn a_swap_done_twice_leaves_the_roster_as_it_was(
        commands in prop::collection::vec(command(), 1..12),
        given in shift_id(),
        wanted in shift_id(),
    ) {
        let page = grown(&commands);
        let request = Request::Swap { given, wanted };
        let swap = Command::Request { request, step: RequestStep::Approved };
        if let Ok(change) = page.judge(&swap) {
            let exchanged = page.clone().after(&change);
            let back = exchanged.judge(&swap).expect("what was allowed before is allowed again");
            let mut again = exchanged.after(&back).entities;
            let mut before = page.entities;
            again.sort_by_key(Entity::key);
            before.sort_by_key(Entity::key);
            prop_assert_eq!(again, before);
        }
    }

    #[test]
    fn what_changes_nothing_is_always_granted(
        commands in prop::collection::vec(command(), 0..8),
        given in shift_id(),
        wanted in shift_id(),
    ) {
        let page = grown(&commands);
        for step in [RequestStep::Declined, RequestStep::Cancelled] {
            let request = Request::Swap { given: given.clone(), wanted: wanted.clone() };
            let verdict = page.judge(&Command::Request { request, step });
            prop_assert_eq!(verdict, Ok(RosterChange::default()));
        }
    }
}
