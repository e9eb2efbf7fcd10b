//! The version that programs show: the release's number, and in release builds the commit and its day. Never the
//! moment or the machine of the build, so that the same sources make the same programs.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=KARTEI_COMMIT");
    let number = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    // Between two commits of a day's work nothing is linked anew for a word.
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = match env::var("KARTEI_COMMIT") {
        Ok(said) => Some(said),
        Err(_) if is_release => head(),
        Err(_) => None,
    };
    let version = match commit {
        Some(commit) => format!("{number} ({commit})"),
        // From an archive without history the number has to do.
        None => number,
    };
    println!("cargo::rustc-env=KARTEI_VERSION={version}");
}

/// The commit and its day, where this is a checkout.
fn head() -> Option<String> {
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--path-format=absolute", "--git-path", file]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["log", "-1", "--format=%h, %cs"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let answer = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let text = text.trim();
    (answer.status.success() && !text.is_empty()).then(|| text.to_owned())
}
