//! Sign-in, as Microsoft Entra does it.

use jiff::Timestamp;

use super::Graph;
use super::error;
use super::http::{Ask, Reply};

pub(super) fn give(_graph: &Graph, _ask: &Ask, _tenant: &str, _now: Timestamp) -> Reply {
    error::plain(404, "NotFound", "Resource not found.")
}
