//! Writing events: one request each, or many in a batch, and what their answers mean.
//!
//! Making one names a `transactionId`, so that Graph gives the event that is there when an answer
//! was lost. Then it may show something older, or its marks may have been stripped, which is put
//! right; or a person moved it to another calendar: ours goes there, and it is made anew here.
//!
//! Whether an answer is of a new event or of one that was there is told by a mark that names the
//! request ([`map::MADE`]), which the answer shows because it is asked to (Learn, "Create
//! single-value property"; `calendars.md` §1.1). Times do not tell: Exchange goes on writing to an
//! event after it made it (Learn, "Create event": `lastModifiedDateTime` half a second after
//! `createdDateTime`). An answer without the mark is looked at, all those of a batch in one.

use std::sync::Arc;

use domain::{CalendarEvent, CalendarKey, MirrorName};
use engine::port::{
    Content, ETag, Failure, FailureClass, Item, RemoteId, Write, WriteWhat, Written,
};
use http::Method;

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

/// What a first answer came to.
enum Came {
    /// An end.
    To(Outcome),
    /// A series that somebody made of our event, by its id.
    ToSeries(String),
    /// An event that may have been there before, by its id.
    ToOneThatWasThere(String),
}

impl Writer {
    /// Carries out one write.
    ///
    /// # Errors
    /// [`Failure`], classified.
    pub async fn write(&self, write: &Write) -> Outcome {
        let outcome = self.write_all(std::slice::from_ref(write)).await.pop();
        outcome.unwrap_or_else(|| Err(unknown(&write.calendar, "nothing was said of it")))
    }

    /// Carries out several writes, of one or several mailboxes, in one request; and in another one
    /// what only a look can tell.
    pub async fn write_all(&self, writes: &[Write]) -> Vec<Outcome> {
        let mut came: Vec<Option<Came>> = Vec::with_capacity(writes.len());
        let (mut calls, mut ids) = (Vec::with_capacity(writes.len()), Vec::new());
        for write in writes {
            let id = self.caller.connection().graph().random_id();
            came.push(match self.call(write, &id).await {
                Ok(call) => {
                    calls.push(call);
                    ids.push(id);
                    None
                }
                Err(failure) => Some(Came::To(Err(failure))),
            });
        }
        let mut answers = ids.iter().zip(self.caller.send_all(&calls).await);
        for (write, came) in writes.iter().zip(&mut came).filter(|(_, it)| it.is_none()) {
            *came = Some(match answers.next() {
                Some((id, answer)) => self.came_of(write, id, answer),
                None => Came::To(Err(unknown(&write.calendar, "the batch said nothing of it"))),
            });
        }
        let came: Vec<Came> = came.into_iter().flatten().collect();
        let mut looked = self.look_at_doubtful(writes, &came).await.into_iter();
        let mut outcomes = Vec::with_capacity(writes.len());
        for (write, came) in writes.iter().zip(came) {
            outcomes.push(match came {
                Came::To(outcome) => outcome,
                Came::ToSeries(id) => self.remove_series(&write.calendar, &id).await,
                Came::ToOneThatWasThere(id) => match looked.next() {
                    Some(found) => self.made_before(write, &id, found).await.map(Some),
                    None => Err(unknown(&write.calendar, "nobody looked at it")),
                },
            });
        }
        outcomes
    }

