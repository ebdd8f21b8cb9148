//! Where the parts meet: from a configuration to sources, targets, gates and the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use connectors::{ConnectionContext, ConnectionError, MirrorParts, Registration, employees_file};
use domain::{ConnectionName, Employee, MirrorName, RosterName, SyncWindow};
use engine::approve::{NobodyDecides, OwnRecord};
use engine::port::{
    Approvals, Approver, Capabilities, Clock, Decider, Entropy, ForeignEvents, Inbound, Source,
    SourceError, Store, StoreError, Target,
};
use engine::run::approval::{Desk, DeskEquipment};
use engine::run::cycle::{Equipment, MirrorSpec, Others};
use engine::run::gate::Gate;
use engine::run::ingest::Ingest;
use engine::run::lease::Ownership;
use engine::run::own_record::OwnRecordSource;
use engine::run::schedule_desk::ScheduleDesk;
use engine::run::watch::Watcher;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;
use server::DashboardParts;
use server::api::{ApiMirror, ApiParts, ApiRoster, SyncProvider};
use server::callback::{CallbackRoute, CallbackRoutes};
use tokio::sync::Notify;

use crate::approvals::Telling;
use crate::config::{Config, ConnectionSection, MirrorSection, RosterSection};
use crate::failure::Failure;
use crate::hints::{Hints, HookWorks};

/// The outside of this process.
#[derive(Clone)]
pub struct Outside {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Who we are.
    pub ownership: Arc<dyn Ownership>,
}

/// Everything, put together.
pub struct Works {
    /// What it was made of.
    pub config: Config,
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Time, chance, identity.
    pub outside: Outside,
    /// The rosters, in the order of the configuration.
    pub rosters: Vec<RosterWorks>,
    /// The mirrors, in the order of the configuration.
    pub mirrors: Vec<MirrorWorks>,
    /// The connections over which vendors send hints.
    pub hooks: Vec<HookWorks>,
}

/// One roster and its source.
pub struct RosterWorks {
    /// Its name.
    pub name: RosterName,
    /// Where it is read from.
    pub source: Arc<dyn Source>,
    /// Who decides what people ask for.
    pub decider: Arc<dyn Decider>,
    /// Told when something that people asked for was granted.
    pub changed: Arc<Notify>,
    /// Deletions that were granted and that no cycle has carried into all mirrors yet: the guard
    /// must not take them for an accident.
    pub granted_deletions: Arc<AtomicU64>,
    /// What vendors hinted at.
    pub hints: Arc<Hints>,
    /// Writes it for clients of the Schedule API, where it is its own record.
    pub desk: Option<Arc<ScheduleDesk>>,
    /// Told when a client asked for a sync job.
    pub queued: Arc<Notify>,
}

/// One mirror and its target.
pub struct MirrorWorks {
    /// What it is.
    pub spec: MirrorSpec,
    /// Over which connection.
    pub connection: ConnectionName,
    /// Where it is kept.
    pub target: Arc<dyn Target>,
    /// The way there, shared by all mirrors of the connection that are of the same kind.
    pub gate: Arc<Gate>,
    /// What answers when its vendor calls us.
    pub inbound: Option<Arc<dyn Inbound>>,
    /// What grants requests there.
    pub approver: Option<Arc<dyn Approver>>,
    /// What has us called.
    pub registration: Option<Arc<dyn Registration>>,
    /// The way to what is in the same people's calendars and not ours.
    pub foreign: Option<Arc<dyn ForeignEvents>>,
    /// Who is asked for what people want there.
    pub approvals: Option<Arc<dyn Approvals>>,
    /// Whether its vendor is asked to tell of changes.
    pub hints: bool,
    /// Items written by this process, ever.
    pub written: Arc<AtomicU64>,
}

/// The way over each connection for each kind of mirror: a vendor's products have budgets of their
/// own, also where one sign-in is good for all of them.
type Gates = BTreeMap<(ConnectionName, &'static str), Arc<Gate>>;

/// How the store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It may be made and written.
    Write,
    /// Nothing is made: where there is none, an empty one in memory stands in.
    Look,
}

