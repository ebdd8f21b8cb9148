//! What `doctor` says of a mirror in Shifts: permissions, and each team's schedule, members and
//! integration. Writes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::{CalendarKey, MirrorName};
use engine::port::{Failure, Finding, FindingLevel};

use super::call::Caller;
use super::config::Teams;
use super::people::{Addresses, Facts, Index};
use super::provision::read_schedule;
use super::team::{TeamBook, read_members};
use super::wire::{Member, Schedule};

/// What `doctor` asks.
pub struct Checker {
    /// Of which mirror.
    pub mirror: MirrorName,
    /// The way to Graph.
    pub caller: Arc<Caller>,
    /// What is known of the teams.
    pub book: Arc<TeamBook>,
    /// Where groups go.
    pub teams: Arc<Teams>,
    /// The roster's zone.
    pub time_zone: String,
    /// Whether people may ask for anything.
    pub asks: bool,
    /// In whose name requests are approved by themselves: an object id.
    pub approver: Option<String>,
}

impl Checker {
    /// Looks at everything.
    pub async fn check(&self) -> Vec<Finding> {
        let mut findings = self.caller.connection().check().await;
        // Without a token, the teams would all say the same.
        if findings.iter().any(|it| it.level == FindingLevel::Error) {
            let asked = findings.iter().any(|it| it.message.starts_with("signs in as"));
            if !asked {
                return findings;
            }
        }
        for (team, zone) in self.teams.all() {
            self.check_team(team, zone.unwrap_or(&self.time_zone), &mut findings).await;
        }
        findings
    }

    async fn check_team(&self, team: &CalendarKey, zone: &str, findings: &mut Vec<Finding>) {
        let subject = format!("mirror {}, team `{team}`", self.mirror);
        let mut say = |level, message: String, hint: Option<&str>| {
            let (subject, hint) = (subject.clone(), hint.map(str::to_owned));
            findings.push(Finding { level, subject, message, hint });
        };
        let members = match read_members(&self.caller, team).await {
            Ok(members) => members,
            Err(failure) => return say(FindingLevel::Error, told(&failure), team_hint(&failure)),
        };
        if let Some(approver) = self.approver.as_deref().filter(|it| !owns(&members, it)) {
            let message = format!("`approver` `{approver}` is not one of its owners");
            let hint = "requests that need no manager are approved in their name: make them an \
                        owner of the team, or name one who is";
            say(FindingLevel::Warning, message, Some(hint));
        }
        match read_schedule(&self.caller, team).await {
            Ok(Some(schedule)) => self.check_schedule(&schedule, zone, &mut say),
            Ok(None) => {
                let message = "has no schedule yet; the first sync makes it".into();
                say(FindingLevel::Good, message, None);
            }
            Err(failure) => return say(FindingLevel::Error, told(&failure), None),
        }
        let directory = self.book.directory();
        let count = members.len();
        if directory.employees.is_empty() {
            return say(FindingLevel::Good, format!("has {count} members"), None);
        }
        let facts = Facts { members, ..Facts::default() };
        let addresses = Addresses::of(&directory);
        let index = Index::of(&facts, &directory, &addresses, (&self.teams, team), "");
        let here = directory.employees.values().filter(|it| {
            let group = it.group.as_ref().map(domain::ScheduleGroupId::as_str);
            self.teams.of_group(group) == Some(team)
        });
        let missing: BTreeSet<&str> =
            here.filter(|it| !index.users.contains_key(&it.id)).map(|it| it.id.as_str()).collect();
        if missing.is_empty() {
            let message = format!("has {count} members, and every employee is one of them");
            return say(FindingLevel::Good, message, None);
        }
        let some: Vec<&str> = missing.iter().take(SOME).copied().collect();
        let more = if missing.len() > SOME { " and others" } else { "" };
        let names = some.join("`, `");
        let message = match missing.len() {
            1 => format!("1 employee is not a member of it: `{names}`"),
            count => format!("{count} employees are not members of it: `{names}`{more}"),
        };
        let hint = "add them to the team, or correct `email` or `m365_id` in the roster";
        say(FindingLevel::Warning, message, Some(hint));
    }

    fn check_schedule(
        &self,
        schedule: &Schedule,
        zone: &str,
        say: &mut impl FnMut(FindingLevel, String, Option<&str>),
    ) {
        let next_sync = "the next sync that reads it back puts that right";
        match schedule.provision_status().as_str() {
            "completed" | "" => {}
            "failed" => {
                let code = schedule.text("provisionStatusCode").unwrap_or("no code");
                let code = crate::microsoft_graph::wire::short(code);
                let message = format!("its schedule could not be provisioned: {code}");
                let hint = "open Shifts in the team as an owner, which makes the schedule anew";
                return say(FindingLevel::Error, message, Some(hint));
            }
            other => {
                let other = crate::microsoft_graph::wire::short(other);
                let message = format!("its schedule is being provisioned: {other}");
                say(FindingLevel::Warning, message, None);
            }
        }
        if !schedule.flag("enabled") {
            let message = "its schedule is not enabled".into();
            say(FindingLevel::Warning, message, Some(next_sync));
        }
        if schedule.text("timeZone") != Some(zone) {
            let found = schedule.text("timeZone").unwrap_or("none");
            let found = crate::microsoft_graph::wire::short(found);
            let message = format!("its schedule is shown in zone `{found}`, expected `{zone}`");
            say(FindingLevel::Warning, message, Some(next_sync));
        }
        if self.asks && schedule.integrations().is_empty() {
            let message = "calls no workforce integration, so people cannot ask for anything";
            let hint = "run `shifts register`, then `shifts enable`";
            say(FindingLevel::Warning, message.into(), Some(hint));
        }
    }
}

/// Whether somebody owns the team.
fn owns(members: &[Member], user: &str) -> bool {
    members.iter().any(|it| {
        let same = it.user_id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(user));
        same && it.roles.iter().any(|role| role == "owner")
    })
}

/// How many ids are named one by one.
const SOME: usize = 10;

fn told(failure: &Failure) -> String {
    failure.to_string()
}

fn team_hint(failure: &Failure) -> Option<&'static str> {
    match failure.status {
        Some(404) => Some("is `team_id` right? Teams shows it in the link to the team (`groupId`)"),
        Some(_) | None => None,
    }
}
