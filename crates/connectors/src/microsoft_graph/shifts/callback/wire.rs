//! Callbacks as Shifts spells them: `{"requests": [{id, method, url, headers, body}]}`.
//!
//! The vendor's guide ("Create a custom integration to sync your workforce management system with
//! Shifts", read 2026-11), and what its two published connectors see, differ from Graph: states and
//! actors are capitalised, paths are spelled in several ways, bodies may be null. So words are
//! compared without regard to case, what is not known is kept as it is, and an element that cannot
//! be read is one that is answered so: it never makes the others unreadable.
//!
//! Nothing here decides; `grammar.rs` says what the elements mean together.

mod address;
mod answer;
mod instant;
#[cfg(test)]
mod tests;

use domain::limits::CALLBACK_ELEMENTS_MAX;
use jiff::Timestamp;
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use address::{Address, EntityName, Question};
pub use answer::{Answer, AnswerBody, AnswerError, Answers};
pub use instant::read_instant;

/// Why an opened callback cannot be answered element by element.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// Not the JSON that was expected.
    #[error("callback is not the expected JSON")]
    Json(#[source] serde_json::Error),
    /// More elements than we take.
    #[error("callback has {found} elements; expected at most {CALLBACK_ELEMENTS_MAX}")]
    TooMany {
        /// How many it has.
        found: usize,
    },
    /// An element without an id can not be answered, and Shifts takes silence for approval.
    #[error("element {index} of the callback has no id, neither of its own nor in its url")]
    NoId {
        /// Counted from 0.
        index: usize,
    },
}

/// The body of `/connect`: who registers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connect {
    /// The tenant that the integration is registered in.
    pub tenant_id: String,
    /// The person who registers it.
    #[serde(default)]
    pub user_id: Option<String>,
}

impl Connect {
    /// Reads an opened body.
    ///
    /// # Errors
    /// When it is not the expected JSON.
    pub fn read(json: &[u8]) -> Result<Self, CallbackError> {
        serde_json::from_slice(without_mark(json)).map_err(CallbackError::Json)
    }
}

/// What is done to an entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// It is asked for.
    Get,
    /// It is made.
    Post,
    /// It is changed.
    Put,
    /// It is removed, or withdrawn.
    Delete,
    /// Something that the vendor's guide does not know.
    Other(String),
}

/// One thing that Shifts asks about.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// What the answer names; usually the entity's id.
    pub id: String,
    /// What is done.
    pub method: Method,
    /// To what.
    pub address: Address,
    /// `X-MS-Transaction-ID`, where it is given.
    pub transaction: Option<String>,
    /// `X-MS-Expires`: after this instant nobody waits for the answer.
    pub expires_at: Option<Timestamp>,
    /// The entity as it would be; `None` where the vendor sends null.
    pub body: Option<Value>,
}

#[derive(Deserialize)]
struct ElementWire {
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    headers: Option<Map<String, Value>>,
    #[serde(default)]
    body: Option<Value>,
}

#[derive(Deserialize)]
struct CallbackWire {
    requests: Vec<ElementWire>,
}

/// Reads an opened body of `/update` or `/read`.
///
/// # Errors
/// When it is not the expected JSON, has too many elements, or one that cannot be answered because
/// it has no id.
pub fn read_elements(json: &[u8]) -> Result<Vec<Element>, CallbackError> {
    let wire: CallbackWire =
        serde_json::from_slice(without_mark(json)).map_err(CallbackError::Json)?;
    let wires = wire.requests;
    if wires.len() > CALLBACK_ELEMENTS_MAX {
        return Err(CallbackError::TooMany { found: wires.len() });
    }
    let read = |(index, wire)| Element::of(wire).ok_or(CallbackError::NoId { index });
    wires.into_iter().enumerate().map(read).collect()
}

/// The same bytes without a byte order mark, which .NET writes where it is not told otherwise.
fn without_mark(json: &[u8]) -> &[u8] {
    json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json)
}

