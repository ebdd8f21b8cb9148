//! Who and what there is: business units, management units, people, activity codes.

use std::collections::BTreeMap;

use domain::{
    Employee, EmployeeId, Entity, Fingerprinter, ScheduleGroup, ScheduleGroupId, TimeOffReason,
    TimeOffReasonId,
};
use engine::port::{Failure, FailureClass, Identity, SourceEntity, SourceRef};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::classify::nonsense;
use super::client::{Ask, segment};
use super::provider::Genesys;
use super::wire::{
    ActivityCode, BusinessUnit, Listing, ManagementUnit, Reference, UnitUsers, User, short,
};

/// The largest page of users; where the vendor takes less, the one after it.
const PAGE_SIZES: [usize; 2] = [500, 100];
/// Pages of users after which a list that names no number of them is given up: a million people.
const PAGES_MAX: u32 = 10_000;
/// People asked for by their ids at once: an address of some 4,000 characters.
const IDS_AT_ONCE: usize = 100;

/// One business unit, as far as its schedules need it.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub id: String,
    pub zone: String,
    pub tz: TimeZone,
    /// On which day its weeks begin.
    pub week_begins: Weekday,
    /// By id: name, and zone.
    pub teams: BTreeMap<String, Team>,
    pub codes: BTreeMap<String, ActivityCode>,
}

/// One management unit.
#[derive(Debug, Clone)]
pub(super) struct Team {
    pub name: Option<String>,
    pub zone: String,
    /// Ids, sorted.
    pub agents: Vec<String>,
}

impl Unit {
    pub fn agents(&self) -> impl Iterator<Item = &String> {
        self.teams.values().flat_map(|it| &it.agents)
    }
}

/// Everybody.
pub(super) struct People {
    pub users: BTreeMap<String, User>,
    /// Whether these are all, or people came and went while they were read.
    pub whole: bool,
}

/// A day that is not known is taken for the vendor's first choice, Monday.
fn weekday(name: Option<&str>) -> Weekday {
    match name {
        Some("Sunday") => Weekday::Sunday,
        Some("Tuesday") => Weekday::Tuesday,
        Some("Wednesday") => Weekday::Wednesday,
        Some("Thursday") => Weekday::Thursday,
        Some("Friday") => Weekday::Friday,
        Some("Saturday") => Weekday::Saturday,
        Some(_) | None => Weekday::Monday,
    }
}

fn wfm(rest: &str) -> String {
    format!("workforcemanagement/{rest}")
}

