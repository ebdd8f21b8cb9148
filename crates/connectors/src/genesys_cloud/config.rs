//! The keys of a `genesys_cloud` connection.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use domain::CommandKind;
use domain::limits::REQUEST_TIMEOUT;
use engine::port::{Decider, Hooks, Source};
use schemars::JsonSchema;
use serde::Deserialize;
use url::{Host, Url};

use super::client::{Client, ClientParts};
use super::decider::GenesysDecider;
use super::inbound::{Events, secrets_of};
use super::provider::{Genesys, GenesysParts};
use super::token::SignIn;
use crate::secret::read_secret;
use crate::transport::{Dial, HttpClient, HttpOptions, tls_config};
use crate::{
    ConnectionConfig, ConnectionContext, ConnectionError, MirrorConfig, MirrorContext, MirrorParts,
};

/// The regions of SDK 269.0.0 (`purecloud_region_hosts.py`).
const REGIONS: [&str; 18] = [
    "mypurecloud.com",
    "use2.us-gov-pure.cloud",
    "usw2.pure.cloud",
    "cac1.pure.cloud",
    "sae1.pure.cloud",
    "mxc1.pure.cloud",
    "mypurecloud.ie",
    "euw2.pure.cloud",
    "mypurecloud.de",
    "euc2.pure.cloud",
    "mec1.pure.cloud",
    "aps1.pure.cloud",
    "apne2.pure.cloud",
    "apne3.pure.cloud",
    "mypurecloud.jp",
    "mypurecloud.com.au",
    "apse1.pure.cloud",
    "edee1.eusc-pure.cloud",
];
/// What a client-credentials token is granted, unless support raised it (`genesys.md` §1.7).
const RATE_DEFAULT: u32 = 300;
const RATE_MAX: u32 = 100_000;
/// Enough for 300 requests per minute that take most of a second each.
const CONCURRENCY_DEFAULT: usize = 4;
const CONCURRENCY_MAX: usize = 32;
/// Minutes of one day of time off, where nobody says.
const DAY_MINUTES_DEFAULT: u32 = 480;
const DAY_MINUTES: u32 = 24 * 60;
const ID_BYTES_MAX: usize = 128;

/// Which organisation, and as which OAuth client.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GenesysCloudConfig {
    /// The region's domain: `mypurecloud.de`. Not needed where both addresses are given.
    #[serde(default)]
    pub region: Option<String>,
    /// The id of an OAuth client with the grant "client credentials".
    pub client_id: String,
    /// A file that holds its secret.
    pub client_secret_file: PathBuf,
    /// Ids of the business units that are read; all that the client can see when it is empty.
    #[serde(default)]
    pub business_units: Vec<String>,
    /// Where the API is, in place of the region's.
    #[serde(default)]
    pub api_url: Option<String>,
    /// Where one signs in, in place of the region's.
    #[serde(default)]
    pub login_url: Option<String>,
    /// A file with certificate authorities in PEM form, trusted beside the machine's own.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Requests per minute, at most; what the vendor's headers allow, if that is less.
    #[serde(default = "rate_default")]
    pub requests_per_minute: u32,
    /// Requests under way at once, 1 to 32.
    #[serde(default = "concurrency_default")]
    pub concurrency: usize,
    /// Whether approved time-off requests are shown that no schedule has yet.
    #[serde(default = "yes")]
    pub time_off_requests: bool,
    /// Whether a request that was approved from a mirror gets the integration status
    /// `AutomaticallyComplete`. Leave it off where another system takes requests over by it.
    #[serde(default)]
    pub integration_status: bool,
    /// Minutes of work that a whole day of time off stands for, in requests made from a mirror.
    #[serde(default = "day_minutes_default")]
    pub time_off_day_minutes: u32,
    /// Whether swaps are decided that two agents are matched for in Genesys Cloud; the client then
    /// needs `wfm:shiftTradeRequest:edit`.
    #[serde(default)]
    pub shift_trades: bool,
    /// A file with the secret that Amazon EventBridge puts into the header
    /// `x-rotabridge-hook-secret` of what it hands on to `/hooks/{connection}`; one line, or two
    /// while it is changed.
    #[serde(default)]
    pub hook_secret_file: Option<PathBuf>,
    #[serde(skip)]
    shared: Shared,
    #[serde(skip)]
    way: Way,
}

