//! What `doctor` finds out about a mirror in Shifts before anybody misses a shift.

use simulators::graph::state::Role;

use super::plan::Plan;
use super::setup::Setup;
use super::site::Site;

#[test]
fn employees_who_are_no_members_of_their_team_are_named() {
    let mut setup = Setup::one_way();
    setup.strangers.push("zoe".to_owned());
    let mut plan = Plan::usual();
    plan.shift("zoe", "Desk", "Work", (1, 5, 13));
    let site = Site::new(setup, plan);
    let before = site.writes();
    site.run(&["doctor"]).exits(0).says("1 employee is not a member of it: `zoe`");
    assert_eq!(site.writes(), before);
}

#[test]
fn an_approver_who_owns_no_team_is_told() {
    let owner = |role| {
        let mut setup = Setup::two_way();
        setup.mirror.push_str("approver = \"00000000-0000-4000-8000-00000000abcd\"\n");
        let site = Site::new(setup, Plan::usual());
        if let Some(role) = role {
            let team = site.team("Ward").to_owned();
            site.graph.add_member(&team, "00000000-0000-4000-8000-00000000abcd", role);
        }
        let found = site.run(&["doctor"]).exits(0).stdout;
        found.matches("`approver` `00000000-0000-4000-8000-00000000abcd` is not").count()
    };
    assert_eq!(owner(None), 2, "neither team is theirs");
    assert_eq!(owner(Some(Role::Member)), 2);
    assert_eq!(owner(Some(Role::Owner)), 1);
}

#[test]
fn an_address_that_is_not_ours_any_more_is_told() {
    let site = Site::open(Setup::two_way(), Plan::usual());
    let clean = site.run(&["doctor"]).exits(0).stdout;
    assert!(!clean.contains("is registered to be called at"), "{clean}");
    let moved = site
        .world
        .read("rotabridge.toml")
        .replace("public_url = \"http://127.0.0.1:", "public_url = \"http://localhost:");
    site.world.write("rotabridge.toml", &moved);
    site.run(&["doctor"]).exits(0).says("is registered to be called at `http://127.0.0.1:");
    let without = moved.lines().filter(|it| !it.starts_with("public_url"));
    site.world.write("rotabridge.toml", &without.collect::<Vec<_>>().join("\n"));
    site.run(&["doctor"]).exits(0).says("nobody can call about it");
}
