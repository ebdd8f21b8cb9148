//! What a decision on a request changes: the elements of one callback, in their order
//! (`shifts.md` §3, "operation grammar"). Pure; for apps and played people alike.

use super::change::Edit;
use super::state::{
    Assigned, ChangeRequest, Entity, Item, Kind, Planned, RequestState, Role, Step, Team,
};

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Approve,
    /// No.
    Decline,
}

/// Why a decision cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It is not theirs to take.
    NotTheirTurn,
    /// It was taken already.
    Decided,
    /// What the request is about is gone, or otherwise not right.
    Wrong(String),
}

/// Whether a new request is one.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub fn check_new(team: &Team, kind: Kind, request: &ChangeRequest) -> Result<(), String> {
    let member = |step: &Step| step.user.as_deref().is_some_and(|it| team.has_member(it));
    let shift_of = |id: &Option<String>, user: &Option<String>| {
        let shift = id.as_deref().and_then(|it| team.planned(Kind::Shift, it));
        shift.is_some_and(|it| &it.user == user && it.shared.is_some())
    };
    let wrong = |what: &str| Err(format!("The {what} of the request is missing or not valid."));
    if !member(&request.sender) {
        return wrong("sender");
    }
    match kind {
        Kind::OfferRequest | Kind::SwapRequest => {
            if !shift_of(&request.sender_shift, &request.sender.user) {
                return wrong("senderShiftId");
            }
            if !member(&request.recipient) || request.recipient.user == request.sender.user {
                return wrong("recipientUserId");
            }
            if kind == Kind::SwapRequest
                && !shift_of(&request.recipient_shift, &request.recipient.user)
            {
                return wrong("recipientShiftId");
            }
        }
        Kind::OpenShiftRequest => {
            let open = request.open_shift.as_deref();
            let open = open.and_then(|it| team.planned(Kind::OpenShift, it)?.shared.as_ref());
            if open.is_none_or(|it| it.open_slots.unwrap_or_default() < 1) {
                return wrong("openShiftId");
            }
        }
        Kind::TimeOffRequest => {
            let reason = request.reason.as_deref().and_then(|it| team.reason(it));
            if !reason.is_some_and(|it| it.is_active) {
                return wrong("timeOffReasonId");
            }
            if request.start.is_none() || request.start >= request.end {
                return wrong("time");
            }
        }
        Kind::SchedulingGroup
        | Kind::TimeOffReason
        | Kind::Shift
        | Kind::OpenShift
        | Kind::TimeOff => return wrong("kind"),
    }
    Ok(())
}

/// What a decision changes.
///
/// Whose turn it is decides what it means: a recipient's yes passes the request to a manager, a
/// manager's yes carries it out (also while it is still the recipient's turn).
///
/// # Errors
/// When it cannot be taken.
pub fn decide(
    team: &Team,
    (kind, id): (Kind, &str),
    decision: Decision,
    by: Step,
    new_id: &mut dyn FnMut(Kind) -> String,
) -> Result<Vec<Edit>, Unfit> {
    let request = team.request(kind, id);
    let request = request.ok_or_else(|| Unfit::Wrong("The request is gone.".into()))?;
    if request.state != RequestState::Pending {
        return Err(Unfit::Decided);
    }
    let user = by.user.as_deref().unwrap_or_default();
    let manages = team.role_of(user) == Some(Role::Owner);
    let is_recipient =
        request.assigned_to == Assigned::Recipient && request.recipient.user == by.user;
    if !manages && !is_recipient {
        return Err(Unfit::NotTheirTurn);
    }
    let mut after = request.clone();
    if is_recipient {
        after.recipient = by;
        match decision {
            Decision::Approve => after.assigned_to = Assigned::Manager,
            // `Declined/Recipient`
            Decision::Decline => after.state = RequestState::Declined,
        }
        return Ok(vec![Edit::replace(team, kind, id, Entity::Request(after))]);
    }
    after.manager = by;
    after.assigned_to = Assigned::Manager;
    if decision == Decision::Decline {
        after.state = RequestState::Declined;
        return Ok(vec![Edit::replace(team, kind, id, Entity::Request(after))]);
    }
    after.state = RequestState::Approved;
    let mut edits = vec![Edit::replace(team, kind, id, Entity::Request(after.clone()))];
    carry_out(team, (kind, id), &after, new_id, &mut edits)?;
    Ok(edits)
}