/// How the vendor is reached, where not over TCP.
#[derive(Clone, Default)]
struct Way(Option<Arc<dyn Dial>>);

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Way").field(&self.0.is_some()).finish()
    }
}

/// The one connection that source and decider share: one token, one budget.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Option<Arc<Genesys>>>>);

const fn rate_default() -> u32 {
    RATE_DEFAULT
}

const fn concurrency_default() -> usize {
    CONCURRENCY_DEFAULT
}

const fn yes() -> bool {
    true
}

const fn day_minutes_default() -> u32 {
    DAY_MINUTES_DEFAULT
}

fn wrong(key: &'static str, message: impl Into<String>) -> ConnectionError {
    ConnectionError::Key { key, message: message.into() }
}

impl GenesysCloudConfig {
    /// The same, reached by `dial` in place of TCP; before a connection is made.
    #[must_use]
    pub fn reached_by(mut self, dial: Arc<dyn Dial>) -> Self {
        self.way = Way(Some(dial));
        self
    }

    fn urls(&self) -> Result<(Url, Url), ConnectionError> {
        let of_region = |key, given: &Option<String>, host: &str| match (given, &self.region) {
            (Some(url), _) => checked_url(key, url),
            (None, Some(region)) => checked_url(key, &format!("https://{host}.{region}")),
            (None, None) => {
                let message = "missing; expected a region's domain such as `mypurecloud.de`";
                Err(wrong("region", message))
            }
        };
        if let Some(region) = &self.region
            && !REGIONS.contains(&region.as_str())
            && (self.api_url.is_none() || self.login_url.is_none())
        {
            let known = REGIONS.join("`, `");
            let message =
                format!("`{region}` is no region that is known; expected one of `{known}`");
            return Err(wrong("region", message));
        }
        Ok((
            of_region("api_url", &self.api_url, "api")?,
            of_region("login_url", &self.login_url, "login")?,
        ))
    }

