//! One situation → one action: the heart of the product. Pure; one match, no wildcards.

use std::collections::BTreeSet;

use domain::{CalendarKey, EntityKey, Fingerprint, ItemKey, Part, SyncWindow};
use jiff::Timestamp;
use serde::Serialize;

use super::state::{
    Desired, Hidden, Known, Projected, Seen, Showing, Situation, Wish, desired, is_history,
};
use crate::port::{ETag, IntentState, LedgerRow, Remote, RemoteId, RemoteItem, Subject, Verb};

/// What to do about one entity in one calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing: it is as it should be.
    Nothing,
    /// Look at it first; what to do follows from what is seen.
    Look,
    /// Make a new item.
    Create(Because),
    /// Replace the item that is there.
    Update {
        /// Which item.
        remote: RemoteId,
        /// As which version.
        etag: Option<ETag>,
        /// Why.
        because: Because,
    },
    /// Remove the item that is there.
    Delete {
        /// Which item.
        remote: RemoteId,
        /// As which version.
        etag: Option<ETag>,
        /// Why.
        because: Because,
    },
    /// Write into the ledger that it is there as it should be; send nothing.
    Adopt(RemoteItem),
    /// Drop the ledger row: it is gone, as it should be; send nothing.
    Forget,
    /// Drop a waiting intent: things are as they should be without it; send nothing.
    DropIntent,
    /// Leave it for now.
    Hold(Hold),
}

/// Why something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// It is new in the roster, or has come into the window.
    New,
    /// It changed in the roster, or the mapping shows it differently now.
    Changed,
    /// It was deleted from the roster.
    Deleted,
    /// It belongs into another calendar now.
    Moved,
    /// It is not mapped to any calendar any more.
    Unmapped,
    /// Somebody changed it in the mirror.
    Drifted,
    /// Somebody took its origin tag off.
    Untagged,
    /// Somebody removed it from the mirror.
    Vanished,
    /// It is ours, and the roster does not know it.
    Orphaned,
    /// It is a second copy of an item of ours.
    Surplus,
    /// Its entity is shown in other items now.
    Recut,
    /// The mirror is being purged.
    Purged,
}

impl Because {
    /// The word for it in plans and in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
            Self::Moved => "moved",
            Self::Unmapped => "unmapped",
            Self::Drifted => "drifted",
            Self::Untagged => "untagged",
            Self::Vanished => "vanished",
            Self::Orphaned => "orphaned",
            Self::Surplus => "surplus",
            Self::Recut => "recut",
            Self::Purged => "purged",
        }
    }

    /// Whether a deletion for this reason has its counterpart elsewhere, so that nothing is lost
    /// by it: the guard does not count those.
    #[must_use]
    pub const fn replaces(self) -> bool {
        match self {
            Self::Moved | Self::Surplus | Self::Recut => true,
            Self::New
            | Self::Changed
            | Self::Deleted
            | Self::Unmapped
            | Self::Drifted
            | Self::Untagged
            | Self::Vanished
            | Self::Orphaned
            | Self::Purged => false,
        }
    }
}

/// Why something is left for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Its copy in another calendar of the same employee must go first.
    MovesFirst,
    /// It was refused too often as it is.
    Quarantined,
    /// Not before this instant.
    NotBefore(Timestamp),
    /// Nobody knows where it belongs.
    Unmapped(String),
    /// Somebody changed it, and the mirror leaves such things as they are.
    LeftAlone,
    /// Somebody changes it back each time it is put right.
    Contested,
}

/// One action on one item of one entity in one calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which entity.
    pub key: EntityKey,
    /// Which of its items.
    pub part: Part,
    /// In which calendar.
    pub calendar: CalendarKey,
    /// What to do.
    pub action: Action,
    /// How it is to be shown; `None` when it is not.
    pub showing: Option<Showing>,
    /// How often the item was made anew so far.
    pub generation: u32,
    /// For a removal whose counterpart is made elsewhere for the same employee: where. It must be
    /// possible to make it there before it is removed here.
    pub destination: Option<CalendarKey>,
}

