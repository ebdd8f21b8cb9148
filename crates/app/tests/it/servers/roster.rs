//! A real roster, and changes of it of which the number of writes is known.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use jiff::ToSpan as _;
use jiff::civil::{Date, Time};

use super::chance::Dice;

/// Below the folder of the workspace.
const FILE: &str = "../../../shared/rosters/inrc2_normalised.csv";
const HEADER: &str = "set,employee,contract,skill,shift_code,date,start_local,end_local,end_date";
const LABELS: [&str; 3] = ["Training", "Stand-by", "Meeting"];

/// One shift, by the columns of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub set: String,
    pub employee: String,
    pub contract: String,
    pub skill: String,
    pub shift_code: String,
    pub date: Date,
    pub start: Time,
    pub end: Time,
    pub end_date: Date,
}

/// All shifts.
#[derive(Debug, Clone)]
pub struct Roster {
    pub rows: Vec<Row>,
    /// What was there at any time. A change brings only what never was, so that an item that is
    /// at its old place and one at its new place are never the same to a reader.
    used: BTreeSet<Spot>,
}

type Spot = (String, Date, Time, String);

/// How many writes a change costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writes {
    pub created: u64,
    pub updated: u64,
    pub deleted: u64,
}

/// What happens to a shift. Nothing else happens to shifts of the same employee, so that the
/// deletion of one and a new one cannot be read as a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Edited,
    Added,
    Deleted,
}

impl Row {
    fn read(line: &str) -> Self {
        let fields: Vec<&str> = line.split(',').collect();
        let [set, employee, contract, skill, shift_code, date, start, end, end_date] =
            fields[..].try_into().unwrap();
        Self {
            set: set.to_owned(),
            employee: employee.to_owned(),
            contract: contract.to_owned(),
            skill: skill.to_owned(),
            shift_code: shift_code.to_owned(),
            date: date.parse().unwrap(),
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
            end_date: end_date.parse().unwrap(),
        }
    }

    fn spot(&self) -> Spot {
        (self.employee.clone(), self.date, self.start, self.shift_code.clone())
    }

    fn on(&self, date: Date) -> Self {
        let end_date = self.end_date + (date - self.date);
        Self { date, end_date, ..self.clone() }
    }
}

