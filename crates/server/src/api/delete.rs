//! `DELETE /api/v2/wfm/schedules/{id}`: a shift goes.

use std::sync::Arc;

use domain::ShiftId;
use engine::port::ApiScope;
use engine::run::schedule_desk::Write;
use http::StatusCode;

use super::Api;
use super::describe::Description;
use super::dispatch::{Answer, Call, Handling, Needs, Operation, Refused};
use super::one;
use super::replace::condition;
use crate::error::Code;

pub(super) const OPERATION: Operation = Operation {
    id: "deleteSchedule",
    verb: "DELETE",
    path: one::PATH,
    needs: Needs::Scope(ApiScope::ScheduleWrite),
    handle,
    describe,
};

fn handle(api: Arc<Api>, call: Call) -> Handling {
    Box::pin(async move { delete(&api, &call).await })
}

async fn delete(api: &Api, call: &Call) -> Result<Answer, Refused> {
    let shift = ShiftId::new(&call.id).map_err(|_| Refused::from(Code::NotFound))?;
    api.write(call, Write::Delete(shift), condition(call), None, OPERATION.id).await?;
    let answer = Answer::empty(StatusCode::NO_CONTENT).about(&call.id);
    Ok(Answer { audited: true, ..answer })
}

fn describe(it: &mut Description) {
    it.summary(
        "A shift goes",
        "Only where the roster is its own record. It stays among the changes, as deleted. Send the \
         ETag that you have in `If-Match`: when it was changed meanwhile, it stays.",
    );
    it.id("Its id.");
    it.empty(204, "It is gone");
    it.refuses(&[
        Code::ReadOnlyRoster,
        Code::NotFound,
        Code::RefusedByRules,
        Code::PreconditionFailed,
    ]);
}
