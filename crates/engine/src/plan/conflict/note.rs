//! What is told of a meeting that was taken out of the way: to its owner, in their own calendar.

use domain::limits::MEETING_NOTE_CHARS_MAX;
use domain::{EventSpan, Visibility};
use jiff::Timestamp;

use super::ConflictRules;
use crate::port::{ForeignChange, ForeignEvent, MeetingContext};

/// What stands in the shift's item. Of a private event no more than its time: a calendar may be
/// shared with others, and then the item is too.
pub(super) fn removed(
    event: &ForeignEvent,
    change: &ForeignChange,
    rules: &ConflictRules,
) -> String {
    let verb = match change {
        ForeignChange::Decline { .. } => "Declined",
        ForeignChange::Delete | ForeignChange::Move { .. } | ForeignChange::Relabel { .. } => {
            "Removed"
        }
    };
    let at = when(&event.span, rules);
    if event.visibility == Visibility::Private {
        return format!("{verb} for this shift: a private appointment, {at}");
    }
    let MeetingContext { subject, body, location, attendees, link } = &event.context;
    let subject = match subject.trim() {
        "" => "(untitled)",
        subject => subject,
    };
    let mut note = format!("{verb} for this shift: {subject}, {at}");
    let mut line = |label: &str, text: &str| {
        if !text.trim().is_empty() {
            note.push_str(&format!("\n{label}{}", text.trim()));
        }
    };
    line("Where: ", location.as_deref().unwrap_or_default());
    line("With: ", &attendees.join(", "));
    line("Link: ", link.as_deref().unwrap_or_default());
    line("", body.as_deref().unwrap_or_default());
    cut(&note)
}

/// What is added to the text of an event that was moved.
pub(super) fn moved(span: &EventSpan, rules: &ConflictRules) -> String {
    format!("Moved because of a shift; it was {}.", when(span, rules))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MEETING_NOTE_CHARS_MAX) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

fn when(span: &EventSpan, rules: &ConflictRules) -> String {
    let local = |at: Timestamp| rules.zone.to_datetime(at);
    match span {
        EventSpan::Timed(interval) => {
            let (start, end) = (local(interval.start()), local(interval.end()));
            let from = start.strftime("%Y-%m-%d %H:%M");
            if start.date() == end.date() {
                format!("{from}–{}", end.strftime("%H:%M"))
            } else {
                format!("{from} – {}", end.strftime("%Y-%m-%d %H:%M"))
            }
        }
        EventSpan::AllDay { first, end } => match end.yesterday() {
            Ok(last) if last > *first => format!("{first} – {last}"),
            Ok(_) | Err(_) => first.to_string(),
        },
    }
}
