//! Callbacks of Shifts: opened, decided by rules, made durable, answered.
//!
//! Managers of 40 teams of 50 each make shifts, no two of them the same. Everything is the
//! product's own: envelope, grammar, desk, rules, and an SQLite store in a file with
//! `synchronous=FULL`. The process that is measured has one processor, the store's thread
//! included. First without HTTP, by so many callers at once; then through the server's route, over
//! as many connections of another process; then at 200 in a second whether answered or not, timed
//! from when each was due. Beside the rates stands what the disk needs for one commit: a write of
//! four KiB to a file, made durable.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use connectors::microsoft_graph::shifts::callback::envelope::{
    CallbackSecret, CallbackSecrets, SecretSource,
};
use connectors::microsoft_graph::shifts::callback::inbound::{Replies, ShiftsInbound, TurnedAway};
use connectors::microsoft_graph::shifts::callback::names::{Names, TeamNames};
use domain::{
    CalendarKey, CommandKind, Directory, Employee, EmployeeId, Entity, MirrorName, RosterName,
    RuleSet, ScheduleGroup, ScheduleGroupId,
};
use engine::approve::OwnRecord;
use engine::port::{
    ChangeSeq, Failure, Inbound, InboundCall, IngestCommit, SourceRef, SourceState, Store, Upsert,
};
use engine::run::approval::{Desk, DeskEquipment};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use server::callback::{CallbackRoute, CallbackRoutes};
use server::{ServerParts, ServerState};
use simulators::graph::integration::{Luck, seal};
use testkit::seeded_entropy::SeededEntropy;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::child::Answering;
use crate::feed::RealClock;
use crate::http::split;
use crate::measure::{Runs, now, processor_seconds, timed};
use crate::report::{Report, Row, Trouble, Unit};
use crate::{Setting, child};

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&*";
const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const TEAMS: usize = 40;
const EMPLOYEES_EACH: usize = 50;
const SERVER_CPU: usize = 0;
const CALLERS: [usize; 2] = [64, 256];
/// Callbacks of one measurement of a rate.
const CALLS: usize = 12_000;
const RATE_GOAL: f64 = 2_000.0;
/// Callbacks in a second, and for how many seconds, where the time of each is measured.
const OPEN_LOOP: (usize, usize) = (200, 20);
const P99_GOAL: f64 = 0.020;
/// A connection that was idle for longer is not used again: the server closes them after 4 s.
const IDLE_MAX: Duration = Duration::from_secs(2);
const SYNCS: usize = 200;

