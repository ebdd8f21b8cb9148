//! People, who use the same calendars: they keep their own items there, and meddle with ours.

use std::collections::BTreeMap;

use domain::{
    CalendarKey, EmployeeId, EntityId, EntityKey, EntityKind, ScheduleItem, ShiftItem, UtcInterval,
};
use engine::port::{Clock, Content, ETag, Placement, RemoteId, Target};
use jiff::SignedDuration;
use testkit::memory_target::KeptItem;
use testkit::seeded_entropy::SeededEntropy;

use crate::truth::{Truth, shift_id};
use crate::wire::Wire;

type Place = (CalendarKey, RemoteId);

/// Whether a person made the item with this remote id for themselves.
#[must_use]
pub fn is_persons(id: &RemoteId) -> bool {
    ["own-", "copy-", "before-"].iter().any(|who| id.0.starts_with(who))
}

/// Whether a person made it from one of ours: which of them is ours, nobody can tell.
#[must_use]
pub fn is_copy(id: &RemoteId) -> bool {
    id.0.starts_with("copy-")
}

fn draft(item: ScheduleItem) -> KeptItem {
    let (etag, body) = (ETag(String::new()), String::new());
    let content = Some(Content::Schedule(item));
    KeptItem { etag, content, origin: None, revision: None, body }
}

/// What people did and own.
pub struct People {
    chance: SeededEntropy,
    /// Their own items, as they left them.
    own: BTreeMap<Place, KeptItem>,
    numbers: u64,
}

impl People {
    /// People who own nothing yet.
    #[must_use]
    pub fn new(chance: SeededEntropy) -> Self {
        Self { chance, own: BTreeMap::new(), numbers: 0 }
    }

    /// Somebody keeps something of their own in this calendar.
    pub fn keep(&mut self, wire: &Wire, calendar: &CalendarKey) {
        self.numbers += 1;
        let id = RemoteId(format!("own-{}.ics", self.numbers));
        self.put_own(wire, (calendar.clone(), id));
    }

    fn put_own(&mut self, wire: &Wire, place: Place) -> String {
        let body = format!("dentist {}", self.numbers);
        wire.target.put_foreign(&place.0, &place.1, &body);
        if let Some(kept) = item_at(wire, &place) {
            self.own.insert(place.clone(), kept);
        }
        format!("a person puts {} into {}", place.1, place.0)
    }

    /// Some of what will be wanted is there before we come; some of it looks different.
    pub fn prepare(&self, wire: &Wire, truth: &Truth) {
        let horizon = wire.clock.now() + SignedDuration::from_hours(crate::oracle::FUTURE_HOURS);
        let ahead = truth.shifts.iter().filter(|(_, work)| work.interval().start() < horizon);
        let numbers = ahead.map(|(number, _)| number);
        for number in numbers.filter(|_| self.chance.chance(40)) {
            let Some(entity) = truth.shift(*number) else { continue };
            let item = ScheduleItem::of(&entity, &domain::Directory::default());
            let Placement::In(team) = wire.target.place(&entity, None) else { continue };
            if let Some(ScheduleItem::Shift(mut item)) = item {
                if self.chance.chance(50) {
                    item.label.push_str(" (by hand)");
                }
                // What a product keeps, it has rewritten.
                item.notes = item.notes.filter(|_| !wire.target.habits().rewrites);
                let id = RemoteId(format!("before-{number}"));
                wire.target.put(&team, &id, draft(ScheduleItem::Shift(item)));
            }
        }
    }

    /// Somebody does something in a schedule product, and it is said what.
    fn act_in_schedule(&mut self, wire: &Wire, truth: &Truth) -> String {
        let all = wire.target.everything();
        let opened = wire.opened();
        let teams = all.keys().filter(|team| opened.contains(team));
        let teams: Vec<CalendarKey> = teams.cloned().collect();
        let Some(team) = self.pick(&teams).cloned() else { return "nobody acts".into() };
        let mut ours: Vec<(RemoteId, KeptItem)> = Vec::new();
        let items = all.get(&team).into_iter().flatten();
        // What a crash left and a person changed is anybody's.
        let known = |id: &RemoteId| !is_persons(id) && wire.is_known(&team, id);
        let items = items.filter(|(id, item)| known(id) && item.content.is_some());
        ours.extend(items.map(|(id, item)| (id.clone(), item.clone())));
        match (self.chance.below(10), self.pick(&ours).cloned()) {
            (0..=2, _) => self.keep_work(wire, truth, &team),
            (3..=5, Some((id, _))) => {
                wire.note_meddling(&team, &id);
                wire.target.edit(&team, &id, |item| {
                    if let Some(Content::Schedule(ScheduleItem::Shift(shift))) = &mut item.content {
                        shift.label.push_str(" (really?)");
                    }
                });
                format!("a person edits {id} in {team}")
            }
            (6..=7, Some((id, _))) => {
                wire.note_meddling(&team, &id);
                wire.target.remove(&team, &id);
                format!("a person removes {id} from {team}")
            }
            (8, Some((id, item))) => {
                self.numbers += 1;
                let copy = RemoteId(format!("copy-{}", self.numbers));
                wire.target.put(&team, &copy, KeptItem { origin: None, ..item });
                format!("a person copies {id} to {copy} in {team}")
            }
            (_, _) => "nobody acts".into(),
        }
    }

