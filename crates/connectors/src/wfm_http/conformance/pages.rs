//! Paging: pages of one snapshot, as long as was asked for, and all of them.

use std::collections::BTreeSet;

use http::HeaderValue;
use http::header::IF_NONE_MATCH;

use super::schedule::Seen;
use super::talk::{Talk, Walk, told};
use super::{Check, Rule};
use crate::wfm_http::client::{Ask, Query};
use crate::wfm_http::map::{Capabilities, Changes};

const LIMIT: Rule = Rule {
    name: "pages.limit",
    rule: "a page has no more entities than `limit`",
    expected: "at most `limit` entities on a page",
    hint: "take the smaller of `limit` and your own maximum",
};
const WHOLE: Rule = Rule {
    name: "pages.whole",
    rule: "all pages together are the whole listing",
    expected: "the same entities as in one long page, and as many as `total` says",
    hint: "`next_page` is there until the last page; it leads on, and never back",
};
const SNAPSHOT: Rule = Rule {
    name: "pages.snapshot",
    rule: "all pages of a listing carry the same `snapshot`",
    expected: "one text on all pages",
    hint: "make the list once and cut the pages from it, or name the state of the schedule and \
           answer 409 `snapshot_gone` when that is over; without it, nothing can be concluded \
           from what is absent",
};
const TAG: Rule = Rule {
    name: "pages.etag",
    rule: "a listing that did not change costs nothing",
    expected: "an `ETag` on the first page, and 304 for the same in `If-None-Match`",
    hint: "optional, and cheap: where only whole windows are told, it saves almost every reading",
};

/// Checks it, as far as there are enough entities.
pub async fn check(talk: &Talk, chosen: &Capabilities, seen: &Seen, checks: &mut Vec<Check>) {
    let count = seen.walk.entities().count();
    if count < 3 || seen.walk.cut {
        let why = if count < 3 { "there are too few entities" } else { "there are very many" };
        checks.extend([LIMIT, WHOLE, SNAPSHOT].map(|rule| rule.skipped(why)));
    } else {
        // About three pages, whatever there is.
        let limit = u32::try_from(count / 3).unwrap_or(u32::MAX).clamp(1, chosen.page_size);
        match talk.walk(seen.window, limit, None).await {
            Ok(walk) => compare(&walk, &seen.walk, limit, checks),
            Err(found) => {
                checks.push(WHOLE.failed(found));
                checks.extend([LIMIT, SNAPSHOT].map(|rule| rule.skipped("there are no pages")));
            }
        }
    }
    checks.push(tag(talk, chosen, seen).await);
}

fn compare(walk: &Walk, one: &Walk, limit: u32, checks: &mut Vec<Check>) {
    let longest = walk.pages.iter().map(|page| page.entities.len()).max().unwrap_or(0);
    let too_long = longest > limit as usize;
    let found = too_long.then(|| format!("{longest} entities on a page, {limit} asked for"));
    checks.push(LIMIT.unless(found));
    checks.push(WHOLE.unless(missing(walk, one)));
    let names: Vec<Option<&String>> = walk.pages.iter().map(|it| it.snapshot.as_ref()).collect();
    checks.push(match names.first() {
        Some(None) => SNAPSHOT.failed("pages have no `snapshot`"),
        _ if walk.pages.len() < 2 => SNAPSHOT.skipped("there is one page only"),
        _ if names.windows(2).any(|pair| pair[0] != pair[1]) => {
            SNAPSHOT.failed("pages of one listing have several")
        }
        _ => SNAPSHOT.passed(),
    });
}

fn missing(walk: &Walk, one: &Walk) -> Option<String> {
    let keys = |walk: &Walk| {
        let keys = walk.entities().map(Walk::key);
        keys.map(|(kind, id)| (kind.to_owned(), id.to_owned())).collect::<BTreeSet<_>>()
    };
    let (paged, whole) = (keys(walk), keys(one));
    if let Some((kind, id)) = whole.difference(&paged).next() {
        return Some(format!(
            "{kind} `{id}` is on one long page, and not on {} short ones",
            walk.pages.len()
        ));
    }
    let total = walk.pages.iter().find_map(|page| page.total)?;
    let listed = walk.entities().count() as u64;
    (total != listed).then(|| format!("`total` is {total}, and {listed} are listed"))
}

async fn tag(talk: &Talk, chosen: &Capabilities, seen: &Seen) -> Check {
    let Some(tag) = &seen.walk.tag else {
        return match chosen.changes {
            Changes::Window => TAG.advised("there is no `ETag`"),
            Changes::Since | Changes::EditedSince => TAG.skipped("there is no `ETag`"),
        };
    };
    let (from, until) = seen.window;
    let limit = chosen.page_size;
    let query = Query { from, until, limit, changed: None, page: None, known: None };
    let mut ask = Ask::get(query.path(), "list what did not change");
    let Ok(value) = HeaderValue::from_str(tag) else {
        return TAG.failed("the `ETag` holds characters that no header may have");
    };
    ask.headers.insert(IF_NONE_MATCH, value);
    match talk.ask(&ask).await {
        Ok(answer) if answer.status == 304 => TAG.passed(),
        Ok(answer) if answer.status.is_success() => {
            TAG.failed("the whole listing again for its own `ETag`")
        }
        Ok(answer) => TAG.failed(told(&answer)),
        Err(found) => TAG.failed(found),
    }
}
