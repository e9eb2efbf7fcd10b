//! What goes wrong, and what to do then.

use std::io;
use std::path::PathBuf;

/// An export that did not come to its end. `E` is the error of the [`crate::Source`]. No message
/// holds a record's contents.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// The profiles could not be read.
    #[error("the profiles to export could not be read")]
    Source(#[source] E),
    /// A record that is none, which means that the storage is damaged.
    #[error(
        "profile {position} of the export is no canonical record: {reason} at byte {byte}; check \
         the storage"
    )]
    Record {
        /// Which one, counted from 1.
        position: u64,
        /// Where in its text, counted from 1; 0 where that is not known.
        byte: usize,
        /// What is wrong, without the record's contents.
        reason: &'static str,
    },
    /// More columns than the format can hold.
    #[error(
        "the profiles need more than {max} columns in this format because their attributes or \
         signals have so many names; select fewer profiles, or export NDJSON or the CSV of \
         observations"
    )]
    Columns {
        /// The limit.
        max: usize,
    },
    /// The second pass met what the first had not seen.
    #[error(
        "profile {position} of the export changed while it was written; export again, nothing is \
         lost"
    )]
    Changed {
        /// Which one, counted from 1.
        position: u64,
    },
    /// The output refused bytes: the disk is full, the connection gone.
    #[error("writing failed after {profiles} profiles; make room or choose another place")]
    Write {
        /// Profiles that were taken in before; some of them may not be written.
        profiles: u64,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The Parquet library refused what it got: a fault of this program.
    #[error("the Parquet file could not be made after {profiles} profiles; export NDJSON or CSV")]
    Parquet {
        /// Profiles that were taken in before.
        profiles: u64,
        /// What the library said.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// Stopped on request.
    #[error("the export was cancelled")]
    Cancelled,
    /// A file of that name is there, and may not be replaced.
    #[error("{} exists; choose another name or allow to replace it", path.display())]
    Exists {
        /// Its path.
        path: PathBuf,
    },
    /// A step on the file itself failed; a file that was there before is untouched.
    #[error("could not {action} {}", path.display())]
    File {
        /// The step, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
