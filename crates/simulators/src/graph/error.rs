//! How Graph spells errors.
//!
//! Graph's own are plain; those of Shifts come wrapped, as a JSON *text* in `error.message`
//! (`shifts.md` §1.5, microsoft-graph-docs-contrib#2884 and #4597). `innerError` is added where
//! the answer leaves.

use serde_json::{Value, json};

use super::change::Refused;
use super::http::Reply;

/// An error of Graph itself.
pub(super) fn plain(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, json!({ "error": { "code": code, "message": message } }))
}

/// An error of Shifts, wrapped by Graph.
pub(super) fn shifts(status: u16, code: &str, message: &str) -> Reply {
    wrapped(
        status,
        code,
        json!({
            "code": code, "message": message, "details": [], "innererror": { "code": code },
        }),
    )
}

fn wrapped(status: u16, code: &str, inner: Value) -> Reply {
    let text = json!({ "error": inner }).to_string();
    Reply::json(status, json!({ "error": { "code": code, "message": text } }))
}

/// 400 of Shifts.
pub(super) fn bad(message: &str) -> Reply {
    shifts(400, "BadRequest", message)
}

/// 404 of Shifts for something below a schedule.
pub(super) fn missing(what: &str) -> Reply {
    shifts(
        404,
        "NotFound",
        &format!("Sorry, the {what} was not found, or you may not have access to it"),
    )
}

/// 403: a role is not granted.
pub(super) fn forbidden(roles: &[&str]) -> Reply {
    let message = format!(
        "Missing role permissions on the request. API requires one of '{}'.",
        roles.join(", ")
    );
    shifts(403, "Forbidden", &message)
}

/// Why a write did not happen.
pub(super) fn refused(refused: Refused) -> Reply {
    match refused {
        Refused::Overtaken => shifts(409, "Conflict", "The item was changed by somebody else."),
        // The text is from ISS 35 of Microsoft's connectors.
        Refused::ByIntegration { integration, refusal } => wrapped(
            refusal.status,
            "WorkforceIntegrationError",
            json!({
                "title": "Your request couldn't be completed",
                "externalErrorMessage": refusal.message,
                "externalSource": integration,
                "externalImageLink": null,
                "code": "WorkforceIntegrationError",
                "message": "Sorry your change couldn\u{2019}t be completed.",
                "details": [],
                "innererror": { "code": "WorkforceIntegrationError" },
            }),
        ),
    }
}
