//! Who may read a feed: giving out links, revoking them, rotating keys.

use std::sync::Arc;
use std::time::Duration;

use domain::limits::{FEED_KEY_OVERLAP, FEED_LINK_LIFETIME, FEEDS_PER_EMPLOYEE_MAX};
use server::feed::issue::{
    IssueError, LinkPolicy, issue_link, list_links, revoke_link, rotate_key,
};
use server::feed::render::FeedOptions;

use crate::world::{World, anna, at, path, roster};

const SIGNED: LinkPolicy = LinkPolicy::Signed { lifetime: FEED_LINK_LIFETIME };

#[tokio::test]
async fn a_token_is_never_stored_in_clear() {
    let world = World::new().await;
    let link = world.issue(LinkPolicy::Subscription).await;
    let token = link.token.expose();
    assert_eq!(token.len(), 43);
    let stored = world.store.links.lock().unwrap()[0].clone();
    assert_eq!(stored.token_hash, server::feed::link::hash(token));
    assert!(!format!("{stored:?} {link:?}").contains(token));
    assert!(!token.contains(&stored.id.0));
}

#[tokio::test]
async fn every_link_has_another_token() {
    let world = World::new().await;
    let one = world.subscribe().await;
    let two = world.subscribe().await;
    assert_ne!(one, two);
    assert_eq!(world.get(&one).await.body, world.get(&two).await.body);
}

