//! Keeping which events stand in the way of shifts, and what was done about them.
//!
//! An **event change** is written down, with all that is needed to take it back, before it is
//! sent. It has an id that an operator can type. What a crash leaves is settled by looking.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use domain::{CalendarKey, EntityKey, EventSpan, Fingerprint, MirrorName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ETag, ForeignChange, KeptEvent, RemoteId, StoreError};

/// What must be kept of conflicts. They are written by [`super::Store::commit_ledger`].
#[async_trait]
pub trait ConflictStore: Send + Sync {
    /// The conflicts that stand in one calendar, or in all of a mirror; ordered by calendar, shift
    /// and event.
    async fn conflicts(
        &self,
        mirror: &MirrorName,
        calendar: Option<&CalendarKey>,
    ) -> Result<Vec<ConflictRow>, StoreError>;

    /// How many there are in a mirror.
    async fn conflict_counts(&self, mirror: &MirrorName) -> Result<ConflictCounts, StoreError>;

    /// When the calendars of a mirror were last looked at for conflicts, ordered by calendar.
    async fn conflict_looks(
        &self,
        mirror: &MirrorName,
    ) -> Result<Vec<(CalendarKey, Timestamp)>, StoreError>;

    /// What was done, or is being done, to people's events: ordered by calendar, time and id.
    async fn event_changes(
        &self,
        mirror: &MirrorName,
        which: &ChangesOf,
    ) -> Result<Vec<EventChange>, StoreError>;

    /// What is told of meetings in the items of shifts: of changes that are done, ordered by time
    /// and id.
    async fn meeting_notes(&self, mirror: &MirrorName) -> Result<Vec<MeetingNote>, StoreError>;

    /// One such change, of whichever mirror.
    async fn event_change(
        &self,
        id: &AuditId,
    ) -> Result<Option<(MirrorName, EventChange)>, StoreError>;
}

/// Which event changes are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangesOf {
    /// Those in one calendar.
    Calendar(CalendarKey),
    /// Those whose outcome is not known.
    Unsettled,
}

/// What is told of one meeting. Personal data: never logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeetingNote {
    /// In the items of which shifts.
    pub shifts: Vec<EntityKey>,
    /// What.
    pub text: String,
}

/// The id of one event change: short enough to be typed, and the same for the same intention.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AuditId(String);

/// Why a text is no audit id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not an audit id; expected 12 letters and digits, such as `7k3q-9xm2-vd0e`")]
pub struct AuditIdError {
    /// What was found, cut short.
    pub found: String,
}

/// Crockford's base 32: no I, L, O or U, which are misread.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Digits of an audit id: 60 bits, so that two of a million are equal by chance once in a million.
const AUDIT_ID_DIGITS: usize = 12;

impl AuditId {
    /// The id of whatever has this fingerprint.
    #[must_use]
    pub fn of(fingerprint: &Fingerprint) -> Self {
        let mut bits =
            fingerprint.as_bytes()[..8].iter().fold(0u64, |bits, it| bits << 8 | u64::from(*it));
        let mut text = String::with_capacity(AUDIT_ID_DIGITS + 2);
        for position in 0..AUDIT_ID_DIGITS {
            if position > 0 && position % 4 == 0 {
                text.push('-');
            }
            text.push(char::from(DIGITS[(bits & 31) as usize]));
            bits >>= 5;
        }
        Self(text)
    }

    /// As it is told and stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AuditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads one as people type it: in either case, with or without hyphens, O for 0, I and L for 1.
impl FromStr for AuditId {
    type Err = AuditIdError;

    fn from_str(text: &str) -> Result<Self, AuditIdError> {
        let bad = || AuditIdError { found: text.chars().take(40).collect() };
        let mut plain = String::with_capacity(AUDIT_ID_DIGITS + 2);
        let mut count = 0;
        for c in text.trim().chars().filter(|c| *c != '-') {
            let c = match c.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                other => other,
            };
            let known = u8::try_from(c).is_ok_and(|byte| DIGITS.contains(&byte));
            if !known || count == AUDIT_ID_DIGITS {
                return Err(bad());
            }
            if count > 0 && count % 4 == 0 {
                plain.push('-');
            }
            plain.push(c);
            count += 1;
        }
        if count == AUDIT_ID_DIGITS { Ok(Self(plain)) } else { Err(bad()) }
    }
}

