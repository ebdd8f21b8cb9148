//! Having Shifts call us: the workforce integration of a mirror.
//!
//! Ours is the one under our address, or, after that changed, the one whose id we kept in a file
//! beside the secret when we registered; a name is nobody's proof. A crash before the id is kept
//! is mended by registering again: the address finds it. A team's schedule calls one integration
//! at most (`shifts.md` §1.2): somebody else's is told of, and never replaced. Names of entities
//! are written in one text, each with its first letter upper-case, or Graph refuses them (§1.1).

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{CalendarKey, CommandKind, MirrorName};
use engine::port::{Failure, FailureClass};
use http::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::call::Caller;
use super::config::Teams;
use super::provision::{read_schedule, write_schedule};
use super::secrets::Secrets;
use super::team::refused;
use super::wire::Integration;
use crate::microsoft_graph::classify::About;
use crate::microsoft_graph::client::{Ask, Version, segment};
use crate::{CalendarRegistration, ConnectionError, Registration, RegistrationStatus};

const PATH: &str = "/teamwork/workforceIntegrations";
/// Which interfaces registrations are written through, in order: newer properties came to v1.0
/// late (`shifts.md` §5).
const WRITE: [Version; 2] = [Version::V1, Version::Beta];
/// The version of the callbacks: it becomes part of the address, `{url}/v1/…`.
const API_VERSION: u32 = 1;

/// The workforce integration of one mirror.
pub struct ShiftsRegistration {
    /// The way to Graph.
    pub caller: Arc<Caller>,
    /// Which teams.
    pub teams: Arc<Teams>,
    /// What calls are sealed with.
    pub secrets: Arc<Secrets>,
    /// What people may ask for.
    pub two_way: BTreeSet<CommandKind>,
    /// What it is called.
    pub display_name: String,
    /// Of which mirror.
    pub mirror: MirrorName,
}

/// What Shifts calls each thing that can be asked for.
#[must_use]
pub const fn entity_name(kind: CommandKind) -> &'static str {
    match kind {
        CommandKind::Availability => "UserShiftPreferences",
        CommandKind::OfferRequest => "OfferShiftRequest",
        CommandKind::OpenShift => "OpenShift",
        CommandKind::OpenShiftRequest => "OpenShiftRequest",
        CommandKind::Shift => "Shift",
        CommandKind::SwapRequest => "SwapRequest",
        CommandKind::TimeOff => "TimeOff",
        CommandKind::TimeOffRequest => "TimeOffRequest",
    }
}

/// What Shifts asks us beforehand about each of them, where it does.
const fn eligibility_name(kind: CommandKind) -> Option<&'static str> {
    match kind {
        CommandKind::OfferRequest => Some("OfferShiftRequest"),
        CommandKind::SwapRequest => Some("SwapRequest"),
        CommandKind::TimeOffRequest => Some("TimeOffReason"),
        CommandKind::Availability
        | CommandKind::OpenShift
        | CommandKind::OpenShiftRequest
        | CommandKind::Shift
        | CommandKind::TimeOff => None,
    }
}

impl ShiftsRegistration {
    /// What is written of it, but for the secret.
    #[must_use]
    pub fn body(&self, callback_url: &str) -> Value {
        // All of it: what cannot be asked for must be told to us to be refused. Nobody can ask for
        // other reasons for time off.
        let names = [&CommandKind::ALL.map(entity_name)[..], &["TimeOffReason"]].concat();
        let asked: Vec<&str> = self.two_way.iter().filter_map(|it| eligibility_name(*it)).collect();
        let asked = if asked.is_empty() { "None".to_owned() } else { asked.join(",") };
        json!({
            "displayName": self.display_name, "apiVersion": API_VERSION, "isActive": true,
            "url": callback_url, "supportedEntities": names.join(","),
            "eligibilityFilteringEnabledEntities": asked,
        })
    }

    async fn all(&self) -> Result<Vec<Integration>, Failure> {
        let operation = "list the workforce integrations of the tenant";
        self.caller.list(Ask::get(PATH, operation).about(About::Directory)).await
    }

