//! A WFM of somebody's own decides: the example server is the system of record, people act in
//! Shifts, and calendars follow.

use serde_json::{Value, json};
use simulators::graph::Kind;
use simulators::graph::integration::Mishap;
use simulators::graph::people::{NewShift, working};

use super::plan::{About, COLUMNS, Plan, at};
use super::seen::assert_same;
use super::setup::Setup;
use super::site::{Site, told};
use crate::wfm::{ExampleServer, TOKEN};

/// Anna works early and Ben late on three days; an open shift with two slots; Dan is away.
fn plan() -> Plan {
    let mut plan = Plan::default();
    for day in 3..6 {
        plan.shift("anna", "Ward", "Early", (day, 5, 13));
        plan.shift("ben", "Ward", "Late", (day, 13, 21));
    }
    plan.open("Ward", "Extra", 2, (9, 6, 12));
    plan.away("dan", "Vacation", (3, 0, 24));
    plan
}

/// The same, as the example server keeps it.
fn entities(site: &Site) -> Vec<Value> {
    let mut all = vec![
        json!({ "kind": "schedule_group", "id": "Ward", "name": "Ward" }),
        json!({ "kind": "schedule_group", "id": "Desk", "name": "Desk" }),
        json!({ "kind": "time_off_reason", "id": "Vacation", "name": "Vacation" }),
    ];
    for who in ["anna", "ben", "cleo", "dan", "eva", "finn", "gina"] {
        all.push(json!({ "kind": "employee", "id": who, "name": who }));
    }
    for row in &site.plan.rows {
        let (start, end) = (row.start.to_string(), row.end.to_string());
        let mut entity = json!({ "id": row.id, "start": start, "end": end });
        match &row.about {
            About::TimeOff { reason } => {
                entity["kind"] = "time_off".into();
                entity["reason"] = reason.as_str().into();
            }
            About::OpenShift { slots } => {
                entity["kind"] = "open_shift".into();
                entity["open_slots"] = (*slots).into();
            }
            About::Shift | About::Part { .. } => entity["kind"] = "shift".into(),
        }
        for (name, value) in
            [("employee", &row.employee), ("group", &row.group), ("label", &row.label)]
        {
            if !value.is_empty() {
                entity[name] = value.as_str().into();
            }
        }
        all.push(entity);
    }
    all
}

/// A site whose system of record is the example server.
fn open(switches: &[&str]) -> Option<(Site, ExampleServer)> {
    open_as(1, switches)
}

/// The same, where Shifts tries so often again.
fn open_as(retries: u32, switches: &[&str]) -> Option<(Site, ExampleServer)> {
    let server = ExampleServer::start(&[&["--rest-hours", "0"], switches].concat())?;
    let mut site = Site::new(Setup::two_way().retries(retries), plan());
    entities(&site).iter().for_each(|it| server.plans(it));
    site.world.write("wfm-token", TOKEN);
    let file = format!(
        "kind = \"roster_file\"\npath = \"roster.csv\"\ntime_zone = \"UTC\"\ncolumns = {COLUMNS}"
    );
    let url = server.url();
    let own = format!("kind = \"wfm_http\"\nurl = \"{url}\"\ntoken_file = \"wfm-token\"");
    site.world.edit(&file, &own);
    site.world.edit("starts_from = \"plans\"", "source = \"plans\"");
    site.world.edit("[roster.rules]\n", "");
    site.sync(&[]);
    site.serve();
    site.register();
    Some((site, server))
}

/// Who works what at the server.
fn works(server: &ExampleServer) -> Vec<(String, String)> {
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
    let planned = server.planned();
    let shifts = planned.iter().filter(|it| it["kind"] == "shift");
    let mut works: Vec<_> = shifts.map(|it| (text(it, "id"), text(it, "employee"))).collect();
    works.sort();
    works
}

#[test]
fn a_swap_is_decided_by_the_wfm_and_everybody_sees_it_at_once() {
    let Some((mut site, server)) = open(&[]) else { return };
    let writes = site.writes();
    let (own, other) =
        (site.id(Kind::Shift, "anna", at(4, 5)), site.id(Kind::Shift, "ben", at(4, 13)));
    let request = site.when(site.person("anna").asks_to_swap(&own, &other)).unwrap();
    site.when(site.person("ben").accepts(&request)).unwrap();
    assert!(works(&server).contains(&("s3".into(), "anna".into())), "nothing is decided yet");
    site.when(site.manager("Ward").approves(&request)).unwrap();
    let works = works(&server);
    assert!(works.contains(&("s3".into(), "ben".into())), "{works:?}");
    assert!(works.contains(&("s4".into(), "anna".into())), "{works:?}");
    site.plan.row("s3").employee = "ben".to_owned();
    site.plan.row("s4").employee = "anna".to_owned();
    site.shows_the_plan();
    site.agrees_without_writing_since(writes);
    let asked = server.asked();
    let decided = asked.iter().filter(|it| *it == "POST /commands").count();
    assert_eq!(decided, 1, "{asked:?}");
    assert!(asked.contains(&"POST /commands/validate".to_owned()), "{asked:?}");
}

