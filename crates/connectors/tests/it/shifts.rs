//! A mirror in Shifts through its port, on the played Graph with the vendor's quotas: the promises
//! of every target, and how teams are made ready.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use connectors::{ConnectionContext, ConnectionError, MirrorContext, MirrorParts, registry};
use domain::{
    CalendarKey, CommandKind, ConnectionName, Directory, Employee, Entity, MirrorName,
    ScheduleGroup, ScheduleGroupId, TimeOffReason, TimeOffReasonId,
};
use engine::port::{Clock, FailureClass, FindingLevel, Opened, QuotaScope, Target};
use jiff::{SignedDuration, Timestamp};
use simulators::graph::state::Kind;
use simulators::graph::{
    APP, Fault, GraphServer, Options, Provisioning, Role, SECRET, TENANT, What,
};
use tempfile::TempDir;
use testkit::builders::employee;
use testkit::conformance::target::schedule::directory as people_of_the_suite;
use testkit::conformance::target::{Bench, target_conformance};
use testkit::seeded_entropy::SeededEntropy;

pub const CALLBACK_SECRET: &str =
    "0123456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&*";

/// Time that moves on when somebody waits for it; the played vendor reads the same.
#[derive(Debug, Clone)]
pub struct LeapingClock(Arc<Mutex<Timestamp>>);

impl LeapingClock {
    pub fn at(instant: &str) -> Self {
        Self(Arc::new(Mutex::new(instant.parse().unwrap())))
    }
}

#[async_trait]
impl Clock for LeapingClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let mut now = self.0.lock().unwrap();
        *now = at.max(*now);
    }
}

/// The played vendor, the time there, and the folder of the secrets.
pub struct Stage {
    pub server: GraphServer,
    pub clock: LeapingClock,
    pub folder: TempDir,
}

impl Stage {
    pub fn new(adjust: impl FnOnce(&mut Options)) -> Self {
        let clock = LeapingClock(Arc::new(Mutex::new("2026-11-21T08:00:00Z".parse().unwrap())));
        let theirs = clock.clone();
        let mut options =
            Options { clock: Some(Arc::new(move || theirs.now())), ..Options::default() };
        adjust(&mut options);
        let server = GraphServer::start(options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        std::fs::write(folder.path().join("wfi"), CALLBACK_SECRET).unwrap();
        Self { server, clock, folder }
    }

    /// A person, known by their e-mail address.
    pub fn person(&self, name: &str) -> String {
        let user = self.server.add_user(name);
        self.server.update(|state| {
            let user = state.users.get_mut(&user).unwrap();
            user.email = Some(format!("{}@Example.com", name.to_ascii_lowercase()));
        });
        user
    }

    /// A mirror as the binary makes it; `keys` are those of the mirror.
    pub fn try_mirror(
        &self,
        keys: &str,
        two_way: &[CommandKind],
    ) -> Result<MirrorParts, ConnectionError> {
        self.mirror_at(&self.server.url(), keys, two_way)
    }

    /// The same, over a vendor that is reached elsewhere.
    pub fn mirror_at(
        &self,
        url: &str,
        keys: &str,
        two_way: &[CommandKind],
    ) -> Result<MirrorParts, ConnectionError> {
        let text = format!(
            "{{ tenant_id = \"{TENANT}\", client_id = \"{APP}\", graph_url = \"{url}\", \
             login_url = \"{url}\", client_secret_file = \"secret\" }}"
        );
        let descriptor = registry::provider("microsoft_graph").unwrap();
        let section = toml::de::ValueDeserializer::parse(&text).unwrap();
        let config = (descriptor.parse)(section).unwrap();
        let kind = descriptor.mirrors.iter().find(|it| it.kind == "shifts").unwrap();
        let text = format!("{{ {keys} }}");
        let section = toml::de::ValueDeserializer::parse(&text).unwrap();
        let options = (kind.parse)(section).unwrap();
        options.validate()?;
        let context = ConnectionContext {
            name: ConnectionName::new("m365").unwrap(),
            base: self.folder.path().to_owned(),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(SeededEntropy::new(1)),
        };
        let mirror = MirrorContext {
            two_way: two_way.iter().copied().collect(),
            ..MirrorContext::plain(MirrorName::new("ward-shifts").unwrap(), "Europe/Berlin")
        };
        config.mirror(&context, &mirror, &*options)
    }

    pub fn mirror(&self, keys: &str, two_way: &[CommandKind]) -> MirrorParts {
        self.try_mirror(keys, two_way).unwrap()
    }

    /// A mirror whose only team takes all groups.
    pub fn target(&self, team: &str) -> Arc<dyn Target> {
        self.mirror(&format!("teams = [{{ group = \"*\", team_id = \"{team}\" }}]"), &[]).target
    }

    /// How many requests with this method had this in their path.
    pub fn asked(&self, method: &str, part: &str) -> usize {
        let seen = self.server.requests();
        seen.iter().filter(|it| it.method == method && it.target.contains(part)).count()
    }
}

pub fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

pub fn calendar(team: &str) -> CalendarKey {
    CalendarKey::new(team).unwrap()
}

/// Anna and Ben of the group `w1`, Cleo of none; a reason.
pub fn directory() -> Arc<Directory> {
    let mut directory = Directory::default();
    let group = ScheduleGroupId::new("w1").unwrap();
    for (id, group) in [("anna", Some(&group)), ("ben", Some(&group)), ("cleo", None)] {
        let email = Some(format!("{id}@example.com"));
        let group = group.cloned();
        directory.add(Entity::Employee(Employee { email, group, ..employee(id) }));
    }
    directory.add(Entity::ScheduleGroup(ScheduleGroup { id: group, name: "Ward 1".into() }));
    let id = TimeOffReasonId::new("r1").unwrap();
    directory.add(Entity::TimeOffReason(TimeOffReason { id, name: "Vacation".into() }));
    Arc::new(directory)
}

fn conforms(adjust: impl FnOnce(&mut Options)) {
    let stage = Stage::new(adjust);
    let people = ["Ada", "Bob"].map(|it| stage.person(it));
    let number = AtomicUsize::new(0);
    run(target_conformance(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let members = [(people[0].as_str(), Role::Owner), (people[1].as_str(), Role::Member)];
        let team = stage.server.add_team(&format!("Team {number}"), &members);
        // What somebody prefers does not lie in a team.
        stage.server.update(|state| state.preferences.clear());
        let target = stage.target(&team);
        target.meet(Arc::new(people_of_the_suite()));
        Bench {
            target,
            mirror: MirrorName::new("ward-shifts").unwrap(),
            calendar: calendar(&team),
            refuses_bad_tokens: true,
            keeps_origin: false,
        }
    }));
    assert_eq!(stage.server.counts().throttled, 0, "a 429 of our own making");
}