impl Element {
    fn of(wire: ElementWire) -> Option<Self> {
        let ElementWire { id, method, url, headers, body } = wire;
        let address = Address::read(&url.unwrap_or_default());
        let id = match id {
            Some(Value::String(text)) if !text.is_empty() => text,
            Some(Value::Number(number)) => number.to_string(),
            Some(_) | None => address.id.clone()?,
        };
        let method = match method.unwrap_or_default().to_ascii_uppercase().as_str() {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "PUT" | "PATCH" => Method::Put,
            "DELETE" => Method::Delete,
            other => Method::Other(other.to_owned()),
        };
        let headers = headers.unwrap_or_default();
        let header = |name: &str| {
            let found = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.and_then(|(_, value)| text_of(value))
        };
        let transaction = header("X-MS-Transaction-ID");
        let expires_at = header("X-MS-Expires").as_deref().and_then(read_instant);
        Some(Self { id, method, address, transaction, expires_at, body })
    }

    /// The body as one of the types below; `None` where it is null.
    ///
    /// # Errors
    /// When the body is something else.
    pub fn read_body<T: DeserializeOwned>(&self) -> Result<Option<T>, serde_json::Error> {
        self.body.as_ref().map(T::deserialize).transpose()
    }
}

/// A header's value: text as it is, a list by its first, anything else as JSON spells it.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => values.first().and_then(text_of),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Some(value.to_string()),
    }
}

/// The body of shifts, open shifts and time off: two sides of one item.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EntityBody {
    /// The entity's id.
    pub id: Option<String>,
    /// What managers see.
    #[serde(alias = "draftOpenShift", alias = "draftTimeOff")]
    pub draft_shift: Option<ItemBody>,
    /// What everybody sees.
    #[serde(alias = "sharedOpenShift", alias = "sharedTimeOff")]
    pub shared_shift: Option<ItemBody>,
    /// To be removed at the next share.
    pub is_staged_for_deletion: Option<bool>,
    /// Which group of the team.
    pub scheduling_group_id: Option<String>,
    /// Whose.
    pub user_id: Option<String>,
    /// Who did it.
    pub last_modified_by: Option<Actors>,
}

/// Who did something.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Actors {
    /// The person.
    pub user: Option<Actor>,
}

/// A person; the name is deliberately not read.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Actor {
    /// Their object id.
    pub id: Option<String>,
}

/// One side of a shift, an open shift or an absence.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ItemBody {
    /// False when it is removed.
    pub is_active: Option<bool>,
    /// UTC.
    #[serde(deserialize_with = "instant::lenient")]
    pub start_date_time: Option<Timestamp>,
    /// UTC.
    #[serde(deserialize_with = "instant::lenient")]
    pub end_date_time: Option<Timestamp>,
    /// The label.
    pub display_name: Option<String>,
    /// Free text.
    pub notes: Option<String>,
    /// Its parts.
    #[serde(deserialize_with = "null_as_none")]
    pub activities: Vec<ActivityBody>,
    /// How many can claim it, of open shifts.
    pub open_slot_count: Option<i64>,
    /// The kind of absence, of time off.
    pub time_off_reason_id: Option<String>,
}

/// A part of a shift.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ActivityBody {
    /// The label.
    pub display_name: Option<String>,
    /// The customer's own word for it.
    pub code: Option<String>,
    /// Whether it is paid.
    pub is_paid: Option<bool>,
    /// UTC.
    #[serde(deserialize_with = "instant::lenient")]
    pub start_date_time: Option<Timestamp>,
    /// UTC.
    #[serde(deserialize_with = "instant::lenient")]
    pub end_date_time: Option<Timestamp>,
}

