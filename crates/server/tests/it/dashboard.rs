//! The dashboard from outside: who gets in, who does not, and what is shown.

mod access;
mod pages;
mod stage;
