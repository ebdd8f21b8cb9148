//! `rotabridge demo`: the whole product in one process, on a generated contact centre.
//!
//! Nothing is special about it: the roster is written as CSV into a temporary folder and read by
//! the real connector, the store is SQLite in that folder, and the mirror is kept on a played
//! CalDAV server (or a real one, with `--caldav`). Without `--once` the schedule goes on changing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedI64ValueParser;
use domain::{EmployeeId, RosterName};
use engine::run::cycle::CycleOptions;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;
use server::feed::issue::{LinkPolicy, issue_link};
use simulators::caldav::{CaldavServer, Options};
use simulators::contact_centre::{COLUMNS, ContactCentre, Spec, generate};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::Session;
use super::serve::{listen_on, server_state};
use crate::config::Config;
use crate::failure::{Exit, Failure, thousands};
use crate::output::{Output, Table, time};
use crate::runs::{self, MirrorLine, MirrorRun, Outcome, RosterRun};
use crate::wiring::{MirrorWorks, Opening, Works};

/// The flags of `demo`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Sync once, print the summary and exit
    #[arg(long)]
    once: bool,
    /// How many people work there
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = employees())]
    employees: u32,
    /// How many weeks are planned
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = weeks())]
    weeks: u32,
    /// Another seed, another contact centre
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where feeds are served
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Mirror to this CalDAV server instead of a played one
    #[arg(long, value_name = "URL")]
    caldav: Option<String>,
    /// The account there
    #[arg(long, value_name = "NAME", requires = "caldav")]
    username: Option<String>,
    /// A file with its password
    #[arg(long, value_name = "PATH", requires = "caldav")]
    password_file: Option<PathBuf>,
}

fn employees() -> RangedI64ValueParser<u32> {
    RangedI64ValueParser::new().range(1..=20_000)
}

fn weeks() -> RangedI64ValueParser<u32> {
    RangedI64ValueParser::new().range(1..=104)
}

/// Where the contact centre is.
const ZONE: &str = "Europe/Berlin";
/// How often something changes there.
const CHANGE_EVERY: Duration = Duration::from_secs(4);
const ROSTER_FILE: &str = "roster.csv";
const EMPLOYEES_FILE: &str = "employees.csv";

/// Runs it.
///
/// # Errors
/// When it cannot start, or the first sync fails.
pub async fn run(arguments: Arguments, session: &Session) -> Result<Exit, Failure> {
    let folder = TempDir::with_prefix("rotabridge-demo-").map_err(Failure::because)?;
    // Before the work is done: an address that is taken is said at once.
    let listener =
        if arguments.once { None } else { Some(listen_on_or_advise(arguments.listen).await?) };
    let played = match &arguments.caldav {
        Some(_) => None,
        None => {
            let options = Options { log: false, ..Options::default() };
            Some(CaldavServer::start(options).map_err(Failure::because)?)
        }
    };
    let centre = contact_centre(&arguments, session)?;
    write_files(folder.path(), &centre)?;
    let text = configuration(&arguments, played.as_ref(), listener.as_ref())?;
    let config = Config::parse("the demo's configuration", folder.path(), &text)
        .map_err(|error| usage(&error))?;
    let works = Works::build(config, session.outside(), Opening::Write).await?;
    introduce(&centre, &arguments, &session.output);
    let exit = first_sync(&works, session).await?;
    let Some(listener) = listener.filter(|_| exit != Exit::Failed) else {
        return Ok(exit);
    };
    show_around(&works, &centre, listener.local_addr().map_err(Failure::because)?, session).await?;
    if let Some(played) = &played {
        session.output.say(format!("calendars:      {} (CalDAV, no password)", played.url()));
    }
    go_on(&works, centre, &arguments, folder.path(), listener, session).await?;
    Ok(exit)
}

fn usage(error: &crate::config::ConfigError) -> Failure {
    // Only what came from flags can be wrong in a text of our own making.
    let told = error.places.first().map_or(String::new(), |place| place.message.clone());
    Failure::usage(told).hint("see `rotabridge demo --help`")
}

async fn listen_on_or_advise(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listening = listen_on(address).await;
    listening.map_err(|failure| failure.hint("`--listen 127.0.0.1:0` takes any free port"))
}

