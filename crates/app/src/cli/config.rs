//! `rotabridge config check|schema|example`.

use clap::{Args, Subcommand};

use super::Session;
use crate::config;
use crate::failure::{Exit, Failure};
use crate::wiring::dashboard;

/// The words after `config`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

/// What to do with the configuration.
#[derive(Debug, Clone, Copy, Subcommand)]
enum What {
    /// Say what is wrong with it; connects to nothing
    Check,
    /// Print its JSON Schema
    Schema,
    /// Print all of it, with explanations
    Example,
}

/// Runs it.
///
/// # Errors
/// When the configuration is wrong.
pub fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    match arguments.what {
        What::Check => {
            let config = session.config()?;
            dashboard(&config)?;
            let counts = [
                count(config.connections.len(), "connection"),
                count(config.rosters.len(), "roster"),
                count(config.mirrors.len(), "mirror"),
            ];
            let path = session.config_path.display();
            session.output.data(format!("{path} is valid: {}", counts.join(", ")))?;
            if config.rosters.is_empty() {
                session.output.say("there is no `[[roster]]` yet, so there is nothing to do");
            }
        }
        What::Schema => {
            let text = serde_json::to_string_pretty(&config::schema());
            session.output.data(text.map_err(Failure::because)?)?;
        }
        What::Example => session.output.data(config::EXAMPLE.trim_end())?,
    }
    Ok(Exit::Done)
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
