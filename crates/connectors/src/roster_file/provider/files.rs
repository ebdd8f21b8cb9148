//! Finding the files and taking what is in them, all or nothing.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use domain::limits::{ROSTER_FILE_BYTES_MAX, ROSTER_FILES_MAX};
use engine::port::SourceError;
use glob::{MatchOptions, Pattern};
use jiff::Timestamp;

/// `*` stays inside one folder and does not match hidden files, as in a shell.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// One file that the pattern matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// The same, as the operator would write it.
    pub place: String,
}

impl Found {
    /// Its name, size and time: another text when somebody wrote to it.
    pub fn glance(&self) -> String {
        let stamp = std::fs::metadata(&self.path).ok().map(|it| stamp(&it));
        format!("{} {stamp:?}\n", self.place)
    }
}

/// Why there are no files.
#[derive(Debug)]
pub(super) enum NotFound {
    /// None matches, or none that does is complete.
    None(SourceError),
    /// They cannot be listed.
    Failed(SourceError),
}

impl From<NotFound> for SourceError {
    fn from(not_found: NotFound) -> Self {
        match not_found {
            NotFound::None(error) | NotFound::Failed(error) => error,
        }
    }
}

/// That no file matches.
pub(super) fn nothing(pattern: &str) -> SourceError {
    unreadable(pattern, "no file matches".to_owned())
}

/// One file's content.
#[derive(Debug)]
pub(super) struct Taken {
    /// Which file, as the operator would write it.
    pub place: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// When it was last changed, where the file system says so.
    pub modified: Option<Timestamp>,
}

