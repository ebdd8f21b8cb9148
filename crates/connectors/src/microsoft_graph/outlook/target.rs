//! The port, in terms of the other files.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::{CalendarKey, Directory, Employee, Entity, ItemKey, UtcInterval};
use engine::port::{
    Capabilities, DeltaToken, ETag, Failure, Finding, Item, Listing, Opened, Placement, Probe,
    RemoteId, Sighting, Target, Write, WriteWhat, Written,
};

use super::call::Caller;
use super::check::Checker;
use super::mailbox::Mailboxes;
use super::read::Reader;
use super::write::Writer;

/// The calendars of one mirror's people.
#[derive(Debug)]
pub struct OutlookTarget {
    /// The way to Graph.
    pub caller: Arc<Caller>,
    /// Which calendars.
    pub mailboxes: Arc<Mailboxes>,
    /// What reads.
    pub reader: Arc<Reader>,
    /// What writes.
    pub writer: Writer,
    /// What `doctor` asks.
    pub checker: Checker,
    /// The mailbox that shows everybody's, where there is one.
    pub shared: Option<CalendarKey>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Mailboxes that more than one employee would have.
    pub twice: Mutex<BTreeMap<CalendarKey, usize>>,
}

impl OutlookTarget {
    fn owners(&self, calendar: &CalendarKey) -> usize {
        let twice = self.twice.lock().unwrap_or_else(PoisonError::into_inner);
        twice.get(calendar).copied().unwrap_or(1)
    }

    async fn write(&self, calendar: &CalendarKey, what: WriteWhat) -> Result<Written, Failure> {
        let write = Write { calendar: calendar.clone(), what, not_after: jiff::Timestamp::MAX };
        let written = self.writer.write(&write).await?;
        written.ok_or_else(|| {
            super::call::failure(
                engine::port::FailureClass::Bug,
                format!("write to mailbox `{calendar}`"),
                "nothing was said of what was written",
            )
        })
    }
}

/// The mailbox of somebody: by the id in Microsoft 365, else by the address.
#[must_use]
pub fn mailbox_of(employee: &Employee) -> Option<CalendarKey> {
    let id = employee.m365_id.as_deref().or(employee.email.as_deref())?;
    CalendarKey::new(id.trim().to_lowercase()).ok()
}

#[async_trait]
impl Target for OutlookTarget {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn meet(&self, directory: Arc<Directory>) {
        let mut owners: BTreeMap<CalendarKey, usize> = BTreeMap::new();
        for calendar in directory.employees.values().filter_map(mailbox_of) {
            *owners.entry(calendar).or_default() += 1;
        }
        owners.retain(|_, count| *count > 1);
        *self.twice.lock().unwrap_or_else(PoisonError::into_inner) = owners;
        self.checker.meet(directory);
    }

    fn place(&self, entity: &Entity, employee: Option<&Employee>) -> Placement {
        match entity {
            Entity::Shift(_) | Entity::TimeOff(_) => {}
            // It is nobody's yet, so nobody's own calendar shows it.
            Entity::OpenShift(_) => {
                let shared = self.shared.clone();
                return shared.map_or(Placement::NotShown, Placement::In);
            }
            Entity::Employee(_) | Entity::ScheduleGroup(_) | Entity::TimeOffReason(_) => {
                return Placement::NotShown;
            }
        }
        if let Some(shared) = &self.shared {
            return Placement::In(shared.clone());
        }
        let Some(employee) = employee else {
            return Placement::Unmapped("employee is not known".into());
        };
        match mailbox_of(employee) {
            Some(calendar) if self.owners(&calendar) > 1 => Placement::Unmapped(
                "another employee has the same Microsoft 365 id or e-mail address".into(),
            ),
            Some(calendar) => Placement::In(calendar),
            None => Placement::Unmapped(
                "employee has neither a Microsoft 365 id nor an e-mail address".into(),
            ),
        }
    }

    fn remote_id(&self, _: &CalendarKey, _: &ItemKey, _: u32) -> Option<RemoteId> {
        None
    }

    async fn check(&self) -> Vec<Finding> {
        self.checker.check().await
    }

    async fn open(&self, calendar: &CalendarKey) -> Result<Opened, Failure> {
        self.mailboxes.open(calendar).await
    }

    async fn list(
        &self,
        calendar: &CalendarKey,
        since: Option<&DeltaToken>,
    ) -> Result<Listing, Failure> {
        self.reader.list(calendar, since).await
    }

    async fn look(
        &self,
        calendar: &CalendarKey,
        probes: &[Probe],
    ) -> Result<Vec<Sighting>, Failure> {
        self.reader.look(calendar, probes).await
    }

    async fn strayed(
        &self,
        calendar: &CalendarKey,
        items: &[RemoteId],
    ) -> Result<Vec<bool>, Failure> {
        self.reader.strayed(calendar, items).await
    }

    async fn create(&self, calendar: &CalendarKey, item: &Item) -> Result<Written, Failure> {
        self.write(calendar, WriteWhat::Create(item.clone())).await
    }

    async fn update(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
        item: &Item,
    ) -> Result<Written, Failure> {
        let (remote, etag, item) = (remote.clone(), etag.cloned(), item.clone());
        self.write(calendar, WriteWhat::Update { remote, etag, item }).await
    }

    async fn delete(
        &self,
        calendar: &CalendarKey,
        remote: &RemoteId,
        etag: Option<&ETag>,
    ) -> Result<(), Failure> {
        let what = WriteWhat::Delete { remote: remote.clone(), etag: etag.cloned() };
        self.writer
            .write(&Write { calendar: calendar.clone(), what, not_after: jiff::Timestamp::MAX })
            .await
            .map(|_| ())
    }

    async fn write_all(&self, writes: &[Write]) -> Vec<Result<Option<Written>, Failure>> {
        self.writer.write_all(writes).await
    }

    async fn publish(&self, _: &CalendarKey, _: &UtcInterval) -> Result<(), Failure> {
        Ok(())
    }

    fn requests_sent(&self) -> u64 {
        self.caller.requests_sent()
    }
}
