//! The project's benchmarks: `cargo xtask bench [NAMES…] [--runs N] [--out FILE]`.
//!
//! Each benchmark is one file, measures us and somebody else in the same run, and becomes one
//! section of `RESULTS.md` ([`results`]). Outside tools (nginx, wrk, vdirsyncer, Radicale) are
//! taken from `PATH` and from the folder that `ROTABRIDGE_TOOLS` names; what is missing is said
//! in the table and is no failure. Run them on a machine that does nothing else.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use report::{Report, Row, Trouble};

mod alone;
mod caldav;
mod callbacks;
mod child;
mod envelope;
mod feed;
mod genesys;
mod google;
mod http;
mod ical_write;
mod instance24;
mod kill;
mod machine;
mod measure;
mod memory;
mod outlook;
mod people;
mod plan;
mod product;
mod radicale;
mod report;
mod results;
mod roster_file;
mod sample;
mod schedule_api;
mod shifts;
mod stub;
mod tools;
mod vdirsyncer;
mod vendor;
mod virtual_time;

/// What all benchmarks get.
#[derive(Debug, Clone)]
pub struct Setting {
    /// How often each thing is measured.
    pub runs: usize,
}

/// One benchmark.
struct Bench {
    name: &'static str,
    about: &'static str,
    /// Whether it runs only when it is named.
    by_hand: bool,
    run: fn(&Setting) -> Result<Report, Trouble>,
}

const BENCHES: [Bench; 19] = [
    Bench {
        name: "ical_write",
        about: "iCalendar written, beside calcard writing the same calendar.",
        by_hand: false,
        run: ical_write::run,
    },
    Bench {
        name: "roster_file",
        about: "A CSV roster of 250,000 shifts read into a roster, without the store.",
        by_hand: false,
        run: roster_file::run,
    },
    Bench {
        name: "plan",
        about: "1,000,000 shifts planned against an equal ledger, all in memory.",
        by_hand: false,
        run: plan::run,
    },
    Bench {
        name: "schedule_api",
        about: "The Schedule API over SQLite with 1,000,000 shifts: pages, and polls.",
        by_hand: false,
        run: schedule_api::run,
    },
    Bench {
        name: "feed",
        about: "A feed of 200 events served, beside nginx with the same bytes in a file.",
        by_hand: false,
        run: feed::run,
    },
    Bench {
        name: "caldav",
        about: "10,000 shifts kept in an in-memory CalDAV server, beside vdirsyncer.",
        by_hand: false,
        run: caldav::run,
    },
    Bench {
        name: "memory",
        about: "Memory of a process that syncs 25,000 shifts.",
        by_hand: false,
        run: memory::run,
    },
    Bench {
        name: "envelope",
        about: "Callbacks of Shifts opened, beside nothing but AES and HMAC on the same bytes.",
        by_hand: false,
        run: envelope::run,
    },
    Bench {
        name: "google",
        about: "5,000 people's first sync with Google Calendar, in virtual time.",
        by_hand: false,
        run: google::run,
    },
    Bench {
        name: "outlook",
        about: "5,000 people's first sync with Outlook, in virtual time.",
        by_hand: false,
        run: outlook::run,
    },
    Bench {
        name: "genesys",
        about: "50,000 agents' first reading from Genesys Cloud, in virtual time.",
        by_hand: true,
        run: genesys::run,
    },
    Bench {
        name: "genesys_alone",
        about: "50,000 agents read from Genesys Cloud: memory of the product's process alone.",
        by_hand: true,
        run: alone::run_genesys,
    },
    Bench {
        name: "outlook_alone",
        about: "5,000 people's Outlook calendars: memory and work of the product's process alone.",
        by_hand: true,
        run: alone::run_outlook,
    },
    Bench {
        name: "google_alone",
        about: "5,000 people's Google calendars: memory and work of the product's process alone.",
        by_hand: true,
        run: alone::run_google,
    },
    Bench {
        name: "shifts",
        about: "A tenant's first sync with Shifts in virtual time, beside what its budgets allow.",
        by_hand: false,
        run: shifts::run,
    },
    Bench {
        name: "callbacks",
        about: "Callbacks of Shifts opened, decided, made durable and answered, on one processor.",
        by_hand: false,
        run: callbacks::run,
    },
    Bench {
        name: "radicale",
        about: "1,000 shifts pushed to Radicale, beside nothing but the same PUTs.",
        by_hand: false,
        run: radicale::run,
    },
    Bench {
        name: "kill",
        about: "Items that stay wrong after `kill -9`, beside vdirsyncer.",
        by_hand: true,
        run: kill::run,
    },
    Bench {
        name: "instance24",
        about: "NRP Instance24 kept in Radicale, compared by an independent reader.",
        by_hand: true,
        run: instance24::run,
    },
];

