//! `wfm_http`: any workforce-management system that implements our own small contract.
//!
//! The vendor's page is ours: `docs/wfm-http/openapi.yaml`, with a guide beside it and an example
//! server in `examples/wfm-http/`. What the contract leaves to choice is what such systems really
//! differ in (UKG, Calabrio, Deputy, Quinyx, Dayforce and NICE, as their public pages stood on
//! 2026-11-21): how changes are told, how deletions are told, lengths or ends, how large a request
//! may be. A document at `/capabilities` says what an implementation chose.
//!
//! What can be relied on:
//! - a listing is taken as a whole or not at all. All its pages must carry one `snapshot`; a page
//!   that is missing, a `total` that does not fit or a snapshot that changes starts the listing
//!   anew, and after [`domain::limits::LISTING_ATTEMPTS_MAX`] it is refused. Nothing follows from
//!   absence in several pages that carry no snapshot, or in several windows of different snapshots;
//! - one bad entity, and nothing is taken, unless the operator chose `on_bad_entity = "skip"`; then
//!   absence means nothing, and the next reading is in full again;
//! - a command is sent with the key of the engine; when its answer is lost it is asked again under
//!   the same key, until there is one or whoever asked stops waiting;
//! - a webhook is a hint and no more; it is believed when its signature is good and it is young.
//!
//! Beside the files of every provider: `pace.rs` (budgets, waiting and asking again, because a
//! source has no gate of the engine before it) and `conformance` (`rotabridge wfm check`).

mod classify;
mod client;
mod config;
pub mod conformance;
mod inbound;
mod map;
mod pace;
mod provider;
#[cfg(test)]
mod tests;
mod wire;

use domain::CommandKind;
use serde::Deserialize;

use crate::{ConnectionConfig, Descriptor};

pub use config::{BadEntityPolicy, WfmHttpConfig};

/// The word for it in the configuration.
const KIND: &str = "wfm_http";

/// What the registry knows of it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    kind: KIND,
    summary: "any workforce-management system that implements the WFM contract over HTTP",
    parse: |section| {
        let config = WfmHttpConfig::deserialize(section)?;
        Ok(Box::new(config) as Box<dyn ConnectionConfig>)
    },
    schema: |generator| generator.subschema_for::<WfmHttpConfig>(),
    mirrors: &[],
    reads: true,
    decides: &CommandKind::ALL,
};
