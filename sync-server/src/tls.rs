//! TLS of the relay itself: a certificate and its key from files, taken anew when they change.
//!
//! A pair that cannot be used is told in the log, and the one before it stays: a half-written file or a wrong
//! key keeps nobody out.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use clap::Args;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_cert::der::Decode;

use crate::metrics::Metrics;
use crate::rounds::Rounds;

/// How often the files are looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// Time for a handshake. A client on a slow line needs a tenth of it.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Handshakes that are under way at most. Beyond that the oldest one ends: an honest one is done in
/// milliseconds, so the oldest is one that stands still.
const HANDSHAKES_MAX: usize = 512;

/// Where the relay's certificate is.
#[derive(Debug, Clone, Args)]
pub(crate) struct TlsOptions {
    /// PEM file with the relay's certificate and those between it and its authority: the relay speaks
    /// TLS with it, and nothing else. It is read anew when it changes.
    #[arg(long, env = "KARTEI_TLS_CERTIFICATE", value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// PEM file with the certificate's private key, which only the relay may read.
    #[arg(long, env = "KARTEI_TLS_KEY", value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
}

/// A certificate with its key, and until when it is good, in seconds since 1970.
#[derive(Debug)]
struct Pair {
    key: Arc<CertifiedKey>,
    expires: u64,
}

/// What is shown to who connects.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// When the two files were written, and their sizes: what tells that they changed.
type Stamp = [Option<(SystemTime, u64)>; 2];

/// The certificate's files, and what is shown of them.
#[derive(Debug)]
pub(crate) struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
    stamp: Stamp,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn stamp(certificate: &Path, key: &Path) -> Stamp {
    [certificate, key].map(|file| {
        let about = std::fs::metadata(file).ok()?;
        Some((about.modified().ok()?, about.len()))
    })
}

/// Reads a pair and sees that it belongs together.
///
/// # Errors
/// What is wrong with it, without anything of the key.
fn read(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<Pair> {
    let shown = certificate.display();
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read certificates from {shown}"))?;
    let first = chain.first().with_context(|| format!("there is no certificate in {shown}"))?;
    let parsed = x509_cert::Certificate::from_der(first)
        .with_context(|| format!("the certificate in {shown} is damaged"))?;
    let expires = parsed.tbs_certificate.validity.not_after.to_unix_duration().as_secs();
    let private = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("cannot read a private key from {}", key.display()))?;
    let key = CertifiedKey::from_der(chain, private, provider).with_context(|| {
        format!("the key in {} is not the one of the certificate in {shown}", key.display())
    })?;
    Ok(Pair { key: Arc::new(key), expires })
}

impl TlsOptions {
    /// The certificate, where one is named, and what takes connections with it.
    ///
    /// # Errors
    /// Where the pair cannot be used.
    pub(crate) fn open(&self, metrics: &Metrics) -> Result<Option<(Certificate, TlsAcceptor)>> {
        let (Some(certificate), Some(key)) = (&self.tls_certificate, &self.tls_key) else {
            return Ok(None);
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let stamp = stamp(certificate, key);
        let Pair { key: first, expires } = read(certificate, key, &provider)?;
        if expires <= now() {
            tracing::warn!(
                expires,
                "The relay's certificate has expired: clients will not accept it"
            );
        }
        metrics.certificate_expires(expires);
        let current = Arc::new(Current(RwLock::new(first)));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .context("set up TLS")?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (certificate, key) = (certificate.clone(), key.clone());
        Ok(Some((Certificate { certificate, key, provider, current, stamp }, acceptor)))
    }
}

impl Certificate {
    /// Takes what is in the files now.
    ///
    /// # Errors
    /// What is wrong with it; what was shown before still is.
    fn renew(&self, metrics: &Metrics) -> Result<()> {
        let Pair { key, expires } = read(&self.certificate, &self.key, &self.provider)?;
        ensure!(expires > now(), "the certificate in {} has expired", self.certificate.display());
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = key;
        metrics.certificate_expires(expires);
        tracing::info!(expires, "The relay has a new certificate");
        Ok(())
    }

