//! What every target promises that takes items of a schedule.
//!
//! Such a target chooses ids, shows no origin tags, and may keep drafts. Before it is tried it
//! must have met [`directory`].

use std::collections::BTreeSet;

use domain::{
    Activity, AvailabilityItem, Directory, Employee, EmployeeId, Entity, EntityKind, OpenShiftItem,
    OriginTag, ScheduleGroup, ScheduleGroupId, ScheduleItem, ShiftItem, TimeOffItem, TimeOffReason,
    TimeOffReasonId,
};
use engine::port::{
    Content, FailureClass, Item, ListEntry, Probe, RemoteId, RemoteItem, Revision, Sighting,
    Written,
};

use super::{Bench, Case, class, ids};
use crate::builders::{employee, hour, hours, key};

macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        &[$(Case { name: stringify!($case), run: |bench| Box::pin($case(bench)) }),*]
    };
}

/// Every promise.
pub const CASES: &[Case] = cases![
    the_target_chooses_ids_and_shows_no_tags,
    an_item_of_every_kind_comes_back_as_it_was_written,
    a_lost_answer_is_settled_by_what_the_item_shows,
    items_that_show_the_same_are_told_apart_by_their_ids,
    an_update_changes_what_is_seen_in_place,
    an_item_is_deleted_once,
    an_item_that_is_gone_is_missing_and_not_made_by_an_update,
    more_items_than_fit_a_page_are_all_listed,
    publishing_can_be_repeated_and_changes_nothing_that_is_written,
];

/// Who there is: `ada` and `bob`, the group `north`, the reason `leave`.
///
/// # Panics
/// Never: the names are plain.
#[must_use]
pub fn directory() -> Directory {
    let mut directory = Directory::default();
    for id in ["ada", "bob"] {
        let email = Some(format!("{id}@example.com"));
        let group = Some(group());
        directory.add(Entity::Employee(Employee { email, group, ..employee(id) }));
    }
    directory.add(Entity::ScheduleGroup(ScheduleGroup { id: group(), name: "North".into() }));
    directory.add(Entity::TimeOffReason(TimeOffReason { id: reason(), name: "Leave".into() }));
    directory
}

fn group() -> ScheduleGroupId {
    ScheduleGroupId::new("north").expect("a plain name")
}

fn reason() -> TimeOffReasonId {
    TimeOffReasonId::new("leave").expect("a plain name")
}

fn ada() -> EmployeeId {
    EmployeeId::new("ada").expect("a plain name")
}

fn work(label: &str, start: i64) -> ScheduleItem {
    let activity = |label: &str, from, to, paid| {
        let interval = hours(start + from, start + to);
        Activity { label: label.into(), interval, paid }
    };
    ScheduleItem::Shift(ShiftItem {
        employee: ada(),
        group: Some(group()),
        label: label.into(),
        interval: hours(start, start + 8),
        activities: vec![activity("Inbound", 0, 3, true), activity("Break", 3, 4, false)],
        notes: Some("bring the „keys“; call 112".into()),
    })
}

fn one_of_every_kind() -> Vec<ScheduleItem> {
    let open = OpenShiftItem {
        group: Some(group()),
        label: "Late".into(),
        interval: hours(30, 38),
        open_slots: 3,
        activities: vec![],
        notes: None,
    };
    let absent = TimeOffItem { employee: ada(), reason: Some(reason()), interval: hours(48, 72) };
    let text = "Europe/Berlin; mon 08:00-16:00; tue none";
    let availability = text.parse().expect("is one");
    vec![
        work("Spätdienst", 1),
        ScheduleItem::OpenShift(open),
        ScheduleItem::TimeOff(absent),
        ScheduleItem::Availability(AvailabilityItem { employee: ada(), availability }),
    ]
}

impl Bench {
    fn shows(&self, item: ScheduleItem) -> Item {
        let id = match item.kind() {
            EntityKind::Employee => "ada",
            EntityKind::OpenShift
            | EntityKind::ScheduleGroup
            | EntityKind::Shift
            | EntityKind::TimeOff
            | EntityKind::TimeOffReason => "x",
        };
        Item {
            origin: OriginTag {
                mirror: self.mirror.clone(),
                key: key(item.kind(), id),
                part: domain::Part::Main,
                generation: 0,
                entity: item.fingerprint(),
            },
            content: Content::Schedule(item),
            revision: Revision { sequence: 0, revised_at: hour(0) },
        }
    }

    async fn make(&self, item: ScheduleItem) -> Written {
        self.create(&self.shows(item)).await
    }

    /// What is found by what an item shows.
    async fn alike(&self, item: &ScheduleItem) -> Vec<RemoteItem> {
        let probe = Probe {
            key: None,
            generation: 0,
            remote_id: None,
            shows: Some(Content::Schedule(item.clone())),
        };
        let seen = self.target.look(&self.calendar, &[probe]).await.expect("looks");
        match seen.as_slice() {
            [Sighting::Absent] => Vec::new(),
            [Sighting::Alike(items)] => {
                assert!(!items.is_empty(), "alike means at least one");
                items.clone()
            }
            other => panic!("one sighting by natural key, found {other:?}"),
        }
    }

    /// Every item of a listing, looked at where the listing does not carry it.
    async fn listed(&self) -> Vec<RemoteItem> {
        let mut items = Vec::new();
        for ListEntry { remote_id, item, .. } in self.list(None).await.entries {
            match item {
                Some(item) => items.push(item),
                None => items.extend(self.see(&remote_id).await),
            }
        }
        items
    }
}

async fn the_target_chooses_ids_and_shows_no_tags(bench: Bench) {
    bench.open().await;
    let item = bench.shows(work("Late", 1));
    let promised = bench.target.remote_id(&bench.calendar, &item.origin.item(), 0);
    assert_eq!(promised, None);
    let written = bench.create(&item).await;
    let seen = bench.see(&written.remote_id).await.expect("is there");
    assert_eq!((seen.remote_id, seen.origin), (written.remote_id, None));
}