/// Opens the store that the configuration names.
///
/// # Errors
/// When it cannot be opened, or has another version.
pub async fn open_store(config: &Config, opening: Opening) -> Result<Arc<dyn Store>, Failure> {
    let url = config.store.connect_url(&config.base).map_err(|error| wrong("[store]", &error))?;
    let url = url.expose_secret();
    if opening == Opening::Look && store::version(url).await? == 0 {
        return Ok(store::open("sqlite::memory:").await?);
    }
    Ok(store::open(url).await?)
}

/// The dashboard, where there is to be one; reads its password.
///
/// # Errors
/// When the password cannot be read, or is too short.
pub fn dashboard(config: &Config) -> Result<Option<DashboardParts>, Failure> {
    let Some(section) = &config.dashboard else { return Ok(None) };
    let password = section.password(&config.base).map_err(|error| wrong("[dashboard]", &error))?;
    let (outline, public_url) = (config.outline(), config.server.public_url.clone());
    Ok(Some(DashboardParts { password, outline, public_url }))
}

/// What is wrong with a mirror, or with the connection that it is kept over: whose key it is.
fn wrong_with(mirror: &MirrorSection, error: &ConnectionError) -> Failure {
    wrong(&mirror.subject_of(error, "`"), error)
}

fn wrong(subject: &str, error: &ConnectionError) -> Failure {
    let failure = Failure::usage(format!("{subject}: {error}"));
    match error {
        ConnectionError::File { .. } => {
            failure.hint("paths are relative to the folder of the configuration")
        }
        ConnectionError::Key { .. } | ConnectionError::Role { .. } => failure,
    }
}

impl Works {
    /// Puts everything together; reads secrets, connects to nothing but the store.
    ///
    /// # Errors
    /// When a secret or file cannot be read or the store cannot be opened.
    pub async fn build(
        config: Config,
        outside: Outside,
        opening: Opening,
    ) -> Result<Self, Failure> {
        let store = open_store(&config, opening).await?;
        Self::over(config, outside, store)
    }

    /// Puts everything together over a store that is open already.
    ///
    /// # Errors
    /// When a secret or file cannot be read.
    pub fn over(config: Config, outside: Outside, store: Arc<dyn Store>) -> Result<Self, Failure> {
        let mut rosters = Vec::new();
        for section in &config.rosters {
            rosters.push(roster(section, &config, &outside, &store)?);
        }
        let mut mirrors = Vec::new();
        let mut gates: Gates = BTreeMap::new();
        for section in &config.mirrors {
            let mut works = mirror(section, &config, &outside, &mut gates)?;
            let roster = rosters.iter().find(|it: &&RosterWorks| it.name == section.roster);
            let asks = works.inbound.is_some() || !section.two_way.is_empty();
            works.approvals =
                roster.filter(|_| asks).map(|it| approvals(section, it, &outside, &store));
            mirrors.push(works);
        }
        let hooks = hooks(&config, &outside, &mut gates)?;
        Ok(Self { config, store, outside, rosters, mirrors, hooks })
    }

