//! Keeping feed links.
//!
//! A subscription's token is never stored: only its hash is, so that a stolen database opens no
//! feed. Signing keys are stored, because links signed with them must be checked.

use async_trait::async_trait;
use domain::{EmployeeId, RosterName};
use jiff::Timestamp;

use super::StoreError;

/// Public id of a feed link: what `feed list` shows and `feed revoke` takes. Not a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId(pub String);

/// One revocable link to one employee's feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedLink {
    /// Its public id.
    pub id: FeedId,
    /// SHA-256 of the secret token; unique.
    pub token_hash: [u8; 32],
    /// Of which roster.
    pub roster: RosterName,
    /// Whose schedule it shows.
    pub employee: EmployeeId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// A key that signs expiring feed links.
#[derive(Clone, PartialEq, Eq)]
pub struct FeedKey {
    /// Its public id, part of every link signed with it.
    pub id: String,
    /// 32 secret bytes.
    pub secret: [u8; 32],
    /// When it began to sign.
    pub created_at: Timestamp,
    /// When links signed with it stop being accepted; `None` for the key that signs now.
    pub retires_at: Option<Timestamp>,
}

impl std::fmt::Debug for FeedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FeedKey {{ id: {:?}, secret: [redacted] }}", self.id)
    }
}

/// What feeds keep.
#[async_trait]
pub trait FeedStore: Send + Sync {
    /// Adds a link.
    async fn add_feed_link(&self, link: FeedLink) -> Result<(), StoreError>;

    /// The link with this token hash, revoked or not.
    async fn feed_link_by_token(&self, hash: &[u8; 32]) -> Result<Option<FeedLink>, StoreError>;

    /// All links, ordered by roster, employee and time of making.
    async fn feed_links(&self) -> Result<Vec<FeedLink>, StoreError>;

    /// Revokes a link; whether there was one that was not revoked yet.
    async fn revoke_feed_link(&self, id: &FeedId, at: Timestamp) -> Result<bool, StoreError>;

    /// All signing keys that are not retired before `now`, newest first.
    async fn feed_keys(&self, now: Timestamp) -> Result<Vec<FeedKey>, StoreError>;

    /// Makes `key` the one that signs; the former ones retire at `former_retire_at`, unless they
    /// retire earlier already.
    async fn rotate_feed_key(
        &self,
        key: FeedKey,
        former_retire_at: Timestamp,
    ) -> Result<(), StoreError>;
}