/// Measures.
pub fn run(setting: &Setting) -> Result<Report, Trouble> {
    let mut rows = Vec::new();
    let mut sync = Runs::default();
    let (mut straight, mut routed) = (vec![Runs::default(); 2], vec![Runs::default(); 2]);
    let (mut middle, mut late) = (Runs::default(), Runs::default());
    let mut busy = vec![Runs::default(); 2];
    for _ in 0..setting.runs {
        let folder = tempfile::tempdir()?;
        sync.push(sync_seconds(folder.path())?);
        let place = folder.path().join("rota.db").display().to_string();
        let command = child::pinned(child::again(&["callbacks", &place])?, Some(SERVER_CPU));
        let mut server = Answering::start(command)?;
        let url = server.line()?;
        let mut next = 0;
        for (callers, (runs, busy)) in CALLERS.iter().zip(straight.iter_mut().zip(&mut busy)) {
            let said = server.ask(&format!("{next} {callers}"))?;
            let words: Vec<f64> = said.split(' ').filter_map(|word| word.parse().ok()).collect();
            let [elapsed, processor] = words[..] else {
                return Err(Trouble::failed(format!("it said `{said}`")));
            };
            runs.push(CALLS as f64 / elapsed);
            busy.push(CALLS as f64 / processor);
            next += CALLS;
        }
        for (callers, runs) in CALLERS.iter().zip(&mut routed) {
            runs.push(closed_loop(&url, next, *callers)?);
            next += CALLS;
        }
        let (p50, p99) = open_loop(&url, next)?;
        middle.push(p50);
        late.push(p99);
    }
    for (callers, runs) in CALLERS.iter().zip(&straight) {
        let what = format!("{callers} callers, without HTTP");
        rows.push(Row::at_least(what, Unit::PerSecond("calls"), runs, RATE_GOAL));
    }
    for (callers, runs) in CALLERS.iter().zip(&busy) {
        let what = format!("{callers} callers, without HTTP, per second of the processor's time");
        rows.push(Row::at_least(what, Unit::PerSecond("calls"), runs, RATE_GOAL));
    }
    for (callers, runs) in CALLERS.iter().zip(&routed) {
        let what = format!("{callers} connections, through the server");
        rows.push(Row::at_least(what, Unit::PerSecond("calls"), runs, RATE_GOAL));
    }
    rows.push(Row::limit("200/s, 99th percentile", Unit::Seconds, &late, P99_GOAL));
    rows.push(Row::seen("200/s, median", Unit::Seconds, &middle, None));
    rows.push(Row::seen("one durable write of 4 KiB, median", Unit::Seconds, &sync, None));
    let note = format!(
        "{CALLS} callbacks each; {} bytes sealed. The server on processor {SERVER_CPU}, its \
         callers wherever there is room. Callers share commits (group commit). The processor's \
         time is the process's own, system calls included: what the rate would be if nothing \
         else ran and the disk took no time.",
        Call::number(0)?.body.len(),
    );
    Ok(Report { rows, notes: vec![note] })
}

/// What the disk needs for one small commit, in the middle.
fn sync_seconds(folder: &Path) -> Result<f64, Trouble> {
    let file = File::create(folder.join("sync"))?;
    let mut took = Runs::default();
    for index in 0..SYNCS {
        let (seconds, done) = timed(|| {
            file.write_all_at(&[7; 4096], (index * 4096) as u64)?;
            file.sync_data()
        });
        done?;
        took.push(seconds);
    }
    Ok(took.median())
}

/// One callback, sealed.
struct Call {
    team: String,
    body: Vec<u8>,
}

fn team_id(team: usize) -> String {
    format!("0f2b6f1e-0000-4000-8000-{team:012}")
}

fn user_id(employee: usize) -> String {
    format!("8d1ee2aa-0000-4000-9000-{employee:012}")
}

fn group_id(team: usize) -> String {
    format!("TAG_4ab7d329-0000-4000-8000-{team:012}")
}

impl Call {
    /// A manager makes a shift: the first 2,000 on one day, one for each employee, and so on.
    fn number(number: usize) -> Result<Self, Trouble> {
        let (employee, day) =
            (number % (TEAMS * EMPLOYEES_EACH), number / (TEAMS * EMPLOYEES_EACH));
        let team = employee % TEAMS;
        let day = i64::try_from(day).map_err(Trouble::failed)?;
        let first: Timestamp = "2031-03-03T08:00:00Z".parse().map_err(Trouble::failed)?;
        let hour = |hour| first + SignedDuration::from_hours(24 * day + hour);
        let (start, end, id) = (hour(0), hour(8), format!("SHFT_{number:08}-bench"));
        let (pause, over) = (hour(4), hour(5));
        let (user, group) = (user_id(employee), group_id(team));
        let expires = now() + SignedDuration::from_hours(2);
        let text = format!(
            "{{\"requests\":[{{\"id\":\"{id}\",\"method\":\"POST\",\"url\":\"/shifts/{id}\",\
             \"headers\":{{\"X-MS-Transaction-ID\":\"41d1a0f1-0000-4000-8000-{number:012}\",\
             \"X-MS-Expires\":\"{expires:.7}\"}},\"body\":{{\"id\":\"{id}\",\
             \"schedulingGroupId\":\"{group}\",\"userId\":\"{user}\",\"draftShift\":{{\
             \"isActive\":true,\"displayName\":\"Early\",\"notes\":\"Bring the badge\",\
             \"startDateTime\":\"{start}\",\"endDateTime\":\"{end}\",\"theme\":\"Blue\",\
             \"activities\":[{{\"isPaid\":false,\"startDateTime\":\"{pause}\",\
             \"endDateTime\":\"{over}\",\"code\":\"B\",\"displayName\":\"Break\",\
             \"theme\":\"Gray\"}}]}},\"isStagedForDeletion\":false}}}}]}}"
        );
        let mut luck = Luck { data_key: [0x5A; 32], iv: [0xC3; 16] };
        luck.data_key[..8].copy_from_slice(&number.to_le_bytes());
        let body = seal(SECRET, &luck, text.as_bytes()).map_err(Trouble::failed)?;
        Ok(Self { team: team_id(team), body })
    }

