//! The WFM contract: the example server in Python, in all its styles and with each of its rules
//! broken, read, checked and asked to decide by the real binary.

mod check;
mod hooks;
mod server;
mod styles;

pub use server::{ExampleServer, TOKEN};