    /// A roster by the name that was given on the command line.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn roster(&self, name: &str) -> Result<&RosterWorks, Failure> {
        let known: Vec<&str> = self.rosters.iter().map(|it| it.name.as_str()).collect();
        let found = self.rosters.iter().find(|it| it.name.as_str() == name);
        found.ok_or_else(|| Failure::unknown("roster", name, &known))
    }

    /// A mirror by the name that was given on the command line.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn mirror(&self, name: &str) -> Result<&MirrorWorks, Failure> {
        let known: Vec<&str> = self.mirrors.iter().map(|it| it.spec.name.as_str()).collect();
        let found = self.mirrors.iter().find(|it| it.spec.name.as_str() == name);
        found.ok_or_else(|| Failure::unknown("mirror", name, &known))
    }

    /// The mirrors of one roster.
    pub fn mirrors_of(&self, roster: &RosterName) -> impl Iterator<Item = &MirrorWorks> {
        self.mirrors.iter().filter(move |it| it.spec.roster == *roster)
    }

    /// What the operator's own file says of people; nobody where there is no file.
    ///
    /// # Errors
    /// When the file cannot be read or is wrong.
    pub fn described(&self, roster: &RosterName) -> Result<Vec<Employee>, SourceError> {
        let section = self.config.roster(roster);
        let Some(file) = section.and_then(|it| it.employees_file.as_ref()) else {
            return Ok(Vec::new());
        };
        let place = file.display().to_string();
        let bytes = std::fs::read(self.config.base.join(file)).map_err(|error| {
            let detail = format!("{error}; `employees_file` of roster `{roster}` names it");
            SourceError::Unreadable { place: place.clone(), detail }
        })?;
        employees_file::read(&place, bytes)
    }

    /// An ingest of a roster, ready to run.
    ///
    /// # Errors
    /// When the employees file cannot be read or is wrong.
    pub fn ingest<'a>(&'a self, roster: &'a RosterWorks) -> Result<Ingest<'a>, SourceError> {
        let section = self.config.roster(&roster.name);
        let window = self.read_window(&roster.name);
        Ok(Ingest {
            roster: &roster.name,
            source: roster.source.as_ref(),
            store: self.store.as_ref(),
            clock: self.outside.clock.as_ref(),
            window: SyncWindow::around(self.outside.clock.now(), window.0, window.1),
            employees: self.described(&roster.name)?,
            guard: section.map(|it| it.guard.policy()).unwrap_or_default(),
        })
    }

    /// How far a roster is read: as far as it or any of its mirrors looks.
    fn read_window(&self, roster: &RosterName) -> (std::time::Duration, std::time::Duration) {
        let own = self.config.roster(roster).map(|it| it.window).unwrap_or_default();
        self.mirrors_of(roster).fold((own.past.0, own.future.0), |(past, future), mirror| {
            (past.max(mirror.spec.past), future.max(mirror.spec.future))
        })
    }

    /// What a mirror is run with.
    pub fn equipment<'a>(
        &'a self,
        mirror: &'a MirrorWorks,
        watcher: &'a dyn Watcher,
    ) -> Equipment<'a> {
        Equipment {
            store: self.store.as_ref(),
            target: mirror.target.as_ref(),
            gate: &mirror.gate,
            clock: self.outside.clock.as_ref(),
            ownership: self.outside.ownership.as_ref(),
            watcher,
            foreign: mirror.foreign.as_deref(),
            approvals: mirror.approvals.as_deref(),
        }
    }

    /// Who answers when mirrors' vendors call.
    pub fn callbacks(&self) -> CallbackRoutes {
        let called = self.mirrors.iter().filter_map(|mirror| {
            let inbound = Arc::clone(mirror.inbound.as_ref()?);
            let approvals = Arc::clone(mirror.approvals.as_ref()?);
            Some((mirror.spec.name.clone(), CallbackRoute { inbound, approvals }))
        });
        called.collect()
    }

    /// What the Schedule API serves.
    pub fn api(&self) -> ApiParts {
        let mirror = |(section, mirror): (&MirrorSection, &MirrorWorks)| {
            let provider = SyncProvider::of_mirror_kind(section.kind)?;
            let MirrorSpec { name, past, future, .. } = mirror.spec.clone();
            Some((mirror.spec.roster.clone(), ApiMirror { name, provider, past, future }))
        };
        let mirrors: Vec<(RosterName, ApiMirror)> =
            self.config.mirrors.iter().zip(&self.mirrors).filter_map(mirror).collect();
        let roster = |(section, roster): (&RosterSection, &RosterWorks)| {
            let (changed, deletions) =
                (Arc::clone(&roster.changed), Arc::clone(&roster.granted_deletions));
            let of_roster = mirrors.iter().filter(|(name, _)| *name == roster.name);
            let api = ApiRoster {
                desk: roster.desk.clone(),
                written: Arc::new(move |deleted| {
                    deletions.fetch_add(deleted, Ordering::Relaxed);
                    changed.notify_one();
                }),
                mirrors: of_roster.map(|(_, mirror)| mirror.clone()).collect(),
                queued: Arc::clone(&roster.queued),
                feed: self.config.feeds.options(section),
            };
            (roster.name.clone(), api)
        };
        ApiParts {
            rosters: self.config.rosters.iter().zip(&self.rosters).map(roster).collect(),
            requests_per_minute: self.config.server.api_requests_per_minute,
            never_write: self.config.never_write(),
        }
    }

    /// The name of a mirror, for those who keep them.
    pub fn mirror_names<'a>(
        &'a self,
        roster: &'a RosterName,
    ) -> impl Iterator<Item = &'a MirrorName> {
        self.mirrors_of(roster).map(|it| &it.spec.name)
    }

    /// When something was last reported of a subject.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn reports(&self) -> Result<BTreeMap<String, engine::port::ReportRow>, StoreError> {
        let reports = self.store.reports().await?;
        Ok(reports.into_iter().map(|it| (it.subject.clone(), it)).collect())
    }
}

