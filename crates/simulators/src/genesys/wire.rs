//! How things stand in JSON.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::{Activity, AgentSchedule, Marker, Schedule, Shift, TimeOff, User};

/// `2026-10-24T21:00:00.000Z`.
pub(super) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

pub(super) fn reference(kind: &str, id: &str) -> Value {
    json!({ "id": id, "selfUri": format!("/api/v2/{kind}/{id}") })
}

pub(super) fn user_reference(id: &str) -> Value {
    reference("users", id)
}

pub(super) fn metadata(version: u32, modified: Timestamp) -> Value {
    json!({
        "version": version, "dateModified": instant(modified),
        "modifiedBy": { "id": "System" }, "createdBy": { "id": "System" },
    })
}

pub(super) fn user(it: &User, with_number: bool) -> Value {
    let mut value = json!({
        "id": it.id, "name": it.name, "state": it.state, "version": it.version,
        "selfUri": format!("/api/v2/users/{}", it.id), "acdAutoAnswer": false,
        "primaryContactInfo": [],
    });
    if let Some(email) = &it.email {
        value["email"] = email.as_str().into();
        value["primaryContactInfo"] =
            json!([{ "address": email, "mediaType": "EMAIL", "type": "PRIMARY" }]);
    }
    if let Some(username) = &it.username {
        value["username"] = username.as_str().into();
    }
    if let (true, Some(number)) = (with_number, &it.employee_number) {
        value["employerInfo"] = json!({ "employeeId": number });
    }
    value
}

pub(super) fn head(it: &Schedule) -> Value {
    json!({
        "id": it.id, "weekDate": it.week_date.to_string(), "weekCount": it.week_count,
        "description": it.description, "published": it.published,
        "metadata": metadata(it.version, it.modified), "selfUri": self_uri(it),
    })
}

pub(super) fn self_uri(it: &Schedule) -> String {
    format!(
        "/api/v2/workforcemanagement/businessunits/{}/weeks/{}/schedules/{}",
        it.business_unit, it.week_date, it.id
    )
}

pub(super) fn shift(it: &Shift, schedule: &Schedule) -> Value {
    let activities: Vec<Value> = it.activities.iter().map(activity).collect();
    json!({
        "id": it.id, "startDate": instant(it.start), "lengthMinutes": it.minutes,
        "activities": activities, "manuallyEdited": false,
        "schedule": {
            "id": schedule.id, "weekDate": schedule.week_date.to_string(),
            "selfUri": self_uri(schedule),
        },
    })
}

fn activity(it: &Activity) -> Value {
    let mut value = json!({
        "startDate": instant(it.start), "lengthMinutes": it.minutes, "description": it.description,
        "activityCodeId": it.code, "paid": it.paid,
        "payableMinutes": if it.paid { it.minutes } else { 0 },
    });
    if let Some(id) = &it.time_off {
        value["timeOffRequestId"] = id.as_str().into();
        value["timeOffRequestSyncVersion"] = 1.into();
    }
    value
}

pub(super) fn marker(it: &Marker) -> Value {
    let mut value = json!({
        "businessUnitDate": it.date.to_string(), "startOffsetMinutes": 480,
        "endOffsetMinutes": 480 + it.minutes, "lengthMinutes": it.minutes,
        "description": it.description, "activityCodeId": it.code, "paid": true,
        "payableMinutes": it.minutes,
    });
    if let Some(id) = &it.time_off {
        value["timeOffRequestId"] = id.as_str().into();
        value["timeOffRequestSyncVersion"] = 1.into();
    }
    value
}

/// Without metadata, as a search answers it.
pub(super) fn agent_schedule(agent: &str, it: &AgentSchedule, schedule: &Schedule) -> Value {
    let shifts: Vec<Value> = it.shifts.iter().map(|it| shift(it, schedule)).collect();
    let markers: Vec<Value> = it.markers.iter().map(marker).collect();
    json!({ "user": user_reference(agent), "shifts": shifts, "fullDayTimeOffMarkers": markers })
}

pub(super) fn time_off(it: &TimeOff) -> Value {
    let days: Vec<String> = it.days.iter().map(ToString::to_string).collect();
    let starts: Vec<String> = it.starts.iter().map(|it| instant(*it)).collect();
    let mut value = json!({
        "id": it.id, "user": user_reference(&it.user), "isFullDayRequest": !it.days.is_empty(),
        "markedAsRead": true, "activityCodeId": it.code, "paid": true, "status": it.status,
        "partialDayStartDateTimes": starts, "fullDayManagementUnitDates": days,
        "dailyDurationMinutes": it.minutes.first().copied().unwrap_or(0),
        "durationMinutes": it.minutes, "payableMinutes": it.minutes,
        "fullDayEarliestStartOffsetMinutes": [], "fullDayLatestEndOffsetMinutes": [],
        "notes": it.notes, "submittedBy": user_reference(&it.user),
        "submittedDate": instant(it.submitted), "syncVersion": 1,
        "metadata": metadata(it.version, it.modified),
    });
    if let Some(substatus) = it.substatus {
        value["substatus"] = substatus.into();
    }
    value
}
