//! Reading one part of what is to be read: some management units of one schedule.

use std::collections::{BTreeMap, BTreeSet};

use domain::{EmployeeId, UtcInterval};
use engine::port::{
    FailureClass, FieldFault, Marks, Reading, ReadingKind, ReadingPart, SourceError, SourceMark,
};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::absence;
use super::classify::nonsense;
use super::directory::{Unit, employee};
use super::map::{self, Around};
use super::progress::{
    ALL_PEOPLE, Progress, Work, WorkKind, of_week, people_of, read_versions, write_versions,
};
use super::provider::Genesys;
use super::query::Slice;
use super::weeks::Head;
use super::wire::AgentSchedule;

/// Agents whose schedules are read in one part: some 20,000 shifts, about 60 MB with all that
/// becomes of them until they are in the store.
const AGENTS_PER_PART: usize = 4000;
/// Agents of a management unit from which on it is asked in slices, and agents of a slice.
const TEAM_AT_ONCE_MAX: usize = 1000;
const SLICE: usize = 500;

/// The slices of a business unit, in the order in which a schedule is read.
fn slices(unit: &Unit) -> Vec<Slice> {
    let mut slices = Vec::new();
    for (id, team) in &unit.teams {
        let agents = &team.agents;
        if agents.len() <= TEAM_AT_ONCE_MAX {
            let name = format!("{id}/000");
            slices.push(Slice { name, team: id.clone(), users: None, size: agents.len().max(1) });
            continue;
        }
        for (number, users) in agents.chunks(SLICE).enumerate() {
            let (name, size) = (format!("{id}/{number:03}"), users.len());
            let users = Some(users.to_vec());
            slices.push(Slice { name, team: id.clone(), users, size });
        }
    }
    slices.sort_by(|a, b| a.name.cmp(&b.name));
    slices
}

/// What one part comes to.
struct Bite<'a> {
    unit: &'a Unit,
    head: &'a Head,
    kind: WorkKind,
    prefix: String,
    /// By slice: what was taken over before.
    before: BTreeMap<String, BTreeMap<String, Option<u64>>>,
    people: BTreeMap<String, String>,
    part: ReadingPart,
    notes: Vec<FieldFault>,
    missing: BTreeSet<String>,
    now: Timestamp,
}

impl Genesys {
    /// Reads the next part of what `progress` says is to be read.
    pub(super) async fn bite(
        &self,
        mut progress: Progress,
        marks: &dyn Marks,
    ) -> Result<Reading, SourceError> {
        let now = self.client().clock().now();
        let mut work = progress.work.remove(0);
        let prefix = of_week(&work.unit, work.week);
        let kept = marks.beginning_with(&prefix).await.map_err(SourceError::Marks)?;
        let unit = self.known_unit(&work.unit).await?;
        let head = progress.units.get(&work.unit).and_then(|it| it.get(&work.week)).cloned();
        let (part, notes) = match (work.kind, head) {
            (WorkKind::Gone, _) => (gone(&work, &kept, &unit)?, vec![]),
            (WorkKind::Changed | WorkKind::Whole, None) => (ReadingPart::default(), vec![]),
            (WorkKind::Changed | WorkKind::Whole, Some(head)) => {
                let people = self.known_people(marks).await?;
                let before = kept
                    .iter()
                    .map(|mark| {
                        let name = mark.name.strip_prefix(&prefix).unwrap_or(&mark.name);
                        (name.to_owned(), read_versions(&mark.value))
                    })
                    .collect();
                let mut bite = Bite {
                    unit: &unit,
                    head: &head,
                    kind: work.kind,
                    prefix,
                    before,
                    people,
                    part: ReadingPart::default(),
                    notes: Vec::new(),
                    missing: work.missing.iter().cloned().collect(),
                    now,
                };
                let all = slices(&unit);
                let (first, rest) = next_slices(&all, work.after.as_deref());
                for slice in first {
                    work.after = Some(slice.name.clone());
                }
                match self.take_slices(&mut bite, &work.unit, first).await {
                    Err(SourceError::Failed(failure)) if failure.class == FailureClass::Missing => {
                        // Deleted meanwhile: the next look finds what stands in its place.
                        return Ok(overtaken(progress, &work));
                    }
                    taken => taken?,
                }
                if rest {
                    work.missing = bite.missing.iter().cloned().collect();
                    progress.work.insert(0, work);
                } else {
                    bite.end(&all)?;
                }
                (bite.part, bite.notes)
            }
        };
        let more = !progress.work.is_empty();
        let kind = ReadingKind::Part(ReadingPart { more, ..part });
        Ok(Reading { kind, next: progress.token(), notes, skipped: vec![] })
    }

    async fn known_people(
        &self,
        marks: &dyn Marks,
    ) -> Result<BTreeMap<String, String>, SourceError> {
        let kept = marks.beginning_with(ALL_PEOPLE).await.map_err(SourceError::Marks)?;
        let mut people = BTreeMap::new();
        for SourceMark { name, value } in kept {
            let team = super::progress::unit_of_people(&name).to_owned();
            people.extend(value.lines().map(|id| (id.to_owned(), team.clone())));
        }
        Ok(people)
    }

