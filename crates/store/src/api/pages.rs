//! The schedule as the API gives it out: live entities page by page, and what changed.
//!
//! Pages are walks along an index from the last place on, whatever changed meanwhile: what was
//! there all the time is not left out, and nothing comes twice. Where the index is by time, what
//! was moved to another time meanwhile may come twice or not at all; the changes since tell of it.

use std::collections::BTreeSet;

use bytestring::ByteString;
use domain::{EntityKind, RosterName};
use engine::port::{ChangeSeq, ChangedEntity, EntityFilter, PagePlace, StoredEntity};
use jiff::Timestamp;

use crate::backend::{Arg, Backend};
use crate::fault::Fault;
use crate::packed::{self, Fields, records};
use crate::roster;
use crate::sql::{Sql, gathered, packed};

/// The record that [`decode`] reads where pages are ordered by id.
macro_rules! record_by_id {
    () => {
        packed!("entity.id", "'0\u{1f}0'", "entity.version", "entity.changed_at", "entity.body")
    };
}

/// The record that [`decode`] reads where pages are ordered by time.
macro_rules! record_in_time {
    () => {
        packed!(
            "entity.id",
            "coalesce(entity.ends_at, 0)",
            "coalesce(entity.starts_at, 0)",
            "entity.version",
            "entity.changed_at",
            "entity.body"
        )
    };
}

/// Of the places after which a page begins, the instants; and until when entities may start.
macro_rules! in_time {
    () => {
        "entity.roster = $1 AND entity.kind = $2 AND entity.deleted_at IS NULL \
         AND (entity.ends_at, entity.starts_at, entity.id) > ($3, $4, $5) \
         AND entity.starts_at + 0 < $6"
    };
}

macro_rules! page {
    ($record:expr, $where:expr, $order:literal, $limit:literal) => {
        Sql::same(gathered!(concat!(
            "SELECT ",
            $record,
            " AS record FROM entity WHERE ",
            $where,
            " ORDER BY ",
            $order,
            $limit
        )))
    };
}

macro_rules! count {
    ($where:expr) => {
        Sql::same(concat!("SELECT count(*) FROM entity WHERE ", $where))
    };
}

/// `+ 0` and `coalesce` keep SQLite from an index in another order than that of the page.
macro_rules! by_id {
    () => {
        "entity.roster = $1 AND entity.kind = $2 AND entity.deleted_at + 0 IS NULL \
         AND entity.id >= $3 AND entity.id <= $4 AND entity.id <> $5 \
         AND ($6 = '' OR coalesce(entity.schedule_group, '') = $6)"
    };
}

/// All of a kind, from an id on.
macro_rules! all {
    () => {
        "entity.roster = $1 AND entity.kind = $2 AND entity.deleted_at + 0 IS NULL \
         AND entity.id > $3"
    };
}

macro_rules! of_employee {
    () => {
        concat!(
            in_time!(),
            " AND entity.employee = $9 AND ($10 = '' OR coalesce(schedule_group, '') = $10)"
        )
    };
}

macro_rules! of_group {
    () => {
        concat!(in_time!(), " AND entity.schedule_group = $9")
    };
}

/// How a filter is carried out.
enum Way<'f> {
    /// Along all ids.
    All,
    /// Along the ids, from one to another one.
    ById { first: &'f str, last: &'f str },
    /// Along the ends of one employee's.
    OfEmployee(&'f str),
    /// Along the ends of one group's.
    OfGroup(&'f str),
    /// Along the ends of all.
    InTime,
    /// Nothing can be found.
    Nothing,
}

/// No id stands after it.
const LAST_ID: &str = "\u{10ffff}";

fn way(filter: &EntityFilter) -> Way<'_> {
    let EntityFilter { kind, employee, group, ends_after, starts_before } = filter;
    let all = match group {
        None => Way::All,
        Some(_) => Way::ById { first: "", last: LAST_ID },
    };
    match (kind, employee, group) {
        (EntityKind::Employee, Some(employee), _) => {
            Way::ById { first: employee.as_str(), last: employee.as_str() }
        }
        (EntityKind::Employee, None, _) => all,
        (EntityKind::ScheduleGroup | EntityKind::TimeOffReason, None, _) => all,
        (
            EntityKind::ScheduleGroup | EntityKind::TimeOffReason | EntityKind::OpenShift,
            Some(_),
            _,
        ) => Way::Nothing,
        (EntityKind::Shift | EntityKind::TimeOff, Some(employee), _) => {
            Way::OfEmployee(employee.as_str())
        }
        (EntityKind::Shift | EntityKind::OpenShift | EntityKind::TimeOff, None, Some(group)) => {
            Way::OfGroup(group.as_str())
        }
        (EntityKind::Shift | EntityKind::OpenShift | EntityKind::TimeOff, None, None) => {
            if ends_after.is_none() && starts_before.is_none() {
                all
            } else {
                Way::InTime
            }
        }
    }
}

