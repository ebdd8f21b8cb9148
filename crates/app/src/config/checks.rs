//! What sections say of each other: names are unique, and what is named is there.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::connection::ConnectionSection;
use super::mirror::MirrorSection;
use super::reader::{Faults, Names, Spans, list, nearest};
use super::roster::RosterSection;

/// Checks names and references. `names` are those in the text, also of sections that are wrong
/// in another way.
pub fn names(
    connections: &[ConnectionSection],
    rosters: &[RosterSection],
    mirrors: &[MirrorSection],
    names: &Names,
    faults: &mut Faults,
) {
    unique("connection", connections.iter().map(|it| (&it.name, &it.spans)), faults);
    unique("roster", rosters.iter().map(|it| (&it.name, &it.spans)), faults);
    unique("mirror", mirrors.iter().map(|it| (&it.name, &it.spans)), faults);
    let known: Vec<&str> = names.connections.iter().map(String::as_str).collect();
    let known_rosters: Vec<&str> = names.rosters.iter().map(String::as_str).collect();
    for roster in rosters {
        let source = roster.source.as_str();
        if !known.contains(&source) {
            missing("connection", source, &known, roster.spans.of("source"), faults);
        }
    }
    for mirror in mirrors {
        if !known_rosters.contains(&mirror.roster.as_str()) {
            let at = mirror.spans.of("roster");
            missing("roster", mirror.roster.as_str(), &known_rosters, at, faults);
        }
        let connection = connections.iter().find(|it| it.name == mirror.connection);
        match connection {
            None if known.contains(&mirror.connection.as_str()) => {}
            None => {
                let at = mirror.spans.of("connection");
                missing("connection", mirror.connection.as_str(), &known, at, faults);
            }
            Some(connection) => fits(mirror, connection, faults),
        }
    }
}

fn fits(mirror: &MirrorSection, connection: &ConnectionSection, faults: &mut Faults) {
    let keeps: Vec<&str> = connection.descriptor.mirrors.iter().map(|it| it.kind).collect();
    if keeps.contains(&mirror.kind) {
        return;
    }
    let (name, kind) = (&connection.name, connection.descriptor.kind);
    let message = format!(
        "a `{}` mirror cannot be kept over connection `{name}`, which is of kind `{kind}`",
        mirror.kind
    );
    let hint = if keeps.is_empty() {
        format!("a `{kind}` connection is the source of a roster, not the target of a mirror")
    } else {
        format!("over a `{kind}` connection: {}", list(&keeps))
    };
    faults.add(mirror.spans.of("connection"), message, Some(hint));
}

fn unique<'a, N: Display + Ord + 'a>(
    what: &str,
    named: impl Iterator<Item = (&'a N, &'a Spans)>,
    faults: &mut Faults,
) {
    let mut seen = BTreeMap::new();
    for (name, spans) in named {
        if seen.insert(name, ()).is_some() {
            let message = format!("there is another {what} named `{name}` above");
            faults.add(spans.of("name"), message, None);
        }
    }
}

fn missing(
    what: &str,
    found: &str,
    known: &[&str],
    at: std::ops::Range<usize>,
    faults: &mut Faults,
) {
    let hint = match nearest(found, known) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if known.is_empty() => format!("there is no `[[{what}]]` at all"),
        None => format!("there is {}", list(known)),
    };
    faults.add(at, format!("there is no {what} named `{found}`"), Some(hint));
}
