//! The Schedule API's part of the store in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use domain::{EntityKind, RosterName};
use engine::port::{
    ApiCall, ApiClient, ApiStore, ApiToken, ChangeSeq, ChangedEntity, ClientId, EntityFilter,
    IngestReceipt, JobAdded, KeptAnswer, PagePlace, ScheduleCommit, StoreError, StoredEntity,
    SyncJob,
};
use jiff::Timestamp;

use super::roster::{Change, Kept, Roster};
use super::{MemoryStore, State};

/// Clients, tokens, answers, jobs and calls.
#[derive(Debug, Default)]
pub(super) struct Api {
    clients: Vec<ApiClient>,
    tokens: Vec<ApiToken>,
    incarnation: Option<String>,
    answers: BTreeMap<(ClientId, String), KeptAnswer>,
    jobs: BTreeMap<String, SyncJob>,
    calls: Vec<ApiCall>,
}

impl Api {
    fn add_client(&mut self, client: ApiClient) -> bool {
        let taken = |other: &ApiClient| {
            other.id == client.id || (other.name == client.name && other.revoked_at.is_none())
        };
        let free = !self.clients.iter().any(taken);
        if free {
            self.clients.push(client);
        }
        free
    }

    fn clients(&self) -> Vec<ApiClient> {
        let mut clients = self.clients.clone();
        clients.sort_by(|a, b| (&a.name, a.created_at, &a.id).cmp(&(&b.name, b.created_at, &b.id)));
        clients
    }

    fn client(&self, id: &ClientId) -> Option<ApiClient> {
        self.clients.iter().find(|it| it.id == *id).cloned()
    }

    fn revoke(&mut self, id: &ClientId, at: Timestamp) -> bool {
        self.tokens.retain(|it| it.client != *id);
        let found = self.clients.iter_mut().find(|it| it.id == *id && it.revoked_at.is_none());
        found.is_some_and(|it| it.revoked_at.replace(at).is_none())
    }

    fn add_token(&mut self, token: ApiToken, now: Timestamp, keep: usize) {
        let client = token.client.clone();
        self.tokens.push(token);
        self.tokens.retain(|it| it.expires_at >= now);
        self.tokens.sort_by_key(|it| std::cmp::Reverse(it.expires_at));
        let mut kept = 0;
        self.tokens.retain(|it| {
            kept += usize::from(it.client == client);
            it.client != client || kept <= keep
        });
    }

    fn token(&self, hash: &[u8; 32]) -> Option<(ApiToken, ApiClient)> {
        let token = self.tokens.iter().find(|it| it.hash == *hash)?;
        Some((token.clone(), self.client(&token.client)?))
    }

    fn incarnation(&mut self, fresh: &str) -> String {
        self.incarnation.get_or_insert_with(|| fresh.to_owned()).clone()
    }

    fn kept(&self, client: &ClientId, key: &str) -> Option<KeptAnswer> {
        self.answers.get(&(client.clone(), key.to_owned())).cloned()
    }

    fn add_job(&mut self, job: SyncJob, limit: usize, kept_from: Timestamp) -> JobAdded {
        self.jobs.retain(|_, it| it.ended_at.is_none_or(|at| at >= kept_from));
        let open = self.open_jobs(&job.roster);
        if let Some(same) = open.iter().find(|it| it.print() == job.print()) {
            return JobAdded::UnderWay(same.clone());
        }
        if open.len() >= limit {
            return JobAdded::TooMany;
        }
        self.jobs.insert(job.id.clone(), job);
        JobAdded::Queued
    }

    fn put_job(&mut self, job: &SyncJob) -> bool {
        let open = self.jobs.get_mut(&job.id).filter(|kept| kept.ended_at.is_none());
        open.map(|kept| *kept = job.clone()).is_some()
    }

    fn job(&self, id: &str) -> Option<SyncJob> {
        self.jobs.get(id).cloned()
    }

    fn open_jobs(&self, roster: &RosterName) -> Vec<SyncJob> {
        let open = |it: &&SyncJob| it.roster == *roster && it.ended_at.is_none();
        let mut jobs: Vec<SyncJob> = self.jobs.values().filter(open).cloned().collect();
        jobs.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        jobs
    }

    fn add_calls(&mut self, calls: &[ApiCall], kept_from: Timestamp) {
        self.calls.extend_from_slice(calls);
        self.calls.retain(|it| it.at >= kept_from);
    }

