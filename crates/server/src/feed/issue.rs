//! Giving out feed links and taking them back: what `feed url`, `feed list`, `feed revoke` and
//! `feed rotate` do.
//!
//! A process that serves feeds notices what another one does here within
//! [`domain::limits::FEED_RECHECK`]; after a change in its own process, call
//! [`super::Feeds::links_changed`] and it holds at once.

use std::time::Duration;

use domain::limits::{FEED_KEY_OVERLAP, FEEDS_PER_EMPLOYEE_MAX};
use domain::{EmployeeId, RosterName};
use engine::port::{Clock, Entropy, FeedId, FeedKey, FeedLink, FeedStore, StoreError};
use jiff::Timestamp;

use super::link::{Claim, FeedToken, hash, signed_token, subscription_token};

/// Which kind of link is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPolicy {
    /// Long-lived and revocable; calendar clients keep it.
    Subscription,
    /// Expires after `lifetime`.
    Signed {
        /// Rounded down to whole seconds; [`domain::limits::FEED_LINK_LIFETIME`] by default.
        lifetime: Duration,
    },
}

/// A link that was given out; its token cannot be read again.
#[derive(Debug)]
pub struct IssuedLink {
    /// The secret.
    pub token: FeedToken,
    /// What revokes it; signed links have none.
    pub id: Option<FeedId>,
    /// When it ends; subscriptions do not.
    pub expires_at: Option<Timestamp>,
}

/// Why no link was given out.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// There are too many live ones; revoke one first.
    #[error(
        "employee `{employee}` of roster `{roster}` has {found} live feed links; \
         expected fewer than {FEEDS_PER_EMPLOYEE_MAX}"
    )]
    TooMany {
        /// Of which roster.
        roster: RosterName,
        /// Whose.
        employee: EmployeeId,
        /// How many there are.
        found: usize,
    },
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives out a link to one employee's feed. Whether there is such an employee is not checked.
///
/// # Errors
/// When the employee has [`FEEDS_PER_EMPLOYEE_MAX`] live subscriptions, or the store fails. Two
/// callers at the same instant may exceed the limit by one.
pub async fn issue_link(
    store: &dyn FeedStore,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
    policy: LinkPolicy,
    roster: &RosterName,
    employee: &EmployeeId,
) -> Result<IssuedLink, IssueError> {
    match policy {
        LinkPolicy::Subscription => subscribe(store, entropy, clock, roster, employee).await,
        LinkPolicy::Signed { lifetime } => {
            let now = clock.now();
            let key = signing_key(store, entropy, now).await?;
            let expires_at = whole_second(after(now, lifetime));
            let claim = Claim { roster: roster.clone(), employee: employee.clone(), expires_at };
            Ok(IssuedLink {
                token: signed_token(&claim, &key),
                id: None,
                expires_at: Some(expires_at),
            })
        }
    }
}

async fn subscribe(
    store: &dyn FeedStore,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
    roster: &RosterName,
    employee: &EmployeeId,
) -> Result<IssuedLink, IssueError> {
    let links = store.feed_links().await?;
    let live = |link: &&FeedLink| {
        link.revoked_at.is_none() && link.roster == *roster && link.employee == *employee
    };
    let found = links.iter().filter(live).count();
    if found >= FEEDS_PER_EMPLOYEE_MAX {
        return Err(IssueError::TooMany {
            roster: roster.clone(),
            employee: employee.clone(),
            found,
        });
    }
    let mut random = [0; 32];
    entropy.fill(&mut random);
    let token = subscription_token(&random);
    let id = FeedId(random_id(entropy, "feed"));
    store
        .add_feed_link(FeedLink {
            id: id.clone(),
            token_hash: hash(token.expose()),
            roster: roster.clone(),
            employee: employee.clone(),
            created_at: clock.now(),
            revoked_at: None,
        })
        .await?;
    Ok(IssuedLink { token, id: Some(id), expires_at: None })
}

/// All links, revoked ones too, ordered by roster, employee and time of making. Signed links are
/// not among them: they are not stored.
///
/// # Errors
/// When the store fails.
pub async fn list_links(store: &dyn FeedStore) -> Result<Vec<FeedLink>, StoreError> {
    store.feed_links().await
}

/// Revokes a link; whether there was one that was not revoked yet.
///
/// # Errors
/// When the store fails.
pub async fn revoke_link(
    store: &dyn FeedStore,
    clock: &dyn Clock,
    id: &FeedId,
) -> Result<bool, StoreError> {
    store.revoke_feed_link(id, clock.now()).await
}

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The public id of the key that signs from now on.
    pub key_id: String,
    /// When links of the former keys stop being accepted.
    pub former_retire_at: Timestamp,
}

/// Makes a new signing key. Links of former keys are accepted for `overlap` more
/// ([`FEED_KEY_OVERLAP`] by default, as long as links last; zero when a key leaked).
///
/// # Errors
/// When the store fails.
pub async fn rotate_key(
    store: &dyn FeedStore,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
    overlap: Duration,
) -> Result<Rotation, StoreError> {
    let now = clock.now();
    let key = new_key(entropy, now);
    let rotation = Rotation { key_id: key.id.clone(), former_retire_at: after(now, overlap) };
    store.rotate_feed_key(key, rotation.former_retire_at).await?;
    Ok(rotation)
}

/// The key that signs now; the first caller ever makes it.
async fn signing_key(
    store: &dyn FeedStore,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<FeedKey, StoreError> {
    let keys = store.feed_keys(now).await?;
    if let Some(key) = keys.into_iter().find(|key| key.retires_at.is_none()) {
        return Ok(key);
    }
    let key = new_key(entropy, now);
    // Should somebody else make one at this instant, links of both are accepted long enough.
    store.rotate_feed_key(key.clone(), after(now, FEED_KEY_OVERLAP)).await?;
    Ok(key)
}

fn new_key(entropy: &dyn Entropy, now: Timestamp) -> FeedKey {
    let mut secret = [0; 32];
    entropy.fill(&mut secret);
    FeedKey { id: random_id(entropy, "key"), secret, created_at: now, retires_at: None }
}

/// A public id such as `feed-4f1d09c2a7b35e68`.
fn random_id(entropy: &dyn Entropy, kind: &'static str) -> String {
    let mut random = [0; 8];
    entropy.fill(&mut random);
    format!("{kind}-{:016x}", u64::from_be_bytes(random))
}

fn after(now: Timestamp, duration: Duration) -> Timestamp {
    now.checked_add(duration).unwrap_or(Timestamp::MAX)
}

fn whole_second(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}
