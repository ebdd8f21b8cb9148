//! The envelope around the body of a callback, byte for byte as Shifts seals it.
//!
//! Bond Compact Binary v1 around AES-256-CBC and HMAC-SHA256, written from
//! `../shared/reference/shifts.md` §2 alone. The connector opens envelopes with code of its own,
//! so that a mistake in either of them shows.

use aes::cipher::block_padding::{NoPadding, Pkcs7};
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How many bytes a secret has (§2.2): 32 that authenticate, then 32 that encrypt keys.
pub const SECRET_BYTES: usize = 64;
/// The only key there is (§2.3).
const KEY_ID: i32 = 1;
/// What the authentication covers first (§2.4), before the key's number.
const ALGORITHM: &[u8] = b"AES-256-CBC-HMAC-SHA256";

const TYPE_STOP: u8 = 0;
const TYPE_LIST: u8 = 11;
const TYPE_INT8: u8 = 14;
const TYPE_INT32: u8 = 16;

/// Why nothing could be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The secret is not as long as §2.2 has it.
    #[error("the shared secret has {found} bytes, expected {SECRET_BYTES}")]
    SecretLength {
        /// How many bytes it has.
        found: usize,
    },
}

/// What is drawn anew for every envelope.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Luck {
    /// The key that encrypts the body.
    pub data_key: [u8; 32],
    /// Where the chain of blocks begins.
    pub iv: [u8; 16],
}

impl std::fmt::Debug for Luck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Luck([redacted])")
    }
}

/// Seals `plaintext` with the integration's `secret`.
///
/// # Errors
/// When the secret has not exactly [`SECRET_BYTES`] bytes.
pub fn seal(secret: &str, luck: &Luck, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    let (authentication, encryption) = keys(secret)?;
    let encrypted_key = encrypt_key(&encryption, luck.data_key);
    let ciphertext = cbc::Encryptor::<aes::Aes256>::new(&luck.data_key.into(), &luck.iv.into())
        .encrypt_padded_vec::<Pkcs7>(plaintext);
    let mut mac = Hmac::<Sha256>::new(&padded(authentication).into());
    for part in [ALGORITHM, &KEY_ID.to_le_bytes(), &encrypted_key, &luck.iv, &ciphertext] {
        mac.update(part);
    }
    let tag: [u8; 32] = mac.finalize().into_bytes().into();

    let mut inner = Vec::with_capacity(ciphertext.len() + 128);
    let blobs: [&[u8]; 4] = [&encrypted_key, &luck.iv, &ciphertext, &tag];
    for (number, blob) in (0u8..).zip(blobs) {
        blob_field(&mut inner, number, blob);
    }
    inner.push(TYPE_STOP);

    let mut outer = Vec::with_capacity(inner.len() + 16);
    outer.push(field_header(TYPE_INT32, 0));
    varint(&mut outer, zigzag(KEY_ID));
    blob_field(&mut outer, 1, &inner);
    outer.push(TYPE_STOP);
    Ok(outer)
}

fn keys(secret: &str) -> Result<([u8; 32], [u8; 32]), SealError> {
    let bytes = secret.as_bytes();
    let wrong = SealError::SecretLength { found: bytes.len() };
    let all: &[u8; SECRET_BYTES] = bytes.try_into().map_err(|_| wrong)?;
    let mut authentication = [0; 32];
    let mut encryption = [0; 32];
    authentication.copy_from_slice(&all[..32]);
    encryption.copy_from_slice(&all[32..]);
    Ok((authentication, encryption))
}

/// A key as HMAC wants it: as long as a block of the hash, zeros behind it (RFC 2104 §2).
fn padded(key: [u8; 32]) -> [u8; 64] {
    let mut block = [0; 64];
    block[..32].copy_from_slice(&key);
    block
}

/// AES-256-ECB of the two blocks of a key, without padding (§2.6): CBC of one block, whose chain
/// begins with zeros, twice.
fn encrypt_key(encryption: &[u8; 32], data_key: [u8; 32]) -> [u8; 32] {
    let mut encrypted = [0; 32];
    for (half, block) in data_key.chunks_exact(16).zip(encrypted.chunks_exact_mut(16)) {
        let one = cbc::Encryptor::<aes::Aes256>::new(&(*encryption).into(), &[0; 16].into());
        block.copy_from_slice(&one.encrypt_padded_vec::<NoPadding>(half));
    }
    encrypted
}

fn field_header(kind: u8, number: u8) -> u8 {
    kind | (number << 5)
}

/// A blob is a list of int8: header, element type, count, bytes.
fn blob_field(out: &mut Vec<u8>, number: u8, blob: &[u8]) {
    out.push(field_header(TYPE_LIST, number));
    out.push(TYPE_INT8);
    varint(out, u32::try_from(blob.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(blob);
}

fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)).cast_unsigned()
}

/// LEB128 of 32 bits.
fn varint(out: &mut Vec<u8>, mut value: u32) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = hex.as_bytes().chunks(2);
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
        digits.map(|digits| pair(digits).unwrap()).collect()
    }

    #[test]
    fn every_vector_is_sealed_to_the_same_bytes() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors/wfi-envelope.json");
        let Ok(text) = std::fs::read_to_string(path) else {
            println!("skipped: {path} is not there");
            return;
        };
        let all: Value = serde_json::from_str(&text).unwrap();
        let vectors = all["vectors"].as_array().unwrap();
        assert!(vectors.len() >= 4);
        for vector in vectors {
            let text = |name: &str| vector[name].as_str().unwrap();
            let luck = Luck {
                data_key: bytes(text("dek_hex")).try_into().unwrap(),
                iv: bytes(text("iv_hex")).try_into().unwrap(),
            };
            let sealed = seal(text("secret"), &luck, text("plaintext_utf8").as_bytes()).unwrap();
            assert_eq!(sealed, bytes(text("http_body_hex")), "{}", text("name"));
        }
    }

    #[test]
    fn a_secret_of_another_length_seals_nothing() {
        let luck = Luck { data_key: [1; 32], iv: [2; 16] };
        let found = |secret: &str| seal(secret, &luck, b"{}").unwrap_err();
        assert_eq!(found("My Secret"), SealError::SecretLength { found: 9 });
        assert_eq!(found(&"x".repeat(65)), SealError::SecretLength { found: 65 });
    }
}
