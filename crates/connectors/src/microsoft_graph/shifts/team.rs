//! What was learned of a team, and for how long it is good.
//!
//! Members, groups and reasons are read when a team is opened, after some time, and again (but not
//! all the time) when something is met that they do not explain. What follows from them and the
//! roster is worked out once for each directory. Nothing is written here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{CalendarKey, Directory};
use engine::port::{Clock, Failure, FailureClass};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

use super::call::Caller;
use super::config::Teams;
use super::people::{Addresses, Facts, Index};
use super::wire::{Group, Member, Reason};
use crate::microsoft_graph::client::{Ask, segment};

/// How long what was learned is good.
const GOOD_FOR: Duration = Duration::from_secs(15 * 60);
/// How long it is better than nothing for who cannot wait.
const OLD_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long something that is unknown stays so without another look.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);
/// How long an id that was looked for and not found is not looked for again.
const LOOKED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// Ids of a team that are remembered as looked for; when there are more, all are forgotten.
const LOOKED_FOR_MAX: usize = 10_000;
/// Members on a page (`shifts.md` §1.6).
const MEMBERS_PER_PAGE: usize = 999;

/// The teams of a mirror.
pub struct TeamBook {
    caller: Arc<Caller>,
    teams: Arc<Teams>,
    reason_default: String,
    who: Mutex<Who>,
    known: Mutex<BTreeMap<CalendarKey, Known>>,
    queues: Mutex<BTreeMap<CalendarKey, Arc<Queue<()>>>>,
    /// Ids that mean nothing of the roster's, and when they were looked for.
    looked_for: Mutex<BTreeMap<CalendarKey, BTreeMap<String, Timestamp>>>,
    /// Whose preferences were written since the process started.
    available: Mutex<BTreeSet<String>>,
    /// Teams that are being read for nobody who waits.
    read_behind: Mutex<BTreeSet<CalendarKey>>,
}

/// Who there is in the roster.
#[derive(Clone, Default)]
struct Who {
    directory: Arc<Directory>,
    addresses: Arc<Addresses>,
}

#[derive(Clone)]
struct Known {
    facts: Arc<Facts>,
    index: Arc<Index>,
    directory: Arc<Directory>,
    learned_at: Timestamp,
}

impl TeamBook {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(caller: Arc<Caller>, teams: Arc<Teams>, reason_default: String) -> Self {
        Self {
            caller,
            teams,
            reason_default,
            who: Mutex::default(),
            known: Mutex::default(),
            queues: Mutex::default(),
            looked_for: Mutex::default(),
            available: Mutex::default(),
            read_behind: Mutex::default(),
        }
    }

    /// Takes note of who there is.
    pub fn meet(&self, directory: Arc<Directory>) {
        let mut who = lock(&self.who);
        if !Arc::ptr_eq(&who.directory, &directory) {
            let addresses = Arc::new(Addresses::of(&directory));
            *who = Who { directory, addresses };
        }
    }

