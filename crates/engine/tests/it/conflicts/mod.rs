//! Events of people that stand in the way of shifts: what is decided, what is done, and that
//! nothing of theirs is touched but by the policy that the operator chose.

mod carrying_out;
mod crashes;
mod decisions;
mod looks;
mod properties;
mod rig;
mod unavailable;
mod undoing;
