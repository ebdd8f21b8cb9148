//! Genesys Cloud, read and asked through the played one.

mod deciding;
mod faults;
mod hints;
mod losses;
mod missing;
mod reading;
mod spec;
mod time;
mod trades;
pub mod world;
