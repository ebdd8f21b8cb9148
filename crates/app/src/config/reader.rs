//! From text to sections that know where they stand, and from a parser's error to a place to
//! point at.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use connectors::ConnectionError;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::secrets;
use crate::failure::Place;

/// A word this near to a known one (Jaro-Winkler, 0 to 1) is taken for a misspelling of it.
const NEAR: f64 = 0.8;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Where.
    pub at: Range<usize>,
    /// What was found and what was expected.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Everything that is wrong.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

/// A configuration that is wrong.
#[derive(Debug, thiserror::Error)]
#[error("configuration `{name}` has {}", mistakes(places.len()))]
pub struct ConfigError {
    /// The file.
    pub name: String,
    /// What is wrong where, in the order of the text.
    pub places: Vec<Place>,
}

fn mistakes(count: usize) -> String {
    if count == 1 { "1 mistake".to_owned() } else { format!("{count} mistakes") }
}

impl Faults {
    /// Adds one.
    pub fn add(&mut self, at: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        self.0.push(Fault { at, message: message.into(), hint });
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong, for people; secrets that stand inline are not shown.
    pub fn into_error(mut self, name: &str, text: &str) -> ConfigError {
        self.0.sort_by_key(|fault| (fault.at.start, fault.at.end));
        self.0.dedup();
        let shown = secrets::mask(text);
        let place = |fault: Fault| {
            let end = fault.at.end.min(shown.len()).max(fault.at.start);
            // A caret under many lines points at nothing.
            let text = shown.get(fault.at.start..end).unwrap_or_default();
            let length = text.find('\n').unwrap_or(text.len());
            Place {
                name: name.to_owned(),
                text: shown.clone(),
                first_line: 1,
                span: Some((fault.at.start, fault.at.start + length)),
                message: fault.message,
                hint: fault.hint,
            }
        };
        ConfigError { name: name.to_owned(), places: self.0.into_iter().map(place).collect() }
    }
}

/// Names that stand in the text, also of sections that are wrong in another way: whoever refers
/// to one of those is not told that it does not exist.
#[derive(Debug, Default)]
pub struct Names {
    /// Of `[[connection]]`s.
    pub connections: BTreeSet<String>,
    /// Of `[[roster]]`s.
    pub rosters: BTreeSet<String>,
}

/// The sections of a file.
pub struct Tables<'t> {
    pub server: Option<Section<'t>>,
    pub store: Option<Section<'t>>,
    pub feeds: Option<Section<'t>>,
    pub dashboard: Option<Section<'t>>,
    pub connection: Vec<Section<'t>>,
    pub roster: Vec<Section<'t>>,
    pub mirror: Vec<Section<'t>>,
    pub names: Names,
}

const SINGLE: [&str; 4] = ["dashboard", "feeds", "server", "store"];
const REPEATED: [&str; 3] = ["connection", "mirror", "roster"];

impl<'t> Tables<'t> {
    /// Takes the text apart; `None` when it is no TOML.
    pub fn read(text: &'t str, faults: &mut Faults) -> Option<Self> {
        let (root, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            for error in errors {
                let at = error.span().unwrap_or(0..0);
                faults.add(at, error.message().trim_end().replace('\n', ", "), None);
            }
            return None;
        }
        let mut single: BTreeMap<&str, Section<'t>> = BTreeMap::new();
        let mut repeated: BTreeMap<&str, Vec<Section<'t>>> = BTreeMap::new();
        for (key, value) in root.into_inner() {
            let at = key.span();
            let name = key.into_inner();
            if let Some(known) = SINGLE.iter().find(|it| **it == name) {
                match Section::of(at.clone(), value) {
                    Ok(section) => drop(single.insert(known, section)),
                    Err(found) => {
                        let message = format!("`{known}` is {found}; expected `[{known}]`");
                        faults.add(at, message, None);
                    }
                }
            } else if let Some(known) = REPEATED.iter().find(|it| **it == name) {
                match sections(at.clone(), value) {
                    Ok(sections) => drop(repeated.insert(known, sections)),
                    Err(found) => {
                        let message = format!("`{known}` is {found}; expected `[[{known}]]`");
                        let hint = "there can be several, so the name stands in double brackets";
                        faults.add(at, message, Some(hint.to_owned()));
                    }
                }
            } else {
                let known: Vec<&str> = SINGLE.into_iter().chain(REPEATED).collect();
                let hint = nearest(&name, &known)
                    .map(|it| format!("did you mean `{it}`?"))
                    .unwrap_or_else(|| format!("sections are {}", list(&known)));
                faults.add(at, format!("unknown section `{name}`"), Some(hint));
            }
        }
        let mut take = |name: &str| repeated.remove(name).unwrap_or_default();
        let (connection, roster, mirror) = (take("connection"), take("roster"), take("mirror"));
        let names = Names { connections: names(&connection), rosters: names(&roster) };
        let mut take = |name: &str| single.remove(name);
        let (server, store, feeds) = (take("server"), take("store"), take("feeds"));
        let dashboard = take("dashboard");
        Some(Self { server, store, feeds, dashboard, connection, roster, mirror, names })
    }
}

