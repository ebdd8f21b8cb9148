//! `rotabridge client add|list|revoke|calls`: programs that may use the Schedule API.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Subcommand};
use domain::RosterName;
use engine::port::{ApiCall, ApiClient, ApiScope, ClientId, Store};
use secrecy::ExposeSecret;
use serde::Serialize;
use server::api::issue::issue_client;

use super::Session;
use crate::config::{Config, list as listed, nearest};
use crate::failure::{Exit, Failure};
use crate::output::{Table, time};
use crate::wiring::{Opening, open_store};

/// Longest name of a client.
const NAME_CHARS_MAX: usize = 64;

/// The words after `client`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

/// What to do with clients.
#[derive(Debug, Subcommand)]
enum What {
    /// Make a client; its secret is shown once
    Add {
        /// What you call it
        name: String,
        /// What it may do: `wfm:schedule:read`, `wfm:schedule:write`, `icall:read`, `user:read`,
        /// `openid`
        #[arg(long, required = true, num_args = 1.., value_name = "SCOPE")]
        scope: Vec<String>,
        /// The one roster that it sees, where there are several
        #[arg(long, value_name = "NAME")]
        roster: Option<String>,
        /// Data for programs
        #[arg(long)]
        json: bool,
    },
    /// List the clients
    List {
        /// Data for programs
        #[arg(long)]
        json: bool,
    },
    /// Take a client's access back, at once
    Revoke {
        /// Its id or its name
        client: String,
    },
    /// Show who called what, the last first
    Calls {
        /// Only this client's: its id or its name
        client: Option<String>,
        /// How many
        #[arg(long, value_name = "NUMBER", default_value_t = 50)]
        limit: usize,
        /// Data for programs
        #[arg(long)]
        json: bool,
    },
}

/// Runs it.
///
/// # Errors
/// When a name, scope or roster is wrong, or the store fails.
pub async fn run(arguments: Arguments, session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    match arguments.what {
        What::Add { name, scope, roster, json } => {
            let client = NewClient::read(&config, &name, &scope, roster.as_deref())?;
            add(&config, client, json, session).await
        }
        What::List { json } => list(&config, json, session).await,
        What::Revoke { client } => revoke(&config, &client, session).await,
        What::Calls { client, limit, json } => {
            calls(&config, client.as_deref(), limit, json, session).await
        }
    }
}

/// A client that is to be made.
struct NewClient {
    name: String,
    roster: RosterName,
    scopes: BTreeSet<ApiScope>,
}

impl NewClient {
    fn read(
        config: &Config,
        name: &str,
        scopes: &[String],
        roster: Option<&str>,
    ) -> Result<Self, Failure> {
        let blank = name.trim().is_empty() || name.chars().any(char::is_control);
        if blank || name.chars().count() > NAME_CHARS_MAX {
            let message = format!("a client's name has 1 to {NAME_CHARS_MAX} visible characters");
            return Err(Failure::usage(message));
        }
        let words = scopes.iter().flat_map(|it| it.split([' ', ','])).filter(|it| !it.is_empty());
        let scopes: BTreeSet<ApiScope> = words
            .map(|word| word.parse::<ApiScope>().map_err(|error| Failure::usage(error.to_string())))
            .collect::<Result<_, _>>()?;
        if scopes.is_empty() {
            return Err(Failure::usage("a client needs a scope, such as `wfm:schedule:read`"));
        }
        if scopes.contains(&ApiScope::ScheduleWrite) && config.never_write().contains(name) {
            let message = format!("`{name}` is a connection of a mirror, and may not write");
            let hint = "what a mirror tells of goes through its approvals; for another program, \
                        choose another name";
            return Err(Failure::usage(message).hint(hint));
        }
        Ok(Self { name: name.to_owned(), roster: roster_of(config, roster)?, scopes })
    }
}

/// The roster that a client is bound to: the only one, or the one that is named.
fn roster_of(config: &Config, named: Option<&str>) -> Result<RosterName, Failure> {
    let known: Vec<&str> = config.rosters.iter().map(|it| it.name.as_str()).collect();
    match (named, config.rosters.as_slice()) {
        (None, [only]) => Ok(only.name.clone()),
        (None, []) => Err(Failure::usage("the configuration has no roster to give access to")),
        (None, _) => Err(Failure::usage("a client sees one roster, and there are several")
            .hint(format!("say which one with `--roster`: {}", listed(&known)))),
        (Some(name), rosters) => match rosters.iter().find(|it| it.name.as_str() == name) {
            Some(found) => Ok(found.name.clone()),
            None => {
                let failure = Failure::usage(format!("there is no roster `{name}`"));
                Err(match nearest(name, &known) {
                    Some(nearest) => failure.hint(format!("did you mean `{nearest}`?")),
                    None => failure.hint(format!("the configuration has {}", listed(&known))),
                })
            }
        },
    }
}

