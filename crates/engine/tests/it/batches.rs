//! Writes that go together: what is let through at the same instant is one batch, each of them has
//! an outcome of its own, and what is late or shut out is not sent.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::{CalendarKey, Directory, Employee, Entity, ItemKey, UtcInterval};
use engine::port::{
    Capabilities, DeltaToken, ETag, Failure, FailureClass, Finding, Item, Listing, Opened,
    Placement, Probe, QuotaScope, RemoteId, Sighting, Target, Write, WriteWhat, Written,
};
use engine::run::batch::{Batches, NotSent};
use engine::run::gate::{Gate, Pass};
use engine::run::watch::Unwatched;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use testkit::builders::{calendar, hour};
use testkit::manual_clock::ManualClock;
use testkit::seeded_entropy::SeededEntropy;

/// A vendor that takes three writes at once, refuses those to `bad`, and says nothing of what
/// comes after the first where it is told to be short.
struct Vendor {
    capabilities: Capabilities,
    batches: Mutex<Vec<Vec<String>>>,
    short: bool,
}

impl Vendor {
    fn new(batch_size_max: usize) -> Self {
        let capabilities = Capabilities { batch_size_max, ..Capabilities::of_subscriptions() };
        let capabilities = Capabilities { quotas: vec![], ..capabilities };
        Self { capabilities, batches: Mutex::default(), short: false }
    }

    fn sizes(&self) -> Vec<usize> {
        self.batches.lock().expect("not poisoned").iter().map(Vec::len).collect()
    }

    fn take(&self, writes: &[Write]) -> Vec<Result<Option<Written>, Failure>> {
        let ids: Vec<String> = writes.iter().map(|it| id_of(it).0).collect();
        self.batches.lock().expect("not poisoned").push(ids);
        let outcome = |write: &Write| match id_of(write) {
            RemoteId(id) if id == "bad" => Err(failure(FailureClass::Refused)),
            remote_id => Ok(Some(Written { remote_id, etag: None, echoed: None })),
        };
        let told = if self.short { 1 } else { writes.len() };
        writes.iter().take(told).map(outcome).collect()
    }
}

fn id_of(write: &Write) -> RemoteId {
    match &write.what {
        WriteWhat::Update { remote, .. } | WriteWhat::Delete { remote, .. } => remote.clone(),
        WriteWhat::Create(_) => panic!("nothing is made here"),
    }
}

fn failure(class: FailureClass) -> Failure {
    Failure { class, operation: "write".into(), status: None, detail: "no".into() }
}

fn not_asked<T>() -> Result<T, Failure> {
    panic!("only writes go together")
}

#[async_trait]
impl Target for Vendor {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
    fn meet(&self, _: Arc<Directory>) {}
    fn place(&self, _: &Entity, _: Option<&Employee>) -> Placement {
        Placement::NotShown
    }
    fn remote_id(&self, _: &CalendarKey, _: &ItemKey, _: u32) -> Option<RemoteId> {
        None
    }
    async fn check(&self) -> Vec<Finding> {
        vec![]
    }
    async fn open(&self, _: &CalendarKey) -> Result<Opened, Failure> {
        not_asked()
    }
    async fn list(&self, _: &CalendarKey, _: Option<&DeltaToken>) -> Result<Listing, Failure> {
        not_asked()
    }
    async fn look(&self, _: &CalendarKey, _: &[Probe]) -> Result<Vec<Sighting>, Failure> {
        not_asked()
    }
    async fn strayed(&self, _: &CalendarKey, _: &[RemoteId]) -> Result<Vec<bool>, Failure> {
        not_asked()
    }
    async fn create(&self, _: &CalendarKey, _: &Item) -> Result<Written, Failure> {
        not_asked()
    }
    async fn update(
        &self,
        _: &CalendarKey,
        _: &RemoteId,
        _: Option<&ETag>,
        _: &Item,
    ) -> Result<Written, Failure> {
        not_asked()
    }
    async fn delete(
        &self,
        _: &CalendarKey,
        remote: &RemoteId,
        _: Option<&ETag>,
    ) -> Result<(), Failure> {
        self.take(&[write("ada", &remote.0)]).remove(0).map(drop)
    }
    async fn write_all(&self, writes: &[Write]) -> Vec<Result<Option<Written>, Failure>> {
        self.take(writes)
    }
    async fn publish(&self, _: &CalendarKey, _: &UtcInterval) -> Result<(), Failure> {
        not_asked()
    }
    fn requests_sent(&self) -> u64 {
        0
    }
}

