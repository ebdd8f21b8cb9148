//! What the operator's own file says of people, added to a reading.

use std::collections::BTreeMap;

use domain::{Employee, Entity, Fingerprinter};

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
        at: SourceRef("employees_file".into()),
    }));
    entities
}

/// The entities, people among them completed; and whom of the file they do not know.
fn described_ones(
    entities: Vec<SourceEntity>,
    described: &[Employee],
) -> (Vec<SourceEntity>, Vec<&Employee>) {
    let mut described: BTreeMap<_, _> = described.iter().map(|it| (&it.id, it)).collect();
    let entities = entities
        .into_iter()
        .map(|mut it| {
            if let Entity::Employee(employee) = &mut it.entity
                && let Some(known) = described.remove(&employee.id)
            {
                complete_employee(employee, known);
            }
            it
        })
        .collect();
    (entities, described.into_values().collect())
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
        qualifications,
        availability,
    } = known.clone();
    employee.name = name.or(employee.name.take());
    employee.email = email.or(employee.email.take());
    employee.m365_id = m365_id.or(employee.m365_id.take());
    employee.google_id = google_id.or(employee.google_id.take());
    employee.group = group.or(employee.group.take());
    employee.time_zone = time_zone.or(employee.time_zone.take());
    if !qualifications.is_empty() {
        employee.qualifications = qualifications;
    }
    // What people said of themselves is newer than the file that they began with.
    employee.availability = employee.availability.take().or(availability);
}
