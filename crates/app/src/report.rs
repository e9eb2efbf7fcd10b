//! What is said of an import: counts, the first problems, all problems by kind; and its files.

mod files;

use std::collections::HashMap;

use kartei_local_store::Landed;
use kartei_profile::Violation;
use kartei_protocol::desktop::{ImportCounts, LineProblem, ProblemExample, ProblemKind};

pub(crate) use files::ReportFiles;

/// Problems that are listed one by one. More are counted by kind, and are all in the files.
const PROBLEMS_MAX: usize = 1_000;

/// Kinds that are kept apart. A file with a different wrong member in each line has no use for
/// more.
const KINDS_MAX: usize = 500;

/// Lines that a kind names.
const EXAMPLES_MAX: usize = 5;

/// A problem as it is told, and where in its line reading failed.
#[derive(Debug)]
pub(crate) struct Told {
    problem: LineProblem,
    /// Byte position within the line, from 0.
    offset: Option<u32>,
}

/// Grows line by line.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counts: ImportCounts,
    problems: Vec<LineProblem>,
    kinds: HashMap<(&'static str, String, bool), ProblemKind>,
}

impl Tally {
    pub(crate) fn landed(&mut self, landed: Landed) {
        match landed {
            Landed::Created => self.counts.created += 1,
            Landed::Updated { new_conflicts } => {
                self.counts.updated += 1;
                self.counts.conflicts += u64::from(new_conflicts > 0);
            }
            Landed::Unchanged => self.counts.unchanged += 1,
            Landed::Duplicate => self.counts.duplicates += 1,
        }
    }

    /// Counts a problem; answers it as it is told.
    pub(crate) fn problem(&mut self, line: u64, violation: Violation, warning: bool) -> Told {
        if warning {
            self.counts.warned += 1;
        } else {
            self.counts.rejected += 1;
        }
        let (rule, offset) = (violation.rule, violation.offset);
        let problem = LineProblem {
            line,
            mend: violation.mend().to_owned(),
            id: violation.id,
            pointer: violation.pointer,
            rule: rule.to_owned(),
            reason: violation.reason,
            found: violation.found.map(String::from),
            warning,
        };
        let place = place_of(&problem.pointer);
        let is_full = self.kinds.len() >= KINDS_MAX;
        let mut key = (rule, place.clone(), warning);
        if is_full && !self.kinds.contains_key(&key) {
            key.1 = String::new();
        }
        let kind = self.kinds.entry(key).or_insert_with(|| ProblemKind {
            rule: rule.to_owned(),
            place: if is_full { "…".to_owned() } else { place },
            warning,
            count: 0,
            first_line: line,
            example: problem.reason.clone(),
            mend: problem.mend.clone(),
            examples: Vec::new(),
        });
        kind.count += 1;
        if kind.examples.len() < EXAMPLES_MAX {
            let (id, found) = (problem.id.clone(), problem.found.clone());
            kind.examples.push(ProblemExample { line, id, found });
        }
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem.clone());
        }
        Told { problem, offset }
    }

    pub(crate) fn finish(self) -> (ImportCounts, Vec<LineProblem>, Vec<ProblemKind>) {
        let mut kinds: Vec<ProblemKind> = self.kinds.into_values().collect();
        kinds.sort_by(|a, b| b.count.cmp(&a.count).then(a.first_line.cmp(&b.first_line)));
        (self.counts, self.problems, kinds)
    }
}

/// The same place in every record: positions in arrays do not matter.
fn place_of(pointer: &str) -> String {
    let is_position = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> =
        pointer.split('/').map(|part| if is_position(part) { "*" } else { part }).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(pointer: &str) -> Violation {
        Violation::new(pointer, "type", "r")
    }

    #[test]
    fn the_same_problem_many_times_is_one_kind() {
        let mut tally = Tally::default();
        for line in 1..=100_000 {
            tally.problem(line, violation(&format!("/observations/{}/value", line % 7)), false);
        }
        let (counts, problems, kinds) = tally.finish();
        assert_eq!(counts.rejected, 100_000);
        assert_eq!(problems.len(), PROBLEMS_MAX);
        assert_eq!(kinds.len(), 1);
        assert_eq!(kinds[0].place, "/observations/*/value");
        assert_eq!((kinds[0].count, kinds[0].first_line), (100_000, 1));
        let lines: Vec<u64> = kinds[0].examples.iter().map(|example| example.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5], "the first of them");
        assert!(kinds[0].mend.ends_with('.'));
    }

    #[test]
    fn kinds_are_bounded_and_nothing_goes_uncounted() {
        let mut tally = Tally::default();
        for line in 1..=2_000_u64 {
            tally.problem(line, violation(&format!("/member{line}")), false);
        }
        let (_, _, kinds) = tally.finish();
        assert!(kinds.len() <= KINDS_MAX + 1);
        assert_eq!(kinds.iter().map(|kind| kind.count).sum::<u64>(), 2_000);
    }
}
