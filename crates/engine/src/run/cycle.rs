//! One cycle of one mirror: survey, guard, drain, remember how far we came.
//!
//! The guarantee: when a cycle is complete, the mirror equals the mapping of its roster inside
//! the window, as far as the ledger knows; with [`CycleOptions::read_back`], as far as the mirror
//! itself says. A cycle that is cut anywhere can be run again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use domain::limits::CYCLE_WAIT_MAX;
use domain::policy::DeletionGuard;
use domain::{CalendarKey, Fingerprint, Fingerprinter, MirrorName, RosterName, SyncWindow};
use futures_util::lock::Mutex as AsyncMutex;
use jiff::Timestamp;

use super::batch::Batches;
use super::conflicts::{self, Due};
use super::drains::Rest;
use super::drifting::Drifts;
use super::gate::{Gate, Shut};
use super::group_commit::GroupCommit;
use super::lease::Ownership;
pub use super::looking::Looking;
use super::observe::{ReadFailure, Reader};
pub use super::preview::survey_only;
use super::project::Projector;
use super::rounds::{drain_all, later_rounds, settle_counted};
use super::survey::{Overlay, Survey, Surveyor, kinds_of};
use super::watch::{Event, Watcher};
use crate::mapping::{MappingProfile, Shows};
use crate::plan::conflict::ConflictRules;
use crate::plan::drift::DriftPolicy;
use crate::plan::guard::{DeletionCount, GuardRefusal, judge};
use crate::port::{
    Approvals, CalendarState, ChangeSeq, Clock, ConflictWrite, Cursor, ForeignEvents, ItemIdentity,
    LedgerCommit, QuotaScope, Scope, Store, StoreError, Target,
};
use crate::report::CycleReport;

/// Requests under way at once where the vendor names no limit.
const CONCURRENCY_DEFAULT: usize = 8;
/// Calendars drained at once, for each request that may be under way at once.
const CALENDARS_PER_REQUEST: usize = 2;
/// Calendars drained at once, at most.
const CALENDARS_AT_ONCE_MAX: usize = 64;

/// What a mirror is.
#[derive(Debug, Clone, PartialEq)]
pub struct MirrorSpec {
    /// Its name.
    pub name: MirrorName,
    /// The roster that it shows.
    pub roster: RosterName,
    /// How entities are shown.
    pub profile: MappingProfile,
    /// Text that changes whenever the connector would write items differently or elsewhere.
    pub target_profile: String,
    /// How much may be deleted at once.
    pub guard: DeletionGuard,
    /// How far back it looks.
    pub past: Duration,
    /// How far ahead it looks.
    pub future: Duration,
    /// How far ahead its first cycle looks, where that is less: what is near matters first.
    pub first_future: Option<Duration>,
    /// What becomes of items that are not ours, where nothing but the ledger marks ours.
    pub others: Others,
    /// What is done about events of people that stand in the way; `None`: nobody looks.
    pub conflicts: Option<ConflictRules>,
    /// What becomes of what people do to our items.
    pub drift: DriftPolicy,
}

/// What becomes of items that are not ours, in a target whose items carry no origin tag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Others {
    /// They stay, and are counted.
    #[default]
    Report,
    /// They are removed when a calendar is read back, as far as the guard lets that pass. What
    /// was over before the window, and what does not lie in time, stays all the same.
    Remove,
}

impl MirrorSpec {
    /// The hash of everything that decides what an item looks like and where it is.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut print = Fingerprinter::new("mirror/1");
        print
            .text(self.roster.as_str())
            .text(&self.profile.fingerprint().to_string())
            .text(&self.target_profile)
            .number(i64::try_from(self.past.as_secs()).unwrap_or(i64::MAX));
        print.finish()
    }
}

/// What a mirror is run with.
#[derive(Clone, Copy)]
pub struct Equipment<'a> {
    /// Where everything is kept.
    pub store: &'a dyn Store,
    /// Where the mirror is kept.
    pub target: &'a dyn Target,
    /// The way to it.
    pub gate: &'a Gate,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Who we are.
    pub ownership: &'a dyn Ownership,
    /// Who wants to know.
    pub watcher: &'a dyn Watcher,
    /// The way to what is in people's calendars and not ours, where there is one.
    pub foreign: Option<&'a dyn ForeignEvents>,
    /// Who is asked for what people do to our items, in a two-way mirror.
    pub approvals: Option<&'a dyn Approvals>,
}

