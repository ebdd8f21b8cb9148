//! Where a reader is: in the pages of the schedule, and in its changes.
//!
//! A delta token names the store it is of and a place in the change sequence. A page token holds
//! the place that the first page was read at, so that all pages give the same delta token: what
//! changed while they were read comes with the changes since it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::port::{ChangeSeq, PagePlace};
use serde::{Deserialize, Serialize};

use super::Api;
use super::dispatch::Refused;
use crate::error::Code;

const VERSION: &str = "d1";

/// The shape of delta tokens, for those who check before they send.
pub(super) const DELTA_PATTERN: &str = "^d1-[0-9a-f]{16}-[0-9]{1,18}$";

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Page {
    /// The place in the sequence at the first page.
    #[serde(rename = "s")]
    pub seq: i64,
    /// How many there were then.
    #[serde(rename = "t")]
    pub total: u64,
    /// Which of the kinds that are asked for.
    #[serde(rename = "k")]
    pub kind: usize,
    /// After which entity of it.
    #[serde(rename = "p")]
    pub place: Option<PagePlace>,
}

impl Page {
    pub fn write(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
}

impl Api {
    /// What tells this store from others.
    async fn incarnation(&self) -> Result<&str, Refused> {
        if let Some(known) = self.incarnation.get() {
            return Ok(known);
        }
        let mut fresh = [0; 8];
        self.entropy.fill(&mut fresh);
        let fresh = format!("{:016x}", u64::from_be_bytes(fresh));
        let found = self.store.incarnation(&fresh).await?;
        Ok(self.incarnation.get_or_init(|| found))
    }

    /// The token for everything after a place.
    pub(super) async fn delta_token(&self, seq: ChangeSeq) -> Result<String, Refused> {
        Ok(format!("{VERSION}-{}-{}", self.incarnation().await?, seq.0))
    }

    /// The place that a token names; `now` is where the sequence is.
    pub(super) async fn read_delta_token(
        &self,
        text: &str,
        now: ChangeSeq,
    ) -> Result<ChangeSeq, Refused> {
        let bad = || Refused::at(Code::InvalidParameter, "since", "this is no `deltaToken`");
        let mut parts = text.splitn(3, '-');
        let (Some(VERSION), Some(of), Some(seq)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        if of.len() != 16 || !of.bytes().all(|it| it.is_ascii_hexdigit()) {
            return Err(bad());
        }
        let digits = (1..=18).contains(&seq.len()) && seq.bytes().all(|it| it.is_ascii_digit());
        let seq: i64 = seq.parse().ok().filter(|_| digits).ok_or_else(bad)?;
        if of != self.incarnation().await? || seq > now.0 {
            return Err(Code::DeltaTokenExpired.into());
        }
        Ok(ChangeSeq(seq))
    }
}
