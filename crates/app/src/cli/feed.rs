//! `rotabridge feed url|list|revoke|rotate`: subscription links.

use std::collections::BTreeSet;
use std::str::FromStr;

use clap::{Args, Subcommand};
use domain::limits::FEED_KEY_OVERLAP;
use domain::{EmployeeId, RosterName};
use engine::port::{FeedId, FeedLink, Store};
use secrecy::ExposeSecret;
use serde::Serialize;
use server::feed::issue::{
    IssueError, LinkPolicy, issue_link, list_links, revoke_link, rotate_key,
};

use super::Session;
use crate::config::{Config, Length, LinkStyle, nearest};
use crate::failure::{Exit, Failure};
use crate::output::{Table, time};
use crate::wiring::{Opening, open_store};

/// The words after `feed`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

/// What to do with links.
#[derive(Debug, Subcommand)]
enum What {
    /// Give out a link to an employee's feed; it is shown once
    Url {
        /// The employee's id
        employee: String,
        /// The roster, where several have this employee
        #[arg(long, value_name = "NAME")]
        roster: Option<String>,
        /// Data for programs
        #[arg(long)]
        json: bool,
    },
    /// List the links that were given out
    List {
        /// Data for programs
        #[arg(long)]
        json: bool,
    },
    /// Take a link back
    Revoke {
        /// The link's id, as `feed list` shows it
        #[arg(required_unless_present = "gone", conflicts_with = "gone")]
        id: Option<String>,
        /// All links of employees who are not in their roster any more
        #[arg(long)]
        gone: bool,
    },
    /// Make a new key for signed links; links of the former ones are accepted a while longer
    Rotate {
        /// How long: `24h`; `0s` when a key leaked
        #[arg(long, value_name = "DURATION", value_parser = Length::from_str)]
        overlap: Option<Length>,
        /// Data for programs
        #[arg(long)]
        json: bool,
    },
}

/// Runs it.
///
/// # Errors
/// When there is no such employee or link, or the store fails.
pub async fn run(arguments: Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    match arguments.what {
        What::Url { employee, roster, json } => {
            url(&config, &employee, roster.as_deref(), json, session).await
        }
        What::List { json } => list(&config, json, session).await,
        What::Revoke { id: Some(id), .. } => revoke(&config, id, session).await,
        What::Revoke { id: None, .. } => revoke_gone(&config, session).await,
        What::Rotate { overlap, json } => rotate(&config, overlap, json, session).await,
    }
}

async fn url(
    config: &Config,
    employee: &str,
    roster: Option<&str>,
    json: bool,
    session: &Session,
) -> Result<Exit, Failure> {
    let store = open_store(config, Opening::Write).await?;
    let employee = EmployeeId::new(employee).map_err(|error| Failure::usage(error.to_string()))?;
    let roster = find(config, store.as_ref(), &employee, roster).await?;
    let policy = match config.feeds.links {
        LinkStyle::Subscription => LinkPolicy::Subscription,
        LinkStyle::Signed(lifetime) => LinkPolicy::Signed { lifetime },
    };
    let (entropy, clock) = (session.entropy.as_ref(), session.clock.as_ref());
    let issued = issue_link(store.as_ref(), entropy, clock, policy, &roster, &employee).await;
    let issued = issued.map_err(|error| match error {
        IssueError::Store(error) => error.into(),
        too_many @ IssueError::TooMany { .. } => Failure::because(too_many)
            .hint("`rotabridge feed list` shows them, `rotabridge feed revoke ID` takes one back"),
    })?;
    let url = issued.token.url(&config.server.base_url());
    let url = url.expose_secret();
    if json {
        let id = issued.id.map(|id| id.0);
        let expires_at = issued.expires_at;
        session
            .output
            .json(&serde_json::json!({ "url": url, "id": id, "expires_at": expires_at }))?;
        return Ok(Exit::Done);
    }
    session.output.data(url)?;
    session.output.say(match (&issued.id, issued.expires_at) {
        (Some(id), _) => {
            format!("shown once; `rotabridge feed revoke {}` takes it back", id.0)
        }
        (None, Some(at)) => format!("expires at {}", time::instant(at)),
        (None, None) => "shown once".to_owned(),
    });
    if config.server.public_url.is_none() {
        session.output.say("`[server] public_url` says how calendar clients reach this machine");
    }
    Ok(Exit::Done)
}

