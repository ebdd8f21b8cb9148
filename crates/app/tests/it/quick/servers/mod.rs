//! In the group of tests that have the machine to themselves; see `.config/nextest.toml`.

mod kill;
mod real;
