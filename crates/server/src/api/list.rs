//! `GET /api/v2/wfm/schedules`: the schedule page by page, or what changed.

use std::sync::{Arc, PoisonError};

use domain::limits::{
    API_COUNTS_KEPT_MAX, API_PAGE_ENTITIES_DEFAULT, API_PAGE_ENTITIES_MAX, API_PAGES_MAX,
};
use domain::{EmployeeId, EntityKind, RosterName, ScheduleGroupId};
use engine::port::{ApiScope, ChangeSeq, EntityFilter, PagePlace, StoredEntity};
use http::header::{IF_MODIFIED_SINCE, LAST_MODIFIED};
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::access::Caller;
use super::ahead::{Place, Run};
use super::cursor::{DELTA_PATTERN, Page};
use super::describe::Description;
use super::dispatch::{Answer, Call, Handling, Needs, Operation, Refused};
use super::parameters::Parameters;
use super::stored::Shown;
use super::wire::Schedule;
use super::{Api, delta};
use crate::error::Code;
use crate::feed::http_date;

pub(super) const OPERATION: Operation = Operation {
    id: "listSchedules",
    verb: "GET",
    path: PATH,
    needs: Needs::Scope(ApiScope::ScheduleRead),
    handle,
    describe,
};

pub(super) const PATH: &str = "/api/v2/wfm/schedules";

const KNOWN: [&str; 9] = [
    "kind",
    "userId",
    "scheduleGroupId",
    "windowStart",
    "windowEnd",
    "pageSize",
    "pageNumber",
    "since",
    "cursor",
];

/// A page of the schedule, or of its changes: the form of what [`close`] writes by hand.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SchedulePage")]
struct PageForm {
    /// The entities.
    entities: Vec<Schedule>,
    /// How many a page holds at most.
    page_size: u64,
    /// Which page this is, from 1.
    page_number: u64,
    /// How many there are in all pages, at the time of the first; in changes: in this answer.
    total: u64,
    /// Where the next page is; nothing on the last.
    next_uri: Option<String>,
    /// What to send as `since` to get what changed; the same on every page of a listing.
    delta_token: String,
}

/// What is asked for.
pub(super) struct Asked {
    pub parameters: Parameters,
    pub kinds: Vec<EntityKind>,
    /// What each kind is filtered by; nothing when nothing can match.
    pub filter: Option<EntityFilter>,
    pub size: usize,
    pub number: u64,
}

fn handle(api: Arc<Api>, call: Call) -> Handling {
    Box::pin(async move { list(&api, &call).await })
}

async fn list(api: &Api, call: &Call) -> Result<Answer, Refused> {
    let caller = call.caller()?;
    let asked = Asked::read(call)?;
    if asked.kinds.contains(&EntityKind::Employee) && !caller.may(ApiScope::UserRead) {
        let message = format!("`{}` is needed for employees", ApiScope::UserRead);
        return Err(Refused::at(Code::InsufficientScope, "scope", message));
    }
    if let Some(cursor) = asked.parameters.text("cursor") {
        let bad = || Refused::at(Code::InvalidParameter, "cursor", "follow `nextUri` as it is");
        let page = Page::read(cursor).ok_or_else(bad)?;
        return go_on_from(api, caller, &asked, Begin { page, skip: 0 }, call.now).await;
    }
    let seq = api.store.roster_seq(&caller.roster).await?;
    if let Some(token) = asked.parameters.text("since") {
        let since = api.read_delta_token(token, seq).await?;
        return delta::changes(api, call, &asked, since, seq).await;
    }
    if let Some(second) = modified_since(call) {
        let since = {
            let _turn = api.heavy.turn(&caller.client).await;
            api.seq_of_second(&caller.roster, second).await?
        };
        return delta::changes(api, call, &asked, since, seq).await;
    }
    let page = first_page(api, caller, &asked, seq).await?;
    let answer = go_on_from(api, caller, &asked, page, call.now).await?;
    Ok(dated(api, &caller.roster, answer, call.now, seq))
}

/// An HTTP date; what is none is as if it were not there (RFC 9110 §13.1.3).
fn modified_since(call: &Call) -> Option<Timestamp> {
    let text = call.headers.get(IF_MODIFIED_SINCE)?.to_str().ok()?;
    Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()
}

/// The answer with the second that its reader may ask by next time.
pub(super) fn dated(
    api: &Api,
    roster: &RosterName,
    answer: Answer,
    now: Timestamp,
    seq: ChangeSeq,
) -> Answer {
    api.journal.seen(roster, now, seq);
    match http_date(now) {
        Some(date) => answer.with(LAST_MODIFIED, date),
        None => answer,
    }
}

