//! Making clients and taking them back: what `client add`, `client list` and `client revoke` do.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::RosterName;
use engine::port::{ApiClient, ApiScope, ClientId, Clock, Entropy, Store, StoreError};
use secrecy::SecretString;

use super::access::hash;

/// A client that was made; its secret cannot be read again.
#[derive(Debug)]
pub struct IssuedClient {
    /// Its id.
    pub id: ClientId,
    /// Its secret.
    pub secret: SecretString,
}

/// Makes a client; `None` when another one has this name.
///
/// # Errors
/// When the store fails.
pub async fn issue_client(
    store: &dyn Store,
    entropy: &dyn Entropy,
    clock: &dyn Clock,
    name: &str,
    roster: &RosterName,
    scopes: BTreeSet<ApiScope>,
) -> Result<Option<IssuedClient>, StoreError> {
    let (mut public, mut random) = ([0; 8], [0; 32]);
    entropy.fill(&mut public);
    entropy.fill(&mut random);
    let id = ClientId(format!("rb-{:016x}", u64::from_be_bytes(public)));
    let secret = URL_SAFE_NO_PAD.encode(random);
    let client = ApiClient {
        id: id.clone(),
        name: name.to_owned(),
        secret_hash: hash(&secret),
        roster: roster.clone(),
        scopes,
        created_at: clock.now(),
        revoked_at: None,
    };
    let added = store.add_api_client(client).await?;
    Ok(added.then(|| IssuedClient { id, secret: secret.into() }))
}
