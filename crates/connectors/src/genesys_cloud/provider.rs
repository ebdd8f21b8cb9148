//! The source port over Genesys Cloud: what is to be read, and in which order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::limits::{DIRECTORY_REFRESH, SOURCE_FULL_INTERVAL};
use domain::time::local_day;
use domain::{ConnectionName, SyncWindow};
use engine::port::{
    Absence, DeltaToken, Failure, FailureClass, Finding, Marks, Reading, ReadingKind, ReadingPart,
    Resume, Source, SourceEntity, SourceError, SourceMark, StoreError,
};
use jiff::{SignedDuration, Timestamp};

use super::client::Client;
use super::directory::{Unit, employee, groups_and_reasons, meaning};
use super::inbound::About;
use super::progress::{ALL_PEOPLE, Progress, Work, WorkKind, approved_in, of_week, people_of};
use super::weeks::in_force;

/// How long agents and management units are believed without looking, within one reading.
const UNIT_RECHECK: SignedDuration = SignedDuration::from_mins(10);
/// However many hints come, requests are read at most so often because of them.
const REQUESTS_PAUSE: std::time::Duration = std::time::Duration::from_secs(60);
/// The same for people: reading 50,000 of them takes minutes, and schedules must have their turn.
const PEOPLE_PAUSE: std::time::Duration = std::time::Duration::from_secs(10 * 60);
/// How far back `recent` reaches is 26 weeks: nothing is concluded from what lies before that.
const RECENT_WEEKS: i64 = 25;

/// One connection.
#[derive(Debug)]
pub struct Genesys {
    name: ConnectionName,
    client: Client,
    business_units: Vec<String>,
    concurrency: usize,
    with_requests: bool,
    with_trades: bool,
    integrated: bool,
    may_read_requests: AtomicBool,
    hinted: bool,
    hints: Hints,
    day_minutes: u32,
    scope: String,
    units: Mutex<BTreeMap<String, (Timestamp, Arc<Unit>)>>,
}

/// What events told of that the versions of schedules do not tell.
#[derive(Debug, Default)]
struct Hints {
    requests: AtomicBool,
    people: AtomicBool,
}

/// What a connection is made of.
pub(super) struct GenesysParts {
    pub name: ConnectionName,
    pub client: Client,
    pub business_units: Vec<String>,
    pub concurrency: usize,
    pub with_requests: bool,
    pub with_trades: bool,
    pub integrated: bool,
    pub hinted: bool,
    pub day_minutes: u32,
    pub scope: String,
}

impl Genesys {
    pub(super) fn new(parts: GenesysParts) -> Self {
        let GenesysParts { name, client, business_units, concurrency, .. } = parts;
        let (with_requests, with_trades) = (parts.with_requests, parts.with_trades);
        Self {
            name,
            client,
            business_units,
            concurrency,
            with_requests,
            with_trades,
            integrated: parts.integrated,
            may_read_requests: AtomicBool::new(true),
            hinted: parts.hinted,
            hints: Hints::default(),
            day_minutes: parts.day_minutes,
            scope: parts.scope,
            units: Mutex::default(),
        }
    }

