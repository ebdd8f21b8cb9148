//! A running API over a store in memory: a roster that is its own record, another one, clients.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::*;
use engine::approve::OwnRecord;
use engine::port::*;
use engine::run::approval::DeskEquipment;
use engine::run::schedule_desk::ScheduleDesk;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde_json::Value;
use server::api::issue::{IssuedClient, issue_client};
use server::api::{ApiMirror, ApiParts, ApiRoster, SyncProvider};
use server::feed::render::FeedOptions;
use server::{ServerParts, ServerState};
use testkit::builders::{employee, ingest, shift};
use testkit::manual_clock::ManualClock;
use testkit::memory_store::MemoryStore;
use testkit::seeded_entropy::SeededEntropy;
use tokio::net::TcpListener;

use crate::client::{Answer, parse, raw};

pub const LIST: &str = "/api/v2/wfm/schedules";

pub fn ward() -> RosterName {
    RosterName::new("ward").unwrap()
}

pub fn clinic() -> RosterName {
    RosterName::new("clinic").unwrap()
}

pub struct World {
    pub store: Arc<MemoryStore>,
    pub clock: Arc<ManualClock>,
    pub entropy: Arc<SeededEntropy>,
    pub address: SocketAddr,
    /// Deletions that were announced.
    pub deleted: Arc<AtomicU64>,
}

/// A client with a token.
pub struct Client {
    pub issued: IssuedClient,
    pub token: String,
}

impl World {
    /// Ada and Bob with three shifts in `ward`, which is its own record; one shift in `clinic`,
    /// which is not.
    pub async fn new() -> Self {
        Self::with_limit(1000).await
    }

    pub async fn with_limit(requests_per_minute: u32) -> Self {
        let store = Arc::new(MemoryStore::new());
        let people = ["ada", "bob"].map(|id| Entity::Employee(employee(id)));
        let shifts = [("s1", "ada", 30), ("s2", "bob", 30), ("s3", "ada", 60)]
            .map(|(id, who, start)| Entity::Shift(shift(id, who, start)));
        let entities = people.into_iter().chain(shifts);
        store.commit_ingest(&ward(), ingest(ChangeSeq(0), entities)).await.unwrap();
        let other = [Entity::Employee(employee("zoe")), Entity::Shift(shift("z1", "zoe", 30))];
        store.commit_ingest(&clinic(), ingest(ChangeSeq(0), other)).await.unwrap();
        Self::over(store, requests_per_minute).await
    }

