//! People's own events through the `google_workspace` provider, and hints that something changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{EventSpan, UtcInterval};
use engine::port::{
    FailureClass, ForeignChange, ForeignEvent, ForeignEvents, ForeignRole, ForeignShowAs, HookCall,
    NoticeKind, Proof, Response, Topic,
};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use simulators::google::{Options, Person, Plan, Seen, ServiceAccount};
use testkit::builders::mirror;

use crate::caldav::run;
use crate::google::{ANNA, Stage, item, key};

const BEN: &str = "ben@example.com";

struct Office {
    stage: Stage,
    anna: Person,
    ben: Person,
}

impl Office {
    fn new(access: &str) -> Self {
        let accounts = vec![ServiceAccount::delegated(&[
            "calendar.app.created",
            "calendar.calendarlist.readonly",
            "calendar.events.owned",
            "calendar.events.owned.readonly",
        ])];
        let options = Options { accounts, ..Options::default() };
        let stage = Stage::new(options, &format!("foreign_events = \"{access}\""));
        stage.open();
        let anna = stage.server.person(ANNA);
        let ben = stage.server.add_user(BEN, "Europe/Berlin");
        Self { stage, anna, ben }
    }

    fn foreign(&self) -> Arc<dyn ForeignEvents> {
        self.stage.parts.foreign.clone().unwrap()
    }

    fn all(&self) -> Vec<ForeignEvent> {
        let day = interval("2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z");
        run(self.foreign().overlapping(&key(ANNA), &day)).unwrap()
    }

