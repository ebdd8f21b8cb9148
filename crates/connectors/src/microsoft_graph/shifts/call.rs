//! The only way of this mirror to Graph: every request waits for its turn, and every write says
//! that it is ours.
//!
//! `X-MS-WFMPassthrough` comes back with the callback that a write causes (`shifts.md` §1.4), which
//! is then granted without being decided. `MS-APP-ACTS-AS` is sent where the operator still wants
//! it (deprecated 2025-06).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::port::{Failure, FailureClass};
use http::HeaderValue;
use http::header::{HeaderName, IF_MATCH};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;

use super::callback::envelope::SecretSource as _;
use super::secrets::Secrets;
use crate::microsoft_graph::budget::{TooLong, Turn};
use crate::microsoft_graph::client::{Ask, GraphAnswer, GraphFailure, Version};
use crate::microsoft_graph::connection::Connection;

const PASSTHROUGH: HeaderName = HeaderName::from_static("x-ms-wfmpassthrough");
const ACTS_AS: HeaderName = HeaderName::from_static("ms-app-acts-as");
const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Also members of evolvable enumerations that came later (Learn, "Best practices", evolvable
/// enumerations).
const ALL_MEMBERS: HeaderValue = HeaderValue::from_static("include-unknown-enum-members");
/// And what was written, in the answer.
const ECHO: HeaderValue =
    HeaderValue::from_static("include-unknown-enum-members, return=representation");

/// The way to Graph.
#[derive(Debug)]
pub struct Caller {
    connection: Arc<Connection>,
    acts_as: Option<HeaderValue>,
    secrets: Option<Arc<Secrets>>,
    sent: AtomicU64,
}

impl Caller {
    /// `acts_as` is an object id.
    #[must_use]
    pub fn new(
        connection: Arc<Connection>,
        acts_as: Option<&str>,
        secrets: Option<Arc<Secrets>>,
    ) -> Self {
        let acts_as = acts_as.and_then(|it| HeaderValue::from_str(it).ok());
        Self { connection, acts_as, secrets, sent: AtomicU64::new(0) }
    }

    /// What it goes over.
    #[must_use]
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Requests sent so far, those for tokens not counted.
    #[must_use]
    pub fn requests_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Reads.
    ///
    /// # Errors
    /// [`Failure`], classified; `Throttled` also when our own budget is spent for long.
    pub async fn read(&self, ask: Ask) -> Result<GraphAnswer, Failure> {
        self.send(&self.dressed(ask.header(PREFER, ALL_MEMBERS))).await
    }

    /// Reads a whole collection, page by page.
    ///
    /// # Errors
    /// As [`Self::read`], for the first page that fails.
    pub async fn list<T: DeserializeOwned>(&self, ask: Ask) -> Result<Vec<T>, Failure> {
        let ask = self.dressed(ask.header(PREFER, ALL_MEMBERS));
        let mut pages = self.connection.graph().pages::<T>(ask.clone());
        let mut all = Vec::new();
        while let Some(path) = pages.next_path().map(str::to_owned) {
            let turn = self.turn(&ask, &path, 1).await?;
            self.sent.fetch_add(1, Ordering::Relaxed);
            let page = pages.next().await;
            drop(turn);
            all.extend(page.map_err(|error| self.throttled(&ask, error))?.unwrap_or_default());
        }
        Ok(all)
    }

    /// Reads several things of one kind, all of one team or of none, several in one request.
    pub async fn read_many(&self, asks: Vec<Ask>) -> Vec<Result<GraphAnswer, Failure>> {
        let Some(path) = asks.first().map(|it| it.path.as_str()) else { return vec![] };
        let together = self.connection.budgets().together_max(path).max(1);
        let mut outcomes = Vec::with_capacity(asks.len());
        for chunk in asks.chunks(together) {
            let [first, ..] = chunk else { continue };
            if let [ask] = chunk {
                outcomes.push(self.read(ask.clone()).await);
                continue;
            }
            let asked = |it: &Ask| self.dressed(it.clone().header(PREFER, ALL_MEMBERS));
            let chunk: Vec<Ask> = chunk.iter().map(asked).collect();
            match self.turn(first, &first.path, chunk.len()).await {
                Ok(_turn) => {
                    self.sent.fetch_add(1, Ordering::Relaxed);
                    let answers = self.connection.graph().batch(Version::V1, &chunk).await;
                    let pairs = chunk.iter().zip(answers);
                    outcomes.extend(
                        pairs.map(|(ask, it)| it.map_err(|error| self.throttled(ask, error))),
                    );
                }
                Err(failure) => outcomes.extend(chunk.iter().map(|_| Err(failure.clone()))),
            }
        }
        outcomes
    }

    /// Writes, in our own name.
    ///
    /// # Errors
    /// As [`Self::read`]; `Unknown` when it may have been applied.
    pub async fn write(&self, ask: Ask) -> Result<GraphAnswer, Failure> {
        let mut ask = self.dressed(ask.header(PREFER, ECHO));
        // Nothing outside a schedule leads to a callback.
        let schedule = |path: &str| !path.starts_with("/teamwork/");
        if let Some(secrets) = self.secrets.as_ref().filter(|_| schedule(&ask.path)) {
            let text = secrets.known().current.passthrough().expose_secret().to_owned();
            if let Ok(mut value) = HeaderValue::from_str(&text) {
                value.set_sensitive(true);
                ask = ask.header(PASSTHROUGH, value);
            }
        }
        self.send(&ask).await
    }

    /// Writes in such a way that the callback that follows from it is decided like a person's.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn write_as_somebody(&self, ask: Ask) -> Result<GraphAnswer, Failure> {
        self.send(&self.dressed(ask.header(PREFER, ALL_MEMBERS))).await
    }

    async fn send(&self, ask: &Ask) -> Result<GraphAnswer, Failure> {
        let _turn = self.turn(ask, &ask.path, 1).await?;
        if self.connection.clock().now() > ask.not_after {
            let detail = "its turn came too late; nothing was sent";
            return Err(ask.failure(FailureClass::TooLate, detail).failure);
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        let sent = self.connection.graph().send(ask).await;
        sent.map_err(|error| self.throttled(ask, error))
    }

    /// The right to send `count` requests like this one now, with a token in hand. What waited for
    /// a token after its turn would be sent later than its budget knows, and so too close to what
    /// comes next.
    async fn turn(&self, ask: &Ask, path: &str, count: usize) -> Result<Turn<'_>, Failure> {
        self.connection.graph().signed_in(ask).await?;
        let turn = self.connection.budgets().turn(&ask.method, path, count).await;
        turn.map_err(|error| too_long(ask, error))
    }

    /// Takes note of a throttling, so that others do not run into it.
    fn throttled(&self, ask: &Ask, error: GraphFailure) -> Failure {
        let failure = Failure::from(error);
        if let FailureClass::Throttled { retry_after: Some(wait), .. } = &failure.class {
            self.connection.budgets().close(&ask.method, &ask.path, *wait);
        }
        failure
    }

    fn dressed(&self, ask: Ask) -> Ask {
        match &self.acts_as {
            Some(user) => ask.header(ACTS_AS, user.clone()),
            None => ask,
        }
    }
}

/// Only if it still has this etag; an etag that fits no header asks nothing.
#[must_use]
pub fn if_match(ask: Ask, etag: Option<&str>) -> Ask {
    match etag.and_then(|it| HeaderValue::from_str(it).ok()) {
        Some(etag) => ask.header(IF_MATCH, etag),
        None => ask,
    }
}

fn too_long(ask: &Ask, error: TooLong) -> Failure {
    let TooLong { wait, scope } = error;
    let class = FailureClass::Throttled { retry_after: Some(wait), scope };
    ask.failure(class, "the budget is spent or closed; nothing was sent").failure
}
