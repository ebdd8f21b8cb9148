//! Feeds read by programs that others wrote: every text and time arrives as it was meant.
//!
//! The programs are found through `ROTABRIDGE_TOOLS`, a folder that `cargo xtask test` fills; the
//! tests say so and pass where it is not set.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use domain::{CalendarEvent, EventSpan};
use ical::{EventHeader, FeedHeader, UtcStyle, representable, write_feed};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::sample::{at, nasty_events};

/// Where the readers are and a place for one feed.
struct Bench {
    tools: PathBuf,
    folder: TempDir,
}

impl Bench {
    fn new() -> Option<Self> {
        let Some(tools) = std::env::var_os("ROTABRIDGE_TOOLS") else {
            println!(
                "skipped: ROTABRIDGE_TOOLS is not set; `cargo xtask test` installs the readers"
            );
            return None;
        };
        Some(Self { tools: tools.into(), folder: TempDir::new().unwrap() })
    }

    fn python(&self) -> PathBuf {
        self.tools.join("venv/bin/python")
    }

    fn feed(&self, events: &[CalendarEvent], style: UtcStyle) -> PathBuf {
        let path = self.folder.path().join("feed.ics");
        std::fs::write(&path, feed(events, style)).unwrap();
        path
    }

    /// A folder that is empty, for readers that store things.
    fn store(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    }
}

fn feed(events: &[CalendarEvent], utc_style: UtcStyle) -> Vec<u8> {
    let refresh_interval = std::time::Duration::from_secs(3600);
    let feed = FeedHeader { name: "Schichten, Team „Süd“; 🚑", refresh_interval, utc_style };
    let uids: Vec<_> = (0..events.len()).map(uid).collect();
    let revised_at = at("2026-09-01T10:20:30Z");
    let header = |uid| EventHeader { uid, revised_at, sequence: 1, origin: None };
    let headed = uids.iter().zip(events).map(|(uid, event)| (header(uid), event));
    let mut out = Vec::new();
    write_feed(&mut out, &feed, headed);
    out
}

fn uid(index: usize) -> String {
    ical::identity::uid_for("test", &[&index.to_string()])
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers").join(name)
}

fn run(program: &OsStr, arguments: &[&Path]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}: {stdout}{stderr}", program.display());
    stdout
}

/// What every reader must see of the events.
fn expected(events: &[CalendarEvent]) -> Value {
    let seen = |(index, event): (usize, &CalendarEvent)| {
        let event = representable(event);
        let (start, end) = match event.span {
            EventSpan::Timed(it) => (it.start().to_string(), it.end().to_string()),
            EventSpan::AllDay { first, end } => (first.to_string(), end.to_string()),
        };
        json!({
            "uid": uid(index),
            "summary": event.summary,
            "description": event.description.unwrap_or_default(),
            "location": event.location.unwrap_or_default(),
            "categories": event.categories,
            "start": start,
            "end": end,
        })
    };
    events.iter().enumerate().map(seen).collect()
}

fn check(read: impl Fn(&Path) -> String, bench: &Bench) {
    for events in [nasty_events(), vec![]] {
        for style in [UtcStyle::Rfc5545, UtcStyle::TzidProperty] {
            let output = read(&bench.feed(&events, style));
            let found: Value = serde_json::from_str(&output).unwrap();
            let expected = expected(&events);
            for (found, expected) in
                found.as_array().unwrap().iter().zip(expected.as_array().unwrap())
            {
                assert_eq!(found, expected);
            }
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn python_icalendar_reads_every_text_and_time() {
    let Some(bench) = Bench::new() else { return };
    let script = source("icalendar_reader.py");
    check(|feed| run(bench.python().as_os_str(), &[&script, feed]), &bench);
}

#[test]
fn vobject_reads_and_validates_every_text_and_time() {
    let Some(bench) = Bench::new() else { return };
    let script = source("vobject_reader.py");
    check(|feed| run(bench.python().as_os_str(), &[&script, feed]), &bench);
}

#[test]
fn ical_js_reads_every_text_and_time() {
    let Some(bench) = Bench::new() else { return };
    let (script, library) =
        (source("ical_js_reader.mjs"), bench.tools.join("node_modules/ical.js"));
    check(|feed| run(OsStr::new("node"), &[&script, feed, &library]), &bench);
}

#[test]
fn libical_finds_no_restriction_broken_but_by_the_non_standard_line() {
    let Some(bench) = Bench::new() else { return };
    let program = compiled_libical_check(&bench);
    let output = |events: &[CalendarEvent], style| {
        let output = Command::new(&program).arg(bench.feed(events, style)).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let events = nasty_events();
    assert_eq!(output(&events, UtcStyle::Rfc5545), format!("events: {}\n", events.len()));
    assert_eq!(output(&[], UtcStyle::Rfc5545), "events: 0\n");
    let found = output(&events, UtcStyle::TzidProperty);
    let complaints: Vec<_> = found.lines().filter(|line| line.starts_with("complaint")).collect();
    // It stops at the first event that breaks a restriction.
    assert!(!complaints.is_empty(), "{found}");
    assert!(complaints.iter().all(|line| line.contains("TZID")), "{found}");
}

fn compiled_libical_check(bench: &Bench) -> PathBuf {
    let program = bench.folder.path().join("libical_check");
    let flags = ["--cflags", "--libs", "libical"].map(Path::new);
    let flags = run(OsStr::new("pkg-config"), &flags);
    let source = source("libical_check.c");
    let mut arguments = vec![Path::new("-Wall"), Path::new("-Werror"), &source];
    arguments.extend([Path::new("-o"), &program]);
    arguments.extend(flags.split_whitespace().map(Path::new));
    run(OsStr::new("cc"), &arguments);
    program
}

#[test]
fn khal_imports_and_lists_every_event() {
    let Some(bench) = Bench::new() else { return };
    let script = source("khal_reader.py");
    for (store, events) in [("some", nasty_events()), ("none", vec![])] {
        let feed = bench.feed(&events, UtcStyle::Rfc5545);
        let output = run(bench.python().as_os_str(), &[&script, &feed, &bench.store(store)]);
        let found: Value = serde_json::from_str(&output).unwrap();
        let seen = |(index, event): (usize, &CalendarEvent)| (uid(index), json!(event.summary));
        let expected: serde_json::Map<_, _> = events.iter().enumerate().map(seen).collect();
        assert_eq!(found, Value::Object(expected));
    }
}

#[test]
fn vdirsyncer_copies_every_event_once() {
    let Some(bench) = Bench::new() else { return };
    let script = source("vdirsyncer_reader.py");
    for (store, events) in [("some", nasty_events()), ("none", vec![])] {
        let feed = bench.feed(&events, UtcStyle::Rfc5545);
        let output = run(bench.python().as_os_str(), &[&script, &feed, &bench.store(store)]);
        let found: Vec<String> = serde_json::from_str(&output).unwrap();
        let mut expected: Vec<_> = events.into_iter().map(|event| event.summary).collect();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}
