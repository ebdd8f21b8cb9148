//! The `caldav` provider through its port: the promises of every target, on the played server in
//! all its moods, and on Radicale and Xandikos.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use connectors::{ConnectionContext, ConnectionError, MirrorContext, registry};
use domain::{CalendarKey, ConnectionName, MirrorName};
use engine::port::{Clock, FailureClass, FindingLevel, Opened, Target};
use jiff::Timestamp;
use simulators::caldav::{
    Account, CaldavServer, Making, Options, PutEtag, Rewriting, SyncSupport, TokenRefusal, UidCheck,
};
use testkit::builders::mirror;
use testkit::conformance::target::{Bench, target_conformance};
use testkit::servers::{self, DavServer, USERNAME};

#[derive(Debug)]
pub struct RealClock;

#[async_trait]
impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "servers of the real world say real times")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, _at: Timestamp) {}
}

/// A target as the binary makes it; `keys` is inside an inline table, and so is `mirror_keys`.
pub fn target_in(
    base: &Path,
    name: &MirrorName,
    keys: &str,
    mirror_keys: &str,
) -> Result<Arc<dyn Target>, ConnectionError> {
    let section = |keys: &str| format!("{{ {keys} }}");
    let descriptor = registry::provider("caldav").unwrap();
    let text = section(keys);
    let config = toml::de::ValueDeserializer::parse(&text).unwrap();
    let config = (descriptor.parse)(config).unwrap();
    config.validate().unwrap();
    let text = section(mirror_keys);
    let options = toml::de::ValueDeserializer::parse(&text).unwrap();
    let options = (descriptor.mirrors[0].parse)(options).unwrap();
    options.validate().unwrap();
    let context = ConnectionContext {
        name: ConnectionName::new("dav").unwrap(),
        base: base.to_owned(),
        clock: Arc::new(RealClock),
        entropy: Arc::new(testkit::seeded_entropy::SeededEntropy::new(1)),
    };
    let mirror = MirrorContext::plain(name.clone(), "UTC");
    Ok(config.mirror(&context, &mirror, &*options)?.target)
}

/// A target of the played server.
pub fn target(server: &CaldavServer) -> Arc<dyn Target> {
    let keys = format!("url = \"{}\"", server.url());
    let mirror_keys = r#"collection = "{employee}/""#;
    target_in(Path::new("/"), &mirror(), &keys, mirror_keys).unwrap()
}

/// A target of a real server.
pub fn target_of(server: &DavServer) -> Arc<dyn Target> {
    let keys = format!(
        "url = \"{}\", username = \"{USERNAME}\", password_file = \"password\"",
        server.url()
    );
    let mirror_keys = r#"collection = "{employee}/""#;
    target_in(server.folder(), &mirror(), &keys, mirror_keys).unwrap()
}

pub fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

fn conforms(target: &Arc<dyn Target>, change: impl Fn(&mut Bench)) {
    let number = AtomicUsize::new(0);
    run(target_conformance(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let mut bench = Bench {
            target: Arc::clone(target),
            mirror: mirror(),
            calendar: CalendarKey::new(format!("anna-{number}/")).unwrap(),
            refuses_bad_tokens: true,
            keeps_origin: true,
        };
        change(&mut bench);
        bench
    }));
}

fn played(options: Options, change: impl Fn(&mut Bench)) -> CaldavServer {
    let server = CaldavServer::start(options).unwrap();
    conforms(&target(&server), change);
    server
}

#[test]
fn keeps_its_promises_on_a_server_by_the_book() {
    played(Options::default(), |_| {});
}

#[test]
fn keeps_its_promises_where_etags_after_writing_are_weak_or_absent() {
    for put_etag in [PutEtag::Weak, PutEtag::Absent] {
        let options =
            Options { put_etag, rewriting: Rewriting::DropsUnknown, ..Options::default() };
        played(options, |bench| bench.keeps_origin = false);
    }
}

#[test]
fn keeps_its_promises_without_sync_collection() {
    let refused = |sync| {
        let server = played(Options { sync, ..Options::default() }, |_| {});
        let reports = server.requests().into_iter();
        reports.filter(|it| it.method == "REPORT" && it.status == Some(403)).count()
    };
    // The report is tried once; then it is known that it is not there.
    assert_eq!(refused(SyncSupport::Refused), 1);
    // A bare 403 could be about one calendar: the others are asked.
    assert!(refused(SyncSupport::RefusedBare) > 1);
}

#[test]
fn keeps_its_promises_where_answers_are_cut_short() {
    for page_size in [1, 7] {
        let options = Options { page_size: Some(page_size), ..Options::default() };
        played(options, |_| {});
    }
}

#[test]
fn keeps_its_promises_where_tokens_are_refused_in_other_ways() {
    for token_refusal in [TokenRefusal::Precondition, TokenRefusal::Crash] {
        let options = Options { token_refusal, ..Options::default() };
        played(options, |_| {});
    }
    let options = Options { sync: SyncSupport::AcceptsGarbage, ..Options::default() };
    played(options, |bench| bench.refuses_bad_tokens = false);
}

