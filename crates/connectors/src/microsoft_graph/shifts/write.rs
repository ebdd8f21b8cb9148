//! Writing items: always the draft side, one request for a new one, two for a change.
//!
//! A change reads first: the version that the engine knows is held against what is there, the
//! shared side is sent back as it was, and Graph's own etag guards the moment in between. Removing
//! is staging for deletion, which becomes final with the next share.
//!
//! A call waits for turns, and may read and provision before it writes. So what is written has an
//! instant after which it is not sent: whoever owns the team by then writes the same, and nothing
//! would tell two of them from one.

use std::sync::Arc;

use domain::{
    AvailabilityItem, CalendarKey, EmployeeId, OpenShiftItem, ScheduleGroupId, ScheduleItem,
    ShiftItem, TimeOffItem, TimeOffReasonId, UtcInterval,
};
use engine::port::{ETag, Failure, FailureClass, RemoteId, Written};
use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{Caller, if_match};
use super::map::{self, Body, Place, Themes};
use super::people::Index;
use super::preferences;
use super::provision::Provision;
use super::team::{TeamBook, read_members, refused, schedule_path};
use super::wire::{Collection, Planned, utc};
use crate::microsoft_graph::classify::About;
use crate::microsoft_graph::client::{Ask, GraphAnswer, Version, segment};

/// Writes items into teams.
pub struct Writer {
    /// The way to Graph.
    pub caller: Arc<Caller>,
    /// What is known of the teams.
    pub book: Arc<TeamBook>,
    /// What makes what is missing.
    pub provision: Arc<Provision>,
    /// Colours by label.
    pub themes: Themes,
    /// Whether everybody is notified of a share.
    pub notifies: bool,
}

/// An item as it stands in a team.
struct There {
    collection: Collection,
    planned: Planned,
    raw: Value,
}

impl Writer {
    /// Makes an item.
    ///
    /// # Errors
    /// [`Failure`]; `Refused` when its employee is no member of the team.
    pub async fn create(
        &self,
        team: &CalendarKey,
        item: &ScheduleItem,
        not_after: Timestamp,
    ) -> Result<Written, Failure> {
        let index = self.book.index(team).await?;
        if let ScheduleItem::Availability(AvailabilityItem { employee, availability }) = item {
            let user = self.user(team, employee, &index).await?.0;
            self.book.note_preferences(&user);
            return preferences::write(&self.caller, &user, availability).await;
        }
        let (body, index) = self.body(team, item, index).await?;
        self.add(team, &body, &index, not_after).await
    }

    async fn add(
        &self,
        team: &CalendarKey,
        body: &Body,
        index: &Index,
        not_after: Timestamp,
    ) -> Result<Written, Failure> {
        let collection = body.collection;
        let path = schedule_path(team, &format!("/{}", collection.as_str()));
        let operation = format!("add to the {} of team `{team}`", collection.as_str());
        let ask = Ask::new(Method::POST, Version::V1, path, operation).not_after(not_after);
        let ask = ask.json(&body.properties);
        match self.caller.write(ask).await {
            Ok(answer) => written(collection, &answer, index, None),
            // Nothing of ours can be in the way: Shifts assigns the ids. It is busy.
            Err(failure) if failure.class == FailureClass::Precondition => {
                Err(Failure { class: FailureClass::Unavailable, ..failure })
            }
            Err(failure) => Err(self.doubting(team, failure)),
        }
    }

