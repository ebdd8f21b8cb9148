//! People who act in Shifts: employees and managers, as tests and the demo need them.
//!
//! Whatever they do is shown to the workforce integration of their team first, and happens only
//! when it agrees; what they see otherwise is [`NotDone`]. When no answer comes in time their
//! client tries again, and makes new ids for everything new (`shifts.md` §3).
//!
//! ```no_run
//! # async fn act(graph: &simulators::graph::Graph) -> Result<(), Box<dyn std::error::Error>> {
//! use simulators::graph::integration::CallOptions;
//! use simulators::graph::people::{NewShift, People, working};
//!
//! let people = People::of(graph, CallOptions::default())?;
//! let ward = people.team("team-id");
//! let (manager, anna) = (ward.person("manager-id"), ward.person("anna-id").speaking("de-DE"));
//! let item = working("2026-11-23T08:00:00Z".parse()?, "2026-11-23T16:00:00Z".parse()?);
//! let shift = manager.creates_shift(NewShift::of("anna-id", "TAG_1", item)).await?;
//! manager.shares(&shift).await?;
//! let request = anna.asks_to_swap(&shift, "SHFT_other").await?;
//! ward.person("ben-id").accepts(&request).await?;
//! manager.approves(&request).await?;
//! # Ok(()) }
//! ```

mod eligibility;
mod life;
mod requests;
mod schedule;

use std::sync::Arc;

use super::Graph;
use super::change::{Edit, Refused, Scope, Write};
use super::integration::{CallOptions, LANGUAGE, Refusal, Verdict, Workforce};
use super::state::{Role, State, Team, Who};

pub use life::{Act, Deed, Life};
pub use schedule::{NewShift, away, working};

/// Why something was not done: what the person sees.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// The workforce integration refused, or did not answer as it must.
    #[error("{} says: {}", .0.source, .0.message)]
    ByIntegration(Refusal),
    /// Shifts does not offer it.
    #[error("{0}")]
    ByShifts(String),
    /// Somebody was quicker.
    #[error("it was changed by somebody else")]
    Overtaken,
}

impl NotDone {
    fn shifts(why: impl Into<String>) -> Self {
        Self::ByShifts(why.into())
    }

    /// What the integration said, if it did.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::ByIntegration(refusal) => Some(refusal),
            Self::ByShifts(_) | Self::Overtaken => None,
        }
    }
}

/// The people of a played Graph. Cheap to clone.
#[derive(Debug, Clone)]
pub struct People {
    graph: Graph,
    workforce: Arc<Workforce>,
}

impl People {
    /// The people of `graph`, whose integrations are called over HTTP from now on.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn of(graph: &Graph, options: CallOptions) -> std::io::Result<Self> {
        Ok(Self::with(graph, Workforce::install(graph, options)?))
    }

    /// The people of `graph`, whose integrations `workforce` calls.
    #[must_use]
    pub fn with(graph: &Graph, workforce: Arc<Workforce>) -> Self {
        Self { graph: graph.clone(), workforce }
    }

    /// Where they act.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What calls the integrations, and all calls so far.
    #[must_use]
    pub fn workforce(&self) -> &Workforce {
        &self.workforce
    }

    /// The people of one team.
    #[must_use]
    pub fn team(&self, id: &str) -> TeamPeople {
        TeamPeople { people: self.clone(), team: id.to_owned() }
    }
}

/// The people of one team.
#[derive(Debug, Clone)]
pub struct TeamPeople {
    people: People,
    team: String,
}

impl TeamPeople {
    /// One of them, by user id. Whether they are there shows when they act.
    #[must_use]
    pub fn person(&self, user: &str) -> Person {
        let Self { people, team } = self.clone();
        let actor = Actor::Person(user.to_owned());
        Person { people, team, actor, language: LANGUAGE.to_owned(), message: None }
    }

    /// Shifts itself, which declines what can no longer be.
    #[must_use]
    pub fn system(&self) -> Person {
        let Self { people, team } = self.clone();
        Person { people, team, actor: Actor::System, language: LANGUAGE.to_owned(), message: None }
    }

