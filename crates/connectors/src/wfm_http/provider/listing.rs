//! A listing: all its pages, of all the windows that it had to be cut into, or nothing.

use std::collections::{BTreeSet, HashMap};

use domain::limits::{BAD_ROWS_REPORTED_MAX, LIST_PAGES_MAX, LISTING_ATTEMPTS_MAX};
use domain::{ConnectionName, EntityKey, EntityKind, Fingerprinter, SyncWindow};
use engine::port::{Clock, Failure, FailureClass, FieldFault, Identity, SourceEntity, SourceRef};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::known::Known;
use crate::bounds::Bounds;
use crate::wfm_http::client::{ChangedSince, PageAnswer, Query};
use crate::wfm_http::config::WfmHttpConfig;
use crate::wfm_http::map::{Capabilities, Reading, Said, Wrong, entity, moment};
use crate::wfm_http::wire::{WireMoment, WirePage};
use crate::words::{blanked, plain};

/// Characters of an entity that are shown when it is bad.
const SHOWN_MAX: usize = 400;

/// Everything that was listed.
#[derive(Debug, Default)]
pub struct Listing {
    /// What is not there.
    pub gone: BTreeSet<EntityKey>,
    /// What cannot be read: the first ones, and how many more there are.
    pub faults: Vec<FieldFault>,
    pub more_faults: usize,
    /// Why nothing may be concluded from what is absent, if so.
    pub incomplete: Option<String>,
    /// Where to go on.
    pub since: Option<String>,
    /// When it began, on the system's clock.
    pub as_of: Option<Timestamp>,
    /// Its entity tag, when it was one listing.
    pub tag: Option<String>,
    snapshot: Option<String>,
    pages: usize,
    seen: u64,
    /// `None` where it was said later that it is gone.
    entities: Vec<Option<SourceEntity>>,
    places: HashMap<EntityKey, usize>,
}

/// How a listing of one window came out.
enum Tried {
    Whole(Box<Listing>),
    Unchanged,
    /// It changed while it was read, or a page is missing.
    Torn(String),
}

/// Lists the schedule of one system.
pub struct Lister<'a> {
    name: &'a ConnectionName,
    known: &'a Known,
    capabilities: &'a Capabilities,
    clock: &'a dyn Clock,
    reading: Reading,
}

