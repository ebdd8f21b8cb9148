//! Refusing to delete too much at once. Pure.

use domain::policy::DeletionGuard;
use serde::Serialize;

/// What a plan or a reading would delete, and from how much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DeletionCount {
    /// How much there is now.
    pub present: u64,
    /// How much of it would go.
    pub deletions: u64,
}

/// The guard stopped it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{subject} would lose {} of {} items at once", count.deletions, count.present)]
pub struct GuardRefusal {
    /// `roster emea` or `mirror ward-caldav`.
    pub subject: String,
    /// What it saw.
    pub count: DeletionCount,
}

/// Lets a deletion pass, or refuses it. `allowance` is how many deletions the operator said are
/// meant: up to that many pass, whatever share they are.
///
/// # Errors
/// When everything would go, or more than both limits of `guard`, and the allowance is smaller.
pub fn judge(
    subject: impl Into<String>,
    count: DeletionCount,
    guard: &DeletionGuard,
    allowance: Option<u64>,
) -> Result<(), GuardRefusal> {
    let DeletionCount { present, deletions } = count;
    let everything = deletions > 0 && deletions >= present;
    let share = deletions as f64 / present.max(1) as f64;
    let too_many = deletions > guard.deletions_free && share > guard.deleted_share_max;
    let meant = allowance.is_some_and(|allowance| deletions <= allowance);
    if (everything || too_many) && !meant {
        return Err(GuardRefusal { subject: subject.into(), count });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(deletions: u64, present: u64, allowance: Option<u64>, passes: bool) {
        let count = DeletionCount { present, deletions };
        let verdict = judge("roster r", count, &DeletionGuard::default(), allowance);
        assert_eq!(verdict.is_ok(), passes, "{deletions} of {present}, {allowance:?}");
    }

    #[test]
    fn small_changes_pass_and_an_emptied_or_halved_schedule_does_not() {
        check(0, 0, None, true);
        check(0, 100, None, true);
        check(20, 100, None, true);
        check(21, 100, None, false);
        check(2, 5, None, true);
        check(3, 5, None, false);
        check(1, 1, None, false);
        check(100, 100, None, false);
    }

    #[test]
    fn an_allowance_covers_what_it_names_and_no_more() {
        check(50, 100, Some(50), true);
        check(51, 100, Some(50), false);
        check(1, 1, Some(1), true);
    }
}
