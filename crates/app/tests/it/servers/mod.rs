//! The binary end to end: the real process, on Radicale, Xandikos and the played CalDAV server.
//!
//! Covered here: a real roster mirrored exactly (read back by Python's `caldav` and `icalendar`),
//! `kill -9` at random moments, a lost store, `recover`, `purge`, a faulty server, the deletion
//! guard, changes of the clock, and two processes at once. The command line itself (flags,
//! messages, exit codes without a server) is tested elsewhere.
//!
//! The servers and the reader come from `$ROTABRIDGE_TOOLS`; without it these tests say that they
//! skip. The tests run one at a time: `.config/nextest.toml` knows this module by its name.
