//! What can happen to a request of the played Graph. In a batch, items meet faults by their own
//! method and path.

use std::time::Duration;

/// One fault: which requests it meets, and what happens then.
pub type Fault = crate::fault::Fault<What>;

/// What happens to a request. In a batch, a lost answer loses the whole batch's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Refused with a status, Graph's code for it and, if given, `Retry-After`. Not applied.
    Refusal {
        /// The status.
        status: u16,
        /// `error.code`.
        code: String,
        /// What `Retry-After` says: seconds or a date.
        retry_after: Option<String>,
    },
    /// Applied, and answered with this status nevertheless.
    StatusAfterApply(u16),
    /// The connection ends before anything is applied.
    ResetBefore,
    /// Applied; the connection ends without an answer.
    ResetAfterApply,
    /// Applied; no answer ever comes, and the connection stays open.
    LoseAnswerAfterApply,
    /// Applied and answered, later.
    Delay(Duration),
    /// Answered 200 with a body that is not what was asked for. Not applied.
    Garbage(String),
}

impl What {
    /// 429 with these seconds in `Retry-After`.
    #[must_use]
    pub fn throttled(seconds: u64) -> Self {
        Self::Refusal {
            status: 429,
            code: "TooManyRequests".into(),
            retry_after: Some(seconds.to_string()),
        }
    }

    /// 503 without `Retry-After`.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::refusal(503, "ServiceUnavailable")
    }

    /// 409, as groups answer while memberships are being brought about.
    #[must_use]
    pub fn conflict() -> Self {
        Self::refusal(409, "Conflict")
    }

    /// A status with a code.
    #[must_use]
    pub fn refusal(status: u16, code: &str) -> Self {
        Self::Refusal { status, code: code.into(), retry_after: None }
    }
}
