//! The calendar of a person's own in which every event is a wish: found by its name among those
//! that they own, once; where somebody has none, it is looked for each time, because they may make
//! it.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use domain::CalendarKey;
use engine::port::Failure;

use super::calendars::Home;
use super::client::As;
use super::provider::GoogleTarget;

impl GoogleTarget {
    /// The calendar of wishes of a person: its name and its id. Not ours, which is read anyway.
    ///
    /// # Errors
    /// When their calendars cannot be listed.
    pub(super) async fn of_wishes(
        &self,
        calendar: &CalendarKey,
        who: &As,
    ) -> Result<Option<(String, Arc<str>)>, Failure> {
        let Some(name) = &self.setup.wishes_in else { return Ok(None) };
        let named = |other: &str| other.trim().to_lowercase() == name.to_lowercase();
        if matches!(&self.setup.home, Home::Own(own) if named(own)) {
            return Ok(None);
        }
        let known = self.wishing().get(calendar).cloned();
        if let Some(id) = known {
            return Ok(Some((name.clone(), id)));
        }
        let all = self.calendars.owned(calendar, who).await?;
        let Some(found) = all.into_iter().find(|it| named(&it.summary)) else { return Ok(None) };
        let id: Arc<str> = found.id.into();
        self.wishing().insert(calendar.clone(), Arc::clone(&id));
        Ok(Some((name.clone(), id)))
    }

    /// Whether this is the id of a person's calendar of wishes, as far as it was found.
    pub(super) fn is_of_wishes(&self, calendar: &CalendarKey, id: &str) -> bool {
        self.wishing().get(calendar).is_some_and(|it| **it == *id)
    }

    /// It is not there any more.
    pub(super) fn forget_wishing(&self, calendar: &CalendarKey) {
        self.wishing().remove(calendar);
    }

    fn wishing(&self) -> MutexGuard<'_, BTreeMap<CalendarKey, Arc<str>>> {
        self.wishing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
