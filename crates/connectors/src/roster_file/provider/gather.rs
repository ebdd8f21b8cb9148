//! From the texts of all files to one reading. Pure.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use domain::id::IdError;
use domain::limits::BAD_ROWS_REPORTED_MAX;
use domain::time::local_day;
use domain::{
    EmployeeId, Entity, EntityId, EntityKind, Fingerprint, Fingerprinter, OpenShift, OpenShiftId,
    ScheduleGroupId, Shift, ShiftId, SyncWindow, TimeOff, TimeOffId, TimeOffSpan,
};
use engine::port::{Absence, FieldFault, Identity, SourceEntity, SourceError, SourceRef};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::parts::{Parent, PendingPart, attach};
use super::people::{People, bad_id};
use super::reach::Reach;
use super::tables::{Spot, Tables};
use crate::roster_file::BAD_ROWS;
use crate::roster_file::config::{BadRowPolicy, RosterFileConfig};
use crate::roster_file::map::{self, Meaning, Rules, Work};
use crate::roster_file::wire::{Field, Layout};
use crate::table::{Record, RowFault, Table};

/// All that was read.
#[derive(Debug)]
pub(in crate::roster_file) struct Gathered {
    /// Employees, groups and reasons of all rows; shifts, open shifts and time off inside the
    /// window.
    pub entities: Vec<SourceEntity>,
    /// What follows for what is not among them.
    pub absence: Absence,
    /// Decisions worth knowing of.
    pub notes: Vec<FieldFault>,
    /// That all of it lies outside the window.
    pub missed: Option<FieldFault>,
    /// Rows that were left out.
    pub skipped: Vec<FieldFault>,
    /// Columns that nothing is mapped to, of all files.
    pub unmapped: Vec<String>,
}

/// Reads `files` (place and text, in order) as one roster. `bad` is what could not even become a
/// row.
///
/// # Errors
/// When a header lacks a mapped column, or a row is bad and may not be skipped.
pub(in crate::roster_file) fn gather(
    files: &[(&str, &str)],
    bad: Vec<FieldFault>,
    (config, rules): (&RosterFileConfig, &Rules),
    window: &SyncWindow,
) -> Result<Gathered, SourceError> {
    let tables = Tables::open(files, config)?;
    let mut gather = Gather::new(&tables, rules, window, config.columns.kind.is_some());
    bad.into_iter().for_each(|fault| gather.bad.push(|| fault));
    // Reserved once: growing step by step would hold everything twice for a moment.
    let lines = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count();
    let lines = files.iter().map(|(_, text)| lines(text)).sum();
    gather.entities.reserve(lines);
    let sum_words = config.sum_words();
    let mut record = Record::default();
    for (file, (table, layout)) in (0..).zip(&tables.list) {
        let mut scanner = table.scanner();
        while let Some(read) = scanner.read(&mut record) {
            if read.is_ok() && table.is_blank(&record) {
                continue;
            }
            if read.is_ok() && layout.is_no_row(table, &record, &sum_words) {
                gather.passed_over += 1;
                continue;
            }
            let spot = Spot::of(file, &record);
            let line = Line { table, layout, record: &record, spot };
            let taken = read.and_then(|()| gather.take(&line));
            if let Err(fault) = taken {
                gather.bad.push(|| table.locate(fault, &record));
            }
        }
    }
    gather.finish(config)
}

/// One record in its surroundings.
struct Line<'a> {
    table: &'a Table<'a>,
    layout: &'a Layout,
    record: &'a Record,
    spot: Spot,
}

impl Line<'_> {
    fn source_ref(&self) -> SourceRef {
        SourceRef(format!("{}:{}", self.table.place, self.spot.line))
    }
}

/// Faults or notes: the first ones in full, the rest counted.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    list: Vec<FieldFault>,
    more: usize,
}

impl Remarks {
    pub fn push(&mut self, fault: impl FnOnce() -> FieldFault) {
        if self.list.len() < BAD_ROWS_REPORTED_MAX {
            self.list.push(fault());
        } else {
            self.more += 1;
        }
    }

    /// The list, with one more entry for those that were only counted.
    fn into_list(self, what: &str) -> Vec<FieldFault> {
        let Self { mut list, more } = self;
        if let (1.., Some(last)) = (more, list.last()) {
            let rest = FieldFault {
                line: 0,
                text: String::new(),
                field: None,
                column: None,
                message: format!("{more} more {what}"),
                hint: None,
                place: last.place.clone(),
                stands_for: more,
            };
            list.push(rest);
        }
        list
    }
}