impl Step {
    /// Which item.
    #[must_use]
    pub fn item(&self) -> ItemKey {
        ItemKey { entity: self.key.clone(), part: self.part }
    }
}

/// What decides beside the subject itself.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// What the cycle looks at.
    pub window: &'a SyncWindow,
    /// What waits for an instant up to this one is due: now, or later when the operator insists.
    pub now: Timestamp,
    /// The instant itself: nobody can insist on what a vendor has not had its time for.
    pub clock: Timestamp,
    /// Whether everything of ours is to go.
    pub purge: bool,
}

/// Plans all parts of one subject: at most one step per calendar and part, none where there is
/// nothing to do.
///
/// `seen` says what was seen of it in a calendar this time round.
#[must_use]
pub fn plan_subject(
    subject: &Subject,
    projected: Option<&Projected>,
    circumstances: Circumstances<'_>,
    seen: &dyn Fn(&CalendarKey) -> Seen,
) -> Vec<Step> {
    let mut steps = plan_part(subject, Part::Main, projected, circumstances, seen);
    let wanted = projected.map_or(&[][..], Projected::more).iter().map(|it| it.part);
    let known = subject.ledger.iter().map(|row| row.part);
    let others: BTreeSet<Part> = wanted.chain(known).filter(|part| !part.is_main()).collect();
    for part in others {
        steps.extend(plan_part(subject, part, projected, circumstances, seen));
    }
    steps
}

/// Plans one part of one subject: at most one step per calendar.
#[must_use]
pub fn plan_part(
    subject: &Subject,
    part: Part,
    projected: Option<&Projected>,
    circumstances: Circumstances<'_>,
    seen: &dyn Fn(&CalendarKey) -> Seen,
) -> Vec<Step> {
    let rows: Vec<&LedgerRow> = subject.ledger.iter().filter(|row| row.part == part).collect();
    let this = (&subject.key, part);
    let Circumstances { window, now, clock, purge } = circumstances;
    let now = if purge { Timestamp::MAX } else { now };
    let wish = if purge {
        Wish::Now(Desired::Hidden(Hidden::Purged))
    } else {
        desired(subject, (part, &rows), projected, window)
    };
    let (showing, only_if_there) = match &wish {
        Wish::Now(Desired::Shown(showing)) => (Some(showing), false),
        Wish::Past(showing) | Wish::Later(showing) => (Some(showing), true),
        Wish::Now(Desired::Hidden(_)) => (None, false),
    };
    let hidden = match &wish {
        Wish::Now(Desired::Hidden(hidden)) => hidden.clone(),
        Wish::Now(Desired::Shown(_)) | Wish::Past(_) | Wish::Later(_) => Hidden::Deleted,
    };
    let mut steps = Vec::new();
    let mut in_place = false;
    for row in rows.iter().copied() {
        let here = showing.filter(|showing| showing.calendar == row.calendar);
        in_place |= here.is_some();
        // What is wanted elsewhere by now moves there, even if it was over where it stood.
        let settled = showing.is_none() || only_if_there;
        let frozen = is_history(row, window) && !purge && settled;
        if frozen && row.intent.is_none() {
            continue;
        }
        if purge && row.intent.is_none() && row.remote.as_ref().is_some_and(|it| it.adopted) {
            steps.push(leave(row));
            continue;
        }
        let desired = match here {
            Some(showing) => Desired::Shown(showing.clone()),
            None => Desired::Hidden(hidden.clone()),
        };
        if let Some(until) = vendors_turn(row, clock) {
            steps.push(wait_for_vendor(row, here, until));
            continue;
        }
        let seen = seen(&row.calendar);
        let moved = here.is_none() && showing.is_some() && !only_if_there;
        let mut planned = step(this, Some(row), &row.calendar, desired, seen, now, moved);
        if let (Some(step), Some(showing)) = (&mut planned, showing.filter(|_| moved)) {
            step.destination = blocks(row, showing).then(|| showing.calendar.clone());
        }
        steps.extend(planned);
    }
    if let Some(showing) = showing.filter(|_| !in_place && !only_if_there) {
        let seen = seen(&showing.calendar);
        let desired = Desired::Shown(showing.clone());
        let waits = rows.iter().any(|row| blocks(row, showing));
        let mut made = step(this, None, &showing.calendar, desired, seen, now, false);
        // What stands here already need not wait: it is there twice either way.
        let creates = |step: &&mut Step| matches!(step.action, Action::Create(_));
        if let Some(step) = made.as_mut().filter(creates).filter(|_| waits) {
            step.action = Action::Hold(Hold::MovesFirst);
        }
        steps.extend(made);
    }
    steps
}

