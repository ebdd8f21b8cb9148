//! Everything the played Graph knows, behind one lock.
//!
//! The model is Graph's own, spelled in its words (v1.0 and beta keep the same things). It knows
//! no rules: those stand with the routes. Every change of an entity goes through
//! [`Graph::commit`](super::Graph::commit), so that versions, etags and callbacks are never
//! forgotten; tests and played people may read anything here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::mailbox::{Mailbox, Notice, Subscription};
use super::options::App;

/// All that is known: the content of every tenant.
#[derive(Debug, Default)]
pub struct State {
    /// App registrations, of all tenants.
    pub apps: Vec<App>,
    /// People, by id.
    pub users: BTreeMap<String, User>,
    /// Teams, by id.
    pub teams: BTreeMap<String, Team>,
    /// Workforce integrations, by id.
    pub integrations: BTreeMap<String, Integration>,
    /// What people said of when they like to work, by user.
    pub preferences: BTreeMap<String, Preferences>,
    /// Mailboxes, by whose they are.
    pub mailboxes: BTreeMap<String, Mailbox>,
    /// Subscriptions to changes, by id.
    pub subscriptions: BTreeMap<String, Subscription>,
    /// What subscribers are to be told.
    pub notices_due: Vec<Notice>,
    /// Notifications that people got so far.
    pub notifications: Notifications,
    /// Names already given away by [`Self::new_id`], so that a seed gives the same ones.
    pub(super) ids_given: u64,
    pub(super) seed: u64,
    pub(super) versions_given: u64,
}

/// A person of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The object id.
    pub id: String,
    /// The tenant they are in.
    pub tenant: String,
    /// How they are called.
    pub display_name: String,
    /// Their user principal name.
    pub upn: String,
    /// Their mail address.
    pub email: Option<String>,
}

/// A team, its members and its schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Team {
    /// The id.
    pub id: String,
    /// The tenant it is in.
    pub tenant: String,
    /// What it is called.
    pub display_name: String,
    /// Who is in it, in the order in which they came.
    pub members: Vec<Member>,
    /// Its schedule; `None` when nobody made one.
    pub schedule: Option<Schedule>,
    /// All that its schedule holds, by kind and id.
    pub entities: BTreeMap<Kind, BTreeMap<String, Stored>>,
    /// Ids that existed and were deleted.
    pub gone: BTreeSet<String>,
}

/// Somebody's place in a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Whose.
    pub user: String,
    /// What they are there.
    pub role: Role,
}

/// What a member is in a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Owns it: a manager in Shifts.
    Owner,
    /// Is in it.
    Member,
    /// Comes from another tenant; has no place in Shifts.
    Guest,
}

/// The schedule of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "Graph has a switch for each feature")]
pub struct Schedule {
    /// Whether it is in use.
    pub enabled: bool,
    /// An IANA name.
    pub time_zone: String,
    /// How far the making of it is.
    pub provision: Provision,
    /// Whether people may ask for open shifts.
    pub open_shifts_enabled: bool,
    /// Whether people may swap.
    pub swap_shifts_requests_enabled: bool,
    /// Whether people may offer.
    pub offer_shift_requests_enabled: bool,
    /// Whether people may ask for time off.
    pub time_off_requests_enabled: bool,
    /// Whether people may clock in.
    pub time_clock_enabled: bool,
    /// Whether copies of shifts keep the activities.
    pub copies_activities: bool,
    /// `sunday` and so on.
    pub start_day_of_week: Option<String>,
    /// The integrations that are registered for it; only the first has effect.
    pub integrations: Vec<String>,
}

/// How far the making of a schedule is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provision {
    /// Under way since then, and looked at so many times.
    Under {
        /// When it was asked for.
        since: Timestamp,
        /// How often the schedule was read since.
        looks: u32,
    },
    /// Done.
    Completed,
    /// Given up, with `provisionStatusCode`.
    Failed(String),
}

