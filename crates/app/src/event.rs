//! What happened, told once: the only place of this crate that emits metrics and cycle logs.
//!
//! No line and no label names a person, a link, a token, a calendar or a path below a calendar
//! server: schedules are personal data. Calendars appear by their [`impersonal::mark`].

use std::time::Duration;

use domain::CommandKind;
use engine::port::{Answer, FieldFault, Store, StoreError};
use engine::report::{CycleReport, IngestReport};
use engine::run::approve_due::{DueReport, GivenUp};
use engine::run::subscriptions::KeeperReport;
use engine::run::watch::Wait;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::impersonal::{self, impersonal, mark};

const INGESTS: &str = "rotabridge_ingests_total";
const CYCLES: &str = "rotabridge_cycles_total";
const CYCLE_SECONDS: &str = "rotabridge_cycle_duration_seconds";
const WRITES: &str = "rotabridge_writes_total";
const REQUESTS: &str = "rotabridge_requests_total";
const ITEMS: &str = "rotabridge_mirror_items";
const BACKLOG: &str = "rotabridge_mirror_backlog";
const QUARANTINED: &str = "rotabridge_mirror_quarantined";
const LEFT: &str = "rotabridge_mirror_drift";
const PUT_RIGHT: &str = "rotabridge_drift_put_right_total";
const SUBSCRIPTIONS: &str = "rotabridge_subscriptions_total";
const SHIFTS: &str = "rotabridge_roster_shifts";
const LEFT_OUT: &str = "rotabridge_roster_rows_left_out";
const ASKS: &str = "rotabridge_asks_total";
const CONFLICTS: &str = "rotabridge_mirror_conflicts";
const EVENTS_CHANGED: &str = "rotabridge_events_changed_total";

/// Says what the metrics are; once, after the recorder is installed.
pub fn describe() {
    describe_counter!(INGESTS, "Readings of a roster's source, by outcome");
    describe_counter!(CYCLES, "Cycles of a mirror, by outcome");
    describe_histogram!(CYCLE_SECONDS, "How long a cycle of a mirror took");
    describe_counter!(WRITES, "Items written into a mirror, by verb");
    describe_counter!(REQUESTS, "Requests sent for a mirror");
    describe_gauge!(ITEMS, "Items that are in a mirror, as far as is known");
    describe_gauge!(BACKLOG, "Writes of a mirror that wait or whose outcome is not known");
    describe_gauge!(QUARANTINED, "Entities set aside after repeated refusals");
    describe_gauge!(LEFT, "Items that people changed and that are left so, by standing");
    describe_counter!(PUT_RIGHT, "Items that people had changed and that were put right");
    describe_counter!(SUBSCRIPTIONS, "Subscriptions to hints, by what was done about them");
    describe_counter!("rotabridge_hints_total", "Hints of vendors, by outcome");
    describe_gauge!(SHIFTS, "Live shifts of a roster");
    describe_gauge!(LEFT_OUT, "Bad rows of a roster's source that are left out");
    describe_gauge!(CONFLICTS, "Events of people that stand in the way of shifts, by standing");
    describe_counter!(EVENTS_CHANGED, "Events of people that a policy changed");
    describe_counter!(ASKS, "What people asked for in mirrors, by kind and answer");
}

/// A roster was read.
pub fn ingested(report: &IngestReport) {
    let IngestReport { roster, unread, upserted, deleted, unchanged, notes, skipped, at: _ } =
        report;
    let outcome = if *unread { "unchanged" } else { "read" };
    counter!(INGESTS, "roster" => roster.to_string(), "outcome" => outcome).increment(1);
    tracing::info!(
        roster.name = %roster,
        roster.upserted = upserted,
        roster.deleted = deleted,
        roster.unchanged = unchanged,
        source.notes = notes.len(),
        source.skipped = FieldFault::count(skipped),
        "roster {roster}: {upserted} new or changed, {deleted} deleted, {unchanged} unchanged",
    );
    gauge!(LEFT_OUT, "roster" => roster.to_string()).set(FieldFault::count(skipped) as f64);
    if let Some(first) = skipped.first() {
        let rows = match FieldFault::count(skipped) {
            1 => "1 bad row is".to_owned(),
            count => format!("{count} bad rows are"),
        };
        let spot = first.spot();
        tracing::warn!(
            roster.name = %roster,
            "roster {roster}: {rows} left out, the first at {spot}"
        );
    }
}

