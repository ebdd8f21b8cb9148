//! What is in an account's calendars beside our items: the collection itself, and those that
//! `conflict_collections` names.
//!
//! Read with `calendar-query` (RFC 4791 §7.8); series are expanded by the server (§9.6.5), because
//! it knows its zones. A server that does not expand shows series to nobody here: then they are no
//! conflict. Changed with `PUT` or `DELETE` under the etag that was seen; nothing but what is
//! changed is touched in the object, and taking a change back touches nothing else either. A
//! declined meeting is marked so; whether its organiser is told is the server's business (RFC
//! 6638): Radicale and Xandikos tell nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use domain::{
    CalendarKey, Directory, Employee, Entity, EventSpan, Shift, ShiftId, ShowAs, UtcInterval,
};
use engine::port::{
    ETag, Failure, FailureClass, ForeignChange, ForeignEvent, ForeignEvents, ForeignRole,
    ForeignShowAs, KeptEvent, MeetingContext, Placement, RemoteId, Response,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use self::object::{Moment, Object, Place};
use super::classify::Asked;
use super::client::Expecting;
use super::map::{self, Member, Template};
use super::provider::{CaldavTarget, Doing};
use super::wire;

mod object;
mod restore;
#[cfg(test)]
mod tests;

/// The way to what is not ours.
pub(super) struct CaldavForeign {
    target: Arc<CaldavTarget>,
    /// The mirror's own calendars.
    own: Template,
    /// Other calendars of the same people.
    others: Vec<Template>,
    people: RwLock<BTreeMap<CalendarKey, Employee>>,
    met: RwLock<Option<Arc<Directory>>>,
}

/// What is kept of an event, to put it back.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// The whole object.
    object: String,
}

/// Where an event is: in which collection, under which name, and which occurrence of it.
struct Address {
    collection: CalendarKey,
    name: RemoteId,
    occurrence: Option<Moment>,
}

/// Objects of one collection, by name.
type Objects = BTreeMap<RemoteId, (Option<ETag>, Object, String)>;

impl CaldavForeign {
    pub fn new(target: Arc<CaldavTarget>, own: Template, others: Vec<Template>) -> Self {
        let (people, met) = (RwLock::default(), RwLock::default());
        Self { target, own, others, people, met }
    }

    /// Whose a calendar is, where it is one person's.
    fn owner(&self, calendar: &CalendarKey) -> Option<Employee> {
        let directory = self.target.directory();
        let mut met = self.met.write().unwrap_or_else(PoisonError::into_inner);
        let mut people = self.people.write().unwrap_or_else(PoisonError::into_inner);
        let known = met.as_ref().zip(directory.as_ref()).is_some_and(|(a, b)| Arc::ptr_eq(a, b));
        if !known {
            people.clear();
            for employee in directory.iter().flat_map(|it| it.employees.values()) {
                if let Some(home) = place(&self.own, employee) {
                    people.insert(home, employee.clone());
                }
            }
            *met = directory;
        }
        people.get(calendar).cloned()
    }

    /// The collections in which events of the owner of `calendar` are; its own first.
    fn collections(&self, calendar: &CalendarKey, owner: Option<&Employee>) -> Vec<CalendarKey> {
        let mut all = vec![calendar.clone()];
        for place in self.others.iter().filter_map(|it| place(it, owner?)) {
            if !all.contains(&place) {
                all.push(place);
            }
        }
        all
    }

    async fn query(
        &self,
        calendar: &CalendarKey,
        within: &UtcInterval,
        expand: bool,
    ) -> Result<Objects, Failure> {
        let doing =
            Doing { asked: Asked::Read, verb: "look for events in", place: calendar.as_str() };
        let target = &self.target;
        let collection = target.collection(calendar).await?;
        let body = wire::calendar_query(within, expand);
        let sent = target.setup.client.report(&collection, body).await;
        let answer = sent.map_err(|error| target.lost(doing, &error))?;
        match answer.status.as_u16() {
            207 => {}
            // Nobody has made it yet: there is nothing in it.
            404 | 410 => return Ok(Objects::new()),
            _ => return Err(target.refused(doing, &answer)),
        }
        let found = wire::read_multistatus(answer.body).await.map_err(|error| doing.bug(error))?;
        let objects = found.responses.into_iter().filter_map(|response| {
            let Member::Object(name) = map::member(&collection, &response.href) else {
                return None;
            };
            let data = response.properties.calendar_data?;
            let etag = response.properties.etag.as_deref().and_then(map::strong_etag);
            Some((name, (etag, Object::read(&data)?, data)))
        });
        Ok(objects.collect())
    }

