//! What a mirror writes into Shifts: drafts and one share, changes in place, nobody's work
//! overwritten, nothing twice, and no 429 of our own making.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use connectors::microsoft_graph::budget::Budgets;
use domain::{
    Activity, AvailabilityItem, EmployeeId, Entity, EntityKind, OpenShift, OpenShiftId,
    OpenShiftItem, OriginTag, ScheduleGroupId, ScheduleItem, Shift, ShiftItem, TimeOffItem,
    TimeOffReasonId, UtcInterval,
};
use engine::port::{
    Clock, Content, FailureClass, Item, Placement, Probe, QuotaDeclaration, QuotaScope, Rate,
    Revision, Sighting, Target, Write, WriteWhat, Written,
};
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use simulators::graph::state::{self, Kind, Planned};
use simulators::graph::{Fault, Role, What};
use testkit::builders::{employee, hours, key, shift};
use testkit::manual_clock::ManualClock;

use crate::shifts::{Stage, calendar, directory, run};

fn item(content: ScheduleItem) -> Item {
    Item {
        origin: OriginTag {
            mirror: domain::MirrorName::new("ward-shifts").unwrap(),
            key: key(EntityKind::Shift, "x"),
            part: domain::Part::Main,
            generation: 0,
            entity: content.fingerprint(),
        },
        content: Content::Schedule(content),
        revision: Revision { sequence: 0, revised_at: Timestamp::UNIX_EPOCH },
    }
}

fn work_of(who: &str, group: Option<&str>, start: i64) -> ScheduleItem {
    ScheduleItem::Shift(ShiftItem {
        employee: EmployeeId::new(who).unwrap(),
        group: group.map(|it| ScheduleGroupId::new(it).unwrap()),
        label: "Late".into(),
        interval: hours(start, start + 8),
        activities: vec![Activity {
            label: "Break".into(),
            interval: hours(start + 3, start + 4),
            paid: false,
        }],
        notes: None,
    })
}

fn work(start: i64) -> ScheduleItem {
    work_of("anna", Some("w1"), start)
}

pub fn absence(reason: Option<&str>, start: i64) -> ScheduleItem {
    ScheduleItem::TimeOff(TimeOffItem {
        employee: EmployeeId::new("anna").unwrap(),
        reason: reason.map(|it| TimeOffReasonId::new(it).unwrap()),
        interval: hours(start, start + 24),
    })
}

/// A stage with one open team of Anna and Ben.
pub struct Scene {
    pub stage: Stage,
    pub team: String,
    target: Arc<dyn Target>,
}

impl Scene {
    pub fn new() -> Self {
        Self::adjusted(|_| {}, "")
    }

    fn adjusted(adjust: impl FnOnce(&mut simulators::graph::Options), keys: &str) -> Self {
        let stage = Stage::new(adjust);
        let (anna, ben) = (stage.person("Anna"), stage.person("Ben"));
        let team = stage.server.add_team("Ward", &[(&anna, Role::Owner), (&ben, Role::Member)]);
        let teams = format!(
            "teams = [{{ group = \"*\", team_id = \"{team}\" }}], \
             callback_secret_file = \"wfi\"{keys}"
        );
        let target = stage.mirror(&teams, &[]).target;
        target.meet(directory());
        run(target.open(&calendar(&team))).unwrap();
        stage.server.clear_log();
        Self { stage, team, target }
    }

    pub fn create(&self, content: ScheduleItem) -> Written {
        run(self.target.create(&calendar(&self.team), &item(content))).unwrap()
    }

    fn share(&self, interval: UtcInterval) {
        run(self.target.publish(&calendar(&self.team), &interval)).unwrap();
    }

    fn alike(&self, content: ScheduleItem) -> Sighting {
        let shows = Some(Content::Schedule(content));
        let probe = Probe { key: None, generation: 0, remote_id: None, shows };
        let seen = run(self.target.look(&calendar(&self.team), &[probe])).unwrap();
        seen.into_iter().next().unwrap()
    }

