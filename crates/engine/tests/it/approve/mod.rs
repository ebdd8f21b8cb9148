//! Deciding what people ask for: each rule, whole commands, and the desk that takes the asks.

mod eligible;
mod pages;
mod properties;
mod rules;
mod rules_of_absences;
