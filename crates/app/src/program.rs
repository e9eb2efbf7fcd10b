//! The program itself: its versions, and where its data lies.

use std::process::{Command, Stdio};

use kartei_local_store::{newest_format, sqlite_version};
use kartei_protocol::desktop::{About, Empty};
use kartei_protocol::problem::{Problem, ProblemCode};

use crate::app::App;

/// The program's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The schema of the records, as they name it.
const RECORD_SCHEMA: &str = "user_profile.v1";

/// Opens a folder in the system's file manager.
const FILE_MANAGER: &str = if cfg!(target_os = "windows") {
    "explorer"
} else if cfg!(target_os = "macos") {
    "open"
} else {
    "xdg-open"
};

/// Operating system and processor.
pub(crate) fn platform() -> String {
    format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)
}

impl App {
    pub(crate) fn versions(&self) -> About {
        About {
            version: VERSION.to_owned(),
            data_dir: self.data_dir.display().to_string(),
            sqlite: sqlite_version().to_owned(),
            store_format: newest_format(),
            record_schema: RECORD_SCHEMA.to_owned(),
            platform: platform(),
            web_engine: self.web_engine.clone(),
        }
    }

    pub(crate) fn show_folder(&self) -> Result<Empty, Problem> {
        let mut manager = Command::new(FILE_MANAGER);
        manager.arg(&self.data_dir).stdin(Stdio::null()).stdout(Stdio::null());
        let mut opened = manager.spawn().map_err(|error| {
            let message = format!("{FILE_MANAGER} cannot be started: {error}");
            Problem::new(ProblemCode::Internal, message)
        })?;
        // Some file managers answer only when they are closed; somebody has to wait for them.
        std::thread::spawn(move || opened.wait());
        Ok(Empty {})
    }
}
