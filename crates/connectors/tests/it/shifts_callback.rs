//! People of a played Shifts change things, and what we make of the calls that this causes.
//!
//! The played Shifts is written from the vendor's pages and from what the published connectors
//! see, and shares nothing with our side: neither the envelope nor a single wire type.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use connectors::microsoft_graph::shifts::callback::envelope::{
    CallbackSecret, CallbackSecrets, SecretSource,
};
use connectors::microsoft_graph::shifts::callback::inbound::{Replies, ShiftsInbound, TurnedAway};
use connectors::microsoft_graph::shifts::callback::names::{Names, TeamNames};
use domain::{
    CalendarKey, CommandKind, Directory, EmployeeId, Refusal, ScheduleGroupId, ScheduleItem,
    TimeOffReasonId,
};
use engine::port::{
    Answer, Approvals, Ask, AskWhat, AskedQuestion, AskedRequest, Clock, Failure, Inbound,
    InboundCall, Offered, RemoteId,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::json;
use simulators::graph::integration::{
    CallOptions, Caller, Carrier, Carrying, Exchange, Got, Mishap, Post, Workforce,
};
use simulators::graph::people::{NewShift, NotDone, People, Person, TeamPeople, away, working};
use simulators::graph::state::{
    Entity, Group, Integration, Kind, Provision, Reason, Schedule, Stored, Tracked, Who,
};
use simulators::graph::{Graph, Options, Role, TENANT};
use testkit::manual_clock::ManualClock;

/// Secrets that never change.
struct Fixed(Arc<CallbackSecrets>);

impl SecretSource for Fixed {
    fn known(&self) -> Arc<CallbackSecrets> {
        Arc::clone(&self.0)
    }
    fn looked_up_again(&self) -> Arc<CallbackSecrets> {
        self.known()
    }
}

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&*";

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn at(hour: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hour)
}

/// Grants what it is told to grant, and keeps all that was asked.
struct Record {
    kinds: BTreeSet<CommandKind>,
    refuses: Option<Refusal>,
    offers: Mutex<Vec<Offered>>,
    asked: Mutex<Vec<String>>,
}

fn item(item: &ScheduleItem) -> String {
    match item {
        ScheduleItem::Shift(it) => format!("shift of {}", it.employee),
        ScheduleItem::OpenShift(it) => format!("open shift with {}", it.open_slots),
        ScheduleItem::TimeOff(it) => format!("time off of {}", it.employee),
        ScheduleItem::Availability(it) => format!("availability of {}", it.employee),
    }
}

fn request(request: &Option<AskedRequest>) -> String {
    match request {
        Some(AskedRequest::OpenShift { employee, .. }) => format!("claim of {employee}"),
        Some(AskedRequest::Swap { .. }) => "swap".into(),
        Some(AskedRequest::Offer { to, .. }) => format!("offer to {to}"),
        Some(AskedRequest::TimeOff { item }) => format!("time off of {}", item.employee),
        None => "what was asked before".into(),
    }
}

fn in_words(what: &AskWhat) -> String {
    match what {
        AskWhat::Create { item: it, .. } => format!("create {}", item(it)),
        AskWhat::Edit { item: it, .. } => format!("edit {}", item(it)),
        AskWhat::Delete { kind, .. } => format!("delete {kind}"),
        AskWhat::Assign { item: it, .. } => format!("assign to {}", it.employee),
        AskWhat::Request { request: it, step, makes, declines, .. } => {
            let mut words = format!("{}: {}", request(it), step.as_str());
            for (_, made) in makes {
                words.push_str(&format!(", make {}", item(made)));
            }
            if !declines.is_empty() {
                words.push_str(&format!(", decline {}", declines.len()));
            }
            words
        }
        AskWhat::SetAvailability { item } => format!("set {}", item.availability),
    }
}

#[async_trait]
impl Approvals for Record {
    fn kinds(&self) -> &BTreeSet<CommandKind> {
        &self.kinds
    }

    fn grants_by_itself(&self) -> &BTreeSet<CommandKind> {
        &self.kinds
    }

