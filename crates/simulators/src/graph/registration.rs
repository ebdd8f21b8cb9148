//! Workforce integrations: `/teamwork/workforceIntegrations`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::change::Refusal;
use super::error;
use super::http::Reply;
use super::parse::Fields;
use super::route::{Call, not_allowed};
use super::state::{Integration, Tracked};
use super::wire::{self, Shape};

/// Members of workforceIntegrationSupportedEntities; those behind the `;` came after
/// `unknownFutureValue` (`shifts.md` §1.1).
const ENTITIES: [&str; 7] = [
    "None",
    "Shift",
    "SwapRequest",
    "UserShiftPreferences",
    "OpenShift",
    "OpenShiftRequest",
    "OfferShiftRequest",
];
const LATER_ENTITIES: [&str; 4] = ["TimeCard", "TimeOffReason", "TimeOff", "TimeOffRequest"];
const FILTERS: [&str; 3] = ["None", "SwapRequest", "OfferShiftRequest"];
const LATER_FILTERS: [&str; 1] = ["TimeOffReason"];

/// The secret is the master key of the envelope (`shifts.md` §2).
const SECRET_BYTES: usize = 64;

/// Answers whatever the method.
pub(super) fn answer(call: &Call<'_>, id: Option<&str>) -> Result<Reply, Reply> {
    match (call.method(), id) {
        ("GET", None) => Ok(list(call)),
        ("POST", None) => post(call),
        ("GET", Some(id)) => {
            let found = current(call, id)?;
            Ok(Reply::json(200, shown(call, &found)))
        }
        ("PATCH", Some(id)) => patch(call, id),
        ("DELETE", Some(id)) => {
            current(call, id)?;
            call.graph.update(|state| state.integrations.remove(id));
            Ok(Reply::status(204))
        }
        _ => Err(not_allowed()),
    }
}

fn list(call: &Call<'_>) -> Reply {
    call.graph.read(|state| {
        let found = state.integrations.values();
        let found = found.filter(|it| it.tenant == call.session.tenant);
        let value: Vec<Value> = found.map(|it| shown(call, it)).collect();
        let context = format!("{}/$metadata#teamwork/workforceIntegrations", call.root());
        Reply::json(200, json!({ "@odata.context": context, "value": value }))
    })
}

fn current(call: &Call<'_>, id: &str) -> Result<Integration, Reply> {
    call.graph.read(|state| {
        let found = state.integrations.get(id).filter(|it| it.tenant == call.session.tenant);
        found.cloned().ok_or_else(|| error::missing("workforceIntegration"))
    })
}

fn post(call: &Call<'_>) -> Result<Reply, Reply> {
    let body = call.body()?;
    let fields = fields(&body)?;
    let tracked = Tracked {
        created_at: call.now,
        created_by: call.who(),
        modified_at: call.now,
        modified_by: call.who(),
        version: 0,
    };
    let missing = |name: &str| error::bad(&format!("The property '{name}' is missing."));
    let mut made = Integration {
        id: String::new(),
        tenant: call.session.tenant.clone(),
        display_name: fields.need_text("displayName")?,
        api_version: fields.number("apiVersion")?.ok_or_else(|| missing("apiVersion"))?,
        is_active: fields.flag("isActive")?.unwrap_or(true),
        url: url(&fields)?.ok_or_else(|| missing("url"))?,
        secret: secret(&body)?.ok_or_else(|| missing("encryption"))?,
        supported: BTreeSet::new(),
        eligibility: BTreeSet::new(),
        tracked,
    };
    entities(&mut made, &fields)?;
    made.id = call.graph.update(|state| {
        made.tracked.version = state.next_version();
        state.new_id("WFI")
    });
    connect(call, &made)?;
    let body = shown(call, &made);
    call.graph.update(|state| state.integrations.insert(made.id.clone(), made));
    Ok(Reply::json(201, body))
}

fn patch(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    let before = current(call, id)?;
    call.if_match(&before.tracked.etag())?;
    let body = call.body()?;
    let fields = fields(&body)?;
    let mut after = before.clone();
    if let Some(name) = fields.text("displayName")? {
        after.display_name = name;
    }
    after.api_version = fields.number("apiVersion")?.unwrap_or(after.api_version);
    after.is_active = fields.flag("isActive")?.unwrap_or(after.is_active);
    after.url = url(&fields)?.unwrap_or(after.url);
    after.secret = secret(&body)?.unwrap_or(after.secret);
    entities(&mut after, &fields)?;
    let moved = (&before.url, &before.secret, before.api_version)
        != (&after.url, &after.secret, after.api_version);
    if moved {
        connect(call, &after)?;
    }
    after.tracked.modified_at = call.now;
    after.tracked.modified_by = call.who();
    after.tracked.version = call.graph.update(|state| state.next_version());
    let body = shown(call, &after);
    call.graph.update(|state| state.integrations.insert(after.id.clone(), after));
    Ok(Reply::json(200, body))
}

