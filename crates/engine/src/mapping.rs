//! The mapping profile: what a calendar shows of an entity. Pure.
//!
//! Used by mirrors (through the planner) and by feeds, so that both show the same.

use std::collections::BTreeMap;

use domain::policy::PrivacyTier;
use domain::{
    Activity, CalendarEvent, Entity, EventExtras, EventSpan, Fingerprint, Fingerprinter, Shift,
    ShowAs, TimeOff, TimeOffSpan, Visibility,
};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// How entities are shown in calendars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingProfile {
    /// How much is shown.
    pub privacy: PrivacyTier,
    /// The title of a shift. `{activity}`, `{group}` and `{employee}` are replaced; a part whose
    /// value is unknown vanishes together with the separators around it.
    pub title: String,
    /// How single kinds of work differ, by label.
    pub activities: BTreeMap<String, ActivityProfile>,
    /// Whether breaks and other activities are listed in the description.
    pub activities_listed: bool,
    /// The zone in which times in descriptions are written.
    pub time_zone: String,
}

/// How one kind of work differs from the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivityProfile {
    /// What to call it instead of its label.
    pub title: Option<String>,
    /// Whether the time is taken.
    pub show_as: Option<ShowAs>,
}

impl Default for MappingProfile {
    fn default() -> Self {
        Self {
            privacy: PrivacyTier::Full,
            title: "{activity} – {group}".into(),
            activities: BTreeMap::new(),
            activities_listed: true,
            time_zone: "UTC".into(),
        }
    }
}

/// Names that titles and descriptions may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Group names by group id.
    pub groups: BTreeMap<String, String>,
    /// Names of time-off reasons by id.
    pub reasons: BTreeMap<String, String>,
    /// Employee names by id.
    pub employees: BTreeMap<String, String>,
}

impl Names {
    /// The hash of all names: when one changes, what calendars show may change with it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut print = Fingerprinter::new("names/1");
        for map in [&self.groups, &self.reasons, &self.employees] {
            print.number(map.len() as i64);
            for (id, name) in map {
                print.text(id).text(name);
            }
        }
        print.finish()
    }
}

