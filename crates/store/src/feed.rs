//! Keeping feed links and the keys that sign them.

use domain::{EmployeeId, RosterName};
use engine::port::{FeedId, FeedKey, FeedLink};
use jiff::Timestamp;

use crate::backend::{Arg, Backend, Cells, Session, transact};
use crate::fault::Fault;
use crate::sql::Sql;

pub(crate) async fn add_link(backend: &Backend, link: &FeedLink) -> Result<(), Fault> {
    const ADD: Sql = Sql::same(
        "INSERT INTO feed_link (id, token_hash, roster, employee, created_at, revoked_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    );
    let FeedLink { id, token_hash, roster, employee, created_at, revoked_at } = link;
    let args = [
        Arg::Text(&id.0),
        Arg::Blob(token_hash),
        Arg::Text(roster.as_str()),
        Arg::Text(employee.as_str()),
        Arg::Int(created_at.as_millisecond()),
        Arg::MaybeInt(revoked_at.map(Timestamp::as_millisecond)),
    ];
    transact!(backend, |session| session.run(ADD, &args))?;
    Ok(())
}

fn decode_link(row: &Cells) -> Result<FeedLink, Fault> {
    Ok(FeedLink {
        id: FeedId(row.text(0)?),
        token_hash: row.array(1)?,
        roster: row.id(2, "roster name", RosterName::new)?,
        employee: row.id(3, "employee id", EmployeeId::new)?,
        created_at: row.instant(4)?,
        revoked_at: row.maybe_instant(5)?,
    })
}

pub(crate) async fn link_by_token(
    backend: &Backend,
    hash: &[u8; 32],
) -> Result<Option<FeedLink>, Fault> {
    const BY_TOKEN: Sql = Sql::same(
        "SELECT id, token_hash, roster, employee, created_at, revoked_at FROM feed_link \
         WHERE token_hash = $1",
    );
    let mut session = backend.reader().await?;
    let rows = session.cells(BY_TOKEN, &[Arg::Blob(hash)]).await?;
    rows.first().map(decode_link).transpose()
}

pub(crate) async fn links(backend: &Backend) -> Result<Vec<FeedLink>, Fault> {
    const LINKS: Sql = Sql::same(
        "SELECT id, token_hash, roster, employee, created_at, revoked_at FROM feed_link \
         ORDER BY roster, employee, created_at, id",
    );
    let rows = backend.reader().await?.cells(LINKS, &[]).await?;
    rows.iter().map(decode_link).collect()
}

pub(crate) async fn revoke(backend: &Backend, id: &FeedId, at: Timestamp) -> Result<bool, Fault> {
    const REVOKE: Sql =
        Sql::same("UPDATE feed_link SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL");
    let args = [Arg::Text(&id.0), Arg::Int(at.as_millisecond())];
    Ok(transact!(backend, |session| session.run(REVOKE, &args))? > 0)
}

pub(crate) async fn keys(backend: &Backend, now: Timestamp) -> Result<Vec<FeedKey>, Fault> {
    const KEYS: Sql = Sql::same(
        "SELECT id, secret, created_at, retires_at FROM feed_key \
         WHERE retires_at IS NULL OR retires_at >= $1 ORDER BY created_at DESC, id DESC",
    );
    let args = [Arg::Int(now.as_millisecond())];
    let rows = backend.reader().await?.cells(KEYS, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(FeedKey {
                id: row.text(0)?,
                secret: row.array(1)?,
                created_at: row.instant(2)?,
                retires_at: row.maybe_instant(3)?,
            })
        })
        .collect()
}

pub(crate) async fn rotate(
    backend: &Backend,
    key: &FeedKey,
    former_retire_at: Timestamp,
) -> Result<(), Fault> {
    transact!(backend, |session| replace(session, key, former_retire_at))
}

async fn replace(
    session: &mut Session,
    key: &FeedKey,
    former_retire_at: Timestamp,
) -> Result<(), Fault> {
    const RETIRE: Sql = Sql::same(
        "UPDATE feed_key SET retires_at = $1 WHERE retires_at IS NULL OR retires_at > $1",
    );
    const ADD: Sql = Sql::same(
        "INSERT INTO feed_key (id, secret, created_at, retires_at) VALUES ($1, $2, $3, $4)",
    );
    let retire_at = [Arg::Int(former_retire_at.as_millisecond())];
    session.run(RETIRE, &retire_at).await?;
    let FeedKey { id, secret, created_at, retires_at } = key;
    let args = [
        Arg::Text(id),
        Arg::Blob(secret),
        Arg::Int(created_at.as_millisecond()),
        Arg::MaybeInt(retires_at.map(Timestamp::as_millisecond)),
    ];
    session.run(ADD, &args).await?;
    Ok(())
}
