//! People who ask for changes in a schedule product, and are granted them.
//!
//! What is granted is in the roster and in the ledger in one transaction; the product carries it
//! out some seconds later, or never. All of that may happen while a process of ours is at work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{CalendarKey, Entity, EntityKey, MirrorName, RosterName, ScheduleItem};
use engine::port::{
    ApprovalCommit, ApprovalStore, Clock, Content, ETag, Intent, IntentState, LedgerRow,
    LedgerWrite, Placement, RemoteId, Store, Target, Verb,
};
use futures_util::FutureExt;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use testkit::builders::{ledger_row, upsert};
use testkit::memory_store::MemoryStore;
use testkit::memory_target::KeptItem;
use testkit::seeded_entropy::SeededEntropy;

use crate::executor::Deliveries;
use crate::script::Script;
use crate::source::ScriptedSource;
use crate::truth::{Truth, Work};
use crate::wire::Wire;

/// How long the product has to carry out what was granted, in seconds.
const DEADLINE: i64 = 31;

/// What people asked for.
pub struct Asks {
    chance: SeededEntropy,
    deliveries: Deliveries,
    numbers: u64,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// What was granted and is not in the script yet.
    granted: Mutex<Vec<Change>>,
    over: AtomicBool,
}

impl Shared {
    fn granted(&self) -> MutexGuard<'_, Vec<Change>> {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What somebody asks for.
#[derive(Debug, Clone)]
enum Change {
    Add(u32, Work),
    Relabel(u32, &'static str),
    Shorten(u32),
    GiveTo(u32, String),
    Drop(u32),
}

impl Change {
    fn number(&self) -> u32 {
        match self {
            Self::Add(number, _)
            | Self::Relabel(number, _)
            | Self::Shorten(number)
            | Self::GiveTo(number, _)
            | Self::Drop(number) => *number,
        }
    }

    fn apply(&self, truth: &mut Truth) {
        match self {
            Self::Add(number, work) => {
                truth.shifts.insert(*number, work.clone());
            }
            Self::Drop(number) => {
                truth.shifts.remove(number);
            }
            Self::Relabel(number, _) | Self::Shorten(number) | Self::GiveTo(number, _) => {
                let Some(work) = truth.shifts.get_mut(number) else { return };
                match self {
                    Self::Relabel(_, label) => work.label = label,
                    Self::GiveTo(_, who) => work.who.clone_from(who),
                    Self::Shorten(_) => work.minutes -= 30,
                    Self::Add(..) | Self::Drop(_) => {}
                }
            }
        }
    }
}

/// Everything that one ask needs, wherever it is carried out.
struct Ask {
    change: Change,
    new_id: RemoteId,
    /// When it is asked, and how long after that the product carries it out, if it does.
    at: Timestamp,
    lands_after: Option<SignedDuration>,
    wire: Arc<Wire>,
    store: Arc<MemoryStore>,
    source: Arc<ScriptedSource>,
    roster: RosterName,
    mirror: MirrorName,
    shared: Arc<Shared>,
}

impl Asks {
    /// Nobody has asked for anything.
    #[must_use]
    pub fn new(chance: SeededEntropy, deliveries: Deliveries) -> Self {
        Self { chance, deliveries, numbers: 0, shared: Arc::default() }
    }

    /// What was granted becomes part of the script.
    pub fn absorb(&self, truth: &mut Truth) {
        for change in self.shared.granted().drain(..) {
            change.apply(truth);
        }
    }

    /// Nobody asks any more.
    pub fn end(&self) {
        self.shared.over.store(true, Ordering::Relaxed);
    }

