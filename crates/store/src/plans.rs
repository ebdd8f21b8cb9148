//! How SQLite carries out every statement: none walks over a table that grows.
//!
//! Calls every method of the port once, and asks SQLite for the plan of each statement that was
//! used. A walk over rosters, mirrors or the rows that a caller gave is fine.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::{
    CalendarKey, CommandKind, ConnectionName, Employee, EmployeeId, Entity, EntityKey, EntityKind,
    EventSpan, Fingerprint, MirrorName, Part, RequestStep, RosterName, ScheduleGroupId, SyncWindow,
};
use engine::port::{
    Answer, ApiCall, ApiClient, ApiToken, ApprovalCommit, ApprovalStore, AskedRequest, AuditEntry,
    AuditId, AuditVerb, CalendarState, Change, ChangeSeq, ChangesOf, ClientId, ConflictRow,
    ConflictWrite, Cursor, Drift, DriftWrite, EntityFilter, Epoch, EventChange, EventChangeState,
    FeedId, FeedKey, FeedLink, FeedStore, Fenced, ForeignChange, Grant, IdentityHint, IngestCommit,
    JobStatus, KeptAnswer, KeptEvent, KeptSubscription, LeaseDomain, LedgerCommit, LedgerRow,
    LedgerWrite, Left, RemoteId, ReportRow, RequestRow, Rival, ScheduleCommit, Scope, SourceRef,
    SourceState, Standing, Store, StoreError, Subscription, SyncJob, SyncOrder, Topic, Upsert,
};
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row};

use crate::backend::Backend;
use crate::open::Place;
use crate::sql::used;
use crate::store::SqlStore;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn roster() -> RosterName {
    RosterName::new("ward").unwrap()
}

fn mirror() -> MirrorName {
    MirrorName::new("ward-caldav").unwrap()
}

fn ada() -> (EmployeeId, EntityKey, CalendarKey) {
    let employee = EmployeeId::new("ada-1815").unwrap();
    let key = Entity::Employee(Employee::unnamed(employee.clone())).key();
    (employee, key, CalendarKey::new("ada").unwrap())
}

fn drift(calendar: &CalendarKey, key: &EntityKey) -> Drift {
    Drift {
        calendar: calendar.clone(),
        key: key.clone().into(),
        change: Change::Removed,
        found: None,
        wanted: Fingerprint::from_bytes([1; 16]),
        since: NOW,
        seen_at: NOW,
        put_right_at: vec![],
        rival: Rival::Somebody,
        standing: Standing::Left,
        refused: None,
    }
}

async fn use_hooks(store: &dyn Store) -> Result<(), StoreError> {
    let connection = ConnectionName::new("m365").unwrap();
    let subscription = Subscription { id: "1".into(), detail: String::new(), expires_at: NOW };
    let kept = KeptSubscription {
        connection: connection.clone(),
        topic: Topic::Source,
        subscription,
        made_at: NOW,
        secret_hash: [1; 32],
    };
    store.put_subscription(&kept).await?;
    store.subscriptions().await?;
    store.subscriptions_at(&connection, &["1".into()]).await?;
    store.remove_subscription(&connection, "1").await
}

