//! Sync jobs that clients of the Schedule API asked for, carried out one after the other.
//!
//! A job is a reading of the source and a whole cycle of each of its mirrors: what `serve` does by
//! itself, done now. It runs in the loop of its roster, so that nothing else writes the same
//! mirrors from this process, and under a lease ([`lease`]), so that no other process runs it too:
//! who loses the lease stops. How far it is is kept while it runs; one that was cut off is found
//! open by whoever comes next, and begun again, which is harmless: what was written is not written
//! twice. One that ended stays as it ended.

mod lease;

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::{EntityId, EntityKey, EntityKind, SyncWindow};
use engine::port::{JobError, JobStatus, MirrorTally, Scope, StoreError, Subject, SyncJob};
use engine::report::Unmapped;
use engine::run::cycle::CycleOptions;
use jiff::Timestamp;

use crate::impersonal;
use crate::output::Output;
use crate::runs::{self, MirrorRun, Outcome};
use crate::wiring::{MirrorWorks, RosterWorks, Works};
use lease::Lease;

/// How often it is kept how far a job is.
const PROGRESS: Duration = Duration::from_secs(2);
/// How long to wait for another process that runs jobs of this roster.
const OTHERS: Duration = Duration::from_secs(5);
/// How often, before this roster's other work goes on.
const OTHERS_WAITED_MAX: u32 = 6;
/// Subjects looked at in one question.
const PAGE: usize = 1000;
/// Errors that are told of one job.
const ERRORS_MAX: usize = 50;

/// Carries out the open jobs of a roster.
pub async fn carry_out(works: &Works, roster: &RosterWorks, output: &Output) {
    let mut waited = 0;
    loop {
        let next = works.store.open_sync_jobs(&roster.name).await;
        let job = match next {
            Ok(open) => match open.into_iter().next() {
                Some(job) => job,
                None => return,
            },
            Err(error) => return tracing::warn!("sync jobs cannot be read: {error}"),
        };
        let (store, outside) = (works.store.as_ref(), &works.outside);
        let lease = match Lease::take(store, outside, &roster.name).await {
            Ok(Some(lease)) => lease,
            Ok(None) if waited < OTHERS_WAITED_MAX => {
                waited += 1;
                let again = works.outside.clock.now().saturating_add(OTHERS);
                works.outside.clock.sleep_until(again.unwrap_or(Timestamp::MAX)).await;
                continue;
            }
            Ok(None) => return,
            Err(error) => return tracing::warn!("no lease for sync jobs: {error}"),
        };
        let id = job.id.clone();
        let done = tokio::select! {
            done = run(works, roster, job, output) => Some(done),
            // Whoever has it runs the job too: what we have begun is theirs to look at.
            () = lease.kept_until_lost(store, outside) => None,
        };
        lease.give_back(store).await;
        match done {
            Some(Ok(())) => {}
            Some(Err(error)) => return tracing::warn!("a sync job is not finished: {error}"),
            None => {
                tracing::warn!(job.id = %id, "a sync job is left to another process");
                return;
            }
        }
    }
}

async fn run(
    works: &Works,
    roster: &RosterWorks,
    mut job: SyncJob,
    output: &Output,
) -> Result<(), StoreError> {
    job.status = JobStatus::Running;
    job.started_at = Some(works.outside.clock.now());
    if !works.store.put_sync_job(&job).await? {
        // Another process ended it since we looked.
        return Ok(());
    }
    let mut errors = Vec::new();
    let reading = runs::ingest(works, roster, None).await;
    if let Err(error) = &reading.result {
        let message = format!("the source is not read: {}", class_of(error));
        errors.push(JobError { code: "source_failed".into(), message, mirror: None, entity: None });
    }
    let ordered = |it: &&MirrorWorks| job.order.mirrors.contains(&it.spec.name);
    let mirrors: Vec<&MirrorWorks> = works.mirrors_of(&roster.name).filter(ordered).collect();
    for gone in job.order.mirrors.iter().filter(|it| mirrors.iter().all(|m| m.spec.name != **it)) {
        errors.push(JobError {
            code: "mirror_gone".into(),
            message: "the mirror is not in the configuration any more".into(),
            mirror: Some(gone.clone()),
            entity: None,
        });
    }
    let before = count(works, &mirrors, &job).await?;
    job.records_total = before.total;
    let runs = with_progress(works, roster, &mirrors, &mut job, before, output).await;
    let after = count(works, &mirrors, &job).await?;
    errors.extend(runs.iter().flat_map(errors_of));
    errors.truncate(ERRORS_MAX);
    job.status = status(&runs, after, errors.is_empty());
    job.ended_at = Some(works.outside.clock.now());
    job.records_total = after.total;
    job.records_processed = after.total - after.failed;
    job.records_failed = after.failed;
    job.mirrors = runs.iter().map(tally).collect();
    job.errors = errors;
    if !works.store.put_sync_job(&job).await? {
        return Ok(());
    }
    tracing::info!(
        job.id = %job.id,
        job.status = job.status.as_str(),
        job.processed = job.records_processed,
        job.failed = job.records_failed,
        "sync job ended"
    );
    Ok(())
}

