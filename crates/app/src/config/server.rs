//! `[server]`: what is reached over HTTP.

use std::net::SocketAddr;

use domain::limits::API_REQUESTS_PER_MINUTE_DEFAULT;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::reader::{Faults, Section, Spans};

/// `[server]`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerSection {
    /// The address and port that `serve` listens on. TLS is a reverse proxy's work.
    #[serde(default = "listen")]
    pub listen: SocketAddr,
    /// Another address for the dashboard, `/metrics` and `/readyz`, which `listen` then does not
    /// answer any more: they tell whoever has a feed link how much there is. Left out: all are
    /// answered at `listen`.
    #[serde(default)]
    pub operator_listen: Option<SocketAddr>,
    /// How calendar clients and vendors reach it, for links. Left out: `http://` and `listen`.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Requests that one client of the Schedule API may send in a minute, to this process.
    #[serde(default = "requests_per_minute")]
    #[schemars(range(min = 1))]
    pub api_requests_per_minute: u32,
}

fn requests_per_minute() -> u32 {
    API_REQUESTS_PER_MINUTE_DEFAULT
}

fn listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

impl ServerSection {
    /// Refuses a path in `public_url` where the dashboard would be reached by it: its pages, forms
    /// and cookies are for the root of a host, so the password would be sent to whatever else is
    /// there.
    pub(super) fn bears_dashboard(&self, spans: Option<&Spans>, faults: &mut Faults) {
        let url = self.public_url.as_deref().filter(|_| self.operator_listen.is_none());
        let Some((url, spans)) = url.and_then(|it| Url::parse(it).ok()).zip(spans) else { return };
        if url.path() == "/" {
            return;
        }
        let message = format!(
            "`public_url` has the path `{}`, and there is a `[dashboard]`, which is always at the \
             root of its host; expected no path",
            url.path()
        );
        let hint = "give it a host of its own, or set `[server] operator_listen` to an address \
                    that only operators reach, where the dashboard then is";
        faults.add(spans.of("public_url"), message, Some(hint.to_owned()));
    }

    pub(super) fn read(section: Option<Section<'_>>, faults: &mut Faults) -> Option<Self> {
        let Some(section) = section else {
            return Some(Self {
                listen: listen(),
                operator_listen: None,
                public_url: None,
                api_requests_per_minute: requests_per_minute(),
            });
        };
        let spans = section.spans();
        let read: Self = section.read(faults)?;
        let wrong = read.public_url.as_deref().and_then(|url| match Url::parse(url) {
            Err(error) => Some(format!("`{url}` is no URL: {error}")),
            Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                Some(format!("scheme `{}` found, expected `https`", url.scheme()))
            }
            Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                Some("holds `?` or `#`; expected scheme, host and path".to_owned())
            }
            Ok(_) => None,
        });
        if read.api_requests_per_minute == 0 {
            let hint =
                Some("such as `6000`; every answer tells clients how far they are".to_owned());
            let what = "`api_requests_per_minute` is 0; expected at least 1".to_owned();
            faults.add(spans.of("api_requests_per_minute"), what, hint);
            return None;
        }
        if read.operator_listen == Some(read.listen) {
            let hint = Some("another port, or leave it out".to_owned());
            let what = format!("`{}` is the address of `listen` too", read.listen);
            faults.add(spans.of("operator_listen"), what, hint);
            return None;
        }
        match wrong {
            None => Some(read),
            Some(wrong) => {
                let hint = "such as `https://rota.example.com`".to_owned();
                faults.add(spans.of("public_url"), wrong, Some(hint));
                None
            }
        }
    }

    /// What links begin with, without a `/` at the end.
    pub fn base_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.listen),
        }
    }
}
