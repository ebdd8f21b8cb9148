//! What vendors hint at: gathered until a roster's loop looks, and subscriptions kept alive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::limits::SUBSCRIPTION_RETRY_MAX;
use domain::{CalendarKey, ConnectionName, MirrorName};
use engine::port::{Hooks, NoticeKind, StoreError, Topic};
use engine::run::gate::Gate;
use engine::run::subscriptions::{Keeper, KeeperReport};
use server::hook::{Hint, HintTaker, HookRoute, HookRoutes, secret_hash};
use tokio::sync::Notify;

use crate::event;
use crate::wiring::{MirrorWorks, Works};

/// What was hinted at of one roster and its mirrors, and was not looked at yet.
#[derive(Debug, Default)]
pub struct Hints {
    wanted: Mutex<Wanted>,
    came: Notify,
}

/// What is to be looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Whether the source is to be read.
    pub source: bool,
    /// Which calendars of which mirrors.
    pub calendars: BTreeMap<MirrorName, BTreeSet<CalendarKey>>,
}

impl Hints {
    /// Adds one.
    pub fn add(&self, topic: Topic) {
        match topic {
            Topic::Source => lock(&self.wanted).source = true,
            Topic::Calendar { mirror, calendar } => {
                lock(&self.wanted).calendars.entry(mirror).or_default().insert(calendar);
            }
        }
        self.came.notify_one();
    }

    /// Completes when there are some.
    pub async fn came(&self) {
        self.came.notified().await;
    }