#[test]
fn keeps_its_promises_without_multiget() {
    let options = Options { multiget: false, ..Options::default() };
    played(options, |_| {});
}

#[test]
fn keeps_its_promises_where_calendars_are_made_in_other_ways() {
    for making in [Making::ExtendedMkcol, Making::EmptyMultistatus] {
        let options = Options { making, missing_calendar_status: 404, ..Options::default() };
        played(options, |_| {});
    }
}

#[test]
fn keeps_its_promises_whatever_is_thought_of_equal_uids() {
    for uid_check in [UidCheck::Bare, UidCheck::None] {
        let options = Options { uid_check, ..Options::default() };
        played(options, |_| {});
    }
}

#[test]
fn keeps_its_promises_on_radicale() {
    let Some(server) = servers::radicale() else {
        return;
    };
    conforms(&target_of(&server), |_| {});
}

#[test]
fn keeps_its_promises_on_xandikos() {
    let Some(server) = servers::xandikos() else {
        return;
    };
    conforms(&target_of(&server), |_| {});
}

#[test]
fn a_password_lets_in_and_a_wrong_one_is_said_to_be_wrong() {
    let Some(server) = servers::radicale_with_password() else {
        return;
    };
    let calendar = CalendarKey::new("anna/").unwrap();
    let good = target_of(&server);
    run(good.open(&calendar)).unwrap();
    std::fs::write(server.password_file(), "wrong\n").unwrap();
    let bad = target_of(&server);
    let failure = run(bad.open(&calendar)).unwrap_err();
    assert_eq!((failure.class, failure.status), (FailureClass::Unauthorised, Some(401)));
    let findings = run(bad.check());
    let finding = findings.iter().find(|it| it.level == FindingLevel::Error).unwrap();
    assert!(finding.message.contains("HTTP 401"), "{finding:?}");
    assert!(finding.hint.as_ref().unwrap().contains("password_file"), "{finding:?}");
}

#[test]
fn calendars_are_discovered_where_no_collection_is_named() {
    let server = CaldavServer::start(Options {
        account: Some(Account { name: "rota".into(), password: "pw".into() }),
        ..Options::default()
    });
    let server = server.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pw"), "pw\n").unwrap();
    let keys =
        format!("url = \"{}\", username = \"rota\", password_file = \"pw\"", server.root_url());
    let target = target_in(folder.path(), &mirror(), &keys, "").unwrap();
    conforms(&target, |_| {});
    // The suite asks one target only what it can do, so the first calendar is not always made.
    let made = |path: &str| path.starts_with("/dav/calendars/rota/anna-");
    assert!(server.requests().iter().any(|it| made(&it.path)));
    let asked = server.requests().into_iter();
    let asked = asked.filter(|it| it.path == "/.well-known/caldav");
    assert_eq!(asked.count(), 1, "what was discovered is remembered");
}

#[test]
fn calendars_are_discovered_on_real_servers() {
    for server in [servers::radicale(), servers::xandikos()].into_iter().flatten() {
        let keys = format!(
            "url = \"{}\", username = \"{USERNAME}\", password_file = \"password\"",
            server.root_url()
        );
        let target = target_in(server.folder(), &mirror(), &keys, "").unwrap();
        let calendar = CalendarKey::new("anna/").unwrap();
        run(target.open(&calendar)).unwrap();
        // The same place as when it is named.
        let listing = run(target_of(&server).list(&calendar, None)).unwrap();
        assert!(listing.full);
    }
}

#[test]
fn a_private_certificate_is_trusted_only_where_the_operator_says_so() {
    let Some(server) = servers::radicale_with_tls() else {
        return;
    };
    let calendar = CalendarKey::new("anna/").unwrap();
    let credentials = format!("username = \"{USERNAME}\", password_file = \"password\"");
    let open = |more: &str| {
        let keys = format!("url = \"{}\", {credentials}{more}", server.url());
        let target = target_in(server.folder(), &mirror(), &keys, "collection = \"anna/\"");
        run(target.unwrap().open(&calendar))
    };
    let refused = open("").unwrap_err();
    assert_eq!(refused.class, FailureClass::Unavailable, "surely nothing was sent: {refused}");
    assert!(refused.detail.contains("certificate"), "{refused}");
    assert_eq!(open(", ca_file = \"ca.pem\""), Ok(Opened::Made));
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.pem"), "no certificate").unwrap();
    let error = |keys: &str| {
        let keys = format!("url = \"https://dav.example.com\", {keys}");
        let made = target_in(folder.path(), &mirror(), &keys, "");
        made.err().unwrap().to_string()
    };
    let text = error("username = \"a\", password_file = \"nowhere\"");
    assert!(text.starts_with("`password_file`: cannot read `"), "{text}");
    let text = error("ca_file = \"empty.pem\"");
    assert!(text.contains("empty.pem`: expected certificates in PEM form: found none"), "{text}");
}