impl<'a> Lister<'a> {
    /// Lists nothing yet.
    pub fn new(
        name: &'a ConnectionName,
        known: &'a Known,
        capabilities: &'a Capabilities,
        (config, clock): (&WfmHttpConfig, &'a dyn Clock),
    ) -> Self {
        let zone = capabilities.zone.clone();
        let reading = Reading { zone, drafts: config.include_drafts };
        Self { name, known, capabilities, clock, reading }
    }

    /// Everything inside `window`; nothing when it is as at `tag`.
    ///
    /// # Errors
    /// When it cannot be had as a whole.
    pub async fn whole(
        &self,
        window: &SyncWindow,
        tag: Option<String>,
    ) -> Result<Option<Listing>, Failure> {
        let parts = self.parts(window);
        if let [(from, until)] = parts[..] {
            return self.part(from, until, None, tag).await;
        }
        let mut attempt = 1;
        loop {
            let mut whole: Option<Listing> = None;
            let mut agree = true;
            for (from, until) in &parts {
                let Some(part) = self.part(*from, *until, None, None).await? else { continue };
                match &mut whole {
                    None => whole = Some(part),
                    Some(whole) => {
                        agree &= whole.snapshot.is_some() && whole.snapshot == part.snapshot;
                        whole.add(part);
                    }
                }
            }
            let mut whole = whole.unwrap_or_default();
            whole.tag = None;
            if agree {
                return Ok(Some(whole));
            }
            if attempt >= LISTING_ATTEMPTS_MAX || whole.snapshot.is_none() {
                whole.incomplete = Some(format!(
                    "the {} windows that the schedule had to be read in are not of one snapshot: \
                     nothing is deleted for being absent",
                    parts.len()
                ));
                return Ok(Some(whole));
            }
            attempt += 1;
        }
    }

    /// What changed inside `window`.
    ///
    /// # Errors
    /// When it cannot be had as a whole; `DeltaExpired` when it has to be read in full.
    pub async fn changes(
        &self,
        window: &SyncWindow,
        changed: ChangedSince,
    ) -> Result<Listing, Failure> {
        let mut whole: Option<Listing> = None;
        for (from, until) in self.parts(window) {
            let part = self.part(from, until, Some(changed.clone()), None).await?;
            let part = part.unwrap_or_default();
            match &mut whole {
                None => whole = Some(part),
                Some(whole) => whole.add(part),
            }
        }
        Ok(whole.unwrap_or_default())
    }

    /// The windows that one `window` has to be cut into.
    fn parts(&self, window: &SyncWindow) -> Vec<(Timestamp, Timestamp)> {
        let (start, end) = (window.interval.start(), window.interval.end());
        let Some(days) = self.capabilities.window_days else { return vec![(start, end)] };
        let length = SignedDuration::from_hours(24 * i64::from(days));
        let mut parts = Vec::new();
        let mut from = start;
        while from < end {
            let until = from.checked_add(length).unwrap_or(Timestamp::MAX).min(end);
            parts.push((from, until));
            from = until;
        }
        parts
    }

    async fn part(
        &self,
        from: Timestamp,
        until: Timestamp,
        changed: Option<ChangedSince>,
        known: Option<String>,
    ) -> Result<Option<Listing>, Failure> {
        let limit = self.capabilities.page_size;
        let query = Query { from, until, limit, changed, page: None, known };
        let mut attempt = 1;
        loop {
            match self.attempt(query.clone()).await? {
                Tried::Whole(listing) => return Ok(Some(*listing)),
                Tried::Unchanged => return Ok(None),
                Tried::Torn(why) if attempt >= LISTING_ATTEMPTS_MAX => {
                    return Err(Failure {
                        class: FailureClass::Unavailable,
                        operation: "list the schedule as a whole".to_owned(),
                        status: None,
                        detail: format!("{why}, {attempt} times in a row; nothing was taken"),
                    });
                }
                Tried::Torn(_) => attempt += 1,
            }
        }
    }

    async fn attempt(&self, mut query: Query) -> Result<Tried, Failure> {
        let mut listing = Listing::default();
        let mut total = None;
        let mut bounds = Bounds::begin(self.clock.now());
        loop {
            let answer = match self.known.wfm.page(&query).await {
                Ok(answer) => answer,
                Err(failure) if failure.class == FailureClass::Precondition => {
                    return Ok(Tried::Torn("the snapshot is not kept long enough".to_owned()));
                }
                Err(failure) => return Err(failure),
            };
            let (page, tag, bytes) = match answer {
                PageAnswer::Unchanged => return Ok(Tried::Unchanged),
                PageAnswer::Page { page, tag, bytes } => (page, tag, bytes),
            };
            listing.pages += 1;
            if listing.pages == 1 {
                listing.snapshot.clone_from(&page.snapshot);
                listing.tag = tag;
            } else if listing.snapshot != page.snapshot {
                return Ok(Tried::Torn("the schedule changed between two pages".to_owned()));
            }
            total = total.or(page.total);
            let next = page.next_page.clone();
            self.take(page, query.changed.is_some(), &mut listing);
            let Some(next) = next else { break };
            bounds.take(bytes, listing.entities.len(), self.clock.now()).map_err(endless)?;
            if listing.pages >= LIST_PAGES_MAX || query.page.as_ref() == Some(&next) {
                let pages = listing.pages;
                return Err(endless(format!(
                    "page {pages} leads on without an end; expected at most {LIST_PAGES_MAX} pages"
                )));
            }
            query.page = Some(next);
            query.known = None;
        }
        if let Some(total) = total.filter(|total| *total != listing.seen) {
            let seen = listing.seen;
            return Ok(Tried::Torn(format!("{total} entities announced and {seen} listed")));
        }
        if listing.pages > 1 && listing.snapshot.is_none() {
            listing.incomplete = Some(format!(
                "{} pages without a `snapshot`: nothing is deleted for being absent",
                listing.pages
            ));
        }
        Ok(Tried::Whole(Box::new(listing)))
    }

    fn take(&self, page: WirePage, changes: bool, listing: &mut Listing) {
        let WirePage { entities, snapshot: _, total: _, next_page: _, since, as_of } = page;
        for (index, value) in entities.iter().enumerate() {
            listing.seen += 1;
            match entity(value, &self.reading) {
                Ok(Said::Gone(key)) => listing.remove(key),
                Ok(Said::Is(entity)) => {
                    let key = entity.key();
                    let at = SourceRef(format!("{}/{key}", self.name));
                    let identity = self.identity(key.kind);
                    let entity = SourceEntity { entity, identity, at };
                    let is_new = listing.put(key, entity);
                    // Of changes, what is said last is what is so.
                    if !is_new && !changes {
                        let message = "stands twice in one listing, and differs";
                        let wrong = Wrong { field: "id".to_owned(), message: message.to_owned() };
                        let page = listing.pages;
                        listing.wrong(|| self.fault(wrong, value, page, index));
                    }
                }
                Err(wrong) => {
                    let page = listing.pages;
                    listing.wrong(|| self.fault(wrong, value, page, index));
                }
            }
        }
        listing.since = since.or(listing.since.take());
        let as_of = as_of.and_then(|text| moment("as_of", &WireMoment::Text(text)).ok());
        // The earliest: what was edited while the pages were read is listed again.
        listing.as_of = listing.as_of.or(as_of.map(|it| it.0));
    }

    fn identity(&self, kind: EntityKind) -> Identity {
        let lies_in_time = match kind {
            EntityKind::Shift | EntityKind::OpenShift | EntityKind::TimeOff => true,
            EntityKind::Employee | EntityKind::ScheduleGroup | EntityKind::TimeOffReason => false,
        };
        match self.capabilities.lasting_ids || !lies_in_time {
            true => Identity::Native,
            false => Identity::Assigned { twin: Fingerprinter::new("wfm_http/twin/1").finish() },
        }
    }

    /// Points at a field of an entity.
    fn fault(&self, wrong: Wrong, value: &Value, page: usize, index: usize) -> FieldFault {
        let Wrong { field, message } = wrong;
        let text: String = blanked(&value.to_string()).chars().take(SHOWN_MAX).collect();
        let top = field.split(['.', '[']).next().unwrap_or_default();
        let span = span_of(&text, top, value);
        let said = |name: &str| plain(value.get(name).and_then(Value::as_str).unwrap_or("?"));
        let message = match field.is_empty() {
            true => plain(&message),
            false => plain(&format!("`{field}` {message}")),
        };
        FieldFault {
            place: format!(
                "{}/schedule, page {page}, entity {}, {} `{}`",
                self.name,
                index + 1,
                said("kind"),
                said("id")
            ),
            line: 0,
            text,
            field: span,
            column: (!field.is_empty()).then_some(field),
            message,
            hint: None,
            stands_for: 1,
        }
    }
}

fn endless(detail: String) -> Failure {
    let operation = "list the schedule as a whole".to_owned();
    Failure { class: FailureClass::Bug, operation, status: None, detail }
}

/// Where a field's value stands in an entity's text.
fn span_of(text: &str, field: &str, value: &Value) -> Option<(usize, usize)> {
    let name = format!("\"{field}\":");
    let start = text.find(&name)? + name.len();
    let end = start + value.get(field)?.to_string().len();
    text.get(start..end).map(|_| (start, end))
}

impl Listing {
    /// What is there.
    pub fn into_entities(self) -> Vec<SourceEntity> {
        self.entities.into_iter().flatten().collect()
    }

