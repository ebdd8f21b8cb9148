//! A roster of a played Genesys Cloud, mirrored by the real binary: exactly, without a write when
//! nothing changed or a week was published again, and whole after `kill -9`.
//!
//! Real rosters come from `../shared`; a test that misses one says that it skips. Their dates are
//! moved to now, because the vendor tells of half a year only and the binary has the real clock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use simulators::caldav::CaldavServer;
use simulators::genesys::people::monday_of;
use simulators::genesys::{CLIENT, Fault, GenesysServer, Options, SECRET, What};

use crate::feeds::Service;
use crate::schedule_api::Client;
use crate::world::{Run, World, counts};

const ZONE: &str = "Europe/Berlin";

/// Who, from when, until when.
pub type Look = (String, Timestamp, Timestamp);

pub struct Site {
    pub genesys: GenesysServer,
    pub unit: String,
    pub world: World,
    /// Agents by the names that a roster file has for them.
    pub agents: BTreeMap<String, String>,
}

impl Site {
    pub fn new() -> Self {
        let options = Options { rate: None, ..Options::default() };
        let genesys = GenesysServer::start(options).unwrap();
        let unit = genesys.add_business_unit("Ward", ZONE);
        let world = World::new();
        world.write("secret", SECRET);
        world.edit(
            "[[roster]]",
            &format!(
                "[[connection]]\nname = \"genesys\"\nkind = \"genesys_cloud\"\n\
                 client_id = \"{CLIENT}\"\nclient_secret_file = \"secret\"\n\
                 api_url = \"{url}\"\nlogin_url = \"{url}\"\nrequests_per_minute = 100000\n\n\
                 [[roster]]",
                url = genesys.url()
            ),
        );
        world.edit("source = \"exports\"", "source = \"genesys\"");
        world.edit("past = \"2000w\", future = \"2000w\"", "past = \"12w\", future = \"12w\"");
        Self { genesys, unit, world, agents: BTreeMap::new() }
    }

    /// Plans what is in a roster file: the rows of a few weeks, moved to begin `back` weeks ago.
    pub fn load(&mut self, file: &str, weeks: i64, back: i64) -> Option<usize> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/rosters").join(file);
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("skipped: {} is not there", path.display());
            return None;
        };
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        let rows: Vec<BTreeMap<&str, &str>> =
            lines.map(|line| header.iter().copied().zip(line.split(',')).collect()).collect();
        let date = |row: &BTreeMap<&str, &str>, name: &str| row[name].parse::<Date>().unwrap();
        let first = monday_of(rows.iter().map(|it| date(it, "date")).min().unwrap());
        let here = monday_of(now().to_zoned(TimeZone::UTC).date()) - jiff::Span::new().weeks(back);
        let by = here.since(first).unwrap();
        let end = first + jiff::Span::new().weeks(weeks);
        let mut codes: BTreeMap<String, String> = BTreeMap::new();
        let mut teams: BTreeMap<String, String> = BTreeMap::new();
        let mut count = 0;
        for row in rows.iter().filter(|it| date(it, "date") < end) {
            let team = row.get("contract").copied().unwrap_or("Ward").to_owned();
            let team = teams
                .entry(team.clone())
                .or_insert_with(|| self.genesys.add_team(&self.unit, &team))
                .clone();
            let name = format!("{} {}", row.get("set").unwrap_or(&""), row["employee"]);
            let number = self.agents.len();
            let agent = self.agents.entry(name.clone()).or_insert_with(|| {
                self.genesys.hire(&team, &name, &format!("a{number}@example.com"))
            });
            let label = row["shift_code"];
            let code = codes.entry(label.to_owned()).or_insert_with(|| {
                self.genesys.add_activity_code(&self.unit, label, "OnQueueWork", true)
            });
            let instant = |day: &str, time: &str| {
                let (day, time) = (date(row, day) + by, row[time].parse::<Time>().unwrap());
                let zone = TimeZone::get(ZONE).unwrap();
                day.to_datetime(time).to_zoned(zone).unwrap().timestamp()
            };
            let (start, until) = (instant("date", "start_local"), instant("end_date", "end_local"));
            let minutes = until.duration_since(start).as_mins();
            self.genesys.add_shift(agent, start, &[(u32::try_from(minutes).unwrap(), code)]);
            count += 1;
        }
        Some(count)
    }

    /// `sync --json`; `[created, updated, deleted, unchanged, failed]` of the mirror.
    #[track_caller]
    fn sync(&self) -> [u64; 5] {
        let line: Value = self.world.run(&["sync", "--json"]).exits(0).json()["mirrors"][0].clone();
        assert_eq!(line["problems"], Value::Array(vec![]), "{line}");
        counts(&line)
    }

    /// What the vendor shows.
    pub fn wanted(&self) -> BTreeSet<Look> {
        let mut wanted: BTreeSet<Look> = BTreeSet::new();
        for agent in self.agents.values() {
            let shifts = self.genesys.shifts_of(agent);
            wanted.extend(shifts.iter().map(|it| (agent.clone(), it.start, it.end())));
        }
        wanted
    }

    /// Publishes all weeks again, under new ids.
    pub fn republish(&self) {
        let all: Vec<Date> =
            self.genesys.read(|state| state.published(&self.unit).map(|it| it.week_date).collect());
        for week in all {
            self.genesys.republish(&self.unit, week);
        }
    }

    /// What everybody's calendar shows is what the vendor shows.
    #[track_caller]
    fn assert_exact(&self) {
        let wanted = self.wanted();
        let mut found: BTreeSet<Look> = BTreeSet::new();
        let mut items = 0;
        for agent in self.agents.values() {
            let shown = shown(self.world.server(), agent);
            items += shown.len();
            found.extend(shown);
        }
        assert_eq!(items, wanted.len(), "nothing is there twice");
        assert!(found == wanted, "{:?}", found.symmetric_difference(&wanted).next());
    }
}

