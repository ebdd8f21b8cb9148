//! A mirror in Outlook through its port, on the played Graph with the vendor's quotas: the promises
//! of every target, and the documented oddities one by one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use connectors::{ConnectionContext, ConnectionError, MirrorContext, MirrorParts, registry};
use domain::{
    CalendarEvent, CalendarKey, ConnectionName, Directory, Employee, Entity, EventExtras,
    EventSpan, MirrorName, OriginTag, ShowAs, Visibility,
};
use engine::port::{
    Content, FailureClass, Item, Opened, Placement, Probe, QuotaScope, RemoteId, Revision,
    Sighting, Target, Write, WriteWhat,
};
use simulators::graph::mailbox::{MailboxOptions, OUTLOOK_ROLES, Span};
use simulators::graph::{APP, App, Fault, GraphServer, Options, SECRET, TENANT, What};
use tempfile::TempDir;
use testkit::builders::{employee, hour, hours, shift, shift_key};
use testkit::conformance::target::{Bench, CASES, target_conformance};
use testkit::seeded_entropy::SeededEntropy;

use crate::shifts::{LeapingClock, run};

/// The played vendor, the time there, and the folder of the secret.
pub struct Post {
    pub server: GraphServer,
    pub clock: LeapingClock,
    /// Calendars that the operator names for groups.
    pub groups: BTreeSet<CalendarKey>,
    folder: TempDir,
}

impl Post {
    pub fn new(adjust: impl FnOnce(&mut Options)) -> Self {
        let clock = LeapingClock::at("2026-11-21T08:00:00Z");
        let theirs = clock.clone();
        let roles = OUTLOOK_ROLES.map(String::from).to_vec();
        let mut options = Options {
            clock: Some(Arc::new(move || engine::port::Clock::now(&theirs))),
            apps: vec![App { roles, ..App::default() }],
            ..Options::default()
        };
        adjust(&mut options);
        let server = GraphServer::start(options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        Self { server, clock, groups: BTreeSet::new(), folder }
    }

    /// Somebody with a mailbox; the key of it.
    pub fn person(&self, name: &str) -> CalendarKey {
        let user = self.server.add_user(name);
        self.server.add_mailbox(&user);
        CalendarKey::new(user).unwrap()
    }

    pub fn context(&self) -> ConnectionContext {
        ConnectionContext {
            name: ConnectionName::new("m365").unwrap(),
            base: self.folder.path().to_owned(),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(SeededEntropy::new(1)),
        }
    }

    pub fn connection(&self) -> Box<dyn connectors::ConnectionConfig> {
        self.connection_at(&self.server.url())
    }

    /// The connection to the player by way of somebody else.
    pub fn connection_at(&self, url: &str) -> Box<dyn connectors::ConnectionConfig> {
        let text = format!(
            "{{ tenant_id = \"{TENANT}\", client_id = \"{APP}\", graph_url = \"{url}\", \
             login_url = \"{url}\", client_secret_file = \"secret\" }}"
        );
        let descriptor = registry::provider("microsoft_graph").unwrap();
        (descriptor.parse)(toml::de::ValueDeserializer::parse(&text).unwrap()).unwrap()
    }

    pub fn try_mirror(&self, name: &str, keys: &str) -> Result<MirrorParts, ConnectionError> {
        self.try_mirror_over(&*self.connection(), name, keys)
    }

    pub fn try_mirror_over(
        &self,
        connection: &dyn connectors::ConnectionConfig,
        name: &str,
        keys: &str,
    ) -> Result<MirrorParts, ConnectionError> {
        let descriptor = registry::provider("microsoft_graph").unwrap();
        let kind = descriptor.mirrors.iter().find(|it| it.kind == "outlook").unwrap();
        let text = format!("{{ {keys} }}");
        let section = toml::de::ValueDeserializer::parse(&text).unwrap();
        let options = (kind.parse)(section).unwrap();
        options.validate()?;
        let plain = MirrorContext::plain(MirrorName::new(name).unwrap(), "Europe/Berlin");
        let (wishes_in, group_calendars) = (Some("Unavailable".into()), self.groups.clone());
        let mirror = MirrorContext { wishes_in, group_calendars, ..plain };
        connection.mirror(&self.context(), &mirror, &*options)
    }

    pub fn target(&self) -> Arc<dyn Target> {
        self.try_mirror("ward", "").unwrap().target
    }

    /// Time passes.
    pub fn passes(&self, seconds: i64) {
        let clock: &dyn engine::port::Clock = &self.clock;
        let until = clock.now() + jiff::SignedDuration::from_secs(seconds);
        assert_eq!(futures_util::FutureExt::now_or_never(clock.sleep_until(until)), Some(()));
    }

    /// How often something was asked.
    pub fn asked(&self, method: &str, part: &str) -> usize {
        let seen = self.server.requests();
        seen.iter().filter(|it| it.method == method && it.target.contains(part)).count()
    }

    /// What is in our calendar of a mailbox.
    pub fn events(&self, mailbox: &CalendarKey) -> Vec<simulators::graph::mailbox::Event> {
        let mailbox = self.server.mailbox(mailbox.as_str()).unwrap();
        let calendar = mailbox.calendar_named("Shifts").unwrap().id.clone();
        mailbox.events_in(&calendar).cloned().collect()
    }
}

pub fn item(id: &str, summary: &str) -> Item {
    let content = Content::Event(CalendarEvent {
        summary: summary.into(),
        description: Some("09:00 Pause\n10:00 Inbound".into()),
        location: Some("Ward 3".into()),
        categories: vec!["Late".into()],
        span: EventSpan::Timed(hours(30, 38)),
        show_as: ShowAs::Busy,
        visibility: Visibility::Default,
        extras: EventExtras::default(),
    });
    let origin = OriginTag {
        mirror: MirrorName::new("ward").unwrap(),
        key: shift_key(id),
        part: domain::Part::Main,
        generation: 0,
        entity: content.fingerprint(),
    };
    Item { content, origin, revision: Revision { sequence: 0, revised_at: hour(0) } }
}

pub fn probe_of(item: &Item) -> Probe {
    Probe { key: Some(item.origin.item()), generation: 0, remote_id: None, shows: None }
}

pub async fn see(target: &Arc<dyn Target>, mailbox: &CalendarKey, probe: Probe) -> Sighting {
    target.look(mailbox, &[probe]).await.unwrap().remove(0)
}

fn conforms(adjust: impl FnOnce(&mut Options), keys: &str) {
    let post = Post::new(adjust);
    let target = post.try_mirror(testkit::builders::mirror().as_str(), keys).unwrap().target;
    let number = AtomicUsize::new(0);
    run(target_conformance(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        Bench {
            target: Arc::clone(&target),
            mirror: testkit::builders::mirror(),
            calendar: post.person(&format!("Anna{number}")),
            refuses_bad_tokens: true,
            keeps_origin: true,
        }
    }));
    assert_eq!(post.server.counts().throttled, 0, "by our own doing");
}

