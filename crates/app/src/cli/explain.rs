//! `rotabridge explain`: one entity's whole story: what the source said and where, what was
//! written, and why it is or is not in each mirror.

use clap::Args;
use domain::{EntityKey, EntityKind, ItemKey, MirrorName, Part, SyncWindow};
use engine::overview::RequestLine;
use engine::plan::drift::tell;
use engine::plan::state::{Desired, Hidden, Wish, desired};
use engine::port::{AuditEntry, FoundEntity, IntentState, LedgerRow, Subject, Verb};
use engine::run::project::Projector;
use ical::{UidStyle, feed_uid, object_uid};
use jiff::Timestamp;
use serde::Serialize;

use super::Session;
use super::conflicts::{ConflictStory, conflict_stories};
use super::plan::what;
use super::requests;
use crate::failure::{Exit, Failure};
use crate::impersonal::mark;
use crate::output::{Output, time};
use crate::wiring::{MirrorWorks, Opening, Works};

/// The flags of `explain`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The id of a shift or another entity, a beginning of it of 6 characters or more, the UID
    /// of its event in a feed or a calendar, or the id that a mirror gave to its item
    id: String,
    /// Data for programs
    #[arg(long)]
    json: bool,
}

/// What `explain --json` prints of one entity.
#[derive(Debug, Serialize)]
struct Story {
    kind: EntityKind,
    id: String,
    roster: String,
    what: String,
    entity: domain::Entity,
    version: u32,
    changed_at: Timestamp,
    change: i64,
    source: String,
    deleted_at: Option<Timestamp>,
    mirrors: Vec<MirrorStory>,
    history: Vec<Past>,
}

/// Blocks and windows of breaks of one shift that a `UID` is tried against.
const PARTS_TRIED_MAX: u16 = 12;

/// How it stands in one mirror.
#[derive(Debug, Serialize)]
struct MirrorStory {
    mirror: String,
    verdict: String,
    items: Vec<Item>,
    /// Events of people that stand in its way, or did.
    conflicts: Vec<ConflictStory>,
    /// Requests that people made about it there, the newest first.
    requests: Vec<RequestLine>,
}

/// What the ledger says of it in one calendar.
#[derive(Debug, Serialize)]
struct Item {
    calendar: String,
    /// Which of the entity's items it is, where it is not the main one.
    #[serde(skip_serializing_if = "Part::is_main")]
    part: Part,
    /// How the log calls that calendar.
    mark: String,
    remote_id: Option<String>,
    etag: Option<String>,
    version: Option<u32>,
    intent: Option<String>,
    trouble: Option<String>,
    quarantined_at: Option<Timestamp>,
    changed_at: Timestamp,
}

/// One line of its history.
#[derive(Debug, Serialize)]
struct Past {
    at: Timestamp,
    mirror: String,
    calendar: String,
    what: engine::port::AuditVerb,
    version: u32,
    detail: String,
}

/// Runs it.
///
/// # Errors
/// When there is no such entity, or the store fails.
pub async fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let works = session.works(Opening::Look).await?;
    // `shift/abc`, as plans and problems write it, is as good as `abc`.
    let id = match arguments.id.split_once('/') {
        Some((kind, id)) if kind.parse::<EntityKind>().is_ok() => id,
        Some(_) | None => arguments.id.as_str(),
    };
    let mut found = works.store.find_entities(id).await?;
    if found.is_empty()
        && let Some(key) = shown_as(&works, &arguments.id).await?
    {
        found = works.store.find_entities(key.id.as_str()).await?;
        found.retain(|it| it.entry.entity.key() == key);
    }
    if found.is_empty() {
        let failure = Failure::saying(format!("nothing with the id `{id}` was ever read"));
        return Err(failure.hint(
            "`rotabridge plan` and `sync --json` name ids; `rotabridge sync` \
                                 reads what is new",
        ));
    }
    let mut stories = Vec::with_capacity(found.len());
    for entity in found {
        stories.push(story(&works, entity).await?);
    }
    if arguments.json {
        session.output.json(&serde_json::json!({ "entities": stories }))?;
    } else {
        for story in &stories {
            print(story, &session.output)?;
        }
    }
    Ok(Exit::Done)
}

