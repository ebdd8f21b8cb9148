//! CalDAV: any server that speaks RFC 4791.
//!
//! Read: RFC 4791 (calendars), 4918 (WebDAV), 5397 (current principal), 5689 (extended MKCOL), 6578
//! (sync-collection), 6764 (discovery), in 2026-11; python-caldav 3.6.0's compatibility hints, a
//! probe of some twenty servers; Radicale 3.9.0 and Xandikos 0.4.10, run.
//!
//! What can be relied on:
//! - an item's name and `UID` follow from mirror, calendar, entity and generation, and every PUT
//!   is conditional (`If-None-Match: *`, or `If-Match` with a strong etag): a lost answer is
//!   settled by looking, and nothing is overwritten unseen. Without a strong etag nothing is
//!   written at all;
//! - a write that failed says whether the server may have applied it; nothing is sent twice;
//! - an item is ours by its `X-ROTABRIDGE-ORIGIN` and the `UID` that goes with it, or, from servers
//!   that drop the tag, by its `UID` alone. A copy under another `UID` is somebody else's.
//!
//! Quirks, each handled where it is met:
//! - sync-collection is missing (GMX, posteo, robur), or its answer is cut short with 507
//!   (RFC 6578 §3.6): then `PROPFIND` with `Depth: 1` lists in full;
//! - a bad delta token is told by 403, 412, 500 and others, or is accepted silently (DAViCal,
//!   SOGo, Stalwart, purelymail): only a listing without a token, now and then, finds what was
//!   missed;
//! - etags are absent after PUT (servers that rewrite), weak (GMX) or encoded (Bedework): they
//!   count as none, and a look gives the strong one;
//! - SOGo and Zimbra ignore `If-None-Match: *`. The deterministic name makes that harmless for
//!   us: what would be overwritten is our own item.
//!
//! Not given: OX renames objects, Zimbra renames collections after their display name; there an
//! item is found in a listing only. Nothing is locked.
//!
//! The port is implemented in three files, because it is long: `provider.rs` places and writes,
//! `read.rs` lists and looks, `discovery.rs` finds the account's calendars and checks them.
//!
//! `foreign.rs` reaches what is in the same people's calendars and not ours; `foreign` has the
//! editing of stored objects for it.
//!
//! No `inbound.rs`: CalDAV servers call nobody.

mod classify;
mod client;
mod config;
mod discovery;
mod foreign;
mod map;
mod provider;
mod read;
#[cfg(test)]
mod tests;
mod wire;

use serde::Deserialize;

use crate::{CALENDAR_ASKS, ConnectionConfig, Descriptor, MirrorConfig, MirrorDescriptor};

pub use config::{CaldavConfig, CaldavMirrorConfig};

const KIND: &str = "caldav";

/// What the registry knows of it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    kind: KIND,
    summary: "any server that speaks CalDAV: Nextcloud, Radicale, Fastmail, iCloud and others",
    parse: |section| {
        let config = CaldavConfig::deserialize(section)?;
        Ok(Box::new(config) as Box<dyn ConnectionConfig>)
    },
    schema: |generator| generator.subschema_for::<CaldavConfig>(),
    mirrors: &[MirrorDescriptor {
        kind: KIND,
        summary: "calendars on a CalDAV server",
        asks: CALENDAR_ASKS,
        parse: |section| {
            let config = CaldavMirrorConfig::deserialize(section)?;
            Ok(Box::new(config) as Box<dyn MirrorConfig>)
        },
        schema: |generator| generator.subschema_for::<CaldavMirrorConfig>(),
    }],
    reads: false,
    decides: &[],
};