    pub(super) fn name(&self) -> &ConnectionName {
        &self.name
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn business_units(&self) -> &[String] {
        &self.business_units
    }

    pub(super) fn concurrency(&self) -> usize {
        self.concurrency
    }

    pub(super) fn day_minutes(&self) -> i64 {
        i64::from(self.day_minutes)
    }

    /// Whether requests may be read, as far as is known.
    pub(super) fn may_read_requests(&self) -> bool {
        self.may_read_requests.load(Ordering::Relaxed)
    }

    /// Whether the vendor is told that a request was shown.
    pub(super) fn marks_integrated(&self) -> bool {
        self.integrated
    }

    /// Whether events are taken as hints.
    pub(super) fn is_hinted(&self) -> bool {
        self.hinted
    }

    /// Takes note of what an event may have changed; the next reading looks there.
    pub(super) fn hint(&self, about: About) {
        match about {
            About::Schedules => {}
            About::Requests => self.hints.requests.store(true, Ordering::Relaxed),
            About::People => self.hints.people.store(true, Ordering::Relaxed),
        }
    }

    pub(super) fn wants_requests(&self) -> bool {
        self.with_requests
    }

    pub(super) fn wants_trades(&self) -> bool {
        self.with_trades
    }

    pub(super) fn may_read_requests_is(&self, known: bool) {
        self.may_read_requests.store(known, Ordering::Relaxed);
    }

    /// One business unit, as it was a moment ago.
    pub(super) async fn known_unit(&self, id: &str) -> Result<Arc<Unit>, SourceError> {
        let now = self.client.clock().now();
        let known = self.kept_units().get(id).cloned();
        if let Some((at, unit)) = known
            && now.duration_since(at) < UNIT_RECHECK
        {
            return Ok(unit);
        }
        let unit = Arc::new(self.unit(id).await.map_err(SourceError::Failed)?);
        self.kept_units().insert(id.to_owned(), (now, Arc::clone(&unit)));
        Ok(unit)
    }

    /// The business unit that a management unit belongs to; `None` when it is none of ours.
    pub(super) async fn unit_with(&self, team: &str) -> Result<Option<Arc<Unit>>, SourceError> {
        let has = |unit: &&Arc<Unit>| unit.teams.contains_key(team);
        let at_hand = self.kept_units().values().map(|(_, it)| Arc::clone(it)).collect::<Vec<_>>();
        if let Some(unit) = at_hand.iter().find(has) {
            return Ok(Some(Arc::clone(unit)));
        }
        for id in self.unit_ids().await.map_err(SourceError::Failed)? {
            let unit = self.known_unit(&id).await?;
            if has(&&unit) {
                return Ok(Some(unit));
            }
        }
        Ok(None)
    }

    fn kept_units(&self) -> MutexGuard<'_, BTreeMap<String, (Timestamp, Arc<Unit>)>> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads people, groups and reasons.
    async fn read_directory(
        &self,
        mut progress: Progress,
        marks: &dyn Marks,
    ) -> Result<Reading, SourceError> {
        let now = self.client.clock().now();
        let ids = self.unit_ids().await.map_err(SourceError::Failed)?;
        if ids.is_empty() {
            return Err(SourceError::Failed(Failure {
                class: FailureClass::Forbidden,
                operation: "list business units".into(),
                status: None,
                detail: "the client sees none; give its role the division of a business unit"
                    .into(),
            }));
        }
        self.check_lost(progress.units.keys().filter(|it| !ids.contains(it))).await?;
        self.kept_units().clear();
        // A permission may have been given meanwhile.
        self.may_read_requests_is(true);
        let mut units = BTreeMap::new();
        for id in &ids {
            units.insert(id.clone(), self.known_unit(id).await?);
        }
        let kept = marks.beginning_with(ALL_PEOPLE).await.map_err(SourceError::Marks)?;
        let mut changes = self.forget_teams(&kept, &units).await?;
        let before: BTreeSet<&str> = kept.iter().flat_map(|it| it.value.lines()).collect();
        let people = self.people().await.map_err(SourceError::Failed)?;
        let all: BTreeMap<String, Unit> =
            units.iter().map(|(id, unit)| (id.clone(), Unit::clone(unit))).collect();
        let mut entities = groups_and_reasons(&all);
        let teams = units.iter().flat_map(|(unit, it)| it.teams.iter().map(move |of| (unit, of)));
        for (unit, (id, team)) in teams {
            let mut here: Vec<&str> = Vec::new();
            for agent in &team.agents {
                let user = people.users.get(agent);
                if let Some(entity) = user.and_then(|user| employee(user, id, team)) {
                    entities.push(entity);
                    here.push(agent);
                }
            }
            // Whoever came back was told of before: no version of theirs need have changed.
            let back = here.iter().filter(|it| !before.is_empty() && !before.contains(**it));
            let back: Vec<String> = back.map(|it| (*it).to_owned()).collect();
            if !back.is_empty() {
                progress.again_everywhere(unit, id, &back);
            }
            let (name, value) = (people_of(id), here.join("\n"));
            if !kept.iter().any(|it| it.name == name && it.value == value) {
                changes.push((name, Some(value)));
            }
        }
        let meaning = meaning(&all);
        if progress.meaning != meaning {
            // Shifts are called otherwise now, though none has another version.
            progress.full_at = None;
            progress.meaning = meaning;
        }
        progress.directory_at = Some(now);
        progress.units.retain(|id, _| ids.contains(id));
        for id in ids {
            progress.units.entry(id).or_default();
        }
        let part = ReadingPart {
            entities,
            everybody: people.whole,
            marks: changes,
            more: true,
            ..ReadingPart::default()
        };
        let (kind, next) = (ReadingKind::Part(part), progress.token());
        Ok(Reading { kind, next, notes: vec![], skipped: vec![] })
    }

    /// Whether business units that are listed no more are gone, and not only hidden.
    async fn check_lost(&self, lost: impl Iterator<Item = &String>) -> Result<(), SourceError> {
        for known in lost {
            let path = format!("businessunits/{}", super::client::segment(known));
            if !self.is_gone(&path).await.map_err(SourceError::Failed)? {
                return Err(hidden("business unit", known));
            }
        }
        Ok(())
    }

    /// Drops what is kept of management units that are gone.
    async fn forget_teams(
        &self,
        kept: &[SourceMark],
        units: &BTreeMap<String, Arc<Unit>>,
    ) -> Result<Vec<(String, Option<String>)>, SourceError> {
        let mut changes = Vec::new();
        for mark in kept {
            let team = super::progress::unit_of_people(&mark.name);
            if units.values().any(|it| it.teams.contains_key(team)) {
                continue;
            }
            let path = format!("managementunits/{}", super::client::segment(team));
            if !self.is_gone(&path).await.map_err(SourceError::Failed)? {
                return Err(hidden("management unit", team));
            }
            changes.push((mark.name.clone(), None));
            changes.push((approved_in(team), None));
        }
        Ok(changes)
    }

    /// Looks which schedules changed: one request per business unit.
    async fn look(
        &self,
        mut progress: Progress,
        window: &SyncWindow,
        marks: &dyn Marks,
    ) -> Result<Reading, SourceError> {
        let now = self.client.clock().now();
        let long_ago = |at: Timestamp| is_past(at, SOURCE_FULL_INTERVAL, now);
        let whole = progress.full_at.is_none_or(long_ago);
        if whole {
            progress.full_at = Some(now);
        }
        let mut changes = Vec::new();
        let mut changed = whole;
        for (id, known) in &mut progress.units {
            let heads = self.heads(id).await.map_err(SourceError::Failed)?;
            // The zone is at hand only when something was read; a day more at each end is no harm.
            let utc = jiff::tz::TimeZone::UTC;
            let first = local_day(window.interval.start(), &utc);
            let end = local_day(window.interval.end(), &utc);
            let day = jiff::Span::new().days(1);
            let (first, end) = (first.saturating_sub(day), end.saturating_add(day));
            let reach = local_day(now, &utc).saturating_sub(jiff::Span::new().weeks(RECENT_WEEKS));
            let found = in_force(&heads, first.max(reach), end.saturating_add(day));
            let mut work = Vec::new();
            for (week, head) in &found {
                let kind = match known.get(week) {
                    Some(before) if !whole && before == head && head.version.is_some() => continue,
                    Some(before) if !whole && before.id == head.id && before.days == head.days => {
                        WorkKind::Changed
                    }
                    Some(_) | None => WorkKind::Whole,
                };
                work.push(Work::new(id, *week, kind));
            }
            for (week, head) in known.iter().filter(|(week, _)| !found.contains_key(week)) {
                changed = true;
                let last = head.days.iter().map(|(_, end)| *end).max().unwrap_or(*week);
                if last > first.max(reach) {
                    let days = head.days.clone();
                    work.push(Work { days, ..Work::new(id, *week, WorkKind::Gone) });
                } else {
                    // It is history: what is kept to notice changes is needed no more.
                    let old = marks.beginning_with(&of_week(id, *week)).await;
                    let old = old.map_err(SourceError::Marks)?;
                    changes.extend(old.into_iter().map(|it| (it.name, None)));
                }
            }
            *known = found;
            progress.work.extend(work);
        }
        let ids: BTreeSet<&String> =
            progress.units.values().flat_map(|it| it.values().map(|head| &head.id)).collect();
        progress.overtaken.retain(|id| ids.contains(id));
        if progress.work.is_empty() && !changed {
            let next = progress.token();
            return Ok(Reading {
                kind: ReadingKind::Unchanged,
                next,
                notes: vec![],
                skipped: vec![],
            });
        }
        self.kept_units()
            .retain(|_, (at, _)| now.duration_since(*at) < SignedDuration::from_secs(60));
        if changes.is_empty() && !progress.work.is_empty() {
            return self.bite(progress, marks).await;
        }
        let more = !progress.work.is_empty();
        let kind =
            ReadingKind::Part(ReadingPart { marks: changes, more, ..ReadingPart::default() });
        Ok(Reading { kind, next: progress.token(), notes: vec![], skipped: vec![] })
    }
}

/// Whether what was last looked at then is to be looked at again: its time has come, or somebody
/// hinted at it and it was not looked at a moment ago.
fn is_due(
    at: Option<Timestamp>,
    (hinted, pause): (&AtomicBool, std::time::Duration),
    now: Timestamp,
) -> bool {
    let Some(at) = at else { return true };
    let may = is_past(at, pause, now);
    (may && hinted.swap(false, Ordering::Relaxed)) || is_past(at, DIRECTORY_REFRESH, now)
}

/// A hint that was taken counts again when what followed it failed.
fn kept_on_failure(
    read: Result<Reading, SourceError>,
    hinted: &AtomicBool,
) -> Result<Reading, SourceError> {
    if read.is_err() {
        hinted.store(true, Ordering::Relaxed);
    }
    read
}

fn is_past(at: Timestamp, interval: std::time::Duration, now: Timestamp) -> bool {
    at.saturating_add(interval).is_ok_and(|due| due <= now)
}

fn hidden(what: &str, id: &str) -> SourceError {
    SourceError::Failed(Failure {
        class: FailureClass::Forbidden,
        operation: format!("see {what} `{}`", super::wire::short(id)),
        status: None,
        detail: "it is there and is listed no more; was a division taken from the client's role?"
            .into(),
    })
}

#[async_trait]
impl Source for Genesys {
    async fn check(&self) -> Vec<Finding> {
        super::check::findings(self).await
    }