    /// Changes what stands in the team, as a manager would.
    fn meddle(&self, id: &str, change: impl FnOnce(&mut Planned)) {
        self.stage.server.update(|state| {
            let team = state.teams.get_mut(&self.team).unwrap();
            let shifts = team.entities.get_mut(&Kind::Shift).unwrap();
            match &mut shifts.get_mut(id).unwrap().entity {
                state::Entity::Planned(planned) => change(planned),
                other => panic!("{other:?}"),
            }
        });
    }
}

#[test]
fn a_thousand_changes_are_not_a_thousand_notifications_but_one_share() {
    let scene = Scene::new();
    for start in 0..8 {
        scene.create(work(start * 24));
    }
    assert!(scene.stage.server.seen_by_employees(&scene.team).is_empty(), "drafts");
    scene.share(hours(0, 240));
    assert_eq!(scene.stage.server.seen_by_employees(&scene.team).len(), 8);
    assert_eq!(scene.stage.asked("POST", "/share"), 1);
    let told = scene.stage.server.read(|state| state.notifications.team);
    assert_eq!(told, 0, "nobody but those whose shifts changed");
    let all = scene.stage.server.requests();
    assert!(all.iter().all(|it| it.method == "GET" || it.passthrough), "every write is marked");
    let written = all.iter().filter(|it| it.method == "POST" && it.target.ends_with("/shifts"));
    assert_eq!((written.count(), scene.stage.asked("GET", "")), (8, 0), "one request each");
}

#[test]
fn a_change_after_sharing_is_in_place_with_one_read_and_one_write() {
    let scene = Scene::new();
    let created = scene.create(work(0));
    scene.share(hours(0, 24));
    scene.stage.server.clear_log();
    let changed = item(work(2));
    let updated = run(scene.target.update(
        &calendar(&scene.team),
        &created.remote_id,
        created.etag.as_ref(),
        &changed,
    ));
    let updated = updated.unwrap();
    assert_eq!(updated.echoed, Some(changed.content.fingerprint()));
    assert_eq!(scene.stage.server.requests().len(), 2, "one read, one write");
    let employees = scene.stage.server.seen_by_employees(&scene.team);
    assert_eq!(employees[0].item.start, hours(0, 8).start(), "until the next share");
    scene.share(hours(0, 24));
    let employees = scene.stage.server.seen_by_employees(&scene.team);
    assert_eq!((employees.len(), employees[0].item.start), (1, hours(2, 10).start()));
    assert_eq!(employees[0].id, created.remote_id.0);
}

#[test]
fn a_shift_that_becomes_somebody_elses_shows_them_nothing_wrong_before_the_share() {
    let scene = Scene::new();
    let ben = scene.stage.server.read(|state| {
        let mut users = state.users.values();
        users.find(|it| it.display_name == "Ben").unwrap().id.clone()
    });
    let written = |state: &state::State| state.notifications.written;
    let created = scene.create(work(0));
    scene.share(hours(0, 24));
    let (before, told) =
        (scene.stage.server.seen_by_employees(&scene.team), scene.stage.server.read(written));
    let changed = item(work_of("ben", Some("w1"), 1));
    let change = || {
        let (id, etag) = (&created.remote_id, created.etag.as_ref());
        run(scene.target.update(&calendar(&scene.team), id, etag, &changed))
    };
    let refused = Fault::on("POST").at("/shifts").skip(1).times(1).then(What::unavailable());
    scene.stage.server.set_faults([refused]);
    assert_eq!(change().unwrap_err().class, FailureClass::Unknown);
    assert_eq!(change().unwrap_err().class, FailureClass::Missing, "so that it is made anew");
    let updated = scene.create(work_of("ben", Some("w1"), 1));
    assert_ne!(updated.remote_id, created.remote_id);
    assert_eq!(scene.stage.server.seen_by_employees(&scene.team), before);
    assert_eq!(scene.stage.server.read(written), told, "nobody is told before the share");
    scene.share(hours(0, 24));
    let after = scene.stage.server.seen_by_employees(&scene.team);
    assert_eq!((after.len(), after[0].user.as_ref()), (1, Some(&ben)));

    // And without any trouble, and back.
    let back = item(work(1));
    let (id, etag) = (&updated.remote_id, updated.etag.as_ref());
    let again = run(scene.target.update(&calendar(&scene.team), id, etag, &back)).unwrap();
    assert_eq!(again.echoed, Some(back.content.fingerprint()));
    assert_eq!(scene.stage.server.seen_by_employees(&scene.team), after);
    scene.share(hours(0, 24));
    let seen = scene.stage.server.seen_by_employees(&scene.team);
    assert_eq!((seen.len(), seen[0].id.as_str()), (1, again.remote_id.0.as_str()));
    assert_ne!(seen[0].user.as_ref(), Some(&ben));
}

