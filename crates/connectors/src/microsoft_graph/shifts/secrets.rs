//! The callback secret and its neighbours, in files.
//!
//! A rotation writes the new secret beside the current one (`<file>.next`), tells Graph, and then
//! renames; the old one stays as `<file>.previous`. Whatever a crash leaves, calls sealed with any
//! of the three are good: the next one may be registered already, and what was sealed before the
//! rotation may be under way for a while: an hour by the file's time, or until somebody deletes it
//! (a file from the future is not believed). Processes do not tell each other; each reads the files
//! again now and then, and whenever a call is authentic under none of those that it knows.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::port::{Clock, Entropy};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::callback::envelope::{CallbackSecret, CallbackSecrets, SECRET_BYTES, SecretSource};
use super::config::wrong;
use crate::ConnectionError;
use crate::secret::read_secret;

const KEY: &str = "callback_secret_file";
/// How long what was read is good.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// How long, when a call is not authentic: whoever sends such calls cannot keep us reading files.
const READ_AGAIN_AT_ONCE: Duration = Duration::from_secs(1);
/// How long a former secret opens calls: what Shifts sends is under way for seconds, and a retry
/// for minutes. Whoever cannot wait that long, because the secret leaked, deletes the file.
const PREVIOUS_GOOD_FOR: Duration = Duration::from_secs(3600);

/// The files of one mirror's callback secret.
#[derive(Debug)]
pub struct Secrets {
    base: PathBuf,
    file: PathBuf,
    clock: Arc<dyn Clock>,
    read: Mutex<Reading>,
}

/// What was read.
#[derive(Debug)]
struct Reading {
    at: Timestamp,
    /// When it was last read because a call was not authentic.
    doubted_at: Option<Timestamp>,
    known: Arc<CallbackSecrets>,
}

impl SecretSource for Secrets {
    fn known(&self) -> Arc<CallbackSecrets> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if passed(READ_AGAIN_AFTER, read.at, now) {
            self.read_into(&mut read, now);
        }
        Arc::clone(&read.known)
    }

    fn looked_up_again(&self) -> Arc<CallbackSecrets> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        // Not counted from the last reading: a rotation may have come just after it.
        if read.doubted_at.is_none_or(|at| passed(READ_AGAIN_AT_ONCE, at, now)) {
            read.doubted_at = Some(now);
            self.read_into(&mut read, now);
        }
        Arc::clone(&read.known)
    }
}

impl Secrets {
    /// Reads the current secret, which must be there.
    ///
    /// # Errors
    /// When it cannot be read, or has not exactly 64 characters.
    pub fn new(base: &Path, file: &Path, clock: Arc<dyn Clock>) -> Result<Self, ConnectionError> {
        let (base, file) = (base.to_owned(), file.to_owned());
        let at = clock.now();
        let known = Arc::new(read_all(&base, &file, at)?);
        let read = Mutex::new(Reading { at, doubted_at: None, known });
        Ok(Self { base, file, clock, read })
    }

    /// Those that are good now, read again.
    #[must_use]
    pub fn read_again(&self) -> Arc<CallbackSecrets> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        self.read_into(&mut read, self.clock.now());
        Arc::clone(&read.known)
    }

    /// While they cannot be read, those that were stay.
    fn read_into(&self, read: &mut Reading, now: Timestamp) {
        read.at = now;
        match read_all(&self.base, &self.file, now) {
            Ok(known) => read.known = Arc::new(known),
            Err(error) => {
                tracing::warn!(%error, "the callback secret cannot be read again; the one \
                    that was read before stays in use");
            }
        }
    }

    /// The current one as text, to be registered.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn current(&self) -> Result<SecretString, ConnectionError> {
        read_secret(&self.base, KEY, &self.file)
    }

    /// Puts a new secret beside the current one, and gives it; one that was left there by a
    /// rotation that did not end is taken again, because Graph may know it already.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn make_next(&self, entropy: &dyn Entropy) -> Result<SecretString, ConnectionError> {
        let next = self.beside(".next");
        if let Ok(left) = read_secret(Path::new(""), KEY, &next)
            && CallbackSecret::new(&left).is_ok()
        {
            return Ok(left);
        }
        let secret = made_up(entropy);
        write_private(&next, secret.expose_secret().as_bytes(), self.clock.now())
            .map_err(|error| self.unwritable(&next, &error))?;
        let _ = self.read_again();
        Ok(secret)
    }

    /// Makes the next secret the current one, and the current one the previous one.
    ///
    /// # Errors
    /// When it cannot be done; then the next one is still there, and still good.
    pub fn promote_next(&self) -> Result<(), ConnectionError> {
        let (next, previous) = (self.beside(".next"), self.beside(".previous"));
        let current = self.current()?;
        write_private(&previous, current.expose_secret().as_bytes(), self.clock.now())
            .map_err(|error| self.unwritable(&previous, &error))?;
        let full = self.base.join(&self.file);
        let renamed = fs::rename(&next, &full).and_then(|()| sync_folder(&full));
        renamed.map_err(|error| self.unwritable(&full, &error))?;
        let _ = self.read_again();
        Ok(())
    }

    /// Forgets the next secret, which nobody was told.
    pub fn drop_next(&self) {
        // One that stays is taken again by the next rotation.
        let _ = fs::remove_file(self.beside(".next"));
    }

    /// The vendor's id of what was registered with this secret, where it was kept.
    #[must_use]
    pub fn registration(&self) -> Option<String> {
        let id = fs::read_to_string(self.beside(".registration")).ok()?;
        let id = id.trim();
        (!id.is_empty()).then(|| id.to_owned())
    }

    /// Keeps it, as a file `<file>.registration`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_registration(&self, id: &str) -> Result<(), ConnectionError> {
        // Nothing is written where nothing changes: the folder may be read-only.
        if self.registration().as_deref() == Some(id) {
            return Ok(());
        }
        let path = self.beside(".registration");
        write_private(&path, id.as_bytes(), self.clock.now())
            .map_err(|error| self.unwritable(&path, &error))
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        beside(&self.base, &self.file, suffix)
    }

    fn unwritable(&self, path: &Path, error: &std::io::Error) -> ConnectionError {
        let detail = format!(
            "cannot be written, which a registration and a rotation need: {error}; the folder must \
             be writable, so a secret that is mounted read-only is rotated where it comes from"
        );
        ConnectionError::File { key: KEY, path: path.display().to_string(), detail }
    }
}

