//! How entities look in JSON: what Graph answers.

use serde_json::{Map, Value, json};

use super::state::{
    Activity, Assigned, ChangeRequest, Entity, Group, Item, Kind, Planned, Reason, RequestState,
    State, Step, Stored, Team, Tracked, Who,
};
use jiff::Timestamp;

/// What of the model an answer shows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shape {
    /// Whether enumerations show what came after `unknownFutureValue`
    /// (`Prefer: include-unknown-enum-members`).
    pub unknown_members: bool,
}

/// Members of scheduleEntityTheme that every client knows; later ones are
/// `unknownFutureValue` unless asked for (`shifts.md` §1.1).
const CLASSIC_THEMES: [&str; 12] = [
    "white",
    "blue",
    "green",
    "purple",
    "pink",
    "yellow",
    "gray",
    "darkBlue",
    "darkGreen",
    "darkPurple",
    "darkPink",
    "darkYellow",
];

/// Members of scheduleEntityTheme after `unknownFutureValue`.
pub(super) const LATER_THEMES: [&str; 23] = [
    "darkRed",
    "cranberry",
    "darkOrange",
    "bronze",
    "peach",
    "gold",
    "lime",
    "forest",
    "lightGreen",
    "jade",
    "lightTeal",
    "darkTeal",
    "steel",
    "skyBlue",
    "blueGray",
    "lavender",
    "lilac",
    "plum",
    "magenta",
    "darkBrown",
    "beige",
    "charcoal",
    "silver",
];

/// The theme as Graph spells it, whatever case it came in.
pub(super) fn theme_named(name: &str) -> Option<&'static str> {
    let mut all = CLASSIC_THEMES.iter().chain(&LATER_THEMES);
    all.find(|it| it.eq_ignore_ascii_case(name)).copied()
}

/// An entity as Graph v1.0 answers it.
pub(super) fn entity(kind: Kind, id: &str, stored: &Stored, shape: Shape) -> Value {
    let mut map = content(kind, &stored.entity, shape);
    map.insert("id".into(), json!(id));
    tracking(&mut map, &stored.tracked);
    Value::Object(map)
}

/// What an entity says, without its id and who changed it.
pub(super) fn content(kind: Kind, entity: &Entity, shape: Shape) -> Map<String, Value> {
    let value = match entity {
        Entity::Group(Group { display_name, code, is_active, users }) => json!({
            "displayName": display_name, "code": code, "isActive": is_active, "userIds": users,
        }),
        Entity::Reason(Reason { display_name, code, icon, is_active }) => json!({
            "displayName": display_name, "code": code, "iconType": icon, "isActive": is_active,
        }),
        Entity::Planned(planned) => return planned_content(kind, planned, shape),
        Entity::Request(request) => return request_content(kind, request),
    };
    object(value)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The names of the draft and the shared side of a kind.
pub(super) fn sides(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::OpenShift => ("draftOpenShift", "sharedOpenShift"),
        Kind::TimeOff => ("draftTimeOff", "sharedTimeOff"),
        Kind::Shift
        | Kind::SchedulingGroup
        | Kind::TimeOffReason
        | Kind::OfferRequest
        | Kind::SwapRequest
        | Kind::OpenShiftRequest
        | Kind::TimeOffRequest => ("draftShift", "sharedShift"),
    }
}

fn planned_content(kind: Kind, planned: &Planned, shape: Shape) -> Map<String, Value> {
    let Planned { user, group, draft, shared, is_staged_for_deletion } = planned;
    let (draft_name, shared_name) = sides(kind);
    let side = |it: &Option<Item>| it.as_ref().map(|it| item(kind, it, shape));
    let mut map = Map::new();
    if kind != Kind::OpenShift {
        map.insert("userId".into(), json!(user));
    }
    if kind != Kind::TimeOff {
        map.insert("schedulingGroupId".into(), json!(group));
    }
    map.insert(shared_name.into(), json!(side(shared)));
    map.insert(draft_name.into(), json!(side(draft)));
    map.insert("isStagedForDeletion".into(), json!(is_staged_for_deletion));
    map
}

/// One side of a shift, an open shift or a time off.
pub(super) fn item(kind: Kind, item: &Item, shape: Shape) -> Value {
    let Item { start, end, theme, display_name, notes, activities, open_slots, reason } = item;
    let mut map = object(json!({
        "startDateTime": start, "endDateTime": end, "theme": shown_theme(theme.as_ref(), shape),
    }));
    if kind == Kind::TimeOff {
        map.insert("timeOffReasonId".into(), json!(reason));
        return map.into();
    }
    map.insert("displayName".into(), json!(display_name));
    map.insert("notes".into(), json!(notes));
    let activities: Vec<_> = activities.iter().map(|it| activity(it, shape)).collect();
    map.insert("activities".into(), activities.into());
    if kind == Kind::OpenShift {
        map.insert("openSlotCount".into(), json!(open_slots));
    }
    map.into()
}