fn names(sections: &[Section<'_>]) -> BTreeSet<String> {
    sections.iter().filter_map(|it| it.text("name").map(str::to_owned)).collect()
}

fn sections<'t>(
    at: Range<usize>,
    value: Spanned<DeValue<'t>>,
) -> Result<Vec<Section<'t>>, &'static str> {
    match value.into_inner() {
        DeValue::Array(array) => array.into_iter().map(|it| Section::of(at.clone(), it)).collect(),
        other => Err(article(&other)),
    }
}

fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a single table",
    }
}

/// One section of the file.
#[derive(Clone)]
pub struct Section<'t> {
    /// Where its header stands.
    pub at: Range<usize>,
    table: DeTable<'t>,
    spans: BTreeMap<String, Range<usize>>,
}

/// Where a section and its values stand, for checks after it was read.
#[derive(Debug, Clone)]
pub struct Spans {
    header: Range<usize>,
    values: BTreeMap<String, Range<usize>>,
}

impl Spans {
    /// Whether the section has this key.
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// Where the value of `key` stands, or of `table.key` in a table of the section; or else the
    /// section.
    pub fn of(&self, key: &str) -> Range<usize> {
        self.values.get(key).unwrap_or(&self.header).clone()
    }
}

impl<'t> Section<'t> {
    fn of(key: Range<usize>, value: Spanned<DeValue<'t>>) -> Result<Self, &'static str> {
        // A table that stands under a header has the span of that header.
        let at = if value.span().is_empty() { key } else { value.span() };
        match value.into_inner() {
            DeValue::Table(table) => {
                let mut spans = BTreeMap::new();
                for (key, value) in &table {
                    let key = key.get_ref();
                    spans.insert(key.to_string(), value.span());
                    if let DeValue::Table(inner) = value.get_ref() {
                        let inner = inner.iter();
                        spans.extend(
                            inner.map(|(it, value)| {
                                (format!("{key}.{}", it.get_ref()), value.span())
                            }),
                        );
                    }
                }
                Ok(Self { at, table, spans })
            }
            other => Err(article(&other)),
        }
    }

    /// Where it and its values stand.
    pub fn spans(&self) -> Spans {
        Spans { header: self.at.clone(), values: self.spans.clone() }
    }

    /// The text value of a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.table.iter().find(|(it, _)| it.get_ref() == key)?.1.get_ref().as_str()
    }

    /// Divides it into the part with these keys and the rest.
    pub fn split(self, keys: &[&str]) -> (Self, Self) {
        let Self { at, table, spans } = self;
        let (mut named, mut rest) = (DeTable::new(), DeTable::new());
        for (key, value) in table {
            let part = if keys.contains(&key.get_ref().as_ref()) { &mut named } else { &mut rest };
            part.insert(key, value);
        }
        let named = Self { at: at.clone(), table: named, spans: spans.clone() };
        (named, Self { at, table: rest, spans })
    }

    /// Reads it as `T`.
    pub fn read<T: DeserializeOwned>(self, faults: &mut Faults) -> Option<T> {
        self.read_by(&|deserializer| T::deserialize(deserializer), &[], faults)
    }

