//! `[dashboard]`: who may look at how everything stands.

use std::path::{Path, PathBuf};

use connectors::ConnectionError;
use connectors::secret::read_secret;
use domain::limits::DASHBOARD_PASSWORD_CHARS_MIN;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::reader::{Faults, Section};

/// `[dashboard]`. Without it there is no dashboard.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DashboardSection {
    /// A file that holds the password, of at least 16 characters. Who knows it sees everything.
    pub password_file: PathBuf,
}

impl DashboardSection {
    /// `None` when it is wrong; there may be none.
    pub(super) fn read(section: Option<Section<'_>>, faults: &mut Faults) -> Option<Option<Self>> {
        match section {
            None => Some(None),
            Some(section) => section.read(faults).map(Some),
        }
    }

    /// The password.
    ///
    /// # Errors
    /// When the file cannot be read, or the password is too short.
    pub fn password(&self, base: &Path) -> Result<SecretString, ConnectionError> {
        const KEY: &str = "password_file";
        let password = read_secret(base, KEY, &self.password_file)?;
        let found = password.expose_secret().chars().count();
        if found < DASHBOARD_PASSWORD_CHARS_MIN {
            let message = format!(
                "the password in `{}` has {found} characters, expected at least \
                 {DASHBOARD_PASSWORD_CHARS_MIN}; `openssl rand -base64 24` makes a good one",
                self.password_file.display()
            );
            return Err(ConnectionError::Key { key: KEY, message });
        }
        Ok(password)
    }
}
