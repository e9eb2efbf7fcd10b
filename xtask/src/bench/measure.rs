//! One run of a program, measured by the operating system.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::exec;

/// GNU time: asks the kernel (`wait4`) for what the program used, children included.
const TIME: &str = "/usr/bin/time";

/// What one run cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Run {
    /// Seconds from start to end.
    pub wall: f64,
    /// Seconds of all cores, in the program and in the kernel for it.
    pub cpu: f64,
    /// Memory at its highest, in MB (10^6 bytes).
    pub peak_mb: f64,
    /// What lies on the disk afterwards, in MB.
    pub disk_mb: f64,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s ({:.2} s CPU, {:.0} MB)", self.wall, self.cpu, self.peak_mb)
    }
}

/// Runs `command`, which writes into `data`, and measures it.
pub(crate) fn measured(command: &mut Command, data: &Path) -> Result<Run> {
    let figures = data.with_extension("time");
    let mut timed = Command::new(TIME);
    timed.arg("--output").arg(&figures).arg("--format").arg("%e %U %S %M");
    timed.arg("--").arg(command.get_program()).args(command.get_args());
    exec::capture(&mut timed)?;
    let text = fs::read_to_string(&figures)?;
    let disk_mb = folder_bytes(data)? / 1e6;
    parse(&text, disk_mb).with_context(|| format!("{TIME} wrote {text:?}"))
}

fn parse(text: &str, disk_mb: f64) -> Result<Run> {
    let numbers: Vec<f64> =
        text.split_whitespace().map(str::parse).collect::<Result<_, _>>().context("no numbers")?;
    let [wall, user, system, peak_kib] = numbers[..] else { bail!("expected four numbers") };
    Ok(Run { wall, cpu: user + system, peak_mb: peak_kib * 1024.0 / 1e6, disk_mb })
}

#[expect(clippy::cast_precision_loss, reason = "sizes of files, shown in whole megabytes")]
fn folder_bytes(folder: &Path) -> Result<f64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_time_are_read() {
        let run = parse("1.50 2.25 0.25 100000\n", 3.0).unwrap();
        assert_eq!(run, Run { wall: 1.5, cpu: 2.5, peak_mb: 102.4, disk_mb: 3.0 });
        assert!(parse("Command exited with non-zero status 1\n", 0.0).is_err());
    }
}