impl TryFrom<String> for AuditId {
    type Error = AuditIdError;
    fn try_from(text: String) -> Result<Self, AuditIdError> {
        text.parse()
    }
}

impl From<AuditId> for String {
    fn from(id: AuditId) -> String {
        id.0
    }
}

/// One shift and one event that stand at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictRow {
    /// In whose calendar.
    pub calendar: CalendarKey,
    /// Which shift.
    pub shift: EntityKey,
    /// Which event: a hash of its id, because the id leads to a person's meeting.
    pub event: Fingerprint,
    /// When the event is.
    pub span: EventSpan,
    /// Since when we know.
    pub since: Timestamp,
    /// Why nothing is done about it.
    pub left: Left,
}

/// Why an event stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// The policy is to tell.
    Reported,
    /// The policy is to keep both.
    KeptBoth,
    /// A rule says so of events of whole days.
    AllDay,
    /// A rule says so of private events.
    Private,
    /// A rule says so of events that perhaps take place.
    Tentative,
    /// A rule says so of absences.
    OutOfOffice,
    /// A rule says so of meetings that their owner organises.
    Organised,
    /// It or the shift has begun.
    UnderWay,
    /// It looks like the shift itself: a person or another program copied it.
    Copy,
    /// It was changed once, and somebody put it back.
    CameBack,
    /// What was done to it was taken back.
    Undone,
    /// It was moved so often that moving it again would help nobody.
    MovedOften,
    /// The vendor refused to change it as it is.
    Refused,
    /// There is no free time to move it to.
    NoFreeTime,
    /// It is too large to be kept.
    TooLarge,
    /// It waits for what is not known yet, or for another cycle.
    Waits,
}

impl Left {
    /// Why, in words for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "the policy is to report",
            Self::KeptBoth => "the policy is to keep both",
            Self::AllDay => "events of whole days are only reported",
            Self::Private => "private events are only reported",
            Self::Tentative => "tentative events are only reported",
            Self::OutOfOffice => "absences are only reported",
            Self::Organised => "meetings with guests are only reported",
            Self::UnderWay => "it has begun",
            Self::Copy => "it is a copy of the shift made by somebody else",
            Self::CameBack => "it was changed before, and somebody put it back",
            Self::Undone => "what was done to it was undone",
            Self::MovedOften => "it was moved too often",
            Self::Refused => "the calendar refused the change",
            Self::NoFreeTime => "there is no free time to move it to",
            Self::TooLarge => "it is too large to be kept for undoing",
            Self::Waits => "it waits for a later cycle",
        }
    }

    /// Whether somebody may want to look at it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::KeptBoth => false,
            Self::Reported
            | Self::AllDay
            | Self::Private
            | Self::Tentative
            | Self::OutOfOffice
            | Self::Organised
            | Self::UnderWay
            | Self::Copy
            | Self::CameBack
            | Self::Undone
            | Self::MovedOften
            | Self::Refused
            | Self::NoFreeTime
            | Self::TooLarge
            | Self::Waits => true,
        }
    }
}

/// How many conflicts stand in a mirror.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictCounts {
    /// Those that somebody may want to look at.
    pub open: u64,
    /// Those that the policy wants to stand.
    pub kept: u64,
    /// Changes of people's events that can be taken back.
    pub changes: u64,
    /// Of those, the ones whose outcome is not known yet.
    pub in_doubt: u64,
}

