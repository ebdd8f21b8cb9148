//! How callbacks spell what changes: not as Graph does (`shifts.md` §3).
//!
//! States, actors and themes begin with a capital letter, every side of a shift says whether it
//! `isActive`, nothing is said that is null, and a deletion in the schedule is a PUT.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::change::{Change, Element as Told, Method, Subject};
use super::super::state::{Kind, Who};
use super::super::wire::sides;
use super::caller::Element;

/// The names of what an integration may support (`shifts.md` §1.1).
pub(super) fn supported_name(subject: Subject) -> Option<&'static str> {
    match subject {
        Subject::ShiftPreferences => Some("UserShiftPreferences"),
        Subject::Of(Kind::Shift) => Some("Shift"),
        Subject::Of(Kind::OpenShift) => Some("OpenShift"),
        Subject::Of(Kind::TimeOff) => Some("TimeOff"),
        Subject::Of(Kind::TimeOffReason) => Some("TimeOffReason"),
        Subject::Of(Kind::OfferRequest) => Some("OfferShiftRequest"),
        Subject::Of(Kind::SwapRequest) => Some("SwapRequest"),
        Subject::Of(Kind::OpenShiftRequest) => Some("OpenShiftRequest"),
        Subject::Of(Kind::TimeOffRequest) => Some("TimeOffRequest"),
        // Nobody is told of groups.
        Subject::Of(Kind::SchedulingGroup) => None,
    }
}

/// The elements of a call about a change. Empty when it is about nothing that is ever told.
pub(super) fn elements(change: &Change, now: Timestamp) -> Vec<Element> {
    let told = change.elements.iter().filter(|it| supported_name(it.subject).is_some());
    told.map(|it| element(it, &change.who, now)).collect()
}

fn element(told: &Told, who: &Who, now: Timestamp) -> Element {
    let Told { method, subject, id, body, before } = told;
    let (method, body) = match subject {
        Subject::Of(kind @ (Kind::Shift | Kind::OpenShift | Kind::TimeOff)) => {
            planned(*kind, *method, body.as_ref(), before.as_ref(), who)
        }
        Subject::Of(_) | Subject::ShiftPreferences => (*method, body.clone()),
    };
    let method = match method {
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
    };
    let body = body.map(|body| spelled(body, id, who, now));
    Element { id: id.clone(), method, url: url(*subject, id), body }
}

/// Below the team, or below the user.
fn url(subject: Subject, id: &str) -> String {
    let segment = match subject {
        Subject::ShiftPreferences => return "/settings/shiftpreferences".to_owned(),
        Subject::Of(Kind::Shift) => "shifts",
        Subject::Of(Kind::OpenShift) => "openshifts",
        Subject::Of(Kind::TimeOff) => "timesoff",
        Subject::Of(Kind::TimeOffReason) => "timeoffReasons",
        Subject::Of(Kind::OfferRequest) => "offershiftrequests",
        Subject::Of(Kind::SwapRequest) => "swapRequests",
        Subject::Of(Kind::OpenShiftRequest) => "openshiftrequests",
        Subject::Of(Kind::TimeOffRequest) => "timeOffRequests",
        Subject::Of(Kind::SchedulingGroup) => "schedulingGroups",
    };
    format!("/{segment}/{id}")
}

/// What becomes of a shift, an open shift or a time off. A deletion is told twice, and both times
/// as a PUT: of the draft, then of what was shared. What moves from one employee to another (a
/// swap) is deleted as such, and so is what an app deletes.
fn planned(
    kind: Kind,
    method: Method,
    body: Option<&Value>,
    before: Option<&Value>,
    who: &Who,
) -> (Method, Option<Value>) {
    let (draft, shared) = sides(kind);
    let staged = |it: Option<&Value>| it.is_some_and(|it| it["isStagedForDeletion"] == true);
    let Some(body) = body else {
        let Some(before) = before else { return (Method::Delete, None) };
        let never_shared = before[shared].is_null() && matches!(who, Who::Person(_));
        let mut gone = before.clone();
        gone["isStagedForDeletion"] = json!(true);
        if staged(Some(before)) && !before[shared].is_null() {
            gone[draft] = Value::Null;
            set_active(&mut gone, shared, false);
            keep_null(&mut gone, draft);
            return (Method::Put, Some(gone));
        }
        if never_shared {
            set_active(&mut gone, draft, false);
            return (Method::Put, Some(gone));
        }
        return (Method::Delete, None);
    };
    let mut after = body.clone();
    if staged(Some(body)) {
        if after[draft].is_null() {
            after[draft] = after[shared].clone();
        }
        set_active(&mut after, draft, false);
    } else {
        set_active(&mut after, draft, true);
    }
    set_active(&mut after, shared, true);
    let shares = before.is_some_and(|it| !it[draft].is_null()) && after[draft].is_null();
    if shares {
        keep_null(&mut after, draft);
    }
    (method, Some(after))
}

fn set_active(entity: &mut Value, side: &str, active: bool) {
    if let Some(item) = entity.get_mut(side).and_then(Value::as_object_mut) {
        item.insert("isActive".into(), json!(active));
    }
}

/// Stands for a null that is said: others are left out.
const SAID_NULL: &str = "\u{0}null";

