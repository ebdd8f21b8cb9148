//! The source port over roster files.

mod files;
mod gather;
mod parts;
mod people;
mod tables;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{ConnectionName, Entity, SyncWindow, UtcInterval};
use engine::port::{
    Clock, DeltaToken, FieldFault, Finding, FindingLevel, Reading, ReadingKind, Source, SourceError,
};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::config::{BadRowPolicy, RosterFileConfig};
use super::map::Rules;
use crate::table::decode;
use crate::{ConnectionContext, ConnectionError};

use files::Taken;
pub(super) use gather::{Gathered, gather};

/// A file that was not written for so long makes `doctor` ask whether the export still runs.
const STALE_AFTER: SignedDuration = SignedDuration::from_hours(48);

/// Bad rows that `doctor` names; `plan` and `sync` name more.
const FINDINGS_ROWS_MAX: usize = 10;

/// One connection's files.
#[derive(Debug)]
pub(super) struct RosterFiles {
    name: ConnectionName,
    clock: Arc<dyn Clock>,
    reader: Arc<Reader>,
}

/// What reading needs; shared with the thread that does it.
#[derive(Debug)]
struct Reader {
    base: PathBuf,
    config: RosterFileConfig,
    rules: Rules,
}

impl RosterFiles {
    /// Takes a valid section; touches no file.
    ///
    /// # Errors
    /// When the time zone is unknown.
    pub fn new(
        config: &RosterFileConfig,
        context: &ConnectionContext,
    ) -> Result<Self, ConnectionError> {
        Ok(Self {
            name: context.name.clone(),
            clock: Arc::clone(&context.clock),
            reader: Arc::new(Reader {
                base: context.base.clone(),
                config: config.clone(),
                rules: Rules::of(config)?,
            }),
        })
    }

    /// Reads in a thread of its own: disks block, and parsing a large roster takes a while.
    async fn in_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reader) -> T + Send + 'static,
    ) -> Result<T, SourceError> {
        let reader = Arc::clone(&self.reader);
        let run = tokio::task::spawn_blocking(move || work(&reader)).await;
        run.map_err(|error| SourceError::Unreadable {
            place: self.reader.config.path.clone(),
            detail: format!("reading stopped: {error}"),
        })
    }
}

#[async_trait]
impl Source for RosterFiles {
    async fn check(&self) -> Vec<Finding> {
        let subject = format!("connection {}", self.name);
        let now = self.clock.now();
        let looked = self.in_thread(move |reader| reader.look(now)).await;
        let remarks = looked.unwrap_or_else(|error| vec![Remark::error(error.to_string())]);
        remarks
            .into_iter()
            .map(|remark| Finding {
                level: remark.level,
                subject: subject.clone(),
                message: remark.message,
                hint: remark.hint,
            })
            .collect()
    }

    async fn read(
        &self,
        window: &SyncWindow,
        since: Option<&DeltaToken>,
    ) -> Result<Reading, SourceError> {
        let (window, since) = (*window, since.cloned());
        self.in_thread(move |reader| reader.read(&window, since.as_ref()))
            .await?
    }
}

impl Reader {
    fn read(
        &self,
        window: &SyncWindow,
        since: Option<&DeltaToken>,
    ) -> Result<Reading, SourceError> {
        let taken = self.take()?;
        let next = self.token(&taken, window);
        if since == Some(&next) {
            return Ok(Reading {
                kind: ReadingKind::Unchanged,
                next: Some(next),
                notes: Vec::new(),
                skipped: Vec::new(),
            });
        }
        let Gathered {
            entities,
            absence,
            notes,
            skipped,
            unmapped: _,
        } = self.gather(&taken, window)?;
        Ok(Reading {
            kind: ReadingKind::Full { entities, absence },
            next: Some(next),
            notes,
            skipped,
        })
    }

    fn take(&self) -> Result<Vec<Taken>, SourceError> {
        files::take_all(&files::find(&self.base, &self.config.path)?)
    }

    fn gather(&self, taken: &[Taken], window: &SyncWindow) -> Result<Gathered, SourceError> {
        let mut texts = Vec::with_capacity(taken.len());
        for file in taken {
            let text = decode(&file.place, &file.bytes).map_err(|fault| SourceError::BadRows {
                faults: vec![fault],
                more: 0,
            })?;
            texts.push((file.place.as_str(), text));
        }
        gather(&texts, &self.config, &self.rules, window)
    }

    /// The hash of everything that decides what a reading says; with the version of this program,
    /// because another one may read the same files otherwise.
    fn token(&self, taken: &[Taken], window: &SyncWindow) -> DeltaToken {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        add(env!("CARGO_PKG_VERSION").as_bytes());
        add(format!("{:?}", self.config).as_bytes());
        add(window.interval.to_string().as_bytes());
        for Taken {
            place,
            bytes,
            modified: _,
        } in taken
        {
            add(place.as_bytes());
            add(bytes);
        }
        let digits = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        DeltaToken(format!("roster_file/1 {digits}"))
    }