    /// One more server over a store: another process, or the same after a restart.
    pub async fn over(store: Arc<MemoryStore>, requests_per_minute: u32) -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-21T06:00:00.5Z".parse().unwrap()));
        let entropy = Arc::new(SeededEntropy::new(7));
        let deleted = Arc::new(AtomicU64::new(0));
        let api = parts(&store, &clock, &entropy, &deleted, requests_per_minute);
        let state = Arc::new(ServerState::new(ServerParts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::clone(&entropy) as Arc<dyn Entropy>,
            feeds: BTreeMap::new(),
            callbacks: [].into(),
            hooks: Default::default(),
            api,
            dashboard: None,
            metrics: None,
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(server::serve(listener, state, std::future::pending()));
        Self { store, clock, entropy, address, deleted }
    }

    /// A client of `ward` that may do everything.
    pub async fn everything(&self) -> Client {
        self.client("all", &ward(), &ApiScope::ALL).await
    }

    pub async fn client(&self, name: &str, roster: &RosterName, scopes: &[ApiScope]) -> Client {
        let scopes: BTreeSet<ApiScope> = scopes.iter().copied().collect();
        let (store, entropy, clock) = (&*self.store, &*self.entropy, &*self.clock);
        let issued = issue_client(store, entropy, clock, name, roster, scopes).await.unwrap();
        let issued = issued.unwrap();
        let token = self.token(&issued).await;
        Client { issued, token }
    }

    pub async fn token(&self, client: &IssuedClient) -> String {
        let answer = self.ask_token(&client.id.0, client.secret.expose_secret(), "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        json(&answer)["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn ask_token(&self, id: &str, secret: &str, more: &str) -> Answer {
        let body =
            format!("grant_type=client_credentials&client_id={id}&client_secret={secret}{more}");
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        self.send("POST", "/oauth/token", &[form], body.as_bytes()).await
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method != "GET" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        parse(&raw(self.address, &[head.as_bytes(), body].concat()).await)
    }

    pub async fn get(&self, client: &Client, path: &str) -> Answer {
        self.get_with(client, path, &[]).await
    }

    pub async fn get_with(&self, client: &Client, path: &str, headers: &[(&str, &str)]) -> Answer {
        let bearer = format!("Bearer {}", client.token);
        let headers = [&[("Authorization", bearer.as_str())], headers].concat();
        self.send("GET", path, &headers, b"").await
    }

    pub async fn write(
        &self,
        client: &Client,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let bearer = format!("Bearer {}", client.token);
        let own = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &[&own, headers].concat(), body.as_bytes()).await
    }

    /// A change as an ingest makes it, decided at `at`.
    pub async fn commit(&self, at: Timestamp, shifts: &[Shift], gone: &[&str]) {
        let expected = self.store.roster_seq(&ward()).await.unwrap();
        let commit = IngestCommit {
            at,
            tombstones: gone.iter().map(|id| testkit::builders::shift_key(id)).collect(),
            ..ingest(expected, shifts.iter().cloned().map(Entity::Shift))
        };
        self.store.commit_ingest(&ward(), commit).await.unwrap();
    }

    pub fn pass(&self, milliseconds: i64) {
        self.clock.advance(SignedDuration::from_millis(milliseconds));
    }
}

fn parts(
    store: &Arc<MemoryStore>,
    clock: &Arc<ManualClock>,
    entropy: &Arc<SeededEntropy>,
    deleted: &Arc<AtomicU64>,
    requests_per_minute: u32,
) -> ApiParts {
    let decider = OwnRecord { rules: RuleSet::default(), zone: TimeZone::UTC };
    let equipment = DeskEquipment {
        store: Arc::clone(store) as Arc<dyn Store>,
        decider: Arc::new(decider),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        entropy: Arc::clone(entropy) as Arc<dyn Entropy>,
    };
    let roster = |desk: Option<ScheduleDesk>| {
        let deleted = Arc::clone(deleted);
        ApiRoster {
            desk: desk.map(Arc::new),
            written: Arc::new(move |count| {
                deleted.fetch_add(count, Ordering::SeqCst);
            }),
            mirrors: vec![ApiMirror {
                name: MirrorName::new("ward-caldav").unwrap(),
                provider: SyncProvider::Caldav,
                past: Duration::from_secs(7 * 86_400),
                future: Duration::from_secs(56 * 86_400),
            }],
            queued: Arc::default(),
            feed: FeedOptions::default(),
        }
    };
    let desk = ScheduleDesk::new(equipment, ward());
    ApiParts {
        rosters: [(ward(), roster(Some(desk))), (clinic(), roster(None))].into(),
        requests_per_minute,
        never_write: BTreeSet::from(["calendars".to_owned()]),
    }
}

pub fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// The answer is this error, in the form of errors, and tells where the client stands.
#[track_caller]
pub fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let error = json(answer);
    assert_eq!(
        (error["code"].as_str(), error["status"].as_u64()),
        (Some(code), Some(status.into()))
    );
    assert!(!error["message"].as_str().unwrap().is_empty() && error["details"].is_array());
    assert_eq!(error["contextId"].as_str().unwrap().len(), 16);
    for header in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
        assert!(answer.header(header).is_some(), "no {header} in {answer:?}");
    }
}

/// The ids on a page.
pub fn ids(page: &Value) -> Vec<String> {
    let entities = page["entities"].as_array().unwrap_or_else(|| panic!("{page}"));
    entities.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

/// A shift as clients write it: four hours from an hour after midnight on.
pub fn to_write(who: &str, hour: i64) -> Value {
    let at = |hours: i64| testkit::builders::hour(hours).to_string();
    serde_json::json!({
        "userId": who, "label": "Extra", "start": at(hour), "end": at(hour + 4),
    })
}
