//! People's own events in Outlook through the port: what they are, what may be done to them, and
//! taking that back.

use std::sync::Arc;

use connectors::MirrorParts;
use domain::{CalendarKey, EventSpan, UtcInterval};
use engine::port::{
    FailureClass, ForeignChange, ForeignEvent, ForeignEvents, ForeignRole, ForeignShowAs, Response,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use simulators::graph::mailbox::people::AtCalendar;
use simulators::graph::mailbox::{Event, Span};

use crate::outlook::{Post, item};
use crate::shifts::run;

const HTML: &str = "<html><body><p>Bring <b>the</b> card</p></body></html>";

struct Office {
    post: Post,
    parts: MirrorParts,
    anna: CalendarKey,
    ben: CalendarKey,
}

impl Office {
    fn new(adjust: impl FnOnce(&mut simulators::graph::Options)) -> Self {
        let post = Post::new(adjust);
        let (anna, ben) = (post.person("Anna"), post.person("Ben"));
        let parts = post.try_mirror("ward", "").unwrap();
        run(parts.target.open(&anna)).unwrap();
        Self { post, parts, anna, ben }
    }

    fn foreign(&self) -> Arc<dyn ForeignEvents> {
        self.parts.foreign.clone().unwrap()
    }

    fn hers(&self) -> AtCalendar<'_> {
        self.post.server.at_calendar(self.anna.as_str())
    }

    /// Anna books something.
    fn books(&self, more: Value) -> String {
        self.hers().books_as("Dentist", span(8), &[], more).unwrap()
    }

    /// Ben invites Anna.
    fn is_invited(&self) {
        let ben = self.post.server.at_calendar(self.ben.as_str());
        ben.books_as("Retro", span(8), &[self.anna.as_str()], json!({})).unwrap();
    }

    fn all(&self) -> Vec<ForeignEvent> {
        let day = interval("2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z");
        run(self.foreign().overlapping(&self.anna, &day)).unwrap()
    }

    fn only(&self) -> ForeignEvent {
        let mut all = self.all();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn change(&self, event: &ForeignEvent, change: &ForeignChange) -> Result<(), FailureClass> {
        let changed = run(self.foreign().change(&self.anna, event, change));
        changed.map(drop).map_err(|failure| failure.class)
    }

    fn restore(&self, event: &ForeignEvent, change: &ForeignChange) -> Result<(), FailureClass> {
        let restored = run(self.foreign().restore(&self.anna, &event.kept, change));
        restored.map(drop).map_err(|failure| failure.class)
    }

    /// What the player has of an event.
    fn played(&self, id: &str) -> Event {
        let mailbox = self.post.server.mailbox(self.anna.as_str()).unwrap();
        mailbox.events[id].clone()
    }

    fn mails_of(&self, who: &CalendarKey) -> Vec<&'static str> {
        let mailbox = self.post.server.mailbox(who.as_str()).unwrap();
        mailbox.mails.iter().map(|it| it.kind).collect()
    }
}

fn interval(start: &str, end: &str) -> UtcInterval {
    UtcInterval::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
}

fn span(hour: u32) -> Span {
    let at = |hour: u32| -> Timestamp { format!("2026-11-24T{hour:02}:00:00Z").parse().unwrap() };
    Span::Timed(at(hour), at(hour + 1))
}

fn to_evening(note: Option<&str>) -> ForeignChange {
    let to = interval("2026-11-24T18:00:00Z", "2026-11-24T19:00:00Z");
    ForeignChange::Move { to: EventSpan::Timed(to), note: note.map(String::from) }
}

fn html(content: &str) -> Value {
    json!({ "body": { "contentType": "html", "content": content } })
}

#[test]
fn what_is_ours_is_not_foreign_and_what_is_theirs_says_what_it_is() {
    let office = Office::new(|_| {});
    run(office.parts.target.create(&office.anna, &item("a", "Late"))).unwrap();
    let mut more = html(HTML);
    more["categories"] = json!(["Red"]);
    more["location"] = json!({ "displayName": "Main St" });
    more["showAs"] = "oof".into();
    more["onlineMeeting"] = json!({ "joinUrl": "https://teams.example/1" });
    office.books(more);
    let event = office.only();
    assert_eq!((event.role, event.show_as), (ForeignRole::Owner, ForeignShowAs::OutOfOffice));
    assert_eq!(event.categories, ["Red"]);
    assert_eq!(event.context.body.as_deref(), Some("Bring the card"), "without markup");
    assert_eq!(event.context.location.as_deref(), Some("Main St"));
    assert_eq!(event.context.link.as_deref(), Some("https://teams.example/1"));
    assert_eq!(run(office.foreign().find(&office.anna, &event.id)).unwrap(), Some(event));
}

