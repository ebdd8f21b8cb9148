//! The branch office's people have Outlook, too, in the same played tenant: what is planned for
//! them is shown in a calendar of their own there, and whoever moves or deletes it asks for that.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use simulators::graph::GraphServer;
use simulators::graph::mailbox::{Event, Span};

/// Things that people do in Outlook before the summary is printed.
pub(super) const ACTS: usize = 6;
/// Every so many acts it is a deletion.
const DELETES_EVERY: usize = 3;

/// The name of the mirror.
pub(super) const MIRROR: &str = "branch-outlook";

/// Its part of the configuration: a mirror of the branch's roster, over its connection.
pub(super) fn configuration(roster: &str, connection: &str) -> String {
    format!(
        r#"
[[mirror]]
name = "{MIRROR}"
roster = "{roster}"
connection = "{connection}"
kind = "outlook"
direction = "two_way"
calendar = "Shifts"
"#
    )
}

/// Somebody among `names` (by user id) moves a shift of theirs in Outlook, or deletes one; what, in
/// words. `None` where nothing that is still ahead is in the calendar of whose turn it is.
pub(super) fn acts(
    graph: &GraphServer,
    names: &BTreeMap<String, String>,
    turn: usize,
    now: Timestamp,
) -> Option<String> {
    let (user, name) = names.iter().nth(turn % names.len().max(1))?;
    let mailbox = graph.mailbox(user)?;
    let ahead = |event: &&Event| match event.span {
        Span::Timed(start, _) => start > now && !event.properties.is_empty(),
        Span::AllDay(..) => false,
    };
    let mut events: Vec<&Event> = mailbox.events.values().filter(ahead).collect();
    events.sort_by_key(|event| event.span.bounds());
    let event = events.get(turn % events.len().max(1))?;
    let at_calendar = graph.at_calendar(user);
    if turn % DELETES_EVERY == DELETES_EVERY - 1 {
        at_calendar.deletes(&event.id);
        return Some(format!("{name} deletes a shift in Outlook"));
    }
    let Span::Timed(start, end) = event.span else { return None };
    let later = SignedDuration::from_mins(30);
    let (start, end) = (start.checked_add(later).ok()?, end.checked_add(later).ok()?);
    at_calendar.moves(&event.id, Span::Timed(start, end));
    Some(format!("{name} moves a shift in Outlook by half an hour"))
}
