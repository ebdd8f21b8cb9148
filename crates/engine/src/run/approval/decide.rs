//! Having one act decided, on the facts of its round.
//!
//! An act is one ask, or several that are granted as a whole or not at all: each is then decided on
//! the roster as those before it would leave it. Only rules can do that: another system has done
//! the first when it refuses the second, so it is not asked.
//!
//! What another system granted, it has done, and its schedule may have been read and shown while it
//! was thinking. So the ledger is read again after its verdict: what stands in the mirror by then
//! is not made there a second time ([`would_stand_twice`]), and what is about to be written there
//! is found out by the commit, which wants the row to be new.

use std::collections::BTreeSet;

use domain::{CalendarKey, Command, CommandKind, Fingerprinter, ItemKey, Refusal, RequestStep};

use super::{Desk, Waiting, lock};
use crate::approve::elsewhere::would_stand_twice;
use crate::approve::key::key_of;
use crate::approve::land::{Outcome, Terms, land, land_nothing};
use crate::approve::replay::replay;
use crate::approve::request_rows::kind_of;
use crate::approve::translate::{Translated, named, translate};
use crate::approve::world::World;
use crate::port::{
    Answer, Ask, AskWhat, AskedRequest, Facts, FactsNeeded, LedgerWrite, RequestRow, RosterChange,
    StoreError, Verdict,
};

/// What another system granted of an act, by the key that it was asked under.
pub(super) type Verdicts = Vec<(String, Command, RosterChange)>;

/// What was decided of one act.
pub(super) struct Decided {
    /// The answer to all of it.
    pub answer: Answer,
    /// What is to be kept.
    pub outcomes: Vec<Outcome>,
    /// Ledger rows among that which must be new.
    pub new_rows: BTreeSet<(CalendarKey, ItemKey)>,
}

impl Decided {
    fn just(answer: Answer) -> Self {
        Self { answer, outcomes: vec![], new_rows: BTreeSet::new() }
    }
}

/// The answer to an act of which these are the parts' answers; `None` where one is refused.
pub(super) fn all_of_it<'a>(answers: impl Iterator<Item = &'a Answer>) -> Option<Answer> {
    let versions: Option<Vec<&str>> = answers
        .map(|it| match it {
            Answer::Granted { version } => Some(version.as_str()),
            Answer::Refused(_) => None,
        })
        .collect();
    let versions = versions?;
    if let [version] = versions[..] {
        return Some(Answer::Granted { version: version.to_owned() });
    }
    let mut print = Fingerprinter::new("granted/together/1");
    for version in versions {
        print.text(version);
    }
    Some(Answer::Granted { version: print.finish().to_string() })
}

impl Desk {
    /// Decides one act; `None` when it needs other facts.
    pub(super) async fn decide_one(
        &self,
        world: &mut World,
        waiting: &Waiting,
    ) -> Result<Option<Decided>, StoreError> {
        let pairs = || waiting.asks.iter().zip(waiting.fresh_ids.iter());
        if let [_] = waiting.asks[..] {
            let mut decided = Decided::just(Answer::Refused(Refusal::Unknown));
            for (ask, ids) in pairs() {
                let Some(outcome) = self.decide_ask(world, ask, ids, waiting).await? else {
                    return Ok(None);
                };
                decided.new_rows = self.must_be_new(world, &outcome);
                decided.answer = outcome.answer.clone();
                decided.outcomes.push(outcome);
            }
            return Ok(Some(decided));
        }
        let kinds = waiting.asks.iter().find_map(|it| it.what.kind());
        if let Some(kind) = kinds.filter(|_| self.equipment.decider.is_outside()) {
            let refusal = Refusal::NotHere { kind };
            return Ok(Some(Decided::just(Answer::Refused(refusal))));
        }
        let mut world = world.clone();
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(waiting.asks.len());
        for (ask, ids) in pairs() {
            let Some(outcome) = self.decide_ask(&mut world, ask, ids, waiting).await? else {
                return Ok(None);
            };
            if let Answer::Refused(_) = outcome.answer {
                return Ok(Some(Decided::just(outcome.answer)));
            }
            world.apply(&outcome);
            outcomes.push(outcome);
        }
        let answer = all_of_it(outcomes.iter().map(|it| &it.answer));
        let answer = answer.unwrap_or(Answer::Refused(Refusal::Unknown));
        Ok(Some(Decided { answer, outcomes, new_rows: BTreeSet::new() }))
    }

    /// The rows that nobody may have written meanwhile: those of entities that another system made
    /// known before it granted them. What only the grant makes, nobody else can have written.
    fn must_be_new(&self, world: &World, outcome: &Outcome) -> BTreeSet<(CalendarKey, ItemKey)> {
        if !self.equipment.decider.is_outside() {
            return BTreeSet::new();
        }
        let new = |write: &LedgerWrite| match write {
            LedgerWrite::Put(row) => {
                let unwritten = world.row(&row.calendar, &row.key).is_none();
                unwritten.then(|| (row.calendar.clone(), row.item()))
            }
            LedgerWrite::Remove { .. } => None,
        };
        outcome.ledger.iter().filter_map(new).collect()
    }

