//! Whose preferences a body tells: by the body, never by the path alone.
//!
//! The path of a callback is not authenticated (`envelope.rs`), and the vendor names the person in
//! it only (`/v{n}/users/{id}/update`, `shifts.md` §3). So the body has to name them as well: by a
//! `userId`, by who made or changed it, or by an id of its own that is theirs or is made from it
//! (`SHPR_{user}`). Persons that it names besides must be the same one, because people tell
//! preferences of themselves only. A body that names nobody is refused: for whom it was sealed
//! cannot be known.

use super::super::wire::{Actors, PreferencesBody};

/// What ids of preferences begin with.
const MARK: &str = "SHPR_";

/// Whether a body names the user of the path, and nobody else.
#[must_use]
pub fn is_of(body: &PreferencesBody, user: &str) -> bool {
    let PreferencesBody { id, user_id, created_by, last_modified_by, availability: _ } = body;
    let person = |actors: &Option<Actors>| actors.as_ref()?.user.as_ref()?.id.clone();
    let named = [user_id.clone(), person(created_by), person(last_modified_by)];
    let mut named = named.into_iter().flatten().filter(|it| !it.is_empty()).peekable();
    if named.peek().is_some() {
        return named.all(|it| it.eq_ignore_ascii_case(user));
    }
    let id = id.as_deref().map(|id| id.strip_prefix(MARK).unwrap_or(id));
    !user.is_empty() && id.is_some_and(|id| id.eq_ignore_ascii_case(user))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn is_of_anna(body: Value) -> bool {
        is_of(&serde_json::from_value(body).unwrap(), "anna")
    }

    #[test]
    fn body_must_name_the_user_of_the_path() {
        assert!(is_of_anna(json!({ "id": "SHPR_ANNA" })));
        assert!(is_of_anna(json!({ "id": "anna" })));
        assert!(is_of_anna(json!({ "userId": "Anna", "id": "SHPR_1" })));
        let by = |id: &str| json!({ "user": { "id": id } });
        assert!(is_of_anna(json!({ "id": "SHPR_1", "lastModifiedBy": by("anna") })));
        let app = json!({ "application": { "id": "app" } });
        assert!(is_of_anna(json!({ "id": "SHPR_anna", "createdBy": app })));
    }

    #[test]
    fn body_that_names_nobody_or_another_is_not_theirs() {
        assert!(!is_of_anna(json!({})));
        assert!(!is_of_anna(json!({ "id": "SHPR_1" })));
        assert!(!is_of_anna(json!({ "id": "SHPR_anna", "userId": "ben" })));
        let by = |id: &str| json!({ "user": { "id": id } });
        assert!(!is_of_anna(json!({ "createdBy": by("anna"), "lastModifiedBy": by("ben") })));
        assert!(!is_of(&PreferencesBody::default(), ""));
    }
}
