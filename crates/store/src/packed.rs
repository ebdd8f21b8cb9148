//! Reading many rows from one text, and writing many as one JSON text.
//!
//! Records are separated by U+001E, fields by U+001F; identifiers hold no control characters, and
//! JSON escapes them, so no value can be mistaken for a separator.

use domain::{EntityId, EntityKey, Fingerprint};
use jiff::Timestamp;

use crate::fault::Fault;

/// What separates records.
pub(crate) const RECORD: char = '\u{1e}';
/// What separates the fields of a record.
pub(crate) const FIELD: char = '\u{1f}';

/// The records of a text that [`crate::sql::packed`] made.
pub(crate) fn records(text: &str) -> impl Iterator<Item = Fields<'_>> {
    let mut rest = (!text.is_empty()).then_some(text);
    std::iter::from_fn(move || {
        let (record, after) = cut(rest?, RECORD);
        rest = after;
        Some(Fields { record, rest: Some(record) })
    })
}

/// What stands before a separator, and what after it.
fn cut(text: &str, separator: char) -> (&str, Option<&str>) {
    let at = memchr::memchr(separator as u8, text.as_bytes());
    let parts = at.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?)));
    parts.map_or((text, None), |(before, after)| (before, Some(after)))
}

/// The fields of one record, taken one after the other.
pub(crate) struct Fields<'t> {
    record: &'t str,
    rest: Option<&'t str>,
}

impl<'t> Fields<'t> {
    /// The next field; empty for a null.
    pub fn text(&mut self) -> Result<&'t str, Fault> {
        let rest = self.rest.ok_or_else(|| self.corrupt("record", "it has too few fields"))?;
        let (field, rest) = cut(rest, FIELD);
        self.rest = rest;
        Ok(field)
    }

    /// The last field, whatever it holds.
    pub fn last(&mut self) -> Result<&'t str, Fault> {
        self.rest.take().ok_or_else(|| self.corrupt("record", "it has too few fields"))
    }

    /// The next field, unless it is a null.
    pub fn maybe(&mut self) -> Result<Option<&'t str>, Fault> {
        Ok(Some(self.text()?).filter(|text| !text.is_empty()))
    }

    /// The next field as whatever it should be.
    pub fn parse<T>(&mut self, what: &'static str) -> Result<T, Fault>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let text = self.text()?;
        text.parse().map_err(|error| self.corrupt(what, error))
    }

    /// The next field as an identifier.
    pub fn id<T, E: std::fmt::Display>(
        &mut self,
        what: &'static str,
        make: impl FnOnce(&'t str) -> Result<T, E>,
    ) -> Result<T, Fault> {
        let text = self.text()?;
        make(text).map_err(|error| self.corrupt(what, error))
    }

    /// The next two fields as kind and id.
    pub fn key(&mut self) -> Result<EntityKey, Fault> {
        Ok(EntityKey {
            kind: self.parse("kind of entity")?,
            id: self.id("entity id", EntityId::new)?,
        })
    }

    /// The next field as an instant, unless it is a null.
    pub fn maybe_instant(&mut self) -> Result<Option<Timestamp>, Fault> {
        let Some(text) = self.maybe()? else {
            return Ok(None);
        };
        let instant = text.parse().ok().and_then(|ms| instant(ms).ok());
        instant
            .map(Some)
            .ok_or_else(|| self.corrupt("instant", format_args!("`{text}` is out of range")))
    }

    /// The next field as an instant.
    pub fn instant(&mut self) -> Result<Timestamp, Fault> {
        self.maybe_instant()?.ok_or_else(|| self.corrupt("instant", "it is missing"))
    }

    /// The next field as a fingerprint, unless it is a null.
    pub fn maybe_fingerprint(&mut self) -> Result<Option<Fingerprint>, Fault> {
        let Some(text) = self.maybe()? else {
            return Ok(None);
        };
        from_hex(text)
            .map(Some)
            .ok_or_else(|| self.corrupt("fingerprint", "it has not 32 hexadecimal digits"))
    }

    /// The next field as a fingerprint.
    pub fn fingerprint(&mut self) -> Result<Fingerprint, Fault> {
        self.maybe_fingerprint()?.ok_or_else(|| self.corrupt("fingerprint", "it is missing"))
    }

    /// A fault that names this record by its first two fields, which are its key.
    pub fn corrupt(&self, what: &'static str, detail: impl std::fmt::Display) -> Fault {
        let mut fields = self.record.split(FIELD);
        let place = [fields.next(), fields.next()].map(Option::unwrap_or_default);
        Fault::corrupt(what, place.join("/"), detail)
    }
}

