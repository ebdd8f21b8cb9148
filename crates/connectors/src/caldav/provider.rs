//! The port, in terms of the other files: placing, opening and writing. Reading is in `read`,
//! discovery and `check` in `discovery`.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use domain::limits::MULTIGET_ITEMS_MAX;
use domain::{
    CalendarKey, ConnectionName, Directory, Employee, Entity, EntityKind, ItemKey, MirrorName,
};
use engine::port::{
    Capabilities, Clock, ContentForm, DeltaToken, ETag, Failure, FailureClass, Finding, Item,
    ItemIdentity, Listing, Opened, Placement, Probe, QuotaDeclaration, QuotaScope, RemoteId,
    Sighting, Target, Write, Written, write_one_by_one,
};
use http::header::ETAG;
use percent_encoding::percent_decode_str;
use tokio::sync::OnceCell;
use url::Url;

use super::classify::{Asked, class_beside_calendar, class_of, class_of_error, is_ambiguous};
use super::client::{CallError, Client, Depth, Expecting};
use super::map::{self, Member, Template};
use super::wire::{self, Condition};
use crate::transport::{Answer, retry_after};

/// What a target is made of.
pub(super) struct Setup {
    pub mirror: MirrorName,
    pub connection: ConnectionName,
    pub clock: Arc<dyn Clock>,
    pub client: Client,
    /// Ends with `/`.
    pub url: Url,
    /// Whether collections lie below the calendar home that the server names, not below `url`.
    pub discovers: bool,
    pub template: Template,
    pub concurrency: usize,
}

/// The calendars of one mirror on one account.
pub(super) struct CaldavTarget {
    pub(super) setup: Setup,
    capabilities: Capabilities,
    /// The discovered path below which collections lie.
    pub(super) home: OnceCell<String>,
    /// Whether the server turned out not to know the report; forgotten with the process.
    pub(super) sync_unsupported: AtomicBool,
    pub(super) multiget_unsupported: AtomicBool,
    /// Who there is.
    met: RwLock<Option<Arc<Directory>>>,
}

/// What is being done, for classification and for the words of a failure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doing<'a> {
    pub asked: Asked,
    /// With its preposition: `put an item into`.
    pub verb: &'static str,
    /// The calendar, or the server.
    pub place: &'a str,
}

/// What stands at a collection's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Calendar,
    Other,
    Missing,
}

impl CaldavTarget {
    pub fn new(setup: Setup) -> Self {
        let capabilities = Capabilities {
            kinds: vec![EntityKind::OpenShift, EntityKind::Shift, EntityKind::TimeOff],
            content: ContentForm::CalendarEvent,
            identity: ItemIdentity::OriginTag,
            publishes: false,
            deltas: true,
            personal: setup.template.is_personal(),
            look_size_max: MULTIGET_ITEMS_MAX,
            batch_size_max: 1,
            quotas: vec![QuotaDeclaration {
                scope: QuotaScope::Connection,
                concurrency: Some(setup.concurrency),
                rate: None,
            }],
        };
        Self {
            setup,
            capabilities,
            home: OnceCell::new(),
            sync_unsupported: AtomicBool::new(false),
            multiget_unsupported: AtomicBool::new(false),
            met: RwLock::default(),
        }
    }

