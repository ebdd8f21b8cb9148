//! The conformance suite behind `rotabridge wfm check`: somebody's implementation of the contract,
//! looked at from outside, in words that whoever wrote it can act on.
//!
//! Each check has a stable name, the rule that it is about, and one of four results. What depends
//! on something that failed is skipped, with the reason, so that one mistake is told once. Nothing
//! is written unless an employee is named whose shift may be made, changed and removed again; and
//! then only in the future, at night, under a label that says what it is.
//!
//! Values of people's fields are never repeated, ids are.

mod capabilities;
mod changes;
mod commands;
mod hooks;
mod pages;
mod schedule;
mod talk;

use std::net::SocketAddr;
use std::sync::Arc;

use engine::port::Clock;
use secrecy::SecretString;
use serde::Serialize;

use super::config::WfmHttpConfig;
use super::inbound::key_of;
use crate::{ConnectionConfig, ConnectionContext, ConnectionError};

use talk::Talk;

/// What is checked, and how far one may go.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// Where the contract is served.
    pub url: String,
    /// The bearer token.
    pub token: Option<SecretString>,
    /// Whether `http://` is fine for another machine.
    pub allow_http: bool,
    /// Whose shift may be made, changed and removed, to check commands.
    pub write_as: Option<String>,
    /// Where webhooks are awaited, and the secret that they are signed with.
    pub hooks: Option<(SocketAddr, SecretString)>,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// The rule is kept.
    Passed,
    /// It could not be looked at, or there was nothing to look at.
    Skipped,
    /// It is kept, and could be kept better.
    Advised,
    /// The rule is broken.
    Failed,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// Its stable name: `schedule.pages`.
    pub name: &'static str,
    /// The rule that it is about.
    pub rule: &'static str,
    /// How it came out.
    pub result: CheckResult,
    /// What was found; for what was skipped, why.
    pub found: Option<String>,
    /// What was expected.
    pub expected: Option<&'static str>,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

/// All checks of one implementation.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// Where it is.
    pub url: String,
    /// What it calls itself.
    pub product: Option<String>,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

impl CheckReport {
    /// How many came out like this.
    #[must_use]
    pub fn count(&self, result: CheckResult) -> usize {
        self.checks.iter().filter(|it| it.result == result).count()
    }
}

/// What a rule demands and how to keep it; results are made of it.
#[derive(Debug, Clone, Copy)]
struct Rule {
    name: &'static str,
    rule: &'static str,
    expected: &'static str,
    hint: &'static str,
}

impl Rule {
    fn with(self, result: CheckResult, found: Option<String>) -> Check {
        let Self { name, rule, expected, hint } = self;
        let wrong = matches!(result, CheckResult::Failed | CheckResult::Advised);
        Check {
            name,
            rule,
            result,
            found,
            expected: wrong.then_some(expected),
            hint: wrong.then_some(hint),
        }
    }

    fn passed(self) -> Check {
        self.with(CheckResult::Passed, None)
    }

    fn failed(self, found: impl Into<String>) -> Check {
        self.with(CheckResult::Failed, Some(found.into()))
    }

    fn advised(self, found: impl Into<String>) -> Check {
        self.with(CheckResult::Advised, Some(found.into()))
    }

    fn skipped(self, why: impl Into<String>) -> Check {
        self.with(CheckResult::Skipped, Some(why.into()))
    }

    /// Passed when nothing was found, failed otherwise.
    fn unless(self, found: Option<String>) -> Check {
        match found {
            None => self.passed(),
            Some(found) => self.failed(found),
        }
    }
}

/// Checks an implementation.
///
/// # Errors
/// When the options make no sense; what is wrong with the implementation is in the report.
pub async fn check(
    options: &CheckOptions,
    context: &ConnectionContext,
) -> Result<CheckReport, ConnectionError> {
    let mut config = WfmHttpConfig::of_url(&options.url);
    config.allow_http = options.allow_http;
    config.validate()?;
    let hooks = options.hooks.as_ref().map(|(address, secret)| {
        let key = key_of(secret)
            .map_err(|message| ConnectionError::Key { key: "webhook_secret_file", message })?;
        Ok::<_, ConnectionError>((*address, key))
    });
    let hooks = hooks.transpose()?;
    let clock: Arc<dyn Clock> = Arc::clone(&context.clock);
    let wfm = config.client_with(options.token.as_ref(), context)?;
    let stranger = config.client_with(None, context)?;
    let talk = Talk::new(wfm, stranger, clock);
    let mut report = CheckReport { url: options.url.clone(), product: None, checks: vec![] };
    let checks = &mut report.checks;
    let chosen = capabilities::check(&talk, options.token.is_some(), checks).await;
    let Some(chosen) = chosen else {
        return Ok(report);
    };
    report.product.clone_from(&chosen.product);
    let seen = schedule::check(&talk, &chosen, checks).await;
    pages::check(&talk, &chosen, &seen, checks).await;
    changes::check(&talk, &chosen, &seen, checks).await;
    commands::check(&talk, &chosen, &seen, options.write_as.as_deref(), checks).await;
    hooks::check(&talk, &chosen, hooks, checks).await;
    Ok(report)
}
