//! A played Graph with a clock of its own, a team, and somebody who asks it without sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use serde_json::{Value, json};
use simulators::graph::{APP, Graph, Options, Role, SECRET, TENANT, Unanswered};

/// 2026-11-23T06:00:00Z, a Monday.
const START: &str = "2026-11-23T06:00:00Z";

/// An answer: its status, its body and its headers.
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub headers: http::HeaderMap,
}

impl Answer {
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    /// `error.code`.
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    /// What Shifts says inside of `error.message`, or the message itself.
    pub fn message(&self) -> String {
        let message = self.body["error"]["message"].as_str().unwrap_or_default();
        match serde_json::from_str::<Value>(message) {
            Ok(inner) => inner["error"]["message"].as_str().unwrap_or_default().to_owned(),
            Err(_) => message.to_owned(),
        }
    }

    pub fn ids(&self) -> Vec<String> {
        let value = self.body["value"].as_array().unwrap();
        value.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    }
}

pub struct World {
    pub graph: Graph,
    clock: Arc<AtomicI64>,
    pub token: String,
    /// Sent with each request.
    pub headers: Vec<(String, String)>,
    pub team: String,
    /// Owns the team.
    pub olga: String,
    pub anna: String,
    pub ben: String,
}

impl World {
    /// A team without a schedule.
    pub fn bare(options: Options) -> Self {
        let start: Timestamp = START.parse().unwrap();
        let clock = Arc::new(AtomicI64::new(start.as_millisecond()));
        let read = Arc::clone(&clock);
        let now = move || Timestamp::from_millisecond(read.load(Ordering::SeqCst)).unwrap();
        let graph = Graph::new(Options { clock: Some(Arc::new(now)), ..options });
        let [olga, anna, ben] = ["Olga Owner", "Anna", "Ben"].map(|name| graph.add_user(name));
        let members = [(olga.as_str(), Role::Owner), (&anna, Role::Member), (&ben, Role::Member)];
        let team = graph.add_team("Ward 1", &members);
        let token = String::new();
        let mut world = Self { graph, clock, token, headers: Vec::new(), team, olga, anna, ben };
        world.sign_in();
        world
    }

    /// A team with a schedule.
    pub fn new(options: Options) -> Self {
        let world = Self::bare(options);
        let body = json!({
            "enabled": true, "timeZone": "Europe/Berlin", "openShiftsEnabled": true,
            "swapShiftsRequestsEnabled": true,
        });
        assert_eq!(world.put("", &body).status, 200);
        world
    }

    pub fn without_quotas() -> Self {
        Self::new(Options { quotas: None, ..Options::default() })
    }

    pub fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    pub fn sign_in(&mut self) {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", APP),
            ("client_secret", SECRET),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        let answer = self.ask_token(TENANT, &form);
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.token = answer.body["access_token"].as_str().unwrap().to_owned();
    }

    pub fn ask_token(&self, tenant: &str, form: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(format!("/{tenant}/oauth2/v2.0/token"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        answer(self.graph.handle(request.body(body.into()).unwrap()).answer.unwrap())
    }

    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.push((name.into(), value.into()));
        Self {
            graph: self.graph.clone(),
            clock: Arc::clone(&self.clock),
            token: self.token.clone(),
            headers,
            team: self.team.clone(),
            olga: self.olga.clone(),
            anna: self.anna.clone(),
            ben: self.ben.clone(),
        }
    }

    pub fn try_ask(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Unanswered> {
        let token = format!("Bearer {}", self.token);
        let mut request = Request::builder().method(method).uri(target);
        request = request.header("authorization", token);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = body.map(|it| Bytes::from(it.to_string())).unwrap_or_default();
        self.graph.handle(request.body(body).unwrap()).answer.map(answer)
    }

    /// Asks below `/v1.0/`; what begins with `/` is meant from the root.
    pub fn ask(&self, method: &str, target: &str, body: Option<&Value>) -> Answer {
        let target = match target.strip_prefix('/') {
            Some(_) => target.to_owned(),
            None => format!("/v1.0/{target}"),
        };
        self.try_ask(method, &target, body).unwrap()
    }

    /// Below the team's schedule.
    fn below(&self, target: &str) -> String {
        let schedule = format!("teams/{}/schedule", self.team);
        if target.is_empty() { schedule } else { format!("{schedule}/{target}") }
    }

    pub fn get(&self, target: &str) -> Answer {
        self.ask("GET", &self.below(target), None)
    }

    pub fn put(&self, target: &str, body: &Value) -> Answer {
        self.ask("PUT", &self.below(target), Some(body))
    }

    pub fn post(&self, target: &str, body: &Value) -> Answer {
        self.ask("POST", &self.below(target), Some(body))
    }

    pub fn delete(&self, target: &str) -> Answer {
        self.ask("DELETE", &self.below(target), None)
    }

    pub fn group(&self, users: &[&String]) -> String {
        let body = json!({ "displayName": "Nurses", "isActive": true, "userIds": users });
        let answer = self.post("schedulingGroups", &body);
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.id()
    }

    /// A shift's body from 8 to 16 on a day of November, on one side.
    pub fn shift(user: &str, group: &str, day: u32, side: &str) -> Value {
        json!({
            "userId": user, "schedulingGroupId": group,
            side: {
                "startDateTime": format!("2026-11-{day}T08:00:00Z"),
                "endDateTime": format!("2026-11-{day}T16:00:00Z"),
                "theme": "blue", "displayName": "Early", "notes": null, "activities": [],
            },
        })
    }

    /// A shift that everybody sees.
    pub fn shared_shift(&self, user: &str, group: &str, day: u32) -> String {
        let answer = self.post("shifts", &Self::shift(user, group, day, "sharedShift"));
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.id()
    }

    pub fn share(&self, from: u32, to: u32) -> Answer {
        self.post(
            "share",
            &json!({
                "notifyTeam": false, "startDateTime": format!("2026-11-{from}T00:00:00Z"),
                "endDateTime": format!("2026-11-{to}T00:00:00Z"),
            }),
        )
    }
}

fn answer(response: Response<Bytes>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Answer { status: parts.status.as_u16(), body, headers: parts.headers }
}
