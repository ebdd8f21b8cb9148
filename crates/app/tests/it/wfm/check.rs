//! `wfm check`: nothing to complain of in any style of the example server, and each rule that it
//! breaks on purpose is found, by name.

use serde_json::Value;

use super::server::{ExampleServer, TOKEN};
use crate::world::{Run, binary};

/// Runs the check, with everything that it can look at but webhooks.
fn checked(switches: &[&str]) -> Option<(Run, Vec<(String, String)>)> {
    let server = ExampleServer::start(&[&["--demo"], switches].concat())?;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let mut command = binary();
    command.args(["wfm", "check", server.url(), "--json", "--write-as", "ada", "--token-file"]);
    let run = Run::of(command.arg(&token).output().unwrap());
    let report = run.json();
    let of = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    let checks = report["checks"].as_array().unwrap().iter();
    let checks = checks.map(|it| (of(it, "name"), of(it, "result"))).collect();
    // Whatever came out: nothing of it is left behind.
    let left = server.planned();
    let ours = left.iter().filter(|it| it["label"].as_str().is_some_and(|it| it.contains("check")));
    assert_eq!(ours.count(), 0, "{switches:?}: left behind: {left:#?}");
    Some((run, checks))
}

#[test]
fn the_example_keeps_the_contract_in_every_style() {
    let styles: [&[&str]; 6] = [
        &[],
        &["--changes", "window", "--deletions", "absence", "--times", "length"],
        &["--changes", "edited_since", "--deletions", "absence", "--times", "seconds"],
        &["--changes", "edited_since", "--times", "offset", "--absences", "instants"],
        &["--page-size", "7", "--window-days", "5", "--steps", "all"],
        &["--no-validate", "--commands", "shift", "--time-zone", "Australia/Lord_Howe"],
    ];
    for style in styles {
        let Some((run, checks)) = checked(style) else { return };
        let wrong: Vec<_> =
            checks.iter().filter(|it| it.1 == "failed" || it.1 == "advised").collect();
        assert!(wrong.is_empty(), "{style:?}: {wrong:?}\n{}", run.stdout);
        run.exits(0);
    }
}

#[test]
fn each_rule_that_is_broken_is_found_and_named() {
    let broken = [
        ("any-since", "changes.expired"),
        ("backwards", "schedule.entities"),
        ("bare-refusal", "commands.refusals"),
        ("deaf", "changes.told"),
        ("endless-pages", "pages.whole"),
        ("forgets-keys", "commands.once"),
        ("html-errors", "errors.json"),
        ("limit-ignored", "pages.limit"),
        ("local-times", "schedule.entities"),
        ("lost-page", "pages.whole"),
        ("milliseconds", "schedule.entities"),
        ("mixes-keys", "commands.key_reuse"),
        ("mute-grant", "commands.apply"),
        ("no-as-of", "changes.token"),
        ("no-end", "schedule.entities"),
        ("no-since", "changes.token"),
        ("no-snapshot", "pages.snapshot"),
        ("no-zone", "schedule.entities"),
        ("open-door", "token.needed"),
        ("remembers-refusals", "commands.refusals"),
        ("silent-deletions", "changes.deletions"),
        ("since-ignored", "changes.quiet"),
        ("stale-reads", "commands.visible"),
        ("torn-pages", "pages.snapshot"),
        ("twice", "schedule.unique"),
        ("validate-applies", "commands.validate"),
        ("window-ignored", "schedule.window"),
        ("window-token", "changes.window"),
    ];
    for (name, rule) in broken {
        let more: &[&str] = match name {
            "no-as-of" => &["--changes", "edited_since"],
            "window-token" => &["--window-days", "5"],
            _ => &[],
        };
        let Some((run, checks)) = checked(&[&["--broken", name], more].concat()) else { return };
        let found = checks.iter().any(|(found, result)| found == rule && result == "failed");
        assert!(found, "`{name}` should break `{rule}`:\n{}", run.stdout);
        run.exits(1);
    }
}

#[test]
fn whoever_wrote_it_is_told_in_words_what_is_wrong_and_what_to_do() {
    let Some(server) = ExampleServer::start(&["--demo", "--broken", "no-snapshot"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let mut command = binary();
    command.args(["wfm", "check", server.url(), "--token-file"]).arg(&token);
    let run = Run::of(command.output().unwrap()).exits(1);
    run.says("FAILED   pages.snapshot").says("found     pages have no `snapshot`");
    run.says("expected  one text on all pages").says("answer 409 `snapshot_gone`");
    run.says("it would write: `--write-as EMPLOYEE` allows it");
    run.says("`Example WFM 1.0` breaks 1 rule of the contract");
    assert!(!run.stdout.contains(TOKEN));
}

#[test]
fn an_address_where_nobody_is_and_one_that_makes_no_sense_are_told_apart() {
    let check = |url: &str| Run::of(binary().args(["wfm", "check", url]).output().unwrap());
    check("http://127.0.0.1:9/rota").exits(1).says("no answer: cannot connect");
    check("ftp://wfm.example.com").exits(2).says("expected `https`");
    check("http://wfm.example.com").exits(2).says("could be read on the way");
}