fn find<'a>(config: &'a Config, name: &ConnectionName) -> Result<&'a ConnectionSection, Failure> {
    // The configuration was checked; this only keeps the compiler company.
    config
        .connection(name)
        .ok_or_else(|| Failure::usage(format!("there is no connection named `{name}`")))
}

fn context(
    connection: &ConnectionSection,
    config: &Config,
    outside: &Outside,
) -> ConnectionContext {
    ConnectionContext {
        name: connection.name.clone(),
        base: config.base.clone(),
        clock: Arc::clone(&outside.clock),
        entropy: Arc::clone(&outside.entropy),
    }
}

fn roster(
    section: &RosterSection,
    config: &Config,
    outside: &Outside,
    store: &Arc<dyn Store>,
) -> Result<RosterWorks, Failure> {
    let source = |name: &ConnectionName| {
        let connection = find(config, name)?;
        let subject = format!("connection `{}`", connection.name);
        let context = context(connection, config, outside);
        let broken = |error: ConnectionError| wrong(&subject, &error);
        let source = connection.config.source(&context).map_err(broken)?;
        let decider = connection.config.decider(&context).map_err(broken)?;
        Ok::<_, Failure>((source, decider))
    };
    let (name, changed) = (section.name.clone(), Arc::<Notify>::default());
    let (granted_deletions, hints) = (Arc::default(), Arc::default());
    if let Some(connection) = &section.source {
        let (source, decider) = source(connection)?;
        let decider = decider.unwrap_or_else(|| Arc::new(NobodyDecides));
        let (desk, queued) = (None, Arc::default());
        let works =
            RosterWorks { name, source, decider, changed, granted_deletions, hints, desk, queued };
        return Ok(works);
    }
    let starts_from = section.starts_from.as_ref().map(source).transpose()?;
    let source = Arc::new(OwnRecordSource {
        roster: name.clone(),
        store: Arc::clone(store),
        starts_from: starts_from.map(|(source, _)| source),
        clock: Arc::clone(&outside.clock),
    });
    let zone = TimeZone::get(&section.time_zone).map_err(Failure::because)?;
    let decider: Arc<dyn Decider> = Arc::new(OwnRecord { rules: section.rules.clone(), zone });
    let equipment = DeskEquipment {
        store: Arc::clone(store),
        decider: Arc::clone(&decider),
        clock: Arc::clone(&outside.clock),
        entropy: Arc::clone(&outside.entropy),
    };
    let desk = Some(Arc::new(ScheduleDesk::new(equipment, name.clone())));
    let queued = Arc::default();
    Ok(RosterWorks { name, source, decider, changed, granted_deletions, hints, desk, queued })
}

