//! The program's log: a few small files in the data folder that go round ([`file`]), written through
//! `tracing` ([`layer`]) and read by the window ([`read`]).
//!
//! It is kept to be handed on when something is wrong, so it holds no personal data: messages are
//! literals, and of what stands beside them only numbers and the words of [`layer::WORDS`] are kept.

mod file;
mod happenings;
mod layer;
mod read;

use std::io;
use std::path::{Path, PathBuf};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

pub(crate) use happenings::follow;

use file::LogFile;
use layer::Kept;

/// Entries of other people's crates may say anything; only our own are kept.
const OWN: &str = "kartei";

/// Where a data folder's log lies.
pub(crate) fn folder_of(data_dir: &Path) -> PathBuf {
    data_dir.join("logs")
}

/// Logs from now on, for the whole process: to the data folder what is kept there, and to standard
/// error what `RUST_LOG` asks for. Does nothing where the process logs already.
pub fn start(data_dir: &Path) {
    let shown = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_filter(EnvFilter::from_default_env());
    let kept = Kept::new(LogFile::new(folder_of(data_dir)))
        .with_filter(filter_fn(|metadata| metadata.target().starts_with(OWN)))
        .with_filter(LevelFilter::INFO);
    if tracing_subscriber::registry().with(shown).with(kept).try_init().is_ok() {
        note_panics();
    }
}

/// A panic's place goes to the log; its message may hold anything and does not.
fn note_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let line = panic.location().map_or(0, std::panic::Location::line);
        let part = panic.location().map_or("", |place| part_of(place.file()));
        tracing::error!(part, line, "A part of the program failed");
        before(panic);
    }));
}

/// The last part of a source file's path: the folders before it are of the machine that built it.
fn part_of(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or_default()
}
