//! Builders with harmless defaults, so that each line of a test says something about the test.

use domain::{
    CalendarKey, Employee, EmployeeId, Entity, EntityId, EntityKey, EntityKind, EventSpan,
    MirrorName, Part, RosterName, Shift, ShiftId, SyncWindow, UtcInterval, Visibility,
};
use engine::port::{
    ApprovalCommit, ChangeSeq, ForeignEvent, ForeignRole, ForeignShowAs, IngestCommit, KeptEvent,
    LedgerRow, LedgerWrite, MeetingContext, RemoteId, SourceRef, SourceState, Upsert,
};
use jiff::{SignedDuration, Timestamp};

/// An instant, from its text.
///
/// # Panics
/// When the text is none; so do all builders here when they are given nonsense.
#[must_use]
pub fn instant(text: &str) -> Timestamp {
    text.parse().expect("a test's instant is RFC 3339")
}

/// Midnight of the day on which most tests happen.
#[must_use]
pub fn midnight() -> Timestamp {
    instant("2026-11-21T00:00:00Z")
}

/// So many hours after [`midnight`].
#[must_use]
pub fn hour(hours: i64) -> Timestamp {
    midnight() + SignedDuration::from_hours(hours)
}

/// From one hour to another, counted from [`midnight`].
#[must_use]
pub fn hours(start: i64, end: i64) -> UtcInterval {
    UtcInterval::new(hour(start), hour(end)).expect("a test's interval ends after its start")
}

/// A window over [`hours`].
#[must_use]
pub fn window(start: i64, end: i64) -> SyncWindow {
    SyncWindow { interval: hours(start, end) }
}

/// The roster `ward`.
#[must_use]
pub fn roster() -> RosterName {
    RosterName::new("ward").expect("a plain name")
}

/// The mirror `ward-caldav`.
#[must_use]
pub fn mirror() -> MirrorName {
    MirrorName::new("ward-caldav").expect("a plain name")
}

/// A calendar of that name.
#[must_use]
pub fn calendar(name: &str) -> CalendarKey {
    CalendarKey::new(name).expect("a test's calendar is an id")
}

/// An employee's id.
#[must_use]
pub fn employee_id(id: &str) -> EmployeeId {
    EmployeeId::new(id).expect("a test's employee is an id")
}

/// A kind and an id.
#[must_use]
pub fn key(kind: EntityKind, id: &str) -> EntityKey {
    EntityKey { kind, id: EntityId::new(id).expect("a test's id is one") }
}

/// The key of a shift.
#[must_use]
pub fn shift_key(id: &str) -> EntityKey {
    key(EntityKind::Shift, id)
}

/// Somebody with a name.
#[must_use]
pub fn employee(id: &str) -> Employee {
    Employee { name: Some(format!("Name of {id}")), ..Employee::unnamed(employee_id(id)) }
}

/// Eight hours of work for `employee`, from `start` hours after [`midnight`].
#[must_use]
pub fn shift(id: &str, employee: &str, start: i64) -> Shift {
    let interval = hours(start, start + 8);
    Shift {
        id: ShiftId::new(id).expect("a test's shift is an id"),
        employee: employee_id(employee),
        group: None,
        label: "Early".into(),
        interval,
        day: jiff::tz::TimeZone::UTC.to_datetime(interval.start()).date(),
        activities: Vec::new(),
        notes: None,
    }
}

/// An entity as an ingest puts it, with a native id.
#[must_use]
pub fn upsert(entity: Entity) -> Upsert {
    Upsert {
        fingerprint: entity.fingerprint(),
        twin: None,
        at: SourceRef("week-48.csv:2".into()),
        entity,
    }
}

/// An ingest at [`midnight`], computed against `expected`, of these entities.
#[must_use]
pub fn ingest(expected: ChangeSeq, entities: impl IntoIterator<Item = Entity>) -> IngestCommit {
    IngestCommit {
        upserts: entities.into_iter().map(upsert).collect(),
        tombstones: Vec::new(),
        state: SourceState::default(),
        at: midnight(),
        expected,
        drop_hints: false,
        marks: vec![],
    }
}

/// Decisions at [`midnight`] that rest on `expected` and make these entities; nothing is dropped.
#[must_use]
pub fn approvals(
    expected: ChangeSeq,
    entities: impl IntoIterator<Item = Entity>,
) -> ApprovalCommit {
    ApprovalCommit {
        expected,
        at: midnight(),
        upserts: entities.into_iter().map(upsert).collect(),
        tombstones: Vec::new(),
        ledger: Vec::new(),
        new_rows: Vec::new(),
        requests: Vec::new(),
        grants: Vec::new(),
        grants_kept_from: Timestamp::UNIX_EPOCH,
    }
}

/// The removal of the row of a main item.
#[must_use]
pub fn ledger_removal(key: EntityKey, calendar: &CalendarKey) -> LedgerWrite {
    LedgerWrite::Remove { calendar: calendar.clone(), key, part: Part::Main }
}

/// A ledger row of a main item that says nothing but its key and its calendar.
#[must_use]
pub fn ledger_row(key: EntityKey, calendar: &CalendarKey) -> LedgerRow {
    LedgerRow {
        key,
        part: Part::Main,
        calendar: calendar.clone(),
        employee: None,
        generation: 0,
        remote: None,
        intent: None,
        trouble: None,
        ends_at: None,
        changed_at: midnight(),
    }
}

/// A meeting of one's own, from one hour to another, counted from [`midnight`].
#[must_use]
pub fn meeting(id: &str, start: i64, end: i64) -> ForeignEvent {
    ForeignEvent {
        id: RemoteId(id.into()),
        etag: None,
        span: EventSpan::Timed(hours(start, end)),
        show_as: ForeignShowAs::Busy,
        visibility: Visibility::Default,
        role: ForeignRole::Owner,
        series: None,
        calendar_name: None,
        categories: Vec::new(),
        origin: None,
        context: MeetingContext {
            subject: format!("Subject of {id}"),
            body: Some(format!("Body of {id}")),
            location: Some("Room 4".into()),
            attendees: vec!["guest@example.com".into()],
            link: Some("https://meet.example.com/1".into()),
        },
        kept: KeptEvent { id: RemoteId(id.into()), body: "{}".into() },
    }
}
