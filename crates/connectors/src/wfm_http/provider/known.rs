//! The system, and what it said that it chose; asked again now and then.

use std::sync::Arc;

use domain::limits::CAPABILITIES_RECHECK;
use engine::port::{Clock, Failure};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::wfm_http::client::Wfm;
use crate::wfm_http::map::Capabilities;

/// One system; shared by all that is done over one connection.
#[derive(Debug)]
pub struct Known {
    /// The way there.
    pub wfm: Wfm,
    clock: Arc<dyn Clock>,
    chosen: Mutex<Option<(Timestamp, Arc<Capabilities>)>>,
}

impl Known {
    /// Asks nothing yet.
    pub fn new(wfm: Wfm, clock: Arc<dyn Clock>) -> Self {
        Self { wfm, clock, chosen: Mutex::default() }
    }

    /// What it chose, as it said not long ago.
    ///
    /// # Errors
    /// When it cannot be asked, or chose what we cannot work with.
    pub async fn capabilities(&self) -> Result<Arc<Capabilities>, Failure> {
        let mut chosen = self.chosen.lock().await;
        let now = self.clock.now();
        let young = SignedDuration::try_from(CAPABILITIES_RECHECK).unwrap_or(SignedDuration::ZERO);
        if let Some((at, capabilities)) = &*chosen
            && now.duration_since(*at) < young
        {
            return Ok(Arc::clone(capabilities));
        }
        let capabilities = Arc::new(self.wfm.capabilities().await?.0);
        *chosen = Some((now, Arc::clone(&capabilities)));
        Ok(capabilities)
    }
}
