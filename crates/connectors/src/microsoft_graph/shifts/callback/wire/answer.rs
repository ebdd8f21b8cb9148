//! What we answer: `{"responses": [{id, status, body: {eTag, error, data}}]}`.
//!
//! The status is a number, although the guide's table calls it a text: its examples and both
//! published connectors write numbers. An element without an answer counts as approved ("missing or
//! incomplete responses are treated as implicit approval"), so there is one for every id.

use serde::{Deserialize, Serialize};

/// All answers of one callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// One for each id that was asked about.
    pub responses: Vec<Answer>,
}

/// The answer to one element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The element's id.
    pub id: String,
    /// 200 for yes.
    pub status: u16,
    /// Never null.
    pub body: AnswerBody,
}

/// What goes with an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerBody {
    /// Any text; without one Shifts takes a success for a fault and shows 502.
    #[serde(default)]
    pub e_tag: Option<String>,
    /// Why not.
    #[serde(default)]
    pub error: Option<AnswerError>,
    /// Ids, in answers of `/read`.
    #[serde(default)]
    pub data: Option<Vec<String>>,
}

/// Why something is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerError {
    /// For programs.
    pub code: String,
    /// For people: Shifts shows it to whoever asked.
    pub message: String,
}

impl Answer {
    /// Yes.
    #[must_use]
    pub fn accepted(id: &str, etag: &str) -> Self {
        let body = AnswerBody { e_tag: Some(etag.to_owned()), error: None, data: None };
        Self { id: id.to_owned(), status: 200, body }
    }

    /// No, and why.
    #[must_use]
    pub fn refused(id: &str, status: u16, code: &str, message: &str) -> Self {
        let error = AnswerError { code: code.to_owned(), message: message.to_owned() };
        let body = AnswerBody { e_tag: None, error: Some(error), data: None };
        Self { id: id.to_owned(), status, body }
    }

    /// What was asked for.
    #[must_use]
    pub fn listed(id: &str, etag: &str, data: Vec<String>) -> Self {
        let body = AnswerBody { e_tag: Some(etag.to_owned()), error: None, data: Some(data) };
        Self { id: id.to_owned(), status: 200, body }
    }
}