fn fields(body: &Map<String, Value>) -> Result<Fields<'_>, Reply> {
    Fields::of(
        "workforceIntegration",
        body,
        &[
            "displayName",
            "apiVersion",
            "isActive",
            "url",
            "encryption",
            "supportedEntities",
            "supports",
            "eligibilityFilteringEnabledEntities",
        ],
    )
}

fn url(fields: &Fields<'_>) -> Result<Option<String>, Reply> {
    let Some(text) = fields.text("url")? else { return Ok(None) };
    let good = url::Url::parse(&text).is_ok_and(|it| matches!(it.scheme(), "https" | "http"));
    if good { Ok(Some(text)) } else { Err(error::bad("The url is not valid.")) }
}

fn secret(body: &Map<String, Value>) -> Result<Option<String>, Reply> {
    let Some(encryption) = body.get("encryption").filter(|it| !it.is_null()) else {
        return Ok(None);
    };
    let protocol = encryption["protocol"].as_str().unwrap_or_default();
    if !protocol.eq_ignore_ascii_case("sharedSecret") {
        return Err(error::bad("The protocol of the encryption must be sharedSecret."));
    }
    // A client that sends back what it got says nothing of the secret.
    let Some(secret) = encryption["secret"].as_str() else { return Ok(None) };
    if secret.len() == SECRET_BYTES {
        Ok(Some(secret.to_owned()))
    } else {
        Err(error::bad("The secret of the encryption must be 64 characters long."))
    }
}

fn entities(integration: &mut Integration, fields: &Fields<'_>) -> Result<(), Reply> {
    let supported = fields.text("supportedEntities")?.or(fields.text("supports")?);
    if let Some(text) = supported {
        integration.supported = names(&text, &ENTITIES, &LATER_ENTITIES)?;
    }
    if let Some(text) = fields.text("eligibilityFilteringEnabledEntities")? {
        integration.eligibility = names(&text, &FILTERS, &LATER_FILTERS)?;
    }
    Ok(())
}

/// Names in one text, with commas between them, each with its first letter upper-case.
fn names(text: &str, known: &[&str], later: &[&str]) -> Result<BTreeSet<String>, Reply> {
    let mut names = BTreeSet::new();
    for name in text.split(',').map(str::trim) {
        if !known.contains(&name) && !later.contains(&name) {
            // The text is the guide's.
            let message = format!("Invalid payload: Requested value '{text}' was not found.");
            return Err(error::plain(400, "BadRequest", &message));
        }
        if name != "None" {
            names.insert(name.to_owned());
        }
    }
    Ok(names)
}

fn connect(call: &Call<'_>, integration: &Integration) -> Result<(), Reply> {
    let Some(callbacks) = call.graph.callbacks() else { return Ok(()) };
    callbacks.connect(integration).map_err(|Refusal { status: _, message }| {
        let text = format!("The workforce integration could not be connected: {message}");
        error::shifts(400, "WorkforceIntegrationError", &text)
    })
}

fn shown(call: &Call<'_>, integration: &Integration) -> Value {
    let Integration {
        id,
        tenant: _,
        display_name,
        api_version,
        is_active,
        url,
        secret: _,
        supported,
        eligibility,
        tracked,
    } = integration;
    let shape = call.shape();
    let mut map = Map::new();
    map.insert("id".into(), id.as_str().into());
    map.insert("displayName".into(), display_name.as_str().into());
    map.insert("apiVersion".into(), (*api_version).into());
    map.insert("isActive".into(), (*is_active).into());
    map.insert("url".into(), url.as_str().into());
    map.insert("encryption".into(), json!({ "protocol": "sharedSecret", "secret": null }));
    let supported = joined(supported, &LATER_ENTITIES, shape);
    if call.beta {
        map.insert("supports".into(), supported.as_str().into());
    }
    map.insert("supportedEntities".into(), supported.into());
    let eligibility = joined(eligibility, &LATER_FILTERS, shape);
    map.insert("eligibilityFilteringEnabledEntities".into(), eligibility.into());
    wire::tracking(&mut map, tracked);
    map.into()
}

/// Flags in one text, in Graph's spelling.
fn joined(names: &BTreeSet<String>, later: &[&str], shape: Shape) -> String {
    let lower = |name: &str| {
        let mut letters = name.chars();
        let first = letters.next().map(|it| it.to_ascii_lowercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    let mut shown: Vec<String> = Vec::new();
    for name in names {
        let masked = !shape.unknown_members && later.contains(&name.as_str());
        let name = if masked { "unknownFutureValue".into() } else { lower(name) };
        if !shown.contains(&name) {
            shown.push(name);
        }
    }
    if shown.is_empty() { "none".into() } else { shown.join(",") }
}