    /// Takes all.
    pub fn take(&self) -> Wanted {
        std::mem::take(&mut *lock(&self.wanted))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection over which a vendor sends hints.
pub struct HookWorks {
    /// Which.
    pub connection: ConnectionName,
    /// Speaks the vendor's language.
    pub hooks: Arc<dyn Hooks>,
    /// The way there.
    pub gate: Arc<Gate>,
    /// What vendors want done about their subscriptions.
    pub asked: Arc<Asked>,
}

/// What a vendor wants done about subscriptions, and was not done yet.
#[derive(Debug, Default)]
pub struct Asked {
    renew: Mutex<BTreeSet<String>>,
    gone: Mutex<BTreeSet<String>>,
    came: Notify,
}

/// Takes the hints of one connection.
struct Taker {
    /// The hints of each roster that has to do with the connection: whether it is read over it,
    /// and its mirrors there.
    rosters: Vec<(Arc<Hints>, bool, BTreeSet<MirrorName>)>,
    asked: Arc<Asked>,
}

impl HintTaker for Taker {
    fn take(&self, hint: Hint) {
        let Hint { topic, subscription, what } = hint;
        match what {
            NoticeKind::Changed | NoticeKind::Missed => {}
            NoticeKind::Renew => {
                lock(&self.asked.renew).extend(subscription);
                self.asked.came.notify_one();
                return;
            }
            NoticeKind::Gone => {
                lock(&self.asked.gone).extend(subscription);
                self.asked.came.notify_one();
            }
        }
        for (hints, is_source, mirrors) in &self.rosters {
            let concerned = match &topic {
                Topic::Source => *is_source,
                Topic::Calendar { mirror, calendar: _ } => mirrors.contains(mirror),
            };
            if concerned {
                hints.add(topic.clone());
            }
        }
    }
}

impl Works {
    /// Who reads and takes what vendors send to `/hooks/…`.
    pub fn hook_routes(&self) -> HookRoutes {
        let route = |works: &HookWorks| {
            let connection = &works.connection;
            let rosters = self.rosters.iter().map(|roster| {
                let section = self.config.roster(&roster.name);
                let is_source = section.is_some_and(|it| it.source.as_ref() == Some(connection));
                let mirrors = self.mirrors_of(&roster.name);
                let there = mirrors.filter(|it| it.connection == *connection);
                let names = there.map(|it| it.spec.name.clone()).collect();
                (Arc::clone(&roster.hints), is_source, names)
            });
            let (rosters, asked) = (rosters.collect(), Arc::clone(&works.asked));
            let hooks = Arc::clone(&works.hooks);
            (connection.clone(), HookRoute { hooks, taker: Arc::new(Taker { rosters, asked }) })
        };
        self.hooks.iter().map(route).collect()
    }

    /// What the vendor of one connection is to tell us of: calendars of mirrors that want hints,
    /// as far as they were opened, and the source.
    async fn topics(&self, works: &HookWorks) -> Result<BTreeSet<Topic>, StoreError> {
        let mut topics = BTreeSet::new();
        let of_source =
            |it: &crate::config::RosterSection| it.source.as_ref() == Some(&works.connection);
        if self.config.rosters.iter().any(of_source) {
            topics.insert(Topic::Source);
        }
        let hinted = |it: &&MirrorWorks| it.hints && it.connection == works.connection;
        for mirror in self.mirrors.iter().filter(hinted) {
            let name = &mirror.spec.name;
            let states = self.store.calendar_states(name).await?;
            topics.extend(
                states.into_iter().filter(|it| it.read_at.is_some()).map(|state| Topic::Calendar {
                    mirror: name.clone(),
                    calendar: state.calendar,
                }),
            );
        }
        topics.retain(|topic| works.hooks.subscribes(topic));
        Ok(topics)
    }

    /// The calendars of a mirror of whose changes we are told.
    pub async fn told_of(&self, mirror: &MirrorName) -> Result<BTreeSet<CalendarKey>, StoreError> {
        let now = self.outside.clock.now();
        let live = self.store.subscriptions().await?.into_iter();
        let live = live.filter(|it| it.subscription.expires_at > now);
        Ok(live
            .filter_map(|it| match it.topic {
                Topic::Calendar { mirror: of, calendar } if of == *mirror => Some(calendar),
                Topic::Calendar { .. } | Topic::Source => None,
            })
            .collect())
    }
}

/// Looks after the subscriptions of one connection, once. Whether it is to be done again soon.
pub async fn keep_subscriptions(
    works: &Works,
    hooks: &HookWorks,
) -> Result<KeeperReport, StoreError> {
    let Some(public_url) = &works.config.server.public_url else {
        return Ok(KeeperReport::default());
    };
    let url = format!("{}/hooks/{}", public_url.trim_end_matches('/'), hooks.connection);
    forget_gone(works, hooks).await?;
    let asked = std::mem::take(&mut *lock(&hooks.asked.renew));
    let keeper = Keeper {
        connection: &hooks.connection,
        hooks: hooks.hooks.as_ref(),
        store: works.store.as_ref(),
        gate: &hooks.gate,
        clock: works.outside.clock.as_ref(),
        entropy: works.outside.entropy.as_ref(),
        ownership: works.outside.ownership.as_ref(),
        url: &url,
        hash: secret_hash,
    };
    let report = match works.topics(hooks).await {
        Ok(topics) => keeper.run(&topics, &asked).await,
        Err(error) => Err(error),
    };
    // A vendor asks once: what was not done is still to be done.
    let unfinished = report.as_ref().map_or(asked, |it| it.unfinished.clone());
    lock(&hooks.asked.renew).extend(unfinished);
    event::subscribed(hooks.connection.as_str(), &report);
    report
}

/// Forgets what vendors say is gone; what cannot be forgotten now is, the next time.
async fn forget_gone(works: &Works, hooks: &HookWorks) -> Result<(), StoreError> {
    let mut gone = std::mem::take(&mut *lock(&hooks.asked.gone));
    while let Some(id) = gone.pop_first() {
        if let Err(error) = works.store.remove_subscription(&hooks.connection, &id).await {
            gone.insert(id);
            lock(&hooks.asked.gone).extend(gone);
            return Err(error);
        }
    }
    Ok(())
}

impl HookWorks {
    /// Completes when the vendor wants something done about a subscription.
    pub async fn asked(&self) {
        self.asked.came.notified().await;
    }
}

/// How long to wait after so many passes in a row that failed.
pub fn retry_wait(failures: u32, usual: std::time::Duration) -> std::time::Duration {
    let doubled = usual.saturating_mul(1u32.checked_shl(failures).unwrap_or(u32::MAX));
    if failures == 0 { usual } else { doubled.min(SUBSCRIPTION_RETRY_MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_that_come_together_are_taken_together_and_once() {
        let hints = Hints::default();
        let calendar = CalendarKey::new("ada").unwrap();
        let mirror = MirrorName::new("m").unwrap();
        let topic = Topic::Calendar { mirror: mirror.clone(), calendar: calendar.clone() };
        for _ in 0..3 {
            hints.add(topic.clone());
        }
        hints.add(Topic::Source);
        let wanted = hints.take();
        assert!(wanted.source);
        assert_eq!(wanted.calendars, BTreeMap::from([(mirror, BTreeSet::from([calendar]))]));
        assert_eq!(hints.take(), Wanted::default());
    }

    #[test]
    fn what_fails_is_tried_again_ever_later_up_to_an_hour() {
        let usual = std::time::Duration::from_secs(300);
        let waits: Vec<u64> = (0..6).map(|it| retry_wait(it, usual).as_secs()).collect();
        assert_eq!(waits, [300, 600, 1200, 2400, 3600, 3600]);
    }
}