/// How one cycle is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CycleOptions {
    /// Read every calendar back and repair what differs.
    pub read_back: bool,
    /// So many deletions are meant.
    pub allow_deletions: Option<u64>,
    /// So many changes of people's events are meant.
    pub allow_event_changes: Option<u64>,
    /// Remove everything of ours.
    pub purge: bool,
    /// Send writes. Without it, only the ledger is brought to what the mirror says.
    pub writes: bool,
}

impl Default for CycleOptions {
    fn default() -> Self {
        Self {
            read_back: false,
            allow_deletions: None,
            allow_event_changes: None,
            purge: false,
            writes: true,
        }
    }
}

/// Why a cycle could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store failed while several calendars were committed together.
    #[error("{0}")]
    Shared(Arc<StoreError>),
}

/// One cycle under way: what its drains share.
pub(super) struct Cycling<'a> {
    pub(super) spec: &'a MirrorSpec,
    pub(super) store: &'a dyn Store,
    pub(super) target: &'a dyn Target,
    pub(super) gate: &'a Gate,
    pub(super) clock: &'a dyn Clock,
    pub(super) watcher: &'a dyn Watcher,
    pub(super) projector: &'a Projector<'a>,
    pub(super) commits: &'a GroupCommit<'a>,
    pub(super) batches: Batches<'a>,
    pub(super) window: SyncWindow,
    pub(super) deadline: Timestamp,
    /// What waits for an instant up to this one is due.
    pub(super) due_by: Timestamp,
    pub(super) purge: bool,
    pub(super) writes: bool,
    /// Requests of one calendar under way at once.
    pub(super) width: usize,
    /// Calendars drained at once.
    pub(super) calendars_at_once: usize,
    /// What tells our items from others.
    pub(super) identity: ItemIdentity,
    /// Whether what is written must be published.
    pub(super) publishes: bool,
    pub(super) approvals: Option<&'a dyn Approvals>,
    /// What is known of what people did.
    pub(super) drifts: Drifts,
    /// The calendars as they stood when the cycle began.
    pub(super) states: BTreeMap<CalendarKey, CalendarState>,
    deletions_left: AtomicI64,
    deletions_refused: AtomicU64,
    orphans_judged: AtomicBool,
    /// Calendars that something moves to: whether they could be opened in this cycle.
    destinations: AsyncMutex<BTreeMap<CalendarKey, bool>>,
}

