//! What the placeholders of one item are filled with.

use std::borrow::Cow;

use domain::{Activity, UtcInterval};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::MappingProfile;
use super::template::{Field, Template};

/// What is said of that of which nothing is said but when.
pub(super) const BUSY: &str = "Busy";

/// What is known of one item.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Filler<'a> {
    /// IANA name of the zone in which times are written.
    pub zone: &'a str,
    pub activity: Option<&'a str>,
    pub activities: &'a [Activity],
    /// What says how each of them is called, and of which nothing is said.
    pub profile: Option<&'a MappingProfile>,
    pub group: Option<&'a str>,
    pub employee: Option<&'a str>,
    pub interval: Option<UtcInterval>,
    pub notes: Option<&'a str>,
    pub reason: Option<&'a str>,
    pub location: Option<&'a str>,
    pub slots: Option<u32>,
    pub count: Option<u32>,
}

impl<'a> Filler<'a> {
    /// A title: never empty, for some servers refuse that.
    pub fn fill(&self, template: &Template, fallback: &str) -> String {
        let filled = template.fill(&|field| self.value(field));
        let filled = filled.trim();
        if filled.is_empty() { fallback.to_owned() } else { filled.to_owned() }
    }

    pub fn value(&self, field: Field) -> Option<Cow<'a, str>> {
        match field {
            Field::Activities => self.activities(),
            Field::Activity => self.activity.map(Cow::from),
            Field::Count => self.count.map(|count| count.to_string().into()),
            Field::Date => self.interval.map(|it| self.written(it.start(), "%Y-%m-%d").into()),
            Field::Employee => self.employee.map(Cow::from),
            Field::End => self.interval.map(|it| self.written(it.end(), "%H:%M").into()),
            Field::Group => self.group.map(Cow::from),
            Field::Location => self.location.map(Cow::from),
            Field::Notes => self.notes.map(Cow::from),
            Field::Reason => self.reason.map(Cow::from),
            Field::Slots => self.slots.map(|slots| slots.to_string().into()),
            Field::Start => self.interval.map(|it| self.written(it.start(), "%H:%M").into()),
        }
    }

    fn written(&self, at: Timestamp, form: &str) -> String {
        let zone = TimeZone::get(self.zone).unwrap_or(TimeZone::UTC);
        zone.to_datetime(at).strftime(form).to_string()
    }

    fn activities(&self) -> Option<Cow<'a, str>> {
        if self.activities.is_empty() {
            return None;
        }
        let zone = TimeZone::get(self.zone).unwrap_or(TimeZone::UTC);
        let line = |Activity { label, interval, paid }: &Activity| {
            let at = |instant| zone.to_datetime(instant).strftime("%H:%M").to_string();
            let called = self.profile.map_or(Some(label.as_str()), |it| it.called(label));
            let unpaid = if *paid || called.is_none() { "" } else { " (unpaid)" };
            let called = called.unwrap_or(BUSY);
            format!("{}–{} {called}{unpaid}", at(interval.start()), at(interval.end()))
        };
        let lines: Vec<String> = self.activities.iter().map(line).collect();
        Some(lines.join("\n").into())
    }
}