/// The events of one calendar.
pub fn shown(server: &CaldavServer, agent: &str) -> Vec<Look> {
    let objects = server.objects(&format!("{agent}/"));
    let instant = |text: &str, name: &str| -> Timestamp {
        let line = text.lines().find(|it| it.starts_with(name)).unwrap();
        let value = line.split(':').nth(1).unwrap().trim();
        jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", value)
            .unwrap()
            .to_datetime()
            .unwrap()
            .to_zoned(TimeZone::UTC)
            .unwrap()
            .timestamp()
    };
    let look = |data: &[u8]| {
        let text = String::from_utf8(data.to_vec()).unwrap();
        (agent.to_owned(), instant(&text, "DTSTART"), instant(&text, "DTEND"))
    };
    objects.values().map(|it| look(it)).collect()
}

/// The events of a calendar's text, in UTC.
fn events_of(text: &str, agent: &str) -> BTreeSet<Look> {
    let text = text.replace("\r\n ", "");
    let instant = |event: &str, name: &str| -> Timestamp {
        let line = event.lines().find(|it| it.starts_with(name)).unwrap();
        let at =
            jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", line.rsplit(':').next().unwrap());
        at.unwrap().to_zoned(TimeZone::UTC).unwrap().timestamp()
    };
    let events = text.split("BEGIN:VEVENT").skip(1);
    events.map(|it| (agent.to_owned(), instant(it, "DTSTART"), instant(it, "DTEND"))).collect()
}

/// What `icall` and the subscribed feed show of some is what the vendor shows.
fn check_feeds(site: &Site) {
    let service = Service::start(&site.world);
    let client = Client::new(&site.world, &service, &["icall:read"]);
    let wanted = site.wanted();
    for agent in site.agents.values().step_by(site.agents.len() / 10) {
        let of_agent: BTreeSet<Look> = wanted.iter().filter(|it| it.0 == *agent).cloned().collect();
        assert!(of_agent.len() > 10, "{} shifts", of_agent.len());
        let day = |from_now: i64| {
            (now() + SignedDuration::from_hours(24 * from_now)).strftime("%Y-%m-%dT00:00:00Z")
        };
        let window = format!("windowStart={}&windowEnd={}", day(-100), day(100));
        let path = format!("/api/v2/wfm/schedules/icall?userId={agent}&{window}");
        let calendar = client.get(&path);
        assert_eq!(calendar.status, 200, "{}", calendar.body);
        let found = events_of(&calendar.body, agent);
        assert!(found == of_agent, "{:?}", found.symmetric_difference(&of_agent).next());
        let link = site.world.run(&["feed", "url", agent, "--json"]).exits(0).json();
        let url = link["url"].as_str().unwrap().to_owned();
        let (status, body) = service.get(&url[url.find("/feeds/").unwrap()..]);
        assert_eq!(status, 200);
        let found = events_of(&body, agent);
        assert!(found == of_agent, "{:?}", found.symmetric_difference(&of_agent).next());
    }
}