    /// What `doctor` says: reads everything, whatever the window.
    fn look(&self, now: Timestamp) -> Vec<Remark> {
        let taken = match self.take() {
            Ok(taken) => taken,
            Err(error) => {
                return vec![Remark::error(error.to_string()).hint(format!(
                    "`path` is relative to the folder of the configuration, `{}`",
                    self.base.display()
                ))];
            }
        };
        let mut remarks: Vec<Remark> = taken.iter().filter_map(|file| stale(file, now)).collect();
        let Ok(always) = UtcInterval::new(Timestamp::MIN, Timestamp::MAX) else {
            return remarks;
        };
        match self.gather(&taken, &SyncWindow { interval: always }) {
            Ok(gathered) => remarks.extend(self.describe(&taken, &gathered)),
            Err(SourceError::BadRows { faults, more }) => {
                remarks.extend(bad_rows(&faults, more, FindingLevel::Error));
            }
            Err(error @ (SourceError::Failed(_) | SourceError::Unreadable { .. })) => {
                remarks.push(Remark::error(error.to_string()));
            }
        }
        remarks
    }

    fn describe(&self, taken: &[Taken], gathered: &Gathered) -> Vec<Remark> {
        let Gathered {
            entities,
            absence: _,
            notes,
            skipped,
            unmapped,
        } = gathered;
        let mut remarks = vec![Remark::good(summary(taken.len(), entities))];
        match (&self.config.time_zone, &self.config.columns.time_zone) {
            (Some(zone), _) => remarks.push(Remark::good(format!("local times are in {zone}"))),
            (None, Some(column)) => {
                let message = format!("local times are in the zone of column `{column}`");
                remarks.push(Remark::good(message));
            }
            (None, None) => {
                remarks.push(Remark::good(
                    "no time zone is set; every row has an offset".to_owned(),
                ));
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
            let message = format!(
                "{} times or rows were decided on, the first at {}",
                notes.len(),
                one_line(first)
            );
            remarks.push(Remark::warning(message));
        }
        if self.config.on_bad_row == BadRowPolicy::Skip && !skipped.is_empty() {
            remarks.extend(bad_rows(skipped, 0, FindingLevel::Warning));
            remarks.push(
                Remark::warning("nothing is deleted while rows are bad".to_owned())
                    .hint("mend the rows: `on_bad_row = \"skip\"` cannot tell deleted from unread"),
            );
        }
        remarks
    }
}

/// One line of what `doctor` says of this connection.
#[derive(Debug)]
struct Remark {
    level: FindingLevel,
    message: String,
    hint: Option<String>,
}

impl Remark {
    fn of(level: FindingLevel, message: String) -> Self {
        Self {
            level,
            message,
            hint: None,
        }
    }

    fn good(message: String) -> Self {
        Self::of(FindingLevel::Good, message)
    }

    fn warning(message: String) -> Self {
        Self::of(FindingLevel::Warning, message)
    }

    fn error(message: String) -> Self {
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
        let message = format!(
            "`{}` was last written {} days ago",
            file.place,
            age.as_hours() / 24
        );
        Remark::warning(message).hint("does the export still run?")
    })
}

fn bad_rows(faults: &[FieldFault], more: usize, level: FindingLevel) -> Vec<Remark> {
    let shown = faults.iter().take(FINDINGS_ROWS_MAX);
    let mut remarks: Vec<Remark> = shown
        .map(|fault| Remark {
            level,
            message: one_line(fault),
            hint: fault.hint.clone(),
        })
        .collect();
    let rest = faults.len().saturating_sub(FINDINGS_ROWS_MAX) + more;
    if rest > 0 {
        remarks.push(Remark::of(level, format!("{rest} more rows are bad")));
    }
    remarks
}

fn one_line(fault: &FieldFault) -> String {
    let column = fault.column.as_ref();
    let column = column.map_or(String::new(), |column| format!("column `{column}` "));
    format!("{}:{}: {column}{}", fault.place, fault.line, fault.message)
}

fn summary(files: usize, entities: &[engine::port::SourceEntity]) -> String {
    let count =
        |wanted: fn(&Entity) -> bool| entities.iter().filter(|it| wanted(&it.entity)).count();
    let of = |number: usize, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    };
    format!(
        "{}: {}, {}, {} of {}",
        of(files, "file", "files"),
        of(
            count(|it| matches!(it, Entity::Shift(_))),
            "shift",
            "shifts"
        ),
        of(
            count(|it| matches!(it, Entity::OpenShift(_))),
            "open shift",
            "open shifts"
        ),
        of(
            count(|it| matches!(it, Entity::TimeOff(_))),
            "absence",
            "absences"
        ),
        of(
            count(|it| matches!(it, Entity::Employee(_))),
            "employee",
            "employees"
        ),
    )
}
