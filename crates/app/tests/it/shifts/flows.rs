//! What people may do in Shifts where the roster is its own record: every flow, whatever happens
//! to the calls. It is decided once and happens once, and nothing of it is written back.
//!
//! The plan is the model: each test changes it by hand as the roster is to change.

use jiff::SignedDuration;
use serde_json::json;
use simulators::graph::Kind;
use simulators::graph::people::{NewShift, away, working};
use simulators::graph::state::Item;

use super::plan::{About, Plan, at};
use super::setup::Setup;
use super::site::Site;
use super::weather::Weather;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Per kind of weather a day on which Anna works early and Ben late, two open shifts, one of
/// them with a single slot, and an absence of Dan.
fn plan() -> Plan {
    let mut plan = Plan::default();
    for (_, day) in Weather::ALL {
        plan.shift("anna", "Ward", "Early", (day, 5, 13));
        plan.shift("ben", "Ward", "Late", (day, 13, 21));
        plan.open("Ward", "Extra", 1, (day, 6, 12));
        plan.open("Ward", "Spare", 2, (day, 14, 20));
        plan.away("dan", "Training", (day, 0, 24));
    }
    plan.away("eva", "Vacation", (3, 0, 24));
    plan
}

/// The ids of a day's rows in [`plan`].
struct Day {
    day: i64,
    early: String,
    late: String,
    extra: String,
    spare: String,
    absence: String,
}

/// Runs a flow in every weather, and then sees that nothing is left to do.
fn check(flow: impl Fn(&mut Site, Weather, &Day)) {
    check_with("rest_min = \"0s\"", flow);
}

fn check_with(rules: &str, flow: impl Fn(&mut Site, Weather, &Day)) {
    let mut site = Site::open(Setup::two_way().retries(1).rules(rules), plan());
    let writes = site.writes();
    for (index, (weather, day)) in Weather::ALL.into_iter().enumerate() {
        let id = |offset: usize| format!("s{}", 5 * index + offset);
        let (early, late, extra, spare) = (id(1), id(2), id(3), id(4));
        let day = Day { day, early, late, extra, spare, absence: id(5) };
        flow(&mut site, weather, &day);
        super::seen::assert_same(&site.seen(), &site.planned());
    }
    site.shows_the_plan();
    site.agrees_without_writing_since(writes);
}

fn named(label: &str, item: Item) -> Item {
    Item { display_name: Some(label.to_owned()), ..item }
}

#[test]
fn a_manager_makes_a_shift() {
    check(|site, weather, day| {
        let (user, group) = (site.user("cleo").to_owned(), site.group("Ward"));
        let item = named("Late", working(at(day.day, 13), at(day.day, 21)));
        let new = NewShift::of(&user, &group, item);
        let manager = |site: &Site| site.manager("Ward");
        let made = weather.lets(site, async |it| manager(it).creates_shift(new.clone()).await);
        let made = made.unwrap();
        weather.lets(site, async |it| manager(it).shares(&made).await).unwrap();
        site.plan.shift("cleo", "Ward", "Late", (day.day, 13, 21));
    });
}

#[test]
fn a_manager_changes_a_shift() {
    check(|site, weather, day| {
        let id = site.id(Kind::Shift, "anna", at(day.day, 5));
        let longer = async |it: &Site| it.manager("Ward").edits(&id, |it| it.end += HOUR).await;
        if weather == Weather::Killed {
            // The second try would make it longer still: it says how long instead.
            let end = at(day.day, 14);
            let to = async |it: &Site| it.manager("Ward").edits(&id, |it| it.end = end).await;
            weather.lets(site, to).unwrap();
        } else {
            weather.lets(site, longer).unwrap();
        }
        weather.lets(site, async |it| it.manager("Ward").shares(&id).await).unwrap();
        site.plan.row(&day.early).end += HOUR;
    });
}

#[test]
fn a_manager_gives_a_shift_to_somebody_else() {
    check(|site, weather, day| {
        let id = site.id(Kind::Shift, "anna", at(day.day, 5));
        let cleo = site.user("cleo").to_owned();
        weather.lets(site, async |it| it.manager("Ward").reassigns(&id, &cleo).await).unwrap();
        weather.lets(site, async |it| it.manager("Ward").shares(&id).await).unwrap();
        site.plan.row(&day.early).employee = "cleo".to_owned();
    });
}

