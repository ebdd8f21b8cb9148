//! Genesys Cloud's workforce management: a roster is read from its published schedules, and time
//! off is asked for and decided there.
//!
//! Read in 2026-11: the vendor's SDKs (269.0.0 and others), `genesys.md`, and the OpenAPI subset
//! rebuilt from them. Nothing of it was tried against a real organisation.
//!
//! What can be relied on:
//! - a poll without changes is one request per business unit: the heads of its published
//!   schedules, with versions. Only what has another version is asked further, management unit by
//!   management unit, and of the answer only employees with another version are taken over;
//! - versions of employees are kept as marks beside the roster, in the transaction that took in
//!   what they stand for; a crash goes on where it stopped;
//! - shifts have assigned ids (`docs/adr/0006`): a week that is published again under new schedule
//!   and shift ids is the same shifts. Absences with a request are named by it;
//! - nothing is concluded from what is absent when a page, a unit or a permission is missing: then
//!   there is no reading;
//! - whole-day absences are local days of the business unit, or of the management unit where a
//!   request names them, and stay such;
//! - once a day everything is read whatever its version.
//!
//! Quirks: a result may come inline, under an address, or never (`Processing`, whose end only a
//! signed-in user hears of): then less is asked for at once (`query.rs`). An approved request is
//! not on a schedule before somebody plans anew, so requests are read beside schedules.
//!
//! Beside the usual files: `token.rs` signs in, `budget.rs` spends requests, `progress.rs` is
//! what is remembered between readings, `directory.rs` and `query.rs` ask, `weeks.rs` says which
//! schedule is in force when, `bite.rs` reads one part, `history.rs` asks what became of whom it
//! lacks, `absence.rs` maps requests,
//! `approved.rs` looks for new ones, `decider.rs`
//! decides, `trades.rs` for shift trades, `check.rs` is what `doctor` says.
//!
//! `inbound.rs` takes events that Amazon EventBridge hands on, as hints
//! (`docs/adr/0026-hints-by-eventbridge.md`).

mod absence;
mod approved;
mod bite;
pub mod budget;
mod check;
mod classify;
mod client;
mod config;
mod decider;
mod directory;
mod history;
pub mod inbound;
mod map;
mod progress;
mod provider;
mod query;
#[cfg(test)]
mod tests;
mod token;
mod trades;
mod weeks;
pub mod wire;

use domain::CommandKind;
use serde::Deserialize;

use crate::{ConnectionConfig, Descriptor};

pub use config::GenesysCloudConfig;

const KIND: &str = "genesys_cloud";

/// What the registry knows of it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    kind: KIND,
    summary: "Genesys Cloud's workforce management, through an OAuth client",
    parse: |section| {
        let config = GenesysCloudConfig::deserialize(section)?;
        Ok(Box::new(config) as Box<dyn ConnectionConfig>)
    },
    schema: |generator| generator.subschema_for::<GenesysCloudConfig>(),
    mirrors: &[],
    reads: true,
    decides: &[CommandKind::TimeOff, CommandKind::TimeOffRequest, CommandKind::SwapRequest],
};
