//! The binary from outside: what a user sees of it.

mod servers;
