//! What stands in the way of a shift, and what a policy does about it. Pure: the same shifts,
//! events, history and rules give the same decision, in whatever order they come.
//!
//! A **conflict** is an event that is not ours, takes time, is not declined, and shares time with
//! a shift. What is marked as a mirror's, ours or another one's, is work and no conflict. Nothing
//! is done twice to one event against its owner's will: what was put back, by its owner or by an
//! operator, is told of and stays.

use std::collections::BTreeSet;

use domain::limits::{EVENT_MOVES_MAX, KEPT_EVENT_BYTES_MAX, KEPT_EVENT_MEMORY};
use domain::policy::{ConflictPolicy, EventRule, MoveTo, OverrideAction};
use domain::{
    CalendarKey, EntityKey, EventSpan, Fingerprint, Fingerprinter, MirrorName, UtcInterval,
    Visibility,
};
use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::unavailable::UnavailableRules;
use crate::port::{
    AuditId, EventChange, EventChangeState, ForeignChange, ForeignEvent, ForeignRole,
    ForeignShowAs, Left, RemoteId, Response,
};

mod free_time;
mod note;
mod settle;

use free_time::FreeTime;

pub use settle::{Undoing, changed_since, same_time, settled, undoing};

/// What the operator decided about conflicts of one mirror.
#[derive(Debug, Clone, PartialEq)]
pub struct ConflictRules {
    /// Who wins.
    pub policy: ConflictPolicy,
    /// What is done where the schedule wins.
    pub action: OverrideAction,
    /// Whether what a meeting was about is kept in a note for its owner.
    pub preserve_meeting_context: bool,
    /// For events of whole days.
    pub all_day: EventRule,
    /// For events whose details only their owner may read.
    pub private: EventRule,
    /// For events that perhaps take place.
    pub tentative: EventRule,
    /// For events that say that the person is absent.
    pub out_of_office: EventRule,
    /// For events of their owner to which others are invited: the vendor may tell them.
    pub organised: EventRule,
    /// Where events are moved to.
    pub move_to: MoveTo,
    /// How long after the shift an event may end that is moved.
    pub move_within: std::time::Duration,
    /// Between which times of day it must lie then.
    pub move_hours: Option<(Time, Time)>,
    /// What an organiser is told.
    pub comment: String,
    /// The zone of days and of times in notes.
    pub zone: TimeZone,
    /// How many events one cycle may change before the guard stops it.
    pub changes_max: u64,
    /// How long after a look a calendar is looked at again, if nothing else asks for it.
    pub look_interval: std::time::Duration,
    /// The same, of calendars of whose changes their vendor tells us.
    pub told_interval: std::time::Duration,
    /// Which events ask for time off; `None`: none does.
    pub unavailable: Option<UnavailableRules>,
}

impl Default for ConflictRules {
    fn default() -> Self {
        Self {
            policy: ConflictPolicy::Report,
            action: OverrideAction::Move,
            preserve_meeting_context: true,
            all_day: EventRule::Report,
            private: EventRule::Report,
            tentative: EventRule::Report,
            out_of_office: EventRule::Report,
            organised: EventRule::Override,
            move_to: MoveTo::NextFree,
            move_within: std::time::Duration::from_secs(7 * 24 * 3600),
            move_hours: None,
            comment: "I am scheduled to work at this time.".to_owned(),
            zone: TimeZone::UTC,
            changes_max: 50,
            look_interval: std::time::Duration::from_secs(3600),
            told_interval: std::time::Duration::from_secs(24 * 3600),
            unavailable: None,
        }
    }
}

/// One shift that takes its employee's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    /// Which one.
    pub key: EntityKey,
    /// When.
    pub interval: UtcInterval,
    /// How its item is titled, to know copies of it.
    pub title: Option<String>,
}

/// One calendar, with everything that decides.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// Of which mirror.
    pub mirror: &'a MirrorName,
    /// Which calendar.
    pub calendar: &'a CalendarKey,
    /// Now.
    pub now: Timestamp,
    /// The shifts in it.
    pub shifts: &'a [Working],
    /// What else is there, for as far as events may be moved.
    pub events: &'a [ForeignEvent],
    /// Where our own items are, or are intended to be: somebody may have taken their tag off.
    pub ours: &'a BTreeSet<RemoteId>,
    /// What was done in this calendar before.
    pub changes: &'a [EventChange],
    /// What the operator decided.
    pub rules: &'a ConflictRules,
}