    /// Reads it by `parse`; `others` are further keys that may stand in the section, for advice.
    ///
    /// Unknown keys are told all at once: each is left out, and the rest tried again.
    pub fn read_by<T>(
        mut self,
        parse: &dyn Fn(ValueDeserializer<'_>) -> Result<T, toml::de::Error>,
        others: &[&str],
        faults: &mut Faults,
    ) -> Option<T> {
        let mut clean = true;
        loop {
            let value = Spanned::new(self.at.clone(), DeValue::Table(self.table.clone()));
            let error = match parse(ValueDeserializer::from(value)) {
                Ok(read) => return clean.then_some(read),
                Err(error) => error,
            };
            clean = false;
            let at = error.span().unwrap_or_else(|| self.at.clone());
            let (message, hint) = explain(error.message(), others);
            // Sentences that quote nothing of ours do not name the key themselves.
            let key = key_at(&self.table, &at).filter(|_| !names_a_key(error.message()));
            let form = key.as_deref().and_then(form_of).map(str::to_owned);
            let hint = hint.or(form);
            let message = key.map_or_else(|| message.clone(), |key| format!("`{key}`: {message}"));
            faults.add(at.clone(), message, hint);
            let unknown = self.table.keys().find(|key| key.span() == at).cloned();
            match unknown {
                Some(key) if error.message().starts_with("unknown field") => {
                    self.table.remove(&key);
                }
                Some(_) | None => return None,
            }
        }
    }
}

/// The key whose value stands at `at`, with those of the tables that it is in: `guard.max`.
fn key_at(table: &DeTable<'_>, at: &Range<usize>) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let key = key.get_ref();
        // A table that stands under a header does not span what is in it, so it is asked first.
        if let DeValue::Table(inner) = value.get_ref()
            && let Some(deeper) = key_at(inner, at)
        {
            return Some(format!("{key}.{deeper}"));
        }
        let span = value.span();
        let holds = !at.is_empty() && span.start <= at.start && at.end <= span.end;
        holds.then(|| key.to_string())
    })
}

/// Whether serde's sentence names a key.
fn names_a_key(message: &str) -> bool {
    message.starts_with("unknown field") || message.starts_with("missing field")
}

/// What a provider says about its section, at the key that it names.
pub fn refused(error: &ConnectionError, spans: &Spans, faults: &mut Faults) {
    match error {
        ConnectionError::Key { key, message } => {
            faults.add(spans.of(key), format!("`{key}`: {message}"), None);
        }
        ConnectionError::File { key, .. } => faults.add(spans.of(key), error.to_string(), None),
        ConnectionError::Role { .. } => faults.add(spans.of("kind"), error.to_string(), None),
    }
}

/// Puts serde's sentence into our words. Its form is serde's own and stable: `unknown field`,
/// `unknown variant`, `missing field`, with names in backticks.
fn explain(message: &str, others: &[&str]) -> (String, Option<String>) {
    let named: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (found, mut known) = match named.split_first() {
        Some((found, known)) => (*found, known.to_vec()),
        None => return (message.trim_end().to_owned(), None),
    };
    if message.starts_with("unknown field") {
        known.extend(others);
        return (format!("unknown key `{found}`"), Some(advice(found, &known)));
    }
    if message.starts_with("missing field") {
        return (format!("`{found}` is missing"), None);
    }
    if message.starts_with("unknown variant") {
        let text = format!("`{found}` is not known here; expected {}", list(&known));
        return (text, nearest(found, &known).map(|it| format!("did you mean `{it}`?")));
    }
    (message.trim_end().to_owned(), None)
}

/// How the value of a key is written, where what reads it does not say so.
fn form_of(key: &str) -> Option<&'static str> {
    match key.rsplit('.').next() {
        Some("listen" | "operator_listen") => {
            Some("expected an address and a port, such as `127.0.0.1:8080`")
        }
        Some("from" | "to") => Some("expected a time of day, such as `08:00`"),
        Some(_) | None => None,
    }
}

fn advice(found: &str, known: &[&str]) -> String {
    let by_file = format!("{found}_file");
    if secrets::is_secret(found) && known.contains(&by_file.as_str()) {
        return format!("secrets never stand in this file: write `{by_file} = \"path\"` instead");
    }
    match nearest(found, known) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("keys here are {}", list(known)),
    }
}

/// The known word that `found` is most likely a misspelling of.
pub fn nearest<'k>(found: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|word| (strsim::jaro_winkler(found, word), *word))
        .filter(|(nearness, word)| *nearness >= NEAR || is_slip(found, word))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word)
}

/// Whether one is the other with a letter or two wrong, missing or exchanged, or cut short.
fn is_slip(found: &str, word: &str) -> bool {
    let slips = strsim::osa_distance(found, word);
    slips <= 1.max(word.len() / 4) || (found.len() >= 3 && word.starts_with(found))
}

/// `` a `caldav` `` or `` an `outlook` ``.
pub fn with_article(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} `{word}`")
}

/// `` `a`, `b` or `c` ``.
pub fn list<T: AsRef<str>>(words: &[T]) -> String {
    let mut quoted: Vec<String> = words.iter().map(|word| format!("`{}`", word.as_ref())).collect();
    quoted.sort();
    quoted.dedup();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}
