//! The schedule as the API gives it out: live entities page by page, and what changed.
//!
//! Pages are walks along an index from the last place on, whatever changed meanwhile: what was
//! there all the time is not left out, and nothing comes twice. Where the index is by time, what
//! was moved to another time meanwhile may come twice or not at all; the changes since tell of it.

use std::collections::BTreeSet;

use domain::{EntityKind, RosterName};
use engine::port::{ChangeSeq, ChangedEntity, EntityFilter, PagePlace, StoredEntity};
use jiff::Timestamp;

use crate::backend::{Arg, Backend};
use crate::fault::Fault;
use crate::packed::{self, Fields, records};
use crate::roster;
use crate::sql::{Sql, gathered, packed};

/// The record that [`decode`] reads.
macro_rules! live_record {
    () => {
        packed!(
            "entity.id",
            "entity.version",
            "entity.changed_at",
            "coalesce(entity.ends_at, 0)",
            "coalesce(entity.starts_at, 0)",
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
    ($where:expr, $order:literal) => {
        Sql::same(gathered!(concat!(
            "SELECT ",
            live_record!(),
            " AS record FROM entity WHERE ",
            $where,
            " ORDER BY ",
            $order,
            " LIMIT $7 OFFSET $8"
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
    let all = Way::ById { first: "", last: LAST_ID };
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
    const BY_ID: Sql = page!(by_id!(), "entity.id");
    const OF_EMPLOYEE: Sql = page!(of_employee!(), "entity.ends_at, entity.starts_at, entity.id");
    const OF_GROUP: Sql = page!(of_group!(), "entity.ends_at, entity.starts_at, entity.id");
    const IN_TIME: Sql = page!(in_time!(), "entity.ends_at, entity.starts_at, entity.id");
    let group = filter.group.as_ref().map_or("", |it| it.as_str());
    let mut session = backend.reader().await?;
    let InTime { ends_at, starts_at, id, starts_before } = InTime::of(filter, after);
    let (roster, kind) = (Arg::Text(roster.as_str()), Arg::Text(filter.kind.as_str()));
    let skip = Arg::Int(i64::try_from(skip).unwrap_or(i64::MAX));
    let bounds = [Arg::Int(ends_at), Arg::Int(starts_at), Arg::Text(id), Arg::Int(starts_before)];
    let [ends_at, starts_at, id, starts_before] = bounds;
    let limit = Arg::count(limit);
    let mut args = vec![roster, kind, ends_at, starts_at, id, starts_before, limit, skip];
    let sql = match way(filter) {
        Way::Nothing => return Ok(Vec::new()),
        Way::ById { first, last } => {
            let seen = after.map_or("", |it| it.id.as_str());
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
    let page = session.packed(sql, &args).await?;
    records(&page).map(|mut fields| decode(&mut fields)).collect()
}

fn decode(fields: &mut Fields<'_>) -> Result<StoredEntity, Fault> {
    let id = fields.text()?.to_owned();
    let version = fields.parse("version")?;
    let changed_at = fields.instant()?;
    let ends_at_ms = fields.parse("instant")?;
    let starts_at_ms = fields.parse("instant")?;
    let place = PagePlace { ends_at_ms, starts_at_ms, id };
    Ok(StoredEntity { place, version, changed_at, body: fields.text()?.to_owned() })
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
        Way::ById { first: "", .. } if group.is_empty() => {
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
