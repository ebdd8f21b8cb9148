//! Promises to the Schedule API: clients, pages, changes, jobs, calls.
#![expect(clippy::unwrap_used, reason = "a test suite")]

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Entity, EntityKind, Fingerprint, RosterName, ScheduleGroup, ScheduleGroupId, Shift, UtcInterval,
};
use engine::port::{
    ApiCall, ApiClient, ApiScope, ApiToken, ChangeSeq, ClientId, EntityFilter, IngestCommit,
    JobAdded, JobStatus, KeptAnswer, PagePlace, ScheduleCommit, Store, StoreError, SyncJob,
    SyncOrder,
};
use jiff::{SignedDuration, Timestamp};

use super::{Handles, promises};
use crate::builders::{
    employee, employee_id, hour, hours, ingest, midnight, mirror, roster, shift, shift_key, upsert,
};

promises![
    a_clients_name_is_its_own_until_it_is_revoked,
    a_token_is_found_with_its_client_and_goes_with_it,
    of_one_clients_tokens_only_so_many_stay,
    the_incarnation_is_set_once,
    pages_tile_what_a_filter_admits,
    a_page_goes_on_where_the_last_ended_whatever_changed,
    filters_follow_a_shift_to_another_employee_and_group,
    changes_come_in_order_with_their_tombstones,
    a_time_is_found_in_the_sequence,
    a_change_is_committed_with_its_answer_and_its_call,
    a_superseded_change_keeps_no_answer_and_no_call,
    the_same_job_is_queued_once,
    calls_are_listed_backwards_and_dropped_by_age,
];

fn client(id: &str, name: &str) -> ApiClient {
    ApiClient {
        id: ClientId(id.into()),
        name: name.into(),
        secret_hash: [7; 32],
        roster: roster(),
        scopes: BTreeSet::from([ApiScope::ScheduleRead, ApiScope::UserRead]),
        created_at: hour(1),
        revoked_at: None,
    }
}

fn token(hash: u8, client: &str, until: i64) -> ApiToken {
    ApiToken {
        hash: [hash; 32],
        client: ClientId(client.into()),
        scopes: BTreeSet::from([ApiScope::ScheduleRead]),
        expires_at: hour(until),
    }
}

async fn a_clients_name_is_its_own_until_it_is_revoked(Handles { one, two }: Handles) {
    assert!(one.add_api_client(client("c1", "planner")).await.unwrap());
    assert!(!two.add_api_client(client("c2", "planner")).await.unwrap());
    assert!(!two.add_api_client(client("c1", "other")).await.unwrap());
    assert!(two.add_api_client(client("c0", "archive")).await.unwrap());
    let expected = [client("c0", "archive"), client("c1", "planner")];
    assert_eq!(two.api_clients().await.unwrap(), expected);
    let id = ClientId("c1".into());
    assert!(one.revoke_api_client(&id, hour(2)).await.unwrap());
    assert!(!one.revoke_api_client(&id, hour(3)).await.unwrap());
    assert!(!one.revoke_api_client(&ClientId("c9".into()), hour(3)).await.unwrap());
    let revoked = ApiClient { revoked_at: Some(hour(2)), ..client("c1", "planner") };
    assert_eq!(two.api_client(&id).await.unwrap(), Some(revoked));
    assert_eq!(two.api_client(&ClientId("c9".into())).await.unwrap(), None);
    assert!(two.add_api_client(client("c2", "planner")).await.unwrap());
}

async fn a_token_is_found_with_its_client_and_goes_with_it(Handles { one, two }: Handles) {
    one.add_api_client(client("c1", "planner")).await.unwrap();
    one.add_api_token(token(1, "c1", 5), hour(1), 10).await.unwrap();
    one.add_api_token(token(2, "c1", 9), hour(6), 10).await.unwrap();
    // The first had ended.
    assert_eq!(two.api_token(&[1; 32]).await.unwrap(), None);
    let found = two.api_token(&[2; 32]).await.unwrap();
    assert_eq!(found, Some((token(2, "c1", 9), client("c1", "planner"))));
    one.revoke_api_client(&ClientId("c1".into()), hour(7)).await.unwrap();
    assert_eq!(two.api_token(&[2; 32]).await.unwrap(), None);
}

