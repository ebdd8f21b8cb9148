//! Keeping everything that must survive: roster, ledger, requests, feeds, clients, jobs, audit.
//!
//! [`open()`] gives the one [`Store`] for SQLite (the default, one file) and PostgreSQL (several
//! replicas). It decides nothing; what it promises is written at the port, and one conformance
//! suite (`testkit::conformance::store`) holds both databases to it.
//!
//! One code path: `backend` is the narrow waist, statements have one text for both databases
//! (`sql` says where not), and many rows travel as one text in either direction (`packed`),
//! because a driver's cost per row is what a sync without changes is made of.
//!
//! Durability: SQLite runs in WAL mode with `synchronous=FULL`, so a commit that returned is on
//! the disk; PostgreSQL is as durable as its administrator configured it. Not promised: that a
//! database may be opened by two versions of this program at once ([`StoreError::Version`]).

mod api;
mod approval;
mod backend;
mod conflict;
mod drift;
mod fault;
mod feed;
mod hook;
mod lease;
mod ledger;
mod migration;
mod open;
mod overview;
mod packed;
#[cfg(test)]
mod plans;
mod report;
mod roster;
mod sql;
mod store;
mod subjects;

use std::sync::Arc;

use engine::port::{Store, StoreError};

use crate::open::Place;
use crate::store::SqlStore;

/// What [`migrate`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The schema version before; 0 when there was none.
    pub from: i64,
    /// The schema version now.
    pub to: i64,
}

/// The schema version that this program needs.
pub const SCHEMA_VERSION: i64 = migration::SCHEMA_VERSION;

/// Opens the store at `url`: `sqlite://path`, `sqlite::memory:` or `postgres://…`.
///
/// An empty or missing database is made; one with another schema version is refused.
///
/// # Errors
/// `Version` when [`migrate`] must run first, or when a newer program wrote it; `Failed` when it
/// cannot be opened. The URL is never repeated, because it may hold a password.
pub async fn open(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    let opening = async { Place::parse(url)?.open().await };
    let backend = opening.await.map_err(|fault| fault.during("open the database"))?;
    Ok(Arc::new(SqlStore::new(backend)))
}

/// Brings the store at `url` to this program's schema version, making it if it is missing.
/// Idempotent; may run while another process does the same.
///
/// # Errors
/// `Version` when a newer program wrote it; `Failed` when it cannot be changed. Nothing is
/// changed then.
pub async fn migrate(url: &str) -> Result<Migrated, StoreError> {
    let migrating = async { Place::parse(url)?.migrate().await };
    let from = migrating.await.map_err(|fault| fault.during("migrate the database"))?;
    Ok(Migrated { from, to: SCHEMA_VERSION })
}

/// The schema version of the store at `url`; 0 when there is none. Makes nothing.
///
/// # Errors
/// `Failed` when it cannot be read.
pub async fn version(url: &str) -> Result<i64, StoreError> {
    let reading = async { Place::parse(url)?.version().await };
    reading.await.map_err(|fault| fault.during("read the schema version"))
}