async fn an_item_of_every_kind_comes_back_as_it_was_written(bench: Bench) {
    bench.open().await;
    let kinds = bench.target.capabilities().kinds.clone();
    for item in one_of_every_kind() {
        if !kinds.contains(&item.kind()) {
            continue;
        }
        let written = bench.make(item.clone()).await;
        let seen = bench.see(&written.remote_id).await.expect("is there");
        let kind = item.kind();
        assert_eq!(seen.fingerprint, Some(item.fingerprint()), "{kind}");
        assert_eq!(seen.natural_key, Some(item.natural_key()), "{kind}");
        assert_eq!(seen.ends_at, item.interval().map(|it| it.end()), "{kind}");
        if let Some(echoed) = written.echoed {
            assert_eq!(seen.fingerprint, Some(echoed), "{kind}");
        }
        if written.etag.is_some() {
            assert_eq!(seen.etag, written.etag, "{kind}");
        }
        let listed = bench.listed().await;
        let listed = listed.iter().find(|it| it.remote_id == written.remote_id);
        assert_eq!(listed, Some(&seen), "{kind}");
    }
}

async fn a_lost_answer_is_settled_by_what_the_item_shows(bench: Bench) {
    bench.open().await;
    let item = work("Late", 1);
    assert_eq!(bench.alike(&item).await, []);
    let written = bench.make(item.clone()).await;
    let alike = bench.alike(&work("Another label", 1)).await;
    let found: Vec<_> = alike.iter().map(|it| (&it.remote_id, it.fingerprint)).collect();
    assert_eq!(found, [(&written.remote_id, Some(item.fingerprint()))]);
    assert_eq!(bench.alike(&work("Late", 2)).await, [], "an hour later it is something else");
}

async fn items_that_show_the_same_are_told_apart_by_their_ids(bench: Bench) {
    bench.open().await;
    let one = bench.make(work("Late", 1)).await.remote_id;
    let two = bench.make(work("Late", 1)).await.remote_id;
    assert_ne!(one, two);
    let alike = bench.alike(&work("Late", 1)).await;
    let found: BTreeSet<RemoteId> = alike.into_iter().map(|it| it.remote_id).collect();
    assert_eq!(found, BTreeSet::from([one, two]));
}

async fn an_update_changes_what_is_seen_in_place(bench: Bench) {
    bench.open().await;
    let created = bench.make(work("Late", 1)).await;
    let moved = work("Late", 25);
    let (target, id) = (&bench.target, &created.remote_id);
    let item = bench.shows(moved.clone());
    let updated = target.update(&bench.calendar, id, created.etag.as_ref(), &item).await;
    assert_eq!(&updated.expect("updates").remote_id, id);
    let seen = bench.see(id).await.expect("is there");
    assert_eq!(seen.fingerprint, Some(moved.fingerprint()));
    assert_eq!(bench.alike(&work("Late", 1)).await, []);
    assert_eq!(bench.listed().await.len(), 1);
}

async fn an_item_is_deleted_once(bench: Bench) {
    bench.open().await;
    let created = bench.make(work("Late", 1)).await;
    let (target, calendar, id) = (&bench.target, &bench.calendar, &created.remote_id);
    assert_eq!(target.delete(calendar, id, created.etag.as_ref()).await, Ok(()));
    assert_eq!(bench.see(id).await, None);
    assert_eq!(bench.alike(&work("Late", 1)).await, []);
    let again = class(target.delete(calendar, id, created.etag.as_ref()).await);
    assert!(is_gone(&again), "{again:?}");
    assert!(bench.listed().await.is_empty());
}

fn is_gone(class: &FailureClass) -> bool {
    matches!(class, FailureClass::Missing | FailureClass::Precondition)
}

async fn an_item_that_is_gone_is_missing_and_not_made_by_an_update(bench: Bench) {
    bench.open().await;
    let created = bench.make(work("Late", 1)).await;
    let (target, calendar, id) = (&bench.target, &bench.calendar, &created.remote_id);
    let etag = created.etag.as_ref();
    assert_eq!(target.delete(calendar, id, etag).await, Ok(()));
    let item = bench.shows(work("Late", 9));
    let refused = class(target.update(calendar, id, etag, &item).await);
    assert!(is_gone(&refused), "{refused:?}");
    assert!(bench.listed().await.is_empty());
}

async fn more_items_than_fit_a_page_are_all_listed(bench: Bench) {
    bench.open().await;
    let mut written = BTreeSet::new();
    for number in 0..120 {
        written.insert(bench.make(work("Late", number)).await.remote_id);
    }
    assert_eq!(ids(&bench.list(None).await), written);
}

async fn publishing_can_be_repeated_and_changes_nothing_that_is_written(bench: Bench) {
    bench.open().await;
    if !bench.target.capabilities().publishes {
        return;
    }
    let created = bench.make(work("Late", 1)).await;
    let before = bench.see(&created.remote_id).await.expect("is there");
    for _ in 0..2 {
        assert_eq!(bench.target.publish(&bench.calendar, &hours(1, 9)).await, Ok(()));
    }
    let after = bench.see(&created.remote_id).await.expect("is still there");
    assert_eq!(after.fingerprint, before.fingerprint);
    let (target, calendar, id) = (&bench.target, &bench.calendar, &created.remote_id);
    assert_eq!(target.delete(calendar, id, after.etag.as_ref()).await, Ok(()));
    assert_eq!(target.publish(calendar, &hours(8, 9)).await, Ok(()), "of an old place");
    assert!(bench.listed().await.is_empty());
}
