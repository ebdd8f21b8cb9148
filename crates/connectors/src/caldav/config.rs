//! The keys of a `caldav` connection, and those of a `caldav` mirror.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::CalendarKey;
use domain::limits::REQUEST_TIMEOUT;
use engine::port::{Decider, Hooks, Source};
use http::HeaderValue;
use jiff::SignedDuration;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Deserialize;
use url::Url;

use super::client::Client;
use super::discovery::is_this_machine;
use super::foreign::CaldavForeign;
use super::map::Template;
use super::provider::{CaldavTarget, Setup};
use crate::secret::read_secret;
use crate::transport::{HttpClient, HttpOptions, tls_config};
use crate::{
    ConnectionConfig, ConnectionContext, ConnectionError, ForeignReach, MirrorConfig,
    MirrorContext, MirrorParts,
};

/// Requests under way at once, unless the operator says otherwise. Four saturate the servers we
/// measured; Radicale handles them one by one anyway.
const CONCURRENCY_DEFAULT: usize = 4;
const CONCURRENCY_MAX: usize = 64;
const TIMEOUT_MIN: Duration = Duration::from_millis(100);

/// Which server, and as whom.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaldavConfig {
    /// The server: the folder below which a mirror's `collection` lies
    /// (`https://cloud.example.com/remote.php/dav/calendars/rota`), or, for a mirror without
    /// `collection`, any address from which the account's calendars can be discovered.
    pub url: String,
    /// The account's name.
    #[serde(default)]
    pub username: Option<String>,
    /// A file that holds the account's password; often an app password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// A file that holds a bearer token, instead of name and password.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// A file with certificate authorities in PEM form, trusted beside the machine's own.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Requests under way at once, 1 to 64.
    #[serde(default = "concurrency_default")]
    pub concurrency: usize,
    /// How long one request may take, up to `20s`, which is the default.
    #[serde(default)]
    pub timeout: Option<String>,
    /// Whether `http://` is fine for a server that is not this machine. Everybody on the way can
    /// then read the credentials.
    #[serde(default)]
    pub allow_http: bool,
}

const fn concurrency_default() -> usize {
    CONCURRENCY_DEFAULT
}

/// Where in the account the items go.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaldavMirrorConfig {
    /// The collection below the connection's URL, made if missing: `{employee}`, `{email}` and
    /// `{group}` are filled in, with other characters than `A-Z a-z 0-9 _ -` as `-`. Left out:
    /// `{employee}/` below the calendar home that the server names.
    #[serde(default)]
    pub collection: Option<String>,
    /// Other collections below the connection's URL in which the same people have events of their
    /// own, spelled like `collection`: what overlaps a shift there is a conflict.
    #[serde(default)]
    pub conflict_collections: Vec<String>,
}

impl CaldavConfig {
    fn checked(&self) -> Result<Checked, ConnectionError> {
        let url = self.checked_url()?;
        let credentials = match (&self.username, &self.password_file, &self.token_file) {
            (Some(name), Some(file), None) => Credentials::Password(name.clone(), file.clone()),
            (None, None, Some(file)) => Credentials::Token(file.clone()),
            (None, None, None) => Credentials::None,
            (_, Some(_), Some(_)) => {
                let message = "cannot stand beside `password_file`; expected one of them";
                return Err(wrong("token_file", message));
            }
            (Some(_), None, Some(_)) => {
                let message = "cannot stand beside `token_file`; a token names its account";
                return Err(wrong("username", message));
            }
            (None, Some(_), None) => {
                return Err(wrong("username", "missing; `password_file` needs it"));
            }
            (Some(_), None, None) => {
                return Err(wrong("password_file", "missing; `username` needs it"));
            }
        };
        if matches!(&credentials, Credentials::Password(name, _) if name.contains(':')) {
            let message = "holds a `:`, which HTTP Basic cannot carry (RFC 7617 §2)";
            return Err(wrong("username", message));
        }
        if !(1..=CONCURRENCY_MAX).contains(&self.concurrency) {
            let message = format!("{} found, expected 1 to {CONCURRENCY_MAX}", self.concurrency);
            return Err(wrong("concurrency", message));
        }
        Ok(Checked { url, credentials, timeout: self.checked_timeout()? })
    }

