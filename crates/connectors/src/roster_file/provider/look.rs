//! What `doctor` says of a connection: reads everything, decides nothing.

use domain::{Entity, SyncWindow, UtcInterval};
use engine::port::{FieldFault, FindingLevel, SourceEntity, SourceError};
use jiff::{SignedDuration, Timestamp};

use super::archive::Archive;
use super::files::{self, Taken};
use super::{Current, Gathered, Reader};
use crate::roster_file::config::BadRowPolicy;

/// A file that was not written for so long makes `doctor` ask whether the export still runs.
const STALE_AFTER: SignedDuration = SignedDuration::from_hours(48);

/// Bad rows that `doctor` names; `plan` and `sync` name more.
const FINDINGS_ROWS_MAX: usize = 10;

impl Reader {
    /// What `doctor` says: reads everything, whatever the window.
    pub(super) fn look(&self, now: Timestamp) -> Vec<Remark> {
        let taken = match self.take(None, now) {
            Ok(Current { taken, .. }) => taken,
            Err(error) => {
                let remark = Remark::error(error.to_string());
                // A file that is there is found; what is wrong with it has another reason.
                let is_path = error.to_string().contains(files::NOTHING);
                return vec![match is_path {
                    true => remark.hint(format!(
                        "`path` is relative to the folder of the configuration, `{}`",
                        self.base.display()
                    )),
                    false => remark,
                }];
            }
        };
        let mut remarks: Vec<Remark> = taken.iter().filter_map(|file| stale(file, now)).collect();
        if let Some(Err(message)) = self.archive.as_ref().map(Archive::check) {
            let hint = "files that were taken in are moved there; make the folder, or let this \
                        user write to it";
            remarks.push(Remark::error(message).hint(hint));
        }
        let Ok(always) = UtcInterval::new(Timestamp::MIN, Timestamp::MAX) else {
            return remarks;
        };
        match self.gather(&taken, &SyncWindow { interval: always }) {
            Ok(gathered) => remarks.extend(self.describe(&taken, &gathered)),
            Err(SourceError::BadRows { faults, more, hint: _ }) => {
                remarks.extend(bad_rows(&faults, more, FindingLevel::Error));
            }
            Err(
                error @ (SourceError::Failed(_)
                | SourceError::Unreadable { .. }
                | SourceError::Marks(_)),
            ) => {
                remarks.push(Remark::error(error.to_string()));
            }
        }
        remarks
    }

    fn describe(&self, taken: &[Taken], gathered: &Gathered) -> Vec<Remark> {
        let Gathered { entities, absence: _, notes, missed: _, skipped, unmapped } = gathered;
        let mut remarks = vec![Remark::good(summary(taken.len(), entities))];
        match (&self.config.time_zone, &self.config.columns.time_zone) {
            (Some(zone), _) => remarks.push(Remark::good(format!("local times are in {zone}"))),
            (None, Some(column)) => {
                let message = format!("local times are in the zone of column `{column}`");
                remarks.push(Remark::good(message));
            }
            (None, None) => {
                remarks
                    .push(Remark::good("no time zone is set; every row has an offset".to_owned()));
            }
        }
        if !unmapped.is_empty() {
            let message = format!("columns that nothing is mapped to: {}", unmapped.join(", "));
            remarks.push(Remark::good(message));
        }
        if entities.is_empty() {
            remarks.push(Remark::warning("the files hold no rows".to_owned()));
        }
        if let Some(first) = notes.first() {
            let message = match notes.len() {
                1 => one_line(first),
                count => format!("{} (and {} more notes)", one_line(first), count - 1),
            };
            remarks.push(Remark::warning(message));
        }
        if self.config.on_bad_row == BadRowPolicy::Skip && !skipped.is_empty() {
            remarks.extend(bad_rows(skipped, 0, FindingLevel::Warning));
            remarks
                .push(Remark::warning("nothing is deleted while rows are bad".to_owned()).hint(
                    "mend the rows: `on_bad_row = \"skip\"` cannot tell deleted from unread",
                ));
        }
        remarks
    }
}

/// One line of what `doctor` says of this connection.
#[derive(Debug)]
pub(super) struct Remark {
    /// How bad it is.
    pub level: FindingLevel,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Remark {
    fn of(level: FindingLevel, message: String) -> Self {
        Self { level, message, hint: None }
    }

    fn good(message: String) -> Self {
        Self::of(FindingLevel::Good, message)
    }

    fn warning(message: String) -> Self {
        Self::of(FindingLevel::Warning, message)
    }

    pub fn error(message: String) -> Self {
        Self::of(FindingLevel::Error, message)
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

fn stale(file: &Taken, now: Timestamp) -> Option<Remark> {
    let age = now.duration_since(file.modified?);
    (age > STALE_AFTER).then(|| {
        let message = format!("`{}` was last written {} days ago", file.place, age.as_hours() / 24);
        Remark::warning(message).hint("does the export still run?")
    })
}

fn bad_rows(faults: &[FieldFault], more: usize, level: FindingLevel) -> Vec<Remark> {
    let shown = faults.iter().take(FINDINGS_ROWS_MAX);
    let mut remarks: Vec<Remark> = shown
        .map(|fault| Remark { level, message: one_line(fault), hint: fault.hint.clone() })
        .collect();
    let rest = faults.len().saturating_sub(FINDINGS_ROWS_MAX) + more;
    if rest > 0 {
        remarks.push(Remark::of(level, format!("{rest} more rows are bad")));
    }
    remarks
}

fn one_line(fault: &FieldFault) -> String {
    // Without a field to point at, the message names the column itself.
    let column = fault.column.as_ref().filter(|_| fault.field.is_some());
    let column = column.map_or(String::new(), |column| format!("column `{column}` "));
    format!("{}: {column}{}", fault.spot(), fault.message)
}

fn summary(files: usize, entities: &[SourceEntity]) -> String {
    let count =
        |wanted: fn(&Entity) -> bool| entities.iter().filter(|it| wanted(&it.entity)).count();
    let of = |number: usize, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    };
    format!(
        "{}: {}, {}, {} of {}",
        of(files, "file", "files"),
        of(count(|it| matches!(it, Entity::Shift(_))), "shift", "shifts"),
        of(count(|it| matches!(it, Entity::OpenShift(_))), "open shift", "open shifts"),
        of(count(|it| matches!(it, Entity::TimeOff(_))), "absence", "absences"),
        of(count(|it| matches!(it, Entity::Employee(_))), "employee", "employees"),
    )
}
