//! The list of providers: one line each, and nothing else to edit.

use crate::Descriptor;

/// Gives the list of provider folders to another macro; this list *is* the registry.
///
/// The crate root declares a module for each of them, and [`PROVIDERS`] takes their descriptors.
macro_rules! providers {
    ($with:ident) => {
        $with! {
            caldav,
            genesys_cloud,
            google_workspace,
            microsoft_graph,
            roster_file,
            scal,
            wfm_http,
        }
    };
}
pub(crate) use providers;

macro_rules! descriptors {
    ($($folder:ident),* $(,)?) => {
        &[$(&crate::$folder::DESCRIPTOR),*]
    };
}

/// Every provider that this build knows, in alphabetical order.
pub const PROVIDERS: &[&Descriptor] = providers!(descriptors);

/// The provider of this kind.
#[must_use]
pub fn provider(kind: &str) -> Option<&'static Descriptor> {
    PROVIDERS.iter().find(|descriptor| descriptor.kind == kind).copied()
}
