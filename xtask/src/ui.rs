//! The built UI in `ui/dist`, which the desktop embeds and the dev host serves.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use crate::{exec, node};

/// Folders below `ui/` that are made from the others.
const MADE: &[&str] = &["node_modules", "dist", "paraglide"];

/// Installs the packages and builds, always.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    node::require()?;
    node::install(workspace, "ui")?;
    let page = workspace.path("ui/dist/index.html");
    if let Err(error) = exec::show(&mut node::npm(workspace, "ui", &["run", "build"])) {
        // The bundler may have written before it failed, and what it wrote would pass for a build.
        let _ = fs::remove_file(&page);
        return Err(error);
    }
    if page.is_file() { Ok(()) } else { bail!("`npm run build` in ui/ made no dist/index.html") }
}

/// Builds where a source is newer than the last build. An equal build has a new date, and the
/// desktop would be linked anew for it.
pub(crate) fn build_if_stale(workspace: &Workspace) -> Result<()> {
    let built = fs::metadata(workspace.path("ui/dist/index.html")).and_then(|m| m.modified());
    match built {
        Ok(built) if newest(&workspace.path("ui"))? <= built => {
            println!("ui/dist is newer than its sources");
            Ok(())
        }
        _ => build(workspace),
    }
}

fn newest(folder: &Path) -> Result<SystemTime> {
    let mut found = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if MADE.iter().any(|made| name == *made) {
            continue;
        }
        let modified = match entry.file_type()?.is_dir() {
            true => newest(&entry.path())?,
            false => entry.metadata()?.modified()?,
        };
        found = found.max(modified);
    }
    Ok(found)
}
