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
use domain::limits::ROSTER_FILE_BYTES_MAX;
use domain::{ConnectionName, SyncWindow};
use engine::port::{
    Clock, DeltaToken, FieldFault, Finding, Marks, Reading, ReadingKind, Resume, Source,
    SourceError,
};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::BAD_ROWS;
use super::config::{BadRowPolicy, Delimiter, RosterFileConfig};
use super::map::Rules;
use super::{encoding, events, sheet};
use crate::{ConnectionContext, ConnectionError};

use archive::Archive;
use files::Taken;
pub(super) use gather::{Gathered, gather};
use look::Remark;

/// How long the files of one export are written.
const EXPORT_TAKES_MAX: SignedDuration = SignedDuration::from_hours(1);

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
        let (window, since, now) = (*window, since.and_then(Token::read), self.clock.now());
        self.in_thread(move |reader| reader.read(&window, since, now)).await?
    }

    /// Our own token knows its window; and which files are in the roster, it knows for any.
    async fn read_on(
        &self,
        window: &SyncWindow,
        resume: Option<&Resume>,
        _: &dyn Marks,
    ) -> Result<Reading, SourceError> {
        let read = |it: &Resume| Some(Token { void: it.void, ..Token::read(&it.token)? });
        let (window, since, now) = (*window, resume.and_then(read), self.clock.now());
        self.in_thread(move |reader| reader.read(&window, since, now)).await?
    }

    async fn glance(&self) -> Option<String> {
        self.in_thread(Reader::glance).await.ok().flatten()
    }
}

/// The files that are the schedule now.
struct Current {
    taken: Vec<Taken>,
    /// Whether they lie where they were dropped.
    are_new: bool,
    notes: Vec<FieldFault>,
}

impl Reader {
    fn read(
        &self,
        window: &SyncWindow,
        since: Option<Token>,
        now: Timestamp,
    ) -> Result<Reading, SourceError> {
        let Current { taken, are_new, notes: told } = self.take(since.as_ref(), now)?;
        let token = self.token(&taken, window);
        let mut told = told;
        // The engine gives a token back when what it stands for is in the roster.
        if let (Some(archive), true, Some(since)) = (&self.archive, are_new, &since)
            && since.content == token.content
        {
            let stuck = archive.keep(&self.base, &taken, self.config.marker.as_deref(), now)?;
            told.extend(stuck.iter().map(|it| whole(&it.place, archive.refuse(it).to_string())));
        }
        let unchanged = since.as_ref().is_some_and(|it| !it.void && it.print == token.print);
        let remarkable = since.as_ref().is_some_and(|it| it.remarkable);
        if unchanged && !remarkable {
            let (kind, next) = (ReadingKind::Unchanged, Some(token.write()));
            return Ok(Reading { kind, next, notes: told, skipped: Vec::new() });
        }
        let Gathered { entities, absence, mut notes, missed, skipped, unmapped: _ } =
            self.gather(&taken, window)?;
        let next = Token { remarkable: missed.is_some() || !skipped.is_empty(), ..token };
        let kind = if unchanged {
            // What is decided in single rows was told once; what is left out is told each time.
            notes.clear();
            ReadingKind::Unchanged
        } else {
            ReadingKind::Full { entities, absence }
        };
        notes.splice(0..0, told.into_iter().chain(missed));
        Ok(Reading { kind, next: Some(next.write()), notes, skipped })
    }

    /// The files that are the schedule now. What `known` shows to be in the roster already is not
    /// read together with what came after it: it moves out of the way first.
    fn take(&self, known: Option<&Token>, now: Timestamp) -> Result<Current, SourceError> {
        let marker = self.config.marker.as_deref();
        if let Some(archive) = &self.archive {
            // What does not move is found below, and told of there.
            archive.finish(&self.base, marker)?;
        }
        let found = files::find(&self.base, &self.config.path, marker);
        let Some(archive) = &self.archive else {
            let taken = files::take_all(&found.map_err(SourceError::from)?, now)?;
            return Ok(Current { taken, are_new: true, notes: vec![] });
        };
        let found = match found {
            Err(files::NotFound::None(_)) => {
                let taken = archive.take(&self.base)?;
                return match taken.is_empty() {
                    true => Err(files::nothing(&self.config.path)),
                    false => Ok(Current { taken, are_new: false, notes: vec![] }),
                };
            }
            found => found.map_err(SourceError::from)?,
        };
        let taken = files::take_all(&found, now)?;
        let is_old = |it: &Taken| {
            let is_known = known.is_some_and(|known| known.files.contains(&file_id(it)));
            is_known && !archive.holds(it)
        };
        let (old, new): (Vec<Taken>, Vec<Taken>) = taken.into_iter().partition(is_old);
        if new.is_empty() {
            return Ok(Current { taken: old, are_new: true, notes: vec![] });
        }
        if !old.is_empty()
            && let Some(stuck) = archive.keep(&self.base, &old, marker, now)?.first()
        {
            return Err(archive.refuse(stuck));
        }
        let notes = apart(&new).into_iter().collect();
        Ok(Current { taken: new, are_new: true, notes })
    }

    /// Names, sizes and times of the files that are there.
    fn glance(&self) -> Option<String> {
        let marker = self.config.marker.as_deref();
        let found = files::find(&self.base, &self.config.path, marker).ok()?;
        Some(found.iter().map(files::Found::glance).collect())
    }

