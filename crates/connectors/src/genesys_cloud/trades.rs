//! Shift trades: what two agents agreed in Genesys Cloud is approved or denied from a mirror.
//!
//! A client-credentials token cannot begin a trade, nor agree to one: both are the agents' own
//! operations. It can do what a supervisor does, "approve or deny multiple trades"
//! (`genesys-wfm.yaml`, `…/shifttrading/trades/state/bulk/jobs`, `wfm:shiftTradeRequest:edit`). So
//! a swap is granted here only where the same two people are matched there for the same two
//! shifts; everything else is refused, and told why.
//!
//! Both calls are jobs: the result comes at once, or after a while by the job's id ("only the user
//! who started the operation can query": the same client), inline or under an address.

use std::time::Duration;

use domain::{Entity, Refusal, RequestStep, Shift, ShiftId};
use engine::port::{Failure, FailureClass, RosterChange, Verdict};
use http::Method;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use super::classify::nonsense;
use super::client::{Ask, segment};
use super::decider::{Home, TRIES_MAX};
use super::directory::Unit;
use super::provider::Genesys;
use super::wire::trades::{
    Job, Outcome, Outcomes, Trade, TradeQuery, TradeState, TradeUpdate, Trades,
};
use super::wire::{Metadata, short};

/// How often a job is asked for that is under way: whoever asks for a swap is waiting.
const JOB_TRIES_MAX: u32 = 5;
const JOB_WAIT: Duration = Duration::from_millis(500);
/// How long ago the approval of a trade may be that a lost answer told us of. An older one may have
/// been undone since, and says nothing of what is asked now.
const APPROVAL_OURS: SignedDuration = SignedDuration::from_mins(30);
const NO_TRADE: &str =
    "Genesys Cloud has no trade of these two shifts; begin it there, and have it accepted there";
const NOT_ACCEPTED: &str = "the trade of these two shifts is not accepted in Genesys Cloud yet";
const OTHER_UNIT: &str = "shifts of two business units are not traded in Genesys Cloud";

/// Two shifts that are to change hands, and where their owners work.
pub(super) struct Swap<'a> {
    pub given: (&'a Shift, &'a Home),
    pub wanted: (&'a Shift, &'a Home),
}

/// The shifts that a swap names, among what it names.
pub(super) fn shifts_of<'a>(
    (given, wanted): (&ShiftId, &ShiftId),
    named: &'a [Entity],
) -> Option<(&'a Shift, &'a Shift)> {
    let find = |id: &ShiftId| {
        named.iter().find_map(|it| match it {
            Entity::Shift(shift) if shift.id == *id => Some(shift),
            _ => None,
        })
    };
    Some((find(given)?, find(wanted)?))
}

impl Genesys {
    /// Decides a swap as far as the vendor lets us.
    pub(super) async fn trade(
        &self,
        swap: &Swap<'_>,
        step: RequestStep,
    ) -> Result<Verdict, Failure> {
        let refused = |said: &str| Ok(Verdict::Refused(Refusal::Other { said: said.to_owned() }));
        let nothing = || Ok(Verdict::Granted(RosterChange::default()));
        let (is_meant, to) = match step {
            RequestStep::Agreed => return nothing(),
            RequestStep::Asked => (true, None),
            RequestStep::Approved => (true, Some("Approved")),
            RequestStep::Declined | RequestStep::Cancelled => (false, Some("Denied")),
        };
        if swap.given.1.unit.id != swap.wanted.1.unit.id {
            return if is_meant { refused(OTHER_UNIT) } else { nothing() };
        }
        for _ in 0..TRIES_MAX {
            let trade = self.trade_of(swap).await?;
            let state = trade.as_ref().map(|it| it.state.as_str());
            let (trade, to) = match (trade.as_ref(), state, to) {
                (Some(it), Some("Approved"), Some("Approved")) if self.may_be_ours(it) => {
                    return granted(swap);
                }
                (Some(_), Some("Matched" | "Unmatched"), None) => return nothing(),
                (Some(it), Some("Matched"), Some(to)) => (it, to),
                (Some(it), Some("Unmatched"), Some("Denied")) => (it, "Denied"),
                (Some(_), Some("Unmatched"), Some(_)) => return refused(NOT_ACCEPTED),
                _ if is_meant => return refused(NO_TRADE),
                _ => return nothing(),
            };
            match self.change_trade(swap, trade, to).await {
                // Somebody was faster: it is read again.
                Err(failure) if failure.class == FailureClass::Precondition => {}
                Err(failure) => return Err(failure),
                Ok(outcome) => match (outcome.state.as_deref(), outcome.failure_reason) {
                    (Some("Approved"), None) if to == "Approved" => return granted(swap),
                    (Some("Denied"), None) if to == "Denied" => return nothing(),
                    (_, Some(reason)) if reason == "TransitionNotAllowed" => {}
                    (_, Some(reason)) => {
                        return refused(&format!("Genesys Cloud refuses: {}", short(&reason)));
                    }
                    (_, None) => {
                        return Err(nonsense("decide a shift trade", "the answer names no state"));
                    }
                },
            }
        }
        Ok(Verdict::Refused(Refusal::Outdated))
    }

