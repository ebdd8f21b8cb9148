//! The same roster in the played Outlook, read back from inside the player, by a reading of its
//! own: mirrored exactly, left alone when nothing changes, changed by exactly what a change is
//! worth, put right when people change it, and none of it twice through kills.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use domain::OriginTag;
use jiff::Timestamp;
use simulators::graph::mailbox::{Event as Played, OUTLOOK_ROLES, Span};
use simulators::graph::{App, Fault, GraphServer, Options, SECRET, What};

use super::chance::Dice;
use super::kill::{Plan, Tally, Trial};
use super::reader::{Look, assert_same, counted};
use super::roster::{Roster, Writes};
use super::ward::{Ward, assert_writes};
use super::watch::{Event, Read, Watcher};
use crate::world::{COLUMNS, World, counts};

/// How long the player takes for a request: so that there is something to interrupt.
const DELAY: Duration = Duration::from_millis(4);
const ORIGIN: &str = "RotabridgeOrigin";

/// Employees, and the ids of their users.
type Users = BTreeMap<String, String>;

fn played(log: bool) -> GraphServer {
    let roles = OUTLOOK_ROLES.map(String::from).to_vec();
    let apps = vec![App { roles, ..App::default() }];
    GraphServer::start(Options { apps, log, ..Options::default() }).unwrap()
}

/// The ward, mirrored to the played Outlook, in which everybody has a mailbox.
fn ward(server: &GraphServer, roster: Roster) -> (Ward, Users) {
    let world = World::at("http://127.0.0.1:9/", "");
    world.edit(
        COLUMNS,
        "employee = \"employee\", group = \"contract\", activity = \"shift_code\", \
         date = \"date\", start = \"start_local\", end = \"end_local\", end_date = \"end_date\"",
    );
    let url = server.url();
    world.connects_to_graph(&url);
    let kind = "kind = \"outlook\"\nrequests_per_second = 2000\n";
    world.edit("kind = \"caldav\"\ncollection = \"{employee}/\"\n", kind);
    world.edit("name = \"ward-caldav\"", "name = \"ward-outlook\"");
    world.edit("source = \"exports\"", "source = \"exports\"\nemployees_file = \"employees.csv\"");
    world.write("secret", SECRET);
    let mut text = "employee,m365_id\n".to_owned();
    let mut users = Users::new();
    for employee in roster.employees() {
        let user = server.add_user(&employee);
        server.add_mailbox(&user);
        writeln!(text, "{employee},{user}").unwrap();
        users.insert(employee, user);
    }
    world.write("employees.csv", &text);
    let ward = Ward { world, roster };
    ward.save();
    (ward, users)
}

/// Every event in everybody's calendars, as a person sees it.
fn events(server: &GraphServer, users: &Users) -> Vec<(Event, Played)> {
    let mut all = Vec::new();
    for (employee, user) in users {
        let mailbox = server.mailbox(user).unwrap();
        assert!(mailbox.mails.is_empty(), "nobody is mailed");
        for event in mailbox.events.values() {
            let at = |it: Timestamp| it.strftime("%Y%m%dT%H%M%SZ").to_string();
            let (start, end) = match event.span {
                Span::Timed(start, end) => (at(start), at(end)),
                Span::AllDay(first, end) => (first.to_string(), end.to_string()),
            };
            let look = (employee.clone(), start, end, event.subject().to_owned());
            let tag = event.properties.iter().find(|(id, _)| id.ends_with(ORIGIN));
            let tag = tag.map(|(_, text)| text.parse::<OriginTag>().unwrap());
            let entity = tag.map(|it| format!("{:?}", it.item()));
            all.push((Event { entity, look }, event.clone()));
        }
    }
    all
}

fn looks(server: &GraphServer, users: &Users) -> BTreeMap<Look, usize> {
    counted(events(server, users).into_iter().map(|(event, _)| event.look))
}

/// What the player was asked to do with events, item by item of batches.
fn writes(server: &GraphServer) -> [usize; 3] {
    let requests = server.requests();
    server.clear_log();
    let count = |method: &str| {
        let of_events = requests.iter().filter(|it| it.target.contains("/events"));
        let done = of_events.filter(|it| it.method == method);
        done.filter(|it| it.status.is_some_and(|status| status < 300)).count()
    };
    ["POST", "PATCH", "DELETE"].map(count)
}

#[test]
fn a_real_roster_in_outlook() {
    let Some(roster) = Roster::inrc2() else { return };
    let server = played(true);
    let rows = roster.rows.len();
    let (mut ward, users) = ward(&server, roster);
    let line = ward.sync(&[]);
    assert_writes(&line, Writes { created: rows as u64, updated: 0, deleted: 0 });
    let requests = server.counts().requests;
    assert_eq!(writes(&server), [rows, 0, 0], "each event once");
    assert!(requests < rows as u64, "{requests} requests for {rows} events: not in batches");
    assert_same(&looks(&server, &users), &ward.wanted());
    nothing_to_do(&ward, &server);
    let before = by_id(&server, &users);

    let part = rows.div_ceil(500);
    let expected = ward.roster.change(&mut Dice::new(1), part);
    ward.save();
    let line = ward.sync(&[]);
    assert_writes(&line, expected);
    let Writes { created, updated, deleted } = expected;
    let done = writes(&server).map(|it| it as u64);
    assert_eq!(done, [created, updated, deleted]);
    assert_same(&looks(&server, &users), &ward.wanted());
    assert_eq!(differences(&before, &by_id(&server, &users)), expected, "and nothing else");
    nothing_to_do(&ward, &server);
    assert_eq!(server.counts().throttled, 0);

    ward.run("purge", &["--mirror", "ward-outlook", "--yes"]).exits(0);
    assert!(events(&server, &users).is_empty());
}

