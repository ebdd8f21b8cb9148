//! Genesys Cloud decides: people ask for time off in Shifts, the request is made and decided in the
//! played organisation, and Shifts and calendars show what it says.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use simulators::genesys::state::{ActivityCode, ManagementUnit, User};
use simulators::genesys::{CLIENT, Fault, GenesysServer, Options, SECRET, What};
use simulators::graph::Kind;
use simulators::graph::integration::Mishap;
use simulators::graph::people::away;

use super::plan::{About, COLUMNS, Plan, at};
use super::setup::Setup;
use super::site::{Site, told};

const PEOPLE: [(&str, &str); 7] = [
    ("anna", "Ward"),
    ("ben", "Ward"),
    ("cleo", "Ward"),
    ("dan", "Ward"),
    ("eva", "Desk"),
    ("finn", "Desk"),
    ("gina", "Desk"),
];
/// The codes beside those that every business unit begins with.
const CODES: [(&str, &str); 3] =
    [("Early", "OnQueueWork"), ("Late", "OnQueueWork"), ("Vacation", "TimeOff")];

/// Anna works early and Ben late on three days; Dan is away on one.
fn plan() -> Plan {
    let mut plan = Plan::default();
    for day in 3..6 {
        works(&mut plan, "anna", "Early", (day, 5, 13));
        works(&mut plan, "ben", "Late", (day, 13, 21));
    }
    plan.away("dan", "Vacation", (3, 0, 24));
    plan
}

/// Adds a shift of one activity, which all of it is.
fn works(plan: &mut Plan, who: &str, label: &str, when: (i64, i64, i64)) {
    let shift = plan.shift(who, "Ward", label, when);
    plan.part(&shift, label, true, when);
}

/// The id of somebody's shift in the plan.
fn planned(site: &Site, who: &str, start: Timestamp) -> String {
    let is = |it: &&super::plan::Row| it.employee == who && it.start == start;
    site.plan.rows.iter().find(is).unwrap().id.clone()
}

fn date(day: i64) -> Date {
    TimeZone::UTC.to_datetime(at(day, 0)).date()
}

/// The same, planned in a played organisation whose days are UTC's and whose ids are those of the
/// plan.
fn organisation(plan: &Plan) -> GenesysServer {
    let genesys = GenesysServer::start(Options { rate: None, ..Options::default() }).unwrap();
    let unit = genesys.add_business_unit("People", "UTC");
    genesys.update(|state| {
        for name in ["Ward", "Desk"] {
            let (id, business_unit) = (name.to_owned(), unit.clone());
            let it = ManagementUnit { id, name: name.to_owned(), business_unit, zone: None };
            state.management_units.insert(name.to_owned(), it);
        }
        for (name, team) in PEOPLE {
            let user = User {
                id: name.to_owned(),
                name: name.to_owned(),
                email: Some(format!("{name}@example.com")),
                username: None,
                employee_number: None,
                state: "active",
                version: 1,
                management_unit: Some(team.to_owned()),
            };
            state.users.insert(name.to_owned(), user);
        }
        let codes = &mut state.business_units.get_mut(&unit).unwrap().activity_codes;
        for (name, category) in CODES {
            let (name, paid) = (name.to_owned(), true);
            let id = name.clone();
            codes.insert(id, ActivityCode { name, category, paid, active: true, default: false });
        }
    });
    for row in &plan.rows {
        match &row.about {
            About::TimeOff { reason } => {
                let day = TimeZone::UTC.to_datetime(row.start).date();
                let request = genesys.ask_time_off(&row.employee, reason, &[day]);
                genesys.decide_time_off(&request, "APPROVED");
                genesys.mark_day_off(&row.employee, day, Some(&request));
            }
            About::Part { .. } => {}
            About::Shift | About::OpenShift { .. } => {
                let minutes = row.end.duration_since(row.start).as_mins();
                let parts = [(u32::try_from(minutes).unwrap(), row.label.as_str())];
                genesys.add_shift(&row.employee, row.start, &parts);
            }
        }
    }
    genesys
}

