//! The independent readers: Python's `caldav` and `icalendar`, its `csv` and `zoneinfo`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testkit::servers::{PASSWORD, USERNAME};

/// What a person sees: calendar, start, end, title.
pub type Look = (String, String, String, String);

/// One event on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub url: String,
    pub uid: String,
    pub data: String,
    pub look: Look,
}

/// What these calendars hold, as `caldav` and `icalendar` read it.
pub fn items(home: &str, calendars: &[String]) -> Vec<Item> {
    let mut arguments = vec![home, USERNAME, PASSWORD];
    arguments.extend(calendars.iter().map(String::as_str));
    let item = |value: &Value| Item {
        url: text(value, "url"),
        uid: text(value, "uid"),
        data: text(value, "data"),
        look: look(value),
    };
    run("items.py", &arguments).iter().map(item).collect()
}

/// What calendars should show of a roster file with local times in Berlin, counted.
pub fn wanted(file: &Path) -> BTreeMap<Look, usize> {
    let file = file.display().to_string();
    counted(run("wanted.py", &[&file, "Europe/Berlin"]).iter().map(look))
}

/// How often each of them is there.
pub fn counted(looks: impl Iterator<Item = Look>) -> BTreeMap<Look, usize> {
    let mut counts = BTreeMap::new();
    for look in looks {
        *counts.entry(look).or_insert(0) += 1;
    }
    counts
}

/// Says what differs, rather than printing a thousand items.
#[track_caller]
pub fn assert_same(found: &BTreeMap<Look, usize>, wanted: &BTreeMap<Look, usize>) {
    let mut differing = Vec::new();
    for look in found.keys().chain(wanted.keys()) {
        let (here, there) = (found.get(look).unwrap_or(&0), wanted.get(look).unwrap_or(&0));
        if here != there {
            differing.push(format!("{look:?}: {here} found, {there} wanted"));
        }
    }
    differing.dedup();
    let first = differing.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(differing.is_empty(), "{} differ:\n{first}", differing.len());
}

fn look(value: &Value) -> Look {
    (text(value, "calendar"), text(value, "start"), text(value, "end"), text(value, "summary"))
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {value}")).to_owned()
}

#[track_caller]
fn run(script: &str, arguments: &[&str]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/readers").join(script);
    let output = Command::new(python()).arg(script).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn python() -> PathBuf {
    // Without the tools there is no `caldav`, but `wanted.py` needs nothing beyond Python itself.
    std::env::var_os("ROTABRIDGE_TOOLS")
        .map_or_else(|| "python3".into(), |tools| Path::new(&tools).join("venv/bin/python"))
}
