//! Business units, management units, people, activity codes.

use serde_json::{Value, json};

use super::error;
use super::http::Reply;
use super::route::Call;
use super::wire::{self, metadata, reference};

const AGENTS: [&str; 4] = [
    "wfm:agent:view",
    "wfm:publishedSchedule:view",
    "wfm:schedule:view",
    "wfm:timeOffRequest:view",
];
const UNIT: [&str; 5] = [
    "wfm:businessUnit:view",
    "wfm:managementUnit:view",
    "wfm:agent:view",
    "wfm:publishedSchedule:view",
    "wfm:schedule:view",
];
/// What can be expanded of a business unit.
const EXPANSIONS: [&str; 8] = [
    "settings",
    "settings.timeZone",
    "settings.startDayOfWeek",
    "settings.shortTermForecasting",
    "settings.scheduling",
    "settings.notifications.scheduling",
    "settings.learning",
    "settings.coaching",
];
const CODES: [&str; 3] =
    ["wfm:activityCode:view", "wfm:publishedSchedule:view", "wfm:schedule:view"];

pub(super) fn organization() -> Reply {
    Reply::json(json!({ "id": "organization", "name": "Played", "version": 1, "state": "active" }))
}

pub(super) fn users(call: &Call<'_>) -> Result<Reply, Reply> {
    let size = call.ask.number("pageSize", 25)?;
    let number = call.ask.number("pageNumber", 1)?;
    if size == 0 || size > call.genesys.options().page_size_max {
        return Err(error::invalid("pageSize", "out of range"));
    }
    if number == 0 {
        return Err(error::invalid("pageNumber", "counts from 1"));
    }
    let wanted = call.ask.one("state").unwrap_or_else(|| "active".into());
    let ids = call.ask.all("id");
    let with_number = call.ask.all("expand").iter().any(|it| it == "employerInfo");
    call.genesys.read(|state| {
        let all = state.users.values().filter(|it| {
            (wanted == "any" || it.state == wanted) && (ids.is_empty() || ids.contains(&it.id))
        });
        let total = all.clone().count();
        let page = all.skip((number - 1) * size).take(size);
        let entities: Vec<Value> = page.map(|it| wire::user(it, with_number)).collect();
        let pages = total.div_ceil(size);
        let uri = |page: usize| format!("/api/v2/users?pageSize={size}&pageNumber={page}");
        let mut body = json!({
            "entities": entities, "pageSize": size, "pageNumber": number, "total": total,
            "pageCount": pages, "selfUri": uri(number), "firstUri": uri(1),
            "lastUri": uri(pages.max(1)),
        });
        if number < pages {
            body["nextUri"] = uri(number + 1).into();
        }
        if !call.genesys.options().page_counts
            && let Some(body) = body.as_object_mut()
        {
            body.remove("pageCount");
            body.remove("total");
        }
        Ok(Reply::json(body))
    })
}

pub(super) fn user(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    call.genesys.read(|state| {
        let user = state.users.get(id).ok_or_else(|| error::not_found("user"))?;
        Ok(Reply::json(wire::user(user, true)))
    })
}

pub(super) fn business_units(call: &Call<'_>) -> Reply {
    call.genesys.read(|state| {
        let seen = state.business_units.values().filter(|it| call.session.sees(&it.id));
        let entity = |it: &super::state::BusinessUnit| {
            json!({
                "id": it.id, "name": it.name, "authorized": true,
                "selfUri": format!("/api/v2/workforcemanagement/businessunits/{}", it.id),
            })
        };
        Reply::json(json!({ "entities": seen.map(entity).collect::<Vec<_>>() }))
    })
}

/// # Errors
/// 404, or 403 in another division.
fn check_unit(call: &Call<'_>, unit: &str, any: &[&str]) -> Result<(), Reply> {
    let there = call.genesys.read(|state| state.business_units.contains_key(unit));
    if !there {
        return Err(error::not_found("business unit"));
    }
    call.session.may_in(unit, any)
}

pub(super) fn business_unit(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    check_unit(call, id, &UNIT)?;
    let expand = call.ask.all("expand");
    if expand.iter().any(|it| !EXPANSIONS.contains(&it.as_str())) {
        return Err(error::invalid("expand", "is unknown"));
    }
    let wants = |field: &str| expand.iter().any(|it| it == "settings" || it == field);
    call.genesys.read(|state| {
        let unit = state.business_units.get(id).ok_or_else(|| error::not_found("unit"))?;
        let mut body = json!({
            "id": unit.id, "name": unit.name,
            "selfUri": format!("/api/v2/workforcemanagement/businessunits/{}", unit.id),
        });
        if !expand.is_empty() {
            body["settings"] = json!({ "metadata": { "version": 1 } });
        }
        if wants("settings.timeZone") {
            body["settings"]["timeZone"] = unit.zone.as_str().into();
        }
        if wants("settings.startDayOfWeek") {
            body["settings"]["startDayOfWeek"] = "Monday".into();
        }
        Ok(Reply::json(body))
    })
}

