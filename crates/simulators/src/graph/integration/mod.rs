//! Workforce integrations as Shifts calls them: `/connect`, `/update` and `/read`.
//!
//! [`Workforce`] stands behind [`Graph::commit`]: whatever an app writes is shown to the
//! integration of the team first. People (see [`people`](super::people)) ask it themselves,
//! because their clients try again, with new ids, when no answer comes in time. Every call is
//! kept with its answer ([`Workforce::exchanges`]), and [`Mishap`]s lose or double them.
//!
//! Written from `../shared/reference/shifts.md` §2 and §3 and shares no code with the connector.

mod caller;
mod carrier;
mod envelope;
mod judge;
mod spelling;

use std::sync::Arc;

use serde_json::Value;

pub use caller::{Asker, CallOptions, Caller, Element, Endpoint, Exchange, Mishap, Outcome, Route};
pub use carrier::{Carrier, Carrying, Got, HttpCarrier, Post};
pub use envelope::{Luck, SECRET_BYTES, SealError, seal};
pub use judge::{Accepted, Judged, Refusal, Wants, judge};

use super::Graph;
use super::change::{self, Callbacks, Change, Scope};
use super::options::Clock;
use super::state::{Integration, Who};

/// The language of clients of which nothing else is known.
pub const LANGUAGE: &str = "en-US";

/// What an integration said to a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It may happen, or the integration has no say in it.
    Agreed,
    /// It may not.
    Refused(Refusal),
    /// Nothing yet: to be asked again.
    Unknown(Refusal),
}

/// Calls the integrations of a played Graph.
pub struct Workforce {
    caller: Caller,
    clock: Clock,
}

impl std::fmt::Debug for Workforce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Workforce({:?})", self.caller.options())
    }
}

impl Workforce {
    /// Lets `graph` call its integrations over HTTP from now on.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn install(graph: &Graph, options: CallOptions) -> std::io::Result<Arc<Self>> {
        Ok(Self::install_over(graph, Caller::new(options)?))
    }

    /// Lets `graph` call its integrations by this caller from now on.
    #[must_use]
    pub fn install_over(graph: &Graph, caller: Caller) -> Arc<Self> {
        let clock = graph.options().clock.clone().unwrap_or_else(|| Arc::new(super::machine_time));
        let this = Arc::new(Self { caller, clock });
        let callbacks: Arc<dyn Callbacks> = Arc::clone(&this) as _;
        graph.set_callbacks(Some(callbacks));
        this
    }

    /// What calls.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// All calls so far with their answers.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.caller.exchanges()
    }

    /// Asks whether a change may happen, once.
    pub async fn asks(
        &self,
        integration: &Integration,
        change: &Change,
        language: &str,
    ) -> Verdict {
        let asked = change.elements.iter().filter_map(|it| spelling::supported_name(it.subject));
        if !asked.into_iter().any(|name| names(&integration.supported, name)) {
            return Verdict::Agreed;
        }
        let now = (self.clock)();
        let elements = spelling::elements(change, now);
        let route = match &change.scope {
            Scope::Team(team) => Route::TeamUpdate(team.clone()),
            Scope::User(user) => Route::UserUpdate(user.clone()),
        };
        let asker = Asker { passthrough: change.passthrough.as_deref(), language, now };
        let to = endpoint(integration);
        match self.caller.ask(&to, &route, &elements, &asker).await {
            Ok(outcome) => verdict(outcome, &to),
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    /// Asks which ids somebody may be shown; `None` when the integration does not filter these.
    ///
    /// # Errors
    /// When it refuses or does not answer as it must.
    pub(super) async fn reads(
        &self,
        integration: &Integration,
        team: &str,
        question: Question<'_>,
    ) -> Result<Option<Vec<String>>, Refusal> {
        let Question { entity, id, url, language } = question;
        if !names(&integration.eligibility, entity) {
            return Ok(None);
        }
        let element = Element { id, method: "GET", url, body: None };
        let asker = Asker { passthrough: None, language, now: (self.clock)() };
        let (to, route) = (endpoint(integration), Route::TeamRead(team.to_owned()));
        let outcome = self.caller.ask(&to, &route, &[element], &asker).await?;
        if let Outcome::Answered(Judged::Accepted(accepted)) = &outcome {
            let data = accepted.first().and_then(|it| it.data.as_array());
            let ids = data.into_iter().flatten().filter_map(Value::as_str);
            return Ok(Some(ids.map(str::to_owned).collect()));
        }
        match verdict(outcome, &to) {
            Verdict::Agreed => Ok(None),
            Verdict::Refused(refusal) | Verdict::Unknown(refusal) => Err(refusal),
        }
    }
}

/// What a client of Shifts wants to know before it shows somebody a choice.
#[derive(Debug, Clone)]
pub(super) struct Question<'a> {
    /// Of `eligibilityFilteringEnabledEntities`.
    pub entity: &'a str,
    /// The id of the element.
    pub id: String,
    /// Its URL.
    pub url: String,
    /// The language of the person's client.
    pub language: &'a str,
}

