//! The steps, in the order in which they are run.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::summary::Summaries;
use crate::workspace::Workspace;
use crate::{codegen, exec, node, package, python, setup, tidy, ui};

/// One step.
pub(crate) struct Step {
    /// What `--only` calls it.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Whether the steps after it mean nothing where it failed.
    pub others_need_it: bool,
    /// Does it.
    pub run: fn(&Workspace, &mut Summaries) -> Result<()>,
}

const fn step(
    name: &'static str,
    title: &'static str,
    run: fn(&Workspace, &mut Summaries) -> Result<()>,
) -> Step {
    Step { name, title, others_need_it: false, run }
}

const fn needed(
    name: &'static str,
    title: &'static str,
    run: fn(&Workspace, &mut Summaries) -> Result<()>,
) -> Step {
    Step { name, title, others_need_it: true, run }
}

/// All steps. The cheap ones come first; the journeys come last because they need everything.
pub(crate) const STEPS: &[Step] = &[
    needed("setup", "Machine: system packages and tools", machine),
    needed("packages", "Packages of ui and tests/js", packages),
    step("fmt", "Formatting of Rust", formatting),
    step("tidy", "Rules of the tree", |workspace, _| tidy::rules(workspace)),
    step("codegen", "Generated files are as generated", |workspace, _| codegen::check(workspace)),
    step("ui-check", "UI: types, lint and format", ui_check),
    step("ui-test", "UI: tests", ui_test),
    needed("ui-build", "UI: build", |workspace, _| ui::build_if_stale(workspace)),
    step("alerts", "Rules for alerts, against recorded series", alerts),
    step("clippy", "Lints of Rust", clippy),
    step("deny", "Licences, bans and sources of dependencies", deny),
    needed("build", "Programs", programs),
    step("package", "The relay's package, installed", |workspace, _| {
        package::check_units(workspace)
    }),
    step("js", "Other programs: schema, documents and uploads without our code", javascript),
    step("target", "Scores and results on a second target", second_target),
    step("rust", "Tests in Rust, the kill test among them", rust),
    step("browser", "Journey through a browser", browser),
    step("desktop", "Journey through the installed desktop's window", desktop),
];

fn machine(workspace: &Workspace, _: &mut Summaries) -> Result<()> {
    setup::prepare(workspace, setup::Purpose::Tests)
}

fn packages(workspace: &Workspace, _: &mut Summaries) -> Result<()> {
    node::install(workspace, "ui")?;
    node::install(workspace, "tests/js")
}

fn formatting(workspace: &Workspace, _: &mut Summaries) -> Result<()> {
    exec::show(&mut workspace.cargo(&["fmt", "--all", "--check"]))
}

fn ui_check(workspace: &Workspace, _: &mut Summaries) -> Result<()> {
    exec::show(&mut node::npm(workspace, "ui", &["run", "--silent", "check"]))?;
    exec::show(&mut node::npm(workspace, "ui", &["run", "--silent", "lint"]))
}

fn ui_test(workspace: &Workspace, summaries: &mut Summaries) -> Result<()> {
    let (passed, output) =
        exec::show_and_keep(&mut node::npm(workspace, "ui", &["run", "--silent", "test"]))?;
    summaries.keep_node("ui (vitest)", &output);
    said(passed, "vitest")
}

