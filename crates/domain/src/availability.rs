//! When somebody is available for work, week after week.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// When somebody is available, in local time of one zone, the same every week.
///
/// The text form names the zone and then each day: `Europe/Berlin; mon 08:00-16:00 18:00-20:00;
/// tue all; wed none`. A day that is not named is `all`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Availability {
    /// IANA name of the zone.
    pub zone: String,
    /// From Monday to Sunday.
    pub days: Box<[DayAvailability; 7]>,
}

/// When somebody is available on one day of the week.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DayAvailability {
    /// At any time.
    #[default]
    AllDay,
    /// Within these local times, half-open, in order, without overlap; empty means never. An end
    /// of 00:00 is the end of the day.
    Within(Vec<(Time, Time)>),
}

/// Why a text is no availability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no availability: {reason}")]
pub struct AvailabilityError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { zone, days } = self;
        f.write_str(zone)?;
        for (name, day) in DAYS.iter().zip(days.iter()) {
            write!(f, "; {name}")?;
            match day {
                DayAvailability::AllDay => f.write_str(" all")?,
                DayAvailability::Within(times) if times.is_empty() => f.write_str(" none")?,
                DayAvailability::Within(times) => {
                    for (from, to) in times {
                        write!(f, " {}-{}", from.strftime("%H:%M"), to.strftime("%H:%M"))?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl FromStr for Availability {
    type Err = AvailabilityError;

    fn from_str(text: &str) -> Result<Self, AvailabilityError> {
        let bad = |reason: String| AvailabilityError { text: text.to_owned(), reason };
        let mut parts = text.split(';').map(str::trim);
        let zone = parts.next().unwrap_or_default();
        TimeZone::get(zone).map_err(|_| bad(format!("`{zone}` is no IANA time zone")))?;
        let mut days: Box<[DayAvailability; 7]> = Box::default();
        for part in parts.filter(|part| !part.is_empty()) {
            let mut words = part.split_whitespace();
            let name = words.next().unwrap_or_default().to_ascii_lowercase();
            let index = DAYS.iter().position(|day| *day == name);
            let index = index.ok_or_else(|| bad(format!("`{name}` is none of mon … sun")))?;
            days[index] = day(words).map_err(bad)?;
        }
        Ok(Self { zone: zone.to_owned(), days })
    }
}

fn day<'a>(words: impl Iterator<Item = &'a str>) -> Result<DayAvailability, String> {
    let words: Vec<&str> = words.collect();
    match words.as_slice() {
        ["all"] => return Ok(DayAvailability::AllDay),
        ["none"] => return Ok(DayAvailability::Within(vec![])),
        [] => return Err("a day is followed by `all`, `none` or times".into()),
        _ => {}
    }
    let mut times = Vec::with_capacity(words.len());
    for word in words {
        let (from, to) = word
            .split_once('-')
            .and_then(|(from, to)| Some((from.parse::<Time>().ok()?, to.parse::<Time>().ok()?)))
            .ok_or_else(|| format!("`{word}` is not of the form 08:00-16:00"))?;
        if from >= to && to != Time::midnight() {
            return Err(format!("`{word}` ends before it starts"));
        }
        times.push((from, to));
    }
    times.sort_unstable();
    if times.windows(2).any(|pair| pair[0].1 == Time::midnight() || pair[0].1 > pair[1].0) {
        return Err("times of one day overlap".into());
    }
    Ok(DayAvailability::Within(times))
}

impl TryFrom<String> for Availability {
    type Error = AvailabilityError;
    fn try_from(text: String) -> Result<Self, AvailabilityError> {
        text.parse()
    }
}

impl From<Availability> for String {
    fn from(availability: Availability) -> String {
        availability.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_reads_back_and_errors_name_the_word() {
        let text = "Europe/Berlin; mon 08:00-16:00 18:00-00:00; tue none; wed 09:30-12:00";
        let availability: Availability = text.parse().unwrap();
        assert_eq!(availability.to_string().parse(), Ok(availability.clone()));
        assert_eq!(availability.days[1], DayAvailability::Within(vec![]));
        assert_eq!(availability.days[6], DayAvailability::AllDay);
        let reason = |text: &str| text.parse::<Availability>().unwrap_err().reason;
        assert_eq!(reason("Nowhere/City"), "`Nowhere/City` is no IANA time zone");
        assert_eq!(reason("UTC; mo all"), "`mo` is none of mon … sun");
        assert_eq!(reason("UTC; mon 8-16h"), "`8-16h` is not of the form 08:00-16:00");
        assert_eq!(reason("UTC; mon 16:00-08:00"), "`16:00-08:00` ends before it starts");
        assert_eq!(reason("UTC; mon 08:00-12:00 11:00-13:00"), "times of one day overlap");
    }
}
