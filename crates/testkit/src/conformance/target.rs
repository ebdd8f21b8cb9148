//! What every [`Target`] promises: one named case for each promise of the port.
//!
//! A case gets a target and a calendar in it that does not exist yet. Cases know nothing of
//! vendors and their servers; what a server may do differently is said in [`Bench`]. Targets that
//! take items of a schedule are held to [`schedule::CASES`] instead.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::{
    CalendarEvent, CalendarKey, EntityKey, EventExtras, EventSpan, MirrorName, OriginTag, Part,
    ShowAs, Visibility,
};
use engine::port::{
    Content, ContentForm, DeltaToken, ETag, Failure, FailureClass, FindingLevel, Item, Listing,
    Opened, Probe, RemoteId, RemoteItem, Revision, Sighting, Target, Write, WriteWhat, Written,
};
use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use jiff::civil::date;

use crate::builders::{hour, hours, shift_key};

pub mod schedule;

/// A target under test.
#[derive(Clone)]
pub struct Bench {
    /// It.
    pub target: Arc<dyn Target>,
    /// The mirror that it was made for.
    pub mirror: MirrorName,
    /// A calendar that does not exist yet.
    pub calendar: CalendarKey,
    /// Whether a delta token that was never given is refused. Some servers accept any.
    pub refuses_bad_tokens: bool,
    /// Whether origin tags survive. Some servers drop what they do not know.
    pub keeps_origin: bool,
}

/// One promise.
#[derive(Clone, Copy)]
pub struct Case {
    /// The promise, as a sentence.
    pub name: &'static str,
    /// Panics when it is not kept.
    pub run: fn(Bench) -> BoxFuture<'static, ()>,
}

macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        &[$(Case { name: stringify!($case), run: |bench| Box::pin($case(bench)) }),*]
    };
}

/// Every promise of a target that takes events.
pub const CASES: &[Case] = cases![
    a_missing_calendar_is_said_to_be_missing_and_made_once,
    what_was_created_is_found_where_it_was_promised,
    a_lost_answer_is_settled_by_looking_and_creating_again_makes_no_second_one,
    an_update_needs_the_current_etag_and_changes_what_is_seen,
    an_item_is_deleted_once_and_only_with_its_current_etag,
    an_item_that_is_gone_cannot_be_updated,
    a_token_tells_what_changed_since_and_nothing_else,
    a_bad_token_is_expired,
    more_items_than_fit_a_page_are_all_listed_and_seen,
    an_all_day_absence_keeps_its_days,
    a_new_generation_is_another_item,
    writes_that_go_together_come_out_one_by_one,
    a_healthy_target_has_nothing_wrong,
];

/// Holds a target to every promise; `make` gives a fresh calendar each time.
///
/// # Panics
/// When a promise is not kept; the last name printed says which.
pub async fn target_conformance(make: impl AsyncFn() -> Bench) {
    let cases = match make().await.target.capabilities().content {
        ContentForm::CalendarEvent => CASES,
        ContentForm::ScheduleItem => schedule::CASES,
    };
    for case in cases {
        println!("target conformance: {}", case.name);
        (case.run)(make().await).await;
    }
}

impl Bench {
    async fn open(&self) {
        self.target.open(&self.calendar).await.expect("opens");
    }

    async fn create(&self, item: &Item) -> Written {
        let created = self.target.create(&self.calendar, item).await;
        created.expect("creates")
    }

    /// The etag of what was just written: told, or looked up where the vendor does not tell.
    async fn etag(&self, written: &Written) -> ETag {
        match &written.etag {
            Some(etag) => etag.clone(),
            None => {
                let item = self.see(&written.remote_id).await.expect("was just written");
                item.etag.expect("an item that is looked at has an etag")
            }
        }
    }

    async fn see(&self, remote_id: &RemoteId) -> Option<RemoteItem> {
        self.probe(Probe {
            key: None,
            generation: 0,
            remote_id: Some(remote_id.clone()),
            shows: None,
        })
        .await
    }

