//! Hints of the played Outlook and Google Calendar, end to end: `serve` asks to be told, the vendor
//! makes sure of the address, a person changes our event, and it is put right within seconds, long
//! before the next poll. Lost hints and lost promises, too; and what the metrics say of it all.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::asks::{InGoogle, InOutlook, Place};
use crate::world::World;

/// Longer than anything here takes, and much shorter than `drift_interval`.
const PATIENCE: Duration = Duration::from_secs(60);

#[expect(clippy::disallowed_methods, reason = "how long a test has waited")]
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("not within {PATIENCE:?}: {what}");
}

/// A serving process, killed in the end.
pub struct Serving {
    child: Child,
    port: u16,
}

impl Serving {
    /// Everything is mirrored before it starts.
    pub fn of(world: &World) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let server = format!("listen = \"{address}\"\npublic_url = \"http://{address}\"");
        world.edit("listen = \"127.0.0.1:0\"", &server);
        world.run(&["sync", "--full"]).exits(0);
        let mut command = world.command(&["serve"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, port }
    }

    /// One request; the whole answer.
    fn ask(&self, request: &str) -> String {
        let mut text = String::new();
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            stream.read_to_string(&mut text).unwrap();
        }
        text
    }

    fn metrics(&self) -> String {
        self.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn starts(place: &dyn Place) -> Vec<String> {
    place.shifts().into_iter().map(|it| it.start).collect()
}

/// A person moves a shift: it is put right when `deliver` has carried the hint.
fn is_put_right(place: &dyn Place, number: usize, mut deliver: impl FnMut()) {
    let before = starts(place);
    place.moves(&place.shifts()[number].id, SignedDuration::from_hours(1));
    assert_ne!(starts(place), before);
    deliver();
    until("what was moved is put right", || starts(place) == before);
}

#[test]
fn what_a_person_moves_in_outlook_is_put_right_within_seconds() {
    let place = InOutlook::new();
    let world = place.mirrored("");
    let serving = Serving::of(&world);
    let graph = &place.server;
    let kept = || -> Vec<(String, Timestamp)> {
        graph.read(|state| {
            state.subscriptions.values().map(|it| (it.id.clone(), it.expires_at)).collect()
        })
    };
    // It is there only when `serve` has echoed Graph's validation token.
    until("the mailbox is subscribed to", || kept().len() == 1);
    is_put_right(&place, 0, || assert!(graph.deliver_notifications() > 0));

    // Hints were lost, and Graph says so.
    is_put_right(&place, 1, || {
        graph.lose_notifications();
        graph.tell_lifecycle("missed");
        assert_eq!(graph.deliver_notifications(), 1);
    });

    let first = kept();
    std::thread::sleep(Duration::from_secs(2));
    graph.tell_lifecycle("reauthorizationRequired");
    graph.deliver_notifications();
    until("it is renewed at once", || {
        let now = kept();
        now.len() == 1 && now[0].0 == first[0].0 && now[0].1 > first[0].1
    });

    // The promise is gone: another one is made, and what happened in between is looked at.
    is_put_right(&place, 2, || {
        graph.lose_notifications();
        graph.tell_lifecycle("subscriptionRemoved");
        assert_eq!(graph.deliver_notifications(), 1);
    });
    until("it is subscribed to again", || kept().iter().any(|it| it.0 != first[0].0));
    let metrics = serving.metrics();
    assert!(metrics.contains("rotabridge_mirror_drift{"), "{metrics}");
    assert!(metrics.contains("rotabridge_mirror_conflicts{"), "{metrics}");
}

/// Carries what the played Google has to say; how many were taken.
pub fn carry(place: &InGoogle, serving: &Serving) -> usize {
    let notices = place.server.take_notices();
    let taken = notices.iter().filter(|notice| {
        let url = url::Url::parse(&notice.address).unwrap();
        assert_eq!(url.port(), Some(serving.port));
        let headers = notice.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let headers: String = headers.collect();
        let answer = serving.ask(&format!(
            "POST {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\
             {headers}\r\n",
            url.path()
        ));
        answer.starts_with("HTTP/1.1 200")
    });
    taken.count()
}

#[test]
fn what_a_person_moves_in_google_calendar_is_put_right_within_seconds() {
    let place = InGoogle::new();
    let policy = "foreign_events = \"change\"\nconflict_policy = \"wfm_priority_override\"\n\
                  conflicts = { action = \"delete\" }";
    let world = place.mirrored(policy);
    let serving = Serving::of(&world);
    let channels = || place.server.read(|state| state.channels.len());
    until("her calendars are watched: ours, and her first one", || channels() == 2);
    is_put_right(&place, 0, || assert!(carry(&place, &serving) > 0));

    // What she plans in her own calendar is a hint, too: it stands in the way of a shift.
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let (from, to) = (at("2030-03-06T09:00:00Z"), at("2030-03-06T10:00:00Z"));
    place.plans("Dentist", from, to);
    assert_eq!(place.own_events(), 1);
    assert!(carry(&place, &serving) > 0);
    until("it is out of the way", || place.own_events() == 0);
    until("the metrics tell of it", || {
        let metrics = serving.metrics();
        metrics.contains("rotabridge_events_changed_total{")
    });
}
