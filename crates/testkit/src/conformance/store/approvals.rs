//! Promises about the commit of what was decided: roster, ledger, requests and grants are one.
#![expect(clippy::unwrap_used, reason = "a test suite")]

use domain::{Entity, Shift};
use engine::port::{
    ApprovalCommit, ChangeSeq, DeltaToken, IdentityHint, IngestCommit, IntentState, LeaseDomain,
    LedgerRow, LedgerWrite, RosterEntry, SourceState, Store, StoreError,
};

use super::ledger::{commit as commit_ledger, commit_to, hold, intent, print};
use super::requests::{grant, request};
use super::{Handles, promises};
use crate::builders::{
    approvals, calendar, hour, ingest, ledger_removal, ledger_row, mirror, roster, shift, shift_key,
};

promises![
    what_was_decided_is_in_the_roster_and_everywhere,
    an_entity_that_is_changed_twice_counts_twice,
    superseded_decisions_change_nothing,
    decisions_about_a_row_that_somebody_wrote_meanwhile_change_nothing,
    what_leaves_the_roster_alone_is_not_superseded,
    of_decisions_and_an_ingest_at_once_one_is_superseded,
    decisions_leave_what_is_remembered_of_the_source,
    ledger_rows_of_decisions_need_no_lease_and_leave_it,
    the_last_decision_on_a_ledger_row_counts,
];

fn an_early(id: &str) -> Entity {
    Entity::Shift(shift(id, "ada", 6))
}

fn a_late(id: &str) -> Entity {
    Entity::Shift(Shift { label: "Late".into(), ..shift(id, "ada", 14) })
}

fn row(id: &str) -> LedgerRow {
    LedgerRow {
        intent: Some(intent(IntentState::Sent)),
        ..ledger_row(shift_key(id), &calendar("team"))
    }
}

/// Decisions that change something of everything, `id` being new.
fn one_of_everything(expected: ChangeSeq, id: &str) -> ApprovalCommit {
    ApprovalCommit {
        at: hour(2),
        ledger: vec![LedgerWrite::Put(row(id))],
        requests: vec![request(id, 1)],
        grants: vec![grant(id, 1)],
        ..approvals(expected, [a_late(id)])
    }
}

/// How much of what [`one_of_everything`] puts is there: entity, row, request, grant.
async fn found(store: &dyn Store, id: &str) -> [usize; 4] {
    let entries = store.roster_entries(&roster(), &[shift_key(id)]).await.unwrap();
    let rows = store.ledger_of(&mirror(), &[shift_key(id)]).await.unwrap();
    let requests = store.requests_at(&mirror(), &[request(id, 1).at]).await.unwrap();
    let grants = store.grants(&mirror(), &[grant(id, 1).key]).await.unwrap();
    [entries.len(), rows.len(), requests.len(), grants.len()]
}

async fn entry(store: &dyn Store, id: &str) -> Option<RosterEntry> {
    store.roster_entries(&roster(), &[shift_key(id)]).await.unwrap().pop()
}

async fn what_was_decided_is_in_the_roster_and_everywhere(Handles { one, two }: Handles) {
    let before = ingest(ChangeSeq(0), [an_early("a"), an_early("b"), an_early("c")]);
    one.commit_ingest(&roster(), before).await.unwrap();
    let mut decided = one_of_everything(ChangeSeq(3), "a");
    decided.tombstones = vec![shift_key("b")];
    let receipt = one.commit_approvals(&roster(), &mirror(), decided.clone()).await.unwrap();
    assert_eq!(receipt.seq, ChangeSeq(5));

    let changed = entry(&*two, "a").await.unwrap();
    let expected = RosterEntry {
        entity: a_late("a"),
        fingerprint: a_late("a").fingerprint(),
        version: 2,
        changed_at: hour(2),
        seq: ChangeSeq(4),
        at: decided.upserts[0].at.clone(),
    };
    assert_eq!(changed, expected);
    assert_eq!(entry(&*two, "b").await, None);
    assert_eq!(entry(&*two, "c").await.unwrap().version, 1);
    assert_eq!(two.roster_index(&roster()).await.unwrap().0, ChangeSeq(5));
    assert_eq!(two.roster_seq(&roster()).await.unwrap(), ChangeSeq(5));
    let rows = two.ledger_of_calendar(&mirror(), &calendar("team")).await;
    assert_eq!(rows.unwrap(), [row("a")]);
    assert_eq!(found(&*two, "a").await, [1; 4]);
    // An ingest goes on from there.
    let after = ingest(ChangeSeq(5), [an_early("b")]);
    assert_eq!(two.commit_ingest(&roster(), after).await.unwrap().seq, ChangeSeq(6));
    assert_eq!(entry(&*one, "b").await.unwrap().version, 2);
    // `explain` finds the row, though this mirror never had a cycle.
    let story = one.find_entities("a").await.unwrap();
    assert_eq!(story[0].ledger, [(mirror(), row("a"))]);
}

