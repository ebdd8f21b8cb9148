//! Between our terms and CalDAV's: where an entity belongs, what an object's address is, what its
//! etag is worth, what it shows. Pure.

use domain::{CalendarKey, Employee, Entity, Fingerprint, ItemKey, MirrorName, OriginTag};
use engine::port::{Content, ETag, Item, Placement, RemoteId, RemoteItem};
use ical::{EventHeader, ReadEvent, UtcStyle};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What stands unencoded in a path segment of ours: RFC 3986 §2.3 unreserved.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What an object's name ends with.
const SUFFIX: &str = ".ics";

/// Which collection an entity belongs to, below the connection's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Employee,
    Email,
    Group,
}

impl Template {
    /// Reads `{employee}/`, `rota/{group}/` and the like. A missing `/` at the end is added, and
    /// `./` is the connection's URL itself.
    ///
    /// # Errors
    /// What is wrong with it and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut whole = text.trim().to_owned();
        if !whole.ends_with('/') {
            whole.push('/');
        }
        if whole == "/" {
            whole = "./".into();
        }
        if whole.starts_with('/') || whole.contains("://") {
            let expected = "expected a path below the connection's URL, such as \"{employee}/\"";
            return Err(format!("`{text}` is absolute; {expected}"));
        }
        let mut parts = Vec::new();
        let mut rest = whole.as_str();
        while let Some(open) = rest.find('{') {
            push_literal(&mut parts, &rest[..open])?;
            let Some(close) = rest[open..].find('}') else {
                return Err(format!("`{text}` has a `{{` that is not closed"));
            };
            parts.push(match &rest[open + 1..open + close] {
                "employee" => Part::Employee,
                "email" => Part::Email,
                "group" => Part::Group,
                other => {
                    let known = "expected {employee}, {email} or {group}";
                    return Err(format!("`{{{other}}}` is no placeholder; {known}"));
                }
            });
            rest = &rest[open + close + 1..];
        }
        push_literal(&mut parts, rest)?;
        let empty = |part: &str| part.is_empty() || part == "..";
        if whole != "./" && whole.trim_end_matches('/').split('/').any(empty) {
            return Err(format!("`{text}` has an empty or a `..` segment"));
        }
        Ok(Self { parts, text: whole })
    }

    /// Whether every collection has this name: its last part, or all of it.
    pub fn is_called(&self, name: &str) -> bool {
        let plain = |text: &str| text.trim().trim_end_matches('/').to_lowercase();
        let (text, name) = (plain(&self.text), plain(name));
        let last = text.rsplit('/').next().unwrap_or_default();
        [last, &text].into_iter().any(|it| it == name && !it.contains('{'))
    }

    /// Whether every collection belongs to one employee.
    pub fn is_personal(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Employee | Part::Email => true,
            Part::Literal(_) | Part::Group => false,
        })
    }

    /// The one collection that it means.
    ///
    /// # Errors
    /// When it has placeholders.
    pub fn collection(&self) -> Result<CalendarKey, String> {
        if self.parts.iter().any(|part| !matches!(part, Part::Literal(_))) {
            return Err(format!("`{}` has placeholders; expected one collection", self.text));
        }
        CalendarKey::new(&self.text).map_err(|error| error.to_string())
    }

    /// As it was understood.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where `entity` belongs. The same arguments give the same answer.
    pub fn place(&self, entity: &Entity, employee: Option<&Employee>) -> Placement {
        let id = match entity {
            Entity::Shift(shift) => shift.employee.as_str(),
            Entity::TimeOff(time_off) => time_off.employee.as_str(),
            // It is nobody's yet.
            Entity::OpenShift(_) if !self.is_personal() => "",
            Entity::OpenShift(_)
            | Entity::Employee(_)
            | Entity::ScheduleGroup(_)
            | Entity::TimeOffReason(_) => return Placement::NotShown,
        };
        let mut path = String::with_capacity(self.text.len() + id.len());
        for part in &self.parts {
            match part {
                Part::Literal(text) => path.push_str(text),
                Part::Employee => push_plain(&mut path, id),
                Part::Email => match employee.and_then(|it| it.email.as_deref()) {
                    Some(email) => push_plain(&mut path, email),
                    None => return Placement::Unmapped("employee has no e-mail address".into()),
                },
                Part::Group => {
                    let own = employee.and_then(|it| it.group.as_ref());
                    match entity.group().or(own) {
                        Some(group) => push_plain(&mut path, group.as_str()),
                        None if matches!(entity, Entity::OpenShift(_)) => {
                            return Placement::NotShown;
                        }
                        None => return Placement::Unmapped("employee has no group".into()),
                    }
                }
            }
        }
        match CalendarKey::new(path) {
            Ok(key) => Placement::In(key),
            Err(error) => Placement::Unmapped(error.to_string()),
        }
    }
}

