//! Generated files: the schema of all commands, and the UI's types made from it.

use std::fs;

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use crate::{exec, node};

const SCHEMA: &str = "schemas/commands.schema.json";
const TYPES: &str = "ui/src/lib/ipc/generated.ts";

/// Writes both files.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    fs::write(workspace.path(SCHEMA), printed_schema(workspace)?)?;
    node::require()?;
    node::install(workspace, "ui")?;
    exec::show(&mut node::npm(workspace, "ui", &["run", "codegen"]))?;
    println!("wrote {SCHEMA} and {TYPES}");
    Ok(())
}

/// Fails where a stored file is not what would be generated now. The stored files stay as they
/// are.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let stored = fs::read_to_string(workspace.path(SCHEMA))?;
    if stored != printed_schema(workspace)? {
        bail!("{SCHEMA} is not what crates/protocol says; run `cargo xtask codegen`");
    }
    // The script has one fixed place to write to, so what lies there is put back afterwards.
    let types = workspace.path(TYPES);
    let before = fs::read(&types)?;
    let generated = exec::show(&mut node::npm(workspace, "ui", &["run", "--silent", "codegen"]))
        .and_then(|()| Ok(fs::read(&types)?));
    if !matches!(&generated, Ok(after) if *after == before) {
        fs::write(&types, &before)?;
    }
    if generated? != before {
        bail!("{TYPES} is not what {SCHEMA} says; run `cargo xtask codegen`");
    }
    println!("{SCHEMA} and {TYPES} are as generated");
    Ok(())
}

fn printed_schema(workspace: &Workspace) -> Result<String> {
    let example = ["run", "--quiet", "--package", "kartei-protocol", "--example", "schemas"];
    exec::capture(&mut workspace.cargo(&example))
}
