//! People who act in their calendars, as with a browser: their changes take the same way as an
//! app's, and need no token.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::Google;
use super::series;
use super::state::{Calendar, Event, Listed, State, Status, User};
use super::when::When;

/// Somebody at work in their calendars.
#[derive(Debug, Clone)]
pub struct Person {
    google: Google,
    email: String,
}

/// An event that somebody makes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it is called.
    pub summary: String,
    /// When.
    pub start: When,
    /// Until when, exclusive.
    pub end: When,
    /// Anything else, as a client would write it.
    pub fields: Map<String, Value>,
}

impl Plan {
    /// From one instant to another.
    #[must_use]
    pub fn timed(summary: &str, start: Timestamp, end: Timestamp) -> Self {
        let zone = Some("UTC".to_owned());
        Self {
            summary: summary.into(),
            start: When::At(start, zone.clone()),
            end: When::At(end, zone),
            fields: Map::new(),
        }
    }

    /// With another field (`"location"`, `"recurrence"`, `"colorId"`).
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.into(), value);
        self
    }

    /// With people who are invited.
    #[must_use]
    pub fn inviting(self, emails: &[&str]) -> Self {
        let attendees: Vec<Value> = emails
            .iter()
            .map(|it| json!({ "email": it, "responseStatus": "needsAction" }))
            .collect();
        self.with("attendees", attendees.into())
    }
}

impl Google {
    /// Adds a user with a first calendar in this zone.
    pub fn add_user(&self, email: &str, time_zone: &str) -> Person {
        let email = email.to_ascii_lowercase();
        let now = self.now();
        self.update(|state| {
            let listed = Listed { since: now, ..Listed::default() };
            let user = User { name: email.clone(), ..User::default() };
            let user = User { list: [(email.clone(), listed)].into(), ..user };
            state.users.insert(email.clone(), user);
            let calendar = Calendar {
                summary: email.clone(),
                time_zone: time_zone.into(),
                owner: email.clone(),
                primary: true,
                ..Calendar::default()
            };
            state.add_calendar(&email, calendar);
        });
        self.person(&email)
    }

    /// Somebody who has an account.
    #[must_use]
    pub fn person(&self, email: &str) -> Person {
        Person { google: self.clone(), email: email.to_ascii_lowercase() }
    }

    /// The events of a calendar that take place: exceptions and series as such.
    #[must_use]
    pub fn live_events(&self, calendar: &str) -> Vec<Event> {
        self.read(|state| {
            let found = state.calendars.get(calendar);
            let events = found.into_iter().flat_map(|it| it.events.values());
            events.filter(|it| it.is_live()).cloned().collect()
        })
    }

    /// The calendars that somebody owns beside their first one: id and name.
    #[must_use]
    pub fn secondary_calendars(&self, email: &str) -> Vec<(String, String)> {
        self.read(|state| {
            let own = state.calendars.iter().filter(|(_, it)| it.owner == email && !it.primary);
            own.map(|(id, it)| (id.clone(), it.summary.clone())).collect()
        })
    }

    /// Makes all sync tokens that were given so far unacceptable.
    pub fn forget_sync_tokens(&self) {
        self.update(|state| {
            let change = state.next_change();
            state.calendars.values_mut().for_each(|it| it.forgotten = change);
        });
    }
}

impl Person {
    /// Their address, which is also the id of their first calendar.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }

    fn change<T>(
        &self,
        calendar: &str,
        id: &str,
        change: impl FnOnce(&mut Event) -> T,
    ) -> Option<T> {
        let now = self.google.now();
        self.google.update(|state| {
            let mut event = series::find(state, calendar, id)?;
            let told = change(&mut event);
            event.updated = now;
            state.put_event(calendar, event, now);
            Some(told)
        })
    }

    /// Moves an event by so much. `None` when it is not there.
    pub fn moves(&self, calendar: &str, id: &str, by: SignedDuration) -> Option<()> {
        self.change(calendar, id, |event| {
            (event.start, event.end) = (event.start.later(by), event.end.later(by));
            event.sequence += 1;
        })
    }

    /// Gives an event another title.
    pub fn renames(&self, calendar: &str, id: &str, summary: &str) -> Option<()> {
        self.writes(calendar, id, "summary", summary.into())
    }

    /// Writes any field of an event.
    pub fn writes(&self, calendar: &str, id: &str, name: &str, value: Value) -> Option<()> {
        self.change(calendar, id, |event| {
            event.fields.insert(name.into(), value);
        })
    }

