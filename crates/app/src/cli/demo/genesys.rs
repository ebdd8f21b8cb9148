//! The hotline of the demo: its planners use Genesys Cloud, which is played.
//!
//! Its roster is read by the real connector, over the wire; its calendars are on the same server
//! as the contact centre's. Planners move and cancel shifts and publish weeks again. Where that
//! server is played, too, people put an event labelled `Unavailable` into their own calendar there,
//! and Genesys Cloud decides whether it is time off.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::Date;
use simulators::caldav::CaldavServer;
use simulators::contact_centre::{AbsenceSpan, ContactCentre};
use simulators::genesys::people::monday_of;
use simulators::genesys::{CLIENT, GenesysServer, Options, SECRET};

use super::ZONE;
use crate::failure::Failure;

/// Fewest and most people of the hotline.
const EMPLOYEES: std::ops::RangeInclusive<u32> = 10..=200;
/// Weeks that are planned there.
pub(super) const WEEKS: u32 = 3;
/// The name of the mirror.
pub(super) const MIRROR: &str = "hotline-calendars";
/// Days ahead of the first day that somebody wants off: beyond what planners move.
const WISH_DAYS_AHEAD: i64 = 9;
const SECRET_FILE: &str = "genesys-client-secret";

/// How many people work there, if so many work in the contact centre.
pub(super) fn employees(centre: u32) -> u32 {
    (centre / 3).clamp(*EMPLOYEES.start(), *EMPLOYEES.end())
}

/// Where somebody's own events are.
fn own_calendar(person: &str) -> String {
    format!("{person}-own/")
}

/// A hotline in a played organisation.
pub(super) struct Hotline {
    genesys: GenesysServer,
    unit: String,
    people: Vec<(String, String)>,
    seed: u64,
    turn: u64,
    wishes: i64,
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
        Ok(Self { genesys, unit, people, seed, turn: 0, wishes: 0 })
    }

    /// Where it is played.
    pub fn url(&self) -> String {
        self.genesys.url()
    }

    /// Its part of the configuration; on a played calendar server people have calendars of their
    /// own, in which they ask for time off.
    pub fn configuration(&self, played: Option<&CaldavServer>) -> String {
        let (url, weeks) = (self.genesys.url(), WEEKS + 1);
        let wishes = match played {
            None => "",
            Some(server) => {
                for (person, _) in &self.people {
                    server.add_calendar(&own_calendar(person));
                }
                "direction = \"two_way\"\nconflict_collections = [\"{employee}-own/\"]\n\
                 unavailable = { becomes = \"time_off\", reason = \"5\" }\n"
            }
        };
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
name = "{MIRROR}"
roster = "hotline"
connection = "calendar-server"
kind = "caldav"
collection = "{{employee}}/"
{wishes}"#
        )
    }

    /// Somebody puts an event into their own calendar by which they ask for a day off; what, in
    /// words.
    pub fn wishes(&mut self, played: &CaldavServer, now: Timestamp) -> Option<String> {
        let number = self.wishes;
        self.wishes += 1;
        let count = i64::try_from(self.people.len()).ok()?.max(1);
        // Everybody in turn, and a later day each time round.
        let (person, name) = self.people.get(usize::try_from(number % count).ok()?)?;
        let today = jiff::tz::TimeZone::get(ZONE).ok()?.to_datetime(now).date();
        let ahead = WISH_DAYS_AHEAD + (number / count) % 7;
        let day = today.checked_add(jiff::Span::new().days(ahead)).ok()?;
        let stamp = now.strftime("%Y%m%dT%H%M%SZ");
        let event = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Somebody//EN\r\nBEGIN:VEVENT\r\n\
             UID:wish-{number}\r\nDTSTAMP:{stamp}\r\nDTSTART;VALUE=DATE:{}\r\n\
             SUMMARY:Moving house\r\nCATEGORIES:Unavailable\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
            day.strftime("%Y%m%d")
        );
        played.put_object(&own_calendar(person), &format!("wish-{number}.ics"), event);
        Some(format!("hotline: {name} asks for {day} off, by an event in a calendar"))
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