#[test]
fn another_mirror_s_event_says_whose_it_is() {
    let office = Office::new(|_| {});
    let other = office.post.try_mirror("other", "calendar = \"primary\"").unwrap();
    let mut theirs = item("a", "Late");
    theirs.origin.mirror = domain::MirrorName::new("other").unwrap();
    theirs.content = match theirs.content {
        engine::port::Content::Event(mut event) => {
            event.span = EventSpan::Timed(interval("2026-11-24T08:00:00Z", "2026-11-24T09:00:00Z"));
            engine::port::Content::Event(event)
        }
        other @ engine::port::Content::Schedule(_) => other,
    };
    run(other.target.create(&office.anna, &theirs)).unwrap();
    assert_eq!(office.only().origin, Some(theirs.origin));
}

#[test]
fn a_moved_event_keeps_its_markup_and_comes_back_as_it_was() {
    let office = Office::new(|_| {});
    let id = office.books(html(HTML));
    let event = office.only();
    let change = to_evening(Some("Moved: a shift < 8 h"));
    assert_eq!(office.change(&event, &change), Ok(()));
    let moved = office.played(&id);
    let text = moved.said["body"]["content"].as_str().unwrap();
    assert!(text.contains("<p>Bring <b>the</b> card</p>"), "{text}");
    assert!(text.contains("Moved: a shift &lt; 8 h") && text.ends_with("</body></html>"), "{text}");
    // Whoever looked before that does not know what stands there now.
    assert_eq!(office.change(&event, &ForeignChange::Delete), Err(FailureClass::Precondition));
    assert_eq!(office.restore(&event, &change), Ok(()));
    assert_eq!(office.restore(&event, &change), Ok(()), "twice is once");
    let back = office.played(&id);
    assert_eq!((back.span, back.said["body"]["content"].as_str()), (span(8), Some(HTML)));
}

#[test]
fn what_its_owner_wrote_since_stays_and_what_they_moved_is_not_moved_back() {
    let office = Office::new(|_| {});
    let id = office.books(html(HTML));
    let event = office.only();
    let change = to_evening(Some("Moved: a shift"));
    assert_eq!(office.change(&event, &change), Ok(()));
    office.hers().renames(&id, "Dentist, at last");
    office.hers().writes(&id, "<p>Floor 3</p>");
    assert_eq!(office.restore(&event, &change), Ok(()));
    let back = office.played(&id);
    assert_eq!((back.span, back.subject()), (span(8), "Dentist, at last"));
    assert_eq!(back.body_text(), "Floor 3");
    let event = office.only();
    assert_eq!(office.change(&event, &change), Ok(()));
    office.hers().moves(&id, span(20));
    assert_eq!(office.restore(&event, &change), Err(FailureClass::Precondition));
    assert_eq!(office.played(&id).span, span(20));
}

#[test]
fn how_to_join_an_online_meeting_is_left_alone() {
    let office = Office::new(|_| {});
    let mut more = html(HTML);
    more["isOnlineMeeting"] = true.into();
    let id = office.books(more);
    assert_eq!(office.change(&office.only(), &to_evening(Some("Moved"))), Ok(()));
    assert_eq!(office.played(&id).said["body"]["content"], HTML);
}

#[test]
fn a_deleted_event_is_made_again_once_where_it_was_and_guests_are_not_invited_anew() {
    let office = Office::new(|_| {});
    let mut more = html(HTML);
    more["importance"] = "high".into();
    office.books(more);
    let event = office.only();
    assert_eq!(office.change(&event, &ForeignChange::Delete), Ok(()));
    assert!(office.all().is_empty());
    assert_eq!(run(office.foreign().find(&office.anna, &event.id)).unwrap(), None);
    assert_eq!(office.restore(&event, &ForeignChange::Delete), Ok(()));
    assert_eq!(office.restore(&event, &ForeignChange::Delete), Ok(()));
    let back = office.only();
    assert_eq!((&back.context.subject, back.span), (&event.context.subject, event.span));
    let played = office.played(&back.id.0);
    assert_eq!(played.said["importance"], "high");
    assert!(played.said["body"]["content"].as_str().unwrap().contains("<b>the</b>"));
    // In our calendar, what was there comes back there.
    assert!(office.hers().moves_to_calendar(&back.id.0, "Shifts"));
    let event = office.only();
    assert_eq!(event.calendar_name.as_deref(), Some("Shifts"));
    assert_eq!(office.change(&event, &ForeignChange::Delete), Ok(()));
    assert_eq!(office.restore(&event, &ForeignChange::Delete), Ok(()));
    assert_eq!(office.only().calendar_name.as_deref(), Some("Shifts"));
}

#[test]
fn a_meeting_comes_back_without_its_guests_and_says_so() {
    let office = Office::new(|_| {});
    office.hers().books_as("Retro", span(8), &[office.ben.as_str()], html(HTML)).unwrap();
    let event = office.only();
    assert_eq!(event.role, ForeignRole::Organiser);
    assert_eq!(office.change(&event, &ForeignChange::Delete), Ok(()));
    assert_eq!(office.mails_of(&office.anna), ["invitation", "cancellation"]);
    assert_eq!(office.restore(&event, &ForeignChange::Delete), Ok(()));
    assert_eq!(office.mails_of(&office.anna), ["invitation", "cancellation"], "nobody is mailed");
    let told = office.only().context.body.unwrap();
    assert!(told.contains("Its guests were not invited again"), "{told}");
}

