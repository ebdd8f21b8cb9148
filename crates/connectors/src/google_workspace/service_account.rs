//! The service account's file, and the assertion that its key signs (RFC 7523;
//! developers.google.com/identity/protocols/oauth2/service-account, read 2026-11).
//!
//! The file is read anew for every sign-in, so that a rotated key needs no restart.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::ConnectionError;
use crate::secret::read_secret;

/// Which key of the configuration names the file.
const KEY: &str = "service_account_file";
/// Google takes at most an hour; less is enough for one request.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(600);

/// A service account with its private key.
pub(super) struct ServiceAccount {
    /// Its address.
    pub email: String,
    /// By which an administrator delegates to it.
    pub client_id: String,
    /// Where it gets its tokens.
    pub token_uri: String,
    key_id: String,
    key: RsaKeyPair,
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount").field("email", &self.email).finish_non_exhaustive()
    }
}

/// The file as the Cloud console writes it; other members are of no use here.
#[derive(Deserialize)]
struct Told {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    token_uri: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    private_key: SecretText,
}

#[derive(Deserialize, Default)]
#[serde(transparent)]
struct SecretText(String);

impl Drop for SecretText {
    fn drop(&mut self) {
        // A copy less of the key in memory.
        self.0.clear();
    }
}

impl ServiceAccount {
    /// Reads it; `file` is below `base`.
    ///
    /// # Errors
    /// Names the key of the configuration and the path, never what is in the file.
    pub fn load(base: &Path, file: &PathBuf) -> Result<Self, ConnectionError> {
        let fail = |detail: &str| ConnectionError::File {
            key: KEY,
            path: base.join(file).display().to_string(),
            detail: detail.to_owned(),
        };
        let text = read_secret(base, KEY, file)?;
        let told: Told = serde_json::from_str(text.expose_secret())
            .map_err(|_| fail("expected the JSON file that the Google Cloud console gives"))?;
        let Told { kind, client_email, client_id, token_uri, private_key_id, private_key } = told;
        if kind != "service_account" {
            return Err(fail("`type` is not `service_account`; expected a service account's key"));
        }
        if client_email.is_empty() || token_uri.is_empty() {
            return Err(fail("`client_email` or `token_uri` is missing"));
        }
        let expected = "`private_key` is no RSA key in PEM form";
        let pem = PrivateKeyDer::from_pem_slice(private_key.0.as_bytes());
        let pair = match &pem {
            Ok(PrivateKeyDer::Pkcs8(der)) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            Ok(PrivateKeyDer::Pkcs1(der)) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            Ok(_) | Err(_) => return Err(fail(expected)),
        };
        let key = pair.map_err(|_| fail(expected))?;
        let key_id = private_key_id;
        Ok(Self { email: client_email, client_id, token_uri, key_id, key })
    }

    /// The assertion that we are the service account and act as `user`, with these scopes.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn assertion(
        &self,
        user: &str,
        scopes: &str,
        now: Timestamp,
    ) -> Result<SecretString, String> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let issued = now.as_second();
        let claims = json!({
            "iss": self.email,
            "sub": user,
            "scope": scopes,
            "aud": self.token_uri,
            "iat": issued,
            "exp": issued.saturating_add(ASSERTION_LIFETIME.as_secs().cast_signed()),
        });
        let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        // PKCS#1 v1.5 takes no chance; ring asks for a source of it all the same.
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| format!("the key in `{KEY}` cannot sign"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
    }
}