fn push_literal(parts: &mut Vec<Part>, text: &str) -> Result<(), String> {
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~' | '@' | '%');
    if let Some(character) = text.chars().find(|c| !allowed(*c)) {
        let expected = "expected letters a-z A-Z, digits, `-`, `_`, `.`, `~`, `@`, `/`, `%`";
        return Err(format!("{character:?} cannot stand in a collection; {expected}"));
    }
    if !text.is_empty() {
        parts.push(Part::Literal(text.to_owned()));
    }
    Ok(())
}

/// Appends `value` with everything but `A-Z a-z 0-9 _ -` as `-`, as contract.md promises. Two
/// values can become one: the planner refuses two employees in one calendar that is meant for one.
fn push_plain(path: &mut String, value: &str) {
    path.extend(value.chars().map(|c| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => c,
        _ => '-',
    }));
}

/// The `UID` of an item, which is also its name.
pub(super) fn uid(
    mirror: &MirrorName,
    calendar: &CalendarKey,
    item: &ItemKey,
    generation: u32,
) -> String {
    ical::object_uid(mirror, calendar, item, generation)
}

/// The name of the item with this `UID`.
pub(super) fn remote_id_of(mut uid: String) -> RemoteId {
    uid.push_str(SUFFIX);
    RemoteId(uid)
}

/// The path of an item in a collection; `collection` ends with `/`.
pub(super) fn item_path(collection: &str, remote: &RemoteId) -> String {
    let mut path = String::with_capacity(collection.len() + remote.0.len());
    path.push_str(collection);
    path.extend(utf8_percent_encode(&remote.0, SEGMENT));
    path
}

/// What an `href` in an answer means, seen from a collection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Member {
    /// The collection itself.
    Itself,
    /// An object directly in it.
    Object(RemoteId),
    /// A collection in it, an object that is no calendar object, or something elsewhere.
    Other,
}

/// Reads an `href`: a path or a URL, percent-encoded in whichever way.
///
/// A server behind a proxy may know itself under another path, so an object is also taken for a
/// member when only the last segment of the collection agrees.
pub(super) fn member(collection: &str, href: &str) -> Member {
    let path = match href.find("://") {
        Some(scheme) => match href[scheme + 3..].find('/') {
            Some(slash) => &href[scheme + 3 + slash..],
            None => "/",
        },
        None => href,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let (own, path) = (segments(collection), segments(path));
    if path == own {
        return Member::Itself;
    }
    let Some((name, above)) = path.split_last() else {
        return Member::Other;
    };
    let is_member =
        above == own.as_slice() || (above.last().is_some() && above.last() == own.last());
    let bare = above.is_empty() && !href.starts_with('/');
    if (is_member || bare) && name.ends_with(SUFFIX) && !href.ends_with('/') {
        Member::Object(RemoteId(name.clone()))
    } else {
        Member::Other
    }
}

/// The decoded segments of a path, without empty ones.
fn segments(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect()
}

/// An etag that can be a write precondition: a strong one. GMX gives weak ones on PUT, Bedework
/// percent-encoded ones, robur ones without quotes; those are worth nothing.
pub(super) fn strong_etag(text: &str) -> Option<ETag> {
    let text = text.trim();
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('"') && inner.bytes().all(|b| b > b' ' && b < 0x7f))
        .then(|| ETag(text.to_owned()))
}