    fn gather(&self, taken: &[Taken], window: &SyncWindow) -> Result<Gathered, SourceError> {
        let mut texts = Vec::with_capacity(taken.len());
        let mut left = ROSTER_FILE_BYTES_MAX;
        let mut bad = Vec::new();
        for file in taken {
            let text = text_of(&file.place, &file.bytes, &self.config, left, &mut bad)?;
            left = left.saturating_sub(text.len() as u64);
            texts.push(text);
        }
        let files: Vec<(&str, &str)> =
            taken.iter().zip(&texts).map(|(file, text)| (file.place.as_str(), &**text)).collect();
        gather(&files, bad, (&self.config, &self.rules), window)
    }

    /// What is remembered of a reading of these files. The print is of everything that decides what
    /// it says; with the version of this program, because another one may read the same files
    /// otherwise.
    fn token(&self, taken: &[Taken], window: &SyncWindow) -> Token {
        let content = hash(taken.iter().flat_map(|it| [it.place.as_bytes(), it.bytes.as_slice()]));
        let config = format!("{:?}", self.config);
        let window = window.interval.to_string();
        let version = env!("CARGO_PKG_VERSION");
        let print = hash([version, &config, &window, &content].map(str::as_bytes));
        let files = match &self.archive {
            Some(_) => taken.iter().map(file_id).collect(),
            None => vec![],
        };
        Token { print, content, files, remarkable: false, void: false }
    }
}

/// That files were written long after one another, and count as one export.
fn apart(taken: &[Taken]) -> Option<FieldFault> {
    let first = taken.iter().min_by_key(|it| it.modified)?;
    let last = taken.iter().max_by_key(|it| it.modified)?;
    let apart = last.modified?.duration_since(first.modified?);
    (apart > EXPORT_TAKES_MAX).then(|| {
        let message = format!(
            "`{}` was written {} hours before `{}`, and both are read together",
            first.place,
            apart.as_hours(),
            last.place
        );
        let hint = "with `archive`, what lies there together is the whole schedule: if these are \
                    two exports, remove the older one, and read more often than they are dropped";
        FieldFault { hint: Some(hint.to_owned()), ..whole(&first.place, message) }
    })
}

fn whole(place: &str, message: String) -> FieldFault {
    FieldFault {
        place: place.to_owned(),
        line: 0,
        text: String::new(),
        field: None,
        column: None,
        message,
        hint: None,
        stands_for: 1,
    }
}

fn hash<'b>(parts: impl IntoIterator<Item = &'b [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One file as it was dropped: what is in it, and when it was written.
fn file_id(taken: &Taken) -> String {
    let at = taken.modified.map_or(0, Timestamp::as_nanosecond).to_be_bytes();
    let mut id = hash([taken.place.as_bytes(), taken.bytes.as_slice(), &at]);
    id.truncate(24);
    id
}

/// What a file says, as delimited text; which kind of file it is, its name says. What cannot be
/// read and may be left out is added to `bad`.
pub(super) fn text_of<'b>(
    place: &str,
    bytes: &'b [u8],
    config: &RosterFileConfig,
    bytes_max: u64,
    bad: &mut Vec<FieldFault>,
) -> Result<Cow<'b, str>, SourceError> {
    let delimiter = config.delimiter.map_or(b',', Delimiter::byte);
    let ends = |suffix: &str| place.to_ascii_lowercase().ends_with(suffix);
    if ends(".xlsx") || ends(".xlsm") {
        let wanted = (config.sheet.as_deref(), delimiter);
        return sheet::text_of(place, bytes, wanted, bytes_max).map(Cow::Owned);
    }
    if ends(".ics") {
        let (text, faults) = events::text_of(place, bytes, delimiter, bytes_max)?;
        if !faults.is_empty() && config.on_bad_row == BadRowPolicy::Refuse {
            return Err(events::refused(faults));
        }
        bad.extend(faults);
        return Ok(Cow::Owned(text));
    }
    let text = encoding::text_of(place, bytes, config.encoding, bytes_max);
    let refused =
        |fault: Box<_>| SourceError::BadRows { faults: vec![*fault], more: 0, hint: BAD_ROWS };
    text.map_err(refused)
}

const TOKEN: &str = "roster_file/3";
/// Ends the token of a reading of which something is to be told for as long as it is so: the
/// same files are gathered again then, only to tell it.
const REMARKABLE: &str = "remarkable";

/// What is remembered of a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    /// The hash of everything that decides what it says.
    print: String,
    /// The hash of the files alone.
    content: String,
    /// Which files they were, where there is an archive for them.
    files: Vec<String>,
    remarkable: bool,
    /// Whether it must not be taken for the same reading, whatever it says.
    void: bool,
}

impl Token {
    fn write(&self) -> DeltaToken {
        let Self { print, content, files, remarkable, void: _ } = self;
        let end = if *remarkable { REMARKABLE } else { "-" };
        DeltaToken(format!("{TOKEN} {print} {content} {end} {}", files.join(",")))
    }

    fn read(token: &DeltaToken) -> Option<Self> {
        let mut words = token.0.split(' ');
        let mut next = || words.next();
        if next()? != TOKEN {
            return None;
        }
        let (print, content) = (next()?.to_owned(), next()?.to_owned());
        let remarkable = next()? == REMARKABLE;
        let files = next()?.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        Some(Self { print, content, files, remarkable, void: false })
    }
}
