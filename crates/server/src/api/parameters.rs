//! Parameters of a query, read strictly: a name that is not known is an error, because a filter
//! that is misspelt must not give out everything.

use domain::UtcInterval;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::dispatch::Refused;
use crate::error::Code;

/// The parameters of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads those that are `known`.
    pub fn read(query: &str, known: &[&str]) -> Result<Self, Refused> {
        let mut found: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if !known.contains(&name.as_str()) {
                let known = known.join(", ");
                let message = format!("is not known here; known are {known}");
                return Err(Refused::at(Code::InvalidParameter, shortened(&name), message));
            }
            if found.iter().any(|(it, _)| *it == name) {
                return Err(Refused::at(Code::InvalidParameter, name, "stands there twice"));
            }
            found.push((name, value));
        }
        Ok(Self(found))
    }

    /// The value of one.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// A number within bounds.
    pub fn number(&self, name: &str, (least, most): (u64, u64)) -> Result<Option<u64>, Refused> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        let number = text.parse().ok().filter(|it| digits && (least..=most).contains(it));
        let bad = || {
            let message = format!("expected a whole number from {least} to {most}");
            Refused::at(Code::InvalidParameter, name, message)
        };
        number.map(Some).ok_or_else(bad)
    }

    /// An instant. A `+` that was not encoded counts as one.
    pub fn instant(&self, name: &str) -> Result<Option<Timestamp>, Refused> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let instant = text.replace(' ', "+").parse();
        let bad = |_: jiff::Error| {
            let message = "expected an instant such as 2026-11-21T06:00:00Z";
            Refused::at(Code::InvalidParameter, name, message)
        };
        instant.map(Some).map_err(bad)
    }

    /// All but these, encoded as a query.
    pub fn without(&self, names: &[&str]) -> String {
        let mut query = String::new();
        for (name, value) in self.0.iter().filter(|(it, _)| !names.contains(&it.as_str())) {
            query.push_str(name);
            query.push('=');
            query.extend(percent_encoding::utf8_percent_encode(
                value,
                percent_encoding::NON_ALPHANUMERIC,
            ));
            query.push('&');
        }
        query
    }
}

/// A window, or what is left of one whose ends are the wrong way round: nothing.
pub(super) fn window(start: Timestamp, end: Timestamp) -> Option<UtcInterval> {
    UtcInterval::new(start, end).ok()
}

fn shortened(name: &str) -> String {
    name.chars().take(40).collect::<String>().escape_debug().to_string()
}

fn decode(text: &str) -> Result<String, Refused> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded
        .map(Into::into)
        .map_err(|_| Refused::at(Code::InvalidParameter, "query", "holds bytes that are no UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["userId", "pageSize", "windowStart"];

    #[test]
    fn what_is_misspelt_doubled_or_no_text_is_refused() {
        let read = |query: &str| Parameters::read(query, &KNOWN).map_err(|it| it.details);
        let both = read("userId=a%20b+c&pageSize=7").unwrap();
        assert_eq!(both.text("userId"), Some("a b c"));
        assert_eq!(both.number("pageSize", (1, 9)).unwrap(), Some(7));
        assert_eq!(both.without(&["pageSize"]), "userId=a%20b%20c&");
        assert!(both.number("pageSize", (1, 6)).is_err());
        for bad in ["userID=a", "userId=a&userId=b", "userId=%ff"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_offset_needs_no_encoding() {
        let of = |value: &str| {
            let query = format!("windowStart={value}");
            let parameters = Parameters::read(&query, &KNOWN).unwrap();
            parameters.instant("windowStart").map_err(|_| ())
        };
        let expected = "2026-11-21T05:00:00Z".parse().ok();
        assert_eq!(of("2026-11-21T06:00:00+01:00"), Ok(expected));
        assert_eq!(of("2026-11-21T06:00:00%2B01:00"), Ok(expected));
        assert_eq!(of("yesterday"), Err(()));
    }
}
