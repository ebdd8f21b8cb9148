//! From a URL to connections with the right schema.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use engine::port::StoreError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, PgConnection, SqliteConnection};

use crate::backend::Backend;
use crate::fault::{Fault, is_busy};
use crate::migration::{self, SCHEMA_VERSION};

const OPEN: &str = "open the database";

/// How long a writer waits for another process before it gives up.
const LOCK_WAIT: Duration = Duration::from_secs(15);
/// How long one try waits, and how many there are, until a file is in the journal mode we use: some
/// [`LOCK_WAIT`] together.
const SETTLE_WAIT: Duration = Duration::from_millis(100);
const SETTLE_TRIES: u32 = 150;
/// How long an operation waits for a connection, on either database.
const CONNECTION_WAIT: Duration = Duration::from_secs(30);
/// Readers of one SQLite file: each has a thread, a page cache and an allocation arena of its own,
/// together about 7 MiB. A third one made no sync faster.
const SQLITE_READERS_MAX: u32 = 2;
/// Connections of one replica to PostgreSQL; its default allows 100 in all.
const POSTGRES_CONNECTIONS_MAX: u32 = 5;
/// What every connection to PostgreSQL is told first.
/// - `jit`: compiling takes longer than any statement here runs.
/// - `enable_seqscan`: a connection keeps the plans it made, so that one made while a table was
///   nearly empty walks over all of it when it has grown, until the next `ANALYZE`. Every statement
///   here is made for an index (`crate::plans` sees to that for SQLite), and `off` makes no walk
///   impossible, only dearer than any index: where there is none, the answer is the same.
const POSTGRES_SETTINGS: &str = "SET jit = off; SET enable_seqscan = off";
/// Page cache of one SQLite connection, in KiB (negative, as the pragma wants it): SQLite's own
/// default. Twice as much was not faster at 25,000 shifts.
const SQLITE_CACHE_KIB: &str = "-2000";

/// Where a store is, with how to connect to it.
pub(crate) enum Place {
    Sqlite(SqliteConnectOptions),
    /// Each connection would have a database of its own, so there is only one.
    SqliteMemory(SqliteConnectOptions),
    Postgres(PgConnectOptions),
}