fn write(place: &str, id: &str) -> Write {
    let what = WriteWhat::Delete { remote: RemoteId(id.to_owned()), etag: None };
    Write { calendar: calendar(place), what, not_after: Timestamp::MAX }
}

struct Rig {
    vendor: Vendor,
    clock: ManualClock,
    gate: Gate,
}

impl Rig {
    fn new(vendor: Vendor) -> Self {
        let clock = ManualClock::new(hour(0));
        let entropy = Arc::new(SeededEntropy::new(1));
        let gate = Gate::new(Arc::new(clock.clone()), entropy, vendor.capabilities());
        Self { vendor, clock, gate }
    }

    fn batches(&self) -> Batches<'_> {
        Batches::new(&self.vendor, &self.gate, &self.clock)
    }

    async fn pass(&self, place: &str) -> Pass<'_> {
        let place = calendar(place);
        let pass = self.gate.enter(Some(&place), Timestamp::MAX, &Unwatched).await;
        pass.unwrap_or_else(|_| panic!("the gate is open"))
    }
}

/// Where a write was carried out, or how it failed.
fn told(outcome: Result<Result<Option<Written>, Failure>, NotSent>) -> String {
    match outcome {
        Ok(Ok(Some(written))) => written.remote_id.0,
        Ok(Ok(None)) => "done".to_owned(),
        Ok(Err(failure)) => format!("{:?}", failure.class),
        Err(not_sent) => format!("{not_sent:?}"),
    }
}

#[tokio::test]
async fn what_is_let_through_at_once_goes_together_and_each_has_its_own_outcome() {
    let rig = Rig::new(Vendor::new(3));
    let batches = rig.batches();
    let ids = ["a", "b", "bad", "c", "d", "e"];
    let sending = ids.map(|id| {
        let (batches, rig) = (&batches, &rig);
        // Of several calendars, too.
        let place = if id == "b" { "bob" } else { "ada" };
        async move { batches.send(write(place, id), rig.pass(place).await).await }
    });
    let outcomes: Vec<String> = join_all(sending).await.into_iter().map(told).collect();
    assert_eq!(outcomes, ["a", "b", "Refused", "c", "d", "e"]);
    assert_eq!(rig.vendor.sizes(), [3, 3]);
}

#[tokio::test]
async fn a_vendor_that_takes_one_at_a_time_gets_one_at_a_time() {
    let rig = Rig::new(Vendor::new(1));
    let batches = rig.batches();
    let sending = ["a", "b"].map(|id| {
        let (batches, rig) = (&batches, &rig);
        async move { batches.send(write("ada", id), rig.pass("ada").await).await }
    });
    let outcomes: Vec<String> = join_all(sending).await.into_iter().map(told).collect();
    assert_eq!((outcomes, rig.vendor.sizes()), (vec!["a".into(), "b".into()], vec![1, 1]));
}

#[tokio::test]
async fn what_the_vendor_says_nothing_of_is_in_doubt_and_never_called_done() {
    let rig = Rig::new(Vendor { short: true, ..Vendor::new(3) });
    let batches = rig.batches();
    let sending = ["a", "b", "c"].map(|id| {
        let (batches, rig) = (&batches, &rig);
        async move { batches.send(write("ada", id), rig.pass("ada").await).await }
    });
    let outcomes: Vec<String> = join_all(sending).await.into_iter().map(told).collect();
    assert_eq!(outcomes, ["a", "Unknown", "Unknown"]);
}

#[tokio::test]
async fn what_was_let_through_too_long_ago_is_let_through_anew() {
    let rig = Rig::new(Vendor::new(3));
    let pass = rig.pass("ada").await;
    rig.clock.advance(SignedDuration::from_millis(11));
    let outcome = rig.batches().send(write("ada", "late"), pass).await;
    assert_eq!((told(outcome), rig.vendor.sizes()), ("Stale".to_owned(), vec![]));
}

#[tokio::test]
async fn what_the_vendor_shut_out_meanwhile_is_not_sent_and_others_are() {
    let rig = Rig::new(Vendor::new(3));
    let batches = rig.batches();
    let (first, ada, bob) = (rig.pass("ada").await, rig.pass("ada").await, rig.pass("bob").await);
    let retry_after = Some(std::time::Duration::from_secs(5));
    let scope = QuotaScope::Calendar;
    first.ended(Some(&failure(FailureClass::Throttled { retry_after, scope })));
    let outcomes =
        tokio::join!(batches.send(write("ada", "a"), ada), batches.send(write("bob", "b"), bob));
    assert_eq!(told(outcomes.0), "Closed");
    assert_eq!((told(outcomes.1), rig.vendor.sizes()), ("done".to_owned(), vec![1]));
}
