//! Having Shifts call us, and granting in somebody's name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use connectors::{CalendarRegistration, Registration};
use domain::CommandKind;
use engine::port::{Approver, FailureClass, RemoteId};
use secrecy::SecretString;
use simulators::graph::state::{
    Assigned, ChangeRequest, Entity, Kind, RequestState, Step, Stored, Tracked, Who,
};
use simulators::graph::{Fault, Graph, Role, What};

use crate::shifts::{CALLBACK_SECRET, Stage, calendar, directory, run};

const URL: &str = "https://rota.example.com/callbacks/ward-shifts";

/// A stage with two open teams.
struct Scene {
    stage: Stage,
    teams: [String; 2],
    registration: Arc<dyn Registration>,
    approver: Arc<dyn Approver>,
    owner: String,
}

impl Scene {
    fn new() -> Self {
        let stage = Stage::new(|_| {});
        let owner = stage.person("Anna");
        let teams = ["A", "B"].map(|it| stage.server.add_team(it, &[(&owner, Role::Owner)]));
        let keys = format!(
            "teams = [{{ group = \"w1\", team_id = \"{}\" }}, {{ group = \"w2\", team_id = \
             \"{}\" }}], callback_secret_file = \"wfi\", approver = \"{owner}\"",
            teams[0], teams[1]
        );
        let kinds = [CommandKind::Shift, CommandKind::SwapRequest, CommandKind::TimeOffRequest];
        let parts = stage.mirror(&keys, &kinds);
        parts.target.meet(directory());
        for team in &teams {
            run(parts.target.open(&calendar(team))).unwrap();
        }
        let (registration, approver) = (parts.registration.unwrap(), parts.approver.unwrap());
        Self { stage, teams, registration, approver, owner }
    }