fn unit_body(it: &super::state::ManagementUnit, zone: &str) -> Value {
    json!({
        "id": it.id, "name": it.name, "startDayOfWeek": "Monday", "timeZone": zone,
        "businessUnit": reference("workforcemanagement/businessunits", &it.business_unit),
        "metadata": metadata(1, jiff::Timestamp::UNIX_EPOCH),
        "selfUri": format!("/api/v2/workforcemanagement/managementunits/{}", it.id),
    })
}

pub(super) fn management_units(call: &Call<'_>, of: Option<&str>) -> Result<Reply, Reply> {
    if let Some(unit) = of {
        check_unit(call, unit, &UNIT)?;
    }
    call.genesys.read(|state| {
        let wanted = state.management_units.values().filter(|it| {
            of.is_none_or(|of| it.business_unit == of) && call.session.sees(&it.business_unit)
        });
        let entity = |it: &super::state::ManagementUnit| {
            let zone = state.business_units.get(&it.business_unit).map(|it| it.zone.as_str());
            unit_body(it, it.zone.as_deref().or(zone).unwrap_or("UTC"))
        };
        Ok(Reply::json(json!({ "entities": wanted.map(entity).collect::<Vec<_>>() })))
    })
}

pub(super) fn management_unit(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    call.session.may(&UNIT)?;
    call.genesys.read(|state| {
        let unit =
            state.management_units.get(id).ok_or_else(|| error::not_found("management unit"))?;
        if !call.session.sees(&unit.business_unit) {
            return Err(error::other_division());
        }
        let zone = state.business_units.get(&unit.business_unit).map(|it| it.zone.as_str());
        Ok(Reply::json(unit_body(unit, unit.zone.as_deref().or(zone).unwrap_or("UTC"))))
    })
}

fn listing(agents: &[String]) -> Vec<Value> {
    agents.iter().map(|it| wire::user_reference(it)).collect()
}

pub(super) fn agents_of_unit(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    call.session.may(&AGENTS)?;
    call.genesys.read(|state| {
        if !state.management_units.contains_key(id) {
            return Err(error::not_found("management unit"));
        }
        Ok(Reply::json(json!({ "entities": listing(&state.agents_of(id)) })))
    })
}

pub(super) fn agents(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    check_unit(call, id, &AGENTS)?;
    let only = call.ask.all("managementUnitIds");
    call.genesys.read(|state| {
        let mut by_unit: std::collections::BTreeMap<&str, Vec<Value>> = Default::default();
        for user in state.users.values() {
            if let Some(unit) = &user.management_unit {
                by_unit.entry(unit).or_default().push(wire::user_reference(&user.id));
            }
        }
        let units = state.management_units.values().filter(|it| it.business_unit == id);
        let units = units.filter(|it| only.is_empty() || only.contains(&it.id));
        let entity = |it: &super::state::ManagementUnit| {
            json!({
                "managementUnit": reference("workforcemanagement/managementunits", &it.id),
                "users": by_unit.get(it.id.as_str()).cloned().unwrap_or_default(),
            })
        };
        Ok(Reply::json(json!({ "managementUnits": units.map(entity).collect::<Vec<_>>() })))
    })
}

pub(super) fn unit_of_agent(call: &Call<'_>, agent: &str) -> Result<Reply, Reply> {
    call.session.may(&AGENTS)?;
    call.genesys.read(|state| {
        let unit = state.users.get(agent).and_then(|it| it.management_unit.as_deref());
        let unit = unit.and_then(|it| state.management_units.get(it));
        let unit = unit.ok_or_else(|| error::not_found("agent"))?;
        let mut body = json!({
            "user": wire::user_reference(agent),
            "managementUnit": reference("workforcemanagement/managementunits", &unit.id),
        });
        if call.genesys.options().business_unit_of_agent {
            body["businessUnit"] =
                reference("workforcemanagement/businessunits", &unit.business_unit);
        }
        Ok(Reply::json(body))
    })
}

pub(super) fn activity_codes(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    check_unit(call, id, &CODES)?;
    call.genesys.update(|state| {
        let unit = state.business_units.get(id).ok_or_else(|| error::not_found("unit"))?;
        let entity = |(id, it): (&String, &super::state::ActivityCode)| {
            json!({
                "id": id, "name": it.name, "active": it.active, "defaultCode": it.default,
                "category": it.category, "countsAsPaidTime": it.paid,
                "countsAsWorkTime": it.category != "TimeOff",
                "agentTimeOffSelectable": it.category == "TimeOff",
                "metadata": { "version": 1 },
            })
        };
        let entities: Vec<Value> = unit.activity_codes.iter().map(entity).collect();
        let body = json!({ "entities": entities });
        if call.ask.flag("forceDownloadService") {
            let id = state.put_download(call.now, &body);
            let url = format!("{}/downloads/{id}", call.genesys.base());
            return Ok(Reply::json(json!({ "downloadUrl": url })));
        }
        Ok(Reply::json(body))
    })
}
