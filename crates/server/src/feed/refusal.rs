//! Why there is no feed, said to a person.
//!
//! Whoever sees these lines opened a link in a browser or reads a calendar client's error. So
//! they are short plain text and say what to do, unlike the API's errors in [`crate::error`].
//! They never repeat the link.

use domain::RosterName;
use engine::port::StoreError;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};

use super::content::X_ROBOTS_TAG;
use super::render::FeedTooLarge;
use crate::body::ServerBody;

/// Why there is no feed.
#[derive(Debug)]
pub enum Refusal {
    /// Its rendering did not end.
    Failed,
    /// The link was revoked, or its time is over.
    Gone,
    /// Not a GET or HEAD.
    Method,
    /// The feed is larger than is allowed.
    TooLarge {
        /// Of which roster.
        roster: RosterName,
        /// How large.
        fact: FeedTooLarge,
    },
    /// The store did not answer.
    Unavailable(StoreError),
    /// There is no such link.
    Unknown,
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Failed | Self::TooLarge { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Gone => StatusCode::GONE,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unknown => StatusCode::NOT_FOUND,
        }
    }

    const fn text(&self) -> &'static str {
        match self {
            Self::Failed => "This calendar cannot be shown just now. Please try again later.\n",
            Self::Gone => concat!(
                "This calendar link was revoked or has expired.\n",
                "Please remove it from your calendar and ask for a new one.\n",
            ),
            Self::Method => "A calendar link can only be read (GET or HEAD).\n",
            Self::TooLarge { .. } => concat!(
                "This calendar is too large to be shown.\n",
                "Please tell whoever gave you the link.\n",
            ),
            Self::Unavailable(_) => {
                "This calendar cannot be read just now. Please try again in a minute.\n"
            }
            Self::Unknown => concat!(
                "This calendar link is not known.\n",
                "Please check that it was copied completely, or ask for a new one.\n",
            ),
        }
    }

    /// The answer to whoever asked.
    #[must_use]
    pub fn response(&self) -> Response<ServerBody> {
        let value = HeaderValue::from_static;
        let mut headers = HeaderMap::from_iter([
            (CONTENT_TYPE, value("text/plain; charset=utf-8")),
            (CACHE_CONTROL, value("no-store")),
            (REFERRER_POLICY, value("no-referrer")),
            (X_ROBOTS_TAG, value("noindex")),
            (X_CONTENT_TYPE_OPTIONS, value("nosniff")),
        ]);
        match self {
            Self::Method => {
                headers.insert(ALLOW, value("GET, HEAD"));
            }
            Self::Unavailable(_) => {
                headers.insert(RETRY_AFTER, value("60"));
            }
            Self::Failed | Self::Gone | Self::TooLarge { .. } | Self::Unknown => {}
        }
        let mut response = Response::new(ServerBody::from(self.text()));
        *response.status_mut() = self.status();
        *response.headers_mut() = headers;
        response
    }

    /// Tells the operator what only they can mend. Never names the link or the employee.
    pub fn log(&self) {
        match self {
            Self::Failed => tracing::error!("feed rendering ended early"),
            Self::TooLarge { roster, fact } => tracing::error!(
                roster.name = %roster,
                feed.events = fact.events,
                feed.bytes = fact.bytes,
                "feed of roster `{roster}` not served: {fact}"
            ),
            Self::Unavailable(error) => {
                tracing::error!("feed not served: {error}");
            }
            Self::Gone | Self::Method | Self::Unknown => {}
        }
    }
}
