//! Calls the integration as Shifts does: sealed body, headers, deadline, and a book of all calls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::carrier::{Carrier, Got, HttpCarrier, Post};
use super::envelope::{Luck, seal};
use super::judge::{Judged, Refusal, Wants, judge};

/// How the played Shifts calls.
#[derive(Debug, Clone)]
pub struct CallOptions {
    /// How long it waits for an answer. The guide's example shows about 31 s.
    pub deadline: Duration,
    /// How often it tries again, with new ids, when no answer came in time.
    pub retries: u32,
    /// Whether every call is kept in the book.
    pub log: bool,
    /// What keys, initialisation vectors and transaction ids are drawn from.
    pub seed: u64,
}

impl Default for CallOptions {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(31), retries: 2, log: true, seed: 0 }
    }
}

/// Where the calls of one integration go, and how they are sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its `url`; with or without `/` at its end.
    pub url: String,
    /// Its `apiVersion`.
    pub api_version: u32,
    /// Its `encryption.secret`.
    pub secret: String,
    /// Its `displayName`.
    pub display_name: String,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { url, api_version, secret: _, display_name } = self;
        write!(f, "Endpoint({display_name:?}, {url:?}, v{api_version})")
    }
}

/// What of an integration is called (`shifts.md` §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `/connect`, when an integration is registered.
    Connect,
    /// `/teams/{id}/update`: what somebody wants to change in a team.
    TeamUpdate(String),
    /// `/teams/{id}/read`: which of several things somebody may be shown.
    TeamRead(String),
    /// `/users/{id}/update`: shift preferences.
    UserUpdate(String),
}

impl Route {
    fn path(&self) -> String {
        match self {
            Self::Connect => "connect".to_owned(),
            Self::TeamUpdate(team) => format!("teams/{team}/update"),
            Self::TeamRead(team) => format!("teams/{team}/read"),
            Self::UserUpdate(user) => format!("users/{user}/update"),
        }
    }
}

/// One element of a call, as it stands in `requests`.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// The id of the entity.
    pub id: String,
    /// `POST`, `PUT`, `DELETE` or `GET`.
    pub method: &'static str,
    /// Below the team, such as `/shifts/SHFT_1`.
    pub url: String,
    /// The entity as it would become; `None` when it would be gone.
    pub body: Option<Value>,
}

/// Who asks, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker<'a> {
    /// What `X-MS-WFMPassthrough` said on the write, if an application wrote.
    pub passthrough: Option<&'a str>,
    /// The language of the person's client, such as `de-DE`.
    pub language: &'a str,
    /// When.
    pub now: Timestamp,
}

/// One call and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// When it was sent.
    pub at: Timestamp,
    /// The whole URL.
    pub url: String,
    /// The headers that it was sent with.
    pub headers: Vec<(&'static str, String)>,
    /// What was sealed.
    pub plaintext: Value,
    /// What was sent.
    pub sealed: Bytes,
    /// The HTTP status that came back; `None` without an answer.
    pub status: Option<u16>,
    /// The JSON that came back; null without.
    pub answer: Value,
    /// What it was taken for.
    pub outcome: Outcome,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// An answer, as judged.
    Answered(Judged),
    /// None in time.
    TimedOut,
    /// None at all.
    Unreachable(String),
}

/// What happens to a call on its way, as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// Nothing.
    None,
    /// It arrives and is answered, and the answer is lost: taken for a timeout.
    LosesAnswer,
    /// It is lost itself: taken for a timeout.
    IsLost,
    /// It is not waited for, and so still being answered when the next one comes: taken for a
    /// timeout. Calls for apps, which wait on a thread of their own, are lost instead.
    StopsWaiting,
    /// The same bytes arrive twice, one after the other; the second answer counts.
    ArrivesTwice,
    /// The same bytes arrive twice at the same time; the answer of the first counts.
    ArrivesTwiceAtOnce,
}

#[derive(Debug, Default)]
struct Book {
    draws: u64,
    exchanges: Vec<Exchange>,
    mishaps: VecDeque<Mishap>,
}

/// Calls integrations, and remembers the calls.
#[derive(Debug)]
pub struct Caller {
    options: CallOptions,
    carrier: Arc<dyn Carrier>,
    book: Mutex<Book>,
}

