//! `rotabridge serve`: polls, mirrors, and serves feeds, the dashboard, health and metrics, until
//! it is told to stop.
//!
//! One loop per roster: read the source, run a cycle of each of its mirrors, wait. A round that
//! did not succeed is tried again sooner; when something that people asked for was granted, the
//! mirrors are brought up to date at once, and again when its outcome is to be looked at. SIGTERM
//! and SIGINT let a round that is under way end, for a while; one that is cut off goes on where it
//! stopped in the next process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use domain::RosterName;
use domain::limits::{
    APPROVAL_DELAY, ASK_SETTLE_MARGIN, ASK_WAIT_ASSUMED, HINTED_READING_GAP, HINTS_GATHERED,
    SUBSCRIPTION_UPKEEP,
};
use engine::port::{Clock, Source};
use engine::run::cycle::CycleOptions;
use jiff::Timestamp;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use server::{ServerParts, ServerState, Side, serve_side};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::Session;
use crate::approvals::grant_what_needs_no_manager;
use crate::config::RosterSection;
use crate::event;
use crate::failure::{Exit, Failure};
use crate::hints::{HookWorks, keep_subscriptions, retry_wait};
use crate::jobs;
use crate::lookout::Lookout;
use crate::output::Output;
use crate::runs::{self, MirrorRun, Outcome};
use crate::wiring::{MirrorWorks, Opening, RosterWorks, Works, dashboard};

/// The flags of `serve`: none; what it does is in the configuration.
#[derive(Debug, Args)]
pub struct Arguments {}

/// How long a round may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(20);
/// How often a source is looked at from outside: what a file dropped into a folder waits, twice.
const GLANCE_INTERVAL: Duration = Duration::from_secs(2);
/// First wait after a round that did not succeed; doubled each time, up to the poll interval.
const RETRY_FIRST: Duration = Duration::from_secs(15);
/// How long to wait before looking again at what could not be looked at yet.
const SETTLE_AGAIN: Duration = Duration::from_secs(60);
/// How long grants are gathered before the mirrors follow them.
const GRANTS_GATHERED: Duration = Duration::from_secs(1);
/// Share of a wait by which it is shorter or longer by chance, so that many do not poll at once.
const JITTER: f64 = 0.1;

/// Runs it.
///
/// # Errors
/// When it cannot start: the configuration, the store, the address.
pub async fn run(_arguments: Arguments, session: &Session) -> Result<Exit, Failure> {
    let metrics = metrics()?;
    let works = session.works(Opening::Write).await?;
    let listen = works.config.server.listen;
    let listener = listen_on(listen).await?;
    let operators = match works.config.server.operator_listen {
        Some(address) => Some(listen_on(address).await?),
        None => None,
    };
    let state = Arc::new(server_state(&works, Some(metrics))?);
    let (stop, stopping) = watch::channel(false);
    let address = listener.local_addr().map_err(Failure::because)?;
    tracing::info!(
        server.listen = %address,
        rosters = works.rosters.len(),
        mirrors = works.mirrors.len(),
        "serving on http://{address}"
    );
    // A service tells of its work in the log, also at a terminal.
    let output = &session.output.without_talk();
    let keeping =
        works.rosters.iter().map(|roster| keep(&works, roster, &state, &stopping, output));
    let keeping = futures_util::future::join_all(keeping);
    // A task of its own: planning a large roster must not keep feeds waiting.
    let serving = tokio::spawn(serve_all(listener, operators, Arc::clone(&state), &stopping));
    let granting = grant(&works, &stopping);
    let subscribing = works.hooks.iter().map(|hooks| subscribe(&works, hooks, &stopping));
    let subscribing = futures_util::future::join_all(subscribing);
    let signals = async {
        let told = told_to_stop().await;
        tracing::info!("stopping");
        // Whoever waits for it may be gone already.
        let _ = stop.send(true);
        told
    };
    let (_, (), _, served, told) = tokio::join!(keeping, granting, subscribing, serving, signals);
    served.map_err(Failure::because)?;
    state.api().flush().await;
    told?;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// Serves over one address, or over one for operators and one for everybody else.
fn serve_all(
    listener: TcpListener,
    operators: Option<TcpListener>,
    state: Arc<ServerState>,
    stopping: &watch::Receiver<bool>,
) -> impl Future<Output = ()> + use<> {
    let side = if operators.is_some() { Side::Public } else { Side::Everything };
    let serving = serve_side(listener, Arc::clone(&state), side, stopped(stopping.clone()));
    let stopping = stopping.clone();
    let apart = async move {
        if let Some(listener) = operators {
            serve_side(listener, state, Side::Operators, stopped(stopping)).await;
        }
    };
    async move {
        tokio::join!(serving, apart);
    }
}

/// Completes when somebody sends SIGTERM or SIGINT.
///
/// # Errors
/// When the system lets nobody listen for signals.
pub async fn told_to_stop() -> Result<(), Failure> {
    let mut terminated = signal(SignalKind::terminate()).map_err(Failure::because)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(Failure::because)?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}

fn metrics() -> Result<PrometheusHandle, Failure> {
    let handle = PrometheusBuilder::new().install_recorder().map_err(Failure::because)?;
    event::describe();
    Ok(handle)
}

/// Listens on an address.
///
/// # Errors
/// When it is taken, or not one of this machine.
pub async fn listen_on(address: std::net::SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::saying(format!("cannot listen on {address}: {error}"))
            .hint("another process may have it; `[server]` names the addresses")
    })
}

