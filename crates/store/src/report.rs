//! What operators look back at: the audit trail of each entity, and the last reports.

use domain::limits::HISTORY_ENTRIES_MAX;
use domain::{CalendarKey, EntityKey, MirrorName};
use engine::port::{AuditEntry, AuditVerb, ReportRow};

use crate::backend::{Arg, Backend, Session, transact};
use crate::fault::Fault;
use crate::packed::{self, printable};
use crate::roster::key_texts;
use crate::sql::{Sql, over_rows};

const VERBS: [AuditVerb; 14] = [
    AuditVerb::Adopted,
    AuditVerb::Created,
    AuditVerb::Deleted,
    AuditVerb::Forgotten,
    AuditVerb::Quarantined,
    AuditVerb::Refused,
    AuditVerb::Deferred,
    AuditVerb::Updated,
    AuditVerb::EventDeclined,
    AuditVerb::EventDeleted,
    AuditVerb::EventMoved,
    AuditVerb::EventRestored,
    AuditVerb::Left,
    AuditVerb::Asked,
];

fn verb_word(verb: AuditVerb) -> &'static str {
    match verb {
        AuditVerb::Adopted => "adopted",
        AuditVerb::Created => "created",
        AuditVerb::Deleted => "deleted",
        AuditVerb::Forgotten => "forgotten",
        AuditVerb::Quarantined => "quarantined",
        AuditVerb::Refused => "refused",
        AuditVerb::Deferred => "deferred",
        AuditVerb::Updated => "updated",
        AuditVerb::EventDeclined => "event_declined",
        AuditVerb::EventDeleted => "event_deleted",
        AuditVerb::EventMoved => "event_moved",
        AuditVerb::EventRestored => "event_restored",
        AuditVerb::Left => "left",
        AuditVerb::Asked => "asked",
    }
}

fn verb_of(word: &str) -> Result<AuditVerb, String> {
    VERBS
        .into_iter()
        .find(|verb| verb_word(*verb) == word)
        .ok_or_else(|| format!("`{word}` is not a verb of the audit"))
}

/// Appends audit entries, in the order given.
pub(crate) async fn add_audit(session: &mut Session, entries: &[&AuditEntry]) -> Result<(), Fault> {
    const ADD: Sql = over_rows!(
        "INSERT INTO audit (at, mirror, calendar, kind, id, verb, version, detail) \
         SELECT CAST(given.value ->> 0 AS BIGINT), given.value ->> 1, given.value ->> 2, \
         given.value ->> 3, given.value ->> 4, given.value ->> 5, \
         CAST(given.value ->> 6 AS BIGINT), given.value ->> 7 FROM",
        ""
    );
    for entries in entries.chunks(crate::ledger::WRITE_ROWS) {
        let rows: Vec<_> = entries
            .iter()
            .map(|entry| {
                let AuditEntry { at, mirror, calendar, key, verb, version, detail } = entry;
                let (kind, id) = key_texts(key);
                let (at, detail) = (at.as_millisecond(), printable(detail));
                let (mirror, calendar) = (mirror.as_str(), calendar.as_str());
                let verb = verb_word(*verb);
                (at, mirror, calendar, kind, id, verb, version, detail)
            })
            .collect();
        let rows = packed::rows(&rows)?;
        session.run(ADD, &[Arg::Text(&rows)]).await?;
    }
    Ok(())
}

pub(crate) async fn history(backend: &Backend, key: &EntityKey) -> Result<Vec<AuditEntry>, Fault> {
    const HISTORY: Sql = Sql::same(
        "SELECT at, mirror, calendar, verb, version, detail FROM audit \
         WHERE kind = $1 AND id = $2 ORDER BY number DESC LIMIT $3",
    );
    let (kind, id) = key_texts(key);
    let args = [Arg::Text(kind), Arg::Text(id), Arg::Int(HISTORY_ENTRIES_MAX as i64)];
    let rows = backend.reader().await?.cells(HISTORY, &args).await?;
    rows.iter()
        .rev()
        .map(|row| {
            let version = u32::try_from(row.int(4)?)
                .map_err(|error| Fault::corrupt("version", format!("audit of {key}"), error))?;
            Ok(AuditEntry {
                at: row.instant(0)?,
                mirror: row.id(1, "mirror name", MirrorName::new)?,
                calendar: row.id(2, "calendar", CalendarKey::new)?,
                key: key.clone(),
                verb: row.id(3, "audit verb", |word| verb_of(&word))?,
                version,
                detail: row.text(5)?,
            })
        })
        .collect()
}

pub(crate) async fn put_report(backend: &Backend, report: &ReportRow) -> Result<(), Fault> {
    const PUT: Sql = Sql::same(
        "INSERT INTO report (subject, at, body) VALUES ($1, $2, $3) \
         ON CONFLICT (subject) DO UPDATE SET at = excluded.at, body = excluded.body",
    );
    let ReportRow { subject, at, body } = report;
    let args = [Arg::Text(subject), Arg::Int(at.as_millisecond()), Arg::Text(body)];
    transact!(backend, |session| session.run(PUT, &args))?;
    Ok(())
}

pub(crate) async fn reports(backend: &Backend) -> Result<Vec<ReportRow>, Fault> {
    const REPORTS: Sql = Sql::same("SELECT subject, at, body FROM report ORDER BY subject");
    let rows = backend.reader().await?.cells(REPORTS, &[]).await?;
    rows.iter()
        .map(|row| Ok(ReportRow { subject: row.text(0)?, at: row.instant(1)?, body: row.text(2)? }))
        .collect()
}
