//! One ledger row: its columns, the JSON in three of them, and back.

use domain::{CalendarKey, EmployeeId, EntityKey, Fingerprint, Part};
use engine::port::{ETag, Intent, IntentState, LedgerRow, Remote, RemoteId, Trouble, Verb};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::packed::{self, Fields};

/// The record that [`decode_row`] reads; further columns may follow it.
macro_rules! row_record {
    ($($more:literal),*) => {
        $crate::sql::packed!(
            "ledger.kind",
            "ledger.id",
            "ledger.calendar",
            "ledger.part",
            "ledger.employee",
            "ledger.ends_at",
            "ledger.changed_at",
            "ledger.generation",
            "ledger.quarantined_at",
            "ledger.remote",
            "ledger.intent",
            "ledger.trouble"
            $(, $more)*
        )
    };
}
pub(crate) use row_record;

/// [`Remote`] as it is stored.
#[derive(Serialize, Deserialize)]
struct RemoteText {
    id: RemoteId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<ETag>,
    #[serde(with = "digits")]
    intended: Fingerprint,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    echoed: Option<Fingerprint>,
    version: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    adopted: bool,
}

/// [`Intent`] as it is stored.
#[derive(Serialize, Deserialize)]
struct IntentText {
    verb: Verb,
    #[serde(with = "digits")]
    fingerprint: Fingerprint,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remote_id: Option<RemoteId>,
    state: IntentState,
    attempts: u32,
    /// The last field: a statement in `super::commit` looks for it at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before_ms: Option<i64>,
}

/// [`Trouble`] as it is stored, but for the time of quarantine, which has a column.
#[derive(Serialize, Deserialize)]
struct TroubleText {
    refusals: u32,
    reason: String,
    #[serde(with = "digits")]
    fingerprint: Fingerprint,
}

/// Fingerprints in JSON, the fast way.
mod digits {
    use domain::Fingerprint;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::packed::{from_hex, to_hex};

    pub fn serialize<S: Serializer>(print: &Fingerprint, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&to_hex(print))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Fingerprint, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        from_hex(&text).ok_or_else(|| serde::de::Error::custom("not 32 hexadecimal digits"))
    }
}

/// The columns of one put, in the order in which the statement takes them.
#[derive(Serialize)]
pub(crate) struct PutRow<'a>(
    &'static str,
    &'a str,
    &'a str,
    String,
    u8,
    Option<&'static str>,
    Option<i64>,
    Option<&'a str>,
    Option<i64>,
    i64,
    u32,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

pub(crate) fn encode_row(row: &LedgerRow) -> Result<PutRow<'_>, Fault> {
    let LedgerRow {
        key,
        part,
        calendar,
        employee,
        generation,
        remote,
        intent,
        trouble,
        ends_at,
        changed_at,
    } = row;
    let quarantined_at = trouble.as_ref().and_then(|it| it.quarantined_at);
    let is_at = remote.as_ref().map(|it| &it.id);
    let will_be_at = intent.as_ref().and_then(|it| it.remote_id.as_ref());
    let elsewhere = will_be_at.filter(|_| is_at.is_some_and(|id| Some(id) != will_be_at));
    let unsettled = intent.is_some() || remote.is_none() || quarantined_at.is_some();
    Ok(PutRow(
        key.kind.as_str(),
        key.id.as_str(),
        calendar.as_str(),
        part.to_string(),
        u8::from(unsettled),
        intent.as_ref().map(|it| state_word(it.state)),
        quarantined_at.map(Timestamp::as_millisecond),
        employee.as_ref().map(EmployeeId::as_str),
        ends_at.map(Timestamp::as_millisecond),
        changed_at.as_millisecond(),
        *generation,
        json(key, remote.as_ref().map(RemoteText::from))?,
        json(key, intent.as_ref().map(IntentText::from))?,
        json(key, trouble.as_ref().map(TroubleText::from))?,
        is_at.or(will_be_at).map(spelled).transpose()?,
        elsewhere.map(spelled).transpose()?,
    ))
}