impl Caller {
    /// A caller over HTTP.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(options: CallOptions) -> std::io::Result<Self> {
        Ok(Self::over(options, Arc::new(HttpCarrier::start()?)))
    }

    /// A caller over something else.
    #[must_use]
    pub fn over(options: CallOptions, carrier: Arc<dyn Carrier>) -> Self {
        Self { options, carrier, book: Mutex::default() }
    }

    /// How it calls.
    #[must_use]
    pub fn options(&self) -> &CallOptions {
        &self.options
    }

    /// What happens to the next calls, one each; nothing happens to those after them.
    pub fn set_mishaps(&self, mishaps: impl IntoIterator<Item = Mishap>) {
        self.book().mishaps = mishaps.into_iter().collect();
    }

    /// All calls so far, in the order in which they ended. Empty without [`CallOptions::log`].
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.book().exchanges.clone()
    }

    /// Forgets the calls so far.
    pub fn clear_log(&self) {
        self.book().exchanges.clear();
    }

    /// Asks whether the integration is there and means this tenant.
    ///
    /// # Errors
    /// When it is not, or does not answer 200.
    pub async fn connect(
        &self,
        to: &Endpoint,
        (tenant, user): (&str, &str),
        asker: &Asker<'_>,
    ) -> Result<(), Refusal> {
        let plaintext = json!({ "tenantId": tenant, "userId": user });
        let failed = |message: String| {
            let code = "BadRequest".to_owned();
            Refusal { status: 400, code, message, source: to.display_name.clone() }
        };
        let (post, mishap) = self.post(to, &Route::Connect, &plaintext, asker)?;
        let got = self.carried(post.clone(), mishap).await;
        let outcome = match &got {
            Ok(got) if got.status == 200 => Outcome::Answered(Judged::Accepted(Vec::new())),
            Ok(got) => Outcome::Answered(Judged::Refused(failed(format!(
                "the integration answered /connect with {}, expected 200",
                got.status
            )))),
            Err(Lost::TimedOut) => Outcome::TimedOut,
            Err(Lost::Unreachable(why)) => Outcome::Unreachable(why.clone()),
        };
        self.note(post, plaintext, got.ok(), &outcome, asker.now);
        match outcome {
            Outcome::Answered(Judged::Accepted(_)) => Ok(()),
            Outcome::Answered(Judged::Refused(refusal) | Judged::InProgress(refusal)) => {
                Err(refusal)
            }
            Outcome::TimedOut => Err(failed("the integration did not answer in time".to_owned())),
            Outcome::Unreachable(why) => Err(failed(why)),
        }
    }

    /// Asks about these elements, once.
    ///
    /// # Errors
    /// When nothing can be sealed.
    pub async fn ask(
        &self,
        to: &Endpoint,
        route: &Route,
        elements: &[Element],
        asker: &Asker<'_>,
    ) -> Result<Outcome, Refusal> {
        let wants = match route {
            Route::TeamRead(_) => Wants::Data,
            Route::Connect | Route::TeamUpdate(_) | Route::UserUpdate(_) => Wants::Etag,
        };
        let plaintext = self.requests(elements, asker.now, wants);
        let (post, mishap) = self.post(to, route, &plaintext, asker)?;
        let got = self.carried(post.clone(), mishap).await;
        let ids: Vec<&str> = elements.iter().map(|it| it.id.as_str()).collect();
        let outcome = match &got {
            Ok(got) => {
                let source = &to.display_name;
                Outcome::Answered(judge(got.status, &got.body, &ids, wants, source))
            }
            Err(Lost::TimedOut) => Outcome::TimedOut,
            Err(Lost::Unreachable(why)) => Outcome::Unreachable(why.clone()),
        };
        self.note(post, plaintext, got.ok(), &outcome, asker.now);
        Ok(outcome)
    }

    /// Sends the bytes of an earlier call once more, as a proxy or an attacker might; the HTTP
    /// status and body that came back.
    pub async fn repeat(&self, exchange: &Exchange) -> Option<(u16, Value)> {
        let (url, headers) = (exchange.url.clone(), exchange.headers.clone());
        let post = Post { url, headers, body: exchange.sealed.clone() };
        let got = self.carried(post, Mishap::None).await.ok()?;
        Some((got.status, serde_json::from_slice(&got.body).unwrap_or_default()))
    }

    fn requests(&self, elements: &[Element], now: Timestamp, wants: Wants) -> Value {
        let transaction = self.transaction();
        let wait = SignedDuration::try_from(self.options.deadline).unwrap_or(SignedDuration::MAX);
        let expires = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        let requests = elements.iter().map(|Element { id, method, url, body }| {
            let mut request = json!({ "id": id, "method": method, "url": url });
            // The guide's reads carry neither headers nor a body.
            if wants == Wants::Etag {
                request["headers"] = json!({
                    "X-MS-Transaction-ID": transaction,
                    "X-MS-Expires": format!("{expires:.7}"),
                });
                request["body"] = body.clone().unwrap_or(Value::Null);
            }
            request
        });
        json!({ "requests": requests.collect::<Vec<_>>() })
    }

    fn post(
        &self,
        to: &Endpoint,
        route: &Route,
        plaintext: &Value,
        asker: &Asker<'_>,
    ) -> Result<(Post, Mishap), Refusal> {
        let mut headers = vec![
            ("content-type", "application/octet-stream".to_owned()),
            ("accept-language", asker.language.to_owned()),
        ];
        if let Some(passthrough) = asker.passthrough {
            headers.push(("x-ms-wfmpassthrough", passthrough.to_owned()));
        }
        let base = to.url.trim_end_matches('/');
        let url = format!("{base}/v{}/{}", to.api_version, route.path());
        let sealed = seal(&to.secret, &self.luck(), plaintext.to_string().as_bytes());
        let body = sealed.map_err(|error| Refusal {
            status: 502,
            code: "BadGateway".to_owned(),
            message: error.to_string(),
            source: to.display_name.clone(),
        })?;
        let mishap = self.book().mishaps.pop_front().unwrap_or(Mishap::None);
        Ok((Post { url, headers, body: body.into() }, mishap))
    }

    async fn carried(&self, post: Post, mishap: Mishap) -> Result<Got, Lost> {
        let within = |post: Post| async {
            let carried = tokio::time::timeout(self.options.deadline, self.carrier.carry(post));
            match carried.await {
                Ok(Ok(got)) => Ok(got),
                Ok(Err(why)) => Err(Lost::Unreachable(why)),
                Err(_) => Err(Lost::TimedOut),
            }
        };
        match mishap {
            Mishap::None => within(post).await,
            Mishap::LosesAnswer => within(post).await.and(Err(Lost::TimedOut)),
            Mishap::IsLost => Err(Lost::TimedOut),
            Mishap::StopsWaiting => {
                let carrier = Arc::clone(&self.carrier);
                // What becomes of it is nobody's business any more.
                tokio::spawn(async move { drop(carrier.carry(post).await) });
                Err(Lost::TimedOut)
            }
            Mishap::ArrivesTwice => {
                // Whatever the first came to: the second counts.
                let _ = within(post.clone()).await;
                within(post).await
            }
            Mishap::ArrivesTwiceAtOnce => tokio::join!(within(post.clone()), within(post)).0,
        }
    }

    fn note(
        &self,
        post: Post,
        plaintext: Value,
        got: Option<Got>,
        outcome: &Outcome,
        at: Timestamp,
    ) {
        if !self.options.log {
            return;
        }
        let Post { url, headers, body: sealed } = post;
        let status = got.as_ref().map(|got| got.status);
        let answer = got.and_then(|got| serde_json::from_slice(&got.body).ok()).unwrap_or_default();
        let outcome = outcome.clone();
        let exchange = Exchange { at, url, headers, plaintext, sealed, status, answer, outcome };
        self.book().exchanges.push(exchange);
    }

    fn luck(&self) -> Luck {
        let (data_key, second) = (self.draw(), self.draw());
        let mut iv = [0; 16];
        iv.copy_from_slice(&second[..16]);
        Luck { data_key, iv }
    }

    fn transaction(&self) -> String {
        guid(&self.draw())
    }

    fn draw(&self) -> [u8; 32] {
        let mut book = self.book();
        book.draws += 1;
        let parts = [self.options.seed.to_le_bytes(), book.draws.to_le_bytes()];
        Sha256::digest(parts.concat()).into()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Lost {
    TimedOut,
    Unreachable(String),
}

/// Sixteen of the bytes, written like a GUID.
fn guid(bytes: &[u8; 32]) -> String {
    let hex: String = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}