#[test]
fn an_answer_that_is_lost_is_asked_for_again_and_nothing_happens_twice() {
    let Some((mut site, server)) = open(&[]) else { return };
    let writes = site.writes();
    let open = site.id(Kind::OpenShift, "Ward", at(9, 6));
    let request = site.when(site.person("cleo").claims(&open)).unwrap();
    server.loses_answers(2);
    site.when(site.manager("Ward").approves(&request)).unwrap();
    let planned = server.planned();
    let slots: Vec<_> = planned.iter().filter_map(|it| it["open_slots"].as_i64()).collect();
    assert_eq!(slots, [1], "one slot was taken, once");
    let of_cleo = works(&server).into_iter().filter(|it| it.1 == "cleo").count();
    assert_eq!(of_cleo, 1);
    let open_shift = site.plan.rows.iter().find(|it| it.label == "Extra").unwrap().id.clone();
    site.plan.row(&open_shift).about = About::OpenShift { slots: 1 };
    site.plan.shift("cleo", "Ward", "Extra", (9, 6, 12));
    site.shows_the_plan();
    site.agrees_without_writing_since(writes);
    let decided = server.asked().iter().filter(|it| *it == "POST /commands").count();
    assert_eq!(decided, 3, "twice without an answer");
}

#[test]
fn a_kill_between_the_decision_of_the_wfm_and_our_keeping_it_leaves_one_shift() {
    let Some((mut site, server)) = open_as(0, &[]) else { return };
    let (user, group) = (site.user("dan").to_owned(), site.group("Ward"));
    for (day, moment) in (12..).zip([0, 3, 8, 20, 50]) {
        let mut item = working(at(day, 5), at(day, 13));
        item.display_name = Some("Early".to_owned());
        let new = NewShift::of(&user, &group, item);
        site.mishaps([Mishap::StopsWaiting]);
        let make = async |it: &Site| it.manager("Ward").creates_shift(new.clone()).await;
        assert!(site.when(make(&site)).is_err(), "nobody waited for the answer");
        std::thread::sleep(std::time::Duration::from_millis(moment));
        site.kill();
        site.serve();
        // Where it is read and shown by now, it is not made again, and they are told so.
        match site.when(make(&site)) {
            Ok(made) => site.when(site.manager("Ward").shares(&made)).unwrap(),
            Err(_) => assert!(works(&server).iter().any(|it| it.1 == "dan")),
        }
        site.plan.shift("dan", "Ward", "Early", (day, 5, 13));
    }
    let of_dan = works(&server).into_iter().filter(|it| it.1 == "dan").count();
    assert_eq!(of_dan, 5, "the WFM made each once");
    site.looks_at_everything();
    site.shows_the_plan();
}

#[test]
fn what_the_wfm_refuses_is_told_in_its_own_words_and_changes_nothing() {
    let Some((site, server)) = open(&["--forbidden-label", "Triple"]) else { return };
    let before = works(&server);
    let id = site.id(Kind::Shift, "anna", at(3, 5));
    let triple = |it: &mut simulators::graph::state::Item| it.display_name = Some("Triple".into());
    let message = told(site.when(site.manager("Ward").edits(&id, triple)));
    assert!(message.contains("the works council does not allow"), "{message}");
    let own = site.id(Kind::Shift, "anna", at(4, 5));
    let ben = site.user("ben").to_owned();
    let overlapping = site.when(site.person("anna").offers(&own, &ben)).unwrap();
    drop(overlapping);
    assert_eq!(works(&server), before);
    assert_same(&site.seen(), &site.planned());
}

#[test]
fn what_is_planned_in_the_wfm_reaches_shifts_and_calendars() {
    let Some((mut site, server)) = open(&[]) else { return };
    site.plan.shift("cleo", "Ward", "Night", (6, 21, 29));
    site.plan.remove("s1");
    site.plan.row("s2").end = at(3, 22);
    server.removes("shift", "s1");
    for entity in entities(&site).iter().filter(|it| it["kind"] != "employee") {
        server.plans(entity);
    }
    site.sync(&[]);
    site.shows_the_plan();
    site.agrees();
}