    /// All of it at once: for those who need everything and keep nothing.
    async fn read(
        &self,
        window: &SyncWindow,
        _since: Option<&DeltaToken>,
    ) -> Result<Reading, SourceError> {
        let mut marks = OwnMarks::default();
        let (mut entities, mut notes, mut resume) = (Vec::<SourceEntity>::new(), vec![], None);
        loop {
            let reading = self.read_on(window, resume.as_ref(), &marks).await?;
            notes.extend(reading.notes);
            let more = match reading.kind {
                ReadingKind::Part(part) => {
                    entities.extend(part.entities);
                    marks.take(part.marks);
                    part.more
                }
                ReadingKind::Unchanged | ReadingKind::Full { .. } | ReadingKind::Changes { .. } => {
                    false
                }
            };
            if !more {
                let kind = ReadingKind::Full { entities, absence: Absence::MeansNothing };
                return Ok(Reading { kind, next: None, notes, skipped: vec![] });
            }
            resume = reading.next.map(|token| Resume { token, window: Some(*window), void: false });
        }
    }

    async fn read_on(
        &self,
        window: &SyncWindow,
        resume: Option<&Resume>,
        marks: &dyn Marks,
    ) -> Result<Reading, SourceError> {
        let resume = resume.filter(|it| !it.void);
        let progress = resume.and_then(|it| Progress::read(&it.token, &self.scope));
        let progress = progress.unwrap_or_else(|| Progress::new(&self.scope));
        let now = self.client.clock().now();
        if !progress.work.is_empty() {
            return self.bite(progress, marks).await;
        }
        let Hints { people, requests } = &self.hints;
        if is_due(progress.directory_at, (people, PEOPLE_PAUSE), now) {
            return kept_on_failure(self.read_directory(progress, marks).await, people);
        }
        if self.wants_requests() && is_due(progress.requests_at, (requests, REQUESTS_PAUSE), now) {
            let read = self.look_at_approved(progress, window, marks).await;
            return kept_on_failure(read, requests);
        }
        self.look(progress, window, marks).await
    }
}

/// Marks of a reading that nobody keeps.
#[derive(Default)]
struct OwnMarks(BTreeMap<String, String>);

impl OwnMarks {
    fn take(&mut self, marks: Vec<(String, Option<String>)>) {
        for (name, value) in marks {
            match value {
                Some(value) => self.0.insert(name, value),
                None => self.0.remove(&name),
            };
        }
    }
}

#[async_trait]
impl Marks for OwnMarks {
    async fn beginning_with(&self, beginning: &str) -> Result<Vec<SourceMark>, StoreError> {
        let found = self.0.iter().filter(|(name, _)| name.starts_with(beginning));
        let mark = |(name, value): (&String, &String)| SourceMark {
            name: name.clone(),
            value: value.clone(),
        };
        Ok(found.map(mark).collect())
    }
}
