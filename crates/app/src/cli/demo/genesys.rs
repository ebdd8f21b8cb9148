//! The hotline of the demo: its planners use Genesys Cloud, which is played.
//!
//! Its roster is read by the real connector, over the wire; its calendars are on the same server
//! as the contact centre's. Planners move and cancel shifts, and publish weeks again.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::Date;
use simulators::contact_centre::{AbsenceSpan, ContactCentre};
use simulators::genesys::people::monday_of;
use simulators::genesys::{CLIENT, GenesysServer, Options, SECRET};

use super::ZONE;
use crate::failure::Failure;

/// Fewest and most people of the hotline.
const EMPLOYEES: std::ops::RangeInclusive<u32> = 10..=200;
/// Weeks that are planned there.
pub(super) const WEEKS: u32 = 3;
const SECRET_FILE: &str = "genesys-client-secret";

/// How many people work there, if so many work in the contact centre.
pub(super) fn employees(centre: u32) -> u32 {
    (centre / 3).clamp(*EMPLOYEES.start(), *EMPLOYEES.end())
}

/// A hotline in a played organisation.
pub(super) struct Hotline {
    genesys: GenesysServer,
    unit: String,
    people: Vec<(String, String)>,
    seed: u64,
    turn: u64,
}

impl Hotline {
    /// Starts the played Genesys Cloud and plans there what `plan` says.
    ///
    /// # Errors
    /// When no server can be started or the secret cannot be written.
    pub fn open(plan: &ContactCentre, seed: u64, folder: &Path) -> Result<Self, Failure> {
        let options = Options { rate: None, log: false, seed, ..Options::default() };
        let genesys = GenesysServer::start(options).map_err(Failure::because)?;
        let unit = genesys.add_business_unit("Hotline", ZONE);
        let mut teams: BTreeMap<&str, String> = BTreeMap::new();
        let mut ids: BTreeMap<&str, String> = BTreeMap::new();
        let mut people = Vec::new();
        for employee in &plan.employees {
            let team = teams
                .entry(employee.group)
                .or_insert_with(|| genesys.add_team(&unit, employee.group));
            let id = genesys.hire(team, &employee.name, &employee.email);
            ids.insert(&employee.id, id.clone());
            people.push((id, employee.name.clone()));
        }
        for shift in &plan.shifts {
            let Some(person) = ids.get(shift.employee.as_str()) else { continue };
            let minutes = shift.hours.end.duration_since(shift.hours.start).as_mins();
            let minutes = u32::try_from(minutes).unwrap_or(0);
            let half = minutes / 2;
            let parts = [(half, "0"), (30, "2"), (minutes.saturating_sub(half + 30).max(1), "0")];
            genesys.add_shift(person, shift.hours.start, &parts);
        }
        for absence in &plan.absences {
            let AbsenceSpan::Days(first, last) = absence.span else { continue };
            let Some(person) = ids.get(absence.employee.as_str()) else { continue };
            let days = first.series(jiff::Span::new().days(1)).take_while(|it| *it <= last);
            let request = genesys.ask_time_off(person, "5", &days.collect::<Vec<Date>>());
            genesys.decide_time_off(&request, "APPROVED");
        }
        std::fs::write(folder.join(SECRET_FILE), SECRET).map_err(Failure::because)?;
        Ok(Self { genesys, unit, people, seed, turn: 0 })
    }

    /// Where it is played.
    pub fn url(&self) -> String {
        self.genesys.url()
    }

    /// Its part of the configuration.
    pub fn configuration(&self) -> String {
        let (url, weeks) = (self.genesys.url(), WEEKS + 1);
        format!(
            r#"
[[connection]]
name = "genesys"
kind = "genesys_cloud"
client_id = "{CLIENT}"
client_secret_file = "{SECRET_FILE}"
api_url = "{url}"
login_url = "{url}"
requests_per_minute = 100000

[[roster]]
name = "hotline"
source = "genesys"
time_zone = "{ZONE}"
window = {{ past = "7d", future = "{weeks}w" }}

[[mirror]]
name = "hotline-calendars"
roster = "hotline"
connection = "calendar-server"
kind = "caldav"
collection = "{{employee}}/"
"#
        )
    }

    /// A planner does something; what, in words. `None` when nobody has
    /// anything to do.
    pub fn acts(&mut self, now: Timestamp) -> Option<String> {
        self.turn += 1;
        let place = (self.turn.wrapping_mul(31).wrapping_add(self.seed)) as usize;
        let (person, name) = self.people.get(place % self.people.len().max(1))?.clone();
        let ahead = |it: &simulators::genesys::state::Shift| it.start > now;
        let shift = self.genesys.shifts_of(&person).into_iter().find(ahead);
        match (self.turn % 4, shift) {
            (0, _) => {
                let zone = jiff::tz::TimeZone::get(ZONE).ok()?;
                let week = monday_of(zone.to_datetime(now).date());
                let planned = self
                    .genesys
                    .read(|state| state.published(&self.unit).any(|it| it.week_date == week));
                planned.then(|| self.genesys.republish(&self.unit, week))?;
                Some("hotline: the week is published again, under new ids".into())
            }
            (1 | 2, Some(shift)) => {
                self.genesys.move_shift(&shift.id, SignedDuration::from_mins(30));
                Some(format!("hotline: a shift of {name} is moved by half an hour"))
            }
            (_, Some(shift)) => {
                self.genesys.delete_shift(&shift.id);
                Some(format!("hotline: a shift of {name} is cancelled"))
            }
            (_, None) => None,
        }
    }
}
