//! Feed links and the keys that sign them.

use std::collections::BTreeMap;

use engine::port::{FeedId, FeedKey, FeedLink, StoreError};
use jiff::Timestamp;

#[derive(Debug, Default)]
pub(super) struct Feeds {
    links: BTreeMap<FeedId, FeedLink>,
    keys: Vec<FeedKey>,
}

impl Feeds {
    pub fn add(&mut self, link: FeedLink) -> Result<(), StoreError> {
        let taken = |other: &FeedLink| other.id == link.id || other.token_hash == link.token_hash;
        if self.links.values().any(taken) {
            let detail = "another link has this id or this token".to_owned();
            return Err(StoreError::Failed { operation: "add a feed link", detail });
        }
        self.links.insert(link.id.clone(), link);
        Ok(())
    }

    pub fn by_token(&self, hash: &[u8; 32]) -> Option<FeedLink> {
        self.links.values().find(|link| link.token_hash == *hash).cloned()
    }

    pub fn links(&self) -> Vec<FeedLink> {
        let mut links: Vec<FeedLink> = self.links.values().cloned().collect();
        links.sort_by(|a, b| {
            let order = |it: &FeedLink| (it.roster.clone(), it.employee.clone(), it.created_at);
            order(a).cmp(&order(b))
        });
        links
    }

    pub fn revoke(&mut self, id: &FeedId, at: Timestamp) -> bool {
        let link = self.links.get_mut(id).filter(|link| link.revoked_at.is_none());
        link.is_some_and(|link| link.revoked_at.replace(at).is_none())
    }

    pub fn keys(&self, now: Timestamp) -> Vec<FeedKey> {
        let good = |key: &&FeedKey| key.retires_at.is_none_or(|at| at >= now);
        let mut keys: Vec<FeedKey> = self.keys.iter().filter(good).cloned().collect();
        keys.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        keys
    }

    pub fn rotate(&mut self, key: FeedKey, former_retire_at: Timestamp) {
        for former in &mut self.keys {
            let end = former.retires_at.map_or(former_retire_at, |at| at.min(former_retire_at));
            former.retires_at = Some(end);
        }
        self.keys.push(key);
    }
}
