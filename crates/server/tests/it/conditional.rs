//! Only if changed, and in which encoding.

use std::time::Duration;

use domain::Entity;

use crate::client::{get, request};
use crate::world::{World, at, shift};

#[tokio::test]
async fn gzip_unpacks_to_the_plain_bytes_and_has_its_own_etag() {
    let world = World::new().await;
    let path = world.subscribe().await;
    let plain = world.get(&path).await;
    let packed = world.get_with(&path, "Accept-Encoding", "br, gzip;q=0.8").await;
    assert_eq!(packed.gunzipped(), plain.body);
    assert!(packed.body.len() < plain.body.len());
    assert_ne!(packed.header("etag"), plain.header("etag"));
    assert_eq!(packed.header("vary"), Some("Accept-Encoding"));
    let refused = world.get_with(&path, "Accept-Encoding", "gzip;q=0").await;
    assert_eq!(refused.lasting_headers(), plain.lasting_headers());
    assert_eq!(refused.body, plain.body);
}

#[tokio::test]
async fn a_client_that_has_the_content_gets_304() {
    let world = World::new().await;
    let path = world.subscribe().await;
    let etag = world.get(&path).await.header("etag").unwrap().to_owned();
    for known in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"other\", W/\"one,two\", {etag}"),
        "*".to_owned(),
    ] {
        for method in ["GET", "HEAD"] {
            let headers = [("If-None-Match", known.as_str())];
            let answer = request(world.address, method, &path, &headers).await;
            assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
            assert_eq!(answer.header("etag"), Some(etag.as_str()));
            assert_eq!(answer.header("cache-control"), Some("private, max-age=300"));
            assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
            assert_eq!(answer.header("content-type"), None);
        }
    }
    for unknown in ["\"other\"", &etag[1..], "", "W/"] {
        let answer = world.get_with(&path, "If-None-Match", unknown).await;
        assert_eq!(answer.status, 200, "{unknown}");
    }
}

#[tokio::test]
async fn a_304_names_the_encoding_that_the_client_has() {
    let world = World::new().await;
    let path = world.subscribe().await;
    let packed = world.get_with(&path, "Accept-Encoding", "gzip").await;
    let etag = packed.header("etag").unwrap();
    // The client asks without gzip this time, and still has what it has.
    let answer = world.get_with(&path, "If-None-Match", etag).await;
    assert_eq!(answer.status, 304);
    assert_eq!(answer.header("etag"), Some(etag));
}

#[tokio::test]
async fn a_date_is_enough_for_clients_without_etags() {
    let world = World::new().await;
    let path = world.subscribe().await;
    let first = world.get(&path).await;
    let modified = first.header("last-modified").unwrap();
    let answer = world.get_with(&path, "If-Modified-Since", modified).await;
    assert_eq!((answer.status, answer.body.len()), (304, 0));
    let older = "Sat, 21 Nov 2026 05:59:59 GMT";
    let answer = world.get_with(&path, "If-Modified-Since", older).await;
    assert_eq!(answer.status, 200);
    let answer = world.get_with(&path, "If-Modified-Since", "today").await;
    assert_eq!(answer.status, 200);
    // An entity tag that differs decides, whatever the date says.
    let both = [("If-Modified-Since", modified), ("If-None-Match", "\"other\"")];
    assert_eq!(get(world.address, &path, &both).await.status, 200);
}

#[tokio::test]
async fn two_changes_within_one_second_are_told_apart_by_their_date() {
    let world = World::new().await;
    let path = world.subscribe().await;
    let first = world.get(&path).await;
    let modified = first.header("last-modified").unwrap().to_owned();
    world.clock.advance(Duration::from_millis(300));
    let late = shift("s9", "2026-11-23T12:00:00Z", "2026-11-23T20:00:00Z");
    let seq = world.store.put(Entity::Shift(late), at("2026-11-21T06:00:00.2Z"));
    world.announce(seq);
    let second = world.get_with(&path, "If-Modified-Since", &modified).await;
    assert_eq!(second.status, 200);
    // Its date would lie in the future, so it has none for this second.
    assert_eq!(second.header("last-modified"), None);
    world.clock.advance(Duration::from_secs(1));
    let third = world.get(&path).await;
    assert_eq!(third.header("last-modified"), Some("Sat, 21 Nov 2026 06:00:01 GMT"));
    assert_eq!(third.body, second.body);
}
