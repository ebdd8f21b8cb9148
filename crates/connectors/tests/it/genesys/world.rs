//! A played organisation, a roster that is read from it, and time that passes when it is waited
//! for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use connectors::genesys_cloud::GenesysCloudConfig;
use connectors::transport::{Dial, Stream};
use connectors::{ConnectionConfig, ConnectionContext};
use domain::policy::DeletionGuard;
use domain::{
    ConnectionName, Employee, Entity, EntityKind, Shift, SyncWindow, TimeOff, TimeOffSpan,
};
use engine::port::{Clock, Decider, Hooks, Source, Store};
use engine::report::IngestReport;
use engine::run::ingest::{Ingest, IngestError};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use simulators::genesys::{CLIENT, Genesys, Options, SECRET};
use testkit::builders::roster;
use testkit::memory_store::MemoryStore;
use testkit::seeded_entropy::SeededEntropy;

/// A Monday.
pub const START: &str = "2026-11-23T06:00:00Z";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// Time that jumps to whatever is waited for.
#[derive(Debug, Clone)]
pub struct Jumping(Arc<AtomicI64>);

impl Jumping {
    pub fn from(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.as_millisecond())))
    }

    pub fn pass(&self, time: SignedDuration) {
        self.0.fetch_add(time.as_millis() as i64, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::Relaxed)).unwrap()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let until = at.as_millisecond() + i64::from(at.subsec_nanosecond() % 1_000_000 > 0);
        self.0.fetch_max(until, Ordering::Relaxed);
    }
}

/// The way into the played organisation, without sockets.
struct Inside(Genesys);

#[async_trait]
impl Dial for Inside {
    async fn dial(&self, _: &str, _: u16) -> std::io::Result<Box<dyn Stream>> {
        let (ours, theirs) = tokio::io::duplex(256 * 1024);
        let genesys = self.0.clone();
        tokio::spawn(async move { genesys.serve_over(theirs).await });
        Ok(Box::new(ours))
    }
}

/// The old secret of events and the new one, while it is changed.
pub const HOOK_SECRETS: &str = "old-and-made-up-for-these-tests\nnew-and-made-up-for-these-tests";

pub struct World {
    pub genesys: Genesys,
    pub clock: Jumping,
    pub store: MemoryStore,
    pub source: Arc<dyn Source>,
    pub decider: Arc<dyn Decider>,
    pub hooks: Option<Arc<dyn Hooks>>,
    pub guard: DeletionGuard,
    pub unit: String,
    pub inbound: String,
    pub outbound: String,
    pub anna: String,
    pub ben: String,
    pub carl: String,
    pub described: Vec<Employee>,
    /// How many deletions are meant.
    pub allowance: Option<u64>,
    _folder: tempfile::TempDir,
}

/// The sides of a connection.
type Connected = (Arc<dyn Source>, Arc<dyn Decider>, Option<Arc<dyn Hooks>>);

impl World {
    pub fn new() -> Self {
        Self::with(Options::default(), "")
    }

    /// An organisation with one business unit in Berlin, two management units, three agents.
    pub fn with(options: Options, keys: &str) -> Self {
        let clock = Jumping::from(at(START));
        let theirs = clock.clone();
        let options = Options {
            clock: Some(Arc::new(move || theirs.now())),
            // Another port than the API's: results lie elsewhere.
            address: "http://localhost:9".into(),
            ..options
        };
        let genesys = Genesys::new(options);
        let unit = genesys.add_business_unit("Support", "Europe/Berlin");
        let inbound = genesys.add_team(&unit, "Inbound");
        let outbound = genesys.add_team(&unit, "Outbound");
        let anna = genesys.hire(&inbound, "Anna Ode", "anna@example.com");
        let ben = genesys.hire(&inbound, "Ben Ito", "ben@example.com");
        let carl = genesys.hire(&outbound, "Carl Ek", "carl@example.com");
        let folder = tempfile::tempdir().unwrap();
        let (source, decider, hooks) = Self::connect(&genesys, &clock, folder.path(), keys);
        Self {
            genesys,
            clock,
            store: MemoryStore::new(),
            source,
            decider,
            hooks,
            guard: DeletionGuard { deleted_share_max: 1.0, deletions_free: 1000 },
            unit,
            inbound,
            outbound,
            anna,
            ben,
            carl,
            described: vec![],
            allowance: Some(1000),
            _folder: folder,
        }
    }

