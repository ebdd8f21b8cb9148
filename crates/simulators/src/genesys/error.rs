//! `ErrorBody`, as every route answers it.

use serde_json::json;

use super::http::Reply;

pub(super) fn plain(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({
        "message": message, "code": code, "status": status, "messageParams": {},
        "details": [], "errors": [],
    });
    Reply { status, body: Some(body), ..Reply::default() }
}

pub(super) fn not_found(what: &str) -> Reply {
    plain(404, "not.found", &format!("The requested {what} was not found"))
}

pub(super) fn invalid(field: &str, why: &str) -> Reply {
    let mut reply = plain(400, "invalid.value", &format!("Invalid value for {field}: {why}"));
    if let Some(body) = &mut reply.body {
        body["details"] = json!([{ "errorCode": "invalid.value", "fieldName": field }]);
    }
    reply
}

/// Nobody says which status a stale version gets; 409 is what the SDKs' users report.
pub(super) fn conflict(what: &str) -> Reply {
    plain(409, "conflict", &format!("The {what} was changed since the version that was given"))
}

pub(super) fn missing_permissions(any: &[&str]) -> Reply {
    let list = any.join(", ");
    plain(
        403,
        "missing.any.permissions",
        &format!("Unable to perform the requested action. You are missing one of: {list}"),
    )
}

/// The client may do such things, and not here: another division.
pub(super) fn other_division() -> Reply {
    plain(403, "not.authorized", "You are not authorized to perform the requested action.")
}
