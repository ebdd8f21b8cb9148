//! What a request's headers ask for: only if changed, and in which encoding. Pure.
//!
//! RFC 9110: §12.5.3 `Accept-Encoding`, §13.1.2 `If-None-Match`, §13.1.3 `If-Modified-Since`.
//! A header that cannot be read is as if it were not there, so that a feed is rather sent once
//! too often than not at all.

use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use jiff::Timestamp;

/// Whether the client takes gzip: it says so, by name or by `*`, and not with `q=0`.
#[must_use]
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut by_name = None;
    let mut by_star = None;
    let lines = headers.get_all(ACCEPT_ENCODING).iter();
    for item in lines.filter_map(text).flat_map(|line| line.split(',')) {
        let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
        let wanted = !is_zero(parameters);
        match coding.trim() {
            "*" => by_star = Some(wanted),
            coding if is_gzip(coding) => by_name = Some(wanted),
            _ => {}
        }
    }
    by_name.or(by_star).unwrap_or(false)
}

fn is_gzip(coding: &str) -> bool {
    // RFC 9110 §8.4.1.3: a recipient treats `x-gzip` as the same.
    coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip")
}

/// Whether a weight is zero: `q=0`, `q=0.0` …
fn is_zero(parameters: &str) -> bool {
    parameters.split(';').any(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim();
        name.trim().eq_ignore_ascii_case("q")
            && value.starts_with('0')
            && value.bytes().all(|byte| matches!(byte, b'0' | b'.'))
    })
}

/// What the client has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<'e> {
    /// Nothing that is current: send everything.
    Nothing,
    /// The current content, under this entity tag.
    Tag(&'e HeaderValue),
    /// The current content, whichever it is.
    Current,
}

/// Compares what the client has with the current `etags` and the time of the last change.
///
/// `If-None-Match` is compared weakly, as §13.1.2 asks, and where it stands
/// `If-Modified-Since` is not looked at.
#[must_use]
pub fn known<'e>(
    headers: &HeaderMap,
    etags: &[&'e HeaderValue],
    modified_at: Option<Timestamp>,
) -> Known<'e> {
    let mut lines = headers.get_all(IF_NONE_MATCH).iter().peekable();
    if lines.peek().is_none() {
        let unchanged = modified_at
            .zip(headers.get(IF_MODIFIED_SINCE).and_then(instant))
            .is_some_and(|(modified_at, since)| modified_at.as_second() <= since.as_second());
        return if unchanged { Known::Current } else { Known::Nothing };
    }
    for line in lines {
        if let Some(etag) = etags.iter().find(|etag| **etag == line) {
            return Known::Tag(etag);
        }
        let Some(line) = text(line) else { continue };
        if line.trim() == "*" {
            return Known::Current;
        }
        let mut tags = EntityTags(line);
        let current = |tag: &str| etags.iter().find(|etag| etag.as_bytes() == tag.as_bytes());
        if let Some(etag) = tags.find_map(current) {
            return Known::Tag(etag);
        }
    }
    Known::Nothing
}

/// The opaque tags of a list, quotes included, `W/` left out. Ends at what cannot be read.
struct EntityTags<'a>(&'a str);

impl<'a> Iterator for EntityTags<'a> {
    type Item = &'a str;
    fn next(&mut self) -> Option<&'a str> {
        let list = self.0.trim_start_matches(|c: char| c == ',' || c.is_ascii_whitespace());
        let tag = list.strip_prefix("W/").unwrap_or(list);
        let inner = tag.strip_prefix('"')?;
        // A tag may hold a comma, so the list is not split at commas.
        let end = inner.find('"')? + 2;
        self.0 = &tag[end..];
        Some(&tag[..end])
    }
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

/// An HTTP date in any of its three forms.
fn instant(value: &HeaderValue) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(text(value)?).ok()?;
    Timestamp::try_from(date).ok()
}

/// `instant` as an HTTP date, to the second; `None` outside the years that it can write.
#[must_use]
pub fn http_date(instant: Timestamp) -> Option<HeaderValue> {
    let second = u64::try_from(instant.as_second()).ok()?;
    let since = std::time::Duration::from_secs(second);
    let date = std::time::SystemTime::UNIX_EPOCH.checked_add(since)?;
    HeaderValue::try_from(httpdate::fmt_http_date(date)).ok()
}

#[cfg(test)]
mod tests {
    use http::header::HeaderName;

    use super::*;

    fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let check = |lines: &[&str], expected: bool| {
            let headers = headers(ACCEPT_ENCODING, lines);
            assert_eq!(accepts_gzip(&headers), expected, "{lines:?}");
        };
        check(&[], false);
        check(&["gzip"], true);
        check(&["deflate, GZIP;q=0.5, br"], true);
        check(&["deflate", "x-gzip"], true);
        check(&["*"], true);
        check(&["br, *;q=0.1"], true);
        check(&["gzip;q=0"], false);
        check(&["gzip; q=0.000, *"], false);
        check(&["gzip;q=0.001"], true);
        check(&["*;q=0, gzip"], true);
        check(&["identity"], false);
        check(&["gzipped"], false);
    }

    #[test]
    fn entity_tags_are_compared_weakly_and_in_lists() {
        let plain = HeaderValue::from_static("\"abc\"");
        let gzip = HeaderValue::from_static("\"abc-gzip\"");
        let check = |lines: &[&str], expected: Known<'_>| {
            let headers = headers(IF_NONE_MATCH, lines);
            assert_eq!(known(&headers, &[&plain, &gzip], None), expected, "{lines:?}");
        };
        check(&["\"abc\""], Known::Tag(&plain));
        check(&["W/\"abc\""], Known::Tag(&plain));
        check(&["\"x\", W/\"y,z\" ,,\"abc-gzip\""], Known::Tag(&gzip));
        check(&["\"x\"", "\"abc\""], Known::Tag(&plain));
        check(&["*"], Known::Current);
        check(&["\"ab\""], Known::Nothing);
        check(&["abc"], Known::Nothing);
        check(&["\"abc"], Known::Nothing);
        check(&["w/\"abc\""], Known::Nothing);
        check(&[""], Known::Nothing);
    }

    #[test]
    fn a_date_counts_only_without_entity_tags() {
        let plain = HeaderValue::from_static("\"abc\"");
        let modified_at: Timestamp = "1994-11-06T08:49:37.9Z".parse().unwrap();
        let check = |line: &str, expected: Known<'_>| {
            let headers = headers(IF_MODIFIED_SINCE, &[line]);
            let found = known(&headers, &[&plain], Some(modified_at));
            assert_eq!(found, expected, "{line}");
        };
        check("Sun, 06 Nov 1994 08:49:37 GMT", Known::Current);
        check("Sunday, 06-Nov-94 08:49:37 GMT", Known::Current);
        check("Sun Nov  6 08:49:37 1994", Known::Current);
        check("Sun, 06 Nov 1994 08:49:36 GMT", Known::Nothing);
        check("yesterday", Known::Nothing);
        let mut both = headers(IF_MODIFIED_SINCE, &["Sun, 06 Nov 2050 08:49:37 GMT"]);
        both.insert(IF_NONE_MATCH, HeaderValue::from_static("\"other\""));
        assert_eq!(known(&both, &[&plain], Some(modified_at)), Known::Nothing);
        assert_eq!(http_date(modified_at).unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