struct Gather<'a> {
    tables: &'a Tables<'a>,
    rules: &'a Rules,
    window: &'a SyncWindow,
    /// Whether shifts outside the window are kept until the end, because parts may follow.
    keeps_outside: bool,
    people: People,
    entities: Vec<SourceEntity>,
    parts: Vec<PendingPart>,
    natives: HashMap<(EntityKind, EntityId), Parent>,
    alike: HashMap<Fingerprint, Alike>,
    /// Whole records that may be repeated: those of parts, and those that look alike.
    records: HashMap<Fingerprint, Spot>,
    bad: Remarks,
    notes: Remarks,
    reach: Reach,
    /// Records that are no rows: sums, and the header once more.
    passed_over: usize,
}

impl<'a> Gather<'a> {
    fn new(
        tables: &'a Tables<'a>,
        rules: &'a Rules,
        window: &'a SyncWindow,
        keeps_outside: bool,
    ) -> Self {
        Self {
            tables,
            rules,
            window,
            keeps_outside,
            people: People::default(),
            entities: Vec::new(),
            parts: Vec::new(),
            natives: HashMap::new(),
            alike: HashMap::new(),
            records: HashMap::new(),
            bad: Remarks::default(),
            notes: Remarks::default(),
            reach: Reach::default(),
            passed_over: 0,
        }
    }

    /// Takes one record.
    fn take(&mut self, line: &Line<'_>) -> Result<(), RowFault> {
        let Line { table, record, .. } = *line;
        let (found, expected) = (record.cells.len(), table.names().len());
        if found != expected {
            let message = format!("the row has {found} fields; expected {expected}, as the header");
            return Err(RowFault::row(message)
                .hint("a field that holds the delimiter must stand in quotes"));
        }
        let row = line.layout.row(table, record);
        let mapped = map::read(&row, self.rules)?;
        let mut employee = None;
        if let Some(person) = &mapped.person {
            let (id, note) = self.people.employee(person, || line.source_ref())?;
            employee = Some(id);
            self.note(note, line);
        }
        let group = match mapped.group {
            Some(group) => Some(self.people.group(group, || line.source_ref())?),
            None => None,
        };
        let first = match (mapped.meaning, employee) {
            (Meaning::Nothing, _) | (Meaning::Shift(_) | Meaning::TimeOff(_), None) => None,
            (Meaning::Shift(work), Some(employee)) => self.shift(line, work, employee, group)?,
            (Meaning::OpenShift(work, slots), _) => self.open_shift(line, work, slots, group)?,
            (Meaning::TimeOff(absence), Some(employee)) => {
                self.time_off(line, absence, employee)?
            }
            (Meaning::Activity(part), employee) => self.part(line, part, employee),
        };
        match first {
            None => mapped.remarks.into_iter().for_each(|it| self.note(Some(it), line)),
            Some(Repeats(first)) => {
                let first = self.tables.source_ref(first);
                let message = format!("repeats {} in every column; both count as one", first.0);
                self.note(Some(RowFault::row(message)), line);
            }
        }
        Ok(())
    }

    fn note(&mut self, note: Option<RowFault>, line: &Line<'_>) {
        if let Some(note) = note {
            self.notes.push(|| line.table.locate(note, line.record));
        }
    }

    fn shift(
        &mut self,
        line: &Line<'_>,
        work: Work<'_>,
        employee: EmployeeId,
        group: Option<ScheduleGroupId>,
    ) -> Result<Option<Repeats>, RowFault> {
        let Work { id, label, when, notes } = work;
        let start = when.interval.start();
        let seed = Seed(EntityKind::Shift, Some(&employee), when.day, Some(start), label);
        let (id, identity) = match self.identity(line, id, &seed, |text| ShiftId::new(text))? {
            Identified::New(id, identity) => (id, identity),
            Identified::Known(first) => return Ok(Some(first)),
        };
        let shift = Shift {
            id,
            employee,
            group,
            label: label.to_owned(),
            interval: when.interval,
            day: when.day,
            activities: Vec::new(),
            notes,
        };
        self.put(line, Entity::Shift(shift), identity);
        Ok(None)
    }

