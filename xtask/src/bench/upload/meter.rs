//! What a running server uses: processor and memory of its processes, as the kernel counts them.

use std::fs;

use anyhow::{Context, Result};

/// The kernel tells processor time in hundredths of a second, on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a server used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Used {
    /// Seconds of all cores, in the program and in the kernel for it.
    pub cpu: f64,
    /// Memory at its highest, in MB (10^6 bytes); of several processes, the sum.
    pub peak_mb: f64,
}

/// Counts from a moment on.
#[derive(Debug)]
pub(crate) struct Meter {
    root: u32,
    cpu_before: f64,
}

impl Meter {
    /// Counts for a process and those that it started.
    pub(crate) fn begin(root: u32) -> Result<Self> {
        let processes = family(root)?;
        for process in &processes {
            // 5: the highest memory begins anew from here.
            fs::write(format!("/proc/{}/clear_refs", process.id), "5")
                .with_context(|| format!("reset the memory of process {}", process.id))?;
        }
        Ok(Self { root, cpu_before: processes.iter().map(|process| process.cpu).sum() })
    }

    /// What was used since.
    pub(crate) fn read(&self) -> Result<Used> {
        let processes = family(self.root)?;
        let cpu: f64 = processes.iter().map(|process| process.cpu).sum();
        let mut peak_mb = 0.0;
        for process in &processes {
            let status = fs::read_to_string(format!("/proc/{}/status", process.id))?;
            let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = kib.and_then(|kib| kib.trim().trim_end_matches(" kB").parse::<f64>().ok());
            peak_mb += kib.context("the kernel tells no peak of memory")? * 1024.0 / 1e6;
        }
        Ok(Used { cpu: cpu - self.cpu_before, peak_mb })
    }
}

/// A process as the kernel describes it in one line.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Process {
    id: u32,
    parent: u32,
    /// Of its own, and of children that have ended.
    cpu: f64,
}

/// A process with all that it started.
fn family(root: u32) -> Result<Vec<Process>> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path().join("stat");
        // Others end all the time.
        all.extend(fs::read_to_string(path).ok().and_then(|line| parse(&line)));
    }
    let mut family: Vec<Process> = all.iter().copied().filter(|p| p.id == root).collect();
    let mut at = 0;
    while let Some(parent) = family.get(at).map(|process| process.id) {
        family.extend(all.iter().filter(|process| process.parent == parent));
        at += 1;
    }
    (!family.is_empty()).then_some(family).with_context(|| format!("process {root} has ended"))
}

/// Reads a line of `/proc/PID/stat`.
fn parse(line: &str) -> Option<Process> {
    // The program's name may have spaces and brackets; its last bracket ends it.
    let (begin, rest) = line.rsplit_once(')')?;
    let id = begin.split(' ').next()?.parse().ok()?;
    let numbers: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| numbers.get(at)?.parse::<f64>().ok();
    let ticks = number(11)? + number(12)? + number(13)? + number(14)?;
    Some(Process { id, parent: numbers.get(1)?.parse().ok()?, cpu: ticks / TICKS_PER_SECOND })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_is_passed_over() {
        let line = "42 (a) b (c)) S 7 42 42 0 -1 4194560 9 0 0 0 150 50 25 75 20 0 1 0 5 1 1";
        assert_eq!(parse(line), Some(Process { id: 42, parent: 7, cpu: 3.0 }));
        assert_eq!(parse("42 (a) S"), None);
    }

    #[test]
    fn this_process_is_of_its_own_family() {
        let family = family(std::process::id()).unwrap();
        assert_eq!(family[0].id, std::process::id());
    }
}
