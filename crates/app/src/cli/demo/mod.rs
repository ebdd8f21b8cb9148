//! `rotabridge demo`: the whole product in one process, on a generated contact centre and its
//! branch office.
//!
//! Nothing is special about it: rosters are written as CSV into a temporary folder and read by
//! the real connector, or planned in a played Genesys Cloud and read over the wire; the store is
//! SQLite in that folder, and mirrors are kept on a played CalDAV server (or a real one, with
//! `--caldav`), in a played Google Calendar, in a played Outlook and in a played Microsoft Teams
//! Shifts, which calls back for everything that people do there; in Outlook and Google Calendar
//! they move and delete what they see. Without `--once` the schedule goes
//! on changing, and people go on asking.

mod branch;
mod genesys;
mod google;
mod outlook;
mod serving;
mod summary;
mod wishes;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedI64ValueParser;
use domain::{EmployeeId, RosterName};
use engine::run::cycle::{CycleOptions, Looking};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;
use server::feed::issue::{LinkPolicy, issue_link};
use simulators::caldav::{CaldavServer, Options};
use simulators::contact_centre::{COLUMNS, ContactCentre, Spec, generate};
use tempfile::TempDir;
use tokio::net::TcpListener;

use self::branch::Branch;
use self::genesys::Hotline;
use self::google::Workspace;
use self::serving::{Dashboard, Serving};
use self::summary::Summary;
use self::wishes::{CHANGES, WHOLE, have_time_off_asked_for, is_wish};

use super::Session;
use super::serve::listen_on;
use crate::approvals::grant_what_needs_no_manager;
use crate::config::Config;
use crate::failure::{Exit, Failure, thousands};
use crate::output::Output;
use crate::runs::{self, MirrorLine, MirrorRun};
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
    /// Where the dashboard and feeds are served
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
/// Another seed than the contact centre's.
const BRANCH_SEED: u64 = 1_000_003;
const HOTLINE_SEED: u64 = 2_000_003;
/// Things that planners of the hotline do before the summary is printed.
const HOTLINE_ACTS: usize = 4;
/// How often something changes.
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
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listen = if arguments.once { anywhere } else { arguments.listen };
    let listener = listen_on_or_advise(listen).await?;
    let address = listener.local_addr().map_err(Failure::because)?;
    let played = match &arguments.caldav {
        Some(_) => None,
        None => {
            let options = Options { log: false, query: true, ..Options::default() };
            Some(CaldavServer::start(options).map_err(Failure::because)?)
        }
    };
    let centre = contact_centre(&arguments, session)?;
    write_files(folder.path(), &centre)?;
    let plan = branch_plan(&arguments, session)?;
    let entropy = session.entropy.as_ref();
    let mut branch = Branch::open(&plan, arguments.seed, folder.path(), entropy)?;
    let mut workspace = Workspace::open(&centre, &plan, folder.path())?;
    let hotline_plan = hotline_plan(&arguments, session)?;
    let mut hotline = Hotline::open(&hotline_plan, arguments.seed, folder.path())?;
    let vendors =
        [branch.configuration(), workspace.configuration(), hotline.configuration(played.as_ref())]
            .concat();
    let mut text = configuration(&arguments, played.as_ref(), &vendors, address)?;
    // Where it ends at once, nobody could look at it.
    let dashboard = (!arguments.once).then(|| Dashboard::open(folder.path(), entropy));
    let dashboard = dashboard.transpose()?;
    text.extend(dashboard.as_ref().map(Dashboard::configuration));
    let config = Config::parse("the demo's configuration", folder.path(), &text)
        .map_err(|error| usage(&error))?;
    let works = Arc::new(Works::build(config, session.outside(), Opening::Write).await?);
    introduce([&centre, &plan, &hotline_plan], &arguments, &session.output);
    let serving = Serving::start(&works, listener)?;
    let vendors = Vendors {
        branch: &mut branch,
        workspace: &mut workspace,
        hotline: &mut hotline,
        played: played.as_ref(),
    };
    let exit = begin(&works, vendors, session).await?;
    if arguments.once || exit == Exit::Failed {
        serving.stop().await?;
        return Ok(exit);
    }
    show_around(&works, &centre, address, session).await?;
    let output = &session.output;
    if let Some(dashboard) = &dashboard {
        dashboard.tell(address, output);
    }
    if let Some(played) = &played {
        output.say(format!("calendars:      {} (CalDAV, no password)", played.url()));
    }
    output.say(format!("Graph, played:  {}", branch.url()));
    output.say(format!("Google, played: {}", workspace.url()));
    output.say(format!("Genesys, played: {}", hotline.url()));
    let (folder, seed) = (folder.path(), arguments.seed);
    let world = World { centre, branch, workspace, hotline, played: played.as_ref(), folder, seed };
    let went_on = go_on(&works, world, &serving, session).await;
    serving.stop().await?;
    went_on.map(|()| exit)
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
    let Arguments { seed, employees, weeks, .. } = *arguments;
    planned(seed, employees, weeks, session)
}