    fn open_shift(
        &mut self,
        line: &Line<'_>,
        work: Work<'_>,
        open_slots: u32,
        group: Option<ScheduleGroupId>,
    ) -> Result<Option<Repeats>, RowFault> {
        let Work { id, label, when, notes } = work;
        let start = when.interval.start();
        let seed = Seed(EntityKind::OpenShift, None, when.day, Some(start), label);
        let (id, identity) = match self.identity(line, id, &seed, |text| OpenShiftId::new(text))? {
            Identified::New(id, identity) => (id, identity),
            Identified::Known(first) => return Ok(Some(first)),
        };
        let open_shift = OpenShift {
            id,
            group,
            label: label.to_owned(),
            interval: when.interval,
            day: when.day,
            open_slots,
            activities: Vec::new(),
            notes,
        };
        self.put(line, Entity::OpenShift(open_shift), identity);
        Ok(None)
    }

    fn time_off(
        &mut self,
        line: &Line<'_>,
        absence: map::Absence<'_>,
        employee: EmployeeId,
    ) -> Result<Option<Repeats>, RowFault> {
        let map::Absence { id, reason, span, notes } = absence;
        let label = reason.map_or("", |reason| reason.value.as_ref());
        let (day, start) = match &span {
            TimeOffSpan::AllDay { first, .. } => (*first, None),
            TimeOffSpan::Timed(interval) => {
                (local_day(interval.start(), &TimeZone::UTC), Some(interval.start()))
            }
        };
        let seed = Seed(EntityKind::TimeOff, Some(&employee), day, start, label);
        let (id, identity) = match self.identity(line, id, &seed, |text| TimeOffId::new(text))? {
            Identified::New(id, identity) => (id, identity),
            Identified::Known(first) => return Ok(Some(first)),
        };
        let reason = match reason {
            Some(reason) => Some(self.people.reason(reason, || line.source_ref())?),
            None => None,
        };
        let time_off = TimeOff { id, employee, reason, span, notes };
        self.put(line, Entity::TimeOff(time_off), identity);
        Ok(None)
    }

    fn part(
        &mut self,
        line: &Line<'_>,
        part: map::Part<'_>,
        employee: Option<EmployeeId>,
    ) -> Option<Repeats> {
        let first = self.repeats(line);
        if first.is_none() {
            self.parts.push(PendingPart::new(part, employee, line.spot));
        }
        first
    }

    /// The record that said in every column what this one says; remembers this one otherwise.
    fn repeats(&mut self, line: &Line<'_>) -> Option<Repeats> {
        match self.records.entry(line.layout.whole(line.table, line.record)) {
            Entry::Vacant(entry) => {
                entry.insert(line.spot);
                None
            }
            Entry::Occupied(entry) => Some(Repeats(*entry.get())),
        }
    }

    /// The id of a record's entity, and where it comes from; or that the record is a repetition.
    fn identity<I>(
        &mut self,
        line: &Line<'_>,
        id: Option<&Field<'_>>,
        seed: &Seed<'_>,
        make: fn(&str) -> Result<I, IdError>,
    ) -> Result<Identified<I>, RowFault>
    where
        EntityId: for<'i> From<&'i I>,
    {
        match id {
            Some(field) => self.native(line, field, seed.0, make),
            None => self.assigned(line, seed, make),
        }
    }

    fn native<I>(
        &mut self,
        line: &Line<'_>,
        field: &Field<'_>,
        kind: EntityKind,
        make: fn(&str) -> Result<I, IdError>,
    ) -> Result<Identified<I>, RowFault>
    where
        EntityId: for<'i> From<&'i I>,
    {
        let id = make(&field.value).map_err(|error| bad_id(field, &error))?;
        let parent = Parent { index: self.entities.len(), spot: line.spot };
        let first = match self.natives.entry((kind, EntityId::from(&id))) {
            Entry::Vacant(entry) => {
                entry.insert(parent);
                return Ok(Identified::New(id, Identity::Native));
            }
            Entry::Occupied(entry) => entry.get().spot,
        };
        if self.tables.whole(first) == Some(line.layout.whole(line.table, line.record)) {
            return Ok(Identified::Known(Repeats(first)));
        }
        let first = self.tables.source_ref(first);
        let message = format!("id `{}` stands already at {}", field.value, first.0);
        Err(RowFault::cell(field.cell, message)
            .hint("ids must be unique over all files; two rows of one id are one too many"))
    }

