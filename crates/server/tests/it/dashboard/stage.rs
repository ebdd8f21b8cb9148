//! A server with a dashboard, over a store in memory in which one shift stands in a conflict.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::{Entity, EventSpan, Fingerprint, Fingerprinter};
use engine::overview::{MirrorOutline, Outline};
use engine::port::*;
use jiff::SignedDuration;
use secrecy::SecretString;
use server::{DashboardParts, ServerParts, ServerState, Side, serve_side};
use testkit::builders::*;
use testkit::manual_clock::ManualClock;
use testkit::memory_store::MemoryStore;
use testkit::seeded_entropy::SeededEntropy;
use tokio::net::TcpListener;

use crate::client::{self, Answer, get, post};
use crate::world::World;

pub const PASSWORD: &str = "correct horse+battery&staple=100%";
/// Where the server thinks that browsers come from; see [`crate::client`].
pub const ORIGIN: &str = "Origin: http://rota.test\r\n";
/// What no page may carry as it is.
pub const HOSTILE: &str = "<script>alert('1')</script>\"><img src=x>";

pub struct Stage {
    pub store: Arc<MemoryStore>,
    pub clock: Arc<ManualClock>,
    pub address: SocketAddr,
}

pub fn outline() -> Outline {
    let mirror = MirrorOutline { name: mirror(), roster: roster() };
    Outline { rosters: vec![roster()], mirrors: vec![mirror] }
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(None, Side::Everything).await
    }

    pub async fn with(public_url: Option<&str>, side: Side) -> Self {
        let parts = DashboardParts {
            password: SecretString::from(PASSWORD),
            outline: outline(),
            public_url: public_url.map(str::to_owned),
        };
        Self::made(Some(parts), side).await
    }

    pub async fn made(dashboard: Option<DashboardParts>, side: Side) -> Self {
        let store = Arc::new(MemoryStore::new());
        let mut ada = employee("ada");
        ada.name = Some(HOSTILE.into());
        let mut work = shift("s1", "ada", 30);
        work.label = HOSTILE.into();
        let entities = [Entity::Employee(ada), Entity::Shift(work)];
        store.commit_ingest(&roster(), ingest(ChangeSeq(0), entities)).await.unwrap();
        let clock = Arc::new(ManualClock::new(midnight()));
        let entropy = Arc::new(SeededEntropy::new(7));
        let state = Arc::new(ServerState::new(ServerParts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy,
            feeds: [].into(),
            callbacks: [].into(),
            hooks: Default::default(),
            api: server::api::ApiParts::default(),
            dashboard,
            metrics: None,
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_side(listener, state, side, std::future::pending()));
        let stage = Self { store, clock, address };
        stage.conflicts(1).await;
        stage
    }

    /// A server with a dashboard over the store and the clock of another world; the stage's own
    /// store and clock are not asked.
    pub async fn over(world: &World, outline: Outline) -> Self {
        let password = SecretString::from(PASSWORD);
        let state = Arc::new(ServerState::new(ServerParts {
            store: world.store.clone(),
            clock: world.clock.clone(),
            entropy: world.entropy.clone(),
            feeds: [].into(),
            callbacks: [].into(),
            hooks: Default::default(),
            api: server::api::ApiParts::default(),
            dashboard: Some(DashboardParts { password, outline, public_url: None }),
            metrics: None,
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_side(listener, state, Side::Everything, std::future::pending()));
        let (store, clock) = (MemoryStore::new(), ManualClock::new(midnight()));
        Self { store: Arc::new(store), clock: Arc::new(clock), address }
    }

    /// So many events stand in the way of Ada's shift.
    pub async fn conflicts(&self, count: usize) {
        let calendar = calendar("ada@example.com");
        let domain = LeaseDomain::calendar(&mirror(), &calendar);
        let leases = self.store.acquire_leases(&[domain], "me", hour(0), hour(1)).await.unwrap();
        let LeaseGrant::Granted(epoch) = leases[0] else { panic!("{leases:?}") };
        let row = |number: usize| ConflictRow {
            calendar: calendar.clone(),
            shift: shift_key("s1"),
            event: event(number),
            span: EventSpan::Timed(hours(31, 32)),
            since: hour(-1),
            left: Left::Reported,
        };
        let conflicts = (0..count).map(row).collect();
        let looked =
            ConflictWrite::Looked { calendar: calendar.clone(), at: midnight(), conflicts };
        let commit = LedgerCommit {
            fences: vec![Fenced { calendar, epoch }],
            conflicts: vec![looked],
            ..LedgerCommit::default()
        };
        self.store.commit_ledger(&mirror(), commit).await.unwrap();
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        get(self.address, path, headers).await
    }

    /// One item is set aside, one is fought over and one is left as somebody made it.
    pub async fn troubles(&self) {
        let calendar = calendar("ada@example.com");
        let domain = LeaseDomain::calendar(&mirror(), &calendar);
        let leases = self.store.acquire_leases(&[domain], "me", hour(0), hour(1)).await.unwrap();
        let LeaseGrant::Granted(epoch) = leases[0] else { panic!("{leases:?}") };
        let trouble = Trouble {
            refusals: 3,
            reason: "HTTP 403: no licence".into(),
            fingerprint: event(0),
            quarantined_at: Some(hour(-2)),
        };
        let row = ledger_row(shift_key("s1"), &calendar);
        let row = LedgerRow { trouble: Some(trouble), ..row };
        let drift = |id: &str, standing| {
            DriftWrite::Put(Drift {
                calendar: calendar.clone(),
                key: shift_key(id).into(),
                change: Change::Moved,
                found: None,
                wanted: event(1),
                since: hour(-3),
                seen_at: hour(-1),
                put_right_at: vec![],
                rival: Rival::Program,
                standing,
                refused: None,
            })
        };
        let drifts = vec![drift("s2", Standing::Left), drift("s3", Standing::Contested)];
        let commit = LedgerCommit {
            fences: vec![Fenced { calendar: calendar.clone(), epoch }],
            writes: vec![LedgerWrite::Put(row)],
            drifts,
            ..LedgerCommit::default()
        };
        self.store.commit_ledger(&mirror(), commit).await.unwrap();
    }

    /// The roster was read two hours ago and the mirror's cycle ended an hour ago, both well.
    pub async fn ended_well(&self) {
        let read = serde_json::json!({
            "name": roster(), "outcome": "done", "unread": false, "upserted": 2, "deleted": 0,
            "unchanged": 0, "notes": 0, "skipped": 0, "error": null
        });
        let cycled = serde_json::json!({
            "name": mirror(), "roster": roster(), "outcome": "done", "created": 0, "updated": 0,
            "deleted": 0, "unchanged": 0, "adopted": 0, "failed": 0, "held": 0, "quarantined": 0,
            "foreign": 0, "busy": 0, "requests": 1, "duration_ms": 1, "read_back": false,
            "read_back_at": null, "unmapped": [], "problems": [], "error": null, "gate": null
        });
        let of_roster = (format!("roster/{}", roster()), hour(-2), read);
        let of_mirror = (format!("mirror/{}", mirror()), hour(-1), cycled);
        for (subject, at, body) in [of_roster, of_mirror] {
            let report = ReportRow { subject, at, body: body.to_string() };
            self.store.put_report(report).await.unwrap();
        }
    }

    /// Sends the form, with more headers.
    pub async fn try_with(&self, password: &str, headers: &str) -> Answer {
        let encoded: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        let body = format!("password={encoded}");
        post(self.address, "/sign-in", &format!("{kind}{headers}"), body.as_bytes()).await
    }

    /// Signs in; the cookie.
    pub async fn sign_in(&self) -> String {
        let answer = self.try_with(PASSWORD, ORIGIN).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        cookie(&answer)
    }

    pub fn passes(&self, time: Duration) {
        self.clock.advance(SignedDuration::try_from(time).unwrap());
    }

    pub async fn see(&self, path: &str, cookie: &str) -> Answer {
        self.get(path, &[("Cookie", cookie)]).await
    }

    /// Asks the API with HTTP Basic.
    pub async fn ask(&self, path: &str, password: &str) -> Answer {
        use base64::Engine as _;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("ops:{password}"));
        self.get(path, &[("Authorization", &format!("Basic {pair}"))]).await
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        client::request(self.address, method, path, headers).await
    }
}

fn event(number: usize) -> Fingerprint {
    let mut print = Fingerprinter::new("event");
    print.number(number as i64);
    print.finish()
}

/// Name and value of the session's cookie that is set.
pub fn cookie(answer: &Answer) -> String {
    pair(answer, "rotabridge_session")
}

/// Name and value of a cookie that is set.
pub fn pair(answer: &Answer, name: &str) -> String {
    let set = answer.cookie_set(name).unwrap();
    format!("{name}={}", set.split(';').next().unwrap())
}