#[test]
fn what_would_be_sent_after_the_calendar_may_be_somebody_elses_is_not_sent() {
    let scene = Scene::new();
    let Written { remote_id: remote, etag, echoed: _ } = scene.create(work(0));
    scene.share(hours(0, 24));
    let before = scene.stage.server.seen_by_managers(&scene.team);
    scene.stage.server.clear_log();
    let now = scene.stage.clock.now();
    let write = |what: WriteWhat, not_after: Timestamp| {
        let write = Write { calendar: calendar(&scene.team), what, not_after };
        let outcomes = run(scene.target.write_all(&[write]));
        outcomes.into_iter().next().unwrap()
    };
    let changed = item(work(2));
    let writes = [
        WriteWhat::Create(item(work(48))),
        WriteWhat::Update { remote: remote.clone(), etag: etag.clone(), item: changed },
        WriteWhat::Delete { remote, etag },
    ];
    for what in writes.clone() {
        let late = write(what.clone(), now - SignedDuration::from_millis(1)).unwrap_err();
        assert_eq!(late.class, FailureClass::TooLate, "so that it is planned anew: {what:?}");
    }
    let sent = scene.stage.server.requests();
    assert!(sent.iter().all(|it| it.method == "GET"), "{sent:?}");
    assert_eq!(scene.stage.server.seen_by_managers(&scene.team), before);
    let in_time = now + SignedDuration::from_hours(1);
    let [create, _, delete] = writes;
    for what in [create, delete] {
        write(what.clone(), in_time).unwrap_or_else(|failure| panic!("{what:?}: {failure}"));
    }
    assert_ne!(scene.stage.server.seen_by_managers(&scene.team), before);
}

#[test]
fn what_a_manager_changed_is_neither_overwritten_nor_removed_unseen() {
    let scene = Scene::new();
    let created = scene.create(work(0));
    scene.meddle(&created.remote_id.0, |planned| {
        planned.draft.as_mut().unwrap().notes = Some("bring cake".into());
    });
    let team = calendar(&scene.team);
    let (remote, etag) = (&created.remote_id, created.etag.as_ref());
    let updated = run(scene.target.update(&team, remote, etag, &item(work(2)))).unwrap_err();
    assert_eq!(updated.class, FailureClass::Precondition);
    let deleted = run(scene.target.delete(&team, remote, etag)).unwrap_err();
    assert_eq!(deleted.class, FailureClass::Precondition);
    let managers = scene.stage.server.seen_by_managers(&scene.team);
    assert_eq!(managers[0].item.notes.as_deref(), Some("bring cake"));
}

#[test]
fn a_removed_shift_stays_for_employees_until_the_share_and_is_gone_then() {
    let scene = Scene::new();
    let created = scene.create(work(0));
    scene.share(hours(0, 24));
    let team = calendar(&scene.team);
    let etag = created.etag.as_ref();
    run(scene.target.delete(&team, &created.remote_id, etag)).unwrap();
    assert_eq!(scene.stage.server.seen_by_employees(&scene.team).len(), 1);
    assert_eq!(scene.alike(work(0)), Sighting::Absent, "for us it is gone");
    scene.share(hours(0, 24));
    assert!(scene.stage.server.seen_by_employees(&scene.team).is_empty());
    assert_eq!(scene.stage.asked("DELETE", ""), 0);
}

