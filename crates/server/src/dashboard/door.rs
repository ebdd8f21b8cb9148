//! Who may look: the password, the session's cookie, and whether a form came from our own page.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::limits::DASHBOARD_BROWSER_LIFETIME;
use engine::port::Entropy;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderName, HeaderValue, ORIGIN};
use http::request::Parts;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::browsers::Browsers;
use super::session::Sessions;
use super::tries::{Tried, Tries, Whence};

const SESSION: &str = "rotabridge_session";
const BROWSER: &str = "rotabridge_browser";
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// By these, reverse proxies say for whom they ask.
const OF_PROXIES: [HeaderName; 3] =
    [FORWARDED_FOR, HeaderName::from_static("x-real-ip"), HeaderName::from_static("forwarded")];

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub Option<IpAddr>);

/// What keeps strangers out.
pub(super) struct Door {
    password_hash: [u8; 32],
    sessions: Sessions,
    browsers: Browsers,
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
        let password = password.expose_secret();
        Self {
            password_hash: hash(password),
            browsers: Browsers::new(password),
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
        let shown = hash(password);
        let is_right = || bool::from(self.password_hash.ct_eq(&shown));
        let browser = cookies(&request.headers, BROWSER).find_map(|it| self.browsers.known(it));
        self.tries.attempt(Whence { browser, ..whence(request) }, now, shown, is_right)
    }

    /// Opens a session in place of the one that there was; the cookies to be set: the session's,
    /// and the one by which this browser is known again.
    pub fn open(&self, request: &Parts, entropy: &dyn Entropy, now: Timestamp) -> Vec<HeaderValue> {
        let headers = &request.headers;
        tokens(headers).for_each(|it| self.sessions.close(it));
        let token = self.sessions.open(entropy, now);
        let known = cookies(headers, BROWSER).find_map(|it| self.browsers.known(it));
        let browser = known.unwrap_or_else(|| Browsers::another(entropy));
        let browser = format!("{BROWSER}={}; Path=/sign-in", self.browsers.cookie(&browser));
        let age = format!("; Max-Age={}", DASHBOARD_BROWSER_LIFETIME.as_secs());
        let session = cookie(headers, &format!("{SESSION}={token}; Path=/"), "");
        session.into_iter().chain(cookie(headers, &browser, &age)).collect()
    }

    /// Ends the session; the cookie to be set.
    pub fn close(&self, request: &Parts) -> Option<HeaderValue> {
        tokens(&request.headers).for_each(|it| self.sessions.close(it));
        cookie(&request.headers, &format!("{SESSION}=; Path=/"), "; Max-Age=0")
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

/// A cookie that no script sees and no other site has sent. It is for TLS only exactly if the page
/// whose form this is came by TLS, which its `Origin` says: browsers drop such a cookie elsewhere.
fn cookie(headers: &HeaderMap, pair: &str, more: &str) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let by_tls = origin.to_ascii_lowercase().starts_with("https://");
    let secure = if by_tls { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{pair}; HttpOnly; SameSite=Strict{secure}{more}")).ok()
}

/// What may be our session's token.
fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    cookies(headers, SESSION)
}

/// The cookies of this name. Somebody may have put one beside ours.
fn cookies<'h>(headers: &'h HeaderMap, name: &'static str) -> impl Iterator<Item = &'h str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
    let pairs = all.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.filter(move |(it, _)| *it == name).map(|(_, value)| value)
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
/// Where one says something that cannot be read, it is the proxy's own address that is counted.
fn whence(request: &Parts) -> Whence {
    let peer = request.extensions.get::<Peer>().and_then(|Peer(address)| *address);
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |it| it.to_canonical());
    let is_near = match peer {
        IpAddr::V4(it) => it.is_loopback() || it.is_private(),
        IpAddr::V6(it) => it.is_loopback() || it.is_unique_local(),
    };
    let last = request.headers.get_all(FORWARDED_FOR).iter().next_back();
    let last = last.and_then(|it| address(it.to_str().ok()?.rsplit(',').next()?.trim()));
    let by_proxy = OF_PROXIES.iter().any(|it| request.headers.contains_key(it));
    let address = last.filter(|_| is_near).unwrap_or(peer);
    Whence { address, is_here: !by_proxy && peer.is_loopback(), browser: None }
}

/// `1.2.3.4`, `2001:db8::1`, and both with a port: some proxies add it.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse().ok().map(|it: SocketAddr| it.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, headers: &[(&'static str, &str)]) -> Whence {
        let mut request = http::Request::get("/sign-in");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        head.extensions.insert(Peer(Some(peer.parse().unwrap())));
        whence(&head)
    }

    #[test]
    fn who_is_forwarded_is_named_with_or_without_a_port() {
        for (forwarded, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("10.0.0.1, 192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("unknown", "127.0.0.1"),
            ("", "127.0.0.1"),
        ] {
            let found = from("127.0.0.1", &[("x-forwarded-for", forwarded)]);
            assert_eq!(found.address, expected.parse::<IpAddr>().unwrap(), "{forwarded}");
            assert!(!found.is_here, "a proxy asks: {forwarded}");
        }
        let far = from("203.0.113.1", &[("x-forwarded-for", "192.0.2.1")]);
        assert_eq!(far.address, "203.0.113.1".parse::<IpAddr>().unwrap(), "nobody we believe");
    }

    #[test]
    fn this_machine_itself_is_only_what_no_proxy_passed_on() {
        assert!(from("127.0.0.1", &[]).is_here && from("::1", &[]).is_here);
        assert!(from("::ffff:127.0.0.1", &[]).is_here);
        assert!(!from("10.0.0.1", &[]).is_here);
        for header in ["x-forwarded-for", "x-real-ip", "forwarded"] {
            assert!(!from("127.0.0.1", &[(header, "for=192.0.2.1")]).is_here, "{header}");
        }
    }
}
