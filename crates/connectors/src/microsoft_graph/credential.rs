//! What proves to Entra who we are: a client secret, or a certificate whose key signs an assertion
//! (Learn, "Microsoft identity platform application authentication certificate credentials").
//!
//! The files are read anew for every sign-in, so that a rotated secret needs no restart.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PSS_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::{Digest, Sha256};
use x509_cert::der::Decode;

use crate::ConnectionError;
use crate::secret::read_secret;

/// The vendor's page advises five to ten minutes.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(600);
/// Characters of a secret that Entra shows as its `hint` (Graph, `passwordCredential`).
const HINT_CHARS: usize = 3;

/// Where the credential is kept.
#[derive(Debug, Clone)]
pub(super) enum CredentialFiles {
    Secret(PathBuf),
    Certificate { certificate: PathBuf, private_key: PathBuf },
}

/// The credential itself.
pub(super) enum Credential {
    Secret(SecretString),
    Certificate(Box<Certificate>),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret([redacted])",
            Self::Certificate(_) => "Certificate([redacted])",
        })
    }
}

/// A certificate with its private key.
pub(super) struct Certificate {
    /// SHA-256 of the certificate, in base64 for URLs.
    thumbprint: String,
    key: RsaKeyPair,
    /// The last instant at which Entra takes it.
    pub not_after: Timestamp,
}

impl CredentialFiles {
    /// Reads the credential; paths are below `base`.
    ///
    /// # Errors
    /// Names the key of the configuration and the path, never what is in the file.
    pub fn load(&self, base: &Path) -> Result<Credential, ConnectionError> {
        match self {
            Self::Secret(file) => {
                let secret = read_secret(base, "client_secret_file", file)?;
                Ok(Credential::Secret(secret))
            }
            Self::Certificate { certificate, private_key } => {
                let certificate = Certificate::load(base, certificate, private_key)?;
                Ok(Credential::Certificate(Box::new(certificate)))
            }
        }
    }
}

impl Credential {
    /// The beginning of the secret that Entra shows too, to recognise it among others.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Secret(secret) => Some(secret.expose_secret().chars().take(HINT_CHARS).collect()),
            Self::Certificate(_) => None,
        }
    }

    /// `text` without the secret in it, should somebody have repeated it to us.
    pub fn redact(&self, text: &str) -> String {
        match self {
            Self::Secret(secret) => text.replace(secret.expose_secret(), "[redacted]"),
            Self::Certificate(_) => text.to_owned(),
        }
    }
}

impl Certificate {
    fn load(base: &Path, certificate: &Path, key: &Path) -> Result<Self, ConnectionError> {
        const CERTIFICATE: &str = "certificate_file";
        const KEY: &str = "private_key_file";
        let fail = |key: &'static str, file: &Path, detail: String| ConnectionError::File {
            key,
            path: base.join(file).display().to_string(),
            detail,
        };
        let bad_certificate = |detail: String| fail(CERTIFICATE, certificate, detail);
        let text = read_secret(base, CERTIFICATE, certificate)?;
        let der = CertificateDer::from_pem_slice(text.expose_secret().as_bytes())
            .map_err(|_| bad_certificate("expected a certificate in PEM form".into()))?;
        let parsed = x509_cert::Certificate::from_der(&der)
            .map_err(|error| bad_certificate(format!("expected an X.509 certificate: {error}")))?;
        let body = parsed.tbs_certificate();
        let end = body.validity().not_after.to_unix_duration();
        let not_after = Timestamp::try_from(std::time::UNIX_EPOCH + end).map_err(|error| {
            bad_certificate(format!("ends at no instant that we know: {error}"))
        })?;

        let bad_key = |detail: String| fail(KEY, key, detail);
        let text = read_secret(base, KEY, key)?;
        let expected = "expected an RSA key in PEM form (PKCS#8 or PKCS#1), not encrypted";
        let pem = PrivateKeyDer::from_pem_slice(text.expose_secret().as_bytes())
            .map_err(|_| bad_key(expected.into()))?;
        let pair = match &pem {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(bad_key(format!("an elliptic-curve key found, {expected}"))),
        };
        let pair = pair.map_err(|error| bad_key(format!("{expected}: {error}")))?;
        let public = body.subject_public_key_info().subject_public_key.raw_bytes();
        if public != pair.public().as_ref() {
            let other = base.join(certificate).display().to_string();
            return Err(bad_key(format!("is not the key of the certificate in `{other}`")));
        }
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(der.as_ref()));
        Ok(Self { thumbprint, key: pair, not_after })
    }

    /// The assertion that we are `client_id`, for whoever answers at `endpoint`.
    ///
    /// # Errors
    /// When the key is too short for the signature.
    pub fn assertion(
        &self,
        endpoint: &str,
        client_id: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<SecretString, String> {
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint });
        let issued = now.as_second();
        let claims = json!({
            "aud": endpoint,
            "iss": client_id,
            "sub": client_id,
            "jti": id,
            "iat": issued,
            "nbf": issued,
            "exp": issued.saturating_add(ASSERTION_LIFETIME.as_secs().cast_signed()),
        });
        let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        // The salt only has to be there; ring takes no other chance than the machine's.
        self.key
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| "the key in `private_key_file` cannot sign".to_owned())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
    }
}
