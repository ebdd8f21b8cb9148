//! Keeping the promises of vendors to tell us of changes: made where there is none, renewed long
//! before they run out, ended when nobody wants them any more.
//!
//! What is to be done is decided purely ([`upkeep`]); [`Keeper::run`] does it. A subscription that
//! is renewed under another id goes on beside the new one until it runs out: so nothing is missed
//! in between, and what comes twice is looked at once. One process at a time does this for a
//! connection, under a lease.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::ConnectionName;
use domain::limits::{SUBSCRIPTION_FAILURES_MAX, SUBSCRIPTIONS_PER_PASS_MAX};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::gate::{Gate, Shut};
use super::lease::Ownership;
use super::watch::Unwatched;
use crate::port::{
    Clock, Entropy, Failure, FailureClass, Hooks, KeptSubscription, LeaseDomain, LeaseGrant, Store,
    StoreError, Subscription, Topic,
};

/// How long the right to keep a connection's subscriptions lasts.
const LEASE: Duration = Duration::from_secs(5 * 60);
/// Bytes of a secret.
const SECRET_BYTES: usize = 24;

/// One thing to be done about subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upkeep {
    /// There is none for this topic.
    Make(Topic),
    /// It runs out soon, or its vendor wants it renewed.
    Renew(KeptSubscription),
    /// Nobody wants it any more.
    End(KeptSubscription),
    /// It ran out.
    Forget(KeptSubscription),
}

/// Decides what is to be done. `asked` are the ids that vendors want renewed.
#[must_use]
pub fn upkeep(
    wanted: &BTreeSet<Topic>,
    kept: Vec<KeptSubscription>,
    asked: &BTreeSet<String>,
    now: Timestamp,
) -> Vec<Upkeep> {
    let mut work = Vec::new();
    // Of several about one topic, the one that lasts longest counts.
    let mut newest: BTreeMap<Topic, KeptSubscription> = BTreeMap::new();
    for it in kept {
        if it.subscription.expires_at <= now {
            work.push(Upkeep::Forget(it));
        } else if !wanted.contains(&it.topic) {
            work.push(Upkeep::End(it));
        } else {
            let place = newest.entry(it.topic.clone()).or_insert_with(|| it.clone());
            if it.subscription.expires_at > place.subscription.expires_at {
                *place = it;
            }
        }
    }
    for topic in wanted {
        match newest.remove(topic) {
            None => work.push(Upkeep::Make(topic.clone())),
            Some(it) if is_due(&it, now) || asked.contains(&it.subscription.id) => {
                work.push(Upkeep::Renew(it));
            }
            Some(_) => {}
        }
    }
    work
}

/// The ids of those that are to be renewed.
fn renewals(work: &[Upkeep]) -> impl Iterator<Item = &String> {
    work.iter().filter_map(|it| match it {
        Upkeep::Renew(kept) => Some(&kept.subscription.id),
        Upkeep::Make(_) | Upkeep::End(_) | Upkeep::Forget(_) => None,
    })
}

/// A third of its time is left, or less: two more tries of the same length fit in.
fn is_due(kept: &KeptSubscription, now: Timestamp) -> bool {
    let expires_at = kept.subscription.expires_at;
    let whole = expires_at.duration_since(kept.made_at).max(SignedDuration::ZERO);
    expires_at.duration_since(now) <= whole / 3
}

/// Keeps the subscriptions of one connection.
pub struct Keeper<'a> {
    /// Which connection.
    pub connection: &'a ConnectionName,
    /// The way to its vendor.
    pub hooks: &'a dyn Hooks,
    /// Where they are kept.
    pub store: &'a dyn Store,
    /// Through which gate.
    pub gate: &'a Gate,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Chance, for secrets.
    pub entropy: &'a dyn Entropy,
    /// Who we are.
    pub ownership: &'a dyn Ownership,
    /// Where vendors reach us.
    pub url: &'a str,
    /// What is kept of a secret.
    pub hash: fn(&str) -> [u8; 32],
}

/// What one pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeeperReport {
    /// Subscriptions made or made anew.
    pub made: u64,
    /// Renewed.
    pub renewed: u64,
    /// Ended, or run out.
    pub ended: u64,
    /// What failed.
    pub failed: u64,
    /// The last failure.
    pub failure: Option<String>,
    /// Whether there is more to be done than one pass does.
    pub more: bool,
    /// Whether another process keeps them.
    pub elsewhere: bool,
    /// Of what was asked to be renewed, what is not yet: to be asked for again.
    pub unfinished: BTreeSet<String>,
}

