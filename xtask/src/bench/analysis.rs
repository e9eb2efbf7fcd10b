//! `cargo xtask bench analysis`: each analysis beside numpy, scipy and scikit-learn, in turn, on the same scores.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::table::median;
use super::{machine, write_report};
use crate::workspace::Workspace;
use crate::{exec, python, setup};

const PEER: &str = "bench/analysis-peer/analysis.py";

/// Rounds of a whole run: medians of three survive one disturbed round.
const ROUNDS: usize = 3;

/// Profiles; a quick run has the first alone.
const SIZES: [u32; 2] = [100_000, 1_000_000];

/// Threads of Kartei here: what is absorbed by one takes half of the time by two.
const THREADS: f64 = 2.0;

/// Analyses with their peers, the nearest one first.
const ANALYSES: &[(&str, &[&str])] = &[
    ("distribution", &["distribution"]),
    ("compare", &["compare"]),
    ("segments", &["segments-sample", "segments"]),
    ("map", &["map"]),
    ("similar", &["similar"]),
    ("outliers", &["outliers-sample", "outliers"]),
    ("drift", &["drift"]),
    ("quality", &[]),
    ("duplicates", &[]),
];

/// By profiles, program and figure: what each round said.
#[derive(Debug, Default)]
struct Found(BTreeMap<(u32, String, String), Vec<f64>>);

impl Found {
    /// Takes in the figures of a line of JSON.
    fn take(&mut self, size: u32, program: &str, line: &str) -> Result<()> {
        let said: Value =
            serde_json::from_str(line).with_context(|| format!("{program} said `{line}`"))?;
        for (name, value) in said.as_object().into_iter().flatten() {
            if let Some(value) = value.as_f64() {
                let key = (size, program.to_owned(), name.clone());
                self.0.entry(key).or_default().push(value);
            }
        }
        println!("  {program}: {line}");
        Ok(())
    }

    fn of(&self, size: u32, program: &str, figure: &str) -> Option<f64> {
        let rounds = self.0.get(&(size, program.to_owned(), figure.to_owned()))?;
        Some(median(rounds.clone()))
    }
}

/// Runs the benchmark, prints the tables and writes them to `target/bench/analysis.md`.
pub(crate) fn run(workspace: &Workspace, quick: bool, only: Option<&str>) -> Result<()> {
    let asked: Vec<_> =
        ANALYSES.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)).collect();
    if asked.is_empty() {
        let names: Vec<&str> = ANALYSES.iter().map(|(name, _)| *name).collect();
        bail!("the parts of `bench analysis` are {}", names.join(", "));
    }
    setup::prepare(workspace, setup::Purpose::BenchAnalysis)?;
    let example = "bench_analysis";
    exec::show(&mut workspace.cargo(&[
        "build",
        "--quiet",
        "--release",
        "--package",
        "kartei-analysis",
        "--example",
        example,
    ]))?;
    let bench = Bench {
        workspace,
        example: workspace.target.join("release/examples").join(example),
        scores: workspace.target.join("bench/scores"),
    };
    let (rounds, sizes) = if quick { (1, &SIZES[..1]) } else { (ROUNDS, &SIZES[..]) };
    let mut found = Found::default();
    for size in sizes {
        exec::heading(&format!("scores of {size} people"));
        fs::create_dir_all(&bench.scores)?;
        bench.ours(&["scores", &size.to_string(), &bench.scores.to_string_lossy()])?;
        for round in 1..=rounds {
            exec::heading(&format!("{size} people, round {round} of {rounds}"));
            bench.round(*size, &asked, only, &mut found)?;
        }
        fs::remove_dir_all(&bench.scores)?;
    }
    let mut text = String::new();
    for size in sizes {
        text.push_str(&table(&found, *size, &asked)?);
    }
    if let [small, large] = sizes {
        text.push_str(&growth(&found, [*small, *large], &asked)?);
    }
    let python = exec::capture(workspace.command("python3").arg("--version"))?;
    writeln!(text, "Medians, rounds: {rounds}. {}, {}.", machine(), python.trim())?;
    let name = match (quick, only) {
        (false, None) => "analysis.md",
        _ => "analysis-quick.md",
    };
    write_report(&workspace.target.join("bench"), name, &text)
}

struct Bench<'a> {
    workspace: &'a Workspace,
    example: PathBuf,
    scores: PathBuf,
}

