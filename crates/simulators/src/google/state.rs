//! What the played Google knows: users, calendars, who may do what, events, channels.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::when::When;

/// Everything.
#[derive(Debug, Default)]
pub struct State {
    /// By address.
    pub users: BTreeMap<String, User>,
    /// By id.
    pub calendars: BTreeMap<String, Calendar>,
    /// By id.
    pub channels: BTreeMap<String, Channel>,
    /// Notices on their way.
    pub(super) notices: Vec<super::channel::Notice>,
    /// Counts every change; etags and sync tokens are made of it.
    pub(super) changes: u64,
    pub(super) ids: u64,
}

/// Somebody with an account.
#[derive(Debug, Clone, Default)]
pub struct User {
    /// What they are called.
    pub name: String,
    /// Whether the Calendar service is off for them.
    pub without_calendar: bool,
    /// Whether the account is suspended.
    pub suspended: bool,
    /// Their list of calendars, by calendar id.
    pub list: BTreeMap<String, Listed>,
}

/// A calendar in somebody's list.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// Whether they hid it.
    pub hidden: bool,
    /// What they call it.
    pub summary_override: Option<String>,
    /// From when on it is in answers.
    pub since: Timestamp,
    /// Their colour of it.
    pub color_id: Option<String>,
}

/// A calendar.
#[derive(Debug, Clone, Default)]
pub struct Calendar {
    /// What it is called.
    pub summary: String,
    /// More of that.
    pub description: Option<String>,
    /// IANA name.
    pub time_zone: String,
    /// The address of who owns its data.
    pub owner: String,
    /// Whether it is somebody's first one.
    pub primary: bool,
    /// The client that made it.
    pub made_by: Option<String>,
    /// Access rules by id (`user:anna@example.com`).
    pub acl: BTreeMap<String, Rule>,
    /// Events by id, cancelled ones too.
    pub events: BTreeMap<String, Event>,
    /// Sync tokens of before this change are not good any more.
    pub forgotten: u64,
    /// The change that it was last changed by.
    pub change: u64,
}

/// An access rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `reader`, `writer`, `owner` and others.
    pub role: String,
    /// `default`, `user`, `group`, `domain`.
    pub scope: String,
    /// Whom; empty for `default`.
    pub value: String,
    /// The change that it was last changed by.
    pub change: u64,
}

/// Whether an event takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Confirmed,
    /// It may.
    Tentative,
    /// It was deleted.
    Cancelled,
}

impl Status {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Tentative => "tentative",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An event, or an exception of a series.
#[derive(Debug, Clone)]
pub struct Event {
    /// Unique in its calendar.
    pub id: String,
    /// Unique wherever it is copied to.
    pub uid: String,
    /// Whether it takes place.
    pub status: Status,
    /// What clients write beside what has a place of its own here.
    pub fields: Map<String, Value>,
    /// When it begins.
    pub start: When,
    /// When it ends, exclusive.
    pub end: When,
    /// Who made it.
    pub creator: String,
    /// The address of who organises it: its calendar's id.
    pub organizer: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed.
    pub updated: Timestamp,
    /// The change that it was last changed by: its etag.
    pub change: u64,
    /// How often it was moved.
    pub sequence: u64,
    /// Whether a person deleted it, so that it lies in the trash.
    pub trashed: bool,
    /// The series that it is an exception of, and when that planned it.
    pub planned: Option<(String, When)>,
}

impl Event {
    /// Its etag.
    #[must_use]
    pub fn etag(&self) -> String {
        etag(self.change)
    }

    /// A text that a client wrote.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str()
    }

    /// A private extended property.
    #[must_use]
    pub fn private(&self, name: &str) -> Option<&str> {
        self.fields.get("extendedProperties")?.get("private")?.get(name)?.as_str()
    }

    /// The attendees.
    #[must_use]
    pub fn attendees(&self) -> Vec<&Map<String, Value>> {
        let list = self.fields.get("attendees").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_object).collect()
    }

    /// What an attendee answered.
    #[must_use]
    pub fn response_of(&self, email: &str) -> Option<String> {
        let mut attendees = self.attendees().into_iter();
        let found = attendees.find(|it| it.get("email").and_then(Value::as_str) == Some(email))?;
        Some(found.get("responseStatus")?.as_str()?.to_owned())
    }

    /// Whether it takes place.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.status != Status::Cancelled
    }
}

/// Who is told of changes of a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Of which calendar.
    pub calendar: String,
    /// Google's name of what is watched.
    pub resource_id: String,
    /// Its address.
    pub resource_uri: String,
    /// Where notices go.
    pub address: String,
    /// What they carry.
    pub token: Option<String>,
    /// Until when.
    pub expires_at: Timestamp,
    /// Notices so far.
    pub messages: u64,
    /// The client that asked for it.
    pub client: String,
}

pub(super) fn etag(change: u64) -> String {
    format!("\"{}\"", 3_400_000_000_000_000_u64 + change * 2000)
}

impl State {
    pub(super) fn next_change(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }

    /// An id in base32hex, as Google gives to events.
    pub(super) fn next_id(&mut self) -> String {
        self.ids += 1;
        format!("p{:025x}", self.ids)
    }

    /// The calendar that somebody means by an id: `primary` is their own.
    #[must_use]
    pub fn calendar_id(&self, user: &str, id: &str) -> String {
        match id {
            "primary" => user.to_owned(),
            other => other.to_owned(),
        }
    }

    /// What somebody may do with a calendar, by its rules.
    #[must_use]
    pub fn role(&self, user: &str, calendar: &Calendar) -> Option<String> {
        if calendar.owner == user {
            return Some("owner".into());
        }
        let domain = user.split_once('@').map_or("", |(_, domain)| domain);
        let rank = |role: &str| ROLES.iter().position(|it| *it == role);
        let rules = calendar.acl.values().filter(|rule| match rule.scope.as_str() {
            "default" => true,
            "user" => rule.value == user,
            "domain" => rule.value == domain,
            _ => false,
        });
        rules.map(|it| it.role.clone()).max_by_key(|it| rank(it)).filter(|it| it != "none")
    }
}

/// Roles, the one that may most last.
pub(super) const ROLES: [&str; 6] =
    ["none", "freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner"];
