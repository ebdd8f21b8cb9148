//! Asking the system of record for what people's own events say they wish: time off.
//!
//! Asked is under the calendar's lease. The record's answer is durable before the label that tells
//! it is written; a crash in between asks again, and the same question has the same answer. What
//! the roster has already is granted without asking.

use domain::{
    CommandKind, EmployeeId, Entity, EntityKey, EntityKind, EventSpan, Refusal, RequestStep,
    SyncWindow, TimeOffItem, UtcInterval,
};
use jiff::tz::TimeZone;

use super::act::Acted;
use super::look::Looked;
use super::settle::{find, reader, words};
use crate::plan::conflict::{Planned, instants, same_time};
use crate::plan::unavailable::{Becomes, Decided, UnavailableRules, Wish, request, telling};
use crate::port::{
    Answer, Approvals, Ask, AskWhat, AuditEntry, AuditVerb, EventChange, EventChangeState,
    ForeignEvent, ForeignEvents, RemoteId, StoreError,
};
use crate::run::cycle::Cycling;

/// What came of the wishes of one calendar, to be made durable.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// Labels to be put on events.
    pub labels: Vec<Planned>,
    /// What was told before and holds no more: the wish was taken back.
    pub ended: Vec<EventChange>,
    /// What is to be remembered of it.
    pub audit: Vec<AuditEntry>,
}

/// Whoever wishes, and what that is read by.
struct Wisher<'a> {
    cycling: &'a Cycling<'a>,
    foreign: &'a dyn ForeignEvents,
    approvals: &'a dyn Approvals,
    rules: &'a UnavailableRules,
    looked: &'a Looked,
    employee: &'a EmployeeId,
    zone: TimeZone,
}

/// Why nothing came of a wish for now.
enum Unanswered {
    /// The store failed.
    Store(StoreError),
    /// This: no personal data.
    Because(String),
}

impl From<StoreError> for Unanswered {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Has everything asked for that was wished in a calendar.
pub(super) async fn answer(
    cycling: &Cycling<'_>,
    foreign: &dyn ForeignEvents,
    looked: &Looked,
    acted: &mut Acted,
) -> Result<Answered, StoreError> {
    let mut answered = Answered::default();
    let rules = cycling.spec.conflicts.as_ref();
    let Some(rules) = rules.and_then(|it| Some((it.unavailable.as_ref()?, &it.zone))) else {
        return Ok(answered);
    };
    let (Some(approvals), Some(employee)) = (cycling.approvals, &looked.owner) else {
        return Ok(answered);
    };
    let (rules, zone) = rules;
    let own = cycling.projector.directory().employees.get(employee);
    let own = own.and_then(|it| TimeZone::get(it.time_zone.as_deref()?).ok());
    let zone = own.unwrap_or_else(|| zone.clone());
    let wisher = Wisher { cycling, foreign, approvals, rules, looked, employee, zone };
    for wish in &looked.wishes {
        match wisher.grant(wish, &mut answered, acted).await {
            Ok(()) => {}
            Err(Unanswered::Store(error)) => return Err(error),
            Err(Unanswered::Because(why)) => {
                let reason = format!("a wish for time off waits: {why}");
                acted.problems.push((looked.calendar.clone(), reason));
            }
        }
    }
    Ok(answered)
}

impl Wisher<'_> {
    async fn grant(
        &self,
        wish: &Wish,
        answered: &mut Answered,
        acted: &mut Acted,
    ) -> Result<(), Unanswered> {
        match wish {
            Wish::Open { event, told } => self.open(event, *told, answered, acted).await,
            Wish::Moved { event, before } => {
                self.take_back(before, answered, acted).await?;
                self.open(event, None, answered, acted).await
            }
            Wish::Gone { before } => {
                let reader = reader(self.cycling, &self.looked.calendar);
                let found = find(&reader, self.foreign, before).await;
                let found = found.map_err(|it| Unanswered::Because(words(&it)))?;
                match found {
                    None => self.take_back(before, answered, acted).await,
                    Some(event) if same_time(&event.span, &before.span) => Ok(()),
                    // Moved far away.
                    Some(event) => {
                        self.take_back(before, answered, acted).await?;
                        self.open(&event, None, answered, acted).await
                    }
                }
            }
        }
    }

