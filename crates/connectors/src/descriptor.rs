//! What a provider says of itself, and how the binary builds one without knowing any.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{CalendarKey, CommandKind, ConnectionName, MirrorName};
use engine::port::{
    Approver, Clock, Decider, Entropy, Failure, ForeignEvents, Hooks, Inbound, Source, Target,
};
use serde::Serialize;

/// One provider, as data.
pub struct Descriptor {
    /// The word for it in `kind = "…"`.
    pub kind: &'static str,
    /// One line for the documentation: what product this is.
    pub summary: &'static str,
    /// Reads a `[[connection]]` section of this kind, without the keys `name` and `kind`.
    pub parse:
        fn(toml::de::ValueDeserializer<'_>) -> Result<Box<dyn ConnectionConfig>, toml::de::Error>,
    /// The JSON Schema of such a section.
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
    /// The kinds of mirror that can be kept over such a connection; empty for a mere source.
    pub mirrors: &'static [MirrorDescriptor],
    /// Whether a roster can be read from such a connection.
    pub reads: bool,
    /// What such a connection decides as a system of record; empty where it takes no commands.
    pub decides: &'static [CommandKind],
}

/// One kind of mirror, as data.
pub struct MirrorDescriptor {
    /// The word for it in a mirror's `kind = "…"`.
    pub kind: &'static str,
    /// One line for the documentation.
    pub summary: &'static str,
    /// What people can ask for in such a mirror; empty where it can only be pushed to.
    pub asks: &'static [CommandKind],
    /// Reads what is left of a `[[mirror]]` section after the keys that all mirrors share.
    pub parse:
        fn(toml::de::ValueDeserializer<'_>) -> Result<Box<dyn MirrorConfig>, toml::de::Error>,
    /// The JSON Schema of these keys.
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
}

/// What people can ask for in their calendars: by changing items, that a shift or an absence is
/// moved or removed; by an event of their own, time off.
pub const CALENDAR_ASKS: &[CommandKind] =
    &[CommandKind::Shift, CommandKind::TimeOff, CommandKind::TimeOffRequest];

impl MirrorDescriptor {
    /// Whether it is kept in a product that plans work itself, and so shows the schedule as it is.
    #[must_use]
    pub fn is_schedule(&self) -> bool {
        self.asks.contains(&CommandKind::OpenShift)
    }
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Descriptor").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl fmt::Debug for MirrorDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MirrorDescriptor").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What every connection is built with.
#[derive(Debug, Clone)]
pub struct ConnectionContext {
    /// Its name in the configuration.
    pub name: ConnectionName,
    /// Paths in the configuration are relative to this folder.
    pub base: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

/// What every mirror is built with.
#[derive(Debug, Clone)]
pub struct MirrorContext {
    /// Its name in the configuration.
    pub name: MirrorName,
    /// What people may ask for in it: the mirror's directions, as far as its roster's system of
    /// record decides them. Empty for a mirror that is only pushed to.
    pub two_way: BTreeSet<CommandKind>,
    /// IANA name of the roster's zone.
    pub time_zone: String,
    /// The calendars that the operator names for schedule groups.
    pub group_calendars: BTreeSet<CalendarKey>,
    /// The name of a calendar of people's own in which every event is a wish for time off.
    pub wishes_in: Option<String>,
}

impl MirrorContext {
    /// Of a mirror that is only pushed to, into everybody's own calendars.
    #[must_use]
    pub fn plain(name: MirrorName, time_zone: &str) -> Self {
        Self {
            name,
            two_way: BTreeSet::new(),
            time_zone: time_zone.to_owned(),
            group_calendars: BTreeSet::new(),
            wishes_in: None,
        }
    }
}

/// One mirror, built.
#[derive(Clone)]
pub struct MirrorParts {
    /// Where it is kept.
    pub target: Arc<dyn Target>,
    /// What answers when its vendor calls us, for those that do.
    pub inbound: Option<Arc<dyn Inbound>>,
    /// What grants requests there.
    pub approver: Option<Arc<dyn Approver>>,
    /// What has us called by the vendor.
    pub registration: Option<Arc<dyn Registration>>,
    /// The way to what is in the same people's calendars and not ours.
    pub foreign: Option<Arc<dyn ForeignEvents>>,
}

impl MirrorParts {
    /// A mirror that is only pushed to.
    #[must_use]
    pub fn push_only(target: Arc<dyn Target>) -> Self {
        Self { target, inbound: None, approver: None, registration: None, foreign: None }
    }
}

/// Having a vendor call us about a mirror: what the `shifts` commands do.
#[async_trait]
pub trait Registration: Send + Sync {
    /// How it stands, calendar by calendar.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn status(&self) -> Result<RegistrationStatus, Failure>;