    /// The events of one collection.
    async fn events_in(
        &self,
        calendar: &CalendarKey,
        collection: &CalendarKey,
        owner: Option<&Employee>,
        within: &UtcInterval,
    ) -> Result<Vec<ForeignEvent>, Failure> {
        let objects = self.query(collection, within, false).await?;
        let repeats = |object: &Object| object.events().iter().any(|it| object.repeats(*it));
        let expanded = if objects.values().any(|(_, object, _)| repeats(object)) {
            self.query(collection, within, true).await?
        } else {
            Objects::new()
        };
        let mut events = Vec::new();
        for (name, (etag, whole, data)) in &objects {
            let shown = match (repeats(whole), expanded.get(name)) {
                (false, _) => whole,
                (true, Some((_, shown, _))) => shown,
                (true, None) => continue,
            };
            let series = repeats(whole);
            for place in shown.events() {
                let read = Read { calendar, collection, name, etag, owner, series, data };
                events.extend(self.event(&read, shown, place));
            }
        }
        Ok(events.into_iter().filter(|it| overlaps(&it.span, within)).collect())
    }

    fn event(&self, read: &Read<'_>, object: &Object, place: Place) -> Option<ForeignEvent> {
        // Not expanded by the server: when it is cannot be told.
        if object.repeats(place) {
            return None;
        }
        let alone = object.alone(place).text();
        let [found] = &ical::read_object(alone.as_bytes()).ok()?[..] else { return None };
        let shown = found.event.as_ref().ok()?;
        if found.cancelled {
            return None;
        }
        let origin = map::own_tag(found, read.collection).cloned();
        if origin.as_ref().is_some_and(|it| it.mirror == self.target.setup.mirror) {
            return None;
        }
        let occurrence = read
            .series
            .then(|| object.recurrence(place).or_else(|| object.start(place)).map(|it| it.text()));
        let mut id = match read.calendar == read.collection {
            true => read.name.0.clone(),
            false => format!("{}{}", read.collection, read.name),
        };
        if let Some(occurrence) = occurrence {
            id.push_str(&format!("#{}", occurrence?));
        }
        let status = object.property(place, "STATUS").unwrap_or_default();
        let show_as = match shown.show_as {
            ShowAs::Free => ForeignShowAs::Free,
            ShowAs::WorkingElsewhere => ForeignShowAs::WorkingElsewhere,
            ShowAs::OutOfOffice => ForeignShowAs::OutOfOffice,
            ShowAs::Busy | ShowAs::Tentative if status.trim().eq_ignore_ascii_case("TENTATIVE") => {
                ForeignShowAs::Tentative
            }
            ShowAs::Tentative => ForeignShowAs::Tentative,
            ShowAs::Busy => ForeignShowAs::Busy,
        };
        let (organiser, invited) = object.people(place);
        let kept = serde_json::to_string(&Kept { object: read.data.to_owned() }).ok()?;
        Some(ForeignEvent {
            id: RemoteId(id.clone()),
            etag: read.etag.clone(),
            span: shown.span,
            show_as,
            visibility: shown.visibility,
            role: role(organiser.as_deref(), &invited, read.owner),
            series: read.series.then(|| read.name.clone()),
            calendar_name: (read.calendar != read.collection).then(|| read.collection.to_string()),
            categories: object.labels(place),
            origin,
            context: MeetingContext {
                subject: shown.summary.clone(),
                body: shown.description.clone(),
                location: shown.location.clone(),
                attendees: invited.into_iter().map(|(address, _)| address).collect(),
                link: object
                    .property(place, "CONFERENCE")
                    .or_else(|| object.property(place, "URL")),
            },
            kept: KeptEvent { id: RemoteId(id), body: kept },
        })
    }

