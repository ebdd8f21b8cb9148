//! 1,000,000 shifts planned against an equal ledger: what a cycle does for each of them
//! (placement, mapping, fingerprint, situation, action), with all of them in memory at once.
//!
//! Each run is a process of its own, so that its memory is its own. Making the shifts and their
//! ledger is not timed but counts as memory.

use domain::policy::PrivacyTier;
use domain::{
    CalendarKey, Employee, Entity, EntityKey, EntityKind, Fingerprint, ItemKey, MirrorName,
    SyncWindow, UtcInterval,
};
use engine::mapping::MappingProfile;
use engine::plan::reconcile::{Circumstances, plan_subject};
use engine::plan::state::Seen;
use engine::port::{
    Capabilities, ContentForm, DeltaToken, ETag, Failure, Finding, Item, LedgerRow, Listing,
    Opened, Placement, Probe, Remote, RemoteId, Sighting, Subject, Target, Write, Written,
    write_one_by_one,
};
use engine::run::project::Projector;

use crate::measure::{Runs, peak_mib, timed};
use crate::report::{Report, Row, Trouble, Unit};
use crate::{Setting, child, sample};

const EMPLOYEES: usize = 1_000;
const SHIFTS_EACH: usize = 1_000;
const SECONDS_MAX: f64 = 2.0;
const MIB_MAX: f64 = 1024.0;

/// Measures.
pub fn run(setting: &Setting) -> Result<Report, Trouble> {
    let (mut seconds, mut memory) = (Runs::default(), Runs::default());
    for _ in 0..setting.runs {
        let said = crate::measure::run(&mut child::again(&["plan"])?)?.well("the planner")?;
        let numbers: Vec<f64> =
            said.stdout.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [took, peak] = numbers[..] else {
            return Err(Trouble::failed(format!("the planner said `{}`", said.stdout)));
        };
        seconds.push(took);
        memory.push(peak);
    }
    let rows = vec![
        Row::limit("1,000,000 shifts planned, time", Unit::Seconds, &seconds, SECONDS_MAX),
        Row::limit("the same, peak memory of the process", Unit::MiB, &memory, MIB_MAX),
    ];
    let note = "One thread. 1,000 employees; nothing is to be done, and 0 steps are planned; \
                then one shift in 1,000 is changed, and exactly those are planned (not timed).";
    Ok(Report { rows, notes: vec![note.into()] })
}

/// The process that is measured: prints seconds and MiB.
pub fn be_the_child() -> Result<(), Trouble> {
    let target = Calendars::default();
    let profile = MappingProfile { privacy: PrivacyTier::Full, ..MappingProfile::default() };
    let mirror = MirrorName::new("bench").map_err(Trouble::failed)?;
    let employees: Vec<Employee> =
        (0..EMPLOYEES).map(sample::employee).collect::<Result<_, _>>()?;
    let others = [Entity::ScheduleGroup(sample::group())];
    let projector = Projector::new(&target, &profile, &mirror, employees.clone(), others.iter());
    let mut subjects = subjects(&projector, &target, &employees)?;

    let (seconds, steps) = timed(|| plan(&projector, &subjects));
    expect(steps, 0)?;
    for subject in subjects.iter_mut().step_by(1_000) {
        if let Some(entry) = &mut subject.entry
            && let Entity::Shift(shift) = &mut entry.entity
        {
            shift.label = "Changed".into();
        }
    }
    expect(plan(&projector, &subjects), EMPLOYEES * SHIFTS_EACH / 1_000)?;
    let peak = peak_mib("self").ok_or_else(|| Trouble::Needs("/proc".into()))?;
    println!("{seconds} {peak}");
    Ok(())
}

fn expect(found: usize, expected: usize) -> Result<(), Trouble> {
    if found == expected {
        return Ok(());
    }
    Err(Trouble::failed(format!("{found} steps planned, expected {expected}")))
}

fn plan(projector: &Projector<'_>, subjects: &[Subject]) -> usize {
    let interval = UtcInterval::new(jiff::Timestamp::MIN, jiff::Timestamp::MAX);
    let interval = interval.unwrap_or_else(|error| unreachable!("{error}"));
    let window = SyncWindow { interval };
    let circumstances = Circumstances {
        window: &window,
        now: sample::epoch(),
        clock: sample::epoch(),
        purge: false,
    };
    let mut steps = 0;
    for subject in subjects {
        let projected = subject.entry.as_ref().and_then(|entry| projector.project(entry));
        let planned =
            plan_subject(subject, projected.as_ref(), circumstances, &|_| Seen::NotLooked);
        steps += planned.len();
    }
    steps
}