impl Genesys {
    /// The ids of the business units that are read.
    pub(super) async fn unit_ids(&self) -> Result<Vec<String>, Failure> {
        if !self.business_units().is_empty() {
            return Ok(self.business_units().to_vec());
        }
        let ask = Ask::get(wfm("businessunits"), "list business units");
        let mut ids: Vec<String> =
            self.listed::<BusinessUnit>(&ask).await?.into_iter().map(|it| it.id).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// A list, wherever it is: in the answer, or under an address that the answer names.
    pub(super) async fn listed<T: serde::de::DeserializeOwned>(
        &self,
        ask: &Ask,
    ) -> Result<Vec<T>, Failure> {
        let listing: Listing<T> = self.client().json(ask).await?;
        match listing.download_url {
            None => Ok(listing.entities),
            Some(address) => {
                let listing: Listing<T> =
                    self.client().download(&address, "download a list").await?;
                Ok(listing.entities)
            }
        }
    }

    /// One business unit: four requests.
    pub(super) async fn unit(&self, id: &str) -> Result<Unit, Failure> {
        let at = |rest: &str| wfm(&format!("businessunits/{}{rest}", segment(id)));
        let what = |what: &str| format!("read {what} of business unit `{}`", short(id));
        // A list in a query is its name again and again: the form that OpenAPI has by default.
        let expand = "?expand=settings.timeZone&expand=settings.startDayOfWeek";
        let of_unit = Ask::get(at(expand), what("the zone"));
        let unit: BusinessUnit = self.client().json(&of_unit).await?;
        let begins = unit.settings.as_ref().and_then(|it| it.start_day_of_week.as_deref());
        let week_begins = weekday(begins);
        let zone = unit.settings.and_then(|it| it.time_zone);
        let zone = zone.ok_or_else(|| nonsense(&what("the zone"), "the answer names none"))?;
        let tz = TimeZone::get(&zone).map_err(|_| {
            nonsense(&what("the zone"), format!("`{zone}` is not in this build's zones"))
        })?;
        let of_teams = Ask::get(at("/managementunits"), what("the management units"));
        let listed = self.listed::<ManagementUnit>(&of_teams).await?;
        let mut agents = self.agents(id).await?;
        let team = |it: ManagementUnit| {
            let mut agents = agents.remove(&it.id).unwrap_or_default();
            agents.sort_unstable();
            let zone = it.time_zone.unwrap_or_else(|| zone.clone());
            (it.id, Team { name: it.name, zone, agents })
        };
        let teams = listed.into_iter().map(team).collect();
        let of_codes = Ask::get(at("/activitycodes"), what("the activity codes"));
        let codes = self.listed::<ActivityCode>(&of_codes).await?;
        let codes = codes.into_iter().map(|it| (it.id.clone(), it)).collect();
        Ok(Unit { id: id.to_owned(), zone, tz, week_begins, teams, codes })
    }

    /// The agents of a business unit, by management unit.
    pub(super) async fn agents(&self, id: &str) -> Result<BTreeMap<String, Vec<String>>, Failure> {
        let path = wfm(&format!("businessunits/{}/users", segment(id)));
        let ask = Ask::get(path, format!("list the agents of business unit `{}`", short(id)));
        let listing: UnitUsers = self.client().json(&ask).await?;
        let units = listing.management_units.into_iter();
        let ids = |users: Vec<Reference>| users.into_iter().map(|it| it.id).collect();
        Ok(units.map(|it| (it.management_unit.id, ids(it.users))).collect())
    }

    /// Whether a management unit that is listed no more is really gone, rather than hidden.
    pub(super) async fn is_gone(&self, path: &str) -> Result<bool, Failure> {
        let ask = Ask::get(wfm(path), "look for a unit that is listed no more");
        match self.client().send(&ask).await {
            Err(failure) if failure.class == FailureClass::Missing => Ok(true),
            Err(failure) => Err(failure),
            Ok(_) => Ok(false),
        }
    }

    /// Everybody who is active.
    pub(super) async fn people(&self) -> Result<People, Failure> {
        let mut last = None;
        for size in PAGE_SIZES {
            match self.people_by(size).await {
                Err(failure) if failure.class == FailureClass::Refused => last = Some(failure),
                done => return done,
            }
        }
        Err(last.unwrap_or_else(|| nonsense("list users", "no page size is taken")))
    }

    async fn people_by(&self, size: usize) -> Result<People, Failure> {
        let first = self.page_of_people(size, 1).await?;
        let (pages, total) = (first.page_count, first.total);
        let mut next = first.next_uri.is_some();
        let mut users: BTreeMap<String, User> = BTreeMap::new();
        let mut take = |it: UserPage| {
            users.extend(it.entities.into_iter().map(|it| (it.id.clone(), it)));
        };
        take(first);
        match pages {
            Some(pages) => {
                let mut questions = Vec::new();
                for number in 2..=pages {
                    questions.push(self.page_of_people(size, number));
                }
                let rest = stream::iter(questions).buffer_unordered(self.concurrency());
                let rest: Vec<UserPage> = rest.try_collect().await?;
                rest.into_iter().for_each(take);
            }
            // How many there are is not told: one after the other, while another is named.
            None => {
                let mut number = 1;
                while next && number < PAGES_MAX {
                    number += 1;
                    let page = self.page_of_people(size, number).await?;
                    next = page.next_uri.is_some() && !page.entities.is_empty();
                    take(page);
                }
                if next {
                    return Err(nonsense("list users", "the pages come to no end"));
                }
            }
        }
        // Somebody who comes or goes moves everybody after them to another page.
        let whole = total.is_none_or(|total| users.len() as u64 == total);
        Ok(People { users, whole })
    }

    fn page_of_people(&self, size: usize, number: u32) -> BoxFuture<'_, Result<UserPage, Failure>> {
        let path = format!("users?pageSize={size}&pageNumber={number}&expand=employerInfo");
        let ask = Ask::get(path, format!("read page {number} of the users"));
        async move { self.client().json::<UserPage>(&ask).await }.boxed()
    }