async fn an_entity_that_is_changed_twice_counts_twice(Handles { one, two }: Handles) {
    let entities = [an_early("a"), an_early("b"), a_late("a"), an_early("c"), a_late("c")];
    let mut twice = approvals(ChangeSeq(0), entities);
    twice.tombstones = vec![shift_key("b")];
    let receipt = one.commit_approvals(&roster(), &mirror(), twice).await.unwrap();
    assert_eq!(receipt.seq, ChangeSeq(6));
    let last = entry(&*two, "a").await.unwrap();
    assert_eq!((last.entity, last.version, last.seq), (a_late("a"), 2, ChangeSeq(3)));
    // Made and deleted by the same decisions: deleted.
    assert_eq!(entry(&*two, "b").await, None);
    let again = approvals(ChangeSeq(6), [an_early("b"), an_early("a"), a_late("a"), an_early("a")]);
    one.commit_approvals(&roster(), &mirror(), again).await.unwrap();
    let last = entry(&*two, "a").await.unwrap();
    assert_eq!((last.entity, last.version, last.seq), (an_early("a"), 5, ChangeSeq(10)));
    assert_eq!(entry(&*two, "b").await.unwrap().version, 2);
}

async fn superseded_decisions_change_nothing(Handles { one, two }: Handles) {
    one.commit_ingest(&roster(), ingest(ChangeSeq(0), [an_early("a")])).await.unwrap();
    let kept = ApprovalCommit { grants: vec![grant("old", 1)], ..approvals(ChangeSeq(0), []) };
    one.commit_approvals(&roster(), &mirror(), kept).await.unwrap();
    let mut deletion = one_of_everything(ChangeSeq(2), "b");
    (deletion.upserts, deletion.tombstones) = (Vec::new(), vec![shift_key("a")]);
    for expected in [0, 2] {
        let stale = one_of_everything(ChangeSeq(expected), "b");
        let stale = ApprovalCommit { grants_kept_from: hour(99), ..stale };
        let error = two.commit_approvals(&roster(), &mirror(), stale).await.unwrap_err();
        let StoreError::Superseded { roster: name, expected: given, found: there } = error else {
            panic!("expected a superseded commit, found {error:?}");
        };
        assert_eq!((name, given, there), (roster(), expected, 1));
    }
    let error = two.commit_approvals(&roster(), &mirror(), deletion).await.unwrap_err();
    assert!(matches!(error, StoreError::Superseded { .. }), "{error:?}");
    assert_eq!(found(&*one, "b").await, [0; 4]);
    assert_eq!(one.roster_index(&roster()).await.unwrap().0, ChangeSeq(1));
    assert_eq!(entry(&*one, "a").await.unwrap().version, 1);
    // What these would have dropped is there, too.
    assert_eq!(one.grants(&mirror(), &[grant("old", 1).key]).await.unwrap().len(), 1);
}

async fn decisions_about_a_row_that_somebody_wrote_meanwhile_change_nothing(
    Handles { one, two }: Handles,
) {
    one.commit_ingest(&roster(), ingest(ChangeSeq(0), [an_early("a")])).await.unwrap();
    let decided = |seq| {
        let all = one_of_everything(ChangeSeq(seq), "a");
        ApprovalCommit { ledger: vec![], new_rows: vec![row("a")], ..all }
    };
    let team = calendar("team");
    hold(&*one, &[&team], "me").await;
    let written = ledger_row(shift_key("a"), &team);
    let put = commit_to(&team, vec![LedgerWrite::Put(written.clone())]);
    assert_eq!(commit_ledger(&*one, put).await, []);
    let error = two.commit_approvals(&roster(), &mirror(), decided(1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Superseded { .. }), "{error:?}");
    assert_eq!(found(&*one, "a").await, [1, 1, 0, 0]);
    assert_eq!(entry(&*one, "a").await.unwrap().version, 1);
    assert_eq!(one.ledger_of(&mirror(), &[shift_key("a")]).await.unwrap(), [written]);
    // Without it they are kept.
    let gone = commit_to(&team, vec![ledger_removal(shift_key("a"), &team)]);
    assert_eq!(commit_ledger(&*one, gone).await, []);
    two.commit_approvals(&roster(), &mirror(), decided(1)).await.unwrap();
    assert_eq!(found(&*one, "a").await, [1; 4]);
    assert_eq!(one.ledger_of(&mirror(), &[shift_key("a")]).await.unwrap(), [row("a")]);
}

async fn what_leaves_the_roster_alone_is_not_superseded(Handles { one, two }: Handles) {
    let untouched = |id: &str, expected| ApprovalCommit {
        upserts: Vec::new(),
        ..one_of_everything(ChangeSeq(expected), id)
    };
    // Also where the roster was never read.
    let receipt = one.commit_approvals(&roster(), &mirror(), untouched("a", 9)).await;
    assert_eq!(receipt.unwrap().seq, ChangeSeq(0));
    one.commit_ingest(&roster(), ingest(ChangeSeq(0), [an_early("x")])).await.unwrap();
    let receipt = one.commit_approvals(&roster(), &mirror(), untouched("b", 0)).await;
    assert_eq!(receipt.unwrap().seq, ChangeSeq(1));
    for id in ["a", "b"] {
        assert_eq!(found(&*two, id).await, [0, 1, 1, 1], "{id}");
    }
    let nothing = approvals(ChangeSeq(7), []);
    let receipt = two.commit_approvals(&roster(), &mirror(), nothing).await;
    assert_eq!(receipt.unwrap().seq, ChangeSeq(1));
}

