//! Connectors: one folder per provider, and nothing vendor-specific anywhere else.
//!
//! A folder owns its configuration section, its wire types and its classification of failures;
//! it implements [`engine::port::Source`], [`engine::port::Target`] or both. What a connection can
//! be used for is said once, in its [`Descriptor`]; the list of all of them is
//! [`registry::PROVIDERS`]. Adding a provider is a folder, one line in the registry and one line
//! in the changelog.
//!
//! Deliberately not here: databases, serving HTTP, deciding what to write or when to repeat.

mod bounds;
pub mod descriptor;
pub mod employees_file;
pub mod registry;
pub mod secret;
mod seldom;
mod table;
pub mod transport;
mod words;

macro_rules! modules {
    ($($folder:ident),* $(,)?) => {
        $(pub mod $folder;)*
    };
}
registry::providers!(modules);

pub use descriptor::{
    CALENDAR_ASKS, CalendarRegistration, ConnectionConfig, ConnectionContext, ConnectionError,
    Descriptor, ForeignReach, MirrorConfig, MirrorContext, MirrorDescriptor, MirrorParts,
    Registration, RegistrationStatus,
};
