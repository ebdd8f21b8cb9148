//! One change in the vendor's ids to one ask in those of the roster. Pure.
//!
//! Items keep the vendor's ids, because the ledger knows them by these; people, groups and kinds of
//! absence become those of the roster.

pub mod availability;
#[cfg(test)]
mod tests;
pub mod whose;
pub mod windows_zones;

use domain::schedule_item::without_overlap;
use domain::{
    AvailabilityItem, CommandKind, EmployeeId, EntityKind, OpenShiftItem, Refusal, RequestStep,
    ScheduleGroupId, ScheduleItem, ShiftItem, TimeOffItem, TimeOffReasonId,
};
use engine::port::{AskWhat, AskedRequest, RemoteId};

use super::grammar::{
    Asked, Change, Item, ItemChange, ItemKind, RequestChange, RequestKind, RequestRef, Step,
};
use super::names::TeamNames;

/// Why a change is no ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAsk {
    /// There is nothing to decide: it is acknowledged.
    Nothing,
    /// It cannot be asked for in this way.
    Unsupported,
    /// Something that it needs is missing from it.
    Unreadable,
    /// It names somebody or something that the roster does not have.
    Refused(Refusal),
}

/// What a change is about; `None` where there is nothing to decide.
#[must_use]
pub fn kind(change: &Change) -> Option<CommandKind> {
    let of_item = |kind: ItemKind| match kind {
        ItemKind::Shift => CommandKind::Shift,
        ItemKind::OpenShift => CommandKind::OpenShift,
        ItemKind::TimeOff => CommandKind::TimeOff,
    };
    match change {
        Change::Nothing => None,
        Change::Items(items) => items.first().map(|it| of_item(it.kind())),
        Change::Assign { .. } => Some(CommandKind::OpenShift),
        Change::Request(it) => Some(match it.request.kind {
            RequestKind::Swap => CommandKind::SwapRequest,
            RequestKind::Offer => CommandKind::OfferRequest,
            RequestKind::OpenShift => CommandKind::OpenShiftRequest,
            RequestKind::TimeOff => CommandKind::TimeOffRequest,
        }),
        Change::Reason { .. } => Some(CommandKind::TimeOff),
        Change::Preferences(_) => Some(CommandKind::Availability),
    }
}

/// What is asked for, in a team whose names these are: one thing, or several that are one act.
/// `user` is whose preferences they are, from the callback's route.
///
/// # Errors
/// Why it is no ask.
pub fn ask(change: &Change, names: &TeamNames, user: Option<&str>) -> Result<Vec<AskWhat>, NoAsk> {
    let team = Team { names };
    let what = match change {
        Change::Nothing => Err(NoAsk::Nothing),
        Change::Items(items) if items.is_empty() => Err(NoAsk::Nothing),
        Change::Items(items) => return items.iter().map(|it| team.item_change(it)).collect(),
        Change::Assign { open_shift, shift } => Ok(AskWhat::Assign {
            open_shift: remote(open_shift.id()),
            at: remote(&shift.id),
            item: team.shift(shift)?,
        }),
        Change::Request(change) => team.request(change),
        Change::Reason { id: _ } => Err(NoAsk::Unsupported),
        Change::Preferences(body) => {
            let employee = team.employee(user)?;
            let availability = availability::read(body).ok_or(NoAsk::Unreadable)?;
            Ok(AskWhat::SetAvailability { item: AvailabilityItem { employee, availability } })
        }
    };
    what.map(|it| vec![it])
}

fn remote(id: &str) -> RemoteId {
    RemoteId(id.to_owned())
}

struct Team<'a> {
    names: &'a TeamNames,
}

