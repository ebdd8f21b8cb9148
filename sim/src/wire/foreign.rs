//! The way to people's own events as one process sees it: as lossy as the way to our items, and
//! held to what a policy may do.

use std::sync::Arc;

use async_trait::async_trait;
use domain::limits::REQUEST_TIMEOUT;
use domain::{CalendarKey, UtcInterval};
use engine::port::{
    Clock, ETag, Failure, FailureClass, ForeignChange, ForeignEvent, ForeignEvents, KeptEvent,
    RemoteId,
};
use jiff::SignedDuration;

use super::target::at_once;
use super::{Call, Wire};
use crate::executor::give_way;
use crate::faults::{Fate, Request};
use crate::strangers::Strangers;

/// People's own events as one process sees them.
pub struct ShakyForeign {
    /// The way there.
    pub wire: Arc<Wire>,
}

impl ShakyForeign {
    /// One request. Its effect comes when it is sent or, in some worlds, after nobody waits for it
    /// any more; its caller may die before it hears of it.
    async fn exchange<T: Send + 'static>(
        &self,
        request: Request,
        calendar: &CalendarKey,
        effect: impl FnOnce(&mut Strangers) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        give_way().await;
        let wire = &self.wire;
        let (calendar, key) = (calendar.clone(), None);
        let fate = wire.fate(&Call { request, verb: None, calendar, key, remote: None });
        let answer = match fate {
            Fate::Fails(class) => Err(failure(class)),
            Fate::Answered => carry_out(wire, effect),
            Fate::LostAnswer => {
                let _lost = carry_out(wire, effect);
                Err(failure(FailureClass::Unknown))
            }
            Fate::TooLate => {
                let timeout = SignedDuration::try_from(REQUEST_TIMEOUT).unwrap_or_default();
                let given_up = wire.clock.now() + timeout;
                let (wire, landing) = (Arc::clone(wire), given_up + wire.latency() * 3);
                let deliveries = self.wire.deliveries.clone();
                deliveries.spawn(Box::pin(async move {
                    wire.clock.sleep_until(landing).await;
                    let _lost = carry_out(&wire, effect);
                }));
                self.wire.clock.sleep_until(given_up).await;
                return Err(failure(FailureClass::Unknown));
            }
        };
        wire.clock.sleep_until(wire.clock.now() + wire.latency()).await;
        answer
    }
}

fn carry_out<T>(
    wire: &Wire,
    effect: impl FnOnce(&mut Strangers) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let Some(mut strangers) = wire.strangers() else { return Err(failure(FailureClass::Bug)) };
    effect(&mut strangers)
}

fn failure(class: FailureClass) -> Failure {
    let operation = "do what was asked of an event".to_owned();
    Failure { class, operation, status: None, detail: "something went wrong".into() }
}

#[async_trait]
impl ForeignEvents for ShakyForeign {
    async fn overlapping(
        &self,
        calendar: &CalendarKey,
        within: &UtcInterval,
    ) -> Result<Vec<ForeignEvent>, Failure> {
        let (name, within) = (calendar.clone(), *within);
        let look = move |it: &mut Strangers| at_once(it.foreign.overlapping(&name, &within));
        self.exchange(Request::Read, calendar, look).await
    }

    async fn find(
        &self,
        calendar: &CalendarKey,
        id: &RemoteId,
    ) -> Result<Option<ForeignEvent>, Failure> {
        let (name, id) = (calendar.clone(), id.clone());
        let find = move |it: &mut Strangers| at_once(it.foreign.find(&name, &id));
        self.exchange(Request::Read, calendar, find).await
    }

    async fn change(
        &self,
        calendar: &CalendarKey,
        event: &ForeignEvent,
        change: &ForeignChange,
    ) -> Result<Option<ETag>, Failure> {
        let (store, mirror) = (self.wire.store(), self.wire.mirror.clone());
        let (name, event, change) = (calendar.clone(), event.clone(), change.clone());
        let make = move |strangers: &mut Strangers| {
            let before = strangers.foreign.get(&name, &event.id.0);
            let before = before.filter(|it| it.etag == event.etag);
            if before.is_some() {
                strangers.check_change((&store, &mirror), (&name, &event.id), &change);
            }
            let etag = at_once(strangers.foreign.change(&name, &event, &change))?;
            if let Some(before) = before {
                strangers.changed(&name, before, &change);
            }
            Ok(etag)
        };
        self.exchange(Request::Change, calendar, make).await
    }

    async fn restore(
        &self,
        calendar: &CalendarKey,
        kept: &KeptEvent,
        change: &ForeignChange,
    ) -> Result<RemoteId, Failure> {
        let (name, kept, change) = (calendar.clone(), kept.clone(), change.clone());
        let restore = move |strangers: &mut Strangers| {
            let at = at_once(strangers.foreign.restore(&name, &kept, &change))?;
            strangers.was_restored(&name, &at);
            Ok(at)
        };
        self.exchange(Request::Change, calendar, restore).await
    }
}
