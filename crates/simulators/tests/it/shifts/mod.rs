//! Callbacks as Shifts makes them, and people who act there, against a scripted integration.

mod delivery;
mod life;
mod opener;
mod receiver;
mod registered;
mod requests;
mod schedule;
mod ward;
