//! Carrying out one ledger commit in one transaction, fenced by leases.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::{CalendarKey, EntityKey, ItemKey, MirrorName, Part};
use engine::port::{
    AuditEntry, CalendarState, CommitReceipt, Cursor, Fenced, IntentState, LeaseDomain,
    LedgerCommit, LedgerRow, LedgerWrite,
};
use jiff::Timestamp;

use super::row::encode_row;
use crate::backend::{Arg, Backend, Session, transact};
use crate::conflict;
use crate::fault::Fault;
use crate::packed;
use crate::report::add_audit;
use crate::sql::{Sql, over_rows};

pub(crate) async fn commit(
    backend: &Backend,
    mirror: &MirrorName,
    commit: &LedgerCommit,
) -> Result<CommitReceipt, Fault> {
    transact!(backend, |session| carry_out(session, mirror, commit))
}

async fn carry_out(
    session: &mut Session,
    mirror: &MirrorName,
    commit: &LedgerCommit,
) -> Result<CommitReceipt, Fault> {
    let LedgerCommit { fences, renew_until, writes, calendars, drifts, cursor, audit, conflicts } =
        commit;
    let ours = renew(session, mirror, fences, *renew_until).await?;
    let mut fenced = BTreeSet::new();
    let mut admit = |calendar: &CalendarKey| {
        let admitted = ours.contains(calendar);
        if !admitted && !fenced.contains(calendar) {
            fenced.insert(calendar.clone());
        }
        admitted
    };
    for fence in fences {
        admit(&fence.calendar);
    }
    let (puts, removals) = last_writes(writes, &mut admit);
    let calendars: Vec<_> = calendars.iter().filter(|state| admit(&state.calendar)).collect();
    let conflicts = conflict::Writes::admitted(conflicts, &mut admit);
    let drifts: Vec<_> = drifts.iter().filter(|drift| admit(drift.place().0)).collect();
    let audit: Vec<&AuditEntry> =
        audit.iter().filter(|it| !fenced.contains(&it.calendar)).collect();

    enter_mirror(session, mirror).await?;
    let held = put_rows(session, mirror, &puts, Over::WhatMayBeSettled).await?;
    remove_rows(session, mirror, &removals).await?;
    put_calendars(session, mirror, &calendars).await?;
    crate::drift::write_all(session, mirror, &drifts).await?;
    if let Some(cursor) = cursor {
        put_cursor(session, mirror, cursor).await?;
    }
    conflicts.carry_out(session, mirror).await?;
    add_audit(session, &audit).await?;
    Ok(CommitReceipt { fenced, held })
}

/// Carries out writes of what somebody else is about to do: whoever owns a calendar settles them
/// by looking, so no fence is asked.
pub(crate) async fn write_unfenced(
    session: &mut Session,
    mirror: &MirrorName,
    writes: &[LedgerWrite],
) -> Result<(), Fault> {
    if writes.is_empty() {
        return Ok(());
    }
    let (puts, removals) = last_writes(writes, &mut |_: &CalendarKey| true);
    enter_mirror(session, mirror).await?;
    put_rows(session, mirror, &puts, Over::Anything).await?;
    remove_rows(session, mirror, &removals).await
}

/// Puts rows that must not be there yet, without a fence. Whether none of them was.
pub(crate) async fn put_new_rows(
    session: &mut Session,
    mirror: &MirrorName,
    rows: &[LedgerRow],
) -> Result<bool, Fault> {
    if rows.is_empty() {
        return Ok(true);
    }
    enter_mirror(session, mirror).await?;
    let rows: Vec<&LedgerRow> = rows.iter().collect();
    Ok(put_rows(session, mirror, &rows, Over::Nothing).await?.is_empty())
}

/// The calendars whose lease still has the epoch given. Their leases are locked until the end of
/// the transaction, so that a take-over waits for it, and renewed.
async fn renew(
    session: &mut Session,
    mirror: &MirrorName,
    fences: &[Fenced],
    until: Option<Timestamp>,
) -> Result<HashSet<CalendarKey>, Fault> {
    // A lease that was given back has no owner, and nobody writes under its epoch any more.
    const RENEW: Sql = over_rows!(
        "UPDATE lease SET until = coalesce($2, until) FROM",
        "WHERE lease.domain = (given.value ->> 0) \
         AND lease.epoch = CAST(given.value ->> 1 AS BIGINT) AND lease.owner <> '' \
         RETURNING lease.domain"
    );
    if fences.is_empty() {
        return Ok(HashSet::new());
    }
    let domain = |fence: &Fenced| LeaseDomain::calendar(mirror, &fence.calendar).0;
    let rows: BTreeSet<_> = fences.iter().map(|it| (domain(it), it.epoch.0)).collect();
    let rows = packed::rows(&Vec::from_iter(rows))?;
    let until = Arg::MaybeInt(until.map(Timestamp::as_millisecond));
    let renewed = session.cells(RENEW, &[Arg::Text(&rows), until]).await?;
    let renewed: HashSet<_> = renewed.iter().map(|row| row.text(0)).collect::<Result<_, _>>()?;
    Ok(fences
        .iter()
        .filter(|it| renewed.contains(&domain(it)))
        .map(|it| it.calendar.clone())
        .collect())
}