/// What serves the feeds of every roster, and all else.
///
/// # Errors
/// When the dashboard's password cannot be read.
pub fn server_state(
    works: &Works,
    metrics: Option<PrometheusHandle>,
) -> Result<ServerState, Failure> {
    let feeds = &works.config.feeds;
    let options = |roster: &RosterSection| (roster.name.clone(), feeds.options(roster));
    Ok(ServerState::new(ServerParts {
        store: Arc::clone(&works.store),
        clock: Arc::clone(&works.outside.clock),
        entropy: Arc::clone(&works.outside.entropy),
        feeds: works.config.rosters.iter().map(options).collect(),
        callbacks: works.callbacks(),
        hooks: works.hook_routes(),
        api: works.api(),
        dashboard: dashboard(&works.config)?,
        metrics,
    }))
}

/// Completes when it is time to stop.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    // The sender is gone only when the process ends.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Keeps one roster and its mirrors until it is time to stop.
async fn keep(
    works: &Works,
    roster: &RosterWorks,
    state: &ServerState,
    stopping: &watch::Receiver<bool>,
    output: &Output,
) {
    let poll = works.config.roster(&roster.name).map_or(RETRY_FIRST, |it| it.poll_interval);
    let clock = &works.outside.clock;
    let after = |wait| clock.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
    let mut failures: u32 = 0;
    let mut lookout = Lookout::new(works, &roster.name);
    // Jobs that an earlier process did not end.
    roster.queued.notify_one();
    loop {
        // What changes while it is read is seen as a change.
        let glanced = roster.source.glance().await;
        let round_at = clock.now();
        let round = round(works, roster, state, output);
        let Some(outcome) = unless_stopped(round, stopping).await else { return };
        failures = if outcome == Outcome::Done { 0 } else { failures.saturating_add(1) };
        let wait = jittered(wait_after(failures, poll), works.outside.entropy.fraction());
        let next_round_at = after(wait);
        let mut settle_at = None;
        let mut watch = Watch::new(roster.source.as_ref(), glanced);
        loop {
            tokio::select! {
                () = clock.sleep_until(next_round_at) => break,
                () = watch.changed(clock.as_ref()) => break,
                () = stopped(stopping.clone()) => return,
                () = roster.changed.notified() => {
                    // Several that come together are followed together.
                    clock.sleep_until(after(GRANTS_GATHERED)).await;
                    settle_at = Some(after(ASK_WAIT_ASSUMED + ASK_SETTLE_MARGIN));
                }
                () = reached(clock.as_ref(), settle_at) => settle_at = None,
                () = roster.hints.came() => {
                    // Vendors tell of one change several times, and of many at once.
                    clock.sleep_until(after(HINTS_GATHERED)).await;
                    let wanted = roster.hints.take();
                    let looking = lookout.follow(works, wanted.calendars, output);
                    let Some(()) = unless_stopped(looking, stopping).await else { return };
                    if wanted.source {
                        let gap = round_at.saturating_add(HINTED_READING_GAP);
                        clock.sleep_until(gap.unwrap_or(Timestamp::MAX)).await;
                        break;
                    }
                    continue;
                }
                () = reached(clock.as_ref(), lookout.next_at()) => {
                    let looking = lookout.look(works, output);
                    let Some(()) = unless_stopped(looking, stopping).await else { return };
                    continue;
                }
                () = roster.queued.notified() => {
                    let carrying_out = jobs::carry_out(works, roster, output);
                    let Some(()) = unless_stopped(carrying_out, stopping).await else { return };
                    announce(works, roster, state).await;
                    continue;
                }
            }
            let following = follow_grants(works, roster, state, output);
            let Some(()) = unless_stopped(following, stopping).await else { return };
            if settle_at.is_none() && is_in_doubt(works, roster).await {
                settle_at = Some(after(SETTLE_AGAIN));
            }
        }
    }
}

