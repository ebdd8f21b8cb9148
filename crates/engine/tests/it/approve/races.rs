//! Races between a drain and what people ask for meanwhile: each was a double, a loss or a write
//! out of turn once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use async_trait::async_trait;
use domain::policy::DeletionGuard;
use domain::{CalendarKey, Directory, Employee, Entity, EntityKind, ItemKey, ScheduleItem};
use engine::mapping::MappingProfile;
use engine::port::{
    Approvals, Ask, AskWhat, Capabilities, DeltaToken, ETag, Failure, Finding, Item, Listing,
    Opened, Placement, Probe, RemoteId, Sighting, Target, Write, Written, write_one_by_one,
};
use engine::report::CycleReport;
use engine::run::approval::Desk;
use engine::run::cycle::{CycleOptions, Equipment, MirrorSpec, Others, run_cycle};
use engine::run::gate::Gate;
use engine::run::watch::Unwatched;
use jiff::SignedDuration;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testkit::builders::{mirror, roster};
use testkit::ownership::{NamedOwner, Obituaries};
use testkit::seeded_entropy::SeededEntropy;

use super::office::{Office, create, granted, key, shown};
use super::pages::{lenient, monday, shift};

struct Hooked<'a> {
    office: &'a Office,
    before_create: Mutex<Option<(Desk, Ask, &'static str, ScheduleItem)>>,
    delete_after_create: Mutex<Option<Desk>>,
    drop_first: AtomicBool,
    on_update: Mutex<Option<(Desk, Ask)>>,
}

impl<'a> Hooked<'a> {
    fn new(office: &'a Office) -> Self {
        Self {
            office,
            before_create: Mutex::default(),
            delete_after_create: Mutex::default(),
            drop_first: AtomicBool::new(false),
            on_update: Mutex::default(),
        }
    }
    fn inner(&self) -> &'a dyn Target {
        &self.office.target
    }
    async fn cycle(&self, options: CycleOptions) -> CycleReport {
        let office = self.office;
        let day = Duration::from_secs(24 * 3600);
        let spec = MirrorSpec {
            name: mirror(),
            roster: roster(),
            profile: MappingProfile::default(),
            target_profile: "test/1".into(),
            guard: DeletionGuard::default(),
            past: 7 * day,
            future: 60 * day,
            first_future: None,
            others: Others::default(),
            conflicts: None,
            drift: engine::plan::drift::DriftPolicy::default(),
        };
        let (clock, entropy) = (Arc::new(office.clock.clone()), Arc::new(SeededEntropy::new(2)));
        let gate = Gate::new(clock, entropy, self.inner().capabilities());
        let owner = NamedOwner::new("me", Obituaries::default());
        let equipment = Equipment {
            store: office.store.as_ref(),
            target: self,
            gate: &gate,
            clock: &office.clock,
            ownership: &owner,
            watcher: &Unwatched,
            foreign: None,
            approvals: None,
        };
        run_cycle(&spec, equipment, options).await.unwrap()
    }
}

#[async_trait]
impl Target for Hooked<'_> {
    fn capabilities(&self) -> &Capabilities {
        self.inner().capabilities()
    }
    fn meet(&self, directory: Arc<Directory>) {
        self.inner().meet(directory);
    }
    fn place(&self, entity: &Entity, employee: Option<&Employee>) -> Placement {
        self.inner().place(entity, employee)
    }
    fn remote_id(&self, _: &CalendarKey, _: &ItemKey, _: u32) -> Option<RemoteId> {
        None
    }
    async fn check(&self) -> Vec<Finding> {
        vec![]
    }
    async fn open(&self, calendar: &CalendarKey) -> Result<Opened, Failure> {
        self.inner().open(calendar).await
    }
    async fn list(
        &self,
        calendar: &CalendarKey,
        since: Option<&DeltaToken>,
    ) -> Result<Listing, Failure> {
        let mut listing = self.inner().list(calendar, since).await?;
        if self.drop_first.load(Ordering::Relaxed) {
            listing.entries.remove(0);
        }
        Ok(listing)
    }
    async fn look(
        &self,
        calendar: &CalendarKey,
        probes: &[Probe],
    ) -> Result<Vec<Sighting>, Failure> {
        self.inner().look(calendar, probes).await
    }
    async fn strayed(
        &self,
        calendar: &CalendarKey,
        items: &[RemoteId],
    ) -> Result<Vec<bool>, Failure> {
        self.inner().strayed(calendar, items).await
    }
    async fn create(&self, calendar: &CalendarKey, item: &Item) -> Result<Written, Failure> {
        let hook = self.before_create.lock().unwrap().take();
        if let Some((desk, ask, id, shows)) = hook {
            let answer = desk.decide(ask).await;
            if granted(&answer) {
                self.office.product_puts(id, shows);
            }
        }
        let written = self.inner().create(calendar, item).await?;
        let hook = self.delete_after_create.lock().unwrap().take();
        if let Some(desk) = hook {
            let what = AskWhat::Delete { at: written.remote_id.clone(), kind: EntityKind::Shift };
            let answer = desk.decide(self.office.ask(what)).await;
            if granted(&answer) {
                self.office.product_removes(&written.remote_id);
            }
        }
        Ok(written)
    }
    async fn update(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
        item: &Item,
    ) -> Result<Written, Failure> {
        let done = self.inner().update(calendar, remote, etag, item).await;
        let hook = self.on_update.lock().unwrap().take();
        if let Some((desk, ask)) = hook {
            desk.decide(ask).await;
        }
        done
    }
    async fn delete(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
    ) -> Result<(), Failure> {
        self.inner().delete(calendar, remote, etag).await
    }
    async fn write_all(&self, writes: &[Write]) -> Vec<Result<Option<Written>, Failure>> {
        write_one_by_one(self, writes).await
    }
    async fn publish(
        &self,
        calendar: &CalendarKey,
        interval: &domain::UtcInterval,
    ) -> Result<(), Failure> {
        self.inner().publish(calendar, interval).await
    }
    fn requests_sent(&self) -> u64 {
        self.inner().requests_sent()
    }
}

