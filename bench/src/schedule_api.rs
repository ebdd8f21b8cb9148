//! Pages of the Schedule API from SQLite with a million shifts, and polls that find no change.
//!
//! The server on processor 0 with one thread, as `serve` runs it; clients on processor 1, each a
//! connection that follows `nextUri` from page to page, so that no page is asked for twice.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use domain::{Entity, RosterName};
use engine::port::{
    ApiClient, ApiScope, ApiToken, ChangeSeq, ClientId, IngestCommit, SourceRef, SourceState,
    Store, Upsert,
};
use server::api::{ApiParts, ApiRoster};
use server::feed::link::hash;
use server::feed::render::FeedOptions;
use server::{ServerParts, ServerState};

use crate::child::Answering;
use crate::feed::{Chanceless, RealClock};
use crate::http::{Connection, split};
use crate::measure::{Runs, now};
use crate::report::{Report, Row, Trouble, Unit};
use crate::{Setting, child, sample};

const EMPLOYEES: usize = 10_000;
const SHIFTS_EACH: usize = 100;
const SERVER_CPU: usize = 0;
const CONNECTIONS: usize = 4;
const TIME: Duration = Duration::from_secs(6);
const POLLS: usize = 3000;
const TOKEN: &str = "nobody-guesses-this-token";
const PAGES_GOAL: f64 = 5000.0;
const POLL_GOAL: f64 = 0.002;

/// Measures.
pub fn run(setting: &Setting) -> Result<Report, Trouble> {
    let folder = tempfile::tempdir()?;
    let place = folder.path().join("api.db").display().to_string();
    let command = child::again(&["api-server", &place])?;
    let mut ours = Answering::start(child::pinned(command, Some(SERVER_CPU)))?;
    let url = ours.line()?;
    let (host, path) = split(&url)?;
    let (mut pages, mut polls, mut bytes) = (Runs::default(), Runs::default(), 0);
    for _ in 0..setting.runs {
        let (rate, size) = walk(host, path)?;
        pages.push(rate);
        polls.push(poll(host, path)?);
        bytes = size;
    }
    let rows = vec![
        Row::at_least("pages of 100 shifts", Unit::PerSecond("pages"), &pages, PAGES_GOAL),
        Row::limit("poll without a change, p99", Unit::Seconds, &polls, POLL_GOAL),
    ];
    let notes = vec![format!(
        "{} shifts in SQLite, a page has {bytes} bytes; {CONNECTIONS} connections follow \
         `nextUri` for {} s; {POLLS} polls by `since`, one after the other.",
        EMPLOYEES * SHIFTS_EACH,
        TIME.as_secs(),
    )];
    Ok(Report { rows, notes })
}

