//! What follows when an item of ours is found otherwise than we left it. Pure.
//!
//! A mirror is told to put such things right, or to leave and report them. What is put right and
//! comes back again and again is a fight that nobody wins: after
//! [`FLIP_FLOPS_MAX`] rounds inside [`FLIP_FLOP_WINDOW`] it is left as it is, and the operator is
//! told who the other side is, as far as that shows. It ends when the operator releases it, when
//! the roster wants something else, or when the item is found as it should be.

use domain::limits::{DRIFT_LEFT_MEMORY, DRIFT_MEMORY, FLIP_FLOP_WINDOW, FLIP_FLOPS_MAX};
use domain::{EventSpan, Fingerprint, MirrorName};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::reconcile::{Action, Because, Hold, Step};
use super::state::Seen;
use crate::port::{Change, Drift, ItemIdentity, LedgerRow, RemoteItem, Rival, Standing};

/// What becomes of what people do to our items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftPolicy {
    /// It is put right.
    #[default]
    PutRight,
    /// It is left and reported; what changes in the roster is written all the same.
    Report,
}

/// What decides beside the step itself.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'a> {
    /// Our mirror.
    pub mirror: &'a MirrorName,
    /// What it is told to do.
    pub policy: DriftPolicy,
    /// What tells our items from others.
    pub identity: ItemIdentity,
    /// When the item is to be, where it is an event.
    pub span: Option<EventSpan>,
    /// What is known of the item from before.
    pub before: Option<&'a Drift>,
    /// Now.
    pub now: Timestamp,
}

/// A step that puts right what somebody did, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The step as it is to be carried out.
    pub step: Step,
    /// What is to be kept; `None` where nobody did anything.
    pub drift: Option<Drift>,
}

/// Judges one step: whether it puts right what somebody did, and if so, whether it may.
///
/// `row` and `seen` are what the step was planned from.
#[must_use]
pub fn judge(step: Step, row: Option<&LedgerRow>, seen: &Seen, grounds: Grounds<'_>) -> Judged {
    let step = retag(step, row, grounds.identity);
    let Some(sighted) = sight(&step, row, seen, &grounds) else {
        return Judged { step, drift: None };
    };
    let Sighted { change, found, wanted, rival } = sighted;
    let Grounds { policy, before, now, .. } = grounds;
    // The roster wants something else by now: what was fought over before is over.
    let before = before.filter(|drift| drift.wanted == wanted);
    let recent: Vec<Timestamp> = before
        .filter(|drift| drift.standing != Standing::Released)
        .map(|drift| within(&drift.put_right_at, now, FLIP_FLOP_WINDOW))
        .unwrap_or_default();
    let rival = match (rival, before) {
        (Rival::Somebody, Some(before)) if before.found == found && before.change == change => {
            Rival::Program
        }
        (rival, _) => rival,
    };
    let stays_contested = before.is_some_and(|it| it.standing == Standing::Contested);
    let standing = if stays_contested || recent.len() >= FLIP_FLOPS_MAX {
        Standing::Contested
    } else if policy == DriftPolicy::Report && !is_released(before) {
        Standing::Left
    } else {
        Standing::PutRight
    };
    let mut put_right_at = recent;
    let key = step.item();
    let action = match standing {
        Standing::PutRight | Standing::Released => {
            put_right_at.push(now);
            step.action
        }
        Standing::Left => Action::Hold(Hold::LeftAlone),
        Standing::Contested => Action::Hold(Hold::Contested),
    };
    let drift = Drift {
        calendar: step.calendar.clone(),
        key,
        change,
        found,
        wanted,
        since: before.map_or(now, |it| it.since),
        seen_at: now,
        put_right_at,
        rival,
        standing,
        refused: before.and_then(|it| it.refused.clone()),
    };
    Judged { step: Step { action, ..step }, drift: Some(drift) }
}

/// Whether what is known of an item can be forgotten: it was put right, and nobody touched it
/// since; or there is nothing more to be told in it.
#[must_use]
pub fn is_over(drift: &Drift, now: Timestamp) -> bool {
    // What is told in the item is taken back first; then the drift is settled.
    let told = drift.refused.is_some();
    match drift.standing {
        Standing::PutRight => !told && within(&[drift.seen_at], now, DRIFT_MEMORY).is_empty(),
        Standing::Left | Standing::Contested => {
            !told && within(&[drift.seen_at], now, DRIFT_LEFT_MEMORY).is_empty()
        }
        Standing::Released => false,
    }
}

/// Whether the next cycle must look at the item although nothing else says so.
#[must_use]
pub fn wants_a_look(drift: &Drift, now: Timestamp) -> bool {
    let told_enough = drift.refused.as_ref().is_some_and(|it| it.until <= now);
    drift.standing == Standing::Released || told_enough
}

/// Whether what is known of an item is settled by what was seen of it now, where that is no drift:
/// it is as it should be, or something else is wanted of it.
#[must_use]
pub fn is_settled(drift: &Drift, step: Option<&Step>, seen: &Seen, now: Timestamp) -> bool {
    let as_it_should_be = match seen {
        Seen::AsKnown => true,
        Seen::Present(_) => step.is_none_or(|step| matches!(step.action, Action::Adopt(_))),
        Seen::NotLooked | Seen::Absent | Seen::Foreign => false,
    };
    let other_matter = step.is_some_and(|step| {
        step.showing.as_ref().is_none_or(|showing| showing.fingerprint != drift.wanted)
    });
    match drift.standing {
        Standing::Left | Standing::Contested | Standing::Released => {
            as_it_should_be || other_matter
        }
        // What is told in the item is taken back when its time is over, and forgotten then.
        Standing::PutRight => match &drift.refused {
            Some(told) => told.until <= now,
            None => other_matter,
        },
    }
}

