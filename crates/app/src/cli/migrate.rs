//! `rotabridge migrate`: brings the store to this version.

use clap::Args;
use secrecy::ExposeSecret;

use super::Session;
use crate::failure::{Exit, Failure};

/// The flags of `migrate`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Data for programs
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// When the store cannot be changed, or a newer program wrote it.
pub async fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let url = config.store.connect_url(&config.base).map_err(Failure::because)?;
    let store::Migrated { from, to } = store::migrate(url.expose_secret()).await?;
    if arguments.json {
        session.output.json(&serde_json::json!({ "from": from, "to": to }))?;
    } else if from == to {
        session.output.data(format!("the store has version {to} already"))?;
    } else if from == 0 {
        session.output.data(format!("the store was made, with version {to}"))?;
    } else {
        session.output.data(format!("the store was brought from version {from} to {to}"))?;
    }
    Ok(Exit::Done)
}