    fn address(&self, calendar: &CalendarKey, id: &RemoteId) -> Option<Address> {
        let (path, occurrence) = match id.0.split_once('#') {
            Some((path, occurrence)) => (path, Some(Moment::parse(occurrence)?)),
            None => (id.0.as_str(), None),
        };
        let (collection, name) = match path.rfind('/') {
            Some(slash) => (CalendarKey::new(&path[..=slash]).ok()?, &path[slash + 1..]),
            None => (calendar.clone(), path),
        };
        Some(Address { collection, name: RemoteId(name.to_owned()), occurrence })
    }

    async fn write(
        &self,
        at: &Address,
        expecting: Expecting<'_>,
        object: &str,
    ) -> Result<Option<ETag>, Failure> {
        let asked = match expecting {
            Expecting::Nothing => Asked::Create,
            Expecting::Version(_) => Asked::Update,
        };
        let doing = Doing { asked, verb: "change an event in", place: at.collection.as_str() };
        let collection = self.target.collection(&at.collection).await?;
        let path = map::item_path(&collection, &at.name);
        let sent = self.target.setup.client.put(&path, expecting, object.to_owned().into()).await;
        let answer = sent.map_err(|error| self.target.lost(doing, &error))?;
        match answer.status.as_u16() {
            200 | 201 | 204 => {
                let etag = answer.headers.get(http::header::ETAG);
                Ok(etag.and_then(|it| it.to_str().ok()).and_then(map::strong_etag))
            }
            _ => Err(self.target.refused(doing, &answer)),
        }
    }

    async fn remove(&self, at: &Address, etag: &ETag) -> Result<Option<ETag>, Failure> {
        let place = at.collection.as_str();
        let doing = Doing { asked: Asked::Delete, verb: "remove an event from", place };
        let collection = self.target.collection(&at.collection).await?;
        let path = map::item_path(&collection, &at.name);
        let sent = self.target.setup.client.delete(&path, etag).await;
        let answer = sent.map_err(|error| self.target.lost(doing, &error))?;
        match answer.status.as_u16() {
            200 | 204 => Ok(None),
            _ => Err(self.target.refused(doing, &answer)),
        }
    }

    /// The object as it is now; `None` where it is gone.
    async fn current(&self, at: &Address) -> Result<Option<Current>, Failure> {
        let place = at.collection.as_str();
        let doing = Doing { asked: Asked::Read, verb: "read an event of", place };
        let collection = self.target.collection(&at.collection).await?;
        let path = map::item_path(&collection, &at.name);
        let sent = self.target.setup.client.get(&path).await;
        let answer = sent.map_err(|error| self.target.lost(doing, &error))?;
        match answer.status.as_u16() {
            200 => {}
            404 | 410 => return Ok(None),
            _ => return Err(self.target.refused(doing, &answer)),
        }
        let etag = answer.headers.get(http::header::ETAG).and_then(|it| it.to_str().ok());
        let etag = etag.and_then(map::strong_etag).ok_or_else(|| without_etag(doing))?;
        let data = String::from_utf8_lossy(&answer.body).into_owned();
        let object = Object::read(&data);
        let object = object.ok_or_else(|| doing.bug("the object is no calendar"))?;
        Ok(Some(Current { etag, object, data }))
    }
}

/// One object as it is now.
struct Current {
    etag: ETag,
    object: Object,
    data: String,
}

/// One object as it was read.
struct Read<'a> {
    calendar: &'a CalendarKey,
    collection: &'a CalendarKey,
    name: &'a RemoteId,
    etag: &'a Option<ETag>,
    owner: Option<&'a Employee>,
    series: bool,
    data: &'a str,
}

