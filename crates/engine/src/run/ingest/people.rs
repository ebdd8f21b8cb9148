//! What the operator's own file says of people, added to a reading.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Employee, Entity, Fingerprinter};

use crate::ingest::EMPLOYEES_FILE;
use crate::port::{Identity, ReadingKind, ReadingPart, SourceEntity, SourceRef};

/// Adds to a reading what the operator's own file says of people.
pub fn complete(kind: ReadingKind, described: &[Employee]) -> ReadingKind {
    if described.is_empty() {
        return kind;
    }
    match kind {
        ReadingKind::Unchanged => ReadingKind::Unchanged,
        ReadingKind::Full { entities, absence } => {
            ReadingKind::Full { entities: with_all(entities, described), absence }
        }
        ReadingKind::Changes { upserts, removed } => {
            ReadingKind::Changes { upserts: with_all(upserts, described), removed }
        }
        ReadingKind::Part(part) if part.everybody => {
            let entities = with_all(part.entities, described);
            ReadingKind::Part(ReadingPart { entities, ..part })
        }
        ReadingKind::Part(part) => {
            let (entities, _) = described_ones(part.entities, described);
            ReadingKind::Part(ReadingPart { entities, ..part })
        }
    }
}

/// The entities, people among them completed, and people whom only the file knows.
fn with_all(entities: Vec<SourceEntity>, described: &[Employee]) -> Vec<SourceEntity> {
    let (mut entities, unknown) = described_ones(entities, described);
    entities.extend(unknown.into_iter().map(|employee| SourceEntity {
        entity: Entity::Employee(employee.clone()),
        identity: Identity::Native,
        at: SourceRef(EMPLOYEES_FILE.into()),
    }));
    entities
}

/// The entities, people among them completed; and whom of the file they do not know.
fn described_ones(
    entities: Vec<SourceEntity>,
    described: &[Employee],
) -> (Vec<SourceEntity>, Vec<&Employee>) {
    let rows: BTreeMap<String, usize> =
        described.iter().enumerate().map(|(row, it)| (folded(it.id.as_str()), row)).collect();
    let found = matched(&entities, &rows);
    let mut used: BTreeSet<usize> = BTreeSet::new();
    let mut entities = entities;
    for (entity, row) in found {
        if let Entity::Employee(employee) = &mut entities[entity].entity {
            complete_employee(employee, &described[row]);
            used.insert(row);
        }
    }
    let unknown = described.iter().enumerate().filter(|(row, _)| !used.contains(row));
    (entities, unknown.map(|(_, employee)| employee).collect())
}

/// Which person each row describes: by id, else by employee number, else by address; `(place,
/// row)`. A number or an address that two people have names neither of them, and a row describes
/// one person only.
fn matched(entities: &[SourceEntity], rows: &BTreeMap<String, usize>) -> Vec<(usize, usize)> {
    type Name = fn(&Employee) -> Option<&str>;
    let names: [Name; 3] =
        [|it| Some(it.id.as_str()), |it| it.number.as_deref(), |it| it.email.as_deref()];
    let (mut found, mut used) = (BTreeMap::new(), BTreeSet::new());
    for name in names {
        let mut by_row: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, it) in entities.iter().enumerate() {
            if let Entity::Employee(employee) = &it.entity
                && !found.contains_key(&place)
                && let Some(row) = name(employee).and_then(|it| rows.get(&folded(it)))
            {
                by_row.entry(*row).or_default().push(place);
            }
        }
        for (row, places) in by_row {
            if let ([place], true) = (places.as_slice(), !used.contains(&row)) {
                found.insert(*place, row);
                used.insert(row);
            }
        }
    }
    found.into_iter().collect()
}

/// Addresses are compared whatever their case.
fn folded(text: &str) -> String {
    if text.contains('@') { text.to_lowercase() } else { text.to_owned() }
}

/// The hash of the file: it is part of what is read, so that a change of it is not taken for no
/// change.
pub fn print(described: &[Employee]) -> String {
    let mut print = Fingerprinter::new("employees/1");
    for employee in described {
        print.text(employee.id.as_str()).text(&employee.fingerprint().to_string());
    }
    print.finish().to_string()
}

/// What the operator's file says wins over what the source says.
fn complete_employee(employee: &mut Employee, known: &Employee) {
    let Employee {
        id: _,
        name,
        email,
        m365_id,
        google_id,
        group,
        time_zone,
        number,
        qualifications,
        availability,
    } = known.clone();
    employee.name = name.or(employee.name.take());
    employee.email = email.or(employee.email.take());
    employee.m365_id = m365_id.or(employee.m365_id.take());
    employee.google_id = google_id.or(employee.google_id.take());
    employee.group = group.or(employee.group.take());
    employee.time_zone = time_zone.or(employee.time_zone.take());
    employee.number = number.or(employee.number.take());
    if !qualifications.is_empty() {
        employee.qualifications = qualifications;
    }
    // What people said of themselves is newer than the file that they began with.
    employee.availability = employee.availability.take().or(availability);
}

#[cfg(test)]
mod tests {
    use domain::EmployeeId;

    use super::*;

    fn person(id: &str, number: Option<&str>, email: Option<&str>) -> Employee {
        Employee {
            number: number.map(Into::into),
            email: email.map(Into::into),
            ..Employee::unnamed(EmployeeId::new(id).unwrap())
        }
    }

    fn row(id: &str, group: &str) -> Employee {
        Employee { google_id: Some(group.into()), ..person(id, None, None) }
    }

    /// Which row each person got, and which rows are left.
    fn check(people: Vec<Employee>, rows: &[&str], expected: &[Option<&str>], left: &[&str]) {
        let described: Vec<Employee> = rows.iter().map(|it| row(it, it)).collect();
        let entity = |it: Employee| SourceEntity {
            entity: Entity::Employee(it),
            identity: Identity::Native,
            at: SourceRef("a".into()),
        };
        let (entities, unknown) =
            described_ones(people.into_iter().map(entity).collect(), &described);
        let got: Vec<Option<String>> = entities
            .iter()
            .map(|it| match &it.entity {
                Entity::Employee(employee) => employee.google_id.clone(),
                _ => None,
            })
            .collect();
        let got: Vec<Option<&str>> = got.iter().map(Option::as_deref).collect();
        assert_eq!(got, expected);
        assert_eq!(unknown.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), left);
    }

    #[test]
    fn a_row_describes_somebody_by_id_number_or_address() {
        let people = vec![
            person("u-1", Some("4711"), Some("anna@example.com")),
            person("u-2", Some("4712"), Some("Ben@example.com")),
            person("u-3", None, None),
        ];
        let rows = ["4711", "ben@EXAMPLE.com", "u-3", "carl@example.com"];
        let expected = [Some("4711"), Some("ben@EXAMPLE.com"), Some("u-3")];
        check(people, &rows, &expected, &["carl@example.com"]);
    }

    #[test]
    fn an_address_that_two_people_have_names_neither() {
        let same = Some("shared@example.com");
        let people = vec![person("u-1", None, same), person("u-2", None, same)];
        check(people, &["shared@example.com"], &[None, None], &["shared@example.com"]);
    }

    #[test]
    fn an_id_goes_before_a_number() {
        let people = vec![person("7", None, None), person("8", Some("7"), None)];
        check(people, &["7"], &[Some("7"), None], &[]);
    }
}