#[tokio::test]
async fn a_revoked_link_is_gone_at_once_and_the_others_stay() {
    let world = World::new().await;
    let (kept, link) = (world.subscribe().await, world.issue(LinkPolicy::Subscription).await);
    let revoked = path(&link);
    assert_eq!(world.get(&revoked).await.status, 200);
    let id = link.id.unwrap();
    assert!(revoke_link(&*world.store, &*world.clock, &id).await.unwrap());
    world.state.feeds().links_changed();
    let answer = world.get(&revoked).await;
    assert_eq!(answer.status, 410);
    assert!(answer.text().contains("revoked or has expired"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(world.get(&kept).await.status, 200);
    let links = list_links(&*world.store).await.unwrap();
    assert_eq!(links.iter().filter(|it| it.revoked_at.is_some()).count(), 1);
    assert!(!revoke_link(&*world.store, &*world.clock, &id).await.unwrap());
}

#[tokio::test]
async fn another_process_notices_a_revocation_within_seconds() {
    let world = World::new().await;
    let link = world.issue(LinkPolicy::Subscription).await;
    let path = path(&link);
    assert_eq!(world.get(&path).await.status, 200);
    revoke_link(&*world.store, &*world.clock, &link.id.unwrap()).await.unwrap();
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(world.get(&path).await.status, 410);
}

#[tokio::test]
async fn a_clock_that_is_set_back_opens_no_revoked_link_again() {
    let world = World::new().await;
    let link = world.issue(LinkPolicy::Subscription).await;
    let path = path(&link);
    assert_eq!(world.get(&path).await.status, 200);
    revoke_link(&*world.store, &*world.clock, &link.id.unwrap()).await.unwrap();
    world.clock.set_back(Duration::from_secs(3600));
    assert_eq!(world.get(&path).await.status, 410);
}

#[tokio::test]
async fn a_revoked_link_is_gone_even_for_who_has_the_content() {
    let world = World::new().await;
    let link = world.issue(LinkPolicy::Subscription).await;
    let path = path(&link);
    let etag = world.get(&path).await.header("etag").unwrap().to_owned();
    revoke_link(&*world.store, &*world.clock, &link.id.unwrap()).await.unwrap();
    world.state.feeds().links_changed();
    let answer = world.get_with(&path, "If-None-Match", &etag).await;
    assert_eq!(answer.status, 410);
}

#[tokio::test]
async fn the_number_of_live_links_is_limited() {
    let world = World::new().await;
    let mut last = None;
    for _ in 0..FEEDS_PER_EMPLOYEE_MAX {
        last = world.issue(LinkPolicy::Subscription).await.id;
    }
    let issue = || async {
        let policy = LinkPolicy::Subscription;
        let (store, entropy, clock) = (&*world.store, &*world.entropy, &*world.clock);
        issue_link(store, entropy, clock, policy, &roster(), &anna()).await
    };
    let error = issue().await.unwrap_err();
    assert!(matches!(error, IssueError::TooMany { found: 20, .. }));
    assert_eq!(
        error.to_string(),
        "employee `anna` of roster `emea` has 20 live feed links; expected fewer than 20"
    );
    revoke_link(&*world.store, &*world.clock, &last.unwrap()).await.unwrap();
    assert!(issue().await.is_ok());
}

#[tokio::test]
async fn a_signed_link_ends_with_its_time() {
    let world = World::new().await;
    let link = world.issue(SIGNED).await;
    assert_eq!(link.expires_at, Some(at("2026-11-22T06:00:00Z")));
    assert_eq!(link.id, None);
    assert_eq!(world.store.links.lock().unwrap().len(), 0);
    let path = path(&link);
    assert_eq!(world.get(&path).await.status, 200);
    world.clock.advance(FEED_LINK_LIFETIME - Duration::from_millis(1));
    assert_eq!(world.get(&path).await.status, 200);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.get(&path).await.status, 410);
}

#[tokio::test]
async fn signed_and_subscribed_links_open_the_same_feed() {
    let world = World::new().await;
    let signed = world.get(&path(&world.issue(SIGNED).await)).await;
    let subscribed = world.get(&world.subscribe().await).await;
    assert_eq!(signed.body, subscribed.body);
    assert_eq!(signed.header("etag"), subscribed.header("etag"));
}

#[tokio::test]
async fn a_rotated_key_lets_its_links_end_their_time() {
    let world = World::new().await;
    let old = path(&world.issue(SIGNED).await);
    assert_eq!(world.get(&old).await.status, 200);
    world.clock.advance(Duration::from_secs(12 * 3600));
    let (store, entropy, clock) = (&*world.store, &*world.entropy, &*world.clock);
    let rotation = rotate_key(store, entropy, clock, FEED_KEY_OVERLAP).await.unwrap();
    assert_eq!(rotation.former_retire_at, at("2026-11-22T18:00:00Z"));
    let new = path(&world.issue(SIGNED).await);
    // A link of a key that this process has not seen yet is accepted at once.
    assert_eq!(world.get(&new).await.status, 200);
    assert_eq!(world.get(&old).await.status, 200);
    world.clock.advance(Duration::from_secs(12 * 3600));
    assert_eq!(world.get(&old).await.status, 410);
    assert_eq!(world.get(&new).await.status, 200);
    // Long after, the old link is still known to have been one.
    world.clock.advance(Duration::from_secs(30 * 24 * 3600));
    assert_eq!(world.get(&old).await.status, 410);
}

#[tokio::test]
async fn a_leaked_key_is_ended_at_once() {
    let world = World::new().await;
    let old = path(&world.issue(SIGNED).await);
    assert_eq!(world.get(&old).await.status, 200);
    let (store, entropy, clock) = (&*world.store, &*world.entropy, &*world.clock);
    rotate_key(store, entropy, clock, Duration::ZERO).await.unwrap();
    world.state.feeds().links_changed();
    assert_eq!(world.get(&old).await.status, 410);
    assert_eq!(world.get(&path(&world.issue(SIGNED).await)).await.status, 200);
}

#[tokio::test]
async fn two_replicas_accept_each_other_s_links() {
    let world = World::new().await;
    let other =
        World::over(Arc::clone(&world.store), at("2026-11-21T06:00:00Z"), FeedOptions::default())
            .await;
    for policy in [LinkPolicy::Subscription, SIGNED] {
        let path = path(&world.issue(policy).await);
        assert_eq!(other.get(&path).await.status, 200);
    }
}