async fn use_roster(store: &dyn Store) -> Result<(), StoreError> {
    let (employee, key, _) = ada();
    let entity = Entity::Employee(Employee::unnamed(employee.clone()));
    let fingerprint = entity.fingerprint();
    let commit = IngestCommit {
        upserts: vec![Upsert { entity, fingerprint, twin: None, at: SourceRef("a:1".into()) }],
        tombstones: vec![key.clone()],
        state: SourceState::default(),
        at: NOW,
        expected: ChangeSeq(0),
        drop_hints: true,
        marks: vec![("a".into(), Some("b".into())), ("c".into(), None)],
    };
    let hint = IdentityHint { key: key.clone(), fingerprint };
    let window = SyncWindow::around(NOW, Duration::ZERO, Duration::from_secs(9));
    store.commit_ingest(&roster(), commit).await?;
    store.add_identity_hints(&roster(), &[hint]).await?;
    store.identity_hints(&roster()).await?;
    store.index_starting(&roster(), &[(employee.clone(), window.interval)]).await?;
    store.index_at(&roster(), std::slice::from_ref(&key)).await?;
    store.count_within(&roster(), &window).await?;
    store.source_marks(&roster(), "a").await?;
    store.roster_index(&roster()).await?;
    store.roster_entries(&roster(), &[key]).await?;
    store.employee_entries(&roster(), &employee, &window).await?;
    store.entries_of_kind(&roster(), EntityKind::Employee).await?;
    store.source_state(&roster()).await?;
    store.find_entities("ada-18").await?;
    store.roster_seq(&roster()).await?;
    store.roster_counts(&roster()).await?;
    Ok(())
}

async fn use_ledger(store: &dyn Store) -> Result<(), StoreError> {
    let (_, key, calendar) = ada();
    let row = LedgerRow {
        key: key.clone(),
        part: Part::Main,
        calendar: calendar.clone(),
        employee: None,
        generation: 0,
        remote: None,
        intent: None,
        trouble: None,
        ends_at: None,
        changed_at: NOW,
    };
    let removal = LedgerWrite::Remove {
        calendar: calendar.clone(),
        key: EntityKey { kind: EntityKind::Shift, ..key.clone() },
        part: Part::Main,
    };
    let domain = LeaseDomain::calendar(&mirror(), &calendar);
    let domains = [domain.clone()];
    store.acquire_leases(&domains, "me", NOW, NOW).await?;
    let commit = LedgerCommit {
        fences: vec![Fenced { calendar: calendar.clone(), epoch: Epoch(1) }],
        renew_until: Some(NOW),
        writes: vec![LedgerWrite::Put(row), removal],
        calendars: vec![CalendarState {
            calendar: calendar.clone(),
            read_at: None,
            token: None,
            unpublished: None,
        }],
        drifts: vec![DriftWrite::Put(drift(&calendar, &key))],
        cursor: Some(Cursor::default()),
        audit: vec![AuditEntry {
            at: NOW,
            mirror: mirror(),
            calendar: calendar.clone(),
            key: key.clone(),
            verb: AuditVerb::Created,
            version: 1,
            detail: String::new(),
        }],
        conflicts: conflict_writes(&calendar, &key),
    };
    store.commit_ledger(&mirror(), commit).await?;
    store.ledger_of_calendar(&mirror(), &calendar).await?;
    store.calendar_states(&mirror()).await?;
    store.cursor(&mirror()).await?;
    store.mirror_counts(&mirror()).await?;
    store.history(&key).await?;
    let removal = DriftWrite::Remove { calendar: calendar.clone(), key: key.clone().into() };
    store.put_drifts(&mirror(), &[removal]).await?;
    store.drifts(&mirror()).await?;
    store.take_over_lease(&domain, "you", Epoch(7), "me", NOW).await?;
    store.release_leases(&[(domain, Epoch(1))]).await
}

fn conflict_writes(calendar: &CalendarKey, shift: &EntityKey) -> Vec<ConflictWrite> {
    let print = Fingerprint::from_bytes([1; 16]);
    let span = EventSpan::AllDay {
        first: jiff::civil::date(1970, 1, 1),
        end: jiff::civil::date(1970, 1, 2),
    };
    let change = EventChange {
        id: AuditId::of(&print),
        calendar: calendar.clone(),
        shifts: vec![shift.clone()],
        change: ForeignChange::Delete,
        span,
        etag: None,
        meaning: print,
        meaning_after: None,
        note: None,
        kept: KeptEvent { id: RemoteId("1".into()), body: String::new() },
        state: EventChangeState::Done,
        at: NOW,
        changed_at: NOW,
        kept_until: NOW,
    };
    let conflict = ConflictRow {
        calendar: calendar.clone(),
        shift: shift.clone(),
        event: print,
        span,
        since: NOW,
        left: Left::Reported,
    };
    vec![
        ConflictWrite::DropAll,
        ConflictWrite::Looked { calendar: calendar.clone(), at: NOW, conflicts: vec![conflict] },
        ConflictWrite::LookAgain(calendar.clone()),
        ConflictWrite::Change(Box::new(change)),
        ConflictWrite::DropOld(NOW),
    ]
}

