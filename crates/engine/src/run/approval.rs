//! Taking what people ask for in one mirror: gather facts, have it decided, commit, answer.
//!
//! Asks that come while others are being decided wait, and are decided together: one reading of
//! facts and one transaction serve all of them ([`ASKS_PER_COMMIT_MAX`]). They are still decided
//! one by one, each on the roster as those before it leave it, so that the answers are the same as
//! if they had come alone.
//!
//! A system of record that is somewhere else takes its time for each, and what it grants is done
//! there before it is durable here. So each of its verdicts is committed and answered before the
//! next ask is put to it, and is kept while its commit has to be tried again (`docs/adr/0025`).
//!
//! # What holds when something fails
//!
//! An ask is answered as granted only after it is durable: roster, ledger, request and the grant
//! itself in one transaction. When the store fails, or the roster keeps changing under us, nothing
//! is granted ([`Refusal::NotReachable`]). When we die in between, the repetition finds the
//! [`crate::port::Grant`] and gets the same answer.
//!
//! [`Desk::decide`] must not be cancelled (callers spawn it), but nothing breaks if it is: whoever
//! waits next takes the lead, and decides its own ask again. What the one who was cancelled had
//! committed is known as a grant by then.

mod decide;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::limits::{
    ASK_ATTEMPTS_MAX, ASKS_PER_COMMIT_MAX, DIRECTORY_RECHECK, GRANT_MEMORY, GRANTED_ATTEMPTS_MAX,
};
use domain::{
    CalendarKey, CommandKind, Directory, Eligible, EntityKind, ItemKey, MirrorName, Refusal,
    RosterName,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex as AsyncMutex;

use super::approval_facts::Gatherer;
use crate::approve::key::key_of;
use crate::approve::land::Outcome;
use crate::approve::translate::translate_question;
use crate::approve::world::World;
use crate::port::{
    Answer, ApprovalCommit, Approvals, Ask, AskWhat, AskedQuestion, ChangeSeq, Clock, Decider,
    Entropy, Facts, Grant, LedgerRow, LedgerWrite, Offered, SourceRef, Store, StoreError, Upsert,
};
use decide::{Decided, Verdicts, all_of_it};

/// What a desk is run with.
#[derive(Clone)]
pub struct DeskEquipment {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Who decides.
    pub decider: Arc<dyn Decider>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for new ids.
    pub entropy: Arc<dyn Entropy>,
}

/// Takes what people ask for in one mirror of one roster.
pub struct Desk {
    equipment: DeskEquipment,
    mirror: MirrorName,
    roster: RosterName,
    kinds: BTreeSet<CommandKind>,
    head: Mutex<Option<Head>>,
    waiting: Mutex<VecDeque<Waiting>>,
    /// Fair: whoever was answered by another's commit leaves before those who came meanwhile lead,
    /// or each newcomer would lead alone, ahead of all who wait.
    leading: AsyncMutex<()>,
}

/// The roster as we last saw it, in small.
#[derive(Clone)]
struct Head {
    seq: ChangeSeq,
    directory: Arc<Directory>,
    checked_at: Timestamp,
}

/// One ask, or several that are one act, waiting for somebody who decides.
#[derive(Clone)]
struct Waiting {
    asks: Arc<[Ask]>,
    /// Unused ids for each ask; the same for every attempt, so that a system of record that is
    /// asked again is asked the same.
    fresh_ids: Arc<[Vec<String>]>,
    came_at: Timestamp,
    /// What another system granted already, while it is not kept here.
    verdicts: Arc<Mutex<Verdicts>>,
    answer: Arc<Mutex<Option<Answer>>>,
}

impl Waiting {
    /// Whether the vendor stopped waiting while we did: it will not do what we would grant. Not
    /// so when the deadline was over as the ask came: then clocks differ.
    fn is_late(&self, now: Timestamp) -> bool {
        let expires_at = self.asks.iter().filter_map(|it| it.expires_at).min();
        expires_at.is_some_and(|until| self.came_at < until && until <= now)
    }
}

/// Why a round came to nothing.
enum Unfinished {
    /// Somebody else changed the roster meanwhile.
    Superseded,
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Unfinished {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Superseded { .. } => Self::Superseded,
            StoreError::Failed { .. } | StoreError::Corrupt { .. } | StoreError::Version { .. } => {
                Self::Store(error)
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// A desk for `mirror`, in which people may ask for what is in `two_way` and the system of
    /// record decides; everything else is refused as [`Refusal::NotHere`].
    #[must_use]
    pub fn new(
        equipment: DeskEquipment,
        mirror: MirrorName,
        roster: RosterName,
        two_way: &BTreeSet<CommandKind>,
    ) -> Self {
        let kinds = two_way & equipment.decider.decides();
        let (head, waiting) = (Mutex::default(), Mutex::default());
        let leading = AsyncMutex::new(());
        Self { equipment, mirror, roster, kinds, head, waiting, leading }
    }

    /// Takes some asks that wait; one's own is among them in the end.
    fn take_some(&self, own: &Waiting) -> Vec<Waiting> {
        let mut waiting = lock(&self.waiting);
        let most = if self.equipment.decider.is_outside() { 1 } else { ASKS_PER_COMMIT_MAX };
        let some = waiting.len().min(most);
        let mut taken: Vec<Waiting> = waiting.drain(..some).collect();
        let is_own = |it: &Waiting| Arc::ptr_eq(&it.answer, &own.answer);
        if !taken.iter().any(is_own) && !waiting.iter().any(is_own) {
            // Somebody took it, and was cancelled before it was answered.
            taken.push(own.clone());
        }
        taken
    }

    /// Decides what was taken, in rounds until everything has its answer.
    async fn decide_all(&self, taken: &[Waiting]) {
        let mut attempts = 0;
        let mut open: Vec<&Waiting> = taken.iter().collect();
        while !open.is_empty() {
            match self.round(&open).await {
                Ok(answers) if !answers.is_empty() => {
                    for (waiting, answer) in open.iter().zip(answers) {
                        *lock(&waiting.answer) = Some(answer);
                    }
                }
                // Nothing decided: somebody wants other facts each time.
                Ok(_) | Err(Unfinished::Superseded) => {
                    attempts += 1;
                    *lock(&self.head) = None;
                    // What was done elsewhere is not lightly said to be refused.
                    let done = open.iter().any(|it| !lock(&it.verdicts).is_empty());
                    if attempts >= if done { GRANTED_ATTEMPTS_MAX } else { ASK_ATTEMPTS_MAX } {
                        self.give_up(&open, None);
                    }
                }
                Err(Unfinished::Store(error)) => {
                    *lock(&self.head) = None;
                    self.take_what_was_kept(&open).await;
                    self.give_up(&open, Some(&error));
                }
            }
            open.retain(|it| lock(&it.answer).is_none());
        }
    }

    fn give_up(&self, open: &[&Waiting], failed: Option<&StoreError>) {
        let (mirror, asks) = (self.mirror.as_str(), open.len());
        match failed {
            None => {
                tracing::warn!(mirror, asks, "the roster changes faster than asks are decided");
            }
            Some(error) => tracing::warn!(mirror, asks, %error, "asks cannot be decided"),
        }
        for waiting in open {
            lock(&waiting.answer).get_or_insert(Answer::Refused(Refusal::NotReachable));
        }
    }

    /// After a commit of which nobody knows whether it was carried out: those whose grant is there
    /// were granted. What asks repeat from before is decided when they come again.
    async fn take_what_was_kept(&self, open: &[&Waiting]) {
        let says_it_all = |it: &Ask| !matches!(it.what, AskWhat::Request { request: None, .. });
        let keyed: Vec<(Vec<_>, &Waiting)> = open
            .iter()
            .filter(|waiting| waiting.asks.iter().all(says_it_all))
            .map(|waiting| (waiting.asks.iter().map(|it| key_of(it, None)).collect(), *waiting))
            .collect();
        let keys: Vec<_> = keyed.iter().flat_map(|(keys, _)| keys.iter().copied()).collect();
        let Ok(grants) = self.equipment.store.grants(&self.mirror, &keys).await else { return };
        for (keys, waiting) in keyed {
            let kept = |key| grants.iter().find(|it| it.key == key && it.at >= waiting.came_at);
            let kept: Option<Vec<&Grant>> = keys.into_iter().map(kept).collect();
            if let Some(answer) = kept.and_then(|it| all_of_it(it.iter().map(|it| &it.answer))) {
                *lock(&waiting.answer) = Some(answer);
            }
        }
    }

    /// Decides as many of the first asks as the same facts serve, and commits: an answer for each
    /// of those.
    async fn round(&self, open: &[&Waiting]) -> Result<Vec<Answer>, Unfinished> {
        let now = self.equipment.clock.now();
        let (head, just_read) = self.head(now).await?;
        let asks: Vec<&Ask> = open.iter().flat_map(|it| it.asks.iter()).collect();
        let mut world = self.gatherer().gather(Arc::clone(&head.directory), &asks).await?;
        let (mut answers, mut outcomes, mut new) = (Vec::new(), Vec::new(), BTreeSet::new());
        for waiting in open {
            // Those that come after one that must wait, wait too: the order is kept.
            let Some(decided) = self.decide_one(&mut world, waiting).await? else { break };
            let Decided { answer, outcomes: some, new_rows } = decided;
            some.iter().for_each(|outcome| world.apply(outcome));
            answers.push(answer);
            outcomes.extend(some);
            new.extend(new_rows);
        }
        let kept = outcomes.into_iter().filter(|it| !it.is_just_an_answer());
        let commit = commit(kept, &new, head.seq, self.equipment.clock.now());
        let changes = !commit.upserts.is_empty() || !commit.tombstones.is_empty();
        let refused = answers.iter().any(|it| matches!(it, Answer::Refused(_)));
        if !is_empty(&commit) {
            let at = commit.at;
            let done = self.equipment.store.commit_approvals(&self.roster, &self.mirror, commit);
            let seq = done.await?.seq;
            if changes {
                let directory = world.directory;
                *lock(&self.head) = Some(Head { seq, directory, checked_at: at });
            }
        } else if refused && !just_read {
            // Nothing was committed that would have told us: are we refusing on old facts?
            let seq = self.equipment.store.roster_seq(&self.roster).await?;
            if seq != head.seq {
                return Err(Unfinished::Superseded);
            }
        }
        Ok(answers)
    }

    /// The roster's people and its place in the change sequence, believed for a moment: a commit
    /// that rests on an old place fails, and then they are read again. Also says whether they were
    /// read just now.
    async fn head(&self, now: Timestamp) -> Result<(Head, bool), StoreError> {
        let known = lock(&self.head).clone();
        let recheck = SignedDuration::try_from(DIRECTORY_RECHECK).unwrap_or(SignedDuration::ZERO);
        // A clock that was set back makes nothing younger.
        if let Some(head) = &known
            && now >= head.checked_at
            && now.duration_since(head.checked_at) < recheck
        {
            return Ok((head.clone(), false));
        }
        let store = &self.equipment.store;
        let seq = store.roster_seq(&self.roster).await?;
        let directory = match known.filter(|head| head.seq == seq) {
            Some(head) => head.directory,
            None => {
                let mut directory = Directory::default();
                for kind in
                    [EntityKind::Employee, EntityKind::ScheduleGroup, EntityKind::TimeOffReason]
                {
                    let entries = store.entries_of_kind(&self.roster, kind).await?;
                    entries.into_iter().for_each(|it| directory.add(it.entity));
                }
                Arc::new(directory)
            }
        };
        let head = Head { seq, directory, checked_at: now };
        *lock(&self.head) = Some(head.clone());
        Ok((head, true))
    }

    fn gatherer(&self) -> Gatherer<'_> {
        let DeskEquipment { store, decider, .. } = &self.equipment;
        let (store, decider) = (store.as_ref(), decider.as_ref());
        Gatherer { store, decider, mirror: &self.mirror, roster: &self.roster }
    }

    fn fresh_id(&self) -> String {
        let mut bytes = [0; 16];
        self.equipment.entropy.fill(&mut bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    async fn answer(
        &self,
        calendar: &CalendarKey,
        question: &AskedQuestion,
    ) -> Result<Result<Vec<Offered>, Refusal>, StoreError> {
        let now = self.equipment.clock.now();
        let (head, _) = self.head(now).await?;
        let gatherer = self.gatherer();
        let mut world = World::new(head.directory);
        gatherer.add_asked_about(&mut world, calendar, question).await?;
        let question = match translate_question(&world, calendar, question) {
            Ok(question) => question,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let entities = gatherer.add_needed_for(&mut world, &question).await?;
        let directory = Arc::clone(&world.directory);
        let facts = Facts { now, directory, entities, fresh_ids: vec![] };
        let found = match self.equipment.decider.eligible(&question, &facts).await {
            Ok(found) => found,
            Err(failure) => {
                let mirror = self.mirror.as_str();
                let class = failure.class.as_str();
                tracing::warn!(mirror, class, "the system of record cannot be asked");
                return Ok(Err(Refusal::NotReachable));
            }
        };
        let rows = gatherer.rows_of_shifts(&found).await?;
        Ok(Ok(found.into_iter().filter_map(|it| offered(it, calendar, &rows)).collect()))
    }
}

#[async_trait]
impl Approvals for Desk {
    fn kinds(&self) -> &BTreeSet<CommandKind> {
        &self.kinds
    }

    fn grants_by_itself(&self) -> &BTreeSet<CommandKind> {
        self.equipment.decider.grants_by_itself()
    }

    async fn directory(&self) -> Result<Arc<Directory>, Refusal> {
        match self.head(self.equipment.clock.now()).await {
            Ok((head, _)) => Ok(head.directory),
            Err(error) => {
                let mirror = self.mirror.as_str();
                tracing::warn!(mirror, %error, "the roster's people cannot be read");
                Err(Refusal::NotReachable)
            }
        }
    }

    async fn decide_together(&self, mut asks: Vec<Ask>) -> Answer {
        let mut kinds = asks.iter().filter_map(|it| it.what.kind());
        if let Some(kind) = kinds.find(|kind| !self.kinds.contains(kind)) {
            return Answer::Refused(Refusal::NotHere { kind });
        }
        // What goes makes room for what comes.
        asks.sort_by_key(|it| !matches!(it.what, AskWhat::Delete { .. }));
        let fresh_ids = asks.iter().map(|_| vec![self.fresh_id(), self.fresh_id()]).collect();
        let (came_at, asks) = (self.equipment.clock.now(), asks.into());
        let (verdicts, answer) = Default::default();
        let own = Waiting { asks, fresh_ids, came_at, verdicts, answer };
        lock(&self.waiting).push_back(own.clone());
        let _turn = self.leading.lock().await;
        loop {
            let answer = lock(&own.answer).take();
            if let Some(answer) = answer {
                return answer;
            }
            let taken = self.take_some(&own);
            self.decide_all(&taken).await;
        }
    }

    async fn offered(
        &self,
        calendar: &CalendarKey,
        question: AskedQuestion,
    ) -> Result<Vec<Offered>, Refusal> {
        let kind = match &question {
            AskedQuestion::SwapFor { .. } => CommandKind::SwapRequest,
            AskedQuestion::OfferOf { .. } => CommandKind::OfferRequest,
            AskedQuestion::TimeOffReasons { .. } => CommandKind::TimeOffRequest,
        };
        if !self.kinds.contains(&kind) {
            return Err(Refusal::NotHere { kind });
        }
        self.answer(calendar, &question).await.unwrap_or_else(|error| {
            let mirror = self.mirror.as_str();
            tracing::warn!(mirror, %error, "a question cannot be answered");
            Err(Refusal::NotReachable)
        })
    }
}

/// Everything that several grants change, as one transaction. Of two that say something of the
/// same row, request or key, the later one counts; entities keep all their changes, in order.
/// `new` are rows that must not be there yet.
fn commit(
    outcomes: impl Iterator<Item = Outcome>,
    new: &BTreeSet<(CalendarKey, ItemKey)>,
    expected: ChangeSeq,
    at: Timestamp,
) -> ApprovalCommit {
    let (mut upserts, mut tombstones) = (Vec::new(), Vec::new());
    let mut ledger = BTreeMap::new();
    let (mut requests, mut grants) = (BTreeMap::new(), BTreeMap::new());
    for outcome in outcomes {
        let Outcome { answer: _, upserts: new, tombstones: gone, ledger: rows, .. } = &outcome;
        upserts.extend(new.iter().map(|entity| Upsert {
            fingerprint: entity.fingerprint(),
            twin: None,
            at: SourceRef("asked in a mirror".into()),
            entity: entity.clone(),
        }));
        tombstones.extend(gone.iter().cloned());
        for write in rows {
            let (calendar, item) = write.place();
            ledger.insert((calendar.clone(), item), write.clone());
        }
        requests.extend(outcome.requests.into_iter().map(|it| (it.at.clone(), it)));
        grants.extend(outcome.grant.map(|it| (it.key, it)));
    }
    let (mut writes, mut new_rows) = (Vec::new(), Vec::new());
    for (place, write) in ledger {
        match write {
            LedgerWrite::Put(row) if new.contains(&place) => new_rows.push(row),
            LedgerWrite::Put(_) | LedgerWrite::Remove { .. } => writes.push(write),
        }
    }
    ApprovalCommit {
        expected,
        at,
        upserts,
        tombstones,
        ledger: writes,
        new_rows,
        requests: requests.into_values().collect(),
        grants: grants.into_values().collect(),
        grants_kept_from: at.saturating_sub(GRANT_MEMORY).unwrap_or(Timestamp::MIN),
    }
}

fn is_empty(commit: &ApprovalCommit) -> bool {
    let ApprovalCommit { upserts, tombstones, ledger, new_rows, requests, grants, .. } = commit;
    upserts.is_empty()
        && tombstones.is_empty()
        && ledger.is_empty()
        && new_rows.is_empty()
        && requests.is_empty()
        && grants.is_empty()
}

/// What the mirror calls it; `None` for a shift that has no item in this calendar.
fn offered(found: Eligible, calendar: &CalendarKey, rows: &[LedgerRow]) -> Option<Offered> {
    match found {
        Eligible::Employee(id) => Some(Offered::Employee(id)),
        Eligible::Reason(id) => Some(Offered::Reason(id)),
        Eligible::Shift(id) => {
            let id = (&id).into();
            let here =
                |it: &&LedgerRow| it.calendar == *calendar && it.key.id == id && it.part.is_main();
            let row = rows.iter().find(here)?;
            let intended = row.intent.as_ref().and_then(|it| it.remote_id.clone());
            let there = row.remote.as_ref().map(|it| it.id.clone());
            there.or(intended).map(Offered::Item)
        }
    }
}
