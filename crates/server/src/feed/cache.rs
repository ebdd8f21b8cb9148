//! What is kept in memory so that a feed costs no question to the store.
//!
//! Two things are kept. **Grants**: which feed a token opens, by the token's hash, as the store
//! said last. **Slots**: one per feed, with its rendered content, the place in the roster's
//! change sequence that it shows and the hour whose window it covers. A request is answered from
//! here when its grant and its slot are both current; otherwise [`super::Feeds`] asks the store.
//!
//! Memory is bounded. Contents are dropped least recently used first, down to three quarters of
//! [`FEED_CACHE_BYTES_MAX`], so that it happens seldom. Grants are all dropped when there are
//! [`FEED_LINKS_CACHED_MAX`]: each costs one question to come back. Only tokens that opened a
//! feed are kept, so guessers do not fill it.
//!
//! Not given: the same content in two processes at the same instant. Another process's change
//! is seen within [`FEED_RECHECK`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use domain::limits::{FEED_CACHE_BYTES_MAX, FEED_LINKS_CACHED_MAX, FEED_RECHECK};
use domain::{EmployeeId, RosterName};
use engine::port::ChangeSeq;
use jiff::Timestamp;

use super::content::{Content, Digest256};
use super::link::TokenHash;
use super::render::{FeedNames, FeedOptions};

/// A power of two; requests on different cores seldom meet in one.
const SHARDS: usize = 16;
const HOUR_SECONDS: i64 = 3600;

/// The hour that an instant lies in; windows change with it.
pub(super) fn hour_of(now: Timestamp) -> i64 {
    now.as_second().div_euclid(HOUR_SECONDS)
}

/// Whether what was seen at `seen_ms` may still be believed at `now`. What was seen later than
/// that may not: a clock that was set back makes nothing younger.
pub(super) fn is_recent(seen_ms: i64, now: Timestamp) -> bool {
    const RECHECK_MS: i64 = FEED_RECHECK.as_millis() as i64;
    let age = now.as_millisecond().saturating_sub(seen_ms);
    (0..RECHECK_MS).contains(&age)
}

/// The feeds of one roster.
#[derive(Debug)]
pub(super) struct RosterFeeds {
    pub name: RosterName,
    pub options: FeedOptions,
    /// Held while the store is asked, so that only one caller does.
    pub checking: tokio::sync::Mutex<()>,
    /// Names of groups and reasons, as of a place in the sequence.
    pub names: tokio::sync::Mutex<Option<(ChangeSeq, FeedNames)>>,
    seq: AtomicI64,
    seen_ms: AtomicI64,
}

impl RosterFeeds {
    pub fn new(name: RosterName, options: FeedOptions) -> Self {
        Self {
            name,
            options,
            checking: tokio::sync::Mutex::default(),
            names: tokio::sync::Mutex::default(),
            seq: AtomicI64::new(0),
            seen_ms: AtomicI64::new(i64::MIN),
        }
    }

    /// The last known place in the roster's sequence.
    pub fn seq(&self) -> ChangeSeq {
        ChangeSeq(self.seq.load(Ordering::Acquire))
    }

    /// Whether the place was confirmed a moment ago.
    pub fn is_confirmed(&self, now: Timestamp) -> bool {
        is_recent(self.seen_ms.load(Ordering::Acquire), now)
    }

    /// Somebody in this process moved the sequence on.
    pub fn moved_on(&self, seq: ChangeSeq) {
        self.seq.fetch_max(seq.0, Ordering::AcqRel);
    }

    /// The store said `found` when asked at `now`; `before` was known when it was asked. What
    /// was learned meanwhile is newer and stays.
    pub fn confirm(&self, before: ChangeSeq, found: ChangeSeq, now: Timestamp) {
        let _ = self.seq.compare_exchange(before.0, found.0, Ordering::AcqRel, Ordering::Acquire);
        self.seen_ms.store(now.as_millisecond(), Ordering::Release);
    }
}

/// One employee's feed.
#[derive(Debug)]
pub(super) struct Slot {
    pub roster: Arc<RosterFeeds>,
    pub employee: EmployeeId,
    /// Held while the feed is rendered, so that only one caller does.
    pub rendering: tokio::sync::Mutex<()>,
    current: RwLock<Option<Current>>,
    /// What the last body was and since when; outlives the body when memory is short.
    last: Mutex<Option<(Digest256, Timestamp)>>,
    used_ms: AtomicI64,
}

#[derive(Debug)]
struct Current {
    content: Arc<Content>,
    seq: ChangeSeq,
    hour: i64,
}

impl Slot {
    /// The content, if it shows the roster as it is known now.
    pub fn fresh(&self, now: Timestamp) -> Option<Arc<Content>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let current = current.as_ref()?;
        if current.seq != self.roster.seq() || current.hour != hour_of(now) {
            return None;
        }
        self.used_ms.store(now.as_millisecond(), Ordering::Relaxed);
        Some(Arc::clone(&current.content))
    }

    /// The content as it was last, however old.
    pub fn stale(&self) -> Option<Arc<Content>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map(|it| Arc::clone(&it.content))
    }

    /// Since when the body with this digest is what it is, if it is rendered at `now`.
    ///
    /// The instant at which this process first saw it: only that moves with everything that can
    /// change a body, deletions and the window's passing among it. Two bodies never share a
    /// second, so `Last-Modified` tells them apart.
    pub fn modified_at(&self, digest: Digest256, now: Timestamp) -> Timestamp {
        let mut last = locked(&self.last);
        let second = match *last {
            Some((same, since)) if same == digest => return since,
            Some((_, since)) => now.as_second().max(since.as_second() + 1),
            None => now.as_second(),
        };
        let since = Timestamp::from_second(second).unwrap_or(now);
        *last = Some((digest, since));
        since
    }

    fn replace(&self, current: Option<Current>) -> Option<Current> {
        let mut place = self.current.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *place, current)
    }
}

