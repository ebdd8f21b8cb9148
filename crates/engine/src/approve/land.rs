//! Where what was granted is going to be, and what is kept to know it again. Pure.
//!
//! A vendor does what was granted after our answer, or does not, when the answer came too late. So
//! the ledger says that it *may* be done ([`IntentState::Sent`]), not to be looked at before the
//! vendor's deadline has passed ([`Intent::not_before`]). A later cycle looks: what is there is
//! adopted without a write, what is not is made by us.
//!
//! - What is made has a row without an item, intended at the remote id that the vendor named; at
//!   none where it named none (then it is found by its natural key).
//! - What a swap or an offer moves keeps its item in the row, and the new place in the intent.
//! - What is removed has an intent to remove it.
//!
//! When an ask names the place of an intent as that of an item, the vendor has done it: the row
//! then says so.

use std::collections::BTreeSet;

use domain::limits::{ASK_SETTLE_MARGIN, ASK_WAIT_ASSUMED, ASK_WAIT_MAX};
use domain::{
    CalendarKey, Command, CommandKind, Entity, EntityKey, EntityKind, Fingerprint, Fingerprinter,
    Part, ScheduleItem,
};
use jiff::Timestamp;

use super::request_rows::requests;
use super::translate::named;
use super::world::World;
use crate::port::{
    Answer, Ask, AskWhat, AskedRequest, Grant, Intent, IntentState, Landing, LedgerRow,
    LedgerWrite, Remote, RemoteId, RequestRow, RosterChange, Verb,
};

/// What was decided of one ask, and everything that must be kept of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The answer.
    pub answer: Answer,
    /// New and changed entities.
    pub upserts: Vec<Entity>,
    /// Deleted ones.
    pub tombstones: Vec<EntityKey>,
    /// What the vendor is about to do.
    pub ledger: Vec<LedgerWrite>,
    /// Requests as they stand now.
    pub requests: Vec<RequestRow>,
    /// What is kept to answer a repetition.
    pub grant: Option<Grant>,
}

impl Outcome {
    /// An answer that changes nothing and need not be kept.
    #[must_use]
    pub fn just(answer: Answer) -> Self {
        Self {
            answer,
            upserts: vec![],
            tombstones: vec![],
            ledger: vec![],
            requests: vec![],
            grant: None,
        }
    }

    /// Whether nothing is to be kept.
    #[must_use]
    pub fn is_just_an_answer(&self) -> bool {
        *self == Self::just(self.answer.clone())
    }
}

/// What a landing depends on beside ask and world.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The key of the ask.
    pub key: Fingerprint,
    /// The instant of the decision.
    pub now: Timestamp,
    /// What is granted in the mirror without a manager.
    pub automatic: &'a BTreeSet<CommandKind>,
}

/// The answer to something granted; the same for the same key and the same versions.
#[must_use]
pub fn granted(key: &Fingerprint, touched: &[(EntityKey, u32)]) -> Answer {
    let mut print = Fingerprinter::new("granted/1");
    print.text(&key.to_string());
    for (key, version) in touched {
        print.text(&key.to_string()).number(i64::from(*version));
    }
    Answer::Granted { version: print.finish().to_string() }
}

/// Works out what is kept of a grant without a decision ([`super::translate::Translated`]): the
/// request's step, if it is one.
#[must_use]
pub fn land_nothing(world: &World, ask: &Ask, terms: Terms<'_>) -> Outcome {
    let requests = requests(world, ask, terms);
    Outcome { requests, ..Outcome::just(granted(&terms.key, &[])) }
}

/// Works out what is kept of a grant that changes the roster by `change`.
#[must_use]
pub fn land(
    world: &World,
    ask: &Ask,
    command: &Command,
    change: RosterChange,
    terms: Terms<'_>,
) -> Outcome {
    let RosterChange { upserts, tombstones } = change;
    let touched = touched(world, command, &upserts, &tombstones);
    let places = places(world, ask, &upserts);
    let not_before = not_before(ask, terms.now);
    let mut ledger = Vec::new();
    for entity in &upserts {
        let at = places.iter().find(|(key, _)| *key == entity.key()).map(|(_, at)| at.clone());
        ledger.extend(put(world, ask, entity, at, not_before, terms.now));
    }
    for key in &tombstones {
        ledger.extend(remove(world, ask, key, not_before, terms.now));
    }
    if upserts.is_empty() && tombstones.is_empty() && edits(ask) {
        // Nothing new, but the vendor writes it all the same, and it has another etag then.
        for live in named(command).iter().filter_map(|key| world.live(key)) {
            ledger.extend(put(world, ask, &live.entity, None, not_before, terms.now));
        }
    }
    let answer = granted(&terms.key, &touched);
    let landed = match (&ask.what, places.is_empty()) {
        (AskWhat::Request { at, .. }, true) => {
            subject(command).map(|key| (key, at.clone())).into_iter().collect()
        }
        (_, _) => places,
    };
    let requests = requests(world, ask, terms);
    let (key, at) = (terms.key, terms.now);
    let expires_at = ask.expires_at;
    let grant = Some(Grant { key, at, expires_at, answer: answer.clone(), touched, landed });
    Outcome { answer, upserts, tombstones, ledger, requests, grant }
}

