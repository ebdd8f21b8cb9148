//! Finding the files and taking what is in them, all or nothing.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use domain::limits::{ROSTER_FILE_BYTES_MAX, ROSTER_FILES_MAX};
use engine::port::SourceError;
use glob::{MatchOptions, Pattern};
use jiff::Timestamp;

use crate::words::blanked;

/// `*` stays inside one folder and does not match hidden files, as in a shell.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// How long after it was last written to a file may still be growing, and how long is waited to see
/// whether it is.
const YOUNG: Duration = Duration::from_secs(2);
const SETTLES_IN: Duration = Duration::from_secs(1);

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

/// What is said when no file matches.
pub(super) const NOTHING: &str = "no file matches";

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
    unreadable(pattern, NOTHING.to_owned())
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
    let mut incomplete = None;
    // Who names one file means it, wherever it leads.
    let inside = fixed_part(base, pattern).map(|folder| folder.canonicalize().unwrap_or(folder));
    for entry in matches {
        let path = entry.map_err(|error| {
            let place = shown(base, error.path());
            NotFound::Failed(unreadable(&place, error.error().to_string()))
        })?;
        if path.is_dir() || !is_complete(&path, marker) {
            if !path.is_dir() && !is_marker(&path, marker) {
                incomplete = incomplete.or_else(|| Some(shown(base, &path)));
            }
            continue;
        }
        if let Err(detail) = may_be_read(&path, inside.as_deref()) {
            return Err(NotFound::Failed(unreadable(&shown(base, &path), detail)));
        }
        if found.len() == ROSTER_FILES_MAX {
            return Err(fail(format!(
                "more than {ROSTER_FILES_MAX} files match; expected at most that many"
            )));
        }
        let place = shown(base, &path);
        found.push(Found { path, place });
    }
    if let (true, Some(first), Some(marker)) = (found.is_empty(), incomplete, marker) {
        let detail = format!(
            "no file that matches is complete: `{first}` waits for `{first}{marker}` (`marker`)"
        );
        return Err(NotFound::None(unreadable(pattern, detail)));
    }
    if found.is_empty() {
        return Err(NotFound::None(nothing(pattern)));
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The folder that a pattern searches: its parts before the first that is a pattern. `None` when
/// none is.
fn fixed_part(base: &Path, pattern: &str) -> Option<PathBuf> {
    let is_pattern = |part: &str| part.contains(['*', '?', '[']);
    if !is_pattern(pattern) {
        return None;
    }
    let parts: Vec<&str> = pattern.split('/').take_while(|it| !is_pattern(it)).collect();
    let folder = parts.join("/");
    let folder =
        if folder.is_empty() && pattern.starts_with('/') { "/".to_owned() } else { folder };
    let folder = base.join(folder);
    Some(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder })
}

/// Whether this is a file, and one of the folder that is searched.
fn may_be_read(path: &Path, inside: Option<&Path>) -> Result<(), String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no regular file; expected one".to_owned());
    }
    let Some(inside) = inside else { return Ok(()) };
    let real = path.canonicalize().map_err(|error| error.to_string())?;
    match real.starts_with(inside) {
        true => Ok(()),
        false => Err(format!(
            "it is a link to a file outside of `{}`; expected a file there, or a `path` without \
             `*` that names the link",
            inside.display()
        )),
    }
}

