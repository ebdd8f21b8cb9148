//! What Genesys Cloud says and hears, as far as we read and write it. Only here are its spellings.
//!
//! Everything that the SDKs do not promise is optional, and values of enumerations are texts: new
//! ones are to be expected.

pub mod history;
pub mod trades;

use serde::{Deserialize, Deserializer, Serialize};

/// Longest text of the vendor's that is repeated in an error.
const TEXT_CHARS_MAX: usize = 300;

/// A vendor's text on one line, cut.
pub(super) fn short(text: &str) -> String {
    let mut chars = text.trim().chars();
    let mut cut: String =
        chars.by_ref().take(TEXT_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if chars.next().is_some() {
        cut.push('…');
    }
    cut
}

/// `POST /oauth/token`.
#[derive(Deserialize)]
pub(super) struct Grant {
    pub access_token: String,
    #[serde(default)]
    pub expires_in: Option<u64>,
}

/// A refused sign-in.
#[derive(Debug, Default, Deserialize)]
pub(super) struct TokenRefusal {
    #[serde(default)]
    pub error: Option<String>,
    /// Both are there, and say the same: an alias would refuse the second.
    #[serde(default)]
    pub description: Option<String>,
    /// As RFC 6749 §5.2 calls it.
    #[serde(default)]
    pub error_description: Option<String>,
}

/// `ErrorBody`.
#[derive(Debug, Default, Deserialize)]
pub struct ErrorBody {
    /// For people.
    #[serde(default)]
    pub message: Option<String>,
    /// For programs.
    #[serde(default)]
    pub code: Option<String>,
}

/// Anything that is named by its id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reference {
    /// The id.
    pub id: String,
}

/// A list that may be `null`, which is as good as empty.
fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

/// A list; large ones come as an address in its place.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Deserialize<'de>"))]
pub struct Listing<T> {
    /// What is in it.
    #[serde(default = "Vec::new", deserialize_with = "list")]
    pub entities: Vec<T>,
    /// Where the rest of this object is.
    #[serde(default)]
    pub download_url: Option<String>,
    /// Where the next page is.
    #[serde(default)]
    pub next_uri: Option<String>,
    /// How many pages there are.
    #[serde(default)]
    pub page_count: Option<u32>,
}

/// `BusinessUnitListItem` and `BusinessUnitResponse`.
#[derive(Debug, Deserialize)]
pub struct BusinessUnit {
    /// Its id.
    pub id: String,
    /// What it is called.
    #[serde(default)]
    pub name: Option<String>,
    /// With `expand=settings.timeZone`.
    #[serde(default)]
    pub settings: Option<UnitSettings>,
}

/// `BusinessUnitSettingsResponse`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitSettings {
    /// IANA name.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// `Monday` and so on.
    #[serde(default)]
    pub start_day_of_week: Option<String>,
}

/// `ManagementUnit`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagementUnit {
    /// Its id.
    pub id: String,
    /// What it is called.
    #[serde(default)]
    pub name: Option<String>,
    /// IANA name.
    #[serde(default)]
    pub time_zone: Option<String>,
}

/// `BuUserListing`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitUsers {
    /// By management unit.
    pub management_units: Vec<ManagementUnitUsers>,
}

/// `ManagementUnitUserListing`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagementUnitUsers {
    /// Which.
    pub management_unit: Reference,
    /// Who is in it.
    pub users: Vec<Reference>,
}

/// `User`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Their id.
    pub id: String,
    /// What they are called.
    #[serde(default)]
    pub name: Option<String>,
    /// Their address.
    #[serde(default)]
    pub email: Option<String>,
    /// What they sign in with: an address as a rule.
    #[serde(default)]
    pub username: Option<String>,
    /// Further addresses.
    #[serde(default)]
    pub primary_contact_info: Option<Vec<Contact>>,
    /// With `expand=employerInfo`.
    #[serde(default)]
    pub employer_info: Option<EmployerInfo>,
}

/// `Contact`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// The address.
    #[serde(default)]
    pub address: Option<String>,
    /// `EMAIL` and others.
    #[serde(default)]
    pub media_type: Option<String>,
}

/// `EmployerInfo`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EmployerInfo {
    /// The employee's number.
    #[serde(default)]
    pub employee_id: Option<String>,
}

/// `BusinessUnitActivityCode`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityCode {
    /// Its id: a number for those that the vendor made.
    pub id: String,
    /// What it is called.
    #[serde(default)]
    pub name: Option<String>,
    /// `OnQueueWork` and others.
    #[serde(default)]
    pub category: Option<String>,
    /// Whether it is paid.
    #[serde(default)]
    pub counts_as_paid_time: Option<bool>,
    /// Whether it can still be planned.
    #[serde(default)]
    pub active: Option<bool>,
}

