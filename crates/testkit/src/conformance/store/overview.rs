//! Promises about what is shown of mirrors.
#![expect(clippy::unwrap_used, reason = "a test suite")]

use domain::Part;
use engine::port::{
    Change, ChangeOutline, ConflictPlace, ConflictRow, Drift, DriftWrite, EventChangeState,
    IntentState, LedgerCommit, LedgerRow, LedgerWrite, Left, Rival, Standing, Trouble,
};

use super::conflicts::{change, conflict, looked, put, to};
use super::ledger::{commit, commit_to, hold, intent, print, remote};
use super::{Handles, promises};
use crate::builders::{calendar, hour, ledger_row, mirror, shift_key};

promises![
    conflicts_are_read_page_by_page_in_one_order,
    changes_are_outlined_the_latest_event_first,
    rows_in_trouble_are_found_and_no_others,
    drift_is_found_by_how_it_stands,
];

async fn conflicts_are_read_page_by_page_in_one_order(Handles { one, two }: Handles) {
    let (ada, bob) = (calendar("ada"), calendar("bob"));
    hold(&*one, &[&ada, &bob], "me").await;
    let of_ada = ["b", "a"].map(|shift| conflict(&ada, shift, "standup", Left::Reported));
    let twice = ["x", "y"].map(|event| conflict(&bob, "a", event, Left::KeptBoth));
    commit(&*one, to(&ada, vec![looked(&ada, 1, of_ada.to_vec())])).await;
    commit(&*one, to(&bob, vec![looked(&bob, 1, twice.to_vec())])).await;
    let all = two.conflicts(&mirror(), None).await.unwrap();
    assert_eq!(all.len(), 4);
    for limit in [1, 2, 3, 4, 9] {
        let mut read: Vec<ConflictRow> = Vec::new();
        loop {
            let after = read.last().map(ConflictPlace::of);
            let page = two.conflict_page(&mirror(), after.as_ref(), limit).await.unwrap();
            assert!(page.len() <= limit);
            let was_all = page.len() < limit;
            read.extend(page);
            if was_all {
                break;
            }
        }
        assert_eq!(read, all, "{limit}");
    }
}

async fn changes_are_outlined_the_latest_event_first(Handles { one, two }: Handles) {
    let ada = calendar("ada");
    hold(&*one, &[&ada], "me").await;
    let mut early = change(&ada, "standup", 1);
    early.kept_until = hour(50);
    early.state = EventChangeState::NotDone { why: "busy".into() };
    let late = change(&ada, "retro", 1);
    commit(&*one, to(&ada, vec![put(&early), put(&late)])).await;
    let outlines = two.change_outlines(&mirror(), 9).await.unwrap();
    assert_eq!(outlines, [&late, &early].map(ChangeOutline::of));
    assert_eq!(two.change_outlines(&mirror(), 1).await.unwrap().len(), 1);
}

async fn rows_in_trouble_are_found_and_no_others(Handles { one, two }: Handles) {
    let ada = calendar("ada");
    hold(&*one, &[&ada], "me").await;
    let trouble = |quarantined_at| {
        let (reason, fingerprint) = ("403: it's \"no\"".to_owned(), print("refused"));
        Some(Trouble { refusals: 3, reason, fingerprint, quarantined_at })
    };
    let row = |id: &str| ledger_row(shift_key(id), &ada);
    let set_aside = LedgerRow {
        remote: Some(remote("a")),
        trouble: trouble(Some(hour(2))),
        part: Part::Block(2),
        ..row("a")
    };
    let refused = LedgerRow {
        intent: Some(intent(IntentState::Planned)),
        trouble: trouble(None),
        ..row("b")
    };
    let waits = LedgerRow { intent: Some(intent(IntentState::Planned)), ..row("c") };
    let fine = LedgerRow { remote: Some(remote("d")), ..row("d") };
    let rows = [&fine, &waits, &refused, &set_aside];
    let writes = rows.map(|it| LedgerWrite::Put(it.clone())).to_vec();
    commit(&*one, commit_to(&ada, writes)).await;
    let found = two.troubled_rows(&mirror(), 9).await.unwrap();
    assert_eq!(found, [set_aside.clone(), refused]);
    assert_eq!(two.troubled_rows(&mirror(), 1).await.unwrap(), [set_aside]);
}

async fn drift_is_found_by_how_it_stands(Handles { one, two }: Handles) {
    let ada = calendar("ada");
    hold(&*one, &[&ada], "me").await;
    let drift = |id: &str, standing| Drift {
        calendar: ada.clone(),
        key: shift_key(id).into(),
        change: Change::Moved,
        found: None,
        wanted: print("wanted"),
        since: hour(1),
        seen_at: hour(3),
        put_right_at: vec![],
        rival: Rival::Somebody,
        standing,
        refused: None,
    };
    let all = [
        drift("a", Standing::PutRight),
        drift("b", Standing::Left),
        drift("c", Standing::Contested),
        drift("d", Standing::Left),
    ];
    let drifts = all.iter().cloned().map(DriftWrite::Put).collect();
    commit(&*one, LedgerCommit { drifts, ..commit_to(&ada, vec![]) }).await;
    let found = async |standing, limit| {
        let found = two.standing_drifts(&mirror(), standing, limit).await.unwrap();
        found.iter().map(|it| it.key.entity.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found(Standing::Left, 9).await, ["b", "d"]);
    assert_eq!(found(Standing::Left, 1).await, ["b"]);
    assert_eq!(found(Standing::Contested, 9).await, ["c"]);
    assert_eq!(found(Standing::Released, 9).await, [""; 0]);
}
