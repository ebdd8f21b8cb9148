//! The rate limit: so many requests in a minute that begins with the first of them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::error;
use super::http::Reply;
use super::options::RateForm;

const MINUTE: SignedDuration = SignedDuration::from_secs(60);
const NAMES: [&str; 3] = ["inin-ratelimit-count", "inin-ratelimit-allowed", "inin-ratelimit-reset"];

/// How much was asked with each token.
#[derive(Debug, Default)]
pub(super) struct Minutes(BTreeMap<String, (Timestamp, u32)>);

/// How one token stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    count: u32,
    allowed: u32,
    reset_seconds: i64,
}

impl Minutes {
    /// Counts a request; what is refused counts too.
    pub fn take(&mut self, token: &str, allowed: u32, now: Timestamp) -> Standing {
        let minute = self.0.entry(token.to_owned()).or_insert((now, 0));
        if now.duration_since(minute.0) >= MINUTE {
            *minute = (now, 0);
        }
        minute.1 += 1;
        let left = MINUTE - now.duration_since(minute.0);
        let reset_seconds = left.as_secs() + i64::from(left.subsec_nanos() > 0);
        Standing { count: minute.1, allowed, reset_seconds }
    }
}

impl Standing {
    pub fn is_over(self) -> bool {
        self.count > self.allowed
    }

    /// An answer, with how the token stands.
    pub fn told(self, reply: Reply) -> Reply {
        let Self { count, allowed, reset_seconds } = self;
        let values = [count.to_string(), allowed.to_string(), reset_seconds.to_string()];
        NAMES.into_iter().zip(values).fold(reply, |reply, (name, value)| reply.header(name, value))
    }

    /// 429, in one of its forms.
    pub fn refusal(self, form: RateForm) -> Reply {
        let Self { allowed, reset_seconds: seconds, .. } = self;
        let text = matches!(form, RateForm::All | RateForm::Text);
        let wait =
            if text { format!(" Retry the request in [{seconds}] seconds") } else { String::new() };
        let message = format!("Rate limit exceeded the maximum.{wait}");
        let mut reply = error::plain(429, "too.many.requests", &message);
        if let Some(body) = &mut reply.body {
            body["limit"] = json!({
                "key": "client.credentials.token.rate.per.minute", "namespace": "platform.api",
                "value": allowed,
            });
        }
        let reply = match form {
            RateForm::All | RateForm::RetryAfter => {
                reply.header("retry-after", seconds.to_string())
            }
            RateForm::Reset | RateForm::Text => reply,
        };
        match form {
            RateForm::All => self.told(reply),
            RateForm::Reset => reply.header(NAMES[2], seconds.to_string()),
            RateForm::RetryAfter | RateForm::Text => reply,
        }
    }
}
