//! Opening, versions, and what is said when a database cannot be used.

use engine::port::{ChangeSeq, StoreError};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use store::{Migrated, SCHEMA_VERSION};
use testkit::builders::{employee, ingest, roster};

use crate::databases::{Server, sqlite_url};

/// Does something to a SQLite file behind the store's back.
async fn tamper(url: &str, statement: &str) {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let statement = AssertSqlSafe(statement.to_owned());
    connection.execute(statement).await.unwrap();
    connection.close().await.unwrap();
}

async fn refusal(url: &str) -> String {
    match store::open(url).await {
        Ok(_) => panic!("`{url}` was opened"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_missing_file_is_made_with_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    assert_eq!(store::version(&url).await.unwrap(), 0);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    drop(store::open(&url).await.unwrap());
    assert_eq!(store::version(&url).await.unwrap(), SCHEMA_VERSION);
    let again = store::migrate(&url).await.unwrap();
    let (from, to) = (SCHEMA_VERSION, SCHEMA_VERSION);
    assert_eq!(again, Migrated { from, to });
}

#[tokio::test]
async fn migrate_makes_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    let (from, to) = (0, SCHEMA_VERSION);
    assert_eq!(store::migrate(&url).await.unwrap(), Migrated { from, to });
    drop(store::open(&url).await.unwrap());
}

#[tokio::test]
async fn many_may_open_a_missing_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    let opening = (0..8).map(|_| store::open(&url));
    for store in futures_util::future::join_all(opening).await {
        let (seq, _) = store.unwrap().roster_index(&roster()).await.unwrap();
        assert_eq!(seq, ChangeSeq(0));
    }
}

#[tokio::test]
async fn a_store_in_memory_keeps_what_it_is_given() {
    let store = store::open("sqlite::memory:").await.unwrap();
    let ada = domain::Entity::Employee(employee("ada"));
    let commit = ingest(ChangeSeq(0), [ada]);
    store.commit_ingest(&roster(), commit).await.unwrap();
    assert_eq!(store.employees(&roster()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn another_schema_version_is_refused_with_both_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    drop(store::open(&url).await.unwrap());
    tamper(&url, "PRAGMA user_version = 99").await;
    let expected = format!("store has schema version 99, this program needs {SCHEMA_VERSION}");
    assert_eq!(refusal(&url).await, expected);
    let error = store::migrate(&url).await.unwrap_err();
    assert!(matches!(error, StoreError::Version { found: 99, .. }));
}

#[tokio::test]
async fn what_cannot_be_opened_is_said_plainly() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = sqlite_url(&folder);
    tamper(&format!("{foreign}?mode=rwc"), "CREATE TABLE recipes (id)").await;
    assert_eq!(
        refusal(&foreign).await,
        "store cannot open the database: the file is a database of another program"
    );
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to be looked at\n".repeat(99)).unwrap();
    assert_eq!(
        refusal(&format!("sqlite://{}", text.display())).await,
        "store cannot open the database: the file is not a SQLite database"
    );
    let nowhere = folder.path().join("missing/store.db");
    assert_eq!(
        refusal(&format!("sqlite://{}", nowhere.display())).await,
        "store cannot open the database: the database file cannot be opened; its folder must \
         exist and be writable"
    );
    assert_eq!(
        refusal("mysql://root:hunter2@db/rota").await,
        "store cannot open the database: the URL begins with neither `sqlite:` nor `postgres:`"
    );
}

#[tokio::test]
async fn a_read_only_store_says_so_when_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    drop(store::open(&url).await.unwrap());
    let store = store::open(&format!("{url}?mode=ro")).await.unwrap();
    let error = store.commit_ingest(&roster(), ingest(ChangeSeq(0), [])).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "store cannot commit an ingest: the database file or its folder is read-only"
    );
}

#[tokio::test]
async fn a_damaged_row_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    let store = store::open(&url).await.unwrap();
    let ada = domain::Entity::Employee(employee("ada"));
    let commit = ingest(ChangeSeq(0), [ada]);
    store.commit_ingest(&roster(), commit).await.unwrap();
    tamper(&url, "UPDATE entity SET body = '{\"id\":7}'").await;
    let error = store.employees(&roster()).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "store holds an unreadable entity at employee/ada: invalid type: integer `7`, expected a \
         string at line 1 column 7"
    );
}

#[tokio::test]
async fn a_postgres_store_is_made_once_and_refused_when_newer() {
    let Some(server) = Server::find() else {
        return;
    };
    let url = server.fresh().await;
    assert_eq!(store::version(&url).await.unwrap(), 0);
    let opening = (0..4).map(|_| store::open(&url));
    for store in futures_util::future::join_all(opening).await {
        store.unwrap();
    }
    assert_eq!(store::version(&url).await.unwrap(), SCHEMA_VERSION);
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let newer = "UPDATE schema_version SET version = 99";
    connection.execute(newer).await.unwrap();
    connection.close().await.unwrap();
    let expected = format!("store has schema version 99, this program needs {SCHEMA_VERSION}");
    assert_eq!(refusal(&url).await, expected);
    server.clean().await;
}

#[tokio::test]
async fn no_password_is_in_an_error() {
    // Nothing listens on port 1; the second URL cannot be read.
    for url in
        ["postgres://rota:hunter2@127.0.0.1:1/rota", "postgres://rota:hunter2@127.0.0.1:port/rota"]
    {
        let error = refusal(url).await;
        assert!(!error.contains("hunter2"), "{error}");
        assert!(error.starts_with("store cannot open the database: "), "{error}");
    }
}

#[tokio::test]
#[cfg(unix)]
async fn a_new_database_file_is_for_our_eyes_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rota.db");
    // Whoever closes a database last removes its log, so the store stays open while we look.
    let _open = store::open(&format!("sqlite://{}", path.display())).await.unwrap();
    for name in ["rota.db", "rota.db-wal"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
