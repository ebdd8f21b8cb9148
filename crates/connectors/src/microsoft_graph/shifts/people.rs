//! Who is who: the vendor's ids of one team, and what they mean in the roster. Pure.
//!
//! [`Facts`] is what was read from a team; [`Index`] follows from it, the roster's directory and
//! the configuration. A person is known by the Entra object id that the roster names, or else by
//! the mail address or user principal name, whatever its case. Two employees who turn out to be
//! one person are both left out, rather than given each other's shifts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{CalendarKey, Directory, Employee, EmployeeId, ScheduleGroupId, TimeOffReasonId};

use super::callback::names::TeamNames;
use super::config::Teams;
use super::wire::{Group, Member, Reason};

/// The code and the name of the group for work and people without a group.
pub const NO_GROUP_CODE: &str = "*";
/// What people call it.
pub const NO_GROUP_NAME: &str = "Everyone";
/// The code of the reason for absences without one.
pub const NO_REASON_CODE: &str = "*";

/// What was read from a team.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Who is in it.
    pub members: Vec<Member>,
    /// The groups of its schedule, deleted ones included.
    pub groups: Vec<Group>,
    /// The kinds of absence of its schedule, deleted ones included.
    pub reasons: Vec<Reason>,
}

/// How employees are found in Entra: every way in which the roster names them.
#[derive(Debug, Default)]
pub struct Addresses {
    by_id: BTreeMap<String, BTreeSet<EmployeeId>>,
    by_address: BTreeMap<String, BTreeSet<EmployeeId>>,
}

impl Addresses {
    /// Reads them from a directory.
    #[must_use]
    pub fn of(directory: &Directory) -> Self {
        let mut addresses = Self::default();
        for Employee { id, email, m365_id, .. } in directory.employees.values() {
            // An object id that is spelled as a user principal name is an address.
            let (object_id, principal) = match m365_id.as_deref() {
                Some(text) if text.contains('@') => (None, Some(text)),
                other => (other, None),
            };
            if let Some(object_id) = object_id {
                addresses.by_id.entry(small(object_id)).or_default().insert(id.clone());
                continue;
            }
            for address in [principal, email.as_deref()].into_iter().flatten() {
                addresses.by_address.entry(small(address)).or_default().insert(id.clone());
            }
        }
        addresses
    }

    /// Who a member of a team is; `None` when nobody or more than one.
    fn employee(&self, member: &Member) -> Option<EmployeeId> {
        let by = |map: &BTreeMap<String, BTreeSet<EmployeeId>>, text: &Option<String>| {
            text.as_deref().and_then(|it| map.get(&small(it))).cloned().unwrap_or_default()
        };
        let mut found = by(&self.by_id, &member.user_id);
        found.extend(by(&self.by_address, &member.email));
        let first = found.pop_first()?;
        found.is_empty().then_some(first)
    }
}

fn small(text: &str) -> String {
    text.trim().to_lowercase()
}

/// A group that a team needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedGroup<'a> {
    /// Which; `None` for what belongs to none.
    pub id: Option<&'a ScheduleGroupId>,
    /// The code that marks it.
    pub code: &'a str,
    /// What people call it.
    pub name: &'a str,
}

impl<'a> WantedGroup<'a> {
    /// How a group is marked and called.
    #[must_use]
    pub fn of(id: Option<&'a ScheduleGroupId>, directory: &'a Directory) -> Self {
        match id {
            Some(id) => Self { id: Some(id), code: id.as_str(), name: directory.group_name(id) },
            None => Self { id: None, code: NO_GROUP_CODE, name: NO_GROUP_NAME },
        }
    }

    /// The team's group that shows it: the one with its code, else one of its name that carries
    /// no code; one that is in use before one that was deleted.
    #[must_use]
    pub fn find<'f>(&self, groups: &'f [Group]) -> Option<&'f Group> {
        let named = |it: &&Group| {
            let same = it.display_name.as_deref().is_some_and(|name| alike(name, self.name));
            same && it.code.as_deref().is_none_or(str::is_empty)
        };
        let coded = |it: &&Group| it.code.as_deref() == Some(self.code);
        let in_use = |it: &&Group| it.is_active != Some(false);
        let all = || groups.iter();
        let first = all().filter(coded).find(in_use).or_else(|| all().filter(named).find(in_use));
        first.or_else(|| all().find(coded)).or_else(|| all().find(named))
    }
}

/// A kind of absence that a team needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedReason<'a> {
    /// Which; `None` for absences without one.
    pub id: Option<&'a TimeOffReasonId>,
    /// The code that marks it.
    pub code: &'a str,
    /// What people call it.
    pub name: &'a str,
}

