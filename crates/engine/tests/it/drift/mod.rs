//! What people and other programs do to our items, and what becomes of it.

mod asking;
mod echo;
mod fights;
mod policy;
mod rig;
