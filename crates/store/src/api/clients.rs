//! Clients of the API, their tokens, and the mark that tells one store from another.

use std::collections::BTreeSet;

use domain::RosterName;
use engine::port::{ApiClient, ApiScope, ApiToken, ClientId};
use jiff::Timestamp;

use crate::backend::{Arg, Backend, Cells, Session, transact};
use crate::fault::Fault;
use crate::sql::Sql;

fn scopes_text(scopes: &BTreeSet<ApiScope>) -> String {
    scopes.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(" ")
}

fn scopes_of(text: &str, place: &str) -> Result<BTreeSet<ApiScope>, Fault> {
    let scope =
        |word: &str| word.parse().map_err(|error| Fault::corrupt("scope", place.to_owned(), error));
    text.split_whitespace().map(scope).collect()
}

pub(crate) async fn add(backend: &Backend, client: &ApiClient) -> Result<bool, Fault> {
    const ADD: Sql = Sql::same(
        "INSERT INTO api_client (id, name, secret_hash, roster, scopes, created_at, revoked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    );
    let ApiClient { id, name, secret_hash, roster, scopes, created_at, revoked_at } = client;
    let scopes = scopes_text(scopes);
    let args = [
        Arg::Text(&id.0),
        Arg::Text(name),
        Arg::Blob(secret_hash),
        Arg::Text(roster.as_str()),
        Arg::Text(&scopes),
        Arg::Int(created_at.as_millisecond()),
        Arg::MaybeInt(revoked_at.map(Timestamp::as_millisecond)),
    ];
    Ok(transact!(backend, |session| session.run(ADD, &args))? > 0)
}

/// The client in the columns from `first` on.
fn decode(row: &Cells, first: usize) -> Result<ApiClient, Fault> {
    let id = row.text(first)?;
    Ok(ApiClient {
        name: row.text(first + 1)?,
        secret_hash: row.array(first + 2)?,
        roster: row.id(first + 3, "roster name", RosterName::new)?,
        scopes: scopes_of(&row.text(first + 4)?, &id)?,
        created_at: row.instant(first + 5)?,
        revoked_at: row.maybe_instant(first + 6)?,
        id: ClientId(id),
    })
}

pub(crate) async fn list(backend: &Backend) -> Result<Vec<ApiClient>, Fault> {
    const LIST: Sql = Sql::same(
        "SELECT id, name, secret_hash, roster, scopes, created_at, revoked_at FROM api_client \
         ORDER BY name, created_at, id",
    );
    let rows = backend.reader().await?.cells(LIST, &[]).await?;
    rows.iter().map(|row| decode(row, 0)).collect()
}

pub(crate) async fn get(backend: &Backend, id: &ClientId) -> Result<Option<ApiClient>, Fault> {
    const GET: Sql = Sql::same(
        "SELECT id, name, secret_hash, roster, scopes, created_at, revoked_at FROM api_client \
         WHERE id = $1",
    );
    let rows = backend.reader().await?.cells(GET, &[Arg::Text(&id.0)]).await?;
    rows.first().map(|row| decode(row, 0)).transpose()
}

pub(crate) async fn revoke(backend: &Backend, id: &ClientId, at: Timestamp) -> Result<bool, Fault> {
    const REVOKE: Sql =
        Sql::same("UPDATE api_client SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL");
    const DROP: Sql = Sql::same("DELETE FROM api_token WHERE client = $1");
    transact!(backend, |session| async {
        let args = [Arg::Text(&id.0), Arg::Int(at.as_millisecond())];
        let revoked = session.run(REVOKE, &args).await? > 0;
        session.run(DROP, &args[..1]).await?;
        Ok::<_, Fault>(revoked)
    })
}

pub(crate) async fn add_token(
    backend: &Backend,
    token: &ApiToken,
    now: Timestamp,
    keep: usize,
) -> Result<(), Fault> {
    transact!(backend, |session| put_token(session, token, now, keep))
}

async fn put_token(
    session: &mut Session,
    token: &ApiToken,
    now: Timestamp,
    keep: usize,
) -> Result<(), Fault> {
    const ADD: Sql = Sql::same(
        "INSERT INTO api_token (hash, client, scopes, expires_at) VALUES ($1, $2, $3, $4)",
    );
    const DROP_ENDED: Sql = Sql::same("DELETE FROM api_token WHERE expires_at < $1");
    const DROP_MANY: Sql = Sql::same(
        "DELETE FROM api_token WHERE hash IN (SELECT hash FROM api_token AS mine \
         WHERE mine.client = $1 ORDER BY mine.expires_at DESC LIMIT 1000000 OFFSET $2)",
    );
    let ApiToken { hash, client, scopes, expires_at } = token;
    let scopes = scopes_text(scopes);
    let args = [
        Arg::Blob(hash),
        Arg::Text(&client.0),
        Arg::Text(&scopes),
        Arg::Int(expires_at.as_millisecond()),
    ];
    session.run(ADD, &args).await?;
    session.run(DROP_ENDED, &[Arg::Int(now.as_millisecond())]).await?;
    session.run(DROP_MANY, &[Arg::Text(&client.0), Arg::count(keep)]).await?;
    Ok(())
}

pub(crate) async fn token(
    backend: &Backend,
    hash: &[u8; 32],
) -> Result<Option<(ApiToken, ApiClient)>, Fault> {
    const GET: Sql = Sql::same(
        "SELECT api_token.hash, api_token.scopes, api_token.expires_at, api_client.id, name, \
         secret_hash, roster, api_client.scopes, created_at, revoked_at \
         FROM api_token CROSS JOIN api_client \
         WHERE api_token.hash = $1 AND api_client.id = api_token.client",
    );
    let rows = backend.reader().await?.cells(GET, &[Arg::Blob(hash)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let client = decode(row, 3)?;
    let token = ApiToken {
        hash: row.array(0)?,
        client: client.id.clone(),
        scopes: scopes_of(&row.text(1)?, &client.id.0)?,
        expires_at: row.instant(2)?,
    };
    Ok(Some((token, client)))
}

pub(crate) async fn incarnation(backend: &Backend, fresh: &str) -> Result<String, Fault> {
    const GET: Sql = Sql::same("SELECT value FROM store_mark WHERE name = 'incarnation'");
    const PUT: Sql = Sql::same(
        "INSERT INTO store_mark (name, value) VALUES ('incarnation', $1) ON CONFLICT DO NOTHING",
    );
    let found = backend.reader().await?.cells(GET, &[]).await?;
    if let Some(row) = found.first() {
        return row.text(0);
    }
    transact!(backend, |session| session.run(PUT, &[Arg::Text(fresh)]))?;
    let found = backend.reader().await?.cells(GET, &[]).await?;
    found.first().map_or_else(|| Ok(fresh.to_owned()), |row| row.text(0))
}
