//! iCalendar feeds: one per employee, at `/feeds/{token}.ics`.
//!
//! The life of a request: its token is hashed and looked up in memory (`cache`); when the link
//! and the rendered feed are both known to be current, the prepared answer is copied
//! ([`content`]) and the store is not asked. Otherwise, at most once per
//! [`domain::limits::FEED_RECHECK`] for a link and for a roster, the store is asked whether the
//! link still stands and whether the roster moved on; only when it did, or a new hour began, is
//! the feed rendered again ([`render`]), and only when its bytes differ is it compressed again.
//!
//! In this process, an ingest announces its change through [`Feeds::roster_changed`] and a
//! revocation through [`Feeds::links_changed`]: both hold from the next request on.
//!
//! A store that does not answer means 503, not an old feed: a revoked link must not be served
//! because nobody could be asked. Calendar clients keep what they have.

mod cache;
mod condition;
pub mod content;
pub mod issue;
pub mod link;
mod refusal;
pub mod render;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use domain::limits::{FEED_KEY_MEMORY, FEED_RENDERS_MAX};
use domain::{EmployeeId, EntityKey, EntityKind, RosterName, SyncWindow};
use engine::port::{ChangeSeq, Clock, FeedKey, RosterEntry, Store, StoreError};
use http::{Method, Request, Response};
use jiff::Timestamp;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::body::ServerBody;
use crate::counters::FeedCounters;
use cache::{Cache, Grant, RosterFeeds, Slot, is_recent};
pub(crate) use condition::{Known, http_date, known};
use content::Content;
use link::{Presented, SignedLink, Standing, TokenHash};
pub use refusal::Refusal;
use render::{FeedNames, FeedOptions, FeedTooLarge};

/// All feeds of this process.
pub struct Feeds {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    rosters: BTreeMap<RosterName, Arc<RosterFeeds>>,
    cache: Cache,
    keys: Mutex<KeyRing>,
    /// Shared with whoever else asks the store for strangers.
    lookups: Arc<Semaphore>,
    renders: Semaphore,
    counters: FeedCounters,
}

/// The signing keys, as the store said at some instant.
#[derive(Clone)]
struct KeyRing {
    keys: Arc<[FeedKey]>,
    seen_ms: i64,
    epoch: u64,
}

impl fmt::Debug for Feeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feeds")
            .field("rosters", &self.rosters.keys())
            .field("cached_bytes", &self.cache.bytes())
            .finish_non_exhaustive()
    }
}

