//! Answers Shifts: who calls, what is asked, and an answer for every element in time.
//!
//! - What is not authentic gets 401 and not a word. What is authentic gets HTTP 200 with a status
//!   for each element: another HTTP status makes Shifts try again, and shows people that "the
//!   integration has responded with invalid data". Only what has no elements to answer (no JSON, no
//!   ids, a path that nobody knows) gets another, because an empty list of answers would be taken
//!   for approval ("missing or incomplete responses are treated as implicit approval").
//! - The envelope authenticates neither the path nor the headers. So the team must be one of this
//!   mirror's, preferences must name the user of their path (`translate/whose.rs`), `/connect` must
//!   name our tenant, and what has expired is refused before all else. Until then a body that was
//!   answered gets the same reply again (`inbound/replay.rs`), and a change that comes in another
//!   body is answered as before by [`Approvals::decide`].
//! - Our own writes come back with the passthrough value, and are granted without being decided.
//! - Nobody waits longer than `X-MS-Expires`. A decision that takes longer goes on, the elements
//!   are answered with 102 `RequestInProgress` (as the published connectors do), and the retry gets
//!   what was decided.

mod decision;
mod replay;
mod reply;
mod route;
#[cfg(test)]
mod tests;
mod turned_away;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::limits::{CALLBACK_ANSWER_MARGIN, CALLBACK_ANSWER_MAX};
use domain::{CalendarKey, Refusal};
use engine::port::{Answer, Approvals, Clock, Inbound, InboundCall, InboundReply};
use futures_util::future::{Either, select};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::envelope::{OpenError, Opened, SecretSource};
use super::grammar::{Change, read_change};
use super::message::{Language, Notice};
use super::names::Names;
use super::translate;
use super::wire::{Connect, Element, read_elements};
use decision::{Asker, Decision};
use replay::BodyHash;
pub use replay::Replies;
use reply::{Replier, empty, etag_of, ids, replied};
use route::{Place, Route};
pub use turned_away::TurnedAway;

/// The header that marks our own writes, in small letters.
const PASSTHROUGH: &str = "x-ms-wfmpassthrough";

/// What a mirror's callbacks are answered with.
pub struct ShiftsInbound {
    /// The tenant that may register us, by its id.
    pub tenant: String,
    /// The mirror's teams, each with the zone that its people read times in.
    pub teams: BTreeMap<CalendarKey, TimeZone>,
    /// What callbacks are sealed with.
    pub secrets: Arc<dyn SecretSource>,
    /// What the vendor's ids mean.
    pub names: Arc<dyn Names>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What was answered a moment ago.
    pub replies: Replies,
    /// Those who could not show that they are Shifts.
    pub turned_away: TurnedAway,
}

/// An authentic call with elements to answer.
struct Call {
    replier: Replier,
    elements: Vec<Element>,
    approvals: Arc<dyn Approvals>,
    answer_by: Timestamp,
    expires_at: Option<Timestamp>,
    body: BodyHash,
}

#[async_trait]
impl Inbound for ShiftsInbound {
    async fn answer(&self, call: InboundCall, approvals: Arc<dyn Approvals>) -> InboundReply {
        let InboundCall { path, headers, body } = call;
        let json = match self.open(&body) {
            Ok(opened) => opened.plaintext,
            Err(error @ OpenError::Padding) => {
                tracing::warn!(%error, "callback cannot be opened");
                return empty(400);
            }
            Err(error) => {
                self.turned_away.note(&error, self.clock.now());
                return empty(401);
            }
        };
        match Route::read(&path) {
            None => empty(404),
            Some(Route::Connect) => self.connect(&json),
            Some(Route::Elements(place)) => self.elements(place, &headers, &json, approvals).await,
        }
    }
}

impl ShiftsInbound {
    /// Opens a body by the secrets that are known, and by those that are there by now.
    fn open(&self, body: &[u8]) -> Result<Opened, OpenError> {
        let known = self.secrets.known();
        match known.open(body) {
            Err(OpenError::NotAuthentic) => {
                self.secrets.looked_up_again().open_unless_tried(body, &known)
            }
            other => other,
        }
    }

    fn connect(&self, json: &[u8]) -> InboundReply {
        match Connect::read(json) {
            Ok(connect) if connect.tenant_id.eq_ignore_ascii_case(&self.tenant) => {
                InboundReply { status: 200, body: b"{}".to_vec() }
            }
            Ok(_) => {
                tracing::warn!("callback of another tenant turned away");
                empty(403)
            }
            Err(error) => {
                tracing::warn!(%error, "authentic callback cannot be read");
                empty(400)
            }
        }
    }

    async fn elements(
        &self,
        place: Place,
        headers: &BTreeMap<String, String>,
        json: &[u8],
        approvals: Arc<dyn Approvals>,
    ) -> InboundReply {
        let elements = match read_elements(json) {
            Ok(elements) => elements,
            Err(error) => {
                tracing::warn!(%error, "authentic callback cannot be read");
                return empty(400);
            }
        };
        let accepted = headers.get("accept-language");
        let mut replier = Replier {
            language: accepted.map_or(Language::default(), |it| Language::accepted(it)),
            zone: TimeZone::UTC,
            etag: etag_of(json),
        };
        let place = match place {
            Place::Preferences(_) => Some(place),
            // Object ids are the same in any case; the configuration's spelling is the key.
            Place::Update(team) => self.own(&team, &mut replier).map(Place::Update),
            Place::Read(team) => self.own(&team, &mut replier).map(Place::Read),
        };
        match place {
            None => replier.refuse_all(&elements, Notice::OtherTeam),
            Some(place) => {
                let body = BodyHash::of(json);
                self.known(place, headers, (elements, body), replier, approvals).await
            }
        }
    }

