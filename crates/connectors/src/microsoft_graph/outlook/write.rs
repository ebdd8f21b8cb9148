//! Writing events: one request each, or many in a batch, and what their answers mean.
//!
//! Making one names a `transactionId`, so that Graph gives the event that is there when an answer
//! was lost. Then it may show something older, which is put right, or it may have been moved to
//! another calendar by a person: ours goes there, and it is made anew here.

use std::sync::Arc;

use domain::{CalendarEvent, CalendarKey, MirrorName};
use engine::port::{
    Content, ETag, Failure, FailureClass, Item, RemoteId, Write, WriteWhat, Written,
};
use http::Method;
use serde_json::Value;

use super::call::{Call, Caller, failure, if_match};
use super::mailbox::{Mailboxes, mailbox_path};
use super::wire::Event;
use super::{map, read};
use crate::microsoft_graph::classify::About;
use crate::microsoft_graph::client::{Ask, GraphAnswer, GraphFailure, Version, segment};

/// Writes the events of one mirror.
#[derive(Debug)]
pub struct Writer {
    /// The way to Graph.
    pub caller: Arc<Caller>,
    /// Which calendars.
    pub mailboxes: Arc<Mailboxes>,
    /// Of which mirror.
    pub mirror: MirrorName,
}

type Outcome = Result<Option<Written>, Failure>;

impl Writer {
    /// Carries out one write.
    ///
    /// # Errors
    /// [`Failure`], classified.
    pub async fn write(&self, write: &Write) -> Outcome {
        let call = self.call(write).await?;
        let answer = self.caller.send(&call).await;
        self.finish(write, answer).await
    }

    /// Carries out several writes, of one or several mailboxes, in one request.
    pub async fn write_all(&self, writes: &[Write]) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(writes.len());
        let mut calls = Vec::with_capacity(writes.len());
        for write in writes {
            match self.call(write).await {
                Ok(call) => {
                    calls.push(call);
                    outcomes.push(None);
                }
                Err(failure) => outcomes.push(Some(Err(failure))),
            }
        }
        let mut answers = self.caller.send_all(&calls).await.into_iter();
        let mut finished = Vec::with_capacity(writes.len());
        for (write, outcome) in writes.iter().zip(outcomes) {
            finished.push(match (outcome, write) {
                (Some(outcome), _) => outcome,
                (None, write) => match answers.next() {
                    Some(answer) => self.finish(write, answer).await,
                    None => Err(unknown(&write.calendar, "the batch said nothing of it")),
                },
            });
        }
        finished
    }

    async fn call(&self, write: &Write) -> Result<Call, Failure> {
        let Write { calendar, what } = write;
        let path = self.mailboxes.path(calendar).await?;
        let at = |remote: &RemoteId| format!("{path}/events/{}", segment(&remote.0));
        let ask = match what {
            WriteWhat::Create(item) => {
                let made_as = self.made_as(calendar, item);
                let mut body = map::body(event_of(calendar, item)?, &item.origin, &made_as);
                if let Value::Object(map) = &mut body {
                    map.insert("transactionId".into(), made_as.into());
                }
                let operation = format!("make an event in mailbox `{calendar}`");
                Ask::new(Method::POST, Version::V1, format!("{path}/events"), operation).json(&body)
            }
            WriteWhat::Update { remote, etag, item } => {
                let made_as = self.made_as(calendar, item);
                let body = map::body(event_of(calendar, item)?, &item.origin, &made_as);
                let operation = format!("change an event in mailbox `{calendar}`");
                let ask = Ask::new(Method::PATCH, Version::V1, at(remote), operation);
                if_match(ask.about(About::Item).json(&body), etag.as_ref())
            }
            WriteWhat::Delete { remote, etag } => {
                let operation = format!("remove an event from mailbox `{calendar}`");
                let ask = Ask::new(Method::DELETE, Version::V1, at(remote), operation);
                if_match(ask.about(About::Item), etag.as_ref())
            }
        };
        Ok(self.mailboxes.call(calendar, ask))
    }

    fn made_as(&self, calendar: &CalendarKey, item: &Item) -> String {
        let tag = &item.origin;
        map::transaction_id(&self.mirror, calendar, &tag.item(), tag.generation)
    }

    async fn finish(&self, write: &Write, answer: Result<GraphAnswer, GraphFailure>) -> Outcome {
        let Write { calendar, what } = write;
        match (what, answer) {
            (WriteWhat::Create(item), Ok(answer)) => {
                let made: Event = answer.json()?;
                self.made(calendar, item, made).await.map(Some)
            }
            (WriteWhat::Create(_), Err(failure)) => {
                let told = failure.told.clone();
                let failure = self.mailboxes.doubting(calendar, failure.into());
                Err(match (&failure.class, failure.status) {
                    // Without a precondition it means nothing but that Exchange is busy
                    // (msgraph-sdk-dotnet#1201).
                    (FailureClass::Precondition, Some(412)) => {
                        Failure { class: FailureClass::Unavailable, ..failure }
                    }
                    (FailureClass::Precondition, _) if told.has("ErrorConcurrentItemSave") => {
                        Failure { class: FailureClass::Unknown, ..failure }
                    }
                    (FailureClass::Precondition, _) => {
                        Failure { class: FailureClass::Duplicate { at: None }, ..failure }
                    }
                    _ => failure,
                })
            }
            (WriteWhat::Update { .. }, Ok(answer)) => {
                let changed: Event = answer.json()?;
                if changed.kind.as_deref().is_some_and(|it| it != "singleInstance") {
                    // Somebody made a series of it: what remains of that goes, and it is made anew.
                    self.remove(calendar, &changed.id).await?;
                    let operation = format!("change an event in mailbox `{calendar}`");
                    let detail = "it was made a series, which was removed";
                    return Err(failure_of(FailureClass::Missing, operation, detail));
                }
                Ok(Some(written(&changed)))
            }
            (WriteWhat::Delete { .. }, Ok(_)) => Ok(None),
            (WriteWhat::Update { .. } | WriteWhat::Delete { .. }, Err(failure)) => {
                Err(self.mailboxes.doubting(calendar, failure.into()))
            }
        }
    }

    /// What an answer to a making means: it is the new one, or one that was there.
    async fn made(
        &self,
        calendar: &CalendarKey,
        item: &Item,
        made: Event,
    ) -> Result<Written, Failure> {
        let (untouched, id) = (is_untouched(&made), made.id.clone());
        let found = if untouched { Some(made) } else { self.found(calendar, &id).await? };
        let Some(found) = found else {
            self.remove(calendar, &id).await?;
            let operation = format!("make an event in mailbox `{calendar}`");
            let detail = "it was moved to another calendar, and was removed there";
            return Err(failure_of(FailureClass::Duplicate { at: None }, operation, detail));
        };
        // It may show something older, or somebody's tool may have stripped its tag. An answer to a
        // making tells no tags.
        let shown = map::event(&found).map(|it| it.fingerprint());
        let sent = map::as_read(event_of(calendar, item)?).fingerprint();
        let tagged = untouched || map::origin(&found, calendar).as_ref() == Some(&item.origin);
        if tagged && shown == Some(sent) {
            return Ok(written(&found));
        }
        let what = WriteWhat::Update {
            remote: RemoteId(found.id.clone()),
            etag: found.etag.clone().map(ETag),
            item: item.clone(),
        };
        let call = self.call(&Write { calendar: calendar.clone(), what }).await?;
        let changed: Event =
            self.caller.send(&call).await.map_err(|it| in_doubt(it.into()))?.json()?;
        Ok(written(&changed))
    }

    /// An event with its marks, if it is in our calendar.
    async fn found(&self, calendar: &CalendarKey, id: &str) -> Result<Option<Event>, Failure> {
        let path = self.mailboxes.path(calendar).await?;
        let operation = format!("look for an event in mailbox `{calendar}`");
        let asked = read::query(&[("$expand", &read::expand())]);
        let path = format!("{path}/events/{}?{asked}", segment(id));
        let call = self.mailboxes.call(calendar, Ask::get(path, operation).about(About::Item));
        match self.caller.send(&call).await {
            Ok(answer) => Ok(Some(answer.json()?)),
            Err(failure) if failure.failure.class == FailureClass::Missing => Ok(None),
            Err(failure) => Err(in_doubt(failure.into())),
        }
    }

    /// Removes an event of ours, in whichever calendar of the mailbox it is.
    async fn remove(&self, calendar: &CalendarKey, id: &str) -> Result<(), Failure> {
        let path = format!("{}/events/{}", mailbox_path(calendar), segment(id));
        let operation = format!("remove an event from mailbox `{calendar}`");
        let ask = Ask::new(Method::DELETE, Version::V1, path, operation).about(About::Item);
        match self.caller.send(&self.mailboxes.call(calendar, ask)).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.failure.class == FailureClass::Missing => Ok(()),
            Err(failure) => Err(in_doubt(failure.into())),
        }
    }
}

