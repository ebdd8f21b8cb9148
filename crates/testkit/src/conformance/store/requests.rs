//! Promises about requests and grants: how they are kept, found, listed and dropped.
#![expect(clippy::unwrap_used, reason = "a test suite")]

use domain::{CommandKind, MirrorName, Refusal, RequestStep, TimeOffItem, TimeOffReasonId};
use engine::port::{
    Answer, ApprovalCommit, AskedRequest, ChangeSeq, Grant, RemoteId, RequestRow, Store,
};
use jiff::Timestamp;

use super::ledger::print;
use super::{Handles, promises};
use crate::builders::{approvals, calendar, employee_id, hour, hours, mirror, roster, shift_key};

promises![
    a_request_reads_back_as_it_was_put,
    a_request_replaces_the_one_with_its_remote_id,
    requests_are_listed_newest_first,
    only_requests_under_way_are_pending,
    requests_to_approve_are_those_that_are_due,
    a_grant_reads_back_as_it_was_put,
    a_grant_replaces_the_one_with_its_key,
    old_grants_are_dropped_in_their_own_mirror,
    requests_that_are_over_are_dropped_with_old_grants,
    mirrors_keep_their_requests_and_grants_apart,
    thousands_are_put_and_found_at_once,
];

/// A request to take an open shift, that changed at that hour.
pub(super) fn request(id: &str, changed: i64) -> RequestRow {
    RequestRow {
        at: RemoteId(id.into()),
        calendar: calendar("team"),
        kind: CommandKind::OpenShiftRequest,
        step: RequestStep::Asked,
        request: AskedRequest::OpenShift {
            open_shift: RemoteId("OPNSHFT_1".into()),
            employee: employee_id("ada"),
        },
        changed_at: hour(changed),
        approve_at: None,
    }
}

/// A grant, made at that hour.
pub(super) fn grant(ask: &str, at: i64) -> Grant {
    Grant {
        key: print(ask),
        at: hour(at),
        expires_at: None,
        answer: Answer::Granted { version: format!("v-{ask}") },
        touched: vec![(shift_key(ask), 1)],
        landed: vec![(shift_key(ask), RemoteId(format!("SHFT_{ask}")))],
    }
}

async fn put(store: &dyn Store, requests: &[RequestRow], grants: &[Grant]) {
    put_in(store, &mirror(), requests, grants).await;
}

async fn put_in(store: &dyn Store, name: &MirrorName, requests: &[RequestRow], grants: &[Grant]) {
    let commit = ApprovalCommit {
        requests: requests.to_vec(),
        grants: grants.to_vec(),
        ..approvals(ChangeSeq(0), [])
    };
    store.commit_approvals(&roster(), name, commit).await.unwrap();
}

async fn requests_at(store: &dyn Store, ids: &[&str]) -> Vec<RequestRow> {
    let ids: Vec<_> = ids.iter().map(|id| RemoteId((*id).into())).collect();
    let mut found = store.requests_at(&mirror(), &ids).await.unwrap();
    found.sort_by(|a, b| a.at.cmp(&b.at));
    found
}

fn names(requests: &[RequestRow]) -> Vec<&str> {
    requests.iter().map(|it| it.at.0.as_str()).collect()
}

async fn requests_that_are_over_are_dropped_with_old_grants(Handles { one, two }: Handles) {
    let over = |id, changed| RequestRow { step: RequestStep::Declined, ..request(id, changed) };
    let waiting = RequestRow { approve_at: Some(hour(9)), ..over("waits", 1) };
    put(&*one, &[request("open", 1), over("old", 1), over("new", 5), waiting], &[]).await;
    let commit = ApprovalCommit { grants_kept_from: hour(3), ..approvals(ChangeSeq(0), []) };
    one.commit_approvals(&roster(), &mirror(), commit).await.unwrap();
    let left = requests_at(&*two, &["open", "old", "new", "waits"]).await;
    assert_eq!(names(&left), ["new", "open", "waits"]);
}

async fn a_request_reads_back_as_it_was_put(Handles { one, two }: Handles) {
    let fine = Timestamp::from_nanosecond(1_795_219_200_123_456_789).unwrap();
    let rows = [
        RequestRow { approve_at: Some(fine), changed_at: fine, ..request("a", 1) },
        RequestRow {
            step: RequestStep::Agreed,
            kind: CommandKind::SwapRequest,
            request: AskedRequest::Swap {
                given: RemoteId("\u{1e}\u{1f}\u{0}\n".into()),
                wanted: RemoteId("it's \"so\" \\ 夜勤".into()),
            },
            ..request("\u{1e}\u{1f}\u{0}\"é\\", 1)
        },
        RequestRow {
            step: RequestStep::Approved,
            kind: CommandKind::OfferRequest,
            request: AskedRequest::Offer {
                given: RemoteId("SHFT_1".into()),
                to: employee_id("bob's \"id\""),
            },
            ..request("c", 1)
        },
        RequestRow {
            step: RequestStep::Declined,
            kind: CommandKind::TimeOffRequest,
            request: AskedRequest::TimeOff {
                item: TimeOffItem {
                    employee: employee_id("ada"),
                    reason: Some(TimeOffReasonId::new("leave").unwrap()),
                    interval: hours(0, 24),
                },
            },
            ..request("d", 1)
        },
        RequestRow { step: RequestStep::Cancelled, ..request("e", 1) },
    ];
    put(&*one, &rows, &[]).await;
    for row in &rows {
        let found = requests_at(&*two, &[&row.at.0]).await;
        assert_eq!(found, std::slice::from_ref(row));
    }
    let some = requests_at(&*two, &["c", "nobody's", "a", "c"]).await;
    assert_eq!(names(&some), ["a", "c"]);
    assert_eq!(requests_at(&*two, &[]).await, []);
}