    /// The trade of these two shifts that counts most: one that can be approved, else one that
    /// was, else one that waits.
    async fn trade_of(&self, swap: &Swap<'_>) -> Result<Option<Trade>, Failure> {
        let (management_unit_ids, week_dates) = places(swap);
        let user_ids = [swap.given.0, swap.wanted.0].map(|it| it.employee.to_string()).into();
        let query = TradeQuery { management_unit_ids, week_dates, user_ids };
        let entities = self.trades(&swap.given.1.unit.id, &query).await?;
        let mut found: Vec<Trade> =
            entities.into_iter().filter(|it| is_about(it, swap.given.0, swap.wanted.0)).collect();
        let worth = |it: &Trade| match it.state.as_str() {
            "Matched" => 0,
            "Approved" if self.may_be_ours(it) => 1,
            "Unmatched" => 2,
            _ => 3,
        };
        found.sort_by_key(|it| (worth(it), it.id.clone()));
        Ok(found.into_iter().next())
    }

    /// The trades of some people in some weeks.
    pub(super) async fn trades(
        &self,
        unit: &str,
        query: &TradeQuery,
    ) -> Result<Vec<Trade>, Failure> {
        let (what, path) = ("look for a shift trade", path_of(unit, "query"));
        let ask = Ask::question(path.as_str(), query, what);
        let result = |job: &mut Job| job.query_trades_result.take();
        let Trades { entities } = self.job(&ask, (&path, what), result).await?;
        Ok(entities)
    }

    /// Whether a trade that is approved may be so because of a request of ours whose answer was
    /// lost.
    fn may_be_ours(&self, trade: &Trade) -> bool {
        let now = self.client().clock().now();
        trade.reviewed_date.is_none_or(|it| now.duration_since(it) <= APPROVAL_OURS)
    }

    async fn change_trade(
        &self,
        swap: &Swap<'_>,
        trade: &Trade,
        state: &'static str,
    ) -> Result<Outcome, Failure> {
        let (management_unit_ids, week_dates) = places(swap);
        let metadata = Metadata { version: trade.metadata.version, date_modified: None };
        let entities = vec![TradeState { id: trade.id.clone(), state, metadata }];
        let body = TradeUpdate { management_unit_ids, week_dates, entities };
        let what = "decide a shift trade";
        let path = path_of(&swap.given.1.unit.id, "state/bulk");
        let ask = Ask::write(Method::POST, path.as_str(), &body, what);
        let result = |job: &mut Job| job.bulk_update_trade_states_result.take();
        let Outcomes { entities } = self.job(&ask, (&path, what), result).await?;
        let outcome = entities.into_iter().find(|it| it.id.as_ref() == Some(&trade.id));
        outcome.ok_or_else(|| nonsense(what, "the answer does not tell of it"))
    }

