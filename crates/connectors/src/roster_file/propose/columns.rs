//! Which column is what, by its name.

use std::collections::{BTreeMap, HashSet};

use super::Sample;

/// What exports call their columns, most telling first; letters and digits only, in small.
const NAMES: [(&str, &[&str]); 18] = [
    (
        "employee",
        &[
            "employee",
            "employeeid",
            "employeenumber",
            "personnelnumber",
            "personnelno",
            "staffid",
            "agentid",
            "userid",
            "agent",
            "staff",
            "user",
            "nurse",
            "employeename",
            "agentname",
            "resource",
            "mitarbeiter",
            "personalnummer",
            "persnr",
            "mitarbeiternr",
            "matricule",
            "salarié",
            "employé",
            "empleado",
            "file",
        ],
    ),
    (
        "date",
        &[
            "date",
            "startdate",
            "shiftdate",
            "workdate",
            "scheduledate",
            "day",
            "datum",
            "tag",
            "jour",
            "fecha",
            "data",
            "dayindex",
        ],
    ),
    (
        "start",
        &[
            "start",
            "startlocal",
            "starttime",
            "shiftstart",
            "timestart",
            "startdatetime",
            "from",
            "begin",
            "begins",
            "in",
            "beginn",
            "von",
            "startzeit",
            "arbeitsbeginn",
            "début",
            "heuredébut",
            "de",
            "inicio",
            "desde",
            "horainicio",
            "startminute",
            "startmin",
        ],
    ),
    (
        "end",
        &[
            "end",
            "endlocal",
            "endtime",
            "shiftend",
            "timeend",
            "enddatetime",
            "to",
            "until",
            "out",
            "ende",
            "bis",
            "endzeit",
            "arbeitsende",
            "fin",
            "heurefin",
            "à",
            "hasta",
            "horafin",
            "endminute",
            "endmin",
            "stop",
            "finish",
        ],
    ),
    (
        "length",
        &[
            "length",
            "lengthmin",
            "lengthminutes",
            "duration",
            "durationmin",
            "durationminutes",
            "durationhours",
            "minutes",
            "hours",
            "dauer",
            "stunden",
            "durée",
            "duración",
        ],
    ),
    ("end_date", &["enddate", "dateend", "enddatum", "datefin", "fechafin"]),
    (
        "activity",
        &[
            "activity",
            "shiftcode",
            "shift",
            "shifttype",
            "shiftname",
            "shiftid",
            "code",
            "work",
            "label",
            "task",
            "position",
            "summary",
            "title",
            "schicht",
            "dienst",
            "tätigkeit",
            "aktivität",
            "poste",
            "activité",
            "turno",
            "actividad",
        ],
    ),
    (
        "group",
        &[
            "group",
            "team",
            "ward",
            "department",
            "queue",
            "contract",
            "unit",
            "site",
            "skill",
            "gruppe",
            "abteilung",
            "station",
            "équipe",
            "service",
            "equipo",
            "grupo",
        ],
    ),
    ("id", &["id", "shiftid", "assignmentid", "scheduleid", "uid", "entryid"]),
    ("type", &["type", "kind", "rowtype", "art", "typ"]),
    ("reason", &["reason", "absencereason", "leavetype", "absencetype", "grund", "motif"]),
    ("notes", &["notes", "note", "comment", "comments", "description", "bemerkung", "notiz"]),
    ("open_slots", &["openslots", "slots", "openings"]),
    ("shift", &["partof", "parentshift", "parent"]),
    ("paid", &["paid", "ispaid", "bezahlt"]),
    ("time_zone", &["timezone", "tz", "zeitzone"]),
    ("name", &["name", "fullname", "displayname", "employeename", "nom", "nombre"]),
    ("email", &["email", "emailaddress", "mail", "upn"]),
];

/// Values of a column that says which kind a row is.
const TYPES: [&str; 4] = ["shift", "open_shift", "time_off", "activity"];

/// A name without what exports do to it: `Start Time (local)` is `starttimelocal`.
fn plain(name: &str) -> String {
    name.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether exports call a column so.
pub fn is_known(name: &str) -> bool {
    let name = plain(name);
    NAMES.iter().any(|(_, known)| known.contains(&name.as_str()))
}

/// Which column is what.
#[derive(Debug, Default)]
pub struct Columns {
    found: BTreeMap<&'static str, usize>,
}

impl Columns {
    /// Finds them in a sample's header; `text` is the whole file.
    pub fn of(sample: &Sample, text: &str) -> Self {
        let names: Vec<String> = sample.names.iter().map(|it| plain(it)).collect();
        let mut columns = Self::default();
        for (key, known) in NAMES {
            let free = |index: &usize| columns.found.values().all(|it| it != index);
            let mut fitting = known.iter().filter_map(|known| {
                (0..names.len()).filter(free).find(|index| names[*index] == *known)
            });
            let found = fitting.find(|index| fits(sample, key, *index, text));
            if let Some(index) = found {
                columns.found.insert(key, index);
            }
        }
        // An export whose only column of people is their name.
        if let (None, Some(name)) = (columns.of_key("employee"), columns.of_key("name")) {
            columns.found.remove("name");
            columns.found.insert("employee", name);
        }
        columns
    }

    /// The column of a key.
    pub fn of_key(&self, key: &str) -> Option<usize> {
        self.found.get(key).copied()
    }

    /// Keys with the names of their columns.
    pub fn list(&self, sample: &Sample) -> Vec<(&'static str, String)> {
        let name = |index: usize| sample.names[index].clone();
        let named = |key: &'static str| Some((key, name(self.of_key(key)?)));
        NAMES.iter().filter_map(|(key, _)| named(key)).collect()
    }
}

/// Whether the values could be what the name says.
fn fits(sample: &Sample, key: &str, index: usize, text: &str) -> bool {
    // Two columns of one name cannot be told apart in the configuration.
    if sample.names.iter().filter(|it| **it == sample.names[index]).count() > 1 {
        return false;
    }
    match key {
        "id" => is_unique(sample, index, text),
        "type" => sample.values(index).all(|it| {
            let word = it.to_lowercase().replace([' ', '-'], "_");
            it.is_empty() || TYPES.contains(&word.as_str())
        }),
        "time_zone" => {
            sample.values(index).all(|it| it.is_empty() || jiff::tz::TimeZone::get(it).is_ok())
        }
        "open_slots" => sample.values(index).all(|it| it.is_empty() || it.parse::<u32>().is_ok()),
        _ => true,
    }
}

/// Ids are for ever: what comes twice is a code.
fn is_unique(sample: &Sample, index: usize, text: &str) -> bool {
    let mut seen = HashSet::new();
    let rows = super::records(text, sample.delimiter, usize::MAX);
    rows.iter()
        .filter(|row| row.len() == sample.names.len() && **row != sample.names)
        .all(|row| !row[index].is_empty() && seen.insert(row[index].clone()))
        && !seen.is_empty()
}