fn edits(ask: &Ask) -> bool {
    match &ask.what {
        AskWhat::Create { .. } | AskWhat::Edit { .. } | AskWhat::SetAvailability { .. } => true,
        AskWhat::Delete { .. } | AskWhat::Assign { .. } | AskWhat::Request { .. } => false,
    }
}

/// When the vendor has surely done it or given it up.
pub(super) fn not_before(ask: &Ask, now: Timestamp) -> Timestamp {
    let after = |wait| now.saturating_add(wait).unwrap_or(Timestamp::MAX);
    let until =
        ask.expires_at.map_or(after(ASK_WAIT_ASSUMED), |it| it.clamp(now, after(ASK_WAIT_MAX)));
    until.saturating_add(ASK_SETTLE_MARGIN).unwrap_or(Timestamp::MAX)
}

/// What a grant left, by which its repetition is known: the entities at their new versions. Not
/// the open shift that a slot was taken of: others take theirs, and this one stays taken. For a
/// step that changes nothing, the shifts that the request is about as they are.
fn touched(
    world: &World,
    command: &Command,
    upserts: &[Entity],
    tombstones: &[EntityKey],
) -> Vec<(EntityKey, u32)> {
    let version = |key: &EntityKey| world.live(key).map_or(0, |live| live.version);
    let takes_slot = match command.kind() {
        CommandKind::OpenShiftRequest => true,
        CommandKind::OpenShift => matches!(command, Command::AssignOpenShift { .. }),
        CommandKind::Availability
        | CommandKind::OfferRequest
        | CommandKind::Shift
        | CommandKind::SwapRequest
        | CommandKind::TimeOff
        | CommandKind::TimeOffRequest => false,
    };
    let counts = |key: &EntityKey| !(takes_slot && key.kind == EntityKind::OpenShift);
    let changed = upserts.iter().map(Entity::key).map(|key| (world.version_after(&key), key));
    let deleted = tombstones.iter().cloned().map(|key| (version(&key), key));
    let mut touched: Vec<(EntityKey, u32)> =
        changed.chain(deleted).map(|(version, key)| (key, version)).collect();
    if touched.is_empty() {
        touched = named(command).into_iter().map(|key| (key.clone(), version(&key))).collect();
    }
    touched.retain(|(key, _)| counts(key));
    touched
}

/// Where the entities of a grant will be, as the ask says.
pub(super) fn places(world: &World, ask: &Ask, entities: &[Entity]) -> Vec<Landing> {
    let only = |kind: EntityKind, at: &RemoteId| {
        let of_kind = entities.iter().filter(|it| it.kind() == kind);
        of_kind.map(|it| (it.key(), at.clone())).take(1).collect()
    };
    match &ask.what {
        AskWhat::Create { at, item } => only(item.kind(), at),
        AskWhat::Assign { open_shift: _, at, item: _ } => only(EntityKind::Shift, at),
        AskWhat::Request { makes, .. } => {
            let natural = |it: &Entity| Some(ScheduleItem::of(it, &world.directory)?.natural_key());
            let place = |(at, item): &(RemoteId, ScheduleItem)| {
                let wanted = Some(item.natural_key());
                let entity = entities.iter().find(|it| natural(it) == wanted)?;
                Some((entity.key(), at.clone()))
            };
            makes.iter().filter_map(place).collect()
        }
        AskWhat::Edit { .. } | AskWhat::Delete { .. } | AskWhat::SetAvailability { .. } => vec![],
    }
}

/// What a request is about, by which its repetition under another remote id is found.
fn subject(command: &Command) -> Option<EntityKey> {
    let of_absence = match command {
        Command::Request { request: domain::Request::TimeOff { item }, step: _ } => {
            Some(EntityKey { kind: EntityKind::Employee, id: (&item.employee).into() })
        }
        Command::Request { .. }
        | Command::CreateShift { .. }
        | Command::EditShift { .. }
        | Command::DeleteShift { .. }
        | Command::CreateOpenShift { .. }
        | Command::EditOpenShift { .. }
        | Command::DeleteOpenShift { .. }
        | Command::AssignOpenShift { .. }
        | Command::CreateTimeOff { .. }
        | Command::EditTimeOff { .. }
        | Command::DeleteTimeOff { .. }
        | Command::SetAvailability { .. } => None,
    };
    named(command).into_iter().next().or(of_absence)
}