async fn a_request_replaces_the_one_with_its_remote_id(Handles { one, two }: Handles) {
    put(&*one, &[request("a", 1), request("b", 1)], &[]).await;
    let later = RequestRow {
        calendar: calendar("another"),
        step: RequestStep::Declined,
        approve_at: Some(hour(3)),
        ..request("a", 2)
    };
    // The last one of one commit, too.
    put(&*one, &[request("a", 9), request("b", 3), later.clone()], &[]).await;
    assert_eq!(requests_at(&*two, &["a", "b"]).await, [later.clone(), request("b", 3)]);
    assert_eq!(two.requests(&mirror(), false, 9).await.unwrap(), [request("b", 3), later.clone()]);
    assert_eq!(two.requests(&mirror(), true, 9).await.unwrap(), [request("b", 3)]);
    let due = two.requests_to_approve(&mirror(), hour(9), 9).await;
    assert_eq!(due.unwrap(), [later]);
}

async fn requests_are_listed_newest_first(Handles { one, two }: Handles) {
    let rows: Vec<_> = ["c", "a", "d", "b"].into_iter().zip([3, 1, 4, 2]).collect();
    let rows: Vec<_> = rows.into_iter().map(|(id, changed)| request(id, changed)).collect();
    put(&*one, &rows, &[]).await;
    for pending in [false, true] {
        let listed = async |limit| two.requests(&mirror(), pending, limit).await.unwrap();
        assert_eq!(names(&listed(99).await), ["d", "c", "b", "a"]);
        assert_eq!(names(&listed(4).await), ["d", "c", "b", "a"]);
        assert_eq!(names(&listed(2).await), ["d", "c"]);
        assert_eq!(names(&listed(0).await), [""; 0]);
        assert_eq!(names(&listed(usize::MAX).await).len(), 4);
    }
    put(&*one, &[request("a", 9)], &[]).await;
    let listed = two.requests(&mirror(), false, 2).await.unwrap();
    assert_eq!(names(&listed), ["a", "d"]);
}

async fn only_requests_under_way_are_pending(Handles { one, two }: Handles) {
    use RequestStep::*;
    let steps = [Asked, Agreed, Approved, Declined, Cancelled];
    let rows: Vec<_> = (0..)
        .zip(steps)
        .map(|(hour, step)| RequestRow { step, ..request(step.as_str(), hour) })
        .collect();
    put(&*one, &rows, &[]).await;
    let pending = two.requests(&mirror(), true, 99).await.unwrap();
    assert_eq!(names(&pending), ["agreed", "asked"]);
    // Those that are not pending do not count against the limit.
    let first = two.requests(&mirror(), true, 1).await.unwrap();
    assert_eq!(names(&first), ["agreed"]);
    assert_eq!(two.requests(&mirror(), false, 99).await.unwrap().len(), 5);
    let done = RequestRow { step: Approved, ..request("asked", 7) };
    put(&*one, &[done], &[]).await;
    assert_eq!(names(&two.requests(&mirror(), true, 99).await.unwrap()), ["agreed"]);
}

async fn requests_to_approve_are_those_that_are_due(Handles { one, two }: Handles) {
    let due = |id: &str, changed, at: Option<i64>| RequestRow {
        approve_at: at.map(hour),
        ..request(id, changed)
    };
    let rows = [
        due("third", 1, Some(5)),
        due("never", 2, None),
        due("first", 9, Some(3)),
        due("later", 0, Some(6)),
        RequestRow { step: RequestStep::Agreed, ..due("second", 4, Some(4)) },
    ];
    put(&*one, &rows, &[]).await;
    let by = async |at, limit| two.requests_to_approve(&mirror(), hour(at), limit).await.unwrap();
    assert_eq!(names(&by(2, 9).await), [""; 0]);
    assert_eq!(names(&by(5, 9).await), ["first", "second", "third"]);
    assert_eq!(names(&by(9, 2).await), ["first", "second"]);
    assert_eq!(by(3, 9).await, [rows[2].clone()]);
    // Approved or put off: no longer due.
    put(&*one, &[due("first", 10, None), due("second", 10, Some(99))], &[]).await;
    assert_eq!(names(&by(9, 9).await), ["third", "later"]);
}