fn clippy(workspace: &Workspace, _: &mut Summaries) -> Result<()> {
    exec::show(&mut workspace.cargo(&[
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn deny(workspace: &Workspace, _: &mut Summaries) -> Result<()> {
    let check = ["deny", "--log-level", "error", "check", "licenses", "bans", "sources"];
    exec::show(&mut workspace.cargo(&check))?;
    // Known vulnerabilities are looked up in a database that is fetched from outside. Where it is
    // not on this machine there is nothing to check against, and that is said, not failed.
    let offline = ["deny", "--offline", "--log-level", "error", "check", "advisories"];
    let (passed, output) = exec::show_and_keep(&mut workspace.cargo(&offline))?;
    if !passed && output.contains("advisory-db") {
        println!(
            "NOT CHECKED: advisories. Their database is not on this machine; `cargo deny fetch` \
             gets it where the network allows."
        );
        return Ok(());
    }
    said(passed, "cargo deny check advisories")
}

fn alerts(workspace: &Workspace, _: &mut Summaries) -> Result<()> {
    let promtool = match setup::promtool(workspace) {
        Ok(promtool) => promtool,
        Err(error) => {
            println!("NOT CHECKED: rules for alerts. There is no promtool: {error:#}");
            return Ok(());
        }
    };
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]] {
        let mut command = Command::new(&promtool);
        exec::show(command.args(arguments).current_dir(workspace.path("ops/prometheus")))?;
    }
    Ok(())
}

fn programs(workspace: &Workspace, _: &mut Summaries) -> Result<()> {
    build_programs(workspace, &["kartei-cli", "kartei-relay", "kartei-dev-host", "kartei-desktop"])
}

/// Builds the programs of these packages in the dev profile.
pub(crate) fn build_programs(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    let mut cargo = workspace.cargo(&["build", "--quiet"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    exec::show(&mut cargo)
}

fn javascript(workspace: &Workspace, summaries: &mut Summaries) -> Result<()> {
    let files = [
        "schema.test.mjs",
        "automerge.test.mjs",
        "uploads.test.mjs",
        "contract.test.mjs",
        "integration.test.mjs",
        "ops.test.mjs",
    ];
    node_tests(workspace, summaries, "tests/js", &files)
}

fn browser(workspace: &Workspace, summaries: &mut Summaries) -> Result<()> {
    let journeys = [
        "browser.journey.mjs",
        "store.journey.mjs",
        "people.journey.mjs",
        "together.journey.mjs",
        "shell.journey.mjs",
        "workspaces.journey.mjs",
        "table.journey.mjs",
        "keychain.journey.mjs",
        "analyses.journey.mjs",
        "behavior.journey.mjs",
        "results.journey.mjs",
        "views.journey.mjs",
        "migration.journey.mjs",
        "admin.journey.mjs",
    ];
    node_tests(workspace, summaries, "browser journey", &journeys)
}

fn desktop(workspace: &Workspace, summaries: &mut Summaries) -> Result<()> {
    let installed = package::install_for_tests(workspace, &package::DESKTOP)?.join("usr/bin");
    let mut node = node_command(workspace, &["desktop.journey.mjs", "system.journey.mjs"]);
    // What people install is what is tried.
    node.env("KARTEI_INSTALLED", installed);
    run_node(&mut node, summaries, "desktop journey")
}

fn node_tests(
    workspace: &Workspace,
    summaries: &mut Summaries,
    name: &str,
    files: &[&str],
) -> Result<()> {
    run_node(&mut node_command(workspace, files), summaries, name)
}

fn node_command(workspace: &Workspace, files: &[&str]) -> Command {
    let mut node = workspace.command("node");
    node.current_dir(workspace.path("tests/js"));
    node.args(["--test", "--test-reporter=spec", "--test-timeout=240000"]).args(files);
    node.env("KARTEI_PROGRAMS", workspace.target.join("debug"));
    node.env("KARTEI_PICTURES", workspace.target.join("journey"));
    node.env("KARTEI_PYTHON", python::CLIENTS.path(workspace));
    node
}

fn run_node(node: &mut Command, summaries: &mut Summaries, name: &str) -> Result<()> {
    let (passed, output) = exec::show_and_keep(node)?;
    summaries.keep_node(&format!("{name} (node --test)"), &output);
    said(passed, name)
}

/// Numbers are 32 bits wide there, and functions of the C library are others.
const SECOND_TARGET: &str = "i686-unknown-linux-musl";

fn second_target(workspace: &Workspace, summaries: &mut Summaries) -> Result<()> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        println!("left out: only Linux on x86_64 runs programs of {SECOND_TARGET}");
        return Ok(());
    }
    let has_it = || {
        let mut rustc = Command::new("rustc");
        rustc.args(["--print", "target-libdir", "--target", SECOND_TARGET]);
        let folder = rustc.output().ok().and_then(|output| String::from_utf8(output.stdout).ok());
        folder.is_some_and(|folder| Path::new(folder.trim()).is_dir())
    };
    if !has_it() {
        // Without it, or without a network, it stays missing.
        let _ = exec::show(Command::new("rustup").args(["target", "add", SECOND_TARGET]));
    }
    if !has_it() {
        println!("left out: run `rustup target add {SECOND_TARGET}`");
        return Ok(());
    }
    let mut cargo = workspace.cargo(&["nextest", "run", "--cargo-quiet", "--no-fail-fast"]);
    cargo.args(["--show-progress=none", "--target", SECOND_TARGET, "-E", "binary(bits)"]);
    cargo.args(["-p", "kartei-stats", "-p", "kartei-behavior", "-p", "kartei-analysis"]);
    // What comes with Rust links it: no compiler for that target is needed.
    let flags = "-Clinker=rust-lld -Clink-self-contained=yes";
    cargo.env("CARGO_TARGET_I686_UNKNOWN_LINUX_MUSL_RUSTFLAGS", flags);
    let (passed, output) = exec::show_and_keep(&mut cargo)?;
    summaries.keep_nextest(&output);
    said(passed, "nextest for the second target")
}

fn rust(workspace: &Workspace, summaries: &mut Summaries) -> Result<()> {
    let mut cargo = workspace.cargo(&[
        "nextest",
        "run",
        "--cargo-quiet",
        "--workspace",
        "--no-fail-fast",
        "--show-progress=none",
    ]);
    let (passed, output) = exec::show_and_keep(&mut cargo)?;
    summaries.keep_nextest(&output);
    said(passed, "nextest")
}

fn said(passed: bool, runner: &str) -> Result<()> {
    if passed { Ok(()) } else { bail!("{runner} failed (above)") }
}