    /// Makes ourselves known under this address, or brings what is known up to date. Does not
    /// replace somebody else's.
    ///
    /// # Errors
    /// When it cannot be done; what was done is in [`Self::status`].
    async fn register(&self, callback_url: &str) -> Result<RegistrationStatus, Failure>;

    /// Has the mirror's calendars call us, or not any more.
    ///
    /// # Errors
    /// When it cannot be done.
    async fn switch(&self, on: bool) -> Result<RegistrationStatus, Failure>;

    /// Has one calendar not call us any more, also one that the mirror has no more.
    ///
    /// # Errors
    /// When it cannot be done.
    async fn release(&self, calendar: &str) -> Result<RegistrationStatus, Failure>;

    /// Makes a new secret, and has the vendor use it; the old one stays good for what is under
    /// way.
    ///
    /// # Errors
    /// When it cannot be done; then the old secret is still in use.
    async fn rotate_secret(&self) -> Result<RegistrationStatus, Failure>;
}

/// How it stands with being called by a vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistrationStatus {
    /// The vendor's id of our registration, when there is one.
    pub id: Option<String>,
    /// Under which address we are called.
    pub url: Option<String>,
    /// Whether it is switched on at all.
    pub active: bool,
    /// What we are told of, in the vendor's words.
    pub entities: Vec<String>,
    /// Calendar by calendar.
    pub calendars: Vec<CalendarRegistration>,
}

/// How it stands with one calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CalendarRegistration {
    /// Which calendar.
    pub calendar: String,
    /// Whether it is there to call anybody.
    pub exists: bool,
    /// Whether it calls us.
    pub calls_us: bool,
    /// Somebody else whom it calls: at most one can be called, so it is not ours to replace.
    pub calls_other: Option<String>,
}

/// A parsed `[[connection]]` section.
pub trait ConnectionConfig: fmt::Debug + Send + Sync {
    /// Checks what needs no network and no file: ranges, URLs, zones, combinations.
    ///
    /// # Errors
    /// The first thing that is wrong, naming its key.
    fn validate(&self) -> Result<(), ConnectionError>;

    /// What its system of record decides, where the operator holds back some of
    /// [`Descriptor::decides`].
    fn decides(&self) -> Option<BTreeSet<CommandKind>> {
        None
    }

    /// Makes the source of a roster.
    ///
    /// # Errors
    /// When this provider is no source, or a secret or file that it names cannot be read.
    fn source(&self, context: &ConnectionContext) -> Result<Arc<dyn Source>, ConnectionError>;

    /// The id under which it signs in at a Schedule API, which may be our own.
    fn api_client_id(&self) -> Option<&str> {
        None
    }

    /// Makes what decides on commands, where this provider's system of record takes any.
    ///
    /// # Errors
    /// When a secret or file cannot be read.
    fn decider(
        &self,
        context: &ConnectionContext,
    ) -> Result<Option<Arc<dyn Decider>>, ConnectionError>;

    /// Makes what takes the vendor's hints, where it gives any.
    ///
    /// # Errors
    /// When a secret or file cannot be read.
    fn hooks(&self, context: &ConnectionContext)
    -> Result<Option<Arc<dyn Hooks>>, ConnectionError>;

