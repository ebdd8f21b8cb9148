//! A source that is suddenly empty, half gone or away: on a real server nothing is deleted, and
//! what is meant goes with the flag that the refusal names.

use super::host::Host;
use super::roster::Roster;
use super::ward::{Ward, assert_writes};

#[test]
fn a_shrunken_source_deletes_nothing_on_radicale() {
    let (Some(host), Some(roster)) = (Host::radicale(), Roster::inrc2()) else { return };
    let ward = Ward::on(&host.url(), roster.only("n005w4/Solution_H_0"));
    ward.sync(&[]);
    let employees = ward.roster.employees();
    let before = host.items(&employees);
    host.proxy.take();

    let csv = ward.roster.csv();
    let lines: Vec<&str> = csv.lines().collect();
    let half = format!("{}\n", lines[..lines.len() / 2].join("\n"));
    let all = lines.len() - 1;
    let gone = all + 1 - lines.len() / 2;
    for (text, deletions) in [("", all), (lines[0], all), (&half, gone)] {
        ward.world.roster(text);
        for flags in [&[][..], &["--full"], &["--allow-deletions", "1"]] {
            let run = ward.run("sync", flags);
            run.exits(4).says(&format!("--allow-deletions {deletions}"));
        }
    }
    std::fs::remove_file(ward.world.path("roster.csv")).unwrap();
    ward.run("sync", &[]).exits(1);
    assert_eq!(host.proxy.take_writes(), []);
    assert_eq!(host.items(&employees), before);

    ward.world.roster(&half);
    let line = ward.sync(&["--allow-deletions", &gone.to_string()]);
    // All of it is long over: of those who are not named any more, it stays.
    let who = |line: &str| line.split(',').nth(1).map(str::to_owned);
    let (kept, cut) = lines.split_at(lines.len() / 2);
    let named: Vec<Option<String>> = kept.iter().map(|it| who(it)).collect();
    let missed = cut.iter().filter(|it| named.contains(&who(it))).count();
    assert!((1..gone).contains(&missed), "{missed} of {gone}: some left, and some did not");
    let writes = super::roster::Writes { created: 0, updated: 0, deleted: missed as u64 };
    assert_writes(&line, writes);
    assert_eq!(host.items(&employees).len(), all - missed);
}
