//! The relay's package as it is installed: its units by systemd's own judgement, its manual by man's.

use std::fs;

use anyhow::{Context, Result, bail};

use super::{RELAY, install_for_tests};
use crate::exec;
use crate::workspace::Workspace;

/// Of systemd's ten points of exposure at most so many tenths; it calls less than 2.5 "OK" on its scale,
/// and below that what is asked for is left.
const EXPOSURE_TENTHS_MAX: &str = "15";

/// Installs the package of the relay below the target folder and looks at it.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let root = install_for_tests(workspace, &RELAY)?;
    let pages = root.join("usr/share/man/man1");
    if !pages.join("kartei-relay-serve.1.gz").is_file() {
        bail!("the manual lacks a page for `serve`");
    }
    let conffiles = fs::read_to_string(root.join("var/lib/dpkg/info/kartei-relay.conffiles"))?;
    if conffiles.trim() != "/etc/kartei/relay.env" {
        bail!("dpkg knows other conffiles: {conffiles}");
    }
    if !exec::succeeds(workspace.command("systemd-analyze").arg("--version")) {
        println!("NOT CHECKED: the units. There is no systemd-analyze here.");
        return Ok(());
    }
    for unit in ["kartei-relay.service", "kartei-worker@.service"] {
        let mut security = workspace.command("systemd-analyze");
        security.args(["security", "--offline=true", "--no-pager"]);
        security.arg(format!("--threshold={EXPOSURE_TENTHS_MAX}"));
        security.arg(format!("--root={}", root.display())).arg(unit);
        let judged = exec::capture(&mut security)
            .with_context(|| format!("{unit} leaves more open than it should"))?;
        let verdict = judged.lines().last().unwrap_or_default();
        println!("{unit}: {}", verdict.trim_start_matches(|c: char| !c.is_ascii_alphabetic()));
    }
    // Other units of this machine are none of ours: what is said must name a unit of the package.
    let mut verify = workspace.command("systemd-analyze");
    verify.args(["verify", "--man=no", "--recursive-errors=no"]);
    verify.arg(format!("--root={}", root.display()));
    let output = verify.args(["kartei-relay.service", "kartei-worker@1.service"]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("kartei")).collect();
    if !ours.is_empty() {
        bail!("systemd says:\n{}", ours.join("\n"));
    }
    Ok(())
}
