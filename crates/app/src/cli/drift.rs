//! `rotabridge drift`: what people changed in mirrors, and putting right what was given up.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Subcommand};
use domain::MirrorName;
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
        /// The entity's id, as `drift list` and `explain` show it, or its beginning
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

/// Ids that are told where a beginning is not enough.
const IDS_TOLD_MAX: usize = 5;

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
    let mirrors = config.mirrors_named(mirror)?;
    let store = open_store(&config, Opening::Look).await?;
    let mut lines = Vec::new();
    for section in mirrors {
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
    let mirrors = config.mirrors_named(mirror)?;
    let store = open_store(&config, Opening::Write).await?;
    let mut left = Vec::new();
    for section in mirrors {
        let drifts = store.drifts(&section.name).await?.into_iter();
        let is_left = |it: &Drift| matches!(it.standing, Standing::Left | Standing::Contested);
        left.extend(drifts.filter(is_left).map(|it| (&section.name, it)));
    }
    if let Some(id) = id {
        let whole = named(id, left.iter().map(|(_, it)| it.key.entity.id.as_str()))?;
        left.retain(|(_, it)| whole.as_deref() == Some(it.key.entity.id.as_str()));
    }
    let mut writes: BTreeMap<&MirrorName, Vec<DriftWrite>> = BTreeMap::new();
    for (mirror, drift) in left {
        let write = DriftWrite::Put(Drift { standing: Standing::Released, ..drift });
        writes.entry(mirror).or_default().push(write);
    }
    let mut released = 0;
    for (mirror, writes) in writes {
        released += writes.len() as u64;
        store.put_drifts(mirror, &writes).await?;
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

/// The id that is meant by one or by its beginning; nothing when there is none.
fn named<'i>(id: &str, known: impl Iterator<Item = &'i str>) -> Result<Option<String>, Failure> {
    let known: BTreeSet<&str> = known.filter(|it| it.starts_with(id)).collect();
    if known.contains(id) || known.len() < 2 {
        let whole = known.get(id).or(known.first());
        return Ok(whole.map(|it| (*it).to_owned()));
    }
    let some: Vec<&str> = known.iter().copied().take(IDS_TOLD_MAX).collect();
    let message = format!("{} ids begin with `{id}`", known.len());
    let hint = format!("write more of it: {}", crate::config::list(&some));
    Err(Failure { exit: Exit::Usage, ..Failure::saying(message).hint(hint) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_named_by_its_beginning_where_that_is_one_id_s_only() {
        let known = ["s-1", "s-12", "t-1", "t-1"];
        let found = |id: &str| named(id, known.into_iter()).ok();
        assert_eq!(
            found("s-1"),
            Some(Some("s-1".to_owned())),
            "all of it, though another is longer"
        );
        assert_eq!(found("s-12"), Some(Some("s-12".to_owned())));
        assert_eq!(found("t"), Some(Some("t-1".to_owned())));
        assert_eq!(found("x"), Some(None));
        assert_eq!(found("s"), None);
    }
}
