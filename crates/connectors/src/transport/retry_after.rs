//! `Retry-After` and HTTP dates (RFC 9110 §10.2.3, §5.6.7).

use std::time::Duration;

use domain::limits::RETRY_AFTER_MAX;
use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::Timestamp;

/// Reads how long the other side asks to wait, as seconds (also with a fraction, which Graph
/// sends) or as a date compared with `now`. A date that has passed is a wait of nothing.
///
/// `None` when the header is absent or unreadable. At most [`RETRY_AFTER_MAX`].
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<f64>() {
        // `try_from` refuses what is negative, infinite or no number.
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => {
            let until = http_date(text)?;
            Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO)
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// Reads a date of a header, in the one form that may be sent (`Sun, 06 Nov 1994 08:49:37 GMT`).
#[must_use]
pub fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(header: &str, expected: Option<u64>) {
        let now = "2026-11-21T03:00:00Z".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(header).unwrap());
        let expected = expected.map(Duration::from_millis);
        assert_eq!(retry_after(&headers, now), expected, "{header:?}");
    }

    #[test]
    fn seconds_fractions_and_dates_are_read() {
        check("0", Some(0));
        check("120", Some(120_000));
        check(" 2.128 ", Some(2_128));
        check("Sat, 21 Nov 2026 03:00:07 GMT", Some(7_000));
        check("Sat, 21 Nov 2026 02:59:00 GMT", Some(0));
    }

    #[test]
    fn nonsense_is_no_wait_and_a_huge_one_is_cut() {
        for text in ["", "soon", "-1", "NaN", "inf", "1e400"] {
            check(text, None);
        }
        check("86400000", Some(RETRY_AFTER_MAX.as_millis() as u64));
        check("Sat, 21 Nov 2099 03:00:00 GMT", Some(RETRY_AFTER_MAX.as_millis() as u64));
    }

    #[test]
    fn an_absent_header_is_no_wait() {
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::UNIX_EPOCH), None);
    }
}
