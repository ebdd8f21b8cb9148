//! Telling of calls that were turned away, without letting who makes them fill the log.
//!
//! The first says why at once: a wrong secret after a rotation looks exactly like this, and then
//! nothing that people ask for is answered. Later ones are counted, and told once in a while.

use jiff::Timestamp;

use crate::microsoft_graph::shifts::callback::envelope::OpenError;
use crate::seldom::Seldom;

/// Calls that were turned away since the process started.
#[derive(Debug, Default)]
pub struct TurnedAway(Seldom);

impl TurnedAway {
    /// Counts one, and says so if nothing was said for a while.
    pub fn note(&self, error: &OpenError, now: Timestamp) {
        if let Some(calls) = self.0.due(now) {
            tracing::warn!(
                %error,
                calls,
                "callbacks turned away; if they are from Shifts, the secret that it uses is not \
                 the one in `callback_secret_file`: run `rotabridge shifts rotate-secret`"
            );
        }
    }
}
