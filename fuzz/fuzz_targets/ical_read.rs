//! Reads arbitrary bytes as iCalendar, and what was read is written and read again.
//!
//! Run it from the root of the repository (needs `cargo install cargo-fuzz` and a nightly):
//!
//! ```text
//! cargo +nightly fuzz run ical_read -- -max_len=4096 -max_total_time=600
//! ```
//!
//! Good seeds are objects of real servers, one per file, in `fuzz/corpus/ical_read/`. It fails on
//! a panic, on an event that changes when it is written and read again, and on a written object
//! that the lint does not find clean.

#![no_main]

use ical::{EventHeader, UtcStyle, lint, read_object, write_object};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = lint(bytes);
    let Ok(events) = read_object(bytes) else { return };
    for event in events.into_iter().filter_map(|found| found.event.ok()) {
        let revised_at = Default::default();
        let header = EventHeader { uid: "fuzz", revised_at, sequence: 0, origin: None };
        let mut object = Vec::new();
        write_object(&mut object, &header, &event, UtcStyle::Rfc5545);
        assert_eq!(lint(&object), []);
        let again = read_object(&object).expect("what we wrote is readable");
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].event.as_ref(), Ok(&event));
    }
});