/// Has the vendor of a connection tell us of changes, for as long as we serve.
async fn subscribe(works: &Works, hooks: &HookWorks, stopping: &watch::Receiver<bool>) {
    let clock = &works.outside.clock;
    let mut failures = 0;
    loop {
        let keeping = keep_subscriptions(works, hooks);
        let Some(kept) = unless_stopped(keeping, stopping).await else { return };
        let (failed, more) = kept.map_or((true, false), |it| (it.failed > 0, it.more));
        failures = if failed { failures + 1 } else { 0 };
        let wait = if more && !failed {
            GRANTS_GATHERED
        } else {
            retry_wait(failures, SUBSCRIPTION_UPKEEP)
        };
        let next = clock.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
        tokio::select! {
            () = clock.sleep_until(next) => {}
            () = hooks.asked() => clock.sleep_until(next.min(after_gathering(clock.now()))).await,
            () = stopped(stopping.clone()) => return,
        }
    }
}

/// Looks at a source now and then, from outside.
struct Watch<'a> {
    source: &'a dyn Source,
    known: Option<String>,
    last: Option<String>,
}

impl<'a> Watch<'a> {
    /// `known` is how it looked before it was last read.
    fn new(source: &'a dyn Source, known: Option<String>) -> Self {
        Self { source, last: known.clone(), known }
    }

    /// Completes when it looks otherwise than when it was read, and twice the same: what is still
    /// being written looks otherwise each time.
    async fn changed(&mut self, clock: &dyn Clock) {
        loop {
            let at = clock.now().saturating_add(GLANCE_INTERVAL).unwrap_or(Timestamp::MAX);
            clock.sleep_until(at).await;
            let look = self.source.glance().await;
            if look.is_some() && look != self.known && look == self.last {
                return;
            }
            self.last = look;
        }
    }
}

fn after_gathering(now: Timestamp) -> Timestamp {
    now.saturating_add(HINTS_GATHERED).unwrap_or(Timestamp::MAX)
}

/// Completes at an instant; never, when there is none.
async fn reached(clock: &dyn Clock, at: Option<Timestamp>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Does the work; `None` when it is time to stop. Then it may go on for a while, and what is cut
/// off goes on in the next process.
async fn unless_stopped<T>(
    work: impl Future<Output = T>,
    stopping: &watch::Receiver<bool>,
) -> Option<T> {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => Some(done),
        () = stopped(stopping.clone()) => {
            let _ = tokio::time::timeout(GRACE, work).await;
            None
        }
    }
}

/// Tells the feeds how far the roster is.
async fn announce(works: &Works, roster: &RosterWorks, state: &ServerState) {
    if let Ok(seq) = works.store.roster_seq(&roster.name).await {
        state.feeds().roster_changed(&roster.name, seq);
    }
}

/// Brings the mirrors up to date after something was granted, without reading the source.
async fn follow_grants(works: &Works, roster: &RosterWorks, state: &ServerState, output: &Output) {
    announce(works, roster, state).await;
    let mirrors: Vec<&MirrorWorks> = works.mirrors_of(&roster.name).collect();
    let granted = roster.granted_deletions.load(Ordering::Relaxed);
    let allow_deletions = Some(granted).filter(|it| *it > 0);
    let options = |_: &MirrorWorks| CycleOptions { allow_deletions, ..CycleOptions::default() };
    let runs = runs::cycles(works, &mirrors, options, output).await;
    if runs.iter().all(|run| run.outcome() == Outcome::Done) {
        roster.granted_deletions.fetch_sub(granted, Ordering::Relaxed);
    }
}

