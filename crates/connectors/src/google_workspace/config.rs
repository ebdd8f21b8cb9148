//! The keys of a `google_workspace` connection, and those of a `google` mirror.

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use engine::port::{Decider, ForeignEvents, Hooks, Source};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::calendars::Home;
use super::connection::{Connection, Settings};
use super::foreign::GoogleForeign;
use super::hooks::GoogleHooks;
use super::provider::{GoogleTarget, Setup};
use super::scopes::{Scope, Scopes};
use crate::transport::Dial;
use crate::{
    ConnectionConfig, ConnectionContext, ConnectionError, ForeignReach, MirrorConfig,
    MirrorContext, MirrorParts,
};

const API_URL: &str = "https://www.googleapis.com";
/// The budgets of projects since 2026-05-01
/// (developers.google.com/workspace/calendar/api/guides/quota); older projects have others.
const RATE_DEFAULT: u32 = 10_000;
const RATE_PER_USER_DEFAULT: u32 = 600;
const RATE_MAX: u32 = 1_000_000;
/// Enough for 10,000 requests a minute in batches, and for single ones of a tenth of a second.
const CONCURRENCY_DEFAULT: usize = 16;
const CONCURRENCY_MAX: usize = 64;
const CALENDAR_DEFAULT: &str = "Shifts";
const PRIMARY: &str = "primary";
/// Bytes of a calendar's name.
const NAME_BYTES_MAX: usize = 200;

/// Which Workspace, and as which service account.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoogleWorkspaceConfig {
    /// The JSON file with the service account's key. An administrator of the Workspace delegates
    /// to it domain-wide the scopes that `rotabridge doctor` names.
    pub service_account_file: PathBuf,
    /// Where the API is, without `/calendar/v3`.
    #[serde(default = "api_url_default")]
    pub api_url: String,
    /// Where tokens are; left out, where the service account's file says.
    #[serde(default)]
    pub token_url: Option<String>,
    /// A file with certificate authorities in PEM form, trusted beside the machine's own.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Requests per minute over the whole connection, as the project's quota has it.
    #[serde(default = "rate_default")]
    pub requests_per_minute: u32,
    /// Requests per minute for one user, as the project's quota has it.
    #[serde(default = "rate_per_user_default")]
    pub requests_per_minute_per_user: u32,
    /// Requests under way at once, 1 to 64.
    #[serde(default = "concurrency_default")]
    pub concurrency: usize,
    #[serde(skip)]
    shared: Shared,
    #[serde(skip)]
    way: Way,
}

/// How Google is reached, where not over TCP.
#[derive(Clone, Default)]
struct Way(Option<Arc<dyn Dial>>);

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Way").field(&self.0.is_some()).finish()
    }
}

/// The one connection that all mirrors of this section share.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Option<Arc<Connection>>>>);

fn api_url_default() -> String {
    API_URL.into()
}

const fn rate_default() -> u32 {
    RATE_DEFAULT
}

const fn rate_per_user_default() -> u32 {
    RATE_PER_USER_DEFAULT
}

const fn concurrency_default() -> usize {
    CONCURRENCY_DEFAULT
}

fn calendar_default() -> String {
    CALENDAR_DEFAULT.into()
}

/// Where in people's calendars the items go.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoogleMirrorConfig {
    /// A calendar of this name, made for each employee if missing; `"primary"` for their first one.
    #[serde(default = "calendar_default")]
    pub calendar: String,
    /// The address of an account that has one calendar for each schedule group, instead of one for
    /// each employee; `calendar` is what their names begin with.
    #[serde(default)]
    pub shared: Option<String>,
    /// Whom a shared calendar is shown to.
    #[serde(default)]
    pub shared_with: SharedWith,
    /// What may be done with events in people's first calendars that are not ours: each needs more
    /// of the administrator's delegation.
    #[serde(default)]
    pub foreign_events: ForeignAccess,
}

/// Whom a shared calendar is shown to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SharedWith {
    /// The people of its group.
    #[default]
    Group,
    /// Nobody by us: whoever has the account sees to it.
    Nobody,
}

/// What may be done with events that are not ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForeignAccess {
    /// Nothing: conflicts with them are not seen.
    #[default]
    None,
    /// Looking at them.
    Read,
    /// What the conflict policy says.
    Change,
}

impl GoogleWorkspaceConfig {
    /// The same, reached by `dial` in place of TCP; before a connection is made.
    #[must_use]
    pub fn reached_by(mut self, dial: Arc<dyn Dial>) -> Self {
        self.way = Way(Some(dial));
        self
    }

