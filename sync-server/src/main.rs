//! `kartei-relay`: orders, stores and shares profiles for the replicas of organisations.

mod admin;
mod auth;
mod body;
mod problem;
mod routes;
mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
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
        /// Folder with the embedded database.
        #[arg(long, env = "KARTEI_RELAY_DATA")]
        data: PathBuf,
    },
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
        Command::Serve { listen, data } => serve::run(listen, &data),
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