/// What may be told of a reading that failed; the rest is in the log.
fn class_of(error: &engine::run::ingest::IngestError) -> &'static str {
    use engine::run::ingest::IngestError;
    match error {
        IngestError::Source(_) => "it cannot be read as a whole",
        IngestError::Store(_) => "the store failed",
        IngestError::Guard(_) => "it would delete too much",
    }
}

/// Runs the cycles, and keeps how far they are.
async fn with_progress(
    works: &Works,
    roster: &RosterWorks,
    mirrors: &[&MirrorWorks],
    job: &mut SyncJob,
    before: Count,
    output: &Output,
) -> Vec<MirrorRun> {
    let written = || -> u64 { mirrors.iter().map(|it| it.written.load(Ordering::Relaxed)).sum() };
    let (began, settled) = (written(), before.total - before.failed);
    let granted = roster.granted_deletions.load(Ordering::Relaxed);
    let allow_deletions = Some(granted).filter(|it| *it > 0);
    let options = |_: &MirrorWorks| CycleOptions { allow_deletions, ..CycleOptions::default() };
    let mut cycles = pin!(runs::cycles(works, mirrors, options, output));
    loop {
        let clock = &works.outside.clock;
        let next = clock.now().saturating_add(PROGRESS).unwrap_or(Timestamp::MAX);
        tokio::select! {
            runs = &mut cycles => return runs,
            () = clock.sleep_until(next) => {}
        }
        let of_each = (written() - began) / mirrors.len().max(1) as u64;
        job.records_processed = before.total.min(settled + of_each);
        // The job goes on, whether this can be kept or not.
        let _ = works.store.put_sync_job(job).await;
    }
}

/// Shifts that a job is about, and those that are not as they should be in one of its mirrors.
#[derive(Debug, Clone, Copy)]
struct Count {
    total: u64,
    failed: u64,
}

async fn count(
    works: &Works,
    mirrors: &[&MirrorWorks],
    job: &SyncJob,
) -> Result<Count, StoreError> {
    let (mut seen, mut failed) = (BTreeSet::<EntityId>::new(), BTreeSet::<EntityId>::new());
    for mirror in mirrors {
        let spec = &mirror.spec;
        let shown = SyncWindow::around(works.outside.clock.now(), spec.past, spec.future);
        let window = job.order.window.map_or(shown, |interval| SyncWindow { interval });
        let scope = Scope::All { window };
        let kinds = [EntityKind::Shift];
        let mut after: Option<EntityKey> = None;
        loop {
            let page = works.store.subjects(
                &spec.name,
                &spec.roster,
                &kinds,
                &scope,
                after.as_ref(),
                PAGE,
            );
            let page = page.await?;
            after = page.last().map(|it| it.key.clone());
            let full = page.len() == PAGE;
            for subject in page.iter().filter(|it| is_about(job, &window, it)) {
                seen.insert(subject.key.id.clone());
                if !is_settled(subject, &shown) {
                    failed.insert(subject.key.id.clone());
                }
            }
            if !full {
                break;
            }
        }
    }
    Ok(Count { total: seen.len() as u64, failed: failed.len() as u64 })
}

fn is_about(job: &SyncJob, window: &SyncWindow, subject: &Subject) -> bool {
    let Some(entry) = &subject.entry else { return false };
    let group = job.order.group.as_ref();
    entry.entity.kind() == EntityKind::Shift
        && entry.entity.interval().is_some_and(|it| window.admits(&it))
        && group.is_none_or(|it| entry.entity.group() == Some(it))
}

