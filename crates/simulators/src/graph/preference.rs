//! Shift preferences: when somebody likes to work.

use serde_json::{Value, json};

use super::change::{Edit, Scope, Write};
use super::error;
use super::http::Reply;
use super::parse::Fields;
use super::route::Call;
use super::state::{Preferences, Tracked};
use super::wire;

/// Answers GET; who said nothing has no preferences.
pub(super) fn get(call: &Call<'_>, user: &str) -> Result<Reply, Reply> {
    call.graph.read(|state| {
        known(call, state.users.get(user).map(|it| it.tenant.as_str()))?;
        let Some(Preferences { id, availability, tracked }) = state.preferences.get(user) else {
            let body = json!({ "id": id_for(user), "availability": [] });
            return Ok(Reply::json(200, body));
        };
        let mut body = serde_json::Map::new();
        body.insert("id".into(), id.as_str().into());
        body.insert("availability".into(), availability.clone());
        wire::tracking(&mut body, tracked);
        Ok(Reply::json(200, body.into()))
    })
}

/// An id for somebody's preferences. It tells not whose they are: the documented ones are nobody's
/// (shiftpreferences-get).
pub(super) fn id_for(user: &str) -> String {
    let scrambled: String = user.chars().rev().collect();
    format!("SHPR_{scrambled}")
}

/// Answers PUT and PATCH.
pub(super) fn put(call: &Call<'_>, user: &str) -> Result<Reply, Reply> {
    let body = call.body()?;
    let fields = Fields::of("shiftPreferences", &body, &["availability"])?;
    let availability = fields.get("availability").filter(|it| it.is_array()).cloned();
    let availability: Value =
        availability.ok_or_else(|| error::bad("The property 'availability' is missing."))?;
    let after = call.graph.read(|state| {
        known(call, state.users.get(user).map(|it| it.tenant.as_str()))?;
        let before = state.preferences.get(user);
        if let Some(before) = before {
            call.if_match(&before.tracked.etag())?;
        }
        let tracked = Tracked {
            created_at: call.now,
            created_by: call.who(),
            modified_at: call.now,
            modified_by: call.who(),
            version: 0,
        };
        let id = before.map_or_else(|| id_for(user), |it| it.id.clone());
        Ok(Preferences { id, availability, tracked })
    })?;
    let scope = Scope::User(user.to_owned());
    let mut write = Write::new(scope, call.who(), vec![Edit::Preferences { after }]);
    write.passthrough = call.ask.header("x-ms-wfmpassthrough").map(String::from);
    call.graph.commit(&write).map_err(error::refused)?;
    Ok(Reply::status(204))
}

fn known(call: &Call<'_>, tenant: Option<&str>) -> Result<(), Reply> {
    if tenant == Some(call.session.tenant.as_str()) { Ok(()) } else { Err(error::missing("user")) }
}
