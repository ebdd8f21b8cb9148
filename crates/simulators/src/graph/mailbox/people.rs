//! People who use their calendars: they move, rename, delete and copy what they find there, and
//! book what is theirs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::write::take_away;
use super::{Event, Mail, Mailbox, Series, Span, item_id};
use crate::graph::Graph;

/// Somebody at their own calendar. Events go by their immutable ids.
#[derive(Debug, Clone)]
pub struct AtCalendar<'a> {
    graph: &'a Graph,
    user: String,
}

impl Graph {
    /// Gives somebody a mailbox.
    pub fn add_mailbox(&self, user: &str) {
        self.update(|state| {
            let seed = state.new_id("");
            let mailbox = Mailbox::new(|| seed.clone());
            state.mailboxes.entry(user.to_owned()).or_insert(mailbox);
        });
    }

    /// Takes somebody's licence away, and the mailbox with it.
    pub fn remove_mailbox(&self, user: &str) {
        self.update(|state| state.mailboxes.remove(user));
    }

    /// A mailbox as it stands.
    #[must_use]
    pub fn mailbox(&self, user: &str) -> Option<Mailbox> {
        self.read(|state| state.mailboxes.get(user).cloned())
    }

    /// Somebody at their own calendar.
    #[must_use]
    pub fn at_calendar(&self, user: &str) -> AtCalendar<'_> {
        AtCalendar { graph: self, user: user.to_owned() }
    }

    /// Every delta token of a mailbox is not good any more.
    pub fn expire_delta_tokens(&self, user: &str) {
        self.update(|state| {
            if let Some(mailbox) = state.mailboxes.get_mut(user) {
                mailbox.expire_delta_tokens();
            }
        });
    }
}