/// Says who fights whom, for operators.
#[must_use]
pub fn tell(drift: &Drift, mirror: &MirrorName) -> String {
    let Drift { change, rival, standing, put_right_at, .. } = drift;
    let who = match rival {
        Rival::Somebody => "somebody".to_owned(),
        Rival::Program => "the same change each time, so rather a program that synchronises this \
                           calendar than a person"
            .to_owned(),
        Rival::Mirror(other) if other == mirror => {
            format!("another installation with a mirror `{other}`, or a copy of this one's store")
        }
        Rival::Mirror(other) => format!("mirror `{other}`, whose tag is on it"),
    };
    let what = change.as_str();
    let times = put_right_at.len();
    match standing {
        Standing::PutRight => format!("{what} by {who}; put right"),
        Standing::Left => format!("{what} by {who}; left as it is"),
        Standing::Released => format!("{what} by {who}; released, to be put right"),
        Standing::Contested => format!(
            "{what} again after mirror `{mirror}` put it right {times} times, by {who}; left as it \
             is until it is released or changes in the roster"
        ),
    }
}

/// What was found, in small.
struct Sighted {
    change: Change,
    found: Option<Fingerprint>,
    wanted: Fingerprint,
    rival: Rival,
}

fn sight(
    step: &Step,
    row: Option<&LedgerRow>,
    seen: &Seen,
    grounds: &Grounds<'_>,
) -> Option<Sighted> {
    let wanted = step.showing.as_ref()?.fingerprint;
    // What is being written is no drift: nobody knows yet who was the last.
    let row = row.filter(|row| row.intent.is_none() && row.remote.is_some())?;
    let because = match &step.action {
        Action::Create(because) | Action::Update { because, .. } => *because,
        Action::Nothing
        | Action::Look
        | Action::Delete { .. }
        | Action::Adopt(_)
        | Action::Forget
        | Action::DropIntent
        | Action::Hold(_) => return None,
    };
    // Where the roster changed as well, it is written anew whatever somebody did.
    let roster_changed = row.remote.as_ref().is_some_and(|it| it.intended != wanted);
    if roster_changed {
        return None;
    }
    match (because, seen) {
        (Because::Vanished, Seen::Absent) => {
            let (change, found, rival) = (Change::Removed, None, Rival::Somebody);
            Some(Sighted { change, found, wanted, rival })
        }
        (Because::Drifted | Because::Untagged, Seen::Present(item)) => {
            let change = change_of(item, because, grounds.span);
            let rival = rival_of(item, row, grounds);
            Some(Sighted { change, found: item.fingerprint, wanted, rival })
        }
        (_, Seen::NotLooked | Seen::Absent | Seen::AsKnown | Seen::Present(_) | Seen::Foreign) => {
            None
        }
    }
}

fn change_of(item: &RemoteItem, because: Because, wanted: Option<EventSpan>) -> Change {
    match (item.fingerprint, item.span) {
        (None, _) => Change::Unreadable,
        (Some(_), _) if because == Because::Untagged => Change::Untagged,
        (Some(_), Some(span)) if wanted.is_some_and(|wanted| wanted != span) => Change::Moved,
        (Some(_), _) => Change::Altered,
    }
}

fn rival_of(item: &RemoteItem, row: &LedgerRow, grounds: &Grounds<'_>) -> Rival {
    match &item.origin {
        Some(origin) if origin.mirror != *grounds.mirror => Rival::Mirror(origin.mirror.clone()),
        // Our tag for another entity, or of another making: only a mirror writes those.
        Some(origin) if origin.item() != row.item() || origin.generation != row.generation => {
            Rival::Mirror(origin.mirror.clone())
        }
        Some(_) | None => Rival::Somebody,
    }
}

/// Puts a tag back that somebody took off: without it the item would be taken for somebody
/// else's when the ledger is lost, and by `purge`.
fn retag(mut step: Step, row: Option<&LedgerRow>, identity: ItemIdentity) -> Step {
    let tagged = match identity {
        ItemIdentity::OriginTag | ItemIdentity::CopiedTag => true,
        ItemIdentity::NaturalKey => false,
    };
    let settled = row.filter(|row| row.intent.is_none()).and_then(|row| row.remote.as_ref());
    if let Action::Adopt(item) = &step.action
        && tagged
        && item.origin.is_none()
        && settled.is_some_and(|remote| remote.id == item.remote_id && !remote.adopted)
    {
        let (remote, etag) = (item.remote_id.clone(), item.etag.clone());
        step.action = Action::Update { remote, etag, because: Because::Untagged };
    }
    step
}

fn is_released(before: Option<&Drift>) -> bool {
    before.is_some_and(|drift| drift.standing == Standing::Released)
}

/// Those instants that are not longer ago than `window`.
fn within(instants: &[Timestamp], now: Timestamp, window: std::time::Duration) -> Vec<Timestamp> {
    let window = SignedDuration::try_from(window).unwrap_or(SignedDuration::MAX);
    instants.iter().copied().filter(|at| now.duration_since(*at) < window).collect()
}