impl Asked {
    fn read(call: &Call) -> Result<Self, Refused> {
        let parameters = Parameters::read(&call.query, &KNOWN)?;
        let mut kinds: Vec<EntityKind> = Vec::new();
        for word in parameters.text("kind").unwrap_or("shift").split(',') {
            let bad = |error: domain::entity::UnknownKind| {
                Refused::at(Code::InvalidParameter, "kind", error.to_string())
            };
            let kind = word.parse().map_err(bad)?;
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds.sort_unstable();
        let ends_after = parameters.instant("windowStart")?;
        let starts_before = parameters.instant("windowEnd")?;
        // What no id can be belongs to nothing.
        let employee = parameters.text("userId").map(|it| EmployeeId::new(it).ok());
        let group = parameters.text("scheduleGroupId").map(|it| ScheduleGroupId::new(it).ok());
        let impossible = matches!(employee, Some(None))
            || matches!(group, Some(None))
            || ends_after.zip(starts_before).is_some_and(|(start, end)| end <= start);
        let filter = EntityFilter {
            kind: EntityKind::Shift,
            employee: employee.flatten(),
            group: group.flatten(),
            ends_after,
            starts_before,
        };
        let size = parameters.number("pageSize", (1, API_PAGE_ENTITIES_MAX as u64))?;
        let number = parameters.number("pageNumber", (1, API_PAGES_MAX))?.unwrap_or(1);
        let size = size.map_or(API_PAGE_ENTITIES_DEFAULT, |it| it as usize);
        Ok(Self { parameters, kinds, filter: (!impossible).then_some(filter), size, number })
    }

    /// The filter for one kind.
    fn of_kind(&self, kind: EntityKind) -> Option<EntityFilter> {
        let filter = self.filter.clone()?;
        Some(match kind {
            EntityKind::Shift | EntityKind::OpenShift | EntityKind::TimeOff => {
                EntityFilter { kind, ..filter }
            }
            EntityKind::Employee | EntityKind::ScheduleGroup | EntityKind::TimeOffReason => {
                EntityFilter { kind, ends_after: None, starts_before: None, ..filter }
            }
        })
    }
}

/// Where a page begins, and how many entities before it are left out.
struct Begin {
    page: Page,
    skip: u64,
}

async fn first_page(
    api: &Api,
    caller: &Caller,
    asked: &Asked,
    seq: ChangeSeq,
) -> Result<Begin, Refused> {
    let mut counts = Vec::with_capacity(asked.kinds.len());
    for kind in &asked.kinds {
        counts.push(match asked.of_kind(*kind) {
            Some(filter) => api.count(caller, filter, seq).await?,
            None => 0,
        });
    }
    let total = counts.iter().sum();
    let mut skip = (asked.number - 1).saturating_mul(asked.size as u64);
    let mut kind = 0;
    while kind < counts.len() && counts[kind] <= skip && skip > 0 {
        skip -= counts[kind];
        kind += 1;
    }
    Ok(Begin { page: Page { seq: seq.0, total, kind, place: None }, skip })
}

/// The page that begins here.
async fn go_on_from(
    api: &Api,
    caller: &Caller,
    asked: &Asked,
    begin: Begin,
    now: Timestamp,
) -> Result<Answer, Refused> {
    let Begin { page: Page { seq, total, mut kind, mut place }, mut skip } = begin;
    let mut shown = Shown::after(b"{\"entities\":[", asked.size);
    let (mut written, mut next) = (0, None);
    while let Some(of_kind) = asked.kinds.get(kind)
        && next.is_none()
    {
        let room = asked.size - written;
        let found = match asked.of_kind(*of_kind) {
            Some(filter) => {
                let stretch = Stretch { filter, seq, after: place.take(), skip, room };
                api.stretch(caller, asked, stretch, now).await?
            }
            None => Found::default(),
        };
        for entity in &found.entities {
            shown.add(*of_kind, entity)?;
            written += 1;
        }
        next = found.goes_on_after.map(|place| Page { seq, total, kind, place });
        (kind, place, skip) = (kind + 1, None, 0);
    }
    let token = api.delta_token(ChangeSeq(seq)).await?;
    let next = next.map(|page| {
        let query = asked.parameters.without(&["pageNumber", "cursor", "since"]);
        let (number, cursor) = (asked.number + 1, page.write());
        format!("{PATH}?{query}pageNumber={number}&cursor={cursor}")
    });
    Ok(close(shown.into_bytes(), asked, total, next, &token))
}

/// The part of a page that is of one kind.
struct Stretch {
    filter: EntityFilter,
    /// Where the change sequence was when the walk began.
    seq: i64,
    /// It begins after this one.
    after: Option<PagePlace>,
    /// So many before it are left out.
    skip: u64,
    /// How many the page has room for; none when it is full and only the next one is of the kind.
    room: usize,
}

/// What a stretch holds.
#[derive(Default)]
struct Found {
    entities: Vec<StoredEntity>,
    /// Set when there are more: the place after which they stand, nothing for the beginning.
    goes_on_after: Option<Option<PagePlace>>,
}

/// Ends what was begun with `{"entities":[`.
pub(super) fn close(
    mut out: Vec<u8>,
    asked: &Asked,
    total: u64,
    next: Option<String>,
    token: &str,
) -> Answer {
    let rest = json!({
        "pageSize": asked.size,
        "pageNumber": asked.number,
        "total": total,
        "nextUri": next,
        "deltaToken": token,
    });
    let rest = rest.to_string();
    out.extend_from_slice(b"],");
    // Goes on in the object that is open.
    out.extend_from_slice(&rest.as_bytes()[1..]);
    Answer::json(StatusCode::OK, out)
        .with(http::header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))
}

