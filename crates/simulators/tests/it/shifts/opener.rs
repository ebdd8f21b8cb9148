//! Opens sealed callbacks, for these tests alone.

use aes::cipher::block_padding::{NoPadding, Pkcs7};
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// Opens a body sealed with `secret`; panics when it is not.
pub fn open(secret: &str, body: &[u8]) -> Value {
    let mut outer = body;
    assert_eq!(take(&mut outer, 2), [0x10, 0x02], "the key's number");
    let inner = blob(&mut outer, 0x2b);
    assert_eq!(outer, [0]);
    let mut rest = inner;
    let [key, iv, text, tag] = [0x0b, 0x2b, 0x4b, 0x6b].map(|header| blob(&mut rest, header));
    assert_eq!(rest, [0]);
    let (authentication, encryption) = secret.as_bytes().split_at(32);
    let mut mac = Hmac::<Sha256>::new_from_slice(authentication).unwrap();
    for part in [b"AES-256-CBC-HMAC-SHA256".as_slice(), &[1, 0, 0, 0], key, iv, text] {
        mac.update(part);
    }
    mac.verify_slice(tag).unwrap();
    let data_key: Vec<u8> = key
        .chunks(16)
        .flat_map(|block| {
            cbc::Decryptor::<aes::Aes256>::new_from_slices(encryption, &[0; 16])
                .unwrap()
                .decrypt_padded_vec::<NoPadding>(block)
                .unwrap()
        })
        .collect();
    let text = cbc::Decryptor::<aes::Aes256>::new_from_slices(&data_key, iv)
        .unwrap()
        .decrypt_padded_vec::<Pkcs7>(text)
        .unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn take<'a>(from: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = from.split_at(count);
    *from = rest;
    taken
}

fn blob<'a>(from: &mut &'a [u8], header: u8) -> &'a [u8] {
    assert_eq!(take(from, 2), [header, 0x0e]);
    let (mut count, mut shift) = (0_usize, 0);
    loop {
        let byte = take(from, 1)[0];
        count |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return take(from, count);
        }
    }
}
