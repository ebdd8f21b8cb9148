//! `rotabridge init`: writes a commented `rotabridge.toml`, after a few questions or from flags.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use connectors::roster_file::{Proposal, propose};
use jiff::tz::TimeZone;

use super::Session;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// The flags of `init`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A roster file (CSV, .xlsx or .ics) to propose the mapping from
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The files of the roster: a path or a pattern
    #[arg(long, value_name = "PATH")]
    roster_path: Option<String>,
    /// IANA name of the zone of their local times
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// The CalDAV server to mirror to; without one, feeds only
    #[arg(long, value_name = "URL")]
    caldav_url: Option<String>,
    /// The account there
    #[arg(long, value_name = "NAME")]
    caldav_username: Option<String>,
    /// Take the defaults for what no flag says
    #[arg(long, short)]
    yes: bool,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

/// What the file is made from.
struct Answers {
    roster_path: String,
    time_zone: String,
    caldav: Option<(String, String)>,
}

/// Runs it.
///
/// # Errors
/// When a file is there already, an answer is missing, or it cannot be written.
pub fn run(arguments: Arguments, session: &Session) -> Result<Exit, Failure> {
    let path = &session.config_path;
    if path.exists() && !arguments.force {
        let message = format!("`{}` is there already", path.display());
        return Err(Failure::usage(message).hint("`--force` writes over it"));
    }
    let from = arguments.from.clone();
    let answers = ask(arguments, session.output.is_interactive())?;
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    let columns = Columns::propose(base, &answers, from.as_deref())?;
    let text = write(&answers, &columns);
    // What is written must be what is read: answers may hold anything.
    if let Err(error) = Config::parse(&path.display().to_string(), base, &text) {
        let places = error.places.clone();
        let failure = Failure { exit: Exit::Usage, ..Failure::because(error) };
        return Err(Failure { places, ..failure }.hint("nothing was written"));
    }
    std::fs::write(path, text)
        .map_err(|error| Failure::saying(format!("cannot write `{}`: {error}", path.display())))?;
    session.output.data(format!("wrote {}", path.display()))?;
    columns.tell(&session.output)?;
    if answers.caldav.is_some() {
        session.output.say("put the account's password into `secrets/caldav`, beside that file");
    }
    session.output.say("next: `rotabridge doctor`, then `rotabridge plan`, then `rotabridge sync`");
    Ok(Exit::Done)
}

const ROSTER_PATH: &str = "exports/*.csv";
const TIME_ZONE: &str = "Europe/Berlin";

fn ask(arguments: Arguments, interactive: bool) -> Result<Answers, Failure> {
    let Arguments { from, roster_path, time_zone, caldav_url, caldav_username, yes, force: _ } =
        arguments;
    let roster_path = roster_path.or(from.map(|it| it.display().to_string()));
    let asks = interactive && !yes;
    if !asks && !yes {
        let missing = [("--roster-path", &roster_path), ("--time-zone", &time_zone)];
        let missing: Vec<&str> =
            missing.iter().filter(|(_, value)| value.is_none()).map(|(flag, _)| *flag).collect();
        if !missing.is_empty() {
            let message =
                format!("there is no terminal to ask at; missing: {}", missing.join(", "));
            return Err(Failure::usage(message).hint("`--yes` takes the defaults"));
        }
    }
    let answer = |given: Option<String>, text: &str, default: &str| match given {
        Some(given) => Ok(given),
        None if asks => question(text, default),
        None => Ok(default.to_owned()),
    };
    let roster_path = answer(roster_path, "Files of the roster", ROSTER_PATH)?;
    let time_zone = loop {
        let zone = answer(time_zone.clone(), "Time zone of their local times", TIME_ZONE)?;
        if TimeZone::get(&zone).is_ok() {
            break zone;
        }
        let message = format!("`{zone}` is no IANA time zone; expected one like `Europe/Berlin`");
        if !asks || time_zone.is_some() {
            return Err(Failure::usage(message));
        }
        writeln!(std::io::stderr(), "{message}").map_err(Failure::because)?;
    };
    let url = answer(caldav_url, "CalDAV server to mirror to (empty: feeds only)", "")?;
    let caldav = if url.trim().is_empty() {
        None
    } else {
        Some((url, answer(caldav_username, "Account there", "rota")?))
    };
    Ok(Answers { roster_path, time_zone, caldav })
}

fn question(text: &str, default: &str) -> Result<String, Failure> {
    let mut stderr = std::io::stderr().lock();
    let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    write!(stderr, "{text}{shown}: ").and_then(|()| stderr.flush()).map_err(Failure::because)?;
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line).map_err(Failure::because)?;
    if read == 0 {
        return Err(Failure::usage("the answers ended early").hint("`--yes` takes the defaults"));
    }
    let line = line.trim();
    Ok(if line.is_empty() { default.to_owned() } else { line.to_owned() })
}

/// What is written of the roster's files.
struct Columns {
    /// The value of `columns`.
    mapped: String,
    /// Other keys, each a line.
    more: String,
    /// Of which file it was proposed, if of one.
    from: Option<(String, Proposal)>,
}

/// What is written where no file says better.
const USUAL: [&str; 6] = ["employee", "start", "end", "date", "activity", "group"];

impl Columns {
    /// From the file that is named, or else the first one that the pattern finds.
    fn propose(base: &Path, answers: &Answers, from: Option<&Path>) -> Result<Self, Failure> {
        let found = match from {
            Some(path) => Some(path.to_owned()),
            None => first_file(base, &answers.roster_path),
        };
        let Some(path) = found else { return Ok(Self::usual()) };
        let place = path.display().to_string();
        let read = std::fs::read(&path)
            .map_err(|error| Failure::usage(format!("cannot read `{place}`: {error}")));
        let proposed = read.and_then(|bytes| {
            propose(&place, &bytes, &answers.time_zone).map_err(Failure::because)
        });
        match (proposed, from) {
            (Ok(proposal), _) => Ok(Self::of(place, proposal)),
            (Err(failure), Some(_)) => Err(failure),
            // Nobody asked for this file.
            (Err(_), None) => Ok(Self::usual()),
        }
    }

