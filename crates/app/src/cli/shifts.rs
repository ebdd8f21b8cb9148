//! `rotabridge shifts`: has Microsoft Shifts call us about a mirror, or not any more.

use std::sync::Arc;

use clap::{Args, Subcommand};
use connectors::{CalendarRegistration, Registration, RegistrationStatus};
use engine::port::FailureClass;
use serde::Serialize;

use super::Session;
use crate::failure::{Exit, Failure};
use crate::output::{Output, Table};
use crate::wiring::{MirrorWorks, Opening, Works};

/// The flags of `shifts`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Action {
    /// Make the integration known to Graph, or bring it up to date; asks for no schedule yet
    Register(Which),
    /// Have the schedules of the mirror's teams call us
    Enable(Which),
    /// Have them not call us any more
    Disable {
        #[command(flatten)]
        which: Which,
        /// Only the schedule of this team, also one that the mirror's `teams` name no more
        #[arg(long, value_name = "ID")]
        team: Option<String>,
    },
    /// Say how it stands, team by team
    Status(Which),
    /// Make a new secret, and have Shifts use it; the old one stays good for a while
    RotateSecret(Which),
}

/// Which mirror.
#[derive(Debug, Args)]
struct Which {
    /// Which mirror; may be left out where there is only one of this kind
    #[arg(long, value_name = "NAME")]
    mirror: Option<String>,
    /// Data for programs
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    mirror: &'a str,
    #[serde(flatten)]
    status: &'a RegistrationStatus,
}

/// Runs it.
///
/// # Errors
/// When there is no such mirror, or Graph refuses.
pub async fn run(arguments: Arguments, session: &Session) -> Result<Exit, Failure> {
    let works = session.works(Opening::Look).await?;
    let output = &session.output;
    match arguments.action {
        Action::Register(which) => {
            let (mirror, registration) = find(&works, which.mirror.as_deref())?;
            let url = callback_url(&works, mirror)?;
            let status =
                registration.register(&url).await.map_err(|it| not_registered(it, &url))?;
            output.say(format!("registered: Shifts calls {url}"));
            output.say("`rotabridge shifts enable` has the teams' schedules use it");
            show(mirror, &status, which.json, output)
        }
        Action::Enable(which) => {
            let (mirror, registration) = find(&works, which.mirror.as_deref())?;
            let status = registration.switch(true).await.map_err(not_done)?;
            let exit = show(mirror, &status, which.json, output)?;
            Ok(if tell_missing(&status, output) { Exit::Partly } else { exit })
        }
        Action::Disable { which, team } => {
            let (mirror, registration) = find(&works, which.mirror.as_deref())?;
            let status = match &team {
                Some(team) => registration.release(team).await,
                None => registration.switch(false).await,
            };
            let status = status.map_err(not_done)?;
            output.say("people's changes are not asked about any more; `sync` puts them right");
            show(mirror, &status, which.json, output)
        }
        Action::Status(which) => {
            let (mirror, registration) = find(&works, which.mirror.as_deref())?;
            let status = registration.status().await.map_err(not_done)?;
            if !(status.id.is_some() && status.active) {
                output.say(
                    "`rotabridge shifts register` makes the integration known, and switches it on",
                );
            } else if status.calendars.iter().any(|it| !it.calls_us && it.calls_other.is_none()) {
                output.say("`rotabridge shifts enable` has the schedules call us that call nobody");
            }
            show(mirror, &status, which.json, output)
        }
        Action::RotateSecret(which) => {
            let (mirror, registration) = find(&works, which.mirror.as_deref())?;
            let status = registration.rotate_secret().await.map_err(not_done)?;
            output.say(
                "Shifts uses the new secret; a running `serve` takes the old one for another hour. \
                 If it leaked, delete the file of `callback_secret_file` that ends in `.previous`: \
                 half a minute later it is worth nothing",
            );
            show(mirror, &status, which.json, output)
        }
    }
}

/// What Graph refused, and what to do about it.
fn not_done(failure: engine::port::Failure) -> Failure {
    let hint = match failure.class {
        FailureClass::Unauthorised => Some("`rotabridge doctor` looks at the sign-in"),
        FailureClass::Forbidden => Some(
            "the application needs `WorkforceIntegration.ReadWrite.All` and \
             `Schedule.ReadWrite.All`, with an administrator's consent, and the integration may \
             be another application's: `rotabridge doctor` says which permissions it has",
        ),
        FailureClass::Throttled { .. } | FailureClass::Unavailable | FailureClass::Unknown => {
            Some("nothing else was changed: run it again in a while")
        }
        FailureClass::TooLate
        | FailureClass::Precondition
        | FailureClass::Duplicate { .. }
        | FailureClass::Missing
        | FailureClass::CalendarMissing
        | FailureClass::DeltaExpired
        | FailureClass::OwnerMissing
        | FailureClass::Refused
        | FailureClass::Unsupported
        | FailureClass::Bug => None,
    };
    let failed = Failure::because(failure);
    match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}

