//! What was written and is not seen by everybody yet.
//!
//! The hull of what is touched is made durable together with the intents that touch it, and goes
//! away only after it was published: a crash anywhere in between publishes too much, never too
//! little. While nothing crashes, it is published in the stretches that were touched: what lies
//! between two that are far apart is nobody's but a manager's who is still drafting it.

use domain::UtcInterval;
use jiff::{SignedDuration, Timestamp};

use super::{Drain, Stop};

/// What is not farther apart than this is published in one request.
const APART: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Where something was that ended at this instant: all that is known of it.
pub(super) fn old_place(ended_at: Timestamp) -> Option<UtcInterval> {
    UtcInterval::new(ended_at - SignedDuration::from_secs(1), ended_at).ok()
}

impl Drain<'_> {
    /// Something is about to be written there. What does not lie in time needs no publishing.
    pub(super) fn touch(&mut self, touched: Option<UtcInterval>) {
        let Some(touched) = touched.filter(|_| self.cycling.publishes) else { return };
        add(&mut self.touched, touched);
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
        // What an earlier drain left is known by its hull only.
        let mut stretches = std::mem::take(&mut self.touched);
        if stretches.iter().copied().reduce(|a, b| a.hull(&b)) != Some(interval) {
            stretches = vec![interval];
        }
        for stretch in &stretches {
            reader.request(|| target.publish(reader.calendar, stretch)).await?;
        }
        self.state.unpublished = None;
        self.put_state();
        self.report.published += stretches.len() as u64;
        Ok(())
    }
}

/// Adds to stretches that are in order and far apart.
fn add(stretches: &mut Vec<UtcInterval>, touched: UtcInterval) {
    let far = |it: &UtcInterval| {
        it.end().saturating_add(APART).is_ok_and(|it| it < touched.start())
            || touched.end().saturating_add(APART).is_ok_and(|end| end < it.start())
    };
    let (apart, near): (Vec<_>, Vec<_>) = stretches.iter().copied().partition(far);
    let merged = near.iter().fold(touched, |all, it| all.hull(it));
    *stretches = apart;
    stretches.push(merged);
    stretches.sort_unstable_by_key(UtcInterval::start);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_far_apart_stays_apart_until_something_lies_between() {
        let days = |from: i64, to: i64| {
            let day = |it: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * it);
            UtcInterval::new(day(from), day(to)).unwrap()
        };
        let mut all = vec![];
        for touched in [days(20, 21), days(0, 1), days(3, 4), days(40, 41)] {
            add(&mut all, touched);
        }
        assert_eq!(all, [days(0, 4), days(20, 21), days(40, 41)]);
        add(&mut all, days(10, 14));
        assert_eq!(all, [days(0, 21), days(40, 41)]);
    }
}
