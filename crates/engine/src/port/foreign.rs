//! Events in people's calendars that are not ours.
//!
//! Read to tell where they stand in the way of work, and where people write down that they are
//! unavailable; changed only where a policy that the operator chose says so. What is changed is
//! kept whole beforehand, so that it can be restored.

use async_trait::async_trait;
use domain::{CalendarKey, EventSpan, OriginTag, UtcInterval, Visibility};
use serde::{Deserialize, Serialize};

use super::{ETag, Failure, RemoteId};

/// The way to what is in people's calendars beside our own items.
#[async_trait]
pub trait ForeignEvents: Send + Sync {
    /// What overlaps `within` and is not this mirror's, in the calendars of the person (or shared
    /// mailbox) that `calendar` belongs to: their primary calendar, the calendar itself, and those
    /// that the configuration names. Series come as their occurrences. In no particular order.
    ///
    /// # Errors
    /// [`Failure`]; nothing may be concluded from what is absent then.
    async fn overlapping(
        &self,
        calendar: &CalendarKey,
        within: &UtcInterval,
    ) -> Result<Vec<ForeignEvent>, Failure>;

    /// One event as it is now; `None` where it is not there any more, which what lies in a trash
    /// is not, or where it is this mirror's.
    ///
    /// # Errors
    /// [`Failure`]; nothing may be concluded then.
    async fn find(
        &self,
        calendar: &CalendarKey,
        id: &RemoteId,
    ) -> Result<Option<ForeignEvent>, Failure>;

    /// Changes one event, if it still has the etag given. Tells nobody else of it, but for
    /// [`ForeignChange::Decline`], which tells the organiser.
    ///
    /// # Errors
    /// `Precondition` when it has another etag; `Missing` when it is gone; `Refused` where the
    /// vendor does not let its owner do so; others.
    async fn change(
        &self,
        calendar: &CalendarKey,
        event: &ForeignEvent,
        change: &ForeignChange,
    ) -> Result<Option<ETag>, Failure>;

    /// Takes `change` back, which was made to the event when it was as `kept` has it, and nothing
    /// else: what its owner did to it since stays. Returns where the event is now. Idempotent:
    /// what is back already is left as it is.
    ///
    /// - [`ForeignChange::Delete`]: where it is not there, it is made again, as it was.
    /// - [`ForeignChange::Decline`]: its owner's answer is what it was; where declining removed it,
    ///   it is made again.
    /// - [`ForeignChange::Move`]: only its time is put back, and only where it is at the time it
    ///   was moved to; the note is taken off where the text is what it was and the note. Written
    ///   under the version that was read for that.
    /// - [`ForeignChange::Relabel`] is not taken back: `Refused`.
    ///
    /// # Errors
    /// `Missing` when the event, or the series it was in, is gone; `Precondition` when it is not as
    /// the change left it. With others it may have been restored all the same.
    async fn restore(
        &self,
        calendar: &CalendarKey,
        kept: &KeptEvent,
        change: &ForeignChange,
    ) -> Result<RemoteId, Failure>;
}

/// One event that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignEvent {
    /// Where it is: unique for its owner, whichever of their calendars it is in.
    pub id: RemoteId,
    /// Its version.
    pub etag: Option<ETag>,
    /// When it is.
    pub span: EventSpan,
    /// Whether its time is taken.
    pub show_as: ForeignShowAs,
    /// Who may read the details.
    pub visibility: Visibility,
    /// What its owner has to do with it.
    pub role: ForeignRole,
    /// The series that it is an occurrence of.
    pub series: Option<RemoteId>,
    /// The name of the calendar that it is in; `None` for the primary one.
    pub calendar_name: Option<String>,
    /// Its labels.
    pub categories: Vec<String>,
    /// The tag of another mirror, which may be that of another installation.
    pub origin: Option<OriginTag>,
    /// What it is about.
    pub context: MeetingContext,
    /// All that is needed to restore it, in the vendor's form.
    pub kept: KeptEvent,
}

/// What others see of the time of an event that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignShowAs {
    /// Not taken.
    Free,
    /// Perhaps taken.
    Tentative,
    /// Taken.
    Busy,
    /// Taken, and the person is absent.
    OutOfOffice,
    /// Working, but somewhere else.
    WorkingElsewhere,
}

/// What the owner of a calendar has to do with an event in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignRole {
    /// It is theirs, and nobody else is invited.
    Owner,
    /// They invited others.
    Organiser,
    /// Others invited them.
    Attendee(Response),
}

/// What somebody who is invited answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Nothing yet.
    None,
    /// That they come.
    Accepted,
    /// That they may come.
    Tentative,
    /// That they do not come.
    Declined,
}

/// What an event is about: kept for its owner where a policy moves or removes the event. Personal
/// data: never logged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeetingContext {
    /// Its title.
    pub subject: String,
    /// Its text, without markup.
    pub body: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// Who else is invited: addresses.
    pub attendees: Vec<String>,
    /// Where it is held or can be looked at.
    pub link: Option<String>,
}

/// All that is needed to restore an event. Opaque to everybody but its connector; personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptEvent {
    /// Where it was.
    pub id: RemoteId,
    /// The event, in the vendor's form, as JSON text.
    pub body: String,
}

/// How an event that is not ours is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum ForeignChange {
    /// Remove it; of a series only this occurrence. Only for [`ForeignRole::Owner`] and
    /// [`ForeignRole::Organiser`].
    Delete,
    /// Say that its owner does not come; of a series only this occurrence.
    Decline {
        /// What the organiser is told.
        comment: String,
    },
    /// Move it; of a series only this occurrence.
    Move {
        /// To when.
        to: EventSpan,
        /// What is added to its text.
        note: Option<String>,
    },
    /// Replace those of its labels that are among `of` by `by`: how a decision is told about an
    /// event by which somebody asked for something.
    Relabel {
        /// Labels that are taken off.
        of: Vec<String>,
        /// The label that is put on.
        by: String,
    },
}