#[test]
fn a_shift_that_a_manager_deletes_is_gone_from_the_roster_at_the_draft_stage() {
    check(|site, weather, day| {
        let id = site.id(Kind::Shift, "anna", at(day.day, 5));
        weather.lets(site, async |it| it.manager("Ward").deletes(&id).await).unwrap();
        let start = at(day.day, 5);
        let there = |site: &Site| site.roster().iter().any(|it| it.1 == "anna" && it.2 == start);
        assert!(!there(site), "{weather:?}");
        // Sharing it says the same once more.
        weather.lets(site, async |it| it.manager("Ward").shares(&id).await).unwrap();
        site.plan.remove(&day.early);
    });
}

#[test]
fn a_manager_makes_changes_and_deletes_open_shifts() {
    check(|site, weather, day| {
        let group = site.group("Ward");
        let item = named("Night", working(at(day.day, 21), at(day.day, 29)));
        let make =
            async |it: &Site| it.manager("Ward").creates_open_shift(&group, item.clone(), 2).await;
        let made = weather.lets(site, make).unwrap();
        weather.lets(site, async |it| it.manager("Ward").shares(&made).await).unwrap();
        site.plan.open("Ward", "Night", 2, (day.day, 21, 29));
        let id = site.id(Kind::OpenShift, "Ward", at(day.day, 14));
        let three = |it: &mut Item| it.open_slots = Some(3);
        weather.lets(site, async |it| it.manager("Ward").edits(&id, three).await).unwrap();
        weather.lets(site, async |it| it.manager("Ward").shares(&id).await).unwrap();
        site.plan.row(&day.spare).about = About::OpenShift { slots: 3 };
        let id = site.id(Kind::OpenShift, "Ward", at(day.day, 6));
        weather.lets(site, async |it| it.manager("Ward").deletes(&id).await).unwrap();
        weather.lets(site, async |it| it.manager("Ward").shares(&id).await).unwrap();
        site.plan.remove(&day.extra);
    });
}

#[test]
fn a_manager_gives_an_open_shift_to_somebody() {
    check(|site, weather, day| {
        let open = site.id(Kind::OpenShift, "Ward", at(day.day, 14));
        let cleo = site.user("cleo").to_owned();
        let assign = async |it: &Site| it.manager("Ward").assigns(&open, &cleo).await;
        let made = weather.lets(site, assign).unwrap();
        weather.lets(site, async |it| it.manager("Ward").shares(&made).await).unwrap();
        weather.lets(site, async |it| it.manager("Ward").shares(&open).await).unwrap();
        site.plan.row(&day.spare).about = About::OpenShift { slots: 1 };
        site.plan.shift("cleo", "Ward", "Spare", (day.day, 14, 20));
    });
}

#[test]
fn a_manager_gives_the_last_slot_of_an_open_shift_to_somebody() {
    check(|site, weather, day| {
        let open = site.id(Kind::OpenShift, "Ward", at(day.day, 6));
        let cleo = site.user("cleo").to_owned();
        let assign = async |it: &Site| it.manager("Ward").assigns(&open, &cleo).await;
        let made = weather.lets(site, assign).unwrap();
        weather.lets(site, async |it| it.manager("Ward").shares(&made).await).unwrap();
        weather.lets(site, async |it| it.manager("Ward").shares(&open).await).unwrap();
        site.plan.remove(&day.extra);
        site.plan.shift("cleo", "Ward", "Extra", (day.day, 6, 12));
    });
}

#[test]
fn a_claim_of_an_open_shift_is_approved_and_the_others_are_declined() {
    check(|site, weather, day| {
        let open = site.id(Kind::OpenShift, "Ward", at(day.day, 6));
        let ask = |who: &'static str| {
            let open = open.clone();
            async move |it: &Site| it.person(who).claims(&open).await
        };
        let first = weather.lets(site, ask("cleo")).unwrap();
        let second = weather.lets(site, ask("ben")).unwrap();
        weather.lets(site, async |it| it.manager("Ward").approves(&first).await).unwrap();
        let declined = site.when(site.manager("Ward").approves(&second));
        assert!(declined.is_err(), "{weather:?}: it was declined by itself");
        site.plan.remove(&day.extra);
        site.plan.shift("cleo", "Ward", "Extra", (day.day, 6, 12));
    });
}

