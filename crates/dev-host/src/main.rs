//! `kartei-dev-host`: the desktop's commands for an ordinary browser, so that UI tests can use one.
//!
//! It serves the built UI and the same command list as the window ([`routes`]), and it answers
//! loopback only ([`guard`]). It is a tool for development: it has no sign-in, and it is never
//! shipped. It must not know what a command means.

mod drops;
mod events;
mod guard;
mod routes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Parser;
use kartei_app::{AppOptions, Trust, Workplace};
use kartei_keychain::SystemKeychain;
use tokio::net::TcpListener;

/// Serves Kartei's window to a browser on this machine. For development and tests only.
#[derive(Debug, Parser)]
#[command(name = "kartei-dev-host", version)]
struct Arguments {
    /// The data folder.
    #[arg(long, env = "KARTEI_DATA_DIR")]
    data: Option<PathBuf>,
    /// The folder of the built UI.
    #[arg(long, default_value = "ui/dist")]
    ui: PathBuf,
    /// The loopback address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if !arguments.listen.ip().is_loopback() {
        bail!("{} is no loopback address; this host has no sign-in", arguments.listen);
    }
    if !arguments.ui.join("index.html").is_file() {
        bail!("{} holds no built UI; run `cargo xtask ui`", arguments.ui.display());
    }
    let data_dir = arguments.data.unwrap_or_else(kartei_app::default_data_dir);
    kartei_app::start_log(&data_dir);
    let workplace = Workplace::open(AppOptions {
        data_dir,
        keychain: Some(Arc::new(SystemKeychain::of_session())),
        trust: Trust::of_environment(),
        ..AppOptions::default()
    })?;
    workplace.start_working();
    // The host's own calls block and own their threads; this runtime only serves HTTP.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let served = runtime.block_on(serve(Arc::clone(&workplace), arguments.ui, arguments.listen));
    runtime.shutdown_background();
    workplace.shutdown();
    served
}

async fn serve(workplace: Arc<Workplace>, ui: PathBuf, listen: SocketAddr) -> Result<()> {
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let routes = routes::build(workplace, &ui)?;
    println!("kartei-dev-host listening on http://{address}");
    tokio::select! {
        served = axum::serve(listener, routes) => served.context("serving failed"),
        // Event streams never end by themselves, so open connections are not waited for.
        () = stop_signal() => Ok(()),
    }
}

#[cfg(unix)]
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn stop_signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