/// `AvailableTopic`.
#[derive(Debug, Deserialize)]
pub struct AvailableTopic {
    /// Its name, with `{id}` in it.
    #[serde(default)]
    pub id: Option<String>,
    /// `EventBridge`, `Websocket` and others; with `expand=transports`.
    #[serde(default, deserialize_with = "list")]
    pub transports: Vec<String>,
}

/// `WfmVersionedEntityMetadata`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Grows with every change.
    pub version: u64,
    /// When it last changed.
    #[serde(default, skip_serializing)]
    pub date_modified: Option<String>,
}

/// `BuScheduleListItem`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleHead {
    /// Its id.
    pub id: String,
    /// Its first day.
    pub week_date: jiff::civil::Date,
    /// How many weeks it covers.
    #[serde(default)]
    pub week_count: Option<u8>,
    /// Whether agents see it.
    #[serde(default)]
    pub published: Option<bool>,
    /// Its version.
    #[serde(default)]
    pub metadata: Option<Metadata>,
}

/// `BuQueryAgentSchedulesRequest`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleQuery<'a> {
    /// Whose agents.
    pub management_unit_id: &'a str,
    /// Which of them; all when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_ids: Option<&'a [String]>,
}

/// `BuAsyncAgentSchedulesQueryResponse`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryAnswer {
    /// `Processing`, `Complete`, `Canceled` or `Error`.
    #[serde(default)]
    pub status: Option<String>,
    /// When complete and small.
    #[serde(default)]
    pub result: Option<AgentSchedules>,
    /// When complete and large.
    #[serde(default)]
    pub download_url: Option<String>,
}

/// `BuAgentSchedulesQueryResponse`.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "EachAgentSchedule")]
pub struct AgentSchedules {
    /// Agent by agent.
    pub agent_schedules: Vec<AgentSchedule>,
    /// Ids of agents whose schedule is none that we understand, with what is wrong.
    pub unreadable: Vec<(String, &'static str)>,
}

/// The same as it is read: one that is wrong must not take the others along.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EachAgentSchedule {
    #[serde(default)]
    agent_schedules: Vec<OneAgentSchedule>,
}

const UNREADABLE: &str = "the schedule is not what the vendor describes";

enum OneAgentSchedule {
    Good(AgentSchedule),
    Bad(String),
}

impl<'de> Deserialize<'de> for OneAgentSchedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let id = value["user"]["id"].as_str().map(str::to_owned);
        match (AgentSchedule::deserialize(value), id) {
            (Ok(schedule), _) => Ok(Self::Good(schedule)),
            (Err(_), Some(id)) => Ok(Self::Bad(id)),
            (Err(error), None) => Err(serde::de::Error::custom(error)),
        }
    }
}

impl From<EachAgentSchedule> for AgentSchedules {
    fn from(each: EachAgentSchedule) -> Self {
        let mut all = Self::default();
        for it in each.agent_schedules {
            match it {
                OneAgentSchedule::Good(schedule) => all.agent_schedules.push(schedule),
                // The reader's own words may repeat what it read.
                OneAgentSchedule::Bad(id) => all.unreadable.push((id, UNREADABLE)),
            }
        }
        all
    }
}

/// `BuAgentScheduleQueryResponse`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentSchedule {
    /// Whose.
    pub user: Reference,
    /// Work.
    #[serde(default)]
    pub shifts: Option<Vec<Shift>>,
    /// Whole days off.
    #[serde(default)]
    pub full_day_time_off_markers: Option<Vec<Marker>>,
    /// Its version.
    #[serde(default)]
    pub metadata: Option<Metadata>,
}

/// `BuAgentScheduleShift`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shift {
    /// Its id, until it is published again.
    pub id: String,
    /// When it starts.
    pub start_date: jiff::Timestamp,
    /// How long it takes.
    pub length_minutes: i64,
    /// Its parts.
    #[serde(default)]
    pub activities: Option<Vec<Activity>>,
}

/// `BuAgentScheduleActivity`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// When it starts.
    pub start_date: jiff::Timestamp,
    /// How long it takes.
    pub length_minutes: i64,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// What it is.
    pub activity_code_id: String,
    /// Whether it is paid.
    #[serde(default)]
    pub paid: Option<bool>,
    /// The request that it comes from.
    #[serde(default)]
    pub time_off_request_id: Option<String>,
}

