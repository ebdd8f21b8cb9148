//! From the name of a zone, as servers write it, to the zone's rules.
//!
//! The rules are always those of the bundled IANA database: the CalConnect advice (CC/R 0602) is
//! to guess the zone from its name and not to trust the `VTIMEZONE` that came along, which is
//! often years old. A `VTIMEZONE` counts only where its name says nothing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::str::FromStr;

use calcard::common::timezone::Tz;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarProperty, ICalendarValue,
};
use jiff::tz::{Offset, TimeZone};

/// Longest name that is looked up, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// The zones that one object names.
///
/// Each name is looked up once, so that an object with many events and many definitions costs no
/// more than its size.
pub(crate) struct Zones<'o> {
    object: &'o ICalendar,
    definitions: HashMap<&'o str, &'o ICalendarComponent>,
    found: RefCell<HashMap<&'o str, Option<TimeZone>>>,
    /// Where local times without a zone are meant to be, if the object says.
    pub(crate) floating: Option<TimeZone>,
}

impl<'o> Zones<'o> {
    pub(crate) fn new(object: &'o ICalendar) -> Self {
        let calendars = object.components.iter().filter(|component| {
            matches!(component.component_type, ICalendarComponentType::VCalendar)
        });
        let names = calendars.filter_map(|calendar| extension(calendar, "X-WR-TIMEZONE"));
        let floating = names.filter_map(by_name).next();
        let name_of = |definition: &'o ICalendarComponent| {
            let entry = definition.property(&ICalendarProperty::Tzid)?;
            Some((entry.values.first()?.as_text()?.trim(), definition))
        };
        let definitions = object.timezones().filter_map(name_of).collect();
        Self { object, definitions, found: RefCell::default(), floating }
    }

    /// The zone that a `TZID` parameter names.
    pub(crate) fn get(&self, tzid: &'o str) -> Option<TimeZone> {
        let look_up = || by_name(tzid).or_else(|| self.defined(self.definitions.get(tzid.trim())?));
        self.found.borrow_mut().entry(tzid).or_insert_with(look_up).clone()
    }

    fn defined(&self, definition: &ICalendarComponent) -> Option<TimeZone> {
        let microsoft = |id: &str| Tz::from_ms_cdo_zone_id(id.trim())?.name();
        extension(definition, "X-LIC-LOCATION")
            .and_then(by_name)
            .or_else(|| by_name(&microsoft(extension(definition, "X-MICROSOFT-CDO-TZID")?)?))
            .or_else(|| self.single_offset(definition))
    }

    /// The offset of a definition that knows only one.
    fn single_offset(&self, definition: &ICalendarComponent) -> Option<TimeZone> {
        let [only] = definition.component_ids.as_slice() else {
            return None;
        };
        let entry = self.object.component_by_id(*only)?;
        let value = entry.property(&ICalendarProperty::Tzoffsetto)?.values.first()?;
        let ICalendarValue::PartialDateTime(offset) = value else {
            return None;
        };
        let minutes = i32::from(offset.tz_hour?) * 60 + i32::from(offset.tz_minute.unwrap_or(0));
        let seconds = if offset.tz_minus { -minutes * 60 } else { minutes * 60 };
        Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
    }
}

/// The zone of an IANA name, a Windows name, or a path that ends in an IANA name.
fn by_name(name: &str) -> Option<TimeZone> {
    let name = name.trim().trim_matches('"');
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return None;
    }
    let iana = |name: &str| TimeZone::get(name).ok();
    iana(name).or_else(|| iana(&Tz::from_str(name).ok()?.name()?)).or_else(|| {
        // `/freeassociation.sourceforge.net/Europe/Berlin`, `/mozilla.org/…/America/Chicago`.
        let tails = name.strip_prefix('/')?.match_indices('/');
        tails.filter_map(|(at, _)| iana(name.get(at + 2..)?)).next()
    })
}

/// The text of a property that only some vendors write.
fn extension<'c>(component: &'c ICalendarComponent, wanted: &str) -> Option<&'c str> {
    component.entries.iter().find_map(|entry| match &entry.name {
        ICalendarProperty::Other(name) if name.eq_ignore_ascii_case(wanted) => {
            entry.values.first()?.as_text()
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_several_makers_lead_to_the_same_zone() {
        let names = [
            "Europe/Berlin",
            "europe/berlin",
            "\"Europe/Berlin\"",
            "W. Europe Standard Time",
            "/freeassociation.sourceforge.net/Europe/Berlin",
            "/mozilla.org/20070129_1/Europe/Berlin",
        ];
        for name in names {
            let zone = by_name(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(zone.iana_name(), Some("Europe/Berlin"), "{name}");
        }
        assert!(by_name("Customized Time Zone").is_none());
        assert!(by_name("").is_none());
    }
}
