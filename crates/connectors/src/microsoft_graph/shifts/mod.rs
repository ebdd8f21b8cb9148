//! Microsoft Teams Shifts as a mirror: the kind `shifts`.
//!
//! Read in 2026-11: Learn on schedules, shifts, open shifts, time off, scheduling groups, time-off
//! reasons, sharing, staging for deletion and workforce integrations; `shifts.md`,
//! `shifts-api-surface.md`.
//!
//! A calendar is a team, named by its id. All writes go to the draft side of items, and
//! [`engine::port::Target::publish`] shares a stretch of time once. What a manager sees counts: the
//! draft where there is one, else what is shared. What is staged for deletion is gone.
//!
//! `target.rs` implements the port, with `write.rs` and `read.rs`; `map.rs` says what items look
//! like and what they mean, `people.rs` who is who, `team.rs` remembers what was learned of a
//! team, `provision.rs` makes what is missing there. `call.rs` is the only way to Graph.
//! `registration.rs`, `secrets.rs` and `approver.rs` are for what people ask for; what Shifts sends
//! us is read in `callback`. `preferences.rs` is availability, which lies beside the schedule.

pub mod approver;
pub mod call;
pub mod callback;
pub mod check;
pub mod config;
pub mod map;
pub mod people;
pub mod preferences;
pub mod provision;
pub mod read;
pub mod registration;
pub mod secrets;
pub mod target;
pub mod team;
pub mod wire;
pub mod write;

use std::sync::{Arc, Mutex};

use domain::CommandKind;
use engine::port::{Approver, FindingLevel, Inbound, Target};
use jiff::tz::TimeZone;
use serde::Deserialize;

use self::approver::ShiftsApprover;
use self::call::Caller;
use self::callback::envelope::SecretSource;
use self::callback::inbound::{Replies, ShiftsInbound, TurnedAway};
use self::callback::names::Names;
use self::check::Checker;
use self::config::{ShiftsMirrorConfig, wrong};
use self::provision::Provision;
use self::read::Reader;
use self::registration::ShiftsRegistration;
use self::secrets::Secrets;
use self::target::{NamesAtHand, ShiftsTarget};
use self::team::TeamBook;
use self::write::Writer;
use super::connection::Connection;
use super::permissions::{MEMBERS, Need, PREFERENCES, REGISTRATION, SCHEDULES};
use crate::{
    ConnectionContext, ConnectionError, MirrorConfig, MirrorContext, MirrorDescriptor, MirrorParts,
    Registration,
};

/// What the registry knows of it.
pub const MIRROR: MirrorDescriptor = MirrorDescriptor {
    kind: "shifts",
    summary: "schedules of teams in Microsoft Teams Shifts",
    asks: &CommandKind::ALL,
    parse: |section| {
        let config = ShiftsMirrorConfig::deserialize(section)?;
        Ok(Box::new(config) as Box<dyn MirrorConfig>)
    },
    schema: |generator| generator.subschema_for::<ShiftsMirrorConfig>(),
};

const ALWAYS_NEEDED: &[Need] = &[SCHEDULES, MEMBERS];
/// What people can work is written wherever the roster says it.
const NEEDED_IF_SAID: &[Need] = &[Need { without: FindingLevel::Good, ..PREFERENCES }];
const NEEDED_FOR_CALLS: &[Need] = &[REGISTRATION];
const NEEDED_FOR_AVAILABILITY: &[Need] = &[PREFERENCES];