/// `BuFullDayTimeOffMarker`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Marker {
    /// A day of the business unit's zone.
    pub business_unit_date: jiff::civil::Date,
    /// What it is.
    pub activity_code_id: String,
    /// The request that it comes from.
    #[serde(default)]
    pub time_off_request_id: Option<String>,
}

/// `DateRange`: both ends are in it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DateRange {
    /// The first day.
    pub start_date: String,
    /// The last day.
    pub end_date: String,
}

/// `TimeOffRequestQueryBody`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeOffQuery<'a> {
    /// Whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_ids: Option<&'a [String]>,
    /// Which.
    pub statuses: &'a [&'a str],
    /// When.
    pub date_range: DateRange,
}

/// `TimeOffRequestResponse` and `TimeOffRequestListItem`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeOffRequest {
    /// Its id.
    pub id: String,
    /// Whose.
    pub user: Reference,
    /// What it is.
    pub activity_code_id: String,
    /// `PENDING`, `APPROVED`, `DENIED` or `CANCELED`.
    pub status: String,
    /// Parts of days.
    #[serde(default, deserialize_with = "list")]
    pub partial_day_start_date_times: Vec<jiff::Timestamp>,
    /// Days of the management unit's zone.
    #[serde(default, deserialize_with = "list")]
    pub full_day_management_unit_dates: Vec<jiff::civil::Date>,
    /// How long each of them takes.
    #[serde(default, deserialize_with = "list")]
    pub duration_minutes: Vec<i64>,
    /// How long those take of which that is not said.
    #[serde(default)]
    pub daily_duration_minutes: Option<i64>,
    /// Its version.
    pub metadata: Metadata,
}

impl TimeOffRequest {
    /// How long each of its parts takes, up to the first of which it is said nowhere.
    #[must_use]
    pub fn minutes(&self) -> Vec<i64> {
        let days = self.full_day_management_unit_dates.len();
        let parts = 0..days.max(self.partial_day_start_date_times.len());
        let of = |n: usize| self.duration_minutes.get(n).copied().or(self.daily_duration_minutes);
        parts.map_while(of).collect()
    }
}

/// One request in a list, read by itself: one that is wrong must not take the others along.
#[derive(Debug)]
pub enum OneRequest {
    /// It is what the vendor describes.
    Good(TimeOffRequest),
    /// It is not; whose it is, where that can be read.
    Odd(Option<String>),
}

impl<'de> Deserialize<'de> for OneRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let user = value["user"]["id"].as_str().map(str::to_owned);
        Ok(TimeOffRequest::deserialize(value).map_or(Self::Odd(user), Self::Good))
    }
}

/// `TimeOffRequestList`.
#[derive(Debug, Deserialize)]
#[serde(from = "EachTimeOffRequest")]
pub struct TimeOffRequests {
    /// All of them that can be read.
    pub time_off_requests: Vec<TimeOffRequest>,
    /// How many cannot.
    pub odd: usize,
}

/// The same as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EachTimeOffRequest {
    #[serde(default, deserialize_with = "list")]
    time_off_requests: Vec<OneRequest>,
}

impl From<EachTimeOffRequest> for TimeOffRequests {
    fn from(each: EachTimeOffRequest) -> Self {
        let mut all = Self { time_off_requests: Vec::new(), odd: 0 };
        for it in each.time_off_requests {
            match it {
                OneRequest::Good(request) => all.time_off_requests.push(request),
                OneRequest::Odd(_) => all.odd += 1,
            }
        }
        all
    }
}

/// `CreateAdminTimeOffRequest`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewTimeOff {
    /// `PENDING` or `APPROVED`.
    pub status: &'static str,
    /// For whom.
    pub users: Vec<Reference>,
    /// What it is.
    pub activity_code_id: String,
    /// When.
    #[serde(flatten)]
    pub when: TimeOffWhen,
}

/// When somebody is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeOffWhen {
    /// Days of the management unit's zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_day_management_unit_dates: Option<Vec<String>>,
    /// Parts of days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_day_start_date_times: Option<Vec<String>>,
    /// How long each of them takes.
    pub duration_minutes: Vec<i64>,
}

/// `AdminTimeOffRequestPatch`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeOffPatch {
    /// `APPROVED` or `DENIED`.
    pub status: &'static str,
    /// What it is, where that changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity_code_id: Option<String>,
    /// When, where that changes.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub when: Option<TimeOffWhen>,
    /// The version that is changed.
    pub metadata: Metadata,
}

/// `SetTimeOffIntegrationStatusRequest`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationStatus {
    /// `AutomaticallyComplete` and others.
    pub integration_status: &'static str,
}