    async fn take_slices(
        &self,
        bite: &mut Bite<'_>,
        unit: &str,
        slices: &[Slice],
    ) -> Result<(), SourceError> {
        let mut questions = Vec::with_capacity(slices.len());
        for slice in slices {
            questions.push(self.schedules(unit, bite.head, slice));
        }
        let mut asked = stream::iter(questions).buffered(self.concurrency());
        let mut answers = Vec::with_capacity(slices.len());
        while let Some(answer) = asked.next().await {
            let answer = answer.map_err(SourceError::Failed)?;
            let slice = &slices[answers.len()];
            answers.push(changed_of(bite.kind, &bite.before, slice, answer));
        }
        drop(asked);
        for (slice, taken) in slices.iter().zip(answers) {
            self.take_slice(bite, slice, taken).await?;
        }
        Ok(())
    }

    async fn take_slice(
        &self,
        bite: &mut Bite<'_>,
        slice: &Slice,
        taken: Taken,
    ) -> Result<(), SourceError> {
        let Taken { changed, mut versions } = taken;
        let old = bite.before.get(&slice.name);
        let missing = old.into_iter().flat_map(|it| it.keys());
        let missing: Vec<String> =
            missing.filter(|it| !versions.contains_key(*it)).cloned().collect();
        bite.missing.extend(missing);
        let left = self.introduce(bite, &slice.team, &changed).await?;
        let agents: Vec<String> = changed.iter().map(|it| it.user.id.clone()).collect();
        let requests = self.approved(&slice.team, &agents, &bite.head.days);
        let requests = requests.await.map_err(SourceError::Failed)?;
        let around = Around { unit: bite.unit, head: bite.head, team: &slice.team };
        for schedule in &changed {
            let id = &schedule.user.id;
            if left.contains(id) {
                bite.part.complete.extend(bite.stretches(id, true)?);
                continue;
            }
            let mapped = map::agent(schedule, &around).and_then(|mut entities| {
                let who = EmployeeId::new(id.as_str()).map_err(|it| it.to_string())?;
                let requests = requests.get(id).map(Vec::as_slice).unwrap_or_default();
                let beside = absence::beside(&who, &entities, requests, &around)?;
                entities.extend(beside);
                Ok(entities)
            });
            match mapped {
                Ok(entities) => {
                    bite.part.complete.extend(bite.stretches(id, false)?);
                    bite.part.entities.extend(entities);
                }
                Err(why) => {
                    // Nothing of theirs is taken, nothing follows, and it is read again.
                    versions.insert(id.clone(), None);
                    bite.notes.push(fault(around.place(), why));
                }
            }
        }
        let name = format!("{}{}", bite.prefix, slice.name);
        bite.part.marks.push((name, Some(write_versions(&versions))));
        bite.before.insert(slice.name.clone(), versions);
        Ok(())
    }

    /// Gives those a place among the employees who have none in this management unit yet; whoever
    /// is not active any more is told back.
    async fn introduce(
        &self,
        bite: &mut Bite<'_>,
        team_id: &str,
        changed: &[AgentSchedule],
    ) -> Result<BTreeSet<String>, SourceError> {
        let new: Vec<String> = {
            let is_new = |id: &&String| bite.people.get(*id).map(String::as_str) != Some(team_id);
            changed.iter().map(|it| &it.user.id).filter(is_new).cloned().collect()
        };
        if new.is_empty() {
            return Ok(BTreeSet::new());
        }
        let users = self.people_at(&new).await.map_err(SourceError::Failed)?;
        let Some(team) = bite.unit.teams.get(team_id) else { return Ok(BTreeSet::new()) };
        let (mut left, mut former) = (BTreeSet::new(), BTreeSet::new());
        for id in new {
            match users.get(&id).and_then(|user| employee(user, team_id, team)) {
                Some(entity) => {
                    bite.part.entities.push(entity);
                    former.extend(bite.people.insert(id, team_id.to_owned()));
                }
                None => drop(left.insert(id)),
            }
        }
        former.insert(team_id.to_owned());
        for team in former {
            let here = bite.people.iter().filter(|(_, it)| **it == team);
            let here: Vec<&str> = here.map(|(id, _)| id.as_str()).collect();
            bite.part.marks.push((people_of(&team), Some(here.join("\n"))));
        }
        Ok(left)
    }
}

/// Forgets which schedule it was, so that whatever is there is another one.
fn overtaken(mut progress: Progress, work: &Work) -> Reading {
    let heads = progress.units.get_mut(&work.unit);
    if let Some(head) = heads.and_then(|it| it.get_mut(&work.week)) {
        head.id.clear();
    }
    let more = !progress.work.is_empty();
    let kind = ReadingKind::Part(ReadingPart { more, ..ReadingPart::default() });
    Reading { kind, next: progress.token(), notes: vec![], skipped: vec![] }
}

