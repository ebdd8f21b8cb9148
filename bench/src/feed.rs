//! A feed of 200 events, served by us and by nginx from a file with the same bytes.
//!
//! One server at a time on processor 0, `wrk -t1 -c32` on processor 1; the servers in turn. Ours
//! is the product's own path: `server::serve` over an SQLite store, one thread; it looks into
//! the store again every two seconds and otherwise serves what it rendered and compressed once.
//! nginx has one worker, `sendfile`, an open-file cache, `gzip_static` and no access log.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Entity, RosterName};
use engine::port::{
    ChangeSeq, Clock, Entropy, FeedId, FeedLink, IngestCommit, SourceRef, SourceState, Store,
    Upsert,
};
use jiff::Timestamp;
use server::feed::link::{hash, subscription_token};
use server::feed::render::FeedOptions;
use server::{ServerParts, ServerState};

use crate::child::Answering;
use crate::http::{Connection, split};
use crate::measure::{Runs, now};
use crate::report::{Report, Row, Trouble, Unit};
use crate::{Setting, child, machine, sample};

const EVENTS: usize = 200;
const SERVER_CPU: usize = 0;
const CLIENT_CPU: usize = 1;
const SECONDS: u32 = 8;
const GOAL: f64 = 0.8;

/// One way of asking.
struct Way {
    name: &'static str,
    status: u16,
    headers: Vec<(String, String)>,
}

/// Measures.
pub fn run(setting: &Setting) -> Result<Report, Trouble> {
    let (wrk, nginx) = (program("wrk")?, program("nginx")?);
    program("taskset")?;
    let folder = tempfile::tempdir()?;
    let url = |of: &str| format!("{of}feed.ics");

    let mut ours = start_ours(folder.path())?;
    let ours_url = ours.line()?;
    let (host, path) = split(&ours_url)?;
    let mut connection = Connection::open(host)?;
    let plain = connection.send("GET", path, &[], b"")?;
    let packed = connection.send("GET", path, &[("Accept-Encoding", "gzip")], b"")?;
    if (plain.status, packed.header("content-encoding")) != (200, Some("gzip")) {
        return Err(Trouble::failed(format!("our feed: status {}", plain.status)));
    }
    std::fs::write(folder.path().join("feed.ics"), &plain.body)?;
    std::fs::write(folder.path().join("feed.ics.gz"), &packed.body)?;
    let nginx_server = Nginx::start(&nginx, folder.path())?;
    let nginx_url = url(&nginx_server.url);

    let mut rows = Vec::new();
    for kind in 0..3 {
        let (ours_way, other_way) = (way(kind, &ours_url)?, way(kind, &nginx_url)?);
        let (mut a, mut b) = (Runs::default(), Runs::default());
        for _ in 0..setting.runs {
            a.push(load(&wrk, &ours_url, &ours_way)?);
            b.push(load(&wrk, &nginx_url, &other_way)?);
        }
        rows.push(Row::beside(ours_way.name, Unit::PerSecond("req"), &a, ("nginx", &b), GOAL));
    }
    let notes = vec![format!(
        "{EVENTS} events, {} bytes, {} bytes gzipped, the same on both sides. nginx {}, wrk {}, \
         -t1 -c32 -d{SECONDS}s; each on one processor, the server on the other.",
        plain.body.len(),
        packed.body.len(),
        machine::version(&nginx, "-v"),
        machine::version(&wrk, "-v"),
    )];
    Ok(Report { rows, notes })
}

fn program(name: &str) -> Result<std::path::PathBuf, Trouble> {
    crate::tools::on_path(name)
}

/// How the feed at `url` is asked for, after trying that it is answered so.
fn way(kind: usize, url: &str) -> Result<Way, Trouble> {
    let gzip = ("Accept-Encoding".to_owned(), "gzip".to_owned());
    let (host, path) = split(url)?;
    let mut connection = Connection::open(host)?;
    let etag = connection.send("GET", path, &[], b"")?;
    let etag = etag.header("etag").unwrap_or_default().to_owned();
    let way = match kind {
        0 => Way { name: "plain, 200", status: 200, headers: vec![] },
        1 => Way { name: "pre-compressed, 200", status: 200, headers: vec![gzip] },
        _ => {
            let same = ("If-None-Match".to_owned(), etag);
            Way { name: "not changed, 304", status: 304, headers: vec![same] }
        }
    };
    let headers: Vec<(&str, &str)> =
        way.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = connection.send("GET", path, &headers, b"")?;
    let packed = answer.header("content-encoding").is_some();
    if answer.status != way.status || packed != (kind == 1) {
        return Err(Trouble::failed(format!("{}: {} answers {}", way.name, url, answer.status)));
    }
    Ok(way)
}

/// Requests answered in a second.
fn load(wrk: &Path, url: &str, way: &Way) -> Result<f64, Trouble> {
    let mut command = Command::new(wrk);
    command.args(["-t1", "-c32"]).arg(format!("-d{SECONDS}s"));
    for (name, value) in &way.headers {
        command.arg("-H").arg(format!("{name}: {value}"));
    }
    command.arg(url);
    let said = crate::measure::run(&mut child::pinned(command, Some(CLIENT_CPU)))?.well("wrk")?;
    let refused = said.stdout.lines().find(|line| line.contains("Non-2xx"));
    if let Some(line) = refused {
        return Err(Trouble::failed(format!("{}: {line}", way.name)));
    }
    let rate = said.stdout.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    let rate = rate.and_then(|rate| rate.trim().parse().ok());
    rate.ok_or_else(|| Trouble::failed(format!("wrk said `{}`", said.stdout)))
}

