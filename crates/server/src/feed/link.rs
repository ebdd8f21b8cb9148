//! Tokens of feed links. Pure.
//!
//! A feed's address is `/feeds/{token}.ics`, and whoever has it may read the feed. Two policies:
//!
//! - **Subscription**: 256 random bits in base64url (43 characters). Calendar clients keep the
//!   address that they were given for years, so it does not expire; it can be revoked. Only its
//!   SHA-256 is stored, so a stolen database opens no feed.
//! - **Signed**: `s.` and base64url of what the link grants (key id, roster, employee, expiry)
//!   and an HMAC-SHA256 over it. Nothing is stored but the signing keys. It cannot be revoked
//!   singly; it expires, or all links of a key end with the key.
//!
//! No base64url character is a dot, so the two never read as each other.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::limits::FEED_TOKEN_BYTES_MAX;
use domain::{EmployeeId, RosterName};
use engine::port::FeedKey;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Random bytes in a subscription's token.
const SUBSCRIPTION_BYTES: usize = 32;
/// Characters that they are in base64url without padding.
const SUBSCRIPTION_CHARACTERS: usize = 43;
/// What a signed token begins with; the character before the dot counts its versions.
const SIGNED_PREFIX: &str = "s.";
/// Bytes of an HMAC-SHA256.
const MAC_BYTES: usize = 32;
/// Keeps these signatures apart from any other use of the same key.
const MAC_DOMAIN: &[u8] = b"rotabridge/feed-link/1\n";

/// The secret part of a feed's address; prints as `[redacted]`.
#[derive(Clone)]
pub struct FeedToken(SecretString);

impl FeedToken {
    /// The token itself: to be shown once, to the person it is for.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The feed's address below `public_url`; a secret like the token.
    #[must_use]
    pub fn url(&self, public_url: &str) -> SecretString {
        let base = public_url.trim_end_matches('/');
        SecretString::from(format!("{base}/feeds/{}.ics", self.expose()))
    }
}

impl fmt::Debug for FeedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FeedToken([redacted])")
    }
}

/// SHA-256 of a token, under which it is known to the store and to the cache.
pub type TokenHash = [u8; 32];

/// Hashes a token as it stands in the address.
#[must_use]
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// Makes a subscription's token from 32 random bytes.
#[must_use]
pub fn subscription_token(random: &[u8; SUBSCRIPTION_BYTES]) -> FeedToken {
    FeedToken(SecretString::from(URL_SAFE_NO_PAD.encode(random)))
}

/// What a signed link grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Of which roster.
    pub roster: RosterName,
    /// Whose schedule.
    pub employee: EmployeeId,
    /// From when on it grants nothing; whole seconds.
    pub expires_at: Timestamp,
}

