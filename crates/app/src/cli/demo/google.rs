//! The contact centre's people have Google calendars, too: a played Workspace, to which the same
//! roster is mirrored. It is generous with its budgets, so that nobody waits for a demo.

use std::path::Path;

use simulators::contact_centre::ContactCentre;
use simulators::google::{GoogleServer, Options};

use super::ZONE;
use crate::failure::Failure;

const SERVICE_ACCOUNT_FILE: &str = "google-service-account.json";
/// Our budget: requests a minute, of all and of one.
const GENEROUS: u32 = 1_000_000;

/// A played Workspace.
pub(super) struct Workspace {
    google: GoogleServer,
}

impl Workspace {
    /// Starts it, with an account for everybody, and writes the service account's file.
    ///
    /// # Errors
    /// When no server can be started or the file cannot be written.
    pub fn open(centre: &ContactCentre, folder: &Path) -> Result<Self, Failure> {
        let options = Options { quotas: None, log: false, ..Options::default() };
        let google = GoogleServer::start(options).map_err(Failure::because)?;
        for employee in &centre.employees {
            google.add_user(&employee.email, ZONE);
        }
        let file = folder.join(SERVICE_ACCOUNT_FILE);
        std::fs::write(file, google.service_account()).map_err(Failure::because)?;
        Ok(Self { google })
    }

    /// Its part of the configuration.
    pub fn configuration(&self) -> String {
        let url = self.google.url();
        format!(
            r#"
[[connection]]
name = "google-workspace"
kind = "google_workspace"
service_account_file = "{SERVICE_ACCOUNT_FILE}"
api_url = "{url}"
requests_per_minute = {GENEROUS}
requests_per_minute_per_user = {GENEROUS}

[[mirror]]
name = "google-calendars"
roster = "contact-centre"
connection = "google-workspace"
kind = "google"
calendar = "Shifts"
activities = {{ Break = {{ show_as = "free" }} }}
"#
        )
    }

    /// Where the played Google is.
    pub fn url(&self) -> String {
        self.google.url()
    }
}