    /// Who there is.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&lock(&self.who).directory)
    }

    /// What the ids of a team mean.
    ///
    /// # Errors
    /// When they had to be read and could not be; `CalendarMissing` when there is no schedule.
    pub async fn index(&self, team: &CalendarKey) -> Result<Arc<Index>, Failure> {
        if let Some(index) = self.known_index(team, GOOD_FOR) {
            return Ok(index);
        }
        let _turn = self.alone(team).await;
        // Somebody else may have learned it meanwhile.
        if let Some(index) = self.known_index(team, GOOD_FOR) {
            return Ok(index);
        }
        self.learn(team).await
    }

    /// The same, after something was met that they do not explain.
    ///
    /// # Errors
    /// As [`Self::index`].
    pub async fn index_again(&self, team: &CalendarKey) -> Result<Arc<Index>, Failure> {
        if let Some(index) = self.known_index(team, UNKNOWN_FOR) {
            return Ok(index);
        }
        let _turn = self.alone(team).await;
        if let Some(index) = self.known_index(team, UNKNOWN_FOR) {
            return Ok(index);
        }
        self.learn(team).await
    }

    /// The same, after these ids were met that mean nothing; `None` when all of them were looked
    /// for not long ago.
    ///
    /// # Errors
    /// As [`Self::index`].
    pub async fn index_for(
        &self,
        team: &CalendarKey,
        unknown: BTreeSet<String>,
    ) -> Result<Option<Arc<Index>>, Failure> {
        let asked_at = self.now();
        let told = |ids: &BTreeMap<String, Timestamp>, id: &String| {
            ids.get(id).is_some_and(|it| asked_at.duration_since(*it) < LOOKED_FOR)
        };
        let all_told = match lock(&self.looked_for).get(team) {
            Some(ids) => unknown.iter().all(|it| told(ids, it)),
            None => unknown.is_empty(),
        };
        if all_told {
            return Ok(None);
        }
        let index = self.index_again(team).await?;
        let learned_at = lock(&self.known).get(team).map(|it| it.learned_at);
        // What was learned before they were met does not tell of them.
        if learned_at.is_some_and(|it| it >= asked_at) {
            let mut looked_for = lock(&self.looked_for);
            let ids = looked_for.entry(team.clone()).or_default();
            if ids.len() + unknown.len() > LOOKED_FOR_MAX {
                ids.clear();
            }
            ids.extend(unknown.into_iter().take(LOOKED_FOR_MAX).map(|it| (it, asked_at)));
        }
        Ok(Some(index))
    }

    /// Waits until nobody else changes what is known of a team.
    pub async fn alone(&self, team: &CalendarKey) -> OwnedMutexGuard<()> {
        let queue = Arc::clone(lock(&self.queues).entry(team.clone()).or_default());
        queue.lock_owned().await
    }

    /// What was read from a team, if that is not too long ago.
    #[must_use]
    pub fn facts(&self, team: &CalendarKey) -> Option<Arc<Facts>> {
        lock(&self.known).get(team).map(|it| Arc::clone(&it.facts))
    }

    /// What the ids of a team mean, as far as it is known without asking.
    #[must_use]
    pub fn index_in_memory(&self, team: &CalendarKey) -> Option<Arc<Index>> {
        self.known_index(team, GOOD_FOR)
    }

    /// The same, however old it is by now, up to a day.
    #[must_use]
    pub fn old_index(&self, team: &CalendarKey) -> Option<Arc<Index>> {
        self.known_index(team, OLD_FOR)
    }

    /// Has a team read by nobody who waits for it; once at a time.
    pub fn read_behind(self: &Arc<Self>, team: &CalendarKey) {
        if !lock(&self.read_behind).insert(team.clone()) {
            return;
        }
        let (book, team) = (Arc::clone(self), team.clone());
        tokio::spawn(async move {
            if let Err(failure) = book.index(&team).await {
                let class = failure.class.as_str();
                tracing::info!(class, "what is known of a team stays old for now");
            }
            lock(&book.read_behind).remove(&team);
        });
    }

    /// Forgets a team, unless it was learned just now: something was refused that should not be.
    pub fn doubt(&self, team: &CalendarKey) {
        if self.known_index(team, UNKNOWN_FOR).is_none() {
            lock(&self.known).remove(team);
        }
    }

    /// Takes note of somebody whose preferences are ours now.
    pub fn note_preferences(&self, user: &str) {
        lock(&self.available).insert(user.to_owned());
    }

    /// Whether somebody's preferences were written since the process started.
    #[must_use]
    pub fn wrote_preferences(&self, user: &str) -> bool {
        lock(&self.available).contains(user)
    }

    /// Reads a team, and keeps what was learned.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn learn(&self, team: &CalendarKey) -> Result<Arc<Index>, Failure> {
        let facts = read_facts(&self.caller, team).await?;
        Ok(self.keep(team, facts, self.now()))
    }

    /// Keeps facts that were just changed by us; the rest is as old as it was.
    pub fn change(&self, team: &CalendarKey, change: impl FnOnce(&mut Facts)) -> Arc<Index> {
        let known = lock(&self.known).get(team).cloned();
        let mut facts = known.as_ref().map(|it| Facts::clone(&it.facts)).unwrap_or_default();
        change(&mut facts);
        let learned_at = known.map_or(Timestamp::MIN, |it| it.learned_at);
        self.keep(team, facts, learned_at)
    }

    fn keep(&self, team: &CalendarKey, facts: Facts, learned_at: Timestamp) -> Arc<Index> {
        let Who { directory, addresses } = lock(&self.who).clone();
        let index = Arc::new(self.index_of(team, &facts, &directory, &addresses));
        let facts = Arc::new(facts);
        let known = Known { facts, index: Arc::clone(&index), directory, learned_at };
        lock(&self.known).insert(team.clone(), known);
        index
    }

    fn known_index(&self, team: &CalendarKey, good_for: Duration) -> Option<Arc<Index>> {
        let now = self.now();
        let good_for = SignedDuration::try_from(good_for).unwrap_or_default();
        let known = lock(&self.known).get(team).cloned()?;
        if now.duration_since(known.learned_at) >= good_for {
            return None;
        }
        let Who { directory, .. } = lock(&self.who).clone();
        if Arc::ptr_eq(&directory, &known.directory) {
            return Some(known.index);
        }
        Some(self.keep(team, Facts::clone(&known.facts), known.learned_at))
    }

    fn index_of(
        &self,
        team: &CalendarKey,
        facts: &Facts,
        directory: &Directory,
        addresses: &Addresses,
    ) -> Index {
        Index::of(facts, directory, addresses, (&self.teams, team), &self.reason_default)
    }

    fn now(&self) -> Timestamp {
        let clock: &Arc<dyn Clock> = self.caller.connection().clock();
        clock.now()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The path of a team's schedule, or of something in it.
#[must_use]
pub fn schedule_path(team: &CalendarKey, below: &str) -> String {
    format!("/teams/{}/schedule{below}", segment(team.as_str()))
}

async fn read_facts(caller: &Caller, team: &CalendarKey) -> Result<Facts, Failure> {
    let groups: Vec<Group> = {
        let operation = format!("list the scheduling groups of team `{team}`");
        caller.list(Ask::get(schedule_path(team, "/schedulingGroups"), operation)).await?
    };
    let reasons: Vec<Reason> = {
        let operation = format!("list the time-off reasons of team `{team}`");
        caller.list(Ask::get(schedule_path(team, "/timeOffReasons"), operation)).await?
    };
    Ok(Facts { members: read_members(caller, team).await?, groups, reasons })
}

/// Reads who is in a team.
///
/// # Errors
/// When they cannot be read.
pub async fn read_members(caller: &Caller, team: &CalendarKey) -> Result<Vec<Member>, Failure> {
    let path = format!("/teams/{}/members?$top={MEMBERS_PER_PAGE}", segment(team.as_str()));
    let operation = format!("list the members of team `{team}`");
    let members: Vec<Member> = caller.list(Ask::get(path, operation)).await?;
    // Guests have no place in Shifts.
    let guest = |it: &Member| it.roles.iter().any(|role| role.eq_ignore_ascii_case("guest"));
    Ok(members.into_iter().filter(|it| !guest(it)).collect())
}

/// A failure of ours: nothing was sent.
#[must_use]
pub fn refused(operation: impl Into<String>, detail: impl Into<String>) -> Failure {
    Failure {
        class: FailureClass::Refused,
        operation: operation.into(),
        status: None,
        detail: detail.into(),
    }
}
