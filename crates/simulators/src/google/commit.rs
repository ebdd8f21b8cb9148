//! Every change of events, whoever makes it: etags, copies at those who are invited, notices.

use jiff::Timestamp;
use serde_json::Value;

use super::state::{Event, State, Status};

impl State {
    /// Puts an event where it belongs, new or changed. Copies at those who are invited follow.
    pub(super) fn put_event(&mut self, calendar: &str, event: Event, now: Timestamp) {
        let is_organiser = event.organizer == calendar;
        let (organizer, id) = (event.organizer.clone(), event.id.clone());
        let response = event.response_of(calendar);
        let lives = event.is_live();
        self.store(calendar, event, now);
        if is_organiser {
            self.send_copies(calendar, &id, now);
        } else if self.calendars.contains_key(&organizer) {
            let response = if lives { response } else { Some("declined".to_owned()) };
            if let Some(response) = response {
                self.answer_invitation(&organizer, &id, calendar, &response, now);
            }
        }
    }

    /// Deletes an event; `by_person` puts it into the trash.
    pub(super) fn cancel_event(
        &mut self,
        calendar: &str,
        mut event: Event,
        now: Timestamp,
        by_person: bool,
    ) {
        (event.status, event.trashed, event.updated) = (Status::Cancelled, by_person, now);
        self.put_event(calendar, event, now);
    }

    /// Moves an event to another calendar, under the same id.
    pub(super) fn move_event(
        &mut self,
        from: &str,
        id: &str,
        to: &str,
        now: Timestamp,
    ) -> Option<()> {
        let event = self.calendars.get(from)?.events.get(id)?.clone();
        let mut moved = event.clone();
        if !event.is_live() || !self.calendars.contains_key(to) {
            return None;
        }
        moved.organizer = to.to_owned();
        moved.updated = now;
        self.put_event(to, moved, now);
        let mut left = event;
        left.status = Status::Cancelled;
        left.updated = now;
        self.store(from, left, now);
        Some(())
    }

    fn store(&mut self, calendar: &str, mut event: Event, now: Timestamp) {
        event.change = self.next_change();
        if let Some(found) = self.calendars.get_mut(calendar) {
            found.events.insert(event.id.clone(), event);
        }
        self.note_change(calendar, now);
    }

    /// Gives each user who is invited a copy in their first calendar, or takes it away.
    fn send_copies(&mut self, calendar: &str, id: &str, now: Timestamp) {
        let event = self.calendars.get(calendar).and_then(|it| it.events.get(id)).cloned();
        let Some(event) = event else { return };
        let invited: Vec<String> = event
            .attendees()
            .iter()
            .filter_map(|it| it.get("email")?.as_str())
            .filter(|it| *it != calendar && self.users.contains_key(*it))
            .map(String::from)
            .collect();
        let others: Vec<String> = self
            .calendars
            .iter()
            .filter(|(other, it)| *other != calendar && it.events.contains_key(id))
            .filter(|(_, it)| it.events[id].organizer == calendar)
            .map(|(other, _)| other.clone())
            .collect();
        for other in others.iter().filter(|it| !invited.contains(it)) {
            self.drop_copy(other, id, now);
        }
        for user in invited {
            if !event.is_live() {
                self.drop_copy(&user, id, now);
                continue;
            }
            let known = self.calendars.get(&user).and_then(|it| it.events.get(id)).cloned();
            let mut copy = event.clone();
            copy.fields.remove("extendedProperties");
            copy.fields.remove("reminders");
            if let Some(known) = known {
                // Whoever deleted their copy does not get it back.
                if !known.is_live() {
                    continue;
                }
                for name in ["extendedProperties", "reminders", "colorId"] {
                    if let Some(value) = known.fields.get(name) {
                        copy.fields.insert(name.into(), value.clone());
                    }
                }
            }
            self.store(&user, copy, now);
        }
    }

    fn drop_copy(&mut self, user: &str, id: &str, now: Timestamp) {
        let copy = self.calendars.get(user).and_then(|it| it.events.get(id)).cloned();
        if let Some(mut copy) = copy.filter(Event::is_live) {
            copy.status = Status::Cancelled;
            copy.updated = now;
            self.store(user, copy, now);
        }
    }

    /// Tells the organiser what somebody answered.
    fn answer_invitation(
        &mut self,
        organizer: &str,
        id: &str,
        user: &str,
        response: &str,
        now: Timestamp,
    ) {
        let event = self.calendars.get(organizer).and_then(|it| it.events.get(id)).cloned();
        let Some(mut event) = event.filter(Event::is_live) else { return };
        if event.response_of(user).as_deref() == Some(response) {
            return;
        }
        if let Some(Value::Array(list)) = event.fields.get_mut("attendees") {
            for attendee in list.iter_mut().filter(|it| it["email"] == user) {
                attendee["responseStatus"] = response.into();
            }
        }
        event.updated = now;
        self.store(organizer, event, now);
        self.send_copies(organizer, id, now);
    }
}
