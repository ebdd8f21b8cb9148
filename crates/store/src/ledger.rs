//! Reading what the store keeps of mirrors; [`commit`] changes it.

pub(crate) mod commit;
pub(crate) mod row;

use domain::{CalendarKey, EntityKey, Fingerprint, MirrorName, Part, UtcInterval};
use engine::port::{
    CalendarState, ChangeSeq, Cursor, DeltaToken, IntentState, LedgerRow, MirrorCounts, RemoteId,
    Standing,
};
use jiff::Timestamp;

use self::row::{decode_row, row_record, spelled, state_word};
use crate::backend::{Arg, Backend, Cells, Session};
use crate::fault::Fault;
use crate::packed::{self, records};
use crate::roster::{key_rows, key_texts};
use crate::sql::{Sql, for_each_given, gathered, over_rows};

/// Ledger rows gathered into one text: about 600 KB.
pub(crate) const READ_ROWS: usize = 2000;
/// Rows written by one statement; a group commit is smaller.
pub(crate) const WRITE_ROWS: usize = 1000;

fn decode_rows(page: &str, rows: &mut Vec<LedgerRow>) -> Result<(), Fault> {
    for mut fields in records(page) {
        rows.push(decode_row(&mut fields)?);
    }
    Ok(())
}

pub(crate) async fn of_calendar(
    backend: &Backend,
    mirror: &MirrorName,
    calendar: &CalendarKey,
) -> Result<Vec<LedgerRow>, Fault> {
    const PAGE: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        row_record!(),
        " AS record FROM ledger WHERE mirror = $1 AND calendar = $2",
        " AND (kind, id, part) > ($3, $4, $5) ORDER BY kind, id, part LIMIT $6"
    )));
    let mut session = backend.snapshot().await?;
    let mut rows: Vec<LedgerRow> = Vec::new();
    loop {
        let before = rows.len();
        let (kind, id) = rows.last().map_or(("", ""), |row| key_texts(&row.key));
        // Before the first row nothing has the kind of the empty text.
        let part = rows.last().map_or(String::new(), |row| row.part.to_string());
        let args = [
            Arg::Text(mirror.as_str()),
            Arg::Text(calendar.as_str()),
            Arg::Text(kind),
            Arg::Text(id),
            Arg::Text(&part),
            Arg::Int(READ_ROWS as i64),
        ];
        let page = session.packed(PAGE, &args).await?;
        decode_rows(&page, &mut rows)?;
        if rows.len() - before < READ_ROWS {
            // Texts of parts are in another order than parts are.
            rows.sort_by(|a, b| (&a.key, a.part).cmp(&(&b.key, b.part)));
            return Ok(rows);
        }
    }
}

/// The rows of these keys in one mirror, in no particular order.
pub(crate) async fn of_keys(
    session: &mut Session,
    mirror: &MirrorName,
    keys: &[EntityKey],
) -> Result<Vec<LedgerRow>, Fault> {
    const BY_KEY: Sql = over_rows!(
        concat!("SELECT string_agg(", row_record!(), ", '\u{1e}') FROM"),
        "CROSS JOIN ledger WHERE ledger.mirror = $2 AND ledger.kind = (given.value ->> 0) \
         AND ledger.id = (given.value ->> 1)"
    );
    let mut rows = Vec::with_capacity(keys.len());
    for keys in keys.chunks(READ_ROWS) {
        let given = key_rows(keys)?;
        let args = [Arg::Text(&given), Arg::Text(mirror.as_str())];
        decode_rows(&session.packed(BY_KEY, &args).await?, &mut rows)?;
    }
    Ok(rows)
}

/// The rows whose item is, or is to be, at one of these remote ids, in no particular order.
pub(crate) async fn at(
    session: &mut Session,
    mirror: &MirrorName,
    calendar: Option<&CalendarKey>,
    ids: &[&RemoteId],
) -> Result<Vec<LedgerRow>, Fault> {
    const AT: Sql = for_each_given!(
        "record",
        concat!(
            "(SELECT ",
            row_record!(),
            " AS record FROM ledger \
             WHERE ledger.mirror = $2 AND ledger.remote_id = (given.value ->> 0) \
             AND (CAST($3 AS TEXT) IS NULL OR ledger.calendar = $3) UNION ALL SELECT ",
            row_record!(),
            " FROM ledger \
             WHERE ledger.mirror = $2 AND ledger.intended_id = (given.value ->> 0) \
             AND (CAST($3 AS TEXT) IS NULL OR ledger.calendar = $3)) AS records"
        )
    );
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(READ_ROWS) {
        let given: Vec<_> =
            ids.iter().map(|id| spelled(id).map(|id| [id])).collect::<Result<_, _>>()?;
        let given = packed::rows(&given)?;
        let calendar = Arg::MaybeText(calendar.map(CalendarKey::as_str));
        let args = [Arg::Text(&given), Arg::Text(mirror.as_str()), calendar];
        decode_rows(&session.packed(AT, &args).await?, &mut rows)?;
    }
    // A row is found twice when both of its remote ids are asked for.
    rows.sort_by(|a, b| place(a).cmp(&place(b)));
    rows.dedup_by(|a, b| place(a) == place(b));
    Ok(rows)
}

