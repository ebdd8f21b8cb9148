//! What a log line may say of calendars and people: nothing but a mark that can be searched for.
//!
//! A calendar's key may hold a name or an e-mail address, and what a server or a network says of
//! a failure may quote both. Commands show them to whoever asks; the log, which is collected and
//! kept elsewhere, shows [`mark`]s instead. `status --json`, `sync --json` and `explain` show the
//! mark beside the key, so that a line of the log leads to its calendar.

pub use engine::overview::mark;

/// `text` with marks instead of `key`, of e-mail addresses and of what follows the host in URLs.
pub fn without(key: &str, text: &str) -> String {
    // With and without the slash that some keys end with, and as a URL spells it.
    let bare = key.trim_matches('/');
    let mut text = text.to_owned();
    for spelling in [key, bare] {
        if !spelling.is_empty() {
            text = text.replace(spelling, &mark(key));
        }
    }
    impersonal(&text)
}

/// `text` with marks instead of e-mail addresses and of what follows the host in URLs.
pub fn impersonal(text: &str) -> String {
    let is_border = |c: char| c.is_whitespace() || "`'\"()<>,;".contains(c);
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c| !is_border(c)) {
        kept.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(is_border).unwrap_or(rest.len());
        kept.push_str(&word(&rest[..end]));
        rest = &rest[end..];
    }
    kept.push_str(rest);
    kept
}

fn word(word: &str) -> String {
    if let Some((scheme, rest)) = word.split_once("://") {
        let (host, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        return match path {
            "" | "/" => format!("{scheme}://{host}{path}"),
            _ => format!("{scheme}://{host}/{}", mark(path)),
        };
    }
    let is_address = word.contains('@') || word.contains("%40");
    if is_address { mark(word.trim_end_matches(['.', ':'])) } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_calendars_and_paths_become_marks_and_the_rest_stays() {
        let key = "anna.berg@example.com/";
        let said = "cannot put an item into `anna.berg@example.com/`: HTTP 403: see \
            http://anna@dav.example.com:8080/cal/anna.berg%40example.com/x.ics (forbidden)";
        let kept = without(key, said);
        assert!(kept.starts_with(&format!("cannot put an item into `{}`: HTTP 403", mark(key))));
        assert!(kept.contains("http://dav.example.com:8080/cal-"), "{kept}");
        assert!(kept.ends_with(" (forbidden)"), "{kept}");
        for personal in ["anna", "berg", "%40", "@"] {
            assert!(!kept.contains(personal), "{personal}: {kept}");
        }
        let plain = "the store's version is 3; expected 4 (see `migrate`)";
        assert_eq!(impersonal(plain), plain);
        assert_eq!(impersonal(" bo@example.com: "), format!(" {} ", mark("bo@example.com")));
    }
}