    async fn directory(&self) -> Result<Arc<Directory>, Refusal> {
        Ok(Arc::default())
    }

    async fn decide_together(&self, asks: Vec<Ask>) -> Answer {
        let mut asked = self.asked.lock().unwrap();
        let words: Vec<String> = asks.iter().map(|ask| in_words(&ask.what)).collect();
        asked.push(words.join("; and "));
        match &self.refuses {
            Some(refusal) => Answer::Refused(refusal.clone()),
            None => Answer::Granted { version: format!("v{}", asked.len()) },
        }
    }

    async fn offered(&self, _: &CalendarKey, _: AskedQuestion) -> Result<Vec<Offered>, Refusal> {
        Ok(self.offers.lock().unwrap().clone())
    }
}

struct Known(Arc<TeamNames>);

#[async_trait]
impl Names for Known {
    async fn of(&self, _: &CalendarKey, _: &Arc<Directory>) -> Result<Arc<TeamNames>, Failure> {
        Ok(Arc::clone(&self.0))
    }

    async fn look_again(
        &self,
        team: &CalendarKey,
        directory: &Arc<Directory>,
    ) -> Result<Arc<TeamNames>, Failure> {
        self.of(team, directory).await
    }
}

/// Takes calls to our side without a socket between.
struct Straight {
    inbound: Arc<ShiftsInbound>,
    record: Arc<Record>,
}

impl std::fmt::Debug for Straight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Straight")
    }
}

impl Carrier for Straight {
    fn carry(&self, post: Post) -> Carrying<'_> {
        Box::pin(async move {
            let path = post.url.split_once("/rota/").ok_or("not ours")?.1.to_owned();
            let headers: BTreeMap<_, _> =
                post.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let call = InboundCall { path, headers, body: post.body.to_vec() };
            let record = Arc::clone(&self.record) as Arc<dyn Approvals>;
            let reply = self.inbound.answer(call, record).await;
            Ok(Got { status: reply.status, body: reply.body.into() })
        })
    }
}

struct Ward {
    team: TeamPeople,
    manager: Person,
    anna: Person,
    ben: Person,
    group: String,
    reason: String,
    record: Arc<Record>,
}

fn tracked() -> Tracked {
    let (created_at, modified_at) = (now(), now());
    Tracked {
        created_at,
        created_by: Who::System,
        modified_at,
        modified_by: Who::System,
        version: 1,
    }
}

fn integration() -> Integration {
    let set = |text: &str| text.split(',').map(str::to_owned).collect();
    Integration {
        id: "WFI_1".into(),
        tenant: TENANT.into(),
        display_name: "Rota".into(),
        api_version: 1,
        is_active: true,
        url: "https://rota.example/rota".into(),
        secret: SECRET.into(),
        supported: set("Shift,SwapRequest,UserShiftPreferences,OpenShift,OpenShiftRequest,\
             OfferShiftRequest,TimeOff,TimeOffRequest"),
        eligibility: set("SwapRequest,OfferShiftRequest,TimeOffReason"),
        tracked: tracked(),
    }
}

fn schedule() -> Schedule {
    Schedule {
        enabled: true,
        time_zone: "Europe/Berlin".into(),
        provision: Provision::Completed,
        open_shifts_enabled: true,
        swap_shifts_requests_enabled: true,
        offer_shift_requests_enabled: true,
        time_off_requests_enabled: true,
        time_clock_enabled: false,
        copies_activities: true,
        start_day_of_week: None,
        integrations: vec!["WFI_1".into()],
    }
}

/// The played team's schedule with its group and its kind of absence.
fn schedule_of(graph: &Graph, team: &str, users: Vec<String>) -> (String, String) {
    graph.update(|state| {
        state.integrations.insert("WFI_1".into(), integration());
        state.teams.get_mut(team).unwrap().schedule = Some(schedule());
        let (code, is_active) = (None, true);
        let group = Group { display_name: "Nurses".into(), code, is_active, users };
        let display_name = "Vacation".into();
        let reason = Reason { display_name, code: None, icon: "plane".into(), is_active };
        let mut put = |kind: Kind, entity| {
            let id = state.new_id(kind.prefix());
            let entities = &mut state.teams.get_mut(team).unwrap().entities;
            let stored = Stored { entity, tracked: tracked() };
            entities.entry(kind).or_default().insert(id.clone(), stored);
            id
        };
        let group = put(Kind::SchedulingGroup, Entity::Group(group));
        (group, put(Kind::TimeOffReason, Entity::Reason(reason)))
    })
}

