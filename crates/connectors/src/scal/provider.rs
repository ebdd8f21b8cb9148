//! The source of a roster, in terms of the files beside.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use domain::limits::{BAD_ROWS_REPORTED_MAX, CLOCK_SKEW_TOLERATED, LIST_PAGES_MAX};
use domain::{Employee, EmployeeId, Entity, EntityKey, SyncWindow};
use engine::port::{
    Absence, DeltaToken, Failure, FailureClass, FieldFault, Finding, FindingLevel, Identity, Marks,
    Reading, ReadingKind, Source, SourceEntity, SourceError, SourceRef,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::client::{Client, Got};
use super::map::{self, Told};
use super::wire::Page;
use crate::bounds::Bounds;

const PATH: &str = "/api/v2/wfm/schedules";
/// Everything but people.
const KINDS: &str = "shift,open_shift,time_off,schedule_group,time_off_reason";
/// Times that the changes made during a listing are read, before the rest is left to the next
/// reading.
const CATCH_UPS_MAX: u32 = 5;

/// Reads another Schedule API.
#[derive(Debug)]
pub(super) struct ScalSource {
    pub client: Client,
    /// `connection <name>`, for findings.
    pub subject: String,
    pub page_size: u32,
}

/// What was told, by key.
#[derive(Default)]
struct Heard {
    entities: BTreeMap<EntityKey, Entity>,
    gone: BTreeSet<EntityKey>,
    /// The first ones, and how many more there are.
    faults: Vec<FieldFault>,
    more: usize,
}

impl Heard {
    fn take(&mut self, page: Page) {
        for schedule in page.entities {
            match map::read(schedule) {
                Ok(Told::Is(entity)) => {
                    let key = entity.key();
                    self.gone.remove(&key);
                    self.entities.insert(key, entity);
                }
                Ok(Told::Gone(key)) => {
                    self.entities.remove(&key);
                    self.gone.insert(key);
                }
                Ok(Told::Unknown) => {}
                Err(fault) => self.wrong(fault),
            }
        }
    }

    fn wrong(&mut self, fault: FieldFault) {
        match self.faults.len() < BAD_ROWS_REPORTED_MAX {
            true => self.faults.push(fault),
            false => self.more += 1,
        }
    }

    /// What was wrong, if anything was: then nothing is taken.
    fn checked(&mut self) -> Result<(), SourceError> {
        if self.faults.is_empty() {
            return Ok(());
        }
        let faults = std::mem::take(&mut self.faults);
        Err(SourceError::BadRows { faults, more: self.more, hint: "its operator can mend it" })
    }

    /// The entities, with people who are only known by their work.
    fn entities(self, names_people: bool) -> Vec<SourceEntity> {
        let mut entities = self.entities;
        if !names_people {
            let ids: Vec<EmployeeId> =
                entities.values().filter_map(|it| it.employee().cloned()).collect();
            for id in ids {
                let employee = Entity::Employee(Employee::unnamed(id));
                entities.entry(employee.key()).or_insert(employee);
            }
        }
        let native = |entity: Entity| SourceEntity {
            identity: Identity::Native,
            at: SourceRef(format!("schedules/{}", entity.key().id)),
            entity,
        };
        entities.into_values().map(native).collect()
    }
}

#[async_trait]
impl Source for ScalSource {
    async fn check(&self) -> Vec<Finding> {
        let finding = |level, message: String, hint: Option<&str>| Finding {
            level,
            subject: self.subject.clone(),
            message,
            hint: hint.map(str::to_owned),
        };
        let scopes = match self.client.scopes().await {
            Ok(scopes) => scopes,
            Err(failure) => {
                let message = format!("{failure}, asked of `{}`", self.client.host());
                let hint = Some(advice(&failure.class));
                let mut findings = vec![finding(FindingLevel::Error, message, hint)];
                let skew = self.clock_skew().await;
                findings.extend(skew.map(|it| finding(FindingLevel::Warning, it, None)));
                return findings;
            }
        };
        let has = |scope: &str| is_among(scopes.as_deref(), scope);
        let mut findings = Vec::new();
        let reads = has("wfm:schedule:read");
        if !reads {
            let message = "the client has not `wfm:schedule:read`: nothing can be read".to_owned();
            let hint = "on that server, `rotabridge client add` makes one with that scope";
            findings.push(finding(FindingLevel::Error, message, Some(hint)));
        }
        if scopes.is_some() && has("wfm:schedule:write") {
            let message = "the client may write schedules, which is never needed here".to_owned();
            let hint = "give it `wfm:schedule:read` and `user:read` only";
            findings.push(finding(FindingLevel::Warning, message, Some(hint)));
        }
        if !has("user:read") {
            let message = "the client has not `user:read`: people are known by their ids only";
            let hint = "add that scope, or an `employees_file` to the roster";
            findings.push(finding(FindingLevel::Warning, message.to_owned(), Some(hint)));
        }
        let probe = format!("{PATH}?pageSize=1");
        if reads && let Err(failure) = self.client.get::<Page>("read the schedule", &probe).await {
            let hint = Some(advice(&failure.class));
            findings.push(finding(FindingLevel::Error, failure.to_string(), hint));
        }
        let skew = self.clock_skew().await;
        findings.extend(skew.map(|it| finding(FindingLevel::Warning, it, None)));
        if findings.is_empty() {
            let message = "can be read, with the scopes that are needed".to_owned();
            findings.push(finding(FindingLevel::Good, message, None));
        }
        findings
    }

    async fn read(
        &self,
        window: &SyncWindow,
        since: Option<&DeltaToken>,
    ) -> Result<Reading, SourceError> {
        let since = since.and_then(Resume::read).map(|it| (it, false));
        self.read_since(window, since).await
    }

    /// Our own token knows its window.
    async fn read_on(
        &self,
        window: &SyncWindow,
        resume: Option<&engine::port::Resume>,
        _: &dyn Marks,
    ) -> Result<Reading, SourceError> {
        let since = resume.and_then(|it| Some((Resume::read(&it.token)?, it.void)));
        self.read_since(window, since).await
    }
}

impl ScalSource {
    /// That the server's clock and ours differ, if they do.
    async fn clock_skew(&self) -> Option<String> {
        let there = self.client.server_time().await.ok().flatten()?;
        let skew = there.duration_since(self.client.clock().machine()).unsigned_abs();
        (skew > CLOCK_SKEW_TOLERATED)
            .then(|| format!("its clock and ours differ by {} s", skew.as_secs()))
    }

    /// Reads from where an earlier reading ended, unless that is void.
    async fn read_since(
        &self,
        window: &SyncWindow,
        since: Option<(Resume, bool)>,
    ) -> Result<Reading, SourceError> {
        let scopes = self.client.scopes().await.map_err(SourceError::Failed)?;
        let names_people = is_among(scopes.as_deref(), "user:read");
        // Windows move with the hour: whole days are asked for, so that a token is good for a day.
        let window = window.to_whole_days();
        if since.as_ref().is_some_and(|(it, _)| it.names_people) && !names_people {
            return Err(SourceError::Failed(nameless()));
        }
        let mine = Resume { names_people, window, token: String::new() };
        let same = since
            .filter(|(it, void)| !void && it.window == window && it.names_people == names_people);
        if let Some((resume, _)) = same {
            match self.changes(names_people, &resume.token, "").await {
                Ok(changes) => return changed(changes, resume),
                // Another store answers there now: everything anew.
                Err(failure) if failure.class == FailureClass::DeltaExpired => {}
                Err(failure) => return Err(SourceError::Failed(failure)),
            }
        }
        self.whole(mine).await
    }
}

/// Where to go on: what stands in the delta token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Resume {
    /// Whether people came with their names and addresses.
    names_people: bool,
    /// What was asked for: the server tells what changed inside it only.
    window: SyncWindow,
    /// The server's own.
    token: String,
}