    /// Asks for what an event wishes, and tells what came of it.
    async fn open(
        &self,
        event: &ForeignEvent,
        told: Option<Decided>,
        answered: &mut Answered,
        acted: &mut Acted,
    ) -> Result<(), Unanswered> {
        let item = self.item(&event.span)?;
        let there = self.in_roster(&item.interval).await?;
        let (decided, why) = match (&there, told) {
            (Some(_), _) => (Decided::Granted, None),
            // A manager's turn.
            (None, Some(Decided::Asked)) => return Ok(()),
            (None, Some(Decided::Granted | Decided::Refused) | None) => {
                self.decide(event, &item).await?
            }
        };
        match decided {
            Decided::Granted => acted.granted += 1,
            Decided::Refused => acted.refused += 1,
            Decided::Asked => {}
        }
        let about = match (there, decided) {
            (Some(key), _) => key,
            (None, Decided::Granted) => {
                self.in_roster(&item.interval).await?.unwrap_or_else(|| self.person())
            }
            (None, Decided::Asked | Decided::Refused) => self.person(),
        };
        let why = why.map(|it| format!(" ({})", it.as_str())).unwrap_or_default();
        let detail = format!("unavailable: time off {}{why}", decided.as_str());
        self.note(&about, detail, answered);
        let place = (&self.cycling.spec.name, &self.looked.calendar);
        let labels = &self.rules.labels;
        let now = self.cycling.clock.now();
        answered.labels.push(telling(place, event, decided, labels, (about, now)));
        Ok(())
    }

    /// Has the record decide.
    async fn decide(
        &self,
        event: &ForeignEvent,
        item: &TimeOffItem,
    ) -> Result<(Decided, Option<Refusal>), Unanswered> {
        let asked = request(&event.id, item.clone(), RequestStep::Asked);
        if let Some(refusal) = self.ask(asked).await? {
            return Ok((Decided::Refused, Some(refusal)));
        }
        let at_once = match self.rules.becomes {
            Becomes::TimeOff => true,
            Becomes::Request => {
                self.approvals.grants_by_itself().contains(&CommandKind::TimeOffRequest)
            }
        };
        if !at_once {
            return Ok((Decided::Asked, None));
        }
        let step = RequestStep::Approved;
        match self.ask(request(&event.id, item.clone(), step)).await? {
            None => Ok((Decided::Granted, None)),
            Some(refusal) => Ok((Decided::Refused, Some(refusal))),
        }
    }

    /// Why the record refuses something, if it does.
    async fn ask(&self, what: AskWhat) -> Result<Option<Refusal>, Unanswered> {
        // The event is there already: nobody waits for the answer.
        let expires_at = Some(self.cycling.clock.now());
        let calendar = self.looked.calendar.clone();
        match self.approvals.decide(Ask { calendar, what, expires_at }).await {
            Answer::Granted { .. } => Ok(None),
            Answer::Refused(Refusal::NotReachable) => {
                Err(Unanswered::Because("the system of record cannot be reached".into()))
            }
            Answer::Refused(Refusal::NotHere { kind }) => {
                let why =
                    "is not decided here: `direction`, `directions` and the roster say what is";
                Err(Unanswered::Because(format!("`{kind}` {why}")))
            }
            Answer::Refused(refusal) => Ok(Some(refusal)),
        }
    }

