//! Which route a request takes below `/users/{id}`, who may take it, and in which mailbox.

use serde_json::{Value, json};

use super::{Calendar, Mailbox, MailboxOptions, delta, item_id, read, write};
use crate::graph::error;
use crate::graph::http::Reply;
use crate::graph::route::{Call, not_allowed, not_found};

const READ: &[&str] =
    &["Calendars.Read", "Calendars.ReadBasic.All", "Calendars.ReadBasic", "Calendars.ReadWrite"];
const WRITE: &[&str] = &["Calendars.ReadWrite"];

/// One request in one mailbox.
pub(super) struct Room<'a> {
    pub call: &'a Call<'a>,
    /// The id of the mailbox's owner.
    pub user: String,
    /// Their address.
    pub address: String,
    /// Whether ids are those that survive moves.
    pub immutable: bool,
    /// Whether bodies are texts.
    pub as_text: bool,
}

/// Answers a request below `/users/{id}` that is about calendars.
pub(in crate::graph) fn answer(
    call: &Call<'_>,
    user: &str,
    segments: &[&str],
) -> Result<Reply, Reply> {
    let writes = call.method() != "GET";
    let room = Room::enter(call, user, if writes { WRITE } else { READ })?;
    let takes = room.within_quota()?;
    let mut reply = room.answer(segments).unwrap_or_else(|refusal| refusal);
    if writes && (200..300).contains(&reply.status) {
        room.call.graph.desk().counts.mailbox_writes += 1;
    }
    if !call.ask.in_batch {
        reply.fate.delay += takes;
    }
    Ok(reply)
}

impl<'a> Room<'a> {
    fn enter(call: &'a Call<'a>, user: &str, roles: &[&str]) -> Result<Self, Reply> {
        let found = call.graph.read(|state| {
            let mut users = state.users.values().filter(|it| it.tenant == call.session.tenant);
            let found = users.find(|it| it.id == user || it.upn.eq_ignore_ascii_case(user));
            found.map(|it| (it.id.clone(), it.upn.clone(), state.mailboxes.contains_key(&it.id)))
        });
        let invalid = || {
            let message = format!("The requested user '{user}' is invalid.");
            error::plain(404, "ErrorInvalidUser", &message)
        };
        let (user, address, has_mailbox) = found.ok_or_else(invalid)?;
        // RBAC for Applications grants mailboxes one by one, and no role in the token tells of it
        // (`calendars.md` §1.9).
        let granted = call.session.roles.iter().any(|it| roles.contains(&it.as_str()));
        let scoped = call.graph.read(|state| {
            let app = state.apps.iter().find(|it| it.app_id == call.session.app);
            app.is_some_and(|it| it.mailbox_scope.contains(&user))
        });
        if !granted && !scoped {
            let message = "Access is denied. Check credentials and try again.";
            return Err(error::plain(403, "ErrorAccessDenied", message));
        }
        if !has_mailbox {
            let message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise.";
            return Err(error::plain(404, "MailboxNotEnabledForRESTAPI", message));
        }
        let immutable = call.ask.prefers("IdType=\"ImmutableId\"");
        let as_text = call.ask.prefers("outlook.body-content-type=\"text\"");
        Ok(Self { call, user, address, immutable, as_text })
    }

    pub fn options(&self) -> &MailboxOptions {
        &self.call.graph.options().mailbox
    }

    fn within_quota(&self) -> Result<std::time::Duration, Reply> {
        let mut desk = self.call.graph.desk();
        let whose = (self.call.session.app.as_str(), self.user.as_str());
        let taken = desk.mailboxes.take(self.options(), whose, self.call.ask.batch, self.call.now);
        desk.counts.of_mailboxes += 1;
        if taken.is_err() {
            desk.counts.throttled += 1;
        }
        taken
    }

    /// The URL of the collection that was asked.
    pub fn url(&self) -> String {
        format!("{}{}", self.call.graph.shared.base, self.call.ask.path())
    }

    /// Entries of a page of a delta.
    pub fn page_size(&self) -> usize {
        let wanted = self.call.ask.preference("odata.maxpagesize");
        wanted
            .and_then(|it| it.parse().ok())
            .filter(|it| *it > 0)
            .unwrap_or(self.options().page_size)
    }

    pub fn read<T>(&self, look: impl FnOnce(&Mailbox) -> Result<T, Reply>) -> Result<T, Reply> {
        self.call.graph.read(|state| {
            state.mailboxes.get(&self.user).map_or_else(|| Err(read::missing()), look)
        })
    }

