//! `rotabridge plan`: what `sync` would do and why, entity by entity. Changes nothing, not even
//! the roster in the store.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use domain::{Employee, Entity, EntityKey, EntityKind, Part};
use engine::plan::guard::GuardRefusal;
use engine::plan::reconcile::Hold;
use engine::plan::summary::{PlanCounts, PlanEntry, PlannedAction};
use engine::port::{FieldFault, Store};
use engine::report::Unmapped;
use engine::run::conflicts::EventRefusal;
use engine::run::cycle::survey_only;
use engine::run::ingest::Prepared;
use engine::run::project::Projector;
use engine::run::survey::{Overlay, Survey};
use jiff::Timestamp;
use serde::Serialize;

use super::Session;
use super::conflicts::{self, ConflictPlan, conflict_plan};
use super::shown;
use super::sync::remarks as tell_remarks;
use crate::failure::{Exit, Failure, guard_message, thousands};
use crate::output::{Output, Table};
use crate::wiring::{MirrorWorks, Opening, RosterWorks, Works};

/// Entities loaded at once to say what they are.
const LOADED_AT_ONCE: usize = 2_000;

/// The flags of `plan`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only this mirror (and its roster)
    #[arg(long, value_name = "NAME")]
    mirror: Option<String>,
    /// What mirrors would show of this shift: title, text, colour and calendar of every item
    #[arg(long, value_name = "ID", conflicts_with = "out")]
    shift: Option<String>,
    /// Data for programs
    #[arg(long)]
    json: bool,
    /// Also write the data into a file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What `plan --json` prints.
#[derive(Debug, Serialize)]
struct Report {
    rosters: Vec<RosterPlan>,
    mirrors: Vec<MirrorPlan>,
}

/// What would change in a roster.
#[derive(Debug, Serialize)]
struct RosterPlan {
    name: String,
    upserted: u64,
    deleted: u64,
    unchanged: u64,
    /// What is remarkable of the reading, and what is left out of it.
    #[serde(skip)]
    remarks: [Vec<FieldFault>; 2],
    /// Set when the guard would refuse.
    refused: Option<String>,
}

/// What would be done to a mirror.
#[derive(Debug, Serialize)]
struct MirrorPlan {
    name: String,
    roster: String,
    counts: PlanCounts,
    /// Set when the guard would refuse.
    refused: Option<String>,
    unmapped: Vec<Unmapped>,
    entries: Vec<Line>,
    /// Events of people that stand in the way.
    conflicts: ConflictPlan,
}

/// What would be done to one item.
#[derive(Debug, Serialize)]
struct Line {
    action: &'static str,
    because: String,
    calendar: String,
    kind: EntityKind,
    id: String,
    /// Which of the entity's items, where it is not the main one.
    #[serde(skip_serializing_if = "Part::is_main")]
    part: Part,
    what: Option<String>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

/// Runs it.
///
/// # Errors
/// When the source or the store cannot be read.
pub async fn run(arguments: Arguments, session: &Session) -> Result<Exit, Failure> {
    let works = session.works(Opening::Look).await?;
    let (rosters, mirrors): (Vec<&RosterWorks>, Vec<&MirrorWorks>) = match &arguments.mirror {
        Some(name) => {
            let mirror = works.mirror(name)?;
            (vec![works.roster(mirror.spec.roster.as_str())?], vec![mirror])
        }
        None => (works.rosters.iter().collect(), works.mirrors.iter().collect()),
    };
    if let Some(id) = &arguments.shift {
        return shown::run(id, &works, (rosters, mirrors), (session, arguments.json)).await;
    }
    let mut report = Report { rosters: Vec::new(), mirrors: Vec::new() };
    let mut refusals: Vec<GuardRefusal> = Vec::new();
    let mut events_refused: Vec<EventRefusal> = Vec::new();
    for roster in rosters {
        let ingest = works.ingest(roster)?;
        let prepared = ingest.prepare().await?;
        let refusal = ingest.judge(&prepared, None).err();
        report.rosters.push(roster_plan(roster, &prepared, refusal.as_ref()));
        refusals.extend(refusal);
        let overlay = prepared.overlay();
        for mirror in mirrors.iter().filter(|it| it.spec.roster == roster.name) {
            let (survey, refusal) = survey(&works, mirror, &overlay).await?;
            let mut plan = mirror_plan(&works, mirror, survey, refusal.as_ref(), &overlay).await?;
            let projector = projector(&works, mirror, &overlay).await?;
            let (conflicts, events) = conflict_plan(&works, mirror, &projector, &overlay).await?;
            plan.conflicts = conflicts;
            report.mirrors.push(plan);
            refusals.extend(refusal);
            events_refused.extend(events);
        }
    }
    if let Some(path) = &arguments.out {
        let text = serde_json::to_string_pretty(&report).map_err(Failure::because)?;
        std::fs::write(path, text + "\n").map_err(|error| {
            Failure::saying(format!("cannot write `{}`: {error}", path.display()))
        })?;
    }
    if arguments.json {
        session.output.json(&report)?;
    } else {
        print(&report, &session.output)?;
    }
    for refusal in &refusals {
        session.output.failure(&Failure::refused(refusal, "sync --allow-deletions"));
    }
    for refusal in &events_refused {
        let flag = "sync --allow-event-changes";
        session.output.failure(&Failure::events_refused(refusal, flag));
    }
    let refused = !refusals.is_empty() || !events_refused.is_empty();
    Ok(if refused { Exit::Refused } else { Exit::Done })
}

/// What a cycle of `mirror` would do, with `overlay` in its roster.
///
/// # Errors
/// When the store fails.
pub async fn survey(
    works: &Works,
    mirror: &MirrorWorks,
    overlay: &Overlay,
) -> Result<(Survey, Option<GuardRefusal>), Failure> {
    let projector = projector(works, mirror, overlay).await?;
    let now = works.outside.clock.now();
    Ok(survey_only(&mirror.spec, works.store.as_ref(), &projector, now, overlay).await?)
}

/// What projects into `mirror`, with `overlay` in its roster.
pub async fn projector<'a>(
    works: &Works,
    mirror: &'a MirrorWorks,
    overlay: &Overlay,
) -> Result<Projector<'a>, Failure> {
    let store = works.store.as_ref();
    let spec = &mirror.spec;
    let people = organisation(store, mirror, overlay).await?;
    let employees: Vec<Employee> = people.iter().filter_map(employee).collect();
    let projector =
        Projector::new(mirror.target.as_ref(), &spec.profile, &spec.name, employees, people.iter());
    projector.tell(store.meeting_notes(&spec.name).await?);
    Ok(projector)
}

