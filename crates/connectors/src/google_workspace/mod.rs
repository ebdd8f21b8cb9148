//! Google Workspace: Google Calendar, as a service account to which an administrator delegated to
//! act as the people of a domain.
//!
//! Read in 2026-11: the discovery document of Calendar v3 (revision 20261030), the guides on quota,
//! errors, batches, push, sync and service accounts; `calendars.md` §2.
//!
//! What can be relied on:
//! - an event's id follows from mirror, entity and generation, and Google refuses a second one with
//!   it: a lost answer is settled by looking. Changes and deletions carry `If-Match`;
//! - an event is ours by the tag in its private extended properties and the id that goes with it;
//!   of a person's copy the id is another. Where the tag was taken off, the id says it alone;
//! - every request is sent as the employee whose calendar it is about, with no more scopes than the
//!   mirror needs; one token for each, renewed ahead of its end, kept in memory only;
//! - nobody is sent mail for what we write, and no event declines meetings; the guests of a
//!   person's own meeting are told when a conflict policy moves or deletes it.
//!
//! Quirks, each handled where it is met:
//! - an id stays taken after its event was deleted: what an app deleted is taken back by an update,
//!   what a person put into the trash cannot be (403) and gets another generation (`provider.rs`);
//! - deleting twice is 410, over budget is 403 or 429, and 404 says of neither calendar nor event
//!   which of them is missing (`classify.rs`);
//! - the scope to make calendars does not let one list them (`calendars.rs`);
//! - sync tokens exclude the query for our events, so only calendars of our own have them
//!   (`read.rs`).
//!
//! Beside the usual files: `connection.rs` is what mirrors work over; `sign_in.rs` keeps the
//! tokens, `service_account.rs` proves who we are, `scopes.rs` says what we ask for; `budget.rs`
//! spends the vendor's budgets; `multipart.rs` takes batches apart; `calendars.rs` finds and makes
//! calendars, `sharing.rs` says who may see them; `read.rs` lists and looks; `foreign.rs` is the
//! way to people's own events, `wishing.rs` finds where they ask for time off, `restore.rs` takes
//! changes of events back, `strays.rs` fetches back what was moved to
//! another calendar; `hooks.rs` is the way of hints; `check.rs` is what `doctor` says.

mod budget;
mod calendars;
mod check;
mod classify;
mod client;
mod config;
mod connection;
mod foreign;
mod hooks;
mod map;
mod multipart;
mod provider;
mod read;
mod restore;
mod scopes;
mod service_account;
mod sharing;
mod sign_in;
mod strays;
#[cfg(test)]
mod tests;
mod wire;
mod wishing;

use serde::Deserialize;

use crate::{CALENDAR_ASKS, ConnectionConfig, Descriptor, MirrorConfig, MirrorDescriptor};

pub use config::{ForeignAccess, GoogleMirrorConfig, GoogleWorkspaceConfig, SharedWith};

const KIND: &str = "google_workspace";

/// What the registry knows of it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    kind: KIND,
    summary: "Google Workspace, as a service account with domain-wide delegation",
    parse: |section| {
        let config = GoogleWorkspaceConfig::deserialize(section)?;
        Ok(Box::new(config) as Box<dyn ConnectionConfig>)
    },
    schema: |generator| generator.subschema_for::<GoogleWorkspaceConfig>(),
    mirrors: &[MirrorDescriptor {
        kind: "google",
        summary: "Google calendars of the people of a Workspace",
        asks: CALENDAR_ASKS,
        parse: |section| {
            let config = GoogleMirrorConfig::deserialize(section)?;
            Ok(Box::new(config) as Box<dyn MirrorConfig>)
        },
        schema: |generator| generator.subschema_for::<GoogleMirrorConfig>(),
    }],
    reads: false,
    decides: &[],
};