    /// A provisional id is a hash of what is least likely to change, and counts those that are
    /// equal in that; the ingest pairs it with an id given earlier.
    fn assigned<I>(
        &mut self,
        line: &Line<'_>,
        seed: &Seed<'_>,
        make: fn(&str) -> Result<I, IdError>,
    ) -> Result<Identified<I>, RowFault> {
        let twin = line.layout.twin(line.table, line.record);
        let base = seed.print(&twin, 0);
        let ordinal = match self.alike.entry(base) {
            Entry::Vacant(entry) => {
                entry.insert(Alike { first: line.spot, count: 1 });
                0
            }
            Entry::Occupied(entry) => {
                // Only now is it worth comparing whole records; the first one of its kind was
                // not looked at, because most have no second.
                let Alike { first, count } = *entry.get();
                if count == 1
                    && let Some(whole) = self.tables.whole(first)
                {
                    self.records.insert(whole, first);
                }
                if let Some(first) = self.repeats(line) {
                    return Ok(Identified::Known(first));
                }
                if let Some(alike) = self.alike.get_mut(&base) {
                    alike.count += 1;
                }
                count
            }
        };
        let print = match ordinal {
            0 => base,
            count => seed.print(&twin, count),
        };
        let id = make(&hex(&print)).map_err(|error| RowFault::row(error.to_string()))?;
        Ok(Identified::New(id, Identity::Assigned { twin }))
    }

    /// Keeps an entity, if the window admits it or parts of it may still come.
    fn put(&mut self, line: &Line<'_>, entity: Entity, identity: Identity) {
        let is_inside = is_inside(&entity, self.window);
        self.reach.see(&entity, is_inside);
        if self.keeps_outside || is_inside {
            self.entities.push(SourceEntity { entity, identity, at: line.source_ref() });
        }
    }

    fn finish(mut self, config: &RosterFileConfig) -> Result<Gathered, SourceError> {
        let parts = std::mem::take(&mut self.parts);
        for (fault, spot) in attach(parts, &mut self.entities, &self.natives) {
            self.bad.push(|| self.tables.locate(fault, spot));
        }
        let mut absence = self.reach.absence(self.rules.zone.as_ref());
        if self.bad.list.is_empty() {
            // Nothing was left out.
        } else if config.on_bad_row == BadRowPolicy::Skip {
            absence = Absence::MeansNothing;
        } else {
            return Err(SourceError::BadRows {
                faults: self.bad.list,
                more: self.bad.more,
                hint: BAD_ROWS,
            });
        }
        let mut entities = self.entities;
        if self.keeps_outside {
            entities.retain(|it| is_inside(&it.entity, self.window));
        }
        entities.extend(self.people.into_entities());
        let passed_over = self.passed_over;
        if passed_over > 0 {
            self.notes.push(|| sums(&config.path, passed_over));
        }
        Ok(Gathered {
            entities,
            absence,
            notes: self.notes.into_list("notes"),
            missed: self.reach.missed(&config.path, self.window),
            skipped: self.bad.into_list("rows were left out"),
            unmapped: self.tables.unmapped(),
        })
    }
}

/// That rows were passed over because they only sum up others.
fn sums(place: &str, count: usize) -> FieldFault {
    FieldFault {
        place: place.to_owned(),
        line: 0,
        text: String::new(),
        field: None,
        column: None,
        message: format!("{count} rows are sums, or the header once more, and are passed over"),
        hint: Some("`sum_words` says which words such rows begin with".to_owned()),
        stands_for: 1,
    }
}

/// Records that would get the same provisional id.
struct Alike {
    first: Spot,
    count: u32,
}

/// The record that an earlier one says the same as, in every column.
struct Repeats(Spot);

/// What is known of a record's identity.
enum Identified<I> {
    New(I, Identity),
    Known(Repeats),
}

/// What a provisional id is made of: kind, employee, day, start and label.
struct Seed<'s>(EntityKind, Option<&'s EmployeeId>, Date, Option<Timestamp>, &'s str);

impl Seed<'_> {
    fn print(&self, twin: &Fingerprint, ordinal: u32) -> Fingerprint {
        let Self(kind, employee, day, start, label) = self;
        let mut print = Fingerprinter::new("roster_file/row/1");
        print
            .text(kind.as_str())
            .optional(employee.map(EmployeeId::as_str))
            .day(*day)
            .number(start.map_or(i64::MIN, Timestamp::as_second))
            .text(label)
            .number(i64::from(ordinal));
        for half in twin.as_bytes().chunks_exact(8) {
            print.number(half.iter().fold(0, |sum, byte| (sum << 8) | i64::from(*byte)));
        }
        print.finish()
    }
}

/// The first 24 hexadecimal digits: 96 bits, and short enough to be read out.
fn hex(print: &Fingerprint) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(24);
    for byte in &print.as_bytes()[..12] {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn is_inside(entity: &Entity, window: &SyncWindow) -> bool {
    entity.interval().is_none_or(|interval| window.admits(&interval))
}
