//! Transport that providers share: one HTTP exchange at a time, with a certain outcome.
//!
//! [`HttpClient`] is a small pool of HTTP/1.1 connections to one origin, straight on hyper's
//! connection, because a mirror must know of every failed request whether the other side may have
//! seen it. General clients hide that: they send again by themselves when a pooled connection
//! turns out to be closed, follow redirects with credentials, or report both kinds of failure
//! alike. See `docs/adr/0008-own-caldav-client.md`.
//!
//! Not here: repeating, waiting, deciding. One call is at most one request.

mod http;
mod public;
mod retry_after;
mod tls;

pub use self::http::{Answer, Dial, HttpClient, HttpOptions, SendError, Stream};
pub use self::public::PublicOnly;
pub use self::retry_after::{http_date, retry_after};
pub use self::tls::{TlsError, tls_config};
