//! Bringing a schema to this program's version.
//!
//! A migration is one script per database, numbered alike; its last statement sets the version it
//! leaves. All that are missing are carried out in one transaction, under a lock: two processes
//! may start on the same empty database at once. (`sqlx::migrate` takes no such lock on SQLite.)

use engine::port::StoreError;
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::fault::Fault;

/// One step, from the version before it.
struct Migration {
    sqlite: &'static str,
    postgres: &'static str,
}

/// All steps; the first makes version 1. What was released is never changed: only added to.
const MIGRATIONS: &[Migration] = &[
    Migration {
        sqlite: include_str!("../migrations/sqlite/0001_store.sql"),
        postgres: include_str!("../migrations/postgres/0001_store.sql"),
    },
    Migration {
        sqlite: include_str!("../migrations/sqlite/0002_approvals.sql"),
        postgres: include_str!("../migrations/postgres/0002_approvals.sql"),
    },
    Migration {
        sqlite: include_str!("../migrations/sqlite/0003_conflicts.sql"),
        postgres: include_str!("../migrations/postgres/0003_conflicts.sql"),
    },
    Migration {
        sqlite: include_str!("../migrations/sqlite/0004_api.sql"),
        postgres: include_str!("../migrations/postgres/0004_api.sql"),
    },
    Migration {
        sqlite: include_str!("../migrations/sqlite/0005_source_marks.sql"),
        postgres: include_str!("../migrations/postgres/0005_source_marks.sql"),
    },
    Migration {
        sqlite: include_str!("../migrations/sqlite/0006_parts.sql"),
        postgres: include_str!("../migrations/postgres/0006_parts.sql"),
    },
    Migration {
        sqlite: include_str!("../migrations/sqlite/0007_drift.sql"),
        postgres: include_str!("../migrations/postgres/0007_drift.sql"),
    },
];

/// The version that this program needs.
pub(crate) const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// The steps after version `found`.
fn missing(found: i64) -> Result<&'static [Migration], Fault> {
    let done = usize::try_from(found).ok();
    done.and_then(|done| MIGRATIONS.get(done..)).ok_or_else(|| {
        let expected = SCHEMA_VERSION;
        StoreError::Version { found, expected }.into()
    })
}

/// The version of a SQLite database; 0 when it is empty.
pub(crate) async fn sqlite_version(connection: &mut SqliteConnection) -> Result<i64, Fault> {
    let version: i64 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    if version != 0 {
        return Ok(version);
    }
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(connection).await?;
    if tables != 0 {
        let detail = "the file is a database of another program";
        return Err(Fault::failed("open the database", detail));
    }
    Ok(0)
}

/// The version of a PostgreSQL database; 0 when it holds no store.
pub(crate) async fn postgres_version(connection: &mut PgConnection) -> Result<i64, Fault> {
    // Not by `to_regclass`: it answers from a cache that a lock does not refresh, and so misses
    // what another process has just made.
    const THERE: &str = "SELECT EXISTS (SELECT FROM pg_class \
                         WHERE relname = 'schema_version' AND pg_table_is_visible(oid))";
    let there: bool = sqlx::query_scalar(THERE).fetch_one(&mut *connection).await?;
    if !there {
        return Ok(0);
    }
    let version = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM schema_version");
    Ok(version.fetch_one(connection).await?)
}

/// Carries out what is missing; the version that was there before.
pub(crate) async fn migrate_sqlite(connection: &mut SqliteConnection) -> Result<i64, Fault> {
    let mut work = connection.begin_with("BEGIN IMMEDIATE").await?;
    let found = sqlite_version(&mut work).await?;
    for step in missing(found)? {
        sqlx::raw_sql(step.sqlite).execute(&mut *work).await?;
    }
    work.commit().await?;
    Ok(found)
}

/// Carries out what is missing; the version that was there before.
pub(crate) async fn migrate_postgres(connection: &mut PgConnection) -> Result<i64, Fault> {
    /// Any number that other programs are unlikely to lock: "rota" in ASCII.
    const LOCK: &str = "SELECT pg_advisory_xact_lock(1919906913)";
    let mut work = connection.begin().await?;
    sqlx::raw_sql(LOCK).execute(&mut *work).await?;
    let found = postgres_version(&mut work).await?;
    for step in missing(found)? {
        sqlx::raw_sql(step.postgres).execute(&mut *work).await?;
    }
    work.commit().await?;
    Ok(found)
}
