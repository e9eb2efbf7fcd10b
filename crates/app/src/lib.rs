//! The use cases of a replica, behind every front end: window, command line, browser bridge.
//!
//! [`App`] is one data folder at work, [`Workplace`] a home folder with several of them. It implements the declared command list, tells listeners
//! what happens, runs imports one after another on a thread of its own, and syncs on another. It
//! must not know windows, terminals or HTTP servers.

mod acts;
mod analyses;
mod app;
mod aside;
mod behavior;
mod clock;
mod commands;
mod conflicts;
mod diagnostics;
mod downloads;
mod encryption;
mod erasure;
mod export;
mod files;
mod folder;
mod hub;
mod import;
mod instance;
mod link;
mod log;
mod merging;
mod observations;
mod past;
mod problem;
mod program;
mod queue;
mod random;
mod relay_files;
mod report;
mod runs;
mod sample;
mod shared;
mod sign_in;
mod sync;
mod table;
mod token;
mod upkeep;
mod uploads;
mod views;
mod watch;
mod worker;
mod workplace;

pub use app::{App, AppOptions};
pub use encryption::{KeychainNeed, read_recovery_key};
pub use folder::default_data_dir;
pub use import::Progress;
pub use instance::{Claim, Handover, Instance};
pub use kartei_relay_client::Trust;
pub use log::start as start_log;
pub use workplace::{Workplace, workspace_folder, workspaces};