fn employee(entity: &Entity) -> Option<Employee> {
    match entity {
        Entity::Employee(employee) => Some(employee.clone()),
        Entity::OpenShift(_)
        | Entity::ScheduleGroup(_)
        | Entity::Shift(_)
        | Entity::TimeOff(_)
        | Entity::TimeOffReason(_) => None,
    }
}

/// People, groups and reasons as they would be.
async fn organisation(
    store: &dyn Store,
    mirror: &MirrorWorks,
    overlay: &Overlay,
) -> Result<Vec<Entity>, Failure> {
    let mut entities: BTreeMap<EntityKey, Entity> = BTreeMap::new();
    let kinds = [EntityKind::Employee, EntityKind::ScheduleGroup, EntityKind::TimeOffReason];
    for kind in kinds {
        for entry in store.entries_of_kind(&mirror.spec.roster, kind).await? {
            entities.insert(entry.entity.key(), entry.entity);
        }
    }
    for (key, entry) in overlay.iter().filter(|(key, _)| kinds.contains(&key.kind)) {
        match entry {
            Some(entry) => drop(entities.insert(key.clone(), entry.entity.clone())),
            None => drop(entities.remove(key)),
        }
    }
    Ok(entities.into_values().collect())
}

fn roster_plan(
    roster: &RosterWorks,
    prepared: &Prepared,
    refusal: Option<&GuardRefusal>,
) -> RosterPlan {
    RosterPlan {
        name: roster.name.to_string(),
        upserted: prepared.diff.upserts.len() as u64,
        deleted: prepared.diff.tombstones.len() as u64,
        unchanged: prepared.diff.unchanged,
        remarks: [prepared.notes.clone(), prepared.skipped.clone()],
        refused: refusal.map(guard_message),
    }
}

async fn mirror_plan(
    works: &Works,
    mirror: &MirrorWorks,
    survey: Survey,
    refusal: Option<&GuardRefusal>,
    overlay: &Overlay,
) -> Result<MirrorPlan, Failure> {
    let counts = survey.plan.counts();
    let unmapped = survey.unmapped_by_reason();
    let mut entries = Vec::with_capacity(survey.plan.entries.len());
    for chunk in survey.plan.entries.chunks(LOADED_AT_ONCE) {
        let keys: Vec<EntityKey> = chunk.iter().map(|entry| entry.key.clone()).collect();
        let stored = works.store.roster_entries(&mirror.spec.roster, &keys).await?;
        let mut known: BTreeMap<EntityKey, Entity> =
            stored.into_iter().map(|it| (it.entity.key(), it.entity)).collect();
        for key in &keys {
            if let Some(Some(entry)) = overlay.get(key) {
                known.insert(key.clone(), entry.entity.clone());
            }
        }
        entries.extend(chunk.iter().map(|entry| line(entry, known.get(&entry.key))));
    }
    Ok(MirrorPlan {
        name: mirror.spec.name.to_string(),
        roster: mirror.spec.roster.to_string(),
        counts,
        refused: refusal.map(guard_message),
        unmapped,
        entries,
        conflicts: ConflictPlan::default(),
    })
}

