//! Which of Google's calendars a calendar of ours is, and making the one that is missing.
//!
//! The scope that lets us make calendars does not let us list them, so a second one is asked for,
//! which shows no more than which calendars somebody has. Ours carries a mark in its description,
//! and is known by it under whatever name a person gives it.
//!
//! Google takes no id for a new calendar. So one is made only right after a list that has none, by
//! the one task that opens it, under the lease of its calendar; and after a creation without an
//! answer none is made for as long as Google may take to list the first. Should there be two all
//! the same, the one with the smaller id is ours, for every process alike.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{CalendarKey, MirrorName};
use engine::port::{Clock, Failure, FailureClass, Opened};
use http::Method;
use jiff::Timestamp;

use super::classify::Asked;
use super::client::{As, Ask, Client};
use super::wire::{Calendar, NewCalendar, Page};

/// How long a calendar whose creation was not answered may take to be listed.
const IN_DOUBT: Duration = Duration::from_secs(5 * 60);
/// Pages of somebody's list of calendars: 250 on each, and nobody has so many.
const LIST_PAGES_MAX: usize = 40;
/// What every mark of ours begins with.
const MARK: &str = "[rotabridge ";
/// Entries on a page of such a list; the most that Google gives.
const LIST_PAGE: &str = "250";

/// Which kind of calendar a mirror is kept in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Home {
    /// One of the employee's own beside their first, of this name.
    Own(String),
    /// The employee's first one.
    Primary,
    /// One for each group, which this account has and shares; the name begins with this.
    Shared {
        /// Whose they are.
        organiser: Arc<str>,
        /// What stands before the group's name.
        name: String,
    },
}

/// A calendar that was found, or is to be made.
pub(super) struct Wanted<'a> {
    pub key: &'a CalendarKey,
    pub who: &'a As,
    pub name: String,
    pub time_zone: String,
}

