//! Carrying out one ingest in one transaction.

use domain::{EntityKey, RosterName};
use engine::port::{ChangeSeq, IngestCommit, IngestReceipt, StoreError, Upsert};
use jiff::Timestamp;
use serde::Serialize;

use super::{ENTITY_PAGE_ROWS, key_texts};
use crate::backend::{Arg, Backend, Session, transact};
use crate::fault::Fault;
use crate::packed::{self, printable, to_hex};
use crate::sql::{Sql, over_rows};

pub(crate) async fn commit(
    backend: &Backend,
    roster: &RosterName,
    commit: &IngestCommit,
) -> Result<IngestReceipt, Fault> {
    transact!(backend, |session| carry_out(session, roster, commit))
}

async fn carry_out(
    session: &mut Session,
    roster: &RosterName,
    commit: &IngestCommit,
) -> Result<IngestReceipt, Fault> {
    let IngestCommit { upserts, tombstones, state: _, at, expected, drop_hints } = commit;
    let found = lock_roster(session, roster).await?;
    if found != expected.0 {
        return Err(
            StoreError::Superseded { roster: roster.clone(), expected: expected.0, found }.into()
        );
    }
    // Places are given in the order of the commit; rows are written in the order of the table.
    let mut rows: Vec<_> = (found + 1..)
        .zip(upserts)
        .map(|(place, upsert)| (upsert.entity.key(), place, upsert))
        .collect();
    rows.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    for page in rows.chunks(ENTITY_PAGE_ROWS) {
        put(session, roster, page, *at).await?;
    }
    let mut seq = found + upserts.len() as i64;
    for page in tombstones.chunks(ENTITY_PAGE_ROWS) {
        bury(session, roster, page, seq, *at).await?;
        seq += page.len() as i64;
    }
    if *drop_hints {
        const DROP: Sql = Sql::same("DELETE FROM identity_hint WHERE roster = $1");
        session.run(DROP, &[Arg::Text(roster.as_str())]).await?;
    }
    put_state(session, roster, commit, seq).await?;
    Ok(IngestReceipt { seq: ChangeSeq(seq) })
}

/// The roster's sequence, locked until the end of the transaction.
async fn lock_roster(session: &mut Session, roster: &RosterName) -> Result<i64, Fault> {
    // An update that changes nothing is a lock in either dialect.
    const LOCK: Sql = Sql::same(
        "INSERT INTO roster (name, seq) VALUES ($1, 0) \
         ON CONFLICT (name) DO UPDATE SET seq = roster.seq RETURNING seq",
    );
    let rows = session.cells(LOCK, &[Arg::Text(roster.as_str())]).await?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

/// The columns of one upsert, in the order in which the statement takes them.
#[derive(Serialize)]
struct EntityRow<'a>(
    &'static str,
    &'a str,
    i64,
    String,
    Option<String>,
    Option<&'a str>,
    Option<i64>,
    Option<i64>,
    std::borrow::Cow<'a, str>,
    String,
);

/// An upsert with its key and its place in the sequence.
type Placed<'a> = (EntityKey, i64, &'a Upsert);

async fn put(
    session: &mut Session,
    roster: &RosterName,
    upserts: &[Placed<'_>],
    at: Timestamp,
) -> Result<(), Fault> {
    const PUT: Sql = over_rows!(
        "INSERT INTO entity (roster, changed_at, version, kind, id, seq, fingerprint, twin, \
         employee, starts_at, ends_at, source_at, body) \
         SELECT $2, $3, 1, given.value ->> 0, given.value ->> 1, \
         CAST(given.value ->> 2 AS BIGINT), \
         unhex(given.value ->> 3), unhex(given.value ->> 4), given.value ->> 5, \
         CAST(given.value ->> 6 AS BIGINT), CAST(given.value ->> 7 AS BIGINT), \
         given.value ->> 8, given.value ->> 9 FROM",
        "WHERE true ON CONFLICT (roster, kind, id) DO UPDATE SET \
         changed_at = excluded.changed_at, version = entity.version + 1, seq = excluded.seq, \
         fingerprint = excluded.fingerprint, twin = excluded.twin, employee = excluded.employee, \
         starts_at = excluded.starts_at, ends_at = excluded.ends_at, deleted_at = NULL, \
         source_at = excluded.source_at, body = excluded.body"
    );
    let rows: Vec<_> = upserts.iter().map(entity_row).collect::<Result<_, _>>()?;
    let rows = packed::rows(&rows)?;
    let args = [Arg::Text(&rows), Arg::Text(roster.as_str()), Arg::Int(at.as_millisecond())];
    session.run(PUT, &args).await?;
    Ok(())
}

fn entity_row<'a>((key, seq, upsert): &'a Placed<'a>) -> Result<EntityRow<'a>, Fault> {
    let Upsert { entity, fingerprint, twin, at } = upsert;
    let (kind, id) = key_texts(key);
    let interval = entity.interval();
    let body = serde_json::to_string(entity)
        .map_err(|error| Fault::corrupt("entity", key.to_string(), error))?;
    Ok(EntityRow(
        kind,
        id,
        *seq,
        to_hex(fingerprint),
        twin.as_ref().map(to_hex),
        entity.employee().map(domain::EmployeeId::as_str),
        interval.map(|it| it.start().as_millisecond()),
        interval.map(|it| it.end().as_millisecond()),
        printable(&at.0),
        body,
    ))
}

/// Leaves tombstones; keys that are not live are passed over.
async fn bury(
    session: &mut Session,
    roster: &RosterName,
    keys: &[EntityKey],
    seq: i64,
    at: Timestamp,
) -> Result<(), Fault> {
    const BURY: Sql = over_rows!(
        "UPDATE entity SET deleted_at = $3, seq = CAST(given.value ->> 2 AS BIGINT) FROM",
        "WHERE entity.roster = $2 AND entity.kind = (given.value ->> 0) \
         AND entity.id = (given.value ->> 1) AND entity.deleted_at IS NULL"
    );
    let rows: Vec<_> = (seq + 1..)
        .zip(keys)
        .map(|(place, key)| (key.kind.as_str(), key.id.as_str(), place))
        .collect();
    let rows = packed::rows(&rows)?;
    let args = [Arg::Text(&rows), Arg::Text(roster.as_str()), Arg::Int(at.as_millisecond())];
    session.run(BURY, &args).await?;
    Ok(())
}

async fn put_state(
    session: &mut Session,
    roster: &RosterName,
    commit: &IngestCommit,
    seq: i64,
) -> Result<(), Fault> {
    const STATE: Sql = Sql::same(
        "UPDATE roster SET seq = $2, token = $3, window_start = $4, window_end = $5, \
         read_at = $6 WHERE name = $1",
    );
    let state = &commit.state;
    let instant = |at: Option<Timestamp>| Arg::MaybeInt(at.map(Timestamp::as_millisecond));
    let args = [
        Arg::Text(roster.as_str()),
        Arg::Int(seq),
        Arg::MaybeText(state.token.as_ref().map(|token| token.0.as_str())),
        instant(state.window_start),
        instant(state.window_end),
        instant(state.read_at),
    ];
    session.run(STATE, &args).await?;
    Ok(())
}