/// What no two rows of a mirror share.
fn place(row: &LedgerRow) -> (&EntityKey, &CalendarKey, Part) {
    (&row.key, &row.calendar, row.part)
}

pub(crate) async fn calendar_states(
    backend: &Backend,
    mirror: &MirrorName,
) -> Result<Vec<CalendarState>, Fault> {
    const STATES: Sql = Sql::same(
        "SELECT calendar, read_at, token, unpublished_start, unpublished_end FROM calendar \
         WHERE mirror = $1 ORDER BY calendar",
    );
    let mut session = backend.reader().await?;
    let rows = session.cells(STATES, &[Arg::Text(mirror.as_str())]).await?;
    rows.iter()
        .map(|row| {
            Ok(CalendarState {
                calendar: row.id(0, "calendar", CalendarKey::new)?,
                read_at: row.maybe_instant(1)?,
                token: row.maybe_text(2)?.map(DeltaToken),
                unpublished: unpublished(row)?,
            })
        })
        .collect()
}

fn unpublished(row: &Cells) -> Result<Option<UtcInterval>, Fault> {
    let (Some(start), Some(end)) = (row.maybe_instant(3)?, row.maybe_instant(4)?) else {
        return Ok(None);
    };
    let interval = UtcInterval::new(start, end);
    let place = || row.text(0).unwrap_or_default();
    interval.map(Some).map_err(|error| Fault::corrupt("unpublished interval", place(), error))
}

pub(crate) async fn cursor(backend: &Backend, mirror: &MirrorName) -> Result<Cursor, Fault> {
    const CURSOR: Sql = Sql::same("SELECT seq, window_end, profile FROM mirror WHERE name = $1");
    let mut session = backend.reader().await?;
    let rows = session.cells(CURSOR, &[Arg::Text(mirror.as_str())]).await?;
    let Some(row) = rows.first() else {
        return Ok(Cursor::default());
    };
    Ok(Cursor {
        seq: ChangeSeq(row.int(0)?),
        window_end: row.maybe_instant(1)?,
        profile: row.maybe_array(2)?.map(Fingerprint::from_bytes),
    })
}

/// Walks all rows of the mirror: asked only when something is to be deleted.
pub(crate) async fn items_after(
    backend: &Backend,
    mirror: &MirrorName,
    instant: Timestamp,
) -> Result<u64, Fault> {
    const ITEMS: Sql = Sql::same(
        "SELECT count(*) FROM ledger \
         WHERE mirror = $1 AND remote IS NOT NULL AND (ends_at IS NULL OR ends_at > $2)",
    );
    let args = [Arg::Text(mirror.as_str()), Arg::Int(instant.as_millisecond())];
    let rows = backend.reader().await?.cells(ITEMS, &args).await?;
    rows.first().map_or(Ok(0), |row| row.int(0).map(i64::unsigned_abs))
}

pub(crate) async fn counts(backend: &Backend, mirror: &MirrorName) -> Result<MirrorCounts, Fault> {
    // Settled rows have an item; they are many, and so they are only counted, in the small index
    // by calendar. The others are few.
    const COUNTS: Sql = Sql::same(
        "SELECT (SELECT count(*) FROM ledger WHERE mirror = $1), \
         count(CASE WHEN remote IS NULL THEN 1 END), \
         count(CASE WHEN intent_state = $2 THEN 1 END), \
         count(CASE WHEN intent_state = $3 THEN 1 END), \
         count(quarantined_at), \
         (SELECT count(*) FROM calendar WHERE mirror = $1), \
         (SELECT count(*) FROM drift WHERE mirror = $1 AND standing = $4), \
         (SELECT count(*) FROM drift WHERE mirror = $1 AND standing = $5) \
         FROM ledger WHERE mirror = $1 AND unsettled = 1",
    );
    let args = [
        Arg::Text(mirror.as_str()),
        Arg::Text(state_word(IntentState::Planned)),
        Arg::Text(state_word(IntentState::Sent)),
        Arg::Text(Standing::Left.as_str()),
        Arg::Text(Standing::Contested.as_str()),
    ];
    let rows = backend.reader().await?.cells(COUNTS, &args).await?;
    let Some(row) = rows.first() else {
        return Ok(MirrorCounts::default());
    };
    let count = |column| row.int(column).map(i64::unsigned_abs);
    Ok(MirrorCounts {
        items: count(0)? - count(1)?,
        planned: count(2)?,
        in_doubt: count(3)?,
        quarantined: count(4)?,
        calendars: count(5)?,
        left: count(6)?,
        contested: count(7)?,
    })
}
