//! What is shown of mirrors, a page at a time.

use domain::MirrorName;
use engine::port::{ChangeOutline, ConflictPlace, ConflictRow, Drift, LedgerRow, Standing};
use serde::de::DeserializeOwned;

use crate::backend::{Arg, Backend, Cells};
use crate::fault::Fault;
use crate::ledger::row::{decode_row, row_record};
use crate::packed::records;
use crate::roster::key_texts;
use crate::sql::{Sql, gathered};

pub(crate) async fn conflict_page(
    backend: &Backend,
    mirror: &MirrorName,
    after: Option<&ConflictPlace>,
    limit: usize,
) -> Result<Vec<ConflictRow>, Fault> {
    const PAGE: Sql = Sql::same(
        "SELECT body, calendar FROM conflict WHERE mirror = $1 \
         AND (calendar, kind, id, event) > ($2, $3, $4, $5) \
         ORDER BY calendar, kind, id, event LIMIT $6",
    );
    // Before the first row nothing has the calendar of the empty text.
    let calendar = after.map_or("", |it| it.calendar.as_str());
    let (kind, id) = after.map_or(("", ""), |it| key_texts(&it.shift));
    let event = after.map_or(String::new(), |it| it.event.to_string());
    let texts = [mirror.as_str(), calendar, kind, id, &event].map(Arg::Text);
    let [mirror, calendar, kind, id, event] = texts;
    let args = [mirror, calendar, kind, id, event, Arg::count(limit)];
    let rows = backend.reader().await?.cells(PAGE, &args).await?;
    decode(&rows, "conflict")
}

/// What is kept of an event may be long, and is somebody's: it stays in the database.
pub(crate) async fn change_outlines(
    backend: &Backend,
    mirror: &MirrorName,
    limit: usize,
) -> Result<Vec<ChangeOutline>, Fault> {
    const NEWEST: Sql = Sql {
        sqlite: "SELECT json_remove(body, '$.kept', '$.note'), id FROM event_change \
                 WHERE mirror = $1 ORDER BY kept_until DESC, id DESC LIMIT $2",
        // PostgreSQL takes no U+0000 apart, which what is kept and notes may hold.
        postgres: "SELECT json_build_object('id', body -> 'id', 'calendar', body -> 'calendar', \
                   'shifts', body -> 'shifts', 'change', body -> 'change', \
                   'span', body -> 'span', 'state', body -> 'state', 'at', body -> 'at', \
                   'kept_until', body -> 'kept_until')::text, id FROM ( \
                   SELECT replace(body, '\\u0000', '\\ufffd')::json AS body, id, kept_until \
                   FROM event_change \
                   WHERE mirror = $1 ORDER BY kept_until DESC, id DESC LIMIT $2) AS newest \
                   ORDER BY kept_until DESC, id DESC",
    };
    let args = [Arg::Text(mirror.as_str()), Arg::count(limit)];
    let rows = backend.reader().await?.cells(NEWEST, &args).await?;
    decode(&rows, "change of an event")
}

pub(crate) async fn troubled_rows(
    backend: &Backend,
    mirror: &MirrorName,
    limit: usize,
) -> Result<Vec<LedgerRow>, Fault> {
    const TROUBLED: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        row_record!(),
        " AS record FROM ledger WHERE mirror = $1 AND unsettled = 1 AND trouble IS NOT NULL",
        " ORDER BY kind, id, calendar, part LIMIT $2"
    )));
    let args = [Arg::Text(mirror.as_str()), Arg::count(limit)];
    let page = backend.reader().await?.packed(TROUBLED, &args).await?;
    let mut rows: Vec<_> =
        records(&page).map(|mut fields| decode_row(&mut fields)).collect::<Result<_, _>>()?;
    // Texts of parts are in another order than parts are.
    rows.sort_by(|a, b| (&a.key, &a.calendar, a.part).cmp(&(&b.key, &b.calendar, b.part)));
    Ok(rows)
}

pub(crate) async fn standing_drifts(
    backend: &Backend,
    mirror: &MirrorName,
    standing: Standing,
    limit: usize,
) -> Result<Vec<Drift>, Fault> {
    const STANDING: Sql = Sql::same(
        "SELECT body, id FROM drift WHERE mirror = $1 AND standing = $2 \
         ORDER BY calendar, kind, id, part LIMIT $3",
    );
    let [mirror, standing] = [mirror.as_str(), standing.as_str()].map(Arg::Text);
    let args = [mirror, standing, Arg::count(limit)];
    let rows = backend.reader().await?.cells(STANDING, &args).await?;
    decode(&rows, "drift")
}

/// Reads the first column; the second one names the row.
fn decode<T: DeserializeOwned>(rows: &[Cells], what: &'static str) -> Result<Vec<T>, Fault> {
    let one = |row: &Cells| {
        let body = row.text(0)?;
        let place = row.text(1)?;
        serde_json::from_str(&body).map_err(|error| Fault::corrupt(what, place, error))
    };
    rows.iter().map(one).collect()
}
