//! Promises about feed links, the keys that sign them, and reports.
#![expect(clippy::unwrap_used, reason = "a test suite")]

use domain::RosterName;
use engine::port::{FeedId, FeedKey, FeedLink, ReportRow};

use super::{Handles, promises};
use crate::builders::{employee_id, hour, roster};

promises![
    a_link_is_found_by_its_token_until_and_after_it_is_revoked,
    links_are_listed_in_order,
    a_token_belongs_to_one_link,
    the_newest_key_signs_and_the_former_ones_retire,
    the_last_report_of_each_subject_is_kept,
];

fn link(id: &str, token: u8) -> FeedLink {
    FeedLink {
        id: FeedId(id.into()),
        token_hash: [token; 32],
        roster: roster(),
        employee: employee_id("ada"),
        created_at: hour(1),
        revoked_at: None,
    }
}

async fn a_link_is_found_by_its_token_until_and_after_it_is_revoked(Handles { one, two }: Handles) {
    one.add_feed_link(link("l1", 1)).await.unwrap();
    one.add_feed_link(link("l2", 2)).await.unwrap();
    let found = two.feed_link_by_token(&[1; 32]).await.unwrap();
    assert_eq!(found, Some(link("l1", 1)));
    assert_eq!(two.feed_link_by_token(&[3; 32]).await.unwrap(), None);

    let id = FeedId("l1".into());
    assert!(one.revoke_feed_link(&id, hour(2)).await.unwrap());
    assert!(!one.revoke_feed_link(&id, hour(3)).await.unwrap());
    let nobody = FeedId("l9".into());
    assert!(!one.revoke_feed_link(&nobody, hour(2)).await.unwrap());
    let revoked = FeedLink { revoked_at: Some(hour(2)), ..link("l1", 1) };
    let found = two.feed_link_by_token(&[1; 32]).await.unwrap();
    assert_eq!(found, Some(revoked));
    let other = two.feed_link_by_token(&[2; 32]).await.unwrap();
    assert_eq!(other, Some(link("l2", 2)));
}

async fn links_are_listed_in_order(Handles { one, two }: Handles) {
    assert_eq!(one.feed_links().await.unwrap(), []);
    let other = FeedLink { roster: RosterName::new("a-roster").unwrap(), ..link("1", 1) };
    let bob = FeedLink { employee: employee_id("bob"), created_at: hour(0), ..link("2", 2) };
    let later = FeedLink { created_at: hour(5), ..link("3", 3) };
    let first = link("4", 4);
    for link in [&later, &bob, &first, &other] {
        one.add_feed_link(link.clone()).await.unwrap();
    }
    assert_eq!(two.feed_links().await.unwrap(), [other, first, later, bob]);
}

async fn a_token_belongs_to_one_link(Handles { one, two }: Handles) {
    one.add_feed_link(link("l1", 1)).await.unwrap();
    assert!(two.add_feed_link(link("l2", 1)).await.is_err());
    assert!(two.add_feed_link(link("l1", 2)).await.is_err());
    assert_eq!(two.feed_links().await.unwrap(), [link("l1", 1)]);
}

async fn the_newest_key_signs_and_the_former_ones_retire(Handles { one, two }: Handles) {
    assert_eq!(one.feed_keys(hour(0)).await.unwrap(), []);
    let key = |id: &str, created: i64, retires: Option<i64>| FeedKey {
        id: id.into(),
        secret: [7; 32],
        created_at: hour(created),
        retires_at: retires.map(hour),
    };
    one.rotate_feed_key(key("k1", 0, None), hour(1)).await.unwrap();
    one.rotate_feed_key(key("k2", 10, None), hour(34)).await.unwrap();
    one.rotate_feed_key(key("k3", 20, None), hour(44)).await.unwrap();
    // `k1` retires when its successor came, not later with the successor's own end.
    let expected = [key("k3", 20, None), key("k2", 10, Some(44)), key("k1", 0, Some(34))];
    assert_eq!(two.feed_keys(hour(20)).await.unwrap(), expected);
    assert_eq!(two.feed_keys(hour(40)).await.unwrap(), expected[..2]);
    assert_eq!(two.feed_keys(hour(50)).await.unwrap(), expected[..1]);
    // An earlier end goes before the one that was said.
    two.rotate_feed_key(key("k4", 30, None), hour(36)).await.unwrap();
    let ends: Vec<_> = one.feed_keys(hour(30)).await.unwrap();
    let ends: Vec<_> = ends.iter().map(|it| it.retires_at).collect();
    assert_eq!(ends, [None, Some(hour(36)), Some(hour(36)), Some(hour(34))]);
}

async fn the_last_report_of_each_subject_is_kept(Handles { one, two }: Handles) {
    let report = |subject: &str, at: i64| ReportRow {
        subject: subject.into(),
        at: hour(at),
        body: format!("{{\"cycle\":{at},\"text\":\"it's 夜勤\"}}"),
    };
    for row in [
        report("roster/ward", 1),
        report("mirror/b", 1),
        report("mirror/b", 2),
        report("mirror/a", 3),
    ] {
        one.put_report(row).await.unwrap();
    }
    let expected = [report("mirror/a", 3), report("mirror/b", 2), report("roster/ward", 1)];
    assert_eq!(two.reports().await.unwrap(), expected);
}