/// The calendars of one mirror.
pub(super) struct Calendars {
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    mirror: MirrorName,
    home: Home,
    known: Mutex<BTreeMap<CalendarKey, Arc<str>>>,
    /// Until when a creation without an answer is waited for.
    in_doubt: Mutex<BTreeMap<CalendarKey, Timestamp>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Calendars {
    pub fn new(client: Arc<Client>, clock: Arc<dyn Clock>, mirror: MirrorName, home: Home) -> Self {
        let (known, in_doubt) = (Mutex::default(), Mutex::default());
        Self { client, clock, mirror, home, known, in_doubt }
    }

    /// The id of a calendar that is there; asked for once.
    ///
    /// # Errors
    /// When it cannot be asked for.
    pub async fn id(&self, key: &CalendarKey, who: &As) -> Result<Option<Arc<str>>, Failure> {
        if self.home == Home::Primary {
            return Ok(Some("primary".into()));
        }
        let known = lock(&self.known).get(key).cloned();
        match known {
            Some(id) => Ok(Some(id)),
            None => self.find(key, who).await,
        }
    }

    /// Forgets where a calendar is: it is not there any more.
    pub fn forget(&self, key: &CalendarKey) {
        lock(&self.known).remove(key);
    }

    /// Makes sure that a calendar is there. The caller holds its lease.
    ///
    /// # Errors
    /// [`Failure`]; it may have been made all the same.
    pub async fn open(&self, wanted: &Wanted<'_>) -> Result<Opened, Failure> {
        let Wanted { key, who, .. } = wanted;
        if self.home == Home::Primary {
            return Ok(Opened::Found);
        }
        let known = lock(&self.known).get(*key).cloned();
        if let Some(id) = known {
            if self.is_there(key, who, &id).await? {
                return Ok(Opened::Found);
            }
            self.forget(key);
        }
        if self.find(key, who).await?.is_some() {
            lock(&self.in_doubt).remove(*key);
            return Ok(Opened::Found);
        }
        self.make(wanted).await
    }

    async fn is_there(&self, key: &CalendarKey, who: &As, id: &str) -> Result<bool, Failure> {
        let segments = ["calendars", id];
        let operation = format!("look at the calendar of `{key}`");
        let ask = Ask::new(Method::GET, &segments, who, Asked::Read, operation);
        match self.client.send(&ask).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.status == Some(404) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Looks for the calendar in its owner's list: by its mark, or else, where somebody took that
    /// out of the description, by its name among those that we may touch.
    async fn find(&self, key: &CalendarKey, who: &As) -> Result<Option<Arc<str>>, Failure> {
        let mark = self.mark(key);
        let all = self.owned(key, who).await?;
        let said = |it: &Calendar, what: &str| {
            it.description.as_deref().is_some_and(|text| text.contains(what))
        };
        let marked = all.iter().filter(|it| said(it, &mark)).map(|it| it.id.as_str()).min();
        let mut found = marked;
        if let (None, Home::Own(name)) = (marked, &self.home) {
            let named = all.iter().filter(|it| it.summary == *name && !said(it, MARK));
            for calendar in named {
                if self.is_ours(key, who, &calendar.id).await? {
                    found = found.min(Some(calendar.id.as_str())).or(Some(&calendar.id));
                }
            }
        }
        let Some(found) = found else { return Ok(None) };
        let id: Arc<str> = found.into();
        lock(&self.known).insert(key.clone(), Arc::clone(&id));
        Ok(Some(id))
    }

    /// Whether a calendar is one that we made: the scope lets us see no other.
    async fn is_ours(&self, key: &CalendarKey, who: &As, id: &str) -> Result<bool, Failure> {
        match self.is_there(key, who, id).await {
            Err(failure) if failure.class == FailureClass::Forbidden => Ok(false),
            outcome => outcome,
        }
    }

    /// How many calendars of somebody carry the mark of this one: more than one is too many.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn count(&self, key: &CalendarKey, who: &As) -> Result<usize, Failure> {
        let mark = self.mark(key);
        let all = self.owned(key, who).await?;
        let has = |it: &Calendar| it.description.as_deref().is_some_and(|it| it.contains(&mark));
        Ok(all.iter().filter(|it| has(it)).count())
    }

    /// The calendars that somebody owns beside their first one.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn owned(&self, key: &CalendarKey, who: &As) -> Result<Vec<Calendar>, Failure> {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..LIST_PAGES_MAX {
            let mut query =
                vec![("maxResults", LIST_PAGE), ("showHidden", "true"), ("minAccessRole", "owner")];
            if let Some(token) = &token {
                query.push(("pageToken", token));
            }
            let segments = ["users", "me", "calendarList"];
            let operation = format!("list the calendars of `{key}`");
            let ask = Ask::new(Method::GET, &segments, who, Asked::Account, operation);
            let ask = ask.query(&query);
            let page: Page<Calendar> = self.client.send(&ask).await?.json(&ask)?;
            let is_own = |it: &Calendar| it.access_role.as_deref() == Some("owner") && !it.primary;
            all.extend(page.items.into_iter().filter(is_own));
            match page.next_page_token {
                Some(next) => token = Some(next),
                None => return Ok(all),
            }
        }
        let operation = format!("list the calendars of `{key}`");
        let detail = format!("the list has more than {LIST_PAGES_MAX} pages");
        Err(Failure { class: FailureClass::Bug, operation, status: None, detail })
    }

    async fn make(&self, wanted: &Wanted<'_>) -> Result<Opened, Failure> {
        let Wanted { key, who, name, time_zone } = wanted;
        let operation = format!("make the calendar of `{key}`");
        let now = self.clock.now();
        let in_doubt = lock(&self.in_doubt).get(*key).copied().filter(|until| now < *until);
        let ask = Ask::new(Method::POST, &["calendars"], who, Asked::MakeCalendar, operation);
        if let Some(until) = in_doubt {
            let detail = format!(
                "Google did not answer when it was made and does not list it yet; another one is \
                 not made before {until}"
            );
            return Err(ask.failure(FailureClass::Unavailable, detail));
        }
        let body = NewCalendar {
            summary: name.clone(),
            description: self.description(key),
            time_zone: time_zone.clone(),
        };
        let ask = ask.json(&body);
        let made = self.client.send(&ask).await.and_then(|it| it.json::<Calendar>(&ask));
        match made {
            Ok(calendar) => {
                lock(&self.known).insert((*key).clone(), calendar.id.into());
                Ok(Opened::Made)
            }
            Err(failure) => {
                if failure.class == FailureClass::Unknown {
                    let until = now.saturating_add(IN_DOUBT).unwrap_or(Timestamp::MAX);
                    lock(&self.in_doubt).insert((*key).clone(), until);
                }
                Err(failure)
            }
        }
    }

    fn description(&self, key: &CalendarKey) -> String {
        format!(
            "Shifts, kept up to date by Rotabridge; changes made here do not last. {}",
            self.mark(key)
        )
    }

    /// What tells this calendar from others of the same account. Please do not change what it looks
    /// like: calendars out there carry it.
    fn mark(&self, key: &CalendarKey) -> String {
        match &self.home {
            Home::Own(_) | Home::Primary => format!("{MARK}{}]", self.mirror),
            Home::Shared { .. } => format!("{MARK}{} {key}]", self.mirror),
        }
    }
}
