//! Reading one part of what is to be read: some management units of one schedule.

use std::collections::{BTreeMap, BTreeSet};

use domain::{EmployeeId, UtcInterval};
use engine::port::{FieldFault, Marks, Reading, ReadingKind, ReadingPart, SourceError, SourceMark};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use jiff::civil::Date;

use super::absence::{self, Approved};
use super::classify::nonsense;
use super::directory::{Unit, employee};
use super::map::{self, Around};
use super::progress::{
    ALL_PEOPLE, Progress, Work, WorkKind, of_week, people_of, read_versions, write_versions,
};
use super::provider::Genesys;
use super::query::{Asked, Slice};
use super::weeks::Head;
use super::wire::{AgentSchedule, AgentSchedules, short};

/// Agents whose schedules are read in one part: some 20,000 shifts, about 60 MB with all that
/// becomes of them until they are in the store.
const AGENTS_PER_PART: usize = 4000;
/// Agents of a management unit from which on it is asked in slices, and agents of a slice.
const TEAM_AT_ONCE_MAX: usize = 1000;
const SLICE: usize = 500;

/// In place of a slice's name: who was in none of them, and is left as they were. It sorts after
/// all ids.
const LEFT: &str = "~left";

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

/// The slices in which these agents are, by management unit.
fn slices_of(only: &BTreeMap<String, Vec<String>>) -> Vec<Slice> {
    let chunks = |(team, agents): (&String, &Vec<String>)| {
        let slice = |(number, users): (usize, &[String])| Slice {
            name: format!("{team}/{number:03}"),
            team: team.clone(),
            users: Some(users.to_vec()),
            size: users.len(),
        };
        agents.chunks(SLICE).enumerate().map(slice).collect::<Vec<_>>()
    };
    only.iter().flat_map(chunks).collect()
}