    /// Whether it says nothing at all.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty() && self.gone.is_empty() && self.faults.is_empty()
    }

    fn wrong(&mut self, fault: impl FnOnce() -> FieldFault) {
        match self.faults.len() < BAD_ROWS_REPORTED_MAX {
            true => self.faults.push(fault()),
            false => self.more_faults += 1,
        }
    }

    /// Takes an entity, in place of what was said of it before. False when that was something else.
    fn put(&mut self, key: EntityKey, entity: SourceEntity) -> bool {
        self.gone.remove(&key);
        let Some(place) = self.places.get(&key) else {
            self.places.insert(key, self.entities.len());
            self.entities.push(Some(entity));
            return true;
        };
        let before = self.entities[*place].replace(entity);
        before.as_ref().map(|it| &it.entity) == self.entities[*place].as_ref().map(|it| &it.entity)
    }

    fn remove(&mut self, key: EntityKey) {
        if let Some(place) = self.places.remove(&key) {
            self.entities[place] = None;
        }
        self.gone.insert(key);
    }

    /// Adds the listing of a later window; what lies in both is as the later one says. Where to go
    /// on is what the first one said: what changed since then may be in none of them.
    fn add(&mut self, later: Self) {
        self.more_faults += later.more_faults;
        for fault in &later.faults {
            self.wrong(|| fault.clone());
        }
        self.incomplete = self.incomplete.take().or(later.incomplete.clone());
        for key in &later.gone {
            self.remove(key.clone());
        }
        for entity in later.into_entities() {
            self.put(entity.entity.key(), entity);
        }
    }
}
