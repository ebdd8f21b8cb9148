//! What `doctor` says of a connection: signing in, what is visible, what may be done. Changes
//! nothing.

use engine::port::{Failure, FailureClass, Finding, FindingLevel};
use jiff::SignedDuration;

use super::client::{Ask, segment};
use super::directory::Unit;
use super::provider::Genesys;
use super::trades::week_of;
use super::wire::trades::TradeQuery;
use super::wire::{AvailableTopic, BusinessUnit, DateRange, Listing, TimeOffQuery, short};

/// The topics that tell of what is read here (`genesys.md` §1.5.3).
const TOPICS: [&str; 4] = [
    "v2.workforcemanagement.businessunits.{id}.schedules",
    "v2.workforcemanagement.managementunits.{id}.schedules",
    "v2.workforcemanagement.managementunits.{id}.agents.sync",
    "v2.workforcemanagement.agents",
];

struct Report {
    subject: String,
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, level: FindingLevel, message: impl Into<String>, hint: Option<&str>) {
        let (subject, message) = (self.subject.clone(), message.into());
        self.findings.push(Finding { level, subject, message, hint: hint.map(Into::into) });
    }

    /// What could not be read, and the permission that would let us.
    fn failed(&mut self, level: FindingLevel, failure: &Failure, permission: &str) {
        let hint = match failure.class {
            FailureClass::Forbidden => format!(
                "give the OAuth client a role with {permission}, in the division of the business \
                 unit; it takes up to five minutes to count"
            ),
            _ => advice(failure).to_owned(),
        };
        self.add(level, failure.to_string(), Some(&hint));
    }
}

/// What to do about a failure that no permission mends.
fn advice(failure: &Failure) -> &'static str {
    match failure.class {
        FailureClass::Unauthorised => {
            "the OAuth client needs the grant type \"client credentials\"; look at `client_id` and \
             `client_secret_file`"
        }
        FailureClass::Unavailable | FailureClass::Unknown => {
            "can this machine reach the addresses of `region`, or `api_url` and `login_url`? See \
             also the vendor's status page"
        }
        FailureClass::Throttled { .. } => "`requests_per_minute` can be set lower",
        FailureClass::Precondition
        | FailureClass::Duplicate { .. }
        | FailureClass::Missing
        | FailureClass::CalendarMissing
        | FailureClass::DeltaExpired
        | FailureClass::TooLate
        | FailureClass::Forbidden
        | FailureClass::OwnerMissing
        | FailureClass::Refused
        | FailureClass::Unsupported
        | FailureClass::Bug => "see the vendor's status page, or try again",
    }
}

/// Looks at everything that a roster read over this connection needs.
pub(super) async fn findings(genesys: &Genesys) -> Vec<Finding> {
    let subject = format!("connection {}", genesys.name());
    let mut report = Report { subject, findings: Vec::new() };
    if let Err(failure) = genesys.client().sign_in().token().await {
        let host = genesys.client().sign_in().host();
        let message = format!("{failure}, asked of `{host}`");
        report.add(FindingLevel::Error, message, Some(advice(&failure)));
        return report.findings;
    }
    report.add(FindingLevel::Good, "signed in", None);
    let Some(units) = visible(genesys, &mut report).await else { return report.findings };
    for unit in units {
        check_unit(genesys, &unit, &mut report).await;
    }
    if genesys.is_hinted() {
        check_events(genesys, &mut report).await;
    }
    let users = Ask::get("users?pageSize=1", "list users");
    if let Err(failure) = genesys.client().send(&users).await {
        report.failed(FindingLevel::Error, &failure, "`directory:user:view`");
    }
    report.findings
}

/// Whether what changes in schedules can reach Amazon EventBridge. Whether it is handed on from
/// there is known there only.
async fn check_events(genesys: &Genesys, report: &mut Report) {
    let ask = Ask::get("notifications/availabletopics?expand=transports", "list topics of events");
    let topics: Listing<AvailableTopic> = match genesys.client().json(&ask).await {
        Ok(topics) => topics,
        Err(failure) => {
            let permission = "what lets it list notification topics; hints are taken all the same";
            report.failed(FindingLevel::Warning, &failure, permission);
            return;
        }
    };
    let goes = |topic: &&str| {
        let known = topics.entities.iter().filter(|it| it.id.as_deref() == Some(topic));
        known.flat_map(|it| &it.transports).any(|it| it == "EventBridge")
    };
    let (told, untold): (Vec<&str>, Vec<&str>) = TOPICS.into_iter().partition(goes);
    let hooks = format!("`/hooks/{}` takes events as hints", genesys.name());
    if untold.is_empty() {
        let message = format!("{hooks}; schedules and agents can be told by Amazon EventBridge");
        let hint = "the rule there needs the topics `".to_owned() + &told.join("`, `") + "`";
        report.add(FindingLevel::Good, message, Some(&hint));
        return;
    }
    let untold = untold.join("`, `");
    let message = format!("{hooks}, and the vendor does not hand `{untold}` to Amazon EventBridge");
    let hint = "what they would tell of is found at the next poll, within `poll_interval`";
    report.add(FindingLevel::Warning, message, Some(hint));
}