/// A site whose system of record is the played organisation; Shifts tries so often again.
fn open_as(retries: u32) -> (Site, GenesysServer) {
    open_with(retries, "")
}

/// The same with more keys of the connection.
fn open_with(retries: u32, keys: &str) -> (Site, GenesysServer) {
    let plan = plan();
    let genesys = organisation(&plan);
    let mut site = Site::new(Setup::two_way().retries(retries), plan);
    site.world.write("genesys-secret", SECRET);
    let file = format!(
        "kind = \"roster_file\"\npath = \"roster.csv\"\ntime_zone = \"UTC\"\ncolumns = {COLUMNS}"
    );
    let url = genesys.url();
    let own = format!(
        "kind = \"genesys_cloud\"\nclient_id = \"{CLIENT}\"\n\
         client_secret_file = \"genesys-secret\"\napi_url = \"{url}\"\nlogin_url = \"{url}\"\n\
         requests_per_minute = 100000\n{keys}"
    );
    site.world.edit(&file, &own);
    site.world.edit("starts_from = \"plans\"", "source = \"plans\"");
    site.world.edit("[roster.rules]\n", "");
    site.sync(&[]);
    site.serve();
    site.register();
    (site, genesys)
}

fn open() -> (Site, GenesysServer) {
    open_as(1)
}

/// The requests of somebody there: status and days.
fn requests(genesys: &GenesysServer, who: &str) -> Vec<(String, Vec<Date>)> {
    genesys.read(|state| {
        let all = state.time_off.values().filter(|it| it.user == who);
        all.map(|it| (it.status.clone(), it.days.clone())).collect()
    })
}

fn request_of(genesys: &GenesysServer, who: &str) -> String {
    genesys.read(|state| {
        let mut all = state.time_off.values().filter(|it| it.user == who);
        all.next().unwrap().id.clone()
    })
}

/// The statuses that changes of requests were answered with.
fn changes(genesys: &GenesysServer) -> Vec<Option<u16>> {
    let all = genesys.requests();
    all.iter().filter(|it| it.method == "PATCH").map(|it| it.status).collect()
}

/// Cleo asks for the ninth day; the id of the request in Shifts.
fn cleo_asks(site: &Site) -> String {
    let reason = site.reason("Ward", "Vacation");
    site.when(site.person("cleo").asks_for_time_off(&reason, at(9, 0), at(9, 24))).unwrap()
}

#[test]
fn time_off_that_is_asked_for_in_shifts_is_decided_there_and_shown_everywhere() {
    let (mut site, genesys) = open();
    site.shows_the_plan();
    let writes = site.writes();
    let request = cleo_asks(&site);
    assert_eq!(requests(&genesys, "cleo"), [("PENDING".to_owned(), vec![date(9)])]);
    site.when(site.manager("Ward").approves(&request)).unwrap();
    assert_eq!(requests(&genesys, "cleo"), [("APPROVED".to_owned(), vec![date(9)])]);
    site.plan.away("cleo", "Vacation", (9, 0, 24));
    site.shows_the_plan();
    site.agrees_without_writing_since(writes);
    // Planned anew there, the schedule has it too, and it is the same absence.
    genesys.mark_day_off("cleo", date(9), Some(&request_of(&genesys, "cleo")));
    site.agrees_without_writing_since(writes);
    site.shows_the_plan();
}

#[test]
fn what_is_declined_or_taken_back_is_denied_there_and_shown_nowhere() {
    let (site, genesys) = open();
    let writes = site.writes();
    let request = cleo_asks(&site);
    site.when(site.manager("Ward").declines(&request)).unwrap();
    assert_eq!(requests(&genesys, "cleo"), [("DENIED".to_owned(), vec![date(9)])]);
    let request = cleo_asks(&site);
    site.when(site.person("cleo").cancels(&request)).unwrap();
    let denied = || ("DENIED".to_owned(), vec![date(9)]);
    assert_eq!(requests(&genesys, "cleo"), [denied(), denied()]);
    site.shows_the_plan();
    site.agrees_without_writing_since(writes);
}