    /// Somebody will ask for something soon, and it is said what.
    pub fn ask(
        &mut self,
        script: &mut Script,
        (wire, store): (&Arc<Wire>, &Arc<MemoryStore>),
        source: &Arc<ScriptedSource>,
        (roster, mirror): (&RosterName, &MirrorName),
    ) -> String {
        let now = wire.clock.now();
        let Some(change) = self.draw(script, now) else { return "nobody asks".into() };
        self.numbers += 1;
        let seconds =
            |most: u64| SignedDuration::from_millis(self.chance.below(most * 1000) as i64);
        let at = now + if self.chance.chance(40) { SignedDuration::ZERO } else { seconds(8) };
        let lands_after = self.chance.chance(70).then(|| seconds(25));
        let told = format!("somebody asks at {at} for {change:?}, done after {lands_after:?}");
        let ask = Ask {
            change,
            new_id: RemoteId(format!("vendor-{}", self.numbers)),
            at,
            lands_after,
            wire: Arc::clone(wire),
            store: Arc::clone(store),
            source: Arc::clone(source),
            roster: roster.clone(),
            mirror: mirror.clone(),
            shared: Arc::clone(&self.shared),
        };
        self.deliveries.spawn(Box::pin(ask.carry_out()));
        told
    }

    fn draw(&self, script: &mut Script, now: Timestamp) -> Option<Change> {
        let today = TimeZone::UTC.to_datetime(now).date();
        let day = today.saturating_add(jiff::Span::new().days(1 + self.chance.below(4) as i64));
        let ahead = script.truth.shifts.iter().filter(|(_, work)| work.interval().end() > now);
        let numbers: Vec<u32> = ahead.map(|(number, _)| *number).collect();
        let number = numbers.get(self.chance.below(numbers.len() as u64) as usize).copied();
        let people: Vec<&String> = script.truth.people.keys().collect();
        let who = people.get(self.chance.below(people.len() as u64) as usize)?.to_string();
        Some(match (self.chance.below(5), number) {
            (0, Some(number)) => Change::Relabel(number, "Asked"),
            (1, Some(number)) => Change::Shorten(number),
            (2, Some(number)) => Change::GiveTo(number, who),
            (3, Some(number)) => Change::Drop(number),
            (_, _) => {
                let (number, work) = script.asked_shift(day);
                Change::Add(number, Work { group: None, ..work })
            }
        })
    }
}

/// What the product does when it carries something out.
struct Deed {
    calendar: CalendarKey,
    gone: Option<RemoteId>,
    made: Option<(RemoteId, KeptItem)>,
}

impl Ask {
    async fn carry_out(self) {
        self.wire.clock.sleep_until(self.at).await;
        if self.shared.over.load(Ordering::Relaxed) {
            return;
        }
        let Some(deed) = self.grant() else {
            self.wire.trace.line(format_args!("refused: {:?}", self.change));
            return;
        };
        self.wire.trace.line(format_args!("granted: {:?}", self.change));
        let Some(after) = self.lands_after else { return };
        self.wire.clock.sleep_until(self.at + after).await;
        self.wire.trace.line(format_args!("the product carries out {:?}", self.change));
        let Deed { calendar, gone, made } = deed;
        if let Some(gone) = gone {
            self.wire.target.settle(&calendar, &gone, None);
        }
        if let Some((id, item)) = made {
            self.wire.target.settle(&calendar, &id, Some(item));
        }
    }

    /// Decides, and keeps what was decided; `None` when it is refused.
    fn grant(&self) -> Option<Deed> {
        let mut truth = self.source.truth();
        let number = self.change.number();
        let before = truth.shift(number);
        self.change.apply(&mut truth);
        let after = truth.shift(number);
        let deed = match (before, &after) {
            (None, Some(entity)) => self.grant_new(entity),
            (Some(before), after) => self.grant_change(&before, after.as_ref()),
            (None, None) => None,
        }?;
        self.source.set_truth(&truth);
        self.wire.note_truth(&truth);
        self.shared.granted().push(self.change.clone());
        Some(deed)
    }

    fn grant_new(&self, entity: &Entity) -> Option<Deed> {
        let calendar = self.calendar_of(entity)?;
        let made = Some((self.new_id.clone(), self.kept(entity)?));
        let row = ledger_row(entity.key(), &calendar);
        self.commit(row, Verb::Create, &self.new_id, Some(entity), None)?;
        Some(Deed { calendar, gone: None, made })
    }

