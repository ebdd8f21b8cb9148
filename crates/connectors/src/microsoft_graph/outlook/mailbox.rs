//! Which calendar of a mailbox is ours: found by its name, or else, where its owner gave it another
//! one, by the mark that it was made with; made where it is missing, remembered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{CalendarKey, MirrorName};
use engine::port::{Failure, FailureClass, Opened};
use http::Method;
use serde_json::json;

use super::call::{Call, Caller, failure};
use super::config::Which;
use super::map;
use super::read::{any_of, query};
use super::wire::Calendar;
use crate::microsoft_graph::client::{Ask, GraphFailure, Version, segment};

/// Calendars on a page; more than anybody has.
const CALENDARS_PER_PAGE: usize = 100;

/// The calendars of all mailboxes of one mirror.
#[derive(Debug)]
pub struct Mailboxes {
    /// The way to Graph.
    pub caller: Arc<Caller>,
    /// Which calendar of each.
    pub which: Which,
    mirror: MirrorName,
    known: Mutex<BTreeMap<CalendarKey, String>>,
}

impl Mailboxes {
    /// None is known yet.
    #[must_use]
    pub fn new(caller: Arc<Caller>, which: Which, mirror: MirrorName) -> Self {
        Self { caller, which, mirror, known: Mutex::default() }
    }

    /// A request below a mailbox.
    #[must_use]
    pub fn call(&self, calendar: &CalendarKey, ask: Ask) -> Call {
        Call { mailbox: calendar.as_str().to_owned(), ask }
    }

    /// The path of our calendar in a mailbox.
    ///
    /// # Errors
    /// `CalendarMissing` when it is not there; others.
    pub async fn path(&self, calendar: &CalendarKey) -> Result<String, Failure> {
        let Which::Named(name) = &self.which else {
            return Ok(format!("{}/calendar", mailbox_path(calendar)));
        };
        let known = self.lock().get(calendar).cloned();
        let id = match known {
            Some(id) => id,
            None => {
                let found = self.find(calendar, name).await?;
                let operation = format!("find calendar `{name}` of mailbox `{calendar}`");
                found.ok_or_else(|| {
                    failure(FailureClass::CalendarMissing, operation, "it has none of this name")
                })?
            }
        };
        Ok(format!("{}/calendars/{}", mailbox_path(calendar), segment(&id)))
    }

    /// Makes sure that our calendar is there.
    ///
    /// # Errors
    /// [`Failure`]; it may have been made all the same.
    pub async fn open(&self, calendar: &CalendarKey) -> Result<Opened, Failure> {
        let Which::Named(name) = &self.which else {
            let path = format!("{}/calendar?$select=id", mailbox_path(calendar));
            let ask = Ask::get(path, format!("find the default calendar of `{calendar}`"));
            self.caller.send(&self.call(calendar, ask)).await?;
            return Ok(Opened::Found);
        };
        self.forget(calendar);
        if self.find(calendar, name).await?.is_some() {
            return Ok(Opened::Found);
        }
        let path = format!("{}/calendars", mailbox_path(calendar));
        let operation = format!("make calendar `{name}` in mailbox `{calendar}`");
        let ask = Ask::new(Method::POST, Version::V1, path, operation);
        let mark = json!([{ "id": map::CALENDAR, "value": self.mark(name) }]);
        let body = json!({ "name": name, "singleValueExtendedProperties": mark });
        let call = self.call(calendar, ask.json(&body));
        match self.caller.send(&call).await {
            Ok(answer) => {
                let made: Calendar = answer.json()?;
                self.lock().insert(calendar.clone(), made.id);
                Ok(Opened::Made)
            }
            // Somebody was quicker, or an answer was lost.
            Err(GraphFailure { failure, .. }) if failure.class == FailureClass::Precondition => {
                match self.find(calendar, name).await? {
                    Some(_) => Ok(Opened::Found),
                    None => Err(Failure { class: FailureClass::Refused, ..failure }),
                }
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// The id of our calendar in a mailbox, if it was found already.
    #[must_use]
    pub fn known(&self, calendar: &CalendarKey) -> Option<String> {
        self.lock().get(calendar).cloned()
    }

    /// Forgets what is known of a mailbox: it was said not to be there.
    pub fn forget(&self, calendar: &CalendarKey) {
        self.lock().remove(calendar);
    }

    /// Forgets a mailbox whose calendar is said to be missing.
    #[must_use]
    pub fn doubting(&self, calendar: &CalendarKey, failure: Failure) -> Failure {
        if failure.class == FailureClass::CalendarMissing {
            self.forget(calendar);
        }
        failure
    }

    /// All calendars of a mailbox.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn all(&self, calendar: &CalendarKey) -> Result<Vec<Calendar>, Failure> {
        let path = format!(
            "{}/calendars?$select=id,name,canEdit&$top={CALENDARS_PER_PAGE}",
            mailbox_path(calendar)
        );
        let ask = Ask::get(path, format!("list the calendars of mailbox `{calendar}`"));
        Ok(self.caller.list(self.call(calendar, ask)).await?)
    }

    async fn find(&self, calendar: &CalendarKey, name: &str) -> Result<Option<String>, Failure> {
        let all = self.all(calendar).await?;
        let called = |it: &&Calendar| it.name.as_deref() == Some(name);
        // Exchange refuses a second folder whose name differs in case only.
        let alike = |it: &&Calendar| {
            it.name.as_deref().is_some_and(|its| its.to_lowercase() == name.to_lowercase())
        };
        let named = all.iter().find(called).or_else(|| all.iter().find(alike));
        let found = match named {
            Some(named) => Some(named.id.clone()),
            None => self.marked(calendar, name).await?,
        };
        if let Some(id) = &found {
            self.lock().insert(calendar.clone(), id.clone());
        }
        Ok(found)
    }

    /// The calendar that we made, if its owner gave it another name (Learn, "Get
    /// singleValueLegacyExtendedProperty": calendars can be filtered by one; read 2026-11).
    async fn marked(&self, calendar: &CalendarKey, name: &str) -> Result<Option<String>, Failure> {
        let mark = self.mark(name);
        let filter = format!("{} and ep/value eq '{mark}')", any_of(map::CALENDAR));
        let path =
            format!("{}/calendars?{}", mailbox_path(calendar), query(&[("$filter", &filter)]));
        let ask = Ask::get(path, format!("look for our calendar in mailbox `{calendar}`"));
        match self.caller.list::<Calendar>(self.call(calendar, ask)).await {
            // The same one for every process, should there be two.
            Ok(found) => Ok(found.into_iter().map(|it| it.id).min()),
            // A server that cannot filter so has the name to go by.
            Err(it) if matches!(it.failure.status, Some(400 | 501)) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// What tells a calendar of this mirror: with the name that the configuration gives it, so that
    /// another one there means another calendar. Hashed: filters take no odd letters.
    fn mark(&self, name: &str) -> String {
        let text = format!("{}\n{name}", self.mirror);
        uuid::Uuid::new_v5(&map::MARKS, text.as_bytes()).to_string()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CalendarKey, String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path of a mailbox.
#[must_use]
pub fn mailbox_path(calendar: &CalendarKey) -> String {
    format!("/users/{}", segment(calendar.as_str()))
}
