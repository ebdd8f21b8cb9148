//! The binary end to end: the real process, on Radicale, Xandikos, the played CalDAV server and the
//! played Google Calendar and Outlook.
//!
//! Covered here: a real roster mirrored exactly (read back by Python's `caldav` and `icalendar`),
//! `kill -9` at random moments, a lost store, `recover`, `purge`, a faulty server, the deletion
//! guard, changes of the clock, and two processes at once. The command line itself (flags,
//! messages, exit codes without a server) is tested elsewhere.
//!
//! The servers and the reader come from `$ROTABRIDGE_TOOLS`, the roster from `../shared`; a test
//! that misses one says that it skips. The tests run one at a time: `.config/nextest.toml` knows
//! this module by its name.

mod agreement;
pub mod asks;
mod chance;
mod clock_changes;
mod conflicts;
mod dashboard;
mod database;
mod dav;
mod drifts;
mod faults;
mod fights;
mod google;
mod group_calendars;
mod guard;
pub mod hints;
mod host;
mod kill;
mod lost_store;
mod outlook;
mod primary;
mod proxy;
mod reader;
mod roster;
mod shown;
mod two_processes;
mod unavailable;
mod ward;
mod watch;
