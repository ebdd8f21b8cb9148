//! What goes wrong with requests and with the store: data, drawn from the seed.

use std::time::Duration;

use engine::port::{FailureClass, QuotaScope};
use testkit::seeded_entropy::SeededEntropy;

/// How often each thing goes wrong, in parts of 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// 429 that names a time.
    pub throttled: u64,
    /// 429 that names none.
    pub throttled_without_time: u64,
    /// 503, or nobody there.
    pub unavailable: u64,
    /// The connection breaks before the request has had its effect.
    pub reset_before: u64,
    /// The request has its effect, and the answer is lost.
    pub lost_answer: u64,
    /// The effect comes after the caller has given up.
    pub too_late: u64,
    /// A precondition fails for no reason.
    pub precondition: u64,
    /// A listing breaks off.
    pub truncated: u64,
    /// Credentials are refused.
    pub unauthorised: u64,
    /// The vendor refuses an item, twice at most.
    pub refused: u64,
    /// The store fails, and has done nothing.
    pub store_before: u64,
    /// The store fails after having done it.
    pub store_after: u64,
}

/// What becomes of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out and answered.
    Answered,
    /// It is carried out, and the answer is lost.
    LostAnswer,
    /// It is carried out after the caller has given up.
    TooLate,
    /// It is not carried out, and fails like this.
    Fails(FailureClass),
}

/// What a request is, as far as its fate depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Listing a calendar.
    List,
    /// Looking, or opening a calendar.
    Read,
    /// A new item.
    Create,
    /// A replacement or a removal.
    Change,
}

impl Request {
    /// Whether it changes an item.
    #[must_use]
    pub fn is_write(self) -> bool {
        match self {
            Self::List | Self::Read => false,
            Self::Create | Self::Change => true,
        }
    }
}

impl Faults {
    /// Whether nothing ever goes wrong.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        *self == Self::default()
    }

    /// A mix for one world: mostly a few sorts, sometimes many.
    #[must_use]
    pub fn draw(chance: &SeededEntropy) -> Self {
        if chance.chance(20) {
            return Self::default();
        }
        let density = if chance.chance(15) { 80 } else { 30 };
        let one = |most: u64| {
            if chance.chance(density) { 1 + chance.below(most) } else { 0 }
        };
        Self {
            throttled: one(200),
            throttled_without_time: one(100),
            unavailable: one(250),
            reset_before: one(200),
            lost_answer: one(300),
            too_late: one(100),
            precondition: one(200),
            truncated: one(300),
            unauthorised: one(15),
            refused: one(60),
            store_before: one(60),
            store_after: one(60),
        }
    }

    /// The fate of one request.
    #[must_use]
    pub fn fate(&self, request: Request, chance: &SeededEntropy) -> Fate {
        let write = request.is_write();
        let scope = if chance.chance(50) { QuotaScope::Connection } else { QuotaScope::Calendar };
        let seconds = Duration::from_secs(1 + chance.below(20));
        let table = [
            (
                self.throttled,
                Fate::Fails(FailureClass::Throttled { retry_after: Some(seconds), scope }),
            ),
            (
                self.throttled_without_time,
                Fate::Fails(FailureClass::Throttled { retry_after: None, scope }),
            ),
            (self.unavailable, Fate::Fails(FailureClass::Unavailable)),
            (self.reset_before, Fate::Fails(FailureClass::Unknown)),
            (self.lost_answer, Fate::LostAnswer),
            (if write { self.too_late } else { 0 }, Fate::TooLate),
            (if write { self.precondition } else { 0 }, Fate::Fails(FailureClass::Precondition)),
            (
                if request == Request::List { self.truncated } else { 0 },
                Fate::Fails(FailureClass::Bug),
            ),
            (self.unauthorised, Fate::Fails(FailureClass::Unauthorised)),
            (if write { self.refused } else { 0 }, Fate::Fails(FailureClass::Refused)),
        ];
        let mut drawn = chance.below(1000);
        for (share, fate) in table {
            if drawn < share {
                return fate;
            }
            drawn -= share;
        }
        Fate::Answered
    }
}
