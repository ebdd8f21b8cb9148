//! The `caldav` provider when things go wrong on the way: what is said to be unknown, what is
//! surely not applied, and that nothing is ever sent twice.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use domain::limits::RESPONSE_BYTES_MAX;
use domain::{CalendarEvent, CalendarKey, EventExtras, EventSpan, OriginTag, ShowAs, Visibility};
use engine::port::{
    Content, Failure, FailureClass, Item, Opened, Probe, QuotaScope, Revision, Sighting, Target,
    Written,
};
use simulators::caldav::{CaldavServer, Fault, Options, What};
use testkit::builders::{hour, hours, mirror, shift_key};

use crate::caldav::{run, target, target_in};

pub fn item(id: &str, summary: &str) -> Item {
    let content = Content::Event(CalendarEvent {
        summary: summary.into(),
        description: None,
        location: None,
        categories: vec![],
        span: EventSpan::Timed(hours(8, 16)),
        show_as: ShowAs::Busy,
        visibility: Visibility::Default,
        extras: EventExtras::default(),
    });
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

pub struct Stage {
    pub server: CaldavServer,
    pub target: Arc<dyn Target>,
    pub calendar: CalendarKey,
}

impl Stage {
    pub fn new(options: Options) -> Self {
        let server = CaldavServer::start(options).unwrap();
        server.add_calendar("anna/");
        Self { target: target(&server), server, calendar: CalendarKey::new("anna/").unwrap() }
    }

    /// With requests that are given up after a moment.
    fn impatient() -> Self {
        let mut stage = Self::new(Options::default());
        let keys = format!("url = \"{}\", timeout = \"200ms\"", stage.server.url());
        let mirror_keys = r#"collection = "{employee}/""#;
        stage.target = target_in(Path::new("/"), &mirror(), &keys, mirror_keys).unwrap();
        stage
    }

    pub fn create(&self, item: &Item) -> Result<Written, Failure> {
        run(self.target.create(&self.calendar, item))
    }

    pub fn count(&self) -> usize {
        self.server.objects("anna/").len()
    }
}

/// Sends one create into a fault, on a connection that was used before.
fn create_into(stage: &Stage, what: What) -> Failure {
    run(async {
        let target = &stage.target;
        target.open(&stage.calendar).await.unwrap();
        stage.server.clear_log();
        stage.server.set_faults([Fault::on("PUT").times(1).then(what)]);
        let created = target.create(&stage.calendar, &item("a", "Late")).await;
        created.unwrap_err()
    })
}

#[test]
fn an_answer_that_was_lost_after_the_write_is_unknown_and_sent_once() {
    for what in [
        What::ResetAfterApply,
        What::TruncateBody,
        What::LoseAnswerAfterApply,
        What::StatusAfterApply(500),
        What::StatusAfterApply(502),
        What::StatusAfterApply(504),
    ] {
        let stage = Stage::impatient();
        let failure = create_into(&stage, what.clone());
        assert_eq!(failure.class, FailureClass::Unknown, "{what:?}: {failure}");
        assert_eq!((stage.count(), stage.server.count("PUT")), (1, 1), "{what:?}");
        // A look settles it, and a repeated create does no harm.
        let again = stage.create(&item("a", "Late")).unwrap_err();
        assert_eq!(again.class, FailureClass::Precondition, "{what:?}");
    }
}

#[test]
fn a_reset_before_the_write_is_unknown_too_because_nobody_can_tell() {
    let stage = Stage::new(Options::default());
    let failure = create_into(&stage, What::ResetBefore);
    assert_eq!(failure.class, FailureClass::Unknown, "{failure}");
    assert_eq!((stage.count(), stage.server.count("PUT")), (0, 1));
    stage.create(&item("a", "Late")).unwrap();
}

#[test]
fn a_lost_delete_is_unknown_and_a_lost_read_is_not() {
    let stage = Stage::new(Options::default());
    let written = stage.create(&item("a", "Late")).unwrap();
    let reset = |method: &str| [Fault::on(method).times(1).then(What::ResetAfterApply)];
    stage.server.set_faults(reset("DELETE"));
    let (target, calendar) = (&stage.target, &stage.calendar);
    let etag = written.etag.as_ref();
    let lost = run(target.delete(calendar, &written.remote_id, etag)).unwrap_err();
    assert_eq!(lost.class, FailureClass::Unknown);
    stage.server.set_faults(reset("REPORT"));
    let lost = run(target.list(calendar, None)).unwrap_err();
    assert_eq!(lost.class, FailureClass::Unavailable);
    stage.server.set_faults([Fault::on("REPORT").times(1).then(What::TruncateBody)]);
    let lost = run(target.list(calendar, None)).unwrap_err();
    assert_eq!(lost.class, FailureClass::Unavailable);
    assert!(run(target.list(calendar, None)).unwrap().entries.is_empty());
}

#[test]
fn a_lost_making_of_a_calendar_is_unknown_and_opening_again_finds_it() {
    let stage = Stage::new(Options::default());
    let fault = Fault::on("MKCALENDAR").times(1).then(What::ResetAfterApply);
    stage.server.set_faults([fault]);
    let calendar = CalendarKey::new("berta/").unwrap();
    let lost = run(stage.target.open(&calendar)).unwrap_err();
    assert_eq!(lost.class, FailureClass::Unknown);
    assert_eq!(run(stage.target.open(&calendar)), Ok(Opened::Found));
}

#[test]
fn being_asked_to_wait_is_told_with_the_time_and_costs_one_request() {
    let wait = |seconds| FailureClass::Throttled {
        retry_after: Some(Duration::from_secs(seconds)),
        scope: QuotaScope::Connection,
    };
    let unavailable = What::Status { code: 503, retry_after: Some("3".into()) };
    let long_ago =
        What::Status { code: 429, retry_after: Some("Sun, 06 Nov 1994 08:49:37 GMT".into()) };
    let bare = FailureClass::Throttled { retry_after: None, scope: QuotaScope::Connection };
    for (what, expected) in [
        (What::throttled(7), wait(7)),
        (unavailable, wait(3)),
        (long_ago, wait(0)),
        (What::status(429), bare),
        (What::status(503), FailureClass::Unavailable),
    ] {
        let stage = Stage::new(Options::default());
        let failure = create_into(&stage, what);
        assert_eq!(failure.class, expected);
        assert_eq!((stage.count(), stage.server.count_all()), (0, 1));
    }
}

#[test]
fn a_server_that_is_not_there_is_unavailable_and_nothing_was_written() {
    let stage = Stage::new(Options::default());
    let Stage { server, target, calendar } = stage;
    run(target.open(&calendar)).unwrap();
    drop(server);
    let failure = run(target.create(&calendar, &item("a", "Late"))).unwrap_err();
    assert_eq!(failure.class, FailureClass::Unavailable, "{failure}");
}

/// Serves one request per connection, without a word about it, and reports each farewell.
fn close_after_each_answer(listener: &TcpListener, closed: &mpsc::Sender<()>) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        while !seen.ends_with(b"END:VCALENDAR\r\n") {
            let count = stream.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "the request ended early");
            seen.extend_from_slice(&buffer[..count]);
        }
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).unwrap();
        drop(stream);
        if closed.send(()).is_err() {
            return;
        }
    }
}

