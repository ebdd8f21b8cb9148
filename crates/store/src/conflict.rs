//! Events that stand in the way of shifts, and what was done about them.
//!
//! Each is kept as one JSON text, with columns for whatever it is looked for by. Written by a
//! ledger commit, under its fences. What is kept of events is personal data: [`Writes`] drops it
//! when its time is over, and all of it when the mirror is purged.

use std::collections::{BTreeMap, BTreeSet};

use domain::{CalendarKey, EntityKey, MirrorName};
use engine::port::{
    AuditId, ChangesOf, ConflictCounts, ConflictRow, ConflictWrite, EventChange, MeetingNote,
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::backend::{Arg, Backend, Session};
use crate::fault::Fault;
use crate::packed::{self, records};
use crate::roster::key_texts;
use crate::sql::{Sql, gathered, over_rows, packed};

/// Rows written by one statement.
const WRITE_ROWS: usize = 1000;

pub(crate) async fn rows(
    backend: &Backend,
    mirror: &MirrorName,
    calendar: Option<&CalendarKey>,
) -> Result<Vec<ConflictRow>, Fault> {
    const ALL: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        packed!("mirror", "calendar", "body"),
        " AS record FROM conflict WHERE mirror = $1 ORDER BY calendar, kind, id, event"
    )));
    const IN_CALENDAR: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        packed!("mirror", "calendar", "body"),
        " AS record FROM conflict WHERE mirror = $1 AND calendar = $2 ORDER BY kind, id, event"
    )));
    let mut session = backend.reader().await?;
    let page = match calendar {
        None => session.packed(ALL, &[Arg::Text(mirror.as_str())]).await?,
        Some(calendar) => {
            let args = [Arg::Text(mirror.as_str()), Arg::Text(calendar.as_str())];
            session.packed(IN_CALENDAR, &args).await?
        }
    };
    decode(&page, "conflict")
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

pub(crate) async fn counts(
    backend: &Backend,
    mirror: &MirrorName,
) -> Result<ConflictCounts, Fault> {
    const CONFLICTS: Sql =
        Sql::same("SELECT open, count(*) FROM conflict WHERE mirror = $1 GROUP BY open");
    const CHANGES: Sql =
        Sql::same("SELECT state, count(*) FROM event_change WHERE mirror = $1 GROUP BY state");
    let mut session = backend.snapshot().await?;
    let mut counts = ConflictCounts::default();
    let number = |count: i64| u64::try_from(count).unwrap_or_default();
    for row in session.cells(CONFLICTS, &[Arg::Text(mirror.as_str())]).await? {
        match row.int(0)? {
            0 => counts.kept = number(row.int(1)?),
            _ => counts.open = number(row.int(1)?),
        }
    }
    for row in session.cells(CHANGES, &[Arg::Text(mirror.as_str())]).await? {
        match row.text(0)?.as_str() {
            "done" => counts.changes = number(row.int(1)?),
            "planned" | "sent" | "undoing" => counts.in_doubt += number(row.int(1)?),
            _ => {}
        }
    }
    Ok(counts)
}

pub(crate) async fn looks(
    backend: &Backend,
    mirror: &MirrorName,
) -> Result<Vec<(CalendarKey, Timestamp)>, Fault> {
    const LOOKS: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        packed!("calendar", "at"),
        " AS record FROM conflict_look WHERE mirror = $1 ORDER BY calendar"
    )));
    let page = backend.reader().await?.packed(LOOKS, &[Arg::Text(mirror.as_str())]).await?;
    records(&page)
        .map(|mut fields| Ok((fields.id("calendar", CalendarKey::new)?, fields.instant()?)))
        .collect()
}

pub(crate) async fn changes(
    backend: &Backend,
    mirror: &MirrorName,
    which: &ChangesOf,
) -> Result<Vec<EventChange>, Fault> {
    const IN_CALENDAR: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        packed!("mirror", "id", "body"),
        " AS record FROM event_change WHERE mirror = $1 AND calendar = $2 ORDER BY at, id"
    )));
    const UNSETTLED: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        packed!("mirror", "id", "body"),
        " AS record FROM event_change WHERE mirror = $1 AND unsettled = 1",
        " ORDER BY calendar, at, id"
    )));
    let mut session = backend.reader().await?;
    let page = match which {
        ChangesOf::Calendar(calendar) => {
            let args = [Arg::Text(mirror.as_str()), Arg::Text(calendar.as_str())];
            session.packed(IN_CALENDAR, &args).await?
        }
        ChangesOf::Unsettled => session.packed(UNSETTLED, &[Arg::Text(mirror.as_str())]).await?,
    };
    decode(&page, "change of an event")
}

