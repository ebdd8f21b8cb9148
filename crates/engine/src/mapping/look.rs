//! What decides how an item looks: for all, for one kind of work, for one privacy tier. Pure.
//!
//! For every property the tier speaks first; then, as far as the tier lets it through, the kind of
//! work; then what is said for all.

use domain::policy::PrivacyTier;
use domain::{Colour, ShowAs, Visibility};

use super::template::Template;

/// How items look, as far as it is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appearance {
    /// The title.
    pub title: Option<Template>,
    /// The text below it.
    pub description: Option<Template>,
    /// Where.
    pub location: Option<Template>,
    /// Its colour.
    pub colour: Option<Colour>,
    /// Its labels.
    pub categories: Option<Vec<Template>>,
    /// Whether the time is taken.
    pub show_as: Option<ShowAs>,
    /// Who may read the details.
    pub visibility: Option<Visibility>,
    /// Rings so many minutes before.
    pub reminder_minutes: Option<u32>,
}

/// How one kind of work differs from the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActivityProfile {
    /// What to call it instead of its label.
    pub title: Option<String>,
    /// How much is shown of it, where that is less than of others.
    pub privacy: Option<PrivacyTier>,
    /// How it looks.
    pub look: Appearance,
}

/// How the privacy tiers differ from what is said for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tiers {
    /// Of [`PrivacyTier::Full`].
    pub full: Appearance,
    /// Of [`PrivacyTier::Title`].
    pub title: Appearance,
    /// Of [`PrivacyTier::Busy`].
    pub busy: Appearance,
}

impl Tiers {
    fn of(&self, tier: PrivacyTier) -> &Appearance {
        match tier {
            PrivacyTier::Full => &self.full,
            PrivacyTier::Title => &self.title,
            PrivacyTier::Busy => &self.busy,
        }
    }
}

/// The one of two tiers that shows less.
#[must_use]
pub fn stricter(one: PrivacyTier, other: PrivacyTier) -> PrivacyTier {
    if one as u8 >= other as u8 { one } else { other }
}

/// Everything that is said about one item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'p> {
    pub tier: PrivacyTier,
    of_tier: &'p Appearance,
    of_activity: Option<&'p Appearance>,
    of_all: &'p Appearance,
}

impl<'p> Said<'p> {
    pub fn new(
        tiers: &'p Tiers,
        tier: PrivacyTier,
        of_activity: Option<&'p Appearance>,
        of_all: &'p Appearance,
    ) -> Self {
        Self { tier, of_tier: tiers.of(tier), of_activity, of_all }
    }

    fn pick<T>(
        &self,
        through: bool,
        get: impl Fn(&'p Appearance) -> Option<&'p T>,
    ) -> Option<&'p T> {
        let rest = || self.of_activity.and_then(&get).or_else(|| get(self.of_all));
        get(self.of_tier).or_else(|| if through { rest() } else { None })
    }

    /// Whether everything is shown.
    pub fn is_full(&self) -> bool {
        self.tier == PrivacyTier::Full
    }

    pub fn title(&self) -> Option<&'p Template> {
        self.pick(self.tier != PrivacyTier::Busy, |it| it.title.as_ref())
    }

    pub fn description(&self) -> Option<&'p Template> {
        self.pick(self.is_full(), |it| it.description.as_ref())
    }

    pub fn location(&self) -> Option<&'p Template> {
        self.pick(self.is_full(), |it| it.location.as_ref())
    }

    pub fn categories(&self) -> Option<&'p Vec<Template>> {
        self.pick(self.is_full(), |it| it.categories.as_ref())
    }

    pub fn colour(&self) -> Option<Colour> {
        self.pick(self.tier != PrivacyTier::Busy, |it| it.colour.as_ref()).copied()
    }

    pub fn show_as(&self) -> Option<ShowAs> {
        self.pick(true, |it| it.show_as.as_ref()).copied()
    }

    pub fn visibility(&self) -> Option<Visibility> {
        self.pick(true, |it| it.visibility.as_ref()).copied()
    }

    pub fn reminder_minutes(&self) -> Option<u32> {
        self.pick(true, |it| it.reminder_minutes.as_ref()).copied()
    }
}
