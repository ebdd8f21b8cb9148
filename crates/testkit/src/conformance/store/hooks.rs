//! Promises about subscriptions to vendors' hints.
#![expect(clippy::unwrap_used, reason = "a test suite")]

use domain::ConnectionName;
use engine::port::{KeptSubscription, Subscription, Topic};

use super::{Handles, promises};
use crate::builders::{calendar, hour, mirror};

promises![
    subscriptions_are_listed_in_order_and_replaced,
    a_subscription_is_found_by_its_id_in_its_connection_only,
    a_removed_subscription_is_gone,
];

fn kept(connection: &str, id: &str) -> KeptSubscription {
    KeptSubscription {
        connection: ConnectionName::new(connection).unwrap(),
        topic: Topic::Calendar { mirror: mirror(), calendar: calendar("ada") },
        subscription: Subscription {
            id: id.into(),
            detail: "it's \"so\"".into(),
            expires_at: hour(70),
        },
        made_at: hour(1),
        secret_hash: [7; 32],
    }
}

async fn subscriptions_are_listed_in_order_and_replaced(Handles { one, two }: Handles) {
    let source = KeptSubscription { topic: Topic::Source, ..kept("a", "2") };
    for it in [kept("b", "1"), source.clone(), kept("a", "1")] {
        one.put_subscription(&it).await.unwrap();
    }
    assert_eq!(two.subscriptions().await.unwrap(), [kept("a", "1"), source, kept("b", "1")]);
    let renewed = KeptSubscription { made_at: hour(2), secret_hash: [8; 32], ..kept("a", "2") };
    one.put_subscription(&renewed).await.unwrap();
    assert_eq!(two.subscriptions().await.unwrap()[1], renewed);
}

async fn a_subscription_is_found_by_its_id_in_its_connection_only(Handles { one, two }: Handles) {
    for it in [kept("a", "1"), kept("a", "2"), kept("b", "3")] {
        one.put_subscription(&it).await.unwrap();
    }
    let connection = ConnectionName::new("a").unwrap();
    let ids = ["3", "2", "unknown", "1", "1"].map(str::to_owned);
    let found = two.subscriptions_at(&connection, &ids).await.unwrap();
    assert_eq!(found, [kept("a", "1"), kept("a", "2")]);
    assert_eq!(two.subscriptions_at(&connection, &[]).await.unwrap(), []);
}

async fn a_removed_subscription_is_gone(Handles { one, two }: Handles) {
    one.put_subscription(&kept("a", "1")).await.unwrap();
    one.put_subscription(&kept("b", "1")).await.unwrap();
    one.remove_subscription(&ConnectionName::new("a").unwrap(), "1").await.unwrap();
    one.remove_subscription(&ConnectionName::new("a").unwrap(), "never").await.unwrap();
    assert_eq!(two.subscriptions().await.unwrap(), [kept("b", "1")]);
}