    /// Whether a mirror over this connection can see what is in people's calendars and not ours.
    fn foreign(&self, mirror: &dyn MirrorConfig) -> ForeignReach {
        let _ = mirror;
        ForeignReach::Nowhere {
            why: "its vendor keeps no calendars of people".to_owned(),
            hint: "leave the key out".to_owned(),
        }
    }

    /// Makes a mirror; `config` was parsed by one of [`Descriptor::mirrors`].
    ///
    /// # Errors
    /// When this provider keeps no such mirror, or a secret or file cannot be read.
    fn mirror(
        &self,
        context: &ConnectionContext,
        mirror: &MirrorContext,
        config: &dyn MirrorConfig,
    ) -> Result<MirrorParts, ConnectionError>;
}

/// How far a mirror sees what is in people's calendars and not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForeignReach {
    /// Not at all.
    Nowhere {
        /// Why not: a clause, such as `` scope `x` shows our own calendars only ``.
        why: String,
        /// What would change that.
        hint: String,
    },
    /// It looks, and may change nothing.
    ReadOnly {
        /// What would change that.
        hint: String,
    },
    /// It could look, and does where the operator asks for it: there is seldom anything to see.
    OnRequest,
    /// It looks: people live in these calendars.
    Always,
}

/// What is peculiar to one kind of mirror in a parsed `[[mirror]]` section.
pub trait MirrorConfig: fmt::Debug + Send + Sync + std::any::Any {
    /// Checks what needs no network and no file.
    ///
    /// # Errors
    /// The first thing that is wrong, naming its key.
    fn validate(&self) -> Result<(), ConnectionError>;

    /// Text that changes whenever items would look different or stand elsewhere: part of the
    /// mirror's profile fingerprint.
    fn profile(&self) -> String;

    /// How far ahead the first cycle looks, where that is not as far as the later ones.
    fn first_future(&self) -> Option<Duration> {
        None
    }

    /// Whether each of its calendars is meant for one employee.
    fn is_personal(&self) -> bool {
        true
    }

    /// The calendar that an operator names for a schedule group.
    ///
    /// # Errors
    /// What is wrong with the name, and what was expected.
    fn group_calendar(&self, name: &str) -> Result<CalendarKey, String> {
        CalendarKey::new(name.trim()).map_err(|error| error.to_string())
    }

    /// The calendars that it names one by one, such as teams: no other mirror may have them too.
    fn calendars(&self) -> Vec<String> {
        vec![]
    }

    /// What is missing for people to ask for anything in it, if something is.
    ///
    /// # Errors
    /// The key, and what it is for.
    fn validate_two_way(&self) -> Result<(), ConnectionError> {
        Ok(())
    }

    /// All labels that people's events can have there; `None` where any text can be one.
    fn event_labels(&self) -> Option<&'static [&'static str]> {
        None
    }

    /// Checks that people's calendar of this name, in which every event asks for time off, can be
    /// read at all.
    ///
    /// # Errors
    /// Why not, and what to do.
    fn wishes_in(&self, _: &str) -> Result<(), (String, String)> {
        Ok(())
    }

    /// Keys of the mapping profile that no item there can show, each with the reason as a clause:
    /// they are refused rather than left out in silence.
    fn cannot_show(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Whether what is found in a calendar and is not ours is removed, rather than told of.
    fn removes_others(&self) -> bool {
        false
    }
}

/// Why a connection cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// A key has a value that cannot be used.
    #[error("`{key}`: {message}")]
    Key {
        /// Which key of the section.
        key: &'static str,
        /// What was found and what was expected.
        message: String,
    },
    /// A file that a key names cannot be read.
    #[error("`{key}`: cannot read `{path}`: {detail}")]
    File {
        /// Which key of the section.
        key: &'static str,
        /// Which file; never what is in it.
        path: String,
        /// What the operating system said.
        detail: String,
    },
    /// The provider does not do this.
    #[error("a `{kind}` connection cannot be {role}")]
    Role {
        /// The provider's kind.
        kind: &'static str,
        /// `the source of a roster` or `the target of a mirror`.
        role: &'static str,
    },
}