async fn use_conflicts(store: &dyn Store) -> Result<(), StoreError> {
    let (_, _, calendar) = ada();
    store.conflicts(&mirror(), None).await?;
    store.conflicts(&mirror(), Some(&calendar)).await?;
    store.conflict_counts(&mirror()).await?;
    store.conflict_looks(&mirror()).await?;
    store.event_changes(&mirror(), &ChangesOf::Calendar(calendar)).await?;
    store.event_changes(&mirror(), &ChangesOf::Unsettled).await?;
    store.meeting_notes(&mirror()).await?;
    store.conflict_page(&mirror(), None, 9).await?;
    store.change_outlines(&mirror(), 9).await?;
    store.troubled_rows(&mirror(), 9).await?;
    store.standing_drifts(&mirror(), Standing::Left, 9).await?;
    store.event_change(&AuditId::of(&Fingerprint::from_bytes([1; 16]))).await.map(drop)
}

async fn use_approvals(store: &dyn Store) -> Result<(), StoreError> {
    let (employee, key, calendar) = ada();
    let (id, print) = (RemoteId("1".into()), Fingerprint::from_bytes([1; 16]));
    let window = SyncWindow::around(NOW, Duration::ZERO, Duration::from_secs(9));
    let request = RequestRow {
        at: id.clone(),
        calendar: calendar.clone(),
        kind: CommandKind::OfferRequest,
        step: RequestStep::Asked,
        request: AskedRequest::Offer { given: id.clone(), to: employee.clone() },
        changed_at: NOW,
        approve_at: Some(NOW),
    };
    let grant = Grant {
        key: print,
        at: NOW,
        expires_at: None,
        answer: Answer::Granted { version: "1".into() },
        touched: Vec::new(),
        landed: Vec::new(),
    };
    let commit = ApprovalCommit {
        expected: ChangeSeq(0),
        at: NOW,
        upserts: Vec::new(),
        tombstones: Vec::new(),
        ledger: Vec::new(),
        new_rows: Vec::new(),
        requests: vec![request],
        grants: vec![grant],
        grants_kept_from: NOW,
    };
    store.commit_approvals(&roster(), &mirror(), commit).await?;
    let ids = [id];
    store.ledger_at(&mirror(), None, &ids).await?;
    store.ledger_at(&mirror(), Some(&calendar), &ids).await?;
    store.ledger_of(&mirror(), &[key]).await?;
    store.entries_of_employees(&roster(), &[(employee, window)]).await?;
    store.entries_within(&roster(), EntityKind::Shift, &window).await?;
    store.grants(&mirror(), &[print]).await?;
    store.requests_at(&mirror(), &ids).await?;
    for pending in [false, true] {
        ApprovalStore::requests(store, &mirror(), pending, 9).await?;
    }
    store.requests_to_approve(&mirror(), NOW, 9).await.map(drop)
}

async fn use_subjects(store: &dyn Store) -> Result<(), StoreError> {
    let (_, key, _) = ada();
    let window = SyncWindow::around(NOW, Duration::ZERO, Duration::from_secs(9));
    let changed = Scope::Changed { since: ChangeSeq(0), entered_from: NOW, entered_until: NOW };
    for scope in [changed, Scope::All { window }, Scope::Keys(vec![key])] {
        // Little to be read and, against a page of nothing, much.
        for limit in [0, 9] {
            let (mirror, roster) = (mirror(), roster());
            let asked = store.subjects(&mirror, &roster, &EntityKind::ALL, &scope, None, limit);
            asked.await?;
        }
    }
    Ok(())
}