/// The time in which an occurrence begins by its series' rule, with a day on either side: days
/// begin elsewhere at other instants.
fn around(occurrence: &Moment) -> Option<UtcInterval> {
    let at = match occurrence {
        Moment::At(at) => *at,
        Moment::Day(day) => day.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    let (before, after) = (SignedDuration::from_hours(-24), SignedDuration::from_hours(48));
    UtcInterval::new(at.checked_add(before).ok()?, at.checked_add(after).ok()?).ok()
}

fn without_etag(doing: Doing<'_>) -> Failure {
    let detail = "the server gives no strong etag for the event, so it cannot be changed safely";
    doing.failure(FailureClass::Refused, detail)
}

fn overlaps(span: &EventSpan, within: &UtcInterval) -> bool {
    match span {
        EventSpan::Timed(interval) => interval.overlaps(within),
        // Days begin elsewhere at other instants; the engine knows the zone.
        EventSpan::AllDay { .. } => true,
    }
}

fn role(
    organiser: Option<&str>,
    invited: &[(String, String)],
    owner: Option<&Employee>,
) -> ForeignRole {
    let own = |address: &str| {
        let email = owner.and_then(|it| it.email.as_deref());
        email.is_some_and(|email| email.eq_ignore_ascii_case(address))
    };
    match organiser {
        None if invited.is_empty() => ForeignRole::Owner,
        None => ForeignRole::Organiser,
        Some(organiser) if own(organiser) => {
            if invited.iter().all(|(address, _)| own(address)) {
                ForeignRole::Owner
            } else {
                ForeignRole::Organiser
            }
        }
        // Also where nobody can say who the owner is: then it is not theirs to delete.
        Some(_) => {
            let answer = invited.iter().find(|(address, _)| own(address));
            ForeignRole::Attendee(match answer.map(|(_, answer)| answer.as_str()) {
                Some("ACCEPTED") => Response::Accepted,
                Some("TENTATIVE") => Response::Tentative,
                Some("DECLINED") => Response::Declined,
                Some(_) | None => Response::None,
            })
        }
    }
}

/// Where the items of an employee are by a template.
fn place(template: &Template, employee: &Employee) -> Option<CalendarKey> {
    let interval = UtcInterval::new(Timestamp::UNIX_EPOCH, Timestamp::from_second(1).ok()?).ok()?;
    let work = Entity::Shift(Shift {
        id: ShiftId::new("placement").ok()?,
        employee: employee.id.clone(),
        group: employee.group.clone(),
        label: String::new(),
        interval,
        day: jiff::civil::date(1970, 1, 1),
        activities: vec![],
        notes: None,
    });
    match template.place(&work, Some(employee)) {
        Placement::In(calendar) => Some(calendar),
        Placement::Unmapped(_) | Placement::NotShown => None,
    }
}

#[async_trait]
impl ForeignEvents for CaldavForeign {
    async fn overlapping(
        &self,
        calendar: &CalendarKey,
        within: &UtcInterval,
    ) -> Result<Vec<ForeignEvent>, Failure> {
        let owner = self.owner(calendar);
        let mut events = Vec::new();
        for collection in self.collections(calendar, owner.as_ref()) {
            events.extend(self.events_in(calendar, &collection, owner.as_ref(), within).await?);
        }
        Ok(events)
    }

    async fn find(
        &self,
        calendar: &CalendarKey,
        id: &RemoteId,
    ) -> Result<Option<ForeignEvent>, Failure> {
        let doing =
            Doing { asked: Asked::Read, verb: "look at an event in", place: calendar.as_str() };
        let at = self.address(calendar, id).ok_or_else(|| doing.bug("no such address"))?;
        let Some(Current { etag, object, data }) = self.current(&at).await? else {
            return Ok(None);
        };
        let owner = self.owner(calendar);
        let Address { collection, name, occurrence } = &at;
        let place = match occurrence {
            None => object.events().first().copied(),
            Some(occurrence) => object.exception(*occurrence),
        };
        if let Some(place) = place {
            let (etag, owner) = (&Some(etag), owner.as_ref());
            let (series, data) = (occurrence.is_some(), data.as_str());
            let read = Read { calendar, collection, name, etag, owner, series, data };
            return Ok(self.event(&read, &object, place));
        }
        // Whether the series still has this occurrence, the server knows.
        let Some(within) = occurrence.and_then(|it| around(&it)) else { return Ok(None) };
        let events = self.events_in(calendar, collection, owner.as_ref(), &within).await?;
        Ok(events.into_iter().find(|it| it.id == *id))
    }

    async fn change(
        &self,
        calendar: &CalendarKey,
        event: &ForeignEvent,
        change: &ForeignChange,
    ) -> Result<Option<ETag>, Failure> {
        let doing =
            Doing { asked: Asked::Update, verb: "change an event in", place: calendar.as_str() };
        let refused = |why: &str| doing.failure(FailureClass::Refused, why);
        let at = self.address(calendar, &event.id).ok_or_else(|| doing.bug("no such address"))?;
        let etag = event.etag.as_ref().ok_or_else(|| without_etag(doing))?;
        let kept: Kept = serde_json::from_str(&event.kept.body).map_err(|it| doing.bug(it))?;
        let mut object = Object::read(&kept.object).ok_or_else(|| doing.bug("no calendar"))?;
        let unknown = || refused("the series has a zone that is not known");
        match (change, at.occurrence) {
            (ForeignChange::Delete, None) => return self.remove(&at, etag).await,
            (ForeignChange::Delete, Some(occurrence)) => {
                object = object.without(occurrence).ok_or_else(unknown)?;
            }
            (ForeignChange::Decline { comment }, occurrence) => {
                let place = object.place_to_change(occurrence).ok_or_else(unknown)?;
                let email = self.owner(calendar).and_then(|it| it.email);
                if !email.is_some_and(|it| object.declined(place, &it, comment)) {
                    return Err(refused("its owner is not among those who are invited"));
                }
            }
            (ForeignChange::Move { to, note }, occurrence) => {
                let place = object.place_to_change(occurrence).ok_or_else(unknown)?;
                object.moved(place, to, note.as_deref());
            }
            (ForeignChange::Relabel { of, by }, occurrence) => {
                let place = object.place_to_change(occurrence).ok_or_else(unknown)?;
                object.relabelled(place, of, by);
            }
        }
        self.write(&at, Expecting::Version(etag), &object.text()).await
    }

    async fn restore(
        &self,
        calendar: &CalendarKey,
        kept: &KeptEvent,
        change: &ForeignChange,
    ) -> Result<RemoteId, Failure> {
        let doing =
            Doing { asked: Asked::Update, verb: "restore an event in", place: calendar.as_str() };
        let at = self.address(calendar, &kept.id).ok_or_else(|| doing.bug("no such address"))?;
        let whole: Kept = serde_json::from_str(&kept.body).map_err(|it| doing.bug(it))?;
        let before = Object::read(&whole.object).ok_or_else(|| doing.bug("no calendar"))?;
        let Some(Current { etag, object: now, .. }) = self.current(&at).await? else {
            return match (change, at.occurrence) {
                (ForeignChange::Delete, None) => {
                    self.write(&at, Expecting::Nothing, &before.text()).await?;
                    Ok(kept.id.clone())
                }
                (ForeignChange::Relabel { .. }, _) => Err(restore::no_relabelling(doing)),
                (ForeignChange::Delete, Some(_))
                | (ForeignChange::Decline { .. } | ForeignChange::Move { .. }, _) => {
                    let detail = "it, or the series it was in, is gone";
                    Err(doing.failure(FailureClass::Missing, detail))
                }
            };
        };
        let email = self.owner(calendar).and_then(|it| it.email);
        let back = restore::taken_back(now, &before, change, at.occurrence, email.as_deref());
        if let Some(object) = back.map_err(|it| it.failure(doing))? {
            self.write(&at, Expecting::Version(&etag), &object.text()).await?;
        }
        Ok(kept.id.clone())
    }
}
