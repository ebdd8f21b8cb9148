//! Requests on mailboxes: in turn, with the headers that all of them need, and counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::port::{Failure, FailureClass};
use http::header::IF_MATCH;
use http::{HeaderName, HeaderValue};

use super::turns::{TooLong, Turns};
use super::wire::DeltaPage;
use crate::microsoft_graph::client::{Ask, GraphAnswer, GraphFailure, Version};
use crate::microsoft_graph::connection::Connection;
use crate::microsoft_graph::page::next_path;
use domain::limits::LIST_PAGES_MAX;
use engine::port::ETag;
use serde::de::DeserializeOwned;

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Ids that survive a move to another folder, on every request (Learn, "Obtain immutable
/// identifiers for Outlook resources"), and bodies as texts.
const PREFERENCES: HeaderValue = HeaderValue::from_static(
    "IdType=\"ImmutableId\", outlook.body-content-type=\"text\", odata.maxpagesize=200",
);
/// The same with bodies as Exchange keeps them: what is a person's must not lose its markup.
const PREFERENCES_AS_KEPT: HeaderValue =
    HeaderValue::from_static("IdType=\"ImmutableId\", odata.maxpagesize=200");

/// The way to mailboxes.
#[derive(Debug)]
pub struct Caller {
    connection: Arc<Connection>,
    turns: Arc<Turns>,
    sent: AtomicU64,
}

/// One request on one mailbox.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which mailbox.
    pub mailbox: String,
    /// What is asked.
    pub ask: Ask,
}

impl Caller {
    /// Over a connection, by its budgets.
    #[must_use]
    pub fn new(connection: Arc<Connection>, requests_per_second: u32) -> Self {
        let turns = Arc::clone(connection.mailbox_turns());
        turns.cap(requests_per_second);
        Self { connection, turns, sent: AtomicU64::new(0) }
    }

    /// What it goes over.
    #[must_use]
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Requests sent so far, those for tokens not counted; a batch is one.
    #[must_use]
    pub fn requests_sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends one request.
    ///
    /// # Errors
    /// [`GraphFailure`]; `Throttled` also when our own budget is spent for long.
    pub async fn send(&self, call: &Call) -> Result<GraphAnswer, GraphFailure> {
        let ask = self.dressed(&call.ask);
        self.connection.graph().signed_in(&ask).await?;
        let mailboxes = BTreeMap::from([(call.mailbox.as_str(), 1)]);
        let turn = self.turns.turn(&mailboxes).await;
        let _turn = turn.map_err(|error| too_long(&ask, error))?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.connection.graph().send(&ask).await
    }

    /// Sends several requests, at most [`domain::limits::BATCH_REQUESTS_MAX`], in one; one outcome
    /// for each, in the same order.
    pub async fn send_all(&self, calls: &[Call]) -> Vec<Result<GraphAnswer, GraphFailure>> {
        if let [call] = calls {
            return vec![self.send(call).await];
        }
        let Some(first) = calls.first() else { return Vec::new() };
        let asks: Vec<Ask> = calls.iter().map(|it| self.dressed(&it.ask)).collect();
        let failed = |failure: &GraphFailure| calls.iter().map(|_| Err(failure.clone())).collect();
        if let Err(failure) = self.connection.graph().signed_in(&first.ask).await {
            return failed(&failure);
        }
        let mut mailboxes: BTreeMap<&str, usize> = BTreeMap::new();
        for call in calls {
            *mailboxes.entry(call.mailbox.as_str()).or_default() += 1;
        }
        let _turn = match self.turns.turn(&mailboxes).await {
            Ok(turn) => turn,
            Err(error) => return failed(&too_long(&first.ask, error)),
        };
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.connection.graph().batch(Version::V1, &asks).await
    }

    /// Reads a whole collection, page by page.
    ///
    /// # Errors
    /// For the first page that fails.
    pub async fn list<T: DeserializeOwned>(&self, call: Call) -> Result<Vec<T>, GraphFailure> {
        let mut pages = self.connection.graph().pages::<T>(self.dressed(&call.ask));
        let mut all = Vec::new();
        while pages.next_path().is_some() {
            self.connection.graph().signed_in(&call.ask).await?;
            let mailboxes = BTreeMap::from([(call.mailbox.as_str(), 1)]);
            let turn = self.turns.turn(&mailboxes).await;
            let _turn = turn.map_err(|error| too_long(&call.ask, error))?;
            self.sent.fetch_add(1, Ordering::Relaxed);
            all.extend(pages.next().await?.unwrap_or_default());
        }
        Ok(all)
    }

    /// Reads a round of a delta to its end: what it tells, and where the next round begins.
    ///
    /// # Errors
    /// For the first page that fails, and when Graph leads elsewhere or never ends.
    pub async fn round(&self, mut call: Call) -> Result<(DeltaPage, String), GraphFailure> {
        let mut all = DeltaPage::default();
        for _ in 0..LIST_PAGES_MAX {
            let page: DeltaPage = self.send(&call).await?.json()?;
            all.value.extend(page.value);
            let link = page.next_link.as_deref().or(page.delta_link.as_deref());
            let path = link.and_then(|it| next_path(&self.connection.graph().url, Version::V1, it));
            let Some(path) = path else {
                let detail = "the next page is said to be elsewhere, or nowhere";
                return Err(call.ask.failure(FailureClass::Bug, detail));
            };
            if page.next_link.is_none() {
                return Ok((all, path));
            }
            call.ask.path = path;
        }
        let detail = format!("more than {LIST_PAGES_MAX} pages");
        Err(call.ask.failure(FailureClass::Bug, detail))
    }

    /// With what every request needs; when its token is refused, it takes another turn here.
    fn dressed(&self, ask: &Ask) -> Ask {
        let turns: Arc<Turns> = Arc::clone(&self.turns);
        let ask = ask.clone().turns_again_by(turns);
        match ask.headers.contains_key(PREFER) {
            true => ask,
            false => ask.header(PREFER, PREFERENCES),
        }
    }
}

/// Asks for bodies as Exchange keeps them.
#[must_use]
pub fn as_kept(ask: Ask) -> Ask {
    ask.header(PREFER, PREFERENCES_AS_KEPT)
}

/// Only if it still has this etag; an etag that fits no header asks nothing.
#[must_use]
pub fn if_match(ask: Ask, etag: Option<&ETag>) -> Ask {
    match etag.and_then(|it| HeaderValue::from_str(&it.0).ok()) {
        Some(etag) => ask.header(IF_MATCH, etag),
        None => ask,
    }
}

fn too_long(ask: &Ask, error: TooLong) -> GraphFailure {
    let TooLong { wait, scope } = error;
    let class = FailureClass::Throttled { retry_after: Some(wait), scope };
    ask.failure(class, "the budget is spent; nothing was sent")
}

/// A failure of ours: nothing was sent.
#[must_use]
pub fn failure(class: FailureClass, operation: String, detail: impl Into<String>) -> Failure {
    Failure { class, operation, status: None, detail: detail.into() }
}
