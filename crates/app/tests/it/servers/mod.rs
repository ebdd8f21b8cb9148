//! Real calendar servers and killed processes. These tests have the machine to themselves; see
//! `.config/nextest.toml`.

mod kill;
mod real;