#[test]
fn keeps_its_promises_on_the_played_graph() {
    conforms(|_| {});
}

#[test]
fn keeps_its_promises_where_drafts_stay_after_sharing_and_pages_are_small() {
    conforms(|options| {
        options.keeps_draft_after_share = true;
        options.page_size = 7;
        options.stale_etag_status = 409;
        options.batch_keeps_custom_headers = false;
    });
}

#[test]
fn a_team_is_made_ready_once_with_all_that_the_roster_needs() {
    let stage = Stage::new(|_| {});
    let (anna, ben) = (stage.person("Anna"), stage.person("Ben"));
    let team = stage.server.add_team("Ward", &[(&anna, Role::Owner), (&ben, Role::Member)]);
    let keys = format!(
        "teams = [{{ group = \"w1\", team_id = \"{team}\", time_zone = \"Europe/Vienna\" }}], \
         callback_secret_file = \"wfi\""
    );
    let target = stage.mirror(&keys, &[CommandKind::SwapRequest]).target;
    target.meet(directory());
    assert_eq!(run(target.open(&calendar(&team))), Ok(Opened::Made));
    stage.server.read(|state| {
        let team = &state.teams[&team];
        let schedule = team.schedule.as_ref().unwrap();
        assert!(schedule.enabled && schedule.swap_shifts_requests_enabled);
        assert!(!schedule.offer_shift_requests_enabled && !schedule.time_off_requests_enabled);
        assert!(schedule.open_shifts_enabled, "else there are none to be seen");
        assert_eq!(schedule.time_zone, "Europe/Vienna");
        let groups: Vec<_> = team.all(Kind::SchedulingGroup).collect();
        assert_eq!(groups.len(), 1);
        let group = team.group(groups[0].0).unwrap();
        assert_eq!((group.display_name.as_str(), group.code.as_deref()), ("Ward 1", Some("w1")));
        assert_eq!(BTreeSet::from_iter(&group.users), BTreeSet::from([&anna, &ben]));
        // "Vacation" was there by itself, and is used as it is.
        assert_eq!(team.all(Kind::TimeOffReason).count(), 5);
    });
    let writes = stage.server.counts().writes;
    assert_eq!(run(target.open(&calendar(&team))), Ok(Opened::Found));
    assert_eq!(stage.server.counts().writes, writes, "nothing was missing");
}