    /// The connection; made at the first call, and the same one ever after.
    fn connection(&self, context: &ConnectionContext) -> Result<Arc<Connection>, ConnectionError> {
        let mut shared = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &*shared {
            return Ok(Arc::clone(connection));
        }
        let connection = Connection::new(&self.checked()?, context)?;
        *shared = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn checked(&self) -> Result<Settings, ConnectionError> {
        let rates = [
            ("requests_per_minute", self.requests_per_minute),
            ("requests_per_minute_per_user", self.requests_per_minute_per_user),
        ];
        for (key, rate) in rates {
            if !(1..=RATE_MAX).contains(&rate) {
                let message = format!("{rate} found, expected 1 to {RATE_MAX}");
                return Err(wrong(key, message));
            }
        }
        if !(1..=CONCURRENCY_MAX).contains(&self.concurrency) {
            let message = format!("{} found, expected 1 to {CONCURRENCY_MAX}", self.concurrency);
            return Err(wrong("concurrency", message));
        }
        let token_url = self.token_url.as_ref().map(|it| checked_url("token_url", it));
        let api_url = checked_url("api_url", &self.api_url)?;
        if api_url.path().contains("/calendar/v3") {
            let message = "ends with `/calendar/v3`, which is added to it";
            return Err(wrong("api_url", message));
        }
        Ok(Settings {
            service_account_file: self.service_account_file.clone(),
            api_url,
            token_url: token_url.transpose()?,
            ca_file: self.ca_file.clone(),
            requests_per_minute: self.requests_per_minute,
            requests_per_minute_per_user: self.requests_per_minute_per_user,
            concurrency: self.concurrency,
            dial: self.way.0.clone(),
        })
    }
}

/// An address without credentials, by TLS unless it is this machine's.
pub(super) fn checked_url(key: &'static str, text: &str) -> Result<Url, ConnectionError> {
    let bad = |message: String| wrong(key, message);
    let url = Url::parse(text)
        .map_err(|error| bad(format!("{error}; expected an address such as `{API_URL}`")))?;
    let own_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(bad("has no host".into())),
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && own_machine) {
        return Err(bad(format!("scheme `{}` found, expected `https`", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("holds credentials; expected scheme and host".into()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("holds `?` or `#`; expected scheme and host".into()));
    }
    Ok(url)
}

fn wrong(key: &'static str, message: impl Into<String>) -> ConnectionError {
    ConnectionError::Key { key, message: message.into() }
}

impl GoogleMirrorConfig {
    fn checked(&self) -> Result<(Home, Scopes), ConnectionError> {
        let Self { calendar, shared, shared_with, foreign_events } = self;
        let name = calendar.trim();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            let message = format!("expected a name of 1 to {NAME_BYTES_MAX} bytes on one line");
            return Err(wrong("calendar", message));
        }
        let made = [Scope::AppCreated, Scope::CalendarListReadonly];
        let (home, mut scopes) = match shared {
            Some(_) if name == PRIMARY => {
                let message = "cannot stand beside `shared`; expected a name for the calendars";
                return Err(wrong("calendar", message));
            }
            Some(address) => {
                let organiser = address.trim().to_ascii_lowercase();
                let plain = |c: char| !c.is_whitespace() && !c.is_control();
                if !organiser.contains('@') || !organiser.chars().all(plain) {
                    let message = "is no address; expected an account such as `rota@example.com`";
                    return Err(wrong("shared", message));
                }
                let mut scopes = made.to_vec();
                if *shared_with == SharedWith::Group {
                    scopes.push(Scope::Acls);
                }
                (Home::Shared { organiser: organiser.into(), name: name.to_owned() }, scopes)
            }
            None if name == PRIMARY => (Home::Primary, vec![Scope::EventsOwned]),
            None => (Home::Own(name.to_owned()), made.to_vec()),
        };
        if shared.is_some() && *foreign_events != ForeignAccess::None {
            let message = "cannot stand beside `shared`, whose calendars are nobody's own";
            return Err(wrong("foreign_events", message));
        }
        match foreign_events {
            ForeignAccess::None => {}
            ForeignAccess::Read if home == Home::Primary => {}
            ForeignAccess::Read => scopes.push(Scope::EventsOwnedReadonly),
            ForeignAccess::Change => scopes.push(Scope::EventsOwned),
        }
        Ok((home, Scopes::of(scopes)))
    }
}

impl MirrorConfig for GoogleMirrorConfig {
    fn validate(&self) -> Result<(), ConnectionError> {
        self.checked().map(|_| ())
    }

    fn is_personal(&self) -> bool {
        self.shared.is_none()
    }

    fn event_labels(&self) -> Option<&'static [&'static str]> {
        Some(&super::foreign::LABEL_NAMES)
    }

    fn profile(&self) -> String {
        let Self { calendar, shared, shared_with: _, foreign_events: _ } = self;
        match shared {
            None => format!("google own {}", calendar.trim()),
            Some(organiser) => format!("google shared {organiser} {}", calendar.trim()),
        }
    }
}

impl ConnectionConfig for GoogleWorkspaceConfig {
    fn validate(&self) -> Result<(), ConnectionError> {
        self.checked().map(|_| ())
    }

