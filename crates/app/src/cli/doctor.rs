//! `rotabridge doctor`: connects to everything, writes nothing, says what is wrong.

mod configured;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use connectors::{ConnectionContext, ConnectionError};
use domain::{ConnectionName, Entity, EntityKind};
use engine::plan::guard::GuardRefusal;
use engine::port::{ApiClient, ApiScope, FieldFault, Finding, FindingLevel, Standing, Target};
use engine::report::Unmapped;
use engine::run::survey::Overlay;
use secrecy::ExposeSecret;

use super::Session;
use super::feed::links_of_the_gone;
use super::plan::survey;
use super::shifts::callback_url;
use crate::config::{Config, ConnectionSection, nearest};
use crate::failure::{ASK_DOCTOR, Exit, Failure, guard_message};
use crate::output::Output;
use crate::wiring::{MirrorWorks, Opening, Works};

/// The flags of `doctor`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Data for programs
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// When the configuration is wrong. What else is wrong is a finding, and exit code 1.
pub async fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    let mut findings = vec![store_finding(&config).await];
    let sources = source_findings(&config, session).await;
    let mut so_far = findings.iter().chain(sources.values().flatten());
    let sound = so_far.all(|it| it.level != FindingLevel::Error);
    let built = Works::build(session.config()?, session.outside(), Opening::Look).await;
    let (works, unbuilt) = match built {
        Ok(works) => (Some(works), None),
        Err(failure) => (None, Some(failure)),
    };
    // Before the mirrors are looked at, because it tells them who there is.
    let mapped = match works.as_ref().filter(|_| sound) {
        Some(works) => {
            let mut mapped = mapping_findings(works).await;
            mapped.extend(registration_findings(works).await);
            mapped.extend(contested_findings(works).await);
            mapped.extend(feed_findings(works).await);
            mapped.extend(client_findings(works).await);
            mapped
        }
        None => vec![],
    };
    findings.extend(connection_findings(&config, session, works.as_ref(), sources).await);
    findings.extend(mapped);
    findings.extend(configured::findings(&config, works.as_ref()));
    let skipped = works.is_none() || !sound;
    findings.extend(unbuilt.and_then(|failure| not_built(failure, &findings)));
    if skipped {
        let message = "employees, mirrors, feed links and API clients were not looked at, because \
                       of the errors above";
        findings.push(finding(FindingLevel::Warning, "doctor", message));
    }
    let worst = findings.iter().map(|it| it.level).max().unwrap_or(FindingLevel::Good);
    if arguments.json {
        session.output.json(&serde_json::json!({ "worst": worst, "findings": findings }))?;
    } else {
        print(&findings, worst, &session.output)?;
    }
    Ok(match worst {
        FindingLevel::Good | FindingLevel::Warning => Exit::Done,
        FindingLevel::Error => Exit::Failed,
    })
}

/// Why nothing can run, unless a finding says the same.
fn not_built(failure: Failure, findings: &[Finding]) -> Option<Finding> {
    let message = failure.error.to_string();
    let is_told = |it: &Finding| {
        it.level == FindingLevel::Error
            && (message.contains(&it.message) || it.message.contains(&message))
    };
    let hint = failure.hint;
    let told = findings.iter().any(is_told);
    (!told).then(|| Finding { hint, ..finding(FindingLevel::Error, "configuration", message) })
}

fn finding(level: FindingLevel, subject: impl Into<String>, message: impl Into<String>) -> Finding {
    Finding { level, subject: subject.into(), message: message.into(), hint: None }
}

async fn store_finding(config: &Config) -> Finding {
    let found = match config.store.connect_url(&config.base) {
        Ok(url) => store::version(url.expose_secret()).await.map_err(Failure::from),
        Err(error) => Err(Failure::because(error)),
    };
    let needed = store::SCHEMA_VERSION;
    match found {
        Ok(0) => missing_folder(config).unwrap_or_else(|| {
            finding(FindingLevel::Good, "store", "is not there yet; the first `sync` makes it")
        }),
        Ok(version) if version == needed => {
            finding(FindingLevel::Good, "store", format!("has version {version}"))
        }
        Ok(found) => {
            let failure =
                Failure::from(engine::port::StoreError::Version { found, expected: needed });
            let message = failure.error.to_string();
            let hint = failure.hint;
            Finding { hint, ..finding(FindingLevel::Error, "store", message) }
        }
        Err(failure) => {
            let message = failure.error.to_string();
            let hint = failure.hint;
            Finding { hint, ..finding(FindingLevel::Error, "store", message) }
        }
    }
}

