//! Asking the system to decide.
//!
//! The key that the engine gives is the key that the system is asked under. When the answer is
//! lost, it is asked again under the same key, for as long as whoever asked may be waiting: the
//! contract makes that harmless, and a grant that nobody heard of would be worse than a wait.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::limits::{DECISION_TIME_MAX, ELIGIBLE_MAX};
use domain::{
    Command, CommandKind, Directory, EligibilityQuestion, Eligible, EmployeeId, Entity, Refusal,
    RequestStep, Shift, ShiftId, TimeOffReasonId,
};
use engine::port::{Decider, Facts, FactsNeeded, Failure, FailureClass, RosterChange, Verdict};
use tokio::time::Instant;

use super::known::Known;
use crate::wfm_http::classify::Effect;
use crate::wfm_http::client::Ask;
use crate::wfm_http::map::{self, Capabilities, Said};
use crate::wfm_http::wire::WireVerdict;

/// Longest wait for one of several answers.
const ATTEMPT_TIME_MAX: Duration = Duration::from_secs(8);

/// The system, as what decides.
#[derive(Debug)]
pub struct WfmDecider {
    known: Arc<Known>,
    decides: BTreeSet<CommandKind>,
    automatic: BTreeSet<CommandKind>,
}

impl WfmDecider {
    /// `decides` and `automatic` are the operator's choice.
    pub fn new(
        known: Arc<Known>,
        decides: BTreeSet<CommandKind>,
        automatic: BTreeSet<CommandKind>,
    ) -> Self {
        Self { known, decides, automatic }
    }

    async fn apply(&self, ask: &Ask) -> Result<WireVerdict, Failure> {
        let until = Instant::now() + DECISION_TIME_MAX;
        let mut attempt = 0;
        loop {
            let deadline = until.min(Instant::now() + ATTEMPT_TIME_MAX);
            let failure = match self.known.wfm.decide(ask, deadline).await {
                Ok(verdict) => return Ok(verdict),
                Err(failure) => failure,
            };
            attempt += 1;
            let again = match &failure.class {
                FailureClass::Unknown | FailureClass::Unavailable => true,
                FailureClass::Throttled { retry_after, .. } => {
                    retry_after.is_none_or(|wait| Instant::now() + wait < until)
                }
                FailureClass::Precondition
                | FailureClass::Duplicate { .. }
                | FailureClass::Missing
                | FailureClass::CalendarMissing
                | FailureClass::DeltaExpired
                | FailureClass::TooLate
                | FailureClass::Unauthorised
                | FailureClass::Forbidden
                | FailureClass::OwnerMissing
                | FailureClass::Refused
                | FailureClass::Unsupported
                | FailureClass::Bug => false,
            };
            if !again || Instant::now() >= until {
                return Err(failure);
            }
            self.known.wfm.pause(attempt).await;
        }
    }

    async fn asked(
        &self,
        command: &Command,
        facts: &Facts,
        key: &str,
        capabilities: &Capabilities,
    ) -> Result<Verdict, Failure> {
        let way = way_of(command, capabilities);
        let wire = map::command(command, &facts.directory, capabilities.zone.as_ref());
        let verdict = match way {
            Way::Nothing => return Ok(Verdict::Granted(RosterChange::default())),
            Way::Validate => {
                let operation = "ask what would be decided";
                let ask = Ask::post("/commands/validate", &wire, Effect::Reads, operation);
                self.apply(&ask).await?
            }
            Way::Apply => {
                let operation = "have a command decided";
                let ask = Ask::post("/commands", &wire, Effect::Decides, operation).keyed(key);
                self.apply(&ask).await?
            }
        };
        if !verdict.granted {
            let refusal = verdict.refusal.unwrap_or_default();
            let refused = map::refusal(&refusal, command.kind());
            // Without what belongs to its code it is still a refusal.
            return Ok(Verdict::Refused(refused.unwrap_or(Refusal::NotEligible)));
        }
        match way {
            Way::Apply => self.change(&verdict, capabilities).map(Verdict::Granted),
            Way::Validate | Way::Nothing => Ok(Verdict::Granted(RosterChange::default())),
        }
    }

    /// What was carried out, in whole or not at all: what we cannot read, we do not take in part.
    fn change(
        &self,
        verdict: &WireVerdict,
        capabilities: &Capabilities,
    ) -> Result<RosterChange, Failure> {
        let unreadable = |wrong: map::Wrong| Failure {
            class: FailureClass::Bug,
            operation: "have a command decided".to_owned(),
            status: Some(200),
            detail: format!(
                "it was granted, and `{}` of what changed {}; the next reading brings it",
                wrong.field, wrong.message
            ),
        };
        let reading = map::Reading { zone: capabilities.zone.clone(), drafts: true };
        let mut change = RosterChange::default();
        for value in &verdict.changed {
            match map::entity(value, &reading).map_err(unreadable)? {
                Said::Is(entity) => change.upserts.push(entity),
                Said::Gone(key) => change.tombstones.push(key),
            }
        }
        for key in &verdict.deleted {
            change.tombstones.push(map::key(&key.kind, &key.id).map_err(unreadable)?);
        }
        Ok(change)
    }
}

/// How a command is put to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// To be carried out.
    Apply,
    /// To hear what would be decided.
    Validate,
    /// Not at all: it is a step of which the system does not want to know.
    Nothing,
}

