//! The narrow waist: everything above it is written once, for both databases.
//!
//! A [`Session`] runs statements and gives back numbers, cells or one packed text. Reading
//! sessions see one statement at a time unless they are a snapshot; writing ones are a
//! transaction, durable when committed, undone when dropped.

use jiff::Timestamp;
use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::sqlite::{SqliteArguments, SqlitePool, SqliteRow};
use sqlx::{Arguments, PgConnection, Row, SqliteConnection};
use sqlx::{Postgres, Sqlite, Transaction, pool::PoolConnection};

use crate::fault::Fault;
use crate::packed;
use crate::sql::{Dialect, Sql};

/// The connections to one database.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    Sqlite {
        /// One connection: SQLite has one writer at a time, so waiting is done here, fairly.
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

impl Backend {
    /// How many sessions read at once.
    pub fn readers(&self) -> usize {
        let pool = match self {
            Self::Sqlite { readers, .. } => readers.options().get_max_connections(),
            Self::Postgres(pool) => pool.options().get_max_connections(),
        };
        pool as usize
    }

    /// A session for single statements.
    pub async fn reader(&self) -> Result<Session, Fault> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Session::SqliteReader(readers.acquire().await?),
            Self::Postgres(pool) => Session::PostgresReader(pool.acquire().await?),
        })
    }

    /// A session whose statements all see the same instant.
    pub async fn snapshot(&self) -> Result<Session, Fault> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(match self {
            Self::Sqlite { readers, .. } => Session::SqliteWork(readers.begin().await?),
            Self::Postgres(pool) => Session::PostgresWork(pool.begin_with(BEGIN).await?),
        })
    }

    /// A session for so many statements that all see the same instant: one does so by itself.
    pub async fn reading(&self, statements: usize) -> Result<Session, Fault> {
        if statements <= 1 { self.reader().await } else { self.snapshot().await }
    }

    /// A session that changes things.
    ///
    /// On SQLite it takes the write lock at once: a transaction that reads first and writes later
    /// fails, without waiting, when somebody else wrote in between (`SQLITE_BUSY_SNAPSHOT`).
    pub async fn writer(&self) -> Result<Session, Fault> {
        const BEGIN: &str = "BEGIN IMMEDIATE";
        Ok(match self {
            Self::Sqlite { writer, .. } => Session::SqliteWork(writer.begin_with(BEGIN).await?),
            Self::Postgres(pool) => Session::PostgresWork(pool.begin().await?),
        })
    }
}

