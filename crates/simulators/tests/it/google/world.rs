//! A played Google with a clock of its own, two people, and somebody who asks it without sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use simulators::google::{Google, Options, Person, SCOPE_PREFIX, SERVICE_ACCOUNT, ServiceAccount};

pub const START: &str = "2026-11-23T06:00:00Z";
pub const ANNA: &str = "anna@example.com";
pub const BEN: &str = "ben@example.com";

/// An answer: its status and its body.
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub text: String,
}

impl Answer {
    pub fn reason(&self) -> &str {
        self.body["error"]["errors"][0]["reason"].as_str().unwrap_or_default()
    }

    pub fn told(&self) -> (u16, &str) {
        (self.status, self.reason())
    }

    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    pub fn etag(&self) -> String {
        self.body["etag"].as_str().unwrap().to_owned()
    }

    pub fn ids(&self) -> Vec<String> {
        let items = self.body["items"].as_array().unwrap();
        items.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    }
}

pub struct World {
    pub google: Google,
    clock: Arc<AtomicI64>,
    pub anna: Person,
    pub ben: Person,
    /// Anna's, with every scope.
    pub token: String,
}

/// Every scope that the tests use.
pub const SCOPES: [&str; 6] = [
    "calendar",
    "calendar.app.created",
    "calendar.calendarlist.readonly",
    "calendar.events.owned",
    "calendar.events.owned.readonly",
    "calendar.acls",
];

impl World {
    pub fn new(options: Options) -> Self {
        let start: Timestamp = START.parse().unwrap();
        let clock = Arc::new(AtomicI64::new(start.as_millisecond()));
        let read = Arc::clone(&clock);
        let now = move || Timestamp::from_millisecond(read.load(Ordering::SeqCst)).unwrap();
        let accounts = match options.accounts == Options::default().accounts {
            true => vec![ServiceAccount::delegated(&SCOPES)],
            false => options.accounts.clone(),
        };
        let google = Google::new(Options { clock: Some(Arc::new(now)), accounts, ..options });
        let (anna, ben) =
            (google.add_user(ANNA, "Europe/Berlin"), google.add_user(BEN, "Europe/Berlin"));
        let mut world = Self { google, clock, anna, ben, token: String::new() };
        world.token = world.token_for(ANNA, &["calendar"]);
        world
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// The claims of a good assertion.
    pub fn claims(&self, user: &str, scopes: &[&str]) -> Value {
        let now = self.google.now().as_second();
        let scopes: Vec<String> = scopes.iter().map(|it| format!("{SCOPE_PREFIX}{it}")).collect();
        json!({
            "iss": SERVICE_ACCOUNT, "sub": user, "scope": scopes.join(" "),
            "aud": "https://oauth2.googleapis.com/token", "iat": now, "exp": now + 600,
        })
    }

    /// Asks for a token with these claims, signed by the service account's key.
    pub fn sign_in(&self, claims: &Value) -> Answer {
        let file = Google::service_account_file("https://oauth2.googleapis.com");
        let file: Value = serde_json::from_str(&file).unwrap();
        let pem =
            PrivatePkcs8KeyDer::from_pem_slice(file["private_key"].as_str().unwrap().as_bytes());
        let key = RsaKeyPair::from_pkcs8(pem.unwrap().secret_pkcs8_der()).unwrap();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .unwrap();
        self.send_assertion(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    pub fn send_assertion(&self, assertion: &str) -> Answer {
        let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
        let body = format!("grant_type={grant}&assertion={assertion}");
        let request = Request::post("/token").body(Bytes::from(body)).unwrap();
        self.answer(request)
    }

    pub fn token_for(&self, user: &str, scopes: &[&str]) -> String {
        let answer = self.sign_in(&self.claims(user, scopes));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    pub fn answer(&self, request: Request<Bytes>) -> Answer {
        let response = self.google.handle(request).answer.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), body, text }
    }

    /// Asks as Anna; `target` is below `/calendar/v3`.
    pub fn ask(&self, method: &str, target: &str, body: Option<&Value>) -> Answer {
        self.ask_as(&self.token, method, target, (&[], body))
    }

    pub fn ask_as(
        &self,
        token: &str,
        method: &str,
        target: &str,
        (headers, body): (&[(&str, &str)], Option<&Value>),
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/calendar/v3{target}"))
            .header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            None => Bytes::new(),
            Some(body) => {
                request = request.header("content-type", "application/json");
                body.to_string().into()
            }
        };
        self.answer(request.body(body).unwrap())
    }

    pub fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, None)
    }

    pub fn post(&self, target: &str, body: &Value) -> Answer {
        self.ask("POST", target, Some(body))
    }

    pub fn put_if(&self, target: &str, etag: &str, body: &Value) -> Answer {
        self.ask_as(&self.token, "PUT", target, (&[("if-match", etag)], Some(body)))
    }
}

/// An event of an hour, so many hours after midnight.
pub fn event(summary: &str, hour: u32) -> Value {
    json!({
        "summary": summary,
        "start": { "dateTime": format!("2026-11-24T{hour:02}:00:00Z") },
        "end": { "dateTime": format!("2026-11-24T{:02}:00:00Z", hour + 1) },
    })
}
