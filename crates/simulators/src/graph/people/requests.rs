//! What employees ask for, and what becomes of it.

use jiff::Timestamp;

use super::{Actor, NotDone, Person, Plan, managed_by, member_of};
use crate::graph::change::Edit;
use crate::graph::decide::{self, Decision, Unfit};
use crate::graph::state::{
    Assigned, ChangeRequest, Entity, Kind, RequestState, Schedule, State, Step, Team,
};

const REQUESTS: [Kind; 4] =
    [Kind::OfferRequest, Kind::SwapRequest, Kind::OpenShiftRequest, Kind::TimeOffRequest];

/// A request, by its id alone.
pub(super) fn request<'a>(team: &'a Team, id: &str) -> Result<(Kind, &'a ChangeRequest), NotDone> {
    let mut found = REQUESTS.iter().filter_map(|kind| Some((*kind, team.request(*kind, id)?)));
    found.next().ok_or_else(|| NotDone::shifts(format!("`{id}` is no longer there")))
}

/// Whether the schedule offers requests of a kind.
fn offered(kind: Kind, schedule: &Schedule) -> bool {
    match kind {
        Kind::OfferRequest => schedule.offer_shift_requests_enabled,
        Kind::SwapRequest => schedule.swap_shifts_requests_enabled,
        Kind::OpenShiftRequest => schedule.open_shifts_enabled,
        Kind::TimeOffRequest => schedule.time_off_requests_enabled,
        Kind::SchedulingGroup
        | Kind::TimeOffReason
        | Kind::Shift
        | Kind::OpenShift
        | Kind::TimeOff => false,
    }
}

