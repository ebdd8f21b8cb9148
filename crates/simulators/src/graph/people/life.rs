//! People who live: something plausible happens, the same for the same seed.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{NewShift, NotDone, Person, TeamPeople, away, working};
use crate::contact_centre::chance::Chance;
use crate::graph::state::{Assigned, Item, Kind, RequestState, Role, Team};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// How far ahead people plan.
const DAYS: usize = 14;

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// A manager adds a shift and shares it.
    AddsShift,
    /// A manager makes a shift an hour longer or shorter, and shares it.
    EditsShift,
    /// A manager deletes a shift and shares that.
    DeletesShift,
    /// A manager adds an open shift and shares it.
    AddsOpenShift,
    /// A manager gives an open shift to somebody, and shares that.
    AssignsOpenShift,
    /// A manager adds a day off and shares it.
    AddsTimeOff,
    /// An employee asks for an open shift.
    ClaimsOpenShift,
    /// An employee wants to swap.
    AsksToSwap,
    /// An employee offers a shift.
    OffersShift,
    /// An employee wants a day off.
    AsksForTimeOff,
    /// Whoever's turn it is says yes.
    SaysYes,
    /// Whoever's turn it is says no.
    SaysNo,
    /// Somebody takes a request back.
    Cancels,
    /// Somebody says when they like to work.
    SetsPreferences,
}

/// What comes how often, in shares of the sum.
const DEEDS: [(Deed, usize); 14] = [
    (Deed::AddsShift, 14),
    (Deed::EditsShift, 12),
    (Deed::DeletesShift, 5),
    (Deed::AddsOpenShift, 6),
    (Deed::AssignsOpenShift, 3),
    (Deed::AddsTimeOff, 3),
    (Deed::ClaimsOpenShift, 8),
    (Deed::AsksToSwap, 10),
    (Deed::OffersShift, 6),
    (Deed::AsksForTimeOff, 6),
    (Deed::SaysYes, 18),
    (Deed::SaysNo, 5),
    (Deed::Cancels, 2),
    (Deed::SetsPreferences, 2),
];

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Who acted, by user id.
    pub user: String,
    /// What they did.
    pub deed: Deed,
    /// What they saw.
    pub seen: Result<(), NotDone>,
}

/// A life of many acts.
#[derive(Debug, Clone)]
pub struct Life {
    chance: Chance,
}

