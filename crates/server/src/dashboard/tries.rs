//! How often somebody may be wrong about the password.
//!
//! Each address has its own count, and all together another one, for whoever has many addresses.
//! A browser from which somebody was right before has a count of its own ([`super::browsers`]), so
//! strangers cannot keep it out, also where all have one address, and after a restart. The count of
//! all does not bind addresses from which somebody was right since the start, nor the machine
//! itself. Who has neither such a browser nor such an address may have to wait for strangers: a
//! program, or a new browser, until the window ends.
//!
//! A wrong password is counted once for each address and window, so a program that was left with
//! an old one keeps nobody out. Counts begin anew with each window of time, and what is refused for
//! them is not counted, so nobody is kept out for ever.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use domain::limits::{
    DASHBOARD_ADDRESSES_KNOWN_MAX, DASHBOARD_TRIES_ALL_MAX, DASHBOARD_TRIES_EACH_MAX,
    DASHBOARD_TRIES_WINDOW,
};
use jiff::Timestamp;

use super::browsers::BrowserId;

/// From where somebody tries, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whence {
    pub address: IpAddr,
    /// Whether it is this machine itself, and no reverse proxy on it that names somebody else.
    pub is_here: bool,
    /// The browser, where somebody was right from it before.
    pub browser: Option<BrowserId>,
}

/// Whose tries are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    Address(IpAddr),
    Browser(BrowserId),
}

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    Right,
    Wrong,
    /// It was not looked at: there were too many. After so many seconds it is.
    TooMany {
        seconds: u64,
    },
}

#[derive(Debug, Default)]
pub(super) struct Tries(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    window: i64,
    /// Hashes of what was wrong, none of them twice.
    wrong: HashMap<Who, Vec<[u8; 32]>>,
    wrong_all: usize,
    /// Where somebody was right, the longest ago first.
    known: VecDeque<IpAddr>,
}

impl Tries {
    /// Has it looked at whether somebody is right, unless they were wrong too often. `shown` is the
    /// hash of what they say.
    pub fn attempt(
        &self,
        whence: Whence,
        now: Timestamp,
        shown: [u8; 32],
        is_right: impl FnOnce() -> bool,
    ) -> Tried {
        let address = network(whence.address);
        let window = i64::try_from(DASHBOARD_TRIES_WINDOW.as_secs()).unwrap_or(i64::MAX);
        let second = now.as_second();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.window != second.div_euclid(window) {
            counts.window = second.div_euclid(window);
            counts.wrong.clear();
            counts.wrong_all = 0;
        }
        let who = whence.browser.map_or(Who::Address(address), Who::Browser);
        let is_known =
            whence.is_here || whence.browser.is_some() || counts.known.contains(&address);
        let wrong = counts.wrong.get(&who).map_or(0, Vec::len);
        let all = if is_known { 0 } else { counts.wrong_all };
        if wrong >= DASHBOARD_TRIES_EACH_MAX || all >= DASHBOARD_TRIES_ALL_MAX {
            let seconds = (window - second.rem_euclid(window)).unsigned_abs();
            return Tried::TooMany { seconds };
        }
        if is_right() {
            counts.known.retain(|it| *it != address);
            counts.known.push_back(address);
            if counts.known.len() > DASHBOARD_ADDRESSES_KNOWN_MAX {
                counts.known.pop_front();
            }
            return Tried::Right;
        }
        let hashes = counts.wrong.entry(who).or_default();
        if hashes.contains(&shown) {
            return Tried::Wrong;
        }
        hashes.push(shown);
        if !is_known {
            counts.wrong_all += 1;
        }
        if wrong + 1 == DASHBOARD_TRIES_EACH_MAX || all + 1 == DASHBOARD_TRIES_ALL_MAX {
            told(counts.wrong_all.max(wrong + 1));
        }
        Tried::Wrong
    }
}

fn told(wrong: usize) {
    tracing::warn!(
        dashboard.tries = wrong,
        "dashboard: {wrong} wrong passwords within {} min; more are not looked at for a while",
        DASHBOARD_TRIES_WINDOW.as_secs() / 60
    );
}

