//! `GET /api/v2/wfm/schedules/icall`: one person's schedule as iCalendar, as their feed shows it.

use std::sync::Arc;

use domain::{EmployeeId, EntityKey, EntityKind, SyncWindow};
use engine::port::ApiScope;
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::Api;
use super::describe::Description;
use super::dispatch::{Answer, Call, Handling, Needs, Operation, Refused};
use super::parameters::{Parameters, window};
use crate::error::Code;
use crate::feed::render::{self, FeedNames};
use crate::feed::{Known, content, known};

pub(super) const OPERATION: Operation = Operation {
    id: "getCalendar",
    verb: "GET",
    path: "/api/v2/wfm/schedules/icall",
    needs: Needs::Scope(ApiScope::IcallRead),
    handle,
    describe,
};

fn handle(api: Arc<Api>, call: Call) -> Handling {
    Box::pin(async move { calendar(&api, &call).await })
}

async fn calendar(api: &Api, call: &Call) -> Result<Answer, Refused> {
    let name = &call.caller()?.roster;
    let parameters = Parameters::read(&call.query, &["userId", "windowStart", "windowEnd"])?;
    let user = parameters.text("userId");
    let missing = || Refused::at(Code::InvalidParameter, "userId", "is needed");
    let user = user.ok_or_else(missing)?;
    let roster = api.rosters.get(name).ok_or_else(|| Refused::from(Code::NotFound))?;
    let employee = EmployeeId::new(user).map_err(|_| Refused::from(Code::NotFound))?;
    let _turn = api.heavy.turn(&call.caller()?.client).await;
    let key = EntityKey { kind: EntityKind::Employee, id: (&employee).into() };
    let person = api.store.roster_entries(name, &[key]).await?;
    if person.is_empty() {
        return Err(Code::NotFound.into());
    }
    let usual = SyncWindow::around(call.now, roster.feed.past, roster.feed.future).interval;
    let start = parameters.instant("windowStart")?.unwrap_or(usual.start());
    let end = parameters.instant("windowEnd")?.unwrap_or(usual.end());
    // A window whose ends are the wrong way round holds nothing.
    let entries = match window(start, end) {
        Some(interval) => {
            let window = SyncWindow { interval };
            api.store.employee_entries(name, &employee, &window).await?
        }
        None => Vec::new(),
    };
    let mut names = FeedNames::default();
    names.add(&person);
    for kind in [EntityKind::ScheduleGroup, EntityKind::TimeOffReason] {
        names.add(&api.store.entries_of_kind(name, kind).await?);
    }
    let body = render::render(name, &employee, &entries, &names, &roster.feed);
    let body =
        body.map_err(|error| Refused::at(Code::WindowTooLarge, "windowEnd", error.to_string()))?;
    let tag: String = content::digest(&body)[..16].iter().map(|b| format!("{b:02x}")).collect();
    let etag =
        HeaderValue::try_from(format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    if !matches!(known(&call.headers, &[&etag], None), Known::Nothing) {
        return Ok(Answer::empty(StatusCode::NOT_MODIFIED).with(ETAG, etag));
    }
    let answer = Answer { body: body.into(), ..Answer::empty(StatusCode::OK) };
    let kind = HeaderValue::from_static("text/calendar; charset=utf-8");
    Ok(answer.with(CONTENT_TYPE, kind).with(ETAG, etag))
}

fn describe(it: &mut Description) {
    it.summary(
        "One person's schedule as iCalendar",
        "As their feed shows it, with the roster's mapping and privacy tier; times in UTC.",
    );
    it.required_query("userId", json!({"type": "string", "minLength": 1}), "Whose.");
    let instant = || json!({"type": "string", "format": "date-time"});
    it.query("windowStart", instant(), "What ends after this; the feed's past by default.");
    it.query("windowEnd", instant(), "What starts before this; the feed's future by default.");
    it.header("If-None-Match", json!({"type": "string"}), "The ETag that you have.");
    it.media(200, "The calendar", "text/calendar");
    it.empty(304, "It is as you have it");
    it.refuses(&[Code::InvalidParameter, Code::NotFound, Code::WindowTooLarge]);
}