    fn answer(&self, segments: &[&str]) -> Result<Reply, Reply> {
        let names: Vec<String> = segments.iter().map(|it| it.to_ascii_lowercase()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let method = self.call.method();
        let primary = || self.read(|mailbox| Ok(mailbox.primary.clone()));
        match (method, names.as_slice()) {
            ("GET", ["calendar"]) => self.calendar(&primary()?),
            ("GET", ["calendars"]) => self.calendars(),
            ("POST", ["calendars"]) => self.make_calendar(),
            ("GET", ["calendars", _]) => self.calendar(segments[1]),
            ("DELETE", ["calendars", _]) => self.remove_calendar(segments[1]),
            (_, ["calendars", _, ..]) => {
                self.known(segments[1])?;
                self.inside(Some(segments[1]), segments[1], &segments[2..])
            }
            (_, ["calendar", _, ..]) => {
                let primary = primary()?;
                self.inside(Some(&primary), &primary, &segments[1..])
            }
            (_, ["events" | "calendarview", ..]) => self.inside(None, &primary()?, segments),
            _ => Err(not_found(segments)),
        }
    }

    /// What is below a calendar; an event that is named must be in `only`.
    fn inside(&self, only: Option<&str>, calendar: &str, rest: &[&str]) -> Result<Reply, Reply> {
        let names: Vec<String> = rest.iter().map(|it| it.to_ascii_lowercase()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match (self.call.method(), names.as_slice()) {
            ("GET", ["events"]) => read::list(self, calendar),
            ("POST", ["events"]) => write::create(self, calendar),
            ("GET", ["calendarview"]) => read::view(self, calendar),
            ("GET", ["calendarview", "delta" | "delta()"]) => delta::answer(self, calendar),
            ("GET", ["events", _]) => read::one(self, only, rest[1]),
            ("PATCH", ["events", _]) => write::patch(self, only, rest[1]),
            ("DELETE", ["events", _]) => write::delete(self, only, rest[1]),
            ("POST", ["events", _, action @ ("decline" | "accept" | "tentativelyaccept")]) => {
                write::respond(self, only, rest[1], action)
            }
            (_, ["events" | "calendarview", ..]) => Err(not_allowed()),
            _ => Err(not_found(rest)),
        }
    }

    fn known(&self, calendar: &str) -> Result<(), Reply> {
        self.read(|mailbox| match mailbox.calendars.contains_key(calendar) {
            true => Ok(()),
            false => Err(read::missing()),
        })
    }

    fn shown_calendar(&self, mailbox: &Mailbox, calendar: &Calendar) -> Value {
        json!({
            "id": calendar.id, "name": calendar.name, "color": "auto", "hexColor": "",
            "isDefaultCalendar": calendar.id == mailbox.primary, "changeKey": "AAAA",
            "canShare": true, "canViewPrivateItems": true, "canEdit": true,
            "defaultOnlineMeetingProvider": "teamsForBusiness", "isTallyingResponses": true,
            "isRemovable": calendar.id != mailbox.primary,
            "owner": { "name": self.address, "address": self.address },
        })
    }

    fn calendar(&self, id: &str) -> Result<Reply, Reply> {
        self.read(|mailbox| {
            let calendar = mailbox.calendars.get(id).ok_or_else(read::missing)?;
            Ok(Reply::json(200, self.shown_calendar(mailbox, calendar)))
        })
    }

    fn calendars(&self) -> Result<Reply, Reply> {
        let query = read::Query::of(self)?;
        self.read(|mailbox| {
            let mut all: Vec<&Calendar> = mailbox.calendars.values().collect();
            all.retain(|it| query.fits(it));
            all.sort_by_key(|it| it.number);
            let page = all.iter().skip(query.skip).take(query.top);
            let value: Vec<Value> = page.map(|it| self.shown_calendar(mailbox, it)).collect();
            let mut body = json!({ "value": value });
            if let (true, Value::Object(map)) = (all.len() > query.skip + query.top, &mut body) {
                let (top, skip) = (query.top, query.skip + query.top);
                let link = format!("{}?$top={top}&$skip={skip}", self.url());
                map.insert("@odata.nextLink".into(), link.into());
            }
            Ok(Reply::json(200, body))
        })
    }

    fn make_calendar(&self) -> Result<Reply, Reply> {
        let body = self.call.body()?;
        let name = body.get("name").and_then(Value::as_str).filter(|it| !it.trim().is_empty());
        let name = name.ok_or_else(|| {
            error::plain(400, "ErrorInvalidRequest", "The calendar's name is missing.")
        })?;
        self.call.graph.update(|state| {
            let seed = state.new_id("");
            let mailbox = state.mailboxes.get_mut(&self.user).ok_or_else(read::missing)?;
            if mailbox.calendar_named(name).is_some() {
                let message = "A folder with the specified name already exists.";
                return Err(error::plain(409, "ErrorFolderExists", message));
            }
            let id = mailbox.add_calendar(item_id("AAMkCal", &seed), name).id.clone();
            let Some(made) = mailbox.calendars.get_mut(&id) else { return Err(read::missing()) };
            let marks = body.get("singleValueExtendedProperties").and_then(Value::as_array);
            made.properties.extend(marks.into_iter().flatten().filter_map(|it| {
                Some((it["id"].as_str()?.to_owned(), it["value"].as_str()?.to_owned()))
            }));
            let made = made.clone();
            Ok(Reply::json(201, self.shown_calendar(mailbox, &made)))
        })
    }

    fn remove_calendar(&self, id: &str) -> Result<Reply, Reply> {
        self.call.graph.update(|state| {
            let mailbox = state.mailboxes.get_mut(&self.user).ok_or_else(read::missing)?;
            if id == mailbox.primary {
                let message = "The default calendar cannot be deleted.";
                return Err(error::plain(400, "ErrorDeleteDistinguishedFolder", message));
            }
            mailbox.calendars.remove(id).ok_or_else(read::missing)?;
            mailbox.events.retain(|_, it| it.calendar != id);
            Ok(Reply::status(204))
        })
    }
}