#[test]
fn a_schedule_is_never_made_over_one_that_only_seems_to_be_missing() {
    let stage = Stage::new(|_| {});
    let team = stage.server.add_team("Ward", &[]);
    let target = stage.target(&team);
    run(target.open(&calendar(&team))).unwrap();
    let settings = || stage.server.read(|state| state.teams[&team].schedule.clone());
    stage.server.update(|state| {
        let schedule = state.teams.get_mut(&team).unwrap().schedule.as_mut().unwrap();
        schedule.time_clock_enabled = true;
    });
    let before = settings();
    for lies in [1, 2] {
        // The list of what is in it answers, or the second look at it.
        run(stage.clock.sleep_until(stage.clock.now() + SignedDuration::from_secs(2)));
        let absent = Fault::on("GET").at("/schedule").times(lies);
        stage.server.set_faults([absent.then(What::refusal(404, "NotFound"))]);
        let failure = run(stage.target(&team).open(&calendar(&team))).unwrap_err();
        assert_eq!(failure.class, FailureClass::Unavailable, "{failure}");
        assert_eq!(settings(), before);
    }
    // And a team that is hidden as a whole is not given a schedule either.
    let absent = Fault::on("GET").at("/teams/").then(What::refusal(404, "NotFound"));
    stage.server.set_faults([absent]);
    run(stage.clock.sleep_until(stage.clock.now() + SignedDuration::from_secs(2)));
    let failure = run(stage.target(&team).open(&calendar(&team))).unwrap_err();
    assert_eq!(failure.class, FailureClass::CalendarMissing, "{failure}");
    assert_eq!(settings(), before);
    stage.server.set_faults([]);
    run(stage.clock.sleep_until(stage.clock.now() + SignedDuration::from_secs(2)));
    assert_eq!(run(stage.target(&team).open(&calendar(&team))), Ok(Opened::Found));
}

#[test]
fn a_schedule_that_takes_its_time_is_waited_for_and_one_that_fails_says_why() {
    let stage = Stage::new(|options| options.provisioning = Provisioning::AfterReads(2));
    let team = stage.server.add_team("Ward", &[]);
    let target = stage.target(&team);
    assert_eq!(run(target.open(&calendar(&team))), Ok(Opened::Made));

    let slow = std::time::Duration::from_secs(60);
    let stage = Stage::new(|options| options.provisioning = Provisioning::After(slow));
    let team = stage.server.add_team("Ward", &[]);
    let target = stage.target(&team);
    let mut calls = 0;
    let opened = loop {
        match run(target.open(&calendar(&team))) {
            Ok(opened) => break opened,
            Err(failure) => match failure.class {
                FailureClass::Throttled { scope: QuotaScope::Calendar, .. } => calls += 1,
                class => panic!("{class:?}"),
            },
        }
    };
    assert!(calls > 1, "one call does not wait for a minute");
    assert_eq!(opened, Opened::Found);

    let fails = Provisioning::Fails("SiteNotReady".into());
    let stage = Stage::new(|options| options.provisioning = fails);
    let team = stage.server.add_team("Ward", &[]);
    let failure = run(stage.target(&team).open(&calendar(&team))).unwrap_err();
    assert_eq!(failure.class, FailureClass::Refused);
    assert!(failure.to_string().contains("SiteNotReady"), "{failure}");
}

#[test]
fn a_group_that_is_being_changed_is_tried_again_and_what_others_put_there_stays() {
    let stage = Stage::new(|_| {});
    let people = ["Anna", "Ben", "Dora"].map(|it| stage.person(it));
    let members = people.each_ref().map(|it| (it.as_str(), Role::Member));
    let team = stage.server.add_team("Ward", &members[..]);
    let first = stage.target(&team);
    let mut half = Directory::clone(&directory());
    half.employees.retain(|id, _| id.as_str() == "anna");
    first.meet(Arc::new(half));
    run(first.open(&calendar(&team))).unwrap();
    stage.server.update(|state| {
        let team = state.teams.get_mut(&team).unwrap();
        let group = team.entities.get_mut(&Kind::SchedulingGroup).unwrap().values_mut().next();
        match &mut group.unwrap().entity {
            simulators::graph::state::Entity::Group(group) => group.users.push(people[2].clone()),
            other => panic!("{other:?}"),
        }
    });
    let conflict = Fault::on("PUT").at("/schedulingGroups/").times(2).then(What::conflict());
    stage.server.set_faults([conflict]);
    // Another process, which knows nothing of what this one spent.
    run(stage.clock.sleep_until(stage.clock.now() + SignedDuration::from_secs(2)));
    let second = stage.target(&team);
    second.meet(directory());
    assert_eq!(run(second.open(&calendar(&team))), Ok(Opened::Found));
    stage.server.read(|state| {
        let team = &state.teams[&team];
        let (id, _) = team.all(Kind::SchedulingGroup).next().unwrap();
        let users = BTreeSet::from_iter(&team.group(id).unwrap().users);
        assert_eq!(users, BTreeSet::from_iter(&people));
    });
}

