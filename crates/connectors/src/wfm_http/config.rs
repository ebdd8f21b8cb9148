//! The keys of a `wfm_http` connection.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::CommandKind;
use domain::limits::REQUEST_TIMEOUT;
use engine::port::{Decider, Hooks, Source};
use http::HeaderValue;
use jiff::SignedDuration;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Host, Url};

use super::client::Wfm;
use super::inbound::{SignedHooks, key_of};
use super::provider::{Known, WfmDecider, WfmSource};
use crate::secret::read_secret;
use crate::transport::{HttpClient, HttpOptions, tls_config};
use crate::{
    ConnectionConfig, ConnectionContext, ConnectionError, MirrorConfig, MirrorContext, MirrorParts,
};

const TIMEOUT_MIN: Duration = Duration::from_millis(100);
const REQUESTS_PER_MINUTE_MAX: u32 = 60_000;

/// Where the system is, and what it is asked.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WfmHttpConfig {
    /// Where the contract is served (`https://wfm.example.com/rota`): `/capabilities`,
    /// `/schedule` and the others lie below.
    pub url: String,
    /// A file that holds the bearer token.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// A file that holds the secret that webhooks are signed with (`whsec_…`). Without it, hints
    /// are refused and the schedule is only polled.
    #[serde(default)]
    pub webhook_secret_file: Option<PathBuf>,
    /// A file with certificate authorities in PEM form, trusted beside the machine's own.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// What the system is asked to decide, of what its capabilities offer. Left out: nothing is
    /// held back.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub decides: Option<BTreeSet<CommandKind>>,
    /// What it grants without a manager: such requests are approved in the mirror by themselves.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub automatic: BTreeSet<CommandKind>,
    /// What happens when an entity cannot be read.
    #[serde(default)]
    pub on_bad_entity: BadEntityPolicy,
    /// Whether what is not published yet is shown, too.
    #[serde(default)]
    pub include_drafts: bool,
    /// Most requests in a minute; left out: what the capabilities say, or 300.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// How long one request may take, up to `20s`, which is the default.
    #[serde(default)]
    pub timeout: Option<String>,
    /// Whether `http://` is fine for a server that is not this machine. Everybody on the way can
    /// then read the token and the schedule.
    #[serde(default)]
    pub allow_http: bool,
    #[serde(skip)]
    shared: Shared,
}

/// The one system that all uses of this section share, with one budget.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Option<Arc<Known>>>>);

/// What happens when an entity cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BadEntityPolicy {
    /// Nothing is taken from the reading.
    #[default]
    Refuse,
    /// The entity is left out and reported; then nothing is deleted for being absent.
    Skip,
}