async fn add(
    config: &Config,
    client: NewClient,
    json: bool,
    session: &Session,
) -> Result<Exit, Failure> {
    let NewClient { name, roster, scopes } = client;
    let store = open_store(config, Opening::Write).await?;
    let (entropy, clock) = (session.entropy.as_ref(), session.clock.as_ref());
    let writes = scopes.contains(&ApiScope::ScheduleWrite);
    let issued = issue_client(store.as_ref(), entropy, clock, &name, &roster, scopes).await?;
    let Some(issued) = issued else {
        return Err(Failure::usage(format!("there is a client `{name}` already"))
            .hint(format!("`rotabridge client revoke {name}` takes it back; then add it again")));
    };
    let secret = issued.secret.expose_secret();
    if json {
        let value = serde_json::json!({ "client_id": issued.id.0, "client_secret": secret });
        session.output.json(&value)?;
    } else {
        session.output.data(format!("client_id      {}", issued.id))?;
        session.output.data(format!("client_secret  {secret}"))?;
        session.output.say("the secret is shown once; `rotabridge client revoke` takes it back");
    }
    let section = config.roster(&roster);
    if let Some(source) = section.and_then(|it| it.source.as_ref()).filter(|_| writes) {
        session.output.say(format!(
            "roster `{roster}` is read from `{source}`: nothing can be written to it"
        ));
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Line {
    client_id: String,
    name: String,
    roster: String,
    scopes: Vec<&'static str>,
    created_at: String,
    revoked_at: Option<String>,
}

impl Line {
    fn of(client: &ApiClient) -> Self {
        let ApiClient { id, name, secret_hash: _, roster, scopes, created_at, revoked_at } = client;
        Self {
            client_id: id.to_string(),
            name: name.clone(),
            roster: roster.to_string(),
            scopes: scopes.iter().map(|it| it.as_str()).collect(),
            created_at: created_at.to_string(),
            revoked_at: revoked_at.map(|it| it.to_string()),
        }
    }
}

async fn list(config: &Config, json: bool, session: &Session) -> Result<Exit, Failure> {
    let store = open_store(config, Opening::Look).await?;
    let clients = store.api_clients().await?;
    if json {
        let lines: Vec<Line> = clients.iter().map(Line::of).collect();
        session.output.json(&serde_json::json!({ "clients": lines }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["CLIENT ID", "NAME", "ROSTER", "SCOPES", "MADE", "REVOKED"]);
    for client in &clients {
        let line = Line::of(client);
        let revoked = client.revoked_at.map(time::instant).unwrap_or_default();
        let made = time::instant(client.created_at);
        let scopes = line.scopes.join(" ");
        table.row([line.client_id, line.name, line.roster, scopes, made, revoked]);
    }
    if table.is_empty() {
        session.output.say("there are no clients; `rotabridge client add` makes one");
    } else {
        session.output.table(&table)?;
    }
    Ok(Exit::Done)
}

/// A client by its id, or by the name of one that is not revoked.
async fn find(store: &dyn Store, wanted: &str) -> Result<ApiClient, Failure> {
    let clients = store.api_clients().await?;
    let by_id = clients.iter().find(|it| it.id.0 == wanted);
    let by_name = || clients.iter().find(|it| it.name == wanted && it.revoked_at.is_none());
    let revoked = || clients.iter().find(|it| it.name == wanted);
    let found = by_id.or_else(by_name).or_else(revoked).cloned();
    found.ok_or_else(|| {
        Failure::saying(format!("there is no client `{wanted}`"))
            .hint("`rotabridge client list` shows ids and names")
    })
}

async fn revoke(config: &Config, wanted: &str, session: &Session) -> Result<Exit, Failure> {
    let store = open_store(config, Opening::Write).await?;
    let client = find(store.as_ref(), wanted).await?;
    let name = &client.name;
    if store.revoke_api_client(&client.id, session.clock.now()).await? {
        session.output.say(format!("client `{name}` is revoked, and so are its tokens"));
    } else {
        session.output.say(format!("client `{name}` was revoked already"));
    }
    Ok(Exit::Done)
}

async fn calls(
    config: &Config,
    wanted: Option<&str>,
    limit: usize,
    json: bool,
    session: &Session,
) -> Result<Exit, Failure> {
    let store = open_store(config, Opening::Look).await?;
    let client = match wanted {
        Some(wanted) => Some(find(store.as_ref(), wanted).await?.id),
        None => None,
    };
    let calls = store.api_calls(client.as_ref(), limit).await?;
    let names: BTreeMap<ClientId, String> =
        store.api_clients().await?.into_iter().map(|it| (it.id, it.name)).collect();
    let name_of = |call: &ApiCall| {
        let id = call.client.as_ref()?;
        Some(names.get(id).cloned().unwrap_or_else(|| id.to_string()))
    };
    if json {
        let lines: Vec<_> = calls
            .iter()
            .map(|call| {
                serde_json::json!({
                    "at": call.at, "client": name_of(call), "operation": call.operation,
                    "target": call.target, "status": call.status, "context_id": call.context,
                })
            })
            .collect();
        session.output.json(&serde_json::json!({ "calls": lines }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["AT", "CLIENT", "OPERATION", "STATUS", "ABOUT"]);
    for call in &calls {
        let client = name_of(call).unwrap_or_default();
        let about = call.target.clone().or(call.context.clone()).unwrap_or_default();
        let (at, status) = (time::instant(call.at), call.status.to_string());
        table.row([at, client, call.operation.clone(), status, about]);
    }
    if table.is_empty() {
        session.output.say("nobody called yet");
    } else {
        session.output.table(&table)?;
    }
    Ok(Exit::Done)
}