/// nginx; stopped when dropped.
struct Nginx {
    child: Child,
    url: String,
}

impl Nginx {
    fn start(program: &Path, folder: &Path) -> Result<Self, Trouble> {
        let port = free_port()?;
        let path = folder.display();
        let text = format!(
            "daemon off; worker_processes 1; pid {path}/nginx.pid; error_log {path}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{\n access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n \
             open_file_cache max=100 inactive=60s; open_file_cache_valid 60s;\n \
             types {{ text/calendar ics; }}\n \
             client_body_temp_path {path}/t1; proxy_temp_path {path}/t2;\n \
             fastcgi_temp_path {path}/t3; uwsgi_temp_path {path}/t4; scgi_temp_path {path}/t5;\n \
             server {{ listen 127.0.0.1:{port}; root {path}; gzip_static on; }}\n}}\n"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, text)?;
        // Its worker runs as another user.
        open_to_all(folder)?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&file).arg("-p").arg(folder);
        let mut command = child::pinned(command, Some(SERVER_CPU));
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let this = Self { child, url: format!("http://127.0.0.1:{port}/") };
        crate::tools::wait_for_port(port, "nginx")?;
        Ok(this)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its worker when asked to; killed, it would leave it behind.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn open_to_all(folder: &Path) -> Result<(), Trouble> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?)
}

fn free_port() -> Result<u16, Trouble> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn start_ours(folder: &Path) -> Result<Answering, Trouble> {
    let place = folder.join("feeds.db").display().to_string();
    Answering::start(child::pinned(child::again(&["feed-server", &place])?, Some(SERVER_CPU)))
}

/// The process that is measured: prints the feed's address and serves until it is killed.
pub fn be_the_child(place: &str) -> Result<(), Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store =
            store::open(&format!("sqlite://{place}?mode=rwc")).await.map_err(Trouble::failed)?;
        let roster = RosterName::new("emea").map_err(Trouble::failed)?;
        let token = subscription_token(&[7; 32]);
        fill(&*store, &roster, hash(token.expose())).await?;
        let parts = ServerParts {
            store,
            clock: Arc::new(RealClock),
            entropy: Arc::new(Chanceless),
            feeds: BTreeMap::from([(roster, FeedOptions::default())]),
            callbacks: BTreeMap::new(),
            hooks: Default::default(),
            api: server::api::ApiParts::default(),
            dashboard: None,
            metrics: None,
        };
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        println!("http://{address}/feeds/{}.ics", token.expose());
        server::serve(listener, Arc::new(ServerState::new(parts)), std::future::pending()).await;
        Ok(())
    })
}

async fn fill(store: &dyn Store, roster: &RosterName, token: [u8; 32]) -> Result<(), Trouble> {
    let employee = sample::employee(0)?;
    let mut entities =
        vec![Entity::Employee(employee.clone()), Entity::ScheduleGroup(sample::group())];
    for index in 0..EVENTS {
        entities.push(Entity::Shift(coming_shift(index)?));
    }
    let upsert = |entity: Entity| Upsert {
        fingerprint: entity.fingerprint(),
        twin: None,
        at: SourceRef("week-48.csv:2".into()),
        entity,
    };
    let commit = IngestCommit {
        upserts: entities.into_iter().map(upsert).collect(),
        tombstones: vec![],
        state: SourceState::default(),
        at: now(),
        expected: ChangeSeq(0),
        drop_hints: false,
        marks: vec![],
    };
    store.commit_ingest(roster, commit).await.map_err(Trouble::failed)?;
    let link = FeedLink {
        id: FeedId("feed-1".into()),
        token_hash: token,
        roster: roster.clone(),
        employee: employee.id,
        created_at: now(),
        revoked_at: None,
    };
    store.add_feed_link(link).await.map_err(Trouble::failed)
}

/// One of 200 shifts in the next seven weeks.
fn coming_shift(index: usize) -> Result<domain::Shift, Trouble> {
    let employee = sample::employee(0)?.id;
    let entry = sample::shift(&employee, index)?;
    let Entity::Shift(mut shift) = entry.entity else {
        return Err(Trouble::failed("not a shift"));
    };
    let minutes = i64::try_from(index * 340).map_err(Trouble::failed)?;
    let hour = now().as_second() / 3600 * 3600;
    let start = Timestamp::from_second(hour + minutes * 60).map_err(Trouble::failed)?;
    let end = start + jiff::SignedDuration::from_hours(5);
    shift.interval = domain::UtcInterval::new(start, end).map_err(Trouble::failed)?;
    shift.notes = Some(format!("Desk {}, ask for the badge", index * 37 % 90));
    Ok(shift)
}

/// The machine's clock.
#[derive(Debug)]
pub struct RealClock;

#[async_trait]
impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        now()
    }
    async fn sleep_until(&self, at: Timestamp) {
        let wait = at.duration_since(now()).max(jiff::SignedDuration::ZERO);
        tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()).await;
    }
}

/// Feeds that are there already need no chance.
#[derive(Debug)]
pub struct Chanceless;

impl Entropy for Chanceless {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}
