//! Reading what the store keeps of rosters; [`ingest`] changes it.

mod entry;
pub(crate) mod find;
pub(crate) mod ingest;
pub(crate) mod part;

use domain::{EmployeeId, EntityKey, EntityKind, RosterName, SyncWindow};
use engine::port::{
    ChangeSeq, IdentityHint, RosterCounts, RosterEntry, RosterIndexRow, SourceState,
};

pub(crate) use self::entry::{decode_entry, entry_record};
use crate::backend::{Arg, Backend, Session, transact};
use crate::fault::Fault;
use crate::packed::{self, Fields, records};
use crate::sql::{Sql, for_each_given, gathered, over_rows, packed};

/// Index rows gathered into one text: about 150 KB. Larger pages are not faster.
const INDEX_PAGE_ROWS: usize = 1024;
/// Entities read or written in one statement: about 500 KB, so that memory stays small.
pub(crate) const ENTITY_PAGE_ROWS: usize = 1000;

pub(crate) async fn index(
    backend: &Backend,
    roster: &RosterName,
) -> Result<(ChangeSeq, Vec<RosterIndexRow>), Fault> {
    const PAGE: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        packed!("kind", "id", "hex(fingerprint)", "hex(twin)", "ends_at", "starts_at"),
        " AS record FROM entity WHERE roster = $1 AND deleted_at IS NULL",
        " AND (kind, id) > ($2, $3) ORDER BY kind, id LIMIT $4"
    )));
    let mut session = backend.snapshot().await?;
    let seq = seq(&mut session, roster).await?;
    let mut index: Vec<RosterIndexRow> = Vec::new();
    let mut page = String::new();
    let mut last = Some(("", ""));
    while let Some((kind, id)) = last {
        let args = [
            Arg::Text(roster.as_str()),
            Arg::Text(kind),
            Arg::Text(id),
            Arg::Int(INDEX_PAGE_ROWS as i64),
        ];
        // The database gathers the next page while this one is taken apart.
        let gathering = session.packed(PAGE, &args);
        let decoding = async {
            records(&page)
                .map(|mut fields| decode_index_row(&mut fields))
                .try_for_each(|row| row.map(|row| index.push(row)))
        };
        let (gathered, decoded) = tokio::join!(gathering, decoding);
        decoded?;
        page = gathered?;
        last = last_key_of_full_page(&page);
    }
    for mut fields in records(&page) {
        index.push(decode_index_row(&mut fields)?);
    }
    Ok((seq, index))
}

/// The key of the last record, when there may be more after it.
fn last_key_of_full_page(page: &str) -> Option<(&str, &str)> {
    let (rest, last) = page.rsplit_once(packed::RECORD)?;
    if rest.matches(packed::RECORD).count() + 2 < INDEX_PAGE_ROWS {
        return None;
    }
    let mut fields = last.split(packed::FIELD);
    Some((fields.next()?, fields.next()?))
}

pub(crate) fn decode_index_row(fields: &mut Fields<'_>) -> Result<RosterIndexRow, Fault> {
    Ok(RosterIndexRow {
        key: fields.key()?,
        fingerprint: fields.fingerprint()?,
        twin: fields.maybe_fingerprint()?,
        ends_at: fields.maybe_instant()?,
        starts_at: fields.maybe_instant()?,
    })
}

/// A key as the two texts that are stored.
pub(crate) fn key_texts(key: &EntityKey) -> (&'static str, &str) {
    (key.kind.as_str(), key.id.as_str())
}

/// Keys as the rows of a statement.
pub(crate) fn key_rows(keys: &[EntityKey]) -> Result<String, Fault> {
    let rows: Vec<_> = keys.iter().map(key_texts).collect();
    packed::rows(&rows)
}

pub(crate) async fn seq(session: &mut Session, roster: &RosterName) -> Result<ChangeSeq, Fault> {
    const SEQ: Sql = Sql::same("SELECT seq FROM roster WHERE name = $1");
    let rows = session.cells(SEQ, &[Arg::Text(roster.as_str())]).await?;
    Ok(ChangeSeq(rows.first().map_or(Ok(0), |row| row.int(0))?))
}

pub(crate) async fn entries(
    session: &mut Session,
    roster: &RosterName,
    keys: &[EntityKey],
) -> Result<Vec<RosterEntry>, Fault> {
    const BY_KEY: Sql = over_rows!(
        concat!("SELECT string_agg(", entry_record!(), ", '\u{1e}') FROM"),
        "CROSS JOIN entity WHERE entity.roster = $2 AND entity.kind = (given.value ->> 0) \
         AND entity.id = (given.value ->> 1) AND entity.deleted_at IS NULL"
    );
    let mut entries = Vec::with_capacity(keys.len());
    for keys in keys.chunks(ENTITY_PAGE_ROWS) {
        let rows = key_rows(keys)?;
        let args = [Arg::Text(&rows), Arg::Text(roster.as_str())];
        decode_entries(&session.packed(BY_KEY, &args).await?, &mut entries)?;
    }
    Ok(entries)
}