/// What kinds of things a schedule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A group of people.
    SchedulingGroup,
    /// Why somebody is away.
    TimeOffReason,
    /// Somebody's shift.
    Shift,
    /// A shift that nobody has yet.
    OpenShift,
    /// Somebody's absence.
    TimeOff,
    /// An offer of a shift to a colleague.
    OfferRequest,
    /// A swap of two shifts.
    SwapRequest,
    /// Somebody wants an open shift.
    OpenShiftRequest,
    /// Somebody wants to be away.
    TimeOffRequest,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SchedulingGroup,
        Self::TimeOffReason,
        Self::Shift,
        Self::OpenShift,
        Self::TimeOff,
        Self::OfferRequest,
        Self::SwapRequest,
        Self::OpenShiftRequest,
        Self::TimeOffRequest,
    ];

    /// Its collection in Graph's URLs.
    #[must_use]
    pub fn collection(self) -> &'static str {
        match self {
            Self::SchedulingGroup => "schedulingGroups",
            Self::TimeOffReason => "timeOffReasons",
            Self::Shift => "shifts",
            Self::OpenShift => "openShifts",
            Self::TimeOff => "timesOff",
            Self::OfferRequest => "offerShiftRequests",
            Self::SwapRequest => "swapShiftsChangeRequests",
            Self::OpenShiftRequest => "openShiftChangeRequests",
            Self::TimeOffRequest => "timeOffRequests",
        }
    }

    /// How its type is called in Graph, without the name space.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self {
            Self::SchedulingGroup => "schedulingGroup",
            Self::TimeOffReason => "timeOffReason",
            Self::Shift => "shift",
            Self::OpenShift => "openShift",
            Self::TimeOff => "timeOff",
            Self::OfferRequest => "offerShiftRequest",
            Self::SwapRequest => "swapShiftsChangeRequest",
            Self::OpenShiftRequest => "openShiftChangeRequest",
            Self::TimeOffRequest => "timeOffRequest",
        }
    }

    /// What its ids begin with (seen in the documentation's examples).
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::SchedulingGroup => "TAG",
            Self::TimeOffReason => "TOR",
            Self::Shift => "SHFT",
            Self::OpenShift => "OPNSHFT",
            Self::TimeOff => "TOFF",
            Self::OfferRequest
            | Self::SwapRequest
            | Self::OpenShiftRequest
            | Self::TimeOffRequest => "SREQ",
        }
    }
}

/// An entity as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// What it says.
    pub entity: Entity,
    /// Who changed it when.
    pub tracked: Tracked,
}

/// Who changed something when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom it was made.
    pub created_by: Who,
    /// When it was last changed.
    pub modified_at: Timestamp,
    /// By whom it was last changed.
    pub modified_by: Who,
    /// Another one with each change; never given twice.
    pub version: u64,
}

impl Tracked {
    /// Its etag, with its quotes, in the form that Cosmos DB gives them (seen in
    /// microsoft-graph-docs#4799).
    #[must_use]
    pub fn etag(&self) -> String {
        let seconds = self.modified_at.as_second();
        format!("\"{:08x}-0000-0700-0000-{:08x}0000\"", self.version, seconds & 0xffff_ffff)
    }
}

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// An app, by its own right.
    App(String),
    /// A person, by user id.
    Person(String),
    /// Shifts itself.
    System,
}

/// What an entity says.
#[derive(Debug, Clone, PartialEq)]
pub enum Entity {
    /// A scheduling group.
    Group(Group),
    /// A reason for time off.
    Reason(Reason),
    /// A shift, an open shift or a time off.
    Planned(Planned),
    /// A request of any of the four kinds.
    Request(ChangeRequest),
}

/// A scheduling group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What it is called.
    pub display_name: String,
    /// What somebody else calls it.
    pub code: Option<String>,
    /// Whether it may still be used.
    pub is_active: bool,
    /// Who is in it.
    pub users: Vec<String>,
}

