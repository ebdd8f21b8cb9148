//! What `doctor` says of a connection: the credential and its end, signing in, the clock, and what
//! is granted. Writes nothing.

use domain::limits::{CLOCK_SKEW_TOLERATED, CREDENTIAL_WARNING, REQUEST_TIMEOUT};
use engine::port::{Finding, FindingLevel};
use jiff::{SignedDuration, Timestamp};

use super::classify::About;
use super::client::{Ask, segment};
use super::connection::Connection;
use super::credential::Credential;
use super::permissions::{Need, OWN_APPLICATION, OWN_APPLICATION_TOLERATED, compare};
use super::wire::{Application, PasswordCredential};

/// Findings about one connection.
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

/// Looks at everything that concerns all mirrors of a connection.
pub(super) async fn findings(connection: &Connection, needs: &[&Need]) -> Vec<Finding> {
    let subject = format!("connection {}", connection.name());
    let mut report = Report { subject, findings: Vec::new() };
    let sign_in = connection.graph().sign_in();
    let now = connection.clock().now();
    let credential = match sign_in.credential() {
        Ok(credential) => credential,
        Err(error) => {
            let hint = "paths are relative to the folder of the configuration".to_owned();
            report.add(FindingLevel::Error, error.to_string(), Some(hint));
            return report.findings;
        }
    };
    // First, because an expired one explains why nobody can sign in.
    if let Credential::Certificate(certificate) = &credential {
        ends(&mut report, now, "the certificate", certificate.not_after);
    }
    let token = sign_in.token(tokio::time::Instant::now() + REQUEST_TIMEOUT).await;
    if let Some(skew) = sign_in.skew() {
        clock(&mut report, skew);
    }
    let token = match token {
        Ok(token) => token,
        Err(error) => {
            let message = error.to_string();
            report.add(FindingLevel::Error, message, error.mend);
            return report.findings;
        }
    };
    let claims = token.claims();
    let name = claims.app_displayname.as_deref().unwrap_or(sign_in.client_id());
    let name = super::wire::short(name);
    report.add(FindingLevel::Good, format!("signs in as application `{name}`"), None);
    let tolerated: &[&str] = match &credential {
        Credential::Secret(_) => &OWN_APPLICATION_TOLERATED,
        Credential::Certificate(_) => &[],
    };
    for verdict in compare(&claims.roles, needs, tolerated) {
        report.add(verdict.level, verdict.message, verdict.hint);
    }
    if let Some(hint) = credential.hint() {
        let seen = OWN_APPLICATION.met_by(&claims.roles).is_some();
        secret(&mut report, connection, seen, &hint).await;
    }
    report.findings
}

fn clock(report: &mut Report, skew: SignedDuration) {
    if skew.unsigned_abs() > CLOCK_SKEW_TOLERATED {
        let side = if skew.is_positive() { "ahead of" } else { "behind" };
        let seconds = skew.unsigned_abs().as_secs();
        let hint = "set this machine's clock by NTP; signing in by certificate fails otherwise";
        let message = format!("our clock is {seconds} s {side} the vendor's");
        report.add(FindingLevel::Warning, message, Some(hint.into()));
    }
}

/// Says when something ends, and how urgent that is.
fn ends(report: &mut Report, now: Timestamp, what: &str, end: Timestamp) {
    let left = end.duration_since(now);
    let days = left.as_secs().div_euclid(24 * 3600);
    let (level, message) = if left <= SignedDuration::ZERO {
        (FindingLevel::Error, format!("{what} expired at {end}"))
    } else if left.unsigned_abs() <= CREDENTIAL_WARNING {
        (FindingLevel::Warning, format!("{what} expires at {end}, in {days} days"))
    } else {
        (FindingLevel::Good, format!("{what} expires at {end}, in {days} days"))
    };
    let hint = (level != FindingLevel::Good).then(|| {
        "add a new one to the application (Entra admin centre, App registrations, Certificates & \
         secrets) and replace the file; that needs no restart"
            .to_owned()
    });
    report.add(level, message, hint);
}

/// Says when the client secret ends: only Graph knows.
async fn secret(report: &mut Report, connection: &Connection, seen: bool, hint: &str) {
    if !seen {
        let mend = format!(
            "grant the application permission `{}` to have it watched, or note the date that \
             Entra shows under Certificates & secrets; a certificate tells its end by itself",
            OWN_APPLICATION.permission
        );
        let message = "when the client secret expires cannot be seen";
        return report.add(FindingLevel::Warning, message, Some(mend));
    }
    let id = connection.graph().sign_in().client_id();
    let path = format!("/applications(appId='{}')?$select=passwordCredentials", segment(id));
    let ask = Ask::get(path, "read the application's own secrets").about(About::Directory);
    let application = match connection.graph().send(&ask).await {
        Ok(answer) => answer.json::<Application>(),
        Err(failure) => Err(failure),
    };
    let now = connection.clock().now();
    match application.map(|it| secret_end(&it.secrets, hint, now)) {
        Ok(Some(end)) => ends(report, now, "the client secret", end),
        Ok(None) => {
            let mend = "look under Certificates & secrets in the Entra admin centre".to_owned();
            let message = "the application lists no secret like ours; its end is not known";
            report.add(FindingLevel::Warning, message, Some(mend));
        }
        Err(failure) => {
            let message = format!("when the client secret expires cannot be seen: {failure}");
            report.add(FindingLevel::Warning, message, None);
        }
    }
}

/// When our secret ends, at the earliest: it is one of those that begin like ours and are still
/// good, because we have just signed in with it.
#[must_use]
pub(super) fn secret_end(
    secrets: &[PasswordCredential],
    hint: &str,
    now: Timestamp,
) -> Option<Timestamp> {
    let alike = secrets.iter().filter(|it| it.hint.as_deref().is_none_or(|its| its == hint));
    alike.filter_map(|it| it.end_date_time).filter(|end| *end > now).min()
}