/// That the database file could not be made, because there is no folder for it.
fn missing_folder(config: &Config) -> Option<Finding> {
    let url = config.store.connect_url(&config.base).ok()?;
    let path = PathBuf::from(url.expose_secret().strip_prefix("sqlite://")?);
    let folder = path.parent()?;
    let found = match std::fs::metadata(folder) {
        Ok(it) if it.is_dir() && !it.permissions().readonly() => return None,
        Ok(it) if it.is_dir() => "may not be written to",
        Ok(_) => "is no folder",
        Err(_) => "does not exist",
    };
    let message = format!("`{}` cannot be made: its folder {found}", path.display());
    let hint = "make the folder, or name another place in `[store] url`".to_owned();
    Some(Finding { hint: Some(hint), ..finding(FindingLevel::Error, "store", message) })
}

fn context(
    connection: &ConnectionSection,
    config: &Config,
    session: &Session,
) -> ConnectionContext {
    ConnectionContext {
        name: connection.name.clone(),
        base: config.base.clone(),
        clock: session.outside().clock,
        entropy: session.outside().entropy,
    }
}

fn broken(subject: String, error: &ConnectionError) -> Finding {
    let hint = match error {
        ConnectionError::File { .. } => {
            Some("paths are relative to the folder of the configuration".to_owned())
        }
        ConnectionError::Key { .. } | ConnectionError::Role { .. } => None,
    };
    Finding { hint, ..finding(FindingLevel::Error, subject, error.to_string()) }
}

/// What is said of connections that rosters are read from.
async fn source_findings(
    config: &Config,
    session: &Session,
) -> BTreeMap<ConnectionName, Vec<Finding>> {
    let mut findings = BTreeMap::new();
    let names = config.rosters.iter().flat_map(|it| [&it.source, &it.starts_from]).flatten();
    for connection in names.filter_map(|name| config.connection(name)) {
        if findings.contains_key(&connection.name) {
            continue;
        }
        let found = match connection.config.source(&context(connection, config, session)) {
            Ok(source) => source.check().await,
            Err(error) => vec![broken(format!("connection {}", connection.name), &error)],
        };
        findings.insert(connection.name.clone(), found);
    }
    findings
}

/// What is said of all connections: of `sources` what was found already, then of the mirrors over
/// each. Those of `works` know who there is.
async fn connection_findings(
    config: &Config,
    session: &Session,
    works: Option<&Works>,
    mut sources: BTreeMap<ConnectionName, Vec<Finding>>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for connection in &config.connections {
        let source = sources.remove(&connection.name);
        let mirrors = config.mirrors.iter().filter(|it| it.connection == connection.name);
        // All are built before the first is looked at: what they need of the connection together
        // decides what is granted too much.
        let built: Vec<Result<Arc<dyn Target>, Finding>> = mirrors
            .map(|it| match works.and_then(|works| works.mirror(it.name.as_str()).ok()) {
                Some(mirror) => Ok(Arc::clone(&mirror.target)),
                None => {
                    let context = context(connection, config, session);
                    let parts = it.context(config);
                    let parts = connection.config.mirror(&context, &parts, it.config.as_ref());
                    let told = |error| broken(it.subject_of(&error, ""), &error);
                    parts.map(|parts| parts.target).map_err(told)
                }
            })
            .collect();
        if source.is_none() && built.is_empty() {
            let subject = format!("connection {}", connection.name);
            let message = "is used by no roster and no mirror";
            findings.push(finding(FindingLevel::Warning, subject, message));
        }
        findings.extend(source.into_iter().flatten());
        for target in &built {
            match target {
                Ok(target) => findings.extend(target.check().await),
                Err(finding) => findings.push(finding.clone()),
            }
        }
    }
    // Two mirrors over one connection say the same of it twice.
    let mut unique: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        if !unique.contains(&finding) {
            unique.push(finding);
        }
    }
    unique
}

