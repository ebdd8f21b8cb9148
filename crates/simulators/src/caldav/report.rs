//! The reports of the played server: sync-collection, calendar-multiget and calendar-query.

use roxmltree::{Document, Node};

use super::Shared;
use super::calendars::{Calendars, Collection};
use super::options::{SyncSupport, TokenRefusal};
use super::protocol::{Reply, etag};
use super::xml::{Multistatus, decoded, encoded, error, escaped};

pub(super) fn answer(shared: &Shared, calendars: &Calendars, path: &str, body: &[u8]) -> Reply {
    let document = std::str::from_utf8(body).ok();
    let Some(document) = document.and_then(|text| Document::parse(text).ok()) else {
        return Reply::status(400);
    };
    let Some(collection) = calendars.collection(path) else {
        return Reply::status(404);
    };
    let root = document.root_element();
    match root.tag_name().name() {
        "sync-collection" => sync_collection(shared, path, collection, root),
        "calendar-multiget" if shared.options.multiget => multiget(path, collection, root),
        "calendar-query" if shared.options.query => query(path, collection, root),
        _ => Reply::xml(403, error("<d:supported-report/>")),
    }
}

/// The objects that overlap the query's time range, as they are stored. Times with a zone count as
/// if it were UTC, and series by their first occurrence.
fn query(path: &str, collection: &Collection, root: Node<'_, '_>) -> Reply {
    let range = root.descendants().find(|node| node.tag_name().name() == "time-range");
    let bound = |name: &str| range.and_then(|it| it.attribute(name)).unwrap_or_default();
    let (from, to) = (bound("start"), bound("end"));
    let mut told = Multistatus::new();
    for (name, object) in &collection.objects {
        let data = String::from_utf8_lossy(&object.data);
        let (start, end) = times(&data);
        // Written in full and in one form, times are in the order of their texts.
        if (to.is_empty() || start.as_str() < to) && end.as_str() > from {
            let properties = format!(
                "{}<cal:calendar-data>{}</cal:calendar-data>",
                etag_property(object.version),
                escaped(&data)
            );
            told.found(&encoded(&format!("{path}{name}")), &properties);
        }
    }
    Reply::xml(207, told.finish())
}

/// When the first event of an object starts and ends.
fn times(data: &str) -> (String, String) {
    let event = data.split("BEGIN:VEVENT").nth(1).unwrap_or_default();
    let value = |name: &str| {
        let line = event.lines().find(|it| it.starts_with(name))?;
        line.rsplit(':').next().map(|it| it.trim().to_owned())
    };
    let day_has = |at: String, time: &str| if at.len() == 8 { format!("{at}{time}") } else { at };
    let start = value("DTSTART").unwrap_or_default();
    let end = match value("DTEND") {
        Some(end) => day_has(end, "T000000Z"),
        None => day_has(start.clone(), "T240000Z"),
    };
    (day_has(start, "T000000Z"), end)
}

pub(super) fn token(collection: &Collection, place: usize) -> String {
    format!("urn:played:{}:{place}", collection.number)
}

pub(super) fn etag_property(version: u64) -> String {
    format!("<d:getetag>{}</d:getetag>", escaped(&etag(version)))
}

fn place_of(collection: &Collection, token: &str) -> Option<usize> {
    let rest = token.strip_prefix("urn:played:")?;
    let (number, place) = rest.split_once(':')?;
    let place = place.parse().ok()?;
    (number.parse() == Ok(collection.number) && collection.accepts(place)).then_some(place)
}

fn sync_collection(
    shared: &Shared,
    path: &str,
    collection: &Collection,
    root: Node<'_, '_>,
) -> Reply {
    let options = &shared.options;
    match options.sync {
        SyncSupport::Full | SyncSupport::AcceptsGarbage => {}
        SyncSupport::Refused => return Reply::xml(403, error("<d:supported-report/>")),
        SyncSupport::RefusedBare => return Reply::status(403),
    }
    let given = root
        .children()
        .find(|node| node.tag_name().name() == "sync-token")
        .and_then(|node| node.text())
        .unwrap_or_default();
    let place = match given {
        "" => 0,
        given => match place_of(collection, given) {
            Some(place) => place,
            None if options.sync == SyncSupport::AcceptsGarbage => collection.newest(),
            None => return refuse_token(options.token_refusal),
        },
    };
    let count_max = options.page_size.unwrap_or(usize::MAX);
    let found = collection.changes_after(place, count_max);
    let mut told = Multistatus::new();
    for change in found.changes {
        let href = encoded(&format!("{path}{}", change.name));
        match change.version {
            Some(version) => told.found(&href, &etag_property(version)),
            None => told.status(&href, "404 Not Found", ""),
        }
    }
    if found.is_cut {
        let reason = "<d:error><d:number-of-matches-within-limits/></d:error>";
        told.status(&encoded(path), "507 Insufficient Storage", reason);
    }
    told.sync_token(&token(collection, found.upto));
    Reply::xml(207, told.finish())
}

fn refuse_token(how: TokenRefusal) -> Reply {
    match how {
        TokenRefusal::Forbidden => Reply::xml(403, error("<d:valid-sync-token/>")),
        TokenRefusal::Precondition => Reply::xml(412, error("<d:valid-sync-token/>")),
        TokenRefusal::Crash => Reply::status(500),
    }
}

fn multiget(path: &str, collection: &Collection, root: Node<'_, '_>) -> Reply {
    let hrefs = root
        .children()
        .filter(|node| node.tag_name().name() == "href")
        .filter_map(|node| node.text());
    let mut told = Multistatus::new();
    for href in hrefs {
        let name = decoded(href);
        let name = name.as_deref().and_then(|it| it.strip_prefix(path));
        match name.and_then(|name| collection.objects.get(name)) {
            Some(object) => {
                let data = String::from_utf8_lossy(&object.data);
                let properties = format!(
                    "{}<cal:calendar-data>{}</cal:calendar-data>",
                    etag_property(object.version),
                    escaped(&data)
                );
                told.found(href, &properties);
            }
            None => told.status(href, "404 Not Found", ""),
        }
    }
    Reply::xml(207, told.finish())
}