impl AtCalendar<'_> {
    fn act<T>(
        &self,
        what: &str,
        act: impl FnOnce(&mut Mailbox, Timestamp) -> Option<(T, String)>,
    ) -> Option<T> {
        let now = self.graph.now();
        self.graph.update(|state| {
            let (done, event) = act(state.mailboxes.get_mut(&self.user)?, now)?;
            state.tell(&self.user, &event, what, now);
            Some(done)
        })
    }

    fn change(&self, event: &str, change: impl FnOnce(&mut Event)) -> bool {
        let changed = self.act("updated", |mailbox, now| {
            let mut found = mailbox.find(event, None)?;
            change(&mut found);
            Some(((), mailbox.put(found, now).id))
        });
        changed.is_some()
    }

    /// Moves an event to another time.
    pub fn moves(&self, event: &str, span: Span) -> bool {
        self.change(event, |it| it.span = span)
    }

    /// Gives an event another title.
    pub fn renames(&self, event: &str, subject: &str) -> bool {
        self.change(event, |it| {
            it.said.insert("subject".into(), subject.into());
        })
    }

    /// Labels an event.
    pub fn labels(&self, event: &str, categories: &[&str]) -> bool {
        self.change(event, |it| {
            it.said.insert("categories".into(), json!(categories));
        })
    }

    /// Has a tool of theirs strip what it does not know.
    pub fn strips_tags(&self, event: &str) -> bool {
        self.change(event, |it| it.properties.clear())
    }

    /// Makes a series of an event.
    pub fn makes_a_series_of(&self, event: &str, every_days: i64, count: u32) -> bool {
        let series = Series { every_days, count, deleted: std::collections::BTreeSet::new() };
        self.change(event, |it| it.series = Some(series))
    }

    /// Deletes an event; of a series' occurrence, only that.
    pub fn deletes(&self, event: &str) -> bool {
        let deleted = self.act("deleted", |mailbox, now| {
            let found = mailbox.find(event, None)?;
            take_away(mailbox, &found, now);
            Some(((), found.id))
        });
        deleted.is_some()
    }

    /// Copies an event to the same calendar; the copy's id.
    pub fn copies(&self, event: &str) -> Option<String> {
        let keeps = self.graph.options().mailbox.copies_keep_properties;
        let seed = self.graph.update(|state| state.new_id(""));
        self.act("created", |mailbox, now| {
            let found = mailbox.find(event, None)?;
            let properties = if keeps { found.properties.clone() } else { BTreeMap::new() };
            let copy = Event {
                id: item_id("AAkALg", &seed),
                properties,
                transaction_id: None,
                occurrence_of: None,
                ical_uid: format!("copy-{seed}"),
                created_at: now,
                ..found
            };
            let id = mailbox.put(copy, now).id;
            Some((id.clone(), id))
        })
    }

    /// Moves an event to another calendar of theirs, made if missing.
    pub fn moves_to_calendar(&self, event: &str, name: &str) -> bool {
        let seed = self.graph.update(|state| state.new_id(""));
        let moved = self.act("updated", |mailbox, now| {
            let found = mailbox.find(event, None)?;
            let calendar = match mailbox.calendar_named(name) {
                Some(calendar) => calendar.id.clone(),
                None => mailbox.add_calendar(item_id("AAMkCal", &seed), name).id.clone(),
            };
            Some(((), mailbox.put(Event { calendar, ..found }, now).id))
        });
        moved.is_some()
    }

    /// Gives a calendar another name; whether it was there.
    pub fn renames_calendar(&self, name: &str, to: &str) -> bool {
        self.graph.update(|state| {
            let Some(mailbox) = state.mailboxes.get_mut(&self.user) else { return false };
            let mut named = mailbox.calendars.values_mut().filter(|it| it.name == name);
            named.next().map(|it| to.clone_into(&mut it.name)).is_some()
        })
    }

    /// Answers an invitation in Outlook, which keeps what is declined out of sight.
    pub fn responds(&self, event: &str, response: &str) -> bool {
        self.change(event, |it| response.clone_into(&mut it.response))
    }

    /// Replaces an event's text, in HTML.
    pub fn writes(&self, event: &str, html: &str) -> bool {
        self.change(event, |it| {
            it.said.insert("body".into(), json!({ "contentType": "html", "content": html }));
        })
    }

    /// Deletes a whole calendar; whether it was there.
    pub fn deletes_calendar(&self, name: &str) -> bool {
        self.graph.update(|state| {
            let Some(mailbox) = state.mailboxes.get_mut(&self.user) else { return false };
            let Some(id) = mailbox.calendar_named(name).map(|it| it.id.clone()) else {
                return false;
            };
            mailbox.events.retain(|_, it| it.calendar != id);
            mailbox.calendars.remove(&id).is_some()
        })
    }

    /// Books something in their default calendar: a subject, when, and whom they invite, by user
    /// id. Those get it in theirs, unanswered. The event's id.
    pub fn books(&self, subject: &str, span: Span, invited: &[&str]) -> Option<String> {
        self.books_as(subject, span, invited, json!({}))
    }

    /// Books something of which more is said, in Graph's words.
    pub fn books_as(
        &self,
        subject: &str,
        span: Span,
        invited: &[&str],
        more: Value,
    ) -> Option<String> {
        let now = self.graph.now();
        self.graph.update(|state| {
            let seed = state.new_id("");
            let address = |user: &str| Some(state.users.get(user)?.upn.clone());
            let own = address(&self.user)?;
            let addresses: Vec<String> = invited.iter().filter_map(|it| address(it)).collect();
            let attendee = |it: &String| {
                json!({
                    "type": "required", "emailAddress": { "name": it, "address": it },
                    "status": { "response": "none", "time": "0001-01-01T00:00:00Z" },
                })
            };
            let attendees: Vec<Value> = addresses.iter().map(attendee).collect();
            let mut said = Map::new();
            said.insert("subject".into(), subject.into());
            said.insert("attendees".into(), attendees.into());
            said.extend(more.as_object().cloned().unwrap_or_default());
            let mailbox = state.mailboxes.get_mut(&self.user)?;
            let mails = addresses.iter().map(|to| Mail {
                to: to.clone(),
                kind: "invitation",
                subject: subject.into(),
            });
            mailbox.mails.extend(mails);
            let event = Event {
                id: item_id("AAkALg", &seed),
                calendar: mailbox.primary.clone(),
                said,
                span,
                transaction_id: None,
                properties: BTreeMap::new(),
                organizer: None,
                response: if invited.is_empty() { "none" } else { "organizer" }.into(),
                cancelled: false,
                series: None,
                occurrence_of: None,
                ical_uid: format!("meeting-{seed}"),
                created_at: now,
                modified_at: now,
                version: 0,
            };
            let made = mailbox.put(event, now);
            for user in invited {
                let Some(theirs) = state.mailboxes.get_mut(*user) else { continue };
                let copy = Event {
                    id: item_id("AAkALg", &format!("{seed} {user}")),
                    calendar: theirs.primary.clone(),
                    organizer: Some(own.clone()),
                    response: "notResponded".into(),
                    ..made.clone()
                };
                let copy = theirs.put(copy, now).id;
                state.tell(user, &copy, "created", now);
            }
            state.tell(&self.user, &made.id, "created", now);
            Some(made.id)
        })
    }
}
