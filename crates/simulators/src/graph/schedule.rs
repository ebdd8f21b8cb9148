//! The schedule itself: GET and PUT, and how it comes to be.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::error;
use super::http::Reply;
use super::options::{Options, Provisioning};
use super::parse::Fields;
use super::route::Call;
use super::state::{Entity, Kind, Provision, Reason, Schedule, State, Stored, Tracked, Who};

/// Answers GET; a look brings the provisioning forward.
pub(super) fn get(call: &Call<'_>, team: &str) -> Result<Reply, Reply> {
    let how = &call.graph.options().provisioning;
    call.graph.update(|state| {
        call.team(state, team)?;
        let found = state.teams.get_mut(team).and_then(|it| it.schedule.as_mut());
        let schedule = found.ok_or_else(|| error::missing("schedule"))?;
        if let Provision::Under { looks, .. } = &mut schedule.provision {
            *looks += 1;
        }
        let (status, code) = status(&schedule.provision, how, call.now);
        if let ("Failed", Some(code)) = (status, &code) {
            schedule.provision = Provision::Failed(code.clone());
        } else if status == "Completed" {
            schedule.provision = Provision::Completed;
        }
        Ok(Reply::json(200, shown(call, team, schedule)))
    })
}

/// Answers PUT: makes a schedule, or replaces all of its settings.
pub(super) fn put(call: &Call<'_>, team: &str) -> Result<Reply, Reply> {
    const KNOWN: [&str; 13] = [
        "enabled",
        "timeZone",
        "provisionStatus",
        "provisionStatusCode",
        "timeClockEnabled",
        "timeClockSettings",
        "openShiftsEnabled",
        "swapShiftsRequestsEnabled",
        "offerShiftRequestsEnabled",
        "timeOffRequestsEnabled",
        "startDayOfWeek",
        "isActivitiesIncludedWhenCopyingShiftsEnabled",
        "workforceIntegrationIds",
    ];
    let body = call.body()?;
    let fields = Fields::of("schedule", &body, &KNOWN)?;
    let time_zone = fields.need_text("timeZone")?;
    if jiff::tz::TimeZone::get(&time_zone).is_err() {
        return Err(error::bad("The timeZone is not a name of the IANA time zone database."));
    }
    let enabled = fields.flag("enabled")?;
    let on = |name: &str| fields.flag(name).map(|it| it.unwrap_or(false));
    let sent = Schedule {
        enabled: enabled.ok_or_else(|| error::bad("The property 'enabled' is missing."))?,
        time_zone,
        provision: Provision::Completed,
        open_shifts_enabled: on("openShiftsEnabled")?,
        swap_shifts_requests_enabled: on("swapShiftsRequestsEnabled")?,
        offer_shift_requests_enabled: on("offerShiftRequestsEnabled")?,
        time_off_requests_enabled: on("timeOffRequestsEnabled")?,
        time_clock_enabled: on("timeClockEnabled")?,
        copies_activities: on("isActivitiesIncludedWhenCopyingShiftsEnabled")?,
        start_day_of_week: fields.text("startDayOfWeek")?,
        integrations: fields.texts("workforceIntegrationIds")?.unwrap_or_default(),
    };
    call.graph.update(|state| {
        call.team(state, team)?;
        for id in &sent.integrations {
            let known = state.integrations.get(id);
            if known.is_none_or(|it| it.tenant != call.session.tenant) {
                return Err(error::missing("workforceIntegration"));
            }
        }
        store(state, team, sent, call.graph.options(), call.now);
        let schedule = state.teams.get(team).and_then(|it| it.schedule.as_ref());
        let schedule = schedule.ok_or_else(|| error::missing("schedule"))?;
        Ok(Reply::json(200, shown(call, team, schedule)))
    })
}