/// The hash of a file, when it is one that can be read and is not too large.
pub(super) fn hash_of(path: &Path) -> Option<String> {
    let found = Found { path: path.to_owned(), place: String::new() };
    let taken = take(&found, ROSTER_FILE_BYTES_MAX, || {}).ok()?;
    Some(super::archive::hash(&taken.bytes))
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

/// Takes the content of all files. One that was written to a moment before `now` may not be
/// finished: it is looked at once more after a while, and refused when it has grown.
///
/// # Errors
/// When one cannot be read, changes while it is read, or all together are too large.
pub(super) fn take_all(found: &[Found], now: Timestamp) -> Result<Vec<Taken>, SourceError> {
    let mut total = 0;
    let mut taken = Vec::with_capacity(found.len());
    for file in found {
        let one = take(file, ROSTER_FILE_BYTES_MAX - total, || {})?;
        total += one.bytes.len() as u64;
        taken.push(one);
    }
    let is_young = |it: &Taken| {
        let age = it.modified.map(|at| now.duration_since(at).unsigned_abs());
        age.is_some_and(|age| age < YOUNG)
    };
    if taken.iter().any(is_young) {
        std::thread::sleep(SETTLES_IN);
        for (file, one) in found.iter().zip(&taken) {
            let after = std::fs::metadata(&file.path).ok().map(|it| stamp(&it));
            if after.is_none_or(|it| it.bytes != one.bytes.len() as u64 || it.at() != one.modified)
            {
                let detail = "it is still being written; it is read when it stays as it is. Write \
                              elsewhere and rename, or set `marker`"
                    .to_owned();
                return Err(unreadable(&file.place, detail));
            }
        }
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
    let mut open = open_without_waiting(&file.path).map_err(fail)?;
    let metadata = open.metadata().map_err(fail)?;
    if !metadata.is_file() {
        let detail = "it is no regular file; expected one".to_owned();
        return Err(unreadable(&file.place, detail));
    }
    let before = stamp(&metadata);
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
    Ok(Taken { place: file.place.clone(), bytes, modified: before.at() })
}

/// What changes when somebody writes to a file.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn at(&self) -> Option<Timestamp> {
        self.modified.and_then(|at| Timestamp::try_from(at).ok())
    }
}

/// Opens a file. Opening a pipe would wait for whoever writes into it.
fn open_without_waiting(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        /// `O_NONBLOCK`, from `asm-generic/fcntl.h`.
        const NONBLOCKING: i32 = 0o4000;
        options.custom_flags(NONBLOCKING);
    }
    options.open(path)
}

fn stamp(metadata: &std::fs::Metadata) -> Stamp {
    Stamp { bytes: metadata.len(), modified: metadata.modified().ok() }
}

fn shown(base: &Path, path: &Path) -> String {
    let short = path.strip_prefix(base).unwrap_or(path);
    blanked(&short.display().to_string())
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
    fn a_file_that_is_still_growing_is_not_taken_for_a_finished_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "a,b\n1,2\n").unwrap();
        let found = find(folder.path(), "*.csv", None).unwrap();
        let at = std::fs::metadata(&path).unwrap().modified().unwrap();
        let now = Timestamp::try_from(at).unwrap();
        let writer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            File::options().append(true).open(&path).unwrap().write_all(b"3,4\n").unwrap();
        });
        let error = take_all(&found, now).unwrap_err().to_string();
        assert!(error.contains("it is still being written"), "{error}");
        writer.join().unwrap();
        // A finished one is taken, young or not.
        assert_eq!(take_all(&found, now).unwrap()[0].bytes, b"a,b\n1,2\n3,4\n");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_or_lies_elsewhere_is_refused_at_once() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("exports");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(outer.path().join("secret.csv"), "a\n").unwrap();
        std::os::unix::fs::symlink("../secret.csv", folder.join("a.csv")).unwrap();
        let refused = |pattern: &str| match find(outer.path(), pattern, None) {
            Err(error) => SourceError::from(error).to_string(),
            Ok(found) => panic!("{found:?}"),
        };
        assert!(refused("exports/*.csv").contains("a link to a file outside of"));
        // Named outright it is meant, and inside the folder it is fine.
        assert_eq!(find(outer.path(), "exports/a.csv", None).unwrap().len(), 1);
        assert_eq!(find(outer.path(), "**/*.csv", None).unwrap().len(), 2);
        std::fs::remove_file(folder.join("a.csv")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(folder.join("b.csv")).status();
        if !made.is_ok_and(|it| it.success()) {
            println!("skipped: `mkfifo` is not there");
            return;
        }
        assert!(refused("exports/*.csv").contains("no regular file"));
        let pipe = Found { path: folder.join("b.csv"), place: "b.csv".to_owned() };
        assert!(take(&pipe, 100, || {}).is_err());
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