impl Life {
    /// The life of this seed. The same seed in the same team at the same time brings the same.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { chance: Chance::of(&[seed, 0x5ca1_ab1e]) }
    }

    /// Lets somebody in the team do something; `None` when there was nothing to do of the kind
    /// that was drawn.
    pub async fn acts(&mut self, team: &TeamPeople) -> Option<Act> {
        let graph = team.people.graph.clone();
        let now = graph.now();
        let known = graph.read(|state| state.teams.get(team.id()).cloned())?;
        let sum = DEEDS.iter().map(|(_, share)| share).sum();
        let mut drawn = self.chance.below(sum);
        let deed = DEEDS.iter().find_map(|(deed, share)| {
            let hit = drawn < *share;
            drawn = drawn.saturating_sub(*share);
            hit.then_some(*deed)
        })?;
        let view = View { team: &known, now };
        let (person, seen) = self.does(deed, team, &view).await?;
        Some(Act { user: person.user().to_owned(), deed, seen })
    }

    async fn does(
        &mut self,
        deed: Deed,
        team: &TeamPeople,
        view: &View<'_>,
    ) -> Option<(Person, Result<(), NotDone>)> {
        match deed {
            Deed::AddsShift
            | Deed::EditsShift
            | Deed::DeletesShift
            | Deed::AddsOpenShift
            | Deed::AssignsOpenShift
            | Deed::AddsTimeOff => {
                let manager = team.person(self.one(view.managers())?);
                let seen = self.manages(deed, &manager, view).await?;
                Some((manager, seen))
            }
            Deed::ClaimsOpenShift
            | Deed::AsksToSwap
            | Deed::OffersShift
            | Deed::AsksForTimeOff
            | Deed::SetsPreferences => {
                let person = team.person(self.one(view.members())?);
                let seen = self.asks(deed, &person, view).await?;
                Some((person, seen))
            }
            Deed::SaysYes | Deed::SaysNo | Deed::Cancels => self.answers(deed, team, view).await,
        }
    }

    async fn manages(
        &mut self,
        deed: Deed,
        manager: &Person,
        view: &View<'_>,
    ) -> Option<Result<(), NotDone>> {
        let (start, end) = self.span(view.now);
        Some(match deed {
            Deed::AddsShift => {
                let (group, users) = self.one(view.groups())?;
                let user = self.one(users.iter().map(String::as_str))?;
                let new = NewShift::of(user, group, working(start, end));
                shared(manager, manager.creates_shift(new).await).await
            }
            Deed::AddsOpenShift => {
                let (group, _) = self.one(view.groups())?;
                let slots = if self.chance.percent(70) { 1 } else { 2 };
                let made = manager.creates_open_shift(group, working(start, end), slots).await;
                shared(manager, made).await
            }
            Deed::AddsTimeOff => {
                let (user, reason) = (self.one(view.members())?, self.one(view.reasons())?);
                let made = manager.creates_time_off(user, away(reason, start, end)).await;
                shared(manager, made).await
            }
            Deed::EditsShift => {
                let id = self.one(view.shared(Kind::Shift))?;
                let longer = self.chance.percent(50);
                let edit = |it: &mut Item| {
                    let short = it.end.duration_since(it.start) < HOUR * 5;
                    it.end += if longer || short { HOUR } else { -HOUR };
                };
                let edited = manager.edits(id, edit).await;
                shared(manager, edited.map(|()| id.to_owned())).await
            }
            Deed::DeletesShift => {
                let id = self.one(view.shared(Kind::Shift))?;
                let deleted = manager.deletes(id).await;
                shared(manager, deleted.map(|()| id.to_owned())).await
            }
            _ => {
                let open = self.one(view.open_with_slots())?;
                let user = self.one(view.members())?;
                match manager.assigns(open, user).await {
                    Ok(shift) => {
                        let given = manager.shares(&shift).await;
                        given.and(manager.shares(open).await)
                    }
                    Err(why) => Err(why),
                }
            }
        })
    }

    async fn asks(
        &mut self,
        deed: Deed,
        person: &Person,
        view: &View<'_>,
    ) -> Option<Result<(), NotDone>> {
        let user = person.user();
        let asked = match deed {
            Deed::ClaimsOpenShift => person.claims(self.one(view.open_with_slots())?).await,
            Deed::AsksToSwap => {
                let own = self.one(view.shifts_of(|it| it == Some(user)))?;
                let other = self.one(view.shifts_of(|it| it != Some(user)))?;
                person.asks_to_swap(own, other).await
            }
            Deed::OffersShift => {
                let own = self.one(view.shifts_of(|it| it == Some(user)))?;
                let to = self.one(view.members().filter(|it| *it != user))?;
                person.offers(own, to).await
            }
            Deed::AsksForTimeOff => {
                let (start, end) = self.span(view.now);
                person.asks_for_time_off(self.one(view.reasons())?, start, end).await
            }
            _ => {
                let first = self.chance.below(12);
                let days = self.chance.pick(["Monday", "Wednesday", "Saturday"]);
                let mut from = String::new();
                // Writing to a text does not fail.
                let _ = write!(from, "{first:02}:00:00.0000000");
                let availability = json!([{
                    "recurrence": {
                        "pattern": { "type": "Weekly", "daysOfWeek": [days], "interval": 1 },
                        "range": { "type": "noEnd" },
                    },
                    "timeZone": "W. Europe Standard Time",
                    "timeSlots": [{ "startTime": from, "endTime": "22:00:00.0000000" }],
                }]);
                return Some(person.sets_preferences(availability).await);
            }
        };
        Some(asked.map(drop))
    }

    async fn answers(
        &mut self,
        deed: Deed,
        team: &TeamPeople,
        view: &View<'_>,
    ) -> Option<(Person, Result<(), NotDone>)> {
        let (kind, id) = self.one(view.pending())?;
        let request = view.team.request(kind, id)?;
        if deed == Deed::Cancels {
            let sender = team.person(request.sender.user.as_deref()?);
            let seen = sender.cancels(id).await;
            return Some((sender, seen));
        }
        let recipients = request.assigned_to == Assigned::Recipient;
        let person = if recipients {
            team.person(request.recipient.user.as_deref()?)
        } else {
            team.person(self.one(view.managers())?)
        };
        let seen = match (deed, recipients) {
            (Deed::SaysYes, true) => person.accepts(id).await,
            (Deed::SaysYes, false) => person.approves(id).await,
            _ => person.declines(id).await,
        };
        Some((person, seen))
    }

    /// Six to nine hours on one of the next days, from a full hour on.
    fn span(&mut self, now: Timestamp) -> (Timestamp, Timestamp) {
        let day = now.as_second().div_euclid(DAY.as_secs()) * DAY.as_secs();
        let midnight = Timestamp::from_second(day).unwrap_or(now);
        let days = i32::try_from(1 + self.chance.below(DAYS)).unwrap_or(1);
        let hours = i32::try_from(6 + self.chance.below(9)).unwrap_or(6);
        let length = i32::try_from(6 + self.chance.below(4)).unwrap_or(6);
        let start = midnight + DAY * days + HOUR * hours;
        (start, start + HOUR * length)
    }

    fn one<T>(&mut self, all: impl Iterator<Item = T>) -> Option<T> {
        let mut all: Vec<T> = all.collect();
        if all.is_empty() {
            return None;
        }
        Some(all.swap_remove(self.chance.below(all.len())))
    }
}