type Place<'c> = (&'c CalendarKey, &'c EntityKey, Part);

/// What is left when the last write to each row counts, without those that are not admitted.
fn last_writes<'c>(
    writes: &'c [LedgerWrite],
    admit: &mut impl FnMut(&CalendarKey) -> bool,
) -> (Vec<&'c LedgerRow>, Vec<Place<'c>>) {
    let (mut puts, mut removals) = (Vec::with_capacity(writes.len()), Vec::new());
    let mut seen: HashSet<Place<'c>> = HashSet::with_capacity(writes.len());
    for write in writes.iter().rev() {
        let place = match write {
            LedgerWrite::Put(row) => (&row.calendar, &row.key, row.part),
            LedgerWrite::Remove { calendar, key, part } => (calendar, key, *part),
        };
        if !admit(place.0) || !seen.insert(place) {
            continue;
        }
        match write {
            LedgerWrite::Put(row) => puts.push(row),
            LedgerWrite::Remove { .. } => removals.push(place),
        }
    }
    // In the order of their keys, as they mostly came: that is cheaper to insert.
    puts.reverse();
    (puts, removals)
}

/// Makes the mirror known, so that `explain` finds its rows.
async fn enter_mirror(session: &mut Session, mirror: &MirrorName) -> Result<(), Fault> {
    const ENTER: Sql =
        Sql::same("INSERT INTO mirror (name, seq) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING");
    session.run(ENTER, &[Arg::Text(mirror.as_str())]).await?;
    Ok(())
}

/// Which stored rows a put may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// All.
    Anything,
    /// All but those that wait for what a vendor was granted.
    WhatMayBeSettled,
    /// None.
    Nothing,
}

/// Puts rows. Where `$3` is 1, a stored one stays as long as it waits: `$waits_until` is null where
/// it waits for nobody. Where it is 2, a stored one stays.
macro_rules! put_rows {
    ($waits_until:literal) => {
        over_rows!(
            "INSERT INTO ledger (mirror, kind, id, calendar, part, unsettled, intent_state, \
         quarantined_at, employee, ends_at, changed_at, generation, remote, intent, trouble, \
         remote_id, intended_id) \
         SELECT $2, given.value ->> 0, given.value ->> 1, given.value ->> 2, \
         given.value ->> 3, CAST(given.value ->> 4 AS BIGINT), given.value ->> 5, \
         CAST(given.value ->> 6 AS BIGINT), given.value ->> 7, \
         CAST(given.value ->> 8 AS BIGINT), CAST(given.value ->> 9 AS BIGINT), \
         CAST(given.value ->> 10 AS BIGINT), given.value ->> 11, given.value ->> 12, \
         given.value ->> 13, given.value ->> 14, given.value ->> 15 FROM",
            concat!(
                "WHERE true ON CONFLICT (mirror, kind, id, calendar, part) DO UPDATE SET \
         unsettled = excluded.unsettled, intent_state = excluded.intent_state, \
         quarantined_at = excluded.quarantined_at, employee = excluded.employee, \
         ends_at = excluded.ends_at, changed_at = excluded.changed_at, \
         generation = excluded.generation, remote = excluded.remote, intent = excluded.intent, \
         trouble = excluded.trouble, remote_id = excluded.remote_id, \
         intended_id = excluded.intended_id \
         WHERE $3 = 0 OR ($3 = 1 AND coalesce(",
                $waits_until,
                " <= excluded.changed_at, true))"
            )
        )
    };
}

