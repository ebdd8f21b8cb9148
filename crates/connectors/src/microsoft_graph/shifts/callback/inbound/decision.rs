//! From a change to what the system of record says of it, and from a question to its answers.

use std::sync::Arc;

use domain::limits::ELIGIBLE_AHEAD;
use domain::{CalendarKey, Directory, Refusal, UtcInterval};
use engine::port::{Answer, Approvals, Ask, AskedQuestion, Failure, Offered, RemoteId};
use jiff::Timestamp;

use super::super::grammar::{Change, bounds};
use super::super::message::Notice;
use super::super::names::{Names, TeamNames};
use super::super::translate::{self, NoAsk};
use super::super::wire::{self, Question};
use super::reply::Replier;

/// What became of a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// The system of record said something.
    Decided(Answer),
    /// It was not asked.
    NotAsked(NoAsk),
}

impl Decision {
    /// Whether it stays so; what was out of reach is worth another attempt.
    pub fn is_settled(&self) -> bool {
        let refusal = match self {
            Self::Decided(Answer::Granted { .. })
            | Self::NotAsked(NoAsk::Nothing | NoAsk::Unsupported | NoAsk::Unreadable) => {
                return true;
            }
            Self::Decided(Answer::Refused(refusal)) | Self::NotAsked(NoAsk::Refused(refusal)) => {
                refusal
            }
        };
        *refusal != Refusal::NotReachable
    }
}

/// Everything that is needed to ask; outlives the call that it was made for.
pub struct Asker {
    /// The way to the system of record.
    pub approvals: Arc<dyn Approvals>,
    /// What the vendor's ids mean.
    pub names: Arc<dyn Names>,
    /// The team, or the teams in which a person is looked for.
    pub teams: Vec<CalendarKey>,
    /// Whose preferences are told.
    pub user: Option<String>,
    /// When the vendor stops waiting.
    pub expires_at: Option<Timestamp>,
}

impl Asker {
    /// Has a change decided.
    pub async fn decide(&self, change: &Change) -> Decision {
        if *change == Change::Nothing {
            return Decision::NotAsked(NoAsk::Nothing);
        }
        match self.ask(change).await {
            Ok(asks) => Decision::Decided(self.approvals.decide_together(asks).await),
            Err(no_ask) => Decision::NotAsked(no_ask),
        }
    }

    async fn ask(&self, change: &Change) -> Result<Vec<Ask>, NoAsk> {
        let directory = self.approvals.directory().await.map_err(NoAsk::Refused)?;
        let (team, names) = self.team(&directory).await?;
        let user = self.user.as_deref();
        let all = match translate::ask(change, &names, user) {
            Err(NoAsk::Refused(_)) => {
                // Somebody or something that was added a moment ago, perhaps.
                let names = self.names.look_again(team, &directory).await;
                translate::ask(change, &*names.map_err(not_reachable)?, user)?
            }
            Ok(all) => all,
            Err(no_ask) => return Err(no_ask),
        };
        let (calendar, expires_at) = (team, self.expires_at);
        let ask = |what| Ask { calendar: calendar.clone(), what, expires_at };
        Ok(all.into_iter().map(ask).collect())
    }

    /// The team that is meant: the only one, or the first that the person is in.
    async fn team(
        &self,
        directory: &Arc<Directory>,
    ) -> Result<(&CalendarKey, Arc<TeamNames>), NoAsk> {
        for team in &self.teams {
            let names = self.names.of(team, directory).await.map_err(not_reachable)?;
            if self.user.as_deref().is_none_or(|user| names.employee(user).is_some()) {
                return Ok((team, names));
            }
        }
        Err(NoAsk::Refused(Refusal::UnknownEmployee))
    }

    /// Answers one question with the vendor's ids.
    pub async fn offered(
        &self,
        id: &str,
        question: &Question,
        now: Timestamp,
        replier: &Replier,
    ) -> wire::Answer {
        match self.ids_offered(question, now).await {
            Ok(data) => wire::Answer::listed(id, &replier.etag, data),
            Err(NoAsk::Refused(refusal)) => replier.refused(id, Notice::Refused(&refusal)),
            Err(NoAsk::Unreadable) => replier.refused(id, Notice::Unreadable),
            Err(NoAsk::Unsupported | NoAsk::Nothing) => replier.refused(id, Notice::Unsupported),
        }
    }

    async fn ids_offered(&self, question: &Question, now: Timestamp) -> Result<Vec<String>, NoAsk> {
        let directory = self.approvals.directory().await.map_err(NoAsk::Refused)?;
        let (team, mut names) = self.team(&directory).await?;
        let asked = match asked(question, now, &names) {
            Err(NoAsk::Refused(_)) => {
                names = self.names.look_again(team, &directory).await.map_err(not_reachable)?;
                asked(question, now, &names)?
            }
            Ok(asked) => asked,
            Err(no_ask) => return Err(no_ask),
        };
        let offered = self.approvals.offered(team, asked).await.map_err(NoAsk::Refused)?;
        // Who is not in the team cannot be chosen in it.
        let id = |offered: Offered| match offered {
            Offered::Item(RemoteId(id)) => Some(id),
            Offered::Employee(employee) => names.user_of(&employee).map(str::to_owned),
            Offered::Reason(reason) => names.id_of_reason(&reason).map(str::to_owned),
        };
        Ok(offered.into_iter().filter_map(id).collect())
    }
}

fn asked(question: &Question, now: Timestamp, names: &TeamNames) -> Result<AskedQuestion, NoAsk> {
    match question {
        Question::RequestableShifts { shift, request_type, start, end } => {
            let given = bounds::is_id(shift).then(|| RemoteId(shift.clone()));
            let given = given.ok_or(NoAsk::Unreadable)?;
            match request_type.to_ascii_lowercase().as_str() {
                "swaprequest" | "swapshiftrequest" => {
                    let start = start.unwrap_or(now);
                    let ahead = start.checked_add(ELIGIBLE_AHEAD).unwrap_or(Timestamp::MAX);
                    if !bounds::is_instant(start) {
                        return Err(NoAsk::Unreadable);
                    }
                    let within = UtcInterval::new(start, end.unwrap_or(ahead).min(ahead));
                    let within = within.map_err(|_| NoAsk::Unreadable)?;
                    Ok(AskedQuestion::SwapFor { given, within })
                }
                "offershiftrequest" | "offerrequest" => Ok(AskedQuestion::OfferOf { given }),
                _ => Err(NoAsk::Unsupported),
            }
        }
        Question::TimeOffReasons { user } => {
            let employee = names.employee(user).cloned();
            let employee = employee.ok_or(NoAsk::Refused(Refusal::UnknownEmployee))?;
            Ok(AskedQuestion::TimeOffReasons { employee })
        }
    }
}

/// The caller is told no more than that. What was said of it can name people: the log has its
/// class.
fn not_reachable(failure: Failure) -> NoAsk {
    let Failure { class, operation: _, status, detail: _ } = failure;
    tracing::warn!(class = class.as_str(), status, "cannot learn the names of a team");
    NoAsk::Refused(Refusal::NotReachable)
}