async fn of_one_clients_tokens_only_so_many_stay(Handles { one, two }: Handles) {
    one.add_api_client(client("c1", "planner")).await.unwrap();
    one.add_api_client(client("c2", "archive")).await.unwrap();
    one.add_api_token(token(9, "c2", 2), hour(1), 2).await.unwrap();
    for number in 1..=4 {
        one.add_api_token(token(number, "c1", 10 + i64::from(number)), hour(1), 2).await.unwrap();
    }
    let mut left = Vec::new();
    for number in [1, 2, 3, 4, 9] {
        left.extend(two.api_token(&[number; 32]).await.unwrap().map(|_| number));
    }
    assert_eq!(left, [3, 4, 9]);
}

async fn the_incarnation_is_set_once(Handles { one, two }: Handles) {
    assert_eq!(one.incarnation("a1").await.unwrap(), "a1");
    assert_eq!(two.incarnation("b2").await.unwrap(), "a1");
}

fn group_id(name: &str) -> ScheduleGroupId {
    ScheduleGroupId::new(name).unwrap()
}

/// 60 shifts of three people and two groups, on twenty days; some end at the same instant.
fn many() -> Vec<Shift> {
    (0..60)
        .map(|number: i64| {
            let who = ["ada", "bob", "eve"][usize::try_from(number % 3).unwrap()];
            let group = ["north", "south"][usize::try_from(number / 3 % 2).unwrap()];
            let it = shift(&format!("s{:02}", 59 - number), who, 24 * (number / 3));
            Shift { group: Some(group_id(group)), ..it }
        })
        .collect()
}

fn shifts() -> EntityFilter {
    EntityFilter {
        kind: EntityKind::Shift,
        employee: None,
        group: None,
        ends_after: None,
        starts_before: None,
    }
}

/// The ids of all pages, of `limit` each.
async fn walk(store: &dyn Store, filter: &EntityFilter, limit: usize) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), None::<PagePlace>);
    loop {
        let page = store.entity_page(&roster(), filter, after.as_ref(), 0, limit).await.unwrap();
        ids.extend(page.iter().map(|it| it.id.to_string()));
        match page.last() {
            Some(last) if page.len() == limit => after = Some(last.place()),
            Some(_) | None => return ids,
        }
    }
}

async fn pages_tile_what_a_filter_admits(Handles { one, two }: Handles) {
    let many = many();
    let mut entities: Vec<Entity> = many.iter().cloned().map(Entity::Shift).collect();
    entities.push(Entity::Employee(employee("ada")));
    let group = ScheduleGroup { id: group_id("north"), name: "North".into() };
    entities.push(Entity::ScheduleGroup(group));
    one.commit_ingest(&roster(), ingest(ChangeSeq(0), entities)).await.unwrap();
    let admits = |filter: &EntityFilter, it: &Shift| {
        filter.employee.as_ref().is_none_or(|who| it.employee == *who)
            && filter.group.as_ref().is_none_or(|group| it.group.as_ref() == Some(group))
            && filter.ends_after.is_none_or(|at| it.interval.end() > at)
            && filter.starts_before.is_none_or(|at| it.interval.start() < at)
    };
    for employee in [None, Some(employee_id("bob"))] {
        for group in [None, Some(group_id("south"))] {
            for (ends_after, starts_before) in
                [(None, None), (Some(hour(80)), None), (Some(hour(56)), Some(hour(240)))]
            {
                let (employee, group) = (employee.clone(), group.clone());
                let filter =
                    EntityFilter { employee, group, ends_after, starts_before, ..shifts() };
                let wanted = many.iter().filter(|it| admits(&filter, it));
                let wanted: BTreeSet<String> = wanted.map(|it| it.id.to_string()).collect();
                for limit in [1, 7, 100] {
                    let ids = walk(two.as_ref(), &filter, limit).await;
                    assert_eq!(ids.len(), wanted.len(), "{filter:?} by {limit}");
                    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), wanted, "{filter:?}");
                }
                let count = two.entity_count(&roster(), &filter).await.unwrap();
                assert_eq!(count, wanted.len() as u64, "{filter:?}");
                let all = two.entity_page(&roster(), &filter, None, 0, 100).await.unwrap();
                let rest = two.entity_page(&roster(), &filter, None, 3, 4).await.unwrap();
                assert_eq!(rest, all.into_iter().skip(3).take(4).collect::<Vec<_>>());
            }
        }
    }
    let ada =
        EntityFilter { kind: EntityKind::Employee, employee: Some(employee_id("ada")), ..shifts() };
    assert_eq!(walk(two.as_ref(), &ada, 1).await, ["ada"]);
    let nobody = EntityFilter { employee: Some(employee_id("zoe")), ..ada };
    assert_eq!(walk(two.as_ref(), &nobody, 5).await, [""; 0]);
    let north = EntityFilter {
        kind: EntityKind::ScheduleGroup,
        group: Some(group_id("north")),
        ..shifts()
    };
    assert_eq!(walk(two.as_ref(), &north, 5).await, ["north"]);
    let other = RosterName::new("other").unwrap();
    assert_eq!(two.entity_count(&other, &shifts()).await.unwrap(), 0);
}

