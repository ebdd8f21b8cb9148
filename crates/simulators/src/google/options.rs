//! How the played Google behaves: by default as documented, and where the documentation is silent,
//! the way that is hardest on a client.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::graph::integration::Carrier;

/// Says what time it is. Virtual time is a closure over a cell.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The service account of [`Options::default`].
pub const SERVICE_ACCOUNT: &str = "rota@played-project.iam.gserviceaccount.com";
/// Its client id, by which an administrator delegates to it.
pub const CLIENT_ID: &str = "108000000000000000001";

/// What every scope begins with.
pub const SCOPE_PREFIX: &str = "https://www.googleapis.com/auth/";

/// How the played Google behaves.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// What time it is; the machine's when `None`.
    pub clock: Option<Clock>,
    /// Service accounts.
    pub accounts: Vec<ServiceAccount>,
    /// How long an access token is good.
    pub token_lifetime: Duration,
    /// Entries of a page, when `maxResults` does not say (the documented default is 250).
    pub page_size: usize,
    /// How full pages are.
    pub pages: PageMood,
    /// How long a sync token is good.
    pub sync_token_lifetime: SignedDuration,
    /// How long a new calendar takes to appear in its owner's list.
    pub calendar_list_lag: SignedDuration,
    /// Whether an event that a person deleted may be made again by an update. Reports say 403.
    pub revives_trashed: bool,
    /// Requests in one batch; documented are 1,000, and not more than 50 are advised.
    pub batch_max: usize,
    /// In which order the answers of a batch come.
    pub batch_order: BatchOrder,
    /// Whether a channel may lead to an `http` address.
    pub channels_over_http: bool,
    /// What takes notifications to their addresses; `None` keeps them for whoever asks.
    pub carrier: Option<Arc<dyn Carrier>>,
    /// How many requests are let through.
    pub quotas: Option<Quotas>,
    /// Whether requests are remembered one by one.
    pub log: bool,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Options").field("listen", &self.listen).finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            clock: None,
            accounts: vec![ServiceAccount::default()],
            token_lifetime: Duration::from_secs(3600),
            page_size: 250,
            pages: PageMood::Full,
            sync_token_lifetime: SignedDuration::from_hours(24 * 28),
            calendar_list_lag: SignedDuration::ZERO,
            revives_trashed: false,
            batch_max: 50,
            batch_order: BatchOrder::Reversed,
            channels_over_http: true,
            carrier: None,
            quotas: Some(Quotas::default()),
            log: true,
        }
    }
}

/// A service account, with what an administrator delegated to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its address.
    pub email: String,
    /// By which it is known to the administrator.
    pub client_id: String,
    /// The id of its key.
    pub key_id: String,
    /// Its public key (`RSAPublicKey` of RFC 8017 in DER).
    pub public_key: Vec<u8>,
    /// Scopes that were delegated domain-wide, without [`SCOPE_PREFIX`].
    pub delegated: Vec<String>,
}

impl Default for ServiceAccount {
    fn default() -> Self {
        Self {
            email: SERVICE_ACCOUNT.into(),
            client_id: CLIENT_ID.into(),
            key_id: "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00".into(),
            public_key: super::token::played_public_key(),
            delegated: vec!["calendar.app.created".into(), "calendar.calendarlist.readonly".into()],
        }
    }
}

impl ServiceAccount {
    /// The played account, to which these scopes were delegated (without [`SCOPE_PREFIX`]).
    #[must_use]
    pub fn delegated(scopes: &[&str]) -> Self {
        Self { delegated: scopes.iter().map(|it| (*it).to_owned()).collect(), ..Self::default() }
    }
}

/// How full pages are: fewer entries than asked for are allowed, none included, while there is a
/// page token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageMood {
    /// As full as can be.
    Full,
    /// Half as full.
    Short,
    /// Half as full, and each second one empty.
    Empty,
}

/// In which order the answers of a batch come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchOrder {
    /// As the requests.
    AsAsked,
    /// The last one first.
    Reversed,
}

/// How many requests are let through, in a sliding minute
/// (developers.google.com/workspace/calendar/api/guides/quota, as of 2026-05-01).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas {
    /// Of one project.
    pub project: u32,
    /// Of one user in it.
    pub user: u32,
    /// How much shorter than a minute the minute is, so that the network's jitter does no harm.
    pub tolerance: Duration,
    /// How a refusal is spelled.
    pub spelling: QuotaSpelling,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            project: 10_000,
            user: 600,
            tolerance: Duration::from_millis(50),
            spelling: QuotaSpelling::ByTurns,
        }
    }
}

/// How a refusal over a budget is spelled: clients must take both alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaSpelling {
    /// 403 with a reason.
    Forbidden,
    /// 429.
    TooMany,
    /// Each in its turn.
    ByTurns,
}
