//! What `doctor` says of the system.

use std::sync::Arc;

use domain::limits::CLOCK_SKEW_TOLERATED;
use domain::{CommandKind, ConnectionName};
use engine::port::{Failure, FailureClass, Finding, FindingLevel};
use http::header::DATE;
use jiff::{SignedDuration, Timestamp};

use super::known::Known;
use crate::transport::{Answer, http_date};
use crate::wfm_http::client::{PageAnswer, Query};
use crate::wfm_http::config::WfmHttpConfig;
use crate::wfm_http::map::{Capabilities, Changes, Deletions};

/// Looks whether it can be read, and whether it is set up as it says of itself.
pub async fn check(
    name: &ConnectionName,
    known: &Arc<Known>,
    config: &WfmHttpConfig,
    now: Timestamp,
) -> Vec<Finding> {
    let subject = format!("connection {name}");
    let finding = |level, message: String, hint: Option<&str>| Finding {
        level,
        subject: subject.clone(),
        message,
        hint: hint.map(str::to_owned),
    };
    let failed = |failure: &Failure| {
        finding(FindingLevel::Error, failure.to_string(), Some(advice(&failure.class)))
    };
    let asked = known.wfm.capabilities().await;
    let mut findings = match &asked {
        Ok((capabilities, _)) => vec![finding(FindingLevel::Good, summary(capabilities), None)],
        Err(failure) => vec![failed(failure)],
    };
    let says_it_all = |class: &FailureClass| {
        [FailureClass::Unavailable, FailureClass::Unauthorised].contains(class)
    };
    if matches!(&asked, Err(failure) if says_it_all(&failure.class)) {
        return findings;
    }
    let query = Query {
        from: now,
        until: now.checked_add(SignedDuration::from_hours(24)).unwrap_or(now),
        limit: 1,
        changed: None,
        page: None,
        known: None,
    };
    match known.wfm.page(&query).await {
        Ok(PageAnswer::Page { .. } | PageAnswer::Unchanged) => {}
        Err(failure) => findings.push(failed(&failure)),
    }
    let Ok((capabilities, answer)) = asked else { return findings };
    for (message, hint) in doubts(&capabilities, config) {
        findings.push(finding(FindingLevel::Warning, message, Some(hint)));
    }
    if let Some(message) = clock_skew(&answer, now) {
        let hint = "webhooks are refused and edits missed when clocks differ; use NTP on both";
        findings.push(finding(FindingLevel::Warning, message, Some(hint)));
    }
    findings
}

fn summary(it: &Capabilities) -> String {
    let product = it.product.as_deref().unwrap_or("the system");
    let changes = match it.changes {
        Changes::Window => "no changes, only whole windows",
        Changes::Since => "changes since a token",
        Changes::EditedSince => "changes by edit time",
    };
    let commands: Vec<&str> = it.commands.iter().map(|kind| kind.as_str()).collect();
    let commands = match commands.is_empty() {
        true => "nothing".to_owned(),
        false => commands.join(", "),
    };
    format!("`{product}` tells {changes}, and decides {commands}")
}

/// What works, and not as well as it could, or not as the operator may think.
fn doubts(it: &Capabilities, config: &WfmHttpConfig) -> Vec<(String, &'static str)> {
    let mut doubts = Vec::new();
    let all = || CommandKind::ALL.into_iter().collect();
    let wanted = config.decides.clone().unwrap_or_else(all);
    if config.decides.is_some() {
        let words: Vec<&str> = wanted.difference(&it.commands).map(|kind| kind.as_str()).collect();
        if !words.is_empty() {
            let message = format!("it does not decide {}, which `decides` names", words.join(", "));
            doubts.push((message, "people are refused what nobody decides: leave it out"));
        }
    } else if it.commands.len() < CommandKind::ALL.len() && !it.commands.is_empty() {
        let message = "`decides` is left out, and it does not decide everything".to_owned();
        let hint = "name in `decides` what it does, so that people are not offered the rest";
        doubts.push((message, hint));
    }
    if let Some(kind) = it.automatic.difference(&config.automatic).next() {
        let message = format!("it grants `{kind}` without a manager, and `automatic` does not");
        doubts.push((message, "name it in `automatic`, or requests wait for a manager"));
    }
    if it.changes == Changes::Since && it.deletions == Deletions::Absence {
        let message = "it tells changes since a token, and not what was deleted".to_owned();
        doubts.push((message, "everything is read each time: list deletions as `deleted`"));
    }
    if it.webhooks && config.webhook_secret_file.is_none() {
        let message = "it sends webhooks, and there is no `webhook_secret_file`".to_owned();
        doubts.push((message, "changes are seen at the next poll only"));
    }
    doubts
}

fn clock_skew(answer: &Answer, now: Timestamp) -> Option<String> {
    let theirs = http_date(answer.headers.get(DATE)?.to_str().ok()?)?;
    let skew = now.duration_since(theirs);
    let tolerated = SignedDuration::try_from(CLOCK_SKEW_TOLERATED).ok()?;
    (skew.abs() > tolerated)
        .then(|| format!("its clock and ours differ by {} seconds", skew.as_secs().abs()))
}

/// What to do about a failure of this class.
pub fn advice(class: &FailureClass) -> &'static str {
    match class {
        FailureClass::Unauthorised => "look at `token_file`: does the system know this token?",
        FailureClass::Forbidden | FailureClass::OwnerMissing => {
            "the token may not do this: look at what it was issued for"
        }
        FailureClass::Missing | FailureClass::CalendarMissing => {
            "`url` is the address below which `/capabilities` and `/schedule` lie"
        }
        FailureClass::Throttled { .. } => "`requests_per_minute` can be set lower",
        FailureClass::Unavailable | FailureClass::Unknown => {
            "is the system running, and can this machine reach it?"
        }
        FailureClass::Precondition
        | FailureClass::Duplicate { .. }
        | FailureClass::DeltaExpired
        | FailureClass::TooLate
        | FailureClass::Refused
        | FailureClass::Unsupported
        | FailureClass::Bug => "`rotabridge wfm check URL` says what the system should do instead",
    }
}