#[test]
fn an_idle_connection_that_the_server_closed_is_noticed_before_anything_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let keys = format!("url = \"http://{}/\"", listener.local_addr().unwrap());
    let target = target_in(Path::new("/"), &mirror(), &keys, r#"collection = "anna/""#).unwrap();
    let (closed, farewells) = mpsc::channel();
    std::thread::spawn(move || close_after_each_answer(&listener, &closed));
    let calendar = CalendarKey::new("anna/").unwrap();
    run(async {
        for number in 0..20 {
            let item = item(&number.to_string(), "Late");
            target.create(&calendar, &item).await.unwrap();
            farewells.recv().unwrap();
        }
    });
    assert_eq!(target.requests_sent(), 20);
}

#[test]
fn nothing_is_sent_without_a_strong_etag() {
    let stage = Stage::new(Options::default());
    let written = stage.create(&item("a", "Late")).unwrap();
    stage.server.clear_log();
    let (target, calendar, id) = (&stage.target, &stage.calendar, &written.remote_id);
    let item = item("a", "Changed");
    let update = run(target.update(calendar, id, None, &item)).unwrap_err();
    assert_eq!(update.class, FailureClass::Refused, "asking again would not help: {update}");
    let delete = run(target.delete(calendar, id, None)).unwrap_err();
    assert_eq!(delete.class, FailureClass::Refused);
    assert!(delete.detail.contains("no strong etag"), "{delete}");
    assert_eq!(stage.server.count_all(), 0);
}

#[test]
fn too_many_objects_for_one_answer_are_asked_for_in_halves() {
    let stage = Stage::new(Options::default());
    let mut probes = Vec::new();
    for number in 0..4 {
        let written = stage.create(&item(&number.to_string(), "Late")).unwrap();
        let remote_id = Some(written.remote_id);
        probes.push(Probe { key: None, generation: 0, remote_id, shows: None });
    }
    let endless = || What::Garbage(" ".repeat(RESPONSE_BYTES_MAX + 1));
    let look = || run(stage.target.look(&stage.calendar, &probes)).unwrap();
    let expected = look();
    stage.server.clear_log();
    stage.server.set_faults([Fault::on("REPORT").times(1).then(endless())]);
    assert_eq!(look(), expected);
    assert_eq!((stage.server.count("REPORT"), stage.server.count_all()), (3, 3));
    // The first object alone is too large: four of them, two, one.
    stage.server.set_faults([Fault::on("REPORT").times(3).then(endless())]);
    let seen = look();
    let [Sighting::Present(first), rest @ ..] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((&first.etag, &first.origin, first.fingerprint), (&None, &None, None));
    assert_eq!(rest, &expected[1..]);
    // And so is a listing, which is no reason to take the server for unreachable.
    stage.server.set_faults([Fault::on("REPORT").then(endless())]);
    let failure = run(stage.target.list(&stage.calendar, None)).unwrap_err();
    assert_eq!(failure.class, FailureClass::Refused, "{failure}");
}