/// Who and what belongs to no calendar.
async fn mapping_findings(works: &Works) -> Vec<Finding> {
    let mut findings = Vec::new();
    for roster in &works.rosters {
        let prepared = match works.ingest(roster) {
            Ok(ingest) => ingest.prepare().await.map_err(Failure::from).map(|prepared| {
                let verdict = ingest.judge(&prepared, None);
                (prepared, verdict)
            }),
            Err(error) => Err(error.into()),
        };
        let subject = format!("roster {}", roster.name);
        let overlay = match prepared {
            Ok((prepared, verdict)) => {
                findings.extend(verdict.err().map(|refusal| would_refuse(&subject, &refusal)));
                findings.extend(of_the_whole(&subject, &prepared.notes));
                prepared.overlay()
            }
            Err(failure) => {
                let message = failure.error.to_string();
                // Who reads this asks the doctor already.
                let hint = failure.hint.filter(|it| it != ASK_DOCTOR);
                findings.push(Finding { hint, ..finding(FindingLevel::Error, subject, message) });
                continue;
            }
        };
        for mirror in works.mirrors_of(&roster.name) {
            let subject = format!("mirror {}", mirror.spec.name);
            match survey(works, mirror, &overlay).await {
                Ok((survey, refusal)) => {
                    findings.extend(unmapped(&subject, &survey.unmapped_by_reason()));
                    findings.extend(unknown_groups(works, mirror, &overlay).await);
                    findings.extend(refusal.map(|refusal| would_refuse(&subject, &refusal)));
                }
                Err(failure) => {
                    findings.push(finding(FindingLevel::Error, subject, failure.error.to_string()))
                }
            }
        }
    }
    findings
}

/// Schedule groups that `groups` names and the roster does not have: nothing is ever shown there.
async fn unknown_groups(works: &Works, mirror: &MirrorWorks, overlay: &Overlay) -> Vec<Finding> {
    let named = &mirror.spec.profile.groups;
    if named.is_empty() {
        return vec![];
    }
    let kept = works.store.entries_of_kind(&mirror.spec.roster, EntityKind::ScheduleGroup).await;
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut add = |entity: &Entity| {
        if let Entity::ScheduleGroup(group) = entity {
            known.extend([group.id.to_string(), group.name.to_string()]);
        }
        known.extend(entity.group().map(ToString::to_string));
    };
    kept.iter().flatten().for_each(|it| add(&it.entity));
    overlay.values().flatten().for_each(|it| add(&it.entity));
    let unknown = named.keys().filter(|it| !known.contains(it.as_str()));
    let all: Vec<&str> = known.iter().map(String::as_str).collect();
    unknown
        .map(|group| {
            let message = format!(
                "`groups` names `{group}`, which roster `{}` does not have",
                mirror.spec.roster
            );
            let hint = match nearest(group, &all) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "expected the id or the name of a schedule group".to_owned(),
            };
            let subject = format!("mirror {}", mirror.spec.name);
            Finding { hint: Some(hint), ..finding(FindingLevel::Warning, subject, message) }
        })
        .collect()
}

/// Items that somebody changes back each time they are put right.
async fn contested_findings(works: &Works) -> Vec<Finding> {
    let mut findings = Vec::new();
    for mirror in &works.mirrors {
        let name = &mirror.spec.name;
        let subject = format!("mirror {name}");
        let contested = match works.store.drifts(name).await {
            Ok(drifts) => drifts.iter().filter(|it| it.standing == Standing::Contested).count(),
            Err(error) => {
                findings.push(finding(FindingLevel::Error, subject, error.to_string()));
                continue;
            }
        };
        if contested == 0 {
            continue;
        }
        let message = format!(
            "contested: {contested} of its items are changed back by others each time they are \
             put right, and are left"
        );
        let hint = format!(
            "`rotabridge drift list --mirror {name}` says who changes what; `rotabridge drift \
             release` has it put right again"
        );
        let found = finding(FindingLevel::Warning, subject, message);
        findings.push(Finding { hint: Some(hint), ..found });
    }
    findings
}

/// Whether vendors can call about the mirrors that they are to call about.
async fn registration_findings(works: &Works) -> Vec<Finding> {
    let mut findings = Vec::new();
    for mirror in &works.mirrors {
        let Some(registration) = &mirror.registration else { continue };
        let subject = format!("mirror {}", mirror.spec.name);
        let mut warn = |message: String, hint: String| {
            let found = finding(FindingLevel::Warning, subject.clone(), message);
            findings.push(Finding { hint: Some(hint), ..found });
        };
        let expected = match callback_url(works, mirror) {
            Ok(url) => url,
            Err(failure) => {
                let message = format!("nobody can call about it: {}", failure.error);
                warn(message, failure.hint.unwrap_or_default());
                continue;
            }
        };
        // What cannot be asked now was said of the connection.
        let Ok(status) = registration.status().await else { continue };
        if let Some(url) = status.url.as_ref().filter(|url| **url != expected) {
            let message = format!("is registered to be called at `{url}`, expected `{expected}`");
            warn(message, "run `shifts register` again, or mend `[server] public_url`".into());
        }
        for calendar in &status.calendars {
            let Some(other) = &calendar.calls_other else { continue };
            let message = format!(
                "the schedule of team `{}` calls another integration, `{other}`, which decides \
                 there about people's changes",
                calendar.calendar,
            );
            let hint = "at most one can be called: its owner can release the schedule; then run \
                        `shifts enable`";
            warn(message, hint.into());
        }
    }
    findings
}

