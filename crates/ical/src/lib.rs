//! iCalendar (RFC 5545), as much of it as a mirrored schedule needs.
//!
//! What is in: writing feeds and single objects ([`schedule`]), reading an object back as what a
//! calendar shows ([`read`]), the identifiers of written events ([`identity`]), and a check of
//! what we emit against the rules that real readers insist on ([`mod@lint`]).
//!
//! Writing is by hand ([`mod@write`]), because it is what a feed request costs. Reading is calcard
//! behind types of our own, because objects that come back were rewritten by somebody else's
//! server; neither calcard nor its time library is visible from outside.
//!
//! What is deliberately out: asynchronous code, files, clocks, recurrence expansion (a schedule
//! is written occurrence by occurrence), and scheduling messages: no `METHOD`, and people and
//! alarms only where the mapping asks for them.

pub mod identity;
pub mod lint;
pub mod read;
pub mod schedule;
pub mod text;
mod unfold;
pub mod write;
mod zone;

pub use identity::{UidStyle, feed_uid, object_uid};
pub use lint::{Finding, Rule, lint};
pub use read::{ReadError, ReadEvent, Unreadable, read_object};
pub use schedule::{
    EventHeader, FeedHeader, UtcStyle, representable, write_event, write_feed, write_object,
};