fn way_of(command: &Command, capabilities: &Capabilities) -> Way {
    match command {
        Command::Request { request: _, step } if !capabilities.all_steps => match step {
            RequestStep::Asked | RequestStep::Agreed if capabilities.validates => Way::Validate,
            RequestStep::Approved => Way::Apply,
            RequestStep::Asked
            | RequestStep::Agreed
            | RequestStep::Declined
            | RequestStep::Cancelled => Way::Nothing,
        },
        Command::Request { .. }
        | Command::CreateShift { .. }
        | Command::EditShift { .. }
        | Command::DeleteShift { .. }
        | Command::CreateOpenShift { .. }
        | Command::EditOpenShift { .. }
        | Command::DeleteOpenShift { .. }
        | Command::AssignOpenShift { .. }
        | Command::CreateTimeOff { .. }
        | Command::EditTimeOff { .. }
        | Command::DeleteTimeOff { .. }
        | Command::SetAvailability { .. } => Way::Apply,
    }
}

#[async_trait]
impl Decider for WfmDecider {
    fn decides(&self) -> &BTreeSet<CommandKind> {
        &self.decides
    }

    fn is_outside(&self) -> bool {
        true
    }

    fn grants_by_itself(&self) -> &BTreeSet<CommandKind> {
        &self.automatic
    }

    fn needs(&self, _: &Command, _: &[Entity], _: &Directory) -> FactsNeeded {
        FactsNeeded::default()
    }

    async fn decide(
        &self,
        command: &Command,
        facts: &Facts,
        key: &str,
    ) -> Result<Verdict, Failure> {
        let capabilities = self.known.capabilities().await?;
        let kind = command.kind();
        // Ids that change name nothing.
        if !capabilities.commands.contains(&kind) || !capabilities.lasting_ids {
            return Ok(Verdict::Refused(Refusal::NotHere { kind }));
        }
        let decided = self.asked(command, facts, key, &capabilities).await;
        if let Err(failure) = &decided {
            // Not the system's own words, which may name people.
            let (class, status) = (failure.class.as_str(), failure.status);
            tracing::warn!(
                %kind,
                failure.class = class,
                failure.status = status,
                "the system of record gave no usable answer"
            );
        }
        decided
    }

    fn needs_for(
        &self,
        question: &EligibilityQuestion,
        _: &[Entity],
        _: &Directory,
    ) -> FactsNeeded {
        // Of use where the system has no say in it: whether that is so, it is asked later.
        let everybody = match question {
            EligibilityQuestion::SwapFor { within, .. } => Some(*within),
            EligibilityQuestion::OfferOf { .. } | EligibilityQuestion::TimeOffReasons { .. } => {
                None
            }
        };
        FactsNeeded { everybody, ..FactsNeeded::default() }
    }

    async fn eligible(
        &self,
        question: &EligibilityQuestion,
        facts: &Facts,
    ) -> Result<Vec<Eligible>, Failure> {
        let capabilities = self.known.capabilities().await?;
        let word = match question {
            EligibilityQuestion::SwapFor { .. } => "swap_for",
            EligibilityQuestion::OfferOf { .. } => "offer_of",
            EligibilityQuestion::TimeOffReasons { .. } => "time_off_reasons",
        };
        if !capabilities.eligibility.contains(word) {
            return Ok(unfiltered(question, facts));
        }
        let answer = self.known.wfm.eligible(&map::question(question)).await?;
        let named = |id: String| {
            let eligible = match question {
                EligibilityQuestion::SwapFor { .. } => ShiftId::new(id).map(Eligible::Shift),
                EligibilityQuestion::OfferOf { .. } => EmployeeId::new(id).map(Eligible::Employee),
                EligibilityQuestion::TimeOffReasons { .. } => {
                    TimeOffReasonId::new(id).map(Eligible::Reason)
                }
            };
            eligible.ok()
        };
        Ok(answer.eligible.into_iter().filter_map(named).take(ELIGIBLE_MAX).collect())
    }
}

/// Everything that could be asked for, where the system says nothing beforehand: it decides when it
/// is asked. To offer nothing would be to refuse everything.
fn unfiltered(question: &EligibilityQuestion, facts: &Facts) -> Vec<Eligible> {
    let shifts = || facts.entities.iter().filter_map(as_shift);
    let owner = |given: &ShiftId| shifts().find(|it| it.id == *given).map(|it| &it.employee);
    match question {
        EligibilityQuestion::SwapFor { given, within } => {
            let Some(owner) = owner(given) else { return vec![] };
            let others = shifts().filter(|it| it.employee != *owner);
            let mut others: Vec<&Shift> =
                others.filter(|it| within.contains(&it.interval)).collect();
            others.sort_unstable_by_key(|it| (it.interval, &it.id));
            let first = others.into_iter().take(ELIGIBLE_MAX);
            first.map(|it| Eligible::Shift(it.id.clone())).collect()
        }
        EligibilityQuestion::OfferOf { given } => {
            let Some(owner) = owner(given) else { return vec![] };
            // All of them: who is in the team, only the mirror knows, and it names nobody else.
            let others = facts.directory.employees.keys().filter(|it| *it != owner);
            others.cloned().map(Eligible::Employee).collect()
        }
        EligibilityQuestion::TimeOffReasons { employee: _ } => {
            let reasons = facts.directory.reasons.keys().take(ELIGIBLE_MAX);
            reasons.cloned().map(Eligible::Reason).collect()
        }
    }
}

fn as_shift(entity: &Entity) -> Option<&Shift> {
    if let Entity::Shift(shift) = entity { Some(shift) } else { None }
}
