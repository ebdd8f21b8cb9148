//! Whose work it is to do, and who is able to do it.

use domain::Refusal;

use super::Case;

/// Work of another group is not for this employee. Work that names no group is for everybody, and
/// so is an employee of whom no group is known.
pub(super) fn own_group(case: &Case<'_>) -> Option<Refusal> {
    if !case.rules.group_match {
        return None;
    }
    let directory = case.grounds.directory;
    case.work().find_map(|placed| {
        let shift = placed.after;
        let same = |before: &domain::Shift| {
            before.employee == shift.employee && before.group == shift.group
        };
        if placed.before.is_some_and(same) {
            return None;
        }
        let own = directory.employees.get(&shift.employee)?.group.as_ref()?;
        let group = shift.group.as_ref().filter(|group| *group != own)?;
        Some(Refusal::OtherGroup { group: directory.group_name(group).to_owned() })
    })
}

/// Work with this label takes these qualifications.
pub(super) fn qualified(case: &Case<'_>) -> Option<Refusal> {
    case.work().find_map(|placed| {
        let shift = placed.after;
        let label = shift.label.trim();
        let same = |before: &domain::Shift| {
            before.employee == shift.employee && before.label.trim() == label
        };
        if placed.before.is_some_and(same) {
            return None;
        }
        let needed = case.rules.qualifications.get(label)?;
        let who = case.grounds.directory.employees.get(&shift.employee)?;
        let missing = needed.iter().find(|it| !who.qualifications.contains(it))?;
        Some(Refusal::NotQualified { qualification: missing.clone() })
    })
}