#[test]
fn keeps_its_promises_on_the_vendor_by_the_book() {
    conforms(|_| {}, "");
}

#[test]
fn keeps_its_promises_with_small_pages_and_another_name() {
    conforms(|it| it.mailbox.page_size = 3, "calendar = \"Rota – Süd\"");
}

#[test]
fn keeps_its_promises_where_a_delta_tells_of_each_event_twice_and_in_no_order() {
    conforms(|it| (it.mailbox.delta_repeats, it.mailbox.page_size) = (true, 3), "");
}

/// But for what only holds of calendars that are made: these are there before anybody asks.
fn conforms_in_a_calendar_that_is_there(keys: impl FnOnce(&Post) -> String) {
    let post = Post::new(|_| {});
    let keys = keys(&post);
    let target = post.try_mirror(testkit::builders::mirror().as_str(), &keys).unwrap().target;
    let made = "a_missing_calendar_is_said_to_be_missing_and_made_once";
    for (number, case) in CASES.iter().filter(|it| it.name != made).enumerate() {
        println!("{}", case.name);
        run((case.run)(Bench {
            target: Arc::clone(&target),
            mirror: testkit::builders::mirror(),
            calendar: post.person(&format!("Anna{number}")),
            refuses_bad_tokens: true,
            keeps_origin: true,
        }));
    }
}

#[test]
fn keeps_its_promises_in_default_calendars() {
    conforms_in_a_calendar_that_is_there(|_| "calendar = \"primary\"".to_owned());
}

#[test]
fn keeps_its_promises_in_a_shared_mailbox() {
    conforms_in_a_calendar_that_is_there(|post| {
        let ward = post.person("Ward");
        let address = post.server.read(|state| state.users[ward.as_str()].upn.clone());
        format!("shared = \"{address}\"")
    });
}

