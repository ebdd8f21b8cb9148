//! What was acknowledged is there after the process was killed.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use domain::Entity;
use engine::port::{ChangeSeq, Epoch, Fenced, LeaseDomain, LedgerCommit, LedgerWrite};
use testkit::builders::{calendar, hour, ingest, ledger_row, mirror, roster, shift, shift_key};

use crate::databases::sqlite_url;

const URL: &str = "ROTABRIDGE_TEST_KILLED_STORE";
const WORD: &str = "acknowledged ";

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "durability::writes_until_it_is_killed"])
        .args(["--ignored", "--nocapture"])
        .env(URL, &url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut number = |line: std::io::Result<String>| {
        let line = line.unwrap();
        line.rsplit_once(WORD)?.1.parse::<usize>().ok()
    };
    lines.by_ref().filter_map(&mut number).find(|n| *n == 40).unwrap();
    child.kill().unwrap();
    // What stood in the pipe was acknowledged too.
    let acknowledged = lines.filter_map(&mut number).last().unwrap_or(40);
    child.wait().unwrap();

    let store = store::open(&url).await.unwrap();
    let (seq, index) = store.roster_index(&roster()).await.unwrap();
    let ada = calendar("ada");
    let rows = store.ledger_of_calendar(&mirror(), &ada).await.unwrap();
    assert!(rows.len() >= acknowledged, "{} of {acknowledged}", rows.len());
    // The commit after the last acknowledged one may be there, whole, or not.
    assert_eq!(seq.0, index.len() as i64);
    assert!(index.len() - rows.len() <= 1, "{} {}", index.len(), rows.len());
    assert!(index.len() - acknowledged <= 1, "{} {acknowledged}", index.len());
}

#[tokio::test]
#[ignore = "runs as the child process of what_was_acknowledged_survives_a_kill"]
#[expect(clippy::disallowed_methods, reason = "how the parent says which store")]
async fn writes_until_it_is_killed() {
    let Ok(url) = std::env::var(URL) else {
        return;
    };
    let store = store::open(&url).await.unwrap();
    let ada = calendar("ada");
    let domains = [LeaseDomain::calendar(&mirror(), &ada)];
    let leases = store.acquire_leases(&domains, "me", hour(0), hour(1)).await;
    leases.unwrap();
    for number in 1.. {
        let id = format!("s{number}");
        let entity = Entity::Shift(shift(&id, "ada", 6));
        let commit = ingest(ChangeSeq(number - 1), [entity]);
        store.commit_ingest(&roster(), commit).await.unwrap();
        let commit = LedgerCommit {
            fences: vec![Fenced { calendar: ada.clone(), epoch: Epoch(1) }],
            writes: vec![LedgerWrite::Put(ledger_row(shift_key(&id), &ada))],
            ..LedgerCommit::default()
        };
        store.commit_ledger(&mirror(), commit).await.unwrap();
        println!("{WORD}{number}");
    }
}
