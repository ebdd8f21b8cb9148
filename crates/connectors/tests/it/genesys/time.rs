//! Nights over a clock change, leap days, the turn of the year, and days of zones east and west.

use std::collections::BTreeSet;

use domain::TimeOffSpan;
use domain::time::days_to_interval;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use simulators::genesys::Options;

use super::world::{World, at, day, days_of};

#[tokio::test]
async fn nights_over_clock_changes_keep_their_instants() {
    // 2026-10-25 and 2027-03-28 in Berlin, the leap day, and the turn of the year.
    for start in [
        "2026-10-24T21:00:00Z",
        "2027-03-27T22:00:00Z",
        "2028-02-28T22:00:00Z",
        "2026-12-31T22:00:00Z",
    ] {
        let world = World::new();
        let now = at(start) - SignedDuration::from_hours(30);
        world.clock.pass(now.duration_since(at(super::world::START)));
        world.genesys.add_shift(&world.anna, at(start), &[(240, "0"), (30, "2"), (270, "0")]);
        world.read().await.unwrap();
        world.assert_exact().await;
        let shift = &world.shifts_of(&world.anna).await[0];
        assert_eq!(shift.interval.duration().as_secs(), 9 * 3600);
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(shift.day, berlin.to_datetime(at(start)).date());
    }
}

async fn whole_day(zone: &str, date: &str) {
    let world = World::new();
    let unit = world.genesys.add_business_unit("Far away", zone);
    let team = world.genesys.add_team(&unit, "Team");
    let dora = world.genesys.hire(&team, "Dora Lin", "dora@example.com");
    let noon = at(&format!("{date}T12:00:00Z"));
    let now = noon - SignedDuration::from_hours(48);
    world.clock.pass(now.duration_since(at(super::world::START)));
    world.genesys.mark_day_off(&dora, day(date), None);
    world.read().await.unwrap();
    let off = world.absences_of(&dora).await;
    let next = day(date).tomorrow().unwrap();
    assert_eq!(off.iter().map(days_of).collect::<Vec<_>>(), [format!("{date}/{next} {zone}")]);
    let tz = TimeZone::get(zone).unwrap();
    let expected = days_to_interval(day(date), next, &tz).unwrap();
    assert_eq!(off[0].span.interval().unwrap(), expected);
    assert_eq!(world.counts().await.0, 0);
}

#[tokio::test]
async fn a_whole_day_off_is_a_local_day_east_and_west() {
    for zone in [
        "Pacific/Auckland",
        "Asia/Kolkata",
        "Europe/Berlin",
        "America/Los_Angeles",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
    ] {
        for date in
            ["2026-10-25", "2026-11-01", "2026-12-31", "2027-01-01", "2027-03-28", "2028-02-29"]
        {
            whole_day(zone, date).await;
        }
    }
}

/// Mondays of weeks in or after which clocks change, a leap day comes or the year ends, and where.
const WEEKS: [(&str, &str); 8] = [
    ("2026-10-19", "Europe/Berlin"),
    ("2027-03-22", "Europe/Berlin"),
    ("2026-10-26", "America/New_York"),
    ("2027-03-08", "America/New_York"),
    ("2027-03-29", "Pacific/Auckland"),
    ("2028-02-21", "Asia/Kolkata"),
    ("2026-12-28", "Pacific/Pago_Pago"),
    ("2026-12-28", "Pacific/Kiritimati"),
];
const HOURS_PLANNED: i64 = 20 * 24;

/// Something that planners do.
#[derive(Debug, Clone, Copy)]
enum Act {
    Adds { hour: i64, hours: u32 },
    Deletes,
    Moves { minutes: i64 },
    PublishesAgain,
    MarksDay { day: i64 },
    UnmarksDay,
    MovesAgent,
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..HOURS_PLANNED, 1u32..14).prop_map(|(hour, hours)| Act::Adds { hour, hours }),
        1 => Just(Act::Deletes),
        2 => (-2880i64..2880).prop_map(|it| Act::Moves { minutes: it / 15 * 15 }),
        1 => Just(Act::PublishesAgain),
        2 => (0..HOURS_PLANNED / 24).prop_map(|day| Act::MarksDay { day }),
        1 => Just(Act::UnmarksDay),
        1 => Just(Act::MovesAgent),
    ]
}

/// A played organisation in another zone, and when its plan begins.
struct Plan {
    world: World,
    first: Date,
    tz: TimeZone,
}