fn branch_plan(arguments: &Arguments, session: &Session) -> Result<ContactCentre, Failure> {
    let seed = arguments.seed.wrapping_add(BRANCH_SEED);
    planned(seed, branch::employees(arguments.employees), branch::WEEKS, session)
}

fn hotline_plan(arguments: &Arguments, session: &Session) -> Result<ContactCentre, Failure> {
    let seed = arguments.seed.wrapping_add(HOTLINE_SEED);
    planned(seed, genesys::employees(arguments.employees), genesys::WEEKS, session)
}

fn planned(
    seed: u64,
    employees: u32,
    weeks: u32,
    session: &Session,
) -> Result<ContactCentre, Failure> {
    let zone = TimeZone::get(ZONE).map_err(Failure::because)?;
    let today = zone.to_datetime(session.clock.now()).date();
    let (employees, weeks) = (employees as usize, weeks as usize);
    Ok(generate(&Spec { seed, employees, weeks, first_monday: monday_of(today), zone }))
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
    vendors: &str,
    listen: SocketAddr,
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
    let weeks = arguments.weeks + 1;
    Ok(format!(
        r#"
[server]
listen = "{listen}"
public_url = "http://{listen}"

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
{vendors}"#,
        url = quoted(&url),
    ))
}

fn introduce(plans: [&ContactCentre; 3], arguments: &Arguments, output: &Output) {
    let whats = [
        ("a contact centre", arguments.weeks),
        ("its branch office", branch::WEEKS),
        ("its hotline", genesys::WEEKS),
    ];
    for ((what, weeks), centre) in whats.into_iter().zip(plans) {
        let [people, shifts, open, absences] = [
            centre.employees.len(),
            centre.shifts.len(),
            centre.open_shifts.len(),
            centre.absences.len(),
        ]
        .map(|it| thousands(it as u64));
        output.say(format!(
            "{what}: {people} employees, {shifts} shifts, {open} open shifts, {absences} \
             absences in {weeks} weeks (seed {})",
            arguments.seed
        ));
    }
    output.say("the branch office plans in Teams Shifts, and has Outlook and Google; rules decide");
    output
        .say("the hotline plans in Genesys Cloud, which also decides the time off it is asked for");
}

/// Where people act.
struct Vendors<'a> {
    branch: &'a mut Branch,
    workspace: &'a mut Workspace,
    hotline: &'a mut Hotline,
    /// The calendar server, where it is played.
    played: Option<&'a CaldavServer>,
}

