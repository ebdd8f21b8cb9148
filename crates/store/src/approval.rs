//! What people asked for: requests and grants; and committing what was decided.
//!
//! Both are kept as one JSON text each, with columns for whatever they are looked for by. A
//! commit of many decisions costs as many statements as one of a single decision.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Fingerprint, MirrorName, RequestStep, RosterName};
use engine::port::{ApprovalCommit, Grant, IngestReceipt, RemoteId, RequestRow, StoreError};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::backend::{Arg, Backend, Session, transact};
use crate::fault::Fault;
use crate::ledger::commit::{put_new_rows, write_unfenced};
use crate::ledger::row::spelled;
use crate::packed::{self, records, to_hex};
use crate::roster;
use crate::roster::ingest::{Change, carry_out_change};
use crate::sql::{Sql, for_each_given, gathered, over_rows, packed};

/// Requests or grants read or written by one statement: about 600 KB.
const PAGE_ROWS: usize = 1000;

pub(crate) async fn grants(
    backend: &Backend,
    mirror: &MirrorName,
    keys: &[Fingerprint],
) -> Result<Vec<Grant>, Fault> {
    const BY_KEY: Sql = for_each_given!(
        packed!("granted.mirror", "hex(granted.key)", "granted.body"),
        "granted WHERE granted.mirror = $2 AND granted.key = unhex(given.value ->> 0)"
    );
    let keys: BTreeSet<_> = keys.iter().map(|key| [to_hex(key)]).collect();
    bodies(backend, mirror, BY_KEY, &Vec::from_iter(keys), "grant").await
}

pub(crate) async fn requests_at(
    backend: &Backend,
    mirror: &MirrorName,
    at: &[RemoteId],
) -> Result<Vec<RequestRow>, Fault> {
    const BY_ID: Sql = for_each_given!(
        packed!("request.mirror", "request.remote_id", "request.body"),
        "request WHERE request.mirror = $2 AND request.remote_id = (given.value ->> 0)"
    );
    let ids: BTreeSet<_> =
        at.iter().map(|id| spelled(id).map(|id| [id])).collect::<Result<_, _>>()?;
    bodies(backend, mirror, BY_ID, &Vec::from_iter(ids), "request").await
}

/// What a statement finds for many keys.
async fn bodies<T: DeserializeOwned>(
    backend: &Backend,
    mirror: &MirrorName,
    sql: Sql,
    keys: &[[String; 1]],
    what: &'static str,
) -> Result<Vec<T>, Fault> {
    let mut session = backend.reading(keys.len().div_ceil(PAGE_ROWS)).await?;
    let mut found = Vec::with_capacity(keys.len());
    for keys in keys.chunks(PAGE_ROWS) {
        let keys = packed::rows(keys)?;
        let args = [Arg::Text(&keys), Arg::Text(mirror.as_str())];
        found.extend(decode::<T>(&session.packed(sql, &args).await?, what)?);
    }
    Ok(found)
}

fn decode<T: DeserializeOwned>(page: &str, what: &'static str) -> Result<Vec<T>, Fault> {
    records(page)
        .map(|mut fields| {
            let _place = (fields.text()?, fields.text()?);
            let body = fields.text()?;
            serde_json::from_str(body).map_err(|error| fields.corrupt(what, error))
        })
        .collect()
}

pub(crate) async fn requests(
    backend: &Backend,
    mirror: &MirrorName,
    pending: bool,
    limit: usize,
) -> Result<Vec<RequestRow>, Fault> {
    const ALL: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        packed!("mirror", "remote_id", "body"),
        " AS record FROM request WHERE mirror = $1",
        " ORDER BY changed_at DESC, remote_id LIMIT $2"
    )));
    const PENDING: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        packed!("mirror", "remote_id", "body"),
        " AS record FROM request WHERE mirror = $1 AND pending = 1",
        " ORDER BY changed_at DESC, remote_id LIMIT $2"
    )));
    let sql = if pending { PENDING } else { ALL };
    let args = [Arg::Text(mirror.as_str()), Arg::count(limit)];
    decode(&backend.reader().await?.packed(sql, &args).await?, "request")
}

pub(crate) async fn requests_to_approve(
    backend: &Backend,
    mirror: &MirrorName,
    due_by: Timestamp,
    limit: usize,
) -> Result<Vec<RequestRow>, Fault> {
    const DUE: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        packed!("mirror", "remote_id", "body"),
        " AS record FROM request WHERE mirror = $1 AND approve_at <= $2",
        " ORDER BY approve_at, remote_id LIMIT $3"
    )));
    let due_by = Arg::Int(due_by.as_millisecond());
    let args = [Arg::Text(mirror.as_str()), due_by, Arg::count(limit)];
    decode(&backend.reader().await?.packed(DUE, &args).await?, "request")
}

pub(crate) async fn commit(
    backend: &Backend,
    roster: &RosterName,
    mirror: &MirrorName,
    commit: &ApprovalCommit,
) -> Result<IngestReceipt, Fault> {
    transact!(backend, |session| carry_out(session, roster, mirror, commit))
}

