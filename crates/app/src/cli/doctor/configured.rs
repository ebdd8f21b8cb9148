//! What is remarkable of a configuration that is valid: what it leaves open, and what it asks for
//! and does not get.

use domain::CalendarKey;
use engine::port::{Finding, FindingLevel, Topic};

use super::{broken, finding};
use crate::config::{Config, MirrorSection, list};
use crate::wiring::Works;

/// What is found; who takes hints is known where everything could be put together.
pub fn findings(config: &Config, works: Option<&Works>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(open_to_all(config));
    findings.extend(dashboard_findings(config));
    for mirror in &config.mirrors {
        let subject = format!("mirror {}", mirror.name);
        let asked = asked_for(config, mirror);
        findings.extend(asked.map(|it| finding(FindingLevel::Good, subject, it)));
    }
    if let Some(works) = works.filter(|_| config.server.public_url.is_none()) {
        findings.extend(without_hints(config, works));
    }
    findings.extend(works.into_iter().flat_map(|works| nobody_to_approve(config, works)));
    findings
}

/// That requests are to be granted without a manager, and nobody is named as whom that is done.
fn nobody_to_approve(config: &Config, works: &Works) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (section, mirror) in config.mirrors.iter().zip(&works.mirrors) {
        let roster = config.rosters.iter().find(|it| it.name == section.roster);
        let automatic = roster.map(|it| &it.rules.automatic);
        let asked = automatic.is_some_and(|it| !it.is_disjoint(&section.two_way));
        if asked && mirror.registration.is_some() && mirror.approver.is_none() {
            let message = "requests that `[roster.rules] automatic` names wait for a manager here, \
                           because there is no `approver`";
            let hint = "`approver` is the Entra object id of a manager of the teams, in whose name \
                        they are granted";
            let subject = format!("mirror {}", section.name);
            let found = finding(FindingLevel::Warning, subject, message);
            findings.push(Finding { hint: Some(hint.to_owned()), ..found });
        }
    }
    findings
}

/// That `/metrics` and `/readyz` answer everybody who reaches the server.
fn open_to_all(config: &Config) -> Option<Finding> {
    let server = &config.server;
    if server.operator_listen.is_some() || server.listen.ip().is_loopback() {
        return None;
    }
    let message =
        format!("`/metrics` and `/readyz` answer everybody who reaches `{}`", server.listen);
    let hint = "set `[server] operator_listen` to an address that only operators reach, or have \
                the proxy hold these paths back";
    let found = finding(FindingLevel::Warning, "server", message);
    Some(Finding { hint: Some(hint.to_owned()), ..found })
}

/// Whether the dashboard has a password that will do, and that it is not sent in the clear.
fn dashboard_findings(config: &Config) -> Vec<Finding> {
    let Some(section) = &config.dashboard else { return Vec::new() };
    let server = &config.server;
    let listen = server.operator_listen.unwrap_or(server.listen);
    let by_tls = server.operator_listen.is_none()
        && server.public_url.as_ref().is_some_and(|it| it.starts_with("https://"));
    let mut findings = Vec::new();
    match section.password(&config.base) {
        Ok(_) => {
            let message = format!("is served at `{listen}`, for whoever knows the password");
            findings.push(finding(FindingLevel::Good, "dashboard", message));
        }
        Err(error) => findings.push(broken("dashboard".to_owned(), &error)),
    }
    if !listen.ip().is_loopback() {
        let (message, hint) = match by_tls {
            false => (
                format!("its password may travel unprotected to `{listen}`"),
                "listen on 127.0.0.1, and have it reached through a reverse proxy with TLS or by \
                 `ssh -L`",
            ),
            true => (
                format!("`{listen}` itself takes its password, too, and without TLS"),
                "listen on 127.0.0.1 beside the reverse proxy, or set `[server] operator_listen` \
                 to an address that only operators reach",
            ),
        };
        let found = finding(FindingLevel::Warning, "dashboard", message);
        findings.push(Finding { hint: Some(hint.to_owned()), ..found });
    }
    findings
}

/// What is left of what people may ask for in a mirror, where it is not all.
fn asked_for(config: &Config, mirror: &MirrorSection) -> Option<String> {
    let decided = config.decides(&mirror.roster);
    let left: Vec<&str> = mirror.two_way.intersection(&decided).map(|it| it.as_str()).collect();
    let all = left.len() == mirror.two_way.len();
    (!all).then(|| {
        let left = list(&left).replace(" or ", " and ");
        format!("people may ask for {left}; all else is refused, because nobody decides it")
    })
}

/// That nobody tells of changes, where somebody could if it were known how we are reached.
fn without_hints(config: &Config, works: &Works) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut untold = |level, subject: String| {
        let message = "nobody tells of changes, because there is no `public_url`: they are found \
                       on time";
        let hint = "`[server] public_url` says how vendors reach `serve`".to_owned();
        findings.push(Finding { hint: Some(hint), ..finding(level, subject, message) });
    };
    for (section, mirror) in config.mirrors.iter().zip(&works.mirrors) {
        let hooks = works.hooks.iter().find(|it| it.connection == section.connection);
        let takes = hooks.zip(CalendarKey::new("any").ok()).is_some_and(|(works, calendar)| {
            let topic = Topic::Calendar { mirror: mirror.spec.name.clone(), calendar };
            works.hooks.subscribes(&topic)
        });
        if mirror.hints && takes {
            // Who wrote it down relies on it.
            let level = match section.has("hints") {
                true => FindingLevel::Warning,
                false => FindingLevel::Good,
            };
            untold(level, format!("mirror {}", section.name));
        }
    }
    let is_source = |name| config.rosters.iter().any(|it| it.source.as_ref() == Some(name));
    for works in works.hooks.iter().filter(|it| is_source(&it.connection)) {
        untold(FindingLevel::Warning, format!("connection {}", works.connection));
    }
    findings
}
