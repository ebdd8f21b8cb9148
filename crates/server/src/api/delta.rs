//! What changed after a place in the sequence, with what is gone.

use std::collections::BTreeSet;

use domain::EntityKind;
use domain::limits::API_CHANGES_SKIPPED_MAX;
use engine::port::{ChangeSeq, ChangedEntity, EntityFilter};
use http::StatusCode;

use super::Api;
use super::dispatch::{Answer, Call, Refused};
use super::list::{Asked, PATH, close, dated};
use super::wire::{self, Schedule};
use crate::error::Code;

/// Changes after `since`; `now` was the last place before anything else was read.
pub(super) async fn changes(
    api: &Api,
    call: &Call,
    asked: &Asked,
    since: ChangeSeq,
    now: ChangeSeq,
) -> Result<Answer, Refused> {
    let roster = &call.caller()?.roster;
    let kinds: BTreeSet<EntityKind> = asked.kinds.iter().copied().collect();
    let skip = usize::try_from(asked.number - 1).unwrap_or(usize::MAX);
    let skip = skip.saturating_mul(asked.size);
    if skip > API_CHANGES_SKIPPED_MAX {
        let message = format!("passes over {skip} changes; up to {API_CHANGES_SKIPPED_MAX} can be");
        return Err(Refused::at(Code::PageTooFar, "pageNumber", message));
    }
    let mut changes = match since < now {
        true => {
            let _turn = api.heavy.turn(&call.caller()?.client).await;
            api.store.entity_changes(roster, &kinds, since, skip + asked.size + 1).await?
        }
        false => Vec::new(),
    };
    changes.drain(..skip.min(changes.len()));
    if changes.is_empty() && skip == 0 {
        let answer = Answer::empty(StatusCode::NOT_MODIFIED);
        return Ok(dated(api, roster, answer, call.now, now));
    }
    let more = changes.len() > asked.size;
    changes.truncate(asked.size);
    let last = changes.last().map_or(since, |it| it.seq);
    let mut out = Vec::with_capacity(256 + changes.len() * 400);
    out.extend_from_slice(b"{\"entities\":[");
    for (index, change) in changes.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend(shown(asked, change)?.json());
    }
    // When that was all, everything up to both places was looked at.
    let reached = if more { last } else { last.max(now) };
    let token = api.delta_token(reached).await?;
    let next = more.then(|| {
        // On from where this page ends, so that a far one costs no more than the first.
        let query = asked.parameters.without(&["pageNumber", "cursor", "since"]);
        format!("{PATH}?{query}since={token}")
    });
    let answer = close(out, asked, changes.len() as u64, next, &token);
    Ok(dated(api, roster, answer, call.now, now))
}

fn shown(asked: &Asked, changed: &ChangedEntity) -> Result<Schedule, Refused> {
    let ChangedEntity { key, version, at, deleted, body, .. } = changed;
    let wanted = asked.filter.as_ref().is_some_and(|filter| admits(filter, changed));
    if *deleted || !wanted {
        return Ok(Schedule::gone(key, *version, *at));
    }
    Ok(Schedule::of(&wire::read(key.kind, body)?, *version, *at))
}

/// Whether it is what the filters ask for now.
fn admits(filter: &EntityFilter, change: &ChangedEntity) -> bool {
    let EntityFilter { kind: _, employee, group, ends_after, starts_before } = filter;
    employee.as_ref().is_none_or(|it| change.employee.as_deref() == Some(it.as_str()))
        && group.as_ref().is_none_or(|it| change.group.as_deref() == Some(it.as_str()))
        && ends_after.is_none_or(|at| change.ends_at.is_none_or(|it| it > at))
        && starts_before.is_none_or(|at| change.starts_at.is_none_or(|it| it < at))
}
