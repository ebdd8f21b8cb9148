//! What is granted against what is needed, and when a secret ends.

use engine::port::FindingLevel;

use super::at;
use crate::microsoft_graph::check::secret_end;
use crate::microsoft_graph::permissions::{
    MEMBERS, Need, OWN_APPLICATION_TOLERATED, REGISTRATION, SCHEDULES, compare,
};
use crate::microsoft_graph::wire::PasswordCredential;

const NEEDS: &[&Need] = &[&SCHEDULES, &MEMBERS, &REGISTRATION];

/// Levels and messages, with the hint behind the message.
fn compared(granted: &[&str]) -> Vec<(FindingLevel, String)> {
    let granted: Vec<String> = granted.iter().map(|it| (*it).to_owned()).collect();
    let verdicts = compare(&granted, NEEDS, &OWN_APPLICATION_TOLERATED);
    let text = |hint: Option<String>| hint.map(|it| format!(" | {it}")).unwrap_or_default();
    verdicts.into_iter().map(|it| (it.level, it.message + &text(it.hint))).collect()
}

#[test]
fn exactly_what_is_needed_is_good() {
    let granted = [
        "Schedule.ReadWrite.All",
        "TeamMember.Read.All",
        "WorkforceIntegration.ReadWrite.All",
        "Application.Read.All",
    ];
    let found = compared(&granted);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, FindingLevel::Good);
}

#[test]
fn what_is_missing_is_named_with_what_it_is_for_and_how_to_grant_it() {
    let found = compared(&["TeamMember.Read.All"]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].0, FindingLevel::Error);
    assert!(found[0].1.starts_with("`Schedule.ReadWrite.All` is not granted; it is needed to"));
    assert!(found[0].1.contains("| add `Schedule.ReadWrite.All` as an application permission"));
    assert_eq!(found[1].0, FindingLevel::Warning);
    assert!(found[1].1.contains("WorkforceIntegration"), "{found:?}");
}

#[test]
fn a_broader_permission_does_and_is_reported_as_more_than_needed() {
    let granted =
        ["Schedule.ReadWrite.All", "Group.Read.All", "WorkforceIntegration.ReadWrite.All"];
    let found = compared(&granted);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, FindingLevel::Warning);
    assert!(found[0].1.contains("`Group.Read.All` is granted, which is more than needed"));
    assert!(found[0].1.contains("grant `TeamMember.Read.All` instead"));
}

#[test]
fn what_nothing_needs_is_excessive() {
    let granted = [
        "schedule.readwrite.all",
        "TeamMember.Read.All",
        "WorkforceIntegration.ReadWrite.All",
        "Group.ReadWrite.All",
        "Directory.ReadWrite.All",
        "Calendars.ReadWrite",
    ];
    let found = compared(&granted);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].1.contains("`Group.ReadWrite.All` is granted, and no mirror"), "{found:?}");
    assert!(found[1].1.contains("take `Directory.ReadWrite.All` away"), "{found:?}");
    assert!(found[2].1.contains("take `Calendars.ReadWrite` away"), "{found:?}");
}

#[test]
fn our_secret_is_the_first_to_end_of_those_like_it() {
    let secret = |hint: Option<&str>, end: Option<&str>| PasswordCredential {
        hint: hint.map(str::to_owned),
        end_date_time: end.map(at),
    };
    let now = at("2026-11-21T00:00:00Z");
    let (soon, late) = (Some("2027-01-01T00:00:00Z"), Some("2028-01-01T00:00:00Z"));
    let past = Some("2026-01-01T00:00:00Z");
    let all = [
        secret(Some("abc"), past),
        secret(Some("abc"), late),
        secret(Some("xyz"), soon),
        secret(Some("abc"), None),
    ];
    assert_eq!(secret_end(&all, "abc", now), late.map(at));
    let unhinted = [secret(Some("abc"), late), secret(None, soon)];
    assert_eq!(secret_end(&unhinted, "abc", now), soon.map(at));
    assert_eq!(secret_end(&all, "nob", now), None);
}