async fn use_feeds(store: &dyn Store) -> Result<(), StoreError> {
    let (employee, ..) = ada();
    let link = FeedLink {
        id: FeedId("1".into()),
        token_hash: [1; 32],
        roster: roster(),
        employee,
        created_at: NOW,
        revoked_at: None,
    };
    let key = FeedKey { id: "1".into(), secret: [1; 32], created_at: NOW, retires_at: None };
    let report = ReportRow { subject: "roster/ward".into(), at: NOW, body: "{}".into() };
    store.add_feed_link(link).await?;
    store.feed_link_by_token(&[1; 32]).await?;
    store.revoke_feed_link(&FeedId("1".into()), NOW).await?;
    store.rotate_feed_key(key, NOW).await?;
    store.feed_keys(NOW).await?;
    store.put_report(report).await?;
    FeedStore::feed_links(store).await?;
    store.reports().await.map(drop)
}

#[expect(clippy::too_many_lines, reason = "one call after the other, each once")]
async fn use_api(store: &dyn Store) -> Result<(), StoreError> {
    let (employee, key, _) = ada();
    let id = ClientId("c".into());
    let client = ApiClient {
        id: id.clone(),
        name: "planner".into(),
        secret_hash: [1; 32],
        roster: roster(),
        scopes: BTreeSet::new(),
        created_at: NOW,
        revoked_at: None,
    };
    let token =
        ApiToken { hash: [1; 32], client: id.clone(), scopes: BTreeSet::new(), expires_at: NOW };
    store.add_api_client(client).await?;
    store.add_api_token(token, NOW, 9).await?;
    store.api_token(&[1; 32]).await?;
    store.api_client(&id).await?;
    store.api_clients().await?;
    store.revoke_api_client(&id, NOW).await?;
    store.incarnation("1").await?;
    store.seq_before(&roster(), NOW).await?;
    let group = ScheduleGroupId::new("north").unwrap();
    for kind in [EntityKind::Shift, EntityKind::Employee] {
        for employee in [None, Some(&employee)] {
            for group in [None, Some(&group)] {
                for ends_after in [None, Some(NOW)] {
                    let (employee, group) = (employee.cloned(), group.cloned());
                    let starts_before = ends_after;
                    let filter = EntityFilter { kind, employee, group, ends_after, starts_before };
                    store.entity_page(&roster(), &filter, None, 0, 9).await?;
                    store.entity_count(&roster(), &filter).await?;
                }
            }
        }
    }
    let kinds = BTreeSet::from(EntityKind::ALL);
    store.entity_changes(&roster(), &kinds, ChangeSeq(0), 9).await?;
    store.kept_answer(&id, "k").await?;
    let call = ApiCall {
        at: NOW,
        client: Some(id.clone()),
        operation: "create".into(),
        target: None,
        status: 201,
        context: None,
    };
    let answer = KeptAnswer {
        client: id.clone(),
        key: "k".into(),
        request: Fingerprint::from_bytes([1; 16]),
        at: NOW,
        entity: key,
        version: 1,
        body: "{}".into(),
    };
    let commit = ScheduleCommit {
        expected: store.roster_seq(&roster()).await?,
        at: NOW,
        upserts: vec![],
        tombstones: vec![],
        answer: Some(answer),
        answers_kept_from: NOW,
        audit: call.clone(),
    };
    store.commit_schedule(&roster(), commit).await?;
    store.add_api_calls(&[call], NOW).await?;
    store.api_calls(None, 9).await?;
    store.api_calls(Some(&id), 9).await?;
    let job = SyncJob {
        id: "j".into(),
        client: id,
        roster: roster(),
        order: SyncOrder {
            mirrors: vec![mirror()],
            direction: "push".into(),
            provider: "caldav".into(),
            group: None,
            window: None,
        },
        status: JobStatus::Queued,
        created_at: NOW,
        started_at: None,
        ended_at: None,
        records_total: 0,
        records_processed: 0,
        records_failed: 0,
        mirrors: vec![],
        errors: vec![],
    };
    store.add_sync_job(job.clone(), 9, NOW).await?;
    store.put_sync_job(&job).await?;
    store.sync_job("j").await?;
    store.open_sync_jobs(&roster()).await.map(drop)
}

