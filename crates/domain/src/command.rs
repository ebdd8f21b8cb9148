//! What people ask of the system of record, and why it may refuse.
//!
//! A command is one thing that is carried out as a whole or not at all. It names entities of the
//! roster; how the one who asked names them is the connector's business.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::schedule_item::{AvailabilityItem, OpenShiftItem, ShiftItem, TimeOffItem};
use crate::{EmployeeId, OpenShiftId, ShiftId, TimeOffId, TimeOffReasonId, UtcInterval};

/// One thing asked of the system of record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Make a shift.
    CreateShift {
        /// How it is to be.
        item: ShiftItem,
    },
    /// Change a shift, also whose it is.
    EditShift {
        /// Which one.
        shift: ShiftId,
        /// How it is to be.
        item: ShiftItem,
    },
    /// Remove a shift.
    DeleteShift {
        /// Which one.
        shift: ShiftId,
    },
    /// Make an open shift.
    CreateOpenShift {
        /// How it is to be.
        item: OpenShiftItem,
    },
    /// Change an open shift.
    EditOpenShift {
        /// Which one.
        open_shift: OpenShiftId,
        /// How it is to be.
        item: OpenShiftItem,
    },
    /// Remove an open shift.
    DeleteOpenShift {
        /// Which one.
        open_shift: OpenShiftId,
    },
    /// Give one slot of an open shift to somebody.
    AssignOpenShift {
        /// Which one.
        open_shift: OpenShiftId,
        /// The shift that comes of it.
        item: ShiftItem,
    },
    /// Grant an absence.
    CreateTimeOff {
        /// How it is to be.
        item: TimeOffItem,
    },
    /// Change an absence.
    EditTimeOff {
        /// Which one.
        time_off: TimeOffId,
        /// How it is to be.
        item: TimeOffItem,
    },
    /// Take an absence back.
    DeleteTimeOff {
        /// Which one.
        time_off: TimeOffId,
    },
    /// One step of a request.
    Request {
        /// What is asked for.
        request: Request,
        /// How far it got.
        step: RequestStep,
    },
    /// Say when one is available for work.
    SetAvailability {
        /// Whose, and when.
        item: AvailabilityItem,
    },
}

/// What an employee asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// To work an open shift.
    OpenShift {
        /// Which one.
        open_shift: OpenShiftId,
        /// Who.
        employee: EmployeeId,
    },
    /// To exchange two shifts.
    Swap {
        /// The shift that is given; it belongs to who asks.
        given: ShiftId,
        /// The shift that is wanted; it belongs to who is asked.
        wanted: ShiftId,
    },
    /// To give a shift to a colleague.
    Offer {
        /// The shift that is given; it belongs to who asks.
        given: ShiftId,
        /// The colleague.
        to: EmployeeId,
    },
    /// To be absent.
    TimeOff {
        /// Who, what for, and when.
        item: TimeOffItem,
    },
}

/// How far a request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestStep {
    /// Made; a colleague, or else a manager, is to say something.
    Asked,
    /// The colleague agreed; a manager is to say something.
    Agreed,
    /// Granted by a manager: the schedule changes.
    Approved,
    /// Refused by the colleague or by a manager, or overtaken by another request.
    Declined,
    /// Taken back by who asked.
    Cancelled,
}

impl RequestStep {
    /// The word for it in the store and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Agreed => "agreed",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What a command is about: what a mirror's directions and a system of record's abilities name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandKind {
    /// When people are available for work.
    Availability,
    /// Giving shifts to colleagues.
    OfferRequest,
    /// Making, changing, removing and assigning open shifts.
    OpenShift,
    /// Claiming open shifts.
    OpenShiftRequest,
    /// Making, changing and removing shifts.
    Shift,
    /// Exchanging shifts.
    SwapRequest,
    /// Absences made by managers.
    TimeOff,
    /// Asking for absence.
    TimeOffRequest,
}

impl CommandKind {
    /// Every kind, in the order in which they sort.
    pub const ALL: [Self; 8] = [
        Self::Availability,
        Self::OfferRequest,
        Self::OpenShift,
        Self::OpenShiftRequest,
        Self::Shift,
        Self::SwapRequest,
        Self::TimeOff,
        Self::TimeOffRequest,
    ];

    /// The word for it in the configuration and in logs: `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::OfferRequest => "offer_request",
            Self::OpenShift => "open_shift",
            Self::OpenShiftRequest => "open_shift_request",
            Self::Shift => "shift",
            Self::SwapRequest => "swap_request",
            Self::TimeOff => "time_off",
            Self::TimeOffRequest => "time_off_request",
        }
    }
}

impl fmt::Display for CommandKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no kind of command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is nothing that can be asked for; expected one of availability, offer_request, \
     open_shift, open_shift_request, shift, swap_request, time_off, time_off_request"
)]
pub struct UnknownCommandKind {
    /// What was found.
    pub found: String,
}

impl FromStr for CommandKind {
    type Err = UnknownCommandKind;
    fn from_str(text: &str) -> Result<Self, UnknownCommandKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownCommandKind { found: text.chars().take(40).collect() })
    }
}

impl Request {
    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> CommandKind {
        match self {
            Self::OpenShift { .. } => CommandKind::OpenShiftRequest,
            Self::Swap { .. } => CommandKind::SwapRequest,
            Self::Offer { .. } => CommandKind::OfferRequest,
            Self::TimeOff { .. } => CommandKind::TimeOffRequest,
        }
    }
}

