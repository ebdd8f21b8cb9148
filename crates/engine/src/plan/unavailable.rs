//! Events by which people say that they want to be absent, and what follows from them. Pure.
//!
//! An operator names a label, or a calendar, for such events. One of them is a **wish**: the system
//! of record is asked for time off of the same length, once for each event and time, and what came
//! of it is told by a label on the event. A wish that is moved or removed afterwards is taken back.
//! Only what its owner made alone is a wish: nobody asks for anything by being invited.

use std::collections::BTreeSet;

use domain::limits::{KEPT_EVENT_MEMORY, WISHES_PER_LOOK_MAX};
use domain::{
    CalendarKey, EntityKey, EventSpan, Fingerprinter, MirrorName, RequestStep, TimeOffItem,
    UtcInterval,
};
use jiff::Timestamp;

use super::conflict::{Planned, is_ours, meaning, same_time};
use crate::port::{
    AskWhat, AskedRequest, AuditId, EventChange, EventChangeState, ForeignChange, ForeignEvent,
    ForeignRole, KeptEvent, RemoteId,
};

/// What the operator decided about such events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnavailableRules {
    /// The label that makes a wish of an event.
    pub category: Option<String>,
    /// The calendar in which every event is one: its name, or the last part of its path.
    pub calendar: Option<String>,
    /// What it becomes.
    pub becomes: Becomes,
    /// The kind of absence: the id or the name of a time-off reason.
    pub reason: Option<String>,
    /// How the answer is told.
    pub labels: StateLabels,
}

/// What a wish becomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Becomes {
    /// A request: where the record does not grant such requests by itself, a manager decides.
    #[default]
    Request,
    /// Time off, granted or refused at once by the record's rules.
    TimeOff,
}

/// The labels by which people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateLabels {
    /// A manager is to decide.
    pub asked: String,
    /// Granted.
    pub granted: String,
    /// Refused.
    pub refused: String,
}

impl Default for StateLabels {
    fn default() -> Self {
        Self {
            asked: "Unavailable: asked".into(),
            granted: "Unavailable: granted".into(),
            refused: "Unavailable: refused".into(),
        }
    }
}

/// How a wish stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// Somebody is to decide.
    Asked,
    /// It was granted.
    Granted,
    /// It was refused.
    Refused,
}

impl Decided {
    /// The word for it in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked for",
            Self::Granted => "granted",
            Self::Refused => "refused",
        }
    }
}

impl StateLabels {
    /// The label for this.
    #[must_use]
    pub fn of(&self, decided: Decided) -> &str {
        match decided {
            Decided::Asked => &self.asked,
            Decided::Granted => &self.granted,
            Decided::Refused => &self.refused,
        }
    }

    /// What a label says.
    #[must_use]
    pub fn read(&self, label: &str) -> Option<Decided> {
        [Decided::Asked, Decided::Granted, Decided::Refused]
            .into_iter()
            .find(|it| self.of(*it).eq_ignore_ascii_case(label))
    }
}

/// What is to be done about one wish.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// It is to be asked for, or, where it was, it is to be seen whether it was decided by now.
    Open {
        /// The event.
        event: ForeignEvent,
        /// What its owner was told so far.
        told: Option<Decided>,
    },
    /// It is at another time than was asked for.
    Moved {
        /// The event as it is.
        event: ForeignEvent,
        /// What was asked for.
        before: Box<EventChange>,
    },
    /// The event is not where it was.
    Gone {
        /// What was asked for.
        before: EventChange,
    },
}

/// One calendar, with everything that decides.
#[derive(Debug, Clone, Copy)]
pub struct Hopes<'a> {
    /// What the operator decided.
    pub rules: &'a UnavailableRules,
    /// Now.
    pub now: Timestamp,
    /// The time that was looked at.
    pub within: &'a UtcInterval,
    /// What is there.
    pub events: &'a [ForeignEvent],
    /// Where our own items are.
    pub ours: &'a BTreeSet<RemoteId>,
    /// What was done in this calendar before.
    pub changes: &'a [EventChange],
}

/// Whether an event is a wish, or was one: then it stands in nobody's way.
#[must_use]
pub fn is_wish(event: &ForeignEvent, hopes: Hopes<'_>) -> bool {
    let Hopes { rules, ours, changes, .. } = hopes;
    let theirs = event.role == ForeignRole::Owner && event.origin.is_none();
    let named = |wanted: &Option<String>, found: &str| {
        wanted.as_deref().is_some_and(|it| it.trim().eq_ignore_ascii_case(found.trim()))
    };
    let labelled = event.categories.iter().any(|it| named(&rules.category, it));
    let placed = event.calendar_name.as_deref().is_some_and(|name| {
        let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        named(&rules.calendar, name) || named(&rules.calendar, last)
    });
    let wished = labelled || placed || last_told(&event.id, changes).is_some();
    theirs && wished && !is_ours(&event.id, ours)
}