#[tokio::test]
async fn no_statement_walks_over_a_table_that_grows() {
    // In memory there is one connection: the plans are those of the process that made the store.
    let backend = Place::parse("sqlite::memory:").unwrap().open().await;
    let backend = backend.unwrap();
    let store = SqlStore::new(backend.clone());
    use_roster(&store).await.unwrap();
    use_ledger(&store).await.unwrap();
    use_approvals(&store).await.unwrap();
    use_conflicts(&store).await.unwrap();
    use_subjects(&store).await.unwrap();
    use_feeds(&store).await.unwrap();
    use_api(&store).await.unwrap();
    use_hooks(&store).await.unwrap();

    let Backend::Sqlite { writer, .. } = backend else {
        panic!("expected SQLite");
    };
    let statements = used::all();
    assert!(statements.len() > 66, "only {} were used", statements.len());
    let (mut walks, mut sorts) = (Vec::new(), Vec::new());
    for statement in statements {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        for step in sqlx::query(explain).fetch_all(&writer).await.unwrap() {
            let step: String = step.get(3);
            if step.starts_with("USE TEMP B-TREE") && statement.contains(" FROM request ") {
                sorts.push(statement);
            }
            if walks_too_far(&step) {
                walks.push(format!("{step}\n    in {statement}"));
            }
        }
    }
    assert!(walks.is_empty(), "{}", walks.join("\n"));
    // Only so many are wanted: an index has them in order.
    assert_eq!(sorts, [""; 0]);
}

/// Whether a step of a plan looks at rows in proportion to the whole store.
fn walks_too_far(step: &str) -> bool {
    /// What a caller gave or an inner query found, and what is asked for as a whole.
    const SHORT: [&str; 13] = [
        "api_client",
        "given",
        "records",
        "due",
        "branch",
        "roster",
        "mirror",
        "report",
        "feed_link",
        "feed_key",
        // What stands in the way now, and when was looked.
        "conflict",
        "conflict_look",
        "subscription",
    ];
    let table = step.split(' ').nth(1).unwrap_or_default();
    if step.starts_with("SCAN ") {
        return !SHORT.contains(&table);
    }
    // Only by roster or mirror means all of it: fine in an index that is made to be counted.
    let whole = step.ends_with("(roster=?)") || step.ends_with("(mirror=?)");
    // Asked for in the order of this index and for so many only, or dropped as a whole.
    let in_order = [
        "request_by_change",
        "request_pending",
        "event_change_unsettled",
        "event_change_noted",
        "event_change_by_age",
    ];
    let in_order = in_order.iter().any(|it| step.contains(it));
    let counted = step.contains(" COVERING INDEX ") || step.contains(" ledger_unsettled ");
    let grows = [
        "entity",
        "thing",
        "near",
        "ledger",
        "request",
        "granted",
        "event_change",
        "roster_change",
    ]
    .contains(&table);
    whole && !counted && !in_order && grows
}

#[test]
fn a_walk_is_recognised() {
    for step in [
        "SCAN entity",
        "SCAN ledger USING INDEX ledger_by_calendar",
        "SEARCH entity USING PRIMARY KEY (roster=?)",
        "SEARCH thing USING INDEX entity_by_employee (roster=?)",
    ] {
        assert!(walks_too_far(step), "{step}");
    }
    assert!(!walks_too_far("SEARCH entity USING PRIMARY KEY (roster=? AND kind=? AND id>?)"));
}
