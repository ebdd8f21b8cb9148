//! From an ask, which names items of the mirror, to a command, which names entities. Pure.
//!
//! An item is known when the ledger has a row whose item is, or is about to be, at its remote id.
//! What the one who asks saw may be older than the roster: then the answer is
//! [`Refusal::Outdated`], and the next cycle shows them what is true. That is so when the item is
//! another employee's by now, ends at another instant, or (shifts and absences) was changed in the
//! roster in any way that the mirror does not show yet. An open shift whose slots were taken is
//! not outdated: there may be one left. An item that goes because of what was granted (the old
//! ones of a swap, until the vendor's doing is settled) is outdated too, and removing it is
//! nothing more than that: the entity is at its new place.

use domain::{
    Command, EligibilityQuestion, EmployeeId, Entity, EntityKey, EntityKind, OpenShiftId,
    OpenShiftItem, Refusal, Request, RequestStep, ScheduleItem, ShiftId, TimeOffId,
};
use jiff::tz::TimeZone;

use super::book::{Book, key};
use super::effect::{Grounds, effect};
use super::world::World;
use crate::port::{
    Ask, AskWhat, AskedQuestion, AskedRequest, IntentState, LedgerRow, RemoteId, RequestRow,
};

/// What an ask means for the roster.
#[derive(Debug, Clone, PartialEq)]
pub enum Translated {
    /// To be decided.
    Command(Command),
    /// Granted without a decision, because nothing is left to do: what is to be removed is not
    /// there, or a request that was never seen is taken back.
    Nothing,
}

/// Finds out which entities `ask` is about.
///
/// # Errors
/// `Unknown` when an item is not in the ledger; `Outdated` when it is not as the one who asked
/// thought, or the request was given up.
pub fn translate(world: &World, ask: &Ask) -> Result<Translated, Refusal> {
    let names = Names { world, ask };
    let command = match &ask.what {
        AskWhat::Create { at, item } => match names.known(at, item.kind()) {
            // The vendor tells of it although it is there already: it is to be like this.
            Some(_) => names.edit(at, item)?,
            None => create(item),
        },
        // That nothing of an open shift is left is told again when that is shared.
        AskWhat::Edit { at, item } if is_taken(item) && names.there(at, item.kind()).is_none() => {
            return Ok(Translated::Nothing);
        }
        AskWhat::Edit { at, item } => names.edit(at, item)?,
        AskWhat::Delete { at, kind } => match names.there(at, *kind) {
            Some(row) => names.delete(row, at)?,
            // It may be what we are making this very moment: then there is something left to do.
            None if world.makes_something(&ask.calendar) => return Err(Refusal::Outdated),
            None => return Ok(Translated::Nothing),
        },
        AskWhat::Assign { open_shift, at: _, item } => {
            let row = names.known(open_shift, EntityKind::OpenShift).ok_or(Refusal::Unknown)?;
            Command::AssignOpenShift { open_shift: open_shift_id(&row.key)?, item: item.clone() }
        }
        AskWhat::Request { at, request, step, makes, declines: _ } => {
            let before = world.request(at);
            let given_up = matches!(step, RequestStep::Declined | RequestStep::Cancelled);
            let request = match request.as_ref().or(before.map(|it| &it.request)) {
                Some(request) => names.request(request, given_up),
                None => Err(Refusal::Unknown),
            };
            match request {
                Ok(request) => {
                    is_under_way(before, *step)?;
                    let command = Command::Request { request, step: *step };
                    fits(world, &command, makes)?;
                    command
                }
                Err(_) if given_up => return Ok(Translated::Nothing),
                Err(refusal) => return Err(refusal),
            }
        }
        AskWhat::SetAvailability { item } => Command::SetAvailability { item: item.clone() },
    };
    Ok(Translated::Command(command))
}

