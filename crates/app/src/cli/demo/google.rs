//! The contact centre's people have Google calendars, too: a played Workspace, to which the same
//! roster is mirrored. So have those of the branch office, and whoever moves or deletes a shift of
//! theirs there asks for that. It is generous with its budgets, so that nobody waits for a demo.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use simulators::contact_centre::ContactCentre;
use simulators::google::state::Event;
use simulators::google::{GoogleServer, Options, Plan, ServiceAccount};

use super::ZONE;
use super::branch::MANAGER;
use crate::failure::Failure;

const SERVICE_ACCOUNT_FILE: &str = "google-service-account.json";
/// Our budget: requests a minute, of all and of one.
const GENEROUS: u32 = 1_000_000;
/// What is delegated: our own calendars, and looking at what else people have in theirs.
const SCOPES: [&str; 3] =
    ["calendar.app.created", "calendar.calendarlist.readonly", "calendar.events.owned.readonly"];
/// Things that people of the branch do there before the summary is printed.
pub(super) const ACTS: usize = 6;
/// Every so many acts it is a deletion.
const DELETES_EVERY: usize = 3;
/// What our events carry, and copies do not.
const TAG: &str = "rotabridge";

/// The name of the mirror in which people act.
pub(super) const MIRROR: &str = "branch-google";

/// A played Workspace.
pub(super) struct Workspace {
    google: GoogleServer,
    /// The branch's people: name and account.
    people: Vec<(String, String)>,
    turn: usize,
}

/// The account of somebody of the branch office.
pub(super) fn account(id: &str) -> String {
    format!("{}@branch.example.com", id.to_ascii_lowercase())
}

impl Workspace {
    /// Starts it, with an account for everybody, and writes the service account's file.
    ///
    /// # Errors
    /// When no server can be started or the file cannot be written.
    pub fn open(
        centre: &ContactCentre,
        branch: &ContactCentre,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let accounts = vec![ServiceAccount::delegated(&SCOPES)];
        let options = Options { accounts, quotas: None, log: false, ..Options::default() };
        let google = GoogleServer::start(options).map_err(Failure::because)?;
        for employee in &centre.employees {
            google.add_user(&employee.email, ZONE);
        }
        let of_branch = branch.employees.iter().map(|it| (it.name.clone(), account(&it.id)));
        let people: Vec<(String, String)> = of_branch.collect();
        google.add_user(&account(MANAGER.0), ZONE);
        for (_, account) in &people {
            google.add_user(account, ZONE);
        }
        let file = folder.join(SERVICE_ACCOUNT_FILE);
        std::fs::write(file, google.service_account()).map_err(Failure::because)?;
        Ok(Self { google, people, turn: 0 })
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

[[mirror]]
name = "{MIRROR}"
roster = "branch"
connection = "google-workspace"
kind = "google"
direction = "two_way"
calendar = "Shifts"
foreign_events = "read"
conflict_policy = "report"
"#
        )
    }

    /// Somebody moves a shift of theirs in Google Calendar, or deletes one; what, in words. `None`
    /// where nothing that is still ahead is in the calendar of whose turn it is.
    pub fn acts(&mut self, now: Timestamp) -> Option<String> {
        self.turn += 1;
        let (name, account, calendar, event) = self.someones_shift(now)?;
        let person = self.google.person(account);
        if self.turn % DELETES_EVERY == DELETES_EVERY - 1 {
            person.deletes(&calendar, &event.id)?;
            return Some(format!("{name} deletes a shift in Google Calendar"));
        }
        person.moves(&calendar, &event.id, SignedDuration::from_mins(30))?;
        Some(format!("{name} moves a shift in Google Calendar by half an hour"))
    }

    /// Somebody plans something of their own where a shift of theirs is; what, in words.
    pub fn plans_something(&mut self, now: Timestamp) -> Option<String> {
        self.turn += 1;
        let (name, account, _, event) = self.someones_shift(now)?;
        let from = event.start.instant(ZONE);
        let to = from.checked_add(SignedDuration::from_mins(45)).ok()?;
        self.google.person(account).plans(account, Plan::timed("Dentist", from, to));
        Some(format!("{name} sees a dentist while on shift, as their own calendar says"))
    }

    /// One of those whose turn it is: name, account, calendar, event.
    fn someones_shift(&self, now: Timestamp) -> Option<(&str, &str, String, Event)> {
        let (name, account) = self.people.get(self.turn % self.people.len().max(1))?;
        let (calendar, _) = self.google.secondary_calendars(account).into_iter().next()?;
        let mut events = self.google.live_events(&calendar);
        events.retain(|it| it.private(TAG).is_some() && it.start.instant(ZONE) > now);
        events.sort_by_key(|it| (it.start.instant(ZONE), it.id.clone()));
        let at = self.turn % events.len().max(1);
        let event = events.into_iter().nth(at)?;
        Some((name, account, calendar, event))
    }

    /// Where the played Google is.
    pub fn url(&self) -> String {
        self.google.url()
    }
}