impl Ward {
    fn new() -> Self {
        Self::answering(CommandKind::ALL.into(), None)
    }

    fn answering(kinds: BTreeSet<CommandKind>, refuses: Option<Refusal>) -> Self {
        let graph = Graph::new(Options { clock: Some(Arc::new(now)), ..Options::default() });
        let [manager, anna, ben] = ["Mia", "Anna", "Ben"].map(|name| graph.add_user(name));
        let roles = [(&manager, Role::Owner), (&anna, Role::Member), (&ben, Role::Member)];
        let id = graph.add_team("Ward 1", &roles.map(|(user, role)| (user.as_str(), role)));
        let (group, reason) = schedule_of(&graph, &id, vec![anna.clone(), ben.clone()]);

        let employee = |user: &str, id| (user.to_owned(), EmployeeId::new(id).unwrap());
        let names = TeamNames {
            users: [employee(&anna, "anna"), employee(&ben, "ben")].into(),
            groups: [(group.clone(), ScheduleGroupId::new("nurses").unwrap())].into(),
            reasons: [(reason.clone(), TimeOffReasonId::new("leave").unwrap())].into(),
            user_ids: [("anna", &anna), ("ben", &ben)]
                .map(|(id, user)| (EmployeeId::new(id).unwrap(), user.clone()))
                .into(),
            reason_ids: [(TimeOffReasonId::new("leave").unwrap(), reason.clone())].into(),
            ..TeamNames::default()
        };
        let current = CallbackSecret::new(&SecretString::from(SECRET)).unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let inbound = Arc::new(ShiftsInbound {
            tenant: TENANT.into(),
            teams: [(CalendarKey::new(&id).unwrap(), zone)].into(),
            secrets: Arc::new(Fixed(CallbackSecrets { current, others: vec![] }.into())),
            names: Arc::new(Known(Arc::new(names))),
            clock: Arc::new(ManualClock::new(now())) as Arc<dyn Clock>,
            replies: Replies::default(),
            turned_away: TurnedAway::default(),
        });
        let (offers, asked) = (Mutex::default(), Mutex::default());
        let record = Arc::new(Record { kinds, refuses, offers, asked });
        let straight = Straight { inbound, record: Arc::clone(&record) };
        let caller = Caller::over(CallOptions::default(), Arc::new(straight));
        let people = People::with(&graph, Workforce::install_over(&graph, caller));
        let team = people.team(&id);
        let [manager, anna, ben] = [manager, anna, ben].map(|user| team.person(&user));
        Self { team, manager, anna, ben, group, reason, record }
    }

    /// A shift of eight hours that everybody sees; what was asked for it is forgotten.
    async fn shift(&self, person: &Person, hour: i64) -> String {
        let new = NewShift::of(person.user(), &self.group, working(at(hour), at(hour + 8)));
        let id = self.manager.creates_shift(new).await.unwrap();
        self.manager.shares(&id).await.unwrap();
        self.asked();
        id
    }

    /// What was asked since this was called last.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.record.asked.lock().unwrap())
    }

    fn exchanges(&self) -> Vec<Exchange> {
        self.team.people().workforce().exchanges()
    }
}

