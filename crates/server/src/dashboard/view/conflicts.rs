//! The page of events that stand in the way.

use askama::Template;
use engine::overview::{
    ChangeLine, ConflictLine, ConflictsPage, ShiftLine, Status, thousands, when,
};
use jiff::SignedDuration;

use super::{Badge, Moment, Tone};

/// The page.
#[derive(Template)]
#[template(path = "conflicts.html")]
pub(crate) struct ConflictsView {
    open: String,
    kept: String,
    is_first: bool,
    conflicts: Vec<ConflictRow>,
    changes: Vec<ChangeRow>,
    changes_more: bool,
    next: Option<String>,
}

struct ConflictRow {
    mirror: String,
    calendar: String,
    shift: Shift,
    event: String,
    since: Moment,
    why: Badge,
}

struct ChangeRow {
    mirror: String,
    calendar: String,
    audit_id: String,
    shifts: Vec<Shift>,
    became: String,
    event: String,
    to: Option<String>,
    at: Moment,
    undo_until: Option<Moment>,
}

/// A shift, as both tables show it.
struct Shift {
    id: String,
    whose: String,
    label: String,
    when: String,
}

impl ConflictsView {
    pub fn of(
        page: &ConflictsPage,
        next: Option<String>,
        is_later_page: bool,
        status: &Status,
    ) -> Self {
        let counts = status.mirrors.iter().map(|it| it.conflicts);
        let (open, kept, changes) = counts.fold((0, 0, 0), |(open, kept, changes), it| {
            (open + it.open, kept + it.kept, changes + it.changes)
        });
        Self {
            open: thousands(open),
            kept: thousands(kept),
            is_first: !is_later_page,
            conflicts: page.conflicts.iter().map(conflict).collect(),
            changes: page.changes.iter().map(change).collect(),
            changes_more: page.changes.iter().filter(|it| it.undoable).count() < changes as usize,
            next,
        }
    }
}

fn conflict(it: &ConflictLine) -> ConflictRow {
    let tone = if it.open { Tone::Worth } else { Tone::Plain };
    ConflictRow {
        mirror: it.mirror.to_string(),
        calendar: it.calendar.clone(),
        shift: shift(&it.shift),
        event: when(&it.span),
        since: Moment::of(it.since),
        why: Badge::new(tone, it.why),
    }
}

fn change(it: &ChangeLine) -> ChangeRow {
    ChangeRow {
        mirror: it.mirror.to_string(),
        calendar: it.calendar.clone(),
        audit_id: it.audit_id.to_string(),
        shifts: it.shifts.iter().map(shift).collect(),
        became: it.became.clone(),
        event: when(&it.span),
        to: it.to.as_ref().map(when),
        at: Moment::of(it.at),
        undo_until: it.undoable.then(|| Moment::of(it.kept_until)),
    }
}

fn shift(it: &ShiftLine) -> Shift {
    let whose = match (&it.name, &it.employee) {
        (Some(name), Some(id)) => format!("{name} ({id})"),
        (Some(name), None) => name.clone(),
        (None, Some(id)) => id.to_string(),
        (None, None) => "not in the roster any more".to_owned(),
    };
    let when = it.start.zip(it.end).map(|(start, end)| {
        // A night is told by its hours; what is longer by its days, too.
        let is_long = end.duration_since(start) >= SignedDuration::from_hours(24);
        let form = if is_long { "%Y-%m-%d %H:%M" } else { "%H:%M" };
        format!("{}–{} UTC", start.strftime("%Y-%m-%d %H:%M"), end.strftime(form))
    });
    let (id, label) = (it.id.clone(), it.label.clone().unwrap_or_default());
    Shift { id, whose, label, when: when.unwrap_or_default() }
}
