//! Finding the account's calendars (RFC 6764, 5397, 4791 §6.2.1), and what `doctor` says.

use engine::port::{Failure, FailureClass, Finding, FindingLevel};
use http::header::DATE;
use jiff::SignedDuration;
use url::{Position, Url};

use super::classify::Asked;
use super::client::Depth;
use super::provider::{CaldavTarget, Doing};
use super::wire::{self, Properties};
use crate::transport::{Answer, http_date};
use domain::limits::CLOCK_SKEW_TOLERATED;

const WELL_KNOWN: &str = "/.well-known/caldav";

impl CaldavTarget {
    /// The path below which collections lie, with `/` at its end.
    pub(super) async fn base(&self) -> Result<&str, Failure> {
        if !self.setup.discovers {
            return Ok(self.setup.url.path());
        }
        let home = self.home.get_or_try_init(|| self.discover()).await?;
        Ok(home)
    }

    /// Asks the configured address first, where it is more than a host: posteo and GMX have no
    /// working well-known address.
    async fn discover(&self) -> Result<String, Failure> {
        let url = &self.setup.url;
        let doing = self.discovering();
        let places = match url.path() {
            "/" => [WELL_KNOWN, "/"],
            path => [path, WELL_KNOWN],
        };
        let mut last = doing.failure(
            FailureClass::Unsupported,
            "neither `url` nor `/.well-known/caldav` names a calendar home; set `collection`",
        );
        for place in places {
            match self.home_at(place).await {
                Ok(Some(home)) => return Ok(home),
                Ok(None) => {}
                Err(failure) => match (&failure.class, failure.status) {
                    (_, Some(401) | None) | (FailureClass::Throttled { .. }, _) => {
                        return Err(failure);
                    }
                    _ => last = failure,
                },
            }
        }
        Err(last)
    }

    async fn home_at(&self, place: &str) -> Result<Option<String>, Failure> {
        let Some((found, at)) = self.account(place).await? else {
            return Ok(None);
        };
        if let Some(home) = found.home_set {
            return self.on_this_server(&at, &home).map(Some);
        }
        let Some(principal) = found.principal else {
            return Ok(None);
        };
        let principal = self.on_this_server(&at, &principal)?;
        match self.account(&principal).await? {
            Some((found, at)) => match found.home_set {
                Some(home) => self.on_this_server(&at, &home).map(Some),
                None => Ok(None),
            },
            None => Ok(None),
        }
    }

    /// What is told about the account at a path, and the path that told it after redirects.
    async fn account(&self, path: &str) -> Result<Option<(Properties, String)>, Failure> {
        let doing = self.discovering();
        let client = &self.setup.client;
        let sent = client.propfind(path, Depth::Itself, wire::PROPFIND_ACCOUNT).await;
        let (answer, at) = sent.map_err(|error| self.lost(doing, &error))?;
        if answer.status.as_u16() != 207 {
            return Err(self.refused(doing, &answer));
        }
        let told = wire::read_multistatus(answer.body)
            .await
            .map_err(|error| Failure { status: Some(207), ..doing.bug(error) })?;
        let first = told.responses.into_iter().next();
        Ok(first.map(|response| (response.properties, at)))
    }

    /// The path that `href` means, seen from `at`, if it is on the server that the operator named.
    fn on_this_server(&self, at: &str, href: &str) -> Result<String, Failure> {
        let url = &self.setup.url;
        let there = url.join(at).and_then(|here| here.join(href));
        let doing = self.discovering();
        let there: Url = there.map_err(|_| doing.bug("an address it names is no URL"))?;
        if there.origin() != url.origin() {
            let other = there.origin().ascii_serialization();
            let detail = format!("the calendar home is on `{other}`; set `url` to it");
            return Err(doing.failure(FailureClass::Unauthorised, detail));
        }
        let mut path = there[Position::BeforePath..Position::AfterPath].to_owned();
        if !path.ends_with('/') {
            path.push('/');
        }
        Ok(path)
    }

