//! Schedules to measure with: made up, the same every time, with texts that need folding,
//! escaping and more than ASCII.

use std::fmt::Write as _;
use std::path::Path;

use domain::{
    CalendarEvent, Employee, EmployeeId, Entity, EventExtras, EventSpan, ScheduleGroup,
    ScheduleGroupId, Shift, ShiftId, ShowAs, UtcInterval, Visibility,
};
use engine::port::{ChangeSeq, RosterEntry, SourceRef};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::report::Trouble;

const LABELS: [&str; 5] = ["Inbound", "Frühdienst", "Night; ward 3, \"B\"", "Chat", "Spätdienst"];
const PLACES: [&str; 3] = ["Straße 1, 10115 Berlin; 2. OG", "Building 4", "Halle Süd"];
const NOTES: [&str; 3] = [
    "Bring the badge, the keys; ask for Zoë.\nParking: C:\\yard",
    "Übergabe 14:00 im Raum „Köln“",
    "Swap agreed with the team lead",
];

fn pick<'a>(texts: &[&'a str], index: usize) -> &'a str {
    texts.get(index % texts.len()).copied().unwrap_or_default()
}

/// The first instant of every sample.
pub fn epoch() -> Timestamp {
    Timestamp::from_second(1_767_250_800).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn interval(index: usize) -> Result<UtcInterval, Trouble> {
    let hours = i64::try_from(index).map_err(Trouble::failed)?;
    let start = epoch() + SignedDuration::from_hours(6 + hours * 12);
    UtcInterval::new(start, start + SignedDuration::from_hours(8)).map_err(Trouble::failed)
}

/// Events of about 350 bytes as iCalendar.
pub fn events(count: usize) -> Result<Vec<CalendarEvent>, Trouble> {
    let event = |index: usize| {
        Ok(CalendarEvent {
            summary: format!("{} – team {}", pick(&LABELS, index), index % 40),
            description: Some(pick(&NOTES, index).to_owned()),
            location: index.is_multiple_of(2).then(|| pick(&PLACES, index).to_owned()),
            categories: vec![pick(&LABELS, index).to_owned()],
            span: EventSpan::Timed(interval(index % 20_000)?),
            show_as: if index.is_multiple_of(10) { ShowAs::Free } else { ShowAs::Busy },
            visibility: Visibility::Default,
            extras: EventExtras::default(),
        })
    };
    (0..count).map(event).collect()
}

/// One shift of one employee, and where it stands in the roster.
pub fn shift(employee: &EmployeeId, index: usize) -> Result<RosterEntry, Trouble> {
    let interval = interval(index)?;
    let id = format!("{employee}-{index}");
    let shift = Shift {
        id: ShiftId::new(id).map_err(Trouble::failed)?,
        employee: employee.clone(),
        group: Some(group().id),
        label: pick(&LABELS, index).to_owned(),
        interval,
        day: TimeZone::UTC.to_datetime(interval.start()).date(),
        activities: vec![],
        notes: None,
    };
    Ok(entry(Entity::Shift(shift), index))
}

/// An entity, as the roster keeps it.
pub fn entry(entity: Entity, index: usize) -> RosterEntry {
    RosterEntry {
        fingerprint: entity.fingerprint(),
        version: 1,
        changed_at: epoch(),
        seq: ChangeSeq(i64::try_from(index).unwrap_or(i64::MAX)),
        at: SourceRef(format!("week-48.csv:{}", index + 2)),
        entity,
    }
}

/// The group that everybody is planned in.
pub fn group() -> ScheduleGroup {
    let id = ScheduleGroupId::new("support-de");
    let id = id.unwrap_or_else(|error| unreachable!("{error}"));
    ScheduleGroup { id, name: "Support Köln".into() }
}

/// An employee with a name.
pub fn employee(index: usize) -> Result<Employee, Trouble> {
    let id = EmployeeId::new(format!("e{index}")).map_err(Trouble::failed)?;
    Ok(Employee { name: Some(format!("Zoë Müller {index}")), ..Employee::unnamed(id) })
}

/// A roster as a WFM exports it: one row for each shift, without lasting ids.
#[derive(Debug, Clone)]
pub struct Csv {
    rows: Vec<[String; 6]>,
}

impl Csv {
    /// `each` shifts of `employees` employees, every twelve hours.
    pub fn new(employees: usize, each: usize) -> Result<Self, Trouble> {
        let mut rows = Vec::with_capacity(employees * each);
        for employee in 0..employees {
            for index in 0..each {
                let interval = interval(index)?;
                rows.push([
                    format!("e{employee}"),
                    "support-de".into(),
                    pick(&LABELS, index).replace('"', "'"),
                    interval.start().to_string(),
                    interval.end().to_string(),
                    pick(&PLACES, index).to_owned(),
                ]);
            }
        }
        Ok(Self { rows })
    }

    /// How many shifts it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The same shifts, all with this note.
    #[must_use]
    pub fn with_notes(&self, note: &str) -> Self {
        let mut rows = self.rows.clone();
        for row in &mut rows {
            note.clone_into(&mut row[5]);
        }
        Self { rows }
    }

    /// Changes one in a hundred of the shifts, evenly spread: of four, one gets another note, one
    /// another end, one goes, and one comes.
    #[must_use]
    pub fn with_one_percent_changed(&self) -> Self {
        let mut rows = self.rows.clone();
        let mut gone = Vec::new();
        let mut new = Vec::new();
        for (change, index) in (50..rows.len()).step_by(100).enumerate() {
            let Some(row) = rows.get_mut(index) else { continue };
            match change % 4 {
                0 => row[5].push_str(" (changed)"),
                1 => row[4] = row[4].replace(":00:00Z", ":30:00Z"),
                2 => gone.push(index),
                _ => {
                    let mut added = row.clone();
                    added[2] = "Extra".into();
                    new.push(added);
                }
            }
        }
        for index in gone.into_iter().rev() {
            rows.remove(index);
        }
        rows.extend(new);
        Self { rows }
    }

    /// Writes it to a file.
    pub fn write(&self, path: &Path) -> Result<(), Trouble> {
        let mut text = String::from("employee,group,activity,start,end,notes\n");
        for row in &self.rows {
            let [employee, group, activity, start, end, notes] = row;
            let written =
                writeln!(text, "{employee},{group},\"{activity}\",{start},{end},\"{notes}\"");
            written.map_err(Trouble::failed)?;
        }
        Ok(std::fs::write(path, text)?)
    }
}
