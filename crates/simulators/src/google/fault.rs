//! What can happen to a request of the played Google. In a batch, parts meet faults by their own
//! method and path.

use std::time::Duration;

/// One fault: which requests it meets, and what happens then.
pub type Fault = crate::fault::Fault<What>;

/// What happens to a request. In a batch, a lost answer loses the whole batch's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Refused with a status and Google's reason for it. Not applied.
    Refusal {
        /// The status.
        status: u16,
        /// `error.errors[0].reason`.
        reason: &'static str,
        /// What `Retry-After` says, which Google does not promise to send.
        retry_after: Option<u64>,
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
    /// A status with a reason.
    #[must_use]
    pub fn refusal(status: u16, reason: &'static str) -> Self {
        Self::Refusal { status, reason, retry_after: None }
    }

    /// 503 `backendError`.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::refusal(503, "backendError")
    }

    /// 403 `rateLimitExceeded`, as over a budget.
    #[must_use]
    pub fn rate_limited() -> Self {
        Self::refusal(403, "rateLimitExceeded")
    }
}
