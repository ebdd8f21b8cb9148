//! Whose preferences a body tells: those of the path's user, unless the body names somebody else.
//!
//! The path of a callback is not authenticated (`envelope.rs`), and the vendor names the person in
//! it (`/v{n}/users/{id}/update`, `shifts.md` §3); the body need not: Graph's documented objects
//! have an id that is nobody's (`SHPR_{guid}`), and no actor. So a person whom a body does name, by
//! `userId` or as who made or changed it, must be the one of the path, because people tell
//! preferences of themselves only. A body that is played again on another path is known
//! (`replies.rs`), and is answered as before.

use super::super::wire::{Actors, PreferencesBody};

/// Whether a body may be the preferences of this user.
#[must_use]
pub fn may_be_of(body: &PreferencesBody, user: &str) -> bool {
    let PreferencesBody { id: _, user_id, created_by, last_modified_by, availability: _ } = body;
    let person = |actors: &Option<Actors>| actors.as_ref()?.user.as_ref()?.id.clone();
    let named = [user_id.clone(), person(created_by), person(last_modified_by)];
    let mut named = named.into_iter().flatten().filter(|it| !it.is_empty());
    !user.is_empty() && named.all(|it| it.eq_ignore_ascii_case(user))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn may_be_annas(body: Value) -> bool {
        may_be_of(&serde_json::from_value(body).unwrap(), "anna")
    }

    #[test]
    fn body_that_names_the_user_of_the_path_or_nobody_is_theirs() {
        assert!(may_be_annas(json!({ "id": "SHPR_ANNA" })));
        assert!(may_be_annas(json!({ "id": "anna" })));
        assert!(may_be_annas(json!({ "userId": "Anna", "id": "SHPR_1" })));
        let by = |id: &str| json!({ "user": { "id": id } });
        assert!(may_be_annas(json!({ "id": "SHPR_1", "lastModifiedBy": by("anna") })));
        let app = json!({ "application": { "id": "app" } });
        assert!(may_be_annas(json!({ "id": "SHPR_anna", "createdBy": app })));
        assert!(may_be_annas(json!({})));
        assert!(may_be_annas(json!({ "id": "SHPR_eeab4fb1-20e5-48ca-ad9b-98119d94bee7" })));
    }

    #[test]
    fn body_that_names_another_is_not_theirs() {
        assert!(!may_be_annas(json!({ "id": "SHPR_anna", "userId": "ben" })));
        let by = |id: &str| json!({ "user": { "id": id } });
        assert!(!may_be_annas(json!({ "createdBy": by("anna"), "lastModifiedBy": by("ben") })));
        assert!(!may_be_of(&PreferencesBody::default(), ""));
    }
}
