//! A life in the ward: plausible, and the same for the same seed.

use std::collections::BTreeSet;

use simulators::graph::people::{Act, Deed, Life, NotDone};

use super::receiver::{Receiver, Say};
use super::ward::Ward;

async fn lived(seed: u64, acts: usize) -> (Vec<Act>, usize) {
    let mut count = 0;
    let receiver = Receiver::start(move |_| {
        count += 1;
        if count % 7 == 0 { Say::No(403, "not today") } else { Say::Yes }
    });
    let receiver = receiver.await;
    let ward = Ward::with(&receiver);
    let mut life = Life::seeded(seed);
    let mut done = Vec::new();
    for _ in 0..acts {
        done.extend(life.acts(&ward.team).await);
    }
    (done, receiver.calls().len())
}

#[tokio::test]
async fn same_seed_brings_the_same_life_and_another_one_another() {
    let (first, calls) = lived(1, 120).await;
    assert_eq!(lived(1, 120).await, (first.clone(), calls));
    assert_ne!(lived(2, 120).await.0, first);
}

#[tokio::test]
async fn life_has_all_deeds_and_mostly_succeeds() {
    let (acts, _) = lived(3, 600).await;
    let deeds: BTreeSet<Deed> = acts.iter().map(|it| it.deed).collect();
    assert_eq!(deeds.len(), 14, "{deeds:?}");
    let done = acts.iter().filter(|it| it.seen.is_ok()).count();
    assert!(done * 2 > acts.len(), "{done} of {}", acts.len());
    let refused = |it: &&Act| matches!(it.seen, Err(NotDone::ByIntegration(_)));
    assert!(acts.iter().filter(refused).count() > 0);
}
