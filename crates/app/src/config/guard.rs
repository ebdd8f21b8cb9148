//! `guard = { deleted_share_max = 0.2, deletions_free = 2 }`: how much may be deleted at once.

use domain::policy::DeletionGuard;
use schemars::JsonSchema;
use serde::Deserialize;

/// Refused when more than `deletions_free` *and* more than `deleted_share_max` of what is there
/// would go, or everything.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardSection {
    /// Share of what is there, 0 to 1.
    #[serde(default = "deleted_share_max")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub deleted_share_max: f64,
    /// This many may always go.
    #[serde(default = "deletions_free")]
    pub deletions_free: u64,
}

fn deleted_share_max() -> f64 {
    DeletionGuard::default().deleted_share_max
}

fn deletions_free() -> u64 {
    DeletionGuard::default().deletions_free
}

impl Default for GuardSection {
    fn default() -> Self {
        Self { deleted_share_max: deleted_share_max(), deletions_free: deletions_free() }
    }
}

impl GuardSection {
    /// What is wrong with it.
    pub fn fault(&self) -> Option<String> {
        let share = self.deleted_share_max;
        (!(0.0..=1.0).contains(&share))
            .then(|| format!("`deleted_share_max` is {share}; expected 0 to 1"))
    }

    /// For the engine.
    pub const fn policy(&self) -> DeletionGuard {
        let Self { deleted_share_max, deletions_free } = *self;
        DeletionGuard { deleted_share_max, deletions_free }
    }
}
