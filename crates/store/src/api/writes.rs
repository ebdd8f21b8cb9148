//! Changing a roster through the API, and the answers that a repetition gets.

use domain::RosterName;
use engine::port::{ClientId, IngestReceipt, KeptAnswer, ScheduleCommit};

use super::calls;
use crate::backend::{Arg, Backend, Session, transact};
use crate::fault::Fault;
use crate::roster::ingest::{Change, carry_out_change};
use crate::roster::key_texts;
use crate::sql::Sql;

pub(crate) async fn commit(
    backend: &Backend,
    roster: &RosterName,
    commit: &ScheduleCommit,
) -> Result<IngestReceipt, Fault> {
    transact!(backend, |session| carry_out(session, roster, commit))
}

async fn carry_out(
    session: &mut Session,
    roster: &RosterName,
    commit: &ScheduleCommit,
) -> Result<IngestReceipt, Fault> {
    const DROP: Sql = Sql::same("DELETE FROM api_answer WHERE at < $1");
    let ScheduleCommit { expected, at, upserts, tombstones, answer, answers_kept_from, audit } =
        commit;
    let change = Change { upserts, tombstones, at: *at, expected: *expected };
    let seq = carry_out_change(session, roster, change).await?;
    session.run(DROP, &[Arg::Int(answers_kept_from.as_millisecond())]).await?;
    if let Some(answer) = answer {
        put_answer(session, answer).await?;
    }
    calls::append(session, std::slice::from_ref(audit)).await?;
    Ok(IngestReceipt { seq })
}

async fn put_answer(session: &mut Session, answer: &KeptAnswer) -> Result<(), Fault> {
    const PUT: Sql = Sql::same(
        "INSERT INTO api_answer (client, key, at, request, kind, id, version, body) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (client, key) DO UPDATE SET \
         at = excluded.at, request = excluded.request, kind = excluded.kind, id = excluded.id, \
         version = excluded.version, body = excluded.body",
    );
    let KeptAnswer { client, key, request, at, entity, version, body } = answer;
    let (kind, id) = key_texts(entity);
    let args = [
        Arg::Text(&client.0),
        Arg::Text(key),
        Arg::Int(at.as_millisecond()),
        Arg::Blob(request.as_bytes()),
        Arg::Text(kind),
        Arg::Text(id),
        Arg::Int(i64::from(*version)),
        Arg::Text(body),
    ];
    session.run(PUT, &args).await?;
    Ok(())
}

pub(crate) async fn kept(
    backend: &Backend,
    client: &ClientId,
    key: &str,
) -> Result<Option<KeptAnswer>, Fault> {
    const GET: Sql = Sql::same(
        "SELECT at, request, kind, id, version, body FROM api_answer \
         WHERE client = $1 AND key = $2",
    );
    let args = [Arg::Text(&client.0), Arg::Text(key)];
    let rows = backend.reader().await?.cells(GET, &args).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let version = u32::try_from(row.int(4)?)
        .map_err(|error| Fault::corrupt("version", "api_answer".into(), error))?;
    Ok(Some(KeptAnswer {
        client: client.clone(),
        key: key.to_owned(),
        request: domain::Fingerprint::from_bytes(row.array(1)?),
        at: row.instant(0)?,
        entity: domain::EntityKey {
            kind: row.id(2, "kind of entity", |text| text.parse::<domain::EntityKind>())?,
            id: row.id(3, "entity id", domain::EntityId::new)?,
        },
        version,
        body: row.text(5)?,
    }))
}
