//! Sessions: who signed in, until when. In memory, so they end with the process; of a token only
//! its hash is kept.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::limits::{DASHBOARD_SESSION_LIFETIME, DASHBOARD_SESSIONS_MAX};
use engine::port::Entropy;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The sessions that are open, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Vec<Session>>);

#[derive(Debug)]
struct Session {
    token_hash: [u8; 32],
    ends_at: Timestamp,
}

impl Sessions {
    /// Opens one; its token, which is told once. Beyond the limit the oldest ends.
    pub fn open(&self, entropy: &dyn Entropy, now: Timestamp) -> String {
        let mut random = [0; 32];
        entropy.fill(&mut random);
        let token = URL_SAFE_NO_PAD.encode(random);
        let ends_at = now.saturating_add(DASHBOARD_SESSION_LIFETIME).unwrap_or(Timestamp::MAX);
        let mut open = self.lock();
        open.retain(|it| it.ends_at > now);
        if open.len() >= DASHBOARD_SESSIONS_MAX {
            open.remove(0);
        }
        open.push(Session { token_hash: hash(&token), ends_at });
        token
    }

    /// Whether there is one of this token.
    pub fn knows(&self, token: &str, now: Timestamp) -> bool {
        let hash = hash(token);
        self.lock().iter().any(|it| it.ends_at > now && bool::from(it.token_hash.ct_eq(&hash)))
    }

    /// Ends the one of this token, if there is one.
    pub fn close(&self, token: &str) {
        let hash = hash(token);
        self.lock().retain(|it| !bool::from(it.token_hash.ct_eq(&hash)));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
