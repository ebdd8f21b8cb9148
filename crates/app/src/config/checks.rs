//! What sections say of each other: names are unique, and what is named is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use connectors::registry::PROVIDERS;
use domain::CommandKind;

use super::connection::ConnectionSection;
use super::mirror::MirrorSection;
use super::reader::{Faults, Names, Spans, list, nearest, refused, with_article};
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
        let sources = [("source", &roster.source), ("starts_from", &roster.starts_from)];
        for (key, source) in sources {
            let Some(source) = source else { continue };
            let at = roster.spans.of(key);
            match connections.iter().find(|it| it.name == *source) {
                Some(connection) if !connection.descriptor.reads => {
                    let kind = connection.descriptor.kind;
                    let message = format!(
                        "no roster can be read from connection `{source}`, which is of kind \
                         `{kind}`"
                    );
                    let reads = PROVIDERS.iter().filter(|it| it.reads).map(|it| it.kind);
                    let reads: Vec<&str> = reads.collect();
                    let hint =
                        format!("rosters are read from connections of kind {}", list(&reads));
                    faults.add(at, message, Some(hint));
                }
                Some(_) => {}
                None if known.contains(&source.as_str()) => {}
                None => missing("connection", source.as_str(), &known, at, faults),
            }
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

/// Checks that no calendar belongs to two mirrors: each would put right what the other wrote.
pub fn calendars(mirrors: &[MirrorSection], faults: &mut Faults) {
    let mut owners: BTreeMap<String, &MirrorSection> = BTreeMap::new();
    for mirror in mirrors {
        for calendar in mirror.config.calendars() {
            let owner = *owners.entry(calendar.to_ascii_lowercase()).or_insert(mirror);
            if !std::ptr::eq(owner, mirror) {
                let message = format!("`{calendar}` is in mirror `{}` already", owner.name);
                let hint = "two mirrors of one team would undo each other's work".to_owned();
                faults.add(mirror.spans.of("teams"), message, Some(hint));
            }
        }
    }
}

/// Checks that whoever is asked in a two-way mirror can decide: what is named one by one, and at
/// least something where nothing is named.
pub fn decides(
    connections: &[ConnectionSection],
    rosters: &[RosterSection],
    mirrors: &[MirrorSection],
    faults: &mut Faults,
) {
    for mirror in mirrors.iter().filter(|it| !it.two_way.is_empty()) {
        let roster = rosters.iter().find(|it| it.name == mirror.roster);
        let Some((decided, of)) = roster.and_then(|it| decided(it, connections)) else { continue };
        let key = if mirror.spans.has("direction") { "direction" } else { "directions" };
        let name = &mirror.roster;
        if decided.is_empty() {
            let message = format!("nobody would decide: roster `{name}` {of} takes no commands");
            let hint = "`direction = \"push\"` refuses changes by people politely; a roster \
                        without `source` is its own record and decides by `[roster.rules]`";
            faults.add(mirror.spans.of(key), message, Some(hint.to_owned()));
            continue;
        }
        let words: Vec<&str> = decided.iter().map(|it| it.as_str()).collect();
        let only = list(&words).replace(" or ", " and ");
        let hint = "leave out what nobody decides: it is refused politely".to_owned();
        for kind in mirror.named.difference(&decided) {
            let message = format!("`directions.{kind}`: roster `{name}` {of} decides {only} only");
            faults.add(mirror.spans.of("directions"), message, Some(hint.clone()));
        }
        if !mirror.two_way.is_disjoint(&decided)
            && let Err(error) = mirror.config.validate_two_way()
        {
            refused(&error, &mirror.spans, faults);
        }
        if mirror.named.is_empty() && mirror.two_way.is_disjoint(&decided) {
            let asks: Vec<&str> = mirror.two_way.iter().map(|it| it.as_str()).collect();
            let (kind, asks) = (with_article(mirror.kind), list(&asks));
            let message = format!(
                "nobody would decide: in {kind} mirror people ask for {asks}; roster `{name}` \
                 {of} decides {only} only"
            );
            let hint = "`direction = \"push\"` refuses changes by people politely".to_owned();
            faults.add(mirror.spans.of(key), message, Some(hint));
        }
    }
}

/// What a roster's system of record decides, and a clause about it.
fn decided(
    roster: &RosterSection,
    connections: &[ConnectionSection],
) -> Option<(BTreeSet<CommandKind>, String)> {
    let Some(source) = &roster.source else {
        let of = "is its own record, which by `[roster.rules] decides`";
        return Some((roster.rules.decides.clone(), of.to_owned()));
    };
    let source = connections.iter().find(|it| it.name == *source)?;
    let kind = with_article(source.descriptor.kind);
    Some((source.decides(), format!("is read from {kind} connection, which")))
}

fn fits(mirror: &MirrorSection, connection: &ConnectionSection, faults: &mut Faults) {
    let keeps: Vec<&str> = connection.descriptor.mirrors.iter().map(|it| it.kind).collect();
    if keeps.contains(&mirror.kind) {
        return;
    }
    let (name, kind) = (&connection.name, connection.descriptor.kind);
    let message = format!(
        "{} mirror cannot be kept over connection `{name}`, which is of kind `{kind}`",
        with_article(mirror.kind)
    );
    let hint = if keeps.is_empty() {
        let kind = with_article(kind);
        format!("{kind} connection is the source of a roster, not the target of a mirror")
    } else {
        format!("over {} connection: {}", with_article(kind), list(&keeps))
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