fn keep_null(entity: &mut Value, side: &str) {
    entity[side] = json!(SAID_NULL);
}

fn spelled(body: Value, id: &str, who: &Who, now: Timestamp) -> Value {
    let Value::Object(mut map) = body else { return body };
    for tracked in ["createdBy", "lastModifiedBy", "lastModifiedDateTime"] {
        map.remove(tracked);
    }
    if let Some(etag) = map.remove("@odata.etag") {
        map.insert("eTag".into(), etag);
    }
    map.insert("id".into(), json!(id));
    map.entry("createdDateTime").or_insert_with(|| json!(now.to_string()));
    map.insert("lastModifiedDateTime".into(), json!(now.to_string()));
    if let Some(by) = identity(who) {
        map.insert("lastModifiedBy".into(), by);
    }
    object(map)
}

fn identity(who: &Who) -> Option<Value> {
    match who {
        Who::App(id) => Some(json!({ "application": { "id": id } })),
        Who::Person(id) => Some(json!({ "user": { "id": id } })),
        Who::System => None,
    }
}

fn object(map: Map<String, Value>) -> Value {
    let kept = map.into_iter().filter(|(_, value)| !value.is_null());
    kept.map(|(name, value)| {
        let value = member(&name, value);
        (name, value)
    })
    .collect()
}

fn member(name: &str, value: Value) -> Value {
    match value {
        Value::Object(map) => object(map),
        Value::Array(all) => all.into_iter().map(|it| member(name, it)).collect(),
        Value::String(text) if text == SAID_NULL => Value::Null,
        Value::String(text) => match name {
            "state" | "assignedTo" | "theme" | "iconType" => json!(capital(&text)),
            _ if name.ends_with("DateTime") => json!(millis(text)),
            _ => json!(text),
        },
        other => other,
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

fn millis(text: String) -> String {
    text.parse::<Timestamp>().map_or(text, |at| format!("{at:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn one(method: Method, body: Option<Value>, before: Option<Value>) -> Element {
        let subject = Subject::Of(Kind::Shift);
        let told = Told { method, subject, id: "SHFT_1".into(), body, before };
        element(&told, &Who::Person("u".into()), NOW)
    }

    fn shift(draft: &Value, shared: &Value) -> Value {
        json!({
            "@odata.etag": "\"1\"", "userId": "u", "schedulingGroupId": null,
            "draftShift": draft, "sharedShift": shared, "isStagedForDeletion": false,
        })
    }

    #[test]
    fn a_new_shift_looks_as_in_the_guide() {
        let item = json!({
            "startDateTime": "2024-10-12T15:00:00Z", "endDateTime": "2024-10-12T17:00:00Z",
            "theme": "darkBlue", "notes": null, "activities": [],
        });
        let body = one(Method::Post, Some(shift(&item, &Value::Null)), None).body.unwrap();
        assert_eq!(
            body["draftShift"],
            json!({
                "startDateTime": "2024-10-12T15:00:00.000Z",
                "endDateTime": "2024-10-12T17:00:00.000Z",
                "theme": "DarkBlue", "activities": [], "isActive": true,
            })
        );
        assert!(body.get("sharedShift").is_none() && body.get("schedulingGroupId").is_none());
        assert_eq!((&body["eTag"], &body["id"]), (&json!("\"1\""), &json!("SHFT_1")));
        assert_eq!(body["lastModifiedBy"]["user"]["id"], "u");
    }

    #[test]
    fn a_deletion_is_told_of_the_draft_and_then_of_what_was_shared() {
        let item = json!({ "startDateTime": "2024-10-12T15:00:00Z" });
        let shared = shift(&Value::Null, &item);
        let mut staged = shared.clone();
        staged["isStagedForDeletion"] = json!(true);
        let first = one(Method::Put, Some(staged.clone()), Some(shared.clone()));
        let body = first.body.unwrap();
        assert_eq!((first.method, &body["draftShift"]["isActive"]), ("PUT", &json!(false)));
        assert_eq!(body["sharedShift"]["isActive"], true);
        let second = one(Method::Delete, None, Some(staged));
        let body = second.body.unwrap();
        assert_eq!((second.method, body.get("draftShift")), ("PUT", Some(&Value::Null)));
        assert_eq!(body["sharedShift"]["isActive"], false);
        let moved = one(Method::Delete, None, Some(shared));
        assert_eq!((moved.method, moved.body), ("DELETE", None));
    }

    #[test]
    fn a_draft_that_nobody_saw_is_deleted_by_one_put() {
        let item = json!({ "startDateTime": "2024-10-12T15:00:00Z" });
        let found = one(Method::Delete, None, Some(shift(&item, &Value::Null)));
        let body = found.body.unwrap();
        assert_eq!((found.method, &body["draftShift"]["isActive"]), ("PUT", &json!(false)));
    }

    #[test]
    fn sharing_an_item_says_that_its_draft_is_null() {
        let item = json!({ "startDateTime": "2024-10-12T15:00:00Z" });
        let before = shift(&item, &Value::Null);
        let body = one(Method::Put, Some(shift(&Value::Null, &item)), Some(before)).body.unwrap();
        assert_eq!(body.get("draftShift"), Some(&Value::Null));
        assert_eq!(body["sharedShift"]["isActive"], true);
    }
}
