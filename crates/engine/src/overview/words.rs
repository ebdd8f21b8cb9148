//! Words that every telling of how things stand has in common.

use std::time::Duration;

use domain::{EventSpan, Fingerprinter};
use jiff::Timestamp;

use crate::port::{EventChangeState, ForeignChange};

/// Hexadecimal digits of a mark: a few thousand calendars rarely share one, and a search that
/// finds two is no harm.
const MARK_DIGITS: usize = 8;

/// The mark of a calendar or an address, by which the log knows it: `cal-1f0c88d2`, the same in
/// every process.
#[must_use]
pub fn mark(key: &str) -> String {
    let mut print = Fingerprinter::new("log/mark/1");
    print.text(key);
    let digits = print.finish().to_string();
    format!("cal-{}", &digits[..MARK_DIGITS])
}

/// To the second, in UTC: `2026-11-21 04:30:12Z`.
#[must_use]
pub fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// What was done to an event, in a word.
#[must_use]
pub const fn what(change: &ForeignChange) -> &'static str {
    match change {
        ForeignChange::Delete => "deleted",
        ForeignChange::Decline { .. } => "declined",
        ForeignChange::Move { .. } => "moved",
        ForeignChange::Relabel { .. } => "relabelled",
    }
}

/// When an event is, in UTC or in days.
#[must_use]
pub fn when(span: &EventSpan) -> String {
    match span {
        EventSpan::Timed(interval) => {
            let (start, end) = (interval.start(), interval.end());
            format!("{}–{} UTC", start.strftime("%Y-%m-%d %H:%M"), end.strftime("%H:%M"))
        }
        EventSpan::AllDay { first, end } => match end.yesterday() {
            Ok(last) if last > *first => format!("{first} – {last}"),
            Ok(_) | Err(_) => first.to_string(),
        },
    }
}

/// What became of a change of an event, as the end of a sentence about that event.
#[must_use]
pub fn became(change: &ForeignChange, state: &EventChangeState) -> String {
    let what = what(change);
    match state {
        EventChangeState::Done => what.to_owned(),
        EventChangeState::Planned => format!("to be {what}"),
        EventChangeState::Sent => format!("being {what}, not known yet"),
        EventChangeState::NotDone { why } => format!("not {what} yet: {why}"),
        EventChangeState::Refused { why } => format!("not {what}: {why}"),
        EventChangeState::Undoing => "being put back".to_owned(),
        EventChangeState::Undone { .. } => format!("{what}, and put back"),
    }
}

/// `3.2 s`, `4 min 5 s`, `2 h 10 min`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86400, seconds % 86400 / 3600),
    }
}

/// `12 s ago`.
#[must_use]
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let passed = now.duration_since(at);
    if passed.is_negative() {
        return "just now".to_owned();
    }
    match passed.unsigned_abs().as_secs() {
        0 => "just now".to_owned(),
        seconds @ 1..60 => format!("{seconds} s ago"),
        seconds => format!("{} ago", duration(Duration::from_secs(seconds))),
    }
}

/// A word of a command that somebody copies into a shell: as it is where no shell reads anything
/// else into it, in single quotes where one could.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'_' | b'-');
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `1580` as `1,580`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_nothing_into_an_id() {
        for (id, word) in [
            ("s-1_2.3", "s-1_2.3"),
            ("", "''"),
            ("s 1", "'s 1'"),
            ("$(reboot)", "'$(reboot)'"),
            ("a;b", "'a;b'"),
            ("o'clock", r"'o'\''clock'"),
            ("Spätdienst", "'Spätdienst'"),
        ] {
            assert_eq!(shell_word(id), word);
        }
    }
}
