//! Nights over a clock change, leap days, the turn of the year, and days of zones east and west.

use domain::time::days_to_interval;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// Whatever is planned and planned anew: the roster is what the vendor shows.
    #[test]
    fn the_roster_is_what_is_published(
        plan in proptest::collection::vec((0usize..3, 0i64..20 * 24, 1u32..14, 0u8..4), 1..30),
        seed in 0u64..1000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::with(Options { seed, rate: None, ..Options::default() }, "");
            let agents = [&world.anna, &world.ben, &world.carl];
            let mut taken = std::collections::BTreeSet::new();
            for (step, (agent, hour, hours, what)) in plan.into_iter().enumerate() {
                let start = at("2026-11-23T00:00:00Z") + SignedDuration::from_hours(hour);
                let shifts = world.genesys.shifts_of(agents[agent]);
                match (what, shifts.get(step % shifts.len().max(1))) {
                    (1, Some(shift)) => world.genesys.delete_shift(&shift.id),
                    (2, Some(shift)) if hours < 8 => {
                        world.genesys.move_shift(&shift.id, SignedDuration::from_mins(15));
                    }
                    (3, Some(_)) => republish_first(&world),
                    _ if taken.insert((agent, hour)) => {
                        let parts = [(hours * 30, "0"), (15, "1"), (hours * 15, "3")];
                        world.genesys.add_shift(agents[agent], start, &parts);
                    }
                    _ => {}
                }
                if step % 4 == 3 {
                    world.read().await.unwrap();
                    world.assert_exact().await;
                }
            }
            world.read().await.unwrap();
            world.assert_exact().await;
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