impl Resume {
    fn read(token: &DeltaToken) -> Option<Self> {
        serde_json::from_str(&token.0).ok()
    }

    fn with(self, token: String) -> Option<DeltaToken> {
        serde_json::to_string(&Self { token, ..self }).ok().map(DeltaToken)
    }
}

/// Whether a token is for this; one of which the server does not say is for all that there is.
fn is_among(scopes: Option<&str>, scope: &str) -> bool {
    scopes.is_none_or(|all| all.split_whitespace().any(|it| it == scope))
}

/// People were told with names before: read without, they would lose them, and their calendars.
fn nameless() -> Failure {
    Failure {
        class: FailureClass::Forbidden,
        operation: "read people".to_owned(),
        status: None,
        detail: "the client had `user:read` and has it no more, and people would lose their \
                 addresses: nothing was taken; give it that scope again"
            .to_owned(),
    }
}

/// What to do about a failure of this class.
fn advice(class: &FailureClass) -> &'static str {
    match class {
        FailureClass::Unauthorised => {
            "`rotabridge client list` on that server shows its clients; look at `client_id` and \
             `client_secret_file`"
        }
        FailureClass::Forbidden | FailureClass::OwnerMissing => "the client there lacks a scope",
        FailureClass::Unavailable | FailureClass::Unknown => {
            "is that server running, and can this machine reach `url`?"
        }
        FailureClass::Throttled { .. } => "that server allows fewer requests; read less often",
        FailureClass::Precondition
        | FailureClass::Duplicate { .. }
        | FailureClass::Missing
        | FailureClass::CalendarMissing
        | FailureClass::DeltaExpired
        | FailureClass::TooLate
        | FailureClass::Refused
        | FailureClass::Unsupported
        | FailureClass::Bug => {
            "is `url` the address below which a Schedule API's `/oauth/token` lies?"
        }
    }
}

