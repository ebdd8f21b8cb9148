//! Mirrors in schedule products: drafts that must be published, items that nothing marks as ours,
//! and changes that people made there and were granted.

mod granted;
mod publishing;
mod rig;
mod unmarked;
