//! `POST /api/v2/wfm/schedules/sync/jobs`: have mirrors brought up to date.
//!
//! A job runs whole cycles of the mirrors of one kind, after a reading of the source: a mirror is
//! always kept as a whole. Group and window say what the job reports on. The same asked again
//! while it is under way is the same job.

use std::sync::Arc;

use domain::limits::{SYNC_JOB_MEMORY, SYNC_JOBS_OPEN_MAX};
use domain::{ScheduleGroupId, UtcInterval};
use engine::port::{ApiScope, JobAdded, JobStatus, SyncJob, SyncOrder};
use http::StatusCode;
use http::header::{HeaderValue, LOCATION};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::describe::Description;
use super::dispatch::{Answer, Call, Handling, Needs, Operation, Refused};
use super::job::{Job, SyncProvider};
use super::{Api, ApiMirror, parameters, wire};
use crate::error::Code;

pub(super) const OPERATION: Operation = Operation {
    id: "createSyncJob",
    verb: "POST",
    path: PATH,
    needs: Needs::Scope(ApiScope::ScheduleRead),
    handle,
    describe,
};

pub(super) const PATH: &str = "/api/v2/wfm/schedules/sync/jobs";

/// Seconds after which a client should look again.
const LOOK_AGAIN_SECONDS: u64 = 1;

/// What a job is about.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "SyncJobToCreate")]
struct ToCreate {
    /// `push` (the default, also called `outbound`) or `two_way` (also called `bidirectional`).
    /// A job does the same for both: it settles what people asked for in the mirror, too.
    #[serde(default)]
    direction: Direction,
    /// Which mirrors of the roster.
    target_provider: SyncProvider,
    /// Shifts of this group are counted.
    #[serde(default)]
    schedule_group_id: Option<String>,
    /// Shifts that end after this are counted; without both, those in the mirrors' windows.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    sync_window_start: Option<Timestamp>,
    /// Shifts that start before this are counted.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    sync_window_end: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    #[default]
    Push,
    Outbound,
    TwoWay,
    Bidirectional,
}

impl Direction {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Outbound => "outbound",
            Self::TwoWay => "two_way",
            Self::Bidirectional => "bidirectional",
        }
    }
}

fn handle(api: Arc<Api>, call: Call) -> Handling {
    Box::pin(async move { create(&api, &call).await })
}

async fn create(api: &Api, call: &Call) -> Result<Answer, Refused> {
    let caller = call.caller()?;
    let asked = wire::body::<ToCreate>(&call.headers, &call.body)?;
    let roster = api.rosters.get(&caller.roster);
    let roster = roster.ok_or_else(|| Refused::from(Code::NotFound))?;
    let of_provider = |it: &&ApiMirror| it.provider == asked.target_provider;
    let mirrors: Vec<_> =
        roster.mirrors.iter().filter(of_provider).map(|it| it.name.clone()).collect();
    if mirrors.is_empty() {
        let message = format!("no mirror is kept in `{}`", asked.target_provider);
        return Err(Refused::at(Code::NoSuchMirror, "targetProvider", message));
    }
    let mut random = [0; 16];
    api.entropy.fill(&mut random);
    let id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let job = SyncJob {
        id,
        client: caller.client.clone(),
        roster: caller.roster.clone(),
        order: SyncOrder {
            mirrors,
            direction: asked.direction.as_str().to_owned(),
            provider: asked.target_provider.to_string(),
            group: group(&asked)?,
            window: window(&asked)?,
        },
        status: JobStatus::Queued,
        created_at: call.now,
        started_at: None,
        ended_at: None,
        records_total: 0,
        records_processed: 0,
        records_failed: 0,
        mirrors: vec![],
        errors: vec![],
    };
    let kept_from = call.now.saturating_sub(SYNC_JOB_MEMORY).unwrap_or(Timestamp::MIN);
    let job = match api.store.add_sync_job(job.clone(), SYNC_JOBS_OPEN_MAX, kept_from).await? {
        JobAdded::Queued => job,
        JobAdded::UnderWay(same) => same,
        JobAdded::TooMany => {
            return Err(Refused { retry_after: Some(30), ..Code::TooManyJobs.into() });
        }
    };
    roster.queued.notify_one();
    let answer = Answer::json(StatusCode::ACCEPTED, Job::of(&job).json());
    let answer = match HeaderValue::try_from(format!("{PATH}/{}", job.id)) {
        Ok(place) => answer.with(LOCATION, place),
        Err(_) => answer,
    };
    let later = HeaderValue::from(LOOK_AGAIN_SECONDS);
    Ok(answer.with(http::header::RETRY_AFTER, later).about(&job.id))
}

fn group(asked: &ToCreate) -> Result<Option<ScheduleGroupId>, Refused> {
    let Some(text) = &asked.schedule_group_id else { return Ok(None) };
    // What no id can be belongs to nothing, and nothing is kept of it.
    let bad = |_| Refused::at(Code::NotFound, "scheduleGroupId", "there is no such group");
    ScheduleGroupId::new(text).map(Some).map_err(bad)
}

fn window(asked: &ToCreate) -> Result<Option<UtcInterval>, Refused> {
    let (start, end) = (asked.sync_window_start, asked.sync_window_end);
    if start.is_none() && end.is_none() {
        return Ok(None);
    }
    let start = start.unwrap_or(Timestamp::MIN);
    let window = parameters::window(start, end.unwrap_or(Timestamp::MAX));
    window.map(Some).ok_or_else(|| Code::WindowEmpty.into())
}

fn describe(it: &mut Description) {
    it.summary(
        "Have mirrors brought up to date",
        "Reads the source, then runs a whole cycle of each mirror of the provider. Jobs of one \
         roster run one after the other; the same asked again while it is under way is the same \
         job. A job survives a restart of the server.",
    );
    it.json_body::<ToCreate>();
    it.answer::<Job>(202, "The job; `Location` says where to look for how far it is");
    it.refuses(&[
        Code::InvalidBody,
        Code::UnsupportedMediaType,
        Code::NotFound,
        Code::NoSuchMirror,
        Code::WindowEmpty,
        Code::TooManyJobs,
    ]);
}
