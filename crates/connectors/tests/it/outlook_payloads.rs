//! Payloads: every body that an `outlook` mirror writes is as Graph describes it.
//!
//! The description lies outside the repository, and Python's `jsonschema` comes with `cargo xtask
//! test`; without them the test says so and passes.

use std::path::{Path, PathBuf};
use std::process::Command;

use domain::{CalendarKey, EventSpan, ShowAs, UtcInterval, Visibility};
use engine::port::{Content, ForeignChange, Item, Topic, Write, WriteWhat};
use secrecy::SecretString;
use serde_json::{Value, json};
use simulators::graph::mailbox::Span;

use crate::outlook::{Post, item};
use crate::shifts::run;
use crate::shifts_payloads::{bodies, eavesdrop, shared};

#[test]
fn every_body_that_a_mailbox_gets_is_as_graph_describes_it() {
    let Some(specs) = shared("specs") else { return };
    let Some(tools) = std::env::var_os("ROTABRIDGE_TOOLS") else {
        println!("skipped: ROTABRIDGE_TOOLS is not set; `cargo xtask test` installs jsonschema");
        return;
    };
    let post = Post::new(|it| {
        it.mailbox.preserves_declined = true;
        it.mailbox.notify = Some(std::sync::Arc::new(echoed));
    });
    let (url, heard) = eavesdrop(post.server.address());
    run(write_everything(&post, &url));
    let heard: Vec<Value> = heard.lock().unwrap().iter().flat_map(|it| bodies(it)).collect();
    let asked: Vec<Value> = heard.into_iter().flat_map(one_by_one).collect();
    let said = [
        ("POST", "/calendars"),
        ("POST", "/calendar/events"),
        ("PATCH", "/calendar/events/"),
        ("POST", "/decline"),
        ("POST", "/accept"),
        ("POST", "/tentativelyAccept"),
        ("POST", "/subscriptions"),
        ("PATCH", "/subscriptions/"),
    ];
    for (method, part) in said {
        let found =
            |it: &Value| it["method"] == method && it["path"].as_str().unwrap().contains(part);
        assert!(asked.iter().any(found), "{method} {part}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bodies.json");
    std::fs::write(&file, Value::from(asked.clone()).to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers/graph_bodies.py");
    let output = Command::new(PathBuf::from(tools).join("venv/bin/python"))
        .arg(script)
        .args([specs.join("graph-v1.0.yaml"), specs.join("graph-beta-shifts.yaml"), file])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(text(&output.stdout).trim(), asked.len().to_string());
}

/// An endpoint that echoes what it is to echo.
fn echoed(notice: &simulators::graph::mailbox::Notice) -> Result<(u16, String, String), String> {
    let url = url::Url::parse(&notice.url).map_err(|error| error.to_string())?;
    let token = url.query_pairs().find(|(name, _)| name == "validationToken");
    Ok((200, "text/plain".into(), token.map(|(_, it)| it.into_owned()).unwrap_or_default()))
}

/// Requests, those of batches one by one, below the calendar that the description knows.
fn one_by_one(heard: Value) -> Vec<Value> {
    let requests = match heard["path"] == "/$batch" {
        false => vec![heard],
        true => {
            let items = heard["body"]["requests"].as_array().unwrap().clone();
            let with_body = items.into_iter().filter(|it| !it["body"].is_null());
            with_body
                .map(|it| {
                    json!({
                        "version": "v1.0", "method": it["method"], "path": it["url"],
                        "body": it["body"],
                    })
                })
                .collect()
        }
    };
    let described = |mut it: Value| {
        let path = it["path"].as_str().unwrap().split('?').next().unwrap().to_owned();
        let mut parts: Vec<&str> = path.split('/').collect();
        if parts.last() == Some(&"calendars") {
            it["schema"] = "microsoft.graph.calendar".into();
        } else if parts.get(3) == Some(&"calendars") {
            parts.splice(3..5, ["calendar"]);
        } else if parts.get(3) == Some(&"events") {
            parts.insert(3, "calendar");
        }
        it["path"] = parts.join("/").into();
        // The description spells the parameters of actions with capitals; Learn's own examples do
        // not, and Graph does not mind.
        if ["decline", "accept", "tentativelyAccept"].contains(parts.last().unwrap()) {
            let body = it["body"].as_object().unwrap().clone().into_iter();
            let capital = |name: String| name[..1].to_uppercase() + &name[1..];
            it["body"] = body.map(|(name, value)| (capital(name), value)).collect();
        }
        it
    };
    requests.into_iter().map(described).collect()
}

fn all_day(id: &str) -> Item {
    let mut item = item(id, "Vacation");
    if let Content::Event(event) = &mut item.content {
        let day = |text: &str| text.parse().unwrap();
        event.span = EventSpan::AllDay { first: day("2026-12-01"), end: day("2026-12-03") };
        event.show_as = ShowAs::OutOfOffice;
        event.visibility = Visibility::Private;
        event.extras.reminder_minutes = Some(10);
        event.description = None;
        event.location = None;
    }
    item
}

async fn write_everything(post: &Post, url: &str) {
    let anna = post.person("Anna");
    let connection = post.connection_at(url);
    let parts = post.try_mirror_over(&*connection, "ward", "").unwrap();
    let target = &parts.target;
    target.open(&anna).await.unwrap();
    let write = |item: Item| Write {
        calendar: anna.clone(),
        what: WriteWhat::Create(item),
        not_after: jiff::Timestamp::MAX,
    };
    let made = target.write_all(&[write(item("a", "Late")), write(all_day("b"))]).await;
    let first = made[0].clone().unwrap().unwrap();
    let changed = item("a", "Later");
    target.update(&anna, &first.remote_id, first.etag.as_ref(), &changed).await.unwrap();
    let hooks = connection.hooks(&post.context()).unwrap().unwrap();
    let topic = Topic::Calendar {
        mirror: domain::MirrorName::new("ward").unwrap(),
        calendar: anna.clone(),
    };
    let (address, secret) = ("http://rota.example.com/", SecretString::from("s".to_owned()));
    let made = hooks.subscribe(&topic, address, &secret).await.unwrap();
    hooks.renew(&topic, &made, address, &secret).await.unwrap();
    touch_events_of_people(post, &parts, &anna).await;
}

async fn touch_events_of_people(post: &Post, parts: &connectors::MirrorParts, anna: &CalendarKey) {
    let foreign = parts.foreign.clone().unwrap();
    let at = |text: &str| text.parse().unwrap();
    let span = Span::Timed(at("2026-11-24T08:00:00Z"), at("2026-11-24T09:00:00Z"));
    let day = UtcInterval::new(at("2026-11-24T00:00:00Z"), at("2026-11-25T00:00:00Z")).unwrap();
    let hers = post.server.at_calendar(anna.as_str());
    let ben = post.person("Ben");
    let his = post.server.at_calendar(ben.as_str());
    let body = json!({ "body": { "contentType": "html", "content": "<p>Card</p>" } });
    hers.books_as("Dentist", span, &[], body).unwrap();
    let (to, note) = (EventSpan::Timed(day), Some("Moved".to_owned()));
    let decline = || ForeignChange::Decline { comment: "On shift".into() };
    for change in [ForeignChange::Move { to, note }, ForeignChange::Delete] {
        let event = foreign.overlapping(anna, &day).await.unwrap().remove(0);
        foreign.change(anna, &event, &change).await.unwrap();
        foreign.restore(anna, &event.kept, &change).await.unwrap();
    }
    let event = foreign.overlapping(anna, &day).await.unwrap().remove(0);
    let relabel = ForeignChange::Relabel { of: vec![], by: "Granted".into() };
    foreign.change(anna, &event, &relabel).await.unwrap();
    assert!(hers.deletes(&event.id.0));
    for answer in ["accepted", "notResponded"] {
        his.books("Retro", span, &[anna.as_str()]).unwrap();
        let event = foreign.overlapping(anna, &day).await.unwrap().remove(0);
        hers.responds(&event.id.0, answer);
        let event = foreign.overlapping(anna, &day).await.unwrap().remove(0);
        foreign.change(anna, &event, &decline()).await.unwrap();
        foreign.restore(anna, &event.kept, &decline()).await.unwrap();
        assert!(hers.deletes(&event.id.0));
    }
}
