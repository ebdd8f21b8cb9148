//! The schedule: every entity readable, once, in its window, and about somebody who is listed.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Entity, EntityKey, EntityKind, UtcInterval};
use jiff::Timestamp;

use super::talk::{Talk, Walk};
use super::{Check, Rule};
use crate::wfm_http::map::{Capabilities, Reading, Said, entity};

/// Faults of entities that are told one by one.
const FAULTS_TOLD_MAX: usize = 5;

const READ: Rule = Rule {
    name: "schedule.read",
    rule: "GET /schedule lists what is planned in a window",
    expected: "HTTP 200 with `entities`",
    hint: "see `GET /schedule` in the contract",
};
const ENTITIES: Rule = Rule {
    name: "schedule.entities",
    rule: "every entity says what its kind needs: ids, instants with an offset, an end or a length",
    expected: "entities as in the contract",
    hint: "see `Entity` in the contract; one bad entity stops the whole reading, so that nothing \
           is taken for deleted by mistake",
};
const UNIQUE: Rule = Rule {
    name: "schedule.unique",
    rule: "every entity is listed once",
    expected: "each kind and id once in a listing",
    hint: "look for a join that multiplies rows, and for pages that overlap",
};
const WINDOW: Rule = Rule {
    name: "schedule.window",
    rule: "what lies in time is listed when it overlaps the window, and only then",
    expected: "start < until and end > from; whole days by their local midnights",
    hint: "what begins before the window and ends in it belongs to it; what merely touches it \
           does not",
};
const PEOPLE: Rule = Rule {
    name: "schedule.people",
    rule: "whoever works or is absent is listed as an employee, with an address",
    expected: "an `employee` entity for each, with `email`",
    hint: "list employees in every listing without `since`; without an address nobody gets a \
           calendar",
};
const NAMES: Rule = Rule {
    name: "schedule.names",
    rule: "groups and reasons that are named are listed, so that they have names",
    expected: "a `schedule_group` or `time_off_reason` entity for each",
    hint: "people are shown ids otherwise",
};
const REPEATS: Rule = Rule {
    name: "schedule.repeats",
    rule: "the same question has the same answer while nothing changes",
    expected: "the same entities, in any order",
    hint: "look for values that are made anew for every answer, such as ids or times of today",
};

/// What was seen of the schedule.
pub struct Seen {
    /// The window that was looked at.
    pub window: (Timestamp, Timestamp),
    /// What is there.
    pub entities: BTreeMap<EntityKey, Entity>,
    /// The listing that it was read from.
    pub walk: Walk,
}

/// How entities are read while an implementation is checked.
pub fn reading(chosen: &Capabilities) -> Reading {
    Reading { zone: chosen.zone.clone(), drafts: true }
}

/// Checks it.
pub async fn check(talk: &Talk, chosen: &Capabilities, checks: &mut Vec<Check>) -> Seen {
    let days = i64::from(chosen.window_days.unwrap_or(21).min(21));
    let from = talk.hours_ahead(-24 * (days / 3));
    let until = talk.hours_ahead(24 * (days - days / 3));
    let window = (from, until);
    let nothing = || BTreeMap::new();
    let walk = match talk.walk(window, chosen.page_size, None).await {
        Ok(walk) => walk,
        Err(found) => {
            checks.push(READ.failed(found));
            for rule in [ENTITIES, UNIQUE, WINDOW, PEOPLE, NAMES, REPEATS] {
                checks.push(rule.skipped("there is no listing"));
            }
            return Seen { window, entities: nothing(), walk: Walk::default() };
        }
    };
    checks.push(READ.passed());
    let (entities, faults) = read_all(&walk, chosen);
    checks.push(match (faults.is_empty(), walk.entities().next()) {
        (true, None) => ENTITIES.skipped("nothing is planned in this window"),
        (true, Some(_)) => ENTITIES.passed(),
        (false, _) => ENTITIES.failed(faults.join("; ")),
    });
    checks.push(UNIQUE.unless(twice(&walk)));
    checks.push(window_check(talk, chosen, window, &entities).await);
    checks.push(people(&entities));
    checks.push(names(&entities));
    checks.push(match talk.walk(window, chosen.page_size, None).await {
        Err(found) => REPEATS.failed(found),
        Ok(again) => {
            let other = read_all(&again, chosen).0;
            let differs = entities.iter().find(|(key, it)| other.get(key) != Some(it));
            REPEATS.unless(differs.map(|(key, _)| format!("{key} is another the second time")))
        }
    });
    Seen { window, entities, walk }
}