#[track_caller]
fn nothing_to_do(ward: &Ward, server: &GraphServer) {
    for flags in [&[][..], &["--full"]] {
        let line = ward.sync(flags);
        assert_writes(&line, Writes { created: 0, updated: 0, deleted: 0 });
        assert_eq!(line["unchanged"], ward.roster.rows.len());
        assert_eq!(writes(server), [0, 0, 0], "{flags:?}");
    }
}

fn by_id(server: &GraphServer, users: &Users) -> BTreeMap<String, u64> {
    let all = events(server, users).into_iter();
    all.map(|(event, played)| (format!("{} {}", event.look.0, played.id), played.version)).collect()
}

fn differences(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> Writes {
    let changed =
        |(id, version): &(&String, &u64)| before.get(*id).is_some_and(|it| it != *version);
    Writes {
        created: after.keys().filter(|id| !before.contains_key(*id)).count() as u64,
        updated: after.iter().filter(changed).count() as u64,
        deleted: before.keys().filter(|id| !after.contains_key(*id)).count() as u64,
    }
}

#[test]
fn a_lost_store_is_recovered_from_outlook_without_a_second_of_anything() {
    let Some(roster) = Roster::inrc2() else { return };
    let server = played(true);
    let (ward, users) = ward(&server, roster.only("n012w8/Solution_H_0"));
    ward.sync(&[]);
    let before = by_id(&server, &users);
    ward.lose_store();
    ward.run("recover", &["--mirror", "ward-outlook"]).exits(0);
    assert_writes(&ward.sync(&[]), Writes { created: 0, updated: 0, deleted: 0 });
    assert_eq!(by_id(&server, &users), before);
}

#[test]
fn what_people_do_in_outlook_is_put_right_and_their_own_is_left_alone() {
    let Some(roster) = Roster::inrc2() else { return };
    let server = played(true);
    let (ward, users) = ward(&server, roster.only("n012w8/Solution_H_0"));
    ward.sync(&[]);
    let (employee, user) = users.first_key_value().unwrap();
    let mine = events(&server, &Users::from([(employee.clone(), user.clone())]));
    let ids: Vec<String> = mine.iter().map(|(_, it)| it.id.clone()).collect();
    let hers = server.at_calendar(user);
    let Span::Timed(start, end) = mine[1].1.span else { panic!("a shift has hours") };
    let later = jiff::SignedDuration::from_hours(3);
    hers.renames(&ids[0], "Off!");
    hers.moves(&ids[1], Span::Timed(start + later, end + later));
    hers.deletes(&ids[2]);
    hers.strips_tags(&ids[3]);
    let copy = hers.copies(&ids[4]).unwrap();
    hers.makes_a_series_of(&ids[5], 7, 4);
    hers.moves_to_calendar(&ids[6], "Private");
    let line = ward.sync(&["--full"]);
    assert_eq!(counts(&line)[4], 0, "{line}");
    let all = events(&server, &users).into_iter();
    let (theirs, ours): (Vec<_>, Vec<_>) = all.partition(|(_, it)| it.id == copy);
    assert_eq!(theirs.len(), 1, "a copy is theirs");
    assert_same(&counted(ours.into_iter().map(|(it, _)| it.look)), &ward.wanted());
    let again = ward.sync(&["--full"]);
    assert_writes(&again, Writes { created: 0, updated: 0, deleted: 0 });
}

#[test]
fn an_address_that_changes_takes_the_shifts_along() {
    let Some(roster) = Roster::inrc2() else { return };
    let server = played(true);
    let (ward, users) = ward(&server, roster.only("n012w8/Solution_H_0"));
    let addressed = |domain: &str| {
        let mut text = "employee,email\n".to_owned();
        server.update(|state| {
            for (employee, user) in &users {
                let address = format!("{}@{domain}", employee.to_ascii_lowercase());
                writeln!(text, "{employee},{address}").unwrap();
                state.users.get_mut(user).unwrap().upn = address;
            }
        });
        ward.world.write("employees.csv", &text);
    };
    addressed("old.example");
    ward.sync(&[]);
    let before = by_id(&server, &users);
    server.clear_log();
    // Under the old addresses nobody is known any more; under the new ones are the same mailboxes.
    addressed("new.example");
    ward.sync(&[]);
    ward.sync(&["--full"]);
    assert_eq!(writes(&server), [0, 0, 0], "they are where they belong");
    assert_eq!(by_id(&server, &users), before);
    let status = ward.run("status", &[]).exits(0).json();
    let mirror = &status["mirrors"][0];
    assert_eq!(mirror["quarantined"], 0, "{mirror}");
    nothing_to_do(&ward, &server);
}

#[test]
fn kills_leave_nothing_undone_and_nothing_twice_in_outlook() {
    let Some(roster) = Roster::inrc2() else { return };
    let server = Arc::new(played(false));
    server.set_faults([Fault::on_any().then(What::Delay(DELAY))]);
    let (ward, users) = ward(&server, roster.only("n012w8"));
    let plan = Plan { seed: 6, kills_first: 10, kills_changing: 15, requests_max: 40, changes: 12 };
    let (inside, people) = (Arc::clone(&server), users.clone());
    let read: Read =
        Box::new(move || events(&inside, &people).into_iter().map(|(event, _)| event).collect());
    let watcher = Watcher::start(read);
    let reached = || server.counts().requests;
    let look = || events(&server, &users).into_iter().map(|(event, _)| event.look).collect();
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
}
