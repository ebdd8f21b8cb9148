//! What people do to our objects on a CalDAV server, found by `sync-collection` and put right: on
//! the played server, on Radicale and on Xandikos.

use std::sync::Arc;
use std::time::Duration;

use domain::policy::DeletionGuard;
use domain::{CalendarKey, Entity};
use engine::mapping::MappingProfile;
use engine::plan::drift::DriftPolicy;
use engine::port::{ChangeSeq, DriftStore, Standing, Store, Target};
use engine::report::CycleReport;
use engine::run::cycle::{CycleOptions, Equipment, Looking, MirrorSpec, Others, run_cycle_looking};
use engine::run::gate::Gate;
use engine::run::watch::Unwatched;
use simulators::caldav::{CaldavServer, Options};
use testkit::builders::{employee, hour, ingest, mirror, roster, shift, shift_key};
use testkit::manual_clock::ManualClock;
use testkit::memory_store::MemoryStore;
use testkit::ownership::{NamedOwner, Obituaries};
use testkit::seeded_entropy::SeededEntropy;
use testkit::servers::{self, USERNAME};

use crate::caldav::{run, target, target_of};

struct Rig {
    store: MemoryStore,
    target: Arc<dyn Target>,
    gate: Gate,
    clock: ManualClock,
    policy: DriftPolicy,
    /// Where the calendars are.
    url: String,
}

impl Rig {
    async fn new(target: Arc<dyn Target>, url: &str, policy: DriftPolicy) -> Self {
        let clock = ManualClock::new(hour(0));
        let entropy = Arc::new(SeededEntropy::new(1));
        let gate = Gate::new(Arc::new(clock.clone()), entropy, target.capabilities());
        let (store, url) = (MemoryStore::new(), url.to_owned());
        let rig = Self { store, target, gate, clock, policy, url };
        let entities = [
            Entity::Employee(employee("ada")),
            Entity::Employee(employee("bob")),
            Entity::Shift(shift("s", "ada", 30)),
            Entity::Shift(shift("b", "bob", 30)),
        ];
        let commit = ingest(ChangeSeq(0), entities);
        rig.store.commit_ingest(&roster(), commit).await.unwrap();
        let report = rig.look(Looking::Nowhere).await;
        assert_eq!((report.created + report.adopted, report.is_done()), (2, true), "{report:?}");
        rig.look(Looking::Everywhere).await;
        rig
    }

    async fn look(&self, looking: Looking<'_>) -> CycleReport {
        let day = Duration::from_secs(24 * 3600);
        let spec = MirrorSpec {
            name: mirror(),
            roster: roster(),
            profile: MappingProfile::default(),
            target_profile: "test/1".into(),
            guard: DeletionGuard::default(),
            past: day,
            future: 7 * day,
            first_future: None,
            others: Others::default(),
            conflicts: None,
            drift: self.policy,
        };
        let owner = NamedOwner::new("me", Obituaries::default());
        let equipment = Equipment {
            store: &self.store,
            target: &*self.target,
            gate: &self.gate,
            clock: &self.clock,
            ownership: &owner,
            watcher: &Unwatched,
            foreign: None,
            approvals: None,
        };
        run_cycle_looking(&spec, equipment, CycleOptions::default(), looking).await.unwrap()
    }

    /// The path of the object of Ada's shift, below the host.
    fn path(&self) -> String {
        let calendar = CalendarKey::new("ada/").unwrap();
        let row = self.store.row(&mirror(), &calendar, &shift_key("s")).unwrap();
        format!("{calendar}{}", row.remote.unwrap().id)
    }

