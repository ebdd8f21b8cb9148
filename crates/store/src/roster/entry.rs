//! One stored entity: the columns of its record, its JSON, and back.

use domain::{Entity, EntityKind};
use engine::port::{ChangeSeq, RosterEntry, SourceRef};

use crate::fault::Fault;
use crate::packed::Fields;

/// The record that [`decode_entry`] reads; further columns may follow it.
macro_rules! entry_record {
    ($($more:literal),*) => {
        $crate::sql::packed!(
            "entity.kind",
            "entity.id",
            "hex(entity.fingerprint)",
            "entity.version",
            "entity.changed_at",
            "entity.seq",
            "entity.source_at",
            "entity.body"
            $(, $more)*
        )
    };
}
pub(crate) use entry_record;

pub(crate) fn decode_entry(fields: &mut Fields<'_>) -> Result<RosterEntry, Fault> {
    let key = fields.key()?;
    let fingerprint = fields.fingerprint()?;
    let version = fields.parse("version")?;
    let changed_at = fields.instant()?;
    let seq = ChangeSeq(fields.parse("place in the sequence")?);
    let at = SourceRef(fields.text()?.to_owned());
    let body = fields.text()?;
    let entity = decode_entity(key.kind, body).map_err(|error| fields.corrupt("entity", error))?;
    Ok(RosterEntry { entity, fingerprint, version, changed_at, seq, at })
}

/// Reads an entity whose kind is known; twice as fast as finding the tag inside first.
fn decode_entity(kind: EntityKind, body: &str) -> Result<Entity, serde_json::Error> {
    Ok(match kind {
        EntityKind::Employee => Entity::Employee(serde_json::from_str(body)?),
        EntityKind::OpenShift => Entity::OpenShift(serde_json::from_str(body)?),
        EntityKind::ScheduleGroup => Entity::ScheduleGroup(serde_json::from_str(body)?),
        EntityKind::Shift => Entity::Shift(serde_json::from_str(body)?),
        EntityKind::TimeOff => Entity::TimeOff(serde_json::from_str(body)?),
        EntityKind::TimeOffReason => Entity::TimeOffReason(serde_json::from_str(body)?),
    })
}
