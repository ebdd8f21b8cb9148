//! The same roster in the played Google Calendar, read back from inside the player, by a reading of
//! its own: mirrored exactly, left alone when nothing changes, changed by exactly what a change is
//! worth, and none of it twice through kills.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use domain::OriginTag;
use serde_json::Value;
use simulators::google::state::Event as Played;
use simulators::google::when::When;
use simulators::google::{Fault, GoogleServer, Options, PageMood, What};

use super::chance::Dice;
use super::kill::{Plan, Tally, Trial};
use super::reader::{Look, assert_same, counted};
use super::roster::{Roster, Writes};
use super::ward::{Ward, assert_writes};
use super::watch::{Event, Read, Watcher};
use crate::world::{COLUMNS, World, counts};

/// How long the player takes for a request: so that there is something to interrupt.
const DELAY: Duration = Duration::from_millis(4);

fn address(employee: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    format!("{}@example.com", employee.chars().map(plain).collect::<String>())
}

/// The ward, mirrored to the played Google, in which everybody has an account.
fn ward(server: &GoogleServer, roster: Roster) -> Ward {
    let world = World::at("http://127.0.0.1:9/", "");
    world.edit(
        COLUMNS,
        "employee = \"employee\", group = \"contract\", activity = \"shift_code\", \
         date = \"date\", start = \"start_local\", end = \"end_local\", end_date = \"end_date\"",
    );
    world.edit(
        "kind = \"caldav\"\nurl = \"http://127.0.0.1:9/\"\n",
        &format!(
            "kind = \"google_workspace\"\nservice_account_file = \"google.json\"\napi_url = \
             \"{}\"\n",
            server.url()
        ),
    );
    world.edit("kind = \"caldav\"\ncollection = \"{employee}/\"\n", "kind = \"google\"\n");
    world.edit("name = \"ward-caldav\"", "name = \"ward-google\"");
    world.edit("source = \"exports\"", "source = \"exports\"\nemployees_file = \"employees.csv\"");
    world.write("google.json", &server.service_account());
    let mut employees = "employee,email\n".to_owned();
    for employee in roster.employees() {
        server.add_user(&address(&employee), "Europe/Berlin");
        writeln!(employees, "{employee},{}", address(&employee)).unwrap();
    }
    world.write("employees.csv", &employees);
    let ward = Ward { world, roster };
    ward.save();
    ward
}

/// Every event in everybody's calendars beside their first, as a person sees it.
fn events(server: &GoogleServer, employees: &[String]) -> Vec<(Event, Played)> {
    let mut all = Vec::new();
    for employee in employees {
        for (calendar, name) in server.secondary_calendars(&address(employee)) {
            assert_eq!(name, "Shifts");
            for event in server.live_events(&calendar) {
                let at = |when: &When| match when {
                    When::At(at, _) => at.strftime("%Y%m%dT%H%M%SZ").to_string(),
                    When::On(day) => day.to_string(),
                };
                let summary = event.text("summary").unwrap_or_default().to_owned();
                let look = (employee.clone(), at(&event.start), at(&event.end), summary);
                let tag = event.private("rotabridge").map(|it| it.parse::<OriginTag>().unwrap());
                let entity = tag.map(|it| format!("{:?}", it.item()));
                all.push((Event { entity, look }, event));
            }
        }
    }
    all
}

fn looks(server: &GoogleServer, employees: &[String]) -> BTreeMap<Look, usize> {
    counted(events(server, employees).into_iter().map(|(event, _)| event.look))
}

/// What the player was asked to do with events, part by part of batches.
fn writes(server: &GoogleServer) -> [usize; 3] {
    let requests = server.requests();
    server.clear_log();
    let count = |method: &str| {
        let of_events = requests.iter().filter(|it| it.target.contains("/events"));
        let done = of_events.filter(|it| it.method == method);
        done.filter(|it| it.status.is_some_and(|status| status < 300)).count()
    };
    ["POST", "PUT", "DELETE"].map(count)
}

#[test]
fn a_real_roster_in_google_calendar() {
    let Some(roster) = Roster::inrc2() else { return };
    let options = Options { pages: PageMood::Short, ..Options::default() };
    let server = GoogleServer::start(options).unwrap();
    let rows = roster.rows.len();
    let mut ward = ward(&server, roster);
    let employees = ward.roster.employees();
    let line = ward.sync(&[]);
    assert_writes(&line, Writes { created: rows as u64, updated: 0, deleted: 0 });
    assert_eq!(writes(&server), [rows, 0, 0], "each event once");
    assert_same(&looks(&server, &employees), &ward.wanted());
    nothing_to_do(&ward, &server);
    let before = by_id(&server, &employees);

    let part = rows.div_ceil(500);
    let expected = ward.roster.change(&mut Dice::new(1), part);
    ward.save();
    let line = ward.sync(&[]);
    assert_writes(&line, expected);
    let Writes { created, updated, deleted } = expected;
    let done = writes(&server).map(|it| it as u64);
    assert_eq!(done, [created, updated, deleted]);
    assert_same(&looks(&server, &employees), &ward.wanted());
    assert_eq!(differences(&before, &by_id(&server, &employees)), expected, "and nothing else");
    nothing_to_do(&ward, &server);
    assert_eq!(server.counts().throttled, 0);

    ward.run("purge", &["--mirror", "ward-google", "--yes"]).exits(0);
    assert!(events(&server, &employees).is_empty());
}

