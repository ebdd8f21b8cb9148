//! What an element's `url` names: `/shifts/SHFT_1`, `/settings/shiftpreferences`, or a question.

use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::read_instant;

/// Which collection an entity is in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntityName {
    /// Assigned work.
    Shift,
    /// Work to be claimed.
    OpenShift,
    /// A granted absence.
    TimeOff,
    /// A kind of absence.
    TimeOffReason,
    /// Two people exchange shifts.
    SwapRequest,
    /// Somebody gives a shift away.
    OfferRequest,
    /// Somebody claims an open shift.
    OpenShiftRequest,
    /// Somebody asks for time off.
    TimeOffRequest,
    /// When somebody can work.
    ShiftPreferences,
    /// Anything else, as it was spelled.
    Other(String),
}

/// What an element of `/read` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// With which shifts may this one be swapped, or to whom be offered, in this time?
    RequestableShifts {
        /// The shift that would be given.
        shift: String,
        /// `SwapRequest` or `OfferShiftRequest`, in any case, as it was spelled.
        request_type: String,
        /// From when, where it is said.
        start: Option<Timestamp>,
        /// Until when, where it is said.
        end: Option<Timestamp>,
    },
    /// Which kinds of absence may this person ask for?
    TimeOffReasons {
        /// Who.
        user: String,
    },
}

/// A URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Its first segment.
    pub entity: EntityName,
    /// Its second, decoded.
    pub id: Option<String>,
    /// What is asked, where it is a question.
    pub question: Option<Question>,
}

/// Letters and digits, small: `openShiftRequests`, `openshiftrequests` and `open-shift-requests`.
fn plain(segment: &str) -> String {
    segment.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

impl EntityName {
    fn read(segment: &str) -> Self {
        match plain(segment).as_str() {
            "shifts" | "shift" => Self::Shift,
            "openshifts" | "openshift" => Self::OpenShift,
            "timesoff" | "timeoff" => Self::TimeOff,
            "timeoffreasons" | "timeoffreason" => Self::TimeOffReason,
            "swaprequests" | "swaprequest" | "swapshiftschangerequests" | "swapshiftrequests" => {
                Self::SwapRequest
            }
            "offershiftrequests" | "offershiftrequest" | "offerrequests" => Self::OfferRequest,
            "openshiftrequests" | "openshiftrequest" | "openshiftchangerequests" => {
                Self::OpenShiftRequest
            }
            "timeoffrequests" | "timeoffrequest" => Self::TimeOffRequest,
            _ => Self::Other(segment.chars().take(40).collect()),
        }
    }
}

impl Address {
    /// Takes a URL apart; whatever it is, something comes of it.
    #[must_use]
    pub fn read(url: &str) -> Self {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let decoded = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
        let mut segments = path.split('/').filter(|segment| !segment.is_empty()).map(decoded);
        let first = segments.next().unwrap_or_default();
        let (second, third) = (segments.next(), segments.next());
        let words = (plain(&first), third.as_deref().map(plain));
        match (words.0.as_str(), second, words.1.as_deref()) {
            ("settings", Some(what), None) if plain(&what) == "shiftpreferences" => {
                Self { entity: EntityName::ShiftPreferences, id: None, question: None }
            }
            ("users", Some(user), Some("timeoffreasons")) => Self {
                entity: EntityName::TimeOffReason,
                id: Some(user.clone()),
                question: Some(Question::TimeOffReasons { user }),
            },
            ("shifts", Some(shift), Some("requestableshifts")) => Self {
                entity: EntityName::Shift,
                id: Some(shift.clone()),
                question: Some(requestable(shift, query)),
            },
            (_, id, None) => Self { entity: EntityName::read(&first), id, question: None },
            (_, id, Some(_)) => {
                let spelled = path.chars().take(40).collect();
                Self { entity: EntityName::Other(spelled), id, question: None }
            }
        }
    }
}

/// The vendor's guide writes `startTime`, an older page of it `startDateTime`; old traffic did not
/// encode the values, so a `+` may have become a blank.
fn requestable(shift: String, query: &str) -> Question {
    let value = |names: [&str; 2]| {
        let pair = |part: &str| {
            let (name, value) = part.split_once('=')?;
            let found = names.iter().any(|it| it.eq_ignore_ascii_case(name));
            found.then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
        };
        query.split('&').find_map(pair)
    };
    Question::RequestableShifts {
        shift,
        request_type: value(["requestType", "type"]).unwrap_or_default(),
        start: value(["startTime", "startDateTime"]).as_deref().and_then(read_instant),
        end: value(["endTime", "endDateTime"]).as_deref().and_then(read_instant),
    }
}
