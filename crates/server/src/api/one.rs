//! `GET /api/v2/wfm/schedules/{id}`: one entity, with its ETag.

use std::sync::Arc;

use domain::{EntityId, EntityKey, EntityKind};
use engine::port::ApiScope;
use http::header::ETAG;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::Api;
use super::describe::Description;
use super::dispatch::{Answer, Call, Handling, Needs, Operation, Refused};
use super::parameters::Parameters;
use super::wire::Schedule;
use crate::error::Code;
use crate::feed::{Known, known};

pub(super) const OPERATION: Operation = Operation {
    id: "getSchedule",
    verb: "GET",
    path: PATH,
    needs: Needs::Scope(ApiScope::ScheduleRead),
    handle,
    describe,
};

pub(super) const PATH: &str = "/api/v2/wfm/schedules/{id}";

fn handle(api: Arc<Api>, call: Call) -> Handling {
    Box::pin(async move { one(&api, &call).await })
}

async fn one(api: &Api, call: &Call) -> Result<Answer, Refused> {
    let caller = call.caller()?;
    let parameters = Parameters::read(&call.query, &["kind"])?;
    let bad = |error: domain::entity::UnknownKind| {
        Refused::at(Code::InvalidParameter, "kind", error.to_string())
    };
    let kind = parameters.text("kind").unwrap_or("shift").parse::<EntityKind>().map_err(bad)?;
    if kind == EntityKind::Employee && !caller.may(ApiScope::UserRead) {
        let message = format!("`{}` is needed for employees", ApiScope::UserRead);
        return Err(Refused::at(Code::InsufficientScope, "scope", message));
    }
    let id = EntityId::new(&call.id).map_err(|_| Refused::from(Code::NotFound))?;
    let found = api.store.roster_entries(&caller.roster, &[EntityKey { kind, id }]).await?;
    let entry = found.first().ok_or_else(|| Refused::from(Code::NotFound))?;
    let etag = etag(entry.version);
    let same = !matches!(known(&call.headers, &[&etag], None), Known::Nothing);
    let answer = match same {
        true => Answer::empty(StatusCode::NOT_MODIFIED),
        false => {
            let shown = Schedule::of(&entry.entity, entry.version, entry.changed_at);
            Answer::json(StatusCode::OK, shown.json())
        }
    };
    Ok(answer.with(ETAG, etag).about(&call.id))
}

/// The strong entity tag of a version.
pub(super) fn etag(version: u32) -> HeaderValue {
    // Digits in quotes are always a header value.
    HeaderValue::try_from(format!("\"v{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The versions that `If-Match` names; `None` where any does, or none is asked for. What is no
/// entity tag of ours matches no version.
pub(super) fn versions(headers: &HeaderMap) -> Option<Vec<u32>> {
    let mut lines = headers.get_all(http::header::IF_MATCH).iter().peekable();
    lines.peek()?;
    let mut versions = Vec::new();
    for line in lines {
        for tag in line.to_str().unwrap_or_default().split(',').map(str::trim) {
            if tag == "*" {
                return None;
            }
            let inner = tag.strip_prefix("\"v").and_then(|it| it.strip_suffix('"'));
            versions.extend(inner.and_then(|it| it.parse::<u32>().ok()));
        }
    }
    Some(versions)
}

fn describe(it: &mut Description) {
    it.summary("One entity", "What was deleted is not found here, only among the changes.");
    it.id("Its id.");
    let kinds = EntityKind::ALL.map(EntityKind::as_str);
    it.query(
        "kind",
        json!({"type": "string", "enum": kinds, "default": "shift"}),
        "Its kind; employees need the scope `user:read`.",
    );
    it.header("If-None-Match", json!({"type": "string"}), "The ETag that you have.");
    it.answer::<Schedule>(200, "It; `ETag` names its version");
    it.empty(304, "It has the version that you have");
    it.refuses(&[Code::InvalidParameter, Code::NotFound]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_tags_name_versions() {
        let of = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(http::header::IF_MATCH, HeaderValue::from_static(line));
            }
            versions(&headers)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["*"]), None);
        assert_eq!(of(&["\"v3\""]), Some(vec![3]));
        assert_eq!(of(&["\"v3\", \"v4\"", "\"v9\""]), Some(vec![3, 4, 9]));
        assert_eq!(of(&["W/\"v3\"", "v3"]), Some(vec![]));
    }
}