#[tokio::test]
async fn manager_makes_changes_removes_and_assigns() {
    let ward = Ward::new();
    let shift = ward.shift(&ward.anna, 24).await;
    ward.manager.edits(&shift, |it| it.notes = Some("late".into())).await.unwrap();
    ward.manager.reassigns(&shift, ward.ben.user()).await.unwrap();
    ward.manager.deletes(&shift).await.unwrap();
    ward.manager.shares(&shift).await.unwrap();
    assert_eq!(
        ward.asked(),
        ["edit shift of anna", "edit shift of ben", "delete shift", "delete shift"]
    );
    let item = working(at(24), at(32));
    let open = ward.manager.creates_open_shift(&ward.group, item, 2).await.unwrap();
    ward.manager.shares(&open).await.unwrap();
    ward.manager.assigns(&open, ward.ben.user()).await.unwrap();
    let asked = ward.asked();
    assert_eq!(asked.first().unwrap(), "create open shift with 2");
    assert_eq!(asked.last().unwrap(), "assign to ben");
    let absence = away(&ward.reason, at(24), at(48));
    let absence = ward.manager.creates_time_off(ward.anna.user(), absence).await.unwrap();
    ward.manager.deletes(&absence).await.unwrap();
    assert_eq!(ward.asked(), ["create time off of anna", "delete time_off"]);
}

#[tokio::test]
async fn swap_with_others_that_it_overtakes() {
    let ward = Ward::new();
    let (a, b) = (ward.shift(&ward.anna, 24).await, ward.shift(&ward.ben, 48).await);
    ward.ben.asks_to_swap(&b, &a).await.unwrap();
    let swap = ward.anna.asks_to_swap(&a, &b).await.unwrap();
    ward.ben.accepts(&swap).await.unwrap();
    ward.manager.approves(&swap).await.unwrap();
    let asked = ward.asked();
    assert_eq!(asked[..3], ["swap: asked", "swap: asked", "swap: agreed"]);
    // What is made comes in the order of the vendor's ids, and those are drawn.
    let approved = |one, two| format!("swap: approved, make shift of {one}, make shift of {two}");
    let either = [approved("anna", "ben"), approved("ben", "anna")];
    let approval = asked[3].strip_suffix(", decline 1").unwrap().to_owned();
    assert!(either.contains(&approval) && asked.len() == 4, "{asked:?}");
    let (a, b) = (ward.shift(&ward.anna, 72).await, ward.shift(&ward.ben, 96).await);
    let early = ward.anna.asks_to_swap(&a, &b).await.unwrap();
    ward.manager.declines(&early).await.unwrap();
    let taken_back = ward.anna.asks_to_swap(&a, &b).await.unwrap();
    ward.anna.cancels(&taken_back).await.unwrap();
    let asked = ward.asked();
    assert_eq!(asked[..3], ["swap: asked", "swap: declined", "swap: asked"]);
    assert!(asked[3].ends_with(": cancelled"), "{asked:?}");
}

#[tokio::test]
async fn claims_offers_and_time_off_take_their_steps() {
    let ward = Ward::new();
    let item = working(at(24), at(32));
    let open = ward.manager.creates_open_shift(&ward.group, item, 1).await.unwrap();
    ward.manager.shares(&open).await.unwrap();
    ward.asked();
    ward.ben.claims(&open).await.unwrap();
    let claim = ward.anna.claims(&open).await.unwrap();
    ward.manager.approves(&claim).await.unwrap();
    assert_eq!(
        ward.asked(),
        [
            "claim of ben: asked",
            "claim of anna: asked",
            "claim of anna: approved, make shift of anna, decline 1"
        ]
    );
    let shift = ward.shift(&ward.anna, 48).await;
    let offer = ward.anna.offers(&shift, ward.ben.user()).await.unwrap();
    ward.ben.accepts(&offer).await.unwrap();
    ward.manager.approves(&offer).await.unwrap();
    assert_eq!(
        ward.asked(),
        [
            "offer to ben: asked",
            "offer to ben: agreed",
            "offer to ben: approved, make shift of ben"
        ]
    );
    let leave = ward.anna.asks_for_time_off(&ward.reason, at(72), at(96)).await.unwrap();
    ward.manager.approves(&leave).await.unwrap();
    let other = ward.ben.asks_for_time_off(&ward.reason, at(72), at(96)).await.unwrap();
    ward.ben.cancels(&other).await.unwrap();
    let asked = ward.asked();
    assert_eq!(asked[0], "time off of anna: asked");
    assert!(asked[1].starts_with("time off of anna: approved"), "{asked:?}");
    assert!(asked[3].ends_with(": cancelled"), "{asked:?}");
}

