//! Where a callback goes, by its path below the mirror's own.

use domain::CalendarKey;

/// What is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Somebody registers the integration.
    Connect,
    /// Elements are asked about.
    Elements(Place),
}

/// What the elements are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// What somebody changes in a team.
    Update(CalendarKey),
    /// What somebody could choose in a team.
    Read(CalendarKey),
    /// What somebody says of themselves, by their object id; missing in the vendor's guide.
    Preferences(String),
}

impl Route {
    /// Reads `v1/connect`, `v1/teams/{id}/update`, `v1/teams/{id}/read` and
    /// `v1/users/{id}/update`; an older page of the vendor writes `1/team/{id}/read`.
    #[must_use]
    pub fn read(path: &str) -> Option<Self> {
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let version = segments.next()?;
        let number = version.strip_prefix(['v', 'V']).unwrap_or(version);
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let what = segments.next()?.to_ascii_lowercase();
        let (id, verb) = (segments.next(), segments.next().map(str::to_ascii_lowercase));
        if segments.next().is_some() {
            return None;
        }
        let place = match (what.as_str(), id, verb.as_deref()) {
            ("connect", None, None) => return Some(Self::Connect),
            ("teams" | "team", Some(id), Some("update")) => Place::Update(team(id)?),
            ("teams" | "team", Some(id), Some("read")) => Place::Read(team(id)?),
            ("users" | "user", Some(id), Some("update")) => Place::Preferences(id.to_owned()),
            _ => return None,
        };
        Some(Self::Elements(place))
    }
}

fn team(id: &str) -> Option<CalendarKey> {
    CalendarKey::new(id).ok()
}
