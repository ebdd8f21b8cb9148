//! `PUT /api/v2/wfm/schedules/{id}`: a shift becomes another one.

use std::sync::Arc;

use domain::ShiftId;
use engine::port::ApiScope;
use engine::run::schedule_desk::{Condition, Write, WriteDone};
use http::StatusCode;
use http::header::ETAG;

use super::Api;
use super::describe::Description;
use super::dispatch::{Answer, Call, Handling, Needs, Operation, Refused};
use super::one::{self, etag, versions};
use super::wire::{self, Schedule, ToWrite};
use crate::error::Code;

pub(super) const OPERATION: Operation = Operation {
    id: "replaceSchedule",
    verb: "PUT",
    path: one::PATH,
    needs: Needs::Scope(ApiScope::ScheduleWrite),
    handle,
    describe,
};

fn handle(api: Arc<Api>, call: Call) -> Handling {
    Box::pin(async move { replace(&api, &call).await })
}

async fn replace(api: &Api, call: &Call) -> Result<Answer, Refused> {
    let item = wire::body::<ToWrite>(&call.headers, &call.body)?.item()?;
    let shift = ShiftId::new(&call.id).map_err(|_| Refused::from(Code::NotFound))?;
    let condition = condition(call);
    let done = api.write(call, Write::Replace(shift, item), condition, None, OPERATION.id).await?;
    let WriteDone::Put { entity, version, at, written: audited } = done else {
        return Err(Code::Internal.into());
    };
    let shown = Schedule::of(&entity, version, at);
    let answer = Answer::json(StatusCode::OK, shown.json()).with(ETAG, etag(version));
    Ok(Answer { audited, ..answer.about(&call.id) })
}

/// What `If-Match` asks for.
pub(super) fn condition(call: &Call) -> Condition {
    versions(&call.headers).map_or(Condition::Always, Condition::VersionIn)
}

fn describe(it: &mut Description) {
    it.summary(
        "A shift becomes another one",
        "Only where the roster is its own record. Its rules decide; mirrors follow at once. Send \
         the ETag that you have in `If-Match`: when it was changed meanwhile, nothing is.",
    );
    it.id("Its id.");
    it.json_body::<ToWrite>();
    it.answer::<Schedule>(200, "The shift as it is now");
    it.refuses(&[
        Code::InvalidBody,
        Code::InvalidParameter,
        Code::UnsupportedMediaType,
        Code::ReadOnlyRoster,
        Code::NotFound,
        Code::RefusedByRules,
        Code::PreconditionFailed,
    ]);
}