impl Callbacks for Workforce {
    fn connect(&self, integration: &Integration) -> Result<(), change::Refusal> {
        let asker = Asker { passthrough: None, language: LANGUAGE, now: (self.clock)() };
        let who = match &integration.tracked.modified_by {
            Who::App(id) | Who::Person(id) => id.as_str(),
            Who::System => "",
        };
        let (to, whom) = (endpoint(integration), (integration.tenant.as_str(), who));
        blocking(self.caller.connect(&to, whom, &asker))?.map_err(for_apps)
    }

    fn update(&self, integration: &Integration, change: &Change) -> Result<(), change::Refusal> {
        match blocking(self.asks(integration, change, LANGUAGE))? {
            Verdict::Agreed => Ok(()),
            Verdict::Refused(refusal) | Verdict::Unknown(refusal) => Err(for_apps(refusal)),
        }
    }
}

/// Runs to the end on a thread of its own, so that it works wherever it is called from.
fn blocking<T: Send>(future: impl Future<Output = T> + Send) -> Result<T, change::Refusal> {
    let failed =
        |error: std::io::Error| change::Refusal { status: 504, message: error.to_string() };
    std::thread::scope(|scope| {
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            runtime.map(|runtime| runtime.block_on(future)).map_err(failed)
        };
        scope.spawn(run).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn endpoint(integration: &Integration) -> Endpoint {
    Endpoint {
        url: integration.url.clone(),
        api_version: u32::try_from(integration.api_version).unwrap_or(1),
        secret: integration.secret.clone(),
        display_name: integration.display_name.clone(),
    }
}

fn names(set: &std::collections::BTreeSet<String>, name: &str) -> bool {
    set.iter().any(|it| it.eq_ignore_ascii_case(name))
}

fn verdict(outcome: Outcome, to: &Endpoint) -> Verdict {
    let none = |message: String| {
        let code = "GatewayTimeout".to_owned();
        Refusal { status: 504, code, message, source: to.display_name.clone() }
    };
    match outcome {
        Outcome::Answered(Judged::Accepted(_)) => Verdict::Agreed,
        Outcome::Answered(Judged::Refused(refusal)) => Verdict::Refused(refusal),
        Outcome::Answered(Judged::InProgress(refusal)) => Verdict::Unknown(refusal),
        Outcome::TimedOut => {
            Verdict::Unknown(none("the integration did not answer in time".to_owned()))
        }
        Outcome::Unreachable(why) => Verdict::Refused(none(why)),
    }
}

/// What Graph answers an app: 403 for a refusal, else as it is.
fn for_apps(refusal: Refusal) -> change::Refusal {
    let Refusal { status, code: _, message, source: _ } = refusal;
    let status = if matches!(status, 502 | 504) { status } else { 403 };
    change::Refusal { status, message }
}
