//! Seals as Shifts does, for the tests.

use aes::Aes256Enc;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockCipherEncrypt, BlockModeEncrypt, KeyInit as _, KeyIvInit};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::ALGORITHM;

fn leb128(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// How a sealed body is spelled.
#[derive(Debug, Clone, Copy)]
pub struct Spelling {
    /// What the bytes of blobs are called: 14 or 3.
    pub element: u8,
    /// How many base classes end before each field.
    pub bases: usize,
    /// Which key is named.
    pub key_id: u32,
}

/// As the vendor does.
pub const PLAIN: Spelling = Spelling { element: 14, bases: 0, key_id: 1 };

/// Seals a text as Shifts does.
pub fn seal(secret: &str, key: [u8; 32], iv: [u8; 16], text: &[u8], spelling: Spelling) -> Vec<u8> {
    let (authentication, wrapping) = secret.as_bytes().split_at(32);
    let mut wrapped = key;
    for half in wrapped.chunks_exact_mut(16) {
        let wrapping = Aes256Enc::new_from_slice(wrapping).unwrap();
        wrapping.encrypt_block(half.try_into().unwrap());
    }
    let text = cbc::Encryptor::<Aes256Enc>::new((&key).into(), (&iv).into())
        .encrypt_padded_vec::<Pkcs7>(text);
    let mut tag = Hmac::<Sha256>::new_from_slice(authentication).unwrap();
    tag.update(ALGORITHM);
    tag.update(&spelling.key_id.to_le_bytes());
    tag.update(&wrapped);
    tag.update(&iv);
    tag.update(&text);
    let tag = tag.finalize().into_bytes();

    let blob = |header: u8, content: &[u8]| {
        let mut bytes = vec![1; spelling.bases];
        bytes.extend([header, spelling.element]);
        bytes.extend(leb128(content.len() as u32));
        bytes.extend(content);
        bytes
    };
    let end = [vec![1; spelling.bases], vec![0]].concat();
    let fields = [blob(0x0B, &wrapped), blob(0x2B, &iv), blob(0x4B, &text), blob(0x6B, &tag)];
    let inner = [fields.concat(), end.clone()].concat();
    [vec![0x10], leb128(spelling.key_id << 1), blob(0x2B, &inner), end].concat()
}