/// After a making that was answered, whatever goes wrong leaves it in doubt.
fn in_doubt(failure: Failure) -> Failure {
    match failure.class {
        FailureClass::Throttled { .. } | FailureClass::Unauthorised => failure,
        FailureClass::Unavailable
        | FailureClass::Unknown
        | FailureClass::Precondition
        | FailureClass::Duplicate { .. }
        | FailureClass::Missing
        | FailureClass::CalendarMissing
        | FailureClass::DeltaExpired
        | FailureClass::Forbidden
        | FailureClass::Refused
        | FailureClass::Unsupported
        | FailureClass::Bug => Failure { class: FailureClass::Unknown, ..failure },
    }
}

/// Whether nobody changed it since it was made.
fn is_untouched(event: &Event) -> bool {
    event.created_date_time.is_some() && event.created_date_time == event.last_modified_date_time
}

fn written(event: &Event) -> Written {
    Written {
        remote_id: RemoteId(event.id.clone()),
        etag: map::etag(event),
        echoed: map::event(event).map(|it| it.fingerprint()),
    }
}

fn event_of<'a>(calendar: &CalendarKey, item: &'a Item) -> Result<&'a CalendarEvent, Failure> {
    match &item.content {
        Content::Event(event) => Ok(event),
        Content::Schedule(_) => {
            let operation = format!("write to mailbox `{calendar}`");
            Err(failure(FailureClass::Bug, operation, "an item of a schedule is no event"))
        }
    }
}

fn failure_of(class: FailureClass, operation: String, detail: &str) -> Failure {
    failure(class, operation, detail)
}

fn unknown(calendar: &CalendarKey, detail: &str) -> Failure {
    failure(FailureClass::Unknown, format!("write to mailbox `{calendar}`"), detail)
}
