//! What managers do in the schedule, and preferences.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{NotDone, Person, Plan, managed_by, member_of};
use crate::graph::change::{Edit, Scope, Write};
use crate::graph::preference::id_for;
use crate::graph::state::{Entity, Item, Kind, Planned, Preferences, State, Team, Tracked, Who};

/// A shift that a manager is about to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewShift {
    /// Whose.
    pub user: String,
    /// In which scheduling group.
    pub group: String,
    /// What it says.
    pub item: Item,
}

impl NewShift {
    /// One for `user` in `group`.
    #[must_use]
    pub fn of(user: &str, group: &str, item: Item) -> Self {
        Self { user: user.to_owned(), group: group.to_owned(), item }
    }
}

/// Work in `[start, end)`, blue, with nothing else to say.
#[must_use]
pub fn working(start: Timestamp, end: Timestamp) -> Item {
    Item {
        start,
        end,
        theme: Some("blue".to_owned()),
        display_name: None,
        notes: None,
        activities: Vec::new(),
        open_slots: None,
        reason: None,
    }
}

/// Absence in `[start, end)` for this reason.
#[must_use]
pub fn away(reason: &str, start: Timestamp, end: Timestamp) -> Item {
    Item { reason: Some(reason.to_owned()), ..working(start, end) }
}

const PLANNED: [Kind; 3] = [Kind::Shift, Kind::OpenShift, Kind::TimeOff];

/// Something planned, by its id alone.
pub(super) fn planned<'a>(team: &'a Team, id: &str) -> Result<(Kind, &'a Planned), NotDone> {
    let mut found = PLANNED.iter().filter_map(|kind| Some((*kind, team.planned(*kind, id)?)));
    found.next().ok_or_else(|| NotDone::shifts(format!("`{id}` is no longer there")))
}

/// What a manager sees of it.
pub(super) fn side(planned: &Planned) -> Result<&Item, NotDone> {
    planned.planned().ok_or_else(|| NotDone::shifts("it is about to be deleted"))
}

/// Whether Shifts lets it be: a shift lasts from a minute to 24 hours (`shifts.md` §1.2).
fn check(kind: Kind, item: &Item) -> Result<(), NotDone> {
    let length = item.end.duration_since(item.start);
    if length < SignedDuration::from_mins(1) {
        return Err(NotDone::shifts("the end must be after the start"));
    }
    if kind != Kind::TimeOff && length > SignedDuration::from_hours(24) {
        return Err(NotDone::shifts("a shift is no longer than 24 hours"));
    }
    Ok(())
}

/// What sharing does to it; `None` when there is nothing to share.
fn sharing(team: &Team, kind: Kind, id: &str, before: &Planned) -> Option<Edit> {
    if before.is_staged_for_deletion {
        return Some(Edit::delete(team, kind, id));
    }
    let shared = Some(before.draft.clone()?);
    let after = Planned { draft: None, shared, ..before.clone() };
    Some(Edit::replace(team, kind, id, Entity::Planned(after)))
}