fn line(entry: &PlanEntry, entity: Option<&Entity>) -> Line {
    let (action, because) = match &entry.what {
        PlannedAction::Create(because) => ("create", because.as_str().to_owned()),
        PlannedAction::Update(because) => ("update", because.as_str().to_owned()),
        PlannedAction::Delete(because) => ("delete", because.as_str().to_owned()),
        PlannedAction::Look => ("look", "outcome of an earlier write is not known".to_owned()),
        PlannedAction::Record => ("record", "only the ledger changes".to_owned()),
        PlannedAction::Hold(hold) => ("hold", held(hold)),
    };
    let interval = entity.and_then(Entity::interval);
    Line {
        action,
        because,
        calendar: entry.calendar.to_string(),
        kind: entry.key.kind,
        id: entry.key.id.to_string(),
        part: entry.part,
        what: entity.map(what),
        start: interval.map(|it| it.start()),
        end: interval.map(|it| it.end()),
    }
}

fn held(hold: &Hold) -> String {
    match hold {
        Hold::MovesFirst => "its copy elsewhere goes first".to_owned(),
        Hold::Quarantined => "refused too often as it is".to_owned(),
        Hold::NotBefore(at) => format!("not before {at}"),
        Hold::Unmapped(reason) => reason.clone(),
        Hold::LeftAlone => "somebody changed it, and it is left so".to_owned(),
        Hold::Contested => "somebody changes it back each time".to_owned(),
    }
}

/// What an entity is, in a word or two.
pub fn what(entity: &Entity) -> String {
    match entity {
        Entity::Employee(it) => it.name.clone().unwrap_or_else(|| it.id.to_string()),
        Entity::OpenShift(it) => it.label.clone(),
        Entity::ScheduleGroup(it) => it.name.clone(),
        Entity::Shift(it) => it.label.clone(),
        Entity::TimeOff(it) => {
            it.reason.as_ref().map_or("time off".to_owned(), ToString::to_string)
        }
        Entity::TimeOffReason(it) => it.name.clone(),
    }
}

fn print(report: &Report, output: &Output) -> Result<(), Failure> {
    for RosterPlan { name, upserted, deleted, unchanged, remarks, .. } in &report.rosters {
        let [upserted, deleted, unchanged] = [*upserted, *deleted, *unchanged].map(thousands);
        output.say(format!(
            "roster `{name}`: {upserted} new or changed, {deleted} deleted, {unchanged} unchanged"
        ));
        let [notes, skipped] = remarks;
        tell_remarks("note", notes, output);
        tell_remarks("left out", skipped, output);
    }
    for MirrorPlan { name, counts, unmapped, entries, conflicts, .. } in &report.mirrors {
        let mut table = Table::new(&["ACTION", "WHY", "CALENDAR", "FROM (UTC)", "WHAT", "ID"]);
        for line in entries.iter().filter(|it| it.action != "record") {
            let start = line.start.map(|at| at.strftime("%Y-%m-%d %H:%M").to_string());
            table.row([
                line.action.to_owned(),
                line.because.clone(),
                line.calendar.clone(),
                start.unwrap_or_default(),
                line.what.clone().unwrap_or_default(),
                if line.part.is_main() {
                    line.id.clone()
                } else {
                    format!("{}#{}", line.id, line.part)
                },
            ]);
        }
        if !table.is_empty() {
            output.table(&table)?;
        }
        let PlanCounts { create, update, delete, look, hold } = *counts;
        let [create, update, delete] = [create, update, delete].map(thousands);
        let mut text =
            format!("mirror `{name}`: {create} to create, {update} to update, {delete} to delete");
        for (count, words) in [(look, "to look at"), (hold, "held")] {
            if count > 0 {
                text.push_str(&format!(", {} {words}", thousands(count)));
            }
        }
        output.data(text)?;
        for it in unmapped {
            output.say(format!("mirror `{name}`: {}", it.told()));
        }
        conflicts::print(name, conflicts, output)?;
    }
    output.say("nothing was changed");
    Ok(())
}
