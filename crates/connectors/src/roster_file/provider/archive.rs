//! Files that were taken in, out of the way: without ever losing one.
//!
//! What lies in the folder of `path` together is the whole schedule. When the engine shows, by the
//! token that it gives back, that a reading of exactly these files is in the roster, they move into
//! the archive. The archive's `current.json` says which of its files are the schedule now, so that
//! they can be read again (a window moves on, a store is lost) until others come.
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

    /// Moves what was on its way when we were stopped.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn finish(&self, base: &Path) -> Result<(), SourceError> {
        for kept in self.current()?.files {
            let (from, to) = (base.join(&kept.place), self.folder.join(&kept.name));
            let is_same = || fs::read(&from).is_ok_and(|bytes| hash(&bytes) == kept.hash);
            if !to.exists() && is_same() {
                fs::rename(&from, &to).map_err(|error| self.fail(&kept.place, &error))?;
            }
        }
        Ok(())
    }

    /// The files that are current, under the names that they came with.
    ///
    /// # Errors
    /// When the list or one of them cannot be read.
    pub fn take(&self, base: &Path) -> Result<Vec<Taken>, SourceError> {
        let found = |kept: Kept| {
            let archived = self.folder.join(&kept.name);
            let path = if archived.exists() { archived } else { base.join(&kept.place) };
            Found { path, place: kept.place }
        };
        let found: Vec<Found> = self.current()?.files.into_iter().map(found).collect();
        files::take_all(&found)
    }

    /// Moves `taken` into the archive: they are the schedule now.
    ///
    /// # Errors
    /// When that cannot be done; then they stay where they are, and are read from there.
    pub fn keep(
        &self,
        base: &Path,
        taken: &[Taken],
        marker: Option<&str>,
        now: Timestamp,
    ) -> Result<(), SourceError> {
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
        self.finish(base)?;
        for kept in current.files {
            if let Some(marker) = marker {
                // Without its file it says nothing any more; one that stays does no harm.
                drop(fs::remove_file(base.join(format!("{}{marker}", kept.place))));
            }
        }
        Ok(())
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
        SourceError::Unreadable { place, detail: format!("`{what}`: {error}") }
    }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
