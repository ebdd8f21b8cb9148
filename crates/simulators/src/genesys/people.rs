//! What people do: planners who plan, publish and publish again; administrators who hire, move and
//! rename; agents who ask for time off.
//!
//! Every change makes the versions grow that the vendor would make grow. Ids that are given must
//! be there: a test that names somebody unknown is wrong.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, Timestamp};

use super::Genesys;
use super::state::{
    Activity, ActivityCode, AgentSchedule, BusinessUnit, Change, ManagementUnit, Marker, Pattern,
    Schedule, Shift, State, TimeOff, User,
};

/// The activity codes that every business unit begins with: id, name, category, paid.
pub const CODES: [(&str, &str, &str, bool); 8] = [
    ("0", "On Queue", "OnQueueWork", true),
    ("1", "Break", "Break", true),
    ("2", "Meal", "Meal", false),
    ("3", "Meeting", "Meeting", true),
    ("4", "Off Queue Work", "OffQueueWork", true),
    ("5", "Time Off", "TimeOff", true),
    ("6", "Training", "Training", true),
    ("7", "Unavailable", "Unavailable", false),
];

impl Genesys {
    /// Makes a business unit with the usual activity codes; its id.
    pub fn add_business_unit(&self, name: &str, zone: &str) -> String {
        self.update(|state| {
            let id = state.new_id();
            let code = |(id, name, category, paid): (&str, &str, &'static str, bool)| {
                let name = name.to_owned();
                (id.to_owned(), ActivityCode { name, category, paid, active: true, default: true })
            };
            let activity_codes = CODES.map(code).into();
            let unit = BusinessUnit {
                id: id.clone(),
                name: name.into(),
                zone: zone.into(),
                activity_codes,
            };
            state.business_units.insert(id.clone(), unit);
            id
        })
    }

    /// Makes an activity code of a business unit; its id.
    pub fn add_activity_code(
        &self,
        unit: &str,
        name: &str,
        category: &'static str,
        paid: bool,
    ) -> String {
        self.update(|state| {
            let id = state.new_id();
            let code =
                ActivityCode { name: name.into(), category, paid, active: true, default: false };
            let unit = state.business_units.get_mut(unit).expect("a business unit that is there");
            unit.activity_codes.insert(id.clone(), code);
            id
        })
    }

    /// Makes a management unit; its id.
    pub fn add_team(&self, business_unit: &str, name: &str) -> String {
        self.update(|state| {
            let id = state.new_id();
            let unit = ManagementUnit {
                id: id.clone(),
                name: name.into(),
                business_unit: business_unit.into(),
                zone: None,
            };
            state.management_units.insert(id.clone(), unit);
            id
        })
    }

    /// Gives a management unit a zone of its own.
    pub fn set_team_zone(&self, management_unit: &str, zone: &str) {
        self.update(|state| {
            let unit = state.management_units.get_mut(management_unit);
            unit.expect("a management unit that is there").zone = Some(zone.into());
        });
    }

    /// From now on no question that is about this agent's schedule comes to an end, or all do.
    pub fn set_stuck(&self, agent: &str, is_stuck: bool) {
        self.update(|state| match is_stuck {
            true => state.stuck.insert(agent.into()),
            false => state.stuck.remove(agent),
        });
    }

    /// From now on answers leave an agent out whose schedule is there, or do not any more.
    pub fn set_hidden(&self, agent: &str, is_hidden: bool) {
        self.update(|state| match is_hidden {
            true => state.hidden.insert(agent.into()),
            false => state.hidden.remove(agent),
        });
    }

    /// A planner deletes all that an agent has in a published schedule.
    pub fn delete_agent_schedule(&self, agent: &str, week_date: Date) {
        let now = self.now();
        self.update(|state| {
            let unit = state.business_unit_of(agent).map(|it| it.id.clone());
            let unit = unit.expect("an agent with a business unit");
            let found = state.published(&unit).find(|it| it.week_date == week_date);
            let id = found.expect("a week that is published").id.clone();
            change(state, &id, agent, now, |it| {
                it.deleted = true;
                (vec![], vec![])
            });
            let part = schedule_mut(state, &id).agents.get_mut(agent);
            let part = part.expect("somebody who is in the schedule");
            if let Some(last) = part.history.last_mut() {
                last.everything = true;
            }
        });
    }

