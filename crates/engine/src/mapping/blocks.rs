//! Cutting a shift into blocks: its activities, and the work between them. Pure.

use domain::{Activity, Shift, UtcInterval};
use jiff::Timestamp;

/// One stretch of a shift in which one thing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'s> {
    /// When.
    pub interval: UtcInterval,
    /// Which activity; `None` for the work between them.
    pub activity: Option<&'s Activity>,
}

/// The blocks of a shift, in order. Together they are the shift: without a gap, without an
/// overlap, in whole seconds. Where activities overlap, the one that began last is done; what is
/// shorter than a second is left out.
#[must_use]
pub fn cut(shift: &Shift) -> Vec<Block<'_>> {
    let whole = shift.interval.to_whole_seconds();
    let (start, end) = (whole.start(), whole.end());
    let inside = |at: Timestamp| seconds(at).clamp(start, end);
    let mut edges: Vec<Timestamp> = vec![start, end];
    for Activity { interval, .. } in &shift.activities {
        edges.extend([inside(interval.start()), inside(interval.end())]);
    }
    edges.sort_unstable();
    edges.dedup();
    let mut blocks: Vec<Block<'_>> = Vec::with_capacity(edges.len());
    for (from, to) in edges.iter().zip(edges.iter().skip(1)) {
        let Ok(interval) = UtcInterval::new(*from, *to) else { continue };
        let done = shift
            .activities
            .iter()
            .filter(|it| inside(it.interval.start()) <= *from && inside(it.interval.end()) >= *to);
        let activity = done.max_by_key(|it| it.interval.start());
        match blocks.last_mut() {
            // The same thing goes on, after another one ended in it.
            Some(last) if same(last.activity, activity) => {
                last.interval = last.interval.hull(&interval);
            }
            Some(_) | None => blocks.push(Block { interval, activity }),
        }
    }
    blocks
}

fn same(one: Option<&Activity>, other: Option<&Activity>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => std::ptr::eq(one, other),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
