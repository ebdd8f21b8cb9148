//! Asking what agents do: one question, whichever way its answer comes.

use std::time::Duration;

use engine::port::{Failure, FailureClass};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::classify::nonsense;
use super::client::{Ask, segment};
use super::provider::Genesys;
use super::weeks::Head;
use super::wire::{AgentSchedules, QueryAnswer, ScheduleHead, ScheduleQuery, short};

/// How often the same is asked again that is being worked on: the result is told to signed-in
/// users only, but may be at hand the next time.
const PROCESSING_TRIES: u32 = 2;
const PROCESSING_WAIT: Duration = Duration::from_secs(2);
const ENDLESS: &str = "the vendor comes to no end with this schedule";

/// Whose schedules are asked for at once.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    /// Its place in the order in which a schedule is read.
    pub name: String,
    pub team: String,
    /// Which agents; everybody in the management unit when `None`.
    pub users: Option<Vec<String>>,
    /// How many they are.
    pub size: usize,
}

/// What came of a question.
#[derive(Debug)]
pub(super) enum Asked {
    /// What these agents do.
    Told(AgentSchedules),
    /// The schedule, or the management unit, is not there (any more).
    Gone,
}

impl Genesys {
    /// The published schedules of a business unit, in small.
    pub(super) async fn heads(&self, unit: &str) -> Result<Vec<ScheduleHead>, Failure> {
        let path = format!(
            "workforcemanagement/businessunits/{}/weeks/recent/schedules?includeOnlyPublished=true",
            segment(unit)
        );
        let what = format!("list the schedules of business unit `{}`", short(unit));
        self.listed(&Ask::get(path, what)).await
    }

    /// What the agents of a slice do in a schedule.
    pub(super) fn schedules<'a>(
        &'a self,
        unit: &'a str,
        head: &'a Head,
        slice: &'a Slice,
    ) -> BoxFuture<'a, Result<Asked, Failure>> {
        self.asked(unit, head, &slice.team, slice.users.clone())
    }

    fn asked<'a>(
        &'a self,
        unit: &'a str,
        head: &'a Head,
        team: &'a str,
        users: Option<Vec<String>>,
    ) -> BoxFuture<'a, Result<Asked, Failure>> {
        self.ask_once(unit, head, team, users).boxed()
    }

    async fn ask_once(
        &self,
        unit: &str,
        head: &Head,
        team: &str,
        users: Option<Vec<String>>,
    ) -> Result<Asked, Failure> {
        let path = format!(
            "workforcemanagement/businessunits/{}/weeks/{}/schedules/{}/agentschedules/query",
            segment(unit),
            head.week,
            segment(&head.id)
        );
        let what =
            format!("read the schedule from {} of management unit `{}`", head.week, short(team));
        let body = ScheduleQuery { management_unit_id: team, user_ids: users.as_deref() };
        let ask = Ask::question(path, &body, what.clone());
        for tries in 0..=PROCESSING_TRIES {
            let answer: QueryAnswer = match self.client().json(&ask).await {
                Ok(answer) => answer,
                Err(failure) if failure.class == FailureClass::Missing => return Ok(Asked::Gone),
                Err(failure) => return Err(failure),
            };
            if let Some(result) = answer.result {
                return Ok(Asked::Told(result));
            }
            if let Some(address) = answer.download_url {
                let result: AgentSchedules = self.client().download(&address, &what).await?;
                return Ok(Asked::Told(result));
            }
            match answer.status.as_deref() {
                Some("Processing") => {}
                // Asked again it would be so again; in halves, only for whoever is the reason.
                Some("Error" | "Canceled") => break,
                status => {
                    let status = status.unwrap_or("nothing");
                    return Err(nonsense(&what, format!("answered `{status}` without a result")));
                }
            }
            if tries < PROCESSING_TRIES {
                let clock = self.client().clock();
                let until = clock.now().saturating_add(PROCESSING_WAIT).unwrap_or(Timestamp::MAX);
                clock.sleep_until(until).await;
            }
        }
        self.halves(unit, head, team, users, what).await
    }

    /// Too much at once: half of them, and the other half.
    async fn halves(
        &self,
        unit: &str,
        head: &Head,
        team: &str,
        users: Option<Vec<String>>,
        what: String,
    ) -> Result<Asked, Failure> {
        let users = match users {
            Some(users) => users,
            None => self.agents(unit).await?.remove(team).unwrap_or_default(),
        };
        match users.as_slice() {
            [] => Err(Failure {
                class: FailureClass::Unavailable,
                operation: what,
                status: None,
                detail: "the answer is still being worked on, for nobody".into(),
            }),
            // One must not stop all others.
            [one] => {
                let unreadable = vec![(one.clone(), ENDLESS)];
                Ok(Asked::Told(AgentSchedules { unreadable, ..AgentSchedules::default() }))
            }
            users => {
                let (one, two) = users.split_at(users.len() / 2);
                let one = self.asked(unit, head, team, Some(one.to_vec())).await?;
                let two = self.asked(unit, head, team, Some(two.to_vec())).await?;
                let (Asked::Told(mut all), Asked::Told(two)) = (one, two) else {
                    return Ok(Asked::Gone);
                };
                all.agent_schedules.extend(two.agent_schedules);
                all.unreadable.extend(two.unreadable);
                Ok(Asked::Told(all))
            }
        }
    }
}