fn contact_centre(arguments: &Arguments, session: &Session) -> Result<ContactCentre, Failure> {
    let zone = TimeZone::get(ZONE).map_err(Failure::because)?;
    let today = zone.to_datetime(session.clock.now()).date();
    Ok(generate(&Spec {
        seed: arguments.seed,
        employees: arguments.employees as usize,
        weeks: arguments.weeks as usize,
        first_monday: monday_of(today),
        zone,
    }))
}

fn monday_of(day: Date) -> Date {
    let back = i64::from(day.weekday().since(Weekday::Monday));
    day.saturating_sub(jiff::SignedDuration::from_hours(24 * back))
}

/// Written beside and moved into place: a reader sees one whole roster or the other.
fn write_files(folder: &Path, centre: &ContactCentre) -> Result<(), Failure> {
    let files = [(ROSTER_FILE, centre.roster_csv()), (EMPLOYEES_FILE, centre.employees_csv())];
    for (name, text) in files {
        let beside = folder.join(format!("{name}.new"));
        std::fs::write(&beside, text)
            .and_then(|()| std::fs::rename(&beside, folder.join(name)))
            .map_err(Failure::because)?;
    }
    Ok(())
}

fn configuration(
    arguments: &Arguments,
    played: Option<&CaldavServer>,
    listener: Option<&TcpListener>,
) -> Result<String, Failure> {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let url = match (&arguments.caldav, played) {
        (Some(url), _) => url.clone(),
        (None, Some(played)) => played.url(),
        (None, None) => String::new(),
    };
    let mut account = String::new();
    if let Some(name) = &arguments.username {
        account.push_str(&format!("username = {}\n", quoted(name)));
    }
    if let Some(file) = &arguments.password_file {
        let file = std::path::absolute(file).map_err(Failure::because)?;
        account.push_str(&format!("password_file = {}\n", quoted(&file.display().to_string())));
    }
    let listen = match listener {
        Some(listener) => listener.local_addr().map_err(Failure::because)?,
        None => arguments.listen,
    };
    let weeks = arguments.weeks + 1;
    Ok(format!(
        r#"
[server]
listen = "{listen}"

[[connection]]
name = "workforce-management"
kind = "roster_file"
path = "{ROSTER_FILE}"
time_zone = "{ZONE}"
columns = {COLUMNS}

[[connection]]
name = "calendar-server"
kind = "caldav"
url = {url}
{account}
[[roster]]
name = "contact-centre"
source = "workforce-management"
employees_file = "{EMPLOYEES_FILE}"
time_zone = "{ZONE}"
window = {{ past = "7d", future = "{weeks}w" }}

[[mirror]]
name = "calendars"
roster = "contact-centre"
connection = "calendar-server"
kind = "caldav"
collection = "{{employee}}/"
activities = {{ Break = {{ show_as = "free" }} }}
"#,
        url = quoted(&url),
    ))
}

fn introduce(centre: &ContactCentre, arguments: &Arguments, output: &Output) {
    let [people, shifts, open, absences] = [
        centre.employees.len(),
        centre.shifts.len(),
        centre.open_shifts.len(),
        centre.absences.len(),
    ]
    .map(|it| thousands(it as u64));
    output.say(format!(
        "a contact centre: {people} employees, {shifts} shifts, {open} open shifts, {absences} \
         absences in {} weeks (seed {})",
        arguments.weeks, arguments.seed
    ));
}

/// The first sync, and a second one that has nothing to do.
async fn first_sync(works: &Works, session: &Session) -> Result<Exit, Failure> {
    let output = &session.output;
    let header = ["", "CREATED", "UPDATED", "DELETED", "UNCHANGED", "REQUESTS", "TOOK"];
    let mut table = Table::new(&header).right(&[1, 2, 3, 4, 5, 6]);
    let mut outcomes = Vec::new();
    for label in ["first sync", "second sync"] {
        let (roster, mirrors) = sync(works, output).await;
        roster.result?;
        for run in &mirrors {
            runs::tell(run, output);
            outcomes.push(run.outcome());
            let line = line_of(works, run);
            let counts = [line.created, line.updated, line.deleted, line.unchanged, line.requests];
            let took = time::duration(Duration::from_millis(line.duration_ms));
            let cells = std::iter::once(label.to_owned()).chain(counts.map(thousands));
            table.row(cells.chain([took]));
        }
        if outcomes.contains(&Outcome::Failed) {
            break;
        }
    }
    output.table(&table)?;
    Ok(runs::exit_for(&[], &outcomes))
}

