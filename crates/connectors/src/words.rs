//! Somebody else's words in our messages: one line, without control characters, not too long. What
//! is shown goes to logs and terminals, where a line break forges a line and an escape sequence
//! does worse.

use domain::limits::FOREIGN_CHARS_MAX;

/// The same, fit to be shown.
#[must_use]
pub fn plain(text: &str) -> String {
    shown(text, FOREIGN_CHARS_MAX)
}

/// The same with blanks for control characters, as many as they have bytes: places in it stay.
#[must_use]
pub fn blanked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for it in text.chars() {
        match is_control(it) && it != '\t' {
            true => shown.extend(std::iter::repeat_n(' ', it.len_utf8())),
            false => shown.push(it),
        }
    }
    shown
}

fn shown(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars();
    let mut shown = String::new();
    for it in chars.by_ref().take(chars_max) {
        match is_control(it) {
            true => shown.extend(it.escape_unicode()),
            false => shown.push(it),
        }
    }
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Also those that turn the order of what follows around, and breaks of lines and paragraphs.
fn is_control(it: char) -> bool {
    let turns = matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    it.is_control() || turns || matches!(it, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_stays_on_its_line() {
        assert_eq!(plain("Früh\n2026 ERROR"), "Früh\\u{a}2026 ERROR");
        assert_eq!(plain("\u{1b}[2J\u{202e}x"), "\\u{1b}[2J\\u{202e}x");
        assert_eq!(blanked("a\u{202e}b\tc\r"), "a   b\tc ");
        assert_eq!(plain(&"ä".repeat(300)).chars().count(), FOREIGN_CHARS_MAX + 1);
    }
}