impl Plan {
    fn new((monday, zone): (&str, &str), seed: u64) -> Self {
        let world = World::with(Options { seed, rate: None, ..Options::default() }, "");
        let (first, tz) = (day(monday), TimeZone::get(zone).unwrap());
        let begins = first.to_zoned(tz.clone()).unwrap().timestamp();
        world.clock.pass(begins.duration_since(at(super::world::START)));
        world.genesys.update(|state| {
            state.business_units.get_mut(&world.unit).unwrap().zone = zone.into();
        });
        Self { world, first, tz }
    }

    fn begins(&self) -> Timestamp {
        self.first.to_zoned(self.tz.clone()).unwrap().timestamp()
    }

    fn week_of(&self, at: Timestamp) -> Date {
        simulators::genesys::people::monday_of(self.tz.to_datetime(at).date())
    }

    fn does(&self, act: Act, agent: &str, step: usize) {
        let genesys = self.world.genesys.clone();
        let shifts = genesys.shifts_of(agent);
        let one = shifts.get(step % shifts.len().max(1));
        let is_free = |start: Timestamp| shifts.iter().all(|it| it.start != start);
        match (act, one) {
            (Act::Adds { hour, hours }, _) => {
                let start = self.begins() + SignedDuration::from_hours(hour);
                if is_free(start) {
                    let parts = [(hours * 30, "0"), (15, "1"), (hours * 15, "3")];
                    genesys.add_shift(agent, start, &parts);
                }
            }
            (Act::Deletes, Some(shift)) => genesys.delete_shift(&shift.id),
            (Act::Moves { minutes }, Some(shift)) => {
                let start = shift.start + SignedDuration::from_mins(minutes);
                // A shift is planned in the schedule of the week in which it starts.
                if self.week_of(start) == self.week_of(shift.start) && is_free(start) {
                    genesys.move_shift(&shift.id, SignedDuration::from_mins(minutes));
                }
            }
            (Act::PublishesAgain, Some(_)) => republish_first(&self.world),
            (Act::MarksDay { day }, _) => {
                let day = self.first + jiff::Span::new().days(day);
                if !self.marked(agent).contains(&day) {
                    genesys.mark_day_off(agent, day, None);
                }
            }
            (Act::UnmarksDay, _) => {
                if let Some(day) = self.marked(agent).into_iter().nth(step % 3) {
                    genesys.unmark_day_off(agent, day);
                }
            }
            (Act::MovesAgent, _) => {
                let team =
                    if step.is_multiple_of(2) { &self.world.inbound } else { &self.world.outbound };
                genesys.move_agent(agent, team);
            }
            (Act::Deletes | Act::Moves { .. } | Act::PublishesAgain, None) => {}
        }
    }

    /// The whole days off that the vendor shows.
    fn marked(&self, agent: &str) -> BTreeSet<Date> {
        self.world.genesys.read(|state| {
            let published = state.published(&self.world.unit);
            let parts = published.filter_map(|it| it.of(agent));
            parts.flat_map(|it| it.markers.clone()).map(|it| it.date).collect()
        })
    }

    /// Reads, and holds shifts and days against what the vendor shows; afterwards nothing is new.
    async fn agrees(&self) {
        self.world.read().await.unwrap();
        self.world.assert_exact().await;
        for agent in [&self.world.anna, &self.world.ben, &self.world.carl] {
            let mut days = BTreeSet::new();
            for off in self.world.absences_of(agent).await {
                let TimeOffSpan::AllDay { first, end, zone } = &off.span else {
                    panic!("{off:?}");
                };
                assert_eq!(TimeZone::get(zone).unwrap(), self.tz);
                for day in first.series(jiff::Span::new().days(1)).take_while(|it| it < end) {
                    assert!(days.insert(day), "{day} is there twice");
                }
            }
            assert_eq!(days, self.marked(agent));
        }
        assert_eq!(self.world.counts().await, (0, 0, 1), "nothing is new");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    /// Whatever is planned and planned anew, over changes of the clock, leap days and the turn of
    /// the year: the roster is what the vendor shows.
    #[test]
    fn the_roster_is_what_is_published(
        week in 0usize..WEEKS.len(),
        plan in proptest::collection::vec((0usize..3, acts()), 1..30),
        seed in 0u64..1000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let planned = Plan::new(WEEKS[week], seed);
            let agents =
                [&planned.world.anna, &planned.world.ben, &planned.world.carl].map(Clone::clone);
            for (step, (agent, act)) in plan.into_iter().enumerate() {
                planned.does(act, &agents[agent], step);
                if step % 4 == 3 {
                    planned.agrees().await;
                }
            }
            planned.agrees().await;
        });
    }
}

/// Publishes the first week that is published again.
fn republish_first(world: &World) {
    let unit = world.unit.clone();
    let week = world.genesys.read(|state| state.published(&unit).next().map(|it| it.week_date));
    if let Some(week) = week {
        world.genesys.republish(&unit, week);
    }
}