    /// A team of this mirror, whose zone is spoken in from then on.
    fn own(&self, team: &CalendarKey, replier: &mut Replier) -> Option<CalendarKey> {
        let own =
            |(key, _): &(&CalendarKey, &TimeZone)| key.as_str().eq_ignore_ascii_case(team.as_str());
        let (key, zone) = self.teams.iter().find(own)?;
        replier.zone = zone.clone();
        Some(key.clone())
    }

    /// What is asked in a team of this mirror, or by somebody of themselves.
    async fn known(
        &self,
        place: Place,
        headers: &BTreeMap<String, String>,
        (elements, body): (Vec<Element>, BodyHash),
        replier: Replier,
        approvals: Arc<dyn Approvals>,
    ) -> InboundReply {
        let expires_at = elements.iter().filter_map(|it| it.expires_at).min();
        // Else a clock that once was ahead, and was set right, would refuse everything.
        let expires_at = expires_at.map(|it| self.clock.ours(it));
        let now = self.clock.now();
        let Some(answer_by) = answer_by(now, expires_at) else {
            return replier.refuse_all(&elements, Notice::Expired);
        };
        if let Some(reply) = self.replies.given(body, now) {
            tracing::debug!("a callback that came before is answered as before");
            return reply;
        }
        let mark = headers.get(PASSTHROUGH).map(|value| value.trim().as_bytes());
        if mark.is_some_and(|mark| self.secrets.known().is_passthrough(mark)) {
            return replier.grant_all(&elements, &replier.etag);
        }
        let call = Call { replier, elements, approvals, answer_by, expires_at, body };
        match place {
            Place::Read(team) => self.read(call, team).await,
            Place::Update(team) => self.update(call, vec![team], None).await,
            Place::Preferences(user) => {
                let teams = self.teams.keys().cloned().collect();
                self.update(call, teams, Some(user)).await
            }
        }
    }

    async fn update(
        &self,
        call: Call,
        teams: Vec<CalendarKey>,
        user: Option<String>,
    ) -> InboundReply {
        let Call { replier, elements, approvals, answer_by, expires_at, body } = call;
        let change = match read_change(&elements) {
            Ok(change) => change,
            Err(unsupported) => return replier.refuse_faults(&elements, &unsupported.faults),
        };
        // Preferences come by their own route only.
        if matches!(change, Change::Preferences(_)) != user.is_some() && change != Change::Nothing {
            return replier.refuse_all(&elements, Notice::Unsupported);
        }
        if let (Change::Preferences(body), Some(user)) = (&change, &user)
            && !translate::whose::may_be_of(body, user)
        {
            tracing::warn!("preferences that name another than the user of their path are refused");
            return replier.refuse_all(&elements, Notice::Unreadable);
        }
        if let Some(kind) = translate::kind(&change)
            && !approvals.kinds().contains(&kind)
        {
            let refusal = Refusal::NotHere { kind };
            return replier.refuse_all(&elements, Notice::Refused(&refusal));
        }
        let names = Arc::clone(&self.names);
        let asker = Asker { approvals, names, teams, user, expires_at };
        // A task of its own: what has begun to be decided is decided, whoever still waits.
        let deciding = tokio::spawn(async move { asker.decide(&change).await });
        let decision = match self.by(answer_by, deciding).await {
            None => return replier.refuse_all(&elements, Notice::InProgress),
            Some(Ok(decision)) => decision,
            Some(Err(error)) => {
                tracing::error!(%error, "deciding a callback failed");
                Decision::Decided(Answer::Refused(Refusal::NotReachable))
            }
        };
        let reply = replier.say(&elements, &decision);
        if decision.is_settled() {
            self.replies.remember(body, &reply, expires_at, self.clock.now());
        }
        reply
    }

    async fn read(&self, call: Call, team: CalendarKey) -> InboundReply {
        let Call { replier, elements, approvals, answer_by, expires_at: _, body: _ } = call;
        let names = Arc::clone(&self.names);
        let teams = vec![team];
        let asker = Asker { approvals, names, teams, user: None, expires_at: None };
        let now = self.clock.now();
        let answering = async {
            let mut answers = Vec::with_capacity(elements.len());
            for id in ids(&elements) {
                let element = elements.iter().find(|it| it.id == id);
                let question = element.and_then(|it| it.address.question.as_ref());
                answers.push(match question {
                    None => replier.refused(id, Notice::Unsupported),
                    Some(question) => asker.offered(id, question, now, &replier).await,
                });
            }
            replied(answers)
        };
        match self.by(answer_by, answering).await {
            Some(reply) => reply,
            None => replier.refuse_all(&elements, Notice::Refused(&Refusal::NotReachable)),
        }
    }

    /// What comes of `work` until then; `None` when nothing did.
    async fn by<T>(&self, then: Timestamp, work: impl Future<Output = T>) -> Option<T> {
        match select(std::pin::pin!(work), self.clock.sleep_until(then)).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(((), _)) => None,
        }
    }
}

/// When we must have answered; `None` when it is too late for that already.
fn answer_by(now: Timestamp, expires_at: Option<Timestamp>) -> Option<Timestamp> {
    let latest = now.checked_add(CALLBACK_ANSWER_MAX).unwrap_or(Timestamp::MAX);
    let Some(expires_at) = expires_at else { return Some(latest) };
    let by = expires_at.checked_sub(CALLBACK_ANSWER_MARGIN).unwrap_or(Timestamp::MIN);
    (by > now).then(|| by.min(latest))
}