impl Feeds {
    /// Feeds of these rosters. Links to others are not known here. Who has shown no link yet waits
    /// for a turn of `lookups` before the store is asked.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        rosters: BTreeMap<RosterName, FeedOptions>,
        lookups: Arc<Semaphore>,
    ) -> Self {
        let feeds = |(name, options): (RosterName, FeedOptions)| {
            (name.clone(), Arc::new(RosterFeeds::new(name, options)))
        };
        Self {
            store,
            clock,
            rosters: rosters.into_iter().map(feeds).collect(),
            cache: Cache::default(),
            keys: Mutex::new(KeyRing { keys: Arc::new([]), seen_ms: i64::MIN, epoch: 0 }),
            lookups,
            renders: Semaphore::new(FEED_RENDERS_MAX),
            counters: FeedCounters::register(),
        }
    }

    /// Says that this process moved a roster's change sequence on to `seq`.
    pub fn roster_changed(&self, roster: &RosterName, seq: ChangeSeq) {
        if let Some(roster) = self.rosters.get(roster) {
            roster.moved_on(seq);
        }
    }

    /// Says that this process revoked a link or rotated the signing key.
    pub fn links_changed(&self) {
        self.cache.end_epoch();
    }

    /// Answers a request for `/feeds/…` at once, if that needs no store; `None` if it does.
    pub fn answer_at_once<B>(&self, request: &Request<B>) -> Option<Response<ServerBody>> {
        let refuse = |refusal: Refusal| {
            self.counters.refused(&refusal);
            Some(refusal.response())
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return refuse(Refusal::Method);
        }
        let Some(token) = token_of(request.uri().path()) else {
            return refuse(Refusal::Unknown);
        };
        let now = self.clock.now();
        let content = self.cache.content(&link::hash(token), now)?;
        Some(self.answer(&content, request, now))
    }

    /// Answers a request for `/feeds/…`.
    pub async fn answer_in_time<B>(&self, request: &Request<B>) -> Response<ServerBody> {
        let now = self.clock.now();
        let content = match token_of(request.uri().path()) {
            Some(token) => self.content(token, now).await,
            None => Err(Refusal::Unknown),
        };
        match content {
            Ok(content) => self.answer(&content, request, now),
            Err(refusal) => {
                refusal.log();
                self.counters.refused(&refusal);
                refusal.response()
            }
        }
    }

    fn answer<B>(
        &self,
        content: &Content,
        request: &Request<B>,
        now: Timestamp,
    ) -> Response<ServerBody> {
        let response = content.answer(request.headers(), now);
        self.counters.answered(response.status());
        response
    }

    async fn content(&self, token: &str, now: Timestamp) -> Result<Arc<Content>, Refusal> {
        let slot = self.admit(token, now).await?;
        self.confirm(&slot.roster, now).await?;
        if let Some(content) = slot.fresh(now) {
            return Ok(content);
        }
        let _only_one = slot.rendering.lock().await;
        match slot.fresh(now) {
            Some(content) => Ok(content),
            None => self.render(&slot, now).await,
        }
    }

    /// Which feed a token opens.
    async fn admit(&self, token: &str, now: Timestamp) -> Result<Arc<Slot>, Refusal> {
        let hash = link::hash(token);
        if let Some(slot) = self.cache.slot_of(&hash, now) {
            return Ok(slot);
        }
        let epoch = self.cache.epoch();
        let presented = link::read_token(token).ok_or(Refusal::Unknown)?;
        let opened = match presented {
            Presented::Subscription => self.open_subscription(&hash).await,
            Presented::Signed(link) => self.open_signed(&link, now).await,
        };
        let opened = opened.and_then(|(roster, employee, until)| {
            // A roster that is not configured any more has no feeds.
            let roster = self.rosters.get(&roster).ok_or(Refusal::Unknown)?;
            Ok((self.cache.slot(roster, &employee), until))
        });
        match opened {
            Ok((slot, until)) => {
                let grant = Grant { slot: Arc::clone(&slot), until, seen_at: now, epoch };
                self.cache.grant(hash, grant);
                Ok(slot)
            }
            Err(refusal) => {
                self.cache.forget(&hash);
                Err(refusal)
            }
        }
    }

    async fn open_subscription(
        &self,
        hash: &TokenHash,
    ) -> Result<(RosterName, EmployeeId, Timestamp), Refusal> {
        let _turn = self.lookups.acquire().await;
        let link = self.store.feed_link_by_token(hash).await?;
        let link =
            link.filter(|link| bool::from(link.token_hash.ct_eq(hash))).ok_or(Refusal::Unknown)?;
        match link.revoked_at {
            Some(_) => Err(Refusal::Gone),
            None => Ok((link.roster, link.employee, Timestamp::MAX)),
        }
    }

    async fn open_signed(
        &self,
        link: &SignedLink,
        now: Timestamp,
    ) -> Result<(RosterName, EmployeeId, Timestamp), Refusal> {
        let mut standing = link.standing(&self.keys(now).await?, now);
        if standing == Standing::UnknownKey {
            // Another process may have rotated the key a moment ago.
            standing = link.standing(&self.read_keys(now).await?, now);
        }
        match standing {
            Standing::Valid { until } => {
                let claim = link.claim();
                Ok((claim.roster.clone(), claim.employee.clone(), until))
            }
            Standing::Expired => Err(Refusal::Gone),
            Standing::Forged | Standing::UnknownKey => Err(Refusal::Unknown),
        }
    }

    async fn keys(&self, now: Timestamp) -> Result<Arc<[FeedKey]>, StoreError> {
        let ring = self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if ring.epoch == self.cache.epoch() && is_recent(ring.seen_ms, now) {
            return Ok(ring.keys);
        }
        self.read_keys(now).await
    }

    async fn read_keys(&self, now: Timestamp) -> Result<Arc<[FeedKey]>, StoreError> {
        let _turn = self.lookups.acquire().await;
        let epoch = self.cache.epoch();
        // Retired keys too: a link of theirs expired, which is another answer than "unknown".
        let since = now.checked_sub(FEED_KEY_MEMORY).unwrap_or(Timestamp::MIN);
        let keys: Arc<[FeedKey]> = self.store.feed_keys(since).await?.into();
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) =
            KeyRing { keys: Arc::clone(&keys), seen_ms: now.as_millisecond(), epoch };
        Ok(keys)
    }

    /// Makes sure that the roster's place in its sequence was seen a moment ago.
    async fn confirm(&self, roster: &RosterFeeds, now: Timestamp) -> Result<(), StoreError> {
        if roster.is_confirmed(now) {
            return Ok(());
        }
        let _only_one = roster.checking.lock().await;
        if roster.is_confirmed(now) {
            return Ok(());
        }
        let before = roster.seq();
        let found = self.store.roster_seq(&roster.name).await?;
        roster.confirm(before, found, now);
        Ok(())
    }

    async fn render(&self, slot: &Arc<Slot>, now: Timestamp) -> Result<Arc<Content>, Refusal> {
        let _turn = self.renders.acquire().await;
        let roster = &slot.roster;
        // Read before the entries: whatever changes meanwhile makes the content look old.
        let seq = roster.seq();
        let FeedOptions { past, future, .. } = roster.options;
        let window = SyncWindow::around(now, past, future);
        let entries = self.store.employee_entries(&roster.name, &slot.employee, &window).await?;
        let names = self.names(slot, seq).await?;
        let since = self.clock.now();
        let content = {
            let slot = Arc::clone(slot);
            // Compressing takes milliseconds, in which other connections want to be served.
            tokio::task::spawn_blocking(move || content_of(&slot, &entries, &names, since))
                .await
                .map_err(|_| Refusal::Failed)?
        }
        .map_err(|fact| Refusal::TooLarge { roster: roster.name.clone(), fact })?;
        self.cache.fill(slot, Arc::clone(&content), seq, now);
        self.counters.rendered(self.cache.bytes());
        Ok(content)
    }

    /// The names that one employee's feed may show.
    async fn names(&self, slot: &Slot, seq: ChangeSeq) -> Result<FeedNames, StoreError> {
        let roster = &slot.roster;
        let mut names = {
            let mut known = roster.names.lock().await;
            match &*known {
                Some((same, names)) if *same == seq => names.clone(),
                Some(_) | None => {
                    let mut names = FeedNames::default();
                    for kind in [EntityKind::ScheduleGroup, EntityKind::TimeOffReason] {
                        names.add(&self.store.entries_of_kind(&roster.name, kind).await?);
                    }
                    *known = Some((seq, names.clone()));
                    names
                }
            }
        };
        let employee = EntityKey { kind: EntityKind::Employee, id: (&slot.employee).into() };
        names.add(&self.store.roster_entries(&roster.name, &[employee]).await?);
        Ok(names)
    }
}

/// The content of a feed; the one that is there where the bytes are the same.
fn content_of(
    slot: &Slot,
    entries: &[RosterEntry],
    names: &FeedNames,
    now: Timestamp,
) -> Result<Arc<Content>, FeedTooLarge> {
    let RosterFeeds { name, options, .. } = &*slot.roster;
    let body = render::render(name, &slot.employee, entries, names, options)?;
    let digest = content::digest(&body);
    let modified_at = slot.modified_at(digest, now);
    match slot.stale() {
        Some(content) if content.digest() == digest => Ok(content),
        Some(_) | None => Ok(Arc::new(Content::new(body, modified_at))),
    }
}

/// The token in `/feeds/{token}.ics`; nothing is decoded, for a token needs no escapes.
fn token_of(path: &str) -> Option<&str> {
    path.strip_prefix("/feeds/")?.strip_suffix(".ics").filter(|token| !token.is_empty())
}
