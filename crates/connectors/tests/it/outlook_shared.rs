//! What `doctor` finds out about mailboxes, and what all mirrors over one connection share.

use std::sync::Arc;

use domain::{CalendarKey, Directory, Employee, Entity};
use engine::port::{Clock, Finding, FindingLevel};
use simulators::graph::{Fault, What};
use testkit::builders::employee;

use crate::outlook::Post;
use crate::shifts::run;

#[test]
fn doctor_tells_of_grants_for_the_whole_tenant_and_of_mailboxes_without_a_licence() {
    let findings = |roles: &[&str], scoped: bool| {
        let post = Post::new(|it| it.apps[0].roles = roles.iter().map(|it| (*it).into()).collect());
        let (anna, ben) = (post.person("Anna"), post.server.add_user("Ben"));
        if scoped {
            post.server.update(|state| {
                state.apps[0].mailbox_scope = vec![anna.as_str().to_owned(), ben.clone()];
            });
        }
        let target = post.target();
        let mut directory = Directory::default();
        for (id, user) in [("anna", anna.as_str()), ("ben", &ben)] {
            let it = Employee { m365_id: Some(user.to_owned()), ..employee(id) };
            directory.add(Entity::Employee(it));
        }
        target.meet(Arc::new(directory));
        let all = run(target.check());
        let of_mirror =
            |it: &Finding| it.level != FindingLevel::Good && it.subject == "mirror ward";
        all.into_iter().filter(of_mirror).collect::<Vec<_>>()
    };
    let wide = findings(&["Calendars.ReadWrite", "Group.Read.All"], false);
    let told = |part: &str| wide.iter().filter(|it| it.message.contains(part)).count();
    assert_eq!(told("every mailbox of the tenant"), 1, "{wide:?}");
    assert_eq!(told("cannot write the calendar of a Microsoft 365 group"), 1, "{wide:?}");
    assert_eq!(told("have no licence; by employee: `ben`"), 1, "{wide:?}");
    assert!(wide.iter().all(|it| it.hint.is_some()), "each says what to do: {wide:?}");
    let narrow = findings(&[], true);
    assert_eq!(narrow.len(), 1, "only the licence: {narrow:?}");
    let denied = findings(&[], false);
    assert!(denied[0].message.contains("may not be opened"), "{denied:?}");
}

/// What `doctor` says of a mirror with these keys, but for what is good.
fn findings(post: &Post, keys: &str, people: &[(&str, &str)]) -> Vec<Finding> {
    let target = post.try_mirror("ward", keys).unwrap().target;
    let mut directory = Directory::default();
    for (id, user) in people {
        let it = Employee { m365_id: Some((*user).to_owned()), ..employee(id) };
        directory.add(Entity::Employee(it));
    }
    target.meet(Arc::new(directory));
    let all = run(target.check());
    let bad = all.into_iter().filter(|it| it.level != FindingLevel::Good);
    bad.filter(|it| it.subject == "mirror ward").collect()
}

fn only(findings: Vec<Finding>) -> (FindingLevel, String, String) {
    let [Finding { level, message, hint, .. }] = &findings[..] else { panic!("{findings:?}") };
    (*level, message.clone(), hint.clone().unwrap_or_default())
}

#[test]
fn doctor_says_that_reading_is_not_writing() {
    let post = Post::new(|it| it.apps[0].roles = vec!["Calendars.Read".into()]);
    let anna = post.person("Anna");
    let (level, message, hint) = only(findings(&post, "", &[("anna", anna.as_str())]));
    assert_eq!(level, FindingLevel::Error);
    assert!(message.contains("`Calendars.Read` is granted, which lets calendars be read"));
    assert!(hint.contains("Application Calendars.ReadWrite"), "{hint}");
}