    /// What a person's client asks of the server.
    async fn person(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        // An error means that it was installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sent = reqwest::Client::new()
            .request(method, format!("{}{path}", self.url))
            .basic_auth(USERNAME, Some("anything"))
            .header("content-type", "text/calendar; charset=utf-8")
            .body(body.to_owned())
            .send();
        let answer = sent.await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn object(&self) -> Option<String> {
        let (status, body) = self.person("GET", &self.path(), "").await;
        (status == 200).then_some(body)
    }

    async fn edit(&self, change: impl FnOnce(&str) -> String) {
        let before = self.object().await.unwrap();
        let after = change(&before);
        assert_ne!(before, after, "the test changes something");
        let (status, body) = self.person("PUT", &self.path(), &after).await;
        assert!((200..300).contains(&status), "{status} {body}");
    }
}

/// The lines that say what an event shows, whatever a server does to the rest.
fn shown(object: &str) -> Vec<String> {
    let told = ["SUMMARY", "DTSTART", "DTEND", "RRULE"];
    let mut lines: Vec<String> = object
        .lines()
        .filter(|line| told.iter().any(|name| line.starts_with(name)))
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.sort();
    lines
}

fn without_tag(object: &str) -> String {
    let mut kept = String::new();
    let mut dropping = false;
    for line in object.split_inclusive('\n') {
        let folded = line.starts_with([' ', '\t']);
        dropping = line.starts_with("X-ROTABRIDGE-ORIGIN") || (dropping && folded);
        if !dropping {
            kept.push_str(line);
        }
    }
    kept
}

async fn every_change_is_found_and_put_right(target: Arc<dyn Target>, url: &str) {
    let rig = Rig::new(target, url, DriftPolicy::PutRight).await;
    let quiet = rig.look(Looking::Everywhere).await;
    assert_eq!((quiet.requests, quiet.writes()), (2, 0), "one request for each calendar");
    let before = shown(&rig.object().await.unwrap());
    for case in ["moved", "renamed", "a series", "deleted"] {
        match case {
            "moved" => rig.edit(|it| it.replace("T060000Z", "T073000Z")).await,
            "renamed" => rig.edit(|it| it.replace("SUMMARY:", "SUMMARY:No ")).await,
            "a series" => {
                let rule = "RRULE:FREQ=DAILY;COUNT=3\r\nEND:VEVENT";
                rig.edit(|it| it.replace("END:VEVENT", rule)).await;
            }
            _ => assert!(rig.person("DELETE", &rig.path(), "").await.0 < 300),
        }
        let report = rig.look(Looking::Everywhere).await;
        assert_eq!((report.writes(), report.drifted), (1, 1), "{case}: {report:?}");
        assert_eq!(shown(&rig.object().await.unwrap()), before, "{case}");
        let again = rig.look(Looking::Everywhere).await;
        assert_eq!(again.writes(), 0, "{case}: our own write came back");
        rig.clock.advance(jiff::SignedDuration::from_hours(1));
        let forgotten = rig.store.drifts(&mirror()).await.unwrap();
        assert_eq!(forgotten.len(), 1, "{case}");
        assert_ne!(forgotten[0].standing, Standing::Contested, "{case}");
        let writes = [engine::port::DriftWrite::Remove {
            calendar: forgotten[0].calendar.clone(),
            key: forgotten[0].key.clone(),
        }];
        rig.store.put_drifts(&mirror(), &writes).await.unwrap();
    }
    // A tag that is stripped is no loss here: the object's UID says whose it is.
    rig.edit(without_tag).await;
    assert_eq!(rig.look(Looking::Everywhere).await.writes(), 0);
    // A copy is theirs.
    let copy = rig.object().await.unwrap();
    let uid = copy.lines().find(|line| line.starts_with("UID:")).unwrap().trim_end().to_owned();
    let copy = copy.replace(&uid, "UID:a-copy-of-it");
    let (status, _) = rig.person("PUT", "ada/a-copy-of-it.ics", &copy).await;
    assert!(status < 300, "{status}");
    assert_eq!(rig.look(Looking::Everywhere).await.writes(), 0);
    assert_eq!(rig.person("GET", "ada/a-copy-of-it.ics", "").await.0, 200);
}

#[test]
fn every_change_is_found_and_put_right_on_the_played_server() {
    let server = CaldavServer::start(Options::default()).unwrap();
    let url = server.url().to_string();
    run(every_change_is_found_and_put_right(target(&server), &url));
}

#[test]
fn every_change_is_found_and_put_right_on_radicale() {
    let Some(server) = servers::radicale() else { return };
    let url = server.url();
    run(every_change_is_found_and_put_right(target_of(&server), &url));
}

#[test]
fn every_change_is_found_and_put_right_on_xandikos() {
    let Some(server) = servers::xandikos() else { return };
    let url = server.url();
    run(every_change_is_found_and_put_right(target_of(&server), &url));
}