/// The entity that feeds or mirrors show under this id: a `UID`, with or without what stands
/// after its `@`, or the id of an item. Looks through everything, because nothing else is wanted.
async fn shown_as(works: &Works, id: &str) -> Result<Option<EntityKey>, Failure> {
    let uid = id.split_once('@').map_or(id, |(uid, _)| uid);
    for parts in [parts_main(), parts_further()] {
        for roster in &works.rosters {
            let (_, index) = works.store.roster_index(&roster.name).await?;
            let is_uid = |key: &EntityKey| {
                parts.iter().any(|part| {
                    let item = ItemKey { entity: key.clone(), part: *part };
                    feed_uid(&roster.name, &item, UidStyle::Opaque) == uid
                })
            };
            if let Some(row) = index.into_iter().find(|row| is_uid(&row.key)) {
                return Ok(Some(row.key));
            }
        }
    }
    for mirror in works.mirrors.iter().map(|it| &it.spec.name) {
        for state in works.store.calendar_states(mirror).await? {
            let calendar = &state.calendar;
            let rows = works.store.ledger_of_calendar(mirror, calendar).await?;
            let found = rows.into_iter().find(|row| {
                row.remote.as_ref().is_some_and(|it| it.id.0 == id)
                    || object_uid(mirror, calendar, &row.item(), row.generation) == uid
            });
            if let Some(row) = found {
                return Ok(Some(row.key));
            }
        }
    }
    Ok(None)
}

fn parts_main() -> Vec<Part> {
    vec![Part::Main]
}

/// Further parts that a feed may show. Not more of them than most shifts have: each costs a hash
/// for every entity.
fn parts_further() -> Vec<Part> {
    let blocks = (1..=PARTS_TRIED_MAX).map(Part::Block);
    let windows = (1..=PARTS_TRIED_MAX).map(Part::BreakWindow);
    blocks.chain(windows).chain([Part::LatestStart, Part::EarliestLeave]).collect()
}

async fn story(works: &Works, found: FoundEntity) -> Result<Story, Failure> {
    let key = found.entry.entity.key();
    let mut mirrors = Vec::new();
    for mirror in works.mirrors_of(&found.roster) {
        mirrors.push(mirror_story(works, mirror, &found).await?);
    }
    // Mirrors that the configuration does not name any more may still hold it.
    let named = |name: &MirrorName| works.mirrors.iter().any(|it| it.spec.name == *name);
    for (name, row) in found.ledger.iter().filter(|(name, _)| !named(name)) {
        mirrors.push(MirrorStory {
            mirror: name.to_string(),
            verdict: "the configuration has no such mirror (any more)".to_owned(),
            items: vec![item(row)],
            conflicts: Vec::new(),
            requests: Vec::new(),
        });
    }
    let history = works.store.history(&key).await?;
    let entry = found.entry;
    Ok(Story {
        kind: key.kind,
        id: key.id.to_string(),
        roster: found.roster.to_string(),
        what: what(&entry.entity),
        entity: entry.entity,
        version: entry.version,
        changed_at: entry.changed_at,
        change: entry.seq.0,
        source: entry.at.0,
        deleted_at: found.deleted_at,
        mirrors,
        history: history.into_iter().map(past).collect(),
    })
}

