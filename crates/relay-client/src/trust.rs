//! Whom a client believes to be its relay.

use std::net::IpAddr;
use std::path::PathBuf;

use reqwest::{Certificate, ClientBuilder, Url};

use crate::RelayError;

/// What a client takes besides `https` with a certificate that the system trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// PEM file with authorities that are trusted beside the system's.
    pub authorities: Option<PathBuf>,
    /// Whether `http` is spoken with other machines too.
    pub insecure_http: bool,
}

impl Trust {
    /// What `KARTEI_RELAY_CA` (a file) and `KARTEI_INSECURE_HTTP` (`1`) say.
    #[must_use]
    pub fn of_environment() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            authorities: variable("KARTEI_RELAY_CA").map(PathBuf::from),
            insecure_http: variable("KARTEI_INSECURE_HTTP")
                .is_some_and(|value| value == "1" || value == "true"),
        }
    }

    /// Sees that what is sent to an address stays between here and there.
    pub(crate) fn check(&self, base: &Url) -> Result<(), RelayError> {
        if base.scheme() == "https" || self.insecure_http || is_this_machine(base) {
            return Ok(());
        }
        Err(RelayError::Insecure(base.to_string()))
    }

    /// Adds the authorities to a client.
    pub(crate) fn apply(&self, http: ClientBuilder) -> Result<ClientBuilder, RelayError> {
        let Some(file) = &self.authorities else { return Ok(http) };
        let unusable =
            |reason: String| RelayError::Authorities { file: file.display().to_string(), reason };
        let pem = std::fs::read(file).map_err(|e| unusable(e.to_string()))?;
        let authorities =
            Certificate::from_pem_bundle(&pem).map_err(|e| unusable(e.to_string()))?;
        if authorities.is_empty() {
            return Err(unusable("there is no certificate in it".to_owned()));
        }
        Ok(http.tls_certs_merge(authorities))
    }
}

/// Whether an address leads to this machine, where nobody between can listen.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let number = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || number.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RelayClient;

    fn refused(url: &str, trust: &Trust) -> Option<RelayError> {
        RelayClient::new(url, "t", trust).err()
    }

    #[test]
    fn plain_http_leads_to_this_machine_alone_unless_it_is_allowed() {
        let strict = Trust::default();
        for url in
            ["http://127.0.0.1:7400", "http://localhost", "http://[::1]:1/x", "https://a.example"]
        {
            assert!(refused(url, &strict).is_none(), "{url}");
        }
        let allowed = Trust { insecure_http: true, ..Trust::default() };
        for url in [
            "http://relay.example",
            "http://192.168.1.2:7400",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://127.0.0.1@relay.example",
        ] {
            let error = refused(url, &strict).expect(url);
            assert!(matches!(error, RelayError::Insecure(_)), "{url}: {error}");
            assert!(refused(url, &allowed).is_none(), "{url}");
        }
    }

    #[test]
    fn a_file_without_authorities_is_told() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for (file, word) in [(file, "no certificate"), ("/no/such/file.pem", "/no/such/file.pem")] {
            let trust = Trust { authorities: Some(file.into()), insecure_http: false };
            let error = refused("https://relay.example", &trust).expect(file);
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
