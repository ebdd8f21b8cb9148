//! The files that the product prints are in the repository as it prints them.

use crate::world::{Run, binary};

#[track_caller]
fn check(words: [&str; 2], path: &str) {
    let printed = Run::of(binary().args(words).output().unwrap()).exits(0).stdout;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/");
    let checked_in = std::fs::read_to_string(format!("{folder}{path}")).unwrap_or_default();
    assert!(printed == checked_in, "{path} is out of date: run `cargo xtask schema`");
}

#[test]
fn the_example_is_what_config_example_prints() {
    check(["config", "example"], "example.toml");
}

#[test]
fn the_schema_is_what_config_schema_prints() {
    check(["config", "schema"], "config.schema.json");
}

#[test]
fn the_example_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/example.toml");
    let mut command = binary();
    command.args(["config", "check", "--config", example]).current_dir(folder.path());
    Run::of(command.output().unwrap()).exits(0);
}

/// Every key that the example only shows can be taken out of its comment.
#[test]
fn every_key_of_the_example_is_a_key() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/example.toml");
    let text = std::fs::read_to_string(example).unwrap();
    // Keys that exclude one another, or the value shown of another one.
    let alternatives = [
        "token_file",
        "password_file = \"secrets/postgres\"",
        // Its section is left out as a whole: the file would have to be there.
        "password_file = \"secrets/dashboard\"",
        "link_lifetime",
        "organization",
        "adherence",
        // Beside people's events: its calendars are nobody's own. And for such calendars only.
        "groups",
        "open_shifts",
        "unavailable",
        // Of Excel files; those of the example are CSV.
        "sheet",
    ];
    let all: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(key)
                if key.contains(" = ") && !alternatives.iter().any(|it| key.starts_with(it)) =>
            {
                key
            }
            _ => line,
        })
        .fold(String::new(), |text, line| text + line + "\n");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.toml"), &all).unwrap();
    let mut command = binary();
    command.args(["config", "check", "--config", "all.toml"]).current_dir(folder.path());
    Run::of(command.output().unwrap()).exits(0);
}

/// Every key of the schema, wherever it stands in it.
fn keys_of(schema: &serde_json::Value, keys: &mut std::collections::BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(object) => {
            if let Some(properties) = object.get("properties").and_then(|it| it.as_object()) {
                keys.extend(properties.keys().cloned());
            }
            object.values().for_each(|it| keys_of(it, keys));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|it| keys_of(it, keys)),
        _ => {}
    }
}

#[test]
fn every_key_is_in_the_example() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}{name}")).unwrap();
    let mut keys = std::collections::BTreeSet::new();
    keys_of(&serde_json::from_str(&read("config.schema.json")).unwrap(), &mut keys);
    assert!(keys.len() > 100, "the schema is read: {}", keys.len());
    let example = read("example.toml");
    let words: std::collections::BTreeSet<&str> =
        example.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let missing: Vec<&String> = keys.iter().filter(|it| !words.contains(it.as_str())).collect();
    assert!(missing.is_empty(), "config/example.toml does not show {missing:?}");
}

/// The names in a text that come after `before`.
fn metrics_in(text: &str, before: &str) -> std::collections::BTreeSet<String> {
    let starts = format!("{before}rotabridge_");
    let rests = text.match_indices(&starts).map(|(at, _)| &text[at + before.len()..]);
    let is_name = |it: &char| it.is_ascii_lowercase() || *it == '_';
    rests.map(|it| it.chars().take_while(is_name).collect()).collect()
}

fn add_metrics_below(folder: &std::path::Path, names: &mut std::collections::BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_metrics_below(&path, names);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            // Other files have other things of that name, such as cookies.
            if text.contains("metrics::") {
                names.append(&mut metrics_in(&text, "\""));
            }
        }
    }
}

#[test]
fn the_page_of_metrics_names_those_that_there_are() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut counted = Default::default();
    for entry in std::fs::read_dir(format!("{root}/crates")).unwrap() {
        let sources = entry.unwrap().path().join("src");
        if sources.is_dir() && !sources.ends_with("simulators/src") {
            add_metrics_below(&sources, &mut counted);
        }
    }
    let page = std::fs::read_to_string(format!("{root}/docs/metrics.md")).unwrap();
    let told = metrics_in(&page, "\n| `");
    assert!(counted.len() > 10, "{counted:?}");
    assert_eq!(told, counted, "docs/metrics.md beside the code");
}
