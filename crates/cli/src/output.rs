//! Standard output: text for people, one JSON object for programs.

use std::io::{IsTerminal, Write};

use kartei_protocol::problem::{Problem, ProblemCode};
use serde::Serialize;

/// Where results go.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Whether progress is worth drawing: only for somebody who looks.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }

    pub(crate) fn value(&self, value: &impl Serialize) -> Result<(), Problem> {
        let text = serde_json::to_string(value)
            .map_err(|e| Problem::new(ProblemCode::Internal, format!("print JSON: {e}")))?;
        self.lines(&[text])
    }

    /// Prints lines. A reader that went away (`kartei list | head`) is no failure.
    pub(crate) fn lines(&self, lines: &[String]) -> Result<(), Problem> {
        let mut stdout = std::io::stdout().lock();
        for line in lines {
            match writeln!(stdout, "{line}") {
                Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                Err(e) => {
                    let message = format!("standard output cannot be written: {e}");
                    return Err(Problem::new(ProblemCode::FileUnreadable, message));
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Shows a person where in the filter the mistake is.
    pub(crate) fn mark(&self, filter: &str, problem: Problem) -> Problem {
        if let (Some(range), false) = (problem.range, self.json) {
            let units: Vec<u16> = filter.encode_utf16().collect();
            let chars = |from: u32, to: u32| {
                let part = units.get(from as usize..to as usize).unwrap_or_default();
                String::from_utf16_lossy(part).chars().count()
            };
            let before = " ".repeat(chars(0, range.start));
            let marks = "^".repeat(chars(range.start, range.end).max(1));
            eprintln!("  {}\n  {before}{marks}", filter.replace(char::is_control, " "));
        }
        problem
    }

    pub(crate) fn problem(&self, problem: &Problem) {
        if self.json {
            // Nothing is left to tell where even this fails.
            let _ = self.value(&serde_json::json!({ "problem": problem }));
        } else {
            eprintln!("kartei: {problem}");
        }
    }
}