/// The business units that are to be read and can be seen.
async fn visible(genesys: &Genesys, report: &mut Report) -> Option<Vec<BusinessUnit>> {
    let ask = Ask::get("workforcemanagement/businessunits", "list business units");
    let listed = match genesys.listed::<BusinessUnit>(&ask).await {
        Ok(listed) => listed,
        Err(failure) => {
            report.failed(FindingLevel::Error, &failure, "`wfm:businessUnit:view`");
            return None;
        }
    };
    let wanted = genesys.business_units();
    for id in wanted.iter().filter(|id| !listed.iter().any(|it| it.id == **id)) {
        let seen: Vec<_> = listed.iter().map(|it| format!("`{}`", it.id)).collect();
        let message = format!(
            "business unit `{id}` is not visible to this client; it sees {}",
            if seen.is_empty() { "none".to_owned() } else { seen.join(", ") }
        );
        let hint = "compare `business_units` with the ids in Genesys, and give the client's role \
                    the division of this one";
        report.add(FindingLevel::Error, message, Some(hint));
    }
    if listed.is_empty() && wanted.is_empty() {
        let hint = "give the client's role the division of a business unit";
        report.add(FindingLevel::Error, "no business unit is visible to this client", Some(hint));
    }
    Some(listed.into_iter().filter(|it| wanted.is_empty() || wanted.contains(&it.id)).collect())
}

async fn check_unit(genesys: &Genesys, unit: &BusinessUnit, report: &mut Report) {
    let called = unit.name.as_deref().map(short).unwrap_or_else(|| unit.id.clone());
    let heads = match genesys.heads(&unit.id).await {
        Ok(heads) => heads,
        Err(failure) => {
            report.failed(FindingLevel::Error, &failure, "`wfm:publishedSchedule:view`");
            return;
        }
    };
    let read = match genesys.unit(&unit.id).await {
        Ok(read) => read,
        Err(failure) => {
            let permissions = "`wfm:agent:view` and `wfm:activityCode:view`";
            report.failed(FindingLevel::Error, &failure, permissions);
            return;
        }
    };
    let (teams, agents) = (read.teams.len(), read.agents().count());
    let message = format!(
        "business unit `{called}` ({}): {teams} management units, {agents} agents, {} published \
         schedules",
        read.zone,
        heads.len()
    );
    let level = if heads.is_empty() { FindingLevel::Warning } else { FindingLevel::Good };
    let hint = heads.is_empty().then_some("nothing is shown before a schedule is published");
    report.add(level, message, hint);
    if let Some((team, _)) = read.teams.first_key_value().filter(|_| genesys.wants_requests()) {
        check_requests(genesys, &read, team, report).await;
    }
    let first = read.teams.iter().find_map(|(id, team)| Some((id, team.agents.first()?)));
    if let Some((team, agent)) = first.filter(|_| genesys.wants_trades()) {
        check_trades(genesys, &read, (team, agent), report).await;
    }
}

/// Whether requests for time off may be read.
async fn check_requests(genesys: &Genesys, unit: &Unit, team: &str, report: &mut Report) {
    let now = genesys.client().clock().now();
    let today = domain::time::local_day(now, &unit.tz);
    let tomorrow = domain::time::local_day(now + SignedDuration::from_hours(24), &unit.tz);
    let path =
        format!("workforcemanagement/managementunits/{}/timeoffrequests/query", segment(team));
    let date_range = DateRange { start_date: today.to_string(), end_date: tomorrow.to_string() };
    let body = TimeOffQuery { user_ids: None, statuses: &["APPROVED"], date_range };
    let ask = Ask::question(path, &body, "read time-off requests");
    if let Err(failure) = genesys.client().send(&ask).await {
        let permission = "`wfm:timeOffRequest:view`, or set `time_off_requests = false`: approved \
                          absences are then shown once a schedule has them; without it";
        report.failed(FindingLevel::Warning, &failure, permission);
    }
}

/// Whether shift trades may be read, for which the permission to view them is enough. Whether they
/// may be decided is seen only by deciding one.
async fn check_trades(
    genesys: &Genesys,
    unit: &Unit,
    (team, agent): (&str, &str),
    report: &mut Report,
) {
    let now = genesys.client().clock().now();
    let query = TradeQuery {
        management_unit_ids: vec![team.to_owned()],
        week_dates: vec![week_of(unit, now)],
        user_ids: vec![agent.to_owned()],
    };
    if let Err(failure) = genesys.trades(&unit.id, &query).await {
        let permission = "`wfm:shiftTradeRequest:edit`, or set `shift_trades = false`: without it \
                          no swap is granted";
        report.failed(FindingLevel::Warning, &failure, permission);
    }
}