    /// Some people; those who are not active are left out.
    pub(super) async fn people_at(
        &self,
        ids: &[String],
    ) -> Result<BTreeMap<String, User>, Failure> {
        let mut users = BTreeMap::new();
        for ids in ids.chunks(IDS_AT_ONCE) {
            let ids = ids.iter().map(|it| format!("&id={}", segment(it))).collect::<String>();
            let path = format!("users?pageSize={IDS_AT_ONCE}&expand=employerInfo{ids}");
            let page: UserPage = self.client().json(&Ask::get(path, "read some users")).await?;
            users.extend(page.entities.into_iter().map(|it| (it.id.clone(), it)));
        }
        Ok(users)
    }
}

/// One page of users.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserPage {
    #[serde(default)]
    entities: Vec<User>,
    #[serde(default)]
    page_count: Option<u32>,
    #[serde(default)]
    next_uri: Option<String>,
    #[serde(default)]
    total: Option<u64>,
}

fn native(entity: Entity, at: String) -> SourceEntity {
    SourceEntity { entity, identity: Identity::Native, at: SourceRef(at) }
}

/// Somebody who works in a management unit; `None` when their id is none of ours.
pub(super) fn employee(user: &User, team_id: &str, team: &Team) -> Option<SourceEntity> {
    let User { id, name, email, username, primary_contact_info, employer_info } = user;
    let contact = primary_contact_info.iter().flatten();
    let contact = contact.filter(|it| it.media_type.as_deref() == Some("EMAIL"));
    let contact = contact.filter_map(|it| it.address.as_ref());
    let candidates = [email.as_ref(), username.as_ref()].into_iter().flatten().chain(contact);
    let is_address = |text: &&String| {
        let halves = text.split_once('@');
        let plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
        plain && halves.is_some_and(|(local, host)| !local.is_empty() && !host.is_empty())
    };
    let number = employer_info.as_ref().and_then(|it| it.employee_id.clone());
    let mut employee = Employee::unnamed(EmployeeId::new(id.as_str()).ok()?);
    employee.name = name.clone().filter(|it| !it.trim().is_empty());
    employee.email = candidates.clone().find(is_address).cloned();
    employee.number = number.filter(|it| !it.trim().is_empty());
    employee.group = ScheduleGroupId::new(team_id).ok();
    employee.time_zone = TimeZone::get(&team.zone).ok().map(|_| team.zone.clone());
    Some(native(Entity::Employee(employee), format!("users/{id}")))
}

/// Groups and reasons of all units.
pub(super) fn groups_and_reasons(units: &BTreeMap<String, Unit>) -> Vec<SourceEntity> {
    let mut entities = Vec::new();
    let mut reasons: BTreeMap<&String, &ActivityCode> = BTreeMap::new();
    for unit in units.values() {
        for (id, team) in &unit.teams {
            if let Ok(group) = ScheduleGroupId::new(id.as_str()) {
                let name = team.name.clone().unwrap_or_else(|| id.clone());
                let group = Entity::ScheduleGroup(ScheduleGroup { id: group, name });
                entities.push(native(group, format!("managementunits/{id}")));
            }
        }
        for (id, code) in &unit.codes {
            // The vendor's own codes have the same ids everywhere; the first unit names them.
            if code.category.as_deref() == Some("TimeOff") {
                reasons.entry(id).or_insert(code);
            }
        }
    }
    for (id, code) in reasons {
        if let Ok(reason) = TimeOffReasonId::new(id.as_str()) {
            let name = code.name.clone().unwrap_or_else(|| id.clone());
            let reason = Entity::TimeOffReason(TimeOffReason { id: reason, name });
            entities.push(native(reason, format!("activitycodes/{id}")));
        }
    }
    entities
}

/// The hash of what shifts mean beside themselves.
pub(super) fn meaning(units: &BTreeMap<String, Unit>) -> String {
    let mut print = Fingerprinter::new("genesys_cloud/meaning/1");
    for (id, unit) in units {
        print.text(id).text(&unit.zone);
        for (id, code) in &unit.codes {
            let ActivityCode { id: _, name, category, counts_as_paid_time, active: _ } = code;
            print.text(id).optional(name.as_deref()).optional(category.as_deref());
            print.number(counts_as_paid_time.map_or(-1, i64::from));
        }
    }
    print.finish().to_string()
}