fn subjects(
    projector: &Projector<'_>,
    target: &Calendars,
    employees: &[Employee],
) -> Result<Vec<Subject>, Trouble> {
    let mut out = Vec::with_capacity(EMPLOYEES * SHIFTS_EACH);
    for employee in employees {
        for index in 0..SHIFTS_EACH {
            let entry = sample::shift(&employee.id, index)?;
            let projected = projector.project(&entry);
            let Some(fingerprint) = projected.and_then(|it| it.fingerprint) else {
                return Err(Trouble::failed("a shift is not shown"));
            };
            let key = entry.entity.key();
            let Placement::In(calendar) = target.place(&entry.entity, Some(employee)) else {
                return Err(Trouble::failed("a shift has no place"));
            };
            let ledger = vec![row(&key, calendar, employee, &entry.entity, fingerprint)];
            out.push(Subject { key, entry: Some(entry), ledger });
        }
    }
    Ok(out)
}

fn row(
    key: &EntityKey,
    calendar: CalendarKey,
    employee: &Employee,
    entity: &Entity,
    intended: Fingerprint,
) -> LedgerRow {
    LedgerRow {
        key: key.clone(),
        part: domain::Part::Main,
        calendar,
        employee: Some(employee.id.clone()),
        generation: 0,
        remote: Some(Remote {
            id: RemoteId(format!("{intended}.ics")),
            etag: Some(ETag(format!("\"{intended}\""))),
            intended,
            echoed: None,
            version: 1,
            adopted: false,
        }),
        intent: None,
        trouble: None,
        ends_at: entity.interval().map(|interval| interval.end()),
        changed_at: sample::epoch(),
    }
}

/// A target that only says where things belong.
struct Calendars {
    capabilities: Capabilities,
}

impl Default for Calendars {
    fn default() -> Self {
        let capabilities = Capabilities {
            kinds: vec![EntityKind::Shift],
            content: ContentForm::CalendarEvent,
            identity: engine::port::ItemIdentity::OriginTag,
            publishes: false,
            deltas: true,
            personal: false,
            look_size_max: 100,
            batch_size_max: 1,
            quotas: vec![],
        };
        Self { capabilities }
    }
}

fn not_asked<T>() -> Result<T, Failure> {
    unreachable!("a planner asks no server")
}

#[async_trait::async_trait]
impl Target for Calendars {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
    fn meet(&self, _: std::sync::Arc<domain::Directory>) {}

    fn place(&self, entity: &Entity, _: Option<&Employee>) -> Placement {
        let employee = entity.employee().map(|it| format!("/dav/calendars/rota/{it}/"));
        match employee.and_then(|path| CalendarKey::new(path).ok()) {
            Some(calendar) => Placement::In(calendar),
            None => Placement::NotShown,
        }
    }
    fn remote_id(&self, _: &CalendarKey, _: &ItemKey, _: u32) -> Option<RemoteId> {
        None
    }
    async fn check(&self) -> Vec<Finding> {
        vec![]
    }
    async fn open(&self, _: &CalendarKey) -> Result<Opened, Failure> {
        not_asked()
    }
    async fn list(&self, _: &CalendarKey, _: Option<&DeltaToken>) -> Result<Listing, Failure> {
        not_asked()
    }
    async fn look(&self, _: &CalendarKey, _: &[Probe]) -> Result<Vec<Sighting>, Failure> {
        not_asked()
    }
    async fn strayed(&self, _: &CalendarKey, _: &[RemoteId]) -> Result<Vec<bool>, Failure> {
        not_asked()
    }
    async fn create(&self, _: &CalendarKey, _: &Item) -> Result<Written, Failure> {
        not_asked()
    }
    async fn update(
        &self,
        _: &CalendarKey,
        _: &RemoteId,
        _: Option<&ETag>,
        _: &Item,
    ) -> Result<Written, Failure> {
        not_asked()
    }
    async fn delete(&self, _: &CalendarKey, _: &RemoteId, _: Option<&ETag>) -> Result<(), Failure> {
        not_asked()
    }
    async fn write_all(&self, writes: &[Write]) -> Vec<Result<Option<Written>, Failure>> {
        write_one_by_one(self, writes).await
    }
    async fn publish(&self, _: &CalendarKey, _: &domain::UtcInterval) -> Result<(), Failure> {
        Ok(())
    }

    fn requests_sent(&self) -> u64 {
        0
    }
}
