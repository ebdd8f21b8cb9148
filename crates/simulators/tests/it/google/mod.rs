//! The played Google Calendar, asked as its clients ask it.

mod batches;
mod events;
mod lists;
mod people;
mod schemas;
mod sign_in;
mod world;
