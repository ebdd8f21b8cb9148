//! The in-memory store is held to everything that a database is held to.

use std::sync::Arc;

use engine::port::Store;
use testkit::conformance::store::{Handles, store_conformance};
use testkit::memory_store::MemoryStore;

#[tokio::test]
async fn keeps_every_promise_of_a_store() {
    store_conformance(async || {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        Handles { one: Arc::clone(&store), two: store }
    })
    .await;
}