/// A reason for time off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What it is called.
    pub display_name: String,
    /// What somebody else calls it.
    pub code: Option<String>,
    /// Its picture.
    pub icon: String,
    /// Whether it may still be used.
    pub is_active: bool,
}

/// A shift, an open shift or a time off, with both of its sides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Planned {
    /// Whose; `None` for an open shift.
    pub user: Option<String>,
    /// In which group; `None` for time off.
    pub group: Option<String>,
    /// What managers plan and employees do not see.
    pub draft: Option<Item>,
    /// What everybody sees.
    pub shared: Option<Item>,
    /// Whether the next sharing deletes it.
    pub is_staged_for_deletion: bool,
}

impl Planned {
    /// What a manager sees: the draft, and without one what everybody sees.
    #[must_use]
    pub fn planned(&self) -> Option<&Item> {
        if self.is_staged_for_deletion {
            None
        } else {
            self.draft.as_ref().or(self.shared.as_ref())
        }
    }
}

/// What one side of a shift, an open shift or a time off says. Instants; the end is exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// When it starts.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// Its colour, as Graph spells it.
    pub theme: Option<String>,
    /// Its label.
    pub display_name: Option<String>,
    /// What is noted there.
    pub notes: Option<String>,
    /// What is done when.
    pub activities: Vec<Activity>,
    /// How many may have it; open shifts only.
    pub open_slots: Option<i32>,
    /// Why; time off only.
    pub reason: Option<String>,
}

/// A part of a shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Whether it is paid.
    pub is_paid: bool,
    /// When it starts.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// What somebody else calls it.
    pub code: String,
    /// What it is called.
    pub display_name: String,
    /// Its colour.
    pub theme: Option<String>,
}

/// A request of any of the four kinds. What a kind does not have is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRequest {
    /// Whether it is decided.
    pub state: RequestState,
    /// Whose turn it is.
    pub assigned_to: Assigned,
    /// Who asks.
    pub sender: Step,
    /// Who is asked: offers and swaps only.
    pub recipient: Step,
    /// Who decides.
    pub manager: Step,
    /// The shift that is offered or swapped.
    pub sender_shift: Option<String>,
    /// The shift that is wanted for it.
    pub recipient_shift: Option<String>,
    /// The open shift that is wanted.
    pub open_shift: Option<String>,
    /// Why somebody wants to be away.
    pub reason: Option<String>,
    /// From when somebody wants to be away.
    pub start: Option<Timestamp>,
    /// Until when somebody wants to be away.
    pub end: Option<Timestamp>,
}

/// What somebody did about a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// Who; a recipient is known before they act.
    pub user: Option<String>,
    /// What they said.
    pub message: Option<String>,
    /// When they acted.
    pub at: Option<Timestamp>,
}

/// Whether a request is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestState {
    /// Not yet.
    Pending,
    /// With yes.
    Approved,
    /// With no.
    Declined,
}

/// Whose turn a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assigned {
    /// The one who asked.
    Sender,
    /// The one who was asked.
    Recipient,
    /// A manager.
    Manager,
    /// Shifts itself.
    System,
}

/// A workforce integration.
#[derive(Clone, PartialEq, Eq)]
pub struct Integration {
    /// The id.
    pub id: String,
    /// The tenant that registered it.
    pub tenant: String,
    /// What it is called.
    pub display_name: String,
    /// The `n` in `/v{n}/` of its URLs.
    pub api_version: i32,
    /// Whether it is to be called.
    pub is_active: bool,
    /// Where it is called.
    pub url: String,
    /// What the envelope is sealed with: 64 bytes.
    pub secret: String,
    /// Of what it wants to know: `Shift`, `SwapRequest`, and so on (MD's names, first letter
    /// upper-case).
    pub supported: BTreeSet<String>,
    /// For what it is asked who may: `SwapRequest`, `OfferShiftRequest`, `TimeOffReason`.
    pub eligibility: BTreeSet<String>,
    /// Who changed it when.
    pub tracked: Tracked,
}

