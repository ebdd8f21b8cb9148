//! Calls of a played Shifts, and what it is answered.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use domain::{CommandKind, Directory, EmployeeId, ScheduleItem, TimeOffReasonId, UtcInterval};
use engine::port::{Answer as Said, Ask, AskWhat, AskedQuestion, Failure, Offered, RemoteId};
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::super::envelope::CallbackSecret;
use super::super::envelope::CallbackSecrets;
use super::super::envelope::sealer::{PLAIN, seal};
use super::super::names::TeamNames;
use super::*;

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
const TEAM: &str = "team-1";

#[derive(Debug)]
struct PlayedClock {
    now: Mutex<Timestamp>,
    /// By how much the machine's clock was set back.
    set_back: Mutex<SignedDuration>,
    moved: Notify,
}

impl PlayedClock {
    fn move_to(&self, now: Timestamp) {
        *self.now.lock().unwrap() = now;
        self.moved.notify_waiters();
    }
}

#[async_trait]
impl Clock for PlayedClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn machine(&self) -> Timestamp {
        self.now() - *self.set_back.lock().unwrap()
    }

    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let moved = self.moved.notified();
            if self.now() >= at {
                return;
            }
            moved.await;
        }
    }
}

/// A system of record that says what it is told to.
struct PlayedRecord {
    kinds: BTreeSet<CommandKind>,
    says: Said,
    offers: Vec<Offered>,
    asked: Mutex<Vec<Ask>>,
    questions: Mutex<Vec<AskedQuestion>>,
    slow: bool,
    begun: Notify,
    go_on: Notify,
    done: Notify,
}

#[async_trait]
impl Approvals for PlayedRecord {
    fn kinds(&self) -> &BTreeSet<CommandKind> {
        &self.kinds
    }

    fn grants_by_itself(&self) -> &BTreeSet<CommandKind> {
        &self.kinds
    }

    async fn directory(&self) -> Result<Arc<Directory>, Refusal> {
        Ok(Arc::default())
    }

    async fn decide_together(&self, asks: Vec<Ask>) -> Said {
        self.asked.lock().unwrap().extend(asks);
        self.begun.notify_one();
        if self.slow {
            self.go_on.notified().await;
        }
        self.done.notify_one();
        self.says.clone()
    }

    async fn offered(
        &self,
        calendar: &CalendarKey,
        question: AskedQuestion,
    ) -> Result<Vec<Offered>, Refusal> {
        assert_eq!(calendar.as_str(), TEAM);
        self.questions.lock().unwrap().push(question);
        if self.slow { std::future::pending().await } else { Ok(self.offers.clone()) }
    }
}

/// Knows `u-2` only when asked a second time.
struct PlayedNames;

fn names(users: &[(&str, &str)]) -> Arc<TeamNames> {
    let user = |(user, id): &(&str, &str)| ((*user).to_owned(), EmployeeId::new(id).unwrap());
    let reason_ids = [(TimeOffReasonId::new("leave").unwrap(), "TOR_1".to_owned())].into();
    let users: BTreeMap<_, _> = users.iter().map(user).collect();
    let user_ids = users.iter().map(|(user, id)| (id.clone(), user.clone())).collect();
    Arc::new(TeamNames { users, user_ids, reason_ids, ..Default::default() })
}

#[async_trait]
impl Names for PlayedNames {
    async fn of(&self, _: &CalendarKey, _: &Arc<Directory>) -> Result<Arc<TeamNames>, Failure> {
        Ok(names(&[("u-1", "alice")]))
    }

    async fn look_again(
        &self,
        _: &CalendarKey,
        _: &Arc<Directory>,
    ) -> Result<Arc<TeamNames>, Failure> {
        Ok(names(&[("u-1", "alice"), ("u-2", "bob")]))
    }
}

/// One mirror, its record, and a caller.
struct Scene {
    inbound: Arc<ShiftsInbound>,
    record: Arc<PlayedRecord>,
    clock: Arc<PlayedClock>,
    headers: BTreeMap<String, String>,
}