    /// Who there is, once the engine has told.
    pub(super) fn directory(&self) -> Option<Arc<Directory>> {
        self.met.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The path of a collection, with `/` at its end.
    pub(super) async fn collection(&self, calendar: &CalendarKey) -> Result<String, Failure> {
        let base = self.base().await?;
        Ok(match calendar.as_str() {
            "./" => base.to_owned(),
            below => format!("{base}{below}"),
        })
    }

    /// A failure without an answer.
    pub(super) fn lost(&self, doing: Doing<'_>, error: &CallError) -> Failure {
        Failure {
            class: class_of_error(doing.asked, error),
            operation: doing.operation(),
            status: None,
            detail: error.to_string(),
        }
    }

    /// A failure with an answer.
    pub(super) fn refused(&self, doing: Doing<'_>, answer: &Answer) -> Failure {
        self.refused_with(doing, answer).0
    }

    fn refused_with(&self, doing: Doing<'_>, answer: &Answer) -> (Failure, Option<Condition>) {
        let status = answer.status.as_u16();
        let condition = wire::condition(&answer.body);
        let wait = retry_after(&answer.headers, self.setup.clock.machine());
        let failure = Failure {
            class: class_of(doing.asked, status, condition.as_ref(), wait),
            operation: doing.operation(),
            status: Some(status),
            detail: detail(answer, condition.as_ref()),
        };
        (failure, condition)
    }

    async fn put(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        expecting: Expecting<'_>,
        item: &Item,
    ) -> Result<Written, Failure> {
        let (asked, verb) = match expecting {
            Expecting::Nothing => (Asked::Create, "put a new item into"),
            Expecting::Version(_) => (Asked::Update, "replace an item in"),
        };
        let doing = Doing { asked, verb, place: calendar.as_str() };
        let origin = &item.origin;
        let uid = map::uid(&self.setup.mirror, calendar, &origin.item(), origin.generation);
        let Some((body, fingerprint)) = map::object(&uid, item) else {
            return Err(doing.bug("the item is no event of a calendar"));
        };
        let collection = self.collection(calendar).await?;
        let path = map::item_path(&collection, remote);
        let sent = self.setup.client.put(&path, expecting, body.into()).await;
        let answer = sent.map_err(|error| self.lost(doing, &error))?;
        if matches!(answer.status.as_u16(), 200 | 201 | 204) {
            let etag = answer.headers.get(ETAG).and_then(|it| it.to_str().ok());
            let etag = etag.and_then(map::strong_etag);
            return Ok(Written {
                remote_id: remote.clone(),
                // RFC 4791 §5.3.4: a strong etag means that what was sent is what is stored.
                echoed: etag.is_some().then_some(fingerprint),
                etag,
            });
        }
        Err(self.put_failed(calendar, &collection, doing, &answer).await)
    }

    async fn put_failed(
        &self,
        calendar: &CalendarKey,
        collection: &str,
        doing: Doing<'_>,
        answer: &Answer,
    ) -> Failure {
        let (mut failure, condition) = self.refused_with(doing, answer);
        if let Some(Condition::UidConflict { href: Some(href) }) = condition
            && let Member::Object(at) = map::member(collection, &href)
        {
            failure.class = FailureClass::Duplicate { at: Some(at) };
        }
        let status = answer.status.as_u16();
        if is_ambiguous(doing.asked, status, &failure.class) {
            match self.kind_of(calendar, collection).await {
                Ok(Kind::Missing) => failure.class = FailureClass::CalendarMissing,
                Ok(Kind::Calendar | Kind::Other) => {
                    failure.class = class_beside_calendar(doing.asked, status);
                }
                // Not applied, that much is sure; what it was shows at the next attempt.
                Err(asking) => {
                    failure.class = match asking.class {
                        FailureClass::Throttled { .. } | FailureClass::Unauthorised => asking.class,
                        _ => FailureClass::Unavailable,
                    };
                }
            }
        }
        failure
    }

    async fn kind_of(&self, calendar: &CalendarKey, collection: &str) -> Result<Kind, Failure> {
        let doing = Doing { asked: Asked::Read, verb: "look at", place: calendar.as_str() };
        let client = &self.setup.client;
        let asked = client.propfind(collection, Depth::Itself, wire::PROPFIND_KIND).await;
        let (answer, _) = asked.map_err(|error| self.lost(doing, &error))?;
        match answer.status.as_u16() {
            207 => {}
            404 | 410 => return Ok(Kind::Missing),
            _ => return Err(self.refused(doing, &answer)),
        }
        let found = wire::read_multistatus(answer.body).await.map_err(|error| doing.bug(error))?;
        Ok(match found.responses.first() {
            Some(response) if response.properties.is_calendar => Kind::Calendar,
            Some(response) if matches!(response.status, Some(404 | 410)) => Kind::Missing,
            Some(_) => Kind::Other,
            None => Kind::Missing,
        })
    }

    /// Makes a calendar that was not there a moment ago. Whatever the server answers, what stands
    /// there afterwards decides: somebody else may have made it, and servers say "there is one"
    /// in several ways.
    async fn make(&self, calendar: &CalendarKey, collection: &str) -> Result<Opened, Failure> {
        let doing = Doing {
            asked: Asked::MakeCalendar,
            verb: "make the calendar",
            place: calendar.as_str(),
        };
        let name = display_name(calendar);
        let client = &self.setup.client;
        let made = client.mkcalendar(collection, wire::mkcalendar(&name)).await;
        let first = made.map_err(|error| self.lost(doing, &error))?;
        match first.status.as_u16() {
            200 | 201 | 204 => return Ok(Opened::Made),
            // Bedework answers an empty 207 when it has made one.
            207 if self.kind_of(calendar, collection).await? == Kind::Calendar => {
                return Ok(Opened::Made);
            }
            207 | 400 | 403 | 405 | 409 | 412 | 415 | 501 => {}
            _ => return Err(self.refused(doing, &first)),
        }
        if self.kind_of(calendar, collection).await? == Kind::Calendar {
            return Ok(Opened::Found);
        }
        let made = client.mkcol(collection, wire::extended_mkcol(&name)).await;
        let second = made.map_err(|error| self.lost(doing, &error))?;
        match self.kind_of(calendar, collection).await? {
            Kind::Calendar if second.status.is_success() => Ok(Opened::Made),
            Kind::Calendar => Ok(Opened::Found),
            Kind::Other | Kind::Missing => Err(self.refused(doing, &first)),
        }
    }
}

impl Doing<'_> {
    fn operation(&self) -> String {
        format!("{} `{}`", self.verb, self.place)
    }