impl Bench<'_> {
    fn ours(&self, arguments: &[&str]) -> Result<String> {
        exec::capture(self.workspace.command(&self.example).args(arguments))
    }

    fn peer(&self, name: &str) -> Result<String> {
        let packages = python::ANALYSIS_PEERS.path(self.workspace);
        let mut python = self.workspace.command("python3");
        python.env("PYTHONPATH", packages).arg(self.workspace.path(PEER));
        exec::capture(python.arg(name).arg(Path::new(&self.scores)))
    }

    /// Ours and its peers in turn, so that a disturbance of the machine meets each of them.
    fn round(
        &self,
        size: u32,
        asked: &[&(&str, &[&str])],
        only: Option<&str>,
        found: &mut Found,
    ) -> Result<()> {
        let people = size.to_string();
        let parts = ["parts", &people].into_iter().chain(only).collect::<Vec<_>>();
        for line in self.ours(&parts)?.lines() {
            let said: Value = serde_json::from_str(line)?;
            let name = said["analysis"].as_str().context("a part without a name")?;
            found.take(size, &ours(name), line)?;
        }
        for (name, peers) in asked {
            found.take(size, &ours(name), self.ours(&["whole", name, &people])?.trim())?;
            for peer in *peers {
                found.take(size, peer, self.peer(peer)?.trim())?;
            }
        }
        Ok(())
    }
}

fn ours(name: &str) -> String {
    format!("kartei {name}")
}

fn cell(figure: Option<f64>) -> String {
    match figure {
        None => " – |".to_owned(),
        Some(figure) if figure.abs() >= 100.0 => format!(" {figure:.0} |"),
        Some(figure) if figure.abs() >= 10.0 => format!(" {figure:.1} |"),
        Some(figure) => format!(" {figure:.2} |"),
    }
}

fn ratio(theirs: Option<f64>, ours: Option<f64>) -> Option<f64> {
    Some(theirs? / ours.filter(|ours| *ours > 0.0)?)
}

/// Of each analysis what people wait for, and its statistics beside each peer.
fn table(found: &Found, size: u32, asked: &[&(&str, &[&str])]) -> Result<String> {
    let mut text = format!("| {size} profiles: from texts | wall s | CPU s | first told, ms |");
    text.push_str(" peak MB | above input |\n|---|---:|---:|---:|---:|---:|\n");
    for (name, _) in asked {
        write!(text, "| {name} |")?;
        for figure in ["wall_s", "cpu_s", "first_ms", "peak_mb", "above_mb"] {
            text.push_str(&cell(found.of(size, &ours(name), figure)));
        }
        text.push('\n');
    }
    write!(text, "\n| {size} profiles: statistics alone | peer | kartei s | core s |")?;
    text.push_str(" peer s | core s | peer MB above input | peer / kartei | … of cores |");
    text.push_str("\n|---|---|---:|---:|---:|---:|---:|---:|---:|\n");
    for (name, peers) in asked {
        let of = |figure| found.of(size, &ours(name), figure);
        let (absorbed, merged) = (of("absorbed_s"), of("merged_s"));
        let wall = absorbed.zip(merged).map(|(absorbed, merged)| absorbed / THREADS + merged);
        let cpu = absorbed.zip(merged).map(|(absorbed, merged)| absorbed + merged);
        let none: &[&str] = &["–"];
        for peer in if peers.is_empty() { none } else { peers } {
            let theirs = |figure| found.of(size, peer, figure);
            write!(text, "| {name} | {peer} |")?;
            for figure in [
                wall,
                cpu,
                theirs("wall_s"),
                theirs("cpu_s"),
                theirs("above_mb"),
                ratio(theirs("wall_s"), wall),
                ratio(theirs("cpu_s"), cpu),
            ] {
                text.push_str(&cell(figure));
            }
            text.push('\n');
        }
    }
    text.push('\n');
    Ok(text)
}

/// What a profile costs at both sizes.
fn growth(found: &Found, sizes: [u32; 2], asked: &[&(&str, &[&str])]) -> Result<String> {
    let [small, large] = sizes;
    let mut text = format!("| µs of CPU a profile | {small} | {large} | ratio |\n");
    text.push_str("|---|---:|---:|---:|\n");
    for (name, _) in asked {
        let each =
            sizes.map(|size| Some(found.of(size, &ours(name), "cpu_s")? * 1e6 / f64::from(size)));
        write!(text, "| {name} |")?;
        for figure in [each[0], each[1], ratio(each[1], each[0])] {
            text.push_str(&cell(figure));
        }
        text.push('\n');
    }
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_rounds_and_their_ratios_are_told() {
        let mut found = Found::default();
        for seconds in [3.0, 1.0, 2.0] {
            let parts = format!(r#"{{"analysis":"map","absorbed_s":{seconds},"merged_s":1}}"#);
            found.take(10, "kartei map", &parts).unwrap();
            found.take(10, "map", &format!(r#"{{"wall_s":8,"cpu_s":{seconds}}}"#)).unwrap();
        }
        let text = table(&found, 10, &[&("map", &["map"])]).unwrap();
        assert!(
            text.contains("| map | map | 2.00 | 3.00 | 8.00 | 2.00 | – | 4.00 | 0.67 |"),
            "{text}"
        );
        assert_eq!(ratio(Some(1.0), Some(-0.1)), None);
        found.take(10, "map", "no figures").unwrap_err();
    }
}