impl<'a> WantedReason<'a> {
    /// How a reason is marked and called; `default` is the name for absences without one.
    #[must_use]
    pub fn of(id: Option<&'a TimeOffReasonId>, directory: &'a Directory, default: &'a str) -> Self {
        match id {
            Some(id) => Self { id: Some(id), code: id.as_str(), name: directory.reason_name(id) },
            None => Self { id: None, code: NO_REASON_CODE, name: default },
        }
    }

    /// The team's reason that shows it: the one with its code, else one of its name that is in
    /// use. One that somebody deleted is taken again only if it is ours, by its code.
    #[must_use]
    pub fn find<'f>(&self, reasons: &'f [Reason]) -> Option<&'f Reason> {
        let named = |it: &&Reason| {
            let same = it.display_name.as_deref().is_some_and(|name| alike(name, self.name));
            same && it.code.as_deref().is_none_or(str::is_empty)
        };
        let coded = |it: &&Reason| it.code.as_deref() == Some(self.code);
        let in_use = |it: &&Reason| it.is_active != Some(false);
        let all = || reasons.iter();
        let first = all().filter(coded).find(in_use).or_else(|| all().filter(named).find(in_use));
        first.or_else(|| all().find(coded))
    }

    /// Whether a reason that shows it is called as it is to be; one that is not ours is called as
    /// its owner likes.
    #[must_use]
    pub fn is_called(&self, reason: &Reason) -> bool {
        let ours = self.id.is_some() && reason.code.as_deref() == Some(self.code);
        !ours || reason.display_name.as_deref() == Some(self.name)
    }
}

/// Whether two names are the same to people.
fn alike(one: &str, other: &str) -> bool {
    small(one) == small(other)
}

/// What the ids of one team mean, both ways.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    /// People, groups and reasons that the roster names, for reading.
    pub names: Arc<TeamNames>,
    /// Entra object ids of employees, as Graph spells them.
    pub users: BTreeMap<EmployeeId, String>,
    /// Groups in use, for writing: the id and who is in it, in small letters.
    pub groups: BTreeMap<Option<ScheduleGroupId>, (String, BTreeSet<String>)>,
    /// Reasons in use, for writing.
    pub reasons: BTreeMap<Option<TimeOffReasonId>, String>,
    /// The id of the group for what belongs to none.
    pub no_group: Option<String>,
    /// The id of the reason for absences without one.
    pub no_reason: Option<String>,
}

/// What an id of the vendor's means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning<T> {
    /// This.
    Known(T),
    /// Nothing of the roster's.
    Unknown,
}

impl Index {
    /// What follows from a team's facts.
    #[must_use]
    pub fn of(
        facts: &Facts,
        directory: &Directory,
        addresses: &Addresses,
        (teams, team): (&Teams, &CalendarKey),
        reason_default: &str,
    ) -> Self {
        let mut index = Self::default();
        let mut names = TeamNames::default();
        index.add_people(&mut names, &facts.members, addresses);
        index.add_groups(&mut names, &facts.groups, directory, (teams, team));
        index.add_reasons(&mut names, &facts.reasons, directory, reason_default);
        names.user_ids = index.users.clone();
        let spelled = index.reasons.iter();
        names.reason_ids =
            spelled.filter_map(|(reason, id)| Some((reason.clone()?, id.clone()))).collect();
        names.no_group = index.no_group.clone();
        names.no_reason = index.no_reason.clone();
        names.user_ids.clone_from(&index.users);
        let of_roster = index.reasons.iter().filter_map(|(id, it)| Some((id.clone()?, it.clone())));
        names.reason_ids = of_roster.collect();
        names.no_group.clone_from(&index.no_group);
        names.no_reason.clone_from(&index.no_reason);
        index.names = Arc::new(names);
        index
    }

    fn add_people(&mut self, names: &mut TeamNames, members: &[Member], addresses: &Addresses) {
        let mut twice = BTreeSet::new();
        for member in members {
            let Some(user) = &member.user_id else { continue };
            let Some(employee) = addresses.employee(member) else { continue };
            names.users.insert(small(user), employee.clone());
            if self.users.insert(employee.clone(), user.clone()).is_some() {
                twice.insert(employee.clone());
            }
        }
        // One employee who is two members: by id and by address. The roster must say which.
        names.users.retain(|_, employee| !twice.contains(employee));
        self.users.retain(|employee, _| !twice.contains(employee));
    }