/// The first sync; a second one that has nothing to do; people who ask; and what came of that.
async fn begin(
    works: &Works,
    Vendors { branch, workspace, hotline, played }: Vendors<'_>,
    session: &Session,
) -> Result<Exit, Failure> {
    let output = &session.output;
    let mut summary = Summary::new();
    register(works).await?;
    for label in ["first sync", "second sync"] {
        summary.sync(label, works, output).await?;
        if summary.failed() {
            return summary.print(output);
        }
    }
    have_shifts_call_us(works).await?;
    let (mut granted, mut refused) = (0, 0);
    for _ in 0..branch::ACTS {
        let Some(told) = branch.acts().await else { break };
        if told.granted {
            granted += 1
        } else {
            refused += 1
        }
        output.say(told.text);
    }
    let mut planned = 0;
    for _ in 0..HOTLINE_ACTS {
        let Some(text) = hotline.acts(works.outside.clock.now()) else { continue };
        planned += 1;
        output.say(text);
    }
    summary.sync("after requests", works, output).await?;
    for _ in 0..outlook::ACTS {
        let Some(text) = branch.acts_in_outlook(works.outside.clock.now()) else { continue };
        output.say(text);
    }
    let looked = look_into(works, outlook::MIRROR, CHANGES, output).await;
    summary.tell("asked in Outlook", works, &looked, output);
    let in_outlook = summary.take_requests();
    have_time_off_asked_for(works, hotline, played, output);
    let looked = look_into(works, genesys::MIRROR, WHOLE, output).await;
    summary.tell("asked Genesys", works, &looked, output);
    let (granted_there, refused_there) = summary.take_requests();
    summary.sync("after that", works, output).await?;
    have_google_changed(works, workspace, output);
    summary.tell(
        "asked in Google",
        works,
        &look_into(works, google::MIRROR, CHANGES, output).await,
        output,
    );
    let in_google = summary.take_requests();
    summary.sync("after all", works, output).await?;
    let exit = summary.print(output)?;
    output.data(format!("requests in Shifts: {granted} granted, {refused} refused"))?;
    for (place, (granted, refused)) in [("Outlook", in_outlook), ("Google Calendar", in_google)] {
        output.data(format!("requests in {place}: {granted} granted, {refused} refused"))?;
    }
    let in_the_way = conflicts_in(works, google::MIRROR).await?;
    output.data(format!("events in the way in Google Calendar: {in_the_way} reported"))?;
    output
        .data(format!("requests to Genesys: {granted_there} granted, {refused_there} refused"))?;
    output.data(format!("changes in Genesys Cloud: {planned}"))?;
    Ok(exit)
}

/// People of the branch move and delete shifts in Google Calendar, and one has something else to
/// do.
fn have_google_changed(works: &Works, workspace: &mut Workspace, output: &Output) {
    let now = works.outside.clock.now();
    for _ in 0..google::ACTS {
        let Some(text) = workspace.acts(now) else { continue };
        output.say(text);
    }
    workspace.plans_something(now).into_iter().for_each(|text| output.say(text));
}

/// How many events of people stand in the way of shifts in a mirror.
async fn conflicts_in(works: &Works, mirror: &str) -> Result<u64, Failure> {
    let Some(mirror) = works.mirrors.iter().find(|it| it.spec.name.as_str() == mirror) else {
        return Ok(0);
    };
    Ok(works.store.conflicts(&mirror.spec.name, None).await?.len() as u64)
}

/// Makes the mirrors that are called known to their vendor.
async fn register(works: &Works) -> Result<(), Failure> {
    for mirror in &works.mirrors {
        if let Some(registration) = &mirror.registration {
            let url = super::shifts::callback_url(works, mirror)?;
            registration.register(&url).await.map_err(Failure::because)?;
        }
    }
    Ok(())
}

/// Has the teams' schedules, which the first sync made, call us.
async fn have_shifts_call_us(works: &Works) -> Result<(), Failure> {
    for mirror in &works.mirrors {
        if let Some(registration) = &mirror.registration {
            registration.switch(true).await.map_err(Failure::because)?;
        }
    }
    Ok(())
}

async fn sync(works: &Works, output: &Output) -> Result<Vec<MirrorRun>, Failure> {
    for roster in &works.rosters {
        runs::ingest(works, roster, None).await.result?;
    }
    let mirrors: Vec<&MirrorWorks> = works.mirrors.iter().collect();
    Ok(runs::cycles(works, &mirrors, |_| CycleOptions::default(), output).await)
}

