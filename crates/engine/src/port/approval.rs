//! What people ask for in a mirror, on its way to the system of record and back.
//!
//! A connector's [`Inbound`] authenticates what its vendor sends, turns it into one [`Ask`], gives
//! that to [`Approvals`] (the engine), and answers in the vendor's form. Items of the mirror are
//! named by their remote ids, people, groups and reasons by those of the roster.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    AvailabilityItem, CalendarKey, CommandKind, Directory, EmployeeId, EntityKey, EntityKind,
    Refusal, RequestStep, ScheduleItem, ShiftItem, TimeOffItem, UtcInterval,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Failure, RemoteId};

/// One thing that somebody asks for in a mirror. It is granted as a whole or refused as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// In which calendar.
    pub calendar: CalendarKey,
    /// What.
    pub what: AskWhat,
    /// When the vendor stops waiting for the answer; what it was going to do, it does not do
    /// after that.
    pub expires_at: Option<Timestamp>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum AskWhat {
    /// Make an item. The vendor will keep it under `at`; a repetition may name another one.
    Create {
        /// Where it will be.
        at: RemoteId,
        /// How.
        item: ScheduleItem,
    },
    /// Change an item.
    Edit {
        /// Which.
        at: RemoteId,
        /// How it is to be.
        item: ScheduleItem,
    },
    /// Remove an item. What is not there any more counts as removed.
    Delete {
        /// Which.
        at: RemoteId,
        /// What it is.
        kind: EntityKind,
    },
    /// Give one slot of an open shift to somebody.
    Assign {
        /// The open shift.
        open_shift: RemoteId,
        /// Where the shift will be.
        at: RemoteId,
        /// The shift that comes of it.
        item: ShiftItem,
    },
    /// One step of a request.
    Request {
        /// The request's own remote id; a repetition of its first step may name another one.
        at: RemoteId,
        /// What is asked for; `None` where the vendor does not say it again (a request taken
        /// back): then it is what was asked under `at` before.
        request: Option<AskedRequest>,
        /// How far it got.
        step: RequestStep,
        /// What the vendor will make when the step is granted, and where.
        makes: Vec<(RemoteId, ScheduleItem)>,
        /// Other requests that the vendor declines at the same time.
        declines: Vec<RemoteId>,
    },
    /// Say when one is available.
    SetAvailability {
        /// Whose, and when.
        item: AvailabilityItem,
    },
}

/// What an employee asks for, in the mirror's terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum AskedRequest {
    /// To work an open shift.
    OpenShift {
        /// Which one.
        open_shift: RemoteId,
        /// Who.
        employee: EmployeeId,
    },
    /// To exchange two shifts.
    Swap {
        /// The shift that is given.
        given: RemoteId,
        /// The shift that is wanted.
        wanted: RemoteId,
    },
    /// To give a shift to a colleague.
    Offer {
        /// The shift that is given.
        given: RemoteId,
        /// The colleague.
        to: EmployeeId,
    },
    /// To be absent.
    TimeOff {
        /// Who, what for, and when.
        item: TimeOffItem,
    },
}

impl AskWhat {
    /// What it is about; `None` for a step of a request that it does not say again.
    #[must_use]
    pub fn kind(&self) -> Option<CommandKind> {
        match self {
            Self::Create { item, .. } | Self::Edit { item, .. } => Some(kind_of(item.kind())),
            Self::Delete { kind, .. } => Some(kind_of(*kind)),
            Self::Assign { .. } => Some(CommandKind::OpenShift),
            Self::Request { request, .. } => request.as_ref().map(|it| match it {
                AskedRequest::OpenShift { .. } => CommandKind::OpenShiftRequest,
                AskedRequest::Swap { .. } => CommandKind::SwapRequest,
                AskedRequest::Offer { .. } => CommandKind::OfferRequest,
                AskedRequest::TimeOff { .. } => CommandKind::TimeOffRequest,
            }),
            Self::SetAvailability { .. } => Some(CommandKind::Availability),
        }
    }
}