    async fn probe(&self, probe: Probe) -> Option<RemoteItem> {
        let seen = self.target.look(&self.calendar, &[probe]).await;
        let seen = seen.expect("looks");
        assert_eq!(seen.len(), 1, "one sighting per probe");
        match seen.into_iter().next() {
            Some(Sighting::Present(item)) => Some(item),
            Some(Sighting::Alike(_)) => panic!("looked for by id, found by natural key"),
            Some(Sighting::Absent) | None => None,
        }
    }

    async fn list(&self, since: Option<&DeltaToken>) -> Listing {
        let listed = self.target.list(&self.calendar, since).await;
        listed.expect("lists")
    }

    fn item(&self, id: &str, event: CalendarEvent) -> Item {
        let key = shift_key(id);
        let content = Content::Event(event);
        Item {
            origin: OriginTag {
                mirror: self.mirror.clone(),
                key,
                part: Part::Main,
                generation: 0,
                // Any fingerprint will do here; the content's is at hand.
                entity: content.fingerprint(),
            },
            content,
            revision: Revision { sequence: 0, revised_at: hour(0) },
        }
    }

    fn check_origin(&self, item: &RemoteItem, expected: &OriginTag) {
        if self.keeps_origin {
            assert_eq!(item.origin.as_ref(), Some(expected));
        }
    }
}

fn work(summary: &str, start: i64) -> CalendarEvent {
    CalendarEvent {
        summary: summary.into(),
        description: Some("Pause, 12:00; danach „Inbound“\nund Übergabe".into()),
        location: Some("Ward 3, \\ north".into()),
        categories: vec!["Late".into(), "Team, B".into()],
        span: EventSpan::Timed(hours(start, start + 8)),
        show_as: ShowAs::Busy,
        visibility: Visibility::Default,
        extras: EventExtras::default(),
    }
}

/// The same work, an hour later and under another name.
fn changed(item: &Item) -> Item {
    let mut item = item.clone();
    item.content = Content::Event(work("Changed", 49));
    item.revision.sequence += 1;
    item.revision.revised_at += SignedDuration::from_hours(1);
    item
}

fn class<T: std::fmt::Debug>(result: Result<T, Failure>) -> FailureClass {
    result.expect_err("is refused").class
}

fn exists(class: &FailureClass) -> bool {
    matches!(class, FailureClass::Precondition | FailureClass::Duplicate { .. })
}

fn ids(listing: &Listing) -> BTreeSet<RemoteId> {
    let entries = listing.entries.iter();
    entries.map(|entry| entry.remote_id.clone()).collect()
}

async fn a_missing_calendar_is_said_to_be_missing_and_made_once(bench: Bench) {
    let (target, calendar) = (&bench.target, &bench.calendar);
    let item = bench.item("a", work("Late", 1));
    let refused = class(target.create(calendar, &item).await);
    assert_eq!(refused, FailureClass::CalendarMissing);
    let refused = class(target.list(calendar, None).await);
    assert_eq!(refused, FailureClass::CalendarMissing);
    assert_eq!(target.open(calendar).await, Ok(Opened::Made));
    assert_eq!(target.open(calendar).await, Ok(Opened::Found));
    let listing = bench.list(None).await;
    assert!(listing.full && listing.entries.is_empty() && listing.removed.is_empty());
    bench.create(&item).await;
}