/// The row of an entity that the vendor is about to make or change.
fn put(
    world: &World,
    ask: &Ask,
    entity: &Entity,
    at: Option<RemoteId>,
    not_before: Timestamp,
    now: Timestamp,
) -> Option<LedgerWrite> {
    let item = ScheduleItem::of(entity, &world.directory)?;
    let key = entity.key();
    let row = world.row(&ask.calendar, &key).or_else(|| {
        // What belongs to a person and to no calendar is where it was.
        world.rows_of(&key).next().filter(|_| key.kind == EntityKind::Employee)
    });
    let mut row = match row {
        Some(row) => proven(world, ask, row.clone()),
        None => unwritten(key, &ask.calendar, now),
    };
    let there = row.remote.as_ref().map(|it| it.id.clone());
    let intended = row.intent.take().and_then(|it| it.remote_id);
    row.intent = Some(Intent {
        verb: if there.is_some() { Verb::Update } else { Verb::Create },
        fingerprint: item.fingerprint(),
        remote_id: at.or(intended).or(there),
        state: IntentState::Sent,
        attempts: 0,
        not_before: Some(not_before),
    });
    row.employee = entity.employee().cloned();
    row.ends_at = entity.interval().map(|it| it.end());
    row.trouble = None;
    row.changed_at = now;
    Some(LedgerWrite::Put(row))
}

/// A row that says nothing but its key and its calendar.
fn unwritten(key: EntityKey, calendar: &CalendarKey, now: Timestamp) -> LedgerRow {
    LedgerRow {
        key,
        part: Part::Main,
        calendar: calendar.clone(),
        employee: None,
        generation: 0,
        remote: None,
        intent: None,
        trouble: None,
        ends_at: None,
        changed_at: now,
    }
}

/// The row of an entity that the vendor is about to remove.
fn remove(
    world: &World,
    ask: &Ask,
    key: &EntityKey,
    not_before: Timestamp,
    now: Timestamp,
) -> Option<LedgerWrite> {
    let mut row = proven(world, ask, world.row(&ask.calendar, key)?.clone());
    let there = row.remote.as_ref().map(|it| (it.intended, it.id.clone()));
    let intended = row.intent.take().filter(|it| it.state == IntentState::Sent);
    let intended = intended.map(|it| (it.fingerprint, it.remote_id));
    let found = there.map(|(print, id)| (print, Some(id))).or(intended);
    let Some((fingerprint, remote_id)) = found else {
        let (calendar, key, part) = (row.calendar, row.key, row.part);
        return Some(LedgerWrite::Remove { calendar, key, part });
    };
    row.intent = Some(Intent {
        verb: Verb::Delete,
        fingerprint,
        remote_id,
        state: IntentState::Sent,
        attempts: 0,
        not_before: Some(not_before),
    });
    row.trouble = None;
    row.changed_at = now;
    Some(LedgerWrite::Put(row))
}

/// The row as the ask itself proves it to be: who speaks of the item at the place of an intent
/// has done what was intended.
fn proven(world: &World, ask: &Ask, mut row: LedgerRow) -> LedgerRow {
    let known = match &ask.what {
        AskWhat::Request { at, .. } => world.request(at).map(|it| &it.request),
        AskWhat::Create { .. }
        | AskWhat::Edit { .. }
        | AskWhat::Delete { .. }
        | AskWhat::Assign { .. }
        | AskWhat::SetAvailability { .. } => None,
    };
    let spoken_of = speaks_of(ask, known);
    let done = row.intent.as_ref().filter(|it| {
        let at = it.remote_id.as_ref();
        it.state == IntentState::Sent && at.is_some_and(|at| spoken_of.contains(&at))
    });
    let is_there = |at: &RemoteId| row.remote.as_ref().is_some_and(|it| it.id == *at);
    let found = done.and_then(|intent| {
        let id = intent.remote_id.clone().filter(|id| !is_there(id))?;
        let version = world.live(&row.key).map_or(0, |live| live.version);
        let intended = intent.fingerprint;
        Some(Remote { id, etag: None, intended, echoed: None, version, adopted: false })
    });
    if let Some(remote) = found {
        row.remote = Some(remote);
        row.intent = None;
    }
    row
}

/// The remote ids of items that the vendor has, as the ask says.
fn speaks_of<'a>(ask: &'a Ask, known: Option<&'a AskedRequest>) -> Vec<&'a RemoteId> {
    match &ask.what {
        AskWhat::Edit { at, .. } | AskWhat::Delete { at, .. } => vec![at],
        AskWhat::Assign { open_shift, .. } => vec![open_shift],
        AskWhat::Request { request, .. } => match request.as_ref().or(known) {
            Some(AskedRequest::OpenShift { open_shift, employee: _ }) => vec![open_shift],
            Some(AskedRequest::Swap { given, wanted }) => vec![given, wanted],
            Some(AskedRequest::Offer { given, to: _ }) => vec![given],
            Some(AskedRequest::TimeOff { item: _ }) | None => vec![],
        },
        AskWhat::Create { .. } | AskWhat::SetAvailability { .. } => vec![],
    }
}
