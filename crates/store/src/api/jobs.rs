//! Sync jobs: one JSON text each, with columns for whatever they are looked for by.

use domain::RosterName;
use engine::port::{JobAdded, SyncJob};
use jiff::Timestamp;

use crate::backend::{Arg, Backend, Cells, Session, transact};
use crate::fault::Fault;
use crate::sql::Sql;

pub(crate) async fn add(
    backend: &Backend,
    job: &SyncJob,
    limit: usize,
    kept_from: Timestamp,
) -> Result<JobAdded, Fault> {
    transact!(backend, |session| queue(session, job, limit, kept_from))
}

async fn queue(
    session: &mut Session,
    job: &SyncJob,
    limit: usize,
    kept_from: Timestamp,
) -> Result<JobAdded, Fault> {
    const DROP: Sql = Sql::same("DELETE FROM sync_job WHERE ended_at < $1");
    const SAME: Sql = Sql::same(
        "SELECT body FROM sync_job WHERE roster = $1 AND print = $2 AND ended_at IS NULL",
    );
    const OPEN: Sql =
        Sql::same("SELECT count(*) FROM sync_job WHERE roster = $1 AND ended_at IS NULL");
    const ADD: Sql = Sql::same(
        "INSERT INTO sync_job (id, roster, print, created_at, body) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT DO NOTHING",
    );
    session.run(DROP, &[Arg::Int(kept_from.as_millisecond())]).await?;
    let (print, body) = (job.print(), body(job)?);
    let roster = Arg::Text(job.roster.as_str());
    let same = [roster, Arg::Blob(print.as_bytes())];
    if let Some(row) = session.cells(SAME, &same).await?.first() {
        return decode(row).map(JobAdded::UnderWay);
    }
    let open = session.cells(OPEN, &[roster]).await?;
    let open = open.first().map_or(Ok(0), |row| row.int(0))?;
    if usize::try_from(open).is_ok_and(|open| open >= limit) {
        return Ok(JobAdded::TooMany);
    }
    let args = [
        Arg::Text(&job.id),
        roster,
        Arg::Blob(print.as_bytes()),
        Arg::Int(job.created_at.as_millisecond()),
        Arg::Text(&body),
    ];
    if session.run(ADD, &args).await? > 0 {
        return Ok(JobAdded::Queued);
    }
    // Somebody queued the same at this moment.
    let found = session.cells(SAME, &same).await?;
    found.first().map_or(Ok(JobAdded::TooMany), |row| decode(row).map(JobAdded::UnderWay))
}

fn body(job: &SyncJob) -> Result<String, Fault> {
    serde_json::to_string(job).map_err(|error| Fault::corrupt("job", job.id.clone(), error))
}

fn decode(row: &Cells) -> Result<SyncJob, Fault> {
    let body = row.text(0)?;
    serde_json::from_str(&body).map_err(|error| Fault::corrupt("job", "sync_job".into(), error))
}

/// Whether the job was there and had not ended.
pub(crate) async fn put(backend: &Backend, job: &SyncJob) -> Result<bool, Fault> {
    const PUT: Sql = Sql::same(
        "UPDATE sync_job SET ended_at = $2, body = $3 WHERE id = $1 AND ended_at IS NULL",
    );
    let body = body(job)?;
    let ended_at = job.ended_at.map(Timestamp::as_millisecond);
    let args = [Arg::Text(&job.id), Arg::MaybeInt(ended_at), Arg::Text(&body)];
    let put = transact!(backend, |session| session.run(PUT, &args))?;
    Ok(put > 0)
}

pub(crate) async fn get(backend: &Backend, id: &str) -> Result<Option<SyncJob>, Fault> {
    const GET: Sql = Sql::same("SELECT body FROM sync_job WHERE id = $1");
    let rows = backend.reader().await?.cells(GET, &[Arg::Text(id)]).await?;
    rows.first().map(decode).transpose()
}

pub(crate) async fn open(backend: &Backend, roster: &RosterName) -> Result<Vec<SyncJob>, Fault> {
    const OPEN: Sql = Sql::same(
        "SELECT body FROM sync_job WHERE roster = $1 AND ended_at IS NULL \
         ORDER BY created_at, id",
    );
    let rows = backend.reader().await?.cells(OPEN, &[Arg::Text(roster.as_str())]).await?;
    rows.iter().map(decode).collect()
}
