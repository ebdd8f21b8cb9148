//! `[store]`: where everything is kept.

use std::path::{Path, PathBuf};

use connectors::ConnectionError;
use connectors::secret::read_secret;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::reader::{Faults, Section};
use super::secrets::holds_password;

/// `[store]`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreSection {
    /// `sqlite://` and a path, or `postgres://name@host/database`.
    #[serde(default = "url")]
    pub url: String,
    /// A file that holds the password of a PostgreSQL account.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
}

fn url() -> String {
    "sqlite://rotabridge.db".to_owned()
}

const SQLITE: [&str; 2] = ["sqlite://", "sqlite:"];

impl StoreSection {
    pub(super) fn read(section: Option<Section<'_>>, faults: &mut Faults) -> Option<Self> {
        let Some(section) = section else {
            return Some(Self { url: url(), password_file: None });
        };
        let spans = section.spans();
        let read: Self = section.read(faults)?;
        let sqlite = read.url.starts_with("sqlite:");
        let postgres = ["postgres://", "postgresql://"].iter().any(|it| read.url.starts_with(it));
        let wrong = if !sqlite && !postgres {
            Some(("url", "expected `sqlite://path` or `postgres://name@host/database`"))
        } else if holds_password(&read.url) {
            Some(("url", "holds a password; write it into a file and name that in `password_file`"))
        } else if sqlite && read.password_file.is_some() {
            Some(("password_file", "is for PostgreSQL; a SQLite file has no password"))
        } else {
            None
        };
        match wrong {
            None => Some(read),
            Some((key, message)) => {
                faults.add(spans.of(key), format!("`{key}`: {message}"), None);
                None
            }
        }
    }

    /// The URL to connect to: a SQLite path made relative to the configuration's folder, a
    /// password put in.
    ///
    /// # Errors
    /// When the password file cannot be read.
    pub fn connect_url(&self, base: &Path) -> Result<SecretString, ConnectionError> {
        if let Some(rest) = SQLITE.iter().find_map(|prefix| self.url.strip_prefix(prefix)) {
            let path = rest.split('?').next().unwrap_or_default();
            if path == ":memory:" || path.starts_with('/') {
                return Ok(SecretString::from(self.url.clone()));
            }
            // The driver reads the path as percent-encoded; what the operator wrote is taken so.
            let base = base.display().to_string().replace('%', "%25").replace('?', "%3F");
            return Ok(SecretString::from(format!("sqlite://{base}/{rest}")));
        }
        let Some(file) = &self.password_file else {
            return Ok(SecretString::from(self.url.clone()));
        };
        let password = read_secret(base, "password_file", file)?;
        let wrong = |message: String| ConnectionError::Key { key: "url", message };
        let mut url = Url::parse(&self.url).map_err(|error| wrong(error.to_string()))?;
        url.set_password(Some(password.expose_secret()))
            .map_err(|()| wrong("names no account to which the password belongs".to_owned()))?;
        Ok(SecretString::from(url.to_string()))
    }
}