fn mirror(
    section: &MirrorSection,
    config: &Config,
    outside: &Outside,
    gates: &mut Gates,
) -> Result<MirrorWorks, Failure> {
    let connection = find(config, &section.connection)?;
    let parts = connection
        .config
        .mirror(
            &context(connection, config, outside),
            &section.context(config),
            section.config.as_ref(),
        )
        .map_err(|error| wrong_with(section, &error))?;
    let MirrorParts { target, inbound, approver, registration, foreign } = parts;
    let reach = section.reach(connection.config.as_ref());
    let gate = gates.entry((connection.name.clone(), section.kind)).or_insert_with(|| {
        let (clock, entropy) = (Arc::clone(&outside.clock), Arc::clone(&outside.entropy));
        Arc::new(Gate::new(clock, entropy, target.capabilities()))
    });
    let roster = config.roster(&section.roster);
    let window = section.window.or(roster.map(|it| it.window)).unwrap_or_default();
    let time_zone = roster.map_or("UTC", |it| it.time_zone.as_str());
    let zone = TimeZone::get(time_zone).map_err(Failure::because)?;
    let spec = MirrorSpec {
        name: section.name.clone(),
        roster: section.roster.clone(),
        profile: section.profile(time_zone),
        target_profile: section.config.profile(),
        guard: section.guard.policy(),
        past: window.past.0,
        future: window.future.0,
        first_future: section.config.first_future(),
        others: if section.config.removes_others() { Others::Remove } else { Others::Report },
        conflicts: section.conflicts.rules(&reach, zone, section.full_interval),
        drift: section.drift,
    };
    let gate = Arc::clone(gate);
    let connection = connection.name.clone();
    let hints = section.hints;
    let written = Arc::default();
    Ok(MirrorWorks {
        spec,
        connection,
        target,
        gate,
        inbound,
        approver,
        registration,
        foreign,
        approvals: None,
        hints,
        written,
    })
}

/// The connections over which vendors send hints. One without a mirror has a gate of its own,
/// with no more budget than what is sent to keep subscriptions needs.
fn hooks(config: &Config, outside: &Outside, gates: &mut Gates) -> Result<Vec<HookWorks>, Failure> {
    let mut works = Vec::new();
    for section in &config.connections {
        let hooks = section.config.hooks(&context(section, config, outside));
        let subject = format!("connection `{}`", section.name);
        let Some(hooks) = hooks.map_err(|error| wrong(&subject, &error))? else { continue };
        // What is sent for subscriptions is little: any of the connection's gates will do.
        let gate = gates.iter().find(|((connection, _), _)| *connection == section.name);
        let gate = gate.map(|(_, gate)| Arc::clone(gate)).unwrap_or_else(|| {
            let (clock, entropy) = (Arc::clone(&outside.clock), Arc::clone(&outside.entropy));
            Arc::new(Gate::new(clock, entropy, &Capabilities::of_subscriptions()))
        });
        let connection = section.name.clone();
        works.push(HookWorks { connection, hooks, gate, asked: Arc::default() });
    }
    Ok(works)
}

/// Who is asked for what people want in a mirror.
fn approvals(
    section: &MirrorSection,
    roster: &RosterWorks,
    outside: &Outside,
    store: &Arc<dyn Store>,
) -> Arc<dyn Approvals> {
    let equipment = DeskEquipment {
        store: Arc::clone(store),
        decider: Arc::clone(&roster.decider),
        clock: Arc::clone(&outside.clock),
        entropy: Arc::clone(&outside.entropy),
    };
    let (name, roster_name) = (section.name.clone(), roster.name.clone());
    Arc::new(Telling {
        desk: Desk::new(equipment, name, roster_name, &section.two_way),
        changed: Arc::clone(&roster.changed),
        granted_deletions: Arc::clone(&roster.granted_deletions),
    })
}
