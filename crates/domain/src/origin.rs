//! The mark on a remote item that says "we wrote this, for that mirror, from that entity".
//!
//! It prevents loops, lets `purge` remove exactly what is ours, and lets `recover` rebuild a lost
//! ledger. It is not a secret and grants nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{EntityId, EntityKey, EntityKind, Fingerprint, MirrorName};

/// Who wrote a remote item, from which entity, and what the entity meant at that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginTag {
    /// The mirror that the item belongs to.
    pub mirror: MirrorName,
    /// The entity that it shows.
    pub key: EntityKey,
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

/// `1 <mirror> <generation> <entity fingerprint> <kind> <id>`; the id comes last, because it may
/// hold spaces.
impl fmt::Display for OriginTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mirror, key, generation, entity } = self;
        write!(f, "1 {mirror} {generation} {entity} {} {}", key.kind, key.id)
    }
}

impl FromStr for OriginTag {
    type Err = OriginTagError;

    fn from_str(text: &str) -> Result<Self, OriginTagError> {
        let bad = |reason: String| OriginTagError { reason };
        let mut parts = text.splitn(6, ' ');
        let mut next = |what: &str| parts.next().ok_or_else(|| bad(format!("no {what}")));
        let version = next("version")?;
        if version != "1" {
            return Err(bad(format!("version `{version}`, expected 1")));
        }
        let mirror = MirrorName::new(next("mirror")?).map_err(|e| bad(e.to_string()))?;
        let generation = next("generation")?.parse().map_err(|_| bad("generation".into()))?;
        let entity = Fingerprint::parse(next("fingerprint")?).map_err(|e| bad(e.to_string()))?;
        let kind = next("kind")?.parse::<EntityKind>().map_err(|e| bad(e.to_string()))?;
        let id = EntityId::new(next("id")?).map_err(|e| bad(e.to_string()))?;
        Ok(Self { mirror, key: EntityKey { kind, id }, generation, entity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fingerprinter;

    #[test]
    fn text_form_reads_back_even_with_spaces_in_the_id() {
        let tag = OriginTag {
            mirror: MirrorName::new("ward-caldav").unwrap(),
            key: EntityKey { kind: EntityKind::Shift, id: EntityId::new("a b c").unwrap() },
            generation: 3,
            entity: Fingerprinter::new("test").finish(),
        };
        assert_eq!(tag.to_string().parse(), Ok(tag));
    }

    #[test]
    fn foreign_texts_are_refused() {
        for text in ["", "1", "2 m 0 00 shift x", "hello world"] {
            assert!(text.parse::<OriginTag>().is_err(), "{text:?}");
        }
    }
}
