//! The way to people's own events as one process sees it: as lossy as the way to our items, and
//! held to what a policy may do.

use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use domain::{CalendarKey, UtcInterval};
use engine::port::{
    Clock, ETag, Failure, FailureClass, ForeignChange, ForeignEvent, ForeignEvents, KeptEvent,
    RemoteId,
};

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
    /// One request. What reaches the calendars does so when it is sent; its caller may die before
    /// it hears of it.
    async fn exchange<T>(
        &self,
        request: Request,
        calendar: &CalendarKey,
        effect: impl FnOnce(&mut Strangers) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        give_way().await;
        let wire = &self.wire;
        let (calendar, key) = (calendar.clone(), None);
        let fate = wire.fate(&Call { request, verb: None, calendar, key, remote: None });
        let answer = match fate {
            Fate::Fails(class) => Err(failure(class)),
            Fate::Answered => self.carry_out(effect),
            Fate::LostAnswer | Fate::TooLate => {
                let _lost = self.carry_out(effect);
                Err(failure(FailureClass::Unknown))
            }
        };
        wire.clock.sleep_until(wire.clock.now() + wire.latency()).await;
        answer
    }

    fn carry_out<T>(
        &self,
        effect: impl FnOnce(&mut Strangers) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Some(strangers) = &self.wire.strangers else { return Err(failure(FailureClass::Bug)) };
        effect(&mut strangers.lock().unwrap_or_else(PoisonError::into_inner))
    }
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
        let look = |it: &mut Strangers| at_once(it.foreign.overlapping(calendar, within));
        self.exchange(Request::Read, calendar, look).await
    }

    async fn find(
        &self,
        calendar: &CalendarKey,
        id: &RemoteId,
    ) -> Result<Option<ForeignEvent>, Failure> {
        let find = |it: &mut Strangers| at_once(it.foreign.find(calendar, id));
        self.exchange(Request::Read, calendar, find).await
    }

    async fn change(
        &self,
        calendar: &CalendarKey,
        event: &ForeignEvent,
        change: &ForeignChange,
    ) -> Result<Option<ETag>, Failure> {
        let (store, mirror) = (self.wire.store(), self.wire.mirror.clone());
        let make = |strangers: &mut Strangers| {
            let before = strangers.foreign.get(calendar, &event.id.0);
            let before = before.filter(|it| it.etag == event.etag);
            if before.is_some() {
                strangers.check_change((&store, &mirror), (calendar, &event.id), change);
            }
            let etag = at_once(strangers.foreign.change(calendar, event, change))?;
            if let Some(before) = before {
                strangers.changed(calendar, before, change);
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
        let restore = |strangers: &mut Strangers| {
            let at = at_once(strangers.foreign.restore(calendar, kept, change))?;
            strangers.was_restored(calendar, &at);
            Ok(at)
        };
        self.exchange(Request::Change, calendar, restore).await
    }
}
