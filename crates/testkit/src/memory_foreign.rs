//! What is in people's calendars beside our items, kept in memory.
//!
//! Strict: a change with another etag is refused, so is whatever its owner may not do. It counts
//! who was told what, remembers every change, and loses answers when it is told to. People's side
//! is [`MemoryForeign::put`] and its neighbours.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::{CalendarKey, EventSpan, UtcInterval};
use engine::port::{
    ETag, Failure, FailureClass, ForeignChange, ForeignEvent, ForeignEvents, ForeignRole,
    KeptEvent, RemoteId, Response,
};
use jiff::tz::TimeZone;

/// How the answer to the next request comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// It is carried out, and answered.
    Good,
    /// It is carried out, and the answer gets lost.
    AnswerLost,
    /// It is lost, and so not carried out.
    RequestLost,
    /// It is refused for this reason.
    Refuses(FailureClass),
    /// It is not carried out, and nobody ever hears of it: the moment to kill whoever waits.
    HangsBefore,
    /// It is carried out, and nobody ever hears of it.
    HangsAfter,
}

/// People's calendars.
#[derive(Debug, Default)]
pub struct MemoryForeign {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    events: BTreeMap<(CalendarKey, RemoteId), ForeignEvent>,
    /// Every event as it ever was, under what is kept of it.
    past: BTreeMap<String, ForeignEvent>,
    versions: u64,
    changes: Vec<(RemoteId, ForeignChange)>,
    restored: Vec<RemoteId>,
    looks: u64,
    next: Vec<Line>,
    reading: Option<FailureClass>,
    hangs: bool,
    new_ids: bool,
}

impl State {
    fn keep(&mut self, calendar: &CalendarKey, mut event: ForeignEvent) -> ETag {
        self.versions += 1;
        let etag = ETag(format!("\"{}\"", self.versions));
        event.etag = Some(etag.clone());
        let body = format!("version {}", self.versions);
        event.kept = KeptEvent { id: event.id.clone(), body: body.clone() };
        self.past.insert(body, event.clone());
        self.events.insert((calendar.clone(), event.id.clone()), event);
        etag
    }

    fn line(&mut self) -> Line {
        if self.next.is_empty() { Line::Good } else { self.next.remove(0) }
    }
}

impl MemoryForeign {
    /// Nobody has anything in their calendar.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A person puts an event into their calendar, over one with the same id.
    pub fn put(&self, calendar: &CalendarKey, event: ForeignEvent) {
        self.lock().keep(calendar, event);
    }

    /// A person changes an event; whether it was there.
    pub fn edit(
        &self,
        calendar: &CalendarKey,
        id: &str,
        change: impl FnOnce(&mut ForeignEvent),
    ) -> bool {
        let mut state = self.lock();
        let place = (calendar.clone(), RemoteId(id.into()));
        let Some(mut event) = state.events.get(&place).cloned() else { return false };
        change(&mut event);
        state.keep(calendar, event);
        true
    }

    /// A person removes an event; whether it was there.
    pub fn remove(&self, calendar: &CalendarKey, id: &str) -> bool {
        self.lock().events.remove(&(calendar.clone(), RemoteId(id.into()))).is_some()
    }

    /// One event as it is.
    #[must_use]
    pub fn get(&self, calendar: &CalendarKey, id: &str) -> Option<ForeignEvent> {
        self.lock().events.get(&(calendar.clone(), RemoteId(id.into()))).cloned()
    }

    /// Everything, in order.
    #[must_use]
    pub fn everything(&self) -> Vec<(CalendarKey, ForeignEvent)> {
        let state = self.lock();
        state.events.iter().map(|((it, _), event)| (it.clone(), event.clone())).collect()
    }

    /// Every change that was carried out, in order.
    #[must_use]
    pub fn changes(&self) -> Vec<(RemoteId, ForeignChange)> {
        self.lock().changes.clone()
    }

    /// Every event that was restored, in order.
    #[must_use]
    pub fn restored(&self) -> Vec<RemoteId> {
        self.lock().restored.clone()
    }

