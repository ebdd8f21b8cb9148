//! Reads arbitrary bytes as an opened callback, and what its elements mean together.
//!
//! Run it from the root of the repository (needs `cargo install cargo-fuzz` and a nightly):
//!
//! ```text
//! cargo +nightly fuzz run shifts_callback -- -max_len=8192 -max_total_time=600
//! ```
//!
//! It fails on a panic, and on a callback of which some element would get no answer.

#![no_main]

use connectors::microsoft_graph::shifts::callback::grammar::read_change;
use connectors::microsoft_graph::shifts::callback::wire::read_elements;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut elements) = read_elements(bytes) else { return };
    let change = read_change(&elements);
    if let Err(unsupported) = &change {
        assert!(elements.iter().all(|it| unsupported.faults.contains_key(&it.id)));
    }
    elements.reverse();
    let _ = read_change(&elements);
});
