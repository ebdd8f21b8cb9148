//! The connectors through their ports, one binary for all of them.

#![expect(clippy::unwrap_used, reason = "a test may stop where its ground is not as it says")]

mod caldav;
mod caldav_drift;
mod caldav_faults;
mod caldav_quirks;
mod genesys;
mod google;
mod google_foreign;
mod google_oddities;
mod google_payloads;
mod graph_examples;
mod microsoft_graph;
mod microsoft_graph_lists;
mod outlook;
mod outlook_doubts;
mod outlook_foreign;
mod outlook_hints;
mod outlook_payloads;
mod outlook_shared;
mod roster_file;
mod roster_file_archive;
mod roster_file_contact_centre;
mod roster_file_employees;
mod roster_file_time;
mod scal;
mod shifts;
mod shifts_callback;
mod shifts_payloads;
mod shifts_read;
mod shifts_reasons;
mod shifts_registration;
mod shifts_write;