/// Whether it is not known of anything yet whether a vendor did what was granted.
async fn is_in_doubt(works: &Works, roster: &RosterWorks) -> bool {
    for mirror in works.mirrors_of(&roster.name) {
        let counts = works.store.mirror_counts(&mirror.spec.name).await;
        if counts.is_ok_and(|counts| counts.in_doubt > 0) {
            return true;
        }
    }
    false
}

/// Grants requests that need no manager, as they come due.
async fn grant(works: &Works, stopping: &watch::Receiver<bool>) {
    if works.mirrors.iter().all(|it| it.approver.is_none()) {
        return;
    }
    loop {
        let clock = &works.outside.clock;
        let next = clock.now().saturating_add(APPROVAL_DELAY).unwrap_or(Timestamp::MAX);
        tokio::select! {
            () = clock.sleep_until(next) => {}
            () = stopped(stopping.clone()) => return,
        }
        grant_what_needs_no_manager(works).await;
    }
}

/// One reading, and a cycle of each mirror; also when the reading failed, because a mirror may
/// have something left to do.
async fn round(
    works: &Works,
    roster: &RosterWorks,
    state: &ServerState,
    output: &Output,
) -> Outcome {
    let ingest = runs::ingest(works, roster, None).await;
    if let Ok(seq) = works.store.roster_seq(&roster.name).await {
        state.feeds().roster_changed(&roster.name, seq);
    }
    let mirrors: Vec<&MirrorWorks> = works.mirrors_of(&roster.name).collect();
    let due = read_back_due(works, &roster.name).await;
    let granted = roster.granted_deletions.load(Ordering::Relaxed);
    let options = |mirror: &MirrorWorks| CycleOptions {
        allow_deletions: Some(granted).filter(|it| *it > 0),
        read_back: due.get(mirror.spec.name.as_str()).copied().unwrap_or(false),
        ..CycleOptions::default()
    };
    let runs = runs::cycles(works, &mirrors, options, output).await;
    event::measure(works.store.as_ref(), &roster.name, works.mirror_names(&roster.name)).await;
    let mut outcomes = runs.iter().map(MirrorRun::outcome).chain([ingest.outcome()]);
    outcomes.find(|outcome| *outcome != Outcome::Done).unwrap_or(Outcome::Done)
}

/// Which mirrors were not read back for as long as their configuration allows.
async fn read_back_due(works: &Works, roster: &RosterName) -> BTreeMap<String, bool> {
    let now = works.outside.clock.now();
    let mut due = BTreeMap::new();
    for mirror in works.config.mirrors.iter().filter(|it| it.roster == *roster) {
        let last = runs::last_read_back(works, &mirror.name).await;
        let interval = mirror.full_interval;
        // A mirror that never was is read by its first cycle anyway.
        let is_due = last.is_none_or(|at| now.duration_since(at).unsigned_abs() >= interval);
        due.insert(mirror.name.to_string(), is_due);
    }
    due
}

fn wait_after(failures: u32, poll: Duration) -> Duration {
    match failures.checked_sub(1) {
        None => poll,
        Some(doublings) => {
            RETRY_FIRST.saturating_mul(1u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(poll)
        }
    }
}

fn jittered(wait: Duration, fraction: f64) -> Duration {
    wait.mul_f64(1.0 + JITTER * (2.0 * fraction - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_rounds_are_tried_again_sooner_and_never_later_than_polls() {
        let poll = Duration::from_secs(900);
        assert_eq!(wait_after(0, poll), poll);
        let seconds: Vec<u64> = (1..9).map(|it| wait_after(it, poll).as_secs()).collect();
        assert_eq!(seconds, [15, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(wait_after(u32::MAX, poll), poll);
        assert_eq!(wait_after(3, Duration::from_secs(5)), Duration::from_secs(5));
        assert_eq!(jittered(poll, 0.5), poll);
        assert!(jittered(poll, 0.0) < poll && jittered(poll, 0.999) > poll);
    }
}
