//! What a planner must know of the entities in a scope.
//!
//! First the keys of one page, then what is known of them, in one snapshot. Every branch of the
//! search for keys gives at most a page of its own first keys in order: the first page of all of
//! them is among those.

use std::collections::{BTreeMap, BTreeSet};

use domain::{EntityKey, EntityKind, MirrorName, RosterName};
use engine::port::{LedgerRow, RosterEntry, Scope, Subject};

use crate::backend::{Arg, Backend, Session};
use crate::fault::Fault;
use crate::packed::records;
use crate::roster::key_texts;
use crate::sql::{Sql, gathered, packed};
use crate::{ledger, roster};

/// What is asked for, but for the scope.
#[derive(Clone, Copy)]
pub(crate) struct Question<'q> {
    pub mirror: &'q MirrorName,
    pub roster: &'q RosterName,
    pub kinds: &'q [EntityKind],
    pub after: Option<&'q EntityKey>,
    pub limit: usize,
}

pub(crate) async fn subjects(
    backend: &Backend,
    question: Question<'_>,
    scope: &Scope,
) -> Result<Vec<Subject>, Fault> {
    let mut session = backend.snapshot().await?;
    let keys = page_of_keys(&mut session, question, scope).await?;
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<_> = keys.into_iter().collect();
    let asked: Vec<_> =
        keys.iter().filter(|key| question.kinds.contains(&key.kind)).cloned().collect();
    let entries = roster::entries(&mut session, question.roster, &asked).await?;
    let rows = ledger::of_keys(&mut session, question.mirror, &keys).await?;
    Ok(join(keys, entries, rows))
}

fn join(keys: Vec<EntityKey>, entries: Vec<RosterEntry>, rows: Vec<LedgerRow>) -> Vec<Subject> {
    let mut entries: BTreeMap<_, _> =
        entries.into_iter().map(|entry| (entry.entity.key(), entry)).collect();
    let mut ledger: BTreeMap<EntityKey, Vec<LedgerRow>> = BTreeMap::new();
    for row in rows {
        ledger.entry(row.key.clone()).or_default().push(row);
    }
    keys.into_iter()
        .map(|key| {
            let mut rows = ledger.remove(&key).unwrap_or_default();
            rows.sort_by(|a, b| a.calendar.cmp(&b.calendar));
            Subject { entry: entries.remove(&key), ledger: rows, key }
        })
        .collect()
}

async fn page_of_keys(
    session: &mut Session,
    question: Question<'_>,
    scope: &Scope,
) -> Result<BTreeSet<EntityKey>, Fault> {
    let Question { mirror, roster, kinds, after, limit } = question;
    let (kind, id) = after.map_or(("", ""), key_texts);
    let mut args = vec![
        Arg::Text(roster.as_str()),
        Arg::Text(mirror.as_str()),
        Arg::Text(kind),
        Arg::Text(id),
        Arg::Int(i64::try_from(limit).unwrap_or(i64::MAX)),
    ];
    args.extend(kind_arguments(kinds));
    let page = match scope {
        Scope::Keys(keys) => {
            let keys: BTreeSet<_> = keys.iter().filter(|key| Some(*key) > after).collect();
            return Ok(keys.into_iter().take(limit).cloned().collect());
        }
        Scope::Changed { since, entered_from, entered_until } => {
            args.push(Arg::Int(since.0));
            args.push(Arg::Int(entered_from.as_millisecond()));
            args.push(Arg::Int(entered_until.as_millisecond()));
            session.packed(CHANGED, &args).await?
        }
        Scope::All { window } => {
            args.push(Arg::Int(window.interval.start().as_millisecond()));
            args.push(Arg::Int(window.interval.end().as_millisecond()));
            session.packed(ALL, &args).await?
        }
    };
    let keys: BTreeSet<_> =
        records(&page).map(|mut fields| fields.key()).collect::<Result<_, _>>()?;
    Ok(keys.into_iter().take(limit).collect())
}

/// Always as many arguments as there are kinds, so that the statement is always the same.
fn kind_arguments(kinds: &[EntityKind]) -> [Arg<'static>; EntityKind::ALL.len()] {
    EntityKind::ALL.map(|kind| {
        let asked = kinds.contains(&kind);
        Arg::Text(if asked { kind.as_str() } else { "" })
    })
}

/// Of one table: `$1` roster, `$2` mirror, `$3` and `$4` the last key of the page before, `$5`
/// the size of a page, `$6` to `$11` the kinds.
///
/// `kind || ''` keeps SQLite from walking along the primary key for the sake of the order, where
/// another index finds the few rows at once.
macro_rules! branch {
    ($table:literal, $columns:literal, $filter:literal, $order:literal) => {
        concat!(
            "SELECT * FROM (SELECT ",
            $columns,
            " FROM ",
            $table,
            " WHERE ",
            $filter,
            " ORDER BY ",
            $order,
            " LIMIT $5) AS branch"
        )
    };
}

/// `$12` the sequence, `$13` and `$14` from when until when entities entered the window.
const CHANGED: Sql = Sql::same(gathered!(concat!(
    "SELECT ",
    packed!("kind", "id"),
    " AS record FROM (",
    branch!(
        "entity",
        "kind, id",
        "roster = $1 AND seq > $12 AND kind || '' IN ($6, $7, $8, $9, $10, $11) \
         AND (kind || '', id) > ($3, $4)",
        "kind || '', id"
    ),
    " UNION ALL ",
    branch!(
        "entity AS person CROSS JOIN entity AS thing",
        "thing.kind, thing.id",
        "person.roster = $1 AND person.seq > $12 AND person.kind || '' = 'employee' \
         AND thing.roster = $1 AND thing.employee = person.id AND thing.deleted_at IS NULL \
         AND thing.kind || '' IN ($6, $7, $8, $9, $10, $11) \
         AND (thing.kind || '', thing.id) > ($3, $4)",
        "thing.kind || '', thing.id"
    ),
    " UNION ALL ",
    branch!(
        "entity",
        "kind, id",
        "roster = $1 AND kind IN ($6, $7, $8, $9, $10, $11) AND deleted_at IS NULL \
         AND starts_at >= $13 AND starts_at < $14 AND (kind || '', id) > ($3, $4)",
        "kind || '', id"
    ),
    " UNION ALL ",
    branch!(
        "ledger",
        "DISTINCT kind, id",
        "mirror = $2 AND unsettled = 1 AND intent_state IS NOT NULL AND (kind, id) > ($3, $4)",
        "kind, id"
    ),
    ") AS due"
)));

/// `$12` start and `$13` end of the window. What does not lie in time is always inside.
const ALL: Sql = Sql::same(gathered!(concat!(
    "SELECT ",
    packed!("kind", "id"),
    " AS record FROM (",
    branch!(
        "entity",
        "kind, id",
        "roster = $1 AND deleted_at IS NULL AND kind || '' IN ($6, $7, $8, $9, $10, $11) \
         AND (starts_at IS NULL OR (starts_at < $13 AND ends_at > $12)) AND (kind, id) > ($3, $4)",
        "kind, id"
    ),
    " UNION ALL ",
    branch!("ledger", "DISTINCT kind, id", "mirror = $2 AND (kind, id) > ($3, $4)", "kind, id"),
    ") AS due"
)));
