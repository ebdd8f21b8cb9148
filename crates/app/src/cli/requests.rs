//! Requests that people made in a mirror, as `explain` tells of them.

use engine::port::{AskedRequest, RemoteId};

/// Requests of one mirror that are looked through; older ones are history.
pub const LOOKED_AT_MAX: usize = 1_000;

/// Whether a request is about the item with this id.
pub fn is_about(request: &AskedRequest, item: &RemoteId) -> bool {
    match request {
        AskedRequest::OpenShift { open_shift, employee: _ } => open_shift == item,
        AskedRequest::Swap { given, wanted } => given == item || wanted == item,
        AskedRequest::Offer { given, to: _ } => given == item,
        AskedRequest::TimeOff { item: _ } => false,
    }
}
