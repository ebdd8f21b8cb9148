//! Changing a roster: one ingest in one transaction, and the part that every change shares.

use domain::limits::CHANGES_KEPT;
use domain::{EntityKey, RosterName};
use engine::port::{ChangeSeq, IngestCommit, IngestReceipt, SourceState, StoreError, Upsert};
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
    let IngestCommit { upserts, tombstones, state, at, expected, drop_hints, marks } = commit;
    let change = Change { upserts, tombstones, at: *at, expected: *expected };
    let seq = carry_out_change(session, roster, change).await?;
    if *drop_hints {
        const DROP: Sql = Sql::same("DELETE FROM identity_hint WHERE roster = $1");
        session.run(DROP, &[Arg::Text(roster.as_str())]).await?;
    }
    super::part::put_marks(session, roster, marks).await?;
    put_state(session, roster, state).await?;
    Ok(IngestReceipt { seq })
}

/// How a roster changes, whoever wants it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'c> {
    pub upserts: &'c [Upsert],
    pub tombstones: &'c [EntityKey],
    pub at: Timestamp,
    pub expected: ChangeSeq,
}

/// Changes entities, and moves the sequence on; its last place. The roster is locked from then on.
pub(crate) async fn carry_out_change(
    session: &mut Session,
    roster: &RosterName,
    change: Change<'_>,
) -> Result<ChangeSeq, Fault> {
    let Change { upserts, tombstones, at, expected } = change;
    let places = (upserts.len() + tombstones.len()) as i64;
    let last = take_places(session, roster, places).await?;
    let found = last - places;
    if found != expected.0 {
        return Err(
            StoreError::Superseded { roster: roster.clone(), expected: expected.0, found }.into()
        );
    }
    if places > 0 {
        remember_change(session, roster, at, found).await?;
    }
    for page in placed(upserts, found).chunks(ENTITY_PAGE_ROWS) {
        put(session, roster, page, at).await?;
    }
    let mut seq = found + upserts.len() as i64;
    for page in tombstones.chunks(ENTITY_PAGE_ROWS) {
        bury(session, roster, page, seq, at).await?;
        seq += page.len() as i64;
    }
    Ok(ChangeSeq(last))
}

/// Keeps when a change was, for those who ask by time; what is long ago is dropped.
async fn remember_change(
    session: &mut Session,
    roster: &RosterName,
    at: Timestamp,
    seq: i64,
) -> Result<(), Fault> {
    const ADD: Sql = Sql::same(
        "INSERT INTO roster_change (roster, at, seq) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    );
    const DROP: Sql = Sql::same("DELETE FROM roster_change WHERE roster = $1 AND at < $2");
    let name = Arg::Text(roster.as_str());
    session.run(ADD, &[name, Arg::Int(at.as_millisecond()), Arg::Int(seq)]).await?;
    let kept_from = at.saturating_sub(CHANGES_KEPT).unwrap_or(Timestamp::MIN);
    session.run(DROP, &[name, Arg::Int(kept_from.as_millisecond())]).await?;
    Ok(())
}

/// Moves the roster's sequence on by so many places; the last of them. Locks the roster until the
/// end of the transaction, also when it moves nothing.
async fn take_places(
    session: &mut Session,
    roster: &RosterName,
    places: i64,
) -> Result<i64, Fault> {
    const TAKE: Sql = Sql::same(
        "INSERT INTO roster (name, seq) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET seq = roster.seq + excluded.seq RETURNING seq",
    );
    let args = [Arg::Text(roster.as_str()), Arg::Int(places)];
    let rows = session.cells(TAKE, &args).await?;
    rows.first().map_or(Ok(places), |row| row.int(0))
}

/// An upsert that is written.
struct Placed<'a> {
    key: EntityKey,
    /// Its place in the sequence.
    seq: i64,
    /// By how much the version grows: once for each change in one commit.
    versions: u32,
    upsert: &'a Upsert,
}

/// Upserts with their places after `seq`, given in the order of the commit, in the order of the
/// table. Of those that change one entity the last is left: no statement changes a row twice.
fn placed(upserts: &[Upsert], seq: i64) -> Vec<Placed<'_>> {
    let mut rows: Vec<_> = (seq + 1..)
        .zip(upserts)
        .map(|(seq, upsert)| Placed { key: upsert.entity.key(), seq, versions: 1, upsert })
        .collect();
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows.dedup_by(|later, kept| {
        let same = later.key == kept.key;
        if same {
            (kept.seq, kept.upsert) = (later.seq, later.upsert);
            kept.versions += 1;
        }
        same
    });
    rows
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
    u32,
    Option<&'a str>,
);

async fn put(
    session: &mut Session,
    roster: &RosterName,
    upserts: &[Placed<'_>],
    at: Timestamp,
) -> Result<(), Fault> {
    const PUT: Sql = over_rows!(
        "INSERT INTO entity (roster, changed_at, kind, id, seq, fingerprint, twin, \
         employee, starts_at, ends_at, source_at, body, version, schedule_group) \
         SELECT $2, $3, given.value ->> 0, given.value ->> 1, \
         CAST(given.value ->> 2 AS BIGINT), \
         unhex(given.value ->> 3), unhex(given.value ->> 4), given.value ->> 5, \
         CAST(given.value ->> 6 AS BIGINT), CAST(given.value ->> 7 AS BIGINT), \
         given.value ->> 8, given.value ->> 9, CAST(given.value ->> 10 AS BIGINT), \
         given.value ->> 11 FROM",
        "WHERE true ON CONFLICT (roster, kind, id) DO UPDATE SET \
         changed_at = excluded.changed_at, version = entity.version + excluded.version, \
         seq = excluded.seq, \
         fingerprint = excluded.fingerprint, \
         twin = COALESCE(excluded.twin, entity.twin), employee = excluded.employee, \
         starts_at = excluded.starts_at, ends_at = excluded.ends_at, deleted_at = NULL, \
         source_at = excluded.source_at, body = excluded.body, \
         schedule_group = excluded.schedule_group"
    );
    let rows: Vec<_> = upserts.iter().map(entity_row).collect::<Result<_, _>>()?;
    let rows = packed::rows(&rows)?;
    let args = [Arg::Text(&rows), Arg::Text(roster.as_str()), Arg::Int(at.as_millisecond())];
    session.run(PUT, &args).await?;
    Ok(())
}

fn entity_row<'a>(placed: &'a Placed<'a>) -> Result<EntityRow<'a>, Fault> {
    let Placed { key, seq, versions, upsert } = placed;
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
        *versions,
        entity.group().map(domain::ScheduleGroupId::as_str),
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
    state: &SourceState,
) -> Result<(), Fault> {
    const STATE: Sql = Sql::same(
        "UPDATE roster SET token = $2, window_start = $3, window_end = $4, read_at = $5 \
         WHERE name = $1",
    );
    let SourceState { token, window_start, window_end, read_at } = state;
    let instant = |at: &Option<Timestamp>| Arg::MaybeInt(at.map(Timestamp::as_millisecond));
    let args = [
        Arg::Text(roster.as_str()),
        Arg::MaybeText(token.as_ref().map(|token| token.0.as_str())),
        instant(window_start),
        instant(window_end),
        instant(read_at),
    ];
    session.run(STATE, &args).await?;
    Ok(())
}