async fn a_page_goes_on_where_the_last_ended_whatever_changed(Handles { one, two }: Handles) {
    let entities = many().into_iter().map(Entity::Shift);
    let seq = one.commit_ingest(&roster(), ingest(ChangeSeq(0), entities)).await.unwrap().seq;
    let first = two.entity_page(&roster(), &shifts(), None, 0, 30).await.unwrap();
    let last = first.last().unwrap().place();
    // Meanwhile one that was seen goes, one that was not goes, and two come.
    let commit = IngestCommit {
        tombstones: vec![shift_key("s03"), shift_key("s40")],
        ..ingest(seq, ["r00", "t00"].map(|id| Entity::Shift(shift(id, "ada", 2000))))
    };
    one.commit_ingest(&roster(), commit).await.unwrap();
    let rest = two.entity_page(&roster(), &shifts(), Some(&last), 0, 100).await.unwrap();
    let ids: Vec<&str> = first.iter().chain(&rest).map(|it| &*it.id).collect();
    let mut expected: Vec<String> = (0..60).map(|it| format!("s{it:02}")).collect();
    expected.retain(|it| it != "s40");
    expected.push("t00".into());
    assert_eq!(ids, expected);
}

async fn filters_follow_a_shift_to_another_employee_and_group(Handles { one, two }: Handles) {
    let at_first = Shift { group: Some(group_id("north")), ..shift("s", "ada", 6) };
    let seq = one
        .commit_ingest(&roster(), ingest(ChangeSeq(0), [Entity::Shift(at_first.clone())]))
        .await
        .unwrap()
        .seq;
    let ada = EntityFilter { employee: Some(employee_id("ada")), ..shifts() };
    let north = EntityFilter { group: Some(group_id("north")), ..shifts() };
    let page = two.entity_page(&roster(), &ada, None, 0, 9).await.unwrap();
    let [found] = page.as_slice() else { panic!("{page:?}") };
    assert_eq!(found.body, serde_json::to_string(&Entity::Shift(at_first)).unwrap());
    assert_eq!((found.version, found.changed_at), (1, midnight()));
    let handed_on = Shift { group: Some(group_id("south")), ..shift("s", "bob", 6) };
    one.commit_ingest(&roster(), ingest(seq, [Entity::Shift(handed_on)])).await.unwrap();
    for (filter, expected) in [
        (ada.clone(), 0),
        (north.clone(), 0),
        (EntityFilter { employee: Some(employee_id("bob")), ..ada }, 1),
        (EntityFilter { group: Some(group_id("south")), ..north }, 1),
    ] {
        assert_eq!(two.entity_count(&roster(), &filter).await.unwrap(), expected, "{filter:?}");
        assert_eq!(walk(two.as_ref(), &filter, 3).await.len() as u64, expected);
    }
}

async fn changes_come_in_order_with_their_tombstones(Handles { one, two }: Handles) {
    let entities = [
        Entity::Employee(employee("ada")),
        Entity::Shift(shift("a", "ada", 6)),
        Entity::Shift(shift("b", "ada", 30)),
    ];
    let seq = one.commit_ingest(&roster(), ingest(ChangeSeq(0), entities)).await.unwrap().seq;
    let commit = IngestCommit {
        tombstones: vec![shift_key("b")],
        at: hour(2),
        ..ingest(seq, [Entity::Shift(shift("a", "bob", 7))])
    };
    one.commit_ingest(&roster(), commit).await.unwrap();
    let all: BTreeSet<_> = EntityKind::ALL.into();
    let changes = two.entity_changes(&roster(), &all, ChangeSeq(0), 9).await.unwrap();
    let seen: Vec<_> =
        changes.iter().map(|it| (it.key.to_string(), it.seq.0, it.version, it.deleted)).collect();
    let expected = [
        ("employee/ada".to_owned(), 1, 1, false),
        ("shift/a".to_owned(), 4, 2, false),
        ("shift/b".to_owned(), 5, 1, true),
    ];
    assert_eq!(seen, expected);
    let (a, b) = (&changes[1], &changes[2]);
    assert_eq!((a.employee.as_deref(), a.group.as_deref(), a.at), (Some("bob"), None, hour(2)));
    assert_eq!((a.starts_at, a.ends_at), (Some(hour(7)), Some(hour(15))));
    assert_eq!((b.at, b.employee.as_deref()), (hour(2), Some("ada")));
    assert_eq!(a.body, serde_json::to_string(&Entity::Shift(shift("a", "bob", 7))).unwrap());
    let shifts = BTreeSet::from([EntityKind::Shift]);
    let some = two.entity_changes(&roster(), &shifts, ChangeSeq(0), 1).await.unwrap();
    assert_eq!(some, changes[1..2]);
    let rest = two.entity_changes(&roster(), &all, ChangeSeq(4), 9).await.unwrap();
    assert_eq!(rest, changes[2..]);
    assert_eq!(two.entity_changes(&roster(), &all, ChangeSeq(5), 9).await.unwrap(), []);
}

