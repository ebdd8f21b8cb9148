//! Promises about what people did to our items.
#![expect(clippy::unwrap_used, reason = "a test suite")]

use domain::CalendarKey;
use engine::port::{Change, Drift, DriftWrite, LedgerCommit, MirrorCounts, Rival, Standing, Told};

use super::ledger::{commit, commit_to, hold, print};
use super::{Handles, promises};
use crate::builders::{calendar, hour, mirror, shift_key};

promises![
    drift_reads_back_as_it_was_written_in_order,
    drift_is_fenced_like_the_ledger,
    drift_that_is_left_or_contested_is_counted,
    an_operator_writes_drift_without_a_fence,
];

fn drift(calendar: &CalendarKey, id: &str, standing: Standing) -> Drift {
    Drift {
        calendar: calendar.clone(),
        key: shift_key(id).into(),
        change: Change::Moved,
        found: Some(print("found")),
        wanted: print("wanted"),
        since: hour(1),
        seen_at: hour(3),
        put_right_at: vec![hour(1), hour(2)],
        rival: Rival::Mirror(mirror()),
        standing,
        refused: Some(Told { text: "it's \"so\" 夜勤".into(), until: hour(9) }),
    }
}

fn put(calendar: &CalendarKey, drifts: Vec<DriftWrite>) -> LedgerCommit {
    LedgerCommit { drifts, ..commit_to(calendar, vec![]) }
}

async fn drift_reads_back_as_it_was_written_in_order(Handles { one, two }: Handles) {
    let (ada, bob) = (calendar("ada"), calendar("bob"));
    hold(&*one, &[&ada, &bob], "me").await;
    let late = drift(&bob, "a", Standing::Left);
    let gone = Drift { found: None, refused: None, ..drift(&ada, "b", Standing::PutRight) };
    let first = drift(&ada, "a", Standing::Contested);
    commit(&*one, put(&bob, vec![DriftWrite::Put(late.clone())])).await;
    let both = [gone.clone(), first.clone()].map(DriftWrite::Put).to_vec();
    commit(&*one, put(&ada, both)).await;
    let all = two.drifts(&mirror()).await.unwrap();
    assert_eq!(all, [first, gone.clone(), late.clone()]);

    let replaced = Drift { standing: Standing::Released, ..gone };
    let writes = vec![
        DriftWrite::Remove { calendar: ada.clone(), key: shift_key("a").into() },
        DriftWrite::Put(replaced.clone()),
        DriftWrite::Remove { calendar: ada.clone(), key: shift_key("never").into() },
    ];
    commit(&*one, put(&ada, writes)).await;
    assert_eq!(two.drifts(&mirror()).await.unwrap(), [replaced, late]);
}

async fn drift_is_fenced_like_the_ledger(Handles { one, .. }: Handles) {
    let ada = calendar("ada");
    let write = vec![DriftWrite::Put(drift(&ada, "a", Standing::Left))];
    let fenced = commit(&*one, put(&ada, write.clone())).await;
    assert_eq!(fenced, std::slice::from_ref(&ada));
    let unfenced = LedgerCommit { fences: vec![], ..put(&ada, write) };
    assert_eq!(commit(&*one, unfenced).await, [ada]);
    assert_eq!(one.drifts(&mirror()).await.unwrap(), []);
}

async fn drift_that_is_left_or_contested_is_counted(Handles { one, two }: Handles) {
    let ada = calendar("ada");
    hold(&*one, &[&ada], "me").await;
    let standings = [Standing::Left, Standing::Left, Standing::Contested, Standing::PutRight];
    let drifts = standings.iter().zip(["a", "b", "c", "d"]);
    let writes = drifts.map(|(standing, id)| DriftWrite::Put(drift(&ada, id, *standing)));
    commit(&*one, put(&ada, writes.collect())).await;
    let MirrorCounts { left, contested, .. } = two.mirror_counts(&mirror()).await.unwrap();
    assert_eq!((left, contested), (2, 1));
}

async fn an_operator_writes_drift_without_a_fence(Handles { one, two }: Handles) {
    let ada = calendar("ada");
    let released = drift(&ada, "a", Standing::Released);
    one.put_drifts(&mirror(), &[DriftWrite::Put(released.clone())]).await.unwrap();
    assert_eq!(two.drifts(&mirror()).await.unwrap(), [released]);
    let remove = DriftWrite::Remove { calendar: ada, key: shift_key("a").into() };
    one.put_drifts(&mirror(), &[remove]).await.unwrap();
    assert_eq!(two.drifts(&mirror()).await.unwrap(), []);
}