async fn mirror_story(
    works: &Works,
    mirror: &MirrorWorks,
    found: &FoundEntity,
) -> Result<MirrorStory, Failure> {
    let spec = &mirror.spec;
    let rows = found.ledger.iter().filter(|(name, _)| *name == spec.name);
    let ledger: Vec<LedgerRow> = rows.map(|(_, row)| row.clone()).collect();
    let projector = Projector::load(
        works.store.as_ref(),
        mirror.target.as_ref(),
        &spec.profile,
        &spec.name,
        &spec.roster,
    );
    let projected = projector.await?.project(&found.entry);
    let window = SyncWindow::around(works.outside.clock.now(), spec.past, spec.future);
    let entry = found.deleted_at.is_none().then(|| found.entry.clone());
    let subject = Subject { key: found.entry.entity.key(), entry, ledger };
    let rows: Vec<&LedgerRow> = subject.ledger.iter().filter(|it| it.part.is_main()).collect();
    let wish = desired(&subject, (Part::Main, &rows), projected.as_ref(), &window);
    let drifts = works.store.drifts(&spec.name).await?;
    let drift = drifts.iter().find(|it| it.key.entity == subject.key);
    let verdict = match drift {
        Some(drift) => format!(
            "{}; {} ({})",
            verdict(&wish, &subject, &window),
            tell(drift, &spec.name),
            time::instant(drift.seen_at)
        ),
        None => verdict(&wish, &subject, &window),
    };
    let mut requests = works.store.requests(&spec.name, false, requests::LOOKED_AT_MAX).await?;
    let items = || subject.ledger.iter().filter_map(|row| Some(&row.remote.as_ref()?.id));
    requests.retain(|row| items().any(|id| requests::is_about(&row.request, id)));
    Ok(MirrorStory {
        mirror: spec.name.to_string(),
        requests: requests.into_iter().map(RequestLine::of).collect(),
        verdict,
        items: subject.ledger.iter().map(item).collect(),
        conflicts: conflict_stories(works, spec, &subject).await?,
    })
}

/// Why it is or is not there, in one sentence.
fn verdict(wish: &Wish, subject: &Subject, window: &SyncWindow) -> String {
    let there = subject.ledger.iter().any(|row| row.remote.is_some());
    let waiting = subject.ledger.iter().any(|row| row.intent.is_some());
    let set_aside = subject
        .ledger
        .iter()
        .find_map(|row| row.trouble.as_ref().filter(|trouble| trouble.quarantined_at.is_some()));
    let (from, until) = (window.interval.start(), window.interval.end());
    match wish {
        Wish::Now(Desired::Shown(_)) if set_aside.is_some() => {
            let reason = set_aside.map_or("", |trouble| trouble.reason.as_str());
            format!("set aside after repeated refusals: {reason}")
        }
        Wish::Now(Desired::Shown(showing)) if there && !waiting => {
            let calendar = &showing.calendar;
            if subject.ledger.iter().any(|row| row.calendar == *calendar && row.remote.is_some()) {
                format!("is in calendar `{calendar}`")
            } else {
                format!("moves to calendar `{calendar}` with the next sync")
            }
        }
        Wish::Now(Desired::Shown(showing)) if waiting => {
            format!("a write into calendar `{}` is under way or waits", showing.calendar)
        }
        Wish::Now(Desired::Shown(showing)) => {
            format!("comes into calendar `{}` with the next sync", showing.calendar)
        }
        Wish::Now(Desired::Hidden(hidden)) => {
            let reason = match hidden {
                Hidden::Deleted => "it was deleted from the roster".to_owned(),
                Hidden::NotShown => "this mirror does not show its kind".to_owned(),
                Hidden::Recut => "other items show it now".to_owned(),
                Hidden::Unmapped(reason) => format!("it belongs to no calendar: {reason}"),
                Hidden::Purged => "the mirror is being purged".to_owned(),
            };
            if there {
                format!("goes with the next sync: {reason}")
            } else {
                format!("is not there: {reason}")
            }
        }
        Wish::Past(_) if there => "stays as it is: it ended before the window".to_owned(),
        Wish::Past(_) => {
            format!("is not there: it ended before the window, which starts at {from}")
        }
        Wish::Later(_) if there => "is there, and starts after the window".to_owned(),
        Wish::Later(_) => {
            format!("is not there yet: it starts after the window, which ends at {until}")
        }
    }
}