    fn some(first: usize) -> Result<Vec<Self>, Trouble> {
        (first..first + CALLS).map(Self::number).collect()
    }

    fn path(&self) -> String {
        format!("v1/teams/{}/update", self.team)
    }

    fn as_http(&self, path: &str) -> Vec<u8> {
        let mut bytes = format!(
            "POST {path}{} HTTP/1.1\r\nHost: rota.example\r\nAccept-Language: de-DE\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            self.path(),
            self.body.len(),
        )
        .into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

fn check(status: u16, body: &[u8]) -> Result<(), Trouble> {
    let text = String::from_utf8_lossy(body);
    if status == 200 && text.contains("\"status\":200") && text.contains("eTag") {
        return Ok(());
    }
    Err(Trouble::failed(format!("a callback was answered {status} with `{text}`")))
}

/// The process that is measured: prints its address, then answers `FIRST CALLERS` with the seconds
/// that passed and those of the processor.
pub fn be_the_child(place: &str) -> Result<(), Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let url = format!("sqlite://{place}?mode=rwc");
        let store = store::open(&url).await.map_err(Trouble::failed)?;
        let route = route(&store).await?;
        let mirror = MirrorName::new("shifts").map_err(Trouble::failed)?;
        let parts = ServerParts {
            store,
            clock: Arc::new(RealClock),
            entropy: Arc::new(SeededEntropy::new(2)),
            feeds: BTreeMap::new(),
            callbacks: CallbackRoutes::from([(mirror, route.clone())]),
            hooks: Default::default(),
            api: server::api::ApiParts::default(),
            dashboard: None,
            metrics: None,
        };
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("http://{}/callbacks/shifts/", listener.local_addr()?);
        let state = Arc::new(ServerState::new(parts));
        tokio::spawn(async { server::serve(listener, state, std::future::pending()).await });
        loop {
            let reading = tokio::task::spawn_blocking(|| {
                let mut line = String::new();
                std::io::stdin().read_line(&mut line).map(|_| line)
            });
            let line = reading.await.map_err(Trouble::failed)??;
            let words: Vec<usize> =
                line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            let [first, callers] = words[..] else { return Ok(()) };
            let (elapsed, processor) = straight(&route, first, callers).await?;
            println!("{elapsed} {processor}");
            std::io::stdout().flush()?;
        }
    })
}

/// Seconds that all callbacks took without HTTP, and those of the processor.
async fn straight(
    route: &CallbackRoute,
    first: usize,
    callers: usize,
) -> Result<(f64, f64), Trouble> {
    let (calls, next) = (Arc::new(Call::some(first)?), Arc::new(AtomicUsize::new(0)));
    let (started, busy) = (Instant::now(), processor_seconds("self")?);
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (calls, next) = (Arc::clone(&calls), Arc::clone(&next));
            let CallbackRoute { inbound, approvals } = route.clone();
            tokio::spawn(async move {
                while let Some(call) = calls.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (path, body) = (call.path(), call.body.clone());
                    let call = InboundCall { path, headers: BTreeMap::new(), body };
                    let reply = inbound.answer(call, Arc::clone(&approvals)).await;
                    check(reply.status, &reply.body)?;
                }
                Ok::<(), Trouble>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.map_err(Trouble::failed)??;
    }
    Ok((started.elapsed().as_secs_f64(), processor_seconds("self")? - busy))
}

