//! Why Entra gives no token, in words that an administrator can act on.
//!
//! The numbers are from Learn, "Microsoft Entra authentication and authorization error codes", and
//! from <https://login.microsoftonline.com/error?code=…>, read 2026-11. The page warns that numbers
//! change: an unknown one is reported as the vendor words it.

use engine::port::FailureClass;

/// What an error means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Explanation {
    /// What is wrong: a lower-case clause.
    pub what: &'static str,
    /// What to do about it.
    pub mend: &'static str,
}

const NEW_SECRET: &str = "make a new client secret (Entra admin centre, App registrations, \
     Certificates & secrets) and put its value into `client_secret_file`";
const CONSENT: &str = "have an administrator of the tenant open the application (Entra admin \
     centre, App registrations, API permissions) and choose `Grant admin consent`";
const CLOUDS: &str = "`graph_url` and `login_url` must belong to the same cloud, the one that \
     the tenant is in";
const UPLOAD: &str = "upload the certificate of `certificate_file` to the application (Entra \
     admin centre, App registrations, Certificates & secrets)";

/// What the error of this number means.
#[must_use]
pub(super) fn explain(number: u64) -> Option<Explanation> {
    let (what, mend) = match number {
        7_000_215 => (
            "the client secret is wrong",
            "put the secret's value, not its id, into `client_secret_file`; a value that is lost \
             can only be replaced by a new secret",
        ),
        7_000_222 => ("the client secret has expired", NEW_SECRET),
        7_000_216 | 7_000_218 => ("the application has to prove itself otherwise", NEW_SECRET),
        700_016 => (
            "the tenant knows no such application",
            "check `client_id` (the application's, not the object's id) and `tenant_id`",
        ),
        700_027 => ("the certificate is not known to the application", UPLOAD),
        700_021 | 700_023 => ("the assertion is meant for somebody else", CLOUDS),
        700_024 => {
            ("the assertion is not valid yet, or not any more", "set this machine's clock by NTP")
        }
        700_030 => ("the certificate is not accepted", UPLOAD),
        7_000_229 => ("the application is not admitted to the tenant", CONSENT),
        65_001 | 650_052 | 650_056 | 650_057 => {
            ("the application's permissions were not consented to", CONSENT)
        }
        7_000_112 | 500_014 => (
            "the application is disabled",
            "have an administrator enable it (Entra admin centre, Enterprise applications)",
        ),
        90_002 => ("there is no such tenant", "check `tenant_id`, and `login_url` for its cloud"),
        900_023 | 90_013 => {
            ("the tenant's id cannot be read", "expected a GUID or a domain name in `tenant_id`")
        }
        500_011 | 900_382 | 1_002_012 | 70_011 => ("Graph is not known under this address", CLOUDS),
        53_003 | 530_035 => (
            "a conditional access policy blocks the application",
            "have an administrator exempt it, or let it sign in from this machine's address",
        ),
        _ => return None,
    };
    Some(Explanation { what, mend })
}

/// The class of an error that Entra told with this status.
#[must_use]
pub(super) const fn class_of(status: u16, number: Option<u64>) -> FailureClass {
    match (status, number) {
        // The directory behind is not there at the moment (90033); the service asks for patience.
        (_, Some(90_033)) | (408 | 425 | 500.., _) => FailureClass::Unavailable,
        _ => FailureClass::Unauthorised,
    }
}