/// Plans an item of ours that neither roster nor ledger knows.
#[must_use]
pub fn plan_orphan(
    orphan: &ItemKey,
    calendar: &CalendarKey,
    item: RemoteItem,
    circumstances: Circumstances<'_>,
) -> Option<Step> {
    let hidden = if circumstances.purge { Hidden::Purged } else { Hidden::Deleted };
    let window = circumstances.window.interval;
    let is_history = item.ends_at.is_some_and(|ends_at| ends_at <= window.start());
    if is_history && !circumstances.purge {
        return None;
    }
    let desired = Desired::Hidden(hidden);
    let this = (&orphan.entity, orphan.part);
    step(this, None, calendar, desired, Seen::Present(item), circumstances.now, false)
}

/// Whether a copy in another calendar must be gone before this one is made: both are the same
/// person's, and two copies at once would look like two shifts. A copy of *another* person's
/// never blocks: that the new one gets to know of the shift matters more.
fn blocks(row: &LedgerRow, showing: &Showing) -> bool {
    let live = row.remote.is_some() || row.intent.is_some();
    live && row.calendar != showing.calendar && row.employee == showing.employee
}

/// Until when a vendor may carry out what it was granted: before that, looking tells nothing, and
/// writing would do it twice.
#[must_use]
pub fn vendors_turn(row: &LedgerRow, clock: Timestamp) -> Option<Timestamp> {
    let intent = row.intent.as_ref().filter(|intent| intent.state == IntentState::Sent)?;
    intent.not_before.filter(|not_before| *not_before > clock)
}

/// What was there before us stays when everything of ours goes.
fn leave(row: &LedgerRow) -> Step {
    Step {
        key: row.key.clone(),
        part: row.part,
        calendar: row.calendar.clone(),
        action: Action::Forget,
        showing: None,
        generation: row.generation,
        destination: None,
    }
}

fn wait_for_vendor(row: &LedgerRow, here: Option<&Showing>, until: Timestamp) -> Step {
    Step {
        key: row.key.clone(),
        part: row.part,
        calendar: row.calendar.clone(),
        action: Action::Hold(Hold::NotBefore(until)),
        showing: here.cloned(),
        generation: row.generation,
        destination: None,
    }
}

fn step(
    (key, part): (&EntityKey, Part),
    row: Option<&LedgerRow>,
    calendar: &CalendarKey,
    desired: Desired,
    seen: Seen,
    now: Timestamp,
    moved: bool,
) -> Option<Step> {
    let showing = match &desired {
        Desired::Shown(showing) => Some(showing.clone()),
        Desired::Hidden(_) => None,
    };
    let unmapped = match &desired {
        Desired::Hidden(Hidden::Unmapped(reason)) => Some(reason.clone()),
        Desired::Hidden(Hidden::Deleted | Hidden::NotShown | Hidden::Recut | Hidden::Purged)
        | Desired::Shown(_) => None,
    };
    let taken = seen == Seen::Foreign;
    let origin = match &seen {
        Seen::Present(item) => item.origin.as_ref().map_or(0, |origin| origin.generation),
        Seen::NotLooked | Seen::Absent | Seen::AsKnown | Seen::Foreign => 0,
    };
    let generation = row.map_or(origin, |row| row.generation) + u32::from(taken);
    let situation = Situation { desired, known: Known::of(row), seen };
    let mut action = reconcile(&situation);
    let waiting = row.and_then(|row| row.intent.as_ref());
    if action == Action::Nothing && waiting.is_some() {
        action = Action::DropIntent;
    }
    if let Action::Delete { because, .. } = &mut action {
        if moved {
            *because = Because::Moved;
        } else if unmapped.is_some() {
            *because = Because::Unmapped;
        } else if row.is_none() && *because == Because::Deleted {
            *because = Because::Orphaned;
        }
    }
    let action = hold_back(action, row, showing.as_ref(), now);
    if action == Action::Nothing {
        return None;
    }
    let (key, calendar) = (key.clone(), calendar.clone());
    Some(Step { key, part, calendar, action, showing, generation, destination: None })
}

