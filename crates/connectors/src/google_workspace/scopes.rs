//! What we ask Google to be allowed, as little as the work needs (discovery document of
//! 2026-10-30).

use std::collections::BTreeSet;

/// What every scope begins with.
const PREFIX: &str = "https://www.googleapis.com/auth/";

/// One scope, without what all begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Calendars that we made, and what is in them; nothing else of anybody's.
    AppCreated,
    /// Which calendars somebody has: to find again the one that we made.
    CalendarListReadonly,
    /// Events in calendars that somebody owns.
    EventsOwned,
    /// The same, to look at.
    EventsOwnedReadonly,
    /// Who may see a calendar.
    Acls,
    /// Everything. Never asked for; only looked whether it was granted.
    Everything,
}

impl Scope {
    /// Its name without what all begin with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AppCreated => "calendar.app.created",
            Self::CalendarListReadonly => "calendar.calendarlist.readonly",
            Self::EventsOwned => "calendar.events.owned",
            Self::EventsOwnedReadonly => "calendar.events.owned.readonly",
            Self::Acls => "calendar.acls",
            Self::Everything => "calendar",
        }
    }

    /// Its whole name.
    #[must_use]
    pub fn url(self) -> String {
        format!("{PREFIX}{}", self.name())
    }
}

/// Scopes that are asked for together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// These.
    #[must_use]
    pub fn of(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self(scopes.into_iter().collect())
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.0.iter().copied()
    }

    /// Whether it is among them.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// As the token endpoint takes them.
    #[must_use]
    pub fn spelled(&self) -> String {
        self.iter().map(Scope::url).collect::<Vec<_>>().join(" ")
    }

    /// As an administrator enters them.
    #[must_use]
    pub fn listed(&self) -> String {
        self.iter().map(|it| format!("`{}`", it.url())).collect::<Vec<_>>().join(", ")
    }
}