    fn discovering(&self) -> Doing<'_> {
        Doing {
            asked: Asked::Account,
            verb: "find the calendars of connection",
            place: self.setup.connection.as_str(),
        }
    }

    pub(super) async fn findings(&self) -> Vec<Finding> {
        let mut report = Report {
            subject: format!("connection {}", self.setup.connection),
            findings: Vec::new(),
        };
        if self.setup.url.scheme() == "http" && !is_this_machine(&self.setup.url) {
            let message = "plain http: name, password and schedules can be read on the way";
            report.add(FindingLevel::Warning, message, Some("use `https`"));
        }
        let doing = self.discovering();
        let answer = match self.setup.client.options(self.setup.url.path()).await {
            Ok(answer) => answer,
            Err(error) => {
                report.failed(&self.lost(doing, &error));
                return report.findings;
            }
        };
        self.clock_skew(&answer, &mut report);
        match self.base().await {
            Ok(base) => self.grants(base, &answer, &mut report).await,
            Err(failure) => report.failed(&failure),
        }
        report.findings
    }

    fn clock_skew(&self, answer: &Answer, report: &mut Report) {
        let date = answer.headers.get(DATE).and_then(|it| it.to_str().ok());
        let Some(theirs) = date.and_then(http_date) else {
            return;
        };
        let skew = self.setup.clock.machine().duration_since(theirs);
        if skew.unsigned_abs() > CLOCK_SKEW_TOLERATED {
            let side = if skew > SignedDuration::ZERO { "ahead of" } else { "behind" };
            let seconds = skew.unsigned_abs().as_secs();
            let message = format!("our clock is {seconds} s {side} the server's");
            let hint = "set the clocks by NTP; `Retry-After` dates are misread otherwise";
            report.add(FindingLevel::Warning, &message, Some(hint));
        }
    }

    /// What the account may do where the calendars are.
    async fn grants(&self, base: &str, options: &Answer, report: &mut Report) {
        let found = match self.account(base).await {
            Ok(found) => found.map(|(properties, _)| properties),
            Err(failure) => return report.failed(&failure),
        };
        let found = found.unwrap_or_default();
        let classes = options.headers.get_all("dav").iter();
        let speaks = classes
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|class| class.trim().eq_ignore_ascii_case("calendar-access"));
        if !speaks && !found.is_calendar {
            let message = "does not announce `calendar-access` at `url`";
            let hint = "check that `url` leads to the CalDAV part of the server";
            report.add(FindingLevel::Warning, message, Some(hint));
        }
        let writes = found.privileges.as_ref().map(|granted| {
            let needed = ["all", "write", "bind", "write-content"];
            granted.iter().any(|it| needed.contains(&it.as_str()))
        });
        match writes {
            Some(false) => {
                let message = format!("the account may not write below `{base}`");
                let hint = "grant it write access, or name its own folder in `url`";
                report.add(FindingLevel::Error, &message, Some(hint));
            }
            Some(true) => {
                let message = format!("reachable, and may write below `{base}`");
                report.add(FindingLevel::Good, &message, None);
            }
            None => {
                let message = format!("reachable; calendars are below `{base}`");
                report.add(FindingLevel::Good, &message, None);
            }
        }
    }
}

struct Report {
    subject: String,
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, level: FindingLevel, message: &str, hint: Option<&str>) {
        self.findings.push(Finding {
            level,
            subject: self.subject.clone(),
            message: message.to_owned(),
            hint: hint.map(str::to_owned),
        });
    }

    fn failed(&mut self, failure: &Failure) {
        let hint = match (&failure.class, failure.status) {
            (FailureClass::Unauthorised, Some(401)) => {
                "check `username` and `password_file`; many servers want an app password"
            }
            (FailureClass::Forbidden, _) => "check what the account may do at `url`",
            (FailureClass::Unauthorised, _) => "check `url`",
            (FailureClass::Unavailable, _) => {
                "check that the server runs, and `url`; a private certificate needs `ca_file`"
            }
            (FailureClass::Throttled { .. }, _) => "try again later",
            (FailureClass::CalendarMissing, _) => "check the path of `url`: nothing is there",
            (_, _) => "check that `url` leads to the CalDAV part of the server",
        };
        self.add(FindingLevel::Error, &failure.to_string(), Some(hint));
    }
}

pub(super) fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
