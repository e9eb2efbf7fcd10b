//! Whose work a package holds: the crates that its programs are linked with, the packages of the
//! window's page, and their licences word for word. Made from the sources when the package is, so there
//! is nothing to keep up by hand; `cargo xtask notices` writes it to be read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::kind::{DESKTOP, Kind, RELAY};
use crate::workspace::Workspace;
use crate::{exec, node};

/// How deep below a package licences lie: libraries in C have theirs in a folder of their own.
const DEPTH_MAX: usize = 3;

/// Packages that are needed for building only, by their lock, and leave code of theirs in the page.
const LEAVE_CODE: &[&str] = &["svelte", "@inlang/paraglide-js"];

/// Writes the notices of all packages to `target/notices/`.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    node::require()?;
    node::install(workspace, "ui")?;
    let folder = workspace.target.join("notices");
    fs::create_dir_all(&folder)?;
    for kind in [DESKTOP, RELAY] {
        let path = folder.join(format!("{}.txt", kind.name));
        fs::write(&path, text(workspace, &kind)?)?;
        println!("{}", path.display());
    }
    Ok(())
}

/// Something of others: its name with the version, its licence in a word, its folder.
struct Part {
    name: String,
    licence: String,
    folder: PathBuf,
}

/// The notices of a package: first who is in it, then each licence's text once with those it is of.
pub(super) fn text(workspace: &Workspace, kind: &Kind) -> Result<String> {
    let mut parts = crates(workspace, kind)?;
    if kind.has_window {
        parts.extend(page(workspace)?);
    }
    let mut text = format!("{} holds work of others, under their licences:\n\n", kind.name);
    let mut licences: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for part in &parts {
        text.push_str(&format!("  {}: {}\n", part.name, part.licence));
        let mut found = BTreeSet::new();
        texts_below(&part.folder, 0, &mut found)
            .with_context(|| format!("cannot look for the licence of {}", part.name))?;
        for licence in found {
            licences.entry(licence).or_default().push(&part.name);
        }
    }
    for (licence, names) in licences {
        text.push_str(&format!("\n{}\n{}\n\n{licence}\n", "─".repeat(100), names.join(", ")));
    }
    Ok(text)
}

/// The crates that the programs are linked with, on this system.
fn crates(workspace: &Workspace, kind: &Kind) -> Result<Vec<Part>> {
    let target = exec::capture(workspace.command("rustc").args(["--print", "host-tuple"]))?;
    let mut cargo = workspace.cargo(&["metadata", "--format-version", "1", "--locked"]);
    cargo.args(["--filter-platform", target.trim()]);
    let metadata: Value = serde_json::from_str(&exec::capture(&mut cargo)?)?;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let empty = Vec::new();
    let all = |value: &Value| value.as_array().unwrap_or(&empty).clone();
    let packages: BTreeMap<String, Value> =
        all(&metadata["packages"]).into_iter().map(|p| (word(&p["id"]), p)).collect();
    let nodes: BTreeMap<String, Vec<Value>> = all(&metadata["resolve"]["nodes"])
        .iter()
        .map(|n| (word(&n["id"]), all(&n["deps"])))
        .collect();
    let mut open: Vec<String> = packages
        .iter()
        .filter(|(_, package)| kind.crates.contains(&word(&package["name"]).as_str()))
        .map(|(id, _)| id.clone())
        .collect();
    if open.len() != kind.crates.len() {
        bail!("cargo does not know all of {}", kind.crates.join(", "));
    }
    let mut reached = BTreeSet::new();
    while let Some(id) = open.pop() {
        let linked = |dep: &Value| all(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
        let deps = nodes.get(&id).into_iter().flatten().filter(|dep| linked(dep));
        open.extend(deps.map(|dep| word(&dep["pkg"])).filter(|dep| !reached.contains(dep)));
        reached.insert(id);
    }
    let others =
        reached.iter().filter_map(|id| packages.get(id)).filter(|p| !p["source"].is_null());
    let parts = others.map(|package| {
        let name = format!("{} {}", word(&package["name"]), word(&package["version"]));
        let manifest = PathBuf::from(word(&package["manifest_path"]));
        let folder = manifest.parent().context("a manifest lies in a folder")?.to_owned();
        let licence = match package["license"].as_str() {
            Some(licence) => licence.to_owned(),
            None => "see its text below".to_owned(),
        };
        Ok(Part { name, licence, folder })
    });
    parts.collect()
}

/// The packages whose code or type is in the page.
fn page(workspace: &Workspace) -> Result<Vec<Part>> {
    let read = |path: &str| -> Result<Value> {
        Ok(serde_json::from_str(&fs::read_to_string(workspace.path(path))?)?)
    };
    let lock = read("ui/package-lock.json")?;
    let manifest = read("ui/package.json")?;
    let named = |value: &Value| -> Vec<String> {
        value.as_object().into_iter().flat_map(|all| all.keys().cloned()).collect()
    };
    let mut open = named(&manifest["dependencies"]);
    open.extend(LEAVE_CODE.iter().map(|&name| name.to_owned()));
    let mut parts = BTreeMap::new();
    while let Some(name) = open.pop() {
        let place = format!("node_modules/{name}");
        let package = &lock["packages"][&place];
        let version =
            package["version"].as_str().with_context(|| format!("{name} is not locked"))?;
        let licence =
            package["license"].as_str().with_context(|| format!("{name} has no licence"))?;
        let part = Part {
            name: format!("{name} {version}"),
            licence: licence.to_owned(),
            folder: workspace.path("ui").join(&place),
        };
        if parts.insert(name.clone(), part).is_none() && !LEAVE_CODE.contains(&name.as_str()) {
            open.extend(named(&package["dependencies"]));
        }
    }
    Ok(parts.into_values().collect())
}

fn texts_below(folder: &Path, depth: usize, found: &mut BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if entry.file_type()?.is_dir() {
            if depth < DEPTH_MAX && name != "NODE_MODULES" {
                texts_below(&entry.path(), depth + 1, found)?;
            }
        } else if is_licence(&name) {
            let text = String::from_utf8_lossy(&fs::read(entry.path())?).replace('\r', "");
            found.insert(text.trim().to_owned());
        }
    }
    Ok(())
}

/// Whether a file of this name, in capitals, holds a licence or what one asks to be passed on.
fn is_licence(name: &str) -> bool {
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, ""));
    let begins = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE", "OFL"];
    // Sources that are called so are no texts.
    let is_text =
        ["", "TXT", "MD", "RST"].contains(&kind) || !stem.contains(['.', '/']) && kind.len() > 4;
    begins.iter().any(|begin| name.starts_with(begin)) && is_text
}

#[cfg(test)]
mod tests {
    use super::is_licence;

    #[test]
    fn texts_are_told_from_sources() {
        for name in
            ["LICENSE", "LICENSE-MIT", "LICENCE.TXT", "COPYING", "NOTICE.MD", "LICENSE.APACHE"]
        {
            assert!(is_licence(name), "{name}");
        }
        for name in ["LICENSE.RS", "LICENSES.C", "README.MD", "NOTICE.JS"] {
            assert!(!is_licence(name), "{name}");
        }
    }
}