async fn of_decisions_and_an_ingest_at_once_one_is_superseded(Handles { one, two }: Handles) {
    for round in 0..10 {
        let (decided, read) = (format!("decided-{round}"), format!("read-{round}"));
        let from = ChangeSeq(round);
        let (name, mirror) = (roster(), mirror());
        let (deciding, ingesting) = tokio::join!(
            one.commit_approvals(&name, &mirror, one_of_everything(from, &decided)),
            two.commit_ingest(&name, ingest(from, [an_early(&read)])),
        );
        assert_ne!(deciding.is_ok(), ingesting.is_ok(), "{deciding:?} {ingesting:?}");
        let made = usize::from(deciding.is_ok());
        assert_eq!(found(&*two, &decided).await, [made; 4]);
        assert_eq!(entry(&*one, &read).await.is_some(), ingesting.is_ok());
        assert_eq!(one.roster_index(&roster()).await.unwrap().0, ChangeSeq(round + 1));
    }
}

async fn decisions_leave_what_is_remembered_of_the_source(Handles { one, two }: Handles) {
    let state = SourceState {
        token: Some(DeltaToken("t1".into())),
        window_start: Some(hour(0)),
        window_end: Some(hour(9)),
        read_at: Some(hour(1)),
    };
    let read = IngestCommit { state: state.clone(), ..ingest(ChangeSeq(0), [an_early("a")]) };
    one.commit_ingest(&roster(), read).await.unwrap();
    let hint = IdentityHint { key: shift_key("hinted"), fingerprint: print("hint") };
    one.add_identity_hints(&roster(), std::slice::from_ref(&hint)).await.unwrap();
    let decided = one_of_everything(ChangeSeq(1), "b");
    one.commit_approvals(&roster(), &mirror(), decided).await.unwrap();
    assert_eq!(two.source_state(&roster()).await.unwrap(), state);
    assert_eq!(two.identity_hints(&roster()).await.unwrap(), [hint]);
}

async fn ledger_rows_of_decisions_need_no_lease_and_leave_it(Handles { one, two }: Handles) {
    let team = calendar("team");
    hold(&*two, &[&team], "the owner").await;
    let ours = row("ours");
    commit_ledger(&*two, commit_to(&team, vec![LedgerWrite::Put(ours.clone())])).await;
    let decided = one_of_everything(ChangeSeq(0), "a");
    one.commit_approvals(&roster(), &mirror(), decided).await.unwrap();
    let rows = two.ledger_of_calendar(&mirror(), &team).await.unwrap();
    assert_eq!(rows, [row("a"), ours]);
    // The owner finds its epoch and its end as they were, and settles the new row.
    let settled = ledger_row(shift_key("a"), &team);
    let settling = commit_to(&team, vec![LedgerWrite::Put(settled.clone())]);
    assert_eq!(commit_ledger(&*two, settling).await, []);
    let rows = one.ledger_of(&mirror(), &[shift_key("a")]).await;
    assert_eq!(rows.unwrap(), [settled]);
    let domain = LeaseDomain::calendar(&mirror(), &team);
    let claim = one.acquire_leases(&[domain], "somebody", hour(1), hour(3)).await;
    let granted = engine::port::LeaseGrant::Granted(engine::port::Epoch(2));
    assert_eq!(claim.unwrap(), [granted]);
}

async fn the_last_decision_on_a_ledger_row_counts(Handles { one, two }: Handles) {
    let remove = |id: &str| ledger_removal(shift_key(id), &calendar("team"));
    let put = |id: &str, generation| LedgerWrite::Put(LedgerRow { generation, ..row(id) });
    let decide = async |ledger| {
        let decided = ApprovalCommit { ledger, ..approvals(ChangeSeq(0), []) };
        one.commit_approvals(&roster(), &mirror(), decided).await.unwrap();
        let rows = two.ledger_of_calendar(&mirror(), &calendar("team")).await.unwrap();
        let rows = rows.into_iter().map(|it| (it.key.id.to_string(), it.generation));
        rows.collect::<Vec<_>>()
    };
    let ledger = vec![put("a", 1), put("b", 1), put("a", 2), put("c", 1), remove("c")];
    assert_eq!(decide(ledger).await, [("a".into(), 2), ("b".into(), 1)]);
    let ledger = vec![remove("a"), put("a", 3), remove("b"), remove("nobody")];
    assert_eq!(decide(ledger).await, [("a".into(), 3)]);
}