fn decode_entries(page: &str, entries: &mut Vec<RosterEntry>) -> Result<(), Fault> {
    for mut fields in records(page) {
        entries.push(decode_entry(&mut fields)?);
    }
    Ok(())
}

pub(crate) async fn of_employee(
    backend: &Backend,
    roster: &RosterName,
    employee: &EmployeeId,
    window: &SyncWindow,
) -> Result<Vec<RosterEntry>, Fault> {
    const OF_EMPLOYEE: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        entry_record!(),
        " AS record FROM entity WHERE roster = $1 AND employee = $2 AND deleted_at IS NULL",
        " AND ends_at > $3 AND starts_at < $4 ORDER BY starts_at, kind, id"
    )));
    let args = [
        Arg::Text(roster.as_str()),
        Arg::Text(employee.as_str()),
        Arg::Int(window.interval.start().as_millisecond()),
        Arg::Int(window.interval.end().as_millisecond()),
    ];
    let page = backend.reader().await?.packed(OF_EMPLOYEE, &args).await?;
    let mut entries = Vec::new();
    decode_entries(&page, &mut entries)?;
    Ok(entries)
}

/// The live entities of these employees that overlap their window; each once, by start and key.
pub(crate) async fn of_employees(
    session: &mut Session,
    roster: &RosterName,
    employees: &[(EmployeeId, SyncWindow)],
) -> Result<Vec<RosterEntry>, Fault> {
    const OF_EMPLOYEES: Sql = for_each_given!(
        entry_record!(),
        "entity WHERE entity.roster = $2 AND entity.employee = (given.value ->> 0) \
         AND entity.deleted_at IS NULL AND entity.ends_at > CAST(given.value ->> 1 AS BIGINT) \
         AND entity.starts_at < CAST(given.value ->> 2 AS BIGINT)"
    );
    let mut entries: Vec<RosterEntry> = Vec::new();
    for employees in employees.chunks(ENTITY_PAGE_ROWS) {
        let rows: Vec<_> = employees
            .iter()
            .map(|(employee, SyncWindow { interval })| {
                let (start, end) = (interval.start(), interval.end());
                (employee.as_str(), start.as_millisecond(), packed::millisecond_after(end))
            })
            .collect();
        let rows = packed::rows(&rows)?;
        let args = [Arg::Text(&rows), Arg::Text(roster.as_str())];
        decode_entries(&session.packed(OF_EMPLOYEES, &args).await?, &mut entries)?;
    }
    // Somebody may be asked for twice, with windows that overlap or touch one entity both.
    entries.sort_by_cached_key(|it| (it.entity.interval().map(|it| it.start()), it.entity.key()));
    entries.dedup_by(|a, b| a.entity.key() == b.entity.key());
    Ok(entries)
}

/// The live entities of one kind that overlap the window, in no particular order.
pub(crate) async fn within(
    session: &mut Session,
    roster: &RosterName,
    kind: EntityKind,
    window: &SyncWindow,
) -> Result<Vec<RosterEntry>, Fault> {
    // By the end, not the start: what was over before the window is much, and grows. `+ 0` keeps
    // SQLite from the index by start. What begins after the window is much, too: it is passed over
    // in the index, without a look at the entity.
    const WITHIN: Sql = Sql::same(concat!(
        "SELECT string_agg(",
        entry_record!(),
        ", '\u{1e}') FROM (SELECT near.id FROM entity AS near WHERE near.roster = $1 \
         AND near.kind = $2 AND near.deleted_at IS NULL AND near.ends_at > $3 \
         AND near.starts_at + 0 < $4) AS found CROSS JOIN entity \
         WHERE entity.roster = $1 AND entity.kind = $2 AND entity.id = found.id"
    ));
    let args = [
        Arg::Text(roster.as_str()),
        Arg::Text(kind.as_str()),
        Arg::Int(window.interval.start().as_millisecond()),
        Arg::Int(packed::millisecond_after(window.interval.end())),
    ];
    let mut entries = Vec::new();
    decode_entries(&session.packed(WITHIN, &args).await?, &mut entries)?;
    Ok(entries)
}

