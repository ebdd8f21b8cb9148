//! People, who use the same calendars: they keep their own items there, and meddle with ours.

use std::collections::BTreeMap;

use domain::{CalendarKey, EntityId, EntityKey, EntityKind};
use engine::port::{Content, RemoteId, Target};
use testkit::memory_target::KeptItem;
use testkit::seeded_entropy::SeededEntropy;

use crate::truth::{Truth, shift_id};
use crate::wire::Wire;

type Place = (CalendarKey, RemoteId);

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

    /// Somebody does something, and it is said what.
    pub fn act(&mut self, wire: &Wire, truth: &Truth, calendars: &[CalendarKey]) -> String {
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
        let key = EntityKey { kind: EntityKind::Shift, id };
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
