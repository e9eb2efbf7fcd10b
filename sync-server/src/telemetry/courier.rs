//! Who brings what is told: a client on a thread of its own, so that nothing that waits for a collector is a request's
//! thread, and so that it goes on while the relay's own runtime ends.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::{Client, redirect};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// A collector that does not answer is given up.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub(super) struct Courier {
    pub(super) client: Client,
    runtime: Arc<Runtime>,
}

impl Courier {
    pub(super) fn begin() -> Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(ANSWER_WITHIN)
            .user_agent(concat!("kartei-relay/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("make a client")?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("telemetry")
            .enable_all()
            .build()
            .context("begin a runtime")?;
        Ok(Self { client, runtime: Arc::new(runtime) })
    }

    /// Does something on its own thread, whoever waits for it and however.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime.spawn(work)
    }
}