impl WfmHttpConfig {
    /// Everything left out, for one address.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            token_file: None,
            webhook_secret_file: None,
            ca_file: None,
            decides: None,
            automatic: BTreeSet::new(),
            on_bad_entity: BadEntityPolicy::Refuse,
            include_drafts: false,
            requests_per_minute: None,
            timeout: None,
            allow_http: false,
            shared: Shared::default(),
        }
    }

    fn checked_url(&self) -> Result<Url, ConnectionError> {
        let bad = |message: String| wrong("url", message);
        let url = Url::parse(&self.url).map_err(|error| {
            bad(format!("{error}; expected an address like `https://wfm.example.com/rota`"))
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad(format!("scheme `{}` found, expected `https`", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("holds credentials; expected `token_file` instead".into()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("holds `?` or `#`; expected scheme, host and path".into()));
        }
        let path = url.path().trim_end_matches('/');
        if let Some(end) = ["/capabilities", "/schedule"].into_iter().find(|it| path.ends_with(it))
        {
            return Err(bad(format!("ends with `{end}`, which is added to it")));
        }
        if url.scheme() == "http" && !is_this_machine(&url) && !self.allow_http {
            let why = "the token and the schedule could be read on the way";
            let expected = "expected `https`, or `allow_http = true` if the network is trusted";
            return Err(bad(format!("scheme `http` found: {why}; {expected}")));
        }
        Ok(url)
    }

    fn checked_timeout(&self) -> Result<Duration, ConnectionError> {
        let Some(text) = &self.timeout else {
            return Ok(REQUEST_TIMEOUT);
        };
        let parsed = text.parse::<SignedDuration>().ok();
        let parsed = parsed.and_then(|duration| Duration::try_from(duration).ok());
        let inside = parsed.filter(|it| (TIMEOUT_MIN..=REQUEST_TIMEOUT).contains(it));
        inside.ok_or_else(|| {
            let expected = format!("expected {TIMEOUT_MIN:?} to {REQUEST_TIMEOUT:?}");
            wrong("timeout", format!("`{text}` found, {expected}"))
        })
    }

    /// The system; made at the first call, and the same one ever after.
    ///
    /// # Errors
    /// When a key is wrong, or a secret or file cannot be read.
    fn known(&self, context: &ConnectionContext) -> Result<Arc<Known>, ConnectionError> {
        let mut shared = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*shared {
            return Ok(Arc::clone(known));
        }
        let token = match &self.token_file {
            None => None,
            Some(file) => Some(read_secret(&context.base, "token_file", file)?),
        };
        let wfm = self.client_with(token.as_ref(), context)?;
        let known = Arc::new(Known::new(wfm, Arc::clone(&context.clock)));
        *shared = Some(Arc::clone(&known));
        Ok(known)
    }

    /// The way there, with this token.
    ///
    /// # Errors
    /// When a key is wrong, or a file cannot be read.
    pub(super) fn client_with(
        &self,
        token: Option<&SecretString>,
        context: &ConnectionContext,
    ) -> Result<Wfm, ConnectionError> {
        let url = self.checked_url()?;
        let ca_file = self.ca_file.as_ref().map(|file| context.base.join(file));
        let tls = tls_config(ca_file.as_deref()).map_err(|error| ConnectionError::File {
            key: "ca_file",
            path: ca_file.unwrap_or_default().display().to_string(),
            detail: error.to_string(),
        })?;
        let options = HttpOptions { timeout: self.checked_timeout()?, idle_max: 4 };
        let Some(http) = HttpClient::new(&url, tls, options) else {
            return Err(wrong("url", "the host is no host name or address"));
        };
        let authorization = token.map(bearer).transpose()?;
        let budget = self.requests_per_minute;
        let (clock, entropy) = (Arc::clone(&context.clock), Arc::clone(&context.entropy));
        Ok(Wfm::new(http, url.path(), authorization, budget, clock, entropy))
    }
}

/// Whether `http` to this host stays on this machine.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn bearer(token: &SecretString) -> Result<HeaderValue, ConnectionError> {
    let text = format!("Bearer {}", token.expose_secret());
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| wrong("token_file", "holds a control character; expected one line of text"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn wrong(key: &'static str, message: impl Into<String>) -> ConnectionError {
    ConnectionError::Key { key, message: message.into() }
}

impl ConnectionConfig for WfmHttpConfig {
    fn validate(&self) -> Result<(), ConnectionError> {
        self.checked_url()?;
        self.checked_timeout()?;
        if let Some(found) = self.requests_per_minute
            && !(1..=REQUESTS_PER_MINUTE_MAX).contains(&found)
        {
            let message = format!("{found} found, expected 1 to {REQUESTS_PER_MINUTE_MAX}");
            return Err(wrong("requests_per_minute", message));
        }
        let held_back = |kind: &&CommandKind| {
            self.decides.as_ref().is_some_and(|decides| !decides.contains(kind))
        };
        match self.automatic.iter().find(held_back) {
            Some(other) => Err(wrong("automatic", format!("`{other}` is not among `decides`"))),
            None => Ok(()),
        }
    }

    fn decides(&self) -> Option<BTreeSet<CommandKind>> {
        self.decides.clone()
    }

    fn source(&self, context: &ConnectionContext) -> Result<Arc<dyn Source>, ConnectionError> {
        self.validate()?;
        Ok(Arc::new(WfmSource::new(self.known(context)?, self, context)))
    }

    fn decider(
        &self,
        context: &ConnectionContext,
    ) -> Result<Option<Arc<dyn Decider>>, ConnectionError> {
        let all = || CommandKind::ALL.into_iter().collect();
        let decides = self.decides.clone().unwrap_or_else(all);
        let automatic = self.automatic.clone();
        Ok(Some(Arc::new(WfmDecider::new(self.known(context)?, decides, automatic))))
    }

    fn hooks(
        &self,
        context: &ConnectionContext,
    ) -> Result<Option<Arc<dyn Hooks>>, ConnectionError> {
        let Some(file) = &self.webhook_secret_file else {
            return Ok(None);
        };
        let secret = read_secret(&context.base, "webhook_secret_file", file)?;
        let key = key_of(&secret).map_err(|message| wrong("webhook_secret_file", message))?;
        Ok(Some(Arc::new(SignedHooks::new(key, Arc::clone(&context.clock)))))
    }

    fn mirror(
        &self,
        _: &ConnectionContext,
        _: &MirrorContext,
        _: &dyn MirrorConfig,
    ) -> Result<MirrorParts, ConnectionError> {
        Err(ConnectionError::Role { kind: super::KIND, role: "the target of a mirror" })
    }
}