fn item(row: &LedgerRow) -> Item {
    let intent = row.intent.as_ref().map(|intent| {
        let verb = match intent.verb {
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Delete => "delete",
        };
        let state = match intent.state {
            IntentState::Planned => "waits to be sent",
            IntentState::Sent => "was sent, its outcome is not known yet",
        };
        let until = intent.not_before.map_or(String::new(), |at| {
            format!("; nothing is done about it before {}", time::instant(at))
        });
        format!("{verb}: {state}{until}")
    });
    Item {
        calendar: row.calendar.to_string(),
        part: row.part,
        mark: mark(row.calendar.as_str()),
        remote_id: row.remote.as_ref().map(|remote| remote.id.to_string()),
        etag: row.remote.as_ref().and_then(|remote| remote.etag.as_ref()).map(ToString::to_string),
        version: row.remote.as_ref().map(|remote| remote.version),
        intent,
        trouble: row
            .trouble
            .as_ref()
            .map(|trouble| format!("refused {} times: {}", trouble.refusals, trouble.reason)),
        quarantined_at: row.trouble.as_ref().and_then(|trouble| trouble.quarantined_at),
        changed_at: row.changed_at,
    }
}

fn past(entry: AuditEntry) -> Past {
    let AuditEntry { at, mirror, calendar, key: _, verb, version, detail } = entry;
    let (mirror, calendar) = (mirror.to_string(), calendar.to_string());
    Past { at, mirror, calendar, what: verb, version, detail }
}

fn print(story: &Story, output: &Output) -> Result<(), Failure> {
    let Story { kind, id, roster, what, entity, version, source, .. } = story;
    let mut text = format!("{kind} `{id}` of roster `{roster}`: {what}");
    if let Some(interval) = entity.interval() {
        let (start, end) = (time::instant(interval.start()), time::instant(interval.end()));
        text.push_str(&format!("\n  when      {start} to {end}"));
    }
    if let Some(employee) = entity.employee() {
        text.push_str(&format!("\n  employee  {employee}"));
    }
    if let Some(group) = entity.group() {
        text.push_str(&format!("\n  group     {group}"));
    }
    let changed = time::instant(story.changed_at);
    text.push_str(&format!("\n  source    {source}: version {version}, read at {changed}"));
    if let Some(at) = story.deleted_at {
        text.push_str(&format!("\n  deleted   {}", time::instant(at)));
    }
    for MirrorStory { mirror, verdict, items, conflicts, requests } in &story.mirrors {
        text.push_str(&format!("\n  mirror `{mirror}`: {verdict}"));
        for item in items {
            text.push_str(&format!("\n    calendar `{}` ({})", item.calendar, item.mark));
            if !item.part.is_main() {
                text.push_str(&format!(", {}", item.part));
            }
            if let (Some(remote), Some(version)) = (&item.remote_id, item.version) {
                let etag = item.etag.as_deref().unwrap_or("unknown");
                text.push_str(&format!(": item {remote}, etag {etag}, shows version {version}"));
            }
            for line in [&item.intent, &item.trouble].into_iter().flatten() {
                text.push_str(&format!("\n      {line}"));
            }
        }
        for conflict in conflicts {
            text.push_str(&format!("\n    conflict {}", conflict.told()));
        }
        for request in requests {
            text.push_str(&format!("\n    request {}", request.told()));
        }
    }
    if !story.history.is_empty() {
        text.push_str("\n  history");
    }
    for Past { at, mirror, calendar, what, version, detail } in &story.history {
        let at = time::instant(*at);
        let what = serde_json::to_value(what).map_err(Failure::because)?;
        let what = what.as_str().unwrap_or_default();
        text.push_str(&format!("\n    {at}  {what} version {version} in `{mirror}` `{calendar}`"));
        if !detail.is_empty() {
            text.push_str(&format!(": {detail}"));
        }
    }
    output.data(text)
}
