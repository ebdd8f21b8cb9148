//! `[feeds]`: subscription links, and how feeds look.

use std::time::Duration;

use domain::limits::FEED_LINK_LIFETIME;
use engine::mapping::{MappingProfile, Shows};
use ical::UtcStyle;
use schemars::JsonSchema;
use serde::Deserialize;
use server::feed::render::{FeedOptions, UidStyle};

use super::duration::Length;
use super::look::{self, LOOK_KEYS};
use super::reader::{Faults, Section};
use super::roster::RosterSection;

/// A valid `[feeds]`.
#[derive(Debug, Clone)]
pub struct FeedsSection {
    /// Which links are given out.
    pub links: LinkStyle,
    utc_style: UtcStyle,
    uid_style: UidStyle,
    name: String,
    look: MappingProfile,
}

/// Which links are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkStyle {
    /// Long-lived and revocable.
    Subscription,
    /// Expiring.
    Signed(Duration),
}

/// `[feeds]`, as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Feeds")]
pub(super) struct Written {
    /// Which links are given out.
    #[serde(default)]
    policy: Policy,
    /// How long a signed link lasts.
    #[serde(default)]
    link_lifetime: Option<Length>,
    /// How an event says that its times are UTC.
    #[serde(default)]
    utc_style: UtcWord,
    /// What an event's `UID` looks like.
    #[serde(default)]
    uid_style: UidWord,
    /// The organisation's id, for `uid_style = "organization"`.
    #[serde(default)]
    organization: Option<String>,
    /// What calendar clients call a feed; `{employee}` is filled in.
    #[serde(default = "name")]
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Policy {
    /// A long-lived link that can be revoked.
    #[default]
    Subscription,
    /// A link that expires; its keys rotate with overlap.
    Signed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum UtcWord {
    /// By `Z` alone.
    #[default]
    Rfc5545,
    /// By `Z`, and by a line `TZID:UTC` that some guides ask for.
    TzidProperty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum UidWord {
    /// A bare UUID.
    #[default]
    Opaque,
    /// A UUID, `@`, and `organization`.
    Organization,
}

fn name() -> String {
    FeedOptions::default().name
}

impl FeedsSection {
    pub(super) fn read(section: Option<Section<'_>>, faults: &mut Faults) -> Option<Self> {
        let Some(section) = section else {
            return Some(Self::default());
        };
        let spans = section.spans();
        let (look, section) = section.split(&LOOK_KEYS);
        let look: Option<look::Written> = look.read(faults);
        let read = |it: toml::de::ValueDeserializer<'_>| Written::deserialize(it);
        let written: Option<Written> = section.read_by(&read, &LOOK_KEYS, faults);
        let (look, written) = (look?, written?);
        let Written { policy, link_lifetime, utc_style, uid_style, organization, .. } = written;
        let Written { name, .. } = written;
        let mut wrong: Vec<(&str, &str)> = Vec::new();
        if link_lifetime.is_some() && policy == Policy::Subscription {
            wrong.push(("link_lifetime", "is for `policy = \"signed\"`; subscriptions last"));
        }
        if link_lifetime.is_some_and(|it| it.0.is_zero()) {
            wrong.push(("link_lifetime", "is zero; expected something like `24h`"));
        }
        let uid_style = match (uid_style, organization) {
            (UidWord::Opaque, None) => Some(UidStyle::Opaque),
            (UidWord::Organization, Some(id)) if !id.trim().is_empty() => {
                Some(UidStyle::Organization(id))
            }
            (UidWord::Organization, _) => {
                wrong.push(("uid_style", "needs `organization`, the organisation's id"));
                None
            }
            (UidWord::Opaque, Some(_)) => {
                wrong.push(("organization", "is for `uid_style = \"organization\"`"));
                None
            }
        };
        let clean = wrong.is_empty();
        for (key, message) in wrong {
            faults.add(spans.of(key), format!("`{key}` {message}"), None);
        }
        let mut reader = look::Reader::new(&spans, faults);
        let look = look.read(Shows::Shifts, &mut reader);
        let clean = clean && reader.is_clean();
        let uid_style = uid_style.filter(|_| clean)?;
        let links = match policy {
            Policy::Subscription => LinkStyle::Subscription,
            Policy::Signed => {
                LinkStyle::Signed(link_lifetime.map_or(FEED_LINK_LIFETIME, |it| it.0))
            }
        };
        let utc_style = match utc_style {
            UtcWord::Rfc5545 => UtcStyle::Rfc5545,
            UtcWord::TzidProperty => UtcStyle::TzidProperty,
        };
        Some(Self { links, utc_style, uid_style, name, look })
    }

    /// How the feeds of a roster look.
    pub fn options(&self, roster: &RosterSection) -> FeedOptions {
        FeedOptions {
            past: roster.window.past.0,
            future: roster.window.future.0,
            profile: MappingProfile { time_zone: roster.time_zone.clone(), ..self.look.clone() },
            utc_style: self.utc_style,
            uid_style: self.uid_style.clone(),
            name: self.name.clone(),
        }
    }
}

impl Default for FeedsSection {
    fn default() -> Self {
        Self {
            links: LinkStyle::Subscription,
            utc_style: UtcStyle::default(),
            uid_style: UidStyle::default(),
            name: name(),
            look: MappingProfile::default(),
        }
    }
}