#[test]
fn a_meeting_of_others_is_declined_and_never_deleted_or_moved() {
    let office = Office::new(|_| {});
    office.is_invited();
    let event = office.only();
    assert_eq!(event.role, ForeignRole::Attendee(Response::None));
    assert_eq!(office.change(&event, &ForeignChange::Delete), Err(FailureClass::Refused));
    assert_eq!(office.change(&event, &to_evening(None)), Err(FailureClass::Refused));
    let decline = ForeignChange::Decline { comment: "On shift".into() };
    assert_eq!(office.change(&event, &decline), Ok(()));
    assert_eq!(office.mails_of(&office.anna), ["declined"]);
    // Outlook took it out of the calendar: what can come back is a note.
    assert!(office.all().is_empty());
    assert_eq!(office.restore(&event, &decline), Ok(()));
    assert_eq!(office.restore(&event, &decline), Ok(()));
    let back = office.only();
    assert_eq!((back.role, back.span), (ForeignRole::Owner, event.span));
    let told = back.context.body.unwrap();
    assert!(told.contains("what the organiser changes does not arrive here"), "{told}");
    assert_eq!(office.mails_of(&office.anna), ["declined"]);
}

#[test]
fn where_declined_meetings_are_preserved_the_organiser_gets_the_answer_that_there_was() {
    let office = Office::new(|it| it.mailbox.preserves_declined = true);
    let decline = ForeignChange::Decline { comment: "On shift".into() };
    for (answer, mailed) in [
        ("accepted", "accepted"),
        ("tentativelyAccepted", "tentatively accepted"),
        ("notResponded", "tentatively accepted"),
    ] {
        office.is_invited();
        let event = office.only();
        office.hers().responds(&event.id.0, answer);
        let event = office.only();
        assert_eq!(office.change(&event, &decline), Ok(()));
        assert_eq!(office.only().role, ForeignRole::Attendee(Response::Declined));
        assert_eq!(office.restore(&event, &decline), Ok(()));
        assert_eq!(office.restore(&event, &decline), Ok(()));
        assert_eq!(office.mails_of(&office.anna).last(), Some(&mailed), "{answer}");
        assert_eq!(office.all().len(), 1, "no second meeting");
        assert!(office.hers().deletes(&event.id.0));
    }
    assert_eq!(office.mails_of(&office.anna).len(), 6, "one to decline, one to answer again");
}

#[test]
fn of_a_series_only_the_occurrence_is_touched() {
    let office = Office::new(|_| {});
    let id = office.books(html(HTML));
    office.hers().makes_a_series_of(&id, 1, 3);
    let event = office.only();
    assert_eq!(event.series.as_ref().map(|it| it.0.as_str()), Some(id.as_str()));
    let change = to_evening(None);
    assert_eq!(office.change(&event, &change), Ok(()));
    let next = interval("2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z");
    let there = run(office.foreign().overlapping(&office.anna, &next)).unwrap();
    assert_eq!(there.len(), 1);
    assert_eq!(office.restore(&event, &change), Ok(()));
    assert_eq!(office.only().span, event.span);
}

#[test]
fn labels_are_replaced_and_not_taken_back() {
    let office = Office::new(|_| {});
    office.books(json!({ "categories": ["Unavailable", "Red"] }));
    let event = office.only();
    let change = ForeignChange::Relabel {
        of: vec!["Unavailable".into()],
        by: "Unavailable: granted".into(),
    };
    assert_eq!(office.change(&event, &change), Ok(()));
    assert_eq!(office.only().categories, ["Red", "Unavailable: granted"]);
    assert_eq!(office.restore(&event, &change), Err(FailureClass::Refused));
}

#[test]
fn the_calendar_that_is_named_for_wishes_is_read_too_and_what_is_deleted_there_comes_back_there() {
    let office = Office::new(|_| {});
    let id = office.books(json!({}));
    assert_eq!(office.only().calendar_name, None);
    assert!(office.hers().moves_to_calendar(&id, "unavailable"));
    let wish = office.only();
    assert_eq!(wish.calendar_name.as_deref(), Some("Unavailable"), "however it is spelled there");
    assert_eq!(office.change(&wish, &ForeignChange::Delete), Ok(()));
    assert_eq!(office.restore(&wish, &ForeignChange::Delete), Ok(()));
    assert_eq!(office.only().calendar_name.as_deref(), Some("Unavailable"));
    // Where there is none any more, nothing is wished there.
    assert!(office.hers().deletes_calendar("unavailable"));
    assert!(office.all().is_empty());
}
