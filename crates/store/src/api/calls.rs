//! Who called what. Appended to in groups; a call that changed something is written with it.

use engine::port::{ApiCall, ClientId};
use jiff::Timestamp;

use crate::backend::{Arg, Backend, Cells, Session, transact};
use crate::fault::Fault;
use crate::packed;
use crate::sql::{Sql, over_rows};

/// Calls written by one statement: about 100 KB.
const PAGE_ROWS: usize = 1000;

pub(crate) async fn add(
    backend: &Backend,
    calls: &[ApiCall],
    kept_from: Timestamp,
) -> Result<(), Fault> {
    const DROP: Sql = Sql::same("DELETE FROM api_call WHERE at < $1");
    transact!(backend, |session| async {
        append(session, calls).await?;
        session.run(DROP, &[Arg::Int(kept_from.as_millisecond())]).await?;
        Ok::<_, Fault>(())
    })
}

/// Appends calls, in the order given.
pub(super) async fn append(session: &mut Session, calls: &[ApiCall]) -> Result<(), Fault> {
    const ADD: Sql = over_rows!(
        "INSERT INTO api_call (at, client, operation, target, status, context) \
         SELECT CAST(given.value ->> 0 AS BIGINT), given.value ->> 1, given.value ->> 2, \
         given.value ->> 3, CAST(given.value ->> 4 AS BIGINT), given.value ->> 5 FROM",
        ""
    );
    for calls in calls.chunks(PAGE_ROWS) {
        let rows: Vec<_> = calls
            .iter()
            .map(|call| {
                let ApiCall { at, client, operation, target, status, context } = call;
                let client = client.as_ref().map(|it| it.0.as_str());
                (at.as_millisecond(), client, operation, target, status, context)
            })
            .collect();
        let rows = packed::rows(&rows)?;
        session.run(ADD, &[Arg::Text(&rows)]).await?;
    }
    Ok(())
}

pub(crate) async fn list(
    backend: &Backend,
    client: Option<&ClientId>,
    limit: usize,
) -> Result<Vec<ApiCall>, Fault> {
    const ALL: Sql = Sql::same(
        "SELECT at, client, operation, target, status, context FROM api_call \
         WHERE number > 0 ORDER BY number DESC LIMIT $1",
    );
    const OF_CLIENT: Sql = Sql::same(
        "SELECT at, client, operation, target, status, context FROM api_call \
         WHERE client = $2 ORDER BY number DESC LIMIT $1",
    );
    let limit = Arg::count(limit);
    let mut session = backend.reader().await?;
    let rows = match client {
        Some(client) => session.cells(OF_CLIENT, &[limit, Arg::Text(&client.0)]).await?,
        None => session.cells(ALL, &[limit]).await?,
    };
    rows.iter().map(decode).collect()
}

fn decode(row: &Cells) -> Result<ApiCall, Fault> {
    let status = u16::try_from(row.int(4)?)
        .map_err(|error| Fault::corrupt("status", "api_call".into(), error))?;
    Ok(ApiCall {
        at: row.instant(0)?,
        client: row.maybe_text(1)?.map(ClientId),
        operation: row.text(2)?,
        target: row.maybe_text(3)?,
        status,
        context: row.maybe_text(5)?,
    })
}
