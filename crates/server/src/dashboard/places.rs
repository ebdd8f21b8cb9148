//! Where pages of conflicts end, under names that say nothing.
//!
//! A place holds the key of somebody's calendar, which may be an address; what stands in a link
//! stands in logs of reverse proxies. So a link holds a random name, and the place stays here.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use domain::limits::DASHBOARD_PLACES_MAX;
use engine::overview::Place;
use engine::port::Entropy;

/// The places that were told last, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<VecDeque<(String, Place)>>);

impl Places {
    /// The name of a place: the one that it has already, or a new one.
    pub fn name(&self, place: Place, entropy: &dyn Entropy) -> String {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((name, _)) = places.iter().find(|(_, it)| *it == place) {
            return name.clone();
        }
        let mut random = [0; 12];
        entropy.fill(&mut random);
        let name = random.iter().fold(String::new(), |mut name, byte| {
            // Writing to a text cannot fail.
            let _ = write!(name, "{byte:02x}");
            name
        });
        if places.len() >= DASHBOARD_PLACES_MAX {
            places.pop_front();
        }
        places.push_back((name.clone(), place));
        name
    }

    /// The place of a name, unless it was forgotten.
    pub fn find(&self, name: &str) -> Option<Place> {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.iter().find(|(it, _)| it == name).map(|(_, place)| place.clone())
    }
}