/// A roster could not be read; `reason` says why without personal data.
pub fn ingest_failed(roster: &str, outcome: &'static str, reason: &str) {
    counter!(INGESTS, "roster" => roster.to_owned(), "outcome" => outcome).increment(1);
    let reason = impersonal(reason);
    tracing::error!(roster.name = roster, "roster {roster} is not up to date: {reason}");
}

/// A cycle of a mirror ended.
pub fn cycled(mirror: &str, report: &CycleReport, outcome: &'static str) {
    let name = || mirror.to_owned();
    counter!(CYCLES, "mirror" => name(), "outcome" => outcome).increment(1);
    let seconds = report.ended_at.duration_since(report.started_at).as_secs_f64();
    histogram!(CYCLE_SECONDS, "mirror" => name()).record(seconds);
    let CycleReport { unchanged, requests, .. } = report;
    count_writes(mirror, report);
    counter!(REQUESTS, "mirror" => name()).increment(*requests);
    counter!(EVENTS_CHANGED, "mirror" => name()).increment(report.conflicts.changed);
    counter!(PUT_RIGHT, "mirror" => name()).increment(report.drifted);
    if report.contested > 0 {
        let contested = report.contested;
        tracing::warn!(
            mirror.name = mirror,
            drift.contested = contested,
            "mirror {mirror}: {contested} items are changed back each time they are put right; \
             `rotabridge drift list` says by whom"
        );
    }
    let line = format!("mirror {mirror}: {}, {unchanged} unchanged", counts(report));
    let duration_ms = (seconds * 1000.0) as u64;
    if report.is_done() {
        tracing::info!(mirror.name = mirror, outcome, duration_ms, requests, "{line}");
    } else {
        let first = report.problems.first().map(|it| (it.calendar.as_str(), &it.reason));
        let (calendar, why) = first.map_or_else(Default::default, |(calendar, reason)| {
            (mark(calendar), impersonal::without(calendar, reason))
        });
        tracing::warn!(
            mirror.name = mirror,
            outcome,
            duration_ms,
            requests,
            calendar,
            why,
            "{line}"
        );
    }
}

fn count_writes(mirror: &str, report: &CycleReport) {
    let CycleReport { created, updated, deleted, .. } = report;
    for (verb, count) in [("create", created), ("update", updated), ("delete", deleted)] {
        counter!(WRITES, "mirror" => mirror.to_owned(), "verb" => verb).increment(*count);
    }
}

/// What was done, in words.
pub fn counts(report: &CycleReport) -> String {
    let CycleReport { created, updated, deleted, failed, .. } = report;
    format!("{created} created, {updated} updated, {deleted} deleted, {failed} failed")
}

/// A cycle could not be run to its end; `so_far` is what it had done.
pub fn cycle_failed(mirror: &str, so_far: &CycleReport, reason: &str) {
    counter!(CYCLES, "mirror" => mirror.to_owned(), "outcome" => "failed").increment(1);
    count_writes(mirror, so_far);
    let (done, reason) = (counts(so_far), impersonal(reason));
    tracing::error!(
        mirror.name = mirror,
        "mirror {mirror} is not up to date: {reason}; before that: {done}"
    );
}

/// Something that people asked for was decided; what it was about is `None` for a mere step of a
/// request that the vendor does not say again.
pub fn answered(kind: Option<CommandKind>, answer: &Answer) {
    let (kind, answer) = (kind.map_or("request_step", CommandKind::as_str), outcome_of(answer));
    counter!(ASKS, "kind" => kind, "answer" => answer).increment(1);
    tracing::info!(ask.kind = kind, answer, "asked for: {kind}: {answer}");
}

fn outcome_of(answer: &Answer) -> &'static str {
    match answer {
        Answer::Granted { .. } => "granted",
        Answer::Refused(refusal) => refusal.as_str(),
    }
}