/// Who has one IPv6 address has all of its network, and who is on this machine all of its own.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        address if address.is_loopback() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: [u8; 32] = [0; 32];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn from(address: &str) -> Whence {
        Whence { address: address.parse().unwrap(), is_here: false, browser: None }
    }

    /// Another wrong one for each number but 0.
    fn password(number: usize) -> [u8; 32] {
        let mut hash = RIGHT;
        hash[..8].copy_from_slice(&number.to_be_bytes());
        hash
    }

    impl Tries {
        fn shown(&self, whence: Whence, second: i64, shown: [u8; 32]) -> Tried {
            self.attempt(whence, at(second), shown, || shown == RIGHT)
        }
    }

    fn has_to_wait(tried: Tried) -> bool {
        matches!(tried, Tried::TooMany { .. })
    }

    #[test]
    fn who_is_wrong_too_often_waits_for_the_next_window_and_nobody_else_does() {
        let tries = Tries::default();
        for number in 1..=DASHBOARD_TRIES_EACH_MAX {
            assert_eq!(tries.shown(from("192.0.2.1"), 0, password(number)), Tried::Wrong);
        }
        let window = DASHBOARD_TRIES_WINDOW.as_secs();
        let waits = Tried::TooMany { seconds: window - 1 };
        let one = tries.shown(from("192.0.2.1"), 1, RIGHT);
        assert_eq!(one, waits, "the right one is not looked at either");
        assert_eq!(tries.shown(from("192.0.2.2"), 1, RIGHT), Tried::Right);
        assert_eq!(tries.shown(from("192.0.2.1"), window.cast_signed(), RIGHT), Tried::Right);
    }

    #[test]
    fn many_addresses_have_one_count_that_keeps_nobody_out_who_was_right_before() {
        let tries = Tries::default();
        assert_eq!(tries.shown(from("198.51.100.7"), 0, RIGHT), Tried::Right);
        let mut wrong = 0;
        for number in 0..1000 {
            let stranger = format!("2001:db8:0:{number:x}::1");
            let tried = tries.shown(from(&stranger), 0, password(1));
            wrong += usize::from(tried == Tried::Wrong);
        }
        assert_eq!(wrong, DASHBOARD_TRIES_ALL_MAX);
        assert!(has_to_wait(tries.shown(from("203.0.113.1"), 0, RIGHT)));
        assert_eq!(tries.shown(from("198.51.100.7"), 0, RIGHT), Tried::Right);
        let here = Whence { is_here: true, ..from("127.0.0.1") };
        assert_eq!(tries.shown(here, 0, RIGHT), Tried::Right);
    }

    #[test]
    fn one_network_is_one_address_and_so_is_this_machine() {
        for [some, other] in [["2001:db8::", "2001:db8::ffff"], ["127.0.0.", "::1"]] {
            let tries = Tries::default();
            for number in 1..=DASHBOARD_TRIES_EACH_MAX {
                let whence = Whence { is_here: true, ..from(&format!("{some}{number}")) };
                assert_eq!(tries.shown(whence, 0, password(number)), Tried::Wrong);
            }
            assert!(has_to_wait(tries.shown(from(other), 0, RIGHT)), "{other}");
        }
    }

    #[test]
    fn a_program_that_was_left_with_an_old_password_keeps_nobody_out() {
        let tries = Tries::default();
        for _ in 0..1000 {
            assert_eq!(tries.shown(from("192.0.2.1"), 0, password(1)), Tried::Wrong);
        }
        assert_eq!(tries.shown(from("192.0.2.1"), 0, RIGHT), Tried::Right);
    }

    #[test]
    fn a_browser_that_was_right_before_is_counted_apart_from_its_address() {
        let tries = Tries::default();
        for number in 1..=DASHBOARD_TRIES_EACH_MAX {
            tries.shown(from("192.0.2.1"), 0, password(number));
        }
        assert!(has_to_wait(tries.shown(from("192.0.2.1"), 0, RIGHT)));
        let browser = Whence { browser: Some([1; 16]), ..from("192.0.2.1") };
        for number in 1..=DASHBOARD_TRIES_EACH_MAX {
            assert_eq!(tries.shown(browser, 0, password(number)), Tried::Wrong);
        }
        assert!(has_to_wait(tries.shown(browser, 0, RIGHT)), "it is bounded as well");
        let other = Whence { browser: Some([2; 16]), ..browser };
        assert_eq!(tries.shown(other, 0, RIGHT), Tried::Right);
    }
}