/// Milliseconds since the epoch, as instants are stored.
pub(crate) fn instant(milliseconds: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_millisecond(milliseconds)
        .map_err(|error| Fault::corrupt("instant", milliseconds.to_string(), error))
}

/// The end of an interval as it is stored: the first whole millisecond at or after it, so that an
/// interval never becomes shorter, nor empty.
pub(crate) fn millisecond_after(instant: Timestamp) -> i64 {
    let rest = instant.as_nanosecond().rem_euclid(1_000_000);
    let floor = instant.as_nanosecond().div_euclid(1_000_000);
    i64::try_from(floor).unwrap_or(i64::MAX).saturating_add(i64::from(rest != 0))
}

/// Rows as the JSON text that [`crate::sql::over_rows`] opens.
pub(crate) fn rows<T: serde::Serialize>(rows: &[T]) -> Result<String, Fault> {
    serde_json::to_string(rows).map_err(|error| Fault::corrupt("row", "a write".into(), error))
}

/// A text that both databases take and no separator is found in: control characters replaced.
/// For free text only; identifiers hold none.
pub(crate) fn printable(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains(char::is_control) {
        text.replace(char::is_control, "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// The 32 digits of a fingerprint; `Display` formats byte by byte, this is ten times as fast.
pub(crate) fn to_hex(fingerprint: &Fingerprint) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(32);
    for byte in fingerprint.as_bytes() {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// What each byte is worth as a hexadecimal digit; 255 for what is none.
const DIGIT: [u8; 256] = {
    let mut worth = [255; 256];
    let mut digit = 0;
    while digit < 16 {
        worth[b"0123456789abcdef"[digit] as usize] = digit as u8;
        worth[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    worth
};

pub(crate) fn from_hex(text: &str) -> Option<Fingerprint> {
    let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
    let (mut bytes, mut seen) = ([0; 16], 0);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (DIGIT[usize::from(pair[0])], DIGIT[usize::from(pair[1])]);
        seen |= high | low;
        *byte = high << 4 | low;
    }
    (seen < 16).then(|| Fingerprint::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use domain::Fingerprinter;

    use super::*;

    #[test]
    fn a_fingerprint_survives_its_digits_in_either_case() {
        let print = Fingerprinter::new("test").finish();
        assert_eq!(to_hex(&print), print.to_string());
        assert_eq!(from_hex(&to_hex(&print)), Some(print));
        assert_eq!(from_hex(&to_hex(&print).to_uppercase()), Some(print));
        assert_eq!(from_hex(&"g".repeat(32)), None);
        assert_eq!(from_hex("ab"), None);
    }

    #[test]
    fn records_and_nulls_are_told_apart() {
        let text = "shift\u{1f}a\u{1f}\u{1e}shift\u{1f}b\u{1f}7";
        let read: Vec<_> = records(text)
            .map(|mut fields| {
                let key = fields.key().unwrap().to_string();
                (key, fields.maybe().unwrap())
            })
            .collect();
        assert_eq!(read, [("shift/a".into(), None), ("shift/b".into(), Some("7"))]);
        assert_eq!(records("").count(), 0);
    }

    #[test]
    fn a_bad_record_is_named_by_its_key() {
        let mut fields = records("shift\u{1f}a\u{1f}x").next().unwrap();
        fields.key().unwrap();
        let fault = fields.instant().unwrap_err().during("read").to_string();
        assert_eq!(fault, "store holds an unreadable instant at shift/a: `x` is out of range");
    }
}
