//! Outlook calendars, as an application: a kind of mirror.
//!
//! Read in 2026-11: Learn on events, calendars, delta queries, immutable ids, extended properties,
//! throttling, batching and change notifications; `calendars.md` §1.
//!
//! What can be relied on:
//! - an event is ours when it carries our mark ([`map::ORIGIN`]) and the `transactionId` that goes
//!   with it, or when the ledger knows it;
//! - making one is idempotent by that `transactionId`; an unanswered one is looked for first;
//! - nobody is mailed for what we write: no attendees. Where a person invited others to an event of
//!   ours, Graph tells those when it is moved or removed, and offers no way not to (`calendars.md`
//!   §1.1). Guests are left as they are, because taking them off would be mailed, too;
//! - of a mailbox at most four requests are under way ([`turns`]), batches included.
//!
//! Not offered by Graph, and so not here: calendars of Microsoft 365 groups (`calendars.md` §1.2).
//! What the mapping profile says and no event can have (a colour, an organiser, attendees without
//! mail) is refused in the configuration.
//!
//! Beside the usual files: `mailbox.rs` finds our calendar, `turns.rs` spends budgets, `call.rs`
//! is the way to Graph, `read.rs` and `write.rs` do what they say, `target.rs` is the port,
//! `foreign.rs` and `restore.rs` what is in people's calendars beside ours, `check.rs` what
//! `doctor` says. Classification is that of the connection.

pub mod call;
mod check;
pub mod config;
mod foreign;
pub mod mailbox;
pub mod map;
mod read;
mod restore;
mod target;
#[cfg(test)]
mod tests;
pub mod turns;
pub mod wire;
mod write;

use std::sync::{Arc, Mutex};

use domain::CalendarKey;
use engine::port::FindingLevel;
use serde::Deserialize;

use self::call::Caller;
use self::check::Checker;
use self::config::OutlookMirrorConfig;
use self::foreign::OutlookForeign;
use self::mailbox::Mailboxes;
use self::read::Reader;
use self::target::OutlookTarget;
use self::write::Writer;
use super::connection::Connection;
use super::permissions::Need;
use crate::{
    CALENDAR_ASKS, ConnectionError, MirrorConfig, MirrorContext, MirrorDescriptor, MirrorParts,
};

/// What the registry knows of it.
pub const MIRROR: MirrorDescriptor = MirrorDescriptor {
    kind: "outlook",
    summary: "Outlook calendars of people, or of one shared mailbox",
    asks: CALENDAR_ASKS,
    parse: |section| {
        let config = OutlookMirrorConfig::deserialize(section)?;
        Ok(Box::new(config) as Box<dyn MirrorConfig>)
    },
    schema: |generator| generator.subschema_for::<OutlookMirrorConfig>(),
};

/// For writing calendars. Granted by RBAC for Applications, no token tells of it
/// (`calendars.md` §1.9), so its absence is no error; that shows where mailboxes are opened.
const CALENDARS: Need = Need {
    permission: "Calendars.ReadWrite",
    included_in: &[],
    purpose: "write calendars (unless Exchange Online grants `Application Calendars.ReadWrite`)",
    without: FindingLevel::Good,
};
const NEEDED: &[Need] = &[CALENDARS];

/// Makes a mirror over a connection.
///
/// # Errors
/// When a key is wrong.
pub fn mirror(
    connection: &Arc<Connection>,
    mirror: &MirrorContext,
    config: &OutlookMirrorConfig,
) -> Result<MirrorParts, ConnectionError> {
    connection.require(NEEDED);
    connection.mirrors_mailboxes(&mirror.name);
    let shared = config.shared.as_deref().map(|it| CalendarKey::new(it.trim().to_lowercase()));
    let shared = shared
        .transpose()
        .map_err(|error| ConnectionError::Key { key: "shared", message: error.to_string() })?;
    let caller = Arc::new(Caller::new(Arc::clone(connection), config.requests_per_second));
    let mailboxes =
        Arc::new(Mailboxes::new(Arc::clone(&caller), config.which(), mirror.name.clone()));
    let reader = Arc::new(Reader {
        caller: Arc::clone(&caller),
        mailboxes: Arc::clone(&mailboxes),
        mirror: mirror.name.clone(),
    });
    let foreign = OutlookForeign::new(&mailboxes, mirror);
    let target = Arc::new(OutlookTarget {
        writer: Writer {
            caller: Arc::clone(&caller),
            mailboxes: Arc::clone(&mailboxes),
            mirror: mirror.name.clone(),
        },
        checker: Checker {
            mirror: mirror.name.clone(),
            mailboxes: Arc::clone(&mailboxes),
            shared: shared.clone(),
            groups: mirror.group_calendars.clone(),
            directory: Mutex::default(),
        },
        caller,
        mailboxes,
        reader,
        shared,
        capabilities: config.capabilities(),
        twice: Mutex::default(),
    });
    Ok(MirrorParts { foreign: Some(Arc::new(foreign)), ..MirrorParts::push_only(target) })
}
