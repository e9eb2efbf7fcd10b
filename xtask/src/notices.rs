//! What a package says of the work of others that is in it: every crate that its programs are built of and every npm
//! package in their pages, with its version, licence and home, and the licences' texts, each once.
//!
//! It is made of the lock files and of what the packages themselves carry, when a package is made; nothing of it is
//! kept in the checkout, so that nothing can be behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::exec;
use crate::workspace::Workspace;

/// How files with terms begin.
const TERMS: &[&str] = &["license", "licence", "copying", "notice", "unlicense", "ofl"];

/// npm packages that are in the pages beside the `dependencies`: compilers that leave code of their own.
const COMPILED_IN: &[&str] = &["svelte", "@inlang/paraglide-js"];

/// Somebody's work.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Work {
    name: String,
    version: String,
    licence: String,
    home: String,
    folder: PathBuf,
}

/// The notices of programs of these crates, and of the pages that they carry.
pub(crate) fn notices(workspace: &Workspace, crates: &[&str]) -> Result<String> {
    let mut works = crates_below(workspace, crates)?;
    works.extend(npm_packages(&workspace.path("ui"))?);
    let mut text = String::from("Work of others that is in this package.\n\n");
    let mut terms: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for work in &works {
        let title = format!("{} {}", work.name, work.version);
        writeln!(text, "{title}\n    {}\n    {}", work.licence, work.home)?;
        for file in terms_in(&work.folder)? {
            terms.entry(file.trim().to_owned()).or_default().push(title.clone());
        }
    }
    for (words, of) in terms {
        write!(text, "\n{}\n{}\n\n{words}\n", "─".repeat(80), of.join(", "))?;
    }
    Ok(text)
}

/// The crates of others that these are built of, without what only builds or tests them.
fn crates_below(workspace: &Workspace, roots: &[&str]) -> Result<BTreeSet<Work>> {
    let host = exec::capture(workspace.command("rustc").arg("--print=host-tuple"))?;
    let mut cargo = workspace.cargo(&["metadata", "--format-version=1", "--locked"]);
    let told = exec::capture(cargo.arg("--filter-platform").arg(host.trim()))?;
    let told: Value = serde_json::from_str(&told)?;
    let by_id = |list: &'static str| -> BTreeMap<&str, &Value> {
        let all = told.pointer(list).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(|one| Some((one["id"].as_str()?, one))).collect()
    };
    let (packages, nodes) = (by_id("/packages"), by_id("/resolve/nodes"));
    let is_root = |package: &Value| roots.iter().any(|root| package["name"] == **root);
    let mut open: Vec<&str> =
        packages.iter().filter(|(_, package)| is_root(package)).map(|(id, _)| *id).collect();
    let mut seen: BTreeSet<&str> = open.iter().copied().collect();
    let mut works = BTreeSet::new();
    while let Some(id) = open.pop() {
        let package = packages.get(id).context("cargo names no such package")?;
        if package["source"].is_string() {
            let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
            works.insert(Work {
                name: text(package, "name"),
                version: text(package, "version"),
                licence: text(package, "license"),
                home: text(package, "repository"),
                folder: manifest.parent().unwrap_or(manifest).to_owned(),
            });
        }
        let needs = nodes.get(id).and_then(|node| node["deps"].as_array()).into_iter().flatten();
        for need in needs {
            let kinds = need["dep_kinds"].as_array().into_iter().flatten();
            let is_built_in = kinds.into_iter().any(|kind| kind["kind"].is_null());
            let Some(id) = need["pkg"].as_str().filter(|_| is_built_in) else { continue };
            if seen.insert(id) {
                open.push(id);
            }
        }
    }
    Ok(works)
}

/// The npm packages whose code or fonts are in the pages.
fn npm_packages(ui: &Path) -> Result<Vec<Work>> {
    let own: Value = serde_json::from_slice(&fs::read(ui.join("package.json"))?)?;
    let direct = own["dependencies"].as_object().into_iter().flat_map(|all| all.keys());
    let names = direct.map(String::as_str).chain(COMPILED_IN.iter().copied());
    names
        .map(|name| {
            let folder = ui.join("node_modules").join(name);
            let file = folder.join("package.json");
            let read =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let package: Value = serde_json::from_slice(&read)?;
            let home = package["repository"]["url"].as_str().or(package["repository"].as_str());
            Ok(Work {
                name: text(&package, "name"),
                version: text(&package, "version"),
                licence: text(&package, "license"),
                home: home.unwrap_or_default().to_owned(),
                folder,
            })
        })
        .collect()
}

fn text(of: &Value, field: &str) -> String {
    of[field].as_str().unwrap_or_default().to_owned()
}

/// The files with terms in a folder, by name.
fn terms_in(folder: &Path) -> Result<Vec<String>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if entry.file_type()?.is_file() && TERMS.iter().any(|begin| name.starts_with(begin)) {
            files.push(entry.path());
        }
    }
    files.sort();
    // Somebody's Latin-1 is still somebody's terms.
    files
        .into_iter()
        .map(|file| Ok(String::from_utf8_lossy(&fs::read(file)?).into_owned()))
        .collect()
}
