//! Whom we trust: the machine's certificate store, and one file that the operator names.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Why there is nobody to trust.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The file holds no certificate that can be used.
    #[error("expected certificates in PEM form: {detail}")]
    File {
        /// What was wrong.
        detail: String,
    },
    /// The library was built without what it needs.
    #[error("cannot set up TLS: {detail}")]
    Library {
        /// What it said.
        detail: String,
    },
}

/// Makes the TLS settings of a client: TLS 1.2 and 1.3, the machine's certificate authorities
/// and those in `ca_file`, no client certificate.
///
/// A machine without any certificate authorities is no error here: then no server is trusted
/// that `ca_file` does not vouch for.
///
/// # Errors
/// When `ca_file` cannot be read or holds no certificate.
pub fn tls_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        let fail = |detail: String| TlsError::File { detail };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|e| fail(e.to_string()))?;
        let mut count = 0;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| fail(error.to_string()))?;
            roots.add(certificate).map_err(|error| fail(error.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(fail("found none".into()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Library { detail: error.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
