//! Where a cycle looks for what people changed.

use std::collections::BTreeSet;

use domain::CalendarKey;

/// In which calendars a cycle reads what changed, where it does not read everything.
#[derive(Debug, Clone, Copy)]
pub enum Looking<'a> {
    /// In none.
    Nowhere,
    /// In these, as far as they were read before.
    At(&'a BTreeSet<CalendarKey>),
    /// In all that were read before.
    Everywhere,
}

impl Looking<'_> {
    /// The calendars that are named.
    pub(super) fn at(&self) -> impl Iterator<Item = &CalendarKey> {
        let named = match self {
            Self::At(calendars) => Some(*calendars),
            Self::Nowhere | Self::Everywhere => None,
        };
        named.into_iter().flatten()
    }

    /// Whether a calendar is looked at.
    #[must_use]
    pub fn includes(&self, calendar: &CalendarKey) -> bool {
        match self {
            Self::Nowhere => false,
            Self::At(calendars) => calendars.contains(calendar),
            Self::Everywhere => true,
        }
    }
}
