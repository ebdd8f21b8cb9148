//! Refusals, spelled as Google does.

use serde_json::json;

use super::http::Reply;

/// A refusal in the envelope of the API, with its reason.
pub(super) fn refusal(status: u16, reason: &str, message: &str) -> Reply {
    let domain = match reason {
        "rateLimitExceeded" | "userRateLimitExceeded" | "quotaExceeded" | "accessNotConfigured" => {
            "usageLimits"
        }
        "forbiddenForNonOrganizer" | "fullSyncRequired" | "updatedMinTooLongAgo" => "calendar",
        _ => "global",
    };
    let location = match status {
        401 => json!({ "locationType": "header", "location": "Authorization" }),
        412 => json!({ "locationType": "header", "location": "If-Match" }),
        _ => json!({}),
    };
    let mut one = json!({ "domain": domain, "reason": reason, "message": message });
    if let (Some(one), Some(location)) = (one.as_object_mut(), location.as_object()) {
        one.extend(location.clone());
    }
    let error = json!({ "errors": [one], "code": status, "message": message });
    Reply::json(status, json!({ "error": error }))
}

pub(super) fn invalid(what: &str) -> Reply {
    refusal(400, "invalid", what)
}

pub(super) fn required(what: &str) -> Reply {
    refusal(400, "required", what)
}

pub(super) fn not_found() -> Reply {
    refusal(404, "notFound", "Not Found")
}

pub(super) fn forbidden() -> Reply {
    refusal(403, "forbidden", "Forbidden")
}

pub(super) fn gone() -> Reply {
    refusal(410, "deleted", "Resource has been deleted")
}

pub(super) fn stale() -> Reply {
    refusal(412, "conditionNotMet", "Precondition Failed")
}

pub(super) fn insufficient() -> Reply {
    let message = "Request had insufficient authentication scopes.";
    refusal(403, "insufficientPermissions", message).header(
        "www-authenticate",
        "Bearer realm=\"https://accounts.google.com/\", error=\"insufficient_scope\"",
    )
}