    fn usual() -> Self {
        let pairs: Vec<String> = USUAL.iter().map(|key| format!("{key} = \"{key}\"")).collect();
        let mapped = format!("{{ {} }}", pairs.join(", "));
        Self { mapped, more: String::new(), from: None }
    }

    fn of(place: String, mut proposal: Proposal) -> Self {
        // The file must be one that `config check` accepts, also where the proposal has gaps.
        for key in ["employee", "start", "end"] {
            let named = |key: &str| proposal.columns.iter().any(|it| it.0 == key);
            let by_code = proposal.settings.iter().any(|it| it.0 == "activity_times");
            let needed = match key {
                "employee" => true,
                "start" => !by_code,
                _ => !by_code && !named("length"),
            };
            if needed && !named(key) {
                proposal.columns.push((key, key.to_owned()));
            }
        }
        let lines = proposal.settings.iter().map(|(key, value)| format!("{key} = {value}\n"));
        let (mapped, more) = (proposal.columns_toml(), lines.collect());
        Self { mapped, more, from: Some((place, proposal)) }
    }

    /// Says what was proposed and why, and shows the first rows.
    fn tell(&self, output: &Output) -> Result<(), Failure> {
        let Some((place, proposal)) = &self.from else {
            output.say("look at `columns`: no file to propose them from was found");
            return Ok(());
        };
        output.data(format!("from {place}:"))?;
        for (key, name) in &proposal.columns {
            output.data(format!("  {key:10} is column `{name}`"))?;
        }
        for (key, value) in &proposal.settings {
            output.data(format!("  {key:10} = {value}"))?;
        }
        for remark in &proposal.remarks {
            output.data(format!("  note: {remark}"))?;
        }
        if !proposal.rows.is_empty() {
            let counts = proposal.counts.iter().map(|(what, count)| format!("{count} {what}"));
            let counts = counts.collect::<Vec<_>>().join(", ");
            output.data(format!("it would be read as {counts}; the first rows:"))?;
        }
        for row in &proposal.rows {
            output.data(format!("  {row}"))?;
        }
        for fault in &proposal.faults {
            output.data(format!("  {}: {}", fault.spot(), fault.message))?;
        }
        Ok(())
    }
}

/// The first file that a pattern with one `*` finds.
fn first_file(base: &Path, pattern: &str) -> Option<PathBuf> {
    let path = base.join(pattern);
    let folder = path.parent().filter(|it| *it != Path::new("")).unwrap_or(Path::new("."));
    let wanted = path.file_name()?.to_str()?;
    let (prefix, suffix) = wanted.split_once('*').unwrap_or((wanted, ""));
    let mut files: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().map(|it| it.path()).collect();
    files.sort();
    let fits = |name: &str| {
        if wanted.contains('*') {
            name.starts_with(prefix) && name.ends_with(suffix)
        } else {
            name == wanted
        }
    };
    files.into_iter().find(|it| it.file_name().and_then(|name| name.to_str()).is_some_and(fits))
}

/// As a TOML string, whatever is in it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// What comes last.
const REST: &str = r#"
[feeds]
policy = "subscription"                    # or "signed"

# How everything stands, in a browser, for whoever knows the password.
# [dashboard]
# password_file = "secrets/dashboard"        # at least 16 characters
"#;

fn write(answers: &Answers, columns: &Columns) -> String {
    let Answers { roster_path, time_zone, caldav } = answers;
    let (path, zone) = (quoted(roster_path), quoted(time_zone));
    let Columns { mapped: columns, more, from: _ } = columns;
    let mut text = format!(
        r#"# Rotabridge's configuration. `rotabridge config example` explains every key.
# Paths are relative to this file; secrets are in files of their own.

[server]
listen = "127.0.0.1:8080"
# public_url = "https://rota.example.com"   # how calendar clients reach it, for links

[store]
url = "sqlite://rotabridge.db"

# The system of record: files that it drops into a folder.
[[connection]]
name = "exports"
kind = "roster_file"
path = {path}
time_zone = {zone}
columns = {columns}
{more}
[[roster]]
name = "main"
source = "exports"
time_zone = {zone}
window = {{ past = "7d", future = "8w" }}
# poll_interval = "15m"
# employees_file = "employees.csv"          # see `config example`; columns employee, name, email, …
"#
    );
    match caldav {
        Some((url, name)) => {
            let (url, name) = (quoted(url), quoted(name));
            text.push_str(&format!(
                r#"
# Where the roster is mirrored to: a calendar per employee.
[[connection]]
name = "calendars"
kind = "caldav"
url = {url}
username = {name}
password_file = "secrets/caldav"

[[mirror]]
name = "main-calendars"
roster = "main"
connection = "calendars"
kind = "caldav"
collection = "{{employee}}/"                  # made if missing; also {{email}} {{group}}
"#
            ));
        }
        None => text.push_str(
            r#"
# A mirror: a calendar per employee on any CalDAV server.
# [[connection]]
# name = "calendars"
# kind = "caldav"
# url = "https://cloud.example.com/remote.php/dav/calendars/rota/"
# username = "rota"
# password_file = "secrets/caldav"
#
# [[mirror]]
# name = "main-calendars"
# roster = "main"
# connection = "calendars"
# kind = "caldav"
# collection = "{employee}/"
"#,
        ),
    }
    text.push_str(REST);
    text
}