/// What is to be done, ordered by time and event; the first [`WISHES_PER_LOOK_MAX`] of it.
#[must_use]
pub fn wishes(hopes: Hopes<'_>) -> Vec<Wish> {
    let Hopes { rules, now, within, events, changes, .. } = hopes;
    let mut here: Vec<&ForeignEvent> = events.iter().filter(|it| is_wish(it, hopes)).collect();
    here.sort_by_key(|it| (it.span.is_over_at(), &it.id));
    here.dedup_by_key(|it| &it.id);
    let open = here.iter().filter(|it| it.span.is_over_at() > now);
    let open = open.filter_map(|event| {
        let event = (*event).clone();
        let labels = event.categories.iter();
        match last_told(&event.id, changes) {
            // Told already, by whom we do not know any more: nobody is asked a second time.
            None if labels.into_iter().any(|it| rules.labels.read(it).is_some()) => None,
            None => Some(Wish::Open { event, told: None }),
            Some(before) => stands(rules, event, before),
        }
    });
    let mut gone: Vec<&EventChange> = changes
        .iter()
        .filter(|it| matches!(holds(rules, it), Some(Decided::Asked | Decided::Granted)))
        .filter(|it| it.span.is_over_at() > now)
        .filter(|it| last_told(&it.kept.id, changes).is_some_and(|last| last.id == it.id))
        .filter(|it| lies_in(&it.span, within) && !here.iter().any(|e| e.id == it.kept.id))
        .collect();
    gone.sort_by_key(|it| (it.span.is_over_at(), &it.kept.id));
    let gone = gone.into_iter().map(|it| Wish::Gone { before: it.clone() });
    open.chain(gone).take(WISHES_PER_LOOK_MAX).collect()
}

/// What is to be done about an event whose owner was told something before.
fn stands(rules: &UnavailableRules, event: ForeignEvent, before: &EventChange) -> Option<Wish> {
    let same = same_time(&event.span, &before.span);
    let told = holds(rules, before);
    match &before.state {
        // Settled by looking, before anything else is done.
        EventChangeState::Planned | EventChangeState::Sent | EventChangeState::Undoing => None,
        EventChangeState::Done if same => match told {
            Some(Decided::Asked) => Some(Wish::Open { event, told }),
            Some(Decided::Granted | Decided::Refused) | None => None,
        },
        EventChangeState::Done => match told {
            Some(Decided::Asked | Decided::Granted) => {
                Some(Wish::Moved { event, before: Box::new(before.clone()) })
            }
            Some(Decided::Refused) | None => Some(Wish::Open { event, told: None }),
        },
        // Its label cannot be written: what was decided stands all the same.
        EventChangeState::Refused { .. } if same => None,
        EventChangeState::Refused { .. }
        | EventChangeState::NotDone { .. }
        | EventChangeState::Undone { .. } => Some(Wish::Open { event, told: None }),
    }
}

/// What the owner of an event was told by a change that is done.
fn holds(rules: &UnavailableRules, change: &EventChange) -> Option<Decided> {
    match (&change.change, &change.state) {
        (ForeignChange::Relabel { by, of: _ }, EventChangeState::Done) => rules.labels.read(by),
        (
            ForeignChange::Relabel { .. }
            | ForeignChange::Delete
            | ForeignChange::Decline { .. }
            | ForeignChange::Move { .. },
            _,
        ) => None,
    }
}

/// The last label that was to be put on an event.
fn last_told<'a>(id: &RemoteId, changes: &'a [EventChange]) -> Option<&'a EventChange> {
    let labels = changes
        .iter()
        .filter(|it| it.kept.id == *id && matches!(it.change, ForeignChange::Relabel { .. }));
    labels.max_by_key(|it| (it.at, it.changed_at))
}

fn lies_in(span: &EventSpan, within: &UtcInterval) -> bool {
    match span {
        EventSpan::Timed(interval) => interval.overlaps(within),
        // Days begin elsewhere at other instants: only what surely lies in it.
        EventSpan::AllDay { .. } => super::conflict::instants(span, &jiff::tz::TimeZone::UTC)
            .is_some_and(|it| it.start() >= within.start() && it.end() <= within.end()),
    }
}

/// The request by which a wish goes to the system of record. Another time of the same event is
/// another request.
#[must_use]
pub fn request(event: &RemoteId, item: TimeOffItem, step: RequestStep) -> AskWhat {
    let mut print = Fingerprinter::new("wish/1");
    print.text(&event.0).instant(item.interval.start()).instant(item.interval.end());
    AskWhat::Request {
        at: RemoteId(format!("wish-{}", print.finish())),
        request: Some(AskedRequest::TimeOff { item }),
        step,
        makes: Vec::new(),
        declines: Vec::new(),
    }
}

/// The change that tells the owner of an event what was decided; `about` is what the audit log
/// names.
#[must_use]
pub fn telling(
    (mirror, calendar): (&MirrorName, &CalendarKey),
    event: &ForeignEvent,
    decided: Decided,
    labels: &StateLabels,
    (about, now): (EntityKey, Timestamp),
) -> Planned {
    let by = labels.of(decided).to_owned();
    let means = meaning(event, &event.span);
    let mut print = Fingerprinter::new("wish_told/1");
    print.text(mirror.as_str()).text(calendar.as_str()).text(&event.id.0);
    print.text(&means.to_string()).text(&by);
    let all = [Decided::Asked, Decided::Granted, Decided::Refused];
    let others = all.into_iter().filter(|it| *it != decided);
    let of = others.map(|it| labels.of(it).to_owned()).collect();
    let kept_until = event.span.is_over_at().max(now).saturating_add(KEPT_EVENT_MEMORY);
    let change = EventChange {
        id: AuditId::of(&print.finish()),
        calendar: calendar.clone(),
        shifts: vec![about],
        change: ForeignChange::Relabel { of, by },
        span: event.span,
        etag: event.etag.clone(),
        meaning: means,
        meaning_after: Some(means),
        note: None,
        // A label is not taken back: nothing but where the event is must be known.
        kept: KeptEvent { id: event.id.clone(), body: String::new() },
        state: EventChangeState::Planned,
        at: now,
        changed_at: now,
        kept_until: kept_until.unwrap_or(Timestamp::MAX),
    };
    Planned { event: event.clone(), change }
}