#[test]
fn a_report_that_was_refused_once_is_asked_for_again() {
    for code in [400, 403, 415] {
        let stage = Stage::new(Options::default());
        let written = stage.create(&item("a", "Late")).unwrap();
        let refused = |code| Fault::on("REPORT").times(1).then(What::status(code));
        let probe =
            Probe { key: None, generation: 0, remote_id: Some(written.remote_id), shows: None };
        let reports = || {
            stage.server.clear_log();
            let listing = run(stage.target.list(&stage.calendar, None)).unwrap();
            let seen = run(stage.target.look(&stage.calendar, std::slice::from_ref(&probe)));
            assert!(matches!(&seen.unwrap()[..], [Sighting::Present(_)]));
            (listing.next.is_some(), stage.server.count("GET"))
        };
        stage.server.set_faults([refused(code)]);
        assert_eq!(reports(), (false, 0), "{code}");
        stage.server.set_faults([refused(code)]);
        let seen = run(stage.target.look(&stage.calendar, std::slice::from_ref(&probe)));
        assert!(matches!(&seen.unwrap()[..], [Sighting::Present(_)]));
        assert_eq!(reports(), (true, 0), "{code}");
    }
}

#[test]
fn a_report_that_the_server_does_not_have_is_asked_for_once() {
    for code in [405, 501] {
        let stage = Stage::new(Options::default());
        let written = stage.create(&item("a", "Late")).unwrap();
        let probe =
            Probe { key: None, generation: 0, remote_id: Some(written.remote_id), shows: None };
        stage.server.set_faults([Fault::on("REPORT").then(What::status(code))]);
        stage.server.clear_log();
        for _ in 0..2 {
            run(stage.target.list(&stage.calendar, None)).unwrap();
            run(stage.target.look(&stage.calendar, std::slice::from_ref(&probe))).unwrap();
        }
        assert_eq!(stage.server.count("REPORT"), 2, "{code}: one of each kind");
    }
}

/// Answers every request with a redirect to another path, after a while.
fn redirect_slowly(listener: &TcpListener, pause: Duration) {
    for (number, stream) in listener.incoming().enumerate() {
        let mut stream = stream.unwrap();
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        while !seen.ends_with(b"</D:propfind>") {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => seen.extend_from_slice(&buffer[..count]),
            }
        }
        std::thread::sleep(pause);
        let answer = format!(
            "HTTP/1.1 307 There\r\nLocation: /{number}\r\nContent-Length: 0\r\n\
             Connection: close\r\n\r\n"
        );
        // Whoever gave up is gone.
        let _ = stream.write_all(answer.as_bytes());
    }
}

#[test]
fn redirects_share_the_time_of_one_request() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // All six answers together take longer than the time, each of them takes less.
    let keys = format!("url = \"http://{address}/\", timeout = \"1500ms\"");
    std::thread::spawn(move || redirect_slowly(&listener, Duration::from_millis(400)));
    let target = target_in(Path::new("/"), &mirror(), &keys, r#"collection = "anna/""#).unwrap();
    let failure = run(target.open(&CalendarKey::new("anna/").unwrap())).unwrap_err();
    assert_eq!(failure.class, FailureClass::Unavailable, "{failure}");
    assert!(failure.detail.contains("no complete answer in 1.5s"), "{failure}");
}

#[test]
fn an_answer_that_is_no_answer_is_said_to_be_one() {
    let stage = Stage::new(Options::default());
    for text in [
        "",
        "hello",
        "<html><body>Sign in</body></html>",
        "<multistatus xmlns=\"DAV:\"><response>",
        "<!DOCTYPE a [<!ENTITY x \"y\">]><multistatus xmlns=\"DAV:\">&x;</multistatus>",
    ] {
        let garbage = |method| Fault::on(method).then(What::Garbage(text.into()));
        stage.server.set_faults([garbage("REPORT"), garbage("PROPFIND")]);
        let failure = run(stage.target.list(&stage.calendar, None)).unwrap_err();
        assert_eq!(failure.class, FailureClass::Bug, "{text}: {failure}");
        let failure = run(stage.target.open(&stage.calendar)).unwrap_err();
        assert_eq!(failure.class, FailureClass::Bug, "{text}: {failure}");
    }
}

#[test]
fn requests_at_once_use_as_many_connections_and_reuse_them() {
    let stage = Stage::new(Options::default());
    run(async {
        for round in 0..5 {
            let creates = (0..4).map(|lane| {
                let item = item(&format!("{round}-{lane}"), "Late");
                let (target, calendar) = (Arc::clone(&stage.target), stage.calendar.clone());
                tokio::spawn(async move { target.create(&calendar, &item).await })
            });
            for create in creates.collect::<Vec<_>>() {
                create.await.unwrap().unwrap();
            }
        }
    });
    assert_eq!(stage.count(), 20);
    assert!(stage.server.connections() <= 4, "{}", stage.server.connections());
    assert_eq!(stage.target.requests_sent(), 20);
}
