//! What a cycle would do, for `plan`: the same survey and the same guard, and nothing sent.

use domain::SyncWindow;
use jiff::Timestamp;

use super::cycle::{CycleError, CycleOptions, MirrorSpec, count_deletions, surveyor};
use super::project::Projector;
use super::survey::{Overlay, Survey};
use crate::mapping::Shows;
use crate::plan::guard::{GuardRefusal, judge};
use crate::port::{Scope, Store};

/// What `run_cycle` would do, without doing it: looks at everything, so that nothing that is wrong
/// goes untold. `overlay` are changes of the roster that are not in the store.
///
/// # Errors
/// When the store fails.
pub async fn survey_only(
    spec: &MirrorSpec,
    store: &dyn Store,
    projector: &Projector<'_>,
    now: Timestamp,
    overlay: &Overlay,
) -> Result<(Survey, Option<GuardRefusal>), CycleError> {
    let window = SyncWindow::around(now, spec.past, spec.future);
    let surveyor = surveyor(spec, store, &window, now, CycleOptions::default());
    projector.count(store, &spec.roster, &window, overlay).await?;
    let survey = if spec.profile.shows == Shows::HeadCount {
        surveyor.survey_with(projector, &Scope::All { window }, &projector.counted()).await?
    } else {
        surveyor.survey_with(projector, &Scope::All { window }, overlay).await?
    };
    let count = count_deletions(spec, store, &window, &survey).await?;
    let refusal = judge(format!("mirror {}", spec.name), count, &spec.guard, None).err();
    Ok((survey, refusal))
}
