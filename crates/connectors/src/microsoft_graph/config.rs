//! The keys of a `microsoft_graph` connection.

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use engine::port::{Decider, Hooks, Source};
use schemars::JsonSchema;
use serde::Deserialize;
use url::{Host, Url};

use super::connection::{Connection, Settings};
use super::credential::CredentialFiles;
use super::hooks::GraphHooks;
use super::outlook;
use super::outlook::config::OutlookMirrorConfig;
use super::shifts;
use super::shifts::config::ShiftsMirrorConfig;
use crate::transport::Dial;
use crate::{
    ConnectionConfig, ConnectionContext, ConnectionError, ForeignReach, MirrorConfig,
    MirrorContext, MirrorParts,
};

const GRAPH_URL: &str = "https://graph.microsoft.com";
const LOGIN_URL: &str = "https://login.microsoftonline.com";
/// Which addresses belong together (Learn, "Microsoft Graph national cloud deployments").
const CLOUDS: [(&str, &[&str]); 4] = [
    ("graph.microsoft.com", &["login.microsoftonline.com", "login.windows.net"]),
    ("graph.microsoft.us", &["login.microsoftonline.us"]),
    ("dod-graph.microsoft.us", &["login.microsoftonline.us"]),
    (
        "microsoftgraph.chinacloudapi.cn",
        &["login.chinacloudapi.cn", "login.partner.microsoftonline.cn"],
    ),
];

/// Shifts' budgets (Learn, "Microsoft Graph service-specific throttling limits", Teams): requests
/// per second of one application in one tenant, and on one team.
const RATE_DEFAULT: u32 = 30;
const RATE_PER_TEAM_DEFAULT: u32 = 4;
const RATE_MAX: u32 = 1000;
/// Enough for 30 requests per second that take half a second each.
const CONCURRENCY_DEFAULT: usize = 16;
const CONCURRENCY_MAX: usize = 64;
/// Bytes of a tenant's or an application's id: a GUID has 36, a domain name up to 253.
const ID_BYTES_MAX: usize = 253;
const TENANT_EXPECTED: &str = "the tenant's GUID, or one of its domain names";
const CLIENT_EXPECTED: &str = "the GUID that Entra shows";

/// Which tenant, and as which application.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MicrosoftGraphConfig {
    /// The tenant: its id, or one of its domain names.
    pub tenant_id: String,
    /// The application's (client) id.
    pub client_id: String,
    /// A file that holds the application's client secret.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// A file that holds a certificate of the application in PEM form, instead of a secret.
    #[serde(default)]
    pub certificate_file: Option<PathBuf>,
    /// A file that holds the RSA key of that certificate in PEM form, not encrypted.
    #[serde(default)]
    pub private_key_file: Option<PathBuf>,
    /// Where Graph is; another one in national clouds.
    #[serde(default = "graph_url_default")]
    pub graph_url: String,
    /// Where Entra is; another one in national clouds.
    #[serde(default = "login_url_default")]
    pub login_url: String,
    /// A file with certificate authorities in PEM form, trusted beside the machine's own.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Requests per second over the whole connection, 1 to 1000.
    #[serde(default = "rate_default")]
    pub requests_per_second: u32,
    /// Requests per second on one team, 1 to 1000.
    #[serde(default = "rate_per_team_default")]
    pub requests_per_second_per_team: u32,
    /// Requests under way at once, 1 to 64.
    #[serde(default = "concurrency_default")]
    pub concurrency: usize,
    #[serde(skip)]
    shared: Shared,
    #[serde(skip)]
    way: Way,
}

/// How Graph is reached, where not over TCP.
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

fn graph_url_default() -> String {
    GRAPH_URL.into()
}

fn login_url_default() -> String {
    LOGIN_URL.into()
}

const fn rate_default() -> u32 {
    RATE_DEFAULT
}

const fn rate_per_team_default() -> u32 {
    RATE_PER_TEAM_DEFAULT
}

const fn concurrency_default() -> usize {
    CONCURRENCY_DEFAULT
}

impl MicrosoftGraphConfig {
    /// The same, reached by `dial` in place of TCP; before a connection is made.
    #[must_use]
    pub fn reached_by(mut self, dial: Arc<dyn Dial>) -> Self {
        self.way = Way(Some(dial));
        self
    }