    /// Takes back what was asked for or granted: its event is gone, or at another time.
    async fn take_back(
        &self,
        before: &EventChange,
        answered: &mut Answered,
        acted: &mut Acted,
    ) -> Result<(), Unanswered> {
        let item = self.item(&before.span)?;
        let there = self.in_roster(&item.interval).await?;
        let refusal = match &there {
            None => self.ask(request(&before.kept.id, item, RequestStep::Cancelled)).await?,
            Some(key) => match self.item_of(key).await? {
                Some(at) => {
                    let kind = EntityKind::TimeOff;
                    self.ask(AskWhat::Delete { at, kind }).await?
                }
                None => {
                    let why = "its event is gone or moved, and the absence is not shown here: it \
                               is taken back in the system of record only";
                    let reason = format!("time off `{}`: {why}", key.id);
                    acted.problems.push((self.looked.calendar.clone(), reason));
                    None
                }
            },
        };
        let about = there.unwrap_or_else(|| self.person());
        if let Some(refusal) = refusal {
            let why = refusal.as_str();
            let why = format!("taking back `{}` was not granted: {why}", about.id);
            return Err(Unanswered::Because(why));
        }
        self.note(&about, "unavailable: taken back".to_owned(), answered);
        let state = EventChangeState::Undone { at: before.kept.id.clone() };
        let changed_at = self.cycling.clock.now();
        answered.ended.push(EventChange { state, changed_at, ..before.clone() });
        Ok(())
    }

    /// The time off that a span stands for.
    fn item(&self, span: &EventSpan) -> Result<TimeOffItem, Unanswered> {
        let interval = instants(span, &self.zone).map(|it| it.to_whole_seconds());
        let interval = interval.ok_or_else(|| {
            Unanswered::Because(format!("its days cannot be told in zone {:?}", self.zone))
        })?;
        let reasons = &self.cycling.projector.directory().reasons;
        let reason = match &self.rules.reason {
            None => None,
            Some(wanted) => {
                let called = |it: &&domain::TimeOffReason| {
                    it.id.as_str() == wanted || it.name.trim().eq_ignore_ascii_case(wanted.trim())
                };
                let found = reasons.values().find(called).ok_or_else(|| {
                    let why = "the roster has no time-off reason with the id or name";
                    Unanswered::Because(format!("{why} `{wanted}` of `unavailable.reason`"))
                })?;
                Some(found.id.clone())
            }
        };
        Ok(TimeOffItem { employee: self.employee.clone(), reason, interval })
    }

    /// The absence of the owner at exactly this time that the roster has.
    async fn in_roster(&self, interval: &UtcInterval) -> Result<Option<EntityKey>, StoreError> {
        let Cycling { store, spec, .. } = self.cycling;
        let asked = [(self.employee.clone(), SyncWindow { interval: *interval })];
        let entries = store.entries_of_employees(&spec.roster, &asked).await?;
        let found = entries.into_iter().find(|it| match &it.entity {
            Entity::TimeOff(it) => {
                it.span.interval().is_ok_and(|it| it.to_whole_seconds() == *interval)
            }
            Entity::Shift(_)
            | Entity::OpenShift(_)
            | Entity::Employee(_)
            | Entity::ScheduleGroup(_)
            | Entity::TimeOffReason(_) => false,
        });
        Ok(found.map(|it| it.entity.key()))
    }

    /// Where our item of an absence is in this calendar; nowhere where it is not shown.
    async fn item_of(&self, key: &EntityKey) -> Result<Option<RemoteId>, Unanswered> {
        let Cycling { store, spec, .. } = self.cycling;
        let rows = store.ledger_of(&spec.name, std::slice::from_ref(key)).await?;
        let calendar = &self.looked.calendar;
        let here = rows.into_iter().find(|row| row.calendar == *calendar && row.part.is_main());
        match here {
            Some(row) if row.intent.is_some() => {
                Err(Unanswered::Because(format!("`{}` is just being written", key.id)))
            }
            Some(row) => Ok(row.remote.map(|it| it.id)),
            None => Ok(None),
        }
    }

    fn person(&self) -> EntityKey {
        EntityKey { kind: EntityKind::Employee, id: self.employee.into() }
    }

    fn note(&self, about: &EntityKey, detail: String, answered: &mut Answered) {
        answered.audit.push(AuditEntry {
            at: self.cycling.clock.now(),
            mirror: self.cycling.spec.name.clone(),
            calendar: self.looked.calendar.clone(),
            key: about.clone(),
            verb: AuditVerb::Asked,
            version: 0,
            detail,
        });
    }
}
