//! Taking the right to drain calendars.
//!
//! The lease saves work; safety comes from the fence in every commit and from the etag in every
//! write. A lease of an owner that is known to be dead (same machine, process gone) is taken over
//! at once; any other is waited for by leaving the calendar to a later cycle.

use domain::limits::LEASE_DURATION;
use domain::{CalendarKey, MirrorName};
use jiff::Timestamp;

use crate::port::{Clock, Epoch, LeaseDomain, LeaseGrant, Store, StoreError};

/// Who we are, and how to tell that somebody else is gone.
pub trait Ownership: Send + Sync {
    /// Our name: unique among all processes that share the store, over restarts too.
    fn name(&self) -> &str;

    /// Whether the process with this name certainly does not run any more.
    fn is_dead(&self, name: &str) -> bool;
}

/// What came of trying to lease calendars.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leased {
    /// Ours now, under these epochs.
    pub granted: Vec<(CalendarKey, Epoch)>,
    /// Somebody else's.
    pub held: Vec<CalendarKey>,
    /// Until when the granted ones are ours.
    pub until: Timestamp,
}

/// Tries to lease `calendars` of `mirror`.
///
/// # Errors
/// When the store fails.
pub async fn lease(
    store: &dyn Store,
    clock: &dyn Clock,
    ownership: &dyn Ownership,
    mirror: &MirrorName,
    calendars: &[CalendarKey],
) -> Result<Leased, StoreError> {
    let now = clock.now();
    let until = now.saturating_add(LEASE_DURATION).unwrap_or(Timestamp::MAX);
    let domains: Vec<_> =
        calendars.iter().map(|calendar| LeaseDomain::calendar(mirror, calendar)).collect();
    let grants = store.acquire_leases(&domains, ownership.name(), now, until).await?;
    let mut leased = Leased { until, ..Leased::default() };
    for ((calendar, domain), grant) in calendars.iter().zip(&domains).zip(grants) {
        let grant = match grant {
            LeaseGrant::Held { by, epoch, .. } if ownership.is_dead(&by) => {
                store.take_over_lease(domain, &by, epoch, ownership.name(), until).await?
            }
            granted @ (LeaseGrant::Granted(_) | LeaseGrant::Held { .. }) => granted,
        };
        match grant {
            LeaseGrant::Granted(epoch) => leased.granted.push((calendar.clone(), epoch)),
            LeaseGrant::Held { .. } => leased.held.push(calendar.clone()),
        }
    }
    Ok(leased)
}
