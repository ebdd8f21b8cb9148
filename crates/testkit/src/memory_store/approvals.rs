//! Requests and grants, and the commit of what was decided.

use std::collections::BTreeMap;

use domain::{Fingerprint, MirrorName, RequestStep, RosterName};
use engine::port::{
    ApprovalCommit, ChangeSeq, Grant, IngestReceipt, LedgerRow, LedgerWrite, RemoteId, RequestRow,
    StoreError,
};
use jiff::Timestamp;

use super::State;
use super::roster::Change;

/// What was asked for in one mirror.
#[derive(Debug, Default)]
pub(super) struct Approvals {
    requests: BTreeMap<RemoteId, RequestRow>,
    grants: BTreeMap<Fingerprint, Grant>,
}

impl Approvals {
    pub fn grants(&self, keys: &[Fingerprint]) -> Vec<Grant> {
        let keys: std::collections::BTreeSet<_> = keys.iter().collect();
        keys.into_iter().filter_map(|key| self.grants.get(key)).cloned().collect()
    }

    pub fn requests_at(&self, at: &[RemoteId]) -> Vec<RequestRow> {
        let at: std::collections::BTreeSet<_> = at.iter().collect();
        at.into_iter().filter_map(|id| self.requests.get(id)).cloned().collect()
    }

    pub fn requests(&self, pending: bool, limit: usize) -> Vec<RequestRow> {
        let wanted = |row: &&RequestRow| match row.step {
            RequestStep::Asked | RequestStep::Agreed => true,
            RequestStep::Approved | RequestStep::Declined | RequestStep::Cancelled => !pending,
        };
        let mut rows: Vec<RequestRow> = self.requests.values().filter(wanted).cloned().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.changed_at));
        rows.truncate(limit);
        rows
    }

    pub fn to_approve(&self, due_by: Timestamp, limit: usize) -> Vec<RequestRow> {
        let due = |row: &&RequestRow| row.approve_at.is_some_and(|at| at <= due_by);
        let mut rows: Vec<RequestRow> = self.requests.values().filter(due).cloned().collect();
        rows.sort_by_key(|row| row.approve_at);
        rows.truncate(limit);
        rows
    }
}

impl State {
    pub(super) fn approvals(&self, mirror: &MirrorName) -> Option<&Approvals> {
        self.approvals.get(mirror)
    }

    pub(super) fn commit_approvals(
        &mut self,
        roster: &RosterName,
        mirror: &MirrorName,
        commit: ApprovalCommit,
    ) -> Result<IngestReceipt, StoreError> {
        let ApprovalCommit {
            expected,
            at,
            upserts,
            tombstones,
            ledger,
            new_rows,
            requests,
            grants,
            grants_kept_from,
        } = commit;
        let there = |row: &LedgerRow| {
            let rows = self.ledgers.mirrors.get(mirror).into_iter();
            let here = |it: &LedgerRow| it.calendar == row.calendar && it.item() == row.item();
            rows.flat_map(|it| it.of_key(&row.key)).any(here)
        };
        if new_rows.iter().any(there) {
            let (roster, found) = (roster.clone(), self.roster(roster).map_or(0, |it| it.seq));
            return Err(StoreError::Superseded { roster, expected: expected.0, found });
        }
        let seq = if upserts.is_empty() && tombstones.is_empty() {
            ChangeSeq(self.roster(roster).map_or(0, |it| it.seq))
        } else {
            let change = Change { upserts, tombstones, at, expected };
            self.rosters.entry(roster.clone()).or_default().change(roster, change)?
        };
        let new_rows = new_rows.into_iter().map(LedgerWrite::Put);
        let ledger: Vec<LedgerWrite> = ledger.into_iter().chain(new_rows).collect();
        if !ledger.is_empty() {
            self.ledgers.write_unfenced(mirror, ledger);
        }
        let kept = self.approvals.entry(mirror.clone()).or_default();
        kept.requests.extend(requests.into_iter().map(|row| (row.at.clone(), row)));
        kept.grants.extend(grants.into_iter().map(|grant| (grant.key, grant)));
        kept.grants.retain(|_, grant| grant.at >= grants_kept_from);
        kept.requests.retain(|_, row| {
            let over = match row.step {
                RequestStep::Asked | RequestStep::Agreed => false,
                RequestStep::Approved | RequestStep::Declined | RequestStep::Cancelled => true,
            };
            !over || row.approve_at.is_some() || row.changed_at >= grants_kept_from
        });
        Ok(IngestReceipt { seq })
    }
}