#[test]
fn an_item_of_a_team_that_seems_to_be_gone_is_not_gone_unless_the_team_is() {
    let scene = Scene::new();
    let created = scene.create(work(0));
    scene.share(hours(0, 24));
    let (at, id, etag) = (calendar(&scene.team), &created.remote_id, created.etag.as_ref());
    let delete = || run(scene.target.delete(&at, id, etag));
    let says = |method: &str, code: &str| {
        Fault::on(method).at("/shifts/").times(1).then(What::refusal(404, code))
    };
    for (method, code, class) in [
        ("GET", "TeamNotFound", FailureClass::Unavailable),
        ("GET", "UnknownError", FailureClass::Unavailable),
        ("POST", "TeamNotFound", FailureClass::Unknown),
        ("POST", "UnknownError", FailureClass::Unknown),
    ] {
        scene.stage.server.set_faults([says(method, code)]);
        assert_eq!(delete().unwrap_err().class, class, "{method} {code}");
    }
    let changed = item(work(2));
    for (method, class) in [("GET", FailureClass::Unavailable), ("PUT", FailureClass::Unknown)] {
        scene.stage.server.set_faults([says(method, "TeamNotFound")]);
        let failure = run(scene.target.update(&at, id, etag, &changed)).unwrap_err();
        assert_eq!(failure.class, class, "{method}");
    }
    assert_eq!(scene.stage.server.seen_by_managers(&scene.team).len(), 1);
    scene.stage.server.set_faults([]);
    delete().unwrap();
    assert_eq!(scene.stage.server.seen_by_managers(&scene.team).len(), 0, "it went later");
    scene.stage.server.remove_team(&scene.team);
    assert_eq!(delete().unwrap_err().class, FailureClass::CalendarMissing);
}

#[test]
fn what_was_never_shared_goes_at_once_where_staging_is_refused() {
    let scene = Scene::new();
    let created = scene.create(work(0));
    let refused = Fault::on("POST").at("/stageForDeletion").then(What::refusal(400, "BadRequest"));
    scene.stage.server.set_faults([refused]);
    let team = calendar(&scene.team);
    run(scene.target.delete(&team, &created.remote_id, created.etag.as_ref())).unwrap();
    assert!(scene.stage.server.seen_by_managers(&scene.team).is_empty());
    let shared = scene.create(work(24));
    scene.share(hours(24, 48));
    let kept = run(scene.target.delete(&team, &shared.remote_id, shared.etag.as_ref()));
    assert_eq!(kept.unwrap_err().class, FailureClass::Refused);
    assert_eq!(scene.stage.server.seen_by_employees(&scene.team).len(), 1);
}

#[test]
fn a_lost_answer_is_found_by_its_natural_key_as_a_draft_and_after_sharing() {
    let scene = Scene::new();
    let lost = Fault::on("POST").at("/shifts").times(1).then(What::ResetAfterApply);
    scene.stage.server.set_faults([lost]);
    let created = run(scene.target.create(&calendar(&scene.team), &item(work(0))));
    assert_eq!(created.unwrap_err().class, FailureClass::Unknown);
    for _ in 0..2 {
        match scene.alike(work(0)) {
            Sighting::Alike(items) => assert_eq!(items.len(), 1),
            other => panic!("{other:?}"),
        }
        scene.share(hours(0, 24));
    }
}