#[test]
fn an_absence_that_a_manager_takes_back_in_shifts_is_denied_there() {
    let (mut site, genesys) = open();
    let writes = site.writes();
    let id = site.id(Kind::TimeOff, "dan", at(3, 0));
    site.when(site.manager("Ward").deletes(&id)).unwrap();
    site.when(site.manager("Ward").shares(&id)).unwrap();
    assert_eq!(requests(&genesys, "dan"), [("DENIED".to_owned(), vec![date(3)])]);
    // A planner takes the day off the schedule, as they do with what was denied.
    genesys.unmark_day_off("dan", date(3));
    let absence = site.plan.rows.iter().find(|it| it.employee == "dan").unwrap().id.clone();
    site.plan.remove(&absence);
    site.shows_the_plan();
    site.agrees_without_writing_since(writes);
}

#[test]
fn what_the_vendor_refuses_is_told_and_changes_nothing() {
    let (site, genesys) = open();
    let writes = site.writes();
    let request = cleo_asks(&site);
    let code = "invalid.value".to_owned();
    genesys.set_faults([Fault::on("PATCH").then(What::Refusal { status: 400, code })]);
    let message = told(site.when(site.manager("Ward").approves(&request)));
    assert!(!message.is_empty());
    assert_eq!(requests(&genesys, "cleo"), [("PENDING".to_owned(), vec![date(9)])]);
    site.shows_the_plan();
    genesys.set_faults([]);
    site.agrees_without_writing_since(writes);
    // Shifts are changed by uploading a schedule there: nobody decides that, and it is told.
    let own = site.id(Kind::Shift, "anna", at(4, 5));
    let later = |it: &mut simulators::graph::state::Item| it.end = at(4, 14);
    told(site.when(site.manager("Ward").edits(&own, later)));
    site.shows_the_plan();
}

#[test]
fn a_swap_is_approved_where_the_two_are_matched_for_it_there() {
    let (mut site, genesys) = open_with(1, "shift_trades = true\n");
    let writes = site.writes();
    let of = |who: &str, day: i64, hour: i64| {
        let mut all = genesys.shifts_of(who).into_iter();
        all.find(|it| it.start == at(day, hour)).unwrap().id
    };
    let own = site.id(Kind::Shift, "anna", at(4, 5));
    let other = site.id(Kind::Shift, "ben", at(4, 13));
    let message = told(site.when(site.person("anna").asks_to_swap(&own, &other)));
    assert!(message.contains("has no trade of these two shifts"), "{message}");
    genesys.agree_to_trade(&of("anna", 4, 5), &of("ben", 4, 13));
    let request = site.when(site.person("anna").asks_to_swap(&own, &other)).unwrap();
    site.when(site.person("ben").accepts(&request)).unwrap();
    site.when(site.manager("Ward").approves(&request)).unwrap();
    assert_eq!(genesys.shifts_of("anna")[1].start, at(4, 13), "handed over there");
    let (annas, bens) = (planned(&site, "anna", at(4, 5)), planned(&site, "ben", at(4, 13)));
    site.plan.row(&annas).employee = "ben".to_owned();
    site.plan.row(&bens).employee = "anna".to_owned();
    site.shows_the_plan();
    site.agrees_without_writing_since(writes);
}

#[test]
fn a_request_that_is_changed_there_meanwhile_is_read_again_and_decided() {
    let (mut site, genesys) = open();
    let writes = site.writes();
    let request = cleo_asks(&site);
    genesys.set_meddled(&request_of(&genesys, "cleo"), 2);
    site.when(site.manager("Ward").approves(&request)).unwrap();
    assert_eq!(changes(&genesys), [Some(409), Some(409), Some(200)]);
    assert_eq!(requests(&genesys, "cleo"), [("APPROVED".to_owned(), vec![date(9)])]);
    site.plan.away("cleo", "Vacation", (9, 0, 24));
    site.shows_the_plan();
    site.agrees_without_writing_since(writes);
}