#[test]
fn who_left_the_team_keeps_nobody_out_of_a_group() {
    let stage = Stage::new(|_| {});
    let (anna, ben, dora) = (stage.person("Anna"), stage.person("Ben"), stage.person("Dora"));
    let team = stage.server.add_team("Ward", &[(&anna, Role::Owner), (&dora, Role::Member)]);
    let target = stage.target(&team);
    target.meet(directory());
    run(target.open(&calendar(&team))).unwrap();
    let users = || {
        stage.server.read(|state| {
            let team = &state.teams[&team];
            let mut groups = team.all(Kind::SchedulingGroup).map(|(id, _)| team.group(id).unwrap());
            let ward = groups.find(|it| it.code.as_deref() == Some("w1")).unwrap();
            BTreeSet::from_iter(ward.users.clone())
        })
    };
    stage.server.update(|state| {
        let team = state.teams.get_mut(&team).unwrap();
        let groups = team.entities.get_mut(&Kind::SchedulingGroup).unwrap().values_mut();
        for group in groups {
            match &mut group.entity {
                simulators::graph::state::Entity::Group(it) => it.users.push(dora.clone()),
                other => panic!("{other:?}"),
            }
        }
    });
    stage.server.remove_member(&team, &dora);
    stage.server.add_member(&team, &ben, Role::Member);
    run(stage.clock.sleep_until(stage.clock.now() + SignedDuration::from_secs(2)));
    assert_eq!(run(target.open(&calendar(&team))), Ok(Opened::Found));
    assert_eq!(users(), BTreeSet::from([anna, ben]));
}

#[test]
fn a_team_that_is_not_there_is_said_to_be_missing() {
    let stage = Stage::new(|_| {});
    let target = stage.target("00000000-0000-4000-8000-000000000000");
    let calendar = calendar("00000000-0000-4000-8000-000000000000");
    let listed = run(target.list(&calendar, None)).unwrap_err();
    assert_eq!(listed.class, FailureClass::CalendarMissing);
    let opened = run(target.open(&calendar)).unwrap_err();
    assert_eq!(opened.class, FailureClass::CalendarMissing);
}

#[test]
fn doctor_tells_what_is_well_who_is_no_member_and_what_is_granted_too_much() {
    let stage = Stage::new(|_| {});
    let anna = stage.person("Anna");
    let team = stage.server.add_team("Ward", &[(&anna, Role::Owner)]);
    let target = stage.target(&team);
    target.meet(directory());
    let before = stage.server.counts().writes;
    let findings = run(target.check());
    assert_eq!(stage.server.counts().writes, before, "a check writes nothing");
    let said = |part: &str, level| {
        findings.iter().any(|it| it.message.contains(part) && it.level == level)
    };
    assert!(said("has no schedule yet", FindingLevel::Good), "{findings:#?}");
    assert!(said("`ben`, `cleo`", FindingLevel::Warning), "{findings:#?}");
    assert!(said("`Group.Read.All` is granted", FindingLevel::Warning), "{findings:#?}");
    assert!(!findings.iter().any(|it| it.level == FindingLevel::Error), "{findings:#?}");
    assert!(!format!("{findings:?}").contains("example.com"), "names nobody's address");
    assert!(target.requests_sent() > 0);
}

#[test]
fn a_mirror_over_a_national_cloud_is_refused_because_shifts_is_not_there() {
    let stage = Stage::new(|_| {});
    let teams = r#"teams = [{ group = "*", team_id = "t" }]"#;
    let hosts = ["graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"];
    for host in hosts {
        let refused = stage.mirror_at(&format!("https://{host}"), teams, &[]).err().unwrap();
        let start = format!("`graph_url`: `{host}` found, which is a national cloud; Shifts is in");
        assert!(refused.to_string().starts_with(&start), "{refused}");
    }
    assert!(stage.mirror_at("https://graph.microsoft.com", teams, &[]).is_ok());
}

#[test]
fn a_secret_of_another_length_or_none_where_people_ask_is_told_with_its_key() {
    let stage = Stage::new(|_| {});
    let teams = r#"teams = [{ group = "*", team_id = "t" }]"#;
    let refused = |keys: &str, two_way: &[CommandKind]| {
        stage.try_mirror(keys, two_way).err().unwrap().to_string()
    };
    let missing = refused(teams, &[CommandKind::Shift]);
    assert!(missing.starts_with("`callback_secret_file`: missing"), "{missing}");
    std::fs::write(Path::new(stage.folder.path()).join("short"), "too short").unwrap();
    let short = refused(&format!("{teams}, callback_secret_file = \"short\""), &[]);
    let start = "`callback_secret_file`: the callback secret has 9 bytes; expected exactly 64";
    assert!(short.starts_with(start), "{short}");
}