#[test]
fn an_employee_who_is_no_member_is_refused_by_id_and_taken_when_they_joined() {
    let scene = Scene::new();
    let team = calendar(&scene.team);
    let cleo = item(work_of("cleo", None, 0));
    let refused = run(scene.target.create(&team, &cleo)).unwrap_err();
    assert_eq!(refused.class, FailureClass::Refused);
    let text = refused.to_string();
    assert!(text.contains("`cleo`") && text.contains("not a member"), "{text}");
    assert!(!text.contains("example.com") && !text.contains("Name of"), "{text}");
    let user = scene.stage.person("Cleo");
    scene.stage.server.add_member(&scene.team, &user, Role::Member);
    let later = scene.stage.clock.now() + SignedDuration::from_mins(2);
    run(scene.stage.clock.sleep_until(later));
    let written = run(scene.target.create(&team, &cleo)).unwrap();
    assert_eq!(written.echoed, Some(cleo.content.fingerprint()));
    let there = scene.stage.server.seen_by_managers(&scene.team);
    let group = there[0].group.clone().unwrap();
    scene.stage.server.read(|state| {
        let group = state.teams[&scene.team].group(&group).unwrap();
        assert_eq!((group.display_name.as_str(), group.users.len()), ("Everyone", 1));
    });
}

#[test]
fn work_for_another_group_puts_its_employee_there_first() {
    let scene = Scene::new();
    let written = scene.create(work_of("ben", Some("night"), 0));
    assert_eq!(written.echoed, Some(work_of("ben", Some("night"), 0).fingerprint()));
    let listed = run(scene.target.list(&calendar(&scene.team), None)).unwrap();
    let items: Vec<_> = listed.entries.into_iter().filter_map(|it| it.item).collect();
    assert_eq!(items[0].fingerprint, written.echoed, "known by its code, though nobody lists it");
}

#[test]
fn an_answer_to_a_change_needs_not_to_say_which_item_it_was() {
    let scene = Scene::new();
    let created = scene.create(work(0));
    let nothing = Fault::on("PUT").at("/shifts/").times(1).then(What::Garbage("{}".into()));
    scene.stage.server.set_faults([nothing]);
    let (id, etag) = (&created.remote_id, created.etag.as_ref());
    let at = calendar(&scene.team);
    let written = run(scene.target.update(&at, id, etag, &item(work(2)))).unwrap();
    assert_eq!((written.remote_id, written.etag), (created.remote_id, None));
}

#[test]
fn open_shifts_keep_their_slots_and_foreign_items_are_listed_as_foreign() {
    let scene = Scene::new();
    let open = ScheduleItem::OpenShift(OpenShiftItem {
        group: Some(ScheduleGroupId::new("w1").unwrap()),
        label: "Early".into(),
        interval: hours(0, 8),
        open_slots: 3,
        activities: vec![],
        notes: None,
    });
    assert_eq!(scene.create(open.clone()).echoed, Some(open.fingerprint()));
    let created = scene.create(work(24));
    let stranger = scene.stage.person("Stranger");
    scene.stage.server.add_member(&scene.team, &stranger, Role::Member);
    scene.meddle(&created.remote_id.0, |planned| planned.user = Some(stranger.clone()));
    let listed = run(scene.target.list(&calendar(&scene.team), None)).unwrap();
    let items: Vec<_> = listed.entries.into_iter().filter_map(|it| it.item).collect();
    assert_eq!(items.len(), 2);
    let foreign = items.iter().find(|it| it.remote_id == created.remote_id).unwrap();
    assert_eq!((foreign.fingerprint, foreign.natural_key), (None, None));
    assert!(foreign.etag.is_some() && foreign.ends_at.is_some());
}

#[test]
fn availability_that_may_not_be_written_concerns_nothing_else() {
    let scene = Scene::new();
    let availability = "Europe/Berlin; mon 08:00-16:00; tue none".parse().unwrap();
    let anna = EmployeeId::new("anna").unwrap();
    let content = ScheduleItem::Availability(AvailabilityItem { employee: anna, availability });
    let written = scene.create(content.clone());
    assert!(matches!(scene.alike(content.clone()), Sighting::Alike(items) if items.len() == 1));
    let team = calendar(&scene.team);
    let forbidden = Fault::on_any().at("/shiftPreferences").then(What::refusal(403, "Forbidden"));
    scene.stage.server.set_faults([forbidden]);
    let refused = run(scene.target.create(&team, &item(content.clone()))).unwrap_err();
    assert_eq!(refused.class, FailureClass::Refused);
    scene.create(work(0));
    assert_eq!(run(scene.target.list(&team, None)).unwrap().entries.len(), 1);
    scene.stage.server.set_faults([]);
    run(scene.target.delete(&team, &written.remote_id, None)).unwrap();
    assert_eq!(scene.alike(content), Sighting::Absent, "as if nothing had been said");
}