/// Makes a mirror over a connection.
///
/// # Errors
/// When a key is wrong, or the callback secret cannot be read or is missing.
pub fn mirror(
    connection: &Arc<Connection>,
    context: &ConnectionContext,
    mirror: &MirrorContext,
    config: &ShiftsMirrorConfig,
) -> Result<MirrorParts, ConnectionError> {
    let teams = Arc::new(config.checked_teams()?);
    let secrets = match &config.callback_secret_file {
        Some(file) => {
            let secrets = Secrets::new(&context.base, file, Arc::clone(&context.clock))?;
            Some(Arc::new(secrets))
        }
        None if mirror.two_way.is_empty() => None,
        None => {
            return Err(wrong("callback_secret_file", config::SECRET_MISSING));
        }
    };
    connection.require(ALWAYS_NEEDED);
    connection.require(NEEDED_IF_SAID);
    if secrets.is_some() {
        connection.require(NEEDED_FOR_CALLS);
    }
    if mirror.two_way.contains(&CommandKind::Availability) {
        connection.require(NEEDED_FOR_AVAILABILITY);
    }
    let caller = Caller::new(Arc::clone(connection), config.acts_as.as_deref(), secrets.clone());
    let caller = Arc::new(caller);
    let reason_default = config.time_off_reason.trim().to_owned();
    let book = TeamBook::new(Arc::clone(&caller), Arc::clone(&teams), reason_default);
    let book = Arc::new(book);
    let target = target(&caller, &book, &teams, (mirror, config))?;
    let inbound = match &secrets {
        Some(secrets) => Some(inbound(connection, &book, &teams, (mirror, secrets))?),
        None => None,
    };
    let registration = secrets.map(|secrets| {
        Arc::new(ShiftsRegistration {
            caller: Arc::clone(&caller),
            teams,
            secrets,
            two_way: mirror.two_way.clone(),
            display_name: display_name(mirror, config),
            mirror: mirror.name.clone(),
        }) as Arc<dyn Registration>
    });
    let approver = config.approver.clone().map(|user| {
        Arc::new(ShiftsApprover { caller: Arc::clone(&caller), user }) as Arc<dyn Approver>
    });
    Ok(MirrorParts { target, inbound, approver, registration, foreign: None })
}

fn inbound(
    connection: &Connection,
    book: &Arc<TeamBook>,
    teams: &config::Teams,
    (mirror, secrets): (&MirrorContext, &Arc<Secrets>),
) -> Result<Arc<dyn Inbound>, ConnectionError> {
    let zone = |configured: Option<&str>| {
        let name = configured.unwrap_or(&mirror.time_zone);
        TimeZone::get(name).map_err(|_| wrong("teams", format!("`{name}` is no IANA time zone")))
    };
    let zones = teams.all().map(|(team, configured)| Ok((team.clone(), zone(configured)?)));
    let tenant = connection.tenant_id();
    if tenant.contains('.') {
        let message = format!(
            "`{tenant}` found, which is a domain name; expected the tenant's id (a GUID), because \
             Shifts says by it who calls"
        );
        return Err(ConnectionError::Key { key: "tenant_id", message });
    }
    Ok(Arc::new(ShiftsInbound {
        tenant: tenant.to_owned(),
        teams: zones.collect::<Result<_, ConnectionError>>()?,
        secrets: Arc::clone(secrets) as Arc<dyn SecretSource>,
        names: Arc::new(NamesAtHand(Arc::clone(book))) as Arc<dyn Names>,
        clock: Arc::clone(connection.clock()),
        replies: Replies::default(),
        turned_away: TurnedAway::default(),
    }))
}

fn display_name(mirror: &MirrorContext, config: &ShiftsMirrorConfig) -> String {
    let default = || format!("Rotabridge {}", mirror.name);
    config.display_name.as_deref().map_or_else(default, |it| it.trim().to_owned())
}

fn target(
    caller: &Arc<Caller>,
    book: &Arc<TeamBook>,
    teams: &Arc<config::Teams>,
    (mirror, config): (&MirrorContext, &ShiftsMirrorConfig),
) -> Result<Arc<dyn Target>, ConnectionError> {
    let provision = Arc::new(Provision {
        caller: Arc::clone(caller),
        book: Arc::clone(book),
        teams: Arc::clone(teams),
        two_way: mirror.two_way.clone(),
        time_zone: mirror.time_zone.clone(),
        reason_default: config.time_off_reason.trim().to_owned(),
        waiting: Mutex::default(),
    });
    Ok(Arc::new(ShiftsTarget {
        caller: Arc::clone(caller),
        book: Arc::clone(book),
        teams: Arc::clone(teams),
        reader: Reader {
            caller: Arc::clone(caller),
            book: Arc::clone(book),
            teams: Arc::clone(teams),
        },
        writer: Writer {
            caller: Arc::clone(caller),
            book: Arc::clone(book),
            provision: Arc::clone(&provision),
            themes: config.checked_themes()?,
            notifies: config.share.notify,
        },
        checker: Checker {
            mirror: mirror.name.clone(),
            caller: Arc::clone(caller),
            book: Arc::clone(book),
            teams: Arc::clone(teams),
            time_zone: mirror.time_zone.clone(),
            asks: !mirror.two_way.is_empty(),
            approver: config.approver.clone(),
        },
        capabilities: target::capabilities(caller.connection()),
        provision,
    }))
}