async fn carry_out(
    session: &mut Session,
    roster: &RosterName,
    mirror: &MirrorName,
    commit: &ApprovalCommit,
) -> Result<IngestReceipt, Fault> {
    let ApprovalCommit {
        expected,
        at,
        upserts,
        tombstones,
        ledger,
        new_rows,
        requests,
        grants,
        grants_kept_from,
    } = commit;
    let seq = if upserts.is_empty() && tombstones.is_empty() {
        roster::seq(session, roster).await?
    } else {
        let change = Change { upserts, tombstones, at: *at, expected: *expected };
        carry_out_change(session, roster, change).await?
    };
    if !put_new_rows(session, mirror, new_rows).await? {
        let (expected, found) = (expected.0, seq.0);
        return Err(StoreError::Superseded { roster: roster.clone(), expected, found }.into());
    }
    write_unfenced(session, mirror, ledger).await?;
    put_requests(session, mirror, requests).await?;
    put_grants(session, mirror, grants).await?;
    drop_old(session, mirror, *grants_kept_from).await?;
    Ok(IngestReceipt { seq })
}

async fn put_requests(
    session: &mut Session,
    mirror: &MirrorName,
    requests: &[RequestRow],
) -> Result<(), Fault> {
    const PUT: Sql = over_rows!(
        "INSERT INTO request (mirror, remote_id, pending, changed_at, approve_at, body) \
         SELECT $2, given.value ->> 0, CAST(given.value ->> 1 AS BIGINT), \
         CAST(given.value ->> 2 AS BIGINT), CAST(given.value ->> 3 AS BIGINT), \
         given.value ->> 4 FROM",
        "WHERE true ON CONFLICT (mirror, remote_id) DO UPDATE SET pending = excluded.pending, \
         changed_at = excluded.changed_at, approve_at = excluded.approve_at, \
         body = excluded.body"
    );
    // The last one for an id counts; PostgreSQL refuses to change a row twice in one statement.
    let latest: BTreeMap<_, _> = requests.iter().map(|it| (&it.at, it)).collect();
    let rows: Vec<_> = latest
        .into_values()
        .map(|row| {
            let id = spelled(&row.at)?;
            let body = body(row, "request", &id)?;
            let approve_at = row.approve_at.map(Timestamp::as_millisecond);
            let pending = u8::from(is_pending(row.step));
            Ok((id, pending, row.changed_at.as_millisecond(), approve_at, body))
        })
        .collect::<Result<_, Fault>>()?;
    for rows in rows.chunks(PAGE_ROWS) {
        let rows = packed::rows(rows)?;
        session.run(PUT, &[Arg::Text(&rows), Arg::Text(mirror.as_str())]).await?;
    }
    Ok(())
}

/// Whether somebody is still to say something.
fn is_pending(step: RequestStep) -> bool {
    match step {
        RequestStep::Asked | RequestStep::Agreed => true,
        RequestStep::Approved | RequestStep::Declined | RequestStep::Cancelled => false,
    }
}

async fn put_grants(
    session: &mut Session,
    mirror: &MirrorName,
    grants: &[Grant],
) -> Result<(), Fault> {
    const PUT: Sql = over_rows!(
        "INSERT INTO granted (mirror, key, at, body) \
         SELECT $2, unhex(given.value ->> 0), CAST(given.value ->> 1 AS BIGINT), \
         given.value ->> 2 FROM",
        "WHERE true ON CONFLICT (mirror, key) DO UPDATE SET at = excluded.at, \
         body = excluded.body"
    );
    let latest: BTreeMap<_, _> = grants.iter().map(|it| (&it.key, it)).collect();
    let rows: Vec<_> = latest
        .into_values()
        .map(|grant| {
            let key = to_hex(&grant.key);
            let body = body(grant, "grant", &key)?;
            Ok((key, grant.at.as_millisecond(), body))
        })
        .collect::<Result<_, Fault>>()?;
    for rows in rows.chunks(PAGE_ROWS) {
        let rows = packed::rows(rows)?;
        session.run(PUT, &[Arg::Text(&rows), Arg::Text(mirror.as_str())]).await?;
    }
    Ok(())
}

/// Drops what is remembered of long ago: grants, and requests that are over.
async fn drop_old(
    session: &mut Session,
    mirror: &MirrorName,
    before: Timestamp,
) -> Result<(), Fault> {
    const GRANTS: Sql = Sql::same("DELETE FROM granted WHERE mirror = $1 AND at < $2");
    const REQUESTS: Sql = Sql::same(
        "DELETE FROM request WHERE mirror = $1 AND changed_at < $2 AND pending = 0 \
         AND approve_at IS NULL",
    );
    let args = [Arg::Text(mirror.as_str()), Arg::Int(before.as_millisecond())];
    session.run(GRANTS, &args).await?;
    session.run(REQUESTS, &args).await?;
    Ok(())
}

fn body<T: serde::Serialize>(value: &T, what: &'static str, place: &str) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::corrupt(what, place.into(), error))
}
