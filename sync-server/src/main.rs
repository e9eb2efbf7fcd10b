//! `kartei-relay`: orders, stores and shares profiles for the replicas of organisations.

mod admin;
mod auth;
mod body;
mod cache;
mod conditions;
mod erasure;
mod export;
mod gate;
mod import;
mod lists;
mod openapi;
mod presence;
mod problem;
mod routes;
mod segments;
mod serve;
mod standing;
mod storage;
mod wire;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use storage::{Migrate, Storage};
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(
    name = "kartei-relay",
    version,
    about = "The relay of Kartei: orders, stores and shares profiles"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves replicas.
    Serve {
        /// Address to listen on; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:7400")]
        listen: SocketAddr,
        #[command(flatten)]
        storage: Storage,
    },
    /// Brings a Postgres database to this version's format. The embedded database does it by itself.
    Migrate(Migrate),
    /// Administers organisations and tokens.
    Admin {
        #[command(subcommand)]
        command: admin::AdminCommand,
    },
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")),
        )
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .init();
    let done = match Cli::parse().command {
        Command::Serve { listen, storage } => serve::run(listen, &storage),
        Command::Migrate(options) => storage::migrate(&options),
        Command::Admin { command } => admin::run(command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kartei-relay: {error:#}");
            ExitCode::FAILURE
        }
    }
}
