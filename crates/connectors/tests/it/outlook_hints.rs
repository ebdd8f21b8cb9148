//! Hints of Graph through an `outlook` mirror: subscriptions made, kept alive and ended, and what
//! is told by them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use domain::{CalendarKey, MirrorName};
use engine::port::{FailureClass, HookCall, Hooks, NoticeKind, Proof, Topic};
use secrecy::{ExposeSecret, SecretString};
use simulators::graph::mailbox::Notice;

use crate::outlook::{Post, item};
use crate::shifts::run;

const URL: &str = "https://rota.example.com/hooks/m365";

/// What Graph sent, in order.
type Told = Arc<Mutex<Vec<Notice>>>;

fn topic(calendar: &CalendarKey) -> Topic {
    Topic::Calendar { mirror: MirrorName::new("ward").unwrap(), calendar: calendar.clone() }
}

/// What our end makes of what was sent since it was asked last.
fn heard(hooks: &dyn Hooks, told: &Told) -> Vec<(NoticeKind, Proof)> {
    let told = std::mem::take(&mut *told.lock().unwrap());
    let calls = told.into_iter().map(|notice| {
        let url = url::Url::parse(&notice.url).unwrap();
        let query = url.query().unwrap_or_default().to_owned();
        HookCall { query, headers: BTreeMap::new(), body: notice.body.into_bytes() }
    });
    calls
        .flat_map(|call| {
            let message = hooks.read(&call);
            assert_eq!(message.reply.status, 202);
            message.notices.into_iter().map(|it| (it.what, it.proof))
        })
        .collect()
}

#[test]
fn a_mailbox_is_watched_under_its_address_and_every_hint_says_no_more_than_look_again() {
    let told = Told::default();
    let kept = Arc::clone(&told);
    let post = Post::new(|it| {
        it.mailbox.notify = Some(Arc::new(move |notice| {
            let url = url::Url::parse(&notice.url).map_err(|error| error.to_string())?;
            let token = url.query_pairs().find(|(name, _)| name == "validationToken");
            match token {
                Some((_, token)) => Ok((200, "text/plain".into(), token.into_owned())),
                None => {
                    kept.lock().unwrap().push(notice.clone());
                    Ok((202, String::new(), String::new()))
                }
            }
        }));
    });
    let anna = post.person("Anna");
    let address = post.server.read(|state| state.users[anna.as_str()].upn.clone());
    let by_address = CalendarKey::new(address.as_str()).unwrap();
    let connection = post.connection();
    let parts = post.try_mirror_over(&*connection, "ward", "").unwrap();
    let hooks = connection.hooks(&post.context()).unwrap().unwrap();
    let topic = topic(&by_address);
    let other = MirrorName::new("other").unwrap();
    let of_other = Topic::Calendar { mirror: other, calendar: by_address.clone() };
    assert!(hooks.subscribes(&topic) && !hooks.subscribes(&of_other));
    assert!(!hooks.subscribes(&Topic::Source));
    let secret = SecretString::from("s3cret".to_owned());
    let made = run(hooks.subscribe(&topic, URL, &secret)).unwrap();
    let resource = post.server.read(|state| state.subscriptions[&made.id].resource.clone());
    assert_eq!(resource, format!("/users/{address}/events"), "as it is, not encoded");

    run(parts.target.open(&by_address)).unwrap();
    run(parts.target.create(&by_address, &item("a", "Late"))).unwrap();
    post.server.deliver_notifications();
    for event in ["reauthorizationRequired", "missed", "subscriptionRemoved"] {
        post.server.tell_lifecycle(event);
        post.server.deliver_notifications();
        if event == "reauthorizationRequired" {
            run(hooks.renew(&topic, &made, URL, &secret)).unwrap();
        }
    }
    let heard = heard(&*hooks, &told);
    let kinds: Vec<NoticeKind> = heard.iter().map(|(what, _)| *what).collect();
    let (changed, life) =
        (NoticeKind::Changed, [NoticeKind::Renew, NoticeKind::Missed, NoticeKind::Gone]);
    assert_eq!(kinds, [&[changed][..], &life].concat());
    for (_, proof) in heard {
        let Proof::Subscription { id, secret } = proof else { panic!("a subscription's") };
        assert_eq!((id.as_str(), secret.expose_secret()), (made.id.as_str(), "s3cret"));
    }
    // It is gone already.
    run(hooks.unsubscribe(&made)).unwrap();
}

#[test]
fn what_cannot_stand_in_the_name_of_a_mailbox_is_refused_before_it_is_sent() {
    let post = Post::new(|_| {});
    let connection = post.connection();
    let hooks = connection.hooks(&post.context()).unwrap().unwrap();
    let secret = SecretString::from("s".to_owned());
    for name in ["a/b", "a?b", "a#b", "a%40b"] {
        let topic = topic(&CalendarKey::new(name).unwrap());
        let refused = run(hooks.subscribe(&topic, URL, &secret)).unwrap_err();
        assert_eq!(refused.class, FailureClass::Refused, "{name}");
    }
    assert_eq!(post.asked("POST", "/subscriptions"), 0);
}