async fn what_was_created_is_found_where_it_was_promised(bench: Bench) {
    bench.open().await;
    let item = bench.item("a/ä b", work("Spätdienst – Süd; 🚑, \\ and more", 1));
    let key = item.origin.item();
    let promised = bench.target.remote_id(&bench.calendar, &key, 0);
    let written = bench.create(&item).await;
    if let Some(promised) = promised {
        assert_eq!(written.remote_id, promised);
    }
    let seen = bench.see(&written.remote_id).await.expect("is there");
    bench.check_origin(&seen, &item.origin);
    assert_eq!(seen.remote_id, written.remote_id);
    assert_eq!(seen.fingerprint, Some(item.content.fingerprint()));
    if let Some(echoed) = written.echoed {
        assert_eq!(seen.fingerprint, Some(echoed));
    }
    assert!(seen.etag.is_some(), "an item that is looked at has an etag");
    if written.etag.is_some() {
        assert_eq!(seen.etag, written.etag);
    }
    let listing = bench.list(None).await;
    assert_eq!(ids(&listing), BTreeSet::from([written.remote_id]));
    assert_eq!(listing.entries[0].etag, seen.etag);
}

async fn a_lost_answer_is_settled_by_looking_and_creating_again_makes_no_second_one(bench: Bench) {
    bench.open().await;
    let item = bench.item("a", work("Late", 1));
    let probe = |key: &EntityKey| Probe {
        key: Some(key.clone().into()),
        generation: 0,
        remote_id: None,
        shows: None,
    };
    assert_eq!(bench.probe(probe(&item.origin.key)).await, None);
    let written = bench.create(&item).await;
    let seen = bench.probe(probe(&item.origin.key)).await.expect("is there");
    assert_eq!(seen.remote_id, written.remote_id);
    assert_eq!(
        seen.origin.map(|origin| origin.key),
        Some(item.origin.key.clone()),
        "known as ours even where tags are dropped"
    );
    match bench.target.create(&bench.calendar, &item).await {
        Ok(again) => assert_eq!(again.remote_id, written.remote_id, "the one that is there"),
        Err(failure) => assert!(exists(&failure.class), "{failure:?}"),
    }
    assert_eq!(bench.list(None).await.entries.len(), 1);
}

async fn an_update_needs_the_current_etag_and_changes_what_is_seen(bench: Bench) {
    bench.open().await;
    let first = bench.item("a", work("Late", 1));
    let second = changed(&first);
    let created = bench.create(&first).await;
    let old = bench.etag(&created).await;
    let id = &created.remote_id;
    let update = async |etag: &ETag, item: &Item| {
        let target = &bench.target;
        target.update(&bench.calendar, id, Some(etag), item).await
    };
    let updated = update(&old, &second).await.expect("updates");
    assert_eq!(&updated.remote_id, id);
    let new = bench.etag(&updated).await;
    assert_ne!(new, old);
    assert_eq!(class(update(&old, &first).await), FailureClass::Precondition);
    let seen = bench.see(id).await.expect("is there");
    assert_eq!(seen.fingerprint, Some(second.content.fingerprint()));
    assert_eq!(seen.etag, Some(new));
    bench.check_origin(&seen, &second.origin);
}

async fn an_item_is_deleted_once_and_only_with_its_current_etag(bench: Bench) {
    bench.open().await;
    let first = bench.item("a", work("Late", 1));
    let created = bench.create(&first).await;
    let old = bench.etag(&created).await;
    let (target, calendar, id) = (&bench.target, &bench.calendar, &created.remote_id);
    let updated = target.update(calendar, id, Some(&old), &changed(&first)).await;
    let new = bench.etag(&updated.expect("updates")).await;
    let stale = class(target.delete(calendar, id, Some(&old)).await);
    assert_eq!(stale, FailureClass::Precondition);
    assert_eq!(target.delete(calendar, id, Some(&new)).await, Ok(()));
    assert_eq!(bench.see(id).await, None);
    let again = class(target.delete(calendar, id, Some(&new)).await);
    let is_gone = matches!(again, FailureClass::Missing | FailureClass::Precondition);
    assert!(is_gone, "{again:?}");
    assert!(bench.list(None).await.entries.is_empty());
}