/// Arguments of a statement along the ends.
struct InTime<'f> {
    ends_at: i64,
    starts_at: i64,
    id: &'f str,
    starts_before: i64,
}

impl<'f> InTime<'f> {
    fn of(filter: &EntityFilter, after: Option<&'f PagePlace>) -> Self {
        let starts_before = filter.starts_before.map_or(i64::MAX, packed::millisecond_after);
        match after {
            Some(PagePlace { ends_at_ms, starts_at_ms, id }) => {
                Self { ends_at: *ends_at_ms, starts_at: *starts_at_ms, id, starts_before }
            }
            None => {
                let ends_at = filter.ends_after.map_or(i64::MIN, Timestamp::as_millisecond);
                Self { ends_at, starts_at: i64::MAX, id: "", starts_before }
            }
        }
    }
}

pub(crate) async fn page(
    backend: &Backend,
    roster: &RosterName,
    filter: &EntityFilter,
    after: Option<&PagePlace>,
    (skip, limit): (u64, usize),
) -> Result<Vec<StoredEntity>, Fault> {
    const ALL: Sql = page!(record_by_id!(), all!(), "entity.id", " LIMIT $4 OFFSET $5");
    const BY_ID: Sql = page!(record_by_id!(), by_id!(), "entity.id", " LIMIT $7 OFFSET $8");
    const OF_EMPLOYEE: Sql = page!(
        record_in_time!(),
        of_employee!(),
        "entity.ends_at, entity.starts_at, entity.id",
        " LIMIT $7 OFFSET $8"
    );
    const OF_GROUP: Sql = page!(
        record_in_time!(),
        of_group!(),
        "entity.ends_at, entity.starts_at, entity.id",
        " LIMIT $7 OFFSET $8"
    );
    const IN_TIME: Sql = page!(
        record_in_time!(),
        in_time!(),
        "entity.ends_at, entity.starts_at, entity.id",
        " LIMIT $7 OFFSET $8"
    );
    let group = filter.group.as_ref().map_or("", |it| it.as_str());
    let mut session = backend.reader().await?;
    let InTime { ends_at, starts_at, id, starts_before } = InTime::of(filter, after);
    let (roster, kind) = (Arg::Text(roster.as_str()), Arg::Text(filter.kind.as_str()));
    let skip = Arg::Int(i64::try_from(skip).unwrap_or(i64::MAX));
    let bounds = [Arg::Int(ends_at), Arg::Int(starts_at), Arg::Text(id), Arg::Int(starts_before)];
    let [ends_at, starts_at, id, starts_before] = bounds;
    let limit = Arg::count(limit);
    let seen = after.map_or("", |it| it.id.as_str());
    let mut args = vec![roster, kind, ends_at, starts_at, id, starts_before, limit, skip];
    let sql = match way(filter) {
        Way::Nothing => return Ok(Vec::new()),
        Way::All => {
            args = vec![roster, kind, Arg::Text(seen), limit, skip];
            ALL
        }
        Way::ById { first, last } => {
            args[2] = Arg::Text(first.max(seen));
            args[3] = Arg::Text(last);
            args[4] = Arg::Text(seen);
            args[5] = Arg::Text(group);
            BY_ID
        }
        Way::OfEmployee(employee) => {
            args.extend([Arg::Text(employee), Arg::Text(group)]);
            OF_EMPLOYEE
        }
        Way::OfGroup(group) => {
            args.push(Arg::Text(group));
            OF_GROUP
        }
        Way::InTime => IN_TIME,
    };
    let page = ByteString::from(session.packed(sql, &args).await?);
    records(&page).map(|fields| decode(&page, fields)).collect()
}

fn decode(page: &ByteString, mut fields: Fields<'_>) -> Result<StoredEntity, Fault> {
    Ok(StoredEntity {
        id: page.slice_ref(fields.text()?),
        ends_at_ms: fields.parse("instant")?,
        starts_at_ms: fields.parse("instant")?,
        version: fields.parse("version")?,
        changed_at: fields.instant()?,
        body: page.slice_ref(fields.last()?),
    })
}