/// What a token opens, as the store said at some instant. Never changed, only replaced.
#[derive(Debug)]
pub(super) struct Grant {
    pub slot: Arc<Slot>,
    /// When it ends by itself.
    pub until: Timestamp,
    /// When the store was asked.
    pub seen_at: Timestamp,
    /// What [`Cache::epoch`] was before the store was asked.
    pub epoch: u64,
}

impl Grant {
    fn holds(&self, now: Timestamp, epoch: u64) -> bool {
        self.epoch == epoch && now < self.until && is_recent(self.seen_at.as_millisecond(), now)
    }
}

/// Grants and slots.
#[derive(Debug, Default)]
pub(super) struct Cache {
    grants: [RwLock<HashMap<TokenHash, Grant>>; SHARDS],
    grant_count: AtomicUsize,
    slots: Mutex<HashMap<(RosterName, EmployeeId), Arc<Slot>>>,
    bytes: AtomicUsize,
    epoch: AtomicU64,
}

impl Cache {
    /// Counts changes to links and keys in this process; a grant of another epoch is not
    /// believed. Read it before asking the store.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Believes no grant any more.
    pub fn end_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// The content that a token opens, if all that is known of it is current.
    pub fn content(&self, hash: &TokenHash, now: Timestamp) -> Option<Arc<Content>> {
        let grants = self.shard(hash).read();
        let grants = grants.unwrap_or_else(PoisonError::into_inner);
        let grant = grants.get(hash)?;
        let current = grant.holds(now, self.epoch()) && grant.slot.roster.is_confirmed(now);
        if current { grant.slot.fresh(now) } else { None }
    }

    /// The slot that a token opens, if its grant is current.
    pub fn slot_of(&self, hash: &TokenHash, now: Timestamp) -> Option<Arc<Slot>> {
        let grants = self.shard(hash).read();
        let grants = grants.unwrap_or_else(PoisonError::into_inner);
        let grant = grants.get(hash)?;
        grant.holds(now, self.epoch()).then(|| Arc::clone(&grant.slot))
    }

    /// Remembers what a token opens.
    pub fn grant(&self, hash: TokenHash, grant: Grant) {
        if self.grant_count.load(Ordering::Relaxed) >= FEED_LINKS_CACHED_MAX {
            self.forget_all();
        }
        let mut grants = self.shard(&hash).write().unwrap_or_else(PoisonError::into_inner);
        if grants.insert(hash, grant).is_none() {
            self.grant_count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Forgets a token that opens nothing any more.
    pub fn forget(&self, hash: &TokenHash) {
        let mut grants = self.shard(hash).write().unwrap_or_else(PoisonError::into_inner);
        if grants.remove(hash).is_some() {
            self.grant_count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The slot of one employee's feed, made if missing.
    pub fn slot(&self, roster: &Arc<RosterFeeds>, employee: &EmployeeId) -> Arc<Slot> {
        let key = (roster.name.clone(), employee.clone());
        let mut slots = locked(&self.slots);
        let slot = slots.entry(key).or_insert_with(|| {
            Arc::new(Slot {
                roster: Arc::clone(roster),
                employee: employee.clone(),
                rendering: tokio::sync::Mutex::default(),
                current: RwLock::default(),
                last: Mutex::default(),
                used_ms: AtomicI64::new(i64::MIN),
            })
        });
        Arc::clone(slot)
    }

    /// Puts new content into a slot and, where memory is short, drops others' contents.
    pub fn fill(&self, slot: &Slot, content: Arc<Content>, seq: ChangeSeq, now: Timestamp) {
        slot.used_ms.store(now.as_millisecond(), Ordering::Relaxed);
        self.bytes.fetch_add(content.cost(), Ordering::Relaxed);
        let hour = hour_of(now);
        let former = slot.replace(Some(Current { content, seq, hour }));
        self.release(former);
        if self.bytes() > FEED_CACHE_BYTES_MAX {
            self.evict();
        }
    }

    /// Bytes of all contents, about.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn release(&self, former: Option<Current>) {
        let cost = former.map_or(0, |former| former.content.cost());
        self.bytes.fetch_sub(cost, Ordering::Relaxed);
    }

    fn evict(&self) {
        let mut slots: Vec<_> = locked(&self.slots).values().cloned().collect();
        slots.sort_by_cached_key(|slot| slot.used_ms.load(Ordering::Relaxed));
        for slot in slots {
            if self.bytes() <= FEED_CACHE_BYTES_MAX / 4 * 3 {
                return;
            }
            self.release(slot.replace(None));
        }
    }

    fn forget_all(&self) {
        for shard in &self.grants {
            shard.write().unwrap_or_else(PoisonError::into_inner).clear();
        }
        self.grant_count.store(0, Ordering::Relaxed);
        // Slots that nobody is using just now are made again when they are asked for.
        locked(&self.slots).retain(|_, slot| {
            let used = Arc::strong_count(slot) > 1;
            if !used {
                self.release(slot.replace(None));
            }
            used
        });
    }

    fn shard(&self, hash: &TokenHash) -> &RwLock<HashMap<TokenHash, Grant>> {
        &self.grants[usize::from(hash[0]) % SHARDS]
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
