//! `rotabridge purge`: removes everything Rotabridge wrote into a mirror, and nothing else.

use std::io::{BufRead, Write};

use clap::Args;
use engine::run::cycle::CycleOptions;

use super::Session;
use crate::failure::{Exit, Failure, thousands};
use crate::runs::{self, MirrorLine, Outcome};
use crate::wiring::Opening;

/// The flags of `purge`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which mirror
    #[arg(long, value_name = "NAME")]
    mirror: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Data for programs
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// When it is not confirmed, or nothing could be tried.
pub async fn run(arguments: Arguments, session: &Session) -> Result<Exit, Failure> {
    let works = session.works(Opening::Write).await?;
    let output = &session.output;
    let mirror = works.mirror(&arguments.mirror)?;
    let name = &mirror.spec.name;
    let calendars = works.store.calendar_states(name).await?;
    let employees = works.store.roster_counts(&mirror.spec.roster).await?.employees;
    if calendars.is_empty() && employees == 0 {
        let message = format!("the store knows no calendar of mirror `{name}` to purge");
        let hint = format!("if it was lost, `rotabridge recover --mirror {name}` comes first");
        return Err(Failure::saying(message).hint(hint));
    }
    let items = thousands(works.store.mirror_counts(name).await?.items);
    if !arguments.yes {
        if !output.is_interactive() {
            let message = format!("purge would remove all {items} items of mirror `{name}`");
            return Err(Failure::usage(message).hint("if that is meant, run again with `--yes`"));
        }
        if !confirmed(&format!("Remove all {items} items of mirror `{name}`?"))? {
            output.say("nothing was removed");
            return Ok(Exit::Failed);
        }
    }
    let options = CycleOptions { purge: true, read_back: true, ..CycleOptions::default() };
    let run = runs::cycle(&works, mirror, options, output).await;
    runs::tell(&run, output);
    let line = MirrorLine::of(&run, true, Some(&mirror.gate.status()));
    if arguments.json {
        output.json(&line)?;
    } else {
        let [deleted, foreign] = [line.deleted, line.foreign].map(thousands);
        output.data(format!(
            "mirror `{name}`: {deleted} items removed, {foreign} that are not ours left alone"
        ))?;
    }
    if run.outcome() == Outcome::Done {
        output.say(
            "the next `sync` would write them again: take the `[[mirror]]` out of the \
                    configuration to prevent that",
        );
    }
    Ok(runs::exit_for(&[], &[run.outcome()]))
}

fn confirmed(question: &str) -> Result<bool, Failure> {
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush()).map_err(Failure::because)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(Failure::because)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
