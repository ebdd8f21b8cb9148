//! Subscriptions to hints: made, renewed with overlap, ended, and made again when they are gone.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use domain::{CalendarKey, ConnectionName};
use engine::port::{
    Capabilities, Clock, Failure, FailureClass, HookCall, HookMessage, HookStore, Hooks,
    InboundReply, KeptSubscription, Subscription, Topic,
};
use engine::run::gate::Gate;
use engine::run::subscriptions::{Keeper, KeeperReport};
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use testkit::builders::{calendar, hour, mirror};
use testkit::manual_clock::ManualClock;
use testkit::memory_store::MemoryStore;
use testkit::ownership::{NamedOwner, Obituaries};
use testkit::seeded_entropy::SeededEntropy;

/// A vendor whose subscriptions last for three days.
struct Vendor {
    clock: ManualClock,
    live: Mutex<Vec<(String, String)>>,
    /// Renewal makes another one in its place.
    replaces: bool,
    refuses: Mutex<bool>,
    made: Mutex<u64>,
}

impl Vendor {
    fn make(&self, secret: &SecretString) -> Result<Subscription, Failure> {
        if *self.refuses.lock().expect("not poisoned") {
            return Err(failure(FailureClass::Refused));
        }
        let mut made = self.made.lock().expect("not poisoned");
        *made += 1;
        let id = format!("sub-{made}");
        let live = (id.clone(), secret.expose_secret().to_owned());
        self.live.lock().expect("not poisoned").push(live);
        Ok(Subscription { id, detail: String::new(), expires_at: self.end() })
    }

    fn end(&self) -> jiff::Timestamp {
        self.clock.now() + SignedDuration::from_hours(72)
    }

    fn ids(&self) -> Vec<String> {
        self.live.lock().expect("not poisoned").iter().map(|(id, _)| id.clone()).collect()
    }
}

fn failure(class: FailureClass) -> Failure {
    let operation = "subscribe".to_owned();
    Failure { class, operation, status: None, detail: "no".into() }
}

#[async_trait::async_trait]
impl Hooks for Vendor {
    fn read(&self, _: &HookCall) -> HookMessage {
        HookMessage { reply: InboundReply { status: 202, body: vec![] }, notices: vec![] }
    }
    fn subscribes(&self, _: &Topic) -> bool {
        true
    }
    async fn subscribe(
        &self,
        _: &Topic,
        url: &str,
        secret: &SecretString,
    ) -> Result<Subscription, Failure> {
        assert_eq!(url, "https://rota.test/hooks/m365");
        self.make(secret)
    }
    async fn renew(
        &self,
        _: &Topic,
        subscription: &Subscription,
        _: &str,
        secret: &SecretString,
    ) -> Result<Subscription, Failure> {
        if !self.ids().contains(&subscription.id) {
            return Err(failure(FailureClass::Missing));
        }
        if self.replaces {
            return self.make(secret);
        }
        Ok(Subscription { expires_at: self.end(), ..subscription.clone() })
    }
    async fn unsubscribe(&self, subscription: &Subscription) -> Result<(), Failure> {
        self.live.lock().expect("not poisoned").retain(|(id, _)| *id != subscription.id);
        Ok(())
    }
}

struct Rig {
    store: MemoryStore,
    vendor: Vendor,
    clock: ManualClock,
    gate: Gate,
    connection: ConnectionName,
}

fn hash(secret: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    for (place, byte) in hash.iter_mut().zip(secret.bytes()) {
        *place = byte;
    }
    hash
}

impl Rig {
    fn new(replaces: bool) -> Self {
        let clock = ManualClock::new(hour(0));
        let entropy = Arc::new(SeededEntropy::new(1));
        let capabilities = Capabilities::of_subscriptions();
        let gate = Gate::new(Arc::new(clock.clone()), entropy, &capabilities);
        let vendor = Vendor {
            clock: clock.clone(),
            live: Mutex::default(),
            replaces,
            refuses: Mutex::new(false),
            made: Mutex::new(0),
        };
        let connection = ConnectionName::new("m365").expect("a plain name");
        Self { store: MemoryStore::new(), vendor, clock, gate, connection }
    }

    async fn keep(&self, wanted: &[&CalendarKey]) -> KeeperReport {
        self.keep_asked(wanted, &[], "me").await
    }

    async fn keep_asked(&self, wanted: &[&CalendarKey], asked: &[&str], who: &str) -> KeeperReport {
        let topic = |calendar: &&CalendarKey| Topic::Calendar {
            mirror: mirror(),
            calendar: (*calendar).clone(),
        };
        let wanted: BTreeSet<Topic> = wanted.iter().map(topic).collect();
        let asked: BTreeSet<String> = asked.iter().map(|it| (*it).to_owned()).collect();
        let entropy = SeededEntropy::new(self.clock.now().as_second() as u64);
        let owner = NamedOwner::new(who, Obituaries::default());
        let keeper = Keeper {
            connection: &self.connection,
            hooks: &self.vendor,
            store: &self.store,
            gate: &self.gate,
            clock: &self.clock,
            entropy: &entropy,
            ownership: &owner,
            url: "https://rota.test/hooks/m365",
            hash,
        };
        keeper.run(&wanted, &asked).await.expect("the store is there")
    }