impl Place {
    /// Reads a URL. Errors never repeat it: it may hold a password.
    pub fn parse(url: &str) -> Result<Self, Fault> {
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            "sqlite" => {
                let options = SqliteConnectOptions::from_str(url)?
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .busy_timeout(LOCK_WAIT)
                    .pragma("cache_size", SQLITE_CACHE_KIB)
                    .pragma("temp_store", "memory")
                    .disable_statement_logging();
                Ok(if url.contains(":memory:") {
                    Self::SqliteMemory(options)
                } else {
                    Self::Sqlite(options)
                })
            }
            "postgres" | "postgresql" => {
                let options = PgConnectOptions::from_str(url)?
                    .application_name("rotabridge")
                    .disable_statement_logging();
                Ok(Self::Postgres(options))
            }
            _ => Err(Fault::failed(OPEN, "the URL begins with neither `sqlite:` nor `postgres:`")),
        }
    }

    /// The schema version that is there; 0 when there is none. Makes nothing.
    pub async fn version(&self) -> Result<i64, Fault> {
        match self {
            Self::Sqlite(options) if !options.get_filename().exists() => Ok(0),
            Self::SqliteMemory(_) => Ok(0),
            Self::Sqlite(options) => {
                let settled = settle(options).await?;
                let mut connection = SqliteConnection::connect_with(options).await?;
                let version = migration::sqlite_version(&mut connection).await?;
                connection.close().await?;
                settled.close().await?;
                Ok(version)
            }
            Self::Postgres(options) => {
                let mut connection = PgConnection::connect_with(options).await?;
                let version = migration::postgres_version(&mut connection).await?;
                connection.close().await?;
                Ok(version)
            }
        }
    }

    /// Brings the schema to this program's version, making the database file if it is missing.
    /// The version that was there before.
    pub async fn migrate(&self) -> Result<i64, Fault> {
        match self {
            Self::Sqlite(options) | Self::SqliteMemory(options) => {
                let options = options.clone().create_if_missing(true);
                if let Self::Sqlite(_) = self {
                    make_private(options.get_filename());
                }
                let settled = settle(&options).await?;
                let mut connection = SqliteConnection::connect_with(&options).await?;
                let before = migration::migrate_sqlite(&mut connection).await?;
                connection.close().await?;
                settled.close().await?;
                Ok(before)
            }
            Self::Postgres(options) => {
                let mut connection = PgConnection::connect_with(options).await?;
                let before = migration::migrate_postgres(&mut connection).await?;
                connection.close().await?;
                Ok(before)
            }
        }
    }

    /// Connects. An empty database gets the schema; another version of it is refused.
    pub async fn open(self) -> Result<Backend, Fault> {
        match self {
            Self::Sqlite(options) => {
                let options = options.create_if_missing(true);
                make_private(options.get_filename());
                let settled = settle(&options).await?;
                let writer = sqlite_pool(1).connect_with(options.clone()).await?;
                prepare_sqlite(&writer).await?;
                settled.close().await?;
                let readers = options.pragma("query_only", "on");
                let readers = sqlite_pool(SQLITE_READERS_MAX).connect_lazy_with(readers);
                Ok(Backend::Sqlite { writer, readers })
            }
            Self::SqliteMemory(options) => {
                let only = sqlite_pool(1).connect_with(options).await?;
                prepare_sqlite(&only).await?;
                Ok(Backend::Sqlite { writer: only.clone(), readers: only })
            }
            Self::Postgres(options) => {
                // Not through the pool, which tries again for as long as it may wait.
                let mut connection = PgConnection::connect_with(&options).await?;
                match migration::postgres_version(&mut connection).await? {
                    0 => drop(migration::migrate_postgres(&mut connection).await?),
                    found => expect_version(found)?,
                }
                connection.close().await?;
                let pool = PgPoolOptions::new()
                    .max_connections(POSTGRES_CONNECTIONS_MAX)
                    .acquire_timeout(CONNECTION_WAIT)
                    .after_connect(|connection, _| {
                        let settings = sqlx::raw_sql(POSTGRES_SETTINGS).execute(connection);
                        Box::pin(async { settings.await.map(drop) })
                    });
                Ok(Backend::Postgres(pool.connect_lazy_with(options)))
            }
        }
    }
}

/// Connects so that the file is in its journal mode, and stays so while this connection is there.
/// Whoever puts a new file into that mode has it alone, and others are not made to wait but refused
/// (<https://www.sqlite.org/c3ref/busy_handler.html>, read 2026-11-29): so they try again.
async fn settle(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let brief = options.clone().busy_timeout(SETTLE_WAIT);
    for _ in 1..SETTLE_TRIES {
        match SqliteConnection::connect_with(&brief).await {
            Err(error) if is_busy(&error) => tokio::time::sleep(SETTLE_WAIT).await,
            done => return done,
        }
    }
    SqliteConnection::connect_with(&brief).await
}

