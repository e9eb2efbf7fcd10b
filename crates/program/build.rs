//! Which commit a release is made of, and the commit's day. Never when or where it was built: equal
//! sources give equal programs.

use std::process::Command;

/// `git archive` writes commit and day into it (`.gitattributes`); in a repository it is as it was written.
const ARCHIVED: &str = include_str!("commit.txt");

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=commit.txt");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let version = env!("CARGO_PKG_VERSION");
    // Builds for tests name no commit: each commit would link all programs anew.
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let source = if is_release { source() } else { "development build".to_owned() };
    println!("cargo::rustc-env=KARTEI_VERSION={version} ({source})");
}

fn source() -> String {
    let archived = ARCHIVED.trim();
    if !archived.starts_with('$') {
        return shown(archived, "");
    }
    // Unpacked somewhere below another repository, these files are not of that one.
    if git(&["ls-files", "--error-unmatch", "build.rs"]).is_some()
        && let Some(commit) = git(&["log", "-1", "--format=%H %cs"])
    {
        for file in ["HEAD", "logs/HEAD", "index"] {
            if let Some(path) = git(&["rev-parse", "--path-format=absolute", "--git-path", file]) {
                println!("cargo::rerun-if-changed={path}");
            }
        }
        let changed = git(&["status", "--porcelain", "--untracked-files=no", ":/"]);
        let is_changed = changed.is_some_and(|files| !files.is_empty());
        return shown(&commit, if is_changed { ", changed" } else { "" });
    }
    match std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok()) {
        Some(seconds) => format!("unknown commit, {}", day(seconds)),
        None => "unknown commit".to_owned(),
    }
}

/// `0123456789ab, 2026-01-02` of a whole hash and a day. The length is ours: git's own depends on the repository.
fn shown(commit: &str, note: &str) -> String {
    let (hash, day) = commit.split_once(' ').unwrap_or((commit, ""));
    format!("{}, {day}{note}", hash.get(..12).unwrap_or(hash))
}

/// The day in UTC of seconds since 1970, as civil calendars count
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn day(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + next)
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
