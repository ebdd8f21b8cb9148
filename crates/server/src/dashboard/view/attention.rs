//! The page of what does not get through.

use askama::Template;
use engine::overview::{
    Attention, DriftLine, MirrorAttention, Outcome, Status, TroubleLine, shell_word,
};
use engine::port::Standing;
use engine::report::Unmapped;

use super::{Badge, Moment, Tone};

/// The page.
#[derive(Template)]
#[template(path = "attention.html")]
pub(crate) struct AttentionView {
    rosters: Vec<Failing>,
    mirrors: Vec<MirrorView>,
    /// Rosters and mirrors that were not looked at yet.
    waiting: Vec<String>,
}

/// A roster that was not read as a whole.
struct Failing {
    name: String,
    told: Vec<String>,
    outcome: Badge,
}

/// One mirror with something to look at.
struct MirrorView {
    name: String,
    error: Option<String>,
    unmapped: Vec<String>,
    problems: Vec<ProblemRow>,
    troubles: Vec<TroubleRow>,
    troubles_more: bool,
    drift: Vec<DriftRow>,
    drift_more: bool,
}

struct ProblemRow {
    calendar: String,
    mark: String,
    entity: String,
    reason: String,
}

struct TroubleRow {
    entity: String,
    whose: String,
    calendar: String,
    reason: String,
    refusals: u32,
    set_aside: Option<Moment>,
    again: Option<Moment>,
}

struct DriftRow {
    entity: String,
    /// The id, as it stands in a command.
    id: String,
    calendar: String,
    standing: Badge,
    seen: Moment,
    story: String,
}

impl AttentionView {
    pub fn of(attention: &Attention, status: &Status) -> Self {
        let rosters = status.rosters.iter().filter_map(|it| {
            let last = it.last.as_ref()?;
            let told: Vec<String> = last.error.clone().into_iter().chain(last.left_out()).collect();
            let tone = if last.outcome == Outcome::Done { Tone::Worth } else { Tone::Bad };
            let outcome = Badge::new(tone, last.outcome.as_str());
            (!told.is_empty()).then(|| Failing { name: it.name.clone(), told, outcome })
        });
        let mirrors = attention.mirrors.iter().map(|it| mirror(it, status));
        let mirrors = mirrors.filter(|it| !it.is_empty()).collect();
        Self { rosters: rosters.collect(), mirrors, waiting: waiting(status) }
    }
}

/// Of what never ran nothing is known, so nothing good either.
fn waiting(status: &Status) -> Vec<String> {
    let rosters = status.rosters.iter().filter(|it| it.last.is_none());
    let rosters = rosters.map(|it| format!("roster {}", it.name));
    let mirrors = status.mirrors.iter().filter(|it| it.last.is_none());
    rosters.chain(mirrors.map(|it| format!("mirror {}", it.name))).collect()
}

impl MirrorView {
    fn is_empty(&self) -> bool {
        let Self { name: _, error, unmapped, problems, troubles, drift, .. } = self;
        error.is_none()
            && unmapped.is_empty()
            && problems.is_empty()
            && troubles.is_empty()
            && drift.is_empty()
    }
}

fn mirror(it: &MirrorAttention, status: &Status) -> MirrorView {
    let last = status.mirrors.iter().find(|mirror| mirror.name == it.name);
    let last = last.and_then(|mirror| mirror.last.as_ref());
    let problems = last.map(|it| it.problems.as_slice()).unwrap_or_default();
    let problem = |it: &engine::overview::ProblemLine| ProblemRow {
        calendar: it.calendar.clone(),
        mark: it.mark.clone(),
        entity: it.entity.clone().unwrap_or_default(),
        reason: it.reason.clone(),
    };
    let unmapped = last.map(|it| it.unmapped.as_slice()).unwrap_or_default();
    MirrorView {
        name: it.name.clone(),
        error: last.and_then(|it| it.error.clone()),
        unmapped: unmapped.iter().map(Unmapped::told).collect(),
        problems: problems.iter().map(problem).collect(),
        troubles: it.troubles.iter().map(trouble).collect(),
        troubles_more: it.troubles_more,
        drift: it.drift.iter().map(drift).collect(),
        drift_more: it.drift_more,
    }
}

fn trouble(it: &TroubleLine) -> TroubleRow {
    TroubleRow {
        entity: it.entity.clone(),
        whose: it.employee.as_ref().map(ToString::to_string).unwrap_or_default(),
        calendar: it.calendar.clone(),
        reason: it.reason.clone(),
        refusals: it.refusals,
        set_aside: it.quarantined_at.map(Moment::of),
        again: it.again_at.map(Moment::of),
    }
}

fn drift(it: &DriftLine) -> DriftRow {
    let tone = match it.standing {
        Standing::Contested => Tone::Bad,
        Standing::Left => Tone::Worth,
        Standing::PutRight | Standing::Released => Tone::Plain,
    };
    DriftRow {
        entity: it.entity.clone(),
        id: argument(&it.id),
        calendar: it.calendar.clone(),
        standing: Badge::new(tone, it.standing.as_str()),
        seen: Moment::of(it.seen_at),
        story: it.story.clone(),
    }
}

/// An id as an argument of a command. One that begins with `-` would be taken for a flag.
fn argument(id: &str) -> String {
    let dashes = if id.starts_with('-') { "-- " } else { "" };
    format!("{dashes}{}", shell_word(id))
}
