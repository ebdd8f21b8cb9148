//! The command line: one file per command.

mod client;
mod config;
mod conflicts;
mod demo;
mod doctor;
mod drift;
mod explain;
mod feed;
mod init;
mod migrate;
mod plan;
mod purge;
mod recover;
mod requests;
mod serve;
mod shifts;
mod shown;
mod status;
mod sync;
mod undo;
mod wfm;

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

const AFTER_HELP: &str = "\
New here? `rotabridge demo` shows it at work; `rotabridge init` begins with your own schedule.
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 partly done, 4 refused by a guard.";

/// Keeps a workforce schedule mirrored, exactly, in calendars.
#[derive(Debug, Parser)]
#[command(name = "rotabridge", version, max_term_width = 100)]
#[command(after_help = AFTER_HELP, next_help_heading = "For every command")]
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
    /// Show the whole product on a generated contact centre; needs no configuration
    Demo(demo::Arguments),
    /// Write a commented configuration after a few questions
    Init(init::Arguments),
    /// Check the configuration, print its schema, or print all of it
    Config(config::Arguments),
    /// Connect to everything and say what is wrong; writes nothing
    Doctor(doctor::Arguments),
    /// Show what `sync` would do and why; changes nothing
    Plan(plan::Arguments),
    /// Read the roster and bring the mirrors into agreement, once
    Sync(sync::Arguments),
    /// Do so for ever, and serve feeds, health and metrics
    Serve(serve::Arguments),
    /// Say how things stand, per roster and mirror
    Status(status::Arguments),
    /// Tell the whole story of one shift
    Explain(explain::Arguments),
    /// List what people changed in mirrors, and have it put right after all
    Drift(drift::Arguments),
    /// Give out subscription links, list them, take them back
    Feed(feed::Arguments),
    /// Let programs use the Schedule API, list them, take them back
    Client(client::Arguments),
    /// Have Microsoft Shifts call us about a mirror, or not any more
    Shifts(shifts::Arguments),
    /// Rebuild a lost ledger from what is in a mirror, without duplicates
    Recover(recover::Arguments),
    /// Remove everything Rotabridge wrote into a mirror, and nothing else
    Purge(purge::Arguments),
    /// Take back what a conflict policy did to somebody's event
    Undo(undo::Arguments),
    /// Check somebody's implementation of the WFM contract
    Wfm(wfm::Arguments),
    /// Bring the store to this version
    Migrate(migrate::Arguments),
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
            Self::Demo(arguments) => demo::run(arguments, session).await,
            Self::Init(arguments) => init::run(arguments, session),
            Self::Config(arguments) => config::run(&arguments, session),
            Self::Doctor(arguments) => doctor::run(&arguments, session).await,
            Self::Plan(arguments) => plan::run(arguments, session).await,
            Self::Sync(arguments) => sync::run(arguments, session).await,
            Self::Serve(arguments) => serve::run(arguments, session).await,
            Self::Status(arguments) => status::run(&arguments, session).await,
            Self::Explain(arguments) => explain::run(&arguments, session).await,
            Self::Drift(arguments) => drift::run(arguments, session).await,
            Self::Feed(arguments) => feed::run(arguments, session).await,
            Self::Client(arguments) => client::run(arguments, session).await,
            Self::Shifts(arguments) => shifts::run(arguments, session).await,
            Self::Recover(arguments) => recover::run(arguments, session).await,
            Self::Purge(arguments) => purge::run(arguments, session).await,
            Self::Undo(arguments) => undo::run(arguments, session).await,
            Self::Wfm(arguments) => wfm::run(arguments, session).await,
            Self::Migrate(arguments) => migrate::run(&arguments, session).await,
        }
    }

    /// Whether it answers requests while it works.
    pub fn serves(&self) -> bool {
        match self {
            Self::Serve(_) | Self::Demo(_) => true,
            Self::Init(_)
            | Self::Config(_)
            | Self::Doctor(_)
            | Self::Plan(_)
            | Self::Sync(_)
            | Self::Status(_)
            | Self::Explain(_)
            | Self::Drift(_)
            | Self::Feed(_)
            | Self::Client(_)
            | Self::Shifts(_)
            | Self::Recover(_)
            | Self::Purge(_)
            | Self::Undo(_)
            | Self::Wfm(_)
            | Self::Migrate(_) => false,
        }
    }

    /// What is logged where `RUST_LOG` says nothing: a service tells of its work, a command at a
    /// terminal talks by itself.
    pub fn log_level(&self) -> &'static str {
        match self {
            Self::Serve(_) => "info",
            // They say the same at the terminal, in other words.
            Self::Demo(_)
            | Self::Init(_)
            | Self::Config(_)
            | Self::Doctor(_)
            | Self::Plan(_)
            | Self::Sync(_)
            | Self::Status(_)
            | Self::Explain(_)
            | Self::Drift(_)
            | Self::Feed(_)
            | Self::Client(_)
            | Self::Shifts(_)
            | Self::Recover(_)
            | Self::Purge(_)
            | Self::Undo(_)
            | Self::Wfm(_)
            | Self::Migrate(_) => "error,rotabridge::event=off,rotabridge::wait=warn",
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
