//! Granted absences and their kinds.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::time::{DaysError, days_to_interval};
use crate::{EmployeeId, Fingerprint, Fingerprinter, TimeOffId, TimeOffReasonId, UtcInterval};

/// An absence that was granted to one employee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeOff {
    /// The system of record's id, or the one that was given to it when it was first seen.
    pub id: TimeOffId,
    /// Who is absent.
    pub employee: EmployeeId,
    /// The kind of absence, where it is known.
    pub reason: Option<TimeOffReasonId>,
    /// When.
    pub span: TimeOffSpan,
    /// Free text.
    pub notes: Option<String>,
}

/// When an absence is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeOffSpan {
    /// Whole local days. They stay these days wherever they are looked at from.
    AllDay {
        /// The first day, included.
        first: Date,
        /// The day after the last; after `first`.
        end: Date,
        /// The IANA name of the zone whose days these are.
        zone: String,
    },
    /// Part of a day, or some hours over midnight: UTC, half-open.
    Timed(UtcInterval),
}

impl TimeOffSpan {
    /// The instants that the absence covers.
    ///
    /// # Errors
    /// When the days are empty or the zone is unknown to this build's time-zone database.
    pub fn interval(&self) -> Result<UtcInterval, SpanError> {
        match self {
            Self::Timed(interval) => Ok(*interval),
            Self::AllDay { first, end, zone } => {
                let tz = TimeZone::get(zone)
                    .map_err(|_| SpanError::UnknownZone { zone: zone.clone() })?;
                Ok(days_to_interval(*first, *end, &tz)?)
            }
        }
    }
}

/// Why an absence has no instants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// The days are empty or cannot be represented.
    #[error(transparent)]
    Days(#[from] DaysError),
    /// No such zone in the time-zone database of this build.
    #[error("time zone `{zone}` is not in the IANA database of this build")]
    UnknownZone {
        /// The name that was given.
        zone: String,
    },
}

impl TimeOff {
    /// The hash of its meaning: everything but the id.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let Self { id: _, employee, reason, span, notes } = self;
        let mut print = Fingerprinter::new("time_off/1");
        print
            .text(employee.as_str())
            .optional(reason.as_ref().map(TimeOffReasonId::as_str))
            .optional(notes.as_deref());
        match span {
            TimeOffSpan::AllDay { first, end, zone } => {
                print.number(1).day(*first).day(*end).text(zone)
            }
            TimeOffSpan::Timed(interval) => {
                print.number(2).instant(interval.start()).instant(interval.end())
            }
        };
        print.finish()
    }
}

/// A kind of absence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeOffReason {
    /// The system of record's id.
    pub id: TimeOffReasonId,
    /// What people call it.
    pub name: String,
}

impl TimeOffReason {
    /// The hash of its meaning.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let Self { id: _, name } = self;
        let mut print = Fingerprinter::new("time_off_reason/1");
        print.text(name);
        print.finish()
    }
}
