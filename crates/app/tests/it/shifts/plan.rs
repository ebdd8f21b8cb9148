//! What the workforce-management system plans, as rows of a CSV, and what Shifts is to show of it:
//! worked out here from the rows, not by the product.

use jiff::{SignedDuration, Timestamp};

use super::seen::{Line, Part};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Which column says what, in the configuration.
pub const COLUMNS: &str = concat!(
    r#"{ id = "id", type = "type", shift = "part_of", employee = "employee", group = "team", "#,
    r#"activity = "work", start = "start", end = "end", reason = "reason", "#,
    r#"open_slots = "slots", paid = "paid", notes = "notes" }"#
);

/// Full hours from the midnight (UTC) after tomorrow's: everything planned is still to come.
#[expect(clippy::disallowed_methods, reason = "what is planned must lie ahead of the real clock")]
pub fn at(day: i64, hour: i64) -> Timestamp {
    let today = Timestamp::now().as_second().div_euclid(DAY.as_secs()) * DAY.as_secs();
    Timestamp::from_second(today).unwrap() + DAY * 2 + SignedDuration::from_hours(24 * day + hour)
}

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// Somebody's work.
    Shift,
    /// Work that so many can still claim.
    OpenShift { slots: i32 },
    /// Somebody's absence, for this reason.
    TimeOff { reason: String },
    /// A part of the shift or open shift with this id.
    Part { of: String, paid: bool },
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub id: String,
    pub about: About,
    /// Empty where it is nobody's.
    pub employee: String,
    /// Empty where it has none of its own.
    pub group: String,
    pub label: String,
    pub start: Timestamp,
    pub end: Timestamp,
    pub notes: String,
}

/// All rows.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub rows: Vec<Row>,
    ids_given: usize,
}

impl Plan {
    /// Adds a shift from hour to hour of a day; its id.
    pub fn shift(&mut self, who: &str, group: &str, label: &str, when: (i64, i64, i64)) -> String {
        let (day, from, to) = when;
        self.ids_given += 1;
        let id = format!("s{}", self.ids_given);
        self.rows.push(Row {
            id: id.clone(),
            about: About::Shift,
            employee: who.to_owned(),
            group: group.to_owned(),
            label: label.to_owned(),
            start: at(day, from),
            end: at(day, to),
            notes: String::new(),
        });
        id
    }

    /// Adds an open shift; its id.
    pub fn open(&mut self, group: &str, label: &str, slots: i32, when: (i64, i64, i64)) -> String {
        let id = self.shift("", group, label, when);
        self.row(&id).about = About::OpenShift { slots };
        id
    }

    /// Adds an absence; its id.
    pub fn away(&mut self, who: &str, reason: &str, when: (i64, i64, i64)) -> String {
        let id = self.shift(who, "", "", when);
        self.row(&id).about = About::TimeOff { reason: reason.to_owned() };
        id
    }

    /// Adds a part of a shift; its id.
    pub fn part(&mut self, of: &str, label: &str, paid: bool, when: (i64, i64, i64)) -> String {
        let id = self.shift("", "", label, when);
        self.row(&id).about = About::Part { of: of.to_owned(), paid };
        id
    }

    /// A row, to be changed.
    #[track_caller]
    pub fn row(&mut self, id: &str) -> &mut Row {
        self.rows.iter_mut().find(|it| it.id == id).unwrap()
    }

    /// Removes a row and its parts.
    pub fn remove(&mut self, id: &str) {
        let part = |row: &Row| matches!(&row.about, About::Part { of, .. } if of == id);
        self.rows.retain(|row| row.id != id && !part(row));
    }

    /// How many items Shifts is to show.
    pub fn items(&self) -> usize {
        self.rows.iter().filter(|it| !matches!(it.about, About::Part { .. })).count()
    }

    /// The roster's file.
    pub fn csv(&self) -> String {
        let header = "id,type,part_of,employee,team,work,start,end,reason,slots,paid,notes\n";
        let mut csv = header.to_owned();
        for Row { id, about, employee, group, label, start, end, notes } in &self.rows {
            let (kind, of, reason, slots, paid) = match about {
                About::Shift => ("shift", "", "", String::new(), ""),
                About::OpenShift { slots } => ("open_shift", "", "", slots.to_string(), ""),
                About::TimeOff { reason } => ("time_off", "", reason.as_str(), String::new(), ""),
                About::Part { of, paid } => {
                    let paid = if *paid { "yes" } else { "no" };
                    ("activity", of.as_str(), "", String::new(), paid)
                }
            };
            csv.push_str(&format!(
                "{id},{kind},{of},{employee},{group},{label},{start},{end},{reason},{slots},\
                 {paid},{notes}\n"
            ));
        }
        csv
    }

    /// What is to be seen, team by team; `team` gives the one of a row's group, or of a person
    /// where the row has none. Parts must not overlap.
    pub fn lines(&self, team: impl Fn(&Row) -> String) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for row in &self.rows {
            let Row { id, about, employee, group, label, start, end, notes } = row;
            let (kind, label, slots) = match about {
                About::Part { .. } => continue,
                About::Shift => ("shift", label, None),
                About::OpenShift { slots } => ("open shift", label, Some(*slots)),
                About::TimeOff { reason } => ("time off", reason, None),
            };
            let mut parts: Vec<Part> = self.rows.iter().filter_map(|it| it.part_of(id)).collect();
            parts.sort();
            lines.push(Line {
                team: team(row),
                kind,
                who: employee.clone(),
                group: group.clone(),
                label: label.clone(),
                start: *start,
                end: *end,
                slots,
                notes: notes.clone(),
                parts,
            });
        }
        lines.sort();
        lines
    }
}

impl Row {
    fn part_of(&self, id: &str) -> Option<Part> {
        match &self.about {
            About::Part { of, paid } if of == id => Some(Part {
                start: self.start,
                end: self.end,
                label: self.label.clone(),
                paid: *paid,
            }),
            About::Part { .. } | About::Shift | About::OpenShift { .. } | About::TimeOff { .. } => {
                None
            }
        }
    }
}

impl Plan {
    /// Some days of two teams: shifts with parts, open shifts, absences.
    pub fn usual() -> Self {
        let mut plan = Self::default();
        for (index, who) in ["anna", "ben", "cleo", "dan"].into_iter().enumerate() {
            for day in 0..3 {
                let (label, from) = [("Early", 5), ("Late", 13)][index % 2];
                plan.shift(who, "Ward", label, (day, from, from + 8));
            }
        }
        for who in ["eva", "finn", "gina"] {
            for day in 0..2 {
                let id = plan.shift(who, "Desk", "Calls", (day, 7, 15));
                plan.part(&id, "Break", false, (day, 11, 12));
            }
        }
        plan.open("Ward", "Late", 2, (4, 13, 21));
        plan.open("Desk", "Calls", 1, (4, 7, 15));
        plan.away("anna", "Training", (5, 0, 24));
        plan.away("eva", "Vacation", (6, 0, 48));
        plan
    }
}