impl std::fmt::Debug for Integration {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, url, supported, is_active, .. } = self;
        write!(formatter, "Integration({id} at {url}, active {is_active}, {supported:?})")
    }
}

/// What somebody said of when they like to work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferences {
    /// The id.
    pub id: String,
    /// `availability`, as it was sent.
    pub availability: Value,
    /// Who changed it when.
    pub tracked: Tracked,
}

/// Notifications that employees got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notifications {
    /// Because a shared side was written directly: one for each write.
    pub written: u64,
    /// Because a schedule was shared with the whole team: one for each member.
    pub team: u64,
    /// Because a schedule was shared quietly: one for each employee whose items changed.
    pub affected: u64,
}

impl State {
    /// A new id: `prefix_` and a UUID that follows from the seed and from how many came before.
    pub fn new_id(&mut self, prefix: &str) -> String {
        self.ids_given += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(self.ids_given.to_be_bytes());
        let bytes = hash.finalize();
        let hex: String =
            bytes.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]);
        if prefix.is_empty() {
            format!("{a}-{b}-{c}-{d}-{e}")
        } else {
            format!("{prefix}_{a}-{b}-{c}-{d}-{e}")
        }
    }

    pub(super) fn next_version(&mut self) -> u64 {
        self.versions_given += 1;
        self.versions_given
    }

    /// The integration that is called for a team: the first of its schedule, if it is active.
    #[must_use]
    pub fn integration_of(&self, team: &str) -> Option<&Integration> {
        let schedule = self.teams.get(team)?.schedule.as_ref()?;
        let first = self.integrations.get(schedule.integrations.first()?)?;
        first.is_active.then_some(first)
    }
}

impl Team {
    /// Whether somebody is in it and has a place in Shifts.
    #[must_use]
    pub fn has_member(&self, user: &str) -> bool {
        self.role_of(user).is_some_and(|role| role != Role::Guest)
    }

    /// What somebody is in it.
    #[must_use]
    pub fn role_of(&self, user: &str) -> Option<Role> {
        self.members.iter().find(|it| it.user == user).map(|it| it.role)
    }

    /// An entity.
    #[must_use]
    pub fn get(&self, kind: Kind, id: &str) -> Option<&Stored> {
        self.entities.get(&kind)?.get(id)
    }

    /// All entities of a kind, by id.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = (&String, &Stored)> {
        self.entities.get(&kind).into_iter().flatten()
    }

    /// A shift, an open shift or a time off.
    #[must_use]
    pub fn planned(&self, kind: Kind, id: &str) -> Option<&Planned> {
        match &self.get(kind, id)?.entity {
            Entity::Planned(planned) => Some(planned),
            Entity::Group(_) | Entity::Reason(_) | Entity::Request(_) => None,
        }
    }

    /// A request.
    #[must_use]
    pub fn request(&self, kind: Kind, id: &str) -> Option<&ChangeRequest> {
        match &self.get(kind, id)?.entity {
            Entity::Request(request) => Some(request),
            Entity::Group(_) | Entity::Reason(_) | Entity::Planned(_) => None,
        }
    }

    /// A scheduling group.
    #[must_use]
    pub fn group(&self, id: &str) -> Option<&Group> {
        match &self.get(Kind::SchedulingGroup, id)?.entity {
            Entity::Group(group) => Some(group),
            Entity::Reason(_) | Entity::Planned(_) | Entity::Request(_) => None,
        }
    }

    /// A reason for time off.
    #[must_use]
    pub fn reason(&self, id: &str) -> Option<&Reason> {
        match &self.get(Kind::TimeOffReason, id)?.entity {
            Entity::Reason(reason) => Some(reason),
            Entity::Group(_) | Entity::Planned(_) | Entity::Request(_) => None,
        }
    }
}