    fn add_groups(
        &mut self,
        names: &mut TeamNames,
        groups: &[Group],
        directory: &Directory,
        (teams, team): (&Teams, &CalendarKey),
    ) {
        for id in wanted_groups(directory, teams, team) {
            let wanted = WantedGroup::of(id.as_ref(), directory);
            let Some(found) = wanted.find(groups) else { continue };
            self.note_group(names, id, found);
        }
        // What was made for work whose group the directory does not list.
        for group in groups {
            let Some(code) = group.code.as_deref().filter(|it| *it != NO_GROUP_CODE) else {
                continue;
            };
            let Ok(id) = ScheduleGroupId::new(code) else { continue };
            let here = teams.of_group(Some(code)) == Some(team);
            let taken = names.groups.contains_key(&small(&group.id));
            if here && !taken && !self.groups.contains_key(&Some(id.clone())) {
                self.note_group(names, Some(id), group);
            }
        }
    }

    fn note_group(&mut self, names: &mut TeamNames, id: Option<ScheduleGroupId>, group: &Group) {
        match &id {
            Some(id) => {
                names.groups.entry(small(&group.id)).or_insert_with(|| id.clone());
            }
            None => self.no_group = Some(small(&group.id)),
        }
        if group.is_active != Some(false) {
            let users = group.user_ids.iter().map(|it| small(it)).collect();
            self.groups.insert(id, (group.id.clone(), users));
        }
    }

    fn add_reasons(
        &mut self,
        names: &mut TeamNames,
        reasons: &[Reason],
        directory: &Directory,
        default: &str,
    ) {
        let known = directory.reasons.keys().map(Some).chain([None]);
        for id in known {
            let wanted = WantedReason::of(id, directory, default);
            let Some(found) = wanted.find(reasons) else { continue };
            self.note_reason(names, id.cloned(), found);
        }
        for reason in reasons {
            let Some(code) = reason.code.as_deref().filter(|it| *it != NO_REASON_CODE) else {
                continue;
            };
            let Ok(id) = TimeOffReasonId::new(code) else { continue };
            let taken = names.reasons.contains_key(&small(&reason.id));
            if !taken && !self.reasons.contains_key(&Some(id.clone())) {
                self.note_reason(names, Some(id), reason);
            }
        }
    }

    fn note_reason(&mut self, names: &mut TeamNames, id: Option<TimeOffReasonId>, reason: &Reason) {
        match &id {
            Some(id) => {
                names.reasons.entry(small(&reason.id)).or_insert_with(|| id.clone());
            }
            None => self.no_reason = Some(small(&reason.id)),
        }
        if reason.is_active != Some(false) {
            self.reasons.insert(id, reason.id.clone());
        }
    }

    /// Whose a user id is.
    #[must_use]
    pub fn employee(&self, user: &str) -> Option<&EmployeeId> {
        self.names.users.get(&small(user))
    }

    /// Which group an id shows.
    #[must_use]
    pub fn group(&self, id: Option<&str>) -> Meaning<Option<ScheduleGroupId>> {
        let Some(id) = id.map(small).filter(|it| !it.is_empty()) else {
            return Meaning::Known(None);
        };
        match self.names.groups.get(&id) {
            Some(group) => Meaning::Known(Some(group.clone())),
            None if self.no_group.as_deref() == Some(id.as_str()) => Meaning::Known(None),
            None => Meaning::Unknown,
        }
    }

    /// Which reason an id shows.
    #[must_use]
    pub fn reason(&self, id: Option<&str>) -> Meaning<Option<TimeOffReasonId>> {
        let Some(id) = id.map(small).filter(|it| !it.is_empty()) else {
            return Meaning::Known(None);
        };
        match self.names.reasons.get(&id) {
            Some(reason) => Meaning::Known(Some(reason.clone())),
            None if self.no_reason.as_deref() == Some(id.as_str()) => Meaning::Known(None),
            None => Meaning::Unknown,
        }
    }
}

/// The groups of the roster that belong to a team, as far as they are known beforehand.
#[must_use]
pub fn wanted_groups(
    directory: &Directory,
    teams: &Teams,
    team: &CalendarKey,
) -> BTreeSet<Option<ScheduleGroupId>> {
    let of_people = directory.employees.values().map(|it| it.group.as_ref());
    let named = directory.groups.keys().map(Some);
    let known = of_people.chain(named).map(Option::<&ScheduleGroupId>::cloned);
    let configured = teams.groups_of(team).filter_map(|it| ScheduleGroupId::new(it).ok()).map(Some);
    let here = |group: &Option<ScheduleGroupId>| {
        teams.of_group(group.as_ref().map(ScheduleGroupId::as_str)) == Some(team)
    };
    known.chain(configured).filter(here).collect()
}
