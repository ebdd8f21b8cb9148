//! From what the store keeps to what clients see, a hundred times per request.
//!
//! Shifts are by far the most of what is read. Their texts and instants stand in the store as
//! clients get them, so they are copied from one JSON to the other without being read first; a
//! test compares that with the long way. A shift that stands there in another form, by a version
//! of ours that writes its fields in another order, goes the long way.

use domain::EntityKind;
use engine::port::StoredEntity;
use jiff::Timestamp;

use super::dispatch::Refused;
use super::wire::{self, Schedule};

/// Room for a shift of a few activities.
const ENTITY_BYTES: usize = 400;
/// Room for what stands after the entities.
const END_BYTES: usize = 512;

/// The entities of a page as clients see them, one after the other.
#[derive(Debug)]
pub(super) struct Shown {
    out: Vec<u8>,
    first: bool,
    /// What says which version of a shift it is, and of when: the same for most of a page.
    latest: (u32, Timestamp, String),
}

impl Shown {
    /// Writes on after what is there, with room for so many entities.
    pub fn after(begin: &[u8], entities: usize) -> Self {
        let mut out = Vec::with_capacity(begin.len() + entities * ENTITY_BYTES + END_BYTES);
        out.extend_from_slice(begin);
        Self { out, first: true, latest: (0, Timestamp::UNIX_EPOCH, String::new()) }
    }

    /// Writes one.
    pub fn add(&mut self, kind: EntityKind, stored: &StoredEntity) -> Result<(), Refused> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        if kind == EntityKind::Shift && self.copy_shift(stored) {
            return Ok(());
        }
        let entity = wire::read(kind, &stored.body)?;
        self.out.extend(Schedule::of(&entity, stored.version, stored.changed_at).json());
        Ok(())
    }

    /// Goes the short way, if it can be gone.
    fn copy_shift(&mut self, stored: &StoredEntity) -> bool {
        let StoredEntity { version, changed_at, body, .. } = stored;
        let (of_version, of, latest) = &mut self.latest;
        if latest.is_empty() || (*of_version, *of) != (*version, *changed_at) {
            let kind = EntityKind::Shift.as_str();
            *latest = format!(r#","kind":"{kind}","version":{version},"changedAt":"{changed_at}""#);
            (*of_version, *of) = (*version, *changed_at);
        }
        let begin = self.out.len();
        let copied = Copying { rest: body, out: &mut self.out }.shift(latest).is_some();
        if !copied {
            self.out.truncate(begin);
        }
        copied
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }
}

/// On the way through the JSON of a [`domain::Entity::Shift`] as serde writes it; nothing where it
/// is not as expected.
struct Copying<'a> {
    rest: &'a str,
    out: &'a mut Vec<u8>,
}

impl Copying<'_> {
    /// Writes the fields of [`Schedule`] in its order.
    fn shift(&mut self, latest: &str) -> Option<()> {
        self.becomes(r#"{"kind":"shift","id":"#, r#"{"id":"#)?;
        self.text()?;
        self.out.extend_from_slice(latest.as_bytes());
        self.becomes(r#","employee":"#, r#","userId":"#)?;
        self.text()?;
        self.optional(r#","group":"#, r#","scheduleGroupId":"#)?;
        self.becomes(r#","label":"#, r#","label":"#)?;
        self.text()?;
        self.interval()?;
        self.becomes(r#","day":"#, r#","day":"#)?;
        self.text()?;
        self.becomes(r#","activities":["#, r#","activities":["#)?;
        if !self.rest.starts_with(']') {
            self.activity()?;
            while self.becomes(",", ",").is_some() {
                self.activity()?;
            }
        }
        self.becomes("]", "]")?;
        self.optional(r#","notes":"#, r#","notes":"#)?;
        self.becomes("}", "}")?;
        self.rest.is_empty().then_some(())
    }

    fn activity(&mut self) -> Option<()> {
        self.becomes(r#"{"label":"#, r#"{"label":"#)?;
        self.text()?;
        self.interval()?;
        for paid in [r#","paid":true}"#, r#","paid":false}"#] {
            if self.becomes(paid, paid).is_some() {
                return Some(());
            }
        }
        None
    }

    fn interval(&mut self) -> Option<()> {
        self.becomes(r#","interval":{"start":"#, r#","start":"#)?;
        self.text()?;
        self.becomes(r#","end":"#, r#","end":"#)?;
        self.text()?;
        self.becomes("}", "")
    }

    /// A field that is left out where it is null.
    fn optional(&mut self, kept: &str, shown: &str) -> Option<()> {
        let value = self.rest.strip_prefix(kept)?;
        match value.strip_prefix("null") {
            Some(rest) => {
                self.rest = rest;
                Some(())
            }
            None => {
                self.becomes(kept, shown)?;
                self.text()
            }
        }
    }

    /// What stands here, as clients see it.
    fn becomes(&mut self, kept: &str, shown: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(kept)?;
        self.out.extend_from_slice(shown.as_bytes());
        Some(())
    }

    /// A text with its quotes, copied as it is escaped.
    fn text(&mut self) -> Option<()> {
        let bytes = self.rest.as_bytes();
        if bytes.first() != Some(&b'"') {
            return None;
        }
        let mut at = 1;
        loop {
            match *bytes.get(at)? {
                b'"' => break,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        let (text, rest) = self.rest.split_at_checked(at + 1)?;
        self.out.extend_from_slice(text.as_bytes());
        self.rest = rest;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use domain::{Activity, Entity, ScheduleGroupId, Shift};
    use testkit::builders::{hours, midnight, shift};

    use super::*;

    fn stored(body: String) -> StoredEntity {
        StoredEntity {
            id: "s1".into(),
            ends_at_ms: 0,
            starts_at_ms: 0,
            version: 3,
            changed_at: midnight(),
            body: body.into(),
        }
    }

    #[test]
    fn what_stands_there_in_another_form_is_read_the_long_way() {
        let entity = Entity::Shift(shift("s1", "ada", 6));
        let mut fields = serde_json::to_value(&entity).unwrap();
        fields["unknown"] = "of a later version".into();
        let stored = stored(serde_json::to_string_pretty(&fields).unwrap());
        let mut shown = Shown::after(b"[", 1);
        assert!(!shown.copy_shift(&stored));
        shown.add(EntityKind::Shift, &stored).unwrap();
        let long = Schedule::of(&entity, 3, midnight()).json();
        assert_eq!(shown.into_bytes(), [b"[".as_slice(), &long].concat());
    }

    #[test]
    fn the_short_way_says_the_same_as_the_long_one() {
        let plain = shift("s1", "ada", 6);
        let full = Shift {
            group: Some(ScheduleGroupId::new("Süd \"A\"").unwrap()),
            label: "Früh\n\u{1f}".into(),
            activities: vec![Activity {
                label: "夜勤 \\".into(),
                interval: hours(7, 8),
                paid: false,
            }],
            notes: Some("\u{2028}\u{0}".into()),
            ..shift("s\"2", "ada", 30)
        };
        let mut shown = Shown::after(b"", 2);
        let mut long = Vec::new();
        for (version, entity) in (3..).zip([plain, full].map(Entity::Shift)) {
            let body = serde_json::to_string(&entity).unwrap();
            assert!(shown.copy_shift(&StoredEntity { version, ..stored(body) }), "{entity:?}");
            long.extend(Schedule::of(&entity, version, midnight()).json());
        }
        assert_eq!(String::from_utf8(shown.into_bytes()), String::from_utf8(long));
    }
}