impl Team<'_> {
    fn employee(&self, user: Option<&str>) -> Result<EmployeeId, NoAsk> {
        let user = user.ok_or(NoAsk::Unreadable)?;
        let found = self.names.employee(user).cloned();
        found.ok_or(NoAsk::Refused(Refusal::UnknownEmployee))
    }

    fn group(&self, id: Option<&str>) -> Result<Option<ScheduleGroupId>, NoAsk> {
        let id = id.filter(|id| !self.names.is_no_group(id));
        id.map(|id| self.names.group(id).cloned().ok_or(UNKNOWN)).transpose()
    }

    fn reason(&self, id: Option<&str>) -> Result<Option<TimeOffReasonId>, NoAsk> {
        let id = id.filter(|id| !self.names.is_no_reason(id));
        id.map(|id| self.names.reason(id).cloned().ok_or(UNKNOWN)).transpose()
    }

    fn item_change(&self, change: &ItemChange) -> Result<AskWhat, NoAsk> {
        // A removal or an edit that is shared says again what was decided at the draft; asked
        // again it is granted again.
        Ok(match change {
            ItemChange::Create(item) => {
                AskWhat::Create { at: remote(&item.id), item: self.item(item)? }
            }
            ItemChange::Edit(item, _) => {
                AskWhat::Edit { at: remote(&item.id), item: self.item(item)? }
            }
            ItemChange::Delete { kind, id, stage: _ } => {
                let kind = match kind {
                    ItemKind::Shift => EntityKind::Shift,
                    ItemKind::OpenShift => EntityKind::OpenShift,
                    ItemKind::TimeOff => EntityKind::TimeOff,
                };
                AskWhat::Delete { at: remote(id), kind }
            }
        })
    }

    fn item(&self, item: &Item) -> Result<ScheduleItem, NoAsk> {
        Ok(match item.kind {
            ItemKind::Shift => ScheduleItem::Shift(self.shift(item)?),
            ItemKind::OpenShift => ScheduleItem::OpenShift(OpenShiftItem {
                group: self.group(item.group.as_deref())?,
                label: item.label.clone().unwrap_or_default(),
                interval: item.interval.to_whole_seconds(),
                open_slots: item.slots,
                activities: without_overlap(&item.activities, &item.interval.to_whole_seconds()),
                notes: item.notes.clone(),
            }),
            ItemKind::TimeOff => ScheduleItem::TimeOff(TimeOffItem {
                employee: self.employee(item.user.as_deref())?,
                reason: self.reason(item.reason.as_deref())?,
                interval: item.interval.to_whole_seconds(),
            }),
        })
    }

    fn shift(&self, item: &Item) -> Result<ShiftItem, NoAsk> {
        let interval = item.interval.to_whole_seconds();
        Ok(ShiftItem {
            employee: self.employee(item.user.as_deref())?,
            group: self.group(item.group.as_deref())?,
            label: item.label.clone().unwrap_or_default(),
            interval,
            activities: without_overlap(&item.activities, &interval),
            notes: item.notes.clone(),
        })
    }

    fn request(&self, change: &RequestChange) -> Result<AskWhat, NoAsk> {
        let RequestChange { request, step, by_colleague: _, asked, effects, overtaken } = change;
        let step = match step {
            Step::Asked => RequestStep::Asked,
            Step::Agreed => RequestStep::Agreed,
            Step::Approved => RequestStep::Approved,
            Step::DeclinedByColleague | Step::DeclinedByManager | Step::DeclinedBySystem => {
                RequestStep::Declined
            }
            Step::Cancelled => RequestStep::Cancelled,
        };
        let asked = self.asked(request.kind, asked)?;
        if asked.is_none() && step == RequestStep::Asked {
            return Err(NoAsk::Unreadable);
        }
        let mut makes = Vec::new();
        for effect in effects {
            match effect {
                // What is left of an open shift follows from the request.
                ItemChange::Edit(item, _) if item.kind == ItemKind::OpenShift => {}
                ItemChange::Create(item) | ItemChange::Edit(item, _) => {
                    makes.push((remote(&item.id), self.item(item)?));
                }
                ItemChange::Delete { .. } => {}
            }
        }
        let declines = overtaken.iter().map(|RequestRef { kind: _, id }| remote(id)).collect();
        Ok(AskWhat::Request { at: remote(&request.id), request: asked, step, makes, declines })
    }

    /// What is asked for; `None` where the vendor leaves out what was said before.
    fn asked(&self, kind: RequestKind, asked: &Asked) -> Result<Option<AskedRequest>, NoAsk> {
        let id = |id: &Option<String>| id.as_deref().map(remote);
        Ok(match kind {
            RequestKind::Swap => match (id(&asked.sender_shift), id(&asked.recipient_shift)) {
                (Some(given), Some(wanted)) => Some(AskedRequest::Swap { given, wanted }),
                (_, None) | (None, Some(_)) => None,
            },
            RequestKind::Offer => match (id(&asked.sender_shift), asked.recipient.as_deref()) {
                (Some(given), Some(user)) => {
                    Some(AskedRequest::Offer { given, to: self.employee(Some(user))? })
                }
                (_, None) | (None, Some(_)) => None,
            },
            RequestKind::OpenShift => match (id(&asked.open_shift), asked.sender.as_deref()) {
                (Some(open_shift), Some(user)) => {
                    let employee = self.employee(Some(user))?;
                    Some(AskedRequest::OpenShift { open_shift, employee })
                }
                (_, None) | (None, Some(_)) => None,
            },
            RequestKind::TimeOff => match (asked.interval, asked.sender.as_deref()) {
                (Some(interval), Some(user)) => Some(AskedRequest::TimeOff {
                    item: TimeOffItem {
                        employee: self.employee(Some(user))?,
                        reason: self.reason(asked.reason.as_deref())?,
                        interval: interval.to_whole_seconds(),
                    },
                }),
                (_, None) | (None, Some(_)) => None,
            },
        })
    }
}

const UNKNOWN: NoAsk = NoAsk::Refused(Refusal::Unknown);
