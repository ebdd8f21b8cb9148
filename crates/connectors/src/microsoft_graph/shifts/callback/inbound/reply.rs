//! Answers as bytes: one for every id, a status for each reason.

use std::collections::{BTreeMap, BTreeSet};

use domain::Refusal;
use engine::port::{Answer, InboundReply};
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::super::grammar::Fault;
use super::super::message::{Language, Notice};
use super::super::translate::NoAsk;
use super::super::wire::{self, Answers, Element};
use super::decision::Decision;

/// An answer without a body.
pub fn empty(status: u16) -> InboundReply {
    InboundReply { status, body: Vec::new() }
}

/// The answers of one callback.
pub fn replied(responses: Vec<wire::Answer>) -> InboundReply {
    match serde_json::to_vec(&Answers { responses }) {
        Ok(body) => InboundReply { status: 200, body },
        Err(error) => {
            tracing::error!(%error, "cannot write the answer to a callback");
            empty(500)
        }
    }
}

/// A version for what is granted without being decided: the same for the same callback.
pub fn etag_of(json: &[u8]) -> String {
    let digest = Sha256::digest(json);
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Writes answers in one person's language.
#[derive(Debug, Clone)]
pub struct Replier {
    /// Their language.
    pub language: Language,
    /// The zone that they read times in.
    pub zone: TimeZone,
    /// The version of what is granted without being decided.
    pub etag: String,
}

impl Replier {
    /// Yes to all of it.
    pub fn grant_all(&self, elements: &[Element], version: &str) -> InboundReply {
        replied(ids(elements).map(|id| wire::Answer::accepted(id, version)).collect())
    }

    /// No to all of it, for one reason.
    pub fn refuse_all(&self, elements: &[Element], notice: Notice<'_>) -> InboundReply {
        replied(ids(elements).map(|id| self.refused(id, notice)).collect())
    }

    /// No to all of it, for a reason each.
    pub fn refuse_faults(
        &self,
        elements: &[Element],
        faults: &BTreeMap<String, Fault>,
    ) -> InboundReply {
        let notice = |id: &str| match faults.get(id) {
            Some(Fault::Unreadable) => Notice::Unreadable,
            Some(Fault::TooMuch) => Notice::TooMuch,
            Some(Fault::Entity | Fault::Operation | Fault::Together) | None => Notice::Unsupported,
        };
        replied(ids(elements).map(|id| self.refused(id, notice(id))).collect())
    }

    /// What was decided, to all of it.
    pub fn say(&self, elements: &[Element], decision: &Decision) -> InboundReply {
        match decision {
            Decision::Decided(Answer::Granted { version }) => self.grant_all(elements, version),
            Decision::NotAsked(NoAsk::Nothing) => self.grant_all(elements, &self.etag),
            Decision::NotAsked(NoAsk::Unsupported) => {
                self.refuse_all(elements, Notice::Unsupported)
            }
            Decision::NotAsked(NoAsk::Unreadable) => self.refuse_all(elements, Notice::Unreadable),
            Decision::Decided(Answer::Refused(refusal))
            | Decision::NotAsked(NoAsk::Refused(refusal)) => {
                self.refuse_all(elements, Notice::Refused(refusal))
            }
        }
    }

    /// No to one element.
    pub fn refused(&self, id: &str, notice: Notice<'_>) -> wire::Answer {
        let (status, code) = status(notice);
        wire::Answer::refused(id, status, code, &notice.say(self.language, &self.zone))
    }
}

/// Each id once, in the order in which they came.
pub fn ids(elements: &[Element]) -> impl Iterator<Item = &str> {
    let mut seen = BTreeSet::new();
    elements.iter().map(|element| element.id.as_str()).filter(move |id| seen.insert(*id))
}

/// The status and the code of a reason: 403 for what stays so, as the vendor's guide asks.
fn status(notice: Notice<'_>) -> (u16, &'static str) {
    match notice {
        Notice::Refused(refusal) => match refusal {
            Refusal::NotHere { .. } => (403, "UnsupportedOperation"),
            Refusal::Unknown | Refusal::UnknownEmployee => (404, refusal.as_str()),
            Refusal::Outdated => (409, refusal.as_str()),
            Refusal::NotReachable => (503, refusal.as_str()),
            Refusal::Begun
            | Refusal::Overlaps { .. }
            | Refusal::Absent { .. }
            | Refusal::RestTooShort { .. }
            | Refusal::DayTooLong { .. }
            | Refusal::WeekTooLong { .. }
            | Refusal::NotQualified { .. }
            | Refusal::OtherGroup { .. }
            | Refusal::TooLate { .. }
            | Refusal::BalanceSpent { .. }
            | Refusal::TooManyAbsent { .. }
            | Refusal::ReasonNotOffered { .. }
            | Refusal::NoSlotLeft
            | Refusal::NotEligible
            | Refusal::BadLength { .. }
            | Refusal::Other { .. } => (403, refusal.as_str()),
        },
        Notice::Unsupported => (403, "UnsupportedOperation"),
        Notice::Unreadable | Notice::TooMuch => (400, "BadRequest"),
        Notice::Expired => (408, "RequestExpired"),
        Notice::InProgress => (102, "RequestInProgress"),
        Notice::OtherTeam => (403, "UnknownTeam"),
    }
}