    async fn decide_ask(
        &self,
        world: &mut World,
        ask: &Ask,
        fresh_ids: &[String],
        waiting: &Waiting,
    ) -> Result<Option<Outcome>, StoreError> {
        // Others may have been thought about for long before.
        let now = self.equipment.clock.now();
        let row = request_of(world, ask).cloned();
        let known = row.as_ref().map(|it| &it.request);
        let refused = |refusal| Ok(Some(Outcome::just(Answer::Refused(refusal))));
        if let Err(refusal) = self.may_be_asked(ask, known) {
            return refused(refusal);
        }
        let decider = &self.equipment.decider;
        let key = key_of(ask, known);
        let terms = Terms { key, now, automatic: decider.grants_by_itself() };
        let before = world.grant(&key).cloned();
        if let Some(again) = before.as_ref().and_then(|grant| replay(world, ask, grant, terms)) {
            return Ok(Some(again));
        }
        // What another system granted is done, however late it is here.
        if waiting.is_late(now) && lock(&waiting.verdicts).is_empty() {
            return refused(Refusal::NotReachable);
        }
        let command = match translate(world, ask) {
            Ok(Translated::Command(command)) => command,
            Ok(Translated::Nothing) => return Ok(Some(land_nothing(world, ask, terms))),
            Err(refusal) => return refused(refusal),
        };
        let keys = named(&command);
        let named = world.facts(&keys, &FactsNeeded::default());
        let needed = decider.needs(&command, &named, &world.directory);
        if !world.covers(&needed) {
            return Ok(None);
        }
        let facts = Facts {
            now,
            directory: std::sync::Arc::clone(&world.directory),
            entities: world.facts(&keys, &needed),
            fresh_ids: fresh_ids.to_vec(),
        };
        // The same again after something else was granted under this key is another act.
        let act = match before {
            Some(grant) => format!("{key}-{}", grant.at.as_millisecond()),
            None => key.to_string(),
        };
        let agreed = agreed_by_colleague(ask, row.as_ref(), &command);
        let agreed = agreed.filter(|_| decider.is_outside());
        let steps = agreed.into_iter().chain([(act, command.clone())]);
        let mut change = RosterChange::default();
        for (act, command) in steps {
            match self.verdict(&command, &facts, act, waiting).await {
                Ok(done) if done == RosterChange::default() => {}
                Ok(done) => change = done,
                Err(refusal) => return refused(refusal),
            }
        }
        if decider.is_outside() {
            self.gatherer().add_changed(world, &change).await?;
            if would_stand_twice(world, ask, known, &change) {
                tracing::info!(
                    mirror = self.mirror.as_str(),
                    "what was granted stands in the mirror already, or is being written there"
                );
                return refused(Refusal::NotReachable);
            }
        }
        Ok(Some(land(world, ask, &command, change, terms)))
    }

    fn may_be_asked(&self, ask: &Ask, known: Option<&AskedRequest>) -> Result<(), Refusal> {
        match ask.what.kind().or(known.map(kind_of)) {
            Some(kind) if !self.kinds.contains(&kind) => Err(Refusal::NotHere { kind }),
            None if self.kinds.is_empty() => Err(Refusal::Unknown),
            Some(_) | None => Ok(()),
        }
    }

    /// What becomes of the roster, or why not. What another system granted is remembered until it
    /// is kept: it is not asked again when the commit has to be.
    async fn verdict(
        &self,
        command: &Command,
        facts: &Facts,
        act: String,
        waiting: &Waiting,
    ) -> Result<RosterChange, Refusal> {
        let decider = &self.equipment.decider;
        let is_it = |it: &&(String, Command, RosterChange)| it.0 == act && it.1 == *command;
        if let Some((_, _, change)) = lock(&waiting.verdicts).iter().find(is_it) {
            return Ok(change.clone());
        }
        match decider.decide(command, facts, &act).await {
            Ok(Verdict::Granted(change)) => {
                if decider.is_outside() {
                    lock(&waiting.verdicts).push((act, command.clone(), change.clone()));
                }
                Ok(change)
            }
            Ok(Verdict::Refused(refusal)) => Err(refusal),
            Err(failure) => {
                let mirror = self.mirror.as_str();
                let class = failure.class.as_str();
                tracing::warn!(mirror, class, "the system of record cannot be asked");
                Err(Refusal::NotReachable)
            }
        }
    }
}

/// The request that an ask is a step of, as it stood before.
fn request_of<'w>(world: &'w World, ask: &Ask) -> Option<&'w RequestRow> {
    match &ask.what {
        AskWhat::Request { at, .. } => world.request(at),
        AskWhat::Create { .. }
        | AskWhat::Edit { .. }
        | AskWhat::Delete { .. }
        | AskWhat::Assign { .. }
        | AskWhat::SetAvailability { .. } => None,
    }
}

/// The colleague's yes, where a manager approves a request before the colleague said anything: the
/// manager answers for both (`shifts.md` §3), and the system of record hears of both steps.
fn agreed_by_colleague(
    ask: &Ask,
    row: Option<&RequestRow>,
    command: &Command,
) -> Option<(String, Command)> {
    let AskWhat::Request { at, step: RequestStep::Approved, declines: _, .. } = &ask.what else {
        return None;
    };
    let row = row.filter(|it| it.step == RequestStep::Asked)?;
    let Command::Request { request, step: _ } = command else { return None };
    match command.kind() {
        CommandKind::SwapRequest | CommandKind::OfferRequest => {}
        CommandKind::Availability
        | CommandKind::OpenShift
        | CommandKind::OpenShiftRequest
        | CommandKind::Shift
        | CommandKind::TimeOff
        | CommandKind::TimeOffRequest => return None,
    }
    let (at, request_of_it) = (at.clone(), Some(row.request.clone()));
    let (step, makes, declines) = (RequestStep::Agreed, vec![], vec![]);
    let what = AskWhat::Request { at, request: request_of_it, step, makes, declines };
    let key = key_of(&Ask { what, ..ask.clone() }, None);
    Some((key.to_string(), Command::Request { request: request.clone(), step }))
}
