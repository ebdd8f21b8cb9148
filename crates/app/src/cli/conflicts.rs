//! The parts of `plan` and `explain` that tell of events of people that stand in the way: what
//! each is in the way of, and what would be or was done to it; and in `plan` of those that ask for
//! time off. Never what an event is about: that is its owner's business.

use std::collections::BTreeSet;

use domain::EventSpan;
use engine::overview::{became, when};
use engine::plan::conflict::{Conflict, Verdict};
use engine::plan::unavailable::{Decided, Wish};
use engine::port::{ChangesOf, EventChangeState, ForeignChange, StoreError, Subject};
use engine::run::conflicts::look::{Looked, preview};
use engine::run::conflicts::{EventRefusal, changes_in, judge};
use engine::run::cycle::MirrorSpec;
use engine::run::project::Projector;
use engine::run::survey::Overlay;
use engine::run::watch::Unwatched;
use jiff::Timestamp;
use serde::Serialize;

use crate::failure::{Failure, thousands};
use crate::output::{Output, Table};
use crate::wiring::{MirrorWorks, Works};

/// What stands in the way in one mirror.
#[derive(Debug, Default, Serialize)]
pub(super) struct ConflictPlan {
    /// Events that would be changed.
    pub changes: u64,
    /// Set when the guard would refuse to change so many.
    pub refused: Option<String>,
    /// Calendars that could not be looked at, and why.
    pub unread: Vec<Unread>,
    /// One line for each event and shift.
    pub entries: Vec<ConflictLine>,
    /// One line for each event by which somebody asks for time off, or did.
    pub wishes: Vec<WishLine>,
}

/// One event by which somebody asks for time off, or did.
#[derive(Debug, Serialize)]
pub(super) struct WishLine {
    /// `ask`, `wait`, `ask_again` or `take_back`.
    action: &'static str,
    because: &'static str,
    calendar: String,
    employee: Option<String>,
    /// When they want to be absent, or wanted to.
    span: EventSpan,
}

/// A calendar that could not be looked at.
#[derive(Debug, Serialize)]
pub(super) struct Unread {
    calendar: String,
    reason: String,
}

/// One event that stands in the way of one shift.
#[derive(Debug, Serialize)]
pub(super) struct ConflictLine {
    /// `none`, `delete`, `decline` or `move`.
    action: &'static str,
    /// Why nothing is done, or where to the event is moved.
    because: String,
    calendar: String,
    shift: String,
    /// When the event is.
    span: EventSpan,
    /// When it would be.
    to: Option<EventSpan>,
    /// How it could be taken back.
    undo: Option<String>,
}

/// What a cycle would find and do.
///
/// # Errors
/// When the store fails.
pub(super) async fn conflict_plan(
    works: &Works,
    mirror: &MirrorWorks,
    projector: &Projector<'_>,
    overlay: &Overlay,
) -> Result<(ConflictPlan, Option<EventRefusal>), Failure> {
    let Some(rules) = &mirror.spec.conflicts else { return Ok((ConflictPlan::default(), None)) };
    let equipment = works.equipment(mirror, &Unwatched);
    equipment.gate.begin_cycle();
    let (looked, unread) = preview(&mirror.spec, equipment, projector, overlay).await?;
    let changes = changes_in(looked.iter().flat_map(|it| &it.conflicts));
    let refusal = judge(&mirror.spec.name, changes, rules, None).err();
    let unread = unread.into_iter().map(|(calendar, reason)| {
        let calendar = calendar.to_string();
        Unread { calendar, reason }
    });
    let plan = ConflictPlan {
        changes,
        refused: refusal.as_ref().map(ToString::to_string),
        unread: unread.collect(),
        entries: looked.iter().flat_map(lines).collect(),
        wishes: looked.iter().flat_map(wishes).collect(),
    };
    Ok((plan, refusal))
}

fn lines(Looked { calendar, conflicts, .. }: &Looked) -> Vec<ConflictLine> {
    let line = |conflict: &Conflict| {
        let (action, because, to, undo) = told(&conflict.verdict);
        let shifts = conflict.shifts.clone().into_iter();
        let (span, calendar) = (conflict.span, calendar.to_string());
        shifts.map(move |shift| ConflictLine {
            action,
            because: because.clone(),
            calendar: calendar.clone(),
            shift: shift.id.to_string(),
            span,
            to,
            undo: undo.clone(),
        })
    };
    conflicts.iter().flat_map(line).collect()
}

fn wishes(Looked { calendar, owner, wishes, .. }: &Looked) -> Vec<WishLine> {
    let line = |wish: &Wish| {
        let (action, because, span) = match wish {
            Wish::Open { event, told: Some(Decided::Asked) } => {
                ("wait", "it was asked for; somebody is to decide", event.span)
            }
            Wish::Open { event, told: Some(Decided::Granted | Decided::Refused) | None } => {
                ("ask", "an event asks for time off", event.span)
            }
            Wish::Moved { event, .. } => {
                ("ask_again", "its event was moved after it was asked for", event.span)
            }
            Wish::Gone { before } => {
                ("take_back", "its event is not where it was; it is looked for first", before.span)
            }
        };
        let (calendar, employee) = (calendar.to_string(), owner.as_ref().map(ToString::to_string));
        WishLine { action, because, calendar, employee, span }
    };
    wishes.iter().map(line).collect()
}