    /// Changes an item in place.
    ///
    /// # Errors
    /// `Precondition` when it is not as `etag` says; `Missing` when it is not there; others.
    pub async fn update(
        &self,
        team: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
        (item, not_after): (&ScheduleItem, Timestamp),
    ) -> Result<Written, Failure> {
        if let (Some(user), ScheduleItem::Availability(AvailabilityItem { availability, .. })) =
            (preferences::user_of(remote), item)
        {
            self.check_preferences(user, etag).await?;
            return preferences::write(&self.caller, user, availability).await;
        }
        let index = self.book.index(team).await?;
        let there = self.there(team, remote).await?;
        let operation = operation("change", team, there.collection, remote);
        check_version(&there, etag, &operation)?;
        let (body, index) = self.body(team, item, index).await?;
        let collection = body.collection;
        if collection != there.collection {
            let detail = format!("it is one of the {}", there.collection.as_str());
            return Err(Failure { class: FailureClass::Bug, ..refused(operation, detail) });
        }
        if changes_hands(&there, &body) {
            return self.hand_over((team, remote), &there, (&body, &index), not_after).await;
        }
        let ask =
            Ask::new(Method::PUT, Version::V1, item_path(team, collection, remote), operation);
        let ask = ask.about(About::Item).not_after(not_after).json(&body.replacing(&there.raw));
        let answer = self.caller.write(if_match(ask, there.planned.etag.as_deref())).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => return Err(self.sure(team, self.doubting(team, failure)).await),
        };
        if answer.body.is_empty() {
            return Ok(Written { remote_id: remote.clone(), etag: None, echoed: None });
        }
        written(collection, &answer, &index, Some(remote))
    }

    /// Makes an item anew for another employee, and removes theirs.
    ///
    /// In place, the new one would see the shared side, which says when the old one works, until
    /// the next share; so both happen with that share. The old item goes first: after a crash in
    /// between it is not there for the engine, which then makes it like any item that is missing.
    async fn hand_over(
        &self,
        (team, remote): (&CalendarKey, &RemoteId),
        there: &There,
        (body, index): (&Body, &Index),
        not_after: Timestamp,
    ) -> Result<Written, Failure> {
        self.remove(team, remote, there, not_after).await?;
        let added = self.add(team, body, index, not_after).await;
        added.map_err(|failure| {
            // Something was sent: the old one is gone by now.
            let late = failure.class == FailureClass::TooLate;
            let class = if late { FailureClass::Missing } else { failure.class };
            Failure { class, ..failure }
        })
    }

    /// Stages an item for deletion.
    ///
    /// # Errors
    /// `Precondition` when it is not as `etag` says; `Missing` when it is not there; others.
    pub async fn delete(
        &self,
        team: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
        (zone, not_after): (&str, Timestamp),
    ) -> Result<(), Failure> {
        if let Some(user) = preferences::user_of(remote) {
            self.check_preferences(user, etag).await?;
            return preferences::reset(&self.caller, user, zone).await;
        }
        let there = self.there(team, remote).await?;
        check_version(&there, etag, &operation("remove", team, there.collection, remote))?;
        self.remove(team, remote, &there, not_after).await
    }

    async fn remove(
        &self,
        team: &CalendarKey,
        remote: &RemoteId,
        there: &There,
        not_after: Timestamp,
    ) -> Result<(), Failure> {
        let operation = operation("remove", team, there.collection, remote);
        let path = item_path(team, there.collection, remote);
        let stage = format!("{path}/stageForDeletion");
        let ask = Ask::new(Method::POST, Version::V1, stage, operation.clone()).about(About::Item);
        let ask = ask.not_after(not_after);
        let graphs = there.planned.etag.as_deref();
        let failure = match self.caller.write(if_match(ask, graphs)).await {
            Ok(_) => return Ok(()),
            Err(failure) => failure,
        };
        // What employees never saw can go at once.
        let refuses = matches!(failure.class, FailureClass::Refused | FailureClass::Unsupported);
        if !refuses || there.planned.shared_shift.is_some() {
            return Err(self.sure(team, failure).await);
        }
        let ask = Ask::new(Method::DELETE, Version::V1, path, operation).about(About::Item);
        let ask = ask.not_after(not_after);
        self.caller.write(if_match(ask, graphs)).await.map(|_| ())
    }

    /// Shares what lies in a stretch of time.
    ///
    /// # Errors
    /// [`Failure`]; it may have been done.
    pub async fn publish(&self, team: &CalendarKey, interval: &UtcInterval) -> Result<(), Failure> {
        let body = json!({
            "notifyTeam": self.notifies,
            "startDateTime": utc(interval.start()), "endDateTime": utc(interval.end()),
        });
        let operation = format!("share the schedule of team `{team}`");
        let ask = Ask::new(Method::POST, Version::V1, schedule_path(team, "/share"), operation);
        match self.caller.write(ask.json(&body)).await {
            Ok(_) => Ok(()),
            // It is busy with another share: worth another attempt.
            Err(failure) if failure.class == FailureClass::Precondition => {
                Err(Failure { class: FailureClass::Unavailable, ..failure })
            }
            Err(failure) => Err(failure),
        }
    }

    async fn check_preferences(&self, user: &str, etag: Option<&ETag>) -> Result<(), Failure> {
        let Some(etag) = etag else { return Ok(()) };
        let ask = preferences::ask(user);
        let missing = ask.failure(FailureClass::Missing, "they say nothing").failure;
        let there = preferences::read(self.caller.read(ask.clone()).await, user, None)?;
        match there {
            Some(there) if there.etag.as_ref() == Some(etag) => Ok(()),
            Some(_) => Err(ask.failure(FailureClass::Precondition, CHANGED).failure),
            None => Err(missing),
        }
    }

    /// Reads an item.
    async fn there(&self, team: &CalendarKey, remote: &RemoteId) -> Result<There, Failure> {
        let mut missing = None;
        for collection in collections_of(remote) {
            match self.caller.read(item_ask(team, collection, remote)).await {
                Ok(answer) => {
                    let raw = answer.json::<Value>()?;
                    // Whatever it is, its id is right.
                    let planned = Planned::deserialize(&raw).unwrap_or_default();
                    let planned = Planned { id: remote.0.clone(), ..planned };
                    return Ok(There { collection, planned, raw });
                }
                Err(failure) if failure.class == FailureClass::Missing => missing = Some(failure),
                Err(failure) => return Err(self.sure(team, failure).await),
            }
        }
        Err(missing.unwrap_or_else(|| refused(format!("find `{remote}`"), "no such collection")))
    }

    /// The same failure, unless it says that nothing was found, and the team itself says so too:
    /// then the team is gone with all it held. Of one item alone Graph says it without its being
    /// true ([`crate::microsoft_graph::classify`]), and what is forgotten then would never go.
    async fn sure(&self, team: &CalendarKey, failure: Failure) -> Failure {
        let doubtful = matches!(failure.class, FailureClass::Unavailable | FailureClass::Unknown);
        if !doubtful || failure.status != Some(404) {
            return failure;
        }
        match read_members(&self.caller, team).await {
            Err(gone) if gone.class == FailureClass::CalendarMissing => {
                Failure { class: FailureClass::CalendarMissing, ..failure }
            }
            Ok(_) | Err(_) => failure,
        }
    }

    /// What is written of an item, with every id looked up and everything it needs brought about.
    async fn body(
        &self,
        team: &CalendarKey,
        item: &ScheduleItem,
        index: Arc<Index>,
    ) -> Result<(Body, Arc<Index>), Failure> {
        let (place, index) = match item {
            ScheduleItem::Shift(ShiftItem { employee, group, .. }) => {
                let (user, index) = self.user(team, employee, &index).await?;
                let group = group.as_ref();
                let (group, index) =
                    self.group(team, group, Some((employee, &user)), index).await?;
                (Place { user: Some(user), group: Some(group), reason: None }, index)
            }
            ScheduleItem::OpenShift(OpenShiftItem { group, .. }) => {
                let (group, index) = self.group(team, group.as_ref(), None, index).await?;
                (Place { user: None, group: Some(group), reason: None }, index)
            }
            ScheduleItem::TimeOff(TimeOffItem { employee, reason, .. }) => {
                let (user, index) = self.user(team, employee, &index).await?;
                let (reason, index) = self.reason(team, reason.as_ref(), index).await?;
                (Place { user: Some(user), group: None, reason: Some(reason) }, index)
            }
            ScheduleItem::Availability(_) => (Place::default(), index),
        };
        let body = map::body(item, &place, &self.themes).ok_or_else(|| {
            let operation = format!("write to team `{team}`");
            let detail = "an item of this kind is not in a schedule";
            Failure { class: FailureClass::Bug, ..refused(operation, detail) }
        })?;
        Ok((body, index))
    }

    async fn user(
        &self,
        team: &CalendarKey,
        employee: &EmployeeId,
        index: &Arc<Index>,
    ) -> Result<(String, Arc<Index>), Failure> {
        if let Some(user) = index.users.get(employee) {
            return Ok((user.clone(), Arc::clone(index)));
        }
        // They may have joined the team a moment ago.
        let index = self.book.index_again(team).await?;
        match index.users.get(employee) {
            Some(user) => Ok((user.clone(), Arc::clone(&index))),
            None => Err(refused(
                format!("write for employee `{employee}` to team `{team}`"),
                "the employee is not a member of the team, or cannot be told from another one: \
                 neither Microsoft 365 id nor e-mail address belongs to exactly one member",
            )),
        }
    }

    async fn group(
        &self,
        team: &CalendarKey,
        group: Option<&ScheduleGroupId>,
        person: Option<(&EmployeeId, &str)>,
        index: Arc<Index>,
    ) -> Result<(String, Arc<Index>), Failure> {
        let group_key = group.cloned();
        let found = |index: &Index| {
            let (id, people) = index.groups.get(&group_key)?;
            let is_in = person.is_none_or(|(_, user)| people.contains(&user.to_lowercase()));
            is_in.then(|| id.clone())
        };
        if let Some(id) = found(&index) {
            return Ok((id, index));
        }
        let employee = person.map(|(employee, _)| employee);
        let index = self.provision.group(team, group, employee).await?;
        let id = found(&index).ok_or_else(|| {
            let operation = format!("bring about a scheduling group of team `{team}`");
            refused(operation, "it is not there although it was just made")
        })?;
        Ok((id, index))
    }

    async fn reason(
        &self,
        team: &CalendarKey,
        reason: Option<&TimeOffReasonId>,
        index: Arc<Index>,
    ) -> Result<(String, Arc<Index>), Failure> {
        let key = reason.cloned();
        if let Some(id) = index.reasons.get(&key) {
            return Ok((id.clone(), index));
        }
        let index = self.provision.reason(team, reason).await?;
        let id = index.reasons.get(&key).cloned().ok_or_else(|| {
            let operation = format!("bring about a time-off reason of team `{team}`");
            refused(operation, "it is not there although it was just made")
        })?;
        Ok((id, index))
    }

    /// What Shifts refuses may follow from something that we remember wrongly.
    fn doubting(&self, team: &CalendarKey, failure: Failure) -> Failure {
        if failure.class == FailureClass::Refused {
            self.book.doubt(team);
        }
        failure
    }
}