    /// A definite answer that makes no sense, or a request that does not.
    pub(super) fn bug(&self, detail: impl ToString) -> Failure {
        self.failure(FailureClass::Bug, detail)
    }

    pub(super) fn failure(&self, class: FailureClass, detail: impl ToString) -> Failure {
        Failure { class, operation: self.operation(), status: None, detail: detail.to_string() }
    }

    /// Nothing is written that could overwrite what we have not seen. Whoever asks for it has
    /// looked already, so looking again gives no etag either.
    fn without_etag(&self) -> Failure {
        let detail = "the server gives no strong etag for the item, \
            so what stands there cannot be replaced or deleted safely; nothing was sent";
        self.failure(FailureClass::Refused, detail)
    }
}

/// What a calendar is called when we make it: the last part of its address.
fn display_name(calendar: &CalendarKey) -> String {
    let last = calendar.as_str().trim_end_matches('/').rsplit('/').next();
    match last.unwrap_or_default() {
        "" | "." => "Shifts".to_owned(),
        last => percent_decode_str(last).decode_utf8_lossy().into_owned(),
    }
}

/// What the server said, in few words and without its body.
fn detail(answer: &Answer, condition: Option<&Condition>) -> String {
    let named = match condition {
        None => return answer.status.canonical_reason().unwrap_or("refused").into(),
        Some(Condition::UidConflict { .. }) => "no-uid-conflict",
        Some(Condition::ValidSyncToken) => "valid-sync-token",
        Some(Condition::NeedPrivileges) => "need-privileges",
        Some(Condition::SupportedReport) => "supported-report",
        Some(Condition::MatchesWithinLimits) => "number-of-matches-within-limits",
        Some(Condition::ResourceMustBeNull) => "resource-must-be-null",
        Some(Condition::QuotaNotExceeded) => "quota-not-exceeded",
        Some(Condition::Other(name)) => name,
    };
    format!("the server wants `{}`", named.escape_debug())
}