const USAGE: &str = "usage: cargo xtask bench [NAMES…] [--runs N] [--out FILE]";

struct Asked {
    names: Vec<String>,
    setting: Setting,
    out: PathBuf,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((first, rest)) if first == child::MARK => be_child(rest).map(|()| true),
        Some(_) | None => asked(&arguments).and_then(|asked| run_all(&asked)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) => {
            eprintln!("bench: {trouble}");
            ExitCode::from(2)
        }
    }
}

fn be_child(arguments: &[String]) -> Result<(), Trouble> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["plan"] => plan::be_the_child(),
        ["callbacks", place] => callbacks::be_the_child(place),
        ["genesys"] => genesys::be_the_child(),
        ["google"] => google::be_the_child(),
        ["outlook"] => outlook::be_the_child(),
        ["shifts"] => shifts::be_the_child(),
        ["stub", ref calendars @ ..] => stub::be_the_child(calendars),
        ["vendor", kind, folder, first] => vendor::be_the_child(kind, folder, first),
        ["feed-server", place] => feed::be_the_child(place),
        ["api-server", place] => schedule_api::be_the_child(place),
        _ => Err(Trouble::failed("not a child that is known")),
    }
}

fn asked(arguments: &[String]) -> Result<Asked, Trouble> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut asked =
        Asked { names: vec![], setting: Setting { runs: 3 }, out: root.join("RESULTS.md") };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| Trouble::failed(USAGE));
        match word.as_str() {
            "--runs" => {
                let runs = value()?.parse().ok().filter(|runs| *runs > 0);
                asked.setting.runs = runs.ok_or_else(|| Trouble::failed(USAGE))?;
            }
            "--out" => asked.out = PathBuf::from(value()?),
            name if BENCHES.iter().any(|bench| bench.name == name) => {
                asked.names.push(name.to_owned());
            }
            unknown => return Err(Trouble::failed(unknown_name(unknown))),
        }
    }
    Ok(asked)
}

fn unknown_name(unknown: &str) -> String {
    let names: Vec<String> = BENCHES
        .iter()
        .map(|bench| {
            let when = if bench.by_hand { " (only when named)" } else { "" };
            format!("  {}{when}: {}", bench.name, bench.about)
        })
        .collect();
    format!("no benchmark `{unknown}`\n{USAGE}\n{}", names.join("\n"))
}

/// Whether all went well: no benchmark failed. A goal that is missed is no failure of the run.
fn run_all(asked: &Asked) -> Result<bool, Trouble> {
    let mut well = true;
    for bench in &BENCHES {
        let wanted = if asked.names.is_empty() {
            !bench.by_hand
        } else {
            asked.names.iter().any(|name| name == bench.name)
        };
        if !wanted {
            continue;
        }
        eprintln!("bench: {} …", bench.name);
        let context = context(bench, asked.setting.runs);
        let report = (bench.run)(&asked.setting).unwrap_or_else(|trouble| {
            well &= matches!(trouble, Trouble::Needs(_));
            Report { rows: vec![Row::none(bench.about, &trouble)], notes: vec![] }
        });
        println!("{}", results::section(bench.name, bench.about, &context, &report));
        let missed = report.rows.iter().filter(|row| row.missed()).count();
        if missed > 0 {
            eprintln!("bench: {}: {missed} goals missed", bench.name);
        }
        results::put(&asked.out, bench.name, bench.about, &context, &report)?;
    }
    Ok(well)
}

fn context(bench: &Bench, runs: usize) -> String {
    let date = measure::now().strftime("%Y-%m-%d %H:%M UTC");
    let machine = machine::describe(&std::env::temp_dir());
    let commit = machine::commit();
    let runs = if bench.by_hand { "once".into() } else { format!("{runs} runs") };
    let name = bench.name;
    format!("{date}, commit {commit}, {runs} on {machine}. `cargo xtask bench {name}`")
}