#[test]
fn a_claim_that_is_declined_or_taken_back_changes_nothing() {
    check(|site, weather, day| {
        let open = site.id(Kind::OpenShift, "Ward", at(day.day, 6));
        let ask = async |it: &Site| it.person("cleo").claims(&open).await;
        let first = weather.lets(site, ask).unwrap();
        weather.lets(site, async |it| it.manager("Ward").declines(&first).await).unwrap();
        let second = weather.lets(site, ask).unwrap();
        weather.lets(site, async |it| it.person("cleo").cancels(&second).await).unwrap();
    });
}

#[test]
fn a_swap_is_asked_for_agreed_to_and_approved() {
    check(|site, weather, day| {
        let (own, other) = shifts(site, day);
        let ask = async |it: &Site| it.person("anna").asks_to_swap(&own, &other).await;
        let request = weather.lets(site, ask).unwrap();
        weather.lets(site, async |it| it.person("ben").accepts(&request).await).unwrap();
        weather.lets(site, async |it| it.manager("Ward").approves(&request).await).unwrap();
        swapped(site, day);
    });
}

#[test]
fn a_swap_is_approved_before_the_colleague_said_anything() {
    check(|site, weather, day| {
        let (own, other) = shifts(site, day);
        let ask = async |it: &Site| it.person("anna").asks_to_swap(&own, &other).await;
        let request = weather.lets(site, ask).unwrap();
        weather.lets(site, async |it| it.manager("Ward").approves(&request).await).unwrap();
        swapped(site, day);
    });
}

#[test]
fn a_swap_that_anybody_declines_or_takes_back_changes_nothing() {
    check(|site, weather, day| {
        let (own, other) = shifts(site, day);
        let ask = async |it: &Site| it.person("anna").asks_to_swap(&own, &other).await;
        let request = weather.lets(site, ask).unwrap();
        weather.lets(site, async |it| it.person("ben").declines(&request).await).unwrap();
        let request = weather.lets(site, ask).unwrap();
        weather.lets(site, async |it| it.person("ben").accepts(&request).await).unwrap();
        weather.lets(site, async |it| it.manager("Ward").declines(&request).await).unwrap();
        let request = weather.lets(site, ask).unwrap();
        let system =
            async |it: &Site| it.people.team(it.team("Ward")).system().declines(&request).await;
        weather.lets(site, system).unwrap();
        let request = weather.lets(site, ask).unwrap();
        weather.lets(site, async |it| it.person("anna").cancels(&request).await).unwrap();
    });
}

#[test]
fn an_offer_is_made_taken_and_approved() {
    check(|site, weather, day| {
        let own = site.id(Kind::Shift, "anna", at(day.day, 5));
        let cleo = site.user("cleo").to_owned();
        let offer = async |it: &Site| it.person("anna").offers(&own, &cleo).await;
        let request = weather.lets(site, offer).unwrap();
        weather.lets(site, async |it| it.person("cleo").accepts(&request).await).unwrap();
        weather.lets(site, async |it| it.manager("Ward").approves(&request).await).unwrap();
        site.plan.row(&day.early).employee = "cleo".to_owned();
    });
}

#[test]
fn an_offer_that_anybody_declines_or_takes_back_changes_nothing() {
    check(|site, weather, day| {
        let own = site.id(Kind::Shift, "anna", at(day.day, 5));
        let cleo = site.user("cleo").to_owned();
        let offer = async |it: &Site| it.person("anna").offers(&own, &cleo).await;
        let request = weather.lets(site, offer).unwrap();
        weather.lets(site, async |it| it.person("cleo").declines(&request).await).unwrap();
        let request = weather.lets(site, offer).unwrap();
        weather.lets(site, async |it| it.person("cleo").accepts(&request).await).unwrap();
        weather.lets(site, async |it| it.manager("Ward").declines(&request).await).unwrap();
        let request = weather.lets(site, offer).unwrap();
        weather.lets(site, async |it| it.person("anna").cancels(&request).await).unwrap();
    });
}