    /// Looks at the files, and takes them where they changed or somebody `asked`.
    fn look(&mut self, metrics: &Metrics, asked: bool) {
        let stamp = stamp(&self.certificate, &self.key);
        if stamp == self.stamp && !asked {
            return;
        }
        self.stamp = stamp;
        if let Err(error) = self.renew(metrics) {
            tracing::error!(
                error = &*error,
                cause = error.root_cause().to_string(),
                "The new certificate is not taken; the one before it stays"
            );
        }
    }

    /// Looks every few seconds, and when it is told by a signal (`SIGHUP`), until the relay stops.
    pub(crate) async fn keep_fresh(
        mut self,
        metrics: Arc<Metrics>,
        stopping: watch::Receiver<bool>,
    ) -> Result<()> {
        let mut rounds = Rounds::every(LOOKED_AT_EVERY, stopping);
        let mut signals = Signals::new()?;
        loop {
            let asked = tokio::select! {
                goes_on = rounds.next() => {
                    if !goes_on {
                        return Ok(());
                    }
                    false
                }
                () = signals.next() => true,
            };
            let metrics = Arc::clone(&metrics);
            let looked = tokio::task::spawn_blocking(move || {
                self.look(&metrics, asked);
                self
            });
            self = looked.await.context("look at the certificate")?;
        }
    }
}

/// Signals that ask for the certificate to be read anew.
#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::hangup()).context("listen for SIGHUP")?))
    }

    async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // None will come any more.
            std::future::pending::<()>().await;
        }
    }
}

/// There are none: the looks alone find what changed.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}

/// Takes connections: so many handshakes at once, each within its time.
pub(crate) struct Doorway {
    acceptor: TlsAcceptor,
    under_way: UnderWay,
}

/// Handshakes that are under way, the oldest first. Each ends when its sender is dropped.
#[derive(Debug, Default)]
struct UnderWay(Mutex<VecDeque<oneshot::Sender<()>>>);

impl UnderWay {
    /// One more. The receiver is told, by an error, that it has to make room for others.
    fn begin(&self, most: usize) -> oneshot::Receiver<()> {
        let (make_room, told) = oneshot::channel();
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.len() >= most {
            begun.retain(|one| !one.is_closed());
        }
        if begun.len() >= most {
            begun.pop_front();
        }
        begun.push_back(make_room);
        told
    }
}

impl Doorway {
    pub(crate) fn new(acceptor: TlsAcceptor) -> Self {
        Self { acceptor, under_way: UnderWay::default() }
    }

    /// A connection after its handshake; nothing where there was none.
    pub(crate) async fn enter(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let told = self.under_way.begin(HANDSHAKES_MAX);
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, self.acceptor.accept(stream));
        tokio::select! {
            done = handshake => match done {
                Ok(Ok(stream)) => Some(stream),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "A handshake failed");
                    None
                }
                Err(_) => {
                    tracing::debug!("A handshake took too long");
                    None
                }
            },
            _ = told => {
                tracing::debug!("A handshake made room for others");
                None
            }
        }
    }
}

/// Says that this relay is to be asked by TLS alone from now on, for a year.
pub(crate) async fn strictly(mut response: Response) -> Response {
    let a_year = const { HeaderValue::from_static("max-age=31536000") };
    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, a_year);
    response
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    #[test]
    fn the_oldest_handshake_makes_room_and_what_is_done_counts_no_more() {
        let under_way = UnderWay::default();
        let mut first = under_way.begin(2);
        let second = under_way.begin(2);
        drop(second);
        let mut third = under_way.begin(2);
        assert_eq!(first.try_recv(), Err(TryRecvError::Empty), "the second was done");
        let mut fourth = under_way.begin(2);
        assert_eq!(first.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(third.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(fourth.try_recv(), Err(TryRecvError::Empty));
    }
}