    fn source(&self, _: &ConnectionContext) -> Result<Arc<dyn Source>, ConnectionError> {
        Err(ConnectionError::Role { kind: super::KIND, role: "the source of a roster" })
    }

    fn decider(&self, _: &ConnectionContext) -> Result<Option<Arc<dyn Decider>>, ConnectionError> {
        Ok(None)
    }

    fn hooks(
        &self,
        context: &ConnectionContext,
    ) -> Result<Option<Arc<dyn Hooks>>, ConnectionError> {
        Ok(Some(Arc::new(GoogleHooks::new(self.connection(context)?))))
    }

    fn foreign(&self, mirror: &dyn MirrorConfig) -> ForeignReach {
        let mirror: &dyn Any = mirror;
        let config = mirror.downcast_ref::<GoogleMirrorConfig>();
        let access = config.map_or(ForeignAccess::None, |it| it.foreign_events);
        if config.is_some_and(|it| it.shared.is_some()) {
            return ForeignReach::Nowhere {
                why: "its calendars show everybody's shifts, and nobody's own events".to_owned(),
                hint: "leave the key out, or mirror to everybody's own calendars".to_owned(),
            };
        }
        let needs = |scope: Scope| format!("delegate `{}` to the service account", scope.url());
        match access {
            ForeignAccess::None => ForeignReach::Nowhere {
                why: format!(
                    "the scope `{}` shows our own calendars and nothing else",
                    Scope::AppCreated.url()
                ),
                hint: format!(
                    "set `foreign_events = \"read\"` and {}; to change events, \"change\" and `{}`",
                    needs(Scope::EventsOwnedReadonly),
                    Scope::EventsOwned.url()
                ),
            },
            ForeignAccess::Read => ForeignReach::ReadOnly {
                hint: format!(
                    "set `foreign_events = \"change\"` and {}",
                    needs(Scope::EventsOwned)
                ),
            },
            ForeignAccess::Change => ForeignReach::Always,
        }
    }

    fn mirror(
        &self,
        context: &ConnectionContext,
        mirror: &MirrorContext,
        config: &dyn MirrorConfig,
    ) -> Result<MirrorParts, ConnectionError> {
        let config: &dyn Any = config;
        let Some(config) = config.downcast_ref::<GoogleMirrorConfig>() else {
            let role = "the target of a mirror of another kind";
            return Err(ConnectionError::Role { kind: super::KIND, role });
        };
        let (home, scopes) = config.checked()?;
        // Another calendar of theirs is found by its name, in the list of their calendars.
        let sees = config.foreign_events != ForeignAccess::None;
        let wishes_in = mirror.wishes_in.clone().filter(|_| sees).map(|it| it.trim().to_owned());
        let listing = wishes_in.iter().map(|_| Scope::CalendarListReadonly);
        let scopes = Scopes::of(scopes.iter().chain(listing));
        let connection = self.connection(context)?;
        let target = Arc::new(GoogleTarget::new(Setup {
            mirror: mirror.name.clone(),
            time_zone: mirror.time_zone.clone(),
            connection: Arc::clone(&connection),
            home,
            shared_with: config.shared_with,
            scopes,
            foreign: config.foreign_events,
            wishes_in,
        }));
        connection.add(&mirror.name, &target);
        let foreign: Option<Arc<dyn ForeignEvents>> = match config.foreign_events {
            ForeignAccess::None => None,
            ForeignAccess::Read | ForeignAccess::Change => {
                let access = config.foreign_events;
                Some(Arc::new(GoogleForeign::new(Arc::clone(&target), access)))
            }
        };
        Ok(MirrorParts { foreign, ..MirrorParts::push_only(target) })
    }
}
