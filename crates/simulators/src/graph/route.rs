//! Which route a request takes below `/v1.0` and `/beta`.

use jiff::Timestamp;

use super::Graph;
use super::error;
use super::http::{Ask, Reply};

pub(super) fn answer(
    _graph: &Graph,
    _ask: &Ask,
    _beta: bool,
    _segments: &[&str],
    _now: Timestamp,
) -> Result<Reply, Reply> {
    Err(error::plain(404, "NotFound", "Resource not found."))
}