fn its() -> ScheduleItem {
    ScheduleItem::Shift(shown("ada", monday("08:00", "16:00")))
}
const READ_BACK: CycleOptions = CycleOptions {
    read_back: true,
    allow_deletions: None,
    allow_event_changes: None,
    purge: false,
    writes: true,
};

#[tokio::test]
async fn a_repetition_while_we_are_making_it_makes_nothing_twice() {
    let office = Office::open(lenient(), []).await;
    assert!(granted(&office.asked(create("SHFT_1", its())).await));
    // The product gave up; a little later our drain makes it, and meanwhile it is asked again.
    office.clock.advance(SignedDuration::from_mins(10));
    let hooked = Hooked::new(&office);
    *hooked.before_create.lock().unwrap() =
        Some((office.desk(), office.ask(create("SHFT_2", its())), "SHFT_2", its()));
    hooked.cycle(CycleOptions::default()).await;
    for _ in 0..3 {
        office.clock.advance(SignedDuration::from_mins(10));
        hooked.cycle(READ_BACK).await;
    }
    assert_eq!(office.roster().await.len(), 1);
    assert_eq!(office.product_shows().len(), 1, "one shift in the roster, one in the product");
}

#[tokio::test]
async fn a_deletion_of_what_we_are_making_is_not_lost() {
    let office = Office::open(lenient(), []).await;
    office.put([Entity::Shift(shift("a", "ada", monday("08:00", "16:00")))]).await;
    let hooked = Hooked::new(&office);
    *hooked.delete_after_create.lock().unwrap() = Some(office.desk());
    hooked.cycle(CycleOptions::default()).await;
    office.clock.advance(SignedDuration::from_mins(10));
    hooked.cycle(READ_BACK).await;
    // Refused for the moment, or granted and done: in no case granted and there again.
    let there = office.live(&key(EntityKind::Shift, "a")).await.is_some();
    assert_eq!(there, office.product_shows().len() == 1);
    assert!(there, "what nobody knows the place of yet is not deleted");
}

#[tokio::test]
async fn what_a_listing_leaves_out_is_not_made_twice() {
    let office = Office::open(
        lenient(),
        [
            Entity::Shift(shift("a", "ada", monday("08:00", "16:00"))),
            Entity::Shift(shift("b", "ben", monday("08:00", "16:00"))),
        ],
    )
    .await;
    let hooked = Hooked::new(&office);
    hooked.drop_first.store(true, Ordering::Relaxed);
    let created = hooked.cycle(READ_BACK).await.created;
    hooked.drop_first.store(false, Ordering::Relaxed);
    let foreign = hooked.cycle(READ_BACK).await.foreign;
    assert_eq!((created, foreign, office.product_shows().len()), (0, 0, 2));
}

#[tokio::test]
async fn settling_our_own_write_leaves_the_vendor_its_turn() {
    use super::office::approval;
    use super::pages::open_shift;
    use domain::OpenShift;
    use engine::port::AskedRequest;
    let open = |label: &str, slots: u32| {
        let it = open_shift("o", slots, monday("08:00", "16:00"));
        Entity::OpenShift(OpenShift {
            label: label.into(),
            group: Some(super::pages::group_id("ward")),
            ..it
        })
    };
    let office = Office::open(lenient(), [open("Early", 3)]).await;
    let o = office.remote(EntityKind::OpenShift, "o").await;
    office.put([open("Late", 3)]).await;
    let hooked = Hooked::new(&office);
    let request = AskedRequest::OpenShift {
        open_shift: o.clone(),
        employee: testkit::builders::employee_id("ada"),
    };
    let made = [(
        "SHFT_9",
        ScheduleItem::Shift(domain::ShiftItem {
            label: "Late".into(),
            ..shown("ada", monday("08:00", "16:00"))
        }),
    )];
    *hooked.on_update.lock().unwrap() =
        Some((office.desk(), office.ask(approval("OREQ_1", &request, made))));
    hooked.cycle(CycleOptions::default()).await;
    office.clock.advance(SignedDuration::from_secs(1));
    let report = hooked.cycle(CycleOptions::default()).await;
    assert_eq!((report.created, report.updated, report.deleted), (0, 0, 0));
}

#[tokio::test]
async fn an_edit_on_an_old_view_gives_no_taken_slot_back() {
    use super::pages::{group_id, open_shift};
    use domain::{OpenShift, OpenShiftItem};
    let open = |slots: u32| {
        Entity::OpenShift(OpenShift {
            group: Some(group_id("ward")),
            ..open_shift("o", slots, monday("08:00", "16:00"))
        })
    };
    let office = Office::open(lenient(), [open(2)]).await;
    let o = office.remote(EntityKind::OpenShift, "o").await;
    // Somebody took one elsewhere; this mirror does not show it yet.
    office.put([open(1)]).await;
    let item = ScheduleItem::OpenShift(OpenShiftItem {
        group: Some(group_id("ward")),
        label: "Ward".into(),
        interval: monday("08:00", "16:00"),
        open_slots: 2,
        activities: vec![],
        notes: Some("bring keys".into()),
    });
    assert!(!granted(&office.asked(AskWhat::Edit { at: o, item }).await));
    let live = office.live(&key(EntityKind::OpenShift, "o")).await.map(|it| it.entity);
    assert_eq!(live, Some(open(1)));
}
