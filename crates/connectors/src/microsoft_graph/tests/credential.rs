//! Reading credentials, and what is signed with them. The keys in `fixtures/` are made for these
//! tests and open nothing.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PSS_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::at;
use crate::microsoft_graph::credential::{Certificate, Credential, CredentialFiles};

fn base() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/microsoft_graph/fixtures")
}

fn load(certificate: &str, private_key: &str) -> Result<Box<Certificate>, String> {
    let files = CredentialFiles::Certificate {
        certificate: certificate.into(),
        private_key: private_key.into(),
    };
    match files.load(&base()) {
        Ok(Credential::Certificate(it)) => Ok(it),
        Ok(Credential::Secret(_)) => panic!("a certificate was named"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_certificate_with_its_key_tells_when_it_ends() {
    for key in ["key.pem", "key-pkcs1.pem"] {
        let certificate = load("certificate.pem", key).unwrap();
        assert_eq!(certificate.not_after, at("2036-11-18T07:05:10Z"), "{key}");
    }
}

#[test]
fn an_assertion_says_who_and_for_whom_and_is_signed() {
    let certificate = load("certificate.pem", "key.pem").unwrap();
    let now = at("2026-11-21T08:00:00Z");
    let endpoint = "https://login.example/t/oauth2/v2.0/token";
    let assertion = certificate.assertion(endpoint, "app", "id-1", now).unwrap();
    let (signed, signature) = assertion.expose_secret().rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let header: Value = serde_json::from_slice(&decode(header)).unwrap();
    let claims: Value = serde_json::from_slice(&decode(claims)).unwrap();
    // The certificate's SHA-256, as `openssl x509 -fingerprint` gives it, in base64 for URLs.
    let thumbprint = "4NtJKSYJzrtwUCYQLTDGlVcuV-mF0woL-RFkRmqAi4Y";
    let expected = serde_json::json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint });
    assert_eq!(header, expected);
    let issued = now.as_second();
    let expected = serde_json::json!({
        "aud": endpoint, "iss": "app", "sub": "app", "jti": "id-1",
        "iat": issued, "nbf": issued, "exp": issued + 600,
    });
    assert_eq!(claims, expected);
    let key = PrivateKeyDer::from_pem_file(base().join("key.pem")).unwrap();
    let pair = RsaKeyPair::from_pkcs8(key.secret_der()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, pair.public());
    public.verify(signed.as_bytes(), &decode(signature)).unwrap();
}

#[test]
fn a_key_that_cannot_be_used_is_told_by_key_and_path() {
    let check = |certificate: &str, key: &str, expected: &[&str]| {
        let Err(error) = load(certificate, key) else { panic!("{certificate} and {key} load") };
        assert!(expected.iter().all(|it| error.contains(it)), "{error}");
    };
    check("certificate.pem", "other-key.pem", &["`private_key_file`", "is not the key of"]);
    check("certificate.pem", "ec-key.pem", &["`private_key_file`", "expected an RSA key"]);
    check("certificate.pem", "certificate.pem", &["`private_key_file`", "expected an RSA key"]);
    check("key.pem", "key.pem", &["`certificate_file`", "expected a certificate in PEM form"]);
    check("certificate.pem", "none.pem", &["`private_key_file`", "none.pem"]);
    check("none.pem", "key.pem", &["`certificate_file`", "none.pem"]);
}

#[test]
fn a_secret_is_in_no_text() {
    let secret = Credential::Secret(SecretString::from("tell~nobody"));
    assert_eq!(secret.hint().as_deref(), Some("tel"));
    assert_eq!(secret.redact("wrong: tell~nobody!"), "wrong: [redacted]!");
    assert!(!format!("{secret:?}").contains("tell"));
}