fn activity(activity: &Activity, shape: Shape) -> Value {
    let Activity { is_paid, start, end, code, display_name, theme } = activity;
    json!({
        "isPaid": is_paid, "startDateTime": start, "endDateTime": end, "code": code,
        "displayName": display_name, "theme": shown_theme(theme.as_ref(), shape),
    })
}

fn shown_theme(theme: Option<&String>, shape: Shape) -> Option<&str> {
    let theme = theme?.as_str();
    if shape.unknown_members || CLASSIC_THEMES.contains(&theme) {
        Some(theme)
    } else {
        Some("unknownFutureValue")
    }
}

fn request_content(kind: Kind, request: &ChangeRequest) -> Map<String, Value> {
    let ChangeRequest {
        state,
        assigned_to,
        sender,
        recipient,
        manager,
        sender_shift,
        recipient_shift,
        open_shift,
        reason,
        start,
        end,
    } = request;
    let mut map = object(json!({
        "state": state_name(*state), "assignedTo": assigned_name(*assigned_to),
        "senderUserId": sender.user, "senderMessage": sender.message,
        "senderDateTime": sender.at.map(millis),
        "managerUserId": manager.user, "managerActionMessage": manager.message,
        "managerActionDateTime": manager.at.map(millis),
    }));
    let recipient = |map: &mut Map<String, Value>| {
        let Step { user, message, at } = recipient;
        map.insert("recipientUserId".into(), json!(user));
        map.insert("recipientActionMessage".into(), json!(message));
        map.insert("recipientActionDateTime".into(), json!(at.map(millis)));
        map.insert("senderShiftId".into(), json!(sender_shift));
    };
    match kind {
        Kind::OfferRequest => recipient(&mut map),
        Kind::SwapRequest => {
            recipient(&mut map);
            map.insert("recipientShiftId".into(), json!(recipient_shift));
        }
        Kind::OpenShiftRequest => {
            map.insert("openShiftId".into(), json!(open_shift));
        }
        Kind::TimeOffRequest => {
            map.insert("startDateTime".into(), json!(start));
            map.insert("endDateTime".into(), json!(end));
            map.insert("timeOffReasonId".into(), json!(reason));
        }
        Kind::SchedulingGroup
        | Kind::TimeOffReason
        | Kind::Shift
        | Kind::OpenShift
        | Kind::TimeOff => {}
    }
    map
}

/// How a request's state is spelled.
pub(super) fn state_name(state: RequestState) -> &'static str {
    match state {
        RequestState::Pending => "pending",
        RequestState::Approved => "approved",
        RequestState::Declined => "declined",
    }
}

/// How the one whose turn a request is, is spelled.
pub(super) fn assigned_name(assigned: Assigned) -> &'static str {
    match assigned {
        Assigned::Sender => "sender",
        Assigned::Recipient => "recipient",
        Assigned::Manager => "manager",
        Assigned::System => "system",
    }
}

/// Adds who changed it when, and its etag.
pub(super) fn tracking(map: &mut Map<String, Value>, tracked: &Tracked) {
    let Tracked { created_at, created_by, modified_at, modified_by, version: _ } = tracked;
    map.insert("@odata.etag".into(), json!(tracked.etag()));
    map.insert("createdDateTime".into(), json!(millis(*created_at)));
    map.insert("lastModifiedDateTime".into(), json!(millis(*modified_at)));
    map.insert("createdBy".into(), identity(created_by));
    map.insert("lastModifiedBy".into(), identity(modified_by));
}

/// An identitySet.
fn identity(who: &Who) -> Value {
    let (application, user) = match who {
        Who::App(id) => (Some(json!({ "id": id, "displayName": null })), None),
        Who::Person(id) => (None, Some(json!({ "id": id, "displayName": null }))),
        Who::System => (None, None),
    };
    json!({ "application": application, "device": null, "user": user })
}

/// An instant with three digits behind the second, as Graph gives the ones it takes itself.
pub(super) fn millis(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Adds what only beta shows: the names behind a planned item's ids.
pub(super) fn infos(
    map: &mut Map<String, Value>,
    state: &State,
    team: &Team,
    kind: Kind,
    planned: &Planned,
) {
    let Planned { user, group, draft: _, shared: _, is_staged_for_deletion: _ } = planned;
    let team_info = json!({ "teamId": team.id, "displayName": team.display_name });
    map.insert("teamInfo".into(), team_info);
    if kind != Kind::OpenShift {
        let name = user.as_ref().and_then(|it| state.users.get(it)).map(|it| &it.display_name);
        map.insert("userInfo".into(), json!({ "userId": user, "displayName": name }));
    }
    if kind != Kind::TimeOff {
        let found = group.as_ref().and_then(|it| team.group(it));
        let (name, code) = (found.map(|it| &it.display_name), found.map(|it| &it.code));
        map.insert(
            "schedulingGroupInfo".into(),
            json!({
                "schedulingGroupId": group, "displayName": name, "code": code,
            }),
        );
    }
}