/// One argument of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arg<'a> {
    Int(i64),
    MaybeInt(Option<i64>),
    Text(&'a str),
    MaybeText(Option<&'a str>),
    Blob(&'a [u8]),
    MaybeBlob(Option<&'a [u8]>),
}

impl Arg<'_> {
    /// How many at most.
    pub fn count(count: usize) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

/// A connection that runs statements.
#[derive(Debug)]
pub(crate) enum Session {
    SqliteReader(PoolConnection<Sqlite>),
    SqliteWork(Transaction<'static, Sqlite>),
    PostgresReader(PoolConnection<Postgres>),
    PostgresWork(Transaction<'static, Postgres>),
}

impl Session {
    /// Runs a statement; how many rows it changed.
    pub async fn run(&mut self, sql: Sql, args: &[Arg<'_>]) -> Result<u64, Fault> {
        Ok(match self.link() {
            Link::Sqlite(link) => {
                let query = sqlx::query_with(sql.text(Dialect::Sqlite), sqlite_arguments(args)?);
                query.execute(link).await?.rows_affected()
            }
            Link::Postgres(link) => {
                let query =
                    sqlx::query_with(sql.text(Dialect::Postgres), postgres_arguments(args)?);
                query.execute(link).await?.rows_affected()
            }
        })
    }

    /// The rows of a statement; for few ones.
    pub async fn cells(&mut self, sql: Sql, args: &[Arg<'_>]) -> Result<Vec<Cells>, Fault> {
        Ok(match self.link() {
            Link::Sqlite(link) => {
                let query = sqlx::query_with(sql.text(Dialect::Sqlite), sqlite_arguments(args)?);
                let rows = query.fetch_all(link).await?;
                rows.into_iter().map(Cells::Sqlite).collect()
            }
            Link::Postgres(link) => {
                let query =
                    sqlx::query_with(sql.text(Dialect::Postgres), postgres_arguments(args)?);
                let rows = query.fetch_all(link).await?;
                rows.into_iter().map(Cells::Postgres).collect()
            }
        })
    }

    /// The one text of a statement that gathers records; empty when there are none.
    pub async fn packed(&mut self, sql: Sql, args: &[Arg<'_>]) -> Result<String, Fault> {
        let rows = self.cells(sql, args).await?;
        match rows.first() {
            Some(row) => Ok(row.maybe_text(0)?.unwrap_or_default()),
            None => Ok(String::new()),
        }
    }

    /// Makes everything durable.
    pub async fn commit(self) -> Result<(), Fault> {
        match self {
            Self::SqliteReader(_) | Self::PostgresReader(_) => {}
            Self::SqliteWork(work) => work.commit().await?,
            Self::PostgresWork(work) => work.commit().await?,
        }
        Ok(())
    }

    fn link(&mut self) -> Link<'_> {
        match self {
            Self::SqliteReader(connection) => Link::Sqlite(connection),
            Self::SqliteWork(work) => Link::Sqlite(work),
            Self::PostgresReader(connection) => Link::Postgres(connection),
            Self::PostgresWork(work) => Link::Postgres(work),
        }
    }
}

enum Link<'s> {
    Sqlite(&'s mut SqliteConnection),
    Postgres(&'s mut PgConnection),
}

macro_rules! arguments {
    ($name:ident, $arguments:ty) => {
        fn $name(args: &[Arg<'_>]) -> Result<$arguments, Fault> {
            let mut bound = <$arguments>::default();
            for arg in args {
                match *arg {
                    Arg::Int(value) => bound.add(value),
                    Arg::MaybeInt(value) => bound.add(value),
                    Arg::Text(value) => bound.add(value),
                    Arg::MaybeText(value) => bound.add(value),
                    Arg::Blob(value) => bound.add(value),
                    Arg::MaybeBlob(value) => bound.add(value),
                }
                .map_err(sqlx::Error::Encode)?;
            }
            Ok(bound)
        }
    };
}

arguments!(sqlite_arguments, SqliteArguments);
arguments!(postgres_arguments, PgArguments);

/// One row, read by the place of its columns.
#[derive(Debug)]
pub(crate) enum Cells {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! cell {
    ($(#[$doc:meta])* $name:ident, $type:ty) => {
        $(#[$doc])*
        pub fn $name(&self, column: usize) -> Result<$type, Fault> {
            Ok(match self {
                Self::Sqlite(row) => row.try_get(column)?,
                Self::Postgres(row) => row.try_get(column)?,
            })
        }
    };
}

impl Cells {
    cell!(
        /// A number.
        int, i64);
    cell!(
        /// A number or a null.
        maybe_int, Option<i64>);
    cell!(
        /// A text.
        text, String);
    cell!(
        /// A text or a null.
        maybe_text, Option<String>);
    cell!(
        /// Bytes or a null.
        maybe_bytes, Option<Vec<u8>>);

    /// An instant.
    pub fn instant(&self, column: usize) -> Result<Timestamp, Fault> {
        packed::instant(self.int(column)?)
    }

    /// An instant or a null.
    pub fn maybe_instant(&self, column: usize) -> Result<Option<Timestamp>, Fault> {
        self.maybe_int(column)?.map(packed::instant).transpose()
    }

    /// Exactly `N` bytes or a null.
    pub fn maybe_array<const N: usize>(&self, column: usize) -> Result<Option<[u8; N]>, Fault> {
        let Some(bytes) = self.maybe_bytes(column)? else {
            return Ok(None);
        };
        bytes.as_slice().try_into().map(Some).map_err(|_| {
            let detail = format!("it has {} bytes, expected {N}", bytes.len());
            Fault::corrupt("hash or key", format!("column {column}"), detail)
        })
    }

    /// Exactly `N` bytes.
    pub fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], Fault> {
        self.maybe_array(column)?.ok_or_else(|| {
            Fault::corrupt("hash or key", format!("column {column}"), "it is missing")
        })
    }

    /// An identifier.
    pub fn id<T, E: std::fmt::Display>(
        &self,
        column: usize,
        what: &'static str,
        make: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<T, Fault> {
        let text = self.text(column)?;
        make(text).map_err(|error| Fault::corrupt(what, format!("column {column}"), error))
    }
}

/// How often a transaction that PostgreSQL undid in favour of another is tried.
pub(crate) const TRIES_MAX: u32 = 8;

/// Carries out `$work` in one transaction; again from the start when it had to give way.
macro_rules! transact {
    ($backend:expr, |$session:ident| $work:expr) => {{
        let mut tries = 1;
        loop {
            let outcome = async {
                let mut work = $backend.writer().await?;
                let $session = &mut work;
                let value = $work.await?;
                work.commit().await?;
                Ok::<_, $crate::fault::Fault>(value)
            };
            match outcome.await {
                Err(fault) if fault.is_conflict() && tries < $crate::backend::TRIES_MAX => {
                    tries += 1;
                }
                outcome => break outcome,
            }
        }
    }};
}
pub(crate) use transact;
