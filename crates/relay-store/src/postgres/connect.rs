//! Connections: addresses, TLS, and which role a relay may be.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::engine::Result;
use crate::error::RelayStoreError;

/// Connections of one relay. Postgres allows a hundred by default, and several relays share them.
const CONNECTIONS_MAX: usize = 16;

/// How long a request waits for a connection, new or free, before it is told that it failed.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// A file with the password, for an address without one.
const PASSWORD_FILE: &str = "KARTEI_DATABASE_PASSWORD_FILE";

fn wrong(reason: impl Into<String>) -> RelayStoreError {
    RelayStoreError::Connect(reason.into())
}

/// What an address says, with what is to be said beside it.
pub(crate) fn config(url: &str) -> Result<Config> {
    // The parser's own words never hold the address.
    let mut config: Config =
        url.parse().map_err(|e| wrong(format!("the database address cannot be read: {e}")))?;
    if config.get_password().is_none()
        && let Some(path) = std::env::var_os(PASSWORD_FILE)
    {
        let password = std::fs::read_to_string(&path).map_err(|e| {
            wrong(format!("{PASSWORD_FILE} names `{}`: {e}", path.to_string_lossy()))
        })?;
        config.password(password.trim_end_matches(['\r', '\n']));
    }
    if wants_tls(&config) {
        // Otherwise a server that declines is spoken to in plain.
        config.ssl_mode(SslMode::Require);
    }
    if config.get_application_name().is_none() {
        config.application_name("kartei-relay");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_WITHIN);
    }
    Ok(config)
}

/// A pool for an address. Connects when the first connection is asked for.
pub(crate) fn pool(config: Config) -> Result<Pool> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = if wants_tls(&config) {
        Manager::from_config(config, tls()?, recycling)
    } else {
        Manager::from_config(config, NoTls, recycling)
    };
    Pool::builder(manager)
        .max_size(CONNECTIONS_MAX)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(CONNECT_WITHIN))
        .create_timeout(Some(CONNECT_WITHIN))
        .build()
        .map_err(|e| wrong(format!("cannot make a pool: {e}")))
}

/// Unless the address says otherwise, what leaves this machine is encrypted, and its other end
/// verified.
pub(super) fn wants_tls(config: &Config) -> bool {
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    match config.get_ssl_mode() {
        SslMode::Disable => false,
        SslMode::Prefer => !config.get_hosts().iter().all(is_here),
        _ => true,
    }
}

pub(super) fn tls() -> Result<MakeRustlsConnect> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(wrong(
            "no certificate authority is known here, so the database cannot be verified: install \
             ca-certificates, name a file in SSL_CERT_FILE, or say sslmode=disable",
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(format!("TLS cannot be set up: {e}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// What a pool says, with the causes that it keeps to itself.
pub(super) fn said(error: &PoolError) -> String {
    let mut text = match error {
        PoolError::Timeout(_) => format!("no connection within {CONNECT_WITHIN:?}"),
        PoolError::Backend(error) => error.to_string(),
        other => other.to_string(),
    };
    let mut source = match error {
        PoolError::Backend(error) => std::error::Error::source(error),
        _ => None,
    };
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// A relay's role must be held by row-level security: no superuser, and no owner of the tables.
pub(super) async fn check_role(client: &Object) -> Result<()> {
    let row = client
        .query_one(
            "SELECT current_user::text, \
             (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user), \
             EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                     WHERE n.nspname = 'kartei' AND pg_has_role(current_user, c.relowner, 'member'))",
            &[],
        )
        .await?;
    let (role, bypasses, owns): (String, bool, bool) = (row.get(0), row.get(1), row.get(2));
    let why = match (bypasses, owns) {
        (true, _) => "stands above row-level security",
        (_, true) => "owns the tables",
        _ => return Ok(()),
    };
    Err(RelayStoreError::UnsafeRole { role, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_this_machine_is_encrypted_or_not_sent() {
        let mode = |url: &str| config(url).map(|config| config.get_ssl_mode()).ok();
        assert_eq!(mode("postgres://kartei@db.example.org/kartei"), Some(SslMode::Require));
        assert_eq!(mode("postgres://kartei@192.0.2.7,127.0.0.1/kartei"), Some(SslMode::Require));
        let said = "postgres://kartei@db.example.org/kartei?sslmode=disable";
        assert_eq!(mode(said), Some(SslMode::Disable), "who says so has seen it");
        assert_eq!(mode("postgres://kartei@127.0.0.1/kartei"), Some(SslMode::Prefer));
    }
}
