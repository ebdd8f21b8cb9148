//! Memory and processor's time of the product's process alone.
//!
//! The real binary with SQLite on disk, and the vendor played in another process, over TCP. 50,000
//! employees are read from Genesys Cloud; and 5,000 people's calendars are filled in Outlook, and
//! in Google Calendar, read back in full, and then looked at by `serve`, as it does from time to
//! time, when nothing changed. The organisation and the people are those of [`crate::genesys`] and
//! of [`crate::people`].
//!
//! The vendor's budgets are lifted, and nothing waits: what takes how long is told by those, in
//! virtual time.

use std::fmt::Write as _;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use simulators::{genesys, graph};

use crate::measure::{self, Finished, Runs, now};
use crate::people::{EMPLOYEES, SHIFTS, SHIFTS_EACH};
use crate::product::{Counts, Installation};
use crate::report::{Report, Row, Trouble, Unit};
use crate::vendor::{ACCOUNT_FILE, EMPLOYEES_FILE, Kind, Played, SECRET_FILE};
use crate::{Setting, people};

/// Most memory of a first reading of the whole organisation.
const INGEST_MIB_MAX: f64 = 512.0;
/// Most memory of keeping people's calendars.
const CALENDARS_MIB_MAX: f64 = 256.0;
/// Most time of the processor for looking everywhere.
const LOOK_SECONDS_MAX: f64 = 30.0;
/// How long `serve` is left alone before it begins to look: it looks for the first time after
/// [`LOOK_INTERVAL`].
const SETTLES_AFTER: std::time::Duration = std::time::Duration::from_secs(30);
/// How often `serve` looks at the calendars; the least that the configuration allows.
const LOOK_INTERVAL: &str = "1m";
/// For how long nothing more must come until a look is over, and how long it may take.
const QUIET_FOR: u32 = 5;
const LOOK_TAKES_MAX: u32 = 300;

/// Measures the first reading of the whole organisation.
pub fn run_genesys(_: &Setting) -> Result<Report, Trouble> {
    let mut report = Report::default();
    organisation(&mut report)?;
    report.notes.push(format!("{}. {ABOUT}", crate::genesys::about()));
    Ok(report)
}

/// Measures keeping people's calendars in Outlook.
pub fn run_outlook(_: &Setting) -> Result<Report, Trouble> {
    calendars(Kind::Graph)
}

/// Measures keeping people's calendars in Google Calendar.
pub fn run_google(_: &Setting) -> Result<Report, Trouble> {
    calendars(Kind::Google)
}

const ABOUT: &str = "SQLite on disk; the played vendor is a process of its own and holds nothing \
                     back, so times say little.";

fn monday() -> Date {
    let today = TimeZone::UTC.to_datetime(now()).date();
    let since = i64::from(today.weekday().to_monday_zero_offset());
    today.saturating_sub(jiff::Span::new().days(since))
}

fn organisation(report: &mut Report) -> Result<(), Trouble> {
    let folder = tempfile::tempdir()?;
    let mut vendor = Played::start(Kind::Genesys, folder.path(), monday())?;
    let ours = Installation::configured(folder.path(), &of_genesys(&vendor.url), None)?;
    for (long, goal) in [("first reading", true), ("nothing changed", false)] {
        vendor.forget()?;
        let finished = sync(&ours, &[])?;
        let requests = vendor.counted()?.counted;
        let what = |what: &str| format!("{long}: {what}");
        let peak = Runs::of([finished.peak_mib]);
        report.rows.push(match goal {
            true => Row::limit(what("peak memory"), Unit::MiB, &peak, INGEST_MIB_MAX),
            false => Row::seen(what("peak memory"), Unit::MiB, &peak, None),
        });
        tell(report, &what, &finished, requests);
    }
    Ok(())
}

fn calendars(kind: Kind) -> Result<Report, Trouble> {
    let mut report = Report::default();
    let folder = tempfile::tempdir()?;
    let mut vendor = Played::start(kind, folder.path(), monday())?;
    std::fs::write(folder.path().join("roster.csv"), roster(monday())?)?;
    let text = match kind {
        Kind::Google => of_google(&vendor.url),
        Kind::Graph | Kind::Genesys => of_outlook(&vendor.url),
    };
    let ours = Installation::configured(folder.path(), &text, None)?;
    for (long, flags) in [("first sync", &[][..]), ("read back in full", &["--full"])] {
        vendor.forget()?;
        let finished = sync(&ours, flags)?;
        let counts = Counts::read(&finished.stdout)?;
        let counted = vendor.counted()?;
        let what = |what: &str| format!("{long}: {what}");
        let peak = Runs::of([finished.peak_mib]);
        report.rows.push(Row::limit(what("peak memory"), Unit::MiB, &peak, CALENDARS_MIB_MAX));
        let made = if flags.is_empty() { SHIFTS } else { 0 };
        report.rows.push(Row::exactly(what("items made"), counts.created as f64, made as f64));
        tell(&mut report, &what, &finished, counted.counted);
    }
    let look = look(&ours, &mut vendor)?;
    let what = |what: &str| format!("a look at what changed: {what}");
    let (peak, processor) = (Runs::of([look.peak_mib]), Runs::of([look.processor]));
    report.rows.push(Row::limit(what("peak memory"), Unit::MiB, &peak, CALENDARS_MIB_MAX));
    let row = Row::limit(what("processor's time"), Unit::Seconds, &processor, LOOK_SECONDS_MAX);
    report.rows.push(row);
    report.rows.push(Row::exactly(what("requests"), look.requests as f64, EMPLOYEES as f64));
    report.rows.push(Row::exactly(what("writes"), look.writes as f64, 0.0));
    report.notes.push(format!(
        "{EMPLOYEES} people × {SHIFTS_EACH} shifts, from a CSV file. A look is one of `serve` in \
         every calendar, with all that it does meanwhile; its memory is that of the whole process \
         from its start. {ABOUT}"
    ));
    Ok(report)
}

