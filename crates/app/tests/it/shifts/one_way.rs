//! Where a WFM plans and Shifts only shows: whatever people try is refused, in their language,
//! and nothing changes.

use jiff::SignedDuration;
use serde_json::json;
use simulators::graph::Kind;
use simulators::graph::people::{NewShift, away, working};

use super::plan::{Plan, at};
use super::setup::Setup;
use super::site::{Site, told};

/// Languages of clients, and words of the refusal in each.
const LANGUAGES: [(&str, &str); 4] = [
    ("en-US,en;q=0.9", "scheduling system"),
    ("de-DE", "Planungssystem"),
    ("fr-FR", "système de planification"),
    ("es-MX", "sistema de planificación"),
];

/// A site where the features that the mirror switched off were switched on again by an owner.
fn site() -> Site {
    let site = Site::open(Setup::one_way(), Plan::usual());
    let team = site.team("Ward").to_owned();
    site.graph.update(|state| {
        let schedule = state.teams.get_mut(&team).unwrap().schedule.as_mut().unwrap();
        schedule.open_shifts_enabled = true;
        schedule.swap_shifts_requests_enabled = true;
        schedule.offer_shift_requests_enabled = true;
        schedule.time_off_requests_enabled = true;
    });
    site
}

#[test]
fn managers_are_refused_whatever_they_change() {
    let site = site();
    let (writes, seen) = (site.writes(), site.seen());
    let shift = site.id(Kind::Shift, "anna", at(0, 5));
    let open = site.id(Kind::OpenShift, "Ward", at(4, 13));
    let absence = site.id(Kind::TimeOff, "anna", at(5, 0));
    let (user, group) = (site.user("dan").to_owned(), site.group("Ward"));
    let reason = site.reason("Ward", "Training");
    let item = working(at(9, 5), at(9, 13));
    for (language, words) in LANGUAGES {
        let manager = site.manager("Ward").speaking(language);
        let later = |it: &mut simulators::graph::state::Item| {
            it.end += SignedDuration::from_hours(1);
        };
        let new = NewShift::of(&user, &group, item.clone());
        let absent = away(&reason, at(9, 0), at(9, 24));
        let refused = [
            told(site.when(manager.creates_shift(new))),
            told(site.when(manager.edits(&shift, later))),
            told(site.when(manager.reassigns(&shift, &user))),
            told(site.when(manager.deletes(&shift))),
            told(site.when(manager.creates_open_shift(&group, item.clone(), 1))),
            told(site.when(manager.edits(&open, later))),
            told(site.when(manager.assigns(&open, &user))),
            told(site.when(manager.deletes(&open))),
            told(site.when(manager.creates_time_off(&user, absent))),
            told(site.when(manager.edits(&absence, later))),
            told(site.when(manager.deletes(&absence))),
        ];
        for message in refused {
            assert!(message.contains(words), "{language}: {message}");
        }
    }
    assert_eq!(site.seen(), seen);
    site.shows_the_plan();
    // Written once: the schedule's settings, which an owner had changed.
    site.agrees_without_writing_since(writes + 1);
}

#[test]
fn employees_are_refused_whatever_they_ask_for() {
    let site = site();
    let own = site.id(Kind::Shift, "anna", at(0, 5));
    let other = site.id(Kind::Shift, "ben", at(0, 13));
    let open = site.id(Kind::OpenShift, "Ward", at(4, 13));
    let (user, reason) = (site.user("cleo").to_owned(), site.reason("Ward", "Training"));
    let availability = json!([{
        "recurrence": {
            "pattern": { "type": "Weekly", "daysOfWeek": ["Monday"], "interval": 1 },
            "range": { "type": "noEnd" },
        },
        "timeZone": "W. Europe Standard Time",
        "timeSlots": [{ "startTime": "08:00:00.0000000", "endTime": "22:00:00.0000000" }],
    }]);
    for (language, words) in LANGUAGES {
        let anna = site.person("anna").speaking(language);
        let refused = [
            told(site.when(anna.claims(&open))),
            told(site.when(anna.asks_to_swap(&own, &other))),
            told(site.when(anna.offers(&own, &user))),
            told(site.when(anna.asks_for_time_off(&reason, at(9, 0), at(9, 24)))),
            told(site.when(anna.sets_preferences(availability.clone()))),
        ];
        for message in refused {
            assert!(message.contains(words), "{language}: {message}");
        }
    }
    let requests = site.graph.read(|state| {
        let kinds = [Kind::SwapRequest, Kind::OfferRequest, Kind::OpenShiftRequest];
        let of = |team: &simulators::graph::state::Team| {
            kinds.iter().chain([&Kind::TimeOffRequest]).map(|kind| team.all(*kind).count()).sum()
        };
        state.teams.values().map(of).collect::<Vec<usize>>()
    });
    assert_eq!(requests, [0, 0]);
    site.shows_the_plan();
}

#[test]
fn answers_to_refused_calls_are_by_the_book() {
    let site = site();
    let shift = site.id(Kind::Shift, "anna", at(0, 5));
    told(site.when(site.manager("Ward").deletes(&shift)));
    let asked = site.asked();
    let exchange = asked.last().unwrap();
    assert_eq!(exchange.status, Some(200));
    let answer = &exchange.answer["responses"][0];
    assert_eq!((&answer["id"], &answer["status"]), (&shift.into(), &403.into()), "{answer}");
    assert_eq!(answer["body"]["error"]["code"], "UnsupportedOperation", "{answer}");
}

#[test]
fn kinds_that_are_one_way_are_refused_and_the_others_are_decided() {
    let keys = "directions = { shift = \"push\" }\n";
    let mut site =
        Site::open(Setup::two_way().keys(keys).rules("rest_min = \"0s\""), Plan::usual());
    let (own, other) =
        (site.id(Kind::Shift, "anna", at(0, 5)), site.id(Kind::Shift, "ben", at(0, 13)));
    let message = told(site.when(site.manager("Ward").deletes(&own)));
    assert!(message.contains("scheduling system"), "{message}");
    let request = site.when(site.person("anna").asks_to_swap(&own, &other)).unwrap();
    site.when(site.manager("Ward").approves(&request)).unwrap();
    "ben".clone_into(&mut site.plan.row("s1").employee);
    "anna".clone_into(&mut site.plan.row("s4").employee);
    site.shows_the_plan();
}