    /// The connection; made at the first call, and the same one ever after.
    ///
    /// # Errors
    /// When a key is wrong, or a file that it names cannot be read.
    pub fn connection(
        &self,
        context: &ConnectionContext,
    ) -> Result<Arc<Connection>, ConnectionError> {
        let mut shared = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &*shared {
            return Ok(Arc::clone(connection));
        }
        let connection = Connection::new(&self.checked()?, context)?;
        *shared = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn checked(&self) -> Result<Settings, ConnectionError> {
        let tenant_id = checked_id("tenant_id", &self.tenant_id, TENANT_EXPECTED)?;
        if matches!(tenant_id, "common" | "organizations" | "consumers") {
            let message = format!("`{tenant_id}` is no tenant; expected {TENANT_EXPECTED}");
            return Err(wrong("tenant_id", message));
        }
        let client_id = checked_id("client_id", &self.client_id, CLIENT_EXPECTED)?;
        let graph_url = checked_url("graph_url", &self.graph_url)?;
        let login_url = checked_url("login_url", &self.login_url)?;
        check_cloud(&graph_url, &login_url)?;
        let rates = [
            ("requests_per_second", self.requests_per_second),
            ("requests_per_second_per_team", self.requests_per_second_per_team),
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
        Ok(Settings {
            tenant_id: tenant_id.to_owned(),
            client_id: client_id.to_owned(),
            credential: self.checked_credential()?,
            graph_url,
            login_url,
            ca_file: self.ca_file.clone(),
            requests_per_second: self.requests_per_second,
            requests_per_second_per_team: self.requests_per_second_per_team,
            concurrency: self.concurrency,
            dial: self.way.0.clone(),
        })
    }

    /// Shifts is not in Graph's national clouds (Learn, "schedule resource type", availability).
    fn check_global_cloud(&self) -> Result<(), ConnectionError> {
        let url = checked_url("graph_url", &self.graph_url)?;
        let host = url.host_str().unwrap_or_default();
        let [(global, _), national @ ..] = CLOUDS;
        if !national.iter().any(|(it, _)| *it == host) {
            return Ok(());
        }
        let message = format!(
            "`{host}` found, which is a national cloud; Shifts is in the global cloud only, \
             `{global}`"
        );
        Err(wrong("graph_url", message))
    }

    fn checked_credential(&self) -> Result<CredentialFiles, ConnectionError> {
        let one = "expected one of them";
        match (&self.client_secret_file, &self.certificate_file, &self.private_key_file) {
            (Some(secret), None, None) => Ok(CredentialFiles::Secret(secret.clone())),
            (None, Some(certificate), Some(private_key)) => Ok(CredentialFiles::Certificate {
                certificate: certificate.clone(),
                private_key: private_key.clone(),
            }),
            (Some(_), Some(_), _) => {
                let message = format!("cannot stand beside `client_secret_file`; {one}");
                Err(wrong("certificate_file", message))
            }
            (Some(_), None, Some(_)) => {
                let message = format!("cannot stand beside `client_secret_file`; {one}");
                Err(wrong("private_key_file", message))
            }
            (None, Some(_), None) => {
                Err(wrong("private_key_file", "missing; `certificate_file` needs it"))
            }
            (None, None, Some(_)) => {
                Err(wrong("certificate_file", "missing; `private_key_file` needs it"))
            }
            (None, None, None) => {
                let expected = "expected it, or `certificate_file` and `private_key_file`";
                Err(wrong("client_secret_file", format!("missing; {expected}")))
            }
        }
    }
}

/// An id goes into paths, so it holds nothing that means something there.
fn checked_id<'a>(
    key: &'static str,
    id: &'a str,
    expected: &str,
) -> Result<&'a str, ConnectionError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if id.is_empty() {
        return Err(wrong(key, format!("is empty; expected {expected}")));
    }
    if id.len() > ID_BYTES_MAX || !id.chars().all(plain) || id.chars().all(|c| c == '.') {
        let found = id.chars().find(|c| !plain(*c));
        let found = found.map_or("a length out of bounds".into(), |c| format!("{c:?}"));
        return Err(wrong(key, format!("{found} found, expected {expected}")));
    }
    Ok(id)
}

fn checked_url(key: &'static str, text: &str) -> Result<Url, ConnectionError> {
    let bad = |message: String| wrong(key, message);
    let url = Url::parse(text)
        .map_err(|error| bad(format!("{error}; expected an address such as `{GRAPH_URL}`")))?;
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
    let last = url.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if matches!(last, "v1.0" | "beta") {
        return Err(bad(format!("ends with `/{last}`; the version is added to it")));
    }
    Ok(url)
}

fn check_cloud(graph: &Url, login: &Url) -> Result<(), ConnectionError> {
    let host = |url: &Url| url.host_str().unwrap_or_default().to_owned();
    let (graph, login) = (host(graph), host(login));
    let of_cloud = CLOUDS.iter().find(|(it, _)| *it == graph);
    let known_login = CLOUDS.iter().any(|(_, all)| all.contains(&login.as_str()));
    match of_cloud {
        Some((_, all)) if known_login && !all.contains(&login.as_str()) => {
            let expected = all.first().copied().unwrap_or_default();
            let message =
                format!("`{login}` found, expected `{expected}`, which belongs to `{graph}`");
            Err(wrong("login_url", message))
        }
        Some(_) | None => Ok(()),
    }
}

fn wrong(key: &'static str, message: impl Into<String>) -> ConnectionError {
    ConnectionError::Key { key, message: message.into() }
}

impl ConnectionConfig for MicrosoftGraphConfig {
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
        Ok(Some(Arc::new(GraphHooks { connection: self.connection(context)? })))
    }

    fn foreign(&self, mirror: &dyn MirrorConfig) -> ForeignReach {
        let mirror: &dyn Any = mirror;
        match mirror.downcast_ref::<OutlookMirrorConfig>() {
            Some(outlook) if outlook.shared.is_none() => ForeignReach::Always,
            Some(_) => ForeignReach::Nowhere {
                why: "its mailbox shows everybody's shifts, and nobody's own events".to_owned(),
                hint: "leave the key out, or mirror to everybody's own mailbox".to_owned(),
            },
            None => ForeignReach::Nowhere {
                why: "Shifts keeps no calendars of people".to_owned(),
                hint: "leave the key out".to_owned(),
            },
        }
    }

    fn mirror(
        &self,
        context: &ConnectionContext,
        mirror: &MirrorContext,
        config: &dyn MirrorConfig,
    ) -> Result<MirrorParts, ConnectionError> {
        // Each kind of mirror takes the shared connection, if `config` is its own.
        let config: &dyn Any = config;
        if let Some(config) = config.downcast_ref::<ShiftsMirrorConfig>() {
            self.check_global_cloud()?;
            let connection = self.connection(context)?;
            return shifts::mirror(&connection, context, mirror, config);
        }
        if let Some(config) = config.downcast_ref::<OutlookMirrorConfig>() {
            let connection = self.connection(context)?;
            return outlook::mirror(&connection, mirror, config);
        }
        let role = "the target of a mirror of another kind";
        Err(ConnectionError::Role { kind: super::KIND, role })
    }
}