    async fn call(&self, write: &Write, id: &str) -> Result<Call, Failure> {
        let Write { calendar, what, not_after: _ } = write;
        let path = self.mailboxes.path(calendar).await?;
        let at = |remote: &RemoteId| format!("{path}/events/{}", segment(&remote.0));
        let ask = match what {
            WriteWhat::Create(item) => {
                let event = event_of(calendar, item)?;
                let body = map::new_body(event, &item.origin, &self.made_as(item), id);
                let asked = read::query(&[("$expand", &read::expanding(&[map::MADE]))]);
                let operation = format!("make an event in mailbox `{calendar}`");
                let path = format!("{path}/events?{asked}");
                Ask::new(Method::POST, Version::V1, path, operation).json(&body)
            }
            WriteWhat::Update { remote, etag, item } => {
                let body = map::body(event_of(calendar, item)?, &item.origin, &self.made_as(item));
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

    fn made_as(&self, item: &Item) -> String {
        let tag = &item.origin;
        map::transaction_id(&self.mirror, &tag.item(), tag.generation)
    }

    fn came_of(&self, write: &Write, id: &str, answer: Result<GraphAnswer, GraphFailure>) -> Came {
        let Write { calendar, what, not_after: _ } = write;
        let failed = |failure: Failure| Came::To(Err(self.mailboxes.doubting(calendar, failure)));
        match (what, answer) {
            (WriteWhat::Create(_), Ok(answer)) => match answer.json::<Event>() {
                Ok(made) if map::mark(&made, map::MADE) == Some(id) => {
                    Came::To(Ok(Some(written(&made))))
                }
                Ok(made) => Came::ToOneThatWasThere(made.id),
                Err(failure) => Came::To(Err(failure.into())),
            },
            (WriteWhat::Create(_), Err(failure)) => failed(not_made(failure)),
            (WriteWhat::Update { .. }, Ok(answer)) => match answer.json::<Event>() {
                Ok(it) if it.kind.as_deref().is_some_and(|kind| kind != "singleInstance") => {
                    Came::ToSeries(it.id)
                }
                Ok(changed) => Came::To(Ok(Some(written(&changed)))),
                Err(failure) => Came::To(Err(failure.into())),
            },
            (WriteWhat::Delete { .. }, Ok(_)) => Came::To(Ok(None)),
            (WriteWhat::Update { .. } | WriteWhat::Delete { .. }, Err(failure)) => {
                failed(failure.into())
            }
        }
    }

    /// Reads those with their marks that may not be new, in our calendars.
    async fn look_at_doubtful(
        &self,
        writes: &[Write],
        came: &[Came],
    ) -> Vec<Result<GraphAnswer, Failure>> {
        let asked = read::query(&[("$expand", &read::expand())]);
        let mut calls: Vec<Result<Call, Failure>> = Vec::new();
        for (Write { calendar, .. }, came) in writes.iter().zip(came) {
            let Came::ToOneThatWasThere(id) = came else { continue };
            calls.push(self.mailboxes.path(calendar).await.map(|path| {
                let operation = format!("look for an event in mailbox `{calendar}`");
                let path = format!("{path}/events/{}?{asked}", segment(id));
                self.mailboxes.call(calendar, Ask::get(path, operation).about(About::Item))
            }));
        }
        let sent: Vec<Call> = calls.iter().filter_map(|it| it.clone().ok()).collect();
        let mut answers = self.caller.send_all(&sent).await.into_iter();
        let answers = calls.into_iter().map(|call| {
            let call = call?;
            match answers.next() {
                Some(answer) => answer.map_err(Failure::from),
                None => Err(unknown_of(&call.mailbox)),
            }
        });
        answers.collect()
    }

    /// What it means that a making was answered with an event that was there.
    async fn made_before(
        &self,
        write: &Write,
        id: &str,
        found: Result<GraphAnswer, Failure>,
    ) -> Result<Written, Failure> {
        let Write { calendar, what, not_after: _ } = write;
        let WriteWhat::Create(item) = what else {
            return Err(unknown(calendar, "only what is made can have been there"));
        };
        let found: Event = match found {
            Ok(answer) => answer.json()?,
            Err(failure) if failure.class == FailureClass::Missing => {
                self.remove(calendar, id).await?;
                let operation = format!("make an event in mailbox `{calendar}`");
                let detail = "it was moved to another calendar, and was removed there";
                return Err(failure_of(FailureClass::Duplicate { at: None }, operation, detail));
            }
            Err(failure) => return Err(in_doubt(failure)),
        };
        let shown = map::event(&found).map(|it| it.fingerprint());
        let sent = map::as_read(event_of(calendar, item)?).fingerprint();
        if map::origin(&found).as_ref() == Some(&item.origin) && shown == Some(sent) {
            return Ok(written(&found));
        }
        let what = WriteWhat::Update {
            remote: RemoteId(found.id.clone()),
            etag: found.etag.clone().map(ETag),
            item: item.clone(),
        };
        let call = self
            .call(&Write { calendar: calendar.clone(), what, not_after: jiff::Timestamp::MAX }, "")
            .await?;
        let changed: Event =
            self.caller.send(&call).await.map_err(|it| in_doubt(it.into()))?.json()?;
        Ok(written(&changed))
    }

    /// Somebody made a series of an event of ours: what remains of that goes, and it is made anew.
    async fn remove_series(&self, calendar: &CalendarKey, id: &str) -> Outcome {
        self.remove(calendar, id).await?;
        let operation = format!("change an event in mailbox `{calendar}`");
        let detail = "it was made a series, which was removed";
        Err(failure_of(FailureClass::Missing, operation, detail))
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
        | FailureClass::TooLate
        | FailureClass::Forbidden
        | FailureClass::OwnerMissing
        | FailureClass::Refused
        | FailureClass::Unsupported
        | FailureClass::Bug => Failure { class: FailureClass::Unknown, ..failure },
    }
}

/// What it means that an event was not made.
fn not_made(GraphFailure { failure, told }: GraphFailure) -> Failure {
    // Said with 400 by some and with 409 by others: this `transactionId` was used up.
    if told.has("ErrorDuplicateTransactionId") {
        return Failure { class: FailureClass::Duplicate { at: None }, ..failure };
    }
    match (&failure.class, failure.status) {
        // Without a precondition it means nothing but that Exchange is busy (msgraph-sdk-dotnet
        // #1201).
        (FailureClass::Precondition, Some(412)) => {
            Failure { class: FailureClass::Unavailable, ..failure }
        }
        // `ConcurrentItemSave`, however it is spelled (`calendars.md` §1.5), and whatever else
        // there may be: another request may be making it.
        (FailureClass::Precondition, _) => Failure { class: FailureClass::Unknown, ..failure },
        _ => failure,
    }
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

fn unknown_of(mailbox: &str) -> Failure {
    let operation = format!("look for an event in mailbox `{mailbox}`");
    failure(FailureClass::Unknown, operation, "the batch said nothing of it")
}

fn unknown(calendar: &CalendarKey, detail: &str) -> Failure {
    failure(FailureClass::Unknown, format!("write to mailbox `{calendar}`"), detail)
}
