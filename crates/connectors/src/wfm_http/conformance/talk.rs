//! Talking with the implementation: raw answers, so that what is wrong with them can be said.

use std::sync::Arc;
use std::time::Duration;

use domain::limits::LIST_PAGES_MAX;
use engine::port::Clock;
use http::header::CONTENT_TYPE;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::transport::{Answer, retry_after};
use crate::wfm_http::client::{Ask, ChangedSince, Query, Wfm};
use crate::wfm_http::map::type_of;
use crate::wfm_http::wire::WirePage;

/// Longest wait for a system that asks to wait, while it is checked.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Entities that a check reads at most: enough to see how they are written.
const ENTITIES_MAX: usize = 20_000;

/// The implementation under test.
pub struct Talk {
    wfm: Wfm,
    stranger: Wfm,
    clock: Arc<dyn Clock>,
}

/// All pages of one listing.
#[derive(Debug, Default)]
pub struct Walk {
    /// Page by page.
    pub pages: Vec<WirePage>,
    /// The entity tag of the first one.
    pub tag: Option<String>,
    /// Whether more would have followed.
    pub cut: bool,
}

impl Walk {
    /// All entities.
    pub fn entities(&self) -> impl Iterator<Item = &Value> {
        self.pages.iter().flat_map(|page| &page.entities)
    }

    /// The kind and id of an entity.
    pub fn key(entity: &Value) -> (&str, &str) {
        let text = |name| entity.get(name).and_then(Value::as_str).unwrap_or("?");
        (text("kind"), text("id"))
    }
}

impl Talk {
    /// `stranger` has no token.
    pub fn new(wfm: Wfm, stranger: Wfm, clock: Arc<dyn Clock>) -> Self {
        Self { wfm, stranger, clock }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits.
    pub async fn sleep(&self, time: Duration) {
        let until = self.now().checked_add(time).unwrap_or(Timestamp::MAX);
        self.clock.sleep_until(until).await;
    }

    /// So many hours from now, at the full hour.
    pub fn hours_ahead(&self, hours: i64) -> Timestamp {
        let second = self.now().as_second().div_euclid(3600) * 3600;
        let at = Timestamp::from_second(second).unwrap_or(self.now());
        at.checked_add(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MAX)
    }

    /// One exchange; waits once when it is asked to.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub async fn ask(&self, ask: &Ask) -> Result<Answer, String> {
        self.ask_by(&self.wfm, ask).await
    }

    /// The same without a token.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub async fn ask_as_stranger(&self, ask: &Ask) -> Result<Answer, String> {
        self.ask_by(&self.stranger, ask).await
    }

    async fn ask_by(&self, wfm: &Wfm, ask: &Ask) -> Result<Answer, String> {
        let mut waited = false;
        loop {
            let answer = wfm.exchange(ask, wfm.deadline()).await;
            let answer = answer.map_err(|error| format!("no answer: {error}"))?;
            let wait = retry_after(&answer.headers, self.clock.machine());
            match wait.filter(|it| *it <= WAIT_MAX && !waited && answer.status == 429) {
                Some(wait) => self.sleep(wait).await,
                None => return Ok(answer),
            }
            waited = true;
        }
    }

    /// One exchange that ends in JSON.
    ///
    /// # Errors
    /// What came instead, in words.
    pub async fn json(&self, ask: &Ask) -> Result<Value, String> {
        let answer = self.ask(ask).await?;
        if !answer.status.is_success() {
            return Err(told(&answer));
        }
        body(&answer)
    }

    /// All pages of a listing.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub async fn walk(
        &self,
        (from, until): (Timestamp, Timestamp),
        limit: u32,
        changed: Option<ChangedSince>,
    ) -> Result<Walk, String> {
        let mut query = Query { from, until, limit, changed, page: None, known: None };
        let mut walk = Walk::default();
        loop {
            let ask = Ask::get(query.path(), "list the schedule");
            let answer = self.ask(&ask).await?;
            let number = walk.pages.len() + 1;
            if !answer.status.is_success() {
                return Err(format!("page {number}: {}", told(&answer)));
            }
            let page = page(&answer).map_err(|error| format!("page {number}: {error}"))?;
            if number == 1 {
                let tag = answer.headers.get(http::header::ETAG);
                walk.tag = tag.and_then(|it| it.to_str().ok()).map(str::to_owned);
            }
            let next = page.next_page.clone();
            walk.pages.push(page);
            let Some(next) = next else { return Ok(walk) };
            if query.page.as_ref() == Some(&next) {
                return Err(format!("page {number} leads to itself"));
            }
            if walk.entities().count() >= ENTITIES_MAX || number >= LIST_PAGES_MAX {
                walk.cut = true;
                return Ok(walk);
            }
            query.page = Some(next);
        }
    }
}

fn page(answer: &Answer) -> Result<WirePage, String> {
    let value = body(answer)?;
    let Some(object) = value.as_object() else {
        return Err(format!("the body is {}; expected an object", type_of(&value)));
    };
    match object.get("entities") {
        Some(Value::Array(_)) => {}
        None => return Err("`entities` is missing; expected a list".to_owned()),
        Some(other) => {
            return Err(format!("`entities` is {}; expected a list", type_of(other)));
        }
    }
    for name in ["snapshot", "next_page", "since", "as_of"] {
        if let Some(other) = object.get(name).filter(|it| !it.is_string() && !it.is_null()) {
            return Err(format!("`{name}` is {}; expected a text", type_of(other)));
        }
    }
    if let Some(other) = object.get("total").filter(|it| !it.is_u64() && !it.is_null()) {
        return Err(format!("`total` is {}; expected a count", type_of(other)));
    }
    serde_json::from_value(value).map_err(|_| "the page cannot be read".to_owned())
}

/// The body as JSON.
pub fn body(answer: &Answer) -> Result<Value, String> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        let kind = answer.headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        format!(
            "HTTP {} with `{}`, which is no JSON (line {})",
            answer.status.as_u16(),
            kind.unwrap_or("no content type"),
            error.line()
        )
    })
}

/// An answer that is no success, in words.
pub fn told(answer: &Answer) -> String {
    let status = answer.status.as_u16();
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name| value.get(name).and_then(Value::as_str);
    let short =
        |text: &str| text.chars().filter(|it| !it.is_control()).take(200).collect::<String>();
    match (text("code"), text("message")) {
        (Some(code), Some(message)) => {
            format!("HTTP {status}, {}: {}", short(code), short(message))
        }
        (Some(words), None) | (None, Some(words)) => format!("HTTP {status}, {}", short(words)),
        (None, None) => format!("HTTP {status}"),
    }
}