impl Command {
    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> CommandKind {
        match self {
            Self::CreateShift { .. } | Self::EditShift { .. } | Self::DeleteShift { .. } => {
                CommandKind::Shift
            }
            Self::CreateOpenShift { .. }
            | Self::EditOpenShift { .. }
            | Self::DeleteOpenShift { .. }
            | Self::AssignOpenShift { .. } => CommandKind::OpenShift,
            Self::CreateTimeOff { .. } | Self::EditTimeOff { .. } | Self::DeleteTimeOff { .. } => {
                CommandKind::TimeOff
            }
            Self::Request { request, step: _ } => request.kind(),
            Self::SetAvailability { .. } => CommandKind::Availability,
        }
    }
}

/// Why something that was asked for is refused: what the one who asked is told, in their words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// Such changes are made in the workforce-management system only.
    NotHere {
        /// What was asked for.
        kind: CommandKind,
    },
    /// The item is not known to the system of record.
    Unknown,
    /// It was changed or removed in the meantime.
    Outdated,
    /// It has begun or is over.
    Begun,
    /// It would overlap other work.
    Overlaps {
        /// The other work.
        with: UtcInterval,
    },
    /// It would fall into an absence.
    Absent {
        /// The absence.
        during: UtcInterval,
    },
    /// Too little rest between two shifts.
    RestTooShort {
        /// Required.
        required: Duration,
        /// What would be left.
        left: Duration,
    },
    /// Too much work on one local day.
    DayTooLong {
        /// Which day.
        day: Date,
        /// Allowed.
        allowed: Duration,
        /// What it would come to.
        would_be: Duration,
    },
    /// Too much work in one week, Monday to Sunday.
    WeekTooLong {
        /// Its Monday.
        monday: Date,
        /// Allowed.
        allowed: Duration,
        /// What it would come to.
        would_be: Duration,
    },
    /// A qualification is missing.
    NotQualified {
        /// Which one.
        qualification: String,
    },
    /// The work belongs to another group.
    OtherGroup {
        /// Which one: its name.
        group: String,
    },
    /// Asked too late.
    TooLate {
        /// How long before the start it must be asked for.
        notice: Duration,
    },
    /// Not enough days of this kind of absence are left in the year.
    BalanceSpent {
        /// The kind of absence: its name.
        reason: String,
        /// Days left.
        left: u32,
        /// Days asked for.
        asked: u32,
    },
    /// Too many are absent on one day already.
    TooManyAbsent {
        /// Which day.
        day: Date,
        /// How many may be.
        allowed: u32,
    },
    /// This kind of absence cannot be asked for.
    ReasonNotOffered {
        /// The kind of absence: its name.
        reason: String,
    },
    /// Nothing of the open shift is left.
    NoSlotLeft,
    /// These two cannot exchange, or give, these shifts.
    NotEligible,
    /// The employee is not known here.
    UnknownEmployee,
    /// Shorter than it may be, or longer.
    BadLength {
        /// The shortest allowed.
        shortest: Duration,
        /// The longest allowed.
        longest: Duration,
    },
    /// The system of record could not be asked; worth another try.
    NotReachable,
    /// For a reason of the system of record's own, in its words.
    Other {
        /// What it said; at most [`crate::limits::REFUSAL_CHARS_MAX`] characters.
        said: String,
    },
}

impl Refusal {
    /// A stable word for it, for logs, metrics and error codes.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NotHere { .. } => "not_here",
            Self::Unknown => "unknown",
            Self::Outdated => "outdated",
            Self::Begun => "begun",
            Self::Overlaps { .. } => "overlaps",
            Self::Absent { .. } => "absent",
            Self::RestTooShort { .. } => "rest_too_short",
            Self::DayTooLong { .. } => "day_too_long",
            Self::WeekTooLong { .. } => "week_too_long",
            Self::NotQualified { .. } => "not_qualified",
            Self::OtherGroup { .. } => "other_group",
            Self::TooLate { .. } => "too_late",
            Self::BalanceSpent { .. } => "balance_spent",
            Self::TooManyAbsent { .. } => "too_many_absent",
            Self::ReasonNotOffered { .. } => "reason_not_offered",
            Self::NoSlotLeft => "no_slot_left",
            Self::NotEligible => "not_eligible",
            Self::UnknownEmployee => "unknown_employee",
            Self::BadLength { .. } => "bad_length",
            Self::NotReachable => "not_reachable",
            Self::Other { .. } => "other",
        }
    }
}

/// Who could take part, or what could be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "snake_case")]
pub enum EligibilityQuestion {
    /// Which shifts could be had for this one. The answer names shifts.
    SwapFor {
        /// The shift that would be given.
        given: ShiftId,
        /// Shifts that lie in it.
        within: UtcInterval,
    },
    /// Who could take this shift. The answer names employees.
    OfferOf {
        /// The shift that would be given.
        given: ShiftId,
    },
    /// Which kinds of absence somebody can ask for. The answer names time-off reasons.
    TimeOffReasons {
        /// Who would ask.
        employee: EmployeeId,
    },
}

/// One answer to an [`EligibilityQuestion`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Eligible {
    /// A shift that could be had.
    Shift(ShiftId),
    /// Somebody who could take it.
    Employee(EmployeeId),
    /// A kind of absence.
    Reason(TimeOffReasonId),
}