    fn checked(&self) -> Result<(Url, Url), ConnectionError> {
        let plain = |text: &str| {
            let fine = |c: char| c.is_ascii_alphanumeric() || c == '-';
            !text.is_empty() && text.len() <= ID_BYTES_MAX && text.chars().all(fine)
        };
        if !plain(&self.client_id) {
            return Err(wrong(
                "client_id",
                "is no id; expected the one that the OAuth client shows",
            ));
        }
        if let Some(bad) = self.business_units.iter().find(|it| !plain(it)) {
            let message = format!("`{bad}` is no id; expected that of a business unit");
            return Err(wrong("business_units", message));
        }
        let mut ids = self.business_units.clone();
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|it| it[0] == it[1]) {
            return Err(wrong("business_units", format!("`{}` stands there twice", twice[0])));
        }
        if !(1..=RATE_MAX).contains(&self.requests_per_minute) {
            let message = format!("{} found, expected 1 to {RATE_MAX}", self.requests_per_minute);
            return Err(wrong("requests_per_minute", message));
        }
        if !(1..=CONCURRENCY_MAX).contains(&self.concurrency) {
            let message = format!("{} found, expected 1 to {CONCURRENCY_MAX}", self.concurrency);
            return Err(wrong("concurrency", message));
        }
        if !(1..=DAY_MINUTES).contains(&self.time_off_day_minutes) {
            let message =
                format!("{} found, expected 1 to {DAY_MINUTES}", self.time_off_day_minutes);
            return Err(wrong("time_off_day_minutes", message));
        }
        self.urls()
    }

    fn decided(&self) -> BTreeSet<CommandKind> {
        let mut decided: BTreeSet<CommandKind> =
            super::DESCRIPTOR.decides.iter().copied().collect();
        if !self.shift_trades {
            decided.remove(&CommandKind::SwapRequest);
        }
        decided
    }

    /// The connection; made at the first call, and the same one ever after.
    fn connection(&self, context: &ConnectionContext) -> Result<Arc<Genesys>, ConnectionError> {
        let mut shared = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &*shared {
            return Ok(Arc::clone(connection));
        }
        let (api_url, login_url) = self.checked()?;
        let ca_file = self.ca_file.as_ref().map(|file| context.base.join(file));
        let tls = tls_config(ca_file.as_deref()).map_err(|error| ConnectionError::File {
            key: "ca_file",
            path: ca_file.unwrap_or_default().display().to_string(),
            detail: error.to_string(),
        })?;
        let options = HttpOptions { timeout: REQUEST_TIMEOUT, idle_max: self.concurrency };
        let http = |key, url: &Url| {
            let client = HttpClient::new(url, Arc::clone(&tls), options.clone());
            let client = client.ok_or_else(|| wrong(key, "the host is no host name or address"))?;
            Ok::<_, ConnectionError>(client.dialled_by(self.way.0.clone()))
        };
        let path = format!("{}/oauth/token", login_url.path().trim_end_matches('/'));
        let sign_in = SignIn::new(
            http("login_url", &login_url)?,
            (path, self.client_id.clone()),
            (context.base.clone(), self.client_secret_file.clone()),
            Arc::clone(&context.clock),
        )?;
        let client = Client::new(ClientParts {
            http: http("api_url", &api_url)?,
            base: api_url.path().trim_end_matches('/').to_owned(),
            api: api_url.clone(),
            sign_in,
            clock: Arc::clone(&context.clock),
            entropy: Arc::clone(&context.entropy),
            requests_per_minute: self.requests_per_minute,
            concurrency: self.concurrency,
            tls: Arc::clone(&tls),
            options: options.clone(),
            dial: self.way.0.clone(),
        });
        let connection = Arc::new(Genesys::new(GenesysParts {
            name: context.name.clone(),
            client,
            business_units: self.business_units.clone(),
            concurrency: self.concurrency,
            with_requests: self.time_off_requests,
            with_trades: self.shift_trades,
            integrated: self.integration_status,
            hinted: self.hook_secret_file.is_some(),
            day_minutes: self.time_off_day_minutes,
            scope: format!("{api_url} {}", self.business_units.join(" ")),
        }));
        *shared = Some(Arc::clone(&connection));
        Ok(connection)
    }
}

fn checked_url(key: &'static str, text: &str) -> Result<Url, ConnectionError> {
    let bad = |message: String| wrong(key, message);
    let example = "https://api.mypurecloud.de";
    let url = Url::parse(text)
        .map_err(|error| bad(format!("{error}; expected an address such as `{example}`")))?;
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
    if url.path().trim_end_matches('/').ends_with("/api/v2") {
        return Err(bad("ends with `/api/v2`, which is added to it".into()));
    }
    Ok(url)
}

impl ConnectionConfig for GenesysCloudConfig {
    fn validate(&self) -> Result<(), ConnectionError> {
        self.checked().map(|_| ())
    }

    fn source(&self, context: &ConnectionContext) -> Result<Arc<dyn Source>, ConnectionError> {
        Ok(self.connection(context)?)
    }

    fn decider(
        &self,
        context: &ConnectionContext,
    ) -> Result<Option<Arc<dyn Decider>>, ConnectionError> {
        let connection = self.connection(context)?;
        Ok(Some(Arc::new(GenesysDecider::new(connection, self.decided()))))
    }

    fn decides(&self) -> Option<BTreeSet<CommandKind>> {
        Some(self.decided())
    }

    fn hooks(
        &self,
        context: &ConnectionContext,
    ) -> Result<Option<Arc<dyn Hooks>>, ConnectionError> {
        let Some(file) = &self.hook_secret_file else { return Ok(None) };
        let text = read_secret(&context.base, "hook_secret_file", file)?;
        let secrets = secrets_of(&text).map_err(|message| wrong("hook_secret_file", message))?;
        let events = Events::new(self.connection(context)?, secrets, Arc::clone(&context.clock));
        Ok(Some(Arc::new(events)))
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