    fn grant_change(&self, before: &Entity, after: Option<&Entity>) -> Option<Deed> {
        let key = before.key();
        let rows: Vec<LedgerRow> =
            self.store.rows(&self.mirror).into_iter().filter(|row| row.key == key).collect();
        let [row] = rows.as_slice() else { return None };
        let there = row.remote.as_ref().filter(|_| row.intent.is_none())?;
        let keys = std::slice::from_ref(&key);
        let known = self.store.roster_entries(&self.roster, keys).now_or_never()?.ok()?;
        let calendar = row.calendar.clone();
        // Only what everybody agrees on can be asked for.
        if known.first().map(|entry| &entry.entity) != Some(before)
            || self.calendar_of(before)? != calendar
            || !self.wire.shows(&calendar, &there.id, &item_of(before)?)
        {
            return None;
        }
        let Some(after) = after else {
            self.commit(row.clone(), Verb::Delete, &there.id, None, Some(key))?;
            return Some(Deed { calendar, gone: Some(there.id.clone()), made: None });
        };
        let moves = before.employee() != after.employee();
        let id = if moves { &self.new_id } else { &there.id };
        self.commit(row.clone(), Verb::Update, id, Some(after), None)?;
        let made = Some((id.clone(), self.kept(after)?));
        Some(Deed { calendar, gone: moves.then(|| there.id.clone()), made })
    }

    /// How the product keeps what it shows of an entity.
    fn kept(&self, entity: &Entity) -> Option<KeptItem> {
        let mut content = item_of(entity)?;
        if let Content::Schedule(ScheduleItem::Shift(shift)) = &mut content
            && self.wire.target.habits().rewrites
        {
            shift.notes = None;
        }
        let (etag, body) = (ETag(String::new()), String::new());
        Some(KeptItem { etag, content: Some(content), origin: None, revision: None, body })
    }

    fn calendar_of(&self, entity: &Entity) -> Option<CalendarKey> {
        match self.wire.target.place(entity, None) {
            Placement::In(calendar) => Some(calendar),
            Placement::Unmapped(_) | Placement::NotShown => None,
        }
    }

    fn commit(
        &self,
        mut row: LedgerRow,
        verb: Verb,
        at: &RemoteId,
        entity: Option<&Entity>,
        tombstone: Option<EntityKey>,
    ) -> Option<()> {
        let now = self.wire.clock.now();
        let wanted = entity.and_then(item_of).map(|it| it.fingerprint());
        let there = row.remote.as_ref().map(|it| it.intended);
        row.intent = Some(Intent {
            verb,
            fingerprint: wanted.or(there)?,
            remote_id: Some(at.clone()),
            state: IntentState::Sent,
            attempts: 0,
            not_before: Some(now + SignedDuration::from_secs(DEADLINE)),
        });
        if let Some(entity) = entity {
            row.employee = entity.employee().cloned();
            row.ends_at = entity.interval().map(|it| it.end());
        }
        row.changed_at = now;
        let counts = self.store.roster_counts(&self.roster).now_or_never()?.ok()?;
        let commit = ApprovalCommit {
            expected: counts.seq,
            at: now,
            upserts: entity.cloned().map(upsert).into_iter().collect(),
            tombstones: tombstone.into_iter().collect(),
            ledger: vec![LedgerWrite::Put(row)],
            new_rows: Vec::new(),
            requests: Vec::new(),
            grants: Vec::new(),
            grants_kept_from: now,
        };
        let committed = self.store.commit_approvals(&self.roster, &self.mirror, commit);
        committed.now_or_never()?.ok().map(|_| ())
    }
}

fn item_of(entity: &Entity) -> Option<Content> {
    ScheduleItem::of(entity, &domain::Directory::default()).map(Content::Schedule)
}
