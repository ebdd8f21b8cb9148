//! What an ask means, so that its repetition is recognised. Pure.
//!
//! A vendor repeats what got no answer in time, and may name new ids for what it makes. So the key
//! leaves out every id that a repetition may make anew:
//!
//! | ask | key |
//! | --- | --- |
//! | create | calendar, and what the item shows |
//! | edit | calendar, the item's remote id, and what it is to show |
//! | delete | calendar, the item's remote id, its kind |
//! | assign | calendar, the open shift's remote id, and the shift that comes of it |
//! | step of a request | calendar, kind, step, and what is asked for |
//! | the same, when what is asked for is not known | calendar, step, the request's own remote id |
//! | availability | whose, and what |
//!
//! What a request asks for is the remote ids of the shifts and the colleague, the open shift's and
//! who, or who is absent when and why. To give up a request is an act of its own each time, so its
//! remote id is in the key as well.
//!
//! The same key may come again and mean something new (a shift made, removed and made again): a
//! [`crate::port::Grant`] only answers as long as what it left stands; see [`super::replay`].

use domain::{EmployeeId, Fingerprint, Fingerprinter, RequestStep, ScheduleItem, TimeOffReasonId};

use crate::port::{Ask, AskWhat, AskedRequest, RemoteId};

/// The key of `ask`. `known` is what its request asks for, where the ask does not say it again.
#[must_use]
pub fn key_of(ask: &Ask, known: Option<&AskedRequest>) -> Fingerprint {
    let mut print = Fingerprinter::new("ask/1");
    let calendar = ask.calendar.as_str();
    match &ask.what {
        AskWhat::Create { at: _, item: ScheduleItem::Availability(item) }
        | AskWhat::SetAvailability { item } => {
            let shown = ScheduleItem::Availability(item.clone()).fingerprint();
            print.number(6).text(&shown.to_string());
        }
        AskWhat::Create { at: _, item } => {
            print.number(1).text(calendar).text(&item.fingerprint().to_string());
        }
        AskWhat::Edit { at, item } => {
            print.number(2).text(calendar).text(&at.0).text(&item.fingerprint().to_string());
        }
        AskWhat::Delete { at, kind } => {
            print.number(3).text(calendar).text(&at.0).text(kind.as_str());
        }
        AskWhat::Assign { open_shift, at: _, item } => {
            let shown = ScheduleItem::Shift(item.clone()).fingerprint();
            print.number(4).text(calendar).text(&open_shift.0).text(&shown.to_string());
        }
        AskWhat::Request { at, request, step, makes: _, declines: _ } => {
            print.number(5).text(calendar).text(step.as_str());
            request_key(&mut print, request.as_ref().or(known), at, *step);
        }
    }
    print.finish()
}

fn request_key(
    print: &mut Fingerprinter,
    request: Option<&AskedRequest>,
    at: &RemoteId,
    step: RequestStep,
) {
    let Some(request) = request else {
        print.number(0).text(&at.0);
        return;
    };
    match request {
        AskedRequest::OpenShift { open_shift, employee } => {
            print.number(1).text(&open_shift.0).text(employee.as_str());
        }
        AskedRequest::Swap { given, wanted } => {
            print.number(2).text(&given.0).text(&wanted.0);
        }
        AskedRequest::Offer { given, to } => {
            print.number(3).text(&given.0).text(EmployeeId::as_str(to));
        }
        AskedRequest::TimeOff { item } => {
            print
                .number(4)
                .text(item.employee.as_str())
                .optional(item.reason.as_ref().map(TimeOffReasonId::as_str))
                .instant(item.interval.start())
                .instant(item.interval.end());
        }
    }
    match step {
        // The same may be asked for and given up again and again: the request itself tells which.
        RequestStep::Declined | RequestStep::Cancelled => print.text(&at.0),
        RequestStep::Asked | RequestStep::Agreed | RequestStep::Approved => print,
    };
}
