//! What is reached over HTTP: iCalendar feeds, health and metrics.
//!
//! What is in: [`feed`], with links, rendering, caching and conditional answers; [`callback`],
//! the way in for mirrors' vendors; [`hook`], the way in for their hints; the Schedule API
//! ([`api`]); the dashboard; the routes for operators; the form of API errors ([`error`]);
//! connections and their limits ([`serve()`]).
//!
//! What is deliberately out: databases and vendors (the store, the clock and chance are ports of
//! `engine`), TLS (a reverse proxy's work), and any decision about what a calendar shows (that is
//! [`engine::mapping`]).
//!
//! ```text
//! connection ─► front ─┬─► feeds ── from memory, or by asking the store
//!                      └─► router ─► Schedule API, callbacks, hooks, health, metrics, 404
//! ```

pub mod api;
mod body;
mod body_file;
pub mod callback;
mod counters;
mod dashboard;
pub mod error;
pub mod feed;
mod front;
mod health;
pub mod hook;
mod intake;
mod router;
mod seats;
mod serve;
mod state;
mod stream;

pub use body::ServerBody;
pub use dashboard::DashboardParts;
pub use serve::{Side, serve, serve_side};
pub use state::{ServerParts, ServerState};