/// The roster that has this employee.
async fn find(
    config: &Config,
    store: &dyn engine::port::Store,
    employee: &EmployeeId,
    roster: Option<&str>,
) -> Result<RosterName, Failure> {
    let known: Vec<&str> = config.rosters.iter().map(|it| it.name.as_str()).collect();
    if let Some(roster) = roster.filter(|it| !known.contains(it)) {
        let failure = Failure::usage(format!("there is no roster `{roster}`"));
        return Err(failure.hint(format!("there is {}", crate::config::list(&known))));
    }
    let mut found = Vec::new();
    let mut ids = Vec::new();
    for section in config.rosters.iter().filter(|it| roster.is_none_or(|r| r == it.name.as_str())) {
        let employees = store.employees(&section.name).await?;
        if employees.iter().any(|it| it.id == *employee) {
            found.push(section.name.clone());
        }
        ids.extend(employees.into_iter().map(|it| it.id.to_string()));
    }
    match (found.as_slice(), ids.is_empty()) {
        ([one], _) => Ok(one.clone()),
        ([], true) => Err(Failure::saying("the store knows no employees yet")
            .hint("`rotabridge sync` reads the roster")),
        ([], false) => {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let failure = Failure::saying(format!("there is no employee `{employee}`"));
            Err(match nearest(employee.as_str(), &ids) {
                Some(nearest) => failure.hint(format!("did you mean `{nearest}`?")),
                None => failure.hint("employees are named by their id in the roster's source"),
            })
        }
        (several, _) => {
            let rosters: Vec<&str> = several.iter().map(RosterName::as_str).collect();
            let rosters = crate::config::list(&rosters);
            Err(Failure::usage(format!("employee `{employee}` is in several rosters"))
                .hint(format!("say which one with `--roster`: {rosters}")))
        }
    }
}

#[derive(Serialize)]
struct Line {
    id: String,
    roster: String,
    employee: String,
    created_at: String,
    revoked_at: Option<String>,
    /// Whether the employee is not in the roster any more.
    gone: bool,
}

/// Links that are good and show nothing: their employees are not in their rosters any more.
/// Rosters that were never read, or that the configuration does not name, tell nothing.
///
/// # Errors
/// When the store fails.
pub async fn links_of_the_gone(
    config: &Config,
    store: &dyn Store,
) -> Result<Vec<FeedLink>, Failure> {
    let mut links = list_links(store).await?;
    links.retain(|link| link.revoked_at.is_none());
    let mut gone = Vec::new();
    for section in &config.rosters {
        let employees = store.employees(&section.name).await?;
        if employees.is_empty() {
            continue;
        }
        let known: BTreeSet<EmployeeId> = employees.into_iter().map(|it| it.id).collect();
        let of_roster = links.iter().filter(|it| it.roster == section.name);
        gone.extend(of_roster.filter(|it| !known.contains(&it.employee)).cloned());
    }
    Ok(gone)
}