    /// All people there are.
    #[must_use]
    pub fn people(&self) -> &People {
        &self.people
    }

    /// The team's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.team
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Actor {
    Person(String),
    System,
}

/// Somebody who acts in the schedule of a team.
#[derive(Debug, Clone)]
pub struct Person {
    people: People,
    team: String,
    actor: Actor,
    language: String,
    message: Option<String>,
}

/// What somebody is about to do: what is stored, and what they get.
struct Plan<T> {
    edits: Vec<Edit>,
    done: T,
}

impl<T> Plan<T> {
    fn of(edit: Edit, done: T) -> Result<Self, NotDone> {
        Ok(Self { edits: vec![edit], done })
    }
}

impl Person {
    /// The same person with a client in this language, such as `de-DE`.
    #[must_use]
    pub fn speaking(mut self, language: &str) -> Self {
        language.clone_into(&mut self.language);
        self
    }

    /// The same person, who says this with what they ask or decide.
    #[must_use]
    pub fn saying(mut self, message: &str) -> Self {
        self.message = Some(message.to_owned());
        self
    }

    /// Their user id; empty for Shifts itself.
    #[must_use]
    pub fn user(&self) -> &str {
        match &self.actor {
            Actor::Person(user) => user,
            Actor::System => "",
        }
    }

    fn who(&self) -> Who {
        match &self.actor {
            Actor::Person(user) => Who::Person(user.clone()),
            Actor::System => Who::System,
        }
    }

    /// Does something in the team, as planned anew for every try.
    async fn acts<T>(
        &self,
        plan: impl Fn(&mut State) -> Result<Plan<T>, NotDone>,
    ) -> Result<T, NotDone> {
        self.acts_in(&Scope::Team(self.team.clone()), plan).await
    }

    async fn acts_in<T>(
        &self,
        scope: &Scope,
        plan: impl Fn(&mut State) -> Result<Plan<T>, NotDone>,
    ) -> Result<T, NotDone> {
        let People { graph, workforce } = &self.people;
        let mut tries_left = workforce.caller().options().retries;
        loop {
            let Plan { edits, done } = graph.update(&plan)?;
            let write = Write::new(scope.clone(), self.who(), edits);
            let verdict = match graph.asked_about(&write) {
                Some((integration, change)) => {
                    workforce.asks(&integration, &change, &self.language).await
                }
                None => Verdict::Agreed,
            };
            match verdict {
                Verdict::Agreed => {
                    graph.settle(&write).map_err(refused)?;
                    return Ok(done);
                }
                Verdict::Refused(refusal) => return Err(NotDone::ByIntegration(refusal)),
                Verdict::Unknown(refusal) if tries_left == 0 => {
                    return Err(NotDone::ByIntegration(refusal));
                }
                Verdict::Unknown(_) => tries_left -= 1,
            }
        }
    }
}

fn refused(refused: Refused) -> NotDone {
    match refused {
        Refused::Overtaken => NotDone::Overtaken,
        Refused::ByIntegration { integration, refusal } => NotDone::ByIntegration(Refusal {
            status: refusal.status,
            code: "WorkforceIntegrationError".to_owned(),
            message: refusal.message,
            source: integration,
        }),
    }
}

/// The team, in which the person has a place.
fn member_of<'a>(state: &'a State, person: &Person) -> Result<&'a Team, NotDone> {
    let team = state.teams.get(&person.team);
    let team = team.ok_or_else(|| NotDone::shifts("there is no such team"))?;
    if !team.schedule.as_ref().is_some_and(|it| it.enabled) {
        return Err(NotDone::shifts("the team has no schedule"));
    }
    if person.actor == Actor::System || team.has_member(person.user()) {
        return Ok(team);
    }
    Err(NotDone::shifts("you are no member of this team"))
}

/// The team, which the person manages.
fn managed_by<'a>(state: &'a State, person: &Person) -> Result<&'a Team, NotDone> {
    let team = member_of(state, person)?;
    if person.actor == Actor::System || team.role_of(person.user()) == Some(Role::Owner) {
        return Ok(team);
    }
    Err(NotDone::shifts("only owners of the team may do that"))
}