impl Cycling<'_> {
    /// Takes one deletion from what the guard let pass; whether there was one left.
    pub(super) fn spend_deletion(&self) -> bool {
        let take = |left: i64| (left > 0).then_some(left - 1);
        let order = Ordering::Relaxed;
        let spent = self.deletions_left.fetch_update(order, order, take).is_ok();
        if !spent {
            self.deletions_refused.fetch_add(1, order);
        }
        spent
    }

    /// Whether items of ours that nobody knows may be removed: the guard has seen how many.
    pub(super) fn orphans_judged(&self) -> bool {
        self.purge || self.orphans_judged.load(Ordering::Relaxed)
    }

    /// Lets `found` items go that nobody knows: the guard has seen how many there are.
    pub(super) fn judge_unknown(&self, found: u64) {
        let found = i64::try_from(found).unwrap_or(i64::MAX);
        self.deletions_left.fetch_add(found, Ordering::Relaxed);
        self.orphans_judged.store(true, Ordering::Relaxed);
    }

    /// Whether a calendar that something moves to is there, or could be made; asked once a cycle.
    pub(super) async fn opens(&self, calendar: &CalendarKey) -> Result<bool, Shut> {
        let mut known = self.destinations.lock().await;
        if let Some(opens) = known.get(calendar) {
            return Ok(*opens);
        }
        let Self { target, gate, clock, watcher, deadline, .. } = *self;
        let mirror = &self.spec.name;
        let reader = Reader { target, gate, clock, watcher, mirror, calendar, deadline };
        let opens = match reader.request(|| target.open(calendar)).await {
            Ok(_) => true,
            Err(ReadFailure::Failed(_)) => false,
            Err(ReadFailure::Shut(shut)) => return Err(shut),
        };
        known.insert(calendar.clone(), opens);
        Ok(opens)
    }

    /// Gives a deletion back that was not carried out.
    pub(super) fn return_deletion(&self) {
        self.deletions_left.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether something written there is not published yet.
pub(super) fn waits_to_be_published(state: &CalendarState) -> bool {
    state.unpublished.is_some()
}

/// Where a cycle starts from.
struct Start {
    window: SyncWindow,
    cursor: Cursor,
    profile: Fingerprint,
    seq: ChangeSeq,
    scope: Scope,
    /// Whether the window reaches further than the first one did, for the first time.
    widens: bool,
}

impl Start {
    /// Where the cursor stands when the cycle is complete.
    fn reached(&self) -> Cursor {
        Cursor {
            seq: self.seq,
            window_end: Some(self.window.interval.end()),
            profile: Some(self.profile),
        }
    }
}

/// Runs one cycle.
///
/// # Errors
/// When the store fails. What the target refuses or does not answer is in the report, and so is
/// a refusal by the guard: then nothing was sent.
pub async fn run_cycle(
    spec: &MirrorSpec,
    equipment: Equipment<'_>,
    options: CycleOptions,
) -> Result<CycleReport, CycleError> {
    run_cycle_looking(spec, equipment, options, Looking::Nowhere).await
}

/// Runs one cycle that also reads, in some calendars, what changed since they were read before.
///
/// # Errors
/// As [`run_cycle`].
pub async fn run_cycle_looking(
    spec: &MirrorSpec,
    equipment: Equipment<'_>,
    options: CycleOptions,
    looking: Looking<'_>,
) -> Result<CycleReport, CycleError> {
    let Equipment { store, target, gate, clock, watcher, .. } = equipment;
    let started_at = clock.now();
    let sent_before = target.requests_sent();
    gate.begin_cycle();
    let mut report =
        CycleReport { complete: true, started_at, ended_at: started_at, ..Default::default() };
    let start = start(spec, store, started_at, options).await?;
    let due = conflicts::due(spec, equipment, options, started_at).await?;
    let drifts = Drifts::load(store, &spec.name, started_at).await?;
    let looks = !matches!(looking, Looking::Nowhere) || !drifts.due.is_empty();
    if !looks && due.is_nothing() && is_quiet(spec, store, target, &start).await? {
        return settle_quiet(spec, store, clock, &start, report).await;
    }
    let projector = Projector::load(store, target, &spec.profile, &spec.name, &spec.roster).await?;
    projector.count(store, &spec.roster, &start.window, &Overlay::new()).await?;
    drifts.tell(&projector, started_at);
    let survey = survey(spec, store, &projector, &start, started_at, options).await?;
    report.unmapped = survey.unmapped_by_reason();
    watcher.on(&Event::Planned { mirror: spec.name.clone(), counts: survey.plan.counts() });
    let count = count_deletions(spec, store, &start.window, &survey).await?;
    let allowance = if options.purge { Some(u64::MAX) } else { options.allow_deletions };
    if let Err(refusal) = judge(format!("mirror {}", spec.name), count, &spec.guard, allowance) {
        report.refused = Some(refusal);
        conflicts::put_off(spec, equipment, looking.at().cloned()).await?;
        report.ended_at = clock.now();
        return Ok(report);
    }
    let commits = GroupCommit::new(store, &spec.name);
    let left = deletions_allowed(spec, count, allowance);
    let mut cycling = cycling(spec, equipment, options, &start, &projector, &commits, left);
    cycling.drifts = drifts;
    let states = store.calendar_states(&spec.name).await?;
    cycling.states = states.into_iter().map(|it| (it.calendar.clone(), it)).collect();
    let read_back = options.read_back;
    let mut touched: BTreeSet<CalendarKey> = survey.plan.by_calendar().into_keys().collect();
    touched.extend(looking.at().cloned());
    if options.writes && !options.purge {
        // Should this cycle end before it has looked for conflicts there, the next one does.
        let to_look = due.everywhere(&projector).chain(touched.iter().cloned());
        conflicts::put_off(spec, equipment, to_look).await?;
    }
    let creating = read_back || (start.widens && cycling.identity == ItemIdentity::NaturalKey);
    let reading = (read_back, creating);
    let rest = drain_all(&cycling, equipment, survey, reading, looking, &mut report).await?;
    let rest = settle_counted(&cycling, equipment, rest, count, allowance, &mut report).await?;
    later_rounds(&cycling, equipment, rest, &mut report).await?;
    after_drains(&cycling, equipment, (due, touched), options, &mut report).await?;
    finish(&cycling, &start, count, options, &mut report).await?;
    report.requests = target.requests_sent() - sent_before;
    Ok(report)
}

/// Looks for what stands in the way of what was written, and has shifts' items tell of it.
async fn after_drains(
    cycling: &Cycling<'_>,
    equipment: Equipment<'_>,
    (due, touched): (Due, BTreeSet<CalendarKey>),
    options: CycleOptions,
    report: &mut CycleReport,
) -> Result<(), CycleError> {
    if options.purge || !options.writes {
        return Ok(());
    }
    if report.refused.is_some() {
        return Ok(conflicts::put_off(cycling.spec, equipment, touched).await?);
    }
    let allowance = options.allow_event_changes;
    let noted = conflicts::run(cycling, equipment, due, touched, allowance, report).await?;
    if noted.is_empty() {
        return Ok(());
    }
    cycling.projector.tell(cycling.store.meeting_notes(&cycling.spec.name).await?);
    let rest = Rest { again: noted, ..Rest::default() };
    later_rounds(cycling, equipment, rest, report).await
}

/// Whether nothing at all is to be looked at: the common case, and it should cost next to nothing.
async fn is_quiet(
    spec: &MirrorSpec,
    store: &dyn Store,
    target: &dyn Target,
    start: &Start,
) -> Result<bool, CycleError> {
    let kinds = &domain::EntityKind::ALL;
    let changed = match &start.scope {
        scope @ Scope::Changed { .. } => {
            store.subjects(&spec.name, &spec.roster, kinds, scope, None, 1).await?
        }
        Scope::All { .. } | Scope::Keys(_) => return Ok(false),
    };
    if !changed.is_empty() || !target.capabilities().publishes {
        return Ok(changed.is_empty());
    }
    Ok(!store.calendar_states(&spec.name).await?.iter().any(waits_to_be_published))
}

async fn settle_quiet(
    spec: &MirrorSpec,
    store: &dyn Store,
    clock: &dyn Clock,
    start: &Start,
    mut report: CycleReport,
) -> Result<CycleReport, CycleError> {
    let reached = start.reached();
    if reached != start.cursor {
        let commit = LedgerCommit { cursor: Some(reached), ..LedgerCommit::default() };
        store.commit_ledger(&spec.name, commit).await?;
    }
    report.unchanged = store.mirror_counts(&spec.name).await?.items;
    report.ended_at = clock.now();
    Ok(report)
}

fn cycling<'a>(
    spec: &'a MirrorSpec,
    equipment: Equipment<'a>,
    options: CycleOptions,
    start: &Start,
    projector: &'a Projector<'a>,
    commits: &'a GroupCommit<'a>,
    deletions_left: i64,
) -> Cycling<'a> {
    let Equipment { store, target, gate, clock, watcher, approvals, .. } = equipment;
    Cycling {
        spec,
        store,
        target,
        gate,
        clock,
        watcher,
        projector,
        commits,
        batches: Batches::new(target, gate, clock),
        window: start.window,
        deadline: clock.now().saturating_add(CYCLE_WAIT_MAX).unwrap_or(Timestamp::MAX),
        due_by: due_by(options, clock.now()),
        purge: options.purge,
        writes: options.writes,
        width: width(target),
        calendars_at_once: calendars_at_once(target),
        identity: target.capabilities().identity,
        publishes: target.capabilities().publishes,
        approvals,
        drifts: Drifts::default(),
        states: BTreeMap::new(),
        deletions_left: AtomicI64::new(deletions_left),
        deletions_refused: AtomicU64::new(0),
        orphans_judged: AtomicBool::new(false),
        destinations: AsyncMutex::default(),
    }
}