async fn list(config: &Config, json: bool, session: &Session) -> Result<Exit, Failure> {
    let store = open_store(config, Opening::Look).await?;
    let gone = links_of_the_gone(config, store.as_ref()).await?;
    let is_gone = |link: &FeedLink| gone.iter().any(|it| it.id == link.id);
    let line = |link: FeedLink| Line {
        gone: is_gone(&link),
        id: link.id.0,
        roster: link.roster.to_string(),
        employee: link.employee.to_string(),
        created_at: link.created_at.to_string(),
        revoked_at: link.revoked_at.map(|at| at.to_string()),
    };
    let links = list_links(store.as_ref()).await?;
    if json {
        let lines: Vec<Line> = links.into_iter().map(line).collect();
        session.output.json(&serde_json::json!({ "feeds": lines }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["ID", "ROSTER", "EMPLOYEE", "MADE", "REVOKED"]);
    for link in links {
        let revoked = link.revoked_at.map(time::instant).unwrap_or_default();
        let left = if is_gone(&link) { " (gone)" } else { "" };
        let FeedLink { id, roster, employee, created_at, .. } = link;
        let [roster, employee] = [roster.to_string(), format!("{employee}{left}")];
        table.row([id.0, roster, employee, time::instant(created_at), revoked]);
    }
    if table.is_empty() {
        session.output.say("no links were given out; `rotabridge feed url EMPLOYEE` gives one");
    } else {
        session.output.table(&table)?;
    }
    if !gone.is_empty() {
        session
            .output
            .say("`rotabridge feed revoke --gone` takes back links of those who are gone");
    }
    if matches!(config.feeds.links, LinkStyle::Signed(_)) {
        session.output.say("signed links are not kept, so they are not listed");
    }
    Ok(Exit::Done)
}

async fn revoke(config: &Config, id: String, session: &Session) -> Result<Exit, Failure> {
    let store = open_store(config, Opening::Write).await?;
    let id = FeedId(id);
    if revoke_link(store.as_ref(), session.clock.as_ref(), &id).await? {
        session.output.say(format!("link `{}` is revoked; it answers 410 from now on", id.0));
        return Ok(Exit::Done);
    }
    let links = list_links(store.as_ref()).await?;
    match links.iter().find(|link| link.id == id).and_then(|link| link.revoked_at) {
        Some(at) => {
            let at = time::instant(at);
            session.output.say(format!("link `{}` was revoked already, at {at}", id.0));
            Ok(Exit::Done)
        }
        None => Err(Failure::saying(format!("there is no link `{}`", id.0))
            .hint("`rotabridge feed list` shows the ids")),
    }
}

async fn revoke_gone(config: &Config, session: &Session) -> Result<Exit, Failure> {
    let store = open_store(config, Opening::Write).await?;
    let gone = links_of_the_gone(config, store.as_ref()).await?;
    for FeedLink { id, roster, employee, .. } in &gone {
        revoke_link(store.as_ref(), session.clock.as_ref(), id).await?;
        let id = &id.0;
        session.output.say(format!("link `{id}` of `{employee}` in `{roster}` is revoked"));
    }
    if gone.is_empty() {
        session.output.say("no employee with a link is gone");
    }
    Ok(Exit::Done)
}

async fn rotate(
    config: &Config,
    overlap: Option<Length>,
    json: bool,
    session: &Session,
) -> Result<Exit, Failure> {
    let store = open_store(config, Opening::Write).await?;
    let lifetime = match config.feeds.links {
        LinkStyle::Subscription => FEED_KEY_OVERLAP,
        LinkStyle::Signed(lifetime) => lifetime,
    };
    let overlap = overlap.map_or(lifetime, |it| it.0);
    let (entropy, clock) = (session.entropy.as_ref(), session.clock.as_ref());
    let rotation = rotate_key(store.as_ref(), entropy, clock, overlap).await?;
    let at = rotation.former_retire_at;
    if json {
        let value = serde_json::json!({ "key": rotation.key_id, "former_keys_retire_at": at });
        session.output.json(&value)?;
    } else {
        let key = rotation.key_id;
        let at = time::instant(at);
        session.output.say(format!("key `{key}` signs now; links of former keys end at {at}"));
        if config.feeds.links == LinkStyle::Subscription {
            session
                .output
                .say("subscription links are not signed: they stay; `feed revoke` takes one back");
        }
    }
    Ok(Exit::Done)
}