pub(crate) async fn of_kind(
    backend: &Backend,
    roster: &RosterName,
    kind: EntityKind,
) -> Result<Vec<RosterEntry>, Fault> {
    const OF_KIND: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        entry_record!(),
        " AS record FROM entity WHERE roster = $1 AND kind = $2 AND deleted_at IS NULL",
        " AND id > $3 ORDER BY id LIMIT $4"
    )));
    let mut session = backend.snapshot().await?;
    let mut entries: Vec<RosterEntry> = Vec::new();
    loop {
        let before = entries.len();
        let last = entries.last().map(|entry| entry.entity.key());
        let args = [
            Arg::Text(roster.as_str()),
            Arg::Text(kind.as_str()),
            Arg::Text(last.as_ref().map_or("", |key| key.id.as_str())),
            Arg::Int(ENTITY_PAGE_ROWS as i64),
        ];
        decode_entries(&session.packed(OF_KIND, &args).await?, &mut entries)?;
        if entries.len() - before < ENTITY_PAGE_ROWS {
            return Ok(entries);
        }
    }
}

pub(crate) async fn source_state(
    backend: &Backend,
    roster: &RosterName,
) -> Result<SourceState, Fault> {
    const STATE: Sql =
        Sql::same("SELECT token, window_start, window_end, read_at FROM roster WHERE name = $1");
    let mut session = backend.reader().await?;
    let rows = session.cells(STATE, &[Arg::Text(roster.as_str())]).await?;
    let Some(row) = rows.first() else {
        return Ok(SourceState::default());
    };
    Ok(SourceState {
        token: row.maybe_text(0)?.map(engine::port::DeltaToken),
        window_start: row.maybe_instant(1)?,
        window_end: row.maybe_instant(2)?,
        read_at: row.maybe_instant(3)?,
    })
}

pub(crate) async fn hints(
    backend: &Backend,
    roster: &RosterName,
) -> Result<Vec<IdentityHint>, Fault> {
    const HINTS: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        packed!("kind", "id", "hex(fingerprint)"),
        " AS record FROM identity_hint WHERE roster = $1 ORDER BY kind, id"
    )));
    let mut session = backend.reader().await?;
    let page = session.packed(HINTS, &[Arg::Text(roster.as_str())]).await?;
    records(&page)
        .map(|mut fields| {
            Ok(IdentityHint { key: fields.key()?, fingerprint: fields.fingerprint()? })
        })
        .collect()
}

pub(crate) async fn add_hints(
    backend: &Backend,
    roster: &RosterName,
    hints: &[IdentityHint],
) -> Result<(), Fault> {
    const ADD: Sql = over_rows!(
        "INSERT INTO identity_hint (roster, kind, id, fingerprint) \
         SELECT $2, given.value ->> 0, given.value ->> 1, unhex(given.value ->> 2) FROM",
        "WHERE true ON CONFLICT (roster, kind, id) DO UPDATE SET fingerprint = excluded.fingerprint"
    );
    // The last one for a key counts; PostgreSQL refuses to change a row twice in one statement.
    let latest: std::collections::BTreeMap<_, _> = hints
        .iter()
        .map(|hint| (key_texts(&hint.key), packed::to_hex(&hint.fingerprint)))
        .collect();
    let rows: Vec<_> =
        latest.into_iter().map(|((kind, id), fingerprint)| (kind, id, fingerprint)).collect();
    let rows = packed::rows(&rows)?;
    let args = [Arg::Text(&rows), Arg::Text(roster.as_str())];
    transact!(backend, |session| session.run(ADD, &args))?;
    Ok(())
}

pub(crate) async fn counts(backend: &Backend, roster: &RosterName) -> Result<RosterCounts, Fault> {
    const COUNTS: Sql = Sql::same(
        "SELECT kind, count(*) FROM entity WHERE roster = $1 AND deleted_at IS NULL GROUP BY kind",
    );
    let mut session = backend.snapshot().await?;
    let mut counts =
        RosterCounts { seq: seq(&mut session, roster).await?, ..RosterCounts::default() };
    let name = [Arg::Text(roster.as_str())];
    for row in session.cells(COUNTS, &name).await? {
        let kind = row.id(0, "kind of entity", |text| text.parse::<EntityKind>())?;
        let count = row.int(1)?.unsigned_abs();
        match kind {
            EntityKind::Employee => counts.employees = count,
            EntityKind::OpenShift => counts.open_shifts = count,
            EntityKind::Shift => counts.shifts = count,
            EntityKind::TimeOff => counts.time_off = count,
            EntityKind::ScheduleGroup | EntityKind::TimeOffReason => {}
        }
    }
    Ok(counts)
}