/// One event that stands in the way of shifts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// A hash of its id.
    pub event: Fingerprint,
    /// When it is.
    pub span: EventSpan,
    /// Of which shifts; at least one, ordered.
    pub shifts: Vec<EntityKey>,
    /// What follows.
    pub verdict: Verdict,
}

/// What follows from a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing, for this reason.
    Leave(Left),
    /// The event is to be changed.
    Change(Box<Planned>),
}

/// One change of one event, to be made durable and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The event as it was seen.
    pub event: ForeignEvent,
    /// What is to be done to it.
    pub change: EventChange,
}

/// What of `shifts` and `events` stands in the way of each other, and what follows; ordered by
/// time and event.
#[must_use]
pub fn decide(situation: Situation<'_>) -> Vec<Conflict> {
    let Situation { shifts, events, ours, rules, now, .. } = situation;
    let mut shifts: Vec<&Working> = shifts.iter().filter(|it| it.interval.end() > now).collect();
    shifts.sort_by_key(|it| (it.interval, &it.key));
    shifts.dedup_by_key(|it| &it.key);
    let mut events: Vec<(UtcInterval, &ForeignEvent)> = events
        .iter()
        .filter(|it| takes_time(it) && !is_ours(&it.id, ours))
        .filter_map(|it| Some((instants(&it.span, &rules.zone)?, it)))
        .collect();
    events.sort_by(|(a, x), (b, y)| (a, &x.id).cmp(&(b, &y.id)));
    events.dedup_by(|(_, a), (_, b)| a.id == b.id);
    let mut free = FreeTime::new(rules, &shifts, &events);
    let mut conflicts = Vec::new();
    for (at, event) in &events {
        let over: Vec<&Working> =
            shifts.iter().copied().filter(|it| it.interval.overlaps(at)).collect();
        if over.is_empty() || event.origin.is_some() {
            continue;
        }
        let Some(verdict) = judge(situation, event, *at, &over, &mut free) else { continue };
        let mut keys: Vec<EntityKey> = over.iter().map(|it| it.key.clone()).collect();
        keys.sort();
        conflicts.push(Conflict {
            event: hash(&event.id),
            span: event.span,
            shifts: keys,
            verdict,
        });
    }
    conflicts
}

/// What follows for one event; `None` where a rule says that it is no conflict.
fn judge(
    situation: Situation<'_>,
    event: &ForeignEvent,
    at: UtcInterval,
    over: &[&Working],
    free: &mut FreeTime<'_>,
) -> Option<Verdict> {
    let Situation { rules, now, .. } = situation;
    let ruled = ruled(event, rules);
    if let Some((EventRule::Ignore, _)) = ruled {
        return None;
    }
    let leave = |left| Some(Verdict::Leave(left));
    if over.iter().any(|shift| is_copy(event, at, shift)) {
        return leave(Left::Copy);
    }
    match rules.policy {
        ConflictPolicy::Report => return leave(Left::Reported),
        ConflictPolicy::KeepBoth => return leave(Left::KeptBoth),
        ConflictPolicy::WfmPriorityOverride => {}
    }
    if let Some(left) = remembered(situation, event) {
        return leave(left);
    }
    if let Some((EventRule::Report, left)) = ruled {
        return leave(left);
    }
    if at.start() <= now || over.iter().any(|shift| shift.interval.start() <= now) {
        return leave(Left::UnderWay);
    }
    if event.kept.body.len() > KEPT_EVENT_BYTES_MAX {
        return leave(Left::TooLarge);
    }
    let change = match (event.role, rules.action) {
        (ForeignRole::Attendee(_), _) => ForeignChange::Decline { comment: rules.comment.clone() },
        (ForeignRole::Owner | ForeignRole::Organiser, OverrideAction::Delete) => {
            ForeignChange::Delete
        }
        (ForeignRole::Owner | ForeignRole::Organiser, OverrideAction::Move) => {
            let Some(to) = free.place(event, at, over) else {
                return leave(Left::NoFreeTime);
            };
            let note = rules.preserve_meeting_context.then(|| note::moved(&event.span, rules));
            ForeignChange::Move { to, note }
        }
    };
    let change = written_down(situation, event, over, change);
    let known = situation.changes.iter().find(|it| it.id == change.id).map(|it| &it.state);
    match known {
        Some(EventChangeState::Refused { .. }) => return leave(Left::Refused),
        Some(EventChangeState::Done) => return leave(Left::CameBack),
        Some(EventChangeState::Planned | EventChangeState::Sent | EventChangeState::Undoing) => {
            return leave(Left::Waits);
        }
        Some(EventChangeState::Undone { .. }) => return leave(Left::Undone),
        Some(EventChangeState::NotDone { .. }) | None => {}
    }
    free.take(at, &change.change);
    Some(Verdict::Change(Box::new(Planned { event: event.clone(), change })))
}

