//! The one gate through which every write passes, by apps and by people.
//!
//! A write is first prepared under the lock ([`Write`]: what Shifts would tell, and what it would
//! store), then shown to the team's workforce integration *without* the lock (so that the
//! integration may ask Graph meanwhile), and applied only when the integration agreed and nobody
//! was quicker. [`Graph::commit`](super::Graph::commit) does all three; whoever plays people
//! prepares a [`Write`] and commits it just as the REST side does:
//!
//! ```text
//! let write = graph.read(|state| Write::new(Scope::Team(team), who, edits));
//! graph.commit(write)?      // Err(Refused::ByIntegration { .. }) when the integration says no
//! ```
//!
//! What a decision on a request changes (the five elements of a swap, and so on) is made by
//! `request::{approve, decline, accept, cancel}` for both sides.
//!
//! Sharing a whole schedule does not call back (`shifts.md` §3): it does not pass here.

use serde_json::Value;

use super::state::{Entity, Integration, Kind, Preferences, Who};

/// Something that is about to be written, as the workforce integration is asked about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where it happens.
    pub scope: Scope,
    /// Who does it.
    pub who: Who,
    /// What the app sent as `X-MS-WFMPassthrough`; people send none.
    pub passthrough: Option<String>,
    /// What happens: all of it, or nothing.
    pub elements: Vec<Element>,
}

/// Where a change happens: what stands in the URL of the callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// `/teams/{id}/update`.
    Team(String),
    /// `/users/{id}/update`: shift preferences.
    User(String),
}

/// One thing that happens. Bodies are as Graph v1.0 spells them (`camelCase` enumerations, with
/// `id` and `@odata.etag` where known); what callbacks spell otherwise is changed by the one who
/// sends them, also the segments of their URLs.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// `POST`, `PUT` or `DELETE`.
    pub method: Method,
    /// Of what.
    pub subject: Subject,
    /// Its id; a new one's too.
    pub id: String,
    /// As it will be; `None` when it is deleted.
    pub body: Option<Value>,
    /// As it was; `None` when it is new.
    pub before: Option<Value>,
}

/// Of what an element tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Something of a schedule.
    Of(Kind),
    /// Shift preferences.
    ShiftPreferences,
}

/// What happens to an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// It is new.
    Post,
    /// It changes.
    Put,
    /// It goes.
    Delete,
}

/// What is asked before a write, and told when an integration is registered.
///
/// Called without the lock, on a thread that may block. An implementation looks itself whether the
/// integration supports the elements, and agrees when none of them concerns it.
pub trait Callbacks: Send + Sync {
    /// Calls `/connect`: an integration was registered, or changed its URL or secret.
    ///
    /// # Errors
    /// When it does not answer as it must; then it is not registered.
    fn connect(&self, integration: &Integration) -> Result<(), Refusal>;

    /// Calls `/update`: whether a change may happen.
    ///
    /// # Errors
    /// When it may not, or nobody answered as they must.
    fn update(&self, integration: &Integration, change: &Change) -> Result<(), Refusal>;
}

/// Why an integration refused, or why its answer does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status that Graph answers the app with: 403 for a refusal, 502 for a bad answer, 504
    /// for none.
    pub status: u16,
    /// What the integration said: `externalErrorMessage`.
    pub message: String,
}

/// Why a write did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The workforce integration of that name refused.
    ByIntegration {
        /// Its display name: `externalSource`.
        integration: String,
        /// What it said.
        refusal: Refusal,
    },
    /// What was read before changed meanwhile.
    Overtaken,
}

/// A write: what is told, and what is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// Where it happens.
    pub scope: Scope,
    /// Who does it.
    pub who: Who,
    /// What the app sent as `X-MS-WFMPassthrough`.
    pub passthrough: Option<String>,
    /// What is stored, in the order in which it is told.
    pub edits: Vec<Edit>,
}

/// One thing that is stored.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a write holds a handful of them")]
pub enum Edit {
    /// Something of a team's schedule.
    Entity {
        /// Of what kind.
        kind: Kind,
        /// Its id; from [`State::new_id`](super::state::State::new_id) when it is new.
        id: String,
        /// The version it had when this was prepared; `None` when it is new.
        version: Option<u64>,
        /// What it will be; `None` deletes it.
        after: Option<Entity>,
    },
    /// Shift preferences of the user in the scope.
    Preferences {
        /// What they will be; who and when are filled in.
        after: Preferences,
    },
}

impl Write {
    /// A write of an app or a person without a passthrough value.
    #[must_use]
    pub fn new(scope: Scope, who: Who, edits: Vec<Edit>) -> Self {
        Self { scope, who, passthrough: None, edits }
    }
}