/// Finds out which shift a question is about.
///
/// # Errors
/// As [`translate`].
pub fn translate_question(
    world: &World,
    calendar: &domain::CalendarKey,
    question: &AskedQuestion,
) -> Result<EligibilityQuestion, Refusal> {
    let shift = |at: &RemoteId| {
        let row = world.row_at(calendar, at).ok_or(Refusal::Unknown)?;
        world.live(&row.key).ok_or(Refusal::Outdated)?;
        shift_id(&row.key)
    };
    Ok(match question {
        AskedQuestion::SwapFor { given, within } => {
            EligibilityQuestion::SwapFor { given: shift(given)?, within: *within }
        }
        AskedQuestion::OfferOf { given } => EligibilityQuestion::OfferOf { given: shift(given)? },
        AskedQuestion::TimeOffReasons { employee } => {
            EligibilityQuestion::TimeOffReasons { employee: employee.clone() }
        }
    })
}

/// The remote ids that `ask` names as those of items that are there, or will be.
#[must_use]
pub fn remote_ids(ask: &Ask, known: Option<&AskedRequest>) -> Vec<RemoteId> {
    match &ask.what {
        AskWhat::Create { at, .. } | AskWhat::Edit { at, .. } | AskWhat::Delete { at, .. } => {
            vec![at.clone()]
        }
        AskWhat::Assign { open_shift, at, item: _ } => vec![open_shift.clone(), at.clone()],
        AskWhat::Request { at: _, request, step: _, makes, declines: _ } => {
            let mut ids: Vec<RemoteId> = makes.iter().map(|(at, _)| at.clone()).collect();
            match request.as_ref().or(known) {
                Some(AskedRequest::OpenShift { open_shift, employee: _ }) => {
                    ids.push(open_shift.clone());
                }
                Some(AskedRequest::Swap { given, wanted }) => {
                    ids.extend([given.clone(), wanted.clone()]);
                }
                Some(AskedRequest::Offer { given, to: _ }) => ids.push(given.clone()),
                Some(AskedRequest::TimeOff { item: _ }) | None => {}
            }
            ids
        }
        AskWhat::SetAvailability { item: _ } => vec![],
    }
}

/// The entities that a command names.
#[must_use]
pub fn named(command: &Command) -> Vec<EntityKey> {
    let shift = |id: &ShiftId| key(EntityKind::Shift, id.into());
    let open_shift = |id: &OpenShiftId| key(EntityKind::OpenShift, id.into());
    let employee = |id: &EmployeeId| key(EntityKind::Employee, id.into());
    match command {
        Command::CreateShift { .. }
        | Command::CreateOpenShift { .. }
        | Command::CreateTimeOff { .. } => vec![],
        Command::EditShift { shift: id, .. } | Command::DeleteShift { shift: id } => {
            vec![shift(id)]
        }
        Command::EditOpenShift { open_shift: id, .. }
        | Command::DeleteOpenShift { open_shift: id }
        | Command::AssignOpenShift { open_shift: id, .. } => vec![open_shift(id)],
        Command::EditTimeOff { time_off: id, .. } | Command::DeleteTimeOff { time_off: id } => {
            vec![key(EntityKind::TimeOff, id.into())]
        }
        Command::Request { request, step: _ } => match request {
            Request::OpenShift { open_shift: id, .. } => vec![open_shift(id)],
            Request::Swap { given, wanted } => vec![shift(given), shift(wanted)],
            Request::Offer { given, to: _ } => vec![shift(given)],
            Request::TimeOff { item: _ } => vec![],
        },
        Command::SetAvailability { item } => vec![employee(&item.employee)],
    }
}

/// The entities that a question names.
#[must_use]
pub fn named_by(question: &EligibilityQuestion) -> Vec<EntityKey> {
    match question {
        EligibilityQuestion::SwapFor { given, .. } | EligibilityQuestion::OfferOf { given } => {
            vec![key(EntityKind::Shift, given.into())]
        }
        EligibilityQuestion::TimeOffReasons { .. } => vec![],
    }
}

struct Names<'a> {
    world: &'a World,
    ask: &'a Ask,
}