#[async_trait]
impl Target for CaldavTarget {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn meet(&self, directory: Arc<Directory>) {
        *self.met.write().unwrap_or_else(PoisonError::into_inner) = Some(directory);
    }

    fn place(&self, entity: &Entity, employee: Option<&Employee>) -> Placement {
        self.setup.template.place(entity, employee)
    }

    fn remote_id(
        &self,
        calendar: &CalendarKey,
        key: &ItemKey,
        generation: u32,
    ) -> Option<RemoteId> {
        let uid = map::uid(&self.setup.mirror, calendar, key, generation);
        Some(map::remote_id_of(uid))
    }

    async fn check(&self) -> Vec<Finding> {
        self.findings().await
    }

    async fn open(&self, calendar: &CalendarKey) -> Result<Opened, Failure> {
        let collection = self.collection(calendar).await?;
        match self.kind_of(calendar, &collection).await? {
            Kind::Calendar => Ok(Opened::Found),
            Kind::Missing => self.make(calendar, &collection).await,
            Kind::Other => {
                let doing = Doing {
                    asked: Asked::MakeCalendar,
                    verb: "use the calendar",
                    place: calendar.as_str(),
                };
                let detail = "there is a folder that is no calendar";
                Err(doing.failure(FailureClass::Refused, detail))
            }
        }
    }

    async fn list(
        &self,
        calendar: &CalendarKey,
        since: Option<&DeltaToken>,
    ) -> Result<Listing, Failure> {
        match since {
            None => self.list_full(calendar).await,
            Some(token) => self.list_changes(calendar, token).await,
        }
    }

    async fn look(
        &self,
        calendar: &CalendarKey,
        probes: &[Probe],
    ) -> Result<Vec<Sighting>, Failure> {
        self.sightings(calendar, probes).await
    }

    async fn strayed(&self, _: &CalendarKey, items: &[RemoteId]) -> Result<Vec<bool>, Failure> {
        // A client that moves an event makes another resource and deletes this one (RFC 4791 knows
        // no move of a UID), in a collection that we may not know.
        Ok(vec![false; items.len()])
    }

    async fn create(&self, calendar: &CalendarKey, item: &Item) -> Result<Written, Failure> {
        let origin = &item.origin;
        let uid = map::uid(&self.setup.mirror, calendar, &origin.item(), origin.generation);
        let remote = map::remote_id_of(uid);
        self.put(calendar, &remote, Expecting::Nothing, item).await
    }

    async fn update(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
        item: &Item,
    ) -> Result<Written, Failure> {
        let Some(etag) = etag else {
            let doing = Doing {
                asked: Asked::Update,
                verb: "replace an item in",
                place: calendar.as_str(),
            };
            return Err(doing.without_etag());
        };
        let expecting = Expecting::Version(etag);
        self.put(calendar, remote, expecting, item).await
    }

    async fn delete(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
    ) -> Result<(), Failure> {
        let doing =
            Doing { asked: Asked::Delete, verb: "delete an item in", place: calendar.as_str() };
        let Some(etag) = etag else {
            return Err(doing.without_etag());
        };
        let collection = self.collection(calendar).await?;
        let path = map::item_path(&collection, remote);
        let sent = self.setup.client.delete(&path, etag).await;
        let answer = sent.map_err(|error| self.lost(doing, &error))?;
        // Radicale answers 200 with a multistatus body.
        match answer.status.as_u16() {
            200 | 204 => Ok(()),
            _ => Err(self.refused(doing, &answer)),
        }
    }

    async fn write_all(&self, writes: &[Write]) -> Vec<Result<Option<Written>, Failure>> {
        write_one_by_one(self, writes).await
    }

    async fn publish(&self, _: &CalendarKey, _: &domain::UtcInterval) -> Result<(), Failure> {
        Ok(())
    }

    fn requests_sent(&self) -> u64 {
        self.setup.client.requests_sent()
    }
}