    /// Ours among them: by our address, where it is known, or else by the id that was kept.
    fn ours<'a>(&self, all: &'a [Integration], url: Option<&str>) -> Option<&'a Integration> {
        let bare = |text: &str| text.trim_end_matches('/').to_ascii_lowercase();
        let here = |it: &&Integration| {
            let its = it.url.as_deref().map(bare);
            its.is_some() && its == url.map(bare)
        };
        let kept = self.secrets.registration();
        let kept = || all.iter().find(|it| kept.as_ref() == Some(&it.id));
        all.iter().find(here).or_else(kept)
    }

    /// Says of those that are called as ours would be, and are not.
    fn tell_of_namesakes(&self, all: &[Integration]) {
        let ours = |it: &Integration| it.display_name.as_deref() == Some(&self.display_name);
        for theirs in all.iter().filter(|it| ours(it)) {
            tracing::warn!(
                id = theirs.id,
                "an integration of our name calls another address: it is somebody else's, and stays"
            );
        }
    }

    /// Has the schedule of one team call `ours`, or not any more; `false` where there is none.
    async fn switch_team(&self, team: &CalendarKey, ours: &str, on: bool) -> Result<bool, Failure> {
        let Some(schedule) = read_schedule(&self.caller, team).await? else { return Ok(false) };
        let before = schedule.integrations();
        let mut after = before.clone();
        match before.first() {
            None if on => after.push(ours.to_owned()),
            // Somebody else's, or ours already: both stay as they are.
            Some(_) if on => {}
            Some(_) | None => after.retain(|it| it != ours),
        }
        if after != before {
            let operation = format!("set the workforce integration of team `{team}`");
            let change = ("workforceIntegrationIds", json!(after));
            write_schedule(&self.caller, team, &schedule, [change], operation).await?;
        }
        Ok(true)
    }

    async fn registered(&self, operation: &str) -> Result<Integration, Failure> {
        let all = self.all().await?;
        self.ours(&all, None).cloned().ok_or_else(|| {
            let detail = "this mirror is not registered from here; `shifts register` does that";
            refused(operation, detail)
        })
    }

    /// Writes the registration, through beta where v1.0 does not know something of it.
    async fn write(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        operation: &str,
    ) -> Result<(), Failure> {
        let mut refusal = None;
        for version in WRITE {
            let ask = Ask::new(method.clone(), version, path, operation).about(About::Directory);
            match self.caller.write(ask.json(body)).await {
                Ok(_) => return Ok(()),
                // What was wrong for v1.0 is worth telling; that beta refuses it too, is not. That
                // we could not be reached, or anything else, is no better there.
                Err(failure) if knows_less(&failure) => {
                    refusal.get_or_insert(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(refusal.unwrap_or_else(|| refused(operation, "no interface takes it")))
    }

    /// The same, and no word of the secret where Graph says the body again.
    async fn write_secret(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        operation: &str,
    ) -> Result<(), Failure> {
        let written = self.write(method, path, body, operation).await;
        written.map_err(|failure| redacted(failure, &body["encryption"]["secret"]))
    }

    async fn status_of(&self, ours: Option<&Integration>) -> Result<RegistrationStatus, Failure> {
        let mut calendars = Vec::new();
        for (team, _) in self.teams.all() {
            let schedule = read_schedule(&self.caller, team).await?;
            let exists = schedule.is_some();
            // Only the first one is called.
            let first = schedule.unwrap_or_default().integrations().into_iter().next();
            let calls_us = first.is_some() && first.as_ref() == ours.map(|it| &it.id);
            calendars.push(CalendarRegistration {
                calendar: team.as_str().to_owned(),
                exists,
                calls_us,
                calls_other: first.filter(|_| !calls_us),
            });
        }
        let entities = ours.and_then(|it| it.supported_entities.as_deref()).unwrap_or_default();
        let entities = entities.split(',').map(str::trim);
        Ok(RegistrationStatus {
            id: ours.map(|it| it.id.clone()),
            url: ours.and_then(|it| it.url.clone()),
            active: ours.is_some_and(|it| it.is_active != Some(false)),
            entities: entities.filter(|it| !it.is_empty()).map(str::to_owned).collect(),
            calendars,
        })
    }
}

#[async_trait]
impl Registration for ShiftsRegistration {
    async fn status(&self) -> Result<RegistrationStatus, Failure> {
        let all = self.all().await?;
        self.status_of(self.ours(&all, None)).await
    }

    async fn register(&self, callback_url: &str) -> Result<RegistrationStatus, Failure> {
        let operation = format!("register mirror `{}` as a workforce integration", self.mirror);
        let secret = self.secrets.current().map_err(|error| unreadable(&operation, &error))?;
        let mut body = self.body(callback_url);
        body["encryption"] =
            json!({ "protocol": "sharedSecret", "secret": secret.expose_secret() });
        let all = self.all().await?;
        match self.ours(&all, Some(callback_url)) {
            Some(ours) => {
                let path = format!("{PATH}/{}", segment(&ours.id));
                self.write_secret(Method::PATCH, &path, &body, &operation).await?;
            }
            None => {
                self.tell_of_namesakes(&all);
                self.write_secret(Method::POST, PATH, &body, &operation).await?;
            }
        }
        let all = self.all().await?;
        let ours = self.ours(&all, Some(callback_url));
        if let Some(ours) = ours {
            let kept = self.secrets.keep_registration(&ours.id);
            kept.map_err(|error| unreadable(&operation, &error))?;
        }
        self.status_of(ours).await
    }

    async fn switch(&self, on: bool) -> Result<RegistrationStatus, Failure> {
        let operation = "have the teams' schedules call us, or not any more";
        let ours = self.registered(operation).await?;
        for (team, _) in self.teams.all() {
            self.switch_team(team, &ours.id, on).await?;
        }
        self.status_of(Some(&ours)).await
    }

    async fn release(&self, calendar: &str) -> Result<RegistrationStatus, Failure> {
        let operation = format!("have the schedule of team `{calendar}` not call us any more");
        let ours = self.registered(&operation).await?;
        let team = CalendarKey::new(calendar);
        let team = team.map_err(|error| refused(&operation, error.to_string()))?;
        if !self.switch_team(&team, &ours.id, false).await? {
            let detail = "there is no such team, or it has no schedule";
            return Err(Failure { class: FailureClass::Missing, ..refused(operation, detail) });
        }
        self.status_of(Some(&ours)).await
    }

    async fn rotate_secret(&self) -> Result<RegistrationStatus, Failure> {
        let operation = format!("rotate the callback secret of mirror `{}`", self.mirror);
        let ours = self.registered(&operation).await?;
        let entropy = self.caller.connection().entropy();
        let next = self.secrets.make_next(entropy.as_ref());
        let next = next.map_err(|error| unreadable(&operation, &error))?;
        let body = json!({
            "encryption": { "protocol": "sharedSecret", "secret": next.expose_secret() },
        });
        let path = format!("{PATH}/{}", segment(&ours.id));
        match self.write_secret(Method::PATCH, &path, &body, &operation).await {
            Ok(()) => {}
            // It may be the registered one now: it stays, and both are good until it is clear.
            Err(failure) if failure.class == FailureClass::Unknown => return Err(failure),
            Err(failure) => {
                self.secrets.drop_next();
                return Err(failure);
            }
        }
        self.secrets.promote_next().map_err(|error| unreadable(&operation, &error))?;
        self.status_of(Some(&ours)).await
    }
}

/// Whether Graph said 400 of a name that this interface does not know: of a member of an
/// enumeration (`shifts.md` §1.1: "Requested value '…' was not found"), or of a property (OData).
fn knows_less(failure: &Failure) -> bool {
    let told = failure.detail.to_ascii_lowercase();
    let unknown = ["was not found", "does not exist on type", "invalid property"];
    failure.status == Some(400) && unknown.iter().any(|it| told.contains(it))
}

/// The failure without the secret, also as JSON spells it.
fn redacted(failure: Failure, secret: &Value) -> Failure {
    let Some(text) = secret.as_str().filter(|it| !it.is_empty()) else { return failure };
    let spelled = secret.to_string();
    let detail = failure.detail.replace(text, "[redacted]");
    let detail = detail.replace(spelled.trim_matches('"'), "[redacted]");
    Failure { detail, ..failure }
}

fn unreadable(operation: &str, error: &ConnectionError) -> Failure {
    refused(operation, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_that_graph_says_again_is_redacted() {
        let failure = |detail: &str| refused("register", detail);
        let secret = json!("a\\\"b");
        let told = redacted(failure("`a\\\"b` and {\"secret\":\"a\\\\\\\"b\"} are wrong"), &secret);
        assert_eq!(told.detail, "`[redacted]` and {\"secret\":\"[redacted]\"} are wrong");
        assert_eq!(redacted(failure("wrong"), &json!("")).detail, "wrong");
        assert_eq!(redacted(failure("null"), &Value::Null).detail, "null");
    }
}
