//! A watcher that reads a server throughout, and complains of whatever is there twice.
//!
//! Its reading of iCalendar is a few lines of its own: it looks for lines that we know are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use simulators::caldav::CaldavServer;

use super::dav;
use super::reader::{Look, counted};

/// How a server is read: every event of these calendars, as text that holds its lines.
pub type Read = Box<dyn Fn() -> Vec<Event> + Send>;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The entity that its origin tag names; `None` without a tag.
    pub entity: Option<String>,
    pub look: Look,
}

/// What may be there: at most so often.
type Allowed = Arc<Mutex<BTreeMap<Look, usize>>>;

/// What a watcher saw.
#[derive(Debug, Default)]
pub struct Readings {
    /// How often it read the server.
    pub times: usize,
    /// How many items it saw at once, at most.
    pub most: usize,
    /// How many items it saw in all readings.
    pub items: usize,
}

/// A thread that reads until it is told to stop.
pub struct Watcher {
    allowed: Allowed,
    stop: Arc<AtomicBool>,
    complaint: Arc<Mutex<Option<String>>>,
    thread: JoinHandle<Readings>,
}

impl Watcher {
    /// Begins to read; nothing may be there yet.
    pub fn start(read: Read) -> Self {
        let allowed = Allowed::default();
        let stop = Arc::new(AtomicBool::new(false));
        let complaint: Arc<Mutex<Option<String>>> = Arc::default();
        let (limits, ended) = (Arc::clone(&allowed), Arc::clone(&stop));
        let complained = Arc::clone(&complaint);
        let thread = std::thread::spawn(move || {
            let mut readings = Readings::default();
            while !ended.load(Ordering::Relaxed) {
                let events = read();
                if let Err(found) = judge(&events, &limits.lock().unwrap()) {
                    *complained.lock().unwrap() = Some(found);
                    break;
                }
                readings.times += 1;
                readings.most = readings.most.max(events.len());
                readings.items += events.len();
            }
            readings
        });
        Self { allowed, stop, complaint, thread }
    }

    /// From now on, this may be there too.
    pub fn allow(&self, wanted: &BTreeMap<Look, usize>) {
        let mut allowed = self.allowed.lock().unwrap();
        for (look, count) in wanted {
            let limit = allowed.entry(look.clone()).or_insert(0);
            *limit = (*limit).max(*count);
        }
    }

    /// From now on, this may be there and nothing else: a sync has ended well.
    pub fn allow_only(&self, wanted: &BTreeMap<Look, usize>) {
        self.allowed.lock().unwrap().clone_from(wanted);
    }

    /// Nothing was ever there twice. What the watcher saw.
    #[track_caller]
    pub fn stop(self) -> Readings {
        self.stop.store(true, Ordering::Relaxed);
        let readings = self.thread.join().unwrap();
        let complaint = self.complaint.lock().unwrap();
        assert_eq!(*complaint, None);
        readings
    }

    /// What it has to complain of, if anything; it does not read on after that.
    pub fn complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap().clone()
    }
}

/// Complains of two items of one entity, of two that look the same unless the roster has them
/// twice, and of one that no roster has.
fn judge(events: &[Event], allowed: &BTreeMap<Look, usize>) -> Result<(), String> {
    let mut entities = BTreeSet::new();
    for Event { entity, look } in events {
        let Some(entity) = entity else {
            return Err(format!("an item without our tag: {look:?}"));
        };
        if !entities.insert(entity) {
            return Err(format!("two items of one entity: {entity} {look:?}"));
        }
    }
    for (look, count) in counted(events.iter().map(|it| it.look.clone())) {
        let limit = allowed.get(&look).copied().unwrap_or_default();
        if count > limit {
            return Err(format!("{count} times {look:?}, at most {limit} wanted"));
        }
    }
    Ok(())
}

/// Reads the played server from inside.
pub fn played(server: &Arc<CaldavServer>, calendars: &[String]) -> Read {
    let (server, calendars) = (Arc::clone(server), calendars.to_vec());
    Box::new(move || {
        let mut events = Vec::new();
        for calendar in &calendars {
            for data in server.objects(&format!("{calendar}/")).into_values() {
                events.extend(read(calendar, &data));
            }
        }
        events
    })
}

/// Reads Radicale, which answers a GET of a calendar with all of it at once.
pub fn radicale(home: &str, calendars: &[String]) -> Read {
    let (home, calendars) = (home.to_owned(), calendars.to_vec());
    Box::new(move || {
        let mut events = Vec::new();
        for calendar in &calendars {
            if let Some(data) = dav::get(&format!("{home}{calendar}/")) {
                events.extend(read(calendar, &data));
            }
        }
        events
    })
}

/// The events in a text of one calendar.
pub fn read(calendar: &str, data: &[u8]) -> Vec<Event> {
    let text = std::str::from_utf8(data).unwrap().replace("\r\n ", "").replace("\r\n\t", "");
    let event = |block: &str| {
        let value = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        let needed =
            |name: &str| value(name).unwrap_or_else(|| panic!("no `{name}` in {block}")).to_owned();
        // `1 mirror generation fingerprint kind id`
        let tag = value("X-ROTABRIDGE-ORIGIN:");
        Event {
            entity: tag.and_then(|it| it.splitn(5, ' ').nth(4)).map(str::to_owned),
            look: (calendar.to_owned(), needed("DTSTART:"), needed("DTEND:"), needed("SUMMARY:")),
        }
    };
    text.split("BEGIN:VEVENT").skip(1).map(event).collect()
}

#[test]
fn the_watcher_complains_of_what_is_there_twice() {
    let look = |title: &str| -> Look { ("a".into(), "1".into(), "2".into(), title.into()) };
    let event = |entity: &str, title| Event { entity: Some(entity.into()), look: look(title) };
    let allowed = counted([look("x"), look("x"), look("y")].into_iter());
    let judged = |events: &[Event]| judge(events, &allowed).is_ok();
    assert!(judged(&[event("1", "x"), event("2", "x"), event("3", "y")]));
    assert!(!judged(&[event("1", "x"), event("1", "y")]), "one entity twice");
    assert!(!judged(&[event("1", "y"), event("2", "y")]), "one look twice");
    assert!(!judged(&[event("1", "z")]), "nobody wants it");
    assert!(!judged(&[Event { entity: None, look: look("x") }]), "not ours");
}
