//! The rules of the tree that no compiler checks: who may depend on whom ([`graph`]), and what a
//! file may hold ([`texts`]). Links of documents are looked at as well ([`docs`]).

mod graph;
mod texts;

use std::fs;
use std::process::Command;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::workspace::Workspace;
use crate::{codegen, docs, exec};

/// Files whose bytes are data: they break rules on purpose, or hold no text.
const DATA: &[&str] = &["tests/fixtures/data/", "crates/profile/tests/golden/"];

/// All rules, and that the generated files are as they would be generated now.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    rules(workspace)?;
    codegen::check(workspace)
}

/// The rules alone.
pub(crate) fn rules(workspace: &Workspace) -> Result<()> {
    let mut broken = graph::check(&graph::Graph::read(&metadata(workspace)?)?);
    let mut files = 0_u32;
    let tracked = tracked_files(workspace)?;
    broken.extend(docs::broken(workspace, &tracked)?);
    for path in tracked {
        // A file that was deleted but not yet committed is still listed; a binary is no text.
        let Ok(text) = fs::read_to_string(workspace.path(&path)) else { continue };
        files += 1;
        broken.extend(texts::check(&path, &text));
    }
    if broken.is_empty() {
        println!("tidy: {files} files and the dependencies keep the rules");
        return Ok(());
    }
    for line in &broken {
        println!("  {line}");
    }
    bail!("{} rules of the tree are broken (above)", broken.len())
}

fn metadata(workspace: &Workspace) -> Result<Value> {
    let text = exec::capture(&mut workspace.cargo(&["metadata", "--format-version", "1"]))?;
    Ok(serde_json::from_str(&text)?)
}

/// The files of the tree, those that are data left out.
pub(crate) fn tracked_files(workspace: &Workspace) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(&workspace.root);
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = exec::capture(&mut git)?;
    let kept = listed
        .split('\0')
        .filter(|path| !path.is_empty() && !DATA.iter().any(|folder| path.starts_with(folder)));
    Ok(kept.map(str::to_owned).collect())
}