    fn secret_there(&self) -> String {
        self.stage.server.read(|state| {
            let all: BTreeMap<_, _> = state.integrations.iter().collect();
            all.values().next().unwrap().secret.clone()
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.stage.folder.path().join(name)
    }

    fn on_disk(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.file(name)).ok()
    }
}

#[test]
fn registering_again_changes_the_same_integration() {
    let scene = Scene::new();
    let before = run(scene.registration.status()).unwrap();
    assert_eq!((before.id, before.active, before.calendars.len()), (None, false, 2));
    let status = run(scene.registration.register(URL)).unwrap();
    assert_eq!(status.url.as_deref(), Some(URL));
    assert!(status.active);
    assert_eq!(status.entities.len(), 9, "what cannot be asked for is refused politely");
    scene.stage.server.read(|state| {
        let it = state.integrations.values().next().unwrap();
        assert_eq!(it.display_name, "Rotabridge ward-shifts");
        assert_eq!(it.secret, CALLBACK_SECRET);
        assert_eq!(it.supported.len(), 9);
        assert!(it.supported.contains("TimeOffReason"));
        let asked: Vec<&str> = it.eligibility.iter().map(String::as_str).collect();
        assert_eq!(asked, ["SwapRequest", "TimeOffReason"]);
    });
    let moved = URL.replace("rota.", "new.");
    let again = run(scene.registration.register(&moved)).unwrap();
    assert_eq!((again.id, again.url), (status.id, Some(moved)));
    assert_eq!(scene.stage.server.read(|state| state.integrations.len()), 1);
}

#[test]
fn a_namesake_is_somebody_elses() {
    let scene = Scene::new();
    run(scene.registration.register(URL)).unwrap();
    // The same name and a like address, and first in the list.
    let theirs = scene.stage.server.update(|state| {
        let mut theirs = state.integrations.pop_first().unwrap().1;
        theirs.id = "A_theirs".into();
        theirs.url = URL.replace("rota.", "theirs.");
        state.integrations.insert(theirs.id.clone(), theirs.clone());
        theirs
    });
    let before = run(scene.registration.status()).unwrap();
    assert_eq!(before.id, None);
    assert!(run(scene.registration.switch(true)).is_err());
    assert!(run(scene.registration.rotate_secret()).is_err());
    let ours = run(scene.registration.register(URL)).unwrap();
    assert_eq!(ours.url.as_deref(), Some(URL));
    assert_eq!(scene.on_disk("wfi.registration"), ours.id);
    run(scene.registration.rotate_secret()).unwrap();
    let there = scene.stage.server.read(|state| state.integrations.clone());
    assert_eq!((there.len(), &there["A_theirs"]), (2, &theirs));
}

#[test]
fn an_id_that_was_not_kept_is_found_by_the_address() {
    let scene = Scene::new();
    let id = run(scene.registration.register(URL)).unwrap().id;
    std::fs::remove_file(scene.file("wfi.registration")).unwrap();
    assert_eq!(run(scene.registration.register(URL)).unwrap().id, id);
    assert_eq!(run(scene.registration.status()).unwrap().id, id);
}

#[test]
fn what_v1_does_not_take_is_written_through_beta() {
    let scene = Scene::new();
    // The text is the guide's, in the place of the code.
    let refused = What::refusal(400, "Requested value 'TimeOffReason' was not found");
    let fault = Fault::on("POST").at("/v1.0/teamwork/").then(refused);
    scene.stage.server.set_faults([fault]);
    assert!(run(scene.registration.register(URL)).unwrap().id.is_some());
    assert_eq!(scene.stage.asked("POST", "/beta/teamwork/workforceIntegrations"), 1);
    let requests = scene.stage.server.requests();
    let ours = requests.iter().filter(|it| it.target.contains("/teamwork/"));
    assert!(ours.clone().count() > 0);
    assert!(ours.into_iter().all(|it| !it.passthrough), "nothing follows from it");
}

#[test]
fn a_registration_that_could_not_call_us_is_not_tried_through_beta() {
    let scene = Scene::new();
    let refused = What::refusal(400, "WorkforceIntegrationError");
    scene.stage.server.set_faults([Fault::on("POST").at("/teamwork/").then(refused)]);
    let failure = run(scene.registration.register(URL)).unwrap_err();
    assert_eq!(failure.class, FailureClass::Refused);
    assert_eq!(scene.stage.asked("POST", "/teamwork/workforceIntegrations"), 1);
}

#[test]
fn schedules_call_us_when_switched_on_and_keep_their_settings() {
    let scene = Scene::new();
    let refused = run(scene.registration.switch(true)).unwrap_err();
    assert_eq!(refused.class, FailureClass::Refused, "not registered yet");
    let id = run(scene.registration.register(URL)).unwrap().id.unwrap();
    scene.stage.server.update(|state| {
        let team = state.teams.get_mut(&scene.teams[0]).unwrap();
        let schedule = team.schedule.as_mut().unwrap();
        schedule.time_clock_enabled = true;
        schedule.start_day_of_week = Some("monday".into());
    });
    let on = run(scene.registration.switch(true)).unwrap();
    assert!(on.calendars.iter().all(|it| it.calls_us && it.calls_other.is_none()));
    scene.stage.server.read(|state| {
        let schedule = state.teams[&scene.teams[0]].schedule.as_ref().unwrap();
        assert_eq!(schedule.integrations, [id.as_str()]);
        assert!(schedule.time_clock_enabled && schedule.swap_shifts_requests_enabled);
        assert_eq!(schedule.start_day_of_week.as_deref(), Some("monday"));
    });
    let off = run(scene.registration.switch(false)).unwrap();
    assert!(off.calendars.iter().all(|it| !it.calls_us));
}

#[test]
fn somebody_elses_integration_is_told_of_and_never_replaced() {
    let scene = Scene::new();
    run(scene.registration.register(URL)).unwrap();
    scene.stage.server.update(|state| {
        let team = state.teams.get_mut(&scene.teams[0]).unwrap();
        team.schedule.as_mut().unwrap().integrations = vec!["WFI_theirs".into()];
    });
    for on in [true, false] {
        let status = run(scene.registration.switch(on)).unwrap();
        let of = |team: &str| -> CalendarRegistration {
            status.calendars.iter().find(|it| it.calendar == team).unwrap().clone()
        };
        let theirs = of(&scene.teams[0]);
        assert_eq!(theirs.calls_other.as_deref(), Some("WFI_theirs"));
        assert!(!theirs.calls_us);
        assert_eq!(of(&scene.teams[1]).calls_us, on);
    }
}

#[test]
fn a_rotation_leaves_the_new_secret_in_use_and_the_old_one_good() {
    let scene = Scene::new();
    run(scene.registration.register(URL)).unwrap();
    run(scene.registration.rotate_secret()).unwrap();
    let new = scene.secret_there();
    assert_ne!(new, CALLBACK_SECRET);
    assert_eq!(new.len(), 64);
    assert_eq!(scene.on_disk("wfi").as_deref(), Some(new.as_str()));
    assert_eq!(scene.on_disk("wfi.previous").as_deref(), Some(CALLBACK_SECRET));
    assert_eq!(scene.on_disk("wfi.next"), None);
    #[cfg(unix)]
    for name in ["wfi", "wfi.previous"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(scene.file(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_rotation_that_graph_refuses_changes_nothing() {
    let scene = Scene::new();
    run(scene.registration.register(URL)).unwrap();
    scene.stage.server.set_faults([Fault::on("PATCH").then(What::refusal(403, "Forbidden"))]);
    let failure = run(scene.registration.rotate_secret()).unwrap_err();
    assert_eq!(failure.class, FailureClass::Forbidden);
    assert!(!failure.to_string().contains(CALLBACK_SECRET));
    assert_eq!(scene.on_disk("wfi").as_deref(), Some(CALLBACK_SECRET));
    assert_eq!(scene.on_disk("wfi.next"), None);
    assert_eq!(scene.secret_there(), CALLBACK_SECRET);
}

#[test]
fn a_rotation_whose_answer_was_lost_is_finished_with_the_same_secret() {
    let scene = Scene::new();
    run(scene.registration.register(URL)).unwrap();
    let lost = Fault::on("PATCH").times(1).then(What::ResetAfterApply);
    scene.stage.server.set_faults([lost]);
    let failure = run(scene.registration.rotate_secret()).unwrap_err();
    assert_eq!(failure.class, FailureClass::Unknown);
    let told = scene.secret_there();
    assert_eq!(scene.on_disk("wfi").as_deref(), Some(CALLBACK_SECRET), "both are good");
    assert_eq!(scene.on_disk("wfi.next").as_deref(), Some(told.as_str()));
    run(scene.registration.rotate_secret()).unwrap();
    assert_eq!(scene.secret_there(), told);
    assert_eq!(scene.on_disk("wfi").as_deref(), Some(told.as_str()));
}

#[test]
fn a_folder_that_cannot_be_written_is_said_to_be_needed() {
    let scene = Scene::new();
    run(scene.registration.register(URL)).unwrap();
    // Stands in the way also of those who may write everywhere.
    std::fs::create_dir(scene.file("wfi.next")).unwrap();
    let failure = run(scene.registration.rotate_secret()).unwrap_err().to_string();
    assert!(
        failure.contains("cannot be written, which a registration and a rotation need"),
        "{failure}"
    );
    assert!(failure.contains("mounted read-only"), "{failure}");
    assert_eq!(scene.secret_there(), CALLBACK_SECRET, "Graph was told nothing");
}

fn ask_for_time_off(graph: &Graph, team: &str, user: &str, state: RequestState) -> RemoteId {
    let now = graph.now();
    graph.update(|all| {
        let team = all.teams.get_mut(team).unwrap();
        let reason = team.all(Kind::TimeOffReason).next().unwrap().0.clone();
        let request = ChangeRequest {
            state,
            assigned_to: Assigned::Manager,
            sender: Step { user: Some(user.into()), message: None, at: Some(now) },
            recipient: Step::default(),
            manager: Step::default(),
            sender_shift: None,
            recipient_shift: None,
            open_shift: None,
            reason: Some(reason),
            start: Some(now),
            end: Some(now + jiff::SignedDuration::from_hours(24)),
        };
        let who = Who::Person(user.into());
        let tracked = Tracked {
            created_at: now,
            created_by: who.clone(),
            modified_at: now,
            modified_by: who,
            version: 1,
        };
        let stored = Stored { entity: Entity::Request(request), tracked };
        let id = format!("SREQ_{state:?}");
        team.entities.entry(Kind::TimeOffRequest).or_default().insert(id.clone(), stored);
        RemoteId(id)
    })
}

#[test]
fn a_request_is_granted_in_an_owners_name_and_one_that_is_decided_is_said_to_be_gone() {
    let scene = Scene::new();
    let (team, graph) = (&scene.teams[0], scene.stage.server.graph());
    let approve = |id: &RemoteId| {
        let kind = CommandKind::TimeOffRequest;
        run(scene.approver.approve(&calendar(team), kind, id))
    };
    let pending = ask_for_time_off(graph, team, &scene.owner, RequestState::Pending);
    assert_eq!(approve(&pending), Ok(()));
    graph.read(|all| {
        let request = all.teams[team].request(Kind::TimeOffRequest, &pending.0).unwrap();
        assert_eq!(request.state, RequestState::Approved);
        assert_eq!(request.manager.user.as_ref(), Some(&scene.owner));
    });
    let requests = scene.stage.server.requests();
    let approval = requests.iter().find(|it| it.target.contains("approveForUser")).unwrap();
    assert!(!approval.passthrough, "its callback names the new shifts, and is decided");
    let decided = ask_for_time_off(graph, team, &scene.owner, RequestState::Declined);
    assert_eq!(approve(&decided).unwrap_err().class, FailureClass::Missing);
    let gone = RemoteId("SREQ_never".into());
    assert_eq!(approve(&gone).unwrap_err().class, FailureClass::Missing);
    let wrong = run(scene.approver.approve(&calendar(team), CommandKind::Shift, &pending));
    assert_eq!(wrong.unwrap_err().class, FailureClass::Bug);
}

/// Anna offers a shift to Ben, whose turn it is.
fn offer(scene: &Scene, ben: &str) -> RemoteId {
    let now = scene.stage.server.graph().now();
    let step = |user: &str| Step { user: Some(user.into()), message: None, at: None };
    let team = &scene.teams[0];
    scene.stage.server.update(|all| {
        let who = Who::Person(scene.owner.clone());
        let tracked = Tracked {
            created_at: now,
            created_by: who.clone(),
            modified_at: now,
            modified_by: who,
            version: 1,
        };
        let item = simulators::graph::state::Item {
            start: now + jiff::SignedDuration::from_hours(24),
            end: now + jiff::SignedDuration::from_hours(32),
            theme: None,
            display_name: None,
            notes: None,
            activities: Vec::new(),
            open_slots: None,
            reason: None,
        };
        let shift = simulators::graph::state::Planned {
            user: Some(scene.owner.clone()),
            shared: Some(item),
            ..Default::default()
        };
        let request = ChangeRequest {
            state: RequestState::Pending,
            assigned_to: Assigned::Recipient,
            sender: step(&scene.owner),
            recipient: step(ben),
            manager: Step::default(),
            sender_shift: Some("SHFT_given".into()),
            recipient_shift: None,
            open_shift: None,
            reason: None,
            start: None,
            end: None,
        };
        let team = all.teams.get_mut(team).unwrap();
        let shift = Stored { entity: Entity::Planned(shift), tracked: tracked.clone() };
        team.entities.entry(Kind::Shift).or_default().insert("SHFT_given".into(), shift);
        let request = Stored { entity: Entity::Request(request), tracked };
        team.entities.entry(Kind::OfferRequest).or_default().insert("SREQ_1".into(), request);
    });
    RemoteId("SREQ_1".into())
}

#[test]
fn an_offer_is_granted_in_the_colleagues_name_while_it_is_their_turn_and_then_in_an_owners() {
    let scene = Scene::new();
    let ben = scene.stage.person("Ben");
    scene.stage.server.update(|all| {
        let team = all.teams.get_mut(&scene.teams[0]).unwrap();
        let member = simulators::graph::state::Member { user: ben.clone(), role: Role::Member };
        team.members.push(member);
    });
    let offer = offer(&scene, &ben);
    let team = calendar(&scene.teams[0]);
    let approve = || run(scene.approver.approve(&team, CommandKind::OfferRequest, &offer));
    let there = || {
        scene.stage.server.read(|all| {
            let team = &all.teams[&scene.teams[0]];
            team.request(Kind::OfferRequest, &offer.0).unwrap().clone()
        })
    };
    assert_eq!(approve(), Ok(()));
    assert_eq!((there().state, there().assigned_to), (RequestState::Pending, Assigned::Manager));
    assert_eq!(approve(), Ok(()));
    assert_eq!(there().state, RequestState::Approved);
    assert_eq!(there().manager.user.as_ref(), Some(&scene.owner));
    assert_eq!(approve().unwrap_err().class, FailureClass::Missing);
}

#[test]
fn secrets_show_themselves_nowhere() {
    let scene = Scene::new();
    let status = run(scene.registration.register(URL)).unwrap();
    let text = format!("{status:?} {:?}", SecretString::from(CALLBACK_SECRET));
    assert!(!text.contains(CALLBACK_SECRET));
}
