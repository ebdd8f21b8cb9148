//! The Schedule API from outside.

mod clients;
mod delta;
mod intruders;
mod pages;
mod world;
mod writes;