#[test]
fn many_ids_are_looked_for_by_listing_and_few_in_a_batch() {
    let scene = Scene::new();
    let ids: Vec<_> = (0..12).map(|it| scene.create(work(it * 24)).remote_id).collect();
    let probe = |id: &engine::port::RemoteId| Probe {
        key: None,
        generation: 0,
        remote_id: Some(id.clone()),
        shows: None,
    };
    let look = |count: usize| {
        scene.stage.server.clear_log();
        let probes: Vec<_> = ids.iter().take(count).map(probe).collect();
        let seen = run(scene.target.look(&calendar(&scene.team), &probes)).unwrap();
        for (sighting, id) in seen.iter().zip(&ids) {
            assert!(matches!(sighting, Sighting::Present(item) if item.remote_id == *id));
        }
        scene.stage.server.counts().requests
    };
    assert_eq!((look(12), look(4), look(1)), (1, 1, 1));
    assert_eq!(scene.stage.server.counts().throttled, 0);
}

/// One after the other, because the played time leaps; that several at once keep the budgets too,
/// the last test here shows.
#[test]
fn opening_and_changing_as_fast_as_it_goes_is_never_throttled() {
    let stage = Stage::new(|_| {});
    let anna = stage.person("Anna");
    let team = |at: usize| stage.server.add_team(&format!("T{at}"), &[(&anna, Role::Owner)]);
    let teams: Vec<String> = (0..9).map(team).collect();
    let key = |(at, team)| format!("{{ group = \"g{at}\", team_id = \"{team}\" }}");
    let keys: Vec<String> = teams.iter().enumerate().map(key).collect();
    let target = stage.mirror(&format!("teams = [{}]", keys.join(", ")), &[]).target;
    target.meet(directory());
    run(async {
        for (at, team) in teams.iter().enumerate() {
            let (calendar, group) = (calendar(team), format!("g{at}"));
            target.open(&calendar).await.unwrap();
            for start in 0..5 {
                let item = item(work_of("anna", Some(&group), start * 24));
                let it = target.create(&calendar, &item).await.unwrap();
                let (id, etag) = (&it.remote_id, it.etag.as_ref());
                target.update(&calendar, id, etag, &item).await.unwrap();
                target.delete(&calendar, id, etag).await.unwrap();
            }
            target.list(&calendar, None).await.unwrap();
        }
    });
    assert_eq!(stage.server.counts().throttled, 0, "a 429 of our own making");
}

#[test]
fn a_throttling_is_told_with_its_time_and_its_team() {
    let scene = Scene::new();
    scene.stage.server.set_faults([Fault::on("POST").times(1).then(What::throttled(20))]);
    let team = calendar(&scene.team);
    let throttled = |failure: engine::port::Failure| match failure.class {
        FailureClass::Throttled { retry_after, scope } => (retry_after.unwrap().as_secs(), scope),
        other => panic!("{other:?}"),
    };
    let first = run(scene.target.create(&team, &item(work(0)))).unwrap_err();
    assert_eq!(throttled(first), (20, QuotaScope::Calendar));
    let sent = scene.stage.server.counts().requests;
    let second = run(scene.target.create(&team, &item(work(24)))).unwrap_err();
    assert_eq!(throttled(second), (20, QuotaScope::Calendar));
    assert_eq!(scene.stage.server.counts().requests, sent, "who was told to wait does not ask");
}

