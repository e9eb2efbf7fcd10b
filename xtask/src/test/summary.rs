//! The closing lines of test runners, kept so that a long log ends with all of them.

/// What each runner said at its end, in the order of the run.
#[derive(Debug, Default)]
pub(crate) struct Summaries {
    of_node: Vec<(String, Vec<String>)>,
    of_nextest: Vec<String>,
}

impl Summaries {
    /// Keeps what vitest or `node --test` counted.
    pub(crate) fn keep_node(&mut self, step: &str, output: &str) {
        let lines = output.lines().map(plain).filter(|line| is_node_summary(line)).collect();
        self.of_node.push((step.to_owned(), lines));
    }

    /// Keeps nextest's summary.
    pub(crate) fn keep_nextest(&mut self, output: &str) {
        let is_summary = |line: &String| line.trim_start().starts_with("Summary [");
        self.of_nextest.extend(output.lines().map(plain).filter(is_summary));
    }

    /// Prints them; nextest's last, because it counts the most.
    pub(crate) fn print(&self) {
        for (step, lines) in &self.of_node {
            println!("{step}:");
            for line in lines {
                println!("{line}");
            }
        }
        for line in &self.of_nextest {
            println!("{line}");
        }
    }
}

fn is_node_summary(line: &str) -> bool {
    let words = line.trim_start();
    let counts = |rest: &str| rest.trim().parse::<f64>().is_ok();
    let node = ["tests", "suites", "pass", "fail", "cancelled", "skipped", "todo", "duration_ms"];
    let of_node = words
        .strip_prefix("ℹ ")
        .or_else(|| words.strip_prefix("# "))
        .and_then(|rest| rest.split_once(' '))
        .is_some_and(|(word, rest)| node.contains(&word) && counts(rest));
    of_node || words.starts_with("Test Files  ") || words.starts_with("Tests  ")
}

/// The line without its colours.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find("\u{1b}[") {
        out.push_str(&rest[..start]);
        let after = &rest[start + 2..];
        let end = after.find(|c: char| c.is_ascii_alphabetic()).map_or(after.len(), |at| at + 1);
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_off() {
        assert_eq!(plain("\u{1b}[32;1m     Summary\u{1b}[0m [ 1s] 3"), "     Summary [ 1s] 3");
    }

    #[test]
    fn closing_lines_are_told_from_the_rest() {
        let mut summaries = Summaries::default();
        summaries
            .keep_nextest("  PASS a\n     Summary [   1.2s] 3 tests run: 3 passed, 0 skipped\n");
        assert_eq!(summaries.of_nextest.len(), 1);
        summaries
            .keep_node("js", "ℹ tests 4\nℹ pass 4\nℹ see the docs\n Test Files  2 passed (2)\n");
        assert_eq!(summaries.of_node[0].1.len(), 3);
    }
}
