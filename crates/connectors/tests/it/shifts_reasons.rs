//! Reasons for time off: found, made, renamed, and left alone where they are not ours.

use engine::port::Clock as _;
use jiff::SignedDuration;
use simulators::graph::state::{self, Kind};

use crate::shifts::{calendar, directory, run};
use crate::shifts_write::{Scene, absence};

#[test]
fn time_off_with_and_without_a_reason_reads_back_as_it_was() {
    let scene = Scene::new();
    for reason in [Some("r1"), None] {
        let content = absence(reason, if reason.is_some() { 0 } else { 48 });
        assert_eq!(scene.create(content.clone()).echoed, Some(content.fingerprint()));
    }
    scene.stage.server.read(|state| {
        let team = &state.teams[&scene.team];
        let names = team.all(Kind::TimeOffReason).map(|(id, _)| team.reason(id).unwrap());
        let ours: Vec<_> = names.filter(|it| it.code.is_some()).collect();
        assert_eq!(ours.len(), 1, "\"Vacation\" was there");
        assert_eq!(ours[0].display_name, "Time off");
    });
}

#[test]
fn a_reason_of_ours_is_renamed_with_the_wfm_and_one_of_theirs_keeps_its_name() {
    let mut reasons = vec![];
    for ours in [true, false] {
        let scene = Scene::new();
        if ours {
            let code = "r1".to_owned();
            scene.stage.server.update(|state| {
                let team = state.teams.get_mut(&scene.team).unwrap();
                let all = team.entities.get_mut(&Kind::TimeOffReason).unwrap().values_mut();
                for it in all {
                    if let state::Entity::Reason(reason) = &mut it.entity
                        && reason.display_name == "Vacation"
                    {
                        reason.code = Some(code.clone());
                        reason.display_name = "Holiday".into();
                    }
                }
            });
        }
        // Another process, whose budget is a fresh one.
        let clock = &scene.stage.clock;
        run(clock.sleep_until(clock.now() + SignedDuration::from_secs(2)));
        let target = scene.stage.target(&scene.team);
        target.meet(directory());
        run(target.open(&calendar(&scene.team))).unwrap();
        scene.stage.server.read(|state| {
            let team = &state.teams[&scene.team];
            let names = team.all(Kind::TimeOffReason).map(|(id, _)| team.reason(id).unwrap());
            reasons.push(names.map(|it| it.display_name.clone()).collect::<Vec<_>>());
        });
    }
    assert!(reasons.iter().all(|it| it.contains(&"Vacation".to_owned())), "{reasons:?}");
    assert!(!reasons[0].contains(&"Holiday".to_owned()), "{reasons:?}");
    assert_eq!(reasons[0].len(), reasons[1].len(), "none is made");
}