const CHANGED: &str = "it was changed since it was read";

/// Whether what everybody sees of it is about to be somebody else's.
fn changes_hands(there: &There, body: &Body) -> bool {
    let before = there.planned.user_id.as_deref();
    let after = body.properties.get("userId").and_then(Value::as_str);
    let same = match (before, after) {
        (Some(before), Some(after)) => before.eq_ignore_ascii_case(after),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    !same && there.planned.shared_shift.is_some()
}

fn check_version(there: &There, etag: Option<&ETag>, operation: &str) -> Result<(), Failure> {
    let Some(side) = map::side(&there.planned) else {
        let failure = refused(operation, "it is staged for deletion, or empty");
        return Err(Failure { class: FailureClass::Missing, ..failure });
    };
    match etag {
        Some(etag) if map::version(&there.planned, side) != *etag => {
            Err(Failure { class: FailureClass::Precondition, ..refused(operation, CHANGED) })
        }
        Some(_) | None => Ok(()),
    }
}

/// What was written, from the answer to it; `known` is its id where it was there before.
fn written(
    collection: Collection,
    answer: &GraphAnswer,
    index: &Index,
    known: Option<&RemoteId>,
) -> Result<Written, Failure> {
    let mut planned = answer.json::<Planned>()?;
    if let Some(RemoteId(id)) = known.filter(|_| planned.id.is_empty()) {
        planned.id.clone_from(id);
    }
    if planned.id.is_empty() {
        let detail = "the answer names no id";
        let failure = refused(format!("add to the {}", collection.as_str()), detail);
        return Err(Failure { class: FailureClass::Unknown, ..failure });
    }
    let remote_id = RemoteId(planned.id.clone());
    Ok(match map::remote_item(collection, &planned, index) {
        Some(item) => Written { remote_id, etag: item.etag, echoed: item.fingerprint },
        None => Written { remote_id, etag: None, echoed: None },
    })
}

fn operation(verb: &str, team: &CalendarKey, collection: Collection, remote: &RemoteId) -> String {
    format!("{verb} `{remote}` of the {} of team `{team}`", collection.as_str())
}

fn item_path(team: &CalendarKey, collection: Collection, remote: &RemoteId) -> String {
    let below = format!("/{}/{}", collection.as_str(), segment(&remote.0));
    schedule_path(team, &below)
}

/// The request that reads an item.
#[must_use]
pub fn item_ask(team: &CalendarKey, collection: Collection, remote: &RemoteId) -> Ask {
    let path = item_path(team, collection, remote);
    Ask::get(path, operation("read", team, collection, remote)).about(About::Item)
}

/// In which collections an id may be: the one that its beginning tells, or else any.
#[must_use]
pub fn collections_of(remote: &RemoteId) -> Vec<Collection> {
    let told = Collection::ALL.into_iter().find(|it| {
        let prefix = it.prefix();
        remote.0.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
    });
    told.map_or_else(|| Collection::ALL.to_vec(), |it| vec![it])
}