#[test]
fn an_operator_sees_what_is_asked_for_and_what_became_of_it() {
    let mut plan = Plan::usual();
    plan.open("Ward", "Spare", 1, (7, 5, 13));
    let mut site = Site::open(Setup::two_way(), plan);
    let open = site.id(Kind::OpenShift, "Ward", at(7, 5));
    let request = site.when(site.person("dan").claims(&open)).unwrap();
    let status = |site: &Site| site.run(&["status", "--json"]).exits(0).json();
    let told = status(&site)["mirrors"][0]["requests"][0].clone();
    assert_eq!((&told["request"], &told["step"]), (&json!(request), &json!("asked")), "{told}");
    site.run(&["status"]).exits(0).says(&format!("open shift request `{request}`"));
    site.run(&["explain", &open]).exits(0).says(&format!("`{request}` in")).says("waits for");
    site.when(site.manager("Ward").declines(&request)).unwrap();
    assert_eq!(status(&site)["mirrors"][0]["requests"], json!([]), "nothing is open any more");
    site.run(&["explain", &open]).exits(0).says("was declined");
    site.kill();
}

#[test]
fn time_off_is_asked_for_and_approved() {
    check(|site, weather, day| {
        let reason = site.reason("Ward", "Vacation");
        let (start, end) = (at(day.day, 0), at(day.day, 24));
        let ask = async |it: &Site| it.person("cleo").asks_for_time_off(&reason, start, end).await;
        let request = weather.lets(site, ask).unwrap();
        weather.lets(site, async |it| it.manager("Ward").approves(&request).await).unwrap();
        site.plan.away("cleo", "Vacation", (day.day, 0, 24));
    });
}

#[test]
fn time_off_that_is_declined_or_taken_back_changes_nothing() {
    check(|site, weather, day| {
        let reason = site.reason("Ward", "Vacation");
        let (start, end) = (at(day.day, 0), at(day.day, 24));
        let ask = async |it: &Site| it.person("cleo").asks_for_time_off(&reason, start, end).await;
        let request = weather.lets(site, ask).unwrap();
        weather.lets(site, async |it| it.manager("Ward").declines(&request).await).unwrap();
        let request = weather.lets(site, ask).unwrap();
        weather.lets(site, async |it| it.person("cleo").cancels(&request).await).unwrap();
    });
}

#[test]
fn a_manager_makes_changes_and_deletes_absences() {
    check(|site, weather, day| {
        let (reason, cleo) = (site.reason("Ward", "Vacation"), site.user("cleo").to_owned());
        let item = away(&reason, at(day.day, 0), at(day.day, 24));
        let make = async |it: &Site| it.manager("Ward").creates_time_off(&cleo, item.clone()).await;
        let made = weather.lets(site, make).unwrap();
        weather.lets(site, async |it| it.manager("Ward").shares(&made).await).unwrap();
        let until = at(day.day, 12);
        let shorter = async |it: &Site| it.manager("Ward").edits(&made, |it| it.end = until).await;
        weather.lets(site, shorter).unwrap();
        weather.lets(site, async |it| it.manager("Ward").shares(&made).await).unwrap();
        site.plan.away("cleo", "Vacation", (day.day, 0, 12));
        let id = site.id(Kind::TimeOff, "dan", at(day.day, 0));
        weather.lets(site, async |it| it.manager("Ward").deletes(&id).await).unwrap();
        weather.lets(site, async |it| it.manager("Ward").shares(&id).await).unwrap();
        site.plan.remove(&day.absence);
    });
}

#[test]
fn somebody_says_when_they_can_work() {
    check(|site, weather, day| {
        let availability = json!([{
            "recurrence": {
                "pattern": { "type": "Weekly", "daysOfWeek": ["Monday"], "interval": 1 },
                "range": { "type": "noEnd" },
            },
            "timeZone": "W. Europe Standard Time",
            "timeSlots": [{
                "startTime": format!("{:02}:00:00.0000000", day.day),
                "endTime": "22:00:00.0000000",
            }],
        }]);
        let say = async |it: &Site| it.person("cleo").sets_preferences(availability.clone()).await;
        weather.lets(site, say).unwrap();
    });
}

fn shifts(site: &Site, day: &Day) -> (String, String) {
    let own = site.id(Kind::Shift, "anna", at(day.day, 5));
    (own, site.id(Kind::Shift, "ben", at(day.day, 13)))
}

fn swapped(site: &mut Site, day: &Day) {
    site.plan.row(&day.early).employee = "ben".to_owned();
    site.plan.row(&day.late).employee = "anna".to_owned();
}
