//! What somebody who looks after it all is told: how rosters and mirrors stand ([`status()`]),
//! which events of people stand in the way ([`conflicts()`]), and what does not get through
//! ([`attention()`]).
//!
//! Gathered here once, from the store alone, for `rotabridge status` and its relatives as for the
//! dashboard, so that both say the same. Nothing here is kept, decided or written; what is long is
//! told page by page. Of people's events it is told when they are and never what they are about.

mod attention;
mod conflicts;
mod connection;
mod line;
mod outcome;
mod request;
mod status;
mod words;

use domain::{MirrorName, RosterName};

pub use attention::{Attention, DriftLine, MirrorAttention, TroubleLine, attention};
pub use conflicts::{ChangeLine, ConflictLine, ConflictsPage, Place, ShiftLine, conflicts};
pub use connection::ConnectionStanding;
pub use line::{MirrorLine, OtherLine, ProblemLine, RosterLine, mirror_subject, roster_subject};
pub use outcome::{MirrorRun, Outcome, RosterRun};
pub use request::RequestLine;
pub use status::{MirrorStatus, RosterStatus, Status, status};
pub use words::{ago, became, duration, instant, mark, shell_word, thousands, what, when};

/// What there is to be told of: what the configuration names, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// The rosters.
    pub rosters: Vec<RosterName>,
    /// The mirrors.
    pub mirrors: Vec<MirrorOutline>,
}

/// One mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorOutline {
    /// Its name.
    pub name: MirrorName,
    /// Its roster.
    pub roster: RosterName,
}