#[test]
fn an_answer_that_was_lost_makes_no_second_event_even_where_filters_lag_behind() {
    let lag = |it: &mut Options| it.mailbox.property_lag = Duration::from_secs(600);
    let post = Post::new(lag);
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        post.server
            .set_faults([Fault::on("POST").at("/events").times(1).then(What::ResetAfterApply)]);
        let first = item("a", "Late");
        let lost = target.create(&anna, &first).await.unwrap_err();
        assert_eq!(lost.class, FailureClass::Unknown);
        assert_eq!(see(&target, &anna, probe_of(&first)).await, Sighting::Absent, "not found yet");
        // It changed meanwhile: what is there is put right, not doubled.
        let changed = item("a", "Later");
        let again = target.create(&anna, &changed).await.unwrap();
        assert_eq!(again.echoed, Some(changed.content.fingerprint()));
        let there = post.events(&anna);
        assert_eq!(there.iter().map(|it| it.subject()).collect::<Vec<_>>(), ["Later"]);
    });
}

#[test]
fn a_copy_that_a_person_made_is_theirs_and_a_stripped_tag_is_not_believed() {
    let post = Post::new(|_| {});
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        let written = target.create(&anna, &item("a", "Late")).await.unwrap();
        let hers = post.server.at_calendar(anna.as_str());
        let copy = RemoteId(hers.copies(&written.remote_id.0).unwrap());
        let listing = target.list(&anna, None).await.unwrap();
        let origins: Vec<bool> = [&written.remote_id, &copy]
            .map(|id| {
                let entry = listing.entries.iter().find(|it| it.remote_id == *id).unwrap();
                entry.item.as_ref().unwrap().origin.is_some()
            })
            .to_vec();
        assert_eq!(origins, [true, false]);
        hers.strips_tags(&written.remote_id.0);
        let listing = target.list(&anna, None).await.unwrap();
        assert_eq!(listing.entries.len(), 2, "what lost its tag is still told of");
    });
}

#[test]
fn what_left_the_range_is_changed_and_not_removed_and_what_is_gone_is_removed() {
    let post = Post::new(|_| {});
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        let far = target.create(&anna, &item("far", "Far")).await.unwrap().remote_id;
        let gone = target.create(&anna, &item("gone", "Gone")).await.unwrap().remote_id;
        let token = target.list(&anna, None).await.unwrap().next.unwrap();
        let hers = post.server.at_calendar(anna.as_str());
        let at = |text: &str| text.parse().unwrap();
        hers.moves(&far.0, Span::Timed(at("2029-01-01T08:00:00Z"), at("2029-01-01T09:00:00Z")));
        hers.deletes(&gone.0);
        let delta = target.list(&anna, Some(&token)).await.unwrap();
        assert_eq!(delta.removed, [gone]);
        let told: Vec<_> = delta.entries.iter().map(|it| it.remote_id.clone()).collect();
        assert_eq!(told, std::slice::from_ref(&far));
        let full = target.list(&anna, None).await.unwrap();
        assert!(full.entries.iter().any(|it| it.remote_id == far), "found by its mark");
    });
}

#[test]
fn a_quiet_delta_is_one_request_and_an_old_token_asks_for_everything() {
    let post = Post::new(|_| {});
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        target.create(&anna, &item("a", "Late")).await.unwrap();
        let token = target.list(&anna, None).await.unwrap().next.unwrap();
        post.server.clear_log();
        let quiet = target.list(&anna, Some(&token)).await.unwrap();
        assert!(quiet.entries.is_empty() && quiet.removed.is_empty());
        assert_eq!(post.server.counts().requests, 1);
        post.server.expire_delta_tokens(anna.as_str());
        let refused = target.list(&anna, quiet.next.as_ref()).await.unwrap_err();
        assert_eq!(refused.class, FailureClass::DeltaExpired);
    });
}