/// What a survey would delete, and from how much: history does not count.
pub(super) async fn count_deletions(
    spec: &MirrorSpec,
    store: &dyn Store,
    window: &SyncWindow,
    survey: &Survey,
) -> Result<DeletionCount, CycleError> {
    let present = store.items_after(&spec.name, window.interval.start()).await?;
    Ok(DeletionCount { present, deletions: survey.deletions() })
}

/// How many deletions drains may carry out: what was surveyed and judged, and besides that what
/// the guard would let pass of items that only reading back brings to light.
fn deletions_allowed(spec: &MirrorSpec, count: DeletionCount, allowance: Option<u64>) -> i64 {
    let share = (count.present as f64 * spec.guard.deleted_share_max) as u64;
    let allowed = count.deletions.max(share).max(spec.guard.deletions_free);
    i64::try_from(allowance.map_or(allowed, |it| it.max(allowed))).unwrap_or(i64::MAX)
}

/// An operator who has everything read back, or purged, does not want to wait for quarantines.
fn due_by(options: CycleOptions, now: Timestamp) -> Timestamp {
    if options.read_back || options.purge { Timestamp::MAX } else { now }
}

fn width(target: &dyn Target) -> usize {
    let quotas = &target.capabilities().quotas;
    quotas.iter().filter_map(|quota| quota.concurrency).min().unwrap_or(CONCURRENCY_DEFAULT)
}

/// Enough calendars to fill the connection: where each has a small budget of its own, many must be
/// drained at once.
fn calendars_at_once(target: &dyn Target) -> usize {
    let quotas = &target.capabilities().quotas;
    let of_connection = quotas.iter().filter(|quota| quota.scope == QuotaScope::Connection);
    let concurrency = of_connection.filter_map(|quota| quota.concurrency).min();
    let calendars = concurrency.unwrap_or(CONCURRENCY_DEFAULT) * CALENDARS_PER_REQUEST;
    calendars.min(CALENDARS_AT_ONCE_MAX)
}