impl Person {
    /// Asks for an open shift; the request's id.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn claims(&self, open_shift: &str) -> Result<String, NotDone> {
        let open_shift = Some(open_shift.to_owned());
        self.asks(Kind::OpenShiftRequest, |it| it.open_shift.clone_from(&open_shift)).await
    }

    /// Asks a colleague to swap their own shift for the colleague's; the request's id.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn asks_to_swap(&self, own: &str, other: &str) -> Result<String, NotDone> {
        let people = self.people.graph.read(|state| {
            let shift = state.teams.get(&self.team).and_then(|it| it.planned(Kind::Shift, other));
            shift.and_then(|it| it.user.clone())
        });
        let (own, other) = (Some(own.to_owned()), Some(other.to_owned()));
        self.asks(Kind::SwapRequest, |it| {
            it.sender_shift.clone_from(&own);
            it.recipient_shift.clone_from(&other);
            it.recipient.user.clone_from(&people);
        })
        .await
    }

    /// Offers their own shift to a colleague; the request's id.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn offers(&self, own: &str, to: &str) -> Result<String, NotDone> {
        let (own, to) = (Some(own.to_owned()), Some(to.to_owned()));
        self.asks(Kind::OfferRequest, |it| {
            it.sender_shift.clone_from(&own);
            it.recipient.user.clone_from(&to);
        })
        .await
    }

    /// Asks to be away in `[start, end)`; the request's id.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn asks_for_time_off(
        &self,
        reason: &str,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<String, NotDone> {
        self.asks(Kind::TimeOffRequest, |it| {
            it.reason = Some(reason.to_owned());
            (it.start, it.end) = (Some(start), Some(end));
        })
        .await
    }

    async fn asks(&self, kind: Kind, fill: impl Fn(&mut ChangeRequest)) -> Result<String, NotDone> {
        let now = self.people.graph.now();
        self.acts(|state| {
            let team = member_of(state, self)?;
            if !team.schedule.as_ref().is_some_and(|it| offered(kind, it)) {
                return Err(NotDone::shifts("this is switched off in the team's settings"));
            }
            let mut request = ChangeRequest {
                state: RequestState::Pending,
                assigned_to: match kind {
                    Kind::OfferRequest | Kind::SwapRequest => Assigned::Recipient,
                    _ => Assigned::Manager,
                },
                sender: self.step(now),
                recipient: Step::default(),
                manager: Step::default(),
                sender_shift: None,
                recipient_shift: None,
                open_shift: None,
                reason: None,
                start: None,
                end: None,
            };
            fill(&mut request);
            decide::check_new(team, kind, &request).map_err(NotDone::ByShifts)?;
            let id = state.new_id(kind.prefix());
            Plan::of(Edit::make(kind, id.as_str(), Entity::Request(request)), id)
        })
        .await
    }

    fn step(&self, now: Timestamp) -> Step {
        let user = Some(self.user().to_owned());
        Step { user, message: self.message.clone(), at: Some(now) }
    }

    /// Says yes to what a colleague asked of them; then it is a manager's turn.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn accepts(&self, request_id: &str) -> Result<(), NotDone> {
        self.checks_turn(request_id)?;
        self.decides(request_id, Decision::Approve).await
    }

    /// Says yes to a request as a manager, also while the colleague was not asked yet.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn approves(&self, request_id: &str) -> Result<(), NotDone> {
        self.people.graph.read(|state| managed_by(state, self).map(drop))?;
        self.decides(request_id, Decision::Approve).await
    }

    /// Says no to a request: as the colleague while it is their turn, as a manager, or as Shifts
    /// itself.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn declines(&self, request_id: &str) -> Result<(), NotDone> {
        if self.actor == Actor::System {
            return self.declines_as_system(request_id).await;
        }
        self.decides(request_id, Decision::Decline).await
    }

    fn checks_turn(&self, id: &str) -> Result<(), NotDone> {
        self.people.graph.read(|state| {
            let (_, request) = request(member_of(state, self)?, id)?;
            let theirs = request.recipient.user.as_deref() == Some(self.user())
                && request.assigned_to == Assigned::Recipient;
            if theirs { Ok(()) } else { Err(NotDone::shifts("it is not your turn")) }
        })
    }

    async fn decides(&self, id: &str, decision: Decision) -> Result<(), NotDone> {
        let now = self.people.graph.now();
        self.acts(|state| {
            // Making ids changes the state that is read.
            let team = member_of(state, self)?.clone();
            let (kind, _) = request(&team, id)?;
            let mut new_id = |kind: Kind| state.new_id(kind.prefix());
            let edits = decide::decide(&team, (kind, id), decision, self.step(now), &mut new_id);
            Ok(Plan { edits: edits.map_err(unfit)?, done: () })
        })
        .await
    }

    async fn declines_as_system(&self, id: &str) -> Result<(), NotDone> {
        self.acts(|state: &mut State| {
            let team = member_of(state, self)?;
            let (kind, before) = request(team, id)?;
            if before.state != RequestState::Pending {
                return Err(unfit(Unfit::Decided));
            }
            let after = ChangeRequest {
                state: RequestState::Declined,
                assigned_to: Assigned::System,
                ..before.clone()
            };
            Plan::of(Edit::replace(team, kind, id, Entity::Request(after)), ())
        })
        .await
    }

    /// Takes back what they asked for.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn cancels(&self, request_id: &str) -> Result<(), NotDone> {
        self.acts(|state| {
            let team = member_of(state, self)?;
            let (kind, before) = request(team, request_id)?;
            if before.sender.user.as_deref() != Some(self.user()) {
                return Err(NotDone::shifts("it is not your request"));
            }
            if before.state != RequestState::Pending {
                return Err(unfit(Unfit::Decided));
            }
            Plan::of(Edit::delete(team, kind, request_id), ())
        })
        .await
    }
}

fn unfit(why: Unfit) -> NotDone {
    match why {
        Unfit::NotTheirTurn => NotDone::shifts("it is not your turn"),
        Unfit::Decided => NotDone::shifts("it is decided already"),
        Unfit::Wrong(what) => NotDone::ByShifts(what),
    }
}
