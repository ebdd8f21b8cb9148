//! Keeping whom vendors promised to tell of changes.

use domain::{CalendarKey, ConnectionName, MirrorName};
use engine::port::{KeptSubscription, Subscription, Topic};

use crate::backend::{Arg, Backend, Cells, transact};
use crate::fault::Fault;
use crate::packed;
use crate::sql::{Sql, over_rows};

pub(crate) async fn all(backend: &Backend) -> Result<Vec<KeptSubscription>, Fault> {
    const ALL: Sql = Sql::same(
        "SELECT connection, id, mirror, calendar, detail, expires_at, made_at, secret_hash \
         FROM subscription ORDER BY connection, id",
    );
    let rows = backend.reader().await?.cells(ALL, &[]).await?;
    rows.iter().map(decode).collect()
}

pub(crate) async fn at(
    backend: &Backend,
    connection: &ConnectionName,
    ids: &[String],
) -> Result<Vec<KeptSubscription>, Fault> {
    const AT: Sql = over_rows!(
        "SELECT connection, id, mirror, calendar, detail, expires_at, made_at, secret_hash \
         FROM subscription WHERE connection = $2 AND id IN (SELECT given.value ->> 0 FROM",
        ") ORDER BY id"
    );
    let ids: Vec<[&str; 1]> = ids.iter().map(|id| [id.as_str()]).collect();
    let ids = packed::rows(&ids)?;
    let args = [Arg::Text(&ids), Arg::Text(connection.as_str())];
    let rows = backend.reader().await?.cells(AT, &args).await?;
    rows.iter().map(decode).collect()
}

pub(crate) async fn put(backend: &Backend, kept: &KeptSubscription) -> Result<(), Fault> {
    const PUT: Sql = Sql::same(
        "INSERT INTO subscription \
         (connection, id, mirror, calendar, detail, expires_at, made_at, secret_hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (connection, id) DO UPDATE SET \
         mirror = excluded.mirror, calendar = excluded.calendar, detail = excluded.detail, \
         expires_at = excluded.expires_at, made_at = excluded.made_at, \
         secret_hash = excluded.secret_hash",
    );
    let KeptSubscription { connection, topic, subscription, made_at, secret_hash } = kept;
    let (mirror, calendar) = match topic {
        Topic::Calendar { mirror, calendar } => (Some(mirror.as_str()), Some(calendar.as_str())),
        Topic::Source => (None, None),
    };
    let args = [
        Arg::Text(connection.as_str()),
        Arg::Text(&subscription.id),
        Arg::MaybeText(mirror),
        Arg::MaybeText(calendar),
        Arg::Text(&subscription.detail),
        Arg::Int(subscription.expires_at.as_millisecond()),
        Arg::Int(made_at.as_millisecond()),
        Arg::Blob(secret_hash),
    ];
    transact!(backend, |session| session.run(PUT, &args))?;
    Ok(())
}

pub(crate) async fn remove(
    backend: &Backend,
    connection: &ConnectionName,
    id: &str,
) -> Result<(), Fault> {
    const REMOVE: Sql = Sql::same("DELETE FROM subscription WHERE connection = $1 AND id = $2");
    let args = [Arg::Text(connection.as_str()), Arg::Text(id)];
    transact!(backend, |session| session.run(REMOVE, &args))?;
    Ok(())
}

fn decode(row: &Cells) -> Result<KeptSubscription, Fault> {
    let id = row.text(1)?;
    let topic = match (row.maybe_text(2)?, row.maybe_text(3)?) {
        (Some(mirror), Some(calendar)) => {
            let corrupt = |error: &dyn std::fmt::Display| {
                Fault::corrupt("topic", format!("subscription {id}"), error)
            };
            Topic::Calendar {
                mirror: MirrorName::new(&mirror).map_err(|error| corrupt(&error))?,
                calendar: CalendarKey::new(&calendar).map_err(|error| corrupt(&error))?,
            }
        }
        (_, _) => Topic::Source,
    };
    Ok(KeptSubscription {
        connection: row.id(0, "connection name", ConnectionName::new)?,
        topic,
        subscription: Subscription { id, detail: row.text(4)?, expires_at: row.instant(5)? },
        made_at: row.instant(6)?,
        secret_hash: row.array(7)?,
    })
}