fn carry_out(
    team: &Team,
    (kind, id): (Kind, &str),
    request: &ChangeRequest,
    new_id: &mut dyn FnMut(Kind) -> String,
    edits: &mut Vec<Edit>,
) -> Result<(), Unfit> {
    match kind {
        Kind::OfferRequest => {
            let given = (shift(team, request.sender_shift.as_deref())?, &request.recipient.user);
            hand_over(team, &[given], new_id, edits);
            decline_others(team, id, &[&request.sender_shift], edits);
        }
        Kind::SwapRequest => {
            let given = [
                (shift(team, request.sender_shift.as_deref())?, &request.recipient.user),
                (shift(team, request.recipient_shift.as_deref())?, &request.sender.user),
            ];
            hand_over(team, &given, new_id, edits);
            let shifts = [&request.sender_shift, &request.recipient_shift];
            decline_others(team, id, &shifts, edits);
        }
        Kind::OpenShiftRequest => assign(team, id, request, new_id, edits)?,
        Kind::TimeOffRequest => {
            let (Some(start), Some(end)) = (request.start, request.end) else {
                return Err(Unfit::Wrong("The request has no time.".into()));
            };
            let item = Item {
                start,
                end,
                theme: Some("white".into()),
                display_name: None,
                notes: None,
                activities: Vec::new(),
                open_slots: None,
                reason: request.reason.clone(),
            };
            let user = request.sender.user.clone();
            let planned = Planned { user, shared: Some(item), ..Planned::default() };
            let id = new_id(Kind::TimeOff);
            edits.push(Edit::make(Kind::TimeOff, id, Entity::Planned(planned)));
        }
        Kind::SchedulingGroup
        | Kind::TimeOffReason
        | Kind::Shift
        | Kind::OpenShift
        | Kind::TimeOff => {}
    }
    Ok(())
}

fn shift<'t>(team: &'t Team, id: Option<&str>) -> Result<(String, &'t Planned), Unfit> {
    let gone = || Unfit::Wrong("The shift is gone.".into());
    let id = id.ok_or_else(gone)?;
    let planned = team.planned(Kind::Shift, id).filter(|it| it.shared.is_some());
    Ok((id.to_owned(), planned.ok_or_else(gone)?))
}

/// Deletes shifts, and makes each anew for somebody else: first all that go, then all that come.
fn hand_over(
    team: &Team,
    given: &[((String, &Planned), &Option<String>)],
    new_id: &mut dyn FnMut(Kind) -> String,
    edits: &mut Vec<Edit>,
) {
    for ((id, _), _) in given {
        edits.push(Edit::delete(team, Kind::Shift, id));
    }
    for ((_, planned), user) in given {
        let after = Planned {
            user: (*user).clone(),
            group: planned.group.clone(),
            shared: planned.shared.clone(),
            ..Planned::default()
        };
        edits.push(Edit::make(Kind::Shift, new_id(Kind::Shift), Entity::Planned(after)));
    }
}

/// Shifts itself declines what else was asked about shifts that changed hands.
fn decline_others(team: &Team, id: &str, shifts: &[&Option<String>], edits: &mut Vec<Edit>) {
    let touches = |it: &Option<String>| it.is_some() && shifts.contains(&it);
    for kind in [Kind::SwapRequest, Kind::OfferRequest] {
        decline_by_system(team, kind, id, edits, |it| {
            touches(&it.sender_shift) || touches(&it.recipient_shift)
        });
    }
}

fn decline_by_system(
    team: &Team,
    kind: Kind,
    but: &str,
    edits: &mut Vec<Edit>,
    concerned: impl Fn(&ChangeRequest) -> bool,
) {
    for (other, _) in team.all(kind) {
        let Some(request) = team.request(kind, other) else { continue };
        if other == but || request.state != RequestState::Pending || !concerned(request) {
            continue;
        }
        let after = ChangeRequest {
            state: RequestState::Declined,
            assigned_to: Assigned::System,
            ..request.clone()
        };
        edits.push(Edit::replace(team, kind, other, Entity::Request(after)));
    }
}

/// Gives one slot of an open shift to who asked; when it was the last one, Shifts declines the
/// others.
fn assign(
    team: &Team,
    id: &str,
    request: &ChangeRequest,
    new_id: &mut dyn FnMut(Kind) -> String,
    edits: &mut Vec<Edit>,
) -> Result<(), Unfit> {
    let gone = || Unfit::Wrong("The open shift is gone.".into());
    let open_id = request.open_shift.as_deref().ok_or_else(gone)?;
    let open = team.planned(Kind::OpenShift, open_id).ok_or_else(gone)?;
    let item = open.shared.as_ref().ok_or_else(gone)?;
    let slots = item.open_slots.unwrap_or_default();
    if slots < 1 {
        return Err(Unfit::Wrong("The open shift has no open slot.".into()));
    }
    let given = Planned {
        user: request.sender.user.clone(),
        group: open.group.clone(),
        shared: Some(Item { open_slots: None, ..item.clone() }),
        ..Planned::default()
    };
    edits.push(Edit::make(Kind::Shift, new_id(Kind::Shift), Entity::Planned(given)));
    let left = Some(slots - 1);
    let fewer = |it: &Item| Item { open_slots: left, ..it.clone() };
    let after = Planned {
        shared: open.shared.as_ref().map(fewer),
        draft: open.draft.as_ref().map(fewer),
        ..open.clone()
    };
    edits.push(Edit::replace(team, Kind::OpenShift, open_id, Entity::Planned(after)));
    if left == Some(0) {
        decline_by_system(team, Kind::OpenShiftRequest, id, edits, |it| {
            it.open_shift.as_deref() == Some(open_id)
        });
    }
    Ok(())
}