fn sqlite_pool(connections: u32) -> SqlitePoolOptions {
    // A file does not go away by itself: no connection is closed, and none is tested before use.
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(CONNECTION_WAIT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_release(|connection, _| {
            Box::pin(async move {
                // What was asked before it is done now, and so is the rollback of what was dropped.
                connection.ping().await?;
                // SQLite undoes a transaction by itself when, for one, the disk is full. Then the
                // driver's rollback fails, and the driver takes the connection for busy for ever.
                Ok(!connection.is_in_transaction())
            })
        })
}

async fn prepare_sqlite(pool: &SqlitePool) -> Result<(), Fault> {
    let mut connection = pool.acquire().await?;
    match migration::sqlite_version(&mut connection).await? {
        0 => drop(migration::migrate_sqlite(&mut connection).await?),
        found => expect_version(found)?,
    }
    Ok(())
}

fn expect_version(found: i64) -> Result<(), Fault> {
    if found == SCHEMA_VERSION {
        return Ok(());
    }
    Err(StoreError::Version { found, expected: SCHEMA_VERSION }.into())
}

/// Makes the database file, if it is missing, readable by nobody but us: it holds schedules, and
/// the keys that sign feed links. SQLite gives its other files the same mode.
fn make_private(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // What fails here fails again, and is told then, when the database opens the file.
    drop(options.open(path));
}

#[cfg(test)]
mod tests {
    use domain::{EntityId, EntityKey, EntityKind, Fingerprinter, RosterName};
    use engine::port::{IdentityHint, ReportRow};

    use super::*;

    /// A store in a file of its own, opened with changed options.
    async fn backend(
        folder: &tempfile::TempDir,
        change: fn(SqliteConnectOptions) -> SqliteConnectOptions,
    ) -> Backend {
        let url = format!("sqlite://{}", folder.path().join("store.db").display());
        let Place::Sqlite(options) = Place::parse(&url).unwrap() else {
            panic!("expected a file");
        };
        Place::Sqlite(change(options)).open().await.unwrap()
    }

    async fn add_hints(backend: &Backend, count: usize) -> Result<usize, StoreError> {
        let roster = RosterName::new("ward").unwrap();
        let hint = |number: usize| IdentityHint {
            key: EntityKey {
                kind: EntityKind::Shift,
                id: EntityId::new(format!("shift-{number}")).unwrap(),
            },
            fingerprint: Fingerprinter::new("test").finish(),
        };
        let hints: Vec<_> = (0..count).map(hint).collect();
        let adding = crate::roster::add_hints(backend, &roster, &hints).await;
        adding.map_err(|fault| fault.during("add identity hints"))?;
        let hints = crate::roster::hints(backend, &roster).await;
        Ok(hints.map_err(|fault| fault.during("read"))?.len())
    }

    #[tokio::test]
    async fn a_full_disk_is_said_plainly_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let backend = backend(&folder, |options| options.pragma("max_page_count", "64")).await;
        assert_eq!(add_hints(&backend, 1).await.unwrap(), 1);
        let error = add_hints(&backend, 9999).await.unwrap_err().to_string();
        assert_eq!(error, "store cannot add identity hints: the disk is full");
        assert_eq!(add_hints(&backend, 2).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_disk_that_stays_full_is_said_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let backend = backend(&folder, |options| options.pragma("max_page_count", "64")).await;
        // A statement of one row: SQLite undoes the transaction by itself when it fails.
        let report = |body: String| ReportRow {
            subject: "mirror/ward".into(),
            at: jiff::Timestamp::UNIX_EPOCH,
            body,
        };
        for _ in 0..3 {
            let large = report("x".repeat(1 << 20));
            let error = crate::report::put_report(&backend, &large).await.unwrap_err();
            let error = error.during("keep a report").to_string();
            assert_eq!(error, "store cannot keep a report: the disk is full");
        }
        crate::report::put_report(&backend, &report("small".into())).await.unwrap();
        assert_eq!(add_hints(&backend, 2).await.unwrap(), 2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn all_who_open_a_new_file_at_once_can() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite:{}", folder.path().join("new.db").display());
            let openings: Vec<_> = (0..6)
                .map(|_| {
                    let place = Place::parse(&url).unwrap();
                    tokio::spawn(async move { place.open().await.map(drop) })
                })
                .collect();
            for opening in openings {
                let opened = opening.await.unwrap();
                opened.map_err(|fault| fault.during(OPEN).to_string()).unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_file_locked_by_another_process_is_said_plainly() {
        let folder = tempfile::tempdir().unwrap();
        let brief = |options: SqliteConnectOptions| options.busy_timeout(Duration::from_millis(9));
        let (ours, theirs) = (backend(&folder, brief).await, backend(&folder, brief).await);
        let lock = theirs.writer().await.unwrap();
        let error = add_hints(&ours, 1).await.unwrap_err().to_string();
        assert_eq!(
            error,
            "store cannot add identity hints: the database file is locked by another process \
             for too long"
        );
        drop(lock);
    }
}
