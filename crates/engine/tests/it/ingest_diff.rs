//! What an ingest finds to have changed, for any roster and any change of it.

use domain::{Entity, EntityKey, Fingerprint, Fingerprinter, Shift};
use engine::ingest::diff::{Before, RosterDiff, diff, matching};
use engine::port::{
    Absence, Identity, IdentityHint, ReadingKind, RosterIndexRow, SourceEntity, SourceRef,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use testkit::builders::{employee, hour, hours, shift, window};

/// One record of a source: a shift, and whatever else stands in its line.
#[derive(Debug, Clone, PartialEq)]
struct Record {
    shift: Shift,
    remark: u8,
}

/// A roster of shifts of a few people; some of them mean exactly the same.
fn records() -> impl Strategy<Value = Vec<Record>> {
    let record = (0u8..4, 0i64..600, 0u8..3, 0u8..3);
    prop::collection::vec(record, 0..40).prop_map(|records| {
        let record = |(index, (who, start, label, remark)): (usize, (u8, i64, u8, u8))| Record {
            shift: Shift {
                label: ["Early", "Late", "Night"][usize::from(label)].into(),
                ..shift(&format!("row-{index}"), &format!("person-{who}"), start)
            },
            remark,
        };
        records.into_iter().enumerate().map(record).collect()
    })
}

fn twin(record: &Record) -> Fingerprint {
    let mut print = Fingerprinter::new("twin");
    print.number(i64::from(record.remark));
    print.finish()
}

fn read(records: &[Record], native: bool) -> ReadingKind {
    let entity = |record: &Record| SourceEntity {
        entity: Entity::Shift(record.shift.clone()),
        identity: if native { Identity::Native } else { Identity::Assigned { twin: twin(record) } },
        at: SourceRef("roster.csv:2".into()),
    };
    let entities = records.iter().map(entity).collect();
    ReadingKind::Full { entities, absence: Absence::MeansDeleted }
}

/// A roster as the store would keep it.
#[derive(Debug, Clone, Default)]
struct Kept {
    entities: Vec<(Entity, Option<Fingerprint>)>,
}

impl Kept {
    fn index(&self) -> Vec<RosterIndexRow> {
        let row = |(entity, twin): &(Entity, Option<Fingerprint>)| RosterIndexRow {
            key: entity.key(),
            fingerprint: entity.fingerprint(),
            twin: *twin,
            starts_at: entity.interval().map(|it| it.start()),
            ends_at: entity.interval().map(|it| it.end()),
        };
        self.entities.iter().map(row).collect()
    }

    /// Before anything is over.
    fn diff(&self, kind: ReadingKind, hints: Vec<IdentityHint>) -> RosterDiff {
        self.diff_at(hour(-100), kind, hints)
    }

    fn diff_at(&self, now: Timestamp, kind: ReadingKind, hints: Vec<IdentityHint>) -> RosterDiff {
        let window = window(-100, 1000);
        let matching = matching(Before { index: self.index(), scope: None, hints }, kind);
        let load = matching.to_load(&window, now);
        let loaded = self.entities.iter().map(|(entity, _)| entity.clone());
        let loaded: Vec<Entity> = loaded.filter(|it| load.contains(&it.key())).collect();
        diff(matching, &loaded, &window, now)
    }

    /// Takes a reading in.
    fn ingest(&mut self, kind: ReadingKind) -> RosterDiff {
        let diff = self.diff(kind, Vec::new());
        let gone = |key: &EntityKey| {
            diff.tombstones.contains(key) || diff.upserts.iter().any(|it| it.entity.key() == *key)
        };
        self.entities.retain(|(entity, _)| !gone(&entity.key()));
        let put = diff.upserts.iter().map(|it| (it.entity.clone(), it.twin));
        self.entities.extend(put);
        self.entities.sort_by_key(|(entity, _)| entity.key());
        diff
    }

    fn of(records: &[Record], native: bool) -> Self {
        let mut kept = Self::default();
        kept.ingest(read(records, native));
        kept
    }

    /// What the entities mean, without their ids.
    fn meanings(&self) -> Vec<Fingerprint> {
        let mut all: Vec<_> = self.entities.iter().map(|(it, _)| it.fingerprint()).collect();
        all.sort_unstable();
        all
    }
}

fn meanings(records: &[Record]) -> Vec<Fingerprint> {
    let mut all: Vec<_> = records.iter().map(|it| it.shift.fingerprint()).collect();
    all.sort_unstable();
    all
}

fn reversed_or_rotated(records: &[Record], by: usize) -> Vec<Record> {
    let mut all = records.to_vec();
    all.reverse();
    let by = by.checked_rem(all.len()).unwrap_or(0);
    all.rotate_left(by);
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_whole_roster_is_taken_in_and_read_again_without_a_change(
        records in records(), native: bool, by in 0usize..50,
    ) {
        let mut kept = Kept::of(&records, native);
        prop_assert_eq!(kept.meanings(), meanings(&records));
        let before = kept.entities.clone();
        // The order of lines does not matter.
        let again = kept.ingest(read(&reversed_or_rotated(&records, by), native));
        prop_assert!(again.upserts.is_empty() && again.tombstones.is_empty(), "{:?}", again);
        prop_assert_eq!(again.unchanged, records.len() as u64);
        prop_assert_eq!(kept.entities, before);
    }

    #[test]
    fn any_roster_becomes_any_other(one in records(), two in records(), native: bool) {
        let mut kept = Kept::of(&one, native);
        kept.ingest(read(&two, native));
        prop_assert_eq!(kept.meanings(), meanings(&two));
        let keys: std::collections::BTreeSet<_> =
            kept.entities.iter().map(|(entity, _)| entity.key()).collect();
        prop_assert_eq!(keys.len(), two.len(), "every entity has an id of its own");
    }

    #[test]
    fn the_order_of_lines_does_not_decide_what_changes(
        one in records(), two in records(), native: bool, by in 0usize..50,
    ) {
        let kept = Kept::of(&one, native);
        let plain = kept.diff(read(&two, native), Vec::new());
        let mixed = kept.diff(read(&reversed_or_rotated(&two, by), native), Vec::new());
        let sizes = |it: &RosterDiff| (it.upserts.len(), it.tombstones.len(), it.unchanged);
        prop_assert_eq!(sizes(&plain), sizes(&mixed));
        prop_assert_eq!(plain.tombstones, mixed.tombstones);
    }

    #[test]
    fn few_changes_are_exactly_so_many_upserts_and_tombstones(
        records in records(), changed in 0usize..3, removed in 0usize..3, added in 0usize..3,
    ) {
        prop_assume!(records.len() >= changed + removed);
        let kept = Kept::of(&records, true);
        let mut now: Vec<Record> = records[removed..].to_vec();
        for record in now.iter_mut().take(changed) {
            record.shift.notes = Some("changed".into());
        }
        now.extend((0..added).map(|index| Record {
            shift: shift(&format!("new-{index}"), "person-0", 700),
            remark: 0,
        }));
        let diff = kept.diff(read(&now, true), Vec::new());
        prop_assert_eq!(diff.upserts.len(), changed + added);
        prop_assert_eq!(diff.tombstones.len(), removed);
        prop_assert_eq!(diff.unchanged as usize, records.len() - removed - changed);
    }

    #[test]
    fn a_moved_shift_without_an_id_stays_the_same_shift(
        records in records(), index in 0usize..40, by in 1i64..12,
    ) {
        prop_assume!(!records.is_empty());
        let index = index % records.len();
        let kept = Kept::of(&records, false);
        let mut now = records.clone();
        let moved = &mut now[index].shift;
        let (start, end) = (moved.interval.start(), moved.interval.end());
        let hours = SignedDuration::from_hours(by);
        moved.interval = domain::UtcInterval::new(start + hours, end + hours).expect("moves");
        let diff = kept.diff(read(&now, false), Vec::new());
        // One update, or none where another one looks just like it now: never a deletion.
        prop_assert!(diff.tombstones.is_empty(), "{:?}", diff.tombstones);
        prop_assert!(diff.upserts.len() <= 1);
        let known: Vec<_> = kept.entities.iter().map(|(entity, _)| entity.key()).collect();
        for upsert in &diff.upserts {
            prop_assert!(known.contains(&upsert.entity.key()), "{}", upsert.entity.key());
        }
    }

    #[test]
    fn hints_give_an_empty_roster_its_former_ids(records in records(), by in 0usize..50) {
        let kept = Kept::of(&records, false);
        let hint = |(entity, _): &(Entity, Option<Fingerprint>)| IdentityHint {
            key: entity.key(),
            fingerprint: entity.fingerprint(),
        };
        let hints = kept.entities.iter().map(hint).collect();
        let mut renamed = reversed_or_rotated(&records, by);
        for (index, record) in renamed.iter_mut().enumerate() {
            record.shift.id = domain::ShiftId::new(format!("other-{index}")).expect("an id");
        }
        let diff = Kept::default().diff(read(&renamed, false), hints);
        let ids: Vec<_> = diff.upserts.iter().map(|it| it.entity.key()).collect();
        let former: Vec<_> = kept.entities.iter().map(|(entity, _)| entity.key()).collect();
        prop_assert_eq!(ids, former);
    }
}

#[test]
fn what_lies_outside_the_window_is_not_missed() {
    let far = Shift { interval: hours(2000, 2008), ..shift("far", "ada", 6) };
    let mut kept = Kept::default();
    let far = Record { shift: far, remark: 0 };
    let near = Record { shift: shift("near", "ada", 6), remark: 0 };
    kept.ingest(read(&[far, near], true));
    let diff = kept.ingest(read(&[], true));
    let gone: Vec<_> = diff.tombstones.iter().map(ToString::to_string).collect();
    assert_eq!(gone, ["shift/near"]);
    assert_eq!(diff.present_before, 1);
}

/// How many were changed and deleted, and which ids were kept, whatever the order of the lines.
fn whatever_the_order(one: &[Record], two: &[Record]) -> (usize, Vec<String>) {
    let kept = Kept::of(one, false);
    let outcome = |two: &[Record]| {
        let diff = kept.diff(read(two, false), Vec::new());
        let gone: Vec<_> = diff.tombstones.iter().map(ToString::to_string).collect();
        (diff.upserts.len(), gone)
    };
    let plain = outcome(two);
    assert_eq!(plain, outcome(&reversed_or_rotated(two, 0)));
    plain
}

fn on_day(id: &str, day: i64, remark: u8) -> Record {
    Record { shift: shift(id, "ada", day * 24), remark }
}

#[test]
fn a_shift_halfway_between_two_is_taken_for_the_earlier_one_in_any_order() {
    let one = [on_day("row-0", 14, 1), on_day("row-1", 6, 1)];
    let two = [on_day("row-2", 11, 1), on_day("row-3", 17, 1)];
    // The 14th is as far from the 11th as from the 17th; only the 6th depends on which it takes.
    assert_eq!(whatever_the_order(&one, &two), (2, vec!["shift/row-1".to_owned()]));
}

#[test]
fn which_of_two_equal_shifts_is_new_does_not_depend_on_their_order() {
    let one = [on_day("row-0", 1, 1), on_day("row-1", 4, 2)];
    // One of these two is what row-0 was; row-1 can only have become the one with its remark.
    let two = [on_day("row-2", 1, 2), on_day("row-3", 1, 3)];
    let (_, gone) = whatever_the_order(&one, &two);
    assert!(gone.len() <= 1, "{gone:?}");
}

/// What is deleted at hour 40 when these records are all that a reading has, and from how many.
fn gone(
    kept: &Kept,
    records: &[Record],
    native: bool,
    told_from: Option<i64>,
) -> (Vec<String>, u64) {
    let absence = told_from.map_or(Absence::MeansDeleted, |it| Absence::MeansDeletedFrom(hour(it)));
    let ReadingKind::Full { entities, .. } = read(records, native) else { unreachable!() };
    let diff = kept.diff_at(hour(40), ReadingKind::Full { entities, absence }, Vec::new());
    assert_eq!(diff.upserts, [], "nothing moved");
    (diff.tombstones.iter().map(ToString::to_string).collect(), diff.present_before)
}

fn of(who: &str, id: &str, start: i64) -> Record {
    Record { shift: shift(id, who, start), remark: 0 }
}

#[test]
fn leavers_keep_what_is_over_and_lose_what_is_to_come_or_has_begun() {
    let bens = [of("ben", "b-past", 0), of("ben", "b-next", 48)];
    let annas = [of("anna", "a-past", 0), of("anna", "a-now", 36), of("anna", "a-next", 48)];
    for native in [true, false] {
        let kept = Kept::of(&[&bens[..], &annas[..]].concat(), native);
        let (gone, present) = gone(&kept, &bens, native, None);
        // What stays whatever is read does not make deletions look like a smaller share.
        assert_eq!((gone, present), (vec!["shift/a-next".into(), "shift/a-now".into()], 4));
    }
}

#[test]
fn the_guard_hears_of_the_past_of_those_who_leave_with_this_reading_and_only_then() {
    let work = [of("anna", "a-past", 0), of("anna", "a-next", 48), of("ben", "b-next", 48)];
    let mut kept = Kept::of(&work, true);
    let people = ["anna", "ben"].map(|it| (Entity::Employee(employee(it)), None));
    kept.entities.extend(people);
    let nothing = || read(&[], true);
    let diff = kept.diff_at(hour(40), nothing(), Vec::new());
    // An empty reading is refused, whatever of it is over: three of three.
    assert_eq!((diff.lost, diff.present_before), (3, 3));
    assert!(!diff.tombstones.contains(&testkit::builders::shift_key("a-past")));
    // Once that was said to be meant, the next reading misses nothing of it.
    kept.entities.retain(|(it, _)| !diff.tombstones.contains(&it.key()));
    let diff = kept.diff_at(hour(40), nothing(), Vec::new());
    assert_eq!((diff.lost, diff.present_before, diff.tombstones), (0, 0, vec![]));
}

#[test]
fn who_is_still_named_loses_past_work_that_was_taken_back() {
    let kept = Kept::of(&[of("anna", "a-past", 0), of("anna", "a-next", 48)], true);
    let (gone, present) = gone(&kept, &[of("anna", "a-next", 48)], true, None);
    assert_eq!((gone, present), (vec!["shift/a-past".into()], 2));
}

#[test]
fn a_person_is_named_by_the_source_and_not_by_the_operators_own_file() {
    let kept = Kept::of(&[of("anna", "a-past", 0)], true);
    let gone_when_named_at = |place: &str| {
        let anna = SourceEntity {
            entity: Entity::Employee(employee("anna")),
            identity: Identity::Native,
            at: SourceRef(place.into()),
        };
        let absence = Absence::MeansDeleted;
        let kind = ReadingKind::Full { entities: vec![anna], absence };
        kept.diff_at(hour(40), kind, Vec::new()).tombstones.len()
    };
    assert_eq!(gone_when_named_at("employees_file"), 0);
    assert_eq!(gone_when_named_at("users/7"), 1);
}

#[test]
fn days_before_those_that_a_reading_tells_of_stay_and_are_not_taken_for_moved() {
    let one = [of("anna", "yesterday", 0), of("anna", "today", 26), of("anna", "tomorrow", 48)];
    let kept = Kept::of(&one, true);
    let (deleted, present) = gone(&kept, &[of("anna", "tomorrow", 48)], true, Some(24));
    assert_eq!((deleted, present), (vec!["shift/today".into()], 2));
    // What has not ended yet is not past, whatever the reading tells of.
    let (deleted, _) = gone(&kept, &[of("anna", "tomorrow", 48)], true, Some(100));
    assert_eq!(deleted, [""; 0]);
    let kept = Kept::of(&one, false);
    let reading = read(&[of("anna", "x", 26), of("anna", "y", 48), of("anna", "z", 72)], false);
    let ReadingKind::Full { entities, .. } = reading else { unreachable!() };
    let absence = Absence::MeansDeletedFrom(hour(24));
    let diff = kept.diff_at(hour(40), ReadingKind::Full { entities, absence }, Vec::new());
    let new: Vec<String> = diff.upserts.iter().map(|it| it.entity.key().to_string()).collect();
    assert_eq!((new, diff.tombstones), (vec!["shift/z".into()], vec![]));
}

#[test]
fn the_night_into_an_export_that_is_cut_off_by_beginnings_is_worked_to_its_end() {
    let night = shift("night", "anna", 38);
    let kept = Kept::of(&[Record { shift: night, remark: 0 }, of("anna", "next", 60)], true);
    // Read at hour 40 of a file whose first day begins with hour 39.
    let (deleted, _) = gone(&kept, &[of("anna", "next", 60)], true, Some(39));
    assert_eq!(deleted, [""; 0], "nothing of the file begins before");
    let both = [of("ben", "evening", 37), of("anna", "next", 60)];
    let kept = Kept::of(&[&both[..], &[of("anna", "night", 38)]].concat(), true);
    let (deleted, _) = gone(&kept, &both, true, Some(39));
    assert_eq!(deleted, ["shift/night"], "nights are told, and this one is not");
}

#[test]
fn what_a_source_says_is_deleted_is_deleted_also_where_it_is_over() {
    let kept = Kept::of(&[of("anna", "a-past", 0), of("ben", "b-next", 48)], true);
    let removed = vec![testkit::builders::shift_key("a-past")];
    let kind = ReadingKind::Changes { upserts: vec![], removed };
    let diff = kept.diff_at(hour(40), kind, Vec::new());
    assert_eq!((diff.tombstones.len(), diff.present_before), (1, 2));
}