    fn checked_url(&self) -> Result<Url, ConnectionError> {
        let bad = |message: String| wrong("url", message);
        let mut url = Url::parse(&self.url).map_err(|error| {
            let expected = "expected the server's address, such as `https://dav.example.com/`";
            bad(format!("{error}; {expected}"))
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            let found = url.scheme();
            return Err(bad(format!("scheme `{found}` found, expected `https`")));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let expected = "expected `username` and `password_file` instead";
            return Err(bad(format!("holds credentials; {expected}")));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("holds `?` or `#`; expected scheme, host and path".into()));
        }
        if url.host().is_none() {
            return Err(bad("has no host".into()));
        }
        if url.scheme() == "http" && !is_this_machine(&url) && !self.allow_http {
            let why = "credentials could be read on the way";
            let expected = "expected `https`, or `allow_http = true` if the network is trusted";
            return Err(bad(format!("scheme `http` found: {why}; {expected}")));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(url)
    }

    fn checked_timeout(&self) -> Result<Duration, ConnectionError> {
        let Some(text) = &self.timeout else {
            return Ok(REQUEST_TIMEOUT);
        };
        let parsed = text.parse::<SignedDuration>().ok();
        let parsed = parsed.and_then(|duration| Duration::try_from(duration).ok());
        parsed.filter(|timeout| (TIMEOUT_MIN..=REQUEST_TIMEOUT).contains(timeout)).ok_or_else(
            || {
                let expected = format!("expected {TIMEOUT_MIN:?} to {REQUEST_TIMEOUT:?}");
                wrong("timeout", format!("`{text}` found, {expected}"))
            },
        )
    }
}

fn wrong(key: &'static str, message: impl Into<String>) -> ConnectionError {
    ConnectionError::Key { key, message: message.into() }
}

struct Checked {
    url: Url,
    credentials: Credentials,
    timeout: Duration,
}

enum Credentials {
    None,
    Password(String, PathBuf),
    Token(PathBuf),
}

impl Credentials {
    /// The value of `Authorization`, marked so that nothing prints it.
    fn header(&self, base: &Path) -> Result<Option<HeaderValue>, ConnectionError> {
        let (key, text) = match self {
            Self::None => return Ok(None),
            Self::Password(name, file) => {
                let password = read_secret(base, "password_file", file)?;
                let pair = format!("{name}:{}", password.expose_secret());
                ("password_file", format!("Basic {}", STANDARD.encode(pair)))
            }
            Self::Token(file) => {
                let token = read_secret(base, "token_file", file)?;
                ("token_file", format!("Bearer {}", token.expose_secret()))
            }
        };
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| wrong(key, "holds a control character; expected one line of text"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

impl ConnectionConfig for CaldavConfig {
    fn validate(&self) -> Result<(), ConnectionError> {
        self.checked().map(|_| ())
    }

    fn source(&self, _: &ConnectionContext) -> Result<Arc<dyn Source>, ConnectionError> {
        Err(ConnectionError::Role { kind: super::KIND, role: "the source of a roster" })
    }

    fn decider(&self, _: &ConnectionContext) -> Result<Option<Arc<dyn Decider>>, ConnectionError> {
        Ok(None)
    }

    fn hooks(&self, _: &ConnectionContext) -> Result<Option<Arc<dyn Hooks>>, ConnectionError> {
        Ok(None)
    }

    fn mirror(
        &self,
        context: &ConnectionContext,
        mirror: &MirrorContext,
        config: &dyn MirrorConfig,
    ) -> Result<MirrorParts, ConnectionError> {
        let config: &dyn Any = config;
        let Some(config) = config.downcast_ref::<CaldavMirrorConfig>() else {
            return Err(ConnectionError::Role {
                kind: super::KIND,
                role: "the target of a mirror of another kind",
            });
        };
        let Checked { url, credentials, timeout } = self.checked()?;
        let authorization = credentials.header(&context.base)?;
        let ca_file = self.ca_file.as_ref().map(|file| context.base.join(file));
        let tls = tls_config(ca_file.as_deref()).map_err(|error| ConnectionError::File {
            key: "ca_file",
            path: ca_file.unwrap_or_default().display().to_string(),
            detail: error.to_string(),
        })?;
        let options = HttpOptions { timeout, idle_max: self.concurrency };
        let Some(http) = HttpClient::new(&url, tls, options) else {
            return Err(wrong("url", "the host is no host name or address"));
        };
        let template = config.template()?;
        let target = Arc::new(CaldavTarget::new(Setup {
            mirror: mirror.name.clone(),
            connection: context.name.clone(),
            clock: Arc::clone(&context.clock),
            client: Client::new(http, url.clone(), authorization),
            url,
            discovers: config.collection.is_none(),
            template: template.clone(),
            concurrency: self.concurrency,
        }));
        let others = config.conflict_templates()?;
        let foreign = CaldavForeign::new(Arc::clone(&target), template, others);
        Ok(MirrorParts { foreign: Some(Arc::new(foreign)), ..MirrorParts::push_only(target) })
    }

    fn foreign(&self, mirror: &dyn MirrorConfig) -> ForeignReach {
        let mirror: &dyn Any = mirror;
        let config = mirror.downcast_ref::<CaldavMirrorConfig>();
        match config.filter(|it| it.template().is_ok_and(|it| it.is_personal())) {
            None => ForeignReach::Nowhere {
                why: "its collections belong to no single person".to_owned(),
                hint: "`collection` needs `{employee}` or `{email}`".to_owned(),
            },
            Some(config) if config.conflict_collections.is_empty() => ForeignReach::OnRequest,
            Some(_) => ForeignReach::Always,
        }
    }
}

impl CaldavMirrorConfig {
    fn template(&self) -> Result<Template, ConnectionError> {
        let text = self.collection.as_deref().unwrap_or("{employee}/");
        Template::parse(text).map_err(|message| wrong("collection", message))
    }

    fn conflict_templates(&self) -> Result<Vec<Template>, ConnectionError> {
        let parse = |text: &String| {
            Template::parse(text).map_err(|message| wrong("conflict_collections", message))
        };
        self.conflict_collections.iter().map(parse).collect()
    }
}

impl MirrorConfig for CaldavMirrorConfig {
    fn validate(&self) -> Result<(), ConnectionError> {
        self.template()?;
        for template in self.conflict_templates()? {
            if !template.is_personal() {
                let message = format!("`{}` belongs to no single person", template.as_str());
                return Err(wrong("conflict_collections", message));
            }
        }
        Ok(())
    }

    fn is_personal(&self) -> bool {
        self.template().is_ok_and(|template| template.is_personal())
    }

    fn wishes_in(&self, name: &str) -> Result<(), (String, String)> {
        let read = self.conflict_templates().unwrap_or_default();
        if read.iter().any(|it| it.is_called(name)) {
            return Ok(());
        }
        let found: Vec<String> = read.iter().map(|it| format!("`{}`", it.as_str())).collect();
        let found = match found.is_empty() {
            true => "has none".to_owned(),
            false => format!("has {}", found.join(", ")),
        };
        let message = format!(
            "`calendar` is `{name}`, and only collections that `conflict_collections` names are \
             read, which {found}; expected the last part of one of them, the same for everybody"
        );
        let hint = format!(
            "such as `conflict_collections = [\"{{employee}}/{}/\"]`",
            name.trim_matches('/').rsplit('/').next().unwrap_or_default()
        );
        Err((message, hint))
    }

    fn group_calendar(&self, name: &str) -> Result<CalendarKey, String> {
        Template::parse(name)?.collection()
    }

    fn profile(&self) -> String {
        match &self.collection {
            None => "caldav discovered {employee}/".into(),
            Some(text) => match Template::parse(text) {
                Ok(template) => format!("caldav {}", template.as_str()),
                Err(_) => format!("caldav {text}"),
            },
        }
    }
}