#[test]
fn an_event_that_a_person_moved_to_another_calendar_comes_back_and_is_not_doubled() {
    let post = Post::new(|_| {});
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        let first = item("a", "Late");
        let written = target.create(&anna, &first).await.unwrap();
        post.passes(60);
        let hers = post.server.at_calendar(anna.as_str());
        assert!(hers.moves_to_calendar(&written.remote_id.0, "Private"));
        let probe = Probe { remote_id: Some(written.remote_id.clone()), ..probe_of(&first) };
        assert_eq!(see(&target, &anna, probe).await, Sighting::Absent);
        // Graph gives the one that was moved; it goes, and a new generation comes.
        let refused = target.create(&anna, &first).await.unwrap_err();
        assert_eq!(refused.class, FailureClass::Duplicate { at: None });
        let mut next = first.clone();
        next.origin.generation = 1;
        target.create(&anna, &next).await.unwrap();
        let all = post.server.mailbox(anna.as_str()).unwrap().events;
        assert_eq!(all.len(), 1);
        assert_eq!(post.events(&anna).len(), 1);
    });
}

#[test]
fn a_series_that_a_person_made_of_it_goes_and_it_is_made_anew() {
    let post = Post::new(|_| {});
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        let first = item("a", "Late");
        let written = target.create(&anna, &first).await.unwrap();
        post.server.at_calendar(anna.as_str()).makes_a_series_of(&written.remote_id.0, 7, 20);
        let probe = Probe { remote_id: Some(written.remote_id.clone()), ..probe_of(&first) };
        let Sighting::Present(seen) = see(&target, &anna, probe).await else { panic!("is there") };
        assert_eq!(seen.fingerprint, None, "it shows more than ours");
        let missing = target.update(&anna, &written.remote_id, None, &first).await.unwrap_err();
        assert_eq!(missing.class, FailureClass::Missing);
        target.create(&anna, &first).await.unwrap();
        let there = post.events(&anna);
        assert!(there.len() == 1 && there[0].series.is_none());
    });
}

#[test]
fn a_batch_of_many_mailboxes_is_one_request_and_each_item_has_its_own_outcome() {
    let post = Post::new(|_| {});
    let target = post.target();
    let people: Vec<CalendarKey> = (0..5).map(|n| post.person(&format!("P{n}"))).collect();
    run(async {
        for mailbox in &people {
            target.open(mailbox).await.unwrap();
        }
        post.server.clear_log();
        let faults = [
            Fault::on("POST")
                .at(&format!("{}/calendars", people[1]))
                .times(1)
                .then(What::throttled(7)),
            Fault::on("POST")
                .at(&format!("{}/calendars", people[2]))
                .times(1)
                .then(What::refusal(409, "ErrorConcurrentItemSave")),
            Fault::on("POST")
                .at(&format!("{}/calendars", people[3]))
                .times(1)
                .then(What::refusal(424, "FailedDependency")),
            Fault::on("POST")
                .at(&format!("{}/calendars", people[4]))
                .times(1)
                .then(What::refusal(412, "ErrorIrresolvableConflict")),
        ];
        post.server.set_faults(faults);
        let writes: Vec<Write> = people
            .iter()
            .map(|mailbox| Write {
                calendar: mailbox.clone(),
                what: WriteWhat::Create(item("a", "Late")),
                not_after: jiff::Timestamp::MAX,
            })
            .collect();
        let outcomes = target.write_all(&writes).await;
        assert_eq!(post.server.counts().requests, 1);
        let classes: Vec<Option<FailureClass>> =
            outcomes.into_iter().map(|it| it.err().map(|it| it.class)).collect();
        let throttled = FailureClass::Throttled {
            retry_after: Some(Duration::from_secs(7)),
            scope: QuotaScope::Calendar,
        };
        assert_eq!(
            classes,
            [
                None,
                Some(throttled),
                Some(FailureClass::Unknown),
                Some(FailureClass::Unavailable),
                Some(FailureClass::Unavailable),
            ]
        );
    });
}

#[test]
fn nobody_is_mailed_and_nothing_rings_and_everything_is_in_utc_with_immutable_ids() {
    let post = Post::new(|_| {});
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        let mut first = item("a", "Late");
        if let Content::Event(event) = &mut first.content {
            event.extras.attendees = vec![domain::Contact::new("b@example.com", None).unwrap()];
        }
        let written = target.create(&anna, &first).await.unwrap();
        target.delete(&anna, &written.remote_id, written.etag.as_ref()).await.unwrap();
        target.create(&anna, &item("b", "Early")).await.unwrap();
        let there = post.events(&anna);
        assert_eq!(there[0].said["isReminderOn"], false);
        assert!(there[0].attendees().is_empty());
        assert!(post.server.mailbox(anna.as_str()).unwrap().mails.is_empty());
        assert!(there[0].id == there[0].id.trim_start_matches("AAMkR"), "an immutable id");
    });
}

