//! What every [`Store`] promises: one named case for each promise of the port.
//!
//! A case gets a fresh, empty store through two handles, as two processes would have it; an
//! in-memory store gives the same one twice. Cases know nothing of SQL. Not asked here: what only
//! a database can promise, such as surviving `kill -9`.

mod api;
mod approvals;
mod conflicts;
mod drift;
mod facts;
mod feeds;
mod hooks;
mod leases;
mod ledger;
mod overview;
mod parts;
mod requests;
mod roster;
mod subjects;

use std::sync::Arc;

use engine::port::Store;
use futures_util::future::BoxFuture;

/// Two handles to one fresh, empty store.
#[derive(Clone)]
pub struct Handles {
    /// The one that most cases use.
    pub one: Arc<dyn Store>,
    /// Another to the same data.
    pub two: Arc<dyn Store>,
}

/// One promise.
#[derive(Clone, Copy)]
pub struct Case {
    /// The promise, as a sentence.
    pub name: &'static str,
    /// Panics when it is not kept.
    pub run: fn(Handles) -> BoxFuture<'static, ()>,
}

/// Every promise.
#[must_use]
pub fn cases() -> Vec<Case> {
    [
        roster::CASES,
        subjects::CASES,
        ledger::CASES,
        leases::CASES,
        feeds::CASES,
        facts::CASES,
        approvals::CASES,
        requests::CASES,
        conflicts::CASES,
        api::CASES,
        parts::CASES,
        drift::CASES,
        hooks::CASES,
        overview::CASES,
    ]
    .concat()
}

/// Holds an implementation to every promise; `make` gives a fresh, empty store each time.
///
/// # Panics
/// When a promise is not kept; the last name printed says which.
pub async fn store_conformance(make: impl AsyncFn() -> Handles) {
    for case in cases() {
        println!("store conformance: {}", case.name);
        (case.run)(make().await).await;
    }
}

/// Makes the list of cases out of asynchronous functions.
macro_rules! promises {
    ($($name:ident),* $(,)?) => {
        pub(super) const CASES: &[super::Case] = &[$(
            super::Case {
                name: stringify!($name),
                run: |handles| Box::pin($name(handles)),
            }
        ),*];
    };
}
use promises;