/// The files that `pattern` matches below `base`, in the order of their paths; with a `marker`
/// those beside which there is a file of the same name with that suffix.
///
/// # Errors
/// When there is none, there are too many, or a folder cannot be listed.
pub(super) fn find(
    base: &Path,
    pattern: &str,
    marker: Option<&str>,
) -> Result<Vec<Found>, NotFound> {
    let fail = |detail: String| NotFound::Failed(unreadable(pattern, detail));
    // An empty base is the working folder; `Path::join` keeps an absolute pattern as it is.
    let escaped = PathBuf::from(Pattern::escape(&base.to_string_lossy())).join(pattern);
    let matches = glob::glob_with(&escaped.to_string_lossy(), MATCHING)
        .map_err(|error| fail(error.to_string()))?;
    let mut found = Vec::new();
    let mut incomplete = false;
    for entry in matches {
        let path = entry.map_err(|error| {
            let place = shown(base, error.path());
            NotFound::Failed(unreadable(&place, error.error().to_string()))
        })?;
        if path.is_dir() || !is_complete(&path, marker) {
            incomplete |= !path.is_dir() && !is_marker(&path, marker);
            continue;
        }
        if found.len() == ROSTER_FILES_MAX {
            return Err(fail(format!(
                "more than {ROSTER_FILES_MAX} files match; expected at most that many"
            )));
        }
        let place = shown(base, &path);
        found.push(Found { path, place });
    }
    if let (true, true, Some(marker)) = (found.is_empty(), incomplete, marker) {
        let detail = format!("no file that matches is complete: none has a `{marker}` beside it");
        return Err(NotFound::None(unreadable(pattern, detail)));
    }
    if found.is_empty() {
        return Err(NotFound::None(nothing(pattern)));
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn is_marker(path: &Path, marker: Option<&str>) -> bool {
    marker.is_some_and(|marker| path.to_string_lossy().ends_with(marker))
}

fn is_complete(path: &Path, marker: Option<&str>) -> bool {
    let Some(suffix) = marker else { return true };
    let mut beside = path.as_os_str().to_owned();
    beside.push(suffix);
    !is_marker(path, marker) && Path::new(&beside).exists()
}

/// Takes the content of all files.
///
/// # Errors
/// When one cannot be read, changes while it is read, or all together are too large.
pub(super) fn take_all(found: &[Found]) -> Result<Vec<Taken>, SourceError> {
    let mut total = 0;
    let mut taken = Vec::with_capacity(found.len());
    for file in found {
        let one = take(file, ROSTER_FILE_BYTES_MAX - total, || {})?;
        total += one.bytes.len() as u64;
        taken.push(one);
    }
    Ok(taken)
}

/// Takes one file; `meanwhile` happens between reading and looking again, for tests.
pub(super) fn take(
    file: &Found,
    bytes_max: u64,
    meanwhile: impl FnOnce(),
) -> Result<Taken, SourceError> {
    let fail = |error: io::Error| unreadable(&file.place, error.to_string());
    let mut open = File::open(&file.path).map_err(fail)?;
    let before = stamp(&open.metadata().map_err(fail)?);
    if before.bytes > bytes_max {
        let detail = format!(
            "all files together have more than {ROSTER_FILE_BYTES_MAX} bytes; \
             expected at most that many"
        );
        return Err(unreadable(&file.place, detail));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(before.bytes).unwrap_or(0) + 1);
    (&mut open).take(before.bytes + 1).read_to_end(&mut bytes).map_err(fail)?;
    meanwhile();
    let after = stamp(&std::fs::metadata(&file.path).map_err(fail)?);
    if after != before || bytes.len() as u64 != before.bytes {
        let detail = "it was changed while it was read; try again".to_owned();
        return Err(unreadable(&file.place, detail));
    }
    Ok(Taken {
        place: file.place.clone(),
        bytes,
        modified: before.modified.and_then(|at| Timestamp::try_from(at).ok()),
    })
}

/// What changes when somebody writes to a file.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

fn stamp(metadata: &std::fs::Metadata) -> Stamp {
    Stamp { bytes: metadata.len(), modified: metadata.modified().ok() }
}

fn shown(base: &Path, path: &Path) -> String {
    let short = path.strip_prefix(base).unwrap_or(path);
    short.display().to_string()
}

fn unreadable(place: &str, detail: String) -> SourceError {
    SourceError::Unreadable { place: place.to_owned(), detail }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_that_grows_while_it_is_read_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a,b\n1,2\n").unwrap();
        let found = &find(folder.path(), "*.csv", None).unwrap()[0];
        assert_eq!((found.place.as_str(), &found.path), ("a.csv", &path));
        let grow = || {
            let mut file = File::options().append(true).open(&path).unwrap();
            file.write_all(b"3,4\n").unwrap();
        };
        let error = take(found, 100, grow).unwrap_err().to_string();
        assert_eq!(error, "cannot read `a.csv`: it was changed while it was read; try again");
        assert_eq!(take(found, 100, || {}).unwrap().bytes, b"a,b\n1,2\n3,4\n");
    }

    #[test]
    fn files_that_are_too_large_together_are_refused_before_they_are_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.csv"), "a,b\n1,2\n").unwrap();
        let found = &find(folder.path(), "*.csv", None).unwrap()[0];
        let error = take(found, 7, || {}).unwrap_err().to_string();
        assert!(error.contains("have more than 536870912 bytes"), "{error}");
    }

    #[test]
    fn a_pattern_leaves_out_folders_and_hidden_files_and_what_is_deeper() {
        // The folder's own name must not be taken for a pattern.
        let outer = tempfile::tempdir().unwrap();
        let base = outer.path().join("week[1]");
        std::fs::create_dir_all(base.join("exports/x.csv")).unwrap();
        for name in ["b.csv", "a.csv", ".c.csv", "a.txt", "x.csv/d.csv"] {
            std::fs::write(base.join("exports").join(name), "").unwrap();
        }
        let found = find(&base, "exports/*.csv", None).unwrap();
        let places: Vec<String> = found.into_iter().map(|found| found.place).collect();
        assert_eq!(places, ["exports/a.csv", "exports/b.csv"]);
        let error = SourceError::from(find(&base, "nothing/*.csv", None).unwrap_err()).to_string();
        assert_eq!(error, "cannot read `nothing/*.csv`: no file matches");
    }
}
