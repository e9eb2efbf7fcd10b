//! Connections: accepted, given to the routes, and ended together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::add_extension::AddExtension;

use crate::tls::Doorway;

/// Time for the head of a request. Who sends it a byte at a time holds a connection and nothing else.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a request's head at most: tokens, metadata of tus and tags fit many times. Bodies
/// are read through the same buffer, and small ones make them slow.
const HEAD_BYTES_MAX: u32 = 128 * 1024;

/// The pause after a connection could not be accepted, such as with too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves connections, by TLS where there is a doorway for it, until the relay stops, and then those that are
/// open to their end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    doorway: Option<Doorway>,
    mut stopping: watch::Receiver<bool>,
) -> Result<()> {
    let open = GracefulShutdown::new();
    let doorway = doorway.map(Arc::new);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    // Small answers go out at once; a socket that does not take the option works as well.
                    let _ = stream.set_nodelay(true);
                    let (router, open) = (router.clone(), open.watcher());
                    let doorway = doorway.clone();
                    tokio::spawn(async move {
                        let Some(doorway) = doorway else {
                            return talk(stream, address, router, builder(), open).await;
                        };
                        let Some(stream) = doorway.enter(stream).await else { return };
                        // As agreed: so both have their limits of time from the first byte on.
                        let builder = if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                            builder().http2_only()
                        } else {
                            builder().http1_only()
                        };
                        talk(stream, address, router, builder, open).await;
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "A connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            // What is seen of the signal is let go of at once, so that this may move between threads.
            _ = async { stopping.wait_for(|stopping| *stopping).await.is_ok() } => break,
        }
    }
    drop(listener);
    open.shutdown().await;
    Ok(())
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX as usize);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(HEAD_BYTES_MAX);
    builder
}

/// Answers on a connection until it ends.
async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: SocketAddr,
    router: Router,
    builder: Builder<TokioExecutor>,
    open: Watcher,
) {
    let service = AddExtension::new(router, ConnectInfo(address));
    let connection = builder
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .into_owned();
    if let Err(error) = open.watch(connection).await {
        // Clients go away all the time.
        tracing::debug!(error = &*error, "A connection broke");
    }
}