/// What was set out to be done to somebody's event. Personal data: never logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventChange {
    /// What an operator calls it.
    pub id: AuditId,
    /// In whose calendar.
    pub calendar: CalendarKey,
    /// For the sake of which shifts; at least one, ordered.
    pub shifts: Vec<EntityKey>,
    /// What.
    pub change: ForeignChange,
    /// When the event was.
    pub span: EventSpan,
    /// As which version it was seen.
    pub etag: Option<ETag>,
    /// What it meant before, to know it again when it comes back under another id.
    pub meaning: Fingerprint,
    /// What it means afterwards; `None` where it is not there any more.
    pub meaning_after: Option<Fingerprint>,
    /// What is told of it in the shifts' items; stays the same as long as it is kept.
    pub note: Option<String>,
    /// The event as it was.
    pub kept: KeptEvent,
    /// How far it got.
    pub state: EventChangeState,
    /// When it was decided.
    pub at: Timestamp,
    /// When this last changed.
    pub changed_at: Timestamp,
    /// When it is dropped.
    pub kept_until: Timestamp,
}

/// How far an event change got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum EventChangeState {
    /// Durable, and surely not sent yet.
    Planned,
    /// May have been sent, so may have been applied. Settled by looking.
    Sent,
    /// Applied.
    Done,
    /// Surely not applied, and may be tried again.
    NotDone {
        /// Why not; no personal data.
        why: String,
    },
    /// The vendor will not do it to the event as it is.
    Refused {
        /// What the vendor said; no personal data.
        why: String,
    },
    /// Being taken back; that may be repeated.
    Undoing,
    /// Taken back: the event is left alone from now on.
    Undone {
        /// Where it is now.
        at: RemoteId,
    },
}

impl EventChangeState {
    /// The word for it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sent => "sent",
            Self::Done => "done",
            Self::NotDone { .. } => "not_done",
            Self::Refused { .. } => "refused",
            Self::Undoing => "undoing",
            Self::Undone { .. } => "undone",
        }
    }

    /// Whether it can be taken back.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        match self {
            Self::Done => true,
            Self::Planned
            | Self::Sent
            | Self::NotDone { .. }
            | Self::Refused { .. }
            | Self::Undoing
            | Self::Undone { .. } => false,
        }
    }

    /// Whether it is to be settled: nobody knows what came of it, or it was begun and not ended.
    #[must_use]
    pub const fn is_unsettled(&self) -> bool {
        match self {
            Self::Planned | Self::Sent | Self::Undoing => true,
            Self::Done | Self::NotDone { .. } | Self::Refused { .. } | Self::Undone { .. } => false,
        }
    }
}

/// One write about conflicts, as part of a ledger commit.
#[derive(Debug, Clone, PartialEq)]
pub enum ConflictWrite {
    /// A calendar was looked at: these conflicts stand in it, and no others. Fenced.
    Looked {
        /// Which calendar.
        calendar: CalendarKey,
        /// When.
        at: Timestamp,
        /// What stands in it.
        conflicts: Vec<ConflictRow>,
    },
    /// A calendar could not be looked at: the next cycle is to. What stands in it stays. Not
    /// fenced, because whoever could not look may not own it: the worst is one more look.
    LookAgain(CalendarKey),
    /// Puts an event change, replacing the one with the same id. Fenced.
    Change(Box<EventChange>),
    /// Event changes that are not kept any longer at this instant are dropped. Not fenced.
    DropOld(Timestamp),
    /// All of it is dropped: the mirror is purged. Not fenced.
    DropAll,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_id_is_read_as_people_type_it() {
        let id: AuditId = "7k3q-9xm2-vd0e".parse().unwrap();
        for typed in ["7K3Q9XM2VDOE", " 7k3q-9xm2-vdoe ", "7k3q9xm2-vd0e"] {
            assert_eq!(typed.parse::<AuditId>().as_ref(), Ok(&id), "{typed}");
        }
        for wrong in ["", "7k3q", "7k3q-9xm2-vd0u", "7k3q-9xm2-vd0e-0"] {
            assert!(wrong.parse::<AuditId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_audit_id_reads_back_as_it_is_told() {
        let id = AuditId::of(&domain::Fingerprinter::new("test").finish());
        assert_eq!(id.to_string().parse::<AuditId>(), Ok(id));
    }
}