fn kind_of(kind: EntityKind) -> CommandKind {
    match kind {
        EntityKind::Shift => CommandKind::Shift,
        EntityKind::OpenShift => CommandKind::OpenShift,
        EntityKind::TimeOff | EntityKind::TimeOffReason => CommandKind::TimeOff,
        EntityKind::Employee | EntityKind::ScheduleGroup => CommandKind::Availability,
    }
}

/// What became of an [`Ask`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// The system of record granted it, and it is in the roster.
    Granted {
        /// An opaque version for what was granted: the same for a repetition.
        version: String,
    },
    /// The system of record refused it; nothing changed.
    Refused(Refusal),
}

/// Which shifts, colleagues or kinds of absence somebody is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "snake_case")]
pub enum AskedQuestion {
    /// Which shifts could be had for this one. The answer names items.
    SwapFor {
        /// The shift that would be given.
        given: RemoteId,
        /// Shifts that lie in it.
        within: UtcInterval,
    },
    /// Who could take this shift. The answer names employees.
    OfferOf {
        /// The shift that would be given.
        given: RemoteId,
    },
    /// Which kinds of absence somebody can ask for. The answer names time-off reasons.
    TimeOffReasons {
        /// Who would ask.
        employee: EmployeeId,
    },
}

/// One answer to an [`AskedQuestion`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offered {
    /// An item of the mirror.
    Item(RemoteId),
    /// Somebody.
    Employee(EmployeeId),
    /// A kind of absence.
    Reason(domain::TimeOffReasonId),
}

/// The way of one mirror to its system of record.
#[async_trait]
pub trait Approvals: Send + Sync {
    /// What can be asked for in this mirror; everything else is refused as [`Refusal::NotHere`].
    fn kinds(&self) -> &std::collections::BTreeSet<CommandKind>;

    /// What of it the record grants without a manager.
    fn grants_by_itself(&self) -> &std::collections::BTreeSet<CommandKind>;

    /// The people, groups and reasons of the roster, as they are now.
    ///
    /// # Errors
    /// [`Refusal::NotReachable`] when the store fails.
    async fn directory(&self) -> Result<Arc<Directory>, Refusal>;

    /// Has one thing decided, and puts what was granted into the roster and the mirror's ledger:
    /// durable when it returns. Asked again, with the same or with new remote ids, it gives the
    /// same answer and changes nothing else. Once begun it must not be cancelled: callers that
    /// stop waiting leave it running.
    async fn decide(&self, ask: Ask) -> Answer {
        self.decide_together(vec![ask]).await
    }

    /// The same for several asks that are one act: all of them are granted, or none is.
    async fn decide_together(&self, asks: Vec<Ask>) -> Answer;

    /// Who or what could be chosen.
    ///
    /// # Errors
    /// Why that cannot be said.
    async fn offered(
        &self,
        calendar: &CalendarKey,
        question: AskedQuestion,
    ) -> Result<Vec<Offered>, Refusal>;
}

/// What a vendor sends us.
#[derive(Clone)]
pub struct InboundCall {
    /// The path below the mirror's own, without a leading slash: `v1/teams/…/update`.
    pub path: String,
    /// Headers by lower-case name; of a repeated one the first.
    pub headers: BTreeMap<String, String>,
    /// The body, at most [`domain::limits::REQUEST_BYTES_MAX`].
    pub body: Vec<u8>,
}

/// What the vendor is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundReply {
    /// The HTTP status.
    pub status: u16,
    /// A JSON body; empty for none.
    pub body: Vec<u8>,
}

/// Answers what a vendor sends about one mirror.
#[async_trait]
pub trait Inbound: Send + Sync {
    /// Authenticates and answers one call. What it began to decide goes on when the caller goes
    /// away.
    async fn answer(&self, call: InboundCall, approvals: Arc<dyn Approvals>) -> InboundReply;
}

/// Grants requests in the mirror, where the system of record granted them without a manager.
#[async_trait]
pub trait Approver: Send + Sync {
    /// Grants a pending request.
    ///
    /// # Errors
    /// `Missing` when it is not pending any more; others.
    async fn approve(
        &self,
        calendar: &CalendarKey,
        kind: CommandKind,
        request: &RemoteId,
    ) -> Result<(), Failure>;
}

/// Where the items of a granted ask will be: entity and remote id.
pub type Landing = (EntityKey, RemoteId);
