//! Hints that vendors send: something changed, look again.
//!
//! A hint is never more than that: losing one costs time, a forged one costs a look. So what is in
//! a vendor's message is read no further than to find which subscription it belongs to, and that
//! it knows the subscription's secret.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::{CalendarKey, ConnectionName, MirrorName};
use jiff::Timestamp;
use secrecy::SecretString;

use super::{Failure, FailureClass, InboundReply, StoreError};

/// One vendor's hints over one connection.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Reads what the vendor sent to `/hooks/{connection}`. Decides nothing and waits for nothing.
    fn read(&self, call: &HookCall) -> HookMessage;

    /// Whether the vendor can be asked for hints about a topic. Where an administrator enters our
    /// address by hand, it cannot, and nothing below is ever called.
    fn subscribes(&self, topic: &Topic) -> bool;

    /// Has the vendor tell us of changes at `url`, with `secret` in each message.
    ///
    /// # Errors
    /// [`Failure`]; it may have been made all the same, and then runs out by itself.
    async fn subscribe(
        &self,
        _topic: &Topic,
        _url: &str,
        _secret: &SecretString,
    ) -> Result<Subscription, Failure> {
        Err(entered_by_hand("subscribe to hints"))
    }

    /// Makes a subscription last longer, or makes another one in its place where the vendor knows
    /// no renewal; the former one then goes on until it runs out, so that nothing is missed.
    ///
    /// # Errors
    /// `Missing` when the vendor does not know it any more; others.
    async fn renew(
        &self,
        _topic: &Topic,
        _subscription: &Subscription,
        _url: &str,
        _secret: &SecretString,
    ) -> Result<Subscription, Failure> {
        Err(entered_by_hand("renew a subscription to hints"))
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// [`Failure`]; it then runs out by itself.
    async fn unsubscribe(&self, _subscription: &Subscription) -> Result<(), Failure> {
        Err(entered_by_hand("end a subscription to hints"))
    }
}

fn entered_by_hand(operation: &str) -> Failure {
    Failure {
        class: FailureClass::Unsupported,
        operation: operation.to_owned(),
        status: None,
        detail: "where hints are sent is entered in the vendor's system by hand".to_owned(),
    }
}

/// What a vendor sends to `/hooks/{connection}`.
#[derive(Clone)]
pub struct HookCall {
    /// The query, without the question mark; still encoded.
    pub query: String,
    /// Headers by lower-case name; of a repeated one the first.
    pub headers: BTreeMap<String, String>,
    /// The body, at most [`domain::limits::REQUEST_BYTES_MAX`].
    pub body: Vec<u8>,
}

/// What hints are about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// One calendar of a mirror.
    Calendar {
        /// Which mirror.
        mirror: MirrorName,
        /// Which of its calendars.
        calendar: CalendarKey,
    },
    /// A system of record.
    Source,
}

/// A vendor's promise to tell us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The vendor's id of it.
    pub id: String,
    /// What else the vendor wants to hear when it is ended or renewed; empty for nothing.
    pub detail: String,
    /// When it runs out.
    pub expires_at: Timestamp,
}

/// What a vendor sent.
#[derive(Debug, Clone)]
pub struct HookMessage {
    /// What the vendor is answered, if the notices are accepted.
    pub reply: InboundReply,
    /// What it says changed.
    pub notices: Vec<Notice>,
}

/// One hint.
#[derive(Debug, Clone)]
pub struct Notice {
    /// How it shows where it comes from.
    pub proof: Proof,
    /// What is to be done.
    pub what: NoticeKind,
}

/// How a hint shows where it comes from.
#[derive(Debug, Clone)]
pub enum Proof {
    /// It names a subscription and its secret; whoever keeps subscriptions compares them.
    Subscription {
        /// The vendor's id of it.
        id: String,
        /// The secret that was given when it was made.
        secret: SecretString,
    },
    /// The connector checked a signature over the message. It is about [`Topic::Source`].
    Signed,
}

/// What a hint asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// Look again.
    Changed,
    /// Hints were lost: look at everything again.
    Missed,
    /// The subscription wants to be renewed now.
    Renew,
    /// The subscription is gone: make another one, and look again.
    Gone,
}

/// Keeping what vendors promised. Every method is one transaction.
#[async_trait]
pub trait HookStore: Send + Sync {
    /// All subscriptions, ordered by connection and id.
    async fn subscriptions(&self) -> Result<Vec<KeptSubscription>, StoreError>;

    /// Those of one connection with these ids, ordered by id; unknown ones are left out.
    async fn subscriptions_at(
        &self,
        connection: &ConnectionName,
        ids: &[String],
    ) -> Result<Vec<KeptSubscription>, StoreError>;

    /// Puts one, replacing that of the same connection and id.
    async fn put_subscription(&self, kept: &KeptSubscription) -> Result<(), StoreError>;

    /// Removes one, if it is there.
    async fn remove_subscription(
        &self,
        connection: &ConnectionName,
        id: &str,
    ) -> Result<(), StoreError>;
}

/// A subscription, as it is kept. Its secret is not: only what is needed to know it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSubscription {
    /// Over which connection.
    pub connection: ConnectionName,
    /// What it is about.
    pub topic: Topic,
    /// The vendor's promise.
    pub subscription: Subscription,
    /// When it was made or last renewed.
    pub made_at: Timestamp,
    /// SHA-256 of the secret that each message carries.
    pub secret_hash: [u8; 32],
}
