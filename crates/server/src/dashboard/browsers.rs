//! Browsers from which somebody was right about the password: each keeps a cookie that says so,
//! and is counted by itself from then on, whoever else is at its address.
//!
//! The cookie opens nothing. It is a random name with a code that only who knows the password can
//! make, so it outlives the process, needs no place in the store, and ends with the password.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::port::Entropy;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// What the key is for, so that it is nobody else's.
const KEY_DOMAIN: &[u8] = b"rotabridge/dashboard/browser/1";
const ID_BYTES: usize = 16;
const CODE_BYTES: usize = 32;

/// Which browser it is.
pub(super) type BrowserId = [u8; ID_BYTES];

/// Tells them from others.
pub(super) struct Browsers {
    key: Hmac<Sha256>,
}

impl Browsers {
    pub fn new(password: &str) -> Self {
        // As long as a block of the hash, whatever the password is.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&Sha256::digest(password.as_bytes()));
        let key: [u8; 32] = Hmac::<Sha256>::new(&block.into())
            .chain_update(KEY_DOMAIN)
            .finalize()
            .into_bytes()
            .into();
        block[..32].copy_from_slice(&key);
        Self { key: Hmac::<Sha256>::new(&block.into()) }
    }

    /// A name for one more.
    pub fn another(entropy: &dyn Entropy) -> BrowserId {
        let mut id = BrowserId::default();
        entropy.fill(&mut id);
        id
    }

    /// What its cookie holds.
    pub fn cookie(&self, id: &BrowserId) -> String {
        let code: [u8; CODE_BYTES] =
            self.key.clone().chain_update(id).finalize().into_bytes().into();
        URL_SAFE_NO_PAD.encode([&id[..], &code[..]].concat())
    }

    /// Whose cookie it is, if we made it and the password is still the same.
    pub fn known(&self, cookie: &str) -> Option<BrowserId> {
        let bytes = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let (id, code) = bytes.split_first_chunk::<ID_BYTES>()?;
        // Compared in constant time.
        self.key.clone().chain_update(id).verify_slice(code).ok()?;
        Some(*id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_outlives_the_process_and_not_the_password() {
        let id = [7; ID_BYTES];
        let cookie = Browsers::new("correct horse battery").cookie(&id);
        assert_eq!(Browsers::new("correct horse battery").known(&cookie), Some(id));
        assert_eq!(Browsers::new("another one of them").known(&cookie), None);
        let forged = format!("A{}", &cookie[1..]);
        for forged in ["", "AAAA", &cookie[..22], &forged] {
            assert_eq!(Browsers::new("correct horse battery").known(forged), None, "{forged}");
        }
    }
}