    /// How often somebody looked.
    #[must_use]
    pub fn looks(&self) -> u64 {
        self.lock().looks
    }

    /// How the next changes and restorations come out.
    pub fn line(&self, next: impl IntoIterator<Item = Line>) {
        self.lock().next = next.into_iter().collect();
    }

    /// Why nobody can look, or that everybody can.
    pub fn unreadable(&self, why: Option<FailureClass>) {
        self.lock().reading = why;
    }

    /// The next look is never answered: the moment to kill whoever waits.
    pub fn hang_the_next_look(&self) {
        self.lock().hangs = true;
    }

    /// A restored event gets another id, as with a vendor that chooses ids.
    pub fn give_new_ids(&self) {
        self.lock().new_ids = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failure(class: FailureClass) -> Failure {
    let (operation, detail) = ("change an event".to_owned(), "the line says so".to_owned());
    Failure { class, operation, status: None, detail }
}

fn instants(span: &EventSpan) -> Option<UtcInterval> {
    match span {
        EventSpan::Timed(interval) => Some(*interval),
        EventSpan::AllDay { first, end } => {
            domain::time::days_to_interval(*first, *end, &TimeZone::UTC).ok()
        }
    }
}

fn changed(event: &ForeignEvent, change: &ForeignChange) -> Result<Option<ForeignEvent>, Failure> {
    let mut event = event.clone();
    let theirs = match event.role {
        ForeignRole::Owner | ForeignRole::Organiser => true,
        ForeignRole::Attendee(_) => false,
    };
    match change {
        ForeignChange::Delete if theirs => return Ok(None),
        ForeignChange::Decline { .. } if !theirs => {
            event.role = ForeignRole::Attendee(Response::Declined);
        }
        ForeignChange::Move { to, note } if theirs => {
            event.span = *to;
            if let Some(note) = note {
                let body = event.context.body.take().unwrap_or_default();
                event.context.body = Some(format!("{body}\n{note}"));
            }
        }
        ForeignChange::Relabel { of, by } => {
            event.categories.retain(|it| !of.contains(it) && it != by);
            event.categories.push(by.clone());
        }
        ForeignChange::Delete | ForeignChange::Decline { .. } | ForeignChange::Move { .. } => {
            return Err(failure(FailureClass::Refused));
        }
    }
    Ok(Some(event))
}

/// `now` with `change` taken back, which was made to `before`; `None` where it is so already.
fn taken_back(
    now: &ForeignEvent,
    before: &ForeignEvent,
    change: &ForeignChange,
) -> Result<Option<ForeignEvent>, Failure> {
    let mut event = now.clone();
    match change {
        ForeignChange::Delete => return Ok(None),
        ForeignChange::Decline { .. } if now.role == before.role => return Ok(None),
        ForeignChange::Decline { .. } => event.role = before.role,
        ForeignChange::Move { .. } if now.span == before.span => return Ok(None),
        ForeignChange::Move { to, .. } if now.span != *to => {
            return Err(failure(FailureClass::Precondition));
        }
        ForeignChange::Move { note, .. } => {
            event.span = before.span;
            let text = before.context.body.clone().unwrap_or_default();
            let noted = note.as_ref().map(|note| format!("{text}\n{note}"));
            if noted.is_some() && noted == event.context.body {
                event.context.body.clone_from(&before.context.body);
            }
        }
        ForeignChange::Relabel { .. } => return Err(failure(FailureClass::Refused)),
    }
    Ok(Some(event))
}

#[async_trait]
impl ForeignEvents for MemoryForeign {
    async fn overlapping(
        &self,
        calendar: &CalendarKey,
        within: &UtcInterval,
    ) -> Result<Vec<ForeignEvent>, Failure> {
        let hangs = std::mem::take(&mut self.lock().hangs);
        if hangs {
            return std::future::pending().await;
        }
        let mut state = self.lock();
        state.looks += 1;
        if let Some(class) = &state.reading {
            return Err(failure(class.clone()));
        }
        let inside =
            |event: &ForeignEvent| instants(&event.span).is_some_and(|it| it.overlaps(within));
        let events = state.events.iter().filter(|((it, _), event)| it == calendar && inside(event));
        // In no particular order.
        Ok(events.map(|(_, event)| event.clone()).rev().collect())
    }

    async fn find(
        &self,
        calendar: &CalendarKey,
        id: &RemoteId,
    ) -> Result<Option<ForeignEvent>, Failure> {
        let mut state = self.lock();
        state.looks += 1;
        if let Some(class) = &state.reading {
            return Err(failure(class.clone()));
        }
        Ok(state.events.get(&(calendar.clone(), id.clone())).cloned())
    }

    async fn change(
        &self,
        calendar: &CalendarKey,
        event: &ForeignEvent,
        change: &ForeignChange,
    ) -> Result<Option<ETag>, Failure> {
        let line = self.lock().line();
        if line == Line::HangsBefore {
            return std::future::pending().await;
        }
        let answer = self.carry_out(&line, calendar, event, change);
        if line == Line::HangsAfter {
            return std::future::pending().await;
        }
        answer
    }

    async fn restore(
        &self,
        calendar: &CalendarKey,
        kept: &KeptEvent,
        change: &ForeignChange,
    ) -> Result<RemoteId, Failure> {
        let line = self.lock().line();
        if line == Line::HangsBefore {
            return std::future::pending().await;
        }
        let answer = self.put_back(&line, calendar, kept, change);
        if line == Line::HangsAfter {
            return std::future::pending().await;
        }
        answer
    }
}

impl MemoryForeign {
    fn carry_out(
        &self,
        line: &Line,
        calendar: &CalendarKey,
        event: &ForeignEvent,
        change: &ForeignChange,
    ) -> Result<Option<ETag>, Failure> {
        let mut state = self.lock();
        match line {
            Line::RequestLost => return Err(failure(FailureClass::Unknown)),
            Line::Refuses(class) => return Err(failure(class.clone())),
            Line::Good | Line::AnswerLost | Line::HangsBefore | Line::HangsAfter => {}
        }
        let place = (calendar.clone(), event.id.clone());
        let Some(there) = state.events.get(&place).cloned() else {
            return Err(failure(FailureClass::Missing));
        };
        if there.etag != event.etag {
            return Err(failure(FailureClass::Precondition));
        }
        let etag = match changed(&there, change)? {
            None => {
                state.events.remove(&place);
                None
            }
            Some(event) => Some(state.keep(calendar, event)),
        };
        state.changes.push((event.id.clone(), change.clone()));
        if *line == Line::AnswerLost { Err(failure(FailureClass::Unknown)) } else { Ok(etag) }
    }

    fn put_back(
        &self,
        line: &Line,
        calendar: &CalendarKey,
        kept: &KeptEvent,
        change: &ForeignChange,
    ) -> Result<RemoteId, Failure> {
        let mut state = self.lock();
        match line {
            Line::RequestLost => return Err(failure(FailureClass::Unavailable)),
            Line::Refuses(class) => return Err(failure(class.clone())),
            Line::Good | Line::AnswerLost | Line::HangsBefore | Line::HangsAfter => {}
        }
        let Some(mut event) = state.past.get(&kept.body).cloned() else {
            return Err(failure(FailureClass::Bug));
        };
        match state.events.get(&(calendar.clone(), event.id.clone())) {
            Some(now) => match taken_back(now, &event, change)? {
                Some(back) => event = back,
                None => return Ok(kept.id.clone()),
            },
            None if *change == ForeignChange::Delete => {
                if state.new_ids {
                    event.id = RemoteId(format!("{}-again", event.id));
                }
            }
            None => return Err(failure(FailureClass::Missing)),
        }
        let id = event.id.clone();
        state.keep(calendar, event);
        state.restored.push(id.clone());
        if *line == Line::AnswerLost { Err(failure(FailureClass::Unknown)) } else { Ok(id) }
    }
}