/// A first day, and the one after the last.
type Days = (Date, Date);

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
    /// Whether approved requests could be read at some time, and whether they cannot be any more.
    requests_seen: bool,
    requests_hidden: bool,
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
        let work = progress.work.remove(0);
        let of_some = work.kind == WorkKind::Some;
        let prefix = of_week(&work.unit, work.week);
        let kept = marks.beginning_with(&prefix).await.map_err(SourceError::Marks)?;
        let unit = self.known_unit(&work.unit).await?;
        let head = progress.units.get(&work.unit).and_then(|it| it.get(&work.week)).cloned();
        // One that was overtaken is looked for first.
        let head = head.filter(|it| !it.id.is_empty());
        let (part, notes) = match (work.kind, head) {
            (WorkKind::Gone, _) => (gone(&work, &kept, &unit)?, vec![]),
            (WorkKind::Changed | WorkKind::Whole | WorkKind::Some, None) => {
                (ReadingPart::default(), vec![])
            }
            (kind @ (WorkKind::Changed | WorkKind::Whole | WorkKind::Some), Some(head)) => {
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
                    kind,
                    prefix,
                    before,
                    people,
                    part: ReadingPart::default(),
                    notes: Vec::new(),
                    missing: work.missing.iter().cloned().collect(),
                    requests_seen: progress.requests_seen,
                    requests_hidden: false,
                    now,
                };
                self.take(&mut bite, work, &mut progress).await?;
                (bite.part, bite.notes)
            }
        };
        // Of some was read before it was looked what changed: that is still to be done.
        let more = !progress.work.is_empty() || of_some;
        let kind = ReadingKind::Part(ReadingPart { more, ..part });
        Ok(Reading { kind, next: progress.token(), notes, skipped: vec![] })
    }

    /// Reads what comes next of `work`, and puts back what is left of it.
    async fn take(
        &self,
        bite: &mut Bite<'_>,
        mut work: Work,
        progress: &mut Progress,
    ) -> Result<(), SourceError> {
        let all = match work.kind {
            WorkKind::Some => slices_of(&work.only),
            WorkKind::Changed | WorkKind::Whole | WorkKind::Gone => slices(bite.unit),
        };
        let (first, rest) = next_slices(&all, work.after.as_deref());
        if !self.take_slices(bite, &work.unit, first).await? {
            overtaken(bite, progress, &work);
            return Ok(());
        }
        progress.requests_seen = bite.requests_seen;
        if rest {
            work.after = first.last().map(|it| it.name.clone());
            work.missing = bite.missing.iter().cloned().collect();
            progress.work.insert(0, work);
            return Ok(());
        }
        progress.overtaken.remove(&bite.head.id);
        if work.kind != WorkKind::Some {
            let absent = bite.absent(&all);
            let homes = self.homes(bite, &absent, &work.unit, progress).await?;
            let missing = bite.merely_missing(&absent);
            let left = self.not_deleted(&work.unit, bite.head, missing).await;
            let gone = bite.leave(absent, left.map_err(SourceError::Failed)?);
            bite.end(&gone, &homes)?;
        }
        Ok(())
    }

    /// Of those who were in this business unit and work in another one now: on which days they are
    /// told of there.
    async fn homes(
        &self,
        bite: &Bite<'_>,
        absent: &BTreeSet<String>,
        unit: &str,
        progress: &Progress,
    ) -> Result<BTreeMap<String, Vec<Days>>, SourceError> {
        let mut homes: BTreeMap<String, Vec<Days>> = BTreeMap::new();
        let moved: BTreeSet<&String> = absent.iter().filter(|it| bite.is_elsewhere(it)).collect();
        if moved.is_empty() {
            return Ok(homes);
        }
        for (id, heads) in progress.units.iter().filter(|(id, _)| *id != unit) {
            let other = self.known_unit(id).await?;
            for agent in other.agents().filter(|it| moved.contains(it)) {
                let days = heads.values().flat_map(|it| it.days.iter().copied());
                homes.entry(agent.clone()).or_default().extend(days);
            }
        }
        Ok(homes)
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

    /// `false` when the schedule is not there any more; then nothing is taken.
    async fn take_slices(
        &self,
        bite: &mut Bite<'_>,
        unit: &str,
        slices: &[Slice],
    ) -> Result<bool, SourceError> {
        let mut questions = Vec::with_capacity(slices.len());
        for slice in slices {
            questions.push(self.schedules(unit, bite.head, slice));
        }
        let mut asked = stream::iter(questions).buffered(self.concurrency());
        let mut answers = Vec::with_capacity(slices.len());
        while let Some(answer) = asked.next().await {
            let Asked::Told(answer) = answer.map_err(SourceError::Failed)? else {
                return Ok(false);
            };
            let slice = &slices[answers.len()];
            answers.push(changed_of(bite.kind, &bite.before, slice, answer));
        }
        drop(asked);
        for (slice, taken) in slices.iter().zip(answers) {
            self.take_slice(bite, slice, taken).await?;
        }
        Ok(true)
    }

    async fn take_slice(
        &self,
        bite: &mut Bite<'_>,
        slice: &Slice,
        taken: Taken,
    ) -> Result<(), SourceError> {
        let Taken { changed, mut versions, unreadable } = taken;
        for (id, why) in unreadable {
            let place = bite.place();
            bite.notes.push(fault(place, format!("employee `{}`: {why}", short(&id))));
        }
        let again = self.tell(bite, &slice.team, &changed).await?;
        if bite.kind == WorkKind::Some {
            return Ok(());
        }
        versions.extend(again.into_iter().map(|id| (id, None)));
        let old = bite.before.get(&slice.name);
        let missing = old.into_iter().flat_map(|it| it.keys());
        let missing: Vec<String> =
            missing.filter(|it| !versions.contains_key(*it)).cloned().collect();
        bite.missing.extend(missing);
        let name = format!("{}{}", bite.prefix, slice.name);
        bite.part.marks.push((name, Some(write_versions(&versions))));
        bite.before.insert(slice.name.clone(), versions);
        Ok(())
    }

    /// Takes over what these agents of a management unit do. Those whose version must not be
    /// remembered, because nothing was taken of it, are told back.
    async fn tell(
        &self,
        bite: &mut Bite<'_>,
        team: &str,
        changed: &[AgentSchedule],
    ) -> Result<Vec<String>, SourceError> {
        let mut again = Vec::new();
        let left = self.introduce(bite, team, changed).await?;
        let agents: Vec<String> = changed.iter().map(|it| it.user.id.clone()).collect();
        let approved = self.approved(team, Some(&agents), &bite.head.days).await;
        let approved = approved.map_err(SourceError::Failed)?;
        bite.heed(&approved);
        let around = Around { unit: bite.unit, head: bite.head, team };
        for schedule in changed {
            let id = &schedule.user.id;
            if left.contains(id) {
                let ahead = bite.stretches(id, &bite.head.days, bite.now)?;
                bite.complete(ahead);
                again.push(id.clone());
                continue;
            }
            let mapped = map::agent(schedule, &around).and_then(|mut entities| {
                let who = EmployeeId::new(id.as_str()).map_err(|it| it.to_string())?;
                let beside = absence::beside(&who, &entities, approved.of(id), &around)?;
                entities.extend(beside.entities);
                Ok((entities, beside.odd.is_some() || approved.is_odd(id)))
            });
            match mapped {
                Ok((entities, is_odd)) => {
                    let whole = bite.stretches(id, &bite.head.days, Timestamp::MIN)?;
                    match is_odd {
                        true => bite.keep_time_off(id, whole),
                        false => bite.complete(whole),
                    }
                    bite.part.entities.extend(entities);
                }
                Err(why) => {
                    // Nothing of theirs is taken, nothing follows, and it is read again.
                    again.push(id.clone());
                    bite.notes.push(fault(around.place(), why));
                }
            }
        }
        Ok(again)
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
fn overtaken(bite: &mut Bite<'_>, progress: &mut Progress, work: &Work) {
    let heads = progress.units.get_mut(&work.unit);
    if let Some(head) = heads.and_then(|it| it.get_mut(&work.week)) {
        head.id.clear();
    }
    // Once is chance: the next look finds what stands in its place.
    if !progress.overtaken.insert(bite.head.id.clone()) {
        let message = "it is listed, and was not there whenever it was asked for";
        let note = fault(bite.place(), message.to_owned());
        bite.notes.push(note);
    }
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
    unreadable: Vec<(String, &'static str)>,
}

/// Drops at once what is as it was.
fn changed_of(
    kind: WorkKind,
    before: &BTreeMap<String, BTreeMap<String, Option<u64>>>,
    slice: &Slice,
    answer: AgentSchedules,
) -> Taken {
    let AgentSchedules { agent_schedules, unreadable } = answer;
    let old = before.get(&slice.name);
    let (mut changed, mut versions) = (Vec::new(), BTreeMap::new());
    for schedule in agent_schedules {
        let version = schedule.metadata.as_ref().map(|it| it.version);
        let id = schedule.user.id.clone();
        let same =
            old.and_then(|it| it.get(&id)).is_some_and(|it| version.is_some() && *it == version);
        // Somebody told twice counts once.
        if versions.insert(id, version).is_none() && (kind != WorkKind::Changed || !same) {
            changed.push(schedule);
        }
    }
    for (id, _) in &unreadable {
        versions.entry(id.clone()).or_insert(None);
    }
    Taken { changed, versions, unreadable }
}

impl Bite<'_> {
    fn place(&self) -> String {
        format!("weeks/{}/schedules/{}", self.head.week, self.head.id)
    }

    /// The stretches of these days from an instant on, for one employee.
    fn stretches(
        &self,
        agent: &str,
        days: &[Days],
        from: Timestamp,
    ) -> Result<Vec<(EmployeeId, UtcInterval)>, SourceError> {
        stretches(agent, self.unit, days, from)
    }

    /// Has what starts there and is not told deleted.
    fn complete(&mut self, stretches: Vec<(EmployeeId, UtcInterval)>) {
        match self.requests_hidden {
            true => self.part.keeping_time_off.extend(stretches),
            false => self.part.complete.extend(stretches),
        }
    }

    /// The same, but for time off, of which not everything can be understood.
    fn keep_time_off(&mut self, agent: &str, stretches: Vec<(EmployeeId, UtcInterval)>) {
        self.part.keeping_time_off.extend(stretches);
        let agent = short(agent);
        let message = format!("a time-off request of employee `{agent}` cannot be understood");
        self.notes.push(fault(self.place(), message));
    }

    /// Takes note of whether approved requests are told.
    fn heed(&mut self, approved: &Approved) {
        match approved {
            Approved::NotAsked => {}
            Approved::Read(_) => self.requests_seen = true,
            Approved::Forbidden if self.requests_seen && !self.requests_hidden => {
                self.requests_hidden = true;
                let message = "the client may not read time-off requests any more";
                let hint = "give it `wfm:timeOffRequest:view` again, or set `time_off_requests = \
                            false`; until then approved absences stay as they were";
                let note = fault(self.place(), message.to_owned());
                self.notes.push(FieldFault { hint: Some(hint.to_owned()), ..note });
            }
            Approved::Forbidden => {}
        }
    }

    /// Whether somebody who is not in this business unit may be in another one.
    fn is_elsewhere(&self, agent: &str) -> bool {
        let here = self.unit.agents().any(|it| it == agent);
        !here && self.people.contains_key(agent)
    }

    /// All slices are read: who was in the schedule and is in none of them.
    fn absent(&mut self, slices: &[Slice]) -> BTreeSet<String> {
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
        let here = self.unit.agents().filter(|_| self.kind == WorkKind::Whole);
        let absent = self.missing.iter().chain(here).filter(|it| !seen.contains(it));
        absent.cloned().collect()
    }

    /// Those who were in the schedule, work here still, and are told of no more.
    fn merely_missing(&self, absent: &BTreeSet<String>) -> Vec<String> {
        let here: BTreeSet<&String> = self.unit.agents().collect();
        let merely = |it: &&String| here.contains(it) && self.missing.contains(*it);
        absent.iter().filter(merely).cloned().collect()
    }

    /// Leaves those as they were whose part was not deleted, and remembers to look for them the
    /// next time; the others.
    fn leave(&mut self, absent: BTreeSet<String>, left: BTreeSet<String>) -> BTreeSet<String> {
        if left.is_empty() {
            return absent;
        }
        for agent in &left {
            let agent = short(agent);
            let message = format!(
                "employee `{agent}` is missing from the schedule, and nothing says that theirs was \
                 deleted"
            );
            self.notes.push(fault(self.place(), message));
        }
        let name = format!("{}{LEFT}", self.prefix);
        self.part.marks.retain(|(mark, _)| *mark != name);
        let versions = left.iter().map(|it| (it.clone(), None)).collect();
        self.part.marks.push((name, Some(write_versions(&versions))));
        absent.difference(&left).cloned().collect()
    }

    /// Whoever is absent has nothing in the schedule, and nothing that another one tells of.
    fn end(
        &mut self,
        absent: &BTreeSet<String>,
        homes: &BTreeMap<String, Vec<Days>>,
    ) -> Result<(), SourceError> {
        let here: BTreeSet<&String> = self.unit.agents().collect();
        let mut nothing = Vec::new();
        for agent in absent {
            let is_here = here.contains(agent);
            // Of somebody who left, only what is ahead: what has been stays.
            let from = if is_here { Timestamp::MIN } else { self.now };
            let days = match homes.get(agent) {
                _ if is_here => self.head.days.clone(),
                Some(told_there) => without(&self.head.days, told_there),
                None if self.people.contains_key(agent) => continue,
                None => self.head.days.clone(),
            };
            nothing.extend(self.stretches(agent, &days, from)?);
        }
        self.complete(nothing);
        Ok(())
    }
}

/// What of `days` is in none of `others`.
pub(super) fn without(days: &[Days], others: &[Days]) -> Vec<Days> {
    let mut left = days.to_vec();
    for (first, end) in others {
        let cut = |(from, to): Days| {
            let parts = [(from, to.min(*first)), (from.max(*end), to)];
            parts.into_iter().filter(|(from, to)| from < to)
        };
        left = left.into_iter().flat_map(cut).collect();
    }
    left
}

fn stretches(
    agent: &str,
    unit: &Unit,
    days: &[Days],
    from: Timestamp,
) -> Result<Vec<(EmployeeId, UtcInterval)>, SourceError> {
    let bad = |why: String| SourceError::Failed(nonsense("tell when a schedule is", why));
    let who = EmployeeId::new(agent).map_err(|it| bad(it.to_string()))?;
    let mut found = Vec::new();
    for (first, end) in days {
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
    let mut part = ReadingPart::default();
    for mark in kept {
        for agent in read_versions(&mark.value).keys() {
            part.complete.extend(stretches(agent, unit, &work.days, Timestamp::MIN)?);
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
