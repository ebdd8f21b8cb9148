//! Deciding what people ask for: each rule, whole commands, and the desk that takes the asks.

mod batch;
mod desk;
mod desk_flows;
mod desk_repeats;
mod eligible;
mod elsewhere;
mod office;
mod pages;
mod properties;
mod races;
mod rules;
mod rules_of_absences;
