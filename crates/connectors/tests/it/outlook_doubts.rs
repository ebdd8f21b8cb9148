//! What an `outlook` mirror believes of an answer to a making, and what it knows again: an event
//! that was there before, a mailbox under another address, its calendar under another name.

use std::collections::BTreeSet;

use domain::CalendarKey;
use engine::port::{FailureClass, Opened, Sighting, Write, WriteWhat};
use simulators::graph::{Fault, What};

use crate::outlook::{Post, item, probe_of, see};
use crate::shifts::run;

#[test]
fn nothing_but_the_request_s_own_mark_tells_a_new_event_from_one_that_was_there() {
    // The clock stands still: times would tell nothing.
    let post = Post::new(|_| {});
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        let first = item("a", "Late");
        post.server.clear_log();
        let written = target.create(&anna, &first).await.unwrap();
        assert_eq!(post.server.counts().requests, 1, "what is new is not looked at");
        let hers = post.server.at_calendar(anna.as_str());
        assert!(hers.moves_to_calendar(&written.remote_id.0, "Private"));
        let refused = target.create(&anna, &first).await.unwrap_err();
        assert_eq!(refused.class, FailureClass::Duplicate { at: None });
        let tag = |it: &simulators::graph::mailbox::Event| {
            it.properties.keys().any(|id| id.ends_with("RotabridgeOrigin"))
        };
        let mut next = first.clone();
        next.origin.generation = 1;
        let again = target.create(&anna, &next).await.unwrap();
        hers.strips_tags(&again.remote_id.0);
        assert!(!tag(&post.events(&anna)[0]));
        target.create(&anna, &next).await.unwrap();
        assert!(tag(&post.events(&anna)[0]), "it is tagged again");
        assert_eq!(post.server.mailbox(anna.as_str()).unwrap().events.len(), 1);
    });
}

#[test]
fn a_calendar_that_cannot_be_looked_into_does_not_hide_where_an_event_went() {
    let post = Post::new(|_| {});
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        let mut ids = Vec::new();
        for name in ["moved", "gone"] {
            ids.push(target.create(&anna, &item(name, "Late")).await.unwrap().remote_id);
        }
        let hers = post.server.at_calendar(anna.as_str());
        assert!(hers.moves_to_calendar(&ids[0].0, "Private"));
        assert!(hers.deletes(&ids[1].0));
        assert_eq!(target.strayed(&anna, &ids).await, Ok(vec![true, false]));
        let says = |what: What| [Fault::on("GET").at("/events/").then(what)];
        // As of a calendar that somebody else shares: our ids mean nothing there, or we may not.
        for (status, code) in [(400, "ErrorInvalidMailboxItemId"), (403, "ErrorAccessDenied")] {
            post.server.set_faults(says(What::refusal(status, code)));
            assert_eq!(target.strayed(&anna, &ids).await, Ok(vec![false, false]), "{code}");
        }
        post.server.set_faults(says(What::unavailable()));
        let failure = target.strayed(&anna, &ids).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Unavailable, "nothing is concluded");
    });
}

#[test]
fn where_answers_show_no_marks_those_of_a_batch_are_looked_at_in_one_request() {
    let post = Post::new(|it| it.mailbox.answers_expand = false);
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        post.server.clear_log();
        let write = |n: u32| Write {
            calendar: anna.clone(),
            what: WriteWhat::Create(item(&format!("s{n}"), "Late")),
            not_after: jiff::Timestamp::MAX,
        };
        let writes: Vec<Write> = (0..20).map(write).collect();
        assert!(target.write_all(&writes).await.iter().all(Result::is_ok));
        assert_eq!(post.server.counts().requests, 2);
        assert_eq!(post.asked("PATCH", "/events/"), 0);
    });
}

#[test]
fn a_transaction_that_is_used_up_gets_another_generation_whatever_the_status() {
    for status in [400, 409] {
        let post = Post::new(|it| it.mailbox.refuses_other_bodies = Some(status));
        let (target, anna) = (post.target(), post.person("Anna"));
        run(async {
            target.open(&anna).await.unwrap();
            target.create(&anna, &item("a", "Late")).await.unwrap();
            let refused = target.create(&anna, &item("a", "Later")).await.unwrap_err();
            assert_eq!(refused.class, FailureClass::Duplicate { at: None }, "{status}");
        });
    }
}

#[test]
fn a_conflict_of_exchange_s_own_is_a_doubt_and_no_second_generation() {
    let post = Post::new(|_| {});
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        for code in ["ConcurrentItemSave", "ErrorConcurrentItemSave", "ErrorIrresolvableConflict"] {
            let busy = What::refusal(409, code);
            post.server.set_faults([Fault::on("POST").at("/events").times(1).then(busy)]);
            let doubt = target.create(&anna, &item("a", "Late")).await.unwrap_err();
            assert_eq!(doubt.class, FailureClass::Unknown, "{code}");
        }
    });
}

#[test]
fn one_mailbox_is_one_under_its_address_and_its_id() {
    let post = Post::new(|_| {});
    let (target, anna) = (post.target(), post.person("Anna"));
    let address = post.server.read(|state| state.users[anna.as_str()].upn.to_lowercase());
    let by_address = CalendarKey::new(address).unwrap();
    run(async {
        target.open(&anna).await.unwrap();
        let first = item("a", "Late");
        let written = target.create(&anna, &first).await.unwrap();
        target.open(&by_address).await.unwrap();
        let listed = target.list(&by_address, None).await.unwrap();
        let origin = listed.entries[0].item.as_ref().unwrap().origin.clone();
        assert_eq!(origin, Some(first.origin.clone()));
        let Sighting::Present(seen) = see(&target, &by_address, probe_of(&first)).await else {
            panic!("it is there");
        };
        assert_eq!(seen.remote_id, written.remote_id);
        target.create(&by_address, &first).await.unwrap();
        assert_eq!(post.events(&anna).len(), 1);
    });
}

#[test]
fn our_calendar_is_ours_under_whatever_name_its_owner_gives_it() {
    let post = Post::new(|_| {});
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        let first = item("a", "Late");
        target.create(&anna, &first).await.unwrap();
        let hers = post.server.at_calendar(anna.as_str());
        assert!(hers.renames_calendar("Shifts", "Work"));
        // Another process, which remembers nothing.
        let target = post.target();
        assert_eq!(target.open(&anna).await, Ok(Opened::Found));
        assert!(matches!(see(&target, &anna, probe_of(&first)).await, Sighting::Present(_)));
        let mailbox = post.server.mailbox(anna.as_str()).unwrap();
        let names: BTreeSet<_> = mailbox.calendars.values().map(|it| it.name.as_str()).collect();
        assert_eq!(names, BTreeSet::from(["Calendar", "Work"]));
        // Of another name in the configuration, it is another one.
        let other = post.try_mirror("ward", "calendar = \"Rota\"").unwrap().target;
        assert_eq!(other.open(&anna).await, Ok(Opened::Made));
    });
}
