//! What the system says of itself, and why it refuses.

use std::collections::BTreeSet;

use domain::{CommandKind, Refusal};
use jiff::tz::TimeZone;

use super::time::{day, minutes};
use super::{Wrong, zone};
use crate::wfm_http::wire::{WireCapabilities, WireRefusal};

/// How a reader learns what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// Not at all: every reading is of the whole window.
    Window,
    /// By a token that the last page of a listing gave.
    Since,
    /// By the time of the last edit.
    EditedSince,
}

/// How a reader learns what was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletions {
    /// It is listed as `deleted`.
    Flag,
    /// It is not listed any more.
    Absence,
}

/// What an implementation chose.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// Name and version of the product.
    pub product: Option<String>,
    /// The zone of local days that name none.
    pub zone: Option<TimeZone>,
    /// How changes are told.
    pub changes: Changes,
    /// How deletions are told.
    pub deletions: Deletions,
    /// Whether an entity keeps its id.
    pub lasting_ids: bool,
    /// Entities that are asked for at once.
    pub page_size: u32,
    /// Days that may be asked for at once.
    pub window_days: Option<u32>,
    /// Requests that may be sent in a minute.
    pub requests_per_minute: Option<u32>,
    /// What it decides.
    pub commands: BTreeSet<CommandKind>,
    /// What it grants without a manager.
    pub automatic: BTreeSet<CommandKind>,
    /// Whether it wants to be told of every step of a request.
    pub all_steps: bool,
    /// Whether it can say what it would decide.
    pub validates: bool,
    /// Which questions it answers: `swap_for`, `offer_of`, `time_off_reasons`.
    pub eligibility: BTreeSet<String>,
    /// Whether it sends webhooks.
    pub webhooks: bool,
}

/// Entities asked for at once when nothing is said.
const PAGE_SIZE_DEFAULT: u32 = 500;
/// Most that are ever asked for: a page is read into memory as a whole.
const PAGE_SIZE_MAX: u32 = 5_000;

/// Reads the capabilities.
///
/// # Errors
/// The first thing that we could not work with.
pub fn capabilities(wire: WireCapabilities) -> Result<Capabilities, Wrong> {
    let WireCapabilities {
        contract,
        product,
        time_zone,
        changes,
        deletions,
        ids,
        page_size_max,
        window_days_max,
        requests_per_minute,
        commands,
        grants_without_manager,
        request_steps,
        validates,
        eligibility,
        webhooks,
    } = wire;
    if contract.split('.').next() != Some("1") {
        let shown: String = contract.chars().take(20).collect();
        return Err(Wrong::new("contract", format!("is `{shown}`; expected `1`")));
    }
    let one_of = |field: &'static str, expected: &str| {
        Wrong::new(field, format!("is none of those known; expected {expected}"))
    };
    let at_least_one = |field: &'static str, given: Option<u32>| match given {
        Some(0) => Err(Wrong::new(field, "is 0; expected at least 1")),
        given => Ok(given),
    };
    Ok(Capabilities {
        product,
        zone: time_zone.map(|name| zone("time_zone", &name)).transpose()?,
        changes: match changes.as_str() {
            "window" => Changes::Window,
            "since" => Changes::Since,
            "edited_since" => Changes::EditedSince,
            _ => return Err(one_of("changes", "`window`, `since` or `edited_since`")),
        },
        deletions: match deletions.as_deref() {
            Some("flag") => Deletions::Flag,
            None | Some("absence") => Deletions::Absence,
            Some(_) => return Err(one_of("deletions", "`flag` or `absence`")),
        },
        lasting_ids: match ids.as_deref() {
            None | Some("lasting") => true,
            Some("changing") => false,
            Some(_) => return Err(one_of("ids", "`lasting` or `changing`")),
        },
        page_size: at_least_one("page_size_max", page_size_max)?
            .unwrap_or(PAGE_SIZE_DEFAULT)
            .min(PAGE_SIZE_MAX),
        window_days: at_least_one("window_days_max", window_days_max)?,
        requests_per_minute: at_least_one("requests_per_minute", requests_per_minute)?,
        commands: known(&commands),
        automatic: known(&grants_without_manager),
        all_steps: match request_steps.as_deref() {
            None | Some("approved") => false,
            Some("all") => true,
            Some(_) => return Err(one_of("request_steps", "`approved` or `all`")),
        },
        validates,
        eligibility: eligibility.into_iter().collect(),
        webhooks,
    })
}

/// The kinds that we know; a later contract may have more.
fn known(words: &[String]) -> BTreeSet<CommandKind> {
    words.iter().filter_map(|word| word.parse().ok()).collect()
}

/// Reads why something is refused.
///
/// # Errors
/// When what belongs to the code is missing or wrong. An unknown code is none: the people are
/// told the system's own words.
pub fn refusal(wire: &WireRefusal, kind: CommandKind) -> Result<Refusal, Wrong> {
    let span = || {
        let span = super::time::span(wire.start.as_ref(), wire.end.as_ref(), None)?;
        Ok::<_, Wrong>(span.interval)
    };
    let name = || wire.name.clone().unwrap_or_default();
    let date = || {
        let said = wire.day.as_deref();
        day("day", said.ok_or_else(|| Wrong::new("day", "is missing; expected a day"))?)
    };
    let (allowed, would_be) = (minutes(wire.allowed_minutes), minutes(wire.would_be_minutes));
    Ok(match wire.code.as_str() {
        "not_here" => Refusal::NotHere { kind },
        "unknown" => Refusal::Unknown,
        "outdated" => Refusal::Outdated,
        "begun" => Refusal::Begun,
        "overlaps" => Refusal::Overlaps { with: span()? },
        "absent" => Refusal::Absent { during: span()? },
        "rest_too_short" => Refusal::RestTooShort {
            required: minutes(wire.required_minutes),
            left: minutes(wire.left_minutes),
        },
        "day_too_long" => Refusal::DayTooLong { day: date()?, allowed, would_be },
        "week_too_long" => Refusal::WeekTooLong { monday: date()?, allowed, would_be },
        "not_qualified" => Refusal::NotQualified { qualification: name() },
        "other_group" => Refusal::OtherGroup { group: name() },
        "too_late" => Refusal::TooLate { notice: minutes(wire.required_minutes) },
        "balance_spent" => Refusal::BalanceSpent {
            reason: name(),
            left: wire.left.unwrap_or(0),
            asked: wire.asked.unwrap_or(0),
        },
        "too_many_absent" => {
            Refusal::TooManyAbsent { day: date()?, allowed: wire.allowed.unwrap_or(0) }
        }
        "reason_not_offered" => Refusal::ReasonNotOffered { reason: name() },
        "no_slot_left" => Refusal::NoSlotLeft,
        "not_eligible" => Refusal::NotEligible,
        "unknown_employee" => Refusal::UnknownEmployee,
        "bad_length" => Refusal::BadLength {
            shortest: minutes(wire.required_minutes),
            longest: minutes(wire.allowed_minutes),
        },
        "not_reachable" => Refusal::NotReachable,
        _ => Refusal::Other { said: words(wire) },
    })
}

/// The system's own words, short enough to be shown to people.
fn words(wire: &WireRefusal) -> String {
    let said = wire.message.as_deref().unwrap_or(&wire.code);
    let plain = said.chars().map(|it| if it.is_control() { ' ' } else { it });
    plain.take(domain::limits::REFUSAL_CHARS_MAX).collect::<String>().trim().to_owned()
}