fn headers() -> [(&'static str, String); 1] {
    [("Authorization", format!("Bearer {TOKEN}"))]
}

fn get(connection: &mut Connection, path: &str) -> Result<crate::http::Answer, Trouble> {
    let [(name, value)] = headers();
    connection.send("GET", path, &[(name, &value)], b"")
}

/// The text of a field of a page; fields after the entities are looked for from the end.
fn field(body: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.rsplit_once(&format!("\"{name}\":\""))?;
    rest.split('"').next().map(str::to_owned)
}

/// Pages in a second, and how large one is.
fn walk(host: &str, path: &str) -> Result<(f64, usize), Trouble> {
    let (count, size) = (AtomicU64::new(0), AtomicU64::new(0));
    // Each begins somewhere else; what it takes to get there by number is not looked at.
    let mut begins = Vec::new();
    for start in 0..CONNECTIONS {
        let mut connection = Connection::open(host)?;
        let first = format!("{path}?pageSize=100&pageNumber={}", start * 1000 + 1);
        let page = get(&mut connection, &first)?;
        let next = field(&page.body, "nextUri");
        begins.push((connection, next.ok_or_else(|| Trouble::failed("no next page"))?));
    }
    let began = Instant::now();
    let worker = |(mut connection, mut next): (Connection, String)| -> Result<(), Trouble> {
        while began.elapsed() < TIME {
            if connection.is_over() {
                connection = Connection::open(host)?;
            }
            let answer = get(&mut connection, &next)?;
            if answer.status != 200 {
                return Err(Trouble::failed(format!("{next} answers {}", answer.status)));
            }
            count.fetch_add(1, Ordering::Relaxed);
            size.store(answer.body.len() as u64, Ordering::Relaxed);
            next = field(&answer.body, "nextUri").unwrap_or_else(|| path.to_owned());
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            begins.into_iter().map(|begin| scope.spawn(move || worker(begin))).collect();
        for worker in workers {
            worker.join().map_err(|_| Trouble::failed("a client gave up"))??;
        }
        Ok::<_, Trouble>(())
    })?;
    let rate = count.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    Ok((rate, usize::try_from(size.load(Ordering::Relaxed)).unwrap_or(0)))
}

/// The time below which 99 of 100 polls are answered, in seconds.
fn poll(host: &str, path: &str) -> Result<f64, Trouble> {
    let mut connection = Connection::open(host)?;
    let page = get(&mut connection, &format!("{path}?pageSize=1"))?;
    let token = field(&page.body, "deltaToken").ok_or_else(|| Trouble::failed("no token"))?;
    let path = format!("{path}?since={token}");
    let mut times = Vec::with_capacity(POLLS);
    for _ in 0..POLLS {
        let began = Instant::now();
        let answer = get(&mut connection, &path)?;
        times.push(began.elapsed());
        if answer.status != 304 {
            return Err(Trouble::failed(format!("a poll answers {}", answer.status)));
        }
    }
    times.sort_unstable();
    Ok(times[POLLS * 99 / 100].as_secs_f64())
}

/// The process that is measured: prints the API's address and serves until it is killed.
pub fn be_the_child(place: &str) -> Result<(), Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let url = format!("sqlite://{place}?mode=rwc");
        let store = store::open(&url).await.map_err(Trouble::failed)?;
        let roster = RosterName::new("emea").map_err(Trouble::failed)?;
        fill(&*store, &roster).await?;
        let of_roster = ApiRoster {
            desk: None,
            written: Arc::new(|_| {}),
            mirrors: vec![],
            queued: Arc::default(),
            feed: FeedOptions::default(),
        };
        let parts = ServerParts {
            store,
            clock: Arc::new(RealClock),
            entropy: Arc::new(Chanceless),
            feeds: BTreeMap::new(),
            callbacks: BTreeMap::new(),
            hooks: Default::default(),
            api: ApiParts {
                rosters: [(roster, of_roster)].into(),
                requests_per_minute: u32::MAX,
                never_write: BTreeSet::new(),
            },
            dashboard: None,
            metrics: None,
        };
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("http://{}/api/v2/wfm/schedules", listener.local_addr()?);
        server::serve(listener, Arc::new(ServerState::new(parts)), std::future::pending()).await;
        Ok(())
    })
}

async fn fill(store: &dyn Store, roster: &RosterName) -> Result<(), Trouble> {
    let mut seq = ChangeSeq(0);
    for employees in (0..EMPLOYEES).collect::<Vec<_>>().chunks(500) {
        let mut upserts = Vec::new();
        for employee in employees {
            let employee = sample::employee(*employee)?;
            let id = employee.id.clone();
            upserts.push(upsert(Entity::Employee(employee)));
            for index in 0..SHIFTS_EACH {
                upserts.push(upsert(sample::shift(&id, index)?.entity));
            }
        }
        let commit = IngestCommit {
            upserts,
            tombstones: vec![],
            state: SourceState::default(),
            at: now(),
            expected: seq,
            drop_hints: false,
            marks: vec![],
        };
        seq = store.commit_ingest(roster, commit).await.map_err(Trouble::failed)?.seq;
    }
    let scopes = BTreeSet::from([ApiScope::ScheduleRead]);
    let id = ClientId("bench".into());
    let client = ApiClient {
        id: id.clone(),
        name: "bench".into(),
        secret_hash: [7; 32],
        roster: roster.clone(),
        scopes: scopes.clone(),
        created_at: now(),
        revoked_at: None,
    };
    store.add_api_client(client).await.map_err(Trouble::failed)?;
    let expires_at = now() + jiff::SignedDuration::from_hours(24);
    let token = ApiToken { hash: hash(TOKEN), client: id, scopes, expires_at };
    store.add_api_token(token, now(), 9).await.map_err(Trouble::failed)
}

fn upsert(entity: Entity) -> Upsert {
    Upsert {
        fingerprint: entity.fingerprint(),
        twin: None,
        at: SourceRef("week-48.csv:2".into()),
        entity,
    }
}
