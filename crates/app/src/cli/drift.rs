//! `rotabridge drift`: what people changed in mirrors, and putting right what was given up.

use clap::{Args, Subcommand};
use engine::plan::drift::tell;
use engine::port::{Drift, DriftWrite, Standing};
use serde::Serialize;

use super::Session;
use crate::failure::{Exit, Failure, thousands};
use crate::impersonal::mark;
use crate::output::time;
use crate::wiring::{Opening, open_store};

/// The flags of `drift`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List what people changed, and what became of it
    List {
        /// Only of this mirror
        #[arg(long, value_name = "NAME")]
        mirror: Option<String>,
        /// Data for programs
        #[arg(long)]
        json: bool,
    },
    /// Have what is left as it is put right with the next cycle
    Release {
        /// The entity's id, as `drift list` and `explain` show it
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        /// Everything that is left in the mirrors
        #[arg(long, conflicts_with = "id")]
        all: bool,
        /// Only in this mirror
        #[arg(long, value_name = "NAME")]
        mirror: Option<String>,
    },
}

/// One line of `drift list --json`.
#[derive(Debug, Serialize)]
struct Line {
    mirror: String,
    #[serde(flatten)]
    drift: Drift,
    /// How the log calls the calendar.
    mark: String,
    /// Who did what, and what became of it.
    story: String,
}

/// Runs it.
///
/// # Errors
/// When the store fails, or there is nothing of this name.
pub async fn run(arguments: Arguments, session: &Session) -> Result<Exit, Failure> {
    match arguments.what {
        What::List { mirror, json } => list(mirror.as_deref(), json, session).await,
        What::Release { id, all: _, mirror } => {
            release(id.as_deref(), mirror.as_deref(), session).await
        }
    }
}

async fn list(mirror: Option<&str>, json: bool, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let store = open_store(&config, Opening::Look).await?;
    let mut lines = Vec::new();
    for section in
        config.mirrors.iter().filter(|it| mirror.is_none_or(|name| it.name.as_str() == name))
    {
        for drift in store.drifts(&section.name).await? {
            let story = tell(&drift, &section.name);
            let mark = mark(drift.calendar.as_str());
            lines.push(Line { mirror: section.name.to_string(), drift, mark, story });
        }
    }
    if json {
        session.output.json(&serde_json::json!({ "drift": lines }))?;
        return Ok(Exit::Done);
    }
    for Line { mirror, drift, mark, story } in &lines {
        let (key, at) = (&drift.key, time::instant(drift.seen_at));
        session.output.data(format!("{at}  `{mirror}` {mark} {key}: {story}"))?;
    }
    if lines.is_empty() {
        session.output.say("nobody changed anything, as far as is known");
    }
    Ok(Exit::Done)
}

async fn release(
    id: Option<&str>,
    mirror: Option<&str>,
    session: &Session,
) -> Result<Exit, Failure> {
    let config = session.config()?;
    let store = open_store(&config, Opening::Write).await?;
    let mut released = 0;
    for section in
        config.mirrors.iter().filter(|it| mirror.is_none_or(|name| it.name.as_str() == name))
    {
        let mut writes = Vec::new();
        for drift in store.drifts(&section.name).await? {
            let named = id.is_none_or(|id| drift.key.entity.id.as_str() == id);
            let is_left = matches!(drift.standing, Standing::Left | Standing::Contested);
            if named && is_left {
                writes.push(DriftWrite::Put(Drift { standing: Standing::Released, ..drift }));
            }
        }
        released += writes.len() as u64;
        store.put_drifts(&section.name, &writes).await?;
    }
    if released == 0 {
        let failure = Failure::saying("there is nothing of that kind that is left as it is");
        return Err(failure.hint("`rotabridge drift list` shows what there is"));
    }
    let items = if released == 1 { "item is" } else { "items are" };
    let released = thousands(released);
    session.output.say(format!("{released} {items} put right with the next cycle"));
    Ok(Exit::Done)
}
