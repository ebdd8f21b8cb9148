//! What goes wrong inside, before it is said to the caller as a [`StoreError`].
//!
//! What a database says is passed on only as its one-line message: PostgreSQL's `DETAIL` may
//! repeat values of rows, and a connection URL holds a password.

use engine::port::StoreError;
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteError;

/// Why an operation did not succeed.
#[derive(Debug)]
pub(crate) enum Fault {
    Database(sqlx::Error),
    Known(StoreError),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Known(error)
    }
}

impl Fault {
    pub fn corrupt(what: &'static str, place: String, detail: impl std::fmt::Display) -> Self {
        Self::Known(StoreError::Corrupt { what, place, detail: detail.to_string() })
    }

    pub fn failed(operation: &'static str, detail: impl Into<String>) -> Self {
        Self::Known(StoreError::Failed { operation, detail: detail.into() })
    }

    /// Says what was being done.
    pub fn during(self, operation: &'static str) -> StoreError {
        match self {
            Self::Known(error) => error,
            Self::Database(error) => StoreError::Failed { operation, detail: describe(&error) },
        }
    }

    /// Whether the same transaction may succeed when it is tried again at once: PostgreSQL chose
    /// it to give way to another (SQLSTATE 40001 serialization_failure, 40P01 deadlock_detected;
    /// PostgreSQL 15 manual, appendix A).
    pub fn is_conflict(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else {
            return false;
        };
        !is_sqlite(error.as_ref()) && matches!(error.code().as_deref(), Some("40001" | "40P01"))
    }
}

fn is_sqlite(error: &dyn DatabaseError) -> bool {
    error.try_downcast_ref::<SqliteError>().is_some()
}

/// Whether another connection has the SQLite file for itself just now.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().filter(|it| is_sqlite(*it));
    let code = error.and_then(|it| it.code()?.parse::<i32>().ok());
    matches!(code.map(|it| it & 0xff), Some(5 | 6))
}

fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) if is_sqlite(error.as_ref()) => {
            let extended = error.code().and_then(|code| code.parse().ok());
            let known = extended.and_then(|code: i32| sqlite_condition(code & 0xff));
            known.map_or_else(|| one_line(error.message()), str::to_owned)
        }
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            format!("{} (SQLSTATE {code})", one_line(error.message()))
        }
        sqlx::Error::Io(error) => format!("the connection failed: {error}"),
        sqlx::Error::PoolTimedOut => "no connection became free in time".into(),
        sqlx::Error::Configuration(_) => "the URL cannot be read".into(),
        other => one_line(&other.to_string()),
    }
}

/// The conditions that an operator can do something about, by primary result code
/// (<https://www.sqlite.org/rescode.html>, read 2026-11-21).
fn sqlite_condition(code: i32) -> Option<&'static str> {
    Some(match code {
        5 | 6 => "the database file is locked by another process for too long",
        8 => "the database file or its folder is read-only",
        10 => "the disk reports an error",
        11 => "the database file is damaged",
        13 => "the disk is full",
        14 => "the database file cannot be opened; its folder must exist and be writable",
        26 => "the file is not a SQLite database",
        _ => return None,
    })
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