pub(crate) async fn count(
    backend: &Backend,
    roster: &RosterName,
    filter: &EntityFilter,
) -> Result<u64, Fault> {
    const ALL: Sql = count!("roster = $1 AND kind = $2 AND deleted_at IS NULL");
    const BY_ID: Sql = count!(by_id!());
    const OF_EMPLOYEE: Sql = count!(concat!(
        in_time!(),
        " AND entity.employee = $7 AND ($8 = '' OR coalesce(schedule_group, '') = $8)"
    ));
    const OF_GROUP: Sql = count!(concat!(in_time!(), " AND entity.schedule_group = $7"));
    const IN_TIME: Sql = count!(in_time!());
    let group = filter.group.as_ref().map_or("", |it| it.as_str());
    let InTime { ends_at, starts_at, id, starts_before } = InTime::of(filter, None);
    let (roster, kind) = (Arg::Text(roster.as_str()), Arg::Text(filter.kind.as_str()));
    let bounds = [Arg::Int(ends_at), Arg::Int(starts_at), Arg::Text(id), Arg::Int(starts_before)];
    let [ends_at, starts_at, id, starts_before] = bounds;
    let mut args = vec![roster, kind, ends_at, starts_at, id, starts_before];
    let sql = match way(filter) {
        Way::Nothing => return Ok(0),
        Way::All => {
            args.truncate(2);
            ALL
        }
        Way::ById { first, last } => {
            args.truncate(2);
            args.extend([Arg::Text(first), Arg::Text(last), Arg::Text(""), Arg::Text(group)]);
            BY_ID
        }
        Way::OfEmployee(employee) => {
            args.extend([Arg::Text(employee), Arg::Text(group)]);
            OF_EMPLOYEE
        }
        Way::OfGroup(group) => {
            args.push(Arg::Text(group));
            OF_GROUP
        }
        Way::InTime => IN_TIME,
    };
    let rows = backend.reader().await?.cells(sql, &args).await?;
    rows.first().map_or(Ok(0), |row| row.int(0).map(i64::unsigned_abs))
}

pub(crate) async fn changes(
    backend: &Backend,
    roster: &RosterName,
    kinds: &BTreeSet<EntityKind>,
    since: ChangeSeq,
    limit: usize,
) -> Result<Vec<ChangedEntity>, Fault> {
    const CHANGES: Sql = Sql::same(gathered!(concat!(
        "SELECT ",
        packed!(
            "entity.kind",
            "entity.id",
            "entity.seq",
            "entity.version",
            "coalesce(entity.deleted_at, entity.changed_at)",
            "entity.deleted_at",
            "entity.employee",
            "entity.schedule_group",
            "entity.starts_at",
            "entity.ends_at",
            "entity.body"
        ),
        " AS record FROM entity WHERE entity.roster = $1 AND entity.kind = $2",
        " AND entity.seq > $3 ORDER BY entity.seq LIMIT $4"
    )));
    let mut session = backend.reading(kinds.len()).await?;
    let mut changes = Vec::new();
    for kind in kinds {
        let args = [
            Arg::Text(roster.as_str()),
            Arg::Text(kind.as_str()),
            Arg::Int(since.0),
            Arg::count(limit),
        ];
        let page = session.packed(CHANGES, &args).await?;
        for mut fields in records(&page) {
            changes.push(decode_change(&mut fields)?);
        }
    }
    changes.sort_by_key(|it| it.seq);
    changes.truncate(limit);
    Ok(changes)
}

fn decode_change(fields: &mut Fields<'_>) -> Result<ChangedEntity, Fault> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Ok(ChangedEntity {
        key: fields.key()?,
        seq: ChangeSeq(fields.parse("place in the sequence")?),
        version: fields.parse("version")?,
        at: fields.instant()?,
        deleted: fields.maybe()?.is_some(),
        employee: owned(fields.maybe()?),
        group: owned(fields.maybe()?),
        starts_at: fields.maybe_instant()?,
        ends_at: fields.maybe_instant()?,
        body: fields.text()?.to_owned(),
    })
}

pub(crate) async fn seq_before(
    backend: &Backend,
    roster: &RosterName,
    at: Timestamp,
) -> Result<ChangeSeq, Fault> {
    const EARLIER: Sql =
        Sql::same("SELECT at FROM roster_change WHERE roster = $1 AND at < $2 LIMIT 1");
    const SINCE: Sql =
        Sql::same("SELECT min(seq) FROM roster_change WHERE roster = $1 AND at >= $2");
    let mut session = backend.snapshot().await?;
    let args = [Arg::Text(roster.as_str()), Arg::Int(at.as_millisecond())];
    if session.cells(EARLIER, &args).await?.is_empty() {
        return Ok(ChangeSeq(0));
    }
    let found = session.cells(SINCE, &args).await?;
    match found.first().map_or(Ok(None), |row| row.maybe_int(0))? {
        Some(seq) => Ok(ChangeSeq(seq)),
        None => roster::seq(&mut session, roster).await,
    }
}
