//! The command line: one file per command.

mod sync;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use engine::port::{Clock, Entropy};
use engine::run::lease::Ownership;

use crate::config::{Config, LoadError};
use crate::failure::{Exit, Failure};
use crate::logging::LogFormat;
use crate::output::Output;
use crate::wiring::{Opening, Outside, Works};

/// Keeps a workforce schedule mirrored, exactly, in calendars.
#[derive(Debug, Parser)]
#[command(name = "rotabridge", version, max_term_width = 100)]
pub struct Cli {
    /// The configuration
    #[arg(long, global = true, value_name = "PATH", default_value = "rotabridge.toml")]
    pub config: PathBuf,
    /// How log lines on stderr look; `RUST_LOG` says which there are
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// Data and errors only: no talk, no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the roster and bring the mirrors into agreement, once
    Sync(sync::Arguments),
}

/// What every command gets.
pub struct Session {
    /// Where the configuration is.
    pub config_path: PathBuf,
    /// Where output goes.
    pub output: Output,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Who we are.
    pub ownership: Arc<dyn Ownership>,
}

impl Command {
    /// Carries it out.
    ///
    /// # Errors
    /// Why it could not be.
    pub async fn run(self, session: &Session) -> Result<Exit, Failure> {
        match self {
            Self::Sync(arguments) => sync::run(arguments, session).await,
        }
    }

    /// What is logged where `RUST_LOG` says nothing: a service tells of its work, a command at a
    /// terminal talks by itself.
    pub fn log_level(&self) -> &'static str {
        match self {
            Self::Sync(_) => "error,rotabridge=off",
        }
    }
}

impl Session {
    /// The clock, chance and identity, for the wiring.
    pub fn outside(&self) -> Outside {
        Outside {
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            ownership: Arc::clone(&self.ownership),
        }
    }

    /// The configuration.
    ///
    /// # Errors
    /// When it cannot be read or is wrong.
    pub fn config(&self) -> Result<Config, Failure> {
        Config::load(&self.config_path).map_err(|error| match error {
            LoadError::Wrong(error) => {
                let places = error.places.clone();
                let failure = Failure { exit: Exit::Usage, ..Failure::because(error) };
                Failure { places, ..failure }
                    .hint("`rotabridge config example` prints all of it, with explanations")
            }
            LoadError::Unreadable { missing, .. } => {
                let failure = Failure { exit: Exit::Usage, ..Failure::because(error) };
                let elsewhere = "`--config PATH` names another";
                failure.hint(if missing {
                    format!("`rotabridge init` writes one; {elsewhere}")
                } else {
                    elsewhere.to_owned()
                })
            }
        })
    }

    /// Everything, put together from the configuration.
    ///
    /// # Errors
    /// When the configuration is wrong, a secret is missing or the store cannot be opened.
    pub async fn works(&self, opening: Opening) -> Result<Works, Failure> {
        Works::build(self.config()?, self.outside(), opening).await
    }
}