async fn sync(works: &Works, output: &Output) -> (RosterRun, Vec<MirrorRun>) {
    // The demo has one roster: the one that it wrote into its configuration.
    let Some(roster) = works.rosters.first() else {
        unreachable!("the demo's configuration has a roster")
    };
    let run = runs::ingest(works, roster, None).await;
    let mirrors: Vec<&MirrorWorks> = works.mirrors.iter().collect();
    let mirrors = if run.result.is_ok() { mirrors } else { Vec::new() };
    let runs = runs::cycles(works, &mirrors, |_| CycleOptions::default(), output).await;
    (run, runs)
}

fn line_of(works: &Works, run: &MirrorRun) -> MirrorLine {
    let gate = works.mirrors.iter().find(|it| it.spec.name == run.name);
    let status = gate.map(|it| it.gate.status());
    MirrorLine::of(run, false, status.as_ref())
}

async fn show_around(
    works: &Works,
    centre: &ContactCentre,
    address: SocketAddr,
    session: &Session,
) -> Result<(), Failure> {
    let output = &session.output;
    let Some(shift) = centre.shifts.first() else { return Ok(()) };
    let employee = EmployeeId::new(&shift.employee).map_err(Failure::because)?;
    let roster = RosterName::new("contact-centre").map_err(Failure::because)?;
    let (store, policy) = (works.store.as_ref(), LinkPolicy::Subscription);
    let (entropy, clock) = (session.entropy.as_ref(), session.clock.as_ref());
    let issued = issue_link(store, entropy, clock, policy, &roster, &employee).await;
    let url = issued.map_err(Failure::because)?.token.url(&format!("http://{address}"));
    let name = centre.employees.iter().find(|it| it.id == shift.employee);
    let name = name.map_or(shift.employee.as_str(), |it| it.name.as_str());
    output.say(format!("a feed:         the schedule of {name}, for any calendar client:"));
    output.data(url.expose_secret())?;
    output.say(format!("for operators:  http://{address}/readyz and /metrics"));
    Ok(())
}

/// One change after the other, each synced at once, until somebody has seen enough.
async fn go_on(
    works: &Works,
    mut centre: ContactCentre,
    arguments: &Arguments,
    folder: &Path,
    listener: TcpListener,
    session: &Session,
) -> Result<(), Failure> {
    let output = &session.output;
    let state = Arc::new(server_state(works, None));
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server::serve(listener, Arc::clone(&state), async {
        // An error means that the sender is gone: stop as well.
        let _ = stopping.await;
    }));
    output.say(format!(
        "from now on something changes every {} s; Ctrl-C ends it",
        CHANGE_EVERY.as_secs()
    ));
    let changing = async {
        let mut number = 0;
        loop {
            let clock = &works.outside.clock;
            let next = clock.now().saturating_add(CHANGE_EVERY).map_err(Failure::because)?;
            clock.sleep_until(next).await;
            let today = centre.zone.to_datetime(clock.now()).date();
            let (changed, what) = centre.next_change(arguments.seed, number, today);
            centre = changed;
            number += 1;
            write_files(folder, &centre)?;
            let (roster, mirrors) = sync(works, output).await;
            roster.result?;
            for roster in &works.rosters {
                let counts = works.store.roster_counts(&roster.name).await?;
                state.feeds().roster_changed(&roster.name, counts.seq);
            }
            for run in &mirrors {
                let line = line_of(works, run);
                output.say(format!(
                    "{what}: {} created, {} updated, {} deleted, {} requests, {} ms",
                    line.created, line.updated, line.deleted, line.requests, line.duration_ms
                ));
                runs::tell(run, output);
            }
        }
    };
    let changing: Result<(), Failure> = tokio::select! {
        ended = changing => ended,
        ended = serving => ended.map_err(Failure::because),
        stopped = super::serve::told_to_stop() => stopped,
    };
    // The server may be gone already.
    let _ = stop.send(());
    changing
}
