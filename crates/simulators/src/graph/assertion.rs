//! Client assertions: an app proves who it is by a JWT that its certificate's key signed
//! (learn.microsoft.com/entra/identity-platform/certificate-credentials).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rustls::SignatureScheme;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::options::{App, Certificate};
use super::token::Denied;

/// How far clocks may be apart.
const SKEW_SECONDS: i64 = 300;

/// Whether an assertion proves that it comes from an app.
///
/// # Errors
/// As Entra spells them.
pub(super) fn check(app: &App, text: &str, now: Timestamp) -> Result<(), Denied> {
    let malformed = || {
        let text = "There was an error parsing the client assertion: it is no valid JWT.";
        Denied::new(400, "invalid_request", 50_027, text)
    };
    let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
    let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
    let decoded = |part: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    let header = decoded(header).ok_or_else(malformed)?;
    let claims = decoded(claims).ok_or_else(malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    check_claims(app, &claims, now)?;
    let scheme = match header["alg"].as_str() {
        Some("PS256") => SignatureScheme::RSA_PSS_SHA256,
        Some("RS256") => SignatureScheme::RSA_PKCS1_SHA256,
        _ => return Err(malformed()),
    };
    let Some(thumbprint) = header["x5t#S256"].as_str() else {
        let text = "The certificate with identifier used to sign the client assertion is not \
                    given: the header needs 'x5t#S256'.";
        return Err(Denied::client(700_027, text));
    };
    let known = app.certificates.iter().find(|it| fits(it, thumbprint));
    let certificate = known.ok_or_else(|| {
        let text = format!(
            "The certificate with identifier used to sign the client assertion is not registered \
             on application. [Reason - The key was not found., Thumbprint of key used by client: \
             '{thumbprint}']"
        );
        Denied::client(700_027, text)
    })?;
    if certificate.ends_at <= now {
        let text = "Client assertion was signed by an expired certificate.";
        return Err(Denied::client(7_000_222, text));
    }
    if verified(&certificate.der, scheme, signed.as_bytes(), &signature) {
        Ok(())
    } else {
        let text = "Client assertion failed signature validation. [Reason - The key was found, \
                    but use of the key to verify the signature failed.]";
        Err(Denied::client(700_027, text))
    }
}

fn fits(certificate: &Certificate, thumbprint: &str) -> bool {
    URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate.der)) == thumbprint.trim_end_matches('=')
}

fn check_claims(app: &App, claims: &Value, now: Timestamp) -> Result<(), Denied> {
    let now = now.as_second();
    let text = |name: &str| claims[name].as_str().unwrap_or_default();
    if text("iss") != app.app_id || text("sub") != app.app_id {
        let text = "Client assertion issuer and subject must be the client's id.";
        return Err(Denied::client(700_021, text));
    }
    // The host may be a national cloud's, a proxy's or a test's.
    if !text("aud").ends_with(&format!("/{}/oauth2/v2.0/token", app.tenant)) {
        let text = "Client assertion audience claim does not match Realm issuer.";
        return Err(Denied::client(700_023, text));
    }
    if text("jti").is_empty() {
        let text = "Client assertion needs a 'jti'.";
        return Err(Denied::client(50_027, text));
    }
    let expires = claims["exp"].as_i64().unwrap_or_default();
    let starts = claims["nbf"].as_i64().unwrap_or(now);
    if expires + SKEW_SECONDS <= now || starts - SKEW_SECONDS > now {
        let text = "Client assertion is not within its valid time range.";
        return Err(Denied::client(700_024, text));
    }
    Ok(())
}

fn verified(certificate: &[u8], scheme: SignatureScheme, text: &[u8], signature: &[u8]) -> bool {
    let Some(key) = public_key(certificate) else { return false };
    let provider = rustls::crypto::ring::default_provider();
    let mapping = provider.signature_verification_algorithms.mapping;
    let found = mapping.iter().filter(|(known, _)| *known == scheme);
    let mut algorithms = found.flat_map(|(_, algorithms)| algorithms.iter());
    algorithms.any(|it| it.verify_signature(key, text, signature).is_ok())
}

/// The public key in an X.509 certificate (RFC 5280 §4.1): what the BIT STRING of
/// `subjectPublicKeyInfo` holds.
fn public_key(certificate: &[u8]) -> Option<&[u8]> {
    let (_, certificate, _) = element(certificate)?;
    let (_, body, _) = element(certificate)?;
    let mut rest = body;
    // An explicit version comes first, and counts for none of what follows.
    if rest.first() == Some(&0xa0) {
        rest = element(rest)?.2;
    }
    // serialNumber, signature, issuer, validity, subject
    for _ in 0..5 {
        rest = element(rest)?.2;
    }
    let (_, info, _) = element(rest)?;
    let (_, _algorithm, rest) = element(info)?;
    let (tag, bits, _) = element(rest)?;
    // The first byte counts unused bits: none.
    (tag == 3).then_some(bits)?.strip_prefix(&[0])
}

/// The tag, the content and what follows of a DER element.
fn element(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = data.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let length = digits.iter().try_fold(0_usize, |sum, digit| {
            sum.checked_mul(256)?.checked_add(usize::from(*digit))
        })?;
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}