    /// Somebody plans work of their own there, at a time at which the roster has none.
    fn keep_work(&mut self, wire: &Wire, truth: &Truth, team: &CalendarKey) -> String {
        self.numbers += 1;
        let people: Vec<&String> = truth.people.keys().collect();
        let who = self.pick(&people).and_then(|who| EmployeeId::new(who.as_str()).ok());
        let Some(employee) = who else { return "nobody acts".into() };
        let days = SignedDuration::from_hours(24 * (self.chance.below(20) as i64 - 10));
        let start = wire.clock.now() + days;
        let odd = start.as_second().rem_euclid(3600);
        let start = start - SignedDuration::from_secs(odd) + SignedDuration::from_secs(427);
        let end = start + SignedDuration::from_hours(3);
        let Ok(interval) = UtcInterval::new(start, end) else { return "nobody acts".into() };
        let (group, activities, notes) = (None, Vec::new(), None);
        let label = "by hand".into();
        let item = ShiftItem { employee, group, label, interval, activities, notes };
        let place = (team.clone(), RemoteId(format!("own-{}", self.numbers)));
        wire.target.put(&place.0, &place.1, draft(ScheduleItem::Shift(item)));
        if let Some(kept) = item_at(wire, &place) {
            self.own.insert(place.clone(), kept);
        }
        format!("a person plans {} in {}", place.1, place.0)
    }

    /// Somebody does something, and it is said what.
    pub fn act(&mut self, wire: &Wire, truth: &Truth, calendars: &[CalendarKey]) -> String {
        if wire.target.habits().schedule {
            return self.act_in_schedule(wire, truth);
        }
        let Some(calendar) = self.pick(calendars).cloned() else { return "nobody acts".into() };
        let items = wire.target.everything().remove(&calendar).unwrap_or_default();
        let mut ours: Vec<(RemoteId, KeptItem)> = Vec::new();
        ours.extend(items.into_iter().filter(|(_, item)| item.content.is_some()));
        match (self.chance.below(12), self.pick(&ours).cloned()) {
            (0..=1, _) => {
                self.keep(wire, &calendar);
                format!("a person keeps something in {calendar}")
            }
            (2, _) => self.squat(wire, truth, &calendar),
            (3, _) => self.remove_calendar(wire, &calendar),
            (4..=6, Some((id, _))) => self.edit(wire, &calendar, &id),
            (7..=8, Some((id, _))) => {
                wire.target.remove(&calendar, &id);
                format!("a person removes {id} from {calendar}")
            }
            (9..=10, Some((id, item))) => self.duplicate(wire, &calendar, &id, item),
            (_, _) => "nobody acts".into(),
        }
    }

    fn pick<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.chance.below(of.len() as u64) as usize)
    }

    fn edit(&self, wire: &Wire, calendar: &CalendarKey, id: &RemoteId) -> String {
        // Without a tag, an item whose place the server chose could not be known as ours.
        let untag = wire.target.habits().chosen_ids && self.chance.chance(30);
        wire.target.edit(calendar, id, |item| {
            if let Some(Content::Event(event)) = &mut item.content {
                event.summary.push_str(" (moved my lunch)");
            }
            if untag {
                item.origin = None;
            }
        });
        format!("a person edits {id} in {calendar}, tag dropped: {untag}")
    }

    /// A copy under another id; where identities are unique, a move.
    fn duplicate(
        &mut self,
        wire: &Wire,
        calendar: &CalendarKey,
        id: &RemoteId,
        item: KeptItem,
    ) -> String {
        self.numbers += 1;
        let copy = RemoteId(format!("copy-{}.ics", self.numbers));
        let habits = wire.target.habits();
        let moves = habits.unique_identity && habits.chosen_ids;
        if moves {
            wire.target.remove(calendar, id);
        } else {
            wire.note_copy(calendar, id);
        }
        wire.note_copy(calendar, &copy);
        wire.target.put(calendar, &copy, item);
        format!("a person copies {id} to {copy} in {calendar}, original gone: {moves}")
    }

    /// Something of theirs where a shift of ours would be.
    fn squat(&mut self, wire: &Wire, truth: &Truth, calendar: &CalendarKey) -> String {
        self.numbers += 1;
        let numbers: Vec<u32> = truth.shifts.keys().copied().collect();
        let number = self.pick(&numbers).copied().unwrap_or(1) + self.chance.below(2) as u32;
        let Ok(id) = EntityId::new(shift_id(number)) else { return "nobody acts".into() };
        let key = EntityKey { kind: EntityKind::Shift, id }.into();
        // What the ledger knows to be ours is ours, whatever somebody puts in its place.
        let place = wire.target.remote_id(calendar, &key, 0);
        match place.filter(|_| !wire.was_made(calendar, &key)) {
            Some(place) => self.put_own(wire, (calendar.clone(), place)),
            None => "nobody acts".into(),
        }
    }

    fn remove_calendar(&mut self, wire: &Wire, calendar: &CalendarKey) -> String {
        if !self.chance.chance(40) {
            return "nobody acts".into();
        }
        wire.target.remove_calendar(calendar);
        self.own.retain(|(other, _), _| other != calendar);
        format!("a person removes {calendar}")
    }

    /// Promise 5: what they own is as they left it.
    pub fn check(&self, wire: &Wire) {
        for (place, kept) in &self.own {
            if item_at(wire, place).as_ref() != Some(kept) {
                let (calendar, id) = place;
                wire.trace.violation("5 (hands off)", format_args!("{calendar}/{id} was touched"));
            }
        }
    }
}

fn item_at(wire: &Wire, (calendar, id): &Place) -> Option<KeptItem> {
    wire.target.everything().get(calendar)?.get(id).cloned()
}
