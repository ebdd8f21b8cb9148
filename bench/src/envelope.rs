//! How fast callbacks are opened, beside nothing but the same primitives on the same bytes.
//!
//! The envelopes are sealed by the played Shifts. Opening is all of it: framing, tag, unwrapping
//! the key, decrypting into memory of its own, padding. The primitives are one HMAC-SHA256 over
//! the authenticated bytes from a prepared key, and AES-256-CBC with a fresh key over the
//! ciphertext in place; both sides use the same builds of the same crates. One thread, in turn.

use std::hint::black_box;

use aes::Aes256;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, KeyInit, KeyIvInit};
use connectors::microsoft_graph::shifts::callback::envelope::{CallbackSecret, CallbackSecrets};
use hmac::{Hmac, Mac};
use secrecy::SecretString;
use sha2::Sha256;
use simulators::graph::integration::{Luck, seal};

use crate::measure::{Runs, timed};
use crate::report::{Report, Row, Trouble, Unit};
use crate::{Setting, machine};

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&*";
const LUCK: Luck = Luck { data_key: [0x5A; 32], iv: [0xC3; 16] };
const SIZES: [usize; 4] = [512, 2 * 1024, 16 * 1024, 200 * 1024];
/// Bytes opened in one round.
const ROUND: usize = 2 * 1024 * 1024;
/// Rounds in each run, of which the median counts.
const ROUNDS: usize = 41;
const GOAL: f64 = 0.8;

/// Measures.
pub fn run(setting: &Setting) -> Result<Report, Trouble> {
    let secret = CallbackSecret::new(&SecretString::from(SECRET)).map_err(Trouble::failed)?;
    let secrets = CallbackSecrets { current: secret, others: vec![] };
    let mut report = Report::default();
    for size in SIZES {
        let text: Vec<u8> = (b' '..=b'~').cycle().take(size).collect();
        let body = seal(SECRET, &LUCK, &text).map_err(Trouble::failed)?;
        let opened = secrets.open(&body).map_err(Trouble::failed)?;
        if opened.plaintext != text {
            return Err(Trouble::failed("an envelope holds something else than was sealed"));
        }
        let primitives = Primitives::new(&text)?;
        let (mut ours, mut bare) = (Runs::default(), Runs::default());
        for _ in 0..setting.runs {
            let (a, b) = measured(&secrets, &body, primitives.clone())?;
            ours.push(size as f64 / a / 1e6);
            bare.push(size as f64 / b / 1e6);
        }
        let what = format!("{} KiB", size as f64 / 1024.0);
        let beside = ("primitives", &bare);
        report.rows.push(Row::beside(what, Unit::PerSecond("MB"), &ours, beside, GOAL));
    }
    report.notes.push(format!(
        "aes {}, cbc {}, hmac {} on both sides; sizes are those of the JSON inside.",
        machine::library_version("aes"),
        machine::library_version("cbc"),
        machine::library_version("hmac"),
    ));
    Ok(report)
}

/// Seconds that one envelope takes: to us, and to the primitives.
fn measured(
    secrets: &CallbackSecrets,
    body: &[u8],
    mut primitives: Primitives,
) -> Result<(f64, f64), Trouble> {
    let times = ROUND / body.len();
    let (mut ours, mut bare) = (Runs::default(), Runs::default());
    for _ in 0..ROUNDS {
        let (seconds, opened) =
            timed(|| (0..times).all(|_| black_box(secrets.open(black_box(body))).is_ok()));
        if !opened {
            return Err(Trouble::failed("an envelope was not opened"));
        }
        ours.push(seconds / times as f64);
        bare.push(timed(|| (0..times).for_each(|_| primitives.once())).0 / times as f64);
    }
    Ok((ours.median(), bare.median()))
}

/// What is authenticated before the ciphertext: name of the scheme, key id, wrapped key, IV.
const BEFORE: usize = 23 + 4 + 32 + 16;

/// What one envelope authenticates, to be worked over in place.
#[derive(Clone)]
struct Primitives {
    authentication: Hmac<Sha256>,
    bytes: Vec<u8>,
}

impl Primitives {
    fn new(text: &[u8]) -> Result<Self, Trouble> {
        let (authentication, _) = SECRET.as_bytes().split_at(32);
        let authentication = Hmac::new_from_slice(authentication).map_err(Trouble::failed)?;
        // As many as are sealed: padding is at least one byte.
        let bytes = (text.len() / 16 + 1) * 16;
        Ok(Self { authentication, bytes: vec![0x2E; BEFORE + bytes] })
    }

    fn once(&mut self) {
        let mut tag = self.authentication.clone();
        tag.update(black_box(&self.bytes));
        black_box(tag.finalize());
        let key = black_box(&LUCK.data_key).into();
        let cipher = cbc::Decryptor::<Aes256>::new(key, (&LUCK.iv).into());
        // It fails for what is not made of whole blocks, which this is.
        let _ = black_box(cipher.decrypt_padded::<NoPadding>(&mut self.bytes[BEFORE..]));
    }
}