/// People, who they are in Shifts, and what answers.
async fn route(store: &Arc<dyn Store>) -> Result<CallbackRoute, Trouble> {
    let (mut entities, mut names, mut teams) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for team in 0..TEAMS {
        let id = ScheduleGroupId::new(format!("team-{team:02}")).map_err(Trouble::failed)?;
        let key = CalendarKey::new(team_id(team)).map_err(Trouble::failed)?;
        teams.insert(key.clone(), TimeZone::UTC);
        let groups = BTreeMap::from([(group_id(team), id.clone())]);
        names.insert(key, TeamNames { groups, ..TeamNames::default() });
        entities.push(Entity::ScheduleGroup(ScheduleGroup { id, name: format!("Team {team}") }));
    }
    for employee in 0..TEAMS * EMPLOYEES_EACH {
        let team = employee % TEAMS;
        let id = EmployeeId::new(format!("e{employee}")).map_err(Trouble::failed)?;
        let group = ScheduleGroupId::new(format!("team-{team:02}")).map_err(Trouble::failed)?;
        let m365_id = Some(user_id(employee));
        let key = CalendarKey::new(team_id(team)).map_err(Trouble::failed)?;
        if let Some(names) = names.get_mut(&key) {
            names.users.insert(user_id(employee), id.clone());
        }
        let employee = Employee { m365_id, group: Some(group), ..Employee::unnamed(id) };
        entities.push(Entity::Employee(employee));
    }
    let roster = RosterName::new("wards").map_err(Trouble::failed)?;
    fill(store, &roster, entities).await?;
    let equipment = DeskEquipment {
        store: Arc::clone(store),
        decider: Arc::new(OwnRecord { rules: RuleSet::default(), zone: TimeZone::UTC }),
        clock: Arc::new(RealClock),
        entropy: Arc::new(SeededEntropy::new(1)),
    };
    let mirror = MirrorName::new("shifts").map_err(Trouble::failed)?;
    let desk = Desk::new(equipment, mirror, roster, &CommandKind::ALL.into());
    let current = CallbackSecret::new(&SecretString::from(SECRET)).map_err(Trouble::failed)?;
    let secrets = Arc::new(CallbackSecrets { current, others: vec![] });
    let names = names.into_iter().map(|(team, names)| (team, Arc::new(names))).collect();
    let inbound: Arc<dyn Inbound> = Arc::new(ShiftsInbound {
        tenant: TENANT.into(),
        teams,
        secrets: Arc::new(Fixed(secrets)),
        names: Arc::new(Known(names)),
        clock: Arc::new(RealClock),
        replies: Replies::default(),
        turned_away: TurnedAway::default(),
    });
    Ok(CallbackRoute { inbound, approvals: Arc::new(desk) })
}

async fn fill(
    store: &Arc<dyn Store>,
    roster: &RosterName,
    entities: Vec<Entity>,
) -> Result<(), Trouble> {
    let upsert = |entity: Entity| Upsert {
        fingerprint: entity.fingerprint(),
        twin: None,
        at: SourceRef("people.csv:2".into()),
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
    store.commit_ingest(roster, commit).await.map_err(Trouble::failed).map(drop)
}

/// A secret that never changes.
struct Fixed(Arc<CallbackSecrets>);

impl SecretSource for Fixed {
    fn known(&self) -> Arc<CallbackSecrets> {
        Arc::clone(&self.0)
    }
    fn looked_up_again(&self) -> Arc<CallbackSecrets> {
        self.known()
    }
}

/// Names that were learned already.
struct Known(BTreeMap<CalendarKey, Arc<TeamNames>>);

#[async_trait]
impl Names for Known {
    async fn of(&self, team: &CalendarKey, _: &Arc<Directory>) -> Result<Arc<TeamNames>, Failure> {
        Ok(self.0.get(team).cloned().unwrap_or_default())
    }
    async fn look_again(
        &self,
        team: &CalendarKey,
        directory: &Arc<Directory>,
    ) -> Result<Arc<TeamNames>, Failure> {
        self.of(team, directory).await
    }
}

/// One connection to the server.
struct Line {
    stream: BufReader<TcpStream>,
    used_at: Instant,
}

impl Line {
    async fn open(host: &str) -> Result<Self, Trouble> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), used_at: Instant::now() })
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<(), Trouble> {
        self.stream.get_mut().write_all(request).await?;
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(Trouble::failed("the server closed the connection"));
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0);
            } else if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(Trouble::failed)?;
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        self.used_at = Instant::now();
        check(status, &body)
    }
}