/// Puts rows; names those that were not put.
async fn put_rows(
    session: &mut Session,
    mirror: &MirrorName,
    puts: &[&LedgerRow],
    over: Over,
) -> Result<BTreeSet<(CalendarKey, ItemKey)>, Fault> {
    // PostgreSQL's JSON functions refuse the escaped NUL that an id in the same text may hold. The
    // time is the last field, and a text that looks like it would end in a quotation mark.
    const PUT: Sql = Sql {
        sqlite: put_rows!(
            "CASE WHEN ledger.intent_state = 'sent' THEN ledger.intent ->> 'not_before_ms' END"
        )
        .sqlite,
        postgres: put_rows!(
            "CASE WHEN ledger.intent_state = 'sent' THEN CAST(substring(ledger.intent FROM \
             '\"not_before_ms\":(-?[0-9]+)[}]$') AS BIGINT) END"
        )
        .postgres,
    };
    let guarded = Arg::Int(match over {
        Over::Anything => 0,
        Over::WhatMayBeSettled => 1,
        Over::Nothing => 2,
    });
    let mut held = BTreeSet::new();
    for puts in puts.chunks(super::WRITE_ROWS) {
        let rows: Vec<_> = puts.iter().map(|row| encode_row(row)).collect::<Result<_, _>>()?;
        let rows = packed::rows(&rows)?;
        let args = [Arg::Text(&rows), Arg::Text(mirror.as_str()), guarded];
        let put = session.run(PUT, &args).await?;
        if put < puts.len() as u64 {
            held.extend(match over {
                Over::Anything => vec![],
                Over::WhatMayBeSettled => waiting(session, mirror, puts).await?,
                Over::Nothing => puts.iter().map(|it| (it.calendar.clone(), it.item())).collect(),
            });
        }
    }
    Ok(held)
}

/// Which of these were not put because the stored row waits; asked only where some were not.
async fn waiting(
    session: &mut Session,
    mirror: &MirrorName,
    puts: &[&LedgerRow],
) -> Result<Vec<(CalendarKey, ItemKey)>, Fault> {
    let keys: Vec<EntityKey> = puts.iter().map(|row| row.key.clone()).collect();
    let stored = super::of_keys(session, mirror, &keys).await?;
    let stored: HashMap<_, _> =
        stored.iter().map(|row| ((&row.calendar, &row.key, row.part), row)).collect();
    let stays = |put: &&&LedgerRow| {
        let stored = stored.get(&(&put.calendar, &put.key, put.part));
        let sent = stored.and_then(|it| it.intent.as_ref());
        let waits = sent.filter(|it| it.state == IntentState::Sent).and_then(|it| it.not_before);
        waits.is_some_and(|until| until > put.changed_at)
    };
    Ok(puts.iter().filter(stays).map(|row| (row.calendar.clone(), row.item())).collect())
}

async fn remove_rows(
    session: &mut Session,
    mirror: &MirrorName,
    removals: &[Place<'_>],
) -> Result<(), Fault> {
    // `|| ''` keeps SQLite from the index by calendar, where it would look at too many.
    const REMOVE: Sql = over_rows!(
        "DELETE FROM ledger WHERE mirror = $2 AND (kind, id, calendar || '', part) IN \
         (SELECT given.value ->> 0, given.value ->> 1, given.value ->> 2, \
         given.value ->> 3 FROM",
        ")"
    );
    for removals in removals.chunks(super::WRITE_ROWS) {
        let rows: Vec<_> = removals
            .iter()
            .map(|(calendar, key, part)| {
                (key.kind.as_str(), key.id.as_str(), calendar.as_str(), part.to_string())
            })
            .collect();
        let rows = packed::rows(&rows)?;
        let args = [Arg::Text(&rows), Arg::Text(mirror.as_str())];
        session.run(REMOVE, &args).await?;
    }
    Ok(())
}

async fn put_calendars(
    session: &mut Session,
    mirror: &MirrorName,
    calendars: &[&CalendarState],
) -> Result<(), Fault> {
    const PUT: Sql = Sql::same(
        "INSERT INTO calendar (mirror, calendar, read_at, token, unpublished_start, \
         unpublished_end) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (mirror, calendar) DO UPDATE SET read_at = excluded.read_at, \
         token = excluded.token, unpublished_start = excluded.unpublished_start, \
         unpublished_end = excluded.unpublished_end",
    );
    for state in calendars {
        let CalendarState { calendar, read_at, token, unpublished } = state;
        let args = [
            Arg::Text(mirror.as_str()),
            Arg::Text(calendar.as_str()),
            Arg::MaybeInt(read_at.map(Timestamp::as_millisecond)),
            Arg::MaybeText(token.as_ref().map(|token| token.0.as_str())),
            Arg::MaybeInt(unpublished.map(|it| it.start().as_millisecond())),
            Arg::MaybeInt(unpublished.map(|it| packed::millisecond_after(it.end()))),
        ];
        session.run(PUT, &args).await?;
    }
    Ok(())
}

async fn put_cursor(
    session: &mut Session,
    mirror: &MirrorName,
    cursor: &Cursor,
) -> Result<(), Fault> {
    const PUT: Sql =
        Sql::same("UPDATE mirror SET seq = $2, window_end = $3, profile = $4 WHERE name = $1");
    let Cursor { seq, window_end, profile } = cursor;
    let args = [
        Arg::Text(mirror.as_str()),
        Arg::Int(seq.0),
        Arg::MaybeInt(window_end.map(Timestamp::as_millisecond)),
        Arg::MaybeBlob(profile.as_ref().map(|it| it.as_bytes().as_slice())),
    ];
    session.run(PUT, &args).await?;
    Ok(())
}
