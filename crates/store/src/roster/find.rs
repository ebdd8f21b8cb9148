//! Finding an entity by its id alone, for `explain`.
//!
//! There is no index on the id: the few rosters and kinds there are give the beginnings of the
//! primary key, so that each is one look into it.

use domain::limits::{FOUND_ENTITIES_MAX, ID_BEGINNING_CHARS_MIN};
use domain::{EntityKind, MirrorName, RosterName};
use engine::port::{FoundEntity, LedgerRow};

use super::{decode_entry, entry_record, key_rows};
use crate::backend::{Arg, Backend, Session};
use crate::fault::Fault;
use crate::ledger::row::{decode_row, row_record};
use crate::packed::{self, records};
use crate::sql::{Sql, over_rows};

pub(crate) async fn entities(backend: &Backend, id: &str) -> Result<Vec<FoundEntity>, Fault> {
    let mut session = backend.snapshot().await?;
    let mut found = between(&mut session, id, id).await?;
    if found.is_empty() && id.chars().count() >= ID_BEGINNING_CHARS_MIN {
        found = between(&mut session, id, &format!("{id}{}", char::MAX)).await?;
        let ids: std::collections::BTreeSet<_> =
            found.iter().map(|it| it.entry.entity.key().id).collect();
        if ids.len() > 1 {
            return Ok(Vec::new());
        }
    }
    add_ledger(&mut session, &mut found).await?;
    Ok(found)
}

/// Entities whose id is between two texts, both included.
async fn between(
    session: &mut Session,
    first: &str,
    last: &str,
) -> Result<Vec<FoundEntity>, Fault> {
    const BETWEEN: Sql = over_rows!(
        concat!(
            "SELECT string_agg(record, '\u{1e}') FROM (SELECT ",
            entry_record!("entity.roster", "entity.deleted_at"),
            " AS record FROM"
        ),
        "CROSS JOIN roster CROSS JOIN entity WHERE entity.roster = roster.name \
         AND entity.kind = (given.value ->> 0) AND entity.id >= $2 AND entity.id <= $3 \
         ORDER BY entity.roster, entity.kind, entity.id LIMIT $4) AS records"
    );
    let kinds = packed::rows(&EntityKind::ALL.map(|kind| [kind.as_str()]))?;
    let args =
        [Arg::Text(&kinds), Arg::Text(first), Arg::Text(last), Arg::Int(FOUND_ENTITIES_MAX as i64)];
    let page = session.packed(BETWEEN, &args).await?;
    records(&page)
        .map(|mut fields| {
            Ok(FoundEntity {
                entry: decode_entry(&mut fields)?,
                roster: fields.id("roster name", RosterName::new)?,
                deleted_at: fields.maybe_instant()?,
                ledger: Vec::new(),
            })
        })
        .collect()
}

async fn add_ledger(session: &mut Session, found: &mut [FoundEntity]) -> Result<(), Fault> {
    const LEDGER: Sql = over_rows!(
        concat!(
            "SELECT string_agg(record, '\u{1e}') FROM (SELECT ",
            row_record!("ledger.mirror"),
            " AS record FROM"
        ),
        "CROSS JOIN mirror CROSS JOIN ledger WHERE ledger.mirror = mirror.name \
         AND ledger.kind = (given.value ->> 0) AND ledger.id = (given.value ->> 1) \
         ORDER BY ledger.mirror, ledger.calendar, ledger.part) AS records"
    );
    let keys: std::collections::BTreeSet<_> =
        found.iter().map(|it| it.entry.entity.key()).collect();
    let keys: Vec<_> = keys.into_iter().collect();
    let page = session.packed(LEDGER, &[Arg::Text(&key_rows(&keys)?)]).await?;
    for mut fields in records(&page) {
        let row: LedgerRow = decode_row(&mut fields)?;
        let mirror = fields.id("mirror name", MirrorName::new)?;
        for it in found.iter_mut() {
            if it.entry.entity.key() == row.key {
                it.ledger.push((mirror.clone(), row.clone()));
            }
        }
    }
    Ok(())
}