fn sync(ours: &Installation, flags: &[&str]) -> Result<Finished, Trouble> {
    let command = [&["sync", "--json"][..], flags].concat();
    measure::run(&mut ours.command(&command))?.well("`rotabridge sync`")
}

fn tell(report: &mut Report, what: &dyn Fn(&str) -> String, finished: &Finished, requests: u64) {
    for (name, unit, value) in [
        ("processor's time", Unit::Seconds, finished.processor),
        ("time", Unit::Seconds, finished.seconds),
        ("requests", Unit::Count(""), requests as f64),
    ] {
        report.rows.push(Row::seen(what(name), unit, &Runs::of([value]), None));
    }
}

/// What one look took.
struct Look {
    peak_mib: f64,
    processor: f64,
    requests: u64,
    writes: u64,
}

/// Lets `serve` look once at every calendar.
fn look(ours: &Installation, vendor: &mut Played) -> Result<Look, Trouble> {
    let serving = measure::Running::start(&mut ours.command(&["serve"]))?;
    measure::pause(SETTLES_AFTER);
    vendor.forget()?;
    let before = serving.processor_seconds()?;
    let (mut known, mut quiet) = (0, 0);
    for _ in 0..LOOK_TAKES_MAX {
        measure::pause(std::time::Duration::from_secs(1));
        let counted = vendor.counted()?.counted;
        quiet = if counted > 0 && counted == known { quiet + 1 } else { 0 };
        known = counted;
        if quiet == QUIET_FOR {
            let processor = serving.processor_seconds()? - before;
            let (peak_mib, counted) = (serving.peak_mib()?, vendor.counted()?);
            let (requests, writes) = (counted.counted, counted.writes);
            return Ok(Look { peak_mib, processor, requests, writes });
        }
    }
    Err(Trouble::failed(format!("`serve` came to no end of looking: {known} requests")))
}

/// Five days of each of eight weeks, as a WFM exports them.
fn roster(first: Date) -> Result<String, Trouble> {
    let mut text = String::from("id,employee,activity,start,end\n");
    for employee in 0..EMPLOYEES {
        let employee = people::somebody(employee)?.id;
        for index in 0..SHIFTS_EACH {
            let day = first.saturating_add(jiff::Span::new().days(people::day_of(index)));
            let row = format!("{employee}-{index},{employee},Early,{day}T08:00Z,{day}T16:00Z");
            writeln!(text, "{row}").map_err(Trouble::failed)?;
        }
    }
    Ok(text)
}

fn of_genesys(url: &str) -> String {
    format!(
        "[[connection]]\nname = \"genesys\"\nkind = \"genesys_cloud\"\napi_url = \"{url}\"\n\
         login_url = \"{url}\"\nclient_id = \"{}\"\nclient_secret_file = \"{SECRET_FILE}\"\n\
         requests_per_minute = 100000\n\n\
         [[roster]]\nname = \"staff\"\nsource = \"genesys\"\n\
         window = {{ past = \"7d\", future = \"70d\" }}\n",
        genesys::CLIENT,
    )
}

/// The roster file, and a mirror with the rest of its section.
fn of_calendars(connection: &str, mirror: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n\n\
         [[connection]]\nname = \"exports\"\nkind = \"roster_file\"\npath = \"roster.csv\"\n\
         columns = {{ id = \"id\", employee = \"employee\", activity = \"activity\", \
         start = \"start\", end = \"end\" }}\n\n\
         [[connection]]\nname = \"vendor\"\n{connection}\n\
         [[roster]]\nname = \"staff\"\nsource = \"exports\"\npoll_interval = \"1h\"\n\
         employees_file = \"{EMPLOYEES_FILE}\"\nwindow = {{ past = \"7d\", future = \"60d\" }}\n\n\
         [[mirror]]\nname = \"calendars\"\nroster = \"staff\"\nconnection = \"vendor\"\n\
         drift_interval = \"{LOOK_INTERVAL}\"\nhints = false\n{mirror}"
    )
}

fn of_outlook(url: &str) -> String {
    let connection = format!(
        "kind = \"microsoft_graph\"\ntenant_id = \"{}\"\nclient_id = \"{}\"\n\
         client_secret_file = \"{SECRET_FILE}\"\ngraph_url = \"{url}\"\nlogin_url = \"{url}\"\n",
        graph::TENANT,
        graph::APP,
    );
    of_calendars(&connection, "kind = \"outlook\"\nrequests_per_second = 2000\n")
}

fn of_google(url: &str) -> String {
    let connection = format!(
        "kind = \"google_workspace\"\nservice_account_file = \"{ACCOUNT_FILE}\"\n\
         api_url = \"{url}\"\nrequests_per_minute = 1000000\n\
         requests_per_minute_per_user = 1000000\n"
    );
    of_calendars(&connection, "kind = \"google\"\n")
}
