//! Opens arbitrary bytes, and arbitrary changes of a sealed callback.
//!
//! Run it from the root of the repository (needs `cargo install cargo-fuzz` and a nightly):
//!
//! ```text
//! cargo +nightly fuzz run shifts_envelope -- -max_len=2048 -max_total_time=600
//! ```
//!
//! The first byte chooses: the rest is a body of its own, is laid over a sealed body (XOR), or is
//! put into it. It fails on a panic, and on anything that is opened without being what was sealed.

#![no_main]

use std::sync::LazyLock;

use connectors::microsoft_graph::shifts::callback::envelope::{CallbackSecret, CallbackSecrets};
use libfuzzer_sys::fuzz_target;
use secrecy::SecretString;

static SECRETS: LazyLock<CallbackSecrets> = LazyLock::new(|| {
    let secret = |text: &str| CallbackSecret::new(&SecretString::from(text)).expect("64 bytes");
    CallbackSecrets {
        current: secret("0123456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&*"),
        others: vec![secret("***3456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&*")],
    }
});

/// `{}`, sealed with the current secret.
const SEALED: &str = concat!(
    "10022b0e6d0b0e20070c43810c2d956bce22ff50b3ac9c30dbe183c2f34d9221861dffa9b3eca8d9",
    "2b0e10a0a1a2a3a4a5a6a7a8a9aaabacadaeaf4b0e106295a9f6cd9143859d06c90a9f5e53fb6b0e20",
    "57c6c8cd67ab4827462d4db5a151cd552274afc2c6ec9710f1c287b54f5ecb080000",
);

static BODY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let digits = SEALED.as_bytes().chunks_exact(2);
    let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).expect("ascii"), 16);
    digits.map(|two| byte(two).expect("hexadecimal")).collect()
});

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let mut body = BODY.clone();
    match choice % 3 {
        0 => body = rest.to_vec(),
        1 => body.iter_mut().zip(rest).for_each(|(byte, change)| *byte ^= change),
        _ => {
            let at = usize::from(choice / 3) % body.len();
            body.splice(at..at, rest.iter().copied());
        }
    }
    // Bond allows marks between the fields that mean nothing; whatever opens is what was sealed.
    if let Ok(opened) = SECRETS.open(&body) {
        assert_eq!(opened.plaintext, b"{}");
    }
});
