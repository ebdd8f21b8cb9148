//! Reading what clients send: properties by name, with Graph's refusals.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::error;
use super::http::Reply;
use super::state::{Activity, Group, Item, Kind, Planned, Reason};
use super::wire::{sides, theme_named};

/// What a client may send back as it got it, and what has no effect.
const READ_ONLY: [&str; 10] = [
    "id",
    "createdDateTime",
    "createdBy",
    "lastModifiedDateTime",
    "lastModifiedBy",
    "isStagedForDeletion",
    "teamInfo",
    "userInfo",
    "schedulingGroupInfo",
    "eTag",
];

/// A JSON object whose properties are read by name.
pub(super) struct Fields<'a> {
    type_name: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// # Errors
    /// 400 when there is a property that the type does not have.
    pub fn of(
        type_name: &'a str,
        map: &'a Map<String, Value>,
        known: &[&str],
    ) -> Result<Self, Reply> {
        let strange = map.keys().find(|key| {
            !key.contains("@odata.")
                && !known.contains(&key.as_str())
                && !READ_ONLY.contains(&key.as_str())
        });
        match strange {
            None => Ok(Self { type_name, map }),
            Some(key) => {
                let message = format!(
                    "The property '{key}' does not exist on type 'microsoft.graph.{type_name}'. \
                     Make sure to only use property names that are defined by the type."
                );
                Err(error::plain(400, "BadRequest", &message))
            }
        }
    }

    fn wrong(&self, name: &str) -> Reply {
        let Self { type_name, .. } = self;
        error::bad(&format!("The property '{name}' of '{type_name}' is missing or not valid."))
    }

    /// What is there, `null` counting as nothing.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|it| !it.is_null())
    }

    /// A text, if one is there.
    pub fn text(&self, name: &str) -> Result<Option<String>, Reply> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(name)),
        }
    }

    /// A text that must be there and not be empty.
    pub fn need_text(&self, name: &str) -> Result<String, Reply> {
        self.text(name)?.filter(|it| !it.trim().is_empty()).ok_or_else(|| self.wrong(name))
    }

    /// Yes or no, if it is said.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Reply> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(name)),
        }
    }

    /// A number, if one is there.
    pub fn number(&self, name: &str) -> Result<Option<i32>, Reply> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_i64().and_then(|it| i32::try_from(it).ok());
        number.map(Some).ok_or_else(|| self.wrong(name))
    }

    /// An instant, if one is there; always with its offset.
    pub fn instant(&self, name: &str) -> Result<Option<Timestamp>, Reply> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.wrong(name))
    }

    /// An instant that must be there.
    pub fn need_instant(&self, name: &str) -> Result<Timestamp, Reply> {
        self.instant(name)?.ok_or_else(|| self.wrong(name))
    }

    /// Texts, if they are there.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Reply> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let list = value.as_array().ok_or_else(|| self.wrong(name))?;
        let texts = list.iter().map(|it| it.as_str().map(String::from));
        texts.collect::<Option<_>>().map(Some).ok_or_else(|| self.wrong(name))
    }

    fn object(&self, name: &str) -> Result<Option<&'a Map<String, Value>>, Reply> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(self.wrong(name)),
        }
    }

    fn theme(&self) -> Result<Option<String>, Reply> {
        let Some(name) = self.text("theme")? else { return Ok(Some("white".into())) };
        let theme = theme_named(&name).ok_or_else(|| self.wrong("theme"))?;
        Ok(Some(theme.into()))
    }
}

/// Reads a scheduling group.
pub(super) fn group(map: &Map<String, Value>) -> Result<Group, Reply> {
    let known = ["displayName", "code", "isActive", "userIds"];
    let fields = Fields::of("schedulingGroup", map, &known)?;
    Ok(Group {
        display_name: fields.need_text("displayName")?,
        code: fields.text("code")?,
        is_active: fields.flag("isActive")?.unwrap_or(true),
        users: fields.texts("userIds")?.unwrap_or_default(),
    })
}

/// Icons of timeOffReasonIconType.
const ICONS: [&str; 21] = [
    "none",
    "car",
    "calendar",
    "running",
    "plane",
    "firstAid",
    "doctor",
    "notWorking",
    "clock",
    "juryDuty",
    "globe",
    "cup",
    "phone",
    "weather",
    "umbrella",
    "piggyBank",
    "dog",
    "cake",
    "trafficCone",
    "pin",
    "sunny",
];

/// Reads a reason for time off.
pub(super) fn reason(map: &Map<String, Value>) -> Result<Reason, Reply> {
    let known = ["displayName", "code", "isActive", "iconType"];
    let fields = Fields::of("timeOffReason", map, &known)?;
    let icon = fields.text("iconType")?.unwrap_or_else(|| "none".into());
    let icon = ICONS.into_iter().find(|it| it.eq_ignore_ascii_case(&icon));
    Ok(Reason {
        display_name: fields.need_text("displayName")?,
        code: fields.text("code")?,
        icon: icon.ok_or_else(|| fields.wrong("iconType"))?.into(),
        is_active: fields.flag("isActive")?.unwrap_or(true),
    })
}