impl<'a> Names<'a> {
    fn known(&self, at: &RemoteId, kind: EntityKind) -> Option<&'a LedgerRow> {
        self.world.row_at(&self.ask.calendar, at).filter(|row| row.key.kind == kind)
    }

    /// The same, if the roster has it too, and is not about to have it elsewhere.
    fn there(&self, at: &RemoteId, kind: EntityKind) -> Option<&'a LedgerRow> {
        let is_there = |row: &&LedgerRow| self.world.live(&row.key).is_some() && !is_left(row, at);
        self.known(at, kind).filter(is_there)
    }

    fn edit(&self, at: &RemoteId, item: &ScheduleItem) -> Result<Command, Refusal> {
        if let ScheduleItem::Availability(item) = item {
            return Ok(Command::SetAvailability { item: item.clone() });
        }
        let row = self.known(at, item.kind()).ok_or(Refusal::Unknown)?;
        self.check_is_as_thought(row, at)?;
        Ok(match item {
            ScheduleItem::Shift(item) => {
                Command::EditShift { shift: shift_id(&row.key)?, item: item.clone() }
            }
            ScheduleItem::OpenShift(item) => {
                let open_shift = open_shift_id(&row.key)?;
                Command::EditOpenShift { open_shift, item: item.clone() }
            }
            ScheduleItem::TimeOff(item) => {
                Command::EditTimeOff { time_off: time_off_id(&row.key)?, item: item.clone() }
            }
            ScheduleItem::Availability(item) => Command::SetAvailability { item: item.clone() },
        })
    }

    fn delete(&self, row: &LedgerRow, at: &RemoteId) -> Result<Command, Refusal> {
        self.check_is_as_thought(row, at)?;
        match row.key.kind {
            EntityKind::Shift => Ok(Command::DeleteShift { shift: shift_id(&row.key)? }),
            EntityKind::OpenShift => {
                Ok(Command::DeleteOpenShift { open_shift: open_shift_id(&row.key)? })
            }
            EntityKind::TimeOff => Ok(Command::DeleteTimeOff { time_off: time_off_id(&row.key)? }),
            EntityKind::Employee | EntityKind::ScheduleGroup | EntityKind::TimeOffReason => {
                Err(Refusal::Unknown)
            }
        }
    }

    fn request(&self, request: &AskedRequest, given_up: bool) -> Result<Request, Refusal> {
        let shift = |at: &RemoteId| {
            let row = self.known(at, EntityKind::Shift).ok_or(Refusal::Unknown)?;
            if !given_up {
                self.check_is_as_thought(row, at)?;
            }
            shift_id(&row.key)
        };
        Ok(match request {
            AskedRequest::OpenShift { open_shift, employee } => {
                let row = self.known(open_shift, EntityKind::OpenShift);
                let open_shift = open_shift_id(&row.ok_or(Refusal::Unknown)?.key)?;
                Request::OpenShift { open_shift, employee: employee.clone() }
            }
            AskedRequest::Swap { given, wanted } => {
                Request::Swap { given: shift(given)?, wanted: shift(wanted)? }
            }
            AskedRequest::Offer { given, to } => {
                Request::Offer { given: shift(given)?, to: to.clone() }
            }
            AskedRequest::TimeOff { item } => Request::TimeOff { item: item.clone() },
        })
    }

    /// Whether what the mirror shows of an entity is what the roster says.
    fn check_is_as_thought(&self, row: &LedgerRow, at: &RemoteId) -> Result<(), Refusal> {
        let live = self.world.live(&row.key).ok_or(Refusal::Outdated)?;
        let ends_at = live.entity.interval().map(|it| it.end());
        let other_end = row.ends_at.is_some() && row.ends_at != ends_at;
        let other_employee = row.employee.as_ref() != live.entity.employee();
        let sent = row.intent.as_ref().filter(|it| it.state == IntentState::Sent);
        // What the vendor is doing, it knows; what we are writing, it does not show yet.
        let in_doubt = sent.is_some_and(|it| it.not_before.is_some());
        let behind = match (&live.entity, &row.remote) {
            (_, None) => false,
            (entity, Some(remote)) => {
                let shown = ScheduleItem::of(entity, &self.world.directory);
                let as_shown = shown.is_some_and(|it| it.fingerprint() == remote.intended);
                !in_doubt && remote.version != live.version && !as_shown
            }
        };
        let outdated = other_end || other_employee || behind || is_left(row, at);
        if outdated { Err(Refusal::Outdated) } else { Ok(()) }
    }
}

