//! The four kinds of requests: what apps may do with them, and what a decision changes.
//!
//! [`decide`] says what a decision changes, for apps and people alike.

use super::change::Edit;
use super::decide::{self, Decision};
use super::error;
use super::http::Reply;
use super::parse::Fields;
use super::route::{Call, not_allowed};
use super::state::{Assigned, ChangeRequest, Entity, Kind, RequestState, Role, Step, Team, Who};

/// Answers anything but reads.
pub(super) fn answer(
    call: &Call<'_>,
    team: &str,
    kind: Kind,
    rest: &[&str],
) -> Result<Reply, Reply> {
    match (call.method(), rest) {
        ("POST", []) => post(call, team, kind),
        ("DELETE", [id]) => {
            let edit = call.graph.read(|state| {
                let found = call.team(state, team)?;
                found.get(kind, id).ok_or_else(|| error::missing(kind.type_name()))?;
                Ok(Edit::delete(found, kind, id))
            })?;
            call.commit(team, vec![edit])?;
            Ok(Reply::status(204))
        }
        ("POST", [id, action]) => match action.to_ascii_lowercase().as_str() {
            "approve" => old(call, team, (kind, id), Decision::Approve),
            "decline" => old(call, team, (kind, id), Decision::Decline),
            "approveforuser" if call.beta => for_user(call, team, (kind, id), Decision::Approve),
            "declineforuser" if call.beta => for_user(call, team, (kind, id), Decision::Decline),
            _ => Err(super::route::not_found(&[action])),
        },
        _ => Err(not_allowed()),
    }
}

fn post(call: &Call<'_>, team: &str, kind: Kind) -> Result<Reply, Reply> {
    const KNOWN: [&str; 17] = [
        "assignedTo",
        "state",
        "senderDateTime",
        "senderMessage",
        "senderUserId",
        "managerActionDateTime",
        "managerActionMessage",
        "managerUserId",
        "recipientActionDateTime",
        "recipientActionMessage",
        "recipientUserId",
        "senderShiftId",
        "recipientShiftId",
        "openShiftId",
        "timeOffReasonId",
        "startDateTime",
        "endDateTime",
    ];
    let body = call.body()?;
    let fields = Fields::of(kind.type_name(), &body, &KNOWN)?;
    let mut request = ChangeRequest {
        state: RequestState::Pending,
        assigned_to: match kind {
            Kind::OfferRequest | Kind::SwapRequest => Assigned::Recipient,
            _ => Assigned::Manager,
        },
        sender: Step {
            user: fields.text("senderUserId")?,
            message: fields.text("senderMessage")?,
            at: Some(call.now),
        },
        recipient: Step { user: fields.text("recipientUserId")?, ..Step::default() },
        manager: Step::default(),
        sender_shift: fields.text("senderShiftId")?,
        recipient_shift: fields.text("recipientShiftId")?,
        open_shift: fields.text("openShiftId")?,
        reason: fields.text("timeOffReasonId")?,
        start: fields.instant("startDateTime")?,
        end: fields.instant("endDateTime")?,
    };
    let (edit, id) = call.graph.update(|state| {
        let found = call.team(state, team)?;
        let shift = request.sender_shift.as_deref();
        let owner = shift.and_then(|it| found.planned(Kind::Shift, it)?.user.clone());
        request.sender.user = request.sender.user.take().or(owner);
        decide::check_new(found, kind, &request).map_err(|what| error::bad(&what))?;
        let id = state.new_id(kind.prefix());
        Ok((Edit::make(kind, id.as_str(), Entity::Request(request)), id))
    })?;
    call.commit(team, vec![edit])?;
    call.stored(200, team, kind, &id)
}

/// `approve` and `decline` without a user: support for apps ended on 2026-01-01 (`shifts.md`
/// §1.4).
fn old(
    call: &Call<'_>,
    team: &str,
    request: (Kind, &str),
    decision: Decision,
) -> Result<Reply, Reply> {
    if !call.graph.options().app_only_approve {
        let message = "This action is not supported with application permissions.";
        return Err(error::shifts(403, "Forbidden", message));
    }
    let owner = call.graph.read(|state| {
        let members = &call.team(state, team)?.members;
        let owner = members.iter().find(|it| it.role == Role::Owner);
        Ok(owner.map(|it| it.user.clone()))
    })?;
    decided(call, team, request, decision, &owner.unwrap_or_default())
}

fn for_user(
    call: &Call<'_>,
    team: &str,
    request: (Kind, &str),
    decision: Decision,
) -> Result<Reply, Reply> {
    let body = call.body()?;
    let user = Fields::of("action", &body, &["message", "userId"])?.need_text("userId")?;
    // An app speaks for the assignee; a person who manages may be faster than the colleague.
    let assignee = call.graph.read(|state| {
        let found = call.team(state, team)?.request(request.0, request.1);
        let turn = found.filter(|it| it.assigned_to == Assigned::Recipient);
        Ok(turn.and_then(|it| it.recipient.user.clone()))
    })?;
    if assignee.is_some_and(|it| it != user) {
        let message = "The user is not the assignee of the request.";
        return Err(error::shifts(403, "Forbidden", message));
    }
    decided(call, team, request, decision, &user)
}

fn decided(
    call: &Call<'_>,
    team: &str,
    (kind, id): (Kind, &str),
    decision: Decision,
    user: &str,
) -> Result<Reply, Reply> {
    // The message is optional, and so is the body of the old actions.
    let message = call.body().ok();
    let message = message.and_then(|it| it.get("message")?.as_str().map(String::from));
    let edits = call.graph.update(|state| {
        // Making ids changes the state that is read.
        let found: Team = call.team(state, team)?.clone();
        if found.request(kind, id).is_none() {
            return Err(error::missing(kind.type_name()));
        }
        let by = Step { user: Some(user.to_owned()), message, at: Some(call.now) };
        let mut new_id = |kind: Kind| state.new_id(kind.prefix());
        decide::decide(&found, (kind, id), decision, by, &mut new_id).map_err(|why| match why {
            decide::Unfit::NotTheirTurn => {
                let message = "The user may not act on this request.";
                error::shifts(403, "Forbidden", message)
            }
            decide::Unfit::Decided => error::bad("The request is decided already."),
            decide::Unfit::Wrong(what) => error::bad(&what),
        })
    })?;
    call.commit_as(Who::App(call.session.app.clone()), team, edits)?;
    Ok(Reply::status(204))
}
