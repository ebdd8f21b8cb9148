//! How often somebody may be wrong about the password.
//!
//! Each address has its own count, and all together another one, for whoever has many addresses.
//! The count of all does not bind addresses from which somebody was right before, nor the machine
//! itself: strangers cannot keep operators out. Counts begin anew with each window of time, and
//! what is refused for them is not counted, so nobody is kept out for ever.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use domain::limits::{
    DASHBOARD_ADDRESSES_KNOWN_MAX, DASHBOARD_TRIES_ALL_MAX, DASHBOARD_TRIES_EACH_MAX,
    DASHBOARD_TRIES_WINDOW,
};
use jiff::Timestamp;

/// From where somebody tries, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whence {
    pub address: IpAddr,
    /// Whether it is this machine itself, and no reverse proxy on it that names somebody else.
    pub is_here: bool,
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
    wrong: HashMap<IpAddr, u32>,
    wrong_all: u32,
    /// Where somebody was right, the longest ago first.
    known: VecDeque<IpAddr>,
}

impl Tries {
    /// Has it looked at whether somebody is right, unless they were wrong too often.
    pub fn attempt(
        &self,
        whence: Whence,
        now: Timestamp,
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
        let is_known = whence.is_here || counts.known.contains(&address);
        let wrong = counts.wrong.get(&address).copied().unwrap_or(0);
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
        counts.wrong.insert(address, wrong + 1);
        if !is_known {
            counts.wrong_all += 1;
        }
        if wrong + 1 == DASHBOARD_TRIES_EACH_MAX || all + 1 == DASHBOARD_TRIES_ALL_MAX {
            let wrong = counts.wrong_all.max(wrong + 1);
            tracing::warn!(
                dashboard.tries = wrong,
                "dashboard: {wrong} wrong passwords within {} min; more are not looked at for a \
                 while",
                DASHBOARD_TRIES_WINDOW.as_secs() / 60
            );
        }
        Tried::Wrong
    }
}

/// Who has one IPv6 address has all of its network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn from(address: &str) -> Whence {
        Whence { address: address.parse().unwrap(), is_here: false }
    }

    #[test]
    fn who_is_wrong_too_often_waits_for_the_next_window_and_nobody_else_does() {
        let tries = Tries::default();
        let try_it =
            |whence: &str, second, right| tries.attempt(from(whence), at(second), || right);
        for _ in 0..DASHBOARD_TRIES_EACH_MAX {
            assert_eq!(try_it("192.0.2.1", 0, false), Tried::Wrong);
        }
        let window = DASHBOARD_TRIES_WINDOW.as_secs();
        let waits = Tried::TooMany { seconds: window - 1 };
        assert_eq!(try_it("192.0.2.1", 1, true), waits, "the right one is not looked at either");
        assert_eq!(try_it("192.0.2.2", 1, true), Tried::Right);
        assert_eq!(try_it("192.0.2.1", window.cast_signed(), true), Tried::Right);
    }

    #[test]
    fn many_addresses_have_one_count_that_keeps_nobody_out_who_was_right_before() {
        let tries = Tries::default();
        assert_eq!(tries.attempt(from("198.51.100.7"), at(0), || true), Tried::Right);
        let mut wrong = 0;
        for number in 0..1000 {
            let stranger = format!("2001:db8:0:{number:x}::1");
            wrong += u32::from(tries.attempt(from(&stranger), at(0), || false) == Tried::Wrong);
        }
        assert_eq!(wrong, DASHBOARD_TRIES_ALL_MAX);
        let new = tries.attempt(from("203.0.113.1"), at(0), || true);
        assert!(matches!(new, Tried::TooMany { .. }));
        assert_eq!(tries.attempt(from("198.51.100.7"), at(0), || true), Tried::Right);
        let here = Whence { is_here: true, ..from("127.0.0.1") };
        assert_eq!(tries.attempt(here, at(0), || true), Tried::Right);
    }

    #[test]
    fn one_network_is_one_address() {
        let tries = Tries::default();
        for number in 0..DASHBOARD_TRIES_EACH_MAX {
            let whence = from(&format!("2001:db8::{number:x}"));
            assert_eq!(tries.attempt(whence, at(0), || false), Tried::Wrong);
        }
        let next = tries.attempt(from("2001:db8::ffff"), at(0), || false);
        assert!(matches!(next, Tried::TooMany { .. }));
    }
}