    /// Has a job done, and waits for it a little.
    async fn job<T: DeserializeOwned>(
        &self,
        ask: &Ask,
        (path, what): (&str, &str),
        result: impl Fn(&mut Job) -> Option<T>,
    ) -> Result<T, Failure> {
        let mut job: Job = self.client().json(ask).await?;
        for tries in 0..=JOB_TRIES_MAX {
            if let Some(result) = result(&mut job) {
                return Ok(result);
            }
            if let Some(address) = &job.download_url {
                return self.client().download(address, what).await;
            }
            if job.status.as_deref() != Some("Processing") {
                return Err(failed(&job, what));
            }
            if tries < JOB_TRIES_MAX {
                let clock = self.client().clock();
                let until = clock.now().saturating_add(JOB_WAIT).unwrap_or(Timestamp::MAX);
                clock.sleep_until(until).await;
                let of_job = format!("{path}/{}", segment(&job.id));
                job = self.client().json(&Ask::get(of_job, what)).await?;
            }
        }
        // Whether it comes to an end is not known: whoever asks again finds out.
        Err(Failure {
            class: FailureClass::Unknown,
            operation: what.into(),
            status: None,
            detail: "the job is still under way".into(),
        })
    }
}

fn failed(job: &Job, what: &str) -> Failure {
    let error = job.error.as_ref();
    let words =
        [error.and_then(|it| it.code.as_deref()), error.and_then(|it| it.message.as_deref())];
    let words = words.into_iter().flatten().collect::<Vec<_>>().join(": ");
    let class = match error.and_then(|it| it.code.as_deref()) {
        Some(code) if code.contains("conflict") => FailureClass::Precondition,
        Some(_) => FailureClass::Refused,
        None => FailureClass::Unknown,
    };
    let status = job.status.as_deref().unwrap_or("nothing");
    let detail = short(&format!("the job ended with `{status}`: {words}"));
    Failure { class, operation: what.into(), status: None, detail }
}

fn path_of(unit: &str, of: &str) -> String {
    let unit = segment(unit);
    format!("workforcemanagement/businessunits/{unit}/shifttrading/trades/{of}/jobs")
}

/// The management units of both, and the weeks of both shifts.
fn places(swap: &Swap<'_>) -> (Vec<String>, Vec<String>) {
    let sides = [swap.given, swap.wanted];
    let mut units: Vec<String> = sides.iter().map(|(_, home)| home.team.clone()).collect();
    let week = |(shift, home): &(&Shift, &Home)| week_of(&home.unit, shift.interval.start());
    let mut weeks: Vec<String> = sides.iter().map(week).collect();
    for list in [&mut units, &mut weeks] {
        list.sort_unstable();
        list.dedup();
    }
    (units, weeks)
}

/// The first day of a business unit's week in which an instant is.
pub(super) fn week_of(unit: &Unit, at: Timestamp) -> String {
    let day = domain::time::local_day(at, &unit.tz);
    let past = i64::from(day.weekday().since(unit.week_begins));
    let first: Date = day.saturating_sub(jiff::Span::new().days(past));
    first.to_string()
}

/// Whether a trade is of these two shifts, whoever of the two began it.
pub(super) fn is_about(trade: &Trade, one: &Shift, two: &Shift) -> bool {
    let is = |user: &str, start: Option<Timestamp>, shift: &Shift| {
        user == shift.employee.as_str() && start.is_none_or(|it| it == shift.interval.start())
    };
    let began = |shift: &Shift| {
        let start = trade.initiating.shift.as_ref().map(|it| it.start_date);
        start.is_some() && is(&trade.initiating.user.id, start, shift)
    };
    let takes_part = |shift: &Shift| match (&trade.receiving, &trade.target) {
        // A one-sided trade gives a shift away: that is no swap.
        (Some(side), _) => {
            side.shift.as_ref().is_some_and(|it| is(&side.user.id, Some(it.start_date), shift))
        }
        (None, Some(target)) => {
            trade.state == "Unmatched"
                && target.user.as_ref().is_some_and(|it| is(&it.id, None, shift))
        }
        (None, None) => false,
    };
    (began(one) && takes_part(two)) || (began(two) && takes_part(one))
}

/// Both shifts in the other's hands, as the next reading tells them.
fn granted(swap: &Swap<'_>) -> Result<Verdict, Failure> {
    let handed = |shift: &Shift, to: &Shift, home: &Home| Shift {
        employee: to.employee.clone(),
        group: domain::ScheduleGroupId::new(home.team.as_str()).ok(),
        ..shift.clone()
    };
    let ((given, here), (wanted, there)) = (swap.given, swap.wanted);
    let shifts = [handed(given, wanted, there), handed(wanted, given, here)];
    let upserts = shifts.map(Entity::Shift).into();
    Ok(Verdict::Granted(RosterChange { upserts, tombstones: vec![] }))
}