/// Reads every entity; the first faults in words.
pub fn read_all(walk: &Walk, chosen: &Capabilities) -> (BTreeMap<EntityKey, Entity>, Vec<String>) {
    let (mut entities, mut faults) = (BTreeMap::new(), Vec::new());
    let mut more = 0;
    for value in walk.entities() {
        match entity(value, &reading(chosen)) {
            Ok(Said::Is(entity)) => {
                entities.insert(entity.key(), entity);
            }
            Ok(Said::Gone(_)) => {}
            Err(wrong) if faults.len() < FAULTS_TOLD_MAX => {
                let (kind, id) = Walk::key(value);
                let field = match wrong.field.is_empty() {
                    true => String::new(),
                    false => format!(": `{}`", wrong.field),
                };
                faults.push(format!("{kind} `{id}`{field} {}", wrong.message));
            }
            Err(_) => more += 1,
        }
    }
    if more > 0 {
        faults.push(format!("and {more} more"));
    }
    (entities, faults)
}

fn twice(walk: &Walk) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut keys = walk.entities().map(Walk::key);
    let (kind, id) = keys.find(|key| !seen.insert(*key))?;
    Some(format!("{kind} `{id}` is listed twice"))
}

/// Asks for one busy day of the window, and compares.
async fn window_check(
    talk: &Talk,
    chosen: &Capabilities,
    window: (Timestamp, Timestamp),
    entities: &BTreeMap<EntityKey, Entity>,
) -> Check {
    let inside = UtcInterval::new(window.0, window.1);
    let stray = entities.values().find(|it| {
        let (Some(interval), Ok(inside)) = (it.interval(), &inside) else { return false };
        !interval.overlaps(inside)
    });
    if let Some(stray) = stray {
        return WINDOW.failed(format!("{} lies outside the window", stray.key()));
    }
    let timed = entities.values().filter_map(|it| Some((it.key(), it.interval()?)));
    let timed: Vec<(EntityKey, UtcInterval)> = timed.collect();
    let Some((_, middle)) = timed.get(timed.len() / 2) else {
        return WINDOW.skipped("nothing lies in this window");
    };
    // Half of it: what begins before and ends in it must be there.
    let half = middle.duration() / 2;
    let from = middle.start().checked_add(half).unwrap_or(middle.start());
    let day = jiff::SignedDuration::from_hours(12);
    let Ok(narrow) = from
        .checked_add(day)
        .map_err(|_| ())
        .and_then(|until| UtcInterval::new(from, until).map_err(|_| ()))
    else {
        return WINDOW.skipped("nothing lies in this window");
    };
    let walk = match talk.walk((narrow.start(), narrow.end()), chosen.page_size, None).await {
        Ok(walk) => walk,
        Err(found) => return WINDOW.failed(found),
    };
    let listed: BTreeSet<(&str, &str)> = walk.entities().map(Walk::key).collect();
    let is_listed = |key: &EntityKey| listed.contains(&(key.kind.as_str(), key.id.as_str()));
    let wrong = timed.iter().find(|(key, it)| it.overlaps(&narrow) != is_listed(key));
    WINDOW.unless(wrong.map(|(key, it)| {
        let is = if is_listed(key) { "is" } else { "is not" };
        format!("{key} at {it} {is} listed for the window {narrow}")
    }))
}

fn people(entities: &BTreeMap<EntityKey, Entity>) -> Check {
    let listed = |id: &domain::EmployeeId| {
        entities.get(&EntityKey { kind: EntityKind::Employee, id: id.into() })
    };
    let mut without_address = 0;
    for entity in entities.values() {
        match (entity, entity.employee()) {
            (Entity::Employee(it), _) => without_address += usize::from(it.email.is_none()),
            (_, Some(employee)) if listed(employee).is_none() => {
                let message = format!("`{employee}` of {} is not listed", entity.key());
                return PEOPLE.failed(message);
            }
            (_, Some(_) | None) => {}
        }
    }
    match without_address {
        0 => PEOPLE.passed(),
        count => PEOPLE.advised(format!("{count} employees have no `email`")),
    }
}

fn names(entities: &BTreeMap<EntityKey, Entity>) -> Check {
    let missing = entities.values().find_map(|it| {
        let (kind, id) = match it {
            Entity::Shift(it) => (EntityKind::ScheduleGroup, it.group.as_ref().map(Into::into)),
            Entity::OpenShift(it) => (EntityKind::ScheduleGroup, it.group.as_ref().map(Into::into)),
            Entity::Employee(it) => (EntityKind::ScheduleGroup, it.group.as_ref().map(Into::into)),
            Entity::TimeOff(it) => (EntityKind::TimeOffReason, it.reason.as_ref().map(Into::into)),
            Entity::ScheduleGroup(_) | Entity::TimeOffReason(_) => return None,
        };
        let key = EntityKey { kind, id: id? };
        (!entities.contains_key(&key)).then_some(key)
    });
    match missing {
        None => NAMES.passed(),
        Some(key) => NAMES.advised(format!("{key} is named and not listed")),
    }
}