fn on_this_thread<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Callbacks answered in a second over so many connections, each of which waits for its answer.
fn closed_loop(url: &str, first: usize, callers: usize) -> Result<f64, Trouble> {
    let (host, path) = split(url)?;
    let calls: Vec<Vec<u8>> = Call::some(first)?.iter().map(|it| it.as_http(path)).collect();
    let (calls, next) = (Arc::new(calls), Arc::new(AtomicUsize::new(0)));
    on_this_thread(async {
        let mut lines = Vec::with_capacity(callers);
        for _ in 0..callers {
            lines.push(Line::open(host).await?);
        }
        let started = Instant::now();
        let mut tasks = Vec::with_capacity(callers);
        for mut line in lines {
            let (calls, next) = (Arc::clone(&calls), Arc::clone(&next));
            tasks.push(tokio::spawn(async move {
                while let Some(call) = calls.get(next.fetch_add(1, Ordering::Relaxed)) {
                    line.exchange(call).await?;
                }
                Ok::<(), Trouble>(())
            }));
        }
        for task in tasks {
            task.await.map_err(Trouble::failed)??;
        }
        Ok(CALLS as f64 / started.elapsed().as_secs_f64())
    })
}

/// Seconds from when a callback was due to its answer: median and 99th percentile.
fn open_loop(url: &str, first: usize) -> Result<(f64, f64), Trouble> {
    let (host, path) = split(url)?;
    let (rate, seconds) = OPEN_LOOP;
    let calls: Result<Vec<_>, Trouble> = (first..first + rate * seconds)
        .map(|number| Ok(Call::number(number)?.as_http(path)))
        .collect();
    let calls = calls?;
    let host = host.to_owned();
    let mut took = on_this_thread(async {
        let idle: Arc<std::sync::Mutex<Vec<Line>>> = Arc::default();
        let take = |idle: &std::sync::Mutex<Vec<Line>>| {
            let line = idle.lock().ok().and_then(|mut it| it.pop());
            line.filter(|line| line.used_at.elapsed() < IDLE_MAX)
        };
        let started = Instant::now();
        let mut tasks = Vec::with_capacity(calls.len());
        for (index, call) in calls.into_iter().enumerate() {
            let due = started + Duration::from_secs_f64(index as f64 / rate as f64);
            tokio::time::sleep_until(due).await;
            let (idle, host) = (Arc::clone(&idle), host.clone());
            tasks.push(tokio::spawn(async move {
                let mut line = match take(&idle) {
                    Some(line) => line,
                    None => Line::open(&host).await?,
                };
                line.exchange(&call).await?;
                let took = due.elapsed().as_secs_f64();
                if let Ok(mut idle) = idle.lock() {
                    idle.push(line);
                }
                Ok::<f64, Trouble>(took)
            }));
        }
        let mut took = Vec::with_capacity(tasks.len());
        for task in tasks {
            took.push(task.await.map_err(Trouble::failed)??);
        }
        Ok(took)
    })?;
    took.sort_by(f64::total_cmp);
    let at = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or(f64::INFINITY);
    Ok((at(50), at(99)))
}
