//! Who may look: the password, the session's cookie, and whether a form came from our own page.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::port::Entropy;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderName, HeaderValue, ORIGIN};
use http::request::Parts;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::session::Sessions;
use super::tries::{Tried, Tries, Whence};

const COOKIE_NAME: &str = "rotabridge_session";
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub Option<IpAddr>);

/// What keeps strangers out.
pub(super) struct Door {
    password_hash: [u8; 32],
    sessions: Sessions,
    tries: Tries,
    /// `https://host`, as browsers say it.
    origin: Option<String>,
}

/// Why a program is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It showed nothing, or something wrong.
    Out,
    /// There were too many tries; after so many seconds it may try again.
    Waiting { seconds: u64 },
}

impl Door {
    pub fn new(password: &SecretString, public_url: Option<&str>) -> Self {
        let origin = public_url.and_then(|url| {
            let (scheme, rest) = url.split_once("://")?;
            let host = rest.split('/').next()?;
            Some(format!("{scheme}://{host}").to_ascii_lowercase())
        });
        Self {
            password_hash: hash(password.expose_secret()),
            sessions: Sessions::default(),
            tries: Tries::default(),
            origin,
        }
    }

    /// Whether somebody signed in.
    pub fn knows(&self, request: &Parts, now: Timestamp) -> bool {
        tokens(&request.headers).any(|token| self.sessions.knows(token, now))
    }

    /// Lets a program in, or somebody who signed in.
    pub fn admit(&self, request: &Parts, now: Timestamp) -> Result<(), Kept> {
        if self.knows(request, now) {
            return Ok(());
        }
        let Some(password) = basic(&request.headers) else { return Err(Kept::Out) };
        match self.attempt(request, &password, now) {
            Tried::Right => Ok(()),
            Tried::Wrong => Err(Kept::Out),
            Tried::TooMany { seconds } => Err(Kept::Waiting { seconds }),
        }
    }

    /// Looks at a password.
    pub fn attempt(&self, request: &Parts, password: &str, now: Timestamp) -> Tried {
        // Hashes are compared: how long that takes tells nothing of the password, nor how long it
        // is.
        let is_right = || bool::from(self.password_hash.ct_eq(&hash(password)));
        self.tries.attempt(whence(request), now, is_right)
    }

    /// Opens a session in place of the one that there was; the cookie to be set.
    pub fn open(
        &self,
        request: &Parts,
        entropy: &dyn Entropy,
        now: Timestamp,
        is_apart: bool,
    ) -> Option<HeaderValue> {
        tokens(&request.headers).for_each(|it| self.sessions.close(it));
        let token = self.sessions.open(entropy, now);
        self.cookie(&token, "", is_apart)
    }

    /// Ends the session; the cookie to be set.
    pub fn close(&self, request: &Parts, is_apart: bool) -> Option<HeaderValue> {
        tokens(&request.headers).for_each(|it| self.sessions.close(it));
        self.cookie("", "; Max-Age=0", is_apart)
    }

    /// Where operators have an address of their own, browsers do not come by `public_url`, and
    /// would not send back a cookie that is for TLS only.
    fn cookie(&self, token: &str, more: &str, is_apart: bool) -> Option<HeaderValue> {
        let by_tls = self.origin.as_ref().is_some_and(|it| it.starts_with("https://"));
        let secure = if by_tls && !is_apart { "; Secure" } else { "" };
        let cookie = format!("{COOKIE_NAME}={token}; Path=/; HttpOnly; SameSite=Strict");
        HeaderValue::from_str(&format!("{cookie}{secure}{more}")).ok()
    }

    /// Whether a form was sent by a page of ours: browsers say which page sends one.
    pub fn is_own(&self, headers: &HeaderMap) -> bool {
        let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.to_ascii_lowercase());
        let Some(origin) = text(ORIGIN) else { return false };
        if self.origin.as_ref() == Some(&origin) {
            return true;
        }
        let host = ["https://", "http://"].iter().find_map(|it| origin.strip_prefix(it));
        host.is_some() && host == text(HOST).as_deref()
    }
}

fn hash(password: &str) -> [u8; 32] {
    Sha256::digest(password.as_bytes()).into()
}

/// What may be our session's token. Somebody may have put a cookie of the same name beside ours.
fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
    let pairs = all.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, token)| token)
}

/// The password of HTTP Basic, whatever the name.
fn basic(headers: &HeaderMap) -> Option<String> {
    let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (_, password) = pair.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| password.to_owned())
}

/// From where a request comes: a reverse proxy beside us or in our own network says for whom it
/// asks. Whoever lies about that from there gets past their own count, and not past that of all.
fn whence(request: &Parts) -> Whence {
    let peer = request.extensions.get::<Peer>().and_then(|Peer(address)| *address);
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |it| it.to_canonical());
    let is_near = match peer {
        IpAddr::V4(it) => it.is_loopback() || it.is_private(),
        IpAddr::V6(it) => it.is_loopback() || it.is_unique_local(),
    };
    let last = request.headers.get_all(FORWARDED_FOR).iter().next_back();
    let last = last.and_then(|it| it.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    match last {
        Some(address) if is_near => Whence { address, is_here: false },
        Some(_) | None => Whence { address: peer, is_here: peer.is_loopback() },
    }
}