fn json<T: Serialize>(key: &EntityKey, value: Option<T>) -> Result<Option<String>, Fault> {
    value
        .map(|value| serde_json::to_string(&value))
        .transpose()
        .map_err(|error| Fault::corrupt("ledger row", key.to_string(), error))
}

/// A remote id in the spelling in which it is looked for: as JSON, without control characters.
pub(crate) fn spelled(id: &RemoteId) -> Result<String, Fault> {
    serde_json::to_string(id).map_err(|error| Fault::corrupt("remote id", "a key".into(), error))
}

/// The word for a state in the column that is counted.
pub(crate) fn state_word(state: IntentState) -> &'static str {
    match state {
        IntentState::Planned => "planned",
        IntentState::Sent => "sent",
    }
}

pub(crate) fn decode_row(fields: &mut Fields<'_>) -> Result<LedgerRow, Fault> {
    let key = fields.key()?;
    let calendar = fields.id("calendar", CalendarKey::new)?;
    let part: Part = fields.parse("part")?;
    let employee = match fields.maybe()? {
        None => None,
        Some(text) => {
            let employee = EmployeeId::new(text);
            Some(employee.map_err(|error| fields.corrupt("employee id", error))?)
        }
    };
    let ends_at = fields.maybe_instant()?;
    let changed_at = fields.instant()?;
    let generation = fields.parse("generation")?;
    let quarantined_at = fields.maybe_instant()?;
    let remote = document::<RemoteText>(fields, "remote item")?;
    let intent = document::<IntentText>(fields, "intent")?;
    let trouble = document::<TroubleText>(fields, "trouble")?;
    Ok(LedgerRow {
        key,
        part,
        calendar,
        employee,
        generation,
        remote: remote.map(Remote::from),
        intent: intent.map(Intent::try_from).transpose()?,
        trouble: trouble.map(|it| it.with_quarantine(quarantined_at)),
        ends_at,
        changed_at,
    })
}

fn document<T: DeserializeOwned>(
    fields: &mut Fields<'_>,
    what: &'static str,
) -> Result<Option<T>, Fault> {
    let Some(text) = fields.maybe()? else {
        return Ok(None);
    };
    serde_json::from_str(text).map(Some).map_err(|error| fields.corrupt(what, error))
}

impl From<&Remote> for RemoteText {
    fn from(remote: &Remote) -> Self {
        let Remote { id, etag, intended, echoed, version, adopted } = remote.clone();
        Self { id, etag, intended, echoed, version, adopted }
    }
}

impl From<RemoteText> for Remote {
    fn from(text: RemoteText) -> Self {
        let RemoteText { id, etag, intended, echoed, version, adopted } = text;
        Self { id, etag, intended, echoed, version, adopted }
    }
}

impl From<&Intent> for IntentText {
    fn from(intent: &Intent) -> Self {
        let Intent { verb, fingerprint, remote_id, state, attempts, not_before } = intent.clone();
        Self {
            verb,
            fingerprint,
            remote_id,
            state,
            attempts,
            not_before_ms: not_before.map(Timestamp::as_millisecond),
        }
    }
}

impl TryFrom<IntentText> for Intent {
    type Error = Fault;
    fn try_from(text: IntentText) -> Result<Self, Fault> {
        let IntentText { verb, fingerprint, remote_id, state, attempts, not_before_ms } = text;
        Ok(Self {
            verb,
            fingerprint,
            remote_id,
            state,
            attempts,
            not_before: not_before_ms.map(packed::instant).transpose()?,
        })
    }
}

impl From<&Trouble> for TroubleText {
    fn from(trouble: &Trouble) -> Self {
        let Trouble { refusals, reason, fingerprint, quarantined_at: _ } = trouble.clone();
        Self { refusals, reason, fingerprint }
    }
}

impl TroubleText {
    fn with_quarantine(self, quarantined_at: Option<Timestamp>) -> Trouble {
        let Self { refusals, reason, fingerprint } = self;
        Trouble { refusals, reason, fingerprint, quarantined_at }
    }
}
