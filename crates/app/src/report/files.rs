//! The files about an import: every problem as NDJSON and as CSV, and the rejected lines as they
//! were. They are made when there is something to write, and hold nothing in memory.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Told;

const CSV_HEAD: &[u8] = b"line,id,pointer,rule,reason,found,mend,warning,offset\r\n";

/// Writes the files of one import into a folder of its own.
#[derive(Debug)]
pub(crate) struct ReportFiles {
    folder: PathBuf,
    open: Option<Open>,
    failed: Option<io::Error>,
}

#[derive(Debug)]
struct Open {
    ndjson: Output,
    csv: Output,
    /// Warnings reject nothing and lines over the limit are not kept, so there may be none.
    rejected: Option<Output>,
}

impl ReportFiles {
    /// Nothing is made before the first problem.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, open: None, failed: None }
    }

    /// Writes a problem, and the line itself where it was rejected: its bytes as they were, whatever
    /// they are, with a line feed after them. What cannot be written is told at the end: the import
    /// goes on.
    pub(crate) fn problem(&mut self, told: &Told, rejected: Option<&[u8]>) {
        if self.failed.is_none() {
            self.failed = self.write(told, rejected).err();
        }
    }

    fn write(&mut self, told: &Told, rejected: Option<&[u8]>) -> io::Result<()> {
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open::create(&self.folder)?),
        };
        open.ndjson.write(&as_json(told)?)?;
        open.csv.write(as_row(told).as_bytes())?;
        if let Some(line) = rejected {
            let file = match &mut open.rejected {
                Some(file) => file,
                none => none.insert(Output::create(&self.folder, "rejected.ndjson")?),
            };
            file.write(line)?;
            file.write(b"\n")?;
        }
        Ok(())
    }

    /// Ends the files. Answers whether there are some.
    ///
    /// # Errors
    /// The first fault of creating or writing one of them, with its path.
    pub(crate) fn finish(self) -> io::Result<bool> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Some(open) = self.open else { return Ok(false) };
        let outputs = [Some(open.ndjson), Some(open.csv), open.rejected];
        outputs.into_iter().flatten().try_for_each(Output::finish)?;
        Ok(true)
    }
}

impl Open {
    fn create(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder).map_err(|e| about(folder, &e))?;
        let mut csv = Output::create(folder, "errors.csv")?;
        csv.write(CSV_HEAD)?;
        Ok(Self { ndjson: Output::create(folder, "errors.ndjson")?, csv, rejected: None })
    }
}

/// A file whose faults name it.
#[derive(Debug)]
struct Output {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Output {
    fn create(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(name);
        let file = File::create(&path).map_err(|e| about(&path, &e))?;
        Ok(Self { path, file: BufWriter::new(file) })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).map_err(|e| about(&self.path, &e))
    }

    fn finish(mut self) -> io::Result<()> {
        self.file.flush().map_err(|e| about(&self.path, &e))
    }
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The problem as the report lists it, and `offset`, which only the files have.
fn as_json(told: &Told) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&told.problem)?;
    if let Some(offset) = told.offset {
        // Into the object, which has members before it.
        line.pop();
        write!(line, ",\"offset\":{offset}}}")?;
    }
    line.push(b'\n');
    Ok(line)
}

fn as_row(told: &Told) -> String {
    let problem = &told.problem;
    let cells = [
        problem.line.to_string(),
        cell(problem.id.as_deref().unwrap_or_default()),
        cell(&problem.pointer),
        cell(&problem.rule),
        cell(&problem.reason),
        cell(problem.found.as_deref().unwrap_or_default()),
        cell(&problem.mend),
        problem.warning.to_string(),
        told.offset.map_or_else(String::new, |offset| offset.to_string()),
    ];
    cells.join(",") + "\r\n"
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
    use kartei_profile::Violation;

    use super::super::Tally;
    use super::*;

    fn told(line: u64, pointer: &str, reason: &str, warning: bool) -> Told {
        Tally::default().problem(line, Violation::new(pointer, "type", reason), warning)
    }

    #[test]
    fn they_hold_every_problem_and_the_rejected_lines_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = ReportFiles::new(folder.path().join("7"));
        files.problem(&told(3, "/a,b", "=not \"this\"", false), Some(b"{\"bad\": \xff}"));
        files.problem(&told(4, "/x", "r", true), None);
        files.problem(&told(5, "/y", "r", false), Some(b"\x00\r"));
        assert!(files.finish().unwrap());
        let read = |name: &str| std::fs::read(folder.path().join("7").join(name)).unwrap();
        assert_eq!(read("rejected.ndjson"), b"{\"bad\": \xff}\n\x00\r\n");
        let ndjson = String::from_utf8(read("errors.ndjson")).unwrap();
        let lines: Vec<serde_json::Value> =
            ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let numbers: Vec<_> = lines.iter().map(|line| line["line"].as_u64().unwrap()).collect();
        assert_eq!(numbers, [3, 4, 5]);
        assert_eq!((&lines[1]["warning"], &lines[0]["pointer"]), (&true.into(), &"/a,b".into()));
        let csv = String::from_utf8(read("errors.csv")).unwrap();
        assert_eq!(csv.matches("\r\n").count(), 4);
        let row = csv.lines().nth(1).unwrap();
        assert!(row.starts_with("3,,\"/a,b\",type,\"'=not \"\"this\"\"\","), "{row}");
    }

    #[test]
    fn a_line_that_cannot_be_read_has_its_offset_in_both() {
        let schema = kartei_profile::RecordSchema::user_profile_v1();
        let violation = kartei_profile::Record::parse(&schema, b"{\"id\":01}").unwrap_err();
        let offset = violation.offset.unwrap();
        let told = Tally::default().problem(1, violation, false);
        let line: serde_json::Value = serde_json::from_slice(&as_json(&told).unwrap()).unwrap();
        assert_eq!(line["offset"], offset);
        assert_eq!(line["rule"], "syntax");
        assert!(as_row(&told).ends_with(&format!(",false,{offset}\r\n")));
    }

    #[test]
    fn nothing_is_made_where_there_is_nothing_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let none = ReportFiles::new(folder.path().join("8"));
        assert!(!none.finish().unwrap() && !folder.path().join("8").exists());
        let mut warned = ReportFiles::new(folder.path().join("9"));
        warned.problem(&told(1, "/x", "r", true), None);
        assert!(warned.finish().unwrap());
        assert!(!folder.path().join("9/rejected.ndjson").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told_at_the_end_by_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        std::fs::write(&taken, b"a file").unwrap();
        let mut files = ReportFiles::new(taken.join("7"));
        files.problem(&told(1, "/x", "r", false), None);
        files.problem(&told(2, "/x", "r", false), None);
        let error = files.finish().unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@A1", "\tx", "\rx"] {
            let cell = cell(text);
            assert!(cell.starts_with('\'') || cell.starts_with("\"'"), "{cell:?}");
        }
        assert_eq!(cell("a=1"), "a=1");
        assert_eq!(cell("two\nlines, \"quoted\""), "\"two\nlines, \"\"quoted\"\"\"");
    }
}