/// The object that is stored for an item, and the fingerprint of what it shows. `None` for an
/// item that is no event.
pub(super) fn object(uid: &str, item: &Item) -> Option<(Vec<u8>, Fingerprint)> {
    let Item { content, origin, revision } = item;
    let event = match content {
        Content::Event(event) => event,
        Content::Schedule(_) => return None,
    };
    let header = EventHeader {
        uid,
        revised_at: revision.revised_at,
        sequence: revision.sequence,
        origin: Some(origin),
    };
    let mut bytes = Vec::with_capacity(1024);
    ical::write_object(&mut bytes, &header, event, UtcStyle::Rfc5545);
    Some((bytes, ical::representable(event).fingerprint()))
}

/// What is known of an item without reading it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    /// The mirror that asks.
    pub mirror: &'a MirrorName,
    /// Where the item stands.
    pub calendar: &'a CalendarKey,
    /// The item that it should be, and its generation.
    pub item: Option<(&'a ItemKey, u32)>,
}

/// What a stored object shows.
///
/// Its origin is the tag of an event whose `UID` is the one that the tag's mirror would give here:
/// clients copy events with every property they find, under a `UID` of their own, and such a copy
/// is no more ours than a tag that somebody made up. For a server that drops unknown properties,
/// the `UID` says it alone: if it is the one that we would give to the expected entity, the item
/// is ours. Then the entity's fingerprint is not known, and all zeros stand for it.
pub(super) fn remote_item(
    remote_id: RemoteId,
    etag: Option<ETag>,
    bytes: &[u8],
    expected: Expected<'_>,
) -> RemoteItem {
    let Expected { mirror, calendar, item } = expected;
    let events = ical::read_object(bytes).unwrap_or_default();
    let tagged = events.iter().find_map(|event| own_tag(event, calendar));
    let origin = tagged.cloned().or_else(|| {
        let (item, generation) = item?;
        let ours = uid(mirror, calendar, item, generation);
        let same = |event: &ReadEvent| event.uid.as_deref() == Some(ours.as_str());
        events.iter().any(same).then(|| OriginTag {
            mirror: mirror.clone(),
            key: item.entity.clone(),
            part: item.part,
            generation,
            entity: Fingerprint::from_bytes([0; 16]),
        })
    });
    let readable = || events.iter().filter_map(|event| event.event.as_ref().ok());
    let ends_at = readable().map(|event| event.span.is_over_at()).max();
    let span = if events.len() == 1 { readable().map(|event| event.span).next() } else { None };
    RemoteItem {
        remote_id,
        etag,
        origin,
        fingerprint: fingerprint(&events),
        natural_key: None,
        span,
        ends_at,
    }
}

/// The tag of an event, if the event's `UID` proves it.
pub(super) fn own_tag<'e>(event: &'e ReadEvent, calendar: &CalendarKey) -> Option<&'e OriginTag> {
    let tag = event.origin.as_ref()?;
    let OriginTag { mirror, key: _, part: _, generation, entity: _ } = tag;
    let proof = uid(mirror, calendar, &tag.item(), *generation);
    (event.uid.as_deref() == Some(proof.as_str())).then_some(tag)
}

/// What one plain event shows; several, recurring or cancelled ones are beyond our terms.
fn fingerprint(events: &[ReadEvent]) -> Option<Fingerprint> {
    match events {
        [
            ReadEvent {
                uid: _,
                sequence: _,
                origin: _,
                event: Ok(event),
                recurring: false,
                cancelled: false,
            },
        ] => Some(event.fingerprint()),
        _ => None,
    }
}
