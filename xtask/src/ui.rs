//! The built UI: the window in `ui/dist`, which the desktop embeds and the dev host serves, and the page for
//! administrators in `ui/dist-admin`, which the relay embeds.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use crate::{exec, node};

/// Folders below `ui/` that are made from the others.
const MADE: &[&str] = &["node_modules", "dist", "dist-admin", "paraglide"];

/// The pages; the last one is written last.
const PAGES: [&str; 2] = ["ui/dist/index.html", "ui/dist-admin/admin.html"];

/// Installs the packages and builds, always.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    node::require()?;
    node::install(workspace, "ui")?;
    let built = exec::show(&mut node::npm(workspace, "ui", &["run", "build"]));
    for page in PAGES.map(|page| workspace.path(page)) {
        if built.is_err() {
            // The bundler may have written before it failed, and what it wrote would pass for a build.
            let _ = fs::remove_file(&page);
        } else if !page.is_file() {
            bail!("`npm run build` in ui/ made no {}", page.display());
        }
    }
    built
}

/// Builds where a source is newer than the last build. An equal build has a new date, and the
/// desktop would be linked anew for it.
pub(crate) fn build_if_stale(workspace: &Workspace) -> Result<()> {
    let built = PAGES.map(|page| fs::metadata(workspace.path(page)).and_then(|m| m.modified()));
    match built {
        [Ok(window), Ok(admin)] if newest(&workspace.path("ui"))? <= window.min(admin) => {
            println!("ui/dist and ui/dist-admin are newer than their sources");
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
