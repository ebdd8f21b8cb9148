//! No echo: what changes on one side changes the other side once, and then there is peace.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use simulators::graph::people::{Life, NotDone};

use super::plan::Plan;
use super::push::shares;
use super::seen::assert_same;
use super::setup::Setup;
use super::site::{Entry, Site};

const CHANGES: usize = 1000;

/// A few people of three teams.
fn people() -> Vec<(String, String)> {
    let person = |number: usize| {
        let group = ["Ward", "Desk", "Shop"][number % 3];
        (format!("p{number:02}"), group.to_owned())
    };
    (0..24).map(person).collect()
}

/// A draw that is the same each time (SplitMix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((it ^ (it >> 31)) % end as u64).unwrap()
    }
}

#[test]
fn a_thousand_changes_in_the_wfm_cause_the_writes_they_need_and_no_more() {
    let people = people();
    let mut plan = Plan::default();
    for (who, group) in &people {
        for day in 0..13 {
            plan.shift(who, group, "Work", (day, 6, 14));
        }
    }
    let mut setup = Setup::one_way();
    setup.people.clone_from(&people);
    let mut site = Site::open(setup, plan);
    site.shows_the_plan();
    let mut draws = Draws(7);
    let mut changed = 0;
    while changed < CHANGES {
        let before: BTreeMap<String, _> = by_id(&site.plan);
        for _ in 0..125 {
            change(&mut site.plan, &people, &mut draws);
        }
        let after = by_id(&site.plan);
        let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let differing = ids.into_iter().filter(|id| before.get(*id) != after.get(*id));
        let differing: Vec<&String> = differing.collect();
        let group = |id: &String| before.get(id).or(after.get(id)).map(|it| it.group.clone());
        let teams: BTreeSet<_> = differing.iter().map(|id| group(id)).collect();
        changed += differing.len();
        let (writes, shared) = (site.writes(), shares(&site));
        site.save();
        site.sync(&[]);
        assert_eq!(site.writes() - writes, (differing.len() + teams.len()) as u64);
        assert_eq!(shares(&site) - shared, teams.len());
        site.shows_the_plan();
    }
    let writes = site.writes();
    site.sync(&[]);
    site.sync(&["--full"]);
    assert_eq!(site.writes(), writes, "{:#?}", site.last_requests());
    // Each of our writes called us, and we asked nobody.
    assert!(site.people.workforce().exchanges().len() > CHANGES);
    assert!(site.asked().is_empty());
}

fn by_id(plan: &Plan) -> BTreeMap<String, super::plan::Row> {
    plan.rows.iter().map(|it| (it.id.clone(), it.clone())).collect()
}

/// One shift more, one less, or another one.
fn change(plan: &mut Plan, people: &[(String, String)], draws: &mut Draws) {
    let at = draws.below(plan.rows.len());
    let id = plan.rows[at].id.clone();
    match draws.below(10) {
        0 | 1 => {
            let (who, group) = &people[draws.below(people.len())];
            let day = i64::try_from(draws.below(13)).unwrap();
            plan.shift(who, group, "Extra", (day, 15, 22));
        }
        2 | 3 => plan.remove(&id),
        4 => plan.row(&id).label.push('*'),
        _ => plan.row(&id).end += SignedDuration::from_mins(5),
    }
}

#[test]
fn a_thousand_acts_in_shifts_are_decided_and_nothing_is_written_back() {
    let people = people();
    let mut plan = Plan::default();
    for (number, (who, group)) in people.iter().enumerate() {
        for day in 0..10 {
            let from = if number % 2 == 0 { 5 } else { 13 };
            plan.shift(who, group, "Work", (day, from, from + 8));
        }
    }
    for group in ["Ward", "Desk", "Shop"] {
        for day in 0..10 {
            plan.open(group, "Spare", 2, (day, 6, 14));
        }
    }
    for (index, reason) in ["Vacation", "Sick Leave", "Unpaid"].iter().enumerate() {
        plan.away(&people[index].0, reason, (11, 0, 24));
    }
    let mut setup = Setup::two_way();
    setup.people.clone_from(&people);
    let site = Site::open(setup, plan);
    let writes = site.writes();
    let mut life = Life::seeded(11);
    let teams = ["Ward", "Desk", "Shop"].map(|it| site.people.team(site.team(it)));
    let (mut done, mut refused, mut otherwise) = (0, 0, 0);
    let mut turn = 0;
    while done + refused + otherwise < CHANGES {
        turn += 1;
        let Some(act) = site.when(life.acts(&teams[turn % 3])) else { continue };
        match act.seen {
            Ok(()) => done += 1,
            Err(NotDone::ByIntegration(refusal)) => {
                // Refused by a rule, overtaken, or about something that the roster does not have,
                // such as a reason for absence.
                assert!([403, 404, 409].contains(&refusal.status), "{:?}: {refusal:?}", act.deed);
                refused += 1;
            }
            Err(NotDone::ByShifts(_) | NotDone::Overtaken) => otherwise += 1,
        }
    }
    println!("{done} done, {refused} refused, {otherwise} not offered by Shifts");
    assert!(done > CHANGES / 4 && refused > CHANGES / 20, "{done} done, {refused} refused");
    site.looks_at_everything();
    assert_eq!(site.writes(), writes, "{:#?}", site.last_requests());
    site.published();
    // What people make twice in a row, the same to the minute, is taken for a client that tries
    // again: no message tells one from the other. The roster has it once.
    let twice = made_twice(&site);
    let once = |entries: Vec<Entry>| {
        let kept = entries.into_iter().filter(|it| !twice.contains(&(it.2, it.3)));
        kept.collect::<Vec<_>>()
    };
    assert!(twice.len() < 20, "{twice:?}");
    assert_same(&once(site.roster()), &once(site.shown()));
}

/// From when to when something was made that another call makes too.
fn made_twice(site: &Site) -> BTreeSet<(Timestamp, Timestamp)> {
    let mut made: BTreeMap<(String, Timestamp, Timestamp), BTreeSet<String>> = BTreeMap::new();
    for exchange in site.asked() {
        for element in exchange.plaintext["requests"].as_array().into_iter().flatten() {
            let body = &element["body"];
            let side = ["draft", "shared"].iter().flat_map(|side| {
                ["Shift", "OpenShift", "TimeOff"].map(|kind| &body[format!("{side}{kind}")])
            });
            let Some(side) = side.into_iter().find(|it| it.is_object()) else { continue };
            let edge = |key: &str| side[key].as_str().and_then(|it| it.parse().ok());
            let (Some(start), Some(end)) = (edge("startDateTime"), edge("endDateTime")) else {
                continue;
            };
            if element["method"] == "POST" {
                let whose = format!("{}{}", body["userId"], body["schedulingGroupId"]);
                let id = element["id"].as_str().unwrap().to_owned();
                made.entry((whose, start, end)).or_default().insert(id);
            }
        }
    }
    let twice = made.into_iter().filter(|(_, ids)| ids.len() > 1);
    twice.map(|((_, start, end), _)| (start, end)).collect()
}