impl MappingProfile {
    /// The hash of the profile: another one means that every item is looked at again.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let Self { privacy, title, activities, activities_listed, time_zone } = self;
        let mut print = Fingerprinter::new("mapping_profile/1");
        print
            .number(*privacy as i64)
            .text(title)
            .number(i64::from(*activities_listed))
            .text(time_zone)
            .number(activities.len() as i64);
        for (label, ActivityProfile { title, show_as }) in activities {
            print
                .text(label)
                .optional(title.as_deref())
                .number(show_as.map_or(-1, |show_as| show_as as i64));
        }
        print.finish()
    }

    /// What a calendar shows of `entity`; `None` for kinds that calendars do not show.
    #[must_use]
    pub fn event(&self, entity: &Entity, names: &Names) -> Option<CalendarEvent> {
        match entity {
            Entity::Shift(shift) => Some(self.shift(shift, names).plain()),
            Entity::TimeOff(time_off) => Some(self.time_off(time_off, names).plain()),
            Entity::OpenShift(_)
            | Entity::Employee(_)
            | Entity::ScheduleGroup(_)
            | Entity::TimeOffReason(_) => None,
        }
    }

    fn shift(&self, shift: &Shift, names: &Names) -> CalendarEvent {
        let profile = self.activities.get(&shift.label);
        let label = profile.and_then(|it| it.title.as_deref()).unwrap_or(&shift.label);
        let group = shift.group.as_ref().map(|id| name_of(&names.groups, id.as_str()));
        let employee = name_of(&names.employees, shift.employee.as_str());
        let title = fill(
            &self.title,
            &[("{activity}", Some(label)), ("{group}", group), ("{employee}", Some(employee))],
        );
        let summary = match self.privacy {
            PrivacyTier::Full | PrivacyTier::Title => title,
            PrivacyTier::Busy => "Busy".into(),
        };
        let (description, categories) = match self.privacy {
            PrivacyTier::Full => {
                (self.describe(&shift.activities, shift.notes.as_deref()), vec![label.to_owned()])
            }
            PrivacyTier::Title | PrivacyTier::Busy => (None, vec![]),
        };
        CalendarEvent {
            summary,
            description,
            location: None,
            categories,
            span: EventSpan::Timed(shift.interval),
            show_as: profile.and_then(|it| it.show_as).unwrap_or(ShowAs::Busy),
            visibility: Visibility::Default,
            extras: EventExtras::default(),
        }
    }

    fn time_off(&self, time_off: &TimeOff, names: &Names) -> CalendarEvent {
        let reason = time_off.reason.as_ref().map(|id| name_of(&names.reasons, id.as_str()));
        let (summary, description) = match self.privacy {
            PrivacyTier::Full => (reason.unwrap_or("Time off").to_owned(), time_off.notes.clone()),
            // The kind of an absence can be sensitive (sick leave), so a title never names it.
            PrivacyTier::Title => ("Time off".to_owned(), None),
            PrivacyTier::Busy => ("Busy".to_owned(), None),
        };
        let span = match &time_off.span {
            TimeOffSpan::Timed(interval) => EventSpan::Timed(*interval),
            TimeOffSpan::AllDay { first, end, zone: _ } => {
                EventSpan::AllDay { first: *first, end: *end }
            }
        };
        let show_as = match self.privacy {
            PrivacyTier::Full | PrivacyTier::Title => ShowAs::OutOfOffice,
            PrivacyTier::Busy => ShowAs::Busy,
        };
        CalendarEvent {
            summary,
            description,
            location: None,
            categories: vec![],
            span,
            show_as,
            visibility: Visibility::Default,
            extras: EventExtras::default(),
        }
    }

    fn describe(&self, activities: &[Activity], notes: Option<&str>) -> Option<String> {
        let zone = TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC);
        let mut lines = Vec::new();
        if self.activities_listed {
            for Activity { label, interval, paid } in activities {
                let at = |instant| zone.to_datetime(instant).strftime("%H:%M").to_string();
                let unpaid = if *paid { "" } else { " (unpaid)" };
                let (from, to) = (at(interval.start()), at(interval.end()));
                lines.push(format!("{from}–{to} {label}{unpaid}"));
            }
        }
        lines.extend(notes.filter(|notes| !notes.trim().is_empty()).map(str::to_owned));
        if lines.is_empty() { None } else { Some(lines.join("\n")) }
    }
}

fn name_of<'a>(names: &'a BTreeMap<String, String>, id: &'a str) -> &'a str {
    names.get(id).map_or(id, String::as_str)
}

/// Replaces placeholders. What separates two of them (` – `) is kept only where both sides have
/// a value.
fn fill(template: &str, values: &[(&str, Option<&str>)]) -> String {
    let mut out = String::new();
    let mut literal = String::new();
    let (mut placeholders, mut shown) = (0, 0);
    let mut rest = template;
    while !rest.is_empty() {
        let found = values.iter().find(|(placeholder, _)| rest.starts_with(placeholder));
        let Some((placeholder, value)) = found else {
            let next = rest.chars().next().map_or(1, char::len_utf8);
            literal.push_str(&rest[..next]);
            rest = &rest[next..];
            continue;
        };
        rest = &rest[placeholder.len()..];
        let value = value.filter(|value| !value.is_empty());
        // What stands before the first placeholder is text; what stands between two separates.
        if placeholders == 0 || (value.is_some() && shown > 0) {
            out.push_str(&literal);
        }
        if let Some(value) = value {
            out.push_str(value);
            shown += 1;
        }
        literal.clear();
        placeholders += 1;
    }
    out.push_str(&literal);
    let out = out.trim();
    if out.is_empty() { "Shift".into() } else { out.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, activity: Option<&str>, group: Option<&str>, expected: &str) {
        let filled = fill(template, &[("{activity}", activity), ("{group}", group)]);
        assert_eq!(filled, expected, "{template}");
    }

    #[test]
    fn an_unknown_value_takes_its_separator_with_it() {
        check("{activity} – {group}", Some("Late"), Some("Ward 3"), "Late – Ward 3");
        check("{activity} – {group}", Some("Late"), None, "Late");
        check("{activity} – {group}", None, Some("Ward 3"), "Ward 3");
        check("{activity} – {group}", None, None, "Shift");
        check("Work: {activity}", Some("Late"), None, "Work: Late");
        check("Work", None, None, "Work");
    }
}