fn secret(text: &str) -> CallbackSecret {
    CallbackSecret::new(&SecretString::from(text)).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn granted() -> Said {
    Said::Granted { version: "v-7".into() }
}

impl Scene {
    fn new(says: Said) -> Self {
        Self::with(says, false, &CommandKind::ALL)
    }

    fn with(says: Said, slow: bool, kinds: &[CommandKind]) -> Self {
        let clock = Arc::new(PlayedClock {
            now: Mutex::new(at("2026-11-21T08:00:00Z")),
            set_back: Mutex::default(),
            moved: Notify::new(),
        });
        let record = Arc::new(PlayedRecord {
            kinds: kinds.iter().copied().collect(),
            says,
            offers: vec![],
            asked: Mutex::default(),
            questions: Mutex::default(),
            slow,
            begun: Notify::new(),
            go_on: Notify::new(),
            done: Notify::new(),
        });
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let inbound = Arc::new(ShiftsInbound {
            tenant: "tenant-1".into(),
            teams: [(CalendarKey::new(TEAM).unwrap(), zone)].into(),
            secrets: Arc::new(Fixed(
                CallbackSecrets { current: secret(SECRET), others: vec![] }.into(),
            )),
            names: Arc::new(PlayedNames),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            replies: Replies::default(),
            turned_away: TurnedAway::default(),
        });
        Self { inbound, record, clock, headers: BTreeMap::new() }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    async fn sends(&self, path: &str, body: &[u8]) -> InboundReply {
        let call =
            InboundCall { path: path.into(), headers: self.headers.clone(), body: body.to_vec() };
        self.inbound.answer(call, Arc::clone(&self.record) as Arc<dyn Approvals>).await
    }

    async fn calls(&self, path: &str, json: &Value) -> InboundReply {
        let json = json.to_string();
        self.sends(path, &seal(SECRET, [7; 32], [9; 16], json.as_bytes(), PLAIN)).await
    }

    /// The answers to elements: id, status, code, and whether an etag is there.
    async fn answers(&self, path: &str, elements: Value) -> Vec<(String, u64, String, bool)> {
        let reply = self.calls(path, &json!({ "requests": elements })).await;
        assert_eq!(reply.status, 200);
        told(&reply)
    }

    fn asked(&self) -> usize {
        self.record.asked.lock().unwrap().len()
    }
}

fn told(reply: &InboundReply) -> Vec<(String, u64, String, bool)> {
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    let answer = |answer: &Value| {
        let body = &answer["body"];
        (
            answer["id"].as_str().unwrap().to_owned(),
            answer["status"].as_u64().unwrap(),
            body["error"]["code"].as_str().unwrap_or_default().to_owned(),
            body["eTag"].is_string(),
        )
    };
    body["responses"].as_array().unwrap().iter().map(answer).collect()
}

fn yes(id: &str) -> (String, u64, String, bool) {
    (id.to_owned(), 200, String::new(), true)
}

fn no(id: &str, status: u64, code: &str) -> (String, u64, String, bool) {
    (id.to_owned(), status, code.to_owned(), false)
}

fn shift(id: &str, user: &str) -> Value {
    json!({
        "id": id, "method": "POST", "url": format!("/shifts/{id}"),
        "headers": { "X-MS-Expires": "2026-11-21T08:00:31Z" },
        "body": { "userId": user, "draftShift": {
            "startDateTime": "2026-11-23T07:00:00Z", "endDateTime": "2026-11-23T15:00:00Z" } },
    })
}

const UPDATE: &str = "v1/teams/team-1/update";

#[tokio::test]
async fn what_is_not_authentic_is_told_nothing() {
    let scene = Scene::new(granted());
    let other = seal(&SECRET.replace('0', "9"), [7; 32], [9; 16], b"{}", PLAIN);
    for body in [&b""[..], b"{\"requests\":[]}", &other] {
        for path in [UPDATE, "v1/connect", "nowhere"] {
            let reply = scene.sends(path, body).await;
            assert_eq!(reply, InboundReply { status: 401, body: vec![] });
        }
    }
}

#[tokio::test]
async fn only_our_own_tenant_connects() {
    let scene = Scene::new(granted());
    let status = async |body: Value| scene.calls("v1/connect", &body).await.status;
    assert_eq!(status(json!({ "tenantId": "TENANT-1", "userId": "u" })).await, 200);
    assert_eq!(status(json!({ "tenantId": "tenant-2", "userId": "u" })).await, 403);
    assert_eq!(status(json!({ "userId": "u" })).await, 400);
}

#[tokio::test]
async fn what_cannot_be_answered_element_by_element_is_no_success() {
    let scene = Scene::new(granted());
    for path in ["", "v1", "connect", "v1/teams/team-1", "v1/teams/team-1/update/x", "w1/connect"] {
        assert_eq!(scene.calls(path, &json!({})).await, empty(404), "{path}");
    }
    assert_eq!(scene.calls(UPDATE, &json!({})).await, empty(400));
    assert_eq!(scene.calls(UPDATE, &json!({ "requests": [{}] })).await, empty(400));
}

#[tokio::test]
async fn granted_change_is_asked_once_and_every_id_gets_its_version() {
    let scene = Scene::new(granted());
    let swap = json!([
        { "id": "SREQ_1", "method": "PUT", "url": "/swapRequests/SREQ_1", "body": {
          "state": "Approved", "assignedTo": "Manager", "senderShiftId": "A",
          "recipientShiftId": "B" } },
        { "id": "A", "method": "DELETE", "url": "/shifts/A" },
        { "id": "B", "method": "DELETE", "url": "/shifts/B" },
        shift("C", "u-1"), shift("D", "u-2"),
    ]);
    let answers = scene.answers("v1/Teams/TEAM-1/update", swap).await;
    assert_eq!(answers, ["SREQ_1", "A", "B", "C", "D"].map(yes));
    let asked = scene.record.asked.lock().unwrap();
    let [ask] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(ask.expires_at, Some(at("2026-11-21T08:00:31Z")));
    // `u-2` joined a moment ago: found at the second look.
    assert!(matches!(&ask.what, AskWhat::Request { makes, .. } if matches!(&makes[..],
        [_, (RemoteId(id), ScheduleItem::Shift(it))]
            if id == "D" && it.employee.as_str() == "bob")));
}

#[tokio::test]
async fn refusal_is_told_in_the_caller_s_language_and_the_team_s_time() {
    let with = UtcInterval::new(at("2026-11-23T06:00:00Z"), at("2026-11-23T08:00:00Z")).unwrap();
    let scene = Scene::new(Said::Refused(Refusal::Overlaps { with }))
        .header("accept-language", "pl, de-DE;q=0.9, en;q=0.8");
    let reply = scene.calls(UPDATE, &json!({ "requests": [shift("A", "u-1")] })).await;
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(
        body["responses"][0],
        json!({ "id": "A", "status": 403, "body": { "eTag": null, "data": null, "error": {
            "code": "overlaps",
            "message": "Es überschneidet sich mit anderer Arbeit (23.11.2026, 07:00–09:00). \
                        Bitte wählen Sie eine andere Zeit.",
        } } })
    );
}

#[tokio::test]
async fn one_way_mirror_refuses_everything_that_people_do() {
    let scene = Scene::with(granted(), false, &[]);
    let refused = |id| vec![no(id, 403, "UnsupportedOperation")];
    assert_eq!(scene.answers(UPDATE, json!([shift("A", "u-1")])).await, refused("A"));
    let cancel = json!([{ "id": "B", "method": "DELETE", "url": "/swapRequests/B" }]);
    assert_eq!(scene.answers(UPDATE, cancel).await, refused("B"));
    let reason = json!([{ "id": "C", "method": "POST", "url": "/timeoffReasons/C", "body": {} }]);
    assert_eq!(scene.answers(UPDATE, reason).await, refused("C"));
    assert_eq!(scene.asked(), 0);
}

#[tokio::test]
async fn unknown_elements_foreign_teams_and_expired_calls_are_refused_one_by_one() {
    let scene = Scene::new(granted());
    let elements = json!([
        { "id": "A", "method": "POST", "url": "/timecards/A", "body": {} },
        { "id": "B", "method": "POST", "url": "/shifts/B", "body": { "userId": 1 } },
        shift("C", "u-1"), shift("C", "u-1"),
    ]);
    assert_eq!(
        scene.answers(UPDATE, elements).await,
        [
            no("A", 403, "UnsupportedOperation"),
            no("B", 400, "BadRequest"),
            no("C", 403, "UnsupportedOperation")
        ]
    );
    let foreign = scene.answers("v1/teams/team-2/update", json!([shift("A", "u-1")])).await;
    assert_eq!(foreign, [no("A", 403, "UnknownTeam")]);
    scene.clock.move_to(at("2026-11-21T08:00:30Z"));
    let late = scene.answers(UPDATE, json!([shift("A", "u-1")])).await;
    assert_eq!(late, [no("A", 408, "RequestExpired")]);
    let mark = secret(SECRET).passthrough().expose_secret().to_owned();
    let scene = scene.header("x-ms-wfmpassthrough", &mark);
    let late = scene.answers(UPDATE, json!([shift("A", "u-1")])).await;
    assert_eq!(late, [no("A", 408, "RequestExpired")], "not even our own");
    assert_eq!(scene.asked(), 0);
}

#[tokio::test]
async fn our_own_writes_and_null_bodies_are_granted_undecided() {
    let mark = secret(SECRET).passthrough().expose_secret().to_owned();
    let scene = Scene::with(granted(), false, &[]).header("x-ms-wfmpassthrough", &mark);
    let both = json!([shift("A", "u-1"), { "id": "B", "url": "/timecards/B" }]);
    assert_eq!(scene.answers(UPDATE, both).await, [yes("A"), yes("B")]);
    let scene = Scene::new(granted()).header("x-ms-wfmpassthrough", "WfmTeams");
    assert_eq!(scene.answers(UPDATE, json!([shift("A", "u-1")])).await, [yes("A")]);
    assert_eq!(scene.asked(), 1);
    let null = json!([{ "id": "A", "method": "PUT", "url": "/shifts/A", "body": null }]);
    assert_eq!(scene.answers(UPDATE, null).await, [yes("A")]);
    assert_eq!(scene.asked(), 1);
}

#[tokio::test]
async fn decision_that_takes_too_long_goes_on_while_the_caller_is_told_to_wait() {
    let scene = Arc::new(Scene::with(granted(), true, &CommandKind::ALL));
    let caller = Arc::clone(&scene);
    let call =
        tokio::spawn(async move { caller.answers(UPDATE, json!([shift("A", "u-1")])).await });
    scene.record.begun.notified().await;
    scene.clock.move_to(at("2026-11-21T08:00:29Z"));
    let wait = [(String::from("A"), 102, String::from("RequestInProgress"), false)];
    assert_eq!(call.await.unwrap(), wait);
    scene.record.go_on.notify_one();
    let done = tokio::time::timeout(Duration::from_secs(30), scene.record.done.notified());
    done.await.expect("the decision goes on");
}

#[tokio::test]
async fn a_clock_that_was_ahead_and_was_set_right_refuses_nothing() {
    let scene = Scene::new(granted());
    scene.clock.move_to(at("2026-11-22T08:00:00Z"));
    let body = json!({ "requests": [shift("A", "u-1")] });
    assert_eq!(told(&scene.calls(UPDATE, &body).await), [no("A", 408, "RequestExpired")]);
    *scene.clock.set_back.lock().unwrap() = SignedDuration::from_hours(24);
    let first = scene.calls(UPDATE, &body).await;
    assert_eq!(told(&first), [yes("A")]);
    assert_eq!(scene.calls(UPDATE, &body).await, first);
    assert_eq!(scene.asked(), 1, "a body that is played again is still known");
    scene.clock.move_to(at("2026-11-22T08:00:32Z"));
    assert_eq!(told(&scene.calls(UPDATE, &body).await), [no("A", 408, "RequestExpired")]);
}

#[tokio::test]
async fn body_that_is_played_again_gets_its_reply_and_no_decision() {
    let scene = Scene::new(granted());
    let body = json!({ "requests": [shift("A", "u-1")] });
    let first = scene.calls(UPDATE, &body).await;
    assert_eq!(scene.calls("v1/users/u-1/update", &body).await, first);
    scene.clock.move_to(at("2026-11-21T08:00:28Z"));
    assert_eq!(scene.calls(UPDATE, &body).await, first);
    assert_eq!(scene.asked(), 1);
    let retry = json!({ "requests": [shift("B", "u-1")] });
    assert_eq!(told(&scene.calls(UPDATE, &retry).await), [yes("B")]);
    assert_eq!(scene.asked(), 2, "an attempt of Shifts' own is asked again");
    scene.clock.move_to(at("2026-11-21T08:00:32Z"));
    assert_eq!(told(&scene.calls(UPDATE, &body).await), [no("A", 408, "RequestExpired")]);
    let undated = json!({ "requests": [{ "id": "C", "method": "DELETE", "url": "/shifts/C" }] });
    let first = scene.calls(UPDATE, &undated).await;
    assert_eq!(scene.calls(UPDATE, &undated).await, first);
    assert_eq!(scene.asked(), 3);
}

#[tokio::test]
async fn what_was_out_of_reach_is_asked_again_for_the_same_body() {
    let scene = Scene::new(Said::Refused(Refusal::NotReachable));
    let body = json!({ "requests": [shift("A", "u-1")] });
    for _ in 0..2 {
        let reply = scene.calls(UPDATE, &body).await;
        assert_eq!(told(&reply), [no("A", 503, "not_reachable")]);
    }
    assert_eq!(scene.asked(), 2);
}

#[tokio::test]
async fn preferences_are_asked_in_the_team_of_who_tells_them() {
    let scene = Scene::new(granted());
    let preferences = |whose: &str| {
        json!([{ "id": "P", "method": "PUT", "url": "/settings/shiftpreferences", "body": {
            "id": "SHPR_7", "lastModifiedBy": { "user": { "id": whose } },
            "availability": [{ "timeZone": "UTC", "timeSlots": null,
            "recurrence": { "pattern": { "type": "Weekly", "daysOfWeek": ["Monday"] } } }] } }])
    };
    let told = preferences("u-1");
    let aside = scene.answers("v1/users/u-2/update", told.clone()).await;
    assert_eq!(aside, [no("P", 400, "BadRequest")], "the path is not authenticated");
    assert_eq!(scene.asked(), 0);
    assert_eq!(scene.answers("v1/users/u-1/update", told).await, [yes("P")]);
    let ask = scene.record.asked.lock().unwrap().remove(0);
    assert_eq!(ask.calendar.as_str(), TEAM);
    assert_eq!(ask.what.kind(), Some(CommandKind::Availability));
    let nobody = scene.answers("v1/users/u-9/update", preferences("u-9")).await;
    assert_eq!(nobody, [no("P", 404, "unknown_employee")]);
    let elsewhere = scene.answers(UPDATE, preferences("u-2")).await;
    assert_eq!(elsewhere, [no("P", 403, "UnsupportedOperation")]);
}

#[tokio::test]
async fn choices_are_answered_with_the_vendor_s_ids() {
    let mut scene = Scene::new(granted());
    Arc::get_mut(&mut scene.record).unwrap().offers = vec![
        Offered::Item(RemoteId("SHFT_2".into())),
        Offered::Reason(TimeOffReasonId::new("leave").unwrap()),
        Offered::Employee(EmployeeId::new("alice").unwrap()),
        Offered::Employee(EmployeeId::new("somebody elsewhere").unwrap()),
    ];
    // No further ahead than is offered, whatever is asked.
    let url = "/shifts/A/requestableShifts?requestType=SwapRequest&startTime=2026-11-01T00:00:00Z\
        &endTime=2026-12-31T00:00:00Z";
    let elements = json!([
        { "id": "A", "method": "GET", "url": url },
        { "id": "u-2", "method": "GET",
          "url": "/users/u-2/timeOffReasons?requestType=TimeOffReason" },
        { "id": "B", "method": "GET", "url": "/shifts/B/requestableShifts?requestType=Gift" },
        { "id": "C", "method": "GET", "url": "/shifts/C" },
        { "id": "D", "method": "GET",
          "url": "/shifts/../requestableShifts?requestType=OfferShiftRequest" },
    ]);
    let reply = scene.calls("v1/team/team-1/read", &json!({ "requests": elements })).await;
    let refused = |id| no(id, 403, "UnsupportedOperation");
    assert_eq!(
        told(&reply),
        [yes("A"), yes("u-2"), refused("B"), refused("C"), no("D", 400, "BadRequest")]
    );
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["responses"][0]["body"]["data"], json!(["SHFT_2", "TOR_1", "u-1"]));
    let within = UtcInterval::new(at("2026-11-01T00:00:00Z"), at("2026-12-02T00:00:00Z")).unwrap();
    let given = RemoteId("A".into());
    let employee = EmployeeId::new("bob").unwrap();
    assert_eq!(
        *scene.record.questions.lock().unwrap(),
        [AskedQuestion::SwapFor { given, within }, AskedQuestion::TimeOffReasons { employee }]
    );
}

#[tokio::test]
async fn choices_that_take_too_long_are_said_to_be_out_of_reach() {
    let scene = Arc::new(Scene::with(granted(), true, &CommandKind::ALL));
    let caller = Arc::clone(&scene);
    let call = tokio::spawn(async move {
        let url = "/shifts/A/requestableShifts?requestType=OfferShiftRequest";
        let elements = json!([{ "id": "A", "method": "GET", "url": url }]);
        caller.answers("v1/teams/team-1/read", elements).await
    });
    while scene.record.questions.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    scene.clock.move_to(at("2026-11-21T08:00:25Z"));
    assert_eq!(call.await.unwrap(), [no("A", 503, "not_reachable")]);
}
