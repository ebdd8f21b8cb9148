//! Files that were taken in, out of the way: without ever losing one.
//!
//! What lies in the folder of `path` together is the whole schedule. When the engine shows, by the
//! token that it gives back, that a reading of exactly these files is in the roster, they move into
//! the archive. The archive's `current.json` says which of its files are the schedule now, so that
//! they can be read again (a window moves on, a store is lost) until others come. What was taken
//! in and still lies there when others have come moves first: it is no part of what they say.
//!
//! A crash anywhere leaves the files in one of two places, and the list is written before the first
//! of them moves: what is on the list and has not moved yet, moves at the next reading, if it is
//! still the same file. A file of the same name that is another one is new.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use engine::port::SourceError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files::{self, Found, Taken};

/// The list of what is current.
const LIST: &str = "current.json";

/// Which of the archive's files are the schedule now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Current {
    files: Vec<Kept>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// Where it came from, as the operator would write it.
    place: String,
    /// Its name in the archive.
    name: String,
    /// What is in it.
    hash: String,
}

/// A file that was taken in and does not move.
#[derive(Debug)]
pub(super) struct Stuck {
    /// Which, as the operator would write it.
    pub place: String,
    /// Why.
    pub error: io::Error,
}

/// A folder for files that were taken in.
#[derive(Debug)]
pub(super) struct Archive {
    folder: PathBuf,
    shown: String,
}

impl Archive {
    /// `folder` may not be there yet.
    pub fn new(base: &Path, folder: &Path) -> Self {
        Self { folder: base.join(folder), shown: folder.display().to_string() }
    }

    /// Moves what was on its way when we were stopped, and says what would not move.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn finish(&self, base: &Path, marker: Option<&str>) -> Result<Vec<Stuck>, SourceError> {
        let mut stuck = Vec::new();
        for kept in self.current()?.files {
            let (from, to) = (base.join(&kept.place), self.folder.join(&kept.name));
            let is_same = || files::hash_of(&from).is_some_and(|hash| hash == kept.hash);
            if to.exists() || !is_same() {
                continue;
            }
            match moved(&from, &to) {
                Ok(()) => {
                    if let Some(marker) = marker {
                        // Without its file it says nothing any more; one that stays does no harm.
                        drop(fs::remove_file(base.join(format!("{}{marker}", kept.place))));
                    }
                }
                Err(error) => stuck.push(Stuck { place: kept.place, error }),
            }
        }
        Ok(stuck)
    }

    /// The files that are current, under the names that they came with.
    ///
    /// # Errors
    /// When the list or one of them cannot be read, or one is not what was archived.
    pub fn take(&self, base: &Path) -> Result<Vec<Taken>, SourceError> {
        let mut left = domain::limits::ROSTER_FILE_BYTES_MAX;
        let mut all = Vec::new();
        for kept in self.current()?.files {
            let archived = self.folder.join(&kept.name);
            let path = if archived.exists() { archived } else { base.join(&kept.place) };
            let taken = files::take(&Found { path, place: kept.place }, left, || {})?;
            if hash(&taken.bytes) != kept.hash {
                let place = format!("{}/{}", self.shown, kept.name);
                let detail = "it is not the file any more that was archived under this name; put \
                              that one back, or drop a new export"
                    .to_owned();
                return Err(SourceError::Unreadable { place, detail });
            }
            left = left.saturating_sub(taken.bytes.len() as u64);
            all.push(taken);
        }
        Ok(all)
    }

    /// Whether this very file is among those that are current and were moved already.
    pub fn holds(&self, taken: &Taken) -> bool {
        let same = |it: &Kept| {
            it.place == taken.place
                && it.hash == hash(&taken.bytes)
                && self.folder.join(&it.name).exists()
        };
        self.current().is_ok_and(|current| current.files.iter().any(same))
    }

    /// Moves `taken` into the archive: they are the schedule now. Says what would not move.
    ///
    /// # Errors
    /// When the list cannot be written; then they stay where they are, and are read from there.
    pub fn keep(
        &self,
        base: &Path,
        taken: &[Taken],
        marker: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<Stuck>, SourceError> {
        let stamp = now.strftime("%Y%m%dT%H%M%SZ");
        let kept = |(index, file): (usize, &Taken)| {
            let name = Path::new(&file.place).file_name().unwrap_or_default().to_string_lossy();
            let hash = hash(&file.bytes);
            // Files of two folders may have one name.
            let number = if index == 0 { String::new() } else { format!("{index}-") };
            let name = format!("{stamp}-{number}{}-{name}", &hash[..8]);
            Kept { place: file.place.clone(), name, hash }
        };
        let current = Current { files: taken.iter().enumerate().map(kept).collect() };
        self.write(&current).map_err(|error| self.fail(LIST, &error))?;
        self.finish(base, marker)
    }

    /// Whether it could be written to: the folder, or the nearest one above that there is.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn check(&self) -> Result<(), String> {
        let mut there = self.folder.as_path();
        while !there.exists() {
            let Some(above) = there.parent() else { break };
            there = above;
        }
        let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
        if !there.is_dir() {
            return Err(format!("`archive`: `{}` is no folder; expected one", there.display()));
        }
        let writable = tempfile_in(there);
        writable.map_err(|error| {
            format!("`archive`: `{}` cannot be written to: {error}", there.display())
        })
    }

    /// That files which were taken in cannot be moved.
    pub fn refuse(&self, stuck: &Stuck) -> SourceError {
        let place = stuck.place.clone();
        let detail = format!(
            "it was taken in, and cannot be moved to `archive` (`{}`): {}; move it there by hand, \
             or it would be read together with what came after it",
            self.shown, stuck.error
        );
        SourceError::Unreadable { place, detail }
    }

    fn current(&self) -> Result<Current, SourceError> {
        match fs::read(self.folder.join(LIST)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                let place = format!("{}/{LIST}", self.shown);
                let detail = format!("{error}; removing it has files of `path` awaited anew");
                SourceError::Unreadable { place, detail }
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Current::default()),
            Err(error) => Err(self.fail(LIST, &error)),
        }
    }

    /// Writes the list, whole or not at all.
    fn write(&self, current: &Current) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let bytes = serde_json::to_vec_pretty(current)?;
        let new = self.folder.join(format!("{LIST}.new"));
        let mut file = fs::File::create(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&new, self.folder.join(LIST))?;
        // The new name must be on the disk before files move on its word.
        fs::File::open(&self.folder)?.sync_all()
    }

    fn fail(&self, what: &str, error: &io::Error) -> SourceError {
        let place = self.shown.clone();
        SourceError::Unreadable { place, detail: format!("`archive`: `{what}`: {error}") }
    }
}

/// Moves a file, also to another file system: there it is whole before it is gone here.
fn moved(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let mut part = to.as_os_str().to_owned();
            part.push(".part");
            let part = PathBuf::from(part);
            fs::copy(from, &part)?;
            fs::File::open(&part)?.sync_all()?;
            fs::rename(&part, to)?;
            if let Some(folder) = to.parent() {
                fs::File::open(folder)?.sync_all()?;
            }
            fs::remove_file(from)
        }
        done => done,
    }
}

/// Makes a file in a folder and takes it away again.
fn tempfile_in(folder: &Path) -> io::Result<()> {
    let path = folder.join(".rotabridge-looks");
    fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)
}

pub(super) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
