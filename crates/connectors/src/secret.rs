//! Reading secrets from files: never inline, never from the environment.

use std::path::Path;

use secrecy::SecretString;

use crate::ConnectionError;

/// Bytes in a secret file: a service account's JSON has about 2,400.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Reads the secret in `path`, below `base` when it is relative, without its trailing line end.
///
/// # Errors
/// When the file cannot be read, is empty, is too large or is not UTF-8; names `key` and the
/// path, never the content.
pub fn read_secret(
    base: &Path,
    key: &'static str,
    path: &Path,
) -> Result<SecretString, ConnectionError> {
    let full = base.join(path);
    let fail =
        |detail: String| ConnectionError::File { key, path: full.display().to_string(), detail };
    let size = std::fs::metadata(&full).map_err(|error| fail(error.to_string()))?.len();
    if size > SECRET_BYTES_MAX {
        return Err(fail(format!("has {size} bytes; a secret has at most {SECRET_BYTES_MAX}")));
    }
    let text = std::fs::read_to_string(&full).map_err(|error| fail(error.to_string()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(fail("the file is empty; expected the secret on one line".into()));
    }
    Ok(SecretString::from(text))
}