/// First sync, second sync, a week published again, some changes.
fn check(file: &str, weeks: i64, back: i64) {
    let mut site = Site::new();
    let Some(count) = site.load(file, weeks, back) else { return };
    let count = count as u64;
    assert_eq!(site.sync(), [count, 0, 0, 0, 0]);
    site.assert_exact();
    let before = site.genesys.counts().requests;
    assert_eq!(site.sync()[..3], [0, 0, 0]);
    assert_eq!(site.genesys.counts().requests - before, 1, "one business unit, one request");

    site.republish();
    site.world.server().clear_log();
    assert_eq!(site.sync()[..3], [0, 0, 0], "published again is not changed");
    assert_eq!(site.world.server().count("PUT") + site.world.server().count("DELETE"), 0);
    site.assert_exact();

    let some: Vec<String> = site.agents.values().take(5).cloned().collect();
    let future = now() + SignedDuration::from_hours(24);
    let (mut updated, mut deleted) = (0, 0);
    for agent in &some {
        let ahead: Vec<_> =
            site.genesys.shifts_of(agent).into_iter().filter(|it| it.start > future).collect();
        if let [first, .., last] = ahead.as_slice() {
            site.genesys.move_shift(&first.id, SignedDuration::from_mins(30));
            site.genesys.delete_shift(&last.id);
            (updated, deleted) = (updated + 1, deleted + 1);
        }
    }
    let [created, changed, removed, _, failed] = site.sync();
    assert_eq!([created, changed, removed, failed], [0, updated, deleted, 0]);
    site.assert_exact();
    check_feeds(&site);
}

#[test]
fn a_real_roster_is_mirrored_exactly_and_published_again_without_a_write() {
    check("inrc2_normalised.csv", 8, 2);
}

#[test]
fn a_roster_of_150_people_is_mirrored_exactly() {
    // 20 of its 52 weeks: as many as lie within the window and a little before now.
    check("nrp/Instance24.normalised.csv", 20, 9);
}

#[test]
fn a_reading_that_is_killed_goes_on_and_leaves_nothing_undone_and_nothing_twice() {
    let mut site = Site::new();
    if site.load("inrc2_normalised.csv", 8, 2).is_none() {
        return;
    }
    let slow = What::Delay(Duration::from_millis(8));
    site.genesys.set_faults([Fault::on_any().then(slow)]);
    let mut kills = 0;
    for pause in [60, 90, 130, 170, 220, 280, 350, 430, 520, 620] {
        let mut command = site.world.command(&["sync", "--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        let ended = child.try_wait().unwrap().is_some();
        // SIGKILL; an error means that it ended in this very moment.
        let _ = child.kill();
        let run = child.wait_with_output().unwrap();
        if ended {
            Run::of(run).exits(0);
        } else {
            kills += 1;
        }
    }
    assert!(kills > 3, "{kills} kills");
    site.sync();
    site.assert_exact();
    assert_eq!(site.sync()[..3], [0, 0, 0]);
}

#[test]
fn doctor_says_which_permission_is_missing() {
    let site = Site::new();
    let run = site.world.run(&["doctor", "--json"]);
    run.says("business unit `Ward`");
    site.world.write("secret", "not the secret");
    let run = site.world.run(&["doctor", "--json"]);
    assert_ne!(run.code, 0);
    run.says("invalid_client");
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("not the secret"));
}

#[expect(clippy::disallowed_methods, reason = "what is planned must lie around the real clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
