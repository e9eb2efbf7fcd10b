//! `cargo xtask`: what a developer or CI runs. Start at [`HELP`].
//!
//! It depends on `anyhow` and `serde_json` alone, so that it builds in seconds and can prepare a
//! machine on which nothing else builds yet.

mod bench;
mod codegen;
mod demo;
mod docs;
mod exec;
mod night;
mod node;
mod package;
mod processes;
mod python;
mod s3_servers;
mod screenshots;
mod setup;
mod test;
mod tidy;
mod ui;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};
use workspace::Workspace;

const HELP: &str = "usage: cargo xtask COMMAND

  demo               real data through import, sync, a conflict and back, then the window
  test [--only NAME] everything CI runs; NAME is one step (`--only list` names them)
  night [--only NAME] the proofs that CI runs small, run large: some hours
  package            desktop and relay as Debian packages, in target/package/
  notices            whose work is in the packages, with licences, in target/notices/
  screenshots [guide] a picture of every view, in target/screenshots/; or those of the user guide
  docs               the documents as a book, in target/docs/
  ui                 install the UI's packages where the lock changed, and build both pages
  codegen            schemas/commands.schema.json and the UI's types, from crates/protocol
  tidy               the rules of the tree: dependencies, sizes, forbidden words
  bench import       import speed, CPU and memory beside a peer in Node
  bench store        what people do among a million profiles
  bench sync [--quick] [--only PART]
                     first sync beside two peers, live edits, imports beside COPY, growth
  bench upload [--quick] [--only PART]
                     uploads of 1 KiB to 4 GiB beside rustus, @tus/server, nginx and dd: MB/s,
                     CPU, memory; the client, small files, a link of 200 Mbit/s with loss
  bench jobs [--quick]
                     the queue of analyses beside pg-boss and graphile-worker
  bench analysis [--quick] [--only NAME]
                     each analysis of 100,000 and 1,000,000 profiles beside numpy, scipy and
                     scikit-learn: time, CPU, memory, the first partial result
  bench scores [--quick]
                     a calibration of a million people, and everybody's scores
  bench load [--quick]
                     500 connected desktops, reads, edits, imports, uploads and analyses, for half
                     an hour: how long each takes, what fails, what the relay holds
  bench ui           what a person waits for in the real window
  setup              system packages and tools";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if matches!(words.as_slice(), [] | ["help" | "--help" | "-h"]) {
        println!("{HELP}");
        return Ok(());
    }
    let workspace = Workspace::find()?;
    match words.as_slice() {
        ["demo"] => demo::run(&workspace),
        ["test"] => test::run(&workspace, None),
        ["test", "--only", name] => test::run(&workspace, Some(name)),
        ["night"] => night::run(&workspace, None),
        ["night", "--only", name] => night::run(&workspace, Some(name)),
        ["package"] => package::run(&workspace),
        ["notices"] => package::write_notices(&workspace),
        ["screenshots", "guide"] => screenshots::guide(&workspace),
        ["screenshots"] => screenshots::run(&workspace),
        ["docs"] => docs::run(&workspace),
        ["ui"] => ui::build(&workspace),
        ["codegen"] => codegen::write(&workspace),
        ["tidy"] => tidy::check(&workspace),
        ["bench", "import"] => bench::import(&workspace),
        ["bench", "store"] => bench::store(&workspace),
        ["bench", "ui"] => bench::window::run(&workspace),
        ["bench", "scores"] => bench::scores::run(&workspace, false),
        ["bench", "scores", "--quick"] => bench::scores::run(&workspace, true),
        ["bench", "load"] => bench::sync::load(&workspace, false),
        ["bench", "load", "--quick"] => bench::sync::load(&workspace, true),
        ["bench", what @ ("sync" | "upload" | "jobs" | "analysis"), rest @ ..] => {
            let (quick, rest) = match rest {
                ["--quick", rest @ ..] => (true, rest),
                rest => (false, rest),
            };
            let only = match rest {
                [] => None,
                ["--only", part] => Some(*part),
                _ => bail!("`{}` is no command here\n{HELP}", words.join(" ")),
            };
            match *what {
                "sync" => bench::sync::run(&workspace, quick, only),
                "jobs" => bench::jobs::run(&workspace, quick, only),
                "analysis" => bench::analysis::run(&workspace, quick, only),
                _ => bench::upload::run(&workspace, quick, only),
            }
        }
        ["setup"] => setup::prepare(&workspace, setup::Purpose::Tests),
        _ => bail!("`{}` is no command here\n{HELP}", words.join(" ")),
    }
}
