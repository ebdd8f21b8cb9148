//! How the played Graph behaves: by default as documented, and where the documentation is silent,
//! the way that is hardest on a client.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::change::Callbacks;
use super::mailbox::MailboxOptions;

/// Says what time it is. Virtual time is a closure over a cell.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The tenant of [`Options::default`].
pub const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
/// The app id of [`Options::default`].
pub const APP: &str = "5f1d5c1a-1f4b-4c9e-9d3a-2d4a5a1c0e01";
/// The client secret of [`Options::default`]; made up.
pub const SECRET: &str = "played~secret.of-the-app_0001";

/// Every role that the played Graph knows.
pub const ROLES: [&str; 9] = [
    "Schedule.ReadWrite.All",
    "Schedule.Read.All",
    "TeamMember.Read.All",
    "Team.ReadBasic.All",
    "Group.Read.All",
    "User.Read.All",
    "Application.Read.All",
    "WorkforceIntegration.ReadWrite.All",
    "UserShiftPreferences.ReadWrite.All",
];

/// How the played Graph behaves.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// What time it is; the machine's when `None`.
    pub clock: Option<Clock>,
    /// From what ids are made: the same one gives the same ids.
    pub seed: u64,
    /// App registrations.
    pub apps: Vec<App>,
    /// How long an access token is good.
    pub token_lifetime: Duration,
    /// Who is asked before a write; nobody when `None`.
    pub callbacks: Option<Arc<dyn Callbacks>>,
    /// How a schedule comes to be.
    pub provisioning: Provisioning,
    /// The reasons for time off that a new schedule has.
    pub default_reasons: Vec<String>,
    /// Whether the id that a client sends with a POST becomes the id.
    pub honours_client_ids: bool,
    /// Whether PATCH on what a schedule holds is there (microsoft-graph-docs#13815: it is not).
    pub patches: bool,
    /// Whether a shift's employee must be in the shift's group.
    pub checks_group_membership: bool,
    /// Whether open shifts are taken only while the schedule has them (`openShiftsEnabled`).
    pub checks_open_shifts_enabled: bool,
    /// Whether `draftX` stands as it was after sharing, or is `null`.
    pub keeps_draft_after_share: bool,
    /// Whether an app may still use `approve` and `decline` (ended 2026-01-01).
    pub app_only_approve: bool,
    /// The status that a stale `If-Match` gets: 412, or 409.
    pub stale_etag_status: u16,
    /// Whether `X-…` headers of a batch's items reach them.
    pub batch_keeps_custom_headers: bool,
    /// Entries of a page, when `$top` does not say.
    pub page_size: usize,
    /// How many requests are let through.
    pub quotas: Option<Quotas>,
    /// How mailboxes behave.
    pub mailbox: MailboxOptions,
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
            seed: 0,
            apps: vec![App::default()],
            token_lifetime: Duration::from_secs(3599),
            callbacks: None,
            provisioning: Provisioning::AtOnce,
            default_reasons: ["Vacation", "Sick Leave", "Off", "Parental Leave", "Unpaid"]
                .map(String::from)
                .to_vec(),
            honours_client_ids: false,
            patches: false,
            checks_group_membership: true,
            checks_open_shifts_enabled: true,
            keeps_draft_after_share: false,
            app_only_approve: false,
            stale_etag_status: 412,
            batch_keeps_custom_headers: true,
            page_size: 100,
            quotas: Some(Quotas::default()),
            mailbox: MailboxOptions::default(),
            log: true,
        }
    }
}

/// An app registration, with what was granted to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The tenant it is registered in.
    pub tenant: String,
    /// Its client id.
    pub app_id: String,
    /// What it is called.
    pub display_name: String,
    /// Its client secrets.
    pub secrets: Vec<ClientSecret>,
    /// Its certificates.
    pub certificates: Vec<Certificate>,
    /// The application permissions that an administrator granted.
    pub roles: Vec<String>,
    /// The owners of mailboxes that Exchange grants it by RBAC for Applications, which no token
    /// tells of.
    pub mailbox_scope: Vec<String>,
}

impl Default for App {
    fn default() -> Self {
        Self {
            tenant: TENANT.into(),
            app_id: APP.into(),
            display_name: "Rota".into(),
            secrets: vec![ClientSecret { text: SECRET.into(), ends_at: far_away() }],
            certificates: Vec::new(),
            roles: ROLES.map(String::from).to_vec(),
            mailbox_scope: Vec::new(),
        }
    }
}

/// A client secret; made up, so it may be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSecret {
    /// Its text.
    pub text: String,
    /// Until when it is good, exclusive.
    pub ends_at: Timestamp,
}

/// A certificate that an app may sign with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The whole X.509 certificate in DER, with an RSA key.
    pub der: Vec<u8>,
    /// Until when it is good, exclusive.
    pub ends_at: Timestamp,
}

fn far_away() -> Timestamp {
    // 2099-01-01T00:00:00Z
    Timestamp::from_second(4_070_908_800).unwrap_or(Timestamp::MAX)
}

/// How a schedule comes to be after its PUT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provisioning {
    /// It is there with the answer.
    AtOnce,
    /// `NotStarted` in the answer, `Running` for so many reads, then `Completed`.
    AfterReads(u32),
    /// `NotStarted` in the answer, `Running` until so much time passed, then `Completed`.
    After(Duration),
    /// As [`Self::AfterReads`] with one read, and then `Failed` with this code.
    Fails(String),
}

/// How many requests are let through; what comes more gets 429. Requests that are refused so
/// count too (Graph's throttling guidance).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas {
    /// Of one app on one team, in a second.
    pub team: u32,
    /// GETs below `schedule` of one app in one tenant, in a second.
    pub reads: u32,
    /// POST, PUT and PATCH likewise.
    pub writes: u32,
    /// DELETE likewise.
    pub deletes: u32,
    /// Lists of a team's members likewise.
    pub members: u32,
    /// How much shorter than a second the second is, so that the network's jitter does no harm.
    pub tolerance: Duration,
    /// What `Retry-After` says at least; it says more when more time is needed.
    pub retry_after_seconds: u64,
}

impl Default for Quotas {
    /// As in Graph's "Microsoft Teams service limits".
    fn default() -> Self {
        Self {
            team: 4,
            reads: 30,
            writes: 30,
            deletes: 15,
            members: 60,
            tolerance: Duration::from_millis(20),
            retry_after_seconds: 1,
        }
    }
}
