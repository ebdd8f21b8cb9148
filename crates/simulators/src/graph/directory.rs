//! Teams, their members, people, app registrations: what is only read.

use serde_json::{Value, json};

use super::error;
use super::http::Reply;
use super::options::{App, Certificate, ClientSecret};
use super::route::Call;
use super::state::{Member, Role, State, Team, User};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// Members of a page at most (`shifts.md` §1.6).
const MEMBERS_MAX: usize = 999;

/// Answers `GET /teams/{id}`.
pub(super) fn team(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    call.graph.read(|state| {
        let team = call.team(state, id)?;
        Ok(Reply::json(
            200,
            json!({
                "@odata.context": format!("{}/$metadata#teams/$entity", call.root()),
                "id": team.id, "displayName": team.display_name, "description": team.display_name,
                "isArchived": false, "tenantId": team.tenant, "visibility": "private",
            }),
        ))
    })
}

/// Answers `GET /teams/{id}/members`.
pub(super) fn members(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    let (mut top, mut skip) = (call.graph.options().page_size, 0);
    for (name, value) in call.ask.query() {
        let number = value.parse::<usize>().ok();
        match name.to_ascii_lowercase().as_str() {
            "$top" => top = number.filter(|it| *it > 0).unwrap_or(top).min(MEMBERS_MAX),
            "$skiptoken" => skip = number.unwrap_or_default(),
            _ => {}
        }
    }
    call.graph.read(|state| {
        let team = call.team(state, id)?;
        let page = team.members.iter().skip(skip).take(top);
        let value: Vec<Value> = page.map(|it| member(state, team, it)).collect();
        let mut body = json!({
            "@odata.context": format!("{}/$metadata#teams('{id}')/members", call.root()),
            "@odata.count": value.len(),
            "value": value,
        });
        if team.members.len() > skip + top
            && let Value::Object(map) = &mut body
        {
            let next = skip + top;
            let link = format!("{}/teams/{id}/members?$top={top}&$skiptoken={next}", call.root());
            map.insert("@odata.nextLink".into(), link.into());
        }
        Ok(Reply::json(200, body))
    })
}

fn member(state: &State, team: &Team, member: &Member) -> Value {
    let Member { user, role } = member;
    let roles: &[&str] = match role {
        Role::Owner => &["owner"],
        Role::Member => &[],
        Role::Guest => &["guest"],
    };
    let found = state.users.get(user);
    let id = STANDARD.encode(format!("{}##{user}", team.id));
    json!({
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "id": id, "roles": roles, "displayName": found.map(|it| &it.display_name),
        "visibleHistoryStartDateTime": "0001-01-01T00:00:00Z",
        "userId": user, "email": found.and_then(|it| it.email.as_ref()), "tenantId": team.tenant,
    })
}

/// Answers `GET /users/{id or user principal name}`.
pub(super) fn user(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    call.graph.read(|state| {
        let found = state.users.values().find(|it| {
            it.tenant == call.session.tenant && (it.id == id || it.upn.eq_ignore_ascii_case(id))
        });
        let Some(User { id, display_name, upn, email, tenant: _ }) = found else {
            let message = format!(
                "Resource '{id}' does not exist or one of its queried reference-property objects \
                 are not present."
            );
            return Err(error::plain(404, "Request_ResourceNotFound", &message));
        };
        Ok(Reply::json(
            200,
            json!({
                "@odata.context": format!("{}/$metadata#users/$entity", call.root()),
                "id": id, "displayName": display_name, "userPrincipalName": upn, "mail": email,
            }),
        ))
    })
}

/// Answers `GET /applications(appId='…')` and `GET /applications?$filter=appId eq '…'`.
pub(super) fn application(call: &Call<'_>, segment: &str) -> Result<Reply, Reply> {
    let lower = segment.to_ascii_lowercase();
    let quoted = |text: &str| text.split('\'').nth(1).map(String::from);
    let (id, listed) = if lower.starts_with("applications(appid=") {
        (quoted(segment), false)
    } else if lower == "applications" {
        let filter = call.ask.query().into_iter().find(|(name, _)| name == "$filter");
        let filter = filter.filter(|(_, value)| value.starts_with("appId eq "));
        (filter.and_then(|(_, value)| quoted(&value)), true)
    } else {
        (None, false)
    };
    let id = id.ok_or_else(|| super::route::not_found(&[segment]))?;
    call.graph.read(|state| {
        let found = state.apps.iter();
        let mut found =
            found.filter(|it| it.tenant == call.session.tenant && it.app_id == id).map(app);
        if listed {
            return Ok(Reply::json(200, json!({ "value": found.collect::<Vec<_>>() })));
        }
        let missing = || {
            let message = format!("Resource '{id}' does not exist.");
            error::plain(404, "Request_ResourceNotFound", &message)
        };
        Ok(Reply::json(200, found.next().ok_or_else(missing)?))
    })
}

fn app(app: &App) -> Value {
    let App { tenant: _, app_id, display_name, secrets, certificates, roles: _, mailbox_scope: _ } =
        app;
    let secret = |(at, it): (usize, &ClientSecret)| {
        json!({
            "keyId": format!("00000000-0000-4000-8000-{at:012x}"), "displayName": "secret",
            "hint": it.text.get(..3), "secretText": null, "customKeyIdentifier": null,
            "startDateTime": "2020-01-01T00:00:00Z", "endDateTime": it.ends_at,
        })
    };
    let certificate = |(at, it): (usize, &Certificate)| {
        json!({
            "keyId": format!("00000000-0000-4000-9000-{at:012x}"), "displayName": "CN=rota",
            "type": "AsymmetricX509Cert", "usage": "Verify", "key": null,
            "customKeyIdentifier": STANDARD.encode(Sha256::digest(&it.der)),
            "startDateTime": "2020-01-01T00:00:00Z", "endDateTime": it.ends_at,
        })
    };
    json!({
        "id": format!("00000001-{}", app_id.get(9..).unwrap_or_default()),
        "appId": app_id, "displayName": display_name,
        "passwordCredentials": secrets.iter().enumerate().map(secret).collect::<Vec<_>>(),
        "keyCredentials": certificates.iter().enumerate().map(certificate).collect::<Vec<_>>(),
    })
}