/// Links that show nothing any more, and are good for ever.
async fn feed_findings(works: &Works) -> Option<Finding> {
    match links_of_the_gone(&works.config, works.store.as_ref()).await {
        Ok(gone) if gone.is_empty() => None,
        Ok(gone) => {
            let message = match gone.len() {
                1 => "1 link is of an employee who is gone".to_owned(),
                count => format!("{count} links are of employees who are gone"),
            };
            let hint = "`rotabridge feed list` shows them, `rotabridge feed revoke --gone` takes \
                        them back";
            let hint = Some(hint.to_owned());
            Some(Finding { hint, ..finding(FindingLevel::Warning, "feeds", message) })
        }
        Err(failure) => Some(finding(FindingLevel::Error, "feeds", failure.error.to_string())),
    }
}

/// Clients of the Schedule API that may do too much, or see nothing.
async fn client_findings(works: &Works) -> Vec<Finding> {
    let clients = match works.store.api_clients().await {
        Ok(clients) => clients,
        Err(error) => return vec![finding(FindingLevel::Error, "clients", error.to_string())],
    };
    let never_write = works.config.never_write();
    let mut findings = Vec::new();
    for client in clients.iter().filter(|it| it.revoked_at.is_none()) {
        let ApiClient { id, name, roster, scopes, .. } = client;
        let subject = format!("client {name}");
        let writes = scopes.contains(&ApiScope::ScheduleWrite);
        let hint = Some(format!("`rotabridge client revoke {id}` takes it back"));
        let section = works.config.roster(roster);
        if writes && (never_write.contains(name) || never_write.contains(&id.0)) {
            let message = "has `wfm:schedule:write` and is also a mirror's connection: what it \
                           writes would go past the mirror's approvals. It is not let write";
            let level = FindingLevel::Error;
            findings.push(Finding { hint, ..finding(level, subject, message) });
        } else if section.is_none() {
            let message = format!("sees roster `{roster}`, which the configuration does not have");
            let level = FindingLevel::Warning;
            findings.push(Finding { hint, ..finding(level, subject, message) });
        } else if writes && section.is_some_and(|it| it.source.is_some()) {
            let message = format!(
                "has `wfm:schedule:write`, but roster `{roster}` has a source and is not written"
            );
            let level = FindingLevel::Warning;
            findings.push(Finding { hint, ..finding(level, subject, message) });
        }
    }
    findings
}

/// What is remarkable of a reading as a whole; single rows are told with their connection.
fn of_the_whole(subject: &str, notes: &[FieldFault]) -> Vec<Finding> {
    let whole = notes.iter().filter(|it| it.line == 0 && it.hint.is_some());
    whole
        .map(|note| Finding {
            hint: note.hint.clone(),
            ..finding(FindingLevel::Warning, subject, format!("{}: {}", note.spot(), note.message))
        })
        .collect()
}

/// What `sync` will refuse, found before it does.
fn would_refuse(subject: &str, refusal: &GuardRefusal) -> Finding {
    let deletions = refusal.count.deletions;
    let hint = format!("`sync` will refuse it; if it is meant, `--allow-deletions {deletions}`");
    let message = guard_message(refusal);
    Finding { hint: Some(hint), ..finding(FindingLevel::Error, subject, message) }
}

fn unmapped(subject: &str, reasons: &[Unmapped]) -> Vec<Finding> {
    if reasons.is_empty() {
        return vec![finding(FindingLevel::Good, subject, "everything belongs to a calendar")];
    }
    let hint = "an `employees_file` completes what the source does not say";
    reasons
        .iter()
        .map(|it| Finding {
            hint: Some(hint.to_owned()),
            ..finding(FindingLevel::Warning, subject, it.told())
        })
        .collect()
}

fn print(findings: &[Finding], worst: FindingLevel, output: &Output) -> Result<(), Failure> {
    for Finding { level, subject, message, hint } in findings {
        let mark = match level {
            FindingLevel::Good => console::style("good   ").green(),
            FindingLevel::Warning => console::style("warning").yellow(),
            FindingLevel::Error => console::style("error  ").red().bold(),
        };
        output.data(format!("{mark}  {subject}: {message}"))?;
        if let Some(hint) = hint {
            output.data(format!("         hint: {hint}"))?;
        }
    }
    output.say(match worst {
        FindingLevel::Good => "everything is as it should be",
        FindingLevel::Warning => "everything works; somebody should look at the warnings",
        FindingLevel::Error => "something does not work",
    });
    Ok(())
}
