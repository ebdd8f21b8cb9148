//! The schedule, in the field's words.
//!
//! What is in: identifiers, instants and intervals, shifts, open shifts, time off, the people and
//! groups they belong to, what a calendar shows of them, fingerprints, origin tags, policies and
//! every limit of the system. All of it is plain data with pure functions.
//!
//! What is deliberately out: asynchronous code, files, sockets, clocks, randomness, and every word
//! that only one vendor uses. Those live at the rim, in `connectors`, `store` and `server`.

pub mod availability;
pub mod calendar;
pub mod command;
pub mod directory;
pub mod entity;
pub mod extras;
pub mod fingerprint;
pub mod id;
pub mod limits;
pub mod open_shift;
pub mod org;
pub mod origin;
pub mod part;
pub mod policy;
pub mod rules;
pub mod schedule_item;
pub mod shift;
pub mod time;
pub mod time_off;

pub use availability::{Availability, DayAvailability};
pub use calendar::{CalendarEvent, EventSpan, ShowAs, Visibility};
pub use command::{
    Command, CommandKind, EligibilityQuestion, Eligible, Refusal, Request, RequestStep,
};
pub use directory::Directory;
pub use entity::{Entity, EntityKey, EntityKind};
pub use extras::{Colour, Contact, EventExtras};
pub use fingerprint::{Fingerprint, Fingerprinter};
pub use id::{
    CalendarKey, ConnectionName, EmployeeId, EntityId, MirrorName, OpenShiftId, RosterName,
    ScheduleGroupId, ShiftId, TimeOffId, TimeOffReasonId,
};
pub use open_shift::OpenShift;
pub use org::{Employee, ScheduleGroup};
pub use origin::OriginTag;
pub use part::{ItemKey, Part};
pub use rules::{RuleSet, TimeOffRule};
pub use schedule_item::{AvailabilityItem, OpenShiftItem, ScheduleItem, ShiftItem, TimeOffItem};
pub use shift::{Activity, Shift};
pub use time::{SyncWindow, UtcInterval};
pub use time_off::{TimeOff, TimeOffReason, TimeOffSpan};
