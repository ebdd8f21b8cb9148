//! What people may write and what ids may look like, before it reaches the roster.
//!
//! The body is authentic, but what is in it was typed by somebody, and its ids become parts of
//! paths and lines of the ledger. What goes beyond is refused, and people are told what to shorten.

use domain::UtcInterval;
use domain::limits::{ACTIVITIES_MAX, ID_BYTES_MAX, LABEL_BYTES_MAX, NOTES_BYTES_MAX};
use jiff::Timestamp;

use super::{Asked, Fault, Item, ItemChange, RequestChange};

/// 1970-01-01T00:00:00Z.
const EARLIEST: Timestamp = Timestamp::UNIX_EPOCH;
/// 2201-01-01T00:00:00Z, exclusive: nobody plans so far ahead, and calculations stay in range.
const LATEST: Timestamp = Timestamp::constant(7_289_654_400, 0);

/// Whether an id can be one: not empty or too long, not only dots, and without what ends a path's
/// segment.
pub fn is_id(id: &str) -> bool {
    let ends_segment = |c: char| matches!(c, '/' | '\\' | '?' | '#') || c.is_control();
    !id.is_empty()
        && id.len() <= ID_BYTES_MAX
        && id.bytes().any(|byte| byte != b'.')
        && !id.contains(ends_segment)
}

/// Whether an instant is one that people plan at: in the years 1970 to 2200.
pub fn is_instant(at: Timestamp) -> bool {
    (EARLIEST..LATEST).contains(&at)
}

fn is_interval(interval: &UtcInterval) -> bool {
    is_instant(interval.start()) && is_instant(interval.end())
}

/// Text of people; line ends and tabs are the only control characters in it.
fn is_text(text: &str, bytes: usize) -> bool {
    text.len() <= bytes
        && !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// Checks an item.
pub fn item(item: &Item) -> Result<(), Fault> {
    let Item { kind: _, id, user, group, interval, label, notes, activities, slots: _, reason } =
        item;
    let ids = [Some(id), user.as_ref(), group.as_ref(), reason.as_ref()];
    let readable = ids.into_iter().flatten().all(|id| is_id(id))
        && is_interval(interval)
        && activities.iter().all(|it| is_interval(&it.interval));
    if !readable {
        return Err(Fault::Unreadable);
    }
    let fine = label.as_deref().is_none_or(|it| is_text(it, LABEL_BYTES_MAX))
        && notes.as_deref().is_none_or(|it| is_text(it, NOTES_BYTES_MAX))
        && activities.len() <= ACTIVITIES_MAX
        && activities.iter().all(|it| is_text(&it.label, LABEL_BYTES_MAX));
    fine.then_some(()).ok_or(Fault::TooMuch)
}

/// Checks what happens to an item.
pub fn change(change: &ItemChange) -> Result<(), Fault> {
    match change {
        ItemChange::Create(it) | ItemChange::Edit(it, _) => item(it),
        ItemChange::Delete { kind: _, id, stage: _ } => {
            is_id(id).then_some(()).ok_or(Fault::Unreadable)
        }
    }
}

/// Checks a step of a request; what comes with it is checked by itself.
pub fn request(change: &RequestChange) -> Result<(), Fault> {
    let Asked {
        sender,
        sender_shift,
        recipient,
        recipient_shift,
        open_shift,
        reason,
        interval,
        manager,
    } = &change.asked;
    let ids =
        [sender, sender_shift, recipient, recipient_shift, open_shift, reason, manager].into_iter();
    let fine = is_id(&change.request.id)
        && ids.flatten().all(|id| is_id(id))
        && interval.as_ref().is_none_or(is_interval);
    fine.then_some(()).ok_or(Fault::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_segments_of_a_path() {
        let longest = "x".repeat(ID_BYTES_MAX);
        for fine in ["SHFT_1", "a.b", "..a", "ä", longest.as_str()] {
            assert!(is_id(fine), "{fine}");
        }
        let longer = "x".repeat(ID_BYTES_MAX + 1);
        for bad in ["", ".", "..", "...", "a/b", "a\\b", "a?b", "a#b", "a\nb", longer.as_str()] {
            assert!(!is_id(bad), "{bad}");
        }
    }

    #[test]
    fn instants_are_of_years_that_people_plan_in() {
        let is_instant = |text: &str| is_instant(text.parse().unwrap());
        assert!(is_instant("1970-01-01T00:00:00Z") && is_instant("2200-12-31T23:59:59Z"));
        assert!(!is_instant("1969-12-31T23:59:59Z") && !is_instant("2201-01-01T00:00:00Z"));
    }
}