#[test]
fn an_answer_that_is_lost_is_no_second_request_and_no_second_decision() {
    let (mut site, genesys) = open_as(3);
    let writes = site.writes();
    genesys.set_faults([
        Fault::on("POST")
            .at("/managementunits/Ward/timeoffrequests")
            .times(1)
            .then(What::ResetAfterApply),
        Fault::on("PATCH").times(1).then(What::ResetAfterApply),
    ]);
    // Nobody knows what became of it: whoever asks again finds out.
    let reason = site.reason("Ward", "Vacation");
    let ask =
        async |it: &Site| it.person("cleo").asks_for_time_off(&reason, at(9, 0), at(9, 24)).await;
    let message = told(site.when(ask(&site)));
    assert!(message.contains("cannot be reached"), "{message}");
    let request = site.when(ask(&site)).unwrap();
    assert_eq!(requests(&genesys, "cleo"), [("PENDING".to_owned(), vec![date(9)])]);
    told(site.when(site.manager("Ward").approves(&request)));
    site.when(site.manager("Ward").approves(&request)).unwrap();
    assert_eq!(requests(&genesys, "cleo"), [("APPROVED".to_owned(), vec![date(9)])]);
    assert_eq!(changes(&genesys), [None], "decided once, without an answer, and found decided");
    site.plan.away("cleo", "Vacation", (9, 0, 24));
    site.shows_the_plan();
    site.agrees_without_writing_since(writes);
}

#[test]
fn a_kill_between_the_decision_there_and_our_keeping_it_leaves_one_absence() {
    let (mut site, genesys) = open_as(0);
    let (cleo, reason) = (site.user("cleo").to_owned(), site.reason("Ward", "Vacation"));
    for (day, moment) in (12..).zip([0, 3, 8, 20, 50]) {
        let item = away(&reason, at(day, 0), at(day, 24));
        site.mishaps([Mishap::StopsWaiting]);
        let make = async |it: &Site| {
            let manager = it.manager("Ward");
            manager.creates_time_off(&cleo, item.clone()).await
        };
        assert!(site.when(make(&site)).is_err(), "nobody waited for the answer");
        std::thread::sleep(std::time::Duration::from_millis(moment));
        site.kill();
        site.serve();
        match site.when(make(&site)) {
            Ok(made) => site.when(site.manager("Ward").shares(&made)).unwrap(),
            Err(_) => {
                assert_eq!(requests(&genesys, "cleo").len(), usize::try_from(day).unwrap() - 11)
            }
        }
        site.plan.away("cleo", "Vacation", (day, 0, 24));
    }
    let mut made: BTreeMap<Date, usize> = BTreeMap::new();
    for (status, days) in requests(&genesys, "cleo") {
        assert_eq!(status, "APPROVED");
        days.into_iter().for_each(|day| *made.entry(day).or_default() += 1);
    }
    let once = (12..17).map(|day| (date(day), 1)).collect();
    assert_eq!(made, once, "each was made once");
    site.looks_at_everything();
    site.shows_the_plan();
}

#[test]
fn what_is_planned_there_reaches_shifts_and_calendars() {
    let (mut site, genesys) = open();
    works(&mut site.plan, "cleo", "Late", (6, 21, 29));
    genesys.add_shift("cleo", at(6, 21), &[(480, "Late")]);
    let annas = genesys.shifts_of("anna")[0].id.clone();
    genesys.move_shift(&annas, SignedDuration::from_mins(60));
    for row in site.plan.rows.iter_mut().filter(|it| it.start == at(3, 5)) {
        (row.start, row.end) = (at(3, 6), at(3, 14));
    }
    site.sync(&[]);
    site.shows_the_plan();
    site.agrees();
}