async fn a_time_is_found_in_the_sequence(Handles { one, two }: Handles) {
    let put = async |seq: i64, id: &str, at: Timestamp| {
        let commit =
            IngestCommit { at, ..ingest(ChangeSeq(seq), [Entity::Shift(shift(id, "ada", 6))]) };
        one.commit_ingest(&roster(), commit).await.unwrap();
    };
    let find = async |at: Timestamp| two.seq_before(&roster(), at).await.unwrap().0;
    assert_eq!(find(hour(1)).await, 0);
    put(0, "a", hour(1)).await;
    // A commit whose clock was behind.
    put(1, "b", hour(5)).await;
    put(2, "c", hour(4)).await;
    put(3, "d", hour(6)).await;
    // Nothing is known of the time before the first.
    assert_eq!(find(hour(0)).await, 0);
    assert_eq!(find(hour(1)).await, 0);
    let after = |at: Timestamp| at.checked_add(SignedDuration::from_millis(1)).unwrap();
    assert_eq!(find(after(hour(1))).await, 1);
    assert_eq!(find(hour(5)).await, 1);
    assert_eq!(find(after(hour(5))).await, 3);
    assert_eq!(find(after(hour(6))).await, 4);
    // An ingest that changes nothing is no change.
    one.commit_ingest(&roster(), IngestCommit { at: hour(9), ..ingest(ChangeSeq(4), []) })
        .await
        .unwrap();
    assert_eq!(find(hour(9)).await, 4);
}

fn call(operation: &str, client: Option<&str>, at: i64) -> ApiCall {
    ApiCall {
        at: hour(at),
        client: client.map(|it| ClientId(it.into())),
        operation: operation.into(),
        target: Some("s1".into()),
        status: 201,
        context: None,
    }
}

fn change(expected: i64, key: &str) -> ScheduleCommit {
    let entity = Entity::Shift(shift("s1", "ada", 6));
    ScheduleCommit {
        expected: ChangeSeq(expected),
        at: hour(3),
        upserts: vec![upsert(entity.clone())],
        tombstones: vec![],
        answer: Some(KeptAnswer {
            client: ClientId("c1".into()),
            key: key.into(),
            request: Fingerprint::from_bytes([3; 16]),
            at: hour(3),
            entity: shift_key("s1"),
            version: 1,
            body: serde_json::to_string(&entity).unwrap(),
        }),
        answers_kept_from: hour(0),
        audit: call("create", Some("c1"), 3),
    }
}

async fn a_change_is_committed_with_its_answer_and_its_call(Handles { one, two }: Handles) {
    let client = ClientId("c1".into());
    assert_eq!(two.kept_answer(&client, "k").await.unwrap(), None);
    let commit = change(0, "k");
    let receipt = one.commit_schedule(&roster(), commit.clone()).await.unwrap();
    assert_eq!(receipt.seq, ChangeSeq(1));
    assert_eq!(two.roster_entries(&roster(), &[shift_key("s1")]).await.unwrap().len(), 1);
    assert_eq!(two.kept_answer(&client, "k").await.unwrap(), commit.answer);
    assert_eq!(two.kept_answer(&ClientId("c2".into()), "k").await.unwrap(), None);
    assert_eq!(two.api_calls(None, 9).await.unwrap(), [commit.audit]);
    let deletion = ScheduleCommit {
        upserts: vec![],
        tombstones: vec![shift_key("s1")],
        answer: None,
        answers_kept_from: hour(4),
        ..change(1, "")
    };
    one.commit_schedule(&roster(), deletion).await.unwrap();
    assert_eq!(two.kept_answer(&client, "k").await.unwrap(), None);
    assert_eq!(two.roster_entries(&roster(), &[shift_key("s1")]).await.unwrap(), []);
}

