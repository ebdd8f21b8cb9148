//! How the played Genesys Cloud behaves: by default as described, and where the description is
//! silent, the way that is hardest on a client.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

/// Says what time it is. Virtual time is a closure over a cell.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The OAuth client of [`Options::default`].
pub const CLIENT: &str = "c1a0b2d3-7e57-4c1e-9a7e-000000000001";
/// Its secret; made up.
pub const SECRET: &str = "played-secret-of-the-genesys-client";

/// Every permission that the played routes ask for.
pub const PERMISSIONS: [&str; 12] = [
    "directory:user:view",
    "wfm:activityCode:view",
    "wfm:agent:view",
    "wfm:businessUnit:view",
    "wfm:managementUnit:view",
    "wfm:publishedSchedule:view",
    "wfm:schedule:view",
    "wfm:shiftTradeRequest:edit",
    "wfm:shiftTradeRequest:view",
    "wfm:timeOffRequest:add",
    "wfm:timeOffRequest:edit",
    "wfm:timeOffRequest:view",
];

/// How the played Genesys Cloud behaves.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where it says that results are, without `/` at its end; for a server: where it listens.
    pub address: String,
    /// What time it is; the machine's when `None`.
    pub clock: Option<Clock>,
    /// From what ids are made: the same one gives the same ids.
    pub seed: u64,
    /// OAuth clients.
    pub clients: Vec<Client>,
    /// How long an access token is good.
    pub token_lifetime: Duration,
    /// Requests per minute and token; no limit when `None`.
    pub rate: Option<u32>,
    /// Where a 429 says how long to wait.
    pub rate_form: RateForm,
    /// Agents in an answer from which on it is given as `downloadUrl`.
    pub download_from: usize,
    /// Agents in an answer from which on only `Processing` is answered: nobody without a user can
    /// hear of the result.
    pub processing_from: usize,
    /// The status of such an answer: 202, or 200.
    pub processing_status: u16,
    /// How often the same question is answered so before the result is at hand; `u32::MAX` for
    /// ever.
    pub processing_times: u32,
    /// The largest `pageSize` of the users.
    pub page_size_max: usize,
    /// Whether pages of users say how many there are: `pageCount` and `total` are optional.
    pub page_counts: bool,
    /// Whether an agent's management unit comes with its business unit: "populate with
    /// expand=businessUnit", of which the operation has none.
    pub business_unit_of_agent: bool,
    /// Whether answers tell how the rate limit stands.
    pub rate_headers: bool,
    /// How requests say how long each of their parts takes.
    pub durations: Durations,
    /// How often a job of shift trades is asked for before it is done; 0: its result comes at once.
    pub job_polls: u32,
    /// Whether results of such jobs lie under an address.
    pub job_downloads: bool,
    /// Topics of events that are not handed to Amazon EventBridge, but to WebSockets only.
    pub topics_without_eventbridge: BTreeSet<String>,
    /// Whether requests are remembered one by one.
    pub log: bool,
}

/// Where a 429 says how long to wait (`genesys.md` §1.7: parse all three).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateForm {
    /// In all three places.
    All,
    /// In `Retry-After` only.
    RetryAfter,
    /// In `inin-ratelimit-reset` only.
    Reset,
    /// In the message only.
    Text,
}

/// Where a request for time off says how long each of its parts takes. The SDKs promise both
/// places, of which the newer one need not be filled for requests that are older than it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durations {
    /// In `durationMinutes` and `dailyDurationMinutes`.
    Both,
    /// In `dailyDurationMinutes`, and `durationMinutes` is `null`, as are lists that are empty.
    DailyAndNull,
    /// In `dailyDurationMinutes`, and `durationMinutes` is empty.
    DailyAndEmpty,
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
            address: "https://api.mypurecloud.de".into(),
            clock: None,
            seed: 0,
            clients: vec![Client::default()],
            token_lifetime: Duration::from_secs(86_400),
            rate: Some(300),
            rate_form: RateForm::All,
            download_from: 400,
            processing_from: usize::MAX,
            processing_status: 202,
            processing_times: u32::MAX,
            page_size_max: 500,
            page_counts: true,
            business_unit_of_agent: false,
            rate_headers: true,
            durations: Durations::Both,
            job_polls: 0,
            job_downloads: false,
            topics_without_eventbridge: BTreeSet::new(),
            log: true,
        }
    }
}

/// An OAuth client for the client-credentials grant, with what its roles allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Its secret; made up, so it may be printed.
    pub secret: String,
    /// Its permissions.
    pub permissions: BTreeSet<String>,
    /// The business units in its divisions; all when `None`.
    pub business_units: Option<BTreeSet<String>>,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            id: CLIENT.into(),
            secret: SECRET.into(),
            permissions: PERMISSIONS.map(String::from).into(),
            business_units: None,
        }
    }
}

impl Client {
    /// The same without these permissions.
    #[must_use]
    pub fn without(mut self, permissions: &[&str]) -> Self {
        self.permissions.retain(|it| !permissions.contains(&it.as_str()));
        self
    }
}
