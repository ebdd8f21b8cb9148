//! What can happen to a request of the played CalDAV server.

use std::time::Duration;

/// One fault: which requests it meets, and what happens then.
pub type Fault = crate::fault::Fault<What>;

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Refused with a status and, if given, `Retry-After`. Not applied.
    Status {
        /// The status.
        code: u16,
        /// What `Retry-After` says: seconds or a date.
        retry_after: Option<String>,
    },
    /// Applied, and answered with this status nevertheless.
    StatusAfterApply(u16),
    /// The connection ends before anything is applied.
    ResetBefore,
    /// Applied; the connection ends without an answer.
    ResetAfterApply,
    /// Applied; the answer ends in the middle of its body.
    TruncateBody,
    /// Applied; no answer ever comes, and the connection stays open.
    LoseAnswerAfterApply,
    /// Applied and answered, later.
    Delay(Duration),
    /// Answered 207 with a body that is not what was asked for. Not applied.
    Garbage(String),
}

impl What {
    /// 429 with these seconds in `Retry-After`.
    #[must_use]
    pub fn throttled(seconds: u64) -> Self {
        Self::Status { code: 429, retry_after: Some(seconds.to_string()) }
    }

    /// A bare status.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::Status { code, retry_after: None }
    }
}
