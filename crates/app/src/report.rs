//! What is said of an import: counts, the first problems, all problems by kind; and its files.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use kartei_local_store::Landed;
use kartei_profile::Violation;
use kartei_protocol::desktop::{ImportCounts, LineProblem, ProblemExample, ProblemKind};

/// Problems that are listed one by one. More are counted by kind, and are all in the files.
const PROBLEMS_MAX: usize = 1_000;

/// Kinds that are kept apart. A file with a different wrong member in each line has no use for
/// more.
const KINDS_MAX: usize = 500;

/// Lines that a kind names.
const EXAMPLES_MAX: usize = 5;

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
    pub(crate) fn problem(
        &mut self,
        line: u64,
        violation: Violation,
        warning: bool,
    ) -> LineProblem {
        if warning {
            self.counts.warned += 1;
        } else {
            self.counts.rejected += 1;
        }
        let rule = violation.rule;
        let problem = LineProblem {
            line,
            mend: violation.mend().to_owned(),
            id: violation.id,
            pointer: violation.pointer,
            rule: rule.to_owned(),
            reason: violation.reason,
            found: violation.found,
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
        problem
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

/// The files about an import: every problem as NDJSON and as CSV, and the rejected lines as they
/// were. Made when there is something to write.
#[derive(Debug)]
pub(crate) struct ReportFiles {
    folder: PathBuf,
    open: Option<Open>,
    failed: Option<io::Error>,
}

#[derive(Debug)]
struct Open {
    ndjson: BufWriter<File>,
    csv: BufWriter<File>,
    /// Lines over the limit are not kept, so there may be none.
    rejected: Option<BufWriter<File>>,
}

impl ReportFiles {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, open: None, failed: None }
    }

    /// Writes a problem, and the line itself where it was rejected. What cannot be written is told
    /// at the end: the import goes on.
    pub(crate) fn problem(&mut self, problem: &LineProblem, rejected: Option<&[u8]>) {
        if self.failed.is_none() {
            self.failed = self.write(problem, rejected).err();
        }
    }

    fn write(&mut self, problem: &LineProblem, rejected: Option<&[u8]>) -> io::Result<()> {
        if self.open.is_none() {
            std::fs::create_dir_all(&self.folder)?;
            let mut csv = create(&self.folder, "errors.csv")?;
            csv.write_all(b"line,id,pointer,rule,reason,found,mend,warning\r\n")?;
            let ndjson = create(&self.folder, "errors.ndjson")?;
            self.open = Some(Open { ndjson, csv, rejected: None });
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        serde_json::to_writer(&mut open.ndjson, problem)?;
        open.ndjson.write_all(b"\n")?;
        let cells = [
            problem.line.to_string(),
            cell(problem.id.as_deref().unwrap_or_default()),
            cell(&problem.pointer),
            cell(&problem.rule),
            cell(&problem.reason),
            cell(problem.found.as_deref().unwrap_or_default()),
            cell(&problem.mend),
            problem.warning.to_string(),
        ];
        open.csv.write_all(cells.join(",").as_bytes())?;
        open.csv.write_all(b"\r\n")?;
        if let Some(line) = rejected {
            let file = match &mut open.rejected {
                Some(file) => file,
                none => none.insert(create(&self.folder, "rejected.ndjson")?),
            };
            file.write_all(line)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Ends the files. Answers whether there are some.
    pub(crate) fn finish(self) -> io::Result<bool> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Some(mut open) = self.open else { return Ok(false) };
        open.ndjson.flush()?;
        open.csv.flush()?;
        open.rejected.as_mut().map_or(Ok(()), Write::flush)?;
        Ok(true)
    }
}

fn create(folder: &Path, name: &str) -> io::Result<BufWriter<File>> {
    File::create(folder.join(name)).map(BufWriter::new)
}

/// A cell of CSV (RFC 4180). What a spreadsheet would take for a formula begins with an apostrophe.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
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

    #[test]
    fn the_files_hold_every_problem_and_the_rejected_lines_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = ReportFiles::new(folder.path().join("7"));
        let mut tally = Tally::default();
        let rejected = tally.problem(3, Violation::new("/a,b", "type", "=not \"this\""), false);
        files.problem(&rejected, Some(b"{\"bad\": \xff}"));
        files.problem(&tally.problem(4, violation("/x"), true), None);
        assert!(files.finish().unwrap());
        let read = |name: &str| std::fs::read(folder.path().join("7").join(name)).unwrap();
        assert_eq!(read("rejected.ndjson"), b"{\"bad\": \xff}\n");
        assert_eq!(read("errors.ndjson").split(|b| *b == b'\n').count(), 3);
        let csv = String::from_utf8(read("errors.csv")).unwrap();
        let row = csv.lines().nth(1).unwrap();
        assert!(row.starts_with("3,,\"/a,b\",type,\"'=not \"\"this\"\"\","), "{row}");
        let none = ReportFiles::new(folder.path().join("8"));
        assert!(!none.finish().unwrap() && !folder.path().join("8").exists());
    }
}
