//! What does not get through, item by item: set aside, refused, or left as people changed it.

use domain::EmployeeId;
use domain::limits::QUARANTINE;
use jiff::Timestamp;
use serde::Serialize;

use super::{MirrorOutline, Outline};
use crate::plan::drift::tell;
use crate::port::{Drift, LedgerRow, Standing, Store, StoreError};

/// What does not get through in all mirrors, in the order of the configuration.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Attention {
    /// Of each mirror.
    pub mirrors: Vec<MirrorAttention>,
}

/// What does not get through in one mirror.
#[derive(Debug, Clone, Serialize)]
pub struct MirrorAttention {
    /// Its name.
    pub name: String,
    /// Items set aside, and items that a vendor refused and that are tried again; the first ones.
    pub troubles: Vec<TroubleLine>,
    /// Whether there are more of them.
    pub troubles_more: bool,
    /// Items that are left as people changed them; the first ones.
    pub drift: Vec<DriftLine>,
    /// Whether there are more of them.
    pub drift_more: bool,
}

/// One item that a vendor refused.
#[derive(Debug, Clone, Serialize)]
pub struct TroubleLine {
    /// Of which entity.
    pub entity: String,
    /// What `explain` takes.
    pub id: String,
    /// Whose it is.
    pub employee: Option<EmployeeId>,
    /// In which calendar.
    pub calendar: String,
    /// How often it was refused in a row.
    pub refusals: u32,
    /// Why, the last time.
    pub reason: String,
    /// When it was set aside, if it was.
    pub quarantined_at: Option<Timestamp>,
    /// When it is tried again after that.
    pub again_at: Option<Timestamp>,
}

/// One item that somebody changed.
#[derive(Debug, Clone, Serialize)]
pub struct DriftLine {
    /// Of which entity.
    pub entity: String,
    /// What `drift release` and `explain` take.
    pub id: String,
    /// In which calendar.
    pub calendar: String,
    /// How it stands: `left`, `contested` or `released`.
    pub standing: Standing,
    /// When it was last found so.
    pub seen_at: Timestamp,
    /// Who did what, and what became of it.
    pub story: String,
}

/// Gathers it: at most `limit` lines of each kind for each mirror.
///
/// # Errors
/// When the store fails.
pub async fn attention(
    store: &dyn Store,
    outline: &Outline,
    limit: usize,
) -> Result<Attention, StoreError> {
    let mut all = Attention::default();
    for mirror in &outline.mirrors {
        all.mirrors.push(of_mirror(store, mirror, limit).await?);
    }
    Ok(all)
}

async fn of_mirror(
    store: &dyn Store,
    mirror: &MirrorOutline,
    limit: usize,
) -> Result<MirrorAttention, StoreError> {
    let name = &mirror.name;
    // One more than is told, to know whether there is more.
    let rows = store.troubled_rows(name, limit + 1).await?;
    let troubles_more = rows.len() > limit;
    let mut drifts = Vec::new();
    // What is fought over first.
    for standing in [Standing::Contested, Standing::Left, Standing::Released] {
        let wanted = (limit + 1).saturating_sub(drifts.len());
        drifts.extend(store.standing_drifts(name, standing, wanted).await?);
    }
    let drift_more = drifts.len() > limit;
    let drift = |it: &Drift| DriftLine {
        entity: it.key.to_string(),
        id: it.key.entity.id.to_string(),
        calendar: it.calendar.to_string(),
        standing: it.standing,
        seen_at: it.seen_at,
        story: tell(it, name),
    };
    Ok(MirrorAttention {
        name: name.to_string(),
        troubles: rows.into_iter().take(limit).filter_map(trouble).collect(),
        troubles_more,
        drift: drifts.iter().take(limit).map(drift).collect(),
        drift_more,
    })
}

fn trouble(row: LedgerRow) -> Option<TroubleLine> {
    let trouble = row.trouble.as_ref()?;
    let again = |at: Timestamp| at.saturating_add(QUARANTINE).ok();
    Some(TroubleLine {
        entity: row.item().to_string(),
        id: row.key.id.to_string(),
        employee: row.employee.clone(),
        calendar: row.calendar.to_string(),
        refusals: trouble.refusals,
        reason: trouble.reason.clone(),
        quarantined_at: trouble.quarantined_at,
        again_at: trouble.quarantined_at.and_then(again),
    })
}