/// Whether an event takes time that its owner means to give.
#[must_use]
pub fn takes_time(event: &ForeignEvent) -> bool {
    let taken = match event.show_as {
        ForeignShowAs::Free | ForeignShowAs::WorkingElsewhere => false,
        ForeignShowAs::Tentative | ForeignShowAs::Busy | ForeignShowAs::OutOfOffice => true,
    };
    taken && !is_declined(event)
}

/// Whether an event stands where one of our items is. Connectors put the calendar before the id of
/// an item, and the occurrence behind it, where one person has several.
pub(super) fn is_ours(id: &RemoteId, ours: &BTreeSet<RemoteId>) -> bool {
    let path = id.0.split('#').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    [id.0.as_str(), path, name].into_iter().any(|it| ours.contains(&RemoteId(it.to_owned())))
}

/// Whether its owner said that they do not come.
#[must_use]
pub fn is_declined(event: &ForeignEvent) -> bool {
    match event.role {
        ForeignRole::Owner | ForeignRole::Organiser => false,
        ForeignRole::Attendee(response) => match response {
            Response::Declined => true,
            Response::None | Response::Accepted | Response::Tentative => false,
        },
    }
}

/// The strictest rule that applies to an event, and what is told where it says "report".
fn ruled(event: &ForeignEvent, rules: &ConflictRules) -> Option<(EventRule, Left)> {
    let all_day = match event.span {
        EventSpan::AllDay { .. } => true,
        EventSpan::Timed(_) => false,
    };
    let applying = [
        (event.visibility == Visibility::Private, rules.private, Left::Private),
        (all_day, rules.all_day, Left::AllDay),
        (event.show_as == ForeignShowAs::OutOfOffice, rules.out_of_office, Left::OutOfOffice),
        (event.show_as == ForeignShowAs::Tentative, rules.tentative, Left::Tentative),
        (event.role == ForeignRole::Organiser, rules.organised, Left::Organised),
    ];
    let applying = applying.into_iter().filter(|(applies, ..)| *applies);
    applying.map(|(_, rule, left)| (rule, left)).min_by_key(|(rule, _)| *rule)
}

fn is_copy(event: &ForeignEvent, at: UtcInterval, shift: &Working) -> bool {
    at == shift.interval.to_whole_seconds()
        && shift.title.as_deref().is_some_and(|title| title.trim() == event.context.subject.trim())
}

/// Why an event is left alone because of what was done to it before.
fn remembered(situation: Situation<'_>, event: &ForeignEvent) -> Option<Left> {
    let means = meaning(event, &event.span);
    let (mut moves, mut left) = (0, None);
    // A label says nothing of what its owner wants with the event.
    let labels = |it: &&EventChange| matches!(it.change, ForeignChange::Relabel { .. });
    for change in situation.changes.iter().filter(|it| !labels(it)) {
        let same = change.kept.id == event.id;
        let told = match &change.state {
            EventChangeState::Undoing if same => Some(Left::Undone),
            EventChangeState::Undone { at } if same || *at == event.id => Some(Left::Undone),
            EventChangeState::Planned | EventChangeState::Sent if same => Some(Left::Waits),
            EventChangeState::Done if same => match change.change {
                ForeignChange::Move { .. } => {
                    moves += 1;
                    // Of several moves the last one tells: to where an earlier one had put it,
                    // its owner may have put it back.
                    let stayed = last_moved(situation, event) == Some(means);
                    (!stayed).then_some(Left::CameBack)
                }
                ForeignChange::Delete
                | ForeignChange::Decline { .. }
                | ForeignChange::Relabel { .. } => Some(Left::CameBack),
            },
            // The same meeting under another id: another program carries it to and fro.
            EventChangeState::Done if change.meaning == means => Some(Left::CameBack),
            EventChangeState::Planned
            | EventChangeState::Sent
            | EventChangeState::Done
            | EventChangeState::Undoing
            | EventChangeState::Undone { .. }
            | EventChangeState::NotDone { .. }
            | EventChangeState::Refused { .. } => None,
        };
        left = left.max(told);
    }
    left.or((moves >= EVENT_MOVES_MAX).then_some(Left::MovedOften))
}