/// Signs a claim with a key.
#[must_use]
pub fn signed_token(claim: &Claim, key: &FeedKey) -> FeedToken {
    let mut bytes = encode_claim(claim, &key.id);
    let mac = sign(&bytes, &key.secret);
    bytes.extend_from_slice(&mac);
    FeedToken(SecretString::from(format!("{SIGNED_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
}

/// What a token in an address claims to be; nothing is proven yet.
#[derive(Debug)]
pub enum Presented {
    /// A subscription, if the store knows its hash.
    Subscription,
    /// A signed link, if its signature holds.
    Signed(SignedLink),
}

/// Reads a token; `None` when it can be neither kind.
///
/// Every token has one spelling only: base64 with stray bits is refused.
#[must_use]
pub fn read_token(token: &str) -> Option<Presented> {
    if token.len() > FEED_TOKEN_BYTES_MAX {
        return None;
    }
    if let Some(signed) = token.strip_prefix(SIGNED_PREFIX) {
        return SignedLink::read(signed).map(Presented::Signed);
    }
    let plausible = token.len() == SUBSCRIPTION_CHARACTERS
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    plausible.then_some(Presented::Subscription)
}

/// A signed token that was read and not yet checked.
#[derive(Debug)]
pub struct SignedLink {
    key_id: String,
    claim: Claim,
    message: Vec<u8>,
    mac: [u8; MAC_BYTES],
}

/// What became of a signed link.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// It grants its claim before `until`.
    Valid {
        /// The claim's expiry, or the key's retirement where that is earlier.
        until: Timestamp,
    },
    /// It was genuine; its time, or its key's, is over.
    Expired,
    /// It was not signed by the key that it names.
    Forged,
    /// No such key is known.
    UnknownKey,
}

impl SignedLink {
    /// What it grants, if its signature holds.
    #[must_use]
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Checks the signature against `keys`, retired ones among them, and then the time.
    ///
    /// The comparison takes the same time wherever the signatures differ.
    #[must_use]
    pub fn standing(&self, keys: &[FeedKey], now: Timestamp) -> Standing {
        let Some(key) = keys.iter().find(|key| key.id == self.key_id) else {
            return Standing::UnknownKey;
        };
        let expected = sign(&self.message, &key.secret);
        if !bool::from(expected.ct_eq(&self.mac)) {
            return Standing::Forged;
        }
        let until =
            key.retires_at.map_or(self.claim.expires_at, |at| at.min(self.claim.expires_at));
        if now < until { Standing::Valid { until } } else { Standing::Expired }
    }

    fn read(text: &str) -> Option<Self> {
        let mut message = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mac_at = message.len().checked_sub(MAC_BYTES)?;
        let mac = message[mac_at..].try_into().ok()?;
        message.truncate(mac_at);
        let (key_id, claim) = decode_claim(&message)?;
        Some(Self { key_id, claim, message, mac })
    }
}

fn sign(message: &[u8], secret: &[u8; 32]) -> [u8; MAC_BYTES] {
    // HMAC pads a key with zeros to the hash's block; done here, making one cannot fail.
    let mut block = [0; 64];
    block[..secret.len()].copy_from_slice(secret);
    Hmac::<Sha256>::new(&block.into())
        .chain_update(MAC_DOMAIN)
        .chain_update(message)
        .finalize()
        .into_bytes()
        .into()
}

/// Expiry in seconds, then each text after its length, so that none runs into the next.
fn encode_claim(claim: &Claim, key_id: &str) -> Vec<u8> {
    let Claim { roster, employee, expires_at } = claim;
    let mut bytes = expires_at.as_second().to_be_bytes().to_vec();
    for text in [key_id, roster.as_str(), employee.as_str()] {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

fn decode_claim(bytes: &[u8]) -> Option<(String, Claim)> {
    let (second, mut rest) = bytes.split_first_chunk::<8>()?;
    let mut text = || {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (text, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = after;
        std::str::from_utf8(text).ok()
    };
    let (key_id, roster, employee) = (text()?, text()?, text()?);
    let claim = Claim {
        roster: RosterName::new(roster).ok()?,
        employee: EmployeeId::new(employee).ok()?,
        expires_at: Timestamp::from_second(i64::from_be_bytes(*second)).ok()?,
    };
    rest.is_empty().then(|| (key_id.to_owned(), claim))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn key(id: &str, byte: u8, retires_at: Option<&str>) -> FeedKey {
        FeedKey {
            id: id.into(),
            secret: [byte; 32],
            created_at: at("2026-11-21T00:00:00Z"),
            retires_at: retires_at.map(at),
        }
    }

    fn claim() -> Claim {
        Claim {
            roster: RosterName::new("emea").unwrap(),
            employee: EmployeeId::new("Åsa Öberg/7").unwrap(),
            expires_at: at("2026-11-22T00:00:00Z"),
        }
    }

    fn signed(token: &str) -> SignedLink {
        match read_token(token) {
            Some(Presented::Signed(link)) => link,
            other => panic!("expected a signed link, found {other:?}"),
        }
    }

    #[test]
    fn a_signed_token_grants_what_was_signed_until_it_expires() {
        let token = signed_token(&claim(), &key("k1", 7, None));
        let link = signed(token.expose());
        assert_eq!(link.claim(), &claim());
        let keys = [key("k1", 7, None)];
        let until = at("2026-11-22T00:00:00Z");
        assert_eq!(link.standing(&keys, at("2026-11-21T23:59:59Z")), Standing::Valid { until });
        assert_eq!(link.standing(&keys, until), Standing::Expired);
    }

    #[test]
    fn a_key_that_retires_takes_its_links_with_it() {
        let token = signed_token(&claim(), &key("k1", 7, None));
        let keys = [key("k2", 8, None), key("k1", 7, Some("2026-11-21T12:00:00Z"))];
        let link = signed(token.expose());
        let until = at("2026-11-21T12:00:00Z");
        assert_eq!(link.standing(&keys, at("2026-11-21T11:00:00Z")), Standing::Valid { until });
        assert_eq!(link.standing(&keys, until), Standing::Expired);
    }

    #[test]
    fn changing_any_character_of_a_signed_token_opens_nothing() {
        let keys = [key("k1", 7, None)];
        let token = signed_token(&claim(), &keys[0]).expose().to_owned();
        let now = at("2026-11-21T01:00:00Z");
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            if let Some(Presented::Signed(link)) = read_token(&changed) {
                let standing = link.standing(&keys, now);
                assert!(!matches!(standing, Standing::Valid { .. }), "at {index}");
            }
        }
    }

    #[test]
    fn a_key_of_the_same_name_and_another_secret_is_refused() {
        let link = signed(signed_token(&claim(), &key("k1", 7, None)).expose());
        let now = at("2026-11-21T01:00:00Z");
        assert_eq!(link.standing(&[key("k1", 8, None)], now), Standing::Forged);
        assert_eq!(link.standing(&[key("k2", 7, None)], now), Standing::UnknownKey);
    }

    #[test]
    fn what_cannot_be_a_token_is_not_looked_up() {
        let token = subscription_token(&[0xA5; 32]);
        assert!(matches!(read_token(token.expose()), Some(Presented::Subscription)));
        let long = "A".repeat(FEED_TOKEN_BYTES_MAX + 1);
        for bad in [
            "",
            "..",
            "s.",
            "s.AAAA",
            &token.expose()[1..],
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/",
            &long,
        ] {
            assert!(read_token(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_token_does_not_print() {
        let token = subscription_token(&[1; 32]);
        let url = token.url("https://rota.example.com/");
        assert_eq!(format!("{token:?}"), "FeedToken([redacted])");
        assert!(!format!("{url:?}").contains(token.expose()));
        let expected = format!("https://rota.example.com/feeds/{}.ics", token.expose());
        assert_eq!(url.expose_secret(), expected);
    }
}
