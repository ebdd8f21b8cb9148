//! The first step of reading: from bytes to whole lines of text.
//!
//! Done here and not left to the parser, for four reasons: some writers fold inside a character,
//! so lines must be joined before they are decoded; a truncated answer must be seen as such,
//! where a tolerant parser would take half an object for the whole; the number of lines must be
//! bounded; and calcard 0.3.14 takes blanks away from lists of texts, so these are [`shield`]ed.

use domain::limits::{ICALENDAR_BYTES_MAX, ICALENDAR_LINES_MAX};

use crate::read::ReadError;

/// Stands for a space in a list. Never in the input, for control characters are removed from it.
const SHIELDED_SPACE: char = '\u{1}';
/// Stands for a tab in a list.
const SHIELDED_TAB: char = '\u{2}';

/// Joins folded lines, ends each with `\n`, and checks that every component ends.
///
/// A byte order mark, control characters other than tabs, and blanks behind the name of a
/// component are removed; bytes that are not UTF-8 become U+FFFD.
pub(crate) fn unfold(bytes: &[u8]) -> Result<String, ReadError> {
    if bytes.len() > ICALENDAR_BYTES_MAX {
        return Err(ReadError::TooLong { bytes: bytes.len(), max: ICALENDAR_BYTES_MAX });
    }
    let joined = join(bytes)?;
    let joined = String::from_utf8_lossy(&joined);
    let mut text = String::with_capacity(joined.len());
    let mut open = Vec::new();
    let mut begun = false;
    for line in joined.split_terminator('\n') {
        if let Some(name) = strip_name(line, "BEGIN") {
            begun = true;
            open.push(name);
            text.push_str(line.trim_end());
        } else if let Some(name) = strip_name(line, "END") {
            let expected = open.pop().unwrap_or_default();
            if !expected.eq_ignore_ascii_case(name) {
                return Err(ReadError::Unbalanced { component: component_name(name) });
            }
            text.push_str(line.trim_end());
        } else if is_list(line) {
            text.extend(line.chars().map(shield));
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    match open.pop() {
        Some(name) => Err(ReadError::Unterminated { component: component_name(name) }),
        None if !begun => Err(ReadError::NotCalendar),
        None => Ok(text),
    }
}

/// Takes back what [`unfold`] did to the blanks of a list.
pub(crate) fn unshield(text: &str) -> String {
    let back = |c| match c {
        SHIELDED_SPACE => ' ',
        SHIELDED_TAB => '\t',
        c => c,
    };
    text.chars().map(back).collect()
}

fn shield(c: char) -> char {
    match c {
        ' ' => SHIELDED_SPACE,
        '\t' => SHIELDED_TAB,
        c => c,
    }
}

fn is_list(line: &str) -> bool {
    let name = line.find([':', ';']).and_then(|at| line.get(..at));
    name.is_some_and(|name| name.eq_ignore_ascii_case("CATEGORIES"))
}

fn join(bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut joined: Vec<u8> = Vec::with_capacity(bytes.len() + 1);
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if index >= ICALENDAR_LINES_MAX {
            return Err(ReadError::TooManyLines { max: ICALENDAR_LINES_MAX });
        }
        let line = match line {
            [b' ' | b'\t', rest @ ..] if joined.last() == Some(&b'\n') => {
                joined.pop();
                rest
            }
            line => line,
        };
        joined.extend(line.iter().filter(|byte| **byte == b'\t' || !byte.is_ascii_control()));
        joined.push(b'\n');
    }
    Ok(joined)
}

fn strip_name<'l>(line: &'l str, property: &str) -> Option<&'l str> {
    let (name, value) = line.split_once(':')?;
    name.eq_ignore_ascii_case(property).then(|| value.trim())
}

/// The name of a component, for an error: short, and only what such a name may hold.
fn component_name(name: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    name.chars().filter(plain).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_split_by_a_fold_is_whole_again() {
        let bytes = b"BEGIN:X\r\nSUMMARY:\xc3\r\n \xbc\r\nEND:X\r\n";
        assert_eq!(unfold(bytes).unwrap(), "BEGIN:X\nSUMMARY:ü\nEND:X\n\n");
    }

    #[test]
    fn what_does_not_end_is_not_taken_for_whole() {
        let error = |text: &str| unfold(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(error("BEGIN:VCALENDAR\nSUMM"), "component `VCALENDAR` does not end");
        assert_eq!(error("BEGIN:A\nEND:B\n"), "`END:B` closes no open component");
        assert_eq!(error("END:B\n"), "`END:B` closes no open component");
        assert_eq!(error("hello"), "no line begins a component; expected `BEGIN:VCALENDAR`");
    }
}
