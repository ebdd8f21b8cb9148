//! What Exchange rewrites, and what it must not hide.

use domain::{CalendarEvent, EventExtras, EventSpan, ShowAs, UtcInterval, Visibility};
use serde_json::{Value, json};

use super::map;
use super::wire::Event;

fn read(value: Value) -> Event {
    serde_json::from_value(value).expect("an event")
}

fn told() -> Value {
    json!({
        "id": "AAk=", "subject": "Late", "type": "singleInstance", "showAs": "busy",
        "sensitivity": "normal", "categories": ["b", "a"],
        "body": { "contentType": "text", "content": "one\r\ntwo\r\n" },
        "start": { "dateTime": "2026-11-24T08:00:00.0000000", "timeZone": "UTC" },
        "end": { "dateTime": "2026-11-24T16:00:00.0000000", "timeZone": "UTC" },
    })
}

fn shown() -> CalendarEvent {
    let at = |text: &str| text.parse().expect("an instant");
    let interval = UtcInterval::new(at("2026-11-24T08:00:00Z"), at("2026-11-24T16:00:00Z"));
    CalendarEvent {
        summary: "Late".into(),
        description: Some("one\ntwo".into()),
        location: None,
        categories: vec!["a".into(), "b".into()],
        span: EventSpan::Timed(interval.expect("an interval")),
        show_as: ShowAs::Busy,
        visibility: Visibility::Default,
        extras: EventExtras::default(),
    }
}

#[test]
fn line_ends_and_html_around_a_text_and_the_order_of_labels_do_not_count() {
    let mut value = told();
    assert_eq!(map::event(&read(value.clone())), Some(shown()));
    value["body"] = json!({
        "contentType": "html",
        "content": "<html>\r\n<head>\r\n<meta charset=\"utf-8\">\r\n</head>\r\n<body>\r\n<div \
                    class=\"PlainText\">one<br>\r\ntwo</div>\r\n</body>\r\n</html>\r\n",
    });
    assert_eq!(map::event(&read(value)), Some(shown()));
}

#[test]
fn what_a_person_changed_counts() {
    let changes = [
        ("subject", json!("Later")),
        ("body", json!({ "contentType": "text", "content": "one" })),
        ("showAs", json!("free")),
        ("sensitivity", json!("confidential")),
        ("type", json!("seriesMaster")),
        ("isCancelled", json!(true)),
        ("location", json!({ "displayName": "Ward" })),
        ("isAllDay", json!(true)),
        ("isReminderOn", json!(true)),
    ];
    let mut same = vec![];
    for (name, value) in changes {
        let mut event = told();
        event["reminderMinutesBeforeStart"] = json!(15);
        event[name] = value;
        if map::event(&read(event)) == Some(shown()) {
            same.push(name);
        }
    }
    assert!(same.is_empty(), "{same:?}");
}
