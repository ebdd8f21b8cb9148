//! One configured connection to Graph: made once, shared by all its mirrors, so that they share
//! one token and one pool of HTTP connections.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::limits::REQUEST_TIMEOUT;
use domain::{ConnectionName, MirrorName};
use engine::port::{Clock, Entropy, Finding, QuotaDeclaration, QuotaScope, Rate};
use url::Url;

use super::budget::Budgets;
use super::client::Graph;
use super::credential::CredentialFiles;
use super::outlook::turns::Turns;
use super::permissions::Need;
use super::sign_in::{Identity, SignIn};
use crate::transport::{Dial, HttpClient, HttpOptions, tls_config};
use crate::{ConnectionContext, ConnectionError};

/// What a connection is made of; the configuration, checked.
#[derive(Clone)]
pub(super) struct Settings {
    pub tenant_id: String,
    pub client_id: String,
    pub credential: CredentialFiles,
    pub graph_url: Url,
    pub login_url: Url,
    pub ca_file: Option<PathBuf>,
    pub requests_per_second: u32,
    pub requests_per_second_per_team: u32,
    pub concurrency: usize,
    pub dial: Option<Arc<dyn Dial>>,
}

/// A connection that mirrors work over.
#[derive(Debug)]
pub struct Connection {
    name: ConnectionName,
    tenant_id: String,
    quotas: Vec<QuotaDeclaration>,
    budgets: Arc<Budgets>,
    graph: Graph,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    needs: Mutex<Vec<&'static Need>>,
    of_mailboxes: Mutex<BTreeSet<MirrorName>>,
    mailbox_turns: Arc<Turns>,
}

impl Connection {
    /// Makes it; sends nothing yet.
    pub(super) fn new(
        settings: &Settings,
        context: &ConnectionContext,
    ) -> Result<Arc<Self>, ConnectionError> {
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
        let login = &settings.login_url;
        let base = login.path().trim_end_matches('/');
        let path = format!("{base}/{}/oauth2/v2.0/token", settings.tenant_id);
        let identity = Identity {
            endpoint: format!("{}{path}", login.origin().ascii_serialization()),
            path,
            client_id: settings.client_id.clone(),
            scope: format!("{}/.default", settings.graph_url.as_str().trim_end_matches('/')),
            files: settings.credential.clone(),
            base: context.base.clone(),
        };
        let (clock, entropy) = (Arc::clone(&context.clock), Arc::clone(&context.entropy));
        let http = client("login_url", login, 1)?;
        let sign_in = SignIn::new(http, identity, Arc::clone(&clock), Arc::clone(&entropy));
        // What cannot be read now is told now; it is read again for each sign-in.
        sign_in.credential()?;
        let http = client("graph_url", &settings.graph_url, settings.concurrency)?;
        let url = settings.graph_url.clone();
        let quotas = quotas(settings);
        let budgets = Arc::new(Budgets::new(Arc::clone(&clock), &quotas));
        let sign_in = (Arc::new(sign_in), Arc::clone(&budgets));
        let graph = Graph::new(http, url, sign_in, Arc::clone(&clock), Arc::clone(&entropy));
        let mailbox_turns = Arc::new(Turns::new(Arc::clone(&clock)));
        Ok(Arc::new(Self {
            name: context.name.clone(),
            tenant_id: settings.tenant_id.clone(),
            budgets,
            quotas,
            graph,
            clock,
            entropy,
            needs: Mutex::default(),
            of_mailboxes: Mutex::default(),
            mailbox_turns,
        }))
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &ConnectionName {
        &self.name
    }

    /// Of which tenant; may be one of its domain names.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    /// The way to Graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Chance.
    #[must_use]
    pub fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.entropy
    }

    /// The budgets that the operator grants: per application in its tenant, and per team.
    #[must_use]
    pub fn quotas(&self) -> &[QuotaDeclaration] {
        &self.quotas
    }

    /// The same budgets, to be spent request by request.
    #[must_use]
    pub fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// Says what a mirror over this connection needs, so that [`Self::check`] can tell what is
    /// missing and what is too much.
    pub fn require(&self, needs: &'static [Need]) {
        let mut all = self.needs.lock().unwrap_or_else(PoisonError::into_inner);
        for need in needs {
            if !all.contains(&need) {
                all.push(need);
            }
        }
    }

    /// Takes note of a mirror whose calendars are mailboxes.
    pub fn mirrors_mailboxes(&self, mirror: &MirrorName) {
        let mut mirrors = self.of_mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
        mirrors.insert(mirror.clone());
    }

    /// The budgets of mailboxes: the vendor counts by application, whichever mirror asks.
    #[must_use]
    pub fn mailbox_turns(&self) -> &Arc<Turns> {
        &self.mailbox_turns
    }

    /// Whether the calendars of a mirror are mailboxes.
    #[must_use]
    pub fn is_of_mailboxes(&self, mirror: &MirrorName) -> bool {
        self.of_mailboxes.lock().unwrap_or_else(PoisonError::into_inner).contains(mirror)
    }

    /// Looks whether one can sign in, what is granted, and when the credential ends. Writes
    /// nothing.
    pub async fn check(&self) -> Vec<Finding> {
        let needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        super::check::findings(self, &needs).await
    }
}

fn quotas(settings: &Settings) -> Vec<QuotaDeclaration> {
    let per_second = |requests: u32| Some(Rate { requests, per: Duration::from_secs(1) });
    vec![
        QuotaDeclaration {
            scope: QuotaScope::Connection,
            concurrency: Some(settings.concurrency),
            rate: per_second(settings.requests_per_second),
        },
        QuotaDeclaration {
            scope: QuotaScope::Calendar,
            concurrency: None,
            rate: per_second(settings.requests_per_second_per_team),
        },
    ]
}