/// Reads a shift, an open shift or a time off.
pub(super) fn planned(kind: Kind, map: &Map<String, Value>) -> Result<Planned, Reply> {
    let (draft, shared) = sides(kind);
    let known: &[&str] = match kind {
        Kind::OpenShift => &["schedulingGroupId", draft, shared],
        Kind::TimeOff => &["userId", draft, shared],
        _ => &["userId", "schedulingGroupId", draft, shared],
    };
    let fields = Fields::of(kind.type_name(), map, known)?;
    let side = |name| fields.object(name)?.map(|it| item(kind, it)).transpose();
    let planned = Planned {
        user: fields.text("userId")?,
        group: fields.text("schedulingGroupId")?,
        draft: side(draft)?,
        shared: side(shared)?,
        is_staged_for_deletion: false,
    };
    if planned.draft.is_none() && planned.shared.is_none() {
        return Err(error::bad(&format!("One of '{draft}' and '{shared}' is needed.")));
    }
    Ok(planned)
}

fn item(kind: Kind, map: &Map<String, Value>) -> Result<Item, Reply> {
    let (type_name, known): (_, &[&str]) = match kind {
        Kind::TimeOff => {
            ("timeOffItem", &["startDateTime", "endDateTime", "theme", "timeOffReasonId"])
        }
        Kind::OpenShift => (
            "openShiftItem",
            &[
                "startDateTime",
                "endDateTime",
                "theme",
                "displayName",
                "notes",
                "activities",
                "openSlotCount",
            ],
        ),
        _ => (
            "shiftItem",
            &["startDateTime", "endDateTime", "theme", "displayName", "notes", "activities"],
        ),
    };
    let fields = Fields::of(type_name, map, known)?;
    let (start, end) = (fields.need_instant("startDateTime")?, fields.need_instant("endDateTime")?);
    let open_slots = match kind {
        Kind::OpenShift => {
            let slots = fields.number("openSlotCount")?;
            Some(slots.filter(|it| *it >= 0).ok_or_else(|| fields.wrong("openSlotCount"))?)
        }
        _ => None,
    };
    let reason = match kind {
        Kind::TimeOff => Some(fields.need_text("timeOffReasonId")?),
        _ => None,
    };
    let theme = fields.theme()?;
    let item = Item {
        start,
        end,
        theme,
        display_name: fields.text("displayName")?,
        notes: fields.text("notes")?,
        activities: activities(&fields)?,
        open_slots,
        reason,
    };
    check_times(kind, &item)?;
    Ok(item)
}

fn activities(fields: &Fields<'_>) -> Result<Vec<Activity>, Reply> {
    let Some(list) = fields.get("activities") else { return Ok(Vec::new()) };
    let list = list.as_array().ok_or_else(|| fields.wrong("activities"))?;
    let activity = |value: &Value| {
        let map = value.as_object().ok_or_else(|| fields.wrong("activities"))?;
        let known = ["isPaid", "startDateTime", "endDateTime", "code", "displayName", "theme"];
        let fields = Fields::of("shiftActivity", map, &known)?;
        Ok(Activity {
            is_paid: fields.flag("isPaid")?.unwrap_or(false),
            start: fields.need_instant("startDateTime")?,
            end: fields.need_instant("endDateTime")?,
            code: fields.text("code")?.unwrap_or_default(),
            display_name: fields.text("displayName")?.unwrap_or_default(),
            theme: fields.theme()?,
        })
    };
    list.iter().map(activity).collect()
}

/// A shift has at least a minute and at most 24 hours (shift resource page); its activities lie in
/// it, one after the other.
fn check_times(kind: Kind, item: &Item) -> Result<(), Reply> {
    let minutes = item.end.duration_since(item.start).as_secs() / 60;
    if minutes < 1 {
        return Err(error::bad("The end must be at least 1 minute after the start."));
    }
    if kind != Kind::TimeOff
        && item.end.duration_since(item.start).as_hours() >= 24
        && item.end.duration_since(item.start).as_secs() > 24 * 3600
    {
        return Err(error::bad("A shift can't be longer than 24 hours."));
    }
    let mut activities: Vec<_> = item.activities.iter().map(|it| (it.start, it.end)).collect();
    activities.sort_unstable();
    let outside = activities
        .iter()
        .any(|(start, end)| *start < item.start || *end > item.end || start >= end);
    let overlap = activities.windows(2).any(|pair| pair[0].1 > pair[1].0);
    if outside || overlap {
        let message = "Activities must lie within the shift and not overlap.";
        return Err(error::bad(message));
    }
    Ok(())
}
