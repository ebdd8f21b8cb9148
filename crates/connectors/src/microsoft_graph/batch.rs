//! Several requests in one (Learn, "Combine multiple HTTP requests using JSON batching").
//!
//! Each item has its own status, and each counts against the vendor's budgets like a request of
//! its own. Whether Shifts honours headers of an item is documented nowhere, so writes, which need
//! theirs, go alone: this is for looking at many items.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use bytes::Bytes;
use domain::limits::BATCH_REQUESTS_MAX;
use engine::port::FailureClass;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

use super::client::{Ask, Graph, GraphAnswer, GraphFailure, Version};
use super::wire::{BatchAnswer, BatchItem, BatchRequest, BatchResponse};
use crate::transport::Answer;

impl Graph {
    /// Sends `asks`, as many batches as it takes, one after the other; gives one outcome for each,
    /// in the same order. All of them are of `version`.
    pub async fn batch(
        &self,
        version: Version,
        asks: &[Ask],
    ) -> Vec<Result<GraphAnswer, GraphFailure>> {
        let mut outcomes = Vec::with_capacity(asks.len());
        for chunk in asks.chunks(BATCH_REQUESTS_MAX) {
            match self.one_batch(version, chunk).await {
                Ok(mut answers) => outcomes.extend(chunk.iter().enumerate().map(|(at, ask)| {
                    let answer = answers.remove(&at.to_string());
                    self.outcome(ask, answer)
                })),
                Err(failure) => outcomes.extend(chunk.iter().map(|ask| {
                    let detail = failure.failure.detail.clone();
                    let mut of_item = ask.failure(failure.failure.class.clone(), detail);
                    of_item.failure.status = failure.failure.status;
                    of_item.told.clone_from(&failure.told);
                    Err(of_item)
                })),
            }
        }
        outcomes
    }

    async fn one_batch(
        &self,
        version: Version,
        asks: &[Ask],
    ) -> Result<HashMap<String, BatchAnswer>, GraphFailure> {
        let writes = asks.iter().any(|ask| ask.asked().writes);
        let mut requests = Vec::with_capacity(asks.len());
        for (at, ask) in asks.iter().enumerate() {
            requests.push(item(at, version, ask)?);
        }
        let operation = format!("send a batch of {} requests", asks.len());
        let ask =
            Ask::new(Method::POST, version, "/$batch", operation).json(&BatchRequest { requests });
        let ask = if writes { ask } else { ask.only_reads() };
        let ask = match asks {
            [first, ..] => ask.spends_like(first, asks.len()),
            [] => ask,
        };
        let answer = self.send(&ask).await?.json::<BatchResponse>()?;
        Ok(answer.responses.into_iter().map(|it| (it.id.clone(), it)).collect())
    }

    fn outcome(&self, ask: &Ask, answer: Option<BatchAnswer>) -> Result<GraphAnswer, GraphFailure> {
        let lost = |detail: &str| ask.failure(ask.asked().unanswered(), detail);
        let answer = answer.ok_or_else(|| lost("the batch's answer leaves this request out"))?;
        let answer = Answer {
            status: StatusCode::from_u16(answer.status)
                .map_err(|_| lost("the batch's answer has a status that is none"))?,
            headers: headers(answer.headers.unwrap_or_default()),
            body: match answer.body {
                Value::Null => Bytes::new(),
                body => Bytes::from(body.to_string()),
            },
        };
        ask.refusal(&answer, self.clock.as_ref())?;
        Ok(GraphAnswer::new(ask, answer))
    }
}

fn item(at: usize, version: Version, ask: &Ask) -> Result<BatchItem, GraphFailure> {
    let bug = |detail: String| ask.failure(FailureClass::Bug, detail);
    if ask.version != version {
        return Err(bug(format!("is not of {}, as its batch is", version.as_str())));
    }
    let body = ask.body.clone().map_err(bug)?;
    let body = body.map(|it| serde_json::from_slice(&it)).transpose();
    let body: Option<Value> = body.map_err(|error| bug(error.to_string()))?;
    let mut headers: BTreeMap<String, String> = ask
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    if body.is_some() {
        headers.insert("content-type".into(), "application/json".into());
    }
    Ok(BatchItem {
        id: at.to_string(),
        method: ask.method.to_string(),
        url: ask.path.clone(),
        headers,
        body,
    })
}

fn headers(told: BTreeMap<String, Value>) -> HeaderMap {
    let pairs = told.into_iter().filter_map(|(name, value)| {
        let text = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Some((HeaderName::from_str(&name).ok()?, HeaderValue::from_str(&text).ok()?))
    });
    pairs.collect()
}