#[test]
fn entities_are_placed_by_their_group_and_what_has_no_place_says_why() {
    let stage = Stage::new(|_| {});
    let keys = r#"teams = [{ group = "w1", team_id = "t-1" }, { group = "w2", team_id = "t-2" }]"#;
    let target = stage.mirror(keys, &[]).target;
    let group = |it: &str| Some(ScheduleGroupId::new(it).unwrap());
    let mut anna = employee("anna");
    anna.email = Some("anna@example.com".into());
    anna.group = group("w1");
    let place = |shift: Shift| match target.place(&Entity::Shift(shift), Some(&anna)) {
        Placement::In(team) => team.as_str().to_owned(),
        Placement::Unmapped(why) => why,
        Placement::NotShown => "not shown".into(),
    };
    let of = |group: Option<ScheduleGroupId>| Shift { group, ..shift("a", "anna", 0) };
    assert_eq!(place(of(None)), "t-1");
    assert_eq!(place(of(group("w2"))), "t-2");
    assert_eq!(place(of(group("w3"))), "group `w3` is none of those in the mirror's `teams`");
    let lasting = |interval| Shift { interval, ..shift("a", "anna", 0) };
    assert_eq!(
        place(lasting(hours(0, 25))),
        "lasts 25 h 0 min; Shifts takes shifts of at most 24 hours"
    );
    let start = hours(0, 1).start();
    let short = UtcInterval::new(start, start + SignedDuration::from_secs(59)).unwrap();
    assert_eq!(place(lasting(short)), "lasts 59 s; Shifts takes shifts of at least a minute");
    assert_eq!(place(lasting(hours(0, 24))), "t-1");
    let nobody = target.place(&Entity::Shift(of(None)), Some(&employee("ben")));
    let why = "employee has neither a Microsoft 365 id nor an e-mail address";
    assert_eq!(nobody, Placement::Unmapped(why.into()));
    assert_eq!(target.place(&Entity::Employee(anna.clone()), Some(&anna)), Placement::NotShown);
    let open = OpenShift {
        id: OpenShiftId::new("o").unwrap(),
        group: None,
        label: String::new(),
        interval: hours(0, 8),
        day: jiff::civil::date(2026, 11, 21),
        open_slots: 1,
        activities: vec![],
        notes: None,
    };
    let placed = target.place(&Entity::OpenShift(open), None);
    assert_eq!(placed, Placement::Unmapped("belongs to no group".into()));
}

/// 2,000 employees with 10 shifts each in 40 teams, by the budgets alone: no network, no answers
/// to wait for, every team drained by its own task.
#[test]
fn a_first_sync_of_forty_teams_takes_what_the_budgets_allow() {
    const TEAMS: usize = 40;
    const WRITES: usize = 500;
    let started: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
    let clock = ManualClock::new(started);
    let per = |requests| Some(Rate { requests, per: Duration::from_secs(1) });
    let declared = [(QuotaScope::Connection, 30), (QuotaScope::Calendar, 4)]
        .map(|(scope, rate)| QuotaDeclaration { scope, concurrency: None, rate: per(rate) });
    let budgets = Budgets::new(Arc::new(clock.clone()), &declared);
    let sent = std::cell::RefCell::new(VecDeque::new());
    let drain = async |team: usize| {
        let path = format!("/teams/t{team}/schedule/shifts");
        for _ in 0..WRITES {
            while budgets.turn(&Method::POST, &path, 1).await.is_err() {}
            sent.borrow_mut().push_back((team, clock.now()));
        }
    };
    let mut all: FuturesUnordered<_> = (0..TEAMS).map(drain).collect();
    let mut done = pin!(async { while all.next().await.is_some() {} });
    while done.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        clock.advance_to(clock.next_wake().expect("somebody waits for time"));
    }
    let took = clock.now().duration_since(started).as_secs_f64();
    let allowed = (TEAMS * WRITES) as f64 / 30.0;
    assert!(took <= allowed * 1.05, "{took} s where the budgets allow {allowed} s");
    let mut window: VecDeque<(usize, Timestamp)> = VecDeque::new();
    for (team, at) in sent.take() {
        while window.front().is_some_and(|it| at.duration_since(it.1).as_secs() >= 1) {
            window.pop_front();
        }
        window.push_back((team, at));
        assert!(window.len() <= 30 && window.iter().filter(|it| it.0 == team).count() <= 4);
    }
}
