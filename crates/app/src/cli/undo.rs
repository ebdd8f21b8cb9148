//! `rotabridge undo`: takes back what a conflict policy did to somebody's event.

use clap::Args;
use engine::overview::{what, when};
use engine::port::{AuditId, AuditIdError};
use engine::run::conflicts::undo::{UndoError, undo};
use engine::run::watch::Unwatched;

use super::Session;
use crate::failure::{Exit, Failure};
use crate::wiring::Opening;

/// The flags of `undo`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which change: `explain` of the shift and the audit log name it, such as `7k3q-9xm2-vd0e`
    #[arg(value_name = "AUDIT_ID")]
    id: String,
    /// Data for programs
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// When there is no such change, it was undone already, the event changed since, or the calendar
/// cannot be reached.
pub async fn run(arguments: Arguments, session: &Session) -> Result<Exit, Failure> {
    let id: AuditId = arguments
        .id
        .parse()
        .map_err(|error: AuditIdError| Failure { exit: Exit::Usage, ..Failure::because(error) })?;
    let works = session.works(Opening::Write).await?;
    let output = &session.output;
    let found = works.store.event_change(&id).await?;
    let Some((name, _)) = found else { return Err(failed(UndoError::Unknown(id))) };
    let mirror = works.mirror(name.as_str())?;
    let Some(foreign) = mirror.foreign.as_deref() else {
        let message = format!("mirror `{name}` cannot see people's events any more");
        let hint = format!(
            "set `foreign_events = \"change\"` in `[[mirror]]` `{name}` again (Google), or have \
             its `connection` as it was when the event was changed"
        );
        return Err(Failure::saying(message).hint(hint));
    };
    let equipment = works.equipment(mirror, &Unwatched);
    equipment.gate.begin_cycle();
    let change = undo(&mirror.spec, equipment, foreign, &id).await.map_err(failed)?;
    let shifts: Vec<String> = change.shifts.iter().map(ToString::to_string).collect();
    if arguments.json {
        output.json(&serde_json::json!({
            "id": change.id,
            "mirror": name,
            "calendar": change.calendar,
            "undone": what(&change.change),
            "shifts": shifts,
            "span": change.span,
        }))?;
        return Ok(Exit::Done);
    }
    output.data(format!(
        "`{id}` is undone: the event at {} in calendar `{}` is as it was before it was {}",
        when(&change.span),
        change.calendar,
        what(&change.change),
    ))?;
    output.say("it is left alone from now on; the next `sync` takes its note off the shift");
    Ok(Exit::Done)
}

fn failed(error: UndoError) -> Failure {
    let hint = match &error {
        UndoError::Store(_) => None,
        UndoError::Unknown(_) => Some(
            "`rotabridge explain ID` names the ids of its changes; they are kept for 30 days \
             after the event"
                .to_owned(),
        ),
        UndoError::Already(_) => Some("nothing was changed".to_owned()),
        UndoError::NotDone { .. } => Some("nothing was changed".to_owned()),
        UndoError::Changed { .. } => {
            Some("what its owner did since is not overwritten; nothing was changed".to_owned())
        }
        UndoError::Busy(_) => Some("run again in half a minute".to_owned()),
        UndoError::Unreachable { id, .. } => Some(format!(
            "the next `sync` ends it where it was begun; or run `rotabridge undo {id}` again"
        )),
    };
    match (error, hint) {
        (UndoError::Store(error), _) => error.into(),
        (error, Some(hint)) => Failure::because(error).hint(hint),
        (error, None) => Failure::because(error),
    }
}
