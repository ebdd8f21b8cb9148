//! The keys of a `scal` connection.

use std::path::PathBuf;
use std::sync::Arc;

use domain::limits::REQUEST_TIMEOUT;
use engine::port::{Decider, Hooks, Source};
use schemars::JsonSchema;
use serde::Deserialize;
use url::{Host, Url};

use super::client::{Client, Setup};
use super::provider::ScalSource;
use crate::secret::read_secret;
use crate::transport::{HttpClient, HttpOptions, tls_config};
use crate::{
    ConnectionConfig, ConnectionContext, ConnectionError, MirrorConfig, MirrorContext, MirrorParts,
};

const PAGE_SIZE_MAX: u32 = 1000;

/// Which server, and as whom.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScalConfig {
    /// The server, as its clients reach it: `https://scal.example.com`.
    pub url: String,
    /// The client's id there.
    pub client_id: String,
    /// A file that holds the client's secret.
    pub client_secret_file: PathBuf,
    /// A file with certificate authorities in PEM form, trusted beside the machine's own.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Entities asked for at once, 1 to 1000.
    #[serde(default = "page_size")]
    #[schemars(range(min = 1, max = 1000))]
    pub page_size: u32,
    /// Whether `http://` is fine for a server that is not this machine. Everybody on the way can
    /// then read the credentials.
    #[serde(default)]
    pub allow_http: bool,
}

const fn page_size() -> u32 {
    500
}

fn wrong(key: &'static str, message: impl Into<String>) -> ConnectionError {
    ConnectionError::Key { key, message: message.into() }
}

impl ScalConfig {
    fn checked_url(&self) -> Result<Url, ConnectionError> {
        let expected = "expected the server's address, such as `https://scal.example.com`";
        let url = Url::parse(&self.url);
        let url = url.map_err(|error| wrong("url", format!("{error}; {expected}")))?;
        let is_here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" => {}
            "http" if is_here || self.allow_http => {}
            "http" => {
                let message = "`http` would send the secret in the clear; expected `https`, or \
                               `allow_http = true`";
                return Err(wrong("url", message));
            }
            _ => return Err(wrong("url", expected)),
        }
        if !url.username().is_empty() || url.password().is_some() {
            let instead = "expected `client_id` and `client_secret_file` instead";
            return Err(wrong("url", format!("holds credentials; {instead}")));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("url", format!("holds `?` or `#`; {expected}")));
        }
        if url.path().contains("/api/v2") {
            let message = format!("ends with `/api/v2…`, which is added to it; {expected}");
            return Err(wrong("url", message));
        }
        Ok(url)
    }

    fn client(&self, context: &ConnectionContext) -> Result<Client, ConnectionError> {
        let url = self.checked_url()?;
        let secret = read_secret(&context.base, "client_secret_file", &self.client_secret_file)?;
        let ca_file = self.ca_file.as_ref().map(|path| context.base.join(path));
        let tls =
            tls_config(ca_file.as_deref()).map_err(|error| wrong("ca_file", error.to_string()))?;
        let options = HttpOptions { timeout: REQUEST_TIMEOUT, idle_max: 1 };
        let http = HttpClient::new(&url, tls, options)
            .ok_or_else(|| wrong("url", "has no host that can be reached"))?;
        Ok(Client::new(Setup {
            http,
            base_path: url.path().trim_end_matches('/').to_owned(),
            client_id: self.client_id.clone(),
            secret,
            clock: Arc::clone(&context.clock),
            entropy: Arc::clone(&context.entropy),
        }))
    }
}

impl ConnectionConfig for ScalConfig {
    fn validate(&self) -> Result<(), ConnectionError> {
        self.checked_url()?;
        if self.client_id.trim().is_empty() {
            return Err(wrong("client_id", "is empty"));
        }
        if !(1..=PAGE_SIZE_MAX).contains(&self.page_size) {
            let found = self.page_size;
            return Err(wrong("page_size", format!("{found} found, expected 1 to 1000")));
        }
        Ok(())
    }

    fn source(&self, context: &ConnectionContext) -> Result<Arc<dyn Source>, ConnectionError> {
        let client = self.client(context)?;
        let subject = format!("connection {}", context.name);
        Ok(Arc::new(ScalSource { client, subject, page_size: self.page_size }))
    }

    fn api_client_id(&self) -> Option<&str> {
        Some(&self.client_id)
    }

    fn decider(
        &self,
        _context: &ConnectionContext,
    ) -> Result<Option<Arc<dyn Decider>>, ConnectionError> {
        Ok(None)
    }

    fn hooks(
        &self,
        _context: &ConnectionContext,
    ) -> Result<Option<Arc<dyn Hooks>>, ConnectionError> {
        Ok(None)
    }

    fn mirror(
        &self,
        _context: &ConnectionContext,
        _mirror: &MirrorContext,
        _config: &dyn MirrorConfig,
    ) -> Result<MirrorParts, ConnectionError> {
        Err(ConnectionError::Role { kind: "scal", role: "the target of a mirror" })
    }
}
