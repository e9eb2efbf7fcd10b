//! Who asks, and where their organisation stands.

use std::collections::HashMap;
use std::sync::Arc;

use kartei_relay_store::{RelayStore, RelayStoreError, Standing};

use crate::admin::now;
use crate::gather::Gather;
use crate::problem::Failure;
use crate::serve::Relay;

/// Requests that wait until their token is checked.
pub(crate) type Standings = Gather<String, Option<Standing>>;

/// Nobody waits.
pub(crate) fn standings() -> Arc<Standings> {
    Gather::new(look_up)
}

/// Who this token belongs to, and the newest revision of their organisation; `None` where it is
/// unknown, was revoked or has ended. Not older than this call: a token that was revoked before is refused, and what
/// was acknowledged before, by any relay, is counted in the revision.
pub(crate) async fn standing(relay: &Arc<Relay>, token: &str) -> Result<Option<Standing>, Failure> {
    relay.standings().ask(relay, token.to_owned()).await
}

fn look_up(
    store: &RelayStore,
    tokens: &[String],
) -> Result<Vec<Option<Standing>>, RelayStoreError> {
    // A page makes many requests with one token.
    let mut different = tokens.to_vec();
    different.sort_unstable();
    different.dedup();
    let found = store.standings(&different, now())?;
    let by_token: HashMap<&String, &Option<Standing>> = different.iter().zip(&found).collect();
    Ok(tokens.iter().map(|token| by_token.get(token).copied().cloned().flatten()).collect())
}
