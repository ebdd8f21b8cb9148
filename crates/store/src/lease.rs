//! Leases: who may write a calendar, under a number that never repeats.
//!
//! A row stays for ever, so that its epoch does; giving a lease back only empties its owner. The
//! lease saves work; what gives safety is that a ledger commit checks the epoch
//! ([`crate::ledger::commit`]).

use std::collections::{BTreeMap, BTreeSet};

use engine::port::{Epoch, LeaseDomain, LeaseGrant};
use jiff::Timestamp;

use crate::backend::{Arg, Backend, Session, transact};
use crate::fault::Fault;
use crate::packed;
use crate::sql::{Sql, over_rows};

/// Who asks, and for when.
#[derive(Clone, Copy)]
pub(crate) struct Claim<'c> {
    pub owner: &'c str,
    pub now: Timestamp,
    pub until: Timestamp,
}

pub(crate) async fn acquire(
    backend: &Backend,
    domains: &[LeaseDomain],
    claim: Claim<'_>,
) -> Result<Vec<LeaseGrant>, Fault> {
    // In one order for everybody: two replicas that ask for the same leases do not block each
    // other.
    let sorted: BTreeSet<&str> = domains.iter().map(|domain| domain.0.as_str()).collect();
    let sorted: Vec<_> = sorted.into_iter().map(|domain| [domain]).collect();
    let rows = packed::rows(&sorted)?;
    let grants = transact!(backend, |session| claim_all(session, &rows, claim))?;
    domains
        .iter()
        .map(|domain| grants.get(&domain.0).cloned().ok_or_else(|| missing(domain)))
        .collect()
}

fn missing(domain: &LeaseDomain) -> Fault {
    Fault::corrupt("lease", domain.0.clone(), "its row is missing")
}

async fn claim_all(
    session: &mut Session,
    domains: &str,
    claim: Claim<'_>,
) -> Result<BTreeMap<String, LeaseGrant>, Fault> {
    const CLAIM: Sql = over_rows!(
        "INSERT INTO lease (domain, owner, epoch, until) \
         SELECT given.value ->> 0, $2, 1, $4 FROM",
        "WHERE true ON CONFLICT (domain) DO UPDATE SET owner = excluded.owner, \
         epoch = CASE WHEN lease.owner = excluded.owner THEN lease.epoch \
         ELSE lease.epoch + 1 END, until = excluded.until \
         WHERE lease.until <= $3 OR lease.owner = excluded.owner RETURNING domain, epoch"
    );
    let Claim { owner, now, until } = claim;
    let args = [
        Arg::Text(domains),
        Arg::Text(owner),
        Arg::Int(now.as_millisecond()),
        Arg::Int(until.as_millisecond()),
    ];
    let mut grants = BTreeMap::new();
    for row in session.cells(CLAIM, &args).await? {
        grants.insert(row.text(0)?, LeaseGrant::Granted(Epoch(row.int(1)?)));
    }
    for (domain, held) in holders(session, domains).await? {
        grants.entry(domain).or_insert(held);
    }
    Ok(grants)
}

/// Who has these leases.
async fn holders(
    session: &mut Session,
    domains: &str,
) -> Result<BTreeMap<String, LeaseGrant>, Fault> {
    const HOLDERS: Sql = over_rows!(
        "SELECT lease.domain, lease.owner, lease.epoch, lease.until FROM",
        "CROSS JOIN lease WHERE lease.domain = (given.value ->> 0)"
    );
    let rows = session.cells(HOLDERS, &[Arg::Text(domains)]).await?;
    rows.iter()
        .map(|row| {
            let held = LeaseGrant::Held {
                by: row.text(1)?,
                epoch: Epoch(row.int(2)?),
                until: row.instant(3)?,
            };
            Ok((row.text(0)?, held))
        })
        .collect()
}

/// Whom to take a lease from.
#[derive(Clone, Copy)]
pub(crate) struct TakeOver<'t> {
    pub from: &'t str,
    pub epoch: Epoch,
    pub owner: &'t str,
    pub until: Timestamp,
}

pub(crate) async fn take_over(
    backend: &Backend,
    domain: &LeaseDomain,
    wish: TakeOver<'_>,
) -> Result<LeaseGrant, Fault> {
    transact!(backend, |session| take(session, domain, wish))
}

async fn take(
    session: &mut Session,
    domain: &LeaseDomain,
    wish: TakeOver<'_>,
) -> Result<LeaseGrant, Fault> {
    const TAKE: Sql = Sql::same(
        "UPDATE lease SET owner = $4, epoch = epoch + 1, until = $5 \
         WHERE domain = $1 AND owner = $2 AND epoch = $3 RETURNING epoch",
    );
    let TakeOver { from, epoch, owner, until } = wish;
    let args = [
        Arg::Text(&domain.0),
        Arg::Text(from),
        Arg::Int(epoch.0),
        Arg::Text(owner),
        Arg::Int(until.as_millisecond()),
    ];
    if let Some(row) = session.cells(TAKE, &args).await?.first() {
        return Ok(LeaseGrant::Granted(Epoch(row.int(0)?)));
    }
    let rows = packed::rows(&[[&domain.0]])?;
    let mut holders = holders(session, &rows).await?;
    // A lease that was never given: nobody has it, and it has run out.
    Ok(holders.remove(&domain.0).unwrap_or(LeaseGrant::Held {
        by: String::new(),
        epoch: Epoch(0),
        until: Timestamp::UNIX_EPOCH,
    }))
}

pub(crate) async fn release(
    backend: &Backend,
    leases: &[(LeaseDomain, Epoch)],
) -> Result<(), Fault> {
    const RELEASE: Sql = over_rows!(
        "UPDATE lease SET owner = '', until = 0 FROM",
        "WHERE lease.domain = (given.value ->> 0) \
         AND lease.epoch = CAST(given.value ->> 1 AS BIGINT)"
    );
    let rows: BTreeSet<_> =
        leases.iter().map(|(domain, epoch)| (domain.0.as_str(), epoch.0)).collect();
    let rows = packed::rows(&Vec::from_iter(rows))?;
    transact!(backend, |session| session.run(RELEASE, &[Arg::Text(&rows)]))?;
    Ok(())
}
