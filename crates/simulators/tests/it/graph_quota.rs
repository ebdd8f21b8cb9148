//! Quotas hold, and who keeps asking is not let in.

use serde_json::json;
use simulators::graph::{Fault, Options, Role, What};

use crate::world::World;

#[test]
fn the_fifth_request_on_a_team_in_a_second_is_refused() {
    let world = World::bare(Options::default());
    let statuses: Vec<_> = (0..5).map(|_| world.get("").status).collect();
    assert_eq!(statuses, [404, 404, 404, 404, 429]);
    let refused = world.get("");
    assert_eq!(refused.headers["retry-after"], "1");
    world.pass(500);
    assert_eq!(world.get("").status, 429, "asking while throttled counts");
    world.pass(1_000);
    assert_eq!(world.get("").status, 404);
    assert_eq!(world.graph.counts().throttled, 3);
}

#[test]
fn a_tenant_has_thirty_reads_and_fifteen_deletes_in_a_second() {
    let mut world = World::bare(Options::default());
    let mut ask = |method: &str| {
        let mut statuses = Vec::new();
        for _ in 0..31 {
            world.team = world.graph.add_team("Another", &[(&world.olga, Role::Owner)]);
            statuses.push(world.ask(method, &format!("teams/{}/schedule/x", world.team), None));
        }
        statuses.iter().filter(|it| it.status != 429).count()
    };
    assert_eq!(ask("GET"), 30);
    assert_eq!(ask("DELETE"), 15);
}

#[test]
fn a_fault_may_tell_how_long_to_wait() {
    let world = World::without_quotas();
    world
        .graph
        .set_faults([Fault::on("PUT").at("schedulinggroups").times(2).then(What::throttled(7))]);
    let group = world.group(&[&world.anna]);
    let body = json!({ "displayName": "Nurses", "userIds": [] });
    let target = format!("schedulingGroups/{group}");
    let answer = world.put(&target, &body);
    assert_eq!((answer.status, answer.headers["retry-after"].to_str().unwrap()), (429, "7"));
    assert_eq!(world.put(&target, &body).status, 429);
    assert_eq!(world.put(&target, &body).status, 204);
}
