//! How the played server behaves: by default as the RFCs want it, otherwise like servers seen in
//! the field (python-caldav's compatibility hints).

use std::net::{Ipv4Addr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How the played server behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Whom to let in; `None` lets everybody in.
    pub account: Option<Account>,
    /// The path of the calendar home, with `/` at both ends.
    pub home: String,
    /// Whether `/.well-known/caldav` leads anywhere.
    pub well_known: WellKnown,
    /// What the answer to a PUT says of the new etag.
    pub put_etag: PutEtag,
    /// What the server does to objects that it stores.
    pub rewriting: Rewriting,
    /// Whether sync-collection is there.
    pub sync: SyncSupport,
    /// How a token is refused.
    pub token_refusal: TokenRefusal,
    /// Entries of one sync-collection answer before it is cut with 507.
    pub page_size: Option<usize>,
    /// Whether calendar-multiget is there.
    pub multiget: bool,
    /// Whether calendar-query is there, as far as it asks for a time range.
    pub query: bool,
    /// How a calendar is made.
    pub making: Making,
    /// Whether two objects of one calendar may share a `UID`.
    pub uid_check: UidCheck,
    /// How a PUT into a calendar that is not there is refused.
    pub missing_calendar_status: u16,
    /// Whether `If-None-Match: *` means anything (SOGo, Zimbra: no).
    pub honours_if_none_match: bool,
    /// Whether the account may write.
    pub read_only: bool,
    /// What `Date` says; the time when `None`.
    pub date: Option<String>,
    /// Whether requests are remembered one by one.
    pub log: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            account: None,
            home: "/dav/calendars/rota/".into(),
            well_known: WellKnown::Redirects,
            put_etag: PutEtag::Strong,
            rewriting: Rewriting::Nothing,
            sync: SyncSupport::Full,
            token_refusal: TokenRefusal::Forbidden,
            page_size: None,
            multiget: true,
            query: false,
            making: Making::Mkcalendar,
            uid_check: UidCheck::Named,
            missing_calendar_status: 409,
            honours_if_none_match: true,
            read_only: false,
            date: None,
            log: true,
        }
    }
}

/// Somebody who may use the server.
#[derive(Debug, Clone)]
pub struct Account {
    /// The name.
    pub name: String,
    /// The password; made up, so it may be printed.
    pub password: String,
}

impl Account {
    /// What `Authorization` says for it (RFC 7617).
    pub(super) fn header(&self) -> String {
        let Self { name, password } = self;
        format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
    }
}

/// Whether `/.well-known/caldav` leads anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WellKnown {
    /// 301 to the principal's folder on this server.
    Redirects,
    /// 301 to another origin.
    RedirectsTo(String),
    /// 404.
    Missing,
}

/// What the answer to a PUT says of the new etag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutEtag {
    /// The strong one.
    Strong,
    /// A weak one, as GMX.
    Weak,
    /// Nothing.
    Absent,
}

/// What the server does to objects that it stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewriting {
    /// Stores the bytes as they came.
    Nothing,
    /// Drops extension properties (`X-…`), as Google is said to.
    DropsUnknown,
}

/// Whether sync-collection is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncSupport {
    /// As RFC 6578 has it.
    Full,
    /// Any token that it never gave is answered with "no change", as DAViCal, SOGo and Stalwart.
    AcceptsGarbage,
    /// 403 `supported-report`.
    Refused,
    /// 403 and not a word.
    RefusedBare,
}

/// How a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRefusal {
    /// 403 `valid-sync-token`, as the RFC has it.
    Forbidden,
    /// 412 `valid-sync-token`, as Xandikos.
    Precondition,
    /// 500 and not a word, as CCS.
    Crash,
}

/// How a calendar is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    /// By MKCALENDAR.
    Mkcalendar,
    /// By extended MKCOL only.
    ExtendedMkcol,
    /// By MKCALENDAR, answered with an empty 207, as Bedework.
    EmptyMultistatus,
    /// Not at all, as posteo.
    Refused,
}

/// Whether two objects of one calendar may share a `UID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UidCheck {
    /// No, and the refusal names the other (409 `no-uid-conflict`).
    Named,
    /// No, by a bare 409, as SOGo.
    Bare,
    /// Yes, as DAViCal.
    None,
}
