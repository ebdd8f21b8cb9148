//! What the vendor's ids of one team mean in the roster.
//!
//! The target learns them when it provisions a team (members, groups, kinds of absence); callbacks
//! only look them up. Somebody who joined a team a moment ago is not known yet, so a miss is worth
//! one more look.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::{CalendarKey, Directory, EmployeeId, ScheduleGroupId, TimeOffReasonId};
use engine::port::Failure;

/// The vendor's ids of one team; they are found in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TeamNames {
    /// People, by Entra object id.
    pub users: BTreeMap<String, EmployeeId>,
    /// Groups of the team's schedule.
    pub groups: BTreeMap<String, ScheduleGroupId>,
    /// Kinds of absence of the team's schedule.
    pub reasons: BTreeMap<String, TimeOffReasonId>,
    /// The id of each employee, as the vendor spells it.
    pub user_ids: BTreeMap<EmployeeId, String>,
    /// The id of each kind of absence that is in use, as the vendor spells it.
    pub reason_ids: BTreeMap<TimeOffReasonId, String>,
    /// The group of the schedule for what belongs to no group of the roster.
    pub no_group: Option<String>,
    /// The kind of absence of the schedule for absences without one.
    pub no_reason: Option<String>,
}

impl TeamNames {
    /// Who a person of the team is in the roster.
    #[must_use]
    pub fn employee(&self, user: &str) -> Option<&EmployeeId> {
        found(&self.users, user)
    }

    /// Which group of the roster a group of the team shows.
    #[must_use]
    pub fn group(&self, id: &str) -> Option<&ScheduleGroupId> {
        found(&self.groups, id)
    }

    /// Which kind of absence of the roster one of the team's shows.
    #[must_use]
    pub fn reason(&self, id: &str) -> Option<&TimeOffReasonId> {
        found(&self.reasons, id)
    }

    /// Whether a group of the team stands for none of the roster.
    #[must_use]
    pub fn is_no_group(&self, id: &str) -> bool {
        self.no_group.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(id))
    }

    /// Whether a kind of absence of the team stands for none of the roster.
    #[must_use]
    pub fn is_no_reason(&self, id: &str) -> bool {
        self.no_reason.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(id))
    }

    /// The vendor's id of an employee.
    #[must_use]
    pub fn user_of(&self, employee: &EmployeeId) -> Option<&str> {
        self.user_ids.get(employee).map(String::as_str)
    }

    /// The vendor's id of a kind of absence.
    #[must_use]
    pub fn id_of_reason(&self, reason: &TimeOffReasonId) -> Option<&str> {
        self.reason_ids.get(reason).map(String::as_str)
    }
}

fn found<'a, T>(names: &'a BTreeMap<String, T>, id: &str) -> Option<&'a T> {
    names.get(id).or_else(|| {
        names.iter().find(|(name, _)| name.eq_ignore_ascii_case(id)).map(|(_, found)| found)
    })
}

/// Where the names of a mirror's teams come from.
#[async_trait]
pub trait Names: Send + Sync {
    /// The names of a team, from memory where they are there.
    ///
    /// # Errors
    /// When they had to be asked for and were not had.
    async fn of(
        &self,
        team: &CalendarKey,
        directory: &Arc<Directory>,
    ) -> Result<Arc<TeamNames>, Failure>;

    /// The same, after something was not in them: asked for again, unless that was just done.
    ///
    /// # Errors
    /// When they were not had.
    async fn look_again(
        &self,
        team: &CalendarKey,
        directory: &Arc<Directory>,
    ) -> Result<Arc<TeamNames>, Failure>;
}