/// Requests that need no manager were granted in a mirror, or are tried again later.
pub fn granted(mirror: &str, granting: &Result<DueReport, StoreError>) {
    match granting {
        Ok(DueReport { done, postponed, given_up }) => {
            if *done + *postponed > 0 {
                tracing::info!(
                    mirror.name = mirror,
                    "mirror {mirror}: {done} requests granted without a manager, {postponed} tried \
                     again later"
                );
            }
            for GivenUp { calendar, request, why } in given_up {
                tracing::warn!(
                    mirror.name = mirror,
                    request.id = request.0,
                    "mirror {mirror}: request `{}` in `{calendar}` cannot be granted by \
                     itself and waits for a manager: {why}; `rotabridge doctor` says what is wrong \
                     with `approver` and the permissions",
                    request.0
                );
            }
        }
        Err(error) => tracing::warn!(
            mirror.name = mirror,
            "mirror {mirror}: requests that need no manager were not granted: {error}"
        ),
    }
}

/// Somebody looked after the subscriptions of a connection.
pub fn subscribed(connection: &str, done: &Result<KeeperReport, StoreError>) {
    let report = match done {
        Ok(report) => report,
        Err(error) => {
            tracing::warn!(
                connection.name = connection,
                "connection {connection}: subscriptions were not looked after: {error}"
            );
            return;
        }
    };
    let KeeperReport { made, renewed, ended, failed, failure, more: _, .. } = report;
    for (what, count) in
        [("made", made), ("renewed", renewed), ("ended", ended), ("failed", failed)]
    {
        let name = connection.to_owned();
        counter!(SUBSCRIPTIONS, "connection" => name, "what" => what).increment(*count);
    }
    if let Some(failure) = failure {
        let failure = impersonal(failure);
        tracing::warn!(
            connection.name = connection,
            "connection {connection}: {failed} subscriptions failed, the last: {failure}"
        );
    }
    if made + renewed + ended > 0 {
        tracing::info!(
            connection.name = connection,
            "connection {connection}: subscriptions: {made} made, {renewed} renewed, {ended} ended"
        );
    }
}

/// A mirror waits before it may send again.
pub fn waiting(mirror: &str, why: Wait, left: Duration) {
    let reason = match why {
        Wait::Throttled => "throttled by the server",
        Wait::Unavailable => "no answer from the server",
        Wait::Budget => "own budget is spent",
    };
    let seconds = left.as_secs_f64().ceil();
    // A target of its own: commands that keep other events to themselves tell this one.
    tracing::warn!(
        target: "rotabridge::wait",
        { mirror.name = mirror, wait_ms = left.as_millis() as u64 },
        "mirror {mirror}: {reason}, continues in {seconds} s"
    );
}

/// Looks up how much there is, for the gauges. A store that does not answer leaves them.
pub async fn measure(
    store: &dyn Store,
    roster: &domain::RosterName,
    mirrors: impl IntoIterator<Item = &domain::MirrorName>,
) {
    if let Ok(counts) = store.roster_counts(roster).await {
        gauge!(SHIFTS, "roster" => roster.to_string()).set(counts.shifts as f64);
    }
    for mirror in mirrors {
        if let Ok(counts) = store.mirror_counts(mirror).await {
            let name = || mirror.to_string();
            gauge!(ITEMS, "mirror" => name()).set(counts.items as f64);
            gauge!(BACKLOG, "mirror" => name()).set((counts.planned + counts.in_doubt) as f64);
            gauge!(QUARANTINED, "mirror" => name()).set(counts.quarantined as f64);
            gauge!(LEFT, "mirror" => name(), "standing" => "left").set(counts.left as f64);
            let contested = counts.contested as f64;
            gauge!(LEFT, "mirror" => name(), "standing" => "contested").set(contested);
        }
        if let Ok(counts) = store.conflict_counts(mirror).await {
            for (standing, count) in [("open", counts.open), ("kept", counts.kept)] {
                gauge!(CONFLICTS, "mirror" => mirror.to_string(), "standing" => standing)
                    .set(count as f64);
            }
        }
    }
}