async fn an_item_that_is_gone_cannot_be_updated(bench: Bench) {
    bench.open().await;
    let item = bench.item("a", work("Late", 1));
    let created = bench.create(&item).await;
    let etag = bench.etag(&created).await;
    let (target, calendar, id) = (&bench.target, &bench.calendar, &created.remote_id);
    assert_eq!(target.delete(calendar, id, Some(&etag)).await, Ok(()));
    let refused = class(target.update(calendar, id, Some(&etag), &changed(&item)).await);
    let is_gone = matches!(refused, FailureClass::Missing | FailureClass::Precondition);
    assert!(is_gone, "{refused:?}");
    assert_eq!(bench.see(id).await, None);
    // The same item can be made again at once.
    bench.create(&item).await;
}

async fn a_token_tells_what_changed_since_and_nothing_else(bench: Bench) {
    bench.open().await;
    let items = ["stays", "changes", "goes"].map(|id| bench.item(id, work(id, 1)));
    let mut written = Vec::new();
    for item in &items {
        written.push(bench.create(item).await);
    }
    let full = bench.list(None).await;
    assert_eq!((full.full, full.entries.len()), (true, 3));
    let Some(token) = full.next else {
        return;
    };
    let (target, calendar) = (&bench.target, &bench.calendar);
    let idle = bench.list(Some(&token)).await;
    assert!(idle.entries.is_empty() && idle.removed.is_empty() && !idle.full);
    let etag = bench.etag(&written[1]).await;
    let id = &written[1].remote_id;
    let updated = target.update(calendar, id, Some(&etag), &changed(&items[1])).await;
    let updated = updated.expect("updates");
    let etag = bench.etag(&written[2]).await;
    let gone = &written[2].remote_id;
    target.delete(calendar, gone, Some(&etag)).await.expect("deletes");
    let new = bench.create(&bench.item("comes", work("comes", 9))).await;
    let delta = bench.list(Some(&token)).await;
    assert!(!delta.full);
    assert_eq!(ids(&delta), BTreeSet::from([updated.remote_id, new.remote_id]));
    assert_eq!(delta.removed, std::slice::from_ref(gone));
    let next = delta.next.expect("a delta ends with a token");
    let quiet = bench.list(Some(&next)).await;
    assert!(quiet.entries.is_empty() && quiet.removed.is_empty());
}

async fn a_bad_token_is_expired(bench: Bench) {
    bench.open().await;
    if !bench.refuses_bad_tokens {
        return;
    }
    for text in ["http://example.invalid/never-issued", "00000000", "nonsense & <more>"] {
        let token = DeltaToken(text.into());
        let refused = class(bench.target.list(&bench.calendar, Some(&token)).await);
        assert_eq!(refused, FailureClass::DeltaExpired, "{text}");
    }
}

async fn more_items_than_fit_a_page_are_all_listed_and_seen(bench: Bench) {
    bench.open().await;
    let count = 120.min(bench.target.capabilities().look_size_max + 20);
    let mut written = BTreeSet::new();
    for number in 0..count {
        let item = bench.item(&format!("shift-{number}"), work("Late", number as i64));
        written.insert(bench.create(&item).await.remote_id);
    }
    assert_eq!(ids(&bench.list(None).await), written);
    let probes: Vec<_> = written
        .iter()
        .map(|id| Probe { key: None, generation: 0, remote_id: Some(id.clone()), shows: None })
        .collect();
    let mut seen = Vec::new();
    for chunk in probes.chunks(bench.target.capabilities().look_size_max) {
        let sightings = bench.target.look(&bench.calendar, chunk).await;
        seen.extend(sightings.expect("looks"));
    }
    for (sighting, id) in seen.iter().zip(&written) {
        match sighting {
            Sighting::Present(item) => assert_eq!(&item.remote_id, id),
            Sighting::Absent => panic!("{id} was written and is not there"),
            Sighting::Alike(_) => panic!("{id} was looked for by id, found by natural key"),
        }
    }
    assert_eq!(seen.len(), count);
}