#[test]
fn doctor_opens_the_mailboxes_of_groups_and_says_what_a_group_s_own_calendar_is_not() {
    let mut post = Post::new(|it| it.apps[0].roles = vec!["Calendars.ReadWrite".into()]);
    let (ward, anna) = (post.person("Ward"), post.person("Anna"));
    let without_scope = |all: Vec<Finding>| {
        let told = all.into_iter().filter(|it| !it.message.contains("every mailbox"));
        told.collect::<Vec<_>>()
    };
    post.groups = [ward, CalendarKey::new("team@example.com").unwrap()].into();
    let told = without_scope(findings(&post, "", &[("anna", anna.as_str())]));
    let (level, message, hint) = only(told);
    assert_eq!(level, FindingLevel::Error);
    assert!(message.contains("1 of 2 mailboxes are not there"), "{message}");
    assert!(message.ends_with("by address: `team@example.com`"), "{message}");
    assert!(hint.contains("Microsoft 365 group cannot be written by an application"), "{hint}");
    assert!(hint.contains("make a shared mailbox"), "{hint}");
    post.groups.clear();
    let told = without_scope(findings(&post, "shared = \"team@example.com\"", &[]));
    assert!(only(told).2.contains("make a shared mailbox"));
}

#[test]
fn doctor_says_what_to_do_about_other_answers_and_goes_on() {
    let post = Post::new(|it| it.apps[0].roles = vec![]);
    let people: Vec<CalendarKey> = (0..6).map(|n| post.person(&format!("P{n}"))).collect();
    post.server.update(|state| {
        state.apps[0].mailbox_scope = people.iter().map(|it| it.as_str().to_owned()).collect();
    });
    let named: Vec<(String, &str)> =
        people.iter().enumerate().map(|(n, it)| (format!("p{n}"), it.as_str())).collect();
    let named: Vec<(&str, &str)> = named.iter().map(|(id, it)| (id.as_str(), *it)).collect();
    let broken = What::refusal(500, "ErrorInternalServerError");
    post.server.set_faults([Fault::on("GET").at("/calendars").times(1).then(broken.clone())]);
    let (level, _, hint) = only(findings(&post, "", &named));
    assert_eq!(level, FindingLevel::Error);
    assert!(hint.contains("run `doctor` again"), "{hint}");
    // When nothing else comes, it stops asking and says how far it came.
    post.server.set_faults([Fault::on("GET").at("/calendars").then(broken)]);
    let told = findings(&post, "", &named);
    assert!(told.iter().all(|it| it.hint.is_some() || it.level == FindingLevel::Warning));
    let last = told.last().unwrap();
    assert!(last.message.starts_with("3 of 6 mailboxes were looked at"), "{told:?}");
}

#[test]
fn doctor_says_that_it_looked_at_no_more_than_two_hundred() {
    let post = Post::new(|it| it.apps[0].roles = vec![]);
    let people: Vec<CalendarKey> = (0..203).map(|n| post.person(&format!("P{n}"))).collect();
    post.server.update(|state| {
        state.apps[0].mailbox_scope = people.iter().map(|it| it.as_str().to_owned()).collect();
    });
    let ids: Vec<String> = (0..203).map(|n| format!("p{n}")).collect();
    let named: Vec<(&str, &str)> =
        ids.iter().zip(&people).map(|(id, it)| (id.as_str(), it.as_str())).collect();
    let (level, message, _) = only(findings(&post, "", &named));
    assert_eq!(level, FindingLevel::Warning);
    assert!(message.starts_with("200 of 203 mailboxes were looked at"), "{message}");
}

#[test]
fn two_mirrors_over_one_connection_share_the_budgets_of_the_application() {
    let post = Post::new(|_| {});
    let connection = post.connection();
    let mirror =
        |name: &str, keys: &str| post.try_mirror_over(&*connection, name, keys).unwrap().target;
    let capped = mirror("ward", "calendar = \"primary\", requests_per_second = 1");
    let other = mirror("night", "calendar = \"primary\"");
    let (anna, ben) = (post.person("Anna"), post.person("Ben"));
    let begun = Clock::now(&post.clock);
    run(async {
        for _ in 0..2 {
            capped.open(&anna).await.unwrap();
            other.open(&ben).await.unwrap();
        }
    });
    let took = Clock::now(&post.clock).duration_since(begun);
    assert!(took.as_secs() >= 3, "four requests of one application in {took:#}");
}