/// Whether it is an open shift of which nothing is left: the roster has none such.
fn is_taken(item: &ScheduleItem) -> bool {
    matches!(item, ScheduleItem::OpenShift(OpenShiftItem { open_slots: 0, .. }))
}

/// Whether the entity is about to have its item elsewhere than at `at`.
fn is_left(row: &LedgerRow, at: &RemoteId) -> bool {
    let sent = row.intent.as_ref().filter(|it| it.state == IntentState::Sent);
    let place = sent.and_then(|it| it.remote_id.as_ref());
    place.is_some_and(|place| place != at)
}

/// What was given up is not taken up again.
fn is_under_way(before: Option<&RequestRow>, step: RequestStep) -> Result<(), Refusal> {
    let goes_on = matches!(step, RequestStep::Agreed | RequestStep::Approved);
    let given_up =
        before.is_some_and(|it| matches!(it.step, RequestStep::Declined | RequestStep::Cancelled));
    if goes_on && given_up { Err(Refusal::Outdated) } else { Ok(()) }
}

/// Whether what the vendor will make is what the command comes to: the same people at the same
/// times. Otherwise it knows other shifts than we do.
fn fits(
    world: &World,
    command: &Command,
    makes: &[(RemoteId, ScheduleItem)],
) -> Result<(), Refusal> {
    if makes.is_empty() {
        return Ok(());
    }
    let keys = named(command);
    let entities: Vec<Entity> =
        keys.iter().filter_map(|key| Some(world.live(key)?.entity.clone())).collect();
    let book = Book::of(&entities);
    let fresh_ids = ["made".to_owned()];
    let directory = &world.directory;
    // Zones only decide on days here, and days are not compared.
    let grounds = Grounds { zone: &TimeZone::UTC, directory, book: &book, fresh_ids: &fresh_ids };
    let Ok(change) = effect(&grounds, command) else {
        // The decider says why not.
        return Ok(());
    };
    let items = change.upserts.iter().filter_map(|it| ScheduleItem::of(it, directory));
    let expected: Vec<_> = items.map(|it| it.natural_key()).collect();
    let fits = makes.iter().all(|(_, item)| match item {
        ScheduleItem::Shift(_) | ScheduleItem::TimeOff(_) => expected.contains(&item.natural_key()),
        ScheduleItem::OpenShift(_) | ScheduleItem::Availability(_) => true,
    });
    if fits { Ok(()) } else { Err(Refusal::Outdated) }
}

fn create(item: &ScheduleItem) -> Command {
    match item.clone() {
        ScheduleItem::Shift(item) => Command::CreateShift { item },
        ScheduleItem::OpenShift(item) => Command::CreateOpenShift { item },
        ScheduleItem::TimeOff(item) => Command::CreateTimeOff { item },
        ScheduleItem::Availability(item) => Command::SetAvailability { item },
    }
}

fn shift_id(key: &EntityKey) -> Result<ShiftId, Refusal> {
    ShiftId::new(key.id.as_str())
        .ok()
        .filter(|_| key.kind == EntityKind::Shift)
        .ok_or(Refusal::Unknown)
}

fn open_shift_id(key: &EntityKey) -> Result<OpenShiftId, Refusal> {
    OpenShiftId::new(key.id.as_str()).map_err(|_| Refusal::Unknown)
}

fn time_off_id(key: &EntityKey) -> Result<TimeOffId, Refusal> {
    TimeOffId::new(key.id.as_str()).map_err(|_| Refusal::Unknown)
}