async fn an_all_day_absence_keeps_its_days(bench: Bench) {
    bench.open().await;
    let (first, end) = (date(2027, 3, 27), date(2027, 3, 30));
    let mut event = work("Urlaub", 1);
    event.span = EventSpan::AllDay { first, end };
    event.show_as = ShowAs::Free;
    event.visibility = Visibility::Private;
    let item = bench.item("holiday", event);
    let written = bench.create(&item).await;
    let seen = bench.see(&written.remote_id).await.expect("is there");
    assert_eq!(seen.fingerprint, Some(item.content.fingerprint()));
}

async fn a_new_generation_is_another_item(bench: Bench) {
    bench.open().await;
    let first = bench.item("a", work("Late", 1));
    let mut second = first.clone();
    second.origin.generation = 1;
    let one = bench.create(&first).await;
    let two = bench.create(&second).await;
    assert_ne!(one.remote_id, two.remote_id);
    let seen = bench.see(&two.remote_id).await.expect("is there");
    bench.check_origin(&seen, &second.origin);
}

async fn writes_that_go_together_come_out_one_by_one(bench: Bench) {
    bench.open().await;
    let (target, calendar) = (&bench.target, &bench.calendar);
    let size = target.capabilities().batch_size_max;
    assert!(size >= 1, "a batch holds something");
    let items = ["a", "b", "c", "d"].map(|id| bench.item(id, work(id, 1)));
    let mut written = Vec::new();
    for item in &items[..3] {
        written.push(bench.create(item).await);
    }
    let (stale, now) = (bench.etag(&written[0]).await, bench.etag(&written[1]).await);
    let gone = bench.etag(&written[2]).await;
    let ids: Vec<RemoteId> = written.iter().map(|it| it.remote_id.clone()).collect();
    target.update(calendar, &ids[0], Some(&stale), &changed(&items[0])).await.expect("updates");
    target.delete(calendar, &ids[2], Some(&gone)).await.expect("deletes");
    let update = |at: usize, etag: &ETag| WriteWhat::Update {
        remote: ids[at].clone(),
        etag: Some(etag.clone()),
        item: changed(&items[at]),
    };
    let writes = [
        update(0, &stale),
        update(1, &now),
        WriteWhat::Delete { remote: ids[2].clone(), etag: Some(gone) },
        WriteWhat::Create(items[3].clone()),
    ];
    let writes = writes.map(|what| Write {
        calendar: calendar.clone(),
        what,
        not_after: jiff::Timestamp::MAX,
    });
    let mut outcomes = Vec::new();
    for batch in writes.chunks(size) {
        let of_batch = target.write_all(batch).await;
        assert_eq!(of_batch.len(), batch.len(), "one outcome per write");
        outcomes.extend(of_batch);
    }
    let [stale, updated, gone, made]: [_; 4] = outcomes.try_into().expect("four outcomes");
    assert_eq!(class(stale), FailureClass::Precondition);
    assert_eq!(updated.expect("updates").map(|it| it.remote_id), Some(ids[1].clone()));
    let gone = class(gone);
    assert!(matches!(gone, FailureClass::Missing | FailureClass::Precondition), "{gone:?}");
    let made = made.expect("creates").expect("tells where").remote_id;
    let there = bench.list(None).await;
    assert_eq!(self::ids(&there), BTreeSet::from([ids[0].clone(), ids[1].clone(), made]));
    let seen = bench.see(&ids[1]).await.expect("is there");
    assert_eq!(seen.fingerprint, Some(changed(&items[1]).content.fingerprint()));
}

async fn a_healthy_target_has_nothing_wrong(bench: Bench) {
    let before = bench.target.requests_sent();
    let findings = bench.target.check().await;
    let bad = |level: FindingLevel| level == FindingLevel::Error;
    assert!(!findings.iter().any(|it| bad(it.level)), "{findings:?}");
    assert!(!findings.is_empty(), "a check says what is well, too");
    assert!(bench.target.requests_sent() > before, "a check asks the server");
}