/// What an event was to mean after the last time that it was moved.
fn last_moved(situation: Situation<'_>, event: &ForeignEvent) -> Option<Fingerprint> {
    let moved = |it: &&EventChange| {
        let moves = matches!(it.change, ForeignChange::Move { .. });
        it.kept.id == event.id && moves && it.state == EventChangeState::Done
    };
    situation.changes.iter().filter(moved).max_by_key(|it| it.at)?.meaning_after
}

/// What an event means to its owner, with another time perhaps. Not its text or its guests: their
/// answers change it all the time.
#[must_use]
pub fn meaning(event: &ForeignEvent, span: &EventSpan) -> Fingerprint {
    let mut print = Fingerprinter::new("foreign_event/1");
    print.text(event.context.subject.trim());
    print.text(event.context.location.as_deref().unwrap_or_default().trim());
    match span {
        EventSpan::Timed(interval) => {
            let interval = interval.to_whole_seconds();
            print.number(1).instant(interval.start()).instant(interval.end())
        }
        EventSpan::AllDay { first, end } => print.number(2).day(*first).day(*end),
    };
    print.number(event.show_as as i64).number(event.visibility as i64);
    print.finish()
}

/// The hash by which an event is known where its id is not to be told.
#[must_use]
pub fn hash(id: &RemoteId) -> Fingerprint {
    let mut print = Fingerprinter::new("foreign_id/1");
    print.text(&id.0);
    print.finish()
}

/// The instants of a span; `None` for days that a zone does not have.
#[must_use]
pub fn instants(span: &EventSpan, zone: &TimeZone) -> Option<UtcInterval> {
    match span {
        EventSpan::Timed(interval) => Some(*interval),
        EventSpan::AllDay { first, end } => domain::time::days_to_interval(*first, *end, zone).ok(),
    }
}

/// A change as it is made durable before it is sent.
fn written_down(
    situation: Situation<'_>,
    event: &ForeignEvent,
    over: &[&Working],
    change: ForeignChange,
) -> EventChange {
    let Situation { mirror, calendar, now, rules, .. } = situation;
    let mut print = Fingerprinter::new("event_change/1");
    print.text(mirror.as_str()).text(calendar.as_str()).text(&event.id.0);
    print.text(event.etag.as_ref().map_or("", |etag| &etag.0));
    print.text(&meaning(event, &event.span).to_string());
    let (kind, target) = match &change {
        ForeignChange::Delete => ("delete", None),
        ForeignChange::Decline { .. } => ("decline", None),
        ForeignChange::Move { to, .. } => ("move", Some(*to)),
        ForeignChange::Relabel { .. } => ("relabel", None),
    };
    print.text(kind);
    let meaning_after = target.map(|to| meaning(event, &to));
    print.text(&meaning_after.map(|it| it.to_string()).unwrap_or_default());
    let noted = rules.preserve_meeting_context && target.is_none();
    let last = target.unwrap_or(event.span).is_over_at().max(event.span.is_over_at());
    let last = over.iter().map(|it| it.interval.end()).fold(last.max(now), Timestamp::max);
    let mut shifts: Vec<EntityKey> = over.iter().map(|it| it.key.clone()).collect();
    shifts.sort();
    EventChange {
        id: AuditId::of(&print.finish()),
        calendar: calendar.clone(),
        shifts,
        note: noted.then(|| note::removed(event, &change, rules)),
        change,
        span: event.span,
        etag: event.etag.clone(),
        meaning: meaning(event, &event.span),
        meaning_after,
        kept: event.kept.clone(),
        state: EventChangeState::Planned,
        at: now,
        changed_at: now,
        kept_until: last.saturating_add(KEPT_EVENT_MEMORY).unwrap_or(Timestamp::MAX),
    }
}
