//! `POST /api/v2/wfm/schedules`: a new shift.

use std::sync::Arc;

use domain::Fingerprinter;
use engine::port::ApiScope;
use engine::run::schedule_desk::{Condition, Write, WriteAsk, WriteDone, WriteError};
use http::header::{ETAG, HeaderName, LOCATION};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::describe::Description;
use super::dispatch::{Answer, Call, Handling, Needs, Operation, Refused};
use super::one::etag;
use super::wire::{self, Schedule, ToWrite};
use super::{Api, list};
use crate::error::{Code, Detail};

pub(super) const OPERATION: Operation = Operation {
    id: "createSchedule",
    verb: "POST",
    path: list::PATH,
    needs: Needs::Scope(ApiScope::ScheduleWrite),
    handle,
    describe,
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key: that of a hash in hexadecimal digits, twice.
const KEY_CHARS_MAX: usize = 128;

fn handle(api: Arc<Api>, call: Call) -> Handling {
    Box::pin(async move { create(&api, &call).await })
}

async fn create(api: &Api, call: &Call) -> Result<Answer, Refused> {
    let item = wire::body::<ToWrite>(&call.headers, &call.body)?.item()?;
    let key = match key(call)? {
        None => None,
        Some(key) => {
            let mut print = Fingerprinter::new("create_schedule/1");
            print.text(&serde_json::to_string(&item).unwrap_or_default());
            Some((key, print.finish()))
        }
    };
    let (write, condition) = (Write::Create(item), Condition::Always);
    let done = api.write(call, write, condition, key, OPERATION.id).await?;
    let (answer, shown) = match done {
        WriteDone::Put { entity, version, at, written: audited } => {
            let shown = Schedule::of(&entity, version, at);
            let answer = Answer::json(StatusCode::CREATED, shown.json());
            (Answer { audited, ..answer }, shown)
        }
        WriteDone::Before(kept) => {
            let entity = wire::read(kept.entity.kind, &kept.body)?;
            let shown = Schedule::of(&entity, kept.version, kept.at);
            let answer = Answer::json(StatusCode::CREATED, shown.json());
            (answer.with(REPLAYED, HeaderValue::from_static("true")), shown)
        }
        WriteDone::Deleted => return Err(Code::Internal.into()),
    };
    let place =
        percent_encoding::utf8_percent_encode(&shown.id, percent_encoding::NON_ALPHANUMERIC);
    let place = format!("{}/{place}", list::PATH);
    let answer = match HeaderValue::try_from(place) {
        Ok(place) => answer.with(LOCATION, place),
        Err(_) => answer,
    };
    Ok(answer.with(ETAG, etag(shown.version)).about(&shown.id))
}

fn key(call: &Call) -> Result<Option<String>, Refused> {
    let Some(value) = call.headers.get(KEY) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() || text.len() > KEY_CHARS_MAX {
        let message = format!("expected 1 to {KEY_CHARS_MAX} visible ASCII characters");
        return Err(Refused::at(Code::InvalidParameter, "Idempotency-Key", message));
    }
    Ok(Some(text.to_owned()))
}

impl Api {
    /// Carries out a write of the caller's roster, and has its mirrors follow.
    pub(super) async fn write(
        &self,
        call: &Call,
        write: Write,
        condition: Condition,
        key: Option<(String, domain::Fingerprint)>,
        operation: &'static str,
    ) -> Result<WriteDone, Refused> {
        let caller = call.caller()?;
        let roster = self.rosters.get(&caller.roster);
        let roster = roster.ok_or_else(|| Refused::from(Code::NotFound))?;
        let desk = roster.desk.as_ref().ok_or_else(|| Refused::from(Code::ReadOnlyRoster))?;
        let deletes = u64::from(matches!(write, Write::Delete(_)));
        let client = caller.client.clone();
        let ask = WriteAsk { write, condition, key, client, operation };
        let done = desk.write(&ask).await.map_err(refused)?;
        match &done {
            WriteDone::Put { .. } | WriteDone::Deleted => (roster.written)(deletes),
            WriteDone::Before(_) => {}
        }
        Ok(done)
    }
}

fn refused(error: WriteError) -> Refused {
    match error {
        WriteError::Missing => Code::NotFound.into(),
        WriteError::OtherVersion { found } => {
            let message = format!("it has \"v{found}\" now");
            Refused::at(Code::PreconditionFailed, "If-Match", message)
        }
        WriteError::KeyReused => Code::IdempotencyKeyReused.into(),
        WriteError::Refused(domain::Refusal::NotHere { .. }) => Code::ReadOnlyRoster.into(),
        WriteError::Refused(refusal) => {
            // The refusal as data: limits and instants, no names.
            let message = serde_json::to_string(&refusal).unwrap_or_default();
            let detail = Detail { field: refusal.as_str().to_owned(), message };
            Refused { details: vec![detail], ..Code::RefusedByRules.into() }
        }
        WriteError::Busy => Refused { retry_after: Some(1), ..Code::StoreUnavailable.into() },
        WriteError::Store(error) => error.into(),
    }
}

fn describe(it: &mut Description) {
    it.summary(
        "A new shift",
        "Only where the roster is its own record. Its rules decide; mirrors follow at once.",
    );
    it.header(
        "Idempotency-Key",
        json!({"type": "string", "minLength": 1, "maxLength": KEY_CHARS_MAX,
               "pattern": "^[!-~]+$"}),
        "Chosen by the client: repeated with the same key and body within a day, the same shift \
         is answered and no second one made.",
    );
    it.json_body::<ToWrite>();
    it.answer::<Schedule>(201, "The shift; `Location` names it, `ETag` its version");
    it.refuses(&[
        Code::InvalidBody,
        Code::InvalidParameter,
        Code::UnsupportedMediaType,
        Code::ReadOnlyRoster,
        Code::NotFound,
        Code::RefusedByRules,
        Code::IdempotencyKeyReused,
    ]);
}