async fn a_superseded_change_keeps_no_answer_and_no_call(Handles { one, two }: Handles) {
    one.commit_schedule(&roster(), change(0, "k")).await.unwrap();
    let late = two.commit_schedule(&roster(), change(0, "late")).await;
    assert!(matches!(late, Err(StoreError::Superseded { .. })), "{late:?}");
    assert_eq!(one.kept_answer(&ClientId("c1".into()), "late").await.unwrap(), None);
    assert_eq!(one.api_calls(None, 9).await.unwrap().len(), 1);
}

fn job(id: &str, at: i64, window: Option<UtcInterval>) -> SyncJob {
    SyncJob {
        id: id.into(),
        client: ClientId("c1".into()),
        roster: roster(),
        order: SyncOrder {
            mirrors: vec![mirror()],
            direction: "push".into(),
            provider: "caldav".into(),
            group: None,
            window,
        },
        status: JobStatus::Queued,
        created_at: hour(at),
        started_at: None,
        ended_at: None,
        records_total: 0,
        records_processed: 0,
        records_failed: 0,
        mirrors: vec![],
        errors: vec![],
    }
}

async fn the_same_job_is_queued_once(Handles { one, two }: Handles) {
    let add = async |job: SyncJob, limit: usize, kept_from: i64| {
        one.add_sync_job(job, limit, hour(kept_from)).await.unwrap()
    };
    assert_eq!(add(job("j1", 1, None), 2, 0).await, JobAdded::Queued);
    assert_eq!(add(job("j2", 2, None), 2, 0).await, JobAdded::UnderWay(job("j1", 1, None)));
    let other = job("j3", 0, Some(hours(0, 1)));
    assert_eq!(add(other.clone(), 2, 0).await, JobAdded::Queued);
    assert_eq!(add(job("j4", 4, Some(hours(0, 2))), 2, 0).await, JobAdded::TooMany);
    let open = two.open_sync_jobs(&roster()).await.unwrap();
    assert_eq!(open, [other, job("j1", 1, None)]);
    let done = SyncJob {
        status: JobStatus::Completed,
        ended_at: Some(hour(5)),
        records_processed: 3,
        ..job("j1", 1, None)
    };
    assert!(two.put_sync_job(&done).await.unwrap());
    // Another process that believes it to be its own, late.
    let late = SyncJob { status: JobStatus::Running, ..job("j1", 1, None) };
    assert!(!one.put_sync_job(&late).await.unwrap(), "what ended does not come back to life");
    assert!(!one.put_sync_job(&job("unknown", 1, None)).await.unwrap());
    assert_eq!(two.open_sync_jobs(&roster()).await.unwrap().len(), 1);
    assert_eq!(one.sync_job("j1").await.unwrap(), Some(done));
    assert_eq!(add(job("j5", 6, None), 2, 0).await, JobAdded::Queued);
    let done = SyncJob { ended_at: Some(hour(7)), ..job("j5", 6, None) };
    assert!(two.put_sync_job(&done).await.unwrap());
    assert_eq!(add(job("j6", 8, None), 2, 6).await, JobAdded::Queued);
    // What ended long ago is dropped.
    let left: Vec<bool> =
        [one.sync_job("j1").await, one.sync_job("j5").await].map(|it| it.unwrap().is_some()).into();
    assert_eq!(left, [false, true]);
}

async fn calls_are_listed_backwards_and_dropped_by_age(Handles { one, two }: Handles) {
    let nobody = ApiCall { target: None, context: Some("c0ffee".into()), ..call("token", None, 2) };
    let calls = [call("list", Some("c1"), 1), nobody, call("list", Some("c2"), 3)];
    one.add_api_calls(&calls, hour(0)).await.unwrap();
    let backwards: Vec<ApiCall> = calls.iter().rev().cloned().collect();
    assert_eq!(two.api_calls(None, 9).await.unwrap(), backwards);
    assert_eq!(two.api_calls(None, 2).await.unwrap(), backwards[..2]);
    let of_one = two.api_calls(Some(&ClientId("c1".into())), 9).await.unwrap();
    assert_eq!(of_one, calls[..1]);
    one.add_api_calls(&[], hour(2)).await.unwrap();
    let mut operations: BTreeMap<String, usize> = BTreeMap::new();
    for call in two.api_calls(None, 9).await.unwrap() {
        *operations.entry(call.operation).or_default() += 1;
    }
    assert_eq!(operations, BTreeMap::from([("token".to_owned(), 1), ("list".to_owned(), 1)]));
}