    /// Takes all extended properties off an event, as some apps do.
    pub fn strips(&self, calendar: &str, id: &str) -> Option<()> {
        self.change(calendar, id, |event| {
            event.fields.remove("extendedProperties");
        })
    }

    /// Deletes an event: it lies in the trash then.
    pub fn deletes(&self, calendar: &str, id: &str) -> Option<()> {
        let now = self.google.now();
        self.google.update(|state| {
            let event = series::find(state, calendar, id).filter(Event::is_live)?;
            state.cancel_event(calendar, event, now, true);
            Some(())
        })
    }

    /// Takes an event out of the trash.
    pub fn restores(&self, calendar: &str, id: &str) -> Option<()> {
        self.change(calendar, id, |event| {
            (event.status, event.trashed) = (Status::Confirmed, false);
        })
    }

    /// Copies an event, with everything that is written in it, into a calendar; gives the id of the
    /// copy.
    pub fn copies(&self, calendar: &str, id: &str, into: &str) -> Option<String> {
        let now = self.google.now();
        self.google.update(|state| {
            let mut event = series::find(state, calendar, id)?;
            event.id = state.next_id();
            event.uid = format!("{}@google.com", event.id);
            event.organizer = into.to_owned();
            event.creator.clone_from(&self.email);
            (event.created, event.updated) = (now, now);
            let copy = event.id.clone();
            state.put_event(into, event, now);
            Some(copy)
        })
    }

    /// Moves an event to another calendar; it keeps its id.
    pub fn relocates(&self, calendar: &str, id: &str, into: &str) -> Option<()> {
        let now = self.google.now();
        self.google.update(|state| state.move_event(calendar, id, into, now))
    }

    /// Makes an event in a calendar, with whoever is invited; gives its id.
    pub fn plans(&self, calendar: &str, plan: Plan) -> String {
        let now = self.google.now();
        self.google.update(|state| self.planned(state, calendar, plan, now))
    }

    fn planned(&self, state: &mut State, calendar: &str, plan: Plan, now: Timestamp) -> String {
        let Plan { summary, start, end, mut fields } = plan;
        fields.insert("summary".into(), summary.into());
        if let Some(Value::Array(list)) = fields.get_mut("attendees") {
            list.push(json!({
                "email": self.email, "organizer": true, "responseStatus": "accepted",
            }));
        }
        let id = state.next_id();
        let event = Event {
            uid: format!("{id}@google.com"),
            id: id.clone(),
            status: Status::Confirmed,
            fields,
            start,
            end,
            creator: self.email.clone(),
            organizer: calendar.to_owned(),
            created: now,
            updated: now,
            change: 0,
            sequence: 0,
            trashed: false,
            planned: None,
        };
        state.put_event(calendar, event, now);
        id
    }

    /// Answers an invitation (`accepted`, `tentative`, `declined`).
    pub fn responds(&self, id: &str, response: &str) -> Option<()> {
        self.change(&self.email, id, |event| {
            if let Some(Value::Array(list)) = event.fields.get_mut("attendees") {
                for attendee in list.iter_mut().filter(|it| it["email"] == self.email) {
                    attendee["responseStatus"] = response.into();
                }
            }
        })
    }

    /// Makes a calendar of their own; gives its id.
    pub fn makes_calendar(&self, summary: &str) -> String {
        let now = self.google.now();
        self.google.update(|state| {
            let id = format!("c_{}@group.calendar.google.com", state.next_id());
            let calendar = Calendar {
                summary: summary.into(),
                time_zone: "UTC".into(),
                owner: self.email.clone(),
                ..Calendar::default()
            };
            state.add_calendar(&id, calendar);
            if let Some(owner) = state.users.get_mut(&self.email) {
                owner.list.insert(id.clone(), Listed { since: now, ..Listed::default() });
            }
            id
        })
    }

    /// Gives a calendar another name.
    pub fn renames_calendar(&self, calendar: &str, summary: &str) {
        self.google.update(|state| {
            if let Some(found) = state.calendars.get_mut(calendar) {
                found.summary = summary.into();
            }
        });
    }

    /// Deletes a calendar with all that is in it.
    pub fn deletes_calendar(&self, calendar: &str) {
        self.google.update(|state| state.drop_calendar(calendar));
    }

    /// Hides a calendar from their list.
    pub fn hides_calendar(&self, calendar: &str) {
        self.google.update(|state| {
            let user = state.users.get_mut(&self.email);
            if let Some(listed) = user.and_then(|it| it.list.get_mut(calendar)) {
                listed.hidden = true;
            }
        });
    }
}