#[tokio::test]
async fn preferences_reach_the_record_as_an_availability() {
    let ward = Ward::new();
    let days = json!({ "pattern": { "type": "Weekly", "daysOfWeek": ["Sunday"] } });
    let rule = json!({ "recurrence": days, "timeZone": "W. Europe Standard Time",
        "timeSlots": null });
    ward.anna.sets_preferences(json!([rule])).await.unwrap();
    assert_eq!(
        ward.asked(),
        ["set Europe/Berlin; mon all; tue all; wed all; thu all; fri all; sat all; sun none"]
    );
}

#[tokio::test]
async fn person_reads_the_refusal_in_their_language_and_nothing_happens() {
    let left = std::time::Duration::from_secs(9 * 3600);
    let required = std::time::Duration::from_secs(11 * 3600);
    let refusal = Refusal::RestTooShort { required, left };
    let ward = Ward::answering(CommandKind::ALL.into(), Some(refusal));
    let new = || NewShift::of(ward.anna.user(), &ward.group, working(at(3), at(5)));
    let refused = ward.manager.clone().speaking("fr-FR").creates_shift(new()).await.unwrap_err();
    let NotDone::ByIntegration(refusal) = &refused else { panic!("{refused:?}") };
    assert_eq!((refusal.status, refusal.code.as_str()), (403, "rest_too_short"));
    assert!(refused.to_string().contains("Il faut 11 h de repos"), "{refused}");

    let one_way = Ward::answering(BTreeSet::new(), None);
    let refused = one_way.manager.creates_shift(new()).await.unwrap_err();
    let NotDone::ByIntegration(refusal) = &refused else { panic!("{refused:?}") };
    assert_eq!((refusal.status, refusal.code.as_str()), (403, "UnsupportedOperation"));
    assert!(one_way.asked().is_empty());
}

#[tokio::test]
async fn choices_come_from_the_record() {
    let ward = Ward::new();
    let own = ward.shift(&ward.anna, 24).await;
    let (b, c) = (ward.shift(&ward.ben, 48).await, ward.shift(&ward.ben, 72).await);
    assert!(ward.anna.sees_swaps_for(&own, at(0), at(90)).await.unwrap().is_empty());
    *ward.record.offers.lock().unwrap() = vec![Offered::Item(RemoteId(c.clone()))];
    let swaps = ward.anna.sees_swaps_for(&own, at(0), at(90)).await.unwrap();
    assert!(swaps == [c] && !swaps.contains(&b));
    *ward.record.offers.lock().unwrap() = vec![
        Offered::Employee(EmployeeId::new("ben").unwrap()),
        Offered::Reason(TimeOffReasonId::new("leave").unwrap()),
    ];
    assert_eq!(ward.anna.sees_takers_of(&own).await.unwrap(), [ward.ben.user()]);
    assert_eq!(ward.anna.sees_reasons().await.unwrap(), std::slice::from_ref(&ward.reason));
}

#[tokio::test]
async fn every_call_gets_an_answer_that_shifts_takes_also_when_it_comes_twice() {
    let ward = Ward::new();
    let (a, b) = (ward.shift(&ward.anna, 24).await, ward.shift(&ward.ben, 48).await);
    let caller = ward.team.people().workforce().caller();
    caller.set_mishaps([Mishap::LosesAnswer, Mishap::ArrivesTwiceAtOnce]);
    let swap = ward.anna.asks_to_swap(&a, &b).await.unwrap();
    ward.manager.approves(&swap).await.unwrap();
    for exchange in ward.exchanges() {
        assert_eq!(exchange.status.unwrap_or(200), 200, "{exchange:?}");
        let elements = exchange.plaintext["requests"].as_array().unwrap();
        let answers = exchange.answer["responses"].as_array().cloned().unwrap_or_default();
        if exchange.status.is_some() {
            assert_eq!(elements.len(), answers.len());
        }
        for answer in answers {
            assert!(answer["body"]["eTag"].is_string() && answer["status"] == 200, "{answer}");
        }
    }
}
