//! One configured connection to Google: made once, shared by all its mirrors, so that they share
//! tokens, budgets and one pool of HTTP connections.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use domain::limits::REQUEST_TIMEOUT;
use domain::{ConnectionName, MirrorName};
use engine::port::{Clock, QuotaDeclaration, QuotaScope, Rate};
use url::Url;

use super::budget::Budgets;
use super::client::{BATCH_MAX, Client};
use super::provider::GoogleTarget;
use super::service_account::ServiceAccount;
use super::sign_in::SignIn;
use crate::transport::{Dial, HttpClient, HttpOptions, tls_config};
use crate::{ConnectionContext, ConnectionError};

/// What a connection is made of; the configuration, checked.
#[derive(Clone)]
pub(super) struct Settings {
    pub service_account_file: PathBuf,
    pub api_url: Url,
    /// That of the service account's file when `None`.
    pub token_url: Option<Url>,
    pub ca_file: Option<PathBuf>,
    pub requests_per_minute: u32,
    pub requests_per_minute_per_user: u32,
    pub concurrency: usize,
    pub dial: Option<Arc<dyn Dial>>,
}

/// A connection that mirrors work over.
pub(super) struct Connection {
    pub name: ConnectionName,
    pub client: Arc<Client>,
    pub clock: Arc<dyn Clock>,
    pub quotas: Vec<QuotaDeclaration>,
    /// The mirrors over it, for hints about their calendars.
    targets: Mutex<BTreeMap<MirrorName, Weak<GoogleTarget>>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Connection {
    /// Makes it; sends nothing yet.
    pub fn new(
        settings: &Settings,
        context: &ConnectionContext,
    ) -> Result<Arc<Self>, ConnectionError> {
        // What cannot be read now is told now; it is read again for each sign-in.
        let account = ServiceAccount::load(&context.base, &settings.service_account_file)?;
        let ca_file = settings.ca_file.as_ref().map(|file| context.base.join(file));
        let tls = tls_config(ca_file.as_deref()).map_err(|error| ConnectionError::File {
            key: "ca_file",
            path: ca_file.unwrap_or_default().display().to_string(),
            detail: error.to_string(),
        })?;
        let client = |key, url: &Url, idle_max| {
            let options = HttpOptions { timeout: REQUEST_TIMEOUT, idle_max };
            let client = HttpClient::new(url, Arc::clone(&tls), options);
            let client = client.ok_or_else(|| ConnectionError::Key {
                key,
                message: "the host is no host name or address".into(),
            })?;
            Ok::<_, ConnectionError>(client.dialled_by(settings.dial.clone()))
        };
        let token_url = match &settings.token_url {
            Some(url) => url.clone(),
            None => super::config::checked_url("service_account_file", &account.token_uri)?,
        };
        let (clock, entropy) = (Arc::clone(&context.clock), Arc::clone(&context.entropy));
        let sign_in = SignIn::new(
            client("token_url", &token_url, settings.concurrency)?,
            token_url.path().to_owned(),
            (context.base.clone(), settings.service_account_file.clone()),
            Arc::clone(&clock),
        );
        let rates = (settings.requests_per_minute, settings.requests_per_minute_per_user);
        let budgets = Budgets::new(Arc::clone(&clock), rates, settings.concurrency);
        let http = client("api_url", &settings.api_url, settings.concurrency)?;
        let base = settings.api_url.path().trim_end_matches('/').to_owned();
        let client = Client::new((http, base), sign_in, budgets, Arc::clone(&clock), entropy);
        Ok(Arc::new(Self {
            name: context.name.clone(),
            client: Arc::new(client),
            clock,
            quotas: quotas(settings),
            targets: Mutex::default(),
        }))
    }

    /// Says that a mirror is kept over it.
    pub fn add(&self, mirror: &MirrorName, target: &Arc<GoogleTarget>) {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.insert(mirror.clone(), Arc::downgrade(target));
    }

    /// The mirror of this name.
    pub fn target(&self, mirror: &MirrorName) -> Option<Arc<GoogleTarget>> {
        let targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.get(mirror)?.upgrade()
    }
}

fn quotas(settings: &Settings) -> Vec<QuotaDeclaration> {
    let per_minute = |requests: u32| Some(Rate { requests, per: Duration::from_secs(60) });
    vec![
        QuotaDeclaration {
            scope: QuotaScope::Connection,
            // Writes, of which a request takes many. Of the requests there are as many under way
            // as the operator says (`budget.rs`).
            concurrency: Some(settings.concurrency * BATCH_MAX),
            rate: per_minute(settings.requests_per_minute),
        },
        QuotaDeclaration {
            scope: QuotaScope::Calendar,
            concurrency: None,
            rate: per_minute(settings.requests_per_minute_per_user),
        },
    ]
}
