//! The `google_workspace` provider through its port: the promises of every target, on the played
//! Google in its moods, and what it does about Google's oddities.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use connectors::{ConnectionContext, ConnectionError, MirrorContext, MirrorParts, registry};
use domain::{
    CalendarKey, ConnectionName, Directory, Employee, EmployeeId, EventExtras, EventSpan,
    OriginTag, ShowAs, Visibility,
};
use engine::port::{Content, Hooks, Item, Opened, Probe, Revision, Sighting, Target};
use simulators::google::{BatchOrder, GoogleServer, Options, PageMood, Plan, ServiceAccount};
use tempfile::TempDir;
use testkit::builders::{employee_id, hour, hours, mirror, shift_key};
use testkit::conformance::target::{Bench, CASES, target_conformance};

use crate::caldav::{RealClock, run};

/// A played Google and a mirror over it.
pub struct Stage {
    pub server: GoogleServer,
    folder: TempDir,
    keys: (String, String),
    pub parts: MirrorParts,
    pub hooks: Arc<dyn Hooks>,
}

pub const ANNA: &str = "anna@example.com";

impl Stage {
    /// `keys` is inside an inline table.
    pub fn new(options: Options, keys: &str) -> Self {
        Self::with(options, "", keys).unwrap()
    }

    pub fn with(options: Options, keys: &str, mirror_keys: &str) -> Result<Self, ConnectionError> {
        let server = GoogleServer::start(options).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("google.json"), server.service_account()).unwrap();
        let url = server.url();
        let comma = if keys.is_empty() { "" } else { ", " };
        let keys = format!(
            "{{ service_account_file = \"google.json\", api_url = \"{url}\"{comma}{keys} }}"
        );
        let keys = (keys, format!("{{ {mirror_keys} }}"));
        let (parts, hooks) = build(&folder, &keys)?;
        server.add_user(ANNA, "Europe/Berlin");
        let stage = Self { server, folder, keys, parts, hooks };
        stage.target().meet(Arc::new(directory(&[ANNA])));
        Ok(stage)
    }

    /// The same mirror as another process makes it.
    pub fn again(&self) -> MirrorParts {
        build(&self.folder, &self.keys).unwrap().0
    }

    pub fn target(&self) -> &Arc<dyn Target> {
        &self.parts.target
    }

    pub fn open(&self) -> Opened {
        run(self.target().open(&key(ANNA))).unwrap()
    }

    /// The id of Anna's calendar of ours.
    pub fn own(&self) -> String {
        let own = self.server.secondary_calendars(ANNA);
        assert_eq!(own.len(), 1, "{own:?}");
        own[0].0.clone()
    }

    pub fn create(&self, item: &Item) -> engine::port::Written {
        run(self.target().create(&key(ANNA), item)).unwrap()
    }

    pub fn see(&self, item: &Item) -> Option<engine::port::RemoteItem> {
        let probe = Probe {
            key: Some(item.origin.item()),
            generation: item.origin.generation,
            remote_id: None,
            shows: None,
        };
        match run(self.target().look(&key(ANNA), &[probe])).unwrap().remove(0) {
            Sighting::Present(item) => Some(item),
            Sighting::Absent => None,
            Sighting::Alike(_) => panic!("looked for by id"),
        }
    }
}

type Built = (MirrorParts, Arc<dyn Hooks>);

fn build(folder: &TempDir, keys: &(String, String)) -> Result<Built, ConnectionError> {
    let descriptor = registry::provider("google_workspace").unwrap();
    let config = toml::de::ValueDeserializer::parse(&keys.0).unwrap();
    let config = (descriptor.parse)(config).unwrap();
    config.validate()?;
    let mirror_config = toml::de::ValueDeserializer::parse(&keys.1).unwrap();
    let mirror_config = (descriptor.mirrors[0].parse)(mirror_config).unwrap();
    mirror_config.validate()?;
    let context = ConnectionContext {
        name: ConnectionName::new("google").unwrap(),
        base: folder.path().to_owned(),
        clock: Arc::new(RealClock),
        entropy: Arc::new(testkit::seeded_entropy::SeededEntropy::new(1)),
    };
    let plain = MirrorContext::plain(mirror(), "Europe/Berlin");
    let mirror = MirrorContext { wishes_in: Some("Unavailable".into()), ..plain };
    let parts = config.mirror(&context, &mirror, &*mirror_config)?;
    Ok((parts, config.hooks(&context)?.unwrap()))
}

pub fn key(text: &str) -> CalendarKey {
    CalendarKey::new(text).unwrap()
}

