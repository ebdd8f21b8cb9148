//! What `doctor` says: the service account, what was delegated to it and what too much, the clock,
//! and people as whom nothing can be done. Writes nothing.

use std::sync::Arc;

use domain::limits::CLOCK_SKEW_TOLERATED;
use domain::{CalendarKey, EmployeeId};
use engine::port::{Failure, FailureClass, Finding, FindingLevel};
use futures_util::StreamExt;
use http::Method;
use jiff::SignedDuration;

use super::calendars::Home;
use super::classify::Asked;
use super::client::{As, Ask};
use super::provider::{GoogleTarget, address};
use super::scopes::{Scope, Scopes};
use super::sign_in::SignInError;

/// People as whom it is tried: each takes two requests.
const PEOPLE_MAX: usize = 200;
/// Of these at once.
const PEOPLE_AT_ONCE: usize = 8;
/// People who are named; the rest are counted.
const NAMED_MAX: usize = 5;

struct Report {
    subject: String,
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, level: FindingLevel, message: impl Into<String>, hint: Option<String>) {
        let (subject, message) = (self.subject.clone(), message.into());
        self.findings.push(Finding { level, subject, message, hint });
    }
}

/// What became of trying somebody's calendars.
enum Tried {
    Well,
    /// More than one calendar carries our mark.
    Twice,
    SignIn(SignInError),
    Api(Failure),
}

pub(super) async fn findings(target: &GoogleTarget) -> Vec<Finding> {
    let subject = format!("connection {}", target.setup.connection.name);
    let mut report = Report { subject, findings: Vec::new() };
    let sign_in = &target.client().sign_in;
    let account = match sign_in.account() {
        Ok(account) => account,
        Err(error) => {
            let hint = "paths are relative to the folder of the configuration".to_owned();
            report.add(FindingLevel::Error, error.to_string(), Some(hint));
            return report.findings;
        }
    };
    let people = people(target);
    // Without anybody the account is tried by itself, which shows that its key is good.
    let itself = || account.email.as_str().into();
    let first = people.first().map_or_else(itself, |it| Arc::clone(&it.1));
    let deadline = target.client().deadline();
    let mut outcome = sign_in.try_out(&first, &target.setup.scopes, deadline).await;
    let of_one = |class: &FailureClass| {
        matches!(class, FailureClass::Forbidden | FailureClass::OwnerMissing)
    };
    if outcome.as_ref().is_err_and(|it| of_one(&it.class)) {
        // Only that one; whether the others can be acted for is told below.
        outcome = Ok(());
    }
    if let Some(skew) = sign_in.skew() {
        clock(&mut report, skew);
    }
    if let Err(error) = outcome {
        if error.code == "unauthorized_client" {
            undelegated(&mut report, target, &first, &error).await;
        } else {
            report.add(FindingLevel::Error, format!("cannot sign in: {}", error.what), error.mend);
        }
        return report.findings;
    }
    let scopes = target.setup.scopes.listed();
    report.add(FindingLevel::Good, format!("may act for people with {scopes}"), None);
    too_much(&mut report, target, &first).await;
    foreign(&mut report, target);
    everybody(&mut report, target, people).await;
    report.findings
}

/// Whose calendars are written: who it is to us, and the account.
fn people(target: &GoogleTarget) -> Vec<(String, Arc<str>)> {
    if let Home::Shared { organiser, .. } = &target.setup.home {
        return vec![("the organiser of `shared`".to_owned(), Arc::clone(organiser))];
    }
    let directory = target.directory();
    let named = |id: &EmployeeId| format!("employee `{id}`");
    let people = directory.employees.values();
    let people = people.filter_map(|it| Some((named(&it.id), Arc::from(address(it)?))));
    people.take(PEOPLE_MAX).collect()
}

async fn undelegated(
    report: &mut Report,
    target: &GoogleTarget,
    user: &Arc<str>,
    error: &SignInError,
) {
    let sign_in = &target.client().sign_in;
    let mut missing = Vec::new();
    for scope in target.setup.scopes.iter() {
        let one = Scopes::of([scope]);
        let outcome = sign_in.try_out(user, &one, target.client().deadline()).await;
        if outcome.is_err_and(|it| it.code == "unauthorized_client") {
            missing.push(format!("`{}`", scope.url()));
        }
    }
    let message = match missing.is_empty() {
        true => error.what.clone(),
        false => format!("domain-wide delegation lacks {}", missing.join(", ")),
    };
    report.add(FindingLevel::Error, message, error.mend.clone());
}

