//! A commit that fails half way, whatever the reason, leaves nothing behind.

use domain::{CommandKind, EntityKind, Fingerprinter, RequestStep};
use engine::port::{
    Answer, ApprovalCommit, AskedRequest, ChangeSeq, Grant, LedgerWrite, RemoteId, RequestRow,
    Store, StoreError,
};
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};
use testkit::builders::{
    approvals, calendar, employee_id, hour, ingest, ledger_row, mirror, roster, shift, shift_key,
};

use crate::databases::{Server, sqlite_url};

/// Decisions about a shift that is there and one that is new, with a grant, which comes last.
fn decisions() -> ApprovalCommit {
    let entities = ["old", "new"].map(|id| domain::Entity::Shift(shift(id, "ada", 14)));
    ApprovalCommit {
        ledger: vec![LedgerWrite::Put(ledger_row(shift_key("new"), &calendar("team")))],
        requests: vec![RequestRow {
            at: RemoteId("r1".into()),
            calendar: calendar("team"),
            kind: CommandKind::OfferRequest,
            step: RequestStep::Asked,
            request: AskedRequest::Offer {
                given: RemoteId("SHFT_1".into()),
                to: employee_id("bob"),
            },
            changed_at: hour(1),
            approve_at: None,
        }],
        grants: vec![Grant {
            key: Fingerprinter::new("test").finish(),
            at: hour(1),
            expires_at: None,
            answer: Answer::Granted { version: "1".into() },
            touched: Vec::new(),
            landed: Vec::new(),
        }],
        ..approvals(ChangeSeq(1), entities)
    }
}

async fn fill(store: &dyn Store) {
    let old = domain::Entity::Shift(shift("old", "ada", 6));
    store.commit_ingest(&roster(), ingest(ChangeSeq(0), [old])).await.unwrap();
}

/// The failure of the decisions, which changed nothing.
async fn failure(store: &dyn Store) -> String {
    let error = store.commit_approvals(&roster(), &mirror(), decisions()).await.unwrap_err();
    assert!(matches!(error, StoreError::Failed { .. }), "{error:?}");
    let (seq, index) = store.roster_index(&roster()).await.unwrap();
    assert_eq!((seq, index.len()), (ChangeSeq(1), 1));
    let old = store.entries_of_kind(&roster(), EntityKind::Shift).await.unwrap();
    assert_eq!((old[0].version, old[0].seq), (1, ChangeSeq(1)));
    assert_eq!(store.ledger_of_calendar(&mirror(), &calendar("team")).await.unwrap(), []);
    assert_eq!(store.requests(&mirror(), false, 9).await.unwrap(), []);
    assert_eq!(store.grants(&mirror(), &[decisions().grants[0].key]).await.unwrap(), []);
    error.to_string()
}

async fn succeeds(store: &dyn Store) {
    let receipt = store.commit_approvals(&roster(), &mirror(), decisions()).await.unwrap();
    assert_eq!(receipt.seq, ChangeSeq(3));
}

#[tokio::test]
async fn sqlite_undoes_decisions_that_fail_at_the_last_step() {
    const BREAK: &str = "CREATE TRIGGER refuse BEFORE INSERT ON granted \
                         BEGIN SELECT RAISE(ABORT, 'no more grants'); END";
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    let store = store::open(&url).await.unwrap();
    fill(&*store).await;
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    connection.execute(BREAK).await.unwrap();
    let expected = "store cannot commit what was decided: no more grants";
    assert_eq!(failure(&*store).await, expected);
    connection.execute("DROP TRIGGER refuse").await.unwrap();
    succeeds(&*store).await;
}

#[tokio::test]
async fn postgres_undoes_decisions_that_fail_at_the_last_step() {
    const BREAK: &str = "ALTER TABLE granted ADD CONSTRAINT refuse CHECK (at < 0)";
    let Some(server) = Server::find() else {
        return;
    };
    let url = server.fresh().await;
    let store = store::open(&url).await.unwrap();
    fill(&*store).await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    connection.execute(BREAK).await.unwrap();
    let error = failure(&*store).await;
    // The row that was refused is somebody's, so it is not repeated.
    assert!(error.ends_with("(SQLSTATE 23514)"), "{error}");
    assert!(!error.contains("team"), "{error}");
    connection.execute("ALTER TABLE granted DROP CONSTRAINT refuse").await.unwrap();
    succeeds(&*store).await;
    drop(store);
    connection.close().await.unwrap();
    server.clean().await;
}