    /// Hires somebody into a management unit; their id.
    pub fn hire(&self, management_unit: &str, name: &str, email: &str) -> String {
        self.update(|state| {
            let id = state.new_id();
            let user = User {
                id: id.clone(),
                name: name.into(),
                email: Some(email.into()).filter(|it: &String| !it.is_empty()),
                username: Some(email.into()).filter(|it: &String| !it.is_empty()),
                employee_number: None,
                state: "active",
                version: 1,
                management_unit: Some(management_unit.into()),
            };
            state.users.insert(id.clone(), user);
            id
        })
    }

    /// Changes something of a person.
    pub fn change_user(&self, user: &str, change: impl FnOnce(&mut User)) {
        self.update(|state| {
            let user = state.users.get_mut(user).expect("somebody who is there");
            change(user);
            user.version += 1;
        });
    }

    /// Gives somebody another address.
    pub fn set_email(&self, user: &str, email: &str) {
        self.change_user(user, |it| {
            it.email = Some(email.into());
            it.username = Some(email.into());
        });
    }

    /// Moves an agent to another management unit. Their schedule goes with them.
    pub fn move_agent(&self, user: &str, management_unit: &str) {
        let now = self.now();
        self.change_user(user, |it| it.management_unit = Some(management_unit.into()));
        self.update(|state| touch_all(state, user, now));
    }

    /// Somebody leaves: inactive, in no management unit, and so in no schedule that is asked for.
    pub fn leave(&self, user: &str) {
        let now = self.now();
        self.update(|state| touch_all(state, user, now));
        self.change_user(user, |it| {
            it.state = "inactive";
            it.management_unit = None;
        });
    }

    /// Makes an empty, unpublished schedule of a business unit; its id.
    pub fn draft(&self, business_unit: &str, week_date: Date, week_count: u8) -> String {
        let now = self.now();
        self.update(|state| {
            let id = state.new_id();
            let schedule = Schedule {
                id: id.clone(),
                business_unit: business_unit.into(),
                week_date,
                week_count,
                description: format!("Week of {week_date}"),
                published: false,
                version: 1,
                modified: now,
                agents: BTreeMap::new(),
                pattern: None,
            };
            state.schedules.push(schedule);
            id
        })
    }

    /// Makes a published schedule in which everybody works by a pattern; its id.
    pub fn publish_pattern(
        &self,
        business_unit: &str,
        week_date: Date,
        pattern: Pattern,
    ) -> String {
        let id = self.draft(business_unit, week_date, 1);
        self.update(|state| schedule_mut(state, &id).pattern = Some(pattern));
        self.publish(&id);
        id
    }

    /// Publishes a schedule, over those that cover the same weeks.
    pub fn publish(&self, schedule: &str) {
        let now = self.now();
        self.update(|state| {
            let it = schedule_mut(state, schedule);
            let (unit, (first, end)) = (it.business_unit.clone(), it.days());
            for other in &mut state.schedules {
                let (other_first, other_end) = other.days();
                let same = other.business_unit == unit && other_first < end && first < other_end;
                if same && other.id != schedule && other.published {
                    other.published = false;
                    other.version += 1;
                }
            }
            let it = schedule_mut(state, schedule);
            it.published = true;
            it.version += 1;
            it.modified = now;
        });
    }

    /// Copies the published schedule of a week under new ids and publishes the copy over it: what
    /// a planner does who generates a week again and gets the same. The copy's id.
    pub fn republish(&self, business_unit: &str, week_date: Date) -> String {
        let now = self.now();
        let id = self.update(|state| {
            let found = state.published(business_unit).find(|it| it.week_date == week_date);
            let mut copy = found.expect("a week that is published").clone();
            copy.id = state.new_id();
            copy.published = false;
            copy.version = 1;
            copy.modified = now;
            let mut agents = std::mem::take(&mut copy.agents);
            for it in agents.values_mut() {
                it.version = 1;
                it.history.clear();
                for shift in &mut it.shifts {
                    shift.id = state.new_id();
                }
            }
            copy.agents = agents;
            let id = copy.id.clone();
            state.schedules.push(copy);
            id
        });
        self.publish(&id);
        id
    }