/// The body of a request of any of the four kinds; each uses some of the fields.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestBody {
    /// The request's id.
    pub id: Option<String>,
    /// How far it is.
    pub state: State,
    /// Whose turn it is, or who decided.
    pub assigned_to: Party,
    /// Who asks.
    pub sender_user_id: Option<String>,
    /// What they say.
    pub sender_message: Option<String>,
    /// Which shift they give, of swaps and offers.
    pub sender_shift_id: Option<String>,
    /// Who is asked, of swaps and offers.
    pub recipient_user_id: Option<String>,
    /// What they say.
    pub recipient_action_message: Option<String>,
    /// Which shift they give, of swaps.
    pub recipient_shift_id: Option<String>,
    /// Which open shift is claimed.
    pub open_shift_id: Option<String>,
    /// Which manager decided.
    pub manager_user_id: Option<String>,
    /// What they say.
    pub manager_action_message: Option<String>,
    /// The kind of absence that is asked for.
    pub time_off_reason_id: Option<String>,
    /// From when, of time off; UTC.
    #[serde(deserialize_with = "instant::lenient")]
    pub start_date_time: Option<Timestamp>,
    /// Until when, of time off; UTC.
    #[serde(deserialize_with = "instant::lenient")]
    pub end_date_time: Option<Timestamp>,
}

/// The body of a kind of absence.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReasonBody {
    /// Its id.
    pub id: Option<String>,
    /// What people call it.
    pub display_name: Option<String>,
    /// False when it is removed.
    pub is_active: Option<bool>,
}

/// The body of somebody's preferences.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreferencesBody {
    /// Its id.
    pub id: Option<String>,
    /// Whose, where it is said.
    pub user_id: Option<String>,
    /// Who made it.
    pub created_by: Option<Actors>,
    /// Who changed it.
    pub last_modified_by: Option<Actors>,
    /// When they can work.
    #[serde(deserialize_with = "null_as_none")]
    pub availability: Vec<AvailabilityBody>,
}

/// One rule of when somebody can work.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AvailabilityBody {
    /// On which days.
    pub recurrence: Option<RecurrenceBody>,
    /// The name of the zone, in the IANA's or in Windows' way.
    pub time_zone: Option<String>,
    /// At which times of these days; none means not at all.
    #[serde(deserialize_with = "null_as_none")]
    pub time_slots: Vec<SlotBody>,
}

/// A repetition; its range is not read, because Shifts knows only endless ones.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RecurrenceBody {
    /// The repetition.
    pub pattern: Option<PatternBody>,
}

/// The days of a repetition.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PatternBody {
    /// `Weekly`, in any case.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// English names, in any case.
    #[serde(deserialize_with = "null_as_none")]
    pub days_of_week: Vec<String>,
}

/// Part of a day, in local time.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SlotBody {
    /// `00:00:00.0000000`.
    pub start_time: Option<String>,
    /// The same as the start when it is the whole day.
    pub end_time: Option<String>,
}

fn null_as_none<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$each:meta])* $variant:ident = $word:literal),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(from = "Option<String>", into = "Option<String>")]
        pub enum $name {
            $($(#[$each])* $variant,)*
            /// Another word, or none.
            Other(Option<String>),
        }

        impl From<Option<String>> for $name {
            fn from(word: Option<String>) -> Self {
                match word.as_deref().map(str::to_ascii_lowercase).as_deref() {
                    $(Some($word) => Self::$variant,)*
                    Some(_) | None => Self::Other(word),
                }
            }
        }

        impl From<$name> for Option<String> {
            fn from(word: $name) -> Self {
                match word {
                    $($name::$variant => Some($word.to_owned()),)*
                    $name::Other(word) => word,
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::Other(None)
            }
        }
    };
}

words!(
    /// How far a request is.
    State {
        /// Somebody has still to decide.
        Pending = "pending",
        /// Granted.
        Approved = "approved",
        /// Not granted.
        Declined = "declined",
    }
);

words!(
    /// Whose turn it is, or who decided.
    Party {
        /// Who asked.
        Sender = "sender",
        /// Who was asked.
        Recipient = "recipient",
        /// A manager.
        Manager = "manager",
        /// Shifts itself.
        System = "system",
    }
);
