//! Shift trades, and the jobs that tell and decide them.

use serde::{Deserialize, Serialize};

use super::{ErrorBody, Metadata, Reference, list};

/// `QueryShiftTradeListJobRequest`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TradeQuery {
    /// In which management units.
    pub management_unit_ids: Vec<String>,
    /// First days of weeks of the business unit.
    pub week_dates: Vec<String>,
    /// Whose.
    pub user_ids: Vec<String>,
}

/// `BulkUpdateShiftTradeListJobRequest`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TradeUpdate {
    /// In which management units.
    pub management_unit_ids: Vec<String>,
    /// First days of weeks of the business unit.
    pub week_dates: Vec<String>,
    /// What becomes of which.
    pub entities: Vec<TradeState>,
}

/// `BulkUpdateShiftTradeStateRequestItem`.
#[derive(Debug, Serialize)]
pub struct TradeState {
    /// Which.
    pub id: String,
    /// `Approved` or `Denied`.
    pub state: &'static str,
    /// The version that is changed.
    pub metadata: Metadata,
}

/// `ShiftTradeQueryTradesBuJobResponse` and `ShiftTradeBulkUpdateTradeStateBuJobResponse`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// By which it is asked for again.
    pub id: String,
    /// `Processing`, `Complete`, `Canceled` or `Error`.
    #[serde(default)]
    pub status: Option<String>,
    /// When complete and large.
    #[serde(default)]
    pub download_url: Option<String>,
    /// When it went wrong.
    #[serde(default)]
    pub error: Option<ErrorBody>,
    /// What was asked for.
    #[serde(default)]
    pub query_trades_result: Option<Trades>,
    /// What came of what was to be changed.
    #[serde(default)]
    pub bulk_update_trade_states_result: Option<Outcomes>,
}

/// `ShiftTradeListJobResponse`.
#[derive(Debug, Deserialize)]
pub struct Trades {
    /// All of them. Not optional: in its place another object could be taken for an empty list.
    #[serde(deserialize_with = "list")]
    pub entities: Vec<Trade>,
}

/// `BulkUpdateShiftTradeStateResult`.
#[derive(Debug, Deserialize)]
pub struct Outcomes {
    /// One for each.
    #[serde(deserialize_with = "list")]
    pub entities: Vec<Outcome>,
}

/// `BulkUpdateShiftTradeStateResultItem`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Of which.
    #[serde(default)]
    pub id: Option<String>,
    /// Its state now.
    #[serde(default)]
    pub state: Option<String>,
    /// Why it is not what was wanted.
    #[serde(default)]
    pub failure_reason: Option<String>,
}

/// `ShiftTradeResponseItem`.
#[derive(Debug, Clone, Deserialize)]
pub struct Trade {
    /// Its id.
    pub id: String,
    /// `Unmatched`, `Matched`, `Approved`, `Denied`, `Expired` or `Canceled`.
    pub state: String,
    /// Who began it.
    pub initiating: Side,
    /// Who takes part in it.
    #[serde(default)]
    pub receiving: Option<Side>,
    /// Whom it is meant for.
    #[serde(default)]
    pub target: Option<Target>,
    /// When a supervisor approved or denied it.
    #[serde(rename = "reviewedDate", default)]
    pub reviewed_date: Option<jiff::Timestamp>,
    /// Its version.
    pub metadata: Metadata,
}

/// `ShiftTradeInitiatingSideResponseItem` and `ShiftTradeReceivingSideResponseItem`.
#[derive(Debug, Clone, Deserialize)]
pub struct Side {
    /// Who.
    pub user: Reference,
    /// What they give.
    #[serde(default)]
    pub shift: Option<TradedShift>,
}

/// `ShiftTradeShiftResponseItem`, by what it is known again: its id changes with every republish.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TradedShift {
    /// When it starts.
    pub start_date: jiff::Timestamp,
}

/// `ShiftTradeTargetResponseItem`.
#[derive(Debug, Clone, Deserialize)]
pub struct Target {
    /// Who.
    #[serde(default)]
    pub user: Option<Reference>,
}