    /// Adds a shift to what is published, and publishes its week first where it is not: parts are
    /// minutes and activity codes, one after the other. The shift's id.
    pub fn add_shift(&self, agent: &str, start: Timestamp, parts: &[(u32, &str)]) -> String {
        let schedule = self.published_at(agent, start);
        let now = self.now();
        self.update(|state| {
            let id = state.new_id();
            let codes = state.business_unit_of(agent).map(|it| it.activity_codes.clone());
            let codes = codes.expect("an agent with a business unit");
            let mut at = start;
            let mut activities = Vec::new();
            for (minutes, code) in parts {
                let paid = codes.get(*code).is_some_and(|it| it.paid);
                let (minutes, code) = (*minutes, (*code).to_owned());
                let description = String::new();
                activities.push(Activity {
                    start: at,
                    minutes,
                    code,
                    description,
                    paid,
                    time_off: None,
                });
                at += SignedDuration::from_mins(i64::from(minutes));
            }
            let minutes = parts.iter().map(|(minutes, _)| minutes).sum();
            let shift = Shift { id: id.clone(), start, minutes, activities };
            change(state, &schedule, agent, now, |it| {
                it.shifts.push(shift);
                it.shifts.sort_by_key(|it| it.start);
                (vec![id.clone()], vec![])
            });
            id
        })
    }

    /// Moves a published shift, with its parts.
    pub fn move_shift(&self, shift: &str, by: SignedDuration) {
        self.edit_shift(shift, |it| {
            it.start += by;
            for activity in &mut it.activities {
                activity.start += by;
            }
        });
    }

    /// Changes a published shift.
    pub fn edit_shift(&self, shift: &str, edit: impl FnOnce(&mut Shift)) {
        let now = self.now();
        self.update(|state| {
            let (schedule, agent) = place_of(state, shift);
            change(state, &schedule, &agent, now, |it| {
                let found = it.shifts.iter_mut().find(|it| it.id == shift);
                edit(found.expect("a shift that is there"));
                (vec![shift.to_owned()], vec![])
            });
        });
    }

    /// Deletes a published shift.
    pub fn delete_shift(&self, shift: &str) {
        let now = self.now();
        self.update(|state| {
            let (schedule, agent) = place_of(state, shift);
            change(state, &schedule, &agent, now, |it| {
                it.shifts.retain(|it| it.id != shift);
                (vec![], vec![shift.to_owned()])
            });
        });
    }

    /// Puts a whole day off on the published schedule.
    pub fn mark_day_off(&self, agent: &str, date: Date, time_off: Option<&str>) {
        let tz = self.read(|state| state.business_unit_of(agent).map(BusinessUnit::tz));
        let tz = tz.expect("an agent with a business unit");
        let noon = date.at(12, 0, 0, 0).to_zoned(tz).expect("a day that can be told").timestamp();
        let schedule = self.published_at(agent, noon);
        let now = self.now();
        let code =
            time_off.and_then(|id| self.read(|it| it.time_off.get(id).map(|it| it.code.clone())));
        self.update(|state| {
            change(state, &schedule, agent, now, |it| {
                it.markers.push(Marker {
                    date,
                    code: code.unwrap_or_else(|| "5".into()),
                    minutes: 480,
                    description: "Full day time off".into(),
                    time_off: time_off.map(str::to_owned),
                });
                it.markers.sort_by_key(|it| it.date);
                (vec![], vec![])
            });
        });
    }

    /// Takes a whole day off from the published schedule.
    pub fn unmark_day_off(&self, agent: &str, date: Date) {
        let now = self.now();
        self.update(|state| {
            let found = state.schedules.iter().find(|it| {
                let marked =
                    it.agents.get(agent).map(|it| it.markers.iter().any(|it| it.date == date));
                it.published && marked == Some(true)
            });
            let schedule = found.expect("a day that is marked").id.clone();
            change(state, &schedule, agent, now, |it| {
                it.markers.retain(|it| it.date != date);
                (vec![], vec![])
            });
        });
    }

    /// An agent asks for whole days off; the request's id.
    pub fn ask_time_off(&self, agent: &str, code: &str, days: &[Date]) -> String {
        let now = self.now();
        self.update(|state| {
            let id = state.new_id();
            let unit = state.users.get(agent).and_then(|it| it.management_unit.clone());
            let request = TimeOff {
                id: id.clone(),
                user: agent.into(),
                management_unit: unit.expect("an agent with a management unit"),
                code: code.into(),
                status: "PENDING".into(),
                substatus: None,
                days: days.to_vec(),
                starts: vec![],
                minutes: vec![480; days.len()],
                notes: String::new(),
                version: 1,
                integration: None,
                submitted: now,
                modified: now,
            };
            state.time_off.insert(id.clone(), request);
            id
        })
    }

    /// From now on a request is told with these fields in place of its own; with an empty object
    /// it is as it should be again.
    pub fn spoil_time_off(&self, request: &str, fields: serde_json::Value) {
        self.update(|state| state.spoilt.insert(request.into(), fields));
    }

