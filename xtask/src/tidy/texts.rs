//! What a file of the tree may hold.

/// Lines of a source file at most, tests and generated files aside.
const LINES_MAX: usize = 600;

/// Lines of a file of the desktop shell at most: it only adapts.
const SHELL_LINES_MAX: usize = 200;

/// Files in which tests wait: the one place that may sleep between two looks at a state.
const WAITS: &[&str] = &["crates/test-support/src/wait.rs", "tests/js/lib/wait.mjs"];

/// Folders of a particular machine, as they look at the beginning of a path.
const MACHINE_FOLDERS: &[&str] = &["/root/", "/home/", "/work/", "/Users/"];

/// Crates whose numbers have the same bits on every machine.
const SAME_BITS: &[&str] = &["crates/stats/src/", "crates/behavior/src/", "crates/analysis/src/"];

/// Methods of `f64` that the system's library computes, each in its own way (`libm` has them all).
const OTHER_BITS: &[&str] = &[
    ".ln(",
    ".ln_1p(",
    ".log(",
    ".log2(",
    ".log10(",
    ".exp(",
    ".exp2(",
    ".exp_m1(",
    ".powf(",
    ".powi(",
    ".sin(",
    ".cos(",
    ".tan(",
    ".tanh(",
    ".atan2(",
    ".cbrt(",
    ".hypot(",
    ".mul_add(",
];

/// Servers of package registries: which one a machine uses is its own configuration.
const REGISTRY_HOSTS: &[&str] =
    &["registry.npmjs.org", "static.crates.io", "index.crates.io", "pypi.org", "pythonhosted.org"];

/// The broken rules of one file, as sentences that begin with its path.
pub(crate) fn check(path: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let file = File::new(path, text);
    // This file and its tests spell out what they forbid.
    let is_this = path == "xtask/src/tidy/texts.rs";
    file.size(&mut broken);
    if !is_this {
        file.words(&mut broken);
        file.imports(&mut broken);
    }
    broken.iter().map(|reason| format!("{path}{reason}")).collect()
}

struct File<'a> {
    path: &'a str,
    text: &'a str,
    extension: &'a str,
    /// The line, from 0, from which on everything is a test.
    tests_from: usize,
}

impl<'a> File<'a> {
    fn new(path: &'a str, text: &'a str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let is_test = path.starts_with("tests/")
            || path.starts_with("crates/test-support/")
            || path.contains("/tests/")
            || name.ends_with("tests.rs")
            || name.contains(".test.");
        let tests_from = match is_test {
            true => 0,
            false => text.lines().position(|line| line == "#[cfg(test)]").unwrap_or(usize::MAX),
        };
        Self { path, text, extension, tests_from }
    }

    fn is_source(&self) -> bool {
        matches!(self.extension, "rs" | "ts" | "svelte" | "js" | "mjs")
    }

    fn size(&self, broken: &mut Vec<String>) {
        let lines = self.text.lines().count();
        let is_generated = self.path.ends_with("generated.ts");
        if self.path.starts_with("src-tauri/") && self.extension == "rs" && lines > SHELL_LINES_MAX
        {
            broken
                .push(format!(": {lines} lines; the shell's files have {SHELL_LINES_MAX} at most"));
        }
        let counted = lines.min(self.tests_from);
        if self.is_source() && !is_generated && counted > LINES_MAX {
            broken.push(format!(": {counted} lines; {LINES_MAX} at most, one concept a file"));
        }
    }

    fn words(&self, broken: &mut Vec<String>) {
        for (index, line) in self.text.lines().enumerate() {
            let mut say = |reason: &str| broken.push(format!(":{}: {reason}", index + 1));
            if self.is_source() {
                if later_without_issue(line) {
                    say("a note for later names its issue, like TODO(#12)");
                }
                if names_machine_folder(line) {
                    say("a path of a particular machine");
                }
                if index >= self.tests_from && !WAITS.contains(&self.path) && sleeps(line) {
                    say("tests wait for a state with a deadline, they do not sleep");
                }
            }
            if self.extension == "rs" {
                if line.contains("#[ignore") {
                    say("no test is ignored; a flaky test is a failed test");
                }
                if index < self.tests_from && self.other_bits(line) {
                    say(
                        "std's functions and hash maps differ between machines; use libm and BTreeMap",
                    );
                }
                if bare_allow(self.text, index) {
                    say("use #[expect(…, reason = \"…\")] instead of a bare #[allow]");
                }
            }
            if REGISTRY_HOSTS.iter().any(|host| line.contains(host)) {
                say("names the host of a package registry");
            }
            if self.path.ends_with("package-lock.json") && line.contains("\"resolved\": \"http") {
                say("the lock names a host; set omit-lockfile-registry-resolved in .npmrc");
            }
        }
    }

    fn other_bits(&self, line: &str) -> bool {
        SAME_BITS.iter().any(|folder| self.path.starts_with(folder))
            && (OTHER_BITS.iter().any(|method| line.contains(method))
                || ["HashMap", "HashSet"].iter().any(|name| line.contains(name)))
    }

    fn imports(&self, broken: &mut Vec<String>) {
        let is_ui = self.path.starts_with("ui/src/") && self.is_source();
        if is_ui && !self.path.starts_with("ui/src/lib/ipc/") && self.text.contains("@tauri-apps/")
        {
            broken.push(": only ui/src/lib/ipc imports @tauri-apps".to_owned());
        }
    }
}