impl Roster {
    /// `rosters/inrc2_normalised.csv`, or a message that it is not there.
    pub fn inrc2() -> Option<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("skipped: {} is not there", path.display());
            return None;
        };
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some(HEADER));
        let rows: Vec<Row> = lines.map(Row::read).collect();
        Some(Self::of(rows))
    }

    fn of(rows: Vec<Row>) -> Self {
        let used = rows.iter().map(Row::spot).collect();
        Self { rows, used }
    }

    /// The part of it whose set begins so.
    pub fn only(self, set: &str) -> Self {
        Self::of(self.rows.into_iter().filter(|row| row.set.starts_with(set)).collect())
    }

    /// The file.
    pub fn csv(&self) -> String {
        let mut csv = format!("{HEADER}\n");
        for row in &self.rows {
            let Row { set, employee, contract, skill, shift_code, date, .. } = row;
            let Row { start, end, end_date, .. } = row;
            let (start, end) = (start.strftime("%H:%M"), end.strftime("%H:%M"));
            let shift = format!("{shift_code},{date},{start},{end},{end_date}");
            writeln!(csv, "{set},{employee},{contract},{skill},{shift}").unwrap();
        }
        csv
    }

    /// Every employee, once.
    pub fn employees(&self) -> Vec<String> {
        let all: BTreeSet<&String> = self.rows.iter().map(|row| &row.employee).collect();
        all.into_iter().cloned().collect()
    }

    /// Does each of these to `times` shifts: another time, another day, another label, deleted,
    /// added.
    pub fn change(&mut self, dice: &mut Dice, times: usize) -> Writes {
        let mut parts = BTreeMap::new();
        // What ends first says from which day on a file tells of anything: it stays.
        let rows = 0..self.rows.len();
        let ends = |it: &usize| (self.rows[*it].end_date, self.rows[*it].end, *it);
        let first = rows.min_by_key(ends).unwrap();
        let mut touched = BTreeSet::from([first]);
        let near =
            self.each(dice, times, &mut touched, &mut parts, Part::Edited, |it, _, index| {
                it.move_move_to_free_day(index, &[1, -1])
            });
        self.each(dice, times - near, &mut touched, &mut parts, Part::Edited, |it, _, index| {
            it.move_move_to_free_day(index, &[2, -2, 3, -3, 4, -4, 5, -5, 6, -6])
        });
        self.each(dice, times, &mut touched, &mut parts, Part::Edited, Self::give_other_time);
        self.each(dice, times, &mut touched, &mut parts, Part::Edited, Self::give_other_label);
        self.each(dice, times, &mut touched, &mut parts, Part::Added, Self::add_one_like);
        let mut gone = BTreeSet::new();
        self.each(dice, times, &mut touched, &mut parts, Part::Deleted, |_, _, index| {
            gone.insert(index)
        });
        assert_eq!(touched.len(), 5 * times + 1, "the roster has too few shifts for this change");
        let mut index = 0;
        self.rows.retain(|_| {
            index += 1;
            !gone.contains(&(index - 1))
        });
        let times = times as u64;
        Writes { created: times, updated: 3 * times, deleted: times }
    }

    /// Makes one kind of change to as many shifts as can have it, up to `times`; how many it were.
    fn each(
        &mut self,
        dice: &mut Dice,
        times: usize,
        touched: &mut BTreeSet<usize>,
        parts: &mut BTreeMap<String, Part>,
        part: Part,
        mut change: impl FnMut(&mut Self, &mut Dice, usize) -> bool,
    ) -> usize {
        let mut left = times;
        // Everybody's first part is taken in turns, so that no kind of change takes all of them.
        let share = self.employees().len().div_ceil(3);
        for index in dice.order(self.rows.len()) {
            if left == 0 {
                break;
            }
            let employee = self.rows[index].employee.clone();
            let taken = parts.values().filter(|it| **it == part).count();
            let free = match parts.get(&employee) {
                None => taken < share,
                Some(other) => *other == part,
            };
            if free && !touched.contains(&index) && change(self, dice, index) {
                touched.insert(index);
                parts.insert(employee, part);
                left -= 1;
            }
        }
        times - left
    }

    /// Puts a row in the place of another, or at the end; false where it was already once.
    fn put(&mut self, index: Option<usize>, row: Row) -> bool {
        if !self.used.insert(row.spot()) {
            return false;
        }
        match index {
            Some(index) => self.rows[index] = row,
            None => self.rows.push(row),
        }
        true
    }

    /// Moves a shift by one of these numbers of days, to a day on which its employee is free.
    fn move_move_to_free_day(&mut self, index: usize, by: &[i32]) -> bool {
        let row = self.rows[index].clone();
        let works =
            |date| self.rows.iter().any(|it| it.employee == row.employee && it.date == date);
        let free = by.iter().map(|days| row.date + days.days()).find(|date| !works(*date));
        free.is_some_and(|date| self.put(Some(index), row.on(date)))
    }

    fn give_other_time(&mut self, dice: &mut Dice, index: usize) -> bool {
        let row = self.rows[index].clone();
        let minute = i8::try_from(dice.below(59) + 1).unwrap();
        let start = Time::new(row.start.hour(), minute, 0, 0).unwrap();
        self.put(Some(index), Row { start, ..row })
    }

    fn give_other_label(&mut self, dice: &mut Dice, index: usize) -> bool {
        let row = self.rows[index].clone();
        let label = LABELS[dice.below(LABELS.len())];
        self.put(Some(index), Row { shift_code: label.to_owned(), ..row })
    }

    fn add_one_like(&mut self, dice: &mut Dice, index: usize) -> bool {
        let row = self.rows[index].clone();
        let minute = i8::try_from(dice.below(59) + 1).unwrap();
        let start = Time::new(row.start.hour(), minute, 0, 0).unwrap();
        self.put(None, Row { start, ..row })
    }
}