    /// Somebody changes a request whenever it was told to whoever lists an agent's requests, so
    /// often: what is decided on what was told is decided on a stale version.
    pub fn set_meddled(&self, request: &str, times: u32) {
        self.update(|state| state.meddled.insert(request.into(), times));
    }

    /// An agent asks for some hours off, in minutes for each start; the request's id.
    pub fn ask_hours_off(
        &self,
        agent: &str,
        code: &str,
        starts: &[Timestamp],
        minutes: u32,
    ) -> String {
        let id = self.ask_time_off(agent, code, &[]);
        self.update(|state| {
            let it = state.time_off.get_mut(&id).expect("a request that was just made");
            (it.starts, it.minutes) = (starts.to_vec(), vec![minutes; starts.len()]);
        });
        id
    }

    /// A manager decides a request: `APPROVED`, `DENIED`; the agent: `CANCELED`.
    pub fn decide_time_off(&self, request: &str, status: &str) {
        let now = self.now();
        self.update(|state| {
            let it = state.time_off.get_mut(request).expect("a request that is there");
            it.status = status.into();
            it.version += 1;
            it.modified = now;
        });
    }

    /// What an agent works by what is published, by start.
    #[must_use]
    pub fn shifts_of(&self, agent: &str) -> Vec<Shift> {
        self.read(|state| {
            let published = state.schedules.iter().filter(|it| it.published);
            let mut shifts: Vec<Shift> =
                published.filter_map(|it| it.of(agent)).flat_map(|it| it.shifts.clone()).collect();
            shifts.sort_by_key(|it| it.start);
            shifts
        })
    }

    /// The published schedule of the week in which an instant lies; made when there is none.
    fn published_at(&self, agent: &str, at: Timestamp) -> String {
        let (unit, day) = self.read(|state| {
            let unit = state.business_unit_of(agent).expect("an agent with a business unit");
            (unit.id.clone(), unit.tz().to_datetime(at).date())
        });
        let found = self.read(|state| {
            let covers = |it: &&Schedule| {
                let (first, end) = it.days();
                first <= day && day < end
            };
            state.published(&unit).find(covers).map(|it| it.id.clone())
        });
        found.unwrap_or_else(|| {
            let id = self.draft(&unit, monday_of(day), 1);
            self.publish(&id);
            id
        })
    }
}

/// The Monday on or before a day.
#[must_use]
pub fn monday_of(day: Date) -> Date {
    let past = i64::from(day.weekday().since(Weekday::Monday));
    day.saturating_sub(jiff::Span::new().days(past))
}

pub(super) fn schedule_mut<'s>(state: &'s mut State, id: &str) -> &'s mut Schedule {
    state.schedules.iter_mut().find(|it| it.id == id).expect("a schedule that is there")
}

/// The published schedule that a shift is in, and whose it is.
pub(super) fn place_of(state: &mut State, shift: &str) -> (String, String) {
    let agents: Vec<String> = state.users.keys().cloned().collect();
    for schedule in state.schedules.iter().filter(|it| it.published) {
        let has = |agent: &&String| {
            schedule.of(agent).is_some_and(|it| it.shifts.iter().any(|it| it.id == shift))
        };
        if let Some(agent) = agents.iter().find(has) {
            return (schedule.id.clone(), agent.clone());
        }
    }
    unreachable!("a shift that is there")
}

/// Changes one agent's part of a schedule: their version grows, and the schedule's.
pub(super) fn change(
    state: &mut State,
    schedule: &str,
    agent: &str,
    now: Timestamp,
    edit: impl FnOnce(&mut AgentSchedule) -> (Vec<String>, Vec<String>),
) {
    let schedule = schedule_mut(state, schedule);
    let mut part = schedule.of(agent).map(|it| it.into_owned()).unwrap_or_default();
    let (changed, deleted) = edit(&mut part);
    part.version += 1;
    part.modified = now;
    part.history.push(Change { at: now, changed, deleted, everything: false });
    schedule.agents.insert(agent.to_owned(), part);
    schedule.version += 1;
    schedule.modified = now;
}

/// Everything published that an agent is in counts as changed.
fn touch_all(state: &mut State, agent: &str, now: Timestamp) {
    let in_it = |it: &&Schedule| it.published && it.of(agent).is_some();
    let ids: Vec<String> = state.schedules.iter().filter(in_it).map(|it| it.id.clone()).collect();
    for id in ids {
        change(state, &id, agent, now, |_| (vec![], vec![]));
    }
}