impl Person {
    /// Adds a shift as a draft; its id.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn creates_shift(&self, new: NewShift) -> Result<String, NotDone> {
        let NewShift { user, group, item } = new;
        self.adds(Kind::Shift, Some(&user), Some(&group), &item).await
    }

    /// Adds an open shift with so many slots as a draft; its id.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn creates_open_shift(
        &self,
        group: &str,
        item: Item,
        slots: i32,
    ) -> Result<String, NotDone> {
        let item = Item { open_slots: Some(slots), ..item };
        self.adds(Kind::OpenShift, None, Some(group), &item).await
    }

    /// Adds somebody's time off as a draft (see [`away`]); its id.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn creates_time_off(&self, user: &str, item: Item) -> Result<String, NotDone> {
        self.adds(Kind::TimeOff, Some(user), None, &item).await
    }

    async fn adds(
        &self,
        kind: Kind,
        user: Option<&str>,
        group: Option<&str>,
        item: &Item,
    ) -> Result<String, NotDone> {
        self.acts(|state| {
            let team = managed_by(state, self)?;
            if user.is_some_and(|user| !team.has_member(user)) {
                return Err(NotDone::shifts("the employee is no member of this team"));
            }
            check(kind, item)?;
            let id = state.new_id(kind.prefix());
            let after = Planned {
                user: user.map(str::to_owned),
                group: group.map(str::to_owned),
                draft: Some(item.clone()),
                ..Planned::default()
            };
            Plan::of(Edit::make(kind, id.as_str(), Entity::Planned(after)), id)
        })
        .await
    }

    /// Changes what a shift, an open shift or a time off says, as a draft.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn edits(&self, id: &str, change: impl Fn(&mut Item)) -> Result<(), NotDone> {
        self.changes(id, |planned| {
            let mut item = side(planned)?.clone();
            change(&mut item);
            planned.draft = Some(item);
            Ok(())
        })
        .await
    }

    /// Gives a shift to another employee of the team, as a draft.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn reassigns(&self, shift: &str, user: &str) -> Result<(), NotDone> {
        self.changes(shift, |planned| {
            planned.draft = Some(side(planned)?.clone());
            planned.user = Some(user.to_owned());
            Ok(())
        })
        .await
    }

    async fn changes(
        &self,
        id: &str,
        change: impl Fn(&mut Planned) -> Result<(), NotDone>,
    ) -> Result<(), NotDone> {
        self.acts(|state| {
            let team = managed_by(state, self)?;
            let (kind, before) = planned(team, id)?;
            let mut after = before.clone();
            change(&mut after)?;
            check(kind, side(&after)?)?;
            Plan::of(Edit::replace(team, kind, id, Entity::Planned(after)), ())
        })
        .await
    }

    /// Deletes a shift, an open shift or a time off. What nobody else saw is gone at once; the
    /// rest is gone when it, or the schedule, is shared.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn deletes(&self, id: &str) -> Result<(), NotDone> {
        self.acts(|state| {
            let team = managed_by(state, self)?;
            let (kind, before) = planned(team, id)?;
            side(before)?;
            if before.shared.is_none() {
                return Plan::of(Edit::delete(team, kind, id), ());
            }
            let after = Planned { is_staged_for_deletion: true, ..before.clone() };
            Plan::of(Edit::replace(team, kind, id, Entity::Planned(after)), ())
        })
        .await
    }

    /// Shares one shift, open shift or time off: what was planned becomes what everybody sees,
    /// and what was deleted is gone.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn shares(&self, id: &str) -> Result<(), NotDone> {
        self.acts(|state| {
            let team = managed_by(state, self)?;
            let (kind, before) = planned(team, id)?;
            let edit = sharing(team, kind, id, before);
            Plan::of(edit.ok_or_else(|| NotDone::shifts("there is nothing to share"))?, ())
        })
        .await
    }

    /// Shares all that overlaps `[start, end)`. The integration is not asked (`shifts.md` §3):
    /// it knows the drafts.
    ///
    /// # Errors
    /// When it is not done.
    pub fn shares_schedule(&self, start: Timestamp, end: Timestamp) -> Result<(), NotDone> {
        let graph = &self.people.graph;
        let edits = graph.read(|state| {
            let team = managed_by(state, self)?;
            let all = PLANNED.iter().flat_map(|kind| team.all(*kind).map(|(id, _)| (*kind, id)));
            let edits = all.filter_map(|(kind, id)| {
                let before = team.planned(kind, id)?;
                let item = before.draft.as_ref().or(before.shared.as_ref())?;
                let inside = item.start < end && item.end > start;
                inside.then(|| sharing(team, kind, id, before)).flatten()
            });
            Ok::<_, NotDone>(edits.collect())
        })?;
        let write = Write::new(Scope::Team(self.team.clone()), self.who(), edits);
        graph.settle(&write).map_err(super::refused)
    }

    /// Gives one slot of an open shift to an employee, as a draft; the id of their shift. Two
    /// elements: the open shift, which has one slot less, and the shift.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn assigns(&self, open_shift: &str, user: &str) -> Result<String, NotDone> {
        self.acts(|state| {
            let team = managed_by(state, self)?;
            if !team.has_member(user) {
                return Err(NotDone::shifts("the employee is no member of this team"));
            }
            let (kind, before) = planned(team, open_shift)?;
            let item = side(before)?.clone();
            let slots = item.open_slots.unwrap_or(0);
            if kind != Kind::OpenShift || slots < 1 {
                return Err(NotDone::shifts("the open shift has no slot left"));
            }
            let mut rest = before.clone();
            rest.draft = Some(Item { open_slots: Some(slots - 1), ..item.clone() });
            let shift = Planned {
                user: Some(user.to_owned()),
                group: before.group.clone(),
                draft: Some(Item { open_slots: None, ..item }),
                ..Planned::default()
            };
            let rest = Edit::replace(team, Kind::OpenShift, open_shift, Entity::Planned(rest));
            let id = state.new_id(Kind::Shift.prefix());
            let shift = Edit::make(Kind::Shift, id.as_str(), Entity::Planned(shift));
            Ok(Plan { edits: vec![rest, shift], done: id })
        })
        .await
    }

    /// Says when they like to work: `availability` as Graph spells it.
    ///
    /// # Errors
    /// When it is not done.
    pub async fn sets_preferences(&self, availability: Value) -> Result<(), NotDone> {
        let now = self.people.graph.now();
        let scope = Scope::User(self.user().to_owned());
        self.acts_in(&scope, |state| {
            member_of(state, self)?;
            let after = self.preferences(state, availability.clone(), now);
            Plan::of(Edit::Preferences { after }, ())
        })
        .await
    }

    fn preferences(&self, state: &State, availability: Value, now: Timestamp) -> Preferences {
        let user = self.user();
        let before = state.preferences.get(user);
        let id = before.map_or_else(|| id_for(user), |it| it.id.clone());
        let who = Who::Person(user.to_owned());
        let tracked = Tracked {
            created_at: now,
            created_by: who.clone(),
            modified_at: now,
            modified_by: who,
            version: 0,
        };
        Preferences { id, availability, tracked }
    }
}
