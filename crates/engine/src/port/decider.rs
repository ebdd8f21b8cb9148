//! Asking the system of record.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    Command, CommandKind, Directory, EligibilityQuestion, Eligible, EmployeeId, Entity, EntityKey,
    Refusal, UtcInterval,
};
use jiff::Timestamp;

use super::Failure;

/// A system of record, asked to decide.
#[async_trait]
pub trait Decider: Send + Sync {
    /// What it decides; it is asked nothing else. What is missing here is switched off in the
    /// mirror, or refused politely.
    fn decides(&self) -> &BTreeSet<CommandKind>;

    /// Whether it is another system: asking it takes its time, what it grants is done there before
    /// we know, and may come back from there before we have kept it.
    fn is_outside(&self) -> bool {
        false
    }

    /// What it grants without a manager.
    fn grants_by_itself(&self) -> &BTreeSet<CommandKind>;

    /// Which facts it needs for a command, beside `named`: the live entities that the command
    /// names. A system that knows for itself needs none.
    fn needs(&self, command: &Command, named: &[Entity], directory: &Directory) -> FactsNeeded;

    /// Decides, and carries out what it grants. Idempotent by `key`: asked again with the same
    /// key it gives the same verdict and carries out nothing twice.
    ///
    /// # Errors
    /// When it cannot be asked; then nothing is granted.
    async fn decide(&self, command: &Command, facts: &Facts, key: &str)
    -> Result<Verdict, Failure>;

    /// Which facts it needs for a question, beside `named`: the live entities that it names.
    fn needs_for(
        &self,
        question: &EligibilityQuestion,
        named: &[Entity],
        directory: &Directory,
    ) -> FactsNeeded;

    /// Who or what could be chosen.
    ///
    /// # Errors
    /// When it cannot be asked.
    async fn eligible(
        &self,
        question: &EligibilityQuestion,
        facts: &Facts,
    ) -> Result<Vec<Eligible>, Failure>;
}

/// What a decision rests on, as the roster has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FactsNeeded {
    /// Work and absences of these employees inside the interval.
    pub employees: Vec<(EmployeeId, UtcInterval)>,
    /// Everything of everybody inside this interval.
    pub everybody: Option<UtcInterval>,
}

/// What a decision rests on.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The instant of the decision.
    pub now: Timestamp,
    /// The people, groups and reasons.
    pub directory: Arc<Directory>,
    /// The entities that the command names (those that are live), and everything that was
    /// needed; each once, in no particular order.
    pub entities: Vec<Entity>,
    /// Unused ids for entities that a grant makes; enough of them.
    pub fresh_ids: Vec<String>,
}

/// What the system of record says.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Granted, and this is how the roster changes; nothing for a mere step of a request.
    Granted(RosterChange),
    /// Refused.
    Refused(Refusal),
}

/// How a granted command changes the roster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RosterChange {
    /// New and changed entities, with their final ids; each key once.
    pub upserts: Vec<Entity>,
    /// Deleted ones.
    pub tombstones: Vec<EntityKey>,
}
