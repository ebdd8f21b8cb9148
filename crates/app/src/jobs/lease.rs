//! The right to run a roster's jobs: one process at a time has it, and who loses it stops.
//!
//! It is renewed for as long as a job runs, also while the source is read, which may take longer
//! than a lease lasts. It is lost when somebody else has it or had it meanwhile, and when the store
//! did not renew it before it ran out.

use std::time::Duration;

use domain::RosterName;
use domain::limits::LEASE_DURATION;
use engine::port::{Epoch, LeaseDomain, LeaseGrant, Store, StoreError};
use jiff::Timestamp;

use crate::wiring::Outside;

/// How often it is renewed: three times may fail before it runs out.
const RENEWAL: Duration = Duration::from_secs(LEASE_DURATION.as_secs() / 4);

/// The right to run a roster's jobs.
#[derive(Debug)]
pub struct Lease {
    domain: LeaseDomain,
    epoch: Epoch,
    until: Timestamp,
}

impl Lease {
    /// Takes it; `None` when another process has it.
    pub async fn take(
        store: &dyn Store,
        outside: &Outside,
        roster: &RosterName,
    ) -> Result<Option<Self>, StoreError> {
        let domain = LeaseDomain(format!("sync_jobs/{roster}"));
        Self::claim(store, outside, domain).await
    }

    async fn claim(
        store: &dyn Store,
        outside: &Outside,
        domain: LeaseDomain,
    ) -> Result<Option<Self>, StoreError> {
        let ownership = outside.ownership.as_ref();
        let now = outside.clock.now();
        let until = now.saturating_add(LEASE_DURATION).unwrap_or(Timestamp::MAX);
        let domains = [domain.clone()];
        let grants = store.acquire_leases(&domains, ownership.name(), now, until).await?;
        let grant = match grants.into_iter().next() {
            Some(LeaseGrant::Held { by, epoch, .. }) if ownership.is_dead(&by) => {
                Some(store.take_over_lease(&domain, &by, epoch, ownership.name(), until).await?)
            }
            other => other,
        };
        match grant {
            Some(LeaseGrant::Granted(epoch)) => Ok(Some(Self { domain, epoch, until })),
            Some(LeaseGrant::Held { .. }) | None => Ok(None),
        }
    }

    /// Renews it again and again; completes when it is lost.
    pub async fn kept_until_lost(&self, store: &dyn Store, outside: &Outside) {
        let mut until = self.until;
        loop {
            let next = outside.clock.now().saturating_add(RENEWAL).unwrap_or(Timestamp::MAX);
            outside.clock.sleep_until(next.min(until)).await;
            match Self::claim(store, outside, self.domain.clone()).await {
                Ok(Some(renewed)) if renewed.epoch == self.epoch => until = renewed.until,
                Ok(Some(anew)) => {
                    // Somebody had it in between, and may have ended the job.
                    anew.give_back(store).await;
                    return;
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!("the lease for sync jobs is not renewed: {error}");
                    if outside.clock.now() >= until {
                        return;
                    }
                }
            }
        }
    }

    /// Gives it back.
    pub async fn give_back(self, store: &dyn Store) {
        // Else it runs out by itself.
        let _ = store.release_leases(&[(self.domain, self.epoch)]).await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;

    use futures_util::poll;
    use jiff::SignedDuration;
    use testkit::manual_clock::ManualClock;
    use testkit::memory_store::MemoryStore;
    use testkit::ownership::{NamedOwner, Obituaries};
    use testkit::seeded_entropy::SeededEntropy;

    use super::*;

    fn process(name: &str, clock: &ManualClock) -> Outside {
        Outside {
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(1)),
            ownership: Arc::new(NamedOwner::new(name, Obituaries::default())),
        }
    }

    #[tokio::test]
    async fn a_job_keeps_its_lease_for_as_long_as_it_runs_and_stops_when_it_is_lost() {
        let (store, clock) = (MemoryStore::new(), ManualClock::new(Timestamp::UNIX_EPOCH));
        let roster = RosterName::new("ward").unwrap();
        let (one, two) = (process("one", &clock), process("two", &clock));
        let lease = Lease::take(&store, &one, &roster).await.unwrap().unwrap();
        {
            let mut kept = pin!(lease.kept_until_lost(&store, &one));
            // Ten times as long as a lease lasts: a large source is read.
            for _ in 0..40 {
                assert!(poll!(kept.as_mut()).is_pending());
                clock.advance(SignedDuration::try_from(RENEWAL).unwrap());
                assert!(poll!(kept.as_mut()).is_pending());
                assert!(Lease::take(&store, &two, &roster).await.unwrap().is_none());
            }
            // The process stood still, and another one came.
            clock.advance(SignedDuration::try_from(LEASE_DURATION).unwrap());
            let theirs = Lease::take(&store, &two, &roster).await.unwrap().unwrap();
            assert!(poll!(kept.as_mut()).is_ready(), "another process runs the job");
            theirs.give_back(&store).await;
        }
        // Also when it gave the lease back already: it may have ended the job.
        let lease = Lease::take(&store, &one, &roster).await.unwrap().unwrap();
        let mut kept = pin!(lease.kept_until_lost(&store, &one));
        assert!(poll!(kept.as_mut()).is_pending());
        clock.advance(SignedDuration::try_from(LEASE_DURATION).unwrap());
        Lease::take(&store, &two, &roster).await.unwrap().unwrap().give_back(&store).await;
        assert!(poll!(kept.as_mut()).is_ready());
        assert!(Lease::take(&store, &two, &roster).await.unwrap().is_some(), "and left it free");
    }
}
