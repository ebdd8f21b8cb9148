//! The source port over roster files.

mod files;
mod gather;
mod look;
mod parts;
mod people;
mod reach;
mod tables;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{ConnectionName, SyncWindow};
use engine::port::{Clock, DeltaToken, Finding, Reading, ReadingKind, Source, SourceError};
use sha2::{Digest, Sha256};

use super::config::RosterFileConfig;
use super::map::Rules;
use crate::table::decode;
use crate::{ConnectionContext, ConnectionError};

use files::Taken;
pub(super) use gather::{Gathered, gather};
use look::Remark;

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
        self.in_thread(move |reader| reader.read(&window, since.as_ref())).await?
    }
}

impl Reader {
    fn read(
        &self,
        window: &SyncWindow,
        since: Option<&DeltaToken>,
    ) -> Result<Reading, SourceError> {
        let taken = self.take()?;
        let print = self.print(&taken, window);
        let unchanged = since.is_some_and(|since| print_of(since) == Some(print.as_str()));
        if unchanged && !since.is_some_and(is_remarkable) {
            return Ok(Reading {
                kind: ReadingKind::Unchanged,
                next: since.cloned(),
                notes: Vec::new(),
                skipped: Vec::new(),
            });
        }
        let Gathered { entities, absence, mut notes, missed, skipped, unmapped: _ } =
            self.gather(&taken, window)?;
        let next = Some(token(&print, missed.is_some() || !skipped.is_empty()));
        let kind = if unchanged {
            // What is decided in single rows was told once; what is left out is told each time.
            notes.clear();
            ReadingKind::Unchanged
        } else {
            ReadingKind::Full { entities, absence }
        };
        notes.splice(0..0, missed);
        Ok(Reading { kind, next, notes, skipped })
    }

    fn take(&self) -> Result<Vec<Taken>, SourceError> {
        files::take_all(&files::find(&self.base, &self.config.path)?)
    }

    fn gather(&self, taken: &[Taken], window: &SyncWindow) -> Result<Gathered, SourceError> {
        let mut texts = Vec::with_capacity(taken.len());
        for file in taken {
            let text = decode(&file.place, &file.bytes)
                .map_err(|fault| SourceError::BadRows { faults: vec![*fault], more: 0 })?;
            texts.push((file.place.as_str(), text));
        }
        gather(&texts, &self.config, &self.rules, window)
    }

    /// The hash of everything that decides what a reading says; with the version of this program,
    /// because another one may read the same files otherwise.
    fn print(&self, taken: &[Taken], window: &SyncWindow) -> String {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        add(env!("CARGO_PKG_VERSION").as_bytes());
        add(format!("{:?}", self.config).as_bytes());
        add(window.interval.to_string().as_bytes());
        for Taken { place, bytes, modified: _ } in taken {
            add(place.as_bytes());
            add(bytes);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

const TOKEN: &str = "roster_file/2";
/// Ends the token of a reading of which something is to be told for as long as it is so: the
/// same files are gathered again then, only to tell it.
const REMARKABLE: &str = "remarkable";

fn token(print: &str, remarkable: bool) -> DeltaToken {
    DeltaToken(if remarkable {
        format!("{TOKEN} {print} {REMARKABLE}")
    } else {
        format!("{TOKEN} {print}")
    })
}

fn print_of(token: &DeltaToken) -> Option<&str> {
    let mut words = token.0.split(' ');
    (words.next() == Some(TOKEN)).then(|| words.next())?
}

fn is_remarkable(token: &DeltaToken) -> bool {
    token.0.split(' ').nth(2) == Some(REMARKABLE)
}
