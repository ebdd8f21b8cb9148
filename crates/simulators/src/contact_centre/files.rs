//! The files that this contact centre's workforce management exports.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{AbsenceSpan, Activity, ContactCentre, Hours};

/// The `columns` of a connection that reads [`ContactCentre::roster_csv`], in TOML.
pub const COLUMNS: &str = concat!(
    r#"{ id = "id", type = "type", shift = "part_of", employee = "employee", group = "team", "#,
    r#"activity = "activity", date = "date", start = "start", end = "end", "#,
    r#"end_date = "end_date", paid = "paid", open_slots = "open_slots", "#,
    r#"reason = "reason", notes = "notes" }"#
);

const HEADER: [&str; 14] = [
    "id",
    "type",
    "part_of",
    "employee",
    "team",
    "activity",
    "date",
    "start",
    "end",
    "end_date",
    "paid",
    "open_slots",
    "reason",
    "notes",
];

/// One row; what is not said is empty.
#[derive(Debug, Default)]
struct Row<'a> {
    id: &'a str,
    kind: &'a str,
    part_of: &'a str,
    employee: &'a str,
    team: &'a str,
    activity: &'a str,
    date: String,
    start: String,
    end: String,
    end_date: String,
    paid: &'a str,
    open_slots: String,
    reason: &'a str,
    notes: &'a str,
}

impl Row<'_> {
    fn write(&self, csv: &mut String) {
        let Self {
            id,
            kind,
            part_of,
            employee,
            team,
            activity,
            date,
            start,
            end,
            end_date,
            paid,
            open_slots,
            reason,
            notes,
        } = self;
        let fields: [&str; 14] = [
            id, kind, part_of, employee, team, activity, date, start, end, end_date, paid,
            open_slots, reason, notes,
        ];
        write_row(csv, &fields);
    }

    fn at(mut self, hours: &Hours) -> Self {
        let time = |local: DateTime| local.strftime("%H:%M").to_string();
        self.date = hours.from.date().to_string();
        self.start = time(hours.from);
        self.end = time(hours.to);
        self.end_date = hours.to.date().to_string();
        self
    }
}

impl ContactCentre {
    /// The schedule as CSV: one row for each shift, open shift and absence, in local time, and
    /// one for each part of a shift, as instants with their offset.
    #[must_use]
    pub fn roster_csv(&self) -> String {
        let mut csv = String::new();
        write_row(&mut csv, &HEADER);
        for shift in &self.shifts {
            Row {
                id: &shift.id,
                kind: "shift",
                employee: &shift.employee,
                team: shift.group,
                activity: shift.label,
                notes: shift.notes.unwrap_or_default(),
                ..Row::default()
            }
            .at(&shift.hours)
            .write(&mut csv);
            write_parts(&mut csv, &shift.id, &shift.activities, &self.zone);
        }
        for open in &self.open_shifts {
            Row {
                id: &open.id,
                kind: "open_shift",
                team: open.group,
                activity: open.label,
                open_slots: open.open_slots.to_string(),
                ..Row::default()
            }
            .at(&open.hours)
            .write(&mut csv);
            write_parts(&mut csv, &open.id, &open.activities, &self.zone);
        }
        for absence in &self.absences {
            let row = Row {
                id: &absence.id,
                kind: "time_off",
                employee: &absence.employee,
                reason: absence.reason,
                ..Row::default()
            };
            let row = match &absence.span {
                AbsenceSpan::Days(first, last) => {
                    Row { date: first.to_string(), end_date: last.to_string(), ..row }
                }
                AbsenceSpan::Hours(hours) => row.at(hours),
            };
            row.write(&mut csv);
        }
        csv
    }

    /// Everybody who works there, as an employees file.
    #[must_use]
    pub fn employees_csv(&self) -> String {
        let mut csv = String::new();
        write_row(&mut csv, &["employee", "name", "email", "group"]);
        for employee in &self.employees {
            let fields = [&employee.id, &employee.name, &employee.email];
            let [id, name, email] = fields.map(String::as_str);
            write_row(&mut csv, &[id, name, email, employee.group]);
        }
        csv
    }
}

fn write_parts(csv: &mut String, part_of: &str, activities: &[Activity], zone: &TimeZone) {
    let instant = |at: Timestamp| {
        let there = at.to_zoned(zone.clone());
        there.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    };
    for activity in activities {
        Row {
            kind: "activity",
            part_of,
            activity: activity.label,
            start: instant(activity.start),
            end: instant(activity.end),
            paid: if activity.paid { "yes" } else { "no" },
            ..Row::default()
        }
        .write(csv);
    }
}

/// Quotes only where they are needed, as most exports do.
fn write_row(csv: &mut String, fields: &[&str]) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            csv.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) {
            csv.push('"');
            csv.push_str(&field.replace('"', "\"\""));
            csv.push('"');
        } else {
            csv.push_str(field);
        }
    }
    csv.push('\n');
}