impl Keeper<'_> {
    /// Does what is to be done now.
    ///
    /// # Errors
    /// When the store fails. What a vendor refuses is in the report.
    pub async fn run(
        &self,
        wanted: &BTreeSet<Topic>,
        asked: &BTreeSet<String>,
    ) -> Result<KeeperReport, StoreError> {
        let now = self.clock.now();
        let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        let domain = LeaseDomain(format!("hooks/{}", self.connection));
        let domains = [domain];
        let grants = self.store.acquire_leases(&domains, self.ownership.name(), now, until).await?;
        let [domain] = domains;
        let epoch = match grants.into_iter().next() {
            Some(LeaseGrant::Granted(epoch)) => epoch,
            Some(LeaseGrant::Held { .. }) | None => {
                let unfinished = asked.clone();
                let report = KeeperReport { elsewhere: true, unfinished, ..Default::default() };
                return Ok(report);
            }
        };
        let done = self.pass(wanted, asked, until).await;
        self.store.release_leases(&[(domain, epoch)]).await?;
        done
    }

    async fn pass(
        &self,
        wanted: &BTreeSet<Topic>,
        asked: &BTreeSet<String>,
        until: Timestamp,
    ) -> Result<KeeperReport, StoreError> {
        let mut kept = self.store.subscriptions().await?;
        kept.retain(|it| it.connection == *self.connection);
        let work = upkeep(wanted, kept, asked, self.clock.now());
        let mut report = KeeperReport {
            more: work.len() > SUBSCRIPTIONS_PER_PASS_MAX,
            unfinished: renewals(&work).filter(|id| asked.contains(*id)).cloned().collect(),
            ..Default::default()
        };
        for upkeep in work.into_iter().take(SUBSCRIPTIONS_PER_PASS_MAX) {
            if report.failed >= SUBSCRIPTION_FAILURES_MAX || self.clock.now() >= until {
                report.more = true;
                break;
            }
            self.carry_out(upkeep, until, &mut report).await?;
        }
        Ok(report)
    }

    async fn carry_out(
        &self,
        upkeep: Upkeep,
        until: Timestamp,
        report: &mut KeeperReport,
    ) -> Result<(), StoreError> {
        let store = self.store;
        let connection = self.connection;
        match upkeep {
            Upkeep::Forget(it) => {
                report.ended += 1;
                store.remove_subscription(connection, &it.subscription.id).await
            }
            Upkeep::End(it) => {
                // What cannot be ended runs out by itself; hints of it are not ours any more.
                let ended = self.send(until, || self.hooks.unsubscribe(&it.subscription)).await;
                report.note(ended.err());
                report.ended += 1;
                store.remove_subscription(connection, &it.subscription.id).await
            }
            Upkeep::Make(topic) => {
                let secret = self.secret();
                let made =
                    self.send(until, || self.hooks.subscribe(&topic, self.url, &secret)).await;
                match made {
                    Ok(subscription) => {
                        report.made += 1;
                        let hash = (self.hash)(secret.expose_secret());
                        store.put_subscription(&self.kept(topic, subscription, hash)).await
                    }
                    Err(failure) => {
                        report.note(Some(failure));
                        Ok(())
                    }
                }
            }
            Upkeep::Renew(it) => self.renew(it, until, report).await,
        }
    }

    async fn renew(
        &self,
        it: KeptSubscription,
        until: Timestamp,
        report: &mut KeeperReport,
    ) -> Result<(), StoreError> {
        let secret = self.secret();
        let KeptSubscription { topic, subscription, secret_hash, .. } = it;
        let renewed =
            self.send(until, || self.hooks.renew(&topic, &subscription, self.url, &secret)).await;
        match renewed {
            Ok(new) => {
                report.renewed += 1;
                report.unfinished.remove(&subscription.id);
                // Under the same id the vendor goes on with the secret that it has.
                let same = new.id == subscription.id;
                let hash = if same { secret_hash } else { (self.hash)(secret.expose_secret()) };
                self.store.put_subscription(&self.kept(topic, new, hash)).await
            }
            Err(Sent::Failed(Failure { class: FailureClass::Missing, .. })) => {
                // The next pass makes another one.
                report.more = true;
                report.ended += 1;
                report.unfinished.remove(&subscription.id);
                self.store.remove_subscription(self.connection, &subscription.id).await
            }
            Err(failure) => {
                report.note(Some(failure));
                Ok(())
            }
        }
    }

    fn kept(
        &self,
        topic: Topic,
        subscription: Subscription,
        secret_hash: [u8; 32],
    ) -> KeptSubscription {
        let (connection, made_at) = (self.connection.clone(), self.clock.now());
        KeptSubscription { connection, topic, subscription, made_at, secret_hash }
    }

    async fn send<T, F>(&self, until: Timestamp, send: impl FnOnce() -> F) -> Result<T, Sent>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let pass = self.gate.enter(None, until, &Unwatched).await.map_err(Sent::Shut)?;
        let answer = send().await;
        pass.ended(answer.as_ref().err());
        answer.map_err(Sent::Failed)
    }

    fn secret(&self) -> SecretString {
        let mut bytes = [0; SECRET_BYTES];
        self.entropy.fill(&mut bytes);
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        SecretString::from(digits)
    }
}

/// Why a request was not answered well.
enum Sent {
    Shut(Shut),
    Failed(Failure),
}

impl KeeperReport {
    fn note(&mut self, failed: Option<Sent>) {
        let Some(failed) = failed else { return };
        self.failed += 1;
        self.failure = Some(match failed {
            Sent::Failed(failure) => failure.to_string(),
            Sent::Shut(Shut::Until(until)) => format!("throttled until {until}"),
            Sent::Shut(Shut::Down) => "the vendor does not answer".to_owned(),
            Sent::Shut(Shut::Unauthorised(detail)) => detail,
        });
    }
}
