//! `[[connection]]`: one configured instance of a vendor's product, with credentials.

use std::collections::BTreeSet;

use connectors::registry::{PROVIDERS, provider};
use connectors::{ConnectionConfig, Descriptor};
use domain::{CommandKind, ConnectionName};
use serde::Deserialize;

use super::reader::{Faults, Section, Spans, list, nearest, refused};

/// A valid `[[connection]]`.
#[derive(Debug)]
pub struct ConnectionSection {
    /// Its name.
    pub name: ConnectionName,
    /// What its provider is.
    pub descriptor: &'static Descriptor,
    /// What its provider read.
    pub config: Box<dyn ConnectionConfig>,
    pub(super) spans: Spans,
}

/// The keys that all connections share.
#[derive(Deserialize)]
struct Shared {
    name: ConnectionName,
    kind: String,
}

pub(super) const SHARED_KEYS: [&str; 2] = ["name", "kind"];

impl ConnectionSection {
    /// What its system of record decides.
    pub fn decides(&self) -> BTreeSet<CommandKind> {
        let all = || self.descriptor.decides.iter().copied().collect();
        self.config.decides().unwrap_or_else(all)
    }

    pub(super) fn read(section: Section<'_>, faults: &mut Faults) -> Option<Self> {
        let spans = section.spans();
        let (shared, own) = section.split(&SHARED_KEYS);
        let Shared { name, kind } = shared.read(faults)?;
        let Some(descriptor) = provider(&kind) else {
            unavailable("connection", &kind, &kinds(), &spans, faults);
            return None;
        };
        let config = own.read_by(&|it| (descriptor.parse)(it), &SHARED_KEYS, faults)?;
        if let Err(error) = config.validate() {
            refused(&error, &spans, faults);
            return None;
        }
        Some(Self { name, descriptor, config, spans })
    }
}

fn kinds() -> Vec<&'static str> {
    PROVIDERS.iter().map(|it| it.kind).collect()
}

/// Says that there is no such kind.
pub(super) fn unavailable(
    what: &str,
    kind: &str,
    available: &[&str],
    spans: &Spans,
    faults: &mut Faults,
) {
    let message = format!("unknown {what} kind `{kind}`");
    let hint = nearest(kind, available).map(|it| format!("did you mean `{it}`?"));
    let hint = hint.unwrap_or_else(|| format!("available: {}", list(available)));
    faults.add(spans.of("kind"), message, Some(hint));
}
