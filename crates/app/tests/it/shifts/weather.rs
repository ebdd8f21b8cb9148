//! What happens to calls on their way, and that the outcome does not depend on it.

use simulators::graph::integration::{Exchange, Mishap, Outcome};
use simulators::graph::people::NotDone;

use super::site::Site;

/// How the calls of one act fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Every call is answered.
    Fair,
    /// The first answer is lost, and the client tries again with new ids.
    AnswerLost,
    /// The call arrives twice.
    Twice,
    /// The call arrives twice at the same time.
    TwiceAtOnce,
    /// The client tries again, with new ids, while the first call is still being answered.
    GivenUp,
    /// Every answer is lost, `serve` is killed and started again, and then somebody tries again.
    Killed,
}

impl Weather {
    /// All of it, each with days of its own.
    pub const ALL: [(Self, i64); 6] = [
        (Self::Fair, 0),
        (Self::AnswerLost, 2),
        (Self::Twice, 4),
        (Self::TwiceAtOnce, 6),
        (Self::GivenUp, 8),
        (Self::Killed, 10),
    ];

    /// Lets somebody act in it. What was granted is granted again when the last call is repeated
    /// to the byte: the same answer.
    pub fn lets<T>(
        self,
        site: &mut Site,
        act: impl AsyncFn(&Site) -> Result<T, NotDone>,
    ) -> Result<T, NotDone> {
        let retries = site.people.workforce().caller().options().retries;
        let mishaps = match self {
            Self::Fair => vec![],
            Self::AnswerLost => vec![Mishap::LosesAnswer],
            Self::Twice => vec![Mishap::ArrivesTwice],
            Self::TwiceAtOnce => vec![Mishap::ArrivesTwiceAtOnce],
            Self::GivenUp => vec![Mishap::StopsWaiting],
            Self::Killed => vec![Mishap::LosesAnswer; retries as usize + 1],
        };
        site.mishaps(mishaps);
        let before = site.asked().len();
        let mut done = site.when(act(site));
        if self == Self::Killed {
            assert!(done.is_err(), "it was done without an answer");
            site.kill();
            site.serve();
            done = site.when(act(site));
        }
        site.mishaps([]);
        if let Err(error) = &done {
            println!("{self:?}: {error}");
        }
        let asked = site.asked();
        assert!(asked.len() > before, "nobody was asked");
        if done.is_ok() {
            self.is_said_again(site, asked.last().unwrap());
        }
        done
    }

    fn is_said_again(self, site: &Site, said: &Exchange) {
        assert!(matches!(said.outcome, Outcome::Answered(_)), "{said:#?}");
        let caller = site.people.workforce().caller();
        let again = site.when(caller.repeat(said));
        assert_eq!(again, Some((200, said.answer.clone())), "{self:?}: {said:#?}");
    }
}