/// Keeps a schedule; a new one comes to be as the options say.
pub(super) fn store(
    state: &mut State,
    team: &str,
    sent: Schedule,
    options: &Options,
    now: Timestamp,
) {
    let existing = state.teams.get(team).and_then(|it| it.schedule.as_ref());
    let provision = match existing.map(|it| &it.provision) {
        Some(provision @ (Provision::Under { .. } | Provision::Completed)) => provision.clone(),
        Some(Provision::Failed(_)) | None => match options.provisioning {
            Provisioning::AtOnce => Provision::Completed,
            Provisioning::AfterReads(_) | Provisioning::After(_) | Provisioning::Fails(_) => {
                Provision::Under { since: now, looks: 0 }
            }
        },
    };
    if existing.is_none() {
        for name in &options.default_reasons {
            add_reason(state, team, name, now);
        }
    }
    if let Some(team) = state.teams.get_mut(team) {
        team.schedule = Some(Schedule { provision, ..sent });
    }
}

fn add_reason(state: &mut State, team: &str, name: &str, now: Timestamp) {
    let id = state.new_id(Kind::TimeOffReason.prefix());
    let tracked = Tracked {
        created_at: now,
        created_by: Who::System,
        modified_at: now,
        modified_by: Who::System,
        version: state.next_version(),
    };
    let reason =
        Reason { display_name: name.to_owned(), code: None, icon: "none".into(), is_active: true };
    if let Some(team) = state.teams.get_mut(team) {
        let reasons = team.entities.entry(Kind::TimeOffReason).or_default();
        reasons.insert(id, Stored { entity: Entity::Reason(reason), tracked });
    }
}

/// Whether a schedule may be filled.
pub(super) fn ready(provision: &Provision, how: &Provisioning, now: Timestamp) -> bool {
    status(provision, how, now).0 == "Completed"
}

/// `provisionStatus` and `provisionStatusCode`.
fn status(
    provision: &Provision,
    how: &Provisioning,
    now: Timestamp,
) -> (&'static str, Option<String>) {
    let (since, looks) = match provision {
        Provision::Completed => return ("Completed", None),
        Provision::Failed(code) => return ("Failed", Some(code.clone())),
        Provision::Under { since, looks } => (*since, *looks),
    };
    let (done, code) = match how {
        Provisioning::AtOnce => (true, None),
        Provisioning::AfterReads(reads) => (looks > *reads, None),
        Provisioning::After(time) => {
            let time = SignedDuration::try_from(*time).unwrap_or(SignedDuration::MAX);
            (now.duration_since(since) >= time, None)
        }
        Provisioning::Fails(code) => (looks > 1, Some(code.clone())),
    };
    match (done, code) {
        (true, None) => ("Completed", None),
        (true, Some(code)) => ("Failed", Some(code)),
        (false, _) if looks == 0 => ("NotStarted", None),
        (false, _) => ("Running", None),
    }
}

fn shown(call: &Call<'_>, team: &str, schedule: &Schedule) -> Value {
    let Schedule {
        enabled,
        time_zone,
        provision,
        open_shifts_enabled,
        swap_shifts_requests_enabled,
        offer_shift_requests_enabled,
        time_off_requests_enabled,
        time_clock_enabled,
        copies_activities,
        start_day_of_week,
        integrations,
    } = schedule;
    let (status, code) = status(provision, &call.graph.options().provisioning, call.now);
    json!({
        "@odata.context": format!("{}/$metadata#teams('{team}')/schedule/$entity", call.root()),
        "id": team, "enabled": enabled, "timeZone": time_zone,
        "provisionStatus": status, "provisionStatusCode": code,
        "timeClockEnabled": time_clock_enabled, "timeClockSettings": null,
        "openShiftsEnabled": open_shifts_enabled,
        "swapShiftsRequestsEnabled": swap_shifts_requests_enabled,
        "offerShiftRequestsEnabled": offer_shift_requests_enabled,
        "timeOffRequestsEnabled": time_off_requests_enabled,
        "startDayOfWeek": start_day_of_week.as_deref().unwrap_or("sunday"),
        "isActivitiesIncludedWhenCopyingShiftsEnabled": copies_activities,
        "workforceIntegrationIds": integrations,
    })
}
