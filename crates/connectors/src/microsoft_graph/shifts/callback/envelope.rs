//! Opens what Shifts seals: authenticated before anything else is looked at.
//!
//! The body of a callback is raw bytes: Bond Compact Binary version 1 of `{ 0: int32 key id, 1:
//! blob }`, and the blob is the same of `{ 0: EK, 1: IV, 2: CT, 3: AT }`. A fresh key is wrapped
//! with AES-256-ECB (`EK`), the JSON is encrypted with it by AES-256-CBC and PKCS#7 (`CT`), and
//! `AT` is HMAC-SHA256 over the algorithm's name, the key id (little-endian), EK, IV and CT. The
//! secret is 64 bytes of text, taken as they are: the first half authenticates, the second wraps.
//! Read from the two connectors that Microsoft published (OfficeDev/Microsoft-Teams-Shifts-WFM-
//! Connectors, `Aes256CbcHmacSha256Encryptor.cs`) and checked against Microsoft's own Java writer
//! of Bond, in 2026-11.
//!
//! Only the framing that leads to the tag is parsed before the tag is compared, in constant time;
//! only what is authentic is decrypted. Tolerated, because Bond allows it: blobs of `uint8`
//! (element type 3), and the end marks of base classes. Refused: anything after the end, lengths
//! that are not spelled in the shortest way, fields that we do not know.
//!
//! Not given: freshness. The tag covers neither time nor URL nor headers; `inbound.rs` checks
//! those.

use std::fmt;
use std::sync::Arc;

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{Array, BlockCipherDecrypt, BlockModeDecrypt, KeyInit as _, KeyIvInit};
use aes::{Aes256Dec, Block};
use domain::limits::CALLBACK_BYTES_MAX;
use hmac::{Hmac, Mac};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

mod frame;
#[cfg(test)]
pub(super) mod sealer;
#[cfg(test)]
mod tests;

use frame::Frame;

/// Bytes of a callback secret: two keys of 32 bytes.
pub const SECRET_BYTES: usize = 64;

/// What is authenticated before the key id; the vendor's name for the whole scheme.
const ALGORITHM: &[u8] = b"AES-256-CBC-HMAC-SHA256";

/// What the passthrough value is derived from; no envelope begins like that.
const PASSTHROUGH: &[u8] = b"rotabridge/passthrough/1";

/// A callback secret of the wrong length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the callback secret has {found} bytes; expected exactly {SECRET_BYTES}")]
pub struct SecretLength {
    /// How many bytes it has.
    pub found: usize,
}

/// Why a callback was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Larger than any callback.
    #[error("callback has {found} bytes; expected at most {CALLBACK_BYTES_MAX}")]
    TooLarge {
        /// How many bytes it has.
        found: usize,
    },
    /// Not the outer form of an envelope.
    #[error("callback is no envelope: expected {expected}")]
    Framing {
        /// What was expected where something else stood.
        expected: &'static str,
    },
    /// The tag is not that of any of our secrets.
    #[error("callback is not authentic under any secret of this mirror")]
    NotAuthentic,
    /// Authentic, and yet not decryptable: whoever knows the secret sealed it wrongly.
    #[error("callback is authentic but its padding is wrong")]
    Padding,
}

/// Which secret a callback was sealed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedWith {
    /// The secret that is registered now.
    Current,
    /// One of its neighbours, while a rotation is under way.
    Other,
}

/// An authentic callback, decrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// UTF-8 JSON, if the sender did as documented.
    pub plaintext: Vec<u8>,
    /// Which secret matched.
    pub secret: SealedWith,
}

/// A callback secret, ready for use; overwritten when it is dropped, and never printed.
#[derive(Clone)]
pub struct CallbackSecret {
    authentication: Hmac<Sha256>,
    wrapping: Aes256Dec,
    passthrough: SecretString,
}

impl fmt::Debug for CallbackSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackSecret([redacted])")
    }
}

impl CallbackSecret {
    /// Prepares the keys.
    ///
    /// # Errors
    /// When the text does not have exactly [`SECRET_BYTES`] bytes of UTF-8.
    pub fn new(secret: &SecretString) -> Result<Self, SecretLength> {
        let secret = secret.expose_secret().as_bytes();
        let wrong = SecretLength { found: secret.len() };
        let secret: &[u8; SECRET_BYTES] = secret.try_into().map_err(|_| wrong)?;
        let (authentication, wrapping) = secret.split_at(SECRET_BYTES / 2);
        let authentication = Hmac::<Sha256>::new_from_slice(authentication).map_err(|_| wrong)?;
        let wrapping = Aes256Dec::new_from_slice(wrapping).map_err(|_| wrong)?;
        let derived = authentication.clone().chain_update(PASSTHROUGH).finalize().into_bytes();
        let passthrough = SecretString::from(hexadecimal(&derived));
        Ok(Self { authentication, wrapping, passthrough })
    }

