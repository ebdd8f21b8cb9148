//! `calendarView/delta`: rounds of pages, opaque tokens, and what is gone.
//!
//! A token carries the range. After the first round everything that changed in the calendar is
//! told: what lies in the range as it is, everything else as removed, also what never was in it
//! (Learn, "event: delta").

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::read::{Query, in_range, range};
use super::route::Room;
use super::{Mailbox, series};
use crate::graph::error;
use crate::graph::http::Reply;

/// Where a round is.
struct Token {
    range: (Timestamp, Timestamp),
    epoch: u64,
    /// What changed after this is told; `None` in a first round.
    since: Option<u64>,
    /// What changed after this is left to the next round.
    until: u64,
    /// So many were told in this round.
    told: usize,
}

impl Token {
    fn text(&self, calendar: &str) -> String {
        let Self { range: (start, end), epoch, since, until, told } = self;
        let since = since.map_or(-1, |it| i64::try_from(it).unwrap_or(i64::MAX));
        let text = format!("{start} {end} {epoch} {since} {until} {told} {calendar}");
        URL_SAFE_NO_PAD.encode(text)
    }

    fn read(text: &str, calendar: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = text.splitn(7, ' ');
        let mut next = || parts.next();
        let range = (next()?.parse().ok()?, next()?.parse().ok()?);
        let epoch = next()?.parse().ok()?;
        let since: i64 = next()?.parse().ok()?;
        let (until, told) = (next()?.parse().ok()?, next()?.parse().ok()?);
        (next()? == calendar).then_some(())?;
        Some(Self { range, epoch, since: u64::try_from(since).ok(), until, told })
    }
}

/// Answers one page of a round.
pub(super) fn answer(room: &Room<'_>, calendar: &str) -> Result<Reply, Reply> {
    let query = Query::of(room)?;
    if query.shapes {
        let message = "$select, $expand, $filter, $orderby and $search are not supported here.";
        return Err(error::plain(400, "ErrorInvalidUrlQuery", message));
    }
    room.read(|mailbox| {
        let token = match &query.token {
            None => {
                let range = range(&query)?;
                Token { range, epoch: mailbox.epoch, since: None, until: mailbox.seq, told: 0 }
            }
            Some((kind, text)) => {
                let token = Token::read(text, calendar).filter(|it| it.epoch == mailbox.epoch);
                let token = token.ok_or_else(|| expired(room))?;
                match *kind {
                    "delta" => {
                        Token { since: Some(token.until), until: mailbox.seq, told: 0, ..token }
                    }
                    _ => token,
                }
            }
        };
        Ok(page(room, mailbox, calendar, token))
    })
}

fn page(room: &Room<'_>, mailbox: &Mailbox, calendar: &str, token: Token) -> Reply {
    let mut all = changes(room, mailbox, calendar, &token);
    if room.options().delta_repeats {
        all = all.iter().rev().chain(&all).cloned().collect();
    }
    let size = room.page_size();
    let more = all.len() > token.told + size;
    let told = token.told;
    let value: Vec<Value> = all.into_iter().skip(told).take(size).collect();
    let next = Token { told: told + value.len(), ..token };
    let (name, parameter) =
        if more { ("@odata.nextLink", "$skiptoken") } else { ("@odata.deltaLink", "$deltatoken") };
    let link = format!("{}?{parameter}={}", room.url(), next.text(calendar));
    let context = format!("{}/$metadata#Collection(event)", room.call.root());
    Reply::json(200, json!({ "@odata.context": context, "value": value, name: link }))
}

fn changes(room: &Room<'_>, mailbox: &Mailbox, calendar: &str, token: &Token) -> Vec<Value> {
    let there = in_range(mailbox, calendar, token.range);
    let Some(since) = token.since else {
        let mut there = there;
        there.sort_by(|a, b| a.id.cmp(&b.id));
        return there.iter().map(|it| room.shown(mailbox, it, &[])).collect();
    };
    let mut told = Vec::new();
    for id in mailbox.distinct_since(since, calendar) {
        let series: Vec<_> = match mailbox.events.get(id) {
            Some(event) if event.series.is_some() && event.calendar == calendar => {
                series::days(event)
                    .into_iter()
                    .map(|(day, _)| series::occurrence_id(id, day))
                    .collect()
            }
            _ => vec![id.to_owned()],
        };
        for id in series {
            match there.iter().find(|it| it.id == id) {
                Some(event) => told.push(room.shown(mailbox, event, &[])),
                None => {
                    let shown = mailbox.shown_id(&id, calendar, room.immutable);
                    told.push(json!({ "@removed": { "reason": "deleted" }, "id": shown }));
                }
            }
        }
        // What became a series is no event of its own any more.
        if mailbox.events.get(id).is_some_and(|it| it.series.is_some()) {
            let shown = mailbox.shown_id(id, calendar, room.immutable);
            told.push(json!({ "@removed": { "reason": "deleted" }, "id": shown }));
        }
    }
    told
}

/// 410, with where to begin anew.
fn expired(room: &Room<'_>) -> Reply {
    let message = "The sync state generation is not found; a full sync is needed.";
    let reply = error::plain(410, "syncStateNotFound", message);
    reply.header("location", format!("{}?$deltatoken=", room.url()))
}
