//! scal: another server of the Schedule API that we serve ourselves, as the source of a roster.
//!
//! What was read: our own `crates/server/src/api` and its `/openapi.json` (2026-11-29). Its rules,
//! as they matter here:
//!
//! - `POST /oauth/token`, client credentials by HTTP Basic; tokens end after `expires_in` seconds;
//! - `GET /api/v2/wfm/schedules`: `nextUri` is followed as it is; all pages of a listing carry one
//!   `deltaToken`, and what changed while they were read comes with the changes since it. So after
//!   a listing of several pages the changes are read, and only then is it the whole truth;
//! - `since=<deltaToken>`: 304 when nothing changed; entities with `deleted: true` are gone, or
//!   not what the filters ask for any more; 409 when the token is of another store: then all of it
//!   is read again;
//! - `X-RateLimit-Remaining` below a fifth of `X-RateLimit-Limit`: what is left is spread over the
//!   seconds of `X-RateLimit-Reset`; 429 and 503 say in `Retry-After` when to go on;
//! - employees need the scope `user:read`; without it people are known by their ids only, and an
//!   `employees_file` says the rest.
//!
//! Nothing is ever written there: a client with `wfm:schedule:write` is told of by `doctor`.
//!
//! No `inbound.rs`: nobody calls us.

mod classify;
mod client;
mod config;
mod map;
mod provider;
#[cfg(test)]
mod tests;
mod wire;

use serde::Deserialize;

use crate::{ConnectionConfig, Descriptor};

pub use config::ScalConfig;

/// What the registry knows of it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    kind: "scal",
    summary: "another Schedule API like our own",
    parse: |section| {
        let config = ScalConfig::deserialize(section)?;
        Ok(Box::new(config) as Box<dyn ConnectionConfig>)
    },
    schema: |generator| generator.subschema_for::<ScalConfig>(),
    mirrors: &[],
    reads: true,
    decides: &[],
};