/// While it is made known, Shifts calls the address: what it refuses is mostly about that.
fn not_registered(failure: engine::port::Failure, url: &str) -> Failure {
    if failure.class != FailureClass::Refused {
        return not_done(failure);
    }
    Failure::because(failure).hint(format!(
        "Microsoft calls {url}/connect while it registers: is `rotabridge serve` running, and can \
         that address be reached from the internet, with a certificate that is valid?"
    ))
}

/// The mirror that is meant: by its name, or the only one that its vendor can call.
fn find<'a>(
    works: &'a Works,
    name: Option<&str>,
) -> Result<(&'a MirrorWorks, &'a Arc<dyn Registration>), Failure> {
    if let Some(name) = name {
        let mirror = works.mirror(name)?;
        return match &mirror.registration {
            Some(registration) => Ok((mirror, registration)),
            None => Err(Failure::usage(format!("mirror `{name}` is not called by its vendor"))
                .hint("a mirror of kind `shifts` with a `callback_secret_file` is")),
        };
    }
    let called = |mirror: &'a MirrorWorks| Some((mirror, mirror.registration.as_ref()?));
    let mut all = works.mirrors.iter().filter_map(called);
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Failure::usage("no mirror is called by its vendor")
            .hint("a mirror of kind `shifts` with a `callback_secret_file` is")),
        (Some(_), Some(_)) => {
            Err(Failure::usage("there are several such mirrors")
                .hint("`--mirror NAME` says which one"))
        }
    }
}

pub(super) fn callback_url(works: &Works, mirror: &MirrorWorks) -> Result<String, Failure> {
    let server = &works.config.server;
    if server.public_url.is_none() {
        return Err(Failure::usage("`public_url` is missing in `[server]`")
            .hint("it is how Microsoft reaches this server, such as `https://rota.example.com`"));
    }
    Ok(format!("{}/callbacks/{}", server.base_url(), mirror.spec.name))
}

/// Names the teams without a schedule; says whether that is all of them.
fn tell_missing(status: &RegistrationStatus, output: &Output) -> bool {
    let missing = status.calendars.iter().filter(|it| !it.exists);
    let missing: Vec<&str> = missing.map(|it| it.calendar.as_str()).collect();
    if !missing.is_empty() {
        output.say(format!(
            "no schedule that could call us is there yet in: {}; `rotabridge sync` makes it with \
             the first shift of its group, then run `rotabridge shifts enable` again",
            missing.join(", ")
        ));
    }
    !missing.is_empty() && missing.len() == status.calendars.len()
}

/// Shows how it stands. Calendars that call somebody else are not as they should be.
fn show(
    mirror: &MirrorWorks,
    status: &RegistrationStatus,
    json: bool,
    output: &Output,
) -> Result<Exit, Failure> {
    let name = mirror.spec.name.as_str();
    if json {
        output.json(&Shown { mirror: name, status })?;
    } else {
        let RegistrationStatus { id, url, active, entities, calendars } = status;
        let known = match (id, url) {
            (Some(id), Some(url)) => format!("{id}, called at {url}"),
            (Some(id), None) => id.clone(),
            (None, _) => "not registered".to_owned(),
        };
        let on = if *active { "on" } else { "off" };
        output.data(format!("mirror `{name}`: {known}; {on}; told of {}", entities.join(", ")))?;
        let mut table = Table::new(&["TEAM", "CALLS US", "CALLS ANOTHER"]);
        for CalendarRegistration { calendar, exists, calls_us, calls_other } in calendars {
            let us = match (exists, calls_us) {
                (false, _) => "no schedule yet",
                (true, true) => "yes",
                (true, false) => "no",
            };
            let other = calls_other.clone().unwrap_or_default();
            table.row([calendar.clone(), us.to_owned(), other]);
        }
        output.table(&table)?;
    }
    let foreign = status.calendars.iter().filter(|it| it.calls_other.is_some()).count();
    if foreign == 0 {
        return Ok(Exit::Done);
    }
    output.say(format!(
        "{foreign} of these schedules belong to another integration, which was not replaced: at \
         most one can be called. Its owner can release them"
    ));
    Ok(Exit::Partly)
}