/// Changes, if there were any, and the token after them.
type Changes = Option<(Heard, String)>;

fn changed(changes: Changes, resume: Resume) -> Result<Reading, SourceError> {
    let names_people = resume.names_people;
    let Some((mut heard, next)) = changes else {
        let token = resume.token.clone();
        let next = resume.with(token);
        return Ok(Reading { kind: ReadingKind::Unchanged, next, notes: vec![], skipped: vec![] });
    };
    heard.checked()?;
    let removed = std::mem::take(&mut heard.gone).into_iter().collect();
    let upserts = heard.entities(names_people);
    let kind = ReadingKind::Changes { upserts, removed };
    Ok(Reading { kind, next: resume.with(next), notes: vec![], skipped: vec![] })
}

impl ScalSource {
    fn query(&self, names_people: bool) -> String {
        let people = if names_people { ",employee" } else { "" };
        format!("{PATH}?kind={KINDS}{people}&pageSize={}", self.page_size)
    }

    /// Everything inside the window, and what changed while it was read.
    async fn whole(&self, mine: Resume) -> Result<Reading, SourceError> {
        let Resume { names_people, window, token: _ } = mine;
        let instant = |name: &str, at: jiff::Timestamp| {
            format!("&{name}={}", utf8_percent_encode(&at.to_string(), NON_ALPHANUMERIC))
        };
        let filter = [
            instant("windowStart", window.interval.start()),
            instant("windowEnd", window.interval.end()),
        ]
        .concat();
        let first = format!("{}{filter}", self.query(names_people));
        let (mut heard, pages, mut next) = match self.walk(&first).await {
            Ok(Some(walked)) => walked,
            Ok(None) => return Err(SourceError::Failed(endless("it answered 304 to a listing"))),
            Err(failure) => return Err(SourceError::Failed(failure)),
        };
        let mut catch_ups = if pages > 1 { CATCH_UPS_MAX } else { 0 };
        while catch_ups > 0 {
            catch_ups -= 1;
            let changes = self.changes(names_people, &next, &filter).await;
            let Some((more, token)) = changes.map_err(SourceError::Failed)? else { break };
            for key in more.gone {
                heard.entities.remove(&key);
            }
            heard.entities.extend(more.entities);
            heard.more += more.more;
            more.faults.into_iter().for_each(|it| heard.wrong(it));
            next = token;
        }
        heard.checked()?;
        let entities = heard.entities(names_people);
        let kind = ReadingKind::Full { entities, absence: Absence::MeansDeleted };
        Ok(Reading { kind, next: mine.with(next), notes: vec![], skipped: vec![] })
    }

    async fn changes(
        &self,
        names_people: bool,
        since: &str,
        filter: &str,
    ) -> Result<Changes, Failure> {
        let since = utf8_percent_encode(since, NON_ALPHANUMERIC);
        let first = format!("{}{filter}&since={since}", self.query(names_people));
        Ok(self.walk(&first).await?.map(|(heard, _, token)| (heard, token)))
    }

    /// All pages from one on, how many they were, and the token that the last of them gave: in
    /// changes it is the furthest, in a listing all are the same. `None` when nothing changed.
    async fn walk(&self, first: &str) -> Result<Option<(Heard, usize, String)>, Failure> {
        let mut heard = Heard::default();
        let mut path = first.to_owned();
        let mut bounds = Bounds::begin(self.client.clock().now());
        for number in 1..=LIST_PAGES_MAX {
            let (page, bytes) = match self.client.get::<Page>("read the schedule", &path).await? {
                Got::Body(page, bytes) => (page, bytes),
                Got::NotModified if number == 1 => return Ok(None),
                Got::NotModified => return Err(endless("it answered 304 to a later page")),
            };
            let (token, next) = (page.delta_token.clone(), page.next_uri.clone());
            heard.take(page);
            let entities = heard.entities.len() + heard.gone.len();
            let now = self.client.clock().now();
            bounds.take(bytes, entities, now).map_err(|why| endless(&why))?;
            match next {
                None => return Ok(Some((heard, number, token))),
                Some(next) if next.starts_with("/api/") => path = next,
                Some(_) => return Err(endless("`nextUri` leads to another server")),
            }
        }
        Err(endless("it has no last page"))
    }
}

fn endless(detail: &str) -> Failure {
    Failure {
        class: FailureClass::Bug,
        operation: "read the schedule".to_owned(),
        status: None,
        detail: detail.to_owned(),
    }
}
