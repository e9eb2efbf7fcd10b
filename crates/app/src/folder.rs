//! Where a person's data lies, and what they are called, when nobody says otherwise.

use std::env;
use std::path::PathBuf;

/// The data folder: `KARTEI_DATA_DIR`, else the platform's place for a program's data.
#[must_use]
pub fn default_data_dir() -> PathBuf {
    if let Some(chosen) = env::var_os("KARTEI_DATA_DIR").filter(|value| !value.is_empty()) {
        return PathBuf::from(chosen);
    }
    let variable =
        |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || variable("HOME").or_else(|| variable("USERPROFILE")).unwrap_or_default();
    let base = if cfg!(target_os = "windows") {
        variable("APPDATA").unwrap_or_else(|| home().join("AppData").join("Roaming"))
    } else if cfg!(target_os = "macos") {
        home().join("Library").join("Application Support")
    } else {
        variable("XDG_DATA_HOME").unwrap_or_else(|| home().join(".local").join("share"))
    };
    base.join("kartei")
}

/// The account's name on this machine.
pub(crate) fn account_name() -> Option<String> {
    ["USER", "USERNAME"].into_iter().find_map(|name| env::var(name).ok()).filter(|n| !n.is_empty())
}