pub(crate) async fn notes(
    backend: &Backend,
    mirror: &MirrorName,
) -> Result<Vec<MeetingNote>, Fault> {
    const NOTES: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        packed!("mirror", "id", "shifts", "note"),
        " AS record FROM event_change WHERE mirror = $1 AND state = 'done'",
        " AND note IS NOT NULL ORDER BY at, id"
    )));
    let page = backend.reader().await?.packed(NOTES, &[Arg::Text(mirror.as_str())]).await?;
    records(&page)
        .map(|mut fields| {
            let _place = (fields.text()?, fields.text()?);
            let (shifts, text) = (fields.text()?, fields.text()?);
            let shifts: Vec<EntityKey> =
                serde_json::from_str(shifts).map_err(|error| fields.corrupt("shifts", error))?;
            let text = serde_json::from_str(text).map_err(|error| fields.corrupt("note", error))?;
            Ok(MeetingNote { shifts, text })
        })
        .collect()
}

pub(crate) async fn change(
    backend: &Backend,
    id: &AuditId,
) -> Result<Option<(MirrorName, EventChange)>, Fault> {
    const BY_ID: Sql = Sql::same("SELECT mirror, body FROM event_change WHERE id = $1");
    let rows = backend.reader().await?.cells(BY_ID, &[Arg::Text(id.as_str())]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let mirror = row.id(0, "mirror name", MirrorName::new)?;
    let change = serde_json::from_str(&row.text(1)?)
        .map_err(|error| Fault::corrupt("change of an event", id.to_string(), error))?;
    Ok(Some((mirror, change)))
}

/// What of a commit is carried out: the last write to each thing counts.
#[derive(Default)]
pub(crate) struct Writes<'c> {
    looked: BTreeMap<&'c CalendarKey, (Timestamp, &'c [ConflictRow])>,
    look_again: BTreeSet<&'c CalendarKey>,
    changes: BTreeMap<&'c AuditId, &'c EventChange>,
    drop_before: Option<Timestamp>,
    drop_all: bool,
}

impl<'c> Writes<'c> {
    pub fn admitted(
        writes: &'c [ConflictWrite],
        admit: &mut impl FnMut(&CalendarKey) -> bool,
    ) -> Self {
        let mut admitted = Self::default();
        for write in writes {
            match write {
                ConflictWrite::Looked { calendar, at, conflicts } if admit(calendar) => {
                    admitted.looked.insert(calendar, (*at, conflicts));
                }
                ConflictWrite::Change(change) if admit(&change.calendar) => {
                    admitted.changes.insert(&change.id, change);
                }
                ConflictWrite::Looked { .. } | ConflictWrite::Change(_) => {}
                ConflictWrite::LookAgain(calendar) => {
                    admitted.look_again.insert(calendar);
                }
                ConflictWrite::DropOld(at) => {
                    admitted.drop_before = admitted.drop_before.max(Some(*at));
                }
                ConflictWrite::DropAll => admitted.drop_all = true,
            }
        }
        admitted
    }

    pub async fn carry_out(&self, session: &mut Session, mirror: &MirrorName) -> Result<(), Fault> {
        let Self { looked, look_again, changes, drop_before, drop_all } = self;
        if *drop_all {
            drop_everything(session, mirror).await?;
        }
        put_looked(session, mirror, looked).await?;
        let again: Vec<_> = look_again
            .iter()
            .map(|it| (it.as_str(), Timestamp::UNIX_EPOCH.as_millisecond()))
            .collect();
        put_look_times(session, mirror, &again).await?;
        put_changes(session, mirror, changes).await?;
        if let Some(before) = drop_before {
            const OLD: Sql =
                Sql::same("DELETE FROM event_change WHERE mirror = $1 AND kept_until <= $2");
            let args = [Arg::Text(mirror.as_str()), Arg::Int(before.as_millisecond())];
            session.run(OLD, &args).await?;
        }
        Ok(())
    }
}

async fn drop_everything(session: &mut Session, mirror: &MirrorName) -> Result<(), Fault> {
    const CONFLICTS: Sql = Sql::same("DELETE FROM conflict WHERE mirror = $1");
    const LOOKS: Sql = Sql::same("DELETE FROM conflict_look WHERE mirror = $1");
    const CHANGES: Sql = Sql::same("DELETE FROM event_change WHERE mirror = $1");
    for sql in [CONFLICTS, LOOKS, CHANGES] {
        session.run(sql, &[Arg::Text(mirror.as_str())]).await?;
    }
    Ok(())
}