/// Turns one situation into one action.
#[must_use]
pub fn reconcile(situation: &Situation) -> Action {
    let Situation { desired, known, seen } = situation;
    match (desired, known, seen) {
        (
            Desired::Shown(_),
            Known::Nothing | Known::NotThere,
            Seen::NotLooked | Seen::Absent | Seen::Foreign,
        ) => Action::Create(Because::New),
        (Desired::Shown(_), Known::InDoubt { .. }, Seen::NotLooked)
        | (Desired::Hidden(_), Known::InDoubt { .. }, Seen::NotLooked) => Action::Look,
        (Desired::Shown(_), Known::InDoubt { remote, .. }, Seen::Absent | Seen::Foreign) => {
            let there_before = remote.is_some();
            Action::Create(if there_before { Because::Vanished } else { Because::New })
        }
        (Desired::Shown(showing), Known::There(remote), Seen::NotLooked) => {
            keep_true(showing, remote)
        }
        (Desired::Shown(showing), Known::There(remote), Seen::AsKnown) => {
            keep_true(showing, remote)
        }
        (Desired::Shown(_), Known::There(_), Seen::Absent | Seen::Foreign) => {
            Action::Create(Because::Vanished)
        }
        (Desired::Shown(showing), known, Seen::Present(item)) => put_right(showing, known, item),
        // An etag can only be as known when the ledger knows one; else look properly.
        (
            Desired::Shown(_),
            Known::Nothing | Known::NotThere | Known::InDoubt { .. },
            Seen::AsKnown,
        )
        | (
            Desired::Hidden(_),
            Known::Nothing | Known::NotThere | Known::InDoubt { .. },
            Seen::AsKnown,
        ) => Action::Look,
        (Desired::Hidden(_), Known::Nothing, Seen::NotLooked | Seen::Absent | Seen::Foreign) => {
            Action::Nothing
        }
        (Desired::Hidden(_), Known::NotThere, Seen::NotLooked | Seen::Absent | Seen::Foreign)
        | (Desired::Hidden(_), Known::InDoubt { .. }, Seen::Absent | Seen::Foreign) => {
            Action::Forget
        }
        (Desired::Hidden(hidden), Known::There(remote), Seen::NotLooked | Seen::AsKnown) => {
            match &remote.etag {
                Some(_) => remove(hidden, remote.id.clone(), remote.etag.clone()),
                None => Action::Look,
            }
        }
        (Desired::Hidden(_), Known::There(_), Seen::Absent | Seen::Foreign) => Action::Forget,
        (Desired::Hidden(hidden), _, Seen::Present(item)) => {
            remove(hidden, item.remote_id.clone(), item.etag.clone())
        }
    }
}

fn remove(hidden: &Hidden, remote: RemoteId, etag: Option<ETag>) -> Action {
    let because = match hidden {
        Hidden::Deleted | Hidden::NotShown => Because::Deleted,
        Hidden::Recut => Because::Recut,
        Hidden::Unmapped(_) => Because::Unmapped,
        Hidden::Purged => Because::Purged,
    };
    Action::Delete { remote, etag, because }
}

/// What the ledger knows to be there, against what is wanted.
fn keep_true(showing: &Showing, remote: &Remote) -> Action {
    if remote.intended == showing.fingerprint {
        return Action::Nothing;
    }
    match &remote.etag {
        None => Action::Look,
        Some(_) => Action::Update {
            remote: remote.id.clone(),
            etag: remote.etag.clone(),
            because: Because::Changed,
        },
    }
}

