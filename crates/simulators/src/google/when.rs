//! `EventDateTime`: an instant with an offset or a zone, or a day.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::error;
use super::http::Reply;

/// When an event begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// An instant, and the zone it was written in.
    At(Timestamp, Option<String>),
    /// A day, wherever one is.
    On(Date),
}

impl When {
    /// Reads one; `zone` is the calendar's.
    ///
    /// # Errors
    /// 400 with what is wrong.
    pub(super) fn parse(value: &Value, zone: &str) -> Result<Self, Reply> {
        let map = value.as_object().ok_or_else(|| error::required("Missing end time."))?;
        for name in map.keys() {
            if !matches!(name.as_str(), "date" | "dateTime" | "timeZone") {
                return Err(error::invalid(&format!("Invalid value for: {name} is unknown.")));
            }
        }
        let text = |name: &str| value[name].as_str();
        let own = text("timeZone");
        if own.is_some_and(|it| TimeZone::get(it).is_err()) {
            return Err(error::invalid("Invalid time zone definition for start time."));
        }
        match (text("date"), text("dateTime")) {
            (Some(day), None) => {
                let day: Result<Date, _> = day.parse();
                day.map(Self::On).map_err(|_| error::invalid("Invalid value for: Invalid format"))
            }
            (None, Some(time)) => {
                let bad = || error::invalid("Bad Request: Invalid value for: Invalid format");
                if let Ok(at) = time.parse::<Timestamp>() {
                    return Ok(Self::At(at, own.map(String::from)));
                }
                let local: DateTime = time.parse().map_err(|_| bad())?;
                let zone_name = own.unwrap_or(zone);
                let zone = TimeZone::get(zone_name).map_err(|_| bad())?;
                let at = zone.to_ambiguous_zoned(local).compatible().map_err(|_| bad())?;
                Ok(Self::At(at.timestamp(), Some(zone_name.to_owned())))
            }
            (Some(_), Some(_)) => Err(error::invalid("Invalid start time.")),
            (None, None) => Err(error::required("Missing end time.")),
        }
    }

    /// How an answer shows it; `zone` is the calendar's, whose offset Google uses.
    pub(super) fn shown(&self, zone: &str) -> Value {
        match self {
            Self::On(day) => json!({ "date": day.to_string() }),
            Self::At(at, own) => {
                let name = own.as_deref().unwrap_or(zone);
                let offset = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
                let text = match zone {
                    "UTC" => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                    _ => at.to_zoned(offset).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
                };
                json!({ "dateTime": text, "timeZone": name })
            }
        }
    }

    /// The instant, in a zone where it is a day.
    #[must_use]
    pub fn instant(&self, zone: &str) -> Timestamp {
        match self {
            Self::At(at, _) => *at,
            Self::On(day) => {
                let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
                day.to_zoned(zone).map_or(Timestamp::MIN, |it| it.timestamp())
            }
        }
    }

    /// So much later.
    #[must_use]
    pub fn later(&self, by: SignedDuration) -> Self {
        match self {
            Self::At(at, zone) => Self::At(at.saturating_add(by).unwrap_or(*at), zone.clone()),
            Self::On(day) => Self::On(day.saturating_add(by)),
        }
    }

    /// What an instance's id says of when it was planned.
    #[must_use]
    pub fn stamp(&self) -> String {
        match self {
            Self::At(at, _) => at.strftime("%Y%m%dT%H%M%SZ").to_string(),
            Self::On(day) => day.strftime("%Y%m%d").to_string(),
        }
    }
}
