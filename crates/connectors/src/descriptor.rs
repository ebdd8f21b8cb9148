//! What a provider says of itself, and how the binary builds one without knowing any.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use domain::{ConnectionName, MirrorName};
use engine::port::{Clock, Source, Target};

/// One provider, as data.
pub struct Descriptor {
    /// The word for it in `kind = "…"`.
    pub kind: &'static str,
    /// One line for the documentation: what product this is.
    pub summary: &'static str,
    /// Reads a `[[connection]]` section of this kind, without the keys `name` and `kind`.
    pub parse:
        fn(toml::de::ValueDeserializer<'_>) -> Result<Box<dyn ConnectionConfig>, toml::de::Error>,
    /// The JSON Schema of such a section.
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
    /// The kinds of mirror that can be kept over such a connection; empty for a mere source.
    pub mirrors: &'static [MirrorDescriptor],
}

/// One kind of mirror, as data.
pub struct MirrorDescriptor {
    /// The word for it in a mirror's `kind = "…"`.
    pub kind: &'static str,
    /// One line for the documentation.
    pub summary: &'static str,
    /// Reads what is left of a `[[mirror]]` section after the keys that all mirrors share.
    pub parse:
        fn(toml::de::ValueDeserializer<'_>) -> Result<Box<dyn MirrorConfig>, toml::de::Error>,
    /// The JSON Schema of these keys.
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Descriptor").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl fmt::Debug for MirrorDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MirrorDescriptor").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What every connection is built with.
#[derive(Debug, Clone)]
pub struct ConnectionContext {
    /// Its name in the configuration.
    pub name: ConnectionName,
    /// Paths in the configuration are relative to this folder.
    pub base: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// A parsed `[[connection]]` section.
pub trait ConnectionConfig: fmt::Debug + Send + Sync {
    /// Checks what needs no network and no file: ranges, URLs, zones, combinations.
    ///
    /// # Errors
    /// The first thing that is wrong, naming its key.
    fn validate(&self) -> Result<(), ConnectionError>;

    /// Makes the source of a roster.
    ///
    /// # Errors
    /// When this provider is no source, or a secret or file that it names cannot be read.
    fn source(&self, context: &ConnectionContext) -> Result<Arc<dyn Source>, ConnectionError>;

    /// Makes the target of a mirror; `mirror` was parsed by one of [`Descriptor::mirrors`].
    ///
    /// # Errors
    /// When this provider keeps no such mirror, or a secret or file cannot be read.
    fn target(
        &self,
        context: &ConnectionContext,
        name: &MirrorName,
        mirror: &dyn MirrorConfig,
    ) -> Result<Arc<dyn Target>, ConnectionError>;
}

/// What is peculiar to one kind of mirror in a parsed `[[mirror]]` section.
pub trait MirrorConfig: fmt::Debug + Send + Sync + std::any::Any {
    /// Checks what needs no network and no file.
    ///
    /// # Errors
    /// The first thing that is wrong, naming its key.
    fn validate(&self) -> Result<(), ConnectionError>;

    /// Text that changes whenever items would look different or stand elsewhere: part of the
    /// mirror's profile fingerprint.
    fn profile(&self) -> String;
}

/// Why a connection cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// A key has a value that cannot be used.
    #[error("`{key}`: {message}")]
    Key {
        /// Which key of the section.
        key: &'static str,
        /// What was found and what was expected.
        message: String,
    },
    /// A file that a key names cannot be read.
    #[error("`{key}`: cannot read `{path}`: {detail}")]
    File {
        /// Which key of the section.
        key: &'static str,
        /// Which file; never what is in it.
        path: String,
        /// What the operating system said.
        detail: String,
    },
    /// The provider does not do this.
    #[error("a `{kind}` connection cannot be {role}")]
    Role {
        /// The provider's kind.
        kind: &'static str,
        /// `the source of a roster` or `the target of a mirror`.
        role: &'static str,
    },
}
