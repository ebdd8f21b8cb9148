//! `GET /api/v2/wfm/schedules/sync/jobs/{jobId}`: how far a job is.

use std::sync::Arc;

use engine::port::ApiScope;
use http::StatusCode;

use super::Api;
use super::describe::Description;
use super::dispatch::{Answer, Call, Handling, Needs, Operation, Refused};
use super::job::Job;
use crate::error::Code;

pub(super) const OPERATION: Operation = Operation {
    id: "getSyncJob",
    verb: "GET",
    path: "/api/v2/wfm/schedules/sync/jobs/{id}",
    needs: Needs::Scope(ApiScope::ScheduleRead),
    handle,
    describe,
};

fn handle(api: Arc<Api>, call: Call) -> Handling {
    Box::pin(async move { get(&api, &call).await })
}

async fn get(api: &Api, call: &Call) -> Result<Answer, Refused> {
    let caller = call.caller()?;
    // Ids are 32 hexadecimal digits: nothing else is asked of the store.
    let is_id = call.id.len() == 32 && call.id.bytes().all(|it| it.is_ascii_hexdigit());
    let found = if is_id { api.store.sync_job(&call.id).await? } else { None };
    let job = found.filter(|it| it.roster == caller.roster);
    let job = job.ok_or_else(|| Refused::from(Code::NotFound))?;
    Ok(Answer::json(StatusCode::OK, Job::of(&job).json()).about(&job.id))
}

fn describe(it: &mut Description) {
    it.summary("How far a job is", "Kept for thirty days after its end.");
    it.id("Its `jobId`.");
    it.answer::<Job>(200, "The job as it stands");
    it.refuses(&[Code::NotFound]);
}