/// The slices of the next part, and whether there are more.
fn next_slices<'s>(all: &'s [Slice], after: Option<&str>) -> (&'s [Slice], bool) {
    let from = all.partition_point(|it| after.is_some_and(|after| it.name.as_str() <= after));
    let (mut to, mut agents) = (from, 0);
    while to < all.len() && (to == from || agents + all[to].size <= AGENTS_PER_PART) {
        agents += all[to].size;
        to += 1;
    }
    (&all[from..to], to < all.len())
}

/// What is taken of one slice's answer.
struct Taken {
    changed: Vec<AgentSchedule>,
    versions: BTreeMap<String, Option<u64>>,
}

/// Drops at once what is as it was.
fn changed_of(
    kind: WorkKind,
    before: &BTreeMap<String, BTreeMap<String, Option<u64>>>,
    slice: &Slice,
    answer: Vec<AgentSchedule>,
) -> Taken {
    let old = before.get(&slice.name);
    let (mut changed, mut versions) = (Vec::new(), BTreeMap::new());
    for schedule in answer {
        let version = schedule.metadata.as_ref().map(|it| it.version);
        let id = schedule.user.id.clone();
        let same =
            old.and_then(|it| it.get(&id)).is_some_and(|it| version.is_some() && *it == version);
        // Somebody told twice counts once.
        if versions.insert(id, version).is_none() && (kind == WorkKind::Whole || !same) {
            changed.push(schedule);
        }
    }
    Taken { changed, versions }
}

impl Bite<'_> {
    /// The stretches in which a schedule is in force, for one employee. Of somebody who left, only
    /// what is ahead: what has been stays.
    fn stretches(
        &self,
        agent: &str,
        has_left: bool,
    ) -> Result<Vec<(EmployeeId, UtcInterval)>, SourceError> {
        let from = if has_left { self.now } else { Timestamp::MIN };
        stretches(agent, self.unit, self.head, from)
    }

    /// All slices are read: who was in the schedule and is in none of them has nothing there.
    fn end(&mut self, slices: &[Slice]) -> Result<(), SourceError> {
        let names: BTreeSet<&str> = slices.iter().map(|it| it.name.as_str()).collect();
        let mut seen: BTreeSet<&String> = BTreeSet::new();
        for (name, versions) in &self.before {
            if names.contains(name.as_str()) {
                seen.extend(versions.keys());
            } else {
                self.missing.extend(versions.keys().cloned());
                self.part.marks.push((format!("{}{name}", self.prefix), None));
            }
        }
        let here: BTreeSet<&String> = self.unit.agents().collect();
        let mut absent: BTreeSet<&String> =
            self.missing.iter().filter(|it| !seen.contains(it)).collect();
        if self.kind == WorkKind::Whole {
            absent.extend(here.iter().filter(|it| !seen.contains(*it)));
        }
        let mut complete = Vec::new();
        for agent in absent {
            // Whoever works in another business unit now is told of there.
            let elsewhere = !here.contains(agent) && self.people.contains_key(agent.as_str());
            if !elsewhere {
                complete.extend(self.stretches(agent, !here.contains(agent))?);
            }
        }
        self.part.complete.extend(complete);
        Ok(())
    }
}

fn stretches(
    agent: &str,
    unit: &Unit,
    head: &Head,
    from: Timestamp,
) -> Result<Vec<(EmployeeId, UtcInterval)>, SourceError> {
    let bad = |why: String| SourceError::Failed(nonsense("tell when a schedule is", why));
    let who = EmployeeId::new(agent).map_err(|it| bad(it.to_string()))?;
    let mut found = Vec::new();
    for (first, end) in &head.days {
        let whole = domain::time::days_to_interval(*first, *end, &unit.tz);
        let whole = whole.map_err(|it| bad(it.to_string()))?;
        if let Ok(ahead) = UtcInterval::new(whole.start().max(from), whole.end()) {
            found.push((who.clone(), ahead));
        }
    }
    Ok(found)
}

/// A schedule that is not there any more: nobody has anything in it.
fn gone(work: &Work, kept: &[SourceMark], unit: &Unit) -> Result<ReadingPart, SourceError> {
    let days = work.days.clone();
    let head = Head { id: String::new(), week: work.week, version: None, days };
    let mut part = ReadingPart::default();
    for mark in kept {
        for agent in read_versions(&mark.value).keys() {
            part.complete.extend(stretches(agent, unit, &head, Timestamp::MIN)?);
        }
        part.marks.push((mark.name.clone(), None));
    }
    Ok(part)
}

pub(super) fn fault(place: String, message: String) -> FieldFault {
    FieldFault {
        place,
        line: 0,
        text: String::new(),
        field: None,
        column: None,
        message,
        hint: Some("it is left as it was, until it changes or everything is read again".into()),
        stands_for: 1,
    }
}