    async fn kept(&self) -> Vec<KeptSubscription> {
        self.store.subscriptions().await.expect("lists")
    }

    async fn ids(&self) -> Vec<String> {
        self.kept().await.into_iter().map(|it| it.subscription.id).collect()
    }
}

#[tokio::test]
async fn they_are_made_once_and_ended_when_their_calendar_goes() {
    let rig = Rig::new(false);
    let (ada, bob) = (calendar("ada"), calendar("bob"));
    assert_eq!(rig.keep(&[&ada, &bob]).await.made, 2);
    assert_eq!(rig.keep(&[&ada, &bob]).await, KeeperReport::default());
    assert_eq!(rig.keep(&[&bob]).await.ended, 1);
    assert_eq!((rig.ids().await, rig.vendor.ids()), (vec!["sub-2".into()], vec!["sub-2".into()]));
}

#[tokio::test]
async fn what_is_kept_of_a_secret_is_what_the_vendor_was_given() {
    for replaces in [false, true] {
        let rig = Rig::new(replaces);
        rig.keep(&[&calendar("ada")]).await;
        rig.clock.advance(SignedDuration::from_hours(50));
        assert_eq!(rig.keep(&[&calendar("ada")]).await.renewed, 1);
        let live = rig.vendor.live.lock().expect("not poisoned").clone();
        for kept in rig.kept().await {
            let given = live.iter().find(|(id, _)| *id == kept.subscription.id);
            let (_, secret) = given.expect("the vendor knows it");
            assert_eq!(kept.secret_hash, hash(secret), "{replaces}");
        }
    }
}

#[tokio::test]
async fn they_are_renewed_while_a_third_of_their_time_is_left_and_overlap() {
    let rig = Rig::new(true);
    let ada = calendar("ada");
    rig.keep(&[&ada]).await;
    rig.clock.advance(SignedDuration::from_hours(47));
    assert_eq!(rig.keep(&[&ada]).await, KeeperReport::default());
    rig.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(rig.keep(&[&ada]).await.renewed, 1);
    assert_eq!(rig.ids().await, ["sub-1", "sub-2"], "the former one goes on");
    rig.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(rig.keep(&[&ada]).await.ended, 1);
    assert_eq!(rig.ids().await, ["sub-2"]);
}

#[tokio::test]
async fn one_that_is_gone_is_made_again_and_one_that_wants_it_is_renewed_at_once() {
    let rig = Rig::new(false);
    let ada = calendar("ada");
    rig.keep(&[&ada]).await;
    assert_eq!(rig.keep_asked(&[&ada], &["sub-1"], "me").await.renewed, 1);
    rig.vendor.live.lock().expect("not poisoned").clear();
    let report = rig.keep_asked(&[&ada], &["sub-1"], "me").await;
    assert!(report.more, "{report:?}");
    assert_eq!(rig.keep(&[&ada]).await.made, 1);
    assert_eq!(rig.ids().await, ["sub-2"]);
}

#[tokio::test]
async fn a_vendor_that_refuses_is_not_asked_a_thousand_times() {
    let rig = Rig::new(false);
    *rig.vendor.refuses.lock().expect("not poisoned") = true;
    let names: Vec<CalendarKey> = (0..50).map(|it| calendar(&format!("c{it}"))).collect();
    let report = rig.keep(&names.iter().collect::<Vec<_>>()).await;
    assert_eq!((report.made, report.failed, report.more), (0, 5, true));
    assert_eq!(rig.ids().await, [""; 0]);
}

#[tokio::test]
async fn one_process_at_a_time_keeps_them() {
    let rig = Rig::new(false);
    let domain = engine::port::LeaseDomain("hooks/m365".into());
    let store: &dyn engine::port::Store = &rig.store;
    store.acquire_leases(&[domain], "you", hour(0), hour(1)).await.expect("leases");
    assert!(rig.keep(&[&calendar("ada")]).await.elsewhere);
    assert_eq!(rig.ids().await, [""; 0]);
}

#[tokio::test]
async fn a_renewal_that_was_asked_for_and_not_done_is_to_be_asked_for_again() {
    let rig = Rig::new(true);
    let ada = calendar("ada");
    rig.keep(&[&ada]).await;
    *rig.vendor.refuses.lock().expect("not poisoned") = true;
    let report = rig.keep_asked(&[&ada], &["sub-1", "of-another-time"], "me").await;
    let again: Vec<String> = report.unfinished.iter().cloned().collect();
    assert_eq!((report.failed, again), (1, vec!["sub-1".to_owned()]));
    *rig.vendor.refuses.lock().expect("not poisoned") = false;
    let report = rig.keep_asked(&[&ada], &["sub-1"], "me").await;
    assert_eq!((report.renewed, report.unfinished), (1, BTreeSet::new()));

    // Nor is it lost where another process keeps them just now.
    let domain = engine::port::LeaseDomain("hooks/m365".into());
    let store: &dyn engine::port::Store = &rig.store;
    store.acquire_leases(&[domain], "you", hour(0), hour(1)).await.expect("leases");
    let report = rig.keep_asked(&[&ada], &["sub-2"], "me").await;
    assert!(report.elsewhere && report.unfinished.contains("sub-2"), "{report:?}");
}
