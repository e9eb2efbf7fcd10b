//! From an event of `tracing` to a line of the log, without what could be personal.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use kartei_protocol::desktop::{LogEntry, LogLevel};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::file::LogFile;
use crate::clock;

/// Fields whose words are kept: stable words of the program, never what somebody typed. The texts
/// of other fields, such as an error's, are left out, since they name ids, files and addresses.
pub(super) const WORDS: &[&str] =
    &["code", "state", "format", "kind", "part", "why", "version", "platform", "sqlite"];

/// Characters of such a word at most.
const WORD_CHARS_MAX: usize = 48;

/// Stands where a text was left out, so that one sees that there was one.
const LEFT_OUT: &str = "…";

/// Writes events to the log's file.
#[derive(Debug)]
pub(super) struct Kept {
    file: Mutex<LogFile>,
}

impl Kept {
    pub(super) fn new(file: LogFile) -> Self {
        Self { file: Mutex::new(file) }
    }
}

impl<S: Subscriber> Layer<S> for Kept {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = line_of(event);
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written is no reason to stop; the disk's state is told elsewhere.
        let _ = file.append(&line);
    }
}

fn line_of(event: &Event<'_>) -> String {
    let mut said = Said::default();
    event.record(&mut said);
    let metadata = event.metadata();
    let level = match *metadata.level() {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        _ => LogLevel::Info,
    };
    let entry = LogEntry {
        at: clock::text(clock::now()),
        level,
        place: metadata.target().to_owned(),
        message: said.message,
        fields: said.fields,
    };
    serde_json::to_string(&entry).unwrap_or_default()
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: BTreeMap<String, Value>,
}

impl Said {
    fn word(&mut self, name: &str, text: &str) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-+ ()".contains(c);
        let is_word = text.len() <= WORD_CHARS_MAX && text.chars().all(is_plain);
        let kept = if WORDS.contains(&name) && is_word { text } else { LEFT_OUT };
        self.fields.insert(name.to_owned(), Value::from(kept));
    }

    fn number(&mut self, field: &Field, value: impl Into<Value>) {
        self.fields.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.word(name, &format!("{value:?}")),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.word(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.number(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field, value);
    }
}

#[cfg(test)]
mod tests {
    use kartei_protocol::problem::{Problem, ProblemCode};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn numbers_and_the_programs_own_words_are_kept_and_no_other_text() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(LogFile::new(folder.path().to_owned()));
        let problem = Problem::new(ProblemCode::TooLarge, "notes of `anna-keller` are too long");
        tracing::subscriber::with_default(tracing_subscriber::registry().with(kept), || {
            tracing::warn!(code = ?problem.code, %problem, lines = 7_u64, "Sync step failed");
            tracing::info!(code = "said by \"Anna\"", path = "/srv/anna", "Opened");
        });
        let text = std::fs::read_to_string(folder.path().join("kartei.log")).unwrap();
        let entries: Vec<LogEntry> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(entries[0].message, "Sync step failed");
        assert_eq!(entries[0].level, LogLevel::Warn);
        assert_eq!(
            serde_json::to_value(&entries[0].fields).unwrap(),
            serde_json::json!({ "code": "TooLarge", "problem": "…", "lines": 7 })
        );
        assert!(!text.to_lowercase().contains("anna"), "{text}");
    }
}