    fn calls(&self, client: Option<&ClientId>, limit: usize) -> Vec<ApiCall> {
        let wanted = |it: &&ApiCall| client.is_none_or(|id| it.client.as_ref() == Some(id));
        self.calls.iter().rev().filter(wanted).take(limit).cloned().collect()
    }
}

impl State {
    fn commit_schedule(
        &mut self,
        name: &RosterName,
        commit: ScheduleCommit,
    ) -> Result<IngestReceipt, StoreError> {
        let ScheduleCommit { expected, at, upserts, tombstones, answer, answers_kept_from, audit } =
            commit;
        let roster = self.rosters.entry(name.clone()).or_default();
        let seq = roster.change(name, Change { upserts, tombstones, at, expected })?;
        self.api.answers.retain(|_, it| it.at >= answers_kept_from);
        if let Some(answer) = answer {
            self.api.answers.insert((answer.client.clone(), answer.key.clone()), answer);
        }
        self.api.calls.push(audit);
        Ok(IngestReceipt { seq })
    }
}

impl Roster {
    /// As the port says.
    fn seq_before(&self, at: Timestamp) -> ChangeSeq {
        if !self.changes_at.iter().any(|(before, _)| *before < at) {
            return ChangeSeq(0);
        }
        let later = self.changes_at.iter().filter(|(it, _)| *it >= at).map(|(_, seq)| *seq);
        ChangeSeq(later.min().unwrap_or(self.seq))
    }

    /// Everything live that a filter admits, in the order of pages.
    fn admitted(&self, filter: &EntityFilter) -> Vec<StoredEntity> {
        let in_time = match filter.kind {
            EntityKind::OpenShift | EntityKind::Shift | EntityKind::TimeOff => {
                let EntityFilter { employee, group, ends_after, starts_before, kind: _ } = filter;
                employee.is_some()
                    || group.is_some()
                    || ends_after.is_some()
                    || starts_before.is_some()
            }
            EntityKind::Employee | EntityKind::ScheduleGroup | EntityKind::TimeOffReason => false,
        };
        let live = self.entities.values().filter(|kept| kept.deleted_at.is_none());
        let admitted = live.filter(|kept| admits(filter, kept));
        let mut found: Vec<StoredEntity> = admitted.map(|kept| stored(kept, in_time)).collect();
        found.sort_by_key(StoredEntity::place);
        found
    }

    fn changes(
        &self,
        kinds: &BTreeSet<EntityKind>,
        since: ChangeSeq,
        limit: usize,
    ) -> Vec<ChangedEntity> {
        let wanted =
            |kept: &&Kept| kinds.contains(&kept.entry.entity.kind()) && kept.entry.seq > since;
        let mut found: Vec<ChangedEntity> =
            self.entities.values().filter(wanted).map(changed).collect();
        found.sort_by_key(|it| it.seq);
        found.truncate(limit);
        found
    }
}

fn admits(filter: &EntityFilter, kept: &Kept) -> bool {
    let EntityFilter { kind, employee, group, ends_after, starts_before } = filter;
    let entity = &kept.entry.entity;
    entity.kind() == *kind
        && employee.as_ref().is_none_or(|it| entity.employee() == Some(it))
        && group.as_ref().is_none_or(|it| entity.group() == Some(it))
        && entity.interval().is_none_or(|at| {
            ends_after.is_none_or(|it| at.end() > it)
                && starts_before.is_none_or(|it| at.start() < it)
        })
}

fn body(kept: &Kept) -> String {
    serde_json::to_string(&kept.entry.entity).unwrap_or_default()
}

fn stored(kept: &Kept, in_time: bool) -> StoredEntity {
    let entry = &kept.entry;
    let interval = entry.entity.interval().filter(|_| in_time);
    StoredEntity {
        id: entry.entity.key().id.as_str().into(),
        ends_at_ms: interval.map_or(0, |it| it.end().as_millisecond()),
        starts_at_ms: interval.map_or(0, |it| it.start().as_millisecond()),
        version: entry.version,
        changed_at: entry.changed_at,
        body: body(kept).into(),
    }
}

