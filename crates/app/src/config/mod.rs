//! The configuration file: what the system is. How one run behaves is said by flags.
//!
//! One file here per section. Everything is checked before anything is connected to, and as many
//! mistakes as possible are told at once, each with its place in the file.

mod checks;
mod conflicts;
mod connection;
mod dashboard;
mod duration;
mod feeds;
mod guard;
mod look;
mod mirror;
mod reader;
mod roster;
mod rules;
mod schema;
mod secrets;
mod server;
mod store;
mod unavailable;
mod window;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use domain::CommandKind;
use engine::overview::{MirrorOutline, Outline};

pub use connection::ConnectionSection;
pub use dashboard::DashboardSection;
pub use duration::Length;
pub use feeds::{FeedsSection, LinkStyle};
pub use mirror::MirrorSection;
pub use reader::{ConfigError, list, nearest};
pub use roster::RosterSection;
pub use schema::schema;
pub use server::ServerSection;
pub use store::StoreSection;

use crate::failure::Failure;
use reader::{Faults, Section, Tables};

/// The example, as `config example` prints it; a test parses it.
pub const EXAMPLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/example.toml"));

/// Bytes of a configuration file: more is another file by mistake.
const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A whole, valid configuration.
#[derive(Debug)]
pub struct Config {
    /// The folder that paths are relative to.
    pub base: PathBuf,
    /// What is reached over HTTP.
    pub server: ServerSection,
    /// Where everything is kept.
    pub store: StoreSection,
    /// Configured instances of vendors' products.
    pub connections: Vec<ConnectionSection>,
    /// Systems of record.
    pub rosters: Vec<RosterSection>,
    /// Where rosters are kept in agreement.
    pub mirrors: Vec<MirrorSection>,
    /// Subscription links.
    pub feeds: FeedsSection,
    /// Who may look at how everything stands, if anybody.
    pub dashboard: Option<DashboardSection>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the configuration `{}`: {detail}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        detail: String,
        /// Whether it is simply not there.
        missing: bool,
    },
    /// It is wrong.
    #[error(transparent)]
    Wrong(#[from] ConfigError),
}

impl Config {
    /// Reads and checks a file; reads no other.
    ///
    /// # Errors
    /// When it cannot be read or is wrong.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let unreadable = |detail: String, missing| LoadError::Unreadable {
            path: path.to_owned(),
            detail,
            missing,
        };
        let read = || {
            let size = std::fs::metadata(path)?.len();
            if size > CONFIG_BYTES_MAX {
                let message = format!("has {size} bytes; expected at most {CONFIG_BYTES_MAX}");
                return Err(std::io::Error::other(message));
            }
            std::fs::read_to_string(path)
        };
        let text = read().map_err(|error| {
            unreadable(error.to_string(), error.kind() == std::io::ErrorKind::NotFound)
        })?;
        let base = match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        Ok(Self::parse(&path.display().to_string(), &base, &text)?)
    }

    /// Checks a text; `name` is what the file is called in errors.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(name: &str, base: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut faults = Faults::default();
        let Some(mut tables) = Tables::read(text, &mut faults) else {
            return Err(faults.into_error(name, text));
        };
        let connections = tables.connection.drain(..);
        let connections: Vec<_> =
            connections.filter_map(|it| ConnectionSection::read(it, &mut faults)).collect();
        let rosters = tables.roster.drain(..);
        let rosters: Vec<_> =
            rosters.filter_map(|it| RosterSection::read(it, &mut faults)).collect();
        let mirrors = tables.mirror.drain(..);
        let mirrors: Vec<_> =
            mirrors.filter_map(|it| MirrorSection::read(it, &mut faults)).collect();
        let server_spans = tables.server.as_ref().map(Section::spans);
        let server = ServerSection::read(tables.server.take(), &mut faults);
        let store = StoreSection::read(tables.store.take(), &mut faults);
        let feeds = FeedsSection::read(tables.feeds.take(), &mut faults);
        let dashboard = DashboardSection::read(tables.dashboard.take(), &mut faults);
        if let (Some(server), Some(Some(_))) = (&server, &dashboard) {
            server.bears_dashboard(server_spans.as_ref(), &mut faults);
        }
        checks::names(&connections, &rosters, &mirrors, &tables.names, &mut faults);
        checks::calendars(&mirrors, &mut faults);
        checks::decides(&connections, &rosters, &mirrors, &mut faults);
        conflicts::check(&connections, &mirrors, &mut faults);
        match (server, store, feeds, dashboard) {
            (Some(server), Some(store), Some(feeds), Some(dashboard)) if faults.is_empty() => {
                let base = base.to_owned();
                Ok(Self { base, server, store, connections, rosters, mirrors, feeds, dashboard })
            }
            _ => Err(faults.into_error(name, text)),
        }
    }

    /// The connection of this name; there is one wherever the configuration names it.
    pub fn connection(&self, name: &domain::ConnectionName) -> Option<&ConnectionSection> {
        self.connections.iter().find(|it| it.name == *name)
    }

    /// Names and ids of clients that are a mirror's connection: none of them may write a roster
    /// through the Schedule API, past the mirror's approvals.
    pub fn never_write(&self) -> BTreeSet<String> {
        let of_mirror = |it: &&ConnectionSection| {
            self.mirrors.iter().any(|mirror| mirror.connection == it.name)
        };
        let connections = self.connections.iter().filter(of_mirror);
        let names = connections.map(|it| it.name.to_string());
        let ids = self.connections.iter().filter_map(|it| it.config.api_client_id());
        names.chain(ids.map(str::to_owned)).collect()
    }

    /// What a roster's system of record decides.
    pub fn decides(&self, roster: &domain::RosterName) -> BTreeSet<CommandKind> {
        let Some(roster) = self.roster(roster) else { return BTreeSet::new() };
        match &roster.source {
            None => roster.rules.decides.clone(),
            Some(source) => {
                self.connection(source).map(ConnectionSection::decides).unwrap_or_default()
            }
        }
    }

    /// What there is to be told of.
    pub fn outline(&self) -> Outline {
        let mirror =
            |it: &MirrorSection| MirrorOutline { name: it.name.clone(), roster: it.roster.clone() };
        Outline {
            rosters: self.rosters.iter().map(|it| it.name.clone()).collect(),
            mirrors: self.mirrors.iter().map(mirror).collect(),
        }
    }

    /// The mirrors, or the one of a name that was given on the command line.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn mirrors_named(&self, name: Option<&str>) -> Result<Vec<&MirrorSection>, Failure> {
        let Some(name) = name else { return Ok(self.mirrors.iter().collect()) };
        let known: Vec<&str> = self.mirrors.iter().map(|it| it.name.as_str()).collect();
        let found = self.mirrors.iter().find(|it| it.name.as_str() == name);
        found.map(|it| vec![it]).ok_or_else(|| Failure::unknown("mirror", name, &known))
    }

    /// The roster of this name.
    pub fn roster(&self, name: &domain::RosterName) -> Option<&RosterSection> {
        self.rosters.iter().find(|it| it.name == *name)
    }
}

#[cfg(test)]
mod tests;