    fn connect(
        genesys: &Genesys,
        clock: &Jumping,
        folder: &std::path::Path,
        keys: &str,
    ) -> Connected {
        std::fs::write(folder.join("secret"), SECRET).unwrap();
        std::fs::write(folder.join("hook-secret"), HOOK_SECRETS).unwrap();
        let text = format!(
            "region = \"mypurecloud.de\"\nclient_id = \"{CLIENT}\"\n\
             client_secret_file = \"secret\"\napi_url = \"http://localhost:1\"\n\
             login_url = \"http://localhost:2\"\n{keys}\n"
        );
        let config: GenesysCloudConfig = toml::from_str(&text).unwrap();
        let config = config.reached_by(Arc::new(Inside(genesys.clone())));
        config.validate().unwrap();
        let context = ConnectionContext {
            name: ConnectionName::new("genesys").unwrap(),
            base: folder.to_owned(),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(7)),
        };
        let decider = config.decider(&context).unwrap().unwrap();
        (config.source(&context).unwrap(), decider, config.hooks(&context).unwrap())
    }

    /// A week of work for everybody: Monday to Wednesday from eight in Berlin, with breaks.
    pub fn usual_week(&self) -> BTreeMap<String, Vec<String>> {
        let mut shifts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for agent in [&self.anna, &self.ben, &self.carl] {
            for date in ["2026-11-23", "2026-11-24", "2026-11-25"] {
                shifts.entry(agent.clone()).or_default().push(self.work(agent, date));
            }
        }
        shifts
    }

    /// Eight hours from eight in the morning, winter time.
    pub fn work(&self, agent: &str, date: &str) -> String {
        let start = at(&format!("{date}T07:00:00Z"));
        self.genesys.add_shift(agent, start, &[(240, "0"), (30, "2"), (150, "0"), (60, "6")])
    }

    pub async fn read(&self) -> Result<IngestReport, IngestError> {
        let name = roster();
        let now = self.clock.now();
        let week = std::time::Duration::from_secs(7 * 24 * 3600);
        let ingest = Ingest {
            roster: &name,
            source: self.source.as_ref(),
            store: &self.store,
            clock: &self.clock,
            window: SyncWindow::around(now, week, week * 8),
            employees: self.described.clone(),
            guard: self.guard,
        };
        ingest.run(self.allowance).await
    }

    /// Reads; new or changed, deleted, and how many requests it took.
    pub async fn counts(&self) -> (u64, u64, u64) {
        let before = self.genesys.counts().requests;
        let report = self.read().await.unwrap();
        (report.upserted, report.deleted, self.genesys.counts().requests - before)
    }

    async fn entities(&self) -> Vec<Entity> {
        let (_, index) = self.store.roster_index(&roster()).await.unwrap();
        let keys: Vec<_> = index.into_iter().map(|it| it.key).collect();
        let entries = self.store.roster_entries(&roster(), &keys).await.unwrap();
        entries.into_iter().map(|it| it.entity).collect()
    }

    pub async fn shifts_of(&self, agent: &str) -> Vec<Shift> {
        let mut shifts: Vec<Shift> = self
            .entities()
            .await
            .into_iter()
            .filter_map(|it| match it {
                Entity::Shift(shift) if shift.employee.as_str() == agent => Some(shift),
                _ => None,
            })
            .collect();
        shifts.sort_by_key(|it| it.interval);
        shifts
    }

    pub async fn absences_of(&self, agent: &str) -> Vec<TimeOff> {
        let mut found: Vec<TimeOff> = self
            .entities()
            .await
            .into_iter()
            .filter_map(|it| match it {
                Entity::TimeOff(off) if off.employee.as_str() == agent => Some(off),
                _ => None,
            })
            .collect();
        found.sort_by_key(|it| it.span.interval().unwrap());
        found
    }

    pub async fn employee(&self, id: &str) -> Option<Employee> {
        let all = self.store.employees(&roster()).await.unwrap();
        all.into_iter().find(|it| it.id.as_str() == id)
    }

    /// Holds everybody's roster against what the vendor shows.
    pub async fn assert_exact(&self) {
        let users: Vec<String> = self.genesys.read(|state| state.users.keys().cloned().collect());
        for agent in users {
            let works = self.genesys.read(|state| state.users[&agent].management_unit.is_some());
            if !works {
                continue;
            }
            let theirs: Vec<_> =
                self.genesys.shifts_of(&agent).iter().map(|it| (it.start, it.end())).collect();
            let ours = self.shifts_of(&agent).await;
            let ours: Vec<_> =
                ours.iter().map(|it| (it.interval.start(), it.interval.end())).collect();
            assert_eq!(ours, theirs, "{agent}");
        }
    }

    pub async fn names(&self, kind: EntityKind) -> Vec<String> {
        let entries = self.store.entries_of_kind(&roster(), kind).await.unwrap();
        let mut names: Vec<String> = entries
            .into_iter()
            .map(|it| match it.entity {
                Entity::ScheduleGroup(it) => it.name,
                Entity::TimeOffReason(it) => it.name,
                other => other.key().to_string(),
            })
            .collect();
        names.sort();
        names
    }
}

pub fn days_of(off: &TimeOff) -> String {
    match &off.span {
        TimeOffSpan::AllDay { first, end, zone } => format!("{first}/{end} {zone}"),
        TimeOffSpan::Timed(interval) => interval.to_string(),
    }
}
