//! `rotabridge recover`: rebuilds a lost ledger from the origin tags in a mirror.
//!
//! Writes nothing into the mirror: it reads who we said we were, gives the roster the same ids
//! again, and takes over what is there.

use clap::Args;
use engine::report::IngestReport;
use engine::run::cycle::CycleOptions;
use engine::run::recover::gather_hints;
use engine::run::watch::Unwatched;

use super::Session;
use crate::failure::{Exit, Failure, thousands};
use crate::runs::{self, MirrorLine, Outcome};
use crate::wiring::Opening;

/// The flags of `recover`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which mirror
    #[arg(long, value_name = "NAME")]
    mirror: String,
    /// Data for programs
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// When the source, the mirror or the store cannot be read.
pub async fn run(arguments: Arguments, session: &Session) -> Result<Exit, Failure> {
    let works = session.works(Opening::Write).await?;
    let output = &session.output;
    let mirror = works.mirror(&arguments.mirror)?;
    let name = &mirror.spec.name;
    let roster = works.roster(mirror.spec.roster.as_str())?;
    output.say(format!("reading what mirror `{name}` holds"));
    let described = works.described(&roster.name)?;
    let equipment = works.equipment(mirror, &Unwatched);
    let tags = gather_hints(&mirror.spec, equipment, roster.source.as_ref(), described).await?;
    let IngestReport { upserted, .. } = runs::ingest(&works, roster, None).await.result?;
    let options = CycleOptions { read_back: true, writes: false, ..CycleOptions::default() };
    let run = runs::cycle(&works, mirror, options, output).await;
    runs::tell(&run, output);
    let line = MirrorLine::of(&run, true, Some(&mirror.gate.status()));
    if arguments.json {
        let value = serde_json::json!({ "tags": tags, "mirror": line });
        output.json(&value)?;
    } else {
        let known = works.store.mirror_counts(name).await?.items;
        let [tags, upserted, adopted, known] = [tags, upserted, line.adopted, known].map(thousands);
        output.data(format!(
            "mirror `{name}`: {tags} items carry our tag, {adopted} taken over, {known} known \
             now; roster `{}`: {upserted} read",
            roster.name
        ))?;
        if run.outcome() == Outcome::Done {
            output.say("`rotabridge plan` shows what is left to do, `rotabridge sync` does it");
        }
    }
    Ok(runs::exit_for(&[], &[run.outcome()]))
}
