//! `rotabridge plan --shift ID`: what mirrors would show of one shift, item by item, and where.
//! Reads the source, so that a shift that is not in the roster yet can be shown too.

use domain::{CalendarEvent, Entity, EntityId, EntityKey, EntityKind, EventSpan, Part};
use engine::port::{Content, Placement};
use engine::run::project::Projector;
use engine::run::survey::Overlay;
use serde::Serialize;

use super::Session;
use super::plan::{projector, what};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::wiring::{MirrorWorks, RosterWorks, Works};

/// What is looked for: what mirrors show and what lies in time.
const KINDS: [EntityKind; 3] = [EntityKind::Shift, EntityKind::TimeOff, EntityKind::OpenShift];

/// What `plan --shift ID --json` prints.
#[derive(Debug, Serialize)]
struct Report {
    id: String,
    roster: String,
    what: String,
    mirrors: Vec<MirrorShows>,
}

/// What one mirror shows of it.
#[derive(Debug, Serialize)]
struct MirrorShows {
    mirror: String,
    calendar: Option<String>,
    /// Why it is in no calendar, where it is in none.
    why: Option<String>,
    items: Vec<ItemShown>,
}

/// One item of it.
#[derive(Debug, Serialize)]
struct ItemShown {
    #[serde(skip_serializing_if = "Part::is_main")]
    part: Part,
    #[serde(flatten)]
    looks: Looks,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Looks {
    Event(CalendarEvent),
    Schedule(domain::ScheduleItem),
}

/// Runs it over these rosters and mirrors.
///
/// # Errors
/// When the source or the store cannot be read, or no such shift is there.
pub async fn run(
    id: &str,
    works: &Works,
    (rosters, mirrors): (Vec<&RosterWorks>, Vec<&MirrorWorks>),
    (session, json): (&Session, bool),
) -> Result<Exit, Failure> {
    let id = EntityId::new(id.rsplit('/').next().unwrap_or(id)).map_err(Failure::because)?;
    for roster in rosters {
        let overlay = works.ingest(roster)?.prepare().await?.overlay();
        let Some(entity) = find(&id, works, roster, &overlay).await? else { continue };
        let mut shown = Vec::new();
        for mirror in mirrors.iter().filter(|it| it.spec.roster == roster.name) {
            let projector = projector(works, mirror, &overlay).await?;
            shown.push(shows(mirror, &projector, &entity));
        }
        let report = Report {
            id: id.to_string(),
            roster: roster.name.to_string(),
            what: what(&entity),
            mirrors: shown,
        };
        if json {
            session.output.json(&report)?;
        } else {
            print(&report, &session.output)?;
        }
        return Ok(Exit::Done);
    }
    let failure = Failure::saying(format!("no shift, open shift or absence has the id `{id}`"));
    Err(failure.hint("`rotabridge plan` names ids"))
}

async fn find(
    id: &EntityId,
    works: &Works,
    roster: &RosterWorks,
    overlay: &Overlay,
) -> Result<Option<Entity>, Failure> {
    let keys = KINDS.map(|kind| EntityKey { kind, id: id.clone() });
    let changed = keys.iter().find_map(|key| overlay.get(key));
    if let Some(changed) = changed {
        return Ok(changed.as_ref().map(|entry| entry.entity.clone()));
    }
    let stored = works.store.roster_entries(&roster.name, &keys).await?;
    Ok(stored.into_iter().next().map(|entry| entry.entity))
}

fn shows(mirror: &MirrorWorks, projector: &Projector<'_>, entity: &Entity) -> MirrorShows {
    let projected = projector.project_entity(entity);
    let (calendar, why) = match projected.as_ref().map(|it| &it.placement) {
        Some(Placement::In(calendar)) => (Some(calendar.to_string()), None),
        Some(Placement::Unmapped(reason)) => (None, Some(reason.clone())),
        Some(Placement::NotShown) | None => (None, Some("this mirror does not show it".into())),
    };
    let more = projected.iter().flat_map(|it| it.more()).map(|it| it.part);
    let parts = std::iter::once(Part::Main).chain(more).filter(|_| calendar.is_some());
    let items = parts.filter_map(|part| {
        let looks = match projector.content(entity, part)? {
            Content::Event(event) => Looks::Event(event),
            Content::Schedule(item) => Looks::Schedule(item),
        };
        Some(ItemShown { part, looks })
    });
    let items = items.collect();
    MirrorShows { mirror: mirror.spec.name.to_string(), calendar, why, items }
}

fn print(report: &Report, output: &Output) -> Result<(), Failure> {
    let Report { id, roster, what, mirrors } = report;
    let mut text = format!("`{id}` of roster `{roster}`: {what}");
    for MirrorShows { mirror, calendar, why, items } in mirrors {
        match (calendar, why) {
            (Some(calendar), _) => {
                text.push_str(&format!("\n  mirror `{mirror}`, calendar `{calendar}`"));
            }
            (None, why) => {
                let why = why.as_deref().unwrap_or("this mirror does not show it");
                text.push_str(&format!("\n  mirror `{mirror}`: not there: {why}"));
            }
        }
        for ItemShown { part, looks } in items {
            if !part.is_main() {
                text.push_str(&format!("\n    {part}"));
            }
            match looks {
                Looks::Event(event) => tell_event(&mut text, event)?,
                Looks::Schedule(_) => text.push_str("\n    the schedule as it is"),
            }
        }
    }
    output.data(text)
}

fn tell_event(text: &mut String, event: &CalendarEvent) -> Result<(), Failure> {
    let CalendarEvent { summary, description, location, categories, span, .. } = event;
    let CalendarEvent { show_as, visibility, extras, .. } = event;
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let when = match span {
        EventSpan::Timed(interval) => interval.to_string(),
        EventSpan::AllDay { first, end } => format!("{first} to before {end}"),
    };
    let show_as = word(serde_json::to_value(show_as).map_err(Failure::because)?);
    let visibility = word(serde_json::to_value(visibility).map_err(Failure::because)?);
    let people = extras.organizer.iter().chain(&extras.attendees);
    let people: Vec<&str> = people.map(domain::Contact::email).collect();
    let lines = [
        ("title", Some(summary.clone())),
        ("when", Some(when)),
        ("text", description.clone()),
        ("location", location.clone()),
        ("categories", (!categories.is_empty()).then(|| categories.join(", "))),
        ("show as", Some(show_as)),
        ("visibility", Some(visibility)),
        ("colour", extras.colour.map(|colour| colour.css().to_owned())),
        ("reminder", extras.reminder_minutes.map(|minutes| format!("{minutes}m before"))),
        ("people", (!people.is_empty()).then(|| people.join(", "))),
    ];
    for (name, value) in lines.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        let value = value.replace('\n', &format!("\n      {:<11}", ""));
        text.push_str(&format!("\n      {name:<11}{value}"));
    }
    Ok(())
}
