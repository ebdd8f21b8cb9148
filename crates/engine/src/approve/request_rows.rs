//! Requests as they stand, step by step. Pure.

use domain::limits::APPROVAL_DELAY;
use domain::{CommandKind, RequestStep};
use jiff::Timestamp;

use super::land::Terms;
use super::world::World;
use crate::port::{Ask, AskWhat, AskedRequest, RequestRow};

/// The request as it stands after this step, and those that are declined with it.
pub(super) fn requests(world: &World, ask: &Ask, terms: Terms<'_>) -> Vec<RequestRow> {
    let AskWhat::Request { at, request, step, makes: _, declines } = &ask.what else {
        return vec![];
    };
    let before = world.request(at);
    let settled = before.is_some_and(|it| it.step == RequestStep::Approved);
    let mut rows = Vec::new();
    let asked = request.as_ref().or(before.map(|it| &it.request));
    if let Some(asked) = asked.filter(|_| !settled) {
        let kind = kind_of(asked);
        let own_turn = match kind {
            CommandKind::SwapRequest | CommandKind::OfferRequest => RequestStep::Agreed,
            CommandKind::Availability
            | CommandKind::OpenShift
            | CommandKind::OpenShiftRequest
            | CommandKind::Shift
            | CommandKind::TimeOff
            | CommandKind::TimeOffRequest => RequestStep::Asked,
        };
        let by_itself = terms.automatic.contains(&kind) && *step == own_turn;
        let due = terms.now.saturating_add(APPROVAL_DELAY).unwrap_or(Timestamp::MAX);
        rows.push(RequestRow {
            at: at.clone(),
            calendar: ask.calendar.clone(),
            kind,
            step: *step,
            request: asked.clone(),
            changed_at: terms.now,
            approve_at: by_itself.then_some(due),
        });
    }
    let others = declines.iter().filter(|other| *other != at);
    let others = others.filter_map(|other| world.request(other));
    let open = others.filter(|it| it.step != RequestStep::Approved);
    rows.extend(open.map(|it| given_up(it, RequestStep::Declined, terms.now)));
    rows
}

/// The same request, refused or taken back.
pub(super) fn given_up(row: &RequestRow, step: RequestStep, now: Timestamp) -> RequestRow {
    RequestRow { step, approve_at: None, changed_at: now, ..row.clone() }
}

/// What a request is about.
#[must_use]
pub fn kind_of(request: &AskedRequest) -> CommandKind {
    match request {
        AskedRequest::OpenShift { .. } => CommandKind::OpenShiftRequest,
        AskedRequest::Swap { .. } => CommandKind::SwapRequest,
        AskedRequest::Offer { .. } => CommandKind::OfferRequest,
        AskedRequest::TimeOff { .. } => CommandKind::TimeOffRequest,
    }
}