async fn a_grant_reads_back_as_it_was_put(Handles { one, two }: Handles) {
    let fine = Timestamp::from_nanosecond(1_795_219_200_123_456_789).unwrap();
    let grants = [
        Grant {
            at: fine,
            touched: vec![(shift_key("it's \"so\" \\ 夜勤"), u32::MAX), (shift_key("b"), 7)],
            landed: vec![(shift_key("b"), RemoteId("\u{1e}\u{1f}\u{0}\n\"".into()))],
            ..grant("a", 1)
        },
        Grant { touched: Vec::new(), landed: Vec::new(), ..grant("b", 1) },
        Grant {
            answer: Answer::Refused(Refusal::NotHere { kind: CommandKind::Shift }),
            ..grant("c", 1)
        },
    ];
    put(&*one, &[], &grants).await;
    for grant in &grants {
        let found = two.grants(&mirror(), &[grant.key]).await.unwrap();
        assert_eq!(found, std::slice::from_ref(grant));
    }
    let keys = ["c", "nobody's", "a", "c"].map(print);
    assert_eq!(two.grants(&mirror(), &keys).await.unwrap().len(), 2);
    assert_eq!(two.grants(&mirror(), &[]).await.unwrap(), []);
}

async fn a_grant_replaces_the_one_with_its_key(Handles { one, two }: Handles) {
    put(&*one, &[], &[grant("a", 1), grant("b", 1)]).await;
    let remapped = Grant { landed: Vec::new(), ..grant("a", 2) };
    // The last one of one commit, too.
    put(&*one, &[], &[grant("a", 9), remapped.clone()]).await;
    assert_eq!(two.grants(&mirror(), &[print("a")]).await.unwrap(), [remapped]);
    assert_eq!(two.grants(&mirror(), &[print("b")]).await.unwrap(), [grant("b", 1)]);
}

async fn old_grants_are_dropped_in_their_own_mirror(Handles { one, two }: Handles) {
    let other = MirrorName::new("other").unwrap();
    let all = [grant("a", 1), grant("b", 2), grant("c", 3)];
    put(&*one, &[], &all).await;
    put_in(&*one, &other, &[], &all).await;
    let commit = ApprovalCommit {
        grants: vec![grant("a", 4)],
        grants_kept_from: hour(3),
        ..approvals(ChangeSeq(0), [])
    };
    one.commit_approvals(&roster(), &mirror(), commit).await.unwrap();
    // The one that was put again is young, and one of just that age is kept.
    let keys = ["a", "b", "c"].map(print);
    let mut kept = two.grants(&mirror(), &keys).await.unwrap();
    kept.sort_by_key(|it| it.at);
    assert_eq!(kept, [grant("c", 3), grant("a", 4)]);
    assert_eq!(two.grants(&other, &keys).await.unwrap().len(), 3);
}

async fn mirrors_keep_their_requests_and_grants_apart(Handles { one, two }: Handles) {
    let other = MirrorName::new("other").unwrap();
    let due = |changed| RequestRow { approve_at: Some(hour(1)), ..request("a", changed) };
    put(&*one, &[due(1)], &[grant("a", 1)]).await;
    put_in(&*one, &other, &[due(2)], &[grant("a", 2)]).await;
    for (name, hour_of) in [(mirror(), 1), (other, 2)] {
        let row = [due(hour_of)];
        let at = [RemoteId("a".into())];
        assert_eq!(two.requests_at(&name, &at).await.unwrap(), row);
        assert_eq!(two.requests(&name, false, 9).await.unwrap(), row);
        assert_eq!(two.requests(&name, true, 9).await.unwrap(), row);
        assert_eq!(two.requests_to_approve(&name, hour(9), 9).await.unwrap(), row);
        let grants = two.grants(&name, &[print("a")]).await.unwrap();
        assert_eq!(grants, [grant("a", hour_of)]);
    }
    let nobodys = MirrorName::new("nobodys").unwrap();
    assert_eq!(two.requests(&nobodys, false, 9).await.unwrap(), []);
    assert_eq!(two.grants(&nobodys, &[print("a")]).await.unwrap(), []);
}

async fn thousands_are_put_and_found_at_once(Handles { one, two }: Handles) {
    let requests: Vec<_> = (0..2500).map(|n| request(&format!("r{n:04}"), n)).collect();
    let grants: Vec<_> = (0..2500).map(|n| grant(&format!("g{n}"), 1)).collect();
    put(&*one, &requests, &grants).await;
    let ids: Vec<_> = requests.iter().map(|it| it.at.clone()).collect();
    let mut found = two.requests_at(&mirror(), &ids).await.unwrap();
    found.sort_by(|a, b| a.at.cmp(&b.at));
    assert!(found == requests, "{} requests were found", found.len());
    let listed = two.requests(&mirror(), false, usize::MAX).await.unwrap();
    assert!(listed.iter().eq(requests.iter().rev()), "{} were listed", listed.len());
    let keys: Vec<_> = grants.iter().map(|it| it.key).collect();
    let found = two.grants(&mirror(), &keys).await.unwrap();
    assert_eq!(found.len(), grants.len());
}