fn later_without_issue(line: &str) -> bool {
    ["TODO", "FIXME", "XXX:"].iter().any(|word| {
        line.match_indices(word).any(|(at, _)| {
            let rest = &line[at + word.len()..];
            let starts_word = !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let ends_word = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            let has_issue = rest
                .strip_prefix("(#")
                .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()));
            starts_word && ends_word && !has_issue
        })
    })
}

fn names_machine_folder(line: &str) -> bool {
    MACHINE_FOLDERS.iter().any(|folder| {
        line.match_indices(folder).any(|(at, _)| {
            // Inside a longer path or an address it is somebody else's folder.
            !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-/}~*".contains(c))
        })
    })
}

fn sleeps(line: &str) -> bool {
    let words = ["thread::sleep", "time::sleep(", "timers/promises", "waitForTimeout"];
    words.iter().any(|word| line.contains(word))
        || (line.contains("new Promise") && line.contains("setTimeout("))
}

/// Whether an `allow` begins on this line and ends without a reason.
fn bare_allow(text: &str, index: usize) -> bool {
    let Some(line) = text.lines().nth(index) else { return false };
    let begins = ["#[allow(", "#![allow("].iter().any(|open| line.trim_start().starts_with(open));
    if !begins {
        return false;
    }
    let attribute: Vec<&str> = text.lines().skip(index).take(12).collect();
    let attribute = attribute.join("\n");
    let end = attribute.find(")]").unwrap_or(attribute.len());
    !attribute[..end].contains("reason")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, text: &str) -> bool {
        !check(path, text).is_empty()
    }

    #[test]
    fn long_files_are_found_but_not_long_tests_or_generated_ones() {
        let long = "x\n".repeat(LINES_MAX + 1);
        assert!(broken("crates/a/src/b.rs", &long));
        assert!(broken("ui/src/app/App.svelte", &long));
        assert!(!broken("crates/a/tests/b.rs", &long));
        assert!(!broken("ui/src/lib/ipc/generated.ts", &long));
        let mostly_tests = format!("fn a() {{}}\n#[cfg(test)]\n{long}");
        assert!(!broken("crates/a/src/b.rs", &mostly_tests));
    }

    #[test]
    fn the_shell_has_a_tighter_limit() {
        assert!(broken("src-tauri/src/a.rs", &"x\n".repeat(SHELL_LINES_MAX + 1)));
        assert!(!broken("src-tauri/src/a.rs", &"x\n".repeat(SHELL_LINES_MAX)));
    }

    #[test]
    fn numbers_have_the_same_bits_everywhere() {
        assert!(broken("crates/stats/src/a.rs", "let y = x.ln();"));
        assert!(broken("crates/behavior/src/a.rs", "use std::collections::HashMap;"));
        assert!(!broken("crates/stats/src/a.rs", "let y = libm::log(x).sqrt();"));
        assert!(!broken("crates/stats/src/a.rs", "#[cfg(test)]\nmod tests {\n x.log10();\n}"));
        assert!(!broken("crates/app/src/a.rs", "let y = x.ln();"));
    }

    #[test]
    fn ignored_and_sleeping_tests_are_found() {
        assert!(broken("crates/a/src/b.rs", "#[ignore = \"slow\"]"));
        assert!(broken("tests/tests/a.rs", "std::thread::sleep(x);"));
        assert!(broken("crates/a/src/b.rs", "#[cfg(test)]\nmod tests {\n thread::sleep(x);\n}"));
        assert!(!broken("crates/a/src/b.rs", "thread::sleep(x);"), "the product may wait");
        assert!(!broken("crates/test-support/src/wait.rs", "thread::sleep(x);"));
        assert!(broken("tests/js/a.test.mjs", "await new Promise((r) => setTimeout(r, 5));"));
        assert!(!broken("tests/js/a.test.mjs", "const t = setTimeout(() => fail(), 5);"));
    }

    #[test]
    fn an_allow_needs_its_reason() {
        assert!(broken("crates/a/src/b.rs", "#[allow(dead_code)]"));
        assert!(broken("crates/a/src/b.rs", "#![allow(dead_code)]"));
        assert!(!broken("crates/a/src/b.rs", "#[allow(\n  dead_code,\n  reason = \"x\"\n)]"));
    }

    #[test]
    fn notes_for_later_name_an_issue() {
        assert!(broken("crates/a/src/b.rs", "// TODO: later"));
        assert!(broken("ui/src/a.ts", "// FIXME"));
        assert!(!broken("crates/a/src/b.rs", "// TODO(#12): later"));
        assert!(!broken("crates/a/src/b.rs", "let TODOS = 1;"));
    }

    #[test]
    fn folders_of_one_machine_are_found() {
        assert!(broken("tests/js/a.mjs", "const x = '/home/anna/x';"));
        assert!(broken("crates/a/src/b.rs", "\"/root/.cache\""));
        assert!(!broken("crates/a/src/b.rs", "\"https://kartei.example/work/\""));
        assert!(!broken("crates/a/src/b.rs", "\"src/root/mod.rs\""));
    }

    #[test]
    fn locks_and_files_name_no_registry() {
        assert!(broken("ui/package-lock.json", "\"resolved\": \"https://somewhere/x.tgz\""));
        assert!(broken("README.md", "from registry.npmjs.org"));
        assert!(!broken("ui/package-lock.json", "\"integrity\": \"sha512-x\""));
    }

    #[test]
    fn only_the_bridge_folder_knows_tauri() {
        let import = "import { invoke } from '@tauri-apps/api/core';";
        assert!(broken("ui/src/app/a.ts", import));
        assert!(!broken("ui/src/lib/ipc/tauri.ts", import));
    }
}
