//! The source port over roster files.

mod archive;
mod files;
mod gather;
mod look;
mod parts;
mod people;
mod reach;
mod tables;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{ConnectionName, SyncWindow};
use engine::port::{Clock, DeltaToken, Finding, Reading, ReadingKind, Source, SourceError};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::config::{Delimiter, RosterFileConfig};
use super::map::Rules;
use super::{events, sheet};
use crate::table::decode;
use crate::{ConnectionContext, ConnectionError};

use archive::Archive;
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
    archive: Option<Archive>,
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
                archive: config.archive.as_ref().map(|it| Archive::new(&context.base, it)),
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
        let (window, since, now) = (*window, since.cloned(), self.clock.now());
        self.in_thread(move |reader| reader.read(&window, since.as_ref(), now)).await?
    }

    async fn glance(&self) -> Option<String> {
        self.in_thread(Reader::glance).await.ok().flatten()
    }
}

impl Reader {
    fn read(
        &self,
        window: &SyncWindow,
        since: Option<&DeltaToken>,
        now: Timestamp,
    ) -> Result<Reading, SourceError> {
        if let Some(archive) = &self.archive {
            archive.finish(&self.base)?;
        }
        let (taken, are_new) = self.take()?;
        let print = self.print(&taken, window);
        let unchanged = since.is_some_and(|since| print_of(since) == Some(print.as_str()));
        // The engine gives a token back when what it stands for is in the roster.
        if let (Some(archive), true, true) = (&self.archive, unchanged, are_new) {
            archive.keep(&self.base, &taken, self.config.marker.as_deref(), now)?;
        }
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

    /// The files that are the schedule now, and whether they lie where they were dropped.
    fn take(&self) -> Result<(Vec<Taken>, bool), SourceError> {
        let found = files::find(&self.base, &self.config.path, self.config.marker.as_deref());
        match (found, &self.archive) {
            (Err(files::NotFound::None(_)), Some(archive)) => {
                let taken = archive.take(&self.base)?;
                match taken.is_empty() {
                    true => Err(files::nothing(&self.config.path)),
                    false => Ok((taken, false)),
                }
            }
            (found, _) => Ok((files::take_all(&found.map_err(SourceError::from)?)?, true)),
        }
    }

    /// Names, sizes and times of the files that are there.
    fn glance(&self) -> Option<String> {
        let marker = self.config.marker.as_deref();
        let found = files::find(&self.base, &self.config.path, marker).ok()?;
        Some(found.iter().map(files::Found::glance).collect())
    }

    fn gather(&self, taken: &[Taken], window: &SyncWindow) -> Result<Gathered, SourceError> {
        let mut texts = Vec::with_capacity(taken.len());
        for file in taken {
            texts.push(text_of(&file.place, &file.bytes, &self.config)?);
        }
        let files: Vec<(&str, &str)> =
            taken.iter().zip(&texts).map(|(file, text)| (file.place.as_str(), &**text)).collect();
        gather(&files, &self.config, &self.rules, window)
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

/// What a file says, as delimited text; which kind of file it is, its name says.
pub(super) fn text_of<'b>(
    place: &str,
    bytes: &'b [u8],
    config: &RosterFileConfig,
) -> Result<Cow<'b, str>, SourceError> {
    let delimiter = config.delimiter.map_or(b',', Delimiter::byte);
    let ends = |suffix: &str| place.to_ascii_lowercase().ends_with(suffix);
    if ends(".xlsx") || ends(".xlsm") {
        return sheet::text_of(place, bytes, config.sheet.as_deref(), delimiter).map(Cow::Owned);
    }
    if ends(".ics") {
        return events::text_of(place, bytes, delimiter).map(Cow::Owned);
    }
    let text = decode(place, bytes);
    let refused = |fault: Box<_>| SourceError::BadRows { faults: vec![*fault], more: 0 };
    text.map(Cow::Borrowed).map_err(refused)
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