    /// The value of `X-MS-WFMPassthrough` that marks our own writes: it comes back as a header
    /// of the callback that they cause, and says nothing about the secret that it is made from.
    #[must_use]
    pub fn passthrough(&self) -> &SecretString {
        &self.passthrough
    }

    /// Whether one of these is the same; by what is derived from them, in constant time.
    fn is_among(&self, others: &[&Self]) -> bool {
        use subtle::ConstantTimeEq;
        let own = self.passthrough.expose_secret().as_bytes();
        others.iter().any(|it| own.ct_eq(it.passthrough.expose_secret().as_bytes()).into())
    }

    fn authenticates(&self, frame: &Frame<'_>) -> bool {
        let mut tag = self.authentication.clone();
        tag.update(ALGORITHM);
        tag.update(&frame.key_id.to_le_bytes());
        tag.update(frame.wrapped_key);
        tag.update(frame.iv);
        tag.update(frame.ciphertext);
        tag.verify_slice(frame.tag).is_ok()
    }

    fn decrypt(&self, frame: &Frame<'_>) -> Result<Vec<u8>, OpenError> {
        let mut key = Zeroizing::new(*frame.wrapped_key);
        let (blocks, _) = Block::slice_as_chunks_mut(&mut *key);
        self.wrapping.decrypt_blocks(blocks);
        let cipher = cbc::Decryptor::<Aes256Dec>::new(
            <&Array<u8, _>>::from(&*key),
            <&Array<u8, _>>::from(frame.iv),
        );
        let mut text = frame.ciphertext.to_vec();
        let plain = cipher.decrypt_padded::<Pkcs7>(&mut text).map_err(|_| OpenError::Padding)?;
        let bytes = plain.len();
        text.truncate(bytes);
        Ok(text)
    }
}

/// The secret of a mirror's callbacks, and its neighbours while a rotation is under way.
#[derive(Debug, Clone)]
pub struct CallbackSecrets {
    /// The one that is registered, as far as we know.
    pub current: CallbackSecret,
    /// The one that is being registered, and the one before: a rotation may be under way, and so
    /// may callbacks that were sealed before the vendor knew the new one.
    pub others: Vec<CallbackSecret>,
}

/// Where the secrets are.
pub trait SecretSource: Send + Sync {
    /// Those that are good now.
    fn known(&self) -> Arc<CallbackSecrets>;

    /// The same, looked up again unless that was a moment ago: somebody else may have rotated.
    fn looked_up_again(&self) -> Arc<CallbackSecrets>;
}

impl CallbackSecrets {
    /// Opens a callback's body: frame, tag, and only then the ciphertext.
    ///
    /// # Errors
    /// When it is too large, is no envelope, or is not authentic under any secret; a padding
    /// that is wrong under an authentic tag is told apart.
    pub fn open(&self, body: &[u8]) -> Result<Opened, OpenError> {
        if body.len() > CALLBACK_BYTES_MAX {
            return Err(OpenError::TooLarge { found: body.len() });
        }
        let frame = Frame::read(body)?;
        self.open_frame(&frame, &[])
    }

    /// The same with those secrets only that are not among others, which were tried: whoever sends
    /// us nonsense has each secret tried once.
    ///
    /// # Errors
    /// As [`Self::open`]; [`OpenError::NotAuthentic`] also when there is none to try.
    pub fn open_unless_tried(&self, body: &[u8], tried: &Self) -> Result<Opened, OpenError> {
        let tried: Vec<_> = tried.all().collect();
        if self.all().all(|it| it.is_among(&tried)) {
            return Err(OpenError::NotAuthentic);
        }
        if body.len() > CALLBACK_BYTES_MAX {
            return Err(OpenError::TooLarge { found: body.len() });
        }
        self.open_frame(&Frame::read(body)?, &tried)
    }

    fn all(&self) -> impl Iterator<Item = &CallbackSecret> {
        std::iter::once(&self.current).chain(&self.others)
    }

    fn open_frame(
        &self,
        frame: &Frame<'_>,
        tried: &[&CallbackSecret],
    ) -> Result<Opened, OpenError> {
        let which =
            std::iter::once(SealedWith::Current).chain(std::iter::repeat(SealedWith::Other));
        let mut left = self.all().zip(which).filter(|(secret, _)| !secret.is_among(tried));
        let (secret, which) =
            left.find(|(secret, _)| secret.authenticates(frame)).ok_or(OpenError::NotAuthentic)?;
        Ok(Opened { plaintext: secret.decrypt(frame)?, secret: which })
    }

    /// Whether a header's value is the passthrough of one of the secrets; in constant time.
    #[must_use]
    pub fn is_passthrough(&self, value: &[u8]) -> bool {
        use subtle::ConstantTimeEq;
        let matches =
            |secret: &CallbackSecret| value.ct_eq(secret.passthrough.expose_secret().as_bytes());
        let mut ours = matches(&self.current);
        for other in &self.others {
            ours |= matches(other);
        }
        ours.into()
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