/// Looks for what people did in a mirror, as `serve` does when it is told that something changed.
async fn look_into(
    works: &Works,
    name: &str,
    options: CycleOptions,
    output: &Output,
) -> Vec<MirrorRun> {
    let mut looked = Vec::new();
    for mirror in works.mirrors.iter().filter(|it| it.spec.name.as_str() == name) {
        let states = works.store.calendar_states(&mirror.spec.name).await.unwrap_or_default();
        let calendars = states.into_iter().map(|it| it.calendar).collect();
        let looking = Looking::At(&calendars);
        looked.push(runs::cycle_looking(works, mirror, options, looking, output).await);
    }
    looked
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

/// What the demo goes on with.
struct World<'a> {
    centre: ContactCentre,
    branch: Branch,
    workspace: Workspace,
    hotline: Hotline,
    played: Option<&'a CaldavServer>,
    folder: &'a Path,
    seed: u64,
}

/// One change after the other, each synced at once, until somebody has seen enough.
async fn go_on(
    works: &Works,
    mut world: World<'_>,
    serving: &Serving,
    session: &Session,
) -> Result<(), Failure> {
    let output = &session.output;
    output.say(format!(
        "from now on something changes every {} s, somewhere; Ctrl-C ends it",
        CHANGE_EVERY.as_secs()
    ));
    let changing = async {
        let mut number = 0;
        loop {
            let clock = &works.outside.clock;
            let next = clock.now().saturating_add(CHANGE_EVERY).map_err(Failure::because)?;
            clock.sleep_until(next).await;
            let what = world.next(works, number).await?;
            number += 1;
            let mut mirrors = look_into(works, outlook::MIRROR, CHANGES, output).await;
            mirrors.extend(look_into(works, google::MIRROR, CHANGES, output).await);
            if is_wish(number - 1) {
                mirrors.extend(look_into(works, genesys::MIRROR, WHOLE, output).await);
            }
            mirrors.extend(sync(works, output).await?);
            for roster in &works.rosters {
                let seq = works.store.roster_seq(&roster.name).await?;
                serving.state.feeds().roster_changed(&roster.name, seq);
            }
            output.say(what);
            for run in &mirrors {
                let line = line_of(works, run);
                if line.requests > 0 {
                    output.say(format!(
                        "  {}: {} created, {} updated, {} deleted, {} requests, {} ms",
                        line.name,
                        line.created,
                        line.updated,
                        line.deleted,
                        line.requests,
                        line.duration_ms
                    ));
                }
                runs::tell(run, output);
            }
            grant_what_needs_no_manager(works).await;
        }
    };
    tokio::select! {
        ended = changing => ended,
        stopped = super::serve::told_to_stop() => stopped,
    }
}

impl World<'_> {
    /// Something happens: in turns in the contact centre, in Shifts, Genesys Cloud, Outlook and
    /// Google Calendar.
    async fn next(&mut self, works: &Works, number: u64) -> Result<String, Failure> {
        if number % 8 == 7
            && let Some(text) = self.workspace.acts(works.outside.clock.now())
        {
            return Ok(text);
        }
        if number % 4 == 3
            && let Some(text) = self.branch.acts_in_outlook(works.outside.clock.now())
        {
            return Ok(text);
        }
        if is_wish(number)
            && let Some(played) = self.played
            && let Some(text) = self.hotline.wishes(played, works.outside.clock.now())
        {
            return Ok(text);
        }
        if number % 4 == 2
            && let Some(text) = self.hotline.acts(works.outside.clock.now())
        {
            return Ok(text);
        }
        if number % 4 == 1
            && let Some(told) = self.branch.acts().await
        {
            return Ok(told.text);
        }
        let today = self.centre.zone.to_datetime(works.outside.clock.now()).date();
        let (changed, what) = self.centre.next_change(self.seed, number, today);
        self.centre = changed;
        write_files(self.folder, &self.centre)?;
        Ok(what.to_string())
    }
}