fn passed(wait: Duration, since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since) >= SignedDuration::try_from(wait).unwrap_or_default()
}

fn beside(base: &Path, file: &Path, suffix: &str) -> PathBuf {
    let mut path = base.join(file).into_os_string();
    path.push(suffix);
    path.into()
}

fn read_all(base: &Path, file: &Path, now: Timestamp) -> Result<CallbackSecrets, ConnectionError> {
    let current = read_secret(base, KEY, file)?;
    let current = CallbackSecret::new(&current).map_err(|error| {
        wrong(KEY, format!("{error}: 64 characters of letters, digits and signs on one line"))
    })?;
    let previous = beside(base, file, ".previous");
    let previous = is_recent(&previous, now).then_some(previous);
    let others = [Some(beside(base, file, ".next")), previous].into_iter().flatten();
    let read = |path: PathBuf| {
        let secret = read_secret(Path::new(""), KEY, &path).ok()?;
        CallbackSecret::new(&secret).ok()
    };
    Ok(CallbackSecrets { current, others: others.filter_map(read).collect() })
}

/// Whether a file was written not long ago, by our clock, which also writes its time.
fn is_recent(path: &Path, now: Timestamp) -> bool {
    let Ok(written) = fs::metadata(path).and_then(|it| it.modified()) else { return false };
    let Ok(written) = Timestamp::try_from(written) else { return false };
    written <= now && !passed(PREVIOUS_GOOD_FOR, written, now)
}

/// 64 characters with 384 random bits.
fn made_up(entropy: &dyn Entropy) -> SecretString {
    use base64::Engine as _;
    let mut bytes = [0; SECRET_BYTES / 4 * 3];
    entropy.fill(&mut bytes);
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    SecretString::from(text)
}

/// Writes a file that only its owner can read, so that it is there as a whole or not at all. It is
/// made under a name that nobody can guess and must be new there, and then renamed: what stands in
/// its place, also a link, is replaced and never written through.
fn write_private(path: &Path, bytes: &[u8], now: Timestamp) -> std::io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .prefix(".unfinished-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    file.write_all(bytes)?;
    file.as_file().set_modified(now.into())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => fs::File::open(folder)?.sync_all(),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T08:00:00Z".parse().unwrap()
    }

    const FORMER: &str = "former6789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&*";
    const SECRET: &str = "0123456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&*";

    #[test]
    fn former_secret_is_good_for_an_hour_and_not_from_the_future() {
        let folder = tempfile::tempdir().unwrap();
        let file = Path::new("wfi");
        write_private(&folder.path().join(file), SECRET.as_bytes(), now()).unwrap();
        let others = |written: i64| {
            let written = now() + SignedDuration::from_secs(written);
            let previous = folder.path().join("wfi.previous");
            write_private(&previous, FORMER.as_bytes(), written).unwrap();
            read_all(folder.path(), file, now()).unwrap().others.len()
        };
        assert_eq!([others(0), others(-3599), others(-3600), others(1)], [1, 1, 0, 0]);
    }

    #[cfg(unix)]
    #[test]
    fn link_in_the_place_of_a_secret_is_replaced_and_not_followed() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (theirs, path) = (folder.path().join("theirs"), folder.path().join("wfi.next"));
        fs::write(&theirs, "as it was").unwrap();
        std::os::unix::fs::symlink(&theirs, &path).unwrap();
        write_private(&path, SECRET.as_bytes(), now()).unwrap();
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "as it was");
        let written = fs::symlink_metadata(&path).unwrap();
        assert!(written.is_file());
        assert_eq!(written.permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left over");
    }
}
