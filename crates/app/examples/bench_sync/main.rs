//! What `cargo xtask bench sync` measures from inside: how soon an edit is seen elsewhere, what an
//! import over HTTP costs beside `COPY`, what a change costs as an organisation grows, and how many
//! single profiles are read in a second. `cargo xtask bench load` takes its `load`: an organisation at work.
//! Prints tables in Markdown.
//!
//! Usage: `bench_sync live --desktops N --edits N --file FILE`, `bench_sync import --profiles N
//! --runs N --file FILE`, `bench_sync load --desktops N --seconds N --file FILE`, `bench_sync growth
//! --profiles N,… --edits N --file FILE …`, `bench_sync reads --profiles N --edits REQUESTS --file FILE`. The
//! files hold made profiles, one file for each number.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

mod desks;
mod figures;
mod growth;
mod import;
mod live;
mod load;
mod reads;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// The command line after the part's name.
#[derive(Debug, Default)]
struct Options {
    desktops: usize,
    edits: usize,
    runs: usize,
    /// How long it goes on.
    seconds: u64,
    /// Made profiles: how many, and where.
    files: Vec<PathBuf>,
    profiles: Vec<usize>,
}

impl Options {
    fn read(words: &[String]) -> Result<Self> {
        let mut options = Self::default();
        for pair in words.chunks(2) {
            let [name, value] = pair else { bail!("{} needs a value", pair[0]) };
            let number = || value.parse().with_context(|| format!("{name} takes a number"));
            match name.as_str() {
                "--desktops" => options.desktops = number()?,
                "--edits" => options.edits = number()?,
                "--seconds" => {
                    options.seconds = value.parse().context("--seconds takes a number")?;
                }
                "--runs" => options.runs = number()?,
                "--file" => options.files.push(PathBuf::from(value)),
                "--profiles" => {
                    let numbers = value.split(',').map(str::parse).collect::<Result<_, _>>();
                    options.profiles = numbers.context("--profiles takes numbers")?;
                }
                _ => bail!("{name} is no option here"),
            }
        }
        Ok(options)
    }

    fn file(&self) -> Result<&PathBuf> {
        self.files.first().context("--file is missing")
    }
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (part, rest) = words.split_first().context("which part?")?;
    let options = Options::read(rest)?;
    match part.as_str() {
        "live" => live::run(&options),
        "load" => load::run(&options),
        "import" => import::run(&options),
        "growth" => growth::run(&options),
        "reads" => reads::run(&options),
        other => bail!("there is no part `{other}`"),
    }
}
