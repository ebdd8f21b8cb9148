//! The source of a roster, in terms of the files beside.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::limits::{BAD_ROWS_REPORTED_MAX, CLOCK_SKEW_TOLERATED, LIST_PAGES_MAX};
use domain::{Employee, EmployeeId, Entity, EntityKey, SyncWindow};
use engine::port::{
    Absence, DeltaToken, Failure, FailureClass, FieldFault, Finding, FindingLevel, Identity,
    Reading, ReadingKind, Source, SourceEntity, SourceError, SourceRef,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::client::{Client, Got};
use super::map::{self, Told};
use super::wire::Page;

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
    gone: Vec<EntityKey>,
    faults: Vec<FieldFault>,
}

impl Heard {
    fn take(&mut self, page: Page) {
        for schedule in page.entities {
            match map::read(schedule) {
                Ok(Told::Is(entity)) => {
                    let key = entity.key();
                    self.gone.retain(|it| *it != key);
                    self.entities.insert(key, entity);
                }
                Ok(Told::Gone(key)) => {
                    self.entities.remove(&key);
                    self.gone.push(key);
                }
                Ok(Told::Unknown) => {}
                Err(fault) => self.faults.push(fault),
            }
        }
    }

    /// What was wrong, if anything was: then nothing is taken.
    fn checked(&mut self) -> Result<(), SourceError> {
        if self.faults.is_empty() {
            return Ok(());
        }
        let mut faults = std::mem::take(&mut self.faults);
        let more = faults.len().saturating_sub(BAD_ROWS_REPORTED_MAX);
        faults.truncate(BAD_ROWS_REPORTED_MAX);
        Err(SourceError::BadRows { faults, more })
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
                let hint = "`rotabridge client list` on that server shows its clients";
                return vec![finding(FindingLevel::Error, failure.to_string(), Some(hint))];
            }
        };
        let has = |scope: &str| scopes.split_whitespace().any(|it| it == scope);
        let mut findings = Vec::new();
        if !has("wfm:schedule:read") {
            let message = "the client has not `wfm:schedule:read`: nothing can be read".to_owned();
            findings.push(finding(FindingLevel::Error, message, None));
            return findings;
        }
        if has("wfm:schedule:write") {
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
        if let Err(failure) = self.client.get::<Page>("read the schedule", &probe).await {
            findings.push(finding(FindingLevel::Error, failure.to_string(), None));
        }
        if let Ok(Some(there)) = self.client.server_time().await {
            let skew = there.duration_since(self.client.clock().now()).unsigned_abs();
            if skew > CLOCK_SKEW_TOLERATED {
                let message = format!("its clock and ours differ by {} s", skew.as_secs());
                findings.push(finding(FindingLevel::Warning, message, None));
            }
        }
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
        let scopes = self.client.scopes().await.map_err(SourceError::Failed)?;
        let names_people = scopes.split_whitespace().any(|it| it == "user:read");
        if let Some(token) = since {
            match self.changes(names_people, &token.0, "").await {
                Ok(changes) => return changed(changes, token, names_people),
                // Another store answers there now: everything anew.
                Err(failure) if failure.class == FailureClass::DeltaExpired => {}
                Err(failure) => return Err(SourceError::Failed(failure)),
            }
        }
        self.whole(window, names_people).await
    }
}

/// Changes, if there were any, and the token after them.
type Changes = Option<(Heard, String)>;

fn changed(
    changes: Changes,
    token: &DeltaToken,
    names_people: bool,
) -> Result<Reading, SourceError> {
    let Some((mut heard, next)) = changes else {
        let next = Some(token.clone());
        return Ok(Reading { kind: ReadingKind::Unchanged, next, notes: vec![], skipped: vec![] });
    };
    heard.checked()?;
    let removed = std::mem::take(&mut heard.gone);
    let upserts = heard.entities(names_people);
    let kind = ReadingKind::Changes { upserts, removed };
    Ok(Reading { kind, next: Some(DeltaToken(next)), notes: vec![], skipped: vec![] })
}

impl ScalSource {
    fn query(&self, names_people: bool) -> String {
        let people = if names_people { ",employee" } else { "" };
        format!("{PATH}?kind={KINDS}{people}&pageSize={}", self.page_size)
    }

    /// Everything inside the window, and what changed while it was read.
    async fn whole(&self, window: &SyncWindow, names_people: bool) -> Result<Reading, SourceError> {
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
            heard.faults.extend(more.faults);
            next = token;
        }
        heard.checked()?;
        let entities = heard.entities(names_people);
        let kind = ReadingKind::Full { entities, absence: Absence::MeansDeleted };
        Ok(Reading { kind, next: Some(DeltaToken(next)), notes: vec![], skipped: vec![] })
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
        for number in 1..=LIST_PAGES_MAX {
            let page = match self.client.get::<Page>("read the schedule", &path).await? {
                Got::Body(page) => page,
                Got::NotModified if number == 1 => return Ok(None),
                Got::NotModified => return Err(endless("it answered 304 to a later page")),
            };
            let (token, next) = (page.delta_token.clone(), page.next_uri.clone());
            heard.take(page);
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
