//! The played Microsoft Graph as a process: a vendor to try things on by hand.
//!
//! `cargo run -p simulators --example graph_stub -- --listen 127.0.0.1:5280 --team Ward=Anna,Ben`
//!
//! Prints its URL, its tenant, its app and the ids of teams and people, one on a line, and serves
//! until it is killed. The first member of a team owns it; a name that comes again is the same
//! person. `--no-quotas` lets everything through, `--schedules` gives each team a schedule.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use simulators::graph::state::{Provision, Schedule};
use simulators::graph::{APP, GraphServer, Options, Role, SECRET, TENANT};

const USAGE: &str = "usage: graph_stub [--listen ADDR:PORT] [--team NAME=PERSON,…]… \
                     [--schedules] [--no-quotas] [--log]";

fn main() -> Result<(), String> {
    let mut options = Options { log: false, ..Options::default() };
    let mut teams = Vec::new();
    let mut schedules = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(USAGE);
        match argument.as_str() {
            "--listen" => {
                let address = value()?;
                options.listen = address
                    .parse::<SocketAddr>()
                    .map_err(|error| format!("--listen {address}: {error}"))?;
            }
            "--team" => teams.push(value()?),
            "--schedules" => schedules = true,
            "--no-quotas" => options.quotas = None,
            "--log" => options.log = true,
            _ => return Err(USAGE.into()),
        }
    }
    let server = GraphServer::start(options).map_err(|error| error.to_string())?;
    println!("url {}\ntenant {TENANT}\nclient_id {APP}\nclient_secret {SECRET}", server.url());
    let mut people: BTreeMap<String, String> = BTreeMap::new();
    for team in teams {
        let (name, members) = team.split_once('=').ok_or(USAGE)?;
        let ids: Vec<String> = members
            .split(',')
            .map(|person| {
                let id = people.entry(person.into()).or_insert_with(|| server.add_user(person));
                id.clone()
            })
            .collect();
        let role = |at: usize| if at == 0 { Role::Owner } else { Role::Member };
        let members: Vec<(&str, Role)> =
            ids.iter().enumerate().map(|(at, id)| (id.as_str(), role(at))).collect();
        let id = server.add_team(name, &members);
        if schedules {
            server.add_schedule(&id, schedule());
        }
        println!("team {id} {name}");
    }
    for (name, id) in &people {
        println!("person {id} {name}");
    }
    loop {
        std::thread::park();
    }
}

fn schedule() -> Schedule {
    Schedule {
        enabled: true,
        time_zone: "Europe/Berlin".into(),
        provision: Provision::Completed,
        open_shifts_enabled: true,
        swap_shifts_requests_enabled: true,
        offer_shift_requests_enabled: true,
        time_off_requests_enabled: true,
        time_clock_enabled: false,
        copies_activities: true,
        start_day_of_week: Some("monday".into()),
        integrations: Vec::new(),
    }
}
