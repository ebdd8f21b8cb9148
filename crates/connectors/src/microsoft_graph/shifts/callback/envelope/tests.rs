//! The published vectors, every single bit of them, and what the sealer makes.

use proptest::prelude::*;
use serde_json::Value;

use super::sealer::{PLAIN, Spelling, seal};
use super::*;

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&*";
const OTHER: &str = "***3456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&*";

fn secret(text: &str) -> CallbackSecret {
    CallbackSecret::new(&SecretString::from(text)).unwrap()
}

fn only(text: &str) -> CallbackSecrets {
    CallbackSecrets { current: secret(text), others: vec![] }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The vectors: name, secret, plaintext, body. None when the folder is not there.
fn vectors() -> Vec<(String, String, String, Vec<u8>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors/wfi-envelope.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: {path} is not there");
        return Vec::new();
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    let of = |vector: &Value, key: &str| vector[key].as_str().unwrap().to_owned();
    let read = |vector: &Value| {
        let body = bytes(&of(vector, "http_body_hex"));
        (of(vector, "name"), of(vector, "secret"), of(vector, "plaintext_utf8"), body)
    };
    file["vectors"].as_array().unwrap().iter().map(read).collect()
}

/// The worked example of the reference, so that something is tested everywhere.
fn worked() -> Vec<u8> {
    bytes(
        "10022b0e6d0b0e20070c43810c2d956bce22ff50b3ac9c30dbe183c2f34d9221861dffa9b3eca8d92b0e10\
         a0a1a2a3a4a5a6a7a8a9aaabacadaeaf4b0e106295a9f6cd9143859d06c90a9f5e53fb6b0e2057c6c8cd67\
         ab4827462d4db5a151cd552274afc2c6ec9710f1c287b54f5ecb080000",
    )
}

#[test]
fn every_published_vector_is_opened() {
    for (name, key, plaintext, body) in vectors() {
        let opened = only(&key).open(&body).unwrap();
        assert_eq!(String::from_utf8(opened.plaintext).unwrap(), plaintext, "{name}");
        assert_eq!(opened.secret, SealedWith::Current);
    }
    assert_eq!(only(SECRET).open(&worked()).unwrap().plaintext, b"{}");
}

#[test]
fn secrets_that_were_tried_are_not_tried_again() {
    let tried = CallbackSecrets { current: secret(OTHER), others: vec![secret(SECRET)] };
    // What only they would open is not opened: they are not tried.
    let swapped = CallbackSecrets { current: secret(SECRET), others: vec![secret(OTHER)] };
    for again in [&tried, &swapped, &only(SECRET)] {
        let opened = again.open_unless_tried(&worked(), &tried);
        assert_eq!(opened, Err(OpenError::NotAuthentic));
    }
    assert!(only(SECRET).open_unless_tried(&worked(), &only(OTHER)).is_ok());
    let rotated = CallbackSecrets { current: secret(OTHER), others: vec![secret(SECRET)] };
    let opened = rotated.open_unless_tried(&worked(), &only(OTHER)).unwrap();
    assert_eq!(opened.secret, SealedWith::Other);
}

#[test]
fn every_single_bit_that_is_changed_is_refused() {
    let mut bodies = vec![(SECRET.to_owned(), worked())];
    bodies.extend(vectors().into_iter().map(|(_, key, _, body)| (key, body)));
    for (key, body) in bodies {
        let secrets = only(&key);
        for bit in 0..body.len() * 8 {
            let mut changed = body.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let opened = secrets.open(&changed);
            assert!(
                matches!(opened, Err(OpenError::NotAuthentic | OpenError::Framing { .. })),
                "bit {bit} of {}: {opened:?}",
                body.len()
            );
        }
    }
}

#[test]
fn what_is_cut_short_or_has_something_behind_it_is_refused() {
    let body = worked();
    for length in 0..body.len() {
        assert!(only(SECRET).open(&body[..length]).is_err(), "{length} bytes");
    }
    for tail in [&[0][..], &[1], &[1, 0], b"{}"] {
        assert!(only(SECRET).open(&[&body, tail].concat()).is_err(), "{tail:?}");
    }
    let large = vec![0; CALLBACK_BYTES_MAX + 1];
    assert_eq!(only(SECRET).open(&large), Err(OpenError::TooLarge { found: large.len() }));
}

#[test]
fn a_length_that_is_not_spelled_in_the_shortest_way_is_refused() {
    let mut body = worked();
    assert_eq!(body[4], 0x6D);
    body[4] = 0xED;
    body.insert(5, 0);
    assert_eq!(
        only(SECRET).open(&body),
        Err(OpenError::Framing { expected: "a number of 32 bits" })
    );
}

#[test]
fn both_secrets_open_during_a_rotation_and_the_one_that_matched_is_told() {
    let body = worked();
    let rotating = CallbackSecrets { current: secret(OTHER), others: vec![secret(SECRET)] };
    assert_eq!(rotating.open(&body).unwrap().secret, SealedWith::Other);
    assert_eq!(only(OTHER).open(&body), Err(OpenError::NotAuthentic));
}

#[test]
fn a_secret_has_exactly_64_bytes_and_is_never_printed() {
    for text in ["", &SECRET[1..], "0123456789", &format!("{SECRET}x"), &"é".repeat(64)] {
        let error = CallbackSecret::new(&SecretString::from(text.to_owned())).unwrap_err();
        assert_eq!(error.found, text.len());
        assert!(text.is_empty() || !error.to_string().contains(text));
    }
    assert_eq!(
        SecretLength { found: 63 }.to_string(),
        "the callback secret has 63 bytes; expected exactly 64"
    );
    assert!(CallbackSecret::new(&SecretString::from("é".repeat(32))).is_ok());
    assert_eq!(format!("{:?}", secret(SECRET)), "CallbackSecret([redacted])");
}

#[test]
fn only_our_own_passthrough_is_recognised_also_during_a_rotation() {
    let rotating = CallbackSecrets { current: secret(OTHER), others: vec![secret(SECRET)] };
    let old = secret(SECRET).passthrough().expose_secret().to_owned();
    let new = secret(OTHER).passthrough().expose_secret().to_owned();
    assert_eq!((old.len(), old == new), (64, false));
    assert!(rotating.is_passthrough(old.as_bytes()) && rotating.is_passthrough(new.as_bytes()));
    assert!(!only(OTHER).is_passthrough(old.as_bytes()));
    assert!(!rotating.is_passthrough(b"") && !rotating.is_passthrough(&old.as_bytes()[1..]));
}

#[test]
fn a_wrong_padding_under_an_authentic_tag_is_told_apart() {
    // The last byte of what is encrypted says how many bytes are padding; 0 is never right.
    let key = [7; 32];
    let mut chained = [0_u8; 16];
    let body = seal(SECRET, key, chained, &[0; 15], PLAIN);
    assert_eq!(only(SECRET).open(&body).unwrap().plaintext, [0; 15]);
    chained[15] = 1;
    let text = Frame::read(&body).unwrap().ciphertext.to_vec();
    let mut forged = seal(SECRET, key, chained, &[0; 15], PLAIN);
    let at = forged.len() - 2 - 35 - 16;
    forged[at..at + 16].copy_from_slice(&text);
    let frame = Frame::read(&forged).unwrap();
    let mut tag = Hmac::<Sha256>::new_from_slice(&SECRET.as_bytes()[..32]).unwrap();
    tag.update(ALGORITHM);
    tag.update(&1_i32.to_le_bytes());
    tag.update(frame.wrapped_key);
    tag.update(frame.iv);
    tag.update(frame.ciphertext);
    let tag = tag.finalize().into_bytes();
    let at = forged.len() - 2 - 32;
    forged[at..at + 32].copy_from_slice(&tag);
    assert_eq!(only(SECRET).open(&forged), Err(OpenError::Padding));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_sealed_is_opened_however_bond_spells_it(
        key in any::<[u8; 32]>(),
        iv in any::<[u8; 16]>(),
        text in proptest::collection::vec(any::<u8>(), 0..5000),
        signed in any::<bool>(),
        bases in 0_usize..3,
        key_id in 0_u32..100_000,
    ) {
        let spelling = Spelling { element: if signed { 14 } else { 3 }, bases, key_id };
        let body = seal(SECRET, key, iv, &text, spelling);
        let opened = only(SECRET).open(&body).unwrap();
        prop_assert_eq!(opened.plaintext, text);
        prop_assert_eq!(only(OTHER).open(&body), Err(OpenError::NotAuthentic));
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        lead in 0_usize..115,
    ) {
        prop_assert!(only(SECRET).open(&body).is_err());
        let lead = worked()[..lead].to_vec();
        prop_assert!(only(SECRET).open(&[lead, body].concat()).is_err());
    }
}
