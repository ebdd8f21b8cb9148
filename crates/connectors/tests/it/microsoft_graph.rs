//! Signing in to the played Graph, and what comes of requests.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use connectors::microsoft_graph::MicrosoftGraphConfig;
use connectors::microsoft_graph::client::{Ask, GraphFailure, Version};
use connectors::microsoft_graph::connection::Connection;
use connectors::{ConnectionContext, ConnectionError};
use domain::ConnectionName;
use engine::port::{Clock, FailureClass, QuotaScope};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use simulators::graph::{APP, Certificate, Fault, GraphServer, Options, SECRET, TENANT, What};
use tempfile::TempDir;
use testkit::manual_clock::ManualClock;
use testkit::seeded_entropy::SeededEntropy;

/// The played vendor, our clock, which is the vendor's too, and the folder of the secret.
pub struct Stage {
    pub server: GraphServer,
    pub clock: ManualClock,
    pub folder: TempDir,
}

impl Stage {
    pub fn new(adjust: impl FnOnce(&mut Options)) -> Self {
        let clock = ManualClock::new("2026-11-21T08:00:00Z".parse().unwrap());
        let theirs = clock.clone();
        let mut options = Options {
            clock: Some(Arc::new(move || theirs.now())),
            quotas: None,
            ..Options::default()
        };
        adjust(&mut options);
        let server = GraphServer::start(options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let stage = Self { server, clock, folder };
        stage.put_secret(SECRET);
        stage
    }

    fn put_secret(&self, secret: &str) {
        std::fs::write(self.folder.path().join("secret"), secret).unwrap();
    }

    /// The configuration; `more` are further keys of it.
    pub fn config(&self, tenant: &str, more: &str) -> MicrosoftGraphConfig {
        let url = self.server.url();
        let text = format!(
            "{{ tenant_id = \"{tenant}\", client_id = \"{APP}\", graph_url = \"{url}\", \
             login_url = \"{url}\", {more} }}"
        );
        let section = toml::de::ValueDeserializer::parse(&text).unwrap();
        MicrosoftGraphConfig::deserialize(section).unwrap()
    }

    pub fn context(&self) -> ConnectionContext {
        ConnectionContext {
            name: ConnectionName::new("m365").unwrap(),
            base: self.folder.path().to_owned(),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(SeededEntropy::new(1)),
        }
    }

    pub fn connection(&self) -> Arc<Connection> {
        let config = self.config(TENANT, "client_secret_file = \"secret\"");
        config.connection(&self.context()).unwrap()
    }

    fn minutes_pass(&self, minutes: i64) {
        self.clock.advance(SignedDuration::from_mins(minutes));
    }

    /// Requests for tokens so far, granted or not.
    fn asked_for_tokens(&self) -> usize {
        self.server.requests().iter().filter(|it| it.target.ends_with("/token")).count()
    }
}

pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Asks for the schedule of a team that is not there: who is let in is told 404.
async fn knock(connection: &Connection) -> Result<(), GraphFailure> {
    let ask = Ask::get("/teams/none/schedule", "look at the schedule");
    match connection.graph().send(&ask).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.failure.status == Some(404) => Ok(()),
        Err(failure) => Err(failure),
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_hundred_tasks_of_two_mirrors_share_one_token() {
    let stage = Stage::new(|_| {});
    let slow = What::Delay(Duration::from_millis(50));
    stage.server.set_faults([Fault::on("POST").at("/token").then(slow)]);
    let config = stage.config(TENANT, "client_secret_file = \"secret\"");
    let one = config.connection(&stage.context()).unwrap();
    let other = config.connection(&stage.context()).unwrap();
    run(async {
        let all = join_all((0..100).map(|i| knock(if i % 2 == 0 { &one } else { &other })));
        assert!(all.await.iter().all(Result::is_ok));
    });
    assert_eq!(stage.server.counts().tokens, 1);
    assert_eq!(one.graph().requests_sent(), 101);
}

#[test]
fn a_token_is_renewed_ahead_of_its_end_while_it_is_used() {
    let stage = Stage::new(|_| {});
    let connection = stage.connection();
    run(async {
        knock(&connection).await.unwrap();
        stage.minutes_pass(44);
        knock(&connection).await.unwrap();
        assert_eq!(stage.server.counts().tokens, 1);
        stage.minutes_pass(2);
        let all = join_all((0..4).map(|_| knock(&connection))).await;
        assert!(all.iter().all(Result::is_ok));
        until("the renewal", || stage.server.counts().tokens == 2).await;
        knock(&connection).await.unwrap();
        // Past the end of the first, before the renewal of the second.
        stage.minutes_pass(30);
        knock(&connection).await.unwrap();
    });
    assert_eq!(stage.asked_for_tokens(), 2);
}

#[test]
fn a_failed_renewal_leaves_the_token_that_is_still_good() {
    let stage = Stage::new(|_| {});
    let connection = stage.connection();
    run(async {
        knock(&connection).await.unwrap();
        stage.minutes_pass(46);
        stage.server.set_faults([Fault::on("POST").at("/token").then(What::unavailable())]);
        knock(&connection).await.unwrap();
        until("an attempt", || stage.asked_for_tokens() == 2).await;
        for _ in 0..5 {
            knock(&connection).await.unwrap();
        }
        assert_eq!(stage.asked_for_tokens(), 2, "nobody tries again at once");
        stage.minutes_pass(1);
        knock(&connection).await.unwrap();
        until("another attempt", || stage.asked_for_tokens() == 3).await;
        // At its end there is nothing left to use.
        stage.minutes_pass(15);
        let failure = knock(&connection).await.unwrap_err().failure;
        assert_eq!(failure.class, FailureClass::Unavailable);
        assert!(failure.detail.starts_with("cannot sign in"), "{failure}");
        stage.server.set_faults([]);
        knock(&connection).await.unwrap();
    });
}

#[test]
fn a_token_that_is_over_is_not_sent() {
    let stage = Stage::new(|_| {});
    let connection = stage.connection();
    run(async {
        knock(&connection).await.unwrap();
        stage.minutes_pass(120);
        knock(&connection).await.unwrap();
    });
    assert_eq!(stage.server.counts().tokens, 2);
    assert!(stage.server.requests().iter().all(|it| it.status != Some(401)));
}

#[test]
fn a_revoked_token_is_dropped_once_by_everybody_who_meets_it() {
    let stage = Stage::new(|_| {});
    let connection = stage.connection();
    run(async {
        knock(&connection).await.unwrap();
        stage.minutes_pass(5);
        stage.server.revoke_tokens();
        // No more than may be sent in a second: asking again takes a turn, and the clock stands.
        let all = join_all((0..4).map(|_| knock(&connection))).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
    });
    assert_eq!(stage.server.counts().tokens, 2);
}

#[test]
fn who_is_refused_with_every_token_does_not_ask_for_ever() {
    let stage = Stage::new(|_| {});
    let connection = stage.connection();
    let refusal = What::refusal(401, "InvalidAuthenticationToken");
    stage.server.set_faults([Fault::on("GET").then(refusal)]);
    run(async {
        for _ in 0..10 {
            let failure = knock(&connection).await.unwrap_err().failure;
            assert_eq!(failure.class, FailureClass::Unauthorised);
        }
    });
    assert_eq!(stage.asked_for_tokens(), 2);
}

#[test]
fn a_permission_granted_later_is_there_when_the_token_is_no_longer_fresh() {
    let stage = Stage::new(|_| {});
    let connection = stage.connection();
    stage.server.set_faults([Fault::on("GET").then(What::refusal(403, "Forbidden"))]);
    run(async {
        let denied = knock(&connection).await.unwrap_err().failure;
        assert_eq!(denied.class, FailureClass::Forbidden);
        knock(&connection).await.unwrap_err();
        assert_eq!(stage.asked_for_tokens(), 1, "a fresh one would say the same");
        stage.minutes_pass(6);
        knock(&connection).await.unwrap_err();
        knock(&connection).await.unwrap_err();
        until("a new token", || stage.server.counts().tokens == 2).await;
    });
}

#[test]
fn a_wrong_secret_is_told_to_all_who_wait_and_shown_to_none() {
    let stage = Stage::new(|_| {});
    let wrong = "not~the.secret";
    stage.put_secret(wrong);
    let slow = What::Delay(Duration::from_millis(50));
    stage.server.set_faults([Fault::on("POST").at("/token").then(slow)]);
    let connection = stage.connection();
    run(async {
        for outcome in join_all((0..100).map(|_| knock(&connection))).await {
            let failure = outcome.unwrap_err().failure;
            assert_eq!(failure.class, FailureClass::Unauthorised);
            let text = failure.to_string();
            assert!(text.contains("AADSTS7000215: the client secret is wrong"), "{text}");
            assert!(text.contains("`client_secret_file`") && !text.contains(wrong), "{text}");
        }
        assert_eq!(stage.asked_for_tokens(), 1);
        // The administrator mends the file; nothing is restarted.
        stage.put_secret(SECRET);
        knock(&connection).await.unwrap();
    });
    assert!(!format!("{connection:?}").contains(SECRET));
}

#[test]
fn expired_secrets_and_unknown_names_are_told_apart() {
    let check = |stage: &Stage, tenant: &str, expected: &str| {
        let config = stage.config(tenant, "client_secret_file = \"secret\"");
        let connection = config.connection(&stage.context()).unwrap();
        let failure = run(knock(&connection)).unwrap_err().failure;
        assert_eq!(failure.class, FailureClass::Unauthorised);
        assert!(failure.detail.contains(expected), "{failure}");
    };
    let expired = Stage::new(|options| {
        options.apps[0].secrets[0].ends_at = "2026-01-01T00:00:00Z".parse().unwrap();
    });
    check(&expired, TENANT, "AADSTS7000222: the client secret has expired");
    check(&expired, "contoso.example", "AADSTS90002: there is no such tenant");
    let stranger = Stage::new(|options| options.apps[0].app_id = "other".into());
    check(&stranger, TENANT, "AADSTS700016: the tenant knows no such application");
}

/// Copies the certificate and its key beside the secret, and gives the certificate's DER.
pub fn certified(stage: &Stage) -> Vec<u8> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/microsoft_graph/fixtures");
    for file in ["certificate.pem", "key.pem"] {
        std::fs::copy(fixtures.join(file), stage.folder.path().join(file)).unwrap();
    }
    CertificateDer::from_pem_file(fixtures.join("certificate.pem")).unwrap().to_vec()
}

pub const CERTIFIED: &str =
    "certificate_file = \"certificate.pem\", private_key_file = \"key.pem\"";

#[test]
fn a_certificate_signs_in_where_it_is_known_and_only_there() {
    let stage = Stage::new(|_| {});
    let der = certified(&stage);
    let connection = stage.config(TENANT, CERTIFIED).connection(&stage.context()).unwrap();
    let failure = run(knock(&connection)).unwrap_err().failure;
    assert!(failure.detail.contains("AADSTS700027: the certificate is not known"), "{failure}");
    let ends_at: Timestamp = "2036-11-18T07:05:10Z".parse().unwrap();
    stage.server.update(|state| {
        state.apps[0].certificates.push(Certificate { der: der.clone(), ends_at });
    });
    run(knock(&connection)).unwrap();
    assert_eq!(stage.server.counts().tokens, 1);
}

#[test]
fn a_missing_file_is_told_before_anything_is_sent() {
    let stage = Stage::new(|_| {});
    let config = stage.config(TENANT, "client_secret_file = \"elsewhere\"");
    let error = config.connection(&stage.context()).unwrap_err();
    assert!(matches!(error, ConnectionError::File { key: "client_secret_file", .. }), "{error}");
    assert!(stage.server.requests().is_empty());
}

fn write() -> Ask {
    Ask::new(http::Method::POST, Version::V1, "/teams/t1/schedule/shifts", "make a shift")
        .json(&serde_json::json!({ "userId": "u" }))
}

#[test]
fn a_write_is_sent_once_and_a_lost_answer_leaves_it_open() {
    let stage = Stage::new(|_| {});
    let connection = stage.connection();
    let check = |what: What, expected: FailureClass| {
        stage.server.clear_log();
        stage.server.set_faults([Fault::on("POST").at("/shifts").then(what.clone())]);
        let failure = run(async { connection.graph().send(&write()).await.unwrap_err() });
        assert_eq!(failure.failure.class, expected, "{what:?}: {failure}");
        let seen = stage.server.requests();
        let writes = seen.iter().filter(|it| it.target.contains("/shifts"));
        assert_eq!(writes.count(), 1, "{what:?}");
    };
    check(What::ResetAfterApply, FailureClass::Unknown);
    check(What::ResetBefore, FailureClass::Unknown);
    check(What::StatusAfterApply(502), FailureClass::Unknown);
    check(What::unavailable(), FailureClass::Unknown);
    check(What::conflict(), FailureClass::Precondition);
}

#[test]
fn throttling_says_how_long_and_whose_budget_is_spent() {
    let stage = Stage::new(|_| {});
    let connection = stage.connection();
    stage.server.set_faults([Fault::on_any().at("/v1.0/").then(What::throttled(7))]);
    let check = |ask: Ask, scope| {
        let failure = run(async { connection.graph().send(&ask).await.unwrap_err() });
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(failure.failure.class, FailureClass::Throttled { retry_after, scope });
        assert!(failure.failure.detail.contains("(request 0000"), "{failure}");
    };
    check(write(), QuotaScope::Calendar);
    check(Ask::get("/users/u", "look at a person"), QuotaScope::Connection);
}