/// Whether the whole calendar scope was delegated, which nothing here needs.
async fn too_much(report: &mut Report, target: &GoogleTarget, user: &Arc<str>) {
    let everything = Scopes::of([Scope::Everything]);
    let deadline = target.client().deadline();
    if target.client().sign_in.try_out(user, &everything, deadline).await.is_ok() {
        let hint = format!(
            "in the Admin console (Security, API controls, Domain-wide delegation) take it off the \
             service account and leave {}",
            target.setup.scopes.listed()
        );
        let message = format!(
            "`{}` is delegated: all that is in everybody's calendars, more than is needed",
            Scope::Everything.url()
        );
        report.add(FindingLevel::Warning, message, Some(hint));
    }
}

fn foreign(report: &mut Report, target: &GoogleTarget) {
    let scopes = &target.setup.scopes;
    if !scopes.has(Scope::EventsOwned) && !scopes.has(Scope::EventsOwnedReadonly) {
        let message = "people's own events are not looked at, so conflicts with them are not found";
        let hint = format!(
            "set `foreign_events = \"read\"` in the mirror, and delegate `{}` too",
            Scope::EventsOwnedReadonly.url()
        );
        report.add(FindingLevel::Good, message, Some(hint));
    }
}

fn clock(report: &mut Report, skew: SignedDuration) {
    if skew.unsigned_abs() > CLOCK_SKEW_TOLERATED {
        let side = if skew.is_positive() { "ahead of" } else { "behind" };
        let seconds = skew.unsigned_abs().as_secs();
        let hint = "set this machine's clock by NTP; signing in fails from five minutes on";
        let message = format!("our clock is {seconds} s {side} the vendor's");
        report.add(FindingLevel::Warning, message, Some(hint.into()));
    }
}

async fn everybody(report: &mut Report, target: &GoogleTarget, people: Vec<(String, Arc<str>)>) {
    let count = people.len();
    let tried = futures_util::stream::iter(people)
        .map(|(name, user)| async move { (name, try_one(target, user).await) })
        .buffered(PEOPLE_AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let mut bad: Vec<(String, String, Option<String>)> = Vec::new();
    for (name, outcome) in tried {
        match outcome {
            Tried::Well => {}
            Tried::Twice => {
                let message = format!("{name} has more than one calendar of this mirror");
                let hint = "delete the empty one; the mirror keeps the one with the smaller id";
                report.add(FindingLevel::Warning, message, Some(hint.into()));
            }
            Tried::SignIn(error) => bad.push((error.what, name, error.mend)),
            Tried::Api(failure) => bad.push((said(&failure), name, mend(&failure))),
        }
    }
    bad.sort();
    while let Some((what, _, hint)) = bad.first().cloned() {
        let (same, others): (Vec<_>, Vec<_>) = bad.into_iter().partition(|it| it.0 == what);
        bad = others;
        let names: Vec<&str> = same.iter().take(NAMED_MAX).map(|it| it.1.as_str()).collect();
        let more = same.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let message = format!("{what}: {}{more}", names.join(", "));
        report.add(FindingLevel::Error, message, hint);
    }
    report.add(FindingLevel::Good, format!("tried for {count} people"), None);
}

async fn try_one(target: &GoogleTarget, user: Arc<str>) -> Tried {
    let scopes = target.setup.scopes.clone();
    let deadline = target.client().deadline();
    if let Err(error) = target.client().sign_in.token(&user, &scopes, deadline).await {
        return Tried::SignIn(error);
    }
    let who = As { user: Arc::clone(&user), scopes };
    match &target.setup.home {
        Home::Own(_) => {
            let Ok(key) = CalendarKey::new(&user) else { return Tried::Well };
            match target.calendars.count(&key, &who).await {
                Ok(0 | 1) => Tried::Well,
                Ok(_) => Tried::Twice,
                Err(failure) => Tried::Api(failure),
            }
        }
        Home::Primary | Home::Shared { .. } => {
            let segments: &[&str] = match &target.setup.home {
                Home::Primary => &["calendars", "primary", "events"],
                Home::Own(_) | Home::Shared { .. } => &["users", "me", "calendarList"],
            };
            let operation = "look at an account";
            let ask = Ask::new(Method::GET, segments, &who, Asked::Account, operation);
            let ask = ask.query(&[("maxResults", "1")]);
            match target.client().send(&ask).await {
                Ok(_) => Tried::Well,
                Err(failure) => Tried::Api(failure),
            }
        }
    }
}

fn said(failure: &Failure) -> String {
    match failure.detail.contains("notACalendarUser") {
        true => "the Calendar service is off".to_owned(),
        false => failure.detail.clone(),
    }
}

fn mend(failure: &Failure) -> Option<String> {
    let detail = &failure.detail;
    if detail.contains("notACalendarUser") {
        let hint = "switch on Google Calendar for their organisational unit (Admin console, Apps, \
                    Google Workspace, Calendar), and give them a licence that has it";
        return Some(hint.to_owned());
    }
    detail.contains("accessNotConfigured").then(|| {
        "switch on the Google Calendar API in the service account's project (Cloud console, APIs & \
         Services)"
            .to_owned()
    })
}
