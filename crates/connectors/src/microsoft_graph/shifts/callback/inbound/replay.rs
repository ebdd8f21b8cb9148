//! What was answered is answered again, while the same body could be played again.
//!
//! The envelope has no nonce (`envelope.rs`), so whoever recorded a call can send it again until
//! its deadline. An identical body is therefore given the reply that it was given, and nothing is
//! decided: not even where the path or the headers are others. Attempts of Shifts' own bear new ids
//! and are other bodies.
//!
//! - What names a deadline is remembered for that long and a margin; after it, it is refused.
//! - What names none is remembered for [`CALLBACK_UNDATED_KEPT`]. The vendor's own calls all have
//!   one.
//! - "Wait" and "out of reach" are not remembered: they ask for another attempt.
//! - In memory and bounded: a process that starts, or an entry that had to make room, knows nothing
//!   of it, and the repeated change goes to the system of record, as if Shifts had asked again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use domain::limits::{
    CALLBACK_ANSWER_MARGIN, CALLBACK_REPLIES_BYTES_MAX, CALLBACK_REPLIES_MAX, CALLBACK_UNDATED_KEPT,
};
use engine::port::InboundReply;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// The hash of a body: transaction, elements and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BodyHash([u8; 32]);

impl BodyHash {
    /// Of a body as it was opened.
    pub fn of(json: &[u8]) -> Self {
        Self(Sha256::digest(json).into())
    }
}

/// The replies of one mirror that are remembered.
#[derive(Debug, Default)]
pub struct Replies {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    replies: HashMap<BodyHash, (Timestamp, InboundReply)>,
    /// In the order in which they came.
    order: VecDeque<BodyHash>,
    bytes: usize,
}

impl Replies {
    /// What such a body was answered.
    pub fn given(&self, body: BodyHash, now: Timestamp) -> Option<InboundReply> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, reply) = kept.replies.get(&body)?;
        (now <= *until).then(|| reply.clone())
    }

    /// Remembers what such a body was answered. The first reply stays.
    pub fn remember(
        &self,
        body: BodyHash,
        reply: &InboundReply,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) {
        let until = match expires_at {
            Some(expires_at) => expires_at.checked_add(CALLBACK_ANSWER_MARGIN),
            None => now.checked_add(CALLBACK_UNDATED_KEPT),
        };
        let until = until.unwrap_or(Timestamp::MAX);
        let bytes = reply.body.len();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.replies.get(&body) {
            Some((until, _)) if now <= *until => return,
            Some(_) => kept.forget(body),
            None => {}
        }
        if bytes > CALLBACK_REPLIES_BYTES_MAX {
            return;
        }
        while let Some(first) = kept.order.front().copied() {
            let over = kept.replies.get(&first).is_none_or(|(until, _)| *until < now);
            let full = kept.replies.len() >= CALLBACK_REPLIES_MAX
                || kept.bytes + bytes > CALLBACK_REPLIES_BYTES_MAX;
            if !over && !full {
                break;
            }
            kept.forget(first);
        }
        kept.bytes += bytes;
        kept.order.push_back(body);
        kept.replies.insert(body, (until, reply.clone()));
    }
}

impl Kept {
    fn forget(&mut self, body: BodyHash) {
        if let Some((_, reply)) = self.replies.remove(&body) {
            self.bytes -= reply.body.len();
        }
        if self.order.front() == Some(&body) {
            self.order.pop_front();
        } else {
            self.order.retain(|it| *it != body);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn hash(number: usize) -> BodyHash {
        BodyHash::of(&number.to_le_bytes())
    }

    fn reply(bytes: usize) -> InboundReply {
        InboundReply { status: 200, body: vec![b'x'; bytes] }
    }

    fn after(seconds: i64) -> Timestamp {
        START + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn replies_are_kept_until_the_deadline_or_for_an_hour() {
        let replies = Replies::default();
        replies.remember(hash(1), &reply(1), Some(after(30)), START);
        replies.remember(hash(2), &reply(2), None, START);
        replies.remember(hash(2), &reply(3), None, START);
        assert_eq!(replies.given(hash(1), after(30)), Some(reply(1)));
        assert_eq!(replies.given(hash(1), after(33)), None);
        assert_eq!(replies.given(hash(2), after(3600)), Some(reply(2)), "the first one");
        assert_eq!(replies.given(hash(2), after(3601)), None);
        replies.remember(hash(2), &reply(4), None, after(3601));
        assert_eq!(replies.given(hash(2), after(3602)), Some(reply(4)));
        let kept = replies.kept.lock().unwrap();
        assert_eq!((kept.replies.len(), kept.order.len(), kept.bytes), (1, 1, 4));
    }

    #[test]
    fn oldest_replies_make_room() {
        let replies = Replies::default();
        for number in 0..=CALLBACK_REPLIES_MAX {
            replies.remember(hash(number), &reply(1), Some(after(30)), START);
        }
        assert_eq!(replies.given(hash(0), START), None);
        assert!(replies.given(hash(1), START).is_some());
        let most = CALLBACK_REPLIES_BYTES_MAX - 1;
        replies.remember(hash(usize::MAX), &reply(most), Some(after(30)), START);
        let kept = replies.kept.lock().unwrap();
        assert_eq!((kept.replies.len(), kept.bytes), (2, CALLBACK_REPLIES_BYTES_MAX));
    }
}
