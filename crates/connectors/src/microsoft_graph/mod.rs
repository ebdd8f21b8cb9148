//! Microsoft Graph: the connection kind that its mirrors share.
//!
//! Read in 2026-11: Learn on the client credentials flow, certificate credentials, error codes,
//! throttling, JSON batching, paging, national clouds and permissions; `shifts.md` §1.4 to §1.6.
//!
//! What can be relied on:
//! - one [`connection::Connection`] per `[[connection]]`, and one token for it, however many
//!   mirrors and tasks use it; renewed ahead of its end, kept in memory only;
//! - one [`client::Graph::send`] is one attempt. Only a request that was refused for its token is
//!   sent again, once, with a new one;
//! - a failure says whether a write may have been applied; Graph's nested errors are unwrapped.
//!
//! Quirks, each handled where it is met: Shifts wraps its errors as text inside Graph's
//! (`wire.rs`), says 404 `UnknownError` of things that are there, and `NotFound` for a missing
//! team and a missing item alike (`classify.rs`).
//!
//! `$batch` items count like requests of their own (`budget.rs`); whether Shifts honours headers of
//! an item is documented nowhere, so it is only looked at in batches.
//!
//! Beside the usual files: `connection.rs` is what mirrors work over; `sign_in.rs` keeps the
//! token, `token.rs` says when it is good, `credential.rs` proves who we are, `aadsts.rs` explains
//! Entra's refusals; `page.rs` and `batch.rs` read many things; `permissions.rs` and `check.rs` are
//! what `doctor` says; `budget` (`budget.rs` and its tests) spends the vendor's budgets.
//! `hooks.rs` takes Graph's change notifications. `outlook` and `shifts` are kinds of mirror.
//!
//! No `map.rs`: only mirrors map. No `provider.rs`: each kind of mirror implements the port.

mod aadsts;
pub mod batch;
pub mod budget;
mod check;
pub mod classify;
pub mod client;
mod config;
pub mod connection;
mod credential;
mod hooks;
pub mod outlook;
pub mod page;
pub mod permissions;
pub mod shifts;
pub mod sign_in;
#[cfg(test)]
mod tests;
pub mod token;
pub mod wire;

use serde::Deserialize;

use crate::{ConnectionConfig, Descriptor};

pub use config::MicrosoftGraphConfig;

const KIND: &str = "microsoft_graph";

/// What the registry knows of it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    kind: KIND,
    summary: "Microsoft 365 through Microsoft Graph, as an application of a tenant",
    parse: |section| {
        let config = MicrosoftGraphConfig::deserialize(section)?;
        Ok(Box::new(config) as Box<dyn ConnectionConfig>)
    },
    schema: |generator| generator.subschema_for::<MicrosoftGraphConfig>(),
    mirrors: &[outlook::MIRROR, shifts::MIRROR],
    reads: false,
    decides: &[],
};
