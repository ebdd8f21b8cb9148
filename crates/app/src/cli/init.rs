//! `rotabridge init`: writes a commented `rotabridge.toml`, after a few questions or from flags.

use std::io::{BufRead, Write};
use std::path::Path;

use clap::Args;
use jiff::tz::TimeZone;

use super::Session;
use crate::config::Config;
use crate::failure::{Exit, Failure};

/// The flags of `init`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The CSV files of the roster: a path or a pattern
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
    let answers = ask(arguments, session.output.is_interactive())?;
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    let columns = Columns::guess(base, &answers.roster_path);
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
    if !columns.guessed {
        session.output.say("look at `columns`: no file to guess them from was found");
    }
    if answers.caldav.is_some() {
        session.output.say("put the account's password into `secrets/caldav`, beside that file");
    }
    session.output.say("next: `rotabridge doctor`, then `rotabridge plan`, then `rotabridge sync`");
    Ok(Exit::Done)
}

const ROSTER_PATH: &str = "exports/*.csv";
const TIME_ZONE: &str = "Europe/Berlin";

fn ask(arguments: Arguments, interactive: bool) -> Result<Answers, Failure> {
    let Arguments { roster_path, time_zone, caldav_url, caldav_username, yes, force: _ } =
        arguments;
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
    let roster_path = answer(roster_path, "CSV files of the roster", ROSTER_PATH)?;
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

/// Which column says what.
struct Columns {
    mapped: Vec<(&'static str, String)>,
    guessed: bool,
}

/// What exports call their columns, in small letters, most telling first.
const NAMES: [(&str, &[&str]); 10] = [
    ("employee", &["employee", "employee_id", "personnel_no", "staff", "user"]),
    ("start", &["start", "start_local", "start_time", "from", "begin"]),
    ("end", &["end", "end_local", "end_time", "to", "until"]),
    ("date", &["date", "start_date", "day"]),
    ("end_date", &["end_date"]),
    ("activity", &["activity", "shift_code", "shift", "code", "work", "label"]),
    ("group", &["group", "team", "contract", "ward", "department"]),
    ("id", &["id", "shift_id"]),
    ("type", &["type", "kind"]),
    ("notes", &["notes", "comment"]),
];

/// Those that are written also when no file says so.
const USUAL: [&str; 6] = ["employee", "start", "end", "date", "activity", "group"];

impl Columns {
    /// From the header of the first file that the pattern finds.
    fn guess(base: &Path, pattern: &str) -> Self {
        let header = first_line(base, pattern);
        let Some(header) = header else {
            let usual = |key: &str| (NAMES.iter().find(|(it, _)| *it == key), key.to_owned());
            let mapped = USUAL.iter().map(|key| usual(key));
            let mapped = mapped.filter_map(|(known, name)| Some((known?.0, name))).collect();
            return Self { mapped, guessed: false };
        };
        let delimiter = [';', '\t', ','].into_iter().max_by_key(|it| header.matches(*it).count());
        let names: Vec<&str> = header
            .split(delimiter.unwrap_or(','))
            .map(|name| name.trim().trim_matches('"'))
            .collect();
        let mut mapped: Vec<(&'static str, String)> = Vec::new();
        for (key, known) in NAMES {
            let free = |name: &&&str| !mapped.iter().any(|(_, taken)| taken == **name);
            let found = known.iter().find_map(|known| {
                names.iter().filter(free).find(|name| name.to_lowercase() == **known)
            });
            if let Some(name) = found {
                mapped.push((key, (*name).to_owned()));
            }
        }
        let complete = |key: &str| mapped.iter().any(|(it, _)| *it == key);
        let guessed = ["employee", "start", "end"].into_iter().all(complete);
        for (key, _) in NAMES.iter().filter(|(key, _)| USUAL[..3].contains(key)) {
            if !mapped.iter().any(|(it, _)| it == key) {
                mapped.push((key, (*key).to_owned()));
            }
        }
        Self { mapped, guessed }
    }

    fn toml(&self) -> String {
        let pairs: Vec<String> =
            self.mapped.iter().map(|(key, name)| format!("{key} = {}", quoted(name))).collect();
        format!("{{ {} }}", pairs.join(", "))
    }
}

fn first_line(base: &Path, pattern: &str) -> Option<String> {
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
    let file = files
        .into_iter()
        .find(|it| it.file_name().and_then(|name| name.to_str()).is_some_and(fits))?;
    let mut line = String::new();
    std::io::BufReader::new(std::fs::File::open(file).ok()?).read_line(&mut line).ok()?;
    let line = line.trim_start_matches('\u{feff}').trim_end().to_owned();
    (!line.is_empty()).then_some(line)
}

/// As a TOML string, whatever is in it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn write(answers: &Answers, columns: &Columns) -> String {
    let Answers { roster_path, time_zone, caldav } = answers;
    let (path, zone) = (quoted(roster_path), quoted(time_zone));
    let columns = columns.toml();
    let mut text = format!(
        r#"# Rotabridge's configuration. `rotabridge config example` explains every key.
# Paths are relative to this file; secrets are in files of their own.

[server]
listen = "127.0.0.1:8080"
# public_url = "https://rota.example.com"   # how calendar clients reach it, for links

[store]
url = "sqlite://rotabridge.db"

# The system of record: CSV files that it drops into a folder.
[[connection]]
name = "exports"
kind = "roster_file"
path = {path}
time_zone = {zone}
columns = {columns}

[[roster]]
name = "main"
source = "exports"
time_zone = {zone}
window = {{ past = "7d", future = "8w" }}
# poll_interval = "15m"
# employees_file = "employees.csv"          # columns employee, name, email, group, time_zone
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
    text.push_str("\n[feeds]\npolicy = \"subscription\"                    # or \"signed\"\n");
    text
}