pub fn directory(emails: &[&str]) -> Directory {
    let employees: BTreeMap<EmployeeId, Employee> = emails
        .iter()
        .map(|email| {
            let id = employee_id(email.split('@').next().unwrap());
            let mut employee = Employee::unnamed(id.clone());
            employee.email = Some((*email).to_owned());
            (id, employee)
        })
        .collect();
    Directory { employees, ..Directory::default() }
}

pub fn item(id: &str, start: i64) -> Item {
    let event = domain::CalendarEvent {
        summary: format!("Late {id}"),
        description: Some("09:00 Break".into()),
        location: Some("Ward 3".into()),
        categories: vec![],
        span: EventSpan::Timed(hours(start, start + 8)),
        show_as: ShowAs::Busy,
        visibility: Visibility::Default,
        extras: EventExtras::default(),
    };
    let content = Content::Event(event);
    Item {
        origin: OriginTag {
            mirror: mirror(),
            key: shift_key(id),
            part: domain::Part::Main,
            generation: 0,
            entity: content.fingerprint(),
        },
        content,
        revision: Revision { sequence: 0, revised_at: hour(0) },
    }
}

fn conforms(options: Options, mirror_keys: &str, change: impl Fn(&mut Bench)) -> Stage {
    let stage = Stage::new(options, mirror_keys);
    let number = AtomicUsize::new(0);
    run(target_conformance(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let email = format!("anna-{number}@example.com");
        stage.server.add_user(&email, "Europe/Berlin");
        let mut bench = Bench {
            target: Arc::clone(stage.target()),
            mirror: mirror(),
            calendar: key(&email),
            refuses_bad_tokens: true,
            keeps_origin: true,
        };
        change(&mut bench);
        bench
    }));
    stage
}

#[test]
fn keeps_its_promises_as_documented() {
    conforms(Options::default(), "", |_| {});
}

#[test]
fn keeps_its_promises_where_pages_are_short_or_empty() {
    for pages in [PageMood::Short, PageMood::Empty] {
        conforms(Options { pages, page_size: 10, ..Options::default() }, "", |_| {});
    }
}

#[test]
fn keeps_its_promises_where_batches_answer_in_order_and_trash_can_be_emptied() {
    let options =
        Options { batch_order: BatchOrder::AsAsked, revives_trashed: true, ..Options::default() };
    conforms(options, "", |_| {});
}

/// But for what only holds of calendars that are made; among an event of the person's own.
#[test]
fn keeps_its_promises_in_first_calendars() {
    let accounts = vec![ServiceAccount::delegated(&["calendar.events.owned"])];
    let stage = Stage::new(Options { accounts, ..Options::default() }, "calendar = \"primary\"");
    let made = "a_missing_calendar_is_said_to_be_missing_and_made_once";
    let at = |text: &str| text.parse().unwrap();
    for (number, case) in CASES.iter().filter(|it| it.name != made).enumerate() {
        println!("{}", case.name);
        let email = format!("anna-{number}@example.com");
        let anna = stage.server.add_user(&email, "Europe/Berlin");
        let dentist =
            Plan::timed("Dentist", at("2026-11-24T08:00:00Z"), at("2026-11-24T09:00:00Z"));
        let own = anna.plans(&email, dentist);
        let theirs = || {
            let all = stage.server.live_events(&email).into_iter();
            let theirs = all.filter(|it| it.id == own);
            theirs.map(|it| format!("{it:?}")).collect::<Vec<_>>()
        };
        let before = theirs();
        run((case.run)(Bench {
            target: Arc::clone(stage.target()),
            mirror: mirror(),
            calendar: key(&email),
            refuses_bad_tokens: true,
            keeps_origin: true,
        }));
        assert_eq!(theirs(), before, "{}: what is theirs stays", case.name);
    }
}

#[test]
fn keeps_its_promises_in_calendars_of_groups() {
    let accounts = vec![ServiceAccount::delegated(&[
        "calendar.app.created",
        "calendar.calendarlist.readonly",
    ])];
    let stage = Stage::new(
        Options { accounts, ..Options::default() },
        "shared = \"Rota@example.com\", shared_with = \"nobody\"",
    );
    stage.server.add_user("rota@example.com", "UTC");
    let number = AtomicUsize::new(0);
    run(target_conformance(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        Bench {
            target: Arc::clone(stage.target()),
            mirror: mirror(),
            calendar: key(&format!("ward {number}")),
            refuses_bad_tokens: true,
            keeps_origin: true,
        }
    }));
    assert!(stage.server.secondary_calendars("rota@example.com").len() > 10);
}
