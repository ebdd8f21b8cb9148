//! Both databases keep every promise of the port.

use testkit::conformance::store::store_conformance;

use crate::databases::{Server, handles, sqlite_url};

#[tokio::test]
async fn sqlite_keeps_every_promise_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    store_conformance(async || handles(&sqlite_url(&folder)).await).await;
}

#[tokio::test]
async fn postgres_keeps_every_promise_of_the_store() {
    let Some(server) = Server::find() else {
        return;
    };
    store_conformance(async || handles(&server.fresh().await).await).await;
    server.clean().await;
}