#[track_caller]
fn nothing_to_do(ward: &Ward, server: &GoogleServer) {
    for flags in [&[][..], &["--full"]] {
        let line = ward.sync(flags);
        assert_writes(&line, Writes { created: 0, updated: 0, deleted: 0 });
        assert_eq!(line["unchanged"], ward.roster.rows.len());
        assert_eq!(writes(server), [0, 0, 0], "{flags:?}");
    }
}

fn by_id(server: &GoogleServer, employees: &[String]) -> BTreeMap<String, u64> {
    let all = events(server, employees).into_iter();
    all.map(|(event, played)| (format!("{} {}", event.look.0, played.id), played.change)).collect()
}

fn differences(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> Writes {
    let changed = |(id, change): &(&String, &u64)| before.get(*id).is_some_and(|it| it != *change);
    Writes {
        created: after.keys().filter(|id| !before.contains_key(*id)).count() as u64,
        updated: after.iter().filter(changed).count() as u64,
        deleted: before.keys().filter(|id| !after.contains_key(*id)).count() as u64,
    }
}

#[test]
fn a_lost_store_is_recovered_from_google_calendar_without_a_second_of_anything() {
    let Some(roster) = Roster::inrc2() else { return };
    let server = GoogleServer::start(Options::default()).unwrap();
    let ward = ward(&server, roster.only("n012w8/Solution_H_0"));
    let employees = ward.roster.employees();
    ward.sync(&[]);
    let before = by_id(&server, &employees);
    ward.lose_store();
    ward.run("recover", &["--mirror", "ward-google"]).exits(0);
    assert_writes(&ward.sync(&[]), Writes { created: 0, updated: 0, deleted: 0 });
    assert_eq!(by_id(&server, &employees), before);
}

#[test]
fn what_people_do_is_put_right_and_their_own_is_left_alone() {
    let Some(roster) = Roster::inrc2() else { return };
    let server = GoogleServer::start(Options::default()).unwrap();
    let ward = ward(&server, roster.only("n012w8/Solution_H_0"));
    let employees = ward.roster.employees();
    ward.sync(&[]);
    let (calendar, _) = server.secondary_calendars(&address(&employees[0])).remove(0);
    let person = server.person(&address(&employees[0]));
    let ids: Vec<String> = server.live_events(&calendar).into_iter().map(|it| it.id).collect();
    person.renames(&calendar, &ids[0], "Off!").unwrap();
    person.moves(&calendar, &ids[1], jiff::SignedDuration::from_hours(3)).unwrap();
    person.deletes(&calendar, &ids[2]).unwrap();
    person.strips(&calendar, &ids[3]).unwrap();
    let copy = person.copies(&calendar, &ids[4], &calendar).unwrap();
    let line = ward.sync(&["--full"]);
    assert_eq!(counts(&line)[4], 0, "{line}");
    assert_eq!(line["foreign"], 1, "{line}");
    let mut found = looks(&server, &employees);
    let copied = server.live_events(&calendar).into_iter().find(|it| it.id == copy);
    let copied = copied.expect("theirs is left alone");
    let same = found.iter_mut().find(|(look, count)| {
        look.3 == copied.text("summary").unwrap() && look.0 == employees[0] && **count == 2
    });
    *same.unwrap().1 -= 1;
    assert_same(&found, &ward.wanted());
    let again = ward.sync(&["--full"]);
    assert_writes(&again, Writes { created: 0, updated: 0, deleted: 0 });
}

#[test]
fn doctor_tells_of_a_delegation_that_is_missing() {
    let Some(roster) = Roster::inrc2() else { return };
    let accounts = vec![simulators::google::ServiceAccount::delegated(&["calendar.app.created"])];
    let server = GoogleServer::start(Options { accounts, ..Options::default() }).unwrap();
    let ward = ward(&server, roster.only("n012w8/Solution_H_0"));
    let run = ward.run("doctor", &[]);
    assert_ne!(run.code, 0);
    let findings: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(findings.to_string().contains("domain-wide delegation lacks"), "{findings}");
}

#[test]
fn kills_leave_nothing_undone_and_nothing_twice_in_google_calendar() {
    let Some(roster) = Roster::inrc2() else { return };
    let server = GoogleServer::start(Options { log: false, ..Options::default() }).unwrap();
    server.set_faults([Fault::on_any().then(What::Delay(DELAY))]);
    let server = Arc::new(server);
    let ward = ward(&server, roster.only("n012w8"));
    let plan = Plan { seed: 5, kills_first: 10, kills_changing: 15, requests_max: 60, changes: 12 };
    let employees = ward.roster.employees();
    let (inside, people) = (Arc::clone(&server), employees.clone());
    let read: Read =
        Box::new(move || events(&inside, &people).into_iter().map(|(event, _)| event).collect());
    let watcher = Watcher::start(read);
    let reached = || server.counts().requests;
    let look = || events(&server, &employees).into_iter().map(|(event, _)| event.look).collect();
    Trial {
        ward,
        plan,
        dice: Dice::new(plan.seed),
        watcher,
        reached: &reached,
        look: &look,
        tally: Tally::default(),
    }
    .run();
    for employee in &employees {
        let own = server.secondary_calendars(&address(employee));
        assert!(own.len() <= 1, "{own:?}");
    }
}