/// Whether a shift is where it should be. One that the mirror does not look at is: nowhere.
fn is_settled(subject: &Subject, shown: &SyncWindow) -> bool {
    let interval = subject.entry.as_ref().and_then(|it| it.entity.interval());
    if !interval.is_some_and(|it| shown.admits(&it)) {
        return true;
    }
    let mut rows = subject.ledger.iter();
    let there = |row: &engine::port::LedgerRow| row.remote.is_some() && row.intent.is_none();
    rows.any(there) && subject.ledger.iter().all(|row| row.trouble.is_none())
}

fn errors_of(run: &MirrorRun) -> Vec<JobError> {
    let mirror = Some(run.name.clone());
    let whole = |code: &str, message: String| JobError {
        code: code.into(),
        message,
        mirror: mirror.clone(),
        entity: None,
    };
    let report = match &run.result {
        Ok(report) => report,
        Err(_) => return vec![whole("store_failed", "the store failed".into())],
    };
    let mut errors = Vec::new();
    if report.refused.is_some() {
        errors.push(whole("guard_refused", "it would delete too much; nothing was sent".into()));
    }
    for Unmapped { reason, count, .. } in &report.unmapped {
        let reason = impersonal::impersonal(reason);
        errors.push(whole("unmapped", format!("{count} belong to no calendar: {reason}")));
    }
    for problem in &report.problems {
        errors.push(JobError {
            code: if problem.key.is_some() { "item_failed" } else { "calendar_failed" }.into(),
            // Whoever may read schedules may not therefore read who people are.
            message: impersonal::without(problem.calendar.as_str(), &problem.reason),
            mirror: mirror.clone(),
            entity: problem.key.as_ref().map(ToString::to_string),
        });
    }
    errors
}

fn tally(run: &MirrorRun) -> MirrorTally {
    let report = run.result.as_ref().unwrap_or(&run.so_far);
    MirrorTally {
        mirror: run.name.clone(),
        created: report.created,
        updated: report.updated,
        deleted: report.deleted,
        unchanged: report.unchanged,
        failed: report.failed,
    }
}

fn status(runs: &[MirrorRun], count: Count, faultless: bool) -> JobStatus {
    let all_done = runs.iter().all(|run| run.outcome() == Outcome::Done);
    let none_done =
        runs.iter().all(|run| matches!(run.outcome(), Outcome::Failed | Outcome::Refused));
    if all_done && count.failed == 0 && faultless {
        JobStatus::Completed
    } else if none_done {
        JobStatus::Failed
    } else {
        JobStatus::PartlyCompleted
    }
}

#[cfg(test)]
mod tests {
    use domain::{CalendarKey, MirrorName};
    use engine::report::{CycleReport, Problem};

    use super::*;

    #[test]
    fn what_a_target_says_of_people_is_not_told_to_clients() {
        let reason = "cannot put an item into `anna.berg@example.com`: HTTP 404: the mailbox of \
                      anna.berg@example.com (https://graph.example.com/users/anna.berg) is gone";
        let problem = Problem {
            calendar: CalendarKey::new("anna.berg@example.com").unwrap(),
            key: None,
            reason: reason.into(),
        };
        let unmapped = vec![Unmapped {
            reason: "no user is `bo@example.com`".to_owned(),
            count: 2,
            employees: vec![domain::EmployeeId::new("anna@example.com").unwrap()],
            employees_more: 0,
        }];
        let report = CycleReport { problems: vec![problem], unmapped, ..CycleReport::default() };
        let run = MirrorRun {
            name: MirrorName::new("outlook").unwrap(),
            roster: domain::RosterName::new("emea").unwrap(),
            result: Ok(report),
            so_far: CycleReport::default(),
        };
        let told: Vec<String> = errors_of(&run).into_iter().map(|it| it.message).collect();
        assert_eq!(told.len(), 2);
        assert!(told[1].contains("HTTP 404"), "{told:?}");
        for personal in ["anna", "berg", "bo@"] {
            assert!(told.iter().all(|it| !it.contains(personal)), "{personal}: {told:?}");
        }
    }
}
