//! Reads that take the store longer than a page does: whose turn it is.
//!
//! A token reads as much as its client may, also when it was stolen. So one client has a few of
//! such reads at once, however often it asks, and all together leave the store a reader: the
//! engine goes on, and other clients wait for a few reads at most.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::limits::{API_CLIENTS_COUNTED_MAX, API_HEAVY_READS_MAX};
use engine::port::ClientId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns.
#[derive(Debug)]
pub(super) struct Heavy {
    all: Arc<Semaphore>,
    of_each: Mutex<HashMap<ClientId, Arc<Semaphore>>>,
}

/// A turn; over when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _of_all: Option<OwnedSemaphorePermit>,
    _own: Option<OwnedSemaphorePermit>,
}

impl Heavy {
    pub fn new(at_once: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(at_once)), of_each: Mutex::default() }
    }

    /// Waits for this client's turn. Nobody asks for a second one while it has one.
    pub async fn turn(&self, client: &ClientId) -> Turn {
        let own = self.own(client).acquire_owned().await.ok();
        Turn { _of_all: Arc::clone(&self.all).acquire_owned().await.ok(), _own: own }
    }

    /// The turns of all, for those who are no client.
    pub fn all_turns(&self) -> Arc<Semaphore> {
        Arc::clone(&self.all)
    }

    fn own(&self, client: &ClientId) -> Arc<Semaphore> {
        let mut of_each = self.of_each.lock().unwrap_or_else(PoisonError::into_inner);
        if of_each.len() > API_CLIENTS_COUNTED_MAX {
            of_each.retain(|_, it| Arc::strong_count(it) > 1);
        }
        let fresh = || Arc::new(Semaphore::new(API_HEAVY_READS_MAX));
        Arc::clone(of_each.entry(client.clone()).or_insert_with(fresh))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn one_client_does_not_keep_another_one_from_its_turn() {
        let heavy = Arc::new(Heavy::new(1));
        let (greedy, other) = (ClientId("greedy".into()), ClientId("other".into()));
        let order = Arc::new(Mutex::new(Vec::new()));
        let first = heavy.turn(&greedy).await;
        let mut waiting = Vec::new();
        for client in std::iter::repeat_n(&greedy, 50).chain([&other]) {
            let (heavy, client, order) = (Arc::clone(&heavy), client.clone(), Arc::clone(&order));
            waiting.push(tokio::spawn(async move {
                let _turn = heavy.turn(&client).await;
                order.lock().unwrap().push(client);
            }));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(first);
        for task in waiting {
            task.await.unwrap();
        }
        let order = order.lock().unwrap();
        let place = order.iter().position(|it| *it == other).unwrap();
        assert!(place < API_HEAVY_READS_MAX, "it waited for {place} reads of another client");
        assert_eq!(order.len(), 51);
    }
}
