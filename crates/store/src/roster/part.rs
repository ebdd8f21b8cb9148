//! What an ingest that reads part by part asks of a roster, and the marks of its source.

use std::collections::BTreeMap;

use domain::{EmployeeId, EntityKey, RosterName, SyncWindow, UtcInterval};
use engine::port::{RosterIndexRow, SourceMark};

use super::{ENTITY_PAGE_ROWS, decode_index_row, key_rows};
use crate::backend::{Arg, Backend, Session};
use crate::fault::Fault;
use crate::packed::{self, records};
use crate::sql::{Sql, for_each_given, gathered, over_rows, packed};

/// The largest character: what begins with a text stands before that text and this.
const AFTER_ALL: char = char::MAX;

macro_rules! index_record {
    () => {
        packed!(
            "entity.kind",
            "entity.id",
            "hex(entity.fingerprint)",
            "hex(entity.twin)",
            "entity.ends_at",
            "entity.starts_at"
        )
    };
}

/// The live entities of these employees that start inside their interval; each once, by key.
pub(crate) async fn index_starting(
    session: &mut Session,
    roster: &RosterName,
    scope: &[(EmployeeId, UtcInterval)],
) -> Result<Vec<RosterIndexRow>, Fault> {
    // What starts inside ends after the start: the index by employee and end is enough.
    const STARTING: Sql = for_each_given!(
        index_record!(),
        "entity WHERE entity.roster = $2 AND entity.employee = (given.value ->> 0) \
         AND entity.deleted_at IS NULL AND entity.ends_at > CAST(given.value ->> 1 AS BIGINT) \
         AND entity.starts_at >= CAST(given.value ->> 1 AS BIGINT) \
         AND entity.starts_at < CAST(given.value ->> 2 AS BIGINT)"
    );
    let mut index = Vec::new();
    for scope in scope.chunks(ENTITY_PAGE_ROWS) {
        let rows: Vec<_> = scope
            .iter()
            .map(|(employee, within)| {
                let (start, end) = (within.start(), within.end());
                (employee.as_str(), start.as_millisecond(), end.as_millisecond())
            })
            .collect();
        let rows = packed::rows(&rows)?;
        let args = [Arg::Text(&rows), Arg::Text(roster.as_str())];
        take(&session.packed(STARTING, &args).await?, &mut index)?;
    }
    index.sort_by(|a, b| a.key.cmp(&b.key));
    index.dedup_by(|a, b| a.key == b.key);
    Ok(index)
}

/// The live entities with these keys.
pub(crate) async fn index_at(
    session: &mut Session,
    roster: &RosterName,
    keys: &[EntityKey],
) -> Result<Vec<RosterIndexRow>, Fault> {
    const BY_KEY: Sql = over_rows!(
        concat!("SELECT string_agg(", index_record!(), ", '\u{1e}') FROM"),
        "CROSS JOIN entity WHERE entity.roster = $2 AND entity.kind = (given.value ->> 0) \
         AND entity.id = (given.value ->> 1) AND entity.deleted_at IS NULL"
    );
    let mut index = Vec::with_capacity(keys.len());
    for keys in keys.chunks(ENTITY_PAGE_ROWS) {
        let rows = key_rows(keys)?;
        let args = [Arg::Text(&rows), Arg::Text(roster.as_str())];
        take(&session.packed(BY_KEY, &args).await?, &mut index)?;
    }
    Ok(index)
}

fn take(page: &str, index: &mut Vec<RosterIndexRow>) -> Result<(), Fault> {
    for mut fields in records(page) {
        index.push(decode_index_row(&mut fields)?);
    }
    Ok(())
}

/// How many live entities that lie in time overlap the window.
pub(crate) async fn count_within(
    backend: &Backend,
    roster: &RosterName,
    window: &SyncWindow,
) -> Result<u64, Fault> {
    // As in `within`: by the end, without the index by start.
    const COUNT: Sql = Sql::same(
        "SELECT count(*) FROM entity WHERE roster = $1 \
         AND kind IN ('open_shift', 'shift', 'time_off') AND deleted_at IS NULL \
         AND ends_at > $2 AND starts_at + 0 < $3",
    );
    let args = [
        Arg::Text(roster.as_str()),
        Arg::Int(window.interval.start().as_millisecond()),
        Arg::Int(packed::millisecond_after(window.interval.end())),
    ];
    let rows = backend.reader().await?.cells(COUNT, &args).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.int(0))?.unsigned_abs())
}

/// The marks whose names begin with this, by name.
pub(crate) async fn marks(
    backend: &Backend,
    roster: &RosterName,
    beginning: &str,
) -> Result<Vec<SourceMark>, Fault> {
    const MARKS: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        packed!("name", "value"),
        " AS record FROM source_mark WHERE roster = $1 AND name >= $2 AND name < $3 ORDER BY name"
    )));
    let after = format!("{beginning}{AFTER_ALL}");
    let args = [Arg::Text(roster.as_str()), Arg::Text(beginning), Arg::Text(&after)];
    let page = backend.reader().await?.packed(MARKS, &args).await?;
    records(&page)
        .map(|mut fields| {
            let (name, value) = (fields.text()?.to_owned(), fields.text()?.to_owned());
            Ok(SourceMark { name, value })
        })
        .collect()
}

/// Remembers and forgets; of two under one name the last counts.
pub(crate) async fn put_marks(
    session: &mut Session,
    roster: &RosterName,
    marks: &[(String, Option<String>)],
) -> Result<(), Fault> {
    const PUT: Sql = over_rows!(
        "INSERT INTO source_mark (roster, name, value) \
         SELECT $2, given.value ->> 0, given.value ->> 1 FROM",
        "WHERE true ON CONFLICT (roster, name) DO UPDATE SET value = excluded.value"
    );
    const FORGET: Sql = over_rows!(
        "DELETE FROM source_mark WHERE roster = $2 AND name IN (SELECT given.value ->> 0 FROM",
        ")"
    );
    let latest: BTreeMap<&str, Option<&str>> =
        marks.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    let kept: Vec<_> =
        latest.iter().filter_map(|(name, value)| value.map(|value| (*name, value))).collect();
    let forgotten: Vec<_> =
        latest.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| (*name,)).collect();
    for kept in kept.chunks(ENTITY_PAGE_ROWS) {
        let rows = packed::rows(kept)?;
        session.run(PUT, &[Arg::Text(&rows), Arg::Text(roster.as_str())]).await?;
    }
    for forgotten in forgotten.chunks(ENTITY_PAGE_ROWS) {
        let rows = packed::rows(forgotten)?;
        session.run(FORGET, &[Arg::Text(&rows), Arg::Text(roster.as_str())]).await?;
    }
    Ok(())
}