/// What was seen to be there, against what is wanted.
fn put_right(showing: &Showing, known: &Known, item: &RemoteItem) -> Action {
    let echo = echo_of(known, item);
    let as_wanted = item.fingerprint == Some(showing.fingerprint)
        || (echo == Some(Echo::OfWanted) && intended(known) == Some(showing.fingerprint));
    if as_wanted {
        return Action::Adopt(item.clone());
    }
    let because = match (known, echo) {
        (Known::There(_), None) => Because::Drifted,
        (Known::There(_), Some(_))
        | (Known::Nothing | Known::NotThere | Known::InDoubt { .. }, _) => Because::Changed,
    };
    Action::Update { remote: item.remote_id.clone(), etag: item.etag.clone(), because }
}

/// What we wrote coming back to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Echo {
    /// It is what we wrote last, as the target rewrote it.
    OfWanted,
}

/// Whether what was seen is our own last write, as this target is known to rewrite it.
fn echo_of(known: &Known, item: &RemoteItem) -> Option<Echo> {
    match known {
        Known::There(remote) => {
            let seen = item.fingerprint?;
            (Some(seen) == remote.echoed || seen == remote.intended).then_some(Echo::OfWanted)
        }
        Known::Nothing | Known::NotThere | Known::InDoubt { .. } => None,
    }
}

fn intended(known: &Known) -> Option<Fingerprint> {
    match known {
        Known::There(remote) => Some(remote.intended),
        Known::Nothing | Known::NotThere | Known::InDoubt { .. } => None,
    }
}

/// Holds back what was refused too often, or is not due yet. Looking and ledger-only actions are
/// never held back.
fn hold_back(
    action: Action,
    row: Option<&LedgerRow>,
    showing: Option<&Showing>,
    now: Timestamp,
) -> Action {
    let Some(row) = row else { return action };
    let sends = match &action {
        Action::Create(_) | Action::Update { .. } | Action::Delete { .. } => true,
        Action::Nothing
        | Action::Look
        | Action::Adopt(_)
        | Action::Forget
        | Action::DropIntent
        | Action::Hold(_) => false,
    };
    if !sends {
        return action;
    }
    // What was refused is what was there, when nothing is to be shown.
    let sent = match (showing, &row.remote) {
        (Some(showing), _) => Some(showing.fingerprint),
        (None, Some(remote)) => Some(remote.intended),
        (None, None) => None,
    };
    let refused_as_is = row.trouble.as_ref().filter(|it| Some(it.fingerprint) == sent);
    if row.trouble.is_some() && refused_as_is.is_none() {
        return action;
    }
    let quarantined = refused_as_is.is_some_and(|trouble| trouble.quarantined_at.is_some());
    let due = row
        .intent
        .as_ref()
        .filter(|intent| intent.state == IntentState::Planned)
        .and_then(|intent| intent.not_before)
        .filter(|not_before| *not_before > now);
    match due {
        Some(_) if quarantined => Action::Hold(Hold::Quarantined),
        Some(not_before) => Action::Hold(Hold::NotBefore(not_before)),
        None => action,
    }
}

impl Action {
    /// What it sends, if it sends anything.
    #[must_use]
    pub fn verb(&self) -> Option<Verb> {
        match self {
            Self::Create(_) => Some(Verb::Create),
            Self::Update { .. } => Some(Verb::Update),
            Self::Delete { .. } => Some(Verb::Delete),
            Self::Nothing
            | Self::Look
            | Self::Adopt(_)
            | Self::Forget
            | Self::DropIntent
            | Self::Hold(_) => None,
        }
    }

    /// Why, where something is written.
    #[must_use]
    pub fn because(&self) -> Option<Because> {
        match self {
            Self::Create(because) => Some(*because),
            Self::Update { because, .. } | Self::Delete { because, .. } => Some(*because),
            Self::Nothing
            | Self::Look
            | Self::Adopt(_)
            | Self::Forget
            | Self::DropIntent
            | Self::Hold(_) => None,
        }
    }
}