    fn only(&self) -> ForeignEvent {
        let mut all = self.all();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn change(&self, event: &ForeignEvent, change: &ForeignChange) -> Result<(), FailureClass> {
        let changed = run(self.foreign().change(&key(ANNA), event, change));
        changed.map(drop).map_err(|failure| failure.class)
    }

    fn restore(&self, event: &ForeignEvent, change: &ForeignChange) {
        run(self.foreign().restore(&key(ANNA), &event.kept, change)).unwrap();
    }
}

fn interval(start: &str, end: &str) -> UtcInterval {
    UtcInterval::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
}

fn plan(summary: &str) -> Plan {
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    Plan::timed(summary, at("2026-11-24T08:00:00Z"), at("2026-11-24T09:00:00Z"))
}

#[test]
fn what_is_ours_is_not_foreign_and_what_is_theirs_says_what_it_is() {
    let office = Office::new("read");
    office.stage.create(&item("a", 1));
    let dentist = plan("Dentist").with("location", "Main St".into());
    office.anna.plans(ANNA, dentist.with("colorId", "11".into()));
    let event = office.only();
    assert_eq!(event.role, ForeignRole::Owner);
    assert_eq!(
        (event.show_as, event.categories.as_slice()),
        (ForeignShowAs::Busy, &["Tomato".to_owned()][..])
    );
    assert_eq!(event.context.subject, "Dentist");
    assert_eq!(event.context.location.as_deref(), Some("Main St"));
    assert_eq!((event.calendar_name, event.series, event.origin), (None, None, None));
    // What a person puts into our calendar is theirs as well.
    let own = office.stage.own();
    office.anna.plans(&own, plan("Lunch").with("transparency", "transparent".into()));
    let lunch = office.all().into_iter().find(|it| it.context.subject == "Lunch").unwrap();
    assert_eq!(lunch.calendar_name.as_deref(), Some("Shifts"));
    assert_eq!(lunch.show_as, ForeignShowAs::Free);
}

#[test]
fn nothing_is_changed_where_only_reading_is_allowed() {
    let office = Office::new("read");
    office.anna.plans(ANNA, plan("Dentist"));
    let refused = office.change(&office.only(), &ForeignChange::Delete);
    assert_eq!(refused, Err(FailureClass::Refused));
    assert_eq!(office.stage.server.live_events(ANNA).len(), 1);
    assert!(Stage::new(Options::default(), "").parts.foreign.is_none());
}

#[test]
fn an_own_event_is_deleted_and_restored_as_it_was() {
    let office = Office::new("change");
    let dentist = plan("Dentist").with("description", "Bring the card".into());
    office.anna.plans(ANNA, dentist);
    let event = office.only();
    assert_eq!(office.change(&event, &ForeignChange::Delete), Ok(()));
    assert!(office.all().is_empty());
    office.restore(&event, &ForeignChange::Delete);
    office.restore(&event, &ForeignChange::Delete);
    let back = office.only();
    assert_eq!((back.context, back.span, back.id), (event.context, event.span, event.id));
}

#[test]
fn what_lies_in_the_trash_is_made_again_once() {
    let office = Office::new("change");
    let id = office.anna.plans(ANNA, plan("Dentist"));
    let event = office.only();
    office.anna.deletes(ANNA, &id).unwrap();
    office.restore(&event, &ForeignChange::Delete);
    office.restore(&event, &ForeignChange::Delete);
    assert_eq!(office.only().context.subject, "Dentist");
}

#[test]
fn an_event_is_moved_with_a_note_and_back() {
    let office = Office::new("change");
    office.anna.plans(ANNA, plan("Dentist").with("description", "Card".into()));
    let event = office.only();
    let to = interval("2026-11-24T18:00:00Z", "2026-11-24T19:00:00Z");
    let note = Some("Moved: a shift".to_owned());
    let moving = ForeignChange::Move { to: EventSpan::Timed(to), note };
    assert_eq!(office.change(&event, &moving), Ok(()));
    let moved = office.only();
    assert_eq!(moved.span, EventSpan::Timed(to));
    assert_eq!(moved.context.body.as_deref(), Some("Card\n\nMoved: a shift"));
    // Whoever looked before that does not know what stands there now.
    assert_eq!(office.change(&event, &ForeignChange::Delete), Err(FailureClass::Precondition));
    office.restore(&event, &moving);
    assert_eq!(office.only().span, event.span);
}

#[test]
fn a_meeting_of_others_is_declined_and_never_deleted_or_moved() {
    let office = Office::new("change");
    let id = office.ben.plans(BEN, plan("Retro").inviting(&[ANNA]));
    office.anna.responds(&id, "accepted").unwrap();
    let event = office.only();
    assert_eq!(event.role, ForeignRole::Attendee(Response::Accepted));
    assert_eq!(event.context.attendees.len(), 2);
    assert_eq!(office.change(&event, &ForeignChange::Delete), Err(FailureClass::Refused));
    let to = EventSpan::Timed(interval("2026-11-24T18:00:00Z", "2026-11-24T19:00:00Z"));
    let moved = office.change(&event, &ForeignChange::Move { to, note: None });
    assert_eq!(moved, Err(FailureClass::Refused));
    let decline = ForeignChange::Decline { comment: "On shift".into() };
    assert_eq!(office.change(&event, &decline), Ok(()));
    assert_eq!(office.only().role, ForeignRole::Attendee(Response::Declined));
    let at_bens = office.stage.server.live_events(BEN).remove(0);
    assert_eq!(at_bens.response_of(ANNA).as_deref(), Some("declined"));
    office.restore(&event, &decline);
    let at_bens = office.stage.server.live_events(BEN).remove(0);
    assert_eq!(at_bens.response_of(ANNA).as_deref(), Some("accepted"));
}

#[test]
fn a_declined_meeting_is_answered_again_and_made_no_second_time() {
    let office = Office::new("change");
    let cleo = office.stage.server.add_user("cleo@example.com", "Europe/Berlin");
    let id = office.ben.plans(BEN, plan("Retro").inviting(&[ANNA, "cleo@example.com"]));
    office.anna.responds(&id, "tentative").unwrap();
    let event = office.only();
    let decline = ForeignChange::Decline { comment: "On shift".into() };
    assert_eq!(office.change(&event, &decline), Ok(()));
    // Somebody else answered meanwhile, which stays.
    cleo.responds(&id, "accepted").unwrap();
    office.restore(&event, &decline);
    office.restore(&event, &decline);
    assert_eq!(office.only().role, ForeignRole::Attendee(Response::Tentative));
    let at_bens = office.stage.server.live_events(BEN);
    assert_eq!(at_bens.len(), 1, "no second meeting");
    assert_eq!(at_bens[0].response_of(ANNA).as_deref(), Some("tentative"));
    // Called off meanwhile, there is nothing to come to.
    assert_eq!(office.change(&office.only(), &decline), Ok(()));
    office.ben.deletes(BEN, &id).unwrap();
    let gone = run(office.foreign().restore(&key(ANNA), &event.kept, &decline));
    assert_eq!(gone.unwrap_err().class, FailureClass::Missing);
}

#[test]
fn first_calendars_are_watched_only_where_their_events_matter() {
    let topic = Topic::Calendar { mirror: mirror(), calendar: key(ANNA) };
    let watched = |keys: &str| Stage::new(Options::default(), keys).hooks.subscribes(&topic);
    assert!(!watched("calendar = \"primary\""));
    assert!(watched("calendar = \"primary\", foreign_events = \"read\""));
    assert!(watched(""));
}

#[test]
fn of_a_series_only_the_occurrence_goes_and_comes_back() {
    let office = Office::new("change");
    let rule = json!(["RRULE:FREQ=DAILY;COUNT=3"]);
    let series = office.anna.plans(ANNA, plan("Standup").with("recurrence", rule));
    let event = office.only();
    assert_eq!(event.series.as_ref().map(|it| it.0.clone()), Some(format!("primary/{series}")));
    assert_eq!(office.change(&event, &ForeignChange::Delete), Ok(()));
    assert!(office.all().is_empty());
    let next = interval("2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z");
    assert_eq!(run(office.foreign().overlapping(&key(ANNA), &next)).unwrap().len(), 1);
    office.restore(&event, &ForeignChange::Delete);
    assert_eq!(office.only().id, event.id);
}

#[test]
fn what_was_moved_to_another_calendar_is_fetched_back_and_not_seen_twice() {
    let office = Office::new("change");
    let (own, shift) = (office.stage.own(), item("a", 1));
    let id = office.stage.create(&shift).remote_id;
    for into in [ANNA.to_owned(), office.anna.makes_calendar("Private")] {
        office.anna.relocates(&own, &id.0, &into).unwrap();
        let strayed = run(office.stage.target().strayed(&key(ANNA), std::slice::from_ref(&id)));
        assert_eq!(strayed, Ok(vec![true]), "{into}");
        assert_eq!(office.stage.create(&shift).remote_id, id);
        assert_eq!(office.stage.server.live_events(&into).len(), 0, "{into}");
        assert_eq!(office.stage.server.live_events(&own).len(), 1, "{into}");
        assert_eq!(told(&office), "none", "nobody hears of it");
    }
}

#[test]
fn what_was_moved_away_stays_where_we_may_only_read_or_its_tag_was_taken_off() {
    for (access, stripped) in [("read", false), ("change", true), ("none", false)] {
        let office = Office::new(access);
        let (own, shift) = (office.stage.own(), item("a", 1));
        let id = office.stage.create(&shift).remote_id;
        office.anna.relocates(&own, &id.0, ANNA).unwrap();
        if stripped {
            office.anna.strips(ANNA, &id.0).unwrap();
        }
        assert_eq!(office.stage.create(&shift).remote_id, id);
        assert_eq!(office.stage.server.live_events(ANNA).len(), 1, "{access}");
        assert_eq!(office.stage.server.live_events(&own).len(), 1, "{access}");
    }
}

#[test]
fn a_label_is_a_colour_of_googles() {
    let office = Office::new("change");
    office.anna.plans(ANNA, plan("Unavailable"));
    let event = office.only();
    let relabel = |by: &str| ForeignChange::Relabel { of: vec![], by: by.into() };
    assert_eq!(office.change(&event, &relabel("granted")), Err(FailureClass::Refused));
    assert_eq!(office.change(&event, &relabel("basil")), Ok(()));
    assert_eq!(office.only().categories, ["Basil"]);
}

#[test]
fn a_channel_is_made_renewed_with_overlap_and_ended() {
    let office = Office::new("read");
    let hooks = &office.stage.hooks;
    let topic = Topic::Calendar { mirror: mirror(), calendar: key(ANNA) };
    assert!(hooks.subscribes(&topic) && !hooks.subscribes(&Topic::Source));
    let url = "https://rota.example.com/hooks/google";
    let secret = SecretString::from("s3cret".to_owned());
    let first = run(hooks.subscribe(&topic, url, &secret)).unwrap();
    let second = run(hooks.renew(&topic, &first, url, &secret)).unwrap();
    assert_ne!(first.id, second.id);
    office.stage.create(&item("a", 1));
    let told: Vec<_> = office
        .stage
        .server
        .take_notices()
        .into_iter()
        .filter_map(|notice| {
            assert_eq!(notice.address, url);
            let headers: BTreeMap<String, String> =
                notice.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let call = HookCall { query: String::new(), headers, body: vec![] };
            let message = hooks.read(&call);
            assert_eq!(message.reply.status, 200);
            let notice = message.notices.into_iter().next()?;
            assert_eq!(notice.what, NoticeKind::Changed);
            match notice.proof {
                Proof::Subscription { id, secret } => {
                    assert_eq!(secret.expose_secret(), "s3cret");
                    Some(id)
                }
                Proof::Signed => panic!("channels carry a secret"),
            }
        })
        .collect();
    // One of each: the two messages that say that there is a channel are none.
    let mut expected = vec![first.id.clone(), second.id.clone()];
    expected.sort();
    let mut told = told;
    told.sort();
    assert_eq!(told, expected);
    run(hooks.unsubscribe(&first)).unwrap();
    run(hooks.unsubscribe(&first)).unwrap();
    // Of the other one, that of our calendar and that of her first one.
    office.stage.server.read(|state| assert_eq!(state.channels.len(), 2));
    let call = HookCall { query: String::new(), headers: BTreeMap::new(), body: vec![] };
    let message = hooks.read(&call);
    assert_eq!((message.reply.status, message.notices.len()), (400, 0));
}

#[test]
fn the_calendar_that_is_named_for_wishes_is_read_too() {
    let office = Office::new("change");
    let wishes = office.anna.makes_calendar("unavailable");
    office.anna.plans(&wishes, plan("Moving house"));
    let wish = office.only();
    assert_eq!(wish.calendar_name.as_deref(), Some("Unavailable"), "however it is spelled there");
    assert_eq!(run(office.foreign().find(&key(ANNA), &wish.id)).unwrap(), Some(wish.clone()));
    let granted = ForeignChange::Relabel { of: vec![], by: "Basil".into() };
    assert_eq!(office.change(&wish, &granted), Ok(()));
    assert_eq!(office.only().categories, ["Basil"]);
    office.anna.deletes_calendar(&wishes);
    assert!(office.all().is_empty());
}

/// Who was told of what was changed last.
fn told(office: &Office) -> String {
    let requests = office.stage.server.requests();
    let is_change = |it: &&Seen| it.method != "GET" && it.target.contains("sendUpdates");
    let mut changes = requests.iter().filter(is_change);
    let last = changes.next_back().unwrap().target.clone();
    last.split("sendUpdates=").nth(1).unwrap().split('&').next().unwrap().to_owned()
}

#[test]
fn guests_hear_that_a_meeting_is_off_or_moved_and_that_it_is_not() {
    let office = Office::new("change");
    let to = interval("2026-11-24T18:00:00Z", "2026-11-24T19:00:00Z");
    let moving = ForeignChange::Move { to: EventSpan::Timed(to), note: None };
    for (guests, expected) in [(&[BEN][..], "all"), (&[], "none")] {
        for change in [&ForeignChange::Delete, &moving] {
            let planned =
                if guests.is_empty() { plan("Retro") } else { plan("Retro").inviting(guests) };
            let id = office.anna.plans(ANNA, planned);
            let event = office.only();
            assert_eq!(office.change(&event, change), Ok(()));
            assert_eq!(told(&office), expected, "{change:?}");
            office.restore(&event, change);
            assert_eq!(told(&office), expected, "{change:?}, taken back");
            office.anna.deletes(ANNA, &id);
        }
    }
}

#[test]
fn a_change_in_a_person_s_first_calendar_is_a_hint_like_one_in_ours() {
    for (access, expected) in [("read", 1), ("none", 0)] {
        let office = Office::new(access);
        let topic = Topic::Calendar { mirror: mirror(), calendar: key(ANNA) };
        let secret = SecretString::from("s3cret".to_owned());
        let url = "https://rota.example.com/hooks/google";
        let made = run(office.stage.hooks.subscribe(&topic, url, &secret)).unwrap();
        let _ = office.stage.server.take_notices();
        office.anna.plans(ANNA, plan("Dentist"));
        let notices = office.stage.server.take_notices();
        assert_eq!(notices.len(), expected, "{access}");
        for notice in notices {
            let headers = notice.headers.into_iter().map(|(name, value)| (name.to_owned(), value));
            let call = HookCall { query: String::new(), headers: headers.collect(), body: vec![] };
            let message = office.stage.hooks.read(&call);
            let Proof::Subscription { id, .. } = &message.notices[0].proof else { panic!() };
            assert_eq!(*id, made.id, "it is the same subscription");
        }
        run(office.stage.hooks.unsubscribe(&made)).unwrap();
        office.stage.server.read(|state| assert!(state.channels.is_empty(), "{access}"));
    }
}