pub(super) fn surveyor<'a>(
    spec: &'a MirrorSpec,
    store: &'a dyn Store,
    window: &'a SyncWindow,
    clock: Timestamp,
    options: CycleOptions,
) -> Surveyor<'a> {
    let (mirror, roster, due_by) = (&spec.name, &spec.roster, due_by(options, clock));
    let kinds = kinds_of(spec.profile.shows);
    Surveyor { store, mirror, roster, window, kinds, now: due_by, clock, purge: options.purge }
}

async fn start(
    spec: &MirrorSpec,
    store: &dyn Store,
    now: Timestamp,
    options: CycleOptions,
) -> Result<Start, CycleError> {
    let cursor = store.cursor(&spec.name).await?;
    let (window, widens) = window_of(spec, &cursor, now);
    let seq = store.roster_seq(&spec.roster).await?;
    let profile = spec.fingerprint();
    let scope = match cursor.window_end {
        Some(end) if cursor.profile == Some(profile) && !options.read_back && !options.purge => {
            let entered_until = window.interval.end();
            Scope::Changed {
                since: cursor.seq,
                entered_from: end.min(entered_until),
                entered_until,
            }
        }
        Some(_) | None => Scope::All { window },
    };
    Ok(Start { window, cursor, profile, seq, scope, widens })
}

/// The window of this cycle: the first one of a mirror may be shorter. And whether this is the
/// cycle that makes it longer.
fn window_of(spec: &MirrorSpec, cursor: &Cursor, now: Timestamp) -> (SyncWindow, bool) {
    let first = spec.first_future.filter(|first| *first < spec.future);
    let whole = SyncWindow::around(now, spec.past, spec.future);
    match (first, cursor.window_end) {
        (Some(first), None) => (SyncWindow::around(now, spec.past, first), false),
        (Some(first), Some(reached)) => {
            let short = SyncWindow::around(now, spec.past, first);
            (whole, reached <= short.interval.end() && reached < whole.interval.end())
        }
        (None, _) => (whole, false),
    }
}

async fn survey(
    spec: &MirrorSpec,
    store: &dyn Store,
    projector: &Projector<'_>,
    start: &Start,
    now: Timestamp,
    options: CycleOptions,
) -> Result<Survey, CycleError> {
    let surveyor = surveyor(spec, store, &start.window, now, options);
    if spec.profile.shows == Shows::HeadCount {
        // Whose shifts changed says nothing of which counts did.
        let scope = Scope::All { window: start.window };
        return Ok(surveyor.survey_with(projector, &scope, &projector.counted()).await?);
    }
    let survey = surveyor.survey(projector, &start.scope).await?;
    match start.scope {
        // Names stand in items of entities that did not change themselves.
        Scope::Changed { .. } if survey.organisation_changed => {
            Ok(surveyor.survey(projector, &Scope::All { window: start.window }).await?)
        }
        Scope::Changed { .. } | Scope::All { .. } | Scope::Keys(_) => Ok(survey),
    }
}

async fn finish(
    cycling: &Cycling<'_>,
    start: &Start,
    count: DeletionCount,
    options: CycleOptions,
    report: &mut CycleReport,
) -> Result<(), CycleError> {
    let held = cycling.deletions_refused.load(Ordering::Relaxed);
    if held > 0 {
        let deletions = count.deletions + held;
        let subject = format!("mirror {}", cycling.spec.name);
        report.refused =
            Some(GuardRefusal { subject, count: DeletionCount { deletions, ..count } });
        report.complete = false;
    }
    let reached = start.reached();
    if report.complete && options.writes && !options.purge && reached != start.cursor {
        let commit = LedgerCommit { cursor: Some(reached), ..LedgerCommit::default() };
        cycling.commits.commit(commit).await.map_err(CycleError::Shared)?;
    }
    if options.purge {
        cycling.drifts.forget(cycling.store, &cycling.spec.name).await?;
        let commit = LedgerCommit {
            cursor: Some(Cursor::default()),
            conflicts: vec![ConflictWrite::DropAll],
            ..LedgerCommit::default()
        };
        cycling.commits.commit(commit).await.map_err(CycleError::Shared)?;
    }
    let items = cycling.store.mirror_counts(&cycling.spec.name).await?.items;
    report.unchanged = items.saturating_sub(report.created + report.updated);
    report.ended_at = cycling.clock.now();
    Ok(())
}
