//! What a planner must know of the entities in a scope.
//!
//! First the keys of one page, then what is known of them, in one snapshot. Every branch of the
//! search for keys gives at most a page of its own first keys in order: the first page of all of
//! them is among those.

use std::collections::{BTreeMap, BTreeSet};

use domain::{EntityKey, EntityKind, MirrorName, RosterName};
use engine::port::{ChangeSeq, LedgerRow, RosterEntry, Scope, Subject};

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
            rows.sort_by(|a, b| (&a.calendar, a.part).cmp(&(&b.calendar, b.part)));
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
            let last = roster::seq(session, roster).await?;
            let much = is_much(*since, last, limit);
            let search = if much { MUCH_CHANGED } else { CHANGED };
            session.packed(search, &args).await?
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
/// `kind || ''` and the like keep SQLite from a walk along the primary key for the sake of the
/// order, where another index finds the few rows at once; or the other way round.
macro_rules! branch {
    ($columns:literal, $from:expr, $order:literal) => {
        concat!(
            "SELECT * FROM (SELECT ",
            $columns,
            " FROM ",
            $from,
            " ORDER BY ",
            $order,
            " LIMIT $5) AS branch"
        )
    };
}

macro_rules! keys_of {
    ($first:expr $(, $more:expr)*) => {
        Sql::same(gathered!(concat!(
            "SELECT ",
            packed!("kind", "id"),
            " AS record FROM (",
            $first $(, " UNION ALL ", $more)*,
            ") AS due"
        )))
    };
}

macro_rules! with_an_intent {
    () => {
        branch!(
            "DISTINCT kind, id",
            "ledger WHERE mirror = $2 AND unsettled = 1 AND intent_state IS NOT NULL \
             AND (kind, id) > ($3, $4)",
            "kind, id"
        )
    };
}

/// `$12` the sequence, `$13` and `$14` from when until when entities entered the window. For few
/// changes: finds all of them for each page, and sorts.
const CHANGED: Sql = keys_of!(
    branch!(
        "kind, id",
        "entity WHERE roster = $1 AND kind IN ($6, $7, $8, $9, $10, $11) AND seq > $12 \
         AND (kind || '', id) > ($3, $4)",
        "kind || '', id"
    ),
    branch!(
        "thing.kind, thing.id",
        "(SELECT id FROM entity WHERE roster = $1 AND kind = 'employee' AND seq > $12) AS person \
         CROSS JOIN entity AS thing WHERE thing.roster = $1 AND thing.employee = person.id \
         AND thing.deleted_at IS NULL AND thing.kind || '' IN ($6, $7, $8, $9, $10, $11) \
         AND (thing.kind || '', thing.id) > ($3, $4)",
        "thing.kind || '', thing.id"
    ),
    branch!(
        "kind, id",
        "entity WHERE roster = $1 AND kind IN ($6, $7, $8, $9, $10, $11) AND deleted_at IS NULL \
         AND starts_at >= $13 AND starts_at < $14 AND (kind || '', id) > ($3, $4)",
        "kind || '', id"
    ),
    with_an_intent!()
);

/// The same for many changes: walks over all entities in order, and stops when the page is full.
const MUCH_CHANGED: Sql = keys_of!(
    branch!(
        "kind, id",
        "entity WHERE roster = $1 AND kind || '' IN ($6, $7, $8, $9, $10, $11) \
         AND (kind, id) > ($3, $4) AND (seq > $12 OR (deleted_at IS NULL \
         AND ((starts_at >= $13 AND starts_at < $14) OR employee IN (SELECT person.id \
         FROM entity AS person WHERE person.roster = $1 AND person.kind = 'employee' \
         AND person.seq > $12))))",
        "kind, id"
    ),
    with_an_intent!()
);

/// `$12` start and `$13` end of the window. What does not lie in time is always inside.
const ALL: Sql = keys_of!(
    branch!(
        "kind, id",
        "entity WHERE roster = $1 AND deleted_at IS NULL \
         AND kind || '' IN ($6, $7, $8, $9, $10, $11) AND (kind, id) > ($3, $4) \
         AND (starts_at IS NULL OR (starts_at < $13 AND ends_at > $12))",
        "kind, id"
    ),
    branch!("DISTINCT kind, id", "ledger WHERE mirror = $2 AND (kind, id) > ($3, $4)", "kind, id")
);

/// Whether [`MUCH_CHANGED`] costs less than [`CHANGED`], over all pages: that is one walk over at
/// most `last` entities, against as many searches as there are pages, each of all the changes.
fn is_much(since: ChangeSeq, last: ChangeSeq, limit: usize) -> bool {
    let changes = i128::from(last.0.saturating_sub(since.0).max(0));
    changes * changes > i128::from(last.0) * limit as i128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_is_for_what_does_not_fit_on_few_pages() {
        let is_much = |since, last| is_much(ChangeSeq(since), ChangeSeq(last), 1000);
        assert!(!is_much(0, 0) && !is_much(5, 5) && !is_much(9, 5));
        assert!(!is_much(0, 1000) && is_much(0, 1001));
        assert!(!is_much(1_000_000, 1_030_000) && is_much(1_000_000, 1_040_000));
        assert!(is_much(0, i64::MAX));
    }
}