impl Api {
    /// Reads a stretch. One entity more than it holds is looked for, to know whether there is a
    /// next page: how many there were is no guide, because some may have come since.
    async fn stretch(
        &self,
        caller: &Caller,
        asked: &Asked,
        stretch: Stretch,
        now: Timestamp,
    ) -> Result<Found, Refused> {
        let Stretch { filter, seq, after, skip, room } = stretch;
        let roster = &caller.roster;
        let place = |after: PagePlace| Place {
            client: caller.client.clone(),
            seq,
            roster: roster.clone(),
            filter: filter.clone(),
            after,
        };
        // Of whole pages only, and for who follows them.
        let walks = after.clone().filter(|_| room == asked.size);
        let before = walks.as_ref().and_then(|after| self.ahead.take(&place(after.clone()), now));
        let mut run = match before {
            Some(run) if run.entities.len() > room => run,
            before => {
                // A page that is reached by its number takes as long as all before it.
                let _turn = match skip {
                    0 => None,
                    _ => Some(self.heavy.turn(&caller.client).await),
                };
                let reach = before.as_ref().map_or(room, Run::next_reach);
                let found =
                    self.store.entity_page(roster, &filter, after.as_ref(), skip, reach + 1);
                let found = found.await?.into();
                match before {
                    Some(before) => before.then(found, room, now),
                    None => Run::begin(found, room, now),
                }
            }
        };
        if run.entities.len() <= room {
            return Ok(Found { entities: run.entities.into(), goes_on_after: None });
        }
        let mut rest = run.entities.split_off(room);
        if rest.len() <= room {
            // It makes no page. That the walk goes on is all that is kept.
            rest.clear();
        }
        let entities = Vec::from(std::mem::replace(&mut run.entities, rest));
        let last = entities.last().map(StoredEntity::place);
        if let (Some(last), Some(_)) = (&last, walks) {
            self.ahead.keep(place(last.clone()), run, now);
        }
        Ok(Found { entities, goes_on_after: Some(last.or(after)) })
    }

    /// How many a filter admits, counted once for each place of the sequence.
    async fn count(
        &self,
        caller: &Caller,
        filter: EntityFilter,
        seq: ChangeSeq,
    ) -> Result<u64, Refused> {
        let key = (caller.roster.clone(), filter);
        let known = self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        if let Some((of, count)) = known
            && of == seq
        {
            return Ok(count);
        }
        let count = {
            let _turn = self.heavy.turn(&caller.client).await;
            self.store.entity_count(&caller.roster, &key.1).await?
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= API_COUNTS_KEPT_MAX {
            counts.clear();
        }
        counts.insert(key, (seq, count));
        Ok(count)
    }
}

fn describe(it: &mut Description) {
    it.summary(
        "The schedule, page by page, or what changed",
        "Without `since` and `If-Modified-Since`: everything live, in no promised order. Follow \
         `nextUri` as it is: what changes meanwhile comes with the changes since `deltaToken`. \
         Nothing comes twice, but for what is moved to another time meanwhile where `userId`, \
         `scheduleGroupId` or a window is given: then the later one counts. With `since`, or by \
         time: only what changed, in the order of the changes; what was deleted, or is not what \
         the filters ask for any more, has `deleted: true`. Asked by time, a change may come \
         twice, and is never left out.",
    );
    let kinds = EntityKind::ALL.map(EntityKind::as_str);
    it.query_with(
        "kind",
        json!({"type": "array", "items": {"type": "string", "enum": kinds}, "minItems": 1,
               "default": ["shift"]}),
        "Which kinds, separated by commas; employees need the scope `user:read`.",
        json!({"style": "form", "explode": false}),
    );
    it.query("userId", json!({"type": "string"}), "Only this person's.");
    it.query("scheduleGroupId", json!({"type": "string"}), "Only this group's.");
    let instant = || json!({"type": "string", "format": "date-time"});
    it.query("windowStart", instant(), "Only what ends after this instant.");
    it.query("windowEnd", instant(), "Only what starts before this instant.");
    it.query(
        "pageSize",
        json!({"type": "integer", "minimum": 1, "maximum": API_PAGE_ENTITIES_MAX,
               "default": API_PAGE_ENTITIES_DEFAULT}),
        "How many a page holds.",
    );
    it.query(
        "pageNumber",
        json!({"type": "integer", "minimum": 1, "maximum": API_PAGES_MAX, "default": 1}),
        "Which page; far ones are slow to reach like this, and of changes not at all; `nextUri` \
         is neither.",
    );
    it.query(
        "since",
        json!({"type": "string", "pattern": DELTA_PATTERN}),
        "A `deltaToken`: only what changed since.",
    );
    it.header(
        "If-Modified-Since",
        json!({"type": "string"}),
        "A `Last-Modified`: only what changed in that second or later.",
    );
    it.answer::<PageForm>(200, "A page");
    it.empty(304, "Nothing changed");
    it.refuses(&[Code::InvalidParameter, Code::DeltaTokenExpired, Code::PageTooFar]);
}