async fn put_looked(
    session: &mut Session,
    of: &MirrorName,
    looked: &BTreeMap<&CalendarKey, (Timestamp, &[ConflictRow])>,
) -> Result<(), Fault> {
    const CLEAR: Sql = over_rows!(
        "DELETE FROM conflict WHERE mirror = $2 AND calendar IN (SELECT given.value ->> 0 FROM",
        ")"
    );
    const PUT: Sql = over_rows!(
        "INSERT INTO conflict (mirror, calendar, kind, id, event, open, body) \
         SELECT $2, given.value ->> 0, given.value ->> 1, given.value ->> 2, given.value ->> 3, \
         CAST(given.value ->> 4 AS BIGINT), given.value ->> 5 FROM",
        "WHERE true ON CONFLICT (mirror, calendar, kind, id, event) DO UPDATE SET \
         open = excluded.open, body = excluded.body"
    );
    let mirror = Arg::Text(of.as_str());
    let seen: Vec<_> =
        looked.iter().map(|(calendar, (at, _))| (calendar.as_str(), at.as_millisecond())).collect();
    for seen in seen.chunks(WRITE_ROWS) {
        session.run(CLEAR, &[Arg::Text(&packed::rows(seen)?), mirror]).await?;
    }
    put_look_times(session, of, &seen).await?;
    // PostgreSQL refuses to change a row twice in one statement.
    let mut rows = BTreeMap::new();
    for (calendar, (_, conflicts)) in looked {
        for row in *conflicts {
            let (kind, id) = key_texts(&row.shift);
            let (event, open) = (row.event.to_string(), u8::from(row.left.is_open()));
            let body = spelled(row, "conflict", calendar.as_str())?;
            rows.insert((calendar.as_str(), kind, id, event), (open, body));
        }
    }
    let rows: Vec<_> = rows
        .into_iter()
        .map(|((calendar, kind, id, event), (open, body))| (calendar, kind, id, event, open, body))
        .collect();
    for rows in rows.chunks(WRITE_ROWS) {
        session.run(PUT, &[Arg::Text(&packed::rows(rows)?), mirror]).await?;
    }
    Ok(())
}

/// When calendars were looked at.
async fn put_look_times(
    session: &mut Session,
    mirror: &MirrorName,
    times: &[(&str, i64)],
) -> Result<(), Fault> {
    const PUT: Sql = over_rows!(
        "INSERT INTO conflict_look (mirror, calendar, at) \
         SELECT $2, given.value ->> 0, CAST(given.value ->> 1 AS BIGINT) FROM",
        "WHERE true ON CONFLICT (mirror, calendar) DO UPDATE SET at = excluded.at"
    );
    for times in times.chunks(WRITE_ROWS) {
        let args = [Arg::Text(&packed::rows(times)?), Arg::Text(mirror.as_str())];
        session.run(PUT, &args).await?;
    }
    Ok(())
}

async fn put_changes(
    session: &mut Session,
    mirror: &MirrorName,
    changes: &BTreeMap<&AuditId, &EventChange>,
) -> Result<(), Fault> {
    // Somebody else's change under the same id would be one in a million of millions: it stays.
    const PUT: Sql = Sql::same(
        "INSERT INTO event_change \
         (id, mirror, calendar, state, unsettled, at, kept_until, shifts, note, body) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO UPDATE SET \
         state = excluded.state, unsettled = excluded.unsettled, at = excluded.at, \
         kept_until = excluded.kept_until, shifts = excluded.shifts, note = excluded.note, \
         body = excluded.body \
         WHERE event_change.mirror = excluded.mirror \
         AND event_change.calendar = excluded.calendar",
    );
    for (id, change) in changes {
        let body = spelled(change, "change of an event", id.as_str())?;
        let shifts = spelled(&change.shifts, "shifts", id.as_str())?;
        let note = change.note.as_ref().map(|it| spelled(it, "note", id.as_str())).transpose()?;
        let args = [
            Arg::Text(id.as_str()),
            Arg::Text(mirror.as_str()),
            Arg::Text(change.calendar.as_str()),
            Arg::Text(change.state.as_str()),
            Arg::Int(i64::from(change.state.is_unsettled())),
            Arg::Int(change.at.as_millisecond()),
            Arg::Int(change.kept_until.as_millisecond()),
            Arg::Text(&shifts),
            Arg::MaybeText(note.as_deref()),
            Arg::Text(&body),
        ];
        session.run(PUT, &args).await?;
    }
    Ok(())
}

fn spelled<T: serde::Serialize>(
    value: &T,
    what: &'static str,
    place: &str,
) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::corrupt(what, place.into(), error))
}
