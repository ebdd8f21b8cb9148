//! What a text may hold in iCalendar, and what happens to the rest.
//!
//! One decision per character (`Treatment`), used by the writer and by [`plain`], so that what
//! is written and what is expected to come back cannot drift apart.

use std::borrow::Cow;

/// What becomes of one character of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// Written as it is.
    Keep,
    /// Written behind a backslash.
    Escape,
    /// Written as `\n`.
    LineBreak,
    /// Left out.
    Drop,
}

/// Decides about one character (RFC 5545 §3.3.11, §3.1).
///
/// U+0085, U+2028 and U+2029 are line ends to every reader that splits lines by the Unicode
/// rules (Python's `splitlines` is one), and would cut a property in two; they mean a line break,
/// so they become one.
pub(crate) const fn treatment(c: char) -> Treatment {
    match c {
        ',' | ';' | '\\' => Treatment::Escape,
        '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => Treatment::LineBreak,
        '\t' => Treatment::Keep,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => Treatment::Drop,
        _ => Treatment::Keep,
    }
}

/// Whether a character that begins with this byte might not be kept as it is.
///
/// True for more than must be treated (`–` and `…` also begin with 0xE2), never for less; never
/// true in the middle of a character.
pub(crate) const fn is_suspect(byte: u8) -> bool {
    (byte < 0x20)
        | (byte == b',')
        | (byte == b';')
        | (byte == b'\\')
        | (byte == 0x7f)
        | (byte == 0xc2)
        | (byte == 0xe2)
}

/// Whether no byte is suspect; without early exit, so that it runs many bytes at a time.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    !bytes.iter().fold(false, |found, byte| found | is_suspect(*byte))
}

/// The text as it will come back: line ends as `\n`, no other control characters but tabs.
///
/// ```
/// assert_eq!(ical::text::plain("Late\r\nshift\u{7}"), "Late\nshift");
/// ```
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    let stays = |c: char| match treatment(c) {
        Treatment::Keep | Treatment::Escape => true,
        Treatment::LineBreak => c == '\n',
        Treatment::Drop => false,
    };
    if text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let kept = text.chars().filter_map(|c| match treatment(c) {
        Treatment::Keep | Treatment::Escape => Some(c),
        Treatment::LineBreak => Some('\n'),
        Treatment::Drop => None,
    });
    Cow::Owned(kept.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_that_is_treated_begins_with_a_suspect_byte() {
        for c in '\0'..=char::MAX {
            let mut buffer = [0; 4];
            let bytes = c.encode_utf8(&mut buffer).as_bytes();
            if treatment(c) != Treatment::Keep {
                assert!(is_suspect(bytes[0]), "{c:?}");
            }
            assert!(bytes[1..].iter().all(|byte| !is_suspect(*byte)), "{c:?}");
        }
    }

    #[test]
    fn unicode_line_ends_become_line_breaks() {
        assert_eq!(plain("a\u{2028}b\u{85}c\td"), "a\nb\nc\td");
    }
}