#[test]
fn a_shared_mailbox_takes_everybody_and_own_ones_go_by_id_before_address() {
    let post = Post::new(|_| {});
    let shared = post.try_mirror("ward", "shared = \"Ward@example.com\"").unwrap().target;
    let own = post.target();
    let ada = Employee {
        m365_id: Some("ADA-id".into()),
        email: Some("ada@example.com".into()),
        ..employee("ada")
    };
    let bob = Employee { m365_id: None, email: Some("Bob@Example.com".into()), ..employee("bob") };
    let work = Entity::Shift(shift("s", "ada", 30));
    let key = |text: &str| Placement::In(CalendarKey::new(text).unwrap());
    assert_eq!(shared.place(&work, None), key("ward@example.com"));
    assert_eq!(own.place(&work, Some(&ada)), key("ada-id"));
    assert_eq!(own.place(&work, Some(&bob)), key("bob@example.com"));
    let mut directory = Directory::default();
    let twin = Employee { id: employee("twin").id, ..bob.clone() };
    for it in [bob.clone(), twin] {
        directory.add(Entity::Employee(it));
    }
    own.meet(Arc::new(directory));
    assert!(matches!(own.place(&work, Some(&bob)), Placement::Unmapped(_)));
    let group = post.try_mirror("ward", "shared = \"Ward Team\"").map(|_| ()).unwrap_err();
    assert!(group.to_string().contains("groups cannot be written"), "{group}");
}

#[test]
fn a_mailbox_that_lost_its_licence_forgets_nothing() {
    let post = Post::new(|_| {});
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        assert_eq!(target.open(&anna).await, Ok(Opened::Made));
        let written = target.create(&anna, &item("a", "Late")).await.unwrap();
        post.server.remove_mailbox(anna.as_str());
        let refused = target.delete(&anna, &written.remote_id, None).await.unwrap_err();
        assert_eq!(refused.class, FailureClass::Forbidden);
        assert_eq!(target.list(&anna, None).await.unwrap_err().class, FailureClass::Forbidden);
    });
}

#[test]
fn a_spurious_412_on_reading_is_tried_again() {
    let post = Post::new(|_| {});
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        let conflict = What::refusal(412, "ErrorIrresolvableConflict");
        post.server.set_faults([Fault::on("GET").at("/events").times(1).then(conflict)]);
        let written = target.create(&anna, &item("a", "Late")).await.unwrap();
        let probe =
            Probe { key: None, generation: 0, remote_id: Some(written.remote_id), shows: None };
        let refused = target.look(&anna, &[probe]).await.unwrap_err();
        assert_eq!(refused.class, FailureClass::Unavailable);
        assert_eq!(post.asked("GET", "/events/"), 1);
    });
}

#[test]
fn our_calendar_is_found_again_when_a_person_deletes_it() {
    let post = Post::new(|_| {});
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        let item = item("a", "Late");
        target.create(&anna, &item).await.unwrap();
        assert!(post.server.at_calendar(anna.as_str()).deletes_calendar("Shifts"));
        let missing = target.create(&anna, &item).await.unwrap_err();
        assert_eq!(missing.class, FailureClass::CalendarMissing);
        assert_eq!(target.open(&anna).await, Ok(Opened::Made));
        target.create(&anna, &item).await.unwrap();
        assert_eq!(post.events(&anna).len(), 1);
    });
}

#[test]
fn no_budget_of_a_mailbox_is_exceeded_by_a_burst() {
    let post = Post::new(|it| {
        it.mailbox =
            MailboxOptions { takes: Duration::from_millis(2), ..MailboxOptions::default() };
    });
    let (target, anna) = (post.target(), post.person("Anna"));
    run(async {
        target.open(&anna).await.unwrap();
        post.passes(1);
        let writes: Vec<Write> = (0..20)
            .map(|n| Write {
                calendar: anna.clone(),
                what: WriteWhat::Create(item(&format!("s{n}"), "Late")),
                not_after: jiff::Timestamp::MAX,
            })
            .collect();
        for outcome in target.write_all(&writes).await {
            outcome.unwrap();
        }
        let ids: BTreeSet<_> = post.events(&anna).into_iter().map(|it| it.id).collect();
        assert_eq!(ids.len(), 20);
        assert_eq!(post.server.counts().throttled, 0);
    });
}