fn told(verdict: &Verdict) -> (&'static str, String, Option<EventSpan>, Option<String>) {
    let planned = match verdict {
        Verdict::Leave(left) => return ("none", left.as_str().to_owned(), None, None),
        Verdict::Change(planned) => planned,
    };
    let undo = Some(planned.change.id.to_string());
    let schedule = "the schedule has priority".to_owned();
    match &planned.change.change {
        ForeignChange::Delete => ("delete", schedule, None, undo),
        ForeignChange::Decline { .. } => {
            ("decline", format!("{schedule}; others organise it"), None, undo)
        }
        ForeignChange::Move { to, .. } => ("move", format!("to {}", when(to)), Some(*to), undo),
        ForeignChange::Relabel { .. } => ("relabel", schedule, None, undo),
    }
}

/// Prints it.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn print(mirror: &str, plan: &ConflictPlan, output: &Output) -> Result<(), Failure> {
    let ConflictPlan { changes, refused: _, unread, entries, wishes } = plan;
    print_wishes(mirror, wishes, output)?;
    if entries.is_empty() && unread.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["EVENT", "WHY", "CALENDAR", "WHEN", "SHIFT", "AUDIT ID"]);
    for line in entries {
        table.row([
            line.action.to_owned(),
            line.because.clone(),
            line.calendar.clone(),
            when(&line.span),
            line.shift.clone(),
            line.undo.clone().unwrap_or_default(),
        ]);
    }
    if !table.is_empty() {
        output.table(&table)?;
    }
    let [conflicts, changes] = [entries.len() as u64, *changes].map(thousands);
    output.data(format!(
        "mirror `{mirror}`: {conflicts} conflicts with people's events, {changes} events to change"
    ))?;
    for Unread { calendar, reason } in unread {
        output.say(format!("mirror `{mirror}`: cannot look into `{calendar}`: {reason}"));
    }
    Ok(())
}

fn print_wishes(mirror: &str, wishes: &[WishLine], output: &Output) -> Result<(), Failure> {
    if wishes.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["TIME OFF", "WHY", "CALENDAR", "WHEN", "EMPLOYEE"]);
    for WishLine { action, because, calendar, employee, span } in wishes {
        table.row([
            action.replace('_', " "),
            (*because).to_owned(),
            calendar.clone(),
            when(span),
            employee.clone().unwrap_or_default(),
        ]);
    }
    output.table(&table)?;
    let count = thousands(wishes.len() as u64);
    output.data(format!("mirror `{mirror}`: {count} events that ask for time off"))
}

/// What `explain` tells of one event that stands in a shift's way, or did.
#[derive(Debug, Serialize)]
pub(super) struct ConflictStory {
    /// When the event is, or was.
    span: EventSpan,
    /// Since when it stands there, or when it was changed.
    at: Timestamp,
    /// What was done, or why nothing was.
    what: String,
    /// The id of the change, where there was one.
    audit_id: Option<String>,
    /// Whether it can be taken back.
    undoable: bool,
}

impl ConflictStory {
    /// In one line.
    pub(super) fn told(&self) -> String {
        let Self { span, at: _, what, audit_id, undoable } = self;
        let event = format!("with an event at {}: {what}", when(span));
        match audit_id {
            Some(id) if *undoable => format!("{event}; `rotabridge undo {id}` takes it back"),
            Some(id) => format!("{event} ({id})"),
            None => event,
        }
    }
}

/// What stands in the way of one shift in one mirror, and what was done for its sake.
///
/// # Errors
/// When the store fails.
pub(super) async fn conflict_stories(
    works: &Works,
    spec: &MirrorSpec,
    subject: &Subject,
) -> Result<Vec<ConflictStory>, StoreError> {
    let mut stories = Vec::new();
    let calendars: BTreeSet<_> = subject.ledger.iter().map(|row| &row.calendar).collect();
    for calendar in calendars {
        let standing = works.store.conflicts(&spec.name, Some(calendar)).await?;
        let standing = standing.into_iter().filter(|it| it.shift == subject.key);
        stories.extend(standing.map(|it| ConflictStory {
            span: it.span,
            at: it.since,
            what: format!("left as it is, because {}", it.left.as_str()),
            audit_id: None,
            undoable: false,
        }));
        let which = ChangesOf::Calendar(calendar.clone());
        let changes = works.store.event_changes(&spec.name, &which).await?;
        let changes = changes.into_iter().filter(|it| it.shifts.contains(&subject.key));
        stories.extend(changes.map(|it| ConflictStory {
            span: it.span,
            at: it.changed_at,
            what: became(&it.change, &it.state),
            audit_id: Some(it.id.to_string()),
            undoable: it.state == EventChangeState::Done,
        }));
    }
    Ok(stories)
}
