//! Commands and questions, as they are sent.

use domain::time::{days_to_interval, local_day};
use domain::{
    Activity, Command, Directory, EligibilityQuestion, EmployeeId, OpenShiftItem, Request,
    ScheduleGroupId, ShiftItem, TimeOffItem, TimeOffReasonId, UtcInterval,
};
use jiff::tz::TimeZone;

use super::time::sent;
use crate::wfm_http::wire::{
    WireAbsence, WireCommand, WireDays, WirePart, WireQuestion, WireRequest, WireWork,
};

/// Writes a command. `zone` is that of employees who have none of their own.
pub fn command(command: &Command, directory: &Directory, zone: Option<&TimeZone>) -> WireCommand {
    let absence = |item: &TimeOffItem| absence(item, directory, zone);
    match command {
        Command::CreateShift { item } => WireCommand::CreateShift { item: work(item) },
        Command::EditShift { shift, item } => {
            WireCommand::EditShift { shift: shift.to_string(), item: work(item) }
        }
        Command::DeleteShift { shift } => WireCommand::DeleteShift { shift: shift.to_string() },
        Command::CreateOpenShift { item } => WireCommand::CreateOpenShift { item: open_work(item) },
        Command::EditOpenShift { open_shift, item } => {
            WireCommand::EditOpenShift { open_shift: open_shift.to_string(), item: open_work(item) }
        }
        Command::DeleteOpenShift { open_shift } => {
            WireCommand::DeleteOpenShift { open_shift: open_shift.to_string() }
        }
        Command::AssignOpenShift { open_shift, item } => {
            WireCommand::AssignOpenShift { open_shift: open_shift.to_string(), item: work(item) }
        }
        Command::CreateTimeOff { item } => WireCommand::CreateTimeOff { item: absence(item) },
        Command::EditTimeOff { time_off, item } => {
            WireCommand::EditTimeOff { time_off: time_off.to_string(), item: absence(item) }
        }
        Command::DeleteTimeOff { time_off } => {
            WireCommand::DeleteTimeOff { time_off: time_off.to_string() }
        }
        Command::Request { request, step } => WireCommand::Request {
            step: step.as_str(),
            request: match request {
                Request::OpenShift { open_shift, employee } => WireRequest::OpenShift {
                    open_shift: open_shift.to_string(),
                    employee: employee.to_string(),
                },
                Request::Swap { given, wanted } => {
                    WireRequest::Swap { given: given.to_string(), wanted: wanted.to_string() }
                }
                Request::Offer { given, to } => {
                    WireRequest::Offer { given: given.to_string(), to: to.to_string() }
                }
                Request::TimeOff { item } => WireRequest::TimeOff { item: absence(item) },
            },
        },
        Command::SetAvailability { item } => WireCommand::SetAvailability {
            employee: item.employee.to_string(),
            availability: item.availability.to_string(),
        },
    }
}

/// Writes a question.
pub fn question(question: &EligibilityQuestion) -> WireQuestion {
    match question {
        EligibilityQuestion::SwapFor { given, within } => WireQuestion::SwapFor {
            given: given.to_string(),
            from: sent(within.start()),
            until: sent(within.end()),
        },
        EligibilityQuestion::OfferOf { given } => {
            WireQuestion::OfferOf { given: given.to_string() }
        }
        EligibilityQuestion::TimeOffReasons { employee } => {
            WireQuestion::TimeOffReasons { employee: employee.to_string() }
        }
    }
}

fn work(item: &ShiftItem) -> WireWork {
    let ShiftItem { employee, group, label, interval, activities, notes } = item;
    WireWork {
        employee: Some(employee.to_string()),
        ..any_work(group.as_ref(), label, interval, activities, notes.as_ref())
    }
}

fn open_work(item: &OpenShiftItem) -> WireWork {
    let OpenShiftItem { group, label, interval, open_slots, activities, notes } = item;
    WireWork {
        open_slots: Some(*open_slots),
        ..any_work(group.as_ref(), label, interval, activities, notes.as_ref())
    }
}

fn any_work(
    group: Option<&ScheduleGroupId>,
    label: &str,
    interval: &UtcInterval,
    activities: &[Activity],
    notes: Option<&String>,
) -> WireWork {
    let part = |Activity { label, interval, paid }: &Activity| WirePart {
        label: label.clone(),
        start: sent(interval.start()),
        end: sent(interval.end()),
        paid: *paid,
    };
    WireWork {
        employee: None,
        group: group.map(ScheduleGroupId::to_string),
        label: label.to_owned(),
        start: sent(interval.start()),
        end: sent(interval.end()),
        open_slots: None,
        activities: activities.iter().map(part).collect(),
        notes: notes.cloned(),
    }
}

fn absence(item: &TimeOffItem, directory: &Directory, zone: Option<&TimeZone>) -> WireAbsence {
    let TimeOffItem { employee, reason, interval } = item;
    WireAbsence {
        employee: employee.to_string(),
        reason: reason.as_ref().map(TimeOffReasonId::to_string),
        start: sent(interval.start()),
        end: sent(interval.end()),
        days: whole_days(employee, interval, directory, zone),
    }
}

/// The local days that an absence covers from end to end, where it does.
fn whole_days(
    employee: &EmployeeId,
    interval: &UtcInterval,
    directory: &Directory,
    zone: Option<&TimeZone>,
) -> Option<WireDays> {
    let own = directory.employees.get(employee).and_then(|it| it.time_zone.as_deref());
    let zone = own.and_then(|name| TimeZone::get(name).ok()).or_else(|| zone.cloned())?;
    let (first, end) = (local_day(interval.start(), &zone), local_day(interval.end(), &zone));
    let days = days_to_interval(first, end, &zone).ok()?;
    let last = end.yesterday().ok()?;
    (days == *interval).then(|| WireDays {
        first_day: first.to_string(),
        last_day: last.to_string(),
        time_zone: zone.iana_name().unwrap_or("UTC").to_owned(),
    })
}
