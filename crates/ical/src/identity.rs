//! Identifiers of written events: the same for ever for the same entity in the same place.
//!
//! They are name-based UUIDs (RFC 9562 §5.5), so they survive a lost store, and they say nothing
//! about people, hosts or organisations (RFC 7986 §5.3). They are not secrets: who knows the
//! parts can compute them.

use domain::{CalendarKey, EntityKey, ItemKey, MirrorName, RosterName};
use uuid::Uuid;

/// The name space of all our identifiers. Changing it would duplicate every event ever written.
const NAME_SPACE: Uuid = Uuid::from_u128(0x6e1d_92f4_0b5c_4c3e_9a57_3f0d_c8b2_71e6);

/// How the `UID` of an event in a feed looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UidStyle<'a> {
    /// A bare UUID.
    #[default]
    Opaque,
    /// A UUID, `@`, and the organisation's id, which some guides ask for. It tells every
    /// subscriber the organisation, against RFC 7986 §5.3.
    Organization(&'a str),
}

/// The `UID` of an item of an entity in the feeds of a roster.
///
/// ```
/// # use domain::{EntityId, EntityKey, EntityKind, RosterName};
/// let roster = RosterName::new("emea").unwrap();
/// let key = EntityKey { kind: EntityKind::Shift, id: EntityId::new("shft-81").unwrap() };
/// let key = domain::ItemKey::from(key);
/// let opaque = ical::feed_uid(&roster, &key, ical::UidStyle::Opaque);
/// assert_eq!(opaque, "26e0aa30-997c-5a01-b0ae-07dc86a7f10d");
/// let style = ical::UidStyle::Organization("acme");
/// assert_eq!(ical::feed_uid(&roster, &key, style), format!("{opaque}@acme"));
/// ```
#[must_use]
pub fn feed_uid(roster: &RosterName, item: &ItemKey, style: UidStyle<'_>) -> String {
    let ItemKey { entity: EntityKey { kind, id }, part } = item;
    let roster = roster.as_str();
    let uid = if part.is_main() {
        uid_for("feed/1", &[roster, kind.as_str(), id.as_str()])
    } else {
        uid_for("feed/2", &[roster, kind.as_str(), id.as_str(), &part.to_string()])
    };
    match style {
        UidStyle::Opaque => uid,
        UidStyle::Organization(organization) => format!("{uid}@{organization}"),
    }
}

/// The `UID` of an item's object in one calendar of a mirror; also good as its file name,
/// because it holds only `a`-`f`, digits and `-`.
///
/// The calendar is part of it, because some servers refuse one `UID` in two calendars of one
/// person; the generation is, because some never free the `UID` of a deleted object.
///
/// ```
/// # use domain::{CalendarKey, EntityId, EntityKey, EntityKind, MirrorName};
/// let mirror = MirrorName::new("ward-caldav").unwrap();
/// let calendar = CalendarKey::new("ward/anna").unwrap();
/// let key = EntityKey { kind: EntityKind::Shift, id: EntityId::new("shft-81").unwrap() };
/// let uid = ical::object_uid(&mirror, &calendar, &key.into(), 0);
/// assert_eq!(uid, "6777449a-c6d7-5753-aac6-5b4a8bf37ad7");
/// ```
#[must_use]
pub fn object_uid(
    mirror: &MirrorName,
    calendar: &CalendarKey,
    item: &ItemKey,
    generation: u32,
) -> String {
    let ItemKey { entity: EntityKey { kind, id }, part } = item;
    let generation = generation.to_string();
    let words = [mirror.as_str(), calendar.as_str(), kind.as_str(), id.as_str(), &generation];
    if part.is_main() {
        return uid_for("object/1", &words);
    }
    let part = part.to_string();
    uid_for("object/2", &[words.as_slice(), &[&part]].concat())
}

/// A deterministic UUID over `parts`; `domain` keeps different uses apart.
///
/// Each part is preceded by its length, so that no two different lists run together.
#[must_use]
pub fn uid_for(domain: &'static str, parts: &[&str]) -> String {
    let mut name = Vec::with_capacity(128);
    for part in std::iter::once(&domain).chain(parts) {
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&NAME_SPACE, &name).hyphenated().to_string()
}

#[cfg(test)]
mod tests {
    use domain::{EntityId, EntityKind, Part};

    use super::*;

    /// Computed with Python's `hashlib`. A change here duplicates every event ever written.
    #[test]
    fn identifiers_never_change() {
        let roster = RosterName::new("emea").unwrap();
        let mirror = MirrorName::new("ward-caldav").unwrap();
        let calendar = CalendarKey::new("ward/anna").unwrap();
        let entity = EntityKey { kind: EntityKind::Shift, id: EntityId::new("shft-81").unwrap() };
        let key = ItemKey::from(entity.clone());
        let feed = "26e0aa30-997c-5a01-b0ae-07dc86a7f10d";
        assert_eq!(feed_uid(&roster, &key, UidStyle::Opaque), feed);
        let style = UidStyle::Organization("acme");
        assert_eq!(feed_uid(&roster, &key, style), format!("{feed}@acme"));
        let object = "6777449a-c6d7-5753-aac6-5b4a8bf37ad7";
        assert_eq!(object_uid(&mirror, &calendar, &key, 0), object);
        assert_ne!(object_uid(&mirror, &calendar, &key, 1), object);
        let block = ItemKey { entity, part: Part::Block(1) };
        assert_ne!(object_uid(&mirror, &calendar, &block, 0), object);
        assert_ne!(feed_uid(&roster, &block, UidStyle::Opaque), feed);
    }

    #[test]
    fn neighbouring_parts_do_not_run_together() {
        assert_ne!(uid_for("t", &["ab", "c"]), uid_for("t", &["a", "bc"]));
        assert_ne!(uid_for("t", &["a"]), uid_for("t", &["a", ""]));
        assert_eq!(uid_for("t", &["a", "b"]), uid_for("t", &["a", "b"]));
    }

    #[test]
    fn the_alphabet_is_safe_in_a_file_name() {
        let uid = uid_for("t", &["Åsa Öberg/../7"]);
        assert_eq!(uid.len(), 36);
        assert!(uid.bytes().all(|b| matches!(b, b'a'..=b'f' | b'0'..=b'9' | b'-')), "{uid}");
    }
}