fn changed(kept: &Kept) -> ChangedEntity {
    let entry = &kept.entry;
    let interval = entry.entity.interval();
    ChangedEntity {
        key: entry.entity.key(),
        seq: entry.seq,
        version: entry.version,
        at: kept.deleted_at.unwrap_or(entry.changed_at),
        deleted: kept.deleted_at.is_some(),
        employee: entry.entity.employee().map(ToString::to_string),
        group: entry.entity.group().map(ToString::to_string),
        starts_at: interval.map(|it| it.start()),
        ends_at: interval.map(|it| it.end()),
        body: body(kept),
    }
}

#[async_trait]
impl ApiStore for MemoryStore {
    async fn add_api_client(&self, client: ApiClient) -> Result<bool, StoreError> {
        Ok(self.lock().api.add_client(client))
    }

    async fn api_clients(&self) -> Result<Vec<ApiClient>, StoreError> {
        Ok(self.lock().api.clients())
    }

    async fn api_client(&self, id: &ClientId) -> Result<Option<ApiClient>, StoreError> {
        Ok(self.lock().api.client(id))
    }

    async fn revoke_api_client(&self, id: &ClientId, at: Timestamp) -> Result<bool, StoreError> {
        Ok(self.lock().api.revoke(id, at))
    }

    async fn add_api_token(
        &self,
        token: ApiToken,
        now: Timestamp,
        keep: usize,
    ) -> Result<(), StoreError> {
        self.lock().api.add_token(token, now, keep);
        Ok(())
    }

    async fn api_token(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<(ApiToken, ApiClient)>, StoreError> {
        Ok(self.lock().api.token(hash))
    }

    async fn incarnation(&self, fresh: &str) -> Result<String, StoreError> {
        Ok(self.lock().api.incarnation(fresh))
    }

    async fn seq_before(
        &self,
        roster: &RosterName,
        at: Timestamp,
    ) -> Result<ChangeSeq, StoreError> {
        Ok(self.lock().roster(roster).map(|it| it.seq_before(at)).unwrap_or_default())
    }

    async fn entity_page(
        &self,
        roster: &RosterName,
        filter: &EntityFilter,
        after: Option<&PagePlace>,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<StoredEntity>, StoreError> {
        let state = self.lock();
        let found = state.roster(roster).map(|it| it.admitted(filter)).unwrap_or_default();
        let rest = found.into_iter().filter(|it| after.is_none_or(|place| it.place() > *place));
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        Ok(rest.skip(skip).take(limit).collect())
    }

    async fn entity_count(
        &self,
        roster: &RosterName,
        filter: &EntityFilter,
    ) -> Result<u64, StoreError> {
        Ok(self.lock().roster(roster).map_or(0, |it| it.admitted(filter).len() as u64))
    }

    async fn entity_changes(
        &self,
        roster: &RosterName,
        kinds: &BTreeSet<EntityKind>,
        since: ChangeSeq,
        limit: usize,
    ) -> Result<Vec<ChangedEntity>, StoreError> {
        let state = self.lock();
        Ok(state.roster(roster).map(|it| it.changes(kinds, since, limit)).unwrap_or_default())
    }

    async fn kept_answer(
        &self,
        client: &ClientId,
        key: &str,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        Ok(self.lock().api.kept(client, key))
    }

    async fn commit_schedule(
        &self,
        roster: &RosterName,
        commit: ScheduleCommit,
    ) -> Result<IngestReceipt, StoreError> {
        self.lock().commit_schedule(roster, commit)
    }

    async fn add_sync_job(
        &self,
        job: SyncJob,
        limit: usize,
        kept_from: Timestamp,
    ) -> Result<JobAdded, StoreError> {
        Ok(self.lock().api.add_job(job, limit, kept_from))
    }

    async fn put_sync_job(&self, job: &SyncJob) -> Result<bool, StoreError> {
        Ok(self.lock().api.put_job(job))
    }

    async fn sync_job(&self, id: &str) -> Result<Option<SyncJob>, StoreError> {
        Ok(self.lock().api.job(id))
    }

    async fn open_sync_jobs(&self, roster: &RosterName) -> Result<Vec<SyncJob>, StoreError> {
        Ok(self.lock().api.open_jobs(roster))
    }

    async fn add_api_calls(
        &self,
        calls: &[ApiCall],
        kept_from: Timestamp,
    ) -> Result<(), StoreError> {
        self.lock().api.add_calls(calls, kept_from);
        Ok(())
    }

    async fn api_calls(
        &self,
        client: Option<&ClientId>,
        limit: usize,
    ) -> Result<Vec<ApiCall>, StoreError> {
        Ok(self.lock().api.calls(client, limit))
    }
}
