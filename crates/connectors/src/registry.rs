//! The list of providers: one line each.

use crate::Descriptor;

/// Declares the provider folders; the list *is* the registry.
macro_rules! providers {
    ($($folder:ident),* $(,)?) => {
        /// Every provider that this build knows, in alphabetical order.
        pub const PROVIDERS: &[&Descriptor] = &[$(&crate::$folder::DESCRIPTOR),*];
    };
}

providers! {
    caldav,
    roster_file,
}

/// The provider of this kind.
#[must_use]
pub fn provider(kind: &str) -> Option<&'static Descriptor> {
    PROVIDERS.iter().find(|descriptor| descriptor.kind == kind).copied()
}