/// Shares what was made.
async fn shared(manager: &Person, made: Result<String, NotDone>) -> Result<(), NotDone> {
    manager.shares(&made?).await
}

struct View<'a> {
    team: &'a Team,
    now: Timestamp,
}

impl<'a> View<'a> {
    fn managers(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let members = self.team.members.iter();
        members.filter(|it| it.role == Role::Owner).map(|it| it.user.as_str())
    }

    fn members(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let members = self.team.members.iter();
        members.filter(|it| it.role != Role::Guest).map(|it| it.user.as_str())
    }

    fn groups(&self) -> impl Iterator<Item = (&'a str, &'a [String])> + use<'a> {
        let team = self.team;
        let ids = team.all(Kind::SchedulingGroup).map(|(id, _)| id);
        ids.filter_map(|id| {
            let group = team.group(id)?;
            group.is_active.then_some((id.as_str(), group.users.as_slice()))
        })
    }

    fn reasons(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let team = self.team;
        let ids = team.all(Kind::TimeOffReason).map(|(id, _)| id.as_str());
        ids.filter(|id| team.reason(id).is_some_and(|it| it.is_active))
    }

    /// What everybody sees and is still to come.
    fn shared(&self, kind: Kind) -> impl Iterator<Item = &'a str> + use<'a> {
        let (team, now) = (self.team, self.now);
        team.all(kind).map(|(id, _)| id.as_str()).filter(move |id| {
            team.planned(kind, id).is_some_and(|it| {
                !it.is_staged_for_deletion && it.shared.as_ref().is_some_and(|it| it.start > now)
            })
        })
    }

    fn shifts_of(&self, whose: impl Fn(Option<&str>) -> bool) -> impl Iterator<Item = &'a str> {
        let team = self.team;
        self.shared(Kind::Shift).filter(move |id| {
            team.planned(Kind::Shift, id).is_some_and(|it| whose(it.user.as_deref()))
        })
    }

    fn open_with_slots(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let team = self.team;
        self.shared(Kind::OpenShift).filter(move |id| {
            let planned = team.planned(Kind::OpenShift, id).and_then(|it| it.planned());
            planned.is_some_and(|it| it.open_slots.unwrap_or(0) > 0)
        })
    }

    fn pending(&self) -> impl Iterator<Item = (Kind, &'a str)> + use<'a> {
        let team = self.team;
        let kinds =
            [Kind::SwapRequest, Kind::OfferRequest, Kind::OpenShiftRequest, Kind::TimeOffRequest];
        kinds.into_iter().flat_map(move |kind| {
            let ids = team.all(kind).map(|(id, _)| id.as_str());
            ids.filter(move |id| {
                team.request(kind, id).is_some_and(|it| it.state == RequestState::Pending)
            })
            .map(move |id| (kind, id))
        })
    }
}
