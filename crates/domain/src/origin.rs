//! The mark on a remote item that says "we wrote this, for that mirror, from that entity".
//!
//! It prevents loops, lets `purge` remove exactly what is ours, and lets `recover` rebuild a lost
//! ledger. It is not a secret and grants nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{EntityId, EntityKey, EntityKind, Fingerprint, ItemKey, MirrorName, Part};

/// Who wrote a remote item, from which entity, and what the entity meant at that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginTag {
    /// The mirror that the item belongs to.
    pub mirror: MirrorName,
    /// The entity that it shows.
    pub key: EntityKey,
    /// Which of the entity's items it is.
    #[serde(default, skip_serializing_if = "Part::is_main")]
    pub part: Part,
    /// Counts how often the item had to be made anew under another remote id; starts at 0.
    pub generation: u32,
    /// The fingerprint of the *entity* (not of the item) when it was written. `recover` uses it
    /// to give a source without ids the same ids again.
    pub entity: Fingerprint,
}

/// Why a text is not an origin tag of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an origin tag: {reason}")]
pub struct OriginTagError {
    /// What was wrong with it.
    pub reason: String,
}

impl OriginTag {
    /// Which item it marks.
    #[must_use]
    pub fn item(&self) -> ItemKey {
        ItemKey { entity: self.key.clone(), part: self.part }
    }
}

/// `1 <mirror> <generation> <entity fingerprint> <kind> <id>`; the id comes last, because it may
/// hold spaces. Further parts of an entity: `2 <mirror> <generation> <entity fingerprint> <part>
/// <kind> <id>`, which builds that know no parts take for somebody else's.
impl fmt::Display for OriginTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mirror, key, part, generation, entity } = self;
        let EntityKey { kind, id } = key;
        if part.is_main() {
            return write!(f, "1 {mirror} {generation} {entity} {kind} {id}");
        }
        write!(f, "2 {mirror} {generation} {entity} {part} {kind} {id}")
    }
}

impl FromStr for OriginTag {
    type Err = OriginTagError;

    fn from_str(text: &str) -> Result<Self, OriginTagError> {
        let bad = |reason: String| OriginTagError { reason };
        let (version, rest) = text.split_once(' ').ok_or_else(|| bad("no version".into()))?;
        let words = match version {
            "1" => 5,
            "2" => 6,
            _ => return Err(bad(format!("version `{version}`, expected 1 or 2"))),
        };
        let mut words = rest.splitn(words, ' ');
        let mut next = |what: &str| words.next().ok_or_else(|| bad(format!("no {what}")));
        let mirror = MirrorName::new(next("mirror")?).map_err(|e| bad(e.to_string()))?;
        let generation = next("generation")?.parse().map_err(|_| bad("generation".into()))?;
        let entity = Fingerprint::parse(next("fingerprint")?).map_err(|e| bad(e.to_string()))?;
        let part = match version {
            "1" => Part::Main,
            _ => next("part")?.parse::<Part>().map_err(|e| bad(e.to_string()))?,
        };
        let kind = next("kind")?.parse::<EntityKind>().map_err(|e| bad(e.to_string()))?;
        let id = EntityId::new(next("id")?).map_err(|e| bad(e.to_string()))?;
        Ok(Self { mirror, key: EntityKey { kind, id }, part, generation, entity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fingerprinter;

    fn tag(part: Part) -> OriginTag {
        OriginTag {
            mirror: MirrorName::new("ward-caldav").unwrap(),
            key: EntityKey { kind: EntityKind::Shift, id: EntityId::new("a b c").unwrap() },
            part,
            generation: 3,
            entity: Fingerprinter::new("test").finish(),
        }
    }

    #[test]
    fn text_form_reads_back_even_with_spaces_in_the_id() {
        for part in [Part::Main, Part::Block(2), Part::LatestStart] {
            let tag = tag(part);
            assert_eq!(tag.to_string().parse(), Ok(tag));
        }
    }

    /// What stands in calendars: another text here, and `recover` and `purge` know nothing of it.
    #[test]
    fn the_tag_of_the_main_part_is_what_it_always_was() {
        let entity = "09a7d352412717c7e0b93286eb544f83";
        let text = tag(Part::Main).to_string();
        assert_eq!(text, format!("1 ward-caldav 3 {entity} shift a b c"));
        let text = tag(Part::Block(2)).to_string();
        assert_eq!(text, format!("2 ward-caldav 3 {entity} block-2 shift a b c"));
    }

    #[test]
    fn foreign_texts_are_refused() {
        for text in ["", "1", "2 m 0 00 shift x", "3 m 0 00 a shift x", "hello world"] {
            assert!(text.parse::<OriginTag>().is_err(), "{text:?}");
        }
    }
}
