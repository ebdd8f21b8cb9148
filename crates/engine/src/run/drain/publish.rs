//! What was written and is not seen by everybody yet.
//!
//! The hull of what is touched is made durable together with the intents that touch it, and goes
//! away only after it was published: a crash anywhere in between publishes too much, never too
//! little.

use domain::UtcInterval;
use jiff::{SignedDuration, Timestamp};

use super::{Drain, Stop};

/// Where something was that ended at this instant: all that is known of it.
pub(super) fn old_place(ended_at: Timestamp) -> Option<UtcInterval> {
    UtcInterval::new(ended_at - SignedDuration::from_secs(1), ended_at).ok()
}

impl Drain<'_> {
    /// Something is about to be written there. What does not lie in time needs no publishing.
    pub(super) fn touch(&mut self, touched: Option<UtcInterval>) {
        let Some(touched) = touched.filter(|_| self.cycling.publishes) else { return };
        let hull = self.state.unpublished.map_or(touched, |before| before.hull(&touched));
        if self.state.unpublished != Some(hull) {
            self.state.unpublished = Some(hull);
            self.put_state();
        }
    }

    /// The state of the calendar is durable with the next commit.
    pub(super) fn put_state(&mut self) {
        self.pending.calendars = vec![self.state.clone()];
    }

    /// Publishes what was written, once: not before the last drain of this cycle.
    pub(super) async fn publish(&mut self) -> Result<(), Stop> {
        let Some(interval) = self.state.unpublished else { return Ok(()) };
        if !self.cycling.publishes || !self.cycling.writes {
            return Ok(());
        }
        if !self.report.again.is_empty() || self.report.leaves_something() {
            self.report.publish_later = true;
            return Ok(());
        }
        let reader = self.reader();
        let target = self.cycling.target;
        reader.request(|| target.publish(reader.calendar, &interval)).await?;
        self.state.unpublished = None;
        self.put_state();
        self.report.published += 1;
        Ok(())
    }
}
